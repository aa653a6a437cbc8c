/* kernel/avx512_bf16.c - for AVX-512 with BF16, what that makes faster: where its products of pairs come as fast as products of floats, or
 * faster.  Everything else is as in avx512.c. */
#include "kernel/avx512_tile.h"

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
LINEAR(avx512_linear_bf16, tile_bf16, 12, (l->k + 1) / 2, 128)

static void prepare_bf16(const float *x, size_t k, uint8_t *out)
{
    size_t i = 0;
    for (; i + 32 <= k; i += 32)
        _mm512_storeu_si512(out + 2 * i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
    uint16_t *h = (uint16_t *)(void *)out;
    for (; i < k; i++) h[i] = kernel_to_bf16(x[i]);
    if (k % 2) h[k] = 0;
}

static float weigh_bf16(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum)
{
    float most = avx512_weights_of(s, from, end, n, sum);
    prepare_bf16(s, n, out);
    return most;
}

const struct kernels kernels_avx512_bf16 = {
    .name = "avx512bf16",
    .prepare = { avx512_prepare_f32, prepare_bf16, avx512_prepare_q8, avx512_prepare_q4m, avx512_prepare_q4 },
    .linear = { avx512_linear_f32, avx512_linear_bf16, avx512_linear_q8, avx512_linear_q4m, avx512_linear_q4 },
    .narrow = prepare_bf16,
    .weigh = { avx512_weigh_f32, weigh_bf16 },
    AVX512_VECTORS,
};
