/* web/account/settings.c - what a signed-in person does for himself: access tokens, the password, a new repository.
 *
 * Tokens and passwords are given out to a browser that signed in, never to a token: a token must not make a wider one. */
#include "base/clock.h"
#include "hub/repo.h"
#include "web/account/account.h"

enum { FORM_BYTES_MAX = 64 << 10 };

bool account_need_session(struct call *c, struct err *e)
{
    return c->session.n || err_set(e, ERR_DENIED, "Sign in with a browser for this; an access token cannot do it");
}

/* ------------------------------------------------------------------ tokens */

static bool tokens_page(struct call *c, int status, str fresh, str problem, struct err *e)
{
    struct token *token;
    size_t n;
    if (!account_need_session(c, e) || !token_list(call_db(c), c->who.user_id, c->a, &token, &n, e)) return false;
    struct page *p = page_new(c, STR("Access tokens"));
    jw_kstr(&p->w, "fresh", fresh);
    jw_kstr(&p->w, "problem_text", problem);
    jw_karray(&p->w, "tokens");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "id", token[i].hex_id);
        jw_kstr(&p->w, "label", token[i].label);
        jw_kstr(&p->w, "role", token_role_name(token[i].role));
        jw_kstr(&p->w, "last4", token[i].last4);
        jw_kint(&p->w, "created_ms", token[i].created_ms);
        jw_kint(&p->w, "used_ms", token[i].used_ms);
        jw_kbool(&p->w, "is_over", token[i].expires_ms && token[i].expires_ms <= clock_now_ms());
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, status, "account/tokens.html", e);
}

static bool get_tokens(struct call *c, struct err *e) { return tokens_page(c, 200, STR(""), STR(""), e); }

static bool post_token(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct token made;
    struct err why = { 0 };
    enum token_role role;
    uint64_t days = 0;
    str text, wanted = page_field(c, "role"), label = page_field(c, "label");
    if (!account_need_session(c, e)) return false;
    if (!token_role_parse(wanted, &role) || role == TOKEN_FINE_GRAINED || (role == TOKEN_ADMIN && !c->who.is_admin))
        return err_set(e, ERR_INVALID, "A token's role is read or write here");
    if (str_u64(page_field(c, "days"), &days) && days > 3650) return err_set(e, ERR_INVALID, "A token lives ten years at most");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    int64_t expires_ms = days ? clock_now_ms() + (int64_t)days * 86400000 : 0;
    bool ok = token_create(tx, c->who.user_id, role, label, STR(""), expires_ms, (str){ 0 }, &made, &text, c->a, &why) &&
              audit_add(tx, &c->who, "token.create", c->who.user_id, label, http_peer(c->http), &why);
    if (!page_commit(c, ok, tx, &why)) {
        if (why.code == ERR_INVALID) return tokens_page(c, 400, STR(""), str_c(why.msg), e);
        *e = why;
        return false;
    }
    return tokens_page(c, 200, text, STR(""), e);
}

static bool post_revoke(struct call *c, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!account_need_session(c, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_revoke(tx, c->who.user_id, page_field(c, "id"), &found, e) &&
              (!found || audit_add(tx, &c->who, "token.revoke", c->who.user_id, page_field(c, "id"), http_peer(c->http), e));
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/tokens"));
}

/* ------------------------------------------------------------------ the password */

static bool password_page(struct call *c, int status, str done, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("Password"));
    jw_kstr(&p->w, "done", done);
    jw_kstr(&p->w, "problem_text", problem);
    return page_reply(p, status, "account/password.html", e);
}

static bool get_password(struct call *c, struct err *e) { return account_need_session(c, e) && password_page(c, 200, STR(""), STR(""), e); }

static bool post_password(struct call *c, struct err *e)
{
    char hash[PASSWORD_HASH_BYTES];
    str old = { 0 }, fresh = { 0 };
    struct account user;
    struct db_conn *tx;
    struct err why = { 0 };
    bool right;
    if (!account_need_session(c, e)) return false;
    http_form_nth(http_body(c->http), c->a, "old", 0, &old);
    http_form_nth(http_body(c->http), c->a, "new", 0, &fresh);
    if (!account_check_password(call_db(c), c->who.name, old, &user, &right, c->a, e)) return false;
    if (!right) return password_page(c, 403, STR(""), STR("The old password is another one."), e);
    if (!password_hash(fresh, hash, &why)) return password_page(c, 400, STR(""), str_c(why.msg), e);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_store_password(tx, c->who.user_id, hash, e) && session_end_others(tx, c->who.user_id, c->session, e) &&
              audit_add(tx, &c->who, "user.password", c->who.user_id, STR("changed in the browser"), http_peer(c->http), e);
    return page_commit(c, ok, tx, e) && password_page(c, 200, STR("Changed. All other browsers have been signed out."), STR(""), e);
}

/* ------------------------------------------------------------------ a new repository */

static bool new_page(struct call *c, int status, str name, str kind, str problem, struct err *e)
{
    struct account_org *org;
    size_t n;
    if (!account_orgs(call_db(c), c->who.user_id, c->a, &org, &n, e)) return false;
    struct page *p = page_new(c, STR("New repository"));
    jw_kstr(&p->w, "name", name);
    jw_kstr(&p->w, "kind", kind);
    jw_kstr(&p->w, "problem_text", problem);
    jw_karray(&p->w, "owners");
    jw_str(&p->w, c->who.name);
    for (size_t i = 0; i < n; i++)
        if (org[i].role >= ROLE_CONTRIBUTOR) jw_str(&p->w, org[i].org.name);
    jw_array_end(&p->w);
    return page_reply(p, status, "account/new.html", e);
}

static bool get_new(struct call *c, struct err *e)
{
    str kind = call_query(c, "kind");
    return new_page(c, 200, STR(""), kind.n ? kind : STR("model"), STR(""), e);
}

static bool create(struct call *c, enum repo_kind kind, str name, struct repo *out, struct err *e)
{
    struct account owner;
    bool found;
    str owner_name = page_field(c, "owner");
    if (!account_find(call_db(c), owner_name, &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no owner \"%.*s\"", STR_ARG(str_to(owner_name, 100)));
    if (!namespace_allow_create(call_db(c), &c->who, &owner, kind, e) || !repo_name_check(name, e)) return false;
    struct repo_create q = { .kind = kind, .owner = &owner, .name = name, .creator_id = c->who.user_id, .has_private = true,
                             .is_private = str_eq(page_field(c, "visibility"), STR("private")),
                             .sdk = kind == REPO_SPACE ? STR("static") : STR("") };
    return repo_create(c->hub, &q, out, c->a, e);
}

static bool post_new(struct call *c, struct err *e)
{
    str name = page_field(c, "name"), word = page_field(c, "kind");
    enum repo_kind kind;
    struct repo made;
    struct err why = { 0 };
    if (!repo_kind_parse(word, &kind) || kind == REPO_KERNEL) return err_set(e, ERR_INVALID, "A repository is a model, a dataset or a Space");
    if (!create(c, kind, name.p ? name : STR(""), &made, &why)) {
        if (api_status_of(&why) >= 500) {
            *e = why;
            return false;
        }
        return new_page(c, api_status_of(&why), name.p ? name : STR(""), word, str_c(why.msg), e);
    }
    return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s/tree/main", STR_ARG(repo_web_prefix(kind)), STR_ARG(made.full_name)));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/settings/tokens", PERM_USER, HTTP_BODY_NONE, 0, 0, get_tokens, "page.tokens", SHAPE_PAGE },
    { HTTP_POST, "/settings/tokens", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_token, "page.token.create", SHAPE_PAGE },
    { HTTP_POST, "/settings/tokens/revoke", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_revoke, "page.token.revoke", SHAPE_PAGE },
    { HTTP_GET, "/settings/password", PERM_USER, HTTP_BODY_NONE, 0, 0, get_password, "page.password", SHAPE_PAGE },
    { HTTP_POST, "/settings/password", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_password, "page.password.change", SHAPE_PAGE },
    { HTTP_GET, "/new", PERM_USER, HTTP_BODY_NONE, 0, 0, get_new, "page.new", SHAPE_PAGE },
    { HTTP_POST, "/new", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.new.send", SHAPE_PAGE },
};
const struct api_table web_settings = API_TABLE(rows);
