/* kernel/pack.c - weights into panels; the forms stand in kernel/kernel.h.
 *
 * Quantisation is by groups of 32 inputs of one output.  The scale is rounded to float16 first and the weights are then
 * rounded against that, so what is stored is the nearest that can be stored. */
#include "kernel/kernel.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

static float at(const float *row, size_t i, size_t k) { return row && i < k ? row[i] : 0; }

static void pack_f32(const float *const row[], size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < KERNEL_PANEL; j++) *out++ = at(row[j], i, k);
}

static void pack_bf16(const float *const row[], size_t k, uint16_t *out)
{
    for (size_t i = 0; i < k; i += 2)
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            *out++ = kernel_to_bf16(at(row[j], i, k));
            *out++ = kernel_to_bf16(at(row[j], i + 1, k));
        }
}

/* The value of largest magnitude, with its sign; NaN counts as nothing. */
static float extreme(const float *row, size_t from, size_t k)
{
    float best = 0;
    for (size_t i = from; i < from + KERNEL_GROUP; i++)
        if (fabsf(at(row, i, k)) > fabsf(best)) best = at(row, i, k);
    return best;
}

static int rounded(float v, float inverse, int low, int high)
{
    float r = nearbyintf(v * inverse);
    if (!(r >= (float)low)) return low; /* NaN too */
    return r > (float)high ? high : (int)r;
}

static void pack_q8(const float *const row[], size_t k, uint8_t *out)
{
    for (size_t from = 0; from < k; from += KERNEL_GROUP, out += 1088) {
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            uint16_t half = kernel_to_f16(fminf(fabsf(extreme(row[j], from, k)) / 127, 65504));
            float scale = kernel_of_f16(half), inverse = scale > 0 ? 1 / scale : 0;
            memcpy(out + 2 * j, &half, 2);
            for (size_t i = 0; i < KERNEL_GROUP; i++)
                out[64 + (i / 4 * KERNEL_PANEL + j) * 4 + i % 4] =
                    (uint8_t)(128 + rounded(at(row[j], from + i, k), inverse, -127, 127));
        }
    }
}

static void pack_q4(const float *const row[], size_t k, uint8_t *out)
{
    for (size_t from = 0; from < k; from += KERNEL_GROUP, out += 576) {
        memset(out + 64, 0, 512);
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            /* The extreme becomes -8 exactly: of the sixteen steps one more lies on that side. */
            uint16_t half = kernel_to_f16(fmaxf(fminf(extreme(row[j], from, k) / -8, 65504), -65504));
            float scale = kernel_of_f16(half), inverse = scale != 0 ? 1 / scale : 0;
            memcpy(out + 2 * j, &half, 2);
            for (size_t i = 0; i < KERNEL_GROUP; i++) {
                unsigned q = (unsigned)(8 + rounded(at(row[j], from + i, k), inverse, -8, 7));
                out[64 + (i / 8 * KERNEL_PANEL + j) * 4 + i % 4] |= (uint8_t)(i % 8 < 4 ? q : q << 4);
            }
        }
    }
}

static void pack_q4m(const float *const row[], size_t k, uint8_t *out)
{
    for (size_t from = 0; from < k; from += KERNEL_GROUP, out += 640) {
        memset(out + 128, 0, 512);
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            float low = INFINITY, high = -INFINITY;
            for (size_t i = from; i < from + KERNEL_GROUP; i++) low = fminf(low, at(row[j], i, k)), high = fmaxf(high, at(row[j], i, k));
            uint16_t least = kernel_to_f16(low >= -65504 ? fminf(low, 65504) : low < 0 ? -65504 : 0); /* NaN: 0 */
            low = kernel_of_f16(least);
            uint16_t half = kernel_to_f16(fminf(fmaxf(high - low, 0) / 15, 65504));
            float scale = kernel_of_f16(half), inverse = scale > 0 ? 1 / scale : 0;
            memcpy(out + 2 * j, &half, 2);
            memcpy(out + 64 + 2 * j, &least, 2);
            for (size_t i = 0; i < KERNEL_GROUP; i++) {
                unsigned q = (unsigned)rounded(at(row[j], from + i, k) - low, inverse, 0, 15);
                out[128 + (i / 8 * KERNEL_PANEL + j) * 4 + i % 4] |= (uint8_t)(i % 8 < 4 ? q : q << 4);
            }
        }
    }
}

void kernel_pack(enum kernel_type t, const float *const row[KERNEL_PANEL], size_t k, uint8_t *out)
{
    switch (t) {
    case KERNEL_F32: pack_f32(row, k, (float *)(void *)out); break;
    case KERNEL_BF16: pack_bf16(row, k, (uint16_t *)(void *)out); break;
    case KERNEL_Q8: pack_q8(row, k, out); break;
    case KERNEL_Q4M: pack_q4m(row, k, out); break;
    case KERNEL_Q4: pack_q4(row, k, out); break;
    case KERNEL_TYPES: break;
    }
}
