/* blake3_avx2.c - eight jobs side by side: word w of all eight states lies in one register.
 * Compiled with the flags of its instruction set; nothing here runs before the dispatcher has asked the processor. */
#include <immintrin.h>

#include "xet/blake3_priv.h"

#define ADD(x, y) _mm256_add_epi32(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
static inline __m256i shift_rotr(__m256i x, int n)
{
    return _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - n));
}
#define MIX(a, b, c, d, x, y)                                                                           \
    v[a] = ADD(v[a], ADD(v[b], m[x])), v[d] = _mm256_shuffle_epi8(XOR(v[d], v[a]), rotr16);             \
    v[c] = ADD(v[c], v[d]), v[b] = shift_rotr(XOR(v[b], v[c]), 12);                                     \
    v[a] = ADD(v[a], ADD(v[b], m[y])), v[d] = _mm256_shuffle_epi8(XOR(v[d], v[a]), rotr8);              \
    v[c] = ADD(v[c], v[d]), v[b] = shift_rotr(XOR(v[b], v[c]), 7);

/* Rows of eight words become columns. */
static inline void transpose(__m256i r[8])
{
    __m256i a[8], b[8];
    for (unsigned i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (unsigned j = 0; j < 4; j++) { /* half q of b[i + j] is word 4q + j of rows i..i+3 */
        r[j] = _mm256_permute2x128_si256(b[j], b[j + 4], 0x20);
        r[j + 4] = _mm256_permute2x128_si256(b[j], b[j + 4], 0x31);
    }
}

/* The words at `at` of every lane.  A block that a job does not fill is copied out first, so that only bytes inside
 * the job are read. */
static inline void load(const struct blake3_job *const lane[8], uint32_t at, uint32_t shortest, __m256i m[16])
{
    uint8_t part[8][64];
    const uint8_t *from[8];
    for (unsigned i = 0; i < 8; i++) {
        uint32_t size = lane[i]->size_bytes;
        if (shortest >= at + 64 || size >= at + 64) {
            from[i] = lane[i]->in + at;
            continue;
        }
        memset(part[i], 0, 64);
        if (size > at) memcpy(part[i], lane[i]->in + at, size - at);
        from[i] = part[i];
    }
    for (unsigned i = 0; i < 8; i++) {
        m[i] = _mm256_loadu_si256((const __m256i *)from[i]);
        m[i + 8] = _mm256_loadu_si256((const __m256i *)(from[i] + 32));
    }
    transpose(m);
    transpose(m + 8);
}

static __m256i load8(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* Runs up to eight jobs; lanes without one repeat the first, and what they make is not stored. */
static void run8(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    const __m256i rotr16 = _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14, 9, 8,
                                           11, 10, 5, 4, 7, 6, 1, 0, 3, 2);
    const __m256i rotr8 = _mm256_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14, 13, 8, 11,
                                          10, 9, 4, 7, 6, 5, 0, 3, 2, 1);
    const struct blake3_job *lane[8];
    uint32_t low[8], high[8], flags[8], first[8], last[8], last_block[8], last_size[8];
    uint32_t shortest = UINT32_MAX, blocks_max = 0;
    for (unsigned i = 0; i < 8; i++) {
        const struct blake3_job *t = lane[i] = &job[i < count ? i : 0];
        low[i] = (uint32_t)t->counter, high[i] = (uint32_t)(t->counter >> 32);
        flags[i] = t->flags, first[i] = t->flags_first, last[i] = t->flags_last;
        last_block[i] = t->size_bytes ? (t->size_bytes - 1) / 64 : 0;
        last_size[i] = t->size_bytes - 64 * last_block[i];
        if (t->size_bytes < shortest) shortest = t->size_bytes;
        if (last_block[i] >= blocks_max) blocks_max = last_block[i] + 1;
    }
    __m256i h[8];
    for (unsigned i = 0; i < 8; i++) h[i] = _mm256_set1_epi32((int)key[i]);

    for (uint32_t b = 0; b < blocks_max; b++) {
        __m256i m[16], v[16], now = _mm256_set1_epi32((int)b);
        __m256i is_last = _mm256_cmpeq_epi32(now, load8(last_block)), is_over = _mm256_cmpgt_epi32(now, load8(last_block));
        __m256i f = b == 0 ? _mm256_or_si256(load8(flags), load8(first)) : load8(flags);
        load(lane, 64 * b, shortest, m);
        for (unsigned i = 0; i < 8; i++) v[i] = h[i];
        v[8] = _mm256_set1_epi32((int)BLAKE3_IV0), v[9] = _mm256_set1_epi32((int)BLAKE3_IV1);
        v[10] = _mm256_set1_epi32((int)BLAKE3_IV2), v[11] = _mm256_set1_epi32((int)BLAKE3_IV3);
        v[12] = load8(low), v[13] = load8(high);
        v[14] = _mm256_blendv_epi8(_mm256_set1_epi32(64), load8(last_size), is_last);
        v[15] = _mm256_or_si256(f, _mm256_and_si256(is_last, load8(last)));
        BLAKE3_ROUNDS(BLAKE3_ROUND)
        for (unsigned i = 0; i < 8; i++) h[i] = _mm256_blendv_epi8(XOR(v[i], v[i + 8]), h[i], is_over);
    }
    transpose(h);
    for (unsigned i = 0; i < count; i++) _mm256_storeu_si256((__m256i *)out[i], h[i]);
}

void blake3_run_avx2(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    size_t n;
    for (; count > 1; job += n, out += n, count -= n) run8(key, job, n = count < 8 ? count : 8, out);
    blake3_run_scalar(key, job, count, out); /* alone, a job is faster without lanes */
}
