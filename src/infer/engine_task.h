/* infer/engine_task.h - calls that are answered at once: the pipelines of model/task, on the encoder of a repository.
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
/* Adds the answer to out; *kind: the task that it was; *tokens: of the texts in the request. */
bool engine_tasks_run(struct engine_tasks *t, const struct json *request, struct buf *out, const struct task_kind **kind, size_t *tokens, struct err *e);
void engine_tasks_describe(const struct engine_tasks *t, struct buf *out); /* as engine_describe */

#endif
