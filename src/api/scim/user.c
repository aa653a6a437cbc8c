/* api/scim/user.c - users of SCIM. */
#include "api/scim/scim_api.h"

/* ------------------------------------------------------------------ as JSON, and back */

static struct json *text(struct arena *a, str s) { return s.p ? json_new_str(a, s) : json_new(a, JSON_NULL); }

static struct json *user_json(const struct scim_call *s, const struct scim_user *u, struct arena *a)
{
    struct json *r = json_new(a, JSON_OBJECT), *schemas = json_new(a, JSON_ARRAY), *name = json_new(a, JSON_OBJECT), *emails = json_new(a, JSON_ARRAY);
    json_add(schemas, json_new_str(a, STR(SCIM_USER_SCHEMA)));
    json_put(r, STR("schemas"), schemas);
    json_put(r, STR("id"), text(a, u->hex_id));
    json_put(r, STR("externalId"), text(a, u->external_id));
    json_put(r, STR("userName"), text(a, u->name));
    json_put(r, STR("displayName"), text(a, u->name));
    json_put(name, STR("givenName"), text(a, u->given_name));
    json_put(name, STR("familyName"), text(a, u->family_name));
    json_put(name, STR("formatted"), json_new_str(a, str_trim(arena_fmt(a, "%.*s %.*s", STR_ARG(u->given_name), STR_ARG(u->family_name)))));
    json_put(r, STR("name"), name);
    if (u->email.n) {
        struct json *email = json_new(a, JSON_OBJECT);
        json_put(email, STR("value"), text(a, u->email));
        json_put(email, STR("primary"), json_new_bool(a, true));
        json_put(email, STR("type"), json_new_str(a, STR("work")));
        json_add(emails, email);
    }
    json_put(r, STR("emails"), emails);
    json_put(r, STR("active"), json_new_bool(a, u->is_active));
    scim_put_meta(r, "User", arena_fmt(a, "%.*s/Users/%.*s", STR_ARG(s->base), STR_ARG(u->hex_id)), a);
    return r;
}

/* The one that is called primary, or the first. */
static bool read_email(const struct json *r, str *out, struct err *e)
{
    const struct json *emails = scim_get(r, STR("emails")), *best = json_first(emails);
    bool is_primary;
    *out = STR("");
    if (emails && emails->type != JSON_NULL && !json_is(emails, JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"emails\" must be a list of objects with \"value\"");
    json_each (item, emails)
        if (scim_bool(scim_get(item, STR("primary")), &is_primary) && is_primary) best = item;
    if (!best) return true;
    return (json_str(scim_get(best, STR("value")), out) && out->n) || err_set(e, ERR_INVALID, "\"emails\": each needs a \"value\"");
}

static bool read_user(const struct json *r, bool is_active, struct scim_user *out, struct err *e)
{
    const struct json *name = scim_get(r, STR("name")), *active = scim_get(r, STR("active"));
    *out = (struct scim_user){ .is_active = is_active };
    if (!scim_text(r, "userName", &out->name, e) || !scim_text(r, "externalId", &out->external_id, e) || !read_email(r, &out->email, e)) return false;
    if (name && name->type != JSON_NULL && !json_is(name, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"name\" must be an object with \"givenName\" and \"familyName\"");
    if (!scim_text(name, "givenName", &out->given_name, e) || !scim_text(name, "familyName", &out->family_name, e)) return false;
    if (!out->given_name.p) out->given_name = STR("");
    if (!out->family_name.p) out->family_name = STR("");
    if (out->external_id.p && !out->external_id.n) out->external_id = (str){ 0 };
    return !active || active->type == JSON_NULL || scim_bool(active, &out->is_active) || err_set(e, ERR_INVALID, "\"active\" must be true or false");
}

static bool need_name(const struct scim_user *u, struct err *e) { return u->name.n || err_set(e, ERR_INVALID, "\"userName\" is required and must be a string"); }

/* ------------------------------------------------------------------ lists */

struct listing {
    struct call *c;
    const struct scim_call *s;
    const struct scim_query *q;
    struct arena *scratch;
    struct buf out;
    struct json_writer w;
    int64_t matched, shown;
};

static bool list_one(void *ctx, const struct scim_user *u, struct err *e)
{
    struct listing *l = ctx;
    (void)e;
    arena_reset(l->scratch);
    const struct json *r = user_json(l->s, u, l->scratch);
    if (l->q->filter && !scim_filter_matches(l->q->filter, r)) return true;
    bool is_here = !l->q->filter || (l->matched >= l->q->from && l->shown < l->q->count);
    l->matched++;
    if (!is_here) return true;
    scim_write(l->c, &l->w, r);
    l->shown++;
    return true;
}

/* What of a filter an index can answer; the filter itself has the last word. */
static struct scim_range range_of(const struct scim_query *q)
{
    static const struct { const char *attr; enum scim_key key; } keys[] = { { "id", SCIM_BY_ID }, { "userName", SCIM_BY_NAME }, { "externalId", SCIM_BY_EXTERNAL_ID } };
    if (!q->filter) return (struct scim_range){ .from = q->from, .count = q->count };
    for (size_t i = 0; i < COUNT(keys); i++) {
        str value = scim_filter_needs(q->filter, keys[i].attr);
        if (value.p) return (struct scim_range){ .key = keys[i].key, .value = value, .count = -1 };
    }
    return (struct scim_range){ .count = -1 };
}

static bool get_users(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_query q;
    if (!scim_begin(c, &s, e) || !scim_read_query(c, &q, e)) return false;
    struct listing l = { .c = c, .s = &s, .q = &q, .out = BUF_INIT(0), .scratch = arena_new(0) };
    struct scim_range range = range_of(&q);
    l.w = json_writer(&l.out);
    jw_array(&l.w);
    bool ok = scim_user_each(call_db(c), s.org.id, s.kind, &range, list_one, &l, e) &&
              (q.filter || scim_user_count(call_db(c), s.org.id, s.kind, &l.matched, e));
    jw_array_end(&l.w);
    ok = ok && scim_reply_list(c, buf_str(&l.out), l.matched, l.shown, q.from + 1);
    buf_deinit(&l.out);
    arena_free(l.scratch);
    return ok;
}

/* ------------------------------------------------------------------ one */

static bool find_user(struct call *c, struct db_conn *db, const struct scim_call *s, struct scim_user *out, struct err *e)
{
    bool found;
    str id = call_param(c, "id");
    if (!scim_user_find(db, s->org.id, s->kind, id, out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "There is no user \"%.*s\" by SCIM in %.*s", STR_ARG(str_to(id, 60)), STR_ARG(s->org.name));
}

static bool get_user(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_user u;
    return scim_begin(c, &s, e) && find_user(c, call_db(c), &s, &u, e) && scim_reply_resource(c, 200, user_json(&s, &u, c->a));
}

static bool post_user(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_user in, made;
    struct json *body;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !scim_body(c, &body, e) || !read_user(body, true, &in, e) || !need_name(&in, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = scim_user_create(tx, &s.by, s.kind, &in, &made, c->a, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && scim_reply_resource(c, 201, user_json(&s, &made, c->a));
}

/* As the body says, or as it says to change what there is. */
static bool change(struct call *c, struct db_conn *tx, const struct scim_call *s, struct json *body, bool is_patch, struct scim_user *now, struct err *e)
{
    struct scim_user was, to;
    struct json *r = body;
    if (!find_user(c, tx, s, &was, e)) return false;
    if (is_patch) {
        r = user_json(s, &was, c->a);
        if (!scim_patch(r, body, c->a, e)) return false;
    }
    if (!read_user(r, is_patch ? was.is_active : true, &to, e)) return false;
    if (s->kind == SCIM_INVITED && !to.name.n) to.name = was.name;
    return need_name(&to, e) && scim_user_update(tx, &s->by, s->kind, &was, &to, c->a, e) && find_user(c, tx, s, now, e);
}

static bool change_user(struct call *c, bool is_patch, struct err *e)
{
    struct scim_call s;
    struct scim_user now;
    struct json *body;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !scim_body(c, &body, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = change(c, tx, &s, body, is_patch, &now, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && scim_reply_resource(c, 200, user_json(&s, &now, c->a));
}

static bool put_user(struct call *c, struct err *e) { return change_user(c, false, e); }
static bool patch_user(struct call *c, struct err *e) { return change_user(c, true, e); }

static bool delete_user(struct call *c, struct err *e)
{
    struct scim_call s;
    struct scim_user u;
    struct db_conn *tx;
    if (!scim_begin(c, &s, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = find_user(c, tx, &s, &u, e) && scim_user_remove(tx, &s.by, s.kind, &u, c->a, e);
    return db_finish(hub_db(c->hub), tx, ok, e) && http_reply_empty(c->http, 204);
}

#define USERS SCIM_BASE "/Users"
#define ROW(method, path, body, fn, name) { method, path, PERM_USER, body, body == HTTP_BODY_NONE ? 0 : SCIM_USER_BODY_MAX, 0, fn, name, SHAPE_SCIM }
static const struct api_route rows[] = {
    ROW(HTTP_GET, USERS, HTTP_BODY_NONE, get_users, "scim.users"),
    ROW(HTTP_POST, USERS, HTTP_BODY_WHOLE, post_user, "scim.user.create"),
    ROW(HTTP_GET, USERS "/:id", HTTP_BODY_NONE, get_user, "scim.user"),
    ROW(HTTP_PUT, USERS "/:id", HTTP_BODY_WHOLE, put_user, "scim.user.replace"),
    ROW(HTTP_PATCH, USERS "/:id", HTTP_BODY_WHOLE, patch_user, "scim.user.change"),
    ROW(HTTP_DELETE, USERS "/:id", HTTP_BODY_NONE, delete_user, "scim.user.delete"),
};
const struct api_table scim_user_table = API_TABLE(rows);
