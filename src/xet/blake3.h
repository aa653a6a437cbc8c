/* xet/blake3.h - BLAKE3 in keyed mode, 32 bytes out: the one hash of the Xet formats.
 *
 * Many messages under one key are hashed side by side, leaf by leaf across all of them, so that the vector lanes stay
 * full even when each message is short.  The instruction set is chosen at run time; HEARTH_KERNELS=scalar (or avx2)
 * forces one.  Functions are safe from any thread; a running `struct blake3` belongs to one. */
#ifndef XET_BLAKE3_H
#define XET_BLAKE3_H

#include "base/str.h"

enum { BLAKE3_BYTES = 32, BLAKE3_LEAF = 1024, BLAKE3_DEPTH = 54 };

void blake3_keyed(const uint8_t key[BLAKE3_BYTES], bytes in, uint8_t out[BLAKE3_BYTES]);
void blake3_keyed_many(const uint8_t key[BLAKE3_BYTES], const bytes *in, size_t count, uint8_t (*out)[BLAKE3_BYTES]);

/* A running hash.  Invariants: `leaves` counts the leaves behind the stack, the stack holds one subtree per one bit of
 * `leaves`, biggest first; leaf[0..n) is input not yet hashed, and holds the last byte seen, for it may be the root's. */
struct blake3 {
    uint32_t key[8];
    uint64_t leaves;
    uint32_t depth, n;
    uint8_t stack[BLAKE3_DEPTH][BLAKE3_BYTES];
    uint8_t leaf[BLAKE3_LEAF];
};
void blake3_init(struct blake3 *b, const uint8_t key[BLAKE3_BYTES]);
void blake3_add(struct blake3 *b, bytes in);
void blake3_end(struct blake3 *b, uint8_t out[BLAKE3_BYTES]); /* call blake3_init before using it again */

#endif
