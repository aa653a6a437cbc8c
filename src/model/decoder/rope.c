/* model/decoder/rope.c - rotary positions.  Formulas: transformers, modeling_rope_utils.py. */
#include <math.h>

#include "model/decoder/decoder_priv.h"

static const double TAU = 6.283185307179586476925286766559;

/* llama3: long waves are stretched, short ones are not, those between are mixed. */
static double llama3(const struct rope *r, double f)
{
    double wave = TAU / f, most = r->original_positions / r->low_freq_factor, least = r->original_positions / r->high_freq_factor;
    if (wave > most) return f / r->factor;
    if (wave < least) return f;
    double s = (r->original_positions / wave - r->low_freq_factor) / (r->high_freq_factor - r->low_freq_factor);
    return (1 - s) * f / r->factor + s * f;
}

/* At which pair a wave turns n times over the original length. */
static double yarn_pair(const struct rope *r, double turns)
{
    return r->dim * log(r->original_positions / (turns * TAU)) / (2 * log(r->base));
}

static double yarn(const struct rope *r, double f, uint32_t i)
{
    double low = yarn_pair(r, r->beta_fast), high = yarn_pair(r, r->beta_slow);
    if (r->truncate) low = floor(low), high = ceil(high);
    low = fmax(low, 0), high = fmin(high, r->dim - 1);
    if (low == high) high += 0.001;
    double ramp = fmin(1, fmax(0, (i - low) / (high - low)));
    return f / r->factor * ramp + f * (1 - ramp);
}

void rope_inverse_frequencies(const struct rope *r, float *out)
{
    const struct json *divisor = json_first(r->divisors);
    for (uint32_t i = 0; i < r->dim / 2; i++) {
        double f = pow(r->base, -2.0 * i / r->dim);
        if (r->scaling == ROPE_LINEAR) f /= r->factor;
        if (r->scaling == ROPE_LLAMA3) f = llama3(r, f);
        if (r->scaling == ROPE_YARN) f = yarn(r, f, i);
        if (divisor) {
            f /= divisor->type == JSON_INT ? (double)divisor->i : divisor->r;
            divisor = divisor->next;
        }
        out[i] = (float)f;
    }
}

void rope_angles(const struct rope *r, const float *inverse, uint32_t position, float *cosine, float *sine)
{
    float by = r->attention_factor > 0 ? (float)r->attention_factor : 1;
    for (uint32_t i = 0; i < r->dim / 2; i++) {
        float angle = (float)position * inverse[i];
        cosine[i] = cosf(angle) * by;
        sine[i] = sinf(angle) * by;
    }
}

void rope_turn(float *head, uint32_t dim, const float *cosine, const float *sine)
{
    uint32_t half = dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        float x = head[i], y = head[i + half];
        head[i] = x * cosine[i] - y * sine[i];
        head[i + half] = y * cosine[i] + x * sine[i];
    }
}
