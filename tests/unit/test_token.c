/* Unit tests of src/model/token against Hugging Face tokenizers: whole tokenizers, trained by
 * tests/oracle/token/make_token.py, on texts of 20 scripts and on what usually goes wrong. */
#include "token_help.h"

static const char *const whole[] = { "gpt2",  "roberta",  "llama3", "qwen2",  "o200k", "tekken", "smollm",    "bloom",
                                     "clip",  "llama2",   "llama2new", "gemma", "fuse", "nofuse", "prefix",    "bert",
                                     "bertcased", "unigram", "unigrambytes", "wordlevel" };

static void check_text(const char *name, size_t row, const struct tokenizer *t, struct token_encoder *x, str text,
                       const struct json *want, struct arena *a, int *wrong)
{
    struct err e;
    struct encoding got = { 0 };
    struct buf out = BUF_INIT(0);
    str said;
    must_ok(token_encode(x, text, NULL, &got, &e));
    bool ids = same_u32(json_get(want, STR("ids")), got.id, got.n);
    bool offsets = same_offsets(json_get(want, STR("offsets")), &got);
    bool words = same_u32(json_get(want, STR("words")), got.word, got.n);
    if (!ids || !offsets || !words) {
        ++*wrong;
        print_error("%s, text %zu \"%.*s\": %s%s%s differ\n  got  %.*s\n  want %.*s\n", name, row, (int)(text.n < 60 ? text.n : 60), text.p,
                    ids ? "" : "ids ", offsets ? "" : "offsets ", words ? "" : "words ", STR_ARG(str_to(show(a, &got), 700)),
                    STR_ARG(str_to(json_text(a, want), 900)));
    }
    uint32_t *only = arena_alloc(a, (got.n + 1) * sizeof *only);
    size_t n = 0;
    must_ok(token_encode_ids(x, text, NULL, only, got.n, &n, &e));
    if (n != got.n || (n && memcmp(only, got.id, n * sizeof *only) != 0)) fail_msg("%s, text %zu: token_encode_ids differs", name, row);
    for (int skip = 0; skip < 2; skip++) {
        buf_reset(&out);
        must_ok(tokenizer_decode(t, got.id, got.n, skip, &out, &e));
        assert_true(json_str(json_get(want, skip ? STR("plain") : STR("text")), &said));
        if (ids && !str_eq(buf_str(&out), said)) {
            ++*wrong;
            print_error("%s, text %zu, decoded: got \"%.*s\", want \"%.*s\"\n", name, row, STR_ARG(buf_str(&out)), STR_ARG(said));
        }
    }
    buf_deinit(&out);
    encoding_deinit(&got);
}

static void whole_tokenizers_agree_with_the_reference(void **state)
{
    (void)state;
    struct golden texts = golden_open("texts.json");
    int wrong = 0;
    for (size_t i = 0; i < COUNT(whole); i++) {
        struct err e;
        struct tokenizer *t;
        struct golden g = golden_open(arena_fmt(texts.a, "whole_%s.json", whole[i]).p);
        if (!tokenizer_parse(json_text(g.a, json_get(g.root, STR("tokenizer"))), &t, &e)) fail_msg("%s: %s", whole[i], e.msg);
        struct token_encoder *x = token_encoder_new(t);
        for (int pass = 0; pass < 2; pass++) { /* the second finds words in the cache */
            size_t row = 0;
            const struct json *want = json_first(json_get(g.root, STR("want")));
            json_each (v, texts.root) {
                check_text(whole[i], row++, t, x, golden_text(g.a, v), want, g.a, &wrong);
                want = want->next;
            }
        }
        token_encoder_free(x);
        tokenizer_free(t);
        golden_close(&g);
    }
    golden_close(&texts);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whole_tokenizers_agree_with_the_reference) };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
