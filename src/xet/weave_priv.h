/* xet/weave_priv.h - what the weaver asks of an instruction set. */
#ifndef XET_WEAVE_PRIV_H
#define XET_WEAVE_PRIV_H

#include "xet/blake3_priv.h"
#include "xet/chunker_priv.h"
#include "xet/weave.h"

enum {
    XET_WEAVE_PIECE = 16 << 10, /* of the stream, for one run; sixteen leaves are as much */
    XET_WEAVE_LEAVES = 16,
    XET_WEAVE_STEP = 32, /* bytes of each strip for which one bit says whether there was a cut */
    XET_WEAVE_WORDS = XET_WEAVE_PIECE / 2 / XET_WEAVE_STEP / 64, /* of such bits, with two strips */
};

struct xet_weave_run {
    uint32_t *sha256;          /* the state, which goes over the piece; NULL where the kernel is not for it */
    const uint8_t *piece;      /* 64 bytes before it may be read, whatever they are */
    uint64_t seen[XET_WEAVE_WORDS]; /* bit i: one of the strips has a cut within its bytes 32i to 32i + 31.  Zeros before. */
    uint32_t key[8];
    const uint8_t *leaf[XET_WEAVE_LEAVES]; /* whole ones: 1024 bytes */
    uint32_t counter[XET_WEAVE_LEAVES];
    uint8_t value[XET_WEAVE_LEAVES][BLAKE3_BYTES];
};

struct xet_weave_kernel {
    const char *name;
    bool takes_leaves;
    unsigned strips; /* of equal length, which the search for cuts goes over abreast: 2 or 4 */
    void (*run)(struct xet_weave_run *r);
};

/* NULL: none runs here, or none of that kind, or `forced` says so. */
const struct xet_weave_kernel *xet_weave_pick(bool with_sha256, str forced);
struct xet_weave *xet_weave_new_on(const struct xet_weave_kernel *k, bool with_sha256);

void xet_weave_sha(struct xet_weave_run *r);           /* SHA-256 and cuts */
void xet_weave_sha_avx512(struct xet_weave_run *r);    /* SHA-256, cuts, leaves */
void xet_weave_avx512(struct xet_weave_run *r);        /* cuts, leaves */

/* One byte of one strip.  `seen` is set where there is a cut, once in 65536 bytes: a branch that is never taken costs one
 * instruction together with its compare, and the empty statement keeps the compiler from making three of it. */
#define XET_WEAVE_BYTE(h, p, i, seen)                                  \
    do {                                                               \
        (h) = xet_gear_step(h, (p)[i]);                                \
        if (__builtin_expect((h) < XET_GEAR_CUT_BELOW, 0)) {           \
            (seen) = 1;                                                \
            __asm__ volatile("");                                      \
        }                                                              \
    } while (0)

/* Where the block of SHA-256 at p has been, the same of the next piece is asked for: it was stored by another processor, past the caches,
 * and the processor itself looks no further ahead than a small page, of which each strip has its own. */
#define XET_WEAVE_COMES(p) __builtin_prefetch((p) + XET_WEAVE_PIECE, 0, 2)

#endif
