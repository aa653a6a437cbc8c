/* api/scim/group.c - groups of SCIM: resource groups of the organisation whose people the identity provider keeps. */
#include "api/scim/scim_api.h"

/* ------------------------------------------------------------------ as JSON, and back */

struct members {
    struct json_list list;
    const struct scim_call *s;
    struct arena *a;
    bool with_ref;
};

static bool add_member(void *ctx, str hex_id)
{
    struct members *to = ctx;
    struct json *m = json_new(to->a, JSON_OBJECT);
    json_put(m, STR("value"), json_new_str(to->a, arena_dup(to->a, hex_id)));
    if (to->with_ref) json_put(m, STR("$ref"), json_new_str(to->a, arena_fmt(to->a, "%.*s/Users/%.*s", STR_ARG(to->s->base), STR_ARG(hex_id))));
    json_list_add(&to->list, m);
    return true;
}

enum with { NO_MEMBERS, IDS, REFS };

static bool group_json(struct db_conn *db, const struct scim_call *s, const struct scim_group *g, enum with with, struct json **out, struct arena *a, struct err *e)
{
    struct json *r = *out = json_new(a, JSON_OBJECT), *schemas = json_new(a, JSON_ARRAY);
    struct members members = { json_list_new(a, JSON_ARRAY), s, a, with == REFS };
    json_add(schemas, json_new_str(a, STR(SCIM_GROUP_SCHEMA)));
    json_put(r, STR("schemas"), schemas);
    json_put(r, STR("id"), json_new_str(a, g->hex_id));
    json_put(r, STR("displayName"), json_new_str(a, g->name));
    json_put(r, STR("externalId"), g->external_id.p ? json_new_str(a, g->external_id) : json_new(a, JSON_NULL));
    scim_put_meta(r, "Group", arena_fmt(a, "%.*s/Groups/%.*s", STR_ARG(s->base), STR_ARG(g->hex_id)), a);
    if (with == NO_MEMBERS) return true;
    json_put(r, STR("members"), members.list.container);
    return scim_group_members(db, g, s->kind, add_member, &members, e);
}

struct wanted {
    struct scim_group group;
    str *member;
    size_t members;
};

static bool read_group(const struct json *r, struct wanted *out, struct arena *a, struct err *e)
{
    const struct json *members = scim_get(r, STR("members"));
    *out = (struct wanted){ 0 };
    if (!scim_text(r, "displayName", &out->group.name, e) || !scim_text(r, "externalId", &out->group.external_id, e)) return false;
    if (!out->group.name.n) return err_set(e, ERR_INVALID, "\"displayName\" is required and must be a string");
    if (out->group.external_id.p && !out->group.external_id.n) out->group.external_id = (str){ 0 };
    if (!members || members->type == JSON_NULL) return true;
    if (!json_is(members, JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"members\" must be a list of objects with \"value\"");
    out->member = arena_alloc(a, (members->count + 1) * sizeof *out->member);
    json_each (m, members)
        if (!json_str(scim_get(m, STR("value")), &out->member[out->members++])) return err_set(e, ERR_INVALID, "\"members\": each needs a \"value\", the id of a user");
    return true;
}

/* ------------------------------------------------------------------ lists */

static bool get_groups(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_query q;
    struct scim_group *g;
    size_t n;
    int64_t matched = 0, shown = 0;
    if (!scim_begin(c, &s, e) || !scim_read_query(c, &q, e) || !scim_group_list(call_db(c), s.org.id, c->a, &g, &n, e)) return false;
    enum with shows = scim_excludes(c, STR("members")) ? NO_MEMBERS : REFS, asks = q.filter && scim_filter_mentions(q.filter, "members") ? IDS : NO_MEMBERS;
    struct arena *scratch = arena_new(0);
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    bool ok = true;
    jw_array(&w);
    for (size_t i = 0; i < n && ok; i++) {
        struct json *r = NULL;
        arena_reset(scratch);
        ok = !q.filter || group_json(call_db(c), &s, &g[i], asks, &r, scratch, e);
        if (!ok || (q.filter && !scim_filter_matches(q.filter, r)) || matched++ < q.from || shown == q.count || out.n > SCIM_PAGE_BYTES_MAX) continue;
        ok = group_json(call_db(c), &s, &g[i], shows, &r, scratch, e);
        if (ok) scim_write(c, &w, r);
        shown++;
    }
    jw_array_end(&w);
    ok = ok && scim_reply_list(c, buf_str(&out), matched, shown, q.from + 1);
    buf_deinit(&out);
    arena_free(scratch);
    return ok;
}

/* ------------------------------------------------------------------ one */

static bool find_group(struct call *c, struct db_conn *db, const struct scim_call *s, struct scim_group *out, struct err *e)
{
    bool found;
    str id = call_param(c, "id");
    if (!scim_group_find(db, s->org.id, id, out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "There is no group \"%.*s\" by SCIM in %.*s", STR_ARG(str_to(id, 60)), STR_ARG(s->org.name));
}

static bool get_group(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_group g;
    struct json *r;
    return scim_begin(c, &s, e) && find_group(c, call_db(c), &s, &g, e) &&
           group_json(call_db(c), &s, &g, scim_excludes(c, STR("members")) ? NO_MEMBERS : REFS, &r, c->a, e) && scim_reply_resource(c, 200, r);
}

static bool create(struct db_conn *tx, const struct scim_call *s, const struct wanted *want, struct json **r, struct arena *a, struct err *e)
{
    struct scim_group g;
    return scim_group_create(tx, &s->by, want->group.name, want->group.external_id, &g, a, e) &&
           scim_group_set_members(tx, &s->by, s->kind, &g, want->member, want->members, a, e) && group_json(tx, s, &g, REFS, r, a, e);
}

static bool post_group(struct call *c, struct err *e)
{
    struct scim_call s;
    struct wanted want;
    struct json *body, *r = NULL;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !scim_body(c, &body, e) || !read_group(body, &want, c->a, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = create(tx, &s, &want, &r, c->a, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && scim_reply_resource(c, 201, r);
}

static bool change(struct call *c, struct db_conn *tx, const struct scim_call *s, struct json *body, bool is_patch, struct json **r, struct err *e)
{
    struct scim_group was;
    struct wanted to;
    if (!find_group(c, tx, s, &was, e)) return false;
    *r = body;
    if (is_patch && (!group_json(tx, s, &was, IDS, r, c->a, e) || !scim_patch(*r, body, c->a, e))) return false;
    if (!read_group(*r, &to, c->a, e)) return false;
    return scim_group_update(tx, &s->by, &was, &to.group, c->a, e) && scim_group_set_members(tx, &s->by, s->kind, &was, to.member, to.members, c->a, e) &&
           find_group(c, tx, s, &was, e) && group_json(tx, s, &was, scim_excludes(c, STR("members")) ? NO_MEMBERS : REFS, r, c->a, e);
}

static bool change_group(struct call *c, bool is_patch, struct err *e)
{
    struct scim_call s;
    struct json *body, *r = NULL;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !scim_body(c, &body, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = change(c, tx, &s, body, is_patch, &r, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && scim_reply_resource(c, 200, r);
}

static bool put_group(struct call *c, struct err *e) { return change_group(c, false, e); }
static bool patch_group(struct call *c, struct err *e) { return change_group(c, true, e); }

static bool delete_group(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_group g;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = find_group(c, tx, &s, &g, e) && scim_group_remove(tx, &s.by, &g, c->a, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && http_reply_empty(c->http, 204);
}

#define GROUPS SCIM_BASE "/Groups"
#define ROW(method, path, body, fn, name) { method, path, PERM_USER, body, body == HTTP_BODY_NONE ? 0 : SCIM_GROUP_BODY_MAX, 0, fn, name, SHAPE_SCIM }
static const struct api_route rows[] = {
    ROW(HTTP_GET, GROUPS, HTTP_BODY_NONE, get_groups, "scim.groups"),
    ROW(HTTP_POST, GROUPS, HTTP_BODY_WHOLE, post_group, "scim.group.create"),
    ROW(HTTP_GET, GROUPS "/:id", HTTP_BODY_NONE, get_group, "scim.group"),
    ROW(HTTP_PUT, GROUPS "/:id", HTTP_BODY_WHOLE, put_group, "scim.group.replace"),
    ROW(HTTP_PATCH, GROUPS "/:id", HTTP_BODY_WHOLE, patch_group, "scim.group.change"),
    ROW(HTTP_DELETE, GROUPS "/:id", HTTP_BODY_NONE, delete_group, "scim.group.delete"),
};
const struct api_table scim_group_table = API_TABLE(rows);
