/* web/account/scim.c - an organisation's SCIM: its addresses, what who comes that way may do, and who has come. */
#include "account/scim.h"
#include "hub/hub.h"
#include "web/account/account.h"

enum { USERS_SHOWN = 100 };

static str path_of(struct call *c, const struct account *org) { return arena_fmt(c->a, "/organizations/%.*s/settings/scim", STR_ARG(org->name)); }

static bool write_user(void *ctx, const struct scim_user *u, struct err *e)
{
    struct json_writer *w = ctx;
    (void)e;
    jw_object(w);
    jw_kstr(w, "name", u->name);
    jw_kstr(w, "given_name", u->given_name);
    jw_kstr(w, "family_name", u->family_name);
    jw_kstr(w, "email", u->email);
    jw_kstr(w, "external_id", u->external_id.p ? u->external_id : STR(""));
    jw_kbool(w, "is_active", u->is_active);
    jw_kbool(w, "is_member", u->is_member);
    jw_object_end(w);
    return true;
}

static bool write_users(struct page *p, const char *key, const char *count, enum scim_kind kind, int64_t org_id, int64_t from, int64_t *most, struct err *e)
{
    int64_t n;
    struct scim_range range = { .from = from, .count = USERS_SHOWN };
    if (!scim_user_count(call_db(p->c), org_id, kind, &n, e)) return false;
    jw_kint(&p->w, count, n);
    if (n > *most) *most = n;
    jw_karray(&p->w, key);
    bool ok = scim_user_each(call_db(p->c), org_id, kind, &range, write_user, &p->w, e);
    jw_array_end(&p->w);
    return ok;
}

static bool write_groups(struct page *p, int64_t org_id, struct err *e)
{
    struct scim_group *g;
    size_t n;
    if (!scim_group_list(call_db(p->c), org_id, p->c->a, &g, &n, e)) return false;
    jw_karray(&p->w, "groups");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "id", g[i].hex_id);
        jw_kstr(&p->w, "name", g[i].name);
        jw_kstr(&p->w, "role", account_role_name(g[i].role));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool show(struct call *c, int status, const struct account *org, str problem, struct err *e)
{
    struct scim_org s;
    int64_t from, most = 0;
    if (!str_i64(call_query(c, "from"), &from) || from < 0) from = 0;
    if (!scim_org_get(call_db(c), org->id, &s, e)) return false;
    struct page *p = page_new(c, arena_fmt(c->a, "SCIM of %.*s", STR_ARG(org->name)));
    struct json_writer *w = &p->w;
    account_write_org(p, org, ROLE_ADMIN);
    jw_kstr(w, "problem_text", problem);
    jw_kstr(w, "address", arena_fmt(c->a, "%.*s/api/organizations/%.*s", STR_ARG(call_base_url(c)), STR_ARG(org->name)));
    jw_kbool(w, "makes_accounts", s.makes_accounts);
    jw_kbool(w, "signs_in", api_config_of(c->api)->external != NULL);
    jw_kstr(w, "role", account_role_name(s.role));
    if (!write_users(p, "managed", "managed_count", SCIM_MANAGED, org->id, from, &most, e) || !write_users(p, "invited", "invited_count", SCIM_INVITED, org->id, from, &most, e) ||
        !write_groups(p, org->id, e)) return false;
    jw_kbool(w, "is_later", from > 0);
    jw_kint(w, "next", from + USERS_SHOWN < most ? from + USERS_SHOWN : 0);
    return page_reply(p, status, "account/org_scim.html", e);
}

static bool get_scim(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    return account_find_org(c, ROLE_ADMIN, &org, &role, e) && show(c, 200, &org, STR(""), e);
}

static bool set_role(struct call *c, struct db_conn *tx, const struct account *org, enum account_role role, struct err *e)
{
    struct scim_org s;
    str name = account_role_name(role);
    if (!scim_org_get(tx, org->id, &s, e)) return false;
    s.role = role;
    return scim_org_set(tx, org->id, &s, e) && audit_add(tx, &c->who, "org.update_settings", org->id, arena_fmt(c->a, "who comes by SCIM has the role %.*s", STR_ARG(name)), call_peer(c), e);
}

static bool set_group_role(struct call *c, struct db_conn *tx, const struct account *org, str group, enum account_role role, struct err *e)
{
    struct scim_group g;
    struct scim_by by = { org, &c->who, call_peer(c) };
    bool found;
    if (!scim_group_find(tx, org->id, group, &g, &found, c->a, e)) return false;
    return found ? scim_group_set_role(tx, &by, &g, role, c->a, e) : err_set(e, ERR_NOT_FOUND, "There is no such group any more");
}

/* The role of who comes, or with "group" that of who is put into it. */
static bool save(struct call *c, const struct account *org, struct err *e)
{
    enum account_role role;
    struct db_conn *tx;
    str group = page_text(c, "group");
    if (!account_read_role(c, &role, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return page_commit(c, group.n ? set_group_role(c, tx, org, group, role, e) : set_role(c, tx, org, role, e), tx, e);
}

static bool post_scim(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct err why = { 0 };
    if (!account_find_org(c, ROLE_ADMIN, &org, &role, e)) return false;
    if (save(c, &org, &why)) return page_redirect(c, page_saved(c, path_of(c, &org)));
    if (api_status_of(&why) < 500) return show(c, api_status_of(&why), &org, str_c(why.msg), e);
    *e = why;
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, "/organizations/:org/settings/scim", PERM_USER, HTTP_BODY_NONE, 0, 0, get_scim, "page.org.scim", SHAPE_PAGE },
    { HTTP_POST, "/organizations/:org/settings/scim", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_scim, "page.org.scim.save", SHAPE_PAGE },
};
const struct api_table web_scim = API_TABLE(rows);
