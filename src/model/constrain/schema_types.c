/* model/constrain/schema_types.c - objects, arrays and strings of a JSON schema. */
#include <stdlib.h>
#include <string.h>

#include "model/constrain/schema_priv.h"

enum { PREFIX_ITEMS_MAX = 256, EXCLUDED_LENGTH_MAX = 256, COUNT_MAX = 1 << 24, PROPERTIES_MAX = GRAMMAR_RULES_MAX / 3 };

static struct expr *separator(struct schema *s)
{
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, STR(",")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    return x;
}

static bool read_count(struct schema *s, const struct json *j, const char *name, uint32_t *out)
{
    int64_t n;
    const struct json *v = json_get(j, str_c(name));
    if (!v) return true;
    if (!json_int(v, &n) || n < 0) return err_set(s->e, ERR_INVALID, "\"%s\" must be a number from 0", name);
    *out = n < COUNT_MAX ? (uint32_t)n : COUNT_MAX; /* more is refused when it is unrolled */
    if (n > COUNT_MAX && str_starts(str_c(name), STR("max"))) *out = REPEAT_NO_MAX;
    return true;
}

/* ------------------------------------------------------------------ objects */

struct member {
    str name;
    const struct json *schema; /* NULL: what additional ones are */
    bool required;
    uint32_t rule; /* "name": value */
};

struct object {
    struct member *member;
    size_t members;
    const struct json *additional; /* NULL: none are generated */
};

/* The rest of a key that is none of key[n], which all have the same first `at` bytes. */
static struct expr *other_key(struct schema *s, const str *key, size_t n, size_t at)
{
    struct expr *choice = expr_choice(&s->b), *other = expr_sequence(&s->b);
    struct chars next = { 0 };
    size_t first = 0;
    while (first < n && key[first].n == at) first++; /* sorted: this one ends here */
    if (!first) expr_add(choice, expr_sequence(&s->b));
    for (size_t i = first; i < n && !s->b.failed;) {
        uint32_t c;
        size_t bytes_count = str_utf8_decode(str_from(key[i], at), &c), to = i;
        while (to < n && str_eq(str_to(str_from(key[to], at), bytes_count), str_to(str_from(key[i], at), bytes_count)))
            to++;
        struct expr *same = expr_sequence(&s->b);
        expr_add(same, expr_char(&s->b, c));
        expr_add(same, other_key(s, key + i, to - i, at + bytes_count));
        expr_add(choice, same);
        chars_add(&next, c, c);
        i = to;
    }
    chars_invert(&next);
    expr_add(other, expr_chars(&s->b, &next));
    expr_add(other, schema_builtin(s, BUILTIN_KEY_REST));
    expr_add(choice, other);
    return choice;
}

static int by_name(const void *a, const void *b) { return str_cmp(*(const str *)a, *(const str *)b); }

static bool read_additional(struct schema *s, const struct object *o, size_t depth, uint32_t *rule)
{
    str *key = mem_alloc((o->members + 1) * sizeof *key);
    struct expr *x = expr_sequence(&s->b), *value;
    bool short_enough = true;
    for (size_t i = 0; i < o->members; i++) {
        key[i] = o->member[i].name;
        short_enough &= key[i].n <= EXCLUDED_LENGTH_MAX;
    }
    qsort(key, o->members, sizeof *key, by_name);
    expr_add(x, expr_text(&s->b, STR("\"")));
    if (short_enough) expr_add(x, other_key(s, key, o->members, 0));
    expr_add(x, expr_text(&s->b, STR("\"")));
    mem_free(key);
    if (!short_enough)
        return schema_refuse(s, "\"additionalProperties\" beside a property with a name of more than 256 bytes");
    expr_add(x, expr_text(&s->b, STR(":")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    if (!schema_read(s, o->additional, depth + 1, &value)) return schema_in(s, STR("additionalProperties"));
    expr_add(x, value);
    *rule = grammar_rule_new(&s->b, STR("additional"));
    if (!s->b.failed) s->b.rule[*rule].body = x;
    return true;
}

/* Members from the i-th on.  Two rules for each place, since the comma depends on whether one came before. */
static bool read_members(struct schema *s, struct object *o, size_t depth, struct expr **out)
{
    struct expr *first = expr_sequence(&s->b), *later = expr_sequence(&s->b), *more;
    uint32_t rule = 0;
    if (o->additional) {
        if (!read_additional(s, o, depth, &rule)) return false;
        for (int i = 0; i < 2; i++) { /* (, member)* after others; (member (, member)*)? at first */
            more = expr_sequence(&s->b);
            expr_add(more, separator(s));
            expr_add(more, expr_rule(&s->b, rule));
            more = expr_repeat(&s->b, more, 0, REPEAT_NO_MAX);
            if (i) {
                expr_add(later, more);
            } else {
                struct expr *some = expr_sequence(&s->b);
                expr_add(some, expr_rule(&s->b, rule));
                expr_add(some, more);
                expr_add(first, expr_repeat(&s->b, some, 0, 1));
            }
        }
    }
    for (size_t i = o->members; i-- > 0 && !s->b.failed;) {
        const struct member *m = &o->member[i];
        uint32_t rest = grammar_rule_new(&s->b, m->name), start = grammar_rule_new(&s->b, m->name);
        if (s->b.failed) break;
        s->b.rule[rest].body = later, s->b.rule[start].body = first;
        struct expr *with = expr_sequence(&s->b);
        expr_add(with, expr_rule(&s->b, m->rule));
        expr_add(with, expr_rule(&s->b, rest));
        struct expr *after = expr_sequence(&s->b);
        expr_add(after, separator(s));
        expr_add(after, expr_rule(&s->b, m->rule));
        expr_add(after, expr_rule(&s->b, rest));
        first = with, later = after;
        if (!m->required) {
            first = expr_choice(&s->b), later = expr_choice(&s->b);
            expr_add(first, with);
            expr_add(first, expr_rule(&s->b, start));
            expr_add(later, after);
            expr_add(later, expr_rule(&s->b, rest));
        }
    }
    *out = first;
    return true;
}

static bool list_members(struct schema *s, const struct json *j, struct object *o)
{
    const struct json *properties = json_get(j, STR("properties")), *required = json_get(j, STR("required"));
    const struct json *additional = json_get(j, STR("additionalProperties"));
    if (properties && properties->type != JSON_OBJECT)
        return err_set(s->e, ERR_INVALID, "\"properties\" must be an object");
    if (required && required->type != JSON_ARRAY)
        return err_set(s->e, ERR_INVALID, "\"required\" must be a list of names");
    o->additional = json_is(additional, JSON_BOOL) && !additional->b ? NULL : additional;
    size_t room = (properties ? properties->count : 0) + (required ? required->count : 0);
    if (room > PROPERTIES_MAX) return err_set(s->e, ERR_TOO_LARGE, "an object may have %d properties", PROPERTIES_MAX);
    o->member = arena_alloc(s->b.a, (room + 1) * sizeof *o->member);
    json_each (p, properties) {
        if (json_get(properties, p->key) != p)
            return err_set(s->e, ERR_INVALID, "the property \"%.*s\" is there twice", STR_ARG(p->key));
        o->member[o->members++] = (struct member){ .name = p->key, .schema = p };
    }
    json_each (name, required) {
        size_t i = 0;
        if (name->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"required\" must be a list of names");
        while (i < o->members && !str_eq(o->member[i].name, name->s)) i++;
        if (i == o->members) {
            if (json_is(additional, JSON_BOOL) && !additional->b)
                return err_set(s->e, ERR_INVALID, "\"%.*s\" is required, but is no property, and others are forbidden",
                               STR_ARG(name->s));
            o->member[o->members++] = (struct member){ .name = name->s, .schema = additional };
        }
        o->member[i].required = true;
    }
    return true;
}

bool schema_read_object(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    struct object o = { 0 };
    if (!list_members(s, j, &o)) return false;
    for (size_t i = 0; i < o.members && !s->b.failed; i++) {
        struct member *m = &o.member[i];
        struct expr *x = expr_sequence(&s->b), *value;
        if (!m->schema) value = schema_builtin(s, BUILTIN_VALUE);
        else if (!schema_read(s, m->schema, depth + 1, &value)) return schema_in(s, m->name);
        expr_add(x, schema_string(s, m->name));
        expr_add(x, expr_text(&s->b, STR(":")));
        expr_add(x, schema_builtin(s, BUILTIN_SPACE));
        expr_add(x, value);
        m->rule = grammar_rule_new(&s->b, m->name);
        if (!s->b.failed) s->b.rule[m->rule].body = x;
    }
    struct expr *members = NULL, *x = expr_sequence(&s->b);
    if (!read_members(s, &o, depth, &members)) return false;
    *out = x;
    if (s->b.failed) return true;
    expr_add(x, expr_text(&s->b, STR("{")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, members);
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, expr_text(&s->b, STR("}")));
    return true;
}

/* ------------------------------------------------------------------ arrays */

/* What follows `before` items: at least min and at most max more, all of this rule. */
static struct expr *more_items(struct schema *s, uint32_t rule, bool any_before, uint32_t min, uint32_t max)
{
    struct expr *item = expr_sequence(&s->b), *x = expr_sequence(&s->b);
    expr_add(item, separator(s));
    expr_add(item, expr_rule(&s->b, rule));
    if (any_before) return expr_repeat(&s->b, item, min, max);
    if (max == 0) return x;
    expr_add(x, expr_rule(&s->b, rule));
    expr_add(x, expr_repeat(&s->b, item, min ? min - 1 : 0, max == REPEAT_NO_MAX ? max : max - 1));
    return min ? x : expr_repeat(&s->b, x, 0, 1);
}

bool schema_read_array(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    const struct json *prefix = json_get(j, STR("prefixItems")), *items = json_get(j, STR("items")),
                      *unique = json_get(j, STR("uniqueItems"));
    uint32_t min = 0, max = REPEAT_NO_MAX, fixed = 0;
    struct expr *value, *first[PREFIX_ITEMS_MAX], *rest = expr_sequence(&s->b);
    if (!read_count(s, j, "minItems", &min) || !read_count(s, j, "maxItems", &max)) return false;
    if (unique && !(unique->type == JSON_BOOL && !unique->b)) return schema_refuse(s, "\"uniqueItems\"");
    if (prefix && prefix->type != JSON_ARRAY)
        return err_set(s->e, ERR_INVALID, "\"prefixItems\" must be a list of schemas");
    if (json_is(items, JSON_ARRAY))
        return schema_refuse(s, "a list in \"items\" (drafts before 2020-12; it is called \"prefixItems\" now)");
    *out = expr_choice(&s->b);
    if (max < min) return true; /* there is none */
    json_each (p, prefix) {
        if (fixed == PREFIX_ITEMS_MAX) return schema_refuse(s, "\"prefixItems\" with more than 256 schemas");
        if (fixed >= max) break;
        if (!schema_read(s, p, depth + 1, &first[fixed++])) return schema_in(s, STR("prefixItems"));
    }
    if ((items || !prefix) && max > fixed) {
        if (!items) value = schema_builtin(s, BUILTIN_VALUE);
        else if (!schema_read(s, items, depth + 1, &value)) return schema_in(s, STR("items"));
        uint32_t rule = grammar_rule_new(&s->b, STR("items"));
        if (!s->b.failed) s->b.rule[rule].body = value;
        rest = more_items(s, rule, fixed > 0, min > fixed ? min - fixed : 0, max == REPEAT_NO_MAX ? max : max - fixed);
    } else if (min > fixed) {
        rest = expr_choice(&s->b); /* there are never so many */
    }
    for (uint32_t i = fixed; i-- > 0;) {
        struct expr *x = expr_sequence(&s->b);
        if (i) expr_add(x, separator(s));
        expr_add(x, first[i]);
        expr_add(x, rest);
        rest = i < min ? x : expr_repeat(&s->b, x, 0, 1);
    }
    *out = expr_sequence(&s->b);
    expr_add(*out, expr_text(&s->b, STR("[")));
    expr_add(*out, schema_builtin(s, BUILTIN_SPACE));
    expr_add(*out, rest);
    expr_add(*out, schema_builtin(s, BUILTIN_SPACE));
    expr_add(*out, expr_text(&s->b, STR("]")));
    return true;
}

/* ------------------------------------------------------------------ strings */

#define DAY "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
#define DATE "[1-9]\\d{3}-" DAY
#define TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define HOST LABEL "(?:\\." LABEL "){0,6}"
#define GROUP "[0-9a-fA-F]{1,4}"
#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define UUID(version) "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-" version "[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
#define PATH "(?:[A-Za-z0-9._~!$&'()*+,;=:@\\/-]|%[0-9a-fA-F]{2})*"
static const struct { str name; const char *pattern; } formats[] = {
    { STR_INIT("date-time"), DATE "T" TIME },
    { STR_INIT("date"), DATE },
    { STR_INIT("time"), TIME },
    { STR_INIT("duration"), "P(?:\\d{1,4}W|(?:\\d{1,4}D|\\d{1,4}M(?:\\d{1,4}D)?|\\d{1,4}Y(?:\\d{1,4}M(?:\\d{1,4}D)?)?)"
                            "(?:T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))?|"
                            "T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))" },
    { STR_INIT("email"), "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" LABEL "(?:\\." LABEL "){1,5}" },
    { STR_INIT("hostname"), HOST },
    { STR_INIT("ipv4"), OCTET "(?:\\." OCTET "){3}" },
    { STR_INIT("ipv6"), "(?:" GROUP ":){7}" GROUP "|(?:" GROUP ":){1,7}:|(?:" GROUP ":){1,6}:" GROUP "|(?:" GROUP ":){1,5}(?::" GROUP "){1,2}|"
                        "(?:" GROUP ":){1,4}(?::" GROUP "){1,3}|(?:" GROUP ":){1,3}(?::" GROUP "){1,4}|(?:" GROUP ":){1,2}(?::" GROUP "){1,5}|"
                        GROUP ":(?::" GROUP "){1,6}|:(?:(?::" GROUP "){1,7}|:)" },
    { STR_INIT("uuid"), "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}" },
    /* What pydantic says beside the standard's; the last ones have no syntax. */
    { STR_INIT("uuid1"), UUID("1") }, { STR_INIT("uuid3"), UUID("3") }, { STR_INIT("uuid4"), UUID("4") }, { STR_INIT("uuid5"), UUID("5") },
    { STR_INIT("uuid6"), UUID("6") }, { STR_INIT("uuid7"), UUID("7") }, { STR_INIT("uuid8"), UUID("8") },
    { STR_INIT("base64"), "(?:[A-Za-z0-9+\\/]{4})*(?:[A-Za-z0-9+\\/][AQgw]==|[A-Za-z0-9+\\/]{2}[AEIMQUYcgkosw048]=)?" },
    { STR_INIT("binary"), "[^]*" }, { STR_INIT("password"), "[^]*" }, { STR_INIT("path"), "[^]*" }, { STR_INIT("file-path"), "[^]*" }, { STR_INIT("directory-path"), "[^]*" },
    { STR_INIT("uri"), "[A-Za-z][A-Za-z0-9+.-]{0,15}:\\/\\/" HOST "(?::[1-9]\\d{0,3})?(?:\\/" PATH ")?(?:\\?" PATH ")?(?:#" PATH ")?" },
};

static bool read_pattern(struct schema *s, const struct json *j, struct expr **out)
{
    const struct json *pattern = json_get(j, STR("pattern")), *format = json_get(j, STR("format"));
    if (pattern && format) return schema_refuse(s, "\"pattern\" together with \"format\"");
    if (json_get(j, STR("minLength")) || json_get(j, STR("maxLength")))
        return schema_refuse(s, "\"pattern\" or \"format\" together with a length (write the length into the pattern)");
    if (!json_is(pattern ? pattern : format, JSON_STRING))
        return err_set(s->e, ERR_INVALID, "\"pattern\" and \"format\" must be strings");
    if (pattern) return regex_read(&s->b, pattern->s, true, out, s->e) || schema_in(s, STR("pattern"));
    for (size_t i = 0; i < COUNT(formats); i++)
        if (str_eq(formats[i].name, format->s)) return regex_read(&s->b, str_c(formats[i].pattern), false, out, s->e);
    return err_set(s->e, ERR_NOT_BUILT, "the format \"%.*s\" is not supported", STR_ARG(format->s));
}

bool schema_read_string(struct schema *s, const struct json *j, struct expr **out)
{
    uint32_t min = 0, max = REPEAT_NO_MAX;
    struct expr *inside;
    if (!read_count(s, j, "minLength", &min) || !read_count(s, j, "maxLength", &max)) return false;
    if (json_get(j, STR("pattern")) || json_get(j, STR("format"))) {
        if (!read_pattern(s, j, &inside)) return false;
    } else if (min == 0 && max == REPEAT_NO_MAX) {
        *out = schema_builtin(s, BUILTIN_STRING);
        return true;
    } else {
        inside = max < min ? expr_choice(&s->b) : expr_repeat(&s->b, schema_builtin(s, BUILTIN_CHAR), min, max);
    }
    *out = expr_sequence(&s->b);
    expr_add(*out, expr_text(&s->b, STR("\"")));
    expr_add(*out, inside);
    expr_add(*out, expr_text(&s->b, STR("\"")));
    return true;
}
