/* golden.h - what Transformers computed with a tiny decoder (tests/data/.../expected.json), for tests of one program each. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "unit.h"

#include <math.h>

#include "base/json.h"
#include "base/os.h"
#include "model/decoder/decoder.h"

enum { GOLDEN_TOKENS_MAX = 64, GOLDEN_VOCAB = 99 };

struct golden {
    struct arena *a;
    char *text;
    const struct json *json;
    uint32_t prompt[GOLDEN_TOKENS_MAX], greedy[GOLDEN_TOKENS_MAX];
    size_t prompt_count, greedy_count;
};

static inline size_t golden_tokens(const struct json *list, uint32_t *out)
{
    size_t n = 0;
    json_each (item, list) {
        assert_true(item->type == JSON_INT && n < GOLDEN_TOKENS_MAX);
        out[n++] = (uint32_t)item->i;
    }
    return n;
}

static inline void golden_read(const char *dir, struct golden *g)
{
    struct err e;
    struct json *j;
    size_t n;
    char path[600];
    snprintf(path, sizeof path, "%s/expected.json", dir);
    g->a = arena_new(0);
    must_ok(os_read_file(path, 1 << 20, &g->text, &n, &e));
    must_ok(json_parse(str_n(g->text, n), g->a, &j, &e));
    g->json = j;
    g->prompt_count = golden_tokens(json_get(j, STR("prompt")), g->prompt);
    g->greedy_count = golden_tokens(json_get(j, STR("greedy")), g->greedy);
}

static inline void golden_end(struct golden *g)
{
    mem_free(g->text);
    arena_free(g->a);
}

static inline uint32_t golden_best(const float *logits)
{
    uint32_t at = 0;
    for (uint32_t i = 1; i < GOLDEN_VOCAB; i++)
        if (logits[i] > logits[at]) at = i;
    return at;
}

/* The largest difference to the logits wanted, over the largest of these. */
static inline double golden_off(const struct json *want, const float *got)
{
    double most = 0, off = 0;
    size_t i = 0;
    json_each (v, want) {
        double w = v->type == JSON_INT ? (double)v->i : v->r;
        most = fmax(most, fabs(w));
        off = isnan(got[i]) ? INFINITY : fmax(off, fabs(w - (double)got[i]));
        i++;
    }
    assert_true(i == GOLDEN_VOCAB);
    return off / most;
}

/* The prompt at once, then 32 tokens one by one.  Prints what is wrong and answers how much. */
static inline size_t golden_check(const struct golden *g, const char *name, struct decoder_run *run, struct kv *kv)
{
    struct err e;
    struct decoder_row row[GOLDEN_TOKENS_MAX];
    const float *logits[GOLDEN_TOKENS_MAX];
    size_t failures = 0;
    for (size_t i = 0; i < g->prompt_count; i++) row[i] = (struct decoder_row){ g->prompt[i], kv, true };
    must_ok(decoder_forward(run, row, g->prompt_count, logits, &e));
    json_each (want, json_get(g->json, STR("logits"))) {
        uint64_t at;
        assert_true(str_u64(want->key, &at) && at < g->prompt_count);
        double off = golden_off(want, logits[at]);
        if (off <= 1e-4) continue;
        print_error("%s, position %zu: logits are off by %g of the largest\n", name, (size_t)at, off);
        failures++;
    }
    uint32_t next = golden_best(logits[g->prompt_count - 1]);
    for (size_t i = 0; i < g->greedy_count; i++) {
        if (next != g->greedy[i]) {
            print_error("%s: token %zu is %u instead of %u\n", name, i, next, g->greedy[i]);
            return failures + 1;
        }
        row[0] = (struct decoder_row){ next, kv, true };
        must_ok(decoder_forward(run, row, 1, logits, &e));
        next = golden_best(logits[0]);
    }
    return failures;
}

#endif
