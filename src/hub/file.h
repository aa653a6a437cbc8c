/* hub/file.h - one file of one revision, found as cheaply as possible.
 *
 * The head of main is answered from the index (one statement, no git); any other revision opens the
 * repository.  Contents of small files come from hub/file_cache.h: a blob never changes, and permission
 * was checked before anybody asks here. */
#ifndef HUB_FILE_H
#define HUB_FILE_H

#include "hub/file_cache.h"
#include "hub/hub.h"

struct file_found {
    struct vcs_oid commit; /* what the revision resolved to; set also when only the path is missing */
    bool has_commit;
    struct vcs_oid oid;    /* of the git blob */
    bool is_lfs;
    struct sha256 sha256;
    uint64_t size_bytes;   /* of the content */
};
/* Missing: ERR_NOT_FOUND with HUB_NO_REVISION, or with HUB_NO_ENTRY (then out->has_commit is set).
 * *git may be NULL; it is opened when needed and then belongs to the caller. */
bool file_find(struct hub *h, struct db_conn *c, const struct repo *r, str rev, str path, struct vcs_repo **git,
               struct file_found *out, struct arena *a, struct err *e);

/* The same from the index alone, without touching git: *known false means that it cannot tell. */
bool file_find_indexed(struct db_conn *c, const struct repo *r, str rev, str path, struct file_found *out, bool *known,
                       struct err *e);
/* The content if it is in the cache, held; NULL otherwise. */
struct file_blob *file_hold_cached(struct hub *h, const struct repo *r, const struct vcs_oid *oid);
/* The content of a regular file, held: end it with file_blob_release. */
bool file_hold(struct hub *h, const struct repo *r, const struct vcs_oid *oid, struct vcs_repo **git,
               struct file_blob **held, struct err *e);

/* Bytes of contents that are held, and not in the cache. */
size_t file_lent_bytes(struct hub *h);

#endif
