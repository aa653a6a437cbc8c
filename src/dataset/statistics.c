/* dataset/statistics.c - what the columns of a split hold: counts, bounds, means, histograms, frequencies.
 *
 * The definitions are the public service's: figures are rounded to 5 decimals, the deviation is that of a sample, the median of an even
 * number of values the mean of the two in the middle, and a histogram has ten bins (of integers: bins of a whole width, so sometimes
 * fewer), each without its end but the last. Text is counted by its length in characters, or by its values where these are few; lists
 * by their length, pictures by their width. Columns of other types have no statistics.
 *
 * A column is read by itself, but for text, where each would go through the whole file: there some are read together.  What all of it may cost is bounded by
 * a budget that the reads share. */
#include <math.h>
#include <stdlib.h>

#include "dataset/dataset.h"

enum {
    CHUNK_BYTES = 32 << 20, CHUNK_BYTES_MAX = 256 << 20, CHUNK_ROWS_MIN = 100, /* of values in memory, as a rule and at most */
    TOGETHER_MAX = 16,
    LABELS_MAX = 1000, FEW_LABELS = 10, LABEL_SLOTS = 4096, LABEL_BYTES_MAX = 4096,
    BINS = 10,
};

struct label {
    str text; /* .p NULL: the slot is free */
    uint64_t count;
};
struct scan {
    const struct dataset_column *column;
    const char *type; /* column_type */
    uint64_t rows, nulls, yes, no_label;
    double *number; /* of what is not null: the value, or a length */
    size_t n;
    bool is_whole; /* numbers are integers */
    bool is_counted; /* nothing came that cannot be */
    struct label *label;
    size_t labels;
    uint64_t *of_name; /* class labels: how many of each */
    size_t names;
    struct arena *a;
};

/* NULL: nothing is counted. */
static const char *type_of(const struct dataset_column *c)
{
    const struct parquet_node *n = c->node;
    if (c->kind == DATASET_LABEL) return json_is(c->names, JSON_ARRAY) ? "class_label" : NULL;
    if (c->kind == DATASET_IMAGE) return "image";
    if (c->kind == DATASET_MEDIA) return NULL;
    if (n->shape == PARQUET_LIST) return "list";
    if (n->shape != PARQUET_LEAF) return NULL;
    if (n->logical == PARQUET_STRING) return "string_text";
    if (n->physical == PARQUET_BOOLEAN) return "bool";
    if (n->physical == PARQUET_FLOAT || n->physical == PARQUET_DOUBLE || n->logical == PARQUET_FLOAT16) return "float";
    bool is_integer = n->logical == PARQUET_PLAIN || n->logical == PARQUET_INTEGER;
    return is_integer && (n->physical == PARQUET_INT32 || n->physical == PARQUET_INT64) ? "int" : NULL;
}

/* ------------------------------------------------------------------ taking values in */

static size_t characters(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* Past LABELS_MAX nothing is kept: there are too many to be shown. */
static void count_label(struct scan *s, str text)
{
    uint32_t hash = 2166136261u;
    if (s->labels > LABELS_MAX) return;
    if (text.n > LABEL_BYTES_MAX) {
        s->labels = LABELS_MAX + 1; /* nobody's label */
        return;
    }
    for (size_t i = 0; i < text.n; i++) hash = (hash ^ (unsigned char)text.p[i]) * 16777619u;
    size_t at = hash % LABEL_SLOTS;
    while (s->label[at].text.p && !str_eq(s->label[at].text, text)) at = (at + 1) % LABEL_SLOTS;
    if (!s->label[at].text.p) {
        if (++s->labels > LABELS_MAX) return;
        s->label[at].text = arena_dup(s->a, text);
    }
    s->label[at].count++;
}

static void add_number(struct scan *s, double v)
{
    s->number = arena_grow(s->a, s->number, s->n, sizeof *s->number);
    s->number[s->n++] = v;
}

/* Infinities have no mean and integers from 2^63 on no place: such a column is left out. */
static bool take(struct scan *s, const struct json *v)
{
    struct media m;
    s->rows++;
    if (v->type == JSON_NULL) {
        s->nulls++;
    } else if (str_eq(str_c(s->type), STR("bool"))) {
        s->yes += v->type == JSON_BOOL && v->b;
    } else if (str_eq(str_c(s->type), STR("class_label"))) {
        if (v->type != JSON_INT) return false;
        if (v->i >= 0 && (uint64_t)v->i < s->names) s->of_name[v->i]++;
        else s->no_label++;
    } else if (str_eq(str_c(s->type), STR("list"))) {
        add_number(s, (double)v->count);
    } else if (str_eq(str_c(s->type), STR("image"))) {
        if (media_parse(json_str_or(v, STR("bytes"), STR("")), s->a, &m) && m.width) add_number(s, m.width);
        else s->nulls++;
    } else if (str_eq(str_c(s->type), STR("string_text"))) {
        add_number(s, (double)characters(v->s));
        count_label(s, v->s);
    } else if (v->type == JSON_STRING) {
        s->nulls += str_eq(v->s, STR("NaN"));
        return str_eq(v->s, STR("NaN"));
    } else {
        if (v->type == JSON_INT && (v->i > (int64_t)1 << 53 || v->i < -((int64_t)1 << 53))) return false; /* no longer exact */
        add_number(s, v->type == JSON_INT ? (double)v->i : v->r);
    }
    return true;
}

static size_t chunk_rows(const struct dataset_table *t)
{
    uint64_t row_bytes = t->rows_count ? t->unpacked_bytes / t->rows_count + 1 : 1, n = CHUNK_BYTES / row_bytes;
    return n < CHUNK_ROWS_MIN ? CHUNK_ROWS_MIN : n > PARQUET_ROWS_MAX ? PARQUET_ROWS_MAX : (size_t)n;
}

static bool take_cells(struct scan *s, size_t n, const struct parquet_cells *cells, struct err *e)
{
    for (size_t k = 0; k < n; k++) {
        if (cells->problem[k]) return err_set(e, ERR_UNPROCESSABLE, "Column \"%.*s\": %s", STR_ARG(str_to(s[k].column->name, 100)), cells->problem[k]);
        for (size_t r = 0; r < cells->rows_count && s[k].is_counted; r++) s[k].is_counted = take(&s[k], cells->cell[r * n + k]);
    }
    return true;
}

static bool read_columns(struct dataset_table *t, struct scan *s, size_t n, uint64_t rows_max, struct dataset_budget *left, struct err *e)
{
    size_t column[TOGETHER_MAX], most = chunk_rows(t);
    bool goes_on = true, ok = true;
    for (size_t k = 0; k < n; k++) column[k] = (size_t)(s[k].column - t->column);
    for (size_t i = 0; i < t->parts_count && goes_on; i++) {
        struct dataset_part *p = &t->part[i];
        for (uint64_t from = 0; from < p->rows_count && goes_on && ok; ) {
            struct parquet_options o = { .text_bytes_max = PARQUET_PAGE_BYTES_MAX, .cell_values_max = SIZE_MAX, .bytes_max = left->bytes,
                                         .steps_max = left->steps, .binary = media_write };
            struct parquet_cells cells;
            uint64_t rows = rows_max - p->first_row - from;
            struct arena *chunk = arena_new(CHUNK_BYTES_MAX);
            ok = dataset_read(p, from, rows < most ? (size_t)rows : most, column, n, &o, chunk, &cells, e) && take_cells(s, n, &cells, e);
            if (ok) {
                left->bytes -= cells.bytes_spent;
                left->steps -= cells.steps_spent;
                from += cells.rows_count;
                goes_on = false;
                for (size_t k = 0; k < n; k++) goes_on |= s[k].is_counted;
                goes_on &= cells.rows_count && p->first_row + from < rows_max;
            }
            arena_free(chunk);
        }
        goes_on &= ok;
    }
    return ok;
}

/* ------------------------------------------------------------------ figures */

static double rounded(double v) { return fabs(v) < 1e15 ? round(v * 1e5) / 1e5 : v; }

static void write_number(struct json_writer *w, const char *key, double v, bool is_whole)
{
    if (is_whole) jw_kint(w, key, (int64_t)v);
    else jw_key(w, str_c(key)), jw_real(w, rounded(v));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void write_edge(struct json_writer *w, double v, bool is_whole)
{
    if (is_whole) jw_int(w, (int64_t)v);
    else jw_real(w, rounded(v));
}

/* number: sorted. */
static void write_histogram(struct json_writer *w, const double *number, size_t n, bool is_whole)
{
    double min = number[0], max = number[n - 1], width = is_whole ? ceil((max - min + 1) / BINS) : (max - min) / BINS;
    if (!isfinite(width)) width = 0; /* from one end of all numbers to the other */
    size_t bins = min == max || width <= 0 ? 1 : is_whole ? (size_t)ceil((max - min + 1) / width) : BINS;
    uint64_t count[BINS] = { 0 };
    for (size_t i = 0; i < n; i++) {
        size_t bin = bins > 1 ? (size_t)((number[i] - min) / width) : 0;
        count[bin < bins ? bin : bins - 1]++;
    }
    jw_kobject(w, "histogram");
    jw_karray(w, "hist");
    for (size_t i = 0; i < bins; i++) jw_int(w, (int64_t)count[i]);
    jw_array_end(w);
    jw_karray(w, "bin_edges");
    for (size_t i = 0; i < bins; i++) write_edge(w, min + (double)i * width, is_whole);
    write_edge(w, max, is_whole);
    jw_array_end(w);
    jw_object_end(w);
}

static void write_numbers(struct scan *s, struct json_writer *w)
{
    static const char *const figure[] = { "min", "max", "mean", "median", "std", "histogram" };
    double sum = 0, squares = 0;
    if (!s->n) {
        for (size_t i = 0; i < COUNT(figure); i++) jw_knull(w, figure[i]);
        return;
    }
    qsort(s->number, s->n, sizeof *s->number, by_size);
    for (size_t i = 0; i < s->n; i++) sum += s->number[i];
    double mean = sum / (double)s->n;
    for (size_t i = 0; i < s->n; i++) squares += (s->number[i] - mean) * (s->number[i] - mean);
    write_number(w, "min", s->number[0], s->is_whole);
    write_number(w, "max", s->number[s->n - 1], s->is_whole);
    write_number(w, "mean", mean, false);
    write_number(w, "median", (s->number[(s->n - 1) / 2] + s->number[s->n / 2]) / 2, false);
    if (s->n > 1) write_number(w, "std", sqrt(squares / (double)(s->n - 1)), false);
    else jw_knull(w, "std");
    write_histogram(w, s->number, s->n, s->is_whole);
}

static int by_count(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return str_cmp(x->text, y->text);
}

static void write_labels(struct scan *s, struct json_writer *w)
{
    jw_kint(w, "no_label_count", 0);
    write_number(w, "no_label_proportion", 0, false);
    jw_kint(w, "n_unique", (int64_t)s->labels);
    jw_kobject(w, "frequencies");
    qsort(s->label, LABEL_SLOTS, sizeof *s->label, by_count);
    for (size_t i = 0; i < s->labels; i++) {
        jw_key(w, s->label[i].text);
        jw_int(w, (int64_t)s->label[i].count);
    }
    jw_object_end(w);
}

static void write_names(const struct scan *s, struct json_writer *w)
{
    size_t i = 0;
    jw_kint(w, "no_label_count", (int64_t)s->no_label);
    write_number(w, "no_label_proportion", s->rows ? (double)s->no_label / (double)s->rows : 0, false);
    jw_kint(w, "n_unique", (int64_t)s->names);
    jw_kobject(w, "frequencies");
    json_each (name, s->column->names) {
        jw_key(w, json_is(name, JSON_STRING) ? name->s : STR(""));
        jw_int(w, (int64_t)s->of_name[i++]);
    }
    jw_object_end(w);
}

/* Few values, or few for so many rows; null is one of them. */
static bool are_labels(const struct scan *s)
{
    size_t n = s->labels + (s->nulls > 0);
    return n <= FEW_LABELS || (n <= LABELS_MAX && (double)n / (double)s->rows <= 0.2);
}

static void write_column(struct scan *s, struct json_writer *w)
{
    bool is_text = str_eq(str_c(s->type), STR("string_text"));
    if (is_text && are_labels(s)) s->type = "string_label";
    jw_object(w);
    jw_kstr(w, "column_name", s->column->name);
    jw_kstr(w, "column_type", str_c(s->type));
    jw_kobject(w, "column_statistics");
    jw_kint(w, "nan_count", (int64_t)s->nulls);
    write_number(w, "nan_proportion", s->rows ? (double)s->nulls / (double)s->rows : 0, false);
    if (str_eq(str_c(s->type), STR("bool"))) {
        jw_kobject(w, "frequencies");
        jw_kint(w, "False", (int64_t)(s->rows - s->nulls - s->yes));
        jw_kint(w, "True", (int64_t)s->yes);
        jw_object_end(w);
    } else if (str_eq(str_c(s->type), STR("class_label"))) {
        write_names(s, w);
    } else if (str_eq(str_c(s->type), STR("string_label"))) {
        write_labels(s, w);
    } else {
        write_numbers(s, w);
    }
    jw_object_end(w);
    jw_object_end(w);
}

/* ------------------------------------------------------------------ a split */

static int by_name(const void *a, const void *b)
{
    const struct dataset_column *const *x = a, *const *y = b;
    return str_cmp((*x)->name, (*y)->name);
}

bool dataset_has_statistics(const struct dataset_table *t)
{
    for (size_t k = 0; k < t->columns_count; k++)
        if (type_of(&t->column[k])) return true;
    return false;
}

static void begin(struct scan *s, const struct dataset_column *c)
{
    *s = (struct scan){ .column = c, .type = type_of(c), .is_counted = true, .a = arena_new(0) };
    s->is_whole = !str_eq(str_c(s->type), STR("float"));
    s->names = c->names ? c->names->count : 0;
    s->of_name = arena_alloc(s->a, (s->names + 1) * sizeof *s->of_name);
    s->label = arena_alloc(s->a, LABEL_SLOTS * sizeof *s->label);
}

bool dataset_statistics_write(struct dataset_table *t, uint64_t rows_max, struct dataset_budget *left, struct json_writer *w, size_t *written, struct err *e)
{
    struct arena *a = arena_new(0);
    const struct dataset_column **sorted = arena_alloc(a, (t->columns_count + 1) * sizeof *sorted);
    bool ok = true;
    *written = 0;
    for (size_t k = 0; k < t->columns_count; k++) sorted[k] = &t->column[k];
    qsort(sorted, t->columns_count, sizeof *sorted, by_name);
    for (size_t i = 0; i < t->columns_count && ok;) {
        struct scan scan[TOGETHER_MAX];
        size_t n = 0, together = t->parts_count && t->part[0].text ? TOGETHER_MAX : 1;
        for (; i < t->columns_count && n < together; i++)
            if (type_of(sorted[i])) begin(&scan[n++], sorted[i]);
        ok = !n || read_columns(t, scan, n, rows_max, left, e);
        for (size_t k = 0; k < n; k++) {
            if (ok && scan[k].is_counted) {
                write_column(&scan[k], w);
                ++*written;
            }
            arena_free(scan[k].a);
        }
    }
    arena_free(a);
    return ok;
}
