/* web/account/authorize.c - where applications send people: may this one act for you?
 *
 * GET checks the question and shows it; POST is the answer and checks all of it again.  Until application and address are known
 * to belong together nothing is sent anywhere: such mistakes are shown here.  Whatever else is wrong is told to the application, by
 * its address.  Answers carry `iss` (RFC 9207), so that an application with several providers cannot be made to mix them up. */
#include "web/account/account.h"

#include "account/tries.h"
#include "api/space/space_api.h"

struct question {
    struct oauth_app app;
    str redirect_uri, state, scopes, nonce, challenge, prompt;
    const char *refusal; /* told to the application; NULL: none */
    const char *why;
};

/* A parameter that comes twice counts as none: nobody shall read another one than we do. */
static str parameter(struct call *c, const char *name)
{
    str value = { 0 }, again;
    bool is_form = http_method_of(c->http) == HTTP_POST;
    if (is_form) {
        if (!http_form_nth(http_body(c->http), c->a, name, 0, &value)) return STR("");
        return http_form_nth(http_body(c->http), c->a, name, 1, &again) ? STR("") : value;
    }
    if (!http_query_nth(c->http, name, 0, &value)) return STR("");
    return http_query_nth(c->http, name, 1, &again) ? STR("") : value;
}

static void refuse(struct question *q, const char *word, const char *why)
{
    q->refusal = word;
    q->why = why;
}

static bool read_question(struct call *c, struct question *q, struct err *e)
{
    enum { STATE_MAX = 4000, NONCE_MAX = 500 };
    bool found;
    *q = (struct question){ .redirect_uri = parameter(c, "redirect_uri"), .state = parameter(c, "state"), .nonce = parameter(c, "nonce"),
                            .challenge = parameter(c, "code_challenge"), .prompt = parameter(c, "prompt") };
    str method = parameter(c, "code_challenge_method");
    if (!oauth_app_find(call_db(c), parameter(c, "client_id"), &q->app, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "The application that sent you here is not known to this Hearth. Tell its makers: client_id is wrong, or was deleted.");
    if (!oauth_redirect_is(&q->app, q->redirect_uri, c->a))
        return err_set(e, ERR_INVALID, "The application \"%.*s\" wants you to be sent to an address that it has not registered. Nothing was done.", STR_ARG(q->app.name));
    q->scopes = oauth_scopes_within(parameter(c, "scope"), q->app.scopes, c->a);
    if (q->state.n > STATE_MAX || q->nonce.n > NONCE_MAX) {
        q->state = STR("");
        refuse(q, OAUTH_INVALID_REQUEST, "state or nonce is too long");
    } else if (!str_eq(parameter(c, "response_type"), STR("code"))) {
        refuse(q, "unsupported_response_type", "response_type must be code");
    } else if (!q->app.has_secret && !q->challenge.n) {
        refuse(q, OAUTH_INVALID_REQUEST, "a public application must send code_challenge (PKCE)");
    } else if (q->challenge.n && !str_eq(method, STR("S256"))) {
        refuse(q, OAUTH_INVALID_REQUEST, "code_challenge_method must be S256");
    } else if (!q->scopes.n) {
        refuse(q, OAUTH_INVALID_SCOPE, "the application may ask for none of these scopes");
    }
    return true;
}

/* ------------------------------------------------------------------ back to the application */

static void add_pair(struct buf *b, const char *name, str value)
{
    if (!value.n) return;
    buf_byte(b, memchr(b->p, '?', b->n) ? '&' : '?');
    buf_addf(b, "%s=", name);
    http_encode(b, value, "");
}

static bool go_back(struct call *c, const struct question *q, str code, const char *refusal, const char *why)
{
    struct buf b = BUF_INIT(0);
    buf_add(&b, q->redirect_uri);
    add_pair(&b, "code", code);
    add_pair(&b, "error", str_c(refusal));
    add_pair(&b, "error_description", str_c(why));
    add_pair(&b, "state", q->state);
    add_pair(&b, "iss", call_base_url(c));
    str to = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    http_add_header(c->http, "Referrer-Policy", STR("no-referrer"));
    return page_redirect(c, to);
}

static bool allow(struct call *c, const struct question *q, struct err *e)
{
    struct oauth_request r = { &q->app, c->who.user_id, q->redirect_uri, q->scopes, q->challenge, q->nonce };
    struct db_conn *tx;
    struct err why = { 0 };
    str code, what = arena_fmt(c->a, "%.*s: %.*s", STR_ARG(q->app.name), STR_ARG(q->scopes));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_allow(tx, &r, &code, c->a, &why) && audit_add(tx, &c->who, "oauth.allow", c->who.user_id, what, call_peer(c), &why);
    if (page_commit(c, ok, tx, &why)) return go_back(c, q, code, NULL, NULL);
    if (why.kind) return go_back(c, q, (str){ 0 }, why.kind, why.msg);
    *e = why;
    return false;
}

/* ------------------------------------------------------------------ the page */

/* Members of the object that `w` is in: name and what of each scope in the list. */
static void account_write_scopes(struct json_writer *w, const char *name, str scopes)
{
    size_t n;
    const struct oauth_scope *scope = oauth_scopes(&n);
    jw_karray(w, name);
    for (size_t i = 0; i < n; i++) {
        if (!oauth_scope_has(scopes, scope[i].name)) continue;
        jw_object(w);
        jw_kstr(w, "name", scope[i].name);
        jw_kstr(w, "what", scope[i].what);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool write_app(struct page *p, const struct oauth_app *app, struct err *e)
{
    struct account owner = { 0 };
    struct repo space;
    if (app->space_id && !repo_get(call_db(p->c), app->space_id, &space, p->c->a, e)) return false;
    if (app->space_id) owner.name = space.owner;
    if (app->owner_id && !account_get(call_db(p->c), app->owner_id, &owner, p->c->a, e)) return false;
    jw_kobject(&p->w, "app");
    jw_kstr(&p->w, "name", app->name);
    jw_kstr(&p->w, "home_url", app->home_url);
    jw_kstr(&p->w, "owner", owner.name.p ? owner.name : STR(""));
    jw_kbool(&p->w, "is_hf", app->allows_device && !app->owner_id);
    jw_object_end(&p->w);
    return true;
}

static void keep(struct page *p, const char *name)
{
    str value = parameter(p->c, name);
    if (!value.n) return;
    jw_object(&p->w);
    jw_kstr(&p->w, "name", str_c(name));
    jw_kstr(&p->w, "value", value);
    jw_object_end(&p->w);
}

/* What a form on this page may end at: the origin of an address, or the scheme of a program's. */
static str form_target(struct call *c, str uri)
{
    size_t colon = str_chr(uri, ':');
    str scheme = str_to(uri, colon), host = oauth_host_of(uri);
    if ((str_eq(scheme, STR("http")) || str_eq(scheme, STR("https"))) && host.n) return arena_fmt(c->a, "%.*s://%.*s", STR_ARG(scheme), STR_ARG(host));
    return arena_fmt(c->a, "%.*s:", STR_ARG(scheme));
}

static bool show(struct call *c, const struct question *q, struct err *e)
{
    static const char *const kept[] = { "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method" };
    struct page *p = page_new(c, STR("Allow an application"));
    p->form_to = form_target(c, q->redirect_uri);
    if (!write_app(p, &q->app, e)) return false;
    jw_kstr(&p->w, "host", oauth_host_of(q->redirect_uri).n ? oauth_host_of(q->redirect_uri) : q->redirect_uri);
    account_write_scopes(&p->w, "scopes", q->scopes);
    jw_karray(&p->w, "kept");
    for (size_t i = 0; i < COUNT(kept); i++) keep(p, kept[i]);
    jw_array_end(&p->w);
    return page_reply(p, 200, "account/authorize.html", e);
}

/* The Space of an organisation may be for its members alone. */
static bool check_admitted(struct call *c, struct question *q, struct err *e)
{
    bool admitted = true;
    if (q->app.space_id && !space_admits(c, q->app.space_id, &admitted, e)) return false;
    if (!admitted) refuse(q, OAUTH_ACCESS_DENIED, "only members of an organisation that this Space names may sign in to it");
    return true;
}

static bool get_authorize(struct call *c, struct err *e)
{
    struct question q;
    bool consented;
    if (!read_question(c, &q, e)) return false;
    if (q.refusal) return go_back(c, &q, (str){ 0 }, q.refusal, q.why);
    bool silent = str_eq(q.prompt, STR("none"));
    if (!c->session.n || !c->who.user_id)
        return silent ? go_back(c, &q, (str){ 0 }, "login_required", "nobody is signed in") : account_sign_in_first(c);
    if (!check_admitted(c, &q, e)) return false;
    if (q.refusal) return go_back(c, &q, (str){ 0 }, q.refusal, q.why);
    if (!oauth_consented(call_db(c), q.app.id, c->who.user_id, q.scopes, &consented, e)) return false;
    /* A public application at an address that anybody on the machine can take is asked about each time (RFC 8252 8.6). */
    bool proves_itself = q.app.has_secret || str_starts(q.redirect_uri, STR("https://"));
    if (consented && proves_itself && !str_eq(q.prompt, STR("consent"))) return allow(c, &q, e);
    return silent ? go_back(c, &q, (str){ 0 }, "consent_required", "the person has to be asked") : show(c, &q, e);
}

static bool post_authorize(struct call *c, struct err *e)
{
    struct question q;
    if (!account_need_session(c, e) || !read_question(c, &q, e) || !check_admitted(c, &q, e)) return false;
    if (q.refusal) return go_back(c, &q, (str){ 0 }, q.refusal, q.why);
    if (!str_eq(parameter(c, "decision"), STR("allow"))) return go_back(c, &q, (str){ 0 }, OAUTH_ACCESS_DENIED, "the person said no");
    return allow(c, &q, e);
}

/* ------------------------------------------------------------------ devices */

enum { WRONG_CODES_MAX = 20 };

static bool device_page(struct call *c, int status, str done, str problem, const struct oauth_device *d, struct err *e)
{
    struct page *p = page_new(c, STR("Sign in a program"));
    jw_kstr(&p->w, "done", done);
    jw_kstr(&p->w, "problem_text", problem);
    jw_kobject(&p->w, "typed");
    if (problem.n) jw_kstr(&p->w, "user_code", parameter(c, "user_code"));
    jw_object_end(&p->w);
    if (d) {
        if (!write_app(p, &d->app, e)) return false;
        jw_kstr(&p->w, "user_code", parameter(c, "user_code"));
        account_write_scopes(&p->w, "scopes", d->scopes);
    }
    return page_reply(p, status, "account/device.html", e);
}

/* False with *e.code ERR_NONE: the page about it was shown. */
static bool find_device(struct call *c, str code, struct oauth_device *d, struct err *e)
{
    bool found;
    str key = arena_fmt(c->a, "device code %lld", (long long)c->who.user_id);
    e->code = ERR_NONE;
    if (!tries_may(key, WRONG_CODES_MAX)) {
        struct err shown;
        if (!device_page(c, 429, STR(""), STR("Too many wrong codes. Wait a quarter of an hour, then try again."), NULL, &shown)) *e = shown;
        return false;
    }
    if (!oauth_device_find(call_db(c), code, d, &found, c->a, e)) return false;
    if (found) return true;
    struct err shown;
    tries_note(key);
    if (!device_page(c, 404, STR(""), STR("No program waits for this code. It may have been mistyped, or be older than a quarter of an hour."), NULL, &shown)) *e = shown;
    return false;
}

static bool get_device(struct call *c, struct err *e)
{
    struct oauth_device d;
    str code = parameter(c, "user_code");
    if (!c->session.n || !c->who.user_id) return account_sign_in_first(c);
    if (!code.n) return device_page(c, 200, STR(""), STR(""), NULL, e);
    if (!find_device(c, code, &d, e)) return e->code == ERR_NONE;
    return device_page(c, 200, STR(""), STR(""), &d, e);
}

static bool post_device(struct call *c, struct err *e)
{
    struct oauth_device d;
    struct db_conn *tx;
    bool allows = str_eq(page_field(c, "decision"), STR("allow"));
    if (!account_need_session(c, e)) return false;
    if (!find_device(c, parameter(c, "user_code"), &d, e)) return e->code == ERR_NONE;
    str verdict = allows ? d.scopes : STR("no");
    str what = arena_fmt(c->a, "%.*s on a device: %.*s", STR_ARG(d.app.name), STR_ARG(verdict));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_device_decide(tx, &d, c->who.user_id, allows, e) &&
              audit_add(tx, &c->who, allows ? "oauth.allow" : "oauth.deny", c->who.user_id, what, call_peer(c), e);
    if (!page_commit(c, ok, tx, e)) return false;
    return device_page(c, 200, allows ? STR("Done. Go back to your program: it is signed in within some seconds.")
                                      : STR("The program was told no. You can close this page."), STR(""), NULL, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/oauth/authorize", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_authorize, "page.oauth.authorize", SHAPE_PAGE },
    { HTTP_POST, "/oauth/authorize", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_authorize, "page.oauth.decide", SHAPE_PAGE },
    { HTTP_GET, "/oauth/device", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_device, "page.oauth.device", SHAPE_PAGE },
    { HTTP_POST, "/oauth/device/decide", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_device, "page.oauth.device.decide", SHAPE_PAGE },
};
const struct api_table web_authorize = API_TABLE(rows);
