/* test_encoder.c - every family against Transformers: tests/data/encoders, made by tests/oracle/make_encoders.py. */
#include "unit.h"

#include <math.h>

#include "base/json.h"
#include "model/encoder/encoder.h"

enum { TEXTS_MAX = 8, TOKENS_MAX = 128 };

/* A repository of the test data, and what its expected.json says. */
struct repository {
    struct arena *a;
    const char *name, *dir;
    struct json *config, *expected;
    struct weights *weights;
    struct encoder_text text[TEXTS_MAX];
    size_t texts;
};

static struct json *read_json(struct repository *r, const char *file)
{
    struct err e;
    struct json *j;
    char *text;
    size_t n;
    must_ok(os_read_file(arena_cstr(r->a, arena_fmt(r->a, "%s/%s", r->dir, file)), 1 << 20, &text, &n, &e));
    must_ok(json_parse(arena_dup(r->a, str_n(text, n)), r->a, &j, &e));
    mem_free(text);
    return j;
}

static void open_repository(struct repository *r, const char *name)
{
    struct err e;
    *r = (struct repository){ .a = arena_new(0), .name = name };
    r->dir = arena_cstr(r->a, arena_fmt(r->a, "%s/../data/encoders/%s", getenv("HEARTH_TEST_DATA"), name));
    r->config = read_json(r, "config.json");
    r->expected = read_json(r, "expected.json");
    must_ok(weights_open(r->dir, &r->weights, &e));
    const struct json *types = json_get(r->expected, STR("types"));
    json_each (list, json_get(r->expected, STR("texts"))) {
        uint32_t *id = arena_alloc(r->a, TOKENS_MAX * sizeof *id);
        uint8_t *type = arena_alloc(r->a, TOKENS_MAX);
        size_t n = 0;
        json_each (item, list) id[n++] = (uint32_t)item->i;
        const struct json *of_text = json_at(types, r->texts);
        n = 0;
        json_each (item, of_text) type[n++] = (uint8_t)item->i;
        assert_true(r->texts < TEXTS_MAX && list->count <= TOKENS_MAX);
        r->text[r->texts++] = (struct encoder_text){ id, of_text ? type : NULL, list->count };
    }
}

static void close_repository(struct repository *r)
{
    weights_close(r->weights);
    arena_free(r->a);
}

static double number(const struct json *v) { return v->type == JSON_INT ? (double)v->i : v->r; }

/* `rows` rows of got against a list of all their numbers; answers what is left of the list. */
static const struct json *compare(const struct repository *r, const char *what, size_t text, const struct json *want, const struct encoder_rows *got,
                                  const size_t *row, size_t rows, double tolerance)
{
    double most = 1;
    for (const struct json *v = want; v; v = v->next) most = fmax(most, fabs(number(v)));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < got->width; j++, want = want->next) {
            assert_non_null(want);
            double have = got->p[row[i] * got->stride + j];
            if (!(fabs(have - number(want)) <= tolerance * most))
                fail_msg("%s, %s, text %zu, row %zu, number %zu: %g instead of %g", r->name, what, text, i, j, have, number(want));
        }
    return want;
}

/* All texts in one call; of each the first, the third and the last token are known. */
static void check_head(const struct repository *r, const char *what, enum encoder_head_kind kind, enum kernel_type type, struct team *team, double tolerance)
{
    struct err e;
    struct encoder *m;
    struct encoder_rows hidden, out;
    const struct json *want = json_get(r->expected, str_c(what));
    if (!want) return;
    if (!encoder_open(r->config, r->weights, kind, type, NULL, team, &m, &e)) fail_msg("%s, %s: %s", r->name, what, e.msg);
    struct encoder_run *run = encoder_run_new(m, team);
    must_ok(encoder_forward(run, r->text, r->texts, &hidden, &e));
    if (kind == HEAD_SEQUENCE || kind == HEAD_POOLER) must_ok(encoder_head_texts(run, &out, &e));
    for (size_t i = 0, first = 0; i < r->texts; first += r->text[i++].n) {
        size_t row[] = { first, first + 2, first + r->text[i].n - 1 }, picked[] = { 0, 1, 2 };
        const struct json *numbers = json_first(json_at(want, i));
        if (kind == HEAD_NONE) numbers = compare(r, what, i, numbers, &hidden, row, 3, tolerance);
        else if (kind == HEAD_SEQUENCE || kind == HEAD_POOLER) numbers = compare(r, what, i, numbers, &out, &i, 1, tolerance);
        else {
            must_ok(encoder_head_rows(run, row, 3, &out, &e));
            numbers = compare(r, what, i, numbers, &out, picked, 3, tolerance);
        }
        if (numbers) fail_msg("%s, %s: fewer numbers than expected", r->name, what);
    }
    encoder_run_free(run);
    encoder_close(m);
}

static const char *const families[] = {
    "bert", "bert-old", "ernie", "roberta", "xlm-roberta", "camembert", "data2vec-text", "distilbert", "mpnet", "electra", "albert",
    "modernbert", "modernbert-mean", "deberta-v2", "deberta-v3", "nomic-bert", "gte", "new",
};
static const struct { const char *name; enum encoder_head_kind kind; } heads[] = {
    { "none", HEAD_NONE }, { "pooler", HEAD_POOLER }, { "sequence", HEAD_SEQUENCE }, { "token", HEAD_TOKEN },
    { "question", HEAD_QUESTION }, { "masked", HEAD_MASKED },
};

static void families_give_what_transformers_gives(void **state)
{
    struct repository r;
    struct team *team = team_new(1);
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        open_repository(&r, families[i]);
        for (size_t h = 0; h < COUNT(heads); h++) check_head(&r, heads[h].name, heads[h].kind, KERNEL_F32, team, 1e-4);
        close_repository(&r);
    }
    team_free(team);
}

/* Hidden states of all texts, as how far they are from those of float weights: |a - b| / |b|. */
static double distance(const struct repository *r, enum kernel_type type, struct team *team)
{
    struct err e;
    struct encoder *m, *exact;
    struct encoder_rows a, b;
    double off = 0, whole = 0;
    must_ok(encoder_open(r->config, r->weights, HEAD_NONE, type, NULL, team, &m, &e));
    must_ok(encoder_open(r->config, r->weights, HEAD_NONE, KERNEL_F32, NULL, team, &exact, &e));
    struct encoder_run *run = encoder_run_new(m, team), *reference = encoder_run_new(exact, team);
    must_ok(encoder_forward(run, r->text, r->texts, &a, &e));
    must_ok(encoder_forward(reference, r->text, r->texts, &b, &e));
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < a.width; j++) {
            double x = a.p[i * a.stride + j], y = b.p[i * b.stride + j];
            off += (x - y) * (x - y);
            whole += y * y;
        }
    encoder_run_free(run);
    encoder_run_free(reference);
    encoder_close(m);
    encoder_close(exact);
    return sqrt(off / whole);
}

/* The models are so small, and their weights so large, that rounding shows more than in real ones. */
static void rounded_weights_stay_within_bounds(void **state)
{
    static const struct { const char *name; enum kernel_type type; double most; } types[] = {
        { "bf16", KERNEL_BF16, 0.02 }, { "q8", KERNEL_Q8, 0.06 }, { "q4", KERNEL_Q4, 0.5 },
    };
    struct repository r;
    struct team *team = team_new(2);
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        open_repository(&r, families[i]);
        for (size_t t = 0; t < COUNT(types); t++) {
            double off = distance(&r, types[t].type, team);
            if (!(off > 0 && off <= types[t].most)) fail_msg("%s, %s: %g", r.name, types[t].name, off);
        }
        close_repository(&r);
    }
    team_free(team);
}

/* A text gets the same bits alone and among others, with one thread and with three. */
static void a_text_does_not_depend_on_its_company(void **state)
{
    struct repository r;
    struct err e;
    struct encoder *m;
    struct encoder_rows together, alone;
    struct team *one = team_new(1), *three = team_new(3);
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        open_repository(&r, families[i]);
        must_ok(encoder_open(r.config, r.weights, HEAD_NONE, KERNEL_F32, NULL, three, &m, &e));
        struct encoder_run *run = encoder_run_new(m, three), *other = encoder_run_new(m, one);
        must_ok(encoder_forward(run, r.text, r.texts, &together, &e));
        const float *p = together.p;
        for (size_t t = 0; t < r.texts; t++) {
            must_ok(encoder_forward(other, &r.text[t], 1, &alone, &e));
            for (size_t row = 0; row < alone.rows; row++, p += together.stride)
                if (memcmp(p, alone.p + row * alone.stride, alone.width * sizeof *p) != 0) fail_msg("%s: text %zu differs in row %zu", r.name, t, row);
        }
        encoder_run_free(run);
        encoder_run_free(other);
        encoder_close(m);
        close_repository(&r);
    }
    team_free(one);
    team_free(three);
}

/* ------------------------------------------------------------------ what is refused */

/* config.json with one member more; the last of two counts. */
static const struct {
    const char *family, *member; /* "key": value */
    enum encoder_head_kind head;
    enum err_code code;
    const char *says;
} lies[] = {
    { "bert", "\"model_type\": \"bort\"", HEAD_NONE, ERR_NOT_BUILT, "\"bort\" is not supported; encoders that are: bert, ernie, roberta" },
    { "bert", "\"hidden_size\": 41", HEAD_NONE, ERR_INVALID, "41 numbers cannot be shared by 4" },
    { "bert", "\"hidden_size\": 44", HEAD_NONE, ERR_INVALID, "bert.embeddings.word_embeddings.weight\" is 99 x 40" },
    { "bert", "\"hidden_size\": 1e30", HEAD_NONE, ERR_INVALID, "hidden_size" },
    { "bert", "\"hidden_size\": \"40\"", HEAD_NONE, ERR_INVALID, "must be a whole number" },
    { "bert", "\"num_attention_heads\": 0", HEAD_NONE, ERR_INVALID, "num_attention_heads" },
    { "bert", "\"num_hidden_layers\": 4", HEAD_NONE, ERR_NOT_FOUND, "\"bert.encoder.layer.3.attention.self.query.weight\"" },
    { "bert", "\"intermediate_size\": 38", HEAD_NONE, ERR_INVALID, "intermediate.dense.weight\" is 37 x 40" },
    { "bert", "\"max_position_embeddings\": 81", HEAD_NONE, ERR_INVALID, "position_embeddings" },
    { "bert", "\"type_vocab_size\": 300", HEAD_NONE, ERR_INVALID, "type_vocab_size" },
    { "bert", "\"layer_norm_eps\": -1", HEAD_NONE, ERR_INVALID, "layer_norm_eps" },
    { "bert", "\"hidden_act\": \"mish\"", HEAD_NONE, ERR_NOT_BUILT, "mish" },
    { "bert", "\"position_embedding_type\": \"relative_key\"", HEAD_NONE, ERR_NOT_BUILT, "relative_key" },
    { "bert", "\"is_decoder\": true", HEAD_NONE, ERR_NOT_BUILT, "is_decoder" },
    { "bert", "\"quantization_config\": {}", HEAD_NONE, ERR_NOT_BUILT, "quantization_config" },
    { "bert", "\"problem_type\": \"guessing\"", HEAD_NONE, ERR_INVALID, "guessing" },
    { "bert", "\"id2label\": {\"0\": \"a\", \"7\": \"b\"}", HEAD_NONE, ERR_INVALID, "id2label" },
    { "bert", "\"id2label\": {\"0\": \"a\", \"1\": 5}", HEAD_NONE, ERR_INVALID, "id2label" },
    { "bert", "\"id2label\": {\"0\": \"a\"}", HEAD_SEQUENCE, ERR_INVALID, "classifier.weight\" is 3 x 40" },
    { "bert-old", "\"num_hidden_layers\": 9", HEAD_NONE, ERR_NOT_FOUND, "neither a tensor \"encoder.layer.3." },
    { "roberta", "\"pad_token_id\": 79", HEAD_NONE, ERR_INVALID, "pad_token_id" },
    { "mpnet", "\"relative_attention_num_buckets\": 16", HEAD_NONE, ERR_NOT_BUILT, "relative_attention_num_buckets" },
    { "albert", "\"inner_group_num\": 2", HEAD_NONE, ERR_NOT_BUILT, "inner_group_num" },
    { "albert", "\"num_hidden_groups\": 5", HEAD_NONE, ERR_INVALID, "num_hidden_groups" },
    { "electra", "\"embedding_size\": 21", HEAD_NONE, ERR_INVALID, "word_embeddings" },
    { "modernbert", "\"rope_scaling\": {}", HEAD_NONE, ERR_NOT_BUILT, "rope_scaling" },
    { "modernbert", "\"num_attention_heads\": 8", HEAD_NONE, ERR_INVALID, "rope over 5 numbers" },
    { "modernbert", "\"global_rope_theta\": 0", HEAD_NONE, ERR_INVALID, "rope" },
    { "nomic-bert", "\"prenorm\": true", HEAD_NONE, ERR_NOT_BUILT, "prenorm" },
    { "nomic-bert", "\"moe_every_n_layers\": 2", HEAD_NONE, ERR_NOT_BUILT, "experts" },
    { "new", "\"rope_scaling\": {\"type\": \"linear\"}", HEAD_NONE, ERR_NOT_BUILT, "ntk" },
    { "new", "\"logn_attention_scale\": true", HEAD_NONE, ERR_NOT_BUILT, "logn" },
    { "new", "\"position_embedding_type\": \"absolute\"", HEAD_NONE, ERR_NOT_BUILT, "absolute" },
    { "deberta-v2", "\"conv_kernel_size\": 3", HEAD_NONE, ERR_NOT_BUILT, "conv_kernel_size" },
    { "deberta-v3", "\"position_buckets\": 500", HEAD_NONE, ERR_INVALID, "buckets" },
    { "deberta-v3", "\"position_buckets\": 1", HEAD_NONE, ERR_INVALID, "in 1 buckets are not possible" }, /* nothing is left for what is farther */
    { "deberta-v3", "\"position_buckets\": 2, \"max_relative_positions\": 2", HEAD_NONE, ERR_INVALID, "2 relative positions in 2 buckets" },
    { "deberta-v3", "\"position_buckets\": 16", HEAD_NONE, ERR_INVALID, "rel_embeddings" },
    { "distilbert", "\"n_layers\": 4", HEAD_NONE, ERR_NOT_FOUND, "transformer.layer.3." },
    { "distilbert", "", HEAD_POOLER, ERR_INVALID, "no such head" },
};

static void configs_that_lie_are_refused(void **state)
{
    struct repository r;
    struct encoder *m;
    struct err e;
    struct team *team = team_new(1);
    (void)state;
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct json *more;
        open_repository(&r, lies[i].family);
        must_ok(json_parse(arena_fmt(r.a, "{%s}", lies[i].member), r.a, &more, &e));
        if (more->count) json_put(r.config, more->first->key, more->first);
        if (encoder_open(r.config, r.weights, lies[i].head, KERNEL_F32, NULL, team, &m, &e)) fail_msg("%s with %s is taken", lies[i].family, lies[i].member);
        if (e.code != lies[i].code || !strstr(e.msg, lies[i].says)) fail_msg("%s with %s: code %d, %s", lies[i].family, lies[i].member, e.code, e.msg);
        close_repository(&r);
    }
    team_free(team);
}

static void texts_that_do_not_fit_are_refused(void **state)
{
    struct repository r;
    struct encoder *m;
    struct encoder_rows out;
    struct err e;
    struct team *team = team_new(1);
    uint32_t id[100] = { 2, 99 };
    uint8_t type[100] = { 0, 2 };
    (void)state;
    const struct {
        struct encoder_text text;
        enum err_code code;
        const char *says;
    } bad[] = {
        { { id, NULL, 0 }, ERR_INVALID, "without any tokens" },
        { { id, NULL, 2 }, ERR_INVALID, "token 99 is not among the model's 99" },
        { { id + 2, type, 2 }, ERR_INVALID, "token type 2" },
        { { id + 2, NULL, 81 }, ERR_TOO_LARGE, "81 tokens, and the model was made for 80" },
    };
    open_repository(&r, "bert");
    must_ok(encoder_open(r.config, r.weights, HEAD_SEQUENCE, KERNEL_F32, NULL, team, &m, &e));
    struct encoder_run *run = encoder_run_new(m, team);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct encoder_text two[] = { r.text[0], bad[i].text };
        assert_false(encoder_forward(run, two, 2, &out, &e));
        if (e.code != bad[i].code || !strstr(e.msg, bad[i].says)) fail_msg("%s", e.msg);
    }
    must_ok(encoder_forward(run, NULL, 0, &out, &e));
    assert_true(out.rows == 0);
    must_ok(encoder_head_texts(run, &out, &e));
    assert_true(out.rows == 0);
    must_ok(encoder_forward(run, &(struct encoder_text){ id + 2, NULL, 80 }, 1, &out, &e)); /* the run is none the worse */
    assert_true(out.rows == 80);
    encoder_run_free(run);
    encoder_close(m);
    close_repository(&r);
    team_free(team);
}

/* A copy of bert's weights in which the first number of a tensor is NaN. */
static void spoil(const char *dir, const char *tensor)
{
    struct err e;
    struct arena *a = arena_new(0);
    struct json *header;
    char *file;
    size_t n;
    uint64_t length = 0;
    const char *to = arena_cstr(a, arena_fmt(a, "%s/model.safetensors", dir));
    must_ok(os_read_file(arena_cstr(a, arena_fmt(a, "%s/../data/encoders/bert/model.safetensors", getenv("HEARTH_TEST_DATA"))), 1 << 20, &file, &n, &e));
    memcpy(&length, file, 8);
    must_ok(json_parse(str_n(file + 8, (size_t)length), a, &header, &e));
    const struct json *offsets = json_get(json_get(header, str_c(tensor)), STR("data_offsets"));
    assert_non_null(offsets);
    memcpy(file + 8 + length + (size_t)json_first(offsets)->i, "\xC0\x7F", 2);
    must_ok(os_write_file(dir, to, (bytes){ (const uint8_t *)file, n }, &e));
    mem_free(file);
    arena_free(a);
}

static void numbers_that_are_none_are_refused(void **state)
{
    static const struct { const char *tensor; bool opens; } cases[] = {
        { "bert.embeddings.LayerNorm.bias", false }, { "bert.encoder.layer.0.output.LayerNorm.weight", false },
        { "bert.encoder.layer.1.output.dense.weight", false }, { "bert.encoder.layer.0.attention.self.key.bias", false }, { "bert.embeddings.word_embeddings.weight", true },
    };
    struct repository r;
    struct encoder *m;
    struct encoder_rows out;
    struct weights *weights;
    struct err e;
    struct team *team = team_new(1);
    char dir[64];
    uint32_t zero = 0;
    (void)state;
    open_repository(&r, "bert");
    unit_dir(dir);
    for (size_t i = 0; i < COUNT(cases); i++) {
        spoil(dir, cases[i].tensor);
        must_ok(weights_open(dir, &weights, &e));
        bool ok = encoder_open(r.config, weights, HEAD_NONE, KERNEL_BF16, NULL, team, &m, &e);
        if (ok != cases[i].opens) fail_msg("%s: %s", cases[i].tensor, ok ? "taken" : e.msg);
        if (ok) { /* embeddings are looked at when they are used */
            struct encoder_run *run = encoder_run_new(m, team);
            assert_false(encoder_forward(run, &(struct encoder_text){ &zero, NULL, 1 }, 1, &out, &e));
            encoder_run_free(run);
            encoder_close(m);
        }
        if (e.code != ERR_INVALID || !strstr(e.msg, "not finite")) fail_msg("%s: %s", cases[i].tensor, e.msg);
        if (!ok && (!strstr(e.msg, cases[i].tensor) || !strstr(e.msg, "number 0 is nan"))) fail_msg("%s: %s", cases[i].tensor, e.msg);
        weights_close(weights);
    }
    unit_dir_end(dir);
    close_repository(&r);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_give_what_transformers_gives),
        cmocka_unit_test(rounded_weights_stay_within_bounds),
        cmocka_unit_test(a_text_does_not_depend_on_its_company),
        cmocka_unit_test(configs_that_lie_are_refused),
        cmocka_unit_test(texts_that_do_not_fit_are_refused),
        cmocka_unit_test(numbers_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
