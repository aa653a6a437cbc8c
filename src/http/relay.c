/* http/relay.c - see http/relay.h.
 *
 * Only the relay thread touches the sockets once they are in its set.  What the other side does not take is kept, and nothing more is read
 * before it has: so one read's worth is the most that a relay holds for each way. */
#include "http/relay.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum { READ_BYTES = 32 << 10, EVENTS_AT_ONCE = 64, IDLE_MS = 3600 * 1000, LOOK_MS = 30 * 1000 };

struct relay {
    struct relay *next, *prev, *next_dead;
    struct side {
        int fd;
        struct buf kept; /* to be sent to it */
        size_t sent;     /* of that */
        bool ended;      /* it sends no more */
        bool told;       /* and the other knows */
        uint32_t watched;
    } side[2];
    struct MHD_UpgradeResponseHandle *end;
    int64_t moved_ms;
    bool is_dead;
};

struct relays {
    pthread_t thread;
    pthread_mutex_t lock; /* of the list, and of what is in the set */
    pthread_cond_t emptied;
    int set, poke;
    bool stopping, ending;
    struct relay *first;
    uint8_t block[READ_BYTES];
};

static int64_t now_ms(void) { return clock_mono_us() / 1000; }

/* ------------------------------------------------------------------ one of them, on the relay thread */

/* Bit 0 of an event's number is the side: memory from the heap has none set. */
static void watch(struct relays *s, struct relay *r)
{
    for (int i = 0; i < 2; i++) {
        struct side *side = &r->side[i], *other = &r->side[1 - i];
        uint32_t wants = (side->ended || other->kept.n ? 0 : EPOLLIN) | (side->kept.n ? EPOLLOUT : 0);
        struct epoll_event event = { .events = wants, .data.u64 = (uintptr_t)r | (unsigned)i };
        if (wants == side->watched) continue;
        if (epoll_ctl(s->set, EPOLL_CTL_MOD, side->fd, &event) != 0) r->is_dead = true;
        side->watched = wants;
    }
}

/* Sends what is kept for a side. */
static void flush(struct relay *r, struct side *to)
{
    while (to->kept.n) {
        ssize_t n = send(to->fd, to->kept.p + to->sent, to->kept.n - to->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            r->is_dead = true;
            return;
        }
        r->moved_ms = now_ms();
        to->sent += (size_t)n;
        if (to->sent < to->kept.n) continue;
        buf_deinit(&to->kept);
        to->sent = 0;
    }
}

static void pass_on(struct relay *r, struct side *to, bytes b)
{
    buf_add(&to->kept, str_of(b));
    flush(r, to);
}

static void take(struct relays *s, struct relay *r, struct side *from, struct side *to)
{
    ssize_t n = recv(from->fd, s->block, sizeof s->block, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) r->is_dead = true;
    if (n == 0) from->ended = true;
    if (n <= 0) return;
    r->moved_ms = now_ms();
    pass_on(r, to, (bytes){ s->block, (size_t)n });
}

/* One side's end is the other's, once that has had everything. */
static void tell_ends(struct relay *r)
{
    for (int i = 0; i < 2; i++) {
        struct side *from = &r->side[i], *to = &r->side[1 - i];
        if (!from->ended || from->told || to->kept.n) continue;
        shutdown(to->fd, SHUT_WR);
        from->told = true;
    }
    if (r->side[0].told && r->side[1].told) r->is_dead = true;
}

static void serve(struct relays *s, struct relay *r, int i, uint32_t events)
{
    struct side *side = &r->side[i], *other = &r->side[1 - i];
    if (events & EPOLLOUT) flush(r, side);
    if (!r->is_dead && (events & EPOLLIN) && !side->ended && !other->kept.n) take(s, r, side, other);
    else if (events & (EPOLLERR | EPOLLHUP)) r->is_dead = true; /* nothing more can be read, and nothing sent */
    if (!r->is_dead) tell_ends(r);
    if (!r->is_dead) watch(s, r);
}

static void end(struct relays *s, struct relay *r)
{
    for (int i = 0; i < 2; i++) {
        epoll_ctl(s->set, EPOLL_CTL_DEL, r->side[i].fd, NULL);
        buf_deinit(&r->side[i].kept);
    }
    if (r->prev) r->prev->next = r->next;
    else s->first = r->next;
    if (r->next) r->next->prev = r->prev;
    MHD_upgrade_action(r->end, MHD_UPGRADE_ACTION_CLOSE);
    mem_free(r);
}

/* ------------------------------------------------------------------ the thread */

static void *run(void *ctx)
{
    struct relays *s = ctx;
    int64_t looked_ms = now_ms();
    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        struct epoll_event event[EVENTS_AT_ONCE];
        struct pollfd wait = { .fd = s->set, .events = POLLIN };
        pthread_mutex_unlock(&s->lock);
        poll(&wait, 1, LOOK_MS);
        pthread_mutex_lock(&s->lock);
        int n = epoll_wait(s->set, event, EVENTS_AT_ONCE, 0);
        struct relay *dead = NULL;
        for (int i = 0; i < n; i++) {
            struct relay *r = (struct relay *)(uintptr_t)(event[i].data.u64 & ~UINT64_C(1)); /* NULL: the poke */
            uint64_t ignored;
            if (!r && read(s->poke, &ignored, sizeof ignored) < 0) {} /* it was read already */
            if (!r || r->is_dead) continue;
            serve(s, r, (int)(event[i].data.u64 & 1), event[i].events);
            if (r->is_dead) r->next_dead = dead, dead = r;
        }
        for (struct relay *r = dead, *next; r; r = next) { /* after the events, which may speak of it again */
            next = r->next_dead;
            end(s, r);
        }
        int64_t now = now_ms();
        if (!s->stopping && now - looked_ms < LOOK_MS) continue;
        looked_ms = now;
        for (struct relay *r = s->first, *next; r; r = next) {
            next = r->next;
            if (s->stopping || now - r->moved_ms > IDLE_MS) end(s, r);
        }
        if (!s->first) pthread_cond_broadcast(&s->emptied);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void poke(struct relays *s)
{
    uint64_t one = 1;
    if (write(s->poke, &one, sizeof one) < 0) {} /* full: it is awake */
}

void relay_begin(struct relays *s, int client, int peer, bytes first, bytes greeting, struct MHD_UpgradeResponseHandle *handle)
{
    struct relay *r = mem_one(struct relay);
    *r = (struct relay){ .side = { { .fd = client, .kept = BUF_INIT(0) }, { .fd = peer, .kept = BUF_INIT(0) } }, .end = handle, .moved_ms = now_ms() };
    buf_add(&r->side[1].kept, str_of(first));
    buf_add(&r->side[0].kept, str_of(greeting));
    pthread_mutex_lock(&s->lock);
    bool ok = !s->stopping;
    for (int i = 0; ok && i < 2; i++) {
        struct epoll_event event = { .events = EPOLLOUT, .data.u64 = (uintptr_t)r | (unsigned)i };
        r->side[i].watched = EPOLLOUT; /* the first event sends what is kept, and then it is known what to wait for */
        ok = epoll_ctl(s->set, EPOLL_CTL_ADD, r->side[i].fd, &event) == 0;
    }
    if (ok) {
        r->next = s->first;
        if (s->first) s->first->prev = r;
        s->first = r;
    } else {
        epoll_ctl(s->set, EPOLL_CTL_DEL, client, NULL);
        buf_deinit(&r->side[0].kept);
        buf_deinit(&r->side[1].kept);
        mem_free(r);
    }
    pthread_mutex_unlock(&s->lock);
    if (!ok) MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

void relays_stop(struct relays *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    poke(s);
    while (s->first) pthread_cond_wait(&s->emptied, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

struct relays *relays_new(void)
{
    struct relays *s = mem_one(struct relays);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
    s->set = epoll_create1(EPOLL_CLOEXEC);
    s->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(s->set >= 0 && s->poke >= 0 && epoll_ctl(s->set, EPOLL_CTL_ADD, s->poke, &event) == 0);
    must(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->emptied, NULL) == 0 && pthread_create(&s->thread, NULL, run, s) == 0);
    pthread_setname_np(s->thread, "http-relay");
    return s;
}

void relays_free(struct relays *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    must(!s->first);
    pthread_mutex_unlock(&s->lock);
    poke(s);
    pthread_join(s->thread, NULL);
    close(s->set);
    close(s->poke);
    pthread_cond_destroy(&s->emptied);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
