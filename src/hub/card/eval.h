/* hub/card/eval.h - results of benchmarks: what a model's repository states in .eval_results/, and the leaderboards that the
 * results of all models make.
 *
 * Section 22.2 of the sheet.  A benchmark is a data set with an eval.yaml, whose tasks have ids; a result names the data set,
 * the task and a number.  The index keeps both: the results as rows (eval_result), the tasks in the row of the data set.
 * What a file says must be right as a whole: of one that is not, its name and the reason are shown, and no result. */
#ifndef HUB_EVAL_H
#define HUB_EVAL_H

#include "hub/index/facts.h"

enum { EVAL_ENTRIES_MAX = 500, EVAL_FILE_BYTES_MAX = 256 << 10, EVAL_TASKS_MAX = 200, EVAL_TEXT_MAX = 500 };

struct eval_entry {
    str filename;
    str dataset, task;        /* dataset.n 0: the file is malformed, and `shown` says why */
    double value;
    const struct json *shown; /* as model info shows it: {"dataset", "value", ...} or {"filename", "error"} */
};

/* From files at the head of main; in the order of the files. */
void eval_results_read(const struct facts_source *from, const struct facts_scan *s, struct arena *a, struct eval_entry **out, size_t *n);
void eval_results_parse(str filename, str yaml, struct arena *a, struct eval_entry *out, size_t room, size_t *n); /* one file; adds to *n */
/* Of a data set: {"name"?, "description"?, "tasks": [{"id", "lower_is_better"}]}, or NULL where there is no eval.yaml that can be read. */
const struct json *eval_benchmark_read(const struct facts_source *from, const struct facts_scan *s, struct arena *a);
const struct json *eval_benchmark_parse(str yaml, struct arena *a);

/* Is there an eval.yaml at the head of main, whatever it says?  From the index. */
bool eval_is_benchmark(struct db_conn *c, int64_t repo_id, bool *yes, struct err *e);

/* Replaces the rows of a repository. */
bool eval_results_write(struct db_conn *tx, int64_t repo_id, const struct eval_entry *entry, size_t n, struct err *e);
/* Calls fn with each `shown`, as JSON text. */
bool eval_results_each(struct db_conn *c, int64_t repo_id, void (*fn)(void *ctx, str shown), void *ctx, struct err *e);

struct leaderboard_query {
    const struct identity *who;
    str dataset, task;    /* as the data set is called now */
    bool lower_is_better;
    bool roots_alone;     /* no model whose card names a base_model */
    uint64_t parameters_max; /* 0: any; else only models whose number is known */
};
struct leaderboard_row {
    struct repo repo;     /* of the model */
    str owner_fullname, filename;
    double value;
    int64_t parameters;   /* 0: unknown */
    const struct json *entry;
};
enum { LEADERBOARD_ROWS_MAX = 500 };
/* Of the models whose files the asker may read; the best first. */
bool eval_leaderboard(struct db_conn *c, const struct leaderboard_query *q, struct arena *a, struct leaderboard_row **out, size_t *n, struct err *e);

#endif
