/* test_http.c - what needs no socket: routes, ranges, percent-encoding, forms.  The server itself is
 * tested by test_http_server.c. */
#include "unit.h"

#include "base/buf.h"
#include "http/http.h"
#include "http/route.h"

/* ------------------------------------------------------------------ the router */

static bool never_called(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_INTERNAL, "not meant to run");
}

#define ROUTE(method, pattern, label) { method, pattern, 0, HTTP_BODY_NONE, 0, HTTP_INLINE, never_called, label }
static const struct http_route table[] = {
    ROUTE(HTTP_GET, "/:owner/:name/resolve/:rev/*path", "file"),
    ROUTE(HTTP_GET, "/", "home"),
    ROUTE(HTTP_GET, "/:owner/:name", "page"),
    ROUTE(HTTP_GET, "/:owner/:repo.git/info/refs", "git.refs"),
    ROUTE(HTTP_GET, "/:type(datasets|spaces)/:owner/:name/resolve/:rev/*path", "typed.file"),
    ROUTE(HTTP_POST, "/api/repos/create", "create"),
    ROUTE(HTTP_DELETE, "/api/repos/delete", "delete"),
    ROUTE(HTTP_GET, "/api/models/:owner/:name", "info"),
    ROUTE(HTTP_GET, "/api/models/:owner/special", "special"),
    ROUTE(HTTP_GET, "/api/:type(models|datasets)", "list"),
    ROUTE(HTTP_POST, "/api/models/mine/special", "mine"),
    ROUTE(HTTP_GET, "/static/*file", "static"),
    ROUTE(HTTP_HEAD, "/only/head", "head"),
};

static const struct {
    enum http_method method;
    const char *path, *want; /* name of the row; NULL for none */
    const char *params;      /* joined by blanks */
    unsigned methods;
} route_case[] = {
    { HTTP_GET, "/", "home", "", 0 },
    { HTTP_HEAD, "/", "home", "", 0 },
    { HTTP_POST, "/", NULL, "", 1u << HTTP_GET | 1u << HTTP_HEAD },
    { HTTP_GET, "", NULL, "", 0 },
    { HTTP_GET, "*", NULL, "", 0 },
    { HTTP_GET, "//", NULL, "", 0 },
    { HTTP_GET, "/a/b", "page", "a b", 0 },
    { HTTP_GET, "/a/b/", NULL, "", 0 },
    { HTTP_GET, "/a%2Fb/c", "page", "a%2Fb c", 0 },
    { HTTP_GET, "/a/b.git/info/refs", "git.refs", "a b", 0 },
    { HTTP_GET, "/a/.git/info/refs", NULL, "", 0 },
    { HTTP_GET, "/a/b/resolve/main/x/y%20z", "file", "a b main x/y%20z", 0 },
    { HTTP_GET, "/a/b/resolve/refs%2Fpr%2F1/", "file", "a b refs%2Fpr%2F1 ", 0 },
    { HTTP_GET, "/a/b/resolve/main", "file", "a b main ", 0 },
    { HTTP_GET, "/datasets/a/b/resolve/main/f", "typed.file", "datasets a b main f", 0 },
    { HTTP_GET, "/datasets/a/resolve/main/f", "file", "datasets a main f", 0 }, /* a way back */
    { HTTP_GET, "/api/models/a/b", "info", "a b", 0 },
    { HTTP_GET, "/api/models/a/special", "special", "a", 0 },
    { HTTP_GET, "/api/models/mine/special", "special", "mine", 0 }, /* the literal row is for POST only */
    { HTTP_POST, "/api/models/mine/special", "mine", "", 0 },
    { HTTP_PUT, "/api/models/mine/special", NULL, "", 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST },
    { HTTP_GET, "/api/models", "list", "models", 0 },
    { HTTP_GET, "/api/spaces", "page", "api spaces", 0 },
    { HTTP_GET, "/static", "static", "", 0 },
    { HTTP_GET, "/static/", "static", "", 0 },
    { HTTP_GET, "/static/a//b", "static", "a//b", 0 },
    { HTTP_HEAD, "/only/head", "head", "", 0 },
    { HTTP_GET, "/only/head", "page", "only head", 0 },
};

static void most_literal_row_wins(void **state)
{
    (void)state;
    struct router *t = router_new(table, COUNT(table));
    for (size_t i = 0; i < COUNT(route_case); i++) {
        struct route_match m;
        struct buf params = BUF_INIT(0);
        const char *path = route_case[i].path, *want = route_case[i].want;
        bool found = router_match(t, route_case[i].method, str_c(path), &m);
        if (found != (want != NULL)) fail_msg("%s: found %d", path, found);
        if (found) {
            if (strcmp(m.row->route->name, want) != 0) fail_msg("%s: row %s, want %s", path, m.row->route->name, want);
            for (size_t k = 0; k < m.row->params; k++) {
                if (k) buf_byte(&params, ' ');
                buf_add(&params, m.value[k]);
            }
            assert_str(buf_str(&params), str_c(route_case[i].params));
        } else if (m.methods != route_case[i].methods) {
            fail_msg("%s: methods %x, want %x", path, m.methods, route_case[i].methods);
        }
        buf_deinit(&params);
    }
    router_free(t);
}

/* ------------------------------------------------------------------ decoding */

static const struct {
    const char *in;
    bool plus, ok;
    const char *want;
} decode_case[] = {
    { "plain", false, true, "plain" },
    { "", false, true, "" },
    { "a%2Fb", false, true, "a/b" },
    { "a%2fb+c", false, true, "a/b+c" },
    { "a+b%2B", true, true, "a b+" },
    { "%252F", false, true, "%2F" }, /* once only */
    { "%C3%A9", false, true, "\xc3\xa9" },
    { "%", false, false, "" },
    { "%4", false, false, "" },
    { "%zz", false, false, "" },
    { "a%00b", false, false, "" },
};

static void components_are_decoded_once(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    for (size_t i = 0; i < COUNT(decode_case); i++) {
        str out = { 0 };
        bool ok = http_decode(str_c(decode_case[i].in), decode_case[i].plus, a, &out);
        if (ok != decode_case[i].ok) fail_msg("%s: %d", decode_case[i].in, ok);
        if (ok) assert_str(out, str_c(decode_case[i].want));
    }
    arena_free(a);
}

static void encoding_is_undone_by_decoding(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    char all[255];
    str back;
    for (int i = 0; i < 255; i++) all[i] = (char)(i + 1);
    http_encode(&b, str_n(all, sizeof all), "/");
    assert_true(str_find(buf_str(&b), STR("/")) != STR_NONE);
    assert_true(str_find(buf_str(&b), STR(" ")) == STR_NONE);
    assert_true(http_decode(buf_str(&b), false, a, &back));
    assert_str(back, str_n(all, sizeof all));
    buf_deinit(&b);
    arena_free(a);
}

static void forms_give_values_in_order(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    str v, form = STR("expand=a&x=1&expand%5B%5D=b+c&expand[]=%64&&=n&flag&bad=%zz&bad=2");
    assert_true(http_form_nth(form, a, "expand", 0, &v));
    assert_str(v, STR("a"));
    assert_true(http_form_nth(form, a, "expand", 1, &v));
    assert_str(v, STR("b c"));
    assert_true(http_form_nth(form, a, "expand", 2, &v));
    assert_str(v, STR("d"));
    assert_false(http_form_nth(form, a, "expand", 3, &v));
    assert_true(http_form_nth(form, a, "flag", 0, &v));
    assert_str(v, STR(""));
    assert_true(http_form_nth(form, a, "bad", 0, &v)); /* what does not decode is not there */
    assert_str(v, STR("2"));
    assert_false(http_form_nth(form, a, "expan", 0, &v));
    assert_false(http_form_nth(STR(""), a, "x", 0, &v));
    arena_free(a);
}

#define MULTIPART "multipart/form-data; boundary=\"x y\""
static const char two_parts[] = "--x y\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n"
                                "--x y\r\ncontent-disposition: form-data; name=files; filename=\"a%22b;%41\\c\"\r\nContent-Type: a/b\r\n\r\n"
                                "\r\n--x \r\n\0\r\n--x y--\r\n";

static void parts_of_a_form_are_views(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct http_multipart m;
    struct http_part part;
    str body = str_n(two_parts, sizeof two_parts - 1);
    assert_true(http_multipart_begin(STR(MULTIPART), body, &m));
    assert_true(http_multipart_next(&m, a, &part));
    assert_str(part.name, STR("csrf"));
    assert_str(part.content, STR("abc"));
    assert_null(part.filename.p);
    assert_true(http_multipart_next(&m, a, &part));
    assert_str(part.name, STR("files"));
    assert_str(part.filename, STR("a\"b;%41\\c"));
    assert_str(part.content, STR("\r\n--x \r\n\0"));
    assert_false(http_multipart_next(&m, a, &part));
    assert_true(m.ended);
    for (size_t n = 0; n < body.n - 3; n++) { /* a body that was cut is never whole */
        if (!http_multipart_begin(STR(MULTIPART), str_to(body, n), &m)) continue;
        while (http_multipart_next(&m, a, &part)) {}
        assert_false(m.ended);
    }
    assert_false(http_multipart_begin(STR("multipart/form-data"), body, &m));
    assert_false(http_multipart_begin(STR("application/x-www-form-urlencoded"), body, &m));
    assert_false(http_multipart_begin(STR("multipart/form-data; boundary=other"), body, &m));
    arena_free(a);
}

/* ------------------------------------------------------------------ ranges */

static const struct {
    const char *in;
    uint64_t size;
    enum http_range_kind kind;
    const char *want; /* "first-last first-last" */
} range_case[] = {
    { "bytes=0-9", 100, HTTP_RANGE_SOME, "0-9" },
    { "bytes=0-0", 1, HTTP_RANGE_SOME, "0-0" },
    { "bytes=10-", 100, HTTP_RANGE_SOME, "10-99" },
    { "bytes=-1", 100, HTTP_RANGE_SOME, "99-99" },
    { "bytes=-1000", 100, HTTP_RANGE_SOME, "0-99" },
    { "bytes=90-1000", 100, HTTP_RANGE_SOME, "90-99" },
    { "bytes=90-18446744073709551616", 100, HTTP_RANGE_SOME, "90-99" },
    { " Bytes=1-2 , ,5-6,", 100, HTTP_RANGE_SOME, "1-2 5-6" },
    { "bytes=0-0,-1", 100, HTTP_RANGE_SOME, "0-0 99-99" },
    { "bytes=200-,3-4", 100, HTTP_RANGE_SOME, "3-4" },
    { "bytes=5-6,1-2", 100, HTTP_RANGE_SOME, "5-6 1-2" },
    { "bytes=0-18446744073709551614", UINT64_MAX, HTTP_RANGE_SOME, "0-18446744073709551614" },
    { "bytes=100-", 100, HTTP_RANGE_UNSATISFIABLE, "" },
    { "bytes=99999999999999999999999-", 100, HTTP_RANGE_UNSATISFIABLE, "" },
    { "bytes=-0", 100, HTTP_RANGE_UNSATISFIABLE, "" },
    { "bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, "" },
    { "bytes=-5", 0, HTTP_RANGE_UNSATISFIABLE, "" },
    { "bytes=9-0", 100, HTTP_RANGE_NONE, "" },
    { "bytes=1-2,9-0", 100, HTTP_RANGE_NONE, "" },
    { "bytes=", 100, HTTP_RANGE_NONE, "" },
    { "bytes=,", 100, HTTP_RANGE_NONE, "" },
    { "bytes=-", 100, HTTP_RANGE_NONE, "" },
    { "bytes=--1", 100, HTTP_RANGE_NONE, "" },
    { "bytes=1-2-3", 100, HTTP_RANGE_NONE, "" },
    { "bytes=+1-2", 100, HTTP_RANGE_NONE, "" },
    { "bytes=a-b", 100, HTTP_RANGE_NONE, "" },
    { "items=0-9", 100, HTTP_RANGE_NONE, "" },
    { "", 100, HTTP_RANGE_NONE, "" },
    { "bytes=0-60,40-99", 100, HTTP_RANGE_NONE, "" }, /* more than there is */
    { "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15", 100, HTTP_RANGE_SOME,
      "0-0 1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8 9-9 10-10 11-11 12-12 13-13 14-14 15-15" },
    { "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-16", 100,
      HTTP_RANGE_NONE, "" },
};

static void ranges_are_resolved_ignored_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(range_case); i++) {
        struct http_range range[HTTP_RANGES_MAX];
        struct buf got = BUF_INIT(0);
        size_t n;
        enum http_range_kind kind = http_range_parse(str_c(range_case[i].in), range_case[i].size, range, &n);
        if (kind != range_case[i].kind) fail_msg("\"%s\": kind %d", range_case[i].in, (int)kind);
        for (size_t k = 0; kind == HTTP_RANGE_SOME && k < n; k++)
            buf_addf(&got, "%s%llu-%llu", k ? " " : "", (unsigned long long)range[k].first,
                     (unsigned long long)range[k].last);
        assert_str(buf_str(&got), str_c(range_case[i].want));
        buf_deinit(&got);
    }
}

/* Literals of many lengths, which are searched by halves. */
static void each_of_several_hundred_routes_is_found(void **state)
{
    (void)state;
    enum { ROUTES = 400 };
    static char pattern[ROUTES][64];
    struct http_route routes[ROUTES];
    for (size_t i = 0; i < ROUTES; i++) {
        snprintf(pattern[i], sizeof pattern[i], "/api/models/:owner/:name/operation%zu/:id", i * i);
        routes[i] = (struct http_route){ HTTP_GET, pattern[i], 0, HTTP_BODY_NONE, 0, HTTP_INLINE, never_called, "x" };
    }
    struct router *t = router_new(routes, ROUTES);
    struct route_match m;
    char path[96];
    for (size_t i = 0; i < ROUTES; i++) {
        snprintf(path, sizeof path, "/api/models/some-owner/some-name/operation%zu/1234", i * i);
        assert_true(router_match(t, HTTP_GET, str_c(path), &m));
        assert_ptr_equal(m.row->route, &routes[i]);
    }
    assert_false(router_match(t, HTTP_GET, STR("/api/models/some-owner/some-name/operation2/1234"), &m));
    router_free(t);
}

/* Many of one key: each is looked at once, and takes memory once. */
static void many_of_a_key_are_walked_once(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct arena *a = arena_new(8 << 20);
    struct buf b = BUF_INIT(0);
    str value, rest;
    size_t n = 0;
    for (int i = 0; i < MANY; i++) buf_addf(&b, "other=%%zz&paths=a%%2Fb%d&paths[]=%%zz&", i);
    for (rest = buf_str(&b); http_form_next(&rest, a, "paths", &value); n++) {
        char want[32];
        snprintf(want, sizeof want, "a/b%zu", n);
        assert_str(value, str_c(want));
    }
    assert_int_equal(n, MANY);
    assert_true(http_form_nth(buf_str(&b), a, "paths", 3, &value));
    assert_str(value, STR("a/b3"));
    rest = STR("paths[]=x&paths=y+z");
    assert_true(http_form_next(&rest, a, "paths", &value));
    assert_str(value, STR("x"));
    assert_true(http_form_next(&rest, a, "paths", &value));
    assert_str(value, STR("y z"));
    assert_false(http_form_next(&rest, a, "paths", &value));
    rest = (str){ 0 };
    assert_false(http_form_next(&rest, a, "paths", &value));
    buf_deinit(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_of_a_key_are_walked_once),
        cmocka_unit_test(most_literal_row_wins),
        cmocka_unit_test(components_are_decoded_once),
        cmocka_unit_test(encoding_is_undone_by_decoding),
        cmocka_unit_test(forms_give_values_in_order),
        cmocka_unit_test(parts_of_a_form_are_views),
        cmocka_unit_test(ranges_are_resolved_ignored_or_refused),
        cmocka_unit_test(each_of_several_hundred_routes_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
