/* kernel/avx512.c - for AVX-512 F, BW, DQ, VL, VNNI and BF16.
 *
 * A tile is so many rows of activations against one panel of 32 outputs, that is two registers of results a row.  Every
 * weight is loaded once a tile and used for all of its rows; the rows' activations are broadcast from memory.  Whatever
 * the tile, an output is summed over the inputs in their order, so that its bits do not depend on it.
 *
 * Many rows are cut in blocks, and the panel is walked in pieces that stay in a cache while all tiles of the block use
 * them; between pieces a tile's sums are parked.  As many rows as one tile has are bound by memory: there the panel is
 * walked once.
 * The first block asks for weights ahead of their use: one tile so many bytes ahead; several for the next piece, each for
 * its share of it, so that memory is never idle while they compute. */
#include <immintrin.h>
#include <string.h>

#include "base/str.h"
#include "kernel/avx512.h"

#define UNROLL _Pragma("GCC unroll 16")

enum {
    AHEAD = 1024,     /* bytes: how far ahead of their use weights are asked for */
    BLOCK_ROWS = 96,  /* a multiple of all tiles */
    FEW_ROWS = 24,    /* until here what is waited for is memory */
    PIECE_BYTES = 17408,      /* of a panel, few rows: 16 groups of Q8, half of the first-level cache */
    LONG_PIECE_BYTES = 65536, /* many rows: tiles compute for longer than the second-level cache takes to answer */
};

struct span {
    const struct kernel_linear *l;
    size_t panel, row, from, end; /* steps of a panel: inputs, pairs or groups */
    bool is_last;                 /* the panel's last steps */
    size_t ahead, turn, turns;    /* every so many steps, beginning with that one, weights so many bytes ahead are asked for */
    float *parked;                /* [rows][32] */
};

INLINE void load_sums(const struct span *s, const size_t rows, __m512 (*acc)[2])
{
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t h = 0; h < 2; h++) acc[r][h] = s->from ? _mm512_load_ps(s->parked + r * KERNEL_PANEL + 16 * h) : _mm512_setzero_ps();
}

INLINE void store_sums(const struct span *s, const size_t rows, const __m512 (*acc)[2])
{
    const struct kernel_linear *l = s->l;
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t h = 0; h < 2; h++) {
            float *y = l->y + (s->row + r) * l->stride + s->panel * KERNEL_PANEL + 16 * h;
            if (!s->is_last) _mm512_store_ps(s->parked + r * KERNEL_PANEL + 16 * h, acc[r][h]);
            else _mm512_storeu_ps(y, l->adds ? _mm512_add_ps(_mm512_loadu_ps(y), acc[r][h]) : acc[r][h]);
        }
}

/* Counts steps down to the next one that asks. */
INLINE void ask_ahead(const struct span *s, size_t *wait, const uint8_t *w, const size_t n)
{
    if ((*wait)-- != 0) return;
    *wait = s->turns - 1;
    for (size_t i = 0; i < n; i += 64) _mm_prefetch((const char *)((uintptr_t)w + s->ahead + i), _MM_HINT_T1);
}

/* All rows of all panels: tile(span, rows) for as many rows at once as possible, then for what is left. */
#define LINEAR(name, tile, most, steps, step_bytes)                                                          \
    static void name(const struct kernel_linear *l)                                                          \
    {                                                                                                        \
        float parked[BLOCK_ROWS * KERNEL_PANEL] __attribute__((aligned(64)));                                \
        for (size_t p = l->first; p < l->end; p++)                                                           \
            for (size_t first = 0; first < l->rows; first += BLOCK_ROWS) {                                   \
                size_t rows = l->rows - first < BLOCK_ROWS ? l->rows - first : BLOCK_ROWS;                   \
                size_t piece = rows <= (most) ? (steps) : piece_bytes(rows) / (step_bytes);                   \
                struct span s = { .l = l, .panel = p, .ahead = AHEAD, .turns = 1 };                          \
                if (rows > (most)) s.ahead = piece * (step_bytes), s.turns = tiles_of(rows, most);           \
                if (l->next) s.ahead = (uintptr_t)l->next - (uintptr_t)l->w;                                 \
                for (s.from = 0; s.from < (steps); s.from = s.end) {                                         \
                    size_t r = 0;                                                                            \
                    s.end = (steps) - s.from < piece ? (steps) : s.from + piece;                             \
                    s.is_last = s.end == (steps);                                                            \
                    for (; rows - r >= (most); r += (most)) tile(at_row(&s, first, r, parked), most);        \
                    for (; rows - r >= 4; r += 4) tile(at_row(&s, first, r, parked), 4);                     \
                    if (rows - r == 3) tile(at_row(&s, first, r, parked), 3);                                \
                    if (rows - r == 2) tile(at_row(&s, first, r, parked), 2);                                \
                    if (rows - r == 1) tile(at_row(&s, first, r, parked), 1);                                \
                }                                                                                            \
            }                                                                                                \
    }

INLINE size_t piece_bytes(size_t rows) { return rows <= FEW_ROWS ? PIECE_BYTES : LONG_PIECE_BYTES; }

INLINE size_t tiles_of(size_t rows, size_t most)
{
    size_t left = rows % most;
    return rows / most + left / 4 + (left % 4 > 0);
}

INLINE const struct span *at_row(struct span *s, size_t first, size_t r, float *parked)
{
    s->row = first + r;
    s->parked = parked + r * KERNEL_PANEL;
    if (r == 0) s->turn = first == 0 ? 0 : SIZE_MAX; /* later blocks find the panel in a cache */
    else if (first == 0) s->turn++;
    return s;
}

INLINE const uint8_t *weights_at(const struct span *s, size_t step_bytes) { return s->l->w + s->panel * s->l->panel_bytes + s->from * step_bytes; }
INLINE const uint8_t *row_at(const struct span *s, size_t r) { return s->l->x + (s->row + r) * s->l->row_bytes; }

/* Four bytes of activations, in every lane. */
INLINE __m512i four(const uint8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm512_set1_epi32(v);
}

/* Where a tile reads its rows.  Twelve pointers, or twelve offsets, are more than there are registers, and the compiler
 * would fetch them from elsewhere at every step: one pointer serves three rows. */
struct walk {
    const uint8_t *at[4]; /* of rows 0, 3, 6 and 9 */
    size_t row_bytes;
};
INLINE void walk_begin(struct walk *k, const struct span *s, const size_t rows, size_t offset)
{
    k->row_bytes = s->l->row_bytes;
    UNROLL for (size_t i = 0; 3 * i < rows; i++) k->at[i] = row_at(s, 3 * i) + offset;
}
INLINE const uint8_t *walk_row(const struct walk *k, size_t r) { return k->at[r / 3] + r % 3 * k->row_bytes; }
INLINE void walk_on(struct walk *k, const size_t rows, size_t n)
{
    UNROLL for (size_t i = 0; 3 * i < rows; i++) {
        k->at[i] += n;
        __asm__("" : "+r"(k->at[i])); /* that the four are related is nothing that the compiler may use */
    }
}

/* ------------------------------------------------------------------ float32 */

INLINE void tile_f32(const struct span *s, const size_t rows)
{
    const uint8_t *w = weights_at(s, 128);
    size_t wait = s->turn;
    __m512 acc[12][2];
    struct walk x;
    walk_begin(&x, s, rows, s->from * sizeof(float));
    load_sums(s, rows, acc);
    for (size_t i = s->from; i < s->end; i++, w += 128, walk_on(&x, rows, sizeof(float))) {
        __m512 w0 = _mm512_load_ps(w), w1 = _mm512_load_ps(w + 64);
        ask_ahead(s, &wait, w, 128);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 v = (__m512)four(walk_row(&x, r));
            acc[r][0] = _mm512_fmadd_ps(v, w0, acc[r][0]);
            acc[r][1] = _mm512_fmadd_ps(v, w1, acc[r][1]);
        }
    }
    store_sums(s, rows, acc);
}
LINEAR(linear_f32, tile_f32, 12, l->k, 128)

void avx512_prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

/* ------------------------------------------------------------------ bfloat16 */

INLINE void tile_bf16(const struct span *s, const size_t rows)
{
    const uint8_t *w = weights_at(s, 128);
    size_t wait = s->turn;
    __m512 acc[12][2];
    struct walk x;
    walk_begin(&x, s, rows, s->from * 4);
    load_sums(s, rows, acc);
    for (size_t i = s->from; i < s->end; i++, w += 128, walk_on(&x, rows, 4)) {
        __m512bh w0 = (__m512bh)_mm512_load_si512(w), w1 = (__m512bh)_mm512_load_si512(w + 64);
        ask_ahead(s, &wait, w, 128);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512bh v = (__m512bh)four(walk_row(&x, r));
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], w0, v);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], w1, v);
        }
    }
    store_sums(s, rows, acc);
}
LINEAR(linear_bf16, tile_bf16, 12, (l->k + 1) / 2, 128)

void avx512_prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    size_t i = 0;
    for (; i + 32 <= k; i += 32)
        _mm512_storeu_si512(out + 2 * i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
    uint16_t *h = (uint16_t *)(void *)out;
    for (; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}

/* ------------------------------------------------------------------ 8 and 4 bits, in groups of 32 */

enum { Q8_BYTES = 1088, Q4M_BYTES = 640, Q4_BYTES = 576 };

INLINE size_t groups_of(const struct kernel_linear *l) { return (l->k + KERNEL_GROUP - 1) / KERNEL_GROUP; }
INLINE __m512 half16(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)p)); }

INLINE const struct kernel_group *group_of(const struct walk *x, size_t r) { return (const void *)walk_row(x, r); }

/* Begins a group's products with what the unsigned weights will count too much. */
INLINE void begin_group(const struct walk *x, const size_t rows, __m512i (*products)[2])
{
    UNROLL for (size_t r = 0; r < rows; r++) products[r][0] = products[r][1] = _mm512_set1_epi32(group_of(x, r)->zero);
}

INLINE void add_scaled(__m512 acc[2], const __m512i products[2], __m512 s0, __m512 s1)
{
    acc[0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[0]), s0, acc[0]);
    acc[1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[1]), s1, acc[1]);
}

INLINE void tile_q8(const struct span *s, const size_t rows)
{
    const uint8_t *w = weights_at(s, Q8_BYTES);
    size_t wait = s->turn;
    __m512 acc[6][2];
    struct walk x;
    walk_begin(&x, s, rows, s->from * sizeof(struct kernel_group));
    load_sums(s, rows, acc);
    for (size_t g = s->from; g < s->end; g++, w += Q8_BYTES, walk_on(&x, rows, sizeof(struct kernel_group))) {
        __m512i products[6][2];
        ask_ahead(s, &wait, w, Q8_BYTES);
        begin_group(&x, rows, products);
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 4; i++) {
            __m512i w0 = _mm512_load_si512(w + 64 + 128 * i), w1 = _mm512_load_si512(w + 128 + 128 * i);
            UNROLL for (size_t r = 0; r < rows; r++) {
                __m512i v = four(walk_row(&x, r) + 4 * i);
                products[r][0] = _mm512_dpbusd_epi32(products[r][0], w0, v);
                products[r][1] = _mm512_dpbusd_epi32(products[r][1], w1, v);
            }
        }
        __m512 s0 = half16(w), s1 = half16(w + 32);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 by = _mm512_set1_ps(group_of(&x, r)->scale);
            add_scaled(acc[r], products[r], _mm512_mul_ps(s0, by), _mm512_mul_ps(s1, by));
        }
    }
    store_sums(s, rows, acc);
}
LINEAR(linear_q8, tile_q8, 6, groups_of(l), Q8_BYTES)

/* Adds a group's products, scaled, to the sums.  Activations have powers of two for scales: their exponents are added to those of
 * the weights' scales, for which there are units of the processor that do not multiply.  A scale of 0 becomes 2^-112 at most. */
INLINE void end_nibbles(const struct walk *x, const size_t rows, const uint8_t *scales, const __m512i (*products)[2], __m512 (*acc)[2])
{
    const __m512i one = (__m512i)_mm512_set1_ps(1);
    __m512i s0 = _mm512_sub_epi32((__m512i)half16(scales), one), s1 = _mm512_sub_epi32((__m512i)half16(scales + 32), one);
    UNROLL for (size_t r = 0; r < rows; r++) {
        __m512i by = (__m512i)_mm512_set1_ps(group_of(x, r)->scale);
        add_scaled(acc[r], products[r], (__m512)_mm512_add_epi32(s0, by), (__m512)_mm512_add_epi32(s1, by));
    }
}

/* What the sums lack where a weight is scale * nibble + least: least times the sum of the group's activations. */
INLINE void add_least(const struct walk *x, const size_t rows, const uint8_t *least, __m512 (*acc)[2])
{
    __m512 m0 = half16(least), m1 = half16(least + 32);
    UNROLL for (size_t r = 0; r < rows; r++) {
        __m512 by = _mm512_set1_ps(group_of(x, r)->sum);
        acc[r][0] = _mm512_fmadd_ps(m0, by, acc[r][0]);
        acc[r][1] = _mm512_fmadd_ps(m1, by, acc[r][1]);
    }
}

/* After the last group of a row stands its unit. */
INLINE void times_units(const struct walk *x, const size_t rows, __m512 (*acc)[2])
{
    UNROLL for (size_t r = 0; r < rows; r++) {
        __m512 unit = (__m512)four(walk_row(x, r));
        UNROLL for (size_t h = 0; h < 2; h++) acc[r][h] = _mm512_mul_ps(acc[r][h], unit);
    }
}

/* Q4, or with `has_least` Q4M. */
INLINE void tile_nibbles(const struct span *s, const size_t rows, const bool has_least)
{
    const size_t group_bytes = has_least ? Q4M_BYTES : Q4_BYTES, head = has_least ? 128 : 64;
    const uint8_t *w = weights_at(s, group_bytes);
    const __m512i low = _mm512_set1_epi8(15);
    size_t wait = s->turn;
    __m512 acc[6][2];
    struct walk x;
    walk_begin(&x, s, rows, s->from * sizeof(struct kernel_group));
    load_sums(s, rows, acc);
    for (size_t g = s->from; g < s->end; g++, w += group_bytes, walk_on(&x, rows, sizeof(struct kernel_group))) {
        __m512i products[6][2];
        ask_ahead(s, &wait, w, group_bytes);
        if (!has_least) begin_group(&x, rows, products);
        else UNROLL for (size_t r = 0; r < rows; r++) products[r][0] = products[r][1] = _mm512_setzero_si512();
        UNROLL for (size_t i = 0; i < KERNEL_GROUP / 8; i++) {
            __m512i b0 = _mm512_load_si512(w + head + 128 * i), b1 = _mm512_load_si512(w + head + 64 + 128 * i);
            __m512i w0 = _mm512_and_si512(b0, low), w1 = _mm512_and_si512(b1, low);
            __m512i w2 = _mm512_and_si512(_mm512_srli_epi16(b0, 4), low), w3 = _mm512_and_si512(_mm512_srli_epi16(b1, 4), low);
            UNROLL for (size_t r = 0; r < rows; r++) {
                __m512i u = four(walk_row(&x, r) + 8 * i), v = four(walk_row(&x, r) + 8 * i + 4);
                products[r][0] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(products[r][0], w0, u), w2, v);
                products[r][1] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(products[r][1], w1, u), w3, v);
            }
        }
        end_nibbles(&x, rows, w, products, acc);
        if (has_least) add_least(&x, rows, w + 64, acc);
    }
    if (s->is_last) times_units(&x, rows, acc);
    store_sums(s, rows, acc);
}
INLINE void tile_q4(const struct span *s, const size_t rows) { tile_nibbles(s, rows, false); }
INLINE void tile_q4m(const struct span *s, const size_t rows) { tile_nibbles(s, rows, true); }
LINEAR(linear_q4, tile_q4, 6, groups_of(l), Q4_BYTES)
LINEAR(linear_q4m, tile_q4m, 6, groups_of(l), Q4M_BYTES)

/* Activations are prepared four groups side by side, so that their maxima and sums are found together. */
struct four_groups {
    __m512 x[4][2];
};

/* What lies past the end are zeros. */
INLINE void load_groups(const float *x, size_t left, struct four_groups *v)
{
    UNROLL for (size_t i = 0; i < 8; i++) {
        unsigned there = left >= 16 * i + 16 ? 0xffff : left > 16 * i ? (1u << (left - 16 * i)) - 1 : 0;
        v->x[i / 2][i % 2] = _mm512_maskz_loadu_ps((__mmask16)there, x + 16 * i);
    }
}

/* The larger sizes.  A comparison with NaN is false, and the maximum then takes the second operand. */
INLINE __m512 sizes(const __m512 x[2], __m512 most) { return _mm512_max_ps(_mm512_abs_ps(x[0]), _mm512_max_ps(_mm512_abs_ps(x[1]), most)); }

/* The largest size of each group. */
INLINE __m128 largest_of_four(const struct four_groups *v)
{
    __m512 most[4];
    UNROLL for (size_t i = 0; i < 4; i++) most[i] = sizes(v->x[i], _mm512_setzero_ps());
    __m512 m01 = _mm512_max_ps(_mm512_unpacklo_ps(most[0], most[1]), _mm512_unpackhi_ps(most[0], most[1]));
    __m512 m23 = _mm512_max_ps(_mm512_unpacklo_ps(most[2], most[3]), _mm512_unpackhi_ps(most[2], most[3]));
    __m512 m = _mm512_max_ps(_mm512_shuffle_ps(m01, m23, 0x44), _mm512_shuffle_ps(m01, m23, 0xee));
    __m256 half = _mm256_max_ps(_mm512_castps512_ps256(m), _mm512_extractf32x8_ps(m, 1));
    return _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* Rounds; what is not a number, or none of 8 bits, becomes 0x80000000 and so 0.  Answers the sum of each group. */
INLINE __m128i round_groups(const struct four_groups *v, __m128 inverse, __m256i q[4])
{
    float by[4];
    __m256i sum[4];
    _mm_storeu_ps(by, inverse);
    UNROLL for (size_t i = 0; i < 4; i++) {
        __m128i a = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(v->x[i][0], _mm512_set1_ps(by[i]))));
        __m128i b = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(v->x[i][1], _mm512_set1_ps(by[i]))));
        q[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
        sum[i] = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q[i]);
    }
    __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* Writes as many of the four as there are; rest: zero or sum. */
INLINE void store_groups(const __m256i q[4], __m128 scale, __m128i rest, size_t left, struct kernel_group *out)
{
    uint32_t scales[4], rests[4];
    _mm_storeu_si128((__m128i *)(void *)scales, (__m128i)scale);
    _mm_storeu_si128((__m128i *)(void *)rests, rest);
    for (size_t i = 0; i < 4 && KERNEL_GROUP * i < left; i++) {
        _mm256_storeu_si256((__m256i *)(void *)out[i].q, q[i]);
        memcpy(&out[i].scale, &scales[i], 4);
        memcpy(&out[i].zero, &rests[i], 4);
    }
}

static void prepare_q8(const float *x, size_t k, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    for (size_t from = 0; from < k; from += 4 * KERNEL_GROUP, g += 4) {
        struct four_groups v;
        __m256i q[4];
        load_groups(x + from, k - from, &v);
        __m128 most = largest_of_four(&v), fits = _mm_set1_ps(127);
        __m128 inverse = _mm_maskz_div_ps(_mm_cmp_ps_mask(most, _mm_setzero_ps(), _CMP_GT_OQ), fits, most);
        __m128i sum = round_groups(&v, inverse, q);
        store_groups(q, _mm_div_ps(most, fits), _mm_mullo_epi32(sum, _mm_set1_epi32(-128)), k - from, g);
    }
}

/* The largest size in a row. */
INLINE float largest(const float *x, size_t k)
{
    __m512 most = _mm512_setzero_ps();
    struct four_groups v;
    for (size_t from = 0; from < k; from += 4 * KERNEL_GROUP) {
        load_groups(x + from, k - from, &v);
        UNROLL for (size_t i = 0; i < 4; i++) most = sizes(v.x[i], most);
    }
    return _mm512_reduce_max_ps(most);
}

INLINE void prepare_nibbles(const float *x, size_t k, const bool has_least, uint8_t *out)
{
    struct kernel_group *g = (void *)out;
    const __m128 finest = _mm_set1_ps(KERNEL_FINEST), power = (__m128)_mm_set1_epi32(0x7f800000);
    float top = largest(x, k), unit = top / 127 / KERNEL_FINEST, inverse = top > 0 ? 127 / top : 0;
    for (size_t from = 0; from < k; from += 4 * KERNEL_GROUP, g += 4) {
        struct four_groups v;
        __m256i q[4];
        load_groups(x + from, k - from, &v);
        __m128 finer = _mm_min_ps(_mm_and_ps(_mm_div_ps(_mm_set1_ps(top), largest_of_four(&v)), power), finest); /* as kernel_finer */
        __m128 scale = _mm_div_ps(finest, finer);
        __m128i sum = round_groups(&v, _mm_mul_ps(_mm_set1_ps(inverse), finer), q);
        __m128i rest = has_least ? (__m128i)_mm_mul_ps(scale, _mm_cvtepi32_ps(sum)) : _mm_mullo_epi32(sum, _mm_set1_epi32(-8));
        store_groups(q, scale, rest, k - from, g);
    }
    memcpy(out + (k + KERNEL_GROUP - 1) / KERNEL_GROUP * sizeof *g, &unit, sizeof unit);
}
static void prepare_q4(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, false, out); }
static void prepare_q4m(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, true, out); }

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .prepare = { avx512_prepare_f32, avx512_prepare_bf16, prepare_q8, prepare_q4m, prepare_q4 },
    .linear = { linear_f32, linear_bf16, linear_q8, linear_q4m, linear_q4 },
    .dot = avx512_dot,
    .axpy = avx512_axpy,
    .scale = avx512_scale,
    .rms_norm = avx512_rms_norm,
    .layer_norm = avx512_layer_norm,
    .softmax = avx512_softmax,
    .activate = { avx512_silu, avx512_gelu, avx512_gelu_tanh, avx512_gelu_quick, avx512_relu, avx512_tanh },
    .weigh = { avx512_weigh_f32, avx512_weigh_bf16 },
    .widen = avx512_widen,
};
