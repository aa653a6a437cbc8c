/* Unit tests of src/base. */
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/machine.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/sha256_priv.h"

static void json_round_trips(void **state)
{
    (void)state;
    static const char *const text[] = { "null", "true", "-12", "\"a\\u00e9\\n\"", "[]", "{}", "[1,[2,{\"a\":[]}],3]",
                                        "{\"a\":1,\"b\":{\"c\":[null,false]}}" };
    for (size_t i = 0; i < COUNT(text); i++) {
        struct err e;
        struct arena *a = arena_new(1 << 16);
        struct json *v, *again;
        must_ok(json_parse(str_c(text[i]), a, &v, &e));
        struct buf out = BUF_INIT(0), out2 = BUF_INIT(0);
        struct json_writer w = json_writer(&out), w2 = json_writer(&out2);
        jw_value(&w, v);
        must_ok(json_parse(buf_str(&out), a, &again, &e));
        jw_value(&w2, again);
        assert_str(buf_str(&out2), buf_str(&out));
        buf_deinit(&out);
        buf_deinit(&out2);
        arena_free(a);
    }
}

static void an_empty_view_may_have_any_pointer(void **state)
{
    (void)state;
    str none = { NULL, 0 };
    assert_true(str_starts(none, none) && str_ends(none, none) && str_eq(none, STR("")));
    assert_true(str_starts(STR("a"), none) && str_ends(STR("a"), none) && str_starts(none, STR("")));
    assert_false(str_starts(none, STR("a")) || str_ends(none, STR("a")));
}

static void what_is_malformed_is_seen_wherever_it_stands(void **state)
{
    (void)state;
    static const struct { const char *text; bool is_utf8; } piece[] = {
        { "a", true }, { "\x7f", true }, { "\xc3\xa9", true }, { "\xe2\x82\xac", true }, { "\xf4\x8f\xbf\xbf", true },
        { "\x80", false }, { "\xc3", false }, { "\xc0\xaf", false }, { "\xed\xa0\x80", false }, { "\xf4\x90\x80\x80", false }, { "\xff", false },
    };
    for (size_t i = 0; i < COUNT(piece); i++)
        for (size_t before = 0; before < 20; before++)
            for (size_t after = 0; after < 20; after++) {
                char text[48];
                int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)before, "aaaaaaaaaaaaaaaaaaaa", piece[i].text, (int)after, "bbbbbbbbbbbbbbbbbbbb");
                if (str_is_utf8(str_n(text, (size_t)n)) != piece[i].is_utf8) fail_msg("piece %zu behind %zu and before %zu", i, before, after);
            }
}

static void a_date_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct { const char *text; bool ok; int64_t unix_ms; } date_case[] = {
        { "2026-01-31", true, 1769817600000 },
        { "2026-01-31T09:30", true, 1769851800000 },
        { "2026-01-31T09:30:15Z", true, 1769851815000 },
        { "2026-01-31T09:30:15.25Z", true, 1769851815250 },
        { "2026-01-31T09:30:15.123456789Z", true, 1769851815123 },
        { "2026-01-31T09:30:15+05:30", true, 1769832015000 },
        { "2026-01-31T09:30:15-0530", true, 1769871615000 },
        { "2026-01-31T09:30:15+05:30x", false, 0 },
        { "2026-01-31T09:30:15+05x30", false, 0 },
        { "2026-01-31T09:30:15+05", false, 0 },
        { "2026-01-31T09:30:15+24:00", false, 0 },
        { "2026-01-31T09:30:15+05:60", false, 0 },
        { "2026-01-31T09:30:15Zx", false, 0 },
        { "2026-13-31", false, 0 },
        { "2026-01-00", false, 0 },
        { "20260131", false, 0 },
        { "", false, 0 },
    };
    for (size_t i = 0; i < COUNT(date_case); i++) {
        int64_t got = 0;
        bool ok = clock_iso_parse(str_c(date_case[i].text), &got);
        if (ok != date_case[i].ok || (ok && got != date_case[i].unix_ms)) fail_msg("%s: %d, %lld", date_case[i].text, ok, (long long)got);
    }
}

static void base64_is_its_rfcs(void **state)
{
    (void)state;
    static const char *const pair[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, /* RFC 4648, 10 */
                                           { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfd", "//79" } };
    for (size_t i = 0; i < COUNT(pair); i++) {
        struct buf b = BUF_INIT(0);
        uint8_t plain[8];
        size_t n;
        buf_base64(&b, bytes_of(str_c(pair[i][0])));
        assert_string_equal(buf_cstr(&b), pair[i][1]);
        assert_true(base64_decode(buf_str(&b), plain, &n));
        assert_str(str_n((const char *)plain, n), str_c(pair[i][0]));
        buf_deinit(&b);
    }
    struct buf small = BUF_INIT(7);
    buf_base64(&small, bytes_of(STR("fooba")));
    assert_true(small.failed && small.n == 0);
    buf_deinit(&small);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    char dir[64], *text;
    size_t n;
    struct err e;
    unit_dir(dir);
    assert_false(os_read_file(dir, 1 << 20, &text, &n, &e));
    assert_true(str_starts(str_c(e.msg), str_c(dir)));
    unit_dir_end(dir);
}

/* sha256_of is OpenSSL's, a running digest our own where the processor has instructions for it. */
static void a_running_sha256_is_openssls_however_it_is_fed(void **state)
{
    (void)state;
    static uint8_t data[5000];
    uint64_t seed = 1;
    random_bytes(data, sizeof data);
    for (size_t n = 0; n < sizeof data; n += n < 300 ? 1 : 97) {
        struct sha256 want = sha256_of((bytes){ data, n }), got;
        struct hasher *h = hasher_new_sha256();
        size_t at = 0;
        while (at < n) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t part = (size_t)(seed >> 33) % 200;
            if (part > n - at) part = n - at;
            hasher_add(h, (bytes){ data + at, part });
            at += part;
        }
        hasher_end(h, got.b);
        if (!sha256_eq(&want, &got)) fail_msg("%zu bytes have another SHA-256", n);
    }
}

static void two_running_sha256_at_once_are_what_each_is_alone(void **state)
{
    (void)state;
    static uint8_t data[3000];
    random_bytes(data, sizeof data);
    for (size_t i = 0; i < 2000; i++) {
        size_t n = i * 37 % 1500, m = i * 101 % 1400, before_n = i % 130, before_m = i / 7 % 130;
        bytes x = { data + 7, n }, y = { data + 1500, m };
        struct hasher *g = hasher_new_sha256(), *h = hasher_new_sha256();
        struct sha256 got_g, got_h, want_g, want_h;
        struct hasher *alone_g = hasher_new_sha256(), *alone_h = hasher_new_sha256();
        hasher_add(g, (bytes){ data, before_n });
        hasher_add(h, (bytes){ data, before_m });
        hasher_add_two(g, x, h, y);
        hasher_add_two(g, y, h, x);
        hasher_add(alone_g, (bytes){ data, before_n });
        hasher_add(alone_g, x);
        hasher_add(alone_g, y);
        hasher_add(alone_h, (bytes){ data, before_m });
        hasher_add(alone_h, y);
        hasher_add(alone_h, x);
        hasher_end(g, got_g.b);
        hasher_end(h, got_h.b);
        hasher_end(alone_g, want_g.b);
        hasher_end(alone_h, want_h.b);
        if (!sha256_eq(&got_g, &want_g) || !sha256_eq(&got_h, &want_h)) fail_msg("%zu and %zu bytes at once", n, m);
    }
}

/* The example of FIPS 180-4 with two blocks, on the kernel itself. */
static void blocks_of_sha256_are_those_of_the_standard(void **state)
{
    (void)state;
    const struct sha256_kernel *k = sha256_kernel_pick(STR(""));
    uint32_t one[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }, two[8];
    static const uint32_t want[8] = { 0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad };
    uint8_t abc[64] = { 'a', 'b', 'c', 0x80 };
    abc[63] = 24;
    assert_null(sha256_kernel_pick(STR("scalar")));
    if (!k) skip();
    memcpy(two, one, sizeof two);
    k->two(one, abc, two, abc, 1);
    assert_memory_equal(one, want, sizeof want);
    assert_memory_equal(two, want, sizeof want);
}

/* ------------------------------------------------------------------ a calm pool */

struct calm {
    struct pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool may_end, has_begun;
    size_t done;
};

static void wait_for_leave(void *ctx)
{
    struct calm *c = ctx;
    pthread_mutex_lock(&c->lock);
    c->has_begun = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pool_wait_begin(c->pool);
    pthread_mutex_lock(&c->lock);
    while (!c->may_end) pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    pool_wait_end(c->pool);
}

static void count_one(void *ctx)
{
    struct calm *c = ctx;
    pthread_mutex_lock(&c->lock);
    c->done++;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* A job that waits, and says so, leaves the others to other threads, however few they are. */
static void a_calm_pool_goes_on_beside_jobs_that_wait(void **state)
{
    (void)state;
    enum { WAITERS = 3, OTHERS = 50 };
    struct calm c = { .pool = pool_new("calm", WAITERS + 1, 100) };
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.changed, NULL);
    pool_set_calm(c.pool, 1000);
    for (size_t i = 0; i < WAITERS; i++) {
        assert_true(pool_submit(c.pool, wait_for_leave, &c));
        pthread_mutex_lock(&c.lock);
        while (!c.has_begun) pthread_cond_wait(&c.changed, &c.lock);
        c.has_begun = false;
        pthread_mutex_unlock(&c.lock);
    }
    for (size_t i = 0; i < OTHERS; i++) assert_true(pool_submit(c.pool, count_one, &c));
    pthread_mutex_lock(&c.lock);
    while (c.done < OTHERS) pthread_cond_wait(&c.changed, &c.lock); /* a pool that does not call for help hangs here */
    c.may_end = true;
    pthread_cond_broadcast(&c.changed);
    pthread_mutex_unlock(&c.lock);
    pool_free(c.pool);
    pthread_cond_destroy(&c.changed);
    pthread_mutex_destroy(&c.lock);
}

/* Until a moment of the clock that only runs, whatever clock the condition was made with. */
static void a_wait_ends_when_its_moment_has_come(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    int64_t until_us = clock_mono_us() + 2000;
    pthread_mutex_lock(&lock);
    while (clock_wait(&never, &lock, until_us)) {}
    assert_true(clock_mono_us() >= until_us);
    assert_false(clock_wait(&never, &lock, -1)); /* long ago */
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
}

static void where_memory_is_limited_a_failure_says_so(void **state)
{
    (void)state;
    struct rlimit was;
    struct err e;
    void *p;
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    struct rlimit none = { 0, was.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    bool ok = pages_alloc(12345, &p, &e);
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    assert_true(!ok && e.code == ERR_NO_SPACE);
    assert_string_equal(e.msg, "there is no memory for 12345 bytes: this process may have no more (ulimit -v)");
}

/* As short as printf can make it, from six digits on, or one longer where two floats are nearly as near. */
static void a_float_is_written_in_few_digits_and_read_back(void **state)
{
    static const float odd[] = { 0, 1, 0.1F, 1e9F, 123456792, 999999.96F, 1e-4F, 9.9999e-5F, 1e10F, 3.4028235e38F, 1e-45F, 1.17549435e-38F, 16777216, 0.3333333433F };
    struct buf b = BUF_INIT(0);
    uint32_t bits = 1;
    char shortest[40];
    size_t longer = 0;
    (void)state;
    for (size_t i = 0; i < 200000; i++) {
        union { uint32_t u; float f; } x = { .u = bits = bits * 1664525 + 1013904223 };
        if (i < COUNT(odd)) x.f = odd[i];
        else if (i % 2) x.f = (float)(int32_t)x.u * 0x1p-31F; /* as embeddings are */
        struct json_writer w = json_writer(&b);
        buf_reset(&b);
        jw_float(&w, x.f);
        if (!isfinite(x.f)) {
            assert_string_equal(buf_cstr(&b), "null");
            continue;
        }
        int digits = 6, ours = 0;
        do snprintf(shortest, sizeof shortest, "%.*g", digits, (double)x.f);
        while (strtof(shortest, NULL) != x.f && ++digits <= 9);
        if (strtof(buf_cstr(&b), NULL) != x.f || !strpbrk(buf_cstr(&b), ".e")) fail_msg("%.9g is written as %s", (double)x.f, buf_cstr(&b));
        bool begun = false;
        for (const char *c = buf_cstr(&b); *c && *c != 'e'; c++) ours += begun = begun || (*c >= '1' && *c <= '9'), ours -= begun && *c == '.';
        longer += ours > digits && digits < 9 && i >= COUNT(odd);
    }
    assert_true(longer < 8000); /* with zeros before a point */
    struct json_writer w = json_writer(&b);
    buf_reset(&b);
    jw_array(&w);
    for (size_t i = 0; i < 4; i++) jw_float(&w, (float[]){ -0.0F, 0.25F, -1e-7F, 1e20F }[i]);
    jw_array_end(&w);
    assert_string_equal(buf_cstr(&b), "[-0.0,0.25,-1e-7,1e20]");
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ a machine of files */

static void put(const char *root, const char *path, const char *text)
{
    struct err e;
    char dir[256], file[256];
    snprintf(file, sizeof file, "%s%s", root, path);
    snprintf(dir, sizeof dir, "%.*s", (int)str_rchr(str_c(file), '/'), file);
    must_ok(os_mkdirs(dir, &e) && os_write_file(dir, file, bytes_of(str_c(text)), &e));
}

static void machine_is(const char *root, size_t processors, uint64_t memory, uint64_t memory_free)
{
    struct machine m = machine_at(root);
    size_t all = machine_now().processors;
    assert_int_equal(m.processors, processors < all ? processors : all);
    assert_int_equal(m.memory, memory);
    assert_int_equal(m.memory_free, memory_free);
}

static void the_least_of_machine_and_groups_counts(void **state)
{
    char root[64];
    (void)state;
    unit_dir(root);
    machine_is(root, SIZE_MAX, UINT64_MAX, UINT64_MAX); /* nothing can be read */
    put(root, "/proc/meminfo", "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    9000000 kB\n");
    machine_is(root, SIZE_MAX, 16384000000, 9216000000);

    /* Version 2: no limit, then one above the group, then a lower one on itself, of which files have a part. */
    put(root, "/proc/self/cgroup", "0::/hub.slice/hearth.service\n");
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/memory.max", "max\n");
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/cpu.max", "max 100000\n");
    machine_is(root, SIZE_MAX, 16384000000, 9216000000);
    put(root, "/sys/fs/cgroup/hub.slice/memory.max", "5000000000\n");
    put(root, "/sys/fs/cgroup/hub.slice/memory.current", "1500000000\n");
    put(root, "/sys/fs/cgroup/hub.slice/cpu.max", "150000 100000\n");
    machine_is(root, 2, 5000000000, 3500000000);
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/memory.max", "4000000000\n");
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/memory.current", "1000000000\n");
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/memory.stat", "anon 300000000\nfile 700000000\ninactive_file 500000000\nactive_file 200000000\n");
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/cpu.max", "50000 100000\n");
    machine_is(root, 1, 4000000000, 3500000000);
    put(root, "/sys/fs/cgroup/hub.slice/hearth.service/memory.current", "4900000000\n"); /* above its limit for a moment */
    machine_is(root, 1, 4000000000, 0);

    /* In a container: the root is its own group, whatever the path says. */
    put(root, "/proc/self/cgroup", "0::/\n");
    put(root, "/sys/fs/cgroup/memory.max", "2000000000\n");
    put(root, "/sys/fs/cgroup/memory.current", "100000000\n");
    machine_is(root, SIZE_MAX, 2000000000, 1900000000);
    put(root, "/proc/self/cgroup", "0::/../../libpod-12ab\n");
    machine_is(root, SIZE_MAX, 2000000000, 1900000000);
    unit_dir_end(root);
}

static void groups_of_version_1_count(void **state)
{
    char root[64];
    (void)state;
    unit_dir(root);
    put(root, "/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n");
    put(root, "/proc/self/cgroup", "10:name=systemd:/x\n4:memory:/docker/12ab\n2:cpu,cpuacct:/docker/12ab\n0::/\n");
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "/sys/fs/cgroup/cpu/docker/12ab/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/cpu/docker/12ab/cpu.cfs_period_us", "100000\n");
    machine_is(root, SIZE_MAX, 16384000000, 9216000000);
    put(root, "/sys/fs/cgroup/memory/docker/12ab/memory.limit_in_bytes", "3000000000\n");
    put(root, "/sys/fs/cgroup/memory/docker/12ab/memory.usage_in_bytes", "900000000\n");
    put(root, "/sys/fs/cgroup/memory/docker/12ab/memory.stat", "inactive_file 1\ntotal_inactive_file 300000000\ntotal_active_file 100000000\n");
    put(root, "/sys/fs/cgroup/cpu/docker/12ab/cpu.cfs_quota_us", "100000\n");
    machine_is(root, 1, 3000000000, 2500000000);
    unit_dir_end(root);
}

static void files_that_lie_are_no_limit(void **state)
{
    static const char *const bad[] = { "", "\n", "0\n", "0::\n", "0::/\n0::no/slash\n", ":::\n", "4:memory,cpu:/a\n0:,,:/\n" };
    char root[64];
    (void)state;
    unit_dir(root);
    put(root, "/proc/meminfo", "MemTotal: 99999999999999999999 kB\nMemAvailable: 18446744073709551615 kB\n");
    put(root, "/sys/fs/cgroup/memory.max", "-5\n");
    put(root, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "many\n");
    put(root, "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
    put(root, "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "0\n");
    put(root, "/sys/fs/cgroup/cpu.max", "100000 0\n");
    for (size_t i = 0; i < COUNT(bad); i++) {
        put(root, "/proc/self/cgroup", bad[i]);
        machine_is(root, SIZE_MAX, UINT64_MAX, UINT64_MAX);
    }
    unit_dir_end(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_round_trips),
        cmocka_unit_test(a_float_is_written_in_few_digits_and_read_back),
        cmocka_unit_test(an_empty_view_may_have_any_pointer),
        cmocka_unit_test(what_is_malformed_is_seen_wherever_it_stands),
        cmocka_unit_test(a_date_is_read_whole_or_not_at_all),
        cmocka_unit_test(base64_is_its_rfcs),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(a_wait_ends_when_its_moment_has_come),
        cmocka_unit_test(where_memory_is_limited_a_failure_says_so),
        cmocka_unit_test(a_calm_pool_goes_on_beside_jobs_that_wait),
        cmocka_unit_test(a_running_sha256_is_openssls_however_it_is_fed),
        cmocka_unit_test(two_running_sha256_at_once_are_what_each_is_alone),
        cmocka_unit_test(blocks_of_sha256_are_those_of_the_standard),
        cmocka_unit_test(the_least_of_machine_and_groups_counts),
        cmocka_unit_test(groups_of_version_1_count),
        cmocka_unit_test(files_that_lie_are_no_limit),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
