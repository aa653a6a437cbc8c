/* web/account/external.c - signing in through an outside OpenID Connect provider.
 *
 * The cookie hearth_login lives for ten minutes between the two visits: a secret, a mark ("s": sign in, "l": also this way from now on),
 * and where to go on.  What is made of the secret goes to the provider and comes back; see api/oauth/external.h. */
#include "account/jwt.h"
#include "api/oauth/external.h"
#include "base/log.h"
#include "web/account/account.h"

#define LOGIN_COOKIE "hearth_login"
enum { COOKIE_SECONDS = 600, NEXT_MAX = 2000 };

static struct external *provider(struct call *c) { return api_config_of(c->api)->external; }

static bool need_provider(struct call *c, struct err *e)
{
    return provider(c) || err_set(e, ERR_NOT_FOUND, "This Hearth signs nobody in through another provider");
}

static str redirect_uri(struct call *c)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/login/external/callback", STR_ARG(base));
}

static void set_cookie(struct call *c, str value, int seconds)
{
    bool secure = str_starts(call_base_url(c), STR("https://"));
    http_add_headerf(c->http, "Set-Cookie", LOGIN_COOKIE "=%.*s; Path=/login/external; HttpOnly; SameSite=Lax; Max-Age=%d%s", STR_ARG(value), seconds,
                     secure ? "; Secure" : "");
}

/* What the provider did wrong is for the operator; the person is told that it was the provider. */
static bool failed(const struct err *why, struct err *e)
{
    if (why->code == ERR_DENIED || why->code == ERR_BUSY) { /* a refusal of ours */
        *e = *why;
        return false;
    }
    log_warn("login.external", "error=\"%s\"", why->msg);
    return err_set(e, ERR_DENIED, "Signing in through the other provider did not work: its answer was not as it must be. The operator finds the reason in the log.");
}

static bool begin(struct call *c, char mark, str next, str *url, struct err *e)
{
    char secret[EXTERNAL_SECRET + 1];
    struct buf value = BUF_INIT(0);
    struct err why;
    external_secret(secret);
    if (!external_begin(provider(c), str_c(secret), redirect_uri(c), url, c->a, &why)) return failed(&why, e);
    buf_addf(&value, "%s%c", secret, mark);
    buf_base64url(&value, bytes_of(str_to(next, NEXT_MAX)));
    set_cookie(c, buf_str(&value), COOKIE_SECONDS);
    buf_deinit(&value);
    return true;
}

static bool get_begin(struct call *c, struct err *e)
{
    str url, next = page_next(call_query(c, "next"), STR("/"));
    return need_provider(c, e) && begin(c, 's', next, &url, e) && page_redirect(c, url);
}

/* From the settings: a form of ours, so that no other site begins it. */
static bool post_link(struct call *c, struct err *e)
{
    str url;
    return need_provider(c, e) && account_need_session(c, e) && begin(c, 'l', STR("/settings/password"), &url, e) && account_onward(c, url, e);
}

/* ------------------------------------------------------------------ back */

static bool enter(struct call *c, struct db_conn *tx, const struct external_person *p, bool links, struct err *e)
{
    struct account user;
    bool found;
    if (!external_account_find(tx, p, &user, &found, c->a, e)) return false;
    if (links) {
        if (found && user.id == c->who.user_id) return true;
        return external_account_link(tx, p, c->who.user_id, e) && audit_add(tx, &c->who, "user.external.link", c->who.user_id, p->issuer, http_peer(c->http), e);
    }
    if (!found && (!external_account_make(tx, p, &user, c->a, e) || !audit_add(tx, NULL, "user.create", user.id, p->issuer, http_peer(c->http), e))) return false;
    if (user.is_disabled) return err_set(e, ERR_DENIED, "This account is disabled; ask the administrator");
    return account_sign_in(c, tx, user.id, e);
}

static bool get_callback(struct call *c, struct err *e)
{
    struct external_answer answer = { call_query(c, "code"), call_query(c, "state"), call_query(c, "iss") };
    struct external_person person;
    struct db_conn *tx;
    struct err why;
    bytes plain;
    bool first;
    str cookie = http_cookie(c->http, LOGIN_COOKIE);
    if (!need_provider(c, e)) return false;
    set_cookie(c, STR(""), 0); /* once */
    if (cookie.n <= EXTERNAL_SECRET || !base64url_decode(str_from(cookie, EXTERNAL_SECRET + 1), c->a, &plain))
        return err_set(e, ERR_DENIED, "This took more than ten minutes, or the browser keeps no cookies. Begin anew.");
    bool links = cookie.p[EXTERNAL_SECRET] == 'l';
    if (links && !account_need_session(c, e)) return false;
    if (!external_finish(provider(c), str_to(cookie, EXTERNAL_SECRET), redirect_uri(c), &answer, &person, c->a, &why)) return failed(&why, e);
    if (!account_is_first(c, &first, e)) return false;
    if (first) return err_set(e, ERR_DENIED, "Make the administrator's account first, with a password: open the front page of this Hearth.");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    if (!page_commit(c, enter(c, tx, &person, links, e), tx, e)) return false;
    str next = page_next(str_of(plain), STR("/"));
    return page_redirect(c, next);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/login/external", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_begin, "page.external", SHAPE_PAGE },
    { HTTP_GET, "/login/external/callback", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_callback, "page.external.back", SHAPE_PAGE },
    { HTTP_POST, "/login/external/link", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_link, "page.external.link", SHAPE_PAGE },
};
const struct api_table web_external = API_TABLE(rows);
