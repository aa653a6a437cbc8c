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
#include "base/hash.h"
#include "base/log.h"

enum { HOLDERS = 1024 };

struct holder;
struct conns {
    pthread_mutex_t lock;
    pthread_cond_t end, room;
    pthread_t sweeper;
    bool sweeps, ending, closed;
    int64_t patience_us;
    struct conn *first;
    size_t n, max; /* of those in the list and those about to be */
    size_t share;  /* of one address; 0: any */
    bool spares_loopback;
    uint64_t seed, refused;
    struct holder *holder[HOLDERS]; /* by hash; each has at least one connection */
};

struct holder {
    struct holder *next;
    struct address_key address;
    size_t n;
};

/* ------------------------------------------------------------------ who has how many */

static struct address_key key_of(const struct sockaddr *from)
{
    struct address_key k = { { 0 } };
    if (from->sa_family == AF_INET6) memcpy(k.b, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 8);
    if (from->sa_family == AF_INET) memcpy(k.b + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    return k;
}

static bool is_loopback(const struct sockaddr *from)
{
    if (from->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return from->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
}

/* The link that leads to this address's counter, or where it belongs.  The seed keeps others from choosing addresses of one chain. */
static struct holder **holder_at(struct conns *s, const struct address_key *k)
{
    uint64_t half[2];
    memcpy(half, k->b, sizeof half);
    uint64_t h = (half[0] ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 29 ^ half[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    struct holder **at = &s->holder[(h ^ h >> 32) % HOLDERS];
    while (*at && memcmp((*at)->address.b, k->b, sizeof k->b) != 0) at = &(*at)->next;
    return at;
}

static void count_up(struct conns *s, const struct address_key *k)
{
    struct holder **at = holder_at(s, k);
    if (!*at) {
        *at = mem_one(struct holder);
        (*at)->address = *k;
    }
    (*at)->n++;
    s->n++;
}

static void count_down(struct conns *s, const struct address_key *k)
{
    struct holder **at = holder_at(s, k), *h = *at;
    must(h);
    s->n--;
    if (--h->n > 0) return;
    *at = h->next;
    mem_free(h);
}

/* ------------------------------------------------------------------ who is slow */

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

struct conns *conns_new(const struct conns_limits *l)
{
    struct conns *s = mem_one(struct conns);
    s->patience_us = 2 * (int64_t)l->idle_timeout_s * 1000000;
    s->max = l->connections_max;
    s->share = l->address_max;
    s->spares_loopback = l->spares_loopback;
    s->seed = random_u64();
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
    for (size_t i = 0; i < HOLDERS; i++) /* what was handed to the library as it stopped, which says nothing of it */
        while (s->holder[i]) {
            struct holder *h = s->holder[i];
            s->holder[i] = h->next;
            mem_free(h);
        }
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
    if (info && info->client_addr) {
        peer_text(info->client_addr, c->peer);
        c->address = key_of(info->client_addr);
    }
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
    count_down(s, &c->address);
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
    mem_free(c);
}

enum reserved conns_reserve(struct conns *s, const struct sockaddr *from)
{
    struct address_key k = key_of(from);
    bool is_bound = s->share > 0 && !(s->spares_loopback && is_loopback(from));
    enum reserved how = RESERVED;
    pthread_mutex_lock(&s->lock);
    const struct holder *h = *holder_at(s, &k);
    if (is_bound && h && h->n >= s->share) {
        how = RESERVE_OVER_SHARE;
        s->refused++;
    }
    while (how == RESERVED && s->n >= s->max && !s->closed) pthread_cond_wait(&s->room, &s->lock);
    if (s->closed) how = RESERVE_CLOSED;
    if (how == RESERVED) count_up(s, &k);
    pthread_mutex_unlock(&s->lock);
    return how;
}

bool conns_reserve_more(struct conns *s, const struct sockaddr *from)
{
    struct address_key k = key_of(from);
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed;
    if (open) count_up(s, &k);
    pthread_mutex_unlock(&s->lock);
    return open;
}

void conns_unreserve(struct conns *s, const struct sockaddr *from)
{
    struct address_key k = key_of(from);
    pthread_mutex_lock(&s->lock);
    count_down(s, &k);
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

uint64_t conns_refused(struct conns *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->refused;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void conn_serves(struct conn *c) { atomic_store_explicit(&c->waits_since_us, 0, memory_order_relaxed); }

void conn_waits(struct conn *c) { atomic_store_explicit(&c->waits_since_us, clock_mono_us(), memory_order_relaxed); }
