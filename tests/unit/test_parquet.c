/* test_parquet.c - Parquet files of other writers, read as pyarrow reads them (tests/oracle/make_parquet.py), and what is wrong with
 * files that are not what they say. */
#include "unit.h"

#include "base/json.h"
#include "dataset/parquet/parquet.h"
#include "dataset/parquet/parquet_priv.h"

static const struct parquet_options all = {
    .text_bytes_max = 1 << 20, .binary_bytes_max = 32, .cell_values_max = 1000, .bytes_max = 64 << 20, .steps_max = 1 << 20
};

/* A file in memory, which counts what is read of it. */
struct file {
    char *p;
    size_t n, read;
};

static bool read_file(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    struct file *f = ctx;
    (void)e;
    assert_true(at <= f->n && n <= f->n - at);
    f->read += n;
    if (n) memcpy(out, f->p + at, n);
    return true;
}

static void load(const char *name, struct file *f)
{
    char path[700];
    struct err e;
    *f = (struct file){ 0 };
    snprintf(path, sizeof path, "%s/../data/parquet/%s", getenv("HEARTH_TEST_DATA"), name);
    must_ok(os_read_file(path, 4 << 20, &f->p, &f->n, &e));
}

static struct parquet_source source_of(struct file *f) { return (struct parquet_source){ f, read_file, f->n }; }

struct expected {
    char *text;
    struct arena *a;
    const struct json *json;
};

static void expected_read(struct expected *x)
{
    struct file f;
    struct json *j;
    struct err e;
    load("expected.json", &f);
    *x = (struct expected){ .text = f.p, .a = arena_new(0) };
    must_ok(json_parse(str_n(f.p, f.n), x->a, &j, &e));
    x->json = j;
}

static void expected_end(struct expected *x)
{
    arena_free(x->a);
    mem_free(x->text);
}

/* Reads rows [first, first + n) of all columns, one parquet_read, and compares. */
static void check_window(const char *name, struct parquet *p, const struct json *rows, size_t first, size_t n)
{
    struct arena *a = arena_new(0);
    struct parquet_cells cells;
    struct err e;
    size_t column[64], i = 0, all_rows = rows->count, want = first >= all_rows ? 0 : first + n > all_rows ? all_rows - first : n;
    for (size_t k = 0; k < p->columns_count; k++) column[k] = k;
    must_ok(parquet_read(p, first, n, column, p->columns_count, &all, a, &cells, &e));
    if (cells.rows_count != want) fail_msg("%s: %zu rows from row %zu instead of %zu", name, cells.rows_count, first, want);
    for (size_t k = 0; k < p->columns_count; k++)
        if (cells.problem[k]) fail_msg("%s, column %.*s: %s", name, STR_ARG(p->column[k].name), cells.problem[k]);
    json_each (row, rows) {
        if (i >= first && i < first + want) {
            size_t k = 0;
            json_each (v, row) {
                str got = json_text(a, cells.cell[(i - first) * p->columns_count + k]), wanted = json_text(a, v);
                if (!str_eq(got, wanted))
                    fail_msg("%s, row %zu, column %.*s: %.*s instead of %.*s", name, i, STR_ARG(p->column[k].name), STR_ARG(got), STR_ARG(wanted));
                k++;
            }
        }
        i++;
    }
    arena_free(a);
}

static void check_file(const struct json *all_files, const struct json *entry)
{
    char name[100];
    struct file f;
    struct parquet *p;
    struct err e;
    struct arena *a = arena_new(64 << 20);
    snprintf(name, sizeof name, "%.*s.parquet", STR_ARG(entry->key));
    str same = json_str_or(entry, STR("as"), STR(""));
    if (same.n) entry = json_get(all_files, same);
    const struct json *rows = json_get(entry, STR("rows")), *columns = json_get(entry, STR("columns"));
    load(name, &f);
    struct parquet_source source = source_of(&f);
    if (!parquet_open(&source, a, &p, &e)) fail_msg("%s: %s", name, e.msg);
    assert_int_equal(p->columns_count, columns->count);
    for (size_t k = 0; k < p->columns_count; k++) assert_str(p->column[k].name, json_at(columns, k)->s);
    assert_int_equal(p->rows_count, rows->count);
    check_window(name, p, rows, 0, 1000);
    for (size_t first = 0; first < rows->count + 7; first += 7) check_window(name, p, rows, first, 7);
    for (size_t first = 0; first < rows->count; first += 41) check_window(name, p, rows, first, 1);
    arena_free(a);
    mem_free(f.p);
}

static void every_file_reads_as_pyarrow_reads_it_from_any_row(void **state)
{
    struct expected x;
    (void)state;
    expected_read(&x);
    assert_true(x.json->count >= 20);
    json_each (entry, x.json) check_file(x.json, entry);
    expected_end(&x);
}

/* ------------------------------------------------------------------ parts of it */

static size_t column_of(const struct parquet *p, const char *name)
{
    for (size_t k = 0; k < p->columns_count; k++)
        if (str_eq(p->column[k].name, str_c(name))) return k;
    fail_msg("no column %s", name);
    return 0;
}

/* One cell as text; the file stays with the caller. */
static void as_it_is(struct buf *out, bytes b) { buf_add(out, str_of(b)); }

static str one_cell(struct file *f, const char *column, size_t row, const struct parquet_options *o, struct arena *a)
{
    struct parquet *p;
    struct parquet_cells cells;
    struct err e;
    struct parquet_source *source = arena_one(a, struct parquet_source);
    *source = source_of(f);
    must_ok(parquet_open(source, a, &p, &e));
    size_t k = column_of(p, column);
    must_ok(parquet_read(p, row, 1, &k, 1, o, a, &cells, &e));
    assert_int_equal(cells.rows_count, 1);
    return cells.problem[0] ? str_c(cells.problem[0]) : json_text(a, cells.cell[0]);
}

static void what_is_long_is_cut_and_marked(void **state)
{
    struct file f;
    struct arena *a = arena_new(0);
    struct parquet_options o = { .text_bytes_max = 3, .binary_bytes_max = 2, .cell_values_max = 2, .bytes_max = 1 << 20, .steps_max = 1 << 20 };
    (void)state;
    load("nested_v1.parquet", &f);
    assert_str(one_cell(&f, "list", 0, &o, a), STR("[1,2]"));
    assert_str(one_cell(&f, "three", 4, &o, a), STR("[[[3,4,\"\xe2\x80\xa6\"],\"\xe2\x80\xa6\"],\"\xe2\x80\xa6\"]"));
    assert_str(one_cell(&f, "lists", 4, &o, a), STR("[[\"c\",\"d\",\"\xe2\x80\xa6\"],\"\xe2\x80\xa6\"]"));
    mem_free(f.p);
    load("flat_v2.parquet", &f);
    assert_str(one_cell(&f, "text", 3, &o, a), STR("\"Z\xc3\xbc\xe2\x80\xa6\"")); /* a letter of two bytes is not cut in two */
    assert_str(one_cell(&f, "large", 0, &o, a), STR("\"xxx\xe2\x80\xa6\""));
    assert_str(one_cell(&f, "raw", 1, &o, a), STR("\"0x00ff\""));
    assert_str(one_cell(&f, "raw", 4, &o, a), STR("\"32 bytes\""));
    o.binary = as_it_is;
    assert_str(one_cell(&f, "raw", 4, &o, a), STR("a value has 32 bytes"));
    o.text_bytes_max = 32;
    assert_str(one_cell(&f, "raw", 4, &o, a), STR("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""));
    mem_free(f.p);
    arena_free(a);
}

static void a_page_of_rows_is_found_by_the_index_without_reading_those_before_it(void **state)
{
    static const char *const column[] = { "n", "list", "tags" };
    size_t walked = 0, found = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(column); i++) {
        struct arena *a = arena_new(0);
        struct file with, without;
        struct parquet_options o = all;
        o.steps_max = 100 * 32; /* a header counts as 100 */
        load("pages_index.parquet", &with);
        load("pages_v1.parquet", &without);
        str got = one_cell(&with, column[i], 145, &all, a);
        assert_str(one_cell(&without, column[i], 145, &all, a), got);
        assert_str(one_cell(&with, column[i], 145, &o, a), got); /* two pages are enough work */
        o.steps_max = 1000;
        assert_str(one_cell(&with, column[i], 145, &o, a), got);
        if (str_starts(one_cell(&without, column[i], 145, &o, a), STR("reading these rows takes more work"))) walked++;
        found++;
        mem_free(with.p);
        mem_free(without.p);
        arena_free(a);
    }
    assert_int_equal(walked, found);
}

static void types_have_the_names_that_datasets_gives_them(void **state)
{
    static const struct { const char *column, *type; } want[] = {
        { "flag", "bool" }, { "i8", "int8" }, { "u64", "uint64" }, { "f16", "float16" }, { "f32", "float32" }, { "f64", "float64" }, { "text", "string" },
        { "raw", "binary" }, { "fixed", "fixed_size_binary[3]" }, { "dec38", "decimal128(38, 10)" }, { "dec76", "decimal256(76, 6)" }, { "date", "date32" },
        { "t_ms", "time32[ms]" }, { "ts_ns", "timestamp[ns]" }, { "ts_utc", "timestamp[us, tz=UTC]" }, { "nothing", "null" }, { "id", "uuid" },
    };
    struct file f;
    struct parquet *p;
    struct err e;
    struct arena *a = arena_new(0);
    (void)state;
    load("flat_v2.parquet", &f);
    struct parquet_source source = source_of(&f);
    must_ok(parquet_open(&source, a, &p, &e));
    for (size_t i = 0; i < COUNT(want); i++)
        assert_str(parquet_type_name(&p->column[column_of(p, want[i].column)], a), str_c(want[i].type));
    mem_free(f.p);
    load("nested_v2.parquet", &f);
    source = source_of(&f);
    must_ok(parquet_open(&source, a, &p, &e));
    assert_str(parquet_type_name(&p->column[column_of(p, "lists")], a), STR("list<list<string>>"));
    assert_str(parquet_type_name(&p->column[column_of(p, "structs")], a), STR("list<struct>"));
    assert_str(parquet_type_name(&p->column[column_of(p, "map")], a), STR("map"));
    mem_free(f.p);
    arena_free(a);
}

/* ------------------------------------------------------------------ other writers, and bytes by hand */

/* Three rows x = 1, 2, null; y = "a", null, "bcd", as DuckDB 1.5.6 writes them: levels in runs longer than the page. */
static const char by_duckdb[] =
    "504152311500155a155a2c1506150015061506000021000000410300000000000000000000000000"
    "00000000000000000000000000000000000001000000020000001500156215622c15061500150615"
    "06000021000000410500000000000000000000000000000000000000000000000000000000000000"
    "0100000061030000006263641502193c3500180d6475636b64625f736368656d6115040015022502"
    "180178252200150c25021801792500001606191c192c26001c15021915001918017815001606167c"
    "167c26083c1804020000001804010000001602280402000000180401000000111100000026001c15"
    "0c19150019180179150016061684011684012684013c180362636418016116022803626364180161"
    "1111000000168002160626081680020028284475636b44422076657273696f6e2076312e352e3620"
    "286275696c64203036396363396639623529192c1c00001c000000d700000050415231";

static void a_file_of_duckdb_is_read(void **state)
{
    static const char *const want[3][2] = { { "1", "\"a\"" }, { "2", "null" }, { "null", "\"bcd\"" } };
    static const char *const name[] = { "x", "y" };
    uint8_t b[sizeof by_duckdb / 2];
    struct file f = { (char *)b, sizeof by_duckdb / 2, 0 };
    struct arena *a = arena_new(0);
    (void)state;
    for (size_t i = 0; i < f.n; i++) {
        char pair[3] = { by_duckdb[2 * i], by_duckdb[2 * i + 1], 0 };
        b[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    for (size_t row = 0; row < 3; row++)
        for (size_t k = 0; k < 2; k++) assert_str(one_cell(&f, name[k], row, &all, a), str_c(want[row][k]));
    arena_free(a);
}

static const struct { const char *in; size_t n_in; const char *out; bool ok; } snappy_case[] = {
    { "\x00", 1, "", true },
    { "\x05\x10hello", 7, "hello", true },
    { "\x0a\x04""ab\x1d\x02", 6, "abababababab", false }, /* 4 + 7 bytes behind 2: 13 of the 10 promised */
    { "\x0c\x04""ab\x19\x02", 6, "abababababab", true },  /* a copy of ten that overlaps itself */
    { "\x0c\x04""ab\x26\x02\x00", 7, "abababababab", true }, /* the same by a distance of two bytes */
    { "\x0c\x04""ab\x27\x02\x00\x00\x00", 9, "abababababab", true },
    { "\x05\xf0\x04hello", 8, "hello", true },  /* the length in a byte of its own */
    { "\x05\x10hell", 6, "hello", false },      /* ends early */
    { "\x04\x10hello", 7, "hell", false },      /* more than promised */
    { "\x06\x10hello", 7, "hello!", false },    /* less */
    { "\x05\x00h\x0d\x00", 5, "hhhhh", false }, /* a distance of nothing */
    { "\x05\x00h\x0d\x02", 5, "hhhhh", false }, /* from before the beginning */
    { "\x05\xfc\xff\xff\xff\xffhello", 11, "hello", false },
    { "\xff\xff\xff\xff\x0f", 5, "", false },
};

static void snappy_unpacks_to_the_byte_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(snappy_case); i++) {
        size_t n = strlen(snappy_case[i].out);
        uint8_t *out = mem_alloc(n + 1);
        bool ok = snappy_unpack((bytes){ (const uint8_t *)snappy_case[i].in, snappy_case[i].n_in }, out, n);
        if (ok != snappy_case[i].ok || (ok && memcmp(out, snappy_case[i].out, n) != 0)) fail_msg("case %zu", i);
        mem_free(out);
    }
}

/* ------------------------------------------------------------------ what is wrong */

/* Reads all that can be read; whatever is wrong must be said, not felt. */
static void read_what_there_is(struct file *f)
{
    struct arena *a = arena_new(16 << 20);
    struct parquet_source source = source_of(f);
    struct parquet_options o = { .text_bytes_max = 100, .binary_bytes_max = 8, .cell_values_max = 50, .bytes_max = 4 << 20, .steps_max = 20000 };
    struct parquet_cells cells;
    struct parquet *p;
    struct err e;
    size_t column[8], n = 0;
    if (parquet_open(&source, a, &p, &e)) {
        while (n < COUNT(column) && n < p->columns_count) { column[n] = n; n++; }
        if (parquet_read(p, 0, 20, column, n, &o, a, &cells, &e))
            for (size_t i = 0; i < cells.rows_count * n; i++) assert_true(cells.cell[i] || cells.problem[i % n]);
        (void)parquet_read(p, p->rows_count / 2, 3, column, n, &o, a, &cells, &e);
    }
    arena_free(a);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    struct file f, cut;
    (void)state;
    load("codec_none.parquet", &f);
    for (size_t n = 0; n < f.n; n++) {
        struct arena *a = arena_new(0);
        struct parquet *p;
        struct err e;
        cut = (struct file){ mem_alloc(n + 1), n, 0 };
        if (n) memcpy(cut.p, f.p, n);
        struct parquet_source source = source_of(&cut);
        assert_false(parquet_open(&source, a, &p, &e));
        memcpy(cut.p + (n < 4 ? 0 : n - 4), "PAR1", n < 4 ? 0 : 4); /* and with an end put to it */
        read_what_there_is(&cut);
        mem_free(cut.p);
        arena_free(a);
    }
    mem_free(f.p);
}

static void a_file_with_any_byte_wrong_is_read_or_refused(void **state)
{
    static const char *const name[] = { "codec_none.parquet", "nested_v2.parquet", "codec_snappy.parquet", "codec_zstd.parquet" };
    (void)state;
    for (size_t i = 0; i < COUNT(name); i++) {
        struct file f;
        load(name[i], &f);
        for (size_t at = 0; at < f.n; at++) {
            char was = f.p[at];
            static const char xor[] = { 1, (char)0x80, (char)0xff };
            for (size_t k = 0; k < COUNT(xor); k++) {
                f.p[at] = (char)(was ^ xor[k]);
                read_what_there_is(&f);
            }
            f.p[at] = was;
        }
        mem_free(f.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_reads_as_pyarrow_reads_it_from_any_row),
        cmocka_unit_test(what_is_long_is_cut_and_marked),
        cmocka_unit_test(a_page_of_rows_is_found_by_the_index_without_reading_those_before_it),
        cmocka_unit_test(types_have_the_names_that_datasets_gives_them),
        cmocka_unit_test(a_file_of_duckdb_is_read),
        cmocka_unit_test(snappy_unpacks_to_the_byte_or_not_at_all),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_file_with_any_byte_wrong_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
