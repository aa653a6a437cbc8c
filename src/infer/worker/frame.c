/* infer/worker/frame.c - see infer/worker/frame.h. */
#include "infer/worker/frame.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

enum { HEADER_BYTES = 16, READ_BYTES = 64 << 10, KEPT_BYTES = 64 << 10 };

struct channel {
    int fd;
    pthread_mutex_t sending;
    int woken;      /* eventfd: something was posted, or */
    atomic_bool is_called; /* channel_wake was */
    struct buf out; /* posted or kept, and not yet written, from out_from on; under `sending` */
    size_t out_from;
    uint8_t *in; /* what came and was not yet given: [from, end) of [size] */
    size_t from, end, size;
};

struct channel *channel_new(int fd)
{
    struct channel *c = mem_one(struct channel);
    c->fd = fd;
    c->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(c->woken >= 0);
    buf_init(&c->out, 0);
    pthread_mutex_init(&c->sending, NULL);
    return c;
}

void channel_free(struct channel *c)
{
    if (!c) return;
    close(c->fd);
    close(c->woken);
    buf_deinit(&c->out);
    pthread_mutex_destroy(&c->sending);
    mem_free(c->in);
    mem_free(c);
}

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

static bool send_all(struct channel *c, const uint8_t *p, size_t n, struct err *e)
{
    while (n) {
        ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return err_set(e, ERR_CLOSED, "the other side has closed the channel");
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static bool make_header(uint8_t header[HEADER_BYTES], enum frame_kind kind, uint64_t call, str text, struct err *e)
{
    if (text.n > FRAME_TEXT_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu bytes are too many for one message to a model; %d are allowed", text.n, FRAME_TEXT_MAX);
    put_le(header, text.n, 4);
    put_le(header + 4, kind, 2);
    put_le(header + 6, 0, 2);
    put_le(header + 8, call, 8);
    return true;
}

/* Under c->sending. */
static bool flush(struct channel *c, struct err *e)
{
    bool ok = send_all(c, (const uint8_t *)c->out.p, c->out.n, e);
    if (c->out.cap > KEPT_BYTES) buf_deinit(&c->out);
    else buf_reset(&c->out);
    return ok;
}

static bool keep_or_send(struct channel *c, enum frame_kind kind, uint64_t call, str text, bool is_kept, struct err *e)
{
    uint8_t header[HEADER_BYTES];
    if (!make_header(header, kind, call, text, e)) return false;
    pthread_mutex_lock(&c->sending);
    buf_add(&c->out, str_n((const char *)header, sizeof header));
    buf_add(&c->out, text);
    bool ok = (is_kept && c->out.n < KEPT_BYTES) || flush(c, e);
    pthread_mutex_unlock(&c->sending);
    return ok;
}

bool channel_send(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e)
{
    return keep_or_send(c, kind, call, text, false, e);
}

bool channel_keep(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e)
{
    return keep_or_send(c, kind, call, text, true, e);
}

bool channel_flush(struct channel *c, struct err *e)
{
    pthread_mutex_lock(&c->sending);
    bool ok = c->out.n == 0 || flush(c, e);
    pthread_mutex_unlock(&c->sending);
    return ok;
}

bool channel_post(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e)
{
    uint8_t header[HEADER_BYTES];
    uint64_t one = 1;
    if (!make_header(header, kind, call, text, e)) return false;
    pthread_mutex_lock(&c->sending);
    buf_add(&c->out, str_n((const char *)header, sizeof header));
    buf_add(&c->out, text);
    pthread_mutex_unlock(&c->sending);
    return write(c->woken, &one, sizeof one) == sizeof one || errno == EAGAIN || err_os(e, errno, "cannot wake a thread");
}

void channel_wake(struct channel *c)
{
    uint64_t one = 1;
    atomic_store(&c->is_called, true);
    ssize_t ignored = write(c->woken, &one, sizeof one);
    (void)ignored; /* full: it is awake */
}

/* As much of what was posted as there is room for.  *rest: there is more. */
static bool write_posted(struct channel *c, bool *rest, struct err *e)
{
    bool ok = true;
    pthread_mutex_lock(&c->sending);
    while (c->out_from < c->out.n) {
        ssize_t k = send(c->fd, c->out.p + c->out_from, c->out.n - c->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            ok = errno == EAGAIN || err_set(e, ERR_CLOSED, "the other side has closed the channel");
            break;
        }
        c->out_from += (size_t)k;
    }
    *rest = c->out_from < c->out.n;
    if (!*rest) buf_reset(&c->out), c->out_from = 0;
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
    *out = HEADER_BYTES;
    if (c->end - c->from < HEADER_BYTES) return true;
    const uint8_t *p = c->in + c->from;
    uint64_t n = get_le(p, 4), kind = get_le(p + 4, 2), zero = get_le(p + 6, 2);
    if (n > FRAME_TEXT_MAX || kind == 0 || kind >= FRAME_KINDS || zero)
        return err_set(e, ERR_INVALID, "a frame of %llu bytes and kind %llu is none of ours", (unsigned long long)n, (unsigned long long)kind);
    *out = HEADER_BYTES + (size_t)n;
    return true;
}

/* *ready: there is something to read.  Writes what is posted meanwhile. */
static bool wait_for(struct channel *c, int timeout_ms, bool *ready, struct err *e)
{
    struct pollfd p[2] = { { .fd = c->fd }, { .fd = c->woken, .events = POLLIN } };
    uint64_t ignored;
    bool rest;
    int n;
    *ready = false;
    do {
        if (read(c->woken, &ignored, sizeof ignored) < 0 && errno != EAGAIN) return err_os(e, errno, "cannot wait for a message");
        if (atomic_exchange(&c->is_called, false)) return true;
        if (!write_posted(c, &rest, e)) return false;
        p[0].events = (short)(POLLIN | (rest ? POLLOUT : 0));
        n = poll(p, 2, timeout_ms);
    } while ((n < 0 && errno == EINTR) || (n > 0 && !(p[0].revents & ~POLLOUT)));
    *ready = n > 0;
    return n >= 0 || err_os(e, errno, "cannot wait for a message");
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
        if (!wait_for(c, timeout_ms, &ready, e)) return false;
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
