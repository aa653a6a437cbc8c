/* http/conn.c - see http/conn.h.  A list under a lock; the sockets in it are open, because a connection is
 * removed before its socket is closed. */
#include "http/conn.h"

#include <arpa/inet.h>
#include <linux/tcp.h> /* not netinet/tcp.h, whose struct tcp_info ends too early */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

struct conns {
    pthread_mutex_t lock;
    pthread_cond_t end, room;
    pthread_t sweeper;
    bool sweeps, ending, closed;
    int64_t patience_us;
    struct conn *first;
    size_t n, max; /* of those in the list and those about to be */
};

static void shut_slow(struct conns *s, int64_t now)
{
    for (struct conn *c = s->first; c; c = c->next) {
        int64_t since = atomic_load_explicit(&c->waits_since_us, memory_order_relaxed);
        if (since == 0 || now - since < s->patience_us) continue;
        log_info("slow_client", "peer=%s", c->peer);
        shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees the end, and closes */
        atomic_store_explicit(&c->waits_since_us, now, memory_order_relaxed); /* once is enough */
    }
}

static void *sweep(void *ctx)
{
    struct conns *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        clock_wait(&s->end, &s->lock, clock_mono_us() + s->patience_us / 8);
        shut_slow(s, clock_mono_us());
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct conns *conns_new(unsigned idle_timeout_s, size_t connections_max)
{
    struct conns *s = mem_one(struct conns);
    s->patience_us = 2 * (int64_t)idle_timeout_s * 1000000;
    s->max = connections_max;
    must(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->room, NULL) == 0);
    must(pthread_cond_init(&s->end, NULL) == 0);
    return s;
}

void conns_free(struct conns *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->end);
    pthread_mutex_unlock(&s->lock);
    if (s->sweeps) pthread_join(s->sweeper, NULL);
    must(s->first == NULL);
    pthread_cond_destroy(&s->end);
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static void peer_text(const struct sockaddr *from, char out[PEER_BYTES])
{
    if (from->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)from)->sin_addr, out, PEER_BYTES);
    else if (from->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, out, PEER_BYTES);
}

static struct tcp_info tcp_info_of(const struct conn *c)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    memset(&info, 0, sizeof info); /* an older kernel fills less */
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0) memset(&info, 0, sizeof info);
    return info;
}

uint64_t conn_acked(const struct conn *c) { return tcp_info_of(c).tcpi_bytes_acked; }

static uint64_t unread(const struct conn *c)
{
    int n = 0;
    return ioctl(c->fd, FIONREAD, &n) == 0 && n >= 0 ? (uint64_t)n : 0;
}

/* Of bytes that arrive between the two questions, begin_counting believes that nobody has read them for requests, and
 * conn_has_more that the library has read them already.  So an error is always on the side of "it has more". */
static void begin_counting(struct conn *c)
{
    uint64_t received = tcp_info_of(c).tcpi_bytes_received;
    c->consumed = received - unread(c);
}

bool conn_has_more(const struct conn *c)
{
    uint64_t left = unread(c);
    return tcp_info_of(c).tcpi_bytes_received - left != c->consumed;
}

struct conn *conns_add(struct conns *s, struct MHD_Connection *mhd)
{
    struct conn *c = mem_one(struct conn);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr) peer_text(info->client_addr, c->peer);
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->fd = info ? info->connect_fd : -1;
    begin_counting(c);
    conn_waits(c);
    pthread_mutex_lock(&s->lock);
    c->next = s->first;
    if (c->next) c->next->prev = c;
    s->first = c;
    /* Begun with the first connection: a server that nobody uses needs no such thread. */
    if (!s->sweeps && s->patience_us > 0) s->sweeps = pthread_create(&s->sweeper, NULL, sweep, s) == 0;
    pthread_mutex_unlock(&s->lock);
    return c;
}

void conns_remove(struct conns *s, struct conn *c)
{
    if (!c) return;
    pthread_mutex_lock(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->first = c->next;
    if (c->next) c->next->prev = c->prev;
    pthread_mutex_unlock(&s->lock);
    mem_free(c);
    conns_unreserve(s);
}

bool conns_reserve(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->n >= s->max && !s->closed) pthread_cond_wait(&s->room, &s->lock);
    bool open = !s->closed;
    if (open) s->n++;
    pthread_mutex_unlock(&s->lock);
    return open;
}

bool conns_reserve_more(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed;
    if (open) s->n++;
    pthread_mutex_unlock(&s->lock);
    return open;
}

void conns_unreserve(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    s->n--;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}

void conns_close(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_cond_broadcast(&s->room);
    pthread_mutex_unlock(&s->lock);
}

size_t conns_count(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void conn_serves(struct conn *c) { atomic_store_explicit(&c->waits_since_us, 0, memory_order_relaxed); }

void conn_waits(struct conn *c) { atomic_store_explicit(&c->waits_since_us, clock_mono_us(), memory_order_relaxed); }
