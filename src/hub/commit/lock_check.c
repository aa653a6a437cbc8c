/* hub/commit/lock_check.c - see hub/commit/lock_check.h.
 *
 * Two states are compared, not every commit between them: what a merge brings along, and is there already, is
 * no change. */
#include "hub/commit/lock_check.h"

enum { PAGE = 200 };

/* The object at a path; zero when there is none. */
static bool object_at(struct vcs_repo *v, const struct vcs_oid *commit, str path, struct vcs_oid *out, struct arena *a, struct err *e)
{
    struct vcs_entry entry;
    bool found = false;
    if (!vcs_oid_is_zero(commit) && !vcs_entry_find(v, commit, path, &entry, &found, a, e)) return false;
    *out = found ? entry.oid : (struct vcs_oid){ 0 };
    return true;
}

bool lock_check(struct db_conn *db, struct vcs_repo *v, int64_t repo_id, int64_t user_id, const struct vcs_oid *before,
                const struct vcs_oid *after, void (*fn)(void *ctx, const struct file_lock *l), void *ctx, struct err *e)
{
    struct file_lock_query q = { .limit = PAGE };
    struct arena *a = arena_new(0);
    struct file_lock *l;
    size_t n = PAGE;
    bool ok = true;
    while (ok && n == PAGE) {
        arena_reset(a);
        ok = file_lock_list(db, repo_id, &q, a, &l, &n, e);
        for (size_t i = 0; ok && i < n; i++) {
            struct vcs_oid was, is;
            q.after = l[i].id;
            if (l[i].owner_id == user_id) continue;
            ok = object_at(v, before, l[i].path, &was, a, e) && object_at(v, after, l[i].path, &is, a, e);
            if (ok && !vcs_oid_eq(&was, &is)) fn(ctx, &l[i]);
        }
    }
    arena_free(a);
    return ok;
}

static void name_locked(void *ctx, const struct file_lock *l)
{
    struct err *e = ctx; /* of several, the last */
    err_set(e, ERR_DENIED, "%.*s is locked by %.*s. Ask for it to be unlocked, or propose the change in a pull request.",
            STR_ARG(str_to(l->path, 200)), STR_ARG(l->owner));
}

bool lock_allow(struct hub *h, struct vcs_repo *v, int64_t repo_id, const struct identity *who, const struct vcs_oid *before,
                const struct vcs_oid *after, struct err *e)
{
    struct err locked = { .code = ERR_NONE };
    if (!who) return true;
    struct db_conn *db = db_reader(hub_db(h));
    bool ok = lock_check(db, v, repo_id, who->user_id, before, after, name_locked, &locked, e);
    db_give(hub_db(h), db);
    if (ok && locked.code != ERR_NONE) *e = locked;
    return ok && locked.code == ERR_NONE;
}
