/* kernel/scalar.c - the definition of every kernel: plain, slow, always built. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/kernel.h"

static void prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

static void prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    uint16_t *h = (uint16_t *)(void *)out;
    for (size_t i = 0; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}

/* Where the scales and sums of a quantised row stand. */
static const float *row_scale(const uint8_t *row, size_t groups) { return (const float *)(const void *)(row + groups * KERNEL_GROUP); }
static const int32_t *row_sum(const uint8_t *row, size_t groups) { return (const int32_t *)(const void *)(row_scale(row, groups) + groups); }

static void prepare_q(const float *x, size_t k, uint8_t *out)
{
    size_t groups = (k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    float *scale = (float *)(void *)(out + groups * KERNEL_GROUP);
    int32_t *sum = (int32_t *)(void *)(scale + groups);
    for (size_t g = 0; g < groups; g++) {
        size_t from = g * KERNEL_GROUP, n = k - from < KERNEL_GROUP ? k - from : KERNEL_GROUP;
        int8_t *q = (int8_t *)out + from;
        float most = 0;
        for (size_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[from + i]));
        float inverse = most > 0 ? 127 / most : 0;
        scale[g] = most / 127;
        sum[g] = 0;
        for (size_t i = 0; i < KERNEL_GROUP; i++) {
            float v = i < n ? nearbyintf(x[from + i] * inverse) : 0;
            q[i] = v >= -127 && v <= 127 ? (int8_t)v : 0; /* NaN: the scale may carry it, the integers cannot */
            sum[g] += q[i];
        }
    }
}

static void linear_f32(const struct kernel_linear *l)
{
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const float *w = (const float *)(const void *)(l->w + p * l->panel_bytes), *x = (const float *)(const void *)(l->x + r * l->row_bytes);
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 };
            for (size_t i = 0; i < l->k; i++)
                for (size_t j = 0; j < KERNEL_PANEL; j++) acc[j] += x[i] * w[i * KERNEL_PANEL + j];
            memcpy(y, acc, sizeof acc);
        }
}

static void linear_bf16(const struct kernel_linear *l)
{
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const uint16_t *w = (const uint16_t *)(const void *)(l->w + p * l->panel_bytes), *x = (const uint16_t *)(const void *)(l->x + r * l->row_bytes);
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 };
            for (size_t i = 0; i < l->k; i++)
                for (size_t j = 0; j < KERNEL_PANEL; j++)
                    acc[j] += kernel_of_bf16(x[i]) * kernel_of_bf16(w[(i / 2 * KERNEL_PANEL + j) * 2 + i % 2]);
            memcpy(y, acc, sizeof acc);
        }
}

/* Products of a group for output j: the weights are unsigned, `zero` is what stands for 0. */
static float group_q8(const uint8_t *w, const int8_t *x, int32_t sum, size_t j)
{
    int32_t acc = -128 * sum;
    for (size_t i = 0; i < KERNEL_GROUP; i++) acc += x[i] * w[64 + (i / 4 * KERNEL_PANEL + j) * 4 + i % 4];
    return (float)acc;
}
static float group_q4(const uint8_t *w, const int8_t *x, int32_t sum, size_t j)
{
    int32_t acc = -8 * sum;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        uint8_t both = w[64 + (i / 8 * KERNEL_PANEL + j) * 4 + i % 4];
        acc += x[i] * (i % 8 < 4 ? both & 15 : both >> 4);
    }
    return (float)acc;
}

static void linear_q(const struct kernel_linear *l, size_t group_bytes,
                     float (*group)(const uint8_t *w, const int8_t *x, int32_t sum, size_t j))
{
    size_t groups = (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const uint8_t *w = l->w + p * l->panel_bytes, *x = l->x + r * l->row_bytes;
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 };
            for (size_t g = 0; g < groups; g++, w += group_bytes)
                for (size_t j = 0; j < KERNEL_PANEL; j++) {
                    uint16_t half;
                    memcpy(&half, w + 2 * j, 2);
                    acc[j] += kernel_of_f16(half) * row_scale(x, groups)[g] *
                              group(w, (const int8_t *)x + g * KERNEL_GROUP, row_sum(x, groups)[g], j);
                }
            memcpy(y, acc, sizeof acc);
        }
}
static void linear_q8(const struct kernel_linear *l) { linear_q(l, 1088, group_q8); }
static void linear_q4(const struct kernel_linear *l) { linear_q(l, 576, group_q4); }

static float dot(const float *a, const float *b, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void rms_norm(const float *x, const float *w, float eps, size_t n, float *out)
{
    float squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
    float scale = 1 / sqrtf(squares / (float)n + eps);
    for (size_t i = 0; i < n; i++) out[i] = w[i] * (x[i] * scale);
}

static void softmax(float *x, size_t n)
{
    float most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    if (most == -INFINITY) {
        memset(x, 0, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i++) sum += x[i] = expf(x[i] - most);
    for (size_t i = 0; i < n; i++) x[i] /= sum;
}

static void silu_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

const struct kernels kernels_scalar = {
    .name = "scalar",
    .prepare = { prepare_f32, prepare_bf16, prepare_q, prepare_q },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4 },
    .dot = dot,
    .axpy = axpy,
    .rms_norm = rms_norm,
    .softmax = softmax,
    .silu_mul = silu_mul,
};
