/* api/api.c - the frame: tables joined into one, a call per request, dispatch, lending and giving back.
 * Who may do what is in auth.c, how a refusal looks in error.c, what handlers share in call.c. */
#include "api/api_priv.h"
#include "api/recall.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/file.h"

static bool dispatch(struct http_req *r, struct err *e);

static size_t add_table(struct api *a, const struct api_table *t, size_t at)
{
    for (size_t i = 0; i < t->n; i++, at++) {
        const struct api_route *row = &t->row[i];
        a->rows[at] = row;
        a->http_routes[at] = (struct http_route){
            .method = row->method,
            .pattern = row->pattern,
            .permission = (int)row->permission,
            .body = row->body,
            .body_bytes_max = row->body_bytes_max,
            .flags = row->flags,
            .handler = dispatch,
            .name = row->name,
        };
    }
    return at;
}

bool api_new(struct hub *h, const struct api_config *config, struct api **out, struct err *e)
{
    struct api *a = mem_one(struct api);
    a->hub = h;
    a->config = *config;
    a->started_ms = clock_now_ms();
    a->started_us = clock_mono_us();
    a->arena = arena_new(0);
    if (h && !(signing_key(hub_db(h), "links", a->link_key, e) && signing_key(hub_db(h), "xet", a->xet_key, e))) {
        api_free(a);
        return false;
    }

    if (h) recall_begin(a);
    size_t tables_count, at = 0;
    const struct api_table *const *tables = api_tables(&tables_count);
    for (size_t t = 0; t < tables_count; t++) a->routes_count += tables[t]->n;
    for (size_t t = 0; t < config->pages_count; t++) a->routes_count += config->pages[t]->n;
    a->http_routes = arena_alloc(a->arena, a->routes_count * sizeof *a->http_routes);
    a->rows = arena_alloc(a->arena, a->routes_count * sizeof *a->rows);
    a->stats = arena_alloc(a->arena, a->routes_count * sizeof *a->stats);
    for (size_t t = 0; t < tables_count; t++) at = add_table(a, tables[t], at);
    for (size_t t = 0; t < config->pages_count; t++) at = add_table(a, config->pages[t], at);
    *out = a;
    return true;
}

void api_free(struct api *a)
{
    if (!a) return;
    recall_end(a);
    arena_free(a->arena);
    mem_free(a);
}

const struct http_route *api_routes(struct api *a, size_t *n)
{
    *n = a->routes_count;
    return a->http_routes;
}

void api_set_server(struct api *a, struct http_server *s)
{
    a->server = s;
    must(api_operations(a, a->arena, &a->operations, &a->operations_count));
}

static const struct api_route *api_row_of(struct api *a, const struct http_route *route)
{
    return a->rows[route - a->http_routes];
}

static void give_back_late(void *ctx) { call_give_back(ctx); }

struct call *call_of(struct http_req *r)
{
    struct call *c = http_user(r);
    const struct http_route *route = http_route_of(r);
    if (!c) {
        c = arena_one(http_arena(r), struct call);
        c->http = r;
        c->a = http_arena(r);
        c->api = http_app(r);
        c->hub = c->api->hub;
        http_set_user(r, c);
        arena_on_free(c->a, give_back_late, c); /* the client may leave between permission and handler */
    }
    if (!c->route && route) c->route = api_row_of(c->api, route); /* not known yet while it is looked for */
    return c;
}

bool call_has_left(void *c) { return http_has_left(((struct call *)c)->http); }

void call_give_back(struct call *c)
{
    if (c->has_snapshot) db_snapshot_end(c->db_lent);
    c->has_snapshot = c->wants_snapshot = false;
    vcs_close(c->git_lent);
    c->git_lent = NULL;
    if (c->db_lent) db_give(hub_db(c->hub), c->db_lent);
    c->db_lent = NULL;
}

static bool dispatch(struct http_req *r, struct err *e)
{
    struct call *c = call_of(r);
    c->wants_snapshot = c->route->flags & HTTP_INLINE; /* also when it runs again elsewhere because git must be asked */
    bool ok = api_check_form(c, e) && (call_redirect_moved(c) || c->route->handler(c, e));
    call_give_back(c);
    return ok;
}

static bool go_on(struct http_req *r, struct err *e)
{
    struct call *c = call_of(r);
    bool ok = c->step(c, e);
    call_give_back(c);
    return ok;
}

bool call_pause(struct call *c, api_handler *step, void *ctx, int timeout_ms)
{
    c->step = step;
    c->step_ctx = ctx;
    return http_pause(c->http, go_on, timeout_ms);
}

static void headers_hook(struct http_req *r)
{
    http_add_header(r, "X-Request-Id", http_request_id(r));
    if (call_of(r)->is_apps_answer) return;
    http_add_header(r, "X-Content-Type-Options", STR("nosniff"));
    if (http_header(r, "Origin").p) { /* a page of another origin asks; nobody else reads these */
        http_add_header(r, "Access-Control-Allow-Origin", STR("*"));
        http_add_header(r, "Access-Control-Expose-Headers",
                        STR("X-Repo-Commit,X-Revision,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,"
                            "Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Access-Token,X-Xet-Token-Expiration,"
                            "X-Xet-Refresh-Route,X-Xet-Cas-Url,X-Xet-Hash,Content-Length,Inference-Id,x-inference-provider,x-compute-type,"
                            "x-compute-time,x-compute-characters,x-compute-tokens,x-total-time,x-queue-time,x-inference-time,x-time-per-token,"
                            "x-prompt-tokens,x-generated-tokens,Retry-After,x-use-cache"));
    }
    http_add_header(r, "Vary", STR("Origin"));
}

enum { LOGGED_BYTES_MAX = 800 };

static void access_hook(struct http_req *r, int status, uint64_t bytes_sent, int64_t duration_us, bool complete)
{
    struct call *c = call_of(r);
    const struct http_route *route = http_route_of(r);
    if (route) {
        struct route_stats *s = &c->api->stats[route - c->api->http_routes];
        int class = status / 100 < STATUS_CLASSES ? status / 100 : 5;
        atomic_fetch_add_explicit(&s->requests[class], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->microseconds, (uint64_t)duration_us, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->bytes_out, bytes_sent, memory_order_relaxed);
    }
    if (!c->api->config.log_access) return;
    str m = http_method_name(http_method_of(r)), path = http_path(r), id = http_request_id(r), peer = call_peer(c);
    str agent = http_header(r, "User-Agent"), referrer = http_header(r, "Referer");
    size_t mark = str_chr(referrer, '?'); /* what follows may be secret */
    if (mark != STR_NONE) referrer = str_to(referrer, mark);
    log_info("http.access", "status=%d method=%.*s path=\"%.*s\" agent=\"%.*s\" referrer=\"%.*s\" route=%s user=%.*s peer=%.*s bytes=%llu us=%lld%s id=%.*s",
             status, STR_ARG(m), STR_ARG(str_to(path, LOGGED_BYTES_MAX)), STR_ARG(str_to(agent, LOGGED_BYTES_MAX / 4)),
             STR_ARG(str_to(referrer, LOGGED_BYTES_MAX / 4)), route ? route->name : "-", STR_ARG(c->who.name.n ? c->who.name : STR("-")),
             STR_ARG(peer), (unsigned long long)bytes_sent, (long long)duration_us, complete ? "" : " cut=true", STR_ARG(id));
}

static uint64_t held_hook(void *app) { return file_lent_bytes(((struct api *)app)->hub); }

const struct http_hooks *api_hooks(void)
{
    static const struct http_hooks hooks = {
        .authorize = api_authorize,
        .error = api_error_hook,
        .unrouted = api_unrouted_hook,
        .route_path = api_route_path,
        .held_elsewhere = held_hook,
        .headers = headers_hook,
        .access = access_hook,
    };
    return &hooks;
}

const struct api_config *api_config_of(const struct api *a) { return &a->config; }

str api_permission_name(int permission)
{
    static const char *const name[] = { "anyone",       "user",       "user-write",   "site-admin",
                                        "signed-link",  "xet-read",   "xet-write",    "space-visitor", "oauth-client",
                                        "repo-see",     "repo-read",    "repo-call",  "repo-join",    "repo-discuss",
                                        "repo-write",   "repo-admin",   "repo-by-service", "dataset-read",
                                        "bucket-read",  "bucket-write", "bucket-admin" };
    return str_c(name[permission]);
}
