/* dataset/search.c - rows by words, as the public service ranks them: BM25 (k 1.2, b 0.75) over all columns of text together, any of the words, the
 * best row first.
 *
 * A word is a run of letters and digits of any script, without its marks and in one case; of scripts without blanks (Han, kana) each sign is one.
 * There are no stop words, and no stems: what is asked for is what is found. */
#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/unicode.h"
#include "dataset/scan.h"

enum { WORD_BYTES_MAX = 64, COLUMNS_MAX = 100 };

/* ------------------------------------------------------------------ words */

struct words {
    str rest;
    char word[WORD_BYTES_MAX + 16];
    size_t n;
};

static bool stands_alone(uint32_t c)
{
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* In one case, without marks: up to a few code points. */
static void add_letter(struct words *w, uint32_t c)
{
    utf8proc_int32_t folded[8];
    int boundary = 0;
    if (w->n > WORD_BYTES_MAX) return; /* what is longer is told apart by its beginning */
    if (c < 0x80) {
        w->word[w->n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return;
    }
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, folded, COUNT(folded), UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 3; i++) w->n += str_utf8_encode((uint32_t)folded[i], w->word + w->n);
}

static bool next_word(struct words *w, str *word)
{
    for (w->n = 0; w->rest.n;) {
        uint32_t c = (unsigned char)w->rest.p[0];
        size_t size = c < 0x80 ? 1 : str_utf8_decode(w->rest, &c);
        if (!size) size = 1, c = ' ';
        bool is_letter = c < 0x80 ? (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') : unicode_is(c, UC_LETTERS | UC_MARKS | UC_NUMBERS);
        bool is_alone = is_letter && stands_alone(c);
        if (w->n && (!is_letter || is_alone)) break;
        w->rest = str_from(w->rest, size);
        if (is_letter) add_letter(w, c);
        if (is_alone) break;
    }
    *word = str_n(w->word, w->n);
    return w->n > 0;
}

/* ------------------------------------------------------------------ rows */

struct hit {
    uint64_t row;
    double score;
    uint32_t words, of[SEARCH_WORDS_MAX];
};
struct search {
    const struct parquet_node *node[COLUMNS_MAX];
    size_t columns;
    str word[SEARCH_WORDS_MAX];
    size_t words;
    uint64_t rows, words_all, rows_with[SEARCH_WORDS_MAX];
    struct hit *hit;
    size_t hits;
    struct arena *a;
};

static bool has_text(const struct parquet_node *n)
{
    if (n->shape == PARQUET_LEAF) return n->logical == PARQUET_STRING || n->logical == PARQUET_ANY || n->logical == PARQUET_JSON;
    for (size_t i = 0; i < n->children_count || (n->shape == PARQUET_LIST && i < 1); i++)
        if (has_text(&n->child[i])) return true;
    return false;
}

static void look_at_text(const struct search *s, struct hit *h, str text)
{
    struct words w = { .rest = text };
    str word;
    while (next_word(&w, &word)) {
        h->words += h->words < UINT32_MAX;
        for (size_t i = 0; i < s->words; i++)
            if (str_eq(s->word[i], word)) h->of[i]++;
    }
}

/* Of a struct, members that are no text (a date, say) are passed; any JSON value is looked at as it is. */
static void look(const struct search *s, struct hit *h, const struct parquet_node *n, const struct json *v)
{
    if (json_is(v, JSON_STRING) && (n->shape != PARQUET_LEAF || has_text(n))) look_at_text(s, h, v->s);
    if (!v || (v->type != JSON_ARRAY && v->type != JSON_OBJECT)) return;
    size_t i = 0;
    json_each (item, v) {
        const struct parquet_node *child = n;
        if (n->shape == PARQUET_LIST) child = &n->child[0];
        if (n->shape == PARQUET_STRUCT && i < n->children_count) child = &n->child[i++];
        look(s, h, child, item);
    }
}

static bool take(void *ctx, uint64_t row, const struct json *const *value)
{
    struct search *s = ctx;
    struct hit h = { .row = row };
    bool is_hit = false;
    for (size_t k = 0; k < s->columns; k++) look(s, &h, s->node[k], value[k]);
    s->rows++;
    s->words_all += h.words;
    for (size_t i = 0; i < s->words; i++) {
        s->rows_with[i] += h.of[i] > 0;
        is_hit |= h.of[i] > 0;
    }
    if (!is_hit) return true;
    if (s->hits == SCAN_FOUND_MAX) return false;
    s->hit = arena_grow(s->a, s->hit, s->hits, sizeof *s->hit);
    s->hit[s->hits++] = h;
    return true;
}

static void score(struct search *s)
{
    const double k = 1.2, b = 0.75;
    double rows = (double)s->rows, average = s->rows ? (double)s->words_all / rows : 1;
    for (size_t i = 0; i < s->hits; i++) {
        struct hit *h = &s->hit[i];
        for (size_t w = 0; w < s->words; w++) {
            double with = (double)s->rows_with[w], n = h->of[w];
            if (n > 0) h->score += log10((rows - with + 0.5) / (with + 0.5) + 1) * n * (k + 1) / (n + k * (1 - b + b * h->words / average));
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

bool dataset_search(struct dataset_table *t, str query, struct dataset_window window, struct arena *a, struct dataset_found *out, struct err *e)
{
    size_t column[COLUMNS_MAX];
    struct search *s = arena_one(a, struct search);
    struct words w = { .rest = query };
    str word;
    *out = (struct dataset_found){ .row = arena_alloc(a, (window.length + 1) * sizeof *out->row) };
    s->a = a;
    s->columns = text_columns(t, column);
    for (size_t k = 0; k < s->columns; k++) s->node[k] = t->column[column[k]].node;
    if (query.n > SEARCH_BYTES_MAX) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter 'query' has more than %d bytes", SEARCH_BYTES_MAX);
    if (!s->columns) return err_kind(e, ERR_INVALID, "SearchFeatureNotAvailableError", "The search feature is not available for this split: it has no column of text");
    while (next_word(&w, &word)) {
        bool is_new = true;
        for (size_t i = 0; i < s->words; i++) is_new &= !str_eq(s->word[i], word);
        if (is_new && s->words == SEARCH_WORDS_MAX) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter 'query' has more than %d words", SEARCH_WORDS_MAX);
        if (is_new) s->word[s->words++] = arena_dup(a, word);
    }
    if (!s->words) return true;
    struct dataset_scan scan = { .column = column, .columns_count = s->columns, .take = take, .ctx = s };
    if (!dataset_scan(t, &scan, e)) return false;
    score(s);
    if (s->hits) qsort(s->hit, s->hits, sizeof *s->hit, best_first);
    out->total = s->hits;
    out->is_partial = scan.is_partial;
    for (uint64_t i = window.offset; i < s->hits && out->n < window.length; i++) out->row[out->n++] = s->hit[i].row;
    return true;
}
