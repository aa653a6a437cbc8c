/* Tokenizers from GGUF metadata give what the tokenizer.json with the same vocabulary gives. */
#include "token_help.h"

enum { PLAIN_TEXTS = 22 }; /* the first texts of the golden files hold no added tokens */

struct metadata { /* GGUF's lists, out of a tokenizer.json */
    struct token_gguf g;
    str *tokens, *merges;
    int32_t *types;
    float *scores;
};

static struct metadata metadata_of(struct arena *a, const struct json *root)
{
    const struct json *model = json_get(root, STR("model")), *vocab = json_get(model, STR("vocab")), *merges = json_get(model, STR("merges"));
    struct metadata m = { .g = { .count = vocab->count, .bos_id = -1, .eos_id = -1, .unk_id = -1, .sep_id = -1, .cls_id = -1,
                                 .add_bos = -1, .add_eos = -1, .add_space_prefix = -1 } };
    size_t i = 0;
    m.tokens = arena_alloc(a, (vocab->count + 1) * sizeof *m.tokens);
    m.types = arena_alloc(a, (vocab->count + 1) * sizeof *m.types);
    m.scores = arena_alloc(a, (vocab->count + 1) * sizeof *m.scores);
    m.merges = arena_alloc(a, (merges ? merges->count + 1 : 1) * sizeof *m.merges);
    json_each (v, vocab) {
        size_t id = vocab->type == JSON_OBJECT ? (size_t)v->i : i++;
        m.types[id] = 1;
        if (vocab->type == JSON_OBJECT) m.tokens[id] = v->key;
        else {
            const struct json *score = json_at(v, 1);
            assert_true(json_str(json_at(v, 0), &m.tokens[id]));
            m.scores[id] = (float)(score->type == JSON_INT ? (double)score->i : score->r);
        }
    }
    json_each (v, merges) {
        str left, right;
        assert_true(json_str(json_at(v, 0), &left) && json_str(json_at(v, 1), &right));
        m.merges[m.g.merges_count++] = arena_fmt(a, "%.*s %.*s", STR_ARG(left), STR_ARG(right));
    }
    m.g.tokens = m.tokens;
    m.g.types = m.types;
    m.g.scores = m.scores;
    m.g.merges = m.merges;
    return m;
}

static void check_texts(const struct golden *g, const struct token_gguf *meta, size_t first_text, size_t texts_count)
{
    struct golden texts = golden_open("texts.json");
    struct tokenizer *t;
    struct err e;
    struct encoding got = { 0 };
    must_ok(tokenizer_from_gguf(meta, &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    for (size_t i = first_text; i < first_text + texts_count; i++) {
        const struct json *want = json_at(json_get(g->root, STR("want")), i);
        must_ok(token_encode(x, golden_text(texts.a, json_at(texts.root, i)), NULL, &got, &e));
        if (!same_u32(json_get(want, STR("ids")), got.id, got.n) || !same_offsets(json_get(want, STR("offsets")), &got))
            fail_msg("text %zu:\n  got  %.*s\n  want %.*s", i, STR_ARG(show(texts.a, &got)), STR_ARG(str_to(json_text(texts.a, want), 600)));
    }
    encoding_deinit(&got);
    token_encoder_free(x);
    tokenizer_free(t);
    golden_close(&texts);
}

static void byte_level_models_split_by_the_rule_that_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file, *pre;
        int bos;
    } sort[] = { { "whole_llama3.json", "llama-bpe", -1 }, { "whole_qwen2.json", "qwen2", 1 }, { "whole_o200k.json", "gpt-4o", 1 },
                 { "whole_tekken.json", "tekken", -1 },    { "whole_gpt2.json", "gpt-2", -1 }, { "whole_smollm.json", "smollm", -1 },
                 { "whole_bloom.json", "bloom", -1 } };
    for (size_t i = 0; i < COUNT(sort); i++) {
        struct golden g = golden_open(sort[i].file);
        struct metadata m = metadata_of(g.a, json_get(g.root, STR("tokenizer")));
        m.g.model = STR("gpt2");
        m.g.pre = str_c(sort[i].pre);
        m.g.bos_id = 0;
        m.g.add_bos = sort[i].bos;
        m.types[0] = 3;
        struct golden texts = golden_open("texts.json");
        struct tokenizer *t;
        struct err e;
        must_ok(tokenizer_from_gguf(&m.g, &t, &e));
        struct token_encoder *x = token_encoder_new(t);
        for (size_t k = 0; k < PLAIN_TEXTS; k++) {
            uint32_t ids[400];
            size_t n = 0;
            must_ok(token_encode_ids(x, golden_text(texts.a, json_at(texts.root, k)), NULL, ids, COUNT(ids), &n, &e));
            if (!same_u32(json_get(json_at(json_get(g.root, STR("want")), k), STR("ids")), ids, n)) fail_msg("%s, text %zu", sort[i].file, k);
        }
        token_encoder_free(x);
        tokenizer_free(t);
        golden_close(&texts);
        golden_close(&g);
    }
}

static void wordpiece_marks_are_turned_round(void **state)
{
    (void)state;
    struct golden g = golden_open("whole_bert.json");
    struct metadata m = metadata_of(g.a, json_get(g.root, STR("tokenizer")));
    for (size_t i = 0; i < m.g.count; i++) {
        if (i < 5) m.types[i] = i == 1 ? 2 : 3;
        else if (str_starts(m.tokens[i], STR("##"))) m.tokens[i] = str_from(m.tokens[i], 2);
        else m.tokens[i] = arena_fmt(g.a, "\xE2\x96\x81%.*s", STR_ARG(m.tokens[i]));
    }
    m.g.model = STR("bert");
    m.g.unk_id = 1;
    m.g.cls_id = 2;
    m.g.sep_id = 3;
    check_texts(&g, &m.g, 0, 1); /* one without words of more than 20 characters, which the golden one refuses */
    check_texts(&g, &m.g, 2, 2);
    golden_close(&g);
}

static void sentencepiece_bpe_merges_by_score(void **state)
{
    (void)state;
    static const str tokens[] = { STR_INIT("<unk>"), STR_INIT("<s>"), STR_INIT("</s>"), STR_INIT("\xE2\x96\x81"), STR_INIT("a"), STR_INIT("b"),
                                  STR_INIT("ab"), STR_INIT("\xE2\x96\x81" "a"), STR_INIT("\xE2\x96\x81" "ab"), STR_INIT("<0xC3>"), STR_INIT("<0xA9>") };
    static const float high[] = { 0, 0, 0, -9, -8, -7, -1, -2, -3, 0, 0 };
    static const int32_t types[] = { 2, 3, 3, 1, 1, 1, 1, 1, 1, 6, 6 };
    float low[COUNT(high)];
    memcpy(low, high, sizeof low);
    low[6] = -5; /* now "_a" comes before "ab", and "_ab" is reached from there */
    low[8] = -6;
    struct token_gguf g = { .model = STR("llama"), .tokens = tokens, .scores = high, .types = types, .count = COUNT(tokens), .bos_id = 1,
                            .eos_id = 2, .unk_id = 0, .sep_id = -1, .cls_id = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1 };
    for (int i = 0; i < 2; i++) {
        static const uint32_t want[] = { 1, 8, 7, 4, 8, 6, 9, 10 };
        uint32_t ids[32];
        size_t n = 0;
        struct tokenizer *t;
        struct err e;
        struct buf text = BUF_INIT(0);
        if (i) g.scores = low;
        must_ok(tokenizer_from_gguf(&g, &t, &e));
        struct token_encoder *x = token_encoder_new(t);
        must_ok(token_encode_ids(x, STR("ab aa abab\xC3\xA9"), NULL, ids, 32, &n, &e));
        assert_int_equal(n, COUNT(want));
        assert_memory_equal(ids, want, sizeof want);
        must_ok(tokenizer_decode(t, ids, n, true, &text, &e));
        assert_str(buf_str(&text), STR("ab aa abab\xC3\xA9"));
        buf_deinit(&text);
        token_encoder_free(x);
        tokenizer_free(t);
    }
    g.scores = NULL;
    struct tokenizer *t;
    struct err e;
    assert_false(tokenizer_from_gguf(&g, &t, &e));
    g.model = STR("rwkv");
    assert_false(tokenizer_from_gguf(&g, &t, &e));
    assert_int_equal(e.code, ERR_NOT_BUILT);
}

static void unigram_keeps_its_scores(void **state)
{
    (void)state;
    struct golden g = golden_open("whole_unigram.json");
    struct metadata m = metadata_of(g.a, json_get(g.root, STR("tokenizer")));
    struct tokenizer *t;
    struct err e;
    struct encoding got = { 0 };
    m.g.model = STR("t5");
    m.g.eos_id = 1;
    m.g.unk_id = 2;
    must_ok(tokenizer_from_gguf(&m.g, &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    must_ok(token_encode(x, STR("The quick brown fox can't jump over 13 lazy dogs; it's 2,024 o'clock and they'll've gone."), NULL, &got, &e));
    assert_true(same_u32(json_get(json_first(json_get(g.root, STR("want"))), STR("ids")), got.id, got.n));
    encoding_deinit(&got);
    token_encoder_free(x);
    tokenizer_free(t);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level_models_split_by_the_rule_that_is_named),
        cmocka_unit_test(wordpiece_marks_are_turned_round),
        cmocka_unit_test(sentencepiece_bpe_merges_by_score),
        cmocka_unit_test(unigram_keeps_its_scores),
    };
    return cmocka_run_group_tests_name("token_gguf", tests, NULL, NULL);
}
