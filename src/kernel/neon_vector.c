/* kernel/neon_vector.c - vectors of floats for 64-bit ARM: norms, softmax, activations.  Sums run in four lanes that are added at the
 * end, in an order that the length alone decides. */
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/neon.h"

enum { LANES = 4 };

/* Up to four floats; the lanes past the end are 0, and are not stored. */
INLINE float32x4_t take(const float *p, size_t n)
{
    float some[LANES] = { 0 };
    if (n >= LANES) return vld1q_f32(p);
    memcpy(some, p, n * sizeof *p);
    return vld1q_f32(some);
}
INLINE void put(float *p, size_t n, float32x4_t v)
{
    float some[LANES];
    if (n >= LANES) {
        vst1q_f32(p, v);
        return;
    }
    vst1q_f32(some, v);
    memcpy(p, some, n * sizeof *p);
}
/* Lanes below n. */
INLINE uint32x4_t lanes_below(size_t n)
{
    static const uint32_t lane[LANES] = { 0, 1, 2, 3 };
    return vcltq_u32(vld1q_u32(lane), vdupq_n_u32(n < LANES ? (uint32_t)n : LANES));
}
INLINE float32x4_t only(float32x4_t v, uint32x4_t lanes) { return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), lanes)); }
INLINE float32x4_t all_of(float v) { return vdupq_n_f32(v); }

#define EACH(i, n) for (size_t i = 0; i < (n); i += LANES)

float neon_dot(const float *a, const float *b, size_t n)
{
    float32x4_t s0 = all_of(0), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 = vfmaq_f32(s0, vld1q_f32(a + i), vld1q_f32(b + i));
        s1 = vfmaq_f32(s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));
        s2 = vfmaq_f32(s2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));
        s3 = vfmaq_f32(s3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));
    }
    for (; i < n; i += LANES) s0 = vfmaq_f32(s0, take(a + i, n - i), take(b + i, n - i));
    return vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
}

void neon_axpy(float a, const float *x, float *y, size_t n)
{
    EACH(i, n) put(y + i, n - i, vfmaq_n_f32(take(y + i, n - i), take(x + i, n - i), a));
}

void neon_scale(float a, const float *x, float *y, size_t n)
{
    EACH(i, n) put(y + i, n - i, vmulq_n_f32(take(x + i, n - i), a));
}

void neon_rms_norm(const float *x, const float *w, float eps, size_t n, float *out)
{
    float scale = 1 / sqrtf(neon_dot(x, x, n) / (float)n + eps);
    EACH(i, n) put(out + i, n - i, vmulq_f32(take(w + i, n - i), vmulq_n_f32(take(x + i, n - i), scale)));
}

void neon_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out)
{
    float32x4_t sum = all_of(0), squares = sum;
    EACH(i, n) sum = vaddq_f32(sum, take(x + i, n - i));
    float32x4_t mean = all_of(vaddvq_f32(sum) / (float)n);
    EACH(i, n) {
        float32x4_t v = only(vsubq_f32(take(x + i, n - i), mean), lanes_below(n - i));
        squares = vfmaq_f32(squares, v, v);
    }
    float scale = 1 / sqrtf(vaddvq_f32(squares) / (float)n + eps);
    EACH(i, n) {
        float32x4_t v = vmulq_n_f32(vsubq_f32(take(x + i, n - i), mean), scale);
        put(out + i, n - i, vfmaq_f32(b ? take(b + i, n - i) : all_of(0), v, take(w + i, n - i)));
    }
}

/* ------------------------------------------------------------------ softmax */

/* As in avx512_vector.c; what is below the smallest normal number becomes about that. */
INLINE float32x4_t exp4(float32x4_t x)
{
    const float high = 0.693359375f, low = -2.12194440e-4f; /* ln 2 in two parts */
    x = vminq_f32(vmaxq_f32(x, all_of(-87.3f)), all_of(88.3f)); /* NaN stays */
    float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
    float32x4_t r = vfmsq_f32(vfmsq_f32(x, n, all_of(high)), n, all_of(low));
    float32x4_t y = all_of(1.f / 720);
    y = vfmaq_f32(all_of(1.f / 120), y, r);
    y = vfmaq_f32(all_of(1.f / 24), y, r);
    y = vfmaq_f32(all_of(1.f / 6), y, r);
    y = vfmaq_f32(all_of(1.f / 2), y, r);
    y = vfmaq_f32(all_of(1.f), y, r);
    y = vfmaq_f32(all_of(1.f), y, r);
    return vmulq_f32(y, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23)));
}

void neon_softmax(float *x, size_t n)
{
    const float32x4_t nothing = all_of(-INFINITY);
    float32x4_t top = nothing, sum = all_of(0);
    EACH(i, n) top = vmaxnmq_f32(vbslq_f32(lanes_below(n - i), take(x + i, n - i), nothing), top); /* NaN is passed over */
    float most = vmaxvq_f32(top);
    if (most == -INFINITY) {
        memset(x, 0, n * sizeof *x);
        return;
    }
    EACH(i, n) {
        float32x4_t v = take(x + i, n - i);
        uint32x4_t none = vceqq_f32(v, nothing); /* a masked place weighs nothing at all */
        v = only(exp4(vsubq_f32(v, all_of(most))), vbicq_u32(lanes_below(n - i), none));
        put(x + i, n - i, v);
        sum = vaddq_f32(sum, v);
    }
    float inverse = 1 / vaddvq_f32(sum);
    EACH(i, n) put(x + i, n - i, vmulq_n_f32(take(x + i, n - i), inverse));
}

/* Lanes i .. i + 3 that lie within [from, end). */
INLINE uint32x4_t within(size_t i, size_t from, size_t end)
{
    return vbicq_u32(lanes_below(end > i ? end - i : 0), lanes_below(from > i ? from - i : 0));
}

INLINE float weigh(float *s, size_t from, size_t end, size_t n, float *sum)
{
    const float32x4_t nothing = all_of(-INFINITY);
    float32x4_t top = nothing, all = all_of(0);
    for (size_t i = from / LANES * LANES; i < end; i += LANES)
        top = vmaxnmq_f32(vbslq_f32(within(i, from, end), vld1q_f32(s + i), nothing), top);
    float most = vmaxvq_f32(top);
    if (most == -INFINITY) end = 0;
    EACH(i, n) {
        float32x4_t v = only(exp4(vsubq_f32(vld1q_f32(s + i), all_of(most))), within(i, from, end));
        vst1q_f32(s + i, v);
        all = vaddq_f32(all, v);
    }
    *sum = vaddvq_f32(all);
    return most;
}

float neon_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    neon_prepare_f32(s, n, out);
    return most;
}
float neon_weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    neon_prepare_bf16(s, n, out);
    return most;
}

/* ------------------------------------------------------------------ activations */

INLINE float32x4_t sigmoid_times(float32x4_t x, float by) { return vdivq_f32(x, vaddq_f32(all_of(1), exp4(vmulq_n_f32(x, -by)))); }
INLINE float32x4_t silu(float32x4_t x) { return sigmoid_times(x, 1); }
INLINE float32x4_t gelu_quick(float32x4_t x) { return sigmoid_times(x, 1.702f); }

/* (1 - t) / (1 + t) with t = e^-2|x|; near zero, where that would cancel, the series. */
INLINE float32x4_t tanh4(float32x4_t x)
{
    const float32x4_t one = all_of(1);
    float32x4_t size = vabsq_f32(x), t = exp4(vmulq_n_f32(size, -2));
    float32x4_t far = vdivq_f32(vsubq_f32(one, t), vaddq_f32(one, t)), square = vmulq_f32(x, x);
    float32x4_t near = vfmaq_f32(all_of(2.f / 15), square, all_of(-17.f / 315));
    near = vfmaq_f32(all_of(-1.f / 3), near, square);
    near = vfmaq_f32(size, vmulq_f32(near, square), size);
    float32x4_t y = vbslq_f32(vcltq_f32(size, all_of(0.1f)), near, far);
    return vbslq_f32(vdupq_n_u32(0x80000000), x, y);
}

INLINE float32x4_t gelu_tanh(float32x4_t x)
{
    float32x4_t inner = vfmaq_f32(all_of(0.79788456f), vmulq_f32(x, x), all_of(0.044715f * 0.79788456f)), half = vmulq_n_f32(x, 0.5f);
    return vfmaq_f32(half, half, tanh4(vmulq_f32(inner, x)));
}

/* The upper tail of the normal distribution by Abramowitz and Stegun 7.1.26, whose error is 1.5e-7 at most. */
INLINE float32x4_t gelu(float32x4_t x)
{
    const float32x4_t one = all_of(1);
    float32x4_t z = vmulq_n_f32(vabsq_f32(x), 0.70710678f), t = vdivq_f32(one, vfmaq_f32(one, z, all_of(0.3275911f)));
    float32x4_t y = all_of(1.061405429f);
    y = vfmaq_f32(all_of(-1.453152027f), y, t);
    y = vfmaq_f32(all_of(1.421413741f), y, t);
    y = vfmaq_f32(all_of(-0.284496736f), y, t);
    y = vfmaq_f32(all_of(0.254829592f), y, t);
    y = vmulq_f32(vmulq_f32(y, t), exp4(vnegq_f32(vmulq_f32(z, z))));
    float32x4_t tail = vmulq_f32(x, vmulq_n_f32(y, 0.5f)); /* x (1 - Phi(|x|)) */
    return vbslq_f32(vcgeq_f32(x, all_of(0)), vsubq_f32(x, tail), tail);
}

INLINE float32x4_t relu(float32x4_t x) { return vmaxq_f32(x, all_of(0)); } /* NaN stays */

#define ACTIVATE(name, f)                                                                          \
    void name(const float *x, const float *by, size_t n, float *out)                               \
    {                                                                                              \
        EACH(i, n) {                                                                               \
            float32x4_t y = f(take(x + i, n - i));                                                 \
            put(out + i, n - i, by ? vmulq_f32(y, take(by + i, n - i)) : y);                       \
        }                                                                                          \
    }
ACTIVATE(neon_silu, silu)
ACTIVATE(neon_gelu, gelu)
ACTIVATE(neon_gelu_tanh, gelu_tanh)
ACTIVATE(neon_gelu_quick, gelu_quick)
ACTIVATE(neon_relu, relu)
ACTIVATE(neon_tanh, tanh4)

/* Four of eight bytes, in the lower or upper half, to bfloat16, to the nearest even as in kernel_to_bf16; none is a NaN. */
INLINE uint16x4_t widen_four(int16x4_t q, float32x4_t by)
{
    uint32x4_t u = vreinterpretq_u32_f32(vmulq_f32(vcvtq_f32_s32(vmovl_s16(q)), by)), odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    return vshrn_n_u32(vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
}

void neon_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out)
{
    float scale[32], by[64];
    for (size_t i = 0; i < 32; i += LANES) vst1q_f32(scale + i, vcvt_f32_f16(vld1_f16((const float16_t *)(const void *)(group + 2 * i))));
    for (size_t i = 0; i < 64; i++) by[i] = scale[i / 2];
    for (size_t i = 0; i < pairs; i++) {
        float32x2_t both = vld1_f32(scale + 2 * i);
        float32x4_t row = vcombine_f32(both, both);
        for (size_t j = 0; j < 64; j += 8) {
            int16x8_t q = vmovl_s8(vld1_s8((const int8_t *)group + 64 + 64 * i + j));
            vst1_u16(out + 64 * i + j, widen_four(vget_low_s16(q), is_by_row ? row : vld1q_f32(by + j)));
            vst1_u16(out + 64 * i + j + 4, widen_four(vget_high_s16(q), is_by_row ? row : vld1q_f32(by + j + 4)));
        }
    }
}
