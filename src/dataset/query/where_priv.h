/* dataset/query/where_priv.h - a condition as it was parsed. */
#ifndef DATASET_WHERE_PRIV_H
#define DATASET_WHERE_PRIV_H

#include "dataset/query/where.h"

enum op { OP_OR, OP_AND, OP_NOT, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_LIKE, OP_ILIKE, OP_IN, OP_NULL };

struct condition {
    enum op op;
    struct condition *left, *right; /* OP_NOT: left alone */
    struct where_column of;         /* of others than OP_OR, OP_AND and OP_NOT */
    struct where_key *value;        /* OP_IN: several */
    size_t values;
};

#endif
