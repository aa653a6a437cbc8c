/* http/held.c - what answers from memory hold until their clients have taken them.
 *
 * An answer that was made as a whole stays, with all that its request has allocated, until its last byte has left; a client that
 * reads slowly, or not at all, decides when that is.  So what all of them hold together is counted, but for HELD_FREE_BYTES of each,
 * and has a limit, together with what the layers above share among answers (`held_elsewhere`).  When it is reached, clients that take
 * less than PRESSED_RATE give way, as in http/hurry.c.  If that is not enough, the answer that was just made is dropped: a 503 goes
 * out past libmicrohttpd, as far as the socket takes it, and the connection ends, so that nothing of it is kept.  Short answers,
 * which forms and most questions get, always have their room.
 *
 * Whoever asked for a change is not told that it failed because the answer found no room: such answers are short, and only counted.
 *
 * `held` and its like are under the request's lock: those who look for slow ones are on other threads. */
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_priv.h"

enum {
    HELD_FREE_BYTES = 64 << 10,
    LOOK_US = 100000, /* all connections are looked at, which 4096 of them make a matter of milliseconds */
};

static uint64_t size_of(const struct http_req *r)
{
    uint64_t n = arena_used(r->arena) + r->owned_bytes;
    return n > HELD_FREE_BYTES ? n - HELD_FREE_BYTES : 0;
}

static bool may_be_refused(const struct http_req *r) { return r->method == HTTP_GET || r->reply.length > HELD_FREE_BYTES; }

static bool is_full(struct http_server *s)
{
    uint64_t elsewhere = s->hooks.held_elsewhere ? s->hooks.held_elsewhere(s->app) : 0;
    return atomic_load(&s->answers_bytes) + elsewhere > s->limits.answers_bytes_max;
}

/* Under r->lock. */
static void let_go(struct http_req *r)
{
    atomic_fetch_sub(&r->server->answers_bytes, r->held);
    r->held = 0;
    r->is_held = false;
}

/* Under r->lock: the socket is open as long as the request is not gone. */
static bool is_slow(const struct http_req *r, int64_t now_us)
{
    if (!r->is_held || r->held_since_us == 0 || r->is_gone) return false;
    int64_t waited_us = now_us - r->held_since_us;
    if (waited_us < pace_judged_us(r->server)) return false;
    return conn_acked(r->conn) - r->acked_before < (uint64_t)waited_us / 1000000 * PRESSED_RATE;
}

static void give_up_slow(struct http_server *s)
{
    int64_t now_us = clock_mono_us(), looked_us = atomic_load(&s->held_looked_us);
    if (now_us - looked_us < LOOK_US || !atomic_compare_exchange_strong(&s->held_looked_us, &looked_us, now_us)) return;
    pthread_mutex_lock(&s->lock);
    for (struct http_req *r = s->live; r; r = r->next) {
        pthread_mutex_lock(&r->lock);
        if (is_slow(r, now_us)) {
            log_info("slow_reader", "peer=%s bytes=%llu", r->conn->peer, (unsigned long long)r->held);
            shutdown(r->conn->fd, SHUT_RDWR); /* libmicrohttpd sees the end, and lets go of the request */
            r->timed_out = true;
            let_go(r);
            atomic_fetch_add_explicit(&s->refused_memory, 1, memory_order_relaxed);
        }
        pthread_mutex_unlock(&r->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

bool held_begin(struct http_req *r)
{
    struct http_server *s = r->server;
    uint64_t n = size_of(r);
    if (r->reply.kind != REPLY_MEMORY || r->method == HTTP_HEAD || (n == 0 && r->reply.length <= HELD_FREE_BYTES)) return true;
    pthread_mutex_lock(&r->lock);
    r->is_held = true;
    r->held = n;
    atomic_fetch_add(&s->answers_bytes, n);
    pthread_mutex_unlock(&r->lock);
    if (!is_full(s)) return true;
    give_up_slow(s);
    if (!is_full(s) || !may_be_refused(r)) return true;
    held_end(r);
    atomic_fetch_add_explicit(&s->refused_memory, 1, memory_order_relaxed);
    return false;
}

void held_sending(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    if (r->is_held) {
        r->acked_before = conn_acked(r->conn);
        r->held_since_us = clock_mono_us();
    }
    pthread_mutex_unlock(&r->lock);
}

void held_end(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    let_go(r);
    pthread_mutex_unlock(&r->lock);
}
