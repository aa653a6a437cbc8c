/* model/nn/team.c - see model/nn/team.h.
 *
 * `round` counts the runs; a helper that sees it change does its part and then lowers `busy`.  Whoever has spun for too
 * long sleeps on a condition variable: the flag `asleep`, under the lock, tells the caller whom to wake. */
#include "model/nn/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

enum { SPINS = 20000 }; /* some tens of microseconds */

struct helper {
    struct team *team;
    pthread_t thread;
    size_t part;
};

struct team {
    size_t threads;
    struct helper *helper; /* threads - 1 of them */
    void (*fn)(void *ctx, size_t part, size_t parts);
    void *ctx;
    atomic_uint round;
    atomic_size_t busy;
    atomic_bool ending;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t asleep;
};

static inline void relax(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static unsigned next_round(struct team *t, unsigned seen)
{
    for (unsigned i = 0; i < SPINS; i++) {
        unsigned round = atomic_load_explicit(&t->round, memory_order_acquire);
        if (round != seen) return round;
        relax();
    }
    pthread_mutex_lock(&t->lock);
    t->asleep++;
    while (atomic_load_explicit(&t->round, memory_order_acquire) == seen) pthread_cond_wait(&t->wake, &t->lock);
    t->asleep--;
    pthread_mutex_unlock(&t->lock);
    return atomic_load_explicit(&t->round, memory_order_acquire);
}

static void *help(void *arg)
{
    struct helper *h = arg;
    struct team *t = h->team;
    unsigned seen = 0;
    for (;;) {
        seen = next_round(t, seen);
        if (atomic_load_explicit(&t->ending, memory_order_relaxed)) return NULL;
        t->fn(t->ctx, h->part, t->threads);
        atomic_fetch_sub_explicit(&t->busy, 1, memory_order_release);
    }
}

static void start_round(struct team *t)
{
    pthread_mutex_lock(&t->lock); /* so that nobody falls asleep between his last look and ours */
    atomic_fetch_add_explicit(&t->round, 1, memory_order_release);
    if (t->asleep) pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

struct team *team_new(size_t threads)
{
    struct team *t = mem_one(struct team);
    t->threads = threads ? threads : 1;
    t->helper = mem_alloc(t->threads * sizeof *t->helper);
    must(pthread_mutex_init(&t->lock, NULL) == 0 && pthread_cond_init(&t->wake, NULL) == 0);
    for (size_t i = 1; i < t->threads; i++) {
        struct helper *h = &t->helper[i - 1];
        *h = (struct helper){ .team = t, .part = i };
        must(pthread_create(&h->thread, NULL, help, h) == 0);
        (void)pthread_setname_np(h->thread, "model");
    }
    return t;
}

void team_free(struct team *t)
{
    if (!t) return;
    atomic_store(&t->ending, true);
    start_round(t);
    for (size_t i = 1; i < t->threads; i++) pthread_join(t->helper[i - 1].thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->helper);
    mem_free(t);
}

size_t team_size(const struct team *t) { return t->threads; }

void team_run(struct team *t, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx)
{
    if (t->threads == 1) {
        fn(ctx, 0, 1);
        return;
    }
    t->fn = fn;
    t->ctx = ctx;
    atomic_store_explicit(&t->busy, t->threads - 1, memory_order_relaxed);
    start_round(t);
    fn(ctx, 0, t->threads);
    for (unsigned i = 0; atomic_load_explicit(&t->busy, memory_order_acquire); i++) {
        if (i < SPINS) relax();
        else sched_yield(); /* a helper has lost its processor to somebody else */
    }
}

/* "QUOTA PERIOD" in microseconds, or "max ...". */
static size_t of_control_group(size_t otherwise)
{
    unsigned long quota, period;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f) return otherwise;
    bool limited = fscanf(f, "%lu %lu", &quota, &period) == 2 && period > 0;
    fclose(f);
    if (!limited) return otherwise;
    size_t n = (quota + period - 1) / period;
    return n < 1 ? 1 : n < otherwise ? n : otherwise;
}

size_t team_processors(void)
{
    cpu_set_t set;
    size_t n = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = (size_t)CPU_COUNT(&set);
    return of_control_group(n ? n : 1);
}
