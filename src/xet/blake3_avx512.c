/* blake3_avx512.c - sixteen jobs side by side: word w of all sixteen states lies in one register.
 * Compiled with the flags of its instruction set; nothing here runs before the dispatcher has asked the processor. */
#include <immintrin.h>

#include "xet/blake3_priv.h"

#define ADD(x, y) _mm512_add_epi32(x, y)
#define XOR_ROTR(x, y, n) _mm512_ror_epi32(_mm512_xor_si512(x, y), n)

/* Half a mix of four columns or diagonals, step by step abreast, so that none waits for itself; the message word is added
 * before what is known last. */
#define HALF(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, m0, m1, m2, m3, r1, r2)                         \
    v[a0] = ADD(v[a0], m[m0]), v[a1] = ADD(v[a1], m[m1]), v[a2] = ADD(v[a2], m[m2]), v[a3] = ADD(v[a3], m[m3]);               \
    v[a0] = ADD(v[a0], v[b0]), v[a1] = ADD(v[a1], v[b1]), v[a2] = ADD(v[a2], v[b2]), v[a3] = ADD(v[a3], v[b3]);               \
    v[d0] = XOR_ROTR(v[d0], v[a0], r1), v[d1] = XOR_ROTR(v[d1], v[a1], r1);                                                   \
    v[d2] = XOR_ROTR(v[d2], v[a2], r1), v[d3] = XOR_ROTR(v[d3], v[a3], r1);                                                   \
    v[c0] = ADD(v[c0], v[d0]), v[c1] = ADD(v[c1], v[d1]), v[c2] = ADD(v[c2], v[d2]), v[c3] = ADD(v[c3], v[d3]);               \
    v[b0] = XOR_ROTR(v[b0], v[c0], r2), v[b1] = XOR_ROTR(v[b1], v[c1], r2);                                                   \
    v[b2] = XOR_ROTR(v[b2], v[c2], r2), v[b3] = XOR_ROTR(v[b3], v[c3], r2);
#define COLUMNS(...) HALF(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, __VA_ARGS__)
#define DIAGONALS(...) HALF(0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14, __VA_ARGS__)
#define ROUND(a, b, c, d, e, f, g, h_, i, j, k, l, m_, n, o, p)                                                              \
    COLUMNS(a, c, e, g, 16, 12) COLUMNS(b, d, f, h_, 8, 7) DIAGONALS(i, k, m_, o, 16, 12) DIAGONALS(j, l, n, p, 8, 7)

/* Rows of sixteen words become columns. */
static inline void transpose(__m512i r[16])
{
    __m512i a[16], b[16];
    for (unsigned i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (unsigned i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (unsigned j = 0; j < 4; j++) { /* quarter q of b[i + j] is word 4q + j of rows i..i+3 */
        __m512i x = _mm512_shuffle_i32x4(b[j], b[j + 4], 0x88), y = _mm512_shuffle_i32x4(b[j + 8], b[j + 12], 0x88);
        r[j] = _mm512_shuffle_i32x4(x, y, 0x88);
        r[j + 8] = _mm512_shuffle_i32x4(x, y, 0xdd);
        x = _mm512_shuffle_i32x4(b[j], b[j + 4], 0xdd), y = _mm512_shuffle_i32x4(b[j + 8], b[j + 12], 0xdd);
        r[j + 4] = _mm512_shuffle_i32x4(x, y, 0x88);
        r[j + 12] = _mm512_shuffle_i32x4(x, y, 0xdd);
    }
}

/* The words at `at` of every lane.  Only bytes inside a job are read: the rest is masked to zero. */
static inline void load(const struct blake3_job *const lane[16], uint32_t at, uint32_t shortest, __m512i m[16])
{
    if (shortest >= at + 64) {
        for (unsigned i = 0; i < 16; i++) m[i] = _mm512_loadu_si512(lane[i]->in + at);
    } else {
        for (unsigned i = 0; i < 16; i++) {
            uint32_t left = lane[i]->size_bytes > at ? lane[i]->size_bytes - at : 0;
            __mmask64 k = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
            m[i] = k ? _mm512_maskz_loadu_epi8(k, lane[i]->in + at) : _mm512_setzero_si512();
        }
    }
    transpose(m);
}

/* Runs up to sixteen jobs; lanes without one repeat the first, and what they make is not stored.  Meanwhile the `coming` ones that follow are
 * asked for: jobs lie a leaf apart, four to a small page, which is more streams than the processor sees by itself. */
static void run16(const uint32_t key[8], const struct blake3_job *job, size_t count, size_t coming, uint8_t (*out)[32])
{
    const struct blake3_job *lane[16];
    uint32_t low[16], high[16], flags[16], first[16], last[16], last_block[16], last_size[16];
    uint32_t shortest = UINT32_MAX, blocks_max = 0;
    for (unsigned i = 0; i < 16; i++) {
        const struct blake3_job *t = lane[i] = &job[i < count ? i : 0];
        low[i] = (uint32_t)t->counter, high[i] = (uint32_t)(t->counter >> 32);
        flags[i] = t->flags, first[i] = t->flags_first, last[i] = t->flags_last;
        last_block[i] = t->size_bytes ? (t->size_bytes - 1) / 64 : 0;
        last_size[i] = t->size_bytes - 64 * last_block[i];
        if (t->size_bytes < shortest) shortest = t->size_bytes;
        if (last_block[i] >= blocks_max) blocks_max = last_block[i] + 1;
    }
    __m512i counter_low = _mm512_loadu_si512(low), counter_high = _mm512_loadu_si512(high);
    __m512i flag = _mm512_loadu_si512(flags), flag_last = _mm512_loadu_si512(last);
    __m512i block_last = _mm512_loadu_si512(last_block), size_last = _mm512_loadu_si512(last_size);
    __m512i h[16];
    for (unsigned i = 0; i < 8; i++) h[i] = _mm512_set1_epi32((int)key[i]);

    for (uint32_t b = 0; b < blocks_max; b++) {
        __m512i m[16], v[16], now = _mm512_set1_epi32((int)b);
        __mmask16 is_last = _mm512_cmpeq_epi32_mask(now, block_last), runs = _mm512_cmple_epu32_mask(now, block_last);
        __m512i f = b == 0 ? _mm512_or_si512(flag, _mm512_loadu_si512(first)) : flag;
        load(lane, 64 * b, shortest, m);
        for (size_t i = 0; i < coming; i++) _mm_prefetch(job[count + i].in + 64 * b, _MM_HINT_T0);
        for (unsigned i = 0; i < 8; i++) v[i] = h[i];
        v[8] = _mm512_set1_epi32((int)BLAKE3_IV0), v[9] = _mm512_set1_epi32((int)BLAKE3_IV1);
        v[10] = _mm512_set1_epi32((int)BLAKE3_IV2), v[11] = _mm512_set1_epi32((int)BLAKE3_IV3);
        v[12] = counter_low, v[13] = counter_high;
        v[14] = _mm512_mask_mov_epi32(_mm512_set1_epi32(64), is_last, size_last);
        v[15] = _mm512_mask_or_epi32(f, is_last, f, flag_last);
        BLAKE3_ROUNDS(ROUND)
        for (unsigned i = 0; i < 8; i++) h[i] = _mm512_mask_xor_epi32(h[i], runs, v[i], v[i + 8]);
    }
    for (unsigned i = 8; i < 16; i++) h[i] = _mm512_setzero_si512();
    transpose(h);
    for (unsigned i = 0; i < count; i++) _mm256_storeu_si256((__m256i *)out[i], _mm512_castsi512_si256(h[i]));
}

void blake3_run_avx512(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    size_t n;
    for (; count > 8; job += n, out += n, count -= n) {
        n = count < 16 ? count : 16;
        run16(key, job, n, count - n < 16 ? count - n : 16, out);
    }
    blake3_run_avx2(key, job, count, out); /* half the lanes at half the cost */
}
