/* model/tools/rules.c - what a model may write where functions may or must be called, as a grammar. */
#include "model/tools/dialect.h"

enum { FUNCTIONS_MAX = 1024, MEMBERS_MAX = 1024, RULES_BYTES_MAX = 64 << 20 };

static const struct json no_parameters_type = { .type = JSON_STRING, .key = STR_INIT("type"), .s = STR_INIT("object") };
static const struct json no_parameters = { .type = JSON_OBJECT, .first = (struct json *)&no_parameters_type, .count = 1 };

static bool is_required(const struct json *schema, str key)
{
    str text;
    json_each (name, json_get(schema, STR("required")))
        if (json_str(name, &text) && str_eq(text, key)) return true;
    return false;
}

/* A text stands there as it is, which what the schema may say of it beside its type cannot be looked for in. */
static bool check_text(const struct json *schema, struct err *e)
{
    static const char *const fine[] = { "type", "description", "title", "default" };
    json_each (keyword, schema) {
        bool is_fine = false;
        for (size_t i = 0; i < COUNT(fine); i++) is_fine |= str_eq(keyword->key, str_c(fine[i]));
        if (!is_fine)
            return err_set(e, ERR_NOT_BUILT, "\"%.*s\" of a parameter that is a text is not supported with this model's way to call functions", STR_ARG(str_to(keyword->key, 60)));
    }
    return true;
}

/* Where members stand between commas, those that must be there come first; where none must, a comma stands behind each. */
static bool write_member(const struct tool_dialect *d, struct arena *a, const struct json *p, bool must_be, bool is_first, bool has_first, struct grammar_member *out, struct err *e)
{
    bool is_text = str_eq(json_str_or(p, STR("type"), STR("")), STR("string")), is_plain = is_text && (d->is_xml || d->quote);
    if (is_plain && !check_text(p, e)) return false;
    const char *between = d->members_between ? d->members_between : "", *quote = is_plain && d->quote ? d->quote : "";
    *out = (struct grammar_member){ .before = arena_fmt(a, "%s%s%.*s%s%s", has_first && !is_first ? between : "", d->key_before, STR_ARG(p->key), d->key_after, quote),
                                    .after = arena_fmt(a, "%s%s%s", quote, d->value_after, has_first ? "" : between),
                                    .schema = p, .is_plain = is_plain, .is_optional = !must_be };
    return true;
}

/* Member by member, in the order of the schema. */
static bool write_members(const struct tool_dialect *d, struct arena *a, const struct json *schema, struct grammar_call *out, struct err *e)
{
    const struct json *properties = json_get(schema, STR("properties"));
    size_t n = 0, most = json_is(properties, JSON_OBJECT) ? properties->count : 0;
    bool has_first = false;
    if (most > MEMBERS_MAX) return err_set(e, ERR_TOO_LARGE, "a function may have %d parameters", MEMBERS_MAX);
    struct grammar_member *m = arena_alloc(a, (most + 1) * sizeof *m);
    for (int pass = 0; pass < 2; pass++) /* with commas between them, those that must be there come first */
        json_each (p, properties) {
            bool must_be = is_required(schema, p->key);
            if (d->members_between ? must_be != (pass == 0) : pass == 1) continue;
            has_first |= must_be;
            if (!write_member(d, a, p, must_be, n == 0, has_first, &m[n], e)) return false;
            n++;
        }
    out->member = m;
    out->members = n;
    return true;
}

static bool add_call(const struct tool_dialect *d, const struct tool_rules *rules, const struct json *function, struct arena *a, struct grammar_call *out, struct err *e)
{
    const struct json *schema = json_get(function, STR("parameters"));
    str name = json_str_or(function, STR("name"), STR(""));
    bool is_bound = rules->is_required || json_bool_or(function, STR("strict"), false);
    if (!schema || schema->type == JSON_NULL) schema = &no_parameters;
    *out = (struct grammar_call){ .before = arena_fmt(a, "%s%.*s%s", d->before, STR_ARG(name), d->behind), .after = str_c(d->after), .schema = is_bound || d->is_xml || d->is_python ? schema : NULL };
    return !(d->is_xml || d->is_python) || write_members(d, a, schema, out, e);
}

bool tool_grammar(const struct tool_dialect *d, const struct tool_rules *rules, struct grammar **out, struct err *e)
{
    struct arena *a = arena_new(RULES_BYTES_MAX);
    size_t n = 0, most = json_is(rules->tools, JSON_ARRAY) ? rules->tools->count : 0;
    struct grammar_call *call = arena_alloc(a, (most < FUNCTIONS_MAX ? most + 1 : FUNCTIONS_MAX) * sizeof *call);
    bool ok = most <= FUNCTIONS_MAX || err_set(e, ERR_TOO_LARGE, "there may be %d functions", FUNCTIONS_MAX);
    json_each (tool, rules->tools) {
        const struct json *function = json_get(tool, STR("function"));
        if (!ok || (rules->name.n && !str_eq(json_str_or(function, STR("name"), STR("")), rules->name))) continue;
        ok = add_call(d, rules, function, a, &call[n++], e);
    }
    if (ok && n == 0) ok = err_set(e, ERR_INVALID, "there is no function \"%.*s\" to be called", STR_ARG(str_to(rules->name, 100)));
    struct grammar_calls calls = {
        .call = call, .n = n, .begin = str_c(d->begin), .between = str_c(d->between), .end = str_c(d->end), .only_one = rules->only_one,
        .is_optional = !rules->is_required, .trigger = d->begin[0] || !d->may_be_bare ? str_c(d->open) : STR("{"),
        .otherwise = rules->otherwise,
    };
    ok = ok && grammar_from_calls(&calls, out, e);
    arena_free(a);
    return ok;
}
