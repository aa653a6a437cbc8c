/* hub/large_file.c - the register of large files, per repository.
 *
 * Invariant that collection rests on: a large file that a ref names has a row here; so an object that no
 * row names may go (after its grace time).  Rows that no ref names are dropped by collection under the
 * repository's lock, which is also held where a commit or a push checks that the row exists. */
#include "hub/large_file.h"

#include "base/clock.h"
#include "hub/bucket/bucket.h"
#include "hub/hub_priv.h"

bool large_file_find(struct hub *h, struct db_conn *c, int64_t repo_id, const struct sha256 *sha256,
                     struct large_file *out, bool *found, struct err *e)
{
    static const char sql[] = "SELECT size_bytes, pushed_ms FROM repo_large_file WHERE repo_id = ? AND sha256 = ?";
    struct db_query q;
    struct cas_object object;
    *out = (struct large_file){ .sha256 = *sha256 };
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_sha256(sha256))) return false;
    *found = db_next(&q, e);
    if (*found) {
        out->size_bytes = (uint64_t)db_col_int(&q, 0);
        out->pushed_ms = db_col_int(&q, 1);
    }
    if (!db_end(&q)) return false;
    return !*found || cas_find(h->cas, sha256, &object, found, e);
}

/* In a transaction, so that collection cannot remove the object between a look and the row. */
bool large_file_register_in(struct db_conn *tx, int64_t repo_id, int64_t user_id, const struct cas_object *o, struct err *e)
{
    static const char touch[] = "UPDATE cas_object SET touched_ms = ? WHERE sha256 = ?";
    static const char insert[] = /* a repeated upload renews the time, which is also the grace of the row */
        "INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms)"
        " VALUES (?, ?, ?, nullif(?, 0), ?)"
        " ON CONFLICT (repo_id, sha256) DO UPDATE SET pushed_ms = excluded.pushed_ms";
    struct db_value sha = db_sha256(&o->sha256);
    int64_t now = clock_now_ms();
    if (!db_run(tx, e, touch, db_int(now), sha)) return false;
    if (db_changes(tx) == 0)
        return err_set(e, ERR_NOT_FOUND, "the large file is not in the store any more; upload it again");
    return db_run(tx, e, insert, db_int(repo_id), sha, db_int((int64_t)o->size_bytes), db_int(user_id), db_int(now));
}

bool large_file_register_many(struct hub *h, int64_t repo_id, int64_t user_id, const struct cas_object *list, size_t n,
                              struct err *e)
{
    struct db_conn *tx;
    bool ok = true;
    for (size_t i = 0; ok && i < n;) {
        if (!db_begin(h->db, &tx, e)) return false;
        for (size_t end = i + REGISTERED_AT_ONCE; ok && i < n && i < end; i++) ok = large_file_register_in(tx, repo_id, user_id, &list[i], e);
        ok = db_finish(h->db, tx, ok, e);
    }
    return ok;
}

bool large_file_register(struct hub *h, int64_t repo_id, int64_t user_id, const struct cas_object *o, struct err *e)
{
    return large_file_register_many(h, repo_id, user_id, o, 1, e);
}

/* People know a file by its path, and a list of large files must name it when no branch has it any more. */
bool large_file_place_many(struct hub *h, int64_t repo_id, const struct large_file *list, size_t n, struct err *e)
{
    static const char sql[] = "UPDATE repo_large_file SET path = ?, ref = ? WHERE repo_id = ? AND sha256 = ?";
    struct db_conn *tx;
    bool ok = true;
    if (!n) return true;
    if (!db_begin(h->db, &tx, e)) return false;
    for (size_t i = 0; i < n && ok; i++)
        ok = db_run(tx, e, sql, db_text(list[i].path), db_text(list[i].ref), db_int(repo_id), db_sha256(&list[i].sha256));
    return db_finish(h->db, tx, ok, e);
}

/* ------------------------------------------------------------------ who may read an object somewhere */

/* Whether anybody may: one look at an index, and the usual answer. */
static bool is_public(struct db_conn *c, const struct sha256 *sha256, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM repo_large_file l JOIN repo r ON r.id = l.repo_id"
                              " WHERE l.sha256 = ? AND NOT r.is_private AND NOT r.is_disabled AND r.gated = '' LIMIT 1";
    int64_t one;
    if (!db_get_int(c, &one, 0, e, sql, db_sha256(sha256))) return false;
    *yes = one != 0;
    return true;
}

/* The rest are asked one by one, for access.c has the rules.  Repositories that somebody else owns, and with which the
 * user has nothing to do, are left out beforehand: a hash that many have registered must not cost much. */
bool large_file_may_read(void *identity, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    static const char sql[] =
        "SELECT " REPO_COLUMNS " FROM repo_large_file l JOIN repo r ON r.id = l.repo_id JOIN account o ON o.id = r.owner_id"
        " WHERE l.sha256 = ?1 AND (?3 OR NOT r.is_private OR " PRIVATE_SEEN_BY("r.owner_id", "r.group_id", "?2") ")"
        " ORDER BY r.owner_id = ?2 DESC LIMIT 100";
    const struct identity *who = identity;
    struct db_query q;
    *may = false;
    if (!is_public(c, sha256, may, e)) return false;
    if (!*may && !bucket_may_read(who, c, sha256, may, e)) return false;
    if (*may || !who->user_id) return true;

    struct arena *a = arena_new(0);
    struct repo *list = NULL;
    size_t n = 0;
    bool ok = db_query(c, &q, e, sql, db_sha256(sha256), db_int(who->user_id), db_int(who->is_admin));
    if (ok) {
        while (db_next(&q, e)) {
            list = arena_grow(a, list, n, sizeof *list);
            repo_read(&q, &list[n++], a);
        }
        ok = db_end(&q);
    }
    for (size_t i = 0; i < n && ok && !*may; i++) {
        struct err why;
        *may = repo_allow(c, who, &list[i], REPO_READ, &why);
        bool is_refusal = why.code == ERR_UNAUTHENTICATED || why.code == ERR_DENIED || why.code == ERR_NOT_FOUND;
        if (!*may && !is_refusal) ok = (*e = why, false);
    }
    arena_free(a);
    return ok;
}

bool large_file_list(struct db_conn *c, int64_t repo_id, const struct sha256 *after, size_t limit, struct arena *a,
                     struct large_file **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT sha256, size_bytes, pushed_ms, coalesce(here, path), iif(here IS NULL, ref, ?4) FROM"
        " (SELECT l.*, (SELECT min(f.path) FROM repo_file f WHERE f.repo_id = ?1 AND f.sha256 = l.sha256) AS here FROM repo_large_file l"
        " WHERE l.repo_id = ?1 AND l.sha256 > ?2 ORDER BY l.sha256 LIMIT ?3) ORDER BY sha256";
    struct db_query q;
    *out = NULL;
    *n = 0;
    bytes behind = after ? (bytes){ after->b, SHA256_BYTES } : (bytes){ 0 };
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_blob(behind), db_int((int64_t)limit), db_text(MAIN_REF))) return false;
    while (db_next(&q, e)) {
        struct sha256 sha;
        if (!db_col_sha256(&q, 0, &sha)) continue;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct large_file){
            .sha256 = sha,
            .size_bytes = (uint64_t)db_col_int(&q, 1),
            .pushed_ms = db_col_int(&q, 2),
            .path = db_col_dup(&q, 3, a),
            .ref = db_col_dup(&q, 4, a),
        };
    }
    return db_end(&q);
}

/* ------------------------------------------------------------------ deletion with history */

struct removal {
    struct hub *h;
    const struct repo *repo;
    const struct sha256 *list;
    size_t n;
    struct vcs_repo *v;
    struct arena *a;
};

static bool is_unwanted(void *ctx, const struct vcs_entry *entry)
{
    const struct removal *d = ctx;
    if (!entry->lfs.is_lfs) return false;
    for (size_t i = 0; i < d->n; i++)
        if (memcmp(entry->lfs.sha256, d->list[i].b, SHA256_BYTES) == 0) return true;
    return false;
}

/* An annotated tag of a commit that changes becomes a plain one: its object names the old commit. */
static bool rewrite_ref(struct removal *d, const struct vcs_ref *ref, struct err *e)
{
    struct vcs_oid tip;
    if (vcs_oid_is_zero(&ref->commit)) return true;
    if (!vcs_rewrite_without(d->v, &ref->commit, is_unwanted, d, &tip, e)) return false;
    if (vcs_oid_eq(&tip, &ref->commit)) return true;
    return hub_set_ref(d->h, d->repo->id, d->v, ref->name, &ref->target, &tip, STR("large files removed"), e);
}

static bool forget(struct removal *d, const struct identity *who, struct err *e)
{
    static const char sql[] = "DELETE FROM repo_large_file WHERE repo_id = ? AND sha256 = ?";
    struct db_conn *tx;
    if (!db_begin(d->h->db, &tx, e)) return false;
    str what = arena_fmt(d->a, "removed %zu large %s from the history of %.*s", d->n, plural(d->n, "file", "files"), STR_ARG(repo_label(d->repo, d->a)));
    bool ok = audit_add(tx, who, "repo.delete_lfs_file", d->repo->owner_id, what, (str){ 0 }, e);
    for (size_t i = 0; i < d->n && ok; i++)
        ok = db_run(tx, e, sql, db_int(d->repo->id), db_sha256(&d->list[i]));
    return db_finish(d->h->db, tx, ok, e);
}

bool large_file_delete(struct hub *h, const struct repo *r, const struct sha256 *list, size_t n,
                       const struct identity *who, struct err *e)
{
    struct removal d = { .h = h, .repo = r, .list = list, .n = n };
    struct repo_lock *lock = NULL;
    struct vcs_ref *refs;
    size_t refs_count;
    bool ok = false;
    if (r->upstream.n) return err_set(e, ERR_DENIED, "%.*s is a mirror: its history is that of %.*s", STR_ARG(r->full_name), STR_ARG(r->upstream));
    if (!repo_lock(h, r->id, &lock, e)) return false;
    d.a = arena_new(0);
    if (!hub_repo_open(h, r->id, &d.v, e) || !vcs_refs(d.v, d.a, &refs, &refs_count, e)) goto done;
    ok = true;
    for (size_t i = 0; i < refs_count && ok; i++) ok = rewrite_ref(&d, &refs[i], e);
    /* Some refs may have moved even when one failed: the index must follow, and the register must not. */
    struct err why;
    if (!hub_index(h, r->id, who, ok ? e : &why)) ok = false;
    if (ok) ok = forget(&d, who, e);
done:
    vcs_close(d.v);
    arena_free(d.a);
    repo_unlock(h, lock);
    return ok;
}

bool large_file_stats(struct db_conn *c, int64_t repo_id, struct cas_stats *out, struct err *e)
{
    return cas_stats_of(c, "SELECT sha256 FROM repo_large_file WHERE repo_id = ?", repo_id, out, e);
}
