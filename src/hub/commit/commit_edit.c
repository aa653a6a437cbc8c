/* hub/commit/commit_edit.c - branches, tags and history without content: every call is one change of one ref,
 * under the repository's lock, with the index behind it. */
#include "hub/commit/commit.h"

#include "hub/community/discussion_priv.h"
#include "hub/hub_priv.h"

/* One writer's stay in a repository. */
struct edit {
    struct hub *h;
    const struct repo *repo;
    const struct identity *who;
    struct repo_lock *lock;
    struct vcs_repo *v;
    struct vcs_person person;
    struct arena *a;
};

static void edit_end(struct edit *x)
{
    vcs_close(x->v);
    arena_free(x->a);
    repo_unlock(x->h, x->lock);
}

static bool edit_begin(struct hub *h, const struct repo *r, const struct identity *who, struct edit *x, struct err *e)
{
    *x = (struct edit){ .h = h, .repo = r, .who = who };
    if (!repo_lock(h, r->id, &x->lock, e)) return false;
    x->a = arena_new(0);
    struct db_conn *c = db_reader(h->db);
    bool ok = hub_person(c, who, &x->person, x->a, e);
    db_give(h->db, c);
    if (ok && hub_repo_open(h, r->id, &x->v, e)) return true;
    edit_end(x);
    return false;
}

static bool move_ref(struct edit *x, str ref, const struct vcs_oid *old, const struct vcs_oid *to, str why, struct err *e)
{
    return hub_set_ref(x->h, x->repo->id, x->v, ref, old, to, why, e) && hub_index(x->h, x->repo->id, x->who, e);
}

static bool ref_find(struct edit *x, str ref, struct vcs_ref *out, bool *found, struct err *e)
{
    return vcs_ref_find(x->v, ref, out, found, x->a, e);
}

/* ------------------------------------------------------------------ branches */

static bool check_branch_name(str name, struct err *e)
{
    struct arena *a = arena_new(0);
    bool ok = ref_name_is_fine(name) && branch_ref(name, a).p;
    arena_free(a);
    return ok || err_set(e, ERR_INVALID, "Invalid reference for a branch: %.*s", STR_ARG(str_to(name, 200)));
}

/* What a new branch points to. */
static bool start_of(struct edit *x, str start, bool empty, struct vcs_oid *out, struct err *e)
{
    struct vcs_revision rev;
    if (empty) {
        struct vcs_commit_request q = { .author = x->person, .committer = hub_server_person(), .message = STR("initial commit") };
        return vcs_commit_create(x->v, &q, out, e);
    }
    if (!hub_resolve(x->h, x->repo->id, x->v, start.n ? start : MAIN_REF, &rev, x->a, e)) return false;
    *out = rev.commit;
    return true;
}

static bool create_branch(struct edit *x, str name, str start, bool empty, bool overwrite, struct err *e)
{
    struct vcs_ref there;
    struct vcs_oid none = { { 0 } }, to;
    bool found = false;
    str ref = branch_ref(name, x->a);
    if (!ref_find(x, ref, &there, &found, e)) return false;
    if (found && !overwrite) return err_set(e, ERR_CONFLICT, "Reference %.*s already exists", STR_ARG(ref));
    if (!start_of(x, start, empty, &to, e)) return false;
    return move_ref(x, ref, found ? &there.target : &none, &to, STR("branch created"), e);
}

bool branch_create(struct hub *h, const struct repo *r, str name, str start, bool empty, bool overwrite,
                   const struct identity *who, struct err *e)
{
    struct edit x;
    if (!check_branch_name(name, e) || !edit_begin(h, r, who, &x, e)) return false;
    bool ok = create_branch(&x, name, start, empty, overwrite, e);
    edit_end(&x);
    return ok;
}

static bool delete_ref(struct edit *x, str ref, str name, struct err *e)
{
    struct vcs_ref there;
    struct vcs_oid none = { { 0 } };
    bool found = false;
    if (!ref.p) return hub_no_revision(name, e);
    if (!ref_find(x, ref, &there, &found, e)) return false;
    if (!found) return hub_no_revision(name, e);
    return move_ref(x, ref, &there.target, &none, STR("deleted"), e);
}

bool branch_delete(struct hub *h, const struct repo *r, str name, const struct identity *who, struct err *e)
{
    struct edit x;
    if (!edit_begin(h, r, who, &x, e)) return false;
    str ref = branch_ref(name, x.a);
    bool ok = str_eq(ref, MAIN_REF)
                  ? err_set(e, ERR_DENIED, "Cannot delete refs/heads/main: it is the default branch")
                  : delete_ref(&x, ref, name, e);
    edit_end(&x);
    return ok;
}

/* ------------------------------------------------------------------ tags */

static str tag_ref(str name, struct arena *a)
{
    str prefix = STR("refs/tags/");
    str ref = str_starts(name, prefix) ? arena_dup(a, name) : arena_fmt(a, "refs/tags/%.*s", STR_ARG(name));
    return name.n && name.n <= 200 && vcs_ref_name_is_valid(ref) ? ref : (str){ 0 };
}

/* The revision is looked at first: clients expect that order of complaints. */
static bool create_tag(struct edit *x, str name, str rev, str message, struct err *e)
{
    struct vcs_revision target;
    struct vcs_ref there;
    struct vcs_oid none = { { 0 } }, to;
    bool found = false;
    if (!hub_resolve(x->h, x->repo->id, x->v, rev, &target, x->a, e)) return false;
    str ref = tag_ref(name, x->a);
    if (!ref.p || !ref_name_is_fine(name))
        return err_set(e, ERR_INVALID, "Invalid reference for a tag: %.*s", STR_ARG(str_to(name, 200)));
    if (!ref_find(x, ref, &there, &found, e)) return false;
    if (found) return err_set(e, ERR_CONFLICT, "Tag reference exists already: %.*s", STR_ARG(ref));
    to = target.commit;
    if (message.n && !vcs_annotated_tag(x->v, str_from(ref, strlen("refs/tags/")), &target.commit, &x->person, message, &to, e)) return false;
    return move_ref(x, ref, &none, &to, STR("tag created"), e);
}

bool tag_create(struct hub *h, const struct repo *r, str name, str rev, str message, const struct identity *who, struct err *e)
{
    struct edit x;
    if (!edit_begin(h, r, who, &x, e)) return false;
    bool ok = create_tag(&x, name, rev, message, e);
    edit_end(&x);
    return ok;
}

bool tag_delete(struct hub *h, const struct repo *r, str name, const struct identity *who, struct err *e)
{
    struct edit x;
    if (!edit_begin(h, r, who, &x, e)) return false;
    bool ok = delete_ref(&x, tag_ref(name, x.a), name, e);
    edit_end(&x);
    return ok;
}

/* ------------------------------------------------------------------ squash */

static bool squash(struct edit *x, str rev, str message, const struct identity *who, struct vcs_oid *out, struct err *e)
{
    struct vcs_revision at;
    struct vcs_ref ref;
    bool found = false;
    if (!hub_resolve(x->h, x->repo->id, x->v, rev, &at, x->a, e)) return false;
    bool is_movable = str_starts(at.ref, STR("refs/heads/")) || str_starts(at.ref, STR("refs/convert/")) || pr_number(at.ref);
    if (!is_movable) return hub_no_revision(rev, e); /* a tag or an id: nothing there that could be squashed */
    if (!ref_find(x, at.ref, &ref, &found, e)) return false;
    if (!found) return hub_no_revision(rev, e);
    if (!message.n) message = arena_fmt(x->a, "Super-squash branch '%.*s'", STR_ARG(rev));
    if (!vcs_squash(x->v, &ref.commit, &x->person, message, out, e)) return false;
    if (!hub_set_ref(x->h, x->repo->id, x->v, at.ref, &ref.target, out, STR("super-squash"), e)) return false;
    return discussion_note_pushes(x->h, x->repo, x->v, who, e) && hub_index(x->h, x->repo->id, who, e);
}

bool super_squash(struct hub *h, const struct repo *r, str rev, str message, const struct identity *who,
                  struct vcs_oid *out, struct err *e)
{
    struct edit x;
    if (message.n > 500) return err_set(e, ERR_INVALID, "The message may have 500 characters");
    if (!edit_begin(h, r, who, &x, e)) return false;
    bool ok = squash(&x, rev, message, who, out, e);
    edit_end(&x);
    return ok;
}
