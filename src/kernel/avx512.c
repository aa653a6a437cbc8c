/* kernel/avx512.c - for AVX-512 F, BW, DQ, VL and VNNI; how rows and panels are gone over stands in avx512_tile.h. */
#include "kernel/avx512_tile.h"

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
LINEAR(avx512_linear_f32, tile_f32, 12, l->k, 128)

void avx512_prepare_f32(const float *x, size_t k, uint8_t *out) { memcpy(out, x, k * sizeof *x); }

/* ------------------------------------------------------------------ bfloat16 */

void avx512_narrow(const float *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 there = avx512_first(n - i);
        __m512i h = _mm512_srli_epi32((__m512i)avx512_rounded(_mm512_maskz_loadu_ps(there, x + i)), 16);
        _mm512_mask_cvtepi32_storeu_epi16(out + 2 * i, there, h);
    }
    if (n % 2) memset(out + 2 * n, 0, 2);
}

/* Kept as floats: activations are broadcast one by one, and to widen each in every tile would take as long as to multiply. */
void avx512_prepare_wide_bf16(const float *x, size_t k, uint8_t *out)
{
    float *to = (float *)(void *)out;
    for (size_t i = 0; i < k; i += 16) {
        __mmask16 there = avx512_first(k - i);
        _mm512_mask_storeu_ps(to + i, there, avx512_rounded(_mm512_maskz_loadu_ps(there, x + i)));
    }
    if (k % 2) to[k] = 0;
}

/* A bfloat16 is the upper half of a float: of a pair the first is shifted there, the second stands there. */
INLINE __m512 even(__m512i pair) { return (__m512)_mm512_slli_epi32(pair, 16); }
INLINE __m512 odd(__m512i pair) { return (__m512)_mm512_and_si512(pair, _mm512_set1_epi32((int)0xffff0000)); }

INLINE void tile_wide_bf16(const struct span *s, const size_t rows)
{
    const uint8_t *w = weights_at(s, 128);
    size_t wait = s->turn;
    __m512 acc[12][2];
    struct walk x;
    walk_begin(&x, s, rows, s->from * 8);
    load_sums(s, rows, acc);
    for (size_t i = s->from; i < s->end; i++, w += 128, walk_on(&x, rows, 8)) {
        __m512i p0 = _mm512_load_si512(w), p1 = _mm512_load_si512(w + 64);
        ask_ahead(s, &wait, w, 128);
        __m512 w0 = even(p0), w1 = even(p1);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 v = (__m512)four(walk_row(&x, r));
            acc[r][0] = _mm512_fmadd_ps(v, w0, acc[r][0]);
            acc[r][1] = _mm512_fmadd_ps(v, w1, acc[r][1]);
        }
        w0 = odd(p0), w1 = odd(p1);
        UNROLL for (size_t r = 0; r < rows; r++) {
            __m512 v = (__m512)four(walk_row(&x, r) + 4);
            acc[r][0] = _mm512_fmadd_ps(v, w0, acc[r][0]);
            acc[r][1] = _mm512_fmadd_ps(v, w1, acc[r][1]);
        }
    }
    store_sums(s, rows, acc);
}
LINEAR(avx512_linear_wide_bf16, tile_wide_bf16, 12, (l->k + 1) / 2, 128)

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
LINEAR(avx512_linear_q8, tile_q8, 6, groups_of(l), Q8_BYTES)

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
LINEAR(avx512_linear_q4, tile_q4, 6, groups_of(l), Q4_BYTES)
LINEAR(avx512_linear_q4m, tile_q4m, 6, groups_of(l), Q4M_BYTES)

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

void avx512_prepare_q8(const float *x, size_t k, uint8_t *out)
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
void avx512_prepare_q4(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, false, out); }
void avx512_prepare_q4m(const float *x, size_t k, uint8_t *out) { prepare_nibbles(x, k, true, out); }

const struct kernels kernels_avx512 = {
    .name = "avx512",
    .has_wide_bf16 = true,
    .prepare = { avx512_prepare_f32, avx512_prepare_wide_bf16, avx512_prepare_q8, avx512_prepare_q4m, avx512_prepare_q4 },
    .linear = { avx512_linear_f32, avx512_linear_wide_bf16, avx512_linear_q8, avx512_linear_q4m, avx512_linear_q4 },
    .narrow = avx512_narrow,
    .weigh = { avx512_weigh_f32, avx512_weigh_wide_bf16 },
    AVX512_VECTORS,
};
