/* sample_bench.c - what a token costs beside the model: from logits to the choice, by processor time.
 *
 *   sample_bench [TOKENS]    a vocabulary of so many, 128000 without */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "model/generate/sampler.h"

enum { STEPS = 200, TEXT = 1000 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static uint64_t seed = 1;
static double chance(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

/* About as a model has them: a broad hill, and a few that stand out. */
static void fill(float *logits, size_t vocab)
{
    for (size_t i = 0; i < vocab; i++) logits[i] = (float)(3 * (chance() + chance() + chance() + chance() - 2) + (chance() < 1e-3 ? 6 + 8 * chance() : 0));
}

static void run(const char *name, const struct sampling *o, const float *logits, size_t vocab, const uint32_t *text, const uint64_t *allowed)
{
    struct sampler *s = sampler_new(o, vocab);
    uint64_t sum = 0;
    double from = now_us();
    for (size_t i = 0; i < STEPS; i++) sum += sampler_next(s, logits + (i & 1) * vocab, text, TEXT, TEXT / 2, allowed);
    printf("%-28s %8.1f us a token (%llu)\n", name, (now_us() - from) / STEPS, (unsigned long long)sum);
    sampler_free(s);
}

int main(int argc, char **argv)
{
    size_t vocab = argc > 1 ? strtoul(argv[1], NULL, 10) : 128000;
    float *logits = mem_alloc(2 * vocab * sizeof *logits);
    uint64_t *allowed = mem_alloc((vocab / 64 + 1) * sizeof *allowed);
    uint32_t text[TEXT], top[20];
    double sum = 0;
    fill(logits, 2 * vocab);
    for (size_t i = 0; i < TEXT; i++) text[i] = (uint32_t)(chance() * (double)vocab);
    for (size_t i = 0; i < vocab; i++) allowed[i / 64] |= (uint64_t)(chance() < 0.9) << (i % 64);
    struct sampling greedy = SAMPLING_DEFAULT, k50 = SAMPLING_DEFAULT;
    greedy.top_k = 0;
    k50.do_sample = true;
    k50.temperature = 0.8F;
    struct sampling all = k50, p95, min_p, typical, punished = k50;
    all.top_k = 0;
    p95 = min_p = typical = all;
    p95.top_p = 0.95F;
    min_p.min_p = 0.05F;
    typical.typical_p = 0.95F;
    punished.repetition_penalty = 1.1F;
    punished.presence = punished.frequency = 0.5F;
    run("greedy", &greedy, logits, vocab, text, NULL);
    run("greedy, by a grammar", &greedy, logits, vocab, text, allowed);
    run("top_k 50", &k50, logits, vocab, text, NULL);
    run("top_k 50, with penalties", &punished, logits, vocab, text, NULL);
    run("top_p 0.95 of all", &p95, logits, vocab, text, NULL);
    run("min_p 0.05 of all", &min_p, logits, vocab, text, NULL);
    run("typical_p 0.95 of all", &typical, logits, vocab, text, NULL);
    run("all", &all, logits, vocab, text, NULL);
    double from = now_us();
    for (size_t i = 0; i < STEPS; i++) sum += logits_log_sum(logits + (i & 1) * vocab, vocab);
    printf("%-28s %8.1f us a token (%.9f)\n", "log-probability", (now_us() - from) / STEPS, sum);
    from = now_us();
    for (size_t i = 0; i < STEPS; i++) logits_top(logits + (i & 1) * vocab, vocab, 20, top), sum += top[19];
    printf("%-28s %8.1f us a token (%.0f)\n", "the 20 likeliest", (now_us() - from) / STEPS, sum);
    mem_free(logits);
    mem_free(allowed);
    return 0;
}
