/* scan/unpack.c - see scan/unpack.h. */
#include "scan/unpack.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"

enum {
    IN_BYTES = 64 << 10,
    OUT_BYTES = 64 << 10,
    KEPT_BYTES = 16 << 20, /* of the beginning */
    TAIL_BYTES = 128 << 10,
    WINDOW_LOG = 27, WINDOW_LOG_NESTED = 23, /* of zstd */
};

/* ------------------------------------------------------------------ a stream */

struct stream {
    struct scan *s;
    const struct probe_input *in;
    enum unpack_how how;
    uint64_t begin, end; /* of the packed bytes */
    uint64_t in_next;    /* behind what is in `packed` */
    uint8_t *packed;
    size_t packed_at, packed_n;
    z_stream z;
    bool is_open;
    ZSTD_DCtx *zstd;
    LZ4F_dctx *lz4;
    bool is_between, is_over; /* members of gzip, frames */
    const char *why;          /* it went wrong */
};

static void stream_close(struct stream *t)
{
    if (t->is_open) inflateEnd(&t->z);
    t->is_open = false;
    ZSTD_freeDCtx(t->zstd);
    t->zstd = NULL;
    if (t->lz4) LZ4F_freeDecompressionContext(t->lz4);
    t->lz4 = NULL;
}

static int window_bits(enum unpack_how how) { return how == UNPACK_DEFLATE ? -15 : how == UNPACK_GZIP ? 15 + 16 : 15; }

static bool stream_open(struct stream *t, struct err *e)
{
    stream_close(t);
    t->in_next = t->begin;
    t->packed_at = t->packed_n = 0;
    t->is_between = t->is_over = false;
    t->why = NULL;
    bool ok;
    if (t->how == UNPACK_ZSTD) {
        t->zstd = ZSTD_createDCtx();
        ok = t->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(t->zstd, ZSTD_d_windowLogMax, t->in->depth ? WINDOW_LOG_NESTED : WINDOW_LOG));
    } else if (t->how == UNPACK_LZ4) ok = !LZ4F_isError(LZ4F_createDecompressionContext(&t->lz4, LZ4F_VERSION));
    else {
        t->z = (z_stream){ 0 };
        ok = t->is_open = inflateInit2(&t->z, window_bits(t->how)) == Z_OK;
    }
    return ok || err_set(e, ERR_BUSY, "there is no memory to unpack what is scanned; try again later");
}

static bool fill(struct stream *t, struct err *e)
{
    if (t->packed_at < t->packed_n || t->in_next == t->end) return true;
    uint64_t left = t->end - t->in_next;
    size_t n = left < IN_BYTES ? (size_t)left : IN_BYTES;
    if (!scan_read(t->s, t->in, t->in_next, t->packed, n, e)) return false;
    t->in_next += n;
    t->packed_at = 0;
    t->packed_n = n;
    return true;
}

/* What stands behind the end of a member: another one, as Python's readers take it, or nothing of ours. */
static void next_member(struct stream *t)
{
    t->is_between = true;
    t->is_over = t->how == UNPACK_DEFLATE || inflateReset2(&t->z, window_bits(t->how)) != Z_OK;
}

static void inflate_step(struct stream *t, uint8_t *out, size_t n, size_t *got)
{
    bool was_between = t->is_between;
    t->z.next_in = t->packed + t->packed_at;
    t->z.avail_in = (uInt)(t->packed_n - t->packed_at);
    t->z.next_out = out;
    t->z.avail_out = (uInt)n;
    int r = inflate(&t->z, Z_NO_FLUSH);
    *got = n - t->z.avail_out;
    t->is_between = t->is_between && !*got;
    t->packed_at = t->packed_n - t->z.avail_in;
    if (r == Z_STREAM_END) next_member(t);
    else if (r != Z_OK && r != Z_BUF_ERROR) {
        t->is_over = true;
        if (r == Z_DATA_ERROR && t->z.msg && (strstr(t->z.msg, "data check") || strstr(t->z.msg, "length check"))) return; /* a checksum: loaders may not look */
        t->why = was_between && !*got ? NULL : "it is damaged";
    }
}

static void zstd_step(struct stream *t, uint8_t *out, size_t n, size_t *got)
{
    ZSTD_inBuffer from = { t->packed, t->packed_n, t->packed_at };
    ZSTD_outBuffer to = { out, n, 0 };
    size_t r = ZSTD_decompressStream(t->zstd, &to, &from);
    *got = to.pos;
    t->packed_at = from.pos;
    if (ZSTD_isError(r)) {
        t->is_over = true;
        t->why = t->is_between ? NULL : "it is damaged, or wants more memory than is given";
    } else t->is_between = r == 0;
}

static void lz4_step(struct stream *t, uint8_t *out, size_t n, size_t *got)
{
    size_t used = t->packed_n - t->packed_at;
    *got = n;
    size_t r = LZ4F_decompress(t->lz4, out, got, t->packed + t->packed_at, &used, NULL);
    if (LZ4F_isError(r)) {
        *got = 0;
        t->is_over = true;
        t->why = t->is_between ? NULL : "it is damaged";
        return;
    }
    t->packed_at += used;
    t->is_between = r == 0;
}

/* The next up to n bytes; none: it is over. */
static bool stream_read(struct stream *t, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    *got = 0;
    while (!*got && !t->is_over) {
        if (!fill(t, e)) return false;
        bool is_dry = t->packed_at == t->packed_n;
        size_t before = t->packed_at;
        if (is_dry && t->is_between) t->is_over = true;
        else if (t->how == UNPACK_ZSTD) zstd_step(t, out, n, got);
        else if (t->how == UNPACK_LZ4) lz4_step(t, out, n, got);
        else inflate_step(t, out, n, got);
        if (!*got && !t->is_over && is_dry && t->packed_at == before) {
            t->is_over = true;
            t->why = "it ends early";
        }
    }
    return true;
}

/* ------------------------------------------------------------------ as a content */

struct unpacked {
    struct stream stream;
    uint8_t *kept;
    size_t kept_n, kept_cap;
    uint8_t *tail; /* the last TAIL_BYTES, round and round */
    uint64_t size, at; /* `at`: where the stream stands, when read again */
    bool is_again, is_spent;
};

static void keep(struct unpacked *u, const uint8_t *p, size_t n)
{
    size_t room = KEPT_BYTES - u->kept_n, take = n < room ? n : room;
    if (take > u->kept_cap - u->kept_n) {
        size_t cap = u->kept_cap ? u->kept_cap : OUT_BYTES;
        while (cap < u->kept_n + take) cap *= 2;
        u->kept = mem_grow(u->kept, cap);
        u->kept_cap = cap;
    }
    if (take) memcpy(u->kept + u->kept_n, p, take);
    u->kept_n += take;
    if (u->kept_n == KEPT_BYTES && !u->tail) u->tail = mem_alloc(TAIL_BYTES);
    for (size_t i = 0; u->tail && i < n;) {
        size_t at = (size_t)((u->size + i) % TAIL_BYTES), some = n - i < TAIL_BYTES - at ? n - i : TAIL_BYTES - at;
        memcpy(u->tail + at, p + i, some);
        i += some;
    }
    u->size += n;
}

static bool unpack_all(struct unpacked *u, struct err *e)
{
    uint8_t *out = mem_alloc(OUT_BYTES);
    bool ok = stream_open(&u->stream, e);
    for (size_t got = 1; ok && got;) {
        ok = stream_read(&u->stream, out, OUT_BYTES, &got, e);
        if (!ok || !got) break;
        keep(u, out, got);
        if (scan_may_unpack(u->stream.s, got)) continue;
        u->stream.why = "it unpacks to more than is looked at";
        break;
    }
    mem_free(out);
    return ok;
}

/* Forward to `at`, from the beginning if need be. */
static bool go_to(struct unpacked *u, uint64_t at, struct err *e)
{
    uint8_t *unused = NULL;
    bool ok = true;
    if (!u->is_again || at < u->at) {
        if (!stream_open(&u->stream, e)) return false;
        u->is_again = true;
        u->at = 0;
    }
    if (u->at < at) unused = mem_alloc(OUT_BYTES);
    while (ok && u->at < at) {
        size_t n = at - u->at < OUT_BYTES ? (size_t)(at - u->at) : OUT_BYTES, got;
        ok = stream_read(&u->stream, unused, n, &got, e) && (got || err_set(e, ERR_IO, "the file changed while it was scanned"));
        u->at += ok ? got : 0;
        u->is_spent = ok && !scan_may_unpack_again(u->stream.s, got);
        if (u->is_spent) ok = err_set(e, ERR_TOO_LARGE, "what is packed takes too long to read");
    }
    mem_free(unused);
    return ok;
}

static bool unpacked_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    struct unpacked *u = ctx;
    uint8_t *to = out;
    if (at < u->kept_n) {
        size_t take = n < u->kept_n - at ? n : u->kept_n - (size_t)at;
        memcpy(to, u->kept + at, take);
        to += take;
        at += take;
        n -= take;
    }
    if (n && u->size - at <= TAIL_BYTES) {
        for (size_t i = 0; i < n; i++) to[i] = u->tail[(at + i) % TAIL_BYTES];
        return true;
    }
    if (n && !go_to(u, at, e)) return false;
    while (n) {
        size_t got;
        if (!stream_read(&u->stream, to, n, &got, e)) return false;
        if (!got) return err_set(e, ERR_IO, "the file changed while it was scanned");
        u->at += got;
        to += got;
        n -= got;
        u->is_spent = !scan_may_unpack_again(u->stream.s, got);
        if (u->is_spent) return err_set(e, ERR_TOO_LARGE, "what is packed takes too long to read");
    }
    return true;
}

bool unpack_nested(struct scan *s, const struct probe_input *in, enum unpack_how how, uint64_t at, uint64_t n, uint64_t least, str name, struct unpack_result *out,
                   struct err *e)
{
    struct unpacked u = { .stream = { .s = s, .in = in, .how = how, .begin = at, .end = at + n } };
    u.stream.packed = mem_alloc(IN_BYTES);
    bool ok = unpack_all(&u, e);
    *out = (struct unpack_result){ u.size, u.stream.in_next - at - (u.stream.packed_n - u.stream.packed_at), u.stream.why };
    stream_close(&u.stream);
    if (ok && u.size >= least) {
        struct scan_source content = { .size_bytes = u.size, .read = unpacked_read, .ctx = &u };
        ok = scan_nested(s, in, &content, name, e);
        if (!ok && u.is_spent && e->code == ERR_TOO_LARGE) {
            ok = true;
            out->why = "it takes too long to read";
        }
    }
    stream_close(&u.stream);
    mem_free(u.stream.packed);
    mem_free(u.kept);
    mem_free(u.tail);
    return ok;
}
