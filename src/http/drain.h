/* http/drain.h - swallows what clients still send after they were answered.
 *
 * To close a socket with unread bytes resets the connection, and a reset destroys an answer that the
 * client has not read yet.  So the socket is kept open a while longer, and what comes is thrown away. */
#ifndef HTTP_DRAIN_H
#define HTTP_DRAIN_H

#include <microhttpd.h>

struct drain;

struct drain *drain_new(void);
void drain_free(struct drain *l); /* closes all; NULL is fine */
/* Takes a second hold of the connection's socket; libmicrohttpd goes on owning its own.  When too many
 * are in it already, nothing happens.  Safe from any thread. */
void drain_on(struct drain *l, struct MHD_Connection *mhd);

#endif
