/* api/viewer/viewer_api.h - the dataset viewer's API: what the public hub serves at datasets-server.huggingface.co.
 *
 * The routes stand under /datasets-server/, and a host called "datasets-server." before ours is that folder (api/call.c), which is
 * where the `datasets` library looks. Nothing is computed ahead: each answer is read from the head of main, and says so in
 * X-Revision. Files of Parquet, CSV, JSON, text and media are served; a data set of other formats is told apart by 501, and one that has both by "partial". */
#ifndef API_VIEWER_VIEWER_API_H
#define API_VIEWER_VIEWER_API_H

#include "api/api.h"
#include "dataset/query/scan.h"

extern const struct api_table viewer_fact_table, viewer_row_table, viewer_parquet_table, viewer_statistics_table, viewer_query_table, viewer_croissant_table;

enum {
    VIEWER_COLUMNS_MAX = 1000,
    VIEWER_OPENING_MS_MAX = 10000,       /* of one answer about many splits: files of text are read as they are opened */
    VIEWER_MEDIA_BYTES_MAX = 64 << 20,   /* of one picture or sound */
};

/* What a data set has, at the head of main. */
struct viewer {
    str sha;
    struct dataset_files files;
    struct dataset_split *split;
    size_t n;
};
/* Adds X-Revision. A data set without files that can be read as rows has no splits. */
bool viewer_load(struct call *c, struct viewer *out, struct err *e);
/* The same, where that is a refusal. */
bool viewer_load_rows(struct call *c, struct viewer *out, struct err *e);

/* A parameter that must be there. */
bool viewer_need(struct call *c, const char *name, str *out, struct err *e);
/* The splits of a configuration, which stand side by side; config empty: all. */
bool viewer_config(const struct viewer *v, str config, const struct dataset_split **first, size_t *n, struct err *e);
/* The one that "config" and "split" name. */
bool viewer_split(struct call *c, const struct viewer *v, const struct dataset_split **out, struct err *e);
/* Opens its files. */
bool viewer_open(struct call *c, const struct dataset_split *s, struct arena *a, struct dataset_table *out, struct err *e);

/* "offset" and "length": the page that is asked for. */
enum { VIEWER_ROWS_MAX = 100 };
bool viewer_window(struct call *c, struct dataset_window *out, struct err *e);
/* Writes the answer of /rows for rows that were found: in their order, with the numbers that they have. */
bool viewer_write_found(struct call *c, const struct viewer *v, struct dataset_table *t, const struct dataset_found *found, struct arena *a, struct buf *out,
                        struct err *e);

/* Where a file can be fetched: at this very revision. */
void viewer_file_url(struct call *c, struct buf *out, const struct viewer *v, str path);

#endif
