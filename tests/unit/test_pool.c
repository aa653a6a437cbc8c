/* test_pool.c - the pool of threads: everything taken is run, a full queue refuses, and the end waits for all. */
#include "unit.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/turn.h"

static void count(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

/* Every third job is slow: some threads find nothing more to do and end while others still work. */
static void count_unevenly(void *ctx)
{
    if (atomic_fetch_add((atomic_int *)ctx, 1) % 3 == 0) usleep(2000);
}

static void all_that_was_taken_is_done(void **state)
{
    (void)state;
    atomic_int done = 0;
    struct pool *p = pool_new("count", 4, 1000);
    for (int i = 0; i < 1000; i++) assert_true(pool_submit(p, count, &done));
    pool_free(p);
    assert_int_equal(atomic_load(&done), 1000);
}

/* ------------------------------------------------------------------ turns (base/turn.h) */

struct queue {
    struct turns turns;
    atomic_int taken, refused;
};

static void *queue_up(void *ctx)
{
    struct queue *q = ctx;
    bool ok = turn_take(&q->turns, 2, 3, 60);
    atomic_fetch_add(ok ? &q->taken : &q->refused, 1);
    return NULL;
}

static void await(atomic_int *n, int want)
{
    while (atomic_load(n) < want) usleep(100);
}

/* Two have turns, three wait, and whoever comes then is refused. */
static void turns_are_taken_by_few_and_waited_for_by_few(void **state)
{
    (void)state;
    enum { ALL = 9 };
    struct queue q = { .turns = TURNS_INIT };
    pthread_t thread[ALL];
    for (int i = 0; i < ALL; i++) assert_int_equal(pthread_create(&thread[i], NULL, queue_up, &q), 0);
    await(&q.refused, ALL - 5);
    assert_int_equal(atomic_load(&q.taken), 2);
    assert_false(turn_take(&q.turns, 2, 0, 0));
    for (int i = 3; i <= 5; i++) {
        turn_end(&q.turns);
        await(&q.taken, i);
    }
    for (int i = 0; i < ALL; i++) pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&q.refused), ALL - 5);
    assert_false(turn_take(&q.turns, 2, 3, 0)); /* may wait, but for no time */
    turn_end(&q.turns);
    turn_end(&q.turns);
    assert_true(turn_take(&q.turns, 1, 0, 0));
}

/* ------------------------------------------------------------------ pools */

struct gate {
    atomic_bool open;
    atomic_int done;
};

static void wait_for_the_gate(void *ctx)
{
    struct gate *g = ctx;
    while (!atomic_load(&g->open)) usleep(100);
    atomic_fetch_add(&g->done, 1);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    struct gate g = { 0 };
    int taken = 0;
    struct pool *p = pool_new("gate", 2, 3);
    for (int i = 0; i < 10; i++) taken += pool_submit(p, wait_for_the_gate, &g);
    assert_in_range(taken, 3, 5); /* three wait, and each thread may have taken one */
    assert_in_range(pool_queued(p), 1, 3);
    assert_true(pool_is_short(p));
    atomic_store(&g.open, true);
    pool_free(p);
    assert_int_equal(atomic_load(&g.done), taken);
}

static void a_pool_is_short_when_more_wait_than_threads_are_free(void **state)
{
    (void)state;
    struct gate g = { 0 };
    struct pool *p = pool_new("gate", 2, 3);
    for (int i = 0; i < 2; i++) {
        assert_true(pool_submit(p, wait_for_the_gate, &g));
        assert_false(pool_is_short(p)); /* whether its thread has woken or not */
    }
    assert_true(pool_submit(p, wait_for_the_gate, &g));
    assert_true(pool_is_short(p));
    atomic_store(&g.open, true);
    pool_free(p);
}

/* A thread that works on may be about to wake one that has ended by itself.  The thread sanitizer judges. */
static void the_end_waits_for_slow_and_quick(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        atomic_int done = round;
        struct pool *p = pool_new("uneven", 4, 64);
        for (int i = 0; i < 8; i++) {
            assert_true(pool_submit(p, count_unevenly, &done));
            if (round % 2 && i % 2) usleep(200);
        }
        pool_free(p);
        assert_int_equal(atomic_load(&done), round + 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_taken_by_few_and_waited_for_by_few),
        cmocka_unit_test(all_that_was_taken_is_done),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_pool_is_short_when_more_wait_than_threads_are_free),
        cmocka_unit_test(the_end_waits_for_slow_and_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
