/* test_generate.c - choosing tokens, and sequences that come and go. */
#include "generate_help.h"

#include <math.h>

/* ------------------------------------------------------------------ sampler */

enum { VOCAB = 6 };
/* Probabilities 0.4, 0.3, 0.15, 0.1, 0.04, 0.01. */
static float scores[VOCAB] = { -0.916290732f, -1.203972804f, -1.897119985f, -2.302585093f, -3.218875825f, -4.605170186f };

/* How often each token comes in 20000 draws. */
static void count_draws(struct sampling o, const uint32_t *tokens, size_t n, size_t new_count, size_t *out)
{
    o.do_sample = true;
    struct sampler *s = sampler_new(&o, VOCAB);
    memset(out, 0, VOCAB * sizeof *out);
    for (size_t i = 0; i < 20000; i++) out[sampler_next(s, scores, tokens, n, new_count, NULL)]++;
    sampler_free(s);
}

/* want: probabilities; 0 must never come. */
static void assert_draws(const char *what, struct sampling o, const double *want)
{
    size_t got[VOCAB];
    count_draws(o, NULL, 0, 0, got);
    for (size_t i = 0; i < VOCAB; i++)
        if ((want[i] == 0) != (got[i] == 0) || fabs((double)got[i] / 20000 - want[i]) > 0.015)
            fail_msg("%s: token %zu came in %g of all draws instead of %g", what, i, (double)got[i] / 20000, want[i]);
}

static void test_draws(void **state)
{
    const struct sampling plain = { .temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1, .seed = 7 };
    struct sampling o = plain;
    (void)state;
    assert_draws("plain", o, (double[]){ 0.4, 0.3, 0.15, 0.1, 0.04, 0.01 });
    o.top_k = 2;
    assert_draws("top-k 2", o, (double[]){ 0.4 / 0.7, 0.3 / 0.7, 0, 0, 0, 0 });
    o = plain, o.top_p = 0.7f + 1e-6f; /* 0.4 + 0.3 fall short by a hair, so the third stays */
    assert_draws("top-p 0.7", o, (double[]){ 0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0, 0, 0 });
    o.top_p = 0.69f;
    assert_draws("top-p 0.69", o, (double[]){ 0.4 / 0.7, 0.3 / 0.7, 0, 0, 0, 0 });
    o.top_p = 0.01f;
    assert_draws("top-p 0.01", o, (double[]){ 1, 0, 0, 0, 0, 0 });
    o = plain, o.min_p = 0.3f; /* of 0.4: 0.12 */
    assert_draws("min-p 0.3", o, (double[]){ 0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0, 0, 0 });
    o = plain, o.epsilon = 0.05f;
    assert_draws("epsilon 0.05", o, (double[]){ 0.4 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0.1 / 0.95, 0, 0 });
    o = plain, o.temperature = 0.5f; /* squares */
    double sum = 0.16 + 0.09 + 0.0225 + 0.01 + 0.0016 + 0.0001;
    assert_draws("temperature 0.5", o, (double[]){ 0.16 / sum, 0.09 / sum, 0.0225 / sum, 0.01 / sum, 0.0016 / sum, 0.0001 / sum });
    /* The entropy is 1.419: surprises 0.916, 1.204, 1.897, 2.303 are 0.503, 0.215, 0.478, 0.884 off; 0.3 + 0.15 reach 0.45. */
    o = plain, o.typical_p = 0.44f;
    assert_draws("typical 0.44", o, (double[]){ 0, 0.3 / 0.45, 0.15 / 0.45, 0, 0, 0 });
}

static void test_ties_and_seeds(void **state)
{
    struct sampling o = { .do_sample = true, .temperature = 1, .top_k = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1 };
    float equal[VOCAB] = { 1, 3, 3, 0, 3, NAN };
    size_t seen[VOCAB] = { 0 };
    (void)state;
    struct sampler *a = sampler_new(&o, VOCAB), *b = sampler_new(&o, VOCAB);
    for (size_t i = 0; i < 1000; i++) { /* the equals of the k-th stay */
        uint32_t t = sampler_next(a, equal, NULL, 0, 0, NULL);
        seen[t]++;
        assert_int_equal(t, sampler_next(b, equal, NULL, 0, 0, NULL)); /* the same seed, the same tokens */
    }
    assert_true(seen[1] && seen[2] && seen[4] && seen[1] + seen[2] + seen[4] == 1000);
    sampler_free(a);
    sampler_free(b);
    o.top_k = 0;
    o.temperature = 1e-40f; /* whose quotients are no numbers */
    a = sampler_new(&o, VOCAB);
    for (size_t i = 0; i < 100; i++) assert_int_equal(sampler_next(a, (float[VOCAB]){ 1, 2, 3, 4, 3, 2 }, NULL, 0, 0, NULL), 3);
    sampler_free(a);
    o.do_sample = false;
    a = sampler_new(&o, VOCAB);
    assert_int_equal(sampler_next(a, equal, NULL, 0, 0, NULL), 1); /* the lowest of equals */
    uint64_t only_3_and_4 = 3 << 3;
    assert_int_equal(sampler_next(a, equal, NULL, 0, 0, &only_3_and_4), 4);
    sampler_free(a);
}

/* ------------------------------------------------------------------ large vocabularies, by what is said of them one by one */

enum { LARGE = 5003 };
static float large[LARGE];
static uint64_t chance_state = 5;
static double chance(void)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(chance_state >> 11) * 0x1p-53;
}

/* With equals, and with what is no number or is banned. */
static void fill_large(void)
{
    for (size_t i = 0; i < LARGE; i++) large[i] = roundf((float)(8 * (chance() + chance() + chance() - 1.5)) * 4) / 4;
    for (size_t i = 0; i < 40; i++) large[(size_t)(chance() * LARGE)] = i % 2 ? NAN : -INFINITY;
}

static int by_score(const void *a, const void *b)
{
    float x = large[*(const uint32_t *)a], y = large[*(const uint32_t *)b];
    if (x != y) return x > y ? -1 : 1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void test_large_vocabularies(void **state)
{
    static uint32_t order[LARGE], rank[LARGE], top[20];
    static double p[LARGE];
    const struct sampling plain = { .do_sample = true, .temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1 };
    size_t n = 0;
    double all = 0, mass = 0;
    (void)state;
    fill_large();
    for (uint32_t i = 0; i < LARGE; i++)
        if (large[i] > -INFINITY) order[n++] = i;
    qsort(order, n, sizeof *order, by_score);
    for (size_t i = 0; i < n; i++) all += p[i] = exp((double)large[order[i]]);
    for (size_t i = 0; i < n; i++) p[i] /= all, rank[order[i]] = (uint32_t)i;
    for (size_t part = 1; part < 200; part++) { /* every length of a last piece */
        uint32_t best = 0;
        for (uint32_t i = 0; i < part; i++)
            if (large[i] > large[best] || large[best] != large[best]) best = i;
        struct sampler *s = sampler_new(&(struct sampling){ .repetition_penalty = 1 }, part);
        assert_int_equal(sampler_next(s, large, NULL, 0, 0, NULL), best);
        sampler_free(s);
    }
    assert_true(fabs(logits_log_sum(large, LARGE) - log(all)) < 1e-6);
    logits_top(large, LARGE, 20, top);
    for (size_t i = 0; i < 20 && large[0] == large[0]; i++) assert_int_equal(top[i], order[i]);
    const struct { struct sampling o; size_t k; double top_p, min_p; } cases[] = {
        { plain, 0, 1, 0 }, { plain, 1, 1, 0 }, { plain, 40, 1, 0 }, { plain, 3000, 1, 0 }, { plain, 0, 0.3, 0 }, { plain, 0, 0.999, 0 }, { plain, 0, 1, 0.2 }, { plain, 0, 1, 1e-4 }, { plain, 0, 0.9, 0.1 },
    };
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct sampling o = cases[c].o;
        o.top_k = (uint32_t)cases[c].k, o.top_p = (float)cases[c].top_p, o.min_p = (float)cases[c].min_p;
        size_t kept = n, least = 0;
        double before = 0;
        if (o.top_k) for (kept = o.top_k; kept < n && large[order[kept]] == large[order[kept - 1]];) kept++;
        if (o.top_p < 1) for (kept = 0; kept < n && before < o.top_p;) before += p[kept++];
        if (o.min_p > 0) while (kept > 1 && p[kept - 1] < o.min_p * p[0]) kept--;
        struct sampler *s = sampler_new(&o, LARGE);
        const float *left = sampler_scores(s, large, NULL, 0, 0, NULL);
        for (size_t i = 0; i < n; i++) least += left[order[i]] > -INFINITY;
        for (size_t i = 0; i < kept; i++) assert_true(left[order[i]] > -INFINITY);
        if (least != kept) fail_msg("case %zu: %zu are left instead of %zu", c, least, kept);
        double share = 0, first = 0;
        mass = 0;
        for (size_t i = 0; i < kept; i++) mass += p[i];
        for (size_t i = 0; i < 1000; i++) {
            uint32_t t = sampler_next(s, large, NULL, 0, 0, NULL), at = rank[t];
            assert_true(at < kept && order[at] == t);
            share += at < kept / 4 + 1;
        }
        for (size_t i = 0; i < kept / 4 + 1; i++) first += p[i] / mass;
        if (fabs(share / 1000 - first) > 0.06) fail_msg("case %zu: the likeliest came in %g of all draws instead of %g", c, share / 1000, first);
        sampler_free(s);
    }
}

static double off[LARGE]; /* how far a token's surprise is from the expected one */
static int by_off(const void *a, const void *b)
{
    double x = off[*(const uint32_t *)a], y = off[*(const uint32_t *)b];
    return x != y ? (x < y ? -1 : 1) : by_score(a, b);
}

/* The tokens that are left are those that sorting all, or the likeliest by top-p, gives. */
static void test_typical_of_a_large_vocabulary(void **state)
{
    static uint32_t order[LARGE];
    static double p[LARGE];
    static const struct { float typical_p, top_p; } cases[] = { { 0.02f, 1 }, { 0.5f, 1 }, { 0.95f, 1 }, { 0.5f, 0.8f } };
    (void)state;
    fill_large();
    for (size_t c = 0; c < COUNT(cases); c++) {
        const struct sampling o = { .do_sample = true, .temperature = 1, .top_p = cases[c].top_p, .typical_p = cases[c].typical_p, .repetition_penalty = 1 };
        double all = 0, before = 0, mass = 0, entropy = 0;
        size_t n = 0, kept = 0, left = 0, likely = 0;
        for (uint32_t i = 0; i < LARGE; i++)
            if (large[i] > -INFINITY) order[n++] = i, all += exp((double)large[i]);
        qsort(order, n, sizeof *order, by_score);
        while (o.top_p < 1 && likely < n && before < o.top_p) before += exp((double)large[order[likely++]]) / all;
        if (o.top_p < 1) n = likely, all *= before;
        for (size_t i = 0; i < n; i++) p[order[i]] = exp((double)large[order[i]]) / all, entropy -= p[order[i]] * log(p[order[i]]);
        for (size_t i = 0; i < n; i++) off[order[i]] = fabs(-log(p[order[i]]) - entropy);
        qsort(order, n, sizeof *order, by_off);
        while (kept < n && mass < o.typical_p) mass += p[order[kept++]];
        struct sampler *s = sampler_new(&o, LARGE);
        const float *score = sampler_scores(s, large, NULL, 0, 0, NULL);
        for (size_t i = 0; i < LARGE; i++) left += score[i] > -INFINITY;
        for (size_t i = 0; i < kept; i++)
            if (!(score[order[i]] > -INFINITY)) fail_msg("case %zu: token %u is gone", c, order[i]);
        if (left != kept) fail_msg("case %zu: %zu are left instead of %zu", c, left, kept);
        sampler_free(s);
    }
}

/* The same of epsilon and eta, one after the other. */
static void test_cutoffs_of_a_large_vocabulary(void **state)
{
    static uint32_t order[LARGE];
    static double p[LARGE];
    static const struct { float epsilon, eta; uint32_t keep_min; } cases[] = { { 1e-4f, 0, 0 }, { 0, 1e-3f, 0 }, { 1e-5f, 2e-3f, 0 }, { 0.9f, 0, 0 }, { 0.9f, 0, 40 }, { 0, 0.9f, 3 } };
    (void)state;
    fill_large();
    for (size_t c = 0; c < COUNT(cases); c++) {
        const struct sampling o = { .do_sample = true, .temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                                    .epsilon = cases[c].epsilon, .eta = cases[c].eta, .keep_min = cases[c].keep_min };
        size_t n = 0, left = 0;
        for (uint32_t i = 0; i < LARGE; i++)
            if (large[i] > -INFINITY) order[n++] = i;
        qsort(order, n, sizeof *order, by_score);
        for (int eta = 0; eta < 2; eta++) {
            double all = 0, entropy = 0, cutoff = eta ? o.eta : o.epsilon;
            size_t kept = 1;
            if (!(cutoff > 0)) continue;
            for (size_t i = 0; i < n; i++) all += exp((double)large[order[i]]);
            for (size_t i = 0; i < n; i++) p[i] = exp((double)large[order[i]]) / all, entropy -= p[i] * log(p[i]);
            if (eta) cutoff = fmin(cutoff, sqrt(cutoff) * exp(-entropy));
            while (kept < n && p[kept] >= cutoff) kept++;
            n = kept > o.keep_min ? kept : o.keep_min;
        }
        struct sampler *s = sampler_new(&o, LARGE);
        const float *score = sampler_scores(s, large, NULL, 0, 0, NULL);
        for (size_t i = 0; i < LARGE; i++) left += score[i] > -INFINITY;
        for (size_t i = 0; i < n; i++)
            if (!(score[order[i]] > -INFINITY)) fail_msg("case %zu: token %u is gone", c, order[i]);
        if (left != n) fail_msg("case %zu: %zu are left instead of %zu", c, left, n);
        sampler_free(s);
    }
}

static uint32_t greedy(struct sampling o, const uint32_t *tokens, size_t n, size_t new_count)
{
    struct sampler *s = sampler_new(&o, VOCAB);
    uint32_t t = sampler_next(s, scores, tokens, n, new_count, NULL);
    sampler_free(s);
    return t;
}

static void test_processors(void **state)
{
    const struct sampling plain = { .temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1 };
    const uint32_t zero_twice[] = { 0, 0, 9999 }, ngram[] = { 5, 0, 2, 5 }, eos[] = { 0, 1 };
    const struct token_bias ban[] = { { 0, -INFINITY }, { 4, 2 } };
    struct sampling o = plain;
    (void)state;
    assert_int_equal(greedy(o, NULL, 0, 0), 0);
    o.repetition_penalty = 1.3f; /* -0.916 becomes -1.191, once; still above -1.204 */
    assert_int_equal(greedy(o, zero_twice, 3, 0), 0);
    o.repetition_penalty = 1.32f;
    assert_int_equal(greedy(o, zero_twice, 3, 0), 1);
    o = plain, o.frequency = 0.15f; /* twice: 0.3 */
    assert_int_equal(greedy(o, zero_twice, 2, 2), 1);
    assert_int_equal(greedy(o, zero_twice, 2, 1), 0); /* the prompt does not count */
    o = plain, o.presence = 0.3f;
    assert_int_equal(greedy(o, zero_twice, 1, 1), 1);
    o = plain, o.no_repeat_ngram = 2;
    assert_int_equal(greedy(o, ngram, 4, 0), 1);
    o = plain, o.eos = eos, o.eos_count = 2, o.new_tokens_min = 3;
    assert_int_equal(greedy(o, ngram, 4, 2), 2);
    assert_int_equal(greedy(o, ngram, 4, 3), 0);
    o = plain, o.bias = ban, o.bias_count = 2;
    assert_int_equal(greedy(o, NULL, 0, 0), 1);
    uint32_t top[3];
    logits_top(scores, VOCAB, 3, top);
    assert_true(top[0] == 0 && top[1] == 1 && top[2] == 2);
    assert_true(fabs(logits_log_sum(scores, VOCAB)) < 1e-4); /* they are log-probabilities already */
}

/* ------------------------------------------------------------------ generator */

static const uint32_t story[] = { 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337 };

static void test_sequences(void **state)
{
    static const size_t prompts[] = { 1, 5, 12, 17 };
    struct err e;
    struct engine m;
    struct sequence *s[4];
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .wants_logprobs = true, .top_logprobs = 2 };
    uint32_t prompt[32] = { 1 };
    bool idle;
    (void)state;
    engine_open(&m, 4 << 20);
    memcpy(prompt + 1, story, sizeof story);
    for (size_t i = 0; i < 4; i++) { /* each begins while the others are on their way */
        o.new_tokens_max = COUNT(story) + 1 - prompts[i];
        must_ok(generator_add(m.g, prompt, prompts[i], &o, &s[i], &e));
        must_ok(generator_step(m.g, &idle, &e));
    }
    run_dry(&m);
    for (size_t i = 0; i < 4; i++) {
        struct new_token t;
        for (size_t at = prompts[i] - 1; at < COUNT(story); at++) {
            assert_true(sequence_take(s[i], &t));
            assert_int_equal(t.id, story[at]);
            assert_true(t.top_count == 2 && t.top[0] == t.id && fabsf(t.top_log_probability[0] - t.log_probability) < 1e-5f);
        }
        assert_false(sequence_take(s[i], &t));
        assert_int_equal(sequence_finish(s[i]), FINISH_LENGTH);
        generator_remove(m.g, s[i]);
    }
    engine_close(&m);
}

static void test_stop_and_limits(void **state)
{
    struct err e;
    struct engine m;
    struct sequence *s, *other;
    struct new_token t;
    uint32_t bos = 1, full_stop = 426, long_prompt[512];
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 100, .stop = &full_stop, .stop_count = 1 };
    size_t n = 0;
    (void)state;
    engine_open(&m, 20 * kv_page_bytes(&(struct decoder_config){ .layers = 5, .kv_heads = 4, .head_dim = 8 }));
    must_ok(generator_add(m.g, &bos, 1, &o, &s, &e));
    run_dry(&m);
    while (sequence_take(s, &t)) n++;
    assert_true(n == 15 && t.id == 426 && sequence_finish(s) == FINISH_EOS);
    for (size_t i = 0; i < 512; i++) long_prompt[i] = 300;
    assert_false(generator_add(m.g, long_prompt, 512, &o, &other, &e)); /* nothing could follow */
    assert_int_equal(e.code, ERR_TOO_LARGE);
    o.stop_count = 0;
    must_ok(generator_add(m.g, long_prompt, 500, &o, &other, &e)); /* twelve can */
    run_dry(&m);
    assert_int_equal(sequence_new_count(other), 12);
    assert_int_equal(sequence_finish(other), FINISH_LENGTH);
    struct sequence *third;
    assert_false(generator_add(m.g, long_prompt, 300, &o, &third, &e)); /* 20 pages: 4 and 16 are promised */
    assert_int_equal(e.code, ERR_BUSY);
    generator_remove(m.g, s);
    generator_remove(m.g, other);
    must_ok(generator_add(m.g, long_prompt, 300, &o, &third, &e));
    generator_remove(m.g, third);
    assert_false(generator_add(m.g, long_prompt, 0, &o, &third, &e));
    engine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws),      cmocka_unit_test(test_ties_and_seeds), cmocka_unit_test(test_large_vocabularies),
        cmocka_unit_test(test_typical_of_a_large_vocabulary),
        cmocka_unit_test(test_cutoffs_of_a_large_vocabulary),
        cmocka_unit_test(test_processors), cmocka_unit_test(test_sequences),      cmocka_unit_test(test_stop_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
