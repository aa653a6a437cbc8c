/* test_gguf.c - .gguf files: blocks against the gguf package (tests/oracle/gguf/make_blocks.py), whole models against what
 * the folders that they were made from give (tests/oracle/gguf/make_gguf.py), and files that lie. */
#include "token_help.h"

#include <math.h>

#include "base/json.h"
#include "model/chat/chat.h"
#include "model/decoder/decoder.h"
#include "model/encoder/encoder.h"
#include "model/gguf/block.h"
#include "model/nn/linear.h"

static const char *data(const char *name)
{
    static char path[2][600];
    static unsigned turn;
    char *p = path[turn++ % 2];
    snprintf(p, sizeof path[0], "%s/../%s", getenv("HEARTH_TEST_DATA"), name);
    return p;
}

static const struct json *read_json(struct arena *a, const char *path)
{
    struct err e;
    struct json *j;
    char *text;
    size_t n;
    must_ok(os_read_file(path, 16 << 20, &text, &n, &e));
    str kept = arena_dup(a, str_n(text, n));
    mem_free(text);
    must_ok(json_parse(kept, a, &j, &e));
    return j;
}

/* ------------------------------------------------------------------ blocks */

static uint8_t hex_byte(str s, size_t i)
{
    static const char digits[] = "0123456789abcdef";
    return (uint8_t)((strchr(digits, s.p[2 * i]) - digits) << 4 | (strchr(digits, s.p[2 * i + 1]) - digits));
}

static void test_blocks(void **state)
{
    struct arena *a = arena_new(0);
    size_t types = 0;
    (void)state;
    json_each (type, read_json(a, data("oracle/gguf/blocks.json"))) {
        const struct gguf_block *b = gguf_block((uint32_t)json_int_or(type, STR("type"), -1));
        str packed = json_str_or(type, STR("bytes"), STR("")), want = json_str_or(type, STR("want"), STR(""));
        assert_non_null(b);
        assert_str(type->key, str_c(b->name));
        assert_true(b->elements == json_int_or(type, STR("elements"), 0) && packed.n % (2 * b->bytes) == 0 && packed.n > 0);
        for (size_t k = 0; k < packed.n / 2 / b->bytes; k++) {
            uint8_t block[300];
            float out[GGUF_BLOCK_ELEMENTS_MAX];
            for (size_t i = 0; i < b->bytes; i++) block[i] = hex_byte(packed, k * b->bytes + i);
            b->restore(block, out);
            for (size_t i = 0; i < b->elements; i++) {
                uint32_t got, bits = 0;
                memcpy(&got, &out[i], 4);
                for (size_t j = 0; j < 4; j++) bits = bits << 8 | hex_byte(want, (k * b->elements + i) * 4 + j);
                if (got != bits) fail_msg("%s, block %zu, number %zu: %08x instead of %08x", b->name, k, i, got, bits);
            }
        }
        types++;
    }
    assert_int_equal(types, 16);
    assert_null(gguf_block(16)); /* IQ2_XXS: needs a code book */
    arena_free(a);
}

/* ------------------------------------------------------------------ into panels */

enum { ROWS = 44, COLUMNS = 512 }; /* one whole panel, and a part of another */

static uint32_t chance = 12345;
static uint8_t any_byte(void) { return (uint8_t)((chance = chance * 1103515245u + 12345u) >> 16); }

/* A weight of a panel, as kernel.h describes it. */
static float weight_of(const struct linear *l, size_t row, size_t column)
{
    const uint8_t *group = l->packed + row / KERNEL_PANEL * l->panel_bytes + column / 32 * (l->panel_bytes / (COLUMNS / 32));
    size_t j = row % KERNEL_PANEL, i = column % 32;
    float scale = kernel_of_f16((uint16_t)(group[2 * j] | group[2 * j + 1] << 8));
    if (l->type == KERNEL_Q4M) {
        uint8_t both = group[128 + (i / 8 * KERNEL_PANEL + j) * 4 + i % 4];
        return scale * (float)(i % 8 < 4 ? both & 15 : both >> 4) + kernel_of_f16((uint16_t)(group[64 + 2 * j] | group[65 + 2 * j] << 8));
    }
    if (l->type == KERNEL_Q8) return scale * (float)((int)group[64 + (i / 4 * KERNEL_PANEL + j) * 4 + i % 4] - 128);
    uint8_t both = group[64 + (i / 8 * KERNEL_PANEL + j) * 4 + i % 4];
    return scale * (float)((i % 8 < 4 ? both & 15 : both >> 4) - 8);
}

/* Blocks with any numbers in them, not only those that a quantiser makes: every weight stays what it is. */
static void test_panels_hold_blocks_exactly(void **state)
{
    /* Where scales are halves the byte says which; what is multiplied from two is rounded to a half. */
    static const struct { uint32_t type; enum kernel_type packed; bool is_rounded; } kind[] = {
        { 8, KERNEL_Q8, false }, { 2, KERNEL_Q4, false }, { 2, KERNEL_Q8, false },  { 2, KERNEL_Q4M, false }, { 3, KERNEL_Q4M, false },
        { 6, KERNEL_Q8, false }, { 20, KERNEL_Q8, false }, { 23, KERNEL_Q8, true }, { 12, KERNEL_Q4M, true }, { 39, KERNEL_Q8, false },
    };
    struct err e;
    struct team *team = team_new(2);
    (void)state;
    for (size_t k = 0; k < COUNT(kind); k++)
        for (int order = 0; order < 3; order++) {
            const struct gguf_block *block = gguf_block(kind[k].type);
            uint8_t data_of[ROWS * COLUMNS / 32 * 34];
            size_t size = ROWS * COLUMNS / block->elements * block->bytes;
            for (size_t i = 0; i < size; i++) data_of[i] = any_byte();
            for (size_t i = 0; i < size; i += block->bytes) { /* finite, and within the reach of halves */
                data_of[i + 1] = (uint8_t)(0x20 | (data_of[i + 1] & 0x9b));
                if (kind[k].type == 3 || kind[k].type == 12) data_of[i + 3] = (uint8_t)(0x20 | (data_of[i + 3] & 0x9b));
                if (kind[k].type == 39) data_of[i] = (uint8_t)(115 + data_of[i] % 20);
            }
            struct tensor t = { .name = STR("t"), .block = block, .rank = 2, .shape = { ROWS, COLUMNS }, .elements = ROWS * COLUMNS,
                                .data = { data_of, size }, .order = order ? TENSOR_PAIRS : TENSOR_PLAIN, .heads = order == 2 ? 11 : 2 };
            struct linear_part part = { .weight = &t };
            struct linear l;
            must_ok(linear_pack(team, kind[k].packed, COLUMNS, &part, 1, &l, &e));
            for (size_t row = 0; row < ROWS; row++) {
                float want[COLUMNS];
                must_ok(tensor_floats(&t, row * COLUMNS, COLUMNS, want, &e));
                float most = 0; /* a scale and a least are off by 2^-11 of themselves at most */
                for (size_t i = 0; i < COLUMNS; i++) most = fmaxf(most, fabsf(want[i]));
                for (size_t i = 0; i < COLUMNS; i++)
                    if (fabsf(weight_of(&l, row, i) - want[i]) > (kind[k].is_rounded ? 2 * most / 2048 : 0)) fail_msg("kind %zu, order %d: weight %zu, %zu is %g instead of %g", k, order, row, i, weight_of(&l, row, i), want[i]);
            }
            for (size_t i = 0; i < COLUMNS; i++) assert_true(weight_of(&l, ROWS, i) == 0); /* the panel is filled up */
            linear_free(&l);
        }
    team_free(team);
}

/* ------------------------------------------------------------------ whole models */

enum { TOKENS_MAX = 64 };

static size_t read_tokens(const struct json *list, uint32_t *out)
{
    size_t n = 0;
    json_each (item, list) {
        assert_true(item->type == JSON_INT && n < TOKENS_MAX);
        out[n++] = (uint32_t)item->i;
    }
    return n;
}

/* The logits that the folder's expected.json has. */
static void check_model(const char *name, const char *parts)
{
    struct err e;
    struct decoder *d;
    struct arena *a = arena_new(0);
    uint32_t prompt[TOKENS_MAX];
    struct decoder_row row[TOKENS_MAX];
    const float *logits[TOKENS_MAX];
    struct team *team = team_new(1);
    char path[200];
    snprintf(path, sizeof path, "data/decoders/%s/expected.json", name);
    const struct json *expected = read_json(a, data(path));
    snprintf(path, sizeof path, "data/gguf/%s%s.gguf", name, parts);
    size_t n = read_tokens(json_get(expected, STR("prompt")), prompt);
    if (!decoder_open(data(path), KERNEL_F32, team, &d, &e)) fail_msg("%s: %s", name, e.msg);
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
    struct kv *kv = kv_new(pool);
    for (size_t i = 0; i < n; i++) row[i] = (struct decoder_row){ prompt[i], kv, true };
    must_ok(decoder_forward(run, row, n, logits, &e));
    json_each (want, json_get(expected, STR("logits"))) {
        uint64_t at;
        double most = 0, off = 0;
        size_t i = 0;
        assert_true(str_u64(want->key, &at) && at < n);
        json_each (v, want) {
            double w = v->type == JSON_INT ? (double)v->i : v->r;
            most = fmax(most, fabs(w));
            off = fmax(off, fabs(w - (double)logits[at][i++]));
        }
        if (i < 50 || !(off <= 1e-4 * most + 1e-5)) fail_msg("%s, position %zu: logits are off by %g; the largest is %g", name, (size_t)at, off, most);
    }
    kv_free(kv);
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
    team_free(team);
    arena_free(a);
}

static bool check_entry(void *ctx, const char *name, bool is_dir)
{
    size_t *n = ctx;
    char stem[100], parts[100];
    str s = str_c(name);
    size_t of = str_find(s, STR("-of-")); /* llama-yarn-00001-of-00003.gguf */
    (void)is_dir;
    if (!str_ends(s, STR(".gguf")) || str_starts(s, STR("demo")) || str_starts(s, STR("tokens")) || str_starts(s, STR("encoder")) || (of != STR_NONE && s.p[of - 1] != '1')) return true;
    size_t end = of == STR_NONE ? s.n - 5 : of - 6;
    snprintf(stem, sizeof stem, "%.*s", STR_ARG(str_to(s, end)));
    snprintf(parts, sizeof parts, "%.*s", STR_ARG(str_from(str_to(s, s.n - 5), end)));
    check_model(stem, parts);
    ++*n;
    return true;
}

static void test_families(void **state)
{
    struct err e;
    size_t n = 0;
    (void)state;
    must_ok(os_each_entry(data("data/gguf"), check_entry, &n, &e));
    assert_true(n >= 16);
}

/* Hidden states of a file and of its folder. */
static void test_encoder(void **state)
{
    static const uint32_t id[] = { 2, 17, 50, 98, 31, 5, 3 };
    static const uint8_t type[] = { 0, 0, 0, 0, 1, 1, 1 };
    static const char *const paths[] = { "data/encoders/bert", "data/gguf/encoder-bert.gguf", "data/encoders/nomic-bert", "data/gguf/encoder-nomic.gguf" };
    float first[COUNT(id)][40];
    struct team *team = team_new(1);
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct source *s;
        const struct weights *w;
        const struct json *modules;
        struct encoder *m;
        struct encoder_rows hidden;
        struct encoder_text text = { id, type, COUNT(id) };
        must_ok(source_open(data(paths[i]), &s, &e));
        must_ok(source_weights(s, &w, &e));
        must_ok(encoder_open(source_config(s), w, HEAD_NONE, KERNEL_F32, NULL, team, &m, &e));
        struct encoder_run *r = encoder_run_new(m, team);
        must_ok(encoder_forward(r, &text, 1, &hidden, &e));
        assert_true(hidden.rows == COUNT(id) && hidden.width == 40);
        for (size_t row = 0; row < COUNT(id); row++)
            for (size_t k = 0; k < 40; k++) {
                float got = hidden.p[row * hidden.stride + k];
                if (i % 2 == 0) first[row][k] = got;
                else if (fabsf(got - first[row][k]) > 1e-5f) fail_msg("row %zu, number %zu: %g instead of %g", row, k, got, first[row][k]);
            }
        must_ok(source_json(s, STR("modules.json"), &modules, &e));
        assert_true(!modules == (i % 2 == 0));
        encoder_run_free(r);
        encoder_close(m);
        source_close(s);
    }
    team_free(team);
}

static const uint32_t story[] = { 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426,
                                  338, 401, 396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433 };

/* The demo model in Q8_0 tells the first thirty tokens of its story. */
static void test_demo(void **state)
{
    struct err e;
    struct decoder *d;
    struct team *team = team_new(1);
    (void)state;
    must_ok(decoder_open(data("data/gguf/demo-q8.gguf"), LINEAR_NEAREST, team, &d, &e));
    assert_true(decoder_packed_bytes(d) < 450000); /* in Q8 all but the layers whose rows are no multiple of 32 */
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
    struct kv *kv = kv_new(pool);
    uint32_t token = 1;
    for (size_t i = 0; i < COUNT(story); i++) {
        const float *logits;
        uint32_t best = 0;
        must_ok(decoder_forward(run, &(struct decoder_row){ token, kv, true }, 1, &logits, &e));
        for (uint32_t j = 1; j < 512; j++)
            if (logits[j] > logits[best]) best = j;
        if (best != story[i]) fail_msg("token %zu is %u instead of %u", i, best, story[i]);
        token = best;
    }
    kv_free(kv);
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
    team_free(team);
}

/* Panels of whole numbers are copied from the file as they are, but not with a scale that is none. */
static void test_a_scale_that_is_no_number(void **state)
{
    struct err e;
    struct source *s;
    struct decoder *d;
    const struct weights *w;
    const struct tensor *t;
    struct team *team = team_new(1);
    char dir[64], path[600], *file;
    size_t n;
    (void)state;
    must_ok(source_open(data("data/gguf/demo-q8.gguf"), &s, &e));
    must_ok(source_weights(s, &w, &e));
    assert_non_null(t = weights_find(w, STR("model.layers.0.mlp.up_proj.weight")));
    assert_true(t->block && t->block->levels);
    must_ok(os_read_file(data("data/gguf/demo-q8.gguf"), 1 << 24, &file, &n, &e));
    char *scale = memmem(file, n, t->data.p, t->data.n);
    assert_non_null(scale);
    memcpy(scale, "\x00\x7e", 2);
    unit_dir(dir);
    snprintf(path, sizeof path, "%s/nan.gguf", dir);
    must_ok(os_write_file(dir, path, bytes_of(str_n(file, n)), &e));
    for (enum kernel_type type = KERNEL_F32; type <= LINEAR_NEAREST; type++) {
        assert_false(decoder_open(path, type, team, &d, &e));
        if (e.code != ERR_INVALID || !strstr(e.msg, "mlp.up_proj.weight\" has a number that is not finite: number 0 is ")) fail_msg("%s", e.msg);
    }
    mem_free(file);
    source_close(s);
    team_free(team);
    unit_dir_end(dir);
}

/* The file's tokenizer gives the ids of the tokenizer.json that it was made from. */
static void test_demo_tokens(void **state)
{
    static const char *const texts[] = { "Once upon a time, there was a little girl", "", " two  blanks", "caf\xc3\xa9 \xf0\x9f\x90\x95 \xe4\xbd\xa0", "a\nb\n\n", "</s> <s>x<unk>" };
    struct err e;
    struct source *s[2];
    struct tokenizer *t[2];
    (void)state;
    must_ok(source_open(data("data/gguf/demo-q8.gguf"), &s[0], &e));
    must_ok(source_open(data("../demo"), &s[1], &e));
    for (size_t i = 0; i < 2; i++) must_ok(source_tokenizer(s[i], NULL, &t[i], &e));
    for (size_t k = 0; k < COUNT(texts); k++) {
        uint32_t ids[2][200];
        size_t n[2] = { 0 };
        for (size_t i = 0; i < 2; i++) {
            struct token_encoder *x = token_encoder_new(t[i]);
            must_ok(token_encode_ids(x, str_c(texts[k]), NULL, ids[i], COUNT(ids[i]), &n[i], &e));
            token_encoder_free(x);
        }
        if (n[0] != n[1] || memcmp(ids[0], ids[1], n[0] * sizeof **ids) != 0) fail_msg("\"%s\": %zu and %zu tokens", texts[k], n[0], n[1]);
    }
    for (size_t i = 0; i < 2; i++) {
        tokenizer_free(t[i]);
        source_close(s[i]);
    }
}

/* The same of a byte-level tokenizer with added tokens, and a conversation by the template of the file. */
static void test_byte_level_tokens(void **state)
{
    struct golden g = golden_open("whole_qwen2.json"), texts = golden_open("texts.json");
    struct tokenizer *t;
    struct source *s;
    struct chat *c;
    struct err e;
    struct json *messages;
    struct buf out = BUF_INIT(0);
    size_t k = 0;
    (void)state;
    must_ok(source_open(data("data/gguf/tokens-qwen2.gguf"), &s, &e));
    must_ok(source_tokenizer(s, NULL, &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    json_each (text, texts.root) {
        if (k == 22) break; /* GGUF cannot say what the added tokens of later texts are told about blanks */
        const struct json *want = json_get(json_at(json_get(g.root, STR("want")), k), STR("ids"));
        static uint32_t ids[1 << 16];
        size_t n = 0;
        must_ok(token_encode_ids(x, golden_text(texts.a, text), NULL, ids, COUNT(ids), &n, &e));
        if (!same_u32(want, ids, n)) fail_msg("text %zu", k);
        k++;
    }
    assert_int_equal(k, 22);
    token_encoder_free(x);
    tokenizer_free(t);
    must_ok(chat_open(s, &c, &e));
    must_ok(json_parse(STR("[{\"role\":\"user\",\"content\":\"Hello\"}]"), g.a, &messages, &e));
    must_ok(chat_render(c, &(struct chat_input){ .messages = messages, .add_generation_prompt = true }, &out, &e));
    assert_non_null(strstr(buf_cstr(&out), "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"));
    buf_deinit(&out);
    chat_close(c);
    source_close(s);
    golden_close(&texts);
    golden_close(&g);
}

static void test_metadata(void **state)
{
    struct err e;
    struct source *s;
    const struct json *j;
    bool found;
    str text;
    (void)state;
    must_ok(source_open(data("data/gguf/demo-q8.gguf"), &s, &e));
    assert_str(json_str_or(source_config(s), STR("model_type"), STR("")), STR("llama"));
    assert_int_equal(json_int_or(source_config(s), STR("vocab_size"), 0), 512);
    must_ok(source_json(s, STR("tokenizer_config.json"), &j, &e));
    assert_str(json_str_or(j, STR("bos_token"), STR("")), STR("<s>"));
    must_ok(source_json(s, STR("generation_config.json"), &j, &e));
    assert_int_equal(json_get(j, STR("eos_token_id"))->first->i, 2);
    must_ok(source_text(s, STR("chat_template.jinja"), &text, &found, &e));
    assert_false(found);
    source_close(s);
}

/* ------------------------------------------------------------------ files that lie */

struct bytes_of_file {
    char *p;
    size_t n;
};

static size_t place_of(const struct bytes_of_file *f, const char *text)
{
    size_t at = str_find(str_n(f->p, f->n), str_c(text));
    if (at == STR_NONE) fail_msg("%s is not in the file", text);
    return at;
}

/* A text of the file becomes another of the same length. */
static void rename_to(struct bytes_of_file *f, const char *from, const char *to)
{
    assert_int_equal(strlen(from), strlen(to));
    memcpy(f->p + place_of(f, from), to, strlen(to));
}

/* The u32 behind a key (its type stands between), or the type of a tensor of rank 2. */
static void set_key(struct bytes_of_file *f, const char *key, uint32_t to) { memcpy(f->p + place_of(f, key) + strlen(key) + 4, &to, 4); }
static void set_type(struct bytes_of_file *f, const char *tensor, uint32_t to) { memcpy(f->p + place_of(f, tensor) + strlen(tensor) + 4 + 16, &to, 4); }
static void set_shape(struct bytes_of_file *f, const char *tensor, size_t i, uint64_t to) { memcpy(f->p + place_of(f, tensor) + strlen(tensor) + 4 + 8 * i, &to, 8); }

static void no_architecture(struct bytes_of_file *f) { rename_to(f, "general.architecture", "general.xrchitecture"); }
static void other_architecture(struct bytes_of_file *f) { rename_to(f, "llama", "mamba"); }
static void no_embedding(struct bytes_of_file *f) { rename_to(f, "token_embd.weight", "token_embx.weight"); }
static void no_norm(struct bytes_of_file *f) { rename_to(f, "output_norm.weight", "outpux_norm.weight"); }
static void strange_tensor(struct bytes_of_file *f) { rename_to(f, "blk.2.ffn_gate.weight", "blk.2.ffn_gatx.weight"); }
static void strange_layer(struct bytes_of_file *f) { rename_to(f, "blk.2.ffn_gate.weight", "blk.9.ffn_gate.weight"); }
static void name_twice(struct bytes_of_file *f) { rename_to(f, "blk.2.ffn_gate.weight", "blk.1.ffn_gate.weight"); }
static void no_heads(struct bytes_of_file *f) { set_key(f, "llama.attention.head_count", 0); }
static void many_heads(struct bytes_of_file *f) { set_key(f, "llama.attention.head_count", 7); }
static void many_kv_heads(struct bytes_of_file *f) { set_key(f, "llama.attention.head_count_kv", 4000000000u); }
static void many_layers(struct bytes_of_file *f) { set_key(f, "llama.block_count", 6); }
static void wide(struct bytes_of_file *f) { set_key(f, "llama.embedding_length", 4000000000u); }
static void code_book(struct bytes_of_file *f) { set_type(f, "blk.0.ffn_down.weight", 16); }
static void unknown_type(struct bytes_of_file *f) { set_type(f, "blk.0.attn_q.weight", 4000000000u); }
static void larger_type(struct bytes_of_file *f) { set_type(f, "blk.0.attn_q.weight", 0); }
static void other_shape(struct bytes_of_file *f) { set_shape(f, "blk.0.ffn_up.weight", 1, 171); }
static void huge_shape(struct bytes_of_file *f) { set_shape(f, "blk.0.attn_q.weight", 1, UINT64_C(1) << 62); }
static void unread_key(struct bytes_of_file *f) { rename_to(f, "llama.rope.freq_base", "llama.residual_scale"); }
static void half(struct bytes_of_file *f) { f->n /= 2; }
static void one_less(struct bytes_of_file *f) { f->n -= 64; }
static void only_magic(struct bytes_of_file *f) { f->n = 4; }
static void nothing(struct bytes_of_file *f) { f->n = 0; }

static void test_lies(void **state)
{
    static const struct { void (*lie)(struct bytes_of_file *f); const char *says; } lies[] = {
        { no_architecture, "general.architecture" }, { other_architecture, "supported are llama" }, { no_embedding, "token_embd.weight" },
        { no_norm, "outpux_norm" }, { strange_tensor, "blk.2.ffn_gatx.weight" }, { strange_layer, "mlp.gate_proj" }, { name_twice, "stands twice" },
        { no_heads, "head_count" }, { many_heads, "" }, { many_kv_heads, "head_count_kv" }, { many_layers, "layers.5" }, { wide, "embedding_length" },
        { code_book, "" }, { unknown_type, "unknown type" }, { larger_type, "overlap" }, { other_shape, "171" }, { huge_shape, "" }, { half, "outside" }, { unread_key, "llama.residual_scale is 10000" },
        { one_less, "outside" }, { only_magic, "cut short" }, { nothing, "cut short" },
    };
    char dir[64], path[100];
    struct team *team = team_new(1);
    (void)state;
    unit_dir(dir);
    snprintf(path, sizeof path, "%s/lie.gguf", dir);
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct bytes_of_file f;
        struct decoder *d;
        struct err e;
        must_ok(os_read_file(data("data/gguf/demo-q8.gguf"), 1 << 20, &f.p, &f.n, &e));
        lies[i].lie(&f);
        must_ok(os_write_file(dir, path, (bytes){ (const uint8_t *)f.p, f.n }, &e));
        mem_free(f.p);
        if (decoder_open(path, KERNEL_F32, team, &d, &e)) fail_msg("lie %zu (%s) was believed", i, lies[i].says);
        if (!strstr(e.msg, lies[i].says)) fail_msg("lie %zu: \"%s\" does not say \"%s\"", i, e.msg, lies[i].says);
    }
    team_free(team);
    unit_dir_end(dir);
}

/* One file of several: only the first opens all, and a missing or strange one is told. */
static void test_parts(void **state)
{
    struct source *s;
    struct err e;
    char dir[64], path[3][200];
    (void)state;
    assert_false(source_open(data("data/gguf/llama-yarn-00002-of-00003.gguf"), &s, &e));
    assert_non_null(strstr(e.msg, "give the first"));
    unit_dir(dir);
    for (int i = 0; i < 3; i++) {
        struct bytes_of_file f;
        char from[100];
        snprintf(from, sizeof from, "data/gguf/llama-yarn-0000%d-of-00003.gguf", i + 1);
        snprintf(path[i], sizeof path[i], "%s/x-0000%d-of-00003.gguf", dir, i + 1);
        must_ok(os_read_file(data(from), 1 << 20, &f.p, &f.n, &e));
        if (i < 2) must_ok(os_write_file(dir, path[i], (bytes){ (const uint8_t *)f.p, f.n }, &e));
        if (i == 1) { /* the third is the second once more */
            snprintf(path[2], sizeof path[2], "%s/x-00003-of-00003.gguf", dir);
            assert_false(source_open(path[0], &s, &e));
            assert_non_null(strstr(e.msg, "00003-of-00003"));
            must_ok(os_write_file(dir, path[2], (bytes){ (const uint8_t *)f.p, f.n }, &e));
            assert_false(source_open(path[0], &s, &e));
            assert_non_null(strstr(e.msg, "is not part 2"));
        }
        mem_free(f.p);
    }
    unit_dir_end(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks), cmocka_unit_test(test_panels_hold_blocks_exactly), cmocka_unit_test(test_families), cmocka_unit_test(test_encoder), cmocka_unit_test(test_demo), cmocka_unit_test(test_a_scale_that_is_no_number), cmocka_unit_test(test_demo_tokens),
        cmocka_unit_test(test_byte_level_tokens), cmocka_unit_test(test_metadata), cmocka_unit_test(test_lies), cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
