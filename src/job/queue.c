/* job/queue.c - the threads of the queue.
 *
 * One thread, the dispatcher, sleeps until something is due, claims it, and hands it to a pool; it also
 * renews the leases of what runs.  An idle queue costs two reads per poll, of a few rows, and no write.
 *
 * Invariants:
 * 1. No more jobs are claimed than threads are free, so nothing claimed waits behind something that runs.
 * 2. `running` holds what this process runs; its leases are renewed from there.  A job whose lease ran out
 *    all the same (the disk hung, the process was stopped) may run twice; see job.h.
 * 3. `lock` is not held across SQL or a job's function. */
#include "job/job_priv.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"

enum { KINDS_MAX = 32, TIMERS_MAX = 16, BACKOFF_MAX_MS = 3600000 };

struct kind {
    const char *name;
    job_fn *fn;
    void *ctx;
    int64_t every_ms; /* 0: not periodic */
    int64_t last_ms;  /* when it was last added, as the dispatcher read it */
};

struct timer {
    struct job_queue *queue;
    const char *name;
    bool (*fn)(void *ctx, struct err *e);
    void *ctx;
    int64_t every_us, due_us;
    bool is_running; /* guarded by lock */
};

struct run {
    struct job_queue *queue;
    struct job job;
    int64_t renew_at_ms;
    struct run *next;
};

struct job_queue {
    struct db *db;
    struct job_options o;
    struct kind kind[KINDS_MAX];
    size_t kinds;
    struct timer timer[TIMERS_MAX];
    size_t timers;
    struct pool *pool;
    pthread_t dispatcher;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool started, stopping, is_woken;
    struct run *running;
    size_t running_count;
};

struct job_queue *job_queue_new(struct db *d, const struct job_options *o)
{
    struct job_queue *q = mem_one(struct job_queue);
    q->db = d;
    if (o) q->o = *o;
    if (!q->o.threads) q->o.threads = 2;
    if (!q->o.poll_ms) q->o.poll_ms = 1000;
    if (!q->o.lease_ms) q->o.lease_ms = 60000;
    if (!q->o.backoff_ms) q->o.backoff_ms = 5000;
    if (!q->o.attempts_max) q->o.attempts_max = 8;
    must(pthread_mutex_init(&q->lock, NULL) == 0 && pthread_cond_init(&q->wake, NULL) == 0);
    return q;
}

static struct kind *find_kind(struct job_queue *q, str name)
{
    for (size_t i = 0; i < q->kinds; i++)
        if (str_eq(str_c(q->kind[i].name), name)) return &q->kind[i];
    return NULL;
}

void job_register(struct job_queue *q, const char *kind, job_fn *fn, void *ctx)
{
    must(!q->started && q->kinds < KINDS_MAX && !find_kind(q, str_c(kind)));
    q->kind[q->kinds++] = (struct kind){ .name = kind, .fn = fn, .ctx = ctx };
}

void job_periodic(struct job_queue *q, const char *kind, int64_t every_ms)
{
    struct kind *k = find_kind(q, str_c(kind));
    must(!q->started && k && every_ms > 0);
    k->every_ms = every_ms;
}

void job_timer(struct job_queue *q, const char *name, int64_t every_ms, bool (*fn)(void *ctx, struct err *e), void *ctx)
{
    must(!q->started && q->timers < TIMERS_MAX && every_ms > 0);
    q->timer[q->timers++] = (struct timer){ q, name, fn, ctx, every_ms * 1000, clock_mono_us() + every_ms * 1000, false };
}

void job_wake(struct job_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_woken = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

bool job_is_stopping(struct job_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool stopping = q->stopping;
    pthread_mutex_unlock(&q->lock);
    return stopping;
}

void job_note(struct job_queue *q, const struct job *j, str text)
{
    struct db_conn *tx;
    struct err e;
    bool ok = db_begin(q->db, &tx, &e);
    if (ok && job_say(tx, j->id, text, &e)) ok = db_commit(q->db, tx, &e);
    else if (ok) db_rollback(q->db, tx), ok = false;
    if (!ok) log_warn("job.note", "job=%lld reason=\"%s\"", (long long)j->id, e.msg); /* it is only for the eye */
}

/* ------------------------------------------------------------------ on a thread of the pool */

static int64_t backoff(const struct job_queue *q, int64_t attempts)
{
    int64_t ms = q->o.backoff_ms;
    for (int64_t i = 1; i < attempts && ms < BACKOFF_MAX_MS; i++) ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* Writes down how it went.  If even that fails, the lease runs out and the job is taken again. */
static void settle(struct job_queue *q, const struct job *j, bool ok, bool is_known, const struct err *why)
{
    struct err e;
    struct db_conn *tx;
    bool stops = !ok && job_is_stopping(q), for_good = !is_known || j->attempts >= q->o.attempts_max;
    if (!ok && !stops) {
        if (for_good)
            log_error("job.failed", "job=%lld kind=%.*s attempts=%lld reason=\"%s\"", (long long)j->id, STR_ARG(j->kind),
                      (long long)j->attempts, why->msg);
        else
            log_warn("job.retry", "job=%lld kind=%.*s attempts=%lld reason=\"%s\"", (long long)j->id, STR_ARG(j->kind),
                     (long long)j->attempts, why->msg);
    }
    if (!db_begin(q->db, &tx, &e)) goto failed;
    bool done = ok ? job_finish(tx, j->id, &e)
                   : job_fail(tx, j, for_good && !stops, !stops, clock_now_ms() + (stops ? 0 : backoff(q, j->attempts)),
                              stops ? STR("") : str_c(why->msg), &e);
    if (!done) {
        db_rollback(q->db, tx);
        goto failed;
    }
    if (db_commit(q->db, tx, &e)) return;
failed:
    log_error("job.settle", "job=%lld kind=%.*s reason=\"%s\"", (long long)j->id, STR_ARG(j->kind), e.msg);
}

static void run_job(void *ctx)
{
    struct run *r = ctx;
    struct job_queue *q = r->queue;
    struct err e = { 0 };
    struct kind *k = find_kind(q, r->job.kind);
    bool ok = k ? k->fn(q, k->ctx, &r->job, &e) : err_set(&e, ERR_NOT_BUILT, "this hearth has no jobs of that kind");
    settle(q, &r->job, ok, k != NULL, &e);

    pthread_mutex_lock(&q->lock);
    struct run **at = &q->running;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    q->running_count--;
    q->is_woken = true; /* a thread is free */
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    job_forget(&r->job);
    mem_free(r);
}

static void run_timer(void *ctx)
{
    struct timer *t = ctx;
    struct err e;
    if (!t->fn(t->ctx, &e)) log_error("job.timer", "timer=%s reason=\"%s\"", t->name, e.msg);
    pthread_mutex_lock(&t->queue->lock);
    t->is_running = false;
    pthread_mutex_unlock(&t->queue->lock);
}

/* ------------------------------------------------------------------ the dispatcher */

static void start_timers(struct job_queue *q, int64_t *sleep_us)
{
    for (size_t i = 0; i < q->timers; i++) {
        struct timer *t = &q->timer[i];
        int64_t now = clock_mono_us();
        if (now >= t->due_us) {
            t->due_us = now + t->every_us;
            pthread_mutex_lock(&q->lock);
            bool goes = !t->is_running; /* one that takes longer than its time is not piled up */
            t->is_running = true;
            pthread_mutex_unlock(&q->lock);
            if (goes) must(pool_submit(q->pool, run_timer, t));
        }
        if (t->due_us - now < *sleep_us) *sleep_us = t->due_us - now;
    }
}

static bool in_tx(struct job_queue *q, bool (*fn)(struct job_queue *q, struct db_conn *tx, void *ctx, struct err *e), void *ctx)
{
    struct err e;
    struct db_conn *tx;
    if (!db_begin(q->db, &tx, &e)) goto failed;
    if (!fn(q, tx, ctx, &e)) {
        db_rollback(q->db, tx);
        goto failed;
    }
    if (db_commit(q->db, tx, &e)) return true;
failed:
    log_error("job.queue", "reason=\"%s\"", e.msg);
    return false;
}

static bool add_periodic(struct job_queue *q, struct db_conn *tx, void *ctx, struct err *e)
{
    (void)q;
    const struct kind *k = ctx;
    return job_add_periodic(tx, k->name, k->every_ms, clock_now_ms(), e);
}

static bool renew(struct job_queue *q, struct db_conn *tx, void *ctx, struct err *e)
{
    return job_renew(tx, *(int64_t *)ctx, clock_now_ms() + q->o.lease_ms, e);
}

/* Renewed at a third of the lease, so that a slow disk has two more chances. */
static void renew_leases(struct job_queue *q)
{
    for (;;) {
        int64_t id = 0, now = clock_now_ms();
        pthread_mutex_lock(&q->lock);
        for (struct run *r = q->running; r && !id; r = r->next) {
            if (now < r->renew_at_ms) continue;
            r->renew_at_ms = now + q->o.lease_ms / 3;
            id = r->job.id;
        }
        pthread_mutex_unlock(&q->lock);
        if (!id || !in_tx(q, renew, &id)) return;
    }
}

struct claim {
    struct job job;
    bool found;
};

static bool claim(struct job_queue *q, struct db_conn *tx, void *ctx, struct err *e)
{
    struct claim *c = ctx;
    return job_claim(tx, clock_now_ms(), q->o.lease_ms, q->o.attempts_max, &c->job, &c->found, e);
}

/* True: there may be more. */
static bool start_one(struct job_queue *q)
{
    struct claim c = { .found = false };
    if (!in_tx(q, claim, &c)) {
        if (c.found) job_forget(&c.job); /* not committed: somebody will take it later */
        return false;
    }
    if (!c.found) return false;
    struct run *r = mem_one(struct run);
    *r = (struct run){ .queue = q, .job = c.job, .renew_at_ms = clock_now_ms() + q->o.lease_ms / 3 };
    pthread_mutex_lock(&q->lock);
    r->next = q->running;
    q->running = r;
    q->running_count++;
    pthread_mutex_unlock(&q->lock);
    must(pool_submit(q->pool, run_job, r)); /* there is room for every job and every timer */
    return true;
}

static bool has_room(struct job_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool room = q->running_count < q->o.threads && !q->stopping;
    pthread_mutex_unlock(&q->lock);
    return room;
}

static void note_last(void *ctx, str kind, int64_t last_ms)
{
    struct kind *k = find_kind(ctx, kind);
    if (k) k->last_ms = last_ms;
}

static bool is_due(const struct kind *k, int64_t now) /* later than now: the clock was set back */
{
    return k->every_ms && (k->last_ms <= now - k->every_ms || k->last_ms > now);
}

/* Looks at the table and starts what is due; *sleep_us is lowered to when there will be more. */
static void look(struct job_queue *q, int64_t *sleep_us)
{
    struct err e;
    int64_t due = 0, now = clock_now_ms();
    struct db_conn *c = db_reader(q->db);
    bool ok = job_each_periodic(c, note_last, q, &e) && job_next_due(c, &due, &e);
    db_give(q->db, c);
    if (!ok) {
        log_error("job.queue", "reason=\"%s\"", e.msg);
        return;
    }
    for (size_t i = 0; i < q->kinds; i++)
        if (is_due(&q->kind[i], now) && in_tx(q, add_periodic, &q->kind[i])) due = now;
    if (due && due <= now)
        while (has_room(q) && start_one(q)) {}
    else if (due && (due - now) * 1000 < *sleep_us)
        *sleep_us = (due - now) * 1000;
}

static void *dispatch(void *arg)
{
    struct job_queue *q = arg;
    pthread_setname_np(pthread_self(), "jobs");
    for (;;) {
        int64_t sleep_us = (q->o.poll_ms < q->o.lease_ms / 3 ? q->o.poll_ms : q->o.lease_ms / 3) * 1000;
        pthread_mutex_lock(&q->lock);
        bool stops = q->stopping;
        q->is_woken = false;
        pthread_mutex_unlock(&q->lock);
        if (stops) return NULL;
        start_timers(q, &sleep_us);
        renew_leases(q);
        if (has_room(q)) look(q, &sleep_us);

        int64_t until_us = clock_mono_us() + (sleep_us < 1000 ? 1000 : sleep_us);
        pthread_mutex_lock(&q->lock);
        while (!q->is_woken && !q->stopping && clock_wait(&q->wake, &q->lock, until_us)) continue;
        pthread_mutex_unlock(&q->lock);
    }
}

void job_queue_start(struct job_queue *q)
{
    must(!q->started);
    q->started = true;
    q->pool = pool_new("job", q->o.threads + 1, q->o.threads + TIMERS_MAX + 1); /* one more: timers need not wait for jobs */
    must(pthread_create(&q->dispatcher, NULL, dispatch, q) == 0);
}

void job_queue_stop(struct job_queue *q)
{
    if (!q) return;
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    if (q->started) pthread_join(q->dispatcher, NULL);
    pool_free(q->pool);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
}
