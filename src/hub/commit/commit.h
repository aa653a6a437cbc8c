/* hub/commit/commit.h - commits through the API: operations in, a commit on a branch or a pull request out. */
#ifndef HUB_COMMIT_H
#define HUB_COMMIT_H

#include "hub/hub.h"

/* Where one may write: "main", "refs/heads/x", "refs/pr/3".  May `who` commit (or upload files for a commit)
 * there?  Writers everywhere; readers to a pull request of their own, or with creates_pr to a branch.
 * who NULL: the command line, which may. */
bool commit_allow(struct db_conn *c, const struct identity *who, const struct repo *r, str rev, bool creates_pr,
                  struct err *e);

/* Preupload: how each path should be sent. */
struct preupload_file {
    str path;
    uint64_t size_bytes;
    bytes sample;        /* the first 512 bytes at most */
    /* answers */
    bool is_lfs, should_ignore;
    str oid;             /* what the path holds now: blob id, or sha256; .p NULL if nothing */
};
struct preupload {
    str rev;
    bool creates_pr;     /* rev may then be read-only to the caller */
    str git_ignore, git_attributes; /* .p NULL: the committed ones */
    struct preupload_file *files;
    size_t files_count;
    struct vcs_oid commit; /* answer */
};
bool commit_preupload(struct hub *h, const struct repo *r, struct preupload *p, struct arena *a, struct err *e);

/* A commit under construction.  Operations are added one by one, as they arrive; contents of regular files
 * are written to the object store at once, so memory stays bounded by one file.  Nothing is visible until
 * commit_finish. */
struct commit;
/* r and who are borrowed until the commit is finished or aborted.  Checks commit_allow. */
bool commit_begin(struct hub *h, const struct repo *r, const struct identity *who, str rev, bool creates_pr,
                  struct commit **out, struct err *e); /* missing branch: HUB_NO_REVISION */
bool commit_header(struct commit *c, str summary, str description, str parent, struct err *e);
bool commit_put_file(struct commit *c, str path, bytes content, struct err *e); /* over 10 MiB: ERR_TOO_LARGE, use LFS */
bool commit_put_large(struct commit *c, str path, const struct sha256 *sha256, const uint64_t *size_bytes, struct err *e);
bool commit_copy(struct commit *c, str from_path, str to_path, bool is_move, struct err *e); /* as it is in the parent that the header names, else at the head */
bool commit_delete(struct commit *c, str path, enum vcs_edit_kind kind, struct err *e);

struct commit_result {
    struct vcs_oid commit;
    int64_t pull_request; /* its number, if one was created */
    str hook_output;      /* warnings for people; may be empty */
};
/* Checks (paths, large files registered, card valid, no case-fold damage beyond a warning), writes the tree
 * and the commit, moves the ref by compare-and-swap under the repository's lock, updates the index.
 * parentCommit no longer the head: ERR_PRECONDITION with the clients' sentence, unless this very commit was made on it before: then
 * that one is the result, as when a client asks again whose answer was lost.  The commit is freed. */
bool commit_finish(struct commit *c, struct commit_result *out, struct arena *a, struct err *e);
void commit_abort(struct commit *c); /* NULL is fine */

/* Branches and tags. */
bool branch_create(struct hub *h, const struct repo *r, str name, str start, bool empty, bool overwrite,
                   const struct identity *who, struct err *e);
bool branch_delete(struct hub *h, const struct repo *r, str name, const struct identity *who, struct err *e);
bool tag_create(struct hub *h, const struct repo *r, str name, str rev, str message, const struct identity *who, struct err *e);
bool tag_delete(struct hub *h, const struct repo *r, str name, const struct identity *who, struct err *e);
bool super_squash(struct hub *h, const struct repo *r, str rev, str message, const struct identity *who,
                  struct vcs_oid *out, struct err *e);

/* Sizes and limits that both API commits and pushes obey. */
enum { REGULAR_FILE_BYTES_MAX = 10 << 20, FOLDER_ENTRIES_MAX = 10000 };

#endif
