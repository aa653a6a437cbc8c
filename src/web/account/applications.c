/* web/account/applications.c - applications: those that act for a person, and those that he made. */
#include "web/account/account.h"

static const str form_scopes = STR_INIT("openid profile"); /* chosen in an empty form */

/* ------------------------------------------------------------------ pages */

static void write_form(struct json_writer *w, const struct oauth_app *app, struct arena *a)
{
    struct json *uris;
    struct err ignored;
    struct buf lines = BUF_INIT(0);
    size_t n;
    const struct oauth_scope *scope = oauth_scopes(&n);
    str uri;
    if (app->redirect_uris.n && json_parse(app->redirect_uris, a, &uris, &ignored)) {
        json_each (item, uris)
            if (json_str(item, &uri)) buf_addf(&lines, "%.*s\n", STR_ARG(uri));
    }
    jw_kobject(w, "form");
    jw_kstr(w, "name", app->name);
    jw_kstr(w, "home_url", app->home_url);
    jw_kstr(w, "redirect_uris", buf_str(&lines));
    jw_kbool(w, "allows_device", app->allows_device);
    jw_karray(w, "scopes");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "name", scope[i].name);
        jw_kstr(w, "what", scope[i].what);
        jw_kbool(w, "chosen", oauth_scope_has(app->scopes, scope[i].name));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    buf_deinit(&lines);
}

static void write_app(struct json_writer *w, const struct oauth_app *app)
{
    jw_kstr(w, "name", app->name);
    jw_kstr(w, "client_id", app->client_id);
    jw_kbool(w, "has_secret", app->has_secret);
    jw_kint(w, "created_ms", app->created_ms);
}

static bool write_allowed(struct page *p, struct err *e)
{
    struct call *c = p->c;
    struct oauth_consent *s;
    size_t n;
    if (!oauth_consents(call_db(c), c->who.user_id, c->a, &s, &n, e)) return false;
    jw_karray(&p->w, "allowed");
    for (size_t i = 0; i < n; i++) {
        struct account owner = { 0 };
        if (s[i].app.owner_id && !account_get(call_db(c), s[i].app.owner_id, &owner, c->a, e)) return false;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", s[i].app.name);
        jw_kstr(&p->w, "client_id", s[i].app.client_id);
        jw_kstr(&p->w, "owner", owner.name.p ? owner.name : STR(""));
        jw_kstr(&p->w, "scopes", s[i].scopes);
        jw_kint(&p->w, "created_ms", s[i].created_ms);
        jw_kint(&p->w, "tokens", s[i].tokens);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool list_page(struct call *c, int status, const struct oauth_app *form, str problem, struct err *e)
{
    struct oauth_app *app, empty = { .scopes = form_scopes };
    size_t n;
    if (!account_need_session(c, e) || !oauth_app_list(call_db(c), c->who.user_id, c->a, &app, &n, e)) return false;
    struct page *p = page_new(c, STR("Applications"));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "kind");
    write_form(&p->w, form ? form : &empty, c->a);
    int64_t newest_ms = 0;
    jw_karray(&p->w, "mine");
    for (size_t i = 0; i < n; i++) {
        if (app[i].created_ms > newest_ms) newest_ms = app[i].created_ms;
        jw_object(&p->w);
        write_app(&p->w, &app[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, "newest_ms", newest_ms);
    return write_allowed(p, e) && page_reply(p, status, "account/applications.html", e);
}

static bool app_page(struct call *c, int status, const struct oauth_app *app, const struct oauth_app *form, str secret, bool saved, str problem, struct err *e)
{
    struct page *p = page_new(c, app->name);
    jw_kobject(&p->w, "app");
    write_app(&p->w, app);
    jw_object_end(&p->w);
    write_form(&p->w, form, c->a);
    jw_kstr(&p->w, "secret", secret);
    jw_kbool(&p->w, "saved", saved);
    jw_kstr(&p->w, "problem_text", problem);
    return page_reply(p, status, "account/application.html", e);
}

/* ------------------------------------------------------------------ forms */

/* The form's lines as a JSON list, its boxes as a list of words. */
static void read_form(struct call *c, struct oauth_app *app)
{
    struct buf uris = BUF_INIT(0), scopes = BUF_INIT(0);
    struct json_writer w = json_writer(&uris);
    str rest = page_field(c, "redirect_uris"), line, word, name = page_field(c, "name"), home = page_field(c, "home_url");
    jw_array(&w);
    while (rest.p && str_cut(&rest, '\n', &line))
        if (str_trim(line).n) jw_str(&w, str_trim(line));
    jw_array_end(&w);
    for (str given = http_body(c->http); http_form_next(&given, c->a, "scope", &word);) buf_addf(&scopes, "%.*s ", STR_ARG(word));
    app->name = name.p ? name : STR("");
    app->home_url = home.p ? home : STR("");
    app->redirect_uris = arena_dup(c->a, buf_str(&uris));
    app->scopes = scopes.n ? arena_dup(c->a, buf_str(&scopes)) : STR("none");
    app->allows_device = page_field(c, "device").n != 0;
    buf_deinit(&uris);
    buf_deinit(&scopes);
}

static bool http_is_fine(struct call *c) { return str_starts(call_base_url(c), STR("http://")); }

static bool mine(struct call *c, struct oauth_app *out, struct err *e)
{
    bool found;
    if (!account_need_session(c, e) || !oauth_app_find(call_db(c), call_param(c, "client"), out, &found, c->a, e)) return false;
    return (found && out->owner_id == c->who.user_id) || err_set(e, ERR_NOT_FOUND, "You have no such application");
}

static bool noted(struct call *c, struct db_conn *tx, const char *type, const struct oauth_app *app, struct err *e)
{
    return audit_add(tx, &c->who, type, c->who.user_id, app->name, call_peer(c), e);
}

static bool get_list(struct call *c, struct err *e) { return list_page(c, 200, NULL, STR(""), e); }

/* Was this form sent before?  Then the application of that name is newer than the newest that the form knew. */
static bool find_sent(struct call *c, struct db_conn *tx, str name, struct oauth_app *out, bool *sent, struct err *e)
{
    struct oauth_app *app;
    size_t n;
    int64_t since_ms = page_form_since_ms(c);
    *sent = false;
    if (!since_ms) return true;
    if (!oauth_app_list(tx, c->who.user_id, c->a, &app, &n, e)) return false;
    for (size_t i = 0; i < n && !*sent; i++) {
        *sent = app[i].created_ms >= since_ms && str_eq(app[i].name, name);
        *out = app[i];
    }
    return true;
}

static bool post_create(struct call *c, struct err *e)
{
    struct oauth_app wanted = { .owner_id = c->who.user_id, .token_seconds = OAUTH_TOKEN_SECONDS }, made;
    struct db_conn *tx;
    struct err why = { 0 };
    str secret = { 0 };
    bool sent = false;
    if (!account_need_session(c, e)) return false;
    read_form(c, &wanted);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = find_sent(c, tx, wanted.name, &made, &sent, &why);
    if (ok && !sent)
        ok = oauth_app_create(tx, &wanted, str_eq(page_field(c, "kind"), STR("secret")), http_is_fine(c), &made, &secret, c->a, &why) &&
             noted(c, tx, "oauth.app.create", &made, &why);
    str problem = sent && made.has_secret ? STR("It was created when this was sent the first time, and its secret shown then; if you did not see it, create a new one below") : STR("");
    if (page_commit(c, ok, tx, &why)) return app_page(c, problem.n ? 409 : 200, &made, &made, secret.p ? secret : STR(""), false, problem, e);
    if (api_status_of(&why) < 500) return list_page(c, api_status_of(&why), &wanted, str_c(why.msg), e);
    *e = why;
    return false;
}

static bool get_app(struct call *c, struct err *e)
{
    struct oauth_app app;
    return mine(c, &app, e) && app_page(c, 200, &app, &app, STR(""), false, STR(""), e);
}

static bool post_app(struct call *c, struct err *e)
{
    struct oauth_app app, changed;
    struct db_conn *tx;
    struct err why = { 0 };
    if (!mine(c, &app, e)) return false;
    changed = app;
    read_form(c, &changed);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_app_update(tx, &changed, http_is_fine(c), c->a, &why) && noted(c, tx, "oauth.app.update", &changed, &why);
    if (page_commit(c, ok, tx, &why)) return app_page(c, 200, &changed, &changed, STR(""), true, STR(""), e);
    if (api_status_of(&why) < 500) return app_page(c, api_status_of(&why), &app, &changed, STR(""), false, str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_secret(struct call *c, struct err *e)
{
    struct oauth_app app;
    struct db_conn *tx;
    str secret;
    if (!mine(c, &app, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_app_new_secret(tx, app.id, &secret, c->a, e) && noted(c, tx, "oauth.app.secret", &app, e);
    return page_commit(c, ok, tx, e) && app_page(c, 200, &app, &app, secret, false, STR(""), e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct oauth_app app;
    struct db_conn *tx;
    struct err why;
    if (!mine(c, &app, e)) return false;
    if (!page_confirm(c, app.name, &why)) return app_page(c, 400, &app, &app, STR(""), false, str_c(why.msg), e);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_app_delete(tx, app.id, e) && noted(c, tx, "oauth.app.delete", &app, e);
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/applications"));
}

static bool post_withdraw(struct call *c, struct err *e)
{
    struct oauth_app app;
    struct db_conn *tx;
    bool found;
    str id = page_field(c, "client_id");
    if (!account_need_session(c, e) || !oauth_app_find(call_db(c), id, &app, &found, c->a, e)) return false;
    if (!found) return page_redirect(c, STR("/settings/applications")); /* deleted meanwhile, and all it had with it */
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_withdraw(tx, app.id, c->who.user_id, e) && noted(c, tx, "oauth.withdraw", &app, e);
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/applications"));
}

#define POST(pattern, fn, name) { HTTP_POST, pattern, PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, fn, name, SHAPE_PAGE }
static const struct api_route rows[] = {
    { HTTP_GET, "/settings/applications", PERM_USER, HTTP_BODY_NONE, 0, 0, get_list, "page.applications", SHAPE_PAGE },
    POST("/settings/applications", post_create, "page.application.create"),
    POST("/settings/applications/withdraw", post_withdraw, "page.application.withdraw"),
    { HTTP_GET, "/settings/applications/:client", PERM_USER, HTTP_BODY_NONE, 0, 0, get_app, "page.application", SHAPE_PAGE },
    POST("/settings/applications/:client", post_app, "page.application.change"),
    POST("/settings/applications/:client/secret", post_secret, "page.application.secret"),
    POST("/settings/applications/:client/delete", post_delete, "page.application.delete"),
};
const struct api_table web_applications = API_TABLE(rows);
