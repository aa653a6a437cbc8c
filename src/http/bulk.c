/* http/bulk.c - long uploads, read from the socket by the thread that wants the bytes (HTTP_BULK).
 *
 * libmicrohttpd reads twenty kilobytes at a time on an event thread; from there they would be copied into the
 * ring, and from the ring to the handler, with two threads waking each other.  So when much of a body is
 * still to come, the connection is parked and the handler's reads become recv(): one copy, no wake-ups.
 *
 * What has been read so libmicrohttpd goes on expecting.  The connection cannot serve another request,
 * therefore: the answer is sent past the library, says "Connection: close", and then the library is made to
 * see the end. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/http_priv.h"

enum {
    BULK_BYTES = 8 << 20,  /* still to come: worth a connection */
    WAKE_BYTES = 512 << 10, /* the kernel lets us sleep until so many are there */
};

static void wake_at(int fd, int n)
{
    int ignored = setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n); /* then it wakes us more often */
    (void)ignored;
}

void bulk_begin(struct http_req *r)
{
    bool fits = (r->row->route->flags & HTTP_BULK) && !r->is_tls && !r->is_gzip && !r->is_chunked && r->length_known;
    if (!fits || r->discards || r->is_gone || r->length - r->received < BULK_BYTES) return;
    r->is_bulk = true;
    r->bulk_began_us = clock_mono_us();
    r->bulk_from = r->received;
    wake_at(r->conn->fd, WAKE_BYTES);
    req_park(r);
    pthread_cond_broadcast(&r->changed);
}

/* Waits until there is something to read, or for a while: less than WAKE_BYTES may be there.  False: not any more. */
static bool await(struct http_req *r, int64_t since_us)
{
    int64_t patience_us = (int64_t)r->server->limits.idle_timeout_s * 1000000;
    struct pollfd wait = { .fd = r->conn->fd, .events = POLLIN };
    pthread_mutex_lock(&r->lock);
    pace_begin(r);
    pthread_mutex_unlock(&r->lock);
    bool came = poll(&wait, 1, HURRY_LOOK_MS) > 0;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&r->lock);
    if (pace_end(r) && came) {
        pthread_mutex_unlock(&r->lock);
        return true;
    }
    bool gone = r->is_gone; /* the server is being stopped */
    uint64_t rate = (r->received - r->bulk_from) * 1000000 / (uint64_t)(now - r->bulk_began_us + 1);
    bool slow = now - r->bulk_began_us > 2 * patience_us && rate < TRICKLE_BYTES_PER_S;
    if (patience_us && (now - since_us > patience_us || slow)) r->timed_out = gone = true;
    pthread_mutex_unlock(&r->lock);
    return !gone;
}

bool bulk_read(struct http_req *r, uint8_t *out, size_t n, size_t *got)
{
    uint64_t rest = r->length - r->received; /* the event thread leaves it alone now */
    int64_t since_us = clock_mono_us();
    if (n > rest) n = (size_t)rest;
    if (n == 0) return true;
    for (;;) {
        ssize_t k = recv(r->conn->fd, out, n, MSG_DONTWAIT);
        bool later = k < 0 && (errno == EAGAIN || errno == EINTR);
        if (later && await(r, since_us)) continue;
        pthread_mutex_lock(&r->lock);
        bool ok = k > 0;
        if (ok) r->received += (size_t)k;
        if (!ok && !r->timed_out) r->is_gone = true;
        pthread_mutex_unlock(&r->lock);
        *got = ok ? (size_t)k : 0;
        if (ok && rest - *got < WAKE_BYTES) wake_at(r->conn->fd, 1);
        return ok;
    }
}

void bulk_end(struct http_req *r)
{
    int fd = r->conn->fd;
    must(reply_send_early(r)); /* the route promised an answer from memory */
    wake_at(fd, 1);
    /* After a whole body nothing more comes, and libmicrohttpd must see that.  Otherwise it sees what still
     * comes, asks what to do with it, and is told to close; the drain keeps the answer alive meanwhile. */
    pthread_mutex_lock(&r->lock);
    bool whole = r->received == r->length;
    r->is_bulk = false;
    pthread_mutex_unlock(&r->lock);
    shutdown(fd, whole ? SHUT_RDWR : SHUT_WR);
}
