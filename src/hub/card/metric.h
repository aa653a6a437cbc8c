/* hub/card/metric.h - what a repository says about how good its model is, and two revisions side by side.
 *
 * Two sources: `model-index` of the card (section 22.1 of the sheet), and the newer .eval_results/ files (22.2).  Both
 * become rows.  Texts stay as they were written; a number is read from a value where there is one, never rescaled. */
#ifndef HUB_METRIC_H
#define HUB_METRIC_H

#include "base/arena.h"
#include "base/json.h"
#include "hub/hub.h"
#include "vcs/vcs.h"

enum { METRIC_ROWS_MAX = 500, METRIC_TEXT_MAX = 200, METRIC_FILES_MAX = 32, METRIC_FILE_BYTES_MAX = 256 << 10 };

struct metric_row {
    str task, dataset, dataset_name, config, split, revision; /* empty: not said */
    str metric, name;      /* "accuracy", "Accuracy" */
    str text;              /* the value as it was written, cut to METRIC_TEXT_MAX */
    str source_url, source_name;
    double value, error;   /* error: what stands behind ± */
    bool has_value, has_error;
};
struct metric_list {
    struct metric_row *row; /* METRIC_ROWS_MAX */
    size_t n;
    bool more; /* there were more */
};
void metric_list_init(struct metric_list *l, struct arena *a);
/* What is malformed is passed over: a card is shown as far as it can be. */
void metric_add_card(struct metric_list *l, const struct json *card, struct arena *a);
void metric_add_results(struct metric_list *l, const struct json *entries, struct arena *a);

/* "0.93", "-1e3", "20.0 ± 1.2", "93 %": the number, and its error.  False for anything else, NaN and infinity too. */
bool metric_parse(str text, double *value, double *error, bool *has_error);

/* The same measurement: what was measured, on what, how.  Of the revision of the data nothing is said: see comparable. */
bool metric_same(const struct metric_row *a, const struct metric_row *b);
struct metric_change {
    bool comparable; /* both are numbers, measured on the same revision of the data, as far as it is said */
    double delta;    /* head - base */
    int better;      /* 1, -1, 0: equal or nobody can say */
    int significant; /* 1, 0, or -1: not known; only rows with an error tell */
};
struct metric_change metric_compare(const struct metric_row *base, const struct metric_row *head);

/* All rows of a commit, which the caller has found that it may be seen. */
bool metric_read(struct vcs_repo *git, const struct vcs_oid *commit, struct arena *a, struct metric_list *out, struct err *e);
/* Is there an .eval_results/ folder at the head of main?  From the index. */
bool metric_has_results(struct db_conn *c, int64_t repo_id, bool *yes, struct err *e);

#endif
