/* model/task/task.h - what Transformers calls a pipeline: a task's name, a model, JSON in and JSON out.
 *
 * A request is {"inputs": ..., "parameters": {...}} with the names and defaults of Transformers' pipelines (and of
 * sentence-transformers, where the task is theirs); the answer is what they return.  A parameter that is not known is
 * refused by name.  Offsets count Unicode scalar values, as Python's do.
 *
 * A task holds a model and its working memory; it and its calls belong to one thread at a time (its team helps). */
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

/* One request: its parameters, and its texts as tokens; "packed": true beside them: each vector of feature-extraction is a text instead of a
 * list of numbers, base64 of its floats, little-endian.  The request must outlive it, and it ends before its task.  An answer of more than
 * answer_bytes_max fails as soon as it is, with ERR_TOO_LARGE. */
struct task_call;
bool task_begin(struct task *t, const struct json *request, size_t answer_bytes_max, struct task_call **out, struct err *e);
void task_end(struct task_call *c); /* NULL is fine */
/* One step of requests of one task, together: a text of each in turn goes through the model, until there are so many tokens (and one text at
 * least).  A text is answered as it is alone.  Those that have nothing left take no part. */
void task_step(struct task_call *const *call, size_t n, size_t tokens_max);
size_t task_tokens_done(const struct task_call *c); /* of its texts that went through */
/* Nothing is left to be done, or it has failed. */
bool task_is_done(const struct task_call *c);
/* Of one that is done: adds the answer to out, or says why there is none. */
bool task_answer(struct task_call *c, struct buf *out, struct err *e);

/* All of that for one request. */
bool task_run(struct task *t, const struct json *request, struct buf *out, struct err *e);

#endif
