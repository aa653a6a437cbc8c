/* api/infer/model_call.c - see api/infer/infer_api.h. */
#include "api/infer/infer_api.h"

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "hub/index/list.h"
#include "infer/adapter_base.h"
#include "model/encoder/encoder.h"
#include "model/task/task.h"

enum { NO_WAIT_MS = 1000, FIRST_MS = 1000, LIFE_MS = 5000, WORKER_ANSWERS_MS = 10000,
       RIGHTS_MS = 1000 };

/* ------------------------------------------------------------------ who pays, and how long he waits */

bool model_bill_to(struct model_call *m, str name, struct err *e)
{
    struct call *c = m->c;
    struct identity plain = c->who;
    struct account payer;
    enum account_role role;
    bool found;
    plain.is_admin = false; /* an administrator sees all accounts, and spends from none but his own */
    if (!account_find(call_db(c), name, &payer, &found, c->a, e) || (!found && !account_find_hex(call_db(c), name, &payer, &found, c->a, e))) return false;
    if (found && !account_role_in(call_db(c), &plain, payer.id, &role, e)) return false;
    if (!found || role < ROLE_READ)
        return err_set(e, ERR_DENIED, "You cannot have \"%.*s\" pay: you are no member of such an organisation", STR_ARG(str_to(name, 60)));
    str type = payer.kind == ACCOUNT_ORG ? STR("org") : STR("user");
    const struct token_target target = { type, payer.name, payer.hex_id, payer.name };
    m->account_id = payer.id;
    return identity_token_allows(&c->who, RIGHT_CALL, &target) ||
           err_set(e, ERR_DENIED, "This token may not call models at the cost of %.*s: it lacks \"inference.serverless.write\"", STR_ARG(payer.name));
}

static bool is_no(str v) { return str_eq_nocase(v, STR("false")) || str_eq(v, STR("0")); }

static int64_t longest_ms(const struct model_call *m) { return infer_settings(m->c->api->config.infer)->deadline_ms; }

/* Historic headers, which scripts still send. */
static void read_wait(struct model_call *m)
{
    str wait = http_header(m->c->http, "x-wait-for-model"), load = http_header(m->c->http, "x-load-model"), scale = http_header(m->c->http, "x-scale-up-timeout");
    uint64_t seconds;
    int64_t most = longest_ms(m);
    m->wait_ms = infer_settings(m->c->api->config.infer)->wait_ms;
    if (scale.n && str_u64(scale, &seconds)) m->wait_ms = seconds < (uint64_t)most / 1000 ? (int64_t)seconds * 1000 : most;
    if (wait.n) m->wait_ms = is_no(wait) ? NO_WAIT_MS : most;
    if (load.n && is_no(load)) m->wait_ms = NO_WAIT_MS;
    if (m->wait_ms < NO_WAIT_MS) m->wait_ms = NO_WAIT_MS; /* who is told "not yet" at once would ask again at once */
}

void model_read_options(struct model_call *m, const struct json *body)
{
    const struct json *wait = json_get(json_get(body, STR("options")), STR("wait_for_model"));
    if (json_is(wait, JSON_BOOL)) m->wait_ms = wait->b ? longest_ms(m) : NO_WAIT_MS;
}

static bool find_terms(struct model_call *m, struct err *e)
{
    const struct identity *who = &m->c->who;
    const struct token_target self = { STR("user"), who->name, STR(""), who->name };
    str payer = call_param(m->c, "account"); /* of Workers AI */
    if (!payer.n) payer = http_header(m->c->http, "X-HF-Bill-To");
    read_wait(m);
    m->account_id = who->user_id;
    if (!payer.n && who->service_of) { /* it has no money of its own */
        struct account org;
        if (!account_get(call_db(m->c), who->service_of, &org, m->c->a, e)) return false;
        payer = org.name;
    }
    if (payer.n) return model_bill_to(m, payer, e);
    return identity_token_allows(who, RIGHT_CALL, &self) ||
           err_set(e, ERR_DENIED, "This token may not call models: it lacks \"inference.serverless.write\"");
}

/* ------------------------------------------------------------------ the model */

/* *is_model: it has what a model is run from, and nothing of an adapter.  *head: of main, as the index
 * has it, which is brought up to date before a push is answered; all zero where it does not say. */
static bool read_index(struct call *c, int64_t repo_id, struct model_call *out, bool *is_model, struct vcs_oid *head, struct err *e)
{
    struct repo_summary summary;
    struct json *config;
    struct err ignored;
    if (!repo_summary_get(call_db(c), repo_id, &summary, c->a, e)) return false;
    *head = (struct vcs_oid){ { 0 } };
    (void)vcs_oid_parse(summary.head_sha, head);
    *is_model = summary.gguf.n > 0;
    out->parameters = summary.parameters > 0 ? (uint64_t)summary.parameters : 0;
    if (summary.config.n && json_parse(summary.config, c->a, &config, &ignored)) {
        str architecture = STR("");
        *is_model |= !json_get(config, STR("peft"));
        json_str(json_at(json_get(config, STR("architectures")), 0), &architecture);
        out->is_encoder = encoder_knows(json_str_or(config, STR("model_type"), STR(""))) || encoder_head_of(architecture) == HEAD_SEQUENCE;
    }
    const struct task_kind *kind = task_kind_find(summary.pipeline_tag); /* some decoders make vectors */
    out->is_encoder |= kind && kind != task_kind_find(STR("text-generation"));
    return true;
}

static bool find_head(struct call *c, const struct repo *r, struct vcs_oid *commit, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_revision rev;
    bool found;
    if (!hub_repo_open(c->hub, r->id, &git, e)) return false;
    bool ok = vcs_resolve(git, STR("main"), &rev, &found, c->a, e);
    vcs_close(git);
    if (ok && found) *commit = rev.commit;
    return ok && (found || err_set(e, ERR_NOT_FOUND, "%.*s has no files", STR_ARG(r->full_name)));
}

/* What an adapter belongs to, which the caller must be allowed to read as well.  One that is not here, and one that he may not read, are told
 * by the same words. */
static bool find_base(struct call *c, str name, struct model_call *out, struct err *e)
{
    struct err why;
    struct vcs_oid head;
    bool is_model;
    if (!call_find_repo(c, REPO_MODEL, name, REPO_READ, &out->base, &why))
        return err_set(e, ERR_NOT_FOUND, "%.*s is an adapter of %.*s, which is not on this hub, or not for you to read", STR_ARG(out->repo.full_name), STR_ARG(str_to(name, 100)));
    if (!read_index(c, out->base.id, out, &is_model, &head, e)) return false;
    if (!is_model) return err_set(e, ERR_UNPROCESSABLE, "%.*s is an adapter of %.*s, which is no model that runs by itself", STR_ARG(out->repo.full_name), STR_ARG(out->base.full_name));
    out->is_adapter = true;
    out->base_commit = head;
    return !vcs_oid_is_zero(&head) || find_head(c, &out->base, &out->base_commit, e);
}

static bool find_commit(struct call *c, struct model_call *out, struct err *e)
{
    struct vcs_oid head;
    bool is_model, is_adapter;
    str base;
    if (!c->api->config.infer) return err_set(e, ERR_NOT_BUILT, "This server runs no models (it was started with --inference=false)");
    if (!read_index(c, out->repo.id, out, &is_model, &head, e)) return false;
    if (vcs_oid_is_zero(&head)) {
        struct vcs_revision rev;
        if (!call_revision(c, STR("main"), &rev, e)) return false;
        head = rev.commit;
    }
    out->commit = head;
    if (!is_model && !adapter_base(c->hub, &out->repo, &out->commit, c->a, &base, &is_adapter, e)) return false;
    if (!is_model && is_adapter && !find_base(c, base, out, e)) return false;
    return find_terms(out, e);
}

/* "@hf/owner/name" is owner/name, and the operator may have given others. */
static str plain_name(struct call *c, str model)
{
    str rest = c->api->config.model_aliases, pair;
    while (str_cut(&rest, ',', &pair)) {
        size_t at = str_chr(pair, '=');
        if (at != STR_NONE && str_eq(str_trim(str_to(pair, at)), model)) return str_trim(str_from(pair, at + 1));
    }
    return str_starts(model, STR("@hf/")) ? str_from(model, 4) : model;
}

bool model_find(struct call *c, str model, struct model_call *out, struct err *e)
{
    model = plain_name(c, model);
    size_t colon = str_rchr(model, ':');
    if (colon != STR_NONE) model = str_to(model, colon);
    *out = (struct model_call){ .c = c, .status = 500 };
    if (!call_find_repo(c, REPO_MODEL, model, REPO_READ, &out->repo, e)) {
        if (e->code != ERR_NOT_FOUND) return false;
        return err_kind(e, ERR_NOT_FOUND, e->kind, "There is no model \"%.*s\" here that you may call; /v1/models lists those that there are", STR_ARG(str_to(model, 200)));
    }
    c->repo = out->repo;
    c->has_repo = true;
    return find_commit(c, out, e);
}

bool model_of_route(struct call *c, struct model_call *out, struct err *e)
{
    *out = (struct model_call){ .c = c, .status = 500, .repo = c->repo };
    return find_commit(c, out, e);
}

bool model_state(struct model_call *m, struct infer_model *out)
{
    struct infer_model *all;
    size_t n;
    char hex[VCS_OID_HEX + 1];
    infer_models(m->c->api->config.infer, m->c->a, &all, &n);
    vcs_oid_hex(m->is_adapter ? &m->base_commit : &m->commit, hex); /* the worker is the base's */
    for (size_t i = 0; i < n; i++) {
        if (all[i].repo_id != (m->is_adapter ? m->base.id : m->repo.id) || !str_eq(str_c(all[i].commit), str_c(hex))) continue;
        *out = all[i];
        return true;
    }
    return false;
}

bool model_json(struct model_call *m, const char *path, const struct json **out, struct err *e)
{
    enum { JSON_BYTES_MAX = 4 << 20 };
    struct vcs_repo *git;
    struct vcs_entry entry;
    struct json *parsed;
    struct err ignored;
    bool found;
    bytes text;
    *out = NULL;
    if (!call_git(m->c, &git, e) || !vcs_entry_find(git, &m->commit, str_c(path), &entry, &found, m->c->a, e)) return false;
    if (!found || entry.kind != VCS_FILE || entry.lfs.is_lfs || entry.blob_bytes > JSON_BYTES_MAX) return true;
    if (!vcs_blob_read(git, &entry.oid, JSON_BYTES_MAX, m->c->a, &text, e)) return false;
    if (json_parse(str_n((const char *)text.p, text.n), m->c->a, &parsed, &ignored)) *out = parsed;
    return true;
}

void model_failed(struct model_call *m, struct err *why)
{
    (void)m;
    if (why->kind) return;
    if (why->code == ERR_TOO_LARGE) why->code = ERR_UNPROCESSABLE;
    if (why->code == ERR_INTERNAL || why->code == ERR_IO || why->code == ERR_TIMEOUT) {
        why->code = ERR_INTERNAL;
        why->kind = INFER_GENERATION;
    }
}

void model_headers(struct model_call *m, const struct json *end, size_t characters, bool time_in_ms)
{
    struct http_req *r = m->c->http;
    int64_t total = clock_mono_us() - m->began_us, compute = json_int_or(end, STR("compute_us"), 0), tokens = json_int_or(end, STR("completion_tokens"), 0);
    http_add_header(r, "x-compute-type", STR("cpu"));
    if (time_in_ms) http_add_headerf(r, "x-compute-time", "%lld", (long long)(compute / 1000));
    else http_add_headerf(r, "x-compute-time", "%.6f", (double)compute / 1e6);
    http_add_headerf(r, "x-compute-characters", "%zu", characters);
    http_add_headerf(r, "x-total-time", "%lld", (long long)(total / 1000));
    http_add_headerf(r, "x-queue-time", "%lld", (long long)(json_int_or(end, STR("queue_us"), 0) / 1000));
    http_add_headerf(r, "x-inference-time", "%lld", (long long)(compute / 1000));
    http_add_headerf(r, time_in_ms ? "x-compute-tokens" : "x-prompt-tokens", "%lld", (long long)json_int_or(end, STR("prompt_tokens"), 0));
    if (time_in_ms) return;
    http_add_headerf(r, "x-time-per-token", "%lld", (long long)(tokens ? compute / tokens / 1000 : 0));
    http_add_headerf(r, "x-generated-tokens", "%lld", (long long)tokens);
}

bool model_adapt(struct model_call *m, str adapter, struct err *e)
{
    struct model_call with;
    call_give_back(m->c); /* its git handle is of the model */
    if (!model_find(m->c, adapter, &with, e)) return false;
    if (!with.is_adapter || with.base.id != m->repo.id)
        return err_kind(e, ERR_UNPROCESSABLE, INFER_NO_ADAPTER, "%.*s is no adapter of %.*s", STR_ARG(with.repo.full_name), STR_ARG(m->repo.full_name));
    *m = with;
    return true;
}

bool model_of_request(struct call *c, const struct json *body, str *name, struct model_call *out, struct err *e)
{
    if (!call_param(c, "repo").n) return json_need_str(body, "model", name, e) && model_find(c, *name, out, e);
    *name = c->repo.full_name;
    return model_of_route(c, out, e);
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
    http_wait_begin(m->c->http); /* the record is on the disk when this returns */
    bool ok = infer_end(running, m->status, e);
    http_wait_end(m->c->http);
    return ok;
}

/* It has failed, or was given up. */
static bool refuse(struct model_call *m, const struct err *why, struct err *e)
{
    struct err ignored, told = *why;
    m->status = api_status_of(why);
    if (!record(m, &ignored)) log_warn("infer", "a call that failed was not recorded: %s", ignored.msg);
    if (m->sink->rename) m->sink->rename(m, &told);
    if (m->has_begun && m->sink->failure && why->code != ERR_CLOSED) return m->sink->failure(m, &told, e);
    *e = told;
    return false;
}

/* What is told was used is what is recorded, whatever the worker says. */
static void set_used(struct json *end, const struct price_units *used)
{
    int64_t thoughts = json_int_or(end, STR("thought_tokens"), 0), completion = (int64_t)used->completion;
    const struct { str name; int64_t n; } numbers[] = {
        { STR("prompt_tokens"), (int64_t)used->prompt }, { STR("cached_tokens"), (int64_t)used->cached }, { STR("completion_tokens"), completion },
        { STR("thought_tokens"), thoughts < completion ? thoughts : completion }, { STR("compute_us"), (int64_t)used->compute_us },
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct json *v = (struct json *)(uintptr_t)json_get(end, numbers[i].name); /* of a copy of our own */
        if (v) *v = (struct json){ .type = JSON_INT, .key = v->key, .next = v->next, .i = numbers[i].n };
    }
}

static bool finish(struct model_call *m, str text, struct err *e)
{
    const struct price_units used = infer_used(m->running);
    struct json *end;
    struct err inner;
    bool ok = json_parse(arena_dup(m->c->a, text), m->c->a, &end, e) || err_context(e, "a worker's answer");
    if (ok) set_used(end, &used);
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
    m->why = arena_one(m->c->a, struct err);
    *m->why = *why;
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
        if (!infer_next(m->running, 0, &what, &text, &why)) return refuse(m, m->is_given_up ? m->why : &why, e);
        if (what == INFER_NOTHING) break;
        m->has_heard = true;
        if (what == INFER_END) return m->is_given_up ? refuse(m, m->why, e) : finish(m, text, e);
        if (!m->is_given_up && !take_part(m, text, &why)) give_up(m, &why);
    }
    *done = false;
    return true;
}

/* A model that has said nothing yet and is not there either is not waited for longer than the caller wants. */
static bool is_waited_for(struct model_call *m, int64_t now)
{
    struct infer_model state;
    if (m->has_heard || m->is_given_up || now - m->began_us < m->wait_ms * 1000) return true;
    return m->has_heard = model_state(m, &state) && state.state == INFER_READY;
}

/* What it waits for may be the line to the upstream: of a mirror, how far that is. */
static bool refuse_loading(struct model_call *m, struct err *why)
{
    const struct repo *r = &m->repo;
    uint64_t have = 0, of = 0;
    if (r->upstream.n && call_gateway(m->c)) download_progress(call_gateway(m->c), r->id, &have, &of);
    if (!of) return err_kind(why, ERR_BUSY, INFER_LOADING, "Model %.*s is currently loading", STR_ARG(r->full_name));
    return err_kind(why, ERR_BUSY, INFER_LOADING, "Model %.*s is currently loading: its files come from %.*s, %.1f of %.1f MB so far", STR_ARG(r->full_name),
                    STR_ARG(r->upstream), (double)have * 1e-6, (double)of * 1e-6);
}

static bool may_call_again(struct model_call *m, struct err *why)
{
    struct call *c = m->c;
    struct db_conn *db = call_db(c);
    struct model_call again = { .c = c };
    bool found = true, is_old;
    bool ok = c->session.n ? identity_from_session(db, c->session, &c->who, &found, &is_old, c->a, why)
                           : identity_again(db, c->who.user_id, c->who.token.id, &c->who, c->a, why);
    if (ok && !found) ok = err_set(why, ERR_UNAUTHENTICATED, "You are signed out");
    return ok && repo_get(db, m->repo.id, &again.repo, c->a, why) && repo_allow(db, &c->who, &again.repo, REPO_READ, why) &&
           (!m->is_adapter || (repo_get(db, m->base.id, &again.base, c->a, why) && repo_allow(db, &c->who, &again.base, REPO_READ, why))) &&
           find_terms(&again, why) && (again.account_id == m->account_id || err_set(why, ERR_DENIED, "The account that pays is another one now"));
}

/* Each second: may he, with what he showed, still call this model at this account's cost?  A stream may live for long, so what a look
 * needs of memory goes with it. */
static bool may_still(struct model_call *m, struct err *why)
{
    struct call *c = m->c;
    struct arena *own = c->a;
    struct identity who = c->who;
    c->a = arena_new(0);
    bool ok = may_call_again(m, why);
    call_give_back(c);
    arena_free(c->a);
    c->a = own;
    c->who = who;
    return ok;
}

/* Whether to go on at all. */
static bool is_wanted(struct model_call *m, int64_t now, struct err *why)
{
    if (http_has_left(m->c->http)) return err_set(why, ERR_CLOSED, "the client went away");
    if (now - m->began_us >= longest_ms(m) * 1000)
        return err_kind(why, ERR_TIMEOUT, INFER_DEADLINE, "the call is not done after the %lld s that a call may take here; ask for fewer tokens",
                        (long long)(longest_ms(m) / 1000));
    if (now - m->asked_us >= RIGHTS_MS * 1000) {
        m->asked_us = now;
        if (!may_still(m, why)) return false;
    }
    if (is_waited_for(m, now)) return true;
    return refuse_loading(m, why);
}

/* When to look again although nothing has come, in ms. */
static int pause_ms(const struct model_call *m, int64_t now)
{
    const int64_t patience = m->began_us + m->wait_ms * 1000, longest = m->began_us + longest_ms(m) * 1000;
    int64_t at = m->is_given_up ? m->due_us : m->asked_us + RIGHTS_MS * 1000;
    if (!m->is_given_up && m->is_stream && m->due_us < at) at = m->due_us;
    if (!m->is_given_up && !m->has_heard && patience < at) at = patience;
    if (!m->is_given_up && longest < at) at = longest;
    return at <= now ? 1 : (int)((at - now) / 1000) + 1;
}

static bool step(struct call *c, struct err *e)
{
    struct model_call *m = c->step_ctx;
    struct err why;
    bool done;
    int64_t now = clock_mono_us();
    if (!m->is_given_up && !is_wanted(m, now, &why)) give_up(m, &why);
    bool ok = take_events(m, &done, e);
    if (done) return ok;
    if (m->is_given_up && now >= m->due_us) return refuse(m, m->why, e);
    if (!m->is_given_up && m->is_stream && now >= m->due_us && !sign_of_life(m, &why)) give_up(m, &why);
    return call_pause(c, step, m, pause_ms(m, now));
}

bool model_run(struct model_call *m, str json, uint64_t tokens_max, const char *route, const struct model_sink *sink, struct err *e)
{
    struct call *c = m->c;
    const struct infer_request r = {
        .repo = &m->repo, .commit = &m->commit, .base = m->is_adapter ? &m->base : NULL, .base_commit = &m->base_commit,
        .json = json, .tokens_max = tokens_max, .parameters = m->parameters, .who = &c->who, .account_id = m->account_id,
        .request_id = http_request_id(c->http), .route = route, .is_stream = m->is_stream, .notify = on_news, .ctx = c->http,
    };
    http_add_header(c->http, "Inference-Id", http_request_id(c->http));
    http_add_header(c->http, "x-inference-provider", STR("hf-inference"));
    http_add_header(c->http, "x-use-cache", STR("false")); /* every answer is computed */
    call_give_back(c);
    m->began_us = m->asked_us = clock_mono_us();
    if (!infer_begin(c->api->config.infer, &r, &m->running, e)) return false;
    m->sink = sink;
    m->parts = arena_new(0);
    arena_on_free(c->a, free_parts, m->parts);
    m->due_us = m->began_us + FIRST_MS * 1000;
    return call_pause(c, step, m, pause_ms(m, m->began_us));
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
