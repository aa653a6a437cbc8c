/* api/infer/model_call.c - see api/infer/infer_api.h. */
#include "api/infer/infer_api.h"

#include "api/api_priv.h"
#include "hub/index/list.h"
#include "model/encoder/encoder.h"

enum { PATIENCE_MS = 5000 };

static bool find_commit(struct call *c, struct model_call *out, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_revision rev;
    if (!c->api->config.infer) return err_set(e, ERR_NOT_BUILT, "This server runs no models (it was started with --inference=false)");
    struct repo_summary summary;
    if (!repo_summary_get(call_db(c), out->repo.id, &summary, c->a, e)) return false;
    out->parameters = summary.parameters > 0 ? (uint64_t)summary.parameters : 0;
    struct json *config;
    struct err ignored;
    if (summary.config.n && json_parse(summary.config, c->a, &config, &ignored))
        out->is_encoder = encoder_knows(json_str_or(config, STR("model_type"), STR("")));
    if (!call_git(c, &git, e) || !call_revision(c, STR("main"), &rev, e)) return false;
    out->commit = rev.commit;
    return true;
}

bool model_find(struct call *c, str model, struct model_call *out, struct err *e)
{
    size_t colon = str_rchr(model, ':');
    if (colon != STR_NONE) model = str_to(model, colon);
    *out = (struct model_call){ .c = c, .status = 500 };
    if (!call_find_repo(c, REPO_MODEL, model, REPO_READ, &out->repo, e)) return false;
    c->repo = out->repo;
    c->has_repo = true;
    return find_commit(c, out, e);
}

bool model_of_route(struct call *c, struct model_call *out, struct err *e)
{
    *out = (struct model_call){ .c = c, .status = 500, .repo = c->repo };
    return find_commit(c, out, e);
}

bool model_begin(struct model_call *m, str json, uint64_t tokens_max, const char *route, struct err *e)
{
    struct call *c = m->c;
    const struct infer_request r = {
        .repo = &m->repo, .commit = &m->commit, .json = json, .tokens_max = tokens_max, .parameters = m->parameters, .who = &c->who, .account_id = c->who.user_id,
        .request_id = http_request_id(c->http), .route = route, .is_stream = m->is_stream,
    };
    call_give_back(c); /* it may take minutes */
    return infer_begin(c->api->config.infer, &r, &m->running, e);
}

bool model_next(struct model_call *m, int patience_ms, const struct json **json, bool *is_end, struct err *e)
{
    enum infer_event what;
    struct json *parsed;
    str text;
    *json = NULL;
    *is_end = false;
    if (!infer_next(m->running, patience_ms, &what, &text, e)) return false;
    if (what == INFER_NOTHING) return true;
    if (!json_parse(arena_dup(m->c->a, text), m->c->a, &parsed, e)) return err_context(e, "a worker's answer");
    *json = parsed;
    *is_end = what == INFER_END;
    return true;
}

bool model_end(struct model_call *m, struct err *e)
{
    struct infer_call *running = m->running;
    m->running = NULL;
    return !running || infer_end(running, m->status, e);
}

bool model_answer(struct model_call *m, const struct json **end, struct err *e)
{
    bool is_end = false;
    while (!is_end)
        if (!model_next(m, PATIENCE_MS, end, &is_end, e)) return false;
    return true;
}

bool model_done(struct model_call *m, bool ok, const struct err *e)
{
    struct err ignored;
    if (!ok) m->status = api_status_of(e);
    if (!model_end(m, &ignored)) {} /* it failed already, or it is over */
    return ok;
}

/* ------------------------------------------------------------------ server-sent events */

bool sse_begin(struct call *c, struct err *e)
{
    http_add_header(c->http, "Cache-Control", STR("no-cache"));
    http_add_header(c->http, "X-Accel-Buffering", STR("no"));
    return http_begin(c->http, 200, "text/event-stream", HTTP_LENGTH_UNKNOWN, e);
}

bool sse_data(struct call *c, str json, struct err *e)
{
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "data: ");
    buf_add(&b, json);
    buf_lit(&b, "\n\n");
    bool ok = http_write(c->http, bytes_of(buf_str(&b)), e);
    buf_deinit(&b);
    return ok;
}

bool sse_comment(struct call *c, struct err *e) { return http_write(c->http, bytes_of(STR(": wait\n\n")), e); }
