/* api/infer/workers_ai.h - Cloudflare's Workers AI: what its files share.  The account in the path is a user or an organisation of the
 * hub, who pays; a model is "@hf/owner/name", or a name that the operator has given it. */
#ifndef API_INFER_WORKERS_AI_H
#define API_INFER_WORKERS_AI_H

#include "api/infer/openai.h"

struct run { /* a call of ai/run */
    struct model_call m;
    const struct json *input;
    bool wants_json;
    struct buf text;
    struct calls calls; /* of functions */
};
/* {"result": and ,"success":true,"errors":[],"messages":[]} around it. */
void workers_ai_begin(struct json_writer *w);
void workers_ai_end(struct json_writer *w);
/* Failures of a worker in this protocol's words. */
void workers_ai_rename(struct model_call *m, struct err *why);

/* workers_ai_tools.c: "tools", flat or in OpenAI's form, and the calls of an answer, {"name", "arguments"} with an object. */
bool workers_ai_write_tools(struct run *r, struct json_writer *w, struct err *e);
void workers_ai_write_calls(struct run *r, struct json_writer *w);
/* A message of a conversation in which functions were called: theirs as templates take them. */
bool workers_ai_write_message(struct json_writer *w, const struct json *message, struct err *e);

/* workers_ai_task.c: models that are encoders. */
bool workers_ai_run_task(struct run *r, struct err *e);

#endif
