/* chunker.c - where files are cut, and the gear hash in plain C, four strips at a time.
 *
 * h = (h << 1) + T[byte] is a chain of two cycles per byte, and a processor can do far more than that at once.  But h
 * depends on the last 64 bytes only, so any place can be started at after 64 bytes of warm-up: blocks of four strips are
 * scanned abreast, and the cut in the earliest strip counts.  Short rests go byte by byte.
 *
 * The first 8127 bytes of a chunk are not looked at: no cut may fall there, and at the first byte that may be a cut 65
 * have been seen (current dialect).  The old dialect tests from 8128 on, with less than a full window, and must: its
 * cuts depend on it. */
#include <pthread.h>
#include <stdlib.h>

#include "xet/chunker_priv.h"

enum {
    SKIP = XET_CHUNK_MIN - XET_GEAR_WINDOW - 1,
    STRIP = XET_SCAN_C_BYTES / 4, /* longer: fewer warm-ups; shorter: less scanned in vain behind a cut */
};

/* The number of bytes up to and with the first cut in p[0..n), or n and *cut false. */
static size_t scan_bytes(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    uint64_t h = *gear;
    for (size_t i = 0; i < n; i++) {
        h = xet_gear_step(h, p[i]);
        if (h < XET_GEAR_CUT_BELOW) {
            *cut = true;
            return i + 1;
        }
    }
    *gear = h;
    *cut = false;
    return n;
}

/* One compare and one branch per byte, which is hardly ever taken: at the first sight of a cut the strips before it are looked
 * through to their ends, which happens once per chunk and costs a hundredth. */
size_t xet_scan_c(const uint8_t *p, uint64_t *gear, bool *cut)
{
    uint64_t h0 = *gear, h1 = xet_gear_before(p + STRIP), h2 = xet_gear_before(p + 2 * STRIP),
             h3 = xet_gear_before(p + 3 * STRIP);
    unsigned seen = 0;
    size_t i = 0;
#pragma GCC unroll 4
    for (; i < STRIP; i++) {
        h0 = xet_gear_step(h0, p[i]);
        if (__builtin_expect(h0 < XET_GEAR_CUT_BELOW, 0)) goto seen_in_0;
        h1 = xet_gear_step(h1, p[i + STRIP]);
        if (__builtin_expect(h1 < XET_GEAR_CUT_BELOW, 0)) goto seen_in_1;
        h2 = xet_gear_step(h2, p[i + 2 * STRIP]);
        if (__builtin_expect(h2 < XET_GEAR_CUT_BELOW, 0)) goto seen_in_2;
        h3 = xet_gear_step(h3, p[i + 3 * STRIP]);
        if (__builtin_expect(h3 < XET_GEAR_CUT_BELOW, 0)) goto seen_in_3;
    }
    *gear = h3;
    *cut = false;
    return XET_SCAN_C_BYTES;

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

static struct xet_scanner best;
static pthread_once_t is_picked = PTHREAD_ONCE_INIT;
static void pick(void) { best = xet_scanner_pick(str_c(getenv("HEARTH_KERNELS"))); }

size_t xet_scan(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    size_t at = 0, taken;
    pthread_once(&is_picked, pick);
    for (; n - at >= best.block_bytes; at += taken) {
        taken = best.scan(p + at, gear, cut);
        if (*cut) return at + taken;
    }
    for (; n - at >= XET_SCAN_C_BYTES; at += taken) {
        taken = xet_scan_c(p + at, gear, cut);
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
    for (; at < in.n && c->size_bytes < tested_from; at++, c->size_bytes++) c->gear = xet_gear_step(c->gear, in.p[at]);
    if (at == in.n) return at;

    size_t room = XET_CHUNK_MAX - c->size_bytes, n = in.n - at < room ? in.n - at : room;
    size_t taken = xet_scan(in.p + at, n, &c->gear, cut);
    c->size_bytes += (uint32_t)taken;
    if (c->size_bytes == XET_CHUNK_MAX) *cut = true;
    if (*cut) xet_chunker_init(c, c->dialect);
    return at + taken;
}
