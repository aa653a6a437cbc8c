/* test_http.c - the router, ranges and decoding alone; then a server in this process, driven over real
 * sockets by a client that writes and reads raw bytes. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
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

/* ------------------------------------------------------------------ a server, and a client by hand */

struct fixture {
    struct http_server *server;
    uint16_t port;
};

static bool get_hello(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", STR("hello"));
}

static bool post_echo(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "application/octet-stream", http_body(r));
}

static bool get_param(struct http_req *r, struct err *e)
{
    (void)e;
    str q = http_query(r, "q");
    return http_reply(r, 200, "text/plain",
                      arena_fmt(http_arena(r), "%.*s|%.*s|%.*s", STR_ARG(http_param(r, "name")),
                                STR_ARG(http_param_raw(r, "rest")), STR_ARG(q)));
}

static bool get_failure(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_CONFLICT, "it is there already");
}

static const struct http_route server_routes[] = {
    { HTTP_GET, "/hello", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_hello, "hello" },
    { HTTP_GET, "/slow/hello", 0, HTTP_BODY_NONE, 0, 0, get_hello, "slow.hello" },
    { HTTP_POST, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo" },
    { HTTP_POST, "/inline/echo", 0, HTTP_BODY_WHOLE, 100000, HTTP_INLINE, post_echo, "inline.echo" },
    { HTTP_DELETE, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo.delete" },
    { HTTP_GET, "/param/:name/*rest", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_param, "param" },
    { HTTP_GET, "/failure", 0, HTTP_BODY_NONE, 0, 0, get_failure, "failure" },
    { HTTP_POST, "/secret", 1, HTTP_BODY_WHOLE, 1 << 20, 0, post_echo, "secret" },
    { HTTP_POST, "/inline/secret", 1, HTTP_BODY_WHOLE, 1 << 20, HTTP_INLINE, post_echo, "inline.secret" },
};

static bool authorize(struct http_req *r, const struct http_route *route, struct err *e)
{
    (void)r;
    return route->permission == 0 || err_set(e, ERR_DENIED, "not for you");
}

static void on_headers(struct http_req *r) { http_add_header(r, "X-Request-Id", http_request_id(r)); }

static int server_start(void **state)
{
    struct fixture *f = mem_one(struct fixture);
    struct http_limits limits;
    struct http_hooks hooks = { .authorize = authorize, .headers = on_headers };
    struct err e;
    http_limits_default(&limits);
    limits.worker_threads_max = 4;
    if (!http_server_new(server_routes, COUNT(server_routes), &hooks, &limits, f, &f->server, &e)) return -1;
    if (!http_server_listen(f->server, "127.0.0.1", 0, NULL, &f->port, &e)) return -1;
    *state = f;
    return 0;
}

static int server_end(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    mem_free(f);
    return 0;
}

static int dial(struct fixture *f)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    struct timeval limit = { .tv_sec = 20 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

static void say(int fd, str text)
{
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0) fail_msg("send: %s", strerror(errno));
        text = str_from(text, (size_t)n);
    }
}

struct answer {
    struct buf text; /* head and body as they came */
    int status;
    str head, body;
};

static void answer_free(struct answer *a) { buf_deinit(&a->text); }

static str answer_header(const struct answer *a, const char *name)
{
    str rest = a->head, line;
    while (str_cut(&rest, '\n', &line)) {
        size_t colon = str_chr(line, ':');
        if (colon != STR_NONE && str_eq_nocase(str_to(line, colon), str_c(name))) return str_trim(str_from(line, colon + 1));
    }
    return (str){ 0 };
}

static bool more(int fd, struct buf *b)
{
    char *p = buf_reserve(b, 65536);
    assert_non_null(p);
    ssize_t n = recv(fd, p, 65536, 0);
    if (n < 0 && errno != ECONNRESET) fail_msg("recv: %s", strerror(errno));
    if (n > 0) b->n += (size_t)n;
    return n > 0;
}

/* Reads one answer, whose length Content-Length tells unless `no_body`; leaves what follows in *rest. */
static void hear(int fd, bool no_body, struct buf *rest, struct answer *a)
{
    uint64_t length = 0;
    *a = (struct answer){ 0 };
    size_t end;
    while ((end = str_find(buf_str(rest), STR("\r\n\r\n"))) == STR_NONE)
        if (!more(fd, rest)) fail_msg("closed within the head: \"%.*s\"", STR_ARG(buf_str(rest)));
    end += 4;
    a->head = str_to(buf_str(rest), end);
    if (!no_body && answer_header(a, "Content-Length").p)
        assert_true(str_u64(answer_header(a, "Content-Length"), &length));
    while (rest->n < end + length)
        if (!more(fd, rest)) fail_msg("closed within the body");
    buf_add(&a->text, str_to(buf_str(rest), end + (size_t)length));
    memmove(rest->p, rest->p + end + length, rest->n - end - length);
    rest->n -= end + (size_t)length;
    a->head = str_to(buf_str(&a->text), end);
    a->body = str_from(buf_str(&a->text), end);
    uint64_t status;
    assert_true(str_starts(a->head, STR("HTTP/1.1 ")) && str_u64(str_n(a->head.p + 9, 3), &status));
    a->status = (int)status;
}

/* One request on a connection of its own. */
static void ask(struct fixture *f, const char *request, struct answer *a)
{
    struct buf rest = BUF_INIT(0);
    int fd = dial(f);
    say(fd, str_c(request));
    hear(fd, strncmp(request, "HEAD", 4) == 0, &rest, a);
    assert_int_equal(rest.n, 0);
    buf_deinit(&rest);
    close(fd);
}

static const struct {
    const char *request;
    int status;
    const char *body;
} exchange_case[] = {
    { "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello" },
    { "GET /slow/hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello" },
    { "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "" },
    { "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no such path" },
    { "PUT /hello HTTP/1.1\r\nHost: x\r\n\r\n", 404, "this path does not know this method" },
    { "BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501, "this method is not supported" },
    { "GET /failure HTTP/1.1\r\nHost: x\r\n\r\n", 409, "it is there already" },
    { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n0000", 200, "0000" },
    { "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 200, "" },
    { "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, "abc" },
    { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 200, "abcd" },
    { "POST /inline/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc" },
    { "POST /secret HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 403, "not for you" },
    { "POST /inline/secret HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 403, "not for you" },
    { "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400, "this operation takes no body" },
    { "GET /param/a%2Fb%20c/x%2Fy/z?q=1%2B+2 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "a/b c|x%2Fy/z|1+ 2" },
    { "GET /param/a|b%3F/x?q=%7C| HTTP/1.1\r\nHost: x\r\n\r\n", 200, "a|b?|x|||" },
    { "GET /param/%zz/x HTTP/1.1\r\nHost: x\r\n\r\n", 400, "the path is not percent-encoded correctly" },
    { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
      "Content-Length is not one number" },
    { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
      "Content-Length and Transfer-Encoding exclude each other" },
};

static void requests_are_answered(void **state)
{
    for (size_t i = 0; i < COUNT(exchange_case); i++) {
        struct answer a;
        ask(*state, exchange_case[i].request, &a);
        if (a.status != exchange_case[i].status)
            fail_msg("%s: status %d, want %d", exchange_case[i].request, a.status, exchange_case[i].status);
        assert_str(a.body, str_c(exchange_case[i].body));
        assert_true(str_starts(answer_header(&a, "X-Request-Id"), STR("Root=1-")));
        answer_free(&a);
    }
}

static void a_connection_serves_many_requests(void **state)
{
    struct buf rest = BUF_INIT(0);
    int fd = dial(*state);
    for (int i = 0; i < 20; i++) {
        struct answer a;
        say(fd, str_c(exchange_case[i % 15].request));
        hear(fd, strncmp(exchange_case[i % 15].request, "HEAD", 4) == 0, &rest, &a);
        assert_int_equal(a.status, exchange_case[i % 15].status);
        assert_null(answer_header(&a, "Connection").p);
        answer_free(&a);
    }
    buf_deinit(&rest);
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct buf rest = BUF_INIT(0), all = BUF_INIT(0);
    int fd = dial(*state);
    for (size_t i = 0; i < 15; i++) buf_add(&all, str_c(exchange_case[i].request));
    say(fd, buf_str(&all));
    for (size_t i = 0; i < 15; i++) {
        struct answer a;
        hear(fd, strncmp(exchange_case[i].request, "HEAD", 4) == 0, &rest, &a);
        assert_int_equal(a.status, exchange_case[i].status);
        assert_str(a.body, str_c(exchange_case[i].body));
        answer_free(&a);
    }
    buf_deinit(&rest);
    buf_deinit(&all);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_literal_row_wins),
        cmocka_unit_test(components_are_decoded_once),
        cmocka_unit_test(encoding_is_undone_by_decoding),
        cmocka_unit_test(forms_give_values_in_order),
        cmocka_unit_test_setup_teardown(requests_are_answered, server_start, server_end),
        cmocka_unit_test_setup_teardown(a_connection_serves_many_requests, server_start, server_end),
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order, server_start, server_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
