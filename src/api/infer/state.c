/* api/infer/state.c - GET /api/models/{owner}/{name}/inference: how the worker of a model is. */
#include "api/infer/infer_api.h"
#include "gateway/gateway.h"

static const char *const state_names[] = { [INFER_COLD] = "cold", [INFER_STARTING] = "starting", [INFER_READY] = "ready", [INFER_STOPPING] = "stopping",
                                           [INFER_FAILED] = "failed" };

static void write_date(struct json_writer *w, const char *name, int64_t ms)
{
    jw_key(w, str_c(name));
    if (ms) jw_date(w, ms);
    else jw_null(w);
}

/* The first call of a mirror waits for its files (gateway/gateway.h): who looks on is told how far they are. */
static void write_bringing(struct call *c, struct json_writer *w, const struct repo *r)
{
    uint64_t have, of;
    if (!r->upstream.n || !call_gateway(c)) return;
    download_progress(call_gateway(c), r->id, &have, &of);
    if (!of) return;
    jw_kobject(w, "bringing");
    jw_kstr(w, "from", r->upstream);
    jw_kint(w, "bytes", (int64_t)have);
    jw_kint(w, "of", (int64_t)of);
    jw_object_end(w);
}

static bool get_state(struct call *c, struct err *e)
{
    struct model_call m;
    struct infer_model state = { .state = INFER_COLD }; /* nobody has called it, or it was forgotten since */
    char hex[VCS_OID_HEX + 1];
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!model_of_route(c, &m, e)) return false;
    bool is_known = model_state(&m, &state);
    jw_object(&w);
    jw_kstr(&w, "model", m.repo.full_name);
    jw_kstr(&w, "sha", vcs_oid_hex(&m.commit, hex));
    jw_kstr(&w, "state", str_c(state_names[state.state]));
    if (state.reason.n) jw_kstr(&w, "reason", state.reason);
    jw_kbool(&w, "pinned", is_known && state.is_pinned);
    jw_kint(&w, "memory_bytes", (int64_t)state.bytes);
    jw_kint(&w, "running", (int64_t)state.running);
    jw_kint(&w, "waiting", (int64_t)state.waiting);
    write_bringing(c, &w, &m.repo);
    write_date(&w, "lastUsed", state.used_ms);
    if (state.state == INFER_FAILED) write_date(&w, "retryAt", state.retry_ms);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/models/:ns/:repo/inference", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_state, "inference.state", SHAPE_HUB },
};
const struct api_table infer_state_table = API_TABLE(rows);
