/* dataset/query/scan.c - goes through the rows of a split batch by batch, and keeps a page of those that match a condition, in their order or another. */
#include <stdlib.h>

#include "base/clock.h"
#include "dataset/query/scan.h"

enum { STEPS_MAX = 200 << 20 /* of a batch */, HELD_BYTES_MAX = 512 << 20, KEYS_BYTES_MAX = 256 << 20, RANKED_MIN = 4096 };

/* ------------------------------------------------------------------ batches, within bounds */

struct going {
    struct dataset_scan *s;
    struct parquet_budget left;
    int64_t until_ms;
    bool is_over;
    struct err *e;
};

/* The last quarter of the bytes is for the batch under way. */
static bool go_on(struct going *g)
{
    const struct scan_asker *asker = &g->s->asker;
    if (asker->has_left && asker->has_left(asker->ctx)) return err_set(g->e, ERR_CLOSED, "the client has left");
    g->left.steps = STEPS_MAX;
    if (g->left.bytes < SCAN_BYTES_MAX / 4 || clock_mono_ms() > g->until_ms) g->is_over = true;
    return true;
}

static bool take_group(struct going *g, struct dataset_part *p, size_t group, const struct batch_column *column, size_t columns)
{
    struct dataset_scan *s = g->s;
    uint64_t at = 0, n;
    size_t rows = 0;
    if (batches_are_pages(p)) parquet_group_rows(p->parquet, group, &at, &n);
    struct batches *b = batches_open(p, group, column, columns, &g->left);
    bool ok = true;
    for (at += p->first_row; ok; at += rows) {
        ok = go_on(g) && (g->is_over || batches_next(b, &rows, g->e));
        if (!ok || g->is_over || !rows) break;
        ok = s->take(s->ctx, b, at, rows, &g->is_over, g->e);
    }
    batches_close(b);
    return ok || err_context(g->e, "%.*s", STR_ARG(str_to(p->file->path, 200)));
}

bool dataset_scan(struct dataset_table *t, struct dataset_scan *s, struct err *e)
{
    struct going g = { .s = s, .left = { SCAN_BYTES_MAX, 0, HELD_BYTES_MAX }, .until_ms = clock_mono_ms() + SCAN_MS_MAX, .e = e };
    bool ok = true;
    for (size_t i = 0; i < t->parts_count && ok && !g.is_over; i++) {
        struct dataset_part *p = &t->part[i];
        const struct batch_column *column;
        size_t columns, groups = batches_groups(p);
        s->begin(s->ctx, p, &column, &columns);
        for (size_t group = 0; ok && !g.is_over && group < groups; group++)
            if (!s->may_match || !batches_are_pages(p) || s->may_match(s->ctx, group)) ok = take_group(&g, p, group, column, columns);
    }
    s->is_partial = g.is_over || !t->is_counted;
    return ok;
}

/* ------------------------------------------------------------------ the first of an order */

struct ranked {
    uint64_t row;
    struct where_key key;
};
/* The best `most` of what was seen, and some that came since they were sorted last. */
struct ranking {
    struct ranked *of;
    size_t n, most, cap;
    bool is_full; /* of[most - 1] is the last of the best */
    bool is_descending;
    struct arena *texts;
};

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

static void ranking_init(struct ranking *r, struct dataset_window window, bool is_descending)
{
    *r = (struct ranking){ .is_descending = is_descending, .texts = arena_new(KEYS_BYTES_MAX) };
    r->most = window.offset < SCAN_FOUND_MAX - window.length ? (size_t)window.offset + window.length : SCAN_FOUND_MAX;
    r->cap = r->most + (r->most / 4 > RANKED_MIN ? r->most / 4 : RANKED_MIN);
}

static void ranking_deinit(struct ranking *r)
{
    mem_free(r->of);
    arena_free(r->texts);
}

static bool keep_text(struct ranked *x, struct arena *a)
{
    char *copy = arena_try(a, x->key.text.n + 1);
    if (!copy) return false;
    if (x->key.text.n) memcpy(copy, x->key.text.p, x->key.text.n);
    x->key.text.p = copy;
    return true;
}

/* Sorts, forgets what is behind the best, and the texts of that. */
static bool ranking_sort(struct ranking *r)
{
    struct arena *texts = arena_new(KEYS_BYTES_MAX);
    bool ok = true;
    if (r->n) qsort(r->of, r->n, sizeof *r->of, r->is_descending ? descending : ascending);
    if (r->n > r->most) r->n = r->most;
    r->is_full = r->n == r->most;
    for (size_t i = 0; i < r->n && ok; i++) ok = keep_text(&r->of[i], texts);
    arena_free(r->texts);
    r->texts = texts;
    return ok;
}

/* False: there is no room for its text. */
static bool ranking_add(struct ranking *r, const struct ranked *one)
{
    if (!r->most) return true;
    if (r->is_full && (r->is_descending ? descending : ascending)(one, &r->of[r->most - 1]) > 0) return true;
    if (r->n == r->cap && !ranking_sort(r)) return false;
    if (!(r->n & (r->n - 1))) r->of = mem_grow(r->of, (r->n ? 2 * r->n : 1) * sizeof *r->of);
    r->of[r->n] = *one;
    return keep_text(&r->of[r->n++], r->texts);
}

/* ------------------------------------------------------------------ a condition */

struct filter {
    struct where *where;
    const struct where_order *order;
    struct dataset_window window;
    struct dataset_found *out;
    struct ranking ranking;
    struct where_asked *asked; /* of the file under way */
    struct batch_column *column;
    size_t order_at;           /* STR_NONE: the file has no such column */
    struct arena *of_file, *scratch;
    /* Of the batch under way: */
    uint64_t first;
    const uint8_t *truth;
    bool has_room;
};

static void filter_begin(void *ctx, struct dataset_part *p, const struct batch_column **column, size_t *n)
{
    struct filter *f = ctx;
    const struct where_column *by = &f->order->by;
    arena_free(f->of_file);
    f->of_file = arena_new(0);
    f->asked = where_ask(f->where, p, f->of_file);
    *column = where_columns(f->asked, n);
    f->order_at = STR_NONE;
    f->column = arena_alloc(f->of_file, (*n + 1) * sizeof **column);
    if (*n) memcpy(f->column, *column, *n * sizeof **column);
    *column = f->column;
    f->column[*n] = (struct batch_column){ by->node, by->column, by->name, by->member, by->members, true };
    if (f->order->is_asked && batch_column_find(p, &f->column[*n])) f->order_at = (*n)++;
}

static bool filter_may_match(void *ctx, size_t group) { return where_may_match(((struct filter *)ctx)->asked, group); }

static void add_ranked(struct filter *f, uint64_t row, const struct where_key *key)
{
    struct ranked one = { row, *key };
    f->has_room &= ranking_add(&f->ranking, &one);
}

static void rank_piece(void *ctx, size_t row, const struct parquet_piece *piece)
{
    struct filter *f = ctx;
    enum where_class class = where_class_of(f->order->by.node);
    bool has_values = piece->value.ordinal || piece->value.text || piece->value.json;
    for (size_t i = 0, k = 0; i < piece->rows; i++) {
        bool is_there = !piece->is_there || piece->is_there[i];
        size_t at = k;
        struct where_key key = { .is_null = true };
        k += is_there;
        if (f->truth[row + i] != WHERE_YES) continue;
        arena_reset(f->scratch);
        if (is_there && has_values) where_key_at(class, f->column[f->order_at].node, &piece->value, piece->index ? piece->index[at] : at, f->scratch, &key);
        add_ranked(f, f->first + row + i, &key);
    }
}

/* Those of the page that is asked for, where rows stay in their order. */
static void keep_page(struct filter *f, size_t rows, uint64_t number)
{
    struct dataset_found *out = f->out;
    for (size_t i = 0; i < rows && out->n < f->window.length; i++)
        if (f->truth[i] == WHERE_YES && number++ >= f->window.offset) out->row[out->n++] = f->first + i;
}

static bool rank(struct filter *f, struct batches *b, size_t rows, struct err *e)
{
    const struct where_key null = { .is_null = true };
    if (f->order_at != STR_NONE) return batches_take(b, f->order_at, rank_piece, f, e);
    for (size_t i = 0; i < rows; i++)
        if (f->truth[i] == WHERE_YES) add_ranked(f, f->first + i, &null);
    return true;
}

static bool filter_take(void *ctx, struct batches *b, uint64_t first, size_t rows, bool *is_enough, struct err *e)
{
    struct filter *f = ctx;
    size_t n = 0;
    f->first = first;
    if (!where_answer(f->asked, b, rows, &f->truth, e)) return false;
    *is_enough = !f->where->steps_left;
    if (*is_enough) return true; /* what was said last may be wrong */
    for (size_t i = 0; i < rows; i++) n += f->truth[i] == WHERE_YES;
    uint64_t before = f->out->total;
    f->out->total += n;
    if (n && f->order->is_asked && !rank(f, b, rows, e)) return false;
    if (n && !f->order->is_asked && f->out->total > f->window.offset) keep_page(f, rows, before);
    *is_enough = !f->has_room;
    return true;
}

bool dataset_filter(struct dataset_table *t, struct where *w, const struct where_order *order, struct dataset_window window, struct scan_asker asker,
                    struct arena *a, struct dataset_found *out, struct err *e)
{
    struct filter f = { .where = w, .order = order, .window = window, .out = out, .scratch = arena_new(0), .has_room = true };
    struct dataset_scan s = { .begin = filter_begin, .may_match = filter_may_match, .take = filter_take, .ctx = &f, .asker = asker };
    *out = (struct dataset_found){ .row = arena_alloc(a, (window.length + 1) * sizeof *out->row) };
    ranking_init(&f.ranking, window, order->is_descending);
    bool ok = dataset_scan(t, &s, e);
    if (ok && order->is_asked && !ranking_sort(&f.ranking)) s.is_partial = true;
    for (uint64_t i = window.offset; ok && i < f.ranking.n && out->n < window.length; i++) out->row[out->n++] = f.ranking.of[i].row;
    out->is_partial = s.is_partial || (order->is_asked && out->total > SCAN_FOUND_MAX && window.offset + window.length > SCAN_FOUND_MAX);
    ranking_deinit(&f.ranking);
    arena_free(f.of_file);
    arena_free(f.scratch);
    return ok;
}
