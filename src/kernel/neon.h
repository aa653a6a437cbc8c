/* kernel/neon.h - what the two files for NEON share: linear layers in one, vectors in the other. */
#ifndef KERNEL_NEON_H
#define KERNEL_NEON_H

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))

extern const struct kernels kernels_neon;

void neon_prepare_f32(const float *x, size_t k, uint8_t *out);
void neon_prepare_bf16(const float *x, size_t k, uint8_t *out);

float neon_dot(const float *a, const float *b, size_t n);
void neon_axpy(float a, const float *x, float *y, size_t n);
void neon_scale(float a, const float *x, float *y, size_t n);
void neon_rms_norm(const float *x, const float *w, float eps, size_t n, float *out);
void neon_layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out);
void neon_softmax(float *x, size_t n);
void neon_silu(const float *x, const float *by, size_t n, float *out);
void neon_gelu(const float *x, const float *by, size_t n, float *out);
void neon_gelu_tanh(const float *x, const float *by, size_t n, float *out);
void neon_gelu_quick(const float *x, const float *by, size_t n, float *out);
void neon_relu(const float *x, const float *by, size_t n, float *out);
void neon_tanh(const float *x, const float *by, size_t n, float *out);
float neon_weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
float neon_weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
void neon_widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out);

#endif
