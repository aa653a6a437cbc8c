/* api/hub/misc.c - small things that clients ask a hub for. */
#include "api/hub/hub_api.h"

/* Asked once a day by the command-line client; there is nothing to tell. */
static bool get_agent_harnesses(struct call *c, struct err *e)
{
    (void)e;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"standardEnvVars\":[],\"harnesses\":{}}"));
}

/* Clients report their use; it is not recorded. */
static bool get_telemetry(struct call *c, struct err *e)
{
    (void)e;
    return http_reply_empty(c->http, 200);
}

/* A browser asks before it sends a request from another origin.  Credentials never travel by cookie
 * across origins, so every origin may ask. */
static bool options_any(struct call *c, struct err *e)
{
    (void)e;
    str wanted = http_header(c->http, "Access-Control-Request-Headers");
    http_add_header(c->http, "Access-Control-Allow-Methods", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    http_add_header(c->http, "Access-Control-Allow-Headers", wanted.n && wanted.n < 1024 ? wanted : STR("Authorization, Content-Type, Range"));
    http_add_header(c->http, "Access-Control-Max-Age", STR("86400"));
    return http_reply_empty(c->http, 204);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/agent-harnesses", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_agent_harnesses, "misc.agent-harnesses", SHAPE_HUB },
    { HTTP_GET, "/api/telemetry/*topic", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_telemetry, "misc.telemetry", SHAPE_HUB },
    { HTTP_OPTIONS, "/*any", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, options_any, "misc.preflight", SHAPE_HUB },
};
const struct api_table hub_misc_table = API_TABLE(rows);
