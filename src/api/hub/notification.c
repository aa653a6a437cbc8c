/* api/hub/notification.c - what the caller should look at, and what he wants to hear of. */
#include "hub/community/notification.h"

#include "api/hub/hub_api.h"
#include "base/clock.h"
#include "hub/community/discussion.h"
#include "hub/community/watch.h"

enum { PAGE = 20, IDS_MAX = 1000, PARTICIPANTS_MAX = 5 };

/* ------------------------------------------------------------------ the list */

static bool read_query(struct call *c, struct notification_query *q, struct err *e)
{
    str status = call_query(c, "readStatus"), mention = call_query(c, "mention"), kind = call_query(c, "repoType"), last = call_query(c, "lastUpdate"),
        p = call_query(c, "p");
    uint64_t page = 0;
    enum repo_kind k;
    *q = (struct notification_query){ .repo_kind = -1, .limit = PAGE, .repo_name = call_query(c, "repoName") };
    if (p.n && (!str_u64(p, &page) || page > 100000)) return err_set(e, ERR_INVALID, "\"p\" must be a page number");
    if (status.n && !str_eq(status, STR("all")) && !str_eq(status, STR("unread")))
        return err_set(e, ERR_INVALID, "\"readStatus\" must be one of [all, unread]");
    if (mention.n && !str_eq(mention, STR("all")) && !str_eq(mention, STR("participating")) && !str_eq(mention, STR("mentions")))
        return err_set(e, ERR_INVALID, "\"mention\" must be one of [all, participating, mentions]");
    if (kind.n && !repo_kind_parse(kind, &k)) return err_set(e, ERR_INVALID, "\"repoType\" must be one of [dataset, model, space, kernel]");
    if (last.n && !clock_iso_parse(last, &q->before_ms)) return err_set(e, ERR_INVALID, "\"lastUpdate\" must be a date");
    if (kind.n) q->repo_kind = (int)k;
    q->unread_only = str_eq(status, STR("unread"));
    if (str_eq(mention, STR("participating"))) q->reason_min = REASON_PARTICIPATING;
    if (str_eq(mention, STR("mentions"))) q->reason_min = REASON_MENTION;
    q->skip = (size_t)page * PAGE;
    return true;
}

static bool write_participants(struct call *c, struct json_writer *w, int64_t discussion_id, struct err *e)
{
    struct account *who;
    size_t n;
    if (!discussion_participants(call_db(c), discussion_id, PARTICIPANTS_MAX, c->a, &who, &n, e)) return false;
    jw_karray(w, "participating");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "_id", who[i].hex_id);
        jw_kstr(w, "user", who[i].name);
        jw_kstr(w, "avatar", call_avatar_url(c, who[i].name));
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool write_notification(struct call *c, struct json_writer *w, const struct notification *n, struct err *e)
{
    jw_object(w);
    jw_kstr(w, "type", STR("repo"));
    jw_kdate(w, "updatedAt", n->updated_ms);
    jw_kbool(w, "read", n->is_read);
    if (n->event_hex.n) jw_kstr(w, "discussionEventId", n->event_hex);
    jw_kobject(w, "repo");
    jw_kstr(w, "name", n->repo.full_name);
    jw_kstr(w, "type", repo_kind_name(n->repo.kind));
    jw_object_end(w);
    jw_kobject(w, "discussion");
    jw_kstr(w, "id", n->discussion_hex);
    jw_kint(w, "num", n->num);
    jw_kstr(w, "title", n->title);
    jw_kstr(w, "status", n->status);
    jw_kbool(w, "isPullRequest", n->is_pull_request);
    bool ok = write_participants(c, w, n->discussion_id, e);
    jw_object_end(w);
    jw_object_end(w);
    return ok;
}

static bool get_list(struct call *c, struct err *e)
{
    struct notification_query q;
    struct notification_page page;
    if (!call_need_whole_token(c, e) || !read_query(c, &q, e) || !notification_list(call_db(c), &c->who, &q, c->a, &page, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = true;
    jw_object(&w);
    jw_karray(&w, "notifications");
    for (size_t i = 0; ok && i < page.n; i++) ok = write_notification(c, &w, &page.row[i], e);
    jw_array_end(&w);
    jw_kobject(&w, "count");
    jw_kint(&w, "view", page.view);
    jw_kint(&w, "unread", page.unread);
    jw_kint(&w, "all", page.all);
    jw_object_end(&w);
    jw_kint(&w, "start", (int64_t)q.skip);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ acting */

/* Those in "discussionIds", or with ?applyToAll all that the query finds. */
static bool act(struct call *c, enum notification_act what, const struct json *body, struct err *e)
{
    struct notification_query q;
    const struct json *list = json_get(body, STR("discussionIds"));
    bool all = http_query_bool(c->http, "applyToAll", false);
    size_t n = 0;
    if (!read_query(c, &q, e)) return false;
    if (list && (!json_is(list, JSON_ARRAY) || list->count > IDS_MAX))
        return err_set(e, ERR_INVALID, "\"discussionIds\" must be a list of at most %d ids", IDS_MAX);
    if (!all && !list) return err_set(e, ERR_INVALID, "Give \"discussionIds\", or the parameter applyToAll");
    str *id = arena_alloc(c->a, (IDS_MAX + 1) * sizeof *id);
    json_each (v, list)
        if (!json_str(v, &id[n++])) return err_set(e, ERR_INVALID, "\"discussionIds\" must be strings");
    return notification_do(c->hub, &c->who, what, id, n, all ? &q : NULL, e) && call_reply_ok(c);
}

static bool delete_some(struct call *c, struct err *e)
{
    struct json *body;
    return call_json(c, &body, e) && act(c, NOTIFICATION_REMOVE, body, e);
}

static bool post_mark(struct call *c, struct err *e)
{
    struct json *body;
    return call_json(c, &body, e) && act(c, json_bool_or(body, STR("read"), true) ? NOTIFICATION_READ : NOTIFICATION_UNREAD, body, e);
}

/* ------------------------------------------------------------------ settings */

/* What this server can tell; everything else would go by mail, which it does not send, and can only be turned off. */
static bool is_told(str name) { return str_eq(name, NOTIFY_PARTICIPATING) || str_eq(name, NOTIFY_WATCHED); }

static bool is_known(str name)
{
    static const char *const names[] = {
        "announcements", "arxiv_paper_activity", "daily_papers_digest", "discussions_participating", "discussions_watched",
        "gated_user_access_request", "inference_endpoint_status", "job_status", "launch_autonlp", "launch_spaces", "launch_prepaid_credits",
        "launch_training_cluster", "org_request", "org_suggestions", "org_verified_suggestions", "org_suggestions_to_create",
        "posts_participating", "user_follows", "secret_detected", "web_discussions_participating", "web_discussions_watched",
        "web_posts_participating", "api_inference_sunset", "locked_out", "repo_release",
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, str_c(names[i]))) return true;
    return false;
}

static bool check_settings(const struct json *list, struct err *e)
{
    if (!json_is(list, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"notifications\" is required: an object of names with true or false");
    json_each (m, list) {
        if (!is_known(m->key)) return err_set(e, ERR_INVALID, "There is no notification \"%.*s\"", STR_ARG(str_to(m->key, 60)));
        if (m->type != JSON_BOOL) return err_set(e, ERR_INVALID, "\"%.*s\" must be true or false", STR_ARG(m->key));
        if (m->b && !is_told(m->key))
            return err_set(e, ERR_NOT_BUILT, "Hearth sends no mail and can only turn off \"%.*s\"", STR_ARG(m->key));
    }
    return true;
}

static bool patch_settings(struct call *c, struct err *e)
{
    struct json *body;
    struct db_conn *tx;
    if (!call_json(c, &body, e)) return false;
    const struct json *list = json_get(body, STR("notifications"));
    if (!check_settings(list, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = true;
    json_each (m, list) ok = ok && notification_setting_set(tx, c->who.user_id, m->key, m->b, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && call_reply_ok(c);
}

/* ------------------------------------------------------------------ watching */

/* {"id","type"}: an account or a repository by its id, or by its name; what may not be seen is not there. */
static bool find_watched(struct call *c, const struct json *item, enum watch_what *what, int64_t *id, struct err *e)
{
    struct account who;
    struct repo r;
    str type, name;
    bool found = false;
    if (!json_need_str(item, "type", &type, e) || !json_need_str(item, "id", &name, e)) return false;
    bool is_repo = str_eq(type, STR("repo"));
    if (!is_repo && !str_eq(type, STR("user")) && !str_eq(type, STR("org")))
        return err_set(e, ERR_INVALID, "The type of what is watched must be one of [org, user, repo]");
    *what = is_repo ? WATCH_REPO : WATCH_ACCOUNT;
    if (is_repo) {
        if (!repo_find_hex(call_db(c), name, &r, &found, c->a, e) || !repo_allow(call_db(c), &c->who, found ? &r : NULL, REPO_SEE, e)) return false;
        *id = r.id;
        return true;
    }
    if (!account_find_hex(call_db(c), name, &who, &found, c->a, e)) return false;
    if (!found && !account_find(call_db(c), name, &who, &found, c->a, e)) return false;
    if (!found || who.is_disabled || (who.kind == ACCOUNT_ORG) != str_eq(type, STR("org")))
        return err_set(e, ERR_NOT_FOUND, "There is no %.*s \"%.*s\"", STR_ARG(type), STR_ARG(str_to(name, 60)));
    *id = who.id;
    return true;
}

struct watched {
    enum watch_what what;
    int64_t id;
    bool is_on;
};

static bool read_watched(struct call *c, const struct json *body, const char *key, bool is_on, struct watched *out, size_t *n, struct err *e)
{
    const struct json *list = json_get(body, str_c(key));
    if (!list) return true;
    if (!json_is(list, JSON_ARRAY) || list->count > IDS_MAX) return err_set(e, ERR_INVALID, "\"%s\" must be a list of at most %d", key, IDS_MAX);
    json_each (item, list) {
        if (!find_watched(c, item, &out[*n].what, &out[*n].id, e)) return false;
        out[(*n)++].is_on = is_on;
    }
    return true;
}

static bool patch_watch(struct call *c, struct err *e)
{
    struct json *body;
    struct db_conn *tx;
    struct watched *list = arena_alloc(c->a, 2 * IDS_MAX * sizeof *list);
    size_t n = 0;
    if (!call_json(c, &body, e) || !read_watched(c, body, "delete", false, list, &n, e) || !read_watched(c, body, "add", true, list, &n, e)) return false;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = watch_set(tx, c->who.user_id, list[i].what, list[i].id, list[i].is_on, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && call_reply_ok(c);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/notifications", PERM_USER, HTTP_BODY_NONE, 0, 0, get_list, "notification.list", SHAPE_HUB },
    { HTTP_DELETE, "/api/notifications", PERM_USER_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, delete_some, "notification.delete", SHAPE_HUB },
    { HTTP_POST, "/api/notifications/mark-as-read", PERM_USER_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_mark, "notification.mark", SHAPE_HUB },
    { HTTP_PATCH, "/api/settings/notifications", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, patch_settings, "notification.settings", SHAPE_HUB },
    { HTTP_PATCH, "/api/settings/watch", PERM_USER_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, patch_watch, "notification.watch", SHAPE_HUB },
};
const struct api_table hub_notification_table = API_TABLE(rows);
