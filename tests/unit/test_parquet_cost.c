/* test_parquet_cost.c - small Parquet files that ask for much: what a page of their rows may cost. */
#include "unit.h"

#include <time.h>

#include "dataset/parquet/parquet.h"

/* ------------------------------------------------------------------ a file by hand */

struct file {
    struct buf b;
};

static bool read_file(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    struct file *f = ctx;
    (void)e;
    assert_true(at <= f->b.n && n <= f->b.n - at);
    if (n) memcpy(out, f->b.p + at, n);
    return true;
}

static void varint(struct buf *b, uint64_t v)
{
    for (; v > 127; v >>= 7) buf_byte(b, (char)(v | 128));
    buf_byte(b, (char)v);
}

enum { I32 = 5, I64 = 6, BINARY = 8, LIST = 9, STRUCT = 12 };
/* A field whose id is `step` above the one before it in its struct. */
static void field(struct buf *b, unsigned step, unsigned type) { buf_byte(b, (char)(step << 4 | type)); }
static void number(struct buf *b, unsigned step, unsigned type, uint64_t v)
{
    field(b, step, type);
    varint(b, v << 1);
}
static void end(struct buf *b) { buf_byte(b, 0); }
static void list(struct buf *b, unsigned step, size_t n)
{
    field(b, step, LIST);
    buf_byte(b, (char)(15 << 4 | STRUCT));
    varint(b, n);
}

enum { OPTIONAL = 1, REPEATED = 2 };
static void element(struct buf *b, bool is_leaf, unsigned repetition, size_t children)
{
    if (is_leaf) number(b, 1, I32, 1); /* INT32 */
    number(b, is_leaf ? 2 : 3, I32, repetition);
    field(b, 1, BINARY);
    varint(b, 1);
    buf_byte(b, 'a');
    if (children) number(b, 1, I32, children);
    end(b);
}

struct shape {
    size_t leaves, groups, rows; /* rows: of a group */
    size_t items;                /* of a row; 0: no list */
    size_t empty_groups;         /* before them */
};

static void levels(struct buf *b, const struct buf *runs)
{
    for (unsigned i = 0; i < 4; i++) buf_byte(b, (char)(runs->n >> (8 * i)));
    buf_add(b, buf_str(runs));
}

/* One column: a struct of `leaves` numbers, or a list of such structs, which are all null.  Every leaf has the same page. */
static void make_file(struct file *f, const struct shape *s)
{
    struct buf body = BUF_INIT(0), runs = BUF_INIT(0), *b = &f->b;
    size_t values = s->rows * (s->items ? s->items : 1);
    *f = (struct file){ BUF_INIT(0) };
    for (size_t row = 0; s->items && row < s->rows; row++) { /* a 0, then 1s */
        varint(&runs, 1 << 1);
        buf_byte(&runs, 0);
        if (s->items == 1) continue;
        varint(&runs, (s->items - 1) << 1);
        buf_byte(&runs, 1);
    }
    if (s->items) levels(&body, &runs);
    buf_reset(&runs);
    varint(&runs, values << 1);
    buf_byte(&runs, 1); /* the struct, or the item, is there, and the number in it null */
    levels(&body, &runs);

    buf_lit(b, "PAR1");
    number(b, 1, I32, 0);
    number(b, 1, I32, body.n);
    number(b, 1, I32, body.n);
    field(b, 2, STRUCT);
    number(b, 1, I32, values);
    number(b, 1, I32, 0);
    number(b, 1, I32, 3);
    number(b, 1, I32, 3);
    end(b);
    end(b);
    buf_add(b, buf_str(&body));
    size_t footer = b->n;

    number(b, 1, I32, 1);
    list(b, 1, s->leaves + 2);
    element(b, false, 0, 1);
    element(b, false, s->items ? REPEATED : OPTIONAL, s->leaves);
    for (size_t i = 0; i < s->leaves; i++) element(b, true, OPTIONAL, 0);
    number(b, 1, I64, s->rows * s->groups);
    list(b, 1, s->empty_groups + s->groups);
    for (size_t g = 0; g < s->empty_groups; g++) end(b);
    for (size_t g = 0; g < s->groups; g++) {
        list(b, 1, s->leaves);
        for (size_t i = 0; i < s->leaves; i++) {
            number(b, 2, I64, 4);
            field(b, 1, STRUCT);
            number(b, 1, I32, 1);
            number(b, 3, I32, 0);
            number(b, 1, I64, values);
            number(b, 2, I64, footer - 4);
            number(b, 2, I64, 4);
            end(b);
            end(b);
        }
        number(b, 2, I64, s->rows);
        end(b);
    }
    end(b);
    uint32_t n = (uint32_t)(b->n - footer);
    for (unsigned i = 0; i < 4; i++) buf_byte(b, (char)(n >> (8 * i)));
    buf_lit(b, "PAR1");
    must(!b->failed);
    buf_deinit(&body);
    buf_deinit(&runs);
}

/* ------------------------------------------------------------------ what it costs */

enum { LEAVES = 19000, PROCESSOR_MS_MAX = 30 * 1000 }; /* it takes some 300 ms, and took half an hour */

static void read_rows(const struct shape *s, size_t want, const char *problem)
{
    struct file f;
    struct parquet *p;
    struct parquet_cells cells;
    struct parquet_options o = { .text_bytes_max = 500, .binary_bytes_max = 16, .cell_values_max = 200, .bytes_max = 512 << 20, .steps_max = 200 << 20 };
    struct arena *a = arena_new(512 << 20);
    struct err e;
    size_t column = 0;
    make_file(&f, s);
    assert_true(f.b.n < 16 << 20);
    struct parquet_source source = { &f, read_file, f.b.n };
    clock_t began = clock();
    must_ok(parquet_open(&source, a, &p, &e));
    must_ok(parquet_read(p, 0, 50, &column, 1, &o, a, &cells, &e));
    assert_int_equal(cells.rows_count, want);
    if (!problem != !cells.problem[0] || (problem && !strstr(cells.problem[0], problem))) fail_msg("%s", cells.problem[0] ? cells.problem[0] : "read");
    if (!problem) assert_int_equal(cells.cell[want - 1]->count, s->leaves);
    assert_true(processor_s(began) * 1000 < PROCESSOR_MS_MAX);
    buf_deinit(&f.b);
    arena_free(a);
}

static void the_footer_is_gone_through_once_however_many_leaves_a_column_has(void **state)
{
    (void)state;
    read_rows(&(struct shape){ .leaves = LEAVES, .groups = 20, .rows = 2 }, 40, NULL);
}

static void row_groups_without_rows_cost_nothing(void **state)
{
    (void)state;
    read_rows(&(struct shape){ .leaves = LEAVES, .groups = 1, .rows = 40, .empty_groups = 4 << 20 }, 40, NULL);
}

/* 190 million levels, of which each took 16 bytes and more. */
static void a_column_of_very_many_values_in_a_few_rows_is_refused(void **state)
{
    (void)state;
    read_rows(&(struct shape){ .leaves = LEAVES, .groups = 1, .rows = 50, .items = 199 }, 50, "more work than is done for a page");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_footer_is_gone_through_once_however_many_leaves_a_column_has),
        cmocka_unit_test(row_groups_without_rows_cost_nothing),
        cmocka_unit_test(a_column_of_very_many_values_in_a_few_rows_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
