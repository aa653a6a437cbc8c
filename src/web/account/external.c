/* web/account/external.c - signing in through an outside OpenID Connect provider.
 *
 * The cookie hearth_login lives for ten minutes between the two visits: a secret, a mark ("s": sign in, "l": also this way from now on), when
 * it ends, a seal, and where to go on.  The seal is ours, and for "l" over the session that asked as well: a cookie that somebody slipped
 * into a browser connects nothing to whoever is signed in there.  What is made of the secret goes to the provider and comes back, once;
 * see api/oauth/external.h. */
#include "account/jwt.h"
#include "api/oauth/external.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "web/account/account.h"

#define LOGIN_COOKIE "hearth_login"
enum { COOKIE_SECONDS = 600, NEXT_MAX = 2000, TIME_DIGITS = 12, HEAD = EXTERNAL_SECRET + 1 + TIME_DIGITS };

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

/* Over what the cookie says, and for a connection over the session that it is for. */
static bool seal(struct call *c, str head, str next, char out[SHA256_HEX + 1], struct err *e)
{
    uint8_t key[32];
    struct sha256 mac;
    bool links = head.p[EXTERNAL_SECRET] == 'l';
    if (!signing_key(hub_db(c->hub), "external", key, e)) return false;
    str session = links ? c->session : STR("");
    hmac_sha256((bytes){ key, sizeof key }, bytes_of(arena_fmt(c->a, "%.*s|%.*s|%.*s", STR_ARG(head), STR_ARG(session), STR_ARG(next))), &mac);
    hex_encode((bytes){ mac.b, SHA256_BYTES }, out);
    return true;
}

static bool stale(struct err *e) { return err_set(e, ERR_DENIED, "This took more than ten minutes, or the browser keeps no cookies. Begin anew."); }

/* The cookie, if it is one of ours and of now; of a connection, if this session asked for it. */
static bool open_cookie(struct call *c, str *secret, int64_t *until_ms, bool *links, str *next, struct err *e)
{
    str cookie = http_cookie(c->http, LOGIN_COOKIE), head = str_to(cookie, HEAD), coded = str_from(cookie, HEAD + SHA256_HEX);
    char mac[SHA256_HEX + 1];
    int64_t until_s;
    bytes plain;
    if (cookie.n < HEAD + SHA256_HEX) return stale(e);
    *secret = str_to(cookie, EXTERNAL_SECRET);
    *links = cookie.p[EXTERNAL_SECRET] == 'l';
    if (*links && !account_need_session(c, e)) return false;
    if (!seal(c, head, coded, mac, e)) return false;
    if (!bytes_eq_secret(bytes_of(str_to(str_from(cookie, HEAD), SHA256_HEX)), (bytes){ (const uint8_t *)mac, SHA256_HEX })) return stale(e);
    if (!str_i64(str_from(head, EXTERNAL_SECRET + 1), &until_s) || until_s < clock_now_ms() / 1000) return stale(e);
    if (!base64url_decode(coded, c->a, &plain)) return stale(e);
    *until_ms = (until_s + 1) * 1000;
    *next = str_of(plain);
    return true;
}

static bool begin(struct call *c, char mark, str next, str *url, struct err *e)
{
    char secret[EXTERNAL_SECRET + 1], mac[SHA256_HEX + 1];
    struct buf coded = BUF_INIT(0);
    struct err why;
    external_secret(secret);
    if (!external_begin(provider(c), str_c(secret), redirect_uri(c), url, c->a, &why)) return failed(&why, e);
    str head = arena_fmt(c->a, "%s%c%0*lld", secret, mark, TIME_DIGITS, (long long)(clock_now_ms() / 1000 + COOKIE_SECONDS));
    buf_base64url(&coded, bytes_of(str_to(next, NEXT_MAX)));
    bool ok = seal(c, head, buf_str(&coded), mac, e);
    if (ok) set_cookie(c, arena_fmt(c->a, "%.*s%s%.*s", STR_ARG(head), mac, STR_ARG(buf_str(&coded))), COOKIE_SECONDS);
    buf_deinit(&coded);
    return ok;
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
        if (found) return err_set(e, ERR_CONFLICT, "This person of the provider belongs to another account here");
        return external_account_link(tx, p, c->who.user_id, e) && audit_add(tx, &c->who, "user.external.link", c->who.user_id, p->issuer, call_peer(c), e);
    }
    if (!found && (!external_account_make(tx, p, &user, c->a, e) || !audit_add(tx, NULL, "user.create", user.id, p->issuer, call_peer(c), e))) return false;
    if (user.is_disabled) return err_set(e, ERR_DENIED, "This account is disabled; ask the administrator");
    return account_sign_in(c, tx, user.id, e);
}

/* Whatever comes of it, this attempt's answer was brought. */
static bool use_once(struct call *c, str secret, int64_t until_ms, struct err *e)
{
    struct db_conn *tx;
    bool first = false;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = external_use_once(tx, secret, until_ms, &first, e);
    if (!db_finish(hub_db(c->hub), tx, ok, e)) return false;
    return first || err_set(e, ERR_DENIED, "This answer was brought before. Begin anew.");
}

static bool get_callback(struct call *c, struct err *e)
{
    struct external_answer answer = { call_query(c, "code"), call_query(c, "state"), call_query(c, "iss") };
    struct external_person person;
    struct db_conn *tx;
    struct err why;
    bool first, links = false;
    int64_t until_ms = 0;
    str secret, onward;
    if (!need_provider(c, e)) return false;
    set_cookie(c, STR(""), 0); /* once */
    if (!open_cookie(c, &secret, &until_ms, &links, &onward, e) || !external_answers(secret, &answer, c->a, e)) return false;
    if (!use_once(c, secret, until_ms, e)) return false;
    if (!external_finish(provider(c), secret, redirect_uri(c), &answer, &person, c->a, &why)) return failed(&why, e);
    if (!account_is_first(c, &first, e)) return false;
    if (first) return err_set(e, ERR_DENIED, "Make the administrator's account first, with a password: open the front page of this Hearth.");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    if (!page_commit(c, enter(c, tx, &person, links, e), tx, e)) return false;
    str next = page_next(onward, STR("/"));
    return page_redirect(c, next);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/login/external", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_begin, "page.external", SHAPE_PAGE },
    { HTTP_GET, "/login/external/callback", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_callback, "page.external.back", SHAPE_PAGE },
    { HTTP_POST, "/login/external/link", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_link, "page.external.link", SHAPE_PAGE },
};
const struct api_table web_external = API_TABLE(rows);
