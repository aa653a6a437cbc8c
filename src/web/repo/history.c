/* web/repo/history.c - the history of a revision, and one commit with its differences. */
#include "web/repo/files.h"

enum { COMMITS_SHOWN = 50 };

static bool get_commits(struct call *c, struct err *e)
{
    struct file_place at;
    struct vcs_commit *log;
    size_t n, total;
    uint64_t page_number = 0;
    if (!file_place_get(c, &at, e)) return false;
    str_u64(call_query(c, "p"), &page_number);
    if (page_number > 1000000) return err_set(e, ERR_INVALID, "No history is that long");
    if (!vcs_log(at.git, &at.rev.commit, (size_t)page_number * COMMITS_SHOWN, COMMITS_SHOWN, c->a, &log, &n, &total, e)) return false;
    struct page *p = file_page_new(c, &at, STR("History"));
    jw_kint(&p->w, "total", (int64_t)total);
    jw_kint(&p->w, "page_number", (int64_t)page_number);
    jw_kbool(&p->w, "more", (page_number + 1) * COMMITS_SHOWN < total);
    jw_karray(&p->w, "commits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        file_write_commit(&p->w, &log[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "repo/commits.html", e);
}

static bool get_commit(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_commit k;
    struct vcs_repo *git;
    bool found;
    if (!call_revision(c, call_param(c, "rev"), &rev, e) || !call_git(c, &git, e) || !vcs_commit_read(git, &rev.commit, &k, &found, c->a, e))
        return false;
    must(found);
    struct page *p = page_new(c, k.title);
    page_write_repo_frame(p, "files");
    file_write_kcommit(&p->w, "commit", &k);
    page_write_diff(p, git, k.parents_count ? &k.parent : NULL, &k.id);
    return page_reply(p, 200, "repo/commit.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/commits/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_commits, "page.commits", SHAPE_PAGE },          \
    { HTTP_GET, prefix "/commit/:rev", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_commit, "page.commit", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_history = API_TABLE(rows);
