/* http/client.h - requests to other servers.
 *
 * One request at a time, on the caller's thread; what comes back is handed on as it comes.  No redirect is followed: a token goes
 * where its owner said and nowhere else. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <signal.h>

#include "base/err.h"
#include "base/str.h"

struct http_client_request {
    const char *url;   /* http:// or https:// */
    str token;         /* as Bearer; .p NULL: none */
    str json;          /* the body of a POST; .p NULL: it is a GET */
    unsigned quiet_s;  /* gives up when nothing has come for so long; 0: 60 */
    const volatile sig_atomic_t *stop; /* gives up within 100 ms when it is set; may be NULL */
    /* The body, piece by piece; status is the answer's.  False gives up. */
    bool (*take)(void *ctx, int status, str piece);
    void *ctx;
};
/* ERR_IO when the server cannot be reached or breaks off, ERR_TIMEOUT when it is silent, ERR_CLOSED when *stop or take() gave up. */
bool http_client_run(const struct http_client_request *q, int *status, struct err *e);

#endif
