/* test_http_pause.c - handlers that give their thread back, against a server in this process with two threads for handlers. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "unit.h"

#include "base/buf.h"
#include "http/http.h"

enum { MANY = 60, PATIENCE_MS = 20000, FLOOD_BYTES = 64 << 20, PIECE_BYTES = 4096 };

struct waiter { /* a request of ours */
    struct http_req *r;
    size_t steps, at;
};

static struct {
    struct http_server *server;
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct waiter *waiting[MANY];
    size_t waiters, left, answered, steps;
    int statuses[MANY];
    size_t flooded;
    bool open;
} t;

/* ------------------------------------------------------------------ handlers */

static bool leave(struct err *e)
{
    pthread_mutex_lock(&t.lock);
    t.left++;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    return err_set(e, ERR_CLOSED, "it went");
}

static bool await_gate(struct http_req *r, struct err *e)
{
    if (http_has_left(r)) return leave(e);
    pthread_mutex_lock(&t.lock);
    t.steps++;
    bool open = t.open;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    return open ? http_reply(r, 200, "text/plain", http_body(r)) : http_pause(r, await_gate, -1);
}

static bool pause_at_gate(struct http_req *r, struct err *e)
{
    struct waiter *w = arena_one(http_arena(r), struct waiter);
    (void)e;
    w->r = r;
    pthread_mutex_lock(&t.lock);
    t.waiting[t.waiters++] = w;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    return http_pause(r, await_gate, -1);
}

/* Ticks by itself; then says how often. */
static bool tick(struct http_req *r, struct err *e)
{
    struct waiter *w = http_user(r);
    if (http_has_left(r)) return leave(e);
    if (++w->steps == 1 && !http_begin(r, 200, "text/event-stream", HTTP_LENGTH_UNKNOWN, e)) return false;
    if (!http_write(r, bytes_of(STR(".")), e)) return false;
    return w->steps == 3 || http_pause(r, tick, 10);
}

static bool get_ticks(struct http_req *r, struct err *e)
{
    (void)e;
    http_set_user(r, arena_one(http_arena(r), struct waiter));
    return http_pause(r, tick, 10);
}

/* More than anybody should keep for a client that does not read. */
static bool flood(struct http_req *r, struct err *e)
{
    struct waiter *w = http_user(r);
    uint8_t piece[PIECE_BYTES];
    memset(piece, 'x', sizeof piece);
    if (http_has_left(r)) return leave(e);
    if (w->at == 0 && !http_begin(r, 200, "text/plain", HTTP_LENGTH_UNKNOWN, e)) return false;
    while (w->at < FLOOD_BYTES && !http_is_behind(r)) {
        if (!http_write(r, (bytes){ piece, sizeof piece }, e)) return false;
        w->at += sizeof piece;
    }
    pthread_mutex_lock(&t.lock);
    t.flooded = w->at;
    t.steps++;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    return w->at == FLOOD_BYTES || http_pause(r, flood, -1);
}

static bool get_flood(struct http_req *r, struct err *e)
{
    (void)e;
    http_set_user(r, arena_one(http_arena(r), struct waiter));
    return http_pause(r, flood, 0);
}

static bool fail_late(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_CONFLICT, "it is there already");
}

static bool get_failure(struct http_req *r, struct err *e)
{
    (void)e;
    return http_pause(r, fail_late, 0);
}

static bool post_echo(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", http_body(r));
}

/* Reads a stream, which is not for those that pause, and works until its client has left. */
static bool put_work(struct http_req *r, struct err *e)
{
    uint8_t body[64];
    size_t got = 1;
    while (got > 0)
        if (!http_read(r, body, sizeof body, &got, e)) return false;
    pthread_mutex_lock(&t.lock);
    t.steps++;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    for (int ms = 0; ms < PATIENCE_MS && !http_has_left(r); ms++) poll(NULL, 0, 1);
    return http_has_left(r) ? leave(e) : http_reply(r, 200, "text/plain", STR("done"));
}

static const struct http_route routes[] = {
    { HTTP_PUT, "/work", 0, HTTP_BODY_STREAM, 1000, 0, put_work, "work" },
    { HTTP_POST, "/gate", 0, HTTP_BODY_WHOLE, 1000, 0, pause_at_gate, "gate" },
    { HTTP_POST, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo" },
    { HTTP_GET, "/ticks", 0, HTTP_BODY_NONE, 0, 0, get_ticks, "ticks" },
    { HTTP_GET, "/flood", 0, HTTP_BODY_NONE, 0, 0, get_flood, "flood" },
    { HTTP_GET, "/failure", 0, HTTP_BODY_NONE, 0, 0, get_failure, "failure" },
};

/* ------------------------------------------------------------------ the fixture */

static void on_access(struct http_req *r, int status, uint64_t sent, int64_t duration_us, bool complete)
{
    (void)r;
    (void)sent;
    (void)duration_us;
    (void)complete;
    pthread_mutex_lock(&t.lock);
    if (t.answered < MANY) t.statuses[t.answered] = status;
    t.answered++;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
}

static int start(void **state)
{
    struct http_limits limits;
    const struct http_hooks hooks = { .access = on_access };
    struct err e;
    (void)state;
    memset(&t, 0, sizeof t);
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.changed, NULL);
    http_limits_default(&limits);
    limits.worker_threads_max = 2;
    must_ok(http_server_new(routes, COUNT(routes), &hooks, &limits, NULL, &t.server, &e));
    must_ok(http_server_listen(t.server, "127.0.0.1", 0, NULL, &t.port, &e));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_server_free(t.server);
    pthread_cond_destroy(&t.changed);
    pthread_mutex_destroy(&t.lock);
    return 0;
}

static int dial(const char *request, int receive_bytes)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(t.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes) assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
    assert_return_code(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return fd;
}

/* Until `text` came, or the end; *got counts all. */
static void read_until(int fd, const char *text, size_t *got)
{
    struct buf b = BUF_INIT(0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char piece[65536];
    ssize_t n;
    *got = 0;
    while (poll(&p, 1, PATIENCE_MS) > 0 && (n = recv(fd, piece, sizeof piece, 0)) > 0) {
        *got += (size_t)n;
        if (!text) continue;
        buf_add(&b, str_n(piece, (size_t)n));
        if (str_find(buf_str(&b), str_c(text)) != STR_NONE) {
            buf_deinit(&b);
            return;
        }
    }
    buf_deinit(&b);
    if (text) fail_msg("\"%s\" did not come", text);
}

#define GATE "POST /gate HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nmine"

static void await(const size_t *count, size_t n)
{
    pthread_mutex_lock(&t.lock);
    while (*count < n) pthread_cond_wait(&t.changed, &t.lock);
    pthread_mutex_unlock(&t.lock);
}

/* ------------------------------------------------------------------ rules */

static void sixty_requests_wait_and_both_threads_are_free(void **state)
{
    (void)state;
    int fd[MANY];
    size_t got;
    for (size_t i = 0; i < MANY; i++) fd[i] = dial(GATE, 0);
    await(&t.waiters, MANY);
    int other = dial("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", 0);
    read_until(other, "hello", &got);
    close(other);
    pthread_mutex_lock(&t.lock);
    t.open = true;
    pthread_mutex_unlock(&t.lock);
    for (size_t i = 0; i < MANY; i++) http_resume(t.waiting[i]->r);
    for (size_t i = 0; i < MANY; i++) {
        read_until(fd[i], "mine", &got);
        close(fd[i]);
    }
}

static void a_resume_is_not_lost_and_may_come_often(void **state)
{
    (void)state;
    size_t got;
    int fd = dial(GATE, 0);
    await(&t.waiters, 1);
    for (size_t i = 0; i < 1000; i++) http_resume(t.waiting[0]->r);
    await(&t.steps, 1);
    pthread_mutex_lock(&t.lock);
    size_t before = t.steps;
    pthread_mutex_unlock(&t.lock);
    http_resume(t.waiting[0]->r);
    await(&t.steps, before + 1);
    pthread_mutex_lock(&t.lock);
    t.open = true;
    pthread_mutex_unlock(&t.lock);
    http_resume(t.waiting[0]->r);
    read_until(fd, "mine", &got);
    close(fd);
}

static void who_leaves_while_it_waits_is_noticed(void **state)
{
    (void)state;
    int fd = dial(GATE, 0);
    await(&t.waiters, 1);
    close(fd);
    await(&t.left, 1);
    await(&t.answered, 1);
    assert_int_equal(t.steps, 0);
}

static void who_leaves_while_a_handler_works_is_noticed(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2; n++) { /* the second goes on listening, as few do, and counts as gone, too */
        int fd = dial("PUT /work HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwork", 0);
        await(&t.steps, n);
        if (n == 1) close(fd);
        else shutdown(fd, SHUT_WR);
        await(&t.left, n);
        if (n == 2) close(fd);
    }
}

static void time_passes_without_news(void **state)
{
    (void)state;
    size_t got;
    int fd = dial("GET /ticks HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    read_until(fd, "\r\n0\r\n\r\n", &got); /* three, and the end of the chunks */
    close(fd);
    await(&t.answered, 1);
    assert_int_equal(t.statuses[0], 200);
}

static void who_does_not_read_holds_the_steps_back(void **state)
{
    (void)state;
    size_t got;
    int fd = dial("GET /flood HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 4096);
    await(&t.steps, 1);
    read_until(fd, "HTTP/1.1 200", &got);
    pthread_mutex_lock(&t.lock);
    assert_true(t.flooded < FLOOD_BYTES); /* what sockets take, and HTTP_BEHIND_BYTES */
    pthread_mutex_unlock(&t.lock);
    size_t rest;
    read_until(fd, NULL, &rest);
    assert_true(got + rest > FLOOD_BYTES); /* all of it, and the head */
    close(fd);
}

static void who_is_behind_and_leaves_is_noticed(void **state)
{
    (void)state;
    int fd = dial("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n", 4096);
    await(&t.steps, 1);
    close(fd);
    await(&t.answered, 1);
    assert_true(t.flooded < FLOOD_BYTES);
}

static void a_step_may_refuse(void **state)
{
    (void)state;
    size_t got;
    int fd = dial("GET /failure HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    read_until(fd, "it is there already", &got);
    close(fd);
    await(&t.answered, 1);
    assert_int_equal(t.statuses[0], 409);
}

static void a_stop_ends_those_that_wait(void **state)
{
    (void)state;
    int fd = dial(GATE, 0);
    await(&t.waiters, 1);
    http_server_stop(t.server, 0);
    assert_int_equal(t.left, 1);
    close(fd);
}

#define RULE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(sixty_requests_wait_and_both_threads_are_free),
        RULE(a_resume_is_not_lost_and_may_come_often),
        RULE(who_leaves_while_it_waits_is_noticed),
        RULE(who_leaves_while_a_handler_works_is_noticed),
        RULE(time_passes_without_news),
        RULE(who_does_not_read_holds_the_steps_back),
        RULE(who_is_behind_and_leaves_is_noticed),
        RULE(a_step_may_refuse),
        RULE(a_stop_ends_those_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
