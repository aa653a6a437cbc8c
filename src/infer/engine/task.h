/* infer/engine/task.h - calls of the pipelines of model/task, on the encoder of a repository.
 *
 * Calls go through the model together: a step takes a text of each in turn, and is short, whatever they bring.
 *
 * A call is {"task" (the repository's own, when it is left out), "inputs", "parameters", "defaults": {task: {parameters that count
 * where the call has none}}}: a protocol may have other defaults than Transformers, before it is known which task it is.  Tasks that need another head than the
 * repository's own are opened when they are first asked for. */
#ifndef INFER_ENGINE_TASK_H
#define INFER_ENGINE_TASK_H

#include "model/task/task.h"

struct engine_tasks;
bool engine_tasks_open(struct source *s, const struct task_kind *kind, enum kernel_type type, struct team *team, struct engine_tasks **out, struct err *e);
void engine_tasks_close(struct engine_tasks *t); /* NULL is fine */
/* A call begins: its texts are read.  The request lies in a, which is the call's when this returns true. */
bool engine_tasks_take(struct engine_tasks *t, uint64_t call, const struct json *request, struct arena *a, struct err *e);
bool engine_tasks_step(struct engine_tasks *t); /* false: there is nothing to be done */

struct task_done {
    uint64_t call;
    const struct task_kind *kind;
    size_t tokens; /* that went through */
    int64_t queue_us, compute_us;
    bool ok;
    struct err why;
};
/* The next call that is over, with its answer; false: none is. */
bool engine_tasks_done(struct engine_tasks *t, struct task_done *out, struct buf *answer);
bool engine_tasks_cancel(struct engine_tasks *t, uint64_t call, struct task_done *out); /* false: there is none */
void engine_tasks_describe(const struct engine_tasks *t, struct buf *out); /* as engine_describe */

#endif
