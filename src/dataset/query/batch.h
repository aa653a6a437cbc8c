/* dataset/query/batch.h - rows of a file in batches: column by column, whatever its format is, and of each batch only the columns that are asked for. */
#ifndef DATASET_BATCH_H
#define DATASET_BATCH_H

#include "dataset/dataset.h"

struct batch_column {
    const struct parquet_node *node;
    size_t column;                   /* of the table, in which it lies */
    str name;                        /* of that */
    const str *member;               /* of the structs on the way to it */
    size_t members;
    bool wants_values;               /* else only whether there is one; lists and structs are JSON */
};
/* Files of Parquet have types of their own, which may be others than the table's: the node becomes that of the file.  False: it has no such column. */
bool batch_column_find(const struct dataset_part *p, struct batch_column *c);

enum { BATCH_ROWS_MAX = PARQUET_PIECE_ROWS_MAX };
struct batches;
size_t batches_groups(const struct dataset_part *p);
bool batches_are_pages(const struct dataset_part *p); /* of Parquet, one row group each; else there is one group */
/* Of all rows of a group.  column and budget are borrowed; the steps of the budget are for one batch. */
struct batches *batches_open(struct dataset_part *p, size_t group, const struct batch_column *column, size_t columns, struct parquet_budget *budget);
void batches_close(struct batches *b); /* NULL is fine */
/* Goes to the next batch; *rows 0: there is none. */
bool batches_next(struct batches *b, size_t *rows, struct err *e);
/* The pieces of column i, in their order; `row` is that of the batch at which a piece begins.  Once for a batch. */
typedef void batch_take(void *ctx, size_t row, const struct parquet_piece *piece);
bool batches_take(struct batches *b, size_t i, batch_take *take, void *ctx, struct err *e);

#endif
