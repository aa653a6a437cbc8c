/* api/hub/discussion.c - discussions and pull requests.  Events are shown with nothing of the asker in
 * them: clients compare two answers byte for byte. */
#include "hub/community/discussion.h"

#include "api/hub/hub_api.h"
#include "hub/community/comment.h"
#include "hub/community/reaction.h"
#include "hub/repo.h"

enum { PAGE = 10, TITLE_MIN = 3, TITLE_MAX = 200, TEXT_MAX = 65536, DIFF_BYTES_MAX = 8 << 20 };

static void write_author(struct call *c, struct json_writer *w, str name, str fullname)
{
    if (!name.p) return; /* a deleted account: the key is left out, since null crashes clients */
    struct account who;
    struct err ignored;
    bool found = false;
    jw_kobject(w, "author");
    if (account_find(call_db(c), name, &who, &found, c->a, &ignored) && found) jw_kstr(w, "_id", who.hex_id);
    jw_kstr(w, "name", name);
    jw_kstr(w, "fullname", fullname.n ? fullname : name);
    jw_kstr(w, "avatarUrl", call_avatar_url(c, name));
    jw_kstr(w, "type", STR("user"));
    jw_kbool(w, "isHf", false);
    jw_kbool(w, "isHfAdmin", false);
    jw_kbool(w, "isMod", false);
    jw_kbool(w, "isPro", false);
    jw_kbool(w, "isOwner", str_eq_nocase(name, c->repo.owner));
    jw_object_end(w);
}

static void write_top_reactions(struct call *c, struct json_writer *w, const struct discussion *d)
{
    enum { TOP = 3 };
    struct reaction *list;
    struct err ignored;
    size_t n = 0;
    int64_t count[REACTIONS] = { 0 };
    jw_karray(w, "topReactions");
    if (d->reactors_count && reaction_list(call_db(c), d->id, NULL, c->a, &list, &n, &ignored))
        for (size_t i = 0; i < n; i++) count[list[i].kind - reaction_kind] += list[i].count;
    for (int k = 0; k < TOP; k++) {
        size_t best = 0;
        for (size_t i = 1; i < REACTIONS; i++)
            if (count[i] > count[best]) best = i;
        if (!count[best]) break;
        jw_object(w);
        jw_kstr(w, "reaction", reaction_kind[best].name);
        jw_kint(w, "count", count[best]);
        jw_object_end(w);
        count[best] = 0;
    }
    jw_array_end(w);
}

/* The members that a list item and the details share; the object stays open. */
static void write_head(struct call *c, struct json_writer *w, const struct discussion *d)
{
    jw_object(w);
    jw_kint(w, "num", d->num);
    jw_kstr(w, "title", d->title);
    jw_kstr(w, "status", d->status);
    jw_kbool(w, "isPullRequest", d->is_pull_request);
    jw_kdate(w, "createdAt", d->created_ms);
    jw_kobject(w, "repo");
    jw_kstr(w, "name", c->repo.full_name);
    jw_kstr(w, "type", repo_kind_name(c->repo.kind));
    jw_object_end(w);
    write_author(c, w, d->author, (str){ NULL, 0 });
    jw_kint(w, "numComments", d->comments_count);
    jw_kint(w, "numReactionUsers", d->reactors_count);
    write_top_reactions(c, w, d);
    jw_kbool(w, "pinned", d->is_pinned);
    jw_kbool(w, "locked", d->is_locked);
}

/* ------------------------------------------------------------------ events */

/* What is stored, and what is made of the text when it is read: the same for everybody, and at any time. */
static void write_version(struct call *c, struct json_writer *w, const struct json *v)
{
    struct buf html = BUF_INIT(0);
    str path = arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name));
    comment_html(call_db(c), &c->repo, path, json_str_or(v, STR("raw"), STR("")), &html, NULL);
    jw_object(w);
    jw_kstr(w, "raw", json_str_or(v, STR("raw"), STR("")));
    jw_kstr(w, "html", buf_str(&html));
    json_each (m, v)
        if (!str_eq(m->key, STR("raw")) && !str_eq(m->key, STR("html"))) jw_kvalue(w, arena_cstr(c->a, m->key), m);
    jw_object_end(w);
    buf_deinit(&html);
}

struct reactions {
    struct reaction *item;
    size_t n;
};

static void write_reactions(struct json_writer *w, const struct reactions *r, str event_hex)
{
    jw_karray(w, "reactions");
    for (size_t i = 0; i < r->n; i++) {
        if (!str_eq(r->item[i].event_hex, event_hex)) continue;
        jw_object(w);
        jw_kstr(w, "reaction", r->item[i].kind->name);
        jw_karray(w, "users");
        for (size_t k = 0; k < r->item[i].users; k++) jw_str(w, r->item[i].user[k]);
        jw_array_end(w);
        jw_kint(w, "count", r->item[i].count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_comment(struct call *c, struct json_writer *w, const struct discussion_event *ev, const struct json *data,
                          const struct reactions *r)
{
    jw_kobject(w, "data");
    json_each (m, data) {
        const char *key = arena_cstr(c->a, m->key);
        if (str_eq(m->key, STR("latest"))) {
            jw_key(w, m->key);
            write_version(c, w, m);
        } else if (str_eq(m->key, STR("history"))) {
            jw_karray(w, key);
            json_each (v, m) write_version(c, w, v);
            jw_array_end(w);
        } else if (str_eq(m->key, STR("reactions"))) {
            write_reactions(w, r, ev->hex_id);
        } else {
            jw_kvalue(w, key, m);
        }
    }
    jw_object_end(w);
}

static void write_event(struct call *c, struct json_writer *w, const struct discussion_event *ev, const struct reactions *r)
{
    struct json *data;
    struct err ignored;
    jw_object(w);
    jw_kstr(w, "id", ev->hex_id);
    write_author(c, w, ev->author, ev->author_fullname);
    jw_kdate(w, "createdAt", ev->created_ms);
    jw_kstr(w, "type", ev->type);
    if (str_eq(ev->type, STR("comment")) && json_parse(ev->data, c->a, &data, &ignored)) write_comment(c, w, ev, data, r);
    else jw_kraw(w, "data", ev->data);
    jw_object_end(w);
}

bool call_find_discussion(struct call *c, struct discussion *out, struct err *e)
{
    uint64_t num;
    bool found = false;
    if (str_u64(call_param(c, "num"), &num) && num <= INT32_MAX &&
        !discussion_find(call_db(c), c->repo.id, (int64_t)num, out, &found, c->a, e))
        return false;
    return found ? true : err_set(e, ERR_NOT_FOUND, "There is no discussion %.*s here", STR_ARG(str_to(call_param(c, "num"), 20)));
}

static bool get_list(struct call *c, struct err *e)
{
    struct discussion_query q = { .is_pull_request = -1, .limit = (size_t)call_query_limit(c, PAGE, 100) };
    struct discussion *d;
    size_t n, count, closed;
    uint64_t page = 0;
    str type = call_query(c, "type"), p = call_query(c, "p"), status = call_query(c, "status");
    if (p.p && (!str_u64(p, &page) || page > 1000000)) return err_set(e, ERR_INVALID, "\"p\" must be a page number");
    if (str_eq(type, STR("discussion"))) q.is_pull_request = 0;
    if (str_eq(type, STR("pull_request"))) q.is_pull_request = 1;
    if (status.n && !str_eq(status, STR("all"))) q.status = status;
    if (q.status.n && !str_eq(q.status, STR("open")) && !str_eq(q.status, STR("closed")))
        return err_set(e, ERR_INVALID, "\"status\" must be one of [all, open, closed]");
    str sort = call_query(c, "sort");
    if (str_eq(sort, STR("trending"))) q.sort = DISCUSSIONS_MOST_SAID;
    else if (str_eq(sort, STR("reactions"))) q.sort = DISCUSSIONS_MOST_REACTIONS;
    else if (sort.n && !str_eq(sort, STR("recently-created")))
        return err_set(e, ERR_INVALID, "\"sort\" must be one of [recently-created, trending, reactions]");
    q.author = call_query(c, "author");
    q.search = call_query(c, "search");
    q.skip = (size_t)page * q.limit;
    if (!discussion_list(call_db(c), c->repo.id, &q, c->a, &d, &n, &count, &closed, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "discussions");
    for (size_t i = 0; i < n; i++) {
        write_head(c, &w, &d[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_kint(&w, "count", (int64_t)count);
    jw_kint(&w, "start", (int64_t)q.skip);
    jw_kint(&w, "numClosedDiscussions", (int64_t)closed);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool write_diff(struct call *c, struct json_writer *w, const struct discussion *d, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_oid from, head;
    bool found;
    if (!call_git(c, &git, e) || !discussion_range(call_db(c), git, d, &from, &head, &found, c->a, e)) return false;
    struct buf diff = BUF_INIT(DIFF_BYTES_MAX);
    bool ok = !found || vcs_diff_text(git, vcs_oid_is_zero(&from) ? NULL : &from, &head, &diff, e);
    if (ok) jw_kstr(w, "diff", buf_str(&diff));
    buf_deinit(&diff);
    return ok;
}

static bool write_pull_request(struct call *c, struct json_writer *w, const struct discussion *d, struct err *e)
{
    str *path;
    size_t n = 0;
    bool is_live = str_eq(d->status, STR("open")) || str_eq(d->status, STR("draft"));
    if (is_live && !discussion_conflicts(c->hub, &c->repo, d, c->a, &path, &n, e)) return false;
    jw_karray(w, "filesWithConflicts");
    for (size_t i = 0; i < n; i++) jw_str(w, path[i]);
    jw_array_end(w);
    jw_kobject(w, "changes");
    jw_kstr(w, "base", d->base_ref);
    if (d->merge_commit.p) jw_kstr(w, "mergeCommitId", d->merge_commit);
    jw_object_end(w);
    struct err gated; /* a diff is content: before a gate, all but that may be seen */
    return !http_query_bool(c->http, "diff", false) || !call_allow(c, &c->repo, REPO_READ, &gated) || write_diff(c, w, d, e);
}

static bool get_details(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event *ev;
    struct reactions reactions;
    size_t n;
    if (!call_find_discussion(c, &d, e) || !discussion_events(call_db(c), d.id, c->a, &ev, &n, e) ||
        !reaction_list(call_db(c), d.id, NULL, c->a, &reactions.item, &reactions.n, e))
        return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_head(c, &w, &d);
    jw_karray(&w, "events");
    for (size_t i = 0; i < n; i++) write_event(c, &w, &ev[i], &reactions);
    jw_array_end(&w);
    if (d.is_pull_request && !write_pull_request(c, &w, &d, e)) {
        buf_deinit(&b);
        return false;
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool read_title(const struct json *body, str *out, struct err *e)
{
    if (!json_need_str(body, "title", out, e)) return false;
    *out = str_trim(*out);
    if (out->n >= TITLE_MIN && out->n <= TITLE_MAX) return true;
    return err_set(e, ERR_INVALID, "\"title\" must have %d to %d bytes", TITLE_MIN, TITLE_MAX);
}

static bool read_text(const struct json *body, const char *key, bool required, str *out, struct err *e)
{
    *out = STR("");
    const struct json *v = json_get(body, str_c(key));
    if ((!v || v->type == JSON_NULL) && !required) return true;
    if (!json_need_str(body, key, out, e)) return false;
    return out->n <= TEXT_MAX ? true : err_set(e, ERR_INVALID, "\"%s\" may have at most %d bytes", key, TEXT_MAX);
}

static bool post_create(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion_new q = { .base_ref = STR("refs/heads/main") };
    struct discussion d;
    struct repo_lock *lock;
    if (!call_json(c, &body, e) || !read_title(body, &q.title, e) || !read_text(body, "description", true, &q.description, e))
        return false;
    q.is_pull_request = json_bool_or(body, STR("pullRequest"), false);
    q.is_draft = q.is_pull_request;
    if (!q.is_pull_request && c->repo.discussions_disabled)
        return err_set(e, ERR_DENIED, "Discussions are disabled for this repository");
    if (!repo_lock(c->hub, c->repo.id, &lock, e)) return false;
    bool ok = discussion_create(c->hub, &c->repo, &q, &c->who, &d, c->a, e);
    repo_unlock(c->hub, lock);
    if (!ok) return false;
    str url = call_repo_url(c, &c->repo);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "url", arena_fmt(c->a, "%.*s/discussions/%lld", STR_ARG(url), (long long)d.num));
    jw_kint(&w, "num", d.num);
    jw_kbool(&w, "pullRequest", d.is_pull_request);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool reply_event(struct call *c, const struct discussion *d, const char *key, const struct discussion_event *ev, struct err *e)
{
    struct reactions reactions;
    if (!reaction_list(call_db(c), d->id, NULL, c->a, &reactions.item, &reactions.n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_key(&w, str_c(key));
    write_event(c, &w, ev, &reactions);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool post_comment(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    struct discussion_event ev;
    str text;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e) || !read_text(body, "comment", true, &text, e)) return false;
    return discussion_comment(c->hub, &c->repo, &d, text, STR(""), &c->who, &ev, c->a, e) && reply_event(c, &d, "newMessage", &ev, e);
}

static bool post_edit(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    struct discussion_event ev;
    str text;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e) || !read_text(body, "content", true, &text, e)) return false;
    return discussion_edit(c->hub, &c->repo, &d, call_param(c, "event"), text, &c->who, &ev, c->a, e) &&
           reply_event(c, &d, "updatedComment", &ev, e);
}

static bool post_hide(struct call *c, struct err *e)
{
    struct discussion d;
    struct discussion_event ev;
    return call_find_discussion(c, &d, e) && discussion_hide(c->hub, &c->repo, &d, call_param(c, "event"), &c->who, &ev, c->a, e) &&
           reply_event(c, &d, "updatedComment", &ev, e);
}

static bool post_title(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    struct discussion_event ev;
    str title;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e) || !read_title(body, &title, e)) return false;
    return discussion_rename(c->hub, &c->repo, &d, title, &c->who, &ev, c->a, e) && reply_event(c, &d, "newTitle", &ev, e);
}

static bool post_status(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    struct discussion_event ev;
    str status, comment;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e) || !json_need_str(body, "status", &status, e) ||
        !read_text(body, "comment", false, &comment, e))
        return false;
    if (!str_eq(status, STR("open")) && !str_eq(status, STR("closed")))
        return err_set(e, ERR_INVALID, "\"status\" must be one of [open, closed]");
    return discussion_set_status(c->hub, &c->repo, &d, status, comment, &c->who, &ev, c->a, e) && reply_event(c, &d, "newStatus", &ev, e);
}

static bool post_pin(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    bool pinned;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e)) return false;
    if (!json_bool(json_get(body, STR("pinned")), &pinned)) return err_set(e, ERR_INVALID, "\"pinned\" is required: true or false");
    return discussion_pin(c->hub, &c->repo, &d, pinned, &c->who, e) && call_reply_ok(c);
}

static bool post_lock(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    bool locked;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e)) return false;
    if (!json_bool(json_get(body, STR("locked")), &locked)) return err_set(e, ERR_INVALID, "\"locked\" is required: true or false");
    return discussion_lock(c->hub, &c->repo, &d, locked, &c->who, e) && call_reply_ok(c);
}

static bool set_reaction(struct call *c, bool is_on, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) &&
           reaction_set(c->hub, &c->repo, &d, call_param(c, "event"), call_param(c, "reaction"), is_on, &c->who, e) && call_reply_ok(c);
}

static bool put_reaction(struct call *c, struct err *e) { return set_reaction(c, true, e); }
static bool delete_reaction(struct call *c, struct err *e) { return set_reaction(c, false, e); }

static bool get_storage(struct call *c, struct err *e)
{
    struct discussion d;
    uint64_t size;
    bool deleted;
    if (!call_find_discussion(c, &d, e) || !discussion_storage(c->hub, &c->repo, &d, &size, &deleted, e)) return false;
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "{\"estimatedStorage\":%llu,\"refDeleted\":%s}", (unsigned long long)size, deleted ? "true" : "false");
    return call_reply_json(c, 200, &b);
}

static bool post_merge(struct call *c, struct err *e)
{
    struct json *body;
    struct discussion d;
    str comment;
    if (!call_find_discussion(c, &d, e) || !call_json(c, &body, e) || !read_text(body, "comment", false, &comment, e)) return false;
    return discussion_merge(c->hub, &c->repo, &d, comment, &c->who, e) && call_reply_ok(c);
}

static bool delete_discussion(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && discussion_delete(c->hub, &c->repo, &d, &c->who, e) && call_reply_ok(c);
}

static bool delete_ref(struct call *c, struct err *e)
{
    struct discussion d;
    return call_find_discussion(c, &d, e) && discussion_delete_ref(c->hub, &c->repo, &d, &c->who, e) && call_reply_ok(c);
}

#define ONE ANY_REPO "/discussions/:num"
static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/discussions", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_list, "discussion.list", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/discussions", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_create, "discussion.create", SHAPE_HUB },
    { HTTP_GET, ONE, PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_details, "discussion.details", SHAPE_HUB },
    { HTTP_DELETE, ONE, PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_discussion, "discussion.delete", SHAPE_HUB },
    { HTTP_POST, ONE "/comment", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_comment, "discussion.comment", SHAPE_HUB },
    { HTTP_POST, ONE "/comment/:event/edit", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_edit, "discussion.edit", SHAPE_HUB },
    { HTTP_POST, ONE "/comment/:event/hide", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_hide, "discussion.hide", SHAPE_HUB },
    { HTTP_POST, ONE "/title", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_title, "discussion.title", SHAPE_HUB },
    { HTTP_POST, ONE "/status", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_status, "discussion.status", SHAPE_HUB },
    { HTTP_POST, ONE "/pin", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_pin, "discussion.pin", SHAPE_HUB },
    { HTTP_POST, ONE "/lock", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_lock, "discussion.lock", SHAPE_HUB },
    { HTTP_PUT, ONE "/comment/:event/reaction/:reaction", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, put_reaction, "discussion.react", SHAPE_HUB },
    { HTTP_DELETE, ONE "/comment/:event/reaction/:reaction", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_reaction, "discussion.unreact", SHAPE_HUB },
    { HTTP_GET, ONE "/storage", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_storage, "discussion.storage", SHAPE_HUB },
    { HTTP_POST, ONE "/merge", PERM_REPO_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_merge, "discussion.merge", SHAPE_HUB },
    { HTTP_DELETE, ONE "/ref", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_ref, "discussion.delete-ref", SHAPE_HUB },
};
const struct api_table hub_discussion_table = API_TABLE(rows);
