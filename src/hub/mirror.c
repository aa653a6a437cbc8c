/* hub/mirror.c - see hub/mirror.h.  The order is that of any repository: folder, row, index (repo.c); a mirror that is brought up to
 * date is locked and marked as by a writer (lock.c), so a crash in between is mended like one. */
#include "hub/mirror.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "hub/hub_priv.h"
#include "hub/index/facts.h"
#include "hub/large_file.h"
#include "hub/repo.h"

static str gate_of(const struct mirror *m) { return m->is_gated ? STR("manual") : STR(""); }

bool mirror_may_be(struct db_conn *c, str owner, str upstream, bool *yes, struct arena *a, struct err *e)
{
    struct account account;
    bool found;
    *yes = false;
    if (account_name_is_reserved(owner)) return true;
    if (!account_find(c, owner, &account, &found, a, e)) return false;
    *yes = !found || str_eq(account.upstream, upstream);
    return true;
}

/* Somebody may have taken the name since it was looked at. */
static bool own_namespace(struct hub *h, const struct mirror *m, struct account *out, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = account_find(tx, m->owner, out, &found, a, e) && (found || account_create_mirror(tx, m->owner, m->upstream, out, a, e));
    if (ok && !str_eq(out->upstream, m->upstream)) ok = err_set(e, ERR_CONFLICT, "The name %.*s belongs to somebody here", STR_ARG(m->owner));
    return db_finish(h->db, tx, ok, e);
}

bool mirror_create(struct hub *h, const struct mirror *m, mirror_fetch *fetch, void *ctx, struct repo *out, struct arena *a, struct err *e)
{
    char folder[HUB_PATH_BYTES];
    struct account owner;
    struct err ignored;
    struct repo_create q = { .kind = m->kind, .owner = &owner, .name = m->name, .has_private = true, .is_private = m->is_private,
                             .gated = gate_of(m), .sdk = m->sdk, .upstream = m->upstream, .created_ms = m->created_ms };
    if (!repo_name_check(m->name, e)) return false;
    repo_new_folder(h, folder);
    bool ok = vcs_create(folder, e) && fetch(ctx, folder, e) && own_namespace(h, m, &owner, a, e) && repo_enter(h, folder, &q, out, a, e);
    if (!ok) (void)os_remove_tree(folder, &ignored);
    return ok;
}

bool mirror_known_as(struct hub *h, const struct repo *mirror, str owner, str name, struct err *e)
{
    static const char sql[] = "INSERT INTO repo_former_name (kind, owner_key, name_key, repo_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    struct db_conn *tx;
    if (str_eq_nocase(owner, mirror->owner) && str_eq_nocase(name, mirror->name)) return true;
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = db_run(tx, e, sql, db_text(repo_kind_name(mirror->kind)), db_text(name_key(owner, a)), db_text(name_key(name, a)), db_int(mirror->id));
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}

bool mirror_set_visibility(struct hub *h, const struct repo *r, const struct mirror *m, struct err *e)
{
    static const char sql[] = "UPDATE repo SET is_private = ?, gated = ? WHERE id = ?";
    struct db_conn *tx;
    if (r->is_private == m->is_private && (r->gated.n > 0) == m->is_gated) return true; /* of which kind the gate is may be changed here */
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_int(m->is_private), db_text(gate_of(m)), db_int(r->id)) && index_rename(tx, r->id, e);
    return db_finish(h->db, tx, ok, e);
}

bool mirror_update(struct hub *h, const struct repo *r, const struct mirror *m, mirror_fetch *fetch, void *ctx, struct err *e)
{
    char folder[HUB_PATH_BYTES];
    struct repo_lock *lock;
    if (!repo_lock(h, r->id, &lock, e)) return false;
    hub_repo_path(h, r->id, folder);
    bool ok = hub_mark_dirty(h, r->id, e) && fetch(ctx, folder, e);
    struct err why;
    bool indexed = hub_index(h, r->id, NULL, ok ? e : &why); /* refs may have gone, also where the fetch failed */
    repo_unlock(h, lock);
    return ok && indexed && mirror_set_visibility(h, r, m, e);
}

bool mirror_has_file(struct hub *h, struct db_conn *c, const struct repo *r, const struct sha256 *sha256, uint64_t size_bytes, bool *yes, struct err *e)
{
    struct large_file file;
    *yes = true;
    if (!r->upstream.n) return true;
    if (!large_file_find(h, c, r->id, sha256, &file, yes, e)) return false;
    if (*yes && file.pushed_ms < clock_now_ms() - MIRROR_USE_MS) mirror_note_use(h, r->id, sha256);
    *yes = *yes && file.size_bytes == size_bytes;
    return true;
}

/* Could the file say something that the index has no word of yet? */
static bool matters(struct db_conn *c, int64_t repo_id, const struct sha256 *sha256, bool *yes, struct err *e)
{
    struct db_query q;
    *yes = false;
    if (!db_query(c, &q, e, "SELECT path FROM repo_file WHERE repo_id = ? AND sha256 = ?", db_int(repo_id), db_sha256(sha256))) return false;
    while (!*yes && db_next(&q, e)) *yes = facts_path_matters(db_col_text(&q, 0));
    return db_end(&q);
}

bool mirror_file_came(struct hub *h, int64_t repo_id, const struct cas_object *o, struct err *e)
{
    static const char sql[] = "INSERT INTO mirror_due (repo_id, files) VALUES (?, 1) ON CONFLICT (repo_id) DO UPDATE SET files = files + 1";
    struct db_conn *tx;
    bool says;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = large_file_register_in(tx, repo_id, 0, o, e) && matters(tx, repo_id, &o->sha256, &says, e) && (!says || db_run(tx, e, sql, db_int(repo_id)));
    return db_finish(h->db, tx, ok, e);
}

static bool files_due(struct hub *h, int64_t repo_id, int64_t *files, struct err *e)
{
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, files, 0, e, "SELECT files FROM mirror_due WHERE repo_id = ?", db_int(repo_id));
    db_give(h->db, c);
    return ok;
}

/* What came meanwhile is due again. */
static bool derive_one(struct hub *h, int64_t repo_id, struct err *e)
{
    struct repo_lock *lock;
    struct db_conn *tx;
    int64_t files;
    if (!repo_lock(h, repo_id, &lock, e)) return false;
    bool ok = files_due(h, repo_id, &files, e);
    if (ok && files) {
        ok = hub_mark_dirty(h, repo_id, e) && index_rebuild(h, repo_id, e);
        if (ok) hub_mark_clean(h, repo_id);
        ok = ok && db_begin(h->db, &tx, e) &&
             db_finish(h->db, tx, db_run(tx, e, "DELETE FROM mirror_due WHERE repo_id = ? AND files = ?", db_int(repo_id), db_int(files)), e);
    }
    repo_unlock(h, lock);
    return ok;
}

bool mirror_derive(struct hub *h, int64_t repo_id, struct err *e)
{
    enum { AT_ONCE = 64 };
    int64_t id[AT_ONCE];
    size_t n = 0;
    struct db_query q;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_query(c, &q, e, "SELECT repo_id FROM mirror_due WHERE ?1 IN (0, repo_id) LIMIT ?2", db_int(repo_id), db_int(AT_ONCE));
    if (ok) {
        while (db_next(&q, e)) id[n++] = db_col_int(&q, 0);
        ok = db_end(&q);
    }
    db_give(h->db, c);
    for (size_t i = 0; ok && i < n; i++) {
        struct err why;
        if (derive_one(h, id[i], &why)) continue;
        log_warn("gateway.index", "repo=%lld reason=\"%s\"", (long long)id[i], why.msg); /* the others need not wait for it */
    }
    return ok;
}

void hub_set_bringer(struct hub *h, mirror_bring *bring, void *ctx)
{
    h->bring = bring;
    h->bring_ctx = ctx;
}

bool mirror_need_file(struct hub *h, int64_t repo_id, const struct sha256 *sha256, uint64_t size_bytes, const struct mirror_waiter *who, struct err *e)
{
    if (!repo_id) return true; /* a bucket's */
    struct arena *a = arena_new(0);
    struct db_conn *c = db_reader(h->db);
    struct repo r;
    bool here = false;
    bool ok = repo_get(c, repo_id, &r, a, e) && mirror_has_file(h, c, &r, sha256, size_bytes, &here, e);
    db_give(h->db, c);
    if (ok && !here && who && h->bring) ok = h->bring(h->bring_ctx, &r, sha256, size_bytes, who, e);
    else if (ok && !here) ok = err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "This file is at %.*s, and has not been asked for here yet", STR_ARG(r.upstream));
    arena_free(a);
    return ok;
}
