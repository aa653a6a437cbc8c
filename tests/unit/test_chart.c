/* test_chart.c - charts of frame/chart.html: whatever numbers strangers give, well-formed SVG and a table come out. */
#include "unit.h"

#include "base/embedded.h"
#include "jinja/jinja.h"

extern const struct embedded web_templates[];

static const struct jinja *charts;

static const struct jinja *load(void *ctx, str name)
{
    (void)ctx;
    return str_eq(name, STR("frame/chart.html")) ? charts : NULL;
}

/* Stand in for those of web/frame/page.c. */
static bool plain(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    int64_t v;
    (void)ctx, (void)e;
    *out = json_new_str(a, json_int(json_at(args, 0), &v) ? arena_fmt(a, "#%d", (int)v) : STR("?"));
    return true;
}

static void render(const char *text, const char *context, struct buf *out)
{
    struct arena *a = arena_new(0);
    struct err e;
    const struct jinja *t;
    struct json *values = NULL;
    const struct jinja_function functions[] = { { .name = "count", .call = plain }, { .name = "size", .call = plain } };
    struct jinja_input in = { .functions = functions, .functions_count = COUNT(functions), .load = load };
    if (!charts) {
        static struct arena *kept;
        kept = arena_new(0);
        for (const struct embedded *f = web_templates; f->name; f++)
            if (str_eq(str_c(f->name), STR("frame/chart.html")))
                must_ok(jinja_compile(str_c(f->name), str_n((const char *)f->data, f->size), &jinja_page, kept, &charts, &e));
    }
    assert_non_null(charts);
    must_ok(jinja_compile(STR("test"), str_c(text), &jinja_page, a, &t, &e));
    must_ok(json_parse(str_c(context), a, &values, &e));
    in.context = values;
    buf_reset(out);
    must_ok(jinja_render(t, &in, out, &e));
    arena_free(a);
}

static bool has(const struct buf *b, const char *text) { return str_find(buf_str(b), str_c(text)) != STR_NONE; }

static const char use_bars[] = "{% from \"frame/chart.html\" import bars %}{{ bars(\"Scores <1>\", rows, as=\"number\", series=series, top=top) }}";
static const char use_lines[] = "{% from \"frame/chart.html\" import lines %}{{ lines(\"Downloads\", labels, series) }}";

static void bars_are_as_long_as_their_values(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    render(use_bars, "{\"top\":10,\"series\":[],\"rows\":[{\"label\":\"<b>\",\"value\":2.5,\"href\":\"/x\",\"note\":\"5-shot\"}]}", &b);
    assert_true(has(&b, "width=\"25.0\""));
    assert_true(has(&b, "&lt;b&gt;") && has(&b, "Scores &lt;1&gt;") && has(&b, "5-shot") && has(&b, "href=\"/x\""));
    assert_true(has(&b, "<td class=\"number\">2.5</td>"));
    render(use_bars, "{\"top\":null,\"series\":[],\"rows\":[{\"label\":\"a\",\"value\":-1},{\"label\":\"b\",\"value\":3}]}", &b);
    assert_true(has(&b, "x=\"0.0\" width=\"25.0\"") && has(&b, "x=\"25.0\" width=\"75.0\""));
    render(use_bars, "{\"top\":null,\"series\":[\"main\",\"v1\"],\"rows\":[{\"label\":\"a\",\"values\":[1,null]}]}", &b);
    assert_true(has(&b, "main</th>") && has(&b, "<td class=\"number\">–</td>"));
    buf_deinit(&b);
}

static void what_is_no_number_has_no_bar(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    render(use_bars,
           "{\"top\":null,\"series\":[],\"rows\":[{\"label\":\"a\",\"value\":\"<i>\"},{\"label\":\"b\",\"value\":true},{\"label\":\"c\"},"
           "{\"label\":\"d\",\"value\":[1]},{\"label\":\"e\",\"value\":0}]}",
           &b);
    assert_true(has(&b, "&lt;i&gt;"));
    assert_false(has(&b, "nan") || has(&b, "inf") || has(&b, "<i>"));
    render(use_bars, "{\"top\":null,\"series\":[],\"rows\":[{\"label\":\"a\",\"value\":1e308},{\"label\":\"b\",\"value\":-1e308}]}", &b);
    assert_false(has(&b, "nan"));
    render(use_bars, "{\"top\":null,\"series\":[],\"rows\":[]}", &b);
    buf_deinit(&b);
}

static void lines_have_gaps_names_and_a_table(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    render(use_lines, "{\"labels\":[\"1 May\",\"2 May\",\"3 May\"],\"series\":[{\"name\":\"all\",\"values\":[0,10,5]}]}", &b);
    assert_true(has(&b, "d=\"M0.0 99.0L500.0 1.0L1000.0 50.0\""));
    assert_true(has(&b, "chart-area") && has(&b, "<title>2 May: #10</title>") && has(&b, "<th scope=\"row\">3 May</th><td>#5</td>"));
    render(use_lines, "{\"labels\":[\"a\",\"b\",\"c\"],\"series\":[{\"name\":\"x\",\"values\":[1,null,2]},{\"name\":\"y<\",\"values\":[4,4,4]}]}", &b);
    assert_true(has(&b, "d=\"M0.0 74.5M1000.0 50.0\"") && has(&b, "y&lt;</li>"));
    assert_false(has(&b, "chart-area"));
    render(use_lines, "{\"labels\":[],\"series\":[{\"name\":\"x\",\"values\":[]}]}", &b);
    render(use_lines, "{\"labels\":[\"a\"],\"series\":[{\"name\":\"x\",\"values\":[0]}]}", &b);
    assert_false(has(&b, "nan") || has(&b, "style="));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_are_as_long_as_their_values),
        cmocka_unit_test(what_is_no_number_has_no_bar),
        cmocka_unit_test(lines_have_gaps_names_and_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
