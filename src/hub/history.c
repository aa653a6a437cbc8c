/* hub/history.c - see hub/history.h.  Which commits lead to a commit, and in which order, never changes: the list of their
 * ids is kept under its id.  A history of 10,000 commits takes 200 kB and some twenty milliseconds to walk. */
#include "hub/history.h"

#include "hub/hub_priv.h"

static bool ids_of(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, struct file_blob **out, struct err *e)
{
    struct vcs_oid *id;
    size_t n;
    if ((*out = file_cache_find(h->histories, repo_id, from))) return true;
    struct arena *a = arena_new(0);
    bool ok = vcs_log_ids(git, from, a, &id, &n, e);
    if (ok) *out = file_cache_add(h->histories, repo_id, from, (bytes){ id->b, n * sizeof *id });
    arena_free(a);
    return ok;
}

bool hub_history(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, size_t skip, size_t limit, struct arena *a,
                 struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    struct file_blob *held;
    struct vcs_oid id;
    bool ok = true, found;
    if (!ids_of(h, repo_id, git, from, &held, e)) return false;
    str ids = file_blob_content(held);
    *n = 0;
    *total = ids.n / sizeof id;
    if (skip > *total) skip = *total;
    if (limit > *total - skip) limit = *total - skip;
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    while (ok && *n < limit) {
        memcpy(&id, ids.p + (skip + *n) * sizeof id, sizeof id);
        ok = vcs_commit_read(git, &id, &(*out)[(*n)++], &found, a, e);
        if (ok && !found) ok = err_set(e, ERR_INTERNAL, "a commit of the history is gone");
    }
    file_blob_release(held);
    return ok;
}
