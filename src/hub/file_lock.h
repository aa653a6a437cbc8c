/* hub/file_lock.h - locks that people put on files, as git-lfs has them (table repo_lock).
 * They tell others that somebody works on a file that cannot be merged, and pushes and commits of others to it are
 * refused (hub/commit/lock_check.h).  One lock per path, whatever the branch.  (The lock that writers of a repository take turns with is hub/repo.h's.) */
#ifndef HUB_FILE_LOCK_H
#define HUB_FILE_LOCK_H

#include "hub/hub.h"

struct file_lock {
    int64_t id, owner_id, locked_ms;
    str path, ref, owner; /* ref: as the client named it, or empty */
};
/* *taken: somebody, perhaps the same person, has it already, and *out is that lock. */
bool file_lock_create(struct hub *h, int64_t repo_id, int64_t user_id, str path, str ref, struct file_lock *out,
                      bool *taken, struct arena *a, struct err *e);
struct file_lock_query {
    str path;       /* .p NULL: any */
    int64_t id;     /* 0: any */
    int64_t after;  /* ids greater than this */
    size_t limit;
};
bool file_lock_list(struct db_conn *c, int64_t repo_id, const struct file_lock_query *q, struct arena *a,
                    struct file_lock **out, size_t *n, struct err *e);
/* The lock that was removed.  Another's without `force`: ERR_DENIED, naming the owner; none: ERR_NOT_FOUND. */
bool file_lock_remove(struct hub *h, int64_t repo_id, int64_t user_id, int64_t id, bool force, struct file_lock *out,
                      struct arena *a, struct err *e);

#endif
