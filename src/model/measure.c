/* model/measure.c - see model/measure.h. */
#include "model/measure.h"

#include <string.h>
#include <time.h>

#include "base/map.h"

enum { STEPS = 8, RUNS_LEAST = 3, RUNS_MOST = 200, READ_BYTES = 256 << 20, READ_PARTS = 64 };

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Runs fn as often as the budget allows. */
static bool best_of(bool (*fn)(void *ctx, struct err *e), void *ctx, double budget_s, struct timing *out, struct err *e)
{
    double begin = now(CLOCK_MONOTONIC);
    *out = (struct timing){ 1e30, 1e30 };
    for (int i = 0; i < (budget_s < 0 ? 1 : RUNS_LEAST) || (i < RUNS_MOST && now(CLOCK_MONOTONIC) - begin < budget_s); i++) {
        double clock = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        if (!fn(ctx, e)) return false;
        clock = now(CLOCK_MONOTONIC) - clock;
        cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (clock < out->seconds) out->seconds = clock;
        if (cpu < out->cpu_seconds) out->cpu_seconds = cpu;
    }
    return true;
}

struct job {
    struct decoder_run *run;
    struct kv_pool *pool;
    struct kv **kv;
    uint32_t sequences, vocab, tokens;
};

static void job_end(struct job *j)
{
    for (uint32_t i = 0; i < j->sequences; i++) kv_free(j->kv[i]);
    mem_free(j->kv);
    kv_pool_free(j->pool);
    decoder_run_free(j->run);
}

static void job_begin(struct job *j, const struct decoder *d, struct team *team, uint32_t sequences, uint32_t tokens)
{
    const struct decoder_config *c = decoder_config(d);
    *j = (struct job){ .run = decoder_run_new(d, team), .sequences = sequences, .vocab = c->vocab };
    j->pool = kv_pool_new(c, (size_t)sequences * (tokens / KV_PAGE + 2));
    j->kv = mem_alloc(sequences * sizeof *j->kv);
    for (uint32_t i = 0; i < sequences; i++) j->kv[i] = kv_new(j->pool);
}

/* Any tokens will do. */
static bool feed(struct job *j, struct kv *kv, uint32_t tokens, struct err *e)
{
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
    while (tokens) {
        uint32_t n = tokens < DECODER_ROWS_MAX ? tokens : DECODER_ROWS_MAX;
        for (uint32_t i = 0; i < n; i++) row[i] = (struct decoder_row){ (kv->length + i) * 7919u % j->vocab, kv, i + 1 == n };
        if (!decoder_forward(j->run, row, n, logits, e)) return false;
        tokens -= n;
    }
    return true;
}

static bool prefill(void *ctx, struct err *e)
{
    struct job *j = ctx;
    kv_truncate(j->kv[0], 0);
    return feed(j, j->kv[0], j->tokens, e);
}

bool measure_prefill(const struct decoder *d, struct team *team, uint32_t tokens, double budget_s, struct timing *out, struct err *e)
{
    struct job j;
    job_begin(&j, d, team, 1, tokens);
    j.tokens = tokens;
    bool ok = best_of(prefill, &j, budget_s, out, e);
    job_end(&j);
    return ok;
}

static bool steps(void *ctx, struct err *e)
{
    struct job *j = ctx;
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
    for (uint32_t i = 0; i < j->sequences; i++) kv_truncate(j->kv[i], j->tokens);
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t i = 0; i < j->sequences; i++) row[i] = (struct decoder_row){ (step + i) * 7919u % j->vocab, j->kv[i], true };
        if (!decoder_forward(j->run, row, j->sequences, logits, e)) return false;
    }
    return true;
}

bool measure_decode(const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, double budget_s, struct timing *out, struct err *e)
{
    struct job j;
    bool ok = true;
    must(sequences && sequences <= DECODER_ROWS_MAX);
    job_begin(&j, d, team, sequences, context + STEPS);
    j.tokens = context;
    for (uint32_t i = 0; i < sequences && ok; i++) ok = feed(&j, j.kv[i], context, e);
    ok = ok && best_of(steps, &j, budget_s, out, e);
    job_end(&j);
    out->seconds /= STEPS;
    out->cpu_seconds /= STEPS;
    return ok;
}

uint64_t measure_step_bytes(const struct decoder *d, uint32_t sequences, uint32_t context)
{
    return decoder_step_bytes(d, sequences) + (uint64_t)sequences * context * kv_page_bytes(decoder_config(d)) / KV_PAGE;
}

/* ------------------------------------------------------------------ memory */

struct reading {
    const uint64_t *p;
    size_t n;
    uint64_t sum[READ_PARTS * 8]; /* a line a part */
};

static void read_share(void *ctx, size_t part, size_t parts)
{
    struct reading *r = ctx;
    size_t first, end;
    uint64_t sum[4] = { 0 };
    team_share(r->n / 16, part, parts, &first, &end);
    for (size_t i = first * 16; i < end * 16; i += 16)
        for (size_t j = 0; j < 16; j++) sum[j % 4] += r->p[i + j];
    r->sum[part * 8] = sum[0] + sum[1] + sum[2] + sum[3];
}

struct read_job {
    struct team *team;
    struct reading r;
};
static bool read_all(void *ctx, struct err *e)
{
    struct read_job *j = ctx;
    (void)e;
    team_split(j->team, READ_PARTS, read_share, &j->r);
    return true;
}

bool measure_bandwidth(struct team *team, double budget_s, double *out, struct err *e)
{
    struct read_job j = { .team = team };
    struct timing t;
    void *memory;
    if (!pages_alloc(READ_BYTES, &memory, e)) return false;
    memset(memory, 1, READ_BYTES);
    j.r.p = memory;
    j.r.n = READ_BYTES / sizeof *j.r.p;
    bool ok = best_of(read_all, &j, budget_s, &t, e);
    *out = READ_BYTES / t.seconds;
    pages_free(memory, READ_BYTES);
    return ok;
}
