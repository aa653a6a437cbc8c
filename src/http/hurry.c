/* http/hurry.c - who is slow gives way to those who wait.
 *
 * A handler that reads a stream, or writes one, holds a thread while it waits for its client; those handlers have a pool of their own, so
 * that others go on.  When all of its threads are held, and somebody waits for one (or says so: http_hurry), a client that was waited for
 * a twelfth of the idle timeout, and moved less than PRESSED_RATE meanwhile, is given up.  As long as nobody waits it may take its time. */
#include "base/clock.h"
#include "http/http_priv.h"

enum { JUDGED_US = 5000000 };

void http_hurry(struct http_server *s, int by) { atomic_fetch_add(&s->hurry, (unsigned)by); }

int64_t pace_judged_us(const struct http_server *s)
{
    int64_t idle_us = (int64_t)s->limits.idle_timeout_s * 1000000;
    return idle_us ? idle_us / 12 : JUDGED_US;
}

struct http_server *http_server_of(struct http_req *r) { return r->server; }

static bool is_pressed(struct http_server *s)
{
    if (atomic_load(&s->hurry) > 0) return true;
    return pool_is_short(s->stream_pool);
}

void pace_begin(struct http_req *r)
{
    r->pace.began_us = clock_mono_us();
    if (r->pace.waited_us == 0) r->pace.from = r->received + r->sent;
}

bool pace_end(struct http_req *r)
{
    r->pace.waited_us += clock_mono_us() - r->pace.began_us;
    if (r->pace.waited_us < pace_judged_us(r->server)) return true;
    uint64_t moved = r->received + r->sent - r->pace.from;
    bool slow = moved < (uint64_t)r->pace.waited_us * PRESSED_RATE / 1000000;
    r->pace.waited_us = 0;
    if (!slow || !is_pressed(r->server)) return true;
    r->timed_out = r->is_gone = true;
    return false;
}

bool pace_wait(struct http_req *r)
{
    pace_begin(r);
    clock_wait(&r->changed, &r->lock, r->pace.began_us + HURRY_LOOK_MS * 1000);
    return pace_end(r);
}
