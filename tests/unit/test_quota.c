/* Unit tests of src/hub/quota.c: an account that has as much as it may have is told so, by the bound and its setting; nobody else is. */
#include <pthread.h>

#include "hub_help.h"

#include "hub/bucket/bucket.h"
#include "hub/community/collection.h"
#include "hub/community/webhook.h"
#include "hub/quota.h"

static struct err e;

static void bound(enum quota q, int64_t most)
{
    int64_t all[QUOTAS] = { 0 };
    all[q] = most;
    quota_set(fx.h, all);
}

static bool allows(enum quota q, int who)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    bool ok = quota_allow(fx.h, c, q, fx.user[who].id, &e);
    db_give(hub_db(fx.h), c);
    return ok;
}

static void repositories(void **state)
{
    (void)state;
    struct repo r;
    struct repo_create q = { .kind = REPO_MODEL, .owner = &fx.user[ALICE], .creator_id = fx.user[ALICE].id };
    bound(QUOTA_REPOSITORIES, 2);
    q.name = STR("one");
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    q.name = STR("two");
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    q.name = STR("three");
    must_refuse(repo_create(fx.h, &q, &r, fx.a, &e), ERR_DENIED, "at most 2 repositories");
    must_refuse(repo_create(fx.h, &q, &r, fx.a, &e), ERR_DENIED, "quota-repositories");
    q.owner = &fx.user[BOB];
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    bound(QUOTA_REPOSITORIES, 0);
    q.owner = &fx.user[ALICE];
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
}

/* What is moved to an account counts there as what is made there; what only gets another name does not count again. */
static void repositories_that_are_moved(void **state)
{
    (void)state;
    struct bucket b;
    struct bucket_create q = { .owner = &fx.user[ALICE], .name = STR("files"), .creator_id = fx.user[ALICE].id };
    struct repo r = repo_named(&fx.user[ALICE], "one", false, ALICE);
    must_ok(bucket_create(fx.h, &q, &b, fx.a, &e));
    repo_named(&fx.user[BOB], "full", false, BOB);
    bound(QUOTA_REPOSITORIES, 1);
    must_refuse(repo_move(fx.h, &r, &fx.user[BOB], STR("one"), &fx.id[ALICE], &e), ERR_DENIED, "quota-repositories");
    must_refuse(bucket_move(fx.h, &b, &fx.user[BOB], STR("files"), &fx.id[ALICE], &e), ERR_DENIED, "quota-repositories");
    must_ok(repo_move(fx.h, &r, &fx.user[ALICE], STR("uno"), &fx.id[ALICE], &e));
    must_ok(bucket_move(fx.h, &b, &fx.user[ALICE], STR("data"), &fx.id[ALICE], &e));
    must_ok(repo_move(fx.h, &r, &fx.user[CAROL], STR("one"), &fx.id[ALICE], &e));
}

static bool hook(int who)
{
    struct webhook w;
    struct webhook_watched watched = { STR("user"), STR("alice") };
    struct webhook_change q = { .url = STR("https://example.org/"), .on_repo = true, .watched = &watched, .watched_count = 1 };
    return webhook_create(fx.h, fx.user[who].id, &q, &w, fx.a, &e);
}

static void webhooks(void **state)
{
    (void)state;
    bound(QUOTA_WEBHOOKS, 1);
    must_ok(hook(ALICE));
    must_refuse(hook(ALICE), ERR_DENIED, "quota-webhooks");
    must_ok(hook(BOB));
}

static bool talk(struct repo *r, int who)
{
    struct discussion d;
    struct discussion_new q = { .title = STR("A question"), .description = STR("text") };
    return discussion_create(fx.h, r, &q, &fx.id[who], &d, fx.a, &e);
}

static void discussions_within_a_day(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "model", false, ALICE);
    struct db_conn *tx;
    bound(QUOTA_DISCUSSIONS, 2);
    must_ok(talk(&r, BOB));
    must_ok(talk(&r, BOB));
    must_refuse(talk(&r, BOB), ERR_DENIED, "quota-discussions");
    must_ok(talk(&r, CAROL));
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE happening SET at_ms = at_ms - 86400001"));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    must_ok(talk(&r, BOB));
}

/* Many at once are counted one after the other. */
static void *talk_a_lot(void *arg)
{
    struct repo *r = arg;
    struct arena *a = arena_new(0);
    for (int i = 0; i < 8; i++) {
        struct err refused;
        struct discussion d;
        struct discussion_new q = { .title = STR("A question"), .description = STR("text") };
        (void)discussion_create(fx.h, r, &q, &fx.id[BOB], &d, a, &refused);
    }
    arena_free(a);
    return NULL;
}

static void discussions_at_once(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "model", false, ALICE);
    pthread_t thread[4];
    bound(QUOTA_DISCUSSIONS, 5);
    for (size_t i = 0; i < COUNT(thread); i++) assert_int_equal(pthread_create(&thread[i], NULL, talk_a_lot, &r), 0);
    for (size_t i = 0; i < COUNT(thread); i++) pthread_join(thread[i], NULL);
    assert_int_equal(sql_int("SELECT count(*) FROM discussion"), 5);
}

static void the_others(void **state)
{
    (void)state;
    struct token made;
    struct account org;
    struct db_conn *tx;
    str text;
    struct collection col;
    struct collection_new q = { .title = STR("Mine"), .owner_id = fx.user[BOB].id };
    must_ok(collection_create(fx.h, &q, &fx.id[BOB], &col, fx.a, &e));
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(token_create(tx, fx.user[BOB].id, TOKEN_READ, STR("mine"), (str){ 0 }, 0, (str){ 0 }, &made, &text, fx.a, &e));
    must_ok(account_create(tx, ACCOUNT_ORG, STR("bobs"), true, &org, fx.a, &e) && account_set_member(tx, org.id, fx.user[BOB].id, ROLE_ADMIN, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    for (enum quota k = 0; k < QUOTAS; k++) {
        if (k != QUOTA_COLLECTIONS && k != QUOTA_TOKENS && k != QUOTA_ORGANISATIONS) continue;
        bound(k, 1000);
        must_ok(allows(k, BOB));
        bound(k, 1);
        must_refuse(allows(k, BOB), ERR_DENIED, quota_setting(k));
        q.title = STR("Another");
        if (k == QUOTA_COLLECTIONS) must_refuse(collection_create(fx.h, &q, &fx.id[BOB], &col, fx.a, &e), ERR_DENIED, quota_setting(k));
        must_ok(allows(k, OUTSIDER));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(repositories, home_new, home_end),
        cmocka_unit_test_setup_teardown(repositories_that_are_moved, home_new, home_end),
        cmocka_unit_test_setup_teardown(webhooks, home_new, home_end),
        cmocka_unit_test_setup_teardown(discussions_within_a_day, home_new, home_end),
        cmocka_unit_test_setup_teardown(discussions_at_once, home_new, home_end),
        cmocka_unit_test_setup_teardown(the_others, home_new, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
