/* hub/large_file.h - which repository may name which large file.
 * A repository has a right to a large file when somebody uploaded it there, or copied it from a repository
 * that he may read.  Objects live in cas/; this is the register (table repo_large_file). */
#ifndef HUB_LARGE_FILE_H
#define HUB_LARGE_FILE_H

#include "cas/xorb.h"
#include "hub/hub.h"

struct large_file {
    struct sha256 sha256;
    uint64_t size_bytes;
    int64_t pushed_ms;
    str path, ref; /* where it stands in main, or where a commit last put it; rows older than that knowledge have none */
};
/* Both the register and the store have it. */
bool large_file_find(struct hub *h, struct db_conn *c, int64_t repo_id, const struct sha256 *sha256,
                     struct large_file *out, bool *found, struct err *e);
/* After an upload; also for a copy.  Renews the object's grace time. */
bool large_file_register(struct hub *h, int64_t repo_id, int64_t user_id, const struct cas_object *o, struct err *e);
bool large_file_register_in(struct db_conn *tx, int64_t repo_id, int64_t user_id, const struct cas_object *o, struct err *e);
/* The same for what one upload brought: all or none. */
bool large_file_register_many(struct hub *h, int64_t repo_id, int64_t user_id, const struct cas_object *list, size_t n,
                              struct err *e);
/* A commit puts large files there: of each, sha256, path and ref are read.  Unknown ones are passed over. */
bool large_file_place_many(struct hub *h, int64_t repo_id, const struct large_file *list, size_t n, struct err *e);
/* May this identity read the content of some repository or bucket that registers the object?  Gated repositories count for those
 * who were let in.  ctx is a struct identity, the signature that of cas_viewer.may_read. */
bool large_file_may_read(void *identity, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e);
bool large_file_list(struct db_conn *c, int64_t repo_id, const struct sha256 *after, size_t limit, struct arena *a,
                     struct large_file **out, size_t *n, struct err *e);
/* What the repository's large files are as whole files, and what the xorbs take that they are in. */
bool large_file_stats(struct db_conn *c, int64_t repo_id, struct cas_stats *out, struct err *e);
/* Rewrites every ref so that no commit names these files, and drops them from the register. */
bool large_file_delete(struct hub *h, const struct repo *r, const struct sha256 *list, size_t n,
                       const struct identity *who, struct err *e);

#endif
