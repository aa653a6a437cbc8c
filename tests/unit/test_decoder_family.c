/* test_decoder_family.c - every family against Transformers: tests/data/decoders, made by tests/oracle/make_decoders.py. */
#include "unit.h"

#include <math.h>

#include "base/json.h"
#include "model/decoder/decoder.h"

enum { TOKENS_MAX = 64 };

struct expected {
    struct arena *a;
    char *text;
    const struct json *json;
    uint32_t prompt[TOKENS_MAX], greedy[TOKENS_MAX];
    size_t prompt_count, greedy_count;
};

static size_t read_tokens(const struct json *list, uint32_t *out)
{
    size_t n = 0;
    json_each (item, list) {
        assert_true(item->type == JSON_INT && n < TOKENS_MAX);
        out[n++] = (uint32_t)item->i;
    }
    return n;
}

static void expected_read(const char *dir, struct expected *x)
{
    struct err e;
    struct json *j;
    size_t n;
    char path[600];
    snprintf(path, sizeof path, "%s/expected.json", dir);
    x->a = arena_new(0);
    must_ok(os_read_file(path, 1 << 20, &x->text, &n, &e));
    must_ok(json_parse(str_n(x->text, n), x->a, &j, &e));
    x->json = j;
    x->prompt_count = read_tokens(json_get(j, STR("prompt")), x->prompt);
    x->greedy_count = read_tokens(json_get(j, STR("greedy")), x->greedy);
}

static uint32_t best(const float *logits, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[at]) at = i;
    return (uint32_t)at;
}

static size_t failures; /* all families are looked at before the test fails */

static void compare(const char *name, const struct json *want, const float *got, size_t position)
{
    double most = 0, off = 0;
    size_t i = 0;
    json_each (v, want) {
        double w = v->type == JSON_INT ? (double)v->i : v->r;
        most = fmax(most, fabs(w));
        off = fmax(off, fabs(w - got[i++]));
    }
    assert_true(i == 99);
    if (off <= 1e-4 * most + 1e-5) return;
    print_error("%s, position %zu: logits are off by %g; the largest is %g\n", name, position, off, most);
    failures++;
}

static void check_family(const char *dir, const char *name)
{
    struct err e;
    struct decoder *d;
    struct expected x;
    struct decoder_row row[TOKENS_MAX];
    const float *logits[TOKENS_MAX];
    struct team *team = team_new(1); /* test_decoder.c has several threads */
    expected_read(dir, &x);
    if (!decoder_open(dir, KERNEL_F32, team, &d, &e)) {
        print_error("%s: %s\n", name, e.msg);
        failures++;
        goto done;
    }
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 16);
    struct kv *kv = kv_new(pool);
    for (size_t i = 0; i < x.prompt_count; i++) row[i] = (struct decoder_row){ x.prompt[i], kv, true };
    must_ok(decoder_forward(run, row, x.prompt_count, logits, &e));
    json_each (want, json_get(x.json, STR("logits"))) {
        uint64_t at;
        assert_true(str_u64(want->key, &at) && at < x.prompt_count);
        compare(name, want, logits[at], at);
    }
    uint32_t next = best(logits[x.prompt_count - 1], 99);
    for (size_t i = 0; i < x.greedy_count; i++) {
        if (next != x.greedy[i]) {
            print_error("%s: token %zu is %u instead of %u\n", name, i, next, x.greedy[i]);
            failures++;
            break;
        }
        row[0] = (struct decoder_row){ next, kv, true };
        must_ok(decoder_forward(run, row, 1, logits, &e));
        next = best(logits[0], 99);
    }
    kv_free(kv);
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
done:
    team_free(team);
    mem_free(x.text);
    arena_free(x.a);
}

struct walk {
    char dir[400];
    size_t n;
};

static bool check_entry(void *ctx, const char *name, bool is_dir)
{
    struct walk *w = ctx;
    char path[700];
    if (!is_dir) return true;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    check_family(path, name);
    w->n++;
    return true;
}

static void test_families(void **state)
{
    struct err e;
    struct walk w = { .n = 0 };
    (void)state;
    snprintf(w.dir, sizeof w.dir, "%s/../data/decoders", getenv("HEARTH_TEST_DATA"));
    must_ok(os_each_entry(w.dir, check_entry, &w, &e));
    assert_int_equal(failures, 0);
    assert_true(w.n >= 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_families) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
