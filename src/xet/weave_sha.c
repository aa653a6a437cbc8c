/* weave_sha.c - SHA-256 of a piece, and the search for cuts in it: two bytes of each of two strips for every four rounds.
 *
 * The rounds take 128 cycles for 64 bytes and a sixth of what the processor can issue in them; the search is four instructions
 * a byte on units that SHA-256 has no use for.  Together they take as long as SHA-256 alone.
 *
 * Compiled with the flags of its instruction set; nothing here runs before the dispatcher has asked the processor. */
#include "base/sha256_x86.h"
#include "xet/weave_priv.h"

void xet_weave_sha(struct xet_weave_run *r)
{
    enum { STRIP = XET_WEAVE_PIECE / 2 };
    const uint8_t *p = r->piece, *q = p;
    uint64_t h0 = xet_gear_before(q), h1 = xet_gear_before(q + STRIP);
    unsigned seen = 0;
    struct sha256_lane sha;
    sha256_load(&sha, r->sha256);
    for (unsigned i = 0; i < STRIP / XET_WEAVE_STEP; i++, p += 64, q += XET_WEAVE_STEP) {
        sha256_begin(&sha, p);
#define FOUR(g)                                      \
        sha256_rounds(&sha, g);                      \
        XET_WEAVE_BYTE(h0, q, 2 * (g), seen);        \
        XET_WEAVE_BYTE(h1, q + STRIP, 2 * (g), seen); \
        XET_WEAVE_BYTE(h0, q, 2 * (g) + 1, seen);    \
        XET_WEAVE_BYTE(h1, q + STRIP, 2 * (g) + 1, seen);
        SHA256_ROUNDS(FOUR)
#undef FOUR
        sha256_end(&sha);
        XET_WEAVE_COMES(p);
        if (__builtin_expect(seen, 0)) {
            r->seen[i / 64] |= (uint64_t)1 << i % 64;
            seen = 0;
        }
    }
    sha256_store(&sha, r->sha256);
}
