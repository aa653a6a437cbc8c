/* api/space/proxy.c - a visitor's request, handed to the Space's app, and what that answers.
 *
 * The request is sent to the end first, by a thread that waits for the client's body; then the thread is given back, and a step runs
 * whenever the app has sent something: an event stream that is quiet costs no thread.  Of the answer at most one piece is in memory, and
 * what HTTP_BEHIND_BYTES holds for a client that is slow; until that has gone nothing more is read.
 *
 * The app is hostile: its answer is parsed with limits (http/answer.h) and written anew.  It learns nothing of the hub from a request: no
 * cookie and no token of ours, and of the headers that a proxy adds only those that this one did. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "base/clock.h"
#include "http/answer.h"
#include "space/space.h"

enum {
    SENDS_MAX = 24,                /* bodies at once that wait for one app: each holds a thread */
    SEND_PATIENCE_MS = 60 * 1000,  /* for the app to take some of it */
    ANSWER_PATIENCE_MS = 3600 * 1000, /* for it to say something */
    WAKE_PATIENCE_MS = 60 * 1000,
    WAKE_LOOK_MS = 300,
    BLOCK_BYTES = HTTP_ANSWER_HEAD_MAX,
    INTERIM_MAX = 8,               /* answers of 1xx before the answer */
};

struct proxied {
    struct spaces *spaces;
    struct space_line line;
    const struct json *card;
    int64_t began_ms, heard_ms;
    bool wants_upgrade, begun;
    unsigned interim;
    uint8_t *block; /* what came, and was not passed on yet */
    size_t n;
    enum http_answer_body body;
    uint64_t left; /* of a SIZED one */
    struct http_chunks chunks;
    struct http_answer answer;
};

static int64_t now_ms(void) { return clock_mono_us() / 1000; }

static void hang_up(void *ctx)
{
    struct proxied *p = ctx;
    space_hang_up(p->spaces, &p->line);
}

/* ------------------------------------------------------------------ the request, as the app gets it */

/* Those of one connection alone, those that we say anew, and those that would be believed if we had said them. */
static bool is_kept_from_app(struct call *c, str name, str value, str connection)
{
    static const str dropped[] = {
        STR_INIT("Connection"), STR_INIT("Keep-Alive"), STR_INIT("Proxy-Authenticate"), STR_INIT("Proxy-Authorization"), STR_INIT("Proxy-Connection"),
        STR_INIT("TE"), STR_INIT("Trailer"), STR_INIT("Transfer-Encoding"), STR_INIT("Upgrade"), STR_INIT("Expect"), STR_INIT("Content-Length"),
        STR_INIT("Forwarded"), STR_INIT("X-Real-IP"), STR_INIT("x-ip-token"), STR_INIT("X-HF-Authorization"), STR_INIT("Cookie"), STR_INIT("X-Request-Id"),
    };
    for (size_t i = 0; i < COUNT(dropped); i++)
        if (str_eq_nocase(name, dropped[i])) return true;
    if (str_starts_nocase(name, STR("X-Forwarded-"))) return true;
    if (str_eq_nocase(name, STR("Authorization"))) return space_is_hub_credential(value, c->a);
    if (str_eq_nocase(name, STR("Content-Encoding"))) return str_eq_nocase(value, STR("gzip")) || str_eq_nocase(value, STR("x-gzip")); /* http_read undoes it */
    str word;
    while (connection.n && str_cut(&connection, ',', &word))
        if (str_eq_nocase(str_trim(word), name)) return true;
    return false;
}

static void add_line(struct buf *b, const char *name, str value)
{
    if (value.n) buf_addf(b, "%s: %.*s\r\n", name, STR_ARG(value));
}

static void make_head(struct call *c, struct proxied *p, struct buf *b)
{
    str method = http_method_name(http_method_of(c->http)), path = http_path(c->http), query = space_query_for_app(c), name, value;
    str connection = http_header(c->http, "Connection"), base = call_base_url(c);
    uint64_t length;
    enum http_method m = http_method_of(c->http);
    bool may_have_body = m != HTTP_GET && m != HTTP_HEAD && m != HTTP_OPTIONS;
    buf_addf(b, "%.*s %.*s%s%.*s HTTP/1.1\r\n", STR_ARG(method), STR_ARG(path), query.n ? "?" : "", STR_ARG(query));
    for (size_t i = 0; http_header_nth(c->http, i, &name, &value); i++)
        if (!is_kept_from_app(c, name, value, connection)) add_line(b, name.p, value);
    add_line(b, "Cookie", space_cookies_for_app(c));
    add_line(b, "X-Forwarded-For", call_peer(c));
    add_line(b, "X-Forwarded-Proto", str_to(base, str_find(base, STR("://"))));
    add_line(b, "X-Forwarded-Host", http_header(c->http, "Host"));
    add_line(b, "X-Request-Id", http_request_id(c->http));
    if (p->wants_upgrade) buf_lit(b, "Connection: Upgrade\r\n");
    else buf_lit(b, "Connection: close\r\n");
    if (p->wants_upgrade) add_line(b, "Upgrade", http_header(c->http, "Upgrade"));
    if (may_have_body && http_body_length(c->http, &length)) buf_addf(b, "Content-Length: %llu\r\n", (unsigned long long)length);
    else if (may_have_body) buf_lit(b, "Transfer-Encoding: chunked\r\n");
    buf_lit(b, "\r\n");
}

/* *heard: the app has answered already, or is gone; the rest is not for it. */
static bool send_all(struct proxied *p, bytes b, bool *heard, struct err *e)
{
    while (b.n) {
        struct pollfd wait = { .fd = p->line.fd, .events = POLLOUT };
        ssize_t n = send(p->line.fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            b = (bytes){ b.p + n, b.n - (size_t)n };
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (poll(&wait, 1, SEND_PATIENCE_MS) == 0) return err_kind(e, ERR_TIMEOUT, SPACE_STALLED, "The app of this Space does not take what is sent to it");
        } else {
            *heard = true;
            return true;
        }
    }
    return true;
}

static bool send_body(struct call *c, struct proxied *p, struct err *e)
{
    enum { PIECE_BYTES = 32 << 10 };
    uint8_t *piece = arena_alloc(c->a, PIECE_BYTES);
    char size[32];
    uint64_t length;
    bool chunked = !http_body_length(c->http, &length), heard = false;
    for (size_t got = 1; got && !heard;) {
        if (!http_read(c->http, piece, PIECE_BYTES, &got, e)) return false;
        int n = snprintf(size, sizeof size, "%zx\r\n", got);
        if (chunked && !send_all(p, (bytes){ (const uint8_t *)size, (size_t)n }, &heard, e)) return false;
        if (!send_all(p, (bytes){ piece, got }, &heard, e)) return false;
        if (chunked && !send_all(p, bytes_of(STR("\r\n")), &heard, e)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ the answer, as the client gets it */

static bool broken(struct err *e)
{
    struct err why = *e;
    return err_kind(e, ERR_IO, SPACE_SPEAKS_BADLY, "The app of this Space answered with no HTTP: %s", why.msg);
}

/* A cookie for more hosts than this one, or in place of ours, is none that an app may set. */
static bool is_fit_cookie(str value)
{
    str rest = value, piece;
    if (str_starts_nocase(str_trim(value), STR("hearth_space=")) || str_starts_nocase(str_trim(value), STR("__Host-hearth_space="))) return false;
    while (rest.n && str_cut(&rest, ';', &piece)) {
        piece = str_trim(piece);
        size_t mark = str_chr(piece, '=');
        if (str_eq_nocase(str_trim(str_to(piece, mark == STR_NONE ? piece.n : mark)), STR("Domain"))) return false;
    }
    return true;
}

static bool is_kept_from_client(str name, str value, str connection)
{
    static const str dropped[] = { STR_INIT("Connection"), STR_INIT("Keep-Alive"), STR_INIT("Proxy-Authenticate"), STR_INIT("Proxy-Connection"), STR_INIT("TE"),
                                   STR_INIT("Trailer"), STR_INIT("Transfer-Encoding"), STR_INIT("Content-Length"), STR_INIT("Date") };
    str word;
    for (size_t i = 0; i < COUNT(dropped); i++)
        if (str_eq_nocase(name, dropped[i])) return true;
    if (str_eq_nocase(name, STR("Set-Cookie"))) return !is_fit_cookie(value);
    while (connection.n && str_cut(&connection, ',', &word))
        if (str_eq_nocase(str_trim(word), name) && !str_eq_nocase(name, STR("Upgrade"))) return true;
    return false;
}

static void add_headers(struct call *c, struct proxied *p)
{
    const struct http_answer *a = &p->answer;
    str connection = http_answer_header(a, "Connection");
    c->is_apps_answer = true;
    for (size_t i = 0; i < a->headers; i++) {
        bool is_upgrade = a->status == 101 || !str_eq_nocase(a->header[i].name, STR("Upgrade"));
        if (is_upgrade && !is_kept_from_client(a->header[i].name, a->header[i].value, connection))
            http_add_header(c->http, arena_cstr(c->a, a->header[i].name), a->header[i].value);
    }
    space_add_card_headers(c, p->card);
}

static api_handler listen_step;

static bool wait_for_app(struct call *c, struct proxied *p)
{
    int64_t left = p->heard_ms + ANSWER_PATIENCE_MS - now_ms();
    http_watch(c->http, p->line.fd);
    return call_pause(c, listen_step, p, left > 0 ? (int)left : 0);
}

/* Without a status: nothing has come so far.  *ended: and nothing will. */
static bool receive(struct proxied *p, bool *waits, bool *ended, struct err *e)
{
    ssize_t n = recv(p->line.fd, p->block + p->n, BLOCK_BYTES - p->n, MSG_DONTWAIT);
    *waits = n < 0 && (errno == EAGAIN || errno == EINTR);
    *ended = n == 0;
    if (n < 0 && !*waits) return err_kind(e, ERR_IO, SPACE_SPEAKS_BADLY, "The app of this Space cut the connection");
    if (n > 0) {
        p->n += (size_t)n;
        p->heard_ms = now_ms();
    }
    return !*waits || now_ms() - p->heard_ms < ANSWER_PATIENCE_MS || err_kind(e, ERR_TIMEOUT, SPACE_STALLED, "The app of this Space has not answered");
}

/* What stands in the block beyond `used` moves to its front. */
static void shift(struct proxied *p, size_t used)
{
    p->n -= used;
    memmove(p->block, p->block + used, p->n);
}

/* Passes on what is in the block; *done: that was the last of it. */
static bool pass_on(struct call *c, struct proxied *p, bool *done, struct err *e)
{
    bytes in = { p->block, p->n }, out;
    while (in.n && !*done) {
        if (p->body == HTTP_ANSWER_CHUNKED) {
            if (!http_chunks_next(&p->chunks, &in, &out, e)) return broken(e);
            *done = p->chunks.ended;
        } else {
            out = in;
            if (p->body == HTTP_ANSWER_SIZED && out.n > p->left) out.n = (size_t)p->left;
            in.n = 0; /* what is more than it announced is not wanted */
            if (p->body == HTTP_ANSWER_SIZED) p->left -= out.n;
            *done = p->body == HTTP_ANSWER_SIZED && !p->left;
        }
        if (out.n && !http_write(c->http, out, e)) return false;
    }
    p->n = 0;
    return true;
}

/* The head is there.  *done: and so is all the rest. */
static bool begin_answer(struct call *c, struct proxied *p, size_t head_n, bool *done, struct err *e)
{
    struct http_answer *a = &p->answer;
    enum http_method m = http_method_of(c->http);
    if (a->status == 101) {
        if (!p->wants_upgrade) return err_kind(e, ERR_IO, SPACE_SPEAKS_BADLY, "The app of this Space changed the protocol, which nobody asked for");
        add_headers(c, p);
        *done = true;
        return http_upgrade(c->http, p->line.fd, (bytes){ p->block + head_n, p->n - head_n });
    }
    bool is_bare = m == HTTP_HEAD || a->status == 204 || a->status == 304;
    add_headers(c, p);
    p->body = a->body;
    p->left = a->length;
    p->begun = true;
    if (!http_begin(c->http, a->status, NULL, a->body == HTTP_ANSWER_SIZED ? a->length : a->status == 204 ? 0 : HTTP_LENGTH_UNKNOWN, e)) return false;
    shift(p, head_n);
    *done = is_bare || (a->body == HTTP_ANSWER_SIZED && !a->length);
    return true;
}

static bool read_head(struct call *c, struct proxied *p, bool *done, struct err *e)
{
    for (size_t head_n = 1; head_n && !p->begun && !*done;) {
        if (!http_answer_parse(str_n((const char *)p->block, p->n), &p->answer, &head_n, e)) return broken(e);
        if (!head_n) return true;
        if (p->answer.status >= 200 || p->answer.status == 101) return begin_answer(c, p, head_n, done, e);
        if (++p->interim > INTERIM_MAX) return err_kind(e, ERR_IO, SPACE_SPEAKS_BADLY, "The app of this Space announces an answer again and again");
        shift(p, head_n);
    }
    return true;
}

static bool listen_step(struct call *c, struct err *e)
{
    struct proxied *p = c->step_ctx;
    bool done = false, waits, ended;
    if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client went away");
    while (!done) {
        if (p->begun && http_is_behind(c->http)) return call_pause(c, listen_step, p, -1); /* what it takes is bounded below by client-rate-min */
        if (!receive(p, &waits, &ended, e)) return false;
        if (waits) return wait_for_app(c, p);
        if (ended) break;
        if (!p->begun && !read_head(c, p, &done, e)) return false;
        if (p->begun && !done && !pass_on(c, p, &done, e)) return false;
    }
    if (done || (p->begun && p->body == HTTP_ANSWER_TO_END)) return true;
    return err_kind(e, ERR_IO, SPACE_SPEAKS_BADLY, p->begun ? "The app of this Space cut its answer short" : "The app of this Space hung up without an answer");
}

/* ------------------------------------------------------------------ reaching the app */

static _Atomic int sends[256];

static bool send_request(struct call *c, struct proxied *p, struct err *e)
{
    struct buf head = BUF_INIT(1 << 20);
    bool heard = false;
    _Atomic int *slot = &sends[(uint64_t)c->repo.id % COUNT(sends)];
    bool has_body = c->route->body == HTTP_BODY_STREAM;
    make_head(c, p, &head);
    bool ok = (!head.failed || err_set(e, ERR_TOO_LARGE, "The head of the request is too large")) && send_all(p, bytes_of(buf_str(&head)), &heard, e);
    buf_deinit(&head);
    if (!ok || heard || !has_body) return ok;
    if (atomic_fetch_add(slot, 1) < SENDS_MAX) ok = send_body(c, p, e);
    else ok = err_set(e, ERR_BUSY, "Too many requests wait for this Space's app; try again in a moment");
    atomic_fetch_sub(slot, 1);
    return ok;
}

static api_handler wake_step;

/* A person is shown that it is waking, and asks again by himself; a program waits. */
static bool wait_until_awake(struct call *c, struct proxied *p, struct err *e)
{
    bool is_late = now_ms() - p->began_ms > WAKE_PATIENCE_MS;
    if (is_late || space_is_navigation(c)) return space_say(c, 503, STR("This Space is starting"), str_c(e->msg), true);
    if (c->route->body != HTTP_BODY_STREAM) return call_pause(c, wake_step, p, WAKE_LOOK_MS);
    return true;
}

static bool reach(struct call *c, struct proxied *p, struct err *e)
{
    for (;;) {
        if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client went away");
        if (space_dial(p->spaces, &c->repo, &p->line, e)) break;
        if (!e->kind || !str_eq(str_c(e->kind), STR(SPACE_WAKING))) return false;
        if (!wait_until_awake(c, p, e)) return false;
        if (c->route->body != HTTP_BODY_STREAM || http_has_begun(c->http)) return true; /* paused, or answered */
        nanosleep(&(struct timespec){ .tv_nsec = WAKE_LOOK_MS * 1000000L }, NULL); /* its body comes through this thread */
    }
    p->heard_ms = now_ms();
    return send_request(c, p, e) && wait_for_app(c, p);
}

static bool wake_step(struct call *c, struct err *e) { return reach(c, c->step_ctx, e); }

bool space_serve_app(struct call *c, const struct json *card, struct err *e)
{
    struct proxied *p = arena_one(c->a, struct proxied);
    str upgrade = http_header(c->http, "Upgrade");
    *p = (struct proxied){ .spaces = c->api->config.spaces, .line.fd = -1, .card = card, .began_ms = now_ms() };
    p->wants_upgrade = upgrade.n && http_method_of(c->http) == HTTP_GET && str_find_nocase(http_header(c->http, "Connection"), STR("upgrade")) != STR_NONE;
    p->block = arena_alloc(c->a, BLOCK_BYTES);
    arena_on_free(c->a, hang_up, p);
    call_give_back(c); /* the app may take its time */
    return reach(c, p, e);
}
