/* infer/infer.h - hosted models as a service: calls in, text out, workers started and stopped as needed.
 *
 * A model is a repository at a commit.  Its first call starts a worker and waits for it, calls that come meanwhile wait for the
 * same one; a worker that nobody has called for a while is stopped, and one that nobody calls now makes room for another.
 * What waits is served by accounts in turn: whoever has least under way comes first.  Safe from any thread. */
#ifndef INFER_INFER_H
#define INFER_INFER_H

#include "hub/hub.h"
#include "infer/meter/meter.h"
#include "infer/stats.h"

struct infer;
struct infer_config {
    const char *home;      /* of the hub: tmp/ and models/ are below it */
    const char *dtype;     /* "bf16", "q8", ... */
    size_t threads;        /* of a worker; 0: as many as there are processors */
    uint64_t memory_bytes; /* what all workers together may take; 0: three quarters of what the machine, or its control group, has */
    uint64_t kv_bytes;     /* of a worker, for keys and values; 0: 512 MiB */
    int64_t idle_ms;       /* 0: five minutes */
    size_t running_max;    /* calls that a worker has at once; 0: 32 */
    size_t waiting_max;    /* calls that wait for one model; 0: 256 */
    int64_t wait_ms;       /* how long a call may wait before its model begins it; 0: two minutes */
    int64_t deadline_ms;   /* the longest time of a call, with its waiting; 0: ten minutes */
    struct meter_config meter;
};
bool infer_new(struct hub *h, const struct infer_config *config, struct infer **out, struct err *e);
/* From now on nothing new begins; after grace_ms what still runs fails. */
void infer_stop(struct infer *f, int64_t grace_ms);
void infer_free(struct infer *f); /* every call must have been ended; NULL is fine */
struct meter *infer_meter(struct infer *f);
const struct infer_config *infer_settings(const struct infer *f); /* with the defaults filled in */

struct infer_request {
    const struct repo *repo;
    const struct vcs_oid *commit;
    const struct repo *base; /* NULL, or `repo` is an adapter (adapter.h) that runs beside this model: recorded and priced as itself */
    const struct vcs_oid *base_commit;
    str json;              /* of engine.h */
    uint64_t tokens_max;   /* of input and output: what the price is held for */
    uint64_t parameters;   /* as the index knows them, for the price; 0: unknown */
    /* for the record */
    const struct identity *who;
    int64_t account_id;    /* who pays */
    str request_id;
    const char *route;
    bool is_stream;
    /* Something happened: infer_next has news.  From any thread, under a lock: it must be quick, and may not call infer_....  NULL
     * is fine; not called any more after infer_end. */
    void (*notify)(void *ctx);
    void *ctx;
};
struct infer_call;
/* Kinds of refusals; the second is for who keeps the time of a call (api/). */
#define INFER_OVERLOADED "overloaded"
#define INFER_DEADLINE "deadline"
/* ERR_BUSY of kind INFER_OVERLOADED: too many wait for this model.  ERR_DENIED of kind METER_EXHAUSTED: no money.  ERR_NO_SPACE: the
 * model is larger than the memory that there is for models.  What fails later, infer_next says. */
bool infer_begin(struct infer *f, const struct infer_request *r, struct infer_call **out, struct err *e);

enum infer_event { INFER_NOTHING, INFER_PART, INFER_END };
/* The next thing that happened; INFER_NOTHING: nothing within timeout_ms.  json (of engine.h) stays until the next call. */
bool infer_next(struct infer_call *c, int timeout_ms, enum infer_event *what, str *json, struct err *e);
/* After INFER_END: what the record will say was used, which is what clients are to be told.  A worker may count wrongly. */
struct price_units infer_used(struct infer_call *c);
/* Nobody listens any more: the worker ends it with its next step, and says what it has produced; until then (INFER_END, or a
 * failure) more may come.  Again is fine. */
void infer_cancel(struct infer_call *c);
/* Ends it, whatever its state: one that runs is cancelled, and waited for unless infer_cancel was called before.  When this returns
 * true, what was produced has been recorded.  status: what the client was told. */
bool infer_end(struct infer_call *c, int status, struct err *e);

enum infer_state { INFER_COLD, INFER_STARTING, INFER_READY, INFER_STOPPING, INFER_FAILED };
struct infer_model {
    int64_t repo_id;
    char commit[VCS_OID_HEX + 1];
    enum infer_state state;
    size_t running, waiting;
    uint64_t bytes;
    str described; /* JSON of engine_describe, when it is ready */
    str reason;    /* when it failed, or its worker died last */
    bool is_pinned;
    int64_t used_ms, retry_ms; /* last use, 0: none; when it failed: not before */
};
/* What has been called since the start and is not forgotten yet. */
void infer_models(struct infer *f, struct arena *a, struct infer_model **out, size_t *n);

/* Lets its workers go as soon as nothing runs on them; one that is pinned is started again. */
void infer_rest(struct infer *f, int64_t repo_id);

/* What has been counted since the start, by repository, and how its workers are now. */
struct infer_stat {
    struct stats_model counted;
    size_t running, waiting, workers[INFER_FAILED + 1]; /* by state */
    uint64_t claimed_bytes, resident_bytes;             /* of the memory for models; of what processes have */
};
void infer_stats(struct infer *f, struct arena *a, struct infer_stat **out, size_t *n);
uint64_t infer_memory(struct infer *f); /* what all workers together may take */

#endif
