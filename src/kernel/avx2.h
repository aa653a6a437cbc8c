/* kernel/avx2.h - what the two files for AVX2 share: linear layers in one, vectors in the other. */
#ifndef KERNEL_AVX2_H
#define KERNEL_AVX2_H

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))

extern const struct kernels kernels_avx2, kernels_avxvnni;

void avx2_prepare_f32(const float *x, size_t k, uint8_t *out);
void avx2_prepare_bf16(const float *x, size_t k, uint8_t *out);

float avx2_dot(const float *a, const float *b, size_t n);
void avx2_axpy(float a, const float *x, float *y, size_t n);
void avx2_scale(float a, const float *x, float *y, size_t n);
void avx2_rms_norm(const float *x, const float *w, float eps, size_t n, float *out);
void avx2_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out);
void avx2_softmax(float *x, size_t n);
void avx2_silu(const float *x, const float *by, size_t n, float *out);
void avx2_gelu(const float *x, const float *by, size_t n, float *out);
void avx2_gelu_tanh(const float *x, const float *by, size_t n, float *out);
void avx2_gelu_quick(const float *x, const float *by, size_t n, float *out);
void avx2_relu(const float *x, const float *by, size_t n, float *out);
void avx2_tanh(const float *x, const float *by, size_t n, float *out);
float avx2_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
float avx2_weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
void avx2_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out);

#endif
