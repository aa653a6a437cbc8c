/* Unit tests of the second factor: src/account/totp.c, src/account/second_factor.c, src/hub/second_factor.c, and its picture, src/web/account/qr.c. */
#include "unit.h"

#include <qrencode.h>
#include <sys/syscall.h>
#include <time.h>

#include "account/totp.h"
#include "account/tries.h"
#include "base/hash.h"
#include "hub/second_factor.h"
#include "web/account/qr.h"

static int64_t now_s; /* what the clock on the wall says, for all of this program */
int clock_gettime(clockid_t clock, struct timespec *out)
{
    long bad = syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_REALTIME) *out = (struct timespec){ .tv_sec = now_s };
    return (int)bad;
}

static char dir[64];
static struct hub *hub;
static struct arena *arena;
static struct err e;
static struct identity ann, bob;
static uint8_t ann_secret[TOTP_SECRET_BYTES];
static str ann_recovery[RECOVERY_CODES];

static struct db_conn *begin(void)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(hub), &tx, &e));
    return tx;
}

static void commit(struct db_conn *tx) { must_ok(db_commit(hub_db(hub), tx, &e)); }

static struct identity make_user(struct db_conn *tx, const char *name)
{
    struct account user;
    char hash[PASSWORD_HASH_BYTES];
    must_ok(account_create(tx, ACCOUNT_USER, str_c(name), false, &user, arena, &e));
    must_ok(password_hash(STR("correct horse"), hash, &e));
    must_ok(account_store_password(tx, user.id, hash, &e));
    return (struct identity){ .user_id = user.id, .name = user.name };
}

static str code_at(int64_t step) { return arena_fmt(arena, "%06u", (unsigned)totp_code((bytes){ ann_secret, sizeof ann_secret }, (uint64_t)step)); }
static int64_t step_now(void) { return now_s / TOTP_STEP_S; }

static bool turn_on(struct db_conn *tx, const struct identity *who, str secret, str code)
{
    bool right;
    must_ok(second_factor_turn_on(hub, tx, who, secret, code, STR("192.0.2.1"), &right, ann_recovery, arena, &e));
    return right;
}

/* Wrong codes are counted by account for as long as the process lives, so each test has accounts of other numbers. */
static void skip_numbers(struct db_conn *tx)
{
    static int used;
    struct account filler;
    for (int i = 0; i < used; i++) must_ok(account_create(tx, ACCOUNT_ORG, arena_fmt(arena, "filler-%d", i), false, &filler, arena, &e));
    used += 2;
}

static int setup(void **state)
{
    (void)state;
    now_s = 1800000000;
    unit_dir(dir);
    must_ok(hub_open(dir, &hub, &e));
    arena = arena_new(0);
    struct db_conn *tx = begin();
    skip_numbers(tx);
    ann = make_user(tx, "ann");
    bob = make_user(tx, "bob");
    str secret = second_factor_secret(arena);
    assert_int_equal(secret.n, 32);
    assert_true(base32_decode(secret, ann_secret, sizeof ann_secret));
    assert_false(turn_on(tx, &ann, secret, STR("12345")));
    assert_false(turn_on(tx, &ann, secret, code_at(step_now() - 2)));
    assert_true(turn_on(tx, &ann, secret, code_at(step_now() - 1)));
    commit(tx);
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

/* In a transaction of its own, which is kept. */
static bool check(const struct identity *who, str code)
{
    bool right;
    struct db_conn *tx = begin();
    must_ok(second_factor_check(hub, tx, who, code, STR("192.0.2.1"), &right, arena, &e));
    commit(tx);
    return right;
}

static size_t audited(const char *type)
{
    struct audit_row *row;
    size_t n;
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(audit_list(c, &(struct audit_query){ .type = str_c(type), .limit = 100 }, arena, &row, &n, &e));
    db_give(hub_db(hub), c);
    return n;
}

/* ------------------------------------------------------------------ what is published */

static void codes_are_those_of_rfc_4226(void **state)
{
    static const uint32_t want[] = { 755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489 }; /* appendix D */
    (void)state;
    for (size_t i = 0; i < COUNT(want); i++) assert_int_equal(totp_code(bytes_of(STR("12345678901234567890")), i), want[i]);
}

static void codes_are_those_of_rfc_6238(void **state)
{
    static const struct { int64_t at_s; const char *code; } want[] = { /* appendix B, SHA-1, the last six of its eight digits */
        { 59, "287082" }, { 1111111109, "081804" }, { 1111111111, "050471" }, { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(want); i++)
        assert_int_equal(totp_find(bytes_of(STR("12345678901234567890")), str_c(want[i].code), want[i].at_s * 1000, 0), want[i].at_s / 30);
}

static void base32_is_that_of_rfc_4648(void **state)
{
    static const struct { const char *plain, *coded; } want[] = { { "", "" }, { "f", "MY" }, { "fo", "MZXQ" }, { "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "fooba", "MZXW6YTB" }, { "foobar", "MZXW6YTBOI" } };
    static const char *const bad[] = { "MZXW6YT", "MZXW6YTBO", "MZXW6YT1", "MZXW6Y=B", "MZXW6YT\xc4" };
    uint8_t out[8];
    (void)state;
    for (size_t i = 0; i < COUNT(want); i++) {
        struct buf b = BUF_INIT(0);
        str plain = str_c(want[i].plain);
        buf_base32(&b, bytes_of(plain));
        assert_true(str_eq(buf_str(&b), str_c(want[i].coded)));
        buf_deinit(&b);
        assert_true(base32_decode(str_c(want[i].coded), out, plain.n) && memcmp(out, plain.p, plain.n) == 0);
    }
    assert_true(base32_decode(STR("mzxw6ytb"), out, 5) && memcmp(out, "fooba", 5) == 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (base32_decode(str_c(bad[i]), out, 5)) fail_msg("%s was taken", bad[i]);
    assert_false(base32_decode(STR("MZ"), out, 1)); /* its last bits are not zero: "MY" is the one text of this byte */
}

/* ------------------------------------------------------------------ codes */

static void a_code_is_good_one_step_early_or_late_and_no_more(void **state)
{
    bytes secret = bytes_of(STR("12345678901234567890"));
    const int64_t now = 60000000;
    (void)state;
    for (int64_t by = -3; by <= 3; by++) {
        str code = arena_fmt(arena, "%06u", (unsigned)totp_code(secret, (uint64_t)(now + by)));
        int64_t found = totp_find(secret, code, now * 30 * 1000 + 29999, 0);
        assert_int_equal(found, by >= -1 && by <= 1 ? now + by : 0);
        assert_int_equal(totp_find(secret, code, now * 30 * 1000, now + by), 0); /* used */
    }
    str code = arena_fmt(arena, "%06u", (unsigned)totp_code(secret, (uint64_t)now));
    assert_int_equal(totp_find(secret, str_to(code, 5), now * 30 * 1000, 0), 0);
    assert_int_equal(totp_find(secret, arena_fmt(arena, "%.*s0", STR_ARG(code)), now * 30 * 1000, 0), 0);
}

static void no_code_works_twice_nor_one_before_it(void **state)
{
    (void)state;
    assert_false(check(&ann, code_at(step_now() - 1))); /* it turned the factor on */
    assert_true(check(&ann, code_at(step_now() + 1)));
    assert_false(check(&ann, code_at(step_now() + 1)));
    assert_false(check(&ann, code_at(step_now()))); /* seen over somebody's shoulder, and older than the one that was used */
    now_s += 60;
    str code = code_at(step_now());
    assert_true(check(&ann, arena_fmt(arena, " %.*s %.*s", STR_ARG(str_to(code, 3)), STR_ARG(str_from(code, 3))))); /* as apps show it */
    assert_int_equal(audited("user.factor.wrong"), 3);
}

static void what_is_not_kept_was_not_used(void **state)
{
    bool right;
    (void)state;
    struct db_conn *tx = begin();
    must_ok(second_factor_check(hub, tx, &ann, code_at(step_now()), STR(""), &right, arena, &e));
    assert_true(right);
    db_rollback(hub_db(hub), tx);
    assert_true(check(&ann, code_at(step_now())));
}

static void a_recovery_code_works_once_however_it_is_typed(void **state)
{
    char low[40];
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < ann_recovery[0].n; i++) {
        if (i && i % 4 == 0) low[n++] = '-';
        char c = ann_recovery[0].p[i];
        low[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    assert_int_equal(ann_recovery[0].n, 16);
    assert_true(check(&ann, str_n(low, n)));
    assert_false(check(&ann, ann_recovery[0]));
    assert_false(check(&ann, STR("AAAAAAAAAAAAAAAA")));
    assert_int_equal(audited("user.factor.recovery"), 1);

    str fresh[RECOVERY_CODES];
    struct second_factor f;
    bool found;
    struct db_conn *tx = begin();
    must_ok(second_factor_find(tx, ann.user_id, &f, &found, arena, &e));
    assert_true(found && f.codes_left == RECOVERY_CODES - 1);
    must_ok(second_factor_renew_codes(tx, &ann, STR(""), fresh, arena, &e));
    commit(tx);
    assert_false(check(&ann, ann_recovery[1])); /* of before */
    for (size_t i = 0; i < RECOVERY_CODES; i++) assert_true(check(&ann, fresh[i]));
    assert_false(check(&ann, fresh[RECOVERY_CODES - 1]));
}

static void codes_are_of_one_account(void **state)
{
    str theirs[RECOVERY_CODES], secret = second_factor_secret(arena);
    uint8_t b[TOTP_SECRET_BYTES];
    bool right;
    (void)state;
    assert_true(base32_decode(secret, b, sizeof b));
    str code = arena_fmt(arena, "%06u", (unsigned)totp_code((bytes){ b, sizeof b }, (uint64_t)step_now()));
    struct db_conn *tx = begin();
    must_ok(second_factor_turn_on(hub, tx, &bob, secret, code, STR(""), &right, theirs, arena, &e));
    assert_true(right);
    assert_false(second_factor_turn_on(hub, tx, &bob, secret, code, STR(""), &right, theirs, arena, &e)); /* what is on is not replaced */
    assert_int_equal(e.code, ERR_CONFLICT);
    commit(tx);
    assert_false(check(&bob, ann_recovery[0]));
    assert_false(check(&bob, code_at(step_now())));
    assert_true(check(&ann, ann_recovery[0]));
}

static void ten_wrong_codes_are_the_last(void **state)
{
    bool right;
    (void)state;
    for (int i = 0; i < 10; i++) assert_false(check(&ann, i % 2 ? STR("00000") : STR("BBBBBBBBBBBBBBBB")));
    struct db_conn *tx = begin();
    assert_false(second_factor_check(hub, tx, &ann, code_at(step_now()), STR("192.0.2.99"), &right, arena, &e)); /* from wherever */
    assert_true(e.code == ERR_BUSY && str_eq(str_c(e.kind), STR(TRIES_SPENT)));
    assert_false(second_factor_check(hub, tx, &ann, ann_recovery[0], STR(""), &right, arena, &e));
    commit(tx);
    assert_int_equal(audited("user.factor.wrong"), 10);
}

static void turned_off_it_is_gone(void **state)
{
    bool was_on, right;
    (void)state;
    struct db_conn *tx = begin();
    must_ok(second_factor_turn_off(tx, NULL, ann.user_id, STR(""), &was_on, &e));
    assert_true(was_on);
    must_ok(second_factor_turn_off(tx, NULL, ann.user_id, STR(""), &was_on, &e));
    assert_false(was_on);
    assert_false(second_factor_check(hub, tx, &ann, ann_recovery[0], STR(""), &right, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    str secret = second_factor_secret(arena);
    assert_true(base32_decode(secret, ann_secret, sizeof ann_secret));
    str old = ann_recovery[0];
    assert_true(turn_on(tx, &ann, secret, code_at(step_now())));
    commit(tx);
    assert_false(check(&ann, old));
    assert_int_equal(audited("user.factor.off"), 1);
    assert_int_equal(audited("user.factor.on"), 2);
}

/* ------------------------------------------------------------------ half a session */

static bool half_is_good(str text, int64_t of)
{
    struct account user;
    bool found;
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(half_session_read(hub_db(hub), c, text, &user, &found, arena, &e));
    db_give(hub_db(hub), c);
    if (found) assert_int_equal(user.id, of);
    return found;
}

static str half_of(const struct identity *who)
{
    str text;
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(half_session_make(hub_db(hub), c, who->user_id, &text, arena, &e));
    db_give(hub_db(hub), c);
    return text;
}

static void half_a_session_is_of_one_account_for_five_minutes(void **state)
{
    (void)state;
    str half = half_of(&ann);
    assert_true(half_is_good(half, ann.user_id));
    for (size_t i = 0; i < half.n; i++) { /* no other text of it is good: not another account, not another time */
        char *other = memcpy(arena_alloc(arena, half.n), half.p, half.n);
        for (char c = '0'; c <= '9'; c++) {
            other[i] = c;
            if (c != half.p[i]) assert_false(half_is_good(str_n(other, half.n), 0));
        }
    }
    for (size_t n = 0; n < half.n; n++) assert_false(half_is_good(str_to(half, n), 0));
    now_s += HALF_SESSION_S - 1;
    assert_true(half_is_good(half, ann.user_id));
    now_s += 1;
    assert_false(half_is_good(half, ann.user_id));

    half = half_of(&ann); /* another factor, another password, a disabled account: over */
    struct db_conn *tx = begin();
    bool was_on;
    must_ok(second_factor_turn_off(tx, NULL, ann.user_id, STR(""), &was_on, &e));
    commit(tx);
    assert_false(half_is_good(half, 0));
    tx = begin();
    now_s += 1;
    str secret = second_factor_secret(arena);
    assert_true(base32_decode(secret, ann_secret, sizeof ann_secret));
    assert_true(turn_on(tx, &ann, secret, code_at(step_now())));
    commit(tx);
    assert_false(half_is_good(half, 0));
    half = half_of(&ann);
    char hash[PASSWORD_HASH_BYTES];
    must_ok(password_hash(STR("another horse"), hash, &e));
    tx = begin();
    must_ok(account_store_password(tx, ann.user_id, hash, &e));
    commit(tx);
    assert_false(half_is_good(half, 0));
    half = half_of(&ann);
    tx = begin();
    must_ok(account_set_disabled(tx, ann.user_id, true, &e));
    commit(tx);
    assert_false(half_is_good(half, 0));
}

static void the_password_alone_is_not_enough_for_programs(void **state)
{
    struct identity who;
    (void)state;
    struct db_conn *c = db_reader(hub_db(hub));
    assert_true(identity_from_password(c, STR("bob"), STR("correct horse"), &who, arena, &e) && who.user_id == bob.user_id);
    assert_false(identity_from_password(c, STR("ann"), STR("correct horse"), &who, arena, &e));
    assert_true(e.code == ERR_UNAUTHENTICATED && e.kind && !who.user_id);
    assert_false(identity_from_password(c, STR("ann"), STR("wrong horse"), &who, arena, &e));
    assert_true(e.code == ERR_UNAUTHENTICATED && !e.kind); /* who does not know the password does not learn that there is a factor */
    db_give(hub_db(hub), c);
}

static void the_secret_does_not_lie_readable_in_the_database(void **state)
{
    struct second_factor f;
    bool found;
    (void)state;
    struct db_conn *c = db_reader(hub_db(hub));
    must_ok(second_factor_find(c, ann.user_id, &f, &found, arena, &e));
    db_give(hub_db(hub), c);
    assert_true(found);
    assert_null(memmem(f.sealed.p, f.sealed.n, ann_secret, sizeof ann_secret));
    char path[80];
    snprintf(path, sizeof path, "%s/secret.key", dir);
    assert_int_equal(unlink(path), 0);
    bool right;
    struct db_conn *tx = begin();
    assert_false(second_factor_check(hub, tx, &ann, code_at(step_now()), STR(""), &right, arena, &e));
    str secret = second_factor_secret(arena); /* a new key is not made while this one is missing */
    uint8_t b[TOTP_SECRET_BYTES];
    assert_true(base32_decode(secret, b, sizeof b));
    str code = arena_fmt(arena, "%06u", (unsigned)totp_code((bytes){ b, sizeof b }, (uint64_t)step_now()));
    assert_false(second_factor_turn_on(hub, tx, &bob, secret, code, STR(""), &right, ann_recovery, arena, &e));
    assert_non_null(strstr(e.msg, "restore it"));
    db_rollback(hub_db(hub), tx);
}

/* ------------------------------------------------------------------ the picture */

static void the_picture_has_every_dark_square_once_and_is_quiet_around(void **state)
{
    static const char text[] = "otpauth://totp/Hearth:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Hearth";
    struct buf svg = BUF_INIT(0);
    (void)state;
    must_ok(qr_svg(str_c(text), STR("a \"label\" <b>"), &svg, &e));
    buf_byte(&svg, 0);
    QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    assert_non_null(q);
    const int side = q->width + 8;
    uint8_t *seen = mem_alloc((size_t)(side * side));
    memset(seen, 0, (size_t)(side * side));
    assert_non_null(strstr(svg.p, "aria-label=\"a &quot;label&quot; &lt;b&gt;\""));
    const char *at = strstr(svg.p, "fill=\"#000\" d=\"");
    assert_non_null(at);
    at += strlen("fill=\"#000\" d=\"");
    int x, y, n, back, read;
    for (; sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back, &read) == 4; at += read) {
        assert_true(n == back && x >= 4 && y >= 4 && x + n <= side - 4 && y < side - 4);
        for (int i = x; i < x + n; i++) seen[y * side + i]++;
    }
    assert_true(strncmp(at, "\"/></svg>", 9) == 0);
    for (y = 0; y < q->width; y++)
        for (x = 0; x < q->width; x++) assert_int_equal(seen[(y + 4) * side + x + 4], q->data[y * q->width + x] & 1);
    mem_free(seen);
    QRcode_free(q);
    buf_deinit(&svg);
    char *much = mem_alloc(5000);
    memset(much, 'x', 5000);
    struct buf none = BUF_INIT(0);
    assert_false(qr_svg(str_n(much, 5000), STR(""), &none, &e));
    mem_free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(codes_are_those_of_rfc_4226, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_are_those_of_rfc_6238, setup, teardown),
        cmocka_unit_test_setup_teardown(base32_is_that_of_rfc_4648, setup, teardown),
        cmocka_unit_test_setup_teardown(a_code_is_good_one_step_early_or_late_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(no_code_works_twice_nor_one_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_kept_was_not_used, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recovery_code_works_once_however_it_is_typed, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_are_of_one_account, setup, teardown),
        cmocka_unit_test_setup_teardown(ten_wrong_codes_are_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(turned_off_it_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(half_a_session_is_of_one_account_for_five_minutes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_password_alone_is_not_enough_for_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(the_secret_does_not_lie_readable_in_the_database, setup, teardown),
        cmocka_unit_test(the_picture_has_every_dark_square_once_and_is_quiet_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
