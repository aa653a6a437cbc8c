/* hub/index/index.c - keeps the derived rows of a repository in step with git.
 *
 * All reading (refs, trees, cards, headers of weights) is done first, on a reader; then one short transaction
 * writes what differs.  The caller holds the repository's lock, so nobody moves a ref in between.  A change
 * of more than INDEX_CHANGES_MAX files is written in several transactions; the first of them empties head_sha,
 * so that a crash in the middle leaves a row that says itself that it is stale. */
#include "hub/index/index_priv.h"

struct old_row { /* what repo_index says now */
    bool found;
    str head_sha, card;
    int64_t files_count, used_bytes;
};

static bool read_old(struct db_conn *c, int64_t repo_id, struct old_row *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT head_sha, card, files_count, used_bytes FROM repo_index WHERE repo_id = ?";
    struct db_query q;
    *out = (struct old_row){ .head_sha = STR("") };
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    if ((out->found = db_next(&q, e))) {
        out->head_sha = db_col_dup(&q, 0, a);
        if (!db_col_is_null(&q, 1)) out->card = db_col_dup(&q, 1, a);
        out->files_count = db_col_int(&q, 2);
        out->used_bytes = db_col_int(&q, 3);
    }
    return db_end(&q);
}

/* ------------------------------------------------------------------ refs */

static str hex_of(const struct vcs_oid *id, struct arena *a)
{
    char hex[VCS_OID_HEX + 1];
    return arena_dup(a, vcs_oid_hex(id, hex));
}

/* A ref that is where it was leads where it did: of thousands one has moved. */
static void find_commit(struct vcs_repo *v, struct vcs_ref *ref, str old_sha, str old_commit_sha)
{
    struct vcs_oid old;
    bool is_same = vcs_oid_parse(old_sha, &old) && vcs_oid_eq(&old, &ref->target);
    if (!is_same || !vcs_oid_parse(old_commit_sha, &ref->commit)) vcs_ref_peel(v, ref);
}

/* Both lists are by name; what differs becomes a change.  v NULL: of each ref its commit is looked up already. */
static bool compare_refs(struct vcs_repo *v, struct db_conn *c, int64_t repo_id, struct vcs_ref *now, size_t n, struct arena *a,
                         struct ref_change **out, size_t *out_n, struct err *e)
{
    static const char sql[] = "SELECT name, sha, commit_sha FROM repo_ref WHERE repo_id = ? ORDER BY name";
    struct ref_change *list = NULL;
    size_t count = 0, cap = 0, at = 0;
    struct db_query q;
    bool has_row;

    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    has_row = db_next(&q, e);
    while (has_row || at < n) {
        int order = !has_row ? 1 : at == n ? -1 : str_cmp(db_col_text(&q, 0), now[at].name);
        struct ref_change change = { 0 };
        if (order < 0) {
            change.name = db_col_dup(&q, 0, a);
            change.old_commit_sha = db_col_dup(&q, 2, a);
            has_row = db_next(&q, e);
        } else {
            if (v) find_commit(v, &now[at], order == 0 ? db_col_text(&q, 1) : STR(""), order == 0 ? db_col_text(&q, 2) : STR(""));
            change = (struct ref_change){ .name = now[at].name, .sha = hex_of(&now[at].target, a), .commit_sha = hex_of(&now[at].commit, a) };
            if (order == 0) {
                if (str_eq(change.sha, db_col_text(&q, 1)) && str_eq(change.commit_sha, db_col_text(&q, 2)))
                    change.name = (str){ NULL, 0 };
                else
                    change.old_commit_sha = db_col_dup(&q, 2, a);
                has_row = db_next(&q, e);
            }
            at++;
        }
        if (!change.name.p) continue;
        if (count == cap) {
            struct ref_change *bigger = arena_alloc(a, (cap = cap ? cap * 2 : 16) * sizeof *bigger);
            if (count) memcpy(bigger, list, count * sizeof *bigger);
            list = bigger;
        }
        list[count++] = change;
    }
    *out = list;
    *out_n = count;
    return db_end(&q);
}

static bool head_of(const struct vcs_ref *refs, size_t n, struct vcs_oid *out)
{
    *out = (struct vcs_oid){ { 0 } };
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(refs[i].name, MAIN_REF)) continue;
        *out = refs[i].commit;
        return !vcs_oid_is_zero(out);
    }
    return false;
}

/* ------------------------------------------------------------------ update */

struct flusher {
    struct hub *hub;
    const struct index_work *work;
    bool has_begun;
};

/* Writes a batch ahead of the rest; see the head of this file. */
static bool flush_files(void *ctx, struct file_changes *list, struct err *e)
{
    static const char stale[] = "UPDATE repo_index SET head_sha = '' WHERE repo_id = ?";
    struct flusher *f = ctx;
    struct db *d = hub_db(f->hub);
    struct arena *a = list->a;
    struct db_conn *tx;
    bool ok;

    if (!db_begin(d, &tx, e)) return false;
    ok = (f->has_begun || db_run(tx, e, stale, db_int(f->work->repo->id))) &&
         index_write_files(tx, f->work->repo->id, list, e);
    f->has_begun = true;
    if (ok) {
        if (!db_commit(d, tx, e)) return false;
        arena_reset(a);
        *list = (struct file_changes){ .a = a };
        return true;
    }
    db_rollback(d, tx);
    return false;
}

static bool prepare_main(struct hub *h, struct vcs_repo *v, struct db_conn *c, const struct old_row *old,
                         const struct vcs_oid *head, struct arena *a, struct index_work *w, struct err *e)
{
    struct flusher f = { h, w, false };
    struct index_compare q = { .hub = h, .vcs = v, .reader = c, .repo_id = w->repo->id, .old_sha = old->head_sha, .head = *head,
                               .old_files_count = (uint64_t)old->files_count, .old_used_bytes = (uint64_t)old->used_bytes,
                               .flush = flush_files, .ctx = &f };
    struct facts_source from = { h, w->repo->id, v };
    struct facts_scan scan;
    struct json *card_before = NULL;
    struct vcs_commit commit;
    struct err ignored;
    bool found;

    w->modified_ms = w->repo->created_ms;
    if (!vcs_oid_is_zero(head)) {
        if (!vcs_commit_read(v, head, &commit, &found, a, e)) return false;
        if (!found) return err_set(e, ERR_IO, "refs/heads/main names a commit that is not there");
        w->modified_ms = commit.committer_ms;
    }
    facts_scan_init(&scan, a);
    if (!index_compare(&q, w, &scan, &w->has_facts, e)) return false;
    if (!w->has_facts) return true;
    if (old->card.p && !json_parse(old->card, a, &card_before, &ignored)) card_before = NULL;
    w->facts.commit = *head;
    facts_derive(&from, w->repo, &scan, card_before, a, &w->facts);
    return true;
}

/* w is complete when this returns true; *any says whether there is something to write. */
static bool prepare(struct hub *h, struct vcs_repo *v, struct db_conn *c, struct arena *a, struct index_work *w, bool *any,
                    struct err *e)
{
    struct vcs_ref *refs;
    struct vcs_oid head;
    struct old_row old;
    size_t n;

    bool has_refs = w->from_nothing ? vcs_refs(v, a, &refs, &n, e) : vcs_ref_targets(v, a, &refs, &n, e);
    if (!has_refs || !read_old(c, w->repo->id, &old, a, e)) return false;
    if (!compare_refs(w->from_nothing ? NULL : v, c, w->repo->id, refs, n, a, &w->refs, &w->refs_count, e)) return false;
    w->head_sha = head_of(refs, n, &head) ? hex_of(&head, a) : STR("");
    w->main_moved = w->from_nothing || !old.found || !str_eq(old.head_sha, w->head_sha);
    *any = w->main_moved || w->refs_count;
    return !w->main_moved || prepare_main(h, v, c, &old, &head, a, w, e);
}

static bool update(struct hub *h, int64_t repo_id, const struct identity *who, bool from_nothing, struct err *e)
{
    struct arena *a = arena_new(0), *files = arena_new(0);
    struct db_conn *c = db_reader(hub_db(h));
    struct vcs_repo *v = NULL;
    struct repo r;
    struct index_work w = { .repo = &r, .who = who, .files = { .a = files }, .from_nothing = from_nothing };
    bool any = false, ok;

    ok = repo_get(c, repo_id, &r, a, e) && hub_repo_open(h, repo_id, &v, e) && prepare(h, v, c, a, &w, &any, e);
    db_give(hub_db(h), c);
    if (ok && any) ok = index_write(h, &w, e);
    vcs_close(v);
    arena_free(files);
    arena_free(a);
    return ok;
}

bool index_update(struct hub *h, int64_t repo_id, const struct identity *who, struct err *e)
{
    return update(h, repo_id, who, false, e);
}

bool index_rebuild(struct hub *h, int64_t repo_id, struct err *e)
{
    return update(h, repo_id, NULL, true, e);
}

/* ------------------------------------------------------------------ is it right? */

bool index_is_current(struct hub *h, int64_t repo_id, bool *yes, str *why, struct arena *a, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(h));
    struct vcs_repo *v = NULL;
    struct ref_change *changes;
    struct vcs_ref *refs;
    struct vcs_oid head;
    struct old_row old;
    size_t n, count;
    bool ok = hub_repo_open(h, repo_id, &v, e) && vcs_refs(v, a, &refs, &n, e) && read_old(c, repo_id, &old, a, e) &&
              compare_refs(NULL, c, repo_id, refs, n, a, &changes, &count, e);

    db_give(hub_db(h), c);
    vcs_close(v);
    if (!ok) return false;
    *yes = false;
    if (!old.found)
        *why = STR("the repository is not in the index");
    else if (count)
        *why = arena_fmt(a, "the index and git disagree on %.*s", STR_ARG(changes[0].name));
    else if (!str_eq(old.head_sha, head_of(refs, n, &head) ? hex_of(&head, a) : STR("")))
        *why = STR("the rows are not about the head of main");
    else
        *yes = true;
    return true;
}
