/* dataset/text/json.c - rows of JSON, and the types that `datasets` takes from them (by Arrow).
 *
 * What is always a boolean, a number, text, a date with or without a time, a list of one type, or an object of the same members is
 * of that type; what is sometimes one and sometimes another is Json. Rows themselves may have different members: those that are not there
 * are null. Strings in an array are rows of a column "text". */
#include "base/clock.h"
#include "dataset/parquet/parquet_priv.h"
#include "dataset/text/text.h"

enum { TYPES_MAX = 20000, DEPTH_MAX = 20 };

/* ------------------------------------------------------------------ where a value ends */

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* Behind the closing quote; STR_NONE: not in this text. */
static size_t string_end(str s, size_t at)
{
    for (at++; at < s.n; at++) {
        const char *quote = memchr(s.p + at, '"', s.n - at);
        if (!quote) return STR_NONE;
        size_t escapes = 0, end = (size_t)(quote - s.p);
        while (end - escapes > at && s.p[end - escapes - 1] == '\\') escapes++;
        at = end;
        if (escapes % 2 == 0) return end + 1;
    }
    return STR_NONE;
}

static size_t value_end(str s, size_t at)
{
    size_t depth = 0;
    if (s.p[at] != '{' && s.p[at] != '[' && s.p[at] != '"') {
        while (at < s.n && !is_space(s.p[at]) && s.p[at] != ',' && s.p[at] != ']') at++;
        return at < s.n ? at : STR_NONE;
    }
    while (at < s.n) {
        char c = s.p[at];
        if (c == '"') {
            if ((at = string_end(s, at)) == STR_NONE) return STR_NONE;
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            at++;
        }
        if (!depth) return at;
    }
    return STR_NONE;
}

/* Between rows stands white space; in an array commas, too. What a row is worth json_parse says. */
enum text_step text_json_next(str text, bool is_array, bool is_last, str *row, size_t *next)
{
    size_t at = 0;
    while (at < text.n && (is_space(text.p[at]) || (is_array && text.p[at] == ','))) at++;
    *next = at;
    if (at == text.n) return !is_last ? TEXT_MORE : is_array ? TEXT_BAD : TEXT_END;
    if (is_array && text.p[at] == ']') return TEXT_END;
    if (text.p[at] == '}' || text.p[at] == ']' || text.p[at] == ',') return TEXT_BAD;
    size_t end = value_end(text, at);
    if (end == STR_NONE && !is_last) return TEXT_MORE;
    if (end == STR_NONE) end = text.n;
    *row = str_n(text.p + at, end - at);
    *next = end;
    return TEXT_ROW;
}

/* ------------------------------------------------------------------ types */

enum kind { NOTHING, BOOL, INTEGER, REAL, TIME, TEXT, LIST, OBJECT, ANY };
struct json_shape {
    str name;
    enum kind kind;
    struct json_shape **child; /* LIST: one; OBJECT: its members */
    size_t n;
};
/* A date, or one with a time up to seconds; nothing finer, for the type is timestamp[s]. */
static bool is_time(str s, int64_t *ms)
{
    char copy[40];
    if (s.n < 10 || s.n > 25 || s.p[4] != '-' || s.p[7] != '-') return false;
    memcpy(copy, s.p, s.n);
    if (s.n == 10) memcpy(copy + 10, "T00:00:00Z", 10), s.n = 20;
    if (copy[10] == ' ') copy[10] = 'T';
    if (s.n == 16) memcpy(copy + 16, ":00Z", 4), s.n = 20;
    if (s.n == 19) copy[s.n++] = 'Z';
    return s.n >= 20 && copy[19] != '.' && clock_iso_parse(str_n(copy, s.n), ms);
}

static struct json_shape *child_of(struct json_shape *t, str name, size_t hint)
{
    if (hint < t->n && str_eq(t->child[hint]->name, name)) return t->child[hint];
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->child[i]->name, name)) return t->child[i];
    return NULL;
}

static struct json_shape *add_child(struct text_types *ty, struct json_shape *t, str name)
{
    if (t->n == TEXT_COLUMNS_MAX || ty->count == TYPES_MAX) return NULL;
    struct json_shape *one = arena_one(ty->a, struct json_shape);
    one->name = arena_dup(ty->a, name);
    t->child = arena_grow(ty->a, t->child, t->n, sizeof *t->child);
    t->child[t->n++] = one;
    ty->count++;
    return one;
}

static enum kind kind_of(const struct json *v)
{
    int64_t ms;
    switch (v->type) {
    case JSON_NULL: return NOTHING;
    case JSON_BOOL: return BOOL;
    case JSON_INT: return INTEGER;
    case JSON_REAL: return REAL;
    case JSON_STRING: return is_time(v->s, &ms) ? TIME : TEXT;
    case JSON_ARRAY: return LIST;
    default: return OBJECT;
    }
}

static enum kind both(enum kind a, enum kind b)
{
    if (a == b || b == NOTHING) return a;
    if (a == NOTHING) return b;
    if ((a == INTEGER && b == REAL) || (a == REAL && b == INTEGER)) return REAL;
    if ((a == TIME && b == TEXT) || (a == TEXT && b == TIME)) return TEXT;
    return ANY;
}

static void look(struct text_types *ty, struct json_shape *t, const struct json *v, size_t depth);

/* Objects of one type have the same members; others, and empty ones, are Json. */
static void look_at_object(struct text_types *ty, struct json_shape *t, bool is_first, const struct json *v, size_t depth)
{
    size_t i = 0;
    if (!v->count || (!is_first && v->count != t->n)) t->kind = ANY;
    json_each (m, v) {
        if (t->kind == ANY) return;
        struct json_shape *c = child_of(t, m->key, i++);
        if (!c && is_first) c = add_child(ty, t, m->key);
        if (!c) t->kind = ANY;
        else look(ty, c, m, depth + 1);
    }
}

static void look(struct text_types *ty, struct json_shape *t, const struct json *v, size_t depth)
{
    enum kind before = t->kind;
    t->kind = depth > DEPTH_MAX ? ANY : both(t->kind, kind_of(v));
    if (t->kind == OBJECT && v->type == JSON_OBJECT) look_at_object(ty, t, before == NOTHING, v, depth);
    if (t->kind != LIST || v->type != JSON_ARRAY) return;
    if (!t->n && !add_child(ty, t, STR(""))) t->kind = ANY;
    else json_each (item, v) look(ty, t->child[0], item, depth + 1);
}

static bool parse_row(str row, struct arena *scratch, struct json **out, struct err *e)
{
    struct json *v;
    if (!json_parse(row, scratch, &v, e)) return false;
    if (v->type == JSON_STRING) { /* of an array of strings */
        struct json *o = json_new(scratch, JSON_OBJECT);
        json_put(o, STR("text"), v);
        v = o;
    }
    *out = v;
    return v->type == JSON_OBJECT || err_set(e, ERR_UNPROCESSABLE, "it is no object");
}

bool text_json_look(struct text_types *ty, str row, struct arena *scratch, struct err *e)
{
    struct json *v;
    size_t i = 0;
    if (!ty->root) ty->root = arena_one(ty->a, struct json_shape);
    struct json_shape *root = ty->root;
    if (!parse_row(row, scratch, &v, e)) return false;
    json_each (m, v) {
        struct json_shape *c = child_of(root, m->key, i++);
        if (!c && !(c = add_child(ty, root, m->key))) return err_set(e, ERR_UNPROCESSABLE, "there are more than %d columns", TEXT_COLUMNS_MAX);
        look(ty, c, m, 0);
    }
    return true;
}

/* A column in the words of Parquet. */
static void make_node(const struct json_shape *t, struct arena *a, struct parquet_node *out)
{
    static const struct { enum parquet_physical physical; enum parquet_logical logical; } leaf[] = {
        [NOTHING] = { PARQUET_INT32, PARQUET_NULL },   [BOOL] = { PARQUET_BOOLEAN, PARQUET_PLAIN }, [INTEGER] = { PARQUET_INT64, PARQUET_PLAIN },
        [REAL] = { PARQUET_DOUBLE, PARQUET_PLAIN },    [TIME] = { PARQUET_INT64, PARQUET_TIMESTAMP }, [TEXT] = { PARQUET_BYTES, PARQUET_STRING },
        [ANY] = { PARQUET_BYTES, PARQUET_ANY },
    };
    *out = (struct parquet_node){ .name = arena_dup(a, t->name), .is_optional = true };
    if (t->kind == LIST || t->kind == OBJECT) {
        out->shape = t->kind == LIST ? PARQUET_LIST : PARQUET_STRUCT;
        out->children_count = t->n;
        out->child = arena_alloc(a, (t->n + 1) * sizeof *out->child);
        for (size_t i = 0; i < t->n; i++) make_node(t->child[i], a, &out->child[i]);
    } else {
        out->shape = PARQUET_LEAF;
        out->physical = leaf[t->kind].physical;
        out->logical = leaf[t->kind].logical;
    }
}

bool text_json_types(struct text_types *ty, struct text *t, struct err *e)
{
    const struct json_shape *root = ty->root;
    if (!root || !root->n) return err_set(e, ERR_UNPROCESSABLE, "the file has no rows with members");
    t->columns_count = root->n;
    t->column = arena_alloc(t->a, root->n * sizeof *t->column);
    for (size_t i = 0; i < root->n; i++) make_node(root->child[i], t->a, &t->column[i]);
    return true;
}

/* ------------------------------------------------------------------ values */

struct making {
    const struct parquet_options *o;
    struct arena *a, *scratch;
    const char *problem; /* it is not of the type */
    bool drops_unknown;  /* members that the first rows have not are left out, not refused */
    struct err *e;
};

static struct json *make(struct making *m, enum json_type type) { return pq_json_new(m->a, type, m->e); }

static bool copy_key(struct making *m, struct json *to, str key)
{
    char *copy = arena_try(m->a, key.n + 1);
    if (!copy) return err_set(m->e, ERR_TOO_LARGE, "the values are too large to be shown");
    if (key.n) memcpy(copy, key.p, key.n);
    to->key = str_n(copy, key.n);
    return true;
}

static struct json *value(struct making *m, const struct parquet_node *n, const struct json *v);

/* Items by n->child, or of any type. */
static struct json *container(struct making *m, const struct parquet_node *n, const struct json *v)
{
    struct json *out = make(m, v->type), **end = out ? &out->first : NULL;
    size_t kept = 0;
    if (!out) return NULL;
    json_each (item, v) {
        if (kept == m->o->cell_values_max) break;
        struct json *one = value(m, n->logical == PARQUET_ANY ? n : &n->child[0], item);
        if (!one || (v->type == JSON_OBJECT && !copy_key(m, one, item->key))) return NULL;
        *end = one;
        end = &one->next;
        kept++;
    }
    out->count = kept;
    return out;
}

static struct json *object(struct making *m, const struct parquet_node *n, const struct json *v)
{
    struct json *out = make(m, JSON_OBJECT), **end = out ? &out->first : NULL;
    if (!out) return NULL;
    size_t known = 0;
    const struct json *at = v->first;
    for (size_t i = 0; i < n->children_count; i++) {
        if (!at || !str_eq(at->key, n->child[i].name)) at = json_get(v, n->child[i].name);
        struct json *one = at ? value(m, &n->child[i], at) : make(m, JSON_NULL);
        if (!one) return NULL;
        one->key = n->child[i].name;
        *end = one;
        end = &one->next;
        known += at != NULL;
        at = at ? at->next : v->first;
    }
    out->count = n->children_count;
    if (known < v->count && !m->drops_unknown) {
        m->problem = "an object has members that the first rows have not";
        return NULL;
    }
    return out;
}

static struct json *scalar(struct making *m, const struct json *v)
{
    struct json *out;
    if (v->type == JSON_STRING) return text_value(v->s, m->o, m->a, m->e);
    if (!(out = make(m, v->type))) return NULL;
    if (v->type == JSON_BOOL) out->b = v->b;
    if (v->type == JSON_INT) out->i = v->i;
    if (v->type == JSON_REAL) out->r = v->r;
    return out;
}

static struct json *value(struct making *m, const struct parquet_node *n, const struct json *v)
{
    struct json *out;
    int64_t ms;
    bool is_container = v->type == JSON_ARRAY || v->type == JSON_OBJECT, is_leaf = n->shape == PARQUET_LEAF;
    char date[ISO_DATE_BYTES];
    if (v->type == JSON_NULL) return make(m, JSON_NULL);
    if (n->logical == PARQUET_ANY) return is_container ? container(m, n, v) : scalar(m, v);
    if (n->shape == PARQUET_LIST && v->type == JSON_ARRAY) return container(m, n, v);
    if (n->shape == PARQUET_STRUCT && v->type == JSON_OBJECT) return object(m, n, v);
    if (is_leaf && n->logical == PARQUET_STRING && v->type == JSON_STRING) return text_value(v->s, m->o, m->a, m->e);
    if (is_leaf && n->logical == PARQUET_TIMESTAMP && v->type == JSON_STRING && is_time(v->s, &ms)) return text_value(str_to(clock_iso(ms, date), 19), m->o, m->a, m->e);
    bool is_number = v->type == JSON_INT || v->type == JSON_REAL;
    if (is_leaf && n->logical == PARQUET_PLAIN && n->physical == PARQUET_DOUBLE && is_number) {
        if ((out = make(m, JSON_REAL))) out->r = v->type == JSON_INT ? (double)v->i : v->r;
        return out;
    }
    if (is_leaf && n->logical == PARQUET_PLAIN && ((n->physical == PARQUET_INT64 && v->type == JSON_INT) || (n->physical == PARQUET_BOOLEAN && v->type == JSON_BOOL)))
        return scalar(m, v);
    m->problem = arena_fmt(m->scratch, "a value is no %.*s, which the first rows are", STR_ARG(parquet_type_name(n, m->scratch))).p;
    return NULL;
}

static bool is_column(const struct text *t, str name, size_t hint)
{
    if (hint < t->columns_count && str_eq(t->column[hint].name, name)) return true;
    for (size_t i = 0; i < t->columns_count; i++)
        if (str_eq(t->column[i].name, name)) return true;
    return false;
}

bool text_json_values(const struct text *t, str row, const size_t *column, size_t n, const struct parquet_options *o, struct arena *scratch, struct arena *a,
                      struct json **out, const char **problem, struct err *e)
{
    struct json *v;
    size_t i = 0;
    if (!parse_row(row, scratch, &v, e)) return false;
    json_each (m, v)
        if (!is_column(t, m->key, i++))
            return err_set(e, ERR_UNPROCESSABLE, "it has a member \"%.*s\", which the first rows have not", STR_ARG(str_to(m->key, 100)));
    for (size_t k = 0; k < n; k++) {
        struct making m = { .o = o, .a = a, .scratch = scratch, .drops_unknown = t->way.kind == TEXT_TAR, .e = e };
        const struct json *cell = json_get(v, t->column[column[k]].name);
        out[k] = cell ? value(&m, &t->column[column[k]], cell) : make(&m, JSON_NULL);
        if (!out[k] && !m.problem) return false;
        problem[k] = m.problem;
    }
    return true;
}
