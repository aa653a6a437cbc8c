/* model/constrain/schema.c - JSON Schema (draft 2020-12) to a grammar: references, combinations, literals.
 *
 * What is generated is always valid by the schema, but not all that is valid is generated:
 * - members come in the order of `properties`, then those that are only `required`, then additional ones;
 * - additional members come only where `additionalProperties` asks for them, items beyond `prefixItems` where `items`
 *   does;
 * - a schema without `type` is read as the types that its keywords speak of;
 * - after an opening bracket, a comma and a colon, and before a closing bracket, stands nothing, one blank, or a line
 *   end and up to 20 blanks or tabs: bounded, since models are fond of white space; elsewhere there is none;
 * - numbers have at most 15 digits before and 16 behind the point.
 * Every keyword is either obeyed, known not to constrain, or refused by name. */
#include <string.h>

#include "model/constrain/schema_priv.h"

enum { SCHEMA_JSON_BYTES_MAX = 64 << 20, WORK_MAX = 1 << 26 /* some tenths of a second */ };

bool schema_refuse(struct schema *s, const char *what)
{
    return err_set(s->e, ERR_NOT_BUILT, "%s is not supported", what);
}

bool schema_in(struct schema *s, str part)
{
    enum { PART_BYTES_MAX = 100, SAID_BYTES_MAX = 400 };
    if (part.n == 0 || str_c(s->e->msg).n > SAID_BYTES_MAX) return false;
    return err_context(s->e, "%.*s", STR_ARG(str_to(part, PART_BYTES_MAX)));
}

/* ------------------------------------------------------------------ rules that every schema may need */

static struct expr *pattern_of(struct schema *s, const char *pattern, bool json_text)
{
    struct expr *x;
    bool was = s->b.json_text;
    s->b.json_text = json_text;
    must(regex_read(&s->b, str_c(pattern), REGEX_WHOLE, &x, s->e)); /* ours are right */
    s->b.json_text = was;
    return x;
}

static struct expr *any_member(struct schema *s) /* of any object */
{
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, schema_builtin(s, BUILTIN_STRING));
    expr_add(x, expr_text(&s->b, STR(":")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, schema_builtin(s, BUILTIN_VALUE));
    return x;
}

/* open (item ("," item)*)? close */
static struct expr *any_list(struct schema *s, const char *open, struct expr *(*item)(struct schema *),
                             const char *close)
{
    struct expr *more = expr_sequence(&s->b), *some = expr_sequence(&s->b), *x = expr_sequence(&s->b);
    expr_add(more, expr_text(&s->b, STR(",")));
    expr_add(more, schema_builtin(s, BUILTIN_SPACE));
    expr_add(more, item(s));
    expr_add(some, item(s));
    expr_add(some, expr_repeat(&s->b, more, 0, REPEAT_NO_MAX));
    expr_add(x, expr_text(&s->b, str_c(open)));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, expr_repeat(&s->b, some, 0, 1));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, expr_text(&s->b, str_c(close)));
    return x;
}

static struct expr *any_value(struct schema *s) { return schema_builtin(s, BUILTIN_VALUE); }

static struct expr *value_body(struct schema *s)
{
    struct expr *x = expr_choice(&s->b);
    expr_add(x, any_list(s, "{", any_member, "}"));
    expr_add(x, any_list(s, "[", any_value, "]"));
    expr_add(x, schema_builtin(s, BUILTIN_STRING));
    expr_add(x, schema_builtin(s, BUILTIN_NUMBER));
    expr_add(x, expr_text(&s->b, STR("true")));
    expr_add(x, expr_text(&s->b, STR("false")));
    expr_add(x, expr_text(&s->b, STR("null")));
    return x;
}

/* A character of a JSON string, spelt in any way but as half a surrogate pair. */
#define CHAR_PATTERN                                                                                      \
    "[^\"\\\\\\x00-\\x1f]|\\\\(?:[\"\\\\\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|" \
    "[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}))"

struct expr *schema_builtin(struct schema *s, enum schema_builtin which)
{
    if (!s->builtin[which]) {
        uint32_t rule = s->builtin[which] = grammar_rule_new(&s->b, STR("json"));
        struct expr *body = NULL;
        switch (which) {
        case BUILTIN_SPACE: body = pattern_of(s, "|\\x20|\\n[ \\t]{0,20}", false); break;
        case BUILTIN_VALUE: body = value_body(s); break;
        case BUILTIN_STRING: body = pattern_of(s, "\"(?:" CHAR_PATTERN ")*\"", false); break;
        case BUILTIN_CHAR: body = pattern_of(s, CHAR_PATTERN, false); break;
        case BUILTIN_KEY_REST: body = pattern_of(s, "[^]*", true); break;
        case BUILTIN_INTEGER: body = pattern_of(s, "0|-?[1-9]\\d{0,14}", false); break;
        case BUILTIN_NUMBER:
            body = pattern_of(s, "-?(?:0|[1-9]\\d{0,14})(?:\\.\\d{1,16})?(?:[eE][+-]?\\d{1,2})?", false);
            break;
        case BUILTINS: break;
        }
        if (!s->b.failed) s->b.rule[rule].body = body;
    }
    return expr_rule(&s->b, s->builtin[which]);
}

struct expr *schema_comma(struct schema *s)
{
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, STR(",")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    return x;
}

/* ------------------------------------------------------------------ literals */

struct expr *schema_string(struct schema *s, str text)
{
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, STR("\"")));
    while (text.n && !s->b.failed) {
        uint32_t c;
        size_t n = str_utf8_decode(text, &c);
        must(n > 0); /* the JSON parser lets nothing else through */
        expr_add(x, expr_char(&s->b, c));
        text = str_from(text, n);
    }
    expr_add(x, expr_text(&s->b, STR("\"")));
    return x;
}

static struct expr *value_list(struct schema *s, const struct json *v)
{
    bool object = v->type == JSON_OBJECT;
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, object ? STR("{") : STR("[")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    json_each (item, v) {
        if (item != json_first(v)) {
            expr_add(x, expr_text(&s->b, STR(",")));
            expr_add(x, schema_builtin(s, BUILTIN_SPACE));
        }
        if (object) {
            expr_add(x, schema_string(s, item->key));
            expr_add(x, expr_text(&s->b, STR(":")));
            expr_add(x, schema_builtin(s, BUILTIN_SPACE));
        }
        expr_add(x, schema_value(s, item));
    }
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, expr_text(&s->b, object ? STR("}") : STR("]")));
    return x;
}

struct expr *schema_value(struct schema *s, const struct json *v)
{
    if (v->type == JSON_STRING) return schema_string(s, v->s);
    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT) return value_list(s, v);
    struct buf text = BUF_INIT(0);
    struct json_writer w = json_writer(&text);
    jw_value(&w, v);
    struct expr *x = expr_text(&s->b, buf_str(&text));
    buf_deinit(&text);
    return x;
}

/* ------------------------------------------------------------------ keywords */

enum keyword_kind { KEYWORD_IS_COMBINATION, KEYWORD_IS_LITERAL, KEYWORD_OF_TYPE, KEYWORD_ANNOTATES };
static const struct keyword {
    str name;
    enum keyword_kind kind;
    unsigned types; /* that it speaks of */
} keywords[] = {
    { STR_INIT("type"), KEYWORD_OF_TYPE, 0 },
    { STR_INIT("$ref"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("allOf"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("anyOf"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("oneOf"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("not"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("if"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("then"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("else"), KEYWORD_IS_COMBINATION, 0 },
    { STR_INIT("also"), KEYWORD_IS_COMBINATION, 0 }, /* ours alone: schema_also */
    { STR_INIT("const"), KEYWORD_IS_LITERAL, 0 },
    { STR_INIT("enum"), KEYWORD_IS_LITERAL, 0 },
    { STR_INIT("properties"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("required"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("additionalProperties"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("patternProperties"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("propertyNames"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("minProperties"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("maxProperties"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("dependentRequired"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("dependentSchemas"), KEYWORD_OF_TYPE, TYPE_OBJECT },
    { STR_INIT("items"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("prefixItems"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("additionalItems"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("minItems"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("maxItems"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("uniqueItems"), KEYWORD_OF_TYPE, TYPE_ARRAY },
    { STR_INIT("minLength"), KEYWORD_OF_TYPE, TYPE_STRING },
    { STR_INIT("maxLength"), KEYWORD_OF_TYPE, TYPE_STRING },
    { STR_INIT("pattern"), KEYWORD_OF_TYPE, TYPE_STRING },
    { STR_INIT("format"), KEYWORD_OF_TYPE, TYPE_STRING },
    { STR_INIT("minimum"), KEYWORD_OF_TYPE, TYPE_NUMBER },
    { STR_INIT("maximum"), KEYWORD_OF_TYPE, TYPE_NUMBER },
    { STR_INIT("exclusiveMinimum"), KEYWORD_OF_TYPE, TYPE_NUMBER },
    { STR_INIT("exclusiveMaximum"), KEYWORD_OF_TYPE, TYPE_NUMBER },
    { STR_INIT("multipleOf"), KEYWORD_OF_TYPE, TYPE_NUMBER },
    { STR_INIT("$schema"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("$comment"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("$defs"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("definitions"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("title"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("description"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("default"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("example"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("examples"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("deprecated"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("readOnly"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("writeOnly"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("contentEncoding"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("contentMediaType"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("contentSchema"), KEYWORD_ANNOTATES, 0 },
    { STR_INIT("discriminator"), KEYWORD_ANNOTATES, 0 },
};

static const struct keyword *keyword_named(str name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_eq(keywords[i].name, name)) return &keywords[i];
    return NULL;
}

bool schema_is_annotation(str name)
{
    const struct keyword *k = keyword_named(name);
    return (k && k->kind == KEYWORD_ANNOTATES) || str_starts(name, STR("x-")) || str_eq(name, STR("$id"));
}

struct outline { /* of a schema: what kinds of keyword it has */
    unsigned types;
    bool is_literal, has_type, has_exception, constrains;
};

static bool outline(struct schema *s, const struct json *j, struct outline *out)
{
    *out = (struct outline){ 0 };
    const struct keyword *k;
    json_each (member, j) {
        k = keyword_named(member->key);
        if (str_eq(member->key, STR("$id")) && j == s->root) continue; /* elsewhere it would change what "#" means */
        if (str_starts(member->key, STR("x-"))) continue;
        if (k && str_eq(k->name, schema_also) && member->key.p != schema_also.p) k = NULL;
        if (!k && str_eq(member->key, STR("nullable"))) return schema_refuse(s, "\"nullable\" of OpenAPI 3.0 (say \"type\": [..., \"null\"])");
        if (!k) return err_set(s->e, ERR_NOT_BUILT, "the keyword \"%.*s\" is not supported", STR_ARG(member->key));
        if (json_get(j, member->key) != member)
            return err_set(s->e, ERR_INVALID, "\"%.*s\" is there twice", STR_ARG(member->key));
        out->types |= k->types;
        out->has_exception |= str_eq(k->name, STR("not")) || str_eq(k->name, schema_also);
        out->is_literal |= k->kind == KEYWORD_IS_LITERAL;
        out->has_type |= str_eq(k->name, STR("type"));
        out->constrains |= k->kind != KEYWORD_ANNOTATES;
    }
    json_each (part, json_get(j, schema_also))
        json_each (member, part)
            if ((k = keyword_named(member->key))) out->types |= k->types;
    return true;
}

bool schema_count(struct schema *s, const struct json *j, const char *name, uint32_t *out)
{
    enum { COUNT_MAX = 1 << 24 };
    int64_t n;
    const struct json *v = json_get(j, str_c(name));
    if (!v) return true;
    if (!json_int(v, &n) || n < 0) return err_set(s->e, ERR_INVALID, "\"%s\" must be a number from 0", name);
    *out = n < COUNT_MAX ? (uint32_t)n : COUNT_MAX; /* more is refused when it is unrolled */
    if (n > COUNT_MAX && str_starts(str_c(name), STR("max"))) *out = REPEAT_NO_MAX;
    return true;
}

/* ------------------------------------------------------------------ reading */

/* What stays the same when a schema is shared: merging makes new heads. */
static const struct json *identity(const struct json *j)
{
    return json_first(j) ? json_first(j) : j;
}

/* Open addressing: where it stands, or would. */
static uint32_t *known_slot(struct schema *s, const struct json *of)
{
    size_t mask = 2 * s->knowns_room - 1, at = ((uintptr_t)identity(of) / sizeof *of * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (s->slot[at] && identity(s->known[s->slot[at] - 1].of) != identity(of)) at = (at + 1) & mask;
    return &s->slot[at];
}

static void known_make_room(struct schema *s)
{
    s->knowns_room = s->knowns_room ? 2 * s->knowns_room : 16;
    s->known = mem_grow(s->known, s->knowns_room * sizeof *s->known);
    mem_free(s->slot);
    s->slot = mem_alloc(2 * s->knowns_room * sizeof *s->slot);
    for (uint32_t i = 0; i < s->knowns; i++) *known_slot(s, s->known[i].of) = i + 1;
}

/* The rule of what a schema says, which is read later: so schemas may refer to themselves.  reference: for messages; may be empty. */
static struct expr *rule_of(struct schema *s, const struct json *j, str reference)
{
    if (s->knowns == s->knowns_room) known_make_room(s);
    uint32_t *slot = known_slot(s, j);
    if (*slot) return expr_rule(&s->b, s->known[*slot - 1].rule);
    uint32_t rule = grammar_rule_new(&s->b, STR("$ref"));
    s->known[s->knowns++] = (struct known){ j, rule, reference };
    *slot = (uint32_t)s->knowns;
    return expr_rule(&s->b, rule);
}

/* Which values other keywords leave. */
struct filter {
    const struct json *schema;
    unsigned types, spoken_of;
    struct schema_not not;
    struct texts texts;
    struct language language; /* of texts, where they have parts */
};

static bool filter_init(struct schema *s, const struct json *j, unsigned spoken_of, struct filter *f)
{
    const struct json *type = json_get(j, STR("type"));
    *f = (struct filter){ .schema = j, .types = type ? schema_types_of(type) : TYPE_ALL, .spoken_of = spoken_of, .texts.max = REPEAT_NO_MAX };
    if (!schema_exceptions(s, j, &f->not) || !schema_texts_of(s, j, &f->texts)) return false;
    struct texts parts = f->texts; /* without the length, which needs no automaton */
    parts.min = 0, parts.max = REPEAT_NO_MAX;
    return !parts.parts || schema_language(s, &parts, &f->language);
}

static bool is_left(struct schema *s, const struct filter *f, const struct json *v, bool *left)
{
    unsigned type = schema_type_of_value(v);
    *left = type & f->types;
    for (size_t i = 0; i < f->not.values && *left; i++) *left = !schema_values_equal(v, f->not.value[i]);
    if (!*left || !(type & (f->spoken_of | TYPE_STRING | TYPE_NUMBER))) return true;
    if (type & TYPE_NUMBER) return schema_allows_number(s, f->schema, v, left);
    if (type != TYPE_STRING) return schema_refuse(s, "\"enum\" or \"const\" with lists or objects, together with keywords that speak of their parts");
    uint32_t c, n = 0;
    for (str rest = v->s; rest.n && n != REPEAT_NO_MAX; rest = str_from(rest, str_utf8_decode(rest, &c))) n++;
    *left = n >= f->texts.min && n <= f->texts.max && (!f->texts.parts || schema_takes(&f->language, v->s));
    return true;
}

bool schema_values_left(struct schema *s, const struct json *j, const struct json ***value, size_t *n)
{
    const struct json *constant = json_get(j, STR("const")), *list = json_get(j, STR("enum"));
    struct outline o;
    struct filter f;
    bool left;
    if (list && list->type != JSON_ARRAY) return err_set(s->e, ERR_INVALID, "\"enum\" must be a list");
    if (!schema_is_simple(j, schema_types_of(j) == TYPE_STRING)) return schema_refuse(s, "\"enum\" or \"const\" here, together with \"not\", \"if\", or branches");
    bool ok = outline(s, j, &o) && filter_init(s, j, o.types, &f);
    *value = arena_alloc(s->b.a, (list ? list->count : 1) * sizeof **value);
    *n = 0;
    for (const struct json *v = list ? json_first(list) : constant; v && ok; v = list ? v->next : NULL) {
        ok = is_left(s, &f, v, &left);
        if (ok && left && (!constant || schema_values_equal(v, constant))) (*value)[(*n)++] = v;
    }
    automaton_free(&f.language.automaton);
    return ok;
}

static bool read_literal(struct schema *s, const struct json *j, struct expr **out)
{
    const struct json **value;
    size_t n;
    if (!schema_values_left(s, j, &value, &n)) return false;
    *out = expr_choice(&s->b);
    for (size_t i = 0; i < n; i++) expr_add(*out, schema_value(s, value[i]));
    return true;
}

/* A branch of oneOf together with that the others do not hold, as far as they are not plainly disjoint. */
static bool without_others(struct schema *s, const struct json *list, const struct json *item, const struct json **out)
{
    struct err ignored, *kept = s->e;
    *out = item;
    json_each (other, list) {
        if (other == item || schema_are_disjoint(s, item, other, 0)) continue;
        s->e = &ignored;
        bool ok = schema_negate(s, other, json_new(s->b.a, JSON_ARRAY));
        s->e = kept;
        if (!ok)
            return schema_refuse(s, "\"oneOf\" whose branches are not plainly disjoint (by type, by const or enum, or by such a required property; "
                                    "anyOf needs none of that), and do not say when they do not hold,");
        *out = schema_both_of(s, *out, schema_not(s, other));
    }
    return true;
}

/* anyOf and oneOf: each branch together with what stands beside them. */
static bool read_branches(struct schema *s, const struct json *j, const char *keyword, size_t depth, struct expr **out)
{
    const struct json *list = json_get(j, str_c(keyword));
    struct expr *choice = expr_choice(&s->b), *branch;
    struct json *rest = json_new(s->b.a, JSON_OBJECT), *both;
    struct outline o;
    if (!json_is(list, JSON_ARRAY) || !list->first)
        return err_set(s->e, ERR_INVALID, "\"%s\" must be a list of schemas", keyword);
    json_each (member, j)
        if (!str_eq(member->key, str_c(keyword)) && !schema_is_annotation(member->key))
            json_put(rest, member->key, json_share(s->b.a, member));
    if (!outline(s, rest, &o)) return false;
    json_each (item, list) {
        const struct json *one = item;
        if (str_eq(str_c(keyword), STR("oneOf")) && !without_others(s, list, item, &one)) return false;
        if (!o.constrains) {
            if (!schema_read(s, one, depth + 1, &branch)) return schema_in(s, str_c(keyword));
        } else if (!schema_merge(s, rest, one, 0, &both) || !schema_read(s, both, depth + 1, &branch)) {
            return schema_in(s, str_c(keyword));
        }
        expr_add(choice, branch);
    }
    *out = choice;
    return true;
}

static bool is_excepted(const struct schema_not *not, enum json_type type, bool b)
{
    bool found = false;
    for (size_t i = 0; i < not->values; i++) found |= not->value[i]->type == type && (type != JSON_BOOL || not->value[i]->b == b);
    return found;
}

static bool read_types(struct schema *s, const struct json *j, unsigned types, size_t depth, struct expr **out)
{
    struct expr *choice = expr_choice(&s->b), *one;
    struct schema_not not;
    if (!schema_exceptions(s, j, &not)) return false;
    if (((types & TYPE_OBJECT) && is_excepted(&not, JSON_OBJECT, false)) || ((types & TYPE_ARRAY) && is_excepted(&not, JSON_ARRAY, false)))
        return schema_refuse(s, "\"not\" around a certain list or object");
    if (types & TYPE_OBJECT) {
        if (!schema_read_object(s, j, depth, &one)) return false;
        expr_add(choice, one);
    }
    if (types & TYPE_ARRAY) {
        if (!schema_read_array(s, j, depth, &one)) return false;
        expr_add(choice, one);
    }
    if (types & TYPE_STRING) {
        if (!schema_read_string(s, j, &one)) return false;
        expr_add(choice, one);
    }
    if (types & TYPE_NUMBER) {
        if (!schema_read_number(s, j, types & TYPE_NUMBER, &one)) return false;
        expr_add(choice, one);
    }
    if ((types & TYPE_BOOLEAN) && !is_excepted(&not, JSON_BOOL, true)) expr_add(choice, expr_text(&s->b, STR("true")));
    if ((types & TYPE_BOOLEAN) && !is_excepted(&not, JSON_BOOL, false)) expr_add(choice, expr_text(&s->b, STR("false")));
    if ((types & TYPE_NULL) && !is_excepted(&not, JSON_NULL, false)) expr_add(choice, expr_text(&s->b, STR("null")));
    *out = choice;
    return true;
}

/* Any of the choices, each together with the rest. */
static bool read_choices(struct schema *s, const struct json *rest, const struct json *choices, size_t depth, struct expr **out)
{
    struct expr *choice = expr_choice(&s->b), *one;
    json_each (c, choices) {
        if (!schema_read(s, schema_both_of(s, rest, c), depth + 1, &one)) return false;
        expr_add(choice, one);
    }
    *out = choice;
    return true;
}

/* A schema that stands by itself: its keywords are those of one object. */
static bool read_plain(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    struct outline o;
    struct json *flat;
    const struct json *type = json_get(j, STR("type"));
    if (!outline(s, j, &o)) return false;
    if (json_get(j, STR("$ref")) || json_get(j, STR("allOf")))
        return schema_flatten(s, j, 0, &flat) && schema_read(s, flat, depth + 1, out);
    *out = expr_choice(&s->b);
    if (json_is(type, JSON_ARRAY) && !type->first) return true; /* what merging types that exclude each other leaves */
    struct json *rest, *choices;
    if (!schema_choices(s, j, &rest, &choices)) return schema_in(s, STR("not"));
    if (choices) return read_choices(s, rest, choices, depth, out);
    if (json_get(j, STR("anyOf"))) return read_branches(s, j, "anyOf", depth, out);
    if (json_get(j, STR("oneOf"))) return read_branches(s, j, "oneOf", depth, out);
    if (o.is_literal) return read_literal(s, j, out);
    if (!o.constrains) {
        *out = schema_builtin(s, BUILTIN_VALUE);
        return true;
    }
    if (!o.has_type && !o.types && o.has_exception) { /* anything but that */
        json_put(rest, STR("additionalProperties"), json_new_bool(s->b.a, true));
        return read_types(s, rest, TYPE_ALL, depth, out);
    }
    unsigned types = o.has_type ? schema_types_of(type) : o.types;
    if (o.has_type && !types)
        return err_set(s->e, ERR_INVALID, "\"type\" must be null, boolean, integer, number, string, array or object, or a list of these");
    return read_types(s, j, types, depth, out);
}

bool schema_read(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    const struct json *reference = json_get(j, STR("$ref")), *target;
    if (depth > GRAMMAR_NESTING_MAX)
        return err_set(s->e, ERR_TOO_LARGE, "schemas are nested more than %d deep, or a branch of one is the schema itself", GRAMMAR_NESTING_MAX);
    *out = expr_choice(&s->b);
    if (s->b.failed) return true; /* grammar_build() says so */
    if (json_is(j, JSON_BOOL)) {
        if (j->b) *out = schema_builtin(s, BUILTIN_VALUE);
        return true;
    }
    if (!json_is(j, JSON_OBJECT)) return err_set(s->e, ERR_INVALID, "a schema must be an object, true or false");
    bool alone = reference != NULL;
    json_each (member, j)
        if (member != reference && !schema_is_annotation(member->key)) alone = false;
    if (alone) {
        if (reference->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"$ref\" must be a string");
        if (!schema_resolve(s, reference->s, &target)) return false;
        *out = rule_of(s, target, reference->s);
        return true;
    }
    /* What is merged may hold itself, by way of a reference: it gets a rule, too. */
    if (reference || json_get(j, STR("allOf"))) {
        *out = rule_of(s, j, (str){ 0 });
        return true;
    }
    return read_plain(s, j, depth, out);
}

bool schema_whole(struct schema *s, const struct json *root, const struct json *j, struct expr **out)
{
    s->root = root;
    *out = rule_of(s, j, (str){ 0 });
    for (; s->done < s->knowns && !s->b.failed; s->done++) {
        struct known k = s->known[s->done];
        struct expr *body;
        bool merged = json_is(k.of, JSON_OBJECT) && (json_get(k.of, STR("$ref")) || json_get(k.of, STR("allOf")));
        if (merged ? !read_plain(s, k.of, 0, &body) : !schema_read(s, k.of, 0, &body))
            return schema_in(s, k.reference);
        if (!s->b.failed) s->b.rule[k.rule].body = body;
    }
    return true;
}

static bool compile(struct schema *s, const struct json *schema, struct grammar **out)
{
    struct expr *whole;
    uint32_t root = grammar_rule_new(&s->b, STR("root"));
    s->b.json_text = true;
    if (!schema_whole(s, schema, schema, &whole)) return err_context(s->e, "JSON schema");
    s->b.rule[root].body = whole;
    return grammar_build(&s->b, out, s->e) || err_context(s->e, "JSON schema");
}

bool schema_init(struct schema *s, size_t source_bytes, struct err *e)
{
    *s = (struct schema){ .e = e, .work_left = WORK_MAX };
    return grammar_builder_init(&s->b, source_bytes, e);
}

void schema_deinit(struct schema *s)
{
    mem_free(s->known);
    mem_free(s->slot);
    mem_free(s->index);
    grammar_builder_deinit(&s->b);
}

bool grammar_from_json_schema(str text, struct grammar **out, struct err *e)
{
    struct schema s;
    struct json *j;
    if (text.n > GRAMMAR_SOURCE_MAX)
        return err_set(e, ERR_TOO_LARGE, "a JSON schema may have %d bytes", GRAMMAR_SOURCE_MAX);
    if (!schema_init(&s, text.n, e)) return false;
    struct arena *a = arena_new(SCHEMA_JSON_BYTES_MAX);
    bool ok = json_parse(text, a, &j, e) ? compile(&s, j, out) : err_context(e, "JSON schema");
    arena_free(a);
    schema_deinit(&s);
    return ok;
}

bool grammar_from_json_object(struct grammar **out, struct err *e)
{
    return grammar_from_json_schema(STR("{\"type\": \"object\", \"additionalProperties\": true}"), out, e);
}
