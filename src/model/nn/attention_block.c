/* model/nn/attention_block.c - see model/nn/attention_block.h. */
#include "model/nn/attention_block.h"

#include <math.h>
#include <string.h>

#include "model/nn/attention.h"

enum { GROUP = 32, PAIRS = 16, SCALES_BYTES = 2 * ATTENTION_BLOCK, GROUP_BYTES = SCALES_BYTES + GROUP * ATTENTION_BLOCK };

static uint32_t groups(uint32_t head_dim) { return (head_dim + GROUP - 1) / GROUP; }
static uint32_t dimensions(uint32_t head_dim, uint32_t group) { return head_dim - group * GROUP < GROUP ? head_dim - group * GROUP : GROUP; }

size_t block8_bytes(uint32_t head_dim) { return (size_t)groups(head_dim) * GROUP_BYTES; }

/* The scale as it is kept, and q[i] = x[i] / scale. */
static uint16_t shrink(const float *x, uint32_t n, int8_t q[GROUP])
{
    float most = 0;
    for (uint32_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    uint16_t kept = kernel_to_f16(most / 127);
    float scale = kernel_of_f16(kept), by = scale > 0 ? 1 / scale : 0;
    for (uint32_t i = 0; i < n; i++) q[i] = (int8_t)fmaxf(-127, fminf(127, rintf(x[i] * by)));
    return kept;
}

void block8_store(uint32_t head_dim, uint32_t at, const float *key, const float *value, uint8_t *keys, uint8_t *values)
{
    int8_t q[GROUP] = { 0 };
    for (uint32_t g = 0; g < groups(head_dim); g++, keys += GROUP_BYTES, values += GROUP_BYTES) {
        uint32_t n = dimensions(head_dim, g);
        uint16_t scale = shrink(key + g * GROUP, n, q);
        memcpy(keys + 2 * at, &scale, 2);
        for (uint32_t i = 0; i < n; i++) keys[SCALES_BYTES + (i / 2 * ATTENTION_BLOCK + at) * 2 + i % 2] = (uint8_t)q[i];
        scale = shrink(value + g * GROUP, n, q);
        memcpy(values + 2 * at, &scale, 2);
        for (uint32_t i = 0; i < n; i++) values[SCALES_BYTES + (at / 2 * GROUP + i) * 2 + at % 2] = (uint8_t)q[i];
    }
}

void block8_open_keys(uint32_t head_dim, const uint8_t *keys, uint16_t *out)
{
    for (uint32_t g = 0; g < groups(head_dim); g++, keys += GROUP_BYTES, out += PAIRS * 64)
        kernels()->widen(keys, (dimensions(head_dim, g) + 1) / 2, false, out);
}

void block8_open_values(uint32_t head_dim, const uint8_t *values, uint16_t *out)
{
    for (uint32_t g = 0; g < groups(head_dim); g++, values += GROUP_BYTES, out += PAIRS * 64) kernels()->widen(values, PAIRS, true, out);
}
