/* http/guard.h - which addresses requests may go to whose goal strangers chose. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <stdbool.h>

struct sockaddr;
/* A public address (http_address_is_public) and port 80 or 443. */
bool http_guard_allows(const struct sockaddr *at);
bool http_guard_is_public(const struct sockaddr *at); /* the address alone */

#endif
