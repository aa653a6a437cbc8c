/* dataset/scan.c - goes through the rows of a split, and keeps a page of those that match a condition, in their order or another. */
#include <stdlib.h>

#include "base/clock.h"
#include "dataset/scan.h"

enum { CHUNK_BYTES = 32 << 20, CHUNK_BYTES_MAX = 256 << 20, CHUNK_ROWS_MIN = 100, STEPS_MAX = 200 << 20 };

/* ------------------------------------------------------------------ rows, in chunks */

struct going {
    struct dataset_table *t;
    struct dataset_scan *s;
    uint64_t bytes_left;
    int64_t until_ms;
    bool is_over;
    struct err *e;
};

static size_t chunk_rows(const struct dataset_table *t)
{
    uint64_t row_bytes = t->rows_count ? t->unpacked_bytes / t->rows_count + 1 : 1, n = CHUNK_BYTES / row_bytes;
    return n < CHUNK_ROWS_MIN ? CHUNK_ROWS_MIN : n > PARQUET_ROWS_MAX ? PARQUET_ROWS_MAX : (size_t)n;
}

/* A chunk that is too much at once is tried again in parts. */
static bool take_chunk(struct going *g, struct dataset_part *p, uint64_t from, size_t n, size_t *taken)
{
    struct dataset_scan *s = g->s;
    struct parquet_options o = { .text_bytes_max = PARQUET_PAGE_BYTES_MAX, .cell_values_max = SIZE_MAX, .bytes_max = g->bytes_left, .steps_max = STEPS_MAX };
    struct parquet_cells cells;
    struct arena *chunk = arena_new(CHUNK_BYTES_MAX);
    bool ok = dataset_read(p, from, n, s->column, s->columns_count, &o, chunk, &cells, g->e);
    const char *problem = NULL;
    for (size_t k = 0; ok && k < s->columns_count && !problem; k++)
        if (cells.problem[k]) {
            problem = cells.problem[k];
            err_set(g->e, ERR_UNPROCESSABLE, "Column \"%.*s\": %s", STR_ARG(str_to(g->t->column[s->column[k]].name, 100)), problem);
        }
    *taken = ok && !problem ? cells.rows_count : 0;
    for (size_t r = 0; r < *taken && !g->is_over; r++)
        g->is_over = !s->take(s->ctx, p->first_row + from + r, (const struct json *const *)&cells.cell[r * s->columns_count]);
    s->is_partial |= g->is_over;
    if (ok && !problem) g->bytes_left -= cells.bytes_spent < g->bytes_left ? cells.bytes_spent : g->bytes_left;
    arena_free(chunk);
    return ok && !problem;
}

static bool take_rows(struct going *g, struct dataset_part *p, uint64_t from, uint64_t n)
{
    size_t most = chunk_rows(g->t), taken;
    while (n && !g->is_over) {
        if (g->bytes_left < SCAN_BYTES_MAX / 4 || clock_mono_ms() > g->until_ms) { /* the last quarter is for one chunk */
            g->s->is_partial = g->is_over = true;
            break;
        }
        if (!take_chunk(g, p, from, n < most ? (size_t)n : most, &taken)) {
            if (most == 1) return err_context(g->e, "%.*s", STR_ARG(str_to(p->file->path, 200)));
            most = most > 8 ? most / 8 : 1;
            continue;
        }
        if (!taken) break;
        from += taken;
        n -= taken;
    }
    return true;
}

bool dataset_scan(struct dataset_table *t, struct dataset_scan *s, struct err *e)
{
    struct going g = { .t = t, .s = s, .bytes_left = SCAN_BYTES_MAX, .until_ms = clock_mono_ms() + SCAN_MS_MAX, .e = e };
    bool ok = true;
    s->is_partial = !t->is_counted;
    for (size_t i = 0; i < t->parts_count && ok && !g.is_over; i++) {
        struct dataset_part *p = &t->part[i];
        if (!p->parquet) ok = take_rows(&g, p, 0, p->rows_count);
        for (size_t group = 0; p->parquet && ok && !g.is_over && group < p->parquet->row_groups_count; group++) {
            uint64_t first, n;
            struct arena *scratch = arena_new(0);
            parquet_group_rows(p->parquet, group, &first, &n);
            if (!s->may_match || s->may_match(s->ctx, p->parquet, group, scratch)) ok = take_rows(&g, p, first, n);
            arena_free(scratch);
        }
    }
    return ok;
}

/* ------------------------------------------------------------------ a condition */

struct ranked {
    uint64_t row;
    struct where_key key;
};
struct filter {
    struct where *where;
    const struct where_order *order;
    size_t order_at; /* among the columns read */
    struct dataset_window window;
    struct dataset_found *out;
    struct ranked *ranked;
    size_t ranked_count;
    struct arena *a;
};

static bool filter_may_match(void *ctx, const struct parquet *p, size_t group, struct arena *a)
{
    const struct filter *f = ctx;
    return where_may_match(f->where, p, group, a);
}

static bool filter_take(void *ctx, uint64_t row, const struct json *const *value)
{
    struct filter *f = ctx;
    bool matches = where_matches(f->where, value);
    if (!f->where->steps_left) return false;
    if (!matches) return true;
    if (f->order->is_asked) {
        struct ranked one = { .row = row };
        where_key_of(&f->order->by, value[f->order_at], &one.key);
        char *copy = one.key.text.n ? arena_try(f->a, one.key.text.n) : NULL;
        if (f->ranked_count == SCAN_FOUND_MAX || (one.key.text.n && !copy)) return false;
        if (copy) memcpy(copy, one.key.text.p, one.key.text.n);
        one.key.text.p = copy;
        f->ranked = arena_grow(f->a, f->ranked, f->ranked_count, sizeof *f->ranked);
        f->ranked[f->ranked_count++] = one;
    } else if (f->out->total >= f->window.offset && f->out->n < f->window.length) {
        f->out->row[f->out->n++] = row;
    }
    f->out->total++;
    return true;
}

static int ascending(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    int order = where_key_cmp(&a->key, &b->key);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int descending(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    int order = a->key.is_null || b->key.is_null ? where_key_cmp(&a->key, &b->key) : where_key_cmp(&b->key, &a->key);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

bool dataset_filter(struct dataset_table *t, struct where *w, const struct where_order *order, struct dataset_window window, struct arena *a,
                    struct dataset_found *out, struct err *e)
{
    size_t column[WHERE_COLUMNS_MAX + 1], n = 0;
    struct filter f = { .where = w, .order = order, .window = window, .out = out, .a = a };
    *out = (struct dataset_found){ .row = arena_alloc(a, (window.length + 1) * sizeof *out->row) };
    for (; n < w->columns_count; n++) column[n] = w->column[n];
    while (f.order_at < n && column[f.order_at] != order->by.column) f.order_at++;
    if (order->is_asked && f.order_at == n) column[n++] = order->by.column;
    struct dataset_scan s = { .column = column, .columns_count = n, .may_match = filter_may_match, .take = filter_take, .ctx = &f };
    if (!dataset_scan(t, &s, e)) return false;
    out->is_partial = s.is_partial;
    if (f.ranked_count) qsort(f.ranked, f.ranked_count, sizeof *f.ranked, order->is_descending ? descending : ascending);
    for (uint64_t i = window.offset; i < f.ranked_count && out->n < window.length; i++) out->row[out->n++] = f.ranked[i].row;
    return true;
}
