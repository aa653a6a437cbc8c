/* dataset/parquet/schema.c - the schema of a Parquet file: from the flat list of its elements to columns as people know them.
 *
 * The file lists a tree depth first, each element with its number of children. Levels follow from the path: an optional element adds
 * one to the definition level, a repeated one adds one to both. Lists are spelt
 *
 *   optional group NAME (LIST) { repeated group list { optional INT32 element } }       three levels
 *   optional group NAME (LIST) { repeated INT32 array }                                 two, by older writers
 *   repeated INT32 NAME                                                                 one, without annotation
 *
 * and maps as optional group NAME (MAP) { repeated group key_value { required … key; optional … value } }: parquet-format's
 * LogicalTypes.md, with its rules for old files. */
#include "dataset/parquet/parquet_priv.h"

enum { REQUIRED, OPTIONAL, REPEATED };
enum { /* ConvertedType */
    C_UTF8, C_MAP, C_MAP_KEY_VALUE, C_LIST, C_ENUM, C_DECIMAL, C_DATE, C_TIME_MS, C_TIME_US, C_TIMESTAMP_MS, C_TIMESTAMP_US, C_UINT_8,
    C_UINT_16, C_UINT_32, C_UINT_64, C_INT_8, C_INT_16, C_INT_32, C_INT_64, C_JSON, C_BSON, C_INTERVAL,
};
enum { /* LogicalType, a union */
    L_STRING = 1, L_MAP, L_LIST, L_ENUM, L_DECIMAL, L_DATE, L_TIME, L_TIMESTAMP, L_INTEGER = 10, L_UNKNOWN, L_JSON, L_BSON, L_UUID, L_FLOAT16,
};
enum { FIXED_BYTES_MAX = 1 << 20, SCALE_MAX = 200 };

struct element {
    bool has_type;
    int64_t type, width, repetition, children, converted, scale, precision;
    str name;
    int16_t logical; /* the member of the union; 0: none */
    bool is_utc, is_signed;
    int64_t bits, unit;
};

/* ------------------------------------------------------------------ elements */

static void read_logical(struct thrift *t, struct element *el)
{
    struct thrift_field which = { 0 }, f, unit;
    while (thrift_next(t, &which)) {
        el->logical = which.id;
        if (which.type != THRIFT_STRUCT) {
            thrift_skip(t, which.type);
            continue;
        }
        f = (struct thrift_field){ 0 };
        while (thrift_next(t, &f)) {
            if (which.id == L_DECIMAL && f.id == 1) el->scale = thrift_get_int(t, &f);
            else if (which.id == L_DECIMAL && f.id == 2) el->precision = thrift_get_int(t, &f);
            else if ((which.id == L_TIME || which.id == L_TIMESTAMP) && f.id == 1) el->is_utc = thrift_get_bool(t, &f);
            else if ((which.id == L_TIME || which.id == L_TIMESTAMP) && f.id == 2 && f.type == THRIFT_STRUCT) {
                unit = (struct thrift_field){ 0 };
                while (thrift_next(t, &unit)) {
                    el->unit = unit.id * 3;
                    thrift_skip(t, unit.type);
                }
            } else if (which.id == L_INTEGER && f.id == 1) el->bits = thrift_get_int(t, &f);
            else if (which.id == L_INTEGER && f.id == 2) el->is_signed = thrift_get_bool(t, &f);
            else thrift_skip(t, f.type);
        }
    }
}

static void read_element(struct thrift *t, struct element *el)
{
    struct thrift_field f = { 0 };
    *el = (struct element){ .converted = -1 };
    while (thrift_next(t, &f)) {
        switch (f.id) {
        case 1:
            el->has_type = true;
            el->type = thrift_get_int(t, &f);
            break;
        case 2: el->width = thrift_get_int(t, &f); break;
        case 3: el->repetition = thrift_get_int(t, &f); break;
        case 4: el->name = thrift_get_str(t, &f); break;
        case 5: el->children = thrift_get_int(t, &f); break;
        case 6: el->converted = thrift_get_int(t, &f); break;
        case 7: el->scale = thrift_get_int(t, &f); break;
        case 8: el->precision = thrift_get_int(t, &f); break;
        case 10:
            if (f.type == THRIFT_STRUCT) read_logical(t, el);
            else thrift_skip(t, f.type);
            break;
        default: thrift_skip(t, f.type);
        }
    }
}

/* ------------------------------------------------------------------ leaves */

static void set_integer(struct parquet_node *n, uint32_t bits, bool is_signed)
{
    n->logical = PARQUET_INTEGER;
    n->width = bits;
    n->is_signed = is_signed;
}

static void set_time(struct parquet_node *n, enum parquet_logical logical, uint8_t unit, bool is_utc)
{
    n->logical = logical;
    n->unit = unit;
    n->is_utc = is_utc;
}

static void old_annotation(const struct element *el, struct parquet_node *n)
{
    switch (el->converted) {
    case C_UTF8:
    case C_ENUM: n->logical = PARQUET_STRING; break;
    case C_JSON: n->logical = PARQUET_JSON; break;
    case C_DECIMAL: n->logical = PARQUET_DECIMAL; break;
    case C_DATE: n->logical = PARQUET_DATE; break;
    case C_TIME_MS: set_time(n, PARQUET_TIME, 3, true); break;
    case C_TIME_US: set_time(n, PARQUET_TIME, 6, true); break;
    case C_TIMESTAMP_MS: set_time(n, PARQUET_TIMESTAMP, 3, true); break;
    case C_TIMESTAMP_US: set_time(n, PARQUET_TIMESTAMP, 6, true); break;
    case C_INTERVAL: n->logical = PARQUET_INTERVAL; break;
    default:
        if (el->converted >= C_UINT_8 && el->converted <= C_UINT_64) set_integer(n, 8u << (el->converted - C_UINT_8), false);
        if (el->converted >= C_INT_8 && el->converted <= C_INT_64) set_integer(n, 8u << (el->converted - C_INT_8), true);
    }
}

static void annotation(const struct element *el, struct parquet_node *n)
{
    switch (el->logical) {
    case L_STRING:
    case L_ENUM: n->logical = PARQUET_STRING; break;
    case L_DECIMAL: n->logical = PARQUET_DECIMAL; break;
    case L_DATE: n->logical = PARQUET_DATE; break;
    case L_TIME: set_time(n, PARQUET_TIME, (uint8_t)el->unit, el->is_utc); break;
    case L_TIMESTAMP: set_time(n, PARQUET_TIMESTAMP, (uint8_t)el->unit, el->is_utc); break;
    case L_INTEGER: set_integer(n, (uint32_t)(el->bits & 0xff), el->is_signed); break;
    case L_UNKNOWN: n->logical = PARQUET_NULL; break;
    case L_JSON: n->logical = PARQUET_JSON; break;
    case L_UUID: n->logical = PARQUET_UUID; break;
    case L_FLOAT16: n->logical = PARQUET_FLOAT16; break;
    default: old_annotation(el, n);
    }
}

/* Does the annotation fit what is stored?  One that does not is ignored: the value is shown as what it is stored as. */
static bool annotation_fits(const struct parquet_node *n)
{
    bool is_int = n->physical == PARQUET_INT32 || n->physical == PARQUET_INT64;
    switch (n->logical) {
    case PARQUET_STRING:
    case PARQUET_JSON: return n->physical == PARQUET_BYTES;
    case PARQUET_DECIMAL: return is_int || n->physical == PARQUET_BYTES || n->physical == PARQUET_FIXED;
    case PARQUET_DATE: return n->physical == PARQUET_INT32;
    case PARQUET_TIME:
    case PARQUET_TIMESTAMP: return is_int && (n->unit == 3 || n->unit == 6 || n->unit == 9);
    case PARQUET_INTEGER: return is_int && (n->width == 8 || n->width == 16 || n->width == 32 || n->width == 64);
    case PARQUET_UUID: return n->physical == PARQUET_FIXED && n->width == 16;
    case PARQUET_FLOAT16: return n->physical == PARQUET_FIXED && n->width == 2;
    case PARQUET_INTERVAL: return n->physical == PARQUET_FIXED && n->width == 12;
    default: return true;
    }
}

static bool make_leaf(const struct element *el, struct parquet_node *n, struct err *e)
{
    if (!el->has_type || el->type < 0 || el->type > PARQUET_FIXED)
        return err_set(e, ERR_INVALID, "column \"%.*s\" has no type that is known", STR_ARG(str_to(el->name, 100)));
    n->physical = (enum parquet_physical)el->type;
    if (n->physical == PARQUET_FIXED) {
        if (el->width < 1 || el->width > FIXED_BYTES_MAX)
            return err_set(e, ERR_INVALID, "column \"%.*s\" has values of %lld bytes", STR_ARG(str_to(el->name, 100)), (long long)el->width);
        n->width = (uint32_t)el->width;
    }
    n->scale = el->scale > 0 && el->scale <= SCALE_MAX ? (uint32_t)el->scale : 0;
    n->precision = el->precision > 0 && el->precision <= SCALE_MAX ? (uint32_t)el->precision : 0;
    annotation(el, n);
    if (!annotation_fits(n)) {
        n->logical = PARQUET_PLAIN;
        if (n->physical == PARQUET_FIXED) n->width = (uint32_t)el->width;
    }
    return true;
}

/* ------------------------------------------------------------------ the tree */

struct builder {
    const struct element *el;
    size_t at, n;
    struct arena *a;
    struct parquet *p;
};

static bool too_large(struct err *e) { return err_set(e, ERR_TOO_LARGE, "the schema is too large"); }
static bool build_node(struct builder *b, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out, struct err *e);
static bool build_body(struct builder *b, const struct element *el, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out, struct err *e);

static bool build_children(struct builder *b, size_t n, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out, struct err *e)
{
    if (n > b->n - b->at) return err_set(e, ERR_INVALID, "the schema ends early");
    if (!(out->child = arena_try_array(b->a, n, sizeof *out->child))) return too_large(e);
    out->children_count = n;
    for (size_t i = 0; i < n; i++)
        if (!build_node(b, def, rep, depth, &out->child[i], e)) return false;
    return true;
}

static void make_list(struct parquet_node *out, enum parquet_shape shape, uint8_t def, uint8_t rep)
{
    out->shape = shape;
    out->item_def = (uint8_t)(def + 1);
    out->item_rep = (uint8_t)(rep + 1);
}

/* A list whose item is the repeated element itself. */
static bool list_of_itself(struct builder *b, const struct element *el, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out,
                           struct err *e)
{
    make_list(out, PARQUET_LIST, def, rep);
    if (!(out->child = arena_try(b->a, sizeof *out->child))) return too_large(e);
    out->children_count = 1;
    return build_body(b, el, out->item_def, out->item_rep, depth + 1, out->child, e);
}

static bool is_item_itself(const struct element *list, const struct element *repeated)
{
    str name = repeated->name;
    if (repeated->children != 1 || str_eq(name, STR("array"))) return true;
    return name.n == list->name.n + 6 && str_starts(name, list->name) && str_ends(name, STR("_tuple"));
}

/* What el is, its own repetition being seen to. */
static bool build_body(struct builder *b, const struct element *el, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out, struct err *e)
{
    bool is_list = el->converted == C_LIST || el->logical == L_LIST;
    bool is_map = el->converted == C_MAP || el->converted == C_MAP_KEY_VALUE || el->logical == L_MAP;
    bool ok;
    if (depth > PARQUET_DEPTH_MAX) return err_set(e, ERR_TOO_LARGE, "the schema is nested more than %d deep", PARQUET_DEPTH_MAX);
    out->name = el->name;
    out->def = def;
    out->leaf_first = b->p->leaves_count;
    const struct element *repeated = el->children == 1 && b->at < b->n && b->el[b->at].repetition == REPEATED ? &b->el[b->at] : NULL;
    if (el->children <= 0) {
        if (!make_leaf(el, out, e)) return false;
        out->max_def = def;
        out->max_rep = rep;
        b->p->inner->leaf[b->p->leaves_count++] = out;
        ok = true;
    } else if (is_map && repeated && repeated->children == 2) {
        make_list(out, PARQUET_MAP, def, rep);
        b->at++;
        ok = build_children(b, 2, out->item_def, out->item_rep, depth + 1, out, e);
    } else if (is_list && repeated) {
        b->at++;
        if (is_item_itself(el, repeated)) {
            ok = list_of_itself(b, repeated, def, rep, depth, out, e);
        } else {
            make_list(out, PARQUET_LIST, def, rep);
            ok = build_children(b, 1, out->item_def, out->item_rep, depth + 1, out, e);
        }
    } else {
        out->shape = PARQUET_STRUCT;
        ok = build_children(b, (size_t)el->children, def, rep, depth + 1, out, e);
    }
    out->leaf_count = b->p->leaves_count - out->leaf_first;
    return ok;
}

static bool build_node(struct builder *b, uint8_t def, uint8_t rep, unsigned depth, struct parquet_node *out, struct err *e)
{
    if (b->at == b->n) return err_set(e, ERR_INVALID, "the schema ends early");
    const struct element *el = &b->el[b->at++];
    if (el->repetition != REPEATED) {
        out->is_optional = el->repetition == OPTIONAL;
        return build_body(b, el, (uint8_t)(def + out->is_optional), rep, depth, out, e);
    }
    out->name = el->name;
    out->def = def;
    out->leaf_first = b->p->leaves_count;
    bool ok = list_of_itself(b, el, def, rep, depth, out, e);
    out->leaf_count = b->p->leaves_count - out->leaf_first;
    return ok;
}

bool pq_schema_read(struct thrift *t, size_t n, struct arena *a, struct parquet *p, struct err *e)
{
    if (!n || n > PARQUET_NODES_MAX) return err_set(e, n ? ERR_TOO_LARGE : ERR_INVALID, "the schema has %zu elements", n);
    struct element *el = arena_try_array(a, n, sizeof *el);
    p->inner->leaf = arena_try_array(a, n, sizeof *p->inner->leaf);
    if (!el || !p->inner->leaf) return too_large(e);
    for (size_t i = 0; i < n && !t->bad; i++) read_element(t, &el[i]);
    if (t->bad) return err_set(e, ERR_INVALID, "the schema is malformed");
    struct builder b = { .el = el, .at = 1, .n = n, .a = a, .p = p };
    struct parquet_node root = { 0 };
    if (el[0].children > 0 && !build_children(&b, (size_t)el[0].children, 0, 0, 1, &root, e)) return false;
    if (b.at != n) return err_set(e, ERR_INVALID, "the schema has elements that belong to no column");
    p->column = root.child;
    p->columns_count = root.children_count;
    return true;
}
