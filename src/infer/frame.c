/* infer/frame.c - see infer/frame.h. */
#include "infer/frame.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

enum { HEADER_BYTES = 16, READ_BYTES = 64 << 10 };

struct channel {
    int fd;
    pthread_mutex_t sending;
    uint8_t *in; /* what came and was not yet given: [from, end) of [size] */
    size_t from, end, size;
};

struct channel *channel_new(int fd)
{
    struct channel *c = mem_one(struct channel);
    c->fd = fd;
    pthread_mutex_init(&c->sending, NULL);
    return c;
}

void channel_free(struct channel *c)
{
    if (!c) return;
    close(c->fd);
    pthread_mutex_destroy(&c->sending);
    mem_free(c->in);
    mem_free(c);
}

void channel_cut(struct channel *c) { shutdown(c->fd, SHUT_RDWR); }

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * i));
}
static uint64_t get_le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool send_all(struct channel *c, const uint8_t *p, size_t n, bool more, struct err *e)
{
    while (n) {
        ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return err_set(e, ERR_CLOSED, "the other side has closed the channel");
        p += k;
        n -= (size_t)k;
    }
    return true;
}

bool channel_send(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e)
{
    uint8_t header[HEADER_BYTES] = { 0 };
    if (text.n > FRAME_TEXT_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu bytes are too many for one message to a model; %d are allowed", text.n, FRAME_TEXT_MAX);
    put_le(header, text.n, 4);
    put_le(header + 4, kind, 2);
    put_le(header + 8, call, 8);
    pthread_mutex_lock(&c->sending);
    bool ok = send_all(c, header, sizeof header, text.n > 0, e) && send_all(c, (const uint8_t *)text.p, text.n, false, e);
    pthread_mutex_unlock(&c->sending);
    return ok;
}

/* Room for `n` bytes from c->from on. */
static void make_room(struct channel *c, size_t n)
{
    if (c->from && (c->from == c->end || c->from + n > c->size)) {
        memmove(c->in, c->in + c->from, c->end - c->from);
        c->end -= c->from;
        c->from = 0;
    }
    if (n > c->size) c->in = mem_grow(c->in, c->size = n);
}

/* How many bytes the first frame has, as far as can be told. */
static bool frame_bytes(const struct channel *c, size_t *out, struct err *e)
{
    size_t have = c->end - c->from;
    const uint8_t *p = c->in + c->from;
    *out = HEADER_BYTES;
    if (have < HEADER_BYTES) return true;
    uint64_t n = get_le(p, 4), kind = get_le(p + 4, 2), zero = get_le(p + 6, 2);
    if (n > FRAME_TEXT_MAX || kind == 0 || kind >= FRAME_KINDS || zero)
        return err_set(e, ERR_INVALID, "a frame of %llu bytes and kind %llu is none of ours", (unsigned long long)n, (unsigned long long)kind);
    *out = HEADER_BYTES + (size_t)n;
    return true;
}

static bool wait_for(int fd, int timeout_ms, bool *ready)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;
    do n = poll(&p, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    *ready = n > 0;
    return n >= 0;
}

bool channel_receive(struct channel *c, int timeout_ms, struct frame *out, bool *got, struct err *e)
{
    size_t wanted;
    bool ready;
    *got = false;
    for (;;) {
        if (!frame_bytes(c, &wanted, e)) return false;
        if (c->end - c->from >= wanted) break;
        make_room(c, wanted > READ_BYTES ? wanted : READ_BYTES);
        if (!wait_for(c->fd, timeout_ms, &ready)) return err_os(e, errno, "cannot wait for a message");
        if (!ready) return true;
        ssize_t k = recv(c->fd, c->in + c->end, c->size - c->end, MSG_DONTWAIT);
        if (k < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (k <= 0) return err_set(e, ERR_CLOSED, "the other side has closed the channel");
        c->end += (size_t)k;
    }
    const uint8_t *p = c->in + c->from;
    *out = (struct frame){ (enum frame_kind)get_le(p + 4, 2), get_le(p + 8, 8), { (const char *)p + HEADER_BYTES, wanted - HEADER_BYTES } };
    c->from += wanted;
    *got = true;
    return true;
}
