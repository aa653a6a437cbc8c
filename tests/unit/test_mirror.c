/* Unit tests of src/hub/mirror.h: whose names may be looked for elsewhere, what a mirror's register is worth, and what stays when there is
 * not room for all. */
#include "hub_help.h"

#include "dataset/dataset.h"
#include "hub/mirror.h"
#include "hub/mirror_list.h"

#define UPSTREAM "https://hub.example"
enum { HOUR_MS = 3600000 };

static struct err e;

/* What git would bring: a commit with a pointer to a large file, "w.bin". */
struct brought {
    const char *pointer;
};

static bool fetch(void *ctx, const char *folder, struct err *why)
{
    const struct brought *b = ctx;
    struct vcs_repo *v;
    struct vcs_oid none = { { 0 } }, commit;
    struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("w.bin") };
    struct vcs_commit_request q = { .edits = &edit, .edits_count = 1, .author = { STR("a"), STR("a@b"), 1000 }, .committer = { STR("a"), STR("a@b"), 1000 },
                                    .message = STR("theirs") };
    if (!b) return true;
    if (!vcs_open(folder, &v, why)) return false;
    bool ok = vcs_blob_write(v, bytes_of(str_c(b->pointer)), &edit.oid, why) && vcs_commit_create(v, &q, &commit, why) &&
              vcs_ref_set(v, STR("refs/heads/main"), &none, &commit, STR("fetch"), why);
    vcs_close(v);
    return ok;
}

static struct repo mirror(const char *owner, const char *name, const struct brought *b)
{
    struct repo r;
    struct mirror m = { .kind = REPO_MODEL, .upstream = STR(UPSTREAM), .owner = str_c(owner), .name = str_c(name), .created_ms = 5000 };
    must_ok(mirror_create(fx.h, &m, fetch, (void *)(uintptr_t)b, &r, fx.a, &e));
    return r;
}

static bool may_be(const char *owner)
{
    bool yes;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(mirror_may_be(c, str_c(owner), STR(UPSTREAM), &yes, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return yes;
}

/* A file of ten bytes. */
static bool has(const struct repo *r, const struct sha256 *sha)
{
    bool yes;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(mirror_has_file(fx.h, c, r, sha, 10, &yes, &e));
    db_give(hub_db(fx.h), c);
    return yes;
}

static void read_before(const struct repo *r, const struct sha256 *sha, int64_t hours)
{
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE repo_large_file SET pushed_ms = ? WHERE repo_id = ? AND sha256 = ?", db_int(clock_now_ms() - hours * HOUR_MS), db_int(r->id),
                   db_sha256(sha)));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

static void names_of_ours_stay_here(void **state)
{
    (void)state;
    assert_false(may_be("alice"));
    assert_false(may_be("ACME"));
    assert_false(may_be("api"));
    assert_true(may_be("stranger"));
    struct repo r = mirror("Stranger", "m", NULL);
    assert_true(may_be("stranger"));
    assert_true(str_eq(r.upstream, STR(UPSTREAM)));
    assert_int_equal(r.created_ms, 5000);
    struct mirror m = { .kind = REPO_MODEL, .upstream = STR(UPSTREAM), .owner = STR("alice"), .name = STR("m") };
    must_refuse(mirror_create(fx.h, &m, fetch, NULL, &r, fx.a, &e), ERR_CONFLICT, "belongs to somebody");
    struct account taken;
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_refuse(account_create(tx, ACCOUNT_USER, STR("stranger"), true, &taken, fx.a, &e), ERR_CONFLICT, "taken");
    db_rollback(hub_db(fx.h), tx);
}

static void nobody_changes_a_mirror(void **state)
{
    (void)state;
    struct repo r = mirror("stranger", "m", NULL);
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(repo_allow(c, &fx.nobody, &r, REPO_READ, &e));
    must_refuse(repo_allow(c, &fx.id[ROOT], &r, REPO_WRITE, &e), ERR_DENIED, UPSTREAM);
    must_refuse(repo_allow(c, &fx.id[ALICE], &r, REPO_DISCUSS, &e), ERR_DENIED, UPSTREAM);
    must_ok(repo_allow(c, &fx.id[ROOT], &r, REPO_ADMIN, &e));
    db_give(hub_db(fx.h), c);
    must_refuse(repo_move(fx.h, &r, &fx.user[ALICE], STR("mine"), &fx.id[ROOT], &e), ERR_DENIED, "mirror");
    struct repo copy;
    struct repo_create q = { .kind = REPO_MODEL, .owner = &fx.user[ALICE], .name = STR("copy"), .creator_id = fx.user[ALICE].id };
    must_refuse(repo_duplicate(fx.h, &r, &q, &copy, fx.a, &e), ERR_DENIED, "mirror");
}

/* Neither reading nor collection takes the pointer of a stranger for a right. */
static void a_pointer_opens_nothing(void **state)
{
    (void)state;
    struct repo mine = repo_named(&fx.user[ALICE], "secret", true, ALICE);
    struct sha256 sha = upload(&mine, "my secrets");
    char hex[SHA256_HEX + 1], text[300];
    hex_encode((bytes){ sha.b, SHA256_BYTES }, hex);
    snprintf(text, sizeof text, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 10\n", hex);
    struct brought b = { text };
    struct repo r = mirror("stranger", "m", &b);
    assert_true(has(&mine, &sha));
    assert_false(has(&r, &sha));
    must_refuse(mirror_need_file(fx.h, r.id, &sha, 10, true, &e), ERR_NOT_FOUND, UPSTREAM);
    struct gc_options o = { .grace_ms = 0, .xorb_grace_ms = 0 };
    struct care_report report = { 0 };
    struct gc_result result;
    must_ok(hub_gc(fx.h, &o, &report, &result, &e));
    assert_true(has(&mine, &sha));
    assert_false(has(&r, &sha));
}

static void what_was_read_last_stays(void **state)
{
    (void)state;
    struct mirror_trimmed t;
    struct repo r = mirror("stranger", "m", NULL), ours = repo_named(&fx.user[ALICE], "ours", false, ALICE);
    struct sha256 a = upload(&r, "aaaaaaaaaa"), b = upload(&r, "bbbbbbbbbb"), c = upload(&r, "cccccccccc"), mine = upload(&ours, "dddddddddd");
    read_before(&r, &a, 3);
    read_before(&r, &b, 2);
    read_before(&ours, &mine, 9);
    must_ok(mirror_trim(fx.h, 30, &t, &e));
    assert_int_equal(t.files, 0);
    assert_int_equal(t.bytes_left, 30);
    assert_true(has(&r, &a)); /* is a read, and noted */
    must_ok(mirror_flush(fx.h, &e));
    must_ok(mirror_trim(fx.h, 25, &t, &e));
    assert_int_equal(t.files, 1);
    assert_int_equal(t.bytes, 10);
    assert_int_equal(t.bytes_left, 20);
    assert_false(has(&r, &b));
    assert_true(has(&r, &a) && has(&r, &c) && has(&ours, &mine));
    must_ok(mirror_trim(fx.h, 0, &t, &e)); /* the rest was read a moment ago */
    assert_int_equal(t.files, 0);
}

/* What a list says is no read: it keeps nothing here. */
static void to_look_at_a_list_is_no_read(void **state)
{
    (void)state;
    struct mirror_trimmed t;
    struct repo r = mirror("stranger", "m", NULL);
    struct sha256 a = upload(&r, "aaaaaaaaaa");
    struct db_conn *c;
    bool yes;
    read_before(&r, &a, 3);
    c = db_reader(hub_db(fx.h));
    must_ok(mirror_shows_file(fx.h, c, &r, &a, 10, &yes, &e));
    db_give(hub_db(fx.h), c);
    assert_true(yes);
    must_ok(mirror_flush(fx.h, &e));
    must_ok(mirror_trim(fx.h, 0, &t, &e));
    assert_int_equal(t.files, 1);
}

/* Rows of what is not here are shown after it came; a large data set does not come for that. */
static void no_large_data_set_comes_for_a_look(void **state)
{
    (void)state;
    struct repo r = mirror("stranger", "rows", NULL);
    struct repo_file_row row = { .path = STR("a.parquet"), .is_lfs = true, .size_bytes = (uint64_t)DATASET_BRING_BYTES_MAX + 1 };
    const struct repo_file_row *one = &row;
    struct dataset_files files = { .repo_id = r.id };
    struct dataset_split split = { .files = &files, .file = &one, .files_count = 1, .format = DATASET_PARQUET };
    struct dataset_table table;
    assert_false(dataset_open(fx.h, NULL, &split, 10, fx.a, &table, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    row.size_bytes--;
    assert_false(dataset_open(fx.h, NULL, &split, 10, fx.a, &table, &e)); /* it would be brought, and there is nobody who does */
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_of_ours_stay_here, home_new, home_end),
        cmocka_unit_test_setup_teardown(nobody_changes_a_mirror, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_pointer_opens_nothing, home_new, home_end),
        cmocka_unit_test_setup_teardown(what_was_read_last_stays, home_new, home_end),
        cmocka_unit_test_setup_teardown(to_look_at_a_list_is_no_read, home_new, home_end),
        cmocka_unit_test_setup_teardown(no_large_data_set_comes_for_a_look, home_new, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
