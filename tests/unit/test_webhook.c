/* Unit tests of src/hub/community/webhook*.c: what does not need a receiver. */
#include "hub_help.h"

#include "hub/community/tell.h"
#include "hub/community/webhook.h"

static struct err e;

static struct receiver {
    int status, posts;
} receiver;

static bool post(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *why)
{
    struct receiver *r = ctx;
    (void)q, (void)answer, (void)why;
    r->posts++;
    *status = r->status;
    return true;
}

static const struct webhook_sender sender = { .post = post, .ctx = &receiver, .base_url = STR_INIT("http://hub"), .retry_ms = 3600000 };

static int setup(void **state)
{
    home_new(state);
    receiver = (struct receiver){ .status = 200 };
    return 0;
}

static struct webhook hook_of(int who, const char *kind, const char *name)
{
    struct webhook w;
    struct webhook_watched watched = { str_c(kind), str_c(name) };
    struct webhook_change q = { .url = STR("https://example.org/"), .on_repo = true, .watched = &watched, .watched_count = 1 };
    must_ok(webhook_create(fx.h, fx.user[who].id, &q, &w, fx.a, &e));
    return w;
}

static const char *watched_by(int who, const struct webhook *w)
{
    struct webhook now;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(webhook_find(c, fx.user[who].id, w->hex_id, &now, &found, fx.a, &e));
    db_give(hub_db(fx.h), c);
    assert_true(found);
    return arena_cstr(fx.a, now.watched[0].name);
}

static struct webhook_delivery newest(const struct webhook *w)
{
    struct webhook_delivery *d;
    size_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(webhook_deliveries(c, w->id, 10, fx.a, &d, &n, &e));
    db_give(hub_db(fx.h), c);
    assert_true(n > 0);
    return d[0];
}

static void told(void)
{
    size_t n;
    must_ok(tell_all(fx.h, &sender, &n, &e));
    assert_true(n > 0);
}

static struct job_row last_job(void)
{
    struct job_row *row;
    size_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(job_list(c, 0, 1000, fx.a, &row, &n, &e));
    db_give(hub_db(fx.h), c);
    assert_true(n > 0);
    return row[n - 1];
}

/* ------------------------------------------------------------------ */

static void test_a_new_name_is_told_to_who_may_see_it(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "secret", true, ALICE);
    struct webhook hers = hook_of(ALICE, "model", "alice/secret"), guessed = hook_of(BOB, "model", "Alice/Secret");
    must_ok(repo_move(fx.h, &r, &fx.user[ALICE], STR("plan-b"), &fx.id[ALICE], &e));
    told();
    assert_string_equal(watched_by(ALICE, &hers), "alice/plan-b");
    assert_string_equal(watched_by(BOB, &guessed), "Alice/Secret");
}

static bool run(struct webhook_runner *r)
{
    struct job_row row = last_job();
    struct job j = { .id = row.id, .kind = row.kind, .payload = row.payload, .attempts = 1 };
    return webhook_run(NULL, r, &j, &e);
}

static void test_an_attempt_by_hand_ends_no_others(void **state)
{
    (void)state;
    struct webhook_runner runner = { .hub = fx.h, .sender = &sender };
    struct webhook w = hook_of(ALICE, "user", "alice");
    int status;
    bool found;
    repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    receiver.status = 500;
    must_ok(run(&runner));
    assert_string_equal(arena_cstr(fx.a, newest(&w).state), "waiting");
    must_ok(webhook_replay(fx.h, &sender, &w, newest(&w).hex_id, &status, &found, &e));
    assert_true(found && status == 500);
    assert_string_equal(arena_cstr(fx.a, newest(&w).state), "waiting");
    receiver.status = 200;
    must_ok(run(&runner));
    assert_string_equal(arena_cstr(fx.a, newest(&w).state), "delivered");
    assert_int_equal(receiver.posts, 3);
    receiver.status = 500; /* what was delivered and is sent again has no job */
    must_ok(webhook_replay(fx.h, &sender, &w, newest(&w).hex_id, &status, &found, &e));
    assert_string_equal(arena_cstr(fx.a, newest(&w).state), "failed");
}

static void test_a_crowd_comes_back_later(void **state)
{
    (void)state;
    enum { CROWD = 100 };
    struct webhook_runner runner = { .hub = fx.h, .sender = &sender, .running = 4 };
    struct db_conn *tx;
    hook_of(ALICE, "user", "alice");
    repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    must_ok(run(&runner));
    assert_true(last_job().run_after_ms < clock_now_ms() + 1000);
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int i = 0; i < CROWD; i++) must_ok(job_add(tx, WEBHOOK_JOB, STR("{\"delivery\":1}"), (str){ 0 }, 0, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    int64_t before = clock_now_ms();
    must_ok(run(&runner));
    assert_true(last_job().run_after_ms >= before + 200 * CROWD / 4);
    assert_int_equal(receiver.posts, 0);
}

static void write_sql(const char *sql, struct db_value v)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, sql, v));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

static void test_who_is_disabled_sends_nothing(void **state)
{
    (void)state;
    struct webhook_runner runner = { .hub = fx.h, .sender = &sender };
    struct webhook w = hook_of(ALICE, "user", "alice");
    repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    write_sql("UPDATE account SET is_disabled = 1 WHERE id = ?", db_int(fx.user[ALICE].id));
    must_ok(run(&runner));
    assert_int_equal(receiver.posts, 0);
    assert_string_equal(arena_cstr(fx.a, newest(&w).state), "failed");
    assert_string_equal(arena_cstr(fx.a, newest(&w).answer), "the account is disabled");
    write_sql("UPDATE account SET is_disabled = 0 WHERE id = ?", db_int(fx.user[ALICE].id));
    repo_named(&fx.user[ALICE], "second", false, ALICE);
    told();
    must_ok(run(&runner));
    assert_int_equal(receiver.posts, 1);
}

static void test_who_is_removed_sends_nothing(void **state)
{
    (void)state;
    struct webhook_runner runner = { .hub = fx.h, .sender = &sender };
    struct webhook w = hook_of(BOB, "user", "alice");
    repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    write_sql("DELETE FROM webhook WHERE id = ?", db_int(w.id)); /* as its account's removal does */
    must_ok(run(&runner));
    assert_int_equal(receiver.posts, 0);
}

static size_t deliveries_of(const struct webhook *w)
{
    struct webhook_delivery *d;
    size_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(webhook_deliveries(c, w->id, 100, fx.a, &d, &n, &e));
    db_give(hub_db(fx.h), c);
    return n;
}

/* A commit; how many deliveries of w it made. */
static size_t told_of_commit(const struct repo *r, int who, const struct webhook *w, const char *content)
{
    struct commit_result made;
    size_t before = deliveries_of(w);
    must_ok(commit_one(r, who, "main", "a.txt", content, NULL, false, &made, &e));
    told();
    return deliveries_of(w) - before;
}

static void test_a_strangers_webhook_hears_as_much_as_he_may_see(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    struct webhook w = hook_of(OUTSIDER, "model", "alice/model");
    assert_int_equal(told_of_commit(&r, ALICE, &w, "1"), 1);
    write_sql("UPDATE repo SET is_private = 1 WHERE id = ?", db_int(r.id));
    assert_int_equal(told_of_commit(&r, ALICE, &w, "2"), 0);
    write_sql("UPDATE repo SET is_private = 0 WHERE id = ?", db_int(r.id));
    assert_int_equal(told_of_commit(&r, ALICE, &w, "3"), 1);
}

static void test_a_members_webhook_ends_with_his_membership(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.acme, "model", true, ADMIN);
    told();
    struct webhook his = hook_of(READER, "model", "acme/model"), all = hook_of(READER, "org", "acme"), guessed = hook_of(OUTSIDER, "model", "acme/model");
    assert_int_equal(told_of_commit(&r, WRITER, &his, "1"), 1);
    write_sql("UPDATE account_member SET role = 'no_access' WHERE user_id = ?", db_int(fx.user[READER].id));
    assert_int_equal(told_of_commit(&r, WRITER, &his, "2"), 0);
    write_sql("DELETE FROM account_member WHERE user_id = ?", db_int(fx.user[READER].id));
    assert_int_equal(told_of_commit(&r, WRITER, &his, "3"), 0);
    assert_int_equal(deliveries_of(&all), 1);
    assert_int_equal(deliveries_of(&guessed), 0);
}

/* In the middle of a delivery others are tried. */
static struct nested {
    struct webhook_runner *runner;
    struct job job[3];
    size_t n;
    int depth, posts, deepest;
} nested;

static bool post_and_try(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *why)
{
    struct nested *x = ctx;
    (void)q, (void)answer, (void)why;
    *status = 200;
    x->posts++;
    if (++x->depth > x->deepest) x->deepest = x->depth;
    if (x->n) {
        struct job j = x->job[--x->n];
        must_ok(webhook_run(NULL, x->runner, &j, why));
    }
    x->depth--;
    return true;
}

static struct job job_of(const struct webhook *w)
{
    struct webhook_delivery d = newest(w);
    return (struct job){ .kind = STR(WEBHOOK_JOB), .payload = arena_fmt(fx.a, "{\"delivery\":%lld}", (long long)d.id), .attempts = 1 };
}

static struct webhook hook_at(int who, const char *url)
{
    struct webhook w;
    struct webhook_watched watched = { STR("user"), STR("alice") };
    struct webhook_change q = { .url = str_c(url), .on_repo = true, .watched = &watched, .watched_count = 1 };
    must_ok(webhook_create(fx.h, fx.user[who].id, &q, &w, fx.a, &e));
    return w;
}

static void try_within_each_other(const struct webhook *a, const struct webhook *b, const struct webhook *c)
{
    struct webhook_sender s = { .post = post_and_try, .ctx = &nested, .base_url = STR("http://hub"), .retry_ms = 3600000 };
    struct webhook_runner runner = { .hub = fx.h, .sender = &s };
    nested = (struct nested){ .runner = &runner, .job = { job_of(c), job_of(b) }, .n = 2 };
    struct job first = job_of(a);
    must_ok(webhook_run(NULL, &runner, &first, &e));
    for (size_t i = 0; i < WEBHOOK_RUNNING_MAX; i++) assert_int_equal(runner.slot[i].owner, 0);
}

static void test_nobody_has_all_the_places(void **state)
{
    (void)state;
    struct webhook one = hook_at(ALICE, "https://a.example/1"), two = hook_at(ALICE, "https://b.example/2"), three = hook_at(ALICE, "https://c.example/3"),
                   same = hook_at(BOB, "https://A.example:444/x"), third = hook_at(BOB, "https://a.example"), other = hook_at(BOB, "https://d.example/y");
    repo_named(&fx.user[ALICE], "model", false, ALICE);
    told();
    try_within_each_other(&one, &two, &three); /* of one account: two at a time */
    assert_int_equal(nested.posts, 2);
    assert_int_equal(nested.deepest, 2);
    assert_string_equal(arena_cstr(fx.a, newest(&three).state), "waiting");
    write_sql("UPDATE webhook_delivery SET state = 'waiting' WHERE ?1 = ?1", db_int(0));
    try_within_each_other(&one, &same, &third); /* to one host */
    assert_int_equal(nested.posts, 2);
    assert_string_equal(arena_cstr(fx.a, newest(&third).state), "waiting");
    write_sql("UPDATE webhook_delivery SET state = 'waiting' WHERE ?1 = ?1", db_int(0));
    try_within_each_other(&one, &two, &other); /* of two accounts, to three hosts */
    assert_int_equal(nested.posts, 3);
    write_sql("UPDATE webhook_delivery SET state = 'waiting', took_ms = ?1", db_int(9000));
    try_within_each_other(&one, &two, &other); /* all were slow */
    assert_int_equal(nested.posts, 2);
    assert_string_equal(arena_cstr(fx.a, newest(&other).state), "waiting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_new_name_is_told_to_who_may_see_it, setup, home_end),
        cmocka_unit_test_setup_teardown(test_an_attempt_by_hand_ends_no_others, setup, home_end),
        cmocka_unit_test_setup_teardown(test_a_crowd_comes_back_later, setup, home_end),
        cmocka_unit_test_setup_teardown(test_who_is_disabled_sends_nothing, setup, home_end),
        cmocka_unit_test_setup_teardown(test_who_is_removed_sends_nothing, setup, home_end),
        cmocka_unit_test_setup_teardown(test_a_strangers_webhook_hears_as_much_as_he_may_see, setup, home_end),
        cmocka_unit_test_setup_teardown(test_a_members_webhook_ends_with_his_membership, setup, home_end),
        cmocka_unit_test_setup_teardown(test_nobody_has_all_the_places, setup, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
