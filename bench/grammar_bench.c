/* grammar_bench.c - what obeying a grammar costs a token.
 *
 *   grammar_bench DIR        the tokenizer of a model's folder
 *   grammar_bench DIR 128000 the same, filled up to so many tokens with pairs of its own, as larger vocabularies have
 *   them
 *
 * Walks through JSON by a schema and through any JSON object, choosing at random among what is allowed, with more
 * weight on what ends strings.  Prints microseconds of processor time for a mask that is met for the first time and
 * for one that is known. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/constrain/matcher.h"

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static uint64_t seed = 1;
static uint32_t chance(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static int by_real(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void walk(const char *name, const struct grammar *g, const struct grammar_tokens *t, size_t vocab, uint32_t eos)
{
    enum { STEPS = 4000 };
    static double cold[STEPS], known[STEPS];
    struct grammar_matcher *m = grammar_matcher_new(g, t, 256 << 20);
    struct grammar_state *s = grammar_state_new(m);
    struct grammar_figures before, after;
    uint64_t *mask = mem_alloc((vocab / 64 + 1) * sizeof *mask);
    size_t colds = 0, knowns = 0, texts = 0;
    double accept = 0;
    for (size_t i = 0; i < STEPS; i++) {
        uint32_t pick = eos, seen = 0;
        grammar_matcher_figures(m, &before);
        double from = now_us();
        if (!grammar_mask(s, mask)) abort();
        double took = now_us() - from;
        grammar_matcher_figures(m, &after);
        if (after.masks > before.masks) cold[colds++] = took;
        else known[knowns++] = took;
        for (uint32_t k = 0; k < vocab; k++)
            if (mask[k / 64] >> (k % 64) & 1 && chance(++seen) == 0) pick = k;
        if (mask[eos / 64] >> (eos % 64) & 1) pick = eos;
        from = now_us();
        if (!grammar_accept(s, pick)) abort();
        if (chance(4) == 0) grammar_accept_bytes(s, STR("\""));
        accept += now_us() - from;
        if (pick == eos) {
            grammar_state_free(s);
            s = grammar_state_new(m);
            texts++;
        }
    }
    qsort(cold, colds, sizeof *cold, by_real);
    qsort(known, knowns, sizeof *known, by_real);
    printf("%-12s %6zu tokens: known masks %5zu, median %6.1f us, 99 of 100 under %6.1f; new masks %4zu, median %7.1f "
           "us, most %8.1f; accept %4.2f us; "
           "%zu states, %.1f MB; %zu whole texts\n",
           name, vocab, knowns, knowns ? known[knowns / 2] : 0, knowns ? known[knowns * 99 / 100] : 0, colds,
           colds ? cold[colds / 2] : 0, colds ? cold[colds - 1] : 0, accept / STEPS, after.states,
           (double)after.bytes / 1e6, texts);
    mem_free(mask);
    grammar_state_free(s);
    grammar_matcher_free(m);
}

static struct grammar_tokens *vocabulary(const struct tokenizer *t, size_t *vocab, uint32_t *eos)
{
    size_t own = tokenizer_size(t), n = *vocab > own ? *vocab : own + 1;
    str *piece = mem_alloc(n * sizeof *piece);
    struct buf one = BUF_INIT(0), pair = BUF_INIT(0);
    for (uint32_t i = 0; i < own; i++) {
        tokenizer_piece(t, i, &one);
        if (!tokenizer_is_special(t, i)) piece[i] = str_n(mem_dup(buf_str(&one)), one.n);
    }
    for (size_t i = own; i < n; i++) {
        str a = piece[chance((uint32_t)own)], b = piece[chance(5000)];
        buf_reset(&pair);
        buf_add(&pair, a);
        buf_add(&pair, b);
        piece[i] = str_n(mem_dup(buf_str(&pair)), pair.n);
    }
    *vocab = n;
    *eos = (uint32_t)n - 1;
    double from = now_us();
    struct grammar_tokens *out = grammar_tokens_from(piece, n, eos, 1);
    printf("vocabulary of %zu tokens as a trie in %.0f ms\n", n, (now_us() - from) * 1e-3);
    for (size_t i = 0; i < n; i++) mem_free((char *)(uintptr_t)piece[i].p);
    mem_free(piece);
    buf_deinit(&one);
    buf_deinit(&pair);
    return out;
}

int main(int argc, char **argv)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},"
        "\"email\":{\"type\":\"string\",\"format\":\"email\"},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":30},\"maxItems\":5},"
        "\"address\":{\"type\":\"object\",\"properties\":{\"street\":{\"type\":\"string\"},\"city\":{\"enum\":[\"Berlin\",\"Paris\",\"Rome\"]}},"
        "\"required\":[\"street\",\"city\"]}},\"required\":[\"name\",\"age\",\"tags\",\"address\"]}";
    struct tokenizer *t;
    struct grammar *g;
    struct err e;
    size_t vocab = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    uint32_t eos;
    if (argc < 2 || !tokenizer_open(argv[1], NULL, &t, &e)) {
        fprintf(stderr, "usage: grammar_bench DIR [TOKENS]\n");
        return 2;
    }
    struct grammar_tokens *tokens = vocabulary(t, &vocab, &eos);
    double from = now_us();
    if (!grammar_from_json_schema(str_c(schema), &g, &e)) return 1;
    printf("schema compiled in %.0f us\n", now_us() - from);
    walk("schema", g, tokens, vocab, eos);
    grammar_free(g);
    if (!grammar_from_json_object(&g, &e)) return 1;
    walk("json object", g, tokens, vocab, eos);
    grammar_free(g);
    grammar_tokens_free(tokens);
    tokenizer_free(t);
    return 0;
}
