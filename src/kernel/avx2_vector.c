/* kernel/avx2_vector.c - vectors of floats for AVX2 and FMA: norms, softmax, activations.  The last lanes are masked.  Sums
 * run in eight lanes that are added at the end, in an order that the length alone decides. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/avx2.h"

/* Lanes below n. */
INLINE __m256i lanes_below(size_t n)
{
    int most = n < 8 ? (int)n : 8;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(most), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE __m256 take(const float *p, __m256i lanes) { return _mm256_maskload_ps(p, lanes); } /* 0 elsewhere */

INLINE float added(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
INLINE float largest(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

float avx2_dot(const float *a, const float *b, size_t n)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    }
    for (; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        s0 = _mm256_fmadd_ps(take(a + i, there), take(b + i, there), s0);
    }
    return added(_mm256_add_ps(s0, s1));
}

void avx2_axpy(float a, const float *x, float *y, size_t n)
{
    __m256 v = _mm256_set1_ps(a);
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        _mm256_maskstore_ps(y + i, there, _mm256_fmadd_ps(v, take(x + i, there), take(y + i, there)));
    }
}

void avx2_scale(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        _mm256_maskstore_ps(y + i, there, _mm256_mul_ps(_mm256_set1_ps(a), take(x + i, there)));
    }
}

void avx2_rms_norm(const float *x, const float *w, float eps, size_t n, float *out)
{
    __m256 scale = _mm256_set1_ps(1 / sqrtf(avx2_dot(x, x, n) / (float)n + eps));
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        _mm256_maskstore_ps(out + i, there, _mm256_mul_ps(take(w + i, there), _mm256_mul_ps(take(x + i, there), scale)));
    }
}

void avx2_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out)
{
    __m256 sum = _mm256_setzero_ps(), squares = sum;
    for (size_t i = 0; i < n; i += 8) sum = _mm256_add_ps(sum, take(x + i, lanes_below(n - i)));
    __m256 mean = _mm256_set1_ps(added(sum) / (float)n);
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        __m256 v = _mm256_and_ps(_mm256_sub_ps(take(x + i, there), mean), (__m256)there);
        squares = _mm256_fmadd_ps(v, v, squares);
    }
    __m256 scale = _mm256_set1_ps(1 / sqrtf(added(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(take(x + i, there), mean), scale);
        _mm256_maskstore_ps(out + i, there, _mm256_fmadd_ps(v, take(w + i, there), b ? take(b + i, there) : _mm256_setzero_ps()));
    }
}

/* ------------------------------------------------------------------ softmax */

/* As in avx512_vector.c; what is below the smallest normal number becomes about that. */
INLINE __m256 exp256(__m256 x)
{
    const __m256 high = _mm256_set1_ps(0.693359375f), low = _mm256_set1_ps(-2.12194440e-4f); /* ln 2 in two parts */
    x = _mm256_min_ps(_mm256_set1_ps(88.3f), _mm256_max_ps(_mm256_set1_ps(-87.3f), x)); /* NaN stays: it is the second */
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, low, _mm256_fnmadd_ps(n, high, x));
    __m256 y = _mm256_set1_ps(1.f / 720);
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f / 120));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f / 24));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f / 6));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f / 2));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.f));
    return _mm256_mul_ps(y, (__m256)_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

void avx2_softmax(float *x, size_t n)
{
    const __m256 nothing = _mm256_set1_ps(-INFINITY);
    __m256 top = nothing, sum = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        top = _mm256_max_ps(_mm256_blendv_ps(nothing, take(x + i, there), (__m256)there), top);
    }
    float most = largest(top);
    if (most == -INFINITY) {
        memset(x, 0, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        __m256 v = take(x + i, there), some = _mm256_cmp_ps(v, nothing, _CMP_NEQ_UQ); /* a masked place weighs nothing at all */
        v = _mm256_and_ps(_mm256_and_ps(exp256(_mm256_sub_ps(v, _mm256_set1_ps(most))), some), (__m256)there);
        _mm256_maskstore_ps(x + i, there, v);
        sum = _mm256_add_ps(sum, v);
    }
    __m256 inverse = _mm256_set1_ps(1 / added(sum));
    for (size_t i = 0; i < n; i += 8) {
        __m256i there = lanes_below(n - i);
        _mm256_maskstore_ps(x + i, there, _mm256_mul_ps(take(x + i, there), inverse));
    }
}

/* Lanes i .. i + 7 that lie within [from, end). */
INLINE __m256i within(size_t i, size_t from, size_t end)
{
    return _mm256_andnot_si256(lanes_below(from > i ? from - i : 0), lanes_below(end > i ? end - i : 0));
}

INLINE float weigh(float *s, size_t from, size_t end, size_t n, float *sum)
{
    const __m256 nothing = _mm256_set1_ps(-INFINITY);
    __m256 top = nothing, all = _mm256_setzero_ps();
    for (size_t i = from / 8 * 8; i < end; i += 8) {
        __m256i there = within(i, from, end);
        top = _mm256_max_ps(_mm256_blendv_ps(nothing, _mm256_loadu_ps(s + i), (__m256)there), top);
    }
    float most = largest(top);
    if (most == -INFINITY) end = 0;
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = exp256(_mm256_sub_ps(_mm256_loadu_ps(s + i), _mm256_set1_ps(most)));
        v = _mm256_and_ps(v, (__m256)within(i, from, end));
        _mm256_storeu_ps(s + i, v);
        all = _mm256_add_ps(all, v);
    }
    *sum = added(all);
    return most;
}

float avx2_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    avx2_prepare_f32(s, n, out);
    return most;
}
float avx2_weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    avx2_prepare_bf16(s, n, out);
    return most;
}

/* ------------------------------------------------------------------ activations */

INLINE __m256 size_of(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.f), x); }

INLINE __m256 sigmoid_times(__m256 x, float by)
{
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1), exp256(_mm256_mul_ps(x, _mm256_set1_ps(-by)))));
}
INLINE __m256 silu(__m256 x) { return sigmoid_times(x, 1); }
INLINE __m256 gelu_quick(__m256 x) { return sigmoid_times(x, 1.702f); }

/* (1 - t) / (1 + t) with t = e^-2|x|; near zero, where that would cancel, the series. */
INLINE __m256 tanh256(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    __m256 size = size_of(x), t = exp256(_mm256_mul_ps(size, _mm256_set1_ps(-2)));
    __m256 far = _mm256_div_ps(_mm256_sub_ps(one, t), _mm256_add_ps(one, t)), square = _mm256_mul_ps(x, x);
    __m256 near = _mm256_fmadd_ps(square, _mm256_set1_ps(-17.f / 315), _mm256_set1_ps(2.f / 15));
    near = _mm256_fmadd_ps(near, square, _mm256_set1_ps(-1.f / 3));
    near = _mm256_fmadd_ps(_mm256_mul_ps(near, square), size, size);
    __m256 y = _mm256_blendv_ps(far, near, _mm256_cmp_ps(size, _mm256_set1_ps(0.1f), _CMP_LT_OQ));
    return _mm256_or_ps(y, _mm256_and_ps(x, _mm256_set1_ps(-0.f)));
}

INLINE __m256 gelu_tanh(__m256 x)
{
    __m256 inner = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.044715f * 0.79788456f), _mm256_set1_ps(0.79788456f));
    __m256 half = _mm256_mul_ps(x, _mm256_set1_ps(0.5f));
    return _mm256_fmadd_ps(half, tanh256(_mm256_mul_ps(inner, x)), half);
}

/* The upper tail of the normal distribution by Abramowitz and Stegun 7.1.26, whose error is 1.5e-7 at most. */
INLINE __m256 gelu(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    __m256 z = _mm256_mul_ps(size_of(x), _mm256_set1_ps(0.70710678f)), t = _mm256_div_ps(one, _mm256_fmadd_ps(z, _mm256_set1_ps(0.3275911f), one));
    __m256 y = _mm256_set1_ps(1.061405429f);
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(-1.453152027f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(1.421413741f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(-0.284496736f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(0.254829592f));
    y = _mm256_mul_ps(_mm256_mul_ps(y, t), exp256(_mm256_fnmadd_ps(z, z, _mm256_setzero_ps())));
    __m256 tail = _mm256_mul_ps(x, _mm256_mul_ps(y, _mm256_set1_ps(0.5f))); /* x (1 - Phi(|x|)) */
    return _mm256_blendv_ps(tail, _mm256_sub_ps(x, tail), _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GE_OQ));
}

INLINE __m256 relu(__m256 x) { return _mm256_max_ps(_mm256_setzero_ps(), x); } /* NaN stays: it is the second */

#define ACTIVATE(name, f)                                                                          \
    void name(const float *x, const float *by, size_t n, float *out)                               \
    {                                                                                              \
        for (size_t i = 0; i < n; i += 8) {                                                        \
            __m256i there = lanes_below(n - i);                                                    \
            __m256 y = f(take(x + i, there));                                                      \
            if (by) y = _mm256_mul_ps(y, take(by + i, there));                                     \
            _mm256_maskstore_ps(out + i, there, y);                                                \
        }                                                                                          \
    }
ACTIVATE(avx2_silu, silu)
ACTIVATE(avx2_gelu, gelu)
ACTIVATE(avx2_gelu_tanh, gelu_tanh)
ACTIVATE(avx2_gelu_quick, gelu_quick)
ACTIVATE(avx2_relu, relu)
ACTIVATE(avx2_tanh, tanh256)

/* Eight at a time to the nearest even, as in kernel_to_bf16; none is a NaN. */
INLINE __m256i widen_eight(const uint8_t *q, __m256 by)
{
    __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)q)));
    __m256i u = _mm256_castps_si256(_mm256_mul_ps(v, by));
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    return _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
}

void avx2_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out)
{
    float scale[32], by[64];
    for (size_t i = 0; i < 32; i += 8)
        _mm256_storeu_ps(scale + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(group + 2 * i))));
    for (size_t i = 0; i < 64; i++) by[i] = scale[i / 2];
    for (size_t i = 0; i < pairs; i++) {
        double both;
        memcpy(&both, scale + 2 * i, sizeof both);
        __m256 row = _mm256_castpd_ps(_mm256_set1_pd(both));
        for (size_t j = 0; j < 64; j += 16) {
            const uint8_t *q = group + 64 + 64 * i + j;
            __m256i low = widen_eight(q, is_by_row ? row : _mm256_loadu_ps(by + j)), high = widen_eight(q + 8, is_by_row ? row : _mm256_loadu_ps(by + j + 8));
            _mm256_storeu_si256((__m256i *)(void *)(out + 64 * i + j), _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8));
        }
    }
}
