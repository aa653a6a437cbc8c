/* Unit tests of src/hub: repositories, access, commits, refs, gates. */
#include "hub_help.h"

#include "base/hash.h"
#include "hub/community/like.h"
#include "hub/file.h"

/* ------------------------------------------------------------------ names and lookups */

static const struct {
    const char *name;
    bool ok;
} name_case[] = {
    { "a", true }, { "gpt2", true }, { "x/y", true }, { "Meta-Llama_3.1", true }, { "__DUMMY_HUB_USER__/m", true },
    { "", false }, { "a/b/c", false }, { "/a", false }, { "a/", false }, { "a b", false }, { "-a", false }, { "a-", false },
    { ".a", false }, { "a.", false }, { "a--b", false }, { "a..b", false }, { "a.git", false }, { "x/..", false },
    { "\xc3\xa9", false },
};

static void names_follow_the_rules_of_the_clients(void **state)
{
    (void)state;
    struct err e;
    char long_name[98];
    for (size_t i = 0; i < COUNT(name_case); i++)
        if (repo_name_check(str_c(name_case[i].name), &e) != name_case[i].ok) fail_msg("case %zu: %s", i, name_case[i].name);
    memset(long_name, 'a', 97);
    long_name[97] = 0;
    assert_false(repo_name_check(str_c(long_name), &e));
    assert_true(repo_name_check(str_n(long_name, 96), &e));
}

static bool find(const char *owner, const char *name, struct repo *out, bool *moved)
{
    struct err e;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(repo_find(c, REPO_MODEL, str_c(owner), str_c(name), out, &found, moved, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return found;
}

static void a_repository_is_created_found_renamed_and_deleted(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "First", false, ALICE), got;
    bool moved;
    assert_true(find("alice", "First", &got, &moved) && !moved);
    assert_true(find("ALICE", "first", &got, &moved) && moved);
    assert_str(got.full_name, STR("alice/First"));
    assert_true(str_find(file_at(&r, "main", ".gitattributes"), STR("*.safetensors filter=lfs")) != STR_NONE);

    struct repo_create again = { .kind = REPO_MODEL, .owner = &fx.user[ALICE], .name = STR("FIRST"), .creator_id = fx.user[ALICE].id };
    must_refuse(repo_create(fx.h, &again, &got, fx.a, &e), ERR_CONFLICT, "You already created this model repo");
    again.kind = REPO_DATASET; /* another kind is another name */
    must_ok(repo_create(fx.h, &again, &got, fx.a, &e));

    struct repo other = repo_named(&fx.user[ALICE], "other", false, ALICE);
    must_refuse(repo_move(fx.h, &r, &fx.user[ALICE], STR("Other"), &fx.id[ALICE], &e), ERR_CONFLICT,
                "A model repository called alice/Other already exists");
    must_ok(repo_move(fx.h, &r, &fx.acme, STR("second"), &fx.id[ALICE], &e));
    assert_true(find("acme", "second", &got, &moved) && !moved && got.id == r.id);
    assert_true(find("alice", "first", &got, &moved) && moved && got.id == r.id);
    assert_str(got.full_name, STR("acme/second"));
    must_ok(repo_move(fx.h, &got, &fx.acme, STR("Second"), &fx.id[ALICE], &e)); /* only the case */
    r = repo_again(&r);

    /* The old name redirects until somebody takes it. */
    struct repo taker = repo_named(&fx.user[ALICE], "first", false, ALICE);
    assert_true(find("alice", "first", &got, &moved) && !moved && got.id == taker.id);

    char path[512];
    hub_repo_path(fx.h, r.id, path);
    must_ok(repo_delete(fx.h, &r, &fx.id[ALICE], &e));
    assert_false(find("acme", "second", &got, &moved));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM repo_to_remove"), 0);
    must_refuse(repo_delete(fx.h, &r, &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    /* Who found it just before is told the same. */
    struct vcs_oid squashed;
    must_refuse(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    must_refuse(tag_create(fx.h, &r, STR("v1"), STR("main"), STR(""), &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    must_refuse(super_squash(fx.h, &r, STR("main"), STR(""), &fx.id[ALICE], &squashed, &e), ERR_NOT_FOUND, "Repository not found");
    struct repo newest = repo_named(&fx.user[ALICE], "third", false, ALICE);
    assert_true(newest.id > taker.id && newest.id > r.id && other.id > 0);
}

/* Two who move at the same time have both looked at the first name. */
static void every_name_that_it_had_leads_to_it(void **state)
{
    (void)state;
    struct err e;
    bool moved;
    struct repo seen = repo_named(&fx.user[ALICE], "one", false, ALICE), got;
    must_ok(repo_move(fx.h, &seen, &fx.user[ALICE], STR("two"), &fx.id[ALICE], &e));
    must_ok(repo_move(fx.h, &seen, &fx.user[ALICE], STR("three"), &fx.id[ALICE], &e));
    assert_true(find("alice", "three", &got, &moved) && !moved);
    assert_true(find("alice", "two", &got, &moved) && moved && got.id == seen.id);
    assert_true(find("alice", "one", &got, &moved) && moved && got.id == seen.id);
    assert_int_equal(sql_int("SELECT count(*) FROM audit WHERE message = 'moved model alice/two to alice/three'"), 1);
    must_ok(repo_delete(fx.h, &seen, &fx.id[ALICE], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM audit WHERE message = 'deleted model alice/three'"), 1);
}

/* As a crash between the transactions of a large push leaves it: the head is unknown and the rows are of two trees. */
static void a_half_written_index_is_not_believed(void **state)
{
    (void)state;
    struct err e;
    struct db_conn *tx, *c;
    struct file_found f;
    struct vcs_repo *git = NULL;
    struct repo r = repo_named(&fx.user[ALICE], "one", false, ALICE);
    struct vcs_oid head = head_of(&r, "main");
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE repo_index SET head_sha = ''") && db_run(tx, &e, "DELETE FROM repo_file"));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    c = db_reader(hub_db(fx.h));
    must_ok(file_find(fx.h, c, &r, STR("main"), STR(".gitattributes"), &git, &f, fx.a, &e));
    assert_memory_equal(&f.commit, &head, sizeof head);
    must_refuse(file_find(fx.h, c, &r, STR("main"), STR("none"), &git, &f, fx.a, &e), ERR_NOT_FOUND, "Entry not found");
    assert_true(f.has_commit);
    vcs_close(git);
    db_give(hub_db(fx.h), c);
}

static void a_deleted_number_is_never_used_again(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "a", false, ALICE);
    must_ok(repo_delete(fx.h, &r, NULL, &e));
    struct repo next = repo_named(&fx.user[ALICE], "a", false, ALICE);
    assert_true(next.id > r.id);
}

static void a_space_starts_with_its_page(void **state)
{
    (void)state;
    struct err e;
    struct repo r;
    struct repo_file_seed seed = { STR("app.txt"), bytes_of(STR("hello\n")) };
    struct repo_create q = { .kind = REPO_SPACE, .owner = &fx.user[BOB], .name = STR("page"), .creator_id = fx.user[BOB].id,
                             .sdk = STR("static"), .settings = STR("{\"hardware\":\"cpu-basic\"}"), .files = &seed, .files_count = 1 };
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    assert_true(str_find(file_at(&r, "main", "README.md"), STR("sdk: static")) != STR_NONE);
    assert_true(file_at(&r, "main", "index.html").p != NULL);
    assert_str(file_at(&r, "main", "app.txt"), STR("hello\n"));
    assert_str(r.settings, STR("{\"hardware\":\"cpu-basic\"}"));
    q.name = STR("broken");
    q.settings = STR("[]");
    must_refuse(repo_create(fx.h, &q, &r, fx.a, &e), ERR_INVALID, "JSON object");
}

static void a_duplicate_has_branches_tags_and_large_files(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "from", false, ALICE), copy;
    struct sha256 sha = upload(&r, "large content");
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "one", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "main", "b.txt", "two", NULL, true, &done, &e)); /* a pull request */
    must_ok(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e));
    must_ok(tag_create(fx.h, &r, STR("v1"), STR("main"), STR("first"), &fx.id[ALICE], &e));
    struct repo_create q = { .kind = REPO_MODEL, .owner = &fx.user[BOB], .name = STR("to"), .creator_id = fx.user[BOB].id };
    must_ok(repo_duplicate(fx.h, &r, &q, &copy, fx.a, &e));
    assert_str(file_at(&copy, "side", "a.txt"), STR("one"));
    assert_str(file_at(&copy, "v1", "a.txt"), STR("one"));
    struct vcs_oid pr = head_of(&copy, "refs/pr/1");
    assert_true(vcs_oid_is_zero(&pr));
    struct large_file f;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(large_file_find(fx.h, c, copy.id, &sha, &f, &found, &e));
    db_give(hub_db(fx.h), c);
    assert_true(found && f.size_bytes == 13);
}

static void settings_and_likes_are_stored(void **state)
{
    (void)state;
    struct err e;
    struct arena *a = fx.a;
    struct repo r = repo_named(&fx.user[ALICE], "s", false, ALICE);
    struct json *first, *second;
    must_ok(json_parse(STR("{\"a\":1,\"b\":{\"c\":[]}}"), a, &first, &e));
    must_ok(json_parse(STR("{\"a\":2,\"d\":null}"), a, &second, &e));
    struct repo_settings s = { .has_private = true, .is_private = true, .has_gated = true, .gated = STR("manual"), .settings = first };
    must_ok(repo_set(fx.h, &r, &s, &fx.id[ALICE], &e));
    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .settings = second }, &fx.id[ALICE], &e));
    r = repo_again(&r);
    assert_true(r.is_private);
    assert_str(r.gated, STR("manual"));
    assert_str(r.settings, STR("{\"b\":{\"c\":[]},\"a\":2,\"d\":null}"));
    must_refuse(repo_set(fx.h, &r, &(struct repo_settings){ .has_gated = true, .gated = STR("no") }, NULL, &e), ERR_INVALID, "gated");

    must_ok(repo_set_like(fx.h, r.id, fx.user[BOB].id, true, &e));
    must_ok(repo_set_like(fx.h, r.id, fx.user[BOB].id, true, &e));
    assert_int_equal(sql_int("SELECT likes FROM repo_index"), 1);
    for (int i = 0; i < 1000; i++) repo_count_download(fx.h, i % 10 ? r.id : r.id + i); /* some do not exist */
    must_ok(hub_flush(fx.h, &e));
    must_ok(hub_flush(fx.h, &e));
    assert_int_equal(sql_int("SELECT downloads FROM repo_index"), 901);
    assert_int_equal(sql_int("SELECT downloads_all FROM repo_index"), 901);
    assert_int_equal(sql_int("SELECT sum(count) FROM repo_download"), 901);
    assert_int_equal(sql_int("SELECT trending FROM repo_index"), 921);
    must_ok(repo_set_like(fx.h, r.id, fx.user[BOB].id, false, &e));
    assert_int_equal(sql_int("SELECT likes FROM repo_index"), 0);
}

/* ------------------------------------------------------------------ access: the table of hub-api 1.7 */

enum asks { ANON, NO_RIGHTS, OWNER, ASKS };

static bool allow(const struct identity *who, const struct repo *r, enum repo_right right, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    e->kind = NULL;
    e->code = ERR_NONE;
    bool ok = repo_allow(c, who, r, right, e);
    db_give(hub_db(fx.h), c);
    return ok;
}

static const struct access_case {
    int repo; /* 0 missing, 1 private, 2 public, 3 gated, 4 disabled */
    enum repo_right right;
    struct {
        enum err_code code;
        const char *kind, *part;
    } want[ASKS];
} access_case[] = {
#define ANON_401 { ERR_UNAUTHENTICATED, HUB_NO_REPO, "Invalid username or password." }
#define USER_404 { ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found" }
#define USER_403 { ERR_DENIED, "", "You don't have the right" }
#define OK { ERR_NONE, "", "" }
#define GATE_401 { ERR_UNAUTHENTICATED, HUB_GATED, "Access to model alice/r is restricted. You must have access to it and be authenticated" }
#define GATE_403 { ERR_DENIED, HUB_GATED, "Access to model alice/r is restricted and you are not in the authorized list" }
#define DISABLED { ERR_DENIED, "", "Access to this resource is disabled." }
    { 0, REPO_SEE, { ANON_401, USER_404, USER_404 } },
    { 0, REPO_WRITE, { ANON_401, USER_404, USER_404 } },
    { 1, REPO_SEE, { ANON_401, USER_404, OK } },
    { 1, REPO_READ, { ANON_401, USER_404, OK } },
    { 1, REPO_JOIN, { ANON_401, USER_404, OK } },
    { 1, REPO_DISCUSS, { ANON_401, USER_404, OK } },
    { 1, REPO_WRITE, { ANON_401, USER_404, OK } },
    { 1, REPO_ADMIN, { ANON_401, USER_404, OK } },
    { 2, REPO_SEE, { OK, OK, OK } },
    { 2, REPO_READ, { OK, OK, OK } },
    { 2, REPO_DISCUSS, { ANON_401, OK, OK } },
    { 2, REPO_WRITE, { ANON_401, USER_403, OK } },
    { 2, REPO_ADMIN, { ANON_401, USER_403, OK } },
    { 3, REPO_SEE, { OK, OK, OK } },
    { 3, REPO_READ, { GATE_401, GATE_403, OK } },
    { 3, REPO_JOIN, { ANON_401, OK, OK } },
    { 3, REPO_DISCUSS, { ANON_401, OK, OK } },
    { 3, REPO_WRITE, { ANON_401, USER_403, OK } },
    { 4, REPO_SEE, { DISABLED, DISABLED, DISABLED } },
    { 4, REPO_WRITE, { DISABLED, DISABLED, DISABLED } },
};

static void likes_of_what_everybody_sees_are_counted(void **state)
{
    (void)state;
    struct err e;
    struct repo_settings hide = { .has_private = true, .is_private = true }, show = { .has_private = true };
    struct repo a = repo_named(&fx.user[ALICE], "a", false, ALICE), b = repo_named(&fx.user[ALICE], "b", true, ALICE);
#define assert_counted(n)                                                                                                                         \
    do {                                                                                                                                           \
        struct db_conn *c = db_reader(hub_db(fx.h));                                                                                              \
        int64_t got = -1, counted;                                                                                                                 \
        must_ok(like_count_public(c, fx.user[BOB].id, &got, &e));                                                                                 \
        must_ok(db_get_int(c, &counted, 0, &e, "SELECT count(*) FROM repo_like l JOIN repo r ON r.id = l.repo_id WHERE l.user_id = ?"              \
                           " AND r.is_private = 0 AND r.is_disabled = 0", db_int(fx.user[BOB].id)));                                              \
        db_give(hub_db(fx.h), c);                                                                                                                  \
        assert_int_equal(got, n);                                                                                                                  \
        assert_int_equal(counted, n);                                                                                                              \
    } while (0)
    assert_counted(0);
    must_ok(repo_set_like(fx.h, a.id, fx.user[BOB].id, true, &e));
    must_ok(repo_set_like(fx.h, a.id, fx.user[BOB].id, true, &e)); /* likes it already */
    must_ok(repo_set_like(fx.h, b.id, fx.user[BOB].id, true, &e));
    must_ok(repo_set_like(fx.h, a.id, fx.user[CAROL].id, true, &e)); /* another's */
    assert_counted(1);
    must_ok(repo_set(fx.h, &b, &show, NULL, &e));
    assert_counted(2);
    sql_run("UPDATE repo SET is_disabled = 1 WHERE name = 'b'");
    assert_counted(1);
    must_ok(repo_set(fx.h, &b, &hide, NULL, &e)); /* hidden twice */
    assert_counted(1);
    sql_run("UPDATE repo SET is_disabled = 0 WHERE name = 'b'");
    assert_counted(1);
    must_ok(repo_set(fx.h, &b, &show, NULL, &e));
    must_ok(repo_set_like(fx.h, a.id, fx.user[BOB].id, false, &e));
    must_ok(repo_set_like(fx.h, a.id, fx.user[BOB].id, false, &e));
    assert_counted(1);
    must_ok(repo_set_like(fx.h, a.id, fx.user[BOB].id, true, &e));
    must_ok(repo_delete(fx.h, &b, NULL, &e));
    assert_counted(1);
    must_ok(repo_set(fx.h, &a, &hide, NULL, &e));
    must_ok(repo_delete(fx.h, &a, NULL, &e));
    assert_counted(0);
}

static void every_row_of_the_access_table_holds(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    const struct identity *who[ASKS] = { &fx.nobody, &fx.id[OUTSIDER], &fx.id[ALICE] };
    for (size_t i = 0; i < COUNT(access_case); i++) {
        const struct access_case *k = &access_case[i];
        r.is_private = k->repo == 1;
        r.gated = k->repo == 3 ? STR("manual") : STR("");
        r.is_disabled = k->repo == 4;
        for (int j = 0; j < ASKS; j++) {
            bool ok = allow(who[j], k->repo ? &r : NULL, k->right, &e);
            if (ok != (k->want[j].code == ERR_NONE)) fail_msg("case %zu, asker %d: %s", i, j, ok ? "allowed" : e.msg);
            if (ok) continue;
            if (e.code != k->want[j].code) fail_msg("case %zu, asker %d: code %d: %s", i, j, (int)e.code, e.msg);
            assert_kind(k->want[j].kind);
            if (!strstr(e.msg, k->want[j].part)) fail_msg("case %zu, asker %d: %s", i, j, e.msg);
        }
        if (k->repo) assert_true(allow(&fx.id[ROOT], &r, k->right, &e)); /* an administrator may do all */
    }
}

static void roles_in_an_organisation_decide(void **state)
{
    (void)state;
    static const struct {
        int who;
        bool sees, writes, writes_own;
    } role_case[] = { { READER, true, false, false }, { CONTRIBUTOR, true, false, true }, { WRITER, true, true, true },
                      { ADMIN, true, true, true }, { OUTSIDER, false, false, false }, { ALICE, false, false, false } };
    struct err e;
    struct repo others = repo_named(&fx.acme, "others", true, ADMIN), own = repo_named(&fx.acme, "own", true, CONTRIBUTOR);
    for (size_t i = 0; i < COUNT(role_case); i++) {
        const struct identity *who = &fx.id[role_case[i].who];
        if (allow(who, &others, REPO_READ, &e) != role_case[i].sees) fail_msg("case %zu: sees", i);
        if (allow(who, &others, REPO_WRITE, &e) != role_case[i].writes) fail_msg("case %zu: writes", i);
        if (role_case[i].who == CONTRIBUTOR && allow(who, &own, REPO_WRITE, &e) != role_case[i].writes_own) fail_msg("case %zu: own", i);
        struct db_conn *c = db_reader(hub_db(fx.h));
        bool creates = namespace_allow_create(c, who, &fx.acme, 0, REPO_MODEL, &e);
        db_give(hub_db(fx.h), c);
        if (creates != role_case[i].writes_own) fail_msg("case %zu: creates", i);
        if (!creates) assert_int_equal(e.code, ERR_DENIED);
    }
    struct db_conn *c = db_reader(hub_db(fx.h));
    assert_false(namespace_allow_create(c, &fx.nobody, &fx.acme, 0, REPO_MODEL, &e));
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    assert_true(namespace_allow_create(c, &fx.id[ALICE], &fx.user[ALICE], 0, REPO_MODEL, &e));
    db_give(hub_db(fx.h), c);
}

static void a_token_narrows_what_its_user_may(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", true, ALICE);
    struct identity read = fx.id[ALICE];
    read.via_token = true;
    read.token.role = TOKEN_READ;
    assert_true(allow(&read, &r, REPO_READ, &e));
    assert_false(allow(&read, &r, REPO_WRITE, &e));
    assert_int_equal(e.code, ERR_DENIED);

    struct json *scopes;
    struct identity fine = fx.id[ALICE];
    must_ok(json_parse(STR("{\"scoped\":[],\"global\":[],\"canReadGatedRepos\":false}"), fx.a, &scopes, &e));
    fine.via_token = true;
    fine.token.role = TOKEN_FINE_GRAINED;
    fine.scopes = scopes;
    assert_false(allow(&fine, &r, REPO_SEE, &e)); /* what the token may not see does not exist */
    assert_int_equal(e.code, ERR_NOT_FOUND);
    r.is_private = false;
    assert_true(allow(&fine, &r, REPO_READ, &e));
    r.gated = STR("auto");
    assert_false(allow(&fine, &r, REPO_READ, &e));
    assert_kind(HUB_GATED);
    must_ok(json_parse(STR("{\"scoped\":[],\"global\":[],\"canReadGatedRepos\":true}"), fx.a, &scopes, &e));
    fine.scopes = scopes;
    assert_true(allow(&fine, &r, REPO_READ, &e));
}

/* ------------------------------------------------------------------ gates */

static enum gate_status gate_of(const struct repo *r, int who)
{
    struct err e;
    enum gate_status s;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(gate_status_of(c, r->id, fx.user[who].id, &s, &e));
    db_give(hub_db(fx.h), c);
    return s;
}

static void access_requests_go_through_their_states(void **state)
{
    (void)state;
    struct err e;
    enum gate_status s;
    struct repo r = repo_named(&fx.acme, "gated", false, ADMIN);
    int64_t bob = fx.user[BOB].id;
    must_refuse(gate_ask(fx.h, &r, &fx.id[BOB], (str){ 0 }, &s, &e), ERR_INVALID, "not gated");
    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_gated = true, .gated = STR("manual") }, NULL, &e));
    r = repo_again(&r);
    must_refuse(gate_handle(fx.h, &r, bob, GATE_ACCEPTED, (str){ 0 }, &fx.id[ADMIN], &e), ERR_NOT_FOUND, "has not asked");
    must_refuse(gate_ask(fx.h, &r, &fx.nobody, (str){ 0 }, &s, &e), ERR_UNAUTHENTICATED, "Log in");
    must_refuse(gate_ask(fx.h, &r, &fx.id[BOB], STR("[1]"), &s, &e), ERR_INVALID, "JSON object");
    must_ok(gate_ask(fx.h, &r, &fx.id[BOB], STR("{\"why\":\"curious\"}"), &s, &e));
    assert_int_equal(s, GATE_PENDING);
    assert_false(allow(&fx.id[BOB], &r, REPO_READ, &e));
    assert_non_null(strstr(e.msg, "awaiting a review"));
    must_ok(gate_handle(fx.h, &r, bob, GATE_ACCEPTED, (str){ 0 }, &fx.id[ADMIN], &e));
    must_refuse(gate_handle(fx.h, &r, bob, GATE_ACCEPTED, (str){ 0 }, &fx.id[ADMIN], &e), ERR_NOT_FOUND, "already");
    assert_true(allow(&fx.id[BOB], &r, REPO_READ, &e));
    must_refuse(gate_grant(fx.h, &r, bob, &fx.id[ADMIN], &e), ERR_INVALID, "already has access");
    must_ok(gate_handle(fx.h, &r, bob, GATE_PENDING, (str){ 0 }, &fx.id[ADMIN], &e));
    must_ok(gate_handle(fx.h, &r, bob, GATE_REJECTED, STR("no"), &fx.id[ADMIN], &e));
    assert_false(allow(&fx.id[BOB], &r, REPO_READ, &e));
    assert_non_null(strstr(e.msg, "has been rejected"));
    must_refuse(gate_cancel(fx.h, &r, &fx.id[BOB], &e), ERR_NOT_FOUND, "no request");
    must_ok(gate_handle(fx.h, &r, bob, GATE_ACCEPTED, (str){ 0 }, &fx.id[ADMIN], &e));
    must_ok(gate_cancel(fx.h, &r, &fx.id[BOB], &e));
    assert_int_equal(gate_of(&r, BOB), GATE_NONE);
    must_ok(gate_grant(fx.h, &r, bob, &fx.id[ADMIN], &e));
    assert_int_equal(gate_of(&r, BOB), GATE_ACCEPTED);

    struct gate_request *list;
    size_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(gate_list(c, &r, GATE_ACCEPTED, (struct gate_place){ 0 }, 10, fx.a, &list, &n, &e));
    db_give(hub_db(fx.h), c);
    assert_int_equal(n, 1);
    assert_true(list[0].was_granted);
    assert_str(list[0].granted_by, STR("admin"));
    assert_str(list[0].user.name, STR("bob"));

    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_gated = true, .gated = STR("auto") }, NULL, &e));
    must_ok(gate_ask(fx.h, &r, &fx.id[CAROL], (str){ 0 }, &s, &e));
    assert_int_equal(s, GATE_ACCEPTED);
}

/* Whoever asks in the same millisecond as others is on one page, whatever the pages' size. */
static void requests_of_one_moment_are_all_listed(void **state)
{
    (void)state;
    struct err e;
    enum gate_status s;
    struct gate_place at = { 0 };
    struct gate_request *list;
    size_t n = 1, seen = 0, all = 0;
    struct repo r = repo_named(&fx.acme, "gated", false, ADMIN);
    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_gated = true, .gated = STR("manual") }, NULL, &e));
    r = repo_again(&r);
    for (int who = ALICE; who <= CAROL; who++, all++) must_ok(gate_ask(fx.h, &r, &fx.id[who], (str){ 0 }, &s, &e));
    sql_run("UPDATE repo_access_request SET created_ms = 1000");
    struct db_conn *c = db_reader(hub_db(fx.h));
    while (n) {
        must_ok(gate_list(c, &r, GATE_PENDING, at, 2, fx.a, &list, &n, &e));
        if (n) at = (struct gate_place){ list[n - 1].created_ms, list[n - 1].user.id };
        seen += n;
    }
    db_give(hub_db(fx.h), c);
    assert_true(all > 2);
    assert_int_equal(seen, all);
}

static void members_pass_the_gate_unless_it_is_for_them_too(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.acme, "gated", false, CONTRIBUTOR);
    r.gated = STR("manual");
    static const int all[] = { READER, CONTRIBUTOR, WRITER, ADMIN };
    for (size_t i = 0; i < COUNT(all); i++) assert_true(allow(&fx.id[all[i]], &r, REPO_READ, &e));
    r.gates_members = true;
    assert_false(allow(&fx.id[READER], &r, REPO_READ, &e));
    assert_false(allow(&fx.id[WRITER], &r, REPO_READ, &e));
    assert_true(allow(&fx.id[CONTRIBUTOR], &r, REPO_READ, &e)); /* who made it */
    assert_true(allow(&fx.id[ADMIN], &r, REPO_READ, &e));
}

/* ------------------------------------------------------------------ commits */

static void a_commit_puts_copies_and_deletes(void **state)
{
    (void)state;
    struct err e;
    struct commit *c;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "dir/a.txt", "aaa", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "refs/heads/main", "dir/b.txt", "bbb", NULL, false, &done, &e));
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("many things"), STR(""), STR(""), &e));
    must_ok(commit_put_file(c, STR("c.txt"), bytes_of(STR("first")), &e));
    must_ok(commit_put_file(c, STR("c.txt"), bytes_of(STR("second")), &e)); /* the last one wins */
    must_ok(commit_copy(c, STR("dir/a.txt"), STR("copy.txt"), false, &e));
    must_ok(commit_copy(c, STR("dir/b.txt"), STR("moved.txt"), true, &e));
    must_ok(commit_delete(c, STR("dir/"), VCS_REMOVE_DIR, &e));
    must_ok(commit_put_file(c, STR("dir/new.txt"), bytes_of(STR("new")), &e));
    must_ok(commit_finish(c, &done, fx.a, &e));
    assert_str(file_at(&r, "main", "c.txt"), STR("second"));
    assert_str(file_at(&r, "main", "copy.txt"), STR("aaa"));
    assert_str(file_at(&r, "main", "moved.txt"), STR("bbb"));
    assert_str(file_at(&r, "main", "dir/new.txt"), STR("new"));
    assert_null(file_at(&r, "main", "dir/a.txt").p);
    struct vcs_oid head = head_of(&r, "main");
    assert_true(vcs_oid_eq(&head, &done.commit));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref WHERE name = 'refs/heads/main'"), 1);
}

static bool delete_one(const struct repo *r, const char *path, enum vcs_edit_kind kind, struct err *e)
{
    struct commit *c;
    struct commit_result done;
    if (!commit_begin(fx.h, r, &fx.id[ALICE], STR("main"), false, &c, e)) return false;
    if (!commit_header(c, STR("delete"), STR(""), STR(""), e) || !commit_delete(c, str_c(path), kind, e)) {
        commit_abort(c);
        return false;
    }
    return commit_finish(c, &done, fx.a, e);
}

static void what_a_commit_must_not_do_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct commit *c;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct vcs_oid before = head_of(&r, "main");

    must_refuse(commit_one(&r, ALICE, "nope", "a", "a", NULL, false, &done, &e), ERR_NOT_FOUND, "Invalid rev id: nope");
    assert_kind(HUB_NO_REVISION);
    must_refuse(commit_one(&r, ALICE, "refs/pr/7", "a", "a", NULL, false, &done, &e), ERR_NOT_FOUND, "Invalid rev id");
    must_refuse(commit_one(&r, ALICE, "refs/tags/x", "a", "a", NULL, false, &done, &e), ERR_NOT_FOUND, "Invalid rev id");
    must_refuse(commit_one(&r, BOB, "main", "a", "a", NULL, false, &done, &e), ERR_DENIED, "You don't have the right");
    static const char *const bad[] = { "../x", "a/../b", ".git/config", "/a", "a//b", "", "..\\x" };
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(commit_one(&r, ALICE, "main", bad[i], "a", NULL, false, &done, &e), ERR_UNPROCESSABLE, "");
    must_refuse(delete_one(&r, "missing.txt", VCS_REMOVE_ANY, &e), ERR_NOT_FOUND, "A file with this name doesn't exist");
    assert_kind(HUB_NO_ENTRY);

    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_refuse(commit_header(c, STR("  "), STR(""), STR(""), &e), ERR_INVALID, "summary");
    must_refuse(commit_header(c, STR("x"), STR(""), STR("zzz"), &e), ERR_INVALID, "parentCommit");
    must_ok(commit_header(c, STR("x"), STR(""), STR(""), &e));
    must_refuse(commit_header(c, STR("x"), STR(""), STR(""), &e), ERR_INVALID, "one header");
    size_t n = REGULAR_FILE_BYTES_MAX + 1;
    uint8_t *big = mem_alloc(n);
    must_refuse(commit_put_file(c, STR("big"), (bytes){ big, n }, &e), ERR_TOO_LARGE, "LFS");
    must_ok(commit_put_file(c, STR("big"), (bytes){ big, n - 1 }, &e));
    mem_free(big);
    must_refuse(commit_copy(c, STR("nothing"), STR("x"), false, &e), ERR_NOT_FOUND, "A file with this name doesn't exist");
    must_ok(commit_put_file(c, STR("README.md"), bytes_of(STR("---\nlicense: [oh: no\n---\n")), &e));
    must_refuse(commit_finish(c, &done, fx.a, &e), ERR_INVALID, "Invalid metadata in README.md");
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_refuse(commit_finish(c, &done, fx.a, &e), ERR_INVALID, "header");
    struct vcs_oid after = head_of(&r, "main");
    assert_true(vcs_oid_eq(&before, &after));
    assert_null(file_at(&r, "main", "big").p);
}

static void a_stale_parent_is_refused_and_none_is_rebased(void **state)
{
    (void)state;
    struct err e;
    struct commit *first, *second;
    struct commit_result done;
    char hex[VCS_OID_HEX + 1];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct vcs_oid start = head_of(&r, "main");
    vcs_oid_hex(&start, hex);
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &first, &e));
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &second, &e));
    must_ok(commit_header(first, STR("first"), STR(""), str_c(hex), &e));
    must_ok(commit_header(second, STR("second"), STR(""), STR(""), &e));
    must_ok(commit_put_file(first, STR("a"), bytes_of(STR("1")), &e));
    must_ok(commit_put_file(second, STR("b"), bytes_of(STR("2")), &e));
    must_ok(commit_finish(first, &done, fx.a, &e));
    must_ok(commit_finish(second, &done, fx.a, &e));
    assert_str(file_at(&r, "main", "a"), STR("1"));
    assert_str(file_at(&r, "main", "b"), STR("2"));
    must_refuse(commit_one(&r, ALICE, "main", "c", "3", hex, false, &done, &e), ERR_PRECONDITION,
                "The branch was updated since you opened this page. Please refresh and try again.");
    struct vcs_oid now = head_of(&r, "main");
    vcs_oid_hex(&now, hex);
    hex[7] = 0; /* clients may send the short form */
    must_ok(commit_one(&r, ALICE, "main", "c", "3", hex, false, &done, &e));
}

/* A client whose answer was lost sends its commit again: it is made once, whoever committed since, as a pull request too. */
static void a_commit_that_is_sent_again_is_made_once(void **state)
{
    (void)state;
    struct err e;
    struct commit_result one, again, other;
    char hex[VCS_OID_HEX + 1];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct vcs_oid start = head_of(&r, "main");
    vcs_oid_hex(&start, hex);
    must_ok(commit_one(&r, ALICE, "main", "a", "1", hex, false, &one, &e));
    must_ok(commit_one(&r, ALICE, "main", "a", "1", hex, false, &again, &e));
    assert_true(vcs_oid_eq(&one.commit, &again.commit));
    must_ok(commit_one(&r, ALICE, "main", "b", "2", NULL, false, &other, &e));
    must_ok(commit_one(&r, ALICE, "main", "a", "1", hex, false, &again, &e));
    struct vcs_oid head = head_of(&r, "main");
    assert_true(vcs_oid_eq(&one.commit, &again.commit) && vcs_oid_eq(&other.commit, &head));
    must_refuse(commit_one(&r, ALICE, "main", "a", "2", hex, false, &again, &e), ERR_PRECONDITION, "was updated");
    must_refuse(commit_one(&r, ADMIN, "main", "a", "1", hex, false, &again, &e), ERR_DENIED, "right");

    must_ok(commit_one(&r, BOB, "main", "c", "1", hex, true, &one, &e));
    must_ok(commit_one(&r, BOB, "main", "c", "1", hex, true, &again, &e));
    assert_int_equal(one.pull_request, again.pull_request);
    must_ok(commit_one(&r, CAROL, "main", "c", "1", hex, true, &other, &e));
    assert_int_equal(other.pull_request, one.pull_request + 1);
    must_ok(commit_one(&r, BOB, "main", "c", "2", hex, true, &again, &e));
    assert_int_equal(again.pull_request, one.pull_request + 2);
}

static bool put_large(const struct repo *r, int who, const char *path, const struct sha256 *sha, const uint64_t *size, bool creates_pr,
                      struct commit_result *out, struct err *e)
{
    struct commit *c;
    if (!commit_begin(fx.h, r, &fx.id[who], STR("main"), creates_pr, &c, e)) return false;
    if (!commit_header(c, STR("weights"), STR(""), STR(""), e) || !commit_put_large(c, str_c(path), sha, size, e)) {
        commit_abort(c);
        return false;
    }
    return commit_finish(c, out, fx.a, e);
}

static void large_files_need_a_right_and_get_a_rule(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE), other = repo_named(&fx.user[BOB], "o", false, BOB);
    struct sha256 theirs = upload(&other, "a secret of another repository"), mine = upload(&r, "my weights");
    char hex[65];
    hex_encode((bytes){ theirs.b, 32 }, hex);
    must_refuse(put_large(&r, ALICE, "x.bin", &theirs, NULL, false, &done, &e), ERR_INVALID, hex);
    assert_non_null(strstr(e.msg, "x.bin"));
    /* Not even as the text of a pointer. */
    char pointer[200];
    snprintf(pointer, sizeof pointer, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 30\n", hex);
    must_refuse(commit_one(&r, ALICE, "main", "x.bin", pointer, NULL, false, &done, &e), ERR_INVALID, hex);

    uint64_t wrong = 11, right = 10;
    must_refuse(put_large(&r, ALICE, "model.bin", &mine, &wrong, false, &done, &e), ERR_INVALID, "size");
    must_ok(put_large(&r, ALICE, "model.bin", &mine, &right, false, &done, &e));
    str attributes = file_at(&r, "main", ".gitattributes");
    must_ok(put_large(&r, ALICE, "odd name[1].weights", &mine, NULL, false, &done, &e));
    str longer = file_at(&r, "main", ".gitattributes");
    assert_true(longer.n > attributes.n && str_starts(longer, attributes));
    assert_str(str_from(longer, attributes.n), STR("\"odd name\\\\[1\\\\].weights\" filter=lfs diff=lfs merge=lfs -text\n"));
    must_ok(put_large(&r, ALICE, "odd name[1].weights", &mine, NULL, false, &done, &e)); /* now it is covered */
    assert_str(file_at(&r, "main", ".gitattributes"), longer);
    must_ok(put_large(&r, ALICE, "sub/plain.weights", &mine, NULL, false, &done, &e));
    assert_true(str_ends(file_at(&r, "main", ".gitattributes"), STR("\nsub/plain.weights filter=lfs diff=lfs merge=lfs -text\n")));

    /* A regular file in the place of a large one. */
    must_ok(commit_one(&r, ALICE, "main", "model.bin", "text now", NULL, false, &done, &e));
    assert_str(file_at(&r, "main", "model.bin"), STR("text now"));
    /* An empty large file is an empty file. */
    struct sha256 empty = upload(&r, "");
    must_ok(put_large(&r, ALICE, "empty.bin", &empty, NULL, false, &done, &e));
    assert_int_equal(file_at(&r, "main", "empty.bin").n, 0);

    struct large_file *list;
    size_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(large_file_list(c, r.id, NULL, 1, fx.a, &list, &n, &e));
    assert_int_equal(n, 1);
    must_ok(large_file_list(c, r.id, &list[0].sha256, 10, fx.a, &list, &n, &e));
    assert_int_equal(n, 1);
    db_give(hub_db(fx.h), c);
}

static void large_files_are_deleted_with_their_history(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct sha256 drop = upload(&r, "drop me"), keep = upload(&r, "keep me");
    must_ok(put_large(&r, ALICE, "drop.bin", &drop, NULL, false, &done, &e));
    must_ok(put_large(&r, ALICE, "keep.bin", &keep, NULL, false, &done, &e));
    must_ok(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e));
    must_ok(tag_create(fx.h, &r, STR("v1"), STR("main"), STR("annotated"), &fx.id[ALICE], &e));
    must_ok(large_file_delete(fx.h, &r, &drop, 1, &fx.id[ALICE], &e));
    static const char *const revs[] = { "main", "side", "v1" };
    for (size_t i = 0; i < COUNT(revs); i++) {
        assert_null(file_at(&r, revs[i], "drop.bin").p);
        assert_non_null(file_at(&r, revs[i], "keep.bin").p);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM repo_large_file"), 1);
    must_refuse(put_large(&r, ALICE, "again.bin", &drop, NULL, false, &done, &e), ERR_INVALID, "has not been uploaded");
}

static void names_that_collide_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct commit *c;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "Data/x.txt", "a", NULL, false, &done, &e));
    must_refuse(commit_one(&r, ALICE, "main", "data/X.txt", "b", NULL, false, &done, &e), ERR_UNPROCESSABLE, "differ in case only");
    must_ok(commit_one(&r, ALICE, "main", "Stra\u00dfe/\u00c9t\u00e9.txt", "a", NULL, false, &done, &e));
    must_refuse(commit_one(&r, ALICE, "main", "stra\u00dfe/\u00e9T\u00c9.txt", "b", NULL, false, &done, &e), ERR_UNPROCESSABLE, "differ in case");
    must_refuse(commit_one(&r, ALICE, "main", "Stra\u00dfe/E\u0301te\u0301.txt", "b", NULL, false, &done, &e), ERR_UNPROCESSABLE, "differ in case");
    must_ok(commit_one(&r, ALICE, "main", "Strasse/Ete.txt", "b", NULL, false, &done, &e));
    /* Renaming to another case is no collision. */
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("rename"), STR(""), STR(""), &e));
    must_ok(commit_copy(c, STR("Data/x.txt"), STR("data/x.txt"), true, &e));
    must_ok(commit_finish(c, &done, fx.a, &e));
    /* A branch has files of its own. */
    must_ok(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e));
    must_ok(commit_one(&r, ALICE, "side", "only/Here.txt", "a", NULL, false, &done, &e));
    must_refuse(commit_one(&r, ALICE, "side", "Only/here.txt", "b", NULL, false, &done, &e), ERR_UNPROCESSABLE, "differ in case only");
    must_ok(commit_one(&r, ALICE, "side", "only/Here.txt", "b", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "main", "Only/here.txt", "b", NULL, false, &done, &e));
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("both"), STR(""), STR(""), &e));
    must_ok(commit_put_file(c, STR("n"), bytes_of(STR("1")), &e));
    must_ok(commit_put_file(c, STR("n/m"), bytes_of(STR("2")), &e));
    must_refuse(commit_finish(c, &done, fx.a, &e), ERR_UNPROCESSABLE, "at once");
}

static void a_cards_warnings_reach_the_one_who_commits(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "README.md", "# no front matter\n", NULL, false, &done, &e));
    assert_true(str_starts(done.hook_output, STR("README.md: ")));
    must_ok(commit_one(&r, ALICE, "main", "README.md", "---\nlicense: mit\n---\n# Hi\n", NULL, false, &done, &e));
    assert_str(done.hook_output, STR(""));
}

static void preupload_says_how_to_send_each_file(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct sha256 sha = upload(&r, "weights");
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "text", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "main", ".gitignore", "*.log\nbuild/\n", NULL, false, &done, &e));
    must_ok(put_large(&r, ALICE, "m.bin", &sha, NULL, false, &done, &e));
    struct preupload_file f[] = {
        { .path = STR("a.txt"), .size_bytes = 4, .sample = bytes_of(STR("text")) },
        { .path = STR("m.bin"), .size_bytes = 4, .sample = bytes_of(STR("text")) },
        { .path = STR("big.txt"), .size_bytes = REGULAR_FILE_BYTES_MAX + 1, .sample = bytes_of(STR("text")) },
        { .path = STR("nine.txt"), .size_bytes = 9 << 20, .sample = bytes_of(STR("text")) },
        { .path = STR("binary"), .size_bytes = 9, .sample = { (const uint8_t *)"a\0b", 3 } },
        { .path = STR("latin1"), .size_bytes = 3, .sample = bytes_of(STR("a\xe9" "b")) },
        { .path = STR("cut"), .size_bytes = 900, .sample = bytes_of(STR("a\xc3")) },
        { .path = STR("not-cut"), .size_bytes = 2, .sample = bytes_of(STR("a\xc3")) },
        { .path = STR("empty.bin"), .size_bytes = 0 },
        { .path = STR("x.log"), .size_bytes = 1 },
        { .path = STR("build/x"), .size_bytes = 1 },
    };
    static const bool lfs[] = { false, true, true, false, true, true, false, true, false, false, false };
    struct preupload p = { .rev = STR("main"), .files = f, .files_count = COUNT(f) };
    must_ok(commit_preupload(fx.h, &r, &p, fx.a, &e));
    for (size_t i = 0; i < COUNT(f); i++) {
        if (f[i].is_lfs != lfs[i]) fail_msg("case %zu", i);
        assert_int_equal(f[i].should_ignore, i >= 9);
    }
    char hex[65];
    assert_str(f[0].oid, STR("f3a34851d44d6b97c90fbb99dd3d18c261b9a237"));
    hex_encode((bytes){ sha.b, 32 }, hex);
    assert_str(f[1].oid, str_c(hex));
    assert_null(f[2].oid.p);
    p.git_attributes = STR("*.txt filter=lfs\n");
    p.git_ignore = STR("");
    must_ok(commit_preupload(fx.h, &r, &p, fx.a, &e));
    assert_true(f[0].is_lfs && !f[1].is_lfs && !f[9].should_ignore);
    p.rev = STR("nope");
    must_refuse(commit_preupload(fx.h, &r, &p, fx.a, &e), ERR_NOT_FOUND, "Invalid rev id: nope");
    p.rev = STR("main");
    f[0].path = STR("../x");
    must_refuse(commit_preupload(fx.h, &r, &p, fx.a, &e), ERR_UNPROCESSABLE, "");
}

/* ------------------------------------------------------------------ branches and tags */

static void branches_and_tags_come_and_go(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct vcs_oid squashed;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    const struct identity *who = &fx.id[ALICE];
    must_ok(branch_create(fx.h, &r, STR("dev/one"), (str){ 0 }, false, false, who, &e));
    must_refuse(branch_create(fx.h, &r, STR("dev/one"), (str){ 0 }, false, false, who, &e), ERR_CONFLICT,
                "Reference refs/heads/dev/one already exists");
    must_ok(branch_create(fx.h, &r, STR("dev/one"), (str){ 0 }, false, true, who, &e));
    must_refuse(branch_create(fx.h, &r, STR("dev"), (str){ 0 }, false, false, who, &e), ERR_CONFLICT, "dev");
    must_refuse(branch_create(fx.h, &r, STR("refs/x"), (str){ 0 }, false, false, who, &e), ERR_INVALID, "Invalid reference for a branch");
    must_refuse(branch_create(fx.h, &r, STR("a..b"), (str){ 0 }, false, false, who, &e), ERR_INVALID, "Invalid reference for a branch");
    must_refuse(branch_create(fx.h, &r, STR("b"), STR("nope"), false, false, who, &e), ERR_NOT_FOUND, "Invalid rev id: nope");
    assert_kind(HUB_NO_REVISION);
    must_ok(branch_create(fx.h, &r, STR("empty"), (str){ 0 }, true, false, who, &e));
    assert_null(file_at(&r, "empty", ".gitattributes").p);
    must_refuse(branch_delete(fx.h, &r, STR("main"), who, &e), ERR_DENIED, "Cannot delete refs/heads/main");
    must_refuse(branch_delete(fx.h, &r, STR("refs/heads/main"), who, &e), ERR_DENIED, "Cannot delete refs/heads/main");
    must_ok(branch_delete(fx.h, &r, STR("empty"), who, &e));
    must_refuse(branch_delete(fx.h, &r, STR("empty"), who, &e), ERR_NOT_FOUND, "Invalid rev id: empty");

    must_ok(tag_create(fx.h, &r, STR("v1"), STR("main"), STR("a message"), who, &e));
    must_refuse(tag_create(fx.h, &r, STR("v1"), STR("main"), STR(""), who, &e), ERR_CONFLICT, "v1");
    must_refuse(tag_create(fx.h, &r, STR("a b"), STR("nope"), STR(""), who, &e), ERR_NOT_FOUND, "Invalid rev id: nope");
    must_refuse(tag_create(fx.h, &r, STR("a b"), STR("main"), STR(""), who, &e), ERR_INVALID, "a b");
    must_ok(branch_create(fx.h, &r, STR("v1"), (str){ 0 }, false, false, who, &e)); /* the name of a tag is fine */
    must_ok(branch_delete(fx.h, &r, STR("v1"), who, &e));
    must_refuse(branch_delete(fx.h, &r, STR("v1"), who, &e), ERR_NOT_FOUND, "Invalid rev id: v1");
    must_refuse(tag_delete(fx.h, &r, STR("main"), who, &e), ERR_NOT_FOUND, "Invalid rev id");
    assert_kind(HUB_NO_REVISION);
    must_refuse(super_squash(fx.h, &r, STR("v1"), (str){ 0 }, who, &squashed, &e), ERR_NOT_FOUND, "Invalid rev id");
    must_ok(tag_delete(fx.h, &r, STR("v1"), who, &e));

    must_ok(commit_one(&r, ALICE, "main", "a", "1", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "main", "a", "2", NULL, false, &done, &e));
    must_ok(super_squash(fx.h, &r, STR("main"), STR("all in one"), who, &squashed, &e));
    struct vcs_oid head = head_of(&r, "main");
    assert_true(vcs_oid_eq(&head, &squashed));
    assert_str(file_at(&r, "main", "a"), STR("2"));
    /* What no ref reaches any more is not to be had by its id. */
    char hex[VCS_OID_HEX + 1];
    must_refuse(branch_create(fx.h, &r, STR("old"), vcs_oid_hex(&done.commit, hex), false, false, who, &e), ERR_NOT_FOUND, "Invalid rev id");
}

int main(void)
{
#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, home_new, home_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_rules_of_the_clients),
        IN_HOME(a_repository_is_created_found_renamed_and_deleted),
        IN_HOME(every_name_that_it_had_leads_to_it),
        IN_HOME(a_half_written_index_is_not_believed),
        IN_HOME(a_deleted_number_is_never_used_again),
        IN_HOME(a_space_starts_with_its_page),
        IN_HOME(a_duplicate_has_branches_tags_and_large_files),
        IN_HOME(settings_and_likes_are_stored),
        IN_HOME(likes_of_what_everybody_sees_are_counted),
        IN_HOME(every_row_of_the_access_table_holds),
        IN_HOME(roles_in_an_organisation_decide),
        IN_HOME(a_token_narrows_what_its_user_may),
        IN_HOME(access_requests_go_through_their_states),
        IN_HOME(requests_of_one_moment_are_all_listed),
        IN_HOME(members_pass_the_gate_unless_it_is_for_them_too),
        IN_HOME(a_commit_puts_copies_and_deletes),
        IN_HOME(what_a_commit_must_not_do_is_refused),
        IN_HOME(a_stale_parent_is_refused_and_none_is_rebased),
        IN_HOME(a_commit_that_is_sent_again_is_made_once),
        IN_HOME(large_files_need_a_right_and_get_a_rule),
        IN_HOME(large_files_are_deleted_with_their_history),
        IN_HOME(names_that_collide_are_refused),
        IN_HOME(a_cards_warnings_reach_the_one_who_commits),
        IN_HOME(preupload_says_how_to_send_each_file),
        IN_HOME(branches_and_tags_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
