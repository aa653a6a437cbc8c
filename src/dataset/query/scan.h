/* dataset/query/scan.h - rows that answer a question: all are looked at, from the first, within bounds of work and time.  No index is made:
 * what lies behind the bounds is not looked at, and the answer says so. */
#ifndef DATASET_SCAN_H
#define DATASET_SCAN_H

#include "dataset/query/where.h"

enum { SCAN_MS_MAX = 8000, SCAN_FOUND_MAX = 1000000 };
#define SCAN_BYTES_MAX ((uint64_t)4 << 30)

/* Who asks: he may leave, and then nothing more is read (ERR_CLOSED). */
struct scan_asker {
    bool (*has_left)(void *ctx); /* NULL: he stays */
    void *ctx;
};

/* What is asked of all rows, file by file and row group by row group. */
struct dataset_scan {
    /* Before the first row of a file: the columns that are read of it. */
    void (*begin)(void *ctx, struct dataset_part *p, const struct batch_column **column, size_t *n);
    bool (*may_match)(void *ctx, size_t group); /* NULL: any group may */
    /* A batch; first: the number of its first row in the split.  *is_enough ends the scan. */
    bool (*take)(void *ctx, struct batches *b, uint64_t first, size_t rows, bool *is_enough, struct err *e);
    void *ctx;
    struct scan_asker asker;
    bool is_partial; /* out: not all rows were looked at */
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
bool dataset_filter(struct dataset_table *t, struct where *w, const struct where_order *order, struct dataset_window window, struct scan_asker asker,
                    struct arena *a, struct dataset_found *out, struct err *e);

/* ------------------------------------------------------------------ words (search.c) */

enum { SEARCH_BYTES_MAX = 1000 };
bool dataset_is_searchable(const struct dataset_table *t);
/* Rows that have any of the words in a column of text, best first (BM25). */
bool dataset_search(struct dataset_table *t, str query, struct dataset_window window, struct scan_asker asker, struct arena *a, struct dataset_found *out,
                    struct err *e);

#endif
