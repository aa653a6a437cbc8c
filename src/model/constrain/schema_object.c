/* model/constrain/schema_object.c - objects of a JSON schema.
 *
 * Members come in one order: those that are named, then any others.  Names that patterns speak of are others; each set of
 * patterns that a name may match is a kind of member of its own. */
#include <stdlib.h>

#include "model/constrain/schema_priv.h"

enum { EXCLUDED_LENGTH_MAX = 256, PROPERTIES_MAX = GRAMMAR_RULES_MAX / 3, PATTERNS_MAX = 4 };

struct object {
    struct schema_member *member;
    size_t members;
    const struct json *additional; /* NULL: none are generated */
    const struct json *pattern[PATTERNS_MAX]; /* of patternProperties */
    struct language matches[PATTERNS_MAX];
    size_t patterns;
    bool has_names; /* propertyNames */
    const struct json **name;
    size_t names;        /* these alone, if `name` is there */
    struct texts texts;  /* or such */
    struct language language;
};

/* ------------------------------------------------------------------ names that are none of those named */

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

/* What stands between the quotes. */
static bool read_other_name(struct schema *s, const struct object *o, const struct texts *asked, struct expr **out)
{
    str *key = arena_alloc(s->b.a, (o->members + 1) * sizeof *key);
    for (size_t i = 0; i < o->members; i++) {
        key[i] = o->member[i].name;
        if (key[i].n > EXCLUDED_LENGTH_MAX) return schema_refuse(s, "\"additionalProperties\" beside a property with a name of more than 256 bytes");
    }
    if (asked) {
        struct texts t = *asked;
        return schema_add_names(s, &t, key, o->members) && schema_text(s, &t, out);
    }
    qsort(key, o->members, sizeof *key, by_name);
    *out = other_key(s, key, o->members, 0);
    return true;
}

static bool add_other(struct schema *s, const struct object *o, const struct texts *name, const struct json *schema, size_t depth, struct expr *choice)
{
    struct expr *x = expr_sequence(&s->b), *inside, *value;
    if (!read_other_name(s, o, name, &inside)) return false;
    if (!schema_read(s, schema, depth + 1, &value)) return schema_in(s, STR("additionalProperties"));
    expr_add(x, expr_text(&s->b, STR("\"")));
    expr_add(x, inside);
    expr_add(x, expr_text(&s->b, STR("\":")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, value);
    expr_add(choice, x);
    return true;
}

/* The rule of one other member; 0: there is none. */
static bool read_others(struct schema *s, const struct object *o, size_t depth, uint32_t *rule)
{
    struct expr *choice = expr_choice(&s->b);
    *rule = 0;
    if ((!o->additional && !o->patterns) || (o->has_names && o->name)) return true;
    for (unsigned of = 0; of < 1u << o->patterns; of++) { /* names that match these patterns and no others */
        struct texts t = o->texts;
        const struct json *schema = of ? NULL : o->additional;
        for (size_t i = 0; i < o->patterns; i++) {
            bool matches = of >> i & 1;
            if (!schema_add_pattern(s, &t, o->pattern[i]->key, !matches)) return false;
            if (matches) schema = schema ? schema_both_of(s, schema, o->pattern[i]) : o->pattern[i];
        }
        if (schema && !add_other(s, o, o->patterns || o->has_names ? &t : NULL, schema, depth, choice)) return false;
    }
    *rule = grammar_rule_new(&s->b, STR("additional"));
    if (!s->b.failed) s->b.rule[*rule].body = choice;
    return true;
}

/* ------------------------------------------------------------------ members in their order */

/* Behind `count` members, others: their names may be the same, so they count as one where there must be many. */
static struct expr *others_after(struct schema *s, uint32_t other, uint32_t count, uint32_t min, uint32_t max)
{
    uint32_t more_min = min > count ? min - count : 0, more_max = max == REPEAT_NO_MAX ? max : max - count;
    if (more_min > 1 || (more_min && !other)) return expr_choice(&s->b);
    if (!other || !more_max) return expr_sequence(&s->b);
    struct expr *after = expr_sequence(&s->b), *some = expr_sequence(&s->b);
    expr_add(after, schema_comma(s));
    expr_add(after, expr_rule(&s->b, other));
    if (count) return expr_repeat(&s->b, after, more_min, more_max);
    expr_add(some, expr_rule(&s->b, other));
    expr_add(some, expr_repeat(&s->b, after, 0, more_max == REPEAT_NO_MAX ? more_max : more_max - 1));
    return more_min ? some : expr_repeat(&s->b, some, 0, 1);
}

/* A rule for each place and number of members before it, as far as that matters: the comma does. */
struct expr *schema_in_order(struct schema *s, const struct schema_member *member, size_t n, uint32_t min, uint32_t max, uint32_t other)
{
    if (!other && max >= n) max = REPEAT_NO_MAX;
    const uint32_t counted = max != REPEAT_NO_MAX ? max : min > 1 ? min : 1;
    const uint32_t most = counted < n ? counted : (uint32_t)n;
    if (most > GRAMMAR_RULES_MAX) s->b.failed = "it has too many rules"; /* before there is memory for them */
    if (s->b.failed) return expr_choice(&s->b);
    uint32_t *here = mem_alloc((most + 1) * sizeof *here), *next = mem_alloc((most + 1) * sizeof *next);
    for (size_t i = n + 1; i-- > 0 && !s->b.failed;) {
        for (uint32_t count = 0; count <= most && count <= i && !s->b.failed; count++) {
            here[count] = grammar_rule_new(&s->b, i < n ? member[i].name : STR("others"));
            struct expr *choice = expr_choice(&s->b);
            if (i == n) {
                choice = others_after(s, other, count, min, max);
            } else {
                if (!member[i].required) expr_add(choice, expr_rule(&s->b, next[count]));
                if (count < max) {
                    struct expr *with = expr_sequence(&s->b);
                    if (count) expr_add(with, schema_comma(s));
                    expr_add(with, expr_rule(&s->b, member[i].rule));
                    expr_add(with, expr_rule(&s->b, next[count < most ? count + 1 : count]));
                    expr_add(choice, with);
                }
            }
            if (!s->b.failed) s->b.rule[here[count]].body = choice;
        }
        uint32_t *swap = here;
        here = next, next = swap;
    }
    struct expr *x = expr_rule(&s->b, next[0]);
    mem_free(here);
    mem_free(next);
    return x;
}

/* ------------------------------------------------------------------ what is asked for */

static bool read_patterns(struct schema *s, const struct json *patterns, struct object *o)
{
    if (patterns && patterns->type != JSON_OBJECT) return err_set(s->e, ERR_INVALID, "\"patternProperties\" must be an object");
    json_each (p, patterns) {
        struct texts t = { .max = REPEAT_NO_MAX };
        if (o->patterns == PATTERNS_MAX) return schema_refuse(s, "\"patternProperties\" with more than 4 patterns");
        o->pattern[o->patterns] = p;
        if (!schema_add_pattern(s, &t, p->key, false) || !schema_language(s, &t, &o->matches[o->patterns++])) return schema_in(s, p->key);
    }
    return true;
}

static bool read_names(struct schema *s, const struct json *names, struct object *o)
{
    static const str spoken[] = { STR_INIT("type"), STR_INIT("const"), STR_INIT("enum"), STR_INIT("pattern"), STR_INIT("format"),
                                  STR_INIT("minLength"), STR_INIT("maxLength"), STR_INIT("not") };
    struct json *flat;
    if (!names || (names->type == JSON_BOOL && names->b)) return true;
    if (!schema_flatten(s, names, 0, &flat)) return false;
    o->has_names = true;
    o->name = arena_alloc(s->b.a, sizeof *o->name);
    if (flat->type == JSON_BOOL) return !(flat->b && (o->has_names = false, o->name = NULL));
    if (!schema_is_simple(flat, true)) return schema_refuse(s, "\"propertyNames\" with branches or conditions");
    json_each (k, flat) {
        bool known = schema_is_annotation(k->key) || k->key.p == schema_also.p;
        for (size_t i = 0; i < COUNT(spoken) && !known; i++) known = str_eq(spoken[i], k->key);
        if (!known) return err_set(s->e, ERR_NOT_BUILT, "\"propertyNames\" with \"%.*s\" is not supported", STR_ARG(k->key));
    }
    if (json_get(flat, STR("const")) || json_get(flat, STR("enum"))) return schema_values_left(s, flat, &o->name, &o->names);
    const struct json *type = json_get(flat, STR("type"));
    if (type && !(schema_types_of(type) & TYPE_STRING)) return true; /* there is no such name */
    o->name = NULL;
    return schema_texts_of(s, flat, &o->texts) && schema_language(s, &o->texts, &o->language);
}

static bool may_be_named(const struct object *o, str name)
{
    if (!o->has_names) return true;
    if (!o->name) return schema_takes(&o->language, name);
    for (size_t i = 0; i < o->names; i++)
        if (o->name[i]->type == JSON_STRING && str_eq(o->name[i]->s, name)) return true;
    return false;
}

/* own: what `properties` says of it, or NULL. */
static void add_member(struct schema *s, struct object *o, str name, const struct json *own)
{
    const struct json *schema = own;
    for (size_t i = 0; i < o->patterns; i++)
        if (schema_takes(&o->matches[i], name)) schema = schema ? schema_both_of(s, schema, o->pattern[i]) : o->pattern[i];
    if (!schema) schema = o->additional;
    if (!may_be_named(o, name)) schema = json_new_bool(s->b.a, false);
    o->member[o->members++] = (struct schema_member){ .name = name, .schema = schema };
}

static size_t find_member(const struct object *o, str name)
{
    size_t i = 0;
    while (i < o->members && !str_eq(o->member[i].name, name)) i++;
    return i;
}

static bool list_members(struct schema *s, const struct json *j, struct object *o)
{
    const struct json *properties = json_get(j, STR("properties")), *required = json_get(j, STR("required"));
    const struct json *additional = json_get(j, STR("additionalProperties"));
    if (properties && properties->type != JSON_OBJECT)
        return err_set(s->e, ERR_INVALID, "\"properties\" must be an object");
    if (required && required->type != JSON_ARRAY)
        return err_set(s->e, ERR_INVALID, "\"required\" must be a list of names");
    size_t room = (properties ? properties->count : 0) + (required ? required->count : 0) + o->names;
    if (room > PROPERTIES_MAX) return err_set(s->e, ERR_TOO_LARGE, "an object may have %d properties", PROPERTIES_MAX);
    o->member = arena_alloc(s->b.a, (room + 1) * sizeof *o->member);
    o->additional = additional;
    json_each (p, properties) {
        if (json_get(properties, p->key) != p)
            return err_set(s->e, ERR_INVALID, "the property \"%.*s\" is there twice", STR_ARG(p->key));
        add_member(s, o, p->key, p);
    }
    json_each (name, required) {
        if (name->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"required\" must be a list of names");
        size_t i = find_member(o, name->s);
        if (i == o->members) add_member(s, o, name->s, NULL);
        o->member[i].required = true;
    }
    if (json_is(additional, JSON_BOOL) && !additional->b) o->additional = NULL;
    for (size_t i = 0; i < o->names && (o->additional || o->patterns); i++)
        if (o->name[i]->type == JSON_STRING && find_member(o, o->name[i]->s) == o->members)
            add_member(s, o, o->name[i]->s, o->additional ? NULL : json_new_bool(s->b.a, false));
    return true;
}

static bool read_member(struct schema *s, struct schema_member *m, size_t depth)
{
    struct expr *x = expr_sequence(&s->b), *value;
    if (!m->schema) value = schema_builtin(s, BUILTIN_VALUE);
    else if (!schema_read(s, m->schema, depth + 1, &value)) return schema_in(s, m->name);
    expr_add(x, schema_string(s, m->name));
    expr_add(x, expr_text(&s->b, STR(":")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, value);
    m->rule = grammar_rule_new(&s->b, m->name);
    if (!s->b.failed) s->b.rule[m->rule].body = x;
    return true;
}

static bool read_object(struct schema *s, const struct json *j, struct object *o, size_t depth, struct expr **out)
{
    uint32_t min = 0, max = REPEAT_NO_MAX, other;
    if (!read_patterns(s, json_get(j, STR("patternProperties")), o) || !read_names(s, json_get(j, STR("propertyNames")), o) ||
        !list_members(s, j, o) || !schema_count(s, j, "minProperties", &min) || !schema_count(s, j, "maxProperties", &max))
        return false;
    for (size_t i = 0; i < o->members && !s->b.failed; i++)
        if (!read_member(s, &o->member[i], depth)) return false;
    if (!read_others(s, o, depth, &other)) return false;
    if (other && min > o->members + 1)
        return schema_refuse(s, "\"minProperties\" above 1 of members that may have any name (their names cannot be held apart: a list of pairs has no such bound)");
    *out = expr_sequence(&s->b);
    expr_add(*out, expr_text(&s->b, STR("{")));
    expr_add(*out, schema_builtin(s, BUILTIN_SPACE));
    expr_add(*out, min > max ? expr_choice(&s->b) : schema_in_order(s, o->member, o->members, min, max, other));
    expr_add(*out, schema_builtin(s, BUILTIN_SPACE));
    expr_add(*out, expr_text(&s->b, STR("}")));
    return true;
}

bool schema_read_object(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    struct object *o = mem_one(struct object);
    o->texts.max = REPEAT_NO_MAX;
    bool ok = read_object(s, j, o, depth, out);
    automaton_free(&o->language.automaton);
    for (size_t i = 0; i < o->patterns; i++) automaton_free(&o->matches[i].automaton);
    mem_free(o);
    return ok;
}
