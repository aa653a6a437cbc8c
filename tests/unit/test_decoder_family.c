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
    assert_true(w.n >= 37);
}

static void feed(struct decoder_run *run, struct kv *kv, uint32_t first, uint32_t n, float out[GOLDEN_VOCAB])
{
    struct err e;
    struct decoder_row row[GOLDEN_TOKENS_MAX];
    const float *logits[GOLDEN_TOKENS_MAX];
    for (uint32_t i = 0; i < n; i++) row[i] = (struct decoder_row){ (first + i) * 7 % GOLDEN_VOCAB, kv, i + 1 == n };
    must_ok(decoder_forward(run, row, n, logits, &e));
    memcpy(out, logits[n - 1], GOLDEN_VOCAB * sizeof *out);
}

/* However a sequence came to its length, past the border or back, it has the rope of that length all over. */
static void test_longrope_is_of_one_piece(void **state)
{
    struct err e;
    struct decoder *d;
    char dir[600];
    float want[GOLDEN_VOCAB], got[GOLDEN_VOCAB];
    static const struct { uint32_t first, truncate, then, expected; } way[] = {
        { 30, 30, 5, 0 },  /* over the border */
        { 10, 10, 25, 0 },
        { 30, 30, 5, 35 }, /* which was foreseen */
        { 40, 20, 10, 0 }, /* and back */
        { 40, 35, 3, 0 },
    };
    (void)state;
    snprintf(dir, sizeof dir, "%s/../data/decoders/phi3-switch", getenv("HEARTH_TEST_DATA"));
    struct team *team = team_new(1);
    must_ok(decoder_open(dir, KERNEL_F32, team, &d, &e));
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 8);
    for (size_t i = 0; i < COUNT(way); i++) {
        struct kv *kv = kv_new(pool);
        kv->expected = way[i].expected;
        feed(run, kv, 0, way[i].first, got);
        kv_truncate(kv, way[i].truncate);
        feed(run, kv, way[i].truncate, way[i].then, got);
        struct kv *fresh = kv_new(pool);
        feed(run, fresh, 0, way[i].truncate + way[i].then, want);
        for (size_t j = 0; j < GOLDEN_VOCAB; j++)
            if (fabsf(got[j] - want[j]) > 1e-4f) fail_msg("way %zu: logit %zu is %g instead of %g", i, j, (double)got[j], (double)want[j]);
        kv_free(kv);
        kv_free(fresh);
    }
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_families), cmocka_unit_test(test_longrope_is_of_one_piece) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
