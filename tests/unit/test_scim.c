/* test_scim.c - filters, paths and operations of SCIM, over resources as JSON. */
#include "unit.h"

#include "api/scim/filter.h"
#include "api/scim/patch.h"

static const char user[] = "{\"id\": \"5f00000000000000000000aa\", \"userName\": \"Ann\", \"externalId\": \"Ext-1\", \"displayName\": \"Ann\", \"title\": null, \"nick\": \"\","
                           " \"name\": {\"givenName\": \"Ann\", \"familyName\": \"O'Neil \\\"x\\\"\"},"
                           " \"emails\": [{\"value\": \"ann@acme.org\", \"type\": \"work\", \"primary\": true}, {\"value\": \"a@home.net\", \"type\": \"home\"}],"
                           " \"active\": true, \"meta\": {\"created\": \"2024-05-01T00:00:00Z\"}}";

static struct json *parsed(const char *text, struct arena *a)
{
    struct json *out;
    struct err e;
    must_ok(json_parse(str_c(text), a, &out, &e));
    return out;
}

/* ------------------------------------------------------------------ filters */

static const struct { const char *filter; bool matches; } filters[] = {
    { "userName eq \"ann\"", true }, { "USERNAME Eq \"ANN\"", true }, { "userName eq ann", true }, { "userName eq 'ann'", true }, { "userName eq \"bob\"", false },
    { "externalId eq \"Ext-1\"", true }, { "externalId eq \"ext-1\"", false }, { "id eq \"5F00000000000000000000AA\"", false },
    { "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ann\"", true },
    { "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"x\"", false },
    { "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne \"x\"", true },
    { "name.familyName eq \"O'Neil \\\"x\\\"\"", true }, { "name.familyName eq \"\\u004f'neil \\\"X\\\"\"", true },
    { "emails eq \"a@home.net\"", true }, { "emails.value eq \"ann@acme.org\"", true }, { "emails.type eq \"other\"", false },
    { "emails[type eq \"home\" and value sw \"a@\"].value pr", false }, /* a filter has no part behind its brackets */
    { "emails[type eq \"home\" and value sw \"a@\"]", true }, { "emails[type eq \"work\" and value ew \"home.net\"]", false },
    { "emails co \"@ACME.\"", true }, { "emails ne \"a@home.net\"", false }, { "userName ne \"bob\"", true },
    { "userName sw \"an\"", true }, { "userName ew \"nn\"", true }, { "userName co \"\"", true }, { "userName co \"longer than it\"", false },
    { "active eq true", true }, { "active eq \"True\"", true }, { "active eq false", false }, { "active eq \"no\"", false }, { "active ne false", true }, { "active gt true", false },
    { "meta.created gt \"2024-01-01T00:00:00Z\"", true }, { "meta.created le \"2024-01-01\"", false }, { "meta.created ge \"2024-05-01T00:00:00Z\"", true }, { "meta.created lt \"2025\"", true },
    { "name pr", true }, { "title pr", false }, { "nick pr", false }, { "nothing pr", false }, { "emails pr", true }, { "title eq null", true }, { "nothing eq null", false },
    { "not (userName eq \"bob\")", true }, { "not(active eq true) or userName pr", true },
    { "userName eq \"bob\" or userName eq \"ann\" and active eq false", false }, { "(userName eq \"bob\" or userName eq \"ann\") and active eq true", true },
    { "  userName   eq   \"ann\"  ", true },
};

static void a_filter_matches_what_it_says(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct json *resource = parsed(user, a);
    for (size_t i = 0; i < COUNT(filters); i++) {
        struct scim_filter *f;
        struct err e;
        bool matches = scim_filter_parse(str_c(filters[i].filter), a, &f, &e) && scim_filter_matches(f, resource);
        if (matches != filters[i].matches) fail_msg("%s", filters[i].filter);
    }
    arena_free(a);
}

static const char *const bad_filters[] = {
    "", " ", "userName", "userName eq", "userName eq ", "userName eq \"ann", "userName eq 'ann", "userName zz \"ann\"", "eq \"ann\"", "userName eq \"a\" and", "and userName pr",
    "(userName pr", "userName pr)", "not userName pr", "emails[type eq \"x\"", "emails[]", "emails[type eq \"x\"].value eq \"y\"", "a.b.c pr", "a. pr", ".a pr", "userName eq {}", "userName eq [1]",
    "userName eq \"\\q\"", "userName pr userName pr", "userName eq \"a\" \"b\"", "$", "\"userName\" eq \"x\"",
};

static void what_is_no_filter_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    for (size_t i = 0; i < COUNT(bad_filters); i++) {
        struct scim_filter *f;
        struct err e;
        if (scim_filter_parse(str_c(bad_filters[i]), a, &f, &e)) fail_msg("taken: %s", bad_filters[i]);
        assert_string_equal(e.kind, SCIM_INVALID_FILTER);
    }
    arena_free(a);
}

static void a_filter_is_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct scim_filter *f;
    struct err e;
    struct buf b = BUF_INIT(0);
    for (int depth = SCIM_FILTER_DEPTH_MAX; depth <= SCIM_FILTER_DEPTH_MAX + 1; depth++) {
        buf_reset(&b);
        for (int i = 0; i < depth; i++) buf_byte(&b, '(');
        buf_lit(&b, "a pr");
        for (int i = 0; i < depth; i++) buf_byte(&b, ')');
        assert_int_equal(scim_filter_parse(buf_str(&b), a, &f, &e), depth <= SCIM_FILTER_DEPTH_MAX);
    }
    for (int terms = SCIM_FILTER_TERMS_MAX; terms <= SCIM_FILTER_TERMS_MAX + 1; terms++) {
        buf_reset(&b);
        for (int i = 0; i < terms; i++) buf_addf(&b, "%sa pr", i ? " or " : "");
        assert_int_equal(scim_filter_parse(buf_str(&b), a, &f, &e), terms <= SCIM_FILTER_TERMS_MAX);
    }
    buf_reset(&b);
    buf_lit(&b, "a eq \"");
    while (b.n <= SCIM_FILTER_BYTES_MAX) buf_byte(&b, 'x');
    buf_byte(&b, '"');
    assert_false(scim_filter_parse(buf_str(&b), a, &f, &e));
    buf_deinit(&b);
    arena_free(a);
}

static void a_filter_tells_what_it_needs(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct scim_filter *f;
    struct err e;
    must_ok(scim_filter_parse(STR("active eq true and (ID eq \"5f\" and members[value eq \"aa\"])"), a, &f, &e));
    assert_str(scim_filter_needs(f, "id"), STR("5f"));
    assert_null(scim_filter_needs(f, "userName").p);
    assert_true(scim_filter_mentions(f, "members") && scim_filter_mentions(f, "active") && !scim_filter_mentions(f, "value"));
    static const char *const none[] = { "id eq \"5f\" or userName eq \"a\"", "not (id eq \"5f\")", "id ne \"5f\"", "id sw \"5\"", "x[id eq \"5f\"]" };
    for (size_t i = 0; i < COUNT(none); i++) {
        must_ok(scim_filter_parse(str_c(none[i]), a, &f, &e));
        assert_null(scim_filter_needs(f, "id").p);
    }
    arena_free(a);
}

/* ------------------------------------------------------------------ operations */

#define CORE "urn:ietf:params:scim:schemas:core:2.0:User:"
#define OTHER "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"
static const struct { const char *resource, *operations, *after; /* after NULL: refused */ const char *kind; } patches[] = {
    { "{\"active\":true}", "{\"op\":\"Replace\",\"path\":\"active\",\"value\":\"False\"}", "{\"active\":\"False\"}", NULL },
    { "{\"active\":true}", "{\"op\":\"replace\",\"value\":{\"active\":false}}", "{\"active\":false}", NULL },
    { "{\"name\":{\"givenName\":\"A\"}}", "{\"op\":\"Add\",\"value\":{\"name.familyName\":\"B\",\"NAME.givenname\":\"C\"}}", "{\"name\":{\"givenName\":\"C\",\"familyName\":\"B\"}}", NULL },
    { "{}", "{\"op\":\"add\",\"path\":\"name.givenName\",\"value\":\"A\"}", "{\"name\":{\"givenName\":\"A\"}}", NULL },
    { "{\"name\":{\"givenName\":\"A\"}}", "{\"op\":\"replace\",\"path\":\"name\",\"value\":{\"familyName\":\"B\"}}", "{\"name\":{\"givenName\":\"A\",\"familyName\":\"B\"}}", NULL },
    { "{\"userName\":\"a\"}", "{\"op\":\"replace\",\"path\":\"" CORE "userName\",\"value\":\"b\"}", "{\"userName\":\"b\"}", NULL },
    { "{\"userName\":\"a\"}", "{\"op\":\"add\",\"path\":\"" OTHER "department\",\"value\":\"b\"}", "{\"userName\":\"a\"}", NULL },
    { "{\"userName\":\"a\"}", "{\"op\":\"add\",\"value\":{\"" OTHER "department\":\"b\",\"userName\":\"c\"}}", "{\"userName\":\"c\"}", NULL },
    { "{\"externalId\":\"x\",\"a\":1}", "{\"op\":\"Remove\",\"path\":\"EXTERNALID\"}", "{\"a\":1}", NULL },
    { "{\"emails\":[{\"value\":\"a\",\"type\":\"work\"},{\"value\":\"b\",\"type\":\"home\"}]}", "{\"op\":\"replace\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"c\"}",
      "{\"emails\":[{\"value\":\"c\",\"type\":\"work\"},{\"value\":\"b\",\"type\":\"home\"}]}", NULL },
    { "{\"emails\":[]}", "{\"op\":\"Add\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"c\"}", "{\"emails\":[{\"type\":\"work\",\"value\":\"c\"}]}", NULL },
    { "{\"emails\":[]}", "{\"op\":\"Replace\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"c\"}", NULL, SCIM_NO_TARGET },
    { "{\"emails\":[{\"value\":\"a\"}]}", "{\"op\":\"replace\",\"path\":\"emails\",\"value\":{\"value\":\"b\"}}", "{\"emails\":[{\"value\":\"b\"}]}", NULL },
    { "{\"emails\":[{\"value\":\"a\"}]}", "{\"op\":\"replace\",\"path\":\"emails.value\",\"value\":\"b\"}", "{\"emails\":[{\"value\":\"b\"}]}", NULL },
    { "{\"members\":[{\"value\":\"1\"},{\"value\":\"2\"}]}", "{\"op\":\"remove\",\"path\":\"members[value eq \\\"1\\\"]\"}", "{\"members\":[{\"value\":\"2\"}]}", NULL },
    { "{\"members\":[{\"value\":\"1\"},{\"value\":\"2\"},{\"value\":\"3\"}]}", "{\"op\":\"Remove\",\"path\":\"members\",\"value\":[{\"value\":\"1\"},{\"value\":\"3\"}]}", "{\"members\":[{\"value\":\"2\"}]}", NULL },
    { "{\"members\":[{\"value\":\"1\"}]}", "{\"op\":\"remove\",\"path\":\"members\"}", "{}", NULL },
    { "{\"members\":[{\"value\":\"1\"}]}", "{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"2\"}]}", "{\"members\":[{\"value\":\"1\"},{\"value\":\"2\"}]}", NULL },
    { "{}", "{\"op\":\"add\",\"path\":\"members\",\"value\":{\"value\":\"2\"}}", "{\"members\":[{\"value\":\"2\"}]}", NULL },
    { "{\"members\":[{\"value\":\"1\"}]}", "{\"op\":\"replace\",\"path\":\"members\",\"value\":[]},{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"9\"}]}", "{\"members\":[{\"value\":\"9\"}]}", NULL },
    { "{}", "{\"op\":\"remove\",\"path\":\"members[value eq \\\"1\\\"]\"}", "{}", NULL },
    { "{}", "{\"op\":\"remove\"}", NULL, SCIM_NO_TARGET },
    { "{}", "{\"op\":\"move\",\"path\":\"a\"}", NULL, SCIM_INVALID_SYNTAX },
    { "{}", "{\"path\":\"a\",\"value\":1}", NULL, SCIM_INVALID_SYNTAX },
    { "{}", "7", NULL, SCIM_INVALID_SYNTAX },
    { "{}", "{\"op\":\"add\",\"value\":7}", NULL, SCIM_INVALID_SYNTAX },
    { "{}", "{\"op\":\"add\",\"path\":7,\"value\":7}", NULL, SCIM_INVALID_PATH },
    { "{}", "{\"op\":\"add\",\"path\":\"a b\",\"value\":7}", NULL, SCIM_INVALID_PATH },
    { "{}", "{\"op\":\"add\",\"path\":\"emails[type eq].value\",\"value\":7}", NULL, SCIM_INVALID_PATH },
    { "{}", "{\"op\":\"add\",\"path\":\"emails.value[type eq \\\"x\\\"]\",\"value\":7}", NULL, SCIM_INVALID_PATH },
    { "{}", "{\"op\":\"add\",\"path\":\"a\"}", NULL, SCIM_INVALID_VALUE },
    { "{\"emails\":[{\"value\":\"a\"}]}", "{\"op\":\"replace\",\"path\":\"emails[value eq \\\"a\\\"]\",\"value\":\"b\"}", NULL, SCIM_INVALID_VALUE },
};

static void operations_change_a_resource_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(patches); i++) {
        struct arena *a = arena_new(0);
        struct err e = { 0 };
        struct json *resource = parsed(patches[i].resource, a), *body = parsed(arena_fmt(a, "{\"operations\":[%s]}", patches[i].operations).p, a);
        bool ok = scim_patch(resource, body, a, &e);
        str after = json_text(a, resource);
        if (ok != (patches[i].after != NULL) || (ok && !str_eq(after, str_c(patches[i].after)))) fail_msg("%s: %.*s %s", patches[i].operations, STR_ARG(after), ok ? "" : e.msg);
        if (!ok) assert_string_equal(e.kind, patches[i].kind);
        arena_free(a);
    }
}

static void operations_are_a_list_with_an_end(void **state)
{
    (void)state;
    static const char *const bad[] = { "{}", "{\"Operations\":{}}", "{\"Operations\":\"x\"}", "[]" };
    struct arena *a = arena_new(0);
    struct err e;
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(scim_patch(json_new(a, JSON_OBJECT), parsed(bad[i], a), a, &e));
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "{\"Operations\":[");
    for (int i = 0; i <= SCIM_OPERATIONS_MAX; i++) buf_addf(&b, "%s{\"op\":\"remove\",\"path\":\"a\"}", i ? "," : "");
    buf_lit(&b, "]}");
    assert_false(scim_patch(json_new(a, JSON_OBJECT), parsed(buf_cstr(&b), a), a, &e));
    buf_deinit(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_matches_what_it_says),
        cmocka_unit_test(what_is_no_filter_is_refused),
        cmocka_unit_test(a_filter_is_bounded),
        cmocka_unit_test(a_filter_tells_what_it_needs),
        cmocka_unit_test(operations_change_a_resource_or_are_refused),
        cmocka_unit_test(operations_are_a_list_with_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
