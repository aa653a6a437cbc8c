/* web/community/discussion.c - discussions and pull requests of a repository: the list, one of them, and what is said. */
#include "hub/community/discussion.h"

#include "hub/repo.h"
#include "hub/text/markdown.h"
#include "web/frame/page.h"

enum { PAGE = 30, TITLE_MIN = 3, TITLE_MAX = 200, TEXT_MAX = 65536, FORM_BYTES_MAX = 256 << 10, DIFF_BYTES_MAX = 1 << 20 };

static void write_head(struct json_writer *w, const struct discussion *d)
{
    jw_kint(w, "num", d->num);
    jw_kstr(w, "title", d->title);
    jw_kstr(w, "status", d->status);
    jw_kbool(w, "is_pull_request", d->is_pull_request);
    jw_kbool(w, "is_pinned", d->is_pinned);
    jw_kstr(w, "author", d->author.p ? d->author : STR("somebody who left"));
    jw_kint(w, "at_ms", d->created_ms);
    jw_kint(w, "comments", d->comments_count);
}

static bool find(struct call *c, struct discussion *out, struct err *e)
{
    uint64_t num;
    bool found = false;
    if (str_u64(call_param(c, "num"), &num) && num <= INT32_MAX &&
        !discussion_find(call_db(c), c->repo.id, (int64_t)num, out, &found, c->a, e))
        return false;
    return found || err_set(e, ERR_NOT_FOUND, "There is no discussion %.*s here", STR_ARG(str_to(call_param(c, "num"), 20)));
}

static bool to_discussion(struct call *c, int64_t num)
{
    return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s/discussions/%lld", STR_ARG(repo_web_prefix(c->repo.kind)),
                                      STR_ARG(c->repo.full_name), (long long)num));
}

/* ------------------------------------------------------------------ the list */

static bool get_list(struct call *c, struct err *e)
{
    struct discussion_query q = { .is_pull_request = -1, .limit = PAGE };
    struct discussion *d;
    size_t n, count, closed;
    uint64_t page_number = 0;
    str status = call_query(c, "status");
    if (str_u64(call_query(c, "p"), &page_number) && page_number > 1000000) return err_set(e, ERR_INVALID, "No list is that long");
    q.status = str_eq(status, STR("closed")) ? STR("closed") : STR("open");
    q.skip = (size_t)page_number * PAGE;
    if (!discussion_list(call_db(c), c->repo.id, &q, c->a, &d, &n, &count, &closed, e)) return false;
    struct page *p = page_new(c, STR("Discussions"));
    page_write_repo_frame(p, "community");
    jw_kstr(&p->w, "status", q.status);
    jw_kint(&p->w, "closed_count", (int64_t)closed);
    jw_kint(&p->w, "page_number", (int64_t)page_number);
    jw_kbool(&p->w, "more", n == PAGE);
    jw_karray(&p->w, "list");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        write_head(&p->w, &d[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "community/discussions.html", e);
}

/* ------------------------------------------------------------------ one of them */

/* A comment as HTML; what cannot be shown so is shown as text by the template. */
static void write_comment(struct page *p, const struct json *data)
{
    struct clean_base base = { .folder = STR("") };
    struct buf html = BUF_INIT(4 << 20);
    struct err why;
    str raw = json_str_or(json_get(data, STR("latest")), STR("raw"), STR(""));
    bool hidden = json_bool_or(data, STR("hidden"), false);
    jw_kbool(&p->w, "is_hidden", hidden);
    if (!hidden && markdown_html(raw, &base, &html, &why)) jw_kstr(&p->w, "html", buf_str(&html));
    else if (!hidden) jw_kstr(&p->w, "text", raw);
    buf_deinit(&html);
}

static bool write_events(struct page *p, const struct discussion *d, struct err *e)
{
    struct discussion_event *ev;
    size_t n;
    if (!discussion_events(call_db(p->c), d->id, p->c->a, &ev, &n, e)) return false;
    jw_karray(&p->w, "events");
    for (size_t i = 0; i < n; i++) {
        struct json *data;
        if (!json_parse(ev[i].data, p->c->a, &data, e)) return false;
        jw_object(&p->w);
        jw_kstr(&p->w, "id", ev[i].hex_id);
        jw_kstr(&p->w, "type", ev[i].type);
        jw_kstr(&p->w, "author", ev[i].author.p ? ev[i].author : STR("somebody who left"));
        jw_kint(&p->w, "at_ms", ev[i].created_ms);
        if (str_eq(ev[i].type, STR("comment"))) write_comment(p, data);
        else jw_kvalue(&p->w, "data", data);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool write_changes(struct page *p, const struct discussion *d, struct err *e)
{
    struct call *c = p->c;
    struct vcs_repo *git;
    struct vcs_ref base, head;
    bool has_base, has_head, found, is_live = str_eq(d->status, STR("open")) || str_eq(d->status, STR("draft"));
    str *path, ref = arena_fmt(c->a, "refs/pr/%lld", (long long)d->num);
    size_t n = 0;
    if (!call_git(c, &git, e) || !vcs_ref_find(git, d->base_ref, &base, &has_base, c->a, e) ||
        !vcs_ref_find(git, ref, &head, &has_head, c->a, e))
        return false;
    if (is_live && !discussion_conflicts(c->hub, &c->repo, d, c->a, &path, &n, e)) return false;
    jw_karray(&p->w, "conflicts");
    for (size_t i = 0; i < n; i++) jw_str(&p->w, path[i]);
    jw_array_end(&p->w);
    if (!has_base || !has_head) return true;
    struct vcs_oid from = base.commit;
    if (!vcs_merge_base(git, &base.commit, &head.commit, &from, &found, e)) return false;
    page_write_diff(p, git, &from, &head.commit);
    return true;
}

static bool get_one(struct call *c, struct err *e)
{
    struct discussion d;
    struct err ignored;
    if (!find(c, &d, e)) return false;
    struct page *p = page_new(c, d.title);
    page_write_repo_frame(p, "community");
    jw_kobject(&p->w, "discussion");
    write_head(&p->w, &d);
    jw_object_end(&p->w);
    bool may_write = c->who.user_id && call_allow(c, &c->repo, REPO_WRITE, &ignored);
    jw_kbool(&p->w, "may_comment", c->who.user_id && call_allow(c, &c->repo, REPO_DISCUSS, &ignored));
    jw_kbool(&p->w, "may_write", may_write);
    jw_kbool(&p->w, "may_close", may_write || (c->who.user_id && c->who.user_id == d.author_id));
    return write_events(p, &d, e) && (!d.is_pull_request || write_changes(p, &d, e)) && page_reply(p, 200, "community/discussion.html", e);
}

/* ------------------------------------------------------------------ what is said */

static bool read_text(struct call *c, const char *name, str *out, struct err *e)
{
    *out = page_field(c, name);
    if (!out->p) *out = STR("");
    return out->n <= TEXT_MAX || err_set(e, ERR_INVALID, "A text may have at most %d bytes", TEXT_MAX);
}

static bool get_new(struct call *c, struct err *e)
{
    struct page *p = page_new(c, STR("New discussion"));
    page_write_repo_frame(p, "community");
    return page_reply(p, 200, "community/discussion_new.html", e);
}

static bool post_new(struct call *c, struct err *e)
{
    struct discussion_new q = { .base_ref = STR("refs/heads/main"), .title = page_field(c, "title") };
    struct discussion d;
    struct repo_lock *lock;
    if (c->repo.discussions_disabled) return err_set(e, ERR_DENIED, "Discussions are disabled for this repository");
    if (q.title.n < TITLE_MIN || q.title.n > TITLE_MAX)
        return err_set(e, ERR_INVALID, "A title has %d to %d bytes", TITLE_MIN, TITLE_MAX);
    if (!read_text(c, "text", &q.description, e) || !repo_lock(c->hub, c->repo.id, &lock, e)) return false;
    bool ok = discussion_create(c->hub, &c->repo, &q, &c->who, &d, c->a, e);
    repo_unlock(c->hub, lock);
    return ok && to_discussion(c, d.num);
}

static bool post_comment(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    str text;
    if (!find(c, &d, e) || !read_text(c, "text", &text, e)) return false;
    if (!text.n) return err_set(e, ERR_INVALID, "There is nothing in this comment");
    return discussion_comment(c->hub, &c->repo, &d, text, &c->who, &ev, c->a, e) && to_discussion(c, d.num);
}

static bool post_status(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    str status = page_field(c, "status");
    if (!find(c, &d, e)) return false;
    if (!str_eq(status, STR("open")) && !str_eq(status, STR("closed"))) return err_set(e, ERR_INVALID, "A discussion is open or closed");
    return discussion_set_status(c->hub, &c->repo, &d, status, STR(""), &c->who, &ev, c->a, e) && to_discussion(c, d.num);
}

static bool post_merge(struct call *c, struct err *e)
{
    struct discussion d;
    return find(c, &d, e) && discussion_merge(c->hub, &c->repo, &d, STR(""), &c->who, e) && to_discussion(c, d.num);
}

#define ROWS_OF(prefix)                                                                                                                              \
    { HTTP_GET, prefix "/discussions", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_list, "page.discussions", SHAPE_PAGE },                             \
    { HTTP_GET, prefix "/discussions/new", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_new, "page.discussion.new", SHAPE_PAGE },                    \
    { HTTP_POST, prefix "/discussions/new", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.discussion.create", SHAPE_PAGE }, \
    { HTTP_GET, prefix "/discussions/:num", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_one, "page.discussion", SHAPE_PAGE },                           \
    { HTTP_POST, prefix "/discussions/:num/comment", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_comment, "page.discussion.comment", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/discussions/:num/status", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_status, "page.discussion.status", SHAPE_PAGE },    \
    { HTTP_POST, prefix "/discussions/:num/merge", PERM_REPO_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_merge, "page.discussion.merge", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_community = API_TABLE(rows);
