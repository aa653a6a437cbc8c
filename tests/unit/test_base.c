/* Unit tests of src/base. */
#include "unit.h"

#include "base/json.h"

static void json_round_trips(void **state)
{
    (void)state;
    static const char *const text[] = { "null", "true", "-12", "\"a\\u00e9\\n\"", "[]", "{}", "[1,[2,{\"a\":[]}],3]",
                                        "{\"a\":1,\"b\":{\"c\":[null,false]}}" };
    for (size_t i = 0; i < COUNT(text); i++) {
        struct err e;
        struct arena *a = arena_new(1 << 16);
        struct json *v, *again;
        must_ok(json_parse(str_c(text[i]), a, &v, &e));
        struct buf out = BUF_INIT(0), out2 = BUF_INIT(0);
        struct json_writer w = json_writer(&out), w2 = json_writer(&out2);
        jw_value(&w, v);
        must_ok(json_parse(buf_str(&out), a, &again, &e));
        jw_value(&w2, again);
        assert_str(buf_str(&out2), buf_str(&out));
        buf_deinit(&out);
        buf_deinit(&out2);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(json_round_trips) };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
