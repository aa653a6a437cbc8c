/* kernel/neon.c - for 64-bit ARM with the dot products of bytes (SDOT; Neoverse N1, Cortex-A76, Apple M1 and later).
 *
 * With thirty-two registers of four floats a tile is up to four rows against half a panel, that is sixteen outputs in four
 * registers a row.  As in avx512.c an output is summed over the inputs in their order, whatever the tile.  SDOT takes signed
 * bytes on both sides, so weights of Q8 have 128 taken off again, by one exclusive or. */
#include <arm_neon.h>
#include <string.h>

#include "base/str.h"
#include "kernel/neon.h"

#define UNROLL _Pragma("GCC unroll 8")

enum { AHEAD = 2048, VECTORS = 4 }; /* bytes: how far ahead of their use a single row's weights are asked for; of half a panel */

/* Rows of one half of a panel. */
struct half {
    const struct kernel_linear *l;
    size_t panel, row, at; /* at: 0 or 1 */
};

INLINE const uint8_t *weights_of(const struct half *h) { return h->l->w + h->panel * h->l->panel_bytes; }
INLINE const uint8_t *row_of(const struct half *h, size_t r) { return h->l->x + (h->row + r) * h->l->row_bytes; }

INLINE void store(const struct half *h, const size_t rows, float32x4_t (*acc)[VECTORS])
{
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t i = 0; i < VECTORS; i++) {
            float *y = h->l->y + (h->row + r) * h->l->stride + h->panel * KERNEL_PANEL + 16 * h->at + 4 * i;
            vst1q_f32(y, h->l->adds ? vaddq_f32(vld1q_f32(y), acc[r][i]) : acc[r][i]);
        }
}

INLINE void clear(const size_t rows, float32x4_t (*acc)[VECTORS])
{
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t i = 0; i < VECTORS; i++) acc[r][i] = vdupq_n_f32(0);
}

/* All rows of all panels, four at once and then what is left. */
#define LINEAR(name, tile)                                                                          \
    static void name(const struct kernel_linear *l)                                                 \
    {                                                                                               \
        for (size_t p = l->first; p < l->end; p++)                                                  \
            for (size_t at = 0; at < 2; at++) {                                                     \
                struct half h = { l, p, 0, at };                                                    \
                for (; l->rows - h.row >= 4; h.row += 4) tile(&h, 4);                               \
                for (; l->rows - h.row >= 2; h.row += 2) tile(&h, 2);                               \
                if (h.row < l->rows) tile(&h, 1);                                                   \
            }                                                                                       \
    }

/* ------------------------------------------------------------------ float32 and bfloat16 */

INLINE void tile_f32(const struct half *h, const size_t rows)
{
    const float *w = (const float *)(const void *)weights_of(h) + 16 * h->at;
    float32x4_t acc[4][VECTORS];
    clear(rows, acc);
    for (size_t i = 0; i < h->l->k; i++, w += KERNEL_PANEL) {
        float32x4_t v[VECTORS];
        if (rows == 1) __builtin_prefetch((const char *)w + AHEAD);
        UNROLL for (size_t j = 0; j < VECTORS; j++) v[j] = vld1q_f32(w + 4 * j);
        UNROLL for (size_t r = 0; r < rows; r++) {
            float32x4_t x = vld1q_dup_f32((const float *)(const void *)row_of(h, r) + i);
            UNROLL for (size_t j = 0; j < VECTORS; j++) acc[r][j] = vfmaq_f32(acc[r][j], x, v[j]);
        }
    }
    store(h, rows, acc);
}
LINEAR(linear_f32, tile_f32)

/* A bfloat16 is the upper half of a float: of a pair the first is shifted there, the second stands there. */
INLINE float32x4_t even(uint32x4_t pair) { return vreinterpretq_f32_u32(vshlq_n_u32(pair, 16)); }
INLINE float32x4_t odd(uint32x4_t pair) { return vreinterpretq_f32_u32(vandq_u32(pair, vdupq_n_u32(0xffff0000))); }

INLINE void tile_bf16(const struct half *h, const size_t rows)
{
    const uint32_t *w = (const uint32_t *)(const void *)weights_of(h) + 16 * h->at;
    float32x4_t acc[4][VECTORS];
    clear(rows, acc);
    for (size_t i = 0; i < (h->l->k + 1) / 2; i++, w += KERNEL_PANEL) {
        uint32x4_t v[VECTORS];
        if (rows == 1) __builtin_prefetch((const char *)w + AHEAD);
        UNROLL for (size_t j = 0; j < VECTORS; j++) v[j] = vld1q_u32(w + 4 * j);
        UNROLL for (size_t r = 0; r < rows; r++) {
            uint32x4_t x = vld1q_dup_u32((const uint32_t *)(const void *)row_of(h, r) + i);
            UNROLL for (size_t j = 0; j < VECTORS; j++) acc[r][j] = vfmaq_f32(vfmaq_f32(acc[r][j], even(x), even(v[j])), odd(x), odd(v[j]));
        }
    }
    store(h, rows, acc);
}
LINEAR(linear_bf16, tile_bf16)

void neon_prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

void neon_prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    uint16_t *h = (uint16_t *)(void *)out;
    size_t i = 0;
    for (; i + 4 <= k; i += 4) {
        float32x4_t v = vld1q_f32(x + i);
        uint32x4_t u = vreinterpretq_u32_f32(v), last = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
        uint32x4_t up = vaddq_u32(u, vaddq_u32(last, vdupq_n_u32(0x7fff))), nan = vorrq_u32(u, vdupq_n_u32(0x400000));
        vst1_u16(h + i, vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), up, nan), 16));
    }
    for (; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}

/* ------------------------------------------------------------------ 8 and 4 bits, in groups of 32 */

INLINE size_t groups_of(const struct kernel_linear *l) { return (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP; }
INLINE const struct kernel_group *group_of(const struct half *h, size_t r, size_t g) { return (const struct kernel_group *)(const void *)row_of(h, r) + g; }
INLINE float32x4_t scales_at(const uint8_t *p) { return vcvt_f32_f16(vld1_f16((const float16_t *)(const void *)p)); }

/* Four neighbours of a row's group, in each lane. */
INLINE int8x16_t four(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, sizeof v);
    return vreinterpretq_s8_s32(vdupq_n_s32(v));
}

/* Adds a group's products, scaled, to the sums of a row. */
INLINE void end_group(const struct half *h, const struct kernel_group *activations, const uint8_t *w, const int32x4_t products[VECTORS], float32x4_t acc[VECTORS])
{
    UNROLL for (size_t i = 0; i < VECTORS; i++)
        acc[i] = vfmaq_f32(acc[i], vcvtq_f32_s32(products[i]), vmulq_n_f32(scales_at(w + 32 * h->at + 8 * i), activations->scale));
}

INLINE void tile_q8(const struct half *h, const size_t rows)
{
    const uint8_t *w = weights_of(h);
    size_t groups = groups_of(h->l);
    float32x4_t acc[4][VECTORS];
    clear(rows, acc);
    for (size_t g = 0; g < groups; g++, w += 1088) {
        int32x4_t products[4][VECTORS];
        UNROLL for (size_t r = 0; r < rows; r++)
            UNROLL for (size_t j = 0; j < VECTORS; j++) products[r][j] = vdupq_n_s32(0);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 4; i++) {
            const uint8_t *at = w + 64 + 128 * i + 64 * h->at;
            int8x16_t q[VECTORS];
            if (rows == 1) __builtin_prefetch(at + AHEAD);
            UNROLL for (size_t j = 0; j < VECTORS; j++) q[j] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at + 16 * j), vdupq_n_u8(128))); /* q - 128 */
            UNROLL for (size_t r = 0; r < rows; r++) {
                int8x16_t x = four(group_of(h, r, g)->q + 4 * i);
                UNROLL for (size_t j = 0; j < VECTORS; j++) products[r][j] = vdotq_s32(products[r][j], q[j], x);
            }
        }
        UNROLL for (size_t r = 0; r < rows; r++) end_group(h, group_of(h, r, g), w, products[r], acc[r]);
    }
    store(h, rows, acc);
}
LINEAR(linear_q8, tile_q8)

/* Q4, or with `has_least` Q4M, whose sums get least times the sum of the group's activations. */
INLINE void tile_nibbles(const struct half *h, const size_t rows, const bool has_least)
{
    const size_t group_bytes = has_least ? 640 : 576, head = has_least ? 128 : 64;
    const uint8_t *w = weights_of(h);
    size_t groups = groups_of(h->l);
    float32x4_t acc[4][VECTORS];
    clear(rows, acc);
    for (size_t g = 0; g < groups; g++, w += group_bytes) {
        int32x4_t products[4][VECTORS];
        UNROLL for (size_t r = 0; r < rows; r++)
            UNROLL for (size_t j = 0; j < VECTORS; j++) products[r][j] = vdupq_n_s32(has_least ? 0 : group_of(h, r, g)->zero);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 8; i++) {
            const uint8_t *at = w + head + 128 * i + 64 * h->at;
            int8x16_t first[VECTORS], second[VECTORS];
            if (rows == 1) __builtin_prefetch(at + AHEAD);
            UNROLL for (size_t j = 0; j < VECTORS; j++) {
                uint8x16_t both = vld1q_u8(at + 16 * j);
                first[j] = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
                second[j] = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
            }
            UNROLL for (size_t r = 0; r < rows; r++) {
                int8x16_t x = four(group_of(h, r, g)->q + 8 * i), next = four(group_of(h, r, g)->q + 8 * i + 4);
                UNROLL for (size_t j = 0; j < VECTORS; j++) products[r][j] = vdotq_s32(vdotq_s32(products[r][j], first[j], x), second[j], next);
            }
        }
        UNROLL for (size_t r = 0; r < rows; r++) end_group(h, group_of(h, r, g), w, products[r], acc[r]);
        UNROLL for (size_t r = 0; has_least && r < rows; r++)
            UNROLL for (size_t j = 0; j < VECTORS; j++)
                acc[r][j] = vfmaq_n_f32(acc[r][j], scales_at(w + 64 + 32 * h->at + 8 * j), group_of(h, r, g)->sum);
    }
    UNROLL for (size_t r = 0; r < rows; r++) {
        float unit;
        memcpy(&unit, group_of(h, r, groups), sizeof unit);
        UNROLL for (size_t j = 0; j < VECTORS; j++) acc[r][j] = vmulq_n_f32(acc[r][j], unit);
    }
    store(h, rows, acc);
}
INLINE void tile_q4(const struct half *h, const size_t rows) { tile_nibbles(h, rows, false); }
INLINE void tile_q4m(const struct half *h, const size_t rows) { tile_nibbles(h, rows, true); }
LINEAR(linear_q4, tile_q4)
LINEAR(linear_q4m, tile_q4m)

/* The larger sizes of thirty-two numbers; NaN is passed over. */
INLINE float32x4_t sizes(const float *x, float32x4_t most)
{
    UNROLL for (size_t j = 0; j < 8; j++) most = vmaxnmq_f32(vabsq_f32(vld1q_f32(x + 4 * j)), most);
    return most;
}

/* Thirty-two numbers; answers their sum.  What is no number becomes 0. */
INLINE int32_t round_group(const float *x, float inverse, int8_t q[KERNEL_GROUP])
{
    int32x4_t sum = vdupq_n_s32(0), i[8];
    UNROLL for (size_t j = 0; j < 8; j++) {
        i[j] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * j), inverse));
        sum = vaddq_s32(sum, i[j]);
    }
    UNROLL for (size_t j = 0; j < 8; j += 4)
        vst1q_s8(q + 4 * j, vcombine_s8(vqmovn_s16(vcombine_s16(vqmovn_s32(i[j]), vqmovn_s32(i[j + 1]))),
                                        vqmovn_s16(vcombine_s16(vqmovn_s32(i[j + 2]), vqmovn_s32(i[j + 3])))));
    return vaddvq_s32(sum);
}

/* Thirty-two numbers of a row from there on, in `last` and with zeros where the row ends before. */
INLINE const float *numbers(const float *x, size_t left, float last[KERNEL_GROUP])
{
    if (left >= KERNEL_GROUP) return x;
    memset(last, 0, KERNEL_GROUP * sizeof *x);
    return memcpy(last, x, left * sizeof *x);
}

static void prepare_q8(const float *x, size_t k, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    float last[KERNEL_GROUP];
    for (size_t from = 0; from < k; from += KERNEL_GROUP, g++) {
        const float *some = numbers(x + from, k - from, last);
        float most = vmaxvq_f32(sizes(some, vdupq_n_f32(0)));
        g->scale = most / 127;
        g->zero = -128 * round_group(some, most > 0 ? 127 / most : 0, g->q);
    }
}

INLINE void prepare_nibbles(const float *x, size_t k, const bool has_least, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    float last[KERNEL_GROUP];
    float32x4_t all = vdupq_n_f32(0);
    for (size_t from = 0; from < k; from += KERNEL_GROUP) all = sizes(numbers(x + from, k - from, last), all);
    float top = vmaxvq_f32(all), unit = top / 127 / KERNEL_FINEST, inverse = top > 0 ? 127 / top : 0;
    for (size_t from = 0; from < k; from += KERNEL_GROUP, g++) {
        const float *some = numbers(x + from, k - from, last);
        float finer = kernel_finer(top, vmaxvq_f32(sizes(some, vdupq_n_f32(0))));
        int32_t sum = round_group(some, inverse * finer, g->q);
        g->scale = KERNEL_FINEST / finer;
        if (has_least) g->sum = g->scale * (float)sum;
        else g->zero = -8 * sum;
    }
    memcpy(g, &unit, sizeof unit);
}
static void prepare_q4(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, false, out); }
static void prepare_q4m(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, true, out); }

const struct kernels kernels_neon = {
    .name = "neon",
    .prepare = { neon_prepare_f32, neon_prepare_bf16, prepare_q8, prepare_q4m, prepare_q4 },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4m, linear_q4 },
    .narrow = neon_prepare_bf16,
    .dot = neon_dot,
    .axpy = neon_axpy,
    .scale = neon_scale,
    .rms_norm = neon_rms_norm,
    .layer_norm = neon_layer_norm,
    .softmax = neon_softmax,
    .activate = { neon_silu, neon_gelu, neon_gelu_tanh, neon_gelu_quick, neon_relu, neon_tanh },
    .weigh = { neon_weigh_f32, neon_weigh_bf16 },
    .widen = neon_widen,
};
