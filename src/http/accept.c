/* http/accept.c - see http/accept.h.  A blocking accept is all that the thread waits in, apart from a full
 * house: shutdown() of a listening socket ends the first, conns_close the second. */
#include "http/accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

#define REFUSAL "Too many connections from this address\n"
#define REFUSAL_LENGTH "39"
_Static_assert(sizeof REFUSAL - 1 == 39, "as REFUSAL_LENGTH says");

enum { RETRY_MS = 50, BACKLOG = 4096 /* the kernel takes less where it allows less */ };

struct acceptor {
    int fd;
    struct MHD_Daemon *daemon;
    struct conns *conns;
    pthread_t thread;
    bool running, is_tls;
    atomic_bool ending;
};

bool acceptor_new(const struct sockaddr_storage *address, struct acceptor **out, uint16_t *bound, struct err *e)
{
    bool is_v6 = address->ss_family == AF_INET6;
    const struct sockaddr *to = (const struct sockaddr *)(const void *)address;
    struct sockaddr_storage got;
    socklen_t n = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), got_n = sizeof got;
    int one = 1, fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_os(e, errno, "socket");
    /* The port of a server that has just stopped; and :: is not 0.0.0.0 as well. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) || bind(fd, to, n) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)(void *)&got, &got_n) != 0) {
        int why = errno;
        err_os(e, why, "listen");
        if (why == EADDRINUSE || why == EADDRNOTAVAIL || why == EACCES) e->code = ERR_CONFLICT;
        close(fd);
        return false;
    }
    *bound = ntohs(is_v6 ? ((struct sockaddr_in6 *)(void *)&got)->sin6_port : ((struct sockaddr_in *)(void *)&got)->sin_port);
    *out = mem_one(struct acceptor);
    (*out)->fd = fd;
    return true;
}

/* Out of descriptors or memory: the connection stays in the kernel's queue, and is asked for again later. */
static void wait_for_resources(struct acceptor *a, int why)
{
    static const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
    struct err e;
    if (atomic_load(&a->ending) || why == ECONNABORTED || why == EINTR) return;
    err_os(&e, why, "accept");
    log_warn("accept", "reason=\"%s\" connections=%zu", e.msg, conns_count(a->conns));
    nanosleep(&pause, NULL);
}

/* Its address has its share.  Said before anything was asked, to whoever still listens; over TLS there is no way to say it. */
static void refuse(struct acceptor *a, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " REFUSAL_LENGTH "\r\n\r\n" REFUSAL;
    if (!a->is_tls && send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) shutdown(fd, SHUT_WR);
    close(fd);
}

static void *run(void *ctx)
{
    struct acceptor *a = ctx;
    struct sockaddr_storage from;
    while (!atomic_load(&a->ending)) {
        socklen_t n = sizeof from;
        int fd = accept4(a->fd, (struct sockaddr *)(void *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        const struct sockaddr *who = (const struct sockaddr *)(void *)&from;
        if (fd < 0) {
            wait_for_resources(a, errno);
            continue;
        }
        enum reserved how = conns_reserve(a->conns, who);
        if (how == RESERVE_OVER_SHARE) refuse(a, fd);
        else if (how == RESERVE_CLOSED) close(fd);
        else if (MHD_add_connection(a->daemon, fd, who, n) != MHD_YES) conns_unreserve(a->conns, who); /* it has closed the socket */
    }
    return NULL;
}

void acceptor_start(struct acceptor *a, struct MHD_Daemon *daemon, bool is_tls, struct conns *conns)
{
    a->is_tls = is_tls;
    a->daemon = daemon;
    a->conns = conns;
    must(pthread_create(&a->thread, NULL, run, a) == 0);
    pthread_setname_np(a->thread, "http-accept");
    a->running = true;
}

void acceptor_free(struct acceptor *a)
{
    if (!a) return;
    atomic_store(&a->ending, true);
    shutdown(a->fd, SHUT_RDWR);
    if (a->running) {
        conns_close(a->conns);
        pthread_join(a->thread, NULL);
    }
    close(a->fd);
    mem_free(a);
}
