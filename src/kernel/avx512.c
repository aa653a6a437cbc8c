/* kernel/avx512.c - for AVX-512 F, BW, DQ, VL, VNNI and BF16.
 *
 * A tile is so many rows of activations against one panel of 32 outputs, that is two registers of results a row.  Every
 * weight is loaded once a tile and used for all of its rows; the rows' activations are broadcast from memory.  Whatever
 * the tile, an output is summed over the inputs in their order, so that its bits do not depend on it.  Single rows are
 * bound by memory: there the weights are asked for ahead of their use. */
#include <immintrin.h>
#include <string.h>

#include "base/str.h"
#include "kernel/avx512.h"

#define UNROLL _Pragma("GCC unroll 16")

enum { AHEAD = 4096 }; /* bytes: how far ahead of its use a single row's weights are asked for */

/* Runs tile(rows) over all rows of a panel: as many as possible at once, then what is left. */
#define EACH_ROW(l, most, tile)                                        \
    do {                                                               \
        size_t r = 0;                                                  \
        for (; (l)->rows - r >= (most); r += (most)) tile(most);       \
        for (; (l)->rows - r >= 4; r += 4) tile(4);                    \
        for (; (l)->rows - r >= 2; r += 2) tile(2);                    \
        if (r < (l)->rows) tile(1);                                    \
    } while (0)

INLINE float *result(const struct kernel_linear *l, size_t p, size_t r) { return l->y + r * l->stride + p * KERNEL_PANEL; }

/* The two lines of weights that a row will want so far on. */
INLINE void ask_ahead(const uint8_t *w)
{
    _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
    _mm_prefetch((const char *)w + 64 + AHEAD, _MM_HINT_T0);
}

INLINE void store(const struct kernel_linear *l, size_t p, size_t r0, const size_t rows, const __m512 (*acc)[2])
{
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t h = 0; h < 2; h++) {
            float *y = result(l, p, r0 + r) + 16 * h;
            _mm512_storeu_ps(y, l->adds ? _mm512_add_ps(_mm512_loadu_ps(y), acc[r][h]) : acc[r][h]);
        }
}

/* ------------------------------------------------------------------ float32 */

INLINE void tile_f32(const struct kernel_linear *l, size_t p, size_t r0, const size_t rows)
{
    const float *w = (const float *)(const void *)(l->w + p * l->panel_bytes);
    __m512 acc[12][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    for (size_t i = 0; i < l->k; i++, w += KERNEL_PANEL) {
        __m512 w0 = _mm512_load_ps(w), w1 = _mm512_load_ps(w + 16);
        if (rows == 1) ask_ahead((const uint8_t *)w);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(((const float *)(const void *)(l->x + (r0 + r) * l->row_bytes))[i]);
            acc[r][0] = _mm512_fmadd_ps(x, w0, acc[r][0]);
            acc[r][1] = _mm512_fmadd_ps(x, w1, acc[r][1]);
        }
    }
    store(l, p, r0, rows, acc);
}

static void linear_f32(const struct kernel_linear *l)
{
#define TILE(n) tile_f32(l, p, r, (n))
    for (size_t p = l->first; p < l->end; p++) EACH_ROW(l, 12, TILE);
#undef TILE
}

/* ------------------------------------------------------------------ bfloat16 */

/* Two bfloat16 of activations, in every lane. */
INLINE __m512bh pair(const struct kernel_linear *l, size_t r, size_t i)
{
    int32_t both;
    memcpy(&both, l->x + r * l->row_bytes + 4 * i, 4);
    return (__m512bh)_mm512_set1_epi32(both);
}

INLINE void tile_bf16(const struct kernel_linear *l, size_t p, size_t r0, const size_t rows)
{
    const uint8_t *w = l->w + p * l->panel_bytes;
    __m512 acc[12][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    for (size_t i = 0; i < (l->k + 1) / 2; i++, w += 128) {
        __m512bh w0 = (__m512bh)_mm512_load_si512(w), w1 = (__m512bh)_mm512_load_si512(w + 64);
        if (rows == 1) ask_ahead(w);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512bh x = pair(l, r0 + r, i);
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], w0, x);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], w1, x);
        }
    }
    store(l, p, r0, rows, acc);
}

static void linear_bf16(const struct kernel_linear *l)
{
#define TILE(n) tile_bf16(l, p, r, (n))
    for (size_t p = l->first; p < l->end; p++) EACH_ROW(l, 12, TILE);
#undef TILE
}

void avx512_prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    size_t i = 0;
    for (; i + 32 <= k; i += 32)
        _mm512_storeu_si512(out + 2 * i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
    uint16_t *h = (uint16_t *)(void *)out;
    for (; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}

/* ------------------------------------------------------------------ 8 and 4 bits, in groups of 32 */

struct qrow {
    const uint8_t *q;
    const float *scale;
    const int32_t *sum;
};
INLINE struct qrow qrow(const struct kernel_linear *l, size_t r, size_t groups)
{
    const uint8_t *q = l->x + r * l->row_bytes;
    const float *scale = (const float *)(const void *)(q + groups * KERNEL_GROUP);
    return (struct qrow){ q, scale, (const int32_t *)(const void *)(scale + groups) };
}
INLINE __m512i four(const uint8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm512_set1_epi32(v);
}
INLINE __m512 half16(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)p)); }

/* Adds one group's products, scaled, to the sums of a row. */
INLINE void add_group(__m512 acc[2], const __m512i products[2], const struct qrow *x, size_t g, __m512 scale0, __m512 scale1)
{
    __m512 s = _mm512_set1_ps(x->scale[g]);
    acc[0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[0]), _mm512_mul_ps(scale0, s), acc[0]);
    acc[1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[1]), _mm512_mul_ps(scale1, s), acc[1]);
}

INLINE void tile_q8(const struct kernel_linear *l, size_t p, size_t r0, const size_t rows)
{
    const uint8_t *w = l->w + p * l->panel_bytes;
    size_t groups = (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    struct qrow x[6];
    __m512 acc[6][2];
    UNROLL for (size_t r = 0; r < rows; r++) {
        x[r] = qrow(l, r0 + r, groups);
        acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    }
    for (size_t g = 0; g < groups; g++, w += 1088) {
        __m512i products[6][2];
        UNROLL for (size_t r = 0; r < rows; r++) products[r][0] = products[r][1] = _mm512_set1_epi32(-128 * x[r].sum[g]);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 4; i++) {
            __m512i w0 = _mm512_load_si512(w + 64 + 128 * i), w1 = _mm512_load_si512(w + 128 + 128 * i);
            if (rows == 1) ask_ahead(w + 128 * i);
            UNROLL for (size_t r = 0; r < rows; r++) {
                __m512i v = four(x[r].q + g * KERNEL_GROUP + 4 * i);
                products[r][0] = _mm512_dpbusd_epi32(products[r][0], w0, v);
                products[r][1] = _mm512_dpbusd_epi32(products[r][1], w1, v);
            }
        }
        __m512 s0 = half16(w), s1 = half16(w + 32);
        UNROLL for (size_t r = 0; r < rows; r++) add_group(acc[r], products[r], &x[r], g, s0, s1);
    }
    store(l, p, r0, rows, acc);
}

INLINE void tile_q4(const struct kernel_linear *l, size_t p, size_t r0, const size_t rows)
{
    const uint8_t *w = l->w + p * l->panel_bytes;
    const __m512i low = _mm512_set1_epi8(15);
    size_t groups = (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    struct qrow x[6];
    __m512 acc[6][2];
    UNROLL for (size_t r = 0; r < rows; r++) {
        x[r] = qrow(l, r0 + r, groups);
        acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    }
    for (size_t g = 0; g < groups; g++, w += 576) {
        __m512i products[6][2];
        UNROLL for (size_t r = 0; r < rows; r++) products[r][0] = products[r][1] = _mm512_set1_epi32(-8 * x[r].sum[g]);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 8; i++) {
            __m512i b0 = _mm512_load_si512(w + 64 + 128 * i), b1 = _mm512_load_si512(w + 128 + 128 * i);
            if (rows == 1) ask_ahead(w + 128 * i);
            __m512i w0 = _mm512_and_si512(b0, low), w1 = _mm512_and_si512(b1, low);
            __m512i w2 = _mm512_and_si512(_mm512_srli_epi16(b0, 4), low), w3 = _mm512_and_si512(_mm512_srli_epi16(b1, 4), low);
            UNROLL for (size_t r = 0; r < rows; r++) {
                __m512i v = four(x[r].q + g * KERNEL_GROUP + 8 * i), u = four(x[r].q + g * KERNEL_GROUP + 8 * i + 4);
                products[r][0] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(products[r][0], w0, v), w2, u);
                products[r][1] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(products[r][1], w1, v), w3, u);
            }
        }
        __m512 s0 = half16(w), s1 = half16(w + 32);
        UNROLL for (size_t r = 0; r < rows; r++) add_group(acc[r], products[r], &x[r], g, s0, s1);
    }
    store(l, p, r0, rows, acc);
}

static void linear_q8(const struct kernel_linear *l)
{
#define TILE(n) tile_q8(l, p, r, (n))
    for (size_t p = l->first; p < l->end; p++) EACH_ROW(l, 6, TILE);
#undef TILE
}
static void linear_q4(const struct kernel_linear *l)
{
#define TILE(n) tile_q4(l, p, r, (n))
    for (size_t p = l->first; p < l->end; p++) EACH_ROW(l, 6, TILE);
#undef TILE
}

static void prepare_q(const float *x, size_t k, uint8_t *out)
{
    size_t groups = (k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    float *scale = (float *)(void *)(out + groups * KERNEL_GROUP);
    int32_t *sum = (int32_t *)(void *)(scale + groups);
    for (size_t g = 0; g < groups; g++) {
        size_t from = g * KERNEL_GROUP, n = k - from < KERNEL_GROUP ? k - from : KERNEL_GROUP;
        __mmask32 there = n == KERNEL_GROUP ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1;
        __m512 a = _mm512_maskz_loadu_ps((__mmask16)there, x + from), b = _mm512_maskz_loadu_ps((__mmask16)(there >> 16), x + from + 16);
        /* A comparison with NaN is false, and the maximum then takes the second operand. */
        float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_max_ps(_mm512_abs_ps(b), _mm512_setzero_ps())));
        __m512 inverse = _mm512_set1_ps(most > 0 ? 127 / most : 0);
        __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)), qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
        scale[g] = most / 127;
        sum[g] = _mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb));
        _mm_storeu_si128((__m128i *)(void *)(out + from), _mm512_cvtepi32_epi8(qa));
        _mm_storeu_si128((__m128i *)(void *)(out + from + 16), _mm512_cvtepi32_epi8(qb));
    }
}

void avx512_prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .prepare = { avx512_prepare_f32, avx512_prepare_bf16, prepare_q, prepare_q },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4 },
    .dot = avx512_dot,
    .axpy = avx512_axpy,
    .rms_norm = avx512_rms_norm,
    .layer_norm = avx512_layer_norm,
    .softmax = avx512_softmax,
    .activate = { avx512_silu, avx512_gelu, avx512_gelu_tanh, avx512_gelu_quick, avx512_relu, avx512_tanh },
    .weigh = { avx512_weigh_f32, avx512_weigh_bf16 },
};
