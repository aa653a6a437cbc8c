/* blake3_scalar.c - the reference: one block at a time in plain C.  The vector kernels must agree with it, and use it
 * where only one job is left. */
#include "xet/blake3_priv.h"
#include "xet/little.h"

static uint32_t rotr(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

#define MIX(a, b, c, d, x, y)                                     \
    v[a] += v[b] + m[x], v[d] = rotr(v[d] ^ v[a], 16);            \
    v[c] += v[d], v[b] = rotr(v[b] ^ v[c], 12);                   \
    v[a] += v[b] + m[y], v[d] = rotr(v[d] ^ v[a], 8);             \
    v[c] += v[d], v[b] = rotr(v[b] ^ v[c], 7);

/* Chains one block of n bytes (n <= 64; what lacks counts as zeros) into cv. */
static void compress(uint32_t cv[8], const uint8_t *block, uint32_t n, uint64_t counter, uint32_t flags)
{
    uint8_t padded[64] = { 0 };
    uint32_t m[16], v[16] = { cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7], BLAKE3_IV0, BLAKE3_IV1,
                              BLAKE3_IV2, BLAKE3_IV3, (uint32_t)counter, (uint32_t)(counter >> 32), n, flags };
    if (n < 64) {
        if (n > 0) memcpy(padded, block, n);
        block = padded;
    }
    for (unsigned i = 0; i < 16; i++) m[i] = little32(block + 4 * i);
    BLAKE3_ROUNDS(BLAKE3_ROUND)
    for (unsigned i = 0; i < 8; i++) cv[i] = v[i] ^ v[i + 8];
}

void blake3_run_scalar(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    for (size_t j = 0; j < count; j++) {
        const struct blake3_job *t = &job[j];
        uint32_t cv[8], at = 0, flags = t->flags | t->flags_first;
        memcpy(cv, key, sizeof cv);
        for (; t->size_bytes - at > 64; at += 64, flags = t->flags) compress(cv, t->in + at, 64, t->counter, flags);
        compress(cv, t->in + at, t->size_bytes - at, t->counter, flags | t->flags_last);
        for (unsigned i = 0; i < 8; i++) little32_put(out[j] + 4 * i, cv[i]);
    }
}
