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

/* What a protocol makes of a call: written once for whole answers and streams, run whenever something has come.  No thread
 * waits meanwhile: what it needs lies in m->ctx, in the arena of the call. */
struct model_call;
struct model_sink {
    /* New text and tokens (engine.h); NULL: not wanted.  `part` stays until this returns. */
    bool (*part)(struct model_call *m, const struct json *part, struct err *e);
    /* The answer, or the last events of a stream.  `end` stays as long as the call.  What was written leaves after the call has
     * been recorded. */
    bool (*end)(struct model_call *m, const struct json *end, struct err *e);
    /* Of a stream that has begun, so that the status is on its way: an event that says so.  NULL where nothing is streamed. */
    bool (*failure)(struct model_call *m, const struct err *why, struct err *e);
};

struct model_call {
    struct call *c;
    struct repo repo;
    struct vcs_oid commit;
    uint64_t parameters; /* as the index has them; 0: unknown */
    bool is_encoder; /* as the index has its config.json: it generates no text */
    bool is_stream;
    void *ctx; /* the handler's */
    /* private to model_call.c */
    const struct model_sink *sink;
    struct infer_call *running;
    struct arena *parts;
    bool has_begun, is_given_up;
    int64_t due_us; /* a sign of life; or, when it was given up, the end of patience */
    struct err why; /* it was given up */
    int status; /* for the record */
};
/* "owner/name", perhaps with ":policy" behind it, of a model that the caller may read. */
bool model_find(struct call *c, str model, struct model_call *out, struct err *e);
/* The repository of the route. */
bool model_of_route(struct call *c, struct model_call *out, struct err *e);
/* The last thing that a handler does: begins the call and gives the thread back, with the database and the git handle; `sink`
 * answers.  m lies in the arena of the call.  tokens_max: of input and output together.  Server-sent events are begun by
 * themselves where m->is_stream, after a second at the latest: what fails before has a status of its own.  When the client leaves,
 * or the longest time of a call is over, it is cancelled and recorded. */
bool model_run(struct model_call *m, str json, uint64_t tokens_max, const char *route, const struct model_sink *sink, struct err *e);

/* TGI's text generation (tgi.c). */
enum tgi_form { TGI_OBJECT, TGI_LIST, TGI_STREAM };
bool tgi_generate(struct call *c, const struct model_call *m, const struct json *body, enum tgi_form form, struct err *e);

/* Adds to /metrics what calls of models came to (metrics.c). */
bool infer_metrics(struct call *c, struct buf *out, struct err *e);

/* Server-sent events. */
bool sse_data(struct call *c, str json, struct err *e);

#endif
