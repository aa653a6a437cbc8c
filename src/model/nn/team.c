/* model/nn/team.c - see model/nn/team.h.
 *
 * `claim` is one word: the number of the run, how many parts it has, and which is the next to be taken.  Parts are taken by
 * raising the last, which fails when the run has changed meanwhile; whoever has taken some may read fn and ctx, because
 * the run cannot end before they are done and `left` lowered.  Many parts are taken at once at the beginning, that follow
 * each other and so continue in memory, and few at the end, so that all are done at about the same time.  Whoever has spun for too long sleeps on a condition
 * variable: he raises `asleep` and looks at `claim` once more, while the caller first changes `claim` and then looks at
 * `asleep`, so that one of the two sees the other. */
#include "model/nn/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    SPINS = 20000,      /* pauses, 24 ns each on Zen 4: then a helper sleeps */
    SPINS_ALONE = 1000, /* then whoever waits offers his processor now and then; the serving process wants it too */
    SPINS_BETWEEN = 100,
};

struct team {
    size_t threads;
    pthread_t *helper; /* threads - 1 of them */
    void (*fn)(void *ctx, size_t part, size_t parts);
    void *ctx;
    atomic_uint_fast64_t claim;
    atomic_size_t left;
    atomic_bool ending;
    atomic_size_t asleep;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static uint64_t claim_of(uint32_t run, size_t parts, size_t next) { return (uint64_t)run << 32 | (uint64_t)parts << 16 | next; }
static uint32_t run_of(uint64_t claim) { return (uint32_t)(claim >> 32); }
static size_t parts_of(uint64_t claim) { return claim >> 16 & 0xffff; }
static size_t next_of(uint64_t claim) { return claim & 0xffff; }

/* The i-th time that one waits. */
static inline void relax(unsigned i)
{
    if (i >= SPINS_ALONE && i % SPINS_BETWEEN == 0) sched_yield();
#ifdef __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb"); /* waits some ten nanoseconds; "yield" does nothing on most */
#endif
}

/* Does parts of the run that is on, as long as there are any. */
static void take_parts(struct team *t, uint64_t claim)
{
    while (next_of(claim) < parts_of(claim)) {
        size_t first = next_of(claim), parts = parts_of(claim), n = (parts - first + 2 * t->threads - 1) / (2 * t->threads);
        if (!atomic_compare_exchange_weak_explicit(&t->claim, &claim, claim + n, memory_order_acq_rel, memory_order_acquire)) continue;
        for (size_t i = first; i < first + n; i++) t->fn(t->ctx, i, parts);
        atomic_fetch_sub_explicit(&t->left, n, memory_order_release);
        claim = atomic_load_explicit(&t->claim, memory_order_acquire);
    }
}

static uint64_t next_run(struct team *t, uint32_t seen)
{
    uint64_t claim;
    for (unsigned i = 0; i < SPINS; i++) {
        claim = atomic_load_explicit(&t->claim, memory_order_acquire);
        if (run_of(claim) != seen) return claim;
        relax(i);
    }
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->asleep, 1);
    while (run_of(claim = atomic_load(&t->claim)) == seen) pthread_cond_wait(&t->wake, &t->lock);
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->lock);
    return claim;
}

static void *help(void *arg)
{
    struct team *t = arg;
    uint32_t seen = 0;
    for (;;) {
        uint64_t claim = next_run(t, seen);
        seen = run_of(claim);
        if (atomic_load_explicit(&t->ending, memory_order_relaxed)) return NULL;
        take_parts(t, claim);
    }
}

static uint64_t start_run(struct team *t, size_t parts)
{
    uint64_t claim = claim_of(run_of(atomic_load_explicit(&t->claim, memory_order_relaxed)) + 1, parts, 0);
    atomic_store(&t->claim, claim);
    if (atomic_load(&t->asleep)) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
    }
    return claim;
}

struct team *team_new(size_t threads)
{
    struct team *t = mem_one(struct team);
    t->threads = threads ? threads : 1;
    t->helper = mem_alloc(t->threads * sizeof *t->helper);
    must(pthread_mutex_init(&t->lock, NULL) == 0 && pthread_cond_init(&t->wake, NULL) == 0);
    for (size_t i = 0; i + 1 < t->threads; i++) {
        must(pthread_create(&t->helper[i], NULL, help, t) == 0);
        (void)pthread_setname_np(t->helper[i], "model");
    }
    return t;
}

void team_free(struct team *t)
{
    if (!t) return;
    atomic_store(&t->ending, true);
    start_run(t, 0);
    for (size_t i = 0; i + 1 < t->threads; i++) pthread_join(t->helper[i], NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->helper);
    mem_free(t);
}

size_t team_size(const struct team *t) { return t->threads; }

void team_split(struct team *t, size_t parts, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx)
{
    must(parts > 0 && parts <= TEAM_PARTS_MAX);
    if (t->threads == 1 || parts == 1) {
        for (size_t i = 0; i < parts; i++) fn(ctx, i, parts);
        return;
    }
    t->fn = fn;
    t->ctx = ctx;
    atomic_store_explicit(&t->left, parts, memory_order_relaxed);
    take_parts(t, start_run(t, parts));
    for (unsigned i = 0; atomic_load_explicit(&t->left, memory_order_acquire); i++) relax(i);
}

void team_run(struct team *t, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx) { team_split(t, t->threads, fn, ctx); }

bool meeting_wait(struct meeting *m, size_t times)
{
    atomic_fetch_add_explicit(&m->arrivals, 1, memory_order_acq_rel);
    for (unsigned i = 0; atomic_load_explicit(&m->arrivals, memory_order_acquire) < times * m->parts; i++) {
        if (atomic_load_explicit(&m->is_broken, memory_order_relaxed)) return false;
        relax(i);
    }
    return true;
}

void meeting_break(struct meeting *m) { atomic_store_explicit(&m->is_broken, true, memory_order_relaxed); }
