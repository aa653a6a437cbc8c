/* api/error.c - how a refusal looks: its status, and the body that each protocol expects.
 * Clients of the hub read X-Error-Code and X-Error-Message first (a HEAD has no body), and the text must
 * be the same in header and body. */
#include "account/tries.h"
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "infer/infer.h"

/* What the code alone does not tell. */
static int status_of_kind(const struct err *e)
{
    static const struct { const char *kind; int status; } kinds[] = { { INFER_OVERLOADED, 429 }, { INFER_DEADLINE, 504 }, { TRIES_SPENT, 429 }, { API_OTHER_HOST, 421 }, { GATEWAY_DOWN, 502 },
                                                                { GATEWAY_FAILED, 502 }, { SPACE_SPEAKS_BADLY, 502 }, { SPACE_STALLED, 504 } };
    for (size_t i = 0; e->kind && i < COUNT(kinds); i++)
        if (str_eq(str_c(e->kind), str_c(kinds[i].kind))) return kinds[i].status;
    return 0;
}

int api_status_of(const struct err *e)
{
    int status = status_of_kind(e);
    return status ? status : http_status_of(e->code);
}

/* Header values hold printable ASCII; whatever else is in a message becomes '?'. */
static str header_text(struct arena *a, str message)
{
    str copy = arena_dup(a, message);
    char *p = arena_alloc(a, copy.n + 1);
    for (size_t i = 0; i < copy.n; i++) p[i] = (unsigned char)copy.p[i] < 0x20 || (unsigned char)copy.p[i] > 0x7e ? '?' : copy.p[i];
    return str_n(p, copy.n);
}

/* {"error":{"message","type","param","code"}}: clients pick the exception by status, and show the message. */
static const struct { enum err_code code; int status; const char *type, *name; } openai_errors[] = {
    { ERR_UNAUTHENTICATED, 401, "invalid_request_error", "invalid_api_key" },
    { ERR_DENIED, 403, "permission_error", NULL },
    { ERR_NOT_FOUND, 404, "invalid_request_error", "model_not_found" },
    { ERR_UNPROCESSABLE, 400, "invalid_request_error", NULL },
    { ERR_TOO_LARGE, 400, "invalid_request_error", "context_length_exceeded" },
    { ERR_BUSY, 429, "overloaded", NULL },
    { ERR_NO_SPACE, 503, "server_error", "model_too_large" },
};

static int openai_status(const struct err *e)
{
    if (e->kind && str_eq(str_c(e->kind), STR(METER_EXHAUSTED))) return 402;
    if (status_of_kind(e)) return status_of_kind(e);
    if (e->kind && str_eq(str_c(e->kind), STR(HTTP_BODY_TOO_LARGE))) return 413;
    for (size_t i = 0; i < COUNT(openai_errors); i++)
        if (openai_errors[i].code == e->code) return openai_errors[i].status;
    return api_status_of(e);
}

/* A message that begins with a name in quotes is about that parameter. */
static str openai_param(str message)
{
    if (!str_starts(message, STR("\""))) return STR("");
    size_t end = str_chr(str_from(message, 1), '"');
    return end == STR_NONE ? STR("") : str_n(message.p + 1, end);
}

void api_openai_error(struct call *c, const struct err *e, struct buf *out)
{
    const char *type = api_status_of(e) < 500 ? "invalid_request_error" : "server_error", *name = NULL;
    struct json_writer w = json_writer(out);
    (void)c;
    for (size_t i = 0; i < COUNT(openai_errors); i++)
        if (openai_errors[i].code == e->code) type = openai_errors[i].type, name = openai_errors[i].name;
    if (openai_status(e) == 402) type = name = "insufficient_quota";
    if (openai_status(e) == 413) name = NULL; /* bytes, not tokens */
    jw_object(&w);
    jw_kobject(&w, "error");
    jw_kstr(&w, "message", str_c(e->msg));
    jw_kstr(&w, "type", str_c(type));
    str param = openai_param(str_c(e->msg));
    if (param.n) jw_kstr(&w, "param", param);
    else jw_knull(&w, "param");
    if (name) jw_kstr(&w, "code", str_c(name));
    else jw_knull(&w, "code");
    jw_object_end(&w);
    jw_object_end(&w);
}

/* When to come again; and not to, where it would only be the same once more. */
static void add_retry_headers(struct call *c, const struct err *e)
{
    bool is_final = e->kind && (str_eq(str_c(e->kind), STR(INFER_DEADLINE)) || str_eq(str_c(e->kind), STR(METER_EXHAUSTED)));
    if (is_final) http_add_header(c->http, "x-should-retry", STR("false"));
    if (e->code != ERR_BUSY || http_has_header(c->http, "Retry-After")) return; /* who refused knows better */
    http_add_header(c->http, "Retry-After", STR("2"));
    http_add_header(c->http, "retry-after-ms", STR("2000"));
}

static void reply_openai(struct call *c, const struct err *e)
{
    struct buf b = BUF_INIT(0);
    api_openai_error(c, e, &b);
    if (e->kind) http_add_header(c->http, "X-Error-Code", str_c(e->kind));
    http_add_header(c->http, "X-Error-Message", header_text(c->a, str_c(e->msg)));
    add_retry_headers(c, e);
    http_reply_buf(c->http, openai_status(e), "application/json", &b);
}

/* RFC 7644 3.12: the protocol has words for what is wrong with a request (400), and for what is taken (409). */
static void reply_scim(struct call *c, int status, const struct err *e, str message)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    char number[12];
    snprintf(number, sizeof number, "%d", status);
    jw_object(&w);
    jw_karray(&w, "schemas");
    jw_str(&w, STR("urn:ietf:params:scim:api:messages:2.0:Error"));
    jw_array_end(&w);
    jw_kstr(&w, "status", str_c(number));
    if (status == 400 || (status == 409 && e->kind)) jw_kstr(&w, "scimType", e->kind ? str_c(e->kind) : STR("invalidValue"));
    jw_kstr(&w, "detail", message);
    jw_object_end(&w);
    http_reply_buf(c->http, status, "application/scim+json; charset=utf-8", &b);
}

/* An address of SCIM that no row has. */
static bool is_of_scim(str path)
{
    return str_starts(path, STR("/api/organizations/")) && (str_find(path, STR("/scim/v2/")) != STR_NONE || str_find(path, STR("/scim-provisioning/v2/")) != STR_NONE);
}

/* Does a person look at it?  At an address that leads nowhere, or to a file; programs do not ask for HTML. */
static bool is_looked_at(struct call *c)
{
    return str_find(http_header(c->http, "Accept"), STR("text/html")) != STR_NONE && !str_starts(http_path(c->http), STR("/api/"));
}

/* Where no row matched, nobody has asked yet who it is. */
static void know_visitor(struct call *c)
{
    bool found, is_old;
    struct err ignored;
    str secret = http_cookie(c->http, call_session_cookie(c));
    if (!c->route && secret.n && identity_from_session(call_db(c), secret, &c->who, &found, &is_old, c->a, &ignored) && found) c->session = secret;
}

void api_reply_error(struct call *c, const struct err *e)
{
    enum api_shape shape = c->shape ? c->shape : c->route ? c->route->shape : SHAPE_HUB;
    /* "/api/nothing" looks like the page of a repository, but a program asked. */
    if (shape == SHAPE_PAGE && str_starts(http_path(c->http), STR("/api/"))) shape = SHAPE_HUB;
    if ((!c->route || shape == SHAPE_PAGE) && str_starts(http_path(c->http), STR("/v1/"))) shape = SHAPE_OPENAI;
    if (c->space_label.p) {
        space_reply_error(c, e);
        return;
    }
    if (shape == SHAPE_OPENAI) {
        reply_openai(c, e);
        return;
    }
    if (!c->route && str_starts(http_path(c->http), STR("/client/v4/"))) shape = SHAPE_CLOUDFLARE;
    if (!c->route && is_of_scim(http_path(c->http))) shape = SHAPE_SCIM;
    if (shape == SHAPE_HUB && is_looked_at(c)) shape = SHAPE_PAGE;
    if (shape >= SHAPE_TASK) {
        infer_reply_error(c, shape, e);
        return;
    }
    int status = api_status_of(e);
    str message = str_c(e->msg);
    if (status >= 500 && c->route && (c->route->flags & API_MISSING_IF_FAILED)) {
        if (status != 503) log_warn("api.failed", "route=%s error=\"%s\"", c->route->name, e->msg);
        status = 404;
        message = STR("Not found, or not now");
    }
    if (status >= 500 && status != 501 && status != 502 && status != 503 && status != 504) {
        /* What went wrong inside is for the log, not for strangers. */
        str path = http_path(c->http), id = http_request_id(c->http);
        log_error("api.failed", "route=%s path=\"%.*s\" error=\"%s\" id=%.*s", c->route ? c->route->name : "-",
                  STR_ARG(path), e->msg, STR_ARG(id));
        message = status == 507 ? STR("The disk of this Hearth is full. Its operator has to make room; then try again.")
                                : STR("Something went wrong inside this Hearth. The operator finds the reason in the log under the request id.");
    }

    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (e->kind) http_add_header(c->http, "X-Error-Code", str_c(e->kind));
    http_add_header(c->http, "X-Error-Message", header_text(c->a, message));
    if (status == 401 && (shape == SHAPE_GIT || shape == SHAPE_LFS)) {
        const char *name = shape == SHAPE_LFS ? "LFS-Authenticate" : "WWW-Authenticate";
        http_add_header(c->http, name, STR("Basic realm=\"Hearth\", charset=\"UTF-8\""));
        if (shape == SHAPE_LFS) http_add_header(c->http, "WWW-Authenticate", STR("Basic realm=\"Hearth\", charset=\"UTF-8\""));
    }
    add_retry_headers(c, e);

    if (shape == SHAPE_PAGE && c->api->config.error_page) {
        know_visitor(c);
        c->api->config.error_page(c, status, message);
        return;
    }
    if (shape == SHAPE_GIT) { /* git shows a text/plain body to the person */
        buf_add(&b, message);
        buf_byte(&b, '\n');
        http_reply_buf(c->http, status, "text/plain; charset=utf-8", &b);
        return;
    }
    if (shape == SHAPE_SCIM) {
        reply_scim(c, status, e, message);
        return;
    }
    jw_object(&w);
    jw_kstr(&w, shape == SHAPE_LFS ? "message" : "error", message);
    if (shape == SHAPE_LFS) jw_kstr(&w, "request_id", http_request_id(c->http));
    if (e->code == ERR_CONFLICT && c->conflict_url.n) jw_kstr(&w, "url", c->conflict_url);
    jw_object_end(&w);
    http_reply_buf(c->http, status, shape == SHAPE_LFS ? "application/vnd.git-lfs+json" : "application/json; charset=utf-8", &b);
}

void api_error_hook(struct http_req *r, const struct err *e) { api_reply_error(call_of(r), e); }

/* No row matched: a known operation that is not built (501, by name), another method of a known path
 * (405), or nothing (404). */
void api_unrouted_hook(struct http_req *r, unsigned methods, struct err *e)
{
    struct call *c = call_of(r);
    enum http_method m = http_method_of(r);
    str path = http_path(r), method = http_method_name(m), repo;
    const struct api_operation *op = api_operation_of(c->api->operations, c->api->operations_count, m, path);
    if (api_is_ownerless(r, m, path, &repo)) {
        err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found: \"%.*s\" has no owner; repositories of this Hearth are called OWNER/NAME",
                 STR_ARG(str_to(repo, 100)));
    } else if (op) {
        err_set(e, ERR_NOT_BUILT, "%.*s %.*s (%.*s) is not built in this version of Hearth", STR_ARG(method), STR_ARG(op->path),
                STR_ARG(op->summary));
    } else if (methods & ~(1u << HTTP_OPTIONS)) { /* every path knows OPTIONS */
        struct buf allowed = BUF_INIT(0);
        for (int i = 0; i < HTTP_METHODS; i++) {
            str name = http_method_name((enum http_method)i);
            if (methods & 1u << i) buf_addf(&allowed, "%s%.*s", allowed.n ? ", " : "", STR_ARG(name));
        }
        http_add_header(r, "Allow", buf_str(&allowed));
        err_set(e, ERR_BAD_METHOD, "%.*s is not possible here; allowed: %s", STR_ARG(method), buf_cstr(&allowed));
        buf_deinit(&allowed);
    } else {
        err_set(e, ERR_NOT_FOUND, "There is nothing at %.*s", STR_ARG(str_to(path, 200)));
    }
}
