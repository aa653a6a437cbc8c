/* web/account/groups.c - an organisation's resource groups: who is in them, what is in them, who joins by himself. */
#include "hub/community/collection.h"
#include "hub/grouping.h"
#include "web/account/account.h"

struct place {
    struct account org;
    enum account_role role;    /* of the person, in the organisation */
    struct resource_group group;
    enum account_role in_group; /* the same, in the group: of pages about one */
};

static bool find_place(struct call *c, enum account_role least, struct place *p, struct err *e)
{
    bool found;
    p->in_group = ROLE_NONE;
    if (!account_find_org(c, ROLE_NO_ACCESS, &p->org, &p->role, e)) return false;
    if (!call_param(c, "group").n) return p->role >= least || err_set(e, ERR_DENIED, "Only administrators of %.*s may do this", STR_ARG(p->org.name));
    if (!resource_group_find(call_db(c), p->org.id, call_param(c, "group"), &p->group, &found, c->a, e)) return false;
    if (found && !resource_role_in(call_db(c), &c->who, p->org.id, p->group.id, &p->in_group, e)) return false;
    if (p->in_group < ROLE_READ) return err_set(e, ERR_NOT_FOUND, "%.*s has no such resource group", STR_ARG(p->org.name));
    return p->in_group >= least || err_set(e, ERR_DENIED, "Only administrators of this resource group may do this");
}

static str path_of(struct call *c, const struct place *p, const struct resource_group *g)
{
    str base = arena_fmt(c->a, "/organizations/%.*s/settings/groups", STR_ARG(p->org.name));
    return g ? arena_fmt(c->a, "%.*s/%.*s", STR_ARG(base), STR_ARG(g->hex_id)) : base;
}

static bool noted(struct call *c, struct db_conn *tx, const char *type, const struct place *p, str what, struct err *e)
{
    str words = what.n ? arena_fmt(c->a, "%.*s: %.*s", STR_ARG(p->group.name), STR_ARG(what)) : p->group.name;
    return audit_add(tx, &c->who, type, p->org.id, words, call_peer(c), e);
}

static void write_group(struct json_writer *w, const struct resource_group *g)
{
    jw_kstr(w, "id", g->hex_id);
    jw_kstr(w, "name", g->name);
    jw_kstr(w, "details", g->description);
    jw_kint(w, "people", g->members_count);
}

static void write_roles(struct json_writer *w)
{
    jw_karray(w, "roles");
    for (enum account_role r = ROLE_NO_ACCESS; r <= ROLE_ADMIN; r++) jw_str(w, account_role_name(r));
    jw_array_end(w);
}

/* What the person got wrong stands above the form; the rest is an error like any other. */
typedef bool show_page(struct call *c, int status, const struct place *p, str problem, struct err *e);
static bool finish(struct call *c, bool ok, str to, show_page *show, const struct place *p, const struct err *why, struct err *e)
{
    if (ok) return page_redirect(c, to);
    if (api_status_of(why) < 500) return show(c, api_status_of(why), p, str_c(why->msg), e);
    *e = *why;
    return false;
}

/* ------------------------------------------------------------------ all of them */

static bool list_page(struct call *c, int status, const struct place *p, str problem, struct err *e)
{
    struct resource_group *g;
    size_t n;
    if (!resource_group_list(call_db(c), p->org.id, p->role == ROLE_ADMIN ? 0 : c->who.user_id, c->a, &g, &n, e)) return false;
    struct page *page = page_new(c, arena_fmt(c->a, "Resource groups of %.*s", STR_ARG(p->org.name)));
    account_write_org(page, &p->org, p->role);
    jw_kstr(&page->w, "problem_text", problem);
    page_write_typed(page, problem.n > 0, "name", "details");
    jw_karray(&page->w, "groups");
    for (size_t i = 0; i < n; i++) {
        jw_object(&page->w);
        write_group(&page->w, &g[i]);
        jw_object_end(&page->w);
    }
    jw_array_end(&page->w);
    return page_reply(page, status, "account/org_groups.html", e);
}

static bool get_list(struct call *c, struct err *e)
{
    struct place p;
    return find_place(c, ROLE_NO_ACCESS, &p, e) && list_page(c, 200, &p, STR(""), e);
}

static bool create(struct call *c, struct place *p, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = resource_group_create(tx, p->org.id, page_text(c, "name"), page_text(c, "details"), &p->group, c->a, e);
    return page_commit(c, ok && noted(c, tx, "resource_group.create", p, STR(""), e), tx, e);
}

static bool post_list(struct call *c, struct err *e)
{
    struct place p;
    struct err why = { 0 };
    if (!find_place(c, ROLE_ADMIN, &p, e)) return false;
    bool ok = create(c, &p, &why);
    return finish(c, ok, ok ? path_of(c, &p, &p.group) : STR(""), list_page, &p, &why, e);
}

/* ------------------------------------------------------------------ one */

static bool write_thing(void *ctx, const struct grouped *g)
{
    struct page *p = ctx;
    struct json_writer *w = &p->w;
    bool is_collection = g->kind == GROUPED_COLLECTION;
    jw_object(w);
    jw_kstr(w, "type", g->type);
    jw_kstr(w, "id", g->hex_id);
    jw_kstr(w, "name", is_collection ? g->title : g->name);
    enum repo_kind kind;
    str prefix = is_collection ? STR("collections/") : repo_kind_parse(g->type, &kind) ? repo_web_prefix(kind) : STR("buckets/");
    str at = is_collection ? collection_slug(g->name, g->title, g->hex_id, p->c->a) : g->name;
    jw_kstr(w, "href", arena_fmt(p->c->a, "/%.*s%.*s", STR_ARG(prefix), STR_ARG(at)));
    jw_kbool(w, "is_private", g->is_private);
    jw_object_end(w);
    return true;
}

static bool one_page(struct call *c, int status, const struct place *p, str problem, struct err *e)
{
    struct account_member *m;
    size_t n;
    if (!resource_group_members(call_db(c), p->group.id, c->a, &m, &n, e)) return false;
    struct page *page = page_new(c, p->group.name);
    struct json_writer *w = &page->w;
    account_write_org(page, &p->org, p->role);
    jw_kstr(w, "problem_text", problem);
    page_write_typed(page, problem.n > 0, "user", "role", "thing");
    jw_kobject(w, "group");
    write_group(w, &p->group);
    jw_kbool(w, "may_manage", p->in_group == ROLE_ADMIN);
    jw_kstr(w, "auto_role", account_role_name(p->group.auto_role));
    jw_kbool(w, "auto_from_read", p->group.auto_from_read);
    jw_object_end(w);
    write_roles(w);
    jw_karray(w, "members");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "name", m[i].user.name);
        jw_kstr(w, "role", account_role_name(m[i].role));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_karray(w, "things");
    bool ok = grouping_each(call_db(c), p->group.id, write_thing, page, e);
    jw_array_end(w);
    return ok && page_reply(page, status, "account/org_group.html", e);
}

static bool get_one(struct call *c, struct err *e)
{
    struct place p;
    return find_place(c, ROLE_READ, &p, e) && one_page(c, 200, &p, STR(""), e);
}

static bool find_user(struct call *c, struct db_conn *tx, struct account *out, struct err *e)
{
    bool found;
    str name = page_text(c, "user");
    if (!account_find(tx, name, out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_INVALID, "There is no user \"%.*s\"", STR_ARG(str_to(name, 100)));
}

static bool set_member(struct call *c, struct place *p, const char *type, enum account_role role, struct err *e)
{
    struct account user;
    struct db_conn *tx;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = find_user(c, tx, &user, e) && resource_group_set_member(tx, &p->group, user.id, role, e);
    str name = account_role_name(role);
    str what = !ok ? STR("") : role == ROLE_NONE ? user.name : arena_fmt(c->a, "%.*s as %.*s", STR_ARG(user.name), STR_ARG(name));
    return page_commit(c, ok && noted(c, tx, type, p, what, e), tx, e);
}

static bool add_user(struct call *c, struct place *p, struct err *e)
{
    enum account_role role;
    return account_read_role(c, &role, e) && set_member(c, p, "resource_group.add_users", role, e);
}

static bool change_role(struct call *c, struct place *p, struct err *e)
{
    enum account_role role;
    return account_read_role(c, &role, e) && set_member(c, p, "resource_group.change_role", role, e);
}

static bool remove_user(struct call *c, struct place *p, struct err *e) { return set_member(c, p, "resource_group.remove_users", ROLE_NONE, e); }

/* "owner/name", "datasets/owner/name", "buckets/owner/name" or "collections/owner/slug". */
static bool put_in(struct call *c, struct place *p, struct err *e)
{
    struct account_named r;
    struct grouped g;
    str line = str_trim(page_text(c, "thing")), slug = str_from(line, line.n < 24 ? 0 : line.n - 24);
    if (str_starts(line, STR("collections/")))
        r = (struct account_named){ .type = STR("collection"), .hex_id = slug };
    else if (!account_find_named(c, line, &r, e))
        return false;
    if (!grouping_find(call_db(c), &c->who, r.type, r.hex_id, &g, c->a, e)) return false;
    if (g.owner_id != p->org.id) return err_set(e, ERR_INVALID, "%.*s does not belong to %.*s", STR_ARG(g.name), STR_ARG(p->org.name));
    return grouping_move(c->hub, &c->who, &g, &p->group, e);
}

static bool take_out(struct call *c, struct place *p, struct err *e)
{
    struct grouped g;
    if (!grouping_find(call_db(c), &c->who, page_text(c, "type"), page_text(c, "id"), &g, c->a, e)) return false;
    return g.group_id != p->group.id || grouping_move(c->hub, &c->who, &g, NULL, e); /* already out: fine */
}

static bool change(struct call *c, struct place *p, struct err *e)
{
    struct db_conn *tx;
    struct resource_group g;
    str join = page_text(c, "join");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = resource_group_get(tx, p->group.id, &g, c->a, e);
    g.name = page_text(c, "name");
    g.description = page_text(c, "details");
    g.auto_role = ROLE_NONE;
    g.auto_from_read = str_eq(join, STR("read_plus"));
    if (ok && join.n) ok = account_read_role(c, &g.auto_role, e);
    return page_commit(c, ok && resource_group_update(tx, &g, e) && noted(c, tx, "resource_group.settings", p, STR(""), e), tx, e);
}

static bool post_one(struct call *c, struct err *e)
{
    static const struct { const char *what; bool (*act)(struct call *c, struct place *p, struct err *e); } acts[] = {
        { "add", add_user }, { "role", change_role }, { "remove", remove_user }, { "put", put_in }, { "out", take_out }, { "change", change },
    };
    struct place p;
    struct err why = { 0 };
    str what = page_text(c, "act");
    size_t i = 0;
    if (!find_place(c, ROLE_ADMIN, &p, e)) return false;
    while (i < COUNT(acts) && !str_eq(what, str_c(acts[i].what))) i++;
    if (i == COUNT(acts)) return err_set(e, ERR_INVALID, "Nothing was chosen");
    return finish(c, acts[i].act(c, &p, &why), path_of(c, &p, &p.group), one_page, &p, &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    struct err why = { 0 };
    if (!find_place(c, ROLE_ADMIN, &p, e)) return false;
    if (p.role < ROLE_ADMIN) return err_set(e, ERR_DENIED, "Only administrators of %.*s may do this", STR_ARG(p.org.name));
    bool ok = db_begin(hub_db(c->hub), &tx, &why) &&
              page_commit(c, resource_group_delete(tx, &p.group, &why) && noted(c, tx, "resource_group.delete", &p, STR(""), &why), tx, &why);
    return finish(c, ok, path_of(c, &p, NULL), one_page, &p, &why, e);
}

#define ALL "/organizations/:org/settings/groups"
#define GET(pattern, fn, name) { HTTP_GET, pattern, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_PAGE }
#define POST(pattern, fn, name) { HTTP_POST, pattern, PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, fn, name, SHAPE_PAGE }
static const struct api_route rows[] = {
    GET(ALL, get_list, "page.org.groups"),
    POST(ALL, post_list, "page.org.group.create"),
    GET(ALL "/:group", get_one, "page.org.group"),
    POST(ALL "/:group", post_one, "page.org.group.change"),
    POST(ALL "/:group/delete", post_delete, "page.org.group.delete"),
};
const struct api_table web_groups = API_TABLE(rows);
