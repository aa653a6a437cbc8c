/* dataset/parquet/cursor.c - a column in batches: values of many rows at once, as they lie in a page, for whoever asks something of all rows.
 *
 * Nothing is made of a value that is not looked at: text is a view of the page, a number an integer, and of a dictionary only places are given, so
 * that what is asked of its values is asked once of each. */
#include "dataset/parquet/parquet_priv.h"

enum { DICTIONARY_MAX = 1 << 17 }; /* entries; of a larger one the values are given themselves */

struct parquet_cursor {
    struct pq_column *column;
    const struct parquet_node *node, *leaf;
    struct parquet_budget *budget;
    bool wants_values;
    const struct pq_dictionary *dictionary; /* NULL: it was not unfolded yet */
    struct parquet_vector entries;
    uint64_t entries_bytes;
    struct arena *own, *scratch; /* scratch: for values of one piece */
    uint8_t *is_there;
    uint32_t *index;
    int64_t *ordinal;
    str *text;
    struct json **json;
};

static bool is_text(const struct parquet_node *n) { return n->logical == PARQUET_STRING || n->logical == PARQUET_JSON; }

bool parquet_cursor_open(struct parquet *p, size_t group, const struct parquet_node *node, bool wants_values, struct parquet_budget *budget,
                         struct parquet_cursor **out, struct err *e)
{
    struct pq_column *column;
    *out = NULL;
    if (!pq_column_open(p, group, node->leaf_first, budget, &column, e)) return false;
    struct arena *own = arena_new(0);
    struct parquet_cursor *c = *out = arena_one(own, struct parquet_cursor);
    *c = (struct parquet_cursor){ .column = column, .node = node, .leaf = p->inner->leaf[node->leaf_first], .budget = budget, .own = own };
    c->wants_values = wants_values && node->shape == PARQUET_LEAF && !c->leaf->max_rep;
    c->scratch = arena_new(2 * (size_t)PARQUET_PAGE_BYTES_MAX);
    c->is_there = arena_alloc(own, PARQUET_PIECE_ROWS_MAX);
    if (!c->wants_values) return true;
    c->index = arena_alloc(own, PARQUET_PIECE_ROWS_MAX * sizeof *c->index);
    if (parquet_has_ordinals(c->leaf)) c->ordinal = arena_alloc(own, PARQUET_PIECE_ROWS_MAX * sizeof *c->ordinal);
    else c->text = arena_alloc(own, PARQUET_PIECE_ROWS_MAX * sizeof *c->text);
    if (!c->ordinal && !is_text(c->leaf)) c->json = arena_alloc(own, PARQUET_PIECE_ROWS_MAX * sizeof *c->json);
    return true;
}

void parquet_cursor_close(struct parquet_cursor *c)
{
    if (!c) return;
    pq_column_close(c->column);
    c->budget->held += c->entries_bytes;
    arena_free(c->scratch);
    arena_free(c->own);
}

bool parquet_cursor_skip(struct parquet_cursor *c, uint64_t rows, struct err *e) { return pq_column_skip(c->column, rows, e); }

/* ------------------------------------------------------------------ values */

static bool make_json(struct parquet_cursor *c, const str *text, size_t n, struct json **out, struct arena *a, struct err *e)
{
    static const struct parquet_options whole = { .text_bytes_max = PARQUET_PAGE_BYTES_MAX };
    for (size_t i = 0; i < n; i++) {
        union pq_value v = { .b = bytes_of(text[i]) };
        if (!(out[i] = pq_json(c->leaf, &v, &whole, a, e))) return false;
    }
    return true;
}

/* The entries of the dictionary, the first time; there is one for all pages. */
static bool unfold(struct parquet_cursor *c, const struct pq_dictionary *d, struct err *e)
{
    enum { ENTRY_BYTES = 16, JSON_BYTES = 300 };
    size_t n = d->count + 1;
    uint64_t bytes_n = n * (c->json ? JSON_BYTES : ENTRY_BYTES);
    if (!pq_spend(&c->budget->held, bytes_n, e)) return false;
    c->entries_bytes = bytes_n;
    int64_t *ordinal = c->ordinal ? arena_alloc(c->own, n * sizeof *ordinal) : NULL;
    str *text = c->text ? arena_alloc(c->own, n * sizeof *text) : NULL;
    struct json **json = c->json ? arena_alloc(c->own, n * sizeof *json) : NULL;
    if (ordinal) pq_dictionary_ordinals(d, c->leaf, ordinal);
    if (text) pq_dictionary_bytes(d, c->leaf, text);
    if (json && !make_json(c, text, d->count, json, c->own, e)) return false;
    c->entries = (struct parquet_vector){ ordinal, json ? NULL : text, json };
    c->dictionary = d;
    return true;
}

static bool take_values(struct parquet_cursor *c, struct pq_values *v, struct parquet_piece *out, struct err *e)
{
    arena_reset(c->scratch);
    if (v->kind == PQ_INDEX && v->dictionary->count <= DICTIONARY_MAX && out->n) {
        out->is_new = !c->dictionary;
        if (out->is_new && !unfold(c, v->dictionary, e)) return false;
        out->value = c->entries;
        out->index = c->index;
        out->dictionary_n = v->dictionary->count;
        return pq_values_take_indexes(v, out->n, c->index) || err_set(e, ERR_INVALID, "a page has fewer values than it says, or one that is not in the dictionary");
    }
    out->value = (struct parquet_vector){ c->ordinal, c->json ? NULL : c->text, c->json };
    bool ok = c->ordinal ? pq_values_take_ordinals(v, out->n, c->ordinal) : pq_values_take_bytes(v, out->n, c->text, c->scratch);
    if (!ok) return err_set(e, ERR_INVALID, "a page has fewer values than it says, or one that is malformed");
    return !c->json || make_json(c, c->text, out->n, c->json, c->scratch, e);
}

bool parquet_cursor_take(struct parquet_cursor *c, size_t rows_max, struct parquet_piece *out, struct err *e)
{
    struct pq_stretch s;
    *out = (struct parquet_piece){ 0 };
    if (rows_max > PARQUET_PIECE_ROWS_MAX) rows_max = PARQUET_PIECE_ROWS_MAX;
    if (!pq_column_stretch(c->column, c->node->def, rows_max, c->is_there, &s, e)) return false;
    *out = (struct parquet_piece){ .rows = s.rows, .is_there = s.is_full ? NULL : c->is_there, .n = s.n };
    if (c->wants_values) return take_values(c, s.values, out, e);
    return !s.values || pq_values_skip(s.values, s.n, c->budget, e);
}

struct json *parquet_ordinal_json(const struct parquet_node *leaf, int64_t ordinal, struct arena *a)
{
    static const struct parquet_options none = { 0 };
    union pq_value v = pq_value_of(leaf, ordinal);
    struct err ignored;
    return pq_json(leaf, &v, &none, a, &ignored);
}

int64_t parquet_ordinal_of_double(double d)
{
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits ^ (bits >> 63 & INT64_MAX);
}
