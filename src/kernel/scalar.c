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

static float largest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i])); /* which passes over NaN */
    return most;
}

/* q[i] = x[i] * inverse; answers their sum. */
static int32_t round_group(const float *x, size_t n, float inverse, int8_t q[KERNEL_GROUP])
{
    int32_t sum = 0;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        float v = i < n ? nearbyintf(x[i] * inverse) : 0;
        q[i] = v >= -127 && v <= 127 ? (int8_t)v : 0; /* NaN: the scale may carry it, the integers cannot */
        sum += q[i];
    }
    return sum;
}

static size_t group_size(size_t k, size_t from) { return k - from < KERNEL_GROUP ? k - from : KERNEL_GROUP; }
static float inverse_of(float most) { return most > 0 ? 127 / most : 0; }

static void prepare_q8(const float *x, size_t k, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    for (size_t from = 0; from < k; from += KERNEL_GROUP, g++) {
        float most = largest(x + from, group_size(k, from));
        g->scale = most / 127;
        g->zero = -128 * round_group(x + from, group_size(k, from), inverse_of(most), g->q);
    }
}

static void prepare_nibbles(const float *x, size_t k, bool has_least, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    float top = largest(x, k), unit = top / 127 / KERNEL_FINEST;
    for (size_t from = 0; from < k; from += KERNEL_GROUP, g++) {
        float finer = kernel_finer(top, largest(x + from, group_size(k, from)));
        int32_t sum = round_group(x + from, group_size(k, from), inverse_of(top) * finer, g->q);
        g->scale = KERNEL_FINEST / finer;
        if (has_least) g->sum = g->scale * (float)sum;
        else g->zero = -8 * sum;
    }
    memcpy(g, &unit, sizeof unit);
}
static void prepare_q4(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, false, out); }
static void prepare_q4m(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, true, out); }

static void give(const struct kernel_linear *l, float *y, const float acc[KERNEL_PANEL])
{
    for (size_t j = 0; j < KERNEL_PANEL; j++) y[j] = l->adds ? y[j] + acc[j] : acc[j];
}

static void linear_f32(const struct kernel_linear *l)
{
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const float *w = (const float *)(const void *)(l->w + p * l->panel_bytes), *x = (const float *)(const void *)(l->x + r * l->row_bytes);
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 };
            for (size_t i = 0; i < l->k; i++)
                for (size_t j = 0; j < KERNEL_PANEL; j++) acc[j] += x[i] * w[i * KERNEL_PANEL + j];
            give(l, y, acc);
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
            give(l, y, acc);
        }
}

static float half_at(const uint8_t *p)
{
    uint16_t half;
    memcpy(&half, p, 2);
    return kernel_of_f16(half);
}

/* Products of a group for output j. */
static float group_q8(const uint8_t *w, const int8_t *x, int32_t zero, size_t j)
{
    int32_t acc = zero;
    for (size_t i = 0; i < KERNEL_GROUP; i++) acc += x[i] * w[(i / 4 * KERNEL_PANEL + j) * 4 + i % 4];
    return (float)acc;
}
static float group_nibbles(const uint8_t *w, const int8_t *x, int32_t zero, size_t j)
{
    int32_t acc = zero;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        uint8_t both = w[(i / 8 * KERNEL_PANEL + j) * 4 + i % 4];
        acc += x[i] * (i % 8 < 4 ? both & 15 : both >> 4);
    }
    return (float)acc;
}

static void linear_q8(const struct kernel_linear *l)
{
    size_t groups = (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP;
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const uint8_t *w = l->w + p * l->panel_bytes;
            const struct kernel_group *x = (const void *)(l->x + r * l->row_bytes);
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 };
            for (size_t g = 0; g < groups; g++, w += 1088, x++)
                for (size_t j = 0; j < KERNEL_PANEL; j++) acc[j] += half_at(w + 2 * j) * x->scale * group_q8(w + 64, x->q, x->zero, j);
            give(l, y, acc);
        }
}

static void linear_nibbles(const struct kernel_linear *l, bool has_least)
{
    size_t groups = (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP, head = has_least ? 128 : 64;
    for (size_t p = l->first; p < l->end; p++)
        for (size_t r = 0; r < l->rows; r++) {
            const uint8_t *w = l->w + p * l->panel_bytes;
            const struct kernel_group *x = (const void *)(l->x + r * l->row_bytes);
            float *y = l->y + r * l->stride + p * KERNEL_PANEL, acc[KERNEL_PANEL] = { 0 }, unit;
            memcpy(&unit, x + groups, sizeof unit);
            for (size_t g = 0; g < groups; g++, w += head + 512, x++)
                for (size_t j = 0; j < KERNEL_PANEL; j++) {
                    acc[j] += half_at(w + 2 * j) * x->scale * group_nibbles(w + head, x->q, has_least ? 0 : x->zero, j);
                    if (has_least) acc[j] += half_at(w + 64 + 2 * j) * x->sum;
                }
            for (size_t j = 0; j < KERNEL_PANEL; j++) acc[j] *= unit;
            give(l, y, acc);
        }
}
static void linear_q4(const struct kernel_linear *l) { linear_nibbles(l, false); }
static void linear_q4m(const struct kernel_linear *l) { linear_nibbles(l, true); }

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

static void scale(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = a * x[i];
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

static void layer_norm(const float *x, const float *w, const float *b, float eps, size_t n, float *out)
{
    float sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    float mean = sum / (float)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    float scale = 1 / sqrtf(squares / (float)n + eps);
    for (size_t i = 0; i < n; i++) out[i] = (x[i] - mean) * scale * w[i] + (b ? b[i] : 0);
}

static float silu(float x) { return x / (1 + expf(-x)); }
static float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678118654752f)); }
static float gelu_tanh(float x) { return 0.5f * x * (1 + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x))); }
static float gelu_quick(float x) { return x / (1 + expf(-1.702f * x)); }
static float relu(float x) { return x < 0 ? 0 : x; }

#define ACTIVATE(f)                                                                             \
    static void f##_all(const float *x, const float *by, size_t n, float *out)                  \
    {                                                                                           \
        for (size_t i = 0; i < n; i++) out[i] = by ? f(x[i]) * by[i] : f(x[i]);                 \
    }
ACTIVATE(silu)
ACTIVATE(gelu)
ACTIVATE(gelu_tanh)
ACTIVATE(gelu_quick)
ACTIVATE(relu)
ACTIVATE(tanhf)

static float weigh(float *s, size_t from, size_t end, size_t n, float *sum)
{
    float most = -INFINITY;
    for (size_t i = from; i < end; i++) most = s[i] > most ? s[i] : most;
    *sum = 0;
    for (size_t i = 0; i < n; i++) *sum += s[i] = i >= from && i < end && most != -INFINITY ? expf(s[i] - most) : 0;
    return most;
}
static float weigh_f32(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    prepare_f32(s, n, out);
    return most;
}
static float weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = weigh(s, from, end, n, sum);
    prepare_bf16(s, n, out);
    return most;
}

static void widen(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out)
{
    const uint16_t *scale = (const uint16_t *)(const void *)group;
    const int8_t *q = (const int8_t *)group + 64;
    for (size_t i = 0; i < 64 * pairs; i++)
        out[i] = kernel_to_bf16((float)q[i] * kernel_of_f16(scale[is_by_row ? i / 64 * 2 + i % 2 : i % 64 / 2]));
}

const struct kernels kernels_scalar = {
    .name = "scalar",
    .prepare = { prepare_f32, prepare_bf16, prepare_q8, prepare_q4m, prepare_q4 },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4m, linear_q4 },
    .narrow = prepare_bf16,
    .dot = dot,
    .axpy = axpy,
    .scale = scale,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .activate = { silu_all, gelu_all, gelu_tanh_all, gelu_quick_all, relu_all, tanhf_all },
    .weigh = { weigh_f32, weigh_bf16 },
    .widen = widen,
};
