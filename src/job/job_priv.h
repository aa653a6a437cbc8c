/* job/job_priv.h - rows, for the queue. */
#ifndef JOB_JOB_PRIV_H
#define JOB_JOB_PRIV_H

#include "job/job.h"

/* When something may next be taken (waiting, or a lease that runs out); 0: there is nothing. */
bool job_next_due(struct db_conn *c, int64_t *due_ms, struct err *e);
/* Takes a job that is due; kind and payload are on the heap until job_forget. */
bool job_claim(struct db_conn *tx, int64_t now, int64_t lease_ms, int64_t attempts_max, struct job *out, bool *found,
               struct err *e);
void job_forget(struct job *j);
bool job_renew(struct db_conn *tx, int64_t id, int64_t lease_until_ms, struct err *e);
bool job_say(struct db_conn *tx, int64_t id, str text, struct err *e);
bool job_finish(struct db_conn *tx, int64_t id, struct err *e);
bool job_fail(struct db_conn *tx, const struct job *j, bool for_good, bool counts, int64_t run_after_ms, str why,
              struct err *e);
/* Adds the job if nobody else did since; remembers that. */
bool job_add_periodic(struct db_conn *tx, const char *kind, int64_t every_ms, int64_t now, struct err *e);
bool job_each_periodic(struct db_conn *c, void (*fn)(void *ctx, str kind, int64_t last_ms), void *ctx, struct err *e);

#endif
