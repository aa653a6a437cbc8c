/* test_generate_use.c - what a sequence may ask for: stop strings, grammars, guesses; and what sequences share. */
#include "generate_help.h"

#include "model/generate/speculate.h"

/* ------------------------------------------------------------------ stop strings */

static void test_stop_text(void **state)
{
    static const struct {
        const char *piece[6], *stop[3];
        bool keeps;
        const char *out[6]; /* what may be taken after each piece */
        bool stops;
    } cases[] = {
        { { "hello", " world" }, { "xyz" }, false, { "hello", " world" }, false },
        { { "abc", "END", "x" }, { "END" }, false, { "abc", "" }, true },
        { { "abcEN", "Dxx" }, { "END" }, false, { "abc", "" }, true },
        { { "abcEN", "Exx" }, { "END" }, false, { "abc", "ENExx" }, false },
        { { "aE", "N", "D" }, { "END" }, true, { "a", "", "END" }, true },
        { { "a stop here", "" }, { "here", "stop" }, false, { "a " }, true },
        { { "a stop here" }, { "stop" }, true, { "a stop here" }, true },
        { { "aaa", "ab" }, { "aab" }, false, { "a", "a" }, true },
        { { "\n", "\n", "x" }, { "\n\n" }, false, { "", "" }, true },
        { { "END" }, { "END" }, false, { "" }, true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stop_text s = { .keeps = cases[i].keeps };
        for (size_t k = 0; k < 3 && cases[i].stop[k]; k++) s.stop[s.stops++] = str_c(cases[i].stop[k]);
        bool stopped = false;
        for (size_t k = 0; k < 6 && cases[i].piece[k] && !stopped; k++) {
            stopped = stop_text_add(&s, str_c(cases[i].piece[k]));
            str got = stop_text_take(&s);
            if (!str_eq(got, str_c(cases[i].out[k]))) fail_msg("case %zu, piece %zu: \"%.*s\"", i, k, STR_ARG(got));
        }
        if (stopped != cases[i].stops) fail_msg("case %zu", i);
        stop_text_deinit(&s);
    }
    struct stop_text held = { .stop = { STR("END") }, .stops = 1 };
    stop_text_add(&held, STR("xEN"));
    assert_str(stop_text_take(&held), STR("x"));
    stop_text_end(&held);
    assert_str(stop_text_take(&held), STR("EN"));
    stop_text_deinit(&held);
    /* One that ends too early does not count; one that only begins so does. */
    struct stop_text early = { .stop = { STR("END") }, .stops = 1, .is_early = true };
    assert_false(stop_text_add(&early, STR("an END, EN")));
    assert_str(stop_text_take(&early), STR("an END, "));
    early.is_early = false;
    assert_true(stop_text_add(&early, STR("D x")));
    assert_str(stop_text_take(&early), STR(""));
    stop_text_deinit(&early);
}

/* ------------------------------------------------------------------ on the demo model */

enum { KV_BYTES = 16 << 20 };
static struct tokenizer *tokenizer;

static int tokenizer_setup(void **state)
{
    struct err e;
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/../../demo", getenv("HEARTH_TEST_DATA"));
    must_ok(tokenizer_open(path, NULL, &tokenizer, &e));
    return 0;
}
static int tokenizer_teardown(void **state)
{
    (void)state;
    tokenizer_free(tokenizer);
    return 0;
}

static size_t encode(const char *text, uint32_t *ids, size_t room)
{
    struct err e;
    size_t n = 0;
    struct token_encoder *x = token_encoder_new(tokenizer);
    must_ok(token_encode_ids(x, str_c(text), NULL, ids, room, &n, &e));
    token_encoder_free(x);
    return n;
}
/* Runs one sequence; ids of what is new, and its text. */
static size_t run_one(struct engine *m, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                      uint32_t *out, struct buf *text, enum finish *finish)
{
    struct err e;
    struct sequence *s;
    struct new_token t;
    size_t made = 0;
    must_ok(generator_add(m->g, prompt, n, o, &s, &e));
    for (bool idle = false; !idle;) {
        must_ok(generator_step(m->g, &idle, &e));
        while (sequence_take(s, &t)) out[made++] = t.id;
        if (text) buf_add(text, sequence_take_text(s));
    }
    if (finish) *finish = sequence_finish(s);
    generator_remove(m->g, s);
    return made;
}

static void test_stop_strings(void **state)
{
    struct engine m;
    struct buf text = BUF_INIT(0);
    uint32_t prompt[64], out[128];
    str stop[] = { STR("nothing like it"), STR("ed Li") }; /* begins and ends inside of tokens */
    enum finish finish;
    (void)state;
    engine_open(&m, KV_BYTES);
    size_t n = encode("Once upon a time", prompt, 64);
    struct sequence_options o = {
        .sampling = SAMPLING_DEFAULT, .new_tokens_max = 60, .tokenizer = tokenizer, .stop_text = stop, .stop_text_count = 2
    };
    run_one(&m, prompt, n, &o, out, &text, &finish);
    assert_str(buf_str(&text), STR(", there was a little girl nam"));
    assert_int_equal(finish, FINISH_STOP);
    buf_reset(&text);
    o.stop_text_kept = true;
    run_one(&m, prompt, n, &o, out, &text, &finish);
    assert_true(str_starts(buf_str(&text), STR(", there was a little girl named Li")) && text.n < 40);
    buf_reset(&text);
    o.sampling.new_tokens_min = 40; /* before that it does not count */
    assert_true(run_one(&m, prompt, n, &o, out, &text, &finish) >= 40);
    buf_deinit(&text);
    engine_close(&m);
}

static void test_text_goes_on_where_the_prompt_ends(void **state)
{
    struct engine m;
    struct buf text = BUF_INIT(0);
    uint32_t prompt[64], out[8];
    (void)state;
    engine_open(&m, KV_BYTES);
    size_t n = encode("Once upon", prompt, 64);
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 3, .tokenizer = tokenizer };
    run_one(&m, prompt, n, &o, out, &text, NULL);
    assert_str(buf_str(&text), STR(" a time,"));
    buf_deinit(&text);
    engine_close(&m);
}

/* ------------------------------------------------------------------ grammars */

static void assert_obeys(struct engine *m, struct grammar *g, const char *prompt_text, size_t runs)
{
    struct err e;
    struct grammar_tokens *tokens;
    must_ok(grammar_tokens_new(tokenizer, decoder_config(m->d)->vocab, (uint32_t[]){ 2 }, 1, NULL, 0, &tokens, &e));
    struct grammar_matcher *matcher = grammar_matcher_new(g, tokens, 16 << 20),
                           *judge = grammar_matcher_new(g, NULL, 16 << 20);
    uint32_t prompt[64], out[256], eos = 2;
    size_t n = encode(prompt_text, prompt, 64), complete = 0;
    for (size_t i = 0; i < runs; i++) {
        struct buf text = BUF_INIT(0);
        enum finish finish;
        struct sequence_options o = { .sampling = SAMPLING_DEFAULT,
                                      .new_tokens_max = 200,
                                      .stop = &eos,
                                      .stop_count = 1,
                                      .tokenizer = tokenizer,
                                      .matcher = matcher };
        o.sampling.do_sample = i > 0;
        o.sampling.seed = i;
        o.sampling.temperature = 0.8f + 0.3f * (float)(i % 4);
        o.lookup_tokens = i % 3 ? 4 : 0; /* guesses must change nothing here either */
        run_one(m, prompt, n, &o, out, &text, &finish);
        struct grammar_state *s = grammar_state_new(judge);
        if (!grammar_accept_bytes(s, buf_str(&text))) fail_msg("seed %zu: %.*s", i, STR_ARG(buf_str(&text)));
        assert_true(finish == FINISH_EOS || finish == FINISH_STOP || finish == FINISH_LENGTH);
        if (finish != FINISH_LENGTH) {
            complete++;
            if (!grammar_may_end(s)) fail_msg("seed %zu ends early: %.*s", i, STR_ARG(buf_str(&text)));
        }
        grammar_state_free(s);
        buf_deinit(&text);
    }
    assert_true(complete * 2 > runs);
    grammar_matcher_free(judge);
    grammar_matcher_free(matcher);
    grammar_tokens_free(tokens);
    grammar_free(g);
}

static void test_grammars(void **state)
{
    struct err e;
    struct engine m;
    struct grammar *g;
    (void)state;
    engine_open(&m, KV_BYTES);
    must_ok(grammar_from_regex(STR(" (\"[A-Z][a-z ]{5,30}[.!?]\" ?){1,3}"), &g, &e));
    assert_obeys(&m, g, "Lily said:", 20);
    must_ok(grammar_from_json_schema(
        STR("{\"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 12}, \"age\": {\"type\": \"integer\", "
            "\"minimum\": 1, "
            "\"maximum\": 120}, \"friends\": {\"type\": \"array\", \"items\": {\"$ref\": \"#\"}, \"maxItems\": 2}}, "
            "\"required\": [\"name\", \"age\"]}"),
        &g, &e));
    assert_obeys(&m, g, "Her name was Lily. ", 20);
    must_ok(grammar_from_gbnf(STR("root ::= (\" \" (\"yes\" | \"no\" | \"\\u00e9\"))+ \".\""), &g, &e));
    assert_obeys(&m, g, "And then", 20);
    engine_close(&m);
}

/* One row a step and no guesses: what the generator must give. */
static size_t step_by_step(struct engine *m, struct grammar_matcher *matcher, const struct sampling *o,
                           const uint32_t *prompt, size_t n, uint32_t eos, uint32_t *out)
{
    struct err e;
    size_t vocab = decoder_config(m->d)->vocab, made = 0;
    uint32_t token[512];
    uint64_t mask[16];
    struct kv_pool *pool = kv_pool_new(decoder_config(m->d), 16);
    struct kv *kv = kv_new(pool);
    struct decoder_run *run = decoder_run_new(m->d, m->team);
    struct sampler *s = sampler_new(o, vocab);
    struct grammar_state *state = grammar_state_new(matcher);
    const float *logits;
    memcpy(token, prompt, n * sizeof *token);
    for (size_t i = 0; i < n + 199; i++) {
        struct decoder_row row = { .token = token[i], .kv = kv, .wants_logits = true };
        must_ok(decoder_forward(run, &row, 1, &logits, &e));
        if (i + 1 < n) continue;
        assert_true(grammar_mask(state, mask));
        out[made] = token[i + 1] = sampler_next(s, logits, token, i + 1, made, mask);
        made++;
        if (token[i + 1] == eos) break;
        assert_true(grammar_accept(state, token[i + 1]));
        if (grammar_must_end(state)) break;
    }
    grammar_state_free(state);
    sampler_free(s);
    decoder_run_free(run);
    kv_free(kv);
    kv_pool_free(pool);
    return made;
}

static void test_what_a_grammar_forces_is_guessed(void **state)
{
    struct err e;
    struct engine m;
    struct grammar *g;
    uint32_t prompt[64], eos = 2, want[256], got[256];
    (void)state;
    engine_open(&m, KV_BYTES);
    must_ok(grammar_from_json_schema(
        STR("{\"properties\": {\"first_name\": {\"type\": \"string\", \"maxLength\": 5}, \"colour_of_hair\": "
            "{\"enum\": "
            "[\"black\", \"brown\", \"yellow\"]}}, \"required\": [\"first_name\", \"colour_of_hair\"]}"),
        &g, &e));
    struct grammar_tokens *tokens;
    must_ok(grammar_tokens_new(tokenizer, decoder_config(m.d)->vocab, &eos, 1, NULL, 0, &tokens, &e));
    struct grammar_matcher *matcher = grammar_matcher_new(g, tokens, 16 << 20);
    size_t n = encode("Here is Lily: ", prompt, 64);
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct sequence_options o = {
            .sampling = SAMPLING_DEFAULT, .new_tokens_max = 199, .stop = &eos, .stop_count = 1, .matcher = matcher
        };
        o.sampling.do_sample = seed > 0;
        o.sampling.seed = seed;
        struct generator_figures before = generator_figures(m.g);
        size_t made = run_one(&m, prompt, n, &o, got, NULL, NULL);
        struct generator_figures after = generator_figures(m.g);
        assert_int_equal(made, step_by_step(&m, matcher, &o.sampling, prompt, n, eos, want));
        assert_memory_equal(got, want, made * sizeof *want);
        assert_true(after.accepted - before.accepted > 5 && after.steps - before.steps < made);
    }
    grammar_matcher_free(matcher);
    grammar_tokens_free(tokens);
    grammar_free(g);
    engine_close(&m);
}

/* Each text of letters leads to another state of thousands of configurations. */
static void test_a_slow_grammar_holds_up_nobody_else(void **state)
{
    struct err e;
    struct engine m;
    struct grammar *g;
    struct sequence *slow, *plain;
    struct new_token t;
    uint32_t prompt[64], eos = 2;
    bool idle;
    size_t steps = 0, made = 0;
    struct buf source = BUF_INIT(0);
    (void)state;
    engine_open(&m, KV_BYTES);
    buf_lit(&source, "[ a-z]*[aeiou][ a-z]{40}|[ a-z]*[sten][ a-z]{41}|[ a-z]*[lord][ a-z]{42}|[ a-z]*[high][ a-z]{43}|[ a-z]*[may][ a-z]{44}");
    for (size_t i = 0; i < 13000; i++) buf_addf(&source, "|[ a-z]{12}%zu", i);
    must_ok(grammar_from_regex(buf_str(&source), &g, &e));
    buf_deinit(&source);
    struct grammar_tokens *tokens;
    must_ok(grammar_tokens_new(tokenizer, decoder_config(m.d)->vocab, &eos, 1, NULL, 0, &tokens, &e));
    struct grammar_matcher *matcher = grammar_matcher_new(g, tokens, 16 << 20);
    size_t n = encode("Once upon", prompt, 64);
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 3 }, bound = o;
    bound.matcher = matcher;
    bound.new_tokens_max = 2;
    must_ok(generator_add(m.g, prompt, n, &bound, &slow, &e));
    must_ok(generator_add(m.g, prompt, n, &o, &plain, &e));
    while (sequence_finish(plain) == FINISH_NOT) {
        must_ok(generator_step(m.g, &idle, &e));
        assert_false(idle);
        steps++;
    }
    assert_int_equal(steps, 3); /* a token each */
    assert_int_equal(sequence_new_count(slow), 0); /* its first mask is still being made */
    run_dry(&m);
    assert_int_equal(sequence_finish(slow), FINISH_LENGTH);
    while (sequence_take(slow, &t)) made++;
    assert_int_equal(made, 2);
    generator_remove(m.g, plain);
    generator_remove(m.g, slow);
    grammar_matcher_free(matcher);
    grammar_tokens_free(tokens);
    grammar_free(g);
    engine_close(&m);
}

/* ------------------------------------------------------------------ sharing */

static const char long_prompt[] = "Once upon a time there was a big red dog who liked to play in the park with a "
                                  "little girl. One day the dog saw a cat and a bird.";

static void test_prefixes_are_shared(void **state)
{
    struct err e;
    struct engine m;
    uint32_t prompt[200], with[64], without[64];
    (void)state;
    engine_open(&m, KV_BYTES);
    size_t n = encode(long_prompt, prompt, 190);
    prompt[n] = 261, prompt[n + 1] = 300; /* another that begins alike */
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 30 };
    run_one(&m, prompt, n, &o, without, NULL, NULL);
    engine_renew(&m, KV_BYTES);
    run_one(&m, prompt, n + 2, &o, without + 30, NULL, NULL);
    assert_int_equal(generator_figures(m.g).reused_tokens, 0);
    engine_renew(&m, KV_BYTES);
    run_one(&m, prompt, n, &o, with, NULL, NULL);
    run_one(&m, prompt, n + 2, &o, with + 30, NULL, NULL);
    assert_int_equal(generator_figures(m.g).reused_tokens, n);
    run_one(&m, prompt, n, &o, with, NULL, NULL); /* all but the last token, whose logits are wanted */
    assert_int_equal(generator_figures(m.g).reused_tokens, n + n - 1);
    assert_memory_equal(with, without, sizeof with - 4 * sizeof with[0]);

    /* n at once: the first computes, the others wait and take. */
    struct sequence *s[4];
    struct new_token t;
    uint32_t shared[4][30];
    engine_renew(&m, KV_BYTES);
    o.sampling.do_sample = true;
    for (size_t i = 0; i < 4; i++) {
        o.sampling.seed = i;
        must_ok(generator_add(m.g, prompt, n, &o, &s[i], &e));
    }
    run_dry(&m);
    assert_int_equal(generator_figures(m.g).reused_tokens, 3 * (n - 1));
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; sequence_take(s[i], &t); k++) shared[i][k] = t.id;
        generator_remove(m.g, s[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        o.sampling.seed = i;
        engine_renew(&m, KV_BYTES);
        run_one(&m, prompt, n, &o, without, NULL, NULL);
        assert_memory_equal(shared[i], without, sizeof shared[i]);
    }
    engine_close(&m);
}

static void test_what_is_kept_gives_way(void **state)
{
    struct engine m;
    uint32_t prompt[400], out[64];
    (void)state;
    engine_open(&m, KV_BYTES);
    engine_renew(&m, 14 * kv_page_bytes(decoder_config(m.d)));
    struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 20 };
    for (uint32_t round = 0; round < 12; round++) { /* each would fill most of the room */
        for (uint32_t i = 0; i < 400; i++) prompt[i] = 3 + (i * (round % 3 + 1) + round % 5) % 500;
        assert_int_equal(run_one(&m, prompt, 380, &o, out, NULL, NULL), 20);
    }
    engine_close(&m);
}

/* ------------------------------------------------------------------ guesses */

static void test_lookup(void **state)
{
    static const uint32_t text[] = { 1, 2, 3, 4, 5, 6, 2, 3, 9, 9, 1, 2, 3 };
    uint32_t guess[GUESSES_MAX];
    (void)state;
    assert_int_equal(guess_by_lookup(text, COUNT(text), 3, guess, 4), 4); /* 1 2 3 stood at the front */
    assert_true(guess[0] == 4 && guess[1] == 5 && guess[2] == 6 && guess[3] == 2);
    assert_int_equal(guess_by_lookup(text, COUNT(text), 2, guess, 4), 4); /* 2 3 stood later, too */
    assert_true(guess[0] == 9 && guess[1] == 9 && guess[2] == 1 && guess[3] == 2);
    assert_int_equal(guess_by_lookup(text, 3, 3, guess, 4), 0);
    assert_int_equal(guess_by_lookup(text, 1, 3, guess, 4), 0);
    assert_int_equal(guess_by_lookup(text, 7, 3, guess, 4), 4); /* only 2 */
    assert_int_equal(guess[0], 3);
}

/* What the promise of the next test stands on: rows computed together have the bits of rows computed alone. */
static void test_rows_together_are_rows_alone(void **state)
{
    enum { N = 40 };
    struct err e;
    struct engine m;
    (void)state;
    engine_open(&m, KV_BYTES);
    struct decoder *packed = demo_decoder(&m, KERNEL_Q4);
    for (size_t which = 0; which < 2; which++) {
        const struct decoder *d = which ? packed : m.d;
        size_t vocab = decoder_config(d)->vocab;
        float *alone = mem_alloc(N * vocab * sizeof *alone);
        struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
        struct decoder_run *run = decoder_run_new(d, m.team);
        for (size_t together = 1; together < 18; together += together < 5 ? 1 : 4) {
            struct kv *kv = kv_new(pool);
            for (size_t i = 0, n; i < N; i += n) {
                struct decoder_row row[N];
                const float *logits[N];
                n = together < N - i ? together : N - i;
                for (size_t k = 0; k < n; k++)
                    row[k] = (struct decoder_row){ .token = (uint32_t)(3 + (i + k) * 7 % 500),
                                                   .kv = kv,
                                                   .wants_logits = true };
                must_ok(decoder_forward(run, row, n, logits, &e));
                for (size_t k = 0; k < n; k++) {
                    if (together == 1) memcpy(alone + (i + k) * vocab, logits[k], vocab * sizeof *alone);
                    else assert_memory_equal(alone + (i + k) * vocab, logits[k], vocab * sizeof *alone);
                }
            }
            kv_free(kv);
        }
        decoder_run_free(run);
        kv_pool_free(pool);
        mem_free(alone);
    }
    decoder_close(packed);
    engine_close(&m);
}

static void test_guesses_change_nothing(void **state)
{
    struct err e;
    struct engine m;
    uint32_t prompt[200], plain[200], guessed[200];
    (void)state;
    engine_open(&m, KV_BYTES);
    struct decoder *draft = demo_decoder(&m, KERNEL_Q4);
    must_ok(generator_set_draft(m.g, draft, 8 << 20, &e));
    size_t n = encode(long_prompt, prompt, 190);
    for (uint32_t i = 0; i < 12; i++) {
        struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 120 };
        o.sampling.do_sample = i >= 4; /* the same seed, the same text: chance is drawn once a token in either case */
        o.sampling.seed = i;
        o.sampling.repetition_penalty = i % 4 == 1 ? 1.1f : 1;
        size_t count = run_one(&m, prompt, n, &o, plain, NULL, NULL);
        struct generator_figures before = generator_figures(m.g);
        if (i % 2) o.draft_tokens = 1 + i % 5;
        else o.lookup_tokens = 1 + i % 5;
        assert_int_equal(run_one(&m, prompt, n, &o, guessed, NULL, NULL), count);
        assert_memory_equal(plain, guessed, count * sizeof *plain);
        struct generator_figures after = generator_figures(m.g);
        assert_true(after.guessed > before.guessed && after.accepted > before.accepted);
        assert_int_equal(after.steps - before.steps, count - (after.accepted - before.accepted));
    }
    engine_close(&m);
    decoder_close(draft); /* borrowed by the generator */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_text),
        cmocka_unit_test(test_stop_strings),
        cmocka_unit_test(test_text_goes_on_where_the_prompt_ends),
        cmocka_unit_test(test_grammars),
        cmocka_unit_test(test_what_a_grammar_forces_is_guessed),
        cmocka_unit_test(test_a_slow_grammar_holds_up_nobody_else),
        cmocka_unit_test(test_prefixes_are_shared),
        cmocka_unit_test(test_what_is_kept_gives_way),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_rows_together_are_rows_alone),
        cmocka_unit_test(test_guesses_change_nothing),
    };
    return cmocka_run_group_tests(tests, tokenizer_setup, tokenizer_teardown);
}
