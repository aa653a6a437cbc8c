/* Every normalizer, pre-tokenizer, post-processor and decoder by itself, against Hugging Face tokenizers: the model's
 * tokens are bytes, so that ids, offsets and words show what the component did (tests/oracle/token/make_token.py). */
#include "token_help.h"

/* A tokenizer.json from the model of the golden file and some other members. */
static struct tokenizer *made_of(struct arena *a, const struct json *model, const char *key, const struct json *part,
                                 const struct json *truncation, const struct json *padding, const char *more)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct tokenizer *t = NULL;
    struct err e;
    jw_object(&w);
    jw_kvalue(&w, "model", model);
    jw_kvalue(&w, key, part);
    if (truncation) jw_kvalue(&w, "truncation", truncation);
    if (padding) jw_kvalue(&w, "padding", padding);
    if (more) jw_kraw(&w, "pre_tokenizer", str_c(more));
    jw_object_end(&w);
    if (!tokenizer_parse(buf_str(&b), &t, &e)) {
        print_error("%.*s: %s\n", STR_ARG(json_text(a, part)), e.msg);
        t = NULL;
    }
    buf_deinit(&b);
    return t;
}

static bool same_hex(str want, const struct encoding *x)
{
    uint8_t byte;
    if (want.n != 2 * x->n) return false;
    for (size_t i = 0; i < x->n; i++)
        if (!hex_decode(str_n(want.p + 2 * i, 2), &byte, 1) || byte != x->id[i]) return false;
    return true;
}

static int check_part(const struct golden *g, const char *key, const struct json *entry)
{
    const struct json *part = json_get(entry, STR("part")), *want = json_first(json_get(entry, STR("want")));
    struct tokenizer *t = made_of(g->a, json_get(g->root, STR("model")), key, part, NULL, NULL, NULL);
    int wrong = 0;
    struct err e;
    if (!t) return 1;
    struct token_encoder *x = token_encoder_new(t);
    struct encoding got = { 0 };
    json_each (v, json_get(g->root, STR("texts"))) {
        str text = golden_text(g->a, v);
        must_ok(token_encode(x, text, NULL, &got, &e));
        bool ids = same_hex(json_str_or(want, STR("ids"), STR("")), &got);
        if (!ids || !same_offsets(json_get(want, STR("offsets")), &got) || !same_u32(json_get(want, STR("words")), got.word, got.n)) {
            wrong++;
            print_error("%.*s on \"%.*s\"\n  got  %.*s\n  want %.*s\n", STR_ARG(str_to(json_text(g->a, part), 200)), STR_ARG(text),
                        STR_ARG(str_to(show(g->a, &got), 600)), STR_ARG(str_to(json_text(g->a, want), 600)));
        }
        want = want->next;
    }
    encoding_deinit(&got);
    token_encoder_free(x);
    tokenizer_free(t);
    return wrong;
}

static void check_all(const char *list, const char *key)
{
    struct golden g = golden_open("parts.json");
    int wrong = 0, count = 0;
    json_each (entry, json_get(g.root, str_c(list))) {
        wrong += check_part(&g, key, entry);
        count++;
    }
    golden_close(&g);
    assert_true(count > 10);
    assert_int_equal(wrong, 0);
}
static void normalizers_agree(void **state) { (void)state, check_all("normalizers", "normalizer"); }
static void pre_tokenizers_agree(void **state) { (void)state, check_all("pre_tokenizers", "pre_tokenizer"); }

/* Without words: it must be refused. */
static int check_regex(const struct golden *g, const struct json *entry)
{
    const struct json *want = json_at(entry, 1);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct tokenizer *t = NULL;
    struct encoding got = { 0 };
    struct err e = { 0 };
    str regex = json_at(entry, 0)->s;
    jw_object(&w);
    jw_kvalue(&w, "model", json_get(g->root, STR("model")));
    jw_kraw(&w, "pre_tokenizer", STR("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":"));
    buf_json_str(&b, regex);
    buf_lit(&b, "}},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}");
    jw_object_end(&w);
    bool refused = !tokenizer_parse(buf_str(&b), &t, &e), good = refused && want->type == JSON_NULL;
    struct token_encoder *x = refused ? NULL : token_encoder_new(t);
    if (x && want->type == JSON_ARRAY)
        good = token_encode(x, json_str_or(g->root, STR("text"), STR("")), NULL, &got, &e) && same_u32(want, got.word, got.n);
    if (!good)
        print_error("%.*s: %s\n  want %.*s\n  got  %.*s\n", STR_ARG(regex), e.msg, STR_ARG(str_to(json_text(g->a, want), 400)), STR_ARG(str_to(show(g->a, &got), 400)));
    encoding_deinit(&got);
    token_encoder_free(x);
    tokenizer_free(t);
    buf_deinit(&b);
    return !good;
}

static void regexes_mean_what_oniguruma_means(void **state)
{
    (void)state;
    struct golden g = golden_open("regexes.json");
    int wrong = 0, count = 0;
    json_each (entry, json_get(g.root, STR("regexes"))) {
        wrong += check_regex(&g, entry);
        count++;
    }
    golden_close(&g);
    assert_true(count > 60);
    assert_int_equal(wrong, 0);
}

/* Windows of windows, which the reference keeps too, say nothing new and are left out. */
static bool same_encoding(const struct json *want, const struct encoding *x, bool is_window)
{
    const struct json *overflow = json_get(want, STR("overflow"));
    size_t i = 0;
    if (!same_u32(json_get(want, STR("ids")), x->id, x->n) || !same_offsets(json_get(want, STR("offsets")), x) ||
        !same_u32(json_get(want, STR("words")), x->word, x->n) || !same_u8(json_get(want, STR("types")), x->type, x->n) ||
        !same_u8(json_get(want, STR("special")), x->special, x->n) ||
        !same_u8(json_get(want, STR("attention")), x->attention, x->n))
        return false;
    if (is_window) return true;
    if (x->overflow_count != (overflow ? overflow->count : 0))
        return false;
    json_each (v, overflow)
        if (!same_encoding(v, &x->overflow[i++], true)) return false;
    return true;
}

static void post_processors_truncation_and_padding_agree(void **state)
{
    (void)state;
    struct golden g = golden_open("parts.json");
    int wrong = 0;
    json_each (entry, json_get(g.root, STR("post_processors"))) {
        const struct json *part = json_get(entry, STR("part"));
        str text = json_str_or(entry, STR("text"), STR(""));
        json_each (row, json_get(entry, STR("rows"))) {
            struct tokenizer *t = made_of(g.a, json_get(g.root, STR("post_model")), "post_processor", part, json_get(row, STR("truncation")),
                                          json_get(row, STR("padding")), "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}");
            assert_non_null(t);
            struct token_encoder *x = token_encoder_new(t);
            struct token_options o = { .no_special = !json_bool_or(row, STR("add"), true) };
            struct encoding got = { 0 };
            struct err e;
            str pair;
            if (json_str(json_get(row, STR("pair")), &pair)) must_ok(token_encode_pair(x, text, pair, &o, &got, &e));
            else must_ok(token_encode(x, text, &o, &got, &e));
            if (!same_encoding(json_get(row, STR("want")), &got, false)) {
                wrong++;
                print_error("%.*s\n  got  %.*s (%zu windows)\n  row  %.*s\n", STR_ARG(str_to(json_text(g.a, part), 300)),
                            STR_ARG(show(g.a, &got)), got.overflow_count, STR_ARG(str_to(json_text(g.a, row), 1500)));
            }
            encoding_deinit(&got);
            token_encoder_free(x);
            tokenizer_free(t);
        }
    }
    golden_close(&g);
    assert_int_equal(wrong, 0);
}

static void decoders_agree(void **state)
{
    (void)state;
    struct golden g = golden_open("parts.json");
    struct json *model = json_new(g.a, JSON_OBJECT), *vocab = json_new(g.a, JSON_OBJECT);
    int64_t id = 0;
    int wrong = 0;
    json_each (v, json_get(g.root, STR("decode_vocab"))) json_put(vocab, v->s, json_new_int(g.a, id++));
    json_put(model, STR("type"), json_new_str(g.a, STR("WordLevel")));
    json_put(model, STR("unk_token"), json_new_str(g.a, STR("a")));
    json_put(model, STR("vocab"), vocab);
    json_each (entry, json_get(g.root, STR("decoders"))) {
        const struct json *part = json_get(entry, STR("part")), *want = json_first(json_get(entry, STR("want")));
        struct tokenizer *t = made_of(g.a, model, "decoder", part, NULL, NULL, NULL);
        assert_non_null(t);
        json_each (row, json_get(g.root, STR("decode_rows"))) {
            uint32_t ids[32];
            size_t n = 0;
            struct buf out = BUF_INIT(0);
            struct err e;
            json_each (v, row) ids[n++] = (uint32_t)v->i;
            must_ok(tokenizer_decode(t, ids, n, false, &out, &e));
            if (want->type == JSON_STRING && !str_eq(want->s, buf_str(&out))) {
                wrong++;
                print_error("%.*s of %.*s: got \"%.*s\", want \"%.*s\"\n", STR_ARG(json_text(g.a, part)), STR_ARG(json_text(g.a, row)),
                            STR_ARG(buf_str(&out)), STR_ARG(want->s));
            }
            buf_deinit(&out);
            want = want->next;
        }
        tokenizer_free(t);
    }
    golden_close(&g);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalizers_agree),
        cmocka_unit_test(pre_tokenizers_agree),
        cmocka_unit_test(regexes_mean_what_oniguruma_means),
        cmocka_unit_test(post_processors_truncation_and_padding_agree),
        cmocka_unit_test(decoders_agree),
    };
    return cmocka_run_group_tests_name("token_parts", tests, NULL, NULL);
}
