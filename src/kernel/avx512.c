/* kernel/avx512.c - for AVX-512 F, BW, DQ, VL, VNNI and BF16.
 *
 * A tile is so many rows of activations against one panel of 32 outputs, that is two registers of results a row.  Every
 * weight is loaded once a tile and used for all of its rows; the rows' activations are broadcast from memory.  Single
 * rows are bound by memory: there the inputs are walked at several places at once, so that more loads are under way and
 * no addition waits for the one before. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))
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
    UNROLL for (size_t r = 0; r < rows; r++) {
        _mm512_storeu_ps(result(l, p, r0 + r), acc[r][0]);
        _mm512_storeu_ps(result(l, p, r0 + r) + 16, acc[r][1]);
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
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(((const float *)(const void *)(l->x + (r0 + r) * l->row_bytes))[i]);
            acc[r][0] = _mm512_fmadd_ps(x, w0, acc[r][0]);
            acc[r][1] = _mm512_fmadd_ps(x, w1, acc[r][1]);
        }
    }
    store(l, p, r0, rows, acc);
}

/* One row: four inputs at a time, each with sums of its own. */
static void row_f32(const struct kernel_linear *l, size_t p, size_t r)
{
    const float *w = (const float *)(const void *)(l->w + p * l->panel_bytes), *x = (const float *)(const void *)(l->x + r * l->row_bytes);
    __m512 acc[4][2];
    size_t i = 0;
    UNROLL for (size_t u = 0; u < 4; u++) acc[u][0] = acc[u][1] = _mm512_setzero_ps();
    for (; i + 4 <= l->k; i += 4, w += 4 * KERNEL_PANEL)
        UNROLL for (size_t u = 0; u < 4; u++) {
            ask_ahead((const uint8_t *)(w + u * KERNEL_PANEL));
            __m512 v = _mm512_set1_ps(x[i + u]);
            acc[u][0] = _mm512_fmadd_ps(v, _mm512_load_ps(w + u * KERNEL_PANEL), acc[u][0]);
            acc[u][1] = _mm512_fmadd_ps(v, _mm512_load_ps(w + u * KERNEL_PANEL + 16), acc[u][1]);
        }
    for (; i < l->k; i++, w += KERNEL_PANEL) {
        __m512 v = _mm512_set1_ps(x[i]);
        acc[0][0] = _mm512_fmadd_ps(v, _mm512_load_ps(w), acc[0][0]);
        acc[0][1] = _mm512_fmadd_ps(v, _mm512_load_ps(w + 16), acc[0][1]);
    }
    for (size_t h = 0; h < 2; h++)
        _mm512_storeu_ps(result(l, p, r) + 16 * h,
                         _mm512_add_ps(_mm512_add_ps(acc[0][h], acc[1][h]), _mm512_add_ps(acc[2][h], acc[3][h])));
}

static void linear_f32(const struct kernel_linear *l)
{
#define TILE(n) ((n) == 1 ? row_f32(l, p, r) : tile_f32(l, p, r, (n)))
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
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512bh x = pair(l, r0 + r, i);
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], w0, x);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], w1, x);
        }
    }
    store(l, p, r0, rows, acc);
}

static void row_bf16(const struct kernel_linear *l, size_t p, size_t r)
{
    const uint8_t *w = l->w + p * l->panel_bytes;
    size_t i = 0, pairs = (l->k + 1) / 2;
    __m512 acc[4][2];
    UNROLL for (size_t u = 0; u < 4; u++) acc[u][0] = acc[u][1] = _mm512_setzero_ps();
    for (; i + 4 <= pairs; i += 4, w += 4 * 128)
        UNROLL for (size_t u = 0; u < 4; u++) {
            ask_ahead(w + 128 * u);
            acc[u][0] = _mm512_dpbf16_ps(acc[u][0], (__m512bh)_mm512_load_si512(w + 128 * u), pair(l, r, i + u));
            acc[u][1] = _mm512_dpbf16_ps(acc[u][1], (__m512bh)_mm512_load_si512(w + 128 * u + 64), pair(l, r, i + u));
        }
    for (; i < pairs; i++, w += 128) {
        acc[0][0] = _mm512_dpbf16_ps(acc[0][0], (__m512bh)_mm512_load_si512(w), pair(l, r, i));
        acc[0][1] = _mm512_dpbf16_ps(acc[0][1], (__m512bh)_mm512_load_si512(w + 64), pair(l, r, i));
    }
    for (size_t h = 0; h < 2; h++)
        _mm512_storeu_ps(result(l, p, r) + 16 * h,
                         _mm512_add_ps(_mm512_add_ps(acc[0][h], acc[1][h]), _mm512_add_ps(acc[2][h], acc[3][h])));
}

static void linear_bf16(const struct kernel_linear *l)
{
#define TILE(n) ((n) == 1 ? row_bf16(l, p, r) : tile_bf16(l, p, r, (n)))
    for (size_t p = l->first; p < l->end; p++) EACH_ROW(l, 12, TILE);
#undef TILE
}

static void prepare_bf16(const float *x, size_t k, uint8_t *out)
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

/* ------------------------------------------------------------------ vectors */

/* The lanes of what is left, sixteen at most. */
INLINE __mmask16 first(size_t left)
{
    unsigned lanes = left >= 16 ? 0xffffu : (1u << left) - 1;
    return (__mmask16)lanes;
}

static float dot(const float *a, const float *b, size_t n)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
        s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    }
    for (; i < n; i += 16) {
        __mmask16 there = first(n - i);
        s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, a + i), _mm512_maskz_loadu_ps(there, b + i), s0);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    __m512 v = _mm512_set1_ps(a);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        _mm512_mask_storeu_ps(y + i, there, _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(there, x + i), _mm512_maskz_loadu_ps(there, y + i)));
    }
}

static void rms_norm(const float *x, const float *w, float eps, size_t n, float *out)
{
    __m512 scale = _mm512_set1_ps(1 / sqrtf(dot(x, x, n) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, x + i), scale);
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(_mm512_maskz_loadu_ps(there, w + i), v));
    }
}

/* e^x, error below 2 units in the last place: 2^n times a polynomial of degree 6 on |r| <= ln 2 / 2.  Coefficients: the
 * Taylor series, which is good enough on so short a range. */
INLINE __m512 exp512(__m512 x)
{
    const __m512 high = _mm512_set1_ps(0.693359375f), low = _mm512_set1_ps(-2.12194440e-4f); /* ln 2 in two parts */
    x = _mm512_min_ps(_mm512_set1_ps(88.72283f), _mm512_max_ps(_mm512_set1_ps(-104.f), x));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, low, _mm512_fnmadd_ps(n, high, x));
    __m512 y = _mm512_set1_ps(1.f / 720);
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f / 120));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f / 24));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f / 6));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f / 2));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.f));
    return _mm512_scalef_ps(y, n);
}

static void softmax(float *x, size_t n)
{
    const __m512 nothing = _mm512_set1_ps(-INFINITY);
    __m512 most = nothing, sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        most = _mm512_max_ps(most, _mm512_mask_loadu_ps(nothing, there, x + i));
    }
    float top = _mm512_reduce_max_ps(most);
    if (top == -INFINITY) {
        memset(x, 0, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        __m512 v = _mm512_maskz_loadu_ps(there, x + i);
        __mmask16 some = _mm512_mask_cmp_ps_mask(there, v, nothing, _CMP_NEQ_UQ); /* a masked place weighs nothing at all */
        v = _mm512_maskz_mov_ps(some, exp512(_mm512_sub_ps(v, _mm512_set1_ps(top))));
        _mm512_mask_storeu_ps(x + i, there, v);
        sum = _mm512_add_ps(sum, v);
    }
    __m512 inverse = _mm512_set1_ps(1 / _mm512_reduce_add_ps(sum));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        _mm512_mask_storeu_ps(x + i, there, _mm512_mul_ps(_mm512_maskz_loadu_ps(there, x + i), inverse));
    }
}

static void silu_mul(const float *gate, const float *up, size_t n, float *out)
{
    const __m512 one = _mm512_set1_ps(1);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = first(n - i);
        __m512 g = _mm512_maskz_loadu_ps(there, gate + i), u = _mm512_maskz_loadu_ps(there, up + i);
        __m512 e = exp512(_mm512_sub_ps(_mm512_setzero_ps(), g));
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(_mm512_div_ps(g, _mm512_add_ps(one, e)), u));
    }
}

static void prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

extern const struct kernels kernels_avx512;
const struct kernels kernels_avx512 = {
    .name = "avx512",
    .prepare = { prepare_f32, prepare_bf16, prepare_q, prepare_q },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4 },
    .dot = dot,
    .axpy = axpy,
    .rms_norm = rms_norm,
    .softmax = softmax,
    .silu_mul = silu_mul,
};
