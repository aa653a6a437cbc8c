/* encoder_bench.c - texts to vectors with a repository of sentence-transformers, for bench/encoder_peer.py.
 *
 *   encoder_bench DIR TYPE THREADS TEXTS    TEXTS: a file with a text on each line; f32, bf16, q8 or q4
 *
 * Loads, then answers lines: "run SECONDS": the best of the runs that fit, three at least, in seconds of the clock and
 * of all processors; a run makes tokens of all texts, sends them through together and pools.  "vectors": numbers, a
 * line a text.  "parts": seconds of the clock for tokens, encoder, pooling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/os.h"
#include "model/encoder/sentence.h"

enum { TEXTS_MAX = 4096 };

struct bench {
    struct source *source;
    struct team *team;
    struct encoder *m;
    struct encoder_run *run;
    struct sentence *sentence;
    struct tokenizer *tokenizer;
    struct token_encoder *encoder;
    str text[TEXTS_MAX];
    struct encoding x[TEXTS_MAX];
    struct encoder_text tokens[TEXTS_MAX];
    size_t n;
    float *vector;
    double parts[3];
};

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static bool run_once(struct bench *b, struct err *e)
{
    struct token_truncation cut = { .length_max = sentence_config(b->sentence)->tokens_max,
                                    .cut = TOKEN_LONGEST_FIRST };
    struct token_options o = { .truncation = cut.length_max ? &cut : NULL,
                               .no_truncation = !cut.length_max,
                               .no_padding = true };
    struct encoder_rows hidden;
    int64_t began = clock_mono_us();
    for (size_t i = 0; i < b->n; i++) {
        if (!token_encode(b->encoder, b->text[i], &o, &b->x[i], e)) return false;
        b->tokens[i] = (struct encoder_text){ b->x[i].id, NULL, b->x[i].n };
    }
    int64_t tokens = clock_mono_us();
    if (!encoder_forward(b->run, b->tokens, b->n, &hidden, e)) return false;
    int64_t forward = clock_mono_us();
    if (!sentence_pool(b->sentence, b->tokens, b->n, &hidden, 0, b->vector, e)) return false;
    b->parts[0] = (double)(tokens - began) * 1e-6;
    b->parts[1] = (double)(forward - tokens) * 1e-6;
    b->parts[2] = (double)(clock_mono_us() - forward) * 1e-6;
    return true;
}

static bool measure(struct bench *b, double seconds, struct err *e)
{
    double best = 1e9, best_cpu = 1e9, spent = 0;
    for (int i = 0; i < 3 || spent < seconds; i++) {
        int64_t began = clock_mono_us();
        double cpu = cpu_seconds();
        if (!run_once(b, e)) return false;
        cpu = cpu_seconds() - cpu;
        double wall = (double)(clock_mono_us() - began) * 1e-6;
        spent += wall;
        if (wall < best) best = wall;
        if (cpu < best_cpu) best_cpu = cpu;
    }
    size_t tokens = 0;
    for (size_t i = 0; i < b->n; i++) tokens += b->tokens[i].n;
    printf("%.6f %.6f %zu\n", best, best_cpu, tokens);
    return true;
}

static bool answer(struct bench *b, const char *line, struct err *e)
{
    double seconds;
    if (sscanf(line, "run %lf", &seconds) == 1) return measure(b, seconds, e);
    if (!run_once(b, e)) return false;
    if (strncmp(line, "parts", 5) == 0)
        printf("tokens %.6f encoder %.6f pooling %.6f\n", b->parts[0], b->parts[1], b->parts[2]);
    else
        for (size_t i = 0; i < b->n; i++)
            for (size_t j = 0, w = sentence_width(b->sentence); j < w; j++)
                printf("%.7g%c", (double)b->vector[i * w + j], j + 1 < w ? ' ' : '\n');
    return true;
}

static bool load(struct bench *b, const char *const *argument, struct err *e)
{
    static const char *const types[] = { "f32", "bf16", "q8", "q4m", "q4" };
    enum kernel_type type = KERNEL_TYPES;
    const struct weights *weights;
    char *text;
    size_t n;
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(argument[1], types[i]) == 0) type = (enum kernel_type)i;
    if (type == KERNEL_TYPES) return err_set(e, ERR_INVALID, "a type is f32, bf16, q8 or q4");
    b->team = team_new((size_t)strtoul(argument[2], NULL, 10));
    if (!source_open(argument[0], &b->source, e) || !source_weights(b->source, &weights, e) ||
        !source_tokenizer(b->source, NULL, &b->tokenizer, e) ||
        !encoder_open(source_config(b->source), weights, HEAD_NONE, type, NULL, b->team, &b->m, e) ||
        !sentence_open(b->source, encoder_config(b->m)->hidden, type, b->team, &b->sentence, e) ||
        !os_read_file(argument[3], 64 << 20, &text, &n, e))
        return false;
    if (!b->sentence) return err_set(e, ERR_INVALID, "%s has no modules.json", argument[0]);
    str rest = str_n(text, n), line;
    while (b->n < TEXTS_MAX && str_cut(&rest, '\n', &line))
        if (line.n) b->text[b->n++] = line;
    b->encoder = token_encoder_new(b->tokenizer);
    b->run = encoder_run_new(b->m, b->team);
    b->vector = mem_alloc((b->n + 1) * sentence_width(b->sentence) * sizeof *b->vector);
    return true;
}

int main(int argc, char **argv)
{
    struct bench *b = mem_one(struct bench);
    struct err e;
    char line[256];
    if (argc != 5) return fprintf(stderr, "usage: encoder_bench DIR TYPE THREADS TEXTS\n"), 2;
    bool ok = load(b, (const char *const *)argv + 1, &e);
    if (ok) printf("ready\n");
    while (ok && fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) ok = answer(b, line, &e);
    if (!ok) fprintf(stderr, "encoder_bench: %s\n", e.msg);
    return !ok;
}
