/* model/measure.c - see model/measure.h. */
#include "model/measure.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"

enum { STEPS = 8, RUNS_LEAST = 3, RUNS_MOST = 200, TURNS_MOST = 99 };

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

static bool decode_begin(struct job *j, const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, struct err *e)
{
    must(sequences && sequences <= DECODER_ROWS_MAX);
    job_begin(j, d, team, sequences, context + STEPS);
    j->tokens = context;
    for (uint32_t i = 0; i < sequences; i++)
        if (!feed(j, j->kv[i], context, e)) return false;
    return true;
}

bool measure_decode(const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, double budget_s, struct timing *out, struct err *e)
{
    struct job j;
    bool ok = decode_begin(&j, d, team, sequences, context, e);
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
    struct team *team;
    bytes *piece;
    size_t pieces, n; /* bytes of all */
    atomic_uint_fast64_t sum;
};

static uint64_t read_words(const uint8_t *p, size_t n)
{
    uint64_t sum[4] = { 0 };
    for (const uint64_t *w = (const void *)p, *end = w + n / sizeof *w; w < end; w += 16) /* panels are a multiple of 128 bytes, cut at 4096 */
        for (size_t j = 0; j < 16; j++) sum[j % 4] += w[j];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* A part reads its share of all bytes, from one end to the other. */
static void read_share(void *ctx, size_t part, size_t parts)
{
    struct reading *r = ctx;
    size_t first, end, at = 0;
    uint64_t sum = 0;
    team_share(r->n / 4096, part, parts, &first, &end);
    first *= 4096;
    end = part + 1 == parts ? r->n : end * 4096;
    for (size_t i = 0; i < r->pieces && at < end; at += r->piece[i++].n) {
        size_t from = first > at ? first - at : 0, to = end - at < r->piece[i].n ? end - at : r->piece[i].n;
        if (from < to) sum += read_words(r->piece[i].p + from, (to - from) / 128 * 128);
    }
    atomic_fetch_add(&r->sum, sum); /* so that nobody leaves the reading out */
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One turn: a run of steps, and as many passes of the loop. */
static bool turn(struct job *j, struct reading *r, double *step_s, double *pass_s, struct err *e)
{
    double begin = now(CLOCK_MONOTONIC), middle;
    if (!steps(j, e)) return false;
    middle = now(CLOCK_MONOTONIC);
    for (int i = 0; i < STEPS; i++) team_run(r->team, read_share, r);
    *pass_s = (now(CLOCK_MONOTONIC) - middle) / STEPS;
    *step_s = (middle - begin) / STEPS;
    return true;
}

bool measure_sharing(const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, double budget_s, struct sharing *out, struct err *e)
{
    struct job j;
    struct reading r = { .team = team, .pieces = decoder_packed_pieces(d, NULL, 0) };
    double begin = now(CLOCK_MONOTONIC), share[TURNS_MOST], moved = (double)measure_step_bytes(d, sequences, context);
    size_t n = 0;
    r.piece = mem_alloc(r.pieces * sizeof *r.piece);
    decoder_packed_pieces(d, r.piece, r.pieces);
    for (size_t i = 0; i < r.pieces; i++) r.n += r.piece[i].n;
    *out = (struct sharing){ .seconds = 1e30 };
    bool ok = decode_begin(&j, d, team, sequences, context, e);
    while (ok && n < TURNS_MOST && (n < RUNS_LEAST || now(CLOCK_MONOTONIC) - begin < budget_s)) {
        double step_s, pass_s;
        if (!(ok = turn(&j, &r, &step_s, &pass_s, e))) break;
        if (step_s < out->seconds) out->seconds = step_s;
        if ((double)r.n / pass_s > out->bandwidth) out->bandwidth = (double)r.n / pass_s;
        share[n++] = moved / step_s / ((double)r.n / pass_s);
    }
    if (ok) {
        qsort(share, n, sizeof *share, by_size);
        out->share = share[n / 2];
    }
    job_end(&j);
    mem_free(r.piece);
    return ok;
}
