/* Unit tests of src/vcs: refs, revisions, logs. */
#include "vcs_help.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

static struct vcs_oid put(const struct vcs_oid *base, const char *path, const char *text)
{
    struct vcs_edit edit = { .kind = VCS_PUT, .path = str_c(path), .oid = blob(text) };
    return commit(base, &edit, 1);
}

/* ------------------------------------------------------------------ refs */

static void refs_change_by_compare_and_swap(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid zero = { { 0 } }, one = put(NULL, "a", "1"), two = put(&one, "a", "2");
    str main_ref = STR("refs/heads/main"), log = STR("why");
    assert_false(vcs_ref_set(fx.repo, main_ref, &one, &two, log, &e)); /* is not there */
    assert_int_equal(e.code, ERR_PRECONDITION);
    must_ok(vcs_ref_set(fx.repo, main_ref, &zero, &one, log, &e));
    assert_false(vcs_ref_set(fx.repo, main_ref, &zero, &two, log, &e));
    assert_int_equal(e.code, ERR_PRECONDITION);
    assert_false(vcs_ref_set(fx.repo, main_ref, &two, &one, log, &e));
    assert_int_equal(e.code, ERR_PRECONDITION);
    must_ok(vcs_ref_set(fx.repo, main_ref, &one, &two, log, &e));
    assert_str(str_trim(shell("git -C r.git rev-parse main")), str_c(hex(&two)));
    assert_str(shell("git -C r.git reflog main --format=%%gs"), STR("why\nwhy\n"));

    assert_false(vcs_ref_set(fx.repo, STR("refs/heads/main/x"), &zero, &one, log, &e));
    if (e.code != ERR_CONFLICT) fail_msg("%s", e.msg);
    set_ref("refs/heads/dir/x", one);
    assert_false(vcs_ref_set(fx.repo, STR("refs/heads/dir"), &zero, &one, log, &e));
    if (e.code != ERR_CONFLICT) fail_msg("%s", e.msg);
    must_ok(vcs_ref_set(fx.repo, STR("refs/heads/dir/x"), NULL, &zero, log, &e));
    must_ok(vcs_ref_set(fx.repo, STR("refs/heads/dir"), &zero, &one, log, &e)); /* the empty folder is no hindrance */
    must_ok(vcs_ref_set(fx.repo, STR("refs/heads/dir"), &one, &zero, log, &e));
    assert_false(vcs_ref_set(fx.repo, STR("refs/heads/a..b"), &zero, &one, log, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    assert_false(vcs_ref_set(fx.repo, STR("HEAD"), NULL, &one, log, &e));

    shell("git -C r.git pack-refs --all");
    assert_false(vcs_ref_set(fx.repo, main_ref, &one, &zero, log, &e)); /* deletion compares, too */
    assert_int_equal(e.code, ERR_PRECONDITION);
    must_ok(vcs_ref_set(fx.repo, main_ref, &two, &zero, log, &e));
    struct vcs_ref ref;
    bool found;
    must_ok(vcs_ref_find(fx.repo, main_ref, &ref, &found, fx.a, &e));
    assert_false(found);
    assert_str(str_trim(shell("git -C r.git for-each-ref")), STR(""));
}

static void a_lock_that_stays_is_busy(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1");
    set_ref("refs/heads/main", one);
    shell("touch r.git/refs/heads/main.lock");
    assert_false(vcs_ref_set(fx.repo, STR("refs/heads/main"), NULL, &one, STR(""), &e));
    assert_int_equal(e.code, ERR_BUSY);
    must_ok(vcs_remove_stale_locks(fx.path, 1000, &e)); /* younger than that */
    shell("test -e r.git/refs/heads/main.lock && touch -d '1 hour ago' r.git/refs/heads/main.lock");
    shell("mkdir -p r.git/objects/tmp_objdir-incoming-x/ab && touch r.git/objects/pack/tmp_pack_x && "
          "touch -d '1 hour ago' r.git/objects/tmp_objdir-incoming-x r.git/objects/pack/tmp_pack_x");
    must_ok(vcs_remove_stale_locks(fx.path, (int64_t)time(NULL) * 1000 - 60000, &e));
    shell("test ! -e r.git/refs/heads/main.lock && test ! -e r.git/objects/tmp_objdir-incoming-x && "
          "test ! -e r.git/objects/pack/tmp_pack_x");
    must_ok(vcs_ref_set(fx.repo, STR("refs/heads/main"), NULL, &one, STR(""), &e));
}

/* Whatever the folders above are called: only the 256 of the object store are passed over. */
static void a_stale_lock_in_a_short_folder_goes(void **state)
{
    (void)state;
    struct err e;
    char path[128];
    snprintf(path, sizeof path, "%s/objects-of-all/r.git", fx.dir);
    shell("mkdir objects-of-all");
    must_ok(vcs_create(path, &e));
    shell("cd objects-of-all && mkdir r.git/refs/heads/ab r.git/objects/ab && touch -d '1 hour ago' r.git/refs/heads/ab/x.lock r.git/objects/ab/x.lock");
    must_ok(vcs_remove_stale_locks(path, (int64_t)time(NULL) * 1000 - 60000, &e));
    shell("cd objects-of-all && test ! -e r.git/refs/heads/ab/x.lock && test -e r.git/objects/ab/x.lock");
}

/* ------------------------------------------------------------------ what is on disk */

static char synced[64][160]; /* files and folders, as they were called then */
static size_t synced_count;
static bool is_noting;       /* not while threads write */

static void note_synced(int fd)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (!is_noting || synced_count == COUNT(synced)) return;
    ssize_t n = readlink(link, synced[synced_count], sizeof synced[0] - 1);
    synced[synced_count++][n > 0 ? n : 0] = 0;
}

int fsync(int fd) /* libc's, for all of this program */
{
    note_synced(fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    note_synced(fd);
    return (int)syscall(SYS_fdatasync, fd);
}

static void every_folder_of_a_new_repository_is_on_disk(void **state)
{
    (void)state;
    struct err e;
    char path[128];
    snprintf(path, sizeof path, "%s/new.git", fx.dir);
    is_noting = true;
    must_ok(vcs_create(path, &e));
    is_noting = false;
    str rest = shell("cd new.git && find . -mindepth 1 -printf '%%h\n' | sort -u | cut -c2-"), folder; /* "", "/hooks", ... */
    size_t folders = 0;
    while (str_cut(&rest, '\n', &folder) && rest.p) {
        bool is_synced = false;
        for (size_t i = 0; i < synced_count; i++) {
            size_t random = str_find(str_c(synced[i]), STR("new.git.new-"));
            is_synced = is_synced || (random != STR_NONE && str_eq(str_from(str_c(synced[i]), random + 28), folder));
        }
        if (!is_synced) fail_msg("what is in the folder \"%.*s\" may be lost", STR_ARG(folder));
        folders++;
    }
    assert_in_range(folders, 4, 10);
}

/* Its log is there, and git reads it; but a power cut may take its last line, as with git. */
static void a_move_costs_what_must_be_durable(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "a", "2"), zero = { { 0 } };
    str ref = STR("refs/heads/deep/x");
    must_ok(vcs_ref_set(fx.repo, ref, &zero, &one, STR("made"), &e));
    synced_count = 0;
    is_noting = true;
    must_ok(vcs_ref_set(fx.repo, ref, &one, &two, STR("moved\nfar"), &e));
    is_noting = false;
    assert_int_equal(synced_count, 2); /* the ref and its folder */
    assert_non_null(strstr(synced[0], "refs/heads/deep/x.lock"));
    assert_true(str_ends(str_c(synced[1]), STR("r.git/refs/heads/deep")));
    assert_str(shell("git -C r.git reflog refs/heads/deep/x --format='%%gn %%ge %%gs'"),
               STR("Hearth hearth@localhost moved far\nHearth hearth@localhost made\n"));
    assert_str(str_trim(shell("git -C r.git rev-parse 'refs/heads/deep/x@{1}'")), str_c(hex(&one)));

    shell("git -C r.git pack-refs --all && test ! -e r.git/refs/heads/deep"); /* no place for its lock */
    must_ok(vcs_ref_set(fx.repo, ref, &two, &one, STR("packed"), &e));
    shell("git -C r.git pack-refs --all && mkdir -p r.git/refs/heads/deep/x/empty"); /* nor for itself */
    must_ok(vcs_ref_set(fx.repo, ref, &one, &two, STR("in the way"), &e));
    assert_str(str_trim(shell("git -C r.git rev-parse refs/heads/deep/x")), str_c(hex(&two)));
    shell("git -C r.git symbolic-ref refs/heads/other refs/heads/deep/x");
    assert_false(vcs_ref_set(fx.repo, STR("refs/heads/other"), &two, &one, STR("symbolic"), &e));
    assert_int_equal(e.code, ERR_PRECONDITION);
    shell("test -z \"$(find r.git -name '*.lock')\" && git -C r.git fsck --strict");
}

enum { WRITERS = 4, COMMITS_EACH = 10 };

/* Adds files to main, starting again whenever another writer was faster. */
static const char *writer_run(int me)
{
    struct err e;
    struct vcs_repo *r;
    struct arena *a = arena_new(0);
    if (!vcs_open(fx.path, &r, &e)) return "open";
    for (int i = 0; i < COMMITS_EACH;) {
        struct vcs_ref ref;
        bool found;
        struct vcs_oid id, zero = { { 0 } }, c;
        if (!vcs_ref_find(r, STR("refs/heads/main"), &ref, &found, a, &e)) return "find";
        if (!vcs_blob_write(r, bytes_of(STR("x")), &id, &e)) return "blob";
        struct vcs_edit edit = { .kind = VCS_PUT, .path = arena_fmt(a, "w%d-%d", me, i), .oid = id };
        struct vcs_commit_request q = { .base = found ? &ref.commit : NULL, .parents = &ref.commit,
                                        .parents_count = found, .edits = &edit, .edits_count = 1,
                                        .author = somebody, .committer = somebody, .message = STR("m") };
        if (!vcs_commit_create(r, &q, &c, &e)) return "commit";
        if (vcs_ref_set(r, STR("refs/heads/main"), found ? &ref.commit : &zero, &c, STR("m"), &e)) i++;
        else if (e.code != ERR_PRECONDITION) return "set";
    }
    vcs_close(r);
    arena_free(a);
    return NULL;
}

struct writer {
    int name;
    const char *bad;
};

static void *writer(void *ctx)
{
    struct writer *w = ctx;
    w->bad = writer_run(w->name);
    return NULL;
}

static void concurrent_writers_lose_nothing(void **state)
{
    (void)state;
    pthread_t thread[WRITERS];
    struct writer w[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){ .name = i };
        assert_int_equal(pthread_create(&thread[i], NULL, writer, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
        if (w[i].bad) fail_msg("writer %d: %s", i, w[i].bad);
    }
    assert_str(str_trim(shell("git -C r.git ls-tree main | wc -l")), STR("40"));
    assert_str(str_trim(shell("git -C r.git rev-list --count main")), STR("40"));
}

/* ------------------------------------------------------------------ revisions */

static void revisions_resolve_as_documented(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "a", "2"), three = put(&two, "a", "3");
    struct vcs_revision got;
    bool found;
    must_ok(vcs_resolve(fx.repo, STR("HEAD"), &got, &found, fx.a, &e));
    assert_false(found); /* nothing there yet */
    set_ref("refs/heads/main", one);
    set_ref("refs/heads/both", two);
    set_ref("refs/tags/both", three);
    set_ref("refs/pr/1", three);
    shell("git -C r.git -c user.name=a -c user.email=a tag -a -m m v1 %s", hex(&two));
    shell("git -C r.git -c user.name=a -c user.email=a tag -a -m m tree %s^{tree}", hex(&two));
    char short_id[8];
    snprintf(short_id, sizeof short_id, "%.7s", hex(&three));
    const struct {
        const char *rev, *ref;
        const struct vcs_oid *commit;
    } cases[] = { { "main", "refs/heads/main", &one },       { "HEAD", "refs/heads/main", &one },
                  { "both", "refs/heads/both", &two },       { "refs/tags/both", "refs/tags/both", &three },
                  { "v1", "refs/tags/v1", &two },            { "refs/pr/1", "refs/pr/1", &three },
                  { "pr/1", NULL, NULL },                    { "tree", NULL, NULL },
                  { hex(&two), "", &two },                   { short_id, "", &three },
                  { "abcd", NULL, NULL },                    { "0123456789", NULL, NULL },
                  { "", NULL, NULL },                        { "..", NULL, NULL },
                  { "main^", NULL, NULL },                   { "refs/heads/", NULL, NULL } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        must_ok(vcs_resolve(fx.repo, str_c(cases[i].rev), &got, &found, fx.a, &e));
        if (found != (cases[i].commit != NULL)) fail_msg("%s", cases[i].rev);
        if (!found) continue;
        assert_true(vcs_oid_eq(&got.commit, cases[i].commit));
        assert_str(got.ref, str_c(cases[i].ref));
    }
}

static void rev_and_path_are_split_greedily(void **state)
{
    (void)state;
    struct vcs_oid one = put(NULL, "a", "1");
    static const char *const refs[] = { "refs/heads/main", "refs/heads/feature/x", "refs/heads/feature/x-y/z",
                                        "refs/tags/v1/rc", "refs/pr/3" };
    for (size_t i = 0; i < COUNT(refs); i++) set_ref(refs[i], one);
    static const struct {
        const char *in, *rev, *path;
    } cases[] = {
        { "main", "main", "" },
        { "main/a/b", "main", "a/b" },
        { "feature/x/a/b", "feature/x", "a/b" },
        { "feature/x-y/z/a", "feature/x-y/z", "a" },
        { "v1/rc/a", "v1/rc", "a" },
        { "refs/pr/3", "refs/pr/3", "" },
        { "refs/pr/3/a/b", "refs/pr/3", "a/b" },
        { "refs/pr/99/a", "refs/pr/99", "a" },
        { "refs/convert/parquet/a", "refs/convert/parquet", "a" },
        { "refs/heads/feature/x/a", "refs/heads/feature/x", "a" },
        { "refs/heads/nope/a", "refs/heads/nope", "a" },
        { "unknown/a", "unknown", "a" },
        { "", "", "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e;
        str rev, path;
        must_ok(vcs_split_rev_path(fx.repo, str_c(cases[i].in), &rev, &path, &e));
        if (!str_eq(rev, str_c(cases[i].rev)) || !str_eq(path, str_c(cases[i].path)))
            fail_msg("%s: \"%.*s\" and \"%.*s\"", cases[i].in, STR_ARG(rev), STR_ARG(path));
    }
}

static void hidden_history_is_not_reachable(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "a", "2"), lost = put(&one, "a", "3"), none = { { 7 } };
    set_ref("refs/heads/main", two);
    const struct {
        const struct vcs_oid *id;
        bool yes;
    } cases[] = { { &one, true }, { &two, true }, { &lost, false }, { &none, false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool yes;
        must_ok(vcs_is_reachable(fx.repo, cases[i].id, &two, 1, &yes, &e));
        if (yes != cases[i].yes) fail_msg("case %zu", i);
    }
}

/* ------------------------------------------------------------------ logs */

static void the_log_has_pages_and_a_total(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid tip = { { 0 } };
    for (int i = 0; i < 12; i++) {
        struct vcs_oid base = tip;
        struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("f"), .oid = blob(arena_cstr(fx.a, arena_fmt(fx.a, "%d", i))) };
        must_ok(try_commit(i ? &base : NULL, &edit, 1, arena_fmt(fx.a, "title %d\n\nbody\nof %d\n\n", i, i), &tip, &e));
    }
    struct vcs_commit *c;
    size_t n, total;
    must_ok(vcs_log(fx.repo, &tip, 3, 4, fx.a, &c, &n, &total, &e));
    assert_int_equal(n, 4);
    assert_int_equal(total, 12);
    assert_str(c[0].title, STR("title 8"));
    assert_str(c[0].body, STR("body\nof 8"));
    assert_str(c[0].message, STR("title 8\n\nbody\nof 8"));
    assert_str(c[3].title, STR("title 5"));
    assert_true(c[0].author_ms == somebody.when_ms && vcs_oid_eq(&c[0].parent, &c[1].id));
    must_ok(vcs_log(fx.repo, &tip, 11, 50, fx.a, &c, &n, NULL, &e));
    assert_int_equal(n, 1);
    assert_int_equal(c[0].parents_count, 0);
    must_ok(vcs_log(fx.repo, &tip, 12, 50, fx.a, &c, &n, &total, &e));
    assert_int_equal(n, 0);
}

/* What git says about each path, against one walk of ours, over a history with branches and merges. */
static void last_commits_agree_with_git(void **state)
{
    (void)state;
    struct err e;
    shell("git -C r.git symbolic-ref HEAD refs/heads/main && git clone -q r.git w 2>/dev/null; cd w && "
          "git config user.name a && git config user.email a && mkdir -p d/e d2 && t=1700000000 && "
          "c() { t=$((t+60)); export GIT_AUTHOR_DATE=\"$t +0000\" GIT_COMMITTER_DATE=\"$t +0000\"; \"$@\"; } && "
          "echo 1 >a && echo 1 >d/x && echo 1 >d/e/y && echo 1 >d2/z && git add . && c git commit -qm one && "
          "echo 2 >a && c git commit -qam two && git checkout -qb side && echo 2 >d/x && c git commit -qam three && "
          "git checkout -q main && echo 2 >d2/z && c git commit -qam four && "
          "c git merge -q --no-ff -m five side && echo 3 >d/e/y && c git commit -qam six && chmod +x a && "
          "c git commit -qam seven && git rm -q d2/z && c git commit -qm eight && "
          "mkdir d2 && echo 2 >d2/z && git add . && c git commit -qm nine");
    shell("cd w && git -c protocol.file.allow=always push -q ../r.git main --receive-pack='git -c core.hooksPath=/nonexistent "
          "receive-pack'");
    vcs_close(fx.repo);
    must_ok(vcs_open(fx.path, &fx.repo, &e));
    struct vcs_revision tip;
    bool found;
    must_ok(vcs_resolve(fx.repo, STR("main"), &tip, &found, fx.a, &e));
    const str path[] = { STR("a"), STR("d"), STR("d/x"), STR("d/e/y"), STR("d2"), STR("d2/z"), STR("d/e"), STR("nope"),
                         STR("a"), STR("d/nope") };
    struct vcs_commit got[COUNT(path)];
    must_ok(vcs_last_commits(fx.repo, &tip.commit, path, COUNT(path), NULL, got, fx.a, &e));
    for (size_t i = 0; i < COUNT(path); i++) {
        str want = str_trim(shell("git -C r.git log -1 --format='%%H %%s' main -- '%.*s'", STR_ARG(path[i])));
        if (vcs_oid_is_zero(&got[i].id)) {
            if (!str_ends(path[i], STR("nope"))) fail_msg("%.*s: nothing, git says %.*s", STR_ARG(path[i]), STR_ARG(want));
            continue;
        }
        str mine = arena_fmt(fx.a, "%s %.*s", hex(&got[i].id), STR_ARG(got[i].title));
        if (!str_eq(mine, want)) fail_msg("%.*s: %.*s, git says %.*s", STR_ARG(path[i]), STR_ARG(mine), STR_ARG(want));
    }
}

static struct {
    struct vcs_oid commit, answer;
    int opened;
} told;

static bool told_open(void *ctx, const struct vcs_oid *commit)
{
    (void)ctx;
    told.opened++;
    return vcs_oid_eq(commit, &told.commit);
}

static bool told_find(void *ctx, size_t path, struct vcs_oid *out)
{
    (void)ctx;
    *out = told.answer;
    return path == 0;
}

static void a_walk_ends_where_the_answer_is_known(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid tip = put(NULL, "a", "1"), first = tip;
    const struct vcs_known_last known = { told_open, told_find, NULL };
    const str path[] = { STR("a"), STR("b") };
    struct vcs_commit got[COUNT(path)];
    for (int i = 0; i < 10; i++) {
        struct vcs_oid base = tip;
        tip = put(&base, "b", arena_cstr(fx.a, arena_fmt(fx.a, "%d", i)));
        if (i == 7) told.commit = told.answer = tip; /* no commit that changed "a", so it can only be believed */
    }
    must_ok(vcs_last_commits(fx.repo, &tip, path, 1, NULL, got, fx.a, &e));
    assert_true(vcs_oid_eq(&got[0].id, &first));
    must_ok(vcs_last_commits(fx.repo, &tip, path, COUNT(path), &known, got, fx.a, &e));
    assert_true(vcs_oid_eq(&got[0].id, &told.answer));
    assert_true(vcs_oid_eq(&got[1].id, &tip));
    assert_int_equal(told.opened, 3);
}

/* ------------------------------------------------------------------ who brought each line */

#define ODD "a \"b\"\tü.txt" /* git writes it in quotes */

static size_t blame(const struct vcs_oid *at, const char *path, size_t lines, struct vcs_blame_run **run)
{
    struct buf text = BUF_INIT(0);
    struct err e;
    bool is_whole;
    size_t n;
    must_ok(vcs_blame_text(fx.repo, at, str_c(path), lines, 60000, &text, &is_whole, &e));
    assert_true(is_whole);
    vcs_blame_parse(arena_dup(fx.a, buf_str(&text)), str_c(path), lines, fx.a, run, &n);
    buf_deinit(&text);
    return n;
}

static void each_line_has_the_commit_that_git_says(void **state)
{
    enum { LINES = 30, COMMITS = 60 };
    (void)state;
    unsigned line[LINES] = { 0 }, seed = 7;
    struct vcs_oid at = put(NULL, "other", "x");
    struct vcs_blame_run *run;
    for (unsigned k = 1; k <= COMMITS; k++) {
        char text[LINES * 16] = "";
        for (size_t i = 0, n = 0; i < LINES; i++) {
            seed = seed * 1103515245 + 12345;
            if (k == 1 || (seed >> 16) % LINES < 2) line[i] = k;
            n += (size_t)snprintf(text + n, sizeof text - n, "%zu in %u\n", i, line[i]);
        }
        struct vcs_edit edit[] = { EDIT_PUT("f", text), EDIT_PUT(ODD, text) };
        at = commit(&at, edit, 2);
    }
    set_ref("refs/heads/main", at);
    static const char *const paths[] = { "f", ODD };
    for (size_t p = 0; p < COUNT(paths); p++) {
        str said = shell("git -C r.git blame --root -s -l main -- '%s'", paths[p]), one;
        size_t n = blame(&at, paths[p], LINES, &run), next = 1;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(run[i].line, next);
            assert_true(i == 0 || !vcs_oid_eq(&run[i].commit, &run[i - 1].commit)); /* neighbours are one run */
            for (next += run[i].count; run[i].count; run[i].count--) {
                assert_true(str_cut(&said, '\n', &one));
                assert_str(str_to(one, VCS_OID_HEX), str_c(hex(&run[i].commit)));
            }
            assert_str(run[i].before_path, str_c(paths[p]));
        }
        assert_int_equal(next, LINES + 1);
    }
}

static void what_was_there_before_is_found_under_its_old_name(void **state)
{
    (void)state;
    struct vcs_oid one = put(NULL, ODD, "a\nb\nc\nd\ne\n");
    struct vcs_edit moved[] = { EDIT_PUT("new", "a\nb\nc\nd\nmine\n"), EDIT_REMOVE(ODD, VCS_REMOVE_FILE) };
    struct vcs_oid two = commit(&one, moved, 2);
    struct vcs_blame_run *run;
    assert_int_equal(blame(&two, "new", 5, &run), 2);
    assert_true(vcs_oid_eq(&run[0].commit, &one) && vcs_oid_is_zero(&run[0].before)); /* it began there */
    assert_true(vcs_oid_eq(&run[1].commit, &two) && vcs_oid_eq(&run[1].before, &one));
    assert_str(run[1].before_path, STR(ODD));
    assert_int_equal(blame(&two, "new", 4, &run), 1); /* only the first lines */
    assert_int_equal(run[0].count, 4);

    struct buf text = BUF_INIT(0);
    struct err e;
    bool is_whole;
    assert_false(vcs_blame_text(fx.repo, &two, STR("gone"), 1, 60000, &text, &is_whole, &e));
    assert_non_null(strstr(e.msg, "no such path"));
}

/* A git that says something and then does not end. */
static void lines_that_take_too_long_have_no_commit(void **state)
{
    (void)state;
    char id[VCS_OID_HEX + 1], path[128], *before = getenv("PATH");
    struct vcs_oid one = put(NULL, "f", "a\nb\nc\nd\n");
    struct buf text = BUF_INIT(0);
    struct vcs_blame_run *run;
    struct err e;
    bool is_whole;
    size_t n;
    str kept = arena_dup(fx.a, str_c(before));
    shell("mkdir bin && printf '#!/bin/sh\\necho %s 7 2 2\\necho filename f\\nexec sleep 1000\\n' > bin/git && chmod +x bin/git", vcs_oid_hex(&one, id).p);
    snprintf(path, sizeof path, "%s/bin:/usr/bin:/bin", fx.dir);
    setenv("PATH", path, 1);
    must_ok(vcs_blame_text(fx.repo, &one, STR("f"), 4, 3000, &text, &is_whole, &e));
    setenv("PATH", arena_cstr(fx.a, kept), 1);
    assert_false(is_whole);
    vcs_blame_parse(buf_str(&text), STR("f"), 4, fx.a, &run, &n);
    assert_int_equal(n, 3);
    assert_true(vcs_oid_is_zero(&run[0].commit) && run[0].line == 1 && run[0].count == 1);
    assert_true(vcs_oid_eq(&run[1].commit, &one) && run[1].line == 2 && run[1].count == 2);
    assert_true(vcs_oid_is_zero(&run[2].commit) && run[2].line == 4 && run[2].count == 1);
    buf_deinit(&text);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_end)
    const struct CMUnitTest tests[] = {
        T(refs_change_by_compare_and_swap),
        T(a_walk_ends_where_the_answer_is_known),
        T(a_lock_that_stays_is_busy),
        T(a_move_costs_what_must_be_durable),
        T(a_stale_lock_in_a_short_folder_goes),
        T(every_folder_of_a_new_repository_is_on_disk),
        T(concurrent_writers_lose_nothing),
        T(revisions_resolve_as_documented),
        T(rev_and_path_are_split_greedily),
        T(hidden_history_is_not_reachable),
        T(the_log_has_pages_and_a_total),
        T(last_commits_agree_with_git),
        T(each_line_has_the_commit_that_git_says),
        T(what_was_there_before_is_found_under_its_old_name),
        T(lines_that_take_too_long_have_no_commit),
    };
    return cmocka_run_group_tests_name("vcs_history", tests, NULL, NULL);
}
