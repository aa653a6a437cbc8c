/* hub/history.c - see hub/history.h.  Which commits lead to a commit, and in which order, never changes: the list of their
 * ids is kept under its id.  A history of 10,000 commits takes 200 kB and some twenty milliseconds to walk.  So does a page
 * of the commits that changed one path, under a hash of where it begins, and which commit changed each entry of a folder last. */
#include "hub/history.h"

#include "base/hash.h"
#include "hub/hub_priv.h"

/* The order of a commit with one parent is that commit, then the order of its parent.  So what is new since a page was last asked
 * for goes before what was kept then, and nothing else is walked.  *out NULL: no order of a commit close by is kept. */
static bool ids_before_kept(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, struct file_blob **out, struct err *e)
{
    enum { NEW_MAX = 100 };
    struct vcs_oid at = *from;
    struct vcs_commit commit;
    struct file_blob *kept = NULL;
    struct buf ids = BUF_INIT(0);
    struct arena *a = arena_new(0);
    bool ok = true, goes_on = true;
    *out = NULL;
    for (size_t n = 0; ok && goes_on && n < NEW_MAX && !(kept = file_cache_find(h->histories, repo_id, &at)); n++) {
        ok = vcs_commit_read(git, &at, &commit, &goes_on, a, e);
        goes_on = ok && goes_on && commit.parents_count == 1;
        buf_add(&ids, str_n((const char *)at.b, sizeof at));
        if (goes_on) at = commit.parent;
        arena_reset(a);
    }
    if (kept) {
        buf_add(&ids, file_blob_content(kept));
        *out = file_cache_add(h->histories, repo_id, from, bytes_of(buf_str(&ids)));
    }
    file_blob_release(kept);
    arena_free(a);
    buf_deinit(&ids);
    return ok;
}

static bool ids_of(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, struct file_blob **out, struct err *e)
{
    struct vcs_oid *id;
    size_t n;
    if ((*out = file_cache_find(h->histories, repo_id, from))) return true;
    if (!ids_before_kept(h, repo_id, git, from, out, e)) return false;
    if (*out) return true;
    struct arena *a = arena_new(0);
    bool ok = vcs_log_ids(git, from, a, &id, &n, e);
    if (ok) *out = file_cache_add(h->histories, repo_id, from, (bytes){ id->b, n * sizeof *id });
    arena_free(a);
    return ok;
}

bool history_read(struct vcs_repo *git, str ids, size_t n, struct arena *a, struct vcs_commit **out, struct err *e)
{
    struct vcs_oid id;
    bool found = true;
    *out = arena_alloc(a, (n + 1) * sizeof **out);
    for (size_t i = 0; i < n; i++) {
        memcpy(&id, ids.p + i * sizeof id, sizeof id);
        if (!vcs_commit_read(git, &id, &(*out)[i], &found, a, e)) return false;
        if (!found) return err_set(e, ERR_INTERNAL, "a commit of the history is gone");
    }
    return true;
}

bool hub_history(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, size_t skip, size_t limit, struct arena *a,
                 struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    struct file_blob *held;
    if (!ids_of(h, repo_id, git, from, &held, e)) return false;
    str ids = file_blob_content(held);
    *total = ids.n / sizeof(struct vcs_oid);
    if (skip > *total) skip = *total;
    *n = limit < *total - skip ? limit : *total - skip;
    bool ok = history_read(git, str_from(ids, skip * sizeof(struct vcs_oid)), *n, a, out, e);
    file_blob_release(held);
    return ok;
}

/* ------------------------------------------------------------------ of one path */

/* The commits that changed it, and where the history goes on, if it does. */
static bool find_path_ids(struct vcs_repo *git, struct vcs_oid at, str path, size_t limit, struct buf *ids, struct err *e)
{
    struct arena *a = arena_new(0);
    struct vcs_entry entry;
    struct vcs_commit last;
    bool ok = true, found = true;
    for (size_t n = 0; n < limit && found; n++) {
        if (!(ok = vcs_entry_find(git, &at, path, &entry, &found, a, e)) || !found) break; /* renames are not followed */
        if (!(ok = vcs_last_commits(git, &at, &path, 1, NULL, &last, a, e))) break;
        buf_add(ids, str_n((const char *)last.id.b, sizeof last.id));
        found = last.parents_count > 0;
        at = last.parent;
        arena_reset(a);
    }
    if (found) buf_add(ids, str_n((const char *)at.b, sizeof at));
    arena_free(a);
    return ok;
}

bool hub_path_history(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *from, str path, size_t limit, struct arena *a,
                      struct vcs_commit **out, size_t *n, struct vcs_oid *next, bool *more, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    struct vcs_oid key = answer_key("path %s %zu %.*s", vcs_oid_hex(from, hex).p, limit, STR_ARG(path));
    struct file_blob *held = file_cache_find(h->histories, repo_id, &key);
    if (!held) {
        struct buf ids = BUF_INIT(0);
        bool ok = find_path_ids(git, *from, path, limit, &ids, e);
        if (ok) held = file_cache_add(h->histories, repo_id, &key, bytes_of(buf_str(&ids)));
        buf_deinit(&ids);
        if (!ok) return false;
    }
    str ids = file_blob_content(held);
    size_t count = ids.n / sizeof *next;
    *more = count > limit;
    *n = *more ? limit : count;
    if (*more) memcpy(next, ids.p + limit * sizeof *next, sizeof *next);
    bool ok = history_read(git, ids, *n, a, out, e);
    file_blob_release(held);
    return ok;
}

/* ------------------------------------------------------------------ who changed what last */

/* Kept of a commit and a page: a record for each path, in the order of the digests.  A page is known by its first path: entries that
 * are new on it are not in what was kept of an earlier commit, and found anew. */
struct last {
    uint8_t path[16]; /* of its SHA-256 */
    struct vcs_oid commit;
};

struct known {
    struct hub *hub;
    int64_t repo_id;
    struct last *own;       /* of each path, its digest; then its answer */
    struct file_blob *held; /* of the commit that was opened */
};

static struct vcs_oid last_key(const struct vcs_oid *commit, const struct last *first)
{
    uint8_t text[sizeof *commit + sizeof first->path];
    struct vcs_oid key;
    memcpy(text, commit, sizeof *commit);
    memcpy(text + sizeof *commit, first->path, sizeof first->path);
    struct sha256 sum = sha256_of((bytes){ text, sizeof text });
    memcpy(key.b, sum.b, sizeof key.b);
    return key;
}

static int last_order(const void *a, const void *b) { return memcmp(a, b, sizeof((struct last *)0)->path); }

static bool known_open(void *ctx, const struct vcs_oid *commit)
{
    struct known *k = ctx;
    struct vcs_oid key = last_key(commit, k->own);
    file_blob_release(k->held);
    k->held = file_cache_find(k->hub->histories, k->repo_id, &key);
    return k->held != NULL;
}

static bool known_find(void *ctx, size_t path, struct vcs_oid *out)
{
    struct known *k = ctx;
    str kept = file_blob_content(k->held);
    const struct last *found = bsearch(&k->own[path], kept.p, kept.n / sizeof *found, sizeof *found, last_order);
    if (found) *out = found->commit;
    return found != NULL;
}

bool hub_last_commits(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *commit, const str *path, size_t n, struct arena *a,
                      struct vcs_commit *out, struct err *e)
{
    struct known k = { .hub = h, .repo_id = repo_id, .own = arena_alloc(a, (n + 1) * sizeof *k.own) };
    struct vcs_known_last known = { known_open, known_find, &k };
    if (!n) return true;
    for (size_t i = 0; i < n; i++) {
        struct sha256 sum = sha256_of(bytes_of(path[i]));
        memcpy(k.own[i].path, sum.b, sizeof k.own[i].path);
    }
    struct vcs_oid key = last_key(commit, k.own);
    bool ok = vcs_last_commits(git, commit, path, n, &known, out, a, e);
    file_blob_release(k.held);
    if (!ok) return false;
    for (size_t i = 0; i < n; i++) k.own[i].commit = out[i].id;
    qsort(k.own, n, sizeof *k.own, last_order);
    file_cache_drop(h->histories, repo_id, &key); /* may be of a shorter page */
    file_blob_release(file_cache_add(h->histories, repo_id, &key, (bytes){ (const uint8_t *)k.own, n * sizeof *k.own }));
    return true;
}
