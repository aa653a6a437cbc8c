/* xet/weave.h - a stream's SHA-256, its chunks and their hashes, in one pass.
 *
 * Each of the three leaves most of a processor idle: SHA-256 is one chain of instructions that wait for each other, the search for cuts
 * uses the integer units and BLAKE3 the vector units.  Woven into each other, instruction by instruction, they take little
 * longer than SHA-256 alone; where the processor has not what that takes, they run one after the other.
 *
 * The stream comes in blocks that have XET_SPLIT_MARGIN bytes free before them, as xet/split.h asks. */
#ifndef XET_WEAVE_H
#define XET_WEAVE_H

#include "base/hash.h"
#include "xet/hash.h"
#include "xet/split.h"

enum { XET_WEAVE_BLOCK_MAX = 1 << 20 };

struct xet_weave;
/* Chunks are those of the current dialect.  with_sha256 false: only chunks and their hashes are wanted.  Takes 175 KiB. */
struct xet_weave *xet_weave_new(bool with_sha256);
void xet_weave_free(struct xet_weave *w); /* NULL is fine */

/* Are hashes woven in?  Else xet_weave_add takes as long for them as xet_chunk_hash_many does, which another processor may do meanwhile. */
bool xet_weave_has_hashes(const struct xet_weave *w);

/* The next n bytes, at most XET_WEAVE_BLOCK_MAX.  Fills chunk[0..count) and their hashes, xet_split_max(n) at most, and
 * returns count; the rules are those of xet_split_add.  Blocks of a multiple of 16 KiB are good.  `hash` may be NULL where hashes are
 * not woven in: they are not made then. */
size_t xet_weave_add(struct xet_weave *w, uint8_t *at, size_t n, bytes *chunk, struct xet_hash *hash);
/* The end of the stream: true, and the last chunk, when there is one; valid until `w` is freed. */
bool xet_weave_end(struct xet_weave *w, bytes *chunk, struct xet_hash *hash, struct sha256 *out /* NULL if not wanted */);

#endif
