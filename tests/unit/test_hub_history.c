/* hub/ref.c, hub/history.c: what is kept of a history is what a walk finds, and ends with the refs. */
#include "hub/history.h"

#include "hub_help.h"

static struct vcs_repo *open_repo(const struct repo *r)
{
    struct err e;
    struct vcs_repo *v;
    must_ok(hub_repo_open(fx.h, r->id, &v, &e));
    return v;
}

static bool is_served(const struct repo *r, const struct vcs_oid *commit)
{
    struct err e;
    struct vcs_revision at;
    char hex[VCS_OID_HEX + 1];
    struct vcs_repo *v = open_repo(r);
    bool ok = hub_resolve(fx.h, r->id, v, vcs_oid_hex(commit, hex), &at, fx.a, &e);
    if (ok) assert_true(vcs_oid_eq(&at.commit, commit));
    else assert_string_equal(e.kind, HUB_NO_REVISION);
    vcs_close(v);
    return ok;
}

static struct vcs_oid commit_to(const struct repo *r, const char *branch, const char *path, const char *content)
{
    struct err e;
    struct commit_result done;
    must_ok(commit_one(r, ALICE, branch, path, content, NULL, false, &done, &e));
    return done.commit;
}

static void a_commit_is_served_as_long_as_a_ref_leads_to_it(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid squashed;
    const struct identity *who = &fx.id[ALICE];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct vcs_oid first = commit_to(&r, "main", "a", "1"), second = commit_to(&r, "main", "a", "2");
    static const char *const branch[] = { "b1", "b2", "b3", "b4", "b5" };
    struct vcs_oid side[COUNT(branch)], before[COUNT(branch)];
    for (size_t i = 0; i < COUNT(branch); i++) {
        must_ok(branch_create(fx.h, &r, str_c(branch[i]), (str){ 0 }, false, false, who, &e));
        before[i] = commit_to(&r, branch[i], "a", arena_fmt(fx.a, "of %zu", i).p);
        side[i] = commit_to(&r, branch[i], "a", "and more");
    }
    for (int twice = 0; twice < 2; twice++) { /* found, then kept */
        assert_true(is_served(&r, &first) && is_served(&r, &second));
        for (size_t i = 0; i < COUNT(branch); i++) assert_true(is_served(&r, &side[i]) && is_served(&r, &before[i]));
    }
    commit_to(&r, "b2", "a", "moves on");
    assert_true(is_served(&r, &before[1]));
    must_ok(branch_create(fx.h, &r, STR("b2"), STR("main"), false, true, who, &e)); /* moves elsewhere */
    assert_false(is_served(&r, &before[1]) || is_served(&r, &side[1]));
    must_ok(branch_delete(fx.h, &r, STR("b3"), who, &e));
    assert_false(is_served(&r, &before[2]) || is_served(&r, &side[2]));
    assert_true(is_served(&r, &before[3]));
    must_ok(tag_create(fx.h, &r, STR("v1"), STR("b4"), STR("a message"), who, &e));
    must_ok(branch_delete(fx.h, &r, STR("b4"), who, &e));
    assert_true(is_served(&r, &before[3])); /* another ref leads there now */
    must_ok(super_squash(fx.h, &r, STR("main"), STR("all in one"), who, &squashed, &e));
    assert_true(is_served(&r, &first)); /* from the branches */
    static const char *const rest[] = { "b1", "b2", "b5" };
    for (size_t i = 0; i < COUNT(rest); i++) must_ok(branch_delete(fx.h, &r, str_c(rest[i]), who, &e));
    must_ok(tag_delete(fx.h, &r, STR("v1"), who, &e));
    assert_false(is_served(&r, &first) || is_served(&r, &second) || is_served(&r, &before[3]));
    assert_true(is_served(&r, &squashed));
}

static void the_index_has_the_refs_that_git_has(void **state)
{
    (void)state;
    struct err e;
    struct vcs_ref *mine, *gits;
    size_t n, gits_n;
    const struct identity *who = &fx.id[ALICE];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    commit_to(&r, "main", "a", "1");
    must_ok(branch_create(fx.h, &r, STR("dev/one"), (str){ 0 }, false, false, who, &e));
    must_ok(tag_create(fx.h, &r, STR("v1"), STR("main"), STR("a message"), who, &e));
    commit_to(&r, "dev/one", "a", "2");
    struct vcs_repo *v = open_repo(&r);
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(hub_refs(c, r.id, fx.a, &mine, &n, &e));
    must_ok(vcs_refs(v, fx.a, &gits, &gits_n, &e));
    assert_int_equal(n, 3);
    assert_int_equal(n, gits_n);
    for (size_t i = 0; i < n; i++) {
        assert_str(mine[i].name, gits[i].name);
        assert_true(vcs_oid_eq(&mine[i].target, &gits[i].target) && vcs_oid_eq(&mine[i].commit, &gits[i].commit));
    }
    db_give(hub_db(fx.h), c);
    vcs_close(v);
}

static void assert_last_commits(const struct repo *r, const str *path, size_t n)
{
    struct err e;
    struct vcs_oid head = head_of(r, "main");
    struct vcs_repo *v = open_repo(r);
    struct vcs_commit *fresh = arena_alloc(fx.a, n * sizeof *fresh), *got = arena_alloc(fx.a, n * sizeof *got);
    must_ok(vcs_last_commits(v, &head, path, n, NULL, fresh, fx.a, &e));
    must_ok(hub_last_commits(fx.h, r->id, v, &head, path, n, fx.a, got, &e));
    for (size_t i = 0; i < n; i++) {
        assert_true(vcs_oid_eq(&got[i].id, &fresh[i].id));
        if (!vcs_oid_is_zero(&got[i].id)) assert_str(got[i].title, fresh[i].title);
    }
    vcs_close(v);
}

static void what_is_known_of_a_folder_goes_on_with_new_commits(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    const str page[] = { STR(".gitattributes"), STR("a"), STR("b"), STR("d"), STR("z") }, longer[] = { STR(".gitattributes"), STR("a"), STR("b"), STR("d"), STR("e"), STR("z") };
    commit_to(&r, "main", "a", "1");
    assert_last_commits(&r, page, COUNT(page));
    static const char *const changed[] = { "b", "d/x", "d/y/z", "a", "e", "z", "d/x" };
    for (size_t i = 0; i < COUNT(changed); i++) {
        commit_to(&r, "main", changed[i], arena_fmt(fx.a, "change %zu", i).p);
        if (i % 2) commit_to(&r, "main", changed[i], arena_fmt(fx.a, "again %zu", i).p);
        assert_last_commits(&r, page, COUNT(page));
        assert_last_commits(&r, longer, COUNT(longer)); /* begins with the same path */
        assert_last_commits(&r, page, COUNT(page));
    }
}

static bool add_bytes(void *ctx, const struct vcs_entry *entry)
{
    *(uint64_t *)ctx += entry->kind == VCS_FILE ? vcs_entry_size(entry) : 0;
    return true;
}

/* Asked twice, the second time of what was kept, and each time answered as git answers. */
static void assert_answers(const struct repo *r, const struct vcs_oid *a, const struct vcs_oid *b)
{
    struct err e;
    struct vcs_repo *v = open_repo(r);
    for (int twice = 0; twice < 2; twice++) {
        struct vcs_oid base[2];
        struct vcs_commit *log[2];
        uint64_t bytes_count = 0, kept;
        size_t n[2], total[2];
        bool found[2];
        must_ok(vcs_merge_base(v, a, b, &base[0], &found[0], &e));
        must_ok(hub_merge_base(fx.h, r->id, v, a, b, &base[1], &found[1], &e));
        assert_true(found[0] == found[1] && (!found[0] || vcs_oid_eq(&base[0], &base[1])));
        must_ok(vcs_log_between(v, a, b, 3, fx.a, &log[0], &n[0], &total[0], &e));
        must_ok(hub_log_between(fx.h, r->id, v, a, b, 3, fx.a, &log[1], &n[1], &total[1], &e));
        assert_true(n[0] == n[1] && total[0] == total[1]);
        for (size_t i = 0; i < n[0]; i++) assert_true(vcs_oid_eq(&log[0][i].id, &log[1][i].id));
        struct vcs_walk walk = { .path = STR("d"), .recursive = true, .fn = add_bytes, .ctx = &bytes_count };
        must_ok(vcs_tree_walk(v, b, &walk, &found[0], &e));
        must_ok(hub_tree_size(fx.h, r->id, v, b, STR("d"), &kept, &found[1], &e));
        assert_true(found[0] == found[1] && kept == bytes_count);
    }
    vcs_close(v);
}

static void what_is_kept_of_two_commits_is_what_git_says(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct vcs_oid at[8];
    at[0] = commit_to(&r, "main", "a", "1");
    must_ok(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e));
    for (size_t i = 1; i < COUNT(at); i++) at[i] = commit_to(&r, i % 3 ? "main" : "side", i % 2 ? "d/x" : "d/y/z", arena_fmt(fx.a, "change %zu", i).p);
    for (size_t i = 0; i < COUNT(at); i++)
        for (size_t k = 0; k < COUNT(at); k++) assert_answers(&r, &at[i], &at[k]);
}

int main(void)
{
#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, home_new, home_end)
    const struct CMUnitTest tests[] = {
        IN_HOME(a_commit_is_served_as_long_as_a_ref_leads_to_it),
        IN_HOME(the_index_has_the_refs_that_git_has),
        IN_HOME(what_is_known_of_a_folder_goes_on_with_new_commits),
        IN_HOME(what_is_kept_of_two_commits_is_what_git_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
