/* web/account/orgs.c - organisations: made, joined, left; members and roles; settings; the end.
 *
 * Whoever is asked to join answers himself: nobody becomes a member without wanting to. */
#include "account/invite.h"
#include "account/org_token.h"
#include "account/profile.h"
#include "hub/quota.h"
#include "web/account/account.h"

enum { PICTURE_FORM_MAX = AVATAR_BYTES_MAX + (64 << 10), MEMBERS_SHOWN = 100 };

bool account_read_role(struct call *c, enum account_role *out, struct err *e)
{
    if (account_role_parse(page_field(c, "role"), out) && *out != ROLE_NONE) return true;
    return err_set(e, ERR_INVALID, "A role is one of no_access, read, contributor, write, admin");
}

static str settings_path(struct call *c, const struct account *org, const char *tail)
{
    return arena_fmt(c->a, "/organizations/%.*s/settings%s", STR_ARG(org->name), tail);
}

bool account_find_org(struct call *c, enum account_role least, struct account *org, enum account_role *role, struct err *e)
{
    bool found;
    if (!account_need_session(c, e) || !account_find(call_db(c), call_param(c, "org"), org, &found, c->a, e)) return false;
    if (!found || org->kind != ACCOUNT_ORG) return err_set(e, ERR_NOT_FOUND, "There is no such organisation");
    if (!account_role_in(call_db(c), &c->who, org->id, role, e)) return false;
    if (*role == ROLE_NONE) return err_set(e, ERR_NOT_FOUND, "There is no such organisation");
    return *role >= least || err_set(e, ERR_DENIED, "Only administrators of %.*s may do this", STR_ARG(org->name));
}

void account_write_org(struct page *p, const struct account *org, enum account_role role)
{
    jw_kobject(&p->w, "org");
    jw_kstr(&p->w, "name", org->name);
    jw_kstr(&p->w, "fullname", org->fullname.n ? org->fullname : org->name);
    jw_kbool(&p->w, "may_manage", role >= ROLE_ADMIN);
    jw_object_end(&p->w);
}

/* What the person got wrong stands above the form; the rest is an error like any other. */
typedef bool show_page(struct call *c, int status, const struct account *org, enum account_role role, str problem, struct err *e);
static bool finish(struct call *c, bool ok, str to, show_page *show, const struct account *org, enum account_role role, const struct err *why, struct err *e)
{
    if (ok) return page_redirect(c, to);
    if (api_status_of(why) < 500) return show(c, api_status_of(why), org, role, str_c(why->msg), e);
    *e = *why;
    return false;
}

/* ------------------------------------------------------------------ one's organisations, a new one */

static bool mine_page(struct call *c, int status, str problem, struct err *e)
{
    struct account_org *org;
    struct org_invite *invite;
    size_t n, invites;
    if (!account_need_session(c, e) || !account_orgs(call_db(c), c->who.user_id, c->a, &org, &n, e) ||
        !org_invite_of_user(call_db(c), c->who.user_id, c->a, &invite, &invites, e)) return false;
    struct page *p = page_new(c, STR("Organisations"));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "name", "fullname");
    jw_karray(&p->w, "orgs");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", org[i].org.name);
        jw_kstr(&p->w, "fullname", org[i].org.fullname.n ? org[i].org.fullname : org[i].org.name);
        jw_kstr(&p->w, "role", account_role_name(org[i].role));
        jw_kbool(&p->w, "lacks_factor", org[i].lacks_factor);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_karray(&p->w, "invites");
    for (size_t i = 0; i < invites; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", invite[i].other.name);
        jw_kstr(&p->w, "role", account_role_name(invite[i].role));
        jw_kstr(&p->w, "by", invite[i].invited_by.p ? invite[i].invited_by : STR(""));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, status, "account/organisations.html", e);
}

static bool get_mine(struct call *c, struct err *e) { return mine_page(c, 200, STR(""), e); }
static bool get_new(struct call *c, struct err *e) { return account_need_session(c, e) && page_redirect(c, STR("/settings/organizations")); }

static bool create(struct call *c, struct db_conn *tx, str name, struct account *org, struct err *e)
{
    if (!quota_allow(c->hub, tx, QUOTA_ORGANISATIONS, c->who.user_id, e) || !account_create(tx, ACCOUNT_ORG, name, false, org, c->a, e)) return false;
    str fullname = page_field(c, "fullname");
    org->fullname = fullname.p ? fullname : STR("");
    return profile_check(org, e) && account_update(tx, org, e) && account_set_member(tx, org->id, c->who.user_id, ROLE_ADMIN, e) &&
           audit_add(tx, &c->who, "org.create", org->id, org->name, call_peer(c), e);
}

static bool post_new(struct call *c, struct err *e)
{
    struct account org;
    struct db_conn *tx;
    struct err why = { 0 };
    str name = page_field(c, "name");
    if (!account_need_session(c, e)) return false;
    bool ok = account_name_check(name, false, &why) && db_begin(hub_db(c->hub), &tx, &why) && page_commit(c, create(c, tx, name, &org, &why), tx, &why);
    if (ok) return page_redirect(c, settings_path(c, &org, "/members"));
    if (api_status_of(&why) < 500) return mine_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_answer(struct call *c, struct err *e)
{
    struct account org;
    struct db_conn *tx;
    bool found, accepts = str_eq(page_field(c, "answer"), STR("accept"));
    if (!account_need_session(c, e) || !account_find(call_db(c), page_field(c, "org"), &org, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no such invitation; it may have been taken back");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = org_invite_answer(tx, org.id, c->who.user_id, accepts, e) &&
              audit_add(tx, &c->who, accepts ? "org.invite.accept" : "org.invite.decline", org.id, c->who.name, call_peer(c), e);
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/organizations"));
}

/* ------------------------------------------------------------------ profile, the end */

static bool profile_page(struct call *c, int status, const struct account *org, enum account_role role, str problem, struct err *e)
{
    struct page *p = page_new(c, org->name);
    account_write_org(p, org, role);
    jw_kstr(&p->w, "problem_text", problem);
    return account_write_profile(p, org, e) && page_reply(p, status, "account/org_profile.html", e);
}

static bool get_profile(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    if (!account_find_org(c, ROLE_NO_ACCESS, &org, &role, e)) return false;
    return role < ROLE_ADMIN ? page_redirect(c, settings_path(c, &org, "/members")) : profile_page(c, 200, &org, role, STR(""), e);
}

static bool post_profile(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct err why = { 0 };
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e)) return false;
    bool ok = account_save_profile(c, &org, &why);
    return finish(c, ok, page_saved(c, settings_path(c, &org, "")), profile_page, &org, role, &why, e);
}

static bool post_picture(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct err why = { 0 };
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e)) return false;
    bool ok = account_save_picture(c, &org, &why);
    return finish(c, ok, page_saved(c, settings_path(c, &org, "")), profile_page, &org, role, &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct db_conn *tx;
    struct err why = { 0 };
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e)) return false;
    bool ok = page_confirm(c, org.name, &why) && db_begin(hub_db(c->hub), &tx, &why) &&
              page_commit(c, account_delete(tx, org.id, &why) && audit_add(tx, &c->who, "org.delete", c->who.user_id, org.name, call_peer(c), &why), tx, &why);
    return finish(c, ok, STR("/settings/organizations"), profile_page, &org, role, &why, e);
}

/* ------------------------------------------------------------------ members */

static bool members_page(struct call *c, int status, const struct account *org, enum account_role role, str problem, struct err *e)
{
    struct account_member *m;
    struct org_invite *invite;
    size_t n, invites;
    str search = call_query(c, "q"), after = call_query(c, "after");
    if (!account_members(call_db(c), org->id, search.p ? search : STR(""), after.p ? after : STR(""), MEMBERS_SHOWN + 1, c->a, &m, &n, e) ||
        !org_invite_of_org(call_db(c), org->id, c->a, &invite, &invites, e)) return false;
    struct page *p = page_new(c, arena_fmt(c->a, "Members of %.*s", STR_ARG(org->name)));
    account_write_org(p, org, role);
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, str_eq(page_field(c, "act"), STR("invite")), "user", "role");
    jw_karray(&p->w, "roles");
    for (enum account_role r = ROLE_NO_ACCESS; r <= ROLE_ADMIN; r++) jw_str(&p->w, account_role_name(r));
    jw_array_end(&p->w);
    jw_kbool(&p->w, "needs_factor", org->needs_factor);
    jw_kstr(&p->w, "q", search);
    jw_kbool(&p->w, "is_later", after.n > 0);
    if (n > MEMBERS_SHOWN) jw_kstr(&p->w, "next", m[MEMBERS_SHOWN - 1].user.name);
    jw_karray(&p->w, "members");
    for (size_t i = 0; i < n && i < MEMBERS_SHOWN; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", m[i].user.name);
        jw_kstr(&p->w, "fullname", m[i].user.fullname);
        jw_kstr(&p->w, "role", account_role_name(m[i].role));
        jw_kbool(&p->w, "lacks_factor", m[i].lacks_factor);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_karray(&p->w, "invites");
    for (size_t i = 0; i < invites && role >= ROLE_ADMIN; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", invite[i].other.name);
        jw_kstr(&p->w, "role", account_role_name(invite[i].role));
        jw_kint(&p->w, "created_ms", invite[i].created_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, status, "account/org_members.html", e);
}

static bool get_members(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    return account_find_org(c, ROLE_NO_ACCESS, &org, &role, e) && members_page(c, 200, &org, role, STR(""), e);
}

static bool find_user(struct call *c, struct account *out, struct err *e)
{
    bool found;
    str name = page_field(c, "user");
    if (!account_find(call_db(c), name.p ? name : STR(""), out, &found, c->a, e)) return false;
    return (found && out->kind == ACCOUNT_USER) || err_set(e, ERR_INVALID, "There is no user \"%.*s\"", STR_ARG(str_to(name, 100)));
}

static bool noted(struct call *c, struct db_conn *tx, const char *type, const struct account *org, str what, struct err *e)
{
    return audit_add(tx, &c->who, type, org->id, what, call_peer(c), e);
}

static bool invite(struct call *c, const struct account *org, struct err *e)
{
    struct account user;
    enum account_role role;
    struct db_conn *tx;
    if (!find_user(c, &user, e) || !account_read_role(c, &role, e)) return false;
    if (user.is_disabled) return err_set(e, ERR_INVALID, "The account of %.*s is disabled", STR_ARG(user.name));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    str role_name = account_role_name(role), what = arena_fmt(c->a, "%.*s as %.*s", STR_ARG(user.name), STR_ARG(role_name));
    return page_commit(c, org_invite_put(tx, org->id, user.id, role, c->who.user_id, e) && noted(c, tx, "org.invite_user", org, what, e), tx, e);
}

static bool change_role(struct call *c, const struct account *org, struct err *e)
{
    struct account user;
    enum account_role role, now;
    struct db_conn *tx;
    if (!find_user(c, &user, e) || !account_read_role(c, &role, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    str role_name = account_role_name(role), what = arena_fmt(c->a, "%.*s now has the role %.*s", STR_ARG(user.name), STR_ARG(role_name));
    bool ok = account_member_role(tx, org->id, user.id, &now, e) && /* in the transaction: who leaves now is not made a member again */
              (now != ROLE_NONE || err_set(e, ERR_INVALID, "%.*s is no member", STR_ARG(user.name))) &&
              account_set_member(tx, org->id, user.id, role, e) && noted(c, tx, "org.change_role", org, what, e);
    return page_commit(c, ok, tx, e);
}

static bool remove_member(struct call *c, const struct account *org, struct err *e)
{
    struct account user;
    struct db_conn *tx;
    if (!find_user(c, &user, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return page_commit(c, account_set_member(tx, org->id, user.id, ROLE_NONE, e) && noted(c, tx, "org.remove_user", org, user.name, e), tx, e);
}

static bool take_back(struct call *c, const struct account *org, struct err *e)
{
    struct account user;
    struct db_conn *tx;
    if (!find_user(c, &user, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return page_commit(c, org_invite_answer(tx, org->id, user.id, false, e) && noted(c, tx, "org.invite.take_back", org, user.name, e), tx, e);
}

/* Whoever asks for it must have it, or the organisation would be closed to its administrator. */
static bool ask_factor(struct call *c, const struct account *org, struct err *e)
{
    enum account_role role;
    struct db_conn *tx;
    bool needs = str_eq(page_field(c, "needs_factor"), STR("yes"));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_set_needs_factor(tx, org->id, needs, e) && account_role_in(tx, &c->who, org->id, &role, e) &&
              (role == ROLE_ADMIN || err_set(e, ERR_CONFLICT, "Turn your own second factor on first, in your settings: this would keep you out")) &&
              noted(c, tx, needs ? "org.settings.security.2fa.enable" : "org.settings.security.2fa.disable", org, org->name, e);
    return page_commit(c, ok, tx, e);
}

static bool post_members(struct call *c, struct err *e)
{
    static const struct { const char *what; bool (*act)(struct call *c, const struct account *org, struct err *e); } acts[] = {
        { "invite", invite }, { "role", change_role }, { "remove", remove_member }, { "take_back", take_back }, { "factor", ask_factor },
    };
    struct account org;
    enum account_role role;
    struct err why = { 0 };
    str what = page_field(c, "act");
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e)) return false;
    bool ok = false;
    size_t i = 0;
    while (i < COUNT(acts) && !str_eq(what, str_c(acts[i].what))) i++;
    if (i == COUNT(acts)) return err_set(e, ERR_INVALID, "Nothing was chosen");
    ok = acts[i].act(c, &org, &why);
    return finish(c, ok, settings_path(c, &org, "/members"), members_page, &org, role, &why, e);
}

static bool post_leave(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct db_conn *tx;
    struct err why = { 0 };
    if (!account_find_org(c, ROLE_NO_ACCESS, &org, &role, e)) return false;
    bool ok = db_begin(hub_db(c->hub), &tx, &why) &&
              page_commit(c, account_set_member(tx, org.id, c->who.user_id, ROLE_NONE, &why) && noted(c, tx, "org.leave", &org, c->who.name, &why), tx, &why);
    return finish(c, ok, STR("/settings/organizations"), members_page, &org, role, &why, e);
}

/* ------------------------------------------------------------------ tokens that reach it */

static bool tokens_page(struct call *c, const struct account *org, struct err *e)
{
    enum { TOKENS_SHOWN = 100 };
    struct org_token *t;
    size_t n;
    int64_t after = 0, next;
    str from = call_query(c, "after");
    if (from.n && (!str_i64(from, &after) || after < 0)) return err_set(e, ERR_INVALID, "\"after\" is malformed");
    if (!org_token_list(call_db(c), org, after, TOKENS_SHOWN, c->a, &t, &n, &next, e)) return false;
    struct page *p = page_new(c, arena_fmt(c->a, "Tokens that reach %.*s", STR_ARG(org->name)));
    account_write_org(p, org, ROLE_ADMIN);
    jw_kbool(&p->w, "is_later", after > 0);
    jw_kint(&p->w, "next", next);
    jw_karray(&p->w, "tokens");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        account_write_token(&p->w, &t[i].token);
        jw_kstr(&p->w, "owner", t[i].owner);
        jw_kint(&p->w, "revoked_ms", t[i].revoked_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "account/org_tokens.html", e);
}

static bool get_tokens(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    return account_find_org(c, ROLE_ADMIN, &org, &role, e) && tokens_page(c, &org, e);
}

static bool post_tokens(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct db_conn *tx;
    bool found, lets_in = str_eq(page_field(c, "act"), STR("let_in"));
    str id = page_text(c, "id");
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = lets_in ? org_token_let_in(tx, org.id, id, &found, e) : org_token_revoke(tx, org.id, id, &found, e);
    ok = ok && (!found || noted(c, tx, lets_in ? "org.token_approval.authorization_request.authorized" : "org.token_approval.authorization_request.revoked", &org, id, e));
    return page_commit(c, ok, tx, e) && page_redirect(c, settings_path(c, &org, "/tokens"));
}

#define GET(pattern, fn, name) { HTTP_GET, pattern, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_PAGE }
#define POST(pattern, max, fn, name) { HTTP_POST, pattern, PERM_USER, HTTP_BODY_WHOLE, max, 0, fn, name, SHAPE_PAGE }
#define ORG "/organizations/:org/settings"
static const struct api_route rows[] = {
    GET("/settings/organizations", get_mine, "page.orgs"),
    GET("/organizations/new", get_new, "page.org.new"),
    POST("/organizations/new", ACCOUNT_FORM_MAX, post_new, "page.org.create"),
    POST("/settings/organizations/answer", ACCOUNT_FORM_MAX, post_answer, "page.org.answer"),
    GET(ORG, get_profile, "page.org"),
    POST(ORG, ACCOUNT_FORM_MAX, post_profile, "page.org.change"),
    POST(ORG "/picture", PICTURE_FORM_MAX, post_picture, "page.org.picture"),
    POST(ORG "/delete", ACCOUNT_FORM_MAX, post_delete, "page.org.delete"),
    GET(ORG "/members", get_members, "page.org.members"),
    POST(ORG "/members", ACCOUNT_FORM_MAX, post_members, "page.org.members.change"),
    POST(ORG "/leave", ACCOUNT_FORM_MAX, post_leave, "page.org.leave"),
    GET(ORG "/tokens", get_tokens, "page.org.tokens"),
    POST(ORG "/tokens", ACCOUNT_FORM_MAX, post_tokens, "page.org.tokens.change"),
};
const struct api_table web_orgs = API_TABLE(rows);
