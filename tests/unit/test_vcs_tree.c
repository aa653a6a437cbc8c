/* Unit tests of src/vcs: objects, trees, commits, refs, revisions; stock git is the judge. */
#include "vcs_help.h"

#include "vcs/path.h"

/* ------------------------------------------------------------------ paths */

static const struct {
    str path;
    bool ok;
} path_case[] = {
    { STR_INIT("a"), true },
    { STR_INIT("README.md"), true },
    { STR_INIT("a/b/c.bin"), true },
    { STR_INIT("a b/\xc3\xa9 \xe6\xbc\xa2.txt"), true },
    { STR_INIT(".gitattributes"), true },
    { STR_INIT(".github/x"), true },
    { STR_INIT("..."), true },
    { STR_INIT("-rf"), true },
    { STR_INIT("a\\b"), true },
    { STR_INIT("a\nb"), true },
    { STR_INIT("git~2"), true },
    { STR_INIT("CON"), true },
    { STR_INIT(""), false },
    { STR_INIT("/a"), false },
    { STR_INIT("a/"), false },
    { STR_INIT("a//b"), false },
    { STR_INIT("."), false },
    { STR_INIT("a/./b"), false },
    { STR_INIT("../a"), false },
    { STR_INIT("a/.."), false },
    { STR_INIT("..\\a"), false },
    { STR_INIT("a\0b"), false },
    { STR_INIT("\xff"), false },
    { STR_INIT("a/\xc0\xaf"), false },
    { STR_INIT(".git"), false },
    { STR_INIT(".GiT/config"), false },
    { STR_INIT("a/.git/hooks/x"), false },
    { STR_INIT("git~1"), false },
    { STR_INIT("GIT~1/x"), false },
    { STR_INIT(".git "), false },
    { STR_INIT(".git..."), false },
    { STR_INIT(".git. ./x"), false },
    { STR_INIT(".git::$INDEX_ALLOCATION"), false },
    { STR_INIT(".g\xe2\x80\x8cit"), false },
    { STR_INIT("\xef\xbb\xbf.git"), false },
    { STR_INIT("a\\.git\\x"), false },
};

static void paths_are_allowed_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(path_case); i++) {
        struct err e;
        if (vcs_path_check(path_case[i].path, &e) != path_case[i].ok) fail_msg("case %zu: %s", i, path_case[i].path.p);
    }
    struct err e;
    char text[VCS_PATH_BYTES_MAX + 2];
    memset(text, 'a', sizeof text);
    for (size_t i = 200; i < sizeof text; i += 200) text[i] = '/';
    assert_true(vcs_path_check(str_n(text, 999), &e));
    assert_false(vcs_path_check(str_n(text, 1001), &e));
    memset(text, 'a', sizeof text);
    assert_true(vcs_path_check(str_n(text, 255), &e));
    assert_false(vcs_path_check(str_n(text, 256), &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
}

/* ------------------------------------------------------------------ commits */

static void files_come_back_and_git_agrees(void **state)
{
    (void)state;
    struct vcs_edit edits[] = { EDIT_PUT("README.md", "hello\n"), EDIT_PUT("a/b/c.txt", "deep\n"),
                                EDIT_PUT("a.txt", "x"), EDIT_PUT("empty", ""),
                                EDIT_PUT("\xe6\xbc\xa2/\xc3\xa9 b\\c", "odd") };
    edits[2].mode = 0100755;
    struct vcs_oid c = commit(NULL, edits, COUNT(edits));
    set_ref("refs/heads/main", c);
    assert_str(shell("git -C r.git show main:a/b/c.txt"), STR("deep\n"));
    assert_str(shell("git -C r.git -c core.quotePath=off ls-tree -r --format='%%(objectmode) %%(path)' main"),
               STR("100644 README.md\n100755 a.txt\n100644 a/b/c.txt\n100644 empty\n"
                   "100644 \"\xe6\xbc\xa2/\xc3\xa9 b\\\\c\"\n"));
    assert_str(shell("git -C r.git log -1 --format='%%an <%%ae> %%at %%s' main"),
               STR("Ada <ada@example.org> 1700000000 a change\n"));

    struct err e;
    struct vcs_entry entry;
    bool found;
    bytes content;
    must_ok(vcs_entry_find(fx.repo, &c, STR("a/b/c.txt"), &entry, &found, fx.a, &e));
    assert_true(found);
    assert_int_equal(entry.blob_bytes, 5);
    must_ok(vcs_blob_read(fx.repo, &entry.oid, 5, fx.a, &content, &e));
    assert_str(str_of(content), STR("deep\n"));
    assert_false(vcs_blob_read(fx.repo, &entry.oid, 4, fx.a, &content, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    static const str absent[] = { STR_INIT("a/b/c"), STR_INIT("a/b/c.txt/d"), STR_INIT("/a"), STR_INIT("a/"),
                                  STR_INIT("a//b"), STR_INIT("A") };
    for (size_t i = 0; i < COUNT(absent); i++) {
        must_ok(vcs_entry_find(fx.repo, &c, absent[i], &entry, &found, fx.a, &e));
        if (found) fail_msg("found %s", absent[i].p);
    }
    must_ok(vcs_entry_find(fx.repo, &c, STR("a/b"), &entry, &found, fx.a, &e));
    assert_true(found && entry.kind == VCS_DIR);
    must_ok(vcs_entry_find(fx.repo, &c, STR(""), &entry, &found, fx.a, &e));
    assert_true(found && entry.kind == VCS_DIR);
    struct vcs_oid deep = blob("deep\n");
    char hex[VCS_OID_HEX + 1];
    assert_str(vcs_oid_hex(&deep, hex), STR("4cdb2265d30204be5463b38174b2e8e717982405"));
}

/* A list of edits on a base, and the files that must be there afterwards (or the refusal). */
enum { E_MAX = 5 };
static const struct edit_case {
    const char *name;
    struct {
        enum vcs_edit_kind kind;
        const char *path, *text;
    } edit[E_MAX];
    const char *want; /* "path=text " of each file; NULL: EntryNotFound */
} edit_case[] = { /* the base holds f=F d/x=X d/y=Y e/z/w=W */
    { "nothing", { { 0 } }, "d/x=X d/y=Y e/z/w=W f=F " },
    { "last put wins", { { VCS_PUT, "f", "1" }, { VCS_PUT, "f", "2" } }, "d/x=X d/y=Y e/z/w=W f=2 " },
    { "remove then put", { { VCS_REMOVE_FILE, "f" }, { VCS_PUT, "f", "2" } }, "d/x=X d/y=Y e/z/w=W f=2 " },
    { "put then remove", { { VCS_PUT, "n", "2" }, { VCS_REMOVE_FILE, "n" } }, "d/x=X d/y=Y e/z/w=W f=F " },
    { "file becomes folder", { { VCS_PUT, "f/g", "G" } }, "d/x=X d/y=Y e/z/w=W f/g=G " },
    { "folder becomes file", { { VCS_PUT, "d", "D" } }, "d=D e/z/w=W f=F " },
    { "there and back", { { VCS_PUT, "d", "D" }, { VCS_PUT, "d/x", "2" } }, "d/x=2 e/z/w=W f=F " },
    { "folder emptied and filled", { { VCS_REMOVE_DIR, "d" }, { VCS_PUT, "d/n", "N" } }, "d/n=N e/z/w=W f=F " },
    { "empty folders vanish", { { VCS_REMOVE_FILE, "e/z/w" } }, "d/x=X d/y=Y f=F " },
    { "remove any file", { { VCS_REMOVE_ANY, "f" } }, "d/x=X d/y=Y e/z/w=W " },
    { "remove any folder", { { VCS_REMOVE_ANY, "d" } }, "e/z/w=W f=F " },
    { "remove a new folder", { { VCS_PUT, "n/a", "1" }, { VCS_REMOVE_DIR, "n" } }, "d/x=X d/y=Y e/z/w=W f=F " },
    { "put beside a removed folder", { { VCS_REMOVE_DIR, "e/z" }, { VCS_PUT, "e/q", "Q" } }, "d/x=X d/y=Y e/q=Q f=F " },
    { "all gone", { { VCS_REMOVE_DIR, "d" }, { VCS_REMOVE_DIR, "e" }, { VCS_REMOVE_FILE, "f" } }, "" },
    { "order of d, d-, d.", { { VCS_PUT, "d-", "1" }, { VCS_PUT, "d.", "2" }, { VCS_PUT, "d0", "3" } },
      "d-=1 d.=2 d/x=X d/y=Y d0=3 e/z/w=W f=F " },
    { "folder to file keeps order", { { VCS_PUT, "d", "D" }, { VCS_PUT, "d-", "1" }, { VCS_PUT, "d.", "2" } },
      "d=D d-=1 d.=2 e/z/w=W f=F " },
    { "absent", { { VCS_REMOVE_FILE, "q" } }, NULL },
    { "twice", { { VCS_REMOVE_FILE, "f" }, { VCS_REMOVE_FILE, "f" } }, NULL },
    { "a folder is no file", { { VCS_REMOVE_FILE, "d" } }, NULL },
    { "a file is no folder", { { VCS_REMOVE_DIR, "f" } }, NULL },
    { "below a file", { { VCS_REMOVE_ANY, "f/x" } }, NULL },
    { "below a new file", { { VCS_PUT, "d", "D" }, { VCS_REMOVE_ANY, "d/x" } }, NULL },
    { "below a removed folder", { { VCS_REMOVE_DIR, "d" }, { VCS_REMOVE_FILE, "d/x" } }, NULL },
    { "hidden below a remade folder",
      { { VCS_REMOVE_DIR, "d" }, { VCS_PUT, "d/n", "1" }, { VCS_REMOVE_FILE, "d/x" } }, NULL },
};

static void edits_are_applied_in_order(void **state)
{
    (void)state;
    struct vcs_edit base_edits[] = { EDIT_PUT("f", "F"), EDIT_PUT("d/x", "X"), EDIT_PUT("d/y", "Y"),
                                     EDIT_PUT("e/z/w", "W") };
    struct vcs_oid base = commit(NULL, base_edits, COUNT(base_edits)), c;
    for (size_t i = 0; i < COUNT(edit_case); i++) {
        const struct edit_case *k = &edit_case[i];
        struct vcs_edit edits[E_MAX];
        size_t n = 0;
        for (; n < E_MAX && k->edit[n].path; n++) {
            edits[n] = (struct vcs_edit){ .kind = k->edit[n].kind, .path = str_c(k->edit[n].path) };
            if (k->edit[n].text) edits[n].oid = blob(k->edit[n].text);
        }
        struct err e;
        bool ok = try_commit(&base, edits, n, str_c(k->name), &c, &e);
        if (ok != (k->want != NULL)) fail_msg("%s: %s", k->name, ok ? "accepted" : e.msg);
        if (!ok) {
            assert_int_equal(e.code, ERR_NOT_FOUND);
            assert_string_equal(e.kind, "EntryNotFound");
            continue;
        }
        set_ref("refs/heads/case", c);
        str got = shell("for p in $(git -C r.git ls-tree -r --name-only case); do "
                        "printf '%%s=%%s ' $p $(git -C r.git show case:$p); done");
        if (!str_eq(got, str_c(k->want))) fail_msg("%s: got %.*s", k->name, STR_ARG(got));
        shell("git -C r.git fsck --strict --no-dangling"); /* sorted, above all */
    }
}

static void bad_edits_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid c;
    struct vcs_edit bad_path = EDIT_PUT("a/.git/x", "1"), no_blob = EDIT_PUT("a", "1"), bad_mode = EDIT_PUT("a", "1");
    memset(no_blob.oid.b, 7, sizeof no_blob.oid.b);
    bad_mode.mode = 0040000;
    assert_false(try_commit(NULL, &bad_path, 1, STR("m"), &c, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    assert_false(try_commit(NULL, &no_blob, 1, STR("m"), &c, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    assert_false(try_commit(NULL, &bad_mode, 1, STR("m"), &c, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    assert_false(try_commit(NULL, NULL, 0, STR("m\0m"), &c, &e));
    assert_int_equal(e.code, ERR_UNPROCESSABLE);
    memset(c.b, 9, sizeof c.b);
    assert_false(try_commit(&c, NULL, 0, STR("m"), &c, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* ------------------------------------------------------------------ walks */

struct seen {
    struct buf text;
    size_t limit;
};

static bool see(void *ctx, const struct vcs_entry *entry)
{
    struct seen *s = ctx;
    buf_add(&s->text, entry->path);
    buf_add(&s->text, entry->kind == VCS_DIR ? STR("/ ") : STR(" "));
    return --s->limit > 0;
}

static str walk(const struct vcs_oid *c, const char *path, bool recursive, const char *after, size_t limit)
{
    struct err e;
    bool found;
    struct seen s = { .limit = limit };
    struct vcs_walk w = { .path = str_c(path), .after = str_c(after), .recursive = recursive, .fn = see, .ctx = &s };
    must_ok(vcs_tree_walk(fx.repo, c, &w, &found, &e));
    str out = found ? arena_dup(fx.a, buf_str(&s.text)) : STR("none");
    buf_deinit(&s.text);
    return out;
}

static void walks_are_in_byte_order_of_paths_and_resume(void **state)
{
    (void)state;
    struct vcs_edit edits[] = { EDIT_PUT("a/x/1", "1"), EDIT_PUT("a/y", "1"), EDIT_PUT("a-b", "1"),
                                EDIT_PUT("a.txt", "1"),  EDIT_PUT("a0", "1"), EDIT_PUT("b", "1") };
    struct vcs_oid c = commit(NULL, edits, COUNT(edits));
    const char *all[] = { "a", "a-b", "a.txt", "a/x", "a/x/1", "a/y", "a0", "b" };
    assert_str(walk(&c, "", true, "", 99), STR("a/ a-b a.txt a/x/ a/x/1 a/y a0 b "));
    assert_str(walk(&c, "", false, "", 99), STR("a/ a-b a.txt a0 b "));
    assert_str(walk(&c, "a", false, "", 99), STR("a/x/ a/y "));
    assert_str(walk(&c, "a", true, "a/x", 99), STR("a/x/1 a/y "));
    assert_str(walk(&c, "a", true, "a0", 99), STR(""));
    assert_str(walk(&c, "a", true, "Z", 99), STR("a/x/ a/x/1 a/y "));
    assert_str(walk(&c, "b", false, "", 99), STR("none"));
    assert_str(walk(&c, "q", false, "", 99), STR("none"));
    assert_str(walk(&c, "a/x/1", false, "", 99), STR("none"));
    /* Page by page, with pages of one: every entry once, in order. */
    const char *after = "";
    for (size_t i = 0; i < COUNT(all); i++) {
        str got = str_trim(walk(&c, "", true, after, 1));
        if (str_ends(got, STR("/"))) got.n--;
        assert_str(got, str_c(all[i]));
        after = all[i];
    }
    assert_str(walk(&c, "", true, "b", 1), STR(""));
    assert_str(walk(&c, "", true, "a/x/0", 1), STR("a/x/1 ")); /* a place where nothing stands */
}

static void pointers_are_recognised_by_content(void **state)
{
    (void)state;
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\n"
                                  "oid sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
                                  "size 123456789012\n";
    struct vcs_edit edits[] = { EDIT_PUT("m.bin", pointer), EDIT_PUT("t.txt", "version https://git-lfs\n") };
    struct vcs_oid c = commit(NULL, edits, COUNT(edits));
    struct vcs_entry entry;
    bool found;
    struct err e;
    must_ok(vcs_entry_find(fx.repo, &c, STR("m.bin"), &entry, &found, fx.a, &e));
    assert_true(entry.lfs.is_lfs);
    assert_true(vcs_entry_size(&entry) == 123456789012u);
    assert_int_equal(entry.blob_bytes, sizeof pointer - 1);
    must_ok(vcs_entry_find(fx.repo, &c, STR("t.txt"), &entry, &found, fx.a, &e));
    assert_false(entry.lfs.is_lfs);
}

/* What the caller of vcs_tree_size keeps. */
struct kept_sizes {
    struct vcs_oid folder[16];
    uint64_t bytes_count[16];
    size_t n, found;
};

static bool size_find(void *ctx, const struct vcs_oid *folder, uint64_t *bytes_count)
{
    struct kept_sizes *k = ctx;
    for (size_t i = 0; i < k->n; i++) {
        if (!vcs_oid_eq(&k->folder[i], folder)) continue;
        *bytes_count = k->bytes_count[i];
        k->found++;
        return true;
    }
    return false;
}

static void size_keep(void *ctx, const struct vcs_oid *folder, uint64_t bytes_count)
{
    struct kept_sizes *k = ctx;
    assert_true(k->n < COUNT(k->folder));
    k->folder[k->n] = *folder;
    k->bytes_count[k->n++] = bytes_count;
}

static uint64_t size_below(const struct vcs_oid *at, const char *path, struct kept_sizes *k)
{
    struct vcs_known_sizes known = { size_find, size_keep, k };
    struct err e;
    uint64_t bytes_count;
    bool found;
    must_ok(vcs_tree_size(fx.repo, at, str_c(path), &known, &bytes_count, &found, &e));
    return found ? bytes_count : UINT64_MAX;
}

static void the_sum_of_a_large_folder_is_made_once(void **state)
{
    enum { MANY = 600 };
    (void)state;
    struct vcs_edit edit[2 * MANY + 2];
    struct vcs_oid ten = blob("0123456789");
    struct kept_sizes k = { .n = 0 };
    for (size_t i = 0; i < 2 * MANY; i++) /* two folders that are the same, one within the other's neighbour */
        edit[i] = (struct vcs_edit){ .kind = VCS_PUT, .path = arena_fmt(fx.a, "%s/f%zu", i % 2 ? "a" : "b/c", i / 2), .oid = ten };
    edit[2 * MANY] = (struct vcs_edit)EDIT_PUT("few/x", "xyz");
    edit[2 * MANY + 1] = (struct vcs_edit)EDIT_PUT("b/pointer", "version https://git-lfs.github.com/spec/v1\n"
                                                   "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1000000\n");
    struct vcs_oid at = commit(NULL, edit, COUNT(edit));
    assert_int_equal(size_below(&at, "", &k), 2 * MANY * 10 + 3 + 1000000);
    assert_int_equal(k.n, 2);     /* that of the two, and the root: what is small, or was almost known, is not kept */
    assert_int_equal(k.found, 1);
    assert_int_equal(size_below(&at, "few", &k), 3);
    assert_int_equal(size_below(&at, "b", &k), MANY * 10 + 1000000);
    assert_int_equal(k.found, 2);
    assert_true(size_below(&at, "few/x", &k) == UINT64_MAX && size_below(&at, "none", &k) == UINT64_MAX);
    struct vcs_edit more = EDIT_PUT("few/y", "12");
    at = commit(&at, &more, 1);
    assert_int_equal(size_below(&at, "", &k), 2 * MANY * 10 + 5 + 1000000);
    assert_int_equal(k.found, 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_allowed_or_refused),
        T(files_come_back_and_git_agrees),
        T(edits_are_applied_in_order),
        T(bad_edits_are_refused),
        T(walks_are_in_byte_order_of_paths_and_resume),
        T(pointers_are_recognised_by_content),
        T(the_sum_of_a_large_folder_is_made_once),
    };
    return cmocka_run_group_tests_name("vcs_tree", tests, NULL, NULL);
}
