/* dataset/parquet/rows.c - rows of chosen columns: levels and values of each leaf, put together to JSON.
 *
 * Leaf after leaf is read, so that one page and one dictionary are in memory at a time; what is kept of a leaf are its levels with
 * the JSON of their values, row by row, up to cell_values_max of each row. Then each cell is put together by its leaves' levels
 * (record assembly of the Dremel paper): a level of the first leaf of a list begins each item, and nothing is given out twice, so
 * that levels that contradict each other make a wrong cell, never an endless one. */
#include "dataset/parquet/parquet_priv.h"

struct entry {
    struct json *v; /* NULL: none, as def says */
    uint8_t rep, def;
};
struct leaf { /* one leaf of the column under way */
    struct entry *entry;
    size_t *row;  /* rows + 1: where the levels of each row begin */
    bool *is_cut; /* of each row: not all of its levels were kept */
    size_t n;
    size_t at, end; /* of the row that is put together */
    bool is_cut_now;
};
struct reading {
    struct parquet *p;
    uint64_t first;
    size_t rows, group; /* group: where the first row lies */
    const struct parquet_options *o;
    struct arena *a, *scratch; /* scratch: for one column */
    struct parquet_budget budget;
    struct leaf *leaf; /* of the column under way */
    size_t leaf_first;
    uint64_t levels; /* that may still be kept of it */
};

/* ------------------------------------------------------------------ levels */

enum {
    CELL_TEXTS = 20,      /* a short row of lists is cut for its text, too: values of 500 bytes are not kept by the thousand */
    LEVELS_MAX = 2 << 20, /* kept of a column: 32 MiB.  A list of structs of thousands of nulls is a few bytes in the file. */
    LEVEL_STEPS = 8,      /* so many levels are passed in the time in which one is kept and shown */
};

static bool add_entry(struct reading *r, struct leaf *l, const struct parquet_node *node, struct pq_level level, const union pq_value *v,
                      size_t *text, struct err *e)
{
    if (!pq_spend(&r->levels, 1, e) || !pq_spend(&r->budget.steps, LEVEL_STEPS, e)) return false;
    l->entry = arena_grow(r->scratch, l->entry, l->n, sizeof *l->entry);
    struct entry *entry = &l->entry[l->n++];
    *entry = (struct entry){ .rep = level.rep, .def = level.def };
    if (level.def != node->max_def) return true;
    if (!(entry->v = pq_json(node, v, r->o, r->a, e))) return false;
    if (entry->v->type == JSON_STRING) *text += entry->v->s.n;
    return true;
}

static bool read_row(struct reading *r, struct pq_column *c, struct leaf *l, const struct parquet_node *node, bool *is_cut, struct err *e)
{
    struct pq_level level;
    union pq_value v;
    bool goes_on;
    size_t text = 0, n = 0;
    for (;; n++) {
        if (!pq_column_next(c, n == 0, &level, &v, &goes_on, e)) return false;
        if (!goes_on) return true;
        *is_cut |= n > 0 && (n >= r->o->cell_values_max || text > CELL_TEXTS * r->o->text_bytes_max);
        if (!*is_cut && !add_entry(r, l, node, level, &v, &text, e)) return false;
    }
}

/* The rows of one leaf, over the row groups in which they lie. */
static bool read_leaf(struct reading *r, size_t number, struct leaf *l, struct err *e)
{
    const struct parquet_node *node = r->p->inner->leaf[number];
    size_t got = 0;
    l->row = arena_alloc(r->scratch, (r->rows + 1) * sizeof *l->row);
    l->is_cut = arena_alloc(r->scratch, r->rows + 1);
    for (size_t g = r->group; got < r->rows; g++) { /* they have as many rows together as the file */
        const struct pq_group *group = &r->p->inner->group[g];
        struct pq_column *c;
        uint64_t skip = r->first + got - group->first_row, there = group->rows - skip;
        if (!pq_column_open(r->p, g, number, &r->budget, &c, e)) return false;
        bool ok = pq_column_skip(c, skip, e);
        for (; ok && there && got < r->rows; there--) {
            l->row[got] = l->n;
            ok = read_row(r, c, l, node, &l->is_cut[got++], e);
        }
        pq_column_close(c);
        if (!ok) return false;
    }
    l->row[got] = l->n;
    return true;
}

/* ------------------------------------------------------------------ cells */

static struct leaf *leaf_of(struct reading *r, const struct parquet_node *n, size_t i) { return &r->leaf[n->leaf_first + i - r->leaf_first]; }

/* One level of every leaf below: they say together that there is nothing. */
static void pass(struct reading *r, const struct parquet_node *n)
{
    for (size_t i = 0; i < n->leaf_count; i++) {
        struct leaf *l = leaf_of(r, n, i);
        if (l->at < l->end) l->at++;
    }
}

static struct json *value(struct reading *r, const struct parquet_node *n, struct err *e);

static struct json *mark(struct reading *r, struct err *e)
{
    struct json *v = pq_json_new(r->a, JSON_STRING, e);
    if (v) v->s = STR(PQ_CUT);
    return v;
}

static bool add_member(struct json_list *out, str key, struct json *v)
{
    if (!v) return false;
    v->key = key;
    json_list_add(out, v);
    return true;
}

static bool new_list(struct json_list *out, enum json_type type, struct arena *a, struct err *e)
{
    struct json *container = pq_json_new(a, type, e);
    *out = (struct json_list){ container, container ? &container->first : NULL };
    return container != NULL;
}

static struct json *struct_value(struct reading *r, const struct parquet_node *n, struct err *e)
{
    struct json_list out;
    if (!new_list(&out, JSON_OBJECT, r->a, e)) return NULL;
    for (size_t i = 0; i < n->children_count; i++)
        if (!add_member(&out, n->child[i].name, value(r, &n->child[i], e))) return NULL;
    return out.container;
}

/* A map's item: a member where keys are text. */
static bool add_pair(struct reading *r, const struct parquet_node *n, struct json_list *out, struct err *e)
{
    struct json_list pair;
    struct json *k = value(r, &n->child[0], e), *v = k ? value(r, &n->child[1], e) : NULL;
    if (!v) return false;
    if (out->container->type == JSON_OBJECT) return add_member(out, k->type == JSON_STRING ? k->s : STR(""), v);
    return new_list(&pair, JSON_OBJECT, r->a, e) && add_member(&pair, STR("key"), k) && add_member(&pair, STR("value"), v) &&
           add_member(out, STR(""), pair.container);
}

static struct json *list_value(struct reading *r, const struct parquet_node *n, struct err *e)
{
    struct leaf *first = leaf_of(r, n, 0);
    struct json_list out;
    bool is_map = n->shape == PARQUET_MAP, has_names = is_map && n->child[0].shape == PARQUET_LEAF && n->child[0].logical == PARQUET_STRING;
    if (!new_list(&out, has_names ? JSON_OBJECT : JSON_ARRAY, r->a, e)) return NULL;
    if (first->at < first->end && first->entry[first->at].def < n->item_def) {
        pass(r, n);
        return out.container;
    }
    do {
        if (is_map ? !add_pair(r, n, &out, e) : !add_member(&out, STR(""), value(r, &n->child[0], e))) return NULL;
    } while (first->at < first->end && first->entry[first->at].rep == n->item_rep);
    bool is_cut = first->at == first->end && first->is_cut_now;
    return !is_cut || add_member(&out, STR(PQ_CUT), mark(r, e)) ? out.container : NULL;
}

static struct json *value(struct reading *r, const struct parquet_node *n, struct err *e)
{
    struct leaf *first = leaf_of(r, n, 0);
    bool is_missing = first->at == first->end || (n->is_optional && first->entry[first->at].def < n->def);
    if (is_missing) {
        if (first->at == first->end && first->is_cut_now) return mark(r, e);
        pass(r, n);
        return pq_json_new(r->a, JSON_NULL, e);
    }
    if (n->shape == PARQUET_STRUCT) return struct_value(r, n, e);
    if (n->shape != PARQUET_LEAF) return list_value(r, n, e);
    struct json *v = first->entry[first->at++].v;
    return v ? v : pq_json_new(r->a, JSON_NULL, e);
}

/* ------------------------------------------------------------------ columns */

static bool read_column(struct reading *r, const struct parquet_node *n, size_t at, size_t columns, struct json **cell, struct err *e)
{
    r->leaf_first = n->leaf_first;
    r->levels = LEVELS_MAX;
    r->leaf = arena_try_array(r->scratch, n->leaf_count, sizeof *r->leaf);
    if (!r->leaf) return err_set(e, ERR_TOO_LARGE, "the column has too many parts");
    for (size_t i = 0; i < n->leaf_count; i++)
        if (!read_leaf(r, n->leaf_first + i, &r->leaf[i], e)) return false;
    for (size_t row = 0; row < r->rows; row++) {
        for (size_t i = 0; i < n->leaf_count; i++) {
            r->leaf[i].at = r->leaf[i].row[row];
            r->leaf[i].end = r->leaf[i].row[row + 1];
            r->leaf[i].is_cut_now = r->leaf[i].is_cut[row];
        }
        if (!(cell[row * columns + at] = value(r, n, e))) return false;
    }
    return true;
}

bool parquet_read(struct parquet *p, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
                  struct arena *a, struct parquet_cells *out, struct err *e)
{
    struct reading r = { .p = p, .first = first, .o = o, .a = a, .budget = { o->bytes_max, o->steps_max, UINT64_MAX } };
    uint64_t there = first < p->rows_count ? p->rows_count - first : 0;
    if (n > PARQUET_ROWS_MAX) return err_set(e, ERR_INVALID, "at most %d rows are read at a time", PARQUET_ROWS_MAX);
    r.rows = n < there ? n : (size_t)there;
    while (r.rows && p->inner->group[r.group].first_row + p->inner->group[r.group].rows <= first) r.group++;
    *out = (struct parquet_cells){ .rows_count = r.rows };
    out->cell = arena_try_array(a, r.rows * columns_count + 1, sizeof *out->cell);
    out->problem = arena_try_array(a, columns_count + 1, sizeof *out->problem);
    if (!out->cell || !out->problem) return err_set(e, ERR_TOO_LARGE, "too many cells");
    for (size_t i = 0; i < columns_count; i++) {
        struct err why;
        must(column[i] < p->columns_count);
        r.scratch = arena_new(0);
        if (!read_column(&r, &p->column[column[i]], i, columns_count, out->cell, &why)) {
            out->problem[i] = arena_cstr(a, str_c(why.msg));
            for (size_t row = 0; row < r.rows; row++) out->cell[row * columns_count + i] = NULL;
        }
        arena_free(r.scratch);
    }
    out->bytes_spent = o->bytes_max - r.budget.bytes;
    out->steps_spent = o->steps_max - r.budget.steps;
    return true;
}
