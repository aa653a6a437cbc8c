/* hub/bucket/bucket_priv.h - what the files of this folder share. */
#ifndef HUB_BUCKET_PRIV_H
#define HUB_BUCKET_PRIV_H

#include "base/hash.h"
#include "hub/bucket/bucket.h"
#include "hub/bucket/bucket_care.h"
#include "hub/hub_priv.h"

/* bucket "b", joined with its owner as "o": read by bucket_read. */
#define BUCKET_COLUMNS                                                                                                    \
    "b.id, b.owner_id, coalesce(b.creator_id, 0), b.hex_id, o.name, b.name, b.is_private, o.kind, b.files_count, b.size_bytes," \
    " b.created_ms, b.updated_ms, coalesce(b.group_id, 0)"
void bucket_read(struct db_query *q, struct bucket *out, struct arena *a);

/* In the transaction: the bucket has it from now on, and collection leaves it for another grace time.  *is_stored false: it is
 * not in the store, and nothing was written. */
bool bucket_content_add(struct db_conn *tx, int64_t bucket_id, int64_t user_id, const struct sha256 *sha256, int64_t now, bool *is_stored,
                        struct err *e);

#endif
