/* vcs/blobs.c - every file that new commits bring, and every file that there is.
 *
 * New means: in a commit that no ref of the repository leads to, and different from what every parent of
 * that commit has at the path.  Folders that some parent has unchanged are not entered, so a push costs
 * what it changes.  A commit may claim more entries than it has bytes (folders that contain each other's
 * ids many times over); ENTRIES_MAX ends such a walk.  So may a push of many commits: what each makes us look at is added up, and
 * VCS_WORK_MAX ends that. */
#include "vcs/vcs_priv.h"

enum { ENTRIES_MAX = 1000000, PARENTS_MAX = 64 };
enum { WORK_ITEM_BYTES = 32, WORK_CHANGE = 32, WORK_COMMIT = 64 }; /* 1 is an entry of one version of a folder, read and passed by */

/* ------------------------------------------------------------------ new ones */

struct news {
    struct vcs_repo *repo;
    const struct vcs_commit *commit;
    size_t tip;            /* that leads to the commit */
    struct oidset tip_of;  /* the commits that were met so far */
    bool (*fn)(void *ctx, size_t tip, const struct vcs_commit *c, const struct vcs_entry *entry, struct err *e);
    void *ctx;
    struct buf path;
    size_t entries;
    uint64_t *work;
};

static bool add_work(struct news *s, uint64_t n, struct err *e)
{
    *s->work += n;
    return *s->work <= VCS_WORK_MAX ||
           err_set(e, ERR_TOO_LARGE, "the commits of this push change, or pass by, too many files and folders in all: push them in parts, the oldest first");
}

/* One version of a folder, read in step with the others: `item` is the first entry not before the one
 * that is looked for. */
struct lane {
    struct tree tree;
    struct tree_item item;
    bool more;
};

static bool lane_seek(struct lane *l, const struct tree_item *to, bool *same_name, struct err *e)
{
    int c = -1;
    while (l->more && (c = tree_order(l->item.name, mode_is_dir(l->item.mode), to->name, mode_is_dir(to->mode))) < 0)
        if (!tree_next(&l->tree, &l->item, &l->more, e)) return false;
    *same_name = l->more && c == 0;
    return true;
}

static bool news_folder(struct news *s, const struct vcs_oid *tree, const struct vcs_oid *parent, size_t parents_count,
                        int depth, struct err *e);

static bool news_item(struct news *s, const struct tree_item *item, struct lane *lane, size_t n, int depth,
                      struct err *e)
{
    struct vcs_oid below[PARENTS_MAX];
    size_t below_count = 0, mark = s->path.n;
    for (size_t i = 0; i < n; i++) {
        bool same_name;
        if (!lane_seek(&lane[i], item, &same_name, e)) return false;
        if (!same_name) continue;
        if (lane[i].item.mode == item->mode && vcs_oid_eq(&lane[i].item.oid, &item->oid)) return true; /* as it was */
        if (mode_is_dir(item->mode)) below[below_count++] = lane[i].item.oid;
    }
    if (++s->entries > ENTRIES_MAX)
        return err_set(e, ERR_TOO_LARGE, "one commit changes more than %d files and folders", ENTRIES_MAX);
    if (!add_work(s, WORK_CHANGE, e)) return false;
    buf_add(&s->path, item->name);
    struct vcs_entry entry;
    bool ok;
    if (mode_is_dir(item->mode)) {
        buf_byte(&s->path, '/');
        ok = news_folder(s, &item->oid, below, below_count, depth + 1, e);
    } else {
        ok = entry_fill(s->repo, item, buf_str(&s->path), &entry, e) && s->fn(s->ctx, s->tip, s->commit, &entry, e);
    }
    s->path.n = mark;
    return ok;
}

static bool open_folder(struct news *s, const struct vcs_oid *id, struct tree *out, struct err *e)
{
    return tree_open(s->repo, id, out, e) && add_work(s, 1 + out->rest.n / WORK_ITEM_BYTES, e);
}

static bool news_folder(struct news *s, const struct vcs_oid *tree, const struct vcs_oid *parent, size_t parents_count,
                        int depth, struct err *e)
{
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    struct lane *lane = mem_alloc((parents_count + 1) * sizeof *lane);
    struct lane mine = { 0 };
    bool ok = open_folder(s, tree, &mine.tree, e);
    for (size_t i = 0; ok && i < parents_count; i++)
        ok = open_folder(s, &parent[i], &lane[i].tree, e) &&
             tree_next(&lane[i].tree, &lane[i].item, &lane[i].more, e);
    while (ok && (ok = tree_next(&mine.tree, &mine.item, &mine.more, e)) && mine.more)
        ok = news_item(s, &mine.item, lane, parents_count, depth, e);
    for (size_t i = 0; i < parents_count; i++) tree_close(&lane[i].tree);
    tree_close(&mine.tree);
    mem_free(lane);
    return ok;
}

static void lead(struct news *s, const struct vcs_oid *commit, size_t tip)
{
    if (!oidset_find(&s->tip_of, commit)) oidset_put_index(&s->tip_of, commit, tip);
}

static bool news_commit(struct news *s, const struct vcs_oid *id, struct err *e)
{
    struct arena *a = arena_new(0);
    struct vcs_commit c;
    struct vcs_oid parent[PARENTS_MAX];
    size_t n = 0;
    bool found, ok = false;
    git_commit *raw = NULL;
    if (!meta_check(s->repo, id, e)) goto done;
    int rc = git_commit_lookup(&raw, s->repo->git, oid_git(id));
    if (rc != 0) {
        vcs_fail(e, rc, "cannot read a new commit");
        goto done;
    }
    if (!commit_fill(raw, &c, a)) {
        err_set(e, ERR_INVALID, "a commit names neither author nor committer");
        goto done;
    }
    if (c.parents_count > PARENTS_MAX) {
        err_set(e, ERR_TOO_LARGE, "a commit has %zu parents; at most %d are read", c.parents_count, PARENTS_MAX);
        goto done;
    }
    s->tip = oidset_find(&s->tip_of, id)->index;
    for (unsigned i = 0; i < c.parents_count; i++) {
        struct vcs_oid p = oid_from(git_commit_parent_id(raw, i));
        lead(s, &p, s->tip);
    }
    for (unsigned i = 0; i < c.parents_count; i++) {
        struct vcs_oid p = oid_from(git_commit_parent_id(raw, i));
        if (!commit_tree(s->repo, &p, &parent[n], &found, e)) goto done;
        if (found && vcs_oid_eq(&parent[n], &c.tree)) {
            ok = true; /* changes nothing */
            goto done;
        }
        n += found;
    }
    s->commit = &c;
    s->entries = 0;
    ok = news_folder(s, &c.tree, parent, n, 0, e);
done:
    git_commit_free(raw);
    arena_free(a);
    return ok;
}

bool vcs_new_blobs(struct vcs_repo *r, const struct vcs_oid *tip, size_t n, uint64_t *work,
                   bool (*fn)(void *ctx, size_t tip, const struct vcs_commit *c, const struct vcs_entry *entry, struct err *e),
                   void *ctx, struct err *e)
{
    struct news s = { .repo = r, .fn = fn, .ctx = ctx, .work = work };
    struct arena *a = arena_new(0);
    struct vcs_ref *ref;
    size_t refs_count;
    git_revwalk *walk = NULL;
    git_oid id;
    bool ok = vcs_refs(r, a, &ref, &refs_count, e);
    int rc = git_revwalk_new(&walk, r->git);
    if (rc == 0) rc = git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL); /* children first: they tell parents their tip */
    for (size_t i = 0; rc == 0 && i < n; i++) {
        lead(&s, &tip[i], i);
        rc = git_revwalk_push(walk, oid_git(&tip[i]));
    }
    for (size_t i = 0; ok && rc == 0 && i < refs_count; i++)
        if (!vcs_oid_is_zero(&ref[i].commit)) rc = git_revwalk_hide(walk, oid_git(&ref[i].commit));
    while (ok && rc == 0 && (rc = git_revwalk_next(&id, walk)) == 0) {
        struct vcs_oid commit = oid_from(&id);
        ok = add_work(&s, WORK_COMMIT, e) && news_commit(&s, &commit, e);
    }
    if (ok && rc == GIT_ENOTFOUND) {
        git_error_clear();
        ok = err_set(e, ERR_INVALID, "a commit names another one that is neither in the push nor in the repository");
    } else if (ok && rc != GIT_ITEROVER) {
        ok = vcs_fail(e, rc, "cannot walk the new history");
    }
    git_revwalk_free(walk);
    oidset_deinit(&s.tip_of);
    buf_deinit(&s.path);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ wide folders */

struct widths {
    struct vcs_repo *repo;
    size_t max;
    bool (*enters)(void *ctx, str path);
    void (*found)(void *ctx, str path);
    void *ctx;
    struct buf path;
};

static bool width_of(struct widths *w, const struct vcs_oid *id, int depth, struct err *e)
{
    struct tree t;
    struct tree_item item;
    bool more, ok;
    size_t n = 0, mark = w->path.n;
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    if (!tree_open(w->repo, id, &t, e)) return false;
    while ((ok = tree_next(&t, &item, &more, e)) && more) {
        n++;
        if (!mode_is_dir(item.mode)) continue;
        if (mark > 0) buf_byte(&w->path, '/');
        buf_add(&w->path, item.name);
        if (w->enters(w->ctx, buf_str(&w->path))) ok = width_of(w, &item.oid, depth + 1, e);
        w->path.n = mark;
        if (!ok) break;
    }
    tree_close(&t);
    if (ok && n > w->max) w->found(w->ctx, buf_str(&w->path));
    return ok;
}

bool vcs_wide_folders(struct vcs_repo *r, const struct vcs_oid *commit, size_t max, bool (*enters)(void *ctx, str path),
                      void (*found)(void *ctx, str path), void *ctx, struct err *e)
{
    struct widths w = { .repo = r, .max = max, .enters = enters, .found = found, .ctx = ctx };
    struct vcs_oid tree;
    bool there;
    bool ok = commit_tree(r, commit, &tree, &there, e) && (!there || width_of(&w, &tree, 0, e));
    buf_deinit(&w.path);
    return ok;
}

/* ------------------------------------------------------------------ all of them */

struct census {
    struct vcs_repo *repo;
    struct oidset seen; /* trees and blobs */
    bool (*fn)(void *ctx, const struct vcs_entry *entry);
    void *ctx;
    struct buf path;
    bool stopped;
};

static bool census_tree(struct census *s, const struct vcs_oid *id, int depth, struct err *e)
{
    struct tree t;
    struct tree_item item;
    bool more, ok;
    if (!oidset_add(&s->seen, id)) return true;
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    if (!tree_open(s->repo, id, &t, e)) return false;
    while ((ok = tree_next(&t, &item, &more, e)) && more && !s->stopped) {
        size_t mark = s->path.n;
        struct vcs_entry entry;
        buf_add(&s->path, item.name);
        if (mode_is_dir(item.mode)) {
            buf_byte(&s->path, '/');
            ok = census_tree(s, &item.oid, depth + 1, e);
        } else if (item.mode != 0160000 && oidset_add(&s->seen, &item.oid)) {
            ok = entry_fill(s->repo, &item, buf_str(&s->path), &entry, e);
            if (ok && !s->fn(s->ctx, &entry)) s->stopped = true;
        }
        s->path.n = mark;
        if (!ok) break;
    }
    tree_close(&t);
    return ok;
}

/* Tags of trees and blobs are legal, if rare: what they name must not be lost to a collection. */
static bool census_target(struct census *s, const struct vcs_ref *ref, struct err *e)
{
    git_object *o, *peeled;
    int rc = git_object_lookup(&o, s->repo->git, oid_git(&ref->target), GIT_OBJECT_ANY);
    if (rc != 0) return vcs_fail(e, rc, "cannot read %.*s", STR_ARG(ref->name));
    rc = git_object_peel(&peeled, o, GIT_OBJECT_ANY);
    if (git_object_type(o) != GIT_OBJECT_TAG || rc != 0) {
        if (rc == 0) git_object_free(peeled);
        git_error_clear();
        peeled = o;
    } else {
        git_object_free(o);
    }
    struct tree_item item = { .oid = oid_from(git_object_id(peeled)), .mode = 0100644 };
    git_object_t type = git_object_type(peeled);
    git_object_free(peeled);
    struct vcs_entry entry;
    if (type == GIT_OBJECT_TREE) return census_tree(s, &item.oid, 0, e);
    if (type != GIT_OBJECT_BLOB || !oidset_add(&s->seen, &item.oid)) return true;
    if (!entry_fill(s->repo, &item, ref->name, &entry, e)) return false;
    if (!s->fn(s->ctx, &entry)) s->stopped = true;
    return true;
}

bool vcs_all_blobs(struct vcs_repo *r, bool (*fn)(void *ctx, const struct vcs_entry *entry), void *ctx, struct err *e)
{
    struct census s = { .repo = r, .fn = fn, .ctx = ctx };
    struct arena *a = arena_new(0);
    struct vcs_ref *ref;
    size_t n;
    git_revwalk *walk = NULL;
    git_oid id;
    bool found;
    bool ok = vcs_refs(r, a, &ref, &n, e);
    int rc = git_revwalk_new(&walk, r->git);
    for (size_t i = 0; ok && rc == 0 && i < n; i++) {
        if (vcs_oid_is_zero(&ref[i].commit)) ok = census_target(&s, &ref[i], e);
        else rc = git_revwalk_push(walk, oid_git(&ref[i].commit));
    }
    while (ok && rc == 0 && !s.stopped && (rc = git_revwalk_next(&id, walk)) == 0) {
        struct vcs_oid commit = oid_from(&id), tree;
        ok = commit_tree(r, &commit, &tree, &found, e) && (!found || census_tree(&s, &tree, 0, e));
    }
    if (ok && rc != 0 && rc != GIT_ITEROVER) ok = vcs_fail(e, rc, "cannot walk the history");
    git_revwalk_free(walk);
    oidset_deinit(&s.seen);
    buf_deinit(&s.path);
    arena_free(a);
    return ok;
}
