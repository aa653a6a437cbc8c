/* web/community/thread.c - one discussion or pull request: what was said in it, what it would change, and what may be done.
 * Every action is a form that leads back here. */
#include "api/hub/hub_api.h"
#include "hub/community/comment.h"
#include "hub/community/discussion.h"
#include "hub/community/reaction.h"
#include "hub/community/watch.h"
#include "web/community/community.h"

enum { FORM_BYTES_MAX = 256 << 10 };

static str repo_path(struct call *c)
{
    return arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name));
}

/* mark: the comment to show; empty: the top. */
static bool back(struct call *c, int64_t num, str mark)
{
    return page_redirect(c, arena_fmt(c->a, "%.*s/discussions/%lld%s%.*s", STR_ARG(repo_path(c)), (long long)num, mark.n ? "#" : "", STR_ARG(mark)));
}

/* ------------------------------------------------------------------ the page */

struct thread {
    struct page *p;
    const struct discussion *d;
    struct reaction *reaction;
    size_t reactions;
    bool may_write, may_comment;
};

static void write_reactions(const struct thread *t, str event_hex)
{
    struct json_writer *w = &t->p->w;
    jw_karray(w, "reactions");
    for (size_t i = 0; i < t->reactions; i++) {
        const struct reaction *r = &t->reaction[i];
        if (!str_eq(r->event_hex, event_hex)) continue;
        jw_object(w);
        jw_kstr(w, "name", r->kind->name);
        jw_kstr(w, "sign", r->kind->sign);
        jw_kint(w, "count", r->count);
        jw_kbool(w, "is_mine", r->is_mine);
        jw_karray(w, "users");
        for (size_t k = 0; k < r->users; k++) jw_str(w, r->user[k]);
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_comment(const struct thread *t, const struct discussion_event *ev, const struct json *data)
{
    struct call *c = t->p->c;
    struct json_writer *w = &t->p->w;
    struct buf html = BUF_INIT(0);
    const struct json *latest = json_get(data, STR("latest"));
    str raw = json_str_or(latest, STR("raw"), STR(""));
    bool hidden = json_bool_or(data, STR("hidden"), false), is_mine = c->who.user_id && ev->author.p && str_eq(ev->author, c->who.name);
    jw_kbool(w, "is_hidden", hidden);
    jw_kbool(w, "is_edited", json_bool_or(data, STR("edited"), false));
    jw_kbool(w, "may_edit", is_mine && !hidden && t->may_comment);
    jw_kbool(w, "may_hide", (is_mine || t->may_write) && !hidden);
    if (!hidden) {
        comment_html(call_db(c), &c->repo, repo_path(c), raw, &html, NULL);
        jw_kstr(w, "html", buf_str(&html));
        if (is_mine) jw_kstr(w, "raw", raw);
        write_reactions(t, ev->hex_id);
    }
    buf_deinit(&html);
}

static bool write_events(const struct thread *t, struct err *e)
{
    struct call *c = t->p->c;
    struct json_writer *w = &t->p->w;
    struct discussion_event *ev;
    size_t n;
    if (!discussion_events(call_db(c), t->d->id, c->a, &ev, &n, e)) return false;
    jw_karray(w, "events");
    for (size_t i = 0; i < n; i++) {
        struct json *data;
        if (!json_parse(ev[i].data, c->a, &data, e)) return false;
        jw_object(w);
        jw_kstr(w, "id", ev[i].hex_id);
        jw_kstr(w, "type", ev[i].type);
        if (ev[i].author.p) {
            jw_kstr(w, "author", ev[i].author);
            jw_kstr(w, "avatar", call_avatar_url(c, ev[i].author));
        }
        jw_kint(w, "at_ms", ev[i].created_ms);
        if (str_eq(ev[i].type, STR("comment"))) write_comment(t, &ev[i], data);
        else jw_kvalue(w, "data", data);
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool write_changes(struct page *p, const struct discussion *d, struct err *e)
{
    struct call *c = p->c;
    struct vcs_repo *git;
    struct vcs_oid from, head;
    bool found, is_live = str_eq(d->status, STR("open")) || str_eq(d->status, STR("draft"));
    str *path;
    size_t n = 0;
    if (!call_git(c, &git, e) || !discussion_range(call_db(c), git, d, &from, &head, &found, c->a, e)) return false;
    if (is_live && !discussion_conflicts(c->hub, &c->repo, d, c->a, &path, &n, e)) return false;
    jw_kbool(&p->w, "has_ref", found);
    jw_karray(&p->w, "conflicts");
    for (size_t i = 0; i < n; i++) jw_str(&p->w, path[i]);
    jw_array_end(&p->w);
    struct err gated;
    bool may_read = call_allow(c, &c->repo, REPO_READ, &gated); /* who may see and discuss what is behind a gate need not be let in */
    jw_kbool(&p->w, "may_read", may_read);
    if (found && may_read) page_write_diff(p, git, vcs_oid_is_zero(&from) ? NULL : &from, &head);
    return true;
}

static void write_kinds(struct json_writer *w)
{
    jw_karray(w, "reaction_kinds");
    for (size_t i = 0; i < REACTIONS; i++) {
        jw_object(w);
        jw_kstr(w, "name", reaction_kind[i].name);
        jw_kstr(w, "sign", reaction_kind[i].sign);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* problem: why a comment was refused; it stands in the form again. */
static bool thread_page(struct call *c, int status, const struct discussion *of, str problem, struct err *e)
{
    struct discussion d = *of;
    struct err ignored;
    int watches;
    struct page *p = page_new(c, d.title);
    struct thread t = { .p = p, .d = &d };
    if (!reaction_list(call_db(c), d.id, &c->who, c->a, &t.reaction, &t.reactions, e) ||
        !watch_get(call_db(c), c->who.user_id, WATCH_DISCUSSION, d.id, &watches, e))
        return false;
    page_write_repo_frame(p, "community");
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "text");
    jw_kobject(&p->w, "discussion");
    web_write_discussion(&p->w, &d);
    jw_kstr(&p->w, "base", str_starts(d.base_ref, STR("refs/heads/")) ? str_from(d.base_ref, 11) : d.base_ref);
    if (d.merge_commit.p) jw_kstr(&p->w, "merge_commit", d.merge_commit);
    jw_object_end(&p->w);
    t.may_write = c->who.user_id && call_allow(c, &c->repo, REPO_WRITE, &ignored);
    t.may_comment = c->who.user_id && call_allow(c, &c->repo, REPO_DISCUSS, &ignored) && (!d.is_locked || t.may_write);
    jw_kbool(&p->w, "may_comment", t.may_comment);
    jw_kbool(&p->w, "may_write", t.may_write);
    jw_kbool(&p->w, "may_manage", t.may_write || (c->who.user_id && c->who.user_id == d.author_id));
    jw_kbool(&p->w, "is_muted", watches == 0);
    write_kinds(&p->w);
    return write_events(&t, e) && (!d.is_pull_request || write_changes(p, &d, e)) && page_reply(p, status, "community/discussion.html", e);
}

static bool get_one(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && thread_page(c, 200, &d, STR(""), e);
}

/* ------------------------------------------------------------------ what is done */

static bool post_comment(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    struct err why = { 0 };
    str text;
    if (!call_find_discussion(c, &d, e)) return false;
    if (web_read_text(c, "text", &text, &why) && discussion_comment(c->hub, &c->repo, &d, text, page_text(c, "after"), &c->who, &ev, c->a, &why))
        return back(c, d.num, ev.hex_id);
    if (api_status_of(&why) < 500) return thread_page(c, api_status_of(&why), &d, str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_edit(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    str text;
    if (!call_find_discussion(c, &d, e) || !web_read_text(c, "text", &text, e)) return false;
    return discussion_edit(c->hub, &c->repo, &d, call_param(c, "event"), text, &c->who, &ev, c->a, e) && back(c, d.num, ev.hex_id);
}

static bool post_hide(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    return call_find_discussion(c, &d, e) && discussion_hide(c->hub, &c->repo, &d, call_param(c, "event"), &c->who, &ev, c->a, e) && back(c, d.num, ev.hex_id);
}

/* A second press takes it away. */
static bool post_react(struct call *c, struct err *e)
{
    struct discussion d;
    bool is_on = !str_eq(page_field(c, "is_mine"), STR("yes"));
    return call_find_discussion(c, &d, e) &&
           reaction_set(c->hub, &c->repo, &d, call_param(c, "event"), page_field(c, "reaction"), is_on, &c->who, e) &&
           back(c, d.num, call_param(c, "event"));
}

static bool post_title(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    str title = page_field(c, "title");
    return call_find_discussion(c, &d, e) && discussion_rename(c->hub, &c->repo, &d, title.p ? title : STR(""), &c->who, &ev, c->a, e) && back(c, d.num, STR(""));
}

static bool post_status(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    str status = page_field(c, "status"), text;
    if (!call_find_discussion(c, &d, e) || !web_read_text(c, "text", &text, e)) return false;
    if (!str_eq(status, STR("open")) && !str_eq(status, STR("closed"))) return err_set(e, ERR_INVALID, "A discussion is open or closed");
    return discussion_set_status(c->hub, &c->repo, &d, status, text, &c->who, &ev, c->a, e) && back(c, d.num, ev.hex_id);
}

static bool post_merge(struct call *c, struct err *e)
{
    struct discussion d;
    str text;
    return call_find_discussion(c, &d, e) && web_read_text(c, "text", &text, e) && discussion_merge(c->hub, &c->repo, &d, text, &c->who, e) && back(c, d.num, STR(""));
}

static bool is_yes(struct call *c) { return str_eq(page_field(c, "on"), STR("yes")); }

static bool post_pin(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && discussion_pin(c->hub, &c->repo, &d, is_yes(c), &c->who, e) && back(c, d.num, STR(""));
}

static bool post_lock(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && discussion_lock(c->hub, &c->repo, &d, is_yes(c), &c->who, e) && back(c, d.num, STR(""));
}

static bool post_watch(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && watch_change(c->hub, c->who.user_id, WATCH_DISCUSSION, d.id, is_yes(c), e) && back(c, d.num, STR(""));
}

#define POST(prefix, tail, perm, fn, name) { HTTP_POST, prefix "/discussions/:num" tail, perm, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, fn, name, SHAPE_PAGE }
#define ROWS_OF(prefix)                                                                                                          \
    { HTTP_GET, prefix "/discussions/:num", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_one, "page.discussion", SHAPE_PAGE },       \
    POST(prefix, "/comment", PERM_REPO_DISCUSS, post_comment, "page.discussion.comment"),                                        \
    POST(prefix, "/comment/:event/edit", PERM_REPO_DISCUSS, post_edit, "page.discussion.edit"),                                  \
    POST(prefix, "/comment/:event/hide", PERM_REPO_DISCUSS, post_hide, "page.discussion.hide"),                                  \
    POST(prefix, "/comment/:event/react", PERM_REPO_DISCUSS, post_react, "page.discussion.react"),                               \
    POST(prefix, "/title", PERM_REPO_DISCUSS, post_title, "page.discussion.title"),                                              \
    POST(prefix, "/status", PERM_REPO_DISCUSS, post_status, "page.discussion.status"),                                           \
    POST(prefix, "/merge", PERM_REPO_WRITE, post_merge, "page.discussion.merge"),                                                \
    POST(prefix, "/pin", PERM_REPO_WRITE, post_pin, "page.discussion.pin"),                                                      \
    POST(prefix, "/lock", PERM_REPO_WRITE, post_lock, "page.discussion.lock"),                                                   \
    POST(prefix, "/watch", PERM_REPO_DISCUSS, post_watch, "page.discussion.watch")

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_thread = API_TABLE(rows);
