/* model/task/task.h - what Transformers calls a pipeline: a task's name, a model, JSON in and JSON out.
 *
 * A request is {"inputs": ..., "parameters": {...}} with the names and defaults of Transformers' pipelines (and of
 * sentence-transformers, where the task is theirs); the answer is what they return.  A parameter that is not known is
 * refused by name.  Offsets count Unicode scalar values, as Python's do.
 *
 * A task holds a model and its working memory; it belongs to one thread at a time (its team helps). */
#ifndef MODEL_TASK_TASK_H
#define MODEL_TASK_TASK_H

#include "base/buf.h"
#include "base/json.h"
#include "kernel/kernel.h"
#include "model/nn/team.h"
#include "model/source.h"

struct task_kind {
    const char *name, *also; /* also: another name that Transformers takes, or NULL */
    const char *inputs;      /* what `inputs` looks like, for people */
    const char *parameters;  /* names, separated by blanks */
};
/* Row i of the table of tasks; NULL past the last.  text-generation is a row, too, though no task_open makes it: it is
 * generate/'s. */
const struct task_kind *task_kind(size_t i);
const struct task_kind *task_kind_find(str name); /* NULL: there is none */

/* What a repository is for: by its pipeline_tag, its modules, its architectures. */
bool task_detect(struct source *s, const struct task_kind **out, struct err *e);

struct task;
/* s must outlive it.  type: what the weights of linear layers are packed as. */
bool task_open(struct source *s, const struct task_kind *kind, enum kernel_type type, struct team *team,
               struct task **out, struct err *e);
void task_close(struct task *t); /* NULL is fine */

/* request borrows for the call.  Adds the answer to out. */
bool task_run(struct task *t, const struct json *request, struct buf *out, struct err *e);
size_t task_tokens(const struct task *t); /* of the last request's texts */

#endif
