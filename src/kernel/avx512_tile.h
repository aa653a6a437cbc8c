/* kernel/avx512_tile.h - how linear layers go over rows and panels, whatever the type; for the files of AVX-512 alone.
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
#ifndef KERNEL_AVX512_TILE_H
#define KERNEL_AVX512_TILE_H

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
    void name(const struct kernel_linear *l)                                                                 \
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

#endif
