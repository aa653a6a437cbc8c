/* vcs/reach.c - which objects lead from a ref.
 *
 * Git's own server serves objects that are stored and that no ref leads to any more (want.c); here
 * an id gives no right to hidden history.  A wanted commit is looked for among the ancestors of the tips;
 * wanted trees and blobs (a partial clone fetches them one by one) among the trees of those commits,
 * newest first, each tree once.  What is asked for lies mostly in the newest commit.  Ids that are not
 * stored end the search before it starts, so only someone who knows the id of a hidden object can make
 * it walk everything, and then TREES_MAX bounds the walk. */
#include "vcs/pack_priv.h"
#include "vcs/vcs_priv.h"

enum { TREES_MAX = 2000000 };

struct search {
    struct vcs_repo *repo;
    struct oidset wanted; /* index: 0 not yet found, 1 found */
    struct oidset seen;   /* trees */
    size_t left, left_in_trees;
};

static void found(struct search *s, const struct vcs_oid *id)
{
    struct oidset_slot *slot = oidset_find(&s->wanted, id);
    if (!slot || slot->index) return;
    slot->index = 1;
    s->left--;
}

static bool found_in_tree(struct search *s, const struct vcs_oid *id)
{
    size_t before = s->left;
    found(s, id);
    if (s->left < before) s->left_in_trees--;
    return s->left_in_trees == 0;
}

static bool search_tree(struct search *s, const struct vcs_oid *id, int depth, struct err *e)
{
    struct tree t;
    struct tree_item item;
    bool more, ok;
    if (s->left_in_trees == 0 || !oidset_add(&s->seen, id)) return true;
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    if (s->seen.count > TREES_MAX) return err_set(e, ERR_BUSY, "the history is too large to look for this object");
    if (found_in_tree(s, id)) return true;
    if (!tree_open(s->repo, id, &t, e)) return false;
    while ((ok = tree_next(&t, &item, &more, e)) && more) {
        if (item.mode == 0160000) continue;
        if (mode_is_dir(item.mode)) ok = search_tree(s, &item.oid, depth + 1, e);
        else found_in_tree(s, &item.oid);
        if (!ok || s->left_in_trees == 0) break;
    }
    tree_close(&t);
    return ok;
}

static bool is_hidden(str name, const str *hidden, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str prefix = hidden[i];
        if (str_ends(prefix, STR("/"))) prefix.n--;
        if (str_starts(name, prefix) && (name.n == prefix.n || name.p[prefix.n] == '/')) return true;
    }
    return false;
}

/* A ref names its target and, through tags of tags, everything on the way to what they tag. */
static bool tip_add(struct search *s, git_revwalk *walk, const struct vcs_ref *ref, struct err *e)
{
    git_object *o, *next = NULL;
    found(s, &ref->target);
    if (!vcs_oid_is_zero(&ref->commit)) {
        int rc = git_revwalk_push(walk, oid_git(&ref->commit));
        if (rc != 0) return vcs_fail(e, rc, "cannot walk the history");
    }
    if (vcs_oid_eq(&ref->target, &ref->commit)) return true;
    int rc = git_object_lookup(&o, s->repo->git, oid_git(&ref->target), GIT_OBJECT_ANY);
    if (rc != 0) return vcs_fail(e, rc, "cannot read a ref");
    while (git_object_type(o) == GIT_OBJECT_TAG && git_tag_target(&next, (git_tag *)o) == 0) {
        git_object_free(o);
        o = next;
        struct vcs_oid id = oid_from(git_object_id(o));
        found(s, &id);
    }
    git_error_clear();
    struct vcs_oid id = oid_from(git_object_id(o));
    bool ok = git_object_type(o) != GIT_OBJECT_TREE || search_tree(s, &id, 0, e);
    git_object_free(o);
    return ok;
}

static bool search_history(struct search *s, git_revwalk *walk, struct err *e)
{
    git_oid id;
    int rc = 0;
    bool there, ok = true;
    while (ok && s->left > 0 && (rc = git_revwalk_next(&id, walk)) == 0) {
        struct vcs_oid commit = oid_from(&id), tree;
        found(s, &commit);
        if (s->left_in_trees == 0) continue;
        ok = commit_tree(s->repo, &commit, &tree, &there, e) && (!there || search_tree(s, &tree, 0, e));
    }
    if (ok && rc != 0 && rc != GIT_ITEROVER) return vcs_fail(e, rc, "cannot walk the history");
    return ok;
}

size_t reach_stored(struct vcs_repo *r, struct vcs_oid *id, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (git_odb_exists(r->odb, oid_git(&id[i]))) id[kept++] = id[i];
    return kept;
}

bool reach_all(struct vcs_repo *r, const str *hidden, size_t hidden_count, const struct vcs_oid *wanted, size_t n,
               bool *all, struct err *e)
{
    struct search s = { .repo = r };
    struct arena *a = arena_new(0);
    struct vcs_ref *ref;
    size_t refs_count;
    git_revwalk *walk = NULL;
    bool ok = false;
    *all = true;
    for (size_t i = 0; i < n; i++) {
        size_t size;
        git_object_t type;
        if (git_odb_read_header(&size, &type, r->odb, oid_git(&wanted[i])) != 0) {
            git_error_clear();
            *all = false;
            ok = true;
            goto done;
        }
        if (!oidset_add(&s.wanted, &wanted[i])) continue;
        oidset_find(&s.wanted, &wanted[i])->index = 0;
        s.left++;
        if (type == GIT_OBJECT_TREE || type == GIT_OBJECT_BLOB) s.left_in_trees++;
    }
    int rc = git_revwalk_new(&walk, r->git);
    if (rc == 0) rc = git_revwalk_sorting(walk, GIT_SORT_TIME);
    if (rc != 0) {
        vcs_fail(e, rc, "cannot walk the history");
        goto done;
    }
    if (!vcs_refs(r, a, &ref, &refs_count, e)) goto done;
    for (size_t i = 0; i < refs_count; i++)
        if (!is_hidden(ref[i].name, hidden, hidden_count) && !tip_add(&s, walk, &ref[i], e)) goto done;
    ok = search_history(&s, walk, e);
    *all = s.left == 0;
done:
    git_revwalk_free(walk);
    oidset_deinit(&s.wanted);
    oidset_deinit(&s.seen);
    arena_free(a);
    return ok;
}
