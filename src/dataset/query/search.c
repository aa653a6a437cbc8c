/* dataset/query/search.c - rows by words, as the public service ranks them: BM25 (k 1.2, b 0.75) over all columns of text together, any of the words, the
 * best row first. */
#include <math.h>
#include <stdlib.h>

#include "dataset/query/scan.h"
#include "dataset/query/words.h"

enum { COLUMNS_MAX = 100 };

/* ------------------------------------------------------------------ rows */

struct hit {
    uint64_t row;
    double score;
    struct word_count count;
};
struct search {
    const struct dataset_table *t;
    size_t column[COLUMNS_MAX]; /* of it */
    size_t columns;
    struct batch_column of_file[COLUMNS_MAX];
    size_t of_file_n;
    struct word_set words;
    uint64_t rows, words_all, rows_with[WORDS_MAX];
    struct hit *hit;
    size_t hits;
    struct arena *a;
    /* Of the batch under way: */
    const struct parquet_node *node;
    struct word_count count[BATCH_ROWS_MAX];
};

static bool has_text(const struct parquet_node *n)
{
    if (n->shape == PARQUET_LEAF) return n->logical == PARQUET_STRING || n->logical == PARQUET_ANY || n->logical == PARQUET_JSON;
    for (size_t i = 0; i < n->children_count || (n->shape == PARQUET_LIST && i < 1); i++)
        if (has_text(&n->child[i])) return true;
    return false;
}

/* Of a struct, members that are no text (a date, say) are passed; any JSON value is looked at as it is. */
static void look(const struct search *s, struct word_count *to, const struct parquet_node *n, const struct json *v)
{
    if (json_is(v, JSON_STRING) && (n->shape != PARQUET_LEAF || has_text(n))) words_count(&s->words, v->s, to);
    if (!v || (v->type != JSON_ARRAY && v->type != JSON_OBJECT)) return;
    size_t i = 0;
    json_each (item, v) {
        const struct parquet_node *child = n;
        if (n->shape == PARQUET_LIST) child = &n->child[0];
        if (n->shape == PARQUET_STRUCT && i < n->children_count) child = &n->child[i++];
        look(s, to, child, item);
    }
}

static void look_at_piece(void *ctx, size_t row, const struct parquet_piece *piece)
{
    struct search *s = ctx;
    for (size_t i = 0, k = 0; i < piece->rows && k < piece->n; i++) {
        if (piece->is_there && !piece->is_there[i]) continue;
        size_t at = piece->index ? piece->index[k] : k;
        k++;
        if (piece->value.text) words_count(&s->words, piece->value.text[at], &s->count[row + i]);
        else if (piece->value.json) look(s, &s->count[row + i], s->node, piece->value.json[at]);
    }
}

/* False: there are too many to be ranked. */
static bool add_row(struct search *s, uint64_t row, const struct word_count *count)
{
    bool is_hit = false;
    s->rows++;
    s->words_all += count->all;
    for (size_t i = 0; i < s->words.n; i++) {
        s->rows_with[i] += count->of[i] > 0;
        is_hit |= count->of[i] > 0;
    }
    if (!is_hit) return true;
    if (s->hits == SCAN_FOUND_MAX) return false;
    s->hit = arena_grow(s->a, s->hit, s->hits, sizeof *s->hit);
    s->hit[s->hits++] = (struct hit){ .row = row, .count = *count };
    return true;
}

static void begin(void *ctx, struct dataset_part *p, const struct batch_column **column, size_t *n)
{
    struct search *s = ctx;
    s->of_file_n = 0;
    for (size_t k = 0; k < s->columns; k++) {
        const struct dataset_column *shown = &s->t->column[s->column[k]];
        struct batch_column *c = &s->of_file[s->of_file_n];
        *c = (struct batch_column){ .node = shown->node, .column = s->column[k], .name = shown->name, .wants_values = true };
        if (batch_column_find(p, c) && has_text(c->node)) s->of_file_n++;
    }
    *column = s->of_file;
    *n = s->of_file_n;
}

static bool take(void *ctx, struct batches *b, uint64_t first, size_t rows, bool *is_enough, struct err *e)
{
    struct search *s = ctx;
    memset(s->count, 0, rows * sizeof *s->count);
    for (size_t k = 0; k < s->of_file_n; k++) {
        s->node = s->of_file[k].node;
        if (!batches_take(b, k, look_at_piece, s, e)) return false;
    }
    for (size_t i = 0; i < rows && !*is_enough; i++) *is_enough = !add_row(s, first + i, &s->count[i]);
    return true;
}

static void score(struct search *s)
{
    const double k = 1.2, b = 0.75;
    double rows = (double)s->rows, average = s->rows ? (double)s->words_all / rows : 1;
    for (size_t i = 0; i < s->hits; i++) {
        struct hit *h = &s->hit[i];
        for (size_t w = 0; w < s->words.n; w++) {
            double with = (double)s->rows_with[w], n = h->count.of[w];
            if (n > 0) h->score += log10((rows - with + 0.5) / (with + 0.5) + 1) * n * (k + 1) / (n + k * (1 - b + b * h->count.all / average));
        }
    }
}

static int best_first(const void *x, const void *y)
{
    const struct hit *a = x, *b = y;
    if (a->score > b->score || a->score < b->score) return a->score < b->score ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

static size_t text_columns(const struct dataset_table *t, size_t *column)
{
    size_t n = 0;
    for (size_t k = 0; k < t->columns_count && n < COLUMNS_MAX; k++)
        if (t->column[k].kind == DATASET_PLAIN && has_text(t->column[k].node)) column[n++] = k;
    return n;
}

bool dataset_is_searchable(const struct dataset_table *t)
{
    size_t column[COLUMNS_MAX];
    return text_columns(t, column) > 0;
}

bool dataset_search(struct dataset_table *t, str query, struct dataset_window window, struct scan_asker asker, struct arena *a, struct dataset_found *out,
                    struct err *e)
{
    struct search *s = arena_one(a, struct search);
    *out = (struct dataset_found){ .row = arena_alloc(a, (window.length + 1) * sizeof *out->row) };
    s->a = a;
    s->t = t;
    s->columns = text_columns(t, s->column);
    if (query.n > SEARCH_BYTES_MAX) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter 'query' has more than %d bytes", SEARCH_BYTES_MAX);
    if (!s->columns) return err_kind(e, ERR_INVALID, "SearchFeatureNotAvailableError", "The search feature is not available for this split: it has no column of text");
    if (!word_set_parse(query, a, &s->words)) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter 'query' has more than %d words", WORDS_MAX);
    if (!s->words.n) return true;
    struct dataset_scan scan = { .begin = begin, .take = take, .ctx = s, .asker = asker };
    if (!dataset_scan(t, &scan, e)) return false;
    score(s);
    if (s->hits) qsort(s->hit, s->hits, sizeof *s->hit, best_first);
    out->total = s->hits;
    out->is_partial = scan.is_partial;
    for (uint64_t i = window.offset; i < s->hits && out->n < window.length; i++) out->row[out->n++] = s->hit[i].row;
    return true;
}
