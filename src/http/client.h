/* http/client.h - requests to other servers.
 *
 * One request at a time, on the caller's thread; what comes back is handed on as it comes.  A redirect is followed only where that is
 * asked for, and a token goes where its owner said and nowhere else. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <signal.h>

#include "base/err.h"
#include "base/str.h"

struct http_client_request {
    const char *url;   /* http:// or https:// */
    str token;         /* as Bearer; .p NULL: none */
    str json;          /* the body of a POST; .p NULL: it is a GET.  Its type is application/json, unless a header says otherwise */
    str form;          /* or this, application/x-www-form-urlencoded */
    unsigned quiet_s;  /* gives up when nothing has come for so long; 0: 60 */
    unsigned total_s;  /* gives up after so long in any case; 0: never */
    const char *const *header; /* "Name: value" lines besides; the last is NULL.  NULL: none */
    /* For addresses that strangers chose: every address is looked at when the connection is made to it, so that no name can
     * lead elsewhere than it was checked for.  Only ports 80 and 443, only addresses of the open internet, no proxy. */
    bool is_guarded;
    bool is_kept_out;  /* the same of addresses alone, at any port: those of this machine and of private networks.  A proxy that is set is used, and decides itself */
    bool follows; /* a GET goes where it is sent to, five times at most; the token stays behind at another host */
    const volatile sig_atomic_t *stop; /* gives up within 100 ms when it is set; may be NULL */
    /* The body, piece by piece; status is the answer's.  False gives up. */
    bool (*take)(void *ctx, int status, str piece);
    void *ctx;
};
/* ERR_IO when the server cannot be reached or breaks off, ERR_TIMEOUT when it is silent, ERR_CLOSED when *stop or take() gave up. */
bool http_client_run(const struct http_client_request *q, int *status, struct err *e);

/* Do the settings of the machine send requests through a proxy? */
bool http_client_has_proxy(void);

/* Is it an address of the open internet?  Those of this machine, of private networks, of links and groups are not, nor
 * are those that IPv6 uses to carry such an IPv4 address.  4 or 16 bytes. */
bool http_address_is_public(bytes address);

#endif
