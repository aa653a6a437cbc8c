/* hub/bucket/bucket_care.h - buckets, for collection and for the check of everything (hub/care/). */
#ifndef HUB_BUCKET_CARE_H
#define HUB_BUCKET_CARE_H

#include "hub/bucket/bucket.h"

/* Rows of files and contents whose bucket has no row: removes them, a few at a time. */
bool bucket_remove_files(struct hub *h, int64_t bucket_id, struct err *e);
/* Numbers that such rows have: a crash may have left them. */
bool bucket_each_orphan(struct hub *h, bool (*fn)(void *ctx, int64_t bucket_id, struct err *e), void *ctx, struct err *e);
/* Drops the contents that no file names and that came before before_ms; a dry run only tells them. */
bool bucket_collect(struct hub *h, int64_t before_ms, bool dry_run, void (*dropped)(void *ctx, int64_t bucket_id, const struct sha256 *sha256),
                    void *ctx, struct err *e);
/* Every file's content is stored, the bucket's, and of the size that its row says; totals agree. */
bool bucket_check_all(struct hub *h, void (*problem)(void *ctx, const struct bucket *b, str what, str hint), void *ctx, uint64_t *checked, struct err *e);

#endif
