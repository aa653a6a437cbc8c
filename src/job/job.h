/* job/job.h - work that outlives a request: a queue in the database and the threads that take from it.
 *
 * A job is a row: a kind, a payload (JSON), a time before which it does not run.  It is added in the same
 * transaction as the change that asks for it, so it exists exactly if that change does.  It is run at least
 * once: a process that dies leaves a lease behind that runs out, and then another takes the job.  So a
 * job's function must bear being run twice.
 *
 * A job that fails is tried again after 1, 2, 4, ... times the back-off; after attempts_max it stays as
 * `failed` with its last error until the operator retries or removes it.  A job that succeeds is gone.
 *
 * Timers are the small sister: a function called every so often in this process, remembered nowhere
 * (writing counters that were kept in memory, say).
 *
 * Functions run on a bounded number of threads of the queue, which start when they are needed.  job_add,
 * job_list, job_retry and job_remove need no queue, only a connection: the command line uses them too. */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

struct job_queue;

struct job {
    int64_t id;
    str kind, payload;
    int64_t attempts; /* this one included */
};
/* ctx is what was registered.  False: try again later; e->msg is kept for the operator.
 * A function that takes long asks job_is_stopping now and then and returns false when it says so: that
 * attempt does not count, and the job runs again after the next start. */
typedef bool job_fn(struct job_queue *q, void *ctx, const struct job *j, struct err *e);

struct job_options {
    size_t threads;     /* 2 */
    int64_t poll_ms;    /* 1000: how often to look for what other processes added */
    int64_t lease_ms;   /* 60000: renewed while the function runs */
    int64_t backoff_ms; /* 5000: after the first failure; doubled each time, at most an hour */
    int64_t attempts_max; /* 8 */
};
/* Options may be NULL, and each 0 means the default.  Register everything, then start. */
struct job_queue *job_queue_new(struct db *d, const struct job_options *o);
void job_register(struct job_queue *q, const char *kind, job_fn *fn, void *ctx);
/* Adds a job of a registered kind every so often, by one process among all that share the database; when it
 * last did is remembered, so a restart neither repeats nor forgets.  The first comes after one period. */
void job_periodic(struct job_queue *q, const char *kind, int64_t every_ms);
void job_timer(struct job_queue *q, const char *name, int64_t every_ms, bool (*fn)(void *ctx, struct err *e), void *ctx);
void job_queue_start(struct job_queue *q);
void job_wake(struct job_queue *q); /* after the commit that added a job: look now */
bool job_is_stopping(struct job_queue *q);
/* How far a running job is, in words, where the operator sees why one failed.  Not more often than every second or so. */
void job_note(struct job_queue *q, const struct job *j, str text);
/* Takes nothing new, waits for what runs, frees.  NULL is fine. */
void job_queue_stop(struct job_queue *q);

/* unique_key .p NULL: none; otherwise nothing is added while a job of this kind and key waits.
 * run_after_ms 0: at once. */
bool job_add(struct db_conn *tx, const char *kind, str payload, str unique_key, int64_t run_after_ms, struct err *e);

struct job_row {
    int64_t id, run_after_ms, attempts, created_ms;
    str kind, payload, state, last_error; /* state: waiting, running, failed */
};
bool job_list(struct db_conn *c, int64_t after_id, size_t limit, struct arena *a, struct job_row **out, size_t *n,
              struct err *e);
bool job_retry(struct db_conn *tx, int64_t id, bool *found, struct err *e);  /* a failed job waits again, as if new */
bool job_remove(struct db_conn *tx, int64_t id, bool *found, struct err *e); /* one that does not run */
bool job_counts(struct db_conn *c, int64_t *waiting, int64_t *running, int64_t *failed, struct err *e);
/* Counts no further than `most`. */
bool job_count_waiting(struct db_conn *c, int64_t most, int64_t *n, struct err *e);

#endif
