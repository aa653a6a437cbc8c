/* cas/pack_priv.h - one stream becomes a file: cut into chunks, those that are stored already found, the others packed
 * into new xorbs; and its SHA-256 is made in the same pass (xet/weave.h).
 *
 * The caller fills blocks in place; full ones are cut and hashed by one job of the pool at a time, in order, and stowed by
 * another (cas/stow_priv.h), while the caller goes on.  At most PACK_BLOCKS blocks are on their way, so a slow disk holds
 * the caller back.  Takes at most about 18 MiB, and little for a small file.
 *
 * Full xorbs are published and entered as they are made: an upload that is broken off and sent again finds them.  What
 * nobody comes to name is collected. */
#ifndef CAS_PACK_PRIV_H
#define CAS_PACK_PRIV_H

#include "cas/xorb_priv.h"

struct pack;
struct pack *pack_new(struct cas *c);
void pack_space(struct pack *p, uint8_t **out, size_t *n); /* room (*n > 0), to be filled in place */
bool pack_filled(struct pack *p, size_t n, struct err *e);
/* The end of the stream, which has this SHA-256; then comes pack_commit, if that is the right one. */
bool pack_end(struct pack *p, struct sha256 *out, struct err *e);
/* Every byte is durable, then one transaction: the rows of the last xorb, of the object and of its file; an upload in parts
 * ends, unless upload_id is empty.  The object's whole blob goes, if it had one.  ERR_BUSY: something was collected at this
 * very moment; the stream must be sent again. */
bool pack_commit(struct pack *p, str upload_id, struct cas_object *out, struct err *e);
/* A whole file goes into the packer, up to pack_end.  progress(ctx, done), which may be NULL: false gives up (ERR_CLOSED).
 * When it fails, *is_bad says that it is the file that cannot be read. */
bool pack_file(struct cas *c, struct pack *p, int fd, uint64_t size_bytes, bool (*progress)(void *ctx, uint64_t done),
               void *ctx, bool *is_bad, struct sha256 *out, struct err *e);
void pack_free(struct pack *p); /* NULL is fine */

#endif
