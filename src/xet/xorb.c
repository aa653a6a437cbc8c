/* xorb.c - reading uploads of xorbs piece by piece, and writing xorbs.
 *
 * The reader is a push parser: header, payload, header, ... and then perhaps a footer.  A payload that lies whole in
 * what was given is decoded where it is; only one that spans calls is gathered.  So a body of 64 MiB needs no second
 * copy, and nothing larger than one chunk is ever held raw.
 *
 * Chunks are hashed many at once: those that lie whole, and raw, in what one call was given.
 *
 * Invariants: `total` counts all bytes taken; the index holds the complete frames alone, and stored_end[count-1] is
 * where the frame under way begins; nothing is decoded before its header's limits were checked;
 * a chunk that waits to be hashed is in the list only afterwards, and hold[] and raw[] keep what they have until then. */
#include "xet/xorb.h"

#include "xet/xorb_priv.h"

enum { BATCH = 8 }; /* about 512 KiB of middling chunks: they fill the lanes of the hash */
enum reader_state { AT_HEADER, AT_PAYLOAD, AT_FOOTER };

struct xet_xorb_reader {
    enum reader_state state;
    bool failed;
    uint64_t total;
    struct xet_frame frame;
    uint32_t held; /* bytes in hold[] of what is under way */
    bytes waiting[BATCH]; /* chunks that were taken and are not hashed yet; none between calls */
    uint32_t waiting_stored[BATCH], waiting_count;
    struct xet_xorb_list list;
    struct xet_merkle tree;
    uint8_t hold[XET_PAYLOAD_MAX];
    uint8_t raw[XET_CHUNK_MAX], scratch[XET_CHUNK_MAX];
    struct buf footer;
};

struct xet_xorb_reader *xet_xorb_reader_new(void)
{
    struct xet_xorb_reader *r = mem_one(struct xet_xorb_reader);
    xet_merkle_init(&r->tree);
    buf_init(&r->footer, XET_FOOTER_BYTES_MAX);
    return r;
}

void xet_xorb_reader_free(struct xet_xorb_reader *r)
{
    if (!r) return;
    buf_deinit(&r->footer);
    mem_free(r);
}

static uint32_t chunks_taken(const struct xet_xorb_reader *r) { return r->list.count + r->waiting_count; }

/* Hashes and lists what waits. */
static void hash_waiting(struct xet_xorb_reader *r)
{
    struct xet_hash hash[BATCH];
    if (r->waiting_count == 0) return;
    xet_chunk_hash_many(r->waiting, r->waiting_count, hash);
    for (uint32_t i = 0; i < r->waiting_count; i++) {
        xet_merkle_add(&r->tree, &hash[i], r->waiting[i].n);
        xet_xorb_list_add(&r->list, &hash[i], r->waiting_stored[i], (uint32_t)r->waiting[i].n);
    }
    r->waiting_count = 0;
}

/* Takes a whole payload and decodes it. */
static bool take_payload(struct xet_xorb_reader *r, bytes payload, struct err *e)
{
    bytes raw;
    bool in_place = r->frame.scheme == XET_SCHEME_RAW && payload.p != r->hold;
    if (!in_place) hash_waiting(r); /* raw[] may be in use */
    if (!xet_frame_decode(&r->frame, payload, r->raw, r->scratch, &raw, e)) return err_context(e, "chunk %u", chunks_taken(r));
    r->waiting[r->waiting_count] = raw;
    r->waiting_stored[r->waiting_count++] = XET_FRAME_HEADER + r->frame.payload_bytes;
    if (!in_place || r->waiting_count == BATCH) hash_waiting(r);
    return true;
}

/* A header is complete in hold[]: the next frame, or the footer's beginning. */
static bool take_header(struct xet_xorb_reader *r, struct err *e)
{
    r->held = 0;
    if (memcmp(r->hold, "XETBLOB", 7) == 0) { /* a frame begins with its version, 0, so the two cannot be confused */
        if (chunks_taken(r) == 0) return err_set(e, ERR_INVALID, "a xorb without chunks");
        r->state = AT_FOOTER;
        buf_add(&r->footer, str_n((const char *)r->hold, XET_FRAME_HEADER));
        return true;
    }
    if (chunks_taken(r) == XET_XORB_CHUNKS_MAX)
        return err_set(e, ERR_INVALID, "a xorb of more than %d chunks", XET_XORB_CHUNKS_MAX);
    if (!xet_frame_parse(r->hold, &r->frame, e)) return err_context(e, "chunk %u", chunks_taken(r));
    r->state = AT_PAYLOAD;
    return true;
}

/* Moves bytes from the front of *in to hold[] until it has `want`. */
static bool gather(struct xet_xorb_reader *r, bytes *in, uint32_t want)
{
    size_t n = want - r->held < in->n ? want - r->held : in->n;
    memcpy(r->hold + r->held, in->p, n);
    r->held += (uint32_t)n;
    in->p += n, in->n -= n;
    return r->held == want;
}

static bool step(struct xet_xorb_reader *r, bytes *in, struct err *e)
{
    uint32_t want = r->frame.payload_bytes;
    bytes payload;
    switch (r->state) {
    case AT_HEADER: return !gather(r, in, XET_FRAME_HEADER) || take_header(r, e);
    case AT_PAYLOAD:
        if (r->held == 0 && in->n >= want) {
            payload = (bytes){ in->p, want };
            in->p += want, in->n -= want;
        } else {
            if (!gather(r, in, want)) return true;
            payload = (bytes){ r->hold, want };
        }
        r->held = 0;
        r->state = AT_HEADER;
        return take_payload(r, payload, e);
    case AT_FOOTER:
        buf_add(&r->footer, str_of(*in));
        in->n = 0;
        return !r->footer.failed || err_set(e, ERR_INVALID, "the footer is longer than any xorb's");
    }
    return false;
}

bool xet_xorb_reader_add(struct xet_xorb_reader *r, bytes in, struct err *e)
{
    if (r->failed) return err_set(e, ERR_INVALID, "the xorb was refused before");
    r->total += in.n;
    if (r->total > XET_XORB_BYTES_MAX) {
        r->failed = true;
        return err_set(e, ERR_TOO_LARGE, "a xorb of more than %d bytes", XET_XORB_BYTES_MAX);
    }
    while (in.n > 0 && !r->failed) r->failed = !step(r, &in, e);
    hash_waiting(r); /* before `in` goes */
    return !r->failed;
}

size_t xet_xorb_reader_whole(const struct xet_xorb_reader *r, bytes in)
{
    size_t n = 0;
    if (r->state != AT_HEADER || r->held > 0) return in.n;
    while (in.n - n >= XET_FRAME_HEADER) {
        struct xet_frame f;
        struct err ignored; /* whoever is given the frame sees it again */
        if (!xet_frame_parse(in.p + n, &f, &ignored)) return in.n;
        if (f.payload_bytes > in.n - n - XET_FRAME_HEADER) break;
        n += XET_FRAME_HEADER + f.payload_bytes;
    }
    return n;
}

/* The footer must say what the frames said. */
static bool footer_agrees(const struct xet_xorb_index *is, const struct xet_xorb_index *says, struct err *e)
{
    if (says->count != is->count || !xet_hash_eq(&says->hash, &is->hash) ||
        memcmp(says->chunk, is->chunk, is->count * sizeof *is->chunk) != 0 ||
        memcmp(says->stored_end, is->stored_end, is->count * sizeof *is->stored_end) != 0 ||
        (says->raw_end && memcmp(says->raw_end, is->raw_end, is->count * sizeof *is->raw_end) != 0))
        return err_set(e, ERR_INVALID, "the footer of the xorb does not agree with its chunks");
    return true;
}

bool xet_xorb_reader_end(struct xet_xorb_reader *r, const struct xet_hash *expected, struct arena *a,
                         struct xet_xorb_index *out, uint32_t *frames_bytes, struct err *e)
{
    struct xet_hash root;
    struct xet_xorb_index claim;
    if (r->failed) return err_set(e, ERR_INVALID, "the xorb was refused before");
    r->failed = true; /* nothing may follow */
    if (r->state == AT_PAYLOAD || r->held > 0) return err_set(e, ERR_INVALID, "the xorb ends inside chunk %u", r->list.count);
    if (r->list.count == 0) return err_set(e, ERR_INVALID, "a xorb without chunks");
    xet_merkle_root(&r->tree, &root);
    if (expected && !xet_hash_eq(expected, &root)) {
        char is[XET_HASH_HEX + 1];
        xet_hash_hex(&root, is);
        return err_set(e, ERR_INVALID, "the chunks make xorb %s, not the one named", is);
    }
    xet_xorb_list_end(&r->list, &root, a, out);
    *frames_bytes = xet_stored_at(out, out->count);
    if (r->state != AT_FOOTER) return true;
    return xet_footer_parse(bytes_of(buf_str(&r->footer)), *frames_bytes, a, &claim, e) && footer_agrees(out, &claim, e);
}

/* ------------------------------------------------------------------ lists */

void xet_xorb_list_add(struct xet_xorb_list *l, const struct xet_hash *hash, uint32_t stored_bytes, uint32_t raw_bytes)
{
    uint32_t i = l->count++;
    must(i < XET_XORB_CHUNKS_MAX);
    l->chunk[i] = *hash;
    l->stored_end[i] = (i ? l->stored_end[i - 1] : 0) + stored_bytes;
    l->raw_end[i] = (i ? l->raw_end[i - 1] : 0) + raw_bytes; /* 8192 chunks of 128 KiB are 1 GiB */
}

void xet_xorb_list_end(const struct xet_xorb_list *l, const struct xet_hash *root, struct arena *a, struct xet_xorb_index *out)
{
    struct xet_hash *chunk = arena_alloc(a, l->count * sizeof *chunk);
    uint32_t *stored_end = arena_alloc(a, l->count * sizeof *stored_end), *raw_end = arena_alloc(a, l->count * sizeof *raw_end);
    memcpy(chunk, l->chunk, l->count * sizeof *chunk);
    memcpy(stored_end, l->stored_end, l->count * sizeof *stored_end);
    memcpy(raw_end, l->raw_end, l->count * sizeof *raw_end);
    *out = (struct xet_xorb_index){ *root, l->count, chunk, stored_end, raw_end };
}

/* ------------------------------------------------------------------ writing */

struct xet_xorb_writer {
    struct xet_xorb_list list;
    struct xet_merkle tree;
    uint8_t scratch[XET_CHUNK_MAX];
};

struct xet_xorb_writer *xet_xorb_writer_new(void)
{
    struct xet_xorb_writer *w = mem_one(struct xet_xorb_writer);
    xet_merkle_init(&w->tree);
    return w;
}
void xet_xorb_writer_free(struct xet_xorb_writer *w) { mem_free(w); }
uint32_t xet_xorb_writer_count(const struct xet_xorb_writer *w) { return w->list.count; }

bool xet_xorb_writer_fits(const struct xet_xorb_writer *w, size_t raw_bytes)
{
    const struct xet_xorb_list *l = &w->list;
    if (l->count == 0) return true;
    if (l->count == XET_XORB_CHUNKS_MAX) return false;
    size_t stored = l->stored_end[l->count - 1] + XET_FRAME_HEADER + raw_bytes;
    return l->raw_end[l->count - 1] + raw_bytes <= XET_XORB_RAW_TARGET &&
           stored + XET_FOOTER_BYTES(l->count + 1) <= XET_XORB_RAW_TARGET;
}

const struct xet_hash *xet_xorb_writer_hashes(const struct xet_xorb_writer *w) { return w->list.chunk; }

size_t xet_xorb_writer_put(struct xet_xorb_writer *w, bytes raw, const struct xet_hash *hash, enum xet_scheme scheme,
                           uint8_t *out)
{
    must(xet_xorb_writer_fits(w, raw.n));
    size_t n = xet_frame_encode(raw, scheme, out, w->scratch);
    xet_merkle_add(&w->tree, hash, raw.n);
    xet_xorb_list_add(&w->list, hash, (uint32_t)n, (uint32_t)raw.n);
    return n;
}

void xet_xorb_writer_end(struct xet_xorb_writer *w, struct arena *a, struct xet_xorb_index *index)
{
    struct xet_hash root;
    xet_merkle_root(&w->tree, &root);
    xet_xorb_list_end(&w->list, &root, a, index);
    w->list.count = 0;
    xet_merkle_init(&w->tree);
}
