/* infer/engine_task.c - see infer/engine_task.h. */
#include "infer/engine_task.h"

enum { KINDS_MAX = 32 };

struct engine_tasks {
    struct source *source;
    const struct task_kind *own;
    enum kernel_type type;
    struct team *team;
    struct task *task[KINDS_MAX]; /* as task_kind() counts; NULL: not asked for yet */
};

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
    *t = (struct engine_tasks){ .source = s, .own = kind, .type = type, .team = team };
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
    for (size_t i = 0; i < KINDS_MAX; i++) task_close(t->task[i]);
    mem_free(t);
}

static struct json *copy_of(const struct json *v, struct arena *a)
{
    struct json *copy = json_new(a, JSON_NULL);
    *copy = *v; /* what it contains is shared */
    copy->next = NULL;
    return copy;
}

/* The call's parameters, and behind them the defaults that it does not have. */
static struct json *with_defaults(const struct json *request, const struct task_kind *kind, struct arena *a)
{
    const struct json *given = json_get(request, STR("parameters")), *defaults = json_get(json_get(request, STR("defaults")), str_c(kind->name));
    struct json *out = json_new(a, JSON_OBJECT), *all = json_new(a, JSON_OBJECT);
    json_each (item, given) json_put(all, item->key, copy_of(item, a));
    json_each (item, defaults)
        if (!json_get(given, item->key)) json_put(all, item->key, copy_of(item, a));
    json_put(out, STR("inputs"), copy_of(json_get(request, STR("inputs")), a));
    json_put(out, STR("parameters"), all);
    return out;
}

bool engine_tasks_run(struct engine_tasks *t, const struct json *request, struct buf *out, const struct task_kind **kind, size_t *tokens, struct err *e)
{
    str name = json_str_or(request, STR("task"), STR(""));
    *kind = name.n ? task_kind_find(name) : t->own;
    struct task *task;
    if (!*kind) return err_set(e, ERR_NOT_BUILT, "the task \"%.*s\" is not built in this version of Hearth", STR_ARG(str_to(name, 60)));
    if (!find(t, *kind, &task, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = task_run(task, with_defaults(request, *kind, a), out, e);
    arena_free(a);
    *tokens = task_tokens(task);
    return ok;
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
