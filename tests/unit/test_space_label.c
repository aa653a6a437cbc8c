/* What the hosts of Spaces are called. */
#include "unit.h"

#include "api/space/space_api.h"
#include "hub/space_label.h"

static void test_plain_labels(void **state)
{
    static const struct { const char *name, *label; } cases[] = {
        { "osanseviero/i-like-flan", "osanseviero-i-like-flan" }, { "microsoft/TRELLIS.2", "microsoft-trellis-2" },
        { "a/b_c", "a-b-c" },                                     { "a/..x..", "a---x" },
        { "xn/--p", "s-xn---p" },                                 { "xn-/p", "s-xn--p" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[SPACE_LABEL_MAX + 1];
        assert_true(space_label_of(str_c(cases[i].name), 0, got));
        assert_string_equal(got, cases[i].label);
    }
}

static void test_others_are_cut_and_hashed(void **state)
{
    char first[SPACE_LABEL_MAX + 1], second[SPACE_LABEL_MAX + 1], again[SPACE_LABEL_MAX + 1];
    str longest = STR("forty-two-characters-is-what-an-owner-may-h/ninety-six-characters-is-what-a-name-may-have-and-this-is-one-of-them-almost-as-long-as");
    (void)state;
    assert_false(space_label_of(longest, 0, first));
    assert_true(space_label_of(longest, 1, first) && space_label_of(longest, 2, second) && space_label_of(longest, 1, again));
    assert_int_equal(strlen(first), SPACE_LABEL_MAX);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    assert_true(space_label_of(STR("a-b/c"), 1, first) && space_label_of(STR("a/b-c"), 1, second));
    assert_int_equal(strlen(first), strlen("a-b-c-01234567"));
    assert_string_not_equal(first, second);
}

static void test_hosts(void **state)
{
    static const struct { const char *host, *label; } cases[] = {
        { "a-b.spaces.example.org", "a-b" },      { "A-B.Spaces.Example.ORG.:443", "a-b" }, { "x.y.spaces.example.org", "x.y" },
        { "spaces.example.org", NULL },           { ".spaces.example.org", NULL },          { "evilspaces.example.org", NULL },
        { "a.spaces.example.org.evil.com", NULL }, { "hub.example.org", NULL },              { "", NULL },
    };
    struct arena *a = arena_new(0);
    struct repo r = { .label = STR("a-b") };
    struct err e;
    str label;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool is = space_host_label(STR("spaces.example.org"), str_c(cases[i].host), a, &label);
        if (is != (cases[i].label != NULL) || (is && !str_eq(label, str_c(cases[i].label)))) fail_msg("%s", cases[i].host);
    }
    assert_true(str_eq(space_host(STR("spaces.localhost"), STR("http://127.0.0.1:8080"), &r, a), STR("a-b.spaces.localhost:8080")));
    assert_true(str_eq(space_host(STR("spaces.localhost"), STR("http://[::1]:8080"), &r, a), STR("a-b.spaces.localhost:8080")));
    assert_true(str_eq(space_host(STR("spaces.localhost"), STR("http://[::1]"), &r, a), STR("a-b.spaces.localhost")));
    assert_true(str_eq(space_host(STR("spaces.localhost"), STR("http://desk.lan:8080"), &r, a), STR("")));
    assert_true(str_eq(space_host(STR("spaces.org"), STR("https://hub.org"), &r, a), STR("a-b.spaces.org")));
    assert_true(space_domain_check(STR("spaces.localhost"), STR(""), &e) && space_domain_check(STR(""), STR(""), &e));
    assert_true(space_domain_check(STR("spaces.example.org"), STR("https://hub.example.org"), &e));
    assert_false(space_domain_check(STR("spaces.example.org"), STR(""), &e));
    assert_false(space_domain_check(STR("example.org"), STR("https://hub.example.org"), &e));
    assert_false(space_domain_check(STR("hub.example.org"), STR("https://hub.example.org/"), &e));
    assert_false(space_domain_check(STR("Spaces.org"), STR("https://hub.example.org"), &e));
    assert_false(space_domain_check(STR("*.spaces.org"), STR("https://hub.example.org"), &e));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_plain_labels), cmocka_unit_test(test_others_are_cut_and_hashed), cmocka_unit_test(test_hosts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
