/* web/account/settings.c - what a signed-in person does for himself: the password, and which browsers are signed in. */
#include "account/oauth.h"
#include "account/tries.h"
#include "api/oauth/external.h"
#include "web/account/account.h"

enum { FORM_BYTES_MAX = 64 << 10 };

/* ------------------------------------------------------------------ the password */

static bool password_page(struct call *c, int status, str done, str problem, struct err *e)
{
    struct external *external = api_config_of(c->api)->external;
    bool has_password, is_linked = false;
    if (!account_has_password(call_db(c), c->who.user_id, &has_password, e) ||
        (external && !external_account_is_linked(call_db(c), external_issuer(external), c->who.user_id, &is_linked, e))) return false;
    struct page *p = page_new(c, STR("Password"));
    jw_kbool(&p->w, "has_password", has_password);
    jw_kbool(&p->w, "is_linked", is_linked);
    jw_kstr(&p->w, "done", done);
    jw_kstr(&p->w, "problem_text", problem);
    if (external) jw_kstr(&p->w, "external", external_label(external));
    return page_reply(p, status, "account/password.html", e);
}

static bool get_password(struct call *c, struct err *e) { return account_need_session(c, e) && password_page(c, 200, STR(""), STR(""), e); }

bool account_own_password(struct call *c, const char *field, struct account_refusal *out, struct err *e)
{
    str password = { 0 };
    struct account user;
    struct err why;
    bool right = false;
    *out = (struct account_refusal){ 0 };
    http_form_nth(http_body(c->http), c->a, field, 0, &password); /* blanks count */
    if (!tries_password_may(c->who.name, call_peer(c), &why)) {
        *out = (struct account_refusal){ 429, arena_dup(c->a, str_c(why.msg)) };
        return true;
    }
    if (!account_check_password(call_db(c), c->who.name, password, &user, &right, c->a, e)) return false;
    if (right) return true;
    tries_password_note(c->who.name, call_peer(c));
    *out = (struct account_refusal){ 403, STR("Your password is another one.") };
    return true;
}

static bool post_password(struct call *c, struct err *e)
{
    char hash[PASSWORD_HASH_BYTES];
    str fresh = { 0 };
    struct account_refusal refusal;
    struct db_conn *tx;
    struct err why = { 0 };
    int64_t revoked = 0;
    if (!account_need_session(c, e) || !account_own_password(c, "old", &refusal, e)) return false;
    if (refusal.text.n) return password_page(c, refusal.status, STR(""), refusal.text, e);
    http_form_nth(http_body(c->http), c->a, "new", 0, &fresh);
    if (!password_hash(fresh, hash, &why)) return password_page(c, 400, STR(""), str_c(why.msg), e);
    const bool with_tokens = str_eq(page_field(c, "tokens"), STR("revoke"));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_store_password(tx, c->who.user_id, hash, e) && session_end_others(tx, c->who.user_id, c->session, e) &&
              audit_add(tx, &c->who, "user.password", c->who.user_id, STR("changed in the browser"), call_peer(c), e);
    if (ok && with_tokens)
        ok = oauth_revoke_all(tx, c->who.user_id, &revoked, e) && audit_add(tx, &c->who, "token.revoke", c->who.user_id, STR("all"), call_peer(c), e);
    str done = with_tokens ? arena_fmt(c->a, "Changed. All other browsers have been signed out; %lld access token%s revoked, and applications are allowed nothing any more.",
                                       (long long)revoked, revoked == 1 ? " is" : "s are")
                           : STR("Changed. All other browsers have been signed out. Your access tokens go on.");
    return page_commit(c, ok, tx, e) && password_page(c, 200, done, STR(""), e);
}

/* ------------------------------------------------------------------ browsers that are signed in */

static bool get_sessions(struct call *c, struct err *e)
{
    struct session *s;
    size_t n;
    if (!account_need_session(c, e) || !session_list(call_db(c), c->who.user_id, c->session, c->a, &s, &n, e)) return false;
    struct page *p = page_new(c, STR("Browsers"));
    jw_karray(&p->w, "sessions");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kint(&p->w, "id", s[i].id);
        jw_kstr(&p->w, "browser", s[i].browser);
        jw_kint(&p->w, "created_ms", s[i].created_ms);
        jw_kint(&p->w, "seen_ms", s[i].seen_ms > s[i].created_ms ? s[i].seen_ms : s[i].created_ms);
        jw_kbool(&p->w, "is_this", s[i].is_this);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "account/sessions.html", e);
}

static bool post_end_session(struct call *c, struct err *e)
{
    struct db_conn *tx;
    int64_t id = 0;
    bool others = str_eq(page_field(c, "id"), STR("others"));
    if (!account_need_session(c, e)) return false;
    if (!others && !str_i64(page_field(c, "id"), &id)) return err_set(e, ERR_INVALID, "Which browser?");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = (others ? session_end_others(tx, c->who.user_id, c->session, e) : session_end_one(tx, c->who.user_id, id, e)) &&
              audit_add(tx, &c->who, "user.session.end", c->who.user_id, others ? STR("all other browsers") : STR("a browser"), call_peer(c), e);
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/sessions"));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/settings/password", PERM_USER, HTTP_BODY_NONE, 0, 0, get_password, "page.password", SHAPE_PAGE },
    { HTTP_POST, "/settings/password", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_password, "page.password.change", SHAPE_PAGE },
    { HTTP_GET, "/settings/sessions", PERM_USER, HTTP_BODY_NONE, 0, 0, get_sessions, "page.sessions", SHAPE_PAGE },
    { HTTP_POST, "/settings/sessions/end", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_end_session, "page.session.end", SHAPE_PAGE },
};
const struct api_table web_settings = API_TABLE(rows);
