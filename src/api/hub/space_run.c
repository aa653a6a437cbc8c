/* api/hub/space_run.c - Spaces that run: their state, what their owner may want of it, and streams of what they say and use.
 *
 * Streams are server-sent events, a line `data: {..}` each.  Their clients are particular: one that does not follow ends after five
 * seconds without a byte, one that follows waits 120 s, so a sign of life goes out every 20 s; and one that comes back skips as many
 * events as it has seen, so a log is always told from its beginning. */
#include "api/hub/hub_api.h"
#include "base/clock.h"
#include "space/space.h"

enum { LOOK_MS = 300, USAGE_MS = 5000, ALIVE_MS = 20000, PIECE_BYTES = 32 << 10 };

/* ------------------------------------------------------------------ runtime */

static bool may_write(struct call *c, const struct repo *r)
{
    struct err ignored;
    return repo_allow(call_db(c), &c->who, r, REPO_WRITE, &ignored);
}

/* Clients that wait for an app take anything but SLEEPING, BUILDING and RUNNING for its end, so an app that is woken sleeps, to
 * visitors, until it answers. */
static enum space_stage stage_for(struct call *c, const struct repo *r, const struct space_runtime *t)
{
    bool wakes = t->is_woken && (t->stage == SPACE_APP_STARTING || t->stage == SPACE_BUILDING);
    return wakes && !may_write(c, r) ? SPACE_SLEEPING : t->stage;
}

static void write_resources(struct json_writer *w, const struct space_runtime *t)
{
    jw_kobject(w, "resources");
    jw_kobject(w, "limits");
    jw_kint(w, "memoryBytes", (int64_t)t->memory_max);
    jw_kint(w, "diskBytes", (int64_t)t->disk_max);
    jw_kint(w, "processes", (int64_t)t->processes_max);
    jw_object_end(w);
    jw_kint(w, "replicas", 1);
    jw_kstr(w, "enforcedBy", t->enforced);
    jw_object_end(w);
}

static void write_runtime(struct call *c, struct json_writer *w, const struct repo *r, const struct space_runtime *t)
{
    enum space_stage stage = stage_for(c, r, t);
    bool is_static = str_eq(t->sdk, STR("static")), runs = stage == SPACE_RUNNING || stage == SPACE_RUNNING_BUILDING || stage == SPACE_RUNNING_APP_STARTING;
    jw_object(w);
    jw_kstr(w, "stage", space_stage_name(stage));
    if (t->error.n) jw_kstr(w, "errorMessage", t->error);
    jw_kobject(w, "hardware"); /* the object must be there: a client reads its members */
    if (runs && !is_static) jw_kstr(w, "current", STR("cpu-basic"));
    else jw_knull(w, "current");
    if (is_static || !call_spaces(c)) jw_knull(w, "requested");
    else jw_kstr(w, "requested", STR("cpu-basic"));
    jw_object_end(w);
    if (t->sleep_s >= 0) jw_kint(w, "gcTimeout", t->sleep_s);
    else jw_knull(w, "gcTimeout");
    jw_knull(w, "storage");
    jw_kobject(w, "replicas");
    jw_kint(w, "current", runs);
    jw_kint(w, "requested", !is_static && call_spaces(c) != NULL);
    jw_object_end(w);
    jw_kbool(w, "devMode", false);
    if (t->sdk.n) jw_kstr(w, "sdk", t->sdk);
    if (t->sdk_version.n) jw_kstr(w, "sdkVersion", t->sdk_version);
    if (t->sha.n) jw_kstr(w, "sha", t->sha);
    if (t->enforced.n) write_resources(w, t);
    jw_object_end(w);
}

void write_space_runtime(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    struct space_runtime t;
    struct err ignored;
    if (space_runtime(call_spaces(c), call_db(c), &s->repo, &t, c->a, &ignored)) write_runtime(c, w, &s->repo, &t);
    else jw_raw(w, STR("{\"stage\":\"STOPPED\",\"hardware\":{\"current\":null,\"requested\":null}}"));
}

static bool reply_runtime(struct call *c, struct err *e)
{
    struct space_runtime t;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    call_give_back(c); /* what was just changed must be seen */
    if (!space_runtime(call_spaces(c), call_db(c), &c->repo, &t, c->a, e)) return false;
    write_runtime(c, &w, &c->repo, &t);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ what its owner wants */

static bool post_restart(struct call *c, struct err *e)
{
    return space_restart(call_spaces(c), &c->repo, http_query_bool(c->http, "factory", false), e) && reply_runtime(c, e);
}

static bool post_pause(struct call *c, struct err *e) { return space_pause(call_spaces(c), &c->repo, e) && reply_runtime(c, e); }

static bool post_sleep(struct call *c, struct err *e)
{
    struct json *body;
    int64_t seconds;
    if (!call_json(c, &body, e)) return false;
    if (!json_int(json_get(body, STR("seconds")), &seconds)) return err_set(e, ERR_INVALID, "\"seconds\" is required and must be a number, -1 for never");
    return space_set_sleep(call_spaces(c), &c->repo, seconds, e) && reply_runtime(c, e);
}

static bool post_hardware(struct call *c, struct err *e)
{
    struct json *body;
    struct err why;
    str flavor;
    int64_t seconds;
    if (space_why_not(call_spaces(c), &why)) return *e = why, false;
    if (!call_json(c, &body, e) || !json_need_str(body, "flavor", &flavor, e)) return false;
    if (!str_eq(flavor, STR("cpu-basic"))) return err_set(e, ERR_INVALID, "\"flavor\" must be one of [cpu-basic]: apps run on this machine's processors alone");
    bool sleeps = json_int(json_get(body, STR("sleepTimeSeconds")), &seconds);
    return (!sleeps || space_set_sleep(call_spaces(c), &c->repo, seconds, e)) && reply_runtime(c, e);
}

static bool get_hardware(struct call *c, struct err *e)
{
    static const str basic = STR_INIT("[{\"name\":\"cpu-basic\",\"prettyName\":\"CPU basic\",\"cpu\":\"shared\",\"ram\":\"shared\",\"accelerator\":null,"
                                      "\"unitCostMicroUSD\":0,\"unitCostUSD\":0,\"unitLabel\":\"minute\"}]");
    struct err why;
    (void)e;
    return http_reply(c->http, 200, "application/json; charset=utf-8", space_why_not(call_spaces(c), &why) ? STR("[]") : basic);
}

/* ------------------------------------------------------------------ streams */

struct stream {
    bool has_begun;
    int64_t said_ms, checked_ms;
    enum space_log_kind kind;
    uint64_t generation, at, tail; /* tail: the last so many events alone; 0: all */
    struct sha256 told;            /* of the last event */
    uint64_t rx, tx;
};

static bool begin_stream(struct call *c, struct stream *s, struct err *e)
{
    if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client has left");
    if (s->has_begun) return true;
    s->has_begun = true;
    s->said_ms = s->checked_ms = clock_mono_ms();
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    http_add_header(c->http, "X-Accel-Buffering", STR("no"));
    return http_begin(c->http, 200, "text/event-stream", HTTP_LENGTH_UNKNOWN, e);
}

/* Who was signed out, or may no longer write here, is told no more. */
static bool is_still_allowed(struct call *c, struct stream *s, struct err *e)
{
    bool found = true, is_old;
    if (clock_mono_ms() - s->checked_ms < ALIVE_MS) return true;
    s->checked_ms = clock_mono_ms();
    bool ok = c->session.n ? identity_from_session(call_db(c), c->session, &c->who, &found, &is_old, c->a, e)
                           : identity_again(call_db(c), c->who.user_id, c->who.token.id, &c->who, c->a, e);
    return ok && (found || err_set(e, ERR_UNAUTHENTICATED, "You are signed out")) && call_allow(c, &c->repo, REPO_WRITE, e);
}

static bool send_event(struct call *c, struct stream *s, str text, struct err *e)
{
    struct buf b = BUF_INIT(0);
    buf_lit(&b, "data: ");
    buf_add(&b, text);
    buf_lit(&b, "\n\n");
    s->said_ms = clock_mono_ms();
    bool ok = http_write(c->http, bytes_of(buf_str(&b)), e);
    buf_deinit(&b);
    return ok;
}

static bool stay_alive(struct call *c, struct stream *s, struct err *e)
{
    return clock_mono_ms() - s->said_ms < ALIVE_MS || send_event(c, s, STR(""), e);
}

/* Where the last `tail` events begin. */
static bool skip_to_tail(struct call *c, struct stream *s, struct err *e)
{
    struct buf b = BUF_INIT(0);
    uint64_t lines = 0, at = 0, skip;
    bool ended, ok = true;
    for (int pass = 0; ok && pass < 2; pass++) {
        skip = lines > s->tail ? lines - s->tail : 0;
        lines = at = 0;
        for (bool more = true; ok && more && (!pass || lines < skip);) {
            uint64_t from = at;
            buf_reset(&b);
            ok = space_log_read(call_spaces(c), &c->repo, s->kind, &s->generation, &at, PIECE_BYTES, &b, &ended, e);
            more = ok && b.n > 0;
            for (size_t i = 0; i < b.n; i++) {
                if (b.p[i] != '\n') continue;
                lines++;
                if (pass && lines == skip) s->at = from + i + 1;
            }
        }
    }
    buf_deinit(&b);
    s->tail = 0;
    return ok;
}

static bool log_step(struct call *c, struct err *e)
{
    struct stream *s = c->step_ctx;
    struct buf b = BUF_INIT(0);
    bool ended = false, ok = begin_stream(c, s, e) && is_still_allowed(c, s, e) && (!s->tail || skip_to_tail(c, s, e));
    size_t n = 0;
    while (ok && !ended && !http_is_behind(c->http)) {
        str rest, line;
        bool is_over;
        buf_reset(&b);
        ok = space_log_read(call_spaces(c), &c->repo, s->kind, &s->generation, &s->at, PIECE_BYTES, &b, &is_over, e);
        n = b.n;
        rest = buf_str(&b);
        while (ok && rest.n && str_cut(&rest, '\n', &line)) ok = send_event(c, s, line, e);
        ended = is_over && !n;
        if (!n) break;
    }
    buf_deinit(&b);
    if (!ok) return false;
    if (ended) return true;
    return stay_alive(c, s, e) && call_pause(c, log_step, s, LOOK_MS);
}

static bool get_logs(struct call *c, struct err *e)
{
    struct stream *s = arena_one(c->a, struct stream);
    struct err why;
    if (space_why_not(call_spaces(c), &why)) return *e = why, false;
    s->kind = str_eq(call_param(c, "log"), STR("build")) ? SPACE_LOG_BUILD : SPACE_LOG_RUN;
    str tail = call_query(c, "tail");
    if (tail.p && !str_u64(tail, &s->tail)) return err_set(e, ERR_INVALID, "\"tail\" must be a number of lines");
    c->step_ctx = s;
    return call_pause(c, log_step, s, 0);
}

static bool look(struct call *c, struct stream *s, struct space_runtime *out, struct arena *a, struct err *e)
{
    call_give_back(c); /* what changed since the last look must be seen */
    return begin_stream(c, s, e) && is_still_allowed(c, s, e) && space_runtime(call_spaces(c), call_db(c), &c->repo, out, a, e);
}

/* The runtime, whenever it has changed. */
static bool event_step(struct call *c, struct err *e)
{
    struct stream *s = c->step_ctx;
    struct space_runtime t;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = look(c, s, &t, a, e);
    if (ok) {
        write_runtime(c, &w, &c->repo, &t);
        struct sha256 now = sha256_of(bytes_of(buf_str(&b)));
        if (!sha256_eq(&now, &s->told)) ok = send_event(c, s, buf_str(&b), e);
        s->told = now;
    }
    buf_deinit(&b);
    arena_free(a);
    return ok && stay_alive(c, s, e) && call_pause(c, event_step, s, LOOK_MS);
}

static bool get_events(struct call *c, struct err *e)
{
    struct err why;
    if (space_why_not(call_spaces(c), &why)) return *e = why, false;
    return call_pause(c, event_step, arena_one(c->a, struct stream), 0);
}

static bool metrics_step(struct call *c, struct err *e)
{
    struct stream *s = c->step_ctx;
    struct space_runtime t;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = look(c, s, &t, a, e);
    if (ok) {
        bool has_last = s->rx <= t.rx_bytes && s->tx <= t.tx_bytes;
        jw_object(&w);
        jw_key(&w, STR("cpu_pct"));
        jw_real(&w, t.cpu_percent);
        jw_kint(&w, "memory_used_bytes", (int64_t)t.memory_bytes);
        jw_kint(&w, "memory_limit_bytes", (int64_t)t.memory_max);
        jw_kint(&w, "rx_bps", has_last ? (int64_t)((t.rx_bytes - s->rx) * 1000 / USAGE_MS) : 0);
        jw_kint(&w, "tx_bps", has_last ? (int64_t)((t.tx_bytes - s->tx) * 1000 / USAGE_MS) : 0);
        jw_kint(&w, "pids", (int64_t)t.processes);
        jw_object_end(&w);
        ok = send_event(c, s, buf_str(&b), e);
        s->rx = t.rx_bytes;
        s->tx = t.tx_bytes;
    }
    buf_deinit(&b);
    arena_free(a);
    return ok && call_pause(c, metrics_step, s, USAGE_MS);
}

static bool get_metrics(struct call *c, struct err *e)
{
    struct err why;
    if (space_why_not(call_spaces(c), &why)) return *e = why, false;
    return call_pause(c, metrics_step, arena_one(c->a, struct stream), 0);
}

static bool get_runtime(struct call *c, struct err *e) { return reply_runtime(c, e); }

#define SPACE "/api/:kind(spaces)/:ns/:repo"
#define WANT(path, fn, name) { HTTP_POST, SPACE path, PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, fn, name, SHAPE_HUB }
#define STREAM(path, fn, name) { HTTP_GET, SPACE path, PERM_REPO_WRITE, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_HUB }
static const struct api_route rows[] = {
    { HTTP_GET, "/api/spaces/hardware", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_hardware, "space.hardware", SHAPE_HUB },
    { HTTP_GET, SPACE "/runtime", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_runtime, "space.runtime", SHAPE_HUB },
    WANT("/restart", post_restart, "space.restart"),
    WANT("/pause", post_pause, "space.pause"),
    WANT("/sleeptime", post_sleep, "space.sleep-time"),
    WANT("/hardware", post_hardware, "space.set-hardware"),
    STREAM("/logs/:log(build|run)", get_logs, "space.logs"),
    STREAM("/events", get_events, "space.events"),
    STREAM("/metrics", get_metrics, "space.metrics"),
};
const struct api_table hub_space_run_table = API_TABLE(rows);
