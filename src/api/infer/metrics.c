/* api/infer/metrics.c - calls of models on /metrics, by model.
 *
 * What TGI has a name for keeps it, so that dashboards made for TGI fit; times are in seconds.  A model is named to those who may see its
 * repository: to everybody the public ones, to an administrator's token all.  What the reader may not see is added up as "(private)",
 * what was called beyond STATS_MODELS_MAX as "(others)". */
#include <stddef.h>

#include "api/api_priv.h"
#include "api/infer/infer_api.h"

struct shown {
    str model; /* escaped */
    struct infer_stat s;
};

/* ------------------------------------------------------------------ rows, by what the reader may see */

static void merge(struct infer_stat *sum, const struct infer_stat *s)
{
    stats_add(&sum->counted, &s->counted);
    sum->running += s->running;
    sum->waiting += s->waiting;
    for (size_t i = 0; i < COUNT(s->workers); i++) sum->workers[i] += s->workers[i];
    sum->claimed_bytes += s->claimed_bytes;
    sum->resident_bytes += s->resident_bytes;
}

/* .p NULL: he may not see it, or it is gone. */
static str name_for(struct call *c, int64_t repo_id)
{
    struct repo repo;
    struct err ignored;
    if (repo_id == STATS_OTHERS) return STR("(others)");
    bool sees = repo_get(call_db(c), repo_id, &repo, c->a, &ignored) && repo_allow(call_db(c), &c->who, &repo, REPO_SEE, &ignored);
    return sees ? repo.full_name : (str){ 0 }; /* names have nothing that a label must escape */
}

static struct shown *rows_for(struct call *c, size_t *n)
{
    struct infer_stat *all;
    struct shown private = { .model = STR("(private)") };
    size_t count, hidden = 0;
    infer_stats(c->api->config.infer, c->a, &all, &count);
    struct shown *out = arena_alloc(c->a, (count + 1) * sizeof *out);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        str name = name_for(c, all[i].counted.repo_id);
        if (name.p) out[(*n)++] = (struct shown){ name, all[i] };
        else merge(&private.s, &all[i]), hidden++;
    }
    if (hidden) out[(*n)++] = private;
    return out;
}

/* ------------------------------------------------------------------ numbers */

static const struct {
    const char *name, *kind, *help;
    size_t at;
} number[] = {
#define AT(member) offsetof(struct infer_stat, member)
    { "tgi_request_count", "counter", "Calls that came, by model", AT(counted.calls) },
    { "tgi_request_success", "counter", "Calls that were answered, by model", AT(counted.outcome[STATS_SUCCESS]) },
    { "tgi_queue_size", "gauge", "Calls that wait for a worker, by model", AT(waiting) },
    { "tgi_batch_current_size", "gauge", "Calls that a worker has, by model", AT(running) },
    { "hearth_inference_prompt_tokens_total", "counter", "Tokens read, by model", AT(counted.prompt_tokens) },
    { "hearth_inference_cached_tokens_total", "counter", "Of these, tokens that had been computed before, by model", AT(counted.cached_tokens) },
    { "hearth_inference_generated_tokens_total", "counter", "Tokens written, by model", AT(counted.completion_tokens) },
    { "hearth_inference_cold_calls_total", "counter", "Calls that came when no worker was ready, by model", AT(counted.cold_calls) },
    { "hearth_inference_worker_starts_total", "counter", "Workers started, by model", AT(counted.starts) },
    { "hearth_inference_worker_failures_total", "counter", "Workers that could not load their model, or died, by model", AT(counted.deaths) },
    { "hearth_inference_miscounted_calls_total", "counter", "Calls whose worker counted more than there can be, by model", AT(counted.disbelieved) },
    { "hearth_inference_worker_claimed_bytes", "gauge", "Memory for models that workers are counted with, by model", AT(claimed_bytes) },
    { "hearth_inference_worker_resident_bytes", "gauge", "Memory that workers have, what they map included, by model", AT(resident_bytes) },
};
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "all numbers are read as one type");

static void write_head(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void write_numbers(struct buf *out, const struct shown *row, size_t n)
{
    for (size_t k = 0; k < COUNT(number); k++) {
        write_head(out, number[k].name, number[k].kind, number[k].help);
        for (size_t i = 0; i < n; i++) {
            uint64_t value = *(const uint64_t *)(const void *)((const char *)&row[i].s + number[k].at);
            buf_addf(out, "%s{model=\"%.*s\"} %llu\n", number[k].name, STR_ARG(row[i].model), (unsigned long long)value);
        }
    }
}

static void write_failures(struct buf *out, const struct shown *row, size_t n)
{
    static const char *const names[STATS_OUTCOMES] = { [STATS_VALIDATION] = "validation", [STATS_OVERLOADED] = "overloaded", [STATS_QUOTA] = "quota",
                                                       [STATS_GENERATION] = "generation", [STATS_DROPPED] = "dropped" };
    write_head(out, "tgi_request_failure", "counter", "Calls that were not answered, by model and reason; dropped: the client went away");
    for (size_t i = 0; i < n; i++)
        for (int o = STATS_SUCCESS + 1; o < STATS_OUTCOMES; o++)
            buf_addf(out, "tgi_request_failure{model=\"%.*s\",err=\"%s\"} %llu\n", STR_ARG(row[i].model), names[o], (unsigned long long)row[i].s.counted.outcome[o]);
}

static void write_workers(struct buf *out, const struct shown *row, size_t n)
{
    static const char *const names[] = { [INFER_COLD] = "cold", [INFER_STARTING] = "starting", [INFER_READY] = "ready", [INFER_STOPPING] = "stopping", [INFER_FAILED] = "failed" };
    write_head(out, "hearth_inference_workers", "gauge", "Models called within the hour, by the state of their worker");
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < COUNT(names); s++)
            buf_addf(out, "hearth_inference_workers{model=\"%.*s\",state=\"%s\"} %zu\n", STR_ARG(row[i].model), names[s], row[i].s.workers[s]);
}

/* ------------------------------------------------------------------ histograms */

static const struct {
    const char *name, *help;
    size_t at;
} times[] = {
    { "tgi_request_duration", "From a call's arrival to its end", AT(counted.duration) },
    { "tgi_request_queue_duration", "Waiting for a worker, and for room in it", AT(counted.queue) },
    { "tgi_request_inference_duration", "Being worked on, beside others", AT(counted.compute) },
    { "tgi_request_mean_time_per_token_duration", "The same for each token written, in the mean of a call", AT(counted.per_token) },
    { "hearth_inference_time_to_first_token", "From a call's arrival to its first token", AT(counted.first_token) },
    { "hearth_inference_inter_token_latency", "Between two tokens of a text", AT(counted.between_tokens) },
};
static const struct {
    const char *name, *help;
    size_t at;
} lengths[] = {
    { "tgi_request_input_length", "Tokens read by a call", AT(counted.input) },
    { "tgi_request_generated_tokens", "Tokens written by a call", AT(counted.output) },
};

static void write_tail(struct buf *out, const char *name, str model, uint64_t count, double sum)
{
    buf_addf(out, "%s_bucket{model=\"%.*s\",le=\"+Inf\"} %llu\n%s_sum{model=\"%.*s\"} %.9g\n%s_count{model=\"%.*s\"} %llu\n", name, STR_ARG(model),
             (unsigned long long)count, name, STR_ARG(model), sum, name, STR_ARG(model), (unsigned long long)count);
}

static void write_times(struct buf *out, const char *name, str model, const struct stats_times *t)
{
    uint64_t so_far = 0;
    for (size_t i = 0; i < STATS_TIMES - 1; i++) {
        so_far += t->count[i];
        buf_addf(out, "%s_bucket{model=\"%.*s\",le=\"%.6g\"} %llu\n", name, STR_ARG(model), stats_time_bound(i), (unsigned long long)so_far);
    }
    write_tail(out, name, model, so_far + t->count[STATS_TIMES - 1], t->sum_s);
}

static void write_lengths(struct buf *out, const char *name, str model, const struct stats_lengths *l)
{
    uint64_t so_far = 0;
    for (size_t i = 0; i < STATS_LENGTHS - 1; i++) {
        so_far += l->count[i];
        buf_addf(out, "%s_bucket{model=\"%.*s\",le=\"%llu\"} %llu\n", name, STR_ARG(model), (unsigned long long)stats_length_bound(i), (unsigned long long)so_far);
    }
    write_tail(out, name, model, so_far + l->count[STATS_LENGTHS - 1], (double)l->sum);
}

static void write_histograms(struct buf *out, const struct shown *row, size_t n)
{
    for (size_t k = 0; k < COUNT(times); k++) {
        write_head(out, times[k].name, "histogram", times[k].help);
        for (size_t i = 0; i < n; i++)
            write_times(out, times[k].name, row[i].model, (const struct stats_times *)(const void *)((const char *)&row[i].s + times[k].at));
    }
    for (size_t k = 0; k < COUNT(lengths); k++) {
        write_head(out, lengths[k].name, "histogram", lengths[k].help);
        for (size_t i = 0; i < n; i++)
            write_lengths(out, lengths[k].name, row[i].model, (const struct stats_lengths *)(const void *)((const char *)&row[i].s + lengths[k].at));
    }
}

bool infer_metrics(struct call *c, struct buf *out, struct err *e)
{
    size_t n;
    struct shown *row = rows_for(c, &n);
    write_head(out, "hearth_inference_memory_bytes", "gauge", "What all workers together may take");
    buf_addf(out, "hearth_inference_memory_bytes %llu\n", (unsigned long long)infer_memory(c->api->config.infer));
    write_numbers(out, row, n);
    write_failures(out, row, n);
    write_workers(out, row, n);
    write_histograms(out, row, n);
    return !out->failed || err_set(e, ERR_TOO_LARGE, "the metrics are too long");
}
