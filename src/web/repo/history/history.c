/* web/repo/history/history.c - the history of a revision or of one path, one commit with its differences, and two revisions compared. */
#include "api/hub/hub_api.h"
#include "hub/history.h"
#include "web/repo/files/files.h"

enum { COMMITS_SHOWN = 50, PATH_COMMITS_SHOWN = 30, COMPARED_COMMITS_SHOWN = 100 };

static void write_commits(struct page *p, const struct vcs_commit *log, size_t n)
{
    jw_karray(&p->w, "commits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        file_write_commit(&p->w, &log[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* Renames are not followed, but where the path was another before, its history goes on under that name. */
static bool write_beginning(struct page *p, const struct file_place *at, const struct vcs_commit *first, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    str old_path;
    if (!hub_renamed_from(p->c->hub, p->c->repo.id, at->git, first, at->path, p->c->a, &old_path, e)) return false;
    if (!old_path.n) return true;
    jw_kstr(&p->w, "old_path", old_path);
    jw_kstr(&p->w, "old_href", file_href(p->c, "commits", vcs_oid_hex(&first->parent, hex), old_path));
    return true;
}

/* The commits that changed one path; "from" goes on where the last page ended. */
static bool path_commits(struct call *c, struct file_place *at, struct err *e)
{
    struct vcs_commit *log;
    struct vcs_revision from = at->rev;
    struct vcs_entry entry;
    struct vcs_oid next;
    size_t n;
    bool more, found;
    str since = call_query(c, "from");
    if (since.n && !call_revision(c, since, &from, e)) return false;
    if (!hub_path_history(c->hub, c->repo.id, at->git, &from.commit, at->path, PATH_COMMITS_SHOWN, c->a, &log, &n, &next, &more, e)) return false;
    if (n == 0 && !since.n) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no \"%.*s\" in this revision", STR_ARG(str_to(at->path, 200)));
    struct page *p = file_page_new(c, at, STR("History"));
    if (more) {
        char hex[VCS_OID_HEX + 1];
        jw_kstr(&p->w, "next", vcs_oid_hex(&next, hex));
    }
    if (!vcs_entry_find(at->git, &at->rev.commit, at->path, &entry, &found, c->a, e)) return false;
    if (found) jw_kstr(&p->w, "is_a", entry.kind == VCS_DIR ? STR("Folder") : STR("File"));
    if (n && !more && !write_beginning(p, at, &log[n - 1], e)) return false;
    write_commits(p, log, n);
    return page_reply(p, 200, "repo/history/commits.html", e);
}

static bool get_commits(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_commit *log;
    size_t n, total;
    uint64_t page_number = 0;
    if (!file_place_get(c, &at, e)) return false;
    if (at.path.n) return path_commits(c, &at, e);
    str_u64(call_query(c, "p"), &page_number);
    if (page_number > 1000000) return err_set(e, ERR_INVALID, "No history is that long");
    if (!hub_history(c->hub, c->repo.id, at.git, &at.rev.commit, (size_t)page_number * COMMITS_SHOWN, COMMITS_SHOWN, c->a, &log, &n, &total, e)) return false;
    struct page *p = file_page_new(c, &at, STR("History"));
    jw_kint(&p->w, "total", (int64_t)total);
    jw_kint(&p->w, "page_number", (int64_t)page_number);
    jw_kbool(&p->w, "more", (page_number + 1) * COMMITS_SHOWN < total);
    write_commits(p, log, n);
    return file_write_refs(p, e) && page_reply(p, 200, "repo/history/commits.html", e);
}

static bool get_commit(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_commit k;
    struct vcs_repo *git;
    char hex[VCS_OID_HEX + 1];
    bool found;
    if (!call_revision(c, call_param(c, "rev"), &rev, e) || !call_git(c, &git, e) || !vcs_commit_read(git, &rev.commit, &k, &found, c->a, e))
        return false;
    must(found);
    struct page *p = page_new(c, k.title);
    page_write_repo_frame(p, "files");
    file_write_kcommit(&p->w, "commit", &k);
    if (k.parents_count) jw_kstr(&p->w, "parent", vcs_oid_hex(&k.parent, hex));
    jw_kint(&p->w, "parents_count", (int64_t)k.parents_count);
    page_write_diff(p, git, k.parents_count ? &k.parent : NULL, &k.id);
    return page_reply(p, 200, "repo/history/commit.html", e);
}

/* ------------------------------------------------------------------ two revisions */

/* What the form of the page asks for has an address of its own. */
static bool redirect_to_spec(struct call *c, bool *done)
{
    str base = str_trim(call_query(c, "base")), head = str_trim(call_query(c, "head"));
    *done = base.n && head.n;
    if (!*done) return true;
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "/%.*s%.*s/compare/", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name));
    http_encode(&b, base, "");
    buf_lit(&b, "..");
    http_encode(&b, head, "");
    bool ok = page_redirect(c, arena_dup(c->a, buf_str(&b)));
    buf_deinit(&b);
    return ok;
}

static bool compare_page(struct page *p, str spec, struct err *e)
{
    struct call *c = p->c;
    struct vcs_oid base, head;
    struct vcs_repo *git;
    struct vcs_commit *log;
    size_t n, total;
    bool has_base;
    if (!call_compare(c, spec, &base, &has_base, &head, e) || !call_git(c, &git, e)) return false;
    if (has_base) {
        if (!hub_log_between(c->hub, c->repo.id, git, &base, &head, COMPARED_COMMITS_SHOWN, c->a, &log, &n, &total, e)) return false;
        jw_kint(&p->w, "total", (int64_t)total);
        write_commits(p, log, n);
    }
    page_write_diff(p, git, has_base ? &base : NULL, &head);
    return true;
}

static bool get_compare(struct call *c, struct err *e)
{
    struct err why;
    bool done;
    int status = 200;
    str spec = call_param(c, "spec");
    if (!redirect_to_spec(c, &done)) return false;
    if (done) return true;
    struct page *p = page_new(c, STR("Compare"));
    page_write_repo_frame(p, "files");
    size_t dots = str_find(spec, STR(".."));
    jw_kstr(&p->w, "base", dots == STR_NONE ? STR("main") : str_to(spec, dots));
    jw_kstr(&p->w, "head", dots == STR_NONE ? spec : str_from(spec, dots + (str_starts(str_from(spec, dots), STR("...")) ? 3 : 2)));
    if (spec.n && !compare_page(p, spec, &why)) {
        status = api_status_of(&why);
        if (status >= 500) {
            *e = why;
            return false;
        }
        jw_kstr(&p->w, "problem_text", str_c(why.msg));
    }
    return file_write_refs(p, e) && page_reply(p, status, "repo/history/compare.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/commits/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_commits, "page.commits", SHAPE_PAGE },          \
    { HTTP_GET, prefix "/commit/:rev", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_commit, "page.commit", SHAPE_PAGE },          \
    { HTTP_GET, prefix "/compare", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_compare, "page.compare", SHAPE_PAGE },               \
    { HTTP_GET, prefix "/compare/*spec", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_compare, "page.compare", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_history = API_TABLE(rows);
