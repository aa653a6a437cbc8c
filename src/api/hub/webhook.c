/* api/hub/webhook.c - webhooks of the caller.  What was sent as a secret is never shown again: clients are told that there
 * is one, and only the answer to the request that sent it repeats it. */
#include "hub/community/webhook.h"

#include "api/api_priv.h"
#include "api/hub/hub_api.h"

static void write_webhook(struct call *c, struct json_writer *w, const struct webhook *hook, str secret)
{
    jw_object(w);
    jw_kstr(w, "id", hook->hex_id);
    jw_kstr(w, "url", hook->url);
    jw_karray(w, "watched");
    for (size_t i = 0; i < hook->watched_count; i++) {
        str name = hook->watched[i].name;
        size_t slash = str_chr(name, '/');
        jw_object(w);
        jw_kstr(w, "type", hook->watched[i].kind);
        jw_kstr(w, "name", name);
        jw_kstr(w, "avatarUrl", call_avatar_url(c, str_to(name, slash == STR_NONE ? name.n : slash)));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_karray(w, "domains");
    if (hook->on_repo) jw_str(w, STR("repo"));
    if (hook->on_discussion) jw_str(w, STR("discussion"));
    jw_array_end(w);
    jw_kbool(w, "hasSecret", hook->has_secret);
    if (secret.n) jw_kstr(w, "secret", secret);
    if (str_eq(hook->state, STR("suspended"))) jw_kstr(w, "disabled", STR("suspended-after-failure"));
    else jw_kbool(w, "disabled", !str_eq(hook->state, STR("enabled")));
    if (hook->triggered_ms) jw_kdate(w, "lastTriggerAt", hook->triggered_ms);
    jw_object_end(w);
}

static bool find(struct call *c, struct webhook *out, struct err *e)
{
    bool found = false;
    str id = call_param(c, "webhook");
    if (!webhook_find(call_db(c), c->who.user_id, id, out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "You have no webhook %.*s", STR_ARG(str_to(id, 40)));
}

/* As it is now. */
static bool reply(struct call *c, str hex_id, str secret, struct err *e)
{
    struct webhook hook;
    bool found = false;
    if (!webhook_find(call_db(c), c->who.user_id, hex_id, &hook, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "This webhook is gone");
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_key(&w, STR("webhook"));
    write_webhook(c, &w, &hook, secret);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_list(struct call *c, struct err *e)
{
    struct webhook *hook;
    size_t n;
    if (!call_need_whole_token(c, e) || !webhook_list(call_db(c), c->who.user_id, c->a, &hook, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) write_webhook(c, &w, &hook[i], STR(""));
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_one(struct call *c, struct err *e)
{
    return call_need_whole_token(c, e) && reply(c, call_param(c, "webhook"), STR(""), e);
}

/* ------------------------------------------------------------------ changing */

static bool read_watched(struct call *c, const struct json *body, struct webhook_change *q, struct err *e)
{
    const struct json *list = json_get(body, STR("watched"));
    if (!json_is(list, JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"watched\" is required: a list of objects with \"type\" and \"name\"");
    if (list->count > WEBHOOK_WATCHED_MAX) return err_set(e, ERR_INVALID, "A webhook watches %d names at most", WEBHOOK_WATCHED_MAX);
    struct webhook_watched *watched = arena_alloc(c->a, (list->count + 1) * sizeof *watched);
    json_each (item, list) {
        struct webhook_watched *x = &watched[q->watched_count++];
        if (!json_need_str(item, "type", &x->kind, e) || !json_need_str(item, "name", &x->name, e)) return false;
    }
    q->watched = watched;
    return true;
}

static bool read_change(struct call *c, struct webhook_change *q, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    *q = (struct webhook_change){ 0 };
    if (json_get(body, STR("job")) || json_get(body, STR("jobSourceId")))
        return err_set(e, ERR_NOT_BUILT, "Jobs are not built in this version of Hearth; give a \"url\"");
    if (!json_need_str(body, "url", &q->url, e) || !read_watched(c, body, q, e)) return false;
    const struct json *domains = json_get(body, STR("domains")), *secret = json_get(body, STR("secret"));
    if (!json_is(domains, JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"domains\" is required: some of [repo, discussion]");
    json_each (d, domains) {
        bool repo = d->type == JSON_STRING && str_eq(d->s, STR("repo"));
        bool discussion = d->type == JSON_STRING && (str_eq(d->s, STR("discussion")) || str_eq(d->s, STR("discussions")));
        if (!repo && !discussion) return err_set(e, ERR_INVALID, "\"domains\" may name [repo, discussion]");
        q->on_repo = q->on_repo || repo;
        q->on_discussion = q->on_discussion || discussion;
    }
    if (secret && secret->type != JSON_NULL && !json_str(secret, &q->secret)) return err_set(e, ERR_INVALID, "\"secret\" must be a string");
    return true;
}

static bool may_change(struct call *c, struct err *e)
{
    struct token_target me = { STR("user"), c->who.name, STR(""), c->who.name };
    return identity_token_allows(&c->who, RIGHT_ACCOUNT, &me) ||
           err_set(e, ERR_DENIED, "This token may not change webhooks. Use one with the role write");
}

static bool post_create(struct call *c, struct err *e)
{
    struct webhook_change q;
    struct webhook made;
    return may_change(c, e) && read_change(c, &q, e) && webhook_create(c->hub, c->who.user_id, &q, &made, c->a, e) &&
           reply(c, made.hex_id, q.secret, e);
}

static bool post_update(struct call *c, struct err *e)
{
    struct webhook_change q;
    struct webhook hook;
    return may_change(c, e) && find(c, &hook, e) && read_change(c, &q, e) && webhook_update(c->hub, &hook, &q, e) &&
           reply(c, hook.hex_id, q.secret, e);
}

static bool delete_one(struct call *c, struct err *e)
{
    struct webhook hook;
    return may_change(c, e) && find(c, &hook, e) && webhook_delete(c->hub, &hook, e) && call_reply_ok(c);
}

static bool post_action(struct call *c, struct err *e)
{
    struct webhook hook;
    bool enables = str_eq(call_param(c, "action"), STR("enable"));
    return may_change(c, e) && find(c, &hook, e) && webhook_enable(c->hub, &hook, enables, e) && reply(c, hook.hex_id, STR(""), e);
}

static bool post_replay(struct call *c, struct err *e)
{
    struct webhook hook;
    bool found = false;
    int status = 0;
    const struct webhook_sender *sender = call_sender(c);
    if (!may_change(c, e) || !find(c, &hook, e)) return false;
    if (!sender) return err_set(e, ERR_NOT_BUILT, "This server sends nothing");
    call_give_back(c); /* it may take its time */
    if (!webhook_replay(c->hub, sender, &hook, call_param(c, "log"), &status, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "The log has no delivery %.*s", STR_ARG(str_to(call_param(c, "log"), 40)));
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "{\"status\":%d}", status);
    return call_reply_json(c, 200, &b);
}

#define ALL "/api/settings/webhooks"
static const struct api_route rows[] = {
    { HTTP_GET, ALL, PERM_USER, HTTP_BODY_NONE, 0, 0, get_list, "webhook.list", SHAPE_HUB },
    { HTTP_POST, ALL, PERM_USER_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_create, "webhook.create", SHAPE_HUB },
    { HTTP_GET, ALL "/:webhook", PERM_USER, HTTP_BODY_NONE, 0, 0, get_one, "webhook.get", SHAPE_HUB },
    { HTTP_POST, ALL "/:webhook", PERM_USER_WRITE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_update, "webhook.update", SHAPE_HUB },
    { HTTP_DELETE, ALL "/:webhook", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_one, "webhook.delete", SHAPE_HUB },
    { HTTP_POST, ALL "/:webhook/:action(enable|disable)", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_action, "webhook.enable", SHAPE_HUB },
    { HTTP_POST, ALL "/:webhook/replay/:log", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_replay, "webhook.replay", SHAPE_HUB },
};
const struct api_table hub_webhook_table = API_TABLE(rows);
