/* http/body.c - the body of a request. */
#include <inttypes.h>

#include "http/http_priv.h"

bool body_check(struct http_req *r, struct err *e)
{
    const struct http_route *route = r->row->route;
    if (route->body == HTTP_BODY_STREAM) return err_set(e, ERR_NOT_BUILT, "streamed bodies are not built yet");
    if (route->body == HTTP_BODY_NONE && r->length > 0)
        return err_set(e, ERR_INVALID, "this operation takes no body");
    if (route->body != HTTP_BODY_NONE && r->length > route->body_bytes_max)
        return err_set(e, ERR_TOO_LARGE, "the body is %" PRIu64 " bytes; at most %" PRIu64 " are accepted here",
                       r->length, route->body_bytes_max);
    buf_init(&r->whole, route->body == HTTP_BODY_WHOLE ? route->body_bytes_max : 1);
    return true;
}

void body_take(struct http_req *r, const char *data, size_t *size)
{
    r->received += *size;
    if (!r->discards) buf_add(&r->whole, str_n(data, *size));
    *size = 0;
}

bool body_end(struct http_req *r, struct err *e)
{
    if (r->whole.failed)
        return err_set(e, ERR_TOO_LARGE, "the body is larger than the %" PRIu64 " bytes accepted here",
                       r->row->route->body_bytes_max);
    return true;
}

str http_body(struct http_req *r) { return r->whole.p ? buf_str(&r->whole) : (str){ "", 0 }; }
