/* space/egress.c - see space/egress.h.  A thread per connection: there are few, bounded per app, and most of their time is a wait. */
#include "space/egress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

enum { HEAD_MS = 10000, CONNECT_MS = 10000, IDLE_MS = 300000, PIECE = 16 << 10, STACK_BYTES = 256 << 10 };

struct egress {
    const struct egress_config *config;
    struct egress_count *count;
    pthread_mutex_t lock;
    pthread_cond_t left;
    int fd[EGRESS_CONNECTIONS_MAX][2]; /* the app's side and the other; -1: none */
    bool is_taken[EGRESS_CONNECTIONS_MAX];
    size_t connections;
    bool is_ending;
    struct err refusal[EGRESS_REFUSALS_MAX];
    size_t refusals, refusals_told;
};
struct connection {
    struct egress *g;
    size_t slot;
};

struct egress *egress_new(const struct egress_config *config, struct egress_count *count)
{
    struct egress *g = mem_one(struct egress);
    g->config = config;
    g->count = count;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->left, NULL);
    return g;
}

/* ------------------------------------------------------------------ where to */

static bool is_allowed_port(uint16_t port) { return port == 80 || port == 443 || port == 8080; }

static bool is_listed(str list, const struct egress_head *h)
{
    str item;
    char with_port[EGRESS_HOST_MAX + 8];
    snprintf(with_port, sizeof with_port, "%.*s:%u", STR_ARG(h->host), h->port);
    while (list.n && str_cut(&list, ',', &item)) {
        item = str_trim(item);
        if (str_eq(item, STR("*")) || (item.n && (str_eq_nocase(item, str_c(with_port)) || (is_allowed_port(h->port) && str_eq_nocase(item, h->host))))) return true;
    }
    return false;
}

static bool connect_to(const struct sockaddr *at, socklen_t n, int *fd)
{
    int why = 0, yes = 1;
    socklen_t size = sizeof why;
    *fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) return false;
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct pollfd p = { .fd = *fd, .events = POLLOUT };
    if (connect(*fd, at, n) == 0 ||
        (errno == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1 && getsockopt(*fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why == 0))
        return true;
    close(*fd);
    *fd = -1;
    return false;
}

static bool refuse(struct egress *g, const struct egress_head *h, struct err *e, const char *why)
{
    atomic_fetch_add(&g->count->refused, 1);
    log_debug("space.egress_refused", "host=\"%.*s\" port=%u", STR_ARG(h->host), h->port);
    err_set(e, ERR_DENIED, "%.*s:%u %s", STR_ARG(h->host), h->port, why);
    pthread_mutex_lock(&g->lock);
    size_t i = 0;
    while (i < g->refusals && strcmp(g->refusal[i].msg, e->msg) != 0) i++;
    if (i == g->refusals && i < EGRESS_REFUSALS_MAX) g->refusal[g->refusals++] = *e;
    pthread_mutex_unlock(&g->lock);
    return false;
}

bool egress_next_refusal(struct egress *g, struct err *out)
{
    pthread_mutex_lock(&g->lock);
    bool is_news = g->refusals_told < g->refusals;
    if (is_news) *out = g->refusal[g->refusals_told++];
    pthread_mutex_unlock(&g->lock);
    return is_news;
}

static bool reach_hub(struct egress *g, int *fd, struct err *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(g->config->hub_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return (g->config->hub_port && connect_to((struct sockaddr *)&at, sizeof at, fd)) || err_set(e, ERR_IO, "this hub does not answer");
}

static bool reach(struct egress *g, const struct egress_head *h, int *fd, struct err *e)
{
    char host[EGRESS_HOST_MAX + 1], port[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list;
    bool is_trusted = is_listed(g->config->allow, h), seen = false;
    *fd = -1;
    if (str_eq_nocase(h->host, STR(EGRESS_HUB)) && h->port == 80) return reach_hub(g, fd, e);
    if (!is_trusted && !is_allowed_port(h->port)) return refuse(g, h, e, "is refused: apps may reach the ports 80, 443 and 8080");
    snprintf(host, sizeof host, "%.*s", STR_ARG(h->host));
    snprintf(port, sizeof port, "%u", is_trusted ? h->port : 443); /* the guard below looks at addresses; the port was looked at above */
    if (getaddrinfo(host, port, &hints, &list) != 0) return err_set(e, ERR_IO, "%s is not known", host);
    for (struct addrinfo *x = list; x && *fd < 0; x = x->ai_next) {
        if (x->ai_family != AF_INET && x->ai_family != AF_INET6) continue;
        if (!is_trusted && !g->config->may_reach(x->ai_addr)) continue;
        seen = true;
        struct sockaddr_storage at = { 0 };
        memcpy(&at, x->ai_addr, x->ai_addrlen);
        if (x->ai_family == AF_INET) ((struct sockaddr_in *)&at)->sin_port = htons(h->port);
        else ((struct sockaddr_in6 *)&at)->sin6_port = htons(h->port);
        if (!connect_to((struct sockaddr *)&at, x->ai_addrlen, fd)) *fd = -1;
    }
    freeaddrinfo(list);
    if (*fd >= 0) return true;
    return seen ? err_set(e, ERR_IO, "%s does not answer", host) : refuse(g, h, e, "is refused: it is no public address; the operator may list it with space-network-allow");
}

/* ------------------------------------------------------------------ relaying */

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd w = { .fd = fd, .events = POLLOUT };
            if (poll(&w, 1, IDLE_MS) != 1) return false;
            continue;
        }
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Up to the empty line; what came behind it stays in *n. */
static bool read_head(int fd, char *room, size_t *n, size_t *head)
{
    int64_t until_ms = clock_mono_ms() + HEAD_MS;
    for (*n = 0; *n < EGRESS_HEAD_MAX;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = until_ms - clock_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) != 1) return false;
        ssize_t got = recv(fd, room + *n, EGRESS_HEAD_MAX - *n, 0);
        if (got <= 0) return false;
        *n += (size_t)got;
        size_t end = str_find(str_n(room, *n), STR("\r\n\r\n"));
        if (end == STR_NONE) continue;
        *head = end + 4;
        return true;
    }
    return false;
}

/* One direction, one piece; *open false at its end. */
static bool pass(int from, int to, char *room, atomic_uint_fast64_t *count, bool *open)
{
    ssize_t got = recv(from, room, PIECE, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        *open = false;
        return shutdown(to, SHUT_WR) == 0;
    }
    atomic_fetch_add(count, (uint64_t)got);
    return send_all(to, room, (size_t)got);
}

static void relay(struct egress *g, int app, int world, char *room)
{
    bool up = true, down = true;
    while (up || down) {
        struct pollfd p[2] = { { .fd = up ? app : -1, .events = POLLIN }, { .fd = down ? world : -1, .events = POLLIN } };
        int n = poll(p, 2, IDLE_MS);
        if (n == 0 || (n < 0 && errno != EINTR)) return;
        if (n > 0 && p[0].revents && !pass(app, world, room, &g->count->tx, &up)) return;
        if (n > 0 && p[1].revents && !pass(world, app, room, &g->count->rx, &down)) return;
    }
}

static void say_no(int app, const struct err *why)
{
    char text[ERR_MSG_MAX + 200];
    int status = why->code == ERR_DENIED ? 403 : why->code == ERR_INVALID ? 400 : 502;
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n", status,
                     status == 403 ? "Forbidden" : status == 400 ? "Bad Request" : "Bad Gateway", strlen(why->msg) + 1, why->msg);
    (void)send_all(app, text, (size_t)n);
}

static void serve(struct egress *g, size_t slot, char *room)
{
    int app = g->fd[slot][0], world;
    size_t n, head;
    struct egress_head h;
    struct buf onward = BUF_INIT(2 * EGRESS_HEAD_MAX);
    struct err e;
    if (!read_head(app, room, &n, &head)) return;
    if (!egress_head_parse(str_n(room, head), &h, &onward, &e) || !reach(g, &h, &world, &e)) {
        say_no(app, &e);
        buf_deinit(&onward);
        return;
    }
    pthread_mutex_lock(&g->lock);
    g->fd[slot][1] = world;
    bool goes_on = !g->is_ending;
    pthread_mutex_unlock(&g->lock);
    goes_on = goes_on && (h.is_connect ? send_all(app, "HTTP/1.1 200 Connection established\r\n\r\n", 39) : send_all(world, onward.p, onward.n)) &&
              send_all(world, room + head, n - head);
    buf_deinit(&onward);
    if (goes_on) relay(g, app, world, room);
}

static void *connection_run(void *arg)
{
    struct connection *c = arg;
    struct egress *g = c->g;
    char *room = mem_alloc(EGRESS_HEAD_MAX); /* PIECE is no more */
    serve(g, c->slot, room);
    mem_free(room);
    pthread_mutex_lock(&g->lock);
    for (int i = 0; i < 2; i++)
        if (g->fd[c->slot][i] >= 0) close(g->fd[c->slot][i]);
    g->is_taken[c->slot] = false;
    g->connections--;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
    mem_free(c);
    return NULL;
}

static bool take(struct egress *g, int fd, size_t *slot)
{
    size_t i = 0;
    pthread_mutex_lock(&g->lock);
    while (i < EGRESS_CONNECTIONS_MAX && g->is_taken[i]) i++;
    if (i < EGRESS_CONNECTIONS_MAX) {
        g->is_taken[i] = true;
        g->fd[i][0] = fd;
        g->fd[i][1] = -1;
        g->connections++;
    }
    pthread_mutex_unlock(&g->lock);
    *slot = i;
    return i < EGRESS_CONNECTIONS_MAX;
}

void egress_accept(struct egress *g, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct connection *c = mem_one(struct connection);
    pthread_t thread;
    pthread_attr_t attr;
    c->g = g;
    if (!take(g, fd, &c->slot)) {
        static const char later[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        (void)!send(fd, later, sizeof later - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
        mem_free(c);
        return;
    }
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (pthread_create(&thread, &attr, connection_run, c) != 0) {
        pthread_mutex_lock(&g->lock);
        g->is_taken[c->slot] = false;
        g->connections--;
        pthread_mutex_unlock(&g->lock);
        close(fd);
        mem_free(c);
    }
    pthread_attr_destroy(&attr);
}

void egress_free(struct egress *g)
{
    if (!g) return;
    pthread_mutex_lock(&g->lock);
    g->is_ending = true;
    for (size_t i = 0; i < EGRESS_CONNECTIONS_MAX; i++)
        for (int k = 0; k < 2; k++)
            if (g->is_taken[i] && g->fd[i][k] >= 0) shutdown(g->fd[i][k], SHUT_RDWR);
    while (g->connections) pthread_cond_wait(&g->left, &g->lock);
    pthread_mutex_unlock(&g->lock);
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}
