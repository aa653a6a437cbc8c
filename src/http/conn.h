/* http/conn.h - the connections of a server: who is there, and who takes too long to ask.
 *
 * libmicrohttpd closes a connection on which nothing moves, but one byte a minute keeps it open for ever,
 * and it says nothing before the head of a request is complete.  So a thread looks at all connections now
 * and then: one that has asked nothing complete for twice the idle timeout is shut down. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/str.h"

enum { PEER_BYTES = 48 };

struct conn {
    struct conn *next, *prev;
    int fd;
    char peer[PEER_BYTES];
    atomic_int_fast64_t waits_since_us; /* for a complete head; 0 while a request is served */
    uint64_t consumed; /* bytes that came before it, and those of its requests; less where a request had a body */
};

struct conns;

struct conns *conns_new(unsigned idle_timeout_s, size_t connections_max);
void conns_free(struct conns *s); /* after the last connection; NULL is fine */
/* Before a connection is added: waits until there is room for one.  False when nobody is let in any more. */
bool conns_reserve(struct conns *s);
/* For a connection that takes another's place: it does not wait for that one to be gone. */
bool conns_reserve_more(struct conns *s);
void conns_unreserve(struct conns *s); /* it was not added after all */
void conns_close(struct conns *s);     /* lets nobody in any more */
struct conn *conns_add(struct conns *s, struct MHD_Connection *mhd);
void conns_remove(struct conns *s, struct conn *c); /* before its socket is closed */
size_t conns_count(struct conns *s);

/* Has the library read more than `consumed`, or may it have?  On its thread, or while the connection is parked. */
bool conn_has_more(const struct conn *c);

/* Bytes that the client has confirmed since the connection began; 0 where the system does not tell. */
uint64_t conn_acked(const struct conn *c);

void conn_serves(struct conn *c); /* a request is complete */
void conn_waits(struct conn *c);  /* for the next one */

#endif
