/* model/encoder/act.c - activations and norms of encoders. */
#include <math.h>

#include "model/encoder/encoder_priv.h"

static float activated(enum encoder_act act, float x)
{
    switch (act) {
    case ENCODER_GELU: return 0.5f * x * (1 + erff(x * 0.70710678118654752f));
    case ENCODER_GELU_TANH: return 0.5f * x * (1 + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case ENCODER_GELU_QUICK: return x / (1 + expf(-1.702f * x));
    case ENCODER_RELU: return x > 0 ? x : 0;
    case ENCODER_SILU: return x / (1 + expf(-x));
    case ENCODER_TANH: return tanhf(x);
    }
    return x;
}

void encoder_activate(enum encoder_act act, float *x, const float *by, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = activated(act, x[i]) * (by ? by[i] : 1);
}

void encoder_layer_norm(const struct encoder_norm *norm, float eps, const float *x, size_t n, float *out)
{
    float mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) mean += x[i];
    mean /= (float)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    float scale = 1 / sqrtf(squares / (float)n + eps);
    for (size_t i = 0; i < n; i++) out[i] = (x[i] - mean) * scale * norm->w[i] + norm->b[i];
}
