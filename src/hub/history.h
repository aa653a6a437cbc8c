/* hub/history.h - pages of a long history. */
#ifndef HUB_HISTORY_H
#define HUB_HISTORY_H

#include "hub/hub.h"

/* vcs_log in a repository of the hub, at the cost of the page alone when somebody has asked for the same commit's history before. */
bool hub_history(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, size_t skip, size_t limit, struct arena *a,
                 struct vcs_commit **out, size_t *n, size_t *total, struct err *e);

/* The latest commits that changed one path, newest first, as first parents tell it; *n 0: there is no such path.  *more: what is before
 * them begins at *next. */
bool hub_path_history(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, str path, size_t limit, struct arena *a,
                      struct vcs_commit **out, size_t *n, struct vcs_oid *next, bool *more, struct err *e);

/* What the file at `path` was called before this commit, which brought it there; empty: it began with it. */
bool hub_renamed_from(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_commit *commit, str path, struct arena *a, str *old_path, struct err *e);

/* vcs_merge_base, vcs_log_between and vcs_tree_size, which are asked once: what they answer never changes. */
bool hub_merge_base(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *a, const struct vcs_oid *b, struct vcs_oid *out, bool *found, struct err *e);
bool hub_log_between(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
                     struct vcs_commit **out, size_t *n, size_t *total, struct err *e);
bool hub_tree_size(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *commit, str path, uint64_t *bytes_count, bool *found, struct err *e);

/* vcs_last_commits of the entries of a folder, or of one page of them: since somebody asked last, only new commits are looked at. */
bool hub_last_commits(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *commit, const str *path, size_t n, struct arena *a,
                      struct vcs_commit *out, struct err *e);

/* Who changed each line of a file last: lines 1 to `lines`, which it must have.  `last` is the commit that changed the file last, so what was found out
 * serves all later revisions, too.  *is_whole false: BLAME_MS did not suffice.  ERR_BUSY: others wait for the same already. */
enum { BLAME_MS = 10000 };
bool hub_blame(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *last, str path, size_t lines, struct arena *a,
               struct vcs_blame_run **out, size_t *n, bool *is_whole, struct err *e);

#endif
