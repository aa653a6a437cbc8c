/* kernel/avx512.h - what the files for AVX-512 share: linear layers in two, vectors in the third. */
#ifndef KERNEL_AVX512_H
#define KERNEL_AVX512_H

#include <immintrin.h>

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))

extern const struct kernels kernels_avx512, kernels_avx512_bf16;

void avx512_prepare_f32(const float *x, size_t k, uint8_t *out);
void avx512_prepare_wide_bf16(const float *x, size_t k, uint8_t *out);
void avx512_prepare_q8(const float *x, size_t k, uint8_t *out);
void avx512_prepare_q4m(const float *x, size_t k, uint8_t *out);
void avx512_prepare_q4(const float *x, size_t k, uint8_t *out);
void avx512_narrow(const float *x, size_t n, uint8_t *out);

void avx512_linear_f32(const struct kernel_linear *l);
void avx512_linear_bf16(const struct kernel_linear *l);
void avx512_linear_wide_bf16(const struct kernel_linear *l);
void avx512_linear_q8(const struct kernel_linear *l);
void avx512_linear_q4m(const struct kernel_linear *l);
void avx512_linear_q4(const struct kernel_linear *l);

float avx512_dot(const float *a, const float *b, size_t n);
void avx512_axpy(float a, const float *x, float *y, size_t n);
void avx512_scale(float a, const float *x, float *y, size_t n);
void avx512_rms_norm(const float *x, const float *w, float eps, size_t n, float *out);
void avx512_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out);
void avx512_softmax(float *x, size_t n);
void avx512_silu(const float *x, const float *by, size_t n, float *out);
void avx512_gelu(const float *x, const float *by, size_t n, float *out);
void avx512_gelu_tanh(const float *x, const float *by, size_t n, float *out);
void avx512_gelu_quick(const float *x, const float *by, size_t n, float *out);
void avx512_relu(const float *x, const float *by, size_t n, float *out);
void avx512_tanh(const float *x, const float *by, size_t n, float *out);
float avx512_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
float avx512_weigh_wide_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
float avx512_weights_of(float *s, size_t from, size_t end, size_t n, float *sum); /* as weigh, but for `out` */
void avx512_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out);

/* The lanes of what is left, sixteen at most. */
INLINE __mmask16 avx512_first(size_t left)
{
    unsigned lanes = left >= 16 ? 0xffffu : (1u << left) - 1;
    return (__mmask16)lanes;
}

/* To what a bfloat16 can say, the nearest even of two; NaN stays NaN.  As kernel_to_bf16. */
INLINE __m512 avx512_rounded(__m512 x)
{
    __m512i bits = (__m512i)x, odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 is_number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    up = _mm512_mask_mov_epi32(_mm512_or_si512(bits, _mm512_set1_epi32(0x400000)), is_number, up);
    return (__m512)_mm512_and_si512(up, _mm512_set1_epi32((int)0xffff0000));
}

/* Of both tables. */
#define AVX512_VECTORS                                                                                                       \
    .dot = avx512_dot, .axpy = avx512_axpy, .scale = avx512_scale, .rms_norm = avx512_rms_norm, .layer_norm = avx512_layer_norm, \
    .softmax = avx512_softmax,                                                                                               \
    .activate = { avx512_silu, avx512_gelu, avx512_gelu_tanh, avx512_gelu_quick, avx512_relu, avx512_tanh }, .widen = avx512_widen

#endif
