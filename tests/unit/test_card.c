/* test_card.c - YAML, front matter, the checks of cards, and the tags that follow from them. */
#include "unit.h"

#include "base/json.h"
#include "hub/card/card.h"
#include "hub/index/facts.h"

static str as_json(const struct json *v, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str out;
    jw_value(&w, v);
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ------------------------------------------------------------------ YAML */

static const struct {
    const char *yaml, *json; /* json NULL: refused */
} yaml_case[] = {
    { "a: 1", "{\"a\":1}" },
    { "", "null" },
    { "# only a comment", "null" },
    { "license: mit\nlanguage: [en, fr]\n", "{\"license\":\"mit\",\"language\":[\"en\",\"fr\"]}" },
    { "language:\n- no\n- yes\n- on\n", "{\"language\":[\"no\",\"yes\",\"on\"]}" }, /* Norwegian, not false */
    { "a: true\nb: False\nc: ~\nd:\ne: null", "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null}" },
    { "a: 2024-01-31", "{\"a\":\"2024-01-31\"}" },
    { "a: 2024-01-31T10:00:00Z", "{\"a\":\"2024-01-31T10:00:00Z\"}" },
    { "a: 1.5\nb: -2\nc: 1e3\nd: .5\ne: 0x1F\nf: 0o17", "{\"a\":1.5,\"b\":-2,\"c\":1000,\"d\":0.5,\"e\":31,\"f\":15}" },
    { "[0.1, 1e22, 3.141592653589793, 2.5e-8, -0.0]", "[0.1,1e+22,3.141592653589793,2.5e-08,-0.0]" },
    { "a: '1'\nb: \"true\"\nc: !!str 5", "{\"a\":\"1\",\"b\":\"true\",\"c\":\"5\"}" },
    { "a: .inf\nb: -.inf\nc: .nan", "{\"a\":null,\"b\":null,\"c\":null}" },
    { "a: 1.2.3\nb: 1_000\nc: +\nd: 12:30", "{\"a\":\"1.2.3\",\"b\":\"1_000\",\"c\":\"+\",\"d\":\"12:30\"}" },
    { "a: 99999999999999999999", "{\"a\":1e+20}" },
    { "1: x\ntrue: y", "{\"1\":\"x\",\"true\":\"y\"}" },
    { "a: &x [1, 2]\nb: *x", "{\"a\":[1,2],\"b\":[1,2]}" },
    { "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3", "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}" },
    { "a: &x {k: 1}\nb: &y {k: 2, m: 5}\nc:\n  <<: [*x, *y]", "{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":5},\"c\":{\"k\":1,\"m\":5}}" },
    { "a: |\n  x\n  y\nb: >\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}" },
    { "- 1\n- {a: b}", "[1,{\"a\":\"b\"}]" },
    { "a: 1\na: 2", NULL },                   /* a key twice */
    { "a: [1, 2", NULL },
    { "a: 'x", NULL },
    { "\ta: 1", NULL },
    { "a: *nobody", NULL },
    { "a: &x [*x]", NULL },                   /* a value inside itself */
    { "? [a, b]\n: c", NULL },                /* a key that is no text */
    { "a: !!python/object:os.system x", NULL },
    { "a: 1\n---\nb: 2", NULL },
    { "a: \x01", NULL },
    { "a: \xff", NULL },
    { "<<: 5", NULL },
};

static void yaml_becomes_json_or_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(yaml_case); i++) {
        struct arena *a = arena_new(16 << 20);
        struct json *v;
        struct err e;
        bool ok = card_yaml_parse(str_c(yaml_case[i].yaml), a, &v, &e);
        if (ok != (yaml_case[i].json != NULL)) fail_msg("case %zu: %s: %s", i, yaml_case[i].yaml, ok ? "accepted" : e.msg);
        if (ok) assert_str(as_json(v, a), str_c(yaml_case[i].json));
        arena_free(a);
    }
}

static void aliases_cannot_multiply(void **state)
{
    struct arena *a = arena_new(256 << 20);
    struct buf b = BUF_INIT(0);
    struct json *v;
    struct err e;
    (void)state;
    buf_lit(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) buf_addf(&b, "%s*a%d", k ? "," : "", i - 1);
        buf_lit(&b, "]\n");
    }
    assert_false(card_yaml_parse(buf_str(&b), a, &v, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_true(arena_used(a) < 64u << 20);
    buf_deinit(&b);
    arena_free(a);
}

static void depth_is_bounded(void **state)
{
    struct arena *a = arena_new(64 << 20);
    struct buf b = BUF_INIT(0);
    struct json *v;
    struct err e;
    (void)state;
    for (int i = 0; i < 60; i++) buf_byte(&b, '[');
    for (int i = 0; i < 60; i++) buf_byte(&b, ']');
    must_ok(card_yaml_parse(buf_str(&b), a, &v, &e));
    buf_reset(&b);
    for (int i = 0; i < 100000; i++) buf_byte(&b, '[');
    assert_false(card_yaml_parse(buf_str(&b), a, &v, &e));
    buf_deinit(&b);
    arena_free(a);
}

static void many_keys_take_linear_time(void **state)
{
    struct arena *a = arena_new(256 << 20);
    struct buf b = BUF_INIT(0);
    struct json *v;
    struct err e;
    (void)state;
    for (int i = 0; i < 40000; i++) buf_addf(&b, "key%d: %d\n", i, i);
    must_ok(card_yaml_parse(buf_str(&b), a, &v, &e));
    assert_int_equal(v->count, 40000);
    buf_deinit(&b);
    arena_free(a);
}

/* ------------------------------------------------------------------ front matter */

static const struct {
    const char *readme, *yaml, *body; /* yaml NULL: none */
} front_case[] = {
    { "---\na: 1\n---\n# T\n", "a: 1\n", "# T\n" },
    { "---\r\na: 1\r\n---\r\nx", "a: 1\r\n", "x" },
    { "\n \n---\na: 1\n---", "a: 1\n", "" },
    { "\xEF\xBB\xBF---\na: 1\n---\n", "a: 1\n", "" },
    { "---\n---\nx", "", "x" },
    { "--- \na: 1\n---\t\nx", "a: 1\n", "x" },
    { "# T\n---\na: 1\n---\n", NULL, "# T\n---\na: 1\n---\n" },
    { "---\na: 1\n", NULL, "---\na: 1\n" },
    { "---- \na: 1\n---\n", NULL, "---- \na: 1\n---\n" },
    { "", NULL, "" },
    { "---\na: |\n  ---x\n---\nb", "a: |\n  ---x\n", "b" },
};

static void front_matter_is_cut_between_its_fences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(front_case); i++) {
        str yaml, body;
        bool found;
        bool said = card_front_matter(str_c(front_case[i].readme), &yaml, &body, &found);
        assert_int_equal(said, found);
        if (found != (front_case[i].yaml != NULL)) fail_msg("case %zu", i);
        if (found) assert_str(yaml, str_c(front_case[i].yaml));
        assert_str(body, str_c(front_case[i].body));
    }
}

/* ------------------------------------------------------------------ checks */

static const struct {
    enum repo_kind kind;
    const char *yaml, *error, *warning; /* how the first one begins; NULL: none */
} check_case[] = {
    { REPO_MODEL, "license: mit", NULL, NULL },
    { REPO_MODEL, "license: invalid-license", "\"license\" must be one of [apache-2.0, mit, openrail, ", NULL },
    { REPO_MODEL, "license: [mit, apache-2.0]", NULL, NULL },
    { REPO_MODEL, "license: 5", "\"license\" must be one of [", NULL },
    { REPO_MODEL, "license: other", NULL, "\"license: other\" should come with" },
    { REPO_MODEL, "license: other\nlicense_name: x\nlicense_link: LICENSE", NULL, NULL },
    { REPO_MODEL, "model-index: x", "\"model-index\" must be an array", NULL },
    { REPO_MODEL, "model-index: [{name: x, results: []}]", NULL, NULL },
    { REPO_MODEL, "model-index: [{name: x}]", NULL, "\"model-index[0].results\" must be an array" },
    { REPO_MODEL, "pipeline_tag: [a]", "\"pipeline_tag\" must be a string", NULL },
    { REPO_MODEL, "pipeline_tag: no-such-task", NULL, "\"pipeline_tag\" with value" },
    { REPO_MODEL, "language: english", NULL, "\"language\" with value \"english\" is not valid" },
    { REPO_MODEL, "language: [en, no, zh-TW, code]", NULL, NULL },
    { REPO_MODEL, "tags: x", NULL, "\"tags\" must be a list" },
    { REPO_MODEL, "a: [", "YAML metadata cannot be read: ", NULL },
    { REPO_MODEL, "just text", "YAML metadata must be a mapping", NULL },
    { REPO_MODEL, "", NULL, "empty or missing yaml metadata" },
    { REPO_SPACE, "sdk: gradio\ncolorFrom: red", NULL, NULL },
    { REPO_SPACE, "sdk: rails", "\"sdk\" must be one of [gradio, docker, static, streamlit]", NULL },
    { REPO_SPACE, "sdk: docker\ncolorTo: mauve", "\"colorTo\" must be one of [red, yellow, ", NULL },
    { REPO_DATASET, "configs: x", "\"configs\" must be an array", NULL },
    { REPO_DATASET, "task_categories: {a: b}", NULL, "\"task_categories\" must be a string or a list" },
};

static void begins(size_t i, const char *what, const str *list, size_t n, const char *want)
{
    if (!want && n) fail_msg("case %zu: unexpected %s: %.*s", i, what, STR_ARG(list[0]));
    if (want && (n == 0 || !str_starts(list[0], str_c(want)))) fail_msg("case %zu: %s is \"%.*s\"", i, what, STR_ARG(n ? list[0] : STR("none")));
}

static void cards_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(check_case); i++) {
        struct arena *a = arena_new(0);
        struct card_report r;
        struct err e;
        str readme = arena_fmt(a, "---\n%s\n---\n# Hello\n", check_case[i].yaml);
        must_ok(card_check(readme, check_case[i].kind, a, &r, &e));
        begins(i, "error", r.errors, r.errors_count, check_case[i].error);
        begins(i, "warning", r.warnings, r.warnings_count, check_case[i].warning);
        arena_free(a);
    }
}

static void a_readme_without_front_matter_only_warns(void **state)
{
    struct arena *a = arena_new(0);
    struct card_report r;
    struct err e;
    (void)state;
    must_ok(card_check(STR("# Hello"), REPO_MODEL, a, &r, &e));
    assert_int_equal(r.errors_count, 0);
    assert_int_equal(r.warnings_count, 1);
    assert_null(r.data);
    arena_free(a);
}

static const struct {
    enum repo_kind kind;
    const char *yaml, *json;
} mend_case[] = {
    { REPO_MODEL, "tags: foo", "{\"tags\":[\"foo\"]}" },
    { REPO_MODEL, "tags: [a, 1, true, {x: y}, null]", "{\"tags\":[\"a\",\"1\",\"true\"]}" },
    { REPO_MODEL, "tags: {a: b}", "{}" },
    { REPO_MODEL, "license: [mit, apache-2.0]", "{\"license\":\"mit\"}" },
    { REPO_MODEL, "language: null\nlicense: mit", "{\"license\":\"mit\"}" },
    { REPO_MODEL, "language: [en, 5]\nbase_model: 7", "{\"language\":[\"en\",\"5\"],\"base_model\":\"7\"}" },
    { REPO_MODEL, "metrics: accuracy\npipeline_tag: 3", "{\"metrics\":[\"accuracy\"],\"pipeline_tag\":\"3\"}" },
    { REPO_MODEL, "model-index: x\nwidget: {a: 1}", "{\"widget\":{\"a\":1}}" },
    { REPO_MODEL, "metrics: [{type: bleu}]", "{}" },
    { REPO_DATASET, "license: [mit]\nsource_datasets: original\npretty_name: [A]",
      "{\"license\":[\"mit\"],\"source_datasets\":[\"original\"],\"pretty_name\":\"A\"}" },
    { REPO_SPACE, "sdk_version: 4.1\ntitle: 5\nmodels: a/b", "{\"sdk_version\":\"4.1\",\"title\":\"5\",\"models\":[\"a/b\"]}" },
};

static void card_values_get_the_shapes_that_strict_clients_need(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mend_case); i++) {
        struct arena *a = arena_new(0);
        struct json *v;
        struct err e;
        must_ok(card_yaml_parse(str_c(mend_case[i].yaml), a, &v, &e));
        card_mend(v, mend_case[i].kind, a);
        assert_str(as_json(v, a), str_c(mend_case[i].json));
        arena_free(a);
    }
}

/* ------------------------------------------------------------------ tags */

static const struct {
    enum repo_kind kind;
    const char *yaml, *files, *library, *pipeline, *body, *tags; /* files and tags: with commas */
} tag_case[] = {
    { REPO_MODEL, "license: mit\nlanguage: [en]\ntags: [tiny, llama]\ndatasets: a/b\nbase_model: x/y",
      "model.safetensors,pytorch_model.bin", "transformers", "text-generation", "see https://arxiv.org/abs/2307.09288v2, ok",
      "transformers,pytorch,safetensors,llama,text-generation,tiny,en,dataset:a/b,arxiv:2307.09288,base_model:x/y,"
      "base_model:finetune:x/y,license:mit,region:us" },
    { REPO_MODEL, "base_model: [a/b, c/d]", "adapter_config.json,adapter_model.safetensors", "peft", "", "",
      "peft,safetensors,llama,base_model:a/b,base_model:c/d,base_model:merge:a/b,base_model:merge:c/d,region:us" },
    { REPO_MODEL, "base_model: a/b", "q4.gguf", "", "", "https://huggingface.co/papers/1234.5678",
      "gguf,llama,arxiv:1234.5678,base_model:a/b,base_model:quantized:a/b,region:us" },
    { REPO_MODEL, "tags: [' a ', '', a, \"x\\u0001y\"]", "training_args.bin,optimizer.pt", "", "",
      "arxiv.org/abs/12.3 arxiv.org/abs/12345.678 notarxiv/2307.09288", "llama,a,region:us" },
    { REPO_DATASET, "task_categories: [qa]\nlanguage: en\nlicense: mit\nsize_categories: 1K<n<10K\ntags: [x]\narxiv: 1606.05250",
      "data/train.parquet,README.md", "", "", "",
      "task_categories:qa,language:en,license:mit,size_categories:1K<n<10K,format:parquet,library:datasets,library:pandas,"
      "library:polars,arxiv:1606.05250,region:us,x" },
    { REPO_DATASET, "tags: [audio]", "a.csv,b.png", "", "", "",
      "format:csv,modality:audio,library:datasets,library:pandas,library:polars,region:us,audio" },
    { REPO_SPACE, "tags: [leaderboard]\nlicense: mit", "app.py", "", "", "", "gradio,leaderboard,license:mit,region:us" },
};

static void tags_follow_in_the_hubs_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tag_case); i++) {
        struct arena *a = arena_new(0);
        struct facts_model m = { .model_type = STR("llama") };
        struct facts_scan scan;
        struct json *card;
        struct buf b = BUF_INIT(0);
        struct err e;
        str rest = str_c(tag_case[i].files), path, *tags;
        size_t n;

        facts_scan_init(&scan, a);
        while (str_cut(&rest, ',', &path)) facts_scan_add(&scan, &(struct facts_file){ .path = path });
        must_ok(card_yaml_parse(str_c(tag_case[i].yaml), a, &card, &e));
        card_mend(card, tag_case[i].kind, a);
        tags_derive(&(struct tags_input){ .kind = tag_case[i].kind, .card = card, .scan = &scan, .model = &m,
                                          .library = str_c(tag_case[i].library), .pipeline = str_c(tag_case[i].pipeline),
                                          .sdk = STR("gradio"), .readme_body = str_c(tag_case[i].body) },
                    a, &tags, &n);
        for (size_t k = 0; k < n; k++) {
            if (k) buf_byte(&b, ',');
            buf_add(&b, tags[k]);
        }
        assert_str(buf_str(&b), str_c(tag_case[i].tags));
        buf_deinit(&b);
        arena_free(a);
    }
}

static void tags_are_bounded(void **state)
{
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct facts_model m = { 0 };
    struct facts_scan scan;
    struct json *card;
    struct err e;
    str *tags;
    size_t n;
    (void)state;
    buf_lit(&b, "tags:\n");
    for (int i = 0; i < 3000; i++) buf_addf(&b, "- t%d\n", i);
    facts_scan_init(&scan, a);
    must_ok(card_yaml_parse(buf_str(&b), a, &card, &e));
    tags_derive(&(struct tags_input){ .kind = REPO_MODEL, .card = card, .scan = &scan, .model = &m }, a, &tags, &n);
    assert_int_equal(n, TAGS_MAX);
    buf_deinit(&b);
    arena_free(a);
}

/* ------------------------------------------------------------------ library and task */

static const struct {
    const char *yaml, *files, *architecture, *peft, *diffusers, *library, *pipeline;
} guess_case[] = {
    { "{}", "config.json", "LlamaForCausalLM", "", "", "transformers", "text-generation" },
    { "{}", "config.json", "BertForMaskedLM", "", "", "transformers", "fill-mask" },
    { "{}", "config.json", "GPT2LMHeadModel", "", "", "transformers", "text-generation" },
    { "{}", "config.json", "WhisperForConditionalGeneration", "", "", "transformers", "automatic-speech-recognition" },
    { "{}", "config.json", "T5ForConditionalGeneration", "", "", "transformers", "text2text-generation" },
    { "{}", "config.json", "Qwen2_5_VLForConditionalGeneration", "", "", "transformers", "image-text-to-text" },
    { "{}", "config.json", "BertModel", "", "", "transformers", "feature-extraction" },
    { "{pipeline_tag: text-ranking}", "config.json", "BertModel", "", "", "transformers", "text-ranking" },
    { "{tags: [zeug, mlx, summarization]}", "config.json", "BertModel", "", "", "mlx", "summarization" },
    { "{library_name: foo}", "config.json", "BertModel", "", "", "foo", "" },
    { "{}", "model_index.json", "", "", "StableDiffusionXLPipeline", "diffusers", "text-to-image" },
    { "{}", "adapter_config.json", "", "CAUSAL_LM", "", "peft", "text-generation" },
    { "{}", "modules.json,config.json", "BertModel", "", "", "sentence-transformers", "sentence-similarity" },
    { "{}", "x.gguf", "", "", "", "", "" },
    { "{}", "model.joblib", "", "", "", "sklearn", "" },
};

static void library_and_task_are_inferred(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(guess_case); i++) {
        struct arena *a = arena_new(0);
        struct facts_model m = { .architecture = str_c(guess_case[i].architecture), .peft_task = str_c(guess_case[i].peft),
                                 .diffusers_class = str_c(guess_case[i].diffusers) };
        struct facts_scan scan;
        struct json *card;
        struct err e;
        str rest = str_c(guess_case[i].files), path, library;
        m.is_transformers = m.architecture.n > 0;
        facts_scan_init(&scan, a);
        while (str_cut(&rest, ',', &path)) facts_scan_add(&scan, &(struct facts_file){ .path = path });
        must_ok(card_yaml_parse(str_c(guess_case[i].yaml), a, &card, &e));
        library = facts_library(card, &scan, &m);
        if (!str_eq(library, str_c(guess_case[i].library))) fail_msg("case %zu: library %.*s", i, STR_ARG(library));
        if (!str_eq(facts_pipeline(card, library, &m), str_c(guess_case[i].pipeline))) fail_msg("case %zu: pipeline", i);
        arena_free(a);
    }
}

static void the_tables_of_terms_hold_no_word_twice(void **state)
{
    const struct card_term *(*const table[])(size_t *) = { card_tasks, card_libraries, card_licenses };
    (void)state;
    for (size_t t = 0; t < COUNT(table); t++) {
        size_t n;
        const struct card_term *term = table[t](&n);
        assert_true(n > 40);
        for (size_t i = 0; i < n; i++)
            for (size_t k = i + 1; k < n; k++)
                if (str_eq(str_c(term[i].id), str_c(term[k].id))) fail_msg("%s", term[i].id);
    }
    assert_true(card_license_is_known(STR("apache-2.0")));
    assert_false(card_license_is_known(STR("Apache-2.0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_becomes_json_or_is_refused),
        cmocka_unit_test(aliases_cannot_multiply),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(many_keys_take_linear_time),
        cmocka_unit_test(front_matter_is_cut_between_its_fences),
        cmocka_unit_test(cards_are_judged),
        cmocka_unit_test(a_readme_without_front_matter_only_warns),
        cmocka_unit_test(card_values_get_the_shapes_that_strict_clients_need),
        cmocka_unit_test(tags_follow_in_the_hubs_order),
        cmocka_unit_test(tags_are_bounded),
        cmocka_unit_test(library_and_task_are_inferred),
        cmocka_unit_test(the_tables_of_terms_hold_no_word_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
