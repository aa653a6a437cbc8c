/* api/scim/resource.c - what users, groups and the descriptions share: who calls, bodies, pages, answers. */
#include "api/scim/scim_api.h"

#include "api/hub/hub_api.h"

#define LIST_SCHEMA "urn:ietf:params:scim:api:messages:2.0:ListResponse"

bool scim_begin(struct call *c, struct scim_call *s, struct err *e)
{
    if (!call_need_org_admin(c, RIGHT_ACCOUNT, &s->org, e)) return false;
    str family = call_param(c, "family"), base = call_base_url(c);
    s->kind = str_eq(family, STR("scim")) ? SCIM_MANAGED : SCIM_INVITED;
    s->by = (struct scim_by){ &s->org, &c->who, call_peer(c) };
    s->base = arena_fmt(c->a, "%.*s/api/organizations/%.*s/%.*s/v2", STR_ARG(base), STR_ARG(s->org.name), STR_ARG(family));
    return true;
}

bool scim_body(struct call *c, struct json **out, struct err *e)
{
    if (!call_json(c, out, e)) {
        if (e->code == ERR_INVALID) e->kind = SCIM_INVALID_SYNTAX;
        return false;
    }
    return json_is(*out, JSON_OBJECT) || err_kind(e, ERR_INVALID, SCIM_INVALID_SYNTAX, "The body must be an object");
}

bool scim_text(const struct json *resource, const char *name, str *out, struct err *e)
{
    const struct json *v = scim_get(resource, str_c(name));
    *out = (str){ 0 };
    return !v || v->type == JSON_NULL || json_str(v, out) || err_set(e, ERR_INVALID, "\"%s\" must be a string", name);
}

void scim_put_meta(struct json *resource, const char *type, str location, struct arena *a)
{
    struct json *meta = json_new(a, JSON_OBJECT);
    json_put(meta, STR("resourceType"), json_new_str(a, str_c(type)));
    json_put(meta, STR("location"), json_new_str(a, location));
    json_put(resource, STR("meta"), meta);
}

/* ------------------------------------------------------------------ which attributes */

/* Is "name", or "name.sub", in a list with commas? */
static bool lists(str list, str name, str sub)
{
    static const char *const core[] = { SCIM_USER_SCHEMA ":", SCIM_GROUP_SCHEMA ":" };
    str one;
    while (str_cut(&list, ',', &one)) {
        one = str_trim(one);
        for (size_t i = 0; i < COUNT(core); i++)
            if (str_starts_nocase(one, str_c(core[i]))) one = str_from(one, strlen(core[i]));
        size_t dot = str_chr(one, '.');
        str whole = dot == STR_NONE ? one : str_to(one, dot), part = dot == STR_NONE ? STR("") : str_from(one, dot + 1);
        if (str_eq_nocase(whole, name) && str_eq_nocase(part, sub)) return true;
    }
    return false;
}

static bool is_asked_part(struct call *c, str name, str sub)
{
    str only = call_query(c, "attributes"), without = call_query(c, "excludedAttributes");
    if (only.n) return lists(only, name, STR("")) || lists(only, name, sub);
    return !lists(without, name, sub);
}

bool scim_excludes(struct call *c, str attr) { return lists(call_query(c, "excludedAttributes"), attr, STR("")); }

static void write_parts(struct call *c, struct json_writer *w, str name, const struct json *v)
{
    jw_object(w);
    json_each (m, v)
        if (is_asked_part(c, name, m->key)) {
            jw_key(w, m->key);
            jw_value(w, m);
        }
    jw_object_end(w);
}

static bool is_asked(struct call *c, const struct json *m)
{
    str only = call_query(c, "attributes");
    if (str_eq(m->key, STR("id")) || str_eq(m->key, STR("schemas"))) return true; /* always */
    if (!only.n) return !scim_excludes(c, m->key);
    const struct json *shape = json_is(m, JSON_ARRAY) ? json_first(m) : m;
    bool any = lists(only, m->key, STR(""));
    if (json_is(shape, JSON_OBJECT))
        json_each (part, shape) any = any || lists(only, m->key, part->key);
    return any;
}

void scim_write(struct call *c, struct json_writer *w, const struct json *resource)
{
    bool asks = call_query(c, "attributes").n || call_query(c, "excludedAttributes").n;
    if (!asks) {
        jw_value(w, resource);
        return;
    }
    jw_object(w);
    json_each (m, resource) {
        if (!is_asked(c, m)) continue;
        jw_key(w, m->key);
        if (json_is(m, JSON_OBJECT)) write_parts(c, w, m->key, m);
        else if (json_is(m, JSON_ARRAY) && json_is(json_first(m), JSON_OBJECT)) {
            jw_array(w);
            json_each (item, m) write_parts(c, w, m->key, item);
            jw_array_end(w);
        } else jw_value(w, m);
    }
    jw_object_end(w);
}

/* ------------------------------------------------------------------ lists */

static bool read_number(struct call *c, const char *name, int64_t least, int64_t otherwise, int64_t *out, struct err *e)
{
    str text = call_query(c, name);
    *out = otherwise;
    if (!text.n) return true;
    if (!str_i64(text, out)) return err_set(e, ERR_INVALID, "\"%s\" must be a number", name);
    if (*out < least) *out = least; /* as RFC 7644 3.4.2.4 has it */
    return true;
}

bool scim_read_query(struct call *c, struct scim_query *out, struct err *e)
{
    struct scim_filter *filter;
    str text = call_query(c, "filter");
    *out = (struct scim_query){ 0 };
    if (!read_number(c, "startIndex", 1, 1, &out->from, e) || !read_number(c, "count", 0, SCIM_COUNT_MAX, &out->count, e)) return false;
    out->from--;
    if (out->count > SCIM_COUNT_MAX) out->count = SCIM_COUNT_MAX;
    if (!str_trim(text).n) return true;
    if (!scim_filter_parse(text, c->a, &filter, e)) return false;
    out->filter = filter;
    return true;
}

/* ------------------------------------------------------------------ answers */

bool scim_wants_plain(struct call *c)
{
    str accept = http_header(c->http, "Accept");
    return str_find(accept, STR("application/json")) != STR_NONE && str_find(accept, STR("application/scim+json")) == STR_NONE;
}

bool scim_reply(struct call *c, int status, struct buf *b)
{
    return http_reply_buf(c->http, status, scim_wants_plain(c) ? "application/json; charset=utf-8" : "application/scim+json; charset=utf-8", b);
}

bool scim_reply_resource(struct call *c, int status, const struct json *resource)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (status == 201) http_add_header(c->http, "Location", json_str_or(json_get(resource, STR("meta")), STR("location"), STR("")));
    scim_write(c, &w, resource);
    return scim_reply(c, status, &b);
}

bool scim_reply_list(struct call *c, str resources, int64_t total, int64_t shown, int64_t start)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "schemas");
    jw_str(&w, STR(LIST_SCHEMA));
    jw_array_end(&w);
    jw_kint(&w, "totalResults", total);
    jw_kint(&w, "itemsPerPage", shown);
    jw_kint(&w, "startIndex", start);
    jw_kraw(&w, "Resources", resources);
    jw_object_end(&w);
    return scim_reply(c, 200, &b);
}
