/* xet/blake3_priv.h - what the tree walker asks of an instruction set: runs of blocks, many at once. */
#ifndef XET_BLAKE3_PRIV_H
#define XET_BLAKE3_PRIV_H

#include "xet/blake3.h"

enum blake3_flag { LEAF_START = 1, LEAF_END = 2, PARENT = 4, ROOT = 8, KEYED = 16 };

/* A leaf of up to 1024 bytes or a parent of 64: blocks chained from the key to one chaining value.  An empty leaf is
 * one block of no bytes. */
struct blake3_job {
    const uint8_t *in;
    uint64_t counter; /* of a leaf; 0 for a parent */
    uint32_t size_bytes;
    uint8_t flags;       /* of every block */
    uint8_t flags_first; /* added to the first */
    uint8_t flags_last;  /* added to the last */
};

struct blake3_kernel {
    const char *name;
    /* Runs `count` jobs; out[i] is the chaining value of job[i], little-endian.  out may not overlap any input. */
    void (*run)(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[BLAKE3_BYTES]);
};

void blake3_run_scalar(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32]);
void blake3_run_avx2(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32]);
void blake3_run_neon(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32]);
void blake3_run_avx512(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32]);

/* The best kernel that this machine runs, or the one that `forced` names if it does run here (else the best).
 * One file per processor family answers this. */
const struct blake3_kernel *blake3_kernel_pick(str forced);

/* For who hashes the leaves of messages himself (blake3.c): jobs on the best kernel; and trees of values of leaves, `leaves[i]` of
 * message i in a row.  Every message has two leaves at least and 512 at most; the values do not survive. */
void blake3_run(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32]);
void blake3_join(const uint32_t key[8], uint8_t (*value)[32], const uint32_t *leaves, size_t count, uint8_t (*out)[32]);

/* The first half of SHA-256's initial state; the second half is only used by the unkeyed modes. */
#define BLAKE3_IV0 0x6A09E667u
#define BLAKE3_IV1 0xBB67AE85u
#define BLAKE3_IV2 0x3C6EF372u
#define BLAKE3_IV3 0xA54FF53Au

/* The seven rounds: which message words each of the eight mixing steps takes.  Row r+1 is row r permuted once more
 * (BLAKE3 paper, table 2).  ROUND takes the sixteen indices in order. */
#define BLAKE3_ROUNDS(ROUND)                                       \
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)    \
    ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)    \
    ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)    \
    ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)    \
    ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)    \
    ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)    \
    ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)

/* One round over v[16] and m[16] by way of a MIX(a, b, c, d, x, y): columns, then diagonals. */
#define BLAKE3_ROUND(a, b, c, d, e, f, g, h, i, j, k, l, m_, n, o, p)                     \
    MIX(0, 4, 8, 12, a, b) MIX(1, 5, 9, 13, c, d) MIX(2, 6, 10, 14, e, f)                 \
    MIX(3, 7, 11, 15, g, h) MIX(0, 5, 10, 15, i, j) MIX(1, 6, 11, 12, k, l)               \
    MIX(2, 7, 8, 13, m_, n) MIX(3, 4, 9, 14, o, p)

#endif
