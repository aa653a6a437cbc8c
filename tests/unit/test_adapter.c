/* test_adapter.c - LoRA against PEFT: tests/data/adapters, made by tests/oracle/make_adapters.py; and what is refused. */
#include "golden.h"

#include "model/adapter/lora.h"
#include "model/adapter/match.h"
#include "model/decoder/adapter.h"
#include "model/generate/generator.h"

struct model {
    struct team *team;
    struct source *source;
    struct decoder *d;
    struct decoder_run *run;
    struct kv_pool *pool;
};

static const char *path_of(const char *what, str name)
{
    static char path[2][600];
    static size_t turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/../data/%s/%.*s", getenv("HEARTH_TEST_DATA"), what, STR_ARG(name));
    return path[turn];
}

static void model_open(struct model *m, str base, const char *adapter, enum kernel_type type)
{
    struct err e;
    struct lora *lora = NULL;
    m->team = team_new(2);
    must_ok(source_open(path_of("decoders", base), &m->source, &e));
    if (adapter) must_ok(lora_open(adapter, &lora, &e));
    must_ok(decoder_open_adapted(m->source, lora, type, m->team, &m->d, &e));
    lora_close(lora);
    m->run = decoder_run_new(m->d, m->team);
    m->pool = kv_pool_new(decoder_config(m->d), 16);
}

static void model_close(struct model *m)
{
    kv_pool_free(m->pool);
    decoder_run_free(m->run);
    decoder_close(m->d);
    source_close(m->source);
    team_free(m->team);
}

struct walk {
    char dir[400];
    size_t n, failures;
};

static size_t check_merged(const struct golden *g, const char *dir, const char *name)
{
    struct model m;
    model_open(&m, json_str_or(g->json, STR("base"), STR("")), dir, KERNEL_F32);
    struct kv *kv = kv_new(m.pool);
    size_t failures = golden_check(g, name, m.run, kv);
    kv_free(kv);
    model_close(&m);
    return failures;
}

static size_t check_beside(const struct golden *g, const char *dir, const char *name, bool may_be)
{
    struct err e;
    struct model m;
    struct adapter *a;
    size_t failures = 0;
    model_open(&m, json_str_or(g->json, STR("base"), STR("")), NULL, KERNEL_F32);
    bool ok = adapter_open(dir, m.d, m.team, &a, &e);
    if (!may_be) {
        assert_false(ok);
        assert_non_null(strstr(e.msg, "merged"));
    } else if (!ok) {
        print_error("%s: %s\n", name, e.msg);
        failures++;
    } else {
        struct kv *kv = kv_new(m.pool);
        kv->adapter = a;
        failures = golden_check(g, name, m.run, kv);
        kv_free(kv);
        adapter_close(a);
    }
    model_close(&m);
    return failures;
}

static bool check_entry(void *ctx, const char *name, bool is_dir)
{
    struct walk *w = ctx;
    struct golden g;
    char path[700];
    if (!is_dir) return true;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    golden_read(path, &g);
    w->failures += check_merged(&g, path, name);
    w->failures += check_beside(&g, path, name, json_bool_or(g.json, STR("beside"), false));
    golden_end(&g);
    w->n++;
    return true;
}

static void test_golden(void **state)
{
    struct err e;
    struct walk w = { .n = 0 };
    (void)state;
    snprintf(w.dir, sizeof w.dir, "%s/../data/adapters", getenv("HEARTH_TEST_DATA"));
    must_ok(os_each_entry(w.dir, check_entry, &w, &e));
    assert_int_equal(w.failures, 0);
    assert_true(w.n >= 9);
}

/* Sequences with two adapters and with none, in one step: each gets what it gets alone. */
static void test_company(void **state)
{
    enum { SEQUENCES = 5, TOKENS = 4 };
    struct err e;
    struct model m;
    struct adapter *a[3] = { NULL };
    struct kv *kv[SEQUENCES];
    struct decoder_row row[SEQUENCES * TOKENS];
    const float *logits[SEQUENCES * TOKENS];
    float want[SEQUENCES][GOLDEN_VOCAB];
    (void)state;
    for (enum kernel_type type = KERNEL_F32; type <= KERNEL_Q8; type++) {
        model_open(&m, STR("llama"), NULL, type);
        must_ok(adapter_open(path_of("adapters", STR("llama-all")), m.d, m.team, &a[1], &e));
        must_ok(adapter_open(path_of("adapters", STR("llama-layers")), m.d, m.team, &a[2], &e));
        for (uint32_t i = 0; i < SEQUENCES; i++) {
            kv[i] = kv_new(m.pool);
            kv[i]->adapter = a[i % 3];
            for (uint32_t j = 0; j < TOKENS; j++) row[i * TOKENS + j] = (struct decoder_row){ 7 * i + 3 * j, kv[i], j + 1 == TOKENS };
            must_ok(decoder_forward(m.run, row + i * TOKENS, TOKENS, logits, &e));
            memcpy(want[i], logits[TOKENS - 1], sizeof want[i]);
            kv_truncate(kv[i], 0);
        }
        must_ok(decoder_forward(m.run, row, SEQUENCES * TOKENS, logits, &e));
        for (uint32_t i = 0; i < SEQUENCES; i++)
            for (size_t j = 0; j < GOLDEN_VOCAB; j++)
                if (fabsf(logits[i * TOKENS + TOKENS - 1][j] - want[i][j]) > 1e-4f) fail_msg("type %d, sequence %u, logit %zu", type, i, j);
        struct kv *fork; /* another sequence with the same beginning has the same adapter */
        must_ok(kv_fork(kv[1], 2, &fork, &e));
        assert_ptr_equal(fork->adapter, a[1]);
        kv_free(fork);
        for (size_t i = 0; i < SEQUENCES; i++) kv_free(kv[i]);
        adapter_close(a[1]);
        adapter_close(a[2]);
        model_close(&m);
    }
}

/* The engine, with one sequence that has the adapter and one that has none, over the same prompt. */
static void test_generator(void **state)
{
    struct err e;
    struct model m;
    struct adapter *a;
    struct sequence *s[2];
    struct golden g[2];
    struct new_token t;
    bool idle = false;
    (void)state;
    golden_read(path_of("decoders", STR("llama")), &g[0]);
    golden_read(path_of("adapters", STR("llama-all")), &g[1]);
    model_open(&m, STR("llama"), NULL, KERNEL_F32);
    must_ok(adapter_open(path_of("adapters", STR("llama-all")), m.d, m.team, &a, &e));
    struct generator *engine = generator_new(m.d, m.team, 1 << 22);
    for (size_t again = 0; again < 2; again++) { /* the second time there are beginnings to share */
        for (size_t i = 0; i < 2; i++) {
            struct sequence_options o = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 32, .adapter = i ? a : NULL };
            must_ok(generator_add(engine, g[i].prompt, g[i].prompt_count, &o, &s[i], &e));
        }
        for (idle = false; !idle;) must_ok(generator_step(engine, &idle, &e));
        for (size_t i = 0; i < 2; i++) {
            for (size_t n = 0; sequence_take(s[i], &t); n++)
                if (t.id != g[i].greedy[n]) fail_msg("round %zu, sequence %zu, token %zu is %u instead of %u", again, i, n, t.id, g[i].greedy[n]);
            assert_int_equal(sequence_new_count(s[i]), 32);
            generator_remove(engine, s[i]);
        }
    }
    generator_free(engine);
    adapter_close(a);
    golden_end(&g[0]);
    golden_end(&g[1]);
    model_close(&m);
}

static void test_refused(void **state)
{
    static const struct { const char *config; enum err_code code; const char *says; } bad[] = {
        { "{\"peft_type\":\"IA3\"}", ERR_NOT_BUILT, "IA3" },
        { "{\"peft_type\":\"LORA\",\"use_dora\":true}", ERR_NOT_BUILT, "use_dora" },
        { "{\"peft_type\":\"LORA\",\"bias\":\"all\"}", ERR_NOT_BUILT, "bias" },
        { "{\"peft_type\":\"LORA\",\"lora_bias\":true}", ERR_NOT_BUILT, "lora_bias" },
        { "{\"peft_type\":\"LORA\",\"modules_to_save\":[\"score\"]}", ERR_NOT_BUILT, "modules_to_save" },
        { "{\"peft_type\":\"LORA\",\"init_lora_weights\":\"pissa\"}", ERR_NOT_BUILT, "pissa" },
        { "{\"peft_type\":\"LORA\",\"layer_replication\":[[0,4]]}", ERR_NOT_BUILT, "layer_replication" },
        { "{\"peft_type\":\"LORA\",\"something_new\":1}", ERR_NOT_BUILT, "something_new" },
        { "{\"peft_type\":\"LORA\",\"lora_alpha\":\"much\"}", ERR_INVALID, "lora_alpha" },
        { "{\"peft_type\":\"LORA\"", ERR_INVALID, "JSON" },
        { "{\"peft_type\":\"LORA\"}", ERR_NOT_FOUND, "adapter_model.safetensors" },
    };
    struct err e;
    struct lora *l;
    char dir[64], path[128];
    unit_dir(dir);
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        must_ok(os_write_file(dir, path, bytes_of(str_c(bad[i].config)), &e));
        if (lora_open(dir, &l, &e)) fail_msg("%s is taken", bad[i].config);
        if (e.code != bad[i].code || !strstr(e.msg, bad[i].says)) fail_msg("%s: %s", bad[i].config, e.msg);
        const char *place = strstr(e.msg, dir);
        if (!place || strstr(place + 1, dir)) fail_msg("names its folder not once: %s", e.msg);
    }
    struct buf many = BUF_INIT(0);
    buf_lit(&many, "{\"peft_type\":\"LORA\",\"alpha_pattern\":{\"x\":1");
    for (int i = 0; i < 4096; i++) buf_addf(&many, ",\"(a|b)*%d\":1", i);
    buf_lit(&many, "}}");
    must_ok(os_write_file(dir, path, bytes_of(buf_str(&many)), &e));
    assert_false(lora_open(dir, &l, &e));
    assert_true(e.code == ERR_TOO_LARGE && strstr(e.msg, "4096 patterns"));
    buf_deinit(&many);
    unit_dir_end(dir);
    assert_false(lora_open("/nope", &l, &e));
    assert_string_equal(e.msg, "/nope/adapter_config.json does not exist");
}

static void test_match(void **state)
{
    static const struct { const char *names, *module; bool is_meant; } cases[] = {
        { "[\"q_proj\"]", "model.layers.0.self_attn.q_proj", true },
        { "[\"q_proj\"]", "q_proj", true },
        { "[\"q_proj\"]", "model.layers.0.self_attn.xq_proj", false },
        { "[\"self_attn.q_proj\"]", "model.layers.0.self_attn.q_proj", true },
        { "\".*q_proj\"", "model.layers.0.self_attn.q_proj", true },
        { "\"q_proj\"", "model.layers.0.self_attn.q_proj", false }, /* a regex means the whole */
        { "\".*[02].*proj|x\"", "model.layers.0.self_attn.q_proj", true },
        { "null", "q_proj", false },
    };
    struct err e;
    struct arena *a = arena_new(0);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *names;
        bool is_meant;
        must_ok(json_parse(str_c(cases[i].names), a, &names, &e));
        must_ok(match_module(names, str_c(cases[i].module), &is_meant, &e));
        if (is_meant != cases[i].is_meant) fail_msg("%s and %s", cases[i].names, cases[i].module);
    }
    bool is_meant;
    assert_false(match_whole("", STR("(a"), "", STR("a"), &is_meant, &e));
    assert_false(match_whole("", STR("(a|aa)+[bd]"), "", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), &is_meant, &e));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden), cmocka_unit_test(test_company), cmocka_unit_test(test_generator),
                                        cmocka_unit_test(test_refused), cmocka_unit_test(test_match) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
