/* A tokenizer in use: compiled and cached, streamed, with text that is not trusted, shared by threads, and refused when
 * its files make no sense.  Large real files are tried where they are at hand (HEARTH_SHARED, or ../shared). */
#include "token_help.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "model/token/legacy.h"
#include "model/token/token_priv.h"

static struct tokenizer *open_whole(struct golden *g, const char *name)
{
    struct tokenizer *t;
    struct err e;
    *g = golden_open(name);
    must_ok(tokenizer_parse(json_text(g->a, json_get(g->root, STR("tokenizer"))), &t, &e));
    return t;
}

/* ---- the compiled form ------------------------------------------------------------------------------------------ */

static void a_compiled_tokenizer_that_was_damaged_is_refused(void **state)
{
    (void)state;
    static const char *const name[] = { "whole_gpt2.json", "whole_unigram.json", "whole_bert.json" };
    for (size_t k = 0; k < COUNT(name); k++) {
        struct golden g = golden_open(name[k]);
        struct tokenizer *t;
        struct buf block;
        struct err e;
        must_ok(tokenizer_compile(json_text(g.a, json_get(g.root, STR("tokenizer"))), &block, &e));
        must_ok(tokenizer_load((bytes){ (uint8_t *)block.p, block.n }, &t, &e));
        tokenizer_free(t);
        for (size_t n = 0; n < block.n; n += 1 + n / 7) assert_false(tokenizer_load((bytes){ (uint8_t *)block.p, n }, &t, &e));
        for (size_t i = 0; i < block.n; i += 1 + i / 50) {
            block.p[i] ^= 0x40;
            assert_false(tokenizer_load((bytes){ (uint8_t *)block.p, block.n }, &t, &e));
            assert_int_equal(e.code, ERR_INVALID);
            block.p[i] ^= 0x40;
        }
        buf_deinit(&block);
        golden_close(&g);
    }
}

static void write_file(const char *dir, const char *name, str text)
{
    char path[256];
    struct err e;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    must_ok(os_write_file(dir, path, bytes_of(text), &e));
}

static bool damage(void *ctx, const char *name, bool is_dir)
{
    (void)is_dir;
    write_file(ctx, name, STR("not a tokenizer"));
    return true;
}
static bool count(void *ctx, const char *name, bool is_dir)
{
    (void)name, (void)is_dir;
    ++*(int *)ctx;
    return true;
}

static void a_folder_is_opened_through_its_cache(void **state)
{
    (void)state;
    char dir[64], cache[80];
    struct golden g = golden_open("whole_llama3.json");
    struct tokenizer *t;
    struct err e;
    unit_dir(dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    assert_false(tokenizer_open(dir, cache, &t, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(symlink("tokenizer.json", arena_fmt(g.a, "%s/tokenizer.json", dir).p), 0); /* it is there, and cannot be opened */
    assert_false(tokenizer_open(dir, cache, &t, &e));
    assert_int_not_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(unlink(arena_fmt(g.a, "%s/tokenizer.json", dir).p), 0);
    write_file(dir, "tokenizer.json", json_text(g.a, json_get(g.root, STR("tokenizer"))));
    for (int i = 0; i < 4; i++) { /* compiled, from the cache, from a damaged cache, from the mended one */
        uint32_t ids[64];
        size_t n = 0, at = 0;
        int files = 0;
        if (i == 2) must_ok(os_each_entry(cache, damage, cache, &e));
        must_ok(tokenizer_open(dir, cache, &t, &e));
        must_ok(os_each_entry(cache, count, &files, &e));
        assert_int_equal(files, 1);
        struct token_encoder *x = token_encoder_new(t);
        must_ok(token_encode_ids(x, STR("The quick brown fox can't jump over 13 lazy dogs; it's 2,024 o'clock and they'll've gone."), NULL, ids, 64, &n, &e));
        json_each (v, json_get(json_first(json_get(g.root, STR("want"))), STR("ids"))) assert_int_equal(v->i, ids[at++]);
        assert_int_equal(at, n);
        token_encoder_free(x);
        tokenizer_free(t);
    }
    golden_close(&g);
    unit_dir_end(dir);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static void a_stream_gives_whole_characters_and_the_same_text(void **state)
{
    (void)state;
    static const char *const name[] = { "whole_gpt2.json", "whole_llama2.json", "whole_bert.json", "whole_unigram.json", "whole_unigrambytes.json", "whole_clip.json" };
    struct golden texts = golden_open("texts.json");
    for (size_t k = 0; k < COUNT(name); k++) {
        struct golden g;
        struct err e;
        struct tokenizer *t = open_whole(&g, name[k]);
        struct token_encoder *x = token_encoder_new(t);
        struct encoding got = { 0 };
        json_each (v, texts.root) {
            struct token_stream *s = token_stream_new(t, true);
            struct buf all = BUF_INIT(0), want = BUF_INIT(0);
            str piece;
            must_ok(token_encode(x, golden_text(g.a, v), NULL, &got, &e));
            for (size_t i = 0; i < got.n; i++) {
                must_ok(token_stream_add(s, got.id[i], &piece, &e));
                assert_true(str_is_utf8(piece));
                buf_add(&all, piece);
            }
            must_ok(token_stream_end(s, &piece, &e));
            buf_add(&all, piece);
            must_ok(tokenizer_decode(t, got.id, got.n, true, &want, &e));
            assert_str(buf_str(&all), buf_str(&want));
            token_stream_free(s);
            buf_deinit(&all);
            buf_deinit(&want);
        }
        encoding_deinit(&got);
        token_encoder_free(x);
        tokenizer_free(t);
        golden_close(&g);
    }
    golden_close(&texts);
}

static void half_an_emoji_waits_for_the_other_half(void **state)
{
    (void)state;
    struct golden g;
    struct err e;
    struct tokenizer *t = open_whole(&g, "whole_gpt2.json");
    struct token_encoder *x = token_encoder_new(t);
    struct token_stream *s = token_stream_new(t, false);
    uint32_t ids[16];
    size_t n = 0;
    str piece = { NULL, 0 };
    must_ok(token_encode_ids(x, STR("\xF0\x9F\xA6\x80"), NULL, ids, 16, &n, &e)); /* a crab, of which no token knows */
    assert_true(n >= 2);
    for (size_t i = 0; i < n; i++) {
        must_ok(token_stream_add(s, ids[i], &piece, &e));
        if (i + 1 < n) assert_int_equal(piece.n, 0);
    }
    assert_str(piece, STR("\xF0\x9F\xA6\x80"));
    must_ok(token_stream_add(s, ids[0], &piece, &e));
    assert_int_equal(piece.n, 0);
    must_ok(token_stream_end(s, &piece, &e));
    assert_str(piece, STR("\xEF\xBF\xBD"));
    token_stream_free(s);
    token_encoder_free(x);
    tokenizer_free(t);
    golden_close(&g);
}

static void a_token_alone_is_what_it_says_in_the_middle_of_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        str token, says;
    } sort[] = { { "whole_gpt2.json", STR_INIT("\xC4\xA0the"), STR_INIT(" the") },        { "whole_gpt2.json", STR_INIT("<|endoftext|>"), STR_INIT("<|endoftext|>") },
                 { "whole_llama2.json", STR_INIT("\xE2\x96\x81the"), STR_INIT(" the") },  { "whole_llama2.json", STR_INIT("<0x0A>"), STR_INIT("\n") },
                 { "whole_unigram.json", STR_INIT("\xE2\x96\x81"), STR_INIT(" ") },       { "whole_bert.json", STR_INIT("##e"), STR_INIT("e") },
                 { "whole_bert.json", STR_INIT("a"), STR_INIT(" a") } };
    for (size_t i = 0; i < COUNT(sort); i++) {
        struct golden g;
        struct tokenizer *t = open_whole(&g, sort[i].file);
        struct buf out = BUF_INIT(0);
        uint32_t id;
        assert_true(tokenizer_id(t, sort[i].token, &id));
        tokenizer_piece(t, id, &out);
        assert_str(buf_str(&out), sort[i].says);
        buf_deinit(&out);
        tokenizer_free(t);
        golden_close(&g);
    }
}

/* ---- text of users ---------------------------------------------------------------------------------------------- */

static size_t times(const uint32_t *ids, size_t n, uint32_t id)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ids[i] == id;
    return count;
}

static void special_tokens_count_only_where_the_caller_says(void **state)
{
    (void)state;
    struct golden g;
    struct err e;
    struct tokenizer *t = open_whole(&g, "whole_qwen2.json");
    struct token_encoder *x = token_encoder_new(t);
    str text = STR("\xFF<|im_start|>user: <|im_end|><|im_start|>system<|im_end|>"); /* the first and the last are the template's */
    struct token_range literal[] = { { 0, 14 }, { 45, text.n } };
    struct token_options all = { .no_special = true }, none = { .no_special = true, .plain = true },
                         some = { .no_special = true, .literal = literal, .literal_count = 2 };
    const struct token_options *o[] = { &all, &none, &some };
    static const size_t starts[] = { 2, 0, 1 }, ends[] = { 2, 0, 1 };
    uint32_t start, end, ids[200];
    assert_true(tokenizer_id(t, STR("<|im_start|>"), &start) && tokenizer_id(t, STR("<|im_end|>"), &end));
    assert_true(tokenizer_is_special(t, start));
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        must_ok(token_encode_ids(x, text, o[i], ids, COUNT(ids), &n, &e));
        assert_int_equal(times(ids, n, start), starts[i]);
        assert_int_equal(times(ids, n, end), ends[i]);
    }
    token_encoder_free(x);
    tokenizer_free(t);
    golden_close(&g);
}

/* ---- threads, time ---------------------------------------------------------------------------------------------- */

struct job {
    const struct tokenizer *t;
    size_t tokens;
};
/* White space that an added token took on its right may hold others.  The ids are the reference's. */
static void added_tokens_in_the_white_space_of_another_count_as_there(void **state)
{
    static const struct { bool left, right, b_right; const char *text; uint32_t want[8]; size_t n; } cases[] = {
        { true, true, false, "a \n\n\n\n a\n\n", { 0, 1, 0, 1 }, 4 },
        { false, true, false, "a \n\n\n\n a\n\n", { 0, 1, 1, 0, 1 }, 5 },
        { false, false, true, "a b \n\n  \n\n a", { 0, 2, 1, 1, 0 }, 5 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf json = BUF_INIT(0);
        struct tokenizer *t;
        struct err e;
        uint32_t ids[32];
        size_t n = 0;
        buf_addf(&json, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"\\n\\n\":1,\"b\":2},\"unk_token\":\"a\"},\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
                        "\"added_tokens\":[{\"id\":1,\"content\":\"\\n\\n\",\"lstrip\":%s,\"rstrip\":%s,\"normalized\":true},"
                        "{\"id\":2,\"content\":\"b\",\"rstrip\":%s,\"normalized\":true}]}", cases[i].left ? "true" : "false",
                 cases[i].right ? "true" : "false", cases[i].b_right ? "true" : "false");
        must_ok(tokenizer_parse(buf_str(&json), &t, &e));
        struct token_encoder *x = token_encoder_new(t);
        must_ok(token_encode_ids(x, str_c(cases[i].text), NULL, ids, COUNT(ids), &n, &e));
        assert_int_equal(n, cases[i].n);
        assert_memory_equal(ids, cases[i].want, n * sizeof *ids);
        if (cases[i].right) { /* in no quadratic time */
            enum { LONG = 1 << 20 };
            char *lines = mem_alloc(LONG);
            uint32_t *many = mem_alloc(LONG * sizeof *many);
            memset(lines, '\n', LONG);
            n = 0;
            must_ok(token_encode_ids(x, str_n(lines, LONG), NULL, many, LONG, &n, &e));
            assert_int_equal(n, cases[i].left ? 1 : LONG / 2);
            mem_free(lines);
            mem_free(many);
        }
        token_encoder_free(x);
        tokenizer_free(t);
        buf_deinit(&json);
    }
}

static void a_token_may_hold_nul(void **state)
{
    static const char json[] = "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\\u0000c\":1},\"unk_token\":\"a\"},\"decoder\":{\"type\":\"WordPiece\"}}";
    struct tokenizer *t;
    struct buf out = BUF_INIT(0);
    struct err e;
    (void)state;
    must_ok(tokenizer_parse(str_c(json), &t, &e));
    must_ok(tokenizer_decode(t, (const uint32_t[]){ 0, 1 }, 2, false, &out, &e));
    assert_true(str_eq(buf_str(&out), STR("a b\0c")));
    buf_deinit(&out);
    tokenizer_free(t);
}

/* They are looked for at each place of a text, which would cost the length of both. */
static void pieces_may_be_so_long(void **state)
{
    static const char *const around[][2] = {
        { "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"},\"added_tokens\":[{\"id\":1,\"content\":\"", "\"}]}" },
        { "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"},\"added_tokens\":[{\"id\":1,\"normalized\":true,\"content\":\"", "\"}]}" },
        { "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,\"", "\":1}}}" },
        { "{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0],[\"", "\",-1]]}}" },
    };
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(around); i++) {
        struct buf json = BUF_INIT(0);
        struct tokenizer *t = NULL;
        struct err e = { 0 };
        buf_add(&json, str_c(around[i / 2][0]));
        for (size_t k = 0; k < TOKEN_PIECE_MAX + i % 2; k++) buf_byte(&json, 'b');
        buf_add(&json, str_c(around[i / 2][1]));
        bool ok = tokenizer_parse(buf_str(&json), &t, &e);
        if (ok != (i % 2 == 0) || (!ok && e.code != ERR_TOO_LARGE)) fail_msg("%zu: %s", i, ok ? "taken" : e.msg);
        tokenizer_free(t);
        buf_deinit(&json);
    }
}

/* Of added tokens that look alike after normalisation.  The ids are the reference's. */
static void special_tokens_come_before_others_that_look_alike(void **state)
{
    static const char json[] = "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"B\":1,\"b\":2,\"C\":3,\"c\":4},\"unk_token\":\"a\"},"
                               "\"normalizer\":{\"type\":\"Lowercase\"},\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"added_tokens\":["
                               "{\"id\":1,\"content\":\"B\",\"normalized\":true,\"special\":false},{\"id\":2,\"content\":\"b\",\"normalized\":true,\"special\":true},"
                               "{\"id\":3,\"content\":\"C\",\"normalized\":true,\"special\":false},{\"id\":4,\"content\":\"c\",\"normalized\":true,\"special\":false}]}";
    static const uint32_t want[] = { 0, 2, 2, 3, 3 };
    struct tokenizer *t;
    struct err e;
    uint32_t ids[16];
    size_t n = 0;
    (void)state;
    must_ok(tokenizer_parse(str_c(json), &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    must_ok(token_encode_ids(x, STR("a b B c C"), NULL, ids, COUNT(ids), &n, &e));
    assert_int_equal(n, COUNT(want));
    assert_memory_equal(ids, want, sizeof want);
    token_encoder_free(x);
    tokenizer_free(t);
}

static void *encode_much(void *ctx)
{
    struct job *j = ctx;
    struct token_encoder *x = token_encoder_new(j->t);
    uint32_t ids[256];
    struct err e;
    for (int i = 0; i < 50; i++) {
        size_t n = 0;
        if (!token_encode_ids(x, STR("Gr\xC3\xB6\xC3\x9F" "e 123 hello <|im_start|> wait...what?!  e\xCC\x81"), NULL, ids, 256, &n, &e)) break;
        j->tokens += n;
    }
    token_encoder_free(x);
    return NULL;
}
static void one_tokenizer_serves_many_threads(void **state)
{
    (void)state;
    struct golden g;
    struct tokenizer *t = open_whole(&g, "whole_qwen2.json");
    pthread_t thread[4];
    struct job job[4];
    for (int i = 0; i < 4; i++) {
        job[i] = (struct job){ t, 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, encode_much, &job[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    for (int i = 1; i < 4; i++) assert_int_equal(job[i].tokens, job[0].tokens);
    assert_true(job[0].tokens > 500);
    tokenizer_free(t);
    golden_close(&g);
}

static void a_long_run_of_one_letter_takes_no_quadratic_time(void **state)
{
    (void)state;
    struct golden g;
    struct err e;
    struct tokenizer *t = open_whole(&g, "whole_gpt2.json");
    struct token_encoder *x = token_encoder_new(t);
    const size_t n = 400000;
    char *text = mem_alloc(n);
    uint32_t *ids = mem_alloc(n * sizeof *ids);
    size_t got = 0;
    memset(text, 'a', n);
    clock_t from = clock();
    must_ok(token_encode_ids(x, str_n(text, n), NULL, ids, n, &got, &e));
    assert_true(processor_s(from) < 10);
    assert_true(got > 0 && got < n);
    mem_free(text);
    mem_free(ids);
    token_encoder_free(x);
    tokenizer_free(t);
    golden_close(&g);
}

/* A template may say a text twice; ids of both must fit, or nothing is written. */
static void a_template_that_repeats_the_text_needs_room_for_all_of_it(void **state)
{
    (void)state;
    static const char json[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"post_processor\":{\"type\":\"TemplateProcessing\","
                               "\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]}}";
    struct tokenizer *t;
    struct err e;
    must_ok(tokenizer_parse(str_c(json), &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    uint32_t ids[8] = { 7, 7, 7, 7, 7, 7, 7, 7 };
    size_t n = 0;
    assert_false(token_encode_ids(x, STR("aaaa"), NULL, ids, 7, &n, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_int_equal(ids[0], 7);
    must_ok(token_encode_ids(x, STR("aaaa"), NULL, ids, 8, &n, &e));
    assert_int_equal(n, 8);
    token_encoder_free(x);
    tokenizer_free(t);
}

/* ---- what makes no sense ---------------------------------------------------------------------------------------- */

#define BPE(vocab, merges) "{\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}}"
static const struct {
    const char *json, *says;
} refused[] = {
    { "", "" },
    { "[]", "no \"model\"" },
    { "{\"version\":\"2.0\",\"model\":{}}", "version" },
    { "{\"model\":{\"type\":\"Transformer\"}}", "Transformer" },
    { BPE("[]", "[]"), "not an object" },
    { BPE("{\"a\":-1}", "[]"), "not a number below" },
    { BPE("{\"a\":4294967296}", "[]"), "not a number below" },
    { BPE("{\"a\":1.5}", "[]"), "not a number below" },
    { BPE("{\"a\":0,\"b\":0}", "[]"), "same id" },
    { BPE("{\"a\":0,\"b\":1}", "[\"a b\"]"), "lacks" },
    { BPE("{\"a\":0,\"ab\":1}", "[\"a b\"]"), "lacks" },
    { BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[\"a b c\"]"), "not two tokens" },
    { BPE("{\"a\":0}", "[[\"a\"]]"), "not two tokens" },
    { "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[],\"unk_token\":\"u\"}}", "unk_token" },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "not a list" },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "piece 0" },
    { "{\"model\":{\"type\":\"Unigram\",\"unk_id\":7,\"vocab\":[[\"a\",0]]}}", "unk_id" },
    { "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{},\"max_input_chars_per_word\":-5}}", "out of range" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Magic\"}}", "Magic" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"////\"}}", "charsmap" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(((\"},\"content\":\"\"}}", "regex" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"pre_tokenizer\":{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"ab\"}}", "one character" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":0}}", "length" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}}]}}", "special_tokens" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}]}}", "second" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"decoder\":{\"type\":\"Strip\",\"start\":-1}}", "out of range" },
    { "{\"model\":{\"vocab\":{\"a\":0}},\"padding\":{\"pad_id\":-1}}", "pad_id" },
};
static void nonsense_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct tokenizer *t;
        struct err e;
        if (tokenizer_parse(str_c(refused[i].json), &t, &e)) fail_msg("accepted: %s", refused[i].json);
        if (str_find(str_c(e.msg), str_c(refused[i].says)) == STR_NONE) fail_msg("%s: \"%s\"", refused[i].json, e.msg);
    }
}

/* One place takes too many steps; a thousand take many each; each looks to the end of the text, in few steps. */
static const struct { const char *regex, *word; size_t times; } exploding[] = {
    { "(a+)+[xy]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 1 },
    { "(?:a|a)*[xy]", "aaaaaaaaaaaaaaaaaaaaac", 1000 },
    { "(?=[^1]*+1)", "aaaaaaaaaaaaaaaaaaaa", 5000 },
};
static void an_exploding_regex_ends_in_an_error_that_names_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(exploding); i++) {
        struct tokenizer *t;
        struct err e;
        struct encoding got = { 0 };
        struct buf json = BUF_INIT(4096), text = BUF_INIT(1 << 20);
        buf_addf(&json, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"<unk>\":0}},\"pre_tokenizer\":{\"type\":\"Split\","
                        "\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"%s\"}}}", exploding[i].regex);
        for (size_t k = 0; k < exploding[i].times; k++) buf_add(&text, str_c(exploding[i].word));
        must_ok(tokenizer_parse(buf_str(&json), &t, &e));
        struct token_encoder *x = token_encoder_new(t);
        if (token_encode(x, buf_str(&text), NULL, &got, &e)) fail_msg("%s: no error", exploding[i].regex);
        if (!strstr(e.msg, "too much") || !strstr(e.msg, exploding[i].regex)) fail_msg("%s: %s", exploding[i].regex, e.msg);
        must_ok(token_encode(x, STR("a1"), NULL, &got, &e)); /* the next text has time of its own */
        encoding_deinit(&got);
        buf_deinit(&json);
        buf_deinit(&text);
        token_encoder_free(x);
        tokenizer_free(t);
    }
}

/* ---- real files ------------------------------------------------------------------------------------------------- */

static bool shared_path(char out[600], const char *name)
{
    const char *base[] = { getenv("HEARTH_SHARED"), "../../../shared", "../../../../shared" }, *data = getenv("HEARTH_TEST_DATA");
    for (size_t i = 0; i < COUNT(base); i++) {
        if (!base[i]) continue;
        snprintf(out, 600, "%s%s%s/%s", base[i][0] == '.' ? data : "", base[i][0] == '.' ? "/" : "", base[i], name);
        if (access(out, R_OK) == 0) return true;
    }
    return false;
}

static char *read_shared(const char *name, size_t *n)
{
    char path[600], *text;
    struct err e;
    if (!shared_path(path, name)) return NULL;
    must_ok(os_read_file(path, 64 << 20, &text, n, &e));
    return text;
}

static void check_digest(const struct golden *texts, const struct golden *want, const char *name, struct tokenizer *t)
{
    struct token_encoder *x = token_encoder_new(t);
    struct encoding got = { 0 };
    struct buf all = BUF_INIT(0), text = BUF_INIT(0);
    struct err e;
    char hex[SHA256_HEX + 1];
    json_each (v, texts->root) {
        must_ok(token_encode(x, golden_text(texts->a, v), NULL, &got, &e));
        for (size_t i = 0; i < got.n; i++) buf_addf(&all, "%u,%u,%u;", (unsigned)got.id[i], (unsigned)got.from[i], (unsigned)got.to[i]);
        buf_reset(&text);
        must_ok(tokenizer_decode(t, got.id, got.n, false, &text, &e));
        buf_byte(&all, '|');
        buf_add(&all, buf_str(&text));
        buf_byte(&all, '\n');
    }
    struct sha256 h = sha256_of(bytes_of(buf_str(&all)));
    hex_encode((bytes){ h.b, sizeof h.b }, hex);
    assert_str(str_c(hex), json_str_or(want->root, str_c(name), STR("")));
    buf_deinit(&all);
    buf_deinit(&text);
    encoding_deinit(&got);
    token_encoder_free(x);
    tokenizer_free(t);
}

static bool from_vocab_txt(str vocab, struct tokenizer **out, struct err *e)
{
    struct buf block;
    return legacy_compile_wordpiece(vocab, STR(""), &block, e) && tokenizer_of(&block, out, e);
}

static bool from_bpe_files(str vocab, str merges, struct tokenizer **out, struct err *e)
{
    struct buf block;
    return legacy_compile_bpe(vocab, merges, &block, e) && tokenizer_of(&block, out, e);
}

/* 300 000 words: a reader that looks for the end of its list at each of them would take minutes. */
static void the_time_for_a_vocabulary_grows_with_its_words(void **state)
{
    (void)state;
    enum { WORDS = 300000 };
    struct buf vocab = BUF_INIT(0), merges = BUF_INIT(0), json = BUF_INIT(0);
    struct tokenizer *t;
    struct err e;
    buf_lit(&vocab, "[UNK]\n[CLS]\n[SEP]\n");
    for (unsigned i = 3; i < WORDS; i++) buf_addf(&vocab, "w%u\n", i);
    must_ok(from_vocab_txt(buf_str(&vocab), &t, &e));
    assert_int_equal(tokenizer_size(t), WORDS);
    tokenizer_free(t);

    buf_lit(&json, "{\"a\":0");
    for (unsigned i = 1; i < WORDS / 2; i++) {
        buf_addf(&json, ",\"b%u\":%u,\"ab%u\":%u", i, 2 * i - 1, i, 2 * i);
        buf_addf(&merges, "a b%u\n", i);
    }
    buf_lit(&json, "}");
    must_ok(from_bpe_files(buf_str(&json), buf_str(&merges), &t, &e));
    assert_int_equal(tokenizer_size(t), WORDS - 1);
    tokenizer_free(t);
    buf_deinit(&vocab);
    buf_deinit(&merges);
    buf_deinit(&json);
}

static void real_files_agree_with_the_reference(void **state)
{
    (void)state;
    static const char *const json[] = { "tokenizers/gpt-neox-20b-tokenizer.json", "weights/stories260k/tokenizer.json" };
    struct golden texts = golden_open("texts.json"), want = golden_open("shared.json");
    struct tokenizer *t;
    struct err e;
    size_t n, m;
    int done = 0;
    for (size_t i = 0; i < COUNT(json); i++) {
        char *text = read_shared(json[i], &n);
        if (!text) {
            print_message("skipped: %s is not at hand\n", json[i]);
            continue;
        }
        must_ok(tokenizer_parse(str_n(text, n), &t, &e));
        check_digest(&texts, &want, json[i], t);
        mem_free(text);
        done++;
    }
    char *vocab = read_shared("tokenizers/gpt2-encoder.json", &n), *merges = read_shared("tokenizers/gpt2-vocab.bpe", &m);
    if (vocab && merges) {
        must_ok(from_bpe_files(str_n(vocab, n), str_n(merges, m), &t, &e));
        check_digest(&texts, &want, "tokenizers/gpt2", t);
        done++;
    } else print_message("skipped: tokenizers/gpt2-encoder.json is not at hand\n");
    char *words = read_shared("tokenizers/bert-base-uncased-vocab.txt", &n);
    if (words) {
        must_ok(from_vocab_txt(str_n(words, n), &t, &e));
        check_digest(&texts, &want, "tokenizers/bert-base-uncased-vocab.txt", t);
        done++;
    } else print_message("skipped: tokenizers/bert-base-uncased-vocab.txt is not at hand\n");
    mem_free(vocab);
    mem_free(merges);
    mem_free(words);
    golden_close(&texts);
    golden_close(&want);
    if (!done) {
        print_message("skipped: the tokenizers of ../shared are not at hand\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compiled_tokenizer_that_was_damaged_is_refused),
        cmocka_unit_test(a_folder_is_opened_through_its_cache),
        cmocka_unit_test(a_stream_gives_whole_characters_and_the_same_text),
        cmocka_unit_test(half_an_emoji_waits_for_the_other_half),
        cmocka_unit_test(a_token_alone_is_what_it_says_in_the_middle_of_a_text),
        cmocka_unit_test(special_tokens_count_only_where_the_caller_says),
        cmocka_unit_test(added_tokens_in_the_white_space_of_another_count_as_there),
        cmocka_unit_test(pieces_may_be_so_long),
        cmocka_unit_test(a_token_may_hold_nul),
        cmocka_unit_test(special_tokens_come_before_others_that_look_alike),
        cmocka_unit_test(a_template_that_repeats_the_text_needs_room_for_all_of_it),
        cmocka_unit_test(one_tokenizer_serves_many_threads),
        cmocka_unit_test(a_long_run_of_one_letter_takes_no_quadratic_time),
        cmocka_unit_test(nonsense_is_refused_with_a_reason),
        cmocka_unit_test(an_exploding_regex_ends_in_an_error_that_names_it),
        cmocka_unit_test(the_time_for_a_vocabulary_grows_with_its_words),
        cmocka_unit_test(real_files_agree_with_the_reference),
    };
    return cmocka_run_group_tests_name("token_use", tests, NULL, NULL);
}
