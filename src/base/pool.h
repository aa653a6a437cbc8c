/* base/pool.h - a bounded number of threads and a bounded queue before them.  Safe from any thread. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/str.h"

struct pool;

/* Threads start on demand, up to threads_max, and stay.  The queue holds at most queue_max jobs. */
struct pool *pool_new(const char *name, size_t threads_max, size_t queue_max);
/* Waits for running and queued jobs, then ends the threads.  NULL is fine. */
void pool_free(struct pool *p);
/* False when the queue is full or the pool is ending: the caller answers "busy". */
bool pool_submit(struct pool *p, void (*fn)(void *ctx), void *ctx);
/* For short jobs, of which a thread does many in the time that another takes to wake: a further thread is woken only when more than
 * jobs_each wait for each that runs.  A job that waits for something says so, and others are done meanwhile. */
void pool_set_calm(struct pool *p, size_t jobs_each);
void pool_wait_begin(struct pool *p);
void pool_wait_end(struct pool *p);
size_t pool_running(struct pool *p);
size_t pool_queued(struct pool *p);
bool pool_is_short(struct pool *p); /* more jobs wait than there are threads to take them */

#endif
