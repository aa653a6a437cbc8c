/* hub/commit/lock_check.h - what a change may not touch: files that somebody else has locked (hub/file_lock.h). */
#ifndef HUB_LOCK_CHECK_H
#define HUB_LOCK_CHECK_H

#include "hub/file_lock.h"

/* Calls fn for each file that is locked by another than `user_id` and is not the same in both commits, ordered by
 * lock.  *before zero: there was nothing.  Costs two look-ups per lock. */
bool lock_check(struct db_conn *db, struct vcs_repo *v, int64_t repo_id, int64_t user_id, const struct vcs_oid *before,
                const struct vcs_oid *after, void (*fn)(void *ctx, const struct file_lock *l), void *ctx, struct err *e);

/* The same as a refusal, for a change that is made here: ERR_DENIED, naming file and owner.  who NULL may do all. */
bool lock_allow(struct hub *h, struct vcs_repo *v, int64_t repo_id, const struct identity *who, const struct vcs_oid *before,
                const struct vcs_oid *after, struct err *e);

#endif
