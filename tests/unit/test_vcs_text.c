/* Unit tests of src/vcs: the texts: LFS pointers, attributes, ignore rules, patterns; git is the judge. */
#include "vcs_help.h"

#include "vcs/attributes.h"
#include "vcs/lfs_pointer.h"
#include "vcs/pktline.h"

/* ------------------------------------------------------------------ pointers */

#define OID "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
#define VERSION "version https://git-lfs.github.com/spec/v1\n"

static const struct {
    str text;
    bool ok;
    uint64_t size;
} pointer_case[] = {
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 12345\n"), true, 12345 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 12345"), true, 12345 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 0\n\n"), true, 0 },
    { STR_INIT(VERSION "ext-0-foo sha256:" OID "\noid sha256:" OID "\nsize 1\n"), true, 1 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 9223372036854775807\n"), true, INT64_MAX },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 9223372036854775808\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize -1\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 01\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 1\n\n\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\nsize 1\nmore\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\n"), false, 0 },
    { STR_INIT(VERSION "size 1\noid sha256:" OID "\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:4D7A\nsize 1\n"), false, 0 },
    { STR_INIT(VERSION "oid md5:" OID "\nsize 1\n"), false, 0 },
    { STR_INIT("version http://git-media.io/v/2\noid sha256:" OID "\nsize 1\n"), false, 0 },
    { STR_INIT(VERSION "ext-x-foo sha256:" OID "\noid sha256:" OID "\nsize 1\n"), false, 0 },
    { STR_INIT(VERSION "\noid sha256:" OID "\nsize 1\n"), false, 0 },
    { STR_INIT("\n" VERSION "oid sha256:" OID "\nsize 1\n"), false, 0 },
    { STR_INIT(VERSION "oid sha256:" OID "\r\nsize 1\r\n"), false, 0 },
    { STR_INIT(""), false, 0 },
    { STR_INIT(VERSION), false, 0 },
};

static void pointers_are_canonical_or_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pointer_case); i++) {
        struct vcs_lfs got = { 0 };
        bool ok = lfs_pointer_parse(bytes_of(pointer_case[i].text), &got);
        if (ok != pointer_case[i].ok || got.size_bytes != pointer_case[i].size) fail_msg("case %zu", i);
    }
    struct vcs_lfs got;
    struct buf out = BUF_INIT(0);
    assert_true(lfs_pointer_parse(bytes_of(pointer_case[0].text), &got));
    lfs_pointer_format(&out, got.sha256, got.size_bytes);
    assert_str(buf_str(&out), pointer_case[0].text);
    buf_deinit(&out);
    char *long_text = mem_alloc(2000);
    memset(long_text, '\n', 2000);
    memcpy(long_text, pointer_case[0].text.p, pointer_case[0].text.n);
    assert_false(lfs_pointer_parse(bytes_of(str_n(long_text, 2000)), &got));
    mem_free(long_text);
}

/* ------------------------------------------------------------------ patterns, against git */

static const char *const paths[] = {
    "a", "b", "ab", "a.bin", "b.bin", "a/b", "a/b.bin", "b/a.bin", "a/b/c", "a/b/c/d.bin", "a/c", "x/a/b", "x/y/a/b",
    "abc", "a b", "foo", "foo/bar", "foo/bar/baz", "x/foo", "x/foo/bar", "foobar", "a-b", "a]b", "[a]", "a*b", "a?b", "!a",
    "#a", "tfevents", "run/events.out.tfevents.1", "saved_model/v", "saved_model/v/x", "saved_model/v/x/y", "m.tar.gz",
    "m.lfs.txt", ".hidden", "d/.hidden", "A.BIN", "z9", "Z_", "a\\b", "\303\251.bin", "one two.bin", "aab/aac",
    "[b", "ab:]", "build/out", "src/build/out", "build", "node_modules/x/y.js", "a.bin.txt", "-", "]", "a1", "a\t",
};

static const char *const patterns[] = {
    "*", "**", "***", "a", "/a", "a/", "*.bin", "/*.bin", "a/*.bin", "a/*", "a/**", "**/a", "**/b", "a/**/b", "a/**/c",
    "a/**/d.bin", "**/*.bin", "/**/a", "a**", "**b", "a**b", "a**/c", "a/b**", "?", "??", "a?b", "a/?", "[ab]", "[!ab]",
    "[^a]", "[a-z]", "[a-c]b", "[]]", "a[]]b", "a[]-]b", "[!]a]", "[[:alpha:]]", "[[:alpha:][:digit:]][[:digit:]]", "[[:upper:]]*",
    "[[:foo:]]", "[[:a]b", "[[:a]b:]", "[[:alpha]b", "[[:alpha:]", "[[:alpha:]b", "[[:]b", "[[::]b", "[x[:alpha:]]b", "[a[/]b", "[a", "a[", "[", "\\*", "a\\*b", "a\\?b", "\\!a", "\\#a", "a\\", "\\a", "a\\\\b", "*tfevents*", "saved_model/**/*",
    "*.tar.*", "*.lfs.*", "foo", "foo/", "/foo", "foo/bar", "**/foo/bar", "foo/**/baz", "foo/**/**/baz", ".*", "*.*", "[a\\]]b",
    "[\\[]a]", "[a-]b", "[--0]", "[z-a]", "[a-b-z]", "a/b/", "*/b", "*/*/b", "*/**/b", "**/**", "**/", "/", "//a", "a//b",
    "[a/]b", "a[/]b", "*a*b*", "*a*a*b*c", "[[:space:]]", "\303\251*", "[!a-z]*", "aab/aa?", "*b/*c", "build", "/build", "build/",
};

/* One file in which pattern i sets attribute p<i>, one question to git, and every pair is compared. */
static void patterns_match_as_git_check_attr(void **state)
{
    (void)state;
    struct err e;
    struct buf file = BUF_INIT(0), list = BUF_INIT(0);
    char name[128];
    uint32_t x = 12345;
    static char random_pattern[3000][12];
    size_t n = COUNT(patterns) + COUNT(random_pattern);
    for (size_t i = 0; i < COUNT(random_pattern); i++) {
        size_t len = 1 + (x = x * 1664525 + 1013904223, x >> 16) % 9;
        for (size_t k = 0; k < len; k++) random_pattern[i][k] = "ab/*?c[]-.b*/"[(x = x * 1664525 + 1013904223, x >> 16) % 13];
    }
    for (size_t i = 0; i < n; i++) {
        const char *p = i < COUNT(patterns) ? patterns[i] : random_pattern[i - COUNT(patterns)];
        buf_addf(&file, "%s p%zu=yes\n", p, i);
    }
    for (size_t i = 0; i < COUNT(paths); i++) buf_add(&list, str_n(paths[i], strlen(paths[i]) + 1));
    shell("git init -q w");
    snprintf(name, sizeof name, "%s/w/.gitattributes", fx.dir);
    must_ok(os_write_file(fx.dir, name, bytes_of(buf_str(&file)), &e));
    snprintf(name, sizeof name, "%s/list", fx.dir);
    must_ok(os_write_file(fx.dir, name, bytes_of(buf_str(&list)), &e));
    str answer = shell("cd w && git check-attr -z -a --stdin <../list");
    bool *git_says = mem_alloc(n * COUNT(paths));
    str path, attribute, value;
    size_t at = 0;
    while (answer.n > 0 && str_cut(&answer, 0, &path) && str_cut(&answer, 0, &attribute) && str_cut(&answer, 0, &value)) {
        uint64_t i;
        while (!str_eq(path, str_c(paths[at]))) must(++at < COUNT(paths));
        assert_true(str_u64(str_from(attribute, 1), &i));
        git_says[i * COUNT(paths) + at] = true;
    }
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const char *p = i < COUNT(patterns) ? patterns[i] : random_pattern[i - COUNT(patterns)];
        struct vcs_attributes *t = vcs_attributes_parse(arena_fmt(fx.a, "%s filter=lfs\n", p), fx.a);
        for (size_t k = 0; k < COUNT(paths); k++) {
            if (vcs_attributes_is_lfs(t, str_c(paths[k])) == git_says[i * COUNT(paths) + k]) continue;
            print_message("\"%s\" and \"%s\": git says %d\n", p, paths[k], git_says[i * COUNT(paths) + k]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    mem_free(git_says);
    buf_deinit(&file);
    buf_deinit(&list);
}

static const char *const attribute_file[] = {
    "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "*.bin filter=lfs\na.bin -filter\n",
    "*.bin filter=lfs\na.bin !filter\n",
    "a.bin -filter\n*.bin filter=lfs\n",
    "*.bin filter=lfs filter=other\n",
    "*.bin filter=other filter=lfs\n",
    "*.bin filter\n",
    "[attr]big filter=lfs -text\n*.bin big\n",
    "[attr]big filter=lfs -text\n*.bin big\na.bin -big\n",
    "[attr]big filter=lfs -text\n*.bin big=yes\n",
    "[attr]big huge\n[attr]huge big filter=lfs\n*.bin big\n",
    "*.bin big\n[attr]big filter=lfs\n",
    "[attr]big filter=lfs\n*.bin big\n*.bin filter=other\n",
    "[attr]big filter=lfs\n*.bin filter=other big\n",
    "*.bin binary filter=lfs\n",
    "\xef\xbb\xbf*.bin filter=lfs\r\n",
    "  *.bin\tfilter=lfs  \n#b* filter=lfs\n",
    "\"one two.bin\" filter=lfs\n\"\\303\\251.bin\" filter=lfs\n",
    "\"a filter=lfs\n",
    "*.bin filter=lfs b@d\n",
    "*.bin filter=lfs -b=d\n",
    "!*.bin filter=lfs\n",
    "*.bin filter=lfs",
    "*.bin\n",
    "\n\n   \n*.bin filter=lfs\n",
};

static void attribute_files_mean_what_git_says(void **state)
{
    (void)state;
    struct err e;
    struct buf list = BUF_INIT(0);
    char name[128];
    for (size_t i = 0; i < COUNT(paths); i++) buf_add(&list, str_n(paths[i], strlen(paths[i]) + 1));
    shell("git init -q w");
    snprintf(name, sizeof name, "%s/list", fx.dir);
    must_ok(os_write_file(fx.dir, name, bytes_of(buf_str(&list)), &e));
    snprintf(name, sizeof name, "%s/w/.gitattributes", fx.dir);
    for (size_t i = 0; i < COUNT(attribute_file); i++) {
        must_ok(os_write_file(fx.dir, name, bytes_of(str_c(attribute_file[i])), &e));
        str answer = shell("cd w && git check-attr -z --stdin filter <../list 2>/dev/null"), path, attribute, value;
        struct vcs_attributes *t = vcs_attributes_parse(str_c(attribute_file[i]), fx.a);
        while (answer.n > 0 && str_cut(&answer, 0, &path) && str_cut(&answer, 0, &attribute) && str_cut(&answer, 0, &value))
            if (vcs_attributes_is_lfs(t, path) != str_eq(value, STR("lfs")))
                fail_msg("file %zu, %.*s: git says %.*s", i, STR_ARG(path), STR_ARG(value));
    }
    buf_deinit(&list);
}

static const char *const ignore_file[] = {
    "build\n", "build/\n", "/build\n", "/build/\n", "*.bin\n!a.bin\n", "a\n!a/b.bin\n", "a/*\n!a/b\n", "a/**\n!a/b/\n",
    "*\n!*/\n!*.bin\n", "foo/bar\n", "**/foo\n", "foo/**/baz\n", "\\#a\n\\!a\n", "#a\n", "a\\ \n", "a   \n", "a\\ b\n",
    "a b   \n", "*.bin\r\n", "\xef\xbb\xbf*.bin\n", "\n\n", "!a\n", "*\n!foo\n", "*\n!foo\n!foo/**\n", "node_modules/\n",
    ".*\n", "[a-c]*\n!ab*\n", "saved_model/**/*\n", "a/\n!a/\n", "/*\n!/foo\n/foo/*\n!/foo/bar\n", "a\t\n",
};

static void ignore_files_mean_what_git_says(void **state)
{
    (void)state;
    struct err e;
    struct buf list = BUF_INIT(0);
    char name[128];
    for (size_t i = 0; i < COUNT(paths); i++)
        buf_add(&list, str_n(paths[i], strlen(paths[i]) + 1));
    shell("git init -q w");
    snprintf(name, sizeof name, "%s/list", fx.dir);
    must_ok(os_write_file(fx.dir, name, bytes_of(buf_str(&list)), &e));
    snprintf(name, sizeof name, "%s/w/.gitignore", fx.dir);
    for (size_t i = 0; i < COUNT(ignore_file); i++) {
        must_ok(os_write_file(fx.dir, name, bytes_of(str_c(ignore_file[i])), &e));
        str answer = shell("cd w && git check-ignore -z --no-index --stdin <../list || true"), path, rest = buf_str(&list);
        struct vcs_ignore *t = vcs_ignore_parse(str_c(ignore_file[i]), fx.a);
        while (rest.n > 0 && str_cut(&rest, 0, &path)) {
            str next = answer, first;
            bool git_says = next.n > 0 && str_cut(&next, 0, &first) && str_eq(first, path);
            if (git_says) answer = next;
            if (vcs_ignore_matches(t, path) != git_says)
                fail_msg("file %zu (%s), %.*s: git says %d", i, ignore_file[i], STR_ARG(path), git_says);
        }
        assert_int_equal(answer.n, 0);
    }
    buf_deinit(&list);
}

/* With a matcher that tries every way, either of these would outlast the test by far. */
static void no_pattern_takes_long(void **state)
{
    (void)state;
    char pattern[1000], path[1000];
    for (size_t i = 0; i < 1000; i++) pattern[i] = i % 2 ? 'a' : '*';
    memset(path, 'a', 1000);
    assert_true(vcs_glob_match(str_n(pattern, 1000), str_n(path, 1000)));
    path[999] = 'b';
    assert_false(vcs_glob_match(str_n(pattern, 1000), str_n(path, 1000)));

    for (size_t i = 0; i < 1000; i++) pattern[i] = "**/a/"[i % 5];
    for (size_t i = 0; i < 1000; i++) path[i] = "a/"[i % 2];
    assert_true(vcs_glob_match(str_n(pattern, 999), str_n(path, 999)));
    pattern[998] = 'x';
    assert_false(vcs_glob_match(str_n(pattern, 999), str_n(path, 999)));
}

/* ------------------------------------------------------------------ pkt-lines */

static void packets_are_cut_as_git_cuts_them(void **state)
{
    (void)state;
    static const struct {
        str in;
        enum pkt_kind kind;
        str payload;
    } cases[] = {
        { STR_INIT("0000x"), PKT_FLUSH, STR_INIT("") },       { STR_INIT("0001"), PKT_DELIM, STR_INIT("") },
        { STR_INIT("0002"), PKT_RESPONSE_END, STR_INIT("") }, { STR_INIT("0003"), PKT_BAD, STR_INIT("") },
        { STR_INIT("0004"), PKT_DATA, STR_INIT("") },         { STR_INIT("0006a\n"), PKT_DATA, STR_INIT("a\n") },
        { STR_INIT("000Aabcdef"), PKT_DATA, STR_INIT("abcdef") }, { STR_INIT("0006a"), PKT_BAD, STR_INIT("") },
        { STR_INIT("000"), PKT_BAD, STR_INIT("") },           { STR_INIT("00g0"), PKT_BAD, STR_INIT("") },
        { STR_INIT(" 006ab"), PKT_BAD, STR_INIT("") },        { STR_INIT("ffff"), PKT_BAD, STR_INIT("") },
        { STR_INIT(""), PKT_END, STR_INIT("") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        str rest = cases[i].in, payload;
        if (pkt_next(&rest, &payload) != cases[i].kind) fail_msg("case %zu", i);
        assert_str(payload, cases[i].payload);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_are_canonical_or_files),
        T(patterns_match_as_git_check_attr),
        T(attribute_files_mean_what_git_says),
        T(ignore_files_mean_what_git_says),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(packets_are_cut_as_git_cuts_them),
    };
    return cmocka_run_group_tests_name("vcs_text", tests, NULL, NULL);
}
