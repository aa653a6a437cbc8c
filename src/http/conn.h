/* http/conn.h - the connections of a server: who is there, and who takes too long to ask.
 *
 * libmicrohttpd closes a connection on which nothing moves, but one byte a minute keeps it open for ever,
 * and it says nothing before the head of a request is complete.  So a thread looks at all connections now
 * and then: one that has asked nothing complete for twice the idle timeout is shut down.
 *
 * Nobody gets more than a share of the connections: who holds that many is told so and closed, and others find room. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/str.h"

enum { PEER_BYTES = 48 };

/* Whose connections are counted together: an IPv4 address, or the /64 that one IPv6 customer has. */
struct address_key {
    uint8_t b[16];
};

struct conn {
    struct conn *next, *prev;
    int fd;
    char peer[PEER_BYTES];
    struct address_key address;
    atomic_int_fast64_t waits_since_us; /* for a complete head; 0 while a request is served */
    uint64_t consumed; /* bytes that came before it, and those of its requests; less where a request had a body */
};

struct conns;
struct conns_limits {
    unsigned idle_timeout_s;
    size_t connections_max;
    size_t address_max;   /* of them, for one address; 0: no bound */
    bool spares_loopback; /* this machine's own are not counted: a proxy may stand there */
};

struct conns *conns_new(const struct conns_limits *limits);
void conns_free(struct conns *s); /* after the last connection; NULL is fine */
/* Before a connection is added: waits until there is room for one, unless its address has its share. */
enum reserved { RESERVED, RESERVE_OVER_SHARE, RESERVE_CLOSED /* nobody is let in any more */ };
enum reserved conns_reserve(struct conns *s, const struct sockaddr *from);
/* For a connection that takes another's place: it does not wait for that one to be gone. */
bool conns_reserve_more(struct conns *s, const struct sockaddr *from);
void conns_unreserve(struct conns *s, const struct sockaddr *from); /* it was not added after all */
void conns_close(struct conns *s);     /* lets nobody in any more */
struct conn *conns_add(struct conns *s, struct MHD_Connection *mhd);
void conns_remove(struct conns *s, struct conn *c); /* before its socket is closed */
size_t conns_count(struct conns *s);
uint64_t conns_refused(struct conns *s); /* since the start: their address had its share */

/* Has the library read more than `consumed`, or may it have?  On its thread, or while the connection is parked. */
bool conn_has_more(const struct conn *c);

/* Bytes that the client has confirmed since the connection began; 0 where the system does not tell. */
uint64_t conn_acked(const struct conn *c);

void conn_serves(struct conn *c); /* a request is complete */
void conn_waits(struct conn *c);  /* for the next one */

#endif
