/* hub/care/care.c - after a crash: what was begun is finished or undone.  And the index, from nothing.
 *
 * Recovery looks where somebody was at work: the marks under locks/ (lock.c), and the rows of
 * repo_to_remove.  It does not open every repository, so a clean start costs nothing.  Whoever holds a
 * mark is alive (the command line, say) and is left alone. */
#include "hub/care/care.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"
#include "hub/space_label.h"

enum { RECOVER_WAIT_MS = 50, TMP_AGE_MS = 24 * 3600 * 1000 };

/* ------------------------------------------------------------------ half-made things */

struct sweep {
    const char *dir;
    int64_t before_ms;
};

static bool sweep_folder(void *ctx, const char *name, bool is_dir)
{
    const struct sweep *s = ctx;
    char path[HUB_PATH_BYTES];
    struct stat st;
    struct err e;
    int n = snprintf(path, sizeof path, "%s/%s", s->dir, name);
    if (!is_dir || n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0) return true;
    if ((int64_t)st.st_mtime * 1000 > s->before_ms) return true;
    if (!os_remove_tree(path, &e)) log_warn("hub.sweep", "path=%s reason=\"%s\"", path, e.msg);
    return true;
}

/* Nobody else has this home open: then nothing under tmp/ is in use.  Otherwise only what is old goes. */
static bool sweep_tmp(struct hub *h, struct err *e)
{
    char dir[HUB_PATH_BYTES];
    uint64_t removed;
    bool alone = flock(h->home_fd, LOCK_EX | LOCK_NB) == 0;
    int64_t age_ms = alone ? 0 : TMP_AGE_MS;
    struct sweep s = { .dir = dir, .before_ms = clock_now_ms() - age_ms };
    hub_path(h, "tmp/repos", dir);
    bool ok = os_each_entry(dir, sweep_folder, &s, e) && store_sweep_tmp(h->store, age_ms, &removed, e);
    if (flock(h->home_fd, LOCK_SH) != 0) log_warn("hub.lock", "home=%s", h->home);
    return ok;
}

/* ------------------------------------------------------------------ repositories */

/* With its lock held: an index behind git, or a folder that no row leads to. */
static bool mend(struct hub *h, int64_t repo_id, struct err *e)
{
    char path[HUB_PATH_BYTES];
    bool exists;
    if (!hub_repo_exists(h, repo_id, &exists, e)) return false;
    if (!exists) {
        log_info("hub.recover", "repo=%lld action=\"remove the folder of a repository that was never made or is deleted\"",
                 (long long)repo_id);
        if (!hub_remove_folder(h, repo_id, e)) return false;
        hub_mark_clean(h, repo_id);
        return true;
    }
    log_info("hub.recover", "repo=%lld action=\"bring the index up to date\"", (long long)repo_id);
    hub_repo_path(h, repo_id, path);
    /* Git processes of a server that died end with it; what they left locked would stay so for ever. */
    return vcs_remove_stale_locks(path, clock_now_ms(), e) && hub_index(h, repo_id, NULL, e);
}

static bool recover_one(struct hub *h, int64_t repo_id, struct err *e)
{
    struct repo_lock *lock;
    struct err why;
    if (!repo_lock_bare(h, repo_id, RECOVER_WAIT_MS, &lock, e)) return e->code == ERR_BUSY; /* its holder is alive */
    /* One broken repository must not keep the others from being served; fsck names it. */
    if (!hub_mark_dirty(h, repo_id, &why) || !mend(h, repo_id, &why)) log_error("hub.recover", "repo=%lld reason=\"%s\"", (long long)repo_id, why.msg);
    repo_unlock(h, lock);
    return true;
}

static bool to_remove(struct hub *h, struct arena *a, int64_t **out, size_t *n, struct err *e)
{
    struct db_query q;
    struct db_conn *c = db_reader(h->db);
    *out = NULL;
    *n = 0;
    bool ok = db_query(c, &q, e, "SELECT repo_id FROM repo_to_remove");
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            (*out)[(*n)++] = db_col_int(&q, 0);
        }
        ok = db_end(&q);
    }
    db_give(h->db, c);
    return ok;
}

bool hub_recover(struct hub *h, struct err *e)
{
    struct arena *a = arena_new(0);
    int64_t *marked, *deleted;
    size_t marked_count, deleted_count;
    bool ok = sweep_tmp(h, e) && hub_numbered(h, "locks", a, &marked, &marked_count, e) &&
              to_remove(h, a, &deleted, &deleted_count, e);
    for (size_t i = 0; ok && i < marked_count; i++) ok = recover_one(h, marked[i], e);
    for (size_t i = 0; ok && i < deleted_count; i++) ok = recover_one(h, deleted[i], e);
    arena_free(a);
    return ok && space_label_fill(h, e);
}

/* ------------------------------------------------------------------ all repositories, one after another */

bool hub_each_repo(struct hub *h, hub_repo_fn *fn, void *ctx, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS " FROM repo r JOIN account o ON o.id = r.owner_id"
                              " WHERE r.id > ? ORDER BY r.id LIMIT 1";
    struct arena *a = arena_new(0);
    bool ok = true, found = true;
    struct repo r = { 0 };
    while (ok && found) {
        struct db_query q;
        int64_t after = r.id;
        arena_reset(a);
        struct db_conn *c = db_reader(h->db); /* given back between: fn may take long */
        ok = db_query(c, &q, e, sql, db_int(after));
        if (ok) {
            found = db_next(&q, e);
            if (found) repo_read(&q, &r, a);
            ok = db_end(&q);
        }
        db_give(h->db, c);
        ok = ok && (!found || fn(ctx, &r, a, e));
    }
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ reindex */

struct reindex {
    struct hub *h;
    str only;
    const struct care_report *report;
    uint64_t done, failed, total;
};

static bool reindex_one(void *ctx, const struct repo *r, struct arena *a, struct err *e)
{
    struct reindex *x = ctx;
    struct repo_lock *lock;
    struct err why;
    str kind = repo_kind_plural(r->kind);
    bool is_it = !x->only.p || str_eq_nocase(x->only, r->full_name) ||
                 str_eq_nocase(x->only, arena_fmt(a, "%.*s/%.*s", STR_ARG(kind), STR_ARG(r->full_name)));
    if (!is_it) return true;
    if (!repo_lock_bare(x->h, r->id, 60 * 1000, &lock, e)) return false;
    bool ok = index_rebuild(x->h, r->id, &why);
    if (ok) hub_mark_clean(x->h, r->id);
    repo_unlock(x->h, lock);
    x->done++;
    if (!ok) {
        x->failed++;
        if (x->report && x->report->line)
            x->report->line(x->report->ctx, arena_fmt(a, "%.*s: %s", STR_ARG(repo_label(r, a)), why.msg));
    }
    if (x->report && x->report->progress) x->report->progress(x->report->ctx, STR("repositories"), x->done, x->total);
    return true;
}

bool hub_reindex(struct hub *h, str only_repo, const struct care_report *report, uint64_t *repos, struct err *e)
{
    struct reindex x = { .h = h, .only = only_repo, .report = report };
    int64_t total;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, &total, 0, e, "SELECT count(*) FROM repo");
    db_give(h->db, c);
    x.total = only_repo.p ? 1 : (uint64_t)total;
    ok = ok && hub_each_repo(h, reindex_one, &x, e) && (only_repo.p || index_recount_tags(h->db, e));
    *repos = x.done - x.failed;
    if (!ok) return false;
    if (only_repo.p && !x.done) return err_set(e, ERR_NOT_FOUND, "There is no repository %.*s", STR_ARG(only_repo));
    return !x.failed || err_set(e, ERR_IO, "%llu repositories could not be read", (unsigned long long)x.failed);
}
