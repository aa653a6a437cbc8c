/* Unit tests of src/hub/care/forget.c: what is older than is kept goes, in whatever number; what is younger, or is still needed, stays. */
#include "hub_help.h"

#include "hub/care/forget.h"

static struct err e;

enum { DAY_MS = 86400000, OLD = 2500, YOUNG = 3 };

static int64_t count_of(const char *sql)
{
    int64_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(db_get_int(c, &n, -1, &e, sql));
    db_give(hub_db(fx.h), c);
    return n;
}

/* n rows of age_ms; ?1 is the time, ?2 counts, ?3 is a person, ?4 a discussion. */
static void add_rows(const char *sql, int64_t n, int64_t age_ms, int64_t discussion_id)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int64_t i = 0; i < n; i++)
        must_ok(db_run(tx, &e, sql, db_int(clock_now_ms() - age_ms), db_int(i + age_ms), db_int(fx.user[ALICE].id), db_int(discussion_id)));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

static const struct {
    enum forget_kind kind;
    const char *insert, *count;
} row[] = {
    { FORGET_ACTIVITY,
      "INSERT INTO happening (at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private, is_told)"
      " VALUES (?1, 'repo.content', ?3, ?2, ?3, ?4, 'model', 'a/b', 0, 1)",
      "SELECT count(*) FROM happening" },
    { FORGET_DELIVERIES,
      "INSERT INTO webhook_delivery (hex_id, webhook_id, what, about, payload, state, created_ms)"
      " SELECT hex(randomblob(8)) || ?2, id, 'update', 'a/b', '{}', 'failed', ?1 FROM webhook WHERE owner_id = ?3 AND ?4 = ?4",
      "SELECT count(*) FROM webhook_delivery" },
    { FORGET_AUDIT, "INSERT INTO audit (at_ms, actor_id, type, message) VALUES (?1, ?3, 'x', ?2 || ?4)", "SELECT count(*) FROM audit WHERE type = 'x'" },
    { FORGET_USAGE,
      "INSERT INTO inference_call (request_id, at_ms, day, account_id, user_id, route, model, revision, status, is_stream, is_cold, prompt_tokens,"
      " cached_tokens, completion_tokens, queue_us, first_us, compute_us, price_card_id, cost, allowance, finish)"
      " SELECT hex(randomblob(8)) || ?2, ?1, ?1 / 86400000, ?3, ?3, 'r', 'm', '', 200, 0, 0, 1, 0, 1, 0, 0, 0, min(id), 0, 0, '' FROM price_card WHERE ?4 = ?4",
      "SELECT CASE WHEN count(*) = (SELECT coalesce(sum(requests), 0) FROM usage_day) THEN count(*) END FROM inference_call" },
};

static void prepare(void)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "INSERT INTO webhook (hex_id, owner_id, url, on_repo, on_discussion, state, created_ms)"
                           " VALUES ('00', ?, 'https://example.org/', 1, 0, 'enabled', 0)", db_int(fx.user[ALICE].id)));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

static void what_is_old_goes_and_what_is_young_stays(void **state)
{
    (void)state;
    uint64_t removed[FORGET_KINDS];
    struct forget_options o = { 0 };
    prepare();
    for (size_t i = 0; i < COUNT(row); i++) {
        int64_t before = count_of(row[i].count);
        add_rows(row[i].insert, OLD, 40 * (int64_t)DAY_MS, 0);
        add_rows(row[i].insert, YOUNG, 0, 0);
        assert_int_equal(count_of(row[i].count), before + OLD + YOUNG);
        must_ok(hub_forget(fx.h, &o, removed, &e)); /* for ever */
        assert_int_equal(removed[row[i].kind], 0);
        o.keep_ms[row[i].kind] = 30 * (int64_t)DAY_MS;
        must_ok(hub_forget(fx.h, &o, removed, &e));
        assert_int_equal(removed[row[i].kind], OLD);
        assert_int_equal(count_of(row[i].count), before + YOUNG);
    }
}

static void what_was_not_told_yet_stays(void **state)
{
    (void)state;
    uint64_t removed[FORGET_KINDS];
    struct forget_options o = { .keep_ms = { [FORGET_ACTIVITY] = 1000 } };
    struct db_conn *tx;
    add_rows(row[0].insert, 2, DAY_MS, 0);
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE happening SET is_told = 0"));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    must_ok(hub_forget(fx.h, &o, removed, &e));
    assert_int_equal(removed[FORGET_ACTIVITY], 0);
}

static void old_notifications_go(void **state)
{
    (void)state;
    static const char insert[] = "INSERT INTO notification (user_id, discussion_id, reason, updated_ms) SELECT ?3, d.id, 0, ?1 FROM discussion d WHERE d.num = ?4 AND ?2 = ?2";
    uint64_t removed[FORGET_KINDS];
    struct forget_options o = { .keep_ms = { [FORGET_NOTIFICATIONS] = DAY_MS } };
    struct repo r = repo_named(&fx.user[BOB], "talk", false, BOB);
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int i = 1; i <= 2; i++)
        must_ok(db_run(tx, &e, "INSERT INTO discussion (hex_id, repo_id, num, title, status, is_pull_request, author_id, created_ms)"
                               " VALUES (hex(randomblob(12)), ?, ?, 't', 'open', 0, ?, 0)", db_int(r.id), db_int(i), db_int(fx.user[BOB].id)));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    add_rows(insert, 1, 2 * (int64_t)DAY_MS, 1);
    add_rows(insert, 1, 0, 2);
    must_ok(hub_forget(fx.h, &o, removed, &e));
    assert_int_equal(removed[FORGET_NOTIFICATIONS], 1);
    assert_int_equal(count_of("SELECT count(*) FROM notification"), 1);
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static void it_stops_when_it_is_told_to(void **state)
{
    (void)state;
    uint64_t removed[FORGET_KINDS];
    struct forget_options o = { .keep_ms = { [FORGET_AUDIT] = DAY_MS }, .stops = at_once };
    must_refuse(hub_forget(fx.h, &o, removed, &e), ERR_CLOSED, "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_old_goes_and_what_is_young_stays, home_new, home_end),
        cmocka_unit_test_setup_teardown(what_was_not_told_yet_stays, home_new, home_end),
        cmocka_unit_test_setup_teardown(old_notifications_go, home_new, home_end),
        cmocka_unit_test_setup_teardown(it_stops_when_it_is_told_to, home_new, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
