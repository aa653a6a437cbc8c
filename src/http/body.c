/* http/body.c - the body of a request: collected, or streamed to a handler that reads it.
 *
 * The event thread brings the bytes as they arrive (body_take).  A WHOLE body grows in r->whole, up to the
 * route's limit.  A STREAM goes through the ring r->in: when that is full the connection is parked, so
 * that TCP holds the client back, and the reader wakes it at half; the reader itself waits for half a ring.  Whatever comes after the handler has
 * lost interest (`discards`) is thrown away, because libmicrohttpd can answer only at the end.
 *
 * gzip is undone on the handler's thread: limits on the result are limits on work as well. */
#include <inttypes.h>
#include <zlib.h>

#include "base/clock.h"
#include "http/http_priv.h"

enum {
    GZIP_RATIO_MAX = 200,          /* text of repository names and hashes stays below 20 */
    GZIP_FREE_BYTES = 1 << 20,     /* below this the ratio does not matter */
    GZIP_INPUT_BYTES = 16 << 10,
    BODY_FREE_BYTES = 64 << 10,
};

/* One running decompression, of one or several gzip members. */
struct gunzip {
    z_stream z;
    uint64_t in, out, out_max;
    bool between; /* members: the input may end here */
};

static void gunzip_free(void *ctx) { inflateEnd(&((struct gunzip *)ctx)->z); }

static struct gunzip *gunzip_new(struct http_req *r)
{
    struct gunzip *g = arena_one(r->arena, struct gunzip);
    g->out_max = r->row->route->body_bytes_max;
    must(inflateInit2(&g->z, 16 + MAX_WBITS) == Z_OK);
    arena_on_free(r->arena, gunzip_free, g);
    return g;
}

static bool too_large(struct http_req *r, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the body is larger than the %" PRIu64 " bytes accepted here",
                   r->row->route->body_bytes_max);
}

/* Takes from *in what is needed for up to n bytes of `out`; when *in is empty, what the decompression has kept back comes. */
static bool gunzip_step(struct http_req *r, struct gunzip *g, bytes *in, uint8_t *out, size_t n, size_t *got,
                        struct err *e)
{
    if (g->between) inflateReset(&g->z);
    g->between = false;
    size_t in_max = in->n < UINT32_MAX ? in->n : UINT32_MAX;
    g->z.next_in = (uint8_t *)(uintptr_t)in->p;
    g->z.avail_in = (unsigned)in_max;
    g->z.next_out = out;
    g->z.avail_out = (unsigned)(n < UINT32_MAX ? n : UINT32_MAX);
    size_t room = g->z.avail_out;
    int z = inflate(&g->z, Z_NO_FLUSH);
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
        return err_set(e, ERR_INVALID, "the body is not valid gzip: %s", g->z.msg ? g->z.msg : "damaged");
    g->between = z == Z_STREAM_END;
    size_t used = in_max - g->z.avail_in;
    *in = (bytes){ in->p + used, in->n - used };
    *got = room - g->z.avail_out;
    g->in += used;
    g->out += *got;
    if (g->out > g->out_max) return too_large(r, e);
    if (g->out > GZIP_FREE_BYTES && g->out / GZIP_RATIO_MAX > g->in)
        return err_set(e, ERR_TOO_LARGE, "the gzip body unpacks to more than %d times its size", GZIP_RATIO_MAX);
    return true;
}

/* ------------------------------------------------------------------ arriving, on the event thread */

/* Of all collected bodies together, only so much is kept: what is less than BODY_FREE_BYTES is not counted, so that forms and
 * questions go on while large ones are refused. */
static bool count_whole(struct http_req *r, uint64_t now)
{
    uint64_t n = now > BODY_FREE_BYTES ? now - BODY_FREE_BYTES : 0, max = r->server->limits.bodies_bytes_max;
    if (n <= r->whole_counted) return true;
    uint64_t more = n - r->whole_counted;
    if (atomic_fetch_add(&r->server->bodies_bytes, more) + more > max) {
        atomic_fetch_sub(&r->server->bodies_bytes, more);
        return false;
    }
    r->whole_counted = n;
    return true;
}

void body_forget(struct http_req *r)
{
    buf_deinit(&r->whole);
    atomic_fetch_sub(&r->server->bodies_bytes, r->whole_counted);
    r->whole_counted = 0;
}

static bool crowded(struct http_req *r, struct err *e)
{
    http_add_header(r, "Retry-After", STR("5"));
    return err_set(e, ERR_BUSY, "too many large requests are being received at once (body-memory-max); try again in a moment");
}

bool body_check(struct http_req *r, struct err *e)
{
    const struct http_route *route = r->row->route;
    if (!r->has_body) return true;
    if (route->body == HTTP_BODY_NONE && !r->is_chunked) return err_set(e, ERR_INVALID, "this operation takes no body");
    if (route->body != HTTP_BODY_NONE && r->length > route->body_bytes_max)
        return err_kind(e, ERR_TOO_LARGE, HTTP_BODY_TOO_LARGE, "the body is %" PRIu64 " bytes; at most %" PRIu64 " are accepted here",
                       r->length, route->body_bytes_max);
    str coding = http_header(r, "Content-Encoding");
    r->is_gzip = str_eq_nocase(coding, STR("gzip")) || str_eq_nocase(coding, STR("x-gzip"));
    if (coding.n > 0 && !r->is_gzip && !str_eq_nocase(coding, STR("identity")))
        return err_set(e, ERR_UNSUPPORTED_TYPE, "the content coding %.*s is not understood; send gzip or none",
                       STR_ARG(coding));
    bool waits_in_vain = route->body == HTTP_BODY_WHOLE && r->length > BODY_FREE_BYTES &&
                         r->length - BODY_FREE_BYTES + atomic_load(&r->server->bodies_bytes) > r->server->limits.bodies_bytes_max;
    if (waits_in_vain) return crowded(r, e);
    if (route->body == HTTP_BODY_STREAM)
        ring_init(&r->in, r->server->limits.stream_bytes);
    else
        buf_init(&r->whole, route->body == HTTP_BODY_WHOLE ? route->body_bytes_max : 0);
    return true;
}

static void take_whole(struct http_req *r, bytes b)
{
    bool wanted = r->row->route->body == HTTP_BODY_WHOLE && r->received <= r->row->route->body_bytes_max;
    bool fits = wanted && count_whole(r, r->received);
    r->is_crowded_out = wanted && !fits;
    if (fits) buf_add(&r->whole, str_of(b));
    if (fits && !r->whole.failed) return;
    /* Too much, or anything at all where nothing is accepted: body_end says so, when the rest has come, which needs no memory. */
    r->is_too_large = r->discards = true;
    body_forget(r);
}

/* Under lock, which is free while bytes are copied. */
static size_t take_stream(struct http_req *r, bytes b)
{
    size_t n = 0, row;
    uint8_t *to;
    if (r->received + b.n > r->row->route->body_bytes_max) r->is_too_large = r->discards = true;
    while (!r->discards && n < b.n && (row = ring_room(&r->in, b.n - n, &to)) > 0) {
        pthread_mutex_unlock(&r->lock);
        memcpy(to, b.p + n, row);
        pthread_mutex_lock(&r->lock);
        ring_added(&r->in, row);
        n += row;
    }
    if (r->discards) n = b.n;
    if (n < b.n) req_park(r);
    if (r->discards || r->in.n >= r->in.cap / 2) pthread_cond_broadcast(&r->changed);
    return n;
}

void body_take(struct http_req *r, const char *data, size_t *size)
{
    bytes b = bytes_of(str_n(data, *size));
    pthread_mutex_lock(&r->lock);
    bool discards = r->discards;
    size_t n = !discards && r->in.p ? take_stream(r, b) : b.n;
    r->received += n;
    if (!discards && !r->in.p) take_whole(r, b);
    if (r->discards) r->discarded += n;
    if (r->in.p && n == b.n) bulk_begin(r);
    pthread_mutex_unlock(&r->lock);
    *size -= n;
}

/* One byte a minute is activity, as far as libmicrohttpd's timeout goes. */
bool body_trickles(struct http_req *r)
{
    int64_t now = clock_mono_us();
    if (r->body_began_us == 0) r->body_began_us = now;
    int64_t elapsed_us = now - r->body_began_us;
    int64_t patience_us = 2 * (int64_t)r->server->limits.idle_timeout_s * 1000000;
    if (patience_us == 0 || elapsed_us < patience_us) return false;
    pthread_mutex_lock(&r->lock);
    bool slow = r->received / TRICKLE_BYTES_PER_S < (uint64_t)elapsed_us / 1000000;
    r->timed_out = slow;
    pthread_mutex_unlock(&r->lock);
    return slow;
}

void body_arrived(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    r->body_ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* ------------------------------------------------------------------ read by handlers */

static bool gunzip_whole(struct http_req *r, struct err *e)
{
    struct gunzip *g = gunzip_new(r);
    struct buf plain = BUF_INIT(0); /* bounded by gunzip_step, which knows the better words */
    bytes in = bytes_of(buf_str(&r->whole));
    bool ok = true;
    while (ok && in.n > 0) {
        char *room = buf_reserve(&plain, GZIP_INPUT_BYTES);
        size_t got = 0;
        must(room);
        ok = gunzip_step(r, g, &in, (uint8_t *)room, GZIP_INPUT_BYTES, &got, e);
        plain.n += got;
        if (ok && !count_whole(r, r->whole.n + plain.n)) ok = crowded(r, e);
    }
    while (ok && !g->between) { /* all input is taken, more output may wait */
        char *room = buf_reserve(&plain, GZIP_INPUT_BYTES);
        size_t got = 0;
        must(room);
        ok = gunzip_step(r, g, &in, (uint8_t *)room, GZIP_INPUT_BYTES, &got, e);
        plain.n += got;
        if (ok && got == 0) ok = err_set(e, ERR_INVALID, "the gzip body ends too early");
    }
    buf_deinit(&r->whole);
    r->whole = plain;
    return ok;
}

bool body_end(struct http_req *r, struct err *e)
{
    if (r->row->route->body == HTTP_BODY_STREAM || !r->has_body) return true;
    if (r->is_too_large && r->row->route->body == HTTP_BODY_NONE)
        return err_set(e, ERR_INVALID, "this operation takes no body");
    if (r->is_crowded_out) return crowded(r, e);
    if (r->is_too_large) return too_large(r, e);
    return !r->is_gzip || r->whole.n == 0 || gunzip_whole(r, e);
}

str http_body(struct http_req *r) { return r->whole.p ? buf_str(&r->whole) : (str){ "", 0 }; }

bool http_body_length(struct http_req *r, uint64_t *length)
{
    *length = r->length;
    return !r->has_body || (r->length_known && !r->is_gzip);
}

static bool why_not(struct http_req *r, struct err *e)
{
    if (r->is_too_large) return too_large(r, e);
    if (r->timed_out) return err_set(e, ERR_TIMEOUT, "the client stopped sending its body");
    if (r->is_gone) return err_set(e, ERR_CLOSED, "the client went away before its body was complete");
    return err_set(e, ERR_INTERNAL, "the rest of the body was dropped when the answer began");
}

static bool read_coded(struct http_req *r, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    *got = 0;
    pthread_mutex_lock(&r->lock);
    if (r->in.n == 0) /* to wake for every packet costs more than the packets; no answer can leave before the end */
        while (r->in.n < r->in.cap / 2 && !r->body_ended && !r->discards && !r->is_gone && !r->is_bulk)
            pace_wait(r);
    bool ok = !r->discards && (!r->is_gone || r->body_ended), from_socket = ok && r->is_bulk && r->in.n == 0;
    const uint8_t *from;
    size_t row;
    while (ok && (row = ring_data(&r->in, n - *got, &from)) > 0) {
        pthread_mutex_unlock(&r->lock);
        memcpy(out + *got, from, row);
        pthread_mutex_lock(&r->lock);
        ring_taken(&r->in, row);
        *got += row;
    }
    if (!ok) why_not(r, e);
    if (!r->body_ended && !r->is_bulk && r->in.n <= r->in.cap / 2) req_wake(r);
    pthread_mutex_unlock(&r->lock);
    return from_socket ? bulk_read(r, out, n, got) || why_not(r, e) : ok;
}

static bool read_gzip(struct http_req *r, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    if (!r->gunzip) {
        r->gunzip = gunzip_new(r);
        r->gunzip_input = arena_alloc(r->arena, GZIP_INPUT_BYTES);
    }
    for (;;) {
        bool at_end = false;
        if (r->gunzip_rest.n == 0) {
            size_t more;
            if (!read_coded(r, r->gunzip_input, GZIP_INPUT_BYTES, &more, e)) return false;
            r->gunzip_rest = (bytes){ r->gunzip_input, more };
            at_end = more == 0;
        }
        if (at_end && (r->gunzip->between || r->gunzip->in == 0)) return true;
        if (!gunzip_step(r, r->gunzip, &r->gunzip_rest, out, n, got, e)) return false;
        if (*got > 0) return true;
        if (at_end && !r->gunzip->between) return err_set(e, ERR_INVALID, "the gzip body ends too early");
    }
}

bool http_read(struct http_req *r, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    must(r->row->route->body == HTTP_BODY_STREAM);
    *got = 0;
    if (!r->has_body || n == 0) return true;
    return r->is_gzip ? read_gzip(r, out, n, got, e) : read_coded(r, out, n, got, e);
}
