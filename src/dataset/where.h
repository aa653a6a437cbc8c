/* dataset/where.h - conditions on rows and their order, in a small part of SQL:
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

#include "dataset/dataset.h"

enum { WHERE_BYTES_MAX = 4000, WHERE_DEPTH_MAX = 32, WHERE_COLUMNS_MAX = 100 };

struct where_column {
    size_t column;                  /* of the table */
    const struct parquet_node *node; /* what the path ends at */
    str *member;                    /* of the structs on the way */
    size_t members;
};
struct where {
    struct condition *root;         /* NULL: all rows match */
    size_t column[WHERE_COLUMNS_MAX]; /* of the table: those that have to be read */
    size_t columns_count;
    uint64_t steps_left;            /* of LIKE */
};

/* ERR_UNPROCESSABLE says what is wrong, and where.  An empty text matches all. */
bool where_parse(str text, const struct dataset_table *t, struct arena *a, struct where *out, struct err *e);
/* value[i] is that of column[i]. */
bool where_matches(struct where *w, const struct json *const *value);
/* Can a row of the group match, as far as the file tells the bounds of its columns? */
bool where_may_match(const struct where *w, const struct parquet *p, size_t group, struct arena *a);

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
void where_key_of(const struct where_column *c, const struct json *value, struct where_key *out);
int where_key_cmp(const struct where_key *x, const struct where_key *y);

#endif
