/* Unit tests of collections (src/hub/collection*.c). */
#include "hub/community/collection.h"

#include "db_help.h"

#include "base/clock.h"
#include "base/hash.h"

static struct hub *hub;
static struct db_conn *reader;
static struct account alice, bob, acme;

static struct identity as(const struct account *who)
{
    return who ? (struct identity){ .user_id = who->id, .name = who->name } : (struct identity){ 0 };
}

static int setup(void **state)
{
    (void)state;
    unit_dir(dir);
    must_ok(hub_open(dir, &hub, &e));
    db = hub_db(hub);
    arena = arena_new(0);
    struct db_conn *tx = begin();
    must_ok(account_create(tx, ACCOUNT_USER, STR("alice"), false, &alice, arena, &e));
    must_ok(account_create(tx, ACCOUNT_USER, STR("bob"), false, &bob, arena, &e));
    must_ok(account_create(tx, ACCOUNT_ORG, STR("acme"), false, &acme, arena, &e));
    commit(tx);
    reader = db_reader(db);
    return 0;
}

static int teardown(void **state)
{
    db_give(db, reader);
    (void)state;
    hub_close(hub);
    arena_free(arena);
    unit_dir_end(dir);
    return 0;
}

static int64_t make_repo(const char *name)
{
    static const char sql[] = "INSERT INTO repo (hex_id, kind, owner_id, name, name_key, created_ms) VALUES (?1, 'model', ?2, ?3, ?3, 1)";
    char hex[25];
    struct db_conn *tx;
    random_hex(hex, 24);
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run(tx, &e, sql, db_text(str_c(hex)), db_int(alice.id), db_text(str_c(name))));
    int64_t id = db_last_id(tx);
    must_ok(db_commit(db, tx, &e));
    return id;
}

static void delete_repo(int64_t id)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run(tx, &e, "DELETE FROM repo WHERE id = ?", db_int(id)));
    must_ok(db_commit(db, tx, &e));
}

static struct collection make_in(const struct account *owner, const char *title, bool is_private)
{
    struct identity who = as(&alice);
    struct collection out;
    struct collection_new q = { .owner_id = owner->id, .title = str_c(title), .is_private = is_private };
    must_ok(collection_create(hub, &q, &who, &out, arena, &e));
    return out;
}

static struct collection make(const char *title) { return make_in(&alice, title, false); }

static struct collection now(const struct collection *c)
{
    struct collection out;
    must_ok(collection_get(reader, c->id, &out, arena, &e));
    return out;
}

static bool finds(const char *owner, str slug, const struct collection *want)
{
    struct collection out;
    struct identity who = as(&alice);
    bool ok = collection_find(reader, &who, str_c(owner), slug, COLLECTION_SEE, &out, arena, &e);
    if (!ok) assert_int_equal(e.code, ERR_NOT_FOUND);
    return ok && out.id == want->id;
}

/* ------------------------------------------------------------------ names */

static void a_slug_is_the_words_of_the_title_and_the_id(void **state)
{
    (void)state;
    static const struct {
        const char *title, *words;
    } cases[] = {
        { "Recent models", "recent-models" },
        { "  Llama 3 & friends!  ", "llama-3-friends" },
        { "--A--", "a" },
        { "a/b\\c?d#e", "a-b-c-d-e" },
        { "\xe6\x97\xa5\xe6\x9c\xac", "collection" },
        { "caf\xc3\xa9 2", "caf-2" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct collection c = make(cases[i].title);
        assert_str(c.slug, arena_fmt(arena, "alice/%s-%.*s", cases[i].words, STR_ARG(c.hex_id)));
        assert_int_equal(c.hex_id.n, 24);
    }
}

static void only_the_id_of_a_slug_counts(void **state)
{
    (void)state;
    struct collection c = make("One"), other = make("Two");
    str id = c.hex_id;
    assert_true(finds("alice", str_from(c.slug, 6), &c));
    assert_true(finds("ALICE", id, &c));
    assert_true(finds("alice", arena_fmt(arena, "any-thing-%.*s", STR_ARG(id)), &c));
    assert_false(finds("bob", id, &c));
    assert_false(finds("alice", STR("one-0123456789abcdef01234567"), &c));
    assert_false(finds("nobody", STR("one"), &c));
    assert_false(finds("alice", STR(""), &c));
    assert_true(finds("alice", STR("two"), &other)); /* the words alone */
}

static void words_that_two_share_name_neither(void **state)
{
    (void)state;
    struct collection a = make("A b"), out;
    struct identity she = as(&alice), nobody = { 0 };
    assert_true(finds("alice", STR("a-b"), &a));
    make("A, b");
    assert_false(collection_find(reader, &she, STR("alice"), STR("a-b"), COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(collection_find(reader, &nobody, STR("alice"), STR("a-b"), COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
}

static void private_ones_are_not_counted_to_strangers(void **state)
{
    (void)state;
    struct collection a = make_in(&alice, "C d", true), out;
    struct identity she = as(&alice), nobody = { 0 };
    make_in(&alice, "C, d", true);
    assert_false(collection_find(reader, &nobody, STR("alice"), STR("c-d"), COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(collection_find(reader, &she, STR("alice"), STR("c-d"), COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    struct collection open = make("C  d");
    must_ok(collection_find(reader, &nobody, STR("alice"), STR("c-d"), COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(out.id, open.id);
    assert_false(collection_find(reader, &nobody, STR("alice"), STR("c-d"), COLLECTION_WRITE, &out, arena, &e));
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    assert_false(collection_find(reader, &nobody, STR("alice"), a.hex_id, COLLECTION_SEE, &out, arena, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_new_title_keeps_the_id(void **state)
{
    (void)state;
    struct collection c = make("Old");
    struct collection_change change = { .has_title = true, .title = STR("New name") };
    must_ok(collection_update(db, c.id, &change, &e));
    assert_str(now(&c).slug, arena_fmt(arena, "alice/new-name-%.*s", STR_ARG(c.hex_id)));
    assert_true(finds("alice", str_from(c.slug, 6), &c)); /* the old address goes on working */
}

static void bad_texts_are_refused(void **state)
{
    (void)state;
    struct identity who = as(&alice);
    struct collection out;
    char longest[COLLECTION_TITLE_MAX * 2 + 3];
    for (int i = 0; i <= COLLECTION_TITLE_MAX; i++) memcpy(longest + 2 * i, "\xc3\xa9", 2);
    longest[2 * COLLECTION_TITLE_MAX + 2] = 0;
    char text[COLLECTION_DESCRIPTION_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    const struct collection_new bad[] = {
        { .title = STR("") },
        { .title = STR("   ") },
        { .title = STR("two\nlines") },
        { .title = STR("\xff\xfe") },
        { .title = str_c(longest) },
        { .title = STR("t"), .description = str_c(text) },
        { .title = STR("t"), .theme = STR("mauve") },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct collection_new q = bad[i];
        q.owner_id = alice.id;
        assert_false(collection_create(hub, &q, &who, &out, arena, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    longest[2 * COLLECTION_TITLE_MAX] = 0; /* characters count, not bytes */
    make(longest);
}

/* ------------------------------------------------------------------ conflicts */

static void a_title_is_taken_once_per_owner(void **state)
{
    (void)state;
    struct identity who = as(&alice);
    struct collection first = make("Same"), out = { 0 };
    struct collection_new q = { .owner_id = alice.id, .title = STR(" Same ") };
    assert_false(collection_create(hub, &q, &who, &out, arena, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_str(out.slug, first.slug); /* what exists_ok asks for */
    make_in(&acme, "Same", false);

    struct collection other = make("Other");
    struct collection_change change = { .has_title = true, .title = STR("Same") };
    assert_false(collection_update(db, other.id, &change, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    must_ok(collection_update(db, first.id, &change, &e)); /* its own title is no conflict */
}

static void a_refused_change_changes_nothing(void **state)
{
    (void)state;
    make("Taken");
    struct collection c = make("Mine");
    struct collection_change change = { .has_title = true, .title = STR("Taken"), .has_private = true, .is_private = true };
    assert_false(collection_update(db, c.id, &change, &e));
    struct collection after = now(&c);
    assert_str(after.title, STR("Mine"));
    assert_false(after.is_private);
    assert_int_equal(after.updated_ms, c.updated_ms);
}

static void what_is_gone_is_not_found(void **state)
{
    (void)state;
    struct identity who = as(&alice);
    struct collection c = make("Gone");
    struct collection_change change = { .has_private = true };
    int64_t repo = make_repo("r");
    must_ok(collection_delete(db, &c, &who, &e));
    assert_false(collection_delete(db, &c, &who, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(collection_update(db, c.id, &change, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(collection_add(db, c.id, &(struct collection_target){ .repo_id = repo }, STR(""), &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(collection_remove(db, c.id, STR("0123456789abcdef01234567"), &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* ------------------------------------------------------------------ items */

/* The repositories of a collection in order, as "3 1 2", with a check of the positions. */
static str order_of(const struct collection *c)
{
    struct collection_item *item;
    size_t n;
    struct buf b = BUF_INIT(0);
    must_ok(collection_items(reader, c->id, 1000, arena, &item, &n, &e));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(item[i].position, (int64_t)i);
        buf_addf(&b, "%s%lld", i ? " " : "", (long long)item[i].names.repo_id);
    }
    str out = arena_dup(arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static struct collection_item item_at(const struct collection *c, size_t i)
{
    struct collection_item *item;
    size_t n;
    must_ok(collection_items(reader, c->id, 1000, arena, &item, &n, &e));
    assert_true(i < n);
    return item[i];
}

static void move(const struct collection *c, size_t from, int64_t to)
{
    struct collection_item_change change = { .hex_id = item_at(c, from).hex_id, .has_position = true, .position = to };
    must_ok(collection_update_items(db, c->id, &change, 1, &e));
}

static void items_keep_the_order_in_which_they_are_put(void **state)
{
    (void)state;
    struct collection c = make("Order");
    for (int i = 1; i <= 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%d", i);
        must_ok(collection_add(db, c.id, &(struct collection_target){ .repo_id = make_repo(name) }, STR(""), &e));
    }
    assert_str(order_of(&c), STR("1 2 3 4"));
    move(&c, 0, 2);
    assert_str(order_of(&c), STR("2 3 1 4"));
    move(&c, 3, 0);
    assert_str(order_of(&c), STR("4 2 3 1"));
    move(&c, 1, 1);
    assert_str(order_of(&c), STR("4 2 3 1"));
    move(&c, 0, 1 << 30);
    assert_str(order_of(&c), STR("2 3 1 4"));
    must_ok(collection_remove(db, c.id, item_at(&c, 1).hex_id, &e));
    assert_str(order_of(&c), STR("2 1 4"));
    delete_repo(2); /* leaves a gap ... */
    assert_int_equal(item_at(&c, 0).position, 1);
    must_ok(collection_add(db, c.id, &(struct collection_target){ .repo_id = make_repo("r5") }, STR("last"), &e)); /* ... that a change closes */
    assert_int_equal(item_at(&c, 2).position, 2);
    assert_str(item_at(&c, 2).note, STR("last"));
    assert_int_equal(item_at(&c, 0).position, 0);
}

static void an_item_is_there_once(void **state)
{
    (void)state;
    struct collection c = make("Once"), other = make("Other");
    int64_t repo = make_repo("r");
    must_ok(collection_add(db, c.id, &(struct collection_target){ .repo_id = repo }, STR(""), &e));
    assert_false(collection_add(db, c.id, &(struct collection_target){ .repo_id = repo }, STR("again"), &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    must_ok(collection_add(db, c.id, &(struct collection_target){ .member_id = other.id }, STR(""), &e));
    assert_false(collection_add(db, c.id, &(struct collection_target){ .member_id = other.id }, STR(""), &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_false(collection_add(db, c.id, &(struct collection_target){ .member_id = c.id }, STR(""), &e));
    assert_int_equal(e.code, ERR_INVALID);
    must_ok(collection_add(db, other.id, &(struct collection_target){ .member_id = c.id }, STR(""), &e)); /* a circle is fine: nothing is shown two levels deep */
    struct collection_item *item;
    size_t n;
    must_ok(collection_items(reader, c.id, 10, arena, &item, &n, &e));
    assert_int_equal(n, 2);
}

static void a_batch_is_done_whole_or_not_at_all(void **state)
{
    (void)state;
    struct collection c = make("Batch");
    must_ok(collection_add(db, c.id, &(struct collection_target){ .repo_id = make_repo("a") }, STR(""), &e));
    must_ok(collection_add(db, c.id, &(struct collection_target){ .repo_id = make_repo("b") }, STR(""), &e));
    struct collection_item_change change[] = {
        { .hex_id = item_at(&c, 0).hex_id, .has_note = true, .note = STR("new") },
        { .hex_id = item_at(&c, 1).hex_id, .has_position = true, .position = 0 },
        { .hex_id = STR("000000000000000000000000"), .has_note = true, .note = STR("x") },
    };
    assert_false(collection_update_items(db, c.id, change, 3, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_str(item_at(&c, 0).note, STR(""));
    must_ok(collection_update_items(db, c.id, change, 2, &e));
    assert_str(order_of(&c), STR("2 1"));
    assert_str(item_at(&c, 1).note, STR("new"));

    struct collection other = make("Other"); /* items belong to one collection */
    assert_false(collection_update_items(db, other.id, change, 1, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(collection_remove(db, other.id, change[0].hex_id, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_full_collection_takes_no_more(void **state)
{
    (void)state;
    static const char fill[] =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
        " INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, created_ms)"
        " SELECT i, printf('%024x', i), 'model', ?1, 'm' || i, 'm' || i, 1 FROM n";
    static const char items[] = "INSERT INTO collection_item (hex_id, collection_id, repo_id, position, created_ms)"
                                " SELECT hex_id, ?1, id, id - 1, 1 FROM repo WHERE id <= ?2";
    struct collection c = make("Full");
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run(tx, &e, fill, db_int(alice.id), db_int(COLLECTION_ITEMS_MAX + 1)));
    must_ok(db_run(tx, &e, items, db_int(c.id), db_int(COLLECTION_ITEMS_MAX)));
    must_ok(db_commit(db, tx, &e));
    assert_false(collection_add(db, c.id, &(struct collection_target){ .repo_id = COLLECTION_ITEMS_MAX + 1 }, STR(""), &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    move(&c, COLLECTION_ITEMS_MAX - 1, 0);
    assert_int_equal(item_at(&c, 0).names.repo_id, COLLECTION_ITEMS_MAX);
}

static void collections_of_an_owner_have_an_order_too(void **state)
{
    (void)state;
    struct identity who = as(&alice);
    struct collection a = make("a"), b = make("b"), c = make("c");
    struct collection_change first = { .has_position = true, .position = 0 };
    assert_int_equal(c.position, 2);
    must_ok(collection_update(db, c.id, &first, &e));
    assert_int_equal(now(&c).position, 0);
    assert_int_equal(now(&a).position, 1);
    must_ok(collection_delete(db, &a, &who, &e));
    assert_int_equal(now(&b).position, 1);
}

/* ------------------------------------------------------------------ access */

static void set_role(const struct account *user, enum account_role role)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(account_set_member(tx, acme.id, user->id, role, &e));
    must_ok(db_commit(db, tx, &e));
}

/* 0: allowed; otherwise the code of the refusal. */
static int asks(const struct identity *who, const struct collection *c, enum collection_right right)
{
    return collection_allow(reader, who, c, right, &e) ? 0 : (int)e.code;
}

static void who_may_do_what(void **state)
{
    (void)state;
    struct identity nobody = as(NULL), owner = as(&alice), stranger = as(&bob), admin = { .user_id = 99, .is_admin = true };
    struct collection open = make("open"), hidden = make_in(&alice, "hidden", true);
    struct {
        const struct identity *who;
        int see_open, write_open, see_hidden, write_hidden;
    } cases[] = {
        { &nobody, 0, ERR_UNAUTHENTICATED, ERR_NOT_FOUND, ERR_NOT_FOUND },
        { &stranger, 0, ERR_DENIED, ERR_NOT_FOUND, ERR_NOT_FOUND },
        { &owner, 0, 0, 0, 0 },
        { &admin, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(asks(cases[i].who, &open, COLLECTION_SEE), cases[i].see_open);
        assert_int_equal(asks(cases[i].who, &open, COLLECTION_WRITE), cases[i].write_open);
        assert_int_equal(asks(cases[i].who, &hidden, COLLECTION_SEE), cases[i].see_hidden);
        assert_int_equal(asks(cases[i].who, &hidden, COLLECTION_WRITE), cases[i].write_hidden);
    }
}

static void roles_of_an_organisation_count(void **state)
{
    (void)state;
    struct identity member = as(&bob);
    struct collection hidden = make_in(&acme, "hidden", true);
    static const struct {
        enum account_role role;
        int see, write, create;
    } cases[] = {
        { ROLE_NO_ACCESS, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_DENIED },
        { ROLE_READ, 0, ERR_DENIED, ERR_DENIED },
        { ROLE_CONTRIBUTOR, 0, ERR_DENIED, ERR_DENIED },
        { ROLE_WRITE, 0, 0, 0 },
        { ROLE_ADMIN, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        set_role(&bob, cases[i].role);
        assert_int_equal(asks(&member, &hidden, COLLECTION_SEE), cases[i].see);
        assert_int_equal(asks(&member, &hidden, COLLECTION_WRITE), cases[i].write);
        assert_int_equal(collection_allow_create(reader, &member, &acme, 0, &e) ? 0 : (int)e.code, cases[i].create);
    }
}

static void a_token_only_narrows(void **state)
{
    (void)state;
    struct collection hidden = make_in(&alice, "hidden", true), open = make("open");
    struct identity who = as(&alice);
    who.via_token = true;
    who.token.role = TOKEN_READ;
    assert_int_equal(asks(&who, &hidden, COLLECTION_SEE), 0);
    assert_int_equal(asks(&who, &hidden, COLLECTION_WRITE), ERR_DENIED);
    assert_false(collection_allow_create(reader, &who, &alice, 0, &e));

    who.token.role = TOKEN_FINE_GRAINED;
    static const struct {
        const char *scopes;
        int see_hidden, write_open;
    } cases[] = {
        { "{\"scoped\":[]}", ERR_NOT_FOUND, ERR_DENIED },
        { "{\"scoped\":[{\"entity\":{\"type\":\"user\",\"name\":\"alice\"},\"permissions\":[\"repo.write\"]}]}", ERR_NOT_FOUND, ERR_DENIED },
        { "{\"scoped\":[{\"entity\":{\"type\":\"user\",\"name\":\"alice\"},\"permissions\":[\"collection.read\"]}]}", 0, ERR_DENIED },
        { "{\"scoped\":[{\"entity\":{\"type\":\"user\",\"name\":\"alice\"},\"permissions\":[\"collection.write\"]}]}", 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *scopes;
        must_ok(json_parse(str_c(cases[i].scopes), arena, &scopes, &e));
        who.scopes = scopes;
        assert_int_equal(asks(&who, &hidden, COLLECTION_SEE), cases[i].see_hidden);
        assert_int_equal(asks(&who, &open, COLLECTION_WRITE), cases[i].write_open);
    }
}

/* ------------------------------------------------------------------ listing */

static void set_updated(const struct collection *c, int64_t ms)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE collection SET updated_ms = ? WHERE id = ?", db_int(ms), db_int(c->id)));
    must_ok(db_commit(db, tx, &e));
}

/* All pages of a query, titles joined by blanks. */
static str titles(struct collection_query q, size_t limit)
{
    struct buf b = BUF_INIT(0);
    struct collection_page page;
    q.limit = limit;
    do {
        must_ok(collection_list(reader, &q, arena, &page, &e));
        assert_true(page.n <= limit);
        for (size_t i = 0; i < page.n; i++) buf_addf(&b, "%s%.*s", b.n ? " " : "", STR_ARG(page.row[i].title));
        q.cursor = page.next;
    } while (page.next.p);
    str out = arena_dup(arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void listings_show_what_may_be_seen_newest_first(void **state)
{
    (void)state;
    struct identity nobody = as(NULL), owner = as(&alice), member = as(&bob);
    struct collection a = make("a"), b = make_in(&alice, "b", true), c = make("c"), d = make_in(&acme, "d", true), x = make_in(&acme, "x", false);
    set_updated(&a, 100);
    set_updated(&b, 300);
    set_updated(&c, 200);
    set_updated(&d, 200); /* a tie: the younger row first */
    set_updated(&x, 50);
    set_role(&bob, ROLE_READ);
    for (size_t limit = 1; limit <= 6; limit++) {
        assert_str(titles((struct collection_query){ .who = &nobody }, limit), STR("c a x"));
        assert_str(titles((struct collection_query){ .who = &owner }, limit), STR("b c a x"));
        assert_str(titles((struct collection_query){ .who = &member }, limit), STR("d c a x"));
    }
    const str owners[] = { STR("ACME"), STR("nobody") };
    assert_str(titles((struct collection_query){ .who = &member, .owners = owners, .owners_count = 2 }, 10), STR("d x"));
}

/* Also when the clock was set back, and within a millisecond. */
static void what_was_changed_last_is_listed_first(void **state)
{
    (void)state;
    struct identity nobody = as(NULL);
    struct collection a = make("a"), b = make("b");
    set_updated(&b, clock_now_ms() + 30000);
    must_ok(collection_add(db, a.id, &(struct collection_target){ .repo_id = make_repo("r") }, STR(""), &e));
    assert_str(titles((struct collection_query){ .who = &nobody }, 10), STR("a b"));
    make("c");
    must_ok(collection_update(db, b.id, &(struct collection_change){ .has_private = true }, &e));
    assert_str(titles((struct collection_query){ .who = &nobody }, 10), STR("b c a"));
    set_updated(&a, clock_now_ms() + 3600000); /* a clock that was wrong by an hour does not stay wrong in what comes */
    must_ok(collection_update(db, b.id, &(struct collection_change){ .has_private = true }, &e));
    assert_str(titles((struct collection_query){ .who = &nobody }, 10), STR("a b c"));
}

static void listings_filter(void **state)
{
    (void)state;
    struct identity nobody = as(NULL);
    struct collection a = make("Alpha"), b = make("Beta");
    int64_t one = make_repo("one"), two = make_repo("two"), three = make_repo("three");
    must_ok(collection_add(db, a.id, &(struct collection_target){ .repo_id = one }, STR(""), &e));
    must_ok(collection_add(db, b.id, &(struct collection_target){ .repo_id = one }, STR(""), &e));
    must_ok(collection_add(db, b.id, &(struct collection_target){ .repo_id = two }, STR(""), &e));
    struct collection_change change = { .has_description = true, .description = STR("About alphabets") };
    must_ok(collection_update(db, b.id, &change, &e));
    set_updated(&a, 1);
    set_updated(&b, 2);
    const int64_t both[] = { two, three };
    assert_str(titles((struct collection_query){ .who = &nobody, .has_items = true, .repos = &one, .repos_count = 1 }, 10), STR("Beta Alpha"));
    assert_str(titles((struct collection_query){ .who = &nobody, .has_items = true, .repos = both, .repos_count = 2 }, 10), STR("Beta"));
    assert_str(titles((struct collection_query){ .who = &nobody, .has_items = true, .repos = &three, .repos_count = 1 }, 10), STR(""));
    assert_str(titles((struct collection_query){ .who = &nobody, .has_items = true }, 10), STR("")); /* asked for, none known */
    assert_str(titles((struct collection_query){ .who = &nobody, .text = STR("ALPHA") }, 10), STR("Beta Alpha"));
    assert_str(titles((struct collection_query){ .who = &nobody, .text = STR("%") }, 10), STR(""));

    static const char *const malformed[] = { "x", "1", "1.", ".1", "1.2.3", "1.-", "99999999999999999999.1" };
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct collection_page page;
        struct collection_query q = { .who = &nobody, .limit = 10, .cursor = str_c(malformed[i]) };
        assert_false(collection_list(reader, &q, arena, &page, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_slug_is_the_words_of_the_title_and_the_id),
        T(only_the_id_of_a_slug_counts),
        T(words_that_two_share_name_neither),
        T(private_ones_are_not_counted_to_strangers),
        T(a_new_title_keeps_the_id),
        T(bad_texts_are_refused),
        T(a_title_is_taken_once_per_owner),
        T(a_refused_change_changes_nothing),
        T(what_is_gone_is_not_found),
        T(items_keep_the_order_in_which_they_are_put),
        T(an_item_is_there_once),
        T(a_batch_is_done_whole_or_not_at_all),
        T(a_full_collection_takes_no_more),
        T(collections_of_an_owner_have_an_order_too),
        T(who_may_do_what),
        T(roles_of_an_organisation_count),
        T(a_token_only_narrows),
        T(listings_show_what_may_be_seen_newest_first),
        T(what_was_changed_last_is_listed_first),
        T(listings_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
