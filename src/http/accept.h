/* http/accept.h - a listening socket, and the thread that takes connections from it.
 *
 * libmicrohttpd could do both.  But its way to stop listening while what runs goes on (MHD_quiesce_daemon)
 * races with its own threads for the socket's place in their epoll sets, and the loser aborts the program.
 * A thread of ours also deals connections out evenly, where threads that share a socket take what they get,
 * and leaves what exceeds the limit in the kernel's queue. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include <microhttpd.h>
#include <sys/socket.h>

#include "base/err.h"
#include "http/conn.h"

struct acceptor;

/* Binds and listens; *bound is the port.  Nobody is let in yet. */
bool acceptor_new(const struct sockaddr_storage *address, struct acceptor **out, uint16_t *bound, struct err *e);
/* Lets them in: each goes to `daemon` as soon as `conns` has room for it, or is refused if its address has its share. */
void acceptor_start(struct acceptor *a, struct MHD_Daemon *daemon, bool is_tls, struct conns *conns);
/* Nobody is let in any more when this returns, and the port is free.  NULL is fine. */
void acceptor_free(struct acceptor *a);

#endif
