/* infer/call.c - calls: admission, waiting for what comes, and the record at the end. */
#include <string.h>

#include "base/ckd.h"
#include "base/clock.h"
#include "base/log.h"
#include "infer/adapter.h"

enum {
    EVENT_BYTES_MAX = 4 << 20, /* what a client may leave unread */
    ANSWER_MEMORY = 512 << 20, /* of an answer, while it is looked into */
};

/* ------------------------------------------------------------------ what a worker says (under the lock) */

struct infer_call *call_find(struct model *m, uint64_t number)
{
    struct infer_call *c = m->first;
    while (c && c->number != number) c = c->next;
    return c;
}

static void tell(struct infer_call *c)
{
    pthread_cond_signal(&c->changed);
    if (c->notify) c->notify(c->notify_ctx);
}

static void add_event(struct infer_call *c, enum infer_event kind, str json)
{
    struct event *v = mem_alloc(sizeof *v + json.n + 1);
    v->kind = kind;
    v->n = json.n;
    if (json.n) memcpy(v->text, json.p, json.n);
    *c->last = v;
    c->last = &v->next;
    c->event_bytes += json.n;
    tell(c);
}

static void leave_model(struct infer_call *c)
{
    struct model *m = c->model;
    struct infer_call **at = &m->first;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    if (c->is_sent) m->running--, adapter_end(m, c);
    else m->waiting--;
    c->is_over = true;
    m->used_ms = clock_mono_ms();
    if (!m->first) pthread_cond_broadcast(&c->f->room); /* it may be stopped now, if somebody needs its memory */
}

static uint64_t count_of(const struct json *j, const char *name)
{
    int64_t v = json_int_or(j, str_c(name), 0);
    return v > 0 ? (uint64_t)v : 0;
}

static uint64_t least_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void note_times(struct infer_call *c, uint64_t tokens)
{
    int64_t now = clock_mono_us();
    if (!c->told_us) stats_time(&c->stats->first_token, now - c->came_us, 1);
    else stats_time(&c->stats->between_tokens, (now - c->told_us) / (int64_t)tokens, tokens);
    c->told_us = now;
}

/* Should the worker die, this is what the call has cost. */
static void note_progress(struct infer_call *c, str json)
{
    struct arena *a = c->model->parts;
    struct json *j;
    struct err ignored;
    arena_reset(a);
    if (json_parse(json, a, &j, &ignored)) {
        uint64_t tokens = least_of(count_of(j, "new"), c->most.completion);
        if (tokens && count_of(j, "choice") == 0) note_times(c, tokens);
        c->record.units.completion += tokens;
        if (c->record.units.prompt == 0) c->record.units.prompt = count_of(j, "prompt_tokens");
    }
}

void call_part(struct model *m, uint64_t number, str json)
{
    struct infer_call *c = call_find(m, number);
    struct err why;
    if (!c) return; /* it was cancelled, and the worker did not know yet */
    note_progress(c, json);
    if (c->event_bytes + json.n <= EVENT_BYTES_MAX) {
        add_event(c, INFER_PART, json);
        return;
    }
    err_set(&why, ERR_TIMEOUT, "the client does not read what it asked for");
    model_cancel(m, c);
    call_fail(c, &why);
}

static void note_usage(struct infer_call *c, const struct json *j)
{
    struct price_units *u = &c->record.units;
    *u = (struct price_units){ .prompt = count_of(j, "prompt_tokens"), .cached = count_of(j, "cached_tokens"),
                               .completion = count_of(j, "completion_tokens"), .compute_us = count_of(j, "compute_us") };
    c->record.queue_us = count_of(j, "queue_us");
    c->record.first_us = count_of(j, "first_us");
    c->record.finish = arena_dup(c->a, json_str_or(json_at(json_get(j, STR("choices")), 0), STR("finish"), STR("unknown")));
}

/* Under the lock.  A worker that was taken over by its model may say any number: nobody pays for what cannot have been.  What it could
 * have generated in truth it may say; it could generate it, too. */
static void believe(struct infer_call *c)
{
    const uint64_t elapsed = (uint64_t)(clock_mono_us() - c->came_us);
    struct price_units *u = &c->record.units;
    const struct price_units said = *u;
    u->prompt = least_of(u->prompt, c->most.prompt);
    u->completion = least_of(u->completion, c->most.completion);
    u->cached = least_of(u->cached, u->prompt);
    u->compute_us = least_of(u->compute_us, elapsed);
    c->record.queue_us = least_of(c->record.queue_us, elapsed);
    c->record.first_us = least_of(c->record.first_us, elapsed);
    if (said.prompt == u->prompt && said.completion == u->completion && said.compute_us == u->compute_us) return;
    c->record.finish = STR("miscounted");
    if (c->stats->disbelieved++ == 0)
        log_warn("infer", "the worker of %.*s counts %llu tokens in, %llu out and %llu us, of a call that can have %llu, %llu and %llu at most: such calls"
                 " are recorded with that, as \"miscounted\"", STR_ARG(c->record.model), (unsigned long long)said.prompt, (unsigned long long)said.completion,
                 (unsigned long long)said.compute_us, (unsigned long long)c->most.prompt, (unsigned long long)c->most.completion, (unsigned long long)elapsed);
}

static void end_well(struct infer_call *c, const struct json *j, str json)
{
    struct model *m = c->model;
    note_usage(c, j);
    believe(c);
    m->failures = 0;
    leave_model(c);
    add_event(c, INFER_END, json);
    model_dispatch(m);
}

/* An answer may have megabytes, and all calls want the lock: it is read before. */
void call_end(struct model *m, uint64_t number, str json)
{
    struct arena *a = arena_new(ANSWER_MEMORY);
    struct json *j;
    struct err e;
    bool ok = json_parse(json, a, &j, &e);
    pthread_mutex_lock(&m->f->lock);
    struct infer_call *c = call_find(m, number);
    if (c && ok) end_well(c, j, json);
    else if (c) call_fail(c, &e);
    pthread_mutex_unlock(&m->f->lock);
    arena_free(a);
}

void call_fail(struct infer_call *c, const struct err *why)
{
    struct model *m = c->model;
    leave_model(c);
    c->has_failed = true;
    c->why = arena_one(c->a, struct err);
    *c->why = *why;
    tell(c);
    model_dispatch(m);
}

/* ------------------------------------------------------------------ beginning */

/* Every commit that is called makes a model; those that nobody has called for an hour are forgotten. */
static void forget_old(struct infer *f)
{
    enum { REMEMBERED_MS = 3600000 };
    int64_t now = clock_mono_ms();
    for (struct model **at = &f->first; *at;) {
        struct model *m = *at;
        if (m->has_thread || m->first || m->is_pinned || now - m->used_ms < REMEMBERED_MS) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        model_free(m);
    }
}

struct model *model_at(struct infer *f, const struct repo *repo, const struct vcs_oid *commit)
{
    struct model *m;
    forget_old(f);
    for (m = f->first; m; m = m->next)
        if (m->repo.id == repo->id && vcs_oid_eq(&m->commit, commit)) return m;
    m = mem_one(struct model);
    m->f = f;
    m->a = arena_new(0);
    m->parts = arena_new(1 << 20);
    m->repo = *repo;
    m->repo.full_name = arena_dup(m->a, repo->full_name);
    m->commit = *commit;
    m->next = f->first;
    f->first = m;
    return m;
}

static bool join(struct infer *f, struct infer_call *c, const struct infer_request *r, struct err *e)
{
    size_t waiting_max = f->config.waiting_max;
    bool ok = false;
    pthread_mutex_lock(&f->lock);
    struct model *m = model_at(f, r->base ? r->base : r->repo, r->base ? r->base_commit : r->commit);
    c->stats = stats_of(&f->stats, r->repo->id);
    c->stats->calls++;
    if (f->is_stopping) {
        err_set(e, ERR_BUSY, "the server is being stopped");
    } else if (m->waiting >= waiting_max) {
        err_kind(e, ERR_BUSY, INFER_OVERLOADED, "%zu calls wait for %.*s already; try again in a moment", m->waiting, STR_ARG(m->repo.full_name));
    } else {
        struct infer_call **last = &m->first;
        c->model = m;
        c->stats->cold_calls += m->state != INFER_READY;
        c->number = ++f->next_number;
        c->was_cold = m->state != INFER_READY;
        while (*last) last = &(*last)->next;
        *last = c;
        m->waiting++;
        m->used_ms = clock_mono_ms();
        ok = model_wake(m, e);
        if (ok) model_dispatch(m);
        else leave_model(c);
    }
    if (!ok) c->stats->outcome[stats_outcome_of(e)]++;
    pthread_mutex_unlock(&f->lock);
    return ok;
}

static void count_refusal(struct infer *f, const struct infer_request *r, const struct err *why)
{
    pthread_mutex_lock(&f->lock);
    struct stats_model *s = stats_of(&f->stats, r->repo->id);
    s->calls++;
    s->outcome[stats_outcome_of(why)]++;
    pthread_mutex_unlock(&f->lock);
}

static void call_free(struct infer_call *c)
{
    for (struct event *v = c->first, *next; v; v = next) {
        next = v->next;
        mem_free(v);
    }
    mem_free(c->given);
    mem_free(c->json);
    pthread_cond_destroy(&c->changed);
    arena_free(c->a);
    mem_free(c);
}

static void fill_record(struct infer_call *c, const struct infer_request *r)
{
    char hex[VCS_OID_HEX + 1];
    c->record = (struct meter_call){
        .request_id = arena_dup(c->a, r->request_id), .route = str_c(r->route), .model = arena_dup(c->a, r->repo->full_name),
        .revision = arena_dup(c->a, vcs_oid_hex(r->commit, hex)), .finish = STR("cancelled"), .at_ms = clock_now_ms(),
        .account_id = r->account_id, .user_id = r->who->user_id, .is_stream = r->is_stream,
    };
    if (r->who->via_token) {
        c->record.token_id = r->who->token.id;
        c->record.token = arena_dup(c->a, r->who->token.label);
    }
}

/* The dearest that it could be, as far as can be told without its tokenizer: a token has a byte at least.  A text that is very long
 * is not looked into: all of it counts as output. */
static struct price_units dearest(const struct infer_request *r)
{
    enum { LOOKED_INTO_BYTES = 1 << 20 };
    struct price_units u = { .completion = r->tokens_max };
    struct arena *a = arena_new(16 << 20);
    struct json *j;
    struct err ignored;
    if (r->json.n <= LOOKED_INTO_BYTES && json_parse(r->json, a, &j, &ignored)) {
        const struct json *options = json_get(j, STR("options")), *prompts = json_get(j, STR("prompts"));
        uint64_t tokens = count_of(options, "max_new_tokens"), n = json_get(options, STR("n")) ? count_of(options, "n") : 1, each;
        if (ckd_mul(&each, n, json_is(prompts, JSON_ARRAY) ? prompts->count : 1) || ckd_mul(&tokens, tokens, each) || tokens > r->tokens_max) tokens = r->tokens_max;
        if (!options || tokens) u = (struct price_units){ .prompt = r->tokens_max - tokens, .completion = tokens };
    }
    arena_free(a);
    return u;
}

/* A token of a prompt is a byte of the call at least, or stands in the model's template.  Encoders may pair every text with every other. */
static uint64_t prompt_most(const struct infer_request *r, bool is_continued)
{
    enum { TEMPLATE_BYTES = 1 << 16 };
    uint64_t quotes = 0, most = r->json.n + TEMPLATE_BYTES;
    if (is_continued) return most;
    for (size_t i = 0; i < r->json.n; i++) quotes += r->json.p[i] == '"';
    return ckd_mul(&most, most, quotes / 2 + 1) ? UINT64_MAX : most;
}

/* What the worker is told before what the protocol says: whose call it is, and, of an account with bounds, what is held, for it counts
 * before it computes, and runs nothing that could cost more. */
static void address(struct infer_call *c, int64_t held, str json)
{
    const struct price_card *card = &c->record.card;
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "{\"account\":%lld,", (long long)c->record.account_id);
    if (held != METER_UNBOUNDED) {
        struct json_writer w = json_writer(&b);
        buf_lit(&b, "\"hold\":");
        jw_object(&w);
        jw_kint(&w, "input", card->input);
        jw_kint(&w, "cached_input", card->cached_input);
        jw_kint(&w, "output", card->output);
        jw_kint(&w, "most", held);
        jw_object_end(&w);
        buf_byte(&b, ',');
    }
    buf_add(&b, str_from(json, 1));
    mem_free(c->json);
    c->json = buf_take(&b, &c->json_n);
}

static bool hold_price(struct infer *f, struct infer_call *c, const struct infer_request *r, struct err *e)
{
    int64_t most, least, held;
    const struct price_units all = dearest(r), one = { .prompt = 1, .completion = all.completion ? 1 : 0 };
    struct db_conn *db = db_reader(hub_db(f->hub));
    bool ok = price_find(db, r->repo->full_name, r->parameters, &c->record.card, c->a, e);
    db_give(hub_db(f->hub), db);
    c->most = (struct price_units){ .prompt = prompt_most(r, all.prompt && all.completion), .completion = all.completion };
    if (!ok || !price_of(&c->record.card, &all, &most, e) || !price_of(&c->record.card, &one, &least, e)) return false;
    if (!all.completion || least > most) least = most; /* encoders count while they compute */
    if (!meter_hold(f->meter, r->account_id, least, most, &c->hold, &held, e)) return false;
    if (all.completion && r->json.n > 2) address(c, held, r->json);
    return true;
}

void call_counted(struct model *m, uint64_t number, str json)
{
    struct infer_call *c = call_find(m, number);
    struct arena *a = arena_new(1 << 20);
    struct json *j;
    struct err ignored;
    int64_t most;
    if (c && json_parse(json, a, &j, &ignored)) {
        const struct price_units u = { .prompt = least_of(count_of(j, "prompt_tokens"), c->most.prompt),
                                       .completion = least_of(count_of(j, "completion_tokens"), c->most.completion) };
        c->most = u; /* what is no longer held is not billed */
        if (price_of(&c->record.card, &u, &most, &ignored)) meter_shrink(c->f->meter, c->hold, most);
    }
    arena_free(a);
}

bool infer_begin(struct infer *f, const struct infer_request *r, struct infer_call **out, struct err *e)
{
    struct infer_call *c = mem_one(struct infer_call);
    c->f = f;
    c->a = arena_new_small(0);
    c->last = &c->first;
    c->came_us = clock_mono_us();
    pthread_cond_init(&c->changed, NULL);
    c->json = mem_dup(r->json);
    c->json_n = r->json.n;
    if (r->base) c->adapter_id = r->repo->id, c->adapter_commit = *r->commit;
    c->notify = r->notify;
    c->notify_ctx = r->ctx;
    fill_record(c, r);
    if (hold_price(f, c, r, e)) {
        if (join(f, c, r, e)) {
            *out = c;
            return true;
        }
        meter_release(f->meter, c->hold);
    } else {
        count_refusal(f, r, e);
    }
    call_free(c);
    return false;
}

/* ------------------------------------------------------------------ waiting, and the end */

bool infer_next(struct infer_call *c, int timeout_ms, enum infer_event *what, str *json, struct err *e)
{
    int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
    bool ok = true, in_time = true;
    *what = INFER_NOTHING;
    mem_free(c->given);
    c->given = NULL;
    pthread_mutex_lock(&c->f->lock);
    while (!c->first && !c->has_failed && in_time) in_time = clock_wait(&c->changed, &c->f->lock, until_us);
    if (c->first) {
        struct event *v = c->given = c->first;
        if (!(c->first = v->next)) c->last = &c->first;
        c->event_bytes -= v->n;
        *what = v->kind;
        *json = str_n(v->text, v->n);
    } else if (c->has_failed) {
        *e = *c->why;
        ok = false;
    }
    pthread_mutex_unlock(&c->f->lock);
    return ok;
}

/* Under the lock.  The worker tells what it has produced so far, unless it dies. */
static void cancel(struct infer_call *c)
{
    struct err why;
    if (c->is_over || c->is_cancelled) return;
    c->is_cancelled = true;
    if (c->is_sent) {
        model_cancel(c->model, c);
        return;
    }
    err_set(&why, ERR_CLOSED, "the call was cancelled before it began");
    call_fail(c, &why);
}

struct price_units infer_used(struct infer_call *c)
{
    pthread_mutex_lock(&c->f->lock);
    struct price_units used = c->record.units;
    pthread_mutex_unlock(&c->f->lock);
    return used;
}

void infer_cancel(struct infer_call *c)
{
    pthread_mutex_lock(&c->f->lock);
    cancel(c);
    pthread_mutex_unlock(&c->f->lock);
}

static void cancel_and_wait(struct infer_call *c)
{
    enum { WORKER_ANSWERS_MS = 10000 };
    int64_t until_us = clock_mono_us() + (int64_t)WORKER_ANSWERS_MS * 1000;
    bool in_time = !c->is_cancelled;
    cancel(c);
    while (!c->is_over && in_time) in_time = clock_wait(&c->changed, &c->f->lock, until_us);
    if (!c->is_over) leave_model(c);
}

/* Under the lock. */
static void count_end(struct infer_call *c, bool was_dropped)
{
    struct stats_model *s = c->stats;
    const struct price_units *u = &c->record.units;
    s->outcome[was_dropped ? STATS_DROPPED : c->has_failed ? stats_outcome_of(c->why) : STATS_SUCCESS]++;
    s->prompt_tokens += u->prompt;
    s->cached_tokens += u->cached;
    s->completion_tokens += u->completion;
    if (was_dropped || c->has_failed) return; /* the times of what was done say how fast it is done */
    stats_time(&s->duration, clock_mono_us() - c->came_us, 1);
    stats_time(&s->queue, c->queued_us + (int64_t)c->record.queue_us, 1);
    stats_time(&s->compute, (int64_t)u->compute_us, 1);
    if (u->completion) stats_time(&s->per_token, (int64_t)(u->compute_us / u->completion), 1);
    stats_length(&s->input, u->prompt);
    stats_length(&s->output, u->completion);
}

/* Of a stream the client has had what came before; of a whole answer he has had nothing, and pays nothing. */
static void note_failure(struct infer_call *c)
{
    c->record.finish = STR("error");
    if (!c->record.is_stream) c->record.units = (struct price_units){ 0 };
}

bool infer_end(struct infer_call *c, int status, struct err *e)
{
    struct infer *f = c->f;
    pthread_mutex_lock(&f->lock);
    c->notify = NULL;
    if (!c->is_over) cancel_and_wait(c);
    if (c->is_cancelled) c->record.finish = STR("cancelled");
    else if (c->has_failed) note_failure(c);
    believe(c);
    count_end(c, c->is_cancelled);
    pthread_mutex_unlock(&f->lock);
    bool ok = true;
    c->record.status = status;
    c->record.is_cold = c->was_cold;
    if (c->record.units.prompt + c->record.units.completion == 0) {
        meter_release(f->meter, c->hold); /* it produced nothing */
    } else {
        ok = meter_settle(f->meter, c->hold, &c->record, NULL, e);
    }
    call_free(c);
    return ok;
}
