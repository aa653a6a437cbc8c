/* web/account/join.c - new accounts: the first visitor, who becomes the administrator; then whoever the setting sign-up lets in; and the
 * invitations that an administrator makes. */
#include "account/invite.h"
#include "account/tries.h"
#include "base/clock.h"
#include "web/account/account.h"

enum { JOINS_MAX = 20, INVITE_DAYS_MAX = 90 };

/* ------------------------------------------------------------------ /join */

struct door { /* how somebody may come in */
    bool is_first, is_open, has_invite;
    struct invite invite;
    str secret;
};

static bool find_door(struct call *c, str secret, struct door *d, struct err *e)
{
    enum sign_up mode = api_config_of(c->api)->sign_up;
    *d = (struct door){ .secret = secret };
    if (!account_is_first(c, &d->is_first, e)) return false;
    if (!d->is_first && mode != SIGN_UP_CLOSED && secret.n && !invite_find(call_db(c), secret, &d->invite, &d->has_invite, c->a, e)) return false;
    d->is_open = d->is_first || mode == SIGN_UP_OPEN || d->has_invite;
    return true;
}

static bool join_page(struct call *c, const struct door *d, int status, str name, str problem, struct err *e)
{
    struct page *p = page_new(c, d->is_first ? STR("Welcome") : STR("Create an account"));
    jw_kbool(&p->w, "is_first", d->is_first);
    jw_kstr(&p->w, "name", name.p ? name : STR(""));
    jw_kstr(&p->w, "problem_text", problem);
    if (d->has_invite) {
        jw_kstr(&p->w, "invite", d->secret);
        jw_kstr(&p->w, "invited_by", d->invite.made_by.p ? d->invite.made_by : STR("An administrator"));
        jw_kstr(&p->w, "org", d->invite.org.p ? d->invite.org : STR(""));
    }
    return page_reply(p, status, "account/join.html", e);
}

static bool closed(struct call *c, str secret, struct err *e)
{
    if (secret.n) return err_set(e, ERR_DENIED, "This invitation was used, taken back, or is too old. Ask for another one.");
    (void)c;
    return err_set(e, ERR_DENIED, "Accounts here are made by an administrator: ask for one, or for an invitation.");
}

static bool get_join(struct call *c, struct err *e)
{
    struct door d;
    str secret = call_query(c, "invite");
    if (!find_door(c, secret, &d, e)) return false;
    if (c->who.user_id) return page_redirect(c, STR("/"));
    if (!d.is_open) return secret.n ? closed(c, secret, e) : page_redirect(c, STR("/login"));
    return join_page(c, &d, 200, STR(""), STR(""), e);
}

static bool make(struct call *c, struct db_conn *tx, const struct door *d, str name, const char *hash, struct err *e)
{
    struct account user;
    int64_t users;
    if (!account_count(tx, ACCOUNT_USER, &users, e)) return false; /* in the transaction: only one can be the first */
    if (d->is_first && users) return err_set(e, ERR_DENIED, "This Hearth has its administrator already; ask for an account there");
    if (!account_create(tx, ACCOUNT_USER, name, false, &user, c->a, e) || !account_store_password(tx, user.id, hash, e)) return false;
    str how = d->is_first ? STR("the first visitor became the administrator") : d->has_invite ? STR("by an invitation") : STR("signed up");
    return account_set_admin(tx, user.id, d->is_first, e) && (!d->has_invite || invite_use(tx, &d->invite, user.id, e)) &&
           audit_add(tx, NULL, "user.create", user.id, how, call_peer(c), e) && account_sign_in(c, tx, user.id, e);
}

static bool post_join(struct call *c, struct err *e)
{
    str name = page_field(c, "name"), password = { 0 }, peer = call_peer(c), key = arena_fmt(c->a, "join %.*s", STR_ARG(peer));
    char hash[PASSWORD_HASH_BYTES];
    struct db_conn *tx;
    struct err why = { 0 };
    struct door d;
    if (!find_door(c, page_field(c, "invite"), &d, e)) return false;
    if (!d.is_open) return closed(c, d.secret, e);
    http_form_nth(http_body(c->http), c->a, "password", 0, &password);
    if (!tries_may(key, JOINS_MAX)) return join_page(c, &d, 429, name, STR("Too many accounts were made from this address. Wait a quarter of an hour."), e);
    if (!account_name_check(name, false, &why) || !password_hash(password, hash, &why)) return join_page(c, &d, 400, name, str_c(why.msg), e);
    tries_note(key);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = make(c, tx, &d, name, hash, &why);
    if (page_commit(c, ok, tx, &why)) return page_redirect(c, STR("/"));
    if (api_status_of(&why) == 409) return join_page(c, &d, 409, name, str_c(why.msg), e);
    *e = why;
    return false;
}

/* ------------------------------------------------------------------ /settings/invitations */

static bool invites_page(struct call *c, int status, str link, str problem, struct err *e)
{
    struct invite *invite;
    struct account *org;
    size_t n, orgs;
    if (!account_need_session(c, e) || !invite_list(call_db(c), c->a, &invite, &n, e) ||
        !account_list(call_db(c), ACCOUNT_ORG, STR(""), STR(""), 200, c->a, &org, &orgs, e)) return false;
    struct page *p = page_new(c, STR("Invitations"));
    jw_kstr(&p->w, "link", link);
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "label", "days", "org", "role");
    jw_kbool(&p->w, "is_closed", api_config_of(c->api)->sign_up == SIGN_UP_CLOSED);
    jw_karray(&p->w, "orgs");
    for (size_t i = 0; i < orgs; i++) jw_str(&p->w, org[i].name);
    jw_array_end(&p->w);
    int64_t newest_ms = 0;
    jw_karray(&p->w, "invites");
    for (size_t i = 0; i < n; i++) {
        if (invite[i].created_ms > newest_ms) newest_ms = invite[i].created_ms;
        jw_object(&p->w);
        jw_kint(&p->w, "id", invite[i].id);
        jw_kstr(&p->w, "label", invite[i].label);
        jw_kstr(&p->w, "by", invite[i].made_by.p ? invite[i].made_by : STR(""));
        jw_kstr(&p->w, "org", invite[i].org.p ? invite[i].org : STR(""));
        jw_kstr(&p->w, "role", account_role_name(invite[i].org_role));
        jw_kstr(&p->w, "used_by", invite[i].used_by.p ? invite[i].used_by : STR(""));
        jw_kint(&p->w, "used_ms", invite[i].used_ms);
        jw_kint(&p->w, "expires_ms", invite[i].expires_ms);
        jw_kbool(&p->w, "is_over", invite[i].expires_ms <= clock_now_ms());
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, "newest_ms", newest_ms);
    return page_reply(p, status, "account/invitations.html", e);
}

static bool get_invites(struct call *c, struct err *e) { return invites_page(c, 200, STR(""), STR(""), e); }

/* Was this form sent before?  The link cannot be shown again. */
static bool refuse_sent(struct call *c, struct db_conn *tx, str label, struct err *e)
{
    struct invite *invite;
    size_t n;
    int64_t since_ms = page_form_since_ms(c);
    if (!since_ms) return true;
    if (!invite_list(tx, c->a, &invite, &n, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (invite[i].created_ms >= since_ms && str_eq(invite[i].label, label) && str_eq(invite[i].made_by, c->who.name))
            return err_set(e, ERR_CONFLICT, "The link for \"%.*s\" was made when this was sent the first time, and shown then; if you did not see it, take it back below and create another", STR_ARG(label));
    return true;
}

static bool invite_somebody(struct call *c, str *secret, struct err *e)
{
    struct account org = { 0 };
    enum account_role role = ROLE_NONE;
    struct db_conn *tx;
    uint64_t days;
    bool found;
    str name = page_field(c, "org"), label = page_field(c, "label");
    if (!str_u64(page_field(c, "days"), &days) || days < 1 || days > INVITE_DAYS_MAX) return err_set(e, ERR_INVALID, "An invitation is good for 1 to %d days", INVITE_DAYS_MAX);
    if (name.n) {
        if (!account_find(call_db(c), name, &org, &found, c->a, e)) return false;
        if (!found || org.kind != ACCOUNT_ORG) return err_set(e, ERR_INVALID, "There is no organisation \"%.*s\"", STR_ARG(str_to(name, 100)));
        if (!account_read_role(c, &role, e)) return false;
    }
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = refuse_sent(c, tx, label, e) && invite_create(tx, c->who.user_id, label, org.id, role, clock_now_ms() + (int64_t)days * 86400000, secret, c->a, e) &&
              audit_add(tx, &c->who, "invite.create", c->who.user_id, label, call_peer(c), e);
    return page_commit(c, ok, tx, e);
}

static bool post_invite(struct call *c, struct err *e)
{
    struct err why = { 0 };
    str secret, base = call_base_url(c);
    if (!account_need_session(c, e)) return false;
    if (invite_somebody(c, &secret, &why)) return invites_page(c, 200, arena_fmt(c->a, "%.*s/join?invite=%.*s", STR_ARG(base), STR_ARG(secret)), STR(""), e);
    if (api_status_of(&why) < 500) return invites_page(c, api_status_of(&why), STR(""), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_take_back(struct call *c, struct err *e)
{
    struct db_conn *tx;
    int64_t id;
    if (!account_need_session(c, e)) return false;
    if (!str_i64(page_field(c, "id"), &id)) return err_set(e, ERR_INVALID, "Which invitation?");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    return page_commit(c, invite_revoke(tx, id, e) && audit_add(tx, &c->who, "invite.revoke", c->who.user_id, STR("an invitation was taken back"), call_peer(c), e), tx, e) &&
           page_redirect(c, STR("/settings/invitations"));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/join", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_join, "page.join", SHAPE_PAGE },
    { HTTP_POST, "/join", PERM_ANYONE, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_join, "page.join.send", SHAPE_PAGE },
    { HTTP_GET, "/settings/invitations", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_invites, "page.invites", SHAPE_PAGE },
    { HTTP_POST, "/settings/invitations", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_invite, "page.invite.create", SHAPE_PAGE },
    { HTTP_POST, "/settings/invitations/revoke", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_take_back, "page.invite.revoke", SHAPE_PAGE },
};
const struct api_table web_join = API_TABLE(rows);
