/* Unit tests of src/account. */
#include "db_help.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "account/account_priv.h"
#include "account/invite.h"
#include "account/picture.h"
#include "account/tries.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"

static int64_t clock_is_wrong_by_s;
int clock_gettime(clockid_t clock, struct timespec *out) /* libc's, for all of this program */
{
    long bad = syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_REALTIME) out->tv_sec += clock_is_wrong_by_s;
    return (int)bad;
}

static struct account make(struct db_conn *tx, enum account_kind kind, const char *name)
{
    struct account a;
    must_ok(account_create(tx, kind, str_c(name), false, &a, arena, &e));
    return a;
}

static bool set_password(struct db_conn *tx, int64_t id, str password, struct err *why)
{
    char hash[PASSWORD_HASH_BYTES];
    return password_hash(password, hash, why) && account_store_password(tx, id, hash, why);
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
    assert_int_equal(text.n, ACCESS_TOKEN_BYTES);
    assert_true(str_starts(text, STR("hf_")));
    struct db_conn *c = db_reader(db);
    must_ok(identity_from_token(c, text, &who, arena, &e));
    assert_true(who.user_id == ann.id && who.via_token && !who.is_admin && who.token.role == TOKEN_WRITE);
    assert_str(who.name, STR("ann"));
    assert_str(who.token.last4, str_from(text, 33));
    char near[ACCESS_TOKEN_BYTES];
    memcpy(near, text.p, ACCESS_TOKEN_BYTES);
    near[20] = near[20] == 'a' ? 'b' : 'a';
    assert_false(identity_from_token(c, str_n(near, ACCESS_TOKEN_BYTES), &who, arena, &e));
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
    must_ok(account_set_disabled(tx, bob.id, true, &e));
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
    must_ok(token_create(tx, ann.id, TOKEN_READ, STR("short"), STR(""), 0, STR("hf_of_another_hub_12"), &t, &text, arena, &e));
    db_rollback(db, tx);
}

static void the_last_use_is_noted_in_memory_and_flushed(void **state)
{
    (void)state;
    struct identity who;
    struct token *list;
    size_t n;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    str text = make_token(tx, &ann, TOKEN_READ, "", 0);
    commit(tx);
    struct db_conn *c = db_reader(db);
    must_ok(identity_from_token(c, text, &who, arena, &e));
    identity_note_use(&who);
    identity_note_use(&(struct identity){ 0 }); /* nobody leaves no trace */
    must_ok(token_list(c, ann.id, arena, &list, &n, &e));
    assert_int_equal(list[0].used_ms, 0);
    struct db_mark before, after;
    assert_true(db_mark_take(db, &before));
    must_ok(account_flush(db, &e));
    assert_true(db_mark_take(db, &after) && !db_mark_eq(&before, &after));
    must_ok(token_list(c, ann.id, arena, &list, &n, &e));
    assert_in_range(list[0].used_ms, clock_now_ms() - 10000, clock_now_ms());

    must_ok(identity_from_token(c, text, &who, arena, &e));
    identity_note_use(&who); /* within the same minute: nothing to write */
    must_ok(account_flush(db, &e));
    assert_true(db_mark_take(db, &before) && db_mark_eq(&before, &after));
    db_give(db, c);
}

/* ------------------------------------------------------------------ sessions */

static int64_t days_left(const char *secret, const struct account *who)
{
    struct session *list;
    size_t n;
    struct db_conn *c = db_reader(db);
    must_ok(session_list(c, who->id, str_c(secret), arena, &list, &n, &e));
    db_give(db, c);
    assert_int_equal(n, 1);
    return (list[0].seen_ms + 14 * INT64_C(86400000) - clock_now_ms() + 43200000) / 86400000;
}

static bool session_is_old(const char *secret)
{
    struct identity who;
    bool found, is_old;
    struct db_conn *c = db_reader(db);
    must_ok(identity_from_session(c, str_c(secret), &who, &found, &is_old, arena, &e));
    db_give(db, c);
    assert_true(found);
    return is_old;
}

static void a_session_is_renewed_once_a_day_even_after_a_full_disk(void **state)
{
    (void)state;
    char secret[SESSION_SECRET + 1];
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    must_ok(session_begin(tx, ann.id, STR("a browser"), secret, &e));
    commit(tx);
    assert_false(session_is_old(secret));
    tx = begin();
    db_credentials_begin(tx);
    must_ok(db_run(tx, &e, "UPDATE account_session SET expires_ms = expires_ms - ?", db_int(2 * INT64_C(86400000))));
    db_credentials_end(tx);
    commit(tx);
    assert_true(session_is_old(secret) && days_left(secret, &ann) == 12);

    struct rlimit was, none = { 0, RLIM_INFINITY };
    signal(SIGXFSZ, SIG_IGN); /* then a write that is too long fails, as on a full disk */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    bool ok = session_renew(db, str_c(secret), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_false(ok);
    assert_true(session_is_old(secret));
    must_ok(session_renew(db, str_c(secret), &e));
    assert_true(!session_is_old(secret) && days_left(secret, &ann) == 14);
}

/* ------------------------------------------------------------------ who may do what */

static void an_organisation_keeps_an_administrator(void **state)
{
    (void)state;
    struct account_member *m;
    struct account_org *o;
    size_t n;
    struct db_conn *tx = begin();
    struct account acme = make(tx, ACCOUNT_ORG, "acme"), ann = make(tx, ACCOUNT_USER, "ann"), bob = make(tx, ACCOUNT_USER, "bob");
    must_ok(account_set_member(tx, acme.id, ann.id, ROLE_ADMIN, &e));
    must_ok(account_set_member(tx, acme.id, bob.id, ROLE_READ, &e));
    must_ok(account_set_member(tx, acme.id, bob.id, ROLE_WRITE, &e)); /* changes the role */
    must_ok(account_members(tx, acme.id, STR(""), STR(""), 10, arena, &m, &n, &e));
    assert_int_equal(n, 2);
    assert_str(m[1].user.name, STR("bob"));
    assert_int_equal(m[1].role, ROLE_WRITE);
    must_ok(account_members(tx, acme.id, STR("BO"), STR(""), 10, arena, &m, &n, &e));
    assert_int_equal(n, 1);
    must_ok(account_orgs(tx, bob.id, arena, &o, &n, &e));
    assert_int_equal(n, 1);
    assert_str(o[0].org.name, STR("acme"));

    assert_false(account_set_member(tx, acme.id, ann.id, ROLE_NONE, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(account_set_member(tx, acme.id, ann.id, ROLE_READ, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(account_delete(tx, ann.id, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    must_ok(account_set_member(tx, acme.id, ann.id, ROLE_ADMIN, &e)); /* as before: no harm */
    must_ok(account_set_member(tx, acme.id, bob.id, ROLE_ADMIN, &e));
    must_ok(account_set_member(tx, acme.id, ann.id, ROLE_NONE, &e));
    assert_false(account_set_member(tx, acme.id, ann.id, ROLE_NONE, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(account_set_member(tx, ann.id, bob.id, ROLE_READ, &e)); /* a user has no members */
    assert_int_equal(e.code, ERR_INVALID);
    assert_false(account_set_member(tx, acme.id, acme.id, ROLE_READ, &e)); /* an organisation is no member */
    must_ok(account_delete(tx, ann.id, &e));
    must_ok(account_delete(tx, acme.id, &e));
    must_ok(account_orgs(tx, bob.id, arena, &o, &n, &e));
    assert_int_equal(n, 0);
    db_rollback(db, tx);
}

static void roles_have_the_names_of_the_hub(void **state)
{
    (void)state;
    static const char *const name[] = { "no_access", "read", "contributor", "write", "admin" };
    enum account_role r;
    for (size_t i = 0; i < COUNT(name); i++) {
        assert_true(account_role_parse(str_c(name[i]), &r));
        assert_int_equal(r, ROLE_NO_ACCESS + i);
        assert_str(account_role_name(r), str_c(name[i]));
    }
    assert_false(account_role_parse(STR(""), &r));
    assert_false(account_role_parse(STR("Admin"), &r));
    enum token_role t;
    assert_true(token_role_parse(STR("fineGrained"), &t) && t == TOKEN_FINE_GRAINED);
    assert_false(token_role_parse(STR("god"), &t));
}

static void the_role_in_a_namespace_is_the_users_own(void **state)
{
    (void)state;
    struct db_conn *tx = begin();
    struct account acme = make(tx, ACCOUNT_ORG, "acme"), ann = make(tx, ACCOUNT_USER, "ann"), bob = make(tx, ACCOUNT_USER, "bob");
    must_ok(account_set_member(tx, acme.id, bob.id, ROLE_CONTRIBUTOR, &e));
    const struct {
        struct identity who;
        int64_t owner;
        enum account_role role;
    } t[] = {
        { { 0 }, ann.id, ROLE_NONE },
        { { 0 }, 0, ROLE_NONE },
        { { .user_id = ann.id }, ann.id, ROLE_ADMIN },
        { { .user_id = ann.id }, bob.id, ROLE_NONE },
        { { .user_id = ann.id }, acme.id, ROLE_NONE },
        { { .user_id = bob.id }, acme.id, ROLE_CONTRIBUTOR },
        { { .user_id = ann.id, .is_admin = true }, acme.id, ROLE_ADMIN },
        { { .user_id = ann.id, .is_admin = true }, bob.id, ROLE_ADMIN },
    };
    for (size_t i = 0; i < COUNT(t); i++) {
        enum account_role role;
        must_ok(account_role_in(tx, &t[i].who, t[i].owner, &role, &e));
        if (role != t[i].role) fail_msg("case %zu: %d", i, role);
    }
    db_rollback(db, tx);
}

static void what_was_read_before_brings_no_right_back(void **state)
{
    (void)state;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann"), now;
    must_ok(account_set_admin(tx, ann.id, true, &e));
    must_ok(account_get(tx, ann.id, &ann, arena, &e)); /* as a form does, before it waits for the writer */
    must_ok(account_set_admin(tx, ann.id, false, &e));
    must_ok(account_set_disabled(tx, ann.id, true, &e));
    ann.fullname = STR("Ann B.");
    must_ok(account_update(tx, &ann, &e));
    must_ok(account_get(tx, ann.id, &now, arena, &e));
    assert_str(now.fullname, STR("Ann B."));
    assert_true(now.is_disabled && !now.is_admin);
    db_rollback(db, tx);
}

static void an_administrator_is_one_only_through_an_admin_token(void **state)
{
    (void)state;
    struct identity who;
    struct db_conn *tx = begin();
    struct account root = make(tx, ACCOUNT_USER, "root"), ann = make(tx, ACCOUNT_USER, "ann");
    must_ok(account_set_admin(tx, root.id, true, &e));
    must_ok(set_password(tx, root.id, STR("correct horse"), &e));
    static const enum token_role role[] = { TOKEN_READ, TOKEN_WRITE, TOKEN_FINE_GRAINED, TOKEN_ADMIN };
    for (size_t i = 0; i < COUNT(role); i++) {
        must_ok(identity_from_token(tx, make_token(tx, &root, role[i], "", 0), &who, arena, &e));
        assert_int_equal(who.is_admin, role[i] == TOKEN_ADMIN);
        must_ok(identity_from_token(tx, make_token(tx, &ann, role[i], "", 0), &who, arena, &e));
        assert_false(who.is_admin); /* a token never widens */
    }
    must_ok(identity_from_password(tx, STR("ROOT"), STR("correct horse"), &who, arena, &e));
    assert_true(who.is_admin && !who.via_token && who.user_id == root.id);
    must_ok(identity_from_password(tx, STR("anything"), make_token(tx, &ann, TOKEN_READ, "", 0), &who, arena, &e)); /* git */
    assert_true(who.user_id == ann.id && who.via_token);
    db_rollback(db, tx);
}

#define RO TOKEN_READ
#define RW TOKEN_WRITE
#define FG TOKEN_FINE_GRAINED
#define ON_REPO(type, permissions) \
    "{\"scoped\":[{\"entity\":{\"_id\":\"0123456789abcdef01234567\",\"type\":\"" type "\",\"name\":\"ann/m\"},\"permissions\":[" permissions "]}]}"
#define ON_NAME(type, name, permissions) \
    "{\"scoped\":[{\"entity\":{\"type\":\"" type "\",\"name\":\"" name "\"},\"permissions\":[" permissions "]}]}"

/* Against model ann/m with the id 0123456789abcdef01234567, unless `type` says otherwise. */
static const struct {
    enum token_role role;
    const char *scopes;
    enum token_right right;
    bool allowed;
    const char *type, *name, *hex_id; /* of the target, if not the above */
} scope_case[] = {
    { RO, "", RIGHT_READ, true },
    { RO, "", RIGHT_GATED, true },
    { RO, "", RIGHT_WRITE, false },
    { RO, "", RIGHT_DISCUSS, false },
    { RO, "", RIGHT_ACCOUNT, false },
    { RW, "", RIGHT_READ, true },
    { RW, "", RIGHT_WRITE, true },
    { RW, "", RIGHT_DISCUSS, true },
    { RW, "", RIGHT_ACCOUNT, true },
    { TOKEN_ADMIN, "", RIGHT_WRITE, true },

    { FG, "{}", RIGHT_READ, false },
    { FG, "{}", RIGHT_WRITE, false },
    { FG, "{\"scoped\":7,\"global\":{}}", RIGHT_READ, false }, /* nonsense grants nothing */
    { FG, "{\"scoped\":[7,null,{\"entity\":[]}]}", RIGHT_READ, false },
    { FG, ON_REPO("model", "\"repo.content.read\""), RIGHT_READ, true },
    { FG, ON_REPO("model", "\"repo.content.read\""), RIGHT_GATED, true },
    { FG, ON_REPO("model", "\"repo.content.read\""), RIGHT_WRITE, false },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_WRITE, true },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_READ, true },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_DISCUSS, true },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_ACCOUNT, false },
    { FG, ON_REPO("model", "\"collection.write\",\"org.write\""), RIGHT_WRITE, false },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_WRITE, true, "model", "ann/renamed", "0123456789abcdef01234567" },
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_WRITE, false, "model", "ann/m", "ffffffffffffffffffffffff" }, /* made anew */
    { FG, ON_REPO("model", "\"repo.write\""), RIGHT_WRITE, false, "dataset", "ann/m", "ffffffffffffffffffffffff" },
    { FG, ON_REPO("dataset", "\"repo.write\""), RIGHT_WRITE, false },
    { FG, ON_NAME("model", "ANN/M", "\"repo.write\""), RIGHT_WRITE, true },
    { FG, ON_NAME("model", "", "\"repo.write\""), RIGHT_WRITE, false },
    { FG, ON_NAME("user", "ann", "\"repo.content.read\""), RIGHT_READ, true }, /* a scope on the owner covers what it owns */
    { FG, ON_NAME("user", "ann", "\"repo.content.read\""), RIGHT_WRITE, false },
    { FG, ON_NAME("org", "Ann", "\"repo.write\""), RIGHT_WRITE, true },
    { FG, ON_NAME("user", "an", "\"repo.write\""), RIGHT_WRITE, false },
    { FG, ON_NAME("user", "ann/m", "\"repo.write\""), RIGHT_WRITE, false },
    { FG, ON_NAME("user", "ann", "\"discussion.write\""), RIGHT_DISCUSS, true },
    { FG, ON_NAME("user", "ann", "\"discussion.write\""), RIGHT_WRITE, false },
    { FG, "{\"global\":[\"discussion.write\"]}", RIGHT_DISCUSS, true },
    { FG, "{\"global\":[\"post.write\"]}", RIGHT_DISCUSS, false },
    { FG, "{\"global\":[\"repo.write\"]}", RIGHT_WRITE, false },
    { FG, "{\"canReadGatedRepos\":true}", RIGHT_GATED, true },
    { FG, "{\"canReadGatedRepos\":false}", RIGHT_GATED, false },
    { FG, "{\"canReadGatedRepos\":\"true\"}", RIGHT_GATED, false },
    { FG, "{\"canReadGatedRepos\":true}", RIGHT_READ, false },
    { FG, ON_NAME("org", "ann", "\"org.read\""), RIGHT_READ, true, "org", "ann", "aaaaaaaaaaaaaaaaaaaaaaaa" },
    { FG, ON_NAME("org", "ann", "\"org.read\""), RIGHT_WRITE, false, "org", "ann", "aaaaaaaaaaaaaaaaaaaaaaaa" },
    { FG, ON_NAME("org", "ann", "\"org.write\""), RIGHT_ACCOUNT, true, "org", "ann", "aaaaaaaaaaaaaaaaaaaaaaaa" },
    { FG, ON_NAME("user", "ann", "\"repo.write\""), RIGHT_ACCOUNT, false, "user", "ann", "aaaaaaaaaaaaaaaaaaaaaaaa" },
};

static void a_token_allows_what_its_scopes_say(void **state)
{
    (void)state;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    for (size_t i = 0; i < COUNT(scope_case); i++) {
        struct identity who;
        must_ok(identity_from_token(tx, make_token(tx, &ann, scope_case[i].role, scope_case[i].scopes, 0), &who, arena, &e));
        struct token_target t = { STR("model"), STR("ann/m"), STR("0123456789abcdef01234567"), STR("ann") };
        if (scope_case[i].type)
            t = (struct token_target){ str_c(scope_case[i].type), str_c(scope_case[i].name), str_c(scope_case[i].hex_id), STR("ann") };
        if (identity_token_allows(&who, scope_case[i].right, &t) != scope_case[i].allowed)
            fail_msg("case %zu: %s, right %d", i, scope_case[i].scopes, scope_case[i].right);
    }
    db_rollback(db, tx);
}

/* ------------------------------------------------------------------ passwords */

static void passwords_open_and_wrong_ones_do_not(void **state)
{
    (void)state;
    struct account got;
    struct identity who;
    bool right;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    assert_false(set_password(tx, ann.id, STR("7 bytes"), &e));
    assert_int_equal(e.code, ERR_INVALID);
    char huge[2000] = { 0 };
    assert_false(set_password(tx, ann.id, str_n(huge, sizeof huge), &e));
    must_ok(set_password(tx, ann.id, STR("correct horse"), &e));
    must_ok(account_check_password(tx, STR("Ann"), STR("correct horse"), &got, &right, arena, &e));
    assert_true(right && got.id == ann.id);
    const str wrong[] = { STR("correct horsf"), STR("correct hors"), STR("correct horse "), STR(""), str_n("correct horse\0", 14) };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        must_ok(account_check_password(tx, STR("ann"), wrong[i], &got, &right, arena, &e));
        assert_false(right);
    }
    must_ok(set_password(tx, ann.id, STR("battery staple"), &e)); /* replaces */
    must_ok(account_check_password(tx, STR("ann"), STR("correct horse"), &got, &right, arena, &e));
    assert_false(right);
    must_ok(account_set_disabled(tx, ann.id, true, &e));
    assert_false(identity_from_password(tx, STR("ann"), STR("battery staple"), &who, arena, &e));
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    assert_string_equal(e.msg, "Invalid credentials in Authorization header");
    db_rollback(db, tx);
}

/* Processor time of this thread: other work on the machine does not count. */
static int64_t thread_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t time_of_check(struct db_conn *c, const char *name)
{
    struct account got;
    bool right;
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t from = thread_us();
        must_ok(account_check_password(c, str_c(name), STR("guess guess"), &got, &right, arena, &e));
        assert_false(right);
        int64_t took = thread_us() - from;
        if (took < best) best = took;
    }
    return best;
}

static bool opens(struct db_conn *tx, str name, str password)
{
    struct account got;
    bool right;
    must_ok(account_check_password(tx, name, password, &got, &right, arena, &e));
    return right;
}

/* Counted, not timed: how often Argon2id is computed. */
static void a_password_that_was_right_is_known_until_it_changes(void **state)
{
    (void)state;
    struct db_conn *tx = begin();
    str old = STR("correct horse"), new = STR("battery staple");
    struct account ann = make(tx, ACCOUNT_USER, "ann"), bob = make(tx, ACCOUNT_USER, "bob");
    must_ok(set_password(tx, ann.id, old, &e));
    must_ok(set_password(tx, bob.id, old, &e));
    uint64_t n = password_computations();
    for (int i = 0; i < 5; i++) assert_true(opens(tx, STR("ann"), old));
    assert_int_equal(password_computations(), n + 1);
    for (int i = 0; i < 3; i++) assert_false(opens(tx, STR("ann"), STR("correct hors")));
    assert_int_equal(password_computations(), n + 4); /* a wrong one costs each time */
    assert_true(opens(tx, STR("bob"), old)); /* the same word is another secret */
    assert_int_equal(password_computations(), n + 5);

    must_ok(set_password(tx, ann.id, new, &e));
    n = password_computations();
    assert_false(opens(tx, STR("ann"), old));
    assert_true(opens(tx, STR("ann"), new));
    assert_true(opens(tx, STR("ann"), new));
    assert_int_equal(password_computations(), n + 2);
    must_ok(set_password(tx, ann.id, old, &e)); /* the same again, under another salt */
    n = password_computations();
    assert_true(opens(tx, STR("ann"), old));
    assert_int_equal(password_computations(), n + 1);

    must_ok(account_set_disabled(tx, ann.id, true, &e));
    assert_false(opens(tx, STR("ann"), old));
    db_rollback(db, tx);
}

static void an_unknown_name_costs_as_much_as_a_wrong_password(void **state)
{
    (void)state;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    make(tx, ACCOUNT_USER, "tokens-only");
    must_ok(set_password(tx, ann.id, STR("correct horse"), &e));
    int64_t known = time_of_check(tx, "ann");
    static const char *const other[] = { "nobody", "tokens-only", "no/name at all" };
    for (size_t i = 0; i < COUNT(other); i++) {
        int64_t t = time_of_check(tx, other[i]);
        if (t < known / 2 || t > known * 2) fail_msg("%s: %lld us, a known name %lld us", other[i], (long long)t, (long long)known);
    }
    db_rollback(db, tx);
}

static void *hash_one(void *out)
{
    struct err mine;
    return password_hash(STR("correct horse"), out, &mine) ? out : NULL;
}

static void a_flood_of_logins_is_told_to_come_again(void **state)
{
    (void)state;
    enum { LOGINS = 40 };
    static char hash[LOGINS][PASSWORD_HASH_BYTES];
    pthread_t t[LOGINS];
    int done = 0;
    for (size_t i = 0; i < LOGINS; i++) assert_int_equal(pthread_create(&t[i], NULL, hash_one, hash[i]), 0);
    for (size_t i = 0; i < LOGINS; i++) {
        void *ok;
        pthread_join(t[i], &ok);
        done += ok != NULL;
    }
    if (done < 2 + 16 || done == LOGINS) fail_msg("%d of %d were served", done, LOGINS);
}

/* Kilobytes, from /proc/self/status. */
static long memory(const char *field)
{
    long kib = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0) kib = strtol(line + strlen(field) + 1, NULL, 10);
    if (f) fclose(f);
    return kib;
}

static void two_passwords_at_most_are_hashed_at_once(void **state)
{
    (void)state;
    char hash[6][PASSWORD_HASH_BYTES];
    pthread_t t[6];
    FILE *f = fopen("/proc/self/clear_refs", "w"); /* 5: the high-water mark begins anew */
    if (!f || fputs("5", f) < 0 || fclose(f) != 0) skip();
    long before = memory("VmRSS:");
    for (size_t i = 0; i < COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, hash_one, hash[i]), 0);
    for (size_t i = 0; i < COUNT(t); i++) {
        void *ok;
        pthread_join(t[i], &ok);
        assert_non_null(ok);
        assert_true(str_starts(str_c(hash[i]), STR("$argon2id$v=19$m=65536,t=2,p=1$")));
    }
    long grew = memory("VmHWM:") - before;
    if (grew > 2 * 65536 + 32768) fail_msg("%ld MiB for six at once", grew / 1024);
    assert_true(grew > 60000); /* or the measurement says nothing */
}

/* ------------------------------------------------------------------ signing and audit */

static void open_invitations_are_listed_however_many_were_used_since(void **state)
{
    (void)state;
    static const char used[] = "INSERT INTO account_invite (hash, label, created_ms, expires_ms, used_ms)"
                               " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT CAST(i AS BLOB), 'x', 1, 2, 2 FROM n";
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    struct invite *list;
    str secret;
    size_t n;
    must_ok(invite_create(tx, ann.id, STR("open"), 0, ROLE_NONE, clock_now_ms() + 60000, &secret, arena, &e));
    db_credentials_begin(tx);
    must_ok(db_run(tx, &e, used));
    db_credentials_end(tx);
    must_ok(invite_list(tx, arena, &list, &n, &e));
    assert_int_equal(n, 200);
    assert_str(list[0].label, STR("open"));
    db_rollback(db, tx);
}

static void a_signing_key_is_made_once_per_purpose(void **state)
{
    (void)state;
    uint8_t a[32], b[32], other[32], none[32] = { 0 };
    struct db *second;
    char path[80];
    must_ok(signing_key(db, "upload", a, &e));
    must_ok(signing_key(db, "session", other, &e));
    snprintf(path, sizeof path, "%s/hearth.db", dir);
    must_ok(db_open(path, &second, &e)); /* as another process */
    must_ok(signing_key(second, "upload", b, &e));
    db_close(second);
    assert_memory_equal(a, b, 32);
    assert_memory_not_equal(a, other, 32);
    assert_memory_not_equal(a, none, 32);
}

static void the_audit_log_says_who_did_what(void **state)
{
    (void)state;
    struct db_query q;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann");
    must_ok(audit_add(tx, NULL, "user.create", ann.id, STR("ann"), str_n(NULL, 0), &e));
    must_ok(audit_add(tx, &(struct identity){ .user_id = ann.id }, "repo.create", ann.id, STR("ann/m"), STR("127.0.0.1"), &e));
    must_ok(account_delete(tx, ann.id, &e)); /* the record outlives its subject */
    must_ok(db_query(tx, &q, &e, "SELECT actor_id, type, message, ip FROM audit ORDER BY id"));
    assert_true(db_next(&q, &e) && db_col_is_null(&q, 0) && db_col_is_null(&q, 3));
    assert_true(db_next(&q, &e) && db_col_int(&q, 0) == ann.id);
    assert_str(db_col_text(&q, 1), STR("repo.create"));
    assert_str(db_col_text(&q, 3), STR("127.0.0.1"));
    assert_true(!db_next(&q, &e) && db_end(&q));
    db_rollback(db, tx);
}

static void deleting_a_user_takes_credentials_along_and_owned_repositories_forbid_it(void **state)
{
    (void)state;
    struct identity who;
    struct db_conn *tx = begin();
    struct account ann = make(tx, ACCOUNT_USER, "ann"), bob = make(tx, ACCOUNT_USER, "bob");
    str text = make_token(tx, &ann, TOKEN_READ, "", 0);
    must_ok(set_password(tx, ann.id, STR("correct horse"), &e));
    must_ok(db_run(tx, &e, "INSERT INTO repo (hex_id, kind, owner_id, name, name_key, created_ms) VALUES ('1', 'model', ?, 'm', 'm', 1)",
                   db_int(bob.id)));
    assert_false(account_delete(tx, bob.id, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    must_ok(account_delete(tx, ann.id, &e));
    assert_false(identity_from_token(tx, text, &who, arena, &e));
    assert_false(account_delete(tx, ann.id, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(account_update(tx, &ann, &e));
    db_rollback(db, tx);
}

#define with_db(f) cmocka_unit_test_setup_teardown(f, db_setup, db_teardown)

static void pictures_say_how_large_they_are(void **state)
{
    static const struct { const char *type, *data; size_t n; } of[] = {
        { "image/png", "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02", 24 },
        { "image/gif", "\x47\x49\x46\x38\x39\x61\x03\x00\x02\x00", 10 },
        { "image/jpeg", "\xff\xd8\xff\xe0\x00\x04\x61\x62\xff\xff\xc0\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00", 22 },
        { "image/webp", "\x52\x49\x46\x46\x00\x00\x00\x00\x57\x45\x42\x50\x56\x50\x38\x58\x0a\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x01\x00\x00", 30 },
        { "image/webp", "\x52\x49\x46\x46\x00\x00\x00\x00\x57\x45\x42\x50\x56\x50\x38\x4c\x05\x00\x00\x00\x2f\x02\x40\x00\x00\x00\x00\x00\x00\x00\x00", 31 },
        { "image/webp", "\x52\x49\x46\x46\x00\x00\x00\x00\x57\x45\x42\x50\x56\x50\x38\x20\x0a\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x03\x00\x02\x00", 30 },
    };
    struct picture p;
    (void)state;
    for (size_t i = 0; i < COUNT(of); i++) {
        assert_true(picture_read((bytes){ (const uint8_t *)of[i].data, of[i].n }, &p));
        assert_true(str_eq(p.type, str_c(of[i].type)) && p.width == 3 && p.height == 2);
        for (size_t n = 0; n < of[i].n; n++) { /* cut anywhere: nothing is read behind the end, which the sanitizer sees */
            uint8_t *cut = mem_alloc(n + !n);
            memcpy(cut, of[i].data, n);
            assert_true(!picture_read((bytes){ cut, n }, &p) || (p.width == 3 && p.height == 2));
            mem_free(cut);
        }
    }
    assert_true(picture_read(bytes_of(STR("\x89PNG\r\n\x1a\n....IHDR\x00\x01\x00\x00\x00\x00\x00\x01")), &p) && p.width > 1024);
    assert_false(picture_read(bytes_of(STR("\x89PNG\r\n\x1a\n....IHDR\x00\x00\x00\x00\x00\x00\x00\x01")), &p));
}

static void wrong_passwords_are_counted_whoever_sets_the_clock(void **state)
{
    static const int64_t wrong_by_s[] = { 0, 86400, -86400, 0 };
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_true(tries_password_may(STR("eve"), STR("192.0.2.1"), &e));
        tries_password_note(STR("eve"), STR("192.0.2.1"));
    }
    for (size_t i = 0; i < COUNT(wrong_by_s); i++) {
        clock_is_wrong_by_s = wrong_by_s[i];
        assert_false(tries_password_may(STR("Eve"), STR("192.0.2.1"), &e));
        assert_true(tries_password_may(STR("eve"), STR("192.0.2.2"), &e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_rules_of_the_hub),
        cmocka_unit_test(no_name_hides_a_route),
        with_db(a_session_is_renewed_once_a_day_even_after_a_full_disk),
        with_db(a_name_is_found_in_any_case_and_taken_in_every_case),
        with_db(lists_are_in_order_and_wildcards_are_plain_letters),
        with_db(a_token_is_shown_once_and_kept_as_a_digest),
        with_db(expired_revoked_and_disabled_tokens_are_all_alike),
        with_db(tokens_from_elsewhere_are_registered_once),
        with_db(the_last_use_is_noted_in_memory_and_flushed),
        with_db(an_organisation_keeps_an_administrator),
        cmocka_unit_test(roles_have_the_names_of_the_hub),
        with_db(the_role_in_a_namespace_is_the_users_own),
        with_db(what_was_read_before_brings_no_right_back),
        with_db(an_administrator_is_one_only_through_an_admin_token),
        with_db(a_token_allows_what_its_scopes_say),
        with_db(passwords_open_and_wrong_ones_do_not),
        with_db(a_password_that_was_right_is_known_until_it_changes),
        with_db(an_unknown_name_costs_as_much_as_a_wrong_password),
        cmocka_unit_test(a_flood_of_logins_is_told_to_come_again),
        cmocka_unit_test(two_passwords_at_most_are_hashed_at_once),
        cmocka_unit_test(wrong_passwords_are_counted_whoever_sets_the_clock),
        with_db(open_invitations_are_listed_however_many_were_used_since),
        with_db(a_signing_key_is_made_once_per_purpose),
        with_db(the_audit_log_says_who_did_what),
        with_db(deleting_a_user_takes_credentials_along_and_owned_repositories_forbid_it),
        cmocka_unit_test(pictures_say_how_large_they_are),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
