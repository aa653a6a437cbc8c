/* footer.c - the footer of a xorb (n = chunks).
 *
 *   version 1: XETBLOB 1, xorb hash
 *              XBLBHSH 0, u32 n, n hashes
 *              XBLBBND 1, u32 n, n x u32 stored ends, n x u32 raw ends   (section version 0: no raw ends)
 *              u32 n, u32 back to XBLBHSH, u32 back to XBLBBND, 16 bytes (a nonce that nobody hashes, zeros)
 *   version 0: XETBLOB 0, xorb hash, u32 n, n x u32 stored ends, n hashes, 16 zero bytes
 *   behind both: u32 length of the footer, which does not count itself
 *
 * "Back to" counts from the end of the footer, without the length word. */
#include "xet/xorb_priv.h"
#include "xet/little.h"

struct cursor {
    bytes at;
    bool bad; /* stays set after a read past the end or a mismatch */
};

static const uint8_t *take(struct cursor *c, size_t n)
{
    static const uint8_t nothing[32];
    if (c->bad || c->at.n < n) {
        c->bad = true;
        must(n <= sizeof nothing);
        return nothing;
    }
    const uint8_t *p = c->at.p;
    c->at.p += n, c->at.n -= n;
    return p;
}
static uint32_t u32(struct cursor *c) { return little32(take(c, 4)); }
static void must_be(struct cursor *c, uint32_t got, uint32_t want) { c->bad |= got != want; }
static uint8_t section(struct cursor *c, const char *name)
{
    const uint8_t *p = take(c, 8);
    c->bad |= memcmp(p, name, 7) != 0;
    return p[7];
}

/* n is known to fit what is left, so these sizes come from us. */
static const struct xet_hash *hashes(struct cursor *c, uint32_t n, struct arena *a)
{
    struct xet_hash *out = arena_alloc(a, n * sizeof *out);
    for (uint32_t i = 0; i < n; i++) memcpy(out[i].b, take(c, 32), 32);
    return out;
}
static const uint32_t *numbers(struct cursor *c, uint32_t n, struct arena *a)
{
    uint32_t *out = arena_alloc(a, n * sizeof *out);
    for (uint32_t i = 0; i < n; i++) out[i] = u32(c);
    return out;
}

static uint32_t count_of_chunks(struct cursor *c)
{
    uint32_t n = u32(c);
    if (n == 0 || n > XET_XORB_CHUNKS_MAX) c->bad = true;
    return c->bad ? 0 : n;
}

static void read_version_1(struct cursor *c, struct arena *a, struct xet_xorb_index *out)
{
    must_be(c, section(c, "XBLBHSH"), 0);
    uint32_t n = out->count = count_of_chunks(c);
    out->chunk = hashes(c, n, a);
    uint8_t version = section(c, "XBLBBND");
    c->bad |= version > 1;
    must_be(c, u32(c), n);
    out->stored_end = numbers(c, n, a);
    if (version == 1) out->raw_end = numbers(c, n, a);
    uint32_t bounds = 12 + n * (version == 1 ? 8 : 4), tail = 12 + 16;
    must_be(c, u32(c), n);
    must_be(c, u32(c), 12 + 32 * n + bounds + tail);
    must_be(c, u32(c), bounds + tail);
    (void)take(c, 16);
}

static void read_version_0(struct cursor *c, struct arena *a, struct xet_xorb_index *out)
{
    uint32_t n = out->count = count_of_chunks(c);
    out->stored_end = numbers(c, n, a);
    out->chunk = hashes(c, n, a);
    (void)take(c, 16);
}

static bool rises(const uint32_t *end, uint32_t n, uint32_t step_min)
{
    for (uint32_t i = 0, before = 0; i < n; before = end[i++])
        if (end[i] < before || end[i] - before < step_min) return false;
    return true;
}

bool xet_footer_parse(bytes footer, uint32_t frames_bytes, struct arena *a, struct xet_xorb_index *out, struct err *e)
{
    struct cursor c = { footer, false };
    *out = (struct xet_xorb_index){ .count = 0 };
    uint8_t version = section(&c, "XETBLOB");
    memcpy(out->hash.b, take(&c, 32), 32);
    if (c.bad || version > 1) return err_set(e, ERR_INVALID, "a xorb's footer of an unknown kind");
    if (version == 1) read_version_1(&c, a, out);
    else read_version_0(&c, a, out);
    must_be(&c, u32(&c), (uint32_t)(footer.n - 4));
    if (c.bad || c.at.n > 0) return err_set(e, ERR_INVALID, "a xorb's footer is malformed");
    if (!rises(out->stored_end, out->count, XET_FRAME_HEADER + 1) || out->stored_end[out->count - 1] != frames_bytes ||
        (out->raw_end && !rises(out->raw_end, out->count, 1)))
        return err_set(e, ERR_INVALID, "the offsets in a xorb's footer are impossible");
    return true;
}

void xet_footer_put(struct buf *out, const struct xet_xorb_index *x)
{
    uint32_t n = x->count;
    buf_add(out, STR("XETBLOB\1"));
    buf_add(out, str_n((const char *)x->hash.b, 32));
    buf_add(out, STR("XBLBHSH\0"));
    buf_little32(out, n);
    buf_add(out, str_n((const char *)x->chunk, 32 * (size_t)n));
    buf_add(out, STR("XBLBBND\1"));
    buf_little32(out, n);
    for (uint32_t i = 0; i < n; i++) buf_little32(out, x->stored_end[i]);
    for (uint32_t i = 0; i < n; i++) buf_little32(out, x->raw_end[i]);
    buf_little32(out, n);
    buf_little32(out, 52 + 40 * n);
    buf_little32(out, 40 + 8 * n);
    for (unsigned i = 0; i < 4; i++) buf_little32(out, 0);
    buf_little32(out, 92 + 40 * n);
}
