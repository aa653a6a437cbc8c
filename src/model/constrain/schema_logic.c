/* model/constrain/schema_logic.c - keywords that speak of other schemas: not, if, dependentRequired, dependentSchemas.
 *
 * Each is read as a choice of schemas without it: `if` holds and `then`, or it does not and `else`.  That something
 * does not hold is pushed inwards, to where a keyword has an opposite, or to an exception: values and patterns that the
 * types leave out by themselves. */
#include "model/constrain/schema_priv.h"

enum { NEGATED_MAX = 64 };

const str schema_also = STR_INIT("also");

bool schema_all(struct schema *s, const struct json *j, str name, const struct json **out, size_t *n)
{
    const struct json *own = json_get(j, name), *part;
    *n = 0;
    if (own) out[(*n)++] = own;
    json_each (also, json_get(j, schema_also)) {
        if (!(part = json_get(also, name))) continue;
        if (*n == SCHEMA_ALSO_MAX)
            return err_set(s->e, ERR_NOT_BUILT, "more than %d \"%.*s\" that should hold together are not supported", SCHEMA_ALSO_MAX, STR_ARG(name));
        out[(*n)++] = part;
    }
    return true;
}

/* ------------------------------------------------------------------ building */

static struct json *with(struct schema *s, struct json *object, const char *name, const struct json *value)
{
    json_put(object, str_c(name), json_share(s->b.a, value));
    return object;
}

static struct json *of_type(struct schema *s, const char *type)
{
    return with(s, json_new(s->b.a, JSON_OBJECT), "type", json_new_str(s->b.a, str_c(type)));
}

static struct json *list_of(struct schema *s, const struct json *x, const struct json *y) /* y: or NULL */
{
    struct json *list = json_new(s->b.a, JSON_ARRAY);
    json_add(list, json_share(s->b.a, x));
    if (y) json_add(list, json_share(s->b.a, y));
    return list;
}

struct json *schema_both_of(struct schema *s, const struct json *x, const struct json *y)
{
    return with(s, json_new(s->b.a, JSON_OBJECT), "allOf", list_of(s, x, y));
}

struct json *schema_not(struct schema *s, const struct json *x)
{
    return with(s, json_new(s->b.a, JSON_OBJECT), "not", x);
}

/* { "type": "object", "properties": { name: value } } */
static struct json *with_property(struct schema *s, str name, const struct json *value)
{
    struct json *properties = json_new(s->b.a, JSON_OBJECT);
    json_put(properties, name, json_share(s->b.a, value));
    return with(s, of_type(s, "object"), "properties", properties);
}

static struct json *without_property(struct schema *s, str name) { return with_property(s, name, json_new_bool(s->b.a, false)); }

/* ------------------------------------------------------------------ what does not hold */

/* Where the opposite of a keyword is another with the same number, or the next one. */
static const struct opposite {
    str name;
    const char *is, *type;
    int further;
} opposites[] = {
    { STR_INIT("minLength"), "maxLength", "string", -1 },         { STR_INIT("maxLength"), "minLength", "string", 1 },
    { STR_INIT("minItems"), "maxItems", "array", -1 },            { STR_INIT("maxItems"), "minItems", "array", 1 },
    { STR_INIT("minProperties"), "maxProperties", "object", -1 }, { STR_INIT("maxProperties"), "minProperties", "object", 1 },
    { STR_INIT("minimum"), "exclusiveMaximum", "number", 0 },     { STR_INIT("exclusiveMinimum"), "maximum", "number", 0 },
    { STR_INIT("maximum"), "exclusiveMinimum", "number", 0 },     { STR_INIT("exclusiveMaximum"), "minimum", "number", 0 },
};

static bool add_opposite(struct schema *s, const struct opposite *o, const struct json *v, struct json *out)
{
    int64_t n;
    if (!o->further) return json_add(out, with(s, of_type(s, o->type), o->is, v)), true;
    if (!json_int(v, &n) || n < 0 || n >= INT64_MAX) return err_set(s->e, ERR_INVALID, "\"%.*s\" must be a number from 0", STR_ARG(o->name));
    if (n + o->further >= 0) json_add(out, with(s, of_type(s, o->type), o->is, json_new_int(s->b.a, n + o->further)));
    return true;
}

static bool add_other_types(struct schema *s, const struct json *type, struct json *out)
{
    unsigned types = TYPE_ALL & ~schema_types_of(type);
    if (types) json_add(out, with(s, json_new(s->b.a, JSON_OBJECT), "type", schema_types_value(s, types)));
    return true;
}

static bool add_not_keyword(struct schema *s, const struct json *k, struct json *out)
{
    bool is_list = k->type == JSON_ARRAY || k->type == JSON_OBJECT;
    if (is_list && k->count > NEGATED_MAX && !str_eq(k->key, STR("enum"))) return schema_refuse(s, "\"not\" around so much");
    for (size_t i = 0; i < COUNT(opposites); i++)
        if (str_eq(k->key, opposites[i].name)) return add_opposite(s, &opposites[i], k, out);
    if (schema_is_annotation(k->key)) return true;
    if (str_eq(k->key, STR("type"))) return add_other_types(s, k, out);
    struct json *one = json_new(s->b.a, JSON_OBJECT);
    json_put(one, k->key, json_share(s->b.a, k));
    if (str_eq(k->key, STR("const")) || str_eq(k->key, STR("enum"))) return json_add(out, schema_not(s, one)), true;
    if (str_eq(k->key, STR("pattern"))) return json_add(out, with(s, of_type(s, "string"), "not", one)), true;
    if (str_eq(k->key, STR("not"))) return json_add(out, json_share(s->b.a, k)), true;
    if (str_eq(k->key, STR("required")) && k->type == JSON_ARRAY) {
        json_each (name, k)
            if (name->type == JSON_STRING) json_add(out, without_property(s, name->s));
        return true;
    }
    if (str_eq(k->key, STR("properties")) && k->type == JSON_OBJECT) {
        json_each (p, k)
            json_add(out, with(s, with_property(s, p->key, schema_not(s, p)), "required", list_of(s, json_new_str(s->b.a, p->key), NULL)));
        return true;
    }
    if (str_eq(k->key, STR("anyOf")) && k->type == JSON_ARRAY) {
        struct json *none = json_new(s->b.a, JSON_ARRAY);
        json_each (branch, k) json_add(none, schema_not(s, branch));
        return json_add(out, with(s, json_new(s->b.a, JSON_OBJECT), "allOf", none)), true;
    }
    return err_set(s->e, ERR_NOT_BUILT, "\"not\" (or what \"if\" and \"oneOf\" need of it) around \"%.*s\" is not supported", STR_ARG(k->key));
}

bool schema_negate(struct schema *s, const struct json *x, struct json *out)
{
    struct json *flat;
    size_t before = out->count;
    if (!schema_flatten(s, x, 0, &flat)) return false;
    if (flat->type == JSON_BOOL) {
        if (!flat->b) json_add(out, json_new_bool(s->b.a, true));
        return true;
    }
    json_each (k, flat) {
        if (!add_not_keyword(s, k, out)) return false;
        if (out->count - before > NEGATED_MAX) return schema_refuse(s, "\"not\" around so much");
    }
    return true;
}

/* { "not": { "const" or "enum" or, of strings, "pattern" } } */
static const struct json *exception(const struct json *not, bool of_strings)
{
    const struct json *k = json_is(not, JSON_OBJECT) && not->count == 1 ? json_first(not) : NULL;
    if (!k) return NULL;
    if (str_eq(k->key, STR("const")) || (str_eq(k->key, STR("enum")) && k->type == JSON_ARRAY)) return k;
    return of_strings && str_eq(k->key, STR("pattern")) && k->type == JSON_STRING ? k : NULL;
}

bool schema_is_simple(const struct json *j, bool of_strings)
{
    static const str others[] = { STR_INIT("$ref"), STR_INIT("allOf"), STR_INIT("anyOf"), STR_INIT("oneOf"), STR_INIT("if"), STR_INIT("then"), STR_INIT("else") };
    json_each (k, j) {
        if (str_eq(k->key, STR("not")) && !exception(k, of_strings)) return false;
        for (size_t i = 0; i < COUNT(others); i++)
            if (str_eq(k->key, others[i])) return false;
        json_each (part, k->key.p == schema_also.p ? k : NULL)
            if (!schema_is_simple(part, of_strings)) return false;
    }
    return true;
}

static bool is_of_strings(const struct json *j) /* alone */
{
    const struct json *type = json_get(j, STR("type"));
    return type && !(schema_types_of(type) & ~(unsigned)TYPE_STRING);
}

bool schema_exceptions(struct schema *s, const struct json *j, struct schema_not *out)
{
    const struct json *not[SCHEMA_ALSO_MAX], *k;
    size_t n, values = 0;
    *out = (struct schema_not){ 0 };
    if (!schema_all(s, j, STR("not"), not, &n)) return false;
    for (size_t i = 0; i < n; i++)
        if ((k = exception(not[i], true))) values += str_eq(k->key, STR("enum")) ? k->count : 1;
    out->value = arena_alloc(s->b.a, (values + 1) * sizeof *out->value);
    for (size_t i = 0; i < n; i++) {
        if (!(k = exception(not[i], true))) continue;
        if (str_eq(k->key, STR("pattern"))) out->pattern[out->patterns++] = k->s;
        if (str_eq(k->key, STR("const"))) out->value[out->values++] = k;
        if (str_eq(k->key, STR("enum")))
            json_each (item, k) out->value[out->values++] = item;
    }
    return true;
}

/* ------------------------------------------------------------------ choices */

static bool choices_of_if(struct schema *s, const struct json *j, const struct json *condition, struct json *out)
{
    const struct json *yes = json_get(j, STR("then")), *no = json_get(j, STR("else"));
    struct json *not = schema_not(s, condition);
    if (!yes && !no) return json_add(out, json_new_bool(s->b.a, true)), true;
    json_add(out, yes ? schema_both_of(s, condition, yes) : json_share(s->b.a, condition));
    json_add(out, no ? schema_both_of(s, not, no) : not);
    return true;
}

static bool choices_of_dependent(struct schema *s, const struct json *first, struct json *out)
{
    struct json *there = json_new(s->b.a, JSON_OBJECT);
    struct json_list names = json_list_new(s->b.a, JSON_ARRAY);
    json_list_add(&names, json_new_str(s->b.a, first->key));
    if (first->type == JSON_ARRAY)
        json_each (also, first) json_list_add(&names, json_share(s->b.a, also));
    with(s, there, "required", names.container);
    json_add(out, without_property(s, first->key));
    json_add(out, first->type == JSON_ARRAY ? there : schema_both_of(s, there, first));
    return true;
}

static struct json *shared_from(struct schema *s, const struct json *first) /* a member and those after it */
{
    struct json_list out = json_list_new(s->b.a, JSON_OBJECT);
    for (const struct json *k = first; k; k = k->next) json_list_add(&out, json_share(s->b.a, k));
    return out.container;
}

static bool take_dependent(struct schema *s, const struct json *k, struct json *choices, struct json_list *left)
{
    if (k->type != JSON_OBJECT) return err_set(s->e, ERR_INVALID, "\"%.*s\" must be an object", STR_ARG(k->key));
    if (!k->first) return json_add(choices, json_new_bool(s->b.a, true)), true;
    if (k->first->next) {
        struct json *others = shared_from(s, k->first->next);
        others->key = k->key;
        json_list_add(left, others);
    }
    return choices_of_dependent(s, k->first, choices);
}

/* Of one object of keywords: the first that is a condition, as choices; `left` is what stays of it. */
static bool take_condition(struct schema *s, const struct json *j, bool of_strings, struct json *choices, struct json **left, bool *found)
{
    struct json_list out = json_list_new(s->b.a, JSON_OBJECT);
    *found = false;
    json_each (k, j) {
        bool is_dependent = str_eq(k->key, STR("dependentRequired")) || str_eq(k->key, STR("dependentSchemas"));
        bool is_if = str_eq(k->key, STR("if")), is_not = str_eq(k->key, STR("not")) && !exception(k, of_strings);
        bool is_of_if = str_eq(k->key, STR("then")) || str_eq(k->key, STR("else"));
        if (*found || (!is_if && !is_not && !is_dependent)) {
            if (!is_of_if) json_list_add(&out, json_share(s->b.a, k)); /* without an `if` they say nothing */
            continue;
        }
        *found = true;
        if (is_if ? !choices_of_if(s, j, k, choices) : is_not ? !schema_negate(s, k, choices) : !take_dependent(s, k, choices, &out))
            return false;
    }
    *left = out.container;
    return true;
}

bool schema_choices(struct schema *s, const struct json *j, struct json **rest, struct json **choices)
{
    bool found, of_strings = is_of_strings(j);
    struct json *out = json_new(s->b.a, JSON_ARRAY), *left;
    *choices = NULL;
    if (!take_condition(s, j, of_strings, out, rest, &found)) return false;
    if (found) return *choices = out, true;
    struct json_list all = json_list_new(s->b.a, JSON_OBJECT), others = json_list_new(s->b.a, JSON_ARRAY);
    json_each (part, json_get(j, schema_also)) {
        if (found) left = json_share(s->b.a, part);
        else if (!take_condition(s, part, of_strings, out, &left, &found)) return false;
        if (left->count) json_list_add(&others, left);
    }
    json_each (k, *rest)
        if (k->key.p != schema_also.p) json_list_add(&all, json_share(s->b.a, k));
    others.container->key = schema_also;
    if (others.container->count) json_list_add(&all, others.container);
    *rest = all.container;
    if (found) *choices = out;
    return true;
}
