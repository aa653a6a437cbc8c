/* dataset/cast.c - see dataset/cast.h. */
#include "dataset/cast.h"

#include <math.h>

#include "dataset/parquet/parquet_priv.h"

enum { DEPTH_MAX = 20 };
static const size_t no_column = SIZE_MAX;

struct cast {
    size_t *from; /* of each column: that of the files; no_column: none has it */
    const struct parquet_node *file, *column;
    const struct json **feature;
};

/* ------------------------------------------------------------------ types */

static const struct { const char *dtype; enum parquet_physical physical; enum parquet_logical logical; uint32_t width; bool is_signed; } known[] = {
    { "bool", PARQUET_BOOLEAN, PARQUET_PLAIN, 0, false },       { "string", PARQUET_BYTES, PARQUET_STRING, 0, false }, { "large_string", PARQUET_BYTES, PARQUET_STRING, 0, false },
    { "int8", PARQUET_INT32, PARQUET_INTEGER, 8, true },        { "int16", PARQUET_INT32, PARQUET_INTEGER, 16, true }, { "int32", PARQUET_INT32, PARQUET_PLAIN, 0, true },
    { "int64", PARQUET_INT64, PARQUET_PLAIN, 0, true },         { "uint8", PARQUET_INT32, PARQUET_INTEGER, 8, false }, { "uint16", PARQUET_INT32, PARQUET_INTEGER, 16, false },
    { "uint32", PARQUET_INT64, PARQUET_INTEGER, 32, false },    { "float32", PARQUET_FLOAT, PARQUET_PLAIN, 0, false }, { "float64", PARQUET_DOUBLE, PARQUET_PLAIN, 0, false },
};

static bool is_whole(const struct parquet_node *n) { return n->logical != PARQUET_TIMESTAMP && (n->physical == PARQUET_INT32 || n->physical == PARQUET_INT64); }
static bool is_real(const struct parquet_node *n) { return n->physical == PARQUET_FLOAT || n->physical == PARQUET_DOUBLE; }
static bool is_string(const struct parquet_node *n) { return n->logical == PARQUET_STRING; }

static bool same_dtype(const struct parquet_node *from, str dtype, struct arena *a) { return from->shape == PARQUET_LEAF && str_eq(parquet_type_name(from, a), dtype); }

static bool leaf_type(const struct json *feature, const struct parquet_node *from, struct arena *a, struct parquet_node *to)
{
    str dtype = json_str_or(feature, STR("dtype"), STR(""));
    size_t i = 0;
    while (i < COUNT(known) && !str_eq(dtype, str_c(known[i].dtype))) i++;
    if (i == COUNT(known)) return same_dtype(from, dtype, a); /* a timestamp, as it stands */
    to->physical = known[i].physical;
    to->logical = known[i].logical;
    to->width = known[i].width;
    to->is_signed = known[i].is_signed;
    if (from->shape != PARQUET_LEAF || from->logical == PARQUET_ANY) return false;
    return is_string(to) ? !is_real(from) : from->logical != PARQUET_TIMESTAMP; /* Arrow's text of a number with a point, and its numbers of times, are not known here */
}

/* false: there is no way from one to the other, or none that is known here. */
static bool make_type(const struct json *feature, const struct parquet_node *from, struct arena *a, size_t depth, struct parquet_node *to)
{
    str type;
    *to = *from;
    to->is_optional = true;
    if (depth > DEPTH_MAX || !json_is(feature, JSON_OBJECT)) return false;
    if (!json_str(json_get(feature, STR("_type")), &type)) {
        if (from->shape != PARQUET_STRUCT || feature->count != from->children_count) return false;
        to->child = arena_alloc(a, (feature->count + 1) * sizeof *to->child);
        size_t n = 0;
        json_each (m, feature) {
            size_t k = 0;
            while (k < from->children_count && !str_eq(from->child[k].name, m->key)) k++;
            if (k == from->children_count || !make_type(m, &from->child[k], a, depth + 1, &to->child[n++])) return false;
        }
        return true;
    }
    if (str_eq(type, STR("List"))) {
        to->child = arena_one(a, struct parquet_node);
        return from->shape == PARQUET_LIST && !json_get(feature, STR("length")) && make_type(json_get(feature, STR("feature")), &from->child[0], a, depth + 1, to->child);
    }
    if (str_eq(type, STR("Json"))) return from->logical == PARQUET_ANY;
    if (str_eq(type, STR("Value"))) return leaf_type(feature, from, a, to);
    if (!str_eq(type, STR("ClassLabel")) || from->shape != PARQUET_LEAF || !json_is(json_get(feature, STR("names")), JSON_ARRAY)) return false;
    to->physical = PARQUET_INT64;
    to->logical = PARQUET_PLAIN;
    return is_string(from) || is_whole(from) || is_real(from);
}

bool cast_open(const struct json *features, const struct parquet_node *from, size_t from_count, struct arena *a, struct cast **out, struct parquet_node **column,
               size_t *columns, struct err *e)
{
    static const struct parquet_node nothing = { .is_optional = true, .physical = PARQUET_INT32, .logical = PARQUET_NULL };
    size_t n = features->count, i = 0;
    struct cast *c = *out = arena_one(a, struct cast);
    *columns = n;
    *column = arena_alloc(a, (n + 1) * sizeof **column);
    *c = (struct cast){ .from = arena_alloc(a, (n + 1) * sizeof *c->from), .file = from, .column = *column, .feature = arena_alloc(a, (n + 1) * sizeof *c->feature) };
    json_each (feature, features) {
        size_t k = 0;
        while (k < from_count && !str_eq(from[k].name, feature->key)) k++;
        c->from[i] = k < from_count ? k : no_column;
        c->feature[i] = feature;
        if (!make_type(feature, k < from_count ? &from[k] : &nothing, a, 0, &(*column)[i]) && k < from_count)
            return err_set(e, ERR_NOT_BUILT, "The card gives column \"%.*s\" another type than its values have (%.*s), and this version of Hearth does not cast one to the other",
                           STR_ARG(str_to(feature->key, 100)), STR_ARG(parquet_type_name(&from[k], a)));
        (*column)[i++].name = feature->key;
    }
    for (size_t k = 0; k < from_count; k++)
        if (!json_get(features, from[k].name))
            return err_set(e, ERR_UNPROCESSABLE, "The card has no type for column \"%.*s\", so that these are other columns than it says", STR_ARG(str_to(from[k].name, 100)));
    return true;
}

/* ------------------------------------------------------------------ values */

struct casting {
    struct arena *a;
    const char *problem;
    struct err *e;
};

static struct json *refuse(struct casting *c, const char *why)
{
    c->problem = why;
    return NULL;
}

static struct json *whole(struct casting *c, const struct parquet_node *to, int64_t i)
{
    unsigned bits = to->logical == PARQUET_INTEGER ? to->width : to->physical == PARQUET_INT32 ? 32 : 64;
    int64_t most = bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - to->is_signed)) - 1, least = bits == 64 ? INT64_MIN : to->is_signed ? -most - 1 : 0;
    if (i < least || i > most) return refuse(c, "a number does not fit the type that the card says");
    struct json *v = pq_json_new(c->a, JSON_INT, c->e);
    if (v) v->i = i;
    return v;
}

static struct json *real(struct casting *c, const struct parquet_node *to, double r)
{
    char text[40];
    struct json *v = pq_json_new(c->a, JSON_REAL, c->e);
    if (to->physical == PARQUET_FLOAT && isfinite(r)) { /* in the fewest digits that give the same, as in Parquet */
        float f = (float)r;
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, (double)f);
            if (strtof(text, NULL) == f) break;
        }
        r = strtod(text, NULL);
    }
    if (v) v->r = r;
    return v;
}

static struct json *from_text(struct casting *c, const struct parquet_node *to, str s)
{
    char text[64], *end = text;
    int64_t i;
    if (is_whole(to)) return str_i64(s, &i) ? whole(c, to, i) : refuse(c, "text is no number, which the card says");
    if (is_real(to)) {
        if (!s.n || s.n >= sizeof text || s.p[0] == ' ' || str_find_nocase(s, STR("x")) != STR_NONE) return refuse(c, "text is no number, which the card says");
        memcpy(text, s.p, s.n);
        text[s.n] = 0;
        double r = strtod(text, &end);
        return *end || !isfinite(r) ? refuse(c, "text is no number, which the card says") : real(c, to, r);
    }
    bool yes = str_eq_nocase(s, STR("true")) || str_eq(s, STR("1"));
    if (!yes && !str_eq_nocase(s, STR("false")) && !str_eq(s, STR("0"))) return refuse(c, "text is no bool, which the card says");
    struct json *v = pq_json_new(c->a, JSON_BOOL, c->e);
    if (v) v->b = yes;
    return v;
}

static struct json *as_text(struct casting *c, const struct parquet_node *from, const struct json *v)
{
    struct json *out = pq_json_new(c->a, JSON_STRING, c->e);
    char number[24];
    if (!out) return NULL;
    if (v->type == JSON_STRING) out->s = v->s;
    else if (v->type == JSON_BOOL) out->s = v->b ? STR("true") : STR("false");
    else out->s = arena_dup(c->a, str_n(number, (size_t)snprintf(number, sizeof number, "%lld", (long long)v->i)));
    if (from->logical == PARQUET_TIMESTAMP && out->s.n > 10) { /* Arrow's text has a blank where JSON had a T */
        out->s = arena_dup(c->a, out->s);
        ((char *)(uintptr_t)out->s.p)[10] = ' ';
    }
    return out;
}

static struct json *label(struct casting *c, const struct json *names, const struct json *v)
{
    int64_t i = v->type == JSON_INT ? v->i : (int64_t)v->r, at = 0;
    if (v->type == JSON_REAL && (double)i != v->r) return refuse(c, "a number is no class label");
    if (v->type == JSON_STRING) {
        for (int trimmed = 0; trimmed < 2; trimmed++) {
            at = 0;
            json_each (name, names) {
                if (json_is(name, JSON_STRING) && str_eq(name->s, trimmed ? str_trim(v->s) : v->s)) return whole(c, &(struct parquet_node){ .physical = PARQUET_INT64 }, at);
                at++;
            }
        }
        if (!str_i64(str_trim(v->s), &i) || i < -1) return refuse(c, "text is none of the card's class labels");
    }
    if (v->type != JSON_REAL && i >= (int64_t)names->count) return refuse(c, "a number is none of the card's class labels");
    return whole(c, &(struct parquet_node){ .physical = PARQUET_INT64 }, i);
}

static struct json *value(struct casting *c, const struct json *feature, const struct parquet_node *from, const struct parquet_node *to, const struct json *v);

static struct json *members(struct casting *c, const struct json *feature, const struct parquet_node *from, const struct parquet_node *to, const struct json *v)
{
    struct json *out = pq_json_new(c->a, JSON_OBJECT, c->e);
    struct json_list list = { out, out ? &out->first : NULL };
    size_t i = 0;
    if (!out) return NULL;
    json_each (m, feature) {
        size_t k = 0;
        while (!str_eq(from->child[k].name, m->key)) k++;
        struct json *one = value(c, m, &from->child[k], &to->child[i++], json_get(v, m->key));
        if (!one) return NULL;
        one->key = m->key;
        json_list_add(&list, one);
    }
    return out;
}

static struct json *items(struct casting *c, const struct json *feature, const struct parquet_node *from, const struct parquet_node *to, const struct json *v)
{
    struct json *out = pq_json_new(c->a, JSON_ARRAY, c->e);
    struct json_list list = { out, out ? &out->first : NULL };
    if (!out) return NULL;
    json_each (item, v) {
        struct json *one = value(c, json_get(feature, STR("feature")), &from->child[0], &to->child[0], item);
        if (!one) return NULL;
        json_list_add(&list, one);
    }
    return out;
}

static struct json *value(struct casting *c, const struct json *feature, const struct parquet_node *from, const struct parquet_node *to, const struct json *v)
{
    if (!v || v->type == JSON_NULL) return pq_json_new(c->a, JSON_NULL, c->e);
    if (from->shape == PARQUET_STRUCT) return members(c, feature, from, to, v);
    if (from->shape == PARQUET_LIST) return items(c, feature, from, to, v);
    if (str_eq(json_str_or(feature, STR("_type"), STR("")), STR("ClassLabel"))) return label(c, json_get(feature, STR("names")), v);
    if (to->logical == PARQUET_ANY || to->logical == PARQUET_TIMESTAMP) return json_copy(c->a, v);
    if (is_string(to)) return as_text(c, from, v);
    if (v->type == JSON_STRING && is_string(from)) return from_text(c, to, v->s);
    if (v->type != JSON_INT && v->type != JSON_REAL && v->type != JSON_BOOL) return refuse(c, "a value does not fit the type that the card says"); /* beyond 2^63 */
    double r = v->type == JSON_BOOL ? v->b : v->type == JSON_INT ? (double)v->i : v->r;
    if (is_real(to)) return real(c, to, r);
    if (to->physical == PARQUET_BOOLEAN) {
        struct json *out = pq_json_new(c->a, JSON_BOOL, c->e);
        if (out) out->b = r != 0;
        return out;
    }
    if (v->type != JSON_REAL) return whole(c, to, v->type == JSON_BOOL ? v->b : v->i);
    return fabs(r) < 9e18 && floor(r) == r ? whole(c, to, (int64_t)r) : refuse(c, "a number is not whole, as the card says");
}

bool cast_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
               struct parquet_cells *out, struct err *e)
{
    const struct cast *c = p->cast;
    struct parquet_cells cells;
    size_t *own = arena_alloc(a, (columns + 1) * sizeof *own), owns = 0;
    for (size_t i = 0; i < columns; i++)
        if (c->from[column[i]] != no_column) own[owns++] = c->from[column[i]];
    if (!text_read(p->text, first, n, own, owns, o, a, &cells, e)) return false;
    *out = (struct parquet_cells){ .rows_count = cells.rows_count, .bytes_spent = cells.bytes_spent, .steps_spent = cells.steps_spent };
    out->cell = arena_try_array(a, cells.rows_count * columns + 1, sizeof *out->cell);
    out->problem = arena_try_array(a, columns + 1, sizeof *out->problem);
    if (!out->cell || !out->problem) return err_set(e, ERR_TOO_LARGE, "too many cells");
    for (size_t i = 0, k = 0; i < columns; i++) {
        size_t at = column[i], from = c->from[at];
        if (from != no_column) out->problem[i] = cells.problem[k];
        for (size_t r = 0; r < cells.rows_count && !out->problem[i]; r++) {
            struct casting casting = { .a = a, .e = e };
            struct json *v = from == no_column ? pq_json_new(a, JSON_NULL, e) : value(&casting, c->feature[at], &c->file[from], &c->column[at], cells.cell[r * owns + k]);
            if (!v && !casting.problem) return false;
            if (!v) out->problem[i] = arena_fmt(a, "row %llu: %s", (unsigned long long)(first + r) + 1, casting.problem).p;
            out->cell[r * columns + i] = v;
        }
        k += from != no_column;
    }
    text_clear_problems(out, columns);
    return true;
}
