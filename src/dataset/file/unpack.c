/* dataset/file/unpack.c - unpacks gzip (zlib) and zstd as streams, and takes points from which it can be done again.
 *
 * A point within a member of gzip is what zlib's examples/zran.c takes: how many bits of the last byte belong to the next block, and the 32 KiB to which blocks
 * refer.  From there on the member is a raw stream, whose checksum is not looked at. */
#include <zlib.h>
#include <zstd.h>

#include "dataset/file/unpack.h"

enum { IN_BYTES = 1 << 20, OUT_BYTES = 64 << 10, IDLE_BYTES_MAX = 64 << 20, RAW = -15, GZIP = 15 + 16, TRAILER_BYTES = 8, ZSTD_WINDOW_LOG_MAX = 27 };
#define PASSED_BYTES_MAX ((uint64_t)4 << 30) /* on the way from a point */

struct unpack {
    const struct parquet_source *source; /* NULL: none yet */
    enum packing how;
    struct unpack_points *points;
    struct arena *a; /* of the points */
    uint8_t *in;
    size_t in_at, in_n;
    uint64_t packed_at, at; /* behind in[in_n]; what was unpacked */
    bool is_open, is_over;
    bool is_raw;            /* gzip: begun within a member */
    bool is_between;        /* zstd: at the beginning of a frame, or the end */
    z_stream z;
    ZSTD_DCtx *zstd;
};

enum packing packing_of(str *path)
{
    static const struct { const char *ending; enum packing how; } known[] = { { ".gz", PACKED_GZIP }, { ".zst", PACKED_ZSTD } };
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_ends_nocase(*path, str_c(known[i].ending))) {
            *path = str_to(*path, path->n - strlen(known[i].ending));
            return known[i].how;
        }
    return PACKED_NOT;
}

static void close_stream(struct unpack *u)
{
    if (u->is_open) inflateEnd(&u->z);
    ZSTD_freeDCtx(u->zstd); /* its window may be large */
    u->zstd = NULL;
    u->is_open = false;
}

static void destroy(void *ctx)
{
    struct unpack *u = ctx;
    close_stream(u);
    mem_free(u->in);
}

struct unpack *unpack_new(struct arena *a)
{
    struct unpack *u = arena_one(a, struct unpack);
    arena_on_free(a, destroy, u);
    return u;
}

void unpack_aim(struct unpack *u, const struct parquet_source *source, enum packing how, struct unpack_points *points, struct arena *a)
{
    if (u->source == source) return;
    close_stream(u);
    u->source = source;
    u->how = how;
    u->points = points;
    u->a = a;
}

/* ------------------------------------------------------------------ points */

static void add_point(struct unpack *u, unsigned bits, bool wants_window)
{
    struct unpack_points *p = u->points;
    if (u->at < (p->n ? p->point[p->n - 1].at + p->step : p->step)) return;
    if (p->n == UNPACK_POINTS_MAX) { /* every other one goes */
        for (size_t i = 0; i < p->n / 2; i++) {
            struct unpack_point spare = p->point[i];
            p->point[i] = p->point[2 * i + 1];
            p->point[2 * i + 1] = spare; /* its window serves again */
        }
        p->n /= 2;
        p->step *= 2;
        if (u->at < p->point[p->n - 1].at + p->step) return;
    }
    if (!p->point) p->point = arena_alloc(u->a, UNPACK_POINTS_MAX * sizeof *p->point);
    struct unpack_point *one = &p->point[p->n++];
    uInt window_bytes = 0;
    *one = (struct unpack_point){ .at = u->at, .packed_at = u->packed_at - (u->in_n - u->in_at), .bits = (uint8_t)bits, .window = one->window };
    if (!wants_window) return;
    if (!one->window) one->window = arena_alloc(u->a, UNPACK_WINDOW_BYTES);
    inflateGetDictionary(&u->z, one->window, &window_bytes);
    one->window_bytes = window_bytes;
}

static const struct unpack_point *point_before(const struct unpack_points *p, uint64_t at)
{
    static const struct unpack_point beginning;
    const struct unpack_point *best = &beginning;
    for (size_t i = 0; i < p->n && p->point[i].at <= at; i++) best = &p->point[i];
    return best;
}

/* ------------------------------------------------------------------ the stream */

static bool fill(struct unpack *u, struct err *e)
{
    uint64_t there = u->source->size_bytes - u->packed_at;
    size_t n = there < IN_BYTES ? (size_t)there : IN_BYTES;
    if (u->in_at < u->in_n || !n) return true;
    if (!u->in) u->in = mem_alloc(IN_BYTES);
    if (!u->source->read(u->source->ctx, u->packed_at, u->in, n, e)) return false;
    u->packed_at += n;
    u->in_at = 0;
    u->in_n = n;
    return true;
}

static bool out_of_memory(struct err *e) { return err_set(e, ERR_BUSY, "there is no memory to unpack the file; try again later"); }

static bool open_at(struct unpack *u, const struct unpack_point *p, struct err *e)
{
    close_stream(u);
    u->in_at = u->in_n = 0;
    u->packed_at = p->packed_at - (p->bits > 0);
    u->at = p->at;
    u->is_over = u->is_raw = false;
    u->is_between = true;
    if (u->how == PACKED_ZSTD) {
        u->zstd = ZSTD_createDCtx();
        return u->zstd ? !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)) || err_set(e, ERR_INTERNAL, "zstd refuses its own setting")
                       : out_of_memory(e);
    }
    u->z = (z_stream){ 0 };
    u->is_raw = p->window_bytes > 0;
    if (inflateInit2(&u->z, u->is_raw ? RAW : GZIP) != Z_OK) return out_of_memory(e);
    u->is_open = true;
    if (!u->is_raw) return true;
    if (!fill(u, e)) return false;
    if (p->bits) {
        if (u->in_at == u->in_n) return err_set(e, ERR_IO, "the file ends early");
        inflatePrime(&u->z, p->bits, u->in[u->in_at++] >> (8 - p->bits));
    }
    return inflateSetDictionary(&u->z, p->window, (uInt)p->window_bytes) == Z_OK || err_set(e, ERR_INTERNAL, "zlib refuses its own window");
}

/* Behind a member stands another one, or nothing, or a few zeros. */
static bool next_member(struct unpack *u, struct err *e)
{
    for (size_t i = 0; u->is_raw && i < TRAILER_BYTES; i++) {
        if (!fill(u, e)) return false;
        if (u->in_at == u->in_n) return err_set(e, ERR_UNPROCESSABLE, "the packed file ends early");
        u->in_at++;
    }
    if (!fill(u, e)) return false;
    size_t i = u->in_at;
    if (u->packed_at == u->source->size_bytes)
        while (i < u->in_n && !u->in[i]) i++;
    u->is_over = i == u->in_n;
    u->is_raw = false;
    if (u->is_over) return true;
    add_point(u, 0, false);
    return inflateReset2(&u->z, GZIP) == Z_OK || err_set(e, ERR_INTERNAL, "zlib does not begin again");
}

static bool gzip_step(struct unpack *u, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    u->z.next_in = u->in + u->in_at;
    u->z.avail_in = (uInt)(u->in_n - u->in_at);
    u->z.next_out = out;
    u->z.avail_out = (uInt)n;
    bool ends = !u->z.avail_in;
    int r = inflate(&u->z, Z_BLOCK);
    *got = n - u->z.avail_out;
    u->in_at = u->in_n - u->z.avail_in;
    u->at += *got;
    if (r == Z_STREAM_END) return next_member(u, e);
    if (r == Z_MEM_ERROR) return out_of_memory(e);
    if (r != Z_OK && r != Z_BUF_ERROR)
        return err_set(e, ERR_UNPROCESSABLE, "it is no gzip from byte %llu on: %s", (unsigned long long)(u->packed_at - u->z.avail_in), u->z.msg ? u->z.msg : "it is damaged");
    if (ends && !*got) return err_set(e, ERR_UNPROCESSABLE, "the packed file ends early");
    bool is_at_block = (u->z.data_type & 128) && !(u->z.data_type & 64);
    if (is_at_block && u->at) add_point(u, (unsigned)u->z.data_type & 7, true);
    return true;
}

static bool zstd_step(struct unpack *u, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    ZSTD_inBuffer in = { u->in, u->in_n, u->in_at };
    ZSTD_outBuffer to = { out, n, 0 };
    bool ends = u->in_at == u->in_n;
    if (ends && u->is_between) {
        u->is_over = true;
        return true;
    }
    if (u->is_between) add_point(u, 0, false);
    size_t r = ZSTD_decompressStream(u->zstd, &to, &in);
    if (ZSTD_isError(r))
        return err_set(e, ERR_UNPROCESSABLE, "it is no zstd from byte %llu on: %s", (unsigned long long)(u->packed_at - (u->in_n - in.pos)), ZSTD_getErrorName(r));
    u->in_at = in.pos;
    u->at += *got = to.pos;
    u->is_between = r == 0;
    return !ends || *got || u->is_between || err_set(e, ERR_UNPROCESSABLE, "the packed file ends early");
}

/* The next n bytes, or up to the end. */
static bool go_on(struct unpack *u, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    uint64_t from = u->packed_at;
    *got = 0;
    while (*got < n && !u->is_over) {
        size_t some = 0;
        if (!fill(u, e) || !(u->how == PACKED_ZSTD ? zstd_step : gzip_step)(u, out + *got, n - *got, &some, e)) return false;
        *got += some;
        if (u->packed_at - from > IDLE_BYTES_MAX) return err_set(e, ERR_UNPROCESSABLE, "%d MiB of the packed file hold next to nothing", IDLE_BYTES_MAX >> 20);
    }
    if (u->at > u->points->reached) {
        u->points->reached = u->at;
        u->points->packed_reached = u->packed_at - (u->in_n - u->in_at);
    }
    return true;
}

static bool pass(struct unpack *u, uint64_t at, struct err *e)
{
    uint8_t ignored[OUT_BYTES];
    if (at - u->at > PASSED_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "this lies %llu GiB behind the last place from which the file can be unpacked; download it", (unsigned long long)((at - u->at) >> 30));
    while (u->at < at && !u->is_over) {
        size_t n = at - u->at < OUT_BYTES ? (size_t)(at - u->at) : OUT_BYTES, got;
        if (!go_on(u, ignored, n, &got, e)) return false;
    }
    return true;
}

bool unpack_read(struct unpack *u, uint64_t at, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    const struct unpack_point *p = point_before(u->points, at);
    bool is_ahead = (u->is_open || u->zstd) && u->at <= at && u->at >= p->at;
    *got = 0;
    bool ok = (is_ahead || open_at(u, p, e)) && pass(u, at, e) && go_on(u, out, n, got, e);
    if (!ok) close_stream(u);
    return ok;
}

/* ------------------------------------------------------------------ to be kept */

static void put_u64(struct buf *out, uint64_t v)
{
    char b[8];
    for (int i = 0; i < 8; i++) b[i] = (char)(v >> 8 * i);
    buf_add(out, str_n(b, 8));
}

static bool take_u64(bytes *b, uint64_t *v)
{
    if (b->n < 8) return false;
    *v = 0;
    for (int i = 8; i-- > 0;) *v = *v << 8 | b->p[i];
    *b = (bytes){ b->p + 8, b->n - 8 };
    return true;
}

/* step, reached, packed_reached, how many points; of each at, packed_at, bits, bytes of its window, and these.  8 bytes each, the lowest first. */
void unpack_points_format(const struct unpack_points *p, struct buf *out)
{
    put_u64(out, p->step);
    put_u64(out, p->reached);
    put_u64(out, p->packed_reached);
    put_u64(out, p->n);
    for (size_t i = 0; i < p->n; i++) {
        put_u64(out, p->point[i].at);
        put_u64(out, p->point[i].packed_at);
        put_u64(out, p->point[i].bits);
        put_u64(out, p->point[i].window_bytes);
        buf_add(out, str_n((const char *)p->point[i].window, p->point[i].window_bytes));
    }
}

bool unpack_points_parse(bytes b, uint64_t packed_bytes, struct arena *a, struct unpack_points *out)
{
    struct unpack_points x = { 0 };
    uint64_t n, bits, window_bytes, at = 0, packed_at = 0;
    if (!take_u64(&b, &x.step) || !take_u64(&b, &x.reached) || !take_u64(&b, &x.packed_reached) || !take_u64(&b, &n)) return false;
    if (x.step < UNPACK_STEP_BYTES || x.packed_reached > packed_bytes || n > UNPACK_POINTS_MAX) return false;
    if (n) x.point = arena_alloc(a, UNPACK_POINTS_MAX * sizeof *x.point);
    for (; x.n < n; x.n++) {
        struct unpack_point *p = &x.point[x.n];
        if (!take_u64(&b, &p->at) || !take_u64(&b, &p->packed_at) || !take_u64(&b, &bits) || !take_u64(&b, &window_bytes)) return false;
        if (p->at <= at || p->packed_at <= packed_at || p->at > x.reached || p->packed_at > x.packed_reached) return false;
        if (bits > 7 || window_bytes > UNPACK_WINDOW_BYTES || window_bytes > b.n) return false;
        at = p->at;
        packed_at = p->packed_at;
        p->bits = (uint8_t)bits;
        p->window_bytes = (size_t)window_bytes;
        p->window = arena_alloc(a, UNPACK_WINDOW_BYTES);
        if (window_bytes) memcpy(p->window, b.p, p->window_bytes);
        b = (bytes){ b.p + window_bytes, b.n - window_bytes };
    }
    *out = x;
    return b.n == 0;
}
