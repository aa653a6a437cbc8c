/* model/constrain/schema_array.c - arrays of a JSON schema.
 *
 * That items are unique can be seen to where there are few that they can be: then each stands for itself. */
#include "model/constrain/schema_priv.h"

enum {
    PREFIX_ITEMS_MAX = 256,
    UNIQUE_MAX = 1024,  /* values */
    UNIQUE_ANY_ORDER = 8, /* values that may come in any order: a rule for each set of them */
};

/* What follows `before` items: at least min and at most max more, all of this rule. */
static struct expr *more_items(struct schema *s, uint32_t rule, bool any_before, uint32_t min, uint32_t max)
{
    struct expr *item = expr_sequence(&s->b), *x = expr_sequence(&s->b);
    expr_add(item, schema_comma(s));
    expr_add(item, expr_rule(&s->b, rule));
    if (any_before) return expr_repeat(&s->b, item, min, max);
    if (max == 0) return x;
    expr_add(x, expr_rule(&s->b, rule));
    expr_add(x, expr_repeat(&s->b, item, min ? min - 1 : 0, max == REPEAT_NO_MAX ? max : max - 1));
    return min ? x : expr_repeat(&s->b, x, 0, 1);
}

static struct expr *in_brackets(struct schema *s, struct expr *items)
{
    struct expr *x = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, STR("[")));
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, items);
    expr_add(x, schema_builtin(s, BUILTIN_SPACE));
    expr_add(x, expr_text(&s->b, STR("]")));
    return x;
}

/* ------------------------------------------------------------------ unique items */

struct values {
    const struct json *value[UNIQUE_MAX];
    size_t n, visits;
};

static bool add_value(struct values *v, const struct json *value)
{
    for (size_t i = 0; i < v->n; i++)
        if (schema_values_equal(v->value[i], value)) return true;
    if (v->n == UNIQUE_MAX) return false;
    v->value[v->n++] = value;
    return true;
}

/* The values that a schema leaves, where it names them; false: it does not, or they are too many. */
static bool values_of(struct schema *s, const struct json *j, struct values *out)
{
    struct json *flat, *few = json_new(s->b.a, JSON_ARRAY);
    const struct json **left;
    size_t n;
    if (out->visits++ == UNIQUE_MAX || !schema_flatten(s, j, 0, &flat) || flat->type != JSON_OBJECT) return false;
    const struct json *branches = json_get(flat, STR("anyOf")), *type = json_get(flat, STR("type"));
    bool others = false; /* keywords */
    json_each (k, flat) others |= k != branches && k != type && !schema_is_annotation(k->key);
    if (branches) {
        json_each (branch, branches)
            if (others || type || !values_of(s, branch, out)) return false;
        return true;
    }
    if (json_get(flat, STR("const")) || json_get(flat, STR("enum"))) {
        if (!schema_values_left(s, flat, &left, &n)) return false;
        for (size_t i = 0; i < n; i++)
            if (!add_value(out, left[i])) return false;
        return true;
    }
    unsigned types = schema_types_of(type);
    if (others || !type || !types || (types & ~(unsigned)(TYPE_NULL | TYPE_BOOLEAN))) return false;
    if (types & TYPE_NULL) json_add(few, json_new(s->b.a, JSON_NULL));
    for (int b = 0; b < 2 && (types & TYPE_BOOLEAN); b++) json_add(few, json_new_bool(s->b.a, b));
    json_each (value, few)
        if (!add_value(out, value)) return false;
    return true;
}

/* After those of the set `used`, others, until there are enough. */
static struct expr *unused(struct schema *s, const uint32_t *value, size_t n, uint32_t first_rule, uint32_t used, uint32_t min, uint32_t max)
{
    struct expr *choice = expr_choice(&s->b);
    uint32_t count = (uint32_t)__builtin_popcount(used);
    if (count >= min) expr_add(choice, expr_sequence(&s->b));
    for (size_t i = 0; i < n && count < max; i++) {
        if (used >> i & 1) continue;
        struct expr *x = expr_sequence(&s->b);
        if (used) expr_add(x, schema_comma(s));
        expr_add(x, expr_rule(&s->b, value[i]));
        expr_add(x, expr_rule(&s->b, first_rule + (used | 1u << i)));
        expr_add(choice, x);
    }
    return choice;
}

static bool in_any_order(struct schema *s, const uint32_t *value, size_t n, uint32_t min, uint32_t max, struct expr **out)
{
    uint32_t first = s->b.rules, sets = 1u << n;
    for (uint32_t i = 0; i < sets; i++) grammar_rule_new(&s->b, STR("uniqueItems"));
    for (uint32_t i = 0; i < sets && !s->b.failed; i++) s->b.rule[first + i].body = unused(s, value, n, first, i, min, max);
    *out = expr_rule(&s->b, first);
    return true;
}

static bool read_unique(struct schema *s, const struct json *items, uint32_t min, uint32_t max, struct expr **out)
{
    struct values *v = arena_one(s->b.a, struct values);
    struct err ignored, *kept = s->e;
    s->e = &ignored;
    bool named = items && values_of(s, items, v);
    s->e = kept;
    if (!named)
        return schema_refuse(s, "\"uniqueItems\" where \"items\" is not an enum, a const, boolean or null (leave it out, and take out what is there twice afterwards)");
    if (max > v->n) max = (uint32_t)v->n;
    uint32_t *rule = arena_alloc(s->b.a, (v->n + 1) * sizeof *rule);
    for (size_t i = 0; i < v->n && !s->b.failed; i++) {
        rule[i] = grammar_rule_new(&s->b, STR("uniqueItems"));
        struct expr *value = schema_value(s, v->value[i]);
        if (!s->b.failed) s->b.rule[rule[i]].body = value;
    }
    if (v->n <= UNIQUE_ANY_ORDER) return in_any_order(s, rule, v->n, min, max, out);
    struct schema_member *member = arena_alloc(s->b.a, v->n * sizeof *member);
    for (size_t i = 0; i < v->n; i++) member[i] = (struct schema_member){ .name = STR("uniqueItems"), .rule = rule[i] };
    *out = schema_in_order(s, member, v->n, min, max, 0);
    return true;
}

/* ------------------------------------------------------------------ arrays */

bool schema_read_array(struct schema *s, const struct json *j, size_t depth, struct expr **out)
{
    const struct json *prefix = json_get(j, STR("prefixItems")), *items = json_get(j, STR("items")),
                      *unique = json_get(j, STR("uniqueItems"));
    uint32_t min = 0, max = REPEAT_NO_MAX, fixed = 0;
    struct expr *value, *first[PREFIX_ITEMS_MAX], *rest = expr_sequence(&s->b);
    if (!schema_count(s, j, "minItems", &min) || !schema_count(s, j, "maxItems", &max)) return false;
    if (unique && unique->type != JSON_BOOL) return err_set(s->e, ERR_INVALID, "\"uniqueItems\" must be true or false");
    if (prefix && prefix->type != JSON_ARRAY)
        return err_set(s->e, ERR_INVALID, "\"prefixItems\" must be a list of schemas");
    if (json_is(items, JSON_ARRAY)) { /* drafts before 2020-12 */
        if (prefix) return schema_refuse(s, "a list in \"items\" beside \"prefixItems\"");
        prefix = items;
        items = json_get(j, STR("additionalItems"));
    }
    *out = expr_choice(&s->b);
    if (max < min) return true; /* there is none */
    if (unique && unique->b && max > 1) {
        if (prefix) return schema_refuse(s, "\"uniqueItems\" together with \"prefixItems\"");
        if (!read_unique(s, items, min, max, &rest)) return false;
        *out = in_brackets(s, rest);
        return true;
    }
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
        if (i) expr_add(x, schema_comma(s));
        expr_add(x, first[i]);
        expr_add(x, rest);
        rest = i < min ? x : expr_repeat(&s->b, x, 0, 1);
    }
    *out = in_brackets(s, rest);
    return true;
}
