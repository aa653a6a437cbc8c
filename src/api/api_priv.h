/* api/api_priv.h - what the files of the frame share: api.c, auth.c, error.c, compat.c, metrics. */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include <stdatomic.h>

#include "api/api.h"

enum { STATUS_CLASSES = 6 };

struct route_stats {
    _Atomic uint64_t requests[STATUS_CLASSES]; /* by hundreds: [2] are the 2xx */
    _Atomic uint64_t microseconds, bytes_out;
};

struct api {
    struct hub *hub;
    struct api_config config;
    struct http_server *server;
    struct arena *arena;          /* of the tables below */
    struct http_route *http_routes;
    const struct api_route **rows; /* rows[i] is behind http_routes[i] */
    struct route_stats *stats;    /* same index */
    size_t routes_count;
    struct api_operation *operations;
    size_t operations_count;
    int64_t started_ms, started_us; /* by the wall clock, and by the one that nobody sets */
    struct db_memo *permissions, *files; /* recall.c; NULL without a hub */
    uint8_t recall_key[32];
    uint8_t link_key[32];         /* signs upload and download links */
    uint8_t xet_key[32];          /* signs tokens and links of the Xet protocol */
};

/* host.c */
#define API_OTHER_HOST "MisdirectedRequest" /* kind of the refusal: 421 */
str api_host_name(str host); /* without the port */
bool api_host_is_ours(struct call *c, struct err *e);
/* auth.c */
bool api_authorize(struct http_req *r, const struct http_route *route, struct err *e);
bool api_check_form(struct call *c, struct err *e); /* with the body there: was this form ours? */
/* cas/token.c: the same for rows of PERM_XET_* */
bool xet_authorize(struct call *c, struct db_conn *db, struct err *e);
/* space/visit.c: the same for rows of PERM_SPACE */
bool space_authorize(struct call *c, struct db_conn *db, struct err *e);
/* recall.c: what was found out for an earlier request of the same kind, as long as nobody has committed since. */
bool recall_permission(struct call *c);   /* fills who, repo, has_repo, repo_moved */
void remember_permission(struct call *c); /* after a yes */
/* error.c */
void api_error_hook(struct http_req *r, const struct err *e);
void api_unrouted_hook(struct http_req *r, unsigned methods, struct err *e);
/* infer/error.c: the shapes from SHAPE_TASK on */
void infer_reply_error(struct call *c, enum api_shape shape, const struct err *e);
/* ownerless.c: would a row match if the repository's name had an owner?  name: without one. */
bool api_is_ownerless(struct http_req *r, enum http_method m, str path, str *name);
str api_ownerless_path(struct http_req *r, str path); /* of the row that looks it up upstream, or the path as it is */
/* api.c */
struct call *call_of(struct http_req *r); /* made at first use */
bool call_redirect_moved(struct call *c);
/* call.c: the path as the table has it */
str api_route_path(struct http_req *r);

#endif
