/* api/infer/error.c - how refusals look to clients of TGI, TEI, Hugging Face's tasks and Workers AI.
 *
 * TGI, TEI and the tasks share a flat body, {"error", "error_type"}, and differ in statuses; Workers AI has an envelope
 * and numbers.  Unlike the frame's own shape these never say 503 for "too many": one of the clients sends a request that got
 * 503 again at once, for ever.  503 is only said of a model that is still being loaded, to who did not want to wait. */
#include "api/api_priv.h"
#include "api/infer/infer_api.h"
#include "base/log.h"

enum { RETRY_S = 2 };

static bool is_kind(const struct err *e, const char *kind) { return e->kind && str_eq(str_c(e->kind), str_c(kind)); }

/* ------------------------------------------------------------------ flat */

/* Kinds first, then codes. */
static const struct {
    const char *kind;
    enum err_code code;
    int task, tgi, tei;
    const char *tgi_type, *tei_type; /* a task's are TGI's */
} flat[] = {
    { METER_EXHAUSTED, ERR_NONE, 402, 402, 402, "insufficient_quota", "insufficient_quota" },
    { INFER_LOADING, ERR_NONE, 503, 503, 503, "loading", "unhealthy" },
    { INFER_DEADLINE, ERR_NONE, 504, 504, 504, "timeout", "timeout" },
    { INFER_GENERATION, ERR_NONE, 500, 424, 424, "generation", "backend" },
    { INFER_TEMPLATE, ERR_NONE, 422, 422, 422, "template_error", "validation" },
    { INFER_EMPTY, ERR_NONE, 400, 422, 400, "validation", "empty" },
    { INFER_WRONG_MODEL, ERR_NONE, 422, 424, 424, "generation", "backend" },
    { INFER_NO_ADAPTER, ERR_NONE, 422, 424, 424, "generation", "backend" },
    { NULL, ERR_UNAUTHENTICATED, 401, 401, 401, "unauthenticated", "unauthenticated" },
    { NULL, ERR_DENIED, 403, 403, 403, "forbidden", "forbidden" },
    { NULL, ERR_NOT_FOUND, 404, 404, 404, "not_found", "not_found" },
    { NULL, ERR_INVALID, 400, 422, 422, "validation", "validation" },
    { NULL, ERR_UNPROCESSABLE, 422, 422, 422, "validation", "validation" },
    { NULL, ERR_TOO_LARGE, 413, 413, 413, "validation", "validation" },
    { NULL, ERR_BUSY, 429, 429, 429, "overloaded", "overloaded" },
    { NULL, ERR_NO_SPACE, 507, 507, 507, "model_too_large", "backend" },
    { NULL, ERR_NOT_BUILT, 501, 501, 501, "not_built", "not_built" },
};

static int status_of(enum api_shape shape, const struct err *e, const char **type)
{
    for (size_t i = 0; i < COUNT(flat); i++) {
        if (flat[i].kind ? !is_kind(e, flat[i].kind) : flat[i].code != e->code) continue;
        *type = shape == SHAPE_TEI ? flat[i].tei_type : flat[i].tgi_type;
        return shape == SHAPE_TEI ? flat[i].tei : shape == SHAPE_TGI ? flat[i].tgi : flat[i].task;
    }
    *type = "internal";
    return api_status_of(e);
}

void infer_flat_error(enum api_shape shape, const struct err *e, struct buf *out)
{
    struct json_writer w = json_writer(out);
    const char *type;
    int status = status_of(shape, e, &type);
    bool is_prefixed = str_starts(str_c(e->msg), STR(TGI_INVALID));
    jw_object(&w);
    if (shape == SHAPE_TGI && status == 422 && str_eq(str_c(type), STR("validation")) && !is_prefixed) {
        struct buf text = BUF_INIT(0);
        buf_addf(&text, "%s%s", TGI_INVALID, e->msg); /* clients look for these words */
        jw_kstr(&w, "error", buf_str(&text));
        buf_deinit(&text);
    } else {
        jw_kstr(&w, "error", str_c(e->msg));
    }
    jw_kstr(&w, "error_type", str_c(type));
    if (is_kind(e, INFER_LOADING)) jw_kint(&w, "estimated_time", INFER_LOADING_S);
    jw_object_end(&w);
}

/* ------------------------------------------------------------------ Workers AI */

static const struct { const char *kind; enum err_code code; int status, number; } cloudflare[] = {
    { METER_EXHAUSTED, ERR_NONE, 429, 3036 },
    { INFER_LOADING, ERR_NONE, 429, 3040 },
    { INFER_EMPTY, ERR_NONE, 400, 3003 },
    { INFER_BAD_MODEL, ERR_NONE, 404, 3042 },
    { INFER_NO_MODEL, ERR_NONE, 400, 5007 },
    { INFER_WRONG_MODEL, ERR_NONE, 400, 5004 },
    { INFER_NO_ADAPTER, ERR_NONE, 405, 5005 },
    { NULL, ERR_UNAUTHENTICATED, 401, 10000 },
    { NULL, ERR_DENIED, 403, 5018 },
    { NULL, ERR_NOT_FOUND, 404, 7003 },
    { NULL, ERR_INVALID, 400, 5004 },
    { NULL, ERR_UNPROCESSABLE, 400, 5004 },
    { NULL, ERR_TOO_LARGE, 413, 3006 },
    { NULL, ERR_TIMEOUT, 408, 3007 },
    { NULL, ERR_CLOSED, 408, 3008 },
    { NULL, ERR_BUSY, 429, 3040 },
    { NULL, ERR_NO_SPACE, 429, 3040 },
    { NULL, ERR_BAD_METHOD, 405, 7001 },
    { NULL, ERR_NOT_BUILT, 501, 7002 },
};

static int cloudflare_number(const struct err *e, int *status)
{
    for (size_t i = 0; i < COUNT(cloudflare); i++) {
        if (cloudflare[i].kind ? !is_kind(e, cloudflare[i].kind) : cloudflare[i].code != e->code) continue;
        *status = cloudflare[i].status;
        return cloudflare[i].number;
    }
    *status = 500;
    return 5000;
}

void infer_cloudflare_error(const struct err *e, struct buf *out)
{
    struct json_writer w = json_writer(out);
    int status;
    jw_object(&w);
    jw_knull(&w, "result");
    jw_kbool(&w, "success", false);
    jw_karray(&w, "errors");
    jw_object(&w);
    jw_kint(&w, "code", cloudflare_number(e, &status));
    jw_kstr(&w, "message", str_c(e->msg));
    jw_object_end(&w);
    jw_array_end(&w);
    jw_karray(&w, "messages");
    jw_array_end(&w);
    jw_object_end(&w);
}

/* ------------------------------------------------------------------ either */

static void add_retry(struct call *c, int seconds)
{
    http_add_headerf(c->http, "Retry-After", "%d", seconds);
    http_add_headerf(c->http, "retry-after-ms", "%d", seconds * 1000);
}

void infer_reply_error(struct call *c, enum api_shape shape, const struct err *e)
{
    const char *type;
    int status;
    struct err told = *e;
    struct buf b = BUF_INIT(0);
    if (shape == SHAPE_CLOUDFLARE) cloudflare_number(e, &status);
    else status = status_of(shape, e, &type);
    if (status == 500 && !is_kind(e, INFER_GENERATION)) { /* what went wrong inside is for the log */
        str path = http_path(c->http), id = http_request_id(c->http);
        log_error("api.failed", "route=%s path=\"%.*s\" error=\"%s\" id=%.*s", c->route ? c->route->name : "-", STR_ARG(path), e->msg, STR_ARG(id));
        err_set(&told, e->code, "Something went wrong inside this Hearth. The operator finds the reason in the log under the request id.");
    }
    if (e->kind) http_add_header(c->http, "X-Error-Code", str_c(e->kind));
    if (is_kind(e, INFER_LOADING)) add_retry(c, INFER_LOADING_S);
    else if (e->code == ERR_BUSY) add_retry(c, RETRY_S);
    if (is_kind(e, METER_EXHAUSTED) || is_kind(e, INFER_DEADLINE)) http_add_header(c->http, "x-should-retry", STR("false"));
    if (shape == SHAPE_CLOUDFLARE) infer_cloudflare_error(&told, &b);
    else infer_flat_error(shape, &told, &b);
    http_reply_buf(c->http, status, "application/json", &b);
}
