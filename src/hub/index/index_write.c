/* hub/index/index_write.c - the transaction that brings the derived rows of a repository up to date.
 * Everything was prepared before: no git, no large files, no parsing in here.
 *
 * Invariants.
 *  1. repo_search has a row for exactly the repositories in repo_index, holding search_text(full_name) of that
 *     row.  The search table keeps no texts, so the old one must be told when it goes.
 *  2. tag_block holds the rows of repo_tag packed; tags that nobody has are removed.  How many repositories have a
 *     tag is counted by triggers (0057_totals.sql). */
#include "hub/card/eval.h"
#include "hub/community/happening.h"
#include "hub/index/index_priv.h"
#include "hub/index/tag_block.h"

/* Two letters are appended, so that every one- or two-letter piece of a name begins some three-letter piece:
 * searches for short words look those up. */
static str search_text(str full_name, struct arena *a)
{
    return arena_fmt(a, "%.*s  ", STR_ARG(full_name));
}

static bool search_put(struct db_conn *tx, int64_t repo_id, str full_name, struct err *e)
{
    static const char sql[] = "INSERT INTO repo_search (rowid, full_name) VALUES (?, ?)";
    struct arena *a = arena_new(0);
    bool ok = db_run(tx, e, sql, db_int(repo_id), db_text(search_text(full_name, a)));
    arena_free(a);
    return ok;
}

static bool search_drop(struct db_conn *tx, int64_t repo_id, str full_name, struct err *e)
{
    static const char sql[] = "INSERT INTO repo_search (repo_search, rowid, full_name) VALUES ('delete', ?, ?)";
    struct arena *a = arena_new(0);
    bool ok = db_run(tx, e, sql, db_int(repo_id), db_text(search_text(full_name, a)));
    arena_free(a);
    return ok;
}

/* For a rebuild: telling the table to forget what it never knew would damage it, so it is asked first. */
static bool search_ensure(struct db_conn *tx, const struct repo *r, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM repo_search WHERE repo_search MATCH ? AND rowid = ?";
    struct arena *a = arena_new(0);
    int64_t there = 0;
    bool ok = db_get_int(tx, &there, 0, e, sql, db_text(arena_fmt(a, "\"%.*s\"", STR_ARG(search_text(r->full_name, a)))),
                         db_int(r->id));
    arena_free(a);
    return ok && (there || search_put(tx, r->id, r->full_name, e));
}

/* ------------------------------------------------------------------ refs and files */

static bool write_refs(struct db_conn *tx, const struct index_work *w, struct err *e)
{
    static const char put[] = "INSERT INTO repo_ref (repo_id, name, sha, commit_sha) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (repo_id, name) DO UPDATE SET sha = excluded.sha, commit_sha = excluded.commit_sha";
    static const char drop[] = "DELETE FROM repo_ref WHERE repo_id = ? AND name = ?";
    for (size_t i = 0; i < w->refs_count; i++) {
        const struct ref_change *r = &w->refs[i];
        bool ok = r->sha.p ? db_run(tx, e, put, db_int(w->repo->id), db_text(r->name), db_text(r->sha), db_text(r->commit_sha))
                           : db_run(tx, e, drop, db_int(w->repo->id), db_text(r->name));
        if (!ok) return false;
    }
    return true;
}

static void put_sha(struct json_writer *w, const char *key, str sha)
{
    if (sha.p) jw_kstr(w, key, sha);
    else jw_knull(w, key);
}

/* Whoever watches is told which refs moved; of thousands, the first. */
static bool note_refs(struct db_conn *tx, const struct index_work *work, struct err *e)
{
    enum { REFS_TOLD_MAX = 200 };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "updatedRefs");
    for (size_t i = 0; i < work->refs_count && i < REFS_TOLD_MAX; i++) {
        jw_object(&w);
        jw_kstr(&w, "ref", work->refs[i].name);
        put_sha(&w, "oldSha", work->refs[i].old_commit_sha);
        put_sha(&w, "newSha", work->refs[i].commit_sha);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    bool ok = happening_add(tx, work->repo, HAPPENED_REPO_CONTENT, work->who, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

bool index_write_files(struct db_conn *tx, int64_t repo_id, const struct file_changes *list, struct err *e)
{
    static const char drop[] = "DELETE FROM repo_file WHERE repo_id = ? AND path = ?";
    static const char put[] =
        "INSERT INTO repo_file (repo_id, path, oid, size_bytes, sha256, pointer_bytes) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (repo_id, path) DO UPDATE SET oid = excluded.oid, size_bytes = excluded.size_bytes,"
        " sha256 = excluded.sha256, pointer_bytes = excluded.pointer_bytes";

    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].is_gone && !db_run(tx, e, drop, db_int(repo_id), db_text(list->item[i].path))) return false;
    for (size_t i = 0; i < list->n; i++) {
        const struct file_change *c = &list->item[i];
        char hex[VCS_OID_HEX + 1];
        if (c->is_gone) continue;
        if (!db_run(tx, e, put, db_int(repo_id), db_text(c->path), db_text(vcs_oid_hex(&c->oid, hex)),
                    db_int((int64_t)c->size_bytes), c->is_lfs ? db_sha256(&c->sha256) : db_null(),
                    c->is_lfs ? db_int((int64_t)c->pointer_bytes) : db_null()))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------ tags */

static bool tag_take(struct db_conn *tx, const struct repo *r, int64_t tag_id, struct err *e)
{
    static const char unlink[] = "DELETE FROM repo_tag WHERE tag_id = ? AND repo_id = ?";
    static const char drop[] = "DELETE FROM tag WHERE id = ? AND repos_count <= 0";
    return db_run(tx, e, unlink, db_int(tag_id), db_int(r->id)) && tag_block_put(tx, tag_id, r->id, false, e) &&
           db_run(tx, e, drop, db_int(tag_id));
}

static bool tag_give(struct db_conn *tx, const struct repo *r, str name, struct err *e)
{
    static const char make[] = "INSERT INTO tag (kind, name) VALUES (?, ?) ON CONFLICT (kind, name) DO NOTHING";
    static const char find[] = "SELECT id FROM tag WHERE kind = ? AND name = ?";
    static const char link[] = "INSERT INTO repo_tag (tag_id, repo_id) VALUES (?, ?)";
    str kind = repo_kind_name(r->kind);
    int64_t id;
    return db_run(tx, e, make, db_text(kind), db_text(name)) &&
           db_get_int(tx, &id, 0, e, find, db_text(kind), db_text(name)) &&
           db_run(tx, e, link, db_int(id), db_int(r->id)) && tag_block_put(tx, id, r->id, true, e);
}

struct old_tag {
    int64_t id;
    str name;
    bool stays;
    struct old_tag *next;
};

bool index_write_tags(struct db_conn *tx, const struct repo *r, const str *tags, size_t n, struct err *e)
{
    static const char old_sql[] = "SELECT t.id, t.name FROM repo_tag rt JOIN tag t ON t.id = rt.tag_id WHERE rt.repo_id = ?";
    struct arena *a = arena_new(0);
    struct old_tag *old = NULL;
    struct db_query q;
    bool ok = false;

    if (!db_query(tx, &q, e, old_sql, db_int(r->id))) goto done;
    while (db_next(&q, e)) {
        struct old_tag *t = arena_one(a, struct old_tag);
        *t = (struct old_tag){ .id = db_col_int(&q, 0), .name = db_col_dup(&q, 1, a), .next = old };
        old = t;
    }
    if (!db_end(&q)) goto done;
    for (size_t i = 0; i < n; i++) {
        bool is_new = true;
        for (struct old_tag *t = old; t; t = t->next) {
            if (!str_eq(t->name, tags[i])) continue;
            t->stays = true;
            is_new = false;
        }
        if (is_new && !tag_give(tx, r, tags[i], e)) goto done;
    }
    for (struct old_tag *t = old; t; t = t->next)
        if (!t->stays && !tag_take(tx, r, t->id, e)) goto done;
    ok = true;
done:
    arena_free(a);
    return ok;
}

/* The tags that are shown, and those for the planner. */
static bool write_tags(struct db_conn *tx, const struct index_work *w, struct err *e)
{
    struct arena *a = arena_new(0);
    const struct repo_facts *f = &w->facts;
    const struct json *models = json_get(f->extra, STR("models")), *datasets = json_get(f->extra, STR("datasets"));
    size_t n = 0, more = 3 + (json_is(models, JSON_ARRAY) ? models->count : 0) + (json_is(datasets, JSON_ARRAY) ? datasets->count : 0);
    str *all = arena_alloc(a, (f->tags_count + more) * sizeof *all);
    str sdk = json_str_or(f->extra, STR("sdk"), STR(""));
    bool ok;

    for (; n < f->tags_count; n++) all[n] = f->tags[n];
    if (f->pipeline_tag.n) all[n++] = arena_fmt(a, "\1pipeline_tag:%.*s", STR_ARG(f->pipeline_tag));
    if (sdk.n) all[n++] = arena_fmt(a, "\1sdk:%.*s", STR_ARG(sdk));
    if (f->gguf) all[n++] = STR("\1gguf");
    json_each(m, models) all[n++] = arena_fmt(a, "\1model:%.*s", STR_ARG(m->s));
    json_each(d, datasets) all[n++] = arena_fmt(a, "\1dataset:%.*s", STR_ARG(d->s));
    for (size_t i = f->tags_count; i < n; i++) /* a card may name a model twice */
        for (size_t k = i + 1; k < n; k++)
            if (str_eq(all[i], all[k])) all[k--] = all[--n];
    ok = index_write_tags(tx, w->repo, all, n, e);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ the row */

static str tags_text(const struct repo_facts *f, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str out;
    jw_array(&w);
    for (size_t i = 0; i < f->tags_count; i++) jw_str(&w, f->tags[i]);
    jw_array_end(&w);
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* Makes the row if there is none, with its search entry; the columns that follow the files come later. */
static bool ensure_row(struct db_conn *tx, const struct repo *r, struct err *e)
{
    static const char find[] = "SELECT 1 FROM repo_index WHERE repo_id = ?";
    static const char make[] =
        "INSERT INTO repo_index (repo_id, kind, full_name, modified_ms, created_ms, owner_id, group_id, is_private, is_gated)"
        " SELECT r.id, r.kind, o.name || '/' || r.name, r.created_ms, r.created_ms, r.owner_id, r.group_id, r.is_private, r.gated <> ''"
        " FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.id = ?";
    int64_t there;
    if (!db_get_int(tx, &there, 0, e, find, db_int(r->id))) return false;
    if (there) return true;
    if (!db_run(tx, e, make, db_int(r->id))) return false;
    if (db_changes(tx) != 1) return err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "the repository is gone");
    return search_put(tx, r->id, r->full_name, e) && index_recount(tx, r->id, e);
}

/* What does not come from files: name, visibility, search entry, counters. */
static bool remake_copies(struct db_conn *tx, const struct repo *r, struct err *e)
{
    static const char sql[] =
        "UPDATE repo_index SET (kind, created_ms, owner_id, group_id, is_private, is_gated) ="
        " (SELECT r.kind, r.created_ms, r.owner_id, r.group_id, r.is_private, r.gated <> '' FROM repo r WHERE r.id = repo_index.repo_id)"
        " WHERE repo_id = ?";
    return db_run(tx, e, sql, db_int(r->id)) && index_rename(tx, r->id, e) && search_ensure(tx, r, e) &&
           index_recount(tx, r->id, e);
}

static bool write_head(struct db_conn *tx, const struct index_work *w, struct err *e)
{
    static const char sql[] = "UPDATE repo_index SET head_sha = ?, modified_ms = ?, files_count = ?, used_bytes = ?"
                              " WHERE repo_id = ?";
    return db_run(tx, e, sql, db_text(w->head_sha), db_int(w->modified_ms), db_int((int64_t)w->files_count),
                  db_int((int64_t)w->used_bytes), db_int(w->repo->id));
}

static bool write_facts(struct db_conn *tx, const struct index_work *w, struct err *e)
{
    static const char sql[] = "UPDATE repo_index SET parameters = ?, pipeline_tag = ?, library_name = ?, tags = ?, card = ?,"
                              " config = ?, safetensors = ?, gguf = ?, extra = ? WHERE repo_id = ?";
    static const char sdk_sql[] = "UPDATE repo SET sdk = ?1 WHERE id = ?2 AND sdk <> ?1";
    const struct repo_facts *f = &w->facts;
    struct arena *a = arena_new(0);
    struct db_value extra = db_text(f->extra ? json_text(a, f->extra) : STR("{}"));
    str sdk = json_str_or(f->extra, STR("sdk"), STR(""));
    bool ok = db_run(tx, e, sql, db_int((int64_t)f->parameters), db_text(f->pipeline_tag.p ? f->pipeline_tag : STR("")),
                     db_text(f->library_name.p ? f->library_name : STR("")), db_text(tags_text(f, a)), db_text_or_null(json_text(a, f->card)),
                     db_text_or_null(json_text(a, f->config)), db_text_or_null(json_text(a, f->safetensors)), db_text_or_null(json_text(a, f->gguf)), extra,
                     db_int(w->repo->id));
    if (ok && w->repo->kind == REPO_SPACE && sdk.n) ok = db_run(tx, e, sdk_sql, db_text(sdk), db_int(w->repo->id));
    arena_free(a);
    return ok && eval_results_write(tx, w->repo->id, f->results, f->results_count, e) && write_tags(tx, w, e);
}

bool index_write(struct hub *h, const struct index_work *w, struct err *e)
{
    struct db_conn *tx;
    bool ok;

    if (!db_begin(hub_db(h), &tx, e)) return false;
    ok = ensure_row(tx, w->repo, e) && write_refs(tx, w, e) && (w->from_nothing || !w->refs_count || note_refs(tx, w, e));
    if (ok && w->main_moved) ok = index_write_files(tx, w->repo->id, &w->files, e) && write_head(tx, w, e);
    if (ok && w->has_facts) ok = write_facts(tx, w, e);
    if (ok && w->from_nothing) ok = remake_copies(tx, w->repo, e);
    return db_finish(hub_db(h), tx, ok, e);
}

/* ------------------------------------------------------------------ when the repository row changes */

static bool old_name(struct db_conn *tx, int64_t repo_id, str *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT full_name FROM repo_index WHERE repo_id = ?";
    struct db_query q;
    *out = (str){ NULL, 0 };
    if (!db_query(tx, &q, e, sql, db_int(repo_id))) return false;
    if (db_next(&q, e)) *out = db_col_dup(&q, 0, a);
    return db_end(&q);
}

bool index_rename(struct db_conn *tx, int64_t repo_id, struct err *e)
{
    static const char sql[] = "UPDATE repo_index SET full_name = ? WHERE repo_id = ?";
    struct arena *a = arena_new(0);
    struct repo r;
    str before;
    bool ok = old_name(tx, repo_id, &before, a, e) && repo_get(tx, repo_id, &r, a, e);

    /* Owner and visibility follow by themselves (trigger); the name is a join away. */
    if (ok && before.p && !str_eq(before, r.full_name))
        ok = search_drop(tx, repo_id, before, e) && db_run(tx, e, sql, db_text(r.full_name), db_int(repo_id)) &&
             search_put(tx, repo_id, r.full_name, e);
    arena_free(a);
    return ok;
}

bool index_remove(struct db_conn *tx, int64_t repo_id, struct err *e)
{
    static const char drop_row[] = "DELETE FROM repo_index WHERE repo_id = ?";
    static const char drop_files[] = "DELETE FROM repo_file WHERE repo_id = ?";
    static const char drop_refs[] = "DELETE FROM repo_ref WHERE repo_id = ?";
    struct arena *a = arena_new(0);
    struct repo r = { .id = repo_id }; /* taking tags away needs no more of it */
    str before;
    bool ok = index_write_tags(tx, &r, NULL, 0, e) && old_name(tx, repo_id, &before, a, e) &&
              (!before.p || search_drop(tx, repo_id, before, e)) && db_run(tx, e, drop_row, db_int(repo_id)) &&
              db_run(tx, e, drop_files, db_int(repo_id)) && db_run(tx, e, drop_refs, db_int(repo_id));
    arena_free(a);
    return ok;
}

bool index_recount_tags(struct db *d, struct err *e)
{
    static const char count[] =
        "UPDATE tag SET (repos_count, public_count) = (SELECT count(*), coalesce(sum(i.is_private = 0), 0) FROM repo_tag x"
        " LEFT JOIN repo_index i ON i.repo_id = x.repo_id WHERE x.tag_id = tag.id)";
    static const char drop[] = "DELETE FROM tag WHERE repos_count = 0";
    struct db_conn *tx;
    if (!db_begin(d, &tx, e)) return false;
    if (db_run(tx, e, count) && db_run(tx, e, drop)) return db_commit(d, tx, e) && tag_block_fill(d, true, e);
    db_rollback(d, tx);
    return false;
}
