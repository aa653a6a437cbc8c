/* web/account/login.c - signing in and out.
 *
 * A password takes a tenth of a second to check, two at a time in the whole process (account/password.c); besides, who
 * was wrong too often waits (account/tries.h).  A session is begun anew at every sign-in.
 *
 * An account with a second factor has two steps: the right password gives the cookie hearth_code, which is half a session
 * (account/second_factor.h), and that with a code gives the session. */
#include "account/tries.h"
#include "api/oauth/external.h"
#include "hub/second_factor.h"
#include "web/account/account.h"

#define CODE_COOKIE "hearth_code"
enum { FORM_BYTES_MAX = 64 << 10 };

/* ------------------------------------------------------------------ sessions */

static void set_cookie(struct call *c, const char *name, str value, const char *path, int64_t seconds)
{
    bool secure = str_starts(call_base_url(c), STR("https://"));
    http_add_headerf(c->http, "Set-Cookie", "%s=%.*s; Path=%s; HttpOnly; SameSite=Lax; Max-Age=%lld%s", name, STR_ARG(value), path,
                     (long long)seconds, secure ? "; Secure" : "");
}

bool account_sign_in(struct call *c, struct db_conn *tx, int64_t account_id, struct err *e)
{
    enum { COOKIE_SECONDS = 90 * 86400 }; /* the server ends a session earlier, when nobody comes back */
    char secret[SESSION_SECRET + 1];
    if (c->session.n && !session_end(tx, c->session, e)) return false;
    if (!session_begin(tx, account_id, http_header(c->http, "User-Agent"), secret, e)) return false;
    set_cookie(c, call_session_cookie(c), str_c(secret), "/", COOKIE_SECONDS);
    return true;
}

bool account_sign_in_first(struct call *c)
{
    enum { NEXT_MAX = 4000 }; /* the way back goes into a header */
    struct buf b = BUF_INIT(0);
    str query = http_query_raw(c->http), path = http_path(c->http);
    str next = arena_fmt(c->a, "%.*s%s%.*s", STR_ARG(path), query.n ? "?" : "", STR_ARG(query));
    buf_lit(&b, "/login?next=");
    http_encode(&b, next.n <= NEXT_MAX ? next : path.n <= NEXT_MAX ? path : STR("/"), "/");
    str to = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return page_redirect(c, to);
}

bool account_onward(struct call *c, str path, struct err *e)
{
    struct page *p = page_new(c, STR("Signed in"));
    jw_kstr(&p->w, "onward", path);
    return page_reply(p, 200, "account/onward.html", e);
}

static bool form_page(struct call *c, const char *template_name, str title, str name, str next, int status, str problem, struct err *e)
{
    struct page *p = page_new(c, title);
    jw_kstr(&p->w, "name", name.p ? name : STR(""));
    jw_kstr(&p->w, "next", next);
    jw_kstr(&p->w, "problem_text", problem);
    struct external *external = api_config_of(c->api)->external;
    if (external) jw_kstr(&p->w, "external", external_label(external));
    jw_kbool(&p->w, "may_join", api_config_of(c->api)->sign_up == SIGN_UP_OPEN);
    return page_reply(p, status, template_name, e);
}

/* ------------------------------------------------------------------ /login, /login/code, /logout */

bool account_is_first(struct call *c, bool *first, struct err *e)
{
    int64_t users;
    if (!account_count(call_db(c), ACCOUNT_USER, &users, e)) return false;
    *first = users == 0;
    return true;
}

static bool get_login(struct call *c, struct err *e)
{
    bool first;
    str next = page_next(call_query(c, "next"), STR("/"));
    if (c->who.user_id) return page_redirect(c, next);
    if (!account_is_first(c, &first, e)) return false;
    return first ? page_redirect(c, STR("/join")) : form_page(c, "account/login.html", STR("Sign in"), STR(""), next, 200, STR(""), e);
}

static bool enter(struct call *c, struct db_conn *tx, int64_t account_id, str next, struct err *e)
{
    return page_commit(c, account_sign_in(c, tx, account_id, e), tx, e) && (str_starts(next, STR("/oauth/")) ? account_onward(c, next, e) : page_redirect(c, next));
}

static bool ask_code(struct call *c, int64_t account_id, str next, struct err *e)
{
    str half;
    struct buf b = BUF_INIT(0);
    if (!half_session_make(hub_db(c->hub), call_db(c), account_id, &half, c->a, e)) return false;
    set_cookie(c, CODE_COOKIE, half, "/login", HALF_SESSION_S);
    buf_lit(&b, "/login/code?next=");
    http_encode(&b, next, "/");
    str to = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return page_redirect(c, to);
}

static bool post_login(struct call *c, struct err *e)
{
    str name = page_field(c, "name"), password = { 0 }, next = page_next(page_field(c, "next"), STR("/"));
    struct account user;
    struct second_factor factor;
    struct db_conn *tx;
    struct err why;
    bool right = false, has_factor;
    http_form_nth(http_body(c->http), c->a, "password", 0, &password);
    if (!tries_password_may(name, call_peer(c), &why)) return form_page(c, "account/login.html", STR("Sign in"), name, next, 429, str_c(why.msg), e);
    if (!account_check_password(call_db(c), name, password, &user, &right, c->a, e)) return false;
    if (!right || user.is_disabled) {
        tries_password_note(name, call_peer(c));
        return form_page(c, "account/login.html", STR("Sign in"), name, next, 403, STR("Name and password do not belong together."), e);
    }
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    if (!second_factor_find(tx, user.id, &factor, &has_factor, c->a, e)) return page_commit(c, false, tx, e);
    if (!has_factor) return enter(c, tx, user.id, next, e);
    db_rollback(hub_db(c->hub), tx);
    return ask_code(c, user.id, next, e);
}

static bool code_page(struct call *c, str next, int status, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("Sign in"));
    jw_kstr(&p->w, "next", next);
    jw_kstr(&p->w, "problem_text", problem);
    return page_reply(p, status, "account/login_code.html", e);
}

static bool find_half(struct call *c, struct account *user, bool *found, struct err *e)
{
    str half = http_cookie(c->http, CODE_COOKIE);
    return half_session_read(hub_db(c->hub), call_db(c), half.p ? half : STR(""), user, found, c->a, e);
}

static bool too_late(struct call *c, str next, struct err *e)
{
    return form_page(c, "account/login.html", STR("Sign in"), STR(""), next, 403,
                     STR("This took more than five minutes, or the account has changed. Begin anew."), e);
}

static bool get_code(struct call *c, struct err *e)
{
    struct account user;
    bool found;
    str next = page_next(call_query(c, "next"), STR("/"));
    if (c->who.user_id) return page_redirect(c, next);
    if (!find_half(c, &user, &found, e)) return false;
    return found ? code_page(c, next, 200, STR(""), e) : too_late(c, next, e);
}

static bool post_code(struct call *c, struct err *e)
{
    str next = page_next(page_field(c, "next"), STR("/"));
    struct account_refusal refusal;
    struct account user;
    struct db_conn *tx;
    bool found;
    if (!find_half(c, &user, &found, e)) return false;
    if (!found) return too_late(c, next, e);
    struct identity who = { .user_id = user.id, .name = user.name };
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    if (!account_check_code(c, tx, &who, &refusal, e)) return page_commit(c, false, tx, e);
    if (refusal.text.n) return page_commit(c, true, tx, e) && code_page(c, next, refusal.status, refusal.text, e);
    set_cookie(c, CODE_COOKIE, STR(""), "/login", 0);
    return enter(c, tx, user.id, next, e);
}

static bool post_logout(struct call *c, struct err *e)
{
    struct db_conn *tx;
    if (c->session.n) {
        if (!db_begin(hub_db(c->hub), &tx, e) || !page_commit(c, session_end(tx, c->session, e), tx, e)) return false;
    }
    set_cookie(c, call_session_cookie(c), STR(""), "/", 0);
    return page_redirect(c, STR("/"));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/login", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_login, "page.login", SHAPE_PAGE },
    { HTTP_POST, "/login", PERM_ANYONE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_login, "page.login.send", SHAPE_PAGE },
    { HTTP_GET, "/login/code", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_code, "page.login.code", SHAPE_PAGE },
    { HTTP_POST, "/login/code", PERM_ANYONE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_code, "page.login.code.send", SHAPE_PAGE },
    { HTTP_POST, "/logout", PERM_ANYONE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_logout, "page.logout", SHAPE_PAGE },
};
const struct api_table web_login = API_TABLE(rows);
