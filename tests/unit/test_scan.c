/* Scanning of files: vectors that tests/oracle/make_scan.py made (tests/data/scan), lists, limits, reports. */
#include "unit.h"

#include <zlib.h>

#include "base/json.h"
#include "scan/globals.h"
#include "scan/scan.h"

struct memory {
    const char *p;
    bool fails;
};

static bool memory_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    const struct memory *m = ctx;
    if (m->fails) return err_set(e, ERR_IO, "the disk is gone");
    memcpy(out, m->p + at, n);
    return true;
}

static struct scan_report scan(struct arena *a, const char *path, str content)
{
    struct memory m = { content.p, false };
    struct scan_source s = { content.n, memory_read, &m };
    struct scan_report r;
    struct err e;
    must_ok(scan_source(&s, str_c(path), NULL, a, &r, &e));
    return r;
}

static enum scan_level level(const char *path, str content)
{
    struct arena *a = arena_new(0);
    enum scan_level l = scan(a, path, content).level;
    arena_free(a);
    return l;
}

/* ------------------------------------------------------------------ vectors */

static void same_report(const struct scan_report *x, const struct scan_report *y)
{
    assert_int_equal(x->level, y->level);
    assert_int_equal(x->pickle_level, y->pickle_level);
    assert_int_equal(x->is_pickle, y->is_pickle);
    assert_int_equal(x->imports_count, y->imports_count);
    assert_int_equal(x->findings_count, y->findings_count);
    for (size_t i = 0; i < x->imports_count; i++) {
        assert_str(x->imports[i].module, y->imports[i].module);
        assert_str(x->imports[i].name, y->imports[i].name);
        assert_int_equal(x->imports[i].safety, y->imports[i].safety);
    }
    for (size_t i = 0; i < x->findings_count; i++) {
        assert_str(x->findings[i].message, y->findings[i].message);
        assert_str(x->findings[i].member, y->findings[i].member);
    }
}

static void check_vector(const char *dir, const struct json *want)
{
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct err e;
    char path[600], *p;
    size_t n;
    enum scan_level least;
    struct scan_report back;
    snprintf(path, sizeof path, "%s/%.*s", dir, STR_ARG(want->key));
    must_ok(os_read_file(path, 1 << 24, &p, &n, &e));
    struct scan_report r = scan(a, path, str_n(p, n));
    assert_true(scan_level_parse(json_str_or(want, STR("least"), STR("")), &least));
    if (r.level != least) fail_msg("%.*s is %.*s, not %.*s", STR_ARG(want->key), STR_ARG(scan_level_name(r.level)), STR_ARG(scan_level_name(least)));
    if (str_eq(json_str_or(want, STR("picklescan"), STR("")), STR("dangerous")) && r.level != SCAN_UNSAFE)
        fail_msg("%.*s: picklescan warns, and we do not", STR_ARG(want->key));
    if (r.level == SCAN_SAFE) assert_int_equal(r.findings_count, 0);
    else assert_true(r.findings_count > 0);
    scan_report_json(&r, &b);
    must_ok(scan_report_parse(buf_str(&b), a, &back, &e));
    same_report(&r, &back);
    buf_deinit(&b);
    mem_free(p);
    arena_free(a);
}

static void test_vectors(void **state)
{
    (void)state;
    char dir[500], path[600], *text;
    size_t n;
    struct err e;
    struct json *j;
    struct arena *a = arena_new(0);
    snprintf(dir, sizeof dir, "%s/../data/scan", getenv("HEARTH_TEST_DATA"));
    snprintf(path, sizeof path, "%s/expected.json", dir);
    must_ok(os_read_file(path, 1 << 20, &text, &n, &e));
    must_ok(json_parse(str_n(text, n), a, &j, &e));
    assert_true(j->count > 150);
    json_each (v, j) check_vector(dir, v);
    mem_free(text);
    arena_free(a);
}

static const char behind[] = "cposix\nsystem\n(S'id'\ntR.";

/* What begins like a pickle and is none is left alone. */
static void test_other_files(void **state)
{
    (void)state;
    static const struct { const char *path, *text; } safe[] = {
        { "words.txt", "cos\nsin\ntan\n" },       { "code.py", "import os\nclass A:\n    pass\n" }, { "list.txt", "config\nmain\n.gitignore\n" },
        { "notes.md", "(see below)\n\nIt works.\n" }, { "empty", "" },                                 { "one", "." },
        { "README", "cPickle\nloads\nare words\n" },  { "x.bin", "\x80\x02" },                           { "y.bin", "\x80\x03\x9d\x1f\x8b" },
    };
    for (size_t i = 0; i < COUNT(safe); i++)
        if (level(safe[i].path, str_c(safe[i].text)) != SCAN_SAFE) fail_msg("%s is not safe", safe[i].path);
    static const char four[] = "\x80\x02\x3c\xbb"; /* numbers of a tensor */
    char blob[4096];
    for (size_t i = 0; i < sizeof blob; i++) blob[i] = four[i % 4];
    assert_int_equal(level("archive/data/0", str_n(blob, sizeof blob)), SCAN_SAFE);
}

/* Numbers behind a pickle, as PyTorch's older files have them: opcodes come up in them by chance. */
static void test_numbers_behind(void **state)
{
    (void)state;
    enum { N = 24 << 20 };
    static const char honest[] = "\x80\x02}q\x00.";
    char *p = mem_alloc(N);
    uint64_t x = 7;
    for (size_t i = 0; i + 8 <= N; i += 8) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t mixed = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
        memcpy(p + i, &mixed, 8);
    }
    memcpy(p, honest, sizeof honest - 1);
    assert_int_equal(level("model.pt", str_n(p, N)), SCAN_SAFE);
    memcpy(p + sizeof honest - 1, "\x82\0\0\0\0\0\0\0", 8); /* 130 of them */
    assert_int_equal(level("model.pt", str_n(p, N)), SCAN_SAFE);
    memcpy(p + N / 2, behind, sizeof behind - 1);
    assert_int_equal(level("model.pt", str_n(p, N)), SCAN_UNSAFE);
    mem_free(p);
}

static void test_findings(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct scan_report r = scan(a, "model.pkl", STR("\x80\x02" "cposix\nsystem\n(X\x02\0\0\0idtRcmine\nthing\n0ccollections\nOrderedDict\n0."));
    assert_true(r.is_pickle);
    assert_int_equal(r.imports_count, 3);
    assert_str(r.imports[0].module, STR("posix")); /* the worst first */
    assert_str(r.imports[0].name, STR("system"));
    assert_int_equal(r.imports[0].safety, SCAN_DANGEROUS);
    assert_int_equal(r.imports[1].safety, SCAN_SUSPECT);
    assert_int_equal(r.imports[2].safety, SCAN_INNOCUOUS);
    assert_int_equal(r.findings_count, 2);
    assert_str(r.findings[0].message, STR("imports and calls posix.system, which can run code or reach what does (byte 2)"));
    assert_int_equal(r.format_level, SCAN_SAFE);
    arena_free(a);
}

/* ------------------------------------------------------------------ lists */

static void test_lists(void **state)
{
    (void)state;
    static const struct { const char *module, *name; enum scan_safety want; } row[] = {
        { "collections", "OrderedDict", SCAN_INNOCUOUS }, { "collections", "OrderedDict.x", SCAN_DANGEROUS }, { "os", "system", SCAN_DANGEROUS },
        { "os.path", "join", SCAN_DANGEROUS },            { "osmosis", "run", SCAN_SUSPECT },                 { "asyncio.unix_events", "x", SCAN_DANGEROUS },
        { "__builtin__", "set", SCAN_INNOCUOUS },         { "__builtin__", "apply", SCAN_DANGEROUS },         { "__builtin__", "reduce", SCAN_DANGEROUS },
        { "copy_reg", "_reconstructor", SCAN_INNOCUOUS }, { "torch", "FloatStorage", SCAN_INNOCUOUS },        { "torch", "os", SCAN_DANGEROUS },
        { "torch._utils", "_rebuild_tensor_v2", SCAN_INNOCUOUS }, { "tensorflow.python.keras.models", "load_model", SCAN_DANGEROUS },
        { "pathlib", "PosixPath", SCAN_SUSPECT },         { "a", "__globals__", SCAN_DANGEROUS },             { "an_unknown_one", "f", SCAN_DANGEROUS },
        { "", "", SCAN_DANGEROUS },                       { "urllib2", "urlopen", SCAN_DANGEROUS },           { "numpy.random._pickle", "__randomstate_ctor", SCAN_INNOCUOUS },
    };
    for (size_t i = 0; i < COUNT(row); i++)
        if (globals_judge(str_c(row[i].module), str_c(row[i].name)) != row[i].want) fail_msg("%s.%s", row[i].module, row[i].name);
    for (const struct globals_row *r = globals_innocuous; r->module; r++) { /* no name is on both */
        str rest = str_c(r->names), name;
        while (str_cut(&rest, ' ', &name))
            if (globals_judge(str_c(r->module), name) != SCAN_INNOCUOUS) fail_msg("%s.%.*s is on both lists", r->module, STR_ARG(name));
    }
}

/* ------------------------------------------------------------------ limits */

static void test_marks(void **state)
{
    (void)state;
    enum { N = 1000000 };
    static const char evil[] = "cposix\nsystem\n(S'id'\ntR.";
    char *p = mem_alloc(N + sizeof evil);
    memset(p, '(', N);
    memcpy(p + N, evil, sizeof evil - 1);
    assert_int_equal(level("x", str_n(p, N + sizeof evil - 1)), SCAN_UNSAFE);
    mem_free(p);
}

/* 50 GB in a literal, and a call behind it. */
enum { FRONT = 11 };
#define LITERAL_BYTES (UINT64_C(50) << 30)

static bool huge_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    static const uint8_t front[FRONT] = { 0x80, 4, 0x8e, 0, 0, 0, 0x80, 0x0c, 0, 0, 0 }; /* 50 << 30 */
    uint8_t *to = out;
    uint64_t *bytes_read = ctx;
    (void)e;
    *bytes_read += n;
    for (size_t i = 0; i < n; i++, at++) to[i] = at < FRONT ? front[at] : at < FRONT + LITERAL_BYTES ? 'x' : (uint8_t)behind[at - FRONT - LITERAL_BYTES];
    return true;
}

static void test_huge(void **state)
{
    (void)state;
    uint64_t bytes_read = 0;
    struct scan_source s = { FRONT + LITERAL_BYTES + sizeof behind - 1, huge_read, &bytes_read };
    struct arena *a = arena_new(0);
    struct scan_report r;
    struct err e;
    must_ok(scan_source(&s, STR("model.pkl"), NULL, a, &r, &e));
    assert_int_equal(r.level, SCAN_UNSAFE);
    assert_true(bytes_read < 8 << 20);
    arena_free(a);
}

static str packed(const char *p, size_t n)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, n) + 64;
    char *out = mem_alloc(most);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return str_n(out, most - z.avail_out);
}

/* Many times 200 times its size: what came out is looked at, and it is no safe file. */
static void test_bomb(void **state)
{
    (void)state;
    enum { N = 48 << 20 };
    char *zeros = mem_alloc(N);
    str one = packed(zeros, N);
    struct buf many = BUF_INIT(0);
    for (int i = 0; i < 8; i++) buf_add(&many, one); /* members of gzip, one after the other */
    assert_int_equal(level("zeros.gz", one), SCAN_SAFE);
    assert_int_equal(level("zeros.gz", buf_str(&many)), SCAN_CAUTION);
    buf_deinit(&many);
    mem_free((char *)(uintptr_t)one.p);
    mem_free(zeros);
}

static void test_depth(void **state)
{
    (void)state;
    str inner = { mem_dup(str_c(behind)), sizeof behind - 1 };
    for (int i = 1; i <= 10; i++) {
        str outer = packed(inner.p, inner.n);
        mem_free((char *)(uintptr_t)inner.p);
        inner = outer;
        assert_int_equal(level("x.gz", inner), i < 8 ? SCAN_UNSAFE : SCAN_CAUTION);
    }
    mem_free((char *)(uintptr_t)inner.p);
}

/* A content that is unpacked again and again: names far behind the beginning of a large member are still known. */
static void test_far_names(void **state)
{
    (void)state;
    enum { N = 40 << 20 };
    static const char front[] = "\x80\x04\x8c\x05posixq\0\x8c\x06systemq\x01" "00\x8e\0\0\x80\x02\0\0\0\0", end[] = "0h\0h\x01\x93\x8c\x02id\x85R.";
    char *p = mem_alloc(N + 256);
    memcpy(p, front, sizeof front - 1);
    memcpy(p + sizeof front - 1 + (40 << 20), end, sizeof end - 1);
    str gz = packed(p, sizeof front - 1 + (40 << 20) + sizeof end - 1);
    assert_int_equal(level("far.pkl.gz", gz), SCAN_UNSAFE);
    mem_free((char *)(uintptr_t)gz.p);
    mem_free(p);
}

/* ------------------------------------------------------------------ how it ends */

static bool always(void *ctx)
{
    ++*(int *)ctx;
    return true;
}

static void test_stops_and_fails(void **state)
{
    (void)state;
    enum { N = 16 << 20 };
    int asked = 0;
    char *p = mem_alloc(N);
    memset(p, 'N', N);
    struct memory m = { p, false };
    struct scan_source s = { N, memory_read, &m };
    struct scan_options o = { always, &asked };
    struct arena *a = arena_new(0);
    struct scan_report r;
    struct err e;
    assert_false(scan_source(&s, STR("x.pkl"), &o, a, &r, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    assert_int_equal(asked, 1);
    m.fails = true;
    assert_false(scan_source(&s, STR("x.pkl"), NULL, a, &r, &e));
    assert_int_equal(e.code, ERR_IO);
    arena_free(a);
    mem_free(p);
}

static void test_many_imports(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    buf_add(&b, STR("\x80\x02"));
    for (int i = 0; i < 20000; i++) buf_addf(&b, "ccollections\nOrderedDict\n0cmine\nname%d\n0", i);
    buf_add(&b, str_c(behind));
    struct arena *a = arena_new(0);
    struct scan_report r = scan(a, "many.pkl", buf_str(&b));
    assert_int_equal(r.level, SCAN_UNSAFE);
    assert_int_equal(r.imports_count, SCAN_IMPORTS_MAX);
    assert_int_equal(r.findings_count, SCAN_FINDINGS_MAX);
    assert_str(r.imports[0].module, STR("posix"));
    assert_int_equal(r.findings[0].level, SCAN_UNSAFE);
    arena_free(a);
    buf_deinit(&b);
}

static void test_reports_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "[]", "{}", "{\"level\":\"fine\"}",
        "{\"level\":\"safe\",\"isPickle\":false,\"pickleLevel\":\"unsafe\",\"formatLevel\":\"safe\",\"pickleImports\":[],\"findings\":[],\"hasSecret\":false}",
        "{\"level\":\"safe\",\"isPickle\":false,\"pickleLevel\":\"safe\",\"formatLevel\":\"safe\",\"pickleImports\":[{}],\"findings\":[],\"hasSecret\":false}",
        "{\"level\":\"safe\",\"isPickle\":false,\"pickleLevel\":\"safe\",\"formatLevel\":\"safe\",\"pickleImports\":[],\"findings\":[1],\"hasSecret\":false}",
        "{\"level\":\"safe\",\"isPickle\":false,\"pickleLevel\":\"safe\",\"formatLevel\":\"safe\",\"pickleImports\":[],\"findings\":[]}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *a = arena_new(0);
        struct scan_report r;
        struct err e;
        if (scan_report_parse(str_c(bad[i]), a, &r, &e)) fail_msg("taken: %s", bad[i]);
        arena_free(a);
    }
}

/* Every beginning of a file is read without harm, and what is left out makes nothing worse safe. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char *const names[] = { "torch_evil_deflated.bin", "torch_zip64_evil.pt", "torch_tar_evil.pt", "evil_zlib.joblib", "arrays_evil.joblib", "torch_described_evil.pt" };
    struct err e;
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[600], *p;
        size_t n;
        snprintf(path, sizeof path, "%s/../data/scan/%s", getenv("HEARTH_TEST_DATA"), names[i]);
        must_ok(os_read_file(path, 1 << 20, &p, &n, &e));
        for (size_t k = 0; k < n; k += 1 + n / 300) {
            char *part = mem_alloc(k + 1); /* an overrun is seen */
            memcpy(part, p, k);
            (void)level(names[i], str_n(part, k));
            mem_free(part);
        }
        mem_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),   cmocka_unit_test(test_other_files), cmocka_unit_test(test_findings),        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_marks),     cmocka_unit_test(test_huge),        cmocka_unit_test(test_bomb),            cmocka_unit_test(test_depth),
        cmocka_unit_test(test_far_names), cmocka_unit_test(test_prefixes),    cmocka_unit_test(test_stops_and_fails), cmocka_unit_test(test_many_imports),
        cmocka_unit_test(test_reports_refused), cmocka_unit_test(test_numbers_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
