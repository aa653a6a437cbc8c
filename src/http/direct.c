/* http/direct.c - long answers, written to the socket by the thread that has the bytes.
 *
 * Through the ring a byte is copied twice, 64 KiB at a time, with two threads that wake each other.  So for content of
 * known length over plain HTTP, libmicrohttpd sends the head alone; when it asks for the body, its connection is parked,
 * and the socket is the sender's (http/send.c): memory goes there by send(), bytes in files by sendfile().
 *
 * Libmicrohttpd knows nothing of what went past it, and would send another Content-Length bytes.  So its connection ends,
 * and the client's goes on: under the descriptor that the library will close we put another socket (dup2), and hand it
 * the client's as a new connection.  What the library had read beyond the request would be lost with the old one; the
 * kernel's count of bytes received tells if there is any (conn_has_more), and such an answer goes the usual way.
 *
 * Who touches what: between direct_next's parking and its waking the socket is the sender's, and the event thread keeps
 * its hands off; `is_open` and `sent` are under lock. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_priv.h"

enum {
    DIRECT_BYTES = 128 << 10, /* less is not worth the handing over */
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

bool direct_open(struct http_req *r, bool *open, struct err *e)
{
    *open = r->direct.is_mine || !r->direct.is_on;
    if (*open) return true;
    pthread_mutex_lock(&r->lock);
    *open = r->direct.is_mine = r->direct.is_open;
    bool gone = r->is_gone;
    pthread_mutex_unlock(&r->lock);
    if (gone) return closed(e);
    if (*open) cork(r, 1);
    return true;
}

enum sent direct_send(struct http_req *r, const struct http_piece *p, size_t *moved, struct err *e)
{
    off_t from = (off_t)p->at;
    ssize_t n = p->memory.p ? send(r->conn->fd, p->memory.p, p->n, MSG_DONTWAIT | MSG_NOSIGNAL)
                            : sendfile(r->conn->fd, p->fd, &from, p->n < SENDFILE_MAX ? p->n : SENDFILE_MAX);
    bool full = n < 0 && (errno == EAGAIN || errno == EINTR);
    *moved = n > 0 ? (size_t)n : 0;
    if (n == 0) err_set(e, ERR_IO, "the file ended %zu bytes early", p->n);
    if (n < 0 && errno == EIO && !p->memory.p) err_os(e, EIO, "cannot read what is to be sent");
    bool is_ours = n == 0 || (n < 0 && errno == EIO && !p->memory.p);
    pthread_mutex_lock(&r->lock);
    r->sent += *moved;
    if (n < 0 && !full && !is_ours) r->is_gone = true;
    bool gone = r->is_gone;
    pthread_mutex_unlock(&r->lock);
    if (gone && !is_ours) closed(e);
    return gone || is_ours ? SENT_FAILED : full ? SENT_FULL : SENT_SOME;
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
    if (!info || !conns_reserve_more(conns, info->client_addr)) return false;
    int fd = fcntl(r->conn->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || dup3(r->server->nobody, r->conn->fd, O_CLOEXEC) < 0) {
        conns_unreserve(conns, info->client_addr);
        if (fd >= 0) close(fd);
        return false;
    }
    socklen_t n = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (MHD_add_connection(r->listener->daemon, fd, info->client_addr, n) != MHD_YES) conns_unreserve(conns, info->client_addr);
    return true;
}

ssize_t direct_next(struct http_req *r)
{
    if (!r->write_ended) {
        req_park(r);
        r->direct.is_open = true;
        pause_wake(r);
        return 0;
    }
    if (!r->written_whole) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->direct.keeps || !renew(r)) drain_on(r->server->drain, r->mhd); /* further requests are no reason for a reset */
    return MHD_CONTENT_READER_END_OF_STREAM;
}
