/* web/admin/people.c - users and organisations for the operator, and the page where somebody chooses a password with a link. */
#include "account/profile.h"
#include "account/scim.h"
#include "hub/second_factor.h"
#include "web/admin/operator.h"

enum { PEOPLE_SHOWN = 50 };

/* ------------------------------------------------------------------ lists */

static bool write_people(struct page *p, enum account_kind kind, struct err *e)
{
    struct call *c = p->c;
    struct account *row;
    size_t n;
    str search = str_trim(call_query(c, "q")), after = call_query(c, "after");
    if (!account_list(call_db(c), kind, search, after.p ? after : STR(""), PEOPLE_SHOWN + 1, c->a, &row, &n, e)) return false;
    jw_kstr(&p->w, "q", search);
    jw_karray(&p->w, "people");
    for (size_t i = 0; i < n && i < PEOPLE_SHOWN; i++) {
        struct second_factor factor;
        bool has_factor;
        int64_t members = 0;
        if (!second_factor_find(call_db(c), row[i].id, &factor, &has_factor, c->a, e)) return false;
        struct scim_org scim = { 0 };
        str manager = { 0 };
        if (kind == ACCOUNT_ORG && (!account_members_count(call_db(c), row[i].id, &members, e) || !scim_org_get(call_db(c), row[i].id, &scim, e))) return false;
        if (kind == ACCOUNT_USER && !scim_manager_of(call_db(c), row[i].id, &manager, c->a, e)) return false;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", row[i].name);
        jw_kstr(&p->w, "fullname", row[i].fullname.p ? row[i].fullname : STR(""));
        jw_kstr(&p->w, "email", row[i].email.p ? row[i].email : STR(""));
        jw_kbool(&p->w, "is_admin", row[i].is_admin);
        jw_kbool(&p->w, "is_disabled", row[i].is_disabled);
        jw_kbool(&p->w, "has_factor", has_factor);
        jw_kbool(&p->w, "is_me", row[i].id == c->who.user_id);
        jw_kint(&p->w, "members", members);
        jw_kbool(&p->w, "makes_accounts", scim.makes_accounts);
        jw_kstr(&p->w, "manager", manager.p ? manager : STR(""));
        jw_kint(&p->w, "created_ms", row[i].created_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kbool(&p->w, "is_later", after.n > 0);
    if (n > PEOPLE_SHOWN) jw_kstr(&p->w, "next", row[PEOPLE_SHOWN - 1].name);
    return true;
}

struct said { /* above the list */
    str problem, link, link_for;
};
static bool users_page(struct call *c, int status, struct said said, struct err *e)
{
    struct page *p = operator_page(c, "users", STR("Users"));
    jw_kstr(&p->w, "problem_text", said.problem.p ? said.problem : STR(""));
    page_write_typed(p, said.problem.n > 0 && !page_field(c, "do").p, "name", "email");
    if (said.link.n) {
        jw_kstr(&p->w, "link", said.link);
        jw_kstr(&p->w, "link_for", said.link_for);
    }
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return write_people(p, ACCOUNT_USER, e) && page_reply(p, status, "admin/users.html", e);
}

static bool get_users(struct call *c, struct err *e) { return users_page(c, 200, (struct said){ 0 }, e); }

static bool get_orgs(struct call *c, struct err *e)
{
    struct page *p = operator_page(c, "orgs", STR("Organisations"));
    return write_people(p, ACCOUNT_ORG, e) && page_reply(p, 200, "admin/orgs.html", e);
}

/* ------------------------------------------------------------------ changes */

static bool problem(struct call *c, const struct err *why, struct err *e)
{
    if (api_status_of(why) < 500) return users_page(c, api_status_of(why), (struct said){ .problem = str_c(why->msg) }, e);
    *e = *why;
    return false;
}

static bool show_link(struct call *c, const struct account *who, struct err *e)
{
    str link;
    struct db_conn *db = db_reader(hub_db(c->hub)); /* the call's own may be older than what was just written */
    bool ok = password_link_make(hub_db(c->hub), db, who->id, c->who.user_id, &link, c->a, e);
    db_give(hub_db(c->hub), db);
    if (!ok) return false;
    str url = arena_fmt(c->a, "%.*s/password/choose?link=%.*s", STR_ARG(call_base_url(c)), STR_ARG(link));
    return users_page(c, 200, (struct said){ .link = url, .link_for = who->name }, e);
}

/* Begins a transaction if the caller is an administrator still: of two who demote each other at once, the second is none by then. */
static bool begin(struct call *c, struct db_conn **tx, struct err *e)
{
    struct identity now;
    if (!db_begin(hub_db(c->hub), tx, e)) return false;
    if (identity_again(*tx, c->who.user_id, c->who.token.id, &now, c->a, e) && (now.is_admin || err_set(e, ERR_DENIED, "You are no administrator any more"))) return true;
    db_rollback(hub_db(c->hub), *tx);
    return false;
}

static bool post_new(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct account made;
    struct err why;
    str name = page_field(c, "name"), email = page_field(c, "email");
    if (!begin(c, &tx, e)) return false;
    bool ok = account_create(tx, ACCOUNT_USER, name.p ? name : STR(""), false, &made, c->a, &why);
    if (ok && email.n) {
        made.email = email;
        ok = profile_check(&made, &why) && account_update(tx, &made, &why);
    }
    ok = ok && audit_add(tx, &c->who, "user.create", made.id, made.name, call_peer(c), &why);
    return page_commit(c, ok, tx, &why) ? show_link(c, &made, e) : problem(c, &why, e);
}

/* An administrator cannot shut himself out: somebody else has to. */
static bool change(struct db_conn *tx, struct call *c, const struct account *who, str what, struct err *e)
{
    bool disables = str_eq(what, STR("disable")), demotes = str_eq(what, STR("demote")), removes = str_eq(what, STR("remove_factor")), was_on;
    if (who->id == c->who.user_id && (disables || demotes || removes)) return err_set(e, ERR_CONFLICT, "You cannot do this to yourself: another administrator can");
    if (removes) return second_factor_turn_off(tx, &c->who, who->id, call_peer(c), &was_on, e);
    bool enables = str_eq(what, STR("enable")), promotes = str_eq(what, STR("promote"));
    if (!disables && !demotes && !enables && !promotes) return err_set(e, ERR_INVALID, "What shall be done?");
    bool ok = disables || enables ? account_set_disabled(tx, who->id, disables, e) : account_set_admin(tx, who->id, promotes, e);
    return ok && audit_add(tx, &c->who, arena_fmt(c->a, "user.%.*s", STR_ARG(what)).p, who->id, who->name, call_peer(c), e);
}

static bool post_user(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct account who;
    struct err why;
    bool found;
    str what = page_field(c, "do"), name = page_field(c, "name");
    if (!account_find(call_db(c), name.p ? name : STR(""), &who, &found, c->a, e)) return false;
    if (!found || who.kind != ACCOUNT_USER) return err_set(e, ERR_NOT_FOUND, "There is nobody of this name");
    if (!begin(c, &tx, e)) return false;
    if (str_eq(what, STR("link"))) {
        bool noted = audit_add(tx, &c->who, "user.password_link", who.id, who.name, call_peer(c), e);
        return page_commit(c, noted, tx, e) && show_link(c, &who, e);
    }
    bool ok = change(tx, c, &who, what, &why);
    return page_commit(c, ok, tx, &why) ? page_redirect(c, STR("/operator/users")) : problem(c, &why, e);
}

static bool post_org(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct account org;
    bool found;
    str name = page_field(c, "name"), what = page_field(c, "do");
    bool allows = str_eq(what, STR("allow_accounts"));
    if (!allows && !str_eq(what, STR("stop_accounts"))) return err_set(e, ERR_INVALID, "What shall be done?");
    if (!account_find(call_db(c), name.p ? name : STR(""), &org, &found, c->a, e)) return false;
    if (!found || org.kind != ACCOUNT_ORG) return err_set(e, ERR_NOT_FOUND, "There is no organisation of this name");
    return begin(c, &tx, e) && page_commit(c, scim_org_allow(tx, org.id, allows, &c->who, call_peer(c), e), tx, e) && page_redirect(c, STR("/operator/organisations"));
}

/* ------------------------------------------------------------------ the other end of the link */

static bool choose_page(struct call *c, int status, str link, str name, str text, struct err *e)
{
    struct page *p = page_new(c, STR("Choose a password"));
    jw_kstr(&p->w, "link", link);
    jw_kstr(&p->w, "name", name);
    jw_kstr(&p->w, "problem_text", text);
    return page_reply(p, status, "admin/choose.html", e);
}

static bool refuse_link(struct call *c, const struct err *why, struct err *e)
{
    if (why->code == ERR_NOT_FOUND) return choose_page(c, 404, STR(""), STR(""), str_c(why->msg), e);
    *e = *why;
    return false;
}

static bool get_choose(struct call *c, struct err *e)
{
    struct account who;
    struct err why;
    str link = call_query(c, "link");
    if (!password_link_read(hub_db(c->hub), call_db(c), link.p ? link : STR(""), &who, c->a, &why)) return refuse_link(c, &why, e);
    return choose_page(c, 200, link, who.name, STR(""), e);
}

/* Who is not signed in has no token of our forms; what the link says, nobody else knows. */
static bool post_choose(struct call *c, struct err *e)
{
    struct account who;
    struct db_conn *tx;
    struct err why;
    char hash[PASSWORD_HASH_BYTES];
    str link = page_field(c, "link"), password = { 0 };
    if (!password_link_read(hub_db(c->hub), call_db(c), link.p ? link : STR(""), &who, c->a, &why)) return refuse_link(c, &why, e);
    http_form_nth(http_body(c->http), c->a, "password", 0, &password); /* blanks count */
    if (!password_hash(password.p ? password : STR(""), hash, &why)) {
        if (api_status_of(&why) < 500) return choose_page(c, api_status_of(&why), link, who.name, str_c(why.msg), e);
        *e = why;
        return false;
    }
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = password_link_read(hub_db(c->hub), tx, link, &who, c->a, e) && /* once: another may have been quicker */
              account_store_password(tx, who.id, hash, e) && session_end_others(tx, who.id, STR(""), e) &&
              audit_add(tx, NULL, "user.password", who.id, STR("chosen with a link"), call_peer(c), e);
    return page_commit(c, ok, tx, e) && page_redirect(c, page_saved(c, STR("/login")));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/operator/users", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_users, "page.operator.users", SHAPE_PAGE },
    { HTTP_POST, "/operator/users", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_user, "page.operator.user", SHAPE_PAGE },
    { HTTP_POST, "/operator/users/new", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_new, "page.operator.user.new", SHAPE_PAGE },
    { HTTP_GET, "/operator/organisations", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_orgs, "page.operator.orgs", SHAPE_PAGE },
    { HTTP_POST, "/operator/organisations", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_org, "page.operator.org", SHAPE_PAGE },
    { HTTP_GET, "/password/choose", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_choose, "page.password.choose", SHAPE_PAGE },
    { HTTP_POST, "/password/choose", PERM_ANYONE, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_choose, "page.password.choose.send", SHAPE_PAGE },
};
const struct api_table web_operator_people = API_TABLE(rows);
