/* test_decoder_family.c - every family against Transformers: tests/data/decoders, made by tests/oracle/make_decoders.py. */
#include "golden.h"

struct walk {
    char dir[400];
    double all[KERNEL_TYPES];
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
    assert_true(w.n >= 63);
}

/* Packed in fewer bits: how far the logits of the whole prompt are from Transformers' in float32, as a share of their size. */
static double distance(const char *dir, enum kernel_type type, bool is_kept_small)
{
    struct err e;
    struct decoder *d;
    struct golden g;
    struct decoder_row row[GOLDEN_TOKENS_MAX];
    const float *logits[GOLDEN_TOKENS_MAX];
    double off = 0, all = 0;
    struct team *team = team_new(1);
    golden_read(dir, &g);
    must_ok(decoder_open(dir, type, team, &d, &e));
    if (is_kept_small) decoder_keep_small(d);
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
    struct kv *kv = kv_new(pool);
    for (size_t i = 0; i < g.prompt_count; i++) row[i] = (struct decoder_row){ g.prompt[i], kv, true };
    must_ok(decoder_forward(run, row, g.prompt_count, logits, &e));
    json_each (want, json_get(g.json, STR("logits"))) {
        uint64_t at;
        size_t i = 0;
        assert_true(str_u64(want->key, &at) && at < g.prompt_count);
        json_each (v, want) {
            double w = v->type == JSON_INT ? (double)v->i : v->r, o = w - (double)logits[at][i++];
            off += o * o;
            all += w * w;
        }
    }
    kv_free(kv);
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
    team_free(team);
    golden_end(&g);
    return sqrt(off / all);
}

/* Random weights in rows of 40 are the worst case: nothing averages out.  Measured in November 2026, the worst of 37: 0.012,
 * 0.059 and 0.42; half of them are below 0.006, 0.022 and 0.23. */
static bool check_types(void *ctx, const char *name, bool is_dir)
{
    static const double most[KERNEL_TYPES] = { 1e-5, 0.02, 0.08, 0.6, 0.6 };
    struct walk *w = ctx;
    char path[700];
    if (!is_dir) return true;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    for (enum kernel_type type = KERNEL_BF16; type <= KERNEL_Q4; type++) {
        double off = distance(path, type, false);
        w->all[type] += off;
        if (off <= most[type]) continue;
        print_error("%s, type %d: logits are off by %g of their size\n", name, type, off);
        w->failures++;
    }
    double off = distance(path, KERNEL_F32, true); /* keys and values in 8 bits; the worst was 0.027, half are below 0.007 */
    if (off > 0.04) {
        print_error("%s: with keys and values in 8 bits logits are off by %g of their size\n", name, off);
        w->failures++;
    }
    w->n++;
    return true;
}

static void test_fewer_bits(void **state)
{
    struct err e;
    struct walk w = { .n = 0 };
    (void)state;
    snprintf(w.dir, sizeof w.dir, "%s/../data/decoders", getenv("HEARTH_TEST_DATA"));
    must_ok(os_each_entry(w.dir, check_types, &w, &e));
    assert_int_equal(w.failures, 0);
    double n = (double)w.n;
    if (w.all[KERNEL_BF16] > 0.008 * n || w.all[KERNEL_Q8] > 0.03 * n || w.all[KERNEL_Q4] > 0.3 * n)
        fail_msg("on average logits are off by %g, %g and %g", w.all[KERNEL_BF16] / n, w.all[KERNEL_Q8] / n, w.all[KERNEL_Q4] / n);
}

/* Of experts a row reads those that it chose: three of six, in two layers of three (the second has none). */
static void test_bytes_of_a_step(void **state)
{
    struct err e;
    struct decoder *d;
    char dir[600];
    (void)state;
    snprintf(dir, sizeof dir, "%s/../data/decoders/qwen3-moe", getenv("HEARTH_TEST_DATA"));
    struct team *team = team_new(1);
    must_ok(decoder_open(dir, KERNEL_F32, team, &d, &e));
    size_t expert = 4 * 32 * 40 + 2 * 4 * 32 * 11; /* gate and up fill a panel of 32, down two */
    assert_int_equal(decoder_packed_bytes(d) - decoder_step_bytes(d, 1), 2 * 3 * expert);
    assert_int_equal(decoder_packed_bytes(d), decoder_step_bytes(d, 2));
    assert_int_equal(decoder_packed_bytes(d), decoder_memory(decoder_config(d), KERNEL_F32));
    decoder_close(d);
    team_free(team);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_families), cmocka_unit_test(test_fewer_bits), cmocka_unit_test(test_longrope_is_of_one_piece),
                                        cmocka_unit_test(test_bytes_of_a_step) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
