/* frame.c - chunks in and out of their frames.  All limits of a frame are checked here, before its payload is touched. */
#include "xet/frame.h"

#include <math.h>

#include "xet/copy.h"
#include "xet/lz4_frame.h"

static uint32_t load24(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }
static void store24(uint8_t *p, size_t v)
{
    for (unsigned i = 0; i < 3; i++) p[i] = (uint8_t)(v >> (8 * i));
}

bool xet_frame_parse(const uint8_t head[XET_FRAME_HEADER], struct xet_frame *out, struct err *e)
{
    if (head[0] != 0) return err_set(e, ERR_INVALID, "a chunk's header has version %u, not 0", head[0]);
    if (head[4] > XET_SCHEME_BG4) return err_set(e, ERR_INVALID, "compression scheme %u is not known", head[4]);
    *out = (struct xet_frame){ load24(head + 1), load24(head + 5), (enum xet_scheme)head[4] };
    if (out->raw_bytes == 0 || out->raw_bytes > XET_CHUNK_MAX)
        return err_set(e, ERR_INVALID, "a chunk of %u bytes; 1 to %d are allowed", out->raw_bytes, XET_CHUNK_MAX);
    if (out->payload_bytes > XET_PAYLOAD_MAX)
        return err_set(e, ERR_INVALID, "a chunk stored in %u bytes; at most %d are allowed", out->payload_bytes, XET_PAYLOAD_MAX);
    if (out->payload_bytes == 0) return err_set(e, ERR_INVALID, "a chunk of %u bytes is stored in none", out->raw_bytes);
    if (out->scheme == XET_SCHEME_RAW && out->payload_bytes != out->raw_bytes)
        return err_set(e, ERR_INVALID, "an uncompressed chunk of %u bytes is stored in %u", out->raw_bytes, out->payload_bytes);
    return true;
}

bool xet_frame_decode(const struct xet_frame *f, bytes payload, uint8_t *out, uint8_t *scratch, bytes *raw, struct err *e)
{
    must(payload.n == f->payload_bytes);
    *raw = (bytes){ out, f->raw_bytes };
    switch (f->scheme) {
    case XET_SCHEME_RAW: *raw = payload; return true;
    case XET_SCHEME_LZ4: return lz4_frame_decode(payload, out, f->raw_bytes, e);
    case XET_SCHEME_BG4:
        if (!lz4_frame_decode(payload, scratch, f->raw_bytes, e)) return false;
        xet_bg4_ungroup((bytes){ scratch, f->raw_bytes }, out);
        return true;
    case XET_SCHEME_AUTO: break;
    }
    return err_set(e, ERR_INVALID, "compression scheme %d is not known", (int)f->scheme);
}

size_t xet_frame_encode(bytes raw, enum xet_scheme scheme, uint8_t *out, uint8_t *scratch)
{
    must(raw.n > 0 && raw.n <= XET_CHUNK_MAX);
    size_t n = 0;
    if (scheme == XET_SCHEME_AUTO) scheme = xet_scheme_guess(raw);
    if (scheme != XET_SCHEME_RAW) {
        bytes from = raw;
        if (scheme == XET_SCHEME_BG4) {
            xet_bg4_group(raw, scratch);
            from.p = scratch;
        }
        n = lz4_frame_encode(from, out + XET_FRAME_HEADER, raw.n - 1);
    }
    if (n == 0) {
        scheme = XET_SCHEME_RAW;
        n = raw.n;
        xet_copy_past_cache(out + XET_FRAME_HEADER, raw.p, n);
    }
    out[0] = 0;
    store24(out + 1, n);
    out[4] = (uint8_t)scheme;
    store24(out + 5, raw.n);
    return XET_FRAME_HEADER + n;
}

/* Where the four groups of n bytes begin. */
static void group_starts(size_t n, size_t at[4])
{
    at[0] = 0;
    for (unsigned g = 0; g < 3; g++) at[g + 1] = at[g] + n / 4 + (g < n % 4);
}

void xet_bg4_group(bytes raw, uint8_t *out)
{
    size_t at[4], quads = raw.n / 4;
    group_starts(raw.n, at);
    uint8_t *restrict g0 = out, *restrict g1 = out + at[1], *restrict g2 = out + at[2], *restrict g3 = out + at[3];
    const uint8_t *restrict p = raw.p;
    for (size_t i = 0; i < quads; i++) {
        g0[i] = p[4 * i], g1[i] = p[4 * i + 1];
        g2[i] = p[4 * i + 2], g3[i] = p[4 * i + 3];
    }
    for (size_t i = 4 * quads; i < raw.n; i++) out[at[i % 4] + quads] = raw.p[i];
}

void xet_bg4_ungroup(bytes grouped, uint8_t *out)
{
    size_t at[4], quads = grouped.n / 4;
    group_starts(grouped.n, at);
    const uint8_t *g0 = grouped.p, *g1 = g0 + at[1], *g2 = g0 + at[2], *g3 = g0 + at[3];
    uint8_t *restrict p = out;
    for (size_t i = 0; i < quads; i++) {
        p[4 * i] = g0[i], p[4 * i + 1] = g1[i];
        p[4 * i + 2] = g2[i], p[4 * i + 3] = g3[i];
    }
    for (size_t i = 4 * quads; i < grouped.n; i++) out[i] = grouped.p[at[i % 4] + quads];
}

/* How many bytes at each position modulo 4 have how many bits set.  Eight bytes at a time, whose counts go to counters of their
 * own, so that no addition waits for the one before it. */
static void count_bits(bytes raw, uint32_t out[4][9])
{
    const uint64_t pairs = 0x5555555555555555, quads = 0x3333333333333333, low = 0x0f0f0f0f0f0f0f0f;
    uint32_t count[8][16] = { { 0 } };
    size_t i = 0;
    for (; i + 8 <= raw.n; i += 8) {
        uint64_t w;
        memcpy(&w, raw.p + i, 8);
        w -= w >> 1 & pairs;
        w = (w & quads) + (w >> 2 & quads);
        w = (w + (w >> 4)) & low;
        for (unsigned k = 0; k < 8; k++) count[k][w >> 8 * k & 15]++;
    }
    for (; i < raw.n; i++) out[i % 4][__builtin_popcount(raw.p[i])]++;
    for (unsigned k = 0; k < 8; k++)
        for (unsigned b = 0; b < 9; b++) out[(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? k : 7 - k) % 4][b] += count[k][b];
}

enum xet_scheme xet_scheme_guess(bytes raw)
{
    uint32_t count[4][9] = { { 0 } }, base[9], total = (uint32_t)raw.n;
    double worst = 0;
    count_bits(raw, count);
    for (unsigned b = 0; b < 9; b++) base[b] = 1 + count[0][b] + count[1][b] + count[2][b] + count[3][b];
    for (unsigned g = 0; g < 4; g++) { /* the Kullback-Leibler divergence of one position from all */
        double members = 0, divergence = 0;
        for (unsigned b = 0; b < 9; b++) members += count[g][b];
        for (unsigned b = 0; b < 9 && members > 0; b++) {
            double p = count[g][b] / members, q = (double)base[b] / total;
            if (p > 0) divergence += p * log(p / q);
        }
        if (divergence > worst) worst = divergence;
    }
    return worst > 0.02 ? XET_SCHEME_BG4 : XET_SCHEME_LZ4;
}
