/* infer/engine/task.c - see infer/engine/task.h. */
#include "infer/engine/task.h"

#include "base/arena.h"
#include "base/clock.h"
#include "infer/engine/engine.h"

enum { KINDS_MAX = 32, STEP_US = 200000 /* about so long is a step, so that who comes or leaves is noticed */,
       STEP_TOKENS_FIRST = 1024, STEP_TOKENS_LEAST = 128, STEP_TOKENS_MOST = 16384 };

struct task_work {
    struct task_work *next;
    uint64_t call;
    struct arena *a; /* its request */
    const struct task_kind *kind;
    struct task *task;
    struct task_call *running;
    int64_t came_us, began_us, compute_us; /* began 0: not yet; compute: its tokens' share of the steps */
};

struct engine_tasks {
    struct source *source;
    const struct task_kind *own;
    enum kernel_type type;
    struct team *team;
    struct task *task[KINDS_MAX]; /* as task_kind() counts; NULL: not asked for yet */
    struct task_work *first, **last; /* in the order of their turns */
    size_t calls, step_tokens;
};

static void work_free(struct task_work *w)
{
    task_end(w->running);
    arena_free(w->a);
    mem_free(w);
}

static bool find(struct engine_tasks *t, const struct task_kind *kind, struct task **out, struct err *e)
{
    size_t i = 0;
    while (task_kind(i) != kind) i++;
    must(i < KINDS_MAX);
    if (!t->task[i] && !task_open(t->source, kind, t->type, t->team, &t->task[i], e)) return false;
    *out = t->task[i];
    return true;
}

bool engine_tasks_open(struct source *s, const struct task_kind *kind, enum kernel_type type, struct team *team, struct engine_tasks **out, struct err *e)
{
    struct engine_tasks *t = mem_one(struct engine_tasks);
    struct task *ignored;
    *t = (struct engine_tasks){ .source = s, .own = kind, .type = type, .team = team, .step_tokens = STEP_TOKENS_FIRST };
    t->last = &t->first;
    if (find(t, kind, &ignored, e)) {
        *out = t;
        return true;
    }
    engine_tasks_close(t);
    return false;
}

void engine_tasks_close(struct engine_tasks *t)
{
    if (!t) return;
    for (struct task_work *w = t->first, *next; w; w = next) {
        next = w->next;
        work_free(w);
    }
    for (size_t i = 0; i < KINDS_MAX; i++) task_close(t->task[i]);
    mem_free(t);
}

/* The defaults, and behind them the call's parameters: of two with one name the last holds.  Vectors leave packed: whoever wants
 * numbers writes them, once. */
static struct json *with_defaults(const struct json *request, const struct task_kind *kind, struct arena *a)
{
    const struct json *given = json_get(request, STR("parameters")), *defaults = json_get(json_get(request, STR("defaults")), str_c(kind->name));
    struct json_list all = json_list_new(a, JSON_OBJECT); /* there may be very many, of which the task then refuses the first */
    struct json *out = json_new(a, JSON_OBJECT);
    json_each (item, defaults) json_list_add(&all, json_share(a, item));
    json_each (item, given) json_list_add(&all, json_share(a, item));
    json_put(out, STR("inputs"), json_share(a, json_get(request, STR("inputs"))));
    json_put(out, STR("parameters"), all.container);
    json_put(out, STR("packed"), json_new_bool(a, true));
    return out;
}

/* ------------------------------------------------------------------ calls */

bool engine_tasks_take(struct engine_tasks *t, uint64_t call, const struct json *request, struct arena *a, struct err *e)
{
    str name = json_str_or(request, STR("task"), STR(""));
    const struct task_kind *kind = name.n ? task_kind_find(name) : t->own;
    struct task *task;
    struct task_call *running;
    if (!kind) return err_set(e, ERR_NOT_BUILT, "the task \"%.*s\" is not built in this version of Hearth", STR_ARG(str_to(name, 60)));
    const bool is_of_vectors = kind == task_kind_find(STR("feature-extraction")); /* which take twice as much when they are written out */
    if (!find(t, kind, &task, e) || !task_begin(task, with_defaults(request, kind, a), is_of_vectors ? ENGINE_ANSWER_MAX / 2 : ENGINE_ANSWER_MAX, &running, e))
        return false;
    struct task_work *w = mem_one(struct task_work);
    *w = (struct task_work){ .call = call, .a = a, .kind = kind, .task = task, .running = running, .came_us = clock_mono_us() };
    *t->last = w;
    t->last = &w->next;
    t->calls++;
    return true;
}

/* Takes it out of the list. */
static void unlink_work(struct engine_tasks *t, struct task_work *w)
{
    struct task_work **at = &t->first;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    if (!*at) t->last = at;
    w->next = NULL;
}

static void work_end(struct engine_tasks *t, struct task_work *w, struct task_done *out)
{
    *out = (struct task_done){ .call = w->call, .kind = w->kind, .tokens = task_tokens_done(w->running), .compute_us = w->compute_us,
                               .queue_us = (w->began_us ? w->began_us : clock_mono_us()) - w->came_us };
    unlink_work(t, w);
    t->calls--;
}

/* From now on a step takes as many tokens as this one would have taken had it been as long as it should be. */
static void learn(struct engine_tasks *t, size_t tokens, int64_t took_us)
{
    if (took_us < 1) took_us = 1;
    size_t fit = (size_t)((double)tokens * STEP_US / (double)took_us);
    if (fit > t->step_tokens && tokens < t->step_tokens / 2) return; /* it was not a full one, and says little */
    t->step_tokens = fit < STEP_TOKENS_LEAST ? STEP_TOKENS_LEAST : fit > STEP_TOKENS_MOST ? STEP_TOKENS_MOST : fit;
}

/* Who took part and is not done comes behind those who did not. */
static void take_turns(struct engine_tasks *t, size_t n, const size_t *before, struct task_work *const *work)
{
    for (size_t i = 0; i < n; i++) {
        if (task_tokens_done(work[i]->running) == before[i] || task_is_done(work[i]->running)) continue;
        unlink_work(t, work[i]);
        *t->last = work[i];
        t->last = &work[i]->next;
    }
}

bool engine_tasks_step(struct engine_tasks *t)
{
    if (!t->first) return false;
    size_t n = 0, tokens = 0;
    struct arena *a = arena_new(0);
    struct task_work **work = arena_alloc(a, t->calls * sizeof *work);
    struct task_call **running = arena_alloc(a, t->calls * sizeof *running);
    size_t *before = arena_alloc(a, t->calls * sizeof *before);
    for (struct task_work *w = t->first; w; w = w->next) {
        if (w->task != t->first->task) continue; /* another head, which is another model: with a step of its own */
        work[n] = w;
        before[n] = task_tokens_done(w->running);
        running[n++] = w->running;
    }
    int64_t now = clock_mono_us();
    task_step(running, n, t->step_tokens);
    int64_t took_us = clock_mono_us() - now;
    for (size_t i = 0; i < n; i++) tokens += task_tokens_done(running[i]) - before[i];
    for (size_t i = 0; i < n; i++) {
        size_t own = task_tokens_done(running[i]) - before[i];
        if (own && !work[i]->began_us) work[i]->began_us = now;
        if (own) work[i]->compute_us += took_us * (int64_t)own / (int64_t)tokens;
    }
    if (tokens) learn(t, tokens, took_us);
    take_turns(t, n, before, work);
    arena_free(a);
    return true;
}

bool engine_tasks_done(struct engine_tasks *t, struct task_done *out, struct buf *answer)
{
    struct task_work *w = t->first;
    while (w && !task_is_done(w->running)) w = w->next;
    if (!w) return false;
    work_end(t, w, out);
    out->ok = task_answer(w->running, answer, &out->why);
    work_free(w);
    return true;
}

bool engine_tasks_cancel(struct engine_tasks *t, uint64_t call, struct task_done *out)
{
    struct task_work *w = t->first;
    while (w && w->call != call) w = w->next;
    if (!w) return false;
    work_end(t, w, out);
    work_free(w);
    return true;
}

void engine_tasks_describe(const struct engine_tasks *t, struct buf *out)
{
    const struct weights *weights;
    struct err ignored;
    struct json_writer w = json_writer(out);
    uint64_t parameters = 0, size_bytes = 0;
    if (source_weights(t->source, &weights, &ignored)) {
        size_bytes = weights_bytes(weights);
        for (size_t i = 0; i < weights_count(weights); i++) parameters += weights_nth(weights, i)->elements;
    }
    jw_object(&w);
    jw_kstr(&w, "task", str_c(t->own->name));
    jw_kstr(&w, "model_type", json_str_or(source_config(t->source), STR("model_type"), STR("")));
    jw_kint(&w, "positions", json_int_or(source_config(t->source), STR("max_position_embeddings"), 0));
    jw_kint(&w, "parameters", (int64_t)parameters);
    jw_kbool(&w, "has_chat", false);
    jw_kbool(&w, "needs_files", true);
    jw_kint(&w, "bytes", (int64_t)(2 * size_bytes)); /* the files stay, for their embeddings are read where they lie */
    jw_object_end(&w);
}
