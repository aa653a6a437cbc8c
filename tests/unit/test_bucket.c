/* Unit tests of src/hub/bucket: who sees what, what a batch does and refuses, listings by page, collection and the check of everything. */
#include "hub_help.h"

#include "base/hash.h"
#include "hub/bucket/bucket.h"
#include "hub/bucket/bucket_care.h"
#include "hub/quota.h"

static struct err e;
static struct buf told;

static int told_end(void **state)
{
    buf_deinit(&told);
    return home_end(state);
}

/* ------------------------------------------------------------------ short words */

static struct bucket made(const struct account *owner, const char *name, bool is_private, int creator)
{
    struct bucket b;
    struct bucket_create q = { .owner = owner, .name = str_c(name), .creator_id = fx.user[creator].id, .has_private = true, .is_private = is_private };
    must_ok(bucket_create(fx.h, &q, &b, fx.a, &e));
    return b;
}

static struct bucket again(const struct bucket *b)
{
    struct bucket out;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(bucket_get(c, b->id, &out, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return out;
}

static struct xet_hash xet_of(const struct sha256 *sha256)
{
    struct xet_hash out;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(cas_file_hash_of(c, sha256, &out, &found, &e));
    db_give(hub_db(fx.h), c);
    assert_true(found);
    return out;
}

/* Stores a content, for a bucket or for nobody. */
static struct xet_hash stored(const struct bucket *b, const char *content)
{
    struct cas_object o = { .sha256 = upload(NULL, content), .size_bytes = strlen(content) };
    if (b) must_ok(bucket_register_many(fx.h, b->id, fx.user[ALICE].id, &o, 1, &e));
    return xet_of(&o.sha256);
}

/* One edit; its problem, or "". */
static str edit(const struct bucket *b, int who, struct bucket_edit x)
{
    must_ok(bucket_batch(fx.h, b, &fx.id[who], &x, 1, fx.a, &e));
    return x.problem;
}

static str add(const struct bucket *b, int who, const char *path, struct xet_hash xet)
{
    return edit(b, who, (struct bucket_edit){ .op = BUCKET_ADD, .path = str_c(path), .xet = xet });
}

static str copy(const struct bucket *b, int who, const char *path, struct xet_hash xet, const char *kind, str source)
{
    return edit(b, who, (struct bucket_edit){ .op = BUCKET_COPY, .path = str_c(path), .xet = xet, .source_kind = str_c(kind), .source_name = source });
}

static str removed(const struct bucket *b, int who, const char *path)
{
    return edit(b, who, (struct bucket_edit){ .op = BUCKET_DELETE, .path = str_c(path) });
}

#define assert_done(problem) assert_str(problem, STR(""))
#define assert_problem(problem, part)                                                                                  \
    do {                                                                                                               \
        str p_ = (problem);                                                                                            \
        if (str_find(p_, STR(part)) == STR_NONE) fail_msg("\"%.*s\" lacks \"%s\"", STR_ARG(p_), part);                 \
    } while (0)

#define NO_CONTENT "No file of this xetHash was uploaded to this bucket"

static void assert_totals(const struct bucket *b, int64_t files, uint64_t bytes_n)
{
    struct bucket now = again(b);
    assert_int_equal(now.files_count, files);
    assert_int_equal(now.size_bytes, bytes_n);
}

static bool reads(const struct identity *who, const struct sha256 *sha256)
{
    bool may;
    struct identity me = *who;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(large_file_may_read(&me, c, sha256, &may, &e));
    db_give(hub_db(fx.h), c);
    return may;
}

/* Paths of all pages, joined by blanks; folders with a '/'. */
static str listed(const struct bucket *b, const char *prefix, bool by_folder, size_t limit)
{
    struct buf out = BUF_INIT(0);
    str next = STR("");
    struct db_conn *c = db_reader(hub_db(fx.h));
    do {
        struct bucket_tree_query q = { .prefix = str_c(prefix), .by_folder = by_folder, .cursor = next, .limit = limit };
        struct bucket_entry *x;
        size_t n;
        must_ok(bucket_tree(c, b->id, &q, fx.a, &x, &n, &next, &e));
        assert_true(n <= limit && (n > 0 || !next.n));
        for (size_t i = 0; i < n; i++) buf_addf(&out, "%s%.*s%s", out.n ? " " : "", STR_ARG(x[i].path), x[i].is_folder ? "/" : "");
    } while (next.n);
    db_give(hub_db(fx.h), c);
    str text = arena_dup(fx.a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static str names_seen(const struct identity *who, int64_t owner_id, const char *search, enum bucket_sort sort, size_t limit)
{
    struct buf out = BUF_INIT(0);
    str next = STR("");
    struct db_conn *c = db_reader(hub_db(fx.h));
    do {
        struct bucket_list_query q = { .owner_id = owner_id, .search = str_c(search), .sort = sort, .cursor = next, .limit = limit };
        struct bucket *x;
        size_t n;
        must_ok(bucket_list(c, who, &q, fx.a, &x, &n, &next, &e));
        for (size_t i = 0; i < n; i++) buf_addf(&out, "%s%.*s", out.n ? " " : "", STR_ARG(x[i].full_name));
    } while (next.n);
    db_give(hub_db(fx.h), c);
    str text = arena_dup(fx.a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* ------------------------------------------------------------------ the life of a bucket */

static bool finds(const char *owner, const char *name, bool *moved, struct bucket *out)
{
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(bucket_find(c, str_c(owner), str_c(name), out, &found, moved, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return found;
}

static void made_moved_deleted(void **state)
{
    (void)state;
    struct bucket b = made(&fx.user[ALICE], "Data", false, ALICE), x;
    struct bucket_create q = { .owner = &fx.user[ALICE], .name = STR("data") };
    bool moved;
    assert_str(b.full_name, STR("alice/Data"));
    must_refuse(bucket_create(fx.h, &q, &x, fx.a, &e), ERR_CONFLICT, "already created this bucket");
    q.name = STR("a/b");
    must_refuse(bucket_create(fx.h, &q, &x, fx.a, &e), ERR_INVALID, "'/'");
    q.name = STR("-x");
    must_refuse(bucket_create(fx.h, &q, &x, fx.a, &e), ERR_INVALID, "must not start");
    repo_named(&fx.user[ALICE], "data", false, ALICE); /* a name of its own */

    assert_true(finds("ALICE", "data", &moved, &x) && moved && x.id == b.id);
    assert_true(finds("alice", "Data", &moved, &x) && !moved);
    assert_false(finds("alice", "nothing", &moved, &x));

    must_ok(bucket_move(fx.h, &b, &fx.acme, STR("shared"), &fx.id[ALICE], &e));
    assert_true(finds("alice", "data", &moved, &x) && moved);
    assert_str(x.full_name, STR("acme/shared"));
    assert_true(x.owner_is_org);
    struct bucket other = made(&fx.user[ALICE], "data", false, ALICE); /* takes the old name */
    assert_true(finds("alice", "data", &moved, &x) && !moved && x.id == other.id);
    must_refuse(bucket_move(fx.h, &other, &fx.acme, STR("Shared"), &fx.id[ALICE], &e), ERR_CONFLICT, "A bucket called acme/Shared already exists");

    assert_done(add(&other, ALICE, "f", stored(&other, "content")));
    must_ok(bucket_delete(fx.h, &other, &fx.id[ALICE], &e));
    assert_false(finds("alice", "data", &moved, &x));
    assert_int_equal(sql_int("SELECT (SELECT count(*) FROM bucket_file) + (SELECT count(*) FROM bucket_content)"), 0);
    must_refuse(bucket_delete(fx.h, &other, &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    must_refuse(bucket_set_private(fx.h, &other, true, &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    must_refuse(bucket_move(fx.h, &other, &fx.acme, STR("y"), &fx.id[ALICE], &e), ERR_NOT_FOUND, "Repository not found");
    struct bucket_edit edits[1] = { { .op = BUCKET_ADD, .path = STR("x") } };
    must_refuse(bucket_batch(fx.h, &other, &fx.id[ALICE], edits, 1, fx.a, &e), ERR_NOT_FOUND, "Repository not found");
    struct cas_object o = { .sha256 = upload(NULL, "late") };
    must_refuse(bucket_register_many(fx.h, other.id, fx.user[ALICE].id, &o, 1, &e), ERR_NOT_FOUND, "Repository not found");
}

static void rights(void **state)
{
    (void)state;
    static const struct {
        int who;
        bool sees, writes, makes;
    } rows[] = { { ROOT, true, true, true }, { READER, true, false, false }, { CONTRIBUTOR, true, false, true }, { WRITER, true, true, true },
                 { ADMIN, true, true, true }, { OUTSIDER, false, false, false } };
    struct bucket b = made(&fx.acme, "b", true, WRITER), own = made(&fx.acme, "own", true, CONTRIBUTOR);
    struct db_conn *c = db_reader(hub_db(fx.h));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct identity *who = &fx.id[rows[i].who];
        assert_int_equal(bucket_allow(c, who, &b, REPO_READ, &e), rows[i].sees);
        if (!rows[i].sees) assert_kind(HUB_NO_REPO);
        assert_int_equal(bucket_allow(c, who, &b, REPO_WRITE, &e), rows[i].writes);
        assert_int_equal(bucket_allow(c, who, &b, REPO_ADMIN, &e), rows[i].writes);
        assert_int_equal(bucket_allow_create(c, who, &fx.acme, 0, &e), rows[i].makes);
    }
    must_ok(bucket_allow(c, &fx.id[CONTRIBUTOR], &own, REPO_WRITE, &e)); /* what he made */
    must_refuse(bucket_allow(c, &fx.nobody, &b, REPO_READ, &e), ERR_UNAUTHENTICATED, "Invalid username or password.");
    must_refuse(bucket_allow(c, &fx.id[OUTSIDER], NULL, REPO_READ, &e), ERR_NOT_FOUND, "Repository not found");
    must_refuse(bucket_allow(c, &fx.id[READER], &b, REPO_WRITE, &e), ERR_DENIED, "write to bucket acme/b");
    db_give(hub_db(fx.h), c);
}

static void lists_show_what_may_be_seen(void **state)
{
    (void)state;
    struct bucket one = made(&fx.user[ALICE], "one", false, ALICE);
    made(&fx.user[ALICE], "two", true, ALICE);
    made(&fx.acme, "three", true, ADMIN);
    made(&fx.user[ALICE], "four", false, ALICE);
    assert_str(names_seen(&fx.nobody, 0, "", BUCKETS_BY_CREATED, 10), STR("alice/four alice/one"));
    assert_str(names_seen(&fx.id[READER], 0, "", BUCKETS_BY_CREATED, 1), STR("alice/four acme/three alice/one"));
    assert_str(names_seen(&fx.id[ALICE], 0, "", BUCKETS_BY_CREATED, 2), STR("alice/four alice/two alice/one"));
    assert_str(names_seen(&fx.id[ROOT], 0, "", BUCKETS_BY_CREATED, 3), STR("alice/four acme/three alice/two alice/one"));
    assert_str(names_seen(&fx.id[ALICE], fx.user[ALICE].id, "O", BUCKETS_BY_CREATED, 1), STR("alice/four alice/two alice/one"));
    assert_str(names_seen(&fx.id[ALICE], fx.user[ALICE].id, "one", BUCKETS_BY_CREATED, 5), STR("alice/one"));
    assert_str(names_seen(&fx.id[BOB], fx.acme.id, "", BUCKETS_BY_CREATED, 5), STR(""));
    sql_run("UPDATE bucket SET updated_ms = 1000 * id");
    sql_run("UPDATE bucket SET updated_ms = 9000 WHERE name = 'one'");
    assert_str(names_seen(&fx.id[ROOT], 0, "", BUCKETS_BY_UPDATED, 1), STR("alice/one alice/four acme/three alice/two"));
    assert_str(names_seen(&fx.id[ALICE], fx.user[ALICE].id, "", BUCKETS_BY_UPDATED, 1), STR("alice/one alice/four alice/two"));
    must_ok(bucket_set_private(fx.h, &one, true, &fx.id[ALICE], &e));
    assert_str(names_seen(&fx.nobody, 0, "", BUCKETS_BY_CREATED, 10), STR("alice/four"));
    struct bucket_list_query q = { .cursor = STR("x"), .limit = 1 };
    struct bucket *list;
    size_t n;
    str next;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_refuse(bucket_list(c, &fx.nobody, &q, fx.a, &list, &n, &next, &e), ERR_INVALID, "cursor");
    db_give(hub_db(fx.h), c);
}

static void quota(void **state)
{
    (void)state;
    int64_t most[QUOTAS] = { [QUOTA_REPOSITORIES] = 2 };
    struct bucket b;
    struct bucket_create q = { .owner = &fx.user[ALICE], .name = STR("b2") };
    quota_set(fx.h, most);
    repo_named(&fx.user[ALICE], "r", false, ALICE);
    made(&fx.user[ALICE], "b1", false, ALICE);
    must_refuse(bucket_create(fx.h, &q, &b, fx.a, &e), ERR_DENIED, "quota-repositories");
    q.owner = &fx.user[BOB];
    must_ok(bucket_create(fx.h, &q, &b, fx.a, &e));
}

/* ------------------------------------------------------------------ batches */

static void totals_follow_the_files(void **state)
{
    (void)state;
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE);
    struct xet_hash five = stored(&b, "12345"), three = stored(&b, "abc"), empty = { { 0 } };
    assert_done(add(&b, ALICE, "x", five));
    assert_done(add(&b, ALICE, "d/y", five));
    assert_done(add(&b, ALICE, "nothing", empty));
    assert_totals(&b, 3, 10);
    assert_done(add(&b, ALICE, "x", three)); /* in its place */
    assert_totals(&b, 3, 8);
    assert_done(removed(&b, ALICE, "d/y"));
    assert_totals(&b, 2, 3);
    assert_problem(removed(&b, ALICE, "d/y"), "A file with this name doesn't exist");
    assert_totals(&b, 2, 3);
    struct bucket_edit all[] = { { .op = BUCKET_ADD, .path = STR("x"), .xet = five, .mtime_ms = 7, .content_type = STR("text/plain") },
                                 { .op = BUCKET_DELETE, .path = STR("x") },
                                 { .op = BUCKET_ADD, .path = STR("../x"), .xet = five },
                                 { .op = BUCKET_ADD, .path = STR("z"), .xet = five, .problem = STR("known to be wrong") },
                                 { .op = BUCKET_ADD, .path = STR("x"), .xet = five, .mtime_ms = 8, .content_type = STR("text/html") } };
    must_ok(bucket_batch(fx.h, &b, &fx.id[ALICE], all, COUNT(all), fx.a, &e)); /* in the order given */
    assert_done(all[0].problem);
    assert_done(all[1].problem);
    assert_problem(all[2].problem, "..");
    assert_str(all[3].problem, STR("known to be wrong"));
    assert_done(all[4].problem);
    assert_totals(&b, 2, 5);
    struct bucket_entry f;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(bucket_file_find(c, b.id, STR("x"), &f, &found, fx.a, &e));
    db_give(hub_db(fx.h), c);
    assert_true(found && f.mtime_ms == 8 && f.size_bytes == 5 && xet_hash_eq(&f.xet, &five));
    assert_str(f.content_type, STR("text/html"));
}

static void a_hash_is_no_right(void **state)
{
    (void)state;
    struct bucket secret = made(&fx.user[ALICE], "secret", true, ALICE), mine = made(&fx.user[BOB], "mine", false, BOB);
    struct repo hidden = repo_named(&fx.user[ALICE], "hidden", true, ALICE), open = repo_named(&fx.user[ALICE], "open", false, ALICE);
    struct sha256 in_hidden = upload(&hidden, "in a private repository"), in_open = upload(&open, "in a public repository");
    struct xet_hash in_secret = stored(&secret, "in a private bucket"), nobodys = stored(NULL, "nobody's"), unknown = { { 7 } };
    struct sha256 sha = sha256_of(bytes_of(STR("in a private bucket")));
    const struct xet_hash refused[] = { in_secret, nobodys, unknown, xet_of(&in_hidden) };
    assert_done(add(&secret, ALICE, "s", in_secret));
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_problem(add(&mine, BOB, "x", refused[i]), NO_CONTENT);
        assert_problem(copy(&mine, BOB, "x", refused[i], "bucket", STR("alice/secret")), "Repository not found");
        assert_problem(copy(&mine, BOB, "x", refused[i], "model", STR("alice/hidden")), "Repository not found");
        assert_problem(copy(&mine, BOB, "x", refused[i], "model", STR("alice/open")), "The source has no file");
        assert_problem(copy(&mine, BOB, "x", refused[i], "bucket", STR("bob/mine")), "The source has no file");
    }
    assert_problem(copy(&mine, BOB, "x", in_secret, "bucket", STR("secret")), "Repository not found");
    assert_problem(copy(&mine, BOB, "x", in_secret, "paper", STR("alice/secret")), "must be one of");
    assert_totals(&mine, 0, 0);
    assert_false(reads(&fx.id[BOB], &sha));
    assert_false(reads(&fx.nobody, &sha));
    assert_true(reads(&fx.id[ALICE], &sha));
    assert_true(reads(&fx.id[ROOT], &sha));

    assert_done(add(&mine, BOB, "public", xet_of(&in_open))); /* may be read, so may be had */
    assert_done(copy(&mine, BOB, "copied", xet_of(&in_open), "model", STR("Alice/Open")));
    assert_done(add(&secret, ALICE, "h", xet_of(&in_hidden)));
    assert_done(copy(&secret, ALICE, "c", xet_of(&in_open), "bucket", STR("bob/mine")));
    must_ok(bucket_set_private(fx.h, &secret, false, &fx.id[ALICE], &e));
    assert_true(reads(&fx.nobody, &sha));
    assert_done(add(&mine, BOB, "now", in_secret));
    assert_true(reads(&fx.id[BOB], &in_hidden)); /* alice has put it into a public bucket */
}

static void what_cannot_be_stored(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "/x", "x/", "a//b", ".", "a/..", ".git/x", "\xff" };
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE);
    struct xet_hash x = stored(&b, "content");
    char type[300];
    memset(type, 'x', sizeof type);
    for (size_t i = 0; i < COUNT(bad); i++) assert_true(add(&b, ALICE, bad[i], x).n > 0);
    assert_problem(edit(&b, ALICE, (struct bucket_edit){ .path = STR("p"), .xet = x, .content_type = str_n(type, 256) }), "contentType");
    assert_done(edit(&b, ALICE, (struct bucket_edit){ .path = STR("p"), .xet = x, .content_type = str_n(type, 255) }));
    sql_run("UPDATE bucket SET size_bytes = 9223372036854775807"); /* totals stay numbers */
    assert_problem(add(&b, ALICE, "q", x), "larger than can be counted");
    sql_run("UPDATE bucket SET size_bytes = 7");
    sql_run("DELETE FROM cas_object");
    assert_problem(add(&b, ALICE, "q", x), NO_CONTENT);
    assert_totals(&b, 1, 7);
}

/* ------------------------------------------------------------------ listings */

static void trees(void **state)
{
    (void)state;
    static const char *const path[] = { "a", "a.txt", "a/1", "a/2", "a/b/3", "a0", "b/c/d/e", "b/f", "\xc3\xa9/x", "z" };
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE), other = made(&fx.user[ALICE], "c", false, ALICE);
    struct xet_hash x = stored(&b, "content");
    for (size_t i = 0; i < COUNT(path); i++) assert_done(add(&b, ALICE, path[i], x));
    assert_str(listed(&other, "", false, 5), STR(""));
    for (size_t limit = 1; limit < 12; limit++) {
        assert_str(listed(&b, "", false, limit), STR("a a.txt a/1 a/2 a/b/3 a0 b/c/d/e b/f z \xc3\xa9/x"));
        assert_str(listed(&b, "", true, limit), STR("a a.txt a/ a0 b/ z \xc3\xa9/"));
        assert_str(listed(&b, "a", false, limit), STR("a a.txt a/1 a/2 a/b/3 a0"));
        assert_str(listed(&b, "a", true, limit), STR("a a.txt a/1 a/2 a/b/ a0"));
        assert_str(listed(&b, "a/", true, limit), STR("a/1 a/2 a/b/"));
        assert_str(listed(&b, "b", true, limit), STR("b/c/ b/f"));
        assert_str(listed(&b, "b/c", true, limit), STR("b/c/d/"));
        assert_str(listed(&b, "\xc3", true, limit), STR("\xc3\xa9/"));
        assert_str(listed(&b, "zz", true, limit), STR(""));
    }
    static const char *const cursor[] = { "x", "a", "fa" };
    struct db_conn *c = db_reader(hub_db(fx.h));
    struct bucket_entry *list;
    size_t n;
    str next;
    for (size_t i = 0; i < COUNT(cursor); i++) { /* no cursor, or one of before the prefix */
        struct bucket_tree_query q = { .prefix = STR("b"), .cursor = str_c(cursor[i]), .limit = 5 };
        must_refuse(bucket_tree(c, b.id, &q, fx.a, &list, &n, &next, &e), ERR_INVALID, "cursor");
    }
    const str asked[] = { STR("z"), STR("nothing"), STR("a/b"), STR("a/1") };
    must_ok(bucket_paths_info(c, b.id, asked, COUNT(asked), fx.a, &list, &n, &e));
    assert_int_equal(n, 2);
    assert_str(list[0].path, STR("z"));
    assert_str(list[1].path, STR("a/1"));
    db_give(hub_db(fx.h), c);
}

static void a_folder_is_as_young_as_its_youngest(void **state)
{
    (void)state;
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE);
    struct xet_hash x = stored(&b, "content");
    assert_done(add(&b, ALICE, "d/1", x));
    assert_done(add(&b, ALICE, "d/e/2", x));
    assert_done(add(&b, ALICE, "d0", x));
    sql_run("UPDATE bucket_file SET uploaded_ms = CASE path WHEN 'd/1' THEN 1000 WHEN 'd/e/2' THEN 3000 ELSE 9000 END");
    struct bucket_tree_query q = { .prefix = STR(""), .by_folder = true, .limit = 5 };
    struct bucket_entry *list;
    size_t n;
    str next;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(bucket_tree(c, b.id, &q, fx.a, &list, &n, &next, &e));
    db_give(hub_db(fx.h), c);
    assert_true(n == 2 && list[0].is_folder && list[0].uploaded_ms == 3000 && list[1].uploaded_ms == 9000);
    /* Of very large ones the first files: what it costs has a bound. */
    sql_run("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 20200) INSERT INTO bucket_file SELECT bucket_id, printf('e/%05d', n),"
            " xet_hash, sha256, size_bytes, 0, n, '' FROM i, bucket_file WHERE path = 'd0'");
    sql_run("INSERT INTO bucket_file SELECT bucket_id, 'f' || substr(path, 2), xet_hash, sha256, size_bytes, 0, uploaded_ms, '' FROM bucket_file WHERE path LIKE 'e/%'");
    c = db_reader(hub_db(fx.h));
    must_ok(bucket_tree(c, b.id, &q, fx.a, &list, &n, &next, &e));
    db_give(hub_db(fx.h), c);
    assert_int_equal(n, 4);
    assert_int_equal(list[0].uploaded_ms, 3000);
    assert_int_equal(list[2].uploaded_ms, 19998); /* the two of d are counted */
    assert_int_equal(list[3].uploaded_ms, 100);
}

/* ------------------------------------------------------------------ care */

static void tell(void *ctx, str text)
{
    (void)ctx;
    buf_add(&told, text);
    buf_byte(&told, '\n');
}

static const struct care_report report = { .line = tell };

static struct gc_result collected(bool dry_run)
{
    struct gc_options o = { .grace_ms = 1000, .xorb_grace_ms = 1000, .dry_run = dry_run };
    struct gc_result r;
    buf_reset(&told);
    must_ok(hub_gc(fx.h, &o, &report, &r, &e));
    return r;
}

static uint64_t problems(void)
{
    struct fsck_options o = { 0 };
    struct fsck_result r;
    buf_reset(&told);
    must_ok(hub_fsck(fx.h, &o, &report, &r, &e));
    return r.problems;
}

/* Everything that has a time to be young by. */
static void grow_old(void)
{
    sql_run("UPDATE bucket_content SET pushed_ms = 1");
    sql_run("UPDATE cas_object SET touched_ms = 1");
    sql_run("UPDATE cas_xorb SET touched_ms = 1");
}

static void collection_keeps_and_then_frees(void **state)
{
    (void)state;
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE), two = made(&fx.user[ALICE], "two", false, ALICE);
    struct xet_hash x = stored(&b, "a file's"), only_uploaded = stored(&b, "uploaded and never named");
    (void)only_uploaded;
    assert_done(add(&b, ALICE, "f", x));
    assert_done(copy(&two, ALICE, "g", x, "bucket", STR("alice/b")));
    assert_int_equal(collected(false).objects_removed, 0); /* all are young */
    grow_old();
    assert_int_equal(collected(true).objects_removed, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM cas_object"), 2);
    assert_int_equal(collected(false).objects_removed, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM bucket_content"), 2);
    assert_int_equal(problems(), 0);
    assert_done(removed(&b, ALICE, "f")); /* another bucket still has it */
    grow_old();
    assert_int_equal(collected(false).objects_removed, 0);
    assert_int_equal(sql_int("SELECT count(*) FROM bucket_content"), 1);
    must_ok(bucket_delete(fx.h, &two, &fx.id[ALICE], &e));
    grow_old();
    assert_int_equal(collected(true).objects_removed, 1);
    assert_int_equal(collected(false).objects_removed, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM cas_xorb"), 0);
    assert_int_equal(problems(), 0);
}

/* The bucket's row is gone and the process died before its files' were: as if it had none. */
static void a_crash_while_deleting(void **state)
{
    (void)state;
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE), kept = made(&fx.user[ALICE], "kept", false, ALICE);
    assert_done(add(&b, ALICE, "f", stored(&b, "goes")));
    assert_done(add(&kept, ALICE, "f", stored(&kept, "stays")));
    sql_run("DELETE FROM bucket WHERE name = 'b'");
    struct sha256 sha = sha256_of(bytes_of(STR("goes")));
    assert_false(reads(&fx.id[ALICE], &sha));
    grow_old();
    assert_int_equal(collected(true).objects_removed, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM bucket_file"), 2);
    assert_int_equal(collected(false).objects_removed, 1);
    assert_int_equal(sql_int("SELECT count(*) FROM bucket_file"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM bucket_content"), 1);
    assert_int_equal(problems(), 0);
}

static void fsck_finds(void **state)
{
    (void)state;
    static const struct {
        const char *breaks, *says;
    } rows[] = {
        { "UPDATE bucket SET files_count = 7", "its row says 7 files" },
        { "UPDATE bucket SET size_bytes = 99", "and 99 bytes" },
        { "UPDATE bucket_file SET size_bytes = 6 WHERE path = 'f'", "f has another size than its content" },
        { "UPDATE bucket_file SET sha256 = zeroblob(32) WHERE path = 'f'", "f names a content that is not stored" },
        { "UPDATE bucket_file SET xet_hash = randomblob(32) WHERE path = 'f'", "f has a xetHash that names another content, or none" },
        { "UPDATE bucket_file SET xet_hash = zeroblob(32) WHERE path = 'f'", "f has the xetHash of the empty file, and its row says otherwise" },
        { "DELETE FROM bucket_content", "f names a content that the bucket does not have" },
    };
    struct bucket b = made(&fx.user[ALICE], "b", false, ALICE);
    struct xet_hash x = stored(&b, "12345");
    for (size_t i = 0; i < COUNT(rows); i++) {
        sql_run("DELETE FROM bucket_file");
        sql_run("UPDATE bucket SET files_count = 0, size_bytes = 0");
        struct cas_object o = { .sha256 = sha256_of(bytes_of(STR("12345"))), .size_bytes = 5 };
        must_ok(bucket_register_many(fx.h, b.id, fx.user[ALICE].id, &o, 1, &e));
        assert_done(add(&b, ALICE, "f", x));
        assert_done(add(&b, ALICE, "empty", (struct xet_hash){ { 0 } }));
        assert_int_equal(problems(), 0);
        sql_run(rows[i].breaks);
        if (problems() == 0 || !strstr(buf_cstr(&told), rows[i].says)) fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].breaks, buf_cstr(&told), rows[i].says);
        assert_non_null(strstr(buf_cstr(&told), "bucket alice/b: "));
    }
}

int main(void)
{
    told = (struct buf)BUF_INIT(0);
#define T(f) cmocka_unit_test_setup_teardown(f, home_new, told_end)
    const struct CMUnitTest tests[] = {
        T(made_moved_deleted), T(rights), T(lists_show_what_may_be_seen), T(quota), T(totals_follow_the_files), T(a_hash_is_no_right),
        T(what_cannot_be_stored), T(trees), T(a_folder_is_as_young_as_its_youngest), T(collection_keeps_and_then_frees),
        T(a_crash_while_deleting), T(fsck_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
