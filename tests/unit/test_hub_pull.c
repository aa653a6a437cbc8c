/* Unit tests of src/hub: discussions, pull requests, and what a push must satisfy. */
#include "hub_help.h"

#include "base/buf.h"
#include "base/hash.h"

/* ------------------------------------------------------------------ pull requests */

static void a_reader_opens_a_pull_request_by_committing(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "one\n", NULL, false, &done, &e));
    must_refuse(commit_one(&r, BOB, "main", "a.txt", "two\n", NULL, false, &done, &e), ERR_DENIED, "");
    must_refuse(commit_one(&r, BOB, "nope", "a.txt", "two\n", NULL, true, &done, &e), ERR_NOT_FOUND, "Invalid rev id: nope");
    char hex[VCS_OID_HEX + 1];
    struct vcs_oid main_head = head_of(&r, "main");
    must_refuse(commit_one(&r, BOB, vcs_oid_hex(&main_head, hex).p, "a.txt", "two\n", NULL, true, &done, &e), ERR_NOT_FOUND, "Invalid rev id");
    must_ok(commit_one(&r, BOB, "main", "a.txt", "two\n", NULL, true, &done, &e));
    assert_int_equal(done.pull_request, 1);
    assert_str(file_at(&r, "main", "a.txt"), STR("one\n"));
    assert_str(file_at(&r, "refs/pr/1", "a.txt"), STR("two\n"));
    struct discussion d = discussion_named(&r, 1);
    assert_str(d.title, STR("change a file"));
    assert_str(d.status, STR("open"));
    assert_str(d.author, STR("bob"));
    assert_true(d.is_pull_request);
    assert_str(events_of(&d), STR("comment commit"));

    /* Its author and writers may go on, others may not. */
    must_ok(commit_one(&r, BOB, "refs/pr/1", "b.txt", "more\n", NULL, false, &done, &e));
    must_ok(commit_one(&r, ALICE, "refs/pr/1", "c.txt", "and more\n", NULL, false, &done, &e));
    must_refuse(commit_one(&r, CAROL, "refs/pr/1", "d.txt", "x", NULL, false, &done, &e), ERR_DENIED, "You don't have the right");
    assert_str(events_of(&d), STR("comment commit commit commit"));

    must_refuse(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[BOB], &e), ERR_DENIED, "");
    must_ok(discussion_merge(fx.h, &r, &d, STR("thank you"), &fx.id[ALICE], &e));
    assert_str(file_at(&r, "main", "a.txt"), STR("two\n"));
    assert_str(file_at(&r, "main", "c.txt"), STR("and more\n"));
    d = discussion_named(&r, 1);
    assert_str(d.status, STR("merged"));
    struct vcs_oid head = head_of(&r, "main");
    assert_str(d.merge_commit, vcs_oid_hex(&head, hex));
    assert_str(events_of(&d), STR("comment commit commit commit comment status-change"));
    must_refuse(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e), ERR_INVALID, "merged");
    must_refuse(commit_one(&r, BOB, "refs/pr/1", "b.txt", "late\n", NULL, false, &done, &e), ERR_DENIED, "");
    sql_run("UPDATE discussion SET status = 'open'"); /* by another, who opened it again since d was read */
    must_refuse(discussion_delete_ref(fx.h, &r, &d, &fx.id[BOB], &e), ERR_INVALID, "Close or merge");
    sql_run("UPDATE discussion SET status = 'merged'");
    must_ok(discussion_delete_ref(fx.h, &r, &d, &fx.id[BOB], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref WHERE name LIKE 'refs/pr/%'"), 0);
}

static void a_pull_request_may_start_from_an_older_commit(void **state)
{
    (void)state;
    struct err e;
    struct commit_result first, done;
    char hex[VCS_OID_HEX + 1];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "one\n", NULL, false, &first, &e));
    must_ok(commit_one(&r, ALICE, "main", "b.txt", "two\n", NULL, false, &done, &e));
    vcs_oid_hex(&first.commit, hex);
    must_ok(commit_one(&r, BOB, "main", "c.txt", "three\n", hex, true, &done, &e));
    assert_null(file_at(&r, "refs/pr/1", "b.txt").p);
    struct discussion d = discussion_named(&r, 1);
    must_ok(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e)); /* not a fast-forward */
    assert_str(file_at(&r, "main", "b.txt"), STR("two\n"));
    assert_str(file_at(&r, "main", "c.txt"), STR("three\n"));
    must_refuse(commit_one(&r, BOB, "main", "d", "x", "0123456789012345678901234567890123456789", true, &done, &e), ERR_NOT_FOUND, "Invalid rev id");
}

static void conflicts_are_named_and_nothing_is_merged(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    str *paths;
    size_t n;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "one\n", NULL, false, &done, &e));
    must_ok(commit_one(&r, BOB, "main", "a.txt", "two\n", NULL, true, &done, &e));
    struct discussion d = discussion_named(&r, 1);
    must_ok(discussion_conflicts(fx.h, &r, &d, fx.a, &paths, &n, &e));
    assert_int_equal(n, 0);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "three\n", NULL, false, &done, &e));
    must_ok(discussion_conflicts(fx.h, &r, &d, fx.a, &paths, &n, &e));
    assert_int_equal(n, 1);
    assert_str(paths[0], STR("a.txt"));
    must_refuse(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e), ERR_CONFLICT, "a.txt");
    assert_str(file_at(&r, "main", "a.txt"), STR("three\n"));
    d = discussion_named(&r, 1);
    assert_str(d.status, STR("open"));
    /* A merge that was cut short after the ref moved: the second one finds nothing to do in git. */
    must_ok(commit_one(&r, BOB, "refs/pr/1", "a.txt", "three\n", NULL, false, &done, &e));
    must_ok(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e));
    sql_run("UPDATE discussion SET status = 'open', merge_commit = NULL");
    struct vcs_oid before = head_of(&r, "main");
    must_ok(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e));
    struct vcs_oid after = head_of(&r, "main");
    assert_true(vcs_oid_eq(&before, &after));
}

static struct discussion open_one(const struct repo *r, int who, const char *title, bool is_pr)
{
    struct err e;
    struct discussion d;
    struct repo_lock *lock;
    struct discussion_new q = { .title = str_c(title), .description = STR("the <b>first</b> words"), .is_pull_request = is_pr,
                                .is_draft = is_pr, .base_ref = STR("refs/heads/main") };
    must_ok(repo_lock(fx.h, r->id, &lock, &e));
    must_ok(discussion_create(fx.h, r, &q, &fx.id[who], &d, fx.a, &e));
    repo_unlock(fx.h, lock);
    return d;
}

static void discussions_are_opened_answered_and_closed(void **state)
{
    (void)state;
    struct err e;
    struct discussion_event said, later, *all;
    size_t n;
    bool same;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion d = open_one(&r, BOB, "  A question  ", false);
    assert_int_equal(d.num, 1);
    assert_str(d.title, STR("A question"));
    assert_str(events_of(&d), STR("comment"));
    must_ok(discussion_comment(fx.h, &r, &d, STR("an answer"), STR(""), &fx.id[ALICE], &said, fx.a, &e));
    must_refuse(discussion_comment(fx.h, &r, &d, STR("  "), STR(""), &fx.id[ALICE], &said, fx.a, &e), ERR_INVALID, "empty");
    must_refuse(discussion_comment(fx.h, &r, &d, STR("x"), STR(""), &fx.nobody, &said, fx.a, &e), ERR_UNAUTHENTICATED, "");

    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(discussion_events(c, d.id, fx.a, &all, &n, &e));
    db_give(hub_db(fx.h), c);
    str hex = all[1].hex_id;
    must_refuse(discussion_edit(fx.h, &r, &d, hex, STR("stolen"), &fx.id[BOB], &said, fx.a, &e), ERR_DENIED, "author");
    must_refuse(discussion_edit(fx.h, &r, &d, STR("ffff"), STR("x"), &fx.id[ALICE], &said, fx.a, &e), ERR_NOT_FOUND, "no such comment");
    must_ok(discussion_edit(fx.h, &r, &d, hex, STR("a better answer"), &fx.id[ALICE], &said, fx.a, &e));
    c = db_reader(hub_db(fx.h));
    must_ok(discussion_events(c, d.id, fx.a, &all, &n, &e));
    db_give(hub_db(fx.h), c);
    later = all[1];
    same = str_eq(said.data, later.data) && str_eq(said.hex_id, later.hex_id) && said.created_ms == later.created_ms;
    assert_true(same);
    assert_true(str_find(later.data, STR("\"raw\":\"a better answer\"")) != STR_NONE);
    assert_true(str_find(later.data, STR("\"numEdits\":1")) != STR_NONE);
    assert_true(str_find(later.data, STR("\"raw\":\"an answer\"")) != STR_NONE);
    assert_true(str_find(all[0].data, STR("\"html\"")) == STR_NONE); /* made when it is read */

    must_refuse(discussion_hide(fx.h, &r, &d, hex, &fx.id[BOB], &said, fx.a, &e), ERR_DENIED, "");
    must_ok(discussion_hide(fx.h, &r, &d, hex, &fx.id[ALICE], &said, fx.a, &e));
    assert_true(str_find(said.data, STR("\"hidden\":true")) != STR_NONE);
    assert_true(str_find(said.data, STR("answer")) == STR_NONE); /* nor in its history */
    must_refuse(discussion_edit(fx.h, &r, &d, hex, STR("x"), &fx.id[ALICE], &said, fx.a, &e), ERR_INVALID, "hidden");

    must_ok(discussion_rename(fx.h, &r, &d, STR("A better question"), &fx.id[BOB], &said, fx.a, &e));
    assert_str(said.data, STR("{\"from\":\"A question\",\"to\":\"A better question\"}"));
    must_ok(discussion_rename(fx.h, &r, &d, STR("The best question"), &fx.id[ALICE], &said, fx.a, &e)); /* d has the first title */
    assert_str(said.data, STR("{\"from\":\"A better question\",\"to\":\"The best question\"}"));
    must_refuse(discussion_rename(fx.h, &r, &d, STR("no"), &fx.id[BOB], &said, fx.a, &e), ERR_INVALID, "title");
    must_refuse(discussion_set_status(fx.h, &r, &d, STR("closed"), (str){ 0 }, &fx.id[CAROL], &said, fx.a, &e), ERR_DENIED, "");
    must_ok(discussion_set_status(fx.h, &r, &d, STR("closed"), STR("done"), &fx.id[BOB], &said, fx.a, &e));
    assert_str(said.data, STR("{\"status\":\"closed\"}"));
    must_refuse(discussion_set_status(fx.h, &r, &d, STR("closed"), (str){ 0 }, &fx.id[BOB], &said, fx.a, &e), ERR_INVALID, "already");
    must_ok(discussion_set_status(fx.h, &r, &d, STR("open"), (str){ 0 }, &fx.id[ALICE], &said, fx.a, &e));
    must_ok(discussion_pin(fx.h, &r, &d, true, &fx.id[ALICE], &e));
    must_ok(discussion_pin(fx.h, &r, &d, true, &fx.id[ALICE], &e)); /* a second time changes nothing */
    assert_str(events_of(&d), STR("comment comment title-change title-change comment status-change status-change pinning-change"));
    assert_true(discussion_named(&r, 1).is_pinned);
    must_refuse(discussion_delete(fx.h, &r, &d, &fx.id[BOB], &e), ERR_DENIED, "");
    must_ok(discussion_delete(fx.h, &r, &d, &fx.id[ALICE], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM discussion_event"), 0);
    assert_int_equal(open_one(&r, BOB, "next", false).num, 2); /* numbers are not used again */
}

/* Of comments and of edits; whoever it is full for can still hide, close and merge. */
static void a_discussion_has_an_end(void **state)
{
    (void)state;
    struct err e;
    struct discussion_event said;
    char *text = mem_alloc(60000);
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion d = open_one(&r, BOB, "A question", false);
    int n = 0;
    memset(text, 'x', 60000);
    while (n < 1000 && discussion_comment(fx.h, &r, &d, str_n(text, 60000), STR(""), &fx.id[BOB], &said, fx.a, &e)) n++;
    assert_in_range(n, 50, 100);
    assert_true(e.code == ERR_INVALID && strstr(e.msg, "A discussion may have 4 MiB"));
    str hex = said.hex_id;
    must_refuse(discussion_edit(fx.h, &r, &d, hex, str_n(text, 60000), &fx.id[BOB], &said, fx.a, &e), ERR_INVALID, "4 MiB");
    must_ok(discussion_set_status(fx.h, &r, &d, STR("closed"), (str){ 0 }, &fx.id[BOB], &said, fx.a, &e));
    must_ok(discussion_hide(fx.h, &r, &d, hex, &fx.id[BOB], &said, fx.a, &e));
    must_ok(discussion_comment(fx.h, &r, &d, STR("now there is room"), STR(""), &fx.id[BOB], &said, fx.a, &e));
    mem_free(text);
}

static void a_draft_is_published_before_it_is_merged(void **state)
{
    (void)state;
    struct err e;
    struct discussion_event said;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion d = open_one(&r, BOB, "a draft", true);
    assert_str(d.status, STR("draft"));
    struct vcs_oid pr = head_of(&r, "refs/pr/1"), base = head_of(&r, "main");
    assert_true(vcs_oid_eq(&pr, &base));
    assert_str(events_of(&d), STR("comment"));
    must_ok(commit_one(&r, BOB, "refs/pr/1", "x", "y", NULL, false, &done, &e));
    must_refuse(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e), ERR_INVALID, "draft");
    must_ok(discussion_set_status(fx.h, &r, &d, STR("open"), (str){ 0 }, &fx.id[BOB], &said, fx.a, &e));
    must_ok(discussion_merge(fx.h, &r, &d, (str){ 0 }, &fx.id[ALICE], &e));
    assert_str(file_at(&r, "main", "x"), STR("y"));
}

static void lists_filter_and_count(void **state)
{
    (void)state;
    static const struct {
        int is_pr;
        const char *status, *author, *search;
        size_t count, closed;
    } list_case[] = {
        { -1, "", NULL, NULL, 4, 1 }, { -1, "open", NULL, NULL, 3, 1 }, { -1, "closed", NULL, NULL, 1, 1 },
        { 1, "", NULL, NULL, 1, 0 },  { 0, "", NULL, NULL, 3, 1 },      { -1, "", "BOB", NULL, 3, 1 },
        { -1, "", "who", NULL, 0, 0 }, { -1, "", NULL, "TWO", 1, 0 },   { -1, "open", "carol", "o", 1, 0 },
    };
    struct err e;
    struct discussion *list;
    struct discussion_event said;
    size_t n, count, closed;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion one = open_one(&r, BOB, "number one", false);
    open_one(&r, BOB, "number two", false);
    open_one(&r, BOB, "a pull request", true); /* a draft counts as open */
    open_one(&r, CAROL, "four", false);
    must_ok(discussion_set_status(fx.h, &r, &one, STR("closed"), (str){ 0 }, &fx.id[BOB], &said, fx.a, &e));
    struct db_conn *c = db_reader(hub_db(fx.h));
    for (size_t i = 0; i < COUNT(list_case); i++) {
        struct discussion_query q = { list_case[i].is_pr, str_c(list_case[i].status), str_c(list_case[i].author), str_c(list_case[i].search), 0, 10 };
        must_ok(discussion_list(c, r.id, &q, fx.a, &list, &n, &count, &closed, &e));
        if (count != list_case[i].count || n != count || closed != list_case[i].closed) fail_msg("case %zu: %zu, %zu", i, count, closed);
    }
    struct discussion_query q = { -1, STR(""), { 0 }, { 0 }, 1, 2 };
    must_ok(discussion_list(c, r.id, &q, fx.a, &list, &n, &count, &closed, &e));
    assert_true(n == 2 && count == 4 && list[0].num == 3 && list[1].num == 2);
    db_give(hub_db(fx.h), c);
}

/* ------------------------------------------------------------------ pushes: a clone brings the objects */

static str shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static str shell(const char *fmt, ...)
{
    char command[2048], line[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line,
             "cd %s && export HOME=%s GIT_CONFIG_NOSYSTEM=1 GIT_LFS_SKIP_SMUDGE=1 LC_ALL=C GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b"
             " GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b; { %s\n} 2>&1", fx.dir, fx.dir, command);
    struct buf out = BUF_INIT(1 << 20);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t got;
    while ((got = fread(command, 1, sizeof command, p)) > 0) buf_add(&out, str_n(command, got));
    int rc = pclose(p);
    str text = arena_dup(fx.a, str_trim(buf_str(&out)));
    buf_deinit(&out);
    if (rc != 0) fail_msg("%s: %.*s", line, STR_ARG(text));
    return text;
}

enum { PUSHED = 1, REFUSED = 0 };

/* Pushes rev of the clone to ref; old is where the ref stands.  The answer stands in `said`. */
static char said[8192];
static bool push(const struct repo *r, const struct identity *who, const char *rev, const char *ref)
{
    struct err e;
    struct repo_lock *lock;
    struct vcs_repo *v;
    struct vcs_ref at;
    bool found;
    char old[VCS_OID_HEX + 1] = "0000000000000000000000000000000000000000", line[400], quarantine[128];
    must_ok(hub_repo_open(fx.h, r->id, &v, &e));
    must_ok(vcs_ref_find(v, str_c(ref), &at, &found, fx.a, &e));
    if (found) vcs_oid_hex(&at.target, old);
    vcs_close(v);
    str to = rev ? shell("git -C clone rev-parse %s", rev) : STR("0000000000000000000000000000000000000000");
    snprintf(line, sizeof line, "%s %.*s %s\n", old, STR_ARG(to), ref);
    snprintf(quarantine, sizeof quarantine, "%s/clone/.git/objects", fx.dir);
    struct buf message = BUF_INIT(1 << 20);
    must_ok(repo_lock(fx.h, r->id, &lock, &e));
    bool ok = push_check(fx.h, r, who, str_c(line), rev ? quarantine : "", &message);
    snprintf(said, sizeof said, "%s", buf_cstr(&message));
    buf_deinit(&message);
    if (ok) { /* what git would do now */
        if (rev)
            shell("git -C repos/%lld fetch -q -f --no-tags ../../clone %s:%s", (long long)r->id, rev, ref);
        else
            shell("git -C repos/%lld update-ref -d %s", (long long)r->id, ref);
        must_ok(push_accepted(fx.h, r, who, &e));
    }
    repo_unlock(fx.h, lock);
    return ok;
}
#define must_push(...) \
    if (!push(__VA_ARGS__)) fail_msg("refused: %s", said)
#define must_not_push(part, ...)                                          \
    do {                                                                  \
        if (push(__VA_ARGS__)) fail_msg("accepted");                      \
        if (!strstr(said, part)) fail_msg("\"%s\" lacks \"%s\"", said, part); \
    } while (0)

static struct repo pushed_repo(void)
{
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    shell("git clone -q repos/%lld clone", (long long)r.id);
    return r;
}

static void a_push_is_checked_and_indexed(void **state)
{
    (void)state;
    struct repo r = pushed_repo();
    const struct identity *who = &fx.id[ALICE];
    shell("cd clone && echo hello > a.txt && git add . && git commit -qm one && git tag v1 && git tag -a v2 -m two");
    must_push(&r, who, "main", "refs/heads/main");
    assert_str(said[0] ? STR("said something") : STR(""), STR(""));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_file"), 2);
    must_push(&r, who, "v1", "refs/tags/v1");
    must_push(&r, who, "v2", "refs/tags/v2");
    must_push(&r, who, "main", "refs/heads/deep/er");
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref"), 4);
    must_push(&r, who, NULL, "refs/heads/deep/er");
    must_not_push("Cannot delete refs/heads/main", &r, who, NULL, "refs/heads/main");
    must_not_push("only branches, tags", &r, who, "main", "refs/notes/x");
    must_not_push("only branches, tags", &r, who, "main", "refs/convert/parquet");
    must_not_push("You don't have the right", &r, &fx.id[BOB], "main", "refs/heads/bob");
    must_not_push("must be a commit", &r, who, "v2", "refs/heads/tag");
    must_not_push("leads to no commit", &r, who, "main^{tree}", "refs/tags/tree");
}

static void every_commit_of_a_push_is_looked_at(void **state)
{
    (void)state;
    struct err e;
    struct repo r = pushed_repo();
    const struct identity *who = &fx.id[ALICE];
    /* Too large, and gone again in the next commit. */
    shell("cd clone && git checkout -q -b big && head -c 10485761 /dev/zero > big.txt && git add . && git commit -qm big"
          " && git rm -q big.txt && git commit -qm small");
    must_not_push("larger than 10 MiB", &r, who, "big", "refs/heads/main");
    assert_non_null(strstr(said, "  - big.txt, 10.0 MiB (ref: refs/heads/main)"));
    shell("cd clone && git checkout -q -b exact main && head -c 10485760 /dev/zero > big.txt && git add . && git commit -qm big");
    must_push(&r, who, "exact", "refs/heads/exact");

    struct sha256 sha = sha256_of(bytes_of(STR("weights")));
    char hex[65];
    hex_encode((bytes){ sha.b, 32 }, hex);
    shell("cd clone && git checkout -q -b lfs main && printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize 7\\n' > m.bin"
          " && git add . && git -c filter.lfs.process= -c filter.lfs.clean=cat -c filter.lfs.required=false commit -qm lfs", hex);
    must_not_push("not uploaded", &r, who, "lfs", "refs/heads/main");
    assert_non_null(strstr(said, hex));
    struct repo other = repo_named(&fx.user[BOB], "o", false, BOB);
    upload(&other, "weights"); /* stored, but not for this repository */
    must_not_push("not uploaded", &r, who, "lfs", "refs/heads/main");
    upload(&r, "weights");
    must_push(&r, who, "lfs", "refs/heads/main");
    sql_run("UPDATE repo_large_file SET size_bytes = 8");
    shell("cd clone && git checkout -q lfs && git mv m.bin n.bin && git commit -qm move");
    must_not_push("size is wrong", &r, who, "lfs", "refs/heads/main");
    sql_run("UPDATE repo_large_file SET size_bytes = 7");
    must_push(&r, who, "lfs", "refs/heads/main");
    must_ok(large_file_delete(fx.h, &r, &sha, 1, who, &e));
}

static void cards_paths_and_folders_are_checked(void **state)
{
    (void)state;
    struct repo r = pushed_repo();
    const struct identity *who = &fx.id[ALICE];
    shell("cd clone && printf -- '---\\nlicense: [\\n---\\n' > README.md && git add . && git commit -qm card");
    must_not_push("Invalid metadata in README.md", &r, who, "main", "refs/heads/main");
    shell("cd clone && printf -- '---\\nlicense: mit\\n---\\n# Hi\\n' > README.md && git add . && git commit -qm mended");
    must_push(&r, who, "main", "refs/heads/main");
    shell("cd clone && git checkout -q -b wide && mkdir wide && (cd wide && seq 1 10001 | xargs touch) && git add . && git commit -qm wide");
    must_not_push("more than 10000 entries", &r, who, "wide", "refs/heads/wide");
    assert_non_null(strstr(said, "  - wide (ref"));
    shell("cd clone && git rm -q wide/1 && git commit -qm narrower"); /* the tip is fine */
    must_push(&r, who, "wide", "refs/heads/wide");
    shell("cd clone && git checkout -q -b long main && p=$(printf 'd%%.0s' $(seq 200)) && mkdir -p $p/$p/$p/$p/$p && touch $p/$p/$p/$p/$p/x && git add ."
          " && git commit -qm long");
    must_not_push("paths that are not allowed", &r, who, "long", "refs/heads/long");
}

static void pushes_to_pull_requests_are_the_authors(void **state)
{
    (void)state;
    struct repo r = pushed_repo();
    struct discussion d = open_one(&r, BOB, "a pull request", true);
    open_one(&r, BOB, "a discussion", false);
    shell("cd clone && echo 1 > a && git add . && git commit -qm one && echo 2 > a && git commit -qam two");
    must_push(&r, &fx.id[BOB], "main", "refs/pr/1");
    assert_str(events_of(&d), STR("comment commit commit"));
    must_not_push("You don't have the right", &r, &fx.id[CAROL], "main", "refs/pr/1");
    must_not_push("there is no such pull request", &r, &fx.id[BOB], "main", "refs/pr/2");
    must_not_push("there is no such pull request", &r, &fx.id[ALICE], "main", "refs/pr/3");
    must_not_push("Cannot delete refs/pr/1", &r, &fx.id[BOB], NULL, "refs/pr/1");
    must_not_push("You don't have the right", &r, &fx.id[BOB], "main", "refs/heads/x");
    shell("cd clone && git commit -q --amend -m again");
    must_push(&r, &fx.id[BOB], "main", "refs/pr/1"); /* by force */
    assert_str(events_of(&d), STR("comment commit commit commit"));
}

static void a_malformed_command_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct repo_lock *lock;
    struct repo r = pushed_repo();
    static const char *const bad[] = { "x\n", "0 1 refs/heads/a\n", "0000000000000000000000000000000000000000 0000000000000000000000000000000000000001 ../x\n",
                                       "0000000000000000000000000000000000000000 1111111111111111111111111111111111111111 refs/heads/a\n" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buf message = BUF_INIT(1 << 16);
        must_ok(repo_lock(fx.h, r.id, &lock, &e));
        assert_false(push_check(fx.h, &r, &fx.id[ALICE], str_c(bad[i]), "", &message));
        assert_true(message.n > 0);
        repo_unlock(fx.h, lock);
        buf_deinit(&message);
    }
}

int main(void)
{
#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, home_new, home_end)
    const struct CMUnitTest tests[] = {
        IN_HOME(a_reader_opens_a_pull_request_by_committing),
        IN_HOME(a_pull_request_may_start_from_an_older_commit),
        IN_HOME(conflicts_are_named_and_nothing_is_merged),
        IN_HOME(discussions_are_opened_answered_and_closed),
        IN_HOME(a_discussion_has_an_end),
        IN_HOME(a_draft_is_published_before_it_is_merged),
        IN_HOME(lists_filter_and_count),
        IN_HOME(a_push_is_checked_and_indexed),
        IN_HOME(every_commit_of_a_push_is_looked_at),
        IN_HOME(cards_paths_and_folders_are_checked),
        IN_HOME(pushes_to_pull_requests_are_the_authors),
        IN_HOME(a_malformed_command_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
