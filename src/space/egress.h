/* space/egress.h - the one way from an app to the world: an HTTP proxy that looks where it leads.
 *
 * It speaks CONNECT, and plain requests with a whole URL.  Names are resolved here; ports other than 80, 443 and 8080 and addresses
 * that are not public are refused after that, and the address that was looked at is the one that is connected to.  The name
 * EGRESS_HUB is this server itself, as anybody would find it. */
#ifndef SPACE_EGRESS_H
#define SPACE_EGRESS_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"

#define EGRESS_HUB "hub.hearth.internal"
enum { EGRESS_HEAD_MAX = 16 << 10, EGRESS_HOST_MAX = 255, EGRESS_CONNECTIONS_MAX = 32, EGRESS_REFUSALS_MAX = 8 };

/* A request's head, up to and with its empty line. */
struct egress_head {
    str host; /* without brackets */
    uint16_t port;
    bool is_connect;
};
/* What the proxy is asked for, and for a plain request the head that goes on (into *onward): one request, and then the end, so that
 * nothing behind it goes where it was not looked at. */
bool egress_head_parse(str head, struct egress_head *out, struct buf *onward, struct err *e);

struct sockaddr;
struct egress_config {
    bool (*may_reach)(const struct sockaddr *at);
    str allow;         /* "host,host:8443,*": whatever their addresses and ports */
    uint16_t hub_port; /* on our loopback; 0: EGRESS_HUB leads nowhere */
};
struct egress_count {
    atomic_uint_fast64_t rx, tx, refused;
};
struct egress;
struct egress *egress_new(const struct egress_config *config, struct egress_count *count); /* both outlive it */
void egress_accept(struct egress *g, int listen_fd); /* whoever waits there gets a thread, or is told to come later */
/* What was refused and not told yet: the first EGRESS_REFUSALS_MAX places, each once. */
bool egress_next_refusal(struct egress *g, struct err *out);
void egress_free(struct egress *g);                  /* cuts and waits; NULL is fine */

#endif
