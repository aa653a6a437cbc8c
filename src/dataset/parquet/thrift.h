/* dataset/parquet/thrift.h - Thrift's compact protocol, read only: what Parquet's footers and page headers are written in.
 *
 *   a struct   fields, each: id delta << 4 | type (delta 0: the id follows as a zigzag varint), value; ended by a 0 byte
 *   a list     count << 4 | type (count 15: it follows as a varint), items
 *   integers   zigzag varints; strings a varint length and bytes; booleans of fields are their type, of lists a byte
 *
 * A reader cannot pass its end: after something malformed `bad` stays set, every read gives 0, and every loop ends. */
#ifndef DATASET_THRIFT_H
#define DATASET_THRIFT_H

#include "base/str.h"

enum thrift_type {
    THRIFT_STOP, THRIFT_TRUE, THRIFT_FALSE, THRIFT_I8, THRIFT_I16, THRIFT_I32, THRIFT_I64, THRIFT_DOUBLE, THRIFT_BINARY, THRIFT_LIST,
    THRIFT_SET, THRIFT_MAP, THRIFT_STRUCT,
};
enum { THRIFT_DEPTH_MAX = 24 };

struct thrift {
    const uint8_t *p, *end;
    bool bad;
    bool is_short; /* bad because the bytes ended: more of them may help */
};

/* A field under way: begin with { 0 } for every struct. */
struct thrift_field {
    int16_t id;
    enum thrift_type type;
};

static inline struct thrift thrift_of(bytes b) { return (struct thrift){ .p = b.p, .end = b.p + b.n }; }
uint64_t thrift_varint(struct thrift *t);
/* To the next field; false at the end of the struct.  The caller reads its value or skips it. */
bool thrift_next(struct thrift *t, struct thrift_field *f);
void thrift_skip(struct thrift *t, enum thrift_type type);
/* The value of a field, whatever type it has: one that is not of the kind asked for is skipped, and gives 0. */
int64_t thrift_get_int(struct thrift *t, const struct thrift_field *f);
bool thrift_get_bool(struct thrift *t, const struct thrift_field *f);
str thrift_get_str(struct thrift *t, const struct thrift_field *f); /* borrowed */
/* Count and type of items; a count that cannot be, because an item takes a byte at least, is bad. */
size_t thrift_list(struct thrift *t, enum thrift_type *item);
size_t thrift_get_list(struct thrift *t, const struct thrift_field *f, enum thrift_type want); /* 0 if it is none */

#endif
