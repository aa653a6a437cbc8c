/* test_view.c - tables and notebooks as they are shown. */
#include "hub/view/view.h"
#include "unit.h"

static const struct view_window whole = { 0, VIEW_ROWS_MAX };

static void check_table(const char *text, char separator, bool is_cut, const char *want)
{
    struct arena *a = arena_new(0);
    struct view_table t;
    struct buf b = BUF_INIT(0);
    view_table_window(str_c(text), separator, is_cut, whole, a, &t);
    for (size_t i = 0; i < t.rows_count; i++) {
        if (i) buf_lit(&b, " / ");
        for (size_t k = 0; k < t.row[i].n; k++) buf_addf(&b, "[%.*s]", STR_ARG(t.row[i].cell[k]));
    }
    if (!str_eq(buf_str(&b), str_c(want))) fail_msg("%s: %s, not %s", text, buf_cstr(&b), want);
    buf_deinit(&b);
    arena_free(a);
}

static void tables_are_read_as_people_write_them(void **state)
{
    (void)state;
    check_table("", ',', false, "");
    check_table("a,b\n1,2\n", ',', false, "[a][b] / [1][2]");
    check_table("a,b\r\n1,2", ',', false, "[a][b] / [1][2]");
    check_table("\xef\xbb\xbfid\n", ',', false, "[id]");
    check_table("a\tb,c\n", '\t', false, "[a][b,c]");
    check_table("\"a \"\"b\"\"\",\"x\ny\"z,c\n", ',', false, "[a \"b\"][x\ny][c]");
    check_table(",\n", ',', false, "[][]");
    check_table("\n1", ',', false, "[] / [1]");
    check_table("\"open,1\n2", ',', false, "[open,1\n2]");
    check_table("a,b\n1,2\n3,", ',', true, "[a][b] / [1][2]");
}

static void tables_have_limits(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct view_table t;
    for (int i = 0; i < VIEW_ROWS_MAX * 2; i++) buf_lit(&b, "x\n");
    view_table_window(buf_str(&b), ',', false, whole, a, &t);
    assert_int_equal(t.rows_count, VIEW_ROWS_MAX + 1); /* and the head */
    assert_true(t.more_rows);
    buf_reset(&b);
    for (int i = 0; i < VIEW_COLUMNS_MAX * 2; i++) buf_lit(&b, "x,");
    view_table_window(buf_str(&b), ',', false, whole, a, &t);
    assert_int_equal(t.columns_count, VIEW_COLUMNS_MAX);
    assert_true(t.more_columns && !t.more_rows);
    buf_reset(&b);
    for (int i = 0; i < VIEW_CELL_BYTES_MAX; i++) buf_lit(&b, "\xc3\xa4"); /* cut between characters */
    view_table_window(buf_str(&b), ',', false, whole, a, &t);
    assert_int_equal(t.row[0].cell[0].n, VIEW_CELL_BYTES_MAX);
    assert_true(str_is_utf8(t.row[0].cell[0]));
    buf_deinit(&b);
    arena_free(a);
}

/* Rows as "a|b/c|d", behind the types as "x,y: ". */
static void check_rows(const char *path, const char *text, bool is_cut, uint64_t skip, size_t most, const char *want)
{
    struct arena *a = arena_new(0);
    struct view_table t;
    struct buf b = BUF_INIT(0);
    view_rows_read(str_c(path), str_c(text), is_cut, (struct view_window){ skip, most }, a, &t);
    for (size_t k = 0; k < t.columns_count; k++) buf_addf(&b, "%s%s", k ? "," : "", t.type[k]);
    buf_lit(&b, ": ");
    for (size_t i = 0; i < t.rows_count; i++) {
        if (i) buf_byte(&b, '/');
        for (size_t k = 0; k < t.row[i].n; k++) buf_addf(&b, "%s%.*s", k ? "|" : "", STR_ARG(t.row[i].cell[k]));
    }
    if (t.more_rows) buf_lit(&b, " more");
    if (!str_eq(buf_str(&b), str_c(want))) fail_msg("%s: %s gives %s, not %s", path, text, buf_cstr(&b), want);
    buf_deinit(&b);
    arena_free(a);
}

static void rows_are_read_from_the_middle(void **state)
{
    (void)state;
    check_rows("a.csv", "n,t\n1,x\n2,\"y\n,\"\n3,z\n", false, 0, 2, "integer,text: n|t/1|x/2|y\n, more");
    check_rows("a.csv", "n,t\n1,x\n2,\"y\n,\"\n3,z\n", false, 2, 2, "integer,text: n|t/3|z");
    check_rows("a.csv", "n,t\n1,x\n", false, 7, 2, "empty,empty: n|t");
    check_rows("a.csv", "n,t\n1,x\n2,y\n3", true, 1, 9, "integer,text: n|t/2|y more");
    check_rows("a.CSV", "n\n1 inch\"\n2\n3\n", false, 2, 1, "integer: n/3"); /* a quote inside of a cell begins nothing */
    check_rows("a.tsv", "a\tb\tc\td\te\n-1\t1.5\ttrue\t\t1e3\n2\t2\tFALSE\t\t.5\n", false, 0, 9,
               "integer,number,true or false,empty,text: a|b|c|d|e/-1|1.5|true||1e3/2|2|FALSE||.5");
    check_rows("a.jsonl", "{\"a\":1,\"b\":\"x\"}\n\n{\"b\":null,\"c\":[1,{}]}\n", false, 0, 9, "integer,text,list: a|b|c/1|x|/||[1,{}]");
    check_rows("a.ndjson", "{\"a\":1}\n{\"a\":2.5}\n{\"a\":3}", false, 1, 1, "number: a/2.5 more");
    check_rows("a.jsonl", "{\"a\":1}\n{\"a\":", true, 0, 9, "integer: a/1 more");
    check_rows("a.jsonl", "5\n<b>\n", false, 0, 9, "text: value/5/<b>");
    check_rows("a.jsonl", "", false, 0, 9, ": ");
    check_rows("a.csv", "", false, 3, 9, ": ");
}

static void check_notebook(const char *text, const char *want)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct clean_base base = { STR("/r/blob/main/"), STR("/r/resolve/main/"), STR("") };
    struct err e = { 0 };
    jw_object(&w);
    bool ok = view_notebook_write(str_c(text), &base, &w, &e);
    jw_object_end(&w);
    if (!want) assert_false(ok);
    else if (!ok) fail_msg("%s: %s", text, e.msg);
    else if (!str_eq(buf_str(&b), str_c(want))) fail_msg("%s gives\n%s, not\n%s", text, buf_cstr(&b), want);
    buf_deinit(&b);
}

static void notebooks_are_made_safe(void **state)
{
    (void)state;
    check_notebook("{}", NULL);
    check_notebook("[]", NULL);
    check_notebook("{\"cells\":{}}", NULL);
    check_notebook("{\"cells\":[]}", "{\"language\":\"\",\"cells\":[],\"cut\":false}");
    check_notebook("{\"cells\":[{\"cell_type\":\"markdown\",\"source\":[\"*a*\",\" <script>1</script>\"]}]}",
                   "{\"language\":\"\",\"cells\":[{\"kind\":\"markdown\",\"html\":\"<p><em>a</em> </p>\\n\",\"outputs\":[]}],\"cut\":false}");
    check_notebook("{\"cells\":[{\"cell_type\":\"code\",\"source\":\"x\",\"execution_count\":3,\"outputs\":["
                   "{\"output_type\":\"stream\",\"text\":\"\\u001b[1;31mr\\u001b[0m\"},"
                   "{\"output_type\":\"execute_result\",\"data\":{\"image/png\":[\"aG\",\"Vs\"]}},"
                   "{\"output_type\":\"execute_result\",\"data\":{\"image/png\":\"\\\"><b>\",\"text/html\":\"<i onclick=1>i</i>\"}},"
                   "{\"output_type\":\"execute_result\",\"data\":{\"image/svg+xml\":\"<svg/>\"}}]}]}",
                   "{\"language\":\"\",\"cells\":[{\"kind\":\"code\",\"text\":\"x\",\"number\":3,\"outputs\":["
                   "{\"kind\":\"text\",\"text\":\"r\"},{\"kind\":\"picture\",\"type\":\"image/png\",\"data\":\"aGVs\"},"
                   "{\"kind\":\"html\",\"html\":\"<i>i</i>\"},{\"kind\":\"other\",\"text\":\"image/svg+xml\"}]}],\"cut\":false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read_as_people_write_them),
        cmocka_unit_test(tables_have_limits),
        cmocka_unit_test(rows_are_read_from_the_middle),
        cmocka_unit_test(notebooks_are_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
