/* test_metric.c - what cards say of models: values read or left as text, hostile cards, two revisions side by side. */
#include "unit.h"

#include <math.h>

#include "hub/card/card.h"
#include "hub/card/metric.h"

static const struct { const char *text; bool ok; double value, error; } values[] = {
    { "0.93", true, 0.93, -1 },     { "-1e3", true, -1000, -1 },      { "20.0 ± 1.2", true, 20, 1.2 },   { "93 %", true, 93, -1 },
    { "93.5%±0.5%", true, 93.5, 0.5 }, { "5 +/- 1", true, 5, 1 },     { ".5", true, 0.5, -1 },           { "+7.", true, 7, -1 },
    { "1e", false, 0, -1 },         { "nan", false, 0, -1 },          { "inf", false, 0, -1 },           { "0x10", false, 0, -1 },
    { "", false, 0, -1 },           { "-", false, 0, -1 },            { "1 2", false, 0, -1 },           { "1e999", false, 0, -1 },
    { "3 ± -1", false, 0, -1 },     { "3 ±", false, 0, -1 },          { "12,5", false, 0, -1 },          { "1.2.3", false, 0, -1 },
};

static void numbers_are_read_where_there_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        double value = 0, error = 0;
        bool has_error, ok = metric_parse(str_c(values[i].text), &value, &error, &has_error);
        if (ok != values[i].ok || (ok && (fabs(value - values[i].value) > 1e-12 || has_error != (values[i].error >= 0) || (has_error && fabs(error - values[i].error) > 1e-12))))
            fail_msg("\"%s\": %d, %g", values[i].text, ok, value);
    }
}

static void card_rows(const char *yaml, struct arena *a, struct metric_list *out)
{
    struct json *card;
    struct err e;
    metric_list_init(out, a);
    must_ok(card_yaml_parse(str_c(yaml), a, &card, &e));
    metric_add_card(out, card, a);
    metric_add_results(out, card, a);
}

static void strange_cards_give_rows_or_nothing(void **state)
{
    (void)state;
    struct metric_list l;
    struct arena *a = arena_new(0);
    card_rows("model-index:\n- results:\n  - metrics:\n    - {type: a, value: .nan}\n    - {type: b, value: -.inf}\n    - 5\n    - {type: [x], value: {y: [1]}}\n"
              "    source: {url: 'javascript:x'}\n  - 7\n- 8\n- results: {a: b}\n", a, &l);
    assert_int_equal(l.n, 3);
    assert_false(l.row[0].has_value || l.row[1].has_value || l.row[2].has_value);
    assert_str(l.row[2].text, STR("{\"y\":[1]}"));
    assert_int_equal(l.row[0].source_url.n, 0);
    card_rows("model-index: {a: b}\n", a, &l);
    assert_int_equal(l.n, 0);
    card_rows("- dataset: {id: a/b, task_id: c}\n  value: 5\n- dataset: 3\n- 4\n", a, &l);
    assert_int_equal(l.n, 1);
    assert_true(l.row[0].has_value && l.row[0].value == 5);
    arena_free(a);
}

static void no_card_makes_more_rows_than_the_bound(void **state)
{
    (void)state;
    struct metric_list l;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "model-index:\n- results:\n  - metrics:\n");
    for (int i = 0; i < METRIC_ROWS_MAX + 10; i++) buf_addf(&b, "    - {type: m%d, value: %d}\n", i, i);
    card_rows(buf_cstr(&b), a, &l);
    assert_int_equal(l.n, METRIC_ROWS_MAX);
    assert_true(l.more);
    buf_reset(&b);
    buf_lit(&b, "model-index:\n- results:\n  - metrics:\n    - {type: a, value: \"");
    for (int i = 0; i < METRIC_TEXT_MAX; i++) buf_lit(&b, "é");
    buf_lit(&b, "\"}\n");
    card_rows(buf_cstr(&b), a, &l);
    assert_true(l.row[0].text.n <= METRIC_TEXT_MAX && str_is_utf8(l.row[0].text));
    buf_deinit(&b);
    arena_free(a);
}

static void a_change_is_better_by_its_metric(void **state)
{
    (void)state;
    struct metric_row base = { .metric = STR("accuracy"), .value = 0.5, .has_value = true }, head = base;
    head.value = 0.6;
    assert_int_equal(metric_compare(&base, &head).better, 1);
    base.metric = head.metric = STR("WER");
    assert_int_equal(metric_compare(&base, &head).better, -1);
    base.metric = head.metric = STR("sparkle");
    assert_int_equal(metric_compare(&base, &head).better, 0);
    assert_int_equal(metric_compare(&base, &head).significant, -1);
    base.has_error = head.has_error = true;
    base.error = head.error = 0.1;
    assert_int_equal(metric_compare(&base, &head).significant, 0);
    base.error = head.error = 0.01;
    assert_int_equal(metric_compare(&base, &head).significant, 1);
    head.revision = STR("v2");
    assert_false(metric_compare(&base, &head).comparable);
    head.revision = STR("");
    base.value = -1e308, head.value = 1e308;
    assert_false(metric_compare(&base, &head).comparable);
    assert_true(metric_same(&base, &head));
    head.split = STR("test");
    assert_false(metric_same(&base, &head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_where_there_is_one),
        cmocka_unit_test(strange_cards_give_rows_or_nothing),
        cmocka_unit_test(no_card_makes_more_rows_than_the_bound),
        cmocka_unit_test(a_change_is_better_by_its_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
