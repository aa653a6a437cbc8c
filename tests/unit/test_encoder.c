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
    if (!encoder_open(r->config, r->weights, kind, type, team, &m, &e)) fail_msg("%s, %s: %s", r->name, what, e.msg);
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
    "bert", "bert-old", "roberta", "xlm-roberta", "camembert", "data2vec-text", "distilbert", "mpnet", "electra", "albert",
    "modernbert", "modernbert-mean", "deberta-v2", "deberta-v3",
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(families_give_what_transformers_gives) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
