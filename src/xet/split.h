/* xet/split.h - a stream of blocks becomes chunks that each lie in one piece of memory.
 *
 * What a block ends with is kept, and put before the next block, where its owner leaves room for it.  So chunks can be
 * hashed many at a time, wherever the blocks begin and end, and only that rest is copied. */
#ifndef XET_SPLIT_H
#define XET_SPLIT_H

#include "xet/chunker.h"

enum { XET_SPLIT_MARGIN = XET_CHUNK_MAX }; /* free bytes before a block */

struct xet_split {
    struct xet_chunker chunker;
    uint8_t *tail; /* of the chunk that is not over; NULL: there has been none */
    size_t tail_n;
};

void xet_split_init(struct xet_split *s, enum xet_dialect d);
void xet_split_deinit(struct xet_split *s);

/* The most chunks that can end within n more bytes. */
static inline size_t xet_split_max(size_t n) { return n / (XET_CHUNK_MIN - 64) + 1; }

/* Fills out[0..count) with the chunks that end in the n bytes at `at`, in order, and returns their count.  The first may
 * begin in the margin, which is overwritten.  They are valid as long as the block is. */
size_t xet_split_add(struct xet_split *s, uint8_t *at, size_t n, bytes *out);

/* The end of the stream: true, and the last chunk, when there is one; valid until the next call. */
bool xet_split_end(struct xet_split *s, bytes *out);

/* For who finds the cuts himself (xet/weave.c): what was kept is put before the block at `at`, and where it begins is
 * returned; and what a block ends with is kept, less than XET_CHUNK_MAX bytes. */
const uint8_t *xet_split_join(const struct xet_split *s, uint8_t *at);
void xet_split_keep(struct xet_split *s, bytes b);

#endif
