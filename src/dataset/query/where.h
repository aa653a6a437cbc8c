/* dataset/query/where.h - conditions on rows and their order, in a small part of SQL:
 *
 *     "age" >= 18 AND ("city" IN ('Brno', 'Oslo') OR NOT "name" LIKE 'A%') AND "meta"."year" IS NOT NULL
 *
 * Columns stand in double quotes, or bare where they are words; members of structs behind a point.  Comparisons: = <> != < <= > >=,
 * LIKE, ILIKE (% and _), IN, BETWEEN, IS NULL; NOT before a condition, or before LIKE, ILIKE, IN, BETWEEN and NULL; AND binds more than OR.
 * Truth has three values, as in SQL: what is compared with null is unknown, and unknown does not match.
 *
 * A condition is a stranger's text: length, depth and number of its parts are bounded, and so are the steps of LIKE. */
#ifndef DATASET_WHERE_H
#define DATASET_WHERE_H

#include "dataset/query/batch.h"

enum { WHERE_BYTES_MAX = 4000, WHERE_DEPTH_MAX = 32, WHERE_COLUMNS_MAX = 100 };

struct where_column {
    size_t column;                  /* of the table */
    str name;                       /* its own */
    const struct parquet_node *node; /* what the path ends at */
    str *member;                    /* of the structs on the way */
    size_t members;
};
struct where {
    struct condition *root;         /* NULL: all rows match */
    size_t column[WHERE_COLUMNS_MAX]; /* of the table: those that are named */
    size_t columns_count;
    uint64_t steps_left;            /* of LIKE */
};

/* ERR_UNPROCESSABLE says what is wrong, and where.  An empty text matches all. */
bool where_parse(str text, const struct dataset_table *t, struct arena *a, struct where *out, struct err *e);

struct where_order {
    bool is_asked, is_descending;
    struct where_column by;
};
/* `"column"`, with ASC or DESC behind it. */
bool where_order_parse(str text, const struct dataset_table *t, struct arena *a, struct where_order *out, struct err *e);

/* Values in order; null is behind all others, whatever the direction. */
struct where_key {
    bool is_null, is_text;
    long double number; /* holds any integer of 64 bits */
    str text;           /* borrowed from the value */
};
/* How values of a column are compared. */
enum where_class { WHERE_NUMBERS, WHERE_TEXTS, WHERE_BOOLEANS, WHERE_OTHERS };
enum where_class where_class_of(const struct parquet_node *n);
void where_key_of(enum where_class class, const struct json *value, struct where_key *out);
/* Of the i-th value of a leaf.  What has to be made for it lies in the arena, or is NULL: then it is null. */
void where_key_at(enum where_class class, const struct parquet_node *leaf, const struct parquet_vector *v, size_t i, struct arena *a, struct where_key *out);
int where_key_cmp(const struct where_key *x, const struct where_key *y);

/* ------------------------------------------------------------------ asked of the rows of a file (where_ask.c) */

struct where_asked;
/* All lies in the arena.  Columns are those of the file, which may be of other types than those of the first one. */
struct where_asked *where_ask(struct where *w, const struct dataset_part *p, struct arena *a);
const struct batch_column *where_columns(const struct where_asked *q, size_t *n);
/* Can a row of the row group match, as far as the file tells the bounds of its columns? */
bool where_may_match(const struct where_asked *q, size_t group);
/* Of each row of the batch under way: does it match?  Columns that no longer matter are not read.  *truth is borrowed until the next call. */
enum { WHERE_NO, WHERE_UNKNOWN, WHERE_YES };
bool where_answer(struct where_asked *q, struct batches *b, size_t rows, const uint8_t **truth, struct err *e);

#endif
