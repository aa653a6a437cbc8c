/* Unit tests of src/db: transactions, the writer's turn, migrations, the guard before credentials. */
#include "unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "db/credentials.h"
#include "db/db_priv.h"
#include "db/memo.h"

static char dir[64], path[80];

static int setup(void **state)
{
    unit_dir(dir);
    snprintf(path, sizeof path, "%s/hearth.db", dir);
    (void)state;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unit_dir_end(dir);
    return 0;
}

static const char insert_tag[] = "INSERT INTO tag (kind, name, repos_count) VALUES (?, ?, ?)";
static const char count_tags[] = "SELECT count(*) FROM tag";

static int64_t tags(struct db *d)
{
    struct err e;
    int64_t n = -1;
    struct db_conn *c = db_reader(d);
    must_ok(db_get_int(c, &n, -1, &e, count_tags));
    db_give(d, c);
    return n;
}

/* ------------------------------------------------------------------ statements and transactions */

static void values_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    struct db_query q;
    struct arena *a = arena_new(0);
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_query(tx, &q, &e, "SELECT ?, ?, ?, ?, ?, ?", db_int(INT64_MIN), db_real(0.5), db_text(str_n("a\0b", 3)),
                     db_text(str_n(NULL, 0)), db_blob((bytes){ (const uint8_t *)"\xff\x00", 2 }), db_null()));
    assert_true(db_next(&q, &e));
    assert_int_equal(db_col_int(&q, 0), INT64_MIN);
    assert_true(db_col_real(&q, 1) == 0.5);
    assert_str(db_col_text(&q, 2), str_n("a\0b", 3));
    assert_false(db_col_is_null(&q, 3)); /* an empty text is no NULL, wherever its pointer points */
    assert_int_equal(db_col_text(&q, 3).n, 0);
    assert_str(str_of(db_col_blob(&q, 4)), str_n("\xff\x00", 2));
    assert_true(db_col_is_null(&q, 5) && !db_col_text(&q, 5).p && !db_col_dup(&q, 5, a).p);
    assert_false(db_next(&q, &e));
    assert_true(db_end(&q));
    db_rollback(d, tx);
    db_close(d);
    arena_free(a);
}

static void a_rollback_leaves_nothing_and_a_commit_everything(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("a")), db_int(0)));
    assert_int_equal(tags(d), 0); /* readers see what is committed */
    db_rollback(d, tx);
    assert_int_equal(tags(d), 0);

    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("a")), db_int(0)));
    must_ok(db_savepoint(tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("b")), db_int(0)));
    must_ok(db_savepoint(tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("c")), db_int(0)));
    must_ok(db_savepoint_end(tx, true, &e));
    must_ok(db_savepoint_end(tx, false, &e)); /* takes b and c with it */
    must_ok(db_commit(d, tx, &e));
    assert_int_equal(tags(d), 1);
    db_close(d);
    must_ok(db_open(path, &d, &e));
    assert_int_equal(tags(d), 1);
    db_close(d);
}

static void constraints_are_conflicts_and_do_not_end_the_transaction(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("a")), db_int(0)));
    assert_false(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("a")), db_int(0)));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(db_run(tx, &e, "INSERT INTO audit (at_ms, type, message) VALUES (1, NULL, '')"));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(db_run(tx, &e, "INSERT INTO account (hex_id, kind, name, name_key, created_ms) VALUES ('1', 'cat', 'a', 'a', 1)"));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(db_run(tx, &e, "INSERT INTO repo_tag (tag_id, repo_id) VALUES (1, 77)")); /* no such repository */
    assert_int_equal(e.code, ERR_CONFLICT);
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("b")), db_int(0)));
    must_ok(db_commit(d, tx, &e));
    assert_int_equal(tags(d), 2);
    db_close(d);
}

static void a_statement_may_be_walked_inside_itself(void **state)
{
    (void)state;
    static const char sql[] = "WITH n(i) AS (VALUES (1), (2), (3)) SELECT i FROM n";
    struct err e;
    struct db *d;
    struct db_query outer, inner;
    int64_t sum = 0;
    must_ok(db_open(path, &d, &e));
    struct db_conn *c = db_reader(d);
    for (int round = 0; round < 2; round++) {
        must_ok(db_query(c, &outer, &e, sql));
        while (db_next(&outer, &e)) {
            must_ok(db_query(c, &inner, &e, sql));
            while (db_next(&inner, &e)) sum += db_col_int(&outer, 0) * db_col_int(&inner, 0);
            assert_true(db_end(&inner));
        }
        assert_true(db_end(&outer));
    }
    assert_int_equal(sum, 2 * 36);
    db_give(d, c);
    db_close(d);
}

static void a_reader_cannot_write(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_query q;
    must_ok(db_open(path, &d, &e));
    struct db_conn *c = db_reader(d);
    must_ok(db_query(c, &q, &e, "INSERT INTO tag (kind, name) VALUES ('model', 'x') RETURNING id"));
    assert_false(db_next(&q, &e));
    assert_false(db_end(&q));
    db_give(d, c);
    assert_int_equal(tags(d), 0);
    db_close(d);
}

static void readers_are_never_short(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *c[100];
    must_ok(db_open(path, &d, &e));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(c); i++) {
            int64_t n;
            c[i] = db_reader(d);
            must_ok(db_get_int(c[i], &n, -1, &e, count_tags));
            assert_int_equal(n, 0);
        }
        for (size_t i = 0; i < COUNT(c); i++) db_give(d, c[i]);
    }
    db_close(d);
}

static void a_full_disk_rolls_back_and_nothing_runs_behind_it(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    struct db_query q;
    int64_t pages = 0;
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_get_int(tx, &pages, 0, &e, "PRAGMA page_count"));
    char limit[64];
    int n = snprintf(limit, sizeof limit, "PRAGMA max_page_count = %lld", (long long)pages);
    must_ok(db_query_once(tx, &q, str_n(limit, (size_t)n), NULL, 0, &e));
    assert_true(db_next(&q, &e));
    assert_true(db_end(&q));
    char big[20000];
    memset(big, 'x', sizeof big);
    assert_false(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(str_n(big, sizeof big)), db_int(0)));
    assert_int_equal(e.code, ERR_NO_SPACE);
    db_rollback(d, tx);
    assert_int_equal(tags(d), 0);

    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, "ROLLBACK")); /* as SQLite does by itself when the disk fails under it */
    assert_false(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("a")), db_int(0)));
    assert_false(db_commit(d, tx, &e));
    assert_int_equal(tags(d), 0);
    db_close(d);
}

/* ------------------------------------------------------------------ the writer's turn */

enum { WRITERS = 4, ROUNDS = 25 };

/* NULL, or what failed. */
static const char *try_rounds(struct db *d)
{
    struct err e;
    struct db_conn *tx;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t n = -1;
        if (!db_begin(d, &tx, &e)) return "begin";
        if (!db_get_int(tx, &n, -1, &e, count_tags)) return "count";
        char name[32];
        int len = snprintf(name, sizeof name, "%lld", (long long)n); /* the next number: unique only if turns are real */
        if (!db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(str_n(name, (size_t)len)), db_int(0))) {
            db_rollback(d, tx);
            return "insert";
        }
        if (!db_commit(d, tx, &e)) return "commit";
        struct db_conn *c = db_reader(d);
        int64_t seen = 0;
        bool ok = db_get_int(c, &seen, 0, &e, count_tags);
        db_give(d, c);
        if (!ok || seen <= n) return "read"; /* one sees what one wrote */
    }
    return NULL;
}

static void *write_rounds(void *d) { return (void *)(uintptr_t)try_rounds(d); }

static void writers_of_two_processes_take_turns(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    pthread_t t[WRITERS];
    pid_t child = fork(); /* before this process has opened anything: SQLite must not cross a fork */
    assert_true(child >= 0);
    bool ok = db_open(path, &d, &e); /* both make the schema at once */
    if (!child) _exit(!ok ? 1 : try_rounds(d) ? 2 : 0);
    if (!ok) fail_msg("%s", e.msg);
    for (size_t i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&t[i], NULL, write_rounds, d), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *why;
        pthread_join(t[i], &why);
        if (why) fail_msg("a writer failed: %s", (const char *)why);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tags(d), (WRITERS + 1) * ROUNDS);
    db_close(d);
}

struct turn {
    struct db *d;
    _Atomic int *order;
    int got;
};

static void *take_turn(void *arg)
{
    struct turn *t = arg;
    struct err e;
    struct db_conn *tx;
    if (!db_begin(t->d, &tx, &e)) return NULL; /* got stays -1 */
    t->got = atomic_fetch_add(t->order, 1);
    db_rollback(t->d, tx);
    return NULL;
}

static void writers_are_served_in_order_of_arrival(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    _Atomic int order = 0;
    struct turn t[5];
    pthread_t thread[5];
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    for (int i = 0; i < 5; i++) {
        t[i] = (struct turn){ d, &order, -1 };
        pthread_create(&thread[i], NULL, take_turn, &t[i]);
        while (db_waiting(d) < (size_t)i + 1) usleep(100);
    }
    db_rollback(d, tx);
    for (int i = 0; i < 5; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(t[i].got, i);
    }
    db_close(d);
}

/* ------------------------------------------------------------------ migrations */

static char *schema_text(const char *file)
{
    struct buf b = BUF_INIT(0);
    sqlite3 *s;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &s), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(s, "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name", -1, &st,
                                        NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW)
        for (int i = 0; i < 3; i++) buf_addf(&b, "%s\n", (const char *)sqlite3_column_text(st, i));
    sqlite3_finalize(st);
    sqlite3_close(s);
    return buf_take(&b, NULL);
}

static struct embedded step_of(const char *name, const char *sql)
{
    return (struct embedded){ name, (const unsigned char *)sql, strlen(sql) };
}

static bool migrate_file(const char *file, const struct embedded *table, struct err *e)
{
    FILE *f = fopen(file, "a");
    assert_non_null(f);
    fclose(f);
    sqlite3 *s;
    if (!db_sqlite_open(file, &s, e)) return false;
    bool ok = db_migrate(s, table, e);
    sqlite3_close(s);
    return ok;
}

static void a_fresh_schema_equals_one_that_grew(void **state)
{
    (void)state;
    struct err e;
    char grown[80], fresh[80];
    snprintf(grown, sizeof grown, "%s/grown.db", dir);
    snprintf(fresh, sizeof fresh, "%s/fresh.db", dir);
    struct embedded part[64] = { 0 };
    for (size_t i = 0; db_schema[i].name; i++) { /* one migration more with each start */
        part[i] = db_schema[i];
        must_ok(migrate_file(grown, part, &e));
    }
    must_ok(migrate_file(fresh, db_schema, &e));
    must_ok(migrate_file(fresh, db_schema, &e)); /* and a second start changes nothing */
    char *a = schema_text(grown), *b = schema_text(fresh);
    assert_string_equal(a, b);
    assert_non_null(strstr(a, "repo_search"));
    mem_free(a);
    mem_free(b);
}

static void a_changed_or_newer_schema_is_refused(void **state)
{
    (void)state;
    struct err e;
    const struct embedded one[] = { step_of("0001_a.sql", "CREATE TABLE a (x)"), { 0 } };
    const struct embedded changed[] = { step_of("0001_a.sql", "CREATE TABLE a (y)"), { 0 } };
    const struct embedded two[] = { one[0], step_of("0002_b.sql", "CREATE TABLE b (x)"), { 0 } };
    must_ok(migrate_file(path, one, &e));
    assert_false(migrate_file(path, changed, &e));
    assert_non_null(strstr(e.msg, "0001_a.sql"));
    must_ok(migrate_file(path, two, &e));
    assert_false(migrate_file(path, one, &e));
    assert_non_null(strstr(e.msg, "newer"));
}

static void a_failed_migration_leaves_the_schema_as_it_was(void **state)
{
    (void)state;
    struct err e;
    const struct embedded good[] = { step_of("0001_a.sql", "CREATE TABLE a (x INTEGER PRIMARY KEY)"), { 0 } };
    const struct embedded bad[] = { good[0], step_of("0002_b.sql", "CREATE TABLE b (x); CREATE TABLE a (x)"), { 0 } };
    const struct embedded dangling[] = {
        good[0], step_of("0002_b.sql", "CREATE TABLE b (x REFERENCES a (x)); INSERT INTO b VALUES (5)"), { 0 } };
    must_ok(migrate_file(path, good, &e));
    char *before = schema_text(path);
    assert_false(migrate_file(path, bad, &e));
    assert_non_null(strstr(e.msg, "0002_b.sql"));
    assert_false(migrate_file(path, dangling, &e));
    char *after = schema_text(path);
    assert_string_equal(before, after);
    mem_free(before);
    mem_free(after);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++) fputs("this is no database ", f);
    fclose(f);
    assert_false(db_open(path, &d, &e));
    assert_int_equal(e.code, ERR_IO);
}

static void search_finds_what_was_put_in_and_not_what_was_taken_out(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_conn *tx;
    int64_t id = 0;
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, "INSERT INTO repo_search (rowid, full_name) VALUES (7, 'ann/Tiny-Stories')"));
    must_ok(db_get_int(tx, &id, 0, &e, "SELECT rowid FROM repo_search WHERE repo_search MATCH '\"y-sto\"'"));
    assert_int_equal(id, 7);
    must_ok(db_run(tx, &e, "INSERT INTO repo_search (repo_search, rowid, full_name) VALUES ('delete', 7, 'ann/Tiny-Stories')"));
    must_ok(db_get_int(tx, &id, 0, &e, "SELECT rowid FROM repo_search WHERE repo_search MATCH '\"y-sto\"'"));
    assert_int_equal(id, 0);
    must_ok(db_commit(d, tx, &e));
    db_close(d);
}

/* ------------------------------------------------------------------ credentials, care */

/* What the reader counts and adds up, and that it finds nothing wrong. */
static void assert_read(struct db_conn *c, int64_t n)
{
    struct err e;
    int64_t got = -1, wrong = -1;
    must_ok(db_get_int(c, &got, -1, &e, "SELECT count(*) FROM tag WHERE length(name) >= 400"));
    assert_int_equal(got, n);
    must_ok(db_get_int(c, &got, -1, &e, "SELECT coalesce(sum(repos_count), 0) FROM tag"));
    assert_int_equal(got, n * (n - 1) / 2);
    must_ok(db_get_int(c, &wrong, -1, &e, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"));
    assert_int_equal(wrong, 0);
}

static void exec(sqlite3 *s, const char *sql)
{
    struct err e;
    must_ok(db_exec(s, sql, &e));
}

/* keep_map.c: another connection makes the file longer and shorter behind a reader that keeps its map. */
static void a_kept_map_follows_the_file(void **state)
{
    static const char add[] = "WITH RECURSIVE i (n) AS (SELECT coalesce(max(repos_count) + 1, 0) FROM tag UNION ALL SELECT n + 1 FROM i"
                              " WHERE (n + 1) % 500 <> 0) INSERT INTO tag (kind, name, repos_count) SELECT 'model', printf('%0400d', n), n FROM i";
    (void)state;
    struct err e;
    struct db *d;
    sqlite3 *other;
    must_ok(db_open(path, &d, &e));
    must_ok(db_sqlite_open(path, &other, &e));
    struct db_conn *c = db_reader(d);
    for (int round = 0; round < 3; round++) {
        for (int k = 1; k <= 8; k++) { /* longer, now in the log alone, now in the file */
            exec(other, add);
            assert_read(c, 500 * k);
            if (k % 2) exec(other, "PRAGMA wal_checkpoint(TRUNCATE)");
            assert_read(c, 500 * k);
        }
        exec(other, "DELETE FROM tag; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"); /* shorter */
        assert_read(c, 0);
    }
    exec(other, add);
    assert_read(c, 500);
    db_give(d, c);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    db_close(d);
}

static void credentials_are_for_those_with_the_key(void **state)
{
    (void)state;
    static const char *const touching[] = {
        "SELECT hash FROM account_token", "SELECT count(*) FROM account_password", "DELETE FROM account_token",
        "UPDATE account_password SET hash = 'x'", "INSERT INTO signing_key VALUES ('x', x'00', 1)",
        "SELECT (SELECT hash FROM account_password) FROM account", "DELETE FROM account" /* cascades into both */,
    };
    struct err e;
    struct db *d;
    struct db_conn *tx;
    must_ok(db_open(path, &d, &e));
    must_ok(db_begin(d, &tx, &e));
    for (size_t i = 0; i < COUNT(touching); i++) {
        if (db_run(tx, &e, touching[i])) fail_msg("allowed: %s", touching[i]);
        assert_int_equal(e.code, ERR_INTERNAL);
    }
    db_credentials_begin(tx);
    for (size_t i = 0; i < COUNT(touching); i++) must_ok(db_run(tx, &e, touching[i]));
    db_credentials_end(tx);
    db_rollback(d, tx);
    db_close(d);
}

static void count_problem(void *ctx, str what)
{
    (void)what;
    ++*(int *)ctx;
}

static void the_check_finds_a_row_that_names_a_missing_one(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    int problems = 0;
    must_ok(db_open(path, &d, &e));
    must_ok(db_check(d, count_problem, &problems, &e));
    assert_int_equal(problems, 0);
    sqlite3 *s; /* another program, which does not care for keys */
    assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
    assert_int_equal(sqlite3_exec(s, "INSERT INTO repo_tag VALUES (1, 2)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(s);
    must_ok(db_check(d, count_problem, &problems, &e));
    assert_int_equal(problems, 2);
    db_close(d);
}

static void add_tag(struct db *d, const char *name)
{
    struct err e;
    struct db_conn *tx;
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(str_c(name)), db_int(1)));
    must_ok(db_commit(d, tx, &e));
}

/* In a process of its own: commits once for each byte that comes, and says so. */
static void commit_on_demand(int in, int out)
{
    struct db *d;
    struct err e;
    char byte, name[16] = "child-0";
    if (!db_open(path, &d, &e)) _exit(1);
    if (write(out, "r", 1) != 1) _exit(1);
    while (read(in, &byte, 1) == 1) {
        name[6]++;
        add_tag(d, name);
        if (write(out, "c", 1) != 1) _exit(1);
    }
    db_close(d);
    _exit(0);
}

static void commits_of_any_process_are_marked_and_forget_what_was_kept(void **state)
{
    (void)state;
    struct err e;
    struct db *d;
    struct db_mark before, after;
    struct db_conn *tx;
    bytes got;
    int to[2], from[2], status;
    char byte;
    uint8_t key[DB_MEMO_KEY_BYTES] = { 1 }, other[DB_MEMO_KEY_BYTES] = { 1, 0, 0, 0, 0, 0, 0, 0, 2 }; /* in one place */
    const bytes value = { (const uint8_t *)"found", 5 };
    struct arena *a = arena_new(0);
    assert_int_equal(pipe(to) | pipe(from), 0);
    pid_t child = fork(); /* before this process has opened anything: SQLite must not cross a fork */
    assert_true(child >= 0);
    if (!child) {
        close(to[1]);
        commit_on_demand(to[0], from[1]);
    }
    assert_int_equal(read(from[0], &byte, 1), 1);
    must_ok(db_open(path, &d, &e));
    struct db_memo *m = db_memo_new(d, 64, 100);

    assert_true(db_mark_take(d, &before) && db_mark_take(d, &after));
    assert_true(db_mark_eq(&before, &after));
    assert_int_equal(tags(d), 0); /* reading changes nothing */
    must_ok(db_begin(d, &tx, &e));
    must_ok(db_run(tx, &e, insert_tag, db_text(STR("model")), db_text(STR("x")), db_int(1)));
    assert_true(db_mark_take(d, &after) && db_mark_eq(&before, &after)); /* nor does what is not committed */
    db_rollback(d, tx);
    assert_true(db_mark_take(d, &after) && db_mark_eq(&before, &after));

    for (int round = 0; round < 6; round++) {
        assert_true(db_mark_take(d, &before));
        assert_false(db_memo_find(m, key, a, &got));
        db_memo_keep(m, key, &before, value);
        assert_true(db_memo_find(m, key, a, &got));
        assert_str(str_of(got), STR("found"));
        assert_false(db_memo_find(m, other, a, &got));
        if (round % 2) {
            add_tag(d, arena_cstr(a, arena_fmt(a, "own-%d", round)));
        } else {
            assert_int_equal(write(to[1], "x", 1), 1);
            assert_int_equal(read(from[0], &byte, 1), 1);
        }
        assert_true(db_mark_take(d, &after));
        assert_false(db_mark_eq(&before, &after));
        assert_false(db_memo_find(m, key, a, &got));
        db_memo_keep(m, key, &before, value); /* read before that commit: not kept */
        assert_false(db_memo_find(m, key, a, &got));
        assert_int_equal(tags(d), round + 1);
    }
    assert_true(db_mark_take(d, &before));
    uint8_t long_value[101] = { 0 };
    db_memo_keep(m, key, &before, (bytes){ long_value, sizeof long_value });
    assert_false(db_memo_find(m, key, a, &got));
    db_memo_keep(m, other, &before, (bytes){ NULL, 0 }); /* that there is nothing can be known, too */
    assert_true(db_memo_find(m, other, a, &got));
    assert_int_equal(got.n, 0);
    struct db_mark unknown = { { 0 } };
    assert_false(db_mark_eq(&unknown, &unknown));

    close(to[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    db_memo_free(m);
    arena_free(a);
    db_close(d);
    for (int i = 0; i < 2; i++) close(from[i]);
    close(to[0]);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_dir(writers_of_two_processes_take_turns), /* first: it forks */
        in_dir(commits_of_any_process_are_marked_and_forget_what_was_kept), /* so does this */
        in_dir(values_come_back_as_they_went_in),
        in_dir(a_rollback_leaves_nothing_and_a_commit_everything),
        in_dir(constraints_are_conflicts_and_do_not_end_the_transaction),
        in_dir(a_statement_may_be_walked_inside_itself),
        in_dir(a_reader_cannot_write),
        in_dir(readers_are_never_short),
        in_dir(a_full_disk_rolls_back_and_nothing_runs_behind_it),
        in_dir(writers_are_served_in_order_of_arrival),
        in_dir(a_fresh_schema_equals_one_that_grew),
        in_dir(a_changed_or_newer_schema_is_refused),
        in_dir(a_failed_migration_leaves_the_schema_as_it_was),
        in_dir(a_file_that_is_no_database_is_refused),
        in_dir(search_finds_what_was_put_in_and_not_what_was_taken_out),
        in_dir(a_kept_map_follows_the_file),
        in_dir(credentials_are_for_those_with_the_key),
        in_dir(the_check_finds_a_row_that_names_a_missing_one),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
