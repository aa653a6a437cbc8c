/* kernel/avx2.c - for AVX2, FMA and F16C; and once more, compiled with AVX-VNNI, for processors that have that as well and no AVX-512.
 *
 * With sixteen registers a tile is so many rows against half a panel, that is sixteen outputs in two registers a row.  As
 * in avx512.c an output is summed over the inputs in their order, whatever the tile.  Without VNNI there is no product of bytes that
 * sums four of them without saturating: VPMADDUBSW sums two, which fits as long as the unsigned side is at most 127.  So
 * weights of Q8 are taken by size there, and their sign goes to the activation. */
#include <immintrin.h>
#include <string.h>

#include "base/str.h"
#include "kernel/avx2.h"

#define UNROLL _Pragma("GCC unroll 8")

enum { AHEAD = 2048 }; /* bytes: how far ahead of their use a single row's weights are asked for */

/* Rows of one half of a panel. */
struct half {
    const struct kernel_linear *l;
    size_t panel, row, at; /* at: 0 or 1 */
};

INLINE const uint8_t *weights_of(const struct half *h) { return h->l->w + h->panel * h->l->panel_bytes; }
INLINE const uint8_t *row_of(const struct half *h, size_t r) { return h->l->x + (h->row + r) * h->l->row_bytes; }
INLINE __m256i load(const uint8_t *p) { return _mm256_load_si256((const __m256i *)(const void *)p); }
INLINE int32_t word(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

INLINE void store(const struct half *h, const size_t rows, const __m256 (*acc)[2])
{
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t i = 0; i < 2; i++) {
            float *y = h->l->y + (h->row + r) * h->l->stride + h->panel * KERNEL_PANEL + 16 * h->at + 8 * i;
            _mm256_storeu_ps(y, h->l->adds ? _mm256_add_ps(_mm256_loadu_ps(y), acc[r][i]) : acc[r][i]);
        }
}

/* All rows of all panels, `most` at once and then what is left. */
#define LINEAR(name, tile, most)                                                                    \
    static void name(const struct kernel_linear *l)                                                 \
    {                                                                                               \
        for (size_t p = l->first; p < l->end; p++)                                                  \
            for (size_t at = 0; at < 2; at++) {                                                     \
                struct half h = { l, p, 0, at };                                                    \
                for (; l->rows - h.row >= (most); h.row += (most)) tile(&h, most);                  \
                for (; (most) > 2 && l->rows - h.row >= 2; h.row += 2) tile(&h, 2);                 \
                if (h.row < l->rows) tile(&h, 1);                                                   \
            }                                                                                       \
    }

/* ------------------------------------------------------------------ float32 and bfloat16 */

INLINE void tile_f32(const struct half *h, const size_t rows)
{
    const uint8_t *w = weights_of(h) + 64 * h->at;
    __m256 acc[4][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t i = 0; i < h->l->k; i++, w += 128) {
        __m256 w0 = (__m256)load(w), w1 = (__m256)load(w + 32);
        if (rows == 1) _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss((const float *)(const void *)row_of(h, r) + i);
            acc[r][0] = _mm256_fmadd_ps(x, w0, acc[r][0]);
            acc[r][1] = _mm256_fmadd_ps(x, w1, acc[r][1]);
        }
    }
    store(h, rows, acc);
}
LINEAR(linear_f32, tile_f32, 4)

/* A bfloat16 is the upper half of a float: of a pair the first is shifted there, the second stands there. */
INLINE __m256 even(__m256i pair) { return (__m256)_mm256_slli_epi32(pair, 16); }
INLINE __m256 odd(__m256i pair) { return (__m256)_mm256_and_si256(pair, _mm256_set1_epi32((int)0xffff0000)); }

INLINE void tile_bf16(const struct half *h, const size_t rows)
{
    const uint8_t *w = weights_of(h) + 64 * h->at;
    __m256 acc[4][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t i = 0; i < (h->l->k + 1) / 2; i++, w += 128) {
        __m256i w0 = load(w), w1 = load(w + 32);
        if (rows == 1) _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m256i x = _mm256_set1_epi32(word(row_of(h, r) + 4 * i));
            acc[r][0] = _mm256_fmadd_ps(odd(x), odd(w0), _mm256_fmadd_ps(even(x), even(w0), acc[r][0]));
            acc[r][1] = _mm256_fmadd_ps(odd(x), odd(w1), _mm256_fmadd_ps(even(x), even(w1), acc[r][1]));
        }
    }
    store(h, rows, acc);
}
LINEAR(linear_bf16, tile_bf16, 4)

#ifndef __AVXVNNI__ /* there is one of each for both */
void avx2_prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

/* Eight floats to bfloat16, each in the low half of its lane. */
INLINE __m256i round_bf16(__m256 x)
{
    __m256i u = (__m256i)x, last = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff))), 16);
    __m256i nan = _mm256_or_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(up, nan, (__m256i)_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

void avx2_prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    uint16_t *h = (uint16_t *)(void *)out;
    size_t i = 0;
    for (; i + 16 <= k; i += 16) {
        __m256i both = _mm256_packus_epi32(round_bf16(_mm256_loadu_ps(x + i)), round_bf16(_mm256_loadu_ps(x + i + 8)));
        _mm256_storeu_si256((__m256i *)(void *)(h + i), _mm256_permute4x64_epi64(both, 0xd8));
    }
    for (; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}
#endif

/* ------------------------------------------------------------------ 8 and 4 bits, in groups of 32 */

INLINE size_t groups_of(const struct kernel_linear *l) { return (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP; }
INLINE const struct kernel_group *group_of(const struct half *h, size_t r, size_t g) { return (const struct kernel_group *)(const void *)row_of(h, r) + g; }
INLINE __m256 scales_at(const uint8_t *p) { return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)p)); }

/* Adds products of four bytes to each of eight sums, of unsigned w and signed x.  add_q8 is for weights of Q8, and the sums of a group begin with
 * begin_q8: what it counts too much, if it does. */
#ifdef __AVXVNNI__
INLINE __m256i add_products(__m256i sum, __m256i w, __m256i x) { return _mm256_dpbusd_avx_epi32(sum, w, x); }
INLINE __m256i add_q8(__m256i sum, __m256i w, __m256i x) { return add_products(sum, w, x); }
INLINE int32_t begin_q8(const struct kernel_group *activations) { return activations->zero; }
#else
INLINE __m256i add_products(__m256i sum, __m256i w, __m256i x) /* w at most 127 */
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
INLINE __m256i add_q8(__m256i sum, __m256i w, __m256i x)
{
    __m256i q = _mm256_xor_si256(w, _mm256_set1_epi8((char)128)); /* q - 128, signed */
    return add_products(sum, _mm256_abs_epi8(q), _mm256_sign_epi8(x, q));
}
INLINE int32_t begin_q8(const struct kernel_group *activations)
{
    (void)activations;
    return 0;
}
#endif

/* Adds a group's products, scaled, to the sums of a row. */
INLINE void end_group(const struct half *h, const struct kernel_group *activations, const uint8_t *w, const __m256i products[2], __m256 acc[2])
{
    __m256 x = _mm256_set1_ps(activations->scale);
    UNROLL for (size_t i = 0; i < 2; i++)
        acc[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[i]), _mm256_mul_ps(scales_at(w + 32 * h->at + 16 * i), x), acc[i]);
}

INLINE void tile_q8(const struct half *h, const size_t rows)
{
    const uint8_t *w = weights_of(h);
    size_t groups = groups_of(h->l);
    __m256 acc[2][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t g = 0; g < groups; g++, w += 1088) {
        __m256i products[2][2];
        UNROLL for (size_t r = 0; r < rows; r++) products[r][0] = products[r][1] = _mm256_set1_epi32(begin_q8(group_of(h, r, g)));
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 4; i++)
            UNROLL for (size_t j = 0; j < 2; j++) {
                const uint8_t *at = w + 64 + 128 * i + 64 * h->at + 32 * j;
                __m256i q = load(at);
                if (rows == 1 && j == 0) _mm_prefetch((const char *)at + AHEAD, _MM_HINT_T0);
                UNROLL for (size_t r = 0; r < rows; r++)
                    products[r][j] = add_q8(products[r][j], q, _mm256_set1_epi32(word((const uint8_t *)group_of(h, r, g)->q + 4 * i)));
            }
        UNROLL for (size_t r = 0; r < rows; r++) end_group(h, group_of(h, r, g), w, products[r], acc[r]);
    }
    store(h, rows, acc);
}
LINEAR(linear_q8, tile_q8, 2)

/* Q4, or with `has_least` Q4M, whose sums get least times the sum of the group's activations. */
INLINE void tile_nibbles(const struct half *h, const size_t rows, const bool has_least)
{
    const size_t group_bytes = has_least ? 640 : 576, head = has_least ? 128 : 64;
    const uint8_t *w = weights_of(h);
    const __m256i low = _mm256_set1_epi8(15);
    size_t groups = groups_of(h->l);
    __m256 acc[2][2];
    UNROLL for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t g = 0; g < groups; g++, w += group_bytes) {
        __m256i products[2][2];
        UNROLL for (size_t r = 0; r < rows; r++)
            products[r][0] = products[r][1] = _mm256_set1_epi32(has_least ? 0 : group_of(h, r, g)->zero);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 8; i++)
            UNROLL for (size_t j = 0; j < 2; j++) {
                const uint8_t *at = w + head + 128 * i + 64 * h->at + 32 * j;
                __m256i both = load(at), first = _mm256_and_si256(both, low), second = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
                if (rows == 1 && j == 0) _mm_prefetch((const char *)at + AHEAD, _MM_HINT_T0);
                UNROLL for (size_t r = 0; r < rows; r++) {
                    const uint8_t *x = (const uint8_t *)group_of(h, r, g)->q + 8 * i;
                    products[r][j] = add_products(products[r][j], first, _mm256_set1_epi32(word(x)));
                    products[r][j] = add_products(products[r][j], second, _mm256_set1_epi32(word(x + 4)));
                }
            }
        UNROLL for (size_t r = 0; r < rows; r++) end_group(h, group_of(h, r, g), w, products[r], acc[r]);
        UNROLL for (size_t r = 0; has_least && r < rows; r++) {
            __m256 by = _mm256_set1_ps(group_of(h, r, g)->sum);
            UNROLL for (size_t j = 0; j < 2; j++) acc[r][j] = _mm256_fmadd_ps(scales_at(w + 64 + 32 * h->at + 16 * j), by, acc[r][j]);
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++) {
        __m256 unit = (__m256)_mm256_set1_epi32(word((const uint8_t *)group_of(h, r, groups)));
        UNROLL for (size_t j = 0; j < 2; j++) acc[r][j] = _mm256_mul_ps(acc[r][j], unit);
    }
    store(h, rows, acc);
}
INLINE void tile_q4(const struct half *h, const size_t rows) { tile_nibbles(h, rows, false); }
INLINE void tile_q4m(const struct half *h, const size_t rows) { tile_nibbles(h, rows, true); }
LINEAR(linear_q4, tile_q4, 2)
LINEAR(linear_q4m, tile_q4m, 2)

/* The larger sizes of up to thirty-two numbers; NaN is passed over. */
INLINE __m256 sizes(const float *x, __m256 most)
{
    const __m256 sign = _mm256_set1_ps(-0.f);
    UNROLL for (size_t j = 0; j < 4; j++) /* a comparison with NaN is false, and the maximum then takes the second operand */
        most = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + 8 * j)), most);
    return most;
}
INLINE float largest(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* Thirty-two numbers; answers their sum. */
INLINE int32_t round_group(const float *x, float inverse, int8_t q[KERNEL_GROUP])
{
    __m256i i[4];
    UNROLL for (size_t j = 0; j < 4; j++) {
        i[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * j), _mm256_set1_ps(inverse)));
        /* What is no number becomes 0x80000000, which packing would make -128. */
        i[j] = _mm256_andnot_si256(_mm256_cmpeq_epi32(i[j], _mm256_set1_epi32(INT32_MIN)), i[j]);
    }
    __m256i sums = _mm256_add_epi32(_mm256_add_epi32(i[0], i[1]), _mm256_add_epi32(i[2], i[3]));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(i[0], i[1]), _mm256_packs_epi32(i[2], i[3]));
    _mm256_storeu_si256((__m256i *)(void *)q, _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
    return _mm_cvtsi128_si32(sum);
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
        float most = largest(sizes(some, _mm256_setzero_ps()));
        g->scale = most / 127;
        g->zero = -128 * round_group(some, most > 0 ? 127 / most : 0, g->q);
    }
}

INLINE void prepare_nibbles(const float *x, size_t k, const bool has_least, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    float last[KERNEL_GROUP];
    __m256 all = _mm256_setzero_ps();
    for (size_t from = 0; from < k; from += KERNEL_GROUP) all = sizes(numbers(x + from, k - from, last), all);
    float top = largest(all), unit = top / 127 / KERNEL_FINEST, inverse = top > 0 ? 127 / top : 0;
    for (size_t from = 0; from < k; from += KERNEL_GROUP, g++) {
        const float *some = numbers(x + from, k - from, last);
        float finer = kernel_finer(top, largest(sizes(some, _mm256_setzero_ps())));
        int32_t sum = round_group(some, inverse * finer, g->q);
        g->scale = KERNEL_FINEST / finer;
        if (has_least) g->sum = g->scale * (float)sum;
        else g->zero = -8 * sum;
    }
    memcpy(g, &unit, sizeof unit);
}
static void prepare_q4(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, false, out); }
static void prepare_q4m(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, true, out); }

#ifdef __AVXVNNI__
const struct kernels kernels_avxvnni = {
    .name = "avxvnni",
#else
const struct kernels kernels_avx2 = {
    .name = "avx2",
#endif
    .prepare = { avx2_prepare_f32, avx2_prepare_bf16, prepare_q8, prepare_q4m, prepare_q4 },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4m, linear_q4 },
    .narrow = avx2_prepare_bf16,
    .dot = avx2_dot,
    .axpy = avx2_axpy,
    .scale = avx2_scale,
    .rms_norm = avx2_rms_norm,
    .layer_norm = avx2_layer_norm,
    .softmax = avx2_softmax,
    .activate = { avx2_silu, avx2_gelu, avx2_gelu_tanh, avx2_gelu_quick, avx2_relu, avx2_tanh },
    .weigh = { avx2_weigh_f32, avx2_weigh_bf16 },
    .widen = avx2_widen,
};
