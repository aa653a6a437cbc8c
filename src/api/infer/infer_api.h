/* api/infer/infer_api.h - what the protocols of inference share: finding a model, running a call, streaming its text. */
#ifndef API_INFER_INFER_API_H
#define API_INFER_INFER_API_H

#include "api/api.h"
#include "infer/infer.h"

/* Kinds of refusals that the shapes of api/infer/error.c tell apart. */
#define INFER_LOADING "loading"         /* the model is being started, and the caller does not wait */
#define INFER_GENERATION "generation"   /* the worker failed, not the request */
#define INFER_TEMPLATE "template_error" /* the chat template refuses, or there is none */
#define INFER_EMPTY "empty"             /* nothing to work on */
#define INFER_WRONG_MODEL "wrong_model" /* the model is made for something else */
#define INFER_NO_ADAPTER "no_adapter"   /* what is named as an adapter is none of this model */
#define INFER_NO_MODEL "no_model"       /* for Workers AI */
#define INFER_BAD_MODEL "bad_model"     /* for Workers AI: the name is none */
#define TGI_INVALID "Input validation error: "
enum { INFER_LOADING_S = 5 }; /* when to ask again */
void infer_flat_error(enum api_shape shape, const struct err *e, struct buf *out); /* of SHAPE_TASK, _TGI, _TEI: for events */
void infer_cloudflare_error(const struct err *e, struct buf *out);

extern const struct api_table infer_usage_table, infer_chat_table, infer_completions_table, infer_responses_table, infer_embeddings_table, infer_tasks_table, infer_models_table, infer_tgi_table, infer_tei_table, infer_info_table, infer_state_table,
    infer_workers_ai_table, infer_catalogue_table;

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
    /* Before the client is told of a failure: the kind that the protocol tells apart (model_failed).  NULL: as it is. */
    void (*rename)(struct model_call *m, struct err *why);
};

struct model_call {
    struct call *c;
    struct repo repo;
    struct vcs_oid commit;
    bool is_adapter;     /* and runs beside base, whose `parameters` and `is_encoder` these are */
    struct repo base;
    struct vcs_oid base_commit;
    uint64_t parameters; /* as the index has them; 0: unknown */
    bool is_encoder; /* as the index has its config.json and its task: it generates no text */
    bool is_stream;
    int64_t account_id; /* who pays: the caller, or the organisation of X-HF-Bill-To */
    int64_t wait_ms;    /* for a model that is being started; then ERR_BUSY of kind INFER_LOADING */
    void *ctx; /* the handler's */
    /* private to model_call.c */
    const struct model_sink *sink;
    struct infer_call *running;
    struct arena *parts;
    bool has_begun, is_given_up, has_heard; /* has_heard: the model is there */
    int64_t began_us, asked_us; /* asked: whether he may still call it */
    int64_t due_us; /* a sign of life; or, when it was given up, the end of patience */
    struct err *why; /* it was given up */
    int status; /* for the record */
};
/* "owner/name", perhaps with ":policy" behind it, of a model that the caller may read. */
bool model_find(struct call *c, str model, struct model_call *out, struct err *e);
/* The model of the address, whatever the body says; else "model" of the body.  *name: what the answer calls it. */
bool model_of_request(struct call *c, const struct json *body, str *name, struct model_call *out, struct err *e);
/* Where OpenAI's surface is: at the root and its alias, under an account of Workers AI, and under a model's address. */
#define OPENAI_ROW(prefix, permission, path, fn, name) { HTTP_POST, prefix "/v1/" path, permission, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, fn, name, SHAPE_OPENAI }
#define OPENAI_ROWS(path, fn, name)                                                                                                            \
    OPENAI_ROW("", PERM_USER, path, fn, name), OPENAI_ROW("/hf-inference", PERM_USER, path, fn, name),                                         \
    OPENAI_ROW("/client/v4/accounts/:account/ai", PERM_USER, path, fn, name), OPENAI_ROW("/models/:ns/:repo", PERM_REPO_CALL, path, fn, name), \
    OPENAI_ROW("/hf-inference/models/:ns/:repo", PERM_REPO_CALL, path, fn, name)
/* The repository of the route. */
bool model_of_route(struct call *c, struct model_call *out, struct err *e);
/* A small JSON file of the repository; *out NULL: there is none, or none that can be read. */
bool model_json(struct model_call *m, const char *path, const struct json **out, struct err *e);
/* What is known of it in memory; false: nobody has called it lately. */
bool model_state(struct model_call *m, struct infer_model *out);
/* The same model with an adapter of it, by name; before anything else is set.  ERR_UNPROCESSABLE of kind INFER_NO_ADAPTER: it is none of its. */
bool model_adapt(struct model_call *m, str adapter, struct err *e);
/* "options": {"wait_for_model"} of a body; headers that say the same are read when the model is found. */
void model_read_options(struct model_call *m, const struct json *body);
/* Charges another account: its name, or id.  ERR_DENIED unless the caller belongs to it. */
bool model_bill_to(struct model_call *m, str account, struct err *e);
/* The last thing that a handler does: begins the call and gives the thread back, with the database and the git handle; `sink`
 * answers.  m lies in the arena of the call.  tokens_max: of input and output together.  Server-sent events are begun by
 * themselves where m->is_stream, after a second at the latest: what fails before has a status of its own.  When the client leaves,
 * or the longest time of a call is over, it is cancelled and recorded. */
bool model_run(struct model_call *m, str json, uint64_t tokens_max, const char *route, const struct model_sink *sink, struct err *e);

/* For `rename`: what does not fit is ERR_UNPROCESSABLE, what went wrong inside of kind INFER_GENERATION. */
void model_failed(struct model_call *m, struct err *why);
/* x-compute-*, x-queue-time and their like, from the end of a call; before the answer begins.  time_in_ms: as TEI has it. */
void model_headers(struct model_call *m, const struct json *end, size_t characters, bool time_in_ms);

/* Whether the runtime knows such a model, by what the index has of its config.json (models.c).  Only running it tells for certain. */
struct repo_summary;
bool model_is_callable(const struct repo_summary *s, struct arena *a);
/* Which task this server does with it, as Hugging Face's providers name tasks ("conversational" of one that chats); empty: none. */
str model_task_served(struct call *c, const struct repo_summary *s);
/* The entries of "inferenceProviderMapping": an object by provider, or in lists a list. */
void model_write_providers(struct call *c, struct json_writer *w, const struct repo_summary *s, bool in_list);
void model_write_available(struct call *c, struct json_writer *w, const struct repo_summary *s); /* "availableInferenceProviders" */

/* OpenAI's chat (chat.c), of the model that the address or the body names. */
bool openai_chat(struct call *c, struct err *e);

/* TGI's text generation (tgi.c). */
enum tgi_form { TGI_OBJECT, TGI_LIST, TGI_STREAM };
bool tgi_generate(struct call *c, const struct model_call *m, const struct json *body, enum tgi_form form, struct err *e);

/* Adds to /metrics what calls of models came to (metrics.c). */
bool infer_metrics(struct call *c, struct buf *out, struct err *e);

/* Of a request: null is the same as absent. */
static inline bool is_given(const struct json *v) { return v && v->type != JSON_NULL; }

/* vectors.c: a vector of a worker's answer; lists of them, of any depth, as lists of numbers. */
bool vector_read(const struct json *v, struct arena *a, float **out, size_t *n, struct err *e);
void vector_write(struct json_writer *w, const float *v, size_t n);
bool vectors_write(struct json_writer *w, const struct json *v, struct err *e);

/* Server-sent events. */
bool sse_data(struct call *c, str json, struct err *e);

#endif
