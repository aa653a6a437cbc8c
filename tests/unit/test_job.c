/* Unit tests of src/job. */
#include "db_help.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/job.h"

static const struct job_options quick = { .threads = 2, .poll_ms = 5, .backoff_ms = 1, .attempts_max = 3 };

/* Waits until the condition holds; a test that would wait for ever fails. */
#define eventually(condition)                                                       \
    do {                                                                            \
        int64_t until_ = clock_mono_us() + 20000000;                                \
        while (!(condition))                                                        \
            if (clock_mono_us() > until_) fail_msg("never: %s", #condition);        \
            else usleep(500);                                                       \
    } while (0)

static void add(const char *kind, const char *payload, const char *key, int64_t run_after_ms)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(job_add(tx, kind, str_c(payload), str_c(key), run_after_ms, &e));
    must_ok(db_commit(db, tx, &e));
}

static void run_sql(const char *sql)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run_n(tx, sql, (const struct db_value[]){ { 0 } }, 0, &e));
    must_ok(db_commit(db, tx, &e));
}

static size_t rows(struct job_row **out)
{
    size_t n;
    struct db_conn *c = db_reader(db);
    must_ok(job_list(c, 0, 100, arena, out, &n, &e));
    db_give(db, c);
    return n;
}

static size_t in_state(const char *state)
{
    struct job_row *r;
    size_t n = rows(&r), found = 0;
    for (size_t i = 0; i < n; i++) found += str_eq(r[i].state, str_c(state));
    return found;
}

/* ------------------------------------------------------------------ functions that jobs run */

struct seen {
    _Atomic int runs, fails_left, going;
    _Atomic bool may_end;
    char last[64];
};

static bool note(struct job_queue *q, void *ctx, const struct job *j, struct err *err)
{
    struct seen *s = ctx;
    (void)q;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* two jobs may run at once */
    pthread_mutex_lock(&lock);
    snprintf(s->last, sizeof s->last, "%.*s", STR_ARG(j->payload));
    pthread_mutex_unlock(&lock);
    int left = atomic_load(&s->fails_left);
    if (left > 0) atomic_fetch_sub(&s->fails_left, 1);
    atomic_fetch_add(&s->runs, 1);
    return left <= 0 || err_set(err, ERR_IO, "not yet, attempt %lld", (long long)j->attempts);
}

static bool count(struct job_queue *q, void *ctx, const struct job *j, struct err *err)
{
    (void)q, (void)j, (void)err;
    atomic_fetch_add((_Atomic int *)ctx, 1);
    return true;
}

static bool linger(struct job_queue *q, void *ctx, const struct job *j, struct err *err)
{
    struct seen *s = ctx;
    (void)j;
    atomic_fetch_add(&s->runs, 1);
    atomic_store(&s->going, 1);
    while (!atomic_load(&s->may_end) && !job_is_stopping(q)) usleep(500);
    return atomic_load(&s->may_end) || err_set(err, ERR_BUSY, "stopping");
}

/* ------------------------------------------------------------------ */

static void a_job_exists_exactly_if_its_transaction_does(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(job_add(tx, "note", STR("{\"n\":1}"), str_n(NULL, 0), 0, &e));
    db_rollback(db, tx);
    struct job_queue *q = job_queue_new(db, &(struct job_options){ .poll_ms = 600000 });
    job_register(q, "note", note, &s);
    job_queue_start(q);
    add("note", "{\"n\":2}", NULL, 0);
    job_wake(q); /* without it, the poll would be ten minutes away */
    eventually(in_state("waiting") + in_state("running") == 0);
    job_queue_stop(q);
    assert_int_equal(s.runs, 1);
    assert_string_equal(s.last, "{\"n\":2}");
}

static void failures_are_retried_and_then_kept_for_the_operator(void **state)
{
    (void)state;
    struct seen good = { .fails_left = 2 }, bad = { .fails_left = 1000 };
    struct job_queue *q = job_queue_new(db, &quick);
    job_register(q, "good", note, &good);
    job_register(q, "bad", note, &bad);
    add("good", "", NULL, 0);
    add("bad", "", NULL, 0);
    add("unknown", "", NULL, 0);
    job_queue_start(q);
    eventually(in_state("failed") == 2 && in_state("waiting") + in_state("running") == 0);
    assert_int_equal(good.runs, 3);
    assert_int_equal(bad.runs, quick.attempts_max);
    struct job_row *r;
    assert_int_equal(rows(&r), 2);
    assert_str(r[0].kind, STR("bad"));
    assert_str(r[0].last_error, STR("not yet, attempt 3"));
    assert_str(r[1].kind, STR("unknown"));
    assert_int_equal(r[1].attempts, 1);

    atomic_store(&bad.fails_left, 0);
    bool found;
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(job_retry(tx, r[0].id, &found, &e));
    assert_true(found);
    must_ok(job_retry(tx, r[0].id, &found, &e)); /* it waits already */
    assert_false(found);
    must_ok(job_remove(tx, r[1].id, &found, &e));
    assert_true(found);
    must_ok(db_commit(db, tx, &e));
    eventually(rows(&r) == 0);
    job_queue_stop(q);
}

static void one_waits_per_key_and_what_is_not_due_does_not_run(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct job_row *r;
    add("note", "1", "same", clock_now_ms() + 3600000);
    add("note", "2", "same", 0);
    add("note", "3", "other", 0);
    add("note", "4", NULL, 0);
    add("note", "5", NULL, 0);
    assert_int_equal(rows(&r), 4);
    struct job_queue *q = job_queue_new(db, &quick);
    job_register(q, "note", note, &s);
    job_queue_start(q);
    eventually(rows(&r) == 1);
    job_queue_stop(q);
    assert_int_equal(s.runs, 3);
    assert_str(r[0].payload, STR("1"));
    assert_str(r[0].state, STR("waiting"));
}

static void a_job_whose_process_died_is_taken_again_but_not_for_ever(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct job_row *r;
    run_sql("INSERT INTO job (kind, state, run_after_ms, lease_ms, attempts, created_ms) VALUES ('note', 'running', 1, 2, 1, 1)");
    run_sql("INSERT INTO job (kind, state, run_after_ms, lease_ms, attempts, created_ms) VALUES ('note', 'running', 1, 2, 3, 1)");
    run_sql("INSERT INTO job (kind, state, run_after_ms, lease_ms, attempts, created_ms)"
            " VALUES ('note', 'running', 1, 9999999999999, 1, 1)"); /* of a process that lives */
    struct job_queue *q = job_queue_new(db, &quick);
    job_register(q, "note", note, &s);
    job_queue_start(q);
    eventually(in_state("failed") == 1 && rows(&r) == 2); /* in this order: rows as they are after the failure */
    job_queue_stop(q);
    assert_int_equal(s.runs, 1);
    assert_str(r[0].last_error, STR("the process ended while it ran"));
    assert_str(r[1].state, STR("running"));
}

static void a_long_job_keeps_its_lease(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct job_options o = { .threads = 2, .poll_ms = 5, .lease_ms = 500 };
    struct db *other;
    must_ok(db_open(db_path, &other, &e)); /* as another process */
    struct job_queue *a = job_queue_new(db, &o), *b = job_queue_new(other, &o);
    job_register(a, "linger", linger, &s);
    job_register(b, "linger", linger, &s);
    add("linger", "", NULL, 0);
    job_queue_start(a);
    eventually(atomic_load(&s.going));
    job_queue_start(b);
    usleep(1200000); /* more than two leases; each is long enough for a machine that has other things to do */
    assert_int_equal(atomic_load(&s.runs), 1);
    atomic_store(&s.may_end, true);
    struct job_row *r;
    eventually(rows(&r) == 0);
    job_queue_stop(a);
    job_queue_stop(b);
    db_close(other);
}

static void many_jobs_run_once_each_whoever_takes_them(void **state)
{
    (void)state;
    enum { JOBS = 60 };
    _Atomic int runs = 0;
    struct job_row *r;
    struct db *other;
    must_ok(db_open(db_path, &other, &e));
    struct job_queue *q[2] = { job_queue_new(db, &quick), job_queue_new(other, &quick) };
    for (int i = 0; i < 2; i++) job_register(q[i], "count", count, &runs);
    for (int i = 0; i < JOBS; i++) add("count", "", NULL, 0);
    for (int i = 0; i < 2; i++) job_queue_start(q[i]);
    eventually(rows(&r) == 0);
    for (int i = 0; i < 2; i++) job_queue_stop(q[i]);
    assert_int_equal(runs, JOBS);
    db_close(other);
}

static void a_periodic_job_runs_once_a_period_whoever_is_there(void **state)
{
    (void)state;
    _Atomic int runs = 0;
    struct db *other;
    must_ok(db_open(db_path, &other, &e));
    for (int hours = 0; hours < 4; hours++) {
        for (int start = 0; start < 2; start++) { /* a restart does not repeat it */
            struct job_queue *q[2] = { job_queue_new(db, &quick), job_queue_new(other, &quick) };
            for (int i = 0; i < 2; i++) {
                job_register(q[i], "count", count, &runs);
                job_periodic(q[i], "count", 3600000);
                job_queue_start(q[i]);
            }
            eventually(atomic_load(&runs) == hours); /* the first one comes after one period */
            usleep(30000);
            for (int i = 0; i < 2; i++) job_queue_stop(q[i]);
            assert_int_equal(runs, hours);
        }
        run_sql("UPDATE job_periodic SET last_ms = last_ms - 3600000"); /* an hour goes by */
    }
    db_close(other);
}

static void stopping_waits_and_gives_back_what_is_not_done(void **state)
{
    (void)state;
    struct seen s = { 0 };
    struct job_row *r;
    struct job_queue *q = job_queue_new(db, &quick);
    job_register(q, "linger", linger, &s);
    add("linger", "", NULL, 0);
    job_queue_start(q);
    eventually(atomic_load(&s.going));
    job_queue_stop(q);
    assert_int_equal(rows(&r), 1);
    assert_str(r[0].state, STR("waiting"));
    assert_int_equal(r[0].attempts, 0); /* that was no fault of the job */
}

struct tick {
    _Atomic int now, most, runs;
};

static bool tick(void *ctx, struct err *err)
{
    struct tick *t = ctx;
    (void)err;
    int now = atomic_fetch_add(&t->now, 1) + 1;
    if (now > atomic_load(&t->most)) atomic_store(&t->most, now);
    usleep(5000); /* longer than its period */
    atomic_fetch_add(&t->runs, 1);
    atomic_fetch_sub(&t->now, 1);
    return true;
}

static void a_timer_ticks_and_never_overtakes_itself(void **state)
{
    (void)state;
    struct tick t = { 0 };
    struct job_queue *q = job_queue_new(db, &(struct job_options){ .threads = 3 });
    job_timer(q, "tick", 1, tick, &t);
    job_queue_start(q);
    eventually(atomic_load(&t.runs) >= 5);
    job_queue_stop(q);
    assert_int_equal(t.most, 1);
    job_queue_stop(NULL);
}

#define with_db(f) cmocka_unit_test_setup_teardown(f, db_setup, db_teardown)

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        with_db(a_job_exists_exactly_if_its_transaction_does),
        with_db(failures_are_retried_and_then_kept_for_the_operator),
        with_db(one_waits_per_key_and_what_is_not_due_does_not_run),
        with_db(a_job_whose_process_died_is_taken_again_but_not_for_ever),
        with_db(a_long_job_keeps_its_lease),
        with_db(many_jobs_run_once_each_whoever_takes_them),
        with_db(a_periodic_job_runs_once_a_period_whoever_is_there),
        with_db(stopping_waits_and_gives_back_what_is_not_done),
        with_db(a_timer_ticks_and_never_overtakes_itself),
    };
    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
