/* dataset/text/text.h - rows of CSV, TSV and JSON files, lines of plain text, packed or not, and samples of tar archives (WebDataset): where each begins, what types the columns have, and any stretch
 * of them.
 *
 *   text_open    reads the beginning: the header, and types from as many rows as the `datasets` library takes them from.
 *   text_extend  reads on, to know where rows lie.  What it found is an index: a place every megabyte, however large the file.
 *   text_read    rows [first, first + n) of chosen columns, as parquet_read gives them; it reads from the place before `first`.
 *
 * JSON is a sequence of values, a line each or however they stand, or one array of them.  Types stand as parquet_nodes, so that
 * whoever knows a column of Parquet knows one of text.  Types come from the beginning alone; what does not fit them later is a
 * problem of its column, with the number of the row.
 *
 * Files are strangers' work: a row has a limit, and so have columns, members and depth. */
#ifndef DATASET_TEXT_H
#define DATASET_TEXT_H

#include "dataset/file/unpack.h"

enum {
    TEXT_ROW_BYTES_MAX = 16 << 20,
    TEXT_TYPES_BYTES = 10 << 20, TEXT_TYPES_ROWS = 10000, /* what types are taken from; rows: of CSV */
    TEXT_COLUMNS_MAX = 2000,     /* also members of an object */
    TEXT_BLOCKS_MAX = 1 << 16,   /* of the index: past them every other place is forgotten */
};

/* How a file is read: what its name and the card say. */
enum text_kind { TEXT_JSON, TEXT_CSV, TEXT_LINES, TEXT_TAR };
struct text_way {
    enum text_kind kind;
    enum packing packing;
    char separator;           /* TEXT_CSV: of cells */
    bool has_no_header;       /* TEXT_CSV: the first row is one of values; columns without names are called "0", "1", ... */
    const str *name;          /* TEXT_CSV: of the columns, whatever the header says */
    size_t names_count;
    str address;              /* TEXT_TAR: what the column __url__ says */
};

/* A row begins at the byte `at`, of what is unpacked. */
struct text_place {
    uint64_t at, row;
};
struct text_index {
    struct text_place *place; /* the first one: row 0 */
    size_t n;
    uint64_t step;            /* bytes between places, at least */
    uint64_t at, rows;        /* so far: `at` stands between two rows */
    bool is_whole;
};
struct text_cursor;
struct text {
    const struct parquet_source *source;
    struct text_way way;
    const struct text *like;
    struct parquet_node *column;
    size_t columns_count;
    bool is_array;            /* JSON: one array of rows */
    bool types_are_whole;     /* they were taken from all rows, and fit them */
    struct text_index index;
    struct unpack_points points;
    struct text_cursor *cursor; /* one for all files that are like each other: it stands behind the last row that was read */
    struct arena *a;
};

/* The source is borrowed; all lies in the arena.  like: the file before it, whose types this one's rows have to fit; NULL: it has its own. */
struct text *text_new(const struct parquet_source *source, const struct text_way *way, const struct text *like, struct arena *a);
bool text_open(struct text *t, struct err *e);
/* The same, from what was kept of it. */
bool text_open_kept(struct text *t, bytes index, bytes points, str types);
/* Reads on until more than `row` rows are known, the file ends, or bytes_max are read. */
bool text_extend(struct text *t, uint64_t row, uint64_t bytes_max, struct err *e);
bool text_read(struct text *t, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
               struct arena *a, struct parquet_cells *out, struct err *e);

uint64_t text_bytes(const struct text *t); /* unpacked; estimated, where the file was not unpacked to its end */
double text_share_read(const struct text *t); /* how much of the file the index covers, from 0 to 1 */

/* (kept.c) What is known of a file, to be kept.  What does not fit it is refused: then it is made again. */
void text_index_format(const struct text_index *x, struct buf *out);
bool text_index_parse(bytes b, uint64_t file_bytes, struct arena *a, struct text_index *out); /* file_bytes: UINT64_MAX where nobody knows */
void text_types_format(const struct text *t, struct buf *out);
bool text_types_parse(str kept, struct text *t);
void text_way_format(const struct text *t, struct buf *out); /* what is read otherwise is another thing */

/* ------------------------------------------------------------------ for the files of the reader */

/* An entry of the index for the row that comes next, where one is due; and the place before a row. */
void text_add_place(struct text *t, uint64_t at);
const struct text_place *text_place_before(const struct text_index *x, uint64_t row);
/* Room for cells; false: it is too much. n is cut to the rows that are known. */
bool text_cells(const struct text *t, uint64_t first, size_t *n, size_t columns, struct arena *a, struct parquet_cells *out, struct err *e);
void text_clear_problems(struct parquet_cells *out, size_t columns); /* a column that has one has no cells */

/* (samples.c) The same as those above. */
bool text_tar_open(struct text *t, struct err *e);
bool text_tar_extend(struct text *t, uint64_t row, uint64_t bytes_max, struct err *e);
bool text_tar_read(struct text *t, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
                   struct arena *a, struct parquet_cells *out, struct err *e);
/* Is it a picture, a sound or a film, by its name? */
enum text_media { TEXT_NO_MEDIA, TEXT_IMAGE, TEXT_AUDIO, TEXT_VIDEO };
enum text_media text_tar_media(str field);

/* One row from a text that stands between rows; is_last: nothing follows the text. */
enum text_step { TEXT_ROW, TEXT_END, TEXT_MORE, TEXT_BAD }; /* TEXT_END: *next is behind it */
enum text_step text_csv_next(str text, char separator, bool is_last, str *row, size_t *next);
enum text_step text_json_next(str text, bool is_array, bool is_last, str *row, size_t *next);

enum text_step text_line_next(str text, bool is_last, str *row, size_t *next);

/* Types from rows, one by one. */
struct cell_types;
struct json_shape;
struct text_types {
    const struct text *t;
    struct cell_types *of;  /* CSV: of each column */
    struct json_shape *root; /* JSON: of a row */
    size_t count;           /* of types below it */
    struct arena *a;
};
void text_csv_begin(struct text_types *ty);
bool text_csv_look(struct text_types *ty, str row, struct arena *scratch, struct err *e);
bool text_json_look(struct text_types *ty, str row, struct arena *scratch, struct err *e);
/* Makes columns of them. */
bool text_csv_types(struct text_types *ty, struct text *t, struct err *e);
bool text_json_types(struct text_types *ty, struct text *t, struct err *e);
bool text_csv_header(struct text *t, str row, struct arena *a, struct err *e);

/* Text as a value, cut as the options say. */
struct json *text_value(str s, const struct parquet_options *o, struct arena *a, struct err *e);
/* Values of one row: value[k] of column[k]; NULL: problem[k] says why it does not fit. */
bool text_csv_values(const struct text *t, str row, const size_t *column, size_t n, const struct parquet_options *o, struct arena *scratch, struct arena *a,
                     struct json **value, const char **problem, struct err *e);
bool text_json_values(const struct text *t, str row, const size_t *column, size_t n, const struct parquet_options *o, struct arena *scratch, struct arena *a,
                      struct json **value, const char **problem, struct err *e);

#endif
