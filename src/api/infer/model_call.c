/* api/infer/model_call.c - see api/infer/infer_api.h. */
#include "api/infer/infer_api.h"

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/index/list.h"
#include "model/encoder/encoder.h"

enum { FIRST_MS = 1000, LIFE_MS = 5000, WORKER_ANSWERS_MS = 10000 };

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
    if (summary.config.n && json_parse(summary.config, c->a, &config, &ignored)) {
        str architecture = STR("");
        json_str(json_at(json_get(config, STR("architectures")), 0), &architecture);
        out->is_encoder = encoder_knows(json_str_or(config, STR("model_type"), STR(""))) || encoder_head_of(architecture) == HEAD_SEQUENCE;
    }
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

/* ------------------------------------------------------------------ what happens, a step at a time */

static void on_news(void *ctx) { http_resume(ctx); }
static void free_parts(void *ctx) { arena_free(ctx); }

static bool sse_begin(struct model_call *m, struct err *e)
{
    if (!m->is_stream || m->has_begun) return true;
    m->has_begun = true;
    http_add_header(m->c->http, "Cache-Control", STR("no-cache"));
    http_add_header(m->c->http, "X-Accel-Buffering", STR("no"));
    return http_begin(m->c->http, 200, "text/event-stream", HTTP_LENGTH_UNKNOWN, e);
}

/* A comment, which every client passes over. */
static bool sign_of_life(struct model_call *m, struct err *e)
{
    m->due_us = clock_mono_us() + LIFE_MS * 1000;
    return sse_begin(m, e) && http_write(m->c->http, bytes_of(STR(": wait\n\n")), e);
}

static bool record(struct model_call *m, struct err *e)
{
    struct infer_call *running = m->running;
    m->running = NULL;
    return infer_end(running, m->status, e);
}

/* It has failed, or was given up. */
static bool refuse(struct model_call *m, const struct err *why, struct err *e)
{
    struct err ignored;
    m->status = api_status_of(why);
    if (!record(m, &ignored)) log_warn("infer", "a call that failed was not recorded: %s", ignored.msg);
    if (m->has_begun && m->sink->failure && why->code != ERR_CLOSED) return m->sink->failure(m, why, e);
    *e = *why;
    return false;
}

static bool finish(struct model_call *m, str text, struct err *e)
{
    struct json *end;
    struct err inner;
    bool ok = json_parse(arena_dup(m->c->a, text), m->c->a, &end, e) || err_context(e, "a worker's answer");
    ok = ok && sse_begin(m, e) && m->sink->end(m, end, e);
    m->status = ok ? 200 : api_status_of(e);
    if (!record(m, &inner) && ok) {
        *e = inner;
        ok = false;
    }
    return ok;
}

static bool take_part(struct model_call *m, str text, struct err *e)
{
    struct json *part;
    if (!m->sink->part) return true;
    arena_reset(m->parts);
    if (!json_parse(text, m->parts, &part, e)) return err_context(e, "a worker's answer");
    m->due_us = clock_mono_us() + LIFE_MS * 1000;
    return sse_begin(m, e) && m->sink->part(m, part, e);
}

/* Nobody wants the answer any more; the worker is asked what it has produced, which is paid for. */
static void give_up(struct model_call *m, const struct err *why)
{
    if (m->is_given_up) return;
    m->is_given_up = true;
    m->why = *why;
    m->due_us = clock_mono_us() + WORKER_ANSWERS_MS * 1000;
    infer_cancel(m->running);
}

/* What has come, while the client keeps up.  *done: the call is over, and this returns what its handler returns. */
static bool take_events(struct model_call *m, bool *done, struct err *e)
{
    struct err why;
    enum infer_event what;
    str text;
    *done = true;
    while (m->is_given_up || !http_is_behind(m->c->http)) {
        if (!infer_next(m->running, 0, &what, &text, &why)) return refuse(m, m->is_given_up ? &m->why : &why, e);
        if (what == INFER_NOTHING) break;
        if (what == INFER_END) return m->is_given_up ? refuse(m, &m->why, e) : finish(m, text, e);
        if (!m->is_given_up && !take_part(m, text, &why)) give_up(m, &why);
    }
    *done = false;
    return true;
}

static bool step(struct call *c, struct err *e)
{
    struct model_call *m = c->step_ctx;
    struct err why;
    bool done;
    if (http_has_left(c->http)) {
        err_set(&why, ERR_CLOSED, "the client went away");
        give_up(m, &why);
    }
    bool ok = take_events(m, &done, e);
    if (done) return ok;
    int64_t now = clock_mono_us();
    if (m->is_given_up && now >= m->due_us) return refuse(m, &m->why, e);
    if (!m->is_given_up && m->is_stream && now >= m->due_us && !sign_of_life(m, &why)) give_up(m, &why);
    bool is_timed = m->is_given_up || m->is_stream;
    return call_pause(c, step, m, is_timed ? (int)((m->due_us - now) / 1000) + 1 : -1);
}

bool model_run(struct model_call *m, str json, uint64_t tokens_max, const char *route, const struct model_sink *sink, struct err *e)
{
    struct call *c = m->c;
    const struct infer_request r = {
        .repo = &m->repo, .commit = &m->commit, .json = json, .tokens_max = tokens_max, .parameters = m->parameters, .who = &c->who, .account_id = c->who.user_id,
        .request_id = http_request_id(c->http), .route = route, .is_stream = m->is_stream, .notify = on_news, .ctx = c->http,
    };
    call_give_back(c);
    if (!infer_begin(c->api->config.infer, &r, &m->running, e)) return false;
    m->sink = sink;
    m->parts = arena_new(0);
    arena_on_free(c->a, free_parts, m->parts);
    m->due_us = clock_mono_us() + FIRST_MS * 1000;
    return call_pause(c, step, m, m->is_stream ? FIRST_MS : -1);
}

/* ------------------------------------------------------------------ server-sent events */

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
