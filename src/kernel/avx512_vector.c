/* kernel/avx512_vector.c - vectors of floats for AVX-512: norms, softmax, activations.  Any length: the last lanes are
 * masked.  Sums run in sixteen or more lanes that are added at the end, in an order that the length alone decides. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/avx512.h"

float avx512_dot(const float *a, const float *b, size_t n)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
        s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    }
    for (; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, a + i), _mm512_maskz_loadu_ps(there, b + i), s0);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));
}

void avx512_axpy(float a, const float *x, float *y, size_t n)
{
    __m512 v = _mm512_set1_ps(a);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        _mm512_mask_storeu_ps(y + i, there, _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(there, x + i), _mm512_maskz_loadu_ps(there, y + i)));
    }
}

void avx512_scale(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        _mm512_mask_storeu_ps(y + i, there, _mm512_mul_ps(_mm512_set1_ps(a), _mm512_maskz_loadu_ps(there, x + i)));
    }
}

void avx512_rms_norm(const float *x, const float *w, float eps, size_t n, float *out)
{
    __m512 scale = _mm512_set1_ps(1 / sqrtf(avx512_dot(x, x, n) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
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

void avx512_softmax(float *x, size_t n)
{
    const __m512 nothing = _mm512_set1_ps(-INFINITY);
    __m512 most = nothing, sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        most = _mm512_max_ps(most, _mm512_mask_loadu_ps(nothing, there, x + i));
    }
    float top = _mm512_reduce_max_ps(most);
    if (top == -INFINITY) {
        memset(x, 0, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        __m512 v = _mm512_maskz_loadu_ps(there, x + i);
        __mmask16 some = _mm512_mask_cmp_ps_mask(there, v, nothing, _CMP_NEQ_UQ); /* a masked place weighs nothing at all */
        v = _mm512_maskz_mov_ps(some, exp512(_mm512_sub_ps(v, _mm512_set1_ps(top))));
        _mm512_mask_storeu_ps(x + i, there, v);
        sum = _mm512_add_ps(sum, v);
    }
    __m512 inverse = _mm512_set1_ps(1 / _mm512_reduce_add_ps(sum));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        _mm512_mask_storeu_ps(x + i, there, _mm512_mul_ps(_mm512_maskz_loadu_ps(there, x + i), inverse));
    }
}

/* ------------------------------------------------------------------ norms */

void avx512_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out)
{
    __m512 sum = _mm512_setzero_ps(), squares = sum;
    for (size_t i = 0; i < n; i += 16) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(avx512_first(n - i), x + i));
    __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / (float)n);
    for (size_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_maskz_sub_ps(avx512_first(n - i), _mm512_maskz_loadu_ps(avx512_first(n - i), x + i), mean);
        squares = _mm512_fmadd_ps(v, v, squares);
    }
    __m512 scale = _mm512_set1_ps(1 / sqrtf(_mm512_reduce_add_ps(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        __m512 v = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(there, x + i), mean), scale);
        __m512 add = b ? _mm512_maskz_loadu_ps(there, b + i) : _mm512_setzero_ps();
        _mm512_mask_storeu_ps(out + i, there, _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(there, w + i), add));
    }
}

/* ------------------------------------------------------------------ activations */

INLINE __m512 negative(__m512 x) { return _mm512_sub_ps(_mm512_setzero_ps(), x); }

INLINE __m512 sigmoid_times(__m512 x, float by)
{
    __m512 e = exp512(_mm512_mul_ps(x, _mm512_set1_ps(-by)));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1), e));
}
INLINE __m512 silu(__m512 x) { return sigmoid_times(x, 1); }
INLINE __m512 gelu_quick(__m512 x) { return sigmoid_times(x, 1.702f); }

/* (1 - t) / (1 + t) with t = e^-2|x|; near zero, where that would cancel, the series. */
INLINE __m512 tanh512(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1);
    __m512 size = _mm512_abs_ps(x), t = exp512(_mm512_mul_ps(size, _mm512_set1_ps(-2)));
    __m512 far = _mm512_div_ps(_mm512_sub_ps(one, t), _mm512_add_ps(one, t)), square = _mm512_mul_ps(x, x);
    __m512 near = _mm512_fmadd_ps(square, _mm512_set1_ps(-17.f / 315), _mm512_set1_ps(2.f / 15));
    near = _mm512_fmadd_ps(near, square, _mm512_set1_ps(-1.f / 3));
    near = _mm512_fmadd_ps(_mm512_mul_ps(near, square), size, size);
    __m512 y = _mm512_mask_mov_ps(far, _mm512_cmp_ps_mask(size, _mm512_set1_ps(0.1f), _CMP_LT_OQ), near);
    return _mm512_mask_sub_ps(y, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), _mm512_setzero_ps(), y);
}

INLINE __m512 gelu_tanh(__m512 x)
{
    __m512 inner = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(0.044715f * 0.79788456f), _mm512_set1_ps(0.79788456f));
    __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
    return _mm512_fmadd_ps(half, tanh512(_mm512_mul_ps(inner, x)), half);
}

/* The upper tail of the normal distribution by Abramowitz and Stegun 7.1.26, whose error is 1.5e-7 at most. */
INLINE __m512 gelu(__m512 x)
{
    __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678f));
    __m512 t = _mm512_div_ps(_mm512_set1_ps(1), _mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), _mm512_set1_ps(1)));
    __m512 y = _mm512_set1_ps(1.061405429f);
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-1.453152027f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(1.421413741f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-0.284496736f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.254829592f));
    y = _mm512_mul_ps(_mm512_mul_ps(y, t), exp512(negative(_mm512_mul_ps(z, z))));
    __m512 tail = _mm512_mul_ps(x, _mm512_mul_ps(y, _mm512_set1_ps(0.5f))); /* x (1 - Phi(|x|)) */
    return _mm512_mask_sub_ps(tail, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ), x, tail);
}

INLINE __m512 relu(__m512 x) { return _mm512_max_ps(_mm512_setzero_ps(), x); } /* NaN stays: it is the second */

#define ACTIVATE(name, f)                                                                          \
    void name(const float *x, const float *by, size_t n, float *out)                               \
    {                                                                                              \
        for (size_t i = 0; i < n; i += 16) {                                                       \
            __mmask16 there = avx512_first(n - i);                                                        \
            __m512 y = f(_mm512_maskz_loadu_ps(there, x + i));                                     \
            if (by) y = _mm512_mul_ps(y, _mm512_maskz_loadu_ps(there, by + i));                    \
            _mm512_mask_storeu_ps(out + i, there, y);                                              \
        }                                                                                          \
    }
ACTIVATE(avx512_silu, silu)
ACTIVATE(avx512_gelu, gelu)
ACTIVATE(avx512_gelu_tanh, gelu_tanh)
ACTIVATE(avx512_gelu_quick, gelu_quick)
ACTIVATE(avx512_relu, relu)
ACTIVATE(avx512_tanh, tanh512)

/* ------------------------------------------------------------------ attention's softmax */

/* Lanes i .. i + 15 that lie within [from, end). */
INLINE __mmask16 within(size_t i, size_t from, size_t end)
{
    __mmask16 below = end > i ? avx512_first(end - i) : 0, before = from > i ? avx512_first(from - i) : 0;
    return (__mmask16)(below & ~before);
}

float avx512_weights_of(float *s, size_t from, size_t end, size_t n, float *sum)
{
    const __m512 nothing = _mm512_set1_ps(-INFINITY);
    __m512 top = nothing, all = _mm512_setzero_ps();
    for (size_t i = from / 16 * 16; i < end; i += 16) top = _mm512_max_ps(_mm512_mask_loadu_ps(nothing, within(i, from, end), s + i), top);
    float most = _mm512_reduce_max_ps(top);
    if (most == -INFINITY) end = 0;
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = within(i, from, end);
        __m512 v = _mm512_setzero_ps();
        if (there) v = _mm512_maskz_mov_ps(there, exp512(_mm512_sub_ps(_mm512_loadu_ps(s + i), _mm512_set1_ps(most))));
        _mm512_storeu_ps(s + i, v);
        all = _mm512_add_ps(all, v);
    }
    *sum = _mm512_reduce_add_ps(all);
    return most;
}

float avx512_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = avx512_weights_of(s, from, end, n, sum);
    avx512_prepare_f32(s, n, out);
    return most;
}
float avx512_weigh_wide_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = avx512_weights_of(s, from, end, n, sum);
    avx512_prepare_wide_bf16(s, n, out);
    return most;
}

void avx512_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out)
{
    float scale[32];
    __m512 by[4];
    const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    for (size_t i = 0; i < 32; i += 16) {
        __m512 v = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(group + 2 * i)));
        _mm512_storeu_ps(scale + i, v);
        by[i / 8] = _mm512_permutexvar_ps(twice, v);
        by[i / 8 + 1] = _mm512_permutexvar_ps(_mm512_add_epi32(twice, _mm512_set1_epi32(8)), v);
    }
    for (size_t i = 0; i < pairs; i++) {
        double both;
        memcpy(&both, scale + 2 * i, sizeof both);
        __m512 row = _mm512_castpd_ps(_mm512_set1_pd(both));
        for (size_t j = 0; j < 4; j++) {
            const uint8_t *q = group + 64 + 64 * i + 16 * j;
            __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)q)));
            __m512i h = (__m512i)avx512_rounded(_mm512_mul_ps(v, is_by_row ? row : by[j]));
            _mm256_storeu_si256((__m256i *)(void *)(out + 64 * i + 16 * j), _mm512_cvtepi32_epi16(_mm512_srli_epi32(h, 16)));
        }
    }
}
