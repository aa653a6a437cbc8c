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
    STRIP = 768, /* longer: fewer warm-ups; shorter: less scanned in vain behind a cut.  512 to 1024 measure alike */
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

/* Position of the first cut among p[0..BLOCK), or NO_CUT with *gear moved on. */
static size_t scan_block(const uint8_t *p, uint64_t *gear)
{
    const uint8_t *p1 = p + STRIP, *p2 = p + 2 * STRIP, *p3 = p + 3 * STRIP;
    uint64_t h0 = *gear, h1 = warm(p1 - WINDOW), h2 = warm(p2 - WINDOW), h3 = warm(p3 - WINDOW);
    size_t cut1 = NO_CUT, cut2 = NO_CUT, cut3 = NO_CUT;
    for (size_t i = 0; i < STRIP; i++) {
        h0 = step(h0, p[i]);
        h1 = step(h1, p1[i]);
        h2 = step(h2, p2[i]);
        h3 = step(h3, p3[i]);
        if (__builtin_expect(h0 < CUT_BELOW, 0)) return i;
        if (__builtin_expect(h1 < CUT_BELOW, 0) && cut1 == NO_CUT) cut1 = i;
        if (__builtin_expect(h2 < CUT_BELOW, 0) && cut2 == NO_CUT) cut2 = i;
        if (__builtin_expect(h3 < CUT_BELOW, 0) && cut3 == NO_CUT) cut3 = i;
    }
    *gear = h3;
    if (cut1 != NO_CUT) return STRIP + cut1;
    if (cut2 != NO_CUT) return 2 * STRIP + cut2;
    if (cut3 != NO_CUT) return 3 * STRIP + cut3;
    return NO_CUT;
}

/* The number of bytes up to and with the first cut in p[0..n), or n and *cut false. */
static size_t scan(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    size_t at = 0;
    *cut = true;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t found = scan_block(p + at, gear);
        if (found != NO_CUT) return at + found + 1;
    }
    uint64_t h = *gear;
    for (; at < n; at++) {
        h = step(h, p[at]);
        if (h < CUT_BELOW) return at + 1;
    }
    *gear = h;
    *cut = false;
    return n;
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
