/* test_http_head.c - heads that somebody in front of the server may read otherwise than it does.
 *
 * Behind each stands another request on the same connection.  Of a doubtful head the whole conversation is one answer 400 and the
 * end: a second answer would be one to bytes that the other side may have taken for a body. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#include "base/buf.h"
#include "http/http.h"

enum { DEADLINE_S = 60 };

static bool answer_body(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", http_body(r));
}

static const struct http_route routes[] = {
    { HTTP_POST, "/echo", 0, HTTP_BODY_WHOLE, 1000, HTTP_INLINE, answer_body, "echo" },
    { HTTP_GET, "/hello", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, answer_body, "hello" },
};

struct fixture {
    struct http_server *server;
    uint16_t port;
};

static int start(void **state)
{
    struct fixture *f = mem_one(struct fixture);
    struct http_limits limits;
    struct err e;
    http_limits_default(&limits);
    limits.event_threads = 1;
    if (!http_server_new(routes, COUNT(routes), NULL, &limits, f, &f->server, &e) ||
        !http_server_listen(f->server, "127.0.0.1", 0, NULL, &f->port, &e))
        fail_msg("%s", e.msg);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    mem_free(f);
    return 0;
}

/* Says all, so many bytes at a time, and hears until the end of the connection. */
static void converse(struct fixture *f, str said, size_t piece, struct buf *heard)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval limit = { .tv_sec = DEADLINE_S };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    while (said.n > 0) {
        size_t n = said.n < piece ? said.n : piece;
        assert_int_equal(send(fd, said.p, n, MSG_NOSIGNAL), (ssize_t)n);
        said = str_from(said, n);
    }
    for (;;) {
        char *p = buf_reserve(heard, 4096);
        ssize_t n = recv(fd, p, 4096, 0);
        assert_true(n >= 0); /* neither a reset nor silence */
        if (n == 0) break;
        heard->n += (size_t)n;
    }
    close(fd);
}

static size_t count(str text, str what)
{
    size_t n = 0;
    for (size_t at; (at = str_find(text, what)) != STR_NONE; n++) text = str_from(text, at + what.n);
    return n;
}

#define GET "GET /hello HTTP/1.1\r\n"
#define POST "POST /echo HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define HIDDEN "GET /hello HTTP/1.1\r\nHost: hidden\r\nConnection: close\r\n\r\n"
#define HEAD(text) STR_INIT(text)

static const struct {
    str head;
    const char *says; /* of what it was refused for; NULL: not asked, for the library may have said it */
} doubtful[] = {
    { HEAD(POST HOST "Content-Length : 2\r\n\r\n{}"), "line 3" },
    { HEAD(POST HOST "Content-Length\t: 2\r\n\r\n{}"), "line 3" },
    { HEAD(POST HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), "line 3" },
    { HEAD(POST HOST "Content-Length:\r\n 2\r\n\r\n{}"), "line 3" },
    { HEAD(POST HOST "Content-Length: \r\n\t2\r\n\r\n{}"), "line 3" },
    { HEAD(POST HOST "X: a\r\n Content-Length: 2\r\n\r\n{}"), "line 3" },
    { HEAD(POST "\tHost: x\r\nContent-Length: 2\r\n\r\n{}"), NULL },
    { HEAD(POST HOST "Content-Length: 2, 2\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: +2\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 0x2\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: -1\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 2 2\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length:\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 2 \r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 18446744073709551617\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 00000000000000000000000000000000000000000000000000000000000000000000000002x\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"), "Content-Length" },
    { HEAD(POST HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "exclude each other" },
    { HEAD(POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), "exclude each other" },
    { HEAD(POST HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), "line 3" },
    { HEAD(POST HOST "Transfer-Encoding: chunked\f\r\n\r\n0\r\n\r\n"), "line 3" },
    { HEAD(POST HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "Transfer-Encoding" },
    { HEAD(POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "Transfer-Encoding" },
    { HEAD(POST HOST "Transfer-Encoding: identity\r\n\r\n"), "Transfer-Encoding" },
    { HEAD(POST HOST "Transfer-Encoding:\r\n\r\n"), "Transfer-Encoding" },
    { HEAD(GET "\r\n"), "Host" },
    { HEAD(GET "Host: x\r\nHost: x\r\n\r\n"), "Host" },
    { HEAD(GET HOST "hOST: y\r\n\r\n"), "Host" },
    { HEAD(GET HOST "X: a\rY: b\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X: a\nContent-Length: 2\r\n\r\n{}"), "line 3" },
    { HEAD(GET HOST "X: a\r\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X: a\n\n"), "line 4" },
    { HEAD(GET HOST "X: a\r\n\n"), "line 4" },
    { HEAD(GET HOST "X: a\n\r\n"), "line 4" },
    { HEAD("GET /hello HTTP/1.1\nHost: x\r\n\r\n"), "line 1" },
    { HEAD(GET "Host: x\n\r\n"), "line 3" },
    { HEAD(GET HOST "X: a\0b\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X: a\0\r\n\r\n"), "line 4" },
    { HEAD(GET HOST "X: \0\r\n\r\n"), "line 4" },
    { HEAD(GET HOST "X\0: a\r\n\r\n"), NULL },
    { HEAD(GET HOST "X: a\vb\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X: a\x7f\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X y: z\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X\xc3\xa9: z\r\n\r\n"), "line 3" },
    { HEAD(GET HOST ": z\r\n\r\n"), "line 3" },
    { HEAD(GET HOST "X\r\n\r\n"), NULL },
    { HEAD("GET  /hello HTTP/1.1\r\n" HOST "\r\n"), "target" },
    { HEAD("GET /hello /hello HTTP/1.1\r\n" HOST "\r\n"), "target" },
    { HEAD("GET /hello?a b HTTP/1.1\r\n" HOST "\r\n"), "target" },
    { HEAD("GET /hello\t HTTP/1.1\r\n" HOST "\r\n"), "target" },
    { HEAD("GET /hello\0x HTTP/1.1\r\n" HOST "\r\n"), "target" },
    { HEAD("GET\t/hello HTTP/1.1\r\n" HOST "\r\n"), NULL },
    { HEAD("G\x01T /hello HTTP/1.1\r\n" HOST "\r\n"), "method" },
};

static void a_doubtful_head_is_the_last_of_its_connection(void **state)
{
    for (size_t i = 0; i < COUNT(doubtful); i++) {
        struct buf said = BUF_INIT(0), heard = BUF_INIT(0);
        buf_add(&said, doubtful[i].head);
        buf_lit(&said, HIDDEN);
        converse(*state, buf_str(&said), SIZE_MAX, &heard);
        str text = buf_str(&heard);
        bool one = str_starts(text, STR("HTTP/1.1 400 ")) && count(text, STR("HTTP/1.")) == 1 && count(text, STR("Connection: close")) == 1;
        if (!one || (doubtful[i].says && count(text, str_c(doubtful[i].says)) == 0))
            fail_msg("head %zu: %.*s\n---- %.*s", i, STR_ARG(doubtful[i].head), STR_ARG(text));
        buf_deinit(&said);
        buf_deinit(&heard);
    }
}

static const str sound[] = {
    HEAD(GET HOST "\r\n"),
    HEAD(GET "host:x\r\nX:\r\nY: \t \r\nZ: a\tb \r\n\r\n"),
    HEAD(GET HOST "Cookie: a=b; c=\"d\"\r\nX: caf\xc3\xa9 \xe9\r\n\r\n"),
    HEAD(GET HOST "Content-Length: 0\r\n\r\n"),
    HEAD("GET /hello?a=b&c&&d=%20+\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    HEAD("\r\n" GET HOST "\r\n"), /* as of old */
    HEAD(POST HOST "Content-Length: 2\r\n\r\n{}"),
    HEAD(POST HOST "content-length:02\r\n\r\n{}"),
    HEAD(POST HOST "Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: trailer\r\n\r\n"),
    HEAD("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
};

static void a_sound_head_is_not(void **state)
{
    for (size_t i = 0; i < 2 * COUNT(sound); i++) {
        const str head = sound[i / 2];
        struct buf said = BUF_INIT(0), heard = BUF_INIT(0);
        for (int k = 0; k < 3; k++) buf_add(&said, head);
        buf_lit(&said, HIDDEN);
        converse(*state, buf_str(&said), i % 2 ? 1 : SIZE_MAX, &heard);
        if (count(buf_str(&heard), STR(" 200 OK\r\n")) != 4) fail_msg("%.*s\n---- %.*s", STR_ARG(head), STR_ARG(buf_str(&heard)));
        buf_deinit(&said);
        buf_deinit(&heard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_doubtful_head_is_the_last_of_its_connection, start, stop),
        cmocka_unit_test_setup_teardown(a_sound_head_is_not, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
