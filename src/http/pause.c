/* http/pause.c - handlers that wait for something else than their client, without holding a thread.
 *
 * A handler that has nothing to do gives its thread back (http_pause) and names the step that goes on.  The step is run, on
 * threads of its own kind, when http_resume was called, when its time is up, when the client has left, or when a client that was
 * behind has caught up.  Whatever happens while a handler or a step runs leads to one more step: nothing is lost between looking
 * and pausing.
 *
 *     RUNS --http_pause, return--> WAITS --something happened--> QUEUED --> RUNS
 *
 * The job's reference to the request stays with it all the while.  What a step writes is kept in r->queue, however much it is, and
 * leaves when the step has returned: a step asks http_is_behind before it makes more.
 *
 * One thread watches: a parked connection is not in libmicrohttpd's set, so that a client that leaves would go unnoticed, or that
 * a client of long content (http/send.c) has taken some.  Content has threads of its own, because its steps read disks.
 * Invariants: the socket is in our set only while the connection is open (pause_forget comes before it is closed), and the list
 * holds no request that has ended.  Order of locks: watch, request, pool. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_priv.h"

enum { EVENTS_AT_ONCE = 64, COALESCE_US = 20000, STEP_THREADS = 16, STEPS_A_THREAD = 16 };
#define NEVER_US INT64_MAX

struct pauses {
    struct pool *pool, *senders; /* their queues have room for every connection, and a request is in one at most once */
    pthread_mutex_t lock;
    pthread_t watcher;
    int set, poke;
    bool ending;
    struct http_req *first;
    _Atomic int64_t planned_us; /* when the watcher looks next */
};

/* ------------------------------------------------------------------ steps */

/* Under r->lock. */
static void wake_step(struct http_req *r)
{
    if (r->pause == PAUSE_RUNS) r->happened = true;
    if (r->pause != PAUSE_WAITS) return;
    r->pause = PAUSE_QUEUED;
    must(pool_submit(r->sending ? r->server->pauses->senders : r->server->pauses->pool, pause_step, r));
}

void pause_wake(struct http_req *r) { wake_step(r); }

void http_resume(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    wake_step(r);
    pthread_mutex_unlock(&r->lock);
}

/* Nobody will read what still comes of a stream, and no answer leaves before its end. */
static void forgo_body(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    if (r->in.p && !r->body_ended && !r->discards) {
        r->discards = true;
        req_wake(r);
    }
    pthread_mutex_unlock(&r->lock);
}

void http_watch(struct http_req *r, int fd)
{
    must(r->watched_fd < 0 || r->watched_fd == fd);
    r->watched_fd = fd;
    r->wants_watch = true;
}

bool http_pause(struct http_req *r, http_handler *step, int timeout_ms)
{
    must(!req_is_inline(r) && !(r->row->route->flags & HTTP_BULK) && (!r->begun || r->is_queued));
    forgo_body(r);
    r->step = step;
    r->step_timeout_ms = timeout_ms;
    return true;
}

void http_wait_begin(struct http_req *r)
{
    if (r->has_paused) pool_wait_begin(r->server->pauses->pool);
}

void http_wait_end(struct http_req *r)
{
    if (r->has_paused) pool_wait_end(r->server->pauses->pool);
}

bool http_has_left(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    bool left = r->has_left || r->is_gone;
    if (!left && !r->has_paused) { /* nobody watches its socket, which is open as long as it is not gone */
        struct pollfd end = { .fd = r->conn->fd, .events = POLLRDHUP };
        left = r->has_left = poll(&end, 1, 0) > 0;
    }
    pthread_mutex_unlock(&r->lock);
    return left;
}

bool http_is_behind(struct http_req *r)
{
    pthread_mutex_lock(&r->lock);
    size_t kept = r->queue.n - r->queue_from;
    r->is_behind = r->is_behind ? kept > HTTP_BEHIND_BYTES / 2 : kept > HTTP_BEHIND_BYTES;
    bool behind = r->is_behind && !r->is_gone;
    pthread_mutex_unlock(&r->lock);
    return behind;
}

bool pause_others_wait(struct http_req *r) { return pool_queued(r->server->pauses->senders) > 0; }

/* ------------------------------------------------------------------ what steps write */

bool queue_write(struct http_req *r, bytes b, struct err *e)
{
    pthread_mutex_lock(&r->lock);
    bool gone = r->is_gone || r->has_left;
    if (r->queue_from > r->queue.n / 2) { /* a client that reads, but never all: what it has had is in the way */
        memmove(r->queue.p, r->queue.p + r->queue_from, r->queue.n - r->queue_from);
        r->queue.n -= r->queue_from;
        r->queue_from = 0;
    }
    if (!gone) buf_add(&r->queue, str_of(b));
    pthread_mutex_unlock(&r->lock);
    return !gone || err_set(e, ERR_CLOSED, "the client went away");
}

/* Under r->lock, on the event thread. */
size_t queue_take(struct http_req *r, char *out, size_t max)
{
    enum { KEPT_BYTES = 4096 };
    size_t kept = r->queue.n - r->queue_from, n = kept < max ? kept : max;
    memcpy(out, r->queue.p + r->queue_from, n);
    r->queue_from += n;
    kept -= n;
    if (kept == 0) {
        r->queue_from = 0;
        if (r->queue.cap > KEPT_BYTES) buf_deinit(&r->queue);
        else buf_reset(&r->queue);
    }
    if (r->is_behind && kept <= HTTP_BEHIND_BYTES / 2) wake_step(r);
    return n;
}

/* ------------------------------------------------------------------ the watcher */

static void poke(struct pauses *p)
{
    uint64_t one = 1;
    ssize_t ignored = write(p->poke, &one, sizeof one);
    (void)ignored; /* full: it is awake */
}

static void enlist(struct pauses *p, struct http_req *r)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = r };
    pthread_mutex_lock(&p->lock);
    r->paused_prev = NULL;
    r->paused_next = p->first;
    if (p->first) p->first->paused_prev = r;
    p->first = r;
    pthread_mutex_lock(&r->lock);
    bool open = !r->is_gone;
    r->has_paused = true;
    pthread_mutex_unlock(&r->lock);
    /* Content goes on when its client has closed its own side, as some do once they have asked. */
    r->is_watched = open && !r->sending && epoll_ctl(p->set, EPOLL_CTL_ADD, r->conn->fd, &event) == 0;
    pthread_mutex_unlock(&p->lock);
}

/* Its socket, which is the handler's, is full: is it no longer? */
static void watch_room(struct pauses *p, struct http_req *r)
{
    struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT, .data.ptr = r };
    pthread_mutex_lock(&p->lock);
    bool watched = epoll_ctl(p->set, r->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, r->conn->fd, &event) == 0;
    if (watched) r->is_watched = true;
    else r->step_timeout_ms = 0; /* the step finds out */
    pthread_mutex_unlock(&p->lock);
}

/* The handler's own descriptor.  Its events are told from those of the client's socket by bit 0 of the address, which has none. */
static void watch_own(struct pauses *p, struct http_req *r)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = (char *)r + 1 };
    r->wants_watch = false;
    pthread_mutex_lock(&p->lock);
    bool watched = epoll_ctl(p->set, EPOLL_CTL_MOD, r->watched_fd, &event) == 0 || epoll_ctl(p->set, EPOLL_CTL_ADD, r->watched_fd, &event) == 0;
    pthread_mutex_unlock(&p->lock);
    if (!watched) r->step_timeout_ms = 0; /* the step finds out */
}

static void stop_watching(struct pauses *p, struct http_req *r)
{
    if (r->is_watched) epoll_ctl(p->set, EPOLL_CTL_DEL, r->conn->fd, NULL);
    r->is_watched = false;
}

void pause_forget(struct http_req *r)
{
    struct pauses *p = r->server->pauses;
    pthread_mutex_lock(&p->lock);
    stop_watching(p, r);
    pthread_mutex_unlock(&p->lock);
}

static void delist(struct http_req *r)
{
    struct pauses *p = r->server->pauses;
    pthread_mutex_lock(&p->lock);
    stop_watching(p, r);
    if (r->watched_fd >= 0) epoll_ctl(p->set, EPOLL_CTL_DEL, r->watched_fd, NULL); /* never in it, or closed: nothing to do */
    if (r->paused_prev) r->paused_prev->paused_next = r->paused_next;
    else p->first = r->paused_next;
    if (r->paused_next) r->paused_next->paused_prev = r->paused_prev;
    pthread_mutex_unlock(&p->lock);
}

/* Under p->lock.  When the next one is due. */
static int64_t wake_who_is_due(struct pauses *p)
{
    int64_t now = clock_mono_us(), next = NEVER_US;
    for (struct http_req *r = p->first; r; r = r->paused_next) {
        pthread_mutex_lock(&r->lock);
        if (r->pause == PAUSE_WAITS && r->step_until_us <= now) wake_step(r);
        else if (r->pause == PAUSE_WAITS && r->step_until_us < next) next = r->step_until_us;
        pthread_mutex_unlock(&r->lock);
    }
    return next == NEVER_US || next > now + COALESCE_US ? next : now + COALESCE_US;
}

/* Under p->lock: a request in the set is in the list.  True: somebody poked. */
static bool wake_who_has_news(struct pauses *p)
{
    struct epoll_event event[EVENTS_AT_ONCE];
    int n = epoll_wait(p->set, event, EVENTS_AT_ONCE, 0);
    bool poked = false;
    for (int i = 0; i < n; i++) {
        bool is_own = (uintptr_t)event[i].data.ptr & 1;
        struct http_req *r = (struct http_req *)((uintptr_t)event[i].data.ptr & ~(uintptr_t)1);
        uint64_t ignored;
        if (!r) {
            if (read(p->poke, &ignored, sizeof ignored) < 0) {} /* it was read already */
            poked = true;
            continue;
        }
        pthread_mutex_lock(&r->lock);
        r->has_left = r->has_left || !(r->sending || is_own);
        wake_step(r);
        pthread_mutex_unlock(&r->lock);
    }
    return poked;
}

static int ms_until(int64_t us)
{
    int64_t left = us == NEVER_US ? -1 : (us - clock_mono_us() + 999) / 1000;
    return us == NEVER_US ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void *watch(void *ctx)
{
    struct pauses *p = ctx;
    struct pollfd set = { .fd = p->set, .events = POLLIN };
    int64_t next = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        if (next <= clock_mono_us()) { /* the list may be long, and sockets have news often */
            atomic_store(&p->planned_us, NEVER_US); /* who pauses meanwhile pokes */
            next = wake_who_is_due(p);
            atomic_store(&p->planned_us, next);
        }
        pthread_mutex_unlock(&p->lock);
        int n = poll(&set, 1, ms_until(next));
        pthread_mutex_lock(&p->lock);
        if (n > 0 && wake_who_has_news(p)) next = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ------------------------------------------------------------------ pausing, and the end */

/* The handler, or a step, has returned, and r->step is to go on. */
void pause_begin(struct http_req *r)
{
    struct pauses *p = r->server->pauses;
    if (!r->has_paused) enlist(p, r);
    if (r->awaits_room) watch_room(p, r);
    if (r->wants_watch) watch_own(p, r);
    int64_t until = r->step_timeout_ms < 0 ? NEVER_US : clock_mono_us() + (int64_t)r->step_timeout_ms * 1000;
    pthread_mutex_lock(&r->lock);
    if (r->queue.n > r->queue_from) req_wake(r);
    r->step_until_us = until;
    r->pause = PAUSE_WAITS;
    if (r->happened) wake_step(r);
    pthread_mutex_unlock(&r->lock); /* from here on it is no longer ours */
    if (until < atomic_load(&p->planned_us)) poke(p);
}

void pause_step(void *ctx)
{
    struct http_req *r = ctx;
    struct err e;
    pthread_mutex_lock(&r->lock);
    r->pause = PAUSE_RUNS;
    r->happened = false;
    pthread_mutex_unlock(&r->lock);
    http_handler *step = r->step;
    r->step = NULL;
    bool ok = step(r, &e);
    if (ok && r->step) {
        pause_begin(r);
        return;
    }
    delist(r);
    req_handled(r, ok, &e);
}

struct pauses *pauses_new(size_t connections_max)
{
    struct pauses *p = mem_one(struct pauses);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    p->set = epoll_create1(EPOLL_CLOEXEC);
    p->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(p->set >= 0 && p->poke >= 0 && epoll_ctl(p->set, EPOLL_CTL_ADD, p->poke, &event) == 0);
    must(pthread_mutex_init(&p->lock, NULL) == 0);
    p->pool = pool_new("http-step", STEP_THREADS, 2 * connections_max); /* a connection that was handed on has two for a moment */
    pool_set_calm(p->pool, STEPS_A_THREAD); /* one news may be for many: each token of a batch is a step of tens of microseconds */
    p->senders = pool_new("http-send", SEND_THREADS, 2 * connections_max);
    atomic_store(&p->planned_us, NEVER_US);
    must(pthread_create(&p->watcher, NULL, watch, p) == 0);
    return p;
}

void pauses_free(struct pauses *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    must(!p->first);
    pthread_mutex_unlock(&p->lock);
    poke(p);
    pthread_join(p->watcher, NULL);
    pool_free(p->pool);
    pool_free(p->senders);
    close(p->set);
    close(p->poke);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
