/* scan/due.c - which repositories are looked at next, and collection (scan/watch.h). */
#include "base/clock.h"
#include "base/log.h"
#include "hub/large_file.h"
#include "scan/process.h"
#include "scan/watch.h"

enum { REPOS_AT_ONCE = 16, RETRY_MS = 5000, RETRY_MS_MAX = 3600000, GONE_AT_ONCE = 500 };

bool scan_watch_renew(struct scan_watch *w, struct err *e)
{
    static const char sql[] = "INSERT INTO scan_due (repo_id, is_push) SELECT DISTINCT repo_id, 0 FROM scan_ref WHERE version < ? ON CONFLICT (repo_id) DO NOTHING";
    struct db *d = hub_db(w->hub);
    struct db_conn *tx;
    return db_begin(d, &tx, e) && db_finish(d, tx, db_run(tx, e, sql, db_int(scan_watch_version(w))), e);
}

bool scan_watch_is_due(struct hub *h, bool *yes, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(h));
    int64_t due = 0;
    bool ok = db_get_int(c, &due, 0, e, "SELECT 1 FROM scan_due WHERE after_ms <= ? LIMIT 1", db_int(clock_now_ms()));
    db_give(hub_db(h), c);
    *yes = due;
    return ok;
}

bool scan_watch_count_due(struct db_conn *c, int64_t *repos, struct err *e)
{
    return db_get_int(c, repos, 0, e, "SELECT count(*) FROM scan_due");
}

/* ------------------------------------------------------------------ one after the other */

struct due {
    int64_t repo_id, changes, failures;
};

static bool next_due(struct hub *h, struct due *out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT d.repo_id, d.changes, d.failures FROM scan_due d LEFT JOIN repo_index x ON x.repo_id = d.repo_id"
                              " WHERE d.after_ms <= ? ORDER BY d.is_push DESC, x.modified_ms DESC LIMIT ?";
    struct db_conn *c = db_reader(hub_db(h));
    struct db_query q;
    *n = 0;
    bool ok = db_query(c, &q, e, sql, db_int(clock_now_ms()), db_int(REPOS_AT_ONCE));
    if (ok) {
        while (*n < REPOS_AT_ONCE && db_next(&q, e)) out[(*n)++] = (struct due){ db_col_int(&q, 0), db_col_int(&q, 1), db_col_int(&q, 2) };
        ok = db_end(&q);
    }
    db_give(hub_db(h), c);
    return ok;
}

/* done false: it is tried again, later each time. */
static bool settle(struct hub *h, const struct due *d, bool done, struct err *e)
{
    static const char drop[] = "DELETE FROM scan_due WHERE repo_id = ? AND changes = ?";
    static const char later[] = "UPDATE scan_due SET after_ms = ?2, failures = failures + 1 WHERE repo_id = ?1";
    int64_t pause = d->failures < 10 ? (int64_t)RETRY_MS << d->failures : RETRY_MS_MAX;
    struct db_conn *tx;
    if (pause > RETRY_MS_MAX) pause = RETRY_MS_MAX;
    if (!db_begin(hub_db(h), &tx, e)) return false;
    bool ok = done ? db_run(tx, e, drop, db_int(d->repo_id), db_int(d->changes)) : db_run(tx, e, later, db_int(d->repo_id), db_int(clock_now_ms() + pause));
    return db_finish(hub_db(h), tx, ok, e);
}

/* False with ERR_CLOSED: told to stop. */
static bool look_at(struct scan_watch *w, const struct due *d, bool (*stops)(void *ctx), void *ctx, struct err *e)
{
    struct arena *a = arena_new(0);
    struct db_conn *c = db_reader(hub_db(w->hub));
    struct scan_result did = { 0 };
    struct repo r;
    struct err why;
    bool exists = repo_get(c, d->repo_id, &r, a, &why);
    db_give(hub_db(w->hub), c);
    bool ok = exists ? scan_watch_repo(w, &r, false, stops, ctx, &did, &why) : why.code == ERR_NOT_FOUND;
    bool stopped = !ok && why.code == ERR_CLOSED;
    if (!ok && exists && !stopped) { /* it may have been deleted meanwhile */
        struct err ignored;
        c = db_reader(hub_db(w->hub));
        ok = !repo_get(c, d->repo_id, &r, a, &ignored) && ignored.code == ERR_NOT_FOUND;
        db_give(hub_db(w->hub), c);
        if (ok) did.files = 0;
    }
    if (!ok && !stopped) log_warn("scan.repo", "repo=%lld reason=\"%s\"", (long long)d->repo_id, why.msg);
    else if (did.files) log_info("scan.done", "repo=\"%.*s\" files=%llu bytes=%llu known=%llu", STR_ARG(r.full_name), (unsigned long long)did.files,
                                 (unsigned long long)did.bytes, (unsigned long long)did.known);
    arena_free(a);
    if (stopped) *e = why;
    return !stopped && settle(w->hub, d, ok, e);
}

bool scan_watch_run(struct scan_watch *w, bool (*stops)(void *ctx), void *ctx, struct err *e)
{
    struct due list[REPOS_AT_ONCE];
    size_t n = 0;
    bool expected = false;
    if (!atomic_compare_exchange_strong(&w->is_busy, &expected, true)) return true; /* it sees what is due; see scan_watch_is_due */
    bool ok;
    do {
        ok = next_due(w->hub, list, &n, e);
        for (size_t i = 0; ok && i < n; i++) ok = look_at(w, &list[i], stops, ctx, e);
    } while (ok && n);
    scan_pool_rest(w->pool);
    atomic_store(&w->is_busy, false);
    return ok;
}

/* ------------------------------------------------------------------ collection */

struct gone {
    str content, name;
};

/* Large files: by the register.  Small ones: by asking git, whose own collection removes what no ref reaches. */
static bool is_gone(struct hub *h, struct db_conn *c, int64_t repo_id, struct vcs_repo *git, str content, bool *yes, struct arena *scratch, struct err *e)
{
    struct large_file file;
    struct sha256 sha256;
    struct vcs_oid oid;
    struct err why;
    bytes nothing;
    bool there = false;
    *yes = true;
    if (sha256_parse(content, &sha256)) {
        if (!large_file_find(h, c, repo_id, &sha256, &file, &there, e)) return false;
        *yes = !there;
    } else if (vcs_oid_parse(content, &oid)) {
        *yes = !vcs_blob_read(git, &oid, 0, scratch, &nothing, &why) && why.code == ERR_NOT_FOUND; /* it does not fit: it is there */
    }
    return true;
}

/* A page of rows, from behind the last one. */
static bool find_gone(struct hub *h, int64_t repo_id, struct vcs_repo *git, struct gone *after, bool *more, struct gone *out, size_t *n, struct arena *a,
                      struct err *e)
{
    static const char sql[] = "SELECT content, name FROM scan_verdict WHERE repo_id = ?1 AND (content, name) > (?2, ?3) ORDER BY content, name LIMIT ?4";
    struct db_conn *c = db_reader(hub_db(h)), *other = db_reader(hub_db(h));
    struct gone last = *after;
    struct db_query q;
    size_t seen = 0;
    *n = 0;
    bool ok = db_query(c, &q, e, sql, db_int(repo_id), db_text(after->content), db_text(after->name), db_int(GONE_AT_ONCE));
    if (ok) {
        while (ok && db_next(&q, e)) {
            bool gone = false;
            last = (struct gone){ db_col_dup(&q, 0, a), db_col_dup(&q, 1, a) };
            ok = is_gone(h, other, repo_id, git, last.content, &gone, a, e);
            if (gone) out[(*n)++] = last;
            seen++;
        }
        ok = db_end(&q) && ok;
    }
    db_give(hub_db(h), other);
    db_give(hub_db(h), c);
    *after = last;
    *more = seen == GONE_AT_ONCE;
    return ok;
}

static bool drop(struct hub *h, int64_t repo_id, const struct gone *list, size_t n, struct err *e)
{
    static const char sql[] = "DELETE FROM scan_verdict WHERE repo_id = ? AND content = ? AND name = ?";
    struct db_conn *tx;
    if (!n) return true;
    if (!db_begin(hub_db(h), &tx, e)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = db_run(tx, e, sql, db_int(repo_id), db_text(list[i].content), db_text(list[i].name));
    return db_finish(hub_db(h), tx, ok, e);
}

static bool collect_repo(struct hub *h, int64_t repo_id, bool dry_run, uint64_t *removed, struct err *e)
{
    struct arena *a = arena_new(0);
    struct gone list[GONE_AT_ONCE], after = { STR(""), STR("") };
    struct vcs_repo *git;
    struct err why;
    bool ok = true, more = hub_repo_open(h, repo_id, &git, &why); /* else it has just been deleted, and its rows with it */
    if (!more) {
        arena_free(a);
        return true;
    }
    while (ok && more) {
        size_t n = 0;
        ok = find_gone(h, repo_id, git, &after, &more, list, &n, a, e) && (dry_run || drop(h, repo_id, list, n, e));
        *removed += n;
    }
    vcs_close(git);
    arena_free(a);
    return ok;
}

static bool next_repo(struct hub *h, int64_t *id, bool *found, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(h));
    int64_t next = 0;
    bool ok = db_get_int(c, &next, 0, e, "SELECT repo_id FROM scan_verdict WHERE repo_id > ? ORDER BY repo_id LIMIT 1", db_int(*id));
    db_give(hub_db(h), c);
    *found = ok && next;
    *id = next;
    return ok;
}

bool scan_collect(struct hub *h, bool dry_run, bool (*stops)(void *ctx), void *ctx, uint64_t *removed, struct err *e)
{
    int64_t id = 0;
    *removed = 0;
    for (bool found = true;;) {
        if (stops && stops(ctx)) return err_set(e, ERR_CLOSED, "the collection was told to stop");
        if (!next_repo(h, &id, &found, e)) return false;
        if (!found) return true;
        if (!collect_repo(h, id, dry_run, removed, e)) return false;
    }
}
