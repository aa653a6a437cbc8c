/* api/hub/resource_group.c - an organisation's resource groups, and in which of them a repository, bucket or collection is.
 *
 * The organisation's administrators see and change all groups, a group's administrators theirs; who is in a group sees it.  To
 * everybody else it does not exist.  A fine-grained token needs org.read to see, resourceGroup.write or org.write to change. */
#include "api/hub/hub_api.h"
#include "hub/bucket/bucket.h"
#include "hub/community/collection.h"
#include "hub/grouping.h"

enum { USERS_MAX = 1000, THINGS_MAX = 1000 };

/* ------------------------------------------------------------------ whose, and which */

struct place {
    struct account org;
    struct resource_group group;
};

static struct token_target org_target(const struct account *org) { return (struct token_target){ STR("org"), org->name, org->hex_id, org->name }; }

static bool no_group(const struct account *org, struct err *e) { return err_set(e, ERR_NOT_FOUND, "%.*s has no such resource group", STR_ARG(org->name)); }

/* The organisation's group of this id, if the caller has the role in it, or one above. */
static bool find_in(struct call *c, const struct account *org, str hex_id, enum account_role least, struct resource_group *out, struct err *e)
{
    enum account_role role = ROLE_NONE;
    bool found;
    if (!resource_group_find(call_db(c), org->id, hex_id, out, &found, c->a, e)) return false;
    if (found && !resource_role_in(call_db(c), &c->who, org->id, out->id, &role, e)) return false;
    if (role < ROLE_READ) return no_group(org, e);
    return role >= least || err_set(e, ERR_DENIED, "Only administrators of the resource group \"%.*s\" may do this", STR_ARG(out->name));
}

static bool find_group(struct call *c, enum account_role least, enum token_right right, struct place *p, struct err *e)
{
    if (!call_find_account(c, ACCOUNT_ORG, &p->org, e)) return false;
    struct token_target t = org_target(&p->org);
    if (!identity_token_allows(&c->who, right, &t))
        return err_set(e, ERR_DENIED, "This token has no right to the resource groups of %.*s. Use a token whose role or scopes include it", STR_ARG(p->org.name));
    return find_in(c, &p->org, call_param(c, "group"), least, &p->group, e);
}

bool read_resource_group(struct call *c, const struct json *body, const struct account *owner, int64_t *id, struct err *e)
{
    struct resource_group g;
    str hex_id;
    const struct json *v = json_get(body, STR("resourceGroupId"));
    if (!v || v->type == JSON_NULL) return true;
    if (!json_str(v, &hex_id)) return err_set(e, ERR_INVALID, "\"resourceGroupId\" must be the id of a resource group, or null");
    if (!find_in(c, owner, hex_id, ROLE_READ, &g, e)) return false;
    *id = g.id;
    return true;
}

/* ------------------------------------------------------------------ what a group looks like */

struct things_to {
    struct call *c;
    struct json_writer *w;
    bool repos_alone;
};

/* The reader is in the group, or above it; his token may know less. */
static bool write_thing(void *ctx, const struct grouped *g)
{
    struct things_to *to = ctx;
    struct json_writer *w = to->w;
    bool is_collection = g->kind == GROUPED_COLLECTION;
    str owner = is_collection ? g->name : str_to(g->name, str_chr(g->name, '/'));
    str name = is_collection ? collection_slug(owner, g->title, g->hex_id, to->c->a) : g->name;
    struct token_target target = { g->type, name, g->hex_id, owner };
    if ((is_collection && to->repos_alone) || (g->is_private && !identity_token_allows(&to->c->who, RIGHT_READ, &target))) return true;
    jw_object(w);
    jw_kstr(w, "type", g->type);
    if (is_collection) {
        jw_kstr(w, "id", g->hex_id);
        jw_kstr(w, "slug", name);
        jw_kstr(w, "title", g->title);
    } else {
        jw_kstr(w, "name", name);
    }
    jw_kbool(w, "private", g->is_private);
    jw_object_end(w);
    return true;
}

static bool write_things(struct call *c, struct json_writer *w, const char *key, bool repos_alone, const struct resource_group *g, struct err *e)
{
    struct things_to to = { c, w, repos_alone };
    jw_karray(w, key);
    bool ok = grouping_each(call_db(c), g->id, write_thing, &to, e);
    jw_array_end(w);
    return ok;
}

static void write_auto_join(struct json_writer *w, const struct resource_group *g)
{
    jw_kobject(w, "autoJoin");
    jw_kbool(w, "enabled", g->auto_role != ROLE_NONE);
    if (g->auto_role != ROLE_NONE) {
        jw_kstr(w, "role", account_role_name(g->auto_role));
        jw_kstr(w, "scope", g->auto_from_read ? STR("read_plus") : STR("all"));
    }
    jw_object_end(w);
}

static bool write_group(struct call *c, struct json_writer *w, const struct resource_group *g, struct err *e)
{
    struct account_member *m;
    size_t n;
    if (!resource_group_members(call_db(c), g->id, c->a, &m, &n, e)) return false;
    jw_object(w);
    jw_kstr(w, "id", g->hex_id);
    jw_kstr(w, "name", g->name);
    if (g->description.n) jw_kstr(w, "description", g->description);
    write_auto_join(w, g);
    jw_karray(w, "users");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "type", STR("user"));
        jw_kstr(w, "_id", m[i].user.hex_id);
        jw_kstr(w, "fullname", m[i].user.fullname.n ? m[i].user.fullname : m[i].user.name);
        jw_kstr(w, "name", m[i].user.name);
        jw_kstr(w, "avatarUrl", call_avatar_url(c, m[i].user.name));
        jw_kstr(w, "role", account_role_name(m[i].role));
        jw_object_end(w);
    }
    jw_array_end(w);
    if (!write_things(c, w, "resources", false, g, e) || !write_things(c, w, "repos", true, g, e)) return false;
    jw_object_end(w);
    return true;
}

static bool reply_group(struct call *c, int64_t id, struct err *e)
{
    struct resource_group g;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (resource_group_get(call_db(c), id, &g, c->a, e) && write_group(c, &w, &g, e)) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

void write_resource_group(struct json_writer *w, const struct resource_group *g)
{
    jw_object(w);
    jw_kstr(w, "id", g->hex_id);
    jw_kstr(w, "name", g->name);
    jw_kint(w, "numUsers", g->members_count);
    jw_object_end(w);
}

bool resource_group_seen(struct call *c, int64_t owner_id, int64_t group_id, struct resource_group *out, bool *yes, struct err *e)
{
    enum account_role role;
    *yes = false;
    if (!group_id) return true;
    if (!resource_role_in(call_db(c), &c->who, owner_id, group_id, &role, e)) return false;
    *yes = role >= ROLE_READ;
    return !*yes || resource_group_get(call_db(c), group_id, out, c->a, e);
}

/* ------------------------------------------------------------------ bodies */

static bool read_role(const struct json *from, enum account_role *out, struct err *e)
{
    str text;
    if (!json_need_str(from, "role", &text, e)) return false;
    return account_role_parse(text, out) || err_set(e, ERR_INVALID, "\"role\" must be one of [admin, write, contributor, read, no_access]");
}

static bool is_true(const struct json *v)
{
    bool yes;
    str text;
    return (json_bool(v, &yes) && yes) || (json_str(v, &text) && str_eq(text, STR("true")));
}

/* Member "autoJoin"; absent: it stays as it is. */
static bool read_auto_join(const struct json *body, struct resource_group *g, struct err *e)
{
    const struct json *join = json_get(body, STR("autoJoin"));
    if (!join) return true;
    if (!json_is(join, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"autoJoin\" must be an object with \"enabled\"");
    g->auto_role = ROLE_NONE;
    if (!is_true(json_get(join, STR("enabled")))) return true;
    str scope = json_str_or(join, STR("scope"), STR("all"));
    g->auto_from_read = str_eq(scope, STR("read_plus"));
    if (!g->auto_from_read && !str_eq(scope, STR("all"))) return err_set(e, ERR_INVALID, "\"scope\" must be one of [all, read_plus]");
    return read_role(join, &g->auto_role, e);
}

static bool find_user(struct call *c, struct db_conn *db, str name, struct account *out, struct err *e)
{
    bool found;
    if (!account_find(db, name, out, &found, c->a, e) || (!found && !account_find_hex(db, name, out, &found, c->a, e))) return false;
    return found || err_set(e, ERR_NOT_FOUND, "There is no user \"%.*s\"", STR_ARG(str_to(name, 100)));
}

/* "users": [{"user" or "name","role"}]; each is put into the group. */
static bool put_users(struct call *c, struct db_conn *tx, const struct json *body, const struct resource_group *g, struct err *e)
{
    const struct json *users = json_get(body, STR("users"));
    if (!users) return true;
    if (!json_is(users, JSON_ARRAY) || users->count > USERS_MAX)
        return err_set(e, ERR_INVALID, "\"users\" must be a list of at most %d objects with \"user\" and \"role\"", USERS_MAX);
    json_each (item, users) {
        struct account user;
        enum account_role role;
        str name = json_str_or(item, STR("user"), json_str_or(item, STR("name"), STR("")));
        if (!name.n) return err_set(e, ERR_INVALID, "\"users\": each needs a \"user\" and a \"role\"");
        if (!read_role(item, &role, e) || !find_user(c, tx, name, &user, e) || !resource_group_set_member(tx, g, user.id, role, e)) return false;
        str what = arena_fmt(c->a, "%.*s: %.*s as %.*s", STR_ARG(g->name), STR_ARG(user.name), STR_ARG(account_role_name(role)));
        if (!audit_add(tx, &c->who, "resource_group.add_users", g->org_id, what, call_peer(c), e)) return false;
    }
    return true;
}

/* {"type","name"}: a repository or bucket of the organisation that the caller may put somewhere else. */
static bool find_thing(struct call *c, const struct json *item, const struct account *org, struct grouped *out, struct err *e)
{
    enum repo_kind kind;
    struct repo r;
    struct bucket b;
    str type, name;
    bool moved;
    if (!json_need_str(item, "type", &type, e) || !json_need_str(item, "name", &name, e)) return false;
    if (str_eq(type, STR("bucket"))) {
        size_t slash = str_chr(name, '/');
        if (slash == STR_NONE) return err_set(e, ERR_INVALID, "\"repos\": \"%.*s\" must have the form \"namespace/name\"", STR_ARG(str_to(name, 100)));
        if (!bucket_find_allowed(call_db(c), &c->who, str_to(name, slash), str_from(name, slash + 1), REPO_ADMIN, &b, &moved, c->a, e)) return false;
        *out = grouped_bucket(&b);
    } else {
        if (!repo_kind_parse(type, &kind)) return err_set(e, ERR_INVALID, "\"repos\": the type must be one of [model, dataset, space, kernel, bucket]");
        if (!call_find_repo(c, kind, name, REPO_ADMIN, &r, e)) return false;
        *out = grouped_repo(&r);
    }
    return out->owner_id == org->id || err_set(e, ERR_INVALID, "\"repos\": %.*s does not belong to %.*s", STR_ARG(out->name), STR_ARG(org->name));
}

static bool find_things(struct call *c, const struct json *body, const struct account *org, struct grouped **out, size_t *n, struct err *e)
{
    const struct json *repos = json_get(body, STR("repos"));
    *n = 0;
    if (!repos) return true;
    if (!json_is(repos, JSON_ARRAY) || repos->count > THINGS_MAX)
        return err_set(e, ERR_INVALID, "\"repos\" must be a list of at most %d objects with \"type\" and \"name\"", THINGS_MAX);
    *out = arena_alloc(c->a, (repos->count + 1) * sizeof **out);
    json_each (item, repos)
        if (!find_thing(c, item, org, &(*out)[(*n)++], e)) return false;
    return true;
}

/* ------------------------------------------------------------------ groups */

static bool get_groups(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    struct resource_group *g;
    size_t n;
    if (!call_find_account(c, ACCOUNT_ORG, &org, e) || !account_role_in(call_db(c), &c->who, org.id, &role, e)) return false;
    struct token_target t = org_target(&org);
    if (role == ROLE_NONE || !identity_token_allows(&c->who, RIGHT_READ, &t))
        return err_set(e, ERR_DENIED, "Only members of %.*s may see its resource groups", STR_ARG(org.name));
    if (!resource_group_list(call_db(c), org.id, role == ROLE_ADMIN ? 0 : c->who.user_id, c->a, &g, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        if (!write_group(c, &w, &g[i], e)) {
            buf_deinit(&b);
            return false;
        }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool create(struct call *c, struct db_conn *tx, const struct json *body, struct place *p, const struct grouped *thing, size_t n, struct err *e)
{
    struct resource_group wanted = { 0 };
    if (!read_auto_join(body, &wanted, e) ||
        !resource_group_create(tx, p->org.id, json_str_or(body, STR("name"), STR("")), json_str_or(body, STR("description"), STR("")), &p->group, c->a, e) ||
        !audit_add(tx, &c->who, "resource_group.create", p->org.id, p->group.name, call_peer(c), e)) return false;
    p->group.auto_role = wanted.auto_role;
    p->group.auto_from_read = wanted.auto_from_read;
    if (!put_users(c, tx, body, &p->group, e) || !resource_group_update(tx, &p->group, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (!grouping_set(tx, &thing[i], &p->group, &c->who, e)) return false;
    return true;
}

static bool post_group(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    struct grouped *thing = NULL;
    size_t n;
    if (!call_need_org_admin(c, RIGHT_GROUPS, &p.org, e) || !call_json(c, &body, e) || !find_things(c, body, &p.org, &thing, &n, e)) return false;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    return db_finish(hub_db(c->hub), tx, create(c, tx, body, &p, thing, n, e), e) && reply_group(c, p.group.id, e);
}

static bool get_group(struct call *c, struct err *e)
{
    struct place p;
    return find_group(c, ROLE_READ, RIGHT_READ, &p, e) && reply_group(c, p.group.id, e);
}

/* The group as it is now, to be changed. */
static bool begin(struct call *c, struct place *p, struct db_conn **tx, struct err *e)
{
    if (!db_begin(hub_db(c->hub), tx, e)) return false;
    return resource_group_get(*tx, p->group.id, &p->group, c->a, e) || db_finish(hub_db(c->hub), *tx, false, e);
}

static bool finish(struct call *c, struct place *p, struct db_conn *tx, struct err *e)
{
    bool ok = resource_group_update(tx, &p->group, e) && audit_add(tx, &c->who, "resource_group.settings", p->org.id, p->group.name, call_peer(c), e);
    return db_finish(hub_db(c->hub), tx, ok, e) && reply_group(c, p->group.id, e);
}

static bool patch_group(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    if (!find_group(c, ROLE_ADMIN, RIGHT_GROUPS, &p, e) || !call_json(c, &body, e)) return false;
    json_each (limit, json_get(body, STR("spendLimits")))
        if (limit->type != JSON_NULL) return err_set(e, ERR_NOT_BUILT, "\"spendLimits\": limits of what a resource group spends are not built in this version of Hearth");
    if (!begin(c, &p, &tx, e)) return false;
    p.group.name = json_str_or(body, STR("name"), p.group.name);
    p.group.description = json_str_or(body, STR("description"), p.group.description);
    return finish(c, &p, tx, e);
}

static bool post_settings(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    struct resource_group wanted = { 0 };
    if (!find_group(c, ROLE_ADMIN, RIGHT_GROUPS, &p, e) || !call_json(c, &body, e) || !read_auto_join(body, &wanted, e)) return false;
    if (!json_get(body, STR("autoJoin"))) return reply_group(c, p.group.id, e);
    if (!begin(c, &p, &tx, e)) return false;
    p.group.auto_role = wanted.auto_role;
    p.group.auto_from_read = wanted.auto_from_read;
    return finish(c, &p, tx, e);
}

static bool delete_group(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    if (!find_group(c, ROLE_ADMIN, RIGHT_GROUPS, &p, e) || !call_need_org_admin(c, RIGHT_GROUPS, &p.org, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = resource_group_delete(tx, &p.group, e) && audit_add(tx, &c->who, "resource_group.delete", p.org.id, p.group.name, call_peer(c), e);
    return db_finish(hub_db(c->hub), tx, ok, e) && http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"success\":true}"));
}

/* ------------------------------------------------------------------ its users */

static bool post_users(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    if (!find_group(c, ROLE_ADMIN, RIGHT_GROUPS, &p, e) || !call_json(c, &body, e)) return false;
    if (!json_first(json_get(body, STR("users")))) return err_set(e, ERR_INVALID, "\"users\" is required: a list of objects with \"user\" and \"role\"");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    return db_finish(hub_db(c->hub), tx, put_users(c, tx, body, &p.group, e), e) && reply_group(c, p.group.id, e);
}

/* role NONE: out of the group.  Who is not in it cannot be changed. */
static bool set_role(struct call *c, enum account_role role, struct err *e)
{
    struct place p;
    struct account user;
    struct account_member *m;
    struct db_conn *tx;
    size_t n, i = 0;
    if (!find_group(c, ROLE_ADMIN, RIGHT_GROUPS, &p, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = find_user(c, tx, call_param(c, "user"), &user, e) && resource_group_members(tx, p.group.id, c->a, &m, &n, e);
    while (ok && i < n && m[i].user.id != user.id) i++;
    ok = ok && (i < n || err_set(e, ERR_NOT_FOUND, "\"%.*s\" is not in the resource group \"%.*s\"", STR_ARG(user.name), STR_ARG(p.group.name))) &&
         resource_group_set_member(tx, &p.group, user.id, role, e);
    str what = ok && role != ROLE_NONE ? arena_fmt(c->a, "%.*s: %.*s is now %.*s", STR_ARG(p.group.name), STR_ARG(user.name), STR_ARG(account_role_name(role)))
             : ok                      ? arena_fmt(c->a, "%.*s: %.*s", STR_ARG(p.group.name), STR_ARG(user.name)) : STR("");
    ok = ok && audit_add(tx, &c->who, role == ROLE_NONE ? "resource_group.remove_users" : "resource_group.change_role", p.org.id, what, call_peer(c), e);
    return db_finish(hub_db(c->hub), tx, ok, e) && reply_group(c, p.group.id, e);
}

static bool delete_user(struct call *c, struct err *e) { return set_role(c, ROLE_NONE, e); }

static bool patch_user(struct call *c, struct err *e)
{
    struct json *body;
    enum account_role role;
    return call_json(c, &body, e) && read_role(body, &role, e) && set_role(c, role, e);
}

/* ------------------------------------------------------------------ in which group something is */

/* The answer to a question about one thing. */
static bool reply_group_of(struct call *c, const struct grouped *g, struct err *e)
{
    struct resource_group group;
    bool seen;
    if (!resource_group_seen(c, g->owner_id, g->group_id, &group, &seen, e)) return false;
    if (!seen) return err_set(e, ERR_NOT_FOUND, "%.*s is in no resource group that you may see", STR_ARG(g->name));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_resource_group(&w, &group);
    return call_reply_json(c, 200, &b);
}

/* Does what the body says: {"resourceGroupId": id or null}. */
static bool put_into(struct call *c, const struct grouped *g, struct err *e)
{
    struct json *body;
    struct account owner;
    struct resource_group to;
    str hex_id;
    if (!call_json(c, &body, e) || !account_get(call_db(c), g->owner_id, &owner, c->a, e)) return false;
    if (owner.kind != ACCOUNT_ORG) return err_set(e, ERR_INVALID, "Only what belongs to an organisation can be in a resource group");
    const struct json *v = json_get(body, STR("resourceGroupId"));
    bool is_out = v && v->type == JSON_NULL;
    if (!is_out && !json_str(v, &hex_id)) return err_set(e, ERR_INVALID, "\"resourceGroupId\" is required: the id of a resource group, or null");
    if (!is_out && !find_in(c, &owner, hex_id, ROLE_READ, &to, e)) return false;
    return grouping_move(c->hub, &c->who, g, is_out ? NULL : &to, e);
}

static bool reply_thing(struct call *c, const struct grouped *g)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    if (g->kind == GROUPED_COLLECTION) {
        jw_kstr(&w, "id", g->hex_id);
        jw_kstr(&w, "slug", g->name);
        jw_kstr(&w, "title", g->title);
    } else {
        jw_kstr(&w, "name", g->name);
        jw_kstr(&w, "type", g->type);
    }
    jw_kbool(&w, "private", g->is_private);
    jw_kstr(&w, "addedBy", c->who.name);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_of_repo(struct call *c, struct err *e)
{
    struct grouped g = grouped_repo(&c->repo);
    return reply_group_of(c, &g, e);
}

static bool put_repo(struct call *c, struct err *e)
{
    struct grouped g = grouped_repo(&c->repo);
    return put_into(c, &g, e) && reply_thing(c, &g);
}

static bool get_of_bucket(struct call *c, struct err *e)
{
    struct grouped g = grouped_bucket(c->bucket);
    return reply_group_of(c, &g, e);
}

static bool put_bucket(struct call *c, struct err *e)
{
    struct grouped g = grouped_bucket(c->bucket);
    return put_into(c, &g, e) && reply_thing(c, &g);
}

static bool find_collection(struct call *c, enum collection_right right, struct grouped *out, struct err *e)
{
    struct collection col;
    if (!collection_find(call_db(c), &c->who, call_param(c, "ns"), call_param(c, "slug"), right, &col, c->a, e)) return false;
    *out = grouped_collection(&col);
    return true;
}

static bool get_of_collection(struct call *c, struct err *e)
{
    struct grouped g;
    return find_collection(c, COLLECTION_SEE, &g, e) && reply_group_of(c, &g, e);
}

static bool put_collection(struct call *c, struct err *e)
{
    struct grouped g;
    return find_collection(c, COLLECTION_WRITE, &g, e) && put_into(c, &g, e) && reply_thing(c, &g);
}

#define ALL "/api/organizations/:account/resource-groups"
#define GET(path, perm, fn, name) { HTTP_GET, path, perm, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_HUB }
#define ROW(method, path, perm, fn, name) { method, path, perm, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, fn, name, SHAPE_HUB }
static const struct api_route rows[] = {
    GET(ALL, PERM_USER, get_groups, "resource-groups"),
    ROW(HTTP_POST, ALL, PERM_USER, post_group, "resource-group.create"),
    GET(ALL "/:group", PERM_USER, get_group, "resource-group"),
    ROW(HTTP_PATCH, ALL "/:group", PERM_USER, patch_group, "resource-group.change"),
    ROW(HTTP_DELETE, ALL "/:group", PERM_USER, delete_group, "resource-group.delete"),
    ROW(HTTP_POST, ALL "/:group/settings", PERM_USER, post_settings, "resource-group.settings"),
    ROW(HTTP_POST, ALL "/:group/users", PERM_USER, post_users, "resource-group.users.add"),
    ROW(HTTP_PATCH, ALL "/:group/users/:user", PERM_USER, patch_user, "resource-group.users.change"),
    ROW(HTTP_DELETE, ALL "/:group/users/:user", PERM_USER, delete_user, "resource-group.users.remove"),
    GET(ANY_REPO "/resource-group", PERM_REPO_SEE, get_of_repo, "repo.resource-group"),
    ROW(HTTP_POST, ANY_REPO "/resource-group", PERM_REPO_ADMIN, put_repo, "repo.resource-group.set"),
    GET("/api/buckets/:ns/:repo/resource-group", PERM_BUCKET_READ, get_of_bucket, "bucket.resource-group"),
    ROW(HTTP_POST, "/api/buckets/:ns/:repo/resource-group", PERM_BUCKET_ADMIN, put_bucket, "bucket.resource-group.set"),
    GET("/api/collections/:ns/:slug/resource-group", PERM_ANYONE, get_of_collection, "collection.resource-group"),
    ROW(HTTP_POST, "/api/collections/:ns/:slug/resource-group", PERM_USER, put_collection, "collection.resource-group.set"),
};
const struct api_table hub_resource_group_table = API_TABLE(rows);
