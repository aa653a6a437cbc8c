/* test_generate_golden.c - beam search and logits processors give what Transformers gives (tests/oracle/make_generation.py). */
#include "unit.h"

#include <math.h>

#include "base/json.h"
#include "model/generate/beam.h"
#include "model/generate/config.h"

static const struct json *golden(struct arena *a, const char *name)
{
    struct err e;
    struct json *j;
    char path[512], *text;
    size_t n;
    snprintf(path, sizeof path, "%s/../data/generation/%s", getenv("HEARTH_TEST_DATA"), name);
    must_ok(os_read_file(path, 16 << 20, &text, &n, &e));
    str kept = arena_dup(a, str_n(text, n));
    mem_free(text);
    must_ok(json_parse(kept, a, &j, &e));
    return j;
}

static size_t ids_of(const struct json *list, uint32_t *out)
{
    size_t n = 0;
    int64_t id;
    json_each (item, list) {
        assert_true(json_int(item, &id));
        out[n++] = (uint32_t)id;
    }
    return n;
}

static float real_of(const struct json *v)
{
    return v->type == JSON_NULL     ? -INFINITY
           : v->type == JSON_STRING ? (str_eq(v->s, STR("nan")) ? NAN : INFINITY)
           : v->type == JSON_INT    ? (float)v->i
                                    : (float)v->r;
}

/* ------------------------------------------------------------------ processors */

static void test_processors(void **state)
{
    static const struct decoder_config c = { .vocab = 99 };
    struct arena *a = arena_new(0);
    const struct json *j = golden(a, "processors.json");
    size_t at = 0;
    (void)state;
    json_each (item, json_get(j, STR("cases"))) {
        struct err e;
        struct sequence_options o;
        struct json *options = (struct json *)(uintptr_t)json_get(item, STR("options"));
        uint32_t ids[64];
        float scores[99];
        struct json *eos = json_new(a, JSON_ARRAY);
        json_each (id, json_get(j, STR("eos"))) json_add(eos, json_new_int(a, id->i));
        json_put(options, STR("eos_token_id"), eos);
        must_ok(generation_config_parse(options, &c, a, &o, &e));
        size_t n = ids_of(json_get(item, STR("ids")), ids), k = 0, prompt = (size_t)json_int_or(item, STR("prompt"), 0);
        o.sampling.length_max = (uint32_t)json_int_or(item, STR("length_max"), 0);
        json_each (v, json_get(item, STR("scores"))) scores[k++] = v->type == JSON_NULL ? NAN : real_of(v);
        struct sampler *s = sampler_new(&o.sampling, 99);
        const float *got = sampler_scores(s, scores, ids, n, n - prompt, NULL);
        k = 0;
        json_each (v, json_get(item, STR("processed"))) {
            float want = real_of(v);
            if (!(got[k] == want || (got[k] != got[k] && want != want) ||
                  fabsf(got[k] - want) <= 2e-5f * fmaxf(1, fabsf(want)))) {
                struct buf b = BUF_INIT(0);
                struct json_writer w = json_writer(&b);
                jw_value(&w, options);
                fail_msg("case %zu %s: token %zu has %g instead of %g", at, buf_cstr(&b), k, (double)got[k],
                         (double)want);
            }
            k++;
        }
        sampler_free(s);
        at++;
    }
    assert_int_equal(at, 120);
    arena_free(a);
}

static void test_what_is_not_built_is_refused(void **state)
{
    static const char *const refused[] = { "guidance_scale\": 1.5",
                                           "num_beam_groups\": 2",
                                           "penalty_alpha\": 0.6",
                                           "dola_layers\": \"low\"",
                                           "force_words_ids\": [[1]]",
                                           "encoder_no_repeat_ngram_size\": 2",
                                           "max_time\": 3.0",
                                           "token_healing\": true",
                                           "watermarking_config\": {}",
                                           "num_return_sequences\": 2",
                                           "cache_implementation\": \"quantized\"" };
    static const char *const invalid[] = { "bad_words_ids\": [[99]]",
                                           "bad_words_ids\": [3]",
                                           "suppress_tokens\": [-1]",
                                           "sequence_bias\": [[[1], \"x\"]]",
                                           "exponential_decay_length_penalty\": [1]",
                                           "repetition_penalty\": 0",
                                           "num_beams\": 1000",
                                           "top_k\": -1",
                                           "bad_words_ids\": [[]]" };
    static const struct decoder_config c = { .vocab = 99 };
    struct arena *a = arena_new(0);
    struct sequence_options o;
    struct json *j;
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(refused) + COUNT(invalid); i++) {
        bool built = i >= COUNT(refused);
        str text = arena_fmt(a, "{\"%s}", built ? invalid[i - COUNT(refused)] : refused[i]);
        must_ok(json_parse(text, a, &j, &e));
        if (generation_config_parse(j, &c, a, &o, &e)) fail_msg("%.*s: was taken", STR_ARG(text));
        if (e.code != (built ? ERR_INVALID : ERR_NOT_BUILT)) fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    }
    must_ok(json_parse(STR("{\"guidance_scale\": 1.0, \"num_beam_groups\": 1, \"penalty_alpha\": null, \"use_cache\": "
                           "true, \"max_length\": 20}"),
                       a, &j, &e));
    must_ok(generation_config_parse(j, &c, a, &o, &e));
    assert_int_equal(o.length_max, 20);
    assert_int_equal(o.sampling.top_k, 50);
    must_ok(json_parse(STR("{\"do_sample\": true, \"top_k\": null, \"top_p\": null, \"temperature\": null}"), a, &j, &e));
    must_ok(generation_config_parse(j, &c, a, &o, &e));
    assert_true(o.sampling.top_k == 0 && o.sampling.top_p == 1 && o.sampling.temperature == 1);
    arena_free(a);
}

/* ------------------------------------------------------------------ beams */

struct models {
    struct team *team;
    struct decoder *d;
    struct generator *g;
    str name;
};

static void use(struct models *m, str name)
{
    struct err e;
    char path[512];
    if (m->g && str_eq(m->name, name)) return;
    generator_free(m->g);
    decoder_close(m->d);
    snprintf(path, sizeof path, "%s/../data/decoders/%.*s", getenv("HEARTH_TEST_DATA"), STR_ARG(name));
    must_ok(decoder_open(path, KERNEL_F32, m->team, &m->d, &e));
    m->g = generator_new(m->d, m->team, 8 << 20);
    m->name = name;
}

static size_t search(struct models *m, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                     struct beam_search **s, struct beam_result out[BEAMS_MAX])
{
    struct err e;
    must_ok(beam_search_new(m->g, prompt, n, o, s, &e));
    for (bool done = false; !done;) must_ok(beam_search_step(*s, &done, &e));
    return beam_search_results(*s, out);
}

static void test_beams(void **state)
{
    struct arena *a = arena_new(0);
    const struct json *j = golden(a, "beams.json");
    struct models m = { .team = team_new(1) };
    uint32_t prompt[64], ids[64];
    size_t n = ids_of(json_get(j, STR("prompt")), prompt), at = 0;
    (void)state;
    json_each (item, json_get(j, STR("cases"))) {
        struct err e;
        struct sequence_options o;
        struct beam_search *s;
        struct beam_result got[BEAMS_MAX];
        use(&m, json_str_or(item, STR("model"), STR("")));
        must_ok(generation_config_parse(json_get(item, STR("options")), decoder_config(m.d), a, &o, &e));
        size_t count = search(&m, prompt, n, &o, &s, got), k = 0;
        struct buf b = BUF_INIT(0);
        struct json_writer w = json_writer(&b);
        jw_value(&w, json_get(item, STR("options")));
        json_each (sequence, json_get(item, STR("sequences"))) {
            size_t want = ids_of(json_get(sequence, STR("ids")), ids);
            float score = real_of(json_get(sequence, STR("score")));
            if (k >= count || got[k].count != want || memcmp(got[k].token, ids, want * sizeof *ids) ||
                fabsf(got[k].score - score) > 1e-4f)
                fail_msg("case %zu %s: sequence %zu of %zu is another (score %g, %zu tokens)", at, buf_cstr(&b), k,
                         count, k < count ? (double)got[k].score : 0, k < count ? got[k].count : 0);
            k++;
        }
        assert_int_equal(k, count);
        buf_deinit(&b);
        beam_search_free(s);
        at++;
    }
    assert_int_equal(at, 90);
    generator_free(m.g);
    decoder_close(m.d);
    team_free(m.team);
    arena_free(a);
}

static void test_beams_obey_grammars_and_limits(void **state)
{
    struct models m = { .team = team_new(1) };
    struct err e;
    struct grammar *g;
    struct beam_search *s;
    struct beam_result got[BEAMS_MAX];
    char letters[99];
    str piece[99];
    uint32_t prompt[] = { 1, 17, 42 }, eos = 2;
    (void)state;
    use(&m, STR("llama"));
    for (size_t i = 0; i < 99; i++) letters[i] = (char)('a' + i % 26), piece[i] = str_n(&letters[i], 1);
    struct grammar_tokens *t = grammar_tokens_from(piece, 99, &eos, 1);
    must_ok(grammar_from_regex(STR("(abc|xyz){1,3}"), &g, &e));
    struct grammar_matcher *matcher = grammar_matcher_new(g, t, 1 << 20);
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT,
                                  .new_tokens_max = 12,
                                  .stop = &eos,
                                  .stop_count = 1,
                                  .matcher = matcher,
                                  .beams = { .beams = 4, .length_penalty = 1 } };
    size_t n = search(&m, prompt, 3, &o, &s, got);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_true(got[i].count % 3 == 1 && got[i].token[got[i].count - 1] == eos); /* whole words, and the end */
        for (size_t k = 0; k + 1 < got[i].count; k += 3) {
            char c = letters[got[i].token[k]];
            assert_true((c == 'a' || c == 'x') && letters[got[i].token[k + 1]] == c + 1 &&
                        letters[got[i].token[k + 2]] == c + 2);
        }
    }
    beam_search_free(s);
    grammar_matcher_free(matcher);
    grammar_tokens_free(t);
    grammar_free(g);
    o.matcher = NULL;
    o.sampling.do_sample = true;
    assert_false(beam_search_new(m.g, prompt, 3, &o, &s, &e));
    assert_int_equal(e.code, ERR_NOT_BUILT);
    o.sampling.do_sample = false;
    struct sequence *plain;
    assert_false(generator_add(m.g, prompt, 3, &o, &plain, &e)); /* who asks for beams gets no less */
    assert_int_equal(e.code, ERR_NOT_BUILT);
    generator_free(m.g);
    decoder_close(m.d);
    team_free(m.team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_what_is_not_built_is_refused),
        cmocka_unit_test(test_beams),
        cmocka_unit_test(test_beams_obey_grammars_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
