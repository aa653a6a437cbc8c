/* Unit tests of src/hub/secret_box.c and src/hub/space_setting.c. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "account/secret_box.h"
#include "hub/sealed.h"
#include "hub/space_setting.h"

static char dir[64];
static struct hub *hub;
static struct arena *arena;
static struct err e;
static struct account alice;
static struct repo one, two;

static void make_space(const char *name, struct repo *out)
{
    static const char sql[] = "INSERT INTO repo (hex_id, kind, owner_id, name, name_key, created_ms) VALUES (?1, 'space', ?2, ?3, ?3, 1)";
    char hex[25];
    struct db_conn *tx;
    random_hex(hex, 24);
    must_ok(db_begin(hub_db(hub), &tx, &e));
    must_ok(db_run(tx, &e, sql, db_text(str_c(hex)), db_int(alice.id), db_text(str_c(name))));
    must_ok(repo_get(tx, db_last_id(tx), out, arena, &e));
    must_ok(db_commit(hub_db(hub), tx, &e));
}

static int setup(void **state)
{
    (void)state;
    struct db_conn *tx;
    unit_dir(dir);
    must_ok(hub_open(dir, &hub, &e));
    arena = arena_new(0);
    must_ok(db_begin(hub_db(hub), &tx, &e));
    must_ok(account_create(tx, ACCOUNT_USER, STR("alice"), false, &alice, arena, &e));
    must_ok(db_commit(hub_db(hub), tx, &e));
    make_space("one", &one);
    make_space("two", &two);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hub_close(hub);
    arena_free(arena);
    unit_dir_end(dir);
    return 0;
}

static const char *key_path(void) { return arena_cstr(arena, arena_fmt(arena, "%s/secret.key", dir)); }

static bool put(const struct repo *r, bool is_secret, const char *name, const char *value)
{
    struct identity who = { .user_id = alice.id, .name = alice.name };
    struct space_setting s = { .is_secret = is_secret, .name = str_c(name), .value = str_c(value) };
    return space_setting_put(hub, r, &s, &who, &e);
}

/* Opens a secret as whoever starts the program would. */
static bool open_secret(const struct repo *r, const char *name, str *out, bool *found)
{
    static const char sql[] = "SELECT sealed FROM space_setting WHERE repo_id = ? AND name = ? AND is_secret = 1";
    struct db_query q;
    str sealed = { NULL, 0 };
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(db_query(c, &q, &e, sql, db_int(r->id), db_text(str_c(name))));
    *found = db_next(&q, &e);
    if (*found) sealed = arena_dup(arena, str_of(db_col_blob(&q, 0)));
    must_ok(db_end(&q));
    db_give(hub_db(hub), c);
    return !*found || hub_unseal(hub, space_secret_context(r, str_c(name), arena), bytes_of(sealed), out, arena, &e);
}

/* The value of a secret, or .p NULL when there is none. */
static str secret(const struct repo *r, const char *name)
{
    str out = { NULL, 0 };
    bool found;
    must_ok(open_secret(r, name, &out, &found));
    return found ? out : (str){ NULL, 0 };
}

static bool opens(const struct repo *r, const char *name)
{
    str out;
    bool found;
    return open_secret(r, name, &out, &found) && found;
}

static void run(const char *sql)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(hub), &tx, &e));
    must_ok(db_run(tx, &e, sql));
    must_ok(db_commit(hub_db(hub), tx, &e));
}

/* "A=1 B=2"; a secret shows no value. */
static str list(const struct repo *r, bool secrets)
{
    struct space_setting *s;
    size_t n;
    struct buf b = BUF_INIT(0);
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(space_setting_list(c, r->id, secrets, arena, &s, &n, &e));
    db_give(hub_db(hub), c);
    for (size_t i = 0; i < n; i++) buf_addf(&b, "%s%.*s=%.*s", i ? " " : "", STR_ARG(s[i].name), STR_ARG(s[i].value));
    str out = arena_dup(arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ------------------------------------------------------------------ the box */

static void what_is_sealed_opens_again(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, SPACE_VALUE_MAX };
    struct secret_key key;
    random_bytes(key.b, sizeof key.b);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct buf a = BUF_INIT(0), b = BUF_INIT(0);
        char *plain = arena_alloc(arena, sizes[i] + 1);
        random_bytes((uint8_t *)plain, sizes[i]);
        str out, value = str_n(plain, sizes[i]);
        secret_seal(&key, STR("place"), value, &a);
        secret_seal(&key, STR("place"), value, &b);
        assert_int_equal(a.n, sizes[i] + SECRET_OVERHEAD);
        assert_false(str_eq(buf_str(&a), buf_str(&b))); /* the nonce is fresh */
        if (sizes[i] > 15) assert_true(str_find(buf_str(&a), value) == STR_NONE);
        must_ok(secret_open(&key, STR("place"), bytes_of(buf_str(&a)), &out, arena, &e));
        assert_true(str_eq(out, value));
        buf_deinit(&a);
        buf_deinit(&b);
    }
}

static void whatever_was_touched_stays_closed(void **state)
{
    (void)state;
    struct secret_key key, other;
    struct buf b = BUF_INIT(0);
    str out;
    random_bytes(key.b, sizeof key.b);
    other = key;
    other.b[31] ^= 1;
    secret_seal(&key, STR("place"), STR("hunter2"), &b);
    bytes sealed = bytes_of(buf_str(&b));
    assert_false(secret_open(&other, STR("place"), sealed, &out, arena, &e));
    assert_false(secret_open(&key, STR("place2"), sealed, &out, arena, &e));
    for (size_t n = 0; n < sealed.n; n++) assert_false(secret_open(&key, STR("place"), (bytes){ sealed.p, n }, &out, arena, &e));
    for (size_t bit = 0; bit < sealed.n * 8; bit++) {
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
        assert_false(secret_open(&key, STR("place"), sealed, &out, arena, &e));
        assert_int_equal(e.code, ERR_INTERNAL);
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
    }
    must_ok(secret_open(&key, STR("place"), sealed, &out, arena, &e));
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ the key's file */

static void the_key_is_made_once_and_for_us_alone(void **state)
{
    (void)state;
    struct stat st;
    assert_int_not_equal(stat(key_path(), &st), 0);
    assert_true(put(&one, false, "VARIABLE", "x"));
    assert_int_not_equal(stat(key_path(), &st), 0); /* not before it is needed */
    assert_true(put(&one, true, "A", "first"));
    assert_int_equal(stat(key_path(), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, SECRET_KEY_BYTES);
    assert_true(put(&one, true, "B", "second"));
    assert_str(secret(&one, "A"), STR("first"));
    assert_str(secret(&one, "B"), STR("second"));
}

static void a_missing_key_is_not_made_anew_over_sealed_values(void **state)
{
    (void)state;
    char *key;
    size_t n;
    assert_true(put(&one, true, "A", "first"));
    must_ok(os_read_file(key_path(), 100, &key, &n, &e));
    must_ok(os_remove(key_path(), &e));
    assert_false(opens(&one, "A"));
    assert_false(put(&one, true, "B", "second"));
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_str(list(&one, true), STR("A=")); /* nothing was stored */

    must_ok(os_write_file(dir, key_path(), (bytes){ (uint8_t *)key, n }, &e));
    assert_str(secret(&one, "A"), STR("first"));
    mem_free(key);
}

/* Neither opens anything nor seals anything: a value sealed under what is no key could never be opened. */
static void a_bad_key_is_not_used(void **state)
{
    (void)state;
    char *key;
    size_t n;
    assert_true(put(&one, true, "A", "first"));
    must_ok(os_read_file(key_path(), 100, &key, &n, &e));
    for (int bad = 0; bad < 4; bad++) {
        static const size_t sizes[] = { 0, SECRET_KEY_BYTES - 1, SECRET_KEY_BYTES + 1, SECRET_KEY_BYTES };
        char content[SECRET_KEY_BYTES + 1] = { 0 };
        memcpy(content, key, n);
        must_ok(os_write_file(dir, key_path(), (bytes){ (uint8_t *)content, sizes[bad] }, &e));
        if (sizes[bad] == SECRET_KEY_BYTES) assert_int_equal(chmod(key_path(), 0644), 0); /* others may have read it */
        assert_false(opens(&one, "A"));
        assert_int_equal(e.code, ERR_INTERNAL);
        assert_false(put(&one, true, "B", "second"));
        assert_int_equal(e.code, ERR_INTERNAL);
        assert_false(put(&one, true, "A", "changed"));
        assert_str(list(&one, true), STR("A="));
    }
    must_ok(os_write_file(dir, key_path(), (bytes){ (uint8_t *)key, n }, &e));
    assert_str(secret(&one, "A"), STR("first"));
    mem_free(key);
}

static void a_failing_disk_stores_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        os_fault_after(n, ENOSPC, true);
        bool ok = put(&one, true, "A", "value");
        os_fault_after(0, 0, false);
        if (ok) return; /* no call was left to fail */
        assert_int_equal(e.code, ERR_NO_SPACE);
        assert_str(list(&one, true), STR(""));
    }
    fail_msg("the fault never ended");
}

/* ------------------------------------------------------------------ settings */

static void a_secret_is_nowhere_in_the_database(void **state)
{
    (void)state;
    static const char needle[] = "correct-horse-battery-staple";
    assert_true(put(&one, true, "TOKEN", needle));
    assert_true(put(&one, false, "PLAIN", "this-one-is-readable"));
    static const char *const file[] = { "hearth.db", "hearth.db-wal" };
    bool has_plain = false;
    for (size_t i = 0; i < COUNT(file); i++) {
        char *text;
        size_t n;
        must_ok(os_read_file(arena_fmt(arena, "%s/%s", dir, file[i]).p, 64 << 20, &text, &n, &e));
        has_plain |= str_find(str_n(text, n), STR("this-one-is-readable")) != STR_NONE;
        assert_true(str_find(str_n(text, n), str_c(needle)) == STR_NONE);
        mem_free(text);
    }
    assert_true(has_plain);
}

static void a_sealed_value_opens_in_its_place_alone(void **state)
{
    (void)state;
    assert_true(put(&one, true, "A", "for one"));
    assert_true(put(&one, true, "B", "also one"));
    assert_true(put(&two, true, "A", "for two"));
    run("UPDATE space_setting SET sealed = (SELECT s.sealed FROM space_setting s WHERE s.repo_id = 1 AND s.name = 'A')");
    assert_str(secret(&one, "A"), STR("for one"));
    assert_false(opens(&one, "B"));
    assert_false(opens(&two, "A"));
}

static void settings_are_put_listed_and_deleted(void **state)
{
    (void)state;
    struct identity who = { .user_id = alice.id };
    assert_true(put(&one, false, "B", "2"));
    assert_true(put(&one, false, "A", "1"));
    assert_true(put(&one, true, "S", "hidden"));
    assert_true(put(&one, false, "A", "one"));
    assert_true(put(&two, false, "A", "other"));
    assert_str(list(&one, false), STR("A=one B=2"));
    assert_str(list(&one, true), STR("S="));
    assert_null(secret(&one, "A").p); /* a variable is no secret */

    assert_false(put(&one, false, "S", "x")); /* one sort or the other */
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(put(&one, true, "A", "x"));
    assert_int_equal(e.code, ERR_CONFLICT);

    must_ok(space_setting_delete(hub, &one, true, STR("A"), &who, &e)); /* of the other sort: stays */
    assert_str(list(&one, false), STR("A=one B=2"));
    must_ok(space_setting_delete(hub, &one, false, STR("A"), &who, &e));
    must_ok(space_setting_delete(hub, &one, false, STR("A"), &who, &e));
    assert_str(list(&one, false), STR("B=2"));
    assert_str(list(&two, false), STR("A=other"));
}

static void a_description_may_change_alone(void **state)
{
    (void)state;
    struct space_setting s = { .is_secret = true, .name = STR("A"), .description = STR("what for") };
    assert_false(space_setting_put(hub, &one, &s, NULL, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_true(put(&one, true, "A", "value"));
    must_ok(space_setting_put(hub, &one, &s, NULL, &e));
    assert_str(secret(&one, "A"), STR("value"));
    assert_true(put(&one, true, "EMPTY", "")); /* an empty value is a value */
    assert_str(secret(&one, "EMPTY"), STR(""));
}

static void bad_names_and_values_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "1A", "_A", "A-B", "A B", "A.B", "A\n", "\xc3\xa9", "PATH", "path", "LD_PRELOAD",
                                       "SPACE_ID", "OAUTH_SCOPES", "Home", "https_proxy", "PYTHONPATH" };
    static const char *const good[] = { "A", "a1", "A_", "PATHS", "SPACE", "HF_TOKEN", "MY_LD_X" };
    char longest[SPACE_NAME_MAX + 2];
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(put(&one, false, bad[i], "v"));
        assert_int_equal(e.code, ERR_INVALID);
    }
    for (size_t i = 0; i < COUNT(good); i++)
        if (!put(&one, false, good[i], "v")) fail_msg("%s: %s", good[i], e.msg);
    assert_false(put(&one, false, longest, "v"));
    longest[SPACE_NAME_MAX] = 0;
    assert_true(put(&one, false, longest, "v"));

    struct space_setting s = { .name = STR("N"), .value = str_n("a\0b", 3) };
    assert_false(space_setting_put(hub, &one, &s, NULL, &e));
    assert_int_equal(e.code, ERR_INVALID);
    char *huge = arena_alloc(arena, SPACE_VALUE_MAX + 1);
    memset(huge, 'x', SPACE_VALUE_MAX + 1);
    s.value = str_n(huge, SPACE_VALUE_MAX + 1);
    assert_false(space_setting_put(hub, &one, &s, NULL, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    for (int is_secret = 0; is_secret < 2; is_secret++) {
        s = (struct space_setting){ .name = is_secret ? STR("S") : STR("V"), .is_secret = is_secret, .value = str_n(huge, SPACE_VALUE_MAX) };
        must_ok(space_setting_put(hub, &one, &s, NULL, &e));
    }
}

static void a_copy_takes_variables_and_no_secrets(void **state)
{
    (void)state;
    assert_true(put(&one, false, "A", "1"));
    assert_true(put(&one, false, "B", "2"));
    assert_true(put(&one, true, "S", "hidden"));
    assert_true(put(&two, true, "B", "own"));
    must_ok(space_variables_copy(hub, one.id, two.id, &e));
    assert_str(list(&two, false), STR("A=1"));
    assert_str(list(&two, true), STR("B="));
    assert_str(secret(&two, "B"), STR("own"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_sealed_opens_again),
        T(whatever_was_touched_stays_closed),
        T(the_key_is_made_once_and_for_us_alone),
        T(a_missing_key_is_not_made_anew_over_sealed_values),
        T(a_bad_key_is_not_used),
        T(a_failing_disk_stores_nothing),
        T(a_secret_is_nowhere_in_the_database),
        T(a_sealed_value_opens_in_its_place_alone),
        T(settings_are_put_listed_and_deleted),
        T(a_description_may_change_alone),
        T(bad_names_and_values_are_refused),
        T(a_copy_takes_variables_and_no_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
