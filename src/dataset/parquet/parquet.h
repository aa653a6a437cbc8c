/* dataset/parquet/parquet.h - reads Parquet files: the format alone, over any bytes that can be read by range.
 *
 *   parquet_open   reads the footer: schema, row groups, metadata.  Nothing else of the file is read.
 *   parquet_read   rows [first, first + n) of chosen columns as JSON values.  Of each column it reads the dictionary and the pages
 *                  in which these rows lie; the offset index says where they are, else the headers of pages are walked.
 *
 * Files are strangers' work.  Every count and size is checked against what is there before anything is allocated; work (bytes read,
 * bytes unpacked, values stepped over) is bounded per call, values and text per cell.  A column that cannot be read does not take the
 * others with it: it tells its problem.
 *
 * Read: pages v1 and v2; encodings PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY,
 * DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT; codecs none, snappy, gzip, brotli, zstd, lz4, lz4_raw; any nesting.  Refused by name: encrypted
 * files, codec lzo, levels as BIT_PACKED, columns in other files.
 *
 * Not safe for use by two threads at once. */
#ifndef DATASET_PARQUET_H
#define DATASET_PARQUET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum {
    PARQUET_DEPTH_MAX = 32,               /* of the schema */
    PARQUET_NODES_MAX = 20000,            /* elements of the schema */
    PARQUET_FOOTER_BYTES_MAX = 32 << 20,
    PARQUET_PAGE_BYTES_MAX = 128 << 20,   /* unpacked: a page of pictures holds a whole row group of them */
    PARQUET_ROWS_MAX = 20000,             /* of one parquet_read */
};

/* Where the bytes come from.  read fills all n bytes or fails; it is never asked past size_bytes. */
struct parquet_source {
    void *ctx;
    bool (*read)(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e);
    uint64_t size_bytes;
};

enum parquet_shape { PARQUET_LEAF, PARQUET_STRUCT, PARQUET_LIST, PARQUET_MAP };
enum parquet_physical { PARQUET_BOOLEAN, PARQUET_INT32, PARQUET_INT64, PARQUET_INT96, PARQUET_FLOAT, PARQUET_DOUBLE, PARQUET_BYTES, PARQUET_FIXED };
enum parquet_logical {
    PARQUET_PLAIN, PARQUET_STRING, PARQUET_JSON, PARQUET_DECIMAL, PARQUET_DATE, PARQUET_TIME, PARQUET_TIMESTAMP, PARQUET_INTEGER, PARQUET_UUID,
    PARQUET_FLOAT16, PARQUET_INTERVAL, PARQUET_NULL,
    PARQUET_ANY, /* of text files (text.h): any JSON value */
};

/* A column, or a part of one.  The wrappers by which Parquet spells lists and maps are gone: a list has one child, its item; a map
 * two, key and value. */
struct parquet_node {
    str name;
    enum parquet_shape shape;
    bool is_optional;
    uint8_t def;        /* a definition level below this says that there is no such value: null */
    uint8_t item_def;   /* lists and maps: below this, empty */
    uint8_t item_rep;   /* lists and maps: the repetition level of a further item */
    struct parquet_node *child;
    size_t children_count;
    size_t leaf_first, leaf_count; /* the leaves below, itself for a leaf: column chunks in the order of the file */
    /* Of leaves: */
    enum parquet_physical physical;
    enum parquet_logical logical;
    uint32_t width;            /* PARQUET_FIXED: bytes; PARQUET_INTEGER: bits */
    uint32_t scale, precision; /* PARQUET_DECIMAL */
    bool is_signed;            /* PARQUET_INTEGER */
    bool is_utc;               /* PARQUET_TIME, PARQUET_TIMESTAMP */
    uint8_t unit;              /* the same: 3 milliseconds, 6 microseconds, 9 nanoseconds; 0 seconds, of text files */
    uint8_t max_def, max_rep;
};

struct parquet_fact { /* key and value of the footer's metadata */
    str key, value;
};

struct parquet {
    const struct parquet_node *column; /* of the first level */
    size_t columns_count, leaves_count;
    uint64_t rows_count, row_groups_count;
    uint64_t unpacked_bytes; /* of all row groups, as the footer has it */
    const struct parquet_fact *fact;
    size_t facts_count;
    struct parquet_inner *inner; /* what parquet_read needs */
};

/* Everything lies in the arena, whose limit bounds what a hostile footer can take.  The source is borrowed. */
bool parquet_open(const struct parquet_source *source, struct arena *a, struct parquet **out, struct err *e);
bool parquet_fact(const struct parquet *p, str key, str *value);

/* What a call may do: it takes of this as it goes. */
struct parquet_budget {
    uint64_t bytes; /* read and unpacked */
    uint64_t steps; /* values and levels gone through one by one */
    uint64_t held;  /* bytes in memory at once: pages and dictionaries of all columns that are open */
};

/* How values become JSON:
 *   booleans, integers (those above INT64_MAX as text), floats (shortest text that gives the same float; NaN and infinities as
 *   text); decimals, dates, times and timestamps as text ("12.50", "2024-02-29", "2024-02-29T12:00:00.5Z": Z when in UTC); UUIDs as
 *   text; text as it is, cut at text_bytes_max with "…" behind it; binary as "0x…" up to binary_bytes_max bytes, longer "N bytes",
 *   or as the caller writes it.
 *   Structs and maps with text as keys are objects, other maps lists of {"key", "value"}, lists arrays; what a cell
 *   has beyond cell_values_max is left out, and its list ends in "…". */
struct parquet_options {
    size_t text_bytes_max, binary_bytes_max;
    size_t cell_values_max; /* of one leaf of one row */
    uint64_t bytes_max, steps_max; /* work of one call: bytes read and unpacked; values and levels gone through one by one */
    void (*binary)(struct buf *out, bytes b); /* writes binary as text of up to text_bytes_max; more fails.  NULL: as above */
};

struct parquet_cells {
    size_t rows_count;       /* fewer than asked for at the end of the file */
    struct json **cell;      /* rows_count times the columns asked for; NULL where the column has a problem */
    const char **problem;    /* of each column asked for; NULL: it was read */
    uint64_t bytes_spent, steps_spent; /* of what the options allow */
};

/* column: numbers of columns of the first level. */
bool parquet_read(struct parquet *p, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
                  struct arena *a, struct parquet_cells *out, struct err *e);

/* ------------------------------------------------------------------ columns, many values at a time (cursor.c)
 *
 * What is asked of millions of rows is asked of values as they are stored: one leaf of one row group, from its first row on. */

/* Numbers, booleans, dates and times of up to 64 bits are ordinals: integers whose order is that of the values (of floats by their bits:
 * NaN is below -infinity or above infinity).  Text is text, wherever it lies.  All others are JSON, as parquet_read gives them. */
struct parquet_vector {
    const int64_t *ordinal; /* one of these is not NULL */
    const str *text;
    struct json *const *json;
};
struct parquet_piece {
    size_t rows;
    const uint8_t *is_there;     /* 1 or 0 of each row; NULL: all are */
    size_t n;                    /* of them: each has a value */
    const uint32_t *index;       /* NULL: value has n of them; else it is a dictionary, and these are places in it */
    size_t dictionary_n;
    bool is_new;                 /* the dictionary was not in a piece before */
    struct parquet_vector value; /* nothing, where none were asked for */
};
enum { PARQUET_PIECE_ROWS_MAX = 4096 };
/* node: a leaf; of others, and without wants_values, only is_there is told.  p, node and budget are borrowed. */
struct parquet_cursor;
bool parquet_cursor_open(struct parquet *p, size_t group, const struct parquet_node *node, bool wants_values, struct parquet_budget *budget,
                         struct parquet_cursor **out, struct err *e);
void parquet_cursor_close(struct parquet_cursor *c); /* NULL is fine */
bool parquet_cursor_skip(struct parquet_cursor *c, uint64_t rows, struct err *e);
/* The next rows, at least one and at most rows_max: those of one page.  The piece stays until the next call, its dictionary as long
 * as the cursor: there is one at most. */
bool parquet_cursor_take(struct parquet_cursor *c, size_t rows_max, struct parquet_piece *out, struct err *e);
/* An ordinal of the leaf as the value that it stands for; NULL past the arena's limit. */
struct json *parquet_ordinal_json(const struct parquet_node *leaf, int64_t ordinal, struct arena *a);
int64_t parquet_ordinal_of_double(double d);
bool parquet_has_ordinals(const struct parquet_node *leaf);

/* Row groups: which rows each has, and between which values those of a leaf are, where the file says so and its order is that of ordinals
 * and text (in no list). Null is not counted, and NaN only where a bound is NaN itself. */
void parquet_group_rows(const struct parquet *p, size_t group, uint64_t *first, uint64_t *n);
struct parquet_bounds {
    bool is_text;
    int64_t low, high;       /* ordinals */
    str low_text, high_text; /* may be less and greater than any that is there */
};
bool parquet_bounds(const struct parquet *p, size_t group, const struct parquet_node *leaf, struct parquet_bounds *out);

/* What `datasets` calls the type: "int64", "string", "timestamp[us, tz=UTC]", "list<float32>". */
str parquet_type_name(const struct parquet_node *n, struct arena *a);

#endif
