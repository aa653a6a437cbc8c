/* test_decoder_family.c - every family against Transformers: tests/data/decoders, made by tests/oracle/make_decoders.py. */
#include "golden.h"

struct walk {
    char dir[400];
    size_t n, failures; /* all families are looked at before the test fails */
};

static void check_family(struct walk *w, const char *dir, const char *name)
{
    struct err e;
    struct decoder *d;
    struct golden g;
    struct team *team = team_new(1); /* test_decoder.c has several threads */
    golden_read(dir, &g);
    assert_int_equal(g.greedy_count, 32);
    if (decoder_open(dir, KERNEL_F32, team, &d, &e)) {
        struct decoder_run *run = decoder_run_new(d, team);
        struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
        struct kv *kv = kv_new(pool);
        w->failures += golden_check(&g, name, run, kv);
        kv_free(kv);
        kv_pool_free(pool);
        decoder_run_free(run);
        decoder_close(d);
    } else {
        print_error("%s: %s\n", name, e.msg);
        w->failures++;
    }
    team_free(team);
    golden_end(&g);
}

static bool check_entry(void *ctx, const char *name, bool is_dir)
{
    struct walk *w = ctx;
    char path[700];
    if (!is_dir) return true;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    check_family(w, path, name);
    w->n++;
    return true;
}

static void test_families(void **state)
{
    struct err e;
    struct walk w = { .n = 0 };
    (void)state;
    snprintf(w.dir, sizeof w.dir, "%s/../data/decoders", getenv("HEARTH_TEST_DATA"));
    must_ok(os_each_entry(w.dir, check_entry, &w, &e));
    assert_int_equal(w.failures, 0);
    assert_true(w.n >= 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_families) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
