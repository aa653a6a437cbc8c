/* test_source.c - what a model is read from: folders, and what is refused of them. */
#include "unit.h"

#include "model/decoder/decoder.h"
#include "model/source.h"

static const char *data(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/../../%s", getenv("HEARTH_TEST_DATA"), name);
    return path;
}

static bool count(void *ctx, const char *name, bool is_dir)
{
    size_t *n = ctx;
    *n += !is_dir && str_ends(str_c(name), STR(".json"));
    return true;
}

static void test_folder(void **state)
{
    struct err e;
    struct source *s;
    const struct json *j;
    const struct weights *w, *again;
    struct tokenizer *t;
    bool found;
    str text;
    size_t files = 0;
    (void)state;
    must_ok(source_open(data("demo"), &s, &e));
    assert_str(json_str_or(source_config(s), STR("model_type"), STR("")), STR("llama"));
    must_ok(source_json(s, STR("generation_config.json"), &j, &e));
    assert_int_equal(json_int_or(j, STR("eos_token_id"), -1), 2);
    must_ok(source_json(s, STR("modules.json"), &j, &e));
    assert_null(j);
    must_ok(source_text(s, STR("README.md"), &text, &found, &e));
    assert_true(found && text.n > 100);
    must_ok(source_text(s, STR("1_Pooling/config.json"), &text, &found, &e));
    assert_false(found);
    must_ok(source_each(s, STR("."), count, &files, &e));
    assert_int_equal(files, 5);
    must_ok(source_weights(s, &w, &e));
    must_ok(source_weights(s, &again, &e));
    assert_ptr_equal(w, again);
    assert_non_null(weights_find(w, STR("model.norm.weight")));
    must_ok(source_tokenizer(s, NULL, &t, &e));
    source_close(s);
    assert_int_equal(tokenizer_size(t), 512);
    tokenizer_free(t);
}

static void test_folder_refused(void **state)
{
    static const char *const outside[] = { "../README.md", "/etc/passwd", "a/../../b", "a//b", "", "a\0b" };
    struct err e;
    struct source *s;
    bool found;
    str text;
    (void)state;
    assert_false(source_open(data("docs"), &s, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "config.json"));
    assert_false(source_open(data("tests/data/gguf"), &s, &e));
    assert_non_null(strstr(e.msg, "such as"));
    must_ok(source_open(data("demo"), &s, &e));
    for (size_t i = 0; i < COUNT(outside); i++) {
        assert_false(source_text(s, i == 5 ? str_n(outside[i], 3) : str_c(outside[i]), &text, &found, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_folder), cmocka_unit_test(test_folder_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
