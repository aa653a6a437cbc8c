/* infer/stats.c - see infer/stats.h. */
#include "infer/stats.h"

#include "base/arena.h"

struct stats_model *stats_of(struct stats *s, int64_t repo_id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i]->repo_id == repo_id || s->row[i]->repo_id == STATS_OTHERS) return s->row[i];
    struct stats_model *m = mem_one(struct stats_model);
    m->repo_id = s->n == STATS_MODELS_MAX - 1 ? STATS_OTHERS : repo_id;
    s->row[s->n++] = m;
    return m;
}

void stats_deinit(struct stats *s)
{
    while (s->n) mem_free(s->row[--s->n]);
}

/* TGI's: 0.15 ms, and each half as much again, so dashboards made for it fit. */
double stats_time_bound(size_t i)
{
    double bound = 0.00015;
    while (i--) bound *= 1.5;
    return bound;
}

uint64_t stats_length_bound(size_t i) { return UINT64_C(1) << i; }

void stats_time(struct stats_times *t, int64_t us, uint64_t times)
{
    double s = us > 0 ? (double)us * 1e-6 : 0, bound = stats_time_bound(0);
    size_t i = 0;
    for (; i < STATS_TIMES - 1 && s > bound; i++) bound *= 1.5;
    t->count[i] += times;
    t->sum_s += s * (double)times;
}

void stats_length(struct stats_lengths *l, uint64_t n)
{
    size_t i = 0;
    while (i < STATS_LENGTHS - 1 && n > stats_length_bound(i)) i++;
    l->count[i]++;
    l->sum += n;
}

static void add_times(struct stats_times *sum, const struct stats_times *t)
{
    for (size_t i = 0; i < STATS_TIMES; i++) sum->count[i] += t->count[i];
    sum->sum_s += t->sum_s;
}

static void add_lengths(struct stats_lengths *sum, const struct stats_lengths *l)
{
    for (size_t i = 0; i < STATS_LENGTHS; i++) sum->count[i] += l->count[i];
    sum->sum += l->sum;
}

void stats_add(struct stats_model *sum, const struct stats_model *m)
{
    for (size_t i = 0; i < STATS_OUTCOMES; i++) sum->outcome[i] += m->outcome[i];
    sum->calls += m->calls;
    sum->cold_calls += m->cold_calls;
    sum->starts += m->starts;
    sum->deaths += m->deaths;
    sum->disbelieved += m->disbelieved;
    sum->prompt_tokens += m->prompt_tokens;
    sum->cached_tokens += m->cached_tokens;
    sum->completion_tokens += m->completion_tokens;
    add_times(&sum->duration, &m->duration);
    add_times(&sum->queue, &m->queue);
    add_times(&sum->compute, &m->compute);
    add_times(&sum->per_token, &m->per_token);
    add_times(&sum->first_token, &m->first_token);
    add_times(&sum->between_tokens, &m->between_tokens);
    add_lengths(&sum->input, &m->input);
    add_lengths(&sum->output, &m->output);
}

enum stats_outcome stats_outcome_of(const struct err *why)
{
    switch (why->code) {
    case ERR_INVALID:
    case ERR_UNPROCESSABLE:
    case ERR_TOO_LARGE:
    case ERR_NOT_FOUND:
    case ERR_NOT_BUILT: return STATS_VALIDATION;
    case ERR_BUSY: return STATS_OVERLOADED;
    case ERR_DENIED: return STATS_QUOTA;
    default: return STATS_GENERATION;
    }
}
