/* Unit tests of what src/account signs and allows: JSON Web Tokens, scopes, addresses, codes. */
#include "db_help.h"

#include "account/account_priv.h"
#include "account/jwt.h"
#include "account/oauth.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"
#include "db/db.h"

static struct sign_key *key; /* one for all: making it takes its time */

static int setup(void **state)
{
    if (!key) key = sign_key_make();
    return db_setup(state);
}

/* ------------------------------------------------------------------ tokens that are signed */

static const struct json *own_keys(void)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct json *out;
    jw_object(&w);
    jw_karray(&w, "keys");
    jwt_write_key(&w, key);
    jw_array_end(&w);
    jw_object_end(&w);
    must_ok(json_parse(arena_dup(arena, buf_str(&b)), arena, &out, &e));
    buf_deinit(&b);
    return out;
}

static str signed_text(const char *claims)
{
    struct buf b = BUF_INIT(0);
    jwt_sign(key, str_c(claims), &b);
    str out = arena_dup(arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void base64url_is_read_strictly(void **state)
{
    (void)state;
    bytes b;
    assert_true(base64url_decode(STR("-_8"), arena, &b));
    assert_int_equal(b.n, 2);
    assert_int_equal(b.p[0], 0xfb);
    static const char *const wrong[] = { "a", "ab=", "a+b/", "ab\n", "a b", "abcde" };
    for (size_t i = 0; i < COUNT(wrong); i++) assert_false(base64url_decode(str_c(wrong[i]), arena, &b));
}

static void a_token_is_opened_by_its_key_and_no_byte_may_change(void **state)
{
    (void)state;
    const struct json *keys = own_keys(), *claims;
    str token = signed_text("{\"sub\":\"1\"}");
    must_ok(jwt_open(token, keys, arena, &claims, &e));
    assert_true(str_eq(json_str_or(claims, STR("sub"), STR("")), STR("1")));
    for (size_t i = 0; i < token.n; i += 7) {
        char *copy = arena_alloc(arena, token.n + 1);
        memcpy(copy, token.p, token.n);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        if (i == token.n - 1) continue; /* the last letter has bits that say nothing */
        assert_false(jwt_open(str_n(copy, token.n), keys, arena, &claims, &e));
    }
    assert_false(jwt_open(str_to(token, token.n - 20), keys, arena, &claims, &e));
    assert_false(jwt_open(STR(""), keys, arena, &claims, &e));
    assert_false(jwt_open(arena_fmt(arena, "%.*s.", STR_ARG(token)), keys, arena, &claims, &e));
}

static void es256_is_checked_as_its_rfc_has_it(void **state)
{
    (void)state; /* RFC 7515, appendix A.3 */
    static const char token[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    static const char keys_text[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
    struct json *keys;
    const struct json *claims;
    must_ok(json_parse(str_c(keys_text), arena, &keys, &e));
    must_ok(jwt_open(str_c(token), keys, arena, &claims, &e));
    assert_true(str_eq(json_str_or(claims, STR("iss"), STR("")), STR("joe")));
    char *copy = arena_alloc(arena, sizeof token);
    memcpy(copy, token, sizeof token);
    copy[sizeof token - 10] ^= 1;
    assert_false(jwt_open(str_n(copy, sizeof token - 1), keys, arena, &claims, &e));
}

static void weak_and_malformed_keys_check_nothing(void **state)
{
    (void)state;
    struct buf n = BUF_INIT(0), exponent = BUF_INIT(0), signature = BUF_INIT(0);
    bytes message = bytes_of(STR("text"));
    sign_key_public(key, &n, &exponent);
    sign_rs256(key, message, &signature);
    bytes bn = bytes_of(buf_str(&n)), be = bytes_of(buf_str(&exponent)), bs = bytes_of(buf_str(&signature));
    assert_true(sign_check_rs256(bn, be, message, bs));
    assert_false(sign_check_rs256(bn, be, bytes_of(STR("Text")), bs));
    assert_false(sign_check_rs256((bytes){ bn.p, 128 }, be, message, (bytes){ bs.p, 128 })); /* 1024 bits */
    assert_false(sign_check_rs256(bn, (bytes){ (const uint8_t *)"\1", 1 }, message, bs));
    assert_false(sign_check_rs256(bn, (bytes){ (const uint8_t *)"\2", 1 }, message, bs));
    assert_false(sign_check_rs256(bn, (bytes){ NULL, 0 }, message, bs));
    assert_false(sign_check_rs256(bn, be, message, (bytes){ bs.p, bs.n - 1 }));
    uint8_t off_curve[32] = { 1 }, r_s[64] = { 1 };
    assert_false(sign_check_es256((bytes){ off_curve, 32 }, (bytes){ off_curve, 32 }, message, (bytes){ r_s, 64 }));
    buf_deinit(&n);
    buf_deinit(&exponent);
    buf_deinit(&signature);
}

static const struct { const char *claims; bool good; } claim_case[] = {
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", true },
    { "{\"iss\":\"i\",\"aud\":[\"a\"],\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", true },
    { "{\"iss\":\"i\",\"aud\":[\"b\",\"a\"],\"azp\":\"a\",\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", true },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":945,\"iat\":1055,\"nbf\":1055,\"nonce\":\"n\",\"sub\":\"s\"}", true }, /* within the skew of 60 */
    { "{\"iss\":\"j\",\"aud\":\"a\",\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":[\"b\",\"a\"],\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":[],\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":{\"x\":\"a\"},\"exp\":1100,\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":900,\"iat\":800,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":\"1100\",\"iat\":1000,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1100,\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1100,\"iat\":1000,\"nbf\":\"x\",\"nonce\":\"n\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1100,\"iat\":1000,\"nonce\":\"m\",\"sub\":\"s\"}", false },
    { "{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1100,\"iat\":1000,\"nonce\":\"n\"}", false },
};
static void claims_are_those_that_were_expected(void **state)
{
    (void)state;
    const struct jwt_expected want = { STR("i"), STR("a"), STR("n"), 1000, 60 };
    for (size_t i = 0; i < COUNT(claim_case); i++) {
        struct json *claims;
        must_ok(json_parse(str_c(claim_case[i].claims), arena, &claims, &e));
        if (jwt_check(claims, &want, &e) != claim_case[i].good) fail_msg("case %zu: %s", i, claim_case[i].claims);
    }
}

/* ------------------------------------------------------------------ scopes */

static void scopes_are_cut_to_what_there_is(void **state)
{
    (void)state;
    assert_true(str_eq(oauth_scopes_within(STR("read-repos openid jobs openid"), STR("openid profile read-repos"), arena), STR("openid read-repos")));
    assert_true(str_eq(oauth_scopes_within(STR("  "), STR("profile openid"), arena), STR("openid profile")));
    assert_int_equal(oauth_scopes_within(STR("write-repos"), STR("openid"), arena).n, 0);
    assert_true(oauth_scopes_cover(STR("openid read-repos"), STR("openid")));
    assert_false(oauth_scopes_cover(STR("openid"), STR("openid read-repos")));
    assert_false(oauth_scope_has(STR("openid"), STR("")));
    assert_false(oauth_scope_has(STR("openid-x"), STR("openid")));
}

static const struct { const char *scope; enum token_right right; const char *type; bool may; } right_case[] = {
    { "openid", RIGHT_READ, "model", false },          { "read-repos", RIGHT_READ, "model", true },     { "read-repos", RIGHT_GATED, "model", false },
    { "gated-repos", RIGHT_GATED, "model", true },     { "read-repos", RIGHT_WRITE, "model", false },   { "write-repos", RIGHT_WRITE, "dataset", true },
    { "write-repos", RIGHT_MANAGE, "model", false },   { "write-repos", RIGHT_WRITE, "user", false },   { "manage-repos", RIGHT_MANAGE, "model", true },
    { "manage-repos", RIGHT_WRITE, "org", true },      { "manage-repos", RIGHT_ACCOUNT, "user", false }, { "inference-api", RIGHT_CALL, "user", true },
    { "read-repos", RIGHT_CALL, "user", false },       { "write-discussions", RIGHT_DISCUSS, "space", true }, { "write-collections", RIGHT_WRITE, "collection", true },
    { "write-repos", RIGHT_WRITE, "collection", false }, { "read-memberships", RIGHT_READ, "org", true }, { "nothing", RIGHT_READ, "model", false },
};
static void a_scope_gives_its_rights_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(right_case); i++) {
        struct json *scopes;
        must_ok(json_parse(arena_fmt(arena, "{\"oauth\":[\"%s\"],\"canReadGatedRepos\":true}", right_case[i].scope), arena, &scopes, &e));
        struct identity who = { .user_id = 1, .via_token = true, .token.role = TOKEN_FINE_GRAINED, .scopes = scopes };
        struct token_target t = { str_c(right_case[i].type), STR("a/b"), STR(""), STR("a") };
        if (identity_token_allows(&who, right_case[i].right, &t) != right_case[i].may) fail_msg("case %zu: %s", i, right_case[i].scope);
    }
}

/* ------------------------------------------------------------------ a code, from beginning to end */

static void make_app(struct account *user, struct oauth_app *app)
{
    struct db_conn *tx;
    str secret;
    struct oauth_app wanted = { .name = STR("app"), .redirect_uris = STR("[\"https://a.example/cb\"]"), .scopes = STR("openid read-repos"), .token_seconds = 600 };
    must_ok(db_begin(db, &tx, &e));
    must_ok(account_create(tx, ACCOUNT_USER, STR("ada"), false, user, arena, &e));
    must_ok(oauth_app_create(tx, &wanted, true, false, app, &secret, arena, &e));
    must_ok(db_commit(db, tx, &e));
}

static str allow(const struct oauth_app *app, int64_t user_id)
{
    struct db_conn *tx;
    struct oauth_request q = { app, user_id, STR("https://a.example/cb"), STR("openid"), { 0 }, { 0 } };
    str code;
    must_ok(db_begin(db, &tx, &e));
    must_ok(oauth_allow(tx, &q, &code, arena, &e));
    must_ok(db_commit(db, tx, &e));
    return code;
}

static bool is_alive(str access)
{
    struct identity who;
    struct db_conn *c = db_reader(db);
    bool alive = identity_from_token(c, access, &who, arena, &e);
    db_give(db, c);
    return alive;
}

static void a_code_works_once_and_its_second_use_ends_what_came_of_it(void **state)
{
    (void)state;
    struct account user;
    struct oauth_app app;
    struct oauth_tokens first, again;
    make_app(&user, &app);
    str code = allow(&app, user.id);
    must_ok(oauth_redeem(db, &app, code, STR("https://a.example/cb"), STR(""), &first, arena, &e));
    assert_true(is_alive(first.access));
    assert_false(oauth_redeem(db, &app, code, STR("https://a.example/cb"), STR(""), &again, arena, &e));
    assert_string_equal(e.kind, OAUTH_INVALID_GRANT);
    assert_false(is_alive(first.access));
    assert_false(oauth_refresh(db, &app, first.refresh, STR(""), &again, arena, &e));
}

static void withdrawing_ends_every_token(void **state)
{
    (void)state;
    struct account user;
    struct oauth_app app;
    struct oauth_tokens one, two;
    struct db_conn *tx;
    make_app(&user, &app);
    must_ok(oauth_redeem(db, &app, allow(&app, user.id), STR("https://a.example/cb"), STR(""), &one, arena, &e));
    must_ok(oauth_refresh(db, &app, one.refresh, STR(""), &two, arena, &e));
    assert_true(is_alive(one.access) && is_alive(two.access));
    must_ok(db_begin(db, &tx, &e));
    must_ok(oauth_withdraw(tx, app.id, user.id, &e));
    must_ok(db_commit(db, tx, &e));
    assert_false(is_alive(one.access) || is_alive(two.access));
    assert_false(oauth_refresh(db, &app, two.refresh, STR(""), &one, arena, &e));
}

static void run_sql(const char *sql, int64_t a, int64_t b)
{
    struct db_conn *tx = begin();
    db_credentials_begin(tx);
    must_ok(db_run(tx, &e, sql, db_int(a), db_int(b)));
    db_credentials_end(tx);
    commit(tx);
}

static int64_t refresh_tokens_kept(void)
{
    struct db_conn *c = db_reader(db);
    int64_t n;
    db_credentials_begin(c);
    must_ok(db_get_int(c, &n, 0, &e, "SELECT count(*) FROM oauth_refresh"));
    db_credentials_end(c);
    db_give(db, c);
    return n;
}

static void refresh_tokens_that_are_too_old_are_swept(void **state)
{
    (void)state;
    struct account user;
    struct oauth_app app;
    struct oauth_tokens one, two, three;
    make_app(&user, &app);
    must_ok(oauth_redeem(db, &app, allow(&app, user.id), STR("https://a.example/cb"), STR(""), &one, arena, &e));
    must_ok(oauth_refresh(db, &app, one.refresh, STR(""), &two, arena, &e));
    assert_int_equal(refresh_tokens_kept(), 2);
    run_sql("UPDATE oauth_refresh SET expires_ms = ?1 + ?2 WHERE used_ms IS NOT NULL", clock_now_ms(), -1);
    must_ok(oauth_refresh(db, &app, two.refresh, STR(""), &three, arena, &e));
    assert_int_equal(refresh_tokens_kept(), 2);
    assert_false(oauth_refresh(db, &app, one.refresh, STR(""), &two, arena, &e));
    assert_true(is_alive(three.access));
}

/* Their rows stay for an hour, so that a program can be told that its code has expired. */
static void devices_whose_time_is_over_are_not_waited_for(void **state)
{
    (void)state;
    static const char fill[] = "INSERT INTO oauth_authorization (app_id, status, hash, scopes, created_ms, expires_ms)"
                               " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
                               " SELECT ?1, 'asked', CAST(i AS BLOB), 'openid', 1, ?2 FROM n";
    struct account user;
    struct oauth_app app;
    str device, shown;
    make_app(&user, &app);
    app.allows_device = true;
    run_sql(fill, app.id, clock_now_ms() - 1);
    must_ok(oauth_device_begin(db, &app, STR("openid"), &device, &shown, arena, &e));
    run_sql("UPDATE oauth_authorization SET expires_ms = ?1 + ?2", clock_now_ms(), 60000);
    assert_false(oauth_device_begin(db, &app, STR("openid"), &device, &shown, arena, &e));
    assert_int_equal(e.code, ERR_BUSY);
}

static const struct { const char *uri; bool fits; } uri_case[] = {
    { "https://a.example/cb", true },          { "https://a.example/cb/", false },        { "https://a.example/CB", false },
    { "https://a.example:443/cb", false },     { "https://a.example/cb?x=1", false },     { "https://a.example/cb#x", false },
    { "http://127.0.0.1/cb", true },           { "http://127.0.0.1:1/cb", true },         { "http://127.0.0.1:/cb", false },
    { "http://127.0.0.1:1x/cb", false },       { "http://127.0.0.1:70000/cb", false },    { "http://127.0.0.1:1@a/cb", false },
    { "https://127.0.0.1:1/cb", false },       { "http://[::1]:1/cb", true },             { "http://[::1].a/cb", false },
    { "http://localhost:1/cb", false },        { "", false },                             { "org.example.app:/cb", true },
};
static void addresses_are_compared_whole(void **state)
{
    (void)state;
    struct oauth_app app = { .redirect_uris = STR("[\"https://a.example/cb\",\"http://127.0.0.1/cb\",\"http://[::1]/cb\",\"org.example.app:/cb\"]") };
    for (size_t i = 0; i < COUNT(uri_case); i++)
        if (oauth_redirect_is(&app, str_c(uri_case[i].uri), arena) != uri_case[i].fits) fail_msg("case %zu: %s", i, uri_case[i].uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(base64url_is_read_strictly, setup, db_teardown),
        cmocka_unit_test_setup_teardown(a_token_is_opened_by_its_key_and_no_byte_may_change, setup, db_teardown),
        cmocka_unit_test_setup_teardown(es256_is_checked_as_its_rfc_has_it, setup, db_teardown),
        cmocka_unit_test_setup_teardown(weak_and_malformed_keys_check_nothing, setup, db_teardown),
        cmocka_unit_test_setup_teardown(claims_are_those_that_were_expected, setup, db_teardown),
        cmocka_unit_test_setup_teardown(scopes_are_cut_to_what_there_is, setup, db_teardown),
        cmocka_unit_test_setup_teardown(a_scope_gives_its_rights_and_no_other, setup, db_teardown),
        cmocka_unit_test_setup_teardown(a_code_works_once_and_its_second_use_ends_what_came_of_it, setup, db_teardown),
        cmocka_unit_test_setup_teardown(withdrawing_ends_every_token, setup, db_teardown),
        cmocka_unit_test_setup_teardown(refresh_tokens_that_are_too_old_are_swept, setup, db_teardown),
        cmocka_unit_test_setup_teardown(devices_whose_time_is_over_are_not_waited_for, setup, db_teardown),
        cmocka_unit_test_setup_teardown(addresses_are_compared_whole, setup, db_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sign_key_free(key);
    return failed;
}
