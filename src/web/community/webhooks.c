/* web/community/webhooks.c - webhooks of an account: making, changing, their log, sending once more. */
#include "hub/community/webhook.h"
#include "web/community/community.h"

enum { FORM_BYTES_MAX = 64 << 10, LOG_SHOWN = 50 };

static bool need_session(struct call *c, struct err *e)
{
    return c->session.n || err_set(e, ERR_DENIED, "Sign in with a browser for this; an access token uses /api/settings/webhooks");
}

static void write_watched(struct json_writer *w, const struct webhook_watched *list, size_t n)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < n; i++) buf_addf(&b, "%s%.*s:%.*s", i ? "\n" : "", STR_ARG(list[i].kind), STR_ARG(list[i].name));
    jw_kstr(w, "watched", buf_str(&b));
    buf_deinit(&b);
}

/* The form: empty, of a webhook, or as it was sent and refused. */
static void write_form(struct page *p, const struct webhook *h, const struct webhook_change *tried)
{
    struct json_writer *w = &p->w;
    jw_kobject(w, "form");
    jw_kstr(w, "url", tried ? tried->url : h ? h->url : STR(""));
    jw_kbool(w, "on_repo", tried ? tried->on_repo : !h || h->on_repo);
    jw_kbool(w, "on_discussion", tried ? tried->on_discussion : !h || h->on_discussion);
    jw_kbool(w, "has_secret", h && h->has_secret);
    if (tried) write_watched(w, tried->watched, tried->watched_count);
    else if (h) write_watched(w, h->watched, h->watched_count);
    else jw_kstr(w, "watched", arena_fmt(p->c->a, "user:%.*s", STR_ARG(p->c->who.name)));
    jw_object_end(w);
}

static void write_hook(struct json_writer *w, const struct webhook *h)
{
    jw_kstr(w, "id", h->hex_id);
    jw_kstr(w, "url", h->url);
    jw_kstr(w, "state", h->state);
    jw_kint(w, "triggered_ms", h->triggered_ms);
    write_watched(w, h->watched, h->watched_count);
}

/* ------------------------------------------------------------------ the list */

static bool list_page(struct call *c, int status, const struct webhook_change *tried, str problem, struct err *e)
{
    struct webhook *hook;
    size_t n;
    if (!need_session(c, e) || !webhook_list(call_db(c), c->who.user_id, c->a, &hook, &n, e)) return false;
    struct page *p = page_new(c, STR("Webhooks"));
    struct json_writer *w = &p->w;
    jw_kstr(w, "problem_text", problem);
    write_form(p, NULL, tried);
    int64_t newest_ms = 0;
    jw_karray(w, "hooks");
    for (size_t i = 0; i < n; i++) {
        if (hook[i].created_ms > newest_ms) newest_ms = hook[i].created_ms;
        jw_object(w);
        write_hook(w, &hook[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "newest_ms", newest_ms);
    return page_reply(p, status, "community/webhooks.html", e);
}

static bool get_list(struct call *c, struct err *e) { return list_page(c, 200, NULL, STR(""), e); }

/* "model:owner/name" a line; one more than may be, so that too many are refused. */
static void read_change(struct call *c, struct webhook_change *q)
{
    str lines = page_field(c, "watched"), line;
    struct webhook_watched *list = arena_alloc(c->a, (WEBHOOK_WATCHED_MAX + 1) * sizeof *list);
    *q = (struct webhook_change){ .url = page_field(c, "url"), .secret = page_field(c, "secret"), .watched = list,
                                  .on_repo = page_field(c, "on_repo").n > 0, .on_discussion = page_field(c, "on_discussion").n > 0 };
    if (!q->url.p) q->url = STR("");
    if (!q->secret.n) q->secret = (str){ 0 }; /* as it is */
    if (page_field(c, "no_secret").n) q->secret = STR("");
    while (q->watched_count <= WEBHOOK_WATCHED_MAX && str_cut(&lines, '\n', &line)) {
        line = str_trim(line);
        size_t colon = str_chr(line, ':');
        if (!line.n) continue;
        list[q->watched_count++] = (struct webhook_watched){ colon == STR_NONE ? line : str_trim(str_to(line, colon)),
                                                             colon == STR_NONE ? STR("") : str_trim(str_from(line, colon + 1)) };
    }
}

static str hook_path(struct call *c, str hex_id) { return arena_fmt(c->a, "/settings/webhooks/%.*s", STR_ARG(hex_id)); }

static bool post_create(struct call *c, struct err *e)
{
    struct webhook_change q;
    struct webhook made;
    struct err why;
    if (!need_session(c, e)) return false;
    read_change(c, &q);
    q.sent_since_ms = page_form_since_ms(c);
    if (webhook_create(c->hub, c->who.user_id, &q, &made, c->a, &why)) return page_redirect(c, hook_path(c, made.hex_id));
    if (api_status_of(&why) < 500) return list_page(c, api_status_of(&why), &q, str_c(why.msg), e);
    *e = why;
    return false;
}

/* ------------------------------------------------------------------ one of them */

static bool find(struct call *c, struct webhook *out, struct err *e)
{
    bool found = false;
    if (!need_session(c, e) || !webhook_find(call_db(c), c->who.user_id, call_param(c, "webhook"), out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "You have no such webhook");
}

static bool hook_page(struct call *c, int status, const struct webhook *hook, const struct webhook_change *tried, str problem, struct err *e)
{
    struct webhook_delivery *log;
    size_t n;
    if (!webhook_deliveries(call_db(c), hook->id, LOG_SHOWN, c->a, &log, &n, e)) return false;
    struct page *p = page_new(c, STR("Webhook"));
    struct json_writer *w = &p->w;
    jw_kstr(w, "problem_text", problem);
    jw_kobject(w, "hook");
    write_hook(w, hook);
    jw_object_end(w);
    write_form(p, hook, tried);
    jw_karray(w, "log");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "id", log[i].hex_id);
        jw_kstr(w, "what", log[i].what);
        jw_kstr(w, "about", log[i].about);
        jw_kstr(w, "state", log[i].state);
        jw_kstr(w, "payload", log[i].payload);
        jw_kstr(w, "answer", log[i].answer);
        jw_kint(w, "attempts", log[i].attempts);
        jw_kint(w, "status", log[i].status);
        jw_kint(w, "took_ms", log[i].took_ms);
        jw_kint(w, "at_ms", log[i].created_ms);
        jw_object_end(w);
    }
    jw_array_end(w);
    return page_reply(p, status, "community/webhook.html", e);
}

static bool get_one(struct call *c, struct err *e)
{
    struct webhook hook;
    return find(c, &hook, e) && hook_page(c, 200, &hook, NULL, STR(""), e);
}

static bool post_update(struct call *c, struct err *e)
{
    struct webhook_change q;
    struct webhook hook;
    struct err why;
    if (!find(c, &hook, e)) return false;
    read_change(c, &q);
    if (webhook_update(c->hub, &hook, &q, &why)) return page_redirect(c, page_saved(c, hook_path(c, hook.hex_id)));
    if (api_status_of(&why) < 500) return hook_page(c, api_status_of(&why), &hook, &q, str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_act(struct call *c, struct err *e)
{
    struct webhook hook;
    str act = page_field(c, "act");
    if (!find(c, &hook, e)) return false;
    if (str_eq(act, STR("delete"))) return webhook_delete(c->hub, &hook, e) && page_redirect(c, STR("/settings/webhooks"));
    if (!str_eq(act, STR("enable")) && !str_eq(act, STR("disable"))) return err_set(e, ERR_INVALID, "A webhook is switched on, off, or deleted");
    return webhook_enable(c->hub, &hook, str_eq(act, STR("enable")), e) && page_redirect(c, hook_path(c, hook.hex_id));
}

static bool post_replay(struct call *c, struct err *e)
{
    struct webhook hook;
    bool found = false;
    int status;
    const struct webhook_sender *sender = call_sender(c);
    if (!find(c, &hook, e)) return false;
    if (!sender) return err_set(e, ERR_NOT_BUILT, "This server sends nothing");
    call_give_back(c); /* it may take its time */
    if (!webhook_replay(c->hub, sender, &hook, call_param(c, "log"), &status, &found, e)) return false;
    return found ? page_redirect(c, hook_path(c, hook.hex_id)) : err_set(e, ERR_NOT_FOUND, "The log has no such delivery");
}

#define ALL "/settings/webhooks"
static const struct api_route rows[] = {
    { HTTP_GET, ALL, PERM_USER, HTTP_BODY_NONE, 0, 0, get_list, "page.webhooks", SHAPE_PAGE },
    { HTTP_POST, ALL, PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_create, "page.webhook.create", SHAPE_PAGE },
    { HTTP_GET, ALL "/:webhook", PERM_USER, HTTP_BODY_NONE, 0, 0, get_one, "page.webhook", SHAPE_PAGE },
    { HTTP_POST, ALL "/:webhook", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_update, "page.webhook.update", SHAPE_PAGE },
    { HTTP_POST, ALL "/:webhook/act", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_act, "page.webhook.act", SHAPE_PAGE },
    { HTTP_POST, ALL "/:webhook/replay/:log", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_replay, "page.webhook.replay", SHAPE_PAGE },
};
const struct api_table web_webhooks = API_TABLE(rows);
