/* Unit tests of src/scan/watch.h: what is due and for how long, what is looked at, and what an old verdict, an old list and a broken file are worth. */
#include "hub_help.h"

#include <string.h>

#include "scan/process.h"
#include "scan/watch.h"

static struct err e;
static struct scan_watch w;

#define BAD "cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n."

static int watch_new(void **state)
{
    home_new(state);
    scan_watch_init(&w, fx.h, STR(""));
    must_ok(scan_watch_run(&w, NULL, NULL, &e));
    return 0;
}

static int watch_end(void **state)
{
    scan_watch_deinit(&w);
    return home_end(state);
}

static bool is_due(void)
{
    bool yes;
    must_ok(scan_watch_is_due(fx.h, &yes, &e));
    return yes;
}

static void put(const struct repo *r, const char *rev, const char *path, const char *content)
{
    struct commit_result out;
    must_ok(commit_one(r, ALICE, rev, path, content, NULL, false, &out, &e));
}

static struct scan_result look(const struct repo *r, bool again)
{
    struct scan_result did;
    must_ok(scan_watch_repo(&w, r, again, NULL, NULL, &did, &e));
    return did;
}

/* "path=level path=level", with "!" where not all was looked at. */
static const char *status_of(const struct repo *r)
{
    struct scan_status s;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(scan_status_get(c, r, 100, fx.a, &s, &e));
    db_give(hub_db(fx.h), c);
    str out = s.is_done ? STR("") : STR("!");
    for (size_t i = 0; i < s.n; i++)
        out = arena_fmt(fx.a, "%.*s%s%.*s=%.*s", STR_ARG(out), i ? " " : "", STR_ARG(s.issue[i].path), STR_ARG(scan_level_name(s.issue[i].level)));
    return arena_cstr(fx.a, out);
}

static void a_commit_is_due_until_it_was_looked_at(void **state)
{
    (void)state;
    assert_false(is_due());
    struct repo r = repo_named(&fx.user[ALICE], "one", false, ALICE);
    put(&r, "main", "w.pkl", BAD);
    assert_true(is_due());
    assert_string_equal(status_of(&r), "!");
    must_ok(scan_watch_run(&w, NULL, NULL, &e));
    assert_false(is_due());
    assert_string_equal(status_of(&r), "w.pkl=unsafe");
    assert_int_equal(atomic_load(&w.judged[SCAN_UNSAFE]), 1);
}

static void what_changed_is_read_and_nothing_else(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "two", false, ALICE);
    put(&r, "main", "a.txt", "one");
    assert_int_equal(look(&r, false).files, 2); /* .gitattributes, too */
    assert_int_equal(look(&r, false).files, 0);
    put(&r, "main", "b/a.txt", "two");
    assert_int_equal(look(&r, false).files, 1);
    put(&r, "main", "c/a.txt", "two"); /* the same content, called the same */
    struct scan_result did = look(&r, false);
    assert_true(did.files == 0 && did.known == 1);
    put(&r, "main", "c/d.txt", "two"); /* called otherwise */
    assert_int_equal(look(&r, false).files, 1);
    assert_int_equal(look(&r, true).files, 5);
}

static void an_issue_counts_while_its_content_stands_there(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "three", false, ALICE);
    put(&r, "main", "w.pkl", BAD);
    (void)look(&r, false);
    assert_string_equal(status_of(&r), "w.pkl=unsafe");
    put(&r, "main", "w.pkl", "other words");
    assert_string_equal(status_of(&r), "!"); /* gone before anybody looked */
    (void)look(&r, false);
    assert_string_equal(status_of(&r), "w.pkl=caution");
    put(&r, "main", "w.pkl", BAD);
    assert_int_equal(look(&r, false).files, 0); /* known from before */
    assert_string_equal(status_of(&r), "w.pkl=unsafe");
}

static void an_older_list_is_asked_for_again_behind_all_that_is_pushed(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "four", false, ALICE);
    put(&r, "main", "w.pkl", BAD);
    must_ok(scan_watch_run(&w, NULL, NULL, &e));
    must_ok(scan_watch_renew(&w, &e));
    assert_false(is_due());
    sql_run("UPDATE scan_ref SET version = 0");
    sql_run("UPDATE scan_verdict SET version = 0");
    must_ok(scan_watch_renew(&w, &e));
    assert_true(is_due());
    assert_string_equal(status_of(&r), "w.pkl=unsafe"); /* the old verdict stands */
    assert_int_equal(sql_int("SELECT count(*) FROM scan_due WHERE is_push = 1"), 0);
    assert_int_equal(look(&r, false).files, 2);
}

static struct scan_file large(const char *content, const char *path)
{
    return (struct scan_file){ .path = str_c(path), .is_large = true, .sha256 = sha256_of(bytes_of(str_c(content))), .size_bytes = strlen(content) };
}

static bool is_known_elsewhere(const struct scan_file *f)
{
    struct scan_verdict v;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(scan_verdict_elsewhere(c, f, &v, &found, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return found;
}

static void a_verdict_is_lent_by_what_everybody_may_read_alone(void **state)
{
    (void)state;
    struct repo hidden = repo_named(&fx.user[ALICE], "five", true, ALICE), open = repo_named(&fx.user[ALICE], "six", false, ALICE);
    struct scan_file f = large("content", "w.bin"), other_name = large("content", "v.bin");
    struct scan_verdict v = { .level = SCAN_SAFE, .version = SCAN_VERSION, .scanned_ms = 1 };
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(scan_verdict_put(tx, hidden.id, &f, &v, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    assert_false(is_known_elsewhere(&f));
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(scan_verdict_put(tx, open.id, &f, &v, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    assert_true(is_known_elsewhere(&f));
    assert_false(is_known_elsewhere(&other_name));
    sql_run("UPDATE repo SET gated = 'manual' WHERE name = 'six'");
    assert_false(is_known_elsewhere(&f));
}

static bool when_two_are_judged(void *watch) { return atomic_load(&((struct scan_watch *)watch)->judged[SCAN_SAFE]) >= 2; }

static void a_scan_that_is_stopped_goes_on_where_it_was(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "seven", false, ALICE);
    struct scan_result did;
    for (int i = 0; i < 6; i++) put(&r, "main", arena_cstr(fx.a, arena_fmt(fx.a, "f%d.txt", i)), arena_cstr(fx.a, arena_fmt(fx.a, "%d", i)));
    must_refuse(scan_watch_repo(&w, &r, false, when_two_are_judged, &w, &did, &e), ERR_CLOSED, "sto");
    assert_int_equal(did.files, 2);
    did = look(&r, false);
    assert_true(did.files == 5 && did.known == 2);
    assert_string_equal(status_of(&r), "");
}

static void a_broken_repository_is_tried_again_later(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "eight", false, ALICE);
    char folder[512], away[600];
    hub_repo_path(fx.h, r.id, folder);
    snprintf(away, sizeof away, "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    must_ok(scan_watch_run(&w, NULL, NULL, &e));
    assert_false(is_due());
    assert_int_equal(sql_int("SELECT failures FROM scan_due"), 1);
    assert_int_equal(rename(away, folder), 0);
    sql_run("UPDATE scan_due SET after_ms = 0");
    must_ok(scan_watch_run(&w, NULL, NULL, &e));
    assert_int_equal(sql_int("SELECT count(*) FROM scan_due"), 0);
}

static void what_is_gone_has_no_verdict_after_collection(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "nine", false, ALICE);
    uint64_t removed;
    put(&r, "main", "a.txt", "words");
    (void)look(&r, false);
    sql_run("INSERT INTO scan_verdict (repo_id, content, name, version, level, scanned_ms) SELECT id, '0123456789012345678901234567890123456789', 'x', 1, 'safe', 1 FROM repo WHERE name = 'nine'");
    sql_run("INSERT INTO scan_verdict (repo_id, content, name, version, level, scanned_ms)"
            " SELECT id, '0123456789012345678901234567890123456789012345678901234567890123', 'x', 1, 'safe', 1 FROM repo WHERE name = 'nine'");
    int64_t before = sql_int("SELECT count(*) FROM scan_verdict");
    must_ok(scan_collect(fx.h, true, NULL, NULL, &removed, &e));
    assert_int_equal(removed, 2);
    assert_int_equal(sql_int("SELECT count(*) FROM scan_verdict"), before);
    must_ok(scan_collect(fx.h, false, NULL, NULL, &removed, &e));
    assert_int_equal(sql_int("SELECT count(*) FROM scan_verdict"), before - 2);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "scan-worker") == 0) return scan_worker_run(SCAN_CHANNEL_FD, &e) ? 0 : 1;
#define TEST(f) cmocka_unit_test_setup_teardown(f, watch_new, watch_end)
    const struct CMUnitTest tests[] = {
        TEST(a_commit_is_due_until_it_was_looked_at),
        TEST(what_changed_is_read_and_nothing_else),
        TEST(an_issue_counts_while_its_content_stands_there),
        TEST(an_older_list_is_asked_for_again_behind_all_that_is_pushed),
        TEST(a_verdict_is_lent_by_what_everybody_may_read_alone),
        TEST(a_scan_that_is_stopped_goes_on_where_it_was),
        TEST(a_broken_repository_is_tried_again_later),
        TEST(what_is_gone_has_no_verdict_after_collection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
