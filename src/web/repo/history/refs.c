/* web/repo/history/refs.c - branches and tags: what there is, made and deleted by forms. */
#include "web/repo/files/files.h"

enum { FORM_BYTES_MAX = 64 << 10, REFS_SHOWN = 500 };

static bool write_ref(struct page *p, struct vcs_repo *git, const struct vcs_ref *ref, const char *prefix, struct err *e)
{
    struct vcs_commit k;
    bool found = false;
    if (!vcs_oid_is_zero(&ref->commit) && !vcs_commit_read(git, &ref->commit, &k, &found, p->c->a, e)) return false;
    jw_object(&p->w);
    jw_kstr(&p->w, "name", str_from(ref->name, strlen(prefix)));
    if (found) file_write_kcommit(&p->w, "last", &k);
    jw_object_end(&p->w);
    return true;
}

static bool write_list(struct page *p, const char *key, const char *prefix, struct vcs_repo *git, const struct vcs_ref *ref, size_t n, struct err *e)
{
    size_t all = 0;
    jw_karray(&p->w, key);
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(ref[i].name, str_c(prefix))) continue;
        if (all++ < REFS_SHOWN && !write_ref(p, git, &ref[i], prefix, e)) return false;
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, arena_fmt(p->c->a, "%s_all", key).p, (int64_t)all);
    return true;
}

static bool refs_page(struct call *c, int status, str problem, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_ref *ref;
    struct err ignored;
    size_t n;
    if (!call_git(c, &git, e) || !hub_refs(call_db(c), c->repo.id, c->a, &ref, &n, e)) return false;
    struct page *p = page_new(c, STR("Branches and tags"));
    page_write_repo_frame(p, "files");
    jw_kbool(&p->w, "may_write", c->who.user_id && call_allow(c, &c->repo, REPO_WRITE, &ignored));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "kind", "name", "start", "message");
    return write_list(p, "branches", "refs/heads/", git, ref, n, e) && write_list(p, "tags", "refs/tags/", git, ref, n, e) &&
           page_reply(p, status, "repo/history/refs.html", e);
}

static bool get_refs(struct call *c, struct err *e) { return refs_page(c, 200, STR(""), e); }

static bool finish(struct call *c, bool ok, const struct err *why, struct err *e)
{
    if (ok) return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s/branches", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name)));
    int status = api_status_of(why);
    if (status < 500) return refs_page(c, status, str_c(why->msg), e);
    *e = *why;
    return false;
}

static bool post_create(struct call *c, struct err *e)
{
    struct err why = { 0 };
    str name = page_field(c, "name"), start = page_field(c, "start"), message = page_field(c, "message");
    if (!start.n) start = STR("main");
    bool ok = str_eq(page_field(c, "kind"), STR("tag"))
                  ? tag_create(c->hub, &c->repo, name, start, message.p ? message : STR(""), &c->who, &why)
                  : branch_create(c->hub, &c->repo, name, start, false, false, &c->who, &why);
    return finish(c, ok, &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct err why = { 0 };
    str name = page_field(c, "name");
    bool ok = str_eq(page_field(c, "kind"), STR("tag")) ? tag_delete(c->hub, &c->repo, name, &c->who, &why)
                                                        : page_confirm(c, name, &why) && branch_delete(c->hub, &c->repo, name, &c->who, &why);
    bool is_gone = !ok && why.code == ERR_NOT_FOUND; /* by this form, sent before, or by somebody else: the list shows it */
    return finish(c, ok || is_gone, &why, e);
}

#define ROWS_OF(prefix)                                                                                                                    \
    { HTTP_GET, prefix "/branches", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_refs, "page.refs", SHAPE_PAGE },                             \
    { HTTP_POST, prefix "/branches", PERM_REPO_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_create, "page.ref.create", SHAPE_PAGE },   \
    { HTTP_POST, prefix "/branches/delete", PERM_REPO_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_delete, "page.ref.delete", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_refs = API_TABLE(rows);
