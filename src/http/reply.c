/* http/reply.c - answers: what a handler says, and how it is put before libmicrohttpd.
 *
 * A handler only describes its answer in r->reply and r->out; the event thread builds libmicrohttpd's
 * response from that (reply_send).  Bodies are not copied on the way: memory belongs to the request, whose
 * end comes after the last byte was sent. */
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/os.h"
#include "http/http_priv.h"

enum { STREAM_BLOCK_BYTES = 64 << 10, QUEUED_BLOCK_BYTES = 4 << 10, OWN_HEADER_BYTES = 4 << 10 };

/* ------------------------------------------------------------------ headers */

void http_add_header(struct http_req *r, const char *name, str value)
{
    if (value.n == 0) return;
    if (r->begun) { /* the event thread may be reading them */
        log_error("header_too_late", "name=%s", name);
        return;
    }
    if (r->outs == r->outs_cap) {
        size_t cap = r->outs_cap ? r->outs_cap * 2 : 16;
        struct header *grown = arena_alloc(r->arena, cap * sizeof *grown);
        if (r->outs) memcpy(grown, r->out, r->outs * sizeof *grown);
        r->out = grown;
        r->outs_cap = cap;
    }
    char *text = (char *)arena_dup(r->arena, value).p;
    for (size_t i = 0; i < value.n; i++)
        if (text[i] == '\r' || text[i] == '\n' || text[i] == '\0') text[i] = ' ';
    r->out[r->outs++] = (struct header){ str_c(name), { text, value.n } };
}

bool http_has_header(struct http_req *r, const char *name)
{
    for (size_t i = 0; i < r->outs; i++)
        if (str_eq_nocase(r->out[i].name, str_c(name))) return true;
    return false;
}

void http_add_headerf(struct http_req *r, const char *name, const char *fmt, ...)
{
    struct buf b = BUF_INIT(0);
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    http_add_header(r, name, buf_str(&b));
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ what handlers say */

void reply_set(struct http_req *r, struct reply reply, const char *content_type)
{
    must(r->reply.kind == REPLY_NONE); /* one answer per request */
    r->reply = reply;
    if (content_type) http_add_header(r, "Content-Type", str_c(content_type));
    if (r->server->hooks.headers) r->server->hooks.headers(r);
}

/* An answer's headers stand in the same block as the request's, and a redirect or a Link repeats an address of any length. */
static bool headers_fit(const struct http_req *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->outs; i++) n += r->out[i].name.n + r->out[i].value.n;
    return n <= OWN_HEADER_BYTES || r->head_bytes + n <= r->server->limits.header_bytes_max;
}

static bool reply_memory(struct http_req *r, int status, const char *content_type, str body)
{
    if (!headers_fit(r)) {
        struct err e = { 0 };
        r->outs = 0;
        err_set(&e, ERR_TOO_LARGE, "the address is too long: the answer repeats it, and headers take %zu bytes at most", r->server->limits.header_bytes_max);
        reply_error(r, &e);
        return true;
    }
    reply_set(r, (struct reply){ .kind = REPLY_MEMORY, .status = status, .data = body, .length = body.n, .fd = -1 },
              content_type);
    return true;
}

bool http_reply(struct http_req *r, int status, const char *content_type, str body)
{
    return reply_memory(r, status, content_type, arena_dup(r->arena, body));
}

bool http_reply_empty(struct http_req *r, int status) { return reply_memory(r, status, NULL, STR("")); }

bool http_reply_borrowed(struct http_req *r, int status, const char *content_type, str body, void (*done)(void *ctx),
                         void *ctx)
{
    if (done) arena_on_free(r->arena, done, ctx);
    return reply_memory(r, status, content_type, body);
}

void http_own(struct http_req *r, void *p, size_t n)
{
    arena_on_free(r->arena, mem_free, p);
    r->owned_bytes += n;
}

bool http_reply_buf(struct http_req *r, int status, const char *content_type, struct buf *b)
{
    size_t n;
    char *p = buf_take(b, &n);
    http_own(r, p, n);
    return reply_memory(r, status, content_type, str_n(p, n));
}

/* A small file costs less as one write with the headers than as a sendfile of its own. */
static bool read_small(struct http_req *r, int fd, uint64_t offset, size_t n, str *out)
{
    struct err e;
    size_t got;
    uint8_t *p = arena_try(r->arena, n);
    if (!p || !os_pread(fd, p, n, offset, &got, &e) || got != n) return false;
    *out = str_n((const char *)p, n);
    return true;
}

bool http_reply_file(struct http_req *r, int status, const char *content_type, int fd, uint64_t offset, uint64_t length)
{
    str small = { 0 };
    if (length <= HTTP_SMALL_FILE_BYTES && r->method != HTTP_HEAD && read_small(r, fd, offset, (size_t)length, &small)) {
        close(fd);
        return reply_memory(r, status, content_type, small);
    }
    reply_set(r, (struct reply){ .kind = REPLY_FILE, .status = status, .fd = fd, .offset = offset, .length = length },
              content_type);
    return true;
}

bool http_has_begun(struct http_req *r) { return r->reply.kind != REPLY_NONE; }

/* ------------------------------------------------------------------ errors */

void reply_drop(struct http_req *r)
{
    if (r->reply.kind != REPLY_NONE && r->reply.fd >= 0) close(r->reply.fd);
    r->reply = (struct reply){ .kind = REPLY_NONE, .fd = -1 };
}

int http_status_of(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return 500;
    case ERR_UNAUTHENTICATED: return 401;
    case ERR_DENIED: return 403;
    case ERR_NOT_FOUND: return 404;
    case ERR_CONFLICT: return 409;
    case ERR_PRECONDITION: return 412;
    case ERR_INVALID: return 400;
    case ERR_UNPROCESSABLE: return 422;
    case ERR_TOO_LARGE: return 413;
    case ERR_BAD_METHOD: return 405;
    case ERR_BAD_RANGE: return 416;
    case ERR_UNSUPPORTED_TYPE: return 415;
    case ERR_BUSY: return 503;
    case ERR_TIMEOUT: return 408;
    case ERR_NO_SPACE: return 507;
    case ERR_NOT_BUILT: return 501;
    case ERR_CLOSED: return 499;
    case ERR_IO:
    case ERR_INTERNAL: return 500;
    }
    return 500;
}

void reply_error(struct http_req *r, const struct err *e)
{
    if (r->reply.kind != REPLY_NONE) { /* given, then taken back: its headers spoke of it */
        reply_drop(r);
        r->outs = 0;
    }
    if (r->server->hooks.error) r->server->hooks.error(r, e);
    if (r->reply.kind == REPLY_NONE)
        http_reply(r, http_status_of(e->code), "text/plain; charset=utf-8", str_c(e->msg));
}

/* ------------------------------------------------------------------ sending, on the event thread */

static ssize_t never_read(void *ctx, uint64_t at, char *out, size_t max)
{
    (void)ctx;
    (void)at;
    (void)out;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

bool http_upgrade(struct http_req *r, int peer, bytes greeting)
{
    must(!req_is_inline(r));
    r->upgrade.peer = peer;
    r->upgrade.greeting = bytes_of(arena_dup(r->arena, str_of(greeting)));
    reply_set(r, (struct reply){ .kind = REPLY_UPGRADE, .status = 101, .fd = -1 }, NULL);
    return true;
}

/* The request ends when the relay has given the connection back. */
static void upgraded(void *ctx, struct MHD_Connection *mhd, void *request, const char *more, size_t more_n, MHD_socket client,
                     struct MHD_UpgradeResponseHandle *end)
{
    struct http_req *r = ctx;
    (void)mhd;
    (void)request;
    relay_begin(r->server->relays, client, r->upgrade.peer, (bytes){ (const uint8_t *)more, more_n }, r->upgrade.greeting, end);
}

static struct MHD_Response *response_new(struct http_req *r)
{
    struct reply *a = &r->reply;
    struct MHD_Response *out = NULL;
    switch (a->kind) {
    case REPLY_MEMORY:
        return MHD_create_response_from_buffer(a->data.n, (void *)(uintptr_t)a->data.p, MHD_RESPMEM_PERSISTENT);
    case REPLY_FILE:
        out = MHD_create_response_from_fd_at_offset64(a->length, a->fd, a->offset);
        if (out) a->fd = -1; /* libmicrohttpd closes it */
        return out;
    case REPLY_STREAM:
        return MHD_create_response_from_callback(a->length, r->is_queued ? QUEUED_BLOCK_BYTES : STREAM_BLOCK_BYTES, stream_next, r, NULL);
    case REPLY_UPGRADE: return MHD_create_response_for_upgrade(upgraded, r);
    case REPLY_BARE: return MHD_create_response_from_callback(a->length, 1, never_read, NULL, NULL);
    case REPLY_NONE: break;
    }
    return out;
}

enum MHD_Result reply_send(struct http_req *r)
{
    struct MHD_Response *response = response_new(r);
    if (!response) return MHD_NO;
    for (size_t i = 0; i < r->outs; i++)
        if (MHD_add_response_header(response, r->out[i].name.p, r->out[i].value.p) != MHD_YES)
            log_error("header_refused", "name=%s", r->out[i].name.p);
    if ((r->direct.is_on && !r->direct.keeps) || atomic_load_explicit(&r->server->stopping, memory_order_relaxed))
        MHD_add_response_header(response, "Connection", "close");
    r->stage = STAGE_SENDING;
    if (r->reply.kind == REPLY_FILE) r->acked_before = conn_acked(r->conn);
    if (r->reply.kind == REPLY_MEMORY) held_sending(r);
    enum MHD_Result ok = MHD_queue_response(r->mhd, (unsigned)r->reply.status, response);
    MHD_destroy_response(response);
    return ok;
}

/* The first bytes of an answer, into a socket buffer that is empty, or else none: all of it fits, or the client
 * gets none. */
static bool send_at_once(struct http_req *r, bytes b)
{
    if (!r->is_tls) return send(r->conn->fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.n;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!info) return false;
    while (b.n > 0) { /* a record at a time */
        ssize_t n = gnutls_record_send(info->tls_session, b.p, b.n);
        if (n <= 0) return false;
        b = (bytes){ b.p + n, b.n - (size_t)n };
    }
    return true;
}

bool reply_send_early(struct http_req *r)
{
    if (r->reply.kind != REPLY_MEMORY) return false;
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\n", r->reply.status,
             MHD_get_reason_phrase_for((unsigned)r->reply.status));
    for (size_t i = 0; i < r->outs; i++)
        buf_addf(&b, "%.*s: %.*s\r\n", STR_ARG(r->out[i].name), STR_ARG(r->out[i].value));
    buf_addf(&b, "Content-Length: %zu\r\n\r\n", r->reply.data.n);
    buf_add(&b, r->reply.data);
    bool sent = send_at_once(r, bytes_of(buf_str(&b)));
    buf_deinit(&b);
    pthread_mutex_lock(&r->lock); /* a handler that reads the socket itself ends here, while the event thread looks */
    r->sent_early = sent;
    if (sent) r->sent = r->reply.length;
    pthread_mutex_unlock(&r->lock);
    drain_on(r->server->drain, r->mhd);
    return true;
}
