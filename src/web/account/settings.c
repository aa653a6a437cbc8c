/* web/account/settings.c - what a signed-in person does for himself: the password, browsers that are signed in, a new repository. */
#include "account/tries.h"
#include "hub/repo.h"
#include "api/oauth/external.h"
#include "web/account/account.h"

enum { FORM_BYTES_MAX = 64 << 10 };

/* ------------------------------------------------------------------ the password */

static bool password_page(struct call *c, int status, str done, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("Password"));
    jw_kstr(&p->w, "done", done);
    jw_kstr(&p->w, "problem_text", problem);
    struct external *external = api_config_of(c->api)->external;
    if (external) jw_kstr(&p->w, "external", external_label(external));
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
    if (!tries_password_may(c->who.name, call_peer(c), &why)) return password_page(c, 429, STR(""), str_c(why.msg), e);
    if (!account_check_password(call_db(c), c->who.name, old, &user, &right, c->a, e)) return false;
    if (!right) {
        tries_password_note(c->who.name, call_peer(c));
        return password_page(c, 403, STR(""), STR("The old password is another one."), e);
    }
    if (!password_hash(fresh, hash, &why)) return password_page(c, 400, STR(""), str_c(why.msg), e);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_store_password(tx, c->who.user_id, hash, e) && session_end_others(tx, c->who.user_id, c->session, e) &&
              audit_add(tx, &c->who, "user.password", c->who.user_id, STR("changed in the browser"), call_peer(c), e);
    return page_commit(c, ok, tx, e) && password_page(c, 200, STR("Changed. All other browsers have been signed out."), STR(""), e);
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

/* ------------------------------------------------------------------ a new repository */

static bool may_create_in(const struct account_org *org) { return org->role >= ROLE_CONTRIBUTOR; }

/* What the form or the address names, if it is offered; else the person. */
static str chosen_owner(struct call *c, const struct account_org *org, size_t n)
{
    str asked = page_field(c, "owner");
    if (!asked.n) asked = call_query(c, "owner");
    for (size_t i = 0; i < n; i++)
        if (may_create_in(&org[i]) && str_eq_nocase(asked, org[i].org.name)) return org[i].org.name;
    return c->who.name;
}

static bool new_page(struct call *c, int status, str problem, struct err *e)
{
    struct account_org *org;
    struct account owner;
    size_t n;
    bool found;
    if (!account_orgs(call_db(c), c->who.user_id, c->a, &org, &n, e)) return false;
    str owner_name = chosen_owner(c, org, n), kind = page_field(c, "kind"), visibility = page_field(c, "visibility");
    if (!account_find(call_db(c), owner_name, &owner, &found, c->a, e)) return false;
    if (!kind.n) kind = call_query(c, "kind");
    struct page *p = page_new(c, STR("New repository"));
    page_write_typed(p, problem.n > 0, "name");
    jw_kstr(&p->w, "kind", kind.n ? kind : STR("model"));
    jw_kstr(&p->w, "owner", owner_name);
    jw_kbool(&p->w, "is_private", visibility.n ? str_eq(visibility, STR("private")) : found && owner.repos_private);
    jw_kstr(&p->w, "problem_text", problem);
    jw_karray(&p->w, "owners");
    jw_str(&p->w, c->who.name);
    for (size_t i = 0; i < n; i++)
        if (may_create_in(&org[i])) jw_str(&p->w, org[i].org.name);
    jw_array_end(&p->w);
    return page_reply(p, status, "account/new.html", e);
}

static bool get_new(struct call *c, struct err *e) { return new_page(c, 200, STR(""), e); }

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
        return new_page(c, api_status_of(&why), str_c(why.msg), e);
    }
    return page_redirect(c, arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(kind)), STR_ARG(made.full_name)));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/settings/password", PERM_USER, HTTP_BODY_NONE, 0, 0, get_password, "page.password", SHAPE_PAGE },
    { HTTP_POST, "/settings/password", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_password, "page.password.change", SHAPE_PAGE },
    { HTTP_GET, "/settings/sessions", PERM_USER, HTTP_BODY_NONE, 0, 0, get_sessions, "page.sessions", SHAPE_PAGE },
    { HTTP_POST, "/settings/sessions/end", PERM_USER, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_end_session, "page.session.end", SHAPE_PAGE },
    { HTTP_GET, "/new", PERM_USER, HTTP_BODY_NONE, 0, 0, get_new, "page.new", SHAPE_PAGE },
    { HTTP_POST, "/new", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.new.send", SHAPE_PAGE },
};
const struct api_table web_settings = API_TABLE(rows);
