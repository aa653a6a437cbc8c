/* http/drain.c - see http/drain.h.  One thread, started with the first socket, polls a short list. */
#include "http/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"

enum { SOCKETS_MAX = 128, TOTAL_MS = 30000, IDLE_MS = 15000, BITE_BYTES = 1 << 20 };

struct slot {
    int fd;
    int64_t until_us, idle_until_us;
};

struct drain {
    pthread_mutex_t lock;
    pthread_t thread;
    int wake; /* eventfd: the list has grown, or the end has come */
    bool running, ending;
    struct slot slot[SOCKETS_MAX];
    size_t slots;
};

struct drain *drain_new(void)
{
    struct drain *l = mem_one(struct drain);
    must(pthread_mutex_init(&l->lock, NULL) == 0);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(l->wake >= 0);
    return l;
}

static void ring_bell(struct drain *l)
{
    uint64_t one = 1;
    ssize_t n = write(l->wake, &one, sizeof one);
    (void)n; /* full means that the bell is ringing already */
}

/* Returns false when the socket is done with.  MSG_TRUNC lets the kernel drop the bytes uncopied. */
static bool swallow(struct slot *s, int64_t now)
{
    ssize_t n = recv(s->fd, NULL, BITE_BYTES, MSG_TRUNC | MSG_DONTWAIT);
    if (n > 0) s->idle_until_us = now + IDLE_MS * 1000;
    bool over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    return !over && now < s->until_us && now < s->idle_until_us;
}

static void sweep(struct drain *l)
{
    int64_t now = clock_mono_us();
    for (size_t i = 0; i < l->slots;) {
        if (swallow(&l->slot[i], now)) {
            i++;
            continue;
        }
        close(l->slot[i].fd);
        l->slot[i] = l->slot[--l->slots];
    }
}

static void *run(void *ctx)
{
    struct drain *l = ctx;
    pthread_mutex_lock(&l->lock);
    while (!l->ending) {
        struct pollfd wait[SOCKETS_MAX + 1] = { { .fd = l->wake, .events = POLLIN } };
        size_t n = l->slots;
        for (size_t i = 0; i < n; i++) wait[i + 1] = (struct pollfd){ .fd = l->slot[i].fd, .events = POLLIN };
        pthread_mutex_unlock(&l->lock);
        poll(wait, n + 1, n ? 1000 : -1);
        uint64_t rung;
        ssize_t got = read(l->wake, &rung, sizeof rung);
        (void)got;
        pthread_mutex_lock(&l->lock);
        sweep(l);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

void drain_on(struct drain *l, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&l->lock);
    if (!l->running && !l->ending) l->running = pthread_create(&l->thread, NULL, run, l) == 0;
    if (info && l->running && l->slots < SOCKETS_MAX) {
        int fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
        if (fd >= 0) l->slot[l->slots++] = (struct slot){ fd, now + TOTAL_MS * 1000LL, now + IDLE_MS * 1000LL };
    }
    pthread_mutex_unlock(&l->lock);
    ring_bell(l);
}

void drain_free(struct drain *l)
{
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->ending = true;
    pthread_mutex_unlock(&l->lock);
    ring_bell(l);
    if (l->running) pthread_join(l->thread, NULL);
    for (size_t i = 0; i < l->slots; i++) close(l->slot[i].fd);
    close(l->wake);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
