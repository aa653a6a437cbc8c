/* web/repo/change/change.c - a commit or a pull request that a form asks for, and what has changed since the form was shown.
 *
 * A form carries the commit that the person was looking at.  Others may commit meanwhile: as long as the paths in question are
 * the same at the head, the change goes on top of it; otherwise the person is shown what happened, and decides.  Unless it was the same
 * form, sent again because its answer was lost: commit_finish knows it. */
#include "web/repo/change/change.h"

void change_read(struct call *c, str summary_otherwise, struct change *out)
{
    str summary = page_field(c, "summary"), description = page_field(c, "description"), parent = page_field(c, "parent");
    *out = (struct change){ .summary = summary.n ? summary : summary_otherwise,
                            .description = description.p ? description : STR(""),
                            .parent = parent.p ? parent : STR(""),
                            .creates_pr = str_eq(page_field(c, "target"), STR("pr")) };
}

bool change_entry(struct call *c, const struct change *change, struct file_place *at, struct vcs_entry *entry, bool *is_gone, struct err *e)
{
    struct vcs_revision since;
    struct err ignored;
    *is_gone = false;
    if (file_place_entry(c, at, entry, e)) return true;
    bool may_be_gone = e->kind && str_eq(str_c(e->kind), STR(HUB_NO_ENTRY)) && at->path.n && change->parent.n;
    if (!may_be_gone || !call_revision(c, change->parent, &since, &ignored) ||
        !vcs_entry_find(at->git, &since.commit, at->path, entry, is_gone, c->a, &ignored) || !*is_gone)
        return false;
    at->rev.commit = since.commit;
    return true;
}

/* Is each path the same in both commits? */
static bool is_untouched(struct call *c, const struct file_place *at, const struct vcs_oid *since, const str *paths, size_t n,
                         bool *yes, struct err *e)
{
    *yes = true;
    for (size_t i = 0; i < n && *yes; i++) {
        struct vcs_entry then, now;
        bool was, is;
        if (!vcs_entry_find(at->git, since, paths[i], &then, &was, c->a, e) ||
            !vcs_entry_find(at->git, &at->rev.commit, paths[i], &now, &is, c->a, e))
            return false;
        *yes = was == is && (!was || (then.kind == now.kind && vcs_oid_eq(&then.oid, &now.oid)));
    }
    return true;
}

bool change_is_stale(const struct file_place *at, const struct change *change)
{
    char hex[VCS_OID_HEX + 1];
    return change->parent.n && !str_eq(change->parent, vcs_oid_hex(&at->rev.commit, hex));
}

static bool settle(struct call *c, const struct file_place *at, struct change *change, const str *paths, size_t n, struct err *e)
{
    struct vcs_revision since;
    bool untouched;
    char hex[VCS_OID_HEX + 1];
    if (change->creates_pr || !change_is_stale(at, change)) return true;
    if (!call_revision(c, change->parent, &since, e) || !is_untouched(c, at, &since.commit, paths, n, &untouched, e)) return false;
    if (untouched) change->parent = arena_dup(c->a, vcs_oid_hex(&at->rev.commit, hex));
    return true;
}

bool change_begin(struct call *c, const struct file_place *at, struct change *change, const str *paths, size_t n,
                  struct commit **out, struct err *e)
{
    if (!at->branch.p) return err_set(e, ERR_INVALID, "Changes go to a branch, and %.*s is none", STR_ARG(str_to(at->rev_text, 200)));
    if (change->creates_pr && c->repo.discussions_disabled)
        return err_set(e, ERR_DENIED, "Discussions and pull requests are disabled for this repository");
    if (!settle(c, at, change, paths, n, e)) return false;
    if (!commit_begin(c->hub, &c->repo, &c->who, at->branch, change->creates_pr, out, e)) return false;
    if (commit_header(*out, change->summary, change->description, change->parent, e)) return true;
    commit_abort(*out);
    return false;
}

bool change_end(struct call *c, struct change *change, struct commit *k, str then, struct err *e)
{
    struct commit_result done;
    if (!commit_finish(k, &done, c->a, e)) {
        change->is_conflict = e->code == ERR_PRECONDITION;
        return change->is_conflict ? err_set(e, ERR_CONFLICT, "Somebody changed this while you were at it; nothing of yours was committed yet") : false;
    }
    if (done.pull_request)
        then = arena_fmt(c->a, "/%.*s%.*s/discussions/%lld", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name),
                         (long long)done.pull_request);
    return page_redirect(c, then);
}

void change_write(struct page *p, const struct file_place *at, const struct change *change)
{
    char hex[VCS_OID_HEX + 1];
    vcs_oid_hex(&at->rev.commit, hex);
    jw_kobject(&p->w, "change");
    jw_kstr(&p->w, "summary", change->summary);
    jw_kstr(&p->w, "description", change->description);
    jw_kstr(&p->w, "target", change->creates_pr ? STR("pr") : STR("branch"));
    jw_kstr(&p->w, "parent", str_c(hex));
    jw_kbool(&p->w, "is_conflict", change->is_conflict);
    jw_object_end(&p->w);
}
