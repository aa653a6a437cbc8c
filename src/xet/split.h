/* xet/split.h - a stream of bytes becomes a list of chunks: cut and hashed.
 *
 * Chunks that lie whole in what one call was given are hashed many at a time, so give much at once (256 KiB and more is
 * good); one that spans calls is hashed as it arrives.  Nothing is copied or kept. */
#ifndef XET_SPLIT_H
#define XET_SPLIT_H

#include "xet/blake3.h"
#include "xet/chunker.h"
#include "xet/hash.h"

struct xet_split {
    struct xet_chunker chunker;
    struct blake3 open; /* the chunk that spans calls, when chunker.size_bytes > 0 */
};

void xet_split_init(struct xet_split *s, enum xet_dialect d);

/* The most chunks that can end within n more bytes. */
static inline size_t xet_split_max(size_t n) { return n / (XET_CHUNK_MIN - 64) + 1; }

/* Fills out[0..count) with the chunks that ended in `in`, in order, and returns their count.  out has room for
 * xet_split_max(in.n).  What is left over is remembered and belongs to the next chunk. */
size_t xet_split_add(struct xet_split *s, bytes in, struct xet_chunk *out);

/* The end of the stream: true, and the last chunk, when there is one. */
bool xet_split_end(struct xet_split *s, struct xet_chunk *out);

#endif
