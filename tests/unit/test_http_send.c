/* test_http_send.c - clients that do not read, and clients that do not send: they hold no thread that others need, and little memory.
 *
 * Against a server in this process with two threads for handlers. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unit.h"

#include "base/buf.h"
#include "base/os.h"
#include "http/http.h"

enum { MANY = 300, PATIENCE_MS = 60000, CONTENT_BYTES = 2 << 20, RECEIVE_BYTES = 32 << 10, BODIES_BYTES = 256 << 10 };

static struct {
    struct http_server *server;
    uint16_t port;
    char file[64];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t resting, opened, answered, complete;
    atomic_bool is_cold;
    atomic_int by_senders, by_others;
} t;

static unsigned char pattern_at(uint64_t at) { return (unsigned char)(at * 2654435761u >> 13); }

/* ------------------------------------------------------------------ content in pieces of memory and of a file */

struct lender {
    uint64_t at;
    int fd;
    bool is_resting;
    uint8_t piece[50000];
};

static void count(size_t *what, size_t by)
{
    pthread_mutex_lock(&t.lock);
    *what += by;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
}

static bool open_lender(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    struct lender *l = ctx;
    bool found;
    (void)n;
    (void)fd_offset;
    l->at = at;
    *fd = -1;
    count(&t.opened, 1);
    if (l->is_resting) count(&t.resting, (size_t)-1);
    l->is_resting = false;
    return l->fd >= 0 || os_open_read(t.file, &l->fd, &found, e);
}

static bool lend(void *ctx, size_t max, struct http_piece *out, struct err *e)
{
    struct lender *l = ctx;
    uint64_t n = 1 + l->at % sizeof l->piece;
    (void)e;
    if (n > CONTENT_BYTES - l->at) n = CONTENT_BYTES - l->at;
    if (n > max) n = max;
    *out = (struct http_piece){ .n = (size_t)n, .fd = l->fd, .at = l->at };
    if (l->at % 3) {
        for (size_t i = 0; i < n; i++) l->piece[i] = pattern_at(l->at + i);
        out->memory = (bytes){ l->piece, (size_t)n };
    }
    l->at += n;
    return true;
}

static void rest(void *ctx)
{
    struct lender *l = ctx;
    if (!l->is_resting) count(&t.resting, 1);
    l->is_resting = true;
    memset(l->piece, 0, sizeof l->piece); /* what was lent is gone */
}

static void close_lender(void *ctx)
{
    struct lender *l = ctx;
    if (l->fd >= 0) close(l->fd);
}

static bool get_content(struct http_req *r, struct err *e)
{
    struct lender *l = arena_one(http_arena(r), struct lender);
    l->fd = -1;
    arena_on_free(http_arena(r), close_lender, l);
    struct http_content c = { .content_type = "text/plain", .size = CONTENT_BYTES, .open = open_lender, .lend = lend, .rest = rest, .ctx = l };
    return http_reply_content(r, &c, e);
}

static bool post_echo(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", http_body(r));
}

static bool post_stream(struct http_req *r, struct err *e)
{
    uint8_t piece[4096];
    size_t got, all = 0;
    do {
        if (!http_read(r, piece, sizeof piece, &got, e)) return false;
        all += got;
    } while (got);
    return http_reply(r, 200, "text/plain", arena_fmt(http_arena(r), "all %zu", all));
}

static bool post_length(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", arena_fmt(http_arena(r), "all %zu", http_body(r).n));
}

static bool open_file(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    bool found;
    (void)ctx;
    (void)n;
    *fd_offset = at;
    return os_open_read(t.file, fd, &found, e);
}

static bool get_file(struct http_req *r, struct err *e)
{
    struct http_content c = { .content_type = "text/plain", .size = CONTENT_BYTES, .open = open_file };
    return http_reply_content(r, &c, e);
}

/* The system's, as the server and libmicrohttpd see them: the disk is as cold as the test says, and who sends from it is noted. */
ssize_t preadv2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
    if (!atomic_load(&t.is_cold)) return (ssize_t)syscall(SYS_preadv2, fd, v, n, at, 0, 0); /* whether it is, is not what is tested */
    assert_true(flags & RWF_NOWAIT);
    errno = EAGAIN;
    return -1;
}

ssize_t sendfile(int to, int from, off_t *at, size_t n)
{
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (str_starts(str_c(name), STR("http-send"))) atomic_fetch_add(&t.by_senders, 1);
    else atomic_fetch_add(&t.by_others, 1);
    return (ssize_t)syscall(SYS_sendfile, to, from, at, n);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/file", 0, HTTP_BODY_NONE, 0, 0, get_file, "file" },
    { HTTP_POST, "/stream", 0, HTTP_BODY_STREAM, 1000000, 0, post_stream, "stream" },
    { HTTP_POST, "/whole", 0, HTTP_BODY_WHOLE, 1000000, 0, post_length, "whole" },
    { HTTP_GET, "/content", 0, HTTP_BODY_NONE, 0, 0, get_content, "content" },
    { HTTP_POST, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo" },
};

/* ------------------------------------------------------------------ the fixture */

static void on_access(struct http_req *r, int status, uint64_t sent, int64_t duration_us, bool complete)
{
    (void)r;
    (void)status;
    (void)sent;
    (void)duration_us;
    pthread_mutex_lock(&t.lock);
    t.answered++;
    t.complete += complete;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
}

static void start_with(unsigned idle_timeout_s, uint64_t rate_min)
{
    struct http_limits limits;
    const struct http_hooks hooks = { .access = on_access };
    struct buf b = BUF_INIT(0);
    struct err e;
    memset(&t, 0, sizeof t);
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.changed, NULL);
    for (uint64_t i = 0; i < CONTENT_BYTES; i++) buf_byte(&b, (char)pattern_at(i));
    snprintf(t.file, sizeof t.file, "/tmp/hearth-send-XXXXXX");
    int fd = mkstemp(t.file);
    assert_int_equal(write(fd, b.p, b.n), (ssize_t)b.n);
    close(fd);
    buf_deinit(&b);
    http_limits_default(&limits);
    limits.worker_threads_max = 2;
    limits.idle_timeout_s = idle_timeout_s;
    limits.client_rate_min = rate_min;
    limits.bodies_bytes_max = BODIES_BYTES;
    must_ok(http_server_new(routes, COUNT(routes), &hooks, &limits, NULL, &t.server, &e));
    must_ok(http_server_listen(t.server, "127.0.0.1", 0, NULL, &t.port, &e));
}

static int start(void **state)
{
    (void)state;
    start_with(0, 0);
    return 0;
}

static int start_impatient(void **state)
{
    (void)state;
    start_with(1, 0);
    return 0;
}

static int start_demanding(void **state)
{
    (void)state;
    start_with(1, 1 << 30);
    return 0;
}

static int start_patient(void **state)
{
    (void)state;
    start_with(12, 0); /* a second, when others wait */
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_server_free(t.server);
    unlink(t.file);
    pthread_cond_destroy(&t.changed);
    pthread_mutex_destroy(&t.lock);
    return 0;
}

static int dial(const char *request)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(t.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), receive_bytes = RECEIVE_BYTES;
    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    assert_return_code(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return fd;
}

static void await(const size_t *count_of, size_t n)
{
    pthread_mutex_lock(&t.lock);
    while (*count_of < n) pthread_cond_wait(&t.changed, &t.lock);
    pthread_mutex_unlock(&t.lock);
}

/* Everything until the end. */
static void read_all(int fd, struct buf *out)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char piece[65536];
    ssize_t n;
    while (poll(&p, 1, PATIENCE_MS) > 0 && (n = recv(fd, piece, sizeof piece, 0)) > 0) buf_add(out, str_n(piece, (size_t)n));
    close(fd);
}

/* One answer that holds [first, first + n) of the content; *rest is what follows it. */
static void expect_content(str text, const char *status, uint64_t first, uint64_t n, str *rest)
{
    size_t head = str_find(text, STR("\r\n\r\n"));
    assert_int_not_equal(head, STR_NONE);
    assert_true(str_starts(text, str_c(status)));
    str body = str_from(text, head + 4);
    assert_true(body.n >= n);
    for (uint64_t i = 0; i < n; i++)
        if ((unsigned char)body.p[i] != pattern_at(first + i)) fail_msg("byte %llu is wrong", (unsigned long long)i);
    *rest = str_from(body, (size_t)n);
}

#define H " HTTP/1.1\r\nHost: h\r\n"
#define LAST H "Connection: close\r\n\r\n"

static void others_are_answered(void)
{
    struct buf b = BUF_INIT(0);
    int fd = dial("POST /echo" H "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
    read_all(fd, &b);
    assert_int_not_equal(str_find(buf_str(&b), STR("\r\n\r\nhello")), STR_NONE);
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ rules */

/* Who sends from a disk waits for it; an event thread would make all of its connections wait. */
static void what_is_not_in_memory_is_sent_by_threads_that_may_wait(void **state)
{
    static const struct {
        bool is_cold;
        const char *request, *status;
        uint64_t first, n;
    } cases[] = {
        { true, "GET /file" LAST, "HTTP/1.1 200", 0, CONTENT_BYTES },
        { true, "GET /file" H "Range: bytes=1000-1000000\r\nConnection: close\r\n\r\n", "HTTP/1.1 206", 1000, 999001 },
        { false, "GET /file" LAST, "HTTP/1.1 200", 0, CONTENT_BYTES },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        str rest;
        atomic_store(&t.is_cold, cases[i].is_cold);
        atomic_store(&t.by_senders, 0);
        atomic_store(&t.by_others, 0);
        read_all(dial(cases[i].request), &b);
        expect_content(buf_str(&b), cases[i].status, cases[i].first, cases[i].n, &rest);
        assert_int_equal(rest.n, 0);
        buf_deinit(&b);
        assert_true(atomic_load(cases[i].is_cold ? &t.by_senders : &t.by_others) > 0);
        assert_int_equal(atomic_load(cases[i].is_cold ? &t.by_others : &t.by_senders), 0);
    }
}

/* Some go past libmicrohttpd, some, for there is a further request behind them, through it. */
static void three_hundred_who_read_nothing_hold_no_thread(void **state)
{
    (void)state;
    int fd[MANY];
    struct buf b = BUF_INIT(0);
    str rest_of;
    for (size_t i = 0; i < MANY; i++) fd[i] = dial(i % 3 ? "GET /content" LAST : "GET /content" H "\r\nGET /content" LAST);
    await(&t.resting, MANY); /* all of them wait, and none of them keeps a thing */
    others_are_answered();
    for (size_t i = 0; i < MANY; i++) {
        buf_reset(&b);
        read_all(fd[i], &b);
        expect_content(buf_str(&b), "HTTP/1.1 200", 0, CONTENT_BYTES, &rest_of);
        if (i % 3 == 0) expect_content(rest_of, "HTTP/1.1 200", 0, CONTENT_BYTES, &rest_of);
        assert_int_equal(rest_of.n, 0);
    }
    await(&t.answered, MANY + MANY / 3 + 1);
    assert_int_equal(t.complete, MANY + MANY / 3 + 1);
    assert_true(t.opened >= 2 * MANY); /* each at least twice: it rested */
    buf_deinit(&b);
}

/* The heads between the parts, and their ends, are where they belong, however often it was interrupted. */
static void several_parts_go_on_where_they_stopped(void **state)
{
    (void)state;
    static const struct { uint64_t first, last; } part[] = { { 7, 900000 }, { 900001, 900100 }, { 1000000, CONTENT_BYTES - 1 } };
    struct buf b = BUF_INIT(0);
    int fd = dial("GET /content" H "Range: bytes=7-900000,900001-900100,1000000-\r\nConnection: close\r\n\r\n");
    await(&t.resting, 1);
    read_all(fd, &b);
    str text = buf_str(&b), head;
    assert_true(str_starts(text, STR("HTTP/1.1 206")));
    size_t boundary = str_find(text, STR("boundary="));
    assert_int_not_equal(boundary, STR_NONE);
    str mark = str_to(str_from(text, boundary + 9), 24);
    text = str_from(text, str_find(text, STR("\r\n\r\n")) + 4);
    for (size_t i = 0; i < COUNT(part); i++) {
        char range[100];
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%d\r\n", (unsigned long long)part[i].first,
                 (unsigned long long)part[i].last, CONTENT_BYTES);
        size_t end = str_find(text, STR("\r\n\r\n"));
        assert_int_not_equal(end, STR_NONE);
        if (i == 0) head = str_to(text, end + 2);
        else assert_true(str_starts(text, STR("\r\n--"))), head = str_to(str_from(text, 2), end);
        assert_true(str_starts(str_from(head, 2), mark));
        assert_int_not_equal(str_find(head, str_c(range)), STR_NONE);
        text = str_from(text, end + 4);
        for (uint64_t k = 0; k <= part[i].last - part[i].first; k++)
            if ((unsigned char)text.p[k] != pattern_at(part[i].first + k)) fail_msg("byte %llu of part %zu is wrong", (unsigned long long)k, i);
        text = str_from(text, (size_t)(part[i].last - part[i].first + 1));
    }
    assert_true(str_starts(text, STR("\r\n--")));
    assert_int_equal(text.n, 4 + 24 + 4);
    buf_deinit(&b);
}

static void who_closes_his_side_after_asking_is_served(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    str rest_of;
    int fd = dial("GET /content" LAST);
    assert_return_code(shutdown(fd, SHUT_WR), 0);
    await(&t.resting, 1);
    read_all(fd, &b);
    expect_content(buf_str(&b), "HTTP/1.1 200", 0, CONTENT_BYTES, &rest_of);
    buf_deinit(&b);
}

static void who_leaves_while_it_waits_is_noticed(void **state)
{
    (void)state;
    int fd = dial("GET /content" LAST);
    await(&t.resting, 1);
    close(fd);
    await(&t.answered, 1);
    assert_int_equal(t.complete, 0);
}

static void who_takes_nothing_is_given_up(void **state)
{
    (void)state;
    int fd[] = { dial("GET /content" LAST), dial("GET /content" H "\r\nGET /content" LAST) };
    await(&t.answered, 2);
    assert_int_equal(t.complete, 0);
    for (size_t i = 0; i < COUNT(fd); i++) close(fd[i]);
}

/* Some bytes now and then, but never as many as are asked for. */
static void who_takes_too_little_is_given_up(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    int fd = dial("GET /content" LAST);
    char piece[2048];
    for (bool over = false; !over;) {
        struct timespec pause = { .tv_nsec = 20000000 };
        nanosleep(&pause, NULL);
        if (recv(fd, piece, sizeof piece, MSG_DONTWAIT) == 0) fail_msg("all of it came, at 100 kB/s");
        pthread_mutex_lock(&t.lock);
        over = t.answered > 0;
        pthread_mutex_unlock(&t.lock);
    }
    assert_int_equal(t.complete, 0);
    read_all(fd, &b);
    buf_deinit(&b);
}

static void a_stop_ends_those_that_wait(void **state)
{
    (void)state;
    int fd[] = { dial("GET /content" LAST), dial("GET /content" H "\r\nGET /content" LAST) };
    await(&t.resting, 2);
    http_server_stop(t.server, 0);
    assert_int_equal(t.answered, 2);
    assert_int_equal(t.complete, 0);
    for (size_t i = 0; i < COUNT(fd); i++) close(fd[i]);
}

/* Uploads have threads of their own; when all of those are held, who sends nothing gives way to who does. */
static void senders_that_stall_hold_nobody_up(void **state)
{
    (void)state;
    enum { STALLED = 5 };
    int fd[STALLED];
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < STALLED; i++) fd[i] = dial("POST /stream" H "Content-Length: 100\r\n\r\nhalf of");
    others_are_answered();
    read_all(dial("POST /stream" H "Content-Length: 5\r\nConnection: close\r\n\r\nhello"), &b);
    assert_int_not_equal(str_find(buf_str(&b), STR("all 5")), STR_NONE);
    await(&t.answered, 2);
    for (size_t i = 0; i < STALLED; i++) close(fd[i]);
    buf_deinit(&b);
}

static void ask_whole(size_t n, bool is_chunked, struct buf *answer)
{
    struct buf q = BUF_INIT(0);
    if (is_chunked) buf_addf(&q, "POST /whole" H "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
    else buf_addf(&q, "POST /whole" H "Connection: close\r\nContent-Length: %zu\r\n\r\n", n);
    for (size_t i = 0; i < n; i++) buf_byte(&q, 'x');
    if (is_chunked) buf_lit(&q, "\r\n0\r\n\r\n");
    buf_reset(answer);
    read_all(dial(buf_cstr(&q)), answer);
    buf_deinit(&q);
}

static bool is_busy(const struct buf *b)
{
    return str_starts(buf_str(b), STR("HTTP/1.1 503")) && str_find(buf_str(b), STR("Retry-After: ")) != STR_NONE;
}

/* Whether a body of this size is refused before any of it is sent. Who asks so takes no memory himself. */
static bool is_refused_ahead(size_t n)
{
    struct buf q = BUF_INIT(0);
    char status[12] = "";
    buf_addf(&q, "POST /whole" H "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n", n);
    int fd = dial(buf_cstr(&q));
    assert_int_equal(recv(fd, status, sizeof status, MSG_WAITALL), sizeof status);
    close(fd);
    buf_deinit(&q);
    return memcmp(status, "HTTP/1.1 503", sizeof status) == 0;
}

static void collected_bodies_share_their_memory(void **state)
{
    (void)state;
    enum { FREE = 64 << 10, LARGE = 250000, SMALL = 60000, MORE = BODIES_BYTES + 2 * FREE - LARGE + 2 }; /* with all but the last byte of LARGE, one too many */
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "POST /whole" H "Connection: close\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (size_t i = 0; i + 1 < LARGE; i++) buf_byte(&b, 'x');
    int fd = dial(buf_cstr(&b)); /* but for its last byte */
    while (!is_refused_ahead(MORE)) continue; /* until it is there: two that grow side by side might refuse each other */
    ask_whole(MORE, false, &b);
    assert_true(is_busy(&b));
    ask_whole(2 * LARGE, true, &b);
    assert_true(is_busy(&b));
    ask_whole(SMALL, false, &b);
    assert_int_not_equal(str_find(buf_str(&b), STR("all 60000")), STR_NONE);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    buf_reset(&b);
    read_all(fd, &b);
    assert_int_not_equal(str_find(buf_str(&b), STR("all 250000")), STR_NONE);
    do ask_whole(MORE, true, &b);
    while (is_busy(&b)); /* its memory is given back when its request ends, a moment after the answer */
    assert_int_not_equal(str_find(buf_str(&b), STR("all 143218")), STR_NONE);
    buf_deinit(&b);
}

#define RULE(test, how) cmocka_unit_test_setup_teardown(test, how, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(what_is_not_in_memory_is_sent_by_threads_that_may_wait, start),
        RULE(three_hundred_who_read_nothing_hold_no_thread, start),
        RULE(several_parts_go_on_where_they_stopped, start),
        RULE(who_closes_his_side_after_asking_is_served, start),
        RULE(who_leaves_while_it_waits_is_noticed, start),
        RULE(who_takes_nothing_is_given_up, start_impatient),
        RULE(who_takes_too_little_is_given_up, start_demanding),
        RULE(senders_that_stall_hold_nobody_up, start_patient),
        RULE(collected_bodies_share_their_memory, start),
        RULE(a_stop_ends_those_that_wait, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
