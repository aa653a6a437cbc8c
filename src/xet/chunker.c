/* chunker.c - the gear hash, four strips at a time.
 *
 * h = (h << 1) + T[byte] is a chain of two cycles per byte, and a processor can do far more than that at once.  But h
 * depends on the last 64 bytes only, so any place can be started at after 64 bytes of warm-up: blocks of four strips are
 * scanned abreast, and the cut in the earliest strip counts.  Short rests go byte by byte.
 *
 * The first 8127 bytes of a chunk are not looked at: no cut may fall there, and at the first byte that may be a cut 65
 * have been seen (current dialect).  The old dialect tests from 8128 on, with less than a full window, and must: its
 * cuts depend on it. */
#include "xet/chunker.h"

#include "xet/gear.h"

enum {
    WINDOW = 64,
    SKIP = XET_CHUNK_MIN - WINDOW - 1,
    STRIP = 1024, /* longer: fewer warm-ups; shorter: less scanned in vain behind a cut.  1024 to 2048 measure alike */
    BLOCK = 4 * STRIP,
};
#define CUT_BELOW ((uint64_t)1 << 48) /* h & 0xFFFF000000000000 is zero exactly when h is below this */
#define NO_CUT ((size_t)-1)

static inline uint64_t step(uint64_t h, uint8_t b) { return (h << 1) + xet_gear[b]; }

static inline uint64_t warm(const uint8_t *before)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < WINDOW; i++) h = step(h, before[i]);
    return h;
}

/* The number of bytes up to and with the first cut in p[0..n), or n and *cut false. */
static size_t scan_bytes(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    uint64_t h = *gear;
    for (size_t i = 0; i < n; i++) {
        h = step(h, p[i]);
        if (h < CUT_BELOW) {
            *cut = true;
            return i + 1;
        }
    }
    *gear = h;
    *cut = false;
    return n;
}

/* The same for p[0..BLOCK).  One compare and one branch per byte, which is hardly ever taken: at the first sight of a
 * cut the strips before it are looked through to their ends, which happens once per chunk and costs a hundredth. */
static size_t scan_block(const uint8_t *p, uint64_t *gear, bool *cut)
{
    uint64_t h0 = *gear, h1 = warm(p + STRIP - WINDOW), h2 = warm(p + 2 * STRIP - WINDOW), h3 = warm(p + 3 * STRIP - WINDOW);
    unsigned seen = 0;
    size_t i = 0;
#pragma GCC unroll 4
    for (; i < STRIP; i++) {
        h0 = step(h0, p[i]);
        if (__builtin_expect(h0 < CUT_BELOW, 0)) goto seen_in_0;
        h1 = step(h1, p[i + STRIP]);
        if (__builtin_expect(h1 < CUT_BELOW, 0)) goto seen_in_1;
        h2 = step(h2, p[i + 2 * STRIP]);
        if (__builtin_expect(h2 < CUT_BELOW, 0)) goto seen_in_2;
        h3 = step(h3, p[i + 3 * STRIP]);
        if (__builtin_expect(h3 < CUT_BELOW, 0)) goto seen_in_3;
    }
    *gear = h3;
    *cut = false;
    return BLOCK;

seen_in_3: seen++;
seen_in_2: seen++;
seen_in_1: seen++;
seen_in_0:;
    const uint64_t h[3] = { h0, h1, h2 };
    for (unsigned s = 0; s < seen; s++) {
        uint64_t g = h[s];
        size_t at = s * STRIP + i + 1, taken = scan_bytes(p + at, STRIP - i - 1, &g, cut);
        if (*cut) return at + taken;
    }
    *cut = true;
    return seen * STRIP + i + 1;
}

static size_t scan(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t taken = scan_block(p + at, gear, cut);
        if (*cut) return at + taken;
    }
    return at + scan_bytes(p + at, n - at, gear, cut);
}

size_t xet_chunker_next(struct xet_chunker *c, bytes in, bool *cut)
{
    size_t at = 0, tested_from = c->dialect == XET_DIALECT_CURRENT ? XET_CHUNK_MIN - 1 : SKIP;
    *cut = false;
    if (c->size_bytes < SKIP) {
        at = in.n < SKIP - c->size_bytes ? in.n : SKIP - c->size_bytes;
        c->size_bytes += (uint32_t)at;
    }
    for (; at < in.n && c->size_bytes < tested_from; at++, c->size_bytes++) c->gear = step(c->gear, in.p[at]);
    if (at == in.n) return at;

    size_t room = XET_CHUNK_MAX - c->size_bytes, n = in.n - at < room ? in.n - at : room;
    size_t taken = scan(in.p + at, n, &c->gear, cut);
    c->size_bytes += (uint32_t)taken;
    if (c->size_bytes == XET_CHUNK_MAX) *cut = true;
    if (*cut) xet_chunker_init(c, c->dialect);
    return at + taken;
}
