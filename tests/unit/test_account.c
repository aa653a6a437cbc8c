/* Unit tests of src/account. */
#include "unit.h"

#include "account/account.h"
#include "base/clock.h"
#include "base/hash.h"

static char dir[64];
static struct db *db;
static struct arena *arena;
static struct err e;

static int setup(void **state)
{
    (void)state;
    char path[80];
    unit_dir(dir);
    snprintf(path, sizeof path, "%s/hearth.db", dir);
    must_ok(db_open(path, &db, &e));
    arena = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    db_close(db);
    unit_dir_end(dir);
    return 0;
}

static struct db_conn *begin(void)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    return tx;
}

static void commit(struct db_conn *tx) { must_ok(db_commit(db, tx, &e)); }

static struct account make(struct db_conn *tx, enum account_kind kind, const char *name)
{
    struct account a;
    must_ok(account_create(tx, kind, str_c(name), false, &a, arena, &e));
    return a;
}

static str make_token(struct db_conn *tx, const struct account *a, enum token_role role, const char *scopes, int64_t expires_ms)
{
    struct token t;
    str text;
    must_ok(token_create(tx, a->id, role, STR("test"), str_c(scopes), expires_ms, str_n(NULL, 0), &t, &text, arena, &e));
    return text;
}

/* ------------------------------------------------------------------ names */

static const struct {
    const char *name;
    bool anyone, admin;
} name_case[] = {
    { "ab", true, true },          { "Julien-c", true, true },     { "a1-b2-c3", true, true },     { "0x", true, true },
    { "a", false, false },         { "", false, false },           { "12345", false, false },      { "-ab", false, false },
    { "ab-", false, false },       { "a--b", false, false },       { "a_b", false, true },         { "a.b", false, true },
    { "a..b", false, false },      { ".ab", false, false },        { "ab.", false, false },        { "ab.git", false, false },
    { "a b", false, false },       { "a/b", false, false },        { "a\\b", false, false },       { "..", false, false },
    { "\xc3\xa9t\xc3\xa9", false, false }, { "__DUMMY_HUB_USER__", false, true }, { "api", false, false },
    { "API", false, false },       { "Datasets", false, false },   { "resolve", false, false },    { ".well-known", false, false },
    { "v2", false, false },        { "apis", true, true },         { "a%2fb", false, false },      { "ab\n", false, false },
    { "0123456789abcdef01234567", false, false },                  { "0123456789abcdefABCDEF67", false, false },
    { "0123456789abcdef0123456", true, true },                     { "0123456789abcdef0123456g", true, true },
    { "a23456789012345678901234567890123456789012", true, true },  { "a234567890123456789012345678901234567890123", false, false },
};

static void names_follow_the_rules_of_the_hub(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(name_case); i++) {
        str name = str_c(name_case[i].name);
        if (account_name_check(name, false, &e) != name_case[i].anyone) fail_msg("for anyone: \"%s\"", name.p);
        if (account_name_check(name, true, &e) != name_case[i].admin) fail_msg("for administrators: \"%s\"", name.p);
    }
    assert_false(account_name_check(str_n("ab\0cd", 5), true, &e));
}

static const char *const first_segments[] = {
    "api", "datasets", "spaces", "models", "kernels", "buckets", "collections", "papers", "posts", "blog", "docs", "settings",
    "oauth", "login", "logout", "join", "organizations", "new", "search", "tasks", "jobs", "v2", ".well-known", "static",
    "front", "avatars", "resolve", "health", "metrics",
};

static void no_name_hides_a_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(first_segments); i++)
        if (!account_name_is_reserved(str_c(first_segments[i]))) fail_msg("%s is free", first_segments[i]);
    assert_false(account_name_is_reserved(STR("julien")));
}

/* ------------------------------------------------------------------ accounts */

static void a_name_is_found_in_any_case_and_taken_in_every_case(void **state)
{
    (void)state;
    struct account got, other;
    bool found;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "Ann-1");
    assert_int_equal(ann.hex_id.n, 24);
    assert_false(account_create(tx, ACCOUNT_ORG, STR("aNN-1"), false, &other, arena, &e)); /* users and organisations share names */
    assert_int_equal(e.code, ERR_CONFLICT);
    commit(tx);
    struct db_conn *c = db_reader(db);
    must_ok(account_find(c, STR("ANN-1"), &got, &found, arena, &e));
    assert_true(found && got.id == ann.id && got.kind == ACCOUNT_USER && !got.is_admin && !got.email.p);
    assert_str(got.name, STR("Ann-1"));
    must_ok(account_find_hex(c, ann.hex_id, &got, &found, arena, &e));
    assert_true(found && got.id == ann.id);
    must_ok(account_find(c, STR("ann"), &got, &found, arena, &e));
    assert_false(found);
    assert_false(account_get(c, ann.id + 1, &got, arena, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    db_give(db, c);
}

static void lists_are_in_order_and_wildcards_are_plain_letters(void **state)
{
    (void)state;
    struct account *list, other;
    size_t n;
    struct db_conn *tx = begin();
    static const char *const name[] = { "zoe", "Bob", "ann", "bobby" };
    for (size_t i = 0; i < COUNT(name); i++) make(tx, ACCOUNT_USER, name[i]);
    must_ok(account_create(tx, ACCOUNT_USER, STR("b_b"), true, &other, arena, &e));
    make(tx, ACCOUNT_ORG, "bobs");
    must_ok(account_list(tx, ACCOUNT_USER, STR(""), STR(""), 3, arena, &list, &n, &e));
    assert_int_equal(n, 3);
    assert_str(list[0].name, STR("ann"));
    assert_str(list[1].name, STR("b_b"));
    must_ok(account_list(tx, ACCOUNT_USER, STR(""), list[2].name, 9, arena, &list, &n, &e));
    assert_int_equal(n, 2);
    assert_str(list[1].name, STR("zoe"));
    must_ok(account_list(tx, ACCOUNT_USER, STR("OB"), STR(""), 9, arena, &list, &n, &e));
    assert_int_equal(n, 2);
    must_ok(account_list(tx, ACCOUNT_USER, STR("b_b"), STR(""), 9, arena, &list, &n, &e));
    assert_int_equal(n, 1);
    must_ok(account_list(tx, ACCOUNT_USER, STR("%"), STR(""), 9, arena, &list, &n, &e));
    assert_int_equal(n, 0);
    int64_t count;
    must_ok(account_count(tx, ACCOUNT_ORG, &count, &e));
    assert_int_equal(count, 1);
    db_rollback(db, tx);
}

/* ------------------------------------------------------------------ tokens */

static void a_token_is_shown_once_and_kept_as_a_digest(void **state)
{
    (void)state;
    struct identity who;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    str text = make_token(tx, &ann, TOKEN_WRITE, "", 0);
    commit(tx);
    assert_int_equal(text.n, TOKEN_BYTES);
    assert_true(str_starts(text, STR("hf_")));
    struct db_conn *c = db_reader(db);
    must_ok(identity_from_token(c, text, &who, arena, &e));
    assert_true(who.user_id == ann.id && who.via_token && !who.is_admin && who.token.role == TOKEN_WRITE);
    assert_str(who.name, STR("ann"));
    assert_str(who.token.last4, str_from(text, 33));
    char near[TOKEN_BYTES];
    memcpy(near, text.p, TOKEN_BYTES);
    near[20] = near[20] == 'a' ? 'b' : 'a';
    assert_false(identity_from_token(c, str_n(near, TOKEN_BYTES), &who, arena, &e));
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    assert_string_equal(e.msg, "Invalid credentials in Authorization header");
    assert_int_equal(who.user_id, 0);
    db_give(db, c);

    char path[80]; /* the text itself is nowhere on disk */
    snprintf(path, sizeof path, "%s/hearth.db-wal", dir);
    char *file;
    size_t n;
    must_ok(os_read_file(path, 64 << 20, &file, &n, &e));
    assert_true(str_find(str_n(file, n), str_to(text, 30)) == STR_NONE);
    mem_free(file);
}

static void expired_revoked_and_disabled_tokens_are_all_alike(void **state)
{
    (void)state;
    struct identity who;
    bool found;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann"), bob = make(tx, ACCOUNT_USER, "bob");
    str expired = make_token(tx, &ann, TOKEN_READ, "", clock_now_ms() - 1), revoked = make_token(tx, &ann, TOKEN_READ, "", 0);
    str later = make_token(tx, &ann, TOKEN_READ, "", clock_now_ms() + 60000), disabled = make_token(tx, &bob, TOKEN_READ, "", 0);
    must_ok(identity_from_token(tx, later, &who, arena, &e));
    must_ok(identity_from_token(tx, revoked, &who, arena, &e));
    must_ok(token_revoke(tx, bob.id, who.token.hex_id, &found, &e)); /* not his */
    assert_false(found);
    must_ok(token_revoke(tx, ann.id, who.token.hex_id, &found, &e));
    assert_true(found);
    must_ok(identity_from_token(tx, disabled, &who, arena, &e));
    bob.is_disabled = true;
    must_ok(account_update(tx, &bob, &e));
    const str bad[] = { expired, revoked, disabled, STR(""), STR("hf_"), STR("hf_short"), STR("Bearer x"), str_n(NULL, 0) };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (identity_from_token(tx, bad[i], &who, arena, &e)) fail_msg("case %zu was let in", i);
        assert_int_equal(e.code, ERR_UNAUTHENTICATED);
        assert_string_equal(e.msg, "Invalid credentials in Authorization header");
    }
    must_ok(token_revoke_secret(tx, later, &found, &e));
    assert_true(found);
    assert_false(identity_from_token(tx, later, &who, arena, &e));
    db_rollback(db, tx);
}

static void tokens_from_elsewhere_are_registered_once(void **state)
{
    (void)state;
    struct token t;
    str text;
    struct identity who;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann"), org = make(tx, ACCOUNT_ORG, "acme");
    str mine = STR("hf_0123456789abcdefghijABCDEFGHIJ0123");
    must_ok(token_create(tx, ann.id, TOKEN_READ, STR("old"), STR(""), 0, mine, &t, &text, arena, &e));
    must_ok(identity_from_token(tx, mine, &who, arena, &e));
    assert_false(token_create(tx, ann.id, TOKEN_READ, STR("old"), STR(""), 0, mine, &t, &text, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(token_create(tx, org.id, TOKEN_READ, STR("org"), STR(""), 0, str_n(NULL, 0), &t, &text, arena, &e));
    static const char *const bad[] = { "hf_tooshort", "api_0123456789abcdefghijABCDEFGHIJ012345",
                                       "hf_0123456789abcdefghij-BCDEFGHIJ0123", "" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(token_create(tx, ann.id, TOKEN_READ, STR("x"), STR(""), 0, str_c(bad[i]), &t, &text, arena, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    assert_false(token_create(tx, ann.id, TOKEN_FINE_GRAINED, STR("x"), STR("[1]"), 0, str_n(NULL, 0), &t, &text, arena, &e));
    assert_false(token_create(tx, ann.id, TOKEN_FINE_GRAINED, STR("x"), STR("{"), 0, str_n(NULL, 0), &t, &text, arena, &e));
    struct token *list;
    size_t n;
    must_ok(token_list(tx, ann.id, arena, &list, &n, &e));
    assert_int_equal(n, 1);
    assert_str(list[0].label, STR("old"));
    db_rollback(db, tx);
}

#define with_db(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_rules_of_the_hub),
        cmocka_unit_test(no_name_hides_a_route),
        with_db(a_name_is_found_in_any_case_and_taken_in_every_case),
        with_db(lists_are_in_order_and_wildcards_are_plain_letters),
        with_db(a_token_is_shown_once_and_kept_as_a_digest),
        with_db(expired_revoked_and_disabled_tokens_are_all_alike),
        with_db(tokens_from_elsewhere_are_registered_once),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
