/* infer/infer_priv.h - what calls and workers share.  Everything below is guarded by infer.lock but where it says otherwise. */
#ifndef INFER_PRIV_H
#define INFER_PRIV_H

#include <pthread.h>

#include "infer/engine/engine.h"
#include "infer/infer.h"
#include "infer/pin.h"
#include "infer/worker/process.h"
#include "infer/stats.h"

struct event { /* a frame's JSON on its way to who called */
    struct event *next;
    enum infer_event kind;
    size_t n;
    char text[];
};

struct infer_call {
    struct infer_call *next; /* in its model's list, in the order of arrival */
    struct infer *f;
    struct model *model;
    uint64_t number;
    pthread_cond_t changed;
    struct event *first, **last, *given;
    size_t event_bytes;
    bool is_sent;  /* the worker has it */
    bool is_over;  /* its end, or its failure, is among the events or in why */
    bool has_failed, was_cold, is_cancelled;
    void (*notify)(void *ctx);
    void *notify_ctx;
    struct err *why; /* of has_failed */
    char *json;    /* until it is sent */
    size_t json_n;
    struct meter_hold *hold;
    int64_t adapter_id; /* of its repository; 0: none */
    struct vcs_oid adapter_commit;
    size_t slot; /* of the worker, once it is sent */
    struct meter_call record;
    struct price_units most; /* what its worker is believed of that; of time, as long as the call has been here */
    struct stats_model *stats;
    int64_t came_us, told_us, queued_us; /* told: the last part of its first choice; queued: until the worker had it */
    struct arena *a;
};

enum slot_state { SLOT_EMPTY, SLOT_LOADING, SLOT_READY, SLOT_FAILED };
struct adapter_slot { /* of a worker: infer/adapter.h */
    enum slot_state state;
    int64_t repo_id;
    struct vcs_oid commit;
    size_t users; /* calls that the worker has */
    int64_t used_ms;
    uint64_t bytes; /* of the model's claim */
    struct err why; /* it failed */
};

struct model {
    struct model *next;
    struct infer *f;
    struct repo repo;
    struct vcs_oid commit;
    struct arena *a, *parts; /* of a part, while it is looked into */
    enum infer_state state;
    struct infer_call *first; /* all that are not over */
    size_t running, waiting;
    uint64_t claimed; /* of the memory for models */
    char *described, *reason;
    int64_t used_ms, retry_ms; /* by clock_mono_ms: last use; not before, when it failed */
    unsigned failures;
    bool must_stop;
    bool is_pinned; /* as of the keeper's last look */
    bool has_served;
    bool has_thread, must_join; /* it runs; it was started, and is to be joined */
    pthread_t thread;
    pid_t pid; /* of the worker, or 0 */
    struct adapter_slot slot[ENGINE_ADAPTERS_MAX];
    struct channel *channel; /* of the worker that is ready, or NULL */
};

struct infer {
    struct hub *hub;
    struct infer_config config;
    char tmp_dir[300], cache_dir[300];
    struct meter *meter;
    pthread_mutex_t lock;
    pthread_cond_t room; /* a worker has ended */
    bool is_stopping;
    int64_t stop_ms; /* by clock_mono_ms: then what runs fails */
    uint64_t next_number;
    struct keeper *keeper;
    struct model *first;
    struct stats stats;
};

/* model.c: the life of a worker, on a thread of its own. */
void model_free(struct model *m);                        /* one without calls and without a running thread */
bool model_wake(struct model *m, struct err *e);         /* starts a worker unless there is one */
void model_dispatch(struct model *m);                    /* hands waiting calls to the worker while it has room */
void model_stop(struct model *m);                        /* as soon as nothing runs */
void model_cancel(struct model *m, struct infer_call *c);
bool model_claim(struct model *m, uint64_t needs);       /* more memory for a worker that runs; false: there is none now */
bool model_read_failure(str json, struct err *e);        /* what a worker says of one; returns false */
/* cache.c: the folder for what is made of this content; cache_open makes it, and sweeps others that nobody has used for long. */
const char *cache_path(const struct infer *f, const char *key, struct arena *a);
const char *cache_open(struct infer *f, const char *key, struct arena *a);
/* call.c: what a worker says about calls. */
void call_part(struct model *m, uint64_t number, str json);
void call_end(struct model *m, uint64_t number, str json); /* not under the lock */
void call_counted(struct model *m, uint64_t number, str json);
void call_fail(struct infer_call *c, const struct err *why);
/* The one of this commit, which may be new. */
struct model *model_at(struct infer *f, const struct repo *repo, const struct vcs_oid *commit);
struct infer_call *call_find(struct model *m, uint64_t number);

#endif
