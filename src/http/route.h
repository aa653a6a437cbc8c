/* http/route.h - the table of routes, compiled for matching.  Immutable once made: safe from any thread. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/http.h"

enum { ROUTE_PARAMS_MAX = 8 };

struct route_row {
    const struct http_route *route;
    str name[ROUTE_PARAMS_MAX]; /* of its parameters, from the left */
    size_t params;
};

struct route_match {
    const struct route_row *row; /* NULL when nothing matched */
    str value[ROUTE_PARAMS_MAX]; /* still encoded */
    unsigned methods;            /* when nothing matched: a bit per method that the path knows */
};

struct router;
struct router *router_new(const struct http_route *routes, size_t count);
void router_free(struct router *t); /* NULL is fine */
/* `path` is encoded and without the query. */
bool router_match(const struct router *t, enum http_method m, str path, struct route_match *out);

#endif
