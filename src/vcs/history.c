/* vcs/history.c - commits made from commits: merges, squashes, tags, history written anew.
 * Nothing here moves a ref; the caller does, by compare-and-swap. */
#include <git2/sys/commit.h>

#include "base/hash.h"
#include "vcs/vcs_priv.h"

/* ------------------------------------------------------------------ merge */

static void conflicts_list(git_index *index, struct arena *a, str **out, size_t *n)
{
    git_index_conflict_iterator *it;
    const git_index_entry *base, *ours, *theirs;
    if (git_index_conflict_iterator_new(&it, index) != 0) return;
    while (git_index_conflict_next(&base, &ours, &theirs, it) == 0) {
        const git_index_entry *one = ours ? ours : theirs ? theirs : base;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = arena_dup(a, str_c(one->path));
    }
    git_index_conflict_iterator_free(it);
}

static bool merge_trees(struct vcs_repo *r, const struct vcs_oid *ours, const struct vcs_oid *theirs,
                        struct vcs_oid *tree, bool *clean, str **conflicts, size_t *conflicts_count, struct arena *a,
                        struct err *e)
{
    git_commit *left = NULL, *right = NULL;
    git_index *index = NULL;
    git_oid id;
    git_merge_options options = GIT_MERGE_OPTIONS_INIT;
    int rc = git_commit_lookup(&left, r->git, oid_git(ours));
    if (rc == 0) rc = git_commit_lookup(&right, r->git, oid_git(theirs));
    if (rc == 0) rc = git_merge_commits(&index, r->git, left, right, &options);
    if (rc == 0) {
        *clean = !git_index_has_conflicts(index);
        if (!*clean) conflicts_list(index, a, conflicts, conflicts_count);
        else if (tree) rc = git_index_write_tree_to(&id, index, r->git);
    }
    bool ok = rc == 0 || vcs_fail(e, rc, "cannot merge");
    if (ok && *clean && tree) *tree = oid_from(&id);
    git_index_free(index);
    git_commit_free(left);
    git_commit_free(right);
    return ok;
}

bool vcs_merge(struct vcs_repo *r, const struct vcs_oid *ours, const struct vcs_oid *theirs,
               const struct vcs_person *who, str message, struct vcs_oid *out, bool *clean, str **conflicts,
               size_t *conflicts_count, struct arena *a, struct err *e)
{
    struct vcs_oid base, tree, parents[2] = { *ours, *theirs };
    bool found;
    *clean = true;
    *conflicts = NULL;
    *conflicts_count = 0;
    if (!vcs_merge_base(r, ours, theirs, &base, &found, e)) return false;
    if (found && (vcs_oid_eq(&base, ours) || vcs_oid_eq(&base, theirs))) {
        if (out) *out = vcs_oid_eq(&base, ours) ? *theirs : *ours; /* fast-forward, or nothing to do */
        return true;
    }
    if (!stage_attach(r, e)) return false; /* before libgit2 writes blobs of merged files; what is not flushed is never on the disk */
    if (!merge_trees(r, ours, theirs, out ? &tree : NULL, clean, conflicts, conflicts_count, a, e)) return false;
    return !*clean || !out || (commit_write(r, &tree, parents, 2, who, who, message, out, e) && stage_flush(r, e));
}

/* ------------------------------------------------------------------ squash, tag */

bool vcs_squash(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_person *who, str message,
                struct vcs_oid *out, struct err *e)
{
    struct vcs_oid tree;
    bool found;
    if (!commit_tree(r, commit, &tree, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "the commit to squash is not in the repository");
    return commit_write(r, &tree, NULL, 0, who, who, message, out, e) && stage_flush(r, e);
}

bool vcs_annotated_tag(struct vcs_repo *r, str name, const struct vcs_oid *target, const struct vcs_person *who,
                       str message, struct vcs_oid *out, struct err *e)
{
    struct arena *a = arena_new(0);
    git_object *o = NULL;
    git_signature *by = NULL;
    git_oid id;
    bool ok = false;
    str full = arena_fmt(a, "refs/tags/%.*s", STR_ARG(name));
    if (!vcs_ref_name_is_valid(full)) {
        err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" is no name that git allows for a tag", STR_ARG(str_to(name, 200)));
        goto done;
    }
    if (message.n && memchr(message.p, 0, message.n)) {
        err_set(e, ERR_UNPROCESSABLE, "the message of the tag contains a NUL byte");
        goto done;
    }
    if (!stage_attach(r, e) || !person_signature(who, &by, e)) goto done;
    str text = arena_fmt(a, "%.*s%s", STR_ARG(message), str_ends(message, STR("\n")) ? "" : "\n");
    int rc = git_object_lookup(&o, r->git, oid_git(target), GIT_OBJECT_ANY);
    if (rc == 0) rc = git_tag_annotation_create(&id, r->git, arena_cstr(a, name), o, by, text.p);
    if (rc != 0) {
        vcs_fail(e, rc, "cannot make the tag %.*s", STR_ARG(str_to(name, 200)));
        goto done;
    }
    *out = oid_from(&id);
    ok = stage_flush(r, e);
done:
    git_object_free(o);
    git_signature_free(by);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ history without some files */

/* Trees are rewritten once per (path, tree): the choice may depend on the path.  The map's key is a hash
 * of both, its value the new tree, or zero where nothing is left. */
struct rewrite {
    struct vcs_repo *repo;
    bool (*drop)(void *ctx, const struct vcs_entry *entry);
    void *ctx;
    struct oidset trees, commits; /* old -> new */
    struct buf path;
};

static struct vcs_oid tree_key(const struct rewrite *w, const struct vcs_oid *tree)
{
    struct vcs_oid key;
    struct hasher *h = hasher_new_sha1();
    hasher_add(h, (bytes){ tree->b, sizeof tree->b });
    hasher_add(h, bytes_of(buf_str(&w->path)));
    hasher_end(h, key.b);
    return key;
}

static bool rewrite_tree(struct rewrite *w, const struct vcs_oid *old, int depth, struct vcs_oid *out, struct err *e);

/* Adds what becomes of one entry to the text of the new tree. */
static bool rewrite_item(struct rewrite *w, const struct tree_item *item, int depth, struct buf *text, bool *changed,
                         struct err *e)
{
    size_t mark = w->path.n;
    struct vcs_oid now = item->oid;
    bool ok = true, keep = true;
    buf_add(&w->path, item->name);
    if (mode_is_dir(item->mode)) {
        buf_byte(&w->path, '/');
        ok = rewrite_tree(w, &item->oid, depth + 1, &now, e);
        keep = !vcs_oid_is_zero(&now);
    } else if (item->mode != 0160000) {
        struct vcs_entry entry;
        ok = entry_fill(w->repo, item, buf_str(&w->path), &entry, e);
        keep = ok && !w->drop(w->ctx, &entry);
    }
    w->path.n = mark;
    if (!keep || !vcs_oid_eq(&now, &item->oid)) *changed = true;
    if (ok && keep) tree_text_add(text, item->mode, item->name, &now);
    return ok;
}

static bool rewrite_tree(struct rewrite *w, const struct vcs_oid *old, int depth, struct vcs_oid *out, struct err *e)
{
    struct vcs_oid key = tree_key(w, old);
    const struct oidset_slot *known = oidset_find(&w->trees, &key);
    if (known) {
        *out = known->value;
        return true;
    }
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    struct tree t;
    struct tree_item item;
    struct buf text = BUF_INIT(0);
    bool more, ok, changed = false;
    if (!tree_open(w->repo, old, &t, e)) return false;
    while ((ok = tree_next(&t, &item, &more, e)) && more)
        if (!(ok = rewrite_item(w, &item, depth, &text, &changed, e))) break;
    tree_close(&t);
    *out = *old;
    if (ok && changed && text.n == 0 && depth > 0) *out = (struct vcs_oid){ { 0 } };
    else if (ok && changed) ok = stage_write(w->repo, GIT_OBJECT_TREE, bytes_of(buf_str(&text)), out, e);
    if (ok) oidset_put(&w->trees, &key, out);
    buf_deinit(&text);
    return ok;
}

/* The same commit with another tree and other parents.  A signature would no longer be true and is left out. */
static bool commit_again(struct rewrite *w, git_commit *c, const struct vcs_oid *tree, struct vcs_oid *out,
                         struct err *e)
{
    unsigned n = git_commit_parentcount(c);
    const git_oid **parents = mem_alloc((n + 1) * sizeof *parents);
    struct vcs_oid id = oid_from(git_commit_id(c)), old_tree = oid_from(git_commit_tree_id(c));
    bool same = vcs_oid_eq(tree, &old_tree);
    for (unsigned i = 0; i < n; i++) {
        const struct oidset_slot *now = oidset_find(&w->commits, (const struct vcs_oid *)git_commit_parent_id(c, i));
        parents[i] = now ? oid_git(&now->value) : git_commit_parent_id(c, i);
        same = same && git_oid_equal(parents[i], git_commit_parent_id(c, i));
    }
    git_oid made;
    int rc = 0;
    if (!same)
        rc = git_commit_create_from_ids(&made, w->repo->git, NULL, git_commit_author(c), git_commit_committer(c),
                                        git_commit_message_encoding(c), git_commit_message_raw(c), oid_git(tree), n,
                                        parents);
    mem_free(parents);
    if (rc != 0) return vcs_fail(e, rc, "cannot write a commit");
    *out = same ? id : oid_from(&made);
    oidset_put(&w->commits, &id, out);
    return true;
}

static bool rewrite_commit(struct rewrite *w, const git_oid *id, struct vcs_oid *out, struct err *e)
{
    git_commit *c;
    struct vcs_oid tree;
    int rc = git_commit_lookup(&c, w->repo->git, id);
    if (rc != 0) return vcs_fail(e, rc, "cannot read a commit");
    struct vcs_oid old = oid_from(git_commit_tree_id(c));
    buf_reset(&w->path);
    bool ok = rewrite_tree(w, &old, 0, &tree, e) && commit_again(w, c, &tree, out, e);
    git_commit_free(c);
    return ok;
}

bool vcs_rewrite_without(struct vcs_repo *r, const struct vcs_oid *tip,
                         bool (*drop)(void *ctx, const struct vcs_entry *entry), void *ctx, struct vcs_oid *out,
                         struct err *e)
{
    struct rewrite w = { .repo = r, .drop = drop, .ctx = ctx };
    git_revwalk *walk = NULL;
    git_oid id;
    if (!stage_attach(r, e)) return false;
    int rc = git_revwalk_new(&walk, r->git);
    if (rc == 0) rc = git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_REVERSE); /* parents first */
    if (rc == 0) rc = git_revwalk_push(walk, oid_git(tip));
    bool ok = true;
    while (ok && rc == 0 && (rc = git_revwalk_next(&id, walk)) == 0)
        ok = rewrite_commit(&w, &id, out, e); /* the tip is last */
    if (ok && rc != GIT_ITEROVER) ok = vcs_fail(e, rc, "cannot walk the history");
    ok = ok && stage_flush(r, e);
    git_revwalk_free(walk);
    oidset_deinit(&w.trees);
    oidset_deinit(&w.commits);
    buf_deinit(&w.path);
    return ok;
}
