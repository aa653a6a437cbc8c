/* cas/stow_priv.h - where the chunks of one stream go: those that are stored already are found, the others are packed into new
 * xorbs, and the list of both is the file.
 *
 * Chunks come in their order, hashed.  Belongs to one thread at a time.  Takes at most about 11 MiB, and little for a small
 * file.  Full xorbs are published and entered as they are made: an upload that is broken off and sent again finds them.  What
 * nobody comes to name is collected. */
#ifndef CAS_STOW_PRIV_H
#define CAS_STOW_PRIV_H

#include "cas/pack_priv.h"

struct stow;
struct stow *stow_new(struct cas *c);
void stow_free(struct stow *s); /* NULL is fine */
bool stow_chunks(struct stow *s, const bytes *chunk, const struct xet_hash *hash, size_t n, struct err *e);
/* See pack_commit. */
bool stow_commit(struct stow *s, const struct sha256 *sha256, str upload_id, struct cas_object *out, struct err *e);

#endif
