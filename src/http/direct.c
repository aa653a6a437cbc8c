/* http/direct.c - long answers, written to the socket by the thread that has the bytes.
 *
 * Through the ring a byte is copied twice, 64 KiB at a time, with two threads that wake each other.  So for content of
 * known length over plain HTTP, libmicrohttpd sends the head alone; when it asks for the body, its connection is parked,
 * and the socket is the handler's: memory goes there by send(), bytes in files by sendfile(), and where the client is
 * slow the handler's thread waits for room in the socket.
 *
 * Libmicrohttpd knows nothing of what went past it, and would send another Content-Length bytes.  So its connection ends,
 * and the client's goes on: under the descriptor that the library will close we put another socket (dup2), and hand it
 * the client's as a new connection.  What the library had read beyond the request would be lost with the old one; the
 * kernel's count of bytes received tells if there is any (conn_has_more), and such an answer goes the usual way.
 *
 * Who touches what: between direct_next's parking and its waking the socket is the handler's, and the event thread keeps
 * its hands off; `is_open` and `sent` are under lock. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_priv.h"

enum {
    DIRECT_BYTES = 128 << 10, /* less is not worth the handing over */
    LOOK_UP_MS = 500,
    SENDFILE_MAX = 1 << 30,
};

bool direct_begin(struct http_req *r, uint64_t length)
{
    bool fits = !r->is_tls && !r->has_body && r->method == HTTP_GET && length >= DIRECT_BYTES &&
                length != HTTP_LENGTH_UNKNOWN && !conn_has_more(r->conn);
    r->direct.is_on = fits;
    r->direct.keeps = fits && r->is_http11 && str_find_nocase(http_header(r, "Connection"), STR("close")) == STR_NONE &&
                      !atomic_load_explicit(&r->server->stopping, memory_order_relaxed);
    return fits;
}

/* Pieces are not packets: what is left of one waits for the next. */
static void cork(struct http_req *r, int on)
{
    int ignored = setsockopt(r->conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    (void)ignored;
}

static bool closed(struct err *e) { return err_set(e, ERR_CLOSED, "the client went away"); }

/* Waits until the head has left and the socket is ours. */
static bool await_socket(struct http_req *r, struct err *e)
{
    if (r->direct.is_mine) return true;
    pthread_mutex_lock(&r->lock);
    while (!r->direct.is_open && !r->is_gone) pthread_cond_wait(&r->changed, &r->lock);
    r->direct.is_mine = r->direct.is_open;
    pthread_mutex_unlock(&r->lock);
    if (!r->direct.is_mine) return closed(e);
    cork(r, 1);
    return true;
}

/* The client takes nothing: waits until it does, as long as is patient. */
static bool await_room(struct http_req *r, struct err *e)
{
    int64_t patience_us = (int64_t)r->server->limits.idle_timeout_s * 1000000, since_us = clock_mono_us();
    struct pollfd wait = { .fd = r->conn->fd, .events = POLLOUT };
    for (;;) {
        if (poll(&wait, 1, LOOK_UP_MS) > 0) return true;
        pthread_mutex_lock(&r->lock);
        if (patience_us && clock_mono_us() - since_us > patience_us) r->timed_out = r->is_gone = true;
        bool gone = r->is_gone;
        pthread_mutex_unlock(&r->lock);
        if (gone) return closed(e);
    }
}

/* After a send of n bytes, or errno: *moved of them left.  False: it is over. */
static bool account(struct http_req *r, ssize_t n, size_t *moved, struct err *e)
{
    bool later = n < 0 && (errno == EAGAIN || errno == EINTR);
    *moved = n > 0 ? (size_t)n : 0;
    pthread_mutex_lock(&r->lock);
    r->sent += *moved;
    if (n < 0 && !later) r->is_gone = true;
    bool gone = r->is_gone;
    pthread_mutex_unlock(&r->lock);
    if (gone) return closed(e);
    return !later || await_room(r, e);
}

bool direct_write(struct http_req *r, bytes b, struct err *e)
{
    size_t moved;
    if (b.n == 0) return true;
    if (!await_socket(r, e)) return false;
    while (b.n > 0) {
        ssize_t n = send(r->conn->fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (!account(r, n, &moved, e)) return false;
        b = (bytes){ b.p + moved, b.n - moved };
    }
    return true;
}

bool direct_file(struct http_req *r, int fd, uint64_t at, uint64_t n, struct err *e)
{
    size_t moved;
    if (n == 0) return true;
    if (!await_socket(r, e)) return false;
    while (n > 0) {
        off_t from = (off_t)at;
        ssize_t k = sendfile(r->conn->fd, fd, &from, n < SENDFILE_MAX ? (size_t)n : SENDFILE_MAX);
        if (k == 0) return err_set(e, ERR_IO, "the file ended %llu bytes early", (unsigned long long)n);
        if (k < 0 && errno == EIO) return err_os(e, EIO, "cannot read what is to be sent");
        if (!account(r, k, &moved, e)) return false;
        at += moved;
        n -= moved;
    }
    return true;
}

void direct_end(struct http_req *r)
{
    if (r->direct.is_mine) cork(r, 0);
}

/* The client's socket becomes a new connection of the library's.  False: the old one stays. */
static bool renew(struct http_req *r)
{
    struct conns *conns = r->server->conns;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !conns_reserve_more(conns)) return false;
    int fd = fcntl(r->conn->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || dup3(r->server->nobody, r->conn->fd, O_CLOEXEC) < 0) {
        conns_unreserve(conns);
        if (fd >= 0) close(fd);
        return false;
    }
    socklen_t n = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (MHD_add_connection(r->listener->daemon, fd, info->client_addr, n) != MHD_YES) conns_unreserve(conns);
    return true;
}

ssize_t direct_next(struct http_req *r)
{
    if (!r->write_ended) {
        req_park(r);
        r->direct.is_open = true;
        pthread_cond_broadcast(&r->changed);
        return 0;
    }
    if (!r->written_whole) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->direct.keeps || !renew(r)) drain_on(r->server->drain, r->mhd); /* further requests are no reason for a reset */
    return MHD_CONTENT_READER_END_OF_STREAM;
}
