/* dataset/cast_card.c - the features that a card says, in the words of JSON. YAML has a shorter form of them: {name: x, dtype: int64}, {list: string}, {struct: [...]},
 * {dtype: {class_label: {names: {'0': no, '1': yes}}}}. */
#include "dataset/cast.h"

enum { DEPTH_MAX = 20, COLUMNS_MAX = 2000, UNORDERED_MAX = 1000 };

static struct json *named(struct arena *a, const char *type)
{
    struct json *v = json_new(a, JSON_OBJECT);
    json_put(v, STR("_type"), json_new_str(a, str_c(type)));
    return v;
}

/* Numbers from 0 on are its keys, where it is an object. */
static const struct json *label_names(const struct json *v, struct arena *a)
{
    struct json_list out = json_list_new(a, JSON_ARRAY);
    if (!json_is(v, JSON_OBJECT)) return json_is(v, JSON_ARRAY) ? v : NULL;
    const struct json *next = json_first(v);
    for (size_t i = 0; i < v->count; i++) {
        char text[24];
        str key = str_n(text, (size_t)snprintf(text, sizeof text, "%zu", i));
        const struct json *name = next && str_eq(next->key, key) ? next : NULL; /* mostly in order: there may be tens of thousands */
        if (!name && v->count <= UNORDERED_MAX) name = json_get(v, key);
        if (!name) return NULL;
        json_list_add(&out, json_share(a, name));
        next = name->next;
    }
    return out.container;
}

/* snake_case as CamelCase: image, class_label. */
static str camel(str s, struct arena *a)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    bool is_first = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '_') p[n++] = is_first && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        is_first = c == '_';
    }
    return str_n(p, n);
}

static bool is_plain(str dtype)
{
    static const char *const begins[] = { "int", "uint", "float", "timestamp", "date", "time", "duration", "decimal", "string", "large_string", "binary", "large_binary", "bool", "null" };
    for (size_t i = 0; i < COUNT(begins); i++)
        if (str_starts(dtype, str_c(begins[i]))) return true;
    return false;
}

static struct json *fields(const struct json *list, struct arena *a, size_t depth);

/* NULL: it is not known what it says. */
static struct json *feature_of(const struct json *v, struct arena *a, size_t depth)
{
    const struct json *first = json_first(v);
    if (depth > DEPTH_MAX) return NULL;
    if (json_is(v, JSON_ARRAY)) return fields(v, a, depth + 1);
    if (json_is(v, JSON_STRING)) { /* of {list: string} */
        struct json *out;
        if (!is_plain(v->s)) return named(a, arena_cstr(a, camel(v->s, a)));
        out = json_new(a, JSON_OBJECT);
        json_put(out, STR("dtype"), json_new_str(a, v->s));
        json_put(out, STR("_type"), json_new_str(a, STR("Value")));
        return out;
    }
    if (!json_is(v, JSON_OBJECT)) return NULL;
    while (first && str_eq(first->key, STR("name"))) first = first->next;
    if (!first) return json_new(a, JSON_OBJECT);
    if (str_eq(first->key, STR("dtype")) || str_eq(first->key, STR("struct"))) return feature_of(first, a, depth + 1);
    bool is_old = str_eq(first->key, STR("sequence"));
    if (is_old || str_eq(first->key, STR("list"))) {
        struct json *out = json_new(a, JSON_OBJECT), *item = feature_of(first, a, depth + 1);
        const struct json *length = json_get(v, STR("length"));
        if (!item || (is_old && first->type == JSON_ARRAY)) return NULL; /* a sequence of a struct is a struct of lists */
        json_put(out, STR("feature"), item);
        if (length) json_put(out, STR("length"), json_share(a, length));
        json_put(out, STR("_type"), json_new_str(a, STR("List")));
        return out;
    }
    if (str_eq(first->key, STR("class_label"))) {
        struct json *out = json_new(a, JSON_OBJECT);
        const struct json *names = label_names(json_get(first, STR("names")), a);
        if (!names) return NULL;
        json_put(out, STR("names"), json_share(a, names));
        json_put(out, STR("_type"), json_new_str(a, STR("ClassLabel")));
        return out;
    }
    return named(a, arena_cstr(a, camel(first->key, a)));
}

static struct json *fields(const struct json *list, struct arena *a, size_t depth)
{
    struct json *out = json_new(a, JSON_OBJECT);
    struct json_list to = { out, &out->first };
    str name;
    if (list->count > COLUMNS_MAX) return NULL;
    json_each (v, list) {
        struct json *one = json_str(json_get(v, STR("name")), &name) ? feature_of(v, a, depth) : NULL;
        if (!one || json_get(out, name)) return NULL;
        one->key = name;
        json_list_add(&to, one);
    }
    return out;
}

bool cast_card_features(const struct json *card, str config, struct arena *a, const struct json **out)
{
    const struct json *info = json_get(card, STR("dataset_info")), *one = NULL, *features;
    *out = NULL;
    if (json_is(info, JSON_ARRAY)) json_each (v, info) {
        if (str_eq(json_str_or(v, STR("config_name"), STR("default")), config)) one = v;
    } else if (str_eq(json_str_or(info, STR("config_name"), STR("default")), config)) {
        one = info;
    }
    if (!(features = json_get(one, STR("features")))) return true;
    return json_is(features, JSON_ARRAY) && (!features->count || (*out = fields(features, a, 0)) != NULL);
}
