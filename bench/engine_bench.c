/* engine_bench.c - what a worker is around, without the worker: the engine of infer/engine/engine.h, given calls as the service gives them.
 *
 *   engine_bench PATH THREADS   a folder or a .gguf file; answers lines, for bench/infer_peer.py:
 *       crowd STREAMS PROMPT NEW SEED   so many calls at once, prompts of PROMPT letters: "seconds of-the-clock of-the-processor tokens" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "infer/engine/engine.h"
#include "model/nn/linear.h"

struct count {
    size_t parts, ends;
};

static void on_counted(void *ctx, uint64_t call, str json) { (void)ctx, (void)call, (void)json; }
static void on_part(void *ctx, uint64_t call, str json)
{
    (void)call, (void)json;
    ((struct count *)ctx)->parts++;
}
static void on_end(void *ctx, uint64_t call, str json)
{
    (void)call, (void)json;
    ((struct count *)ctx)->ends++;
}
static void on_fail(void *ctx, uint64_t call, const struct err *why)
{
    (void)ctx;
    fprintf(stderr, "engine_bench: call %llu: %s\n", (unsigned long long)call, why->msg);
    exit(1);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static double processor_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool crowd(struct engine *g, struct count *count, unsigned streams, unsigned prompt, unsigned new_tokens, uint64_t seed, struct err *e)
{
    int64_t began_us = clock_mono_us();
    double began_s = processor_s();
    bool idle = false, ok = true;
    *count = (struct count){ 0 };
    for (unsigned i = 0; i < streams && ok; i++) {
        struct arena *a = arena_new(0);
        struct buf b = BUF_INIT(0);
        struct json *request;
        buf_addf(&b, "{\"account\":1,\"prompts\":[\"");
        for (unsigned k = 0; k < prompt; k++) buf_byte(&b, (char)('a' + next(&seed) % 26));
        buf_addf(&b, "\"],\"options\":{\"max_new_tokens\":%u,\"min_new_tokens\":%u,\"temperature\":0}}", new_tokens, new_tokens);
        ok = json_parse(buf_str(&b), a, &request, e);
        if (ok) engine_call(g, i + 1, request);
        buf_deinit(&b);
        arena_free(a);
    }
    while (ok && !idle) ok = engine_step(g, &idle, e);
    if (ok) printf("%.6f %.6f %zu\n", (double)(clock_mono_us() - began_us) / 1e6, processor_s() - began_s, count->parts);
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv)
{
    struct count count = { 0 };
    const struct engine_sink sink = { &count, on_counted, on_part, on_end, on_fail };
    struct engine_config config = { .type = LINEAR_NEAREST, .kv_bytes = 512 << 20 };
    struct engine *g;
    struct err e;
    char line[200];
    unsigned streams, prompt, new_tokens;
    unsigned long long seed;
    bool ok = true;
    if (argc != 3) {
        fprintf(stderr, "usage: engine_bench PATH THREADS\n");
        return 2;
    }
    config.threads = strtoul(argv[2], NULL, 10);
    if (!engine_open(argv[1], &config, &sink, &g, &e)) {
        fprintf(stderr, "engine_bench: %s\n", e.msg);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (ok && fgets(line, sizeof line, stdin))
        ok = (sscanf(line, "crowd %u %u %u %llu", &streams, &prompt, &new_tokens, &seed) == 4 || err_set(&e, ERR_INVALID, "what is \"%.40s\"?", line)) &&
             crowd(g, &count, streams, prompt, new_tokens, 2 * seed + 1, &e);
    if (!ok) fprintf(stderr, "engine_bench: %s\n", e.msg);
    engine_close(g);
    return !ok;
}
