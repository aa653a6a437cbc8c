/* Unit tests of src/hub/mirror.h: whose names may be looked for elsewhere, what a mirror's register is worth, and what stays when there is
 * not room for all. */
#include "hub_help.h"

#include <stdlib.h>

#include "dataset/dataset.h"
#include "gateway/gateway_priv.h"
#include "hub/mirror.h"
#include "hub/mirror_list.h"

#define UPSTREAM "https://hub.example"
enum { HOUR_MS = 3600000 };

static struct err e;

/* What git would bring: a commit with a pointer to a large file, "w.bin". */
struct brought {
    const char *pointer, *path; /* NULL: "w.bin" */
};

static bool fetch(void *ctx, const char *folder, struct err *why)
{
    const struct brought *b = ctx;
    struct vcs_repo *v;
    struct vcs_oid none = { { 0 } }, commit;
    struct vcs_edit edit = { .kind = VCS_PUT, .path = b && b->path ? str_c(b->path) : STR("w.bin") };
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
    must_refuse(mirror_need_file(fx.h, r.id, &sha, 10, &(struct mirror_waiter){ 0 }, &e), ERR_NOT_FOUND, UPSTREAM);
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

static int64_t parameters(const struct repo *r)
{
    int64_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(db_get_int(c, &n, -1, &e, "SELECT parameters FROM repo_index WHERE repo_id = ?", db_int(r->id)));
    db_give(hub_db(fx.h), c);
    return n;
}

static bool is_kept_out(const char *upstream)
{
    struct gateway *g;
    struct gateway_config config = { .upstream = str_c(upstream) };
    must_ok(gateway_new(fx.h, &config, &g, &e));
    bool yes = upstream_is_kept_out(g), again = upstream_is_kept_out(g);
    assert_int_equal(yes, again);
    gateway_free(g);
    return yes;
}

/* Links of an upstream in a private network may lead there; those of others must not. */
static void links_lead_where_the_upstream_is(void **state)
{
    static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    (void)state;
    for (size_t i = 0; i < COUNT(proxies); i++) unsetenv(proxies[i]);
    assert_true(is_kept_out("https://8.8.8.8"));
    assert_true(is_kept_out("https://8.8.8.8:8443/hub/"));
    assert_true(is_kept_out("https://[2001:4860:4860::8888]:8443"));
    assert_true(is_kept_out("http://localhost@8.8.8.8/"));
    assert_false(is_kept_out("http://127.0.0.1:8080"));
    assert_false(is_kept_out("http://[::1]:8080"));
    assert_false(is_kept_out("http://localhost:8080/hub"));
    assert_false(is_kept_out("http://10.1.2.3"));
    setenv("https_proxy", "http://proxy.example:3128", 1);
    assert_false(is_kept_out("https://8.8.8.8")); /* the proxy decides */
    unsetenv("https_proxy");
}

/* The server may die between the register's row and the index: what the header says is due until it is there. */
static void what_weights_say_is_due_until_it_is_said(void **state)
{
    (void)state;
    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}";
    uint8_t file[8 + sizeof header - 1 + 12] = { sizeof header - 1 };
    char hex[SHA256_HEX + 1], text[300];
    struct cas_object o;
    memcpy(file + 8, header, sizeof header - 1);
    must_ok(cas_put_bytes(hub_cas(fx.h), (bytes){ file, sizeof file }, &o, &e));
    hex_encode((bytes){ o.sha256.b, SHA256_BYTES }, hex);
    snprintf(text, sizeof text, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n", hex, sizeof file);
    struct brought b = { text, "model.safetensors" };
    struct repo r = mirror("stranger", "m", &b), other = mirror("stranger", "other", &(struct brought){ text });
    must_ok(mirror_file_came(fx.h, r.id, &o, &e));
    must_ok(mirror_file_came(fx.h, other.id, &o, &e)); /* of no matter there */
    assert_int_equal(parameters(&r), 0);
    hub_close(fx.h);
    must_ok(hub_open(fx.dir, &fx.h, &e));
    must_ok(hub_recover(fx.h, &e));
    must_ok(mirror_derive(fx.h, 0, &e));
    assert_int_equal(parameters(&r), 3);
    int64_t due;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(db_get_int(c, &due, 9, &e, "SELECT count(*) FROM mirror_due"));
    db_give(hub_db(fx.h), c);
    assert_int_equal(due, 0);
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
        cmocka_unit_test_setup_teardown(what_weights_say_is_due_until_it_is_said, home_new, home_end),
        cmocka_unit_test_setup_teardown(links_lead_where_the_upstream_is, home_new, home_end),
        cmocka_unit_test_setup_teardown(to_look_at_a_list_is_no_read, home_new, home_end),
        cmocka_unit_test_setup_teardown(no_large_data_set_comes_for_a_look, home_new, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
