/* web/chat/chat.c - conversations with a hosted model.  The page is a frame; chat.js talks to the API that programs
 * use and keeps conversations in the browser: this server has no copy, but of those that their owner shares. */
#include "api/infer/infer_api.h"
#include "hub/index/list.h"
#include "hub/shared_chat.h"
#include "hub/text/markdown.h"
#include "web/frame/page.h"

enum { MODELS_SHOWN = 100, SHARE_BODY_MAX = SHARED_CHAT_BYTES_MAX + (64 << 10), FORM_BYTES_MAX = 4 << 10 };

/* ------------------------------------------------------------------ the page */

/* Those with the tag that this server runs for him who asks, behind the *n that are listed already. */
static bool served_models(struct call *c, str tag, str *name, size_t *n, struct err *e)
{
    size_t known = *n;
    struct list_query q = { .kind = REPO_MODEL, .who = &c->who, .gated = -1, .tags = &tag, .tags_count = 1, .sort = SORT_TRENDING,
                            .limit = MODELS_SHOWN };
    struct list_page list;
    if (!list_repos(call_db(c), &q, c->a, &list, e)) return false;
    for (size_t i = 0; i < list.n; i++) {
        bool is_new = true;
        for (size_t k = 0; k < known; k++) is_new = is_new && !str_eq(name[k], list.row[i].repo.full_name);
        if (is_new && model_task_served(c, &list.row[i]).n) name[(*n)++] = list.row[i].repo.full_name;
    }
    return true;
}

static bool get_chat(struct call *c, struct err *e)
{
    str name[2 * MODELS_SHOWN];
    size_t chatting = 0;
    if (!served_models(c, STR("conversational"), name, &chatting, e)) return false;
    size_t n = chatting; /* those without a chat template go on with a text */
    if (!served_models(c, STR("text-generation"), name, &n, e)) return false;
    struct page *p = page_new(c, STR("Chat"));
    str wanted = call_query(c, "model");
    bool is_listed = !wanted.n;
    jw_kstr(&p->w, "wanted", wanted.p ? wanted : STR(""));
    jw_karray(&p->w, "models");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", name[i]);
        jw_kbool(&p->w, "continues", i >= chatting);
        jw_object_end(&p->w);
        is_listed = is_listed || str_eq_nocase(wanted, name[i]);
    }
    jw_array_end(&p->w);
    jw_kbool(&p->w, "is_listed", is_listed);
    return page_reply(p, 200, "chat/chat.html", e);
}

/* ------------------------------------------------------------------ sharing */

static bool post_share(struct call *c, struct err *e)
{
    struct json *body;
    struct repo model;
    struct shared_chat made;
    struct db_conn *tx;
    str name;
    if (!call_json(c, &body, e) || !json_need_str(body, "model", &name, e) || !call_find_repo(c, REPO_MODEL, name, REPO_READ, &model, e)) return false;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = shared_chat_create(tx, &c->who, &model, json_str_or(body, STR("title"), STR("")), json_get(body, STR("messages")), &made, c->a, e);
    if (!page_commit(c, ok, tx, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "id", made.hex_id);
    jw_kstr(&w, "url", arena_fmt(c->a, "%.*s/chat/shared/%.*s", STR_ARG(call_base_url(c)), STR_ARG(made.hex_id)));
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool no_chat(struct err *e) { return err_set(e, ERR_NOT_FOUND, "There is no such conversation"); }

/* Only who may read the model; everybody else learns nothing. */
static bool find_shared(struct call *c, struct shared_chat *out, struct err *e)
{
    bool found;
    struct repo model;
    struct err ignored;
    if (!shared_chat_find(call_db(c), call_param(c, "id"), out, &found, c->a, e)) return false;
    if (!found || !repo_get(call_db(c), out->repo_id, &model, c->a, &ignored) || !call_allow(c, &model, REPO_READ, &ignored)) return no_chat(e);
    return true;
}

/* Answers as Markdown; where that cannot be, and what people typed, as it is. */
static void write_message(struct page *p, const struct json *m)
{
    struct clean_base base = { 0 };
    struct buf html = BUF_INIT(8 << 20);
    struct err ignored;
    str role = json_str_or(m, STR("role"), STR("")), content = json_str_or(m, STR("content"), STR(""));
    jw_object(&p->w);
    jw_kstr(&p->w, "role", role);
    jw_kstr(&p->w, "model", json_str_or(m, STR("model"), STR("")));
    if (str_eq(role, STR("assistant")) && markdown_html(content, &base, &html, &ignored)) jw_kstr(&p->w, "html", buf_str(&html));
    else jw_kstr(&p->w, "text", content);
    jw_object_end(&p->w);
    buf_deinit(&html);
}

static bool get_shared(struct call *c, struct err *e)
{
    struct shared_chat shared;
    struct json *messages;
    if (!find_shared(c, &shared, e) || !json_parse(shared.messages, c->a, &messages, e)) return false;
    struct page *p = page_new(c, shared.title);
    jw_kstr(&p->w, "id", shared.hex_id);
    jw_kstr(&p->w, "owner", shared.owner);
    jw_kstr(&p->w, "model", shared.model);
    jw_kint(&p->w, "created_ms", shared.created_ms);
    jw_kbool(&p->w, "may_remove", c->session.n && (shared.owner_id == c->who.user_id || c->who.is_admin));
    jw_karray(&p->w, "messages");
    json_each (m, messages) write_message(p, m);
    jw_array_end(&p->w);
    return page_reply(p, 200, "chat/shared.html", e);
}

static bool get_mine(struct call *c, struct err *e)
{
    struct shared_chat *list;
    size_t n;
    if (!call_need_whole_token(c, e) || !shared_chat_list(call_db(c), c->who.user_id, c->a, &list, &n, e)) return false;
    struct page *p = page_new(c, STR("Shared conversations"));
    jw_karray(&p->w, "shared");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "id", list[i].hex_id);
        jw_kstr(&p->w, "title", list[i].title);
        jw_kstr(&p->w, "model", list[i].model);
        jw_kint(&p->w, "created_ms", list[i].created_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "chat/shares.html", e);
}

static bool post_remove(struct call *c, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = shared_chat_remove(tx, &c->who, call_param(c, "id"), &found, e) && (found || no_chat(e));
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/chat/shared"));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/chat", PERM_USER, HTTP_BODY_NONE, 0, 0, get_chat, "page.chat", SHAPE_PAGE },
    { HTTP_POST, "/chat/share", PERM_USER_WRITE, HTTP_BODY_WHOLE, SHARE_BODY_MAX, 0, post_share, "page.chat.share", SHAPE_HUB },
    { HTTP_GET, "/chat/shared", PERM_USER, HTTP_BODY_NONE, 0, 0, get_mine, "page.chat.shares", SHAPE_PAGE },
    { HTTP_GET, "/chat/shared/:id", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_shared, "page.chat.shared", SHAPE_PAGE },
    { HTTP_POST, "/chat/shared/:id/delete", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_remove, "page.chat.unshare", SHAPE_PAGE },
};
const struct api_table web_chat = API_TABLE(rows);
