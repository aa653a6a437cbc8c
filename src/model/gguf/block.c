/* model/gguf/block.c - see model/gguf/block.h.
 *
 * Scales are float16 unless noted, little-endian.  Products are rounded where ggml rounds them: a scale times its
 * sub-scale first, then times the number. */
#include "model/gguf/block.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/kernel.h"

static float half_at(const uint8_t *p) { return kernel_of_f16((uint16_t)(p[0] | p[1] << 8)); }

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ------------------------------------------------------------------ 32 numbers, one scale */

/* Low nibbles are the first half of the block, high ones the second. */
static unsigned nibble(const uint8_t *q, unsigned i, unsigned half) { return i < half ? q[i] & 15u : q[i - half] >> 4; }

static void q4_0(const uint8_t *b, float *out) /* d, q[16] */
{
    float d = half_at(b);
    for (unsigned i = 0; i < 32; i++) out[i] = (float)((int)nibble(b + 2, i, 16) - 8) * d;
}

static void q4_1(const uint8_t *b, float *out) /* d, m, q[16] */
{
    float d = half_at(b), m = half_at(b + 2);
    for (unsigned i = 0; i < 32; i++) out[i] = (float)nibble(b + 4, i, 16) * d + m;
}

static void q5_0(const uint8_t *b, float *out) /* d, fifth bits u32, q[16] */
{
    float d = half_at(b);
    uint32_t fifth = u32_at(b + 2);
    for (unsigned i = 0; i < 32; i++) out[i] = (float)((int)(nibble(b + 6, i, 16) | (fifth >> i & 1) << 4) - 16) * d;
}

static void q5_1(const uint8_t *b, float *out) /* d, m, fifth bits u32, q[16] */
{
    float d = half_at(b), m = half_at(b + 2);
    uint32_t fifth = u32_at(b + 4);
    for (unsigned i = 0; i < 32; i++) out[i] = (float)(nibble(b + 8, i, 16) | (fifth >> i & 1) << 4) * d + m;
}

static void q8_0(const uint8_t *b, float *out) /* d, int8 q[32] */
{
    float d = half_at(b);
    for (unsigned i = 0; i < 32; i++) out[i] = (float)(int8_t)b[2 + i] * d;
}

/* ------------------------------------------------------------------ 256 numbers, scales of scales */

static void q2_k(const uint8_t *b, float *out) /* 16 x (scale, minimum nibbles), q[64], d, dmin */
{
    float d = half_at(b + 80), dmin = half_at(b + 82);
    for (unsigned g = 0; g < 16; g++) { /* of 16 numbers: two a shift, eight a half */
        const uint8_t *q = b + 16 + g / 8 * 32 + g % 2 * 16;
        float scale = d * (float)(b[g] & 15), minimum = dmin * (float)(b[g] >> 4);
        for (unsigned i = 0; i < 16; i++) out[16 * g + i] = scale * (float)(q[i] >> g % 8 / 2 * 2 & 3) - minimum;
    }
}

static void q3_k(const uint8_t *b, float *out) /* third bits [32], q[64], 6-bit scales [12], d */
{
    const uint8_t *packed = b + 96;
    float d = half_at(b + 108);
    for (unsigned g = 0; g < 16; g++) {
        const uint8_t *q = b + 32 + g / 8 * 32 + g % 2 * 16, *third = b + g % 2 * 16;
        int scale = (packed[g % 8] >> g / 8 * 4 & 15) | (packed[8 + g % 4] >> g / 4 * 2 & 3) << 4;
        float part = d * (float)(scale - 32);
        for (unsigned i = 0; i < 16; i++)
            out[16 * g + i] = part * (float)((q[i] >> g % 8 / 2 * 2 & 3) - (third[i] >> g / 2 & 1 ? 0 : 4));
    }
}

/* Eight 6-bit scales and minimums in 12 bytes. */
static void k_scale(const uint8_t *s, unsigned j, int *scale, int *minimum)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *minimum = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *minimum = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    }
}

/* Groups of 32; two of them share 32 bytes.  fifth: Q5_K's bits, NULL for Q4_K. */
static void k_groups(const uint8_t *b, const uint8_t *fifth, const uint8_t *q, float *out)
{
    float d = half_at(b), dmin = half_at(b + 2);
    for (unsigned g = 0; g < 8; g++) {
        int scale, minimum;
        k_scale(b + 4, g, &scale, &minimum);
        float part = d * (float)scale, less = dmin * (float)minimum;
        for (unsigned i = 0; i < 32; i++) {
            unsigned v = (q[g / 2 * 32 + i] >> g % 2 * 4 & 15u) | (fifth ? (fifth[i] >> g & 1u) << 4 : 0);
            out[32 * g + i] = part * (float)v - less;
        }
    }
}

static void q4_k(const uint8_t *b, float *out) { k_groups(b, NULL, b + 16, out); }        /* d, dmin, scales[12], q[128] */
static void q5_k(const uint8_t *b, float *out) { k_groups(b, b + 16, b + 48, out); }      /* ..., fifth bits [32], q[128] */

static void q6_k(const uint8_t *b, float *out) /* low nibbles [128], two high bits [64], int8 scales [16], d */
{
    float d = half_at(b + 208);
    for (unsigned g = 0; g < 16; g++) { /* of 16 numbers: two a quarter, eight a half */
        unsigned half = g / 8, quarter = g % 8 / 2, at = g % 2 * 16;
        const uint8_t *low = b + half * 64 + quarter % 2 * 32 + at, *high = b + 128 + half * 32 + at;
        float part = d * (float)(int8_t)b[192 + g];
        for (unsigned i = 0; i < 16; i++)
            out[16 * g + i] = part * (float)((int)((low[i] >> quarter / 2 * 4 & 15u) | (high[i] >> quarter * 2 & 3u) << 4) - 32);
    }
}

/* ------------------------------------------------------------------ numbers from a table */

static const int8_t nonlinear[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
static const int8_t e2m1[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 }; /* doubled */

static void iq4_nl(const uint8_t *b, float *out) /* d, q[16] */
{
    float d = half_at(b);
    for (unsigned i = 0; i < 32; i++) out[i] = d * (float)nonlinear[nibble(b + 2, i, 16)];
}

static int xs_scale(const uint8_t *b, unsigned g)
{
    unsigned high = b[2] | (unsigned)b[3] << 8;
    return (int)((b[4 + g / 2] >> g % 2 * 4 & 15u) | (high >> 2 * g & 3u) << 4) - 32;
}

static void iq4_xs(const uint8_t *b, float *out) /* d, high bits u16, low nibbles [4], q[128] */
{
    float d = half_at(b);
    for (unsigned g = 0; g < 8; g++) {
        float part = d * (float)xs_scale(b, g);
        for (unsigned i = 0; i < 32; i++) out[32 * g + i] = part * (float)nonlinear[nibble(b + 8 + 16 * g, i, 16)];
    }
}

static void mxfp4(const uint8_t *b, float *out) /* exponent, q[16] */
{
    float d = ldexpf(1, b[0] - 128); /* half of 2^(e - 127), for e2m1 is doubled */
    for (unsigned i = 0; i < 32; i++) out[i] = d * (float)e2m1[nibble(b + 1, i, 16)];
}

static void nvfp4(const uint8_t *b, float *out) /* four E4M3 scales without a sign, q[32]; 16 numbers a scale */
{
    for (unsigned g = 0; g < 4; g++) {
        unsigned exponent = b[g] >> 3 & 15, part = b[g] & 7;
        float d = exponent ? ldexpf(1 + (float)part / 8, (int)exponent - 8) : ldexpf((float)part, -10);
        if (b[g] == 0x7f) d = 0;
        for (unsigned i = 0; i < 16; i++) out[16 * g + i] = d * (float)e2m1[nibble(b + 4 + 8 * g, i, 8)];
    }
}

/* ------------------------------------------------------------------ three values */

/* Digit n of five in base three, the first being the highest: a byte holds digits * 256 / 243, rounded up. */
static float digit(uint8_t v, unsigned n)
{
    static const uint8_t power[] = { 1, 3, 9, 27, 81 };
    return (float)((int)((unsigned)(uint8_t)(v * power[n]) * 3 >> 8) - 1);
}

static void tq1_0(const uint8_t *b, float *out) /* q[48] of five digits, q[4] of four, d */
{
    float d = half_at(b + 52);
    for (unsigned i = 0; i < 160; i++) *out++ = d * digit(b[i % 32], i / 32);
    for (unsigned i = 0; i < 80; i++) *out++ = d * digit(b[32 + i % 16], i / 16);
    for (unsigned i = 0; i < 16; i++) *out++ = d * digit(b[48 + i % 4], i / 4);
}

static void tq2_0(const uint8_t *b, float *out) /* q[64], d */
{
    float d = half_at(b + 64);
    for (unsigned i = 0; i < 256; i++) out[i] = d * (float)((b[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) - 1);
}

/* ------------------------------------------------------------------ whole numbers, for panels */

static uint16_t u16_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static void levels_q4_0(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    (void)g;
    *out = (struct kernel_levels){ .scale = u16_at(b) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = (int8_t)((int)nibble(b + 2, i, 16) - 8);
}

static void levels_q4_1(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    (void)g;
    *out = (struct kernel_levels){ .scale = u16_at(b), .least = u16_at(b + 2) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = (int8_t)nibble(b + 4, i, 16);
}

static void levels_q5_0(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    uint32_t fifth = u32_at(b + 2);
    (void)g;
    *out = (struct kernel_levels){ .scale = u16_at(b) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = (int8_t)((int)(nibble(b + 6, i, 16) | (fifth >> i & 1) << 4) - 16);
}

static void levels_q8_0(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    (void)g;
    *out = (struct kernel_levels){ .scale = u16_at(b) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = (int8_t)b[2 + i];
}

static void levels_q4_k(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    int scale, least;
    k_scale(b + 4, g, &scale, &least);
    *out = (struct kernel_levels){ .scale = kernel_to_f16(half_at(b) * (float)scale), .least = kernel_to_f16(-half_at(b + 2) * (float)least) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = (int8_t)(b[16 + g / 2 * 32 + i] >> g % 2 * 4 & 15);
}

static void levels_iq4_nl(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    (void)g;
    *out = (struct kernel_levels){ .scale = u16_at(b) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = nonlinear[nibble(b + 2, i, 16)];
}

static void levels_iq4_xs(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    *out = (struct kernel_levels){ .scale = kernel_to_f16(half_at(b) * (float)xs_scale(b, g)) };
    for (unsigned i = 0; i < 32; i++) out->q[i] = nonlinear[nibble(b + 8 + 16 * g, i, 16)];
}

static void levels_mxfp4(const uint8_t *b, unsigned g, struct kernel_levels *out)
{
    (void)g;
    float d = ldexpf(1, b[0] - 128);
    uint16_t half = kernel_to_f16(d);
    *out = (struct kernel_levels){ .scale = kernel_of_f16(half) == d ? half : 0x7c00 }; /* out of reach: infinity, which no panel takes */
    for (unsigned i = 0; i < 32; i++) out->q[i] = e2m1[nibble(b + 1, i, 16)];
}

static const struct gguf_block blocks[] = {
    { "Q4_0", 2, 32, 18, q4_0, KERNEL_Q4, levels_q4_0 },       { "Q4_1", 3, 32, 20, q4_1, KERNEL_Q4M, levels_q4_1 },
    { "Q5_0", 6, 32, 22, q5_0, KERNEL_Q8, levels_q5_0 },       { "Q5_1", 7, 32, 24, q5_1, KERNEL_Q8, NULL },
    { "Q8_0", 8, 32, 34, q8_0, KERNEL_Q8, levels_q8_0 },       { "Q2_K", 10, 256, 84, q2_k, KERNEL_Q8, NULL },
    { "Q3_K", 11, 256, 110, q3_k, KERNEL_Q8, NULL },           { "Q4_K", 12, 256, 144, q4_k, KERNEL_Q4M, levels_q4_k },
    { "Q5_K", 13, 256, 176, q5_k, KERNEL_Q8, NULL },           { "Q6_K", 14, 256, 210, q6_k, KERNEL_Q8, NULL },
    { "IQ4_NL", 20, 32, 18, iq4_nl, KERNEL_Q8, levels_iq4_nl }, { "IQ4_XS", 23, 256, 136, iq4_xs, KERNEL_Q8, levels_iq4_xs },
    { "TQ1_0", 34, 256, 54, tq1_0, KERNEL_Q8, NULL },          { "TQ2_0", 35, 256, 66, tq2_0, KERNEL_Q8, NULL },
    { "MXFP4", 39, 32, 17, mxfp4, KERNEL_Q8, levels_mxfp4 },   { "NVFP4", 40, 64, 36, nvfp4, KERNEL_Q8, NULL },
};

const struct gguf_block *gguf_block(uint32_t type)
{
    for (size_t i = 0; i < COUNT(blocks); i++)
        if (blocks[i].type == type) return &blocks[i];
    return NULL;
}
