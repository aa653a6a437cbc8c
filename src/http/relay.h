/* http/relay.h - connections that have left HTTP: what one side sends goes to the other, until either has ended or for an hour nothing moved.
 *
 * One thread copies for all of them, so a WebSocket that is quiet costs two descriptors and the memory of its request. */
#ifndef HTTP_RELAY_H
#define HTTP_RELAY_H

#include <microhttpd.h>

#include "base/str.h"

struct relays;
struct relays *relays_new(void);
void relays_free(struct relays *s); /* NULL is fine */
/* `client` is the library's, and is given back to it through `end`; `peer` stays its owner's, who must not close it before that.  `first`: what
 * the client has sent already; `greeting`: what the peer has. */
void relay_begin(struct relays *s, int client, int peer, bytes first, bytes greeting, struct MHD_UpgradeResponseHandle *end);
/* All end, and later ones at once. */
void relays_stop(struct relays *s);

#endif
