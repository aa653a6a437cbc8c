/* web/community/discussion.c - discussions and pull requests of a repository: the list, and a new one. */
#include "hub/community/discussion.h"

#include "hub/repo.h"
#include "web/community/community.h"

enum { PAGE = 30, FORM_BYTES_MAX = 256 << 10 };

void web_write_discussion(struct json_writer *w, const struct discussion *d)
{
    jw_kint(w, "num", d->num);
    jw_kstr(w, "title", d->title);
    jw_kstr(w, "status", d->status);
    jw_kbool(w, "is_pull_request", d->is_pull_request);
    jw_kbool(w, "is_pinned", d->is_pinned);
    jw_kbool(w, "is_locked", d->is_locked);
    if (d->author.p) jw_kstr(w, "author", d->author);
    jw_kint(w, "at_ms", d->created_ms);
    jw_kint(w, "comments", d->comments_count);
    jw_kint(w, "reactors", d->reactors_count);
}

bool web_read_text(struct call *c, const char *name, str *out, struct err *e)
{
    *out = page_field(c, name);
    if (!out->p) *out = STR("");
    return out->n <= COMMUNITY_TEXT_MAX || err_set(e, ERR_INVALID, "A text may have at most %d bytes", COMMUNITY_TEXT_MAX);
}

/* ------------------------------------------------------------------ the list */

static bool get_list(struct call *c, struct err *e)
{
    struct discussion_query q = { .is_pull_request = -1, .limit = PAGE };
    struct discussion *d;
    size_t n, count, closed;
    uint64_t page_number = 0;
    str status = call_query(c, "status"), type = call_query(c, "type"), search = call_query(c, "search"), sort = call_query(c, "sort");
    if (str_u64(call_query(c, "p"), &page_number) && page_number > 1000000) return err_set(e, ERR_INVALID, "No list is that long");
    q.status = str_eq(status, STR("closed")) ? STR("closed") : STR("open");
    if (str_eq(type, STR("discussion"))) q.is_pull_request = 0;
    if (str_eq(type, STR("pull_request"))) q.is_pull_request = 1;
    if (search.n) q.search = search;
    if (str_eq(sort, STR("trending"))) q.sort = DISCUSSIONS_MOST_SAID;
    if (str_eq(sort, STR("reactions"))) q.sort = DISCUSSIONS_MOST_REACTIONS;
    q.skip = (size_t)page_number * PAGE;
    if (!discussion_list(call_db(c), c->repo.id, &q, c->a, &d, &n, &count, &closed, e)) return false;
    struct page *p = page_new(c, STR("Discussions"));
    page_write_repo_frame(p, "community");
    jw_kstr(&p->w, "status", q.status);
    jw_kstr(&p->w, "type", q.is_pull_request < 0 ? STR("all") : type);
    jw_kstr(&p->w, "thread_search", search.n ? search : STR(""));
    jw_kstr(&p->w, "sort", q.sort == DISCUSSIONS_NEWEST ? STR("recently-created") : sort);
    jw_kint(&p->w, "closed_count", (int64_t)closed);
    jw_kint(&p->w, "page_number", (int64_t)page_number);
    jw_kbool(&p->w, "more", q.skip + n < count);
    jw_kbool(&p->w, "is_disabled", c->repo.discussions_disabled);
    jw_karray(&p->w, "list");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        web_write_discussion(&p->w, &d[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "community/discussions.html", e);
}

/* ------------------------------------------------------------------ a new one */

static bool new_page(struct call *c, int status, str problem, struct err *e)
{
    int64_t next;
    if (!discussion_next(call_db(c), c->repo.id, &next, e)) return false;
    struct page *p = page_new(c, STR("New discussion"));
    page_write_repo_frame(p, "community");
    page_write_typed(p, problem.n > 0, "title", "text");
    jw_kint(&p->w, "next", next);
    jw_kstr(&p->w, "problem_text", problem);
    return page_reply(p, status, "community/discussion_new.html", e);
}

static bool may_begin(struct call *c, struct err *e)
{
    return !c->repo.discussions_disabled || err_set(e, ERR_DENIED, "Discussions are disabled for this repository");
}

static bool get_new(struct call *c, struct err *e) { return may_begin(c, e) && new_page(c, 200, STR(""), e); }

/* The same form sent twice opens one, and leads there both times. */
static bool create(struct call *c, struct discussion *out, struct err *e)
{
    struct discussion_new q = { .base_ref = STR("refs/heads/main") };
    struct repo_lock *lock;
    uint64_t next;
    bool sent = false;
    if (!str_u64(page_text(c, "next"), &next) || next > INT64_MAX) next = 0;
    if (!web_read_text(c, "title", &q.title, e) || !web_read_text(c, "text", &q.description, e) || !repo_lock(c->hub, c->repo.id, &lock, e)) return false;
    bool ok = discussion_find_sent(call_db(c), &c->repo, &q, (int64_t)next, &c->who, out, &sent, c->a, e) &&
              (sent || discussion_create(c->hub, &c->repo, &q, &c->who, out, c->a, e));
    repo_unlock(c->hub, lock);
    return ok;
}

static bool post_new(struct call *c, struct err *e)
{
    struct discussion d;
    struct err why = { 0 };
    if (!may_begin(c, e)) return false;
    if (create(c, &d, &why))
        return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s/discussions/%lld", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name), (long long)d.num));
    if (api_status_of(&why) < 500) return new_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

#define ROWS_OF(prefix)                                                                                                        \
    { HTTP_GET, prefix "/discussions", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_list, "page.discussions", SHAPE_PAGE },        \
    { HTTP_GET, prefix "/discussions/new", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_new, "page.discussion.new", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/discussions/new", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.discussion.create", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_community = API_TABLE(rows);
