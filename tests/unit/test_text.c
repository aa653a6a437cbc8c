/* test_text.c - where rows begin in files of text: found once, in pieces or at a time, kept, and found again from the middle. */
#include "unit.h"

#include "dataset/text/text.h"

enum { ROW_BYTES = 10, ROWS = 300000 };

/* A header and "000000000", "000000001", ...: a file that is made as it is read. */
static bool read_rows(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    char row[ROW_BYTES + 1] = "";
    (void)ctx;
    (void)e;
    for (size_t i = 0; i < n; i++, at++) {
        if (!row[0] || at % ROW_BYTES == 0) snprintf(row, sizeof row, at < ROW_BYTES ? "thenumber\n" : "%09u\n", (unsigned)(at / ROW_BYTES - 1));
        out[i] = (uint8_t)row[at % ROW_BYTES];
    }
    return true;
}

static const struct parquet_source source = { NULL, read_rows, (uint64_t)(ROWS + 1) * ROW_BYTES };

static int64_t row_at(struct text *t, uint64_t row, struct arena *a)
{
    static const struct parquet_options o = { .text_bytes_max = 100, .cell_values_max = 10, .bytes_max = 64 << 20, .steps_max = 1000 };
    struct parquet_cells cells;
    struct err e;
    size_t column = 0;
    must_ok(text_read(t, row, 1, &column, 1, &o, a, &cells, &e));
    assert_int_equal(cells.rows_count, 1);
    return cells.cell[0]->i;
}

static const struct text_way csv = { .kind = TEXT_CSV, .separator = ',' }, json = { .kind = TEXT_JSON };

static struct text *open_csv(struct arena *a)
{
    struct text *t = text_new(&source, &csv, NULL, a);
    struct err e;
    must_ok(text_open(t, &e));
    return t;
}

static void rows_are_found_from_the_index_however_it_was_made(void **state)
{
    struct arena *a = arena_new(0);
    struct err e;
    (void)state;
    struct text *t = open_csv(a);
    assert_false(t->types_are_whole);
    assert_int_equal(t->index.rows, TEXT_TYPES_ROWS);
    t->index.step = 1; /* so that places are dropped */
    must_ok(text_extend(t, 50000, UINT64_MAX, &e));
    assert_true(t->index.rows == 50001 && !t->index.is_whole);
    while (!t->index.is_whole) must_ok(text_extend(t, UINT64_MAX, 70001, &e)); /* in pieces that end within rows */
    assert_int_equal(t->index.rows, ROWS);
    assert_true(t->index.n <= TEXT_BLOCKS_MAX && t->index.n > TEXT_BLOCKS_MAX / 4 && t->index.step > 8);
    static const uint64_t some[] = { 0, 1, TEXT_TYPES_ROWS, 49999, 123456, ROWS - 1 };
    for (size_t i = 0; i < COUNT(some); i++) assert_int_equal(row_at(t, some[i], a), some[i]);
    arena_free(a);
}

static void a_kept_index_is_taken_only_where_it_can_be_one(void **state)
{
    struct arena *a = arena_new(0);
    struct text_index x;
    struct buf b = BUF_INIT(0);
    struct err e;
    (void)state;
    struct text *t = open_csv(a);
    must_ok(text_extend(t, UINT64_MAX, UINT64_MAX, &e));
    text_index_format(&t->index, &b);
    assert_true(text_index_parse(bytes_of(buf_str(&b)), source.size_bytes, a, &x));
    assert_true(x.rows == ROWS && x.is_whole && x.n == t->index.n && x.n > 1);
    assert_false(text_index_parse(bytes_of(buf_str(&b)), 1000, a, &x)); /* of a larger file */
    assert_false(text_index_parse(bytes_of(str_to(buf_str(&b), b.n - 1)), UINT64_MAX, a, &x));
    b.p[b.n - 16] = b.p[b.n - 15] = b.p[b.n - 14] = 0; /* the last place, before the one before it */
    assert_false(text_index_parse(bytes_of(buf_str(&b)), UINT64_MAX, a, &x));
    buf_deinit(&b);
    arena_free(a);
}

static bool read_bytes(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    (void)e;
    memcpy(out, (const char *)ctx + at, n);
    return true;
}

/* As pandas does; where many names take the place of one another, looking for a free one is not gone on with for long. */
static void columns_of_one_name_are_numbered(void **state)
{
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct text *t;
    struct err e;
    (void)state;
    for (size_t i = 0; i < TEXT_COLUMNS_MAX; i++) buf_add(&b, i ? STR(",a") : STR("a"));
    buf_lit(&b, "\n1\n");
    struct parquet_source same = { b.p, read_bytes, b.n };
    t = text_new(&same, &csv, NULL, a);
    must_ok(text_open(t, &e));
    assert_true(str_eq(t->column[0].name, STR("a")) && str_eq(t->column[1].name, STR("a.1")) && str_eq(t->column[1999].name, STR("a.1999")));
    buf_reset(&b);
    for (size_t i = 0; i < 100; i++) buf_addf(&b, "a.%zu,", i);
    buf_lit(&b, "a,a\n1\n");
    struct parquet_source taken = { b.p, read_bytes, b.n };
    assert_false(text_open(text_new(&taken, &csv, NULL, a), &e));
    assert_non_null(strstr(e.msg, "too many columns called \"a\""));
    buf_deinit(&b);
    arena_free(a);
}

static void what_is_no_row_of_json_says_where(void **state)
{
    struct arena *a = arena_new(0);
    struct err e;
    (void)state;
    assert_false(text_open(text_new(&source, &json, NULL, a), &e));
    assert_non_null(strstr(e.msg, "row 1, at byte 0"));
    arena_free(a);
}

static void what_is_kept_opens_the_file_again_without_reading_it(void **state)
{
    struct arena *a = arena_new(0);
    struct buf index = BUF_INIT(0), types = BUF_INIT(0);
    struct err e;
    static const char rows[] = "[{\"a\": [{\"x\": 1, \"d\": \"2020-01-01\"}], \"b\": true, \"c\": {}, \"\\u00e9\": null, \"f\": 1.5, \"s\": \"t\"}]";
    (void)state;
    struct parquet_source small = { (void *)(uintptr_t)rows, read_bytes, sizeof rows - 1 };
    struct parquet_source unread = { (void *)(uintptr_t)rows, NULL, sizeof rows - 1 };
    struct text *t = text_new(&small, &json, NULL, a), *again = text_new(&unread, &json, NULL, a);
    must_ok(text_open(t, &e));
    must_ok(text_extend(t, UINT64_MAX, UINT64_MAX, &e));
    text_index_format(&t->index, &index);
    text_types_format(t, &types);
    assert_true(text_open_kept(again, bytes_of(buf_str(&index)), (bytes){ 0 }, buf_str(&types)));
    assert_true(again->is_array && again->types_are_whole && again->index.rows == 1 && again->columns_count == t->columns_count);
    for (size_t i = 0; i < t->columns_count; i++) {
        assert_string_equal(arena_cstr(a, parquet_type_name(&again->column[i], a)), arena_cstr(a, parquet_type_name(&t->column[i], a)));
        assert_true(str_eq(again->column[i].name, t->column[i].name));
    }
    for (size_t n = 0; n < types.n; n++) assert_false(text_types_parse(str_to(buf_str(&types), n), again));
    buf_deinit(&index);
    buf_deinit(&types);
    arena_free(a);
}

/* Blank lines are no rows: a file of nothing else is read no further than is asked for. */
static bool read_blanks(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    (void)e;
    memset(out, '\n', n);
    if (at == 0) memcpy(out, "a\n1\n", 4);
    *(uint64_t *)ctx += n;
    return true;
}

static void a_file_of_blanks_is_read_in_pieces(void **state)
{
    struct arena *a = arena_new(0);
    struct err e;
    uint64_t read = 0, before;
    (void)state;
    struct parquet_source blanks = { &read, read_blanks, (uint64_t)1 << 50 };
    struct text *t = text_new(&blanks, &csv, NULL, a);
    must_ok(text_open(t, &e));
    assert_true(t->index.rows == 1 && !t->index.is_whole && read < 64 << 20);
    before = read;
    must_ok(text_extend(t, UINT64_MAX, 1 << 20, &e));
    assert_true(t->index.rows == 1 && !t->index.is_whole && t->index.at > before - (2 << 20) && read - before < 32 << 20);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_from_the_index_however_it_was_made),
        cmocka_unit_test(a_kept_index_is_taken_only_where_it_can_be_one),
        cmocka_unit_test(columns_of_one_name_are_numbered),
        cmocka_unit_test(what_is_no_row_of_json_says_where),
        cmocka_unit_test(what_is_kept_opens_the_file_again_without_reading_it),
        cmocka_unit_test(a_file_of_blanks_is_read_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
