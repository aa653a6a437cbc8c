/* api/infer/infer_api.h - what the protocols of inference share: finding a model, running a call, streaming its text. */
#ifndef API_INFER_INFER_API_H
#define API_INFER_INFER_API_H

#include "api/api.h"
#include "infer/infer.h"

extern const struct api_table infer_usage_table, infer_openai_table, infer_embeddings_table, infer_tasks_table, infer_models_table, infer_tgi_table, infer_tei_table;

enum {
    CALL_BODY_MAX = 12 << 20,
    NEW_TOKENS_BY_DEFAULT = 16384, /* when a client sets no bound; the model's positions bound it too */
};

struct model_call {
    struct call *c;
    struct repo repo;
    struct vcs_oid commit;
    uint64_t parameters; /* as the index has them; 0: unknown */
    bool is_encoder; /* as the index has its config.json: it generates no text */
    struct infer_call *running;
    bool is_stream;
    int status; /* for the record */
};
/* "owner/name", perhaps with ":policy" behind it, of a model that the caller may read. */
bool model_find(struct call *c, str model, struct model_call *out, struct err *e);
/* The repository of the route. */
bool model_of_route(struct call *c, struct model_call *out, struct err *e);
/* tokens_max: of input and output together.  The database and the git handle of the call are given back first. */
bool model_begin(struct model_call *m, str json, uint64_t tokens_max, const char *route, struct err *e);
/* The next part or the end; *json NULL at the end of patience (now and then), for a sign of life. */
bool model_next(struct model_call *m, int patience_ms, const struct json **json, bool *is_end, struct err *e);
/* Again is fine. */
bool model_end(struct model_call *m, struct err *e);
/* Waits for the end of a call that has no parts. */
bool model_answer(struct model_call *m, const struct json **end, struct err *e);
/* Ends it however far it came; returns ok. */
bool model_done(struct model_call *m, bool ok, const struct err *e);

/* TGI's text generation (tgi.c). */
enum tgi_form { TGI_OBJECT, TGI_LIST, TGI_STREAM };
bool tgi_generate(struct call *c, const struct model_call *m, const struct json *body, enum tgi_form form, struct err *e);

/* Adds to /metrics what calls of models came to (metrics.c). */
bool infer_metrics(struct call *c, struct buf *out, struct err *e);

/* Server-sent events. */
bool sse_begin(struct call *c, struct err *e);
bool sse_data(struct call *c, str json, struct err *e);
bool sse_comment(struct call *c, struct err *e); /* a sign of life that every client passes over */

#endif
