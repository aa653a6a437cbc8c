/* hub/care/run.h - collection, checks and reindexing as jobs that an operator starts from a page, with what came of them. */
#ifndef HUB_CARE_RUN_H
#define HUB_CARE_RUN_H

#include "hub/hub.h"
#include "job/job.h"

#define CARE_JOB "care-run"

struct care_run {
    int64_t id, created_ms, began_ms, ended_ms; /* 0: not yet */
    str kind, state, said, lines, actor;
    bool dry_run, repair;
};
/* kind: gc, fsck, reindex; ERR_CONFLICT while one of that kind waits or runs.  Adds the job, too. */
bool care_run_start(struct db_conn *tx, const struct identity *who, str kind, bool dry_run, bool repair, int64_t *id, struct err *e);
/* Newest first. */
bool care_run_list(struct db_conn *c, size_t most, struct arena *a, struct care_run **out, size_t *n, struct err *e);

struct care_worker { /* ctx of the job's function */
    struct hub *hub;
    int64_t grace_ms, xorb_grace_ms; /* of collections */
    /* What else goes with content that is gone, and is kept by folders above; NULL: nothing. */
    bool (*collect)(struct hub *h, bool dry_run, bool (*stops)(void *ctx), void *ctx, uint64_t *removed, struct err *e);
};
bool care_run_work(struct job_queue *q, void *worker, const struct job *j, struct err *e); /* a job_fn */

#endif
