/* test_http_server.c - a server in this process, driven over real sockets by a client that writes and
 * reads raw bytes.  Nothing sleeps to be right: tests wait for what they need, with a deadline. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <zlib.h>

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/http.h"

enum { STREAM_BYTES = 64 << 10, CONTENT_BYTES = 300000, DEADLINE_S = 20, STREAM_LIMIT = 256 << 20 };

struct fixture {
    struct http_server *server;
    uint16_t port;
    char dir[64], file[96];
    char *content; /* CONTENT_BYTES, also in `file` */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open; /* the gate that some handlers wait at */
    int waiting;
    size_t answered; /* calls of the access hook */
    int status;
    bool complete;
    uint64_t sent;
    atomic_size_t progress; /* bytes that a handler wrote or read */
    atomic_int readers;     /* handlers that came as far as reading */
    atomic_int outcome;     /* err_code with which its stream ended */
};

static char pattern_at(uint64_t i) { return (char)('a' + (i * 31 + i / 977) % 26); }

static void gate_wait(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    f->waiting++;
    pthread_cond_broadcast(&f->changed);
    while (!f->open) pthread_cond_wait(&f->changed, &f->lock);
    f->waiting--;
    pthread_mutex_unlock(&f->lock);
}

static void gate_open(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    f->open = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void wait_for_waiting(struct fixture *f, int n)
{
    pthread_mutex_lock(&f->lock);
    while (f->waiting < n) pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void wait_for_answers(struct fixture *f, size_t n)
{
    pthread_mutex_lock(&f->lock);
    while (f->answered < n) pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

/* ------------------------------------------------------------------ handlers */

static bool get_hello(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain", STR("hello"));
}

static bool get_at_gate(struct http_req *r, struct err *e)
{
    gate_wait(http_app(r));
    return get_hello(r, e);
}

static bool post_echo(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "application/octet-stream", http_body(r));
}

static bool get_param(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain",
                      arena_fmt(http_arena(r), "%.*s|%.*s|%.*s|%.*s", STR_ARG(http_param(r, "name")),
                                STR_ARG(http_param_raw(r, "rest")), STR_ARG(http_query(r, "q")),
                                STR_ARG(http_query_raw(r))));
}

static bool get_seen(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply(r, 200, "text/plain",
                      arena_fmt(http_arena(r), "%.*s %.*s %.*s %.*s", STR_ARG(http_method_name(http_method_of(r))),
                                STR_ARG(http_path(r)), STR_ARG(http_peer(r)), STR_ARG(http_header(r, "x-thing"))));
}

static bool get_failure(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_CONFLICT, "it is there already");
}

static bool get_forgetful(struct http_req *r, struct err *e)
{
    (void)r;
    (void)e;
    return true;
}

static bool get_split_header(struct http_req *r, struct err *e)
{
    (void)e;
    http_add_header(r, "X-Said", STR("a\r\nX-Forged: b"));
    return http_reply_empty(r, 204);
}

/* Reads all and says how much it was and whether it was the pattern. */
static bool post_count(struct http_req *r, struct err *e)
{
    struct fixture *f = http_app(r);
    uint8_t piece[10000];
    uint64_t at = 0;
    size_t got;
    bool same = true;
    if (http_query(r, "gate").p) gate_wait(f);
    f->readers++;
    do {
        if (!http_read(r, piece, sizeof piece, &got, e)) {
            f->outcome = (int)e->code;
            return false;
        }
        for (size_t i = 0; i < got; i++) same = same && (char)piece[i] == pattern_at(at + i);
        at += got;
        f->progress = at;
    } while (got > 0);
    return http_reply(r, 200, "text/plain", arena_fmt(http_arena(r), "%llu %d", (unsigned long long)at, same));
}

/* Writes ?n= bytes of the pattern; with ?known= the length is announced as that. */
static bool get_stream(struct http_req *r, struct err *e)
{
    struct fixture *f = http_app(r);
    uint64_t n = 0, known = HTTP_LENGTH_UNKNOWN;
    uint8_t piece[5000];
    str_u64(http_query(r, "n"), &n);
    str_u64(http_query(r, "known"), &known);
    if (!http_begin(r, 200, "text/plain", known, e)) return false;
    for (uint64_t at = 0; at < n;) {
        size_t want = n - at < sizeof piece ? (size_t)(n - at) : sizeof piece;
        for (size_t i = 0; i < want; i++) piece[i] = (uint8_t)pattern_at(at + i);
        if (!http_write(r, (bytes){ piece, want }, e)) {
            f->outcome = (int)e->code;
            return false;
        }
        at += want;
        f->progress = at;
    }
    if (http_query(r, "gate").p) gate_wait(f);
    return !http_query(r, "fail").p || err_set(e, ERR_IO, "the source dried up");
}

/* Echoes while it reads; the answer cannot start before the body's end, so that must fit the ring. */
static bool post_echo_stream(struct http_req *r, struct err *e)
{
    uint8_t piece[1000];
    size_t got;
    if (!http_begin(r, 200, "text/plain", HTTP_LENGTH_UNKNOWN, e)) return false;
    do {
        if (!http_read(r, piece, sizeof piece, &got, e) || !http_write(r, (bytes){ piece, got }, e)) {
            ((struct fixture *)http_app(r))->outcome = (int)e->code;
            return false;
        }
    } while (got > 0);
    return true;
}

/* Has enough of it after ?n= bytes. */
static bool post_enough(struct http_req *r, struct err *e)
{
    struct fixture *f = http_app(r);
    static _Thread_local uint8_t piece[1 << 20];
    uint64_t enough = 0;
    size_t got = 1;
    str_u64(http_query(r, "n"), &enough);
    for (uint64_t at = 0; at < enough && got > 0; at += got) {
        if (http_read(r, piece, sizeof piece, &got, e)) continue;
        f->outcome = (int)e->code;
        return false;
    }
    return err_set(e, ERR_NO_SPACE, "no room for more");
}

static bool post_early(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_NO_SPACE, "no room for that");
}

static bool open_file(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    (void)n;
    struct fixture *f = ctx;
    bool found;
    *fd_offset = at;
    return os_open_read(f->file, fd, &found, e) && (found || err_set(e, ERR_IO, "lost"));
}

struct puller {
    struct fixture *f;
    uint64_t at;
};

static bool open_pull(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    (void)n;
    (void)fd_offset;
    (void)e;
    struct puller *p = ctx;
    p->at = at;
    *fd = -1;
    return true;
}

static bool pull(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    (void)e;
    struct puller *p = ctx;
    *got = n < 777 ? n : 777;
    memcpy(out, p->f->content + p->at, *got);
    p->at += *got;
    return true;
}

enum { ENDLESS_BYTES = 1 << 30 };
struct lender {
    struct fixture *f;
    uint64_t at, fails_at;
    int fd;
};

/* Pieces of all sizes, of the file and of memory in turn; endless content is the same over and over. */
static bool lend(void *ctx, size_t max, struct http_piece *out, struct err *e)
{
    struct lender *l = ctx;
    uint64_t from = l->at % CONTENT_BYTES, n = 1 + l->at % 40009;
    if (l->at >= l->fails_at) return err_set(e, ERR_IO, "the disk is broken");
    if (n > CONTENT_BYTES - from) n = CONTENT_BYTES - from;
    if (n > max) n = max;
    *out = (struct http_piece){ .n = (size_t)n, .fd = l->fd, .at = from };
    if (l->at % 2) out->memory = (bytes){ (const uint8_t *)l->f->content + from, (size_t)n };
    l->at += n;
    l->f->progress = l->at;
    return true;
}

static bool open_lender(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    (void)n;
    struct lender *l = ctx;
    l->at = at;
    *fd = -1;
    return l->fd >= 0 || open_file(l->f, 0, n, &l->fd, fd_offset, e);
}

static void close_lender(void *ctx)
{
    struct lender *l = ctx;
    if (l->fd >= 0) close(l->fd);
}

static bool get_content(struct http_req *r, struct err *e)
{
    struct fixture *f = http_app(r);
    str how = http_param(r, "how");
    struct http_content c = { .content_type = "text/plain", .etag = STR("\"tag\""), .size = CONTENT_BYTES };
    struct lender *l = arena_one(http_arena(r), struct lender);
    *l = (struct lender){ f, 0, str_eq(how, STR("broken")) ? 200000 : UINT64_MAX, -1 };
    arena_on_free(http_arena(r), close_lender, l);
    if (str_eq(how, STR("memory"))) {
        c.data = str_n(f->content, CONTENT_BYTES);
    } else if (str_eq(how, STR("pull"))) {
        struct puller *p = arena_one(http_arena(r), struct puller);
        p->f = f;
        c.open = open_pull;
        c.pull = pull;
        c.ctx = p;
    } else if (!str_eq(how, STR("file"))) {
        if (str_eq(how, STR("endless"))) c.size = ENDLESS_BYTES;
        c.open = open_lender;
        c.lend = lend;
        c.ctx = l;
    } else {
        c.open = open_file;
        c.ctx = f;
    }
    return http_reply_content(r, &c, e);
}

/* What it says before it is deferred must not be said twice. */
static bool post_deferred(struct http_req *r, struct err *e)
{
    http_add_header(r, "X-Run", http_is_deferred(r) ? STR("second") : STR("first"));
    if (!http_is_deferred(r)) return http_defer(r);
    str body = http_body(r);
    return http_begin(r, 200, "text/plain", body.n, e) && http_write(r, bytes_of(body), e);
}

static bool get_whole_file(struct http_req *r, struct err *e)
{
    struct fixture *f = http_app(r);
    uint64_t n;
    bool found;
    int fd;
    return os_open_read(f->file, &fd, &found, e) && os_file_size(fd, &n, e) &&
           http_reply_file(r, 200, "text/plain", fd, 0, n);
}

static bool get_empty_content(struct http_req *r, struct err *e)
{
    struct http_content c = { .content_type = "text/plain", .etag = STR("\"none\""), .data = STR("") };
    return http_reply_content(r, &c, e);
}

static void count_done(void *ctx) { ((struct fixture *)ctx)->progress++; }

static bool get_borrowed(struct http_req *r, struct err *e)
{
    (void)e;
    struct fixture *f = http_app(r);
    return http_reply_borrowed(r, 200, "text/plain", str_n(f->content, CONTENT_BYTES), count_done, f);
}

static bool get_buf(struct http_req *r, struct err *e)
{
    (void)e;
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "made here");
    return http_reply_buf(r, 200, "text/plain", &b);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/hello", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_hello, "hello" },
    { HTTP_GET, "/slow/hello", 0, HTTP_BODY_NONE, 0, 0, get_hello, "slow.hello" },
    { HTTP_GET, "/gate", 0, HTTP_BODY_NONE, 0, 0, get_at_gate, "gate" },
    { HTTP_POST, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo" },
    { HTTP_POST, "/big/echo", 0, HTTP_BODY_WHOLE, 4 << 20, 0, post_echo, "big.echo" },
    { HTTP_POST, "/inline/echo", 0, HTTP_BODY_WHOLE, 100000, HTTP_INLINE, post_echo, "inline.echo" },
    { HTTP_DELETE, "/echo", 0, HTTP_BODY_WHOLE, 1000, 0, post_echo, "echo.delete" },
    { HTTP_GET, "/param/:name/*rest", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_param, "param" },
    { HTTP_GET, "/seen", 0, HTTP_BODY_NONE, 0, 0, get_seen, "seen" },
    { HTTP_GET, "/failure", 0, HTTP_BODY_NONE, 0, 0, get_failure, "failure" },
    { HTTP_GET, "/forgetful", 0, HTTP_BODY_NONE, 0, 0, get_forgetful, "forgetful" },
    { HTTP_GET, "/split", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_split_header, "split" },
    { HTTP_POST, "/secret", 1, HTTP_BODY_WHOLE, 64 << 20, 0, post_echo, "secret" },
    { HTTP_POST, "/inline/secret", 1, HTTP_BODY_WHOLE, 64 << 20, HTTP_INLINE, post_echo, "inline.secret" },
    { HTTP_POST, "/stream/secret", 1, HTTP_BODY_STREAM, 64 << 20, 0, post_count, "stream.secret" },
    { HTTP_POST, "/count", 0, HTTP_BODY_STREAM, STREAM_LIMIT, 0, post_count, "count" },
    { HTTP_POST, "/bulk/count", 0, HTTP_BODY_STREAM, STREAM_LIMIT, HTTP_BULK, post_count, "bulk.count" },
    { HTTP_POST, "/bulk/enough", 0, HTTP_BODY_STREAM, STREAM_LIMIT, HTTP_BULK, post_enough, "bulk.enough" },
    { HTTP_POST, "/count/little", 0, HTTP_BODY_STREAM, 100000, 0, post_count, "count.little" },
    { HTTP_GET, "/stream", 0, HTTP_BODY_NONE, 0, 0, get_stream, "stream" },
    { HTTP_POST, "/stream/echo", 0, HTTP_BODY_STREAM, 64 << 20, 0, post_echo_stream, "stream.echo" },
    { HTTP_POST, "/early", 0, HTTP_BODY_STREAM, STREAM_LIMIT, 0, post_early, "early" },
    { HTTP_GET, "/content/:how", 0, HTTP_BODY_NONE, 0, 0, get_content, "content" },
    { HTTP_GET, "/whole/file", 0, HTTP_BODY_NONE, 0, 0, get_whole_file, "whole.file" },
    { HTTP_POST, "/deferred", 0, HTTP_BODY_WHOLE, 4 << 20, HTTP_INLINE, post_deferred, "deferred" },
    { HTTP_GET, "/empty", 0, HTTP_BODY_NONE, 0, 0, get_empty_content, "empty" },
    { HTTP_GET, "/borrowed", 0, HTTP_BODY_NONE, 0, 0, get_borrowed, "borrowed" },
    { HTTP_GET, "/buf", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_buf, "buf" },
};

/* ------------------------------------------------------------------ the fixture */

static bool authorize(struct http_req *r, const struct http_route *route, struct err *e)
{
    (void)r;
    return route->permission == 0 || err_set(e, ERR_DENIED, "not for you");
}

static void on_headers(struct http_req *r) { http_add_header(r, "X-Request-Id", http_request_id(r)); }

static void on_access(struct http_req *r, int status, uint64_t sent, int64_t duration_us, bool complete)
{
    struct fixture *f = http_app(r);
    pthread_mutex_lock(&f->lock);
    f->answered++;
    f->status = status;
    f->complete = complete;
    f->sent = sent;
    if (duration_us < 0) f->status = -1;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static int start_with(void **state, void (*adjust)(struct http_limits *l))
{
    struct fixture *f = mem_one(struct fixture);
    struct http_limits limits;
    struct http_hooks hooks = { .authorize = authorize, .headers = on_headers, .access = on_access };
    struct err e;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->content = mem_alloc(CONTENT_BYTES);
    for (size_t i = 0; i < CONTENT_BYTES; i++) f->content[i] = pattern_at(i);
    unit_dir(f->dir);
    snprintf(f->file, sizeof f->file, "%s/content", f->dir);
    must_ok(os_write_file(f->dir, f->file, bytes_of(str_n(f->content, CONTENT_BYTES)), &e));
    http_limits_default(&limits);
    limits.worker_threads_max = 4;
    limits.stream_bytes = STREAM_BYTES;
    if (adjust) adjust(&limits);
    must_ok(http_server_new(routes, COUNT(routes), &hooks, &limits, f, &f->server, &e));
    must_ok(http_server_listen(f->server, "127.0.0.1", 0, NULL, &f->port, &e));
    *state = f;
    return 0;
}

static int start(void **state) { return start_with(state, NULL); }

static void impatient(struct http_limits *l) { l->idle_timeout_s = 1; }
static int start_impatient(void **state) { return start_with(state, impatient); }

static void narrow(struct http_limits *l) { l->worker_threads_max = l->worker_queue_max = 1; }
static int start_narrow(void **state) { return start_with(state, narrow); }

static void shared(struct http_limits *l) { l->connections_per_ip = 2; }
static int start_shared(void **state) { return start_with(state, shared); }

static void spared(struct http_limits *l)
{
    shared(l);
    l->spares_loopback = true;
}
static int start_spared(void **state) { return start_with(state, spared); }

static void crowded(struct http_limits *l) { l->connections_max = l->event_threads = 2; }
static int start_crowded(void **state) { return start_with(state, crowded); }

static int stop(void **state)
{
    struct fixture *f = *state;
    gate_open(f);
    http_server_free(f->server);
    unit_dir_end(f->dir);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    mem_free(f->content);
    mem_free(f);
    return 0;
}

/* ------------------------------------------------------------------ the client */

struct client {
    int fd;
    struct buf rest; /* read, and not yet used */
};

static struct client dial(struct fixture *f)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(f->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct client c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct timeval limit = { .tv_sec = DEADLINE_S };
    assert_true(c.fd >= 0);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    return c;
}

static void hang_up(struct client *c)
{
    buf_deinit(&c->rest);
    close(c->fd);
}

static void say(struct client *c, str text)
{
    while (text.n > 0) {
        ssize_t n = send(c->fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0) fail_msg("send: %s", strerror(errno));
        text = str_from(text, (size_t)n);
    }
}

static void say_pattern(struct client *c, uint64_t from, uint64_t n)
{
    char piece[8192];
    while (n > 0) {
        size_t k = n < sizeof piece ? (size_t)n : sizeof piece;
        for (size_t i = 0; i < k; i++) piece[i] = pattern_at(from + i);
        say(c, str_n(piece, k));
        from += k;
        n -= k;
    }
}

__attribute__((format(printf, 2, 3))) static void sayf(struct client *c, const char *fmt, ...)
{
    struct buf b = BUF_INIT(0);
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    say(c, buf_str(&b));
    buf_deinit(&b);
}

/* False at the end of the connection. */
static bool more(struct client *c)
{
    char *p = buf_reserve(&c->rest, 65536);
    assert_non_null(p);
    ssize_t n = recv(c->fd, p, 65536, 0);
    if (n < 0 && errno != ECONNRESET) fail_msg("recv: %s", strerror(errno));
    if (n > 0) c->rest.n += (size_t)n;
    return n > 0;
}

static void use_up(struct client *c, size_t n)
{
    memmove(c->rest.p, c->rest.p + n, c->rest.n - n);
    c->rest.n -= n;
}

struct answer {
    struct buf text; /* the head as it came, then the body without its chunks */
    int status;
    str head, body;
    bool cut; /* the connection ended before the body */
};

static void answer_free(struct answer *a) { buf_deinit(&a->text); }

static str answer_header(const struct answer *a, const char *name)
{
    str rest = a->head, line;
    while (str_cut(&rest, '\n', &line)) {
        size_t colon = str_chr(line, ':');
        if (colon != STR_NONE && str_eq_nocase(str_to(line, colon), str_c(name)))
            return str_trim(str_from(line, colon + 1));
    }
    return (str){ 0 };
}

static size_t hear_line(struct client *c)
{
    size_t end;
    while ((end = str_find(buf_str(&c->rest), STR("\r\n"))) == STR_NONE)
        if (!more(c)) return STR_NONE;
    return end;
}

static bool hear_bytes(struct client *c, size_t n, struct buf *out)
{
    while (c->rest.n < n)
        if (!more(c)) return false;
    if (out) buf_add(out, str_to(buf_str(&c->rest), n));
    use_up(c, n);
    return true;
}

static bool hear_chunks(struct client *c, struct buf *out)
{
    for (;;) {
        size_t end = hear_line(c), size = 0;
        if (end == STR_NONE) return false;
        for (size_t i = 0; i < end; i++) {
            char d = c->rest.p[i];
            assert_true((d >= '0' && d <= '9') || (d >= 'A' && d <= 'F') || (d >= 'a' && d <= 'f'));
            size = size * 16 + (size_t)(d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
        }
        use_up(c, end + 2);
        if (!hear_bytes(c, size, out) || !hear_bytes(c, 2, NULL)) return false;
        if (size == 0) return true;
    }
}

static void hear(struct client *c, bool no_body, struct answer *a)
{
    uint64_t length = 0, status;
    size_t end;
    *a = (struct answer){ 0 };
    while ((end = str_find(buf_str(&c->rest), STR("\r\n\r\n"))) == STR_NONE)
        if (!more(c)) fail_msg("closed within the head: \"%.*s\"", STR_ARG(buf_str(&c->rest)));
    end += 4;
    hear_bytes(c, end, &a->text);
    a->head = buf_str(&a->text);
    assert_true(str_starts(a->head, STR("HTTP/1.1 ")) && str_u64(str_n(a->head.p + 9, 3), &status));
    a->status = (int)status;
    bool chunked = str_eq(answer_header(a, "Transfer-Encoding"), STR("chunked"));
    if (!no_body && !chunked && answer_header(a, "Content-Length").p)
        assert_true(str_u64(answer_header(a, "Content-Length"), &length));
    if (!no_body && status != 304) a->cut = !(chunked ? hear_chunks(c, &a->text) : hear_bytes(c, length, &a->text));
    a->head = str_to(buf_str(&a->text), end); /* the buffer may have moved */
    a->body = str_from(buf_str(&a->text), end);
}

/* One request on a connection of its own. */
static void ask(struct fixture *f, const char *request, struct answer *a)
{
    struct client c = dial(f);
    say(&c, str_c(request));
    hear(&c, strncmp(request, "HEAD", 4) == 0, a);
    assert_int_equal(c.rest.n, 0);
    hang_up(&c);
}

static bool is_pattern(str s, uint64_t from)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != pattern_at(from + i)) return false;
    return true;
}

/* ------------------------------------------------------------------ single exchanges */

#define H " HTTP/1.1\r\nHost: x\r\n"
static const struct {
    const char *request;
    int status;
    const char *body;
} exchange_case[] = {
    { "GET /hello" H "\r\n", 200, "hello" },
    { "GET /slow/hello" H "\r\n", 200, "hello" },
    { "GET /buf" H "\r\n", 200, "made here" },
    { "HEAD /hello" H "\r\n", 200, "" },
    { "GET /nowhere" H "\r\n", 404, "there is no such path" },
    { "PUT /hello" H "\r\n", 404, "this path does not know this method" },
    { "BREW /hello" H "\r\n", 501, "this method is not supported" },
    { "GET /failure" H "\r\n", 409, "it is there already" },
    { "GET /seen" H "X-Thing:  some thing \r\n\r\n", 200, "GET /seen 127.0.0.1 some thing" },
    { "POST /echo" H "Content-Length: 4\r\n\r\n0000", 200, "0000" },
    { "POST /echo" H "\r\n", 200, "" },
    { "POST /echo" H "Content-Length: 0\r\n\r\n", 200, "" },
    { "DELETE /echo" H "Content-Length: 3\r\n\r\nabc", 200, "abc" },
    { "POST /echo" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 200, "abcd" },
    { "POST /inline/echo" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc" },
    { "POST /secret" H "Content-Length: 3\r\n\r\nabc", 403, "not for you" },
    { "POST /inline/secret" H "Content-Length: 3\r\n\r\nabc", 403, "not for you" },
    { "POST /stream/secret" H "Content-Length: 3\r\n\r\nabc", 403, "not for you" },
    { "POST /count" H "Content-Length: 3\r\n\r\nabc", 200, "3 0" },
    { "POST /count" H "\r\n", 200, "0 1" },
    { "POST /count" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "0 1" },
    { "POST /stream/echo" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 200, "abcd" },
    { "GET /hello" H "Content-Length: 3\r\n\r\nabc", 400, "this operation takes no body" },
    { "GET /param/a%2Fb%20c/x%2Fy/z?q=1%2B+2" H "\r\n", 200, "a/b c|x%2Fy/z|1+ 2|q=1%2B+2" },
    { "GET /param/a|b%3F/x?q=%7C|&q=2" H "\r\n", 200, "a|b?|x||||q=%7C|&q=2" },
    { "GET /param/%zz/x" H "\r\n", 400, "the path is not percent-encoded correctly" },
    { "GET /param/a%00b/x" H "\r\n", 400, "the path is not percent-encoded correctly" },
    { "GET /empty" H "\r\n", 200, "" },
    { "GET /split" H "\r\n", 204, "" },
    { "POST /echo" H "Content-Length: 3\r\nContent-Encoding: br\r\n\r\nabc", 415,
      "the content coding br is not understood; send gzip or none" },
    { "POST /echo" H "Content-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc", 400,
      "the body is not valid gzip: incorrect header check" },
    /* From here on the connection is not kept. */
    { "POST /echo" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "Content-Length is there twice" },
    { "POST /echo" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
      "Content-Length and Transfer-Encoding exclude each other" },
    { "POST /echo" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
      "the only Transfer-Encoding understood is chunked, once" },
    { "GET /hello HTTP/1.0\r\n\r\n", 200, "hello" },
};
enum { KEPT = 31 };

static void requests_are_answered(void **state)
{
    for (size_t i = 0; i < COUNT(exchange_case); i++) {
        struct answer a;
        ask(*state, exchange_case[i].request, &a);
        if (a.status != exchange_case[i].status)
            fail_msg("%s: status %d, want %d", exchange_case[i].request, a.status, exchange_case[i].status);
        assert_str(a.body, str_c(exchange_case[i].body));
        assert_true(str_starts(answer_header(&a, "X-Request-Id"), STR("Root=1-")));
        assert_null(answer_header(&a, "X-Forged").p);
        answer_free(&a);
    }
}

static void a_connection_serves_many_requests(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    struct http_stats stats;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < KEPT; i++) {
            struct answer a;
            say(&c, str_c(exchange_case[i].request));
            hear(&c, strncmp(exchange_case[i].request, "HEAD", 4) == 0, &a);
            assert_int_equal(a.status, exchange_case[i].status);
            assert_null(answer_header(&a, "Connection").p);
            answer_free(&a);
        }
    http_server_stats(f->server, &stats);
    assert_int_equal(stats.requests, 3 * KEPT);
    assert_int_equal(stats.connections, 1);
    hang_up(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client c = dial(*state);
    struct buf all = BUF_INIT(0);
    for (size_t i = 0; i < KEPT; i++) buf_add(&all, str_c(exchange_case[i].request));
    say(&c, buf_str(&all));
    for (size_t i = 0; i < KEPT; i++) {
        struct answer a;
        hear(&c, strncmp(exchange_case[i].request, "HEAD", 4) == 0, &a);
        assert_int_equal(a.status, exchange_case[i].status);
        assert_str(a.body, str_c(exchange_case[i].body));
        answer_free(&a);
    }
    buf_deinit(&all);
    hang_up(&c);
}

static void a_slow_client_is_understood(void **state)
{
    struct client c = dial(*state);
    const char *request = "POST /count" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    int yes = 1;
    setsockopt(c.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &yes, sizeof yes);
    for (const char *p = request; *p; p++) say(&c, str_n(p, 1));
    struct answer a;
    hear(&c, false, &a);
    assert_str(a.body, STR("4 0"));
    answer_free(&a);
    hang_up(&c);
}

static str head_without(const struct answer *a, struct buf *out)
{
    str rest = a->head, line;
    while (str_cut(&rest, '\n', &line))
        if (!str_starts(line, STR("Date:")) && !str_starts(line, STR("X-Request-Id:"))) buf_add(out, line);
    return buf_str(out);
}

static void head_has_the_headers_of_get(void **state)
{
    static const char *const path[] = { "/hello", "/slow/hello", "/content/memory", "/content/file",
                                        "/content/pull", "/content/lend", "/empty", "/failure", "/stream?n=9&known=9", "/nowhere" };
    for (size_t i = 0; i < COUNT(path); i++) {
        char request[128];
        struct answer get, head;
        struct buf want = BUF_INIT(0), got = BUF_INIT(0);
        snprintf(request, sizeof request, "GET %s" H "\r\n", path[i]);
        ask(*state, request, &get);
        snprintf(request, sizeof request, "HEAD %s" H "\r\n", path[i]);
        ask(*state, request, &head);
        assert_str(head_without(&head, &got), head_without(&get, &want));
        assert_true(answer_header(&head, "Content-Length").p != NULL);
        buf_deinit(&want);
        buf_deinit(&got);
        answer_free(&get);
        answer_free(&head);
    }
}

static void a_request_id_carries_the_clients(void **state)
{
    static const struct {
        const char *header, *end; /* NULL: nothing of it is kept */
    } id_case[] = {
        { "X-Amzn-Trace-Id: 3f2-uuid", ";3f2-uuid" },
        { "x-request-id: own.id_1", ";own.id_1" },
        { "X-Amzn-Trace-Id: <script>", NULL },
    };
    for (size_t i = 0; i < COUNT(id_case); i++) {
        char request[200];
        struct answer a;
        snprintf(request, sizeof request, "GET /hello" H "%s\r\n\r\n", id_case[i].header);
        ask(*state, request, &a);
        str id = answer_header(&a, "X-Request-Id");
        assert_true(str_starts(id, STR("Root=1-")) && id.p[15] == '-');
        assert_str(str_from(id, 40), str_c(id_case[i].end ? id_case[i].end : ""));
        answer_free(&a);
    }
}

static void oversized_headers_are_refused(void **state)
{
    static const size_t size[] = { 33 << 10, 200 << 10 };
    for (size_t i = 0; i < COUNT(size); i++) {
        struct client c = dial(*state);
        struct buf b = BUF_INIT(0);
        buf_lit(&b, "GET /hello" H "X-Long: ");
        for (size_t k = 0; k < size[i]; k++) buf_byte(&b, 'x');
        buf_lit(&b, "\r\n\r\n");
        while (b.n > 0) { /* the server may stop listening in between */
            ssize_t n = send(c.fd, b.p, b.n, MSG_NOSIGNAL);
            if (n <= 0) break;
            memmove(b.p, b.p + n, b.n - (size_t)n);
            b.n -= (size_t)n;
        }
        struct answer a;
        hear(&c, false, &a);
        assert_true(a.status == 431 || a.status == 413);
        answer_free(&a);
        buf_deinit(&b);
        hang_up(&c);
    }
}

/* However many parameters: what counts is how long all of it is. */
static void a_query_of_thousands_of_parameters_is_read(void **state)
{
    static const struct {
        size_t n;
        int status;
    } query_case[] = { { 3000, 200 }, { 4500, 413 } };
    for (size_t i = 0; i < COUNT(query_case); i++) {
        struct client c = dial(*state);
        struct buf b = BUF_INIT(0);
        struct answer a;
        buf_lit(&b, "GET /param/x/y?");
        for (size_t k = 0; k < query_case[i].n; k++) buf_addf(&b, "a%zu=1&", k);
        buf_lit(&b, "q=last" H "\r\n");
        say(&c, buf_str(&b));
        hear(&c, false, &a);
        assert_int_equal(a.status, query_case[i].status);
        if (a.status == 200) assert_true(str_find(a.body, STR("last")) != STR_NONE);
        answer_free(&a);
        buf_deinit(&b);
        hang_up(&c);
    }
}

static void a_nul_in_the_target_is_refused(void **state)
{
    struct client c = dial(*state);
    struct answer a;
    say(&c, STR("GET /hello\0/../secret" H "\r\n"));
    hear(&c, false, &a);
    assert_int_equal(a.status, 400);
    answer_free(&a);
    hang_up(&c);
}

/* ------------------------------------------------------------------ content and ranges */

static const struct {
    const char *headers;
    int status;
    const char *content_range; /* NULL: none */
    uint64_t first, n;
} content_case[] = {
    { "", 200, NULL, 0, CONTENT_BYTES },
    { "Range: bytes=10-19\r\n", 206, "bytes 10-19/300000", 10, 10 },
    { "Range: bytes=299999-\r\n", 206, "bytes 299999-299999/300000", 299999, 1 },
    { "Range: bytes=-200000\r\n", 206, "bytes 100000-299999/300000", 100000, 200000 },
    { "Range: bytes=9-1\r\n", 200, NULL, 0, CONTENT_BYTES },
    { "Range: bytes=300000-\r\n", 416, "bytes */300000", 0, 0 },
    { "If-None-Match: \"tag\"\r\n", 304, NULL, 0, 0 },
    { "If-None-Match: \"a,b\", W/\"tag\"\r\n", 304, NULL, 0, 0 },
    { "If-None-Match: *\r\n", 304, NULL, 0, 0 },
    { "If-None-Match: \"other\"\r\nRange: bytes=0-0\r\n", 206, "bytes 0-0/300000", 0, 1 },
    { "If-None-Match: tag\r\n", 200, NULL, 0, CONTENT_BYTES },
    { "If-Range: \"tag\"\r\nRange: bytes=0-0\r\n", 206, "bytes 0-0/300000", 0, 1 },
    { "If-Range: \"old\"\r\nRange: bytes=0-0\r\n", 200, NULL, 0, CONTENT_BYTES },
    { "If-Range: W/\"tag\"\r\nRange: bytes=0-0\r\n", 200, NULL, 0, CONTENT_BYTES },
    { "If-Match: \"tag\"\r\n", 200, NULL, 0, CONTENT_BYTES },
    { "If-Match: \"old\"\r\n", 412, NULL, 0, 0 },
};
static const char *const source[] = { "memory", "file", "pull", "lend" };

static void content_is_served_with_validators_and_ranges(void **state)
{
    for (size_t k = 0; k < COUNT(source); k++)
        for (size_t i = 0; i < COUNT(content_case); i++) {
            char request[300];
            struct answer a;
            snprintf(request, sizeof request, "GET /content/%s" H "%s\r\n", source[k], content_case[i].headers);
            ask(*state, request, &a);
            if (a.status != content_case[i].status) fail_msg("%s: %d", request, a.status);
            assert_false(a.cut);
            if (content_case[i].content_range)
                assert_str(answer_header(&a, "Content-Range"), str_c(content_case[i].content_range));
            else
                assert_null(answer_header(&a, "Content-Range").p);
            if (a.status < 400) {
                assert_str(answer_header(&a, "ETag"), STR("\"tag\""));
                assert_int_equal(a.body.n, content_case[i].n);
                assert_true(is_pattern(a.body, content_case[i].first));
            }
            answer_free(&a);
        }
}

static void several_ranges_come_as_parts(void **state)
{
    static const struct http_range want[] = { { 0, 0 }, { 1000, 201000 }, { 299990, 299999 } };
    for (size_t k = 0; k < COUNT(source); k++) {
        char request[300];
        struct answer a;
        snprintf(request, sizeof request, "GET /content/%s" H "Range: bytes=0-0, 1000-201000,-10\r\n\r\n", source[k]);
        ask(*state, request, &a);
        assert_int_equal(a.status, 206);
        str type = answer_header(&a, "Content-Type"), rest = a.body;
        assert_true(str_starts(type, STR("multipart/byteranges; boundary=")));
        str boundary = str_from(type, str_chr(type, '=') + 1);
        for (size_t i = 0; i < COUNT(want); i++) {
            char head[300];
            size_t n = (size_t)(want[i].last - want[i].first + 1);
            snprintf(head, sizeof head, "%s--%.*s\r\nContent-Type: text/plain\r\nContent-Range: bytes %u-%u/300000\r\n\r\n",
                     i ? "\r\n" : "", STR_ARG(boundary), (unsigned)want[i].first, (unsigned)want[i].last);
            assert_true(str_starts(rest, str_c(head)));
            rest = str_from(rest, strlen(head));
            assert_true(rest.n >= n && is_pattern(str_to(rest, n), want[i].first));
            rest = str_from(rest, n);
        }
        assert_true(str_starts(rest, STR("\r\n--")) && str_ends(rest, STR("--\r\n")));
        answer_free(&a);
    }
}

static void a_handler_without_an_answer_is_an_error(void **state)
{
    struct answer a;
    ask(*state, "GET /forgetful" H "\r\n", &a);
    assert_int_equal(a.status, 500);
    answer_free(&a);
}

static void borrowed_memory_is_given_back(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ask(f, "GET /borrowed" H "\r\n", &a);
    assert_int_equal(a.body.n, CONTENT_BYTES);
    wait_for_answers(f, 1);
    answer_free(&a);
    http_server_stop(f->server, 1000);
    assert_int_equal(f->progress, 1);
}

/* ------------------------------------------------------------------ bodies: permission, limits, gzip */

static void a_body_is_called_for_only_with_permission(void **state)
{
    static const char *const refused[] = { "/secret", "/inline/secret", "/stream/secret" };
    static const char *const wanted[] = { "/echo", "/inline/echo", "/count" };
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct client c = dial(*state);
        struct answer a;
        sayf(&c, "POST %s" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", refused[i]);
        hear(&c, false, &a);
        assert_int_equal(a.status, 403);
        answer_free(&a);
        hang_up(&c);

        c = dial(*state);
        sayf(&c, "POST %s" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", wanted[i]);
        hear(&c, true, &a);
        assert_int_equal(a.status, 100);
        answer_free(&a);
        say(&c, STR("abc"));
        hear(&c, false, &a);
        assert_int_equal(a.status, 200);
        answer_free(&a);
        hang_up(&c);
    }
}

/* The client sends all of its 8 MiB before it reads: the answer must still be there. */
static void a_refusal_survives_the_rest_of_the_body(void **state)
{
    static const struct {
        const char *head;
        int status;
    } refusal_case[] = {
        { "POST /secret" H "Content-Length: 8388608\r\n\r\n", 403 },
        { "POST /stream/secret" H "Content-Length: 8388608\r\n\r\n", 403 },
        { "POST /inline/secret" H "Content-Length: 8388608\r\n\r\n", 403 },
        { "POST /echo" H "Content-Length: 8388608\r\n\r\n", 413 },
        { "POST /nowhere" H "Content-Length: 8388608\r\n\r\n", 404 },
        { "POST /early" H "Content-Length: 8388608\r\n\r\n", 507 },
        { "POST /secret" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 403 },
        { "POST /echo" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 413 },
        { "POST /inline/echo" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 413 },
        { "POST /count/little" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 413 },
        { "POST /early" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 507 },
    };
    for (size_t i = 0; i < COUNT(refusal_case); i++) {
        struct client c = dial(*state);
        struct answer a;
        say(&c, str_c(refusal_case[i].head));
        say_pattern(&c, 0, 8 << 20);
        hear(&c, false, &a);
        if (a.status != refusal_case[i].status) fail_msg("%s: %d", refusal_case[i].head, a.status);
        assert_false(a.cut);
        answer_free(&a);
        hang_up(&c);
    }
}

static void a_limit_is_exact(void **state)
{
    static const struct {
        const char *path;
        uint64_t n;
        int status;
    } limit_case[] = { { "/echo", 1000, 200 },         { "/echo", 1001, 413 },
                       { "/count/little", 100000, 200 }, { "/count/little", 100001, 413 } };
    for (size_t i = 0; i < 2 * COUNT(limit_case); i++) {
        struct client c = dial(*state);
        struct answer a;
        uint64_t n = limit_case[i / 2].n;
        bool chunked = i % 2;
        if (chunked)
            sayf(&c, "POST %s" H "Transfer-Encoding: chunked\r\n\r\n%llx\r\n", limit_case[i / 2].path,
                 (unsigned long long)n);
        else
            sayf(&c, "POST %s" H "Content-Length: %llu\r\n\r\n", limit_case[i / 2].path, (unsigned long long)n);
        say_pattern(&c, 0, n);
        if (chunked) say(&c, STR("\r\n0\r\n\r\n"));
        hear(&c, false, &a);
        if (a.status != limit_case[i / 2].status) fail_msg("case %zu: %d", i, a.status);
        answer_free(&a);
        hang_up(&c);
    }
}

static void gzip_into(struct buf *out, uint64_t n, bool zeros)
{
    z_stream z = { 0 };
    uint8_t piece[4096], packed[4096];
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (uint64_t at = 0; at < n || n == 0;) {
        size_t k = n - at < sizeof piece ? (size_t)(n - at) : sizeof piece;
        for (size_t i = 0; i < k; i++) piece[i] = zeros ? 0 : (uint8_t)pattern_at(at + i);
        at += k;
        z.next_in = piece;
        z.avail_in = (unsigned)k;
        do {
            z.next_out = packed;
            z.avail_out = sizeof packed;
            deflate(&z, at == n ? Z_FINISH : Z_NO_FLUSH);
            buf_add(out, str_n((char *)packed, sizeof packed - z.avail_out));
        } while (z.avail_out == 0);
        if (n == 0) break;
    }
    deflateEnd(&z);
}

static void post_gzip(struct fixture *f, const char *path, str packed, struct answer *a)
{
    struct client c = dial(f);
    sayf(&c, "POST %s" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", path, packed.n);
    say(&c, packed);
    hear(&c, false, a);
    hang_up(&c);
}

static void gzip_bodies_are_unpacked(void **state)
{
    struct buf packed = BUF_INIT(0);
    struct answer a;
    gzip_into(&packed, 200000, false);
    post_gzip(*state, "/big/echo", buf_str(&packed), &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, 200000);
    assert_true(is_pattern(a.body, 0));
    answer_free(&a);
    post_gzip(*state, "/count", buf_str(&packed), &a);
    assert_str(a.body, STR("200000 1"));
    answer_free(&a);

    for (size_t cut = 1; cut < 30; cut += 7) { /* truncated anywhere */
        post_gzip(*state, cut % 2 ? "/count" : "/big/echo", str_to(buf_str(&packed), packed.n - cut), &a);
        assert_int_equal(a.status, 400);
        answer_free(&a);
    }
    buf_reset(&packed);
    gzip_into(&packed, 1000, false); /* two members are one body */
    size_t one = packed.n;
    buf_reset(&packed);
    gzip_into(&packed, 0, false);
    gzip_into(&packed, 1000, false);
    assert_true(packed.n > one);
    post_gzip(*state, "/big/echo", buf_str(&packed), &a);
    assert_int_equal(a.body.n, 1000);
    answer_free(&a);
    post_gzip(*state, "/count", buf_str(&packed), &a);
    assert_str(a.body, STR("1000 1"));
    answer_free(&a);
    buf_deinit(&packed);
}

static void a_deferred_handler_runs_again_on_the_pool(void **state)
{
    struct buf packed = BUF_INIT(0);
    struct answer a;
    gzip_into(&packed, 200000, false);
    post_gzip(*state, "/deferred", buf_str(&packed), &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, 200000);
    assert_true(is_pattern(a.body, 0));
    assert_str(answer_header(&a, "X-Run"), STR("second"));
    assert_true(str_find(a.head, STR("first")) == STR_NONE);
    answer_free(&a);
    buf_deinit(&packed);
}

enum { BULK = 24 << 20 }; /* more than enough to be read from the socket */

static void a_long_body_arrives_whole(void **state)
{
    static const char *const expect[] = { "", "Expect: 100-continue\r\n" };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(expect); i++) {
        struct client c = dial(f);
        struct answer a;
        sayf(&c, "POST /bulk/count" H "%sContent-Length: %d\r\n\r\n", expect[i], BULK);
        if (i) {
            hear(&c, true, &a);
            assert_int_equal(a.status, 100);
            answer_free(&a);
        }
        say_pattern(&c, 0, BULK);
        hear(&c, false, &a);
        assert_int_equal(a.status, 200);
        assert_str(a.body, STR("25165824 1"));
        assert_str(answer_header(&a, "Connection"), STR("close"));
        answer_free(&a);
        assert_false(more(&c)); /* and so it is */
        wait_for_answers(f, i + 1);
        assert_int_equal(f->status, 200);
        assert_true(f->complete);
        assert_int_equal(f->sent, 10);
        hang_up(&c);
    }
    struct http_stats stats;
    http_server_stats(f->server, &stats);
    assert_int_equal(stats.bytes_in, 2 * BULK);
}

static void a_long_body_in_chunks_keeps_the_connection(void **state)
{
    struct client c = dial(*state);
    struct answer a;
    for (int i = 0; i < 2; i++) {
        sayf(&c, "POST /bulk/count" H "Transfer-Encoding: chunked\r\n\r\n%x\r\n", BULK);
        say_pattern(&c, 0, BULK);
        say(&c, STR("\r\n0\r\n\r\n"));
        hear(&c, false, &a);
        assert_str(a.body, STR("25165824 1"));
        answer_free(&a);
    }
    hang_up(&c);
}

static void a_long_body_may_be_refused_in_its_middle(void **state)
{
    static const int enough[] = { 1, 20 << 20, BULK - (1 << 19), BULK };
    for (size_t i = 0; i < COUNT(enough); i++) {
        struct client c = dial(*state);
        struct answer a;
        sayf(&c, "POST /bulk/enough?n=%d" H "Content-Length: %d\r\n\r\n", enough[i], BULK);
        say_pattern(&c, 0, BULK);
        hear(&c, false, &a);
        assert_int_equal(a.status, 507);
        answer_free(&a);
        hang_up(&c);
    }
}

static void a_long_body_may_break_off(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    sayf(&c, "POST /bulk/count" H "Content-Length: %d\r\n\r\n", BULK);
    say_pattern(&c, 0, BULK / 2);
    while (f->progress < BULK / 4) sched_yield();
    hang_up(&c);
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_CLOSED);
}

static void a_long_body_may_stall(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    struct answer a;
    sayf(&c, "POST /bulk/count" H "Content-Length: %d\r\n\r\n", BULK);
    say_pattern(&c, 0, BULK / 2);
    hear(&c, false, &a);
    assert_int_equal(a.status, 408);
    assert_int_equal(f->outcome, ERR_TIMEOUT);
    answer_free(&a);
    hang_up(&c);
}

static void a_stop_cuts_a_long_body(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    sayf(&c, "POST /bulk/count" H "Content-Length: %d\r\n\r\n", BULK);
    say_pattern(&c, 0, BULK / 2);
    while (f->progress < BULK / 4) sched_yield();
    http_server_stop(f->server, 0);
    assert_int_equal(f->outcome, ERR_CLOSED);
    hang_up(&c);
}

static void a_gzip_bomb_is_refused(void **state)
{
    struct buf packed = BUF_INIT(0);
    struct answer a;
    gzip_into(&packed, 64 << 20, true);
    assert_true(packed.n < 100000);
    post_gzip(*state, "/big/echo", buf_str(&packed), &a);
    assert_int_equal(a.status, 413);
    answer_free(&a);
    post_gzip(*state, "/count", buf_str(&packed), &a); /* 64 MiB would be allowed here, the ratio is not */
    assert_int_equal(a.status, 413);
    answer_free(&a);
    buf_deinit(&packed);
}

/* ------------------------------------------------------------------ streams */

static void streams_arrive_whole(void **state)
{
    static const char *const query[] = { "n=0", "n=1", "n=3000000", "n=0&known=0", "n=3000000&known=3000000" };
    static const uint64_t n[] = { 0, 1, 3000000, 0, 3000000 };
    for (size_t i = 0; i < COUNT(query); i++) {
        char request[100];
        struct answer a;
        snprintf(request, sizeof request, "GET /stream?%s" H "\r\n", query[i]);
        ask(*state, request, &a);
        assert_false(a.cut);
        assert_int_equal(a.body.n, n[i]);
        assert_true(is_pattern(a.body, 0));
        assert_true((answer_header(&a, "Content-Length").p != NULL) == (i >= 3));
        answer_free(&a);
    }
}

static void a_failed_stream_is_cut(void **state)
{
    static const char *const query[] = { "n=1000&fail=1", "n=1000&known=2000", "n=1000&known=2000&fail=1",
                                         "n=2000&known=1000", "n=300000&fail=1" };
    for (size_t i = 0; i < COUNT(query); i++) {
        char request[100];
        struct answer a;
        snprintf(request, sizeof request, "GET /stream?%s" H "\r\n", query[i]);
        struct client c = dial(*state);
        say(&c, str_c(request));
        hear(&c, false, &a);
        if (!a.cut) fail_msg("%s was not cut", query[i]);
        assert_false(more(&c));
        answer_free(&a);
        hang_up(&c);
    }
}

static void stops_growing(atomic_size_t *progress, size_t below)
{
    size_t last = 0;
    for (int same = 0; same < 10;) {
        struct timespec moment = { .tv_nsec = 20 * 1000000 };
        nanosleep(&moment, NULL);
        size_t now = *progress;
        same = now == last && now > 0 ? same + 1 : 0;
        last = now;
        if (now >= below) fail_msg("%zu bytes were taken", now);
    }
}

static void an_unread_answer_holds_the_writer_back(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    struct answer a;
    say(&c, STR("GET /stream?n=60000000" H "\r\n"));
    stops_growing(&f->progress, 30000000); /* the ring, and what the kernel keeps for both sides */
    hear(&c, false, &a);
    assert_false(a.cut);
    assert_int_equal(a.body.n, 60000000);
    assert_true(is_pattern(a.body, 0));
    answer_free(&a);
    hang_up(&c);
}

static void *send_much(void *ctx)
{
    struct fixture *f = ctx;
    struct client c = dial(f);
    struct answer a;
    char piece[65536];
    say(&c, STR("POST /count?gate=1" H "Content-Length: 60000000\r\n\r\n"));
    for (uint64_t at = 0; at < 60000000;) {
        size_t n = 60000000 - at < sizeof piece ? (size_t)(60000000 - at) : sizeof piece;
        for (size_t i = 0; i < n; i++) piece[i] = pattern_at(at + i);
        say(&c, str_n(piece, n));
        at += n;
        f->progress = (size_t)at; /* sent; the handler counts on from 0 once the gate is open */
    }
    hear(&c, false, &a);
    assert_str(a.body, STR("60000000 1"));
    answer_free(&a);
    hang_up(&c);
    return NULL;
}

static void an_unread_body_holds_the_client_back(void **state)
{
    struct fixture *f = *state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, send_much, f), 0);
    wait_for_waiting(f, 1);
    stops_growing(&f->progress, 30000000);
    gate_open(f);
    pthread_join(t, NULL);
}

static void a_client_that_leaves_ends_the_writer(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("GET /stream?n=1000000000" H "\r\n"));
    assert_true(more(&c));
    hang_up(&c);
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_CLOSED);
    assert_false(f->complete);
    assert_true(f->sent > 0 && f->sent < 1000000000);
}

static void a_download_that_breaks_off_is_counted(void **state)
{
    struct fixture *f = *state;
    enum { LARGE = 256 << 20 };
    assert_int_equal(truncate(f->file, LARGE), 0);
    struct client c = dial(f);
    say(&c, STR("GET /whole/file" H "\r\n"));
    while (c.rest.n < 1000000) assert_true(more(&c));
    hang_up(&c);
    wait_for_answers(f, 1);
    assert_false(f->complete);
    assert_true(f->sent > 500000 && f->sent < LARGE);
}

/* Long content goes past the library; its connection serves requests as before. */
static void long_content_keeps_the_connection(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path, *headers;
        size_t first, n;
    } part[] = {
        { "/content/lend", "", 0, CONTENT_BYTES },
        { "/content/lend", "Range: bytes=100-199999\r\n", 100, 199900 },
        { "/content/lend", "Range: bytes=7-99\r\n", 7, 93 },
        { "/content/pull", "Range: bytes=-200000\r\n", 100000, 200000 },
        { "/stream?n=200000", "", 0, 200000 },
    };
    struct client c = dial(f);
    for (size_t i = 0; i < 40; i++) {
        struct answer a;
        size_t k = i % COUNT(part);
        sayf(&c, "GET %s" H "%s\r\n", part[k].path, part[k].headers);
        hear(&c, false, &a);
        assert_false(a.cut);
        assert_int_equal(a.body.n, part[k].n);
        assert_true(is_pattern(a.body, part[k].first));
        assert_null(answer_header(&a, "Connection").p);
        answer_free(&a);
        wait_for_answers(f, i + 1);
        pthread_mutex_lock(&f->lock);
        assert_true(f->complete);
        assert_int_equal(f->sent, part[k].n);
        pthread_mutex_unlock(&f->lock);
    }
    hang_up(&c);
}

/* What was sent ahead of its turn is answered in its turn, and a request with a body before it does no harm. */
static void long_content_is_answered_in_turn(void **state)
{
    struct client c = dial(*state);
    struct answer a;
    for (int i = 0; i < 10; i++) {
        if (i % 2) say(&c, STR("POST /echo" H "Content-Length: 3\r\n\r\nabc"));
        say(&c, STR("GET /content/lend" H "\r\nGET /hello" H "\r\nGET /content/lend" H "\r\nGET /hello" H "\r\n"));
        if (i % 2) {
            hear(&c, false, &a);
            assert_str(a.body, STR("abc"));
            answer_free(&a);
        }
        for (int k = 0; k < 4; k++) {
            hear(&c, false, &a);
            assert_int_equal(a.body.n, k % 2 ? 5 : CONTENT_BYTES);
            assert_true(k % 2 || is_pattern(a.body, 0));
            answer_free(&a);
        }
    }
    hang_up(&c);
}

static void long_content_closes_the_connection_for_who_asks(void **state)
{
    static const char *const request[] = { "GET /content/lend" H "Connection: close\r\n\r\n",
                                           "GET /content/lend HTTP/1.0\r\n\r\n" };
    for (size_t i = 0; i < COUNT(request); i++) {
        struct client c = dial(*state);
        struct answer a;
        say(&c, str_c(request[i]));
        hear(&c, false, &a);
        assert_int_equal(a.body.n, CONTENT_BYTES);
        assert_str(answer_header(&a, "Connection"), STR("close"));
        assert_false(more(&c));
        answer_free(&a);
        hang_up(&c);
    }
}

static void long_content_that_fails_is_cut(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    struct answer a;
    say(&c, STR("GET /content/broken" H "\r\n"));
    hear(&c, false, &a);
    assert_true(a.cut);
    assert_false(more(&c));
    wait_for_answers(f, 1);
    assert_false(f->complete);
    assert_in_range(f->sent, 200000, 250000);
    answer_free(&a);
    hang_up(&c);
}

static void long_content_for_who_leaves_ends(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("GET /content/endless" H "\r\n"));
    while (c.rest.n < 1000000) assert_true(more(&c));
    hang_up(&c);
    wait_for_answers(f, 1);
    assert_false(f->complete);
    assert_in_range(f->sent, 900000, ENDLESS_BYTES - 1);
}

static void long_content_that_nobody_reads_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("GET /content/endless" H "\r\n"));
    wait_for_answers(f, 1);
    assert_false(f->complete);
    hang_up(&c);
}

static void a_stop_cuts_long_content(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("GET /content/endless" H "\r\n"));
    while (f->progress < 200000) sched_yield();
    http_server_stop(f->server, 50);
    assert_int_equal(f->answered, 1);
    assert_false(f->complete);
    hang_up(&c);
}

static void a_client_that_leaves_ends_the_reader(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("POST /count" H "Content-Length: 1000\r\n\r\nabc"));
    while (f->readers == 0) sched_yield();
    hang_up(&c);
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_CLOSED);
    assert_false(f->complete);
}

static void a_sender_that_stalls_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("POST /count" H "Content-Length: 1000\r\n\r\nabc"));
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_TIMEOUT);
    hang_up(&c);
}

static void a_reader_that_stalls_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    say(&c, STR("GET /stream?n=1000000000" H "\r\n"));
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_CLOSED);
    hang_up(&c);
}

static bool is_open(struct client *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    char byte;
    return poll(&p, 1, 100) == 0 || recv(c->fd, &byte, 1, MSG_DONTWAIT) > 0;
}

/* Never idle for a second, and never done. */
static void one_who_trickles_is_given_up(void **state)
{
    static const char *const begin[] = { "GET /hello" H "X-Long: ", "POST /count" H "Content-Length: 100000\r\n\r\n",
                                         "POST /big/echo" H "Content-Length: 100000\r\n\r\n" };
    for (size_t i = 0; i < COUNT(begin); i++) {
        struct client c = dial(*state);
        int64_t began = clock_mono_us();
        say(&c, str_c(begin[i]));
        while (is_open(&c)) {
            send(c.fd, "x", 1, MSG_NOSIGNAL);
            if (clock_mono_us() - began > DEADLINE_S * 1000000LL) fail_msg("case %zu is still served", i);
        }
        assert_true(clock_mono_us() - began > 1500000);
        hang_up(&c);
    }
}

static void an_idle_connection_is_closed(void **state)
{
    struct client c = dial(*state);
    assert_false(more(&c));
    hang_up(&c);
}

static void an_answer_begun_early_drops_what_cannot_wait(void **state)
{
    struct fixture *f = *state;
    struct client c = dial(f);
    struct answer a;
    say(&c, STR("POST /stream/echo" H "Content-Length: 3000000\r\n\r\n"));
    say_pattern(&c, 0, 3000000);
    hear(&c, false, &a);
    assert_true(a.cut); /* more than the ring holds: no deadlock, and no answer that looks complete */
    wait_for_answers(f, 1);
    assert_int_equal(f->outcome, ERR_INTERNAL);
    answer_free(&a);
    hang_up(&c);
}

/* ------------------------------------------------------------------ load and end */

static void *ask_gate(void *ctx)
{
    struct answer a;
    ask(ctx, "GET /gate" H "\r\n", &a);
    intptr_t status = a.status;
    answer_free(&a);
    return (void *)status;
}

static void a_full_queue_is_busy(void **state)
{
    struct fixture *f = *state;
    pthread_t first, second;
    void *status;
    struct answer a;
    struct http_stats stats;
    pthread_create(&first, NULL, ask_gate, f);
    wait_for_waiting(f, 1);
    pthread_create(&second, NULL, ask_gate, f);
    do {
        sched_yield();
        http_server_stats(f->server, &stats);
    } while (stats.workers_queued == 0);
    ask(f, "GET /slow/hello" H "\r\n", &a);
    assert_int_equal(a.status, 503);
    assert_str(answer_header(&a, "Retry-After"), STR("1"));
    answer_free(&a);
    ask(f, "POST /count" H "Content-Length: 3\r\n\r\nabc", &a); /* streams have threads of their own */
    assert_int_equal(a.status, 200);
    answer_free(&a);
    ask(f, "GET /hello" H "\r\n", &a); /* inline routes need no worker */
    assert_int_equal(a.status, 200);
    answer_free(&a);
    gate_open(f);
    pthread_join(first, &status);
    assert_int_equal((intptr_t)status, 200);
    pthread_join(second, &status);
    assert_int_equal((intptr_t)status, 200);
    http_server_stats(f->server, &stats);
    assert_int_equal(stats.refused_busy, 1);
}

static int status_of_hello(struct client *c)
{
    struct answer a;
    say(c, STR("GET /hello" H "\r\n"));
    hear(c, false, &a);
    int status = a.status;
    answer_free(&a);
    return status;
}

static void an_address_has_its_share(void **state)
{
    struct fixture *f = *state;
    struct http_stats stats;
    struct client kept[2], more = dial(f);
    struct answer a;
    hang_up(&more); /* whoever left is not counted, once that was noticed */
    for (size_t i = 0; i < COUNT(kept); i++)
        for (int status = 0; status != 200;) {
            kept[i] = dial(f);
            status = status_of_hello(&kept[i]);
            if (status != 200) hang_up(&kept[i]);
        }
    http_server_stats(f->server, &stats);
    uint64_t before = stats.refused_connections;
    more = dial(f);
    hear(&more, false, &a); /* without having asked */
    assert_int_equal(a.status, 503);
    assert_true(str_find(a.head, STR("Retry-After: 5")) != STR_NONE);
    answer_free(&a);
    hang_up(&more);
    http_server_stats(f->server, &stats);
    assert_int_equal(stats.refused_connections, before + 1);
    assert_int_equal(status_of_hello(&kept[0]), 200);
    for (size_t i = 0; i < COUNT(kept); i++) hang_up(&kept[i]);
}

static void this_machine_is_not_counted_where_a_proxy_may_be(void **state)
{
    struct client c[5];
    for (size_t i = 0; i < COUNT(c); i++) {
        c[i] = dial(*state);
        assert_int_equal(status_of_hello(&c[i]), 200);
    }
    for (size_t i = 0; i < COUNT(c); i++) hang_up(&c[i]);
}

static void who_finds_no_room_waits_for_it(void **state)
{
    struct client in[] = { dial(*state), dial(*state) };
    struct answer a;
    for (size_t i = 0; i < COUNT(in); i++) {
        say(&in[i], STR("GET /hello" H "\r\n"));
        hear(&in[i], false, &a);
        answer_free(&a);
    }
    struct client out = dial(*state); /* as far as the kernel's queue */
    struct pollfd heard = { .fd = out.fd, .events = POLLIN };
    say(&out, STR("GET /hello" H "\r\n"));
    assert_int_equal(poll(&heard, 1, 20), 0);
    hang_up(&in[0]);
    hear(&out, false, &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    hang_up(&out);
    hang_up(&in[1]);
}

static void a_stop_does_not_wait_for_room(void **state)
{
    struct fixture *f = *state;
    struct client c[] = { dial(f), dial(f), dial(f) };
    http_server_stop(f->server, 0);
    for (size_t i = 0; i < COUNT(c); i++) hang_up(&c[i]);
}

static void *stop_patiently(void *ctx)
{
    http_server_stop(ctx, DEADLINE_S * 1000);
    return NULL;
}

static bool is_refused(struct fixture *f)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(f->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) != 0;
    close(fd);
    return refused;
}

static void a_stop_lets_running_requests_finish(void **state)
{
    struct fixture *f = *state;
    pthread_t asking, stopping;
    void *status;
    pthread_create(&asking, NULL, ask_gate, f);
    wait_for_waiting(f, 1);
    pthread_create(&stopping, NULL, stop_patiently, f->server);
    while (!is_refused(f)) sched_yield();
    gate_open(f);
    pthread_join(asking, &status);
    assert_int_equal((intptr_t)status, 200);
    pthread_join(stopping, NULL);
}

static void a_stop_cuts_what_does_not_finish(void **state)
{
    struct fixture *f = *state;
    struct client writer = dial(f), reader = dial(f), idle = dial(f);
    say(&writer, STR("GET /stream?n=1000000000" H "\r\n"));
    say(&reader, STR("POST /count" H "Content-Length: 1000\r\n\r\nabc"));
    while (f->readers == 0) sched_yield();
    http_server_stop(f->server, 50);
    assert_int_equal(f->outcome, ERR_CLOSED);
    assert_int_equal(f->answered, 2);
    hang_up(&writer);
    hang_up(&reader);
    hang_up(&idle);
}

static void *hammer(void *ctx)
{
    struct client c = dial(ctx);
    for (int i = 0; i < 300; i++) {
        struct answer a;
        size_t k = (size_t)i % KEPT;
        say(&c, str_c(exchange_case[k].request));
        hear(&c, strncmp(exchange_case[k].request, "HEAD", 4) == 0, &a);
        bool busy = a.status == 503;
        if (!busy) assert_int_equal(a.status, exchange_case[k].status);
        answer_free(&a);
    }
    hang_up(&c);
    return NULL;
}

static void many_clients_at_once_are_served(void **state)
{
    pthread_t t[8];
    for (size_t i = 0; i < COUNT(t); i++) pthread_create(&t[i], NULL, hammer, *state);
    for (size_t i = 0; i < COUNT(t); i++) pthread_join(t[i], NULL);
}

static void a_server_says_why_it_cannot_listen(void **state)
{
    struct fixture *f = *state;
    struct http_tls tls = { "/nonexistent/cert.pem", "/nonexistent/key.pem" };
    struct err e;
    uint16_t bound;
    assert_false(http_server_listen(f->server, "127.0.0.1", f->port, NULL, &bound, &e));
    assert_false(http_server_listen(f->server, "example", 0, NULL, &bound, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_false(http_server_listen(f->server, "127.0.0.1", 0, &tls, &bound, &e));
    assert_true(str_find(str_c(e.msg), STR("/nonexistent/cert.pem")) != STR_NONE);
}

#define WITH(starts, test) cmocka_unit_test_setup_teardown(test, starts, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start, requests_are_answered),
        WITH(start, a_connection_serves_many_requests),
        WITH(start, pipelined_requests_are_answered_in_order),
        WITH(start, a_slow_client_is_understood),
        WITH(start, head_has_the_headers_of_get),
        WITH(start, a_request_id_carries_the_clients),
        WITH(start, oversized_headers_are_refused),
        WITH(start, a_query_of_thousands_of_parameters_is_read),
        WITH(start, a_nul_in_the_target_is_refused),
        WITH(start, content_is_served_with_validators_and_ranges),
        WITH(start, several_ranges_come_as_parts),
        WITH(start, a_handler_without_an_answer_is_an_error),
        WITH(start, borrowed_memory_is_given_back),
        WITH(start, a_body_is_called_for_only_with_permission),
        WITH(start, a_refusal_survives_the_rest_of_the_body),
        WITH(start, a_limit_is_exact),
        WITH(start, gzip_bodies_are_unpacked),
        WITH(start, a_deferred_handler_runs_again_on_the_pool),
        WITH(start, a_long_body_arrives_whole),
        WITH(start, a_long_body_in_chunks_keeps_the_connection),
        WITH(start, a_long_body_may_be_refused_in_its_middle),
        WITH(start, a_long_body_may_break_off),
        WITH(start_impatient, a_long_body_may_stall),
        WITH(start, a_stop_cuts_a_long_body),
        WITH(start, a_gzip_bomb_is_refused),
        WITH(start, streams_arrive_whole),
        WITH(start, a_failed_stream_is_cut),
        WITH(start, an_unread_answer_holds_the_writer_back),
        WITH(start, an_unread_body_holds_the_client_back),
        WITH(start, a_client_that_leaves_ends_the_writer),
        WITH(start, a_download_that_breaks_off_is_counted),
        WITH(start, long_content_keeps_the_connection),
        WITH(start, long_content_is_answered_in_turn),
        WITH(start, long_content_closes_the_connection_for_who_asks),
        WITH(start, long_content_that_fails_is_cut),
        WITH(start, long_content_for_who_leaves_ends),
        WITH(start_impatient, long_content_that_nobody_reads_is_given_up),
        WITH(start, a_stop_cuts_long_content),
        WITH(start, a_client_that_leaves_ends_the_reader),
        WITH(start_impatient, a_sender_that_stalls_is_given_up),
        WITH(start_impatient, a_reader_that_stalls_is_given_up),
        WITH(start_impatient, one_who_trickles_is_given_up),
        WITH(start_impatient, an_idle_connection_is_closed),
        WITH(start, an_answer_begun_early_drops_what_cannot_wait),
        WITH(start_narrow, a_full_queue_is_busy),
        WITH(start_shared, an_address_has_its_share),
        WITH(start_spared, this_machine_is_not_counted_where_a_proxy_may_be),
        WITH(start_crowded, who_finds_no_room_waits_for_it),
        WITH(start_crowded, a_stop_does_not_wait_for_room),
        WITH(start, a_stop_lets_running_requests_finish),
        WITH(start, a_stop_cuts_what_does_not_finish),
        WITH(start, many_clients_at_once_are_served),
        WITH(start, a_server_says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
