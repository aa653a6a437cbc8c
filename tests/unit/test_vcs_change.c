/* Unit tests of src/vcs: merges, rewriting, differences, counting, care; git is the judge. */
#include "vcs_help.h"

#define POINTER(size) "version https://git-lfs.github.com/spec/v1\noid sha256:" \
                      "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize " size "\n"

static struct vcs_oid put(const struct vcs_oid *base, const char *path, const char *text)
{
    struct vcs_edit edit = { .kind = VCS_PUT, .path = str_c(path), .oid = blob(text) };
    return commit(base, &edit, 1);
}

static str files(const char *rev)
{
    return shell("for p in $(git -C r.git ls-tree -r --name-only %s); do "
                 "printf '%%s=%%s ' $p \"$(git -C r.git show %s:$p)\"; done", rev, rev);
}

/* ------------------------------------------------------------------ merge, squash, tag */

static void merges_are_made_or_name_their_conflicts(void **state)
{
    (void)state;
    struct err e;
    struct vcs_edit start[] = { EDIT_PUT("a", "1\n2\n3\n4\n5\n"), EDIT_PUT("b", "B"), EDIT_PUT("c", "C") };
    struct vcs_oid base = commit(NULL, start, COUNT(start)), top = put(&base, "a", "one\n2\n3\n4\n5\n"),
                   bottom = put(&base, "a", "1\n2\n3\n4\nfive\n"), clash = put(&base, "a", "ONE\n2\n3\n4\n5\n"), out;
    struct vcs_edit gone = EDIT_REMOVE("b", VCS_REMOVE_FILE);
    struct vcs_oid without_b = commit(&base, &gone, 1), with_b = put(&base, "b", "new");
    bool clean;
    str *conflicts;
    size_t n;
    str before = shell("git -C r.git cat-file --batch-all-objects --batch-check");
    must_ok(vcs_merge(fx.repo, &top, &bottom, NULL, (str){ 0 }, NULL, &clean, &conflicts, &n, fx.a, &e)); /* a look writes nothing */
    assert_true(clean);
    must_ok(vcs_merge(fx.repo, &top, &clash, NULL, (str){ 0 }, NULL, &clean, &conflicts, &n, fx.a, &e));
    assert_true(!clean && n == 1);
    vcs_close(fx.repo);
    must_ok(vcs_open(fx.path, &fx.repo, &e));
    assert_str(shell("git -C r.git cat-file --batch-all-objects --batch-check"), before);
    must_ok(vcs_merge(fx.repo, &top, &bottom, &somebody, STR("both"), &out, &clean, &conflicts, &n, fx.a, &e));
    assert_true(clean);
    set_ref("refs/heads/main", out);
    assert_str(shell("git -C r.git show main:a"), STR("one\n2\n3\n4\nfive\n"));
    assert_str(shell("git -C r.git log -1 --format=%%s:%%P main"),
               arena_fmt(fx.a, "both:%s %s\n", hex(&top), hex(&bottom)));

    must_ok(vcs_merge(fx.repo, &top, &clash, &somebody, STR("m"), &out, &clean, &conflicts, &n, fx.a, &e));
    assert_false(clean);
    assert_int_equal(n, 1);
    assert_str(conflicts[0], STR("a"));
    must_ok(vcs_merge(fx.repo, &without_b, &with_b, &somebody, STR("m"), &out, &clean, &conflicts, &n, fx.a, &e));
    assert_false(clean);
    assert_str(conflicts[0], STR("b"));

    must_ok(vcs_merge(fx.repo, &base, &top, &somebody, STR("m"), &out, &clean, &conflicts, &n, fx.a, &e));
    assert_true(clean && vcs_oid_eq(&out, &top)); /* fast-forward */
    must_ok(vcs_merge(fx.repo, &top, &base, &somebody, STR("m"), &out, &clean, &conflicts, &n, fx.a, &e));
    assert_true(clean && vcs_oid_eq(&out, &top)); /* nothing to do */
}

static void squashes_and_tags(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "b", "2"), flat, tag, zero = { { 0 } };
    must_ok(vcs_squash(fx.repo, &two, &somebody, STR("all in one"), &flat, &e));
    set_ref("refs/heads/main", flat);
    assert_str(shell("git -C r.git log --format=%%s:%%P main"), STR("all in one:\n"));
    assert_str(files("main"), STR("a=1 b=2 "));
    must_ok(vcs_annotated_tag(fx.repo, STR("v1"), &flat, &somebody, STR("first"), &tag, &e));
    must_ok(vcs_ref_set(fx.repo, STR("refs/tags/v1"), &zero, &tag, STR(""), &e));
    assert_str(shell("git -C r.git for-each-ref refs/tags --format='%%(objecttype) %%(taggername) %%(subject) %%(*objectname)'"),
               arena_fmt(fx.a, "tag Ada first %s\n", hex(&flat)));
    assert_false(vcs_annotated_tag(fx.repo, STR("a..b"), &flat, &somebody, STR(""), &tag, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
}

/* ------------------------------------------------------------------ rewriting */

static bool drop_large(void *ctx, const struct vcs_entry *entry)
{
    (void)ctx;
    return entry->lfs.is_lfs && entry->lfs.size_bytes == 7;
}

static void rewritten_history_has_no_dropped_file(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "d/e/big.bin", POINTER("7")), three = put(&two, "d/f", "3"),
                   side = put(&one, "s", "4"), merged, out, same;
    bool clean;
    str *conflicts;
    size_t n;
    must_ok(vcs_merge(fx.repo, &three, &side, &somebody, STR("m"), &merged, &clean, &conflicts, &n, fx.a, &e));
    struct vcs_edit gone = EDIT_REMOVE("d/e/big.bin", VCS_REMOVE_FILE);
    struct vcs_oid tip = commit(&merged, &gone, 1);
    must_ok(vcs_rewrite_without(fx.repo, &tip, drop_large, NULL, &out, &e));
    set_ref("refs/heads/main", out);
    assert_str(files("main"), STR("a=1 d/f=3 s=4 "));
    assert_str(str_trim(shell("git -C r.git rev-list --objects main | grep -c big.bin || true")), STR("0"));
    assert_str(str_trim(shell("git -C r.git rev-list --count main")), STR("6"));
    assert_str(str_trim(shell("git -C r.git rev-list --max-parents=0 main")), str_c(hex(&one))); /* untouched */
    must_ok(vcs_rewrite_without(fx.repo, &out, drop_large, NULL, &same, &e));
    assert_true(vcs_oid_eq(&out, &same));
}

/* ------------------------------------------------------------------ differences */

static str changes(const struct vcs_oid *base, const struct vcs_oid *head, size_t limit)
{
    struct err e;
    struct vcs_change *c;
    struct buf out = BUF_INIT(0);
    size_t n;
    must_ok(vcs_diff(fx.repo, base, head, limit, fx.a, &c, &n, &e));
    for (size_t i = 0; i < n; i++)
        buf_addf(&out, "%c%d %06o %06o %.7s %.7s %.*s %.*s %s%llu\n", c[i].status, c[i].score, c[i].old_mode, c[i].new_mode,
                 hex(&c[i].old_oid), hex(&c[i].new_oid), STR_ARG(c[i].old_path), STR_ARG(c[i].new_path),
                 c[i].is_binary ? "B" : "T", (unsigned long long)c[i].new_bytes);
    str text = arena_dup(fx.a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void differences_agree_with_git(void **state)
{
    (void)state;
    struct err e;
    struct vcs_edit start[] = { EDIT_PUT("keep", "k"), EDIT_PUT("change", "1"), EDIT_PUT("drop", "d"),
                                EDIT_PUT("old/name", "a line\nanother line\nthird\n"), EDIT_PUT("type", "t"),
                                EDIT_PUT("mode", "m"), EDIT_PUT("m.bin", POINTER("5")) };
    struct vcs_oid base = commit(NULL, start, COUNT(start));
    struct vcs_edit next[] = { EDIT_PUT("change", "2"), EDIT_REMOVE("drop", VCS_REMOVE_FILE), EDIT_PUT("add", "new file"),
                               EDIT_REMOVE("old/name", VCS_REMOVE_FILE), EDIT_PUT("type", "t"), EDIT_PUT("mode", "m"),
                               EDIT_PUT("new/name", "a line\nanother line\nthird\n"), EDIT_PUT("m.bin", POINTER("123456")) };
    next[4].mode = 0120000;
    next[5].mode = 0100755;
    struct vcs_oid head = commit(&base, next, COUNT(next)), zeros = { { 0 } };
    set_ref("refs/heads/base", base);
    set_ref("refs/heads/main", head);
    str git_says = shell("git -C r.git diff --raw -M --no-abbrev base main | "
                         "awk '{ split($0, p, \"\\t\"); print $1, $2, substr($3,1,7), substr($4,1,7), $5, p[2], p[3] }' | "
                         "sed 's/^://'"), rest = git_says, line;
    struct vcs_change *c;
    size_t n, lines = 0;
    must_ok(vcs_diff(fx.repo, &base, &head, 100, fx.a, &c, &n, &e));
    while (rest.n > 0 && str_cut(&rest, '\n', &line) && line.n > 0) {
        bool found = false;
        for (size_t i = 0; i < n; i++) {
            bool two = c[i].status == 'R';
            str mine = arena_fmt(fx.a, "%06o %06o %.7s %.7s %c%s %.*s %.*s", c[i].old_mode, c[i].new_mode, hex(&c[i].old_oid),
                                 hex(&c[i].new_oid), c[i].status, two ? "100" : "", STR_ARG(c[i].old_path),
                                 two ? (int)c[i].new_path.n : 0, c[i].new_path.p);
            found = found || str_eq(mine, line);
        }
        if (!found) fail_msg("git says %.*s, we:\n%.*s", STR_ARG(line), STR_ARG(changes(&base, &head, 100)));
        lines++;
    }
    assert_int_equal(lines, n);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(c[i].new_path, STR("m.bin"))) continue;
        assert_true(c[i].is_binary && c[i].new_bytes == 123456);
    }
    must_ok(vcs_diff(fx.repo, &base, &head, 2, fx.a, &c, &n, &e));
    assert_int_equal(n, 2);
    must_ok(vcs_diff(fx.repo, NULL, &base, 100, fx.a, &c, &n, &e));
    assert_int_equal(n, COUNT(start));
    assert_true(c[0].status == 'A' && vcs_oid_eq(&c[0].old_oid, &zeros));

    struct buf text = BUF_INIT(1 << 20), small = BUF_INIT(100);
    must_ok(vcs_diff_text(fx.repo, &base, &head, &text, &e));
    shell("git init -q w");
    char path[128];
    snprintf(path, sizeof path, "%s/patch", fx.dir);
    must_ok(os_write_file(fx.dir, path, bytes_of(buf_str(&text)), &e));
    /* Git accepts our patch and arrives at the same tree. */
    shell("cd w && git fetch -q ../r.git base && git checkout -q FETCH_HEAD && git apply --index ../patch && git write-tree "
          ">../tree && test $(cat ../tree) = $(git -C ../r.git rev-parse main^{tree})");
    assert_false(vcs_diff_text(fx.repo, &base, &head, &small, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_deinit(&text);
    buf_deinit(&small);
}

/* ------------------------------------------------------------------ counting */

struct told {
    struct buf text;
    size_t fail_after;
    bool tells_tips;
};

static bool tell_new(void *ctx, size_t tip, const struct vcs_commit *c, const struct vcs_entry *entry, struct err *e)
{
    struct told *t = ctx;
    if (t->fail_after && --t->fail_after == 0) return err_set(e, ERR_DENIED, "no more of this");
    buf_addf(&t->text, "%.*s:%.*s ", STR_ARG(c->title), STR_ARG(entry->path));
    if (t->tells_tips) buf_addf(&t->text, "(%zu) ", tip);
    return true;
}

static bool tell_all(void *ctx, const struct vcs_entry *entry)
{
    struct told *t = ctx;
    buf_addf(&t->text, "%.*s ", STR_ARG(entry->path));
    return true;
}

static struct vcs_oid named(const char *title, const struct vcs_oid *base, const char *path, const char *text)
{
    struct err e;
    struct vcs_oid id;
    struct vcs_edit edit = { .kind = text ? VCS_PUT : VCS_REMOVE_FILE, .path = str_c(path) };
    if (text) edit.oid = blob(text);
    must_ok(try_commit(base, &edit, 1, str_c(title), &id, &e));
    return id;
}

static void new_files_of_every_commit_are_seen(void **state)
{
    (void)state;
    struct err e;
    struct told t = { 0 };
    struct vcs_oid old = named("old", NULL, "a/x", "1");
    set_ref("refs/heads/main", old);
    struct vcs_oid one = named("one", &old, "secret", "s"), two = named("two", &one, "secret", NULL),
                   three = named("three", &two, "a/y", "2"), other = named("other", &old, "b", "3"), merged;
    bool clean;
    str *conflicts;
    size_t n;
    uint64_t work = 0, first, both;
    must_ok(vcs_merge(fx.repo, &three, &other, &somebody, STR("merge"), &merged, &clean, &conflicts, &n, fx.a, &e));
    must_ok(vcs_new_blobs(fx.repo, &merged, 1, &work, tell_new, &t, &e));
    str seen = arena_dup(fx.a, buf_str(&t.text)); /* a file that a later commit removes, too */
    assert_true(str_find(seen, STR("one:secret ")) != STR_NONE && str_find(seen, STR("three:a/y ")) != STR_NONE &&
                str_find(seen, STR("other:b ")) != STR_NONE);
    assert_int_equal(seen.n, strlen("one:secret three:a/y other:b "));
    buf_reset(&t.text);
    must_ok(vcs_new_blobs(fx.repo, &old, 1, &work, tell_new, &t, &e));
    assert_int_equal(t.text.n, 0);
    struct vcs_oid root = named("root", NULL, "r", "1"); /* no common history */
    must_ok(vcs_new_blobs(fx.repo, &root, 1, &work, tell_new, &t, &e));
    assert_str(buf_str(&t.text), STR("root:r "));
    t.fail_after = 2;
    assert_false(vcs_new_blobs(fx.repo, &merged, 1, &work, tell_new, &t, &e));
    assert_string_equal(e.msg, "no more of this");

    t.fail_after = 0;

    work = 0; /* of one push: of its refs together, and refused where it is too much */
    must_ok(vcs_new_blobs(fx.repo, &merged, 1, &work, tell_new, &t, &e));
    first = work;
    assert_true(first > 0);
    must_ok(vcs_new_blobs(fx.repo, &root, 1, &work, tell_new, &t, &e));
    both = work;
    assert_true(both > first);
    work = VCS_WORK_MAX - first;
    must_ok(vcs_new_blobs(fx.repo, &merged, 1, &work, tell_new, &t, &e));
    work = VCS_WORK_MAX - first + 1;
    assert_false(vcs_new_blobs(fx.repo, &merged, 1, &work, tell_new, &t, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_true(str_find(str_c(e.msg), STR("push them in parts")) != STR_NONE);

    struct vcs_oid tips[] = { two, three, two }; /* what two refs share is told once */
    buf_reset(&t.text);
    t.tells_tips = true;
    work = 0;
    must_ok(vcs_new_blobs(fx.repo, tips, COUNT(tips), &work, tell_new, &t, &e));
    assert_str(buf_str(&t.text), STR("three:a/y (1) one:secret (0) "));

    set_ref("refs/pr/1", three);
    buf_reset(&t.text);
    must_ok(vcs_all_blobs(fx.repo, tell_all, &t, &e));
    assert_int_equal(t.text.n, strlen("a/x a/y secret "));
    buf_deinit(&t.text);
}

/* Folders that name the same folder ten times, ten levels deep: 10^10 files in a kilobyte. */
static void a_tree_bomb_is_refused_or_counted_once(void **state)
{
    (void)state;
    struct err e;
    struct told t = { 0 };
    shell("cd r.git && id=$(echo x | git hash-object -w --stdin) && mode=100644 && type=blob && for level in 1 2 3 4 5 6 7 8 9 10; "
          "do id=$(for n in 0 1 2 3 4 5 6 7 8 9; do printf \"$mode $type $id\\t$n\\n\"; done | git mktree); mode=040000; "
          "type=tree; done; c=$(git -c user.name=a -c user.email=a commit-tree -m bomb $id); git update-ref refs/heads/bomb $c && git repack -adq");
    struct vcs_revision bomb;
    bool found;
    uint64_t work = 0;
    must_ok(vcs_resolve(fx.repo, STR("bomb"), &bomb, &found, fx.a, &e));
    must_ok(vcs_all_blobs(fx.repo, tell_all, &t, &e));
    assert_str(buf_str(&t.text), STR("0/0/0/0/0/0/0/0/0/0 "));
    shell("git -C r.git update-ref -d refs/heads/bomb");
    buf_deinit(&t.text);
    t = (struct told){ .text = BUF_INIT(1000) };
    assert_false(vcs_new_blobs(fx.repo, &bomb.commit, 1, &work, tell_new, &t, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_deinit(&t.text);
}

/* ------------------------------------------------------------------ care */

static void count_problem(void *ctx, str what)
{
    (void)what;
    ++*(int *)ctx;
}

static void check_finds_damage(void **state)
{
    (void)state;
    struct err e;
    int problems = 0;
    struct vcs_oid one = put(NULL, "a", "1");
    set_ref("refs/heads/main", one);
    must_ok(vcs_check(fx.path, count_problem, &problems, &e));
    assert_int_equal(problems, 0);
    shell("cp -r r.git bad.git && chmod -R u+w bad.git && cd bad.git/objects/pack && for p in *.pack; do "
          "printf x | dd of=$p bs=1 seek=20 conv=notrunc 2>/dev/null; done");
    char bad[128];
    snprintf(bad, sizeof bad, "%s/bad.git", fx.dir);
    must_ok(vcs_check(bad, count_problem, &problems, &e));
    assert_true(problems > 0);
}

static void a_large_push_wants_a_commit_graph(void **state)
{
    (void)state;
    struct err e;
    bool yes;
    struct vcs_oid tip = put(NULL, "a", "0");
    set_ref("refs/heads/main", tip);
    must_ok(vcs_wants_graph(fx.path, &yes, &e));
    assert_false(yes);
    shell("for i in $(seq 1200); do printf 'commit refs/heads/long\\ncommitter A <a> %%d +0000\\ndata 1\\nx\\nM 100644 inline f\\ndata 4\\n%%04d\\n' $i $i; done"
          " | git -C r.git -c fastimport.unpackLimit=0 fast-import --quiet");
    must_ok(vcs_wants_graph(fx.path, &yes, &e));
    assert_true(yes);
    must_ok(vcs_write_graph(fx.path, &e));
    shell("git -C r.git commit-graph verify --no-progress");
    must_ok(vcs_wants_graph(fx.path, &yes, &e));
    assert_false(yes);
    tip = put(&tip, "a", "1");
    must_ok(vcs_wants_graph(fx.path, &yes, &e)); /* one commit more is read in no time */
    assert_false(yes);
}

static void maintenance_packs_and_forgets_what_nobody_names(void **state)
{
    (void)state;
    struct err e;
    bool yes;
    struct vcs_oid tip = put(NULL, "a", "0"), lost = put(&tip, "lost", "x");
    set_ref("refs/heads/main", lost);
    for (int i = 0; i < 55; i++) {
        struct vcs_oid base = tip;
        tip = put(&base, "a", arena_cstr(fx.a, arena_fmt(fx.a, "%d", i)));
    }
    set_ref("refs/heads/main", tip);
    must_ok(vcs_wants_maintenance(fx.path, &yes, &e));
    assert_true(yes);
    must_ok(vcs_maintain(fx.path, 3600, &e));
    must_ok(vcs_wants_maintenance(fx.path, &yes, &e));
    assert_false(yes);
    shell("git -C r.git cat-file -e %s", hex(&lost)); /* young, so it stays */
    struct vcs_commit c;
    bool found;
    must_ok(vcs_commit_read(fx.repo, &tip, &c, &found, fx.a, &e)); /* an open handle goes on working */
    assert_true(found);
    must_ok(vcs_maintain(fx.path, 0, &e));
    shell("! git -C r.git cat-file -e %s 2>/dev/null", hex(&lost));
    assert_str(str_trim(shell("git -C r.git rev-list --count main; ls r.git/objects/pack/*.pack | wc -l")), STR("56\n1"));
    tip = put(&tip, "b", "and writing, too");
    set_ref("refs/heads/main", tip);
}

static void small_packs_become_one_and_lose_nothing(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid tip = put(NULL, "a", "0"), lost = put(&tip, "lost", "x");
    shell("cd r.git/objects/pack && touch $(ls *.idx | head -1 | sed s/idx/keep/)");
    must_ok(vcs_gather_packs(fx.path, &e)); /* not worth it yet */
    shell("dd if=/dev/urandom of=large bs=1M count=5 status=none && cd r.git && git hash-object -w ../large | git pack-objects -q objects/pack/pack && git prune-packed");
    shell("cd r.git && echo loose | git hash-object -w --stdin");
    for (int i = 0; i < 60; i++) {
        struct vcs_oid base = tip;
        tip = put(&base, "a", arena_cstr(fx.a, arena_fmt(fx.a, "%d", i)));
    }
    set_ref("refs/heads/main", tip);
    str kept = shell("cd r.git/objects/pack && ls *.keep && ls -S *.pack | head -1");
    must_ok(vcs_gather_packs(fx.path, &e));
    assert_str(str_trim(shell("cd r.git/objects/pack && ls *.pack | wc -l && ls *.idx | wc -l && ls *.keep | sed s/keep/pack/ | xargs ls | wc -l")), STR("3\n3\n1"));
    assert_str(shell("cd r.git/objects/pack && ls *.keep && ls -S *.pack | head -1"), kept); /* what a push holds, and what is large */
    shell("git -C r.git cat-file -e %s && git -C r.git fsck --full", hex(&lost));
    assert_str(str_trim(shell("git -C r.git rev-list --count main && find r.git/objects/?? -type f | wc -l")), STR("61\n1"));
    struct vcs_commit c;
    bool found;
    must_ok(vcs_commit_read(fx.repo, &tip, &c, &found, fx.a, &e)); /* an open handle goes on working */
    assert_true(found);
}

/* 300 commits, a third of them merges of up to four lines. */
static struct vcs_oid tangle(void)
{
    uint64_t seed = 7;
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 1; i <= 300; i++) {
        buf_addf(&b, "commit refs/heads/main\nmark :%d\ncommitter A <a@example.org> %d +0000\ndata 1\n.\n", i, 1700000000 + i / 3);
        int parents = i == 1 ? 0 : (int)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 60) - 10;
        for (int k = 0; i > 1 && k < (parents < 1 ? 1 : parents > 4 ? 4 : parents); k++)
            buf_addf(&b, "%s :%d\n", k ? "merge" : "from", i - 1 - (k * 3 < i - 1 ? k * 3 : 0));
        buf_addf(&b, "M 100644 inline f\ndata 3\n%03d\n", i);
    }
    char path[96];
    struct err e;
    struct vcs_oid tip;
    snprintf(path, sizeof path, "%s/stream", fx.dir);
    must_ok(os_write_file(fx.dir, path, bytes_of(buf_str(&b)), &e));
    buf_deinit(&b);
    shell("git -C r.git -c fastimport.unpackLimit=1 fast-import --quiet < stream");
    assert_true(vcs_oid_parse(str_trim(shell("git -C r.git rev-parse main")), &tip));
    return tip;
}

static void a_history_is_read_from_the_commit_graph_in_the_same_order(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid tip = tangle(), *before, *after;
    struct vcs_repo *repo;
    size_t n, m;
    must_ok(vcs_log_ids(fx.repo, &tip, fx.a, &before, &n, &e));
    assert_int_equal(n, 300);
    must_ok(vcs_maintain(fx.path, 3600, &e));
    shell("ls r.git/objects/pack > packed && mkdir away");
    struct vcs_oid newer = put(&tip, "a", "1");
    shell("cd r.git/objects/pack && mv $(cat ../../../packed) ../../../away"); /* the newest commit and the graph are there, no other commit is */
    must_ok(vcs_open(fx.path, &repo, &e));
    must_ok(vcs_log_ids(repo, &newer, fx.a, &after, &m, &e));
    vcs_close(repo);
    shell("mv away/* r.git/objects/pack");
    set_ref("refs/heads/main", newer);
    assert_int_equal(m, n + 1);
    assert_memory_equal(after + 1, before, n * sizeof *before);
}

static void copies_share_nothing_and_lose_nothing(void **state)
{
    (void)state;
    struct err e;
    char to[128];
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "b", "2"), lost = put(&one, "c", "3");
    set_ref("refs/heads/main", one);
    set_ref("refs/pr/1", two);
    snprintf(to, sizeof to, "%s/copy.git", fx.dir);
    must_ok(vcs_copy(fx.path, to, &e));
    assert_str(shell("git -C copy.git for-each-ref"), shell("git -C r.git for-each-ref"));
    shell("test ! -e copy.git/objects/info/alternates && git -C copy.git fsck --strict && "
          "cmp r.git/config copy.git/config && test -x copy.git/hooks/pre-receive && ! git -C copy.git cat-file -e %s "
          "2>/dev/null", hex(&lost));
    assert_false(vcs_copy(fx.path, to, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    snprintf(to, sizeof to, "%s/empty.git", fx.dir);
    char again[128];
    snprintf(again, sizeof again, "%s/again.git", fx.dir);
    must_ok(vcs_create(to, &e));
    must_ok(vcs_copy(to, again, &e)); /* nothing to fetch is fine */
    assert_false(vcs_create(to, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
}

/* ------------------------------------------------------------------ size */

static bool count_entries(void *ctx, const struct vcs_entry *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return true;
}

/* One flat folder and one deep tree: both in one commit, in a few packs instead of 100,000 files. */
static void a_hundred_thousand_files_fit_in_a_commit(void **state)
{
    (void)state;
    enum { FILES = 100000 };
    struct err e;
    struct vcs_edit *edits = mem_alloc(FILES * sizeof *edits);
    for (size_t i = 0; i < FILES; i++) {
        str text = arena_fmt(fx.a, "%zu", i % 50000);
        edits[i].path = i % 2 ? arena_fmt(fx.a, "flat/%zu", i) : arena_fmt(fx.a, "d%zu/e%zu/f%zu/g", i % 10, i % 1000, i);
        must_ok(vcs_blob_write(fx.repo, bytes_of(text), &edits[i].oid, &e));
    }
    struct vcs_oid c = commit(NULL, edits, FILES);
    set_ref("refs/heads/main", c);
    mem_free(edits);
    size_t n = 0;
    bool found;
    struct vcs_walk w = { .recursive = true, .fn = count_entries, .ctx = &n };
    must_ok(vcs_tree_walk(fx.repo, &c, &w, &found, &e));
    assert_true(n > FILES);
    assert_str(str_trim(shell("git -C r.git ls-tree -r main | wc -l; ls r.git/objects | wc -l")), STR("100000\n2"));
    n = 0;
    w = (struct vcs_walk){ .path = STR("flat"), .after = STR("flat/99990"), .fn = count_entries, .ctx = &n };
    must_ok(vcs_tree_walk(fx.repo, &c, &w, &found, &e));
    assert_int_equal(n, 5); /* 99991, 99993, ... */
}

/* A full disk at every point of a commit: an error, no ref moved, and the next try succeeds. */
static void a_full_disk_leaves_nothing_half_done(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), c;
    set_ref("refs/heads/main", one);
    int failed = 0;
    for (uint64_t n = 1; n < 50; n++) {
        struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("b"),
                                 .oid = blob(arena_cstr(fx.a, arena_fmt(fx.a, "%llu", (unsigned long long)n))) };
        os_fault_after(n, 28, true); /* ENOSPC */
        bool ok = try_commit(&one, &edit, 1, STR("m"), &c, &e);
        os_fault_after(0, 0, false);
        if (ok) break;
        failed++;
        assert_int_equal(e.code, ERR_NO_SPACE);
        must_ok(try_commit(&one, &edit, 1, STR("m"), &c, &e));
        assert_str(str_trim(shell("git -C r.git rev-parse main; ls r.git/objects/pack | grep -c stage || true")),
                   arena_fmt(fx.a, "%s\n0", hex(&one)));
    }
    assert_true(failed >= 4);
    set_ref("refs/heads/main", c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_end)
    const struct CMUnitTest tests[] = {
        T(merges_are_made_or_name_their_conflicts),
        T(squashes_and_tags),
        T(rewritten_history_has_no_dropped_file),
        T(differences_agree_with_git),
        T(new_files_of_every_commit_are_seen),
        T(a_tree_bomb_is_refused_or_counted_once),
        T(check_finds_damage),
        T(a_large_push_wants_a_commit_graph),
        T(maintenance_packs_and_forgets_what_nobody_names),
        T(small_packs_become_one_and_lose_nothing),
        T(a_history_is_read_from_the_commit_graph_in_the_same_order),
        T(copies_share_nothing_and_lose_nothing),
        T(a_hundred_thousand_files_fit_in_a_commit),
        T(a_full_disk_leaves_nothing_half_done),
    };
    return cmocka_run_group_tests_name("vcs_change", tests, NULL, NULL);
}
