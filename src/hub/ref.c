/* hub/ref.c - refs as the index has them, and the commits that they lead to.
 *
 * The rows agree with git once a writer was answered; git reads a file for each ref, and an object to see where it leads.
 *
 * An id alone gives no right to hidden history: of a commit that no ref names somebody has to walk there.  Which ref
 * led to it is kept with where that ref was.  If it has moved since, what is left to walk is from there to here. */
#include "base/hash.h"
#include "hub/hub_priv.h"

bool hub_refs(struct db_conn *c, int64_t repo_id, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, "SELECT name, sha, commit_sha FROM repo_ref WHERE repo_id = ? ORDER BY name", db_int(repo_id))) return false;
    while (db_next(&q, e)) {
        struct vcs_ref ref = { .name = db_col_dup(&q, 0, a) };
        if (!vcs_oid_parse(db_col_text(&q, 1), &ref.target) || !vcs_oid_parse(db_col_text(&q, 2), &ref.commit)) continue;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = ref;
    }
    return db_end(&q);
}

/* ------------------------------------------------------------------ what leads to a commit */

struct way { /* a ref and where it was; kept as the id and then the name */
    struct vcs_oid tip;
    str ref;
};

static struct vcs_oid key_of(const struct vcs_oid *commit)
{
    char text[8 + sizeof *commit] = "leads to";
    struct vcs_oid key;
    memcpy(text + 8, commit, sizeof *commit);
    struct sha256 sum = sha256_of((bytes){ (const uint8_t *)text, sizeof text });
    memcpy(key.b, sum.b, sizeof key.b);
    return key;
}

static void keep(struct hub *h, int64_t repo_id, const struct vcs_oid *commit, const struct way *w)
{
    struct vcs_oid key = key_of(commit);
    struct buf b = BUF_INIT(0);
    buf_add(&b, str_n((const char *)w->tip.b, sizeof w->tip));
    buf_add(&b, w->ref);
    file_cache_drop(h->histories, repo_id, &key);
    file_blob_release(file_cache_add(h->histories, repo_id, &key, bytes_of(buf_str(&b))));
    buf_deinit(&b);
}

static bool find_kept(struct hub *h, int64_t repo_id, const struct vcs_oid *commit, struct way *out, struct arena *a)
{
    struct vcs_oid key = key_of(commit);
    struct file_blob *held = file_cache_find(h->histories, repo_id, &key);
    if (!held) return false;
    str kept = file_blob_content(held);
    memcpy(out->tip.b, kept.p, sizeof out->tip);
    out->ref = arena_dup(a, str_from(kept, sizeof out->tip));
    file_blob_release(held);
    return true;
}

static bool where_now(struct db_conn *c, int64_t repo_id, str ref, struct vcs_oid *out, bool *found, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT commit_sha FROM repo_ref WHERE repo_id = ? AND name = ?", db_int(repo_id), db_text(ref))) return false;
    *found = db_next(&q, e) && vcs_oid_parse(db_col_text(&q, 0), out);
    return db_end(&q);
}

/* The library says yes or no of many at once, and not which: those that may be it are halved. */
static bool find_way(struct vcs_repo *v, const struct vcs_oid *commit, const struct vcs_oid *tip, size_t n, size_t *at, bool *found, struct err *e)
{
    *at = 0;
    if (!vcs_is_reachable(v, commit, tip, n, found, e)) return false;
    while (*found && n > 1) {
        bool in_first;
        if (!vcs_is_reachable(v, commit, tip + *at, n / 2, &in_first, e)) return false;
        *at += in_first ? 0 : n / 2;
        n = in_first ? n / 2 : n - n / 2;
    }
    return true;
}

/* Main is tried by itself before all others, for it is what leads to most commits. */
static bool find_ref(struct vcs_repo *v, const struct vcs_oid *commit, const struct vcs_ref *ref, size_t n, struct way *out, bool *found, struct arena *a, struct err *e)
{
    struct vcs_oid *tip = arena_alloc(a, (n + 1) * sizeof *tip);
    size_t at = 0;
    *found = false;
    for (size_t i = 0; i < n; i++) tip[i] = ref[i].commit;
    while (at < n && !str_eq(ref[at].name, MAIN_REF)) at++;
    if (at < n && !vcs_is_reachable(v, commit, &tip[at], 1, found, e)) return false;
    if (!*found && !find_way(v, commit, tip, n, &at, found, e)) return false;
    if (*found) *out = (struct way){ tip[at], ref[at].name };
    return true;
}

static bool has_way(struct hub *h, struct db_conn *c, int64_t repo_id, struct vcs_repo *v, const struct vcs_oid *commit, bool *yes, struct arena *a, struct err *e)
{
    struct way way;
    struct vcs_ref *ref;
    struct vcs_oid now;
    size_t n;
    *yes = false;
    if (find_kept(h, repo_id, commit, &way, a)) {
        if (!where_now(c, repo_id, way.ref, &now, yes, e)) return false;
        if (*yes && vcs_oid_eq(&now, &way.tip)) return true;
        if (*yes && !vcs_is_reachable(v, &way.tip, &now, 1, yes, e)) return false;
        way.tip = now;
    }
    if (!*yes && (!hub_refs(c, repo_id, a, &ref, &n, e) || !find_ref(v, commit, ref, n, &way, yes, a, e))) return false;
    if (*yes) keep(h, repo_id, commit, &way);
    return true;
}

bool hub_no_revision(str rev, struct err *e)
{
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_REVISION, "Invalid rev id: %.*s", STR_ARG(str_to(rev, 200)));
}

bool hub_resolve(struct hub *h, int64_t repo_id, struct vcs_repo *v, str rev, struct vcs_revision *out, struct arena *a, struct err *e)
{
    bool found = false;
    if (!vcs_resolve(v, rev, out, &found, a, e)) return false;
    if (found && !out->ref.n) {
        struct db_conn *c = db_reader(h->db);
        bool ok = has_way(h, c, repo_id, v, &out->commit, &found, a, e);
        db_give(h->db, c);
        if (!ok) return false;
    }
    return found || hub_no_revision(rev, e);
}
