/* infer/stats.h - what happened to calls, counted by model since the start: what /metrics shows.
 *
 * A repository that has been called has a row; when there are STATS_MODELS_MAX, further ones share the last row, so that
 * nobody who makes repositories makes what watches the server grow.  Guarded by infer.lock. */
#ifndef INFER_STATS_H
#define INFER_STATS_H

#include "base/err.h"

enum { STATS_MODELS_MAX = 64, STATS_TIMES = 36, STATS_LENGTHS = 19 };
#define STATS_OTHERS INT64_C(-1) /* repo_id of the row that many share */

/* The names are TGI's but for quota: what is not a success is told apart by whose fault it was. */
enum stats_outcome { STATS_SUCCESS, STATS_VALIDATION, STATS_OVERLOADED, STATS_QUOTA, STATS_GENERATION, STATS_DROPPED, STATS_OUTCOMES };

/* Counts of values up to a bound, each value in the first bucket that bears it; the last bucket has no bound. */
struct stats_times { uint64_t count[STATS_TIMES]; double sum_s; };
struct stats_lengths { uint64_t count[STATS_LENGTHS]; uint64_t sum; };

struct stats_model {
    int64_t repo_id;
    uint64_t calls, outcome[STATS_OUTCOMES];
    uint64_t cold_calls, starts, deaths, disbelieved; /* the last: calls whose worker counted more than there can be */
    uint64_t prompt_tokens, cached_tokens, completion_tokens;
    struct stats_times duration, queue, compute, per_token, first_token, between_tokens;
    struct stats_lengths input, output;
};
struct stats {
    struct stats_model *row[STATS_MODELS_MAX];
    size_t n;
};

struct stats_model *stats_of(struct stats *s, int64_t repo_id); /* makes it */
void stats_deinit(struct stats *s);
void stats_time(struct stats_times *t, int64_t us, uint64_t times);
void stats_length(struct stats_lengths *l, uint64_t n);
void stats_add(struct stats_model *sum, const struct stats_model *m);
enum stats_outcome stats_outcome_of(const struct err *why);
double stats_time_bound(size_t i);     /* seconds; of bucket i, which is not the last */
uint64_t stats_length_bound(size_t i);

#endif
