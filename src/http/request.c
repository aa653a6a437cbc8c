/* http/request.c - the life of a request, as libmicrohttpd's calls drive it.
 *
 * libmicrohttpd calls req_on_call several times for one request: once with the headers, then for each
 * piece of the body, then once more at its end.  An answer may be queued only in the first or in the last
 * of these, and queueing it in the first ends the connection, so that is done only when the client still
 * holds back its body ("Expect: 100-continue") or would send too much of it.
 *
 *   STAGE_NEW         head_parse, route, limits.  Where a handler runs, its permission is asked too: for an
 *                     HTTP_INLINE route right here, otherwise on a worker, before the body if there is one.
 *   STAGE_PERMISSION  parked until the worker has asked.
 *   STAGE_BODY        pieces go to body_take.
 *   STAGE_RUN         the handler runs (inline) or has been handed to the pool; parked until is_ready.
 *   STAGE_SENDING     libmicrohttpd has the answer.
 *
 * After req_on_completed the connection is no longer ours, while a handler may still be running. */
#include <inttypes.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_priv.h"

enum {
    SPARES_MAX = 256,        /* requests kept for use again */
    DISCARD_MAX = 1 << 20,   /* of a refused body: cheaper than a new connection */
};

/* ------------------------------------------------------------------ birth and death */

static struct http_req *req_new(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct http_req *r = s->spare;
    if (r) {
        s->spare = r->next;
        s->spares--;
    } else {
        r = mem_one(struct http_req);
        r->server = s;
        r->arena = arena_new(s->limits.arena_bytes_max);
        must(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->changed, NULL) == 0);
    }
    r->prev = NULL;
    r->next = s->live;
    if (r->next) r->next->prev = r;
    s->live = r;
    s->lives++;
    pthread_mutex_unlock(&s->lock);

    memset((char *)r + offsetof(struct http_req, mhd), 0, sizeof *r - offsetof(struct http_req, mhd));
    r->refs = 1;
    r->reply.fd = r->watched_fd = -1;
    r->began_us = clock_mono_us();
    return r;
}

void req_free(struct http_req *r)
{
    arena_free(r->arena);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    mem_free(r);
}

static void req_end(struct http_req *r)
{
    struct http_server *s = r->server;
    atomic_fetch_add_explicit(&s->bytes_in, r->received, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->bytes_out, r->sent, memory_order_relaxed);
    if (r->stage != STAGE_NEW && s->hooks.access)
        s->hooks.access(r, r->reply.status, r->sent, clock_mono_us() - r->began_us, r->complete);
    reply_drop(r);
    ring_deinit(&r->in);
    ring_deinit(&r->outgoing);
    buf_deinit(&r->queue);
    body_forget(r);
    held_end(r);
    arena_reset(r->arena);

    pthread_mutex_lock(&s->lock);
    if (r->prev)
        r->prev->next = r->next;
    else
        s->live = r->next;
    if (r->next) r->next->prev = r->prev;
    bool keep = s->spares < SPARES_MAX;
    if (keep) {
        r->next = s->spare;
        s->spare = r;
        s->spares++;
    }
    if (--s->lives == 0) pthread_cond_broadcast(&s->quieter);
    pthread_mutex_unlock(&s->lock);
    if (!keep) req_free(r);
}

static void req_release(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    bool last = --r->refs == 0;
    pthread_mutex_unlock(&r->lock);
    if (last) req_end(r);
}

/* ------------------------------------------------------------------ waiting */

void req_park(struct http_req *r)
{
    r->parked = true;
    MHD_suspend_connection(r->mhd);
}

void req_wake(struct http_req *r)
{
    if (!r->parked) return;
    r->parked = false;
    MHD_resume_connection(r->mhd);
}

/* ------------------------------------------------------------------ permission and handler, on any thread */

static bool ask_permission(struct http_req *r)
{
    struct err e;
    const struct http_hooks *h = &r->server->hooks;
    bool yes = !h->authorize || h->authorize(r, r->row->route, &e), later = yes && r->is_deferred && !r->is_second_run;
    if (!yes) reply_error(r, &e);
    pthread_mutex_lock(&r->lock);
    r->allowed = yes && !later;
    r->is_ready = !yes;
    if (r->stage == STAGE_PERMISSION) req_wake(r); /* otherwise it waits for the answer */
    pthread_mutex_unlock(&r->lock);
    return yes;
}

/* The answer that was made is not sent. */
static void refuse_for_memory(struct http_req *r)
{
    struct err e;
    reply_drop(r);
    r->outs = 0;
    http_add_header(r, "Retry-After", STR("5"));
    err_set(&e, ERR_BUSY, "too many large answers wait for slow clients (answer-memory-max); try again in a moment");
    reply_error(r, &e);
    r->ends_now = true;
}

static void finish(struct http_req *r, bool ok, struct err *e)
{
    if (ok && r->reply.kind == REPLY_NONE) {
        log_error("handler_without_answer", "route=%s", r->row->route->name);
        ok = err_set(e, ERR_INTERNAL, "no answer was given");
    }
    if (r->begun)
        stream_end(r, ok, e);
    else if (!ok)
        reply_error(r, e);
    else if (!held_begin(r))
        refuse_for_memory(r);
    pthread_mutex_lock(&r->lock);
    r->is_ready = r->discards = true;
    pthread_mutex_unlock(&r->lock);
}

/* False: it has paused. */
static bool run_handler(struct http_req *r)
{
    struct err e;
    bool ok = (r->is_second_run || body_end(r, &e)) && r->row->route->handler(r, &e);
    if (ok && r->is_deferred && !r->is_second_run) return true; /* stage_run hands it to the pool */
    if (ok && r->step) return false;
    finish(r, ok, &e);
    return true;
}

/* Whoever stops the server waits for the last one. */
static void count_job_down(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->jobs--;
    pthread_cond_broadcast(&s->quieter);
    pthread_mutex_unlock(&s->lock);
}

static void job_end(struct http_req *r)
{
    struct http_server *s = r->server;
    pthread_mutex_lock(&r->lock);
    req_wake(r);
    pthread_mutex_unlock(&r->lock);
    req_release(r);
    count_job_down(s);
}

/* What a worker does: ask if that is still to be done, and run the handler unless the body must come first. */
static void job_run(void *ctx)
{
    struct http_req *r = ctx;
    bool body_first = r->stage == STAGE_PERMISSION && r->row->route->body != HTTP_BODY_STREAM;
    bool pauses = (r->allowed || ask_permission(r)) && !body_first && !run_handler(r);
    if (r->is_bulk) bulk_end(r);
    if (pauses) pause_begin(r);
    else job_end(r);
}

void req_handled(struct http_req *r, bool ok, struct err *e)
{
    finish(r, ok, e);
    job_end(r);
}

/* Hands the request to the pool; or answers "busy". */
static bool job_start(struct http_req *r)
{
    struct http_server *s = r->server;
    pthread_mutex_lock(&r->lock);
    r->refs++;
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&s->lock);
    bool started = !s->cut;
    if (started) s->jobs++;
    pthread_mutex_unlock(&s->lock);
    struct pool *pool = r->row->route->body == HTTP_BODY_STREAM ? s->stream_pool : s->pool;
    if (started && pool_submit(pool, job_run, r)) return true;

    struct err e;
    if (started) count_job_down(s);
    pthread_mutex_lock(&r->lock);
    r->refs--;
    pthread_mutex_unlock(&r->lock);
    atomic_fetch_add_explicit(&s->refused_busy, 1, memory_order_relaxed);
    err_set(&e, ERR_BUSY, "the server is busy; try again in a moment");
    http_add_header(r, "Retry-After", STR("1"));
    reply_error(r, &e);
    r->is_ready = true;
    return false;
}

/* ------------------------------------------------------------------ the stages, on the event thread */

static bool find_route(struct http_req *r, struct err *e)
{
    struct http_server *s = r->server;
    struct route_match match;
    str path = s->hooks.route_path ? s->hooks.route_path(r) : r->path;
    if (!r->known_method) return err_set(e, ERR_NOT_BUILT, "this method is not supported");
    if (!router_match(s->router, r->method, path, &match)) {
        if (s->hooks.unrouted) {
            s->hooks.unrouted(r, match.methods, e);
            return false;
        }
        return err_set(e, ERR_NOT_FOUND, match.methods ? "this path does not know this method" : "there is no such path");
    }
    r->row = match.row;
    for (size_t i = 0; i < r->row->params; i++) {
        r->param_raw[i] = match.value[i];
        if (!http_decode(match.value[i], false, r->arena, &r->param[i]))
            return err_set(e, ERR_INVALID, "the path is not percent-encoded correctly");
    }
    return true;
}

static enum MHD_Result answer_or_wait(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    bool ready = r->is_ready;
    if (!ready) req_park(r);
    pthread_mutex_unlock(&r->lock);
    if (ready && r->ends_now) {
        reply_send_early(r);
        return MHD_NO;
    }
    return ready ? reply_send(r) : MHD_YES;
}

/* The headers were refused.  An answer now ends the connection; where no body follows, or a short one
 * that can be thrown away, it waits for the last call, which does not.  A client that sends on regardless
 * must not have its answer destroyed by a reset: the drain swallows what it sends. */
static enum MHD_Result refuse(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    r->discards = true;
    pthread_mutex_unlock(&r->lock);
    r->stage = STAGE_BODY;
    r->is_refused = true;
    if (!r->has_body || (!r->expects_continue && r->length_known && r->length <= DISCARD_MAX)) return MHD_YES;
    if (!r->expects_continue) drain_on(r->server->drain, r->mhd);
    return reply_send(r);
}

/* Whether to cut the connection instead of waiting for the rest of the body; first the answer is sent past
 * libmicrohttpd, where that is possible.  Who sends far more than the route takes is cut in any case, but not
 * before the handler has said why: until then the connection is parked.  Of a body that is collected nobody
 * has said yet that it is too large. */
static bool give_up_body(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t rest = r->length_known ? r->length - r->received : r->discarded;
    bool hopeless = r->discards && rest > DISCARD_MAX, ready = r->is_ready, is_stream = r->in.p;
    bool excess = hopeless && r->row && r->received > r->row->route->body_bytes_max &&
                  r->received - r->row->route->body_bytes_max > DISCARD_MAX;
    bool wait = excess && is_stream && !ready, sent = r->sent_early;
    bool give_up = hopeless && (ready || (r->is_too_large && !is_stream));
    if (wait) req_park(r);
    pthread_mutex_unlock(&r->lock);
    if (wait) return false;
    if (give_up && !ready) {
        struct err e;
        body_end(r, &e);
        reply_error(r, &e);
        r->is_refused = r->is_ready = true;
    }
    return sent || (give_up && reply_send_early(r)) || excess;
}

/* Called with the headers only, until the worker has asked. */
static enum MHD_Result stage_permission(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    bool allowed = r->allowed, asked = allowed || r->is_ready;
    if (!asked) req_park(r);
    pthread_mutex_unlock(&r->lock);
    if (asked && !allowed) return refuse(r);
    if (asked) r->stage = STAGE_BODY;
    return MHD_YES;
}

/* Nobody knows where this request ends, so the connection ends.  The answer goes past the library, which may have one of its own. */
static enum MHD_Result refuse_head(struct http_req *r, const struct err *e)
{
    r->stage = STAGE_BODY;
    reply_error(r, e);
    reply_send_early(r);
    pthread_mutex_lock(&r->lock);
    r->is_refused = r->is_ready = r->discards = true; /* should the library ask again after all */
    pthread_mutex_unlock(&r->lock);
    return MHD_NO;
}

static enum MHD_Result stage_new(struct http_req *r, struct err *e)
{
    if (!head_parse(r, e)) return refuse_head(r, e);
    if (!find_route(r, e) || !body_check(r, e)) {
        reply_error(r, e);
        r->is_ready = true;
        return refuse(r);
    }
    if (r->row->route->flags & HTTP_INLINE) {
        if (!ask_permission(r)) return refuse(r);
    } else if (r->has_body) {
        r->stage = STAGE_PERMISSION;
        return job_start(r) ? stage_permission(r) : refuse(r);
    }
    r->stage = STAGE_BODY;
    return MHD_YES;
}

static enum MHD_Result stage_run(struct http_req *r)
{
    r->stage = STAGE_RUN;
    if (r->has_body) body_arrived(r);
    bool runs_already = r->has_body && r->row && r->row->route->body == HTTP_BODY_STREAM;
    if (!r->is_refused && !runs_already) {
        if ((r->row->route->flags & HTTP_INLINE) && !r->is_deferred) run_handler(r);
        r->is_second_run = r->is_deferred;
        if (!(r->row->route->flags & HTTP_INLINE) || r->is_deferred) job_start(r);
    }
    return answer_or_wait(r);
}

/* ------------------------------------------------------------------ what libmicrohttpd calls */

/* The library would note every parameter in the connection's memory, and where that is used up, by some hundreds of them, forget the
 * connection: no answer, no end, and a request that stays.  We read the query ourselves, so it is to find an empty one.  The text is
 * its own buffer, which it goes on to cut at each '&' with a NUL. */
static void hide_query(char *target, size_t mark)
{
    if (mark != STR_NONE) target[mark + 1] = '\0'; /* there is a byte: the NUL at the end of all */
}

/* The library refuses a Content-Length that it cannot read by itself, before it calls us, and 0.9.75 sends the head of its answer twice.
 * But it complains first: then ours is sent, and the library finds the socket shut.  Which request it means it does not say; so this is
 * the one whose head this thread began to read last, if that is its fault.  (Of a head in pieces with others in between it is not found,
 * and the library's answer stands.) */
static _Thread_local struct http_req *reading;

void req_on_complaint(void)
{
    struct http_req *r = reading;
    struct err e;
    if (!r || head_length_is_sound(r, &e)) return;
    reading = NULL;
    refuse_head(r, &e);
    shutdown(r->conn->fd, SHUT_WR);
}

void *req_on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
    struct listener *l = ctx;
    struct http_req *r = req_new(l->server);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    reading = r;
    r->mhd = mhd;
    r->listener = l;
    r->is_tls = l->is_tls;
    must(info && info->socket_context); /* on_connection has put it there */
    r->conn = info->socket_context;
    memcpy(r->peer, r->conn->peer, PEER_BYTES);
    str target = arena_dup(r->arena, str_c(uri));
    size_t mark = str_chr(target, '?');
    r->target_bytes = target.n;
    r->path = mark == STR_NONE ? target : str_to(target, mark);
    r->query = mark == STR_NONE ? str_from(target, target.n) : str_from(target, mark + 1);
    hide_query((char *)(uintptr_t)uri, mark);
    return r;
}

static void count_head(struct http_req *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info) r->conn->consumed += info->header_size;
}

static bool parse_method(struct http_req *r, str method)
{
    for (int m = 0; m < HTTP_METHODS; m++)
        if (str_eq(method, http_method_name((enum http_method)m))) {
            r->method = (enum http_method)m;
            return true;
        }
    return false;
}

enum MHD_Result req_on_call(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                            const char *version, const char *data, size_t *size, void **request)
{
    (void)ctx;
    (void)mhd;
    struct http_req *r = *request;
    struct err e;
    switch (r->stage) {
    case STAGE_NEW:
        if (reading == r) reading = NULL;
        r->known_method = parse_method(r, str_c(method));
        r->is_http11 = str_eq(str_c(version), STR("HTTP/1.1"));
        count_head(r);
        atomic_fetch_add_explicit(&r->server->requests, 1, memory_order_relaxed);
        conn_serves(r->conn);
        return head_check(r, method, url, version, &e) ? stage_new(r, &e) : refuse_head(r, &e);
    case STAGE_PERMISSION: return stage_permission(r);
    case STAGE_BODY:
        if (*size == 0) return stage_run(r);
        body_take(r, data, size);
        return give_up_body(r) || body_trickles(r) ? MHD_NO : MHD_YES;
    case STAGE_RUN: return answer_or_wait(r);
    case STAGE_SENDING: break;
    }
    return MHD_NO;
}

void req_on_completed(void *ctx, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode why)
{
    (void)ctx;
    (void)mhd;
    struct http_req *r = *request;
    *request = NULL;
    if (!r) return;
    if (reading == r) reading = NULL;
    conn_waits(r->conn);
    pthread_mutex_lock(&r->lock);
    r->is_gone = true;
    r->timed_out = r->timed_out || why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;
    r->complete = (why == MHD_REQUEST_TERMINATED_COMPLETED_OK && r->stage == STAGE_SENDING) || r->sent_early;
    bool has_body = r->method != HTTP_HEAD && r->stage == STAGE_SENDING;
    if (has_body && r->complete && r->reply.kind != REPLY_STREAM && r->reply.kind != REPLY_BARE)
        r->sent = r->reply.length;
    if (has_body && !r->complete && r->reply.kind == REPLY_FILE) { /* the kernel sent it: ask there */
        uint64_t acked = conn_acked(r->conn) - r->acked_before;
        r->sent = acked < r->reply.length ? acked : r->reply.length;
    }
    pthread_cond_broadcast(&r->changed);
    pause_wake(r);
    bool has_paused = r->has_paused; /* one that pauses later sees that the connection is gone */
    pthread_mutex_unlock(&r->lock);
    if (has_paused) pause_forget(r);
    req_release(r);
}

/* ------------------------------------------------------------------ what handlers ask */

struct arena *http_arena(struct http_req *r) { return r->arena; }
void *http_app(struct http_req *r) { return r->server->app; }
void http_set_user(struct http_req *r, void *user) { r->user = user; }
void *http_user(struct http_req *r) { return r->user; }
enum http_method http_method_of(struct http_req *r) { return r->method; }
const struct http_route *http_route_of(struct http_req *r) { return r->row ? r->row->route : NULL; }
str http_path(struct http_req *r) { return r->path; }
str http_query_raw(struct http_req *r) { return r->query; }
str http_peer(struct http_req *r) { return str_c(r->peer); }
bool http_is_tls(struct http_req *r) { return r->is_tls; }

static str param_of(struct http_req *r, const char *name, const str *values)
{
    if (r->row)
        for (size_t i = 0; i < r->row->params; i++)
            if (str_eq(r->row->name[i], str_c(name))) return values[i];
    return (str){ "", 0 };
}

bool http_defer(struct http_req *r)
{
    must((r->row->route->flags & HTTP_INLINE) && !r->is_deferred && r->reply.kind == REPLY_NONE);
    r->outs = 0; /* from its start */
    return r->is_deferred = true;
}

bool req_is_inline(const struct http_req *r) { return (r->row->route->flags & HTTP_INLINE) && !r->is_second_run; }

bool http_is_deferred(struct http_req *r) { return r->is_second_run; }

str http_param(struct http_req *r, const char *name) { return param_of(r, name, r->param); }
str http_param_raw(struct http_req *r, const char *name) { return param_of(r, name, r->param_raw); }

str http_method_name(enum http_method m)
{
    static const str names[HTTP_METHODS] = { STR_INIT("GET"),   STR_INIT("HEAD"),   STR_INIT("POST"),   STR_INIT("PUT"),
                                             STR_INIT("PATCH"), STR_INIT("DELETE"), STR_INIT("OPTIONS") };
    return names[m];
}
