/* cas/build_priv.h - a xorb under construction, for chunks that arrive by other ways than Xet.
 *
 * Chunks are put in one after another, and their frames written behind the caller's back.  A full xorb is sealed: its last
 * writes, syncs, name and row are some milliseconds of waiting for the disk, which a thread of the pool does, while the caller puts
 * chunks into another one.  What lies in a sealed one can still be asked, until build_settle.  Belongs to one thread at a time. */
#ifndef CAS_BUILD_PRIV_H
#define CAS_BUILD_PRIV_H

#include "cas/xorb_priv.h"

struct build;
/* Takes little before the first chunk, and 5 MiB for a large file; the same memory for one xorb after another. */
struct build *build_new(struct cas *c);
void build_free(struct build *b); /* waits for what is being published, discards what is not; NULL is fine */

/* The first cached_bytes go through the page cache. */
bool build_begin(struct build *b, uint64_t cached_bytes, struct err *e);
bool build_fits(const struct build *b, size_t raw_bytes);
bool build_put(struct build *b, bytes raw, const struct xet_hash *hash, struct err *e);

/* Its chunks, from build_begin to build_settle. */
uint32_t build_count(const struct build *b);
const struct xet_hash *build_hashes(const struct build *b);
uint32_t build_find(const struct build *b, const struct xet_hash *hash); /* the first of this hash; UINT32_MAX: none */

/* No more chunks: the name of the xorb, which build_name tells until it is settled. */
const struct xet_hash *build_end(struct build *b);
const struct xet_hash *build_name(const struct build *b);
/* After build_end.  Publishes, and enters the row (build_enter), behind the caller's back; or does not enter it, at once. */
void build_seal(struct build *b, uint32_t first);
void build_publish(struct build *b);
/* How that went.  Then another xorb may begin.  *stored, to be given back, is where the chunks lie, as xorb_publish says. */
bool build_settle(struct build *b, const struct xet_xorb_index **stored, struct err *e);

/* The rows of a published xorb, in a transaction; first: its chunk that begins a file (UINT32_MAX: none). */
bool build_enter(struct cas *c, struct db_conn *tx, const struct xet_xorb_index *x, uint32_t first, struct err *e);

#endif
