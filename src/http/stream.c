/* http/stream.c - an answer that a handler writes while it is being sent.
 *
 * http_begin hands status and headers to the event thread; http_write fills the ring r->outgoing, which
 * the event thread empties as the client takes it.  With the ring empty the connection is parked and the
 * writer wakes it; with the ring full the writer waits.  How the handler ends decides how the answer ends:
 * well, or cut, so that a truncated body never looks complete.  Content of known length goes in steps (http/send.c). */
#include <inttypes.h>

#include "base/log.h"
#include "http/http_priv.h"

static bool begin(struct http_req *r, int status, const char *content_type, uint64_t length, bool is_long,
                  struct err *e)
{
    must(!req_is_inline(r)); /* it would wait for itself */
    must(!(r->row->route->flags & HTTP_BULK));
    struct reply reply = { .kind = REPLY_STREAM, .status = status, .length = length, .fd = -1 };
    if (r->method == HTTP_HEAD || status == 204 || status == 304) reply.kind = REPLY_BARE;
    bool is_direct = reply.kind == REPLY_STREAM && is_long && !r->has_paused && direct_begin(r, length);
    r->is_queued = reply.kind == REPLY_STREAM && r->has_paused && !is_long;
    if (reply.kind == REPLY_STREAM && !is_direct && !r->is_queued) ring_init(&r->outgoing, r->server->limits.stream_bytes);
    reply_set(r, reply, content_type);
    r->begun = true;
    pthread_mutex_lock(&r->lock);
    r->is_ready = true;
    bool gone = r->is_gone;
    req_wake(r);
    pthread_mutex_unlock(&r->lock);
    return !gone || err_set(e, ERR_CLOSED, "the client went away");
}

bool http_begin(struct http_req *r, int status, const char *content_type, uint64_t length, struct err *e)
{
    return begin(r, status, content_type, length, false, e);
}

bool stream_begin(struct http_req *r, int status, const char *content_type, uint64_t length, struct err *e)
{
    return begin(r, status, content_type, length, true, e);
}

/* Under lock.  The answer cannot start before the body has ended: a handler that writes more than fits
 * without having read it all does not want the rest. */
static void make_room(struct http_req *r)
{
    if (r->in.p && !r->body_ended && !r->discards) {
        r->discards = true;
        req_wake(r);
    }
    pace_wait(r);
}

static bool count(struct http_req *r, uint64_t n, struct err *e)
{
    must(r->reply.kind == REPLY_STREAM);
    if (r->reply.length != HTTP_LENGTH_UNKNOWN && n > r->reply.length - r->written)
        return err_set(e, ERR_INTERNAL, "more was written than the %" PRIu64 " bytes announced", r->reply.length);
    r->written += n;
    return true;
}

bool http_write(struct http_req *r, bytes b, struct err *e)
{
    if (r->reply.kind == REPLY_BARE) return true;
    if (!count(r, b.n, e)) return false;
    if (r->is_queued) return queue_write(r, b, e);
    pthread_mutex_lock(&r->lock);
    while (b.n > 0 && !r->is_gone) {
        uint8_t *to;
        size_t row = ring_room(&r->outgoing, b.n, &to);
        if (row == 0) {
            make_room(r);
            continue;
        }
        pthread_mutex_unlock(&r->lock);
        memcpy(to, b.p, row);
        pthread_mutex_lock(&r->lock);
        ring_added(&r->outgoing, row);
        b = (bytes){ b.p + row, b.n - row };
        req_wake(r); /* needlessly when its body still comes: it parks again */
    }
    bool gone = r->is_gone;
    pthread_mutex_unlock(&r->lock);
    return !gone || err_set(e, ERR_CLOSED, "the client went away");
}

/* The handler has returned. */
void stream_end(struct http_req *r, bool ok, const struct err *e)
{
    if (ok && r->reply.kind == REPLY_STREAM && r->reply.length != HTTP_LENGTH_UNKNOWN &&
        r->written != r->reply.length) {
        log_error("answer_too_short", "route=%s", r->row->route->name);
        ok = false;
    } else if (!ok && e->code != ERR_CLOSED) {
        log_warn("answer_cut", "route=%s reason=\"%s\"", r->row->route->name, e->msg);
    }
    direct_end(r);
    pthread_mutex_lock(&r->lock);
    r->written_whole = ok;
    r->write_ended = true;
    req_wake(r);
    pthread_mutex_unlock(&r->lock);
}

/* Called by libmicrohttpd on the event thread when the client can take more. */
ssize_t stream_next(void *ctx, uint64_t at, char *out, size_t max)
{
    (void)at;
    struct http_req *r = ctx;
    ssize_t n;
    pthread_mutex_lock(&r->lock);
    if (r->is_gone) {
        n = MHD_CONTENT_READER_END_WITH_ERROR; /* the server is being stopped */
    } else if (r->direct.is_on) {
        n = direct_next(r);
    } else if (r->queue.n > r->queue_from) {
        n = (ssize_t)queue_take(r, out, max);
        r->sent += (uint64_t)n;
    } else if (r->outgoing.n > 0) {
        const uint8_t *from;
        n = (ssize_t)ring_data(&r->outgoing, max, &from);
        pthread_mutex_unlock(&r->lock);
        memcpy(out, from, (size_t)n);
        pthread_mutex_lock(&r->lock);
        ring_taken(&r->outgoing, (size_t)n);
        r->sent += (uint64_t)n;
        if (r->outgoing.n <= r->outgoing.cap / 2) pthread_cond_broadcast(&r->changed);
        if (r->is_behind && r->outgoing.n <= r->outgoing.cap / 2) {
            r->is_behind = false;
            pause_wake(r);
        }
    } else if (r->write_ended) {
        n = r->written_whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        req_park(r);
        n = 0;
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}
