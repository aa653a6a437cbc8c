/* dataset/scan.h - rows that answer a question: looked at one by one, from the first, within bounds of work and time.  No index is made:
 * what lies behind the bounds is not looked at, and the answer says so. */
#ifndef DATASET_SCAN_H
#define DATASET_SCAN_H

#include "dataset/where.h"

enum { SCAN_MS_MAX = 8000, SCAN_FOUND_MAX = 1000000 };
#define SCAN_BYTES_MAX ((uint64_t)4 << 30)

struct dataset_scan {
    const size_t *column; /* what is read of each row */
    size_t columns_count;
    bool (*may_match)(void *ctx, const struct parquet *p, size_t group, struct arena *a); /* NULL: any group may */
    bool (*take)(void *ctx, uint64_t row, const struct json *const *value); /* false: enough */
    void *ctx;
    bool is_partial;      /* out: not all rows were looked at */
};
bool dataset_scan(struct dataset_table *t, struct dataset_scan *s, struct err *e);

/* A page of what was found. */
struct dataset_found {
    uint64_t *row;
    size_t n;
    uint64_t total;
    bool is_partial;
};
struct dataset_window {
    uint64_t offset;
    size_t length;
};
bool dataset_filter(struct dataset_table *t, struct where *w, const struct where_order *order, struct dataset_window window, struct arena *a,
                    struct dataset_found *out, struct err *e);

/* ------------------------------------------------------------------ words (search.c) */

enum { SEARCH_BYTES_MAX = 1000, SEARCH_WORDS_MAX = 16 };
bool dataset_is_searchable(const struct dataset_table *t);
/* Rows that have any of the words in a column of text, best first (BM25). */
bool dataset_search(struct dataset_table *t, str query, struct dataset_window window, struct arena *a, struct dataset_found *out, struct err *e);

#endif
