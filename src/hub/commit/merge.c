/* hub/commit/merge.c - pull requests as git sees them: new commits, conflicts, the merge, the end of a ref.
 *
 * A merge moves the base first and marks the row afterwards.  Should the process die in between, the pull
 * request is open with its commits in the base already; merging again finds nothing to do in git and
 * marks the row. */
#include <stdlib.h>

#include "hub/commit/lock_check.h"
#include "hub/community/discussion_priv.h"
#include "hub/community/happening.h"

enum { COMMIT_EVENTS_MAX = 250 };

static str ref_of(const struct discussion *d, struct arena *a) { return arena_fmt(a, "refs/pr/%lld", (long long)d->num); }

/* ------------------------------------------------------------------ commits that arrived */

struct news {
    struct hub *h;
    const struct repo *repo;
    struct vcs_repo *v;
    const struct identity *who;
    struct arena *a;
};

/* A ref of a pull request that is not where the index last saw it. */
struct moved {
    const struct vcs_ref *ref;
    struct vcs_oid old;
    bool has_old;
};

/* One query for all refs, which come in the order of their names: most have not moved. */
static bool find_moved(const struct news *x, struct vcs_ref *refs, size_t n, struct moved *out, size_t *count, struct err *e)
{
    static const char sql[] = "SELECT name, commit_sha FROM repo_ref WHERE repo_id = ? AND name >= 'refs/pr/' AND name < 'refs/pr0' ORDER BY name";
    struct db_query q;
    struct db_conn *c = db_reader(x->h->db);
    bool ok = db_query(c, &q, e, sql, db_int(x->repo->id)), more = ok && db_next(&q, e);
    *count = 0;
    for (size_t i = 0; ok && i < n; i++) {
        struct moved m = { .ref = &refs[i] };
        if (!pr_number(refs[i].name)) continue;
        while (more && str_cmp(db_col_text(&q, 0), refs[i].name) < 0) more = db_next(&q, e);
        if (more && str_eq(db_col_text(&q, 0), refs[i].name)) m.has_old = vcs_oid_parse(db_col_text(&q, 1), &m.old);
        if (m.has_old && vcs_oid_eq(&m.old, &refs[i].target)) continue;
        vcs_ref_peel(x->v, &refs[i]);
        if (!vcs_oid_is_zero(&refs[i].commit)) out[(*count)++] = m;
    }
    ok = ok && db_end(&q);
    db_give(x->h->db, c);
    return ok;
}

/* What the pull request had before: of its last known head, or of its base. */
static bool known_head(const struct news *x, const struct discussion *d, const struct moved *m, struct vcs_oid *out, bool *found, struct err *e)
{
    struct vcs_ref base;
    bool has_base = false;
    *found = false;
    if (m->has_old) return vcs_merge_base(x->v, &m->old, &m->ref->commit, out, found, e);
    if (!vcs_ref_find(x->v, d->base_ref, &base, &has_base, x->a, e)) return false;
    return !has_base || vcs_merge_base(x->v, &base.commit, &m->ref->commit, out, found, e);
}

static bool add_commit_events(const struct news *x, const struct discussion *d, const struct vcs_commit *commits, size_t n,
                              struct err *e)
{
    struct db_conn *tx;
    struct discussion_event event;
    bool ok = true;
    if (!n) return true;
    if (!db_begin(x->h->db, &tx, e)) return false;
    for (size_t i = n; i-- > 0 && ok;) { /* oldest first */
        char hex[VCS_OID_HEX + 1];
        struct buf b = BUF_INIT(0);
        struct json_writer w = json_writer(&b);
        jw_object(&w);
        jw_kstr(&w, "subject", commits[i].title);
        jw_kstr(&w, "oid", vcs_oid_hex(&commits[i].id, hex));
        jw_object_end(&w);
        ok = discussion_event_add(tx, d->id, "commit", x->who, buf_str(&b), &event, x->a, e);
        buf_deinit(&b);
    }
    return db_finish(x->h->db, tx, ok, e);
}

static bool note_one(const struct news *x, const struct moved *m, struct err *e)
{
    const struct vcs_ref *ref = m->ref;
    struct discussion d;
    struct vcs_oid known;
    struct vcs_commit *commits;
    size_t n, fresh = 0;
    bool found = false, has_known = false;
    struct db_conn *c = db_reader(x->h->db);
    bool ok = discussion_find(c, x->repo->id, pr_number(ref->name), &d, &found, x->a, e);
    db_give(x->h->db, c);
    if (!ok) return false;
    if (!found || !d.is_pull_request) return true;
    if (!known_head(x, &d, m, &known, &has_known, e)) return false;
    if (has_known && vcs_oid_eq(&known, &ref->commit)) return true;
    if (!vcs_log(x->v, &ref->commit, 0, COMMIT_EVENTS_MAX, x->a, &commits, &n, NULL, e)) return false;
    while (fresh < n && !(has_known && vcs_oid_eq(&commits[fresh].id, &known))) fresh++;
    return add_commit_events(x, &d, commits, fresh, e);
}

bool discussion_note_pushes(struct hub *h, const struct repo *r, struct vcs_repo *v, const struct identity *who, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM discussion WHERE repo_id = ? AND is_pull_request = 1 LIMIT 1";
    struct news x = { .h = h, .repo = r, .v = v, .who = who };
    struct vcs_ref *refs;
    struct moved *moved;
    size_t n, count = 0;
    int64_t any;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, &any, 0, e, sql, db_int(r->id));
    db_give(h->db, c);
    if (!ok || !any) return ok;
    x.a = arena_new(0);
    ok = vcs_ref_targets(v, x.a, &refs, &n, e) && find_moved(&x, refs, n, moved = arena_alloc(x.a, (n + 1) * sizeof *moved), &count, e);
    for (size_t i = 0; ok && i < count; i++) ok = note_one(&x, &moved[i], e);
    arena_free(x.a);
    return ok;
}

/* ------------------------------------------------------------------ merging */

struct merge {
    struct hub *h;
    const struct repo *repo;
    const struct discussion *d;
    const struct identity *who;
    struct vcs_repo *v;
    struct vcs_person person;
    struct arena *a;
    struct vcs_ref base, head;
    struct vcs_oid merged;
    bool is_clean;
    str *conflicts;
    size_t conflicts_count;
};

static bool find_sides(struct merge *m, bool *found, struct err *e)
{
    bool has_base = false, has_head = false;
    if (!vcs_ref_find(m->v, m->d->base_ref, &m->base, &has_base, m->a, e)) return false;
    if (!vcs_ref_find(m->v, ref_of(m->d, m->a), &m->head, &has_head, m->a, e)) return false;
    *found = has_base && has_head;
    return true;
}

static bool try_merge(struct merge *m, struct err *e)
{
    str message = arena_fmt(m->a, "%.*s (#%lld)", STR_ARG(m->d->title), (long long)m->d->num);
    return vcs_merge(m->v, &m->base.commit, &m->head.commit, &m->person, message, &m->merged, &m->is_clean, &m->conflicts,
                     &m->conflicts_count, m->a, e);
}

static bool refuse_conflicts(const struct merge *m, struct err *e)
{
    struct buf b = BUF_INIT(ERR_MSG_MAX);
    for (size_t i = 0; i < m->conflicts_count && b.n < 300; i++)
        buf_addf(&b, "%s%.*s", i ? ", " : "", STR_ARG(str_to(m->conflicts[i], 100)));
    err_set(e, ERR_CONFLICT, "This pull request has conflicts with %.*s: %s", STR_ARG(m->d->base_ref), buf_cstr(&b));
    buf_deinit(&b);
    return false;
}

static bool check_mergeable(struct merge *m, struct err *e)
{
    struct discussion now;
    bool found = false, sides = false;
    struct db_conn *c = db_reader(m->h->db);
    bool ok = (!m->who || repo_allow(c, m->who, m->repo, REPO_WRITE, e)) && hub_person(c, m->who, &m->person, m->a, e) &&
              discussion_find(c, m->repo->id, m->d->num, &now, &found, m->a, e);
    db_give(m->h->db, c);
    if (!ok) return false;
    if (!found || !now.is_pull_request) return err_set(e, ERR_NOT_FOUND, "There is no such pull request");
    if (str_eq(now.status, STR("draft"))) return err_set(e, ERR_INVALID, "A draft cannot be merged; publish the pull request first");
    if (!str_eq(now.status, STR("open"))) return err_set(e, ERR_INVALID, "This pull request is %.*s", STR_ARG(now.status));
    if (!find_sides(m, &sides, e)) return false;
    return sides || err_set(e, ERR_CONFLICT, "The pull request or its base %.*s has no ref any more", STR_ARG(m->d->base_ref));
}

static bool mark_merged(struct merge *m, str comment, struct err *e)
{
    static const char sql[] = "UPDATE discussion SET merge_commit = ? WHERE id = ?";
    char hex[VCS_OID_HEX + 1];
    struct discussion_event event;
    struct db_conn *tx;
    if (!db_begin(m->h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_text(vcs_oid_hex(&m->merged, hex)), db_int(m->d->id)) &&
              discussion_status_add(tx, m->repo, m->d, "merged", comment, m->who, &event, m->a, e);
    return db_finish(m->h->db, tx, ok, e);
}

static bool merge(struct merge *m, str comment, struct err *e)
{
    if (!check_mergeable(m, e) || !try_merge(m, e)) return false;
    if (!m->is_clean) return refuse_conflicts(m, e);
    bool moves = !vcs_oid_eq(&m->merged, &m->base.commit);
    if (moves && !lock_allow(m->h, m->v, m->repo->id, m->who, &m->base.commit, &m->merged, e)) return false;
    if (moves && !hub_set_ref(m->h, m->repo->id, m->v, m->d->base_ref, &m->base.target, &m->merged, STR("pull request merged"), e)) {
        if (e->code == ERR_PRECONDITION) err_set(e, ERR_CONFLICT, "The base was updated meanwhile; try again");
        return false;
    }
    return mark_merged(m, comment, e) && hub_index(m->h, m->repo->id, m->who, e);
}

static void merge_end(struct merge *m)
{
    vcs_close(m->v);
    arena_free(m->a);
}

bool discussion_merge(struct hub *h, const struct repo *r, const struct discussion *d, str comment,
                      const struct identity *who, struct err *e)
{
    struct merge m = { .h = h, .repo = r, .d = d, .who = who };
    struct repo_lock *lock;
    if (!repo_lock(h, r->id, &lock, e)) return false;
    m.a = arena_new(0);
    bool ok = hub_repo_open(h, r->id, &m.v, e) && merge(&m, comment, e);
    merge_end(&m);
    repo_unlock(h, lock);
    return ok;
}

bool discussion_conflicts(struct hub *h, const struct repo *r, const struct discussion *d, struct arena *a, str **paths,
                          size_t *n, struct err *e)
{
    struct merge m = { .h = h, .repo = r, .d = d, .a = arena_new(0) };
    bool found = false, ok = true;
    bool is_open = str_eq(d->status, STR("open")) || str_eq(d->status, STR("draft"));
    *paths = NULL;
    *n = 0;
    if (!d->is_pull_request || !is_open) goto done;
    ok = hub_repo_open(h, r->id, &m.v, e) && find_sides(&m, &found, e) &&
         (!found || vcs_merge(m.v, &m.base.commit, &m.head.commit, NULL, (str){ 0 }, NULL, &m.is_clean, &m.conflicts, &m.conflicts_count, m.a, e));
    if (!ok || !found || m.is_clean) goto done;
    *paths = arena_alloc(a, (m.conflicts_count + 1) * sizeof **paths);
    for (size_t i = 0; i < m.conflicts_count; i++) (*paths)[i] = arena_dup(a, m.conflicts[i]);
    *n = m.conflicts_count;
done:
    merge_end(&m);
    return ok;
}

/* ------------------------------------------------------------------ what it changes */

/* The parent of the first commit that came with it; left alone where none is on record. */
static bool before_first_commit(struct db_conn *c, struct vcs_repo *git, const struct discussion *d, struct vcs_oid *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT data FROM discussion_event WHERE discussion_id = ? AND type = 'commit' ORDER BY id LIMIT 1";
    struct json *data = NULL;
    struct vcs_commit first;
    struct vcs_oid id;
    struct db_query q;
    struct err ignored;
    bool found = false;
    if (!db_query(c, &q, e, sql, db_int(d->id))) return false;
    if (db_next(&q, e) && !json_parse(db_col_dup(&q, 0, a), a, &data, &ignored)) data = NULL; /* its strings stay in the text */
    if (!db_end(&q)) return false;
    if (!vcs_oid_parse(json_str_or(data, STR("oid"), STR("")), &id) || !vcs_commit_read(git, &id, &first, &found, a, &ignored) || !found) return true;
    *out = first.parents_count ? first.parent : (struct vcs_oid){ { 0 } };
    return true;
}

static bool range_of_merged(struct db_conn *c, struct vcs_repo *git, const struct discussion *d, struct vcs_oid *from, struct vcs_oid *head,
                            bool *found, struct arena *a, struct err *e)
{
    struct vcs_oid merged;
    struct vcs_commit k;
    bool has_base;
    *found = false;
    if (!vcs_oid_parse(d->merge_commit, &merged)) return true;
    if (!vcs_commit_read(git, &merged, &k, found, a, e)) return false;
    if (!*found) return true; /* history was written anew since */
    if (vcs_oid_is_zero(head)) *head = merged; /* its ref was deleted */
    *from = k.parent;
    if (k.parents_count > 1) return vcs_merge_base(git, &k.parent, head, from, &has_base, e);
    return before_first_commit(c, git, d, from, a, e);
}

bool discussion_range(struct db_conn *c, struct vcs_repo *git, const struct discussion *d, struct vcs_oid *from, struct vcs_oid *head,
                      bool *found, struct arena *a, struct err *e)
{
    struct vcs_ref base, ref;
    bool has_base, has_ref, ignored;
    if (!vcs_ref_find(git, d->base_ref, &base, &has_base, a, e) || !vcs_ref_find(git, ref_of(d, a), &ref, &has_ref, a, e)) return false;
    *head = has_ref ? ref.commit : (struct vcs_oid){ { 0 } };
    if (d->merge_commit.n) return range_of_merged(c, git, d, from, head, found, a, e);
    *found = has_base && has_ref;
    if (!*found) return true;
    *from = base.commit;
    return vcs_merge_base(git, &base.commit, &ref.commit, from, &ignored, e);
}

/* ------------------------------------------------------------------ the end of a pull request */

static bool drop_ref(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who, struct err *e)
{
    struct vcs_repo *v = NULL;
    struct vcs_ref ref;
    struct vcs_oid none = { { 0 } };
    struct arena *a = arena_new(0);
    bool found = false;
    bool ok = hub_repo_open(h, r->id, &v, e) && vcs_ref_find(v, ref_of(d, a), &ref, &found, a, e);
    if (ok && found) ok = hub_set_ref(h, r->id, v, ref.name, &ref.target, &none, STR("deleted"), e) && hub_index(h, r->id, who, e);
    vcs_close(v);
    arena_free(a);
    return ok;
}

bool discussion_delete_ref(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who,
                           struct err *e)
{
    static const char over[] = "SELECT status IN ('closed', 'merged') FROM discussion WHERE id = ?";
    struct repo_lock *lock;
    int64_t is_over = 0; /* as it stands now: it may have been opened again since the caller looked */
    if (!d->is_pull_request) return err_set(e, ERR_INVALID, "This is no pull request");
    if (!repo_lock(h, r->id, &lock, e)) return false;
    struct db_conn *c = db_reader(h->db);
    bool ok = discussion_allow_manage(c, who, r, d, e) && db_get_int(c, &is_over, 0, e, over, db_int(d->id));
    db_give(h->db, c);
    if (ok && !is_over) ok = err_set(e, ERR_INVALID, "Close or merge the pull request first");
    ok = ok && drop_ref(h, r, d, who, e);
    repo_unlock(h, lock);
    return ok;
}

struct storage {
    struct buf known; /* SHA-256 of main's large files, in order */
    uint64_t size_bytes;
};

static bool read_known(struct db_conn *c, int64_t repo_id, struct buf *known, struct err *e)
{
    static const char sql[] = "SELECT DISTINCT sha256 FROM repo_file WHERE repo_id = ? AND sha256 IS NOT NULL ORDER BY sha256";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    while (db_next(&q, e))
        if (db_col_blob(&q, 0).n == SHA256_BYTES) buf_add(known, str_of(db_col_blob(&q, 0)));
    return db_end(&q);
}

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, SHA256_BYTES); }

/* A large file of the pull request's tree that main does not have. */
static bool add_storage(void *ctx, const struct vcs_entry *entry)
{
    struct storage *s = ctx;
    if (!entry->lfs.is_lfs) return true;
    if (!s->known.n || !bsearch(entry->lfs.sha256, s->known.p, s->known.n / SHA256_BYTES, SHA256_BYTES, by_bytes)) s->size_bytes += entry->lfs.size_bytes;
    return true;
}

/* Main's are read once: a look into the table for each file of a large pull request was work for minutes, which anybody could ask for. */
bool discussion_storage(struct hub *h, const struct repo *r, const struct discussion *d, uint64_t *size_bytes, bool *ref_deleted, struct err *e)
{
    struct arena *a = arena_new(0);
    struct storage s = { .known = BUF_INIT(0) };
    struct vcs_walk walk = { .recursive = true, .fn = add_storage, .ctx = &s };
    struct vcs_repo *v = NULL;
    struct vcs_ref ref;
    bool found = false, has_tree;
    bool ok = d->is_pull_request || err_set(e, ERR_INVALID, "This is no pull request");
    ok = ok && hub_repo_open(h, r->id, &v, e) && vcs_ref_find(v, ref_of(d, a), &ref, &found, a, e);
    if (ok && found) {
        struct db_conn *c = db_reader(h->db);
        ok = read_known(c, r->id, &s.known, e);
        db_give(h->db, c);
        ok = ok && vcs_tree_walk(v, &ref.commit, &walk, &has_tree, e);
    }
    *size_bytes = s.size_bytes;
    *ref_deleted = !found;
    vcs_close(v);
    buf_deinit(&s.known);
    arena_free(a);
    return ok;
}

static bool drop_rows(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who, struct err *e)
{
    static const char sql[] = "DELETE FROM discussion WHERE id = ?"; /* its events go with it */
    struct db_conn *tx;
    struct arena *a = arena_new(0);
    str what = arena_fmt(a, "deleted discussion %lld of %.*s", (long long)d->num, STR_ARG(repo_label(r, a)));
    bool ok = db_begin(h->db, &tx, e);
    if (ok) {
        ok = (!who || repo_allow(tx, who, r, REPO_WRITE, e)) &&
             happening_add_discussion(tx, r, HAPPENED_DISCUSSION_DELETE, who, d->num, STR(""), e) && db_run(tx, e, sql, db_int(d->id)) &&
             audit_add(tx, who, "discussion.delete", r->owner_id, what, (str){ 0 }, e);
        ok = db_finish(h->db, tx, ok, e);
    }
    arena_free(a);
    return ok;
}

/* The row first: a ref without a row is nobody's, a row without its ref is a promise. */
bool discussion_delete(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who, struct err *e)
{
    struct repo_lock *lock;
    if (!repo_lock(h, r->id, &lock, e)) return false;
    bool ok = drop_rows(h, r, d, who, e) && (!d->is_pull_request || drop_ref(h, r, d, who, e));
    repo_unlock(h, lock);
    return ok;
}
