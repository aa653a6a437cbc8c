/* model/constrain/schema_merge.c - references, and schemas that hold together.
 *
 * allOf, and what stands beside a $ref or an anyOf, become one schema by merging keyword for keyword.  Where two
 * keywords cannot be one, the schema is refused. */
#include <math.h>
#include <string.h>

#include "model/constrain/schema_priv.h"

enum { MERGE_DEPTH_MAX = 32, MERGE_MEMBERS_MAX = 4096 /* each is looked up among the others */, DISJOINT_DEPTH_MAX = 4, COMPARED_MAX = 1 << 26, PAIRS_MAX = 64, POINTER_BYTES_MAX = 4096, MEMBERS_INDEXED = 64 };

/* ------------------------------------------------------------------ references */

/* One step of a JSON pointer: %xx first, then ~1 and ~0. */
static str unescape(struct schema *s, str piece)
{
    struct buf b = BUF_INIT(POINTER_BYTES_MAX);
    for (size_t i = 0; i < piece.n; i++) {
        uint64_t byte = 0;
        char c = piece.p[i];
        if (c == '%' && i + 2 < piece.n) {
            for (size_t k = 1; k <= 2; k++) {
                char d = piece.p[i + k];
                byte = byte * 16 + (uint64_t)(d >= '0' && d <= '9'                 ? d - '0'
                                              : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10
                                                                                   : 0);
            }
            c = (char)byte;
            i += 2;
        }
        buf_byte(&b, c);
    }
    struct buf out = BUF_INIT(POINTER_BYTES_MAX);
    for (size_t i = 0; i < b.n; i++) {
        bool tilde = b.p[i] == '~' && i + 1 < b.n && (b.p[i + 1] == '0' || b.p[i + 1] == '1');
        buf_byte(&out, tilde ? (b.p[i + 1] == '0' ? '~' : '/') : b.p[i]);
        i += tilde;
    }
    str kept = arena_dup(s->b.a, buf_str(&out));
    buf_deinit(&b);
    buf_deinit(&out);
    return kept;
}

static uint64_t hash_of(str text)
{
    uint64_t h = text.n;
    for (size_t i = 0; i < text.n; i++) h = (h ^ (uint8_t)text.p[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
    return h;
}

/* json_get for what is asked of many members, one object at a time: `$defs`. */
static const struct json *member_named(struct schema *s, const struct json *object, str name)
{
    if (!json_is(object, JSON_OBJECT) || object->count < MEMBERS_INDEXED) return json_get(object, name);
    size_t slots = 4;
    while (slots < 2 * object->count) slots *= 2;
    if (s->indexed != object->first) {
        mem_free(s->index);
        s->index = mem_alloc(slots * sizeof *s->index);
        s->indexed = object->first;
        json_each (member, object) {
            size_t at = hash_of(member->key) & (slots - 1);
            while (s->index[at] && !str_eq(s->index[at]->key, member->key)) at = (at + 1) & (slots - 1);
            s->index[at] = member; /* the last of duplicates */
        }
    }
    size_t at = hash_of(name) & (slots - 1);
    while (s->index[at] && !str_eq(s->index[at]->key, name)) at = (at + 1) & (slots - 1);
    return s->index[at];
}

bool schema_resolve(struct schema *s, str reference, const struct json **out)
{
    const struct json *at = s->root;
    str rest = reference, piece;
    uint64_t index;
    if (!str_starts(reference, STR("#")) || (reference.n > 1 && reference.p[1] != '/') ||
        reference.n > POINTER_BYTES_MAX)
        return err_set(
            s->e, ERR_NOT_BUILT,
            "the reference \"%.*s\" is not supported: only those into the same schema are, like \"#/$defs/name\"",
            STR_ARG(str_to(reference, 200)));
    rest = str_from(rest, reference.n > 1 ? 2 : 1);
    while (reference.n > 1 && at && str_cut(&rest, '/', &piece)) {
        piece = unescape(s, piece);
        at = json_is(at, JSON_ARRAY) ? (str_u64(piece, &index) ? json_at(at, index) : NULL) : member_named(s, at, piece);
    }
    if (!at) return err_set(s->e, ERR_INVALID, "the reference \"%.*s\" leads nowhere", STR_ARG(str_to(reference, 200)));
    *out = at;
    return true;
}

/* ------------------------------------------------------------------ values and types */

unsigned schema_type_of_value(const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: return TYPE_NULL;
    case JSON_BOOL: return TYPE_BOOLEAN;
    case JSON_INT: return TYPE_INTEGER;
    case JSON_REAL: return v->r == floor(v->r) ? TYPE_INTEGER : TYPE_FRACTION; /* 1.0 is an integer, too */
    case JSON_STRING: return TYPE_STRING;
    case JSON_ARRAY: return TYPE_ARRAY;
    case JSON_OBJECT: return TYPE_OBJECT;
    }
    return 0;
}

/* Numbers that are no integers, which `not` may leave; nobody else can write it. */
static const str fraction = STR_INIT("fraction");

static unsigned type_named(str name)
{
    if (name.p == fraction.p) return TYPE_FRACTION;
    static const struct { str name; unsigned type; } types[] = {
        { STR_INIT("null"), TYPE_NULL },     { STR_INIT("boolean"), TYPE_BOOLEAN }, { STR_INIT("integer"), TYPE_INTEGER }, { STR_INIT("number"), TYPE_NUMBER },
        { STR_INIT("string"), TYPE_STRING }, { STR_INIT("array"), TYPE_ARRAY },     { STR_INIT("object"), TYPE_OBJECT },
    };
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eq(types[i].name, name)) return types[i].type;
    return 0;
}

/* j: the value of a `type`, or a schema. */
unsigned schema_types_of(const struct json *j)
{
    unsigned types = 0;
    if (json_is(j, JSON_STRING)) return type_named(j->s);
    if (json_is(j, JSON_ARRAY)) {
        json_each (item, j) {
            unsigned type = item->type == JSON_STRING ? type_named(item->s) : 0;
            if (!type) return 0;
            types |= type;
        }
        return types;
    }
    const struct json *type = json_get(j, STR("type")), *constant = json_get(j, STR("const")),
                      *list = json_get(j, STR("enum"));
    types = type ? schema_types_of(type) : TYPE_ALL;
    unsigned literal = 0;
    json_each (item, list) literal |= schema_type_of_value(item);
    if (constant) literal = schema_type_of_value(constant);
    if (literal & TYPE_NUMBER) literal |= TYPE_NUMBER;
    return constant || list ? types & literal : types;
}

static bool too_many(const struct json *v) { return (v->type == JSON_ARRAY || v->type == JSON_OBJECT) && v->count > MERGE_MEMBERS_MAX; }

/* Objects of very many members are taken for different. */
bool schema_values_equal(const struct json *x, const struct json *y)
{
    double a, b;
    if ((x->type == JSON_INT || x->type == JSON_REAL) && (y->type == JSON_INT || y->type == JSON_REAL)) {
        if (x->type == JSON_INT && y->type == JSON_INT) return x->i == y->i;
        a = x->type == JSON_INT ? (double)x->i : x->r;
        b = y->type == JSON_INT ? (double)y->i : y->r;
        return a == b;
    }
    if (x->type != y->type) return false;
    if (x->type == JSON_NULL) return true;
    if (x->type == JSON_BOOL) return x->b == y->b;
    if (x->type == JSON_STRING) return str_eq(x->s, y->s);
    if (x->count != y->count || (x->type == JSON_OBJECT && too_many(x))) return false;
    const struct json *other = json_first(y);
    json_each (item, x) {
        if (x->type == JSON_OBJECT) other = json_get(y, item->key);
        if (!other || !schema_values_equal(item, other)) return false;
        other = other->next;
    }
    return true;
}

/* ------------------------------------------------------------------ merging */

struct json *schema_types_value(struct schema *s, unsigned types)
{
    static const struct { const char *name; unsigned type; } names[] = {
        { "null", TYPE_NULL },     { "boolean", TYPE_BOOLEAN }, { "number", TYPE_NUMBER }, { "integer", TYPE_INTEGER },
        { "string", TYPE_STRING }, { "array", TYPE_ARRAY },     { "object", TYPE_OBJECT },
    };
    struct json *list = json_new(s->b.a, JSON_ARRAY);
    for (size_t i = 0; i < COUNT(names); i++)
        if ((types & names[i].type) == names[i].type && !(names[i].type == TYPE_INTEGER && (types & TYPE_FRACTION)))
            json_add(list, json_new_str(s->b.a, str_c(names[i].name)));
    if ((types & TYPE_NUMBER) == TYPE_FRACTION) json_add(list, json_new_str(s->b.a, fraction));
    return list;
}

static struct json *united(struct schema *s, const struct json *x, const struct json *y) /* lists of names */
{
    struct json *out = json_new(s->b.a, JSON_ARRAY);
    json_each (item, x) json_add(out, json_share(s->b.a, item));
    json_each (item, y) json_add(out, json_share(s->b.a, item));
    return out;
}

static struct json *common(struct schema *s, const struct json *x, const struct json *y) /* lists of values */
{
    struct json *out = json_new(s->b.a, JSON_ARRAY);
    json_each (item, x)
        json_each (other, y)
            if (schema_values_equal(item, other)) {
                json_add(out, json_share(s->b.a, item));
                break;
            }
    return out;
}

/* Of two objects of schemas by name; what one has no name for is its `otherwise`, if that is there. */
static struct json *merged_names(struct schema *s, const struct json *x, const struct json *x_otherwise, const struct json *y, const struct json *y_otherwise)
{
    struct json_list out = json_list_new(s->b.a, JSON_OBJECT);
    for (int side = 0; side < 2; side++) {
        const struct json *other = side ? x : y, *otherwise = side ? x_otherwise : y_otherwise;
        json_each (p, side ? y : x) {
            const struct json *theirs = json_get(other, p->key);
            if (side && theirs) continue;
            if (!theirs) theirs = otherwise;
            struct json *both = !theirs || schema_values_equal(p, theirs) ? json_share(s->b.a, p)
                                : json_is(theirs, JSON_BOOL)              ? json_share(s->b.a, theirs->b ? p : theirs)
                                                                          : schema_both_of(s, p, theirs);
            both->key = p->key;
            json_list_add(&out, both);
        }
    }
    return out.container;
}

/* The items that have schemas of their own in x or y.  `items` of the one speaks of what the other has in `prefixItems`, too. */
static struct json *merged_prefix(struct schema *s, const struct json *x, const struct json *y)
{
    struct json_list out = json_list_new(s->b.a, JSON_ARRAY);
    const struct json *p = json_first(json_get(x, STR("prefixItems"))), *q = json_first(json_get(y, STR("prefixItems")));
    const struct json *more_p = json_get(x, STR("items")), *more_q = json_get(y, STR("items"));
    for (; p || q; p = p ? p->next : NULL, q = q ? q->next : NULL) {
        const struct json *a = p ? p : more_p, *b = q ? q : more_q;
        json_list_add(&out, a && b ? schema_both_of(s, a, b) : json_share(s->b.a, a ? a : b));
    }
    return out.container;
}

static double real_of(const struct json *v)
{
    return v->type == JSON_INT ? (double)v->i : v->type == JSON_REAL ? v->r : 0;
}

static bool is_larger(const struct json *x, const struct json *y)
{
    return x->type == JSON_INT && y->type == JSON_INT ? x->i > y->i : real_of(x) > real_of(y);
}

/* One of these and one of those: one of the pairs. */
static bool cross(struct schema *s, const struct json *x, const struct json *y, struct json **out)
{
    struct json_list pairs = json_list_new(s->b.a, JSON_ARRAY);
    if (!json_is(x, JSON_ARRAY) || !json_is(y, JSON_ARRAY)) return err_set(s->e, ERR_INVALID, "\"anyOf\" and \"oneOf\" must be lists of schemas");
    if (x->count * y->count > PAIRS_MAX) return schema_refuse(s, "two \"anyOf\" or \"oneOf\" of so many branches that should hold together");
    json_each (a, x)
        json_each (b, y) json_list_add(&pairs, schema_both_of(s, a, b));
    return *out = pairs.container, true;
}

static bool merge_keyword(struct schema *s, str name, const struct json *x, const struct json *y, struct json **out)
{
    static const str lower[] = { STR_INIT("minimum"), STR_INIT("exclusiveMinimum"), STR_INIT("minLength"),
                                 STR_INIT("minItems"), STR_INIT("minProperties") };
    static const str upper[] = { STR_INIT("maximum"), STR_INIT("exclusiveMaximum"), STR_INIT("maxLength"),
                                 STR_INIT("maxItems"), STR_INIT("maxProperties") };
    *out = json_share(s->b.a, x);
    if (schema_is_annotation(name)) return true;
    if (too_many(x) || too_many(y)) return err_set(s->e, ERR_TOO_LARGE, "\"%.*s\" that should hold together may have %d members", STR_ARG(name), MERGE_MEMBERS_MAX);
    if (schema_values_equal(x, y)) return true;
    bool is_flag = x->type == JSON_BOOL || y->type == JSON_BOOL; /* exclusiveMinimum of draft 4 */
    for (size_t i = 0; i < COUNT(lower) && !is_flag; i++) {
        if (str_eq(name, lower[i])) return *out = json_share(s->b.a, is_larger(x, y) ? x : y), true;
        if (str_eq(name, upper[i])) return *out = json_share(s->b.a, is_larger(x, y) ? y : x), true;
    }
    if (str_eq(name, STR("type"))) return *out = schema_types_value(s, schema_types_of(x) & schema_types_of(y)), true;
    if (str_eq(name, STR("required")) && x->type == JSON_ARRAY && y->type == JSON_ARRAY)
        return *out = united(s, x, y), true;
    if (str_eq(name, STR("enum")) && x->type == JSON_ARRAY && y->type == JSON_ARRAY)
        return *out = common(s, x, y), true;
    if (str_eq(name, STR("patternProperties")) && x->type == JSON_OBJECT && y->type == JSON_OBJECT)
        return *out = merged_names(s, x, NULL, y, NULL), true;
    if (str_eq(name, STR("items")) || str_eq(name, STR("additionalProperties")) || str_eq(name, STR("propertyNames")))
        return *out = schema_both_of(s, x, y), true;
    if (str_eq(name, STR("uniqueItems"))) return *out = json_share(s->b.a, json_is(x, JSON_BOOL) && !x->b ? y : x), true;
    if (str_eq(name, STR("anyOf")) || str_eq(name, STR("oneOf"))) return cross(s, x, y, out);
    return err_set(s->e, ERR_NOT_BUILT, "two different \"%.*s\" that should hold together are not supported",
                   STR_ARG(name));
}

/* `additionalProperties` speaks of the properties beside it alone, so what the other part names is additional to it. */
static bool additional_of(struct schema *s, const struct json *x, const struct json *y, const struct json **out)
{
    const struct json *additional = json_get(x, STR("additionalProperties")), *patterns = json_get(x, STR("patternProperties")),
                      *theirs = json_get(y, STR("patternProperties"));
    *out = json_is(additional, JSON_BOOL) && additional->b ? NULL : additional;
    if (!*out) return true;
    bool others = theirs && !(patterns && schema_values_equal(patterns, theirs)); /* that patterns may or may not name */
    json_each (p, patterns ? json_get(y, STR("properties")) : NULL) others |= !json_get(json_get(x, STR("properties")), p->key);
    return !others || schema_refuse(s, "\"additionalProperties\" together with what another part of allOf names, where there is \"patternProperties\"");
}

/* Keywords that cannot become one stay beside each other; those of a condition stay together. */
static bool is_of_condition(str name)
{
    return str_eq(name, STR("if")) || str_eq(name, STR("then")) || str_eq(name, STR("else"));
}

static bool stays_beside(str name)
{
    static const str names[] = { STR_INIT("pattern"), STR_INIT("format"), STR_INIT("multipleOf"), STR_INIT("not"), STR_INIT("dependentRequired"), STR_INIT("dependentSchemas") };
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(names[i], name)) return true;
    return false;
}

static void add_condition(struct schema *s, const struct json *x, struct json *also)
{
    struct json *one = json_new(s->b.a, JSON_OBJECT);
    json_each (k, x)
        if (is_of_condition(k->key)) json_put(one, k->key, json_share(s->b.a, k));
    if (json_get(one, STR("if"))) json_add(also, one);
}

static struct json *is_beside(struct schema *s, const struct json *k)
{
    struct json *one = json_new(s->b.a, JSON_OBJECT);
    json_put(one, k->key, json_share(s->b.a, k));
    return one;
}

static bool merge_all(struct schema *s, const struct json *a, const struct json *b, struct json_list *merged)
{
    struct json *value, *also = json_new(s->b.a, JSON_ARRAY);
    json_each (part, json_get(a, schema_also)) json_add(also, json_share(s->b.a, part));
    json_each (part, json_get(b, schema_also)) json_add(also, json_share(s->b.a, part));
    add_condition(s, a, also);
    add_condition(s, b, also);
    for (int side = 0; side < 2; side++) {
        const struct json *other = side ? a : b;
        json_each (k, side ? b : a) {
            const struct json *theirs = json_get(other, k->key);
            if (k->key.p == schema_also.p || is_of_condition(k->key) || str_eq(k->key, STR("prefixItems")) || str_eq(k->key, STR("properties"))) continue;
            if (side && theirs) continue;
            value = json_share(s->b.a, k);
            if (theirs && stays_beside(k->key) && !schema_values_equal(k, theirs)) json_add(also, is_beside(s, theirs));
            else if (theirs && !merge_keyword(s, k->key, k, theirs, &value)) return false;
            value->key = k->key;
            json_list_add(merged, value);
        }
    }
    if (also->count > 2 * SCHEMA_ALSO_MAX) return schema_refuse(s, "so much that should hold together");
    also->key = schema_also;
    if (also->count) json_list_add(merged, also);
    return true;
}

bool schema_merge(struct schema *s, const struct json *x, const struct json *y, size_t depth, struct json **out)
{
    struct json *a, *b;
    struct json_list merged = json_list_new(s->b.a, JSON_OBJECT);
    const struct json *of_a, *of_b;
    if (!schema_flatten(s, x, depth, &a) || !schema_flatten(s, y, depth, &b)) return false;
    if (a->type == JSON_BOOL) return *out = a->b ? b : a, true;
    if (b->type == JSON_BOOL) return *out = b->b ? a : b, true;
    const struct json *prefix_a = json_get(a, STR("prefixItems")), *prefix_b = json_get(b, STR("prefixItems"));
    const struct json *names_a = json_get(a, STR("properties")), *names_b = json_get(b, STR("properties"));
    if ((prefix_a && prefix_a->type != JSON_ARRAY) || (prefix_b && prefix_b->type != JSON_ARRAY))
        return err_set(s->e, ERR_INVALID, "\"prefixItems\" must be a list of schemas");
    if ((names_a && names_a->type != JSON_OBJECT) || (names_b && names_b->type != JSON_OBJECT))
        return err_set(s->e, ERR_INVALID, "\"properties\" must be an object");
    if ((names_a && too_many(names_a)) || (names_b && too_many(names_b)))
        return err_set(s->e, ERR_TOO_LARGE, "\"properties\" that should hold together may have %d members", MERGE_MEMBERS_MAX);
    if (!additional_of(s, a, b, &of_a) || !additional_of(s, b, a, &of_b)) return false;
    if (prefix_a || prefix_b) {
        struct json *prefix = merged_prefix(s, a, b);
        prefix->key = STR("prefixItems");
        json_list_add(&merged, prefix);
    }
    if (names_a || names_b) {
        struct json *names = merged_names(s, names_a, of_a, names_b, of_b);
        names->key = STR("properties");
        json_list_add(&merged, names);
    }
    if (!merge_all(s, a, b, &merged)) return false;
    *out = merged.container;
    return true;
}

bool schema_flatten(struct schema *s, const struct json *j, size_t depth, struct json **out)
{
    const struct json *reference = json_get(j, STR("$ref")), *all = json_get(j, STR("allOf")), *target;
    if (depth > MERGE_DEPTH_MAX || arena_used(s->b.a) > (64 << 20))
        return err_set(s->e, ERR_TOO_LARGE, "\"allOf\" or \"$ref\" go round in a circle, or too deep");
    if (!json_is(j, JSON_BOOL) && !json_is(j, JSON_OBJECT))
        return err_set(s->e, ERR_INVALID, "a schema must be an object, true or false");
    if (too_many(j)) return err_set(s->e, ERR_TOO_LARGE, "a schema may have %d keywords", MERGE_MEMBERS_MAX);
    *out = json_share(s->b.a, j);
    if (!reference && !all) return true;
    struct json *flat = json_new(s->b.a, JSON_OBJECT);
    json_each (member, j)
        if (member != reference && member != all) json_put(flat, member->key, json_share(s->b.a, member));
    if (reference) {
        if (reference->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"$ref\" must be a string");
        if (!schema_resolve(s, reference->s, &target) || !schema_merge(s, flat, target, depth + 1, &flat)) return false;
    }
    if (all && (all->type != JSON_ARRAY || !all->first))
        return err_set(s->e, ERR_INVALID, "\"allOf\" must be a list of schemas");
    json_each (part, all)
        if (!schema_merge(s, flat, part, depth + 1, &flat)) return schema_in(s, STR("allOf"));
    *out = flat;
    return true;
}

/* ------------------------------------------------------------------ disjointness, for oneOf */

static bool literals_are_disjoint(const struct json *x, const struct json *y)
{
    const struct json *xc = json_get(x, STR("const")), *yc = json_get(y, STR("const")), *xe = json_get(x, STR("enum")),
                      *ye = json_get(y, STR("enum"));
    if ((!xc && !xe) || (!yc && !ye) || (xe && too_many(xe)) || (ye && too_many(ye))) return false;
    for (const struct json *a = xc ? xc : json_first(xe); a; a = xc ? NULL : a->next)
        for (const struct json *b = yc ? yc : json_first(ye); b; b = yc ? NULL : b->next)
            if (schema_values_equal(a, b)) return false;
    return true;
}

static bool requires(const struct json *j, str name)
{
    json_each (item, json_get(j, STR("required")))
        if (item->type == JSON_STRING && str_eq(item->s, name)) return true;
    return false;
}

bool schema_are_disjoint(struct schema *s, const struct json *x, const struct json *y, size_t depth)
{
    struct json *a, *b;
    struct err ignored, *kept = s->e;
    s->e = &ignored; /* what cannot be flattened is not plainly disjoint; reading it will say why */
    bool flat = depth <= DISJOINT_DEPTH_MAX && schema_flatten(s, x, 0, &a) && schema_flatten(s, y, 0, &b);
    s->e = kept;
    if (!flat || a->type != JSON_OBJECT || b->type != JSON_OBJECT) return false;
    unsigned types = schema_types_of(a) & schema_types_of(b);
    if (types == 0 || literals_are_disjoint(a, b)) return true;
    if (types != TYPE_OBJECT) return false;
    const struct json *of_a = json_get(a, STR("properties")), *of_b = json_get(b, STR("properties"));
    if (json_is(of_a, JSON_OBJECT) && json_is(of_b, JSON_OBJECT)) s->compared += (uint64_t)of_a->count * of_b->count;
    if (s->compared > COMPARED_MAX) return false;
    json_each (p, of_a) {
        const struct json *other = json_get(of_b, p->key);
        if (other && requires(a, p->key) && requires(b, p->key) && schema_are_disjoint(s, p, other, depth + 1))
            return true;
    }
    return false;
}
