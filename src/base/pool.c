/* base/pool.c - see base/pool.h.  One mutex guards a ring of jobs.
 *
 * Waking a thread costs more than a short job, so it is done sparingly.  At most one thread is on its way
 * (`waking`) at any time; when it arrives it takes a job and, if more are queued, wakes the next before it
 * starts.  Short jobs are so done by few threads that find the next job without sleeping, while a burst of
 * long ones still spreads over all threads.  A calm pool counts before it wakes (pool_set_calm): a job is then
 * not left waiting behind others that wait themselves, for those say so.  The thread that slept last is woken first: it is warm. */
#include "base/pool.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"

struct job {
    void (*fn)(void *ctx);
    void *ctx;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    struct worker *next; /* while it sleeps */
    bool woken;
};

struct pool {
    pthread_mutex_t lock;
    char name[16];
    struct worker *worker;
    size_t workers, workers_max, running;
    size_t waiting, jobs_each; /* of the jobs that run, those that wait; for pool_set_calm */
    struct worker *asleep; /* the last one to fall asleep first */
    bool waking;
    struct job *ring;
    size_t first, queued, queue_max;
    bool ending;
};

struct pool *pool_new(const char *name, size_t threads_max, size_t queue_max)
{
    struct pool *p = mem_one(struct pool);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->workers_max = threads_max;
    p->queue_max = queue_max;
    p->worker = mem_alloc(threads_max * sizeof *p->worker);
    p->ring = mem_alloc(queue_max * sizeof *p->ring);
    must(pthread_mutex_init(&p->lock, NULL) == 0);
    return p;
}

static void *work(void *arg);

/* Under lock.  The worker to be signalled once the lock is free (else it would wake only to wait for it),
 * or NULL.  Workers live until pool_free, so a late signal hits nobody else. */
static struct worker *call_help(struct pool *p)
{
    if (p->waking || p->queued == 0 || (p->jobs_each && p->running > p->waiting && p->queued <= p->jobs_each * (p->running - p->waiting))) return NULL;
    if (p->ending) return NULL; /* all are awake, and pool_free counts them: no new ones */
    struct worker *w = p->asleep;
    if (w) {
        p->asleep = w->next;
        w->woken = p->waking = true;
    } else if (p->workers < p->workers_max) {
        struct worker *fresh = &p->worker[p->workers];
        fresh->pool = p;
        must(pthread_cond_init(&fresh->wake, NULL) == 0);
        if (pthread_create(&fresh->thread, NULL, work, fresh) == 0) {
            pthread_setname_np(fresh->thread, p->name);
            p->workers++;
            p->waking = true;
        } else {
            pthread_cond_destroy(&fresh->wake);
            must(p->workers > 0); /* no first thread: nothing could ever run */
        }
    }
    return w;
}

static void unlock_and_signal(struct pool *p, struct worker *w)
{
    pthread_mutex_unlock(&p->lock);
    if (w) pthread_cond_signal(&w->wake);
}

static void sleep_until_woken(struct pool *p, struct worker *me)
{
    me->woken = false;
    me->next = p->asleep;
    p->asleep = me;
    while (!me->woken) pthread_cond_wait(&me->wake, &p->lock);
}

static void *work(void *arg)
{
    struct worker *me = arg;
    struct pool *p = me->pool;
    pthread_mutex_lock(&p->lock);
    p->waking = false; /* created is woken */
    for (;;) {
        while (p->queued == 0 && !p->ending) {
            sleep_until_woken(p, me);
            p->waking = false;
        }
        if (p->queued == 0) break;
        struct job j = p->ring[p->first];
        p->first = (p->first + 1) % p->queue_max;
        p->queued--;
        p->running++;
        unlock_and_signal(p, call_help(p));
        j.fn(j.ctx);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

bool pool_submit(struct pool *p, void (*fn)(void *ctx), void *ctx)
{
    struct worker *help = NULL;
    pthread_mutex_lock(&p->lock);
    bool room = !p->ending && p->queued < p->queue_max;
    if (room) {
        p->ring[(p->first + p->queued) % p->queue_max] = (struct job){ fn, ctx };
        p->queued++;
        help = call_help(p);
    }
    unlock_and_signal(p, help);
    return room;
}

void pool_set_calm(struct pool *p, size_t jobs_each) { p->jobs_each = jobs_each; }

void pool_wait_begin(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waiting++;
    unlock_and_signal(p, call_help(p));
}

void pool_wait_end(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waiting--;
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    for (struct worker *w = p->asleep; w; w = w->next) {
        w->woken = true;
        pthread_cond_signal(&w->wake);
    }
    p->asleep = NULL;
    pthread_mutex_unlock(&p->lock);
    /* All are joined before any goes: one that still works may be about to signal one that has ended. */
    for (size_t i = 0; i < p->workers; i++) pthread_join(p->worker[i].thread, NULL);
    for (size_t i = 0; i < p->workers; i++) pthread_cond_destroy(&p->worker[i].wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->worker);
    mem_free(p->ring);
    mem_free(p);
}

size_t pool_running(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->running;
    pthread_mutex_unlock(&p->lock);
    return n;
}

size_t pool_queued(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->queued;
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool pool_is_short(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool is = p->queued > p->workers_max - p->running;
    pthread_mutex_unlock(&p->lock);
    return is;
}
