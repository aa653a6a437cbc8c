/* infer/meter/usage.h - what was called, added up. */
#ifndef INFER_USAGE_H
#define INFER_USAGE_H

#include "base/buf.h"
#include "db/db.h"

enum { USAGE_BY_DAY = 1, USAGE_BY_MODEL = 2, USAGE_BY_TOKEN = 4, USAGE_BY_ACCOUNT = 8 };
/* "day,model,token,account", some of them, or "". */
bool usage_by_parse(str list, unsigned *by, struct err *e);

struct usage_row {
    int64_t day;        /* -1 when not grouped by it; so the others: .p NULL */
    str model, account;
    str token;          /* its label, or "(none)" */
    int64_t requests, errors, prompt_tokens, cached_tokens, completion_tokens, compute_us, cost, allowance;
};
struct usage_question {
    int64_t account_id;       /* 0: all */
    int64_t first_day, last_day; /* since 1970-01-01, inclusive */
    unsigned by;              /* a set of the above; 0: one row in all */
};
enum { USAGE_ROWS_MAX = 100000 };
bool usage_report(struct db_conn *c, const struct usage_question *q, struct arena *a, struct usage_row **out, size_t *n, struct err *e);

/* What one call cost, in nano-USD; *found false: there was none, or it was another's. */
bool usage_cost(struct db_conn *c, str request_id, int64_t user_id, int64_t *cost, bool *found, struct err *e);

/* How fast a model ran in its latest calls, none of them before `since_ms`: tokens per second of computing; 0: it was not called. */
struct usage_speed {
    double written_per_s, read_per_s; /* of calls that wrote something, and of calls that only read */
};
bool usage_speed(struct db_conn *c, str model, int64_t since_ms, struct usage_speed *out, struct err *e);

/* Rows of usage_report, with a line of names; `by` as it was asked.  Texts are quoted, and one that a spreadsheet would take for a
 * formula begins with an apostrophe. */
void usage_csv(const struct usage_row *row, size_t n, unsigned by, struct buf *out);

/* "2026-11-21"; *day since 1970-01-01. */
bool usage_day_parse(str text, int64_t *day, struct err *e);
str usage_day_text(int64_t day, struct arena *a);

#endif
