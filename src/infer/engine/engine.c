/* infer/engine/engine.c - see infer/engine/engine.h.
 *
 * Calls wait, in the order of arrival, until there is room for the keys and values of their choices, of which as many run as fit;
 * all that runs takes part in every step.  A choice that can never fit fails its call at once. */
#include <string.h>

#include "base/clock.h"
#include "infer/engine/engine_priv.h"
#include "infer/engine/task.h"
#include "infer/engine/text.h"
#include "infer/meter/price.h"
#include "model/decoder/adapter.h"
#include "model/generate/config.h"

enum { SCORE_SHARE = 4 };

static void find_markers(struct engine *g)
{
    static const char *const thoughts[] = { THINK_OPEN, THINK_CLOSE };
    uint32_t id;
    g->thinks = think_is_taught(chat_template(g->chat, false));
    for (size_t i = 0; g->thinks && i < COUNT(thoughts); i++)
        if (tokenizer_id(g->tokenizer, str_c(thoughts[i]), &id) && tokenizer_is_special(g->tokenizer, id)) g->marker[g->thought_markers++] = id;
    g->markers = g->thought_markers;
    g->markers += engine_tools_markers(g->chat, g->tokenizer, g->marker + g->markers, COUNT(g->marker) - g->markers);
}

static bool open_decoder(struct engine *g, const struct engine_config *config, struct err *e)
{
    if (!source_tokenizer(g->source, config->cache_dir, &g->tokenizer, e) || !chat_open(g->source, &g->chat, e) ||
        !decoder_open_source(g->source, config->type, g->team, &g->decoder, e) || !generation_config_read(g->source, decoder_config(g->decoder), g->a, &g->defaults, e))
        return false;
    g->vocabulary = engine_vocabulary_new();
    g->reader = engine_reader_new(g);
    if (g->chat) find_markers(g);
    g->generator = generator_new(g->decoder, g->team, config->kv_bytes);
    return true;
}

static bool open_model(struct engine *g, const struct engine_config *config, struct err *e)
{
    const struct task_kind *kind;
    if (!task_detect(g->source, &kind, e)) return false;
    if (kind == task_kind_find(STR("text-generation"))) return open_decoder(g, config, e);
    return engine_tasks_open(g->source, kind, config->type, g->team, &g->tasks, e);
}

bool engine_open(const char *folder, const struct engine_config *config, const struct engine_sink *sink, struct engine **out, struct err *e)
{
    struct engine *g = mem_one(struct engine);
    g->sink = *sink;
    g->a = arena_new(0);
    g->last = &g->first;
    g->kv_bytes = config->kv_bytes;
    g->team = team_new(config->threads);
    if (source_open(folder, &g->source, e)) {
        source_keep_in(g->source, config->cache_dir);
        source_name_content(g->source, config->content);
        if (open_model(g, config, e)) {
            g->text = engine_text_new(g->source, g->tokenizer, g->chat);
            *out = g;
            return true;
        }
    }
    engine_close(g);
    return false;
}

static void end_score(struct engine *g)
{
    score_free(g->score);
    g->score = NULL;
    g->scorer = NULL;
}

static void work_free(struct engine *g, struct work *w)
{
    for (size_t i = 0; i < w->choices; i++)
        if (w->choice[i].s) {
            generator_remove(g->generator, w->choice[i].s);
            g->running--;
        }
    if (g->scorer == w) end_score(g);
    engine_work_unread(w);
}

void engine_close(struct engine *g)
{
    if (!g) return;
    for (struct work *w = g->first, *next; w; w = next) {
        next = w->next;
        work_free(g, w);
    }
    engine_tasks_close(g->tasks);
    engine_text_free(g->text);
    generator_free(g->generator);
    engine_reader_free(g->reader);
    engine_vocabulary_free(g->vocabulary);
    for (size_t i = 0; i < ENGINE_ADAPTERS_MAX; i++) adapter_close(g->adapter[i]);
    decoder_close(g->decoder);
    chat_close(g->chat);
    tokenizer_free(g->tokenizer);
    source_close(g->source);
    team_free(g->team);
    arena_free(g->a);
    mem_free(g);
}

bool engine_needs_files(const struct engine *g) { return g->tasks || !decoder_is_kept(g->decoder); }

void engine_describe(const struct engine *g, struct buf *out)
{
    if (g->tasks) {
        engine_tasks_describe(g->tasks, out);
        return;
    }
    const struct decoder_config *c = decoder_config(g->decoder);
    const struct weights *weights;
    struct err ignored;
    uint64_t files = engine_needs_files(g) && source_weights(g->source, &weights, &ignored) ? weights_bytes(weights) : 0; /* which stay mapped */
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kstr(&w, "task", STR("text-generation"));
    jw_kstr(&w, "model_type", c->model_type);
    jw_kint(&w, "positions", c->positions);
    jw_kint(&w, "vocabulary", c->vocab);
    jw_kint(&w, "parameters", (int64_t)decoder_parameters(g->decoder));
    jw_kbool(&w, "has_chat", g->chat != NULL);
    jw_kbool(&w, "needs_files", engine_needs_files(g));
    jw_kint(&w, "bytes", (int64_t)(files + decoder_packed_bytes(g->decoder) + g->kv_bytes));
    jw_object_end(&w);
}

/* ------------------------------------------------------------------ the life of a call */

static void drop(struct engine *g, struct work *w)
{
    struct work **at = &g->first;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    if (!*at) g->last = at;
    work_free(g, w);
}

static void fail(struct engine *g, struct work *w, const struct err *why)
{
    g->sink.fail(g->sink.ctx, w->call, why);
    drop(g, w);
}

bool engine_adapter(struct engine *g, size_t slot, const char *dir, struct err *e)
{
    must(slot < ENGINE_ADAPTERS_MAX);
    if (g->tasks) return err_set(e, ERR_UNPROCESSABLE, "the base model is an encoder; adapters are built for models that generate text");
    for (const struct work *w = g->first; w; w = w->next)
        if (g->adapter[slot] && w->o.sequence.adapter == g->adapter[slot]) return err_set(e, ERR_BUSY, "a call still uses the adapter that was there");
    adapter_close(g->adapter[slot]);
    g->adapter[slot] = NULL;
    return adapter_open(dir, g->decoder, g->team, &g->adapter[slot], e);
}

static bool find_adapter(struct engine *g, struct work *w, const struct json *request, struct err *e)
{
    const struct json *v = json_get(request, STR("adapter"));
    int64_t slot;
    if (!v) return true;
    if (!json_int(v, &slot) || slot < 0 || slot >= ENGINE_ADAPTERS_MAX || !g->adapter[slot]) return err_set(e, ERR_INVALID, "there is no adapter in that slot");
    w->o.sequence.adapter = g->adapter[slot];
    return true;
}

/* What has a result instead of parts. */
static void deliver(struct engine *g, uint64_t call, str task, const struct buf *result, const struct task_done *bill)
{
    struct buf b = BUF_INIT(0);
    struct json_writer j = json_writer(&b);
    struct err why;
    if (result->failed) {
        err_set(&why, ERR_TOO_LARGE, "the answer has more than %d bytes; ask for less at once", ENGINE_ANSWER_MAX);
        g->sink.fail(g->sink.ctx, call, &why);
        return;
    }
    jw_object(&j);
    jw_kstr(&j, "task", task);
    jw_kraw(&j, "result", result->n ? buf_str(result) : STR("null"));
    if (bill) {
        jw_kint(&j, "prompt_tokens", (int64_t)bill->tokens);
        jw_kint(&j, "queue_us", bill->queue_us);
        jw_kint(&j, "compute_us", bill->compute_us);
    }
    jw_object_end(&j);
    g->sink.end(g->sink.ctx, call, buf_str(&b));
    buf_deinit(&b);
}

static void take_task(struct engine *g, uint64_t call, const struct json *request)
{
    struct err why;
    struct arena *a = arena_new(0);
    struct json *copy = json_copy(a, request);
    if (engine_text_spell(g->text, (struct json *)(uintptr_t)json_get(copy, STR("inputs")), a, &why) && engine_tasks_take(g->tasks, call, copy, a, &why)) return;
    arena_free(a);
    g->sink.fail(g->sink.ctx, call, &why);
}

static bool step_tasks(struct engine *g)
{
    struct task_done done;
    bool has_run = engine_tasks_step(g->tasks);
    for (;;) {
        struct buf answer = BUF_INIT(ENGINE_ANSWER_MAX);
        bool is_over = engine_tasks_done(g->tasks, &done, &answer);
        if (is_over && done.ok) deliver(g, done.call, str_c(done.kind->name), &answer, &done);
        else if (is_over) g->sink.fail(g->sink.ctx, done.call, &done.why);
        buf_deinit(&answer);
        if (!is_over) return has_run;
    }
}

/* Free, and no queue: what is asked of the tokenizer. */
static void answer_text(struct engine *g, uint64_t call, str task, const struct json *request)
{
    struct buf result = BUF_INIT(ENGINE_ANSWER_MAX);
    struct err why;
    bool ok = true;
    if (str_eq(task, STR("describe"))) engine_describe(g, &result);
    else ok = engine_text_run(g->text, request, &result, &why);
    if (ok) deliver(g, call, task, &result, NULL);
    else g->sink.fail(g->sink.ctx, call, &why);
    buf_deinit(&result);
}

static bool is_task(const struct json *request) { return json_get(request, STR("inputs")) != NULL; }

/* The dearest that it can be now that its prompts are counted. */
static bool check_hold(struct engine *g, struct work *w, const struct json *request, struct err *e)
{
    const struct json *hold = json_get(request, STR("hold"));
    if (!hold) return true;
    const struct price_card card = { .input = json_int_or(hold, STR("input"), 0), .cached_input = json_int_or(hold, STR("cached_input"), 0),
                                     .output = json_int_or(hold, STR("output"), 0) };
    struct price_units fresh = { .prompt = w->prompt_count };
    int64_t most = json_int_or(hold, STR("most"), 0), cost, other;
    for (size_t i = 0; i < w->prompts; i++) {
        size_t positions = decoder_config(g->decoder)->positions, n = w->prompt[i].n, room = positions > n ? positions - n : 0;
        size_t tokens = w->o.sequence.new_tokens_max;
        fresh.completion += (uint64_t)w->o.choices * (tokens < room ? tokens : room);
    }
    struct price_units cached = fresh;
    cached.cached = cached.prompt;
    if (!price_of(&card, &fresh, &cost, e) || !price_of(&card, &cached, &other, e)) return false;
    if (other > cost) cost = other;
    if (cost > most) {
        str rest = price_text(most, w->a), wanted = price_text(cost, w->a);
        return err_set(e, ERR_DENIED, "%.*s are left of your allowance and budget, and this call may cost %.*s; ask for fewer tokens, raise the budget, or wait "
                       "for the allowance of the next day (00:00 UTC)", STR_ARG(rest), STR_ARG(wanted));
    }
    struct buf b = BUF_INIT(0);
    struct json_writer j = json_writer(&b);
    jw_object(&j);
    jw_kint(&j, "prompt_tokens", (int64_t)fresh.prompt);
    jw_kint(&j, "completion_tokens", (int64_t)fresh.completion);
    jw_object_end(&j);
    g->sink.counted(g->sink.ctx, w->call, buf_str(&b));
    buf_deinit(&b);
    return true;
}

/* Takes its place among the calls; what it needs of the engine, which changes, is looked up. */
static void admit(struct engine *g, struct work *w, const struct json *request)
{
    struct err e;
    *g->last = w;
    g->last = &w->next;
    if (!find_adapter(g, w, request, &e) || !check_hold(g, w, request, &e)) fail(g, w, &e);
}

void engine_call_read(struct engine *g, uint64_t call, const struct json *request, struct engine_read *read, const struct err *why)
{
    if (!read) {
        g->sink.fail(g->sink.ctx, call, why);
        return;
    }
    struct work *w = engine_read_take(read);
    w->call = call;
    admit(g, w, request);
}

bool engine_generates(const struct engine *g, const struct json *request)
{
    return !g->tasks && !is_task(request) && !engine_text_knows(json_str_or(request, STR("task"), STR("")));
}

void engine_call(struct engine *g, uint64_t call, const struct json *request)
{
    str task = json_str_or(request, STR("task"), STR(""));
    if (engine_text_knows(task)) {
        answer_text(g, call, task, request);
        return;
    }
    if (g->tasks && is_task(request)) {
        take_task(g, call, request);
        return;
    }
    struct err why;
    if (g->tasks || is_task(request)) {
        err_set(&why, ERR_UNPROCESSABLE, g->tasks ? "the model is an encoder: it generates no text" : "the model generates text: it has no such task");
        g->sink.fail(g->sink.ctx, call, &why);
        return;
    }
    engine_call_read(g, call, request, engine_read(g->reader, request, &why), &why);
}

/* What is told with its prompt is begun when that has been looked at. */
static bool may_begin(const struct work *w, size_t choice) { return !engine_scores_first(w) || choice / w->o.choices < w->scored; }

/* As many choices as there is room for, the others when there is: false with ERR_BUSY. */
static bool begin(struct engine *g, struct work *w, struct err *e)
{
    for (; w->choices_begun < w->choices && may_begin(w, w->choices_begun); w->choices_begun++) {
        size_t i = w->choices_begun;
        const struct prompt *p = &w->prompt[i / w->o.choices];
        struct sequence_options o = w->o.sequence;
        o.tokenizer = g->tokenizer;
        o.sampling.seed += i % w->o.choices;
        if (!generator_add(g->generator, p->id, p->n, &o, &w->choice[i].s, e)) return false;
        g->running++;
        if (!w->began_us) w->began_us = clock_mono_us();
        w->has_begun = true;
        if (w->is_echo) engine_send_echo(g, w, i);
    }
    return true;
}

static void begin_who_waits(struct engine *g)
{
    struct err e;
    bool is_full = false;
    for (struct work *w = g->first, *next; w && !is_full; w = next) {
        next = w->next;
        if (w->choices_begun == w->choices || begin(g, w, &e)) continue;
        is_full = e.code == ERR_BUSY && g->running; /* when nothing runs, it will never fit */
        if (!is_full) fail(g, w, &e);
    }
}

/* ------------------------------------------------------------------ what a step brought */

static bool collect_choice(struct engine *g, struct work *w, size_t i, struct err *e)
{
    struct choice *c = &w->choice[i];
    engine_send_part(g, w, i);
    c->finish = sequence_finish(c->s);
    if (c->finish == FINISH_NOT && w->tools && engine_tools_is_done(w->tools, i)) c->finish = FINISH_STOP;
    if (c->finish == FINISH_NOT) return true;
    if (i % w->o.choices == 0) w->reused += sequence_reused_count(c->s);
    generator_remove(g->generator, c->s);
    g->running--;
    c->s = NULL;
    w->choices_running--;
    return c->finish != FINISH_STUCK || err_set(e, ERR_UNPROCESSABLE, "no token of this model can continue what the grammar asks for");
}

/* A step of one prompt after the other.  Calls take turns, for the keys and values of this are beside those of all sequences. */
static bool score_prompts(struct engine *g, struct work *w, bool *is_done, struct err *e)
{
    struct prompt *p = &w->prompt[w->scored];
    *is_done = false;
    if (g->scorer && g->scorer != w) return true;
    if (!g->scorer && !score_new(g->decoder, w->o.sequence.adapter, g->team, p->id, p->n, g->kv_bytes / SCORE_SHARE, &g->score, e)) return false;
    g->scorer = w;
    if (!score_step(g->score, is_done, e)) return false;
    if (!*is_done) return true;
    p->log_probability = arena_alloc(w->a, p->n * sizeof *p->log_probability);
    memcpy(p->log_probability, score_log_probabilities(g->score), p->n * sizeof *p->log_probability);
    end_score(g);
    *is_done = ++w->scored == w->prompts;
    return true;
}

static void collect(struct engine *g, struct work *w)
{
    struct err e;
    bool is_scored = true;
    for (size_t i = 0; i < w->choices; i++)
        if (w->choice[i].s && !collect_choice(g, w, i, &e)) {
            fail(g, w, &e);
            return;
        }
    bool is_first = engine_scores_first(w) && w->scored < w->prompts;
    if (w->choices_running && !is_first) return;
    if (w->o.wants_prefill && w->scored < w->prompts && !score_prompts(g, w, &is_scored, &e)) {
        fail(g, w, &e);
        return;
    }
    if (!is_scored || w->choices_running) return;
    engine_send_end(g, w);
    drop(g, w);
}

void engine_cancel(struct engine *g, uint64_t call)
{
    struct task_done done;
    if (g->tasks) {
        const struct buf nothing = BUF_INIT(0);
        if (engine_tasks_cancel(g->tasks, call, &done)) deliver(g, call, str_c(done.kind->name), &nothing, &done);
        return;
    }
    for (struct work *w = g->first; w; w = w->next) {
        if (w->call != call) continue;
        engine_send_end(g, w);
        drop(g, w);
        return;
    }
}

bool engine_step(struct engine *g, bool *idle, struct err *e)
{
    if (g->tasks) {
        *idle = !step_tasks(g);
        return true;
    }
    begin_who_waits(g);
    *idle = g->first == NULL;
    if (*idle) return true;
    bool nothing;
    if (!generator_step(g->generator, &nothing, e)) return false;
    for (struct work *w = g->first, *next; w; w = next) {
        next = w->next;
        if (w->has_begun || engine_scores_first(w)) collect(g, w);
    }
    return true;
}
