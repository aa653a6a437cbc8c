/* api/scim/patch.c - see api/scim/patch.h.
 *
 * What is changed here is a copy of a resource; what may change of it, and to what, is decided by who reads the copy. */
#include "api/scim/patch.h"

enum verb { ADD, REMOVE, REPLACE };

/* ------------------------------------------------------------------ values */

/* A member gets another value; its place and its name stay. */
static void set(struct json *object, str name, const struct json *value, struct arena *a)
{
    struct json *m = scim_get(object, name);
    if (!m) {
        json_put(object, arena_dup(a, name), json_share(a, value));
        return;
    }
    struct json was = *m;
    *m = *value;
    m->key = was.key;
    m->next = was.next;
}

/* Those of a list for which it is not said that they go. */
static void keep(struct json *list, bool (*goes)(void *ctx, const struct json *item), void *ctx)
{
    struct json **at = &list->first;
    while (*at) {
        if (goes(ctx, *at)) {
            *at = (*at)->next;
            list->count--;
        } else {
            at = &(*at)->next;
        }
    }
}

static bool is_named(void *ctx, const struct json *item) { return str_eq_nocase(item->key, *(const str *)ctx); }
static void unset(struct json *object, str name) { keep(object, is_named, &name); }

static bool is_matched(void *ctx, const struct json *item) { return scim_filter_matches(ctx, item); }

static str value_of(const struct json *item)
{
    str s;
    return json_str(item, &s) || json_str(scim_get(item, STR("value")), &s) ? s : (str){ 0 };
}

static bool is_listed(void *ctx, const struct json *item)
{
    str mine = value_of(item);
    json_each (one, (const struct json *)ctx) {
        str theirs = value_of(one);
        if (mine.p && theirs.p && str_eq_nocase(mine, theirs)) return true;
    }
    return false;
}

static void append(struct json *list, const struct json *value, struct arena *a)
{
    struct json_list to = { list, &list->first };
    while (*to.end) to.end = &(*to.end)->next;
    if (!json_is(value, JSON_ARRAY)) {
        json_list_add(&to, json_share(a, value));
        return;
    }
    json_each (item, value) json_list_add(&to, json_share(a, item));
}

static void merge(struct json *object, const struct json *value, struct arena *a)
{
    json_each (m, value) set(object, m->key, m, a);
}

/* ------------------------------------------------------------------ one operation */

static bool is_list(str attr) { return str_eq_nocase(attr, STR("emails")) || str_eq_nocase(attr, STR("members")); }

static bool no_target(const struct scim_path *p, struct err *e)
{
    return err_kind(e, ERR_INVALID, SCIM_NO_TARGET, "Nothing of \"%.*s\" is as the path asks", STR_ARG(p->attr.name));
}

/* attr[filter] and attr[filter].sub */
static bool change_matched(struct json *resource, enum verb verb, const struct scim_path *p, const struct json *value, struct arena *a, struct err *e)
{
    struct json *list = scim_get(resource, p->attr.name);
    const struct json *asked;
    str name;
    bool any = false;
    if (!json_is(list, JSON_ARRAY)) return verb == REMOVE || no_target(p, e);
    if (verb == REMOVE && !p->attr.sub.n) {
        keep(list, is_matched, (void *)(uintptr_t)p->where);
        return true;
    }
    for (struct json *item = list->first; item; item = item->next) {
        if (!json_is(item, JSON_OBJECT) || !scim_filter_matches(p->where, item)) continue;
        any = true;
        if (verb == REMOVE) unset(item, p->attr.sub);
        else if (p->attr.sub.n) set(item, p->attr.sub, value, a);
        else merge(item, value, a);
    }
    if (any || verb == REMOVE) return true;
    if (verb == REPLACE || !scim_filter_is_eq(p->where, &name, &asked)) return no_target(p, e);
    struct json *item = json_new(a, JSON_OBJECT); /* added to what is not there: made as it was asked for */
    set(item, name, asked, a);
    if (p->attr.sub.n) set(item, p->attr.sub, value, a);
    else merge(item, value, a);
    append(list, item, a);
    return true;
}

/* attr.sub */
static bool change_part(struct json *resource, enum verb verb, const struct scim_path *p, const struct json *value, struct arena *a)
{
    struct json *v = scim_get(resource, p->attr.name);
    if (verb == REMOVE) {
        if (json_is(v, JSON_OBJECT)) unset(v, p->attr.sub);
        for (struct json *item = json_is(v, JSON_ARRAY) ? v->first : NULL; item; item = item->next)
            if (json_is(item, JSON_OBJECT)) unset(item, p->attr.sub);
        return true;
    }
    if (!v || (v->type != JSON_OBJECT && v->type != JSON_ARRAY)) {
        set(resource, p->attr.name, json_new(a, is_list(p->attr.name) ? JSON_ARRAY : JSON_OBJECT), a);
        v = scim_get(resource, p->attr.name);
    }
    if (json_is(v, JSON_OBJECT)) {
        set(v, p->attr.sub, value, a);
        return true;
    }
    if (!v->first) append(v, json_new(a, JSON_OBJECT), a);
    for (struct json *item = v->first; item; item = item->next)
        if (json_is(item, JSON_OBJECT)) set(item, p->attr.sub, value, a);
    return true;
}

/* attr */
static bool change_whole(struct json *resource, enum verb verb, const struct scim_path *p, const struct json *value, struct arena *a)
{
    struct json *v = scim_get(resource, p->attr.name);
    if (verb == REMOVE) {
        if (json_is(v, JSON_ARRAY) && json_is(value, JSON_ARRAY)) keep(v, is_listed, (void *)(uintptr_t)value);
        else unset(resource, p->attr.name);
        return true;
    }
    if (verb == ADD && json_is(v, JSON_ARRAY)) append(v, value, a);
    else if (json_is(v, JSON_OBJECT) && json_is(value, JSON_OBJECT)) merge(v, value, a);
    else if (is_list(p->attr.name) && !json_is(value, JSON_ARRAY)) {
        struct json *list = json_new(a, JSON_ARRAY);
        append(list, value, a);
        set(resource, p->attr.name, list, a);
    } else set(resource, p->attr.name, value, a);
    return true;
}

static bool change(struct json *resource, enum verb verb, str path, const struct json *value, struct arena *a, struct err *e)
{
    struct scim_path p;
    if (!scim_path_parse(path, a, &p, e)) return false;
    if (p.attr.is_foreign) return true; /* of a schema that nothing here has */
    if (verb != REMOVE && !value) return err_kind(e, ERR_INVALID, SCIM_INVALID_VALUE, "\"value\" is missing for \"%.*s\"", STR_ARG(str_to(path, 100)));
    if (verb != REMOVE && !p.attr.sub.n && p.where && !json_is(value, JSON_OBJECT)) return err_kind(e, ERR_INVALID, SCIM_INVALID_VALUE, "\"value\" must be an object for \"%.*s\"", STR_ARG(str_to(path, 100)));
    if (p.where) return change_matched(resource, verb, &p, value, a, e);
    return p.attr.sub.n ? change_part(resource, verb, &p, value, a) : change_whole(resource, verb, &p, value, a);
}

/* ------------------------------------------------------------------ all of them */

static bool read_verb(const struct json *op, enum verb *out, struct err *e)
{
    static const char *const name[] = { [ADD] = "add", [REMOVE] = "remove", [REPLACE] = "replace" };
    str text = { 0 };
    json_str(scim_get(op, STR("op")), &text);
    for (size_t i = 0; i < COUNT(name); i++) {
        if (!str_eq_nocase(text, str_c(name[i]))) continue;
        *out = (enum verb)i;
        return true;
    }
    return err_kind(e, ERR_INVALID, SCIM_INVALID_SYNTAX, "\"op\" must be one of [add, remove, replace]");
}

static bool apply(struct json *resource, const struct json *op, struct arena *a, struct err *e)
{
    enum verb verb = ADD;
    str path = { 0 };
    const struct json *at = scim_get(op, STR("path")), *value = scim_get(op, STR("value"));
    if (!read_verb(op, &verb, e)) return false;
    if (json_str(at, &path) && path.n) return change(resource, verb, path, value, a, e);
    if (at && at->type != JSON_NULL && !json_is(at, JSON_STRING)) return err_kind(e, ERR_INVALID, SCIM_INVALID_PATH, "\"path\" must be a string");
    if (verb == REMOVE) return err_kind(e, ERR_INVALID, SCIM_NO_TARGET, "\"path\" is required to remove something");
    if (!json_is(value, JSON_OBJECT)) return err_kind(e, ERR_INVALID, SCIM_INVALID_SYNTAX, "Without \"path\", \"value\" must be an object");
    json_each (m, value)
        if (!change(resource, verb, m->key, m, a, e)) return false;
    return true;
}

bool scim_patch(struct json *resource, const struct json *body, struct arena *a, struct err *e)
{
    const struct json *ops = scim_get(body, STR("Operations"));
    if (!json_is(ops, JSON_ARRAY) || ops->count > SCIM_OPERATIONS_MAX)
        return err_kind(e, ERR_INVALID, SCIM_INVALID_SYNTAX, "\"Operations\" must be a list of at most %d operations", SCIM_OPERATIONS_MAX);
    json_each (op, ops)
        if (!apply(resource, op, a, e)) return false;
    return true;
}
