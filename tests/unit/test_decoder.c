/* test_decoder.c - the demo model against what is known of it (computed in float64), and a step against itself: a prompt
 * at once or token by token, alone or in company, continued from a copy. */
#include "unit.h"

#include <math.h>

#include "model/decoder/decoder.h"
#include "model/memory.h"
#include "model/weights.h"

static const uint32_t story[] = { 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337,
                                  410, 408, 419, 292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394, 261, 370, 432, 352,
                                  266, 268, 388, 426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312, 286, 267, 414, 270, 333, 415 };

static const char *demo(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/../../demo", getenv("HEARTH_TEST_DATA"));
    return path;
}

struct model {
    struct team *team;
    struct decoder *d;
    struct decoder_run *run;
    struct kv_pool *pool;
};

static void model_open(struct model *m, enum kernel_type t, size_t threads)
{
    struct err e;
    m->team = team_new(threads);
    must_ok(decoder_open(demo(), t, m->team, &m->d, &e));
    m->run = decoder_run_new(m->d, m->team);
    m->pool = kv_pool_new(decoder_config(m->d), 64);
}
static void model_close(struct model *m)
{
    kv_pool_free(m->pool);
    decoder_run_free(m->run);
    decoder_close(m->d);
    team_free(m->team);
}

static const float *feed(struct model *m, struct kv *kv, const uint32_t *token, size_t n)
{
    struct err e;
    struct decoder_row row[128];
    const float *logits[128];
    for (size_t i = 0; i < n; i++) row[i] = (struct decoder_row){ token[i], kv, i + 1 == n };
    must_ok(decoder_forward(m->run, row, n, logits, &e));
    return logits[n - 1];
}

static uint32_t best(const float *logits, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[at]) at = i;
    return (uint32_t)at;
}

static void test_known_logits(void **state)
{
    static const struct { uint32_t id; float logit; } five[] = { { 403, 17.0235f }, { 385, 15.4062f }, { 410, 13.1083f }, { 317, 12.7692f }, { 407, 12.4181f } };
    struct model m;
    uint32_t bos = 1;
    double sum = 0;
    (void)state;
    model_open(&m, KERNEL_F32, 1);
    struct kv *kv = kv_new(m.pool);
    const float *logits = feed(&m, kv, &bos, 1);
    for (size_t i = 0; i < COUNT(five); i++)
        if (fabsf(logits[five[i].id] - five[i].logit) > 1e-4f) fail_msg("logit of %u is %g instead of %g", five[i].id, logits[five[i].id], five[i].logit);
    for (size_t i = 0; i < 512; i++) sum += logits[i];
    assert_true(fabs(sum + 1070.1722) < 0.01);
    assert_int_equal(decoder_parameters(m.d), 260032);
    kv_free(kv);
    model_close(&m);
}

/* The mean negative log-likelihood of the story, and how many of its tokens are the likeliest. */
static double likelihood(enum kernel_type t, size_t threads, size_t *agree)
{
    struct model m;
    double nll = 0;
    uint32_t token = 1;
    *agree = 0;
    model_open(&m, t, threads);
    struct kv *kv = kv_new(m.pool);
    for (size_t i = 0; i < COUNT(story); i++) {
        const float *logits = feed(&m, kv, &token, 1);
        double sum = 0;
        for (size_t j = 0; j < 512; j++) sum += exp((double)logits[j] - logits[story[i]]);
        nll += log(sum);
        *agree += best(logits, 512) == story[i];
        token = story[i];
    }
    kv_free(kv);
    model_close(&m);
    return nll / COUNT(story);
}

static void test_known_story(void **state)
{
    static const double most_off[KERNEL_TYPES] = { 1e-5, 0.01, 0.01, 0.25, 0.25 };
    static const size_t least_agree[KERNEL_TYPES] = { 60, 59, 59, 48, 48 };
    (void)state;
    for (enum kernel_type t = 0; t < KERNEL_TYPES; t++) {
        size_t agree;
        double nll = likelihood(t, 1 + t % 2, &agree);
        if (fabs(nll - 0.37723) > most_off[t] || agree < least_agree[t]) fail_msg("type %d: %g nats a token, %zu of 60 agree", t, nll, agree);
    }
}

static void assert_same(const float *got, const float *want, float by)
{
    for (size_t i = 0; i < 512; i++)
        if (fabsf(got[i] - want[i]) > by) fail_msg("logit %zu is %g instead of %g", i, got[i], want[i]);
}

/* A prompt of 45 tokens at once, in pieces, token by token: the same logits. */
static void test_prompt_in_pieces(void **state)
{
    static const size_t pieces[] = { 1, 7, 32, 44 };
    struct model m;
    float want[512];
    (void)state;
    model_open(&m, KERNEL_F32, 2);
    struct kv *kv = kv_new(m.pool);
    memcpy(want, feed(&m, kv, story, 45), sizeof want);
    kv_free(kv);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        const float *got = NULL;
        kv = kv_new(m.pool);
        for (size_t at = 0; at < 45; at += pieces[i]) got = feed(&m, kv, story + at, at + pieces[i] < 45 ? pieces[i] : 45 - at);
        assert_same(got, want, 0);
        kv_free(kv);
    }
    model_close(&m);
}

/* Three sequences at different positions in one step get what each gets alone. */
static void test_company(void **state)
{
    static const size_t lengths[] = { 3, 40, 17 };
    struct err e;
    struct model m;
    struct kv *kv[3];
    float want[3][512];
    struct decoder_row row[4];
    const float *logits[4];
    (void)state;
    model_open(&m, KERNEL_F32, 2);
    for (size_t i = 0; i < 3; i++) {
        kv[i] = kv_new(m.pool);
        feed(&m, kv[i], story, lengths[i]);
        memcpy(want[i], feed(&m, kv[i], story + lengths[i], i == 0 ? 2 : 1), sizeof want[i]);
        kv_truncate(kv[i], (uint32_t)lengths[i]);
    }
    row[0] = (struct decoder_row){ story[3], kv[0], false };
    row[1] = (struct decoder_row){ story[4], kv[0], true };
    row[2] = (struct decoder_row){ story[40], kv[1], true };
    row[3] = (struct decoder_row){ story[17], kv[2], true };
    must_ok(decoder_forward(m.run, row, 4, logits, &e));
    assert_null(logits[0]);
    for (size_t i = 0; i < 3; i++) {
        assert_same(logits[i + 1], want[i], 0);
        kv_free(kv[i]);
    }
    model_close(&m);
}

/* Whichever rows of a step want logits, each gets its own, and what follows finds the keys and values of all. */
static void test_wanting(void **state)
{
    enum { ROWS = 10 };
    struct err e;
    struct model m;
    float want[ROWS + 1][512];
    struct decoder_row row[ROWS];
    const float *logits[ROWS];
    (void)state;
    model_open(&m, KERNEL_BF16, 2);
    struct kv *alone = kv_new(m.pool);
    for (size_t i = 0; i <= ROWS; i++) memcpy(want[i], feed(&m, alone, story + i, 1), sizeof want[i]);
    kv_free(alone);
    for (unsigned wanted = 0; wanted < 1u << ROWS; wanted += 37) { /* rows 0 to 6 of one sequence, 0 to 2 of another */
        struct kv *kv[2] = { kv_new(m.pool), kv_new(m.pool) };
        for (unsigned i = 0; i < ROWS; i++) row[i] = (struct decoder_row){ story[i % 7], kv[i / 7], wanted >> i & 1 };
        must_ok(decoder_forward(m.run, row, ROWS, logits, &e));
        for (unsigned i = 0; i < ROWS; i++)
            if (wanted >> i & 1) assert_same(logits[i], want[i % 7], 0);
            else assert_null(logits[i]);
        assert_same(feed(&m, kv[0], story + 7, 1), want[7], 0);
        assert_same(feed(&m, kv[1], story + 3, 1), want[3], 0);
        kv_free(kv[0]);
        kv_free(kv[1]);
    }
    model_close(&m);
}

/* However many threads help: the same bits. */
static void test_threads(void **state)
{
    (void)state;
    for (enum kernel_type t = 0; t < KERNEL_TYPES; t++) {
        float want[512];
        for (size_t threads = 1; threads <= 5; threads += 2) {
            struct model m;
            model_open(&m, t, threads);
            struct kv *kv = kv_new(m.pool);
            feed(&m, kv, story, 45);
            const float *got = feed(&m, kv, story + 45, 1);
            if (threads == 1) memcpy(want, got, sizeof want);
            else assert_memory_equal(got, want, sizeof want);
            kv_free(kv);
            model_close(&m);
        }
    }
}

static void step_of_four(enum kernel_type t, size_t threads, unsigned wanted, float (*out)[512])
{
    static const struct {
        size_t has, adds;
    } sequence[] = { { 0, 60 }, { 40, 1 }, { 0, 20 }, { 17, 3 } };
    struct model m;
    struct err e;
    struct kv *kv[COUNT(sequence)];
    struct decoder_row row[84];
    const float *logits[84];
    size_t n = 0;
    model_open(&m, t, threads);
    for (size_t i = 0; i < COUNT(sequence); i++) {
        kv[i] = kv_new(m.pool);
        if (sequence[i].has) feed(&m, kv[i], story, sequence[i].has);
        for (size_t j = 0; j < sequence[i].adds; j++, n++) row[n] = (struct decoder_row){ story[sequence[i].has + j], kv[i], wanted >> n % 7 & 1 };
    }
    must_ok(decoder_forward(m.run, row, n, logits, &e));
    for (size_t i = 0; i < n; i++) {
        if (!row[i].wants_logits) assert_null(logits[i]);
        else memcpy(out[i], logits[i], sizeof out[i]);
    }
    for (size_t i = 0; i < COUNT(sequence); i++) { /* and what follows finds all keys and values */
        memcpy(out[n + i], feed(&m, kv[i], story + 5, 1), sizeof out[i]);
        kv_free(kv[i]);
    }
    model_close(&m);
}

/* Rows enough for each thread to have its own (decoder/apart.c), of sequences that several threads have a part of: the same bits. */
static void test_apart(void **state)
{
    static float want[88][512], got[88][512];
    (void)state;
    for (enum kernel_type t = KERNEL_BF16; t < KERNEL_TYPES; t++)
        for (unsigned wanted = 0; wanted < 128; wanted += 37) {
            step_of_four(t, 1, wanted, want);
            for (size_t threads = 2; threads <= 3; threads++) {
                step_of_four(t, threads, wanted, got);
                assert_memory_equal(got, want, sizeof want);
            }
        }
}

static void meet(void *ctx, size_t part, size_t parts)
{
    struct meeting *m = ctx;
    (void)parts;
    for (size_t i = 1; i <= 1000; i++) assert_true(meeting_wait(m, i));
    if (part == 0) meeting_break(m);
    else assert_false(meeting_wait(m, 1001));
}

/* Who comes waits for all, and not for one who will not come. */
static void test_meeting(void **state)
{
    struct team *team = team_new(3);
    struct meeting m = { .parts = 3 };
    (void)state;
    team_run(team, meet, &m);
    assert_int_equal(m.arrivals, 3002);
    team_free(team);
}

static void test_fork(void **state)
{
    struct err e;
    struct model m;
    struct kv *kv, *other;
    float want[512];
    (void)state;
    model_open(&m, KERNEL_F32, 1);
    kv = kv_new(m.pool);
    feed(&m, kv, story, 50);
    must_ok(kv_fork(kv, 40, &other, &e));
    assert_int_equal(kv_pages_free(m.pool), 64 - 3); /* the full page is shared, the other is a copy */
    uint32_t strange = 5;
    feed(&m, kv, &strange, 1);
    memcpy(want, feed(&m, other, story + 40, 5), sizeof want);
    kv_free(other);
    kv_truncate(kv, 40);
    assert_same(feed(&m, kv, story + 40, 5), want, 0);
    kv_free(kv);
    assert_int_equal(kv_pages_free(m.pool), 64);
    model_close(&m);
}

static void test_limits(void **state)
{
    struct err e;
    struct model m;
    const float *logits[DECODER_ROWS_MAX];
    static struct decoder_row row[DECODER_ROWS_MAX];
    (void)state;
    model_open(&m, KERNEL_F32, 1);
    struct kv *kv = kv_new(m.pool);
    row[0] = (struct decoder_row){ 512, kv, true };
    assert_false(decoder_forward(m.run, row, 1, logits, &e));
    assert_int_equal(e.code, ERR_INVALID);
    for (size_t i = 0; i < DECODER_ROWS_MAX; i++) row[i] = (struct decoder_row){ 1, kv, false };
    must_ok(decoder_forward(m.run, row, DECODER_ROWS_MAX, logits, &e));
    assert_false(decoder_forward(m.run, row, 1, logits, &e)); /* 512 positions, and no more */
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_int_equal(kv->length, 512);
    kv_free(kv);
    model_close(&m);
}

/* ------------------------------------------------------------------ config.json */

static bool read_config(const char *text, struct decoder_config *out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct json *j;
    bool ok = json_parse(str_c(text), a, &j, e) && decoder_config_read(j, out, e);
    arena_free(a); /* model_type is a view of text, which stays */
    return ok;
}

static void test_config(void **state)
{
    static struct decoder_config c;
    struct err e;
    (void)state;
    must_ok(read_config("{\"model_type\":\"gemma2\",\"hidden_size\":2304,\"num_attention_heads\":8,\"num_key_value_heads\":4,\"num_hidden_layers\":4}", &c, &e));
    assert_int_equal(c.head_dim, 256);
    assert_true(c.may_tie && c.names.norm_mlp_after && c.norm_adds_one && c.attention_cap == 50 && c.logit_cap == 30);
    assert_true(c.layer[0].window == 4096 && c.layer[1].window == 0 && c.layer[2].window == 4096);
    must_ok(read_config("{\"model_type\":\"smollm3\",\"hidden_size\":64,\"num_attention_heads\":4,\"num_hidden_layers\":8}", &c, &e));
    assert_true(c.layer[0].has_rope && !c.layer[3].has_rope && c.layer[4].has_rope && !c.layer[7].has_rope);
    must_ok(read_config("{\"model_type\":\"llama\",\"hidden_size\":64,\"num_attention_heads\":4,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,"
                        "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192},\"eos_token_id\":[1,2,3]}", &c, &e));
    assert_true(c.rope[0].scaling == ROPE_LLAMA3 && c.rope[0].original_positions == 8192 && c.eos_count == 3);
    /* As the hub has them: old spellings, and what a class says where the file does not. */
    must_ok(read_config("{\"model_type\":\"bloom\",\"n_embed\":4096,\"n_layer\":30,\"num_attention_heads\":32,\"seq_length\":2048,\"vocab_size\":250880}", &c, &e));
    assert_true(c.hidden == 4096 && c.intermediate == 16384 && c.layers == 30 && c.kv_heads == 32 && c.positions == 2048 && c.alibi > 0 && !c.is_gated);
    must_ok(read_config("{\"model_type\":\"gpt2\",\"n_embd\":768,\"n_layer\":12,\"n_head\":12,\"n_positions\":1024,\"n_inner\":null,\"vocab_size\":50257}", &c, &e));
    assert_true(c.hidden == 768 && c.intermediate == 3072 && c.head_dim == 64 && c.positions == 1024 && c.is_transposed && !c.layer[0].has_rope);
    must_ok(read_config("{\"model_type\":\"gpt_neox\",\"hidden_size\":512,\"num_attention_heads\":8,\"num_hidden_layers\":6,\"rotary_pct\":0.25,\"rotary_emb_base\":10000}", &c, &e));
    assert_true(c.rope[0].dim == 16 && c.is_parallel && c.norm_is_layer && c.norm_eps == 1e-5f && c.qkv_in_groups);
    must_ok(read_config("{\"model_type\":\"gemma3\",\"eos_token_id\":[1,106],\"text_config\":{\"model_type\":\"gemma3_text\",\"hidden_size\":2560,\"num_hidden_layers\":34,"
                        "\"intermediate_size\":10240,\"sliding_window\":1024,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":8.0}}}", &c, &e));
    assert_true(str_eq(c.model_type, STR("gemma3_text")) && c.vocab == 262208 && c.heads == 8 && c.kv_heads == 4 && c.head_dim == 256 && c.eos_count == 2);
    assert_true(c.rope[0].factor == 8 && c.rope[0].base == 1e6 && c.rope[1].factor == 1 && c.layer[5].window == 0 && c.layer[4].window == 1024);
    must_ok(read_config("{\"model_type\":\"mistral\"}", &c, &e));
    assert_int_equal(c.layer[0].window, 4096);
    must_ok(read_config("{\"model_type\":\"mistral\",\"sliding_window\":null}", &c, &e));
    assert_int_equal(c.layer[0].window, 0);
    must_ok(read_config("{\"model_type\":\"qwen3_moe\",\"num_hidden_layers\":6,\"use_sliding_window\":true,\"max_window_layers\":4}", &c, &e));
    assert_true(c.layer[0].window == 4096 && c.layer[5].window == 4096);
    must_ok(read_config("{\"model_type\":\"qwen2_moe\",\"num_hidden_layers\":6,\"use_sliding_window\":true,\"max_window_layers\":3,\"sliding_window\":64}", &c, &e));
    assert_true(c.layer[0].window == 64 && c.layer[1].window == 0 && c.layer[2].window == 64 && c.layer[3].window == 0 && c.layer[4].window == 0);
    must_ok(read_config("{\"model_type\":\"qwen2_moe\",\"num_hidden_layers\":6,\"sliding_window\":64}", &c, &e));
    assert_int_equal(c.layer[0].window, 0);
    must_ok(read_config("{\"model_type\":\"qwen2\",\"num_hidden_layers\":6,\"use_sliding_window\":true,\"max_window_layers\":3,\"sliding_window\":64}", &c, &e));
    assert_true(c.layer[2].window == 0 && c.layer[3].window == 64);
    must_ok(read_config("{\"model_type\":\"qwen3_moe\",\"num_hidden_layers\":6,\"decoder_sparse_step\":2,\"mlp_only_layers\":[3],\"norm_topk_prob\":true}", &c, &e));
    assert_true(!c.layer[0].has_experts && c.layer[1].has_experts && !c.layer[3].has_experts && c.layer[5].has_experts && c.experts.sum_to_one);
    assert_true(c.experts.count == 128 && c.experts.chosen == 8 && c.experts.intermediate == 768);
    static const struct { const char *text; enum err_code code; const char *says; } bad[] = {
        { "{\"model_type\":\"mpt\",\"attn_config\":{\"qk_ln\":true}}", ERR_NOT_BUILT, "qk_ln" },
        { "{\"model_type\":\"falcon\",\"alibi\":true}", ERR_NOT_BUILT, "alibi" },
        { "{\"model_type\":\"gemma3\"}", ERR_INVALID, "text_config" },
        { "{\"model_type\":\"gpt_neo\",\"attention_types\":[[[],9223372036854775807]]}", ERR_INVALID, "attention_types" }, /* at once */
        { "{\"model_type\":\"mixtral\",\"num_local_experts\":4,\"num_experts_per_tok\":5}", ERR_INVALID, "num_experts_per_tok" },
        { "{\"model_type\":\"phi3\",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1],\"long_factor\":[1]}}", ERR_INVALID, "short_factor" },
        { "{\"model_type\":\"mamba\"}", ERR_NOT_BUILT, "supported are llama" },
        { "{}", ERR_INVALID, "names no \"model_type\"" },
        { "{\"model_type\":\"llama\",\"hidden_size\":-1}", ERR_INVALID, "hidden_size" },
        { "{\"model_type\":\"llama\",\"vocab_size\":\"many\"}", ERR_INVALID, "vocab_size" },
        { "{\"model_type\":\"llama\",\"num_attention_heads\":32,\"num_key_value_heads\":5}", ERR_INVALID, "share" },
        { "{\"model_type\":\"llama\",\"num_hidden_layers\":100000}", ERR_INVALID, "num_hidden_layers" },
        { "{\"model_type\":\"llama\",\"rope_scaling\":{\"type\":\"novel\"}}", ERR_NOT_BUILT, "novel" },
        { "{\"model_type\":\"llama\",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", ERR_INVALID, "factor" },
        { "{\"model_type\":\"llama\",\"hidden_act\":\"relu6\"}", ERR_NOT_BUILT, "relu6" },
        { "{\"model_type\":\"llama\",\"quantization_config\":{}}", ERR_NOT_BUILT, "quantization_config" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (read_config(bad[i].text, &c, &e)) fail_msg("%s is taken", bad[i].text);
        if (e.code != bad[i].code || !strstr(e.msg, bad[i].says)) fail_msg("%s: %s", bad[i].text, e.msg);
    }
}

/* The demo model with its last number (of a norm) changed, and perhaps beside another config.json. */
static bool open_changed(const char *config, float last, struct err *out)
{
    char dir[64], from[600], path[600], *text;
    size_t size;
    struct decoder *d;
    struct err e;
    struct team *team = team_new(1);
    unit_dir(dir);
    snprintf(from, sizeof from, "%s/model.safetensors", demo());
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    must_ok(os_read_file(from, 1 << 24, &text, &size, &e));
    memcpy(text + size - sizeof last, &last, sizeof last);
    must_ok(os_write_file(dir, path, bytes_of(str_n(text, size)), &e));
    mem_free(text);
    snprintf(from, sizeof from, "%s/config.json", demo());
    snprintf(path, sizeof path, "%s/config.json", dir);
    must_ok(os_read_file(from, 1 << 16, &text, &size, &e));
    must_ok(os_write_file(dir, path, bytes_of(config ? str_c(config) : str_n(text, size)), &e));
    mem_free(text);
    bool ok = decoder_open(dir, KERNEL_BF16, team, &d, out);
    if (ok) decoder_close(d);
    team_free(team);
    unit_dir_end(dir);
    return ok;
}

static void test_weights_and_config_that_lie(void **state)
{
    struct err e;
    (void)state;
    must_ok(open_changed(NULL, 0.5f, &e));
    assert_false(open_changed(NULL, NAN, &e));
    if (e.code != ERR_INVALID || !strstr(e.msg, "not finite")) fail_msg("%s", e.msg);
    /* More than any machine has: said before anything is allocated. */
    assert_false(open_changed("{\"model_type\":\"llama\",\"hidden_size\":131072,\"num_hidden_layers\":500,\"intermediate_size\":1000000}", 0.5f, &e));
    if (e.code != ERR_NO_SPACE || !strstr(e.msg, " GB of memory, and ")) fail_msg("%s", e.msg);
    assert_false(open_changed("{\"model_type\":\"llama\",\"hidden_size\":128,\"vocab_size\":512,\"num_hidden_layers\":5,\"num_attention_heads\":8}", 0.5f, &e));
    if (e.code != ERR_INVALID || !strstr(e.msg, "embed_tokens")) fail_msg("%s", e.msg);
    assert_false(memory_check("it", 17000000000, 900000000, 9800000000, &e));
    assert_string_equal(e.msg, "it needs 16.1 GB of memory, and 9.8 GB are free");
    assert_true(memory_check("it", 5, 0, 5, &e) && memory_check("it", 9, 4, 5, &e) && memory_check("it", 9, 90, 0, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_known_logits),
        cmocka_unit_test(test_known_story),
        cmocka_unit_test(test_prompt_in_pieces),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_wanting),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_weights_and_config_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
