/* base/pool.c - see base/pool.h.  One mutex guards a ring of jobs; threads sleep on one condition. */
#include "base/pool.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"

struct job {
    void (*fn)(void *ctx);
    void *ctx;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char name[16];
    pthread_t *thread;
    size_t threads, threads_max, idle, running;
    struct job *ring;
    size_t first, queued, queue_max;
    bool ending;
};

struct pool *pool_new(const char *name, size_t threads_max, size_t queue_max)
{
    struct pool *p = mem_one(struct pool);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->threads_max = threads_max;
    p->queue_max = queue_max;
    p->thread = mem_alloc(threads_max * sizeof *p->thread);
    p->ring = mem_alloc(queue_max * sizeof *p->ring);
    must(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->wake, NULL) == 0);
    return p;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->queued == 0 && !p->ending) {
            p->idle++;
            pthread_cond_wait(&p->wake, &p->lock);
            p->idle--;
        }
        if (p->queued == 0) break;
        struct job j = p->ring[p->first];
        p->first = (p->first + 1) % p->queue_max;
        p->queued--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        j.fn(j.ctx);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

bool pool_submit(struct pool *p, void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&p->lock);
    bool room = !p->ending && p->queued < p->queue_max;
    if (room) {
        p->ring[(p->first + p->queued) % p->queue_max] = (struct job){ fn, ctx };
        p->queued++;
        if (p->idle < p->queued && p->threads < p->threads_max) {
            if (pthread_create(&p->thread[p->threads], NULL, work, p) == 0)
                pthread_setname_np(p->thread[p->threads++], p->name);
            else
                must(p->threads > 0); /* no first thread: nothing could ever run */
        }
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_free(struct pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads; i++) pthread_join(p->thread[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    mem_free(p->thread);
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
