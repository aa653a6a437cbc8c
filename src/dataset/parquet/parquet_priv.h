/* dataset/parquet/parquet_priv.h - what the files of the Parquet reader share. */
#ifndef DATASET_PARQUET_PRIV_H
#define DATASET_PARQUET_PRIV_H

#include "dataset/parquet/parquet.h"
#include "dataset/parquet/thrift.h"

/* ------------------------------------------------------------------ the file (parquet.c, schema.c) */

struct pq_group {
    uint64_t first_row, rows;
    struct thrift chunks; /* at the list of its column chunks: parsed when one is needed */
    struct thrift next;   /* in the list, at the entry of next_leaf; .p NULL: nobody has been there */
    size_t next_leaf;
};
struct parquet_inner {
    const struct parquet_source *source;
    const struct parquet_node **leaf;
    struct pq_group *group;
    uint64_t data_end; /* where the footer begins */
};

enum pq_codec { PQ_NONE, PQ_SNAPPY, PQ_GZIP, PQ_LZO, PQ_BROTLI, PQ_LZ4_HADOOP, PQ_ZSTD, PQ_LZ4 };

struct pq_chunk {
    enum pq_codec codec;
    uint64_t at, end, data_at; /* the first page, which may be a dictionary; the first page of data */
    uint64_t values;           /* levels of all pages: nulls and empty lists count */
    uint64_t index_at, index_n; /* the offset index; 0: there is none */
    str low, high;              /* bounds of its values, as the footer has them; .p NULL: it has none */
};
bool pq_chunk_find(const struct parquet *p, size_t group, size_t leaf, struct pq_chunk *out, struct err *e);

/* From SchemaElements: columns of p, and inner->leaf. */
bool pq_schema_read(struct thrift *t, size_t n, struct arena *a, struct parquet *p, struct err *e);

/* ------------------------------------------------------------------ work that a call may do */

bool pq_spend(uint64_t *budget, uint64_t n, struct err *e);

/* ------------------------------------------------------------------ codecs (codec.c, snappy.c) */

/* Fills out, which is exactly as long as the page says. */
bool pq_unpack(enum pq_codec codec, bytes in, uint8_t *out, size_t n, struct err *e);
bool snappy_unpack(bytes in, uint8_t *out, size_t n);

/* ------------------------------------------------------------------ runs (runs.c)
 * None of these passes its end; after something malformed `bad` stays set and every value is 0. */

/* The hybrid of repeated values and bit-packed groups of 8. */
struct pq_hybrid {
    const uint8_t *p, *end;
    unsigned width; /* bits of a value, up to 32 */
    uint64_t left;  /* of the run under way */
    bool is_packed, bad;
    uint32_t value;       /* of a repeated one */
    const uint8_t *body;  /* of a packed one, up to p */
    uint64_t bit;
};
void pq_hybrid_init(struct pq_hybrid *h, bytes b, unsigned width);
uint32_t pq_hybrid_next(struct pq_hybrid *h);
void pq_hybrid_skip(struct pq_hybrid *h, uint64_t n);
void pq_hybrid_take(struct pq_hybrid *h, size_t n, uint32_t *out);
bool pq_hybrid_repeats(struct pq_hybrid *h, size_t n, uint32_t what); /* are the next n all this, of one run?  Then they are passed */
uint64_t pq_hybrid_count(struct pq_hybrid *h, uint64_t n, uint32_t what); /* skips n; how many of them are it */

/* DELTA_BINARY_PACKED. */
struct pq_delta {
    const uint8_t *p, *end; /* behind all that was begun */
    uint64_t left;          /* values to come */
    uint64_t minis, mini_values;
    uint64_t value, min_delta; /* unsigned: they wrap around */
    const uint8_t *widths, *body;
    uint64_t mini, in_mini; /* the next miniblock of the block; values left of the one under way */
    unsigned width;
    uint64_t bit;
    bool is_first, bad;
};
void pq_delta_init(struct pq_delta *d, bytes b);
int64_t pq_delta_next(struct pq_delta *d);

/* ------------------------------------------------------------------ values of a page (values.c) */

union pq_value {
    int64_t i;  /* PARQUET_BOOLEAN, PARQUET_INT32, PARQUET_INT64 */
    double d;   /* PARQUET_DOUBLE */
    float f;    /* PARQUET_FLOAT */
    bytes b;    /* PARQUET_INT96, PARQUET_BYTES, PARQUET_FIXED: stays until the next value */
};

struct pq_dictionary {
    bytes b;
    uint32_t *at; /* PARQUET_BYTES: where each entry begins; count + 1 of them, the last with its end and no length before it */
    size_t count;
};
bool pq_dictionary_init(struct pq_dictionary *d, const struct parquet_node *leaf, bytes b, size_t count, struct err *e);
void pq_dictionary_end(struct pq_dictionary *d);

enum pq_kind { PQ_FIXED_SIZE, PQ_LENGTH_FIRST, PQ_BITS, PQ_RUNS, PQ_INDEX, PQ_DELTA, PQ_DELTA_LENGTH, PQ_DELTA_BYTES, PQ_SPLIT };
struct pq_values {
    enum pq_kind kind;
    const struct parquet_node *leaf;
    const uint8_t *p, *end;
    size_t size;       /* of a value, where it is fixed */
    uint64_t at, count; /* PQ_BITS, PQ_SPLIT */
    struct pq_hybrid runs;
    struct pq_delta delta, prefix;
    const struct pq_dictionary *dictionary;
    struct buf last;     /* PQ_DELTA_BYTES: the value before; PQ_SPLIT: this one */
    bool bad;
};
/* count: values that are there, at most: nulls have none.  Ended by pq_values_end. */
bool pq_values_init(struct pq_values *v, const struct parquet_node *leaf, int encoding, bytes b, uint64_t count,
                    const struct pq_dictionary *d, struct parquet_budget *budget, struct err *e);
void pq_values_end(struct pq_values *v);
bool pq_values_next(struct pq_values *v, union pq_value *out);
/* The next n, many at a time.  Of numbers and booleans: as integers whose order is theirs (parquet.h). */
bool pq_values_take_ordinals(struct pq_values *v, size_t n, int64_t *out);
bool pq_values_take_bytes(struct pq_values *v, size_t n, str *out, struct arena *a); /* a: for those that stand nowhere whole */
bool pq_values_take_indexes(struct pq_values *v, size_t n, uint32_t *out); /* PQ_INDEX; all are in the dictionary */
/* Entries [0, count) of a dictionary. */
void pq_dictionary_ordinals(const struct pq_dictionary *d, const struct parquet_node *leaf, int64_t *out);
void pq_dictionary_bytes(const struct pq_dictionary *d, const struct parquet_node *leaf, str *out);
int64_t pq_ordinal(const struct parquet_node *leaf, int64_t stored); /* of an integer, or of the bits of a float */
union pq_value pq_value_of(const struct parquet_node *leaf, int64_t ordinal);
bool pq_values_skip(struct pq_values *v, uint64_t n, struct parquet_budget *budget, struct err *e);

/* ------------------------------------------------------------------ one column of one row group (column.c) */

struct pq_column;
bool pq_column_open(struct parquet *p, size_t group, size_t leaf, struct parquet_budget *budget, struct pq_column **out, struct err *e);
void pq_column_close(struct pq_column *c); /* NULL is fine */
bool pq_column_skip(struct pq_column *c, uint64_t rows, struct err *e);
/* The next level of the row under way; *goes_on false once the row is over, and the next call begins the next one.  *v is filled
 * where def says that there is a value. */
struct pq_level {
    uint8_t rep, def;
};
bool pq_column_next(struct pq_column *c, bool is_first, struct pq_level *out, union pq_value *v, bool *goes_on, struct err *e);

/* Up to rows_max rows of a column in no list, all of one page: which have a definition level of def_min at least, and how many have a
 * value, which are to be taken or skipped before the next call.  Of lists (and what lies in them): by the first level of each row; they are
 * passed. */
struct pq_stretch {
    size_t rows, n;
    bool is_full;             /* all are there; is_there is not filled */
    struct pq_values *values; /* NULL: of a list */
};
bool pq_column_stretch(struct pq_column *c, unsigned def_min, size_t rows_max, uint8_t *is_there, struct pq_stretch *out, struct err *e);

/* ------------------------------------------------------------------ values as JSON (json.c) */

struct json *pq_json(const struct parquet_node *leaf, const union pq_value *v, const struct parquet_options *o, struct arena *a, struct err *e);
struct json *pq_json_new(struct arena *a, enum json_type type, struct err *e); /* NULL past the arena's limit */
#define PQ_CUT "\xe2\x80\xa6" /* … */

#endif
