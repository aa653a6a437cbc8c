/* dataset/dataset.h - a dataset's files as people think of them: configurations, splits, and rows through all files of one.
 *
 * Which files make up a split is what the card says (`configs`), else their names (the rules of the `datasets` library). Files are
 * read by range from where they lie; of a split, the footer of each Parquet file, and the beginning of each CSV or JSON file. Of media, names are enough. */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include "dataset/file/format.h"
#include "dataset/file/media.h"
#include "dataset/parquet/parquet.h"
#include "dataset/text/text.h"
#include "hub/hub.h"
#include "hub/index/list.h"
#include "hub/mirror.h"

/* ------------------------------------------------------------------ configurations and splits (split.c) */

enum { DATASET_BRING_BYTES_MAX = 1 << 30 }; /* what may come from the upstream of a mirror (hub/mirror.h), that rows can be shown */
enum { DATASET_SPLITS_MAX = 500, DATASET_FILES_MAX = 2000, DATASET_SPLIT_FILES_MAX = 100, DATASET_MEDIA_FILES_MAX = 100000 };

/* Of files of media: what a row has besides its file. (folder.c) */
enum dataset_wish { DATASET_AS_IT_IS, DATASET_YES, DATASET_NO };
struct dataset_folder {
    enum dataset_wish drops_labels, drops_metadata;  /* what the card says */
    const struct repo_file_row **metadata;           /* tables that name the files: rows are theirs */
    size_t metadata_count;
    bool has_metadata_elsewhere; /* in another split, and none here */
    const str *label;            /* names of folders, in order: a label is a place among them */
    size_t labels_count;
    const struct json *names;    /* the same as a list; NULL: rows have no label */
    bool is_labelled;            /* else each of this split is null */
};

struct dataset_split {
    str config, split;
    enum dataset_format format;
    const struct dataset_files *files; /* all of the repository */
    const struct json *features; /* of text: the types that the card says, by name; NULL: those of the files */
    struct dataset_folder folder;
    struct text_way way; /* what the card says of it; a separator of 0: as the file's name says */
    str unknown;    /* a setting of the card that changes how files of text are read, and is not known here; .p NULL: none */
    const struct repo_file_row **file; /* by path; what is more than DATASET_SPLIT_FILES_MAX, but of media, is left out, and has_more says so */
    size_t files_count;
    bool has_more;
    bool is_default; /* the card says that its configuration is */
};
/* (files.c) The files at the head of main that can be read as rows, by path. */
struct dataset_files {
    int64_t repo_id;
    struct mirror_waiter waiter; /* who opens them; set by him */
    str address;     /* "hf://datasets/OWNER/NAME@COMMIT", for rows that say what file they are of; may be empty */
    struct repo_file_row *file;
    size_t n;
    bool has_more;   /* than DATASET_FILES_MAX of Parquet, or of text, or DATASET_MEDIA_FILES_MAX */
    bool has_others; /* there are files that hold data in other formats, which no split has */
    bool is_of_others; /* most files do, so that those of text are about them, unless the card says otherwise */
};
bool dataset_files_find(struct db_conn *db, int64_t repo_id, struct arena *a, struct dataset_files *out, struct err *e);
/* The splits that have such files, those of the first configuration first; in one, train, validation, test, then others. card: NULL
 * for none. The files are borrowed. */
void dataset_splits(const struct json *card, const struct dataset_files *files, struct arena *a, struct dataset_split **out, size_t *count);
/* (folder.c) Of the splits of a configuration of media: which files are tables about others, and which labels rows have. */
void dataset_folder_describe(struct dataset_split *s, size_t n, struct arena *a);

/* ------------------------------------------------------------------ rows (table.c) */

enum dataset_kind { DATASET_PLAIN, DATASET_LABEL, DATASET_IMAGE, DATASET_MEDIA };
struct dataset_column {
    str name, type;           /* "int64", "class label", "image", "list<string>" */
    enum dataset_kind kind;
    bool is_number;
    const struct json *names; /* DATASET_LABEL: what the numbers stand for */
    const struct parquet_node *node;
    const struct json *feature; /* what the footer says it is to `datasets`, where what is stored fits it; NULL: nothing */
};
struct folder;
struct cast;
struct dataset_part { /* a file; of media, all files of the split */
    const struct repo_file_row *file;
    struct parquet *parquet; /* one of these two, or neither: rows are files */
    struct text *text;
    struct folder *folder;   /* besides one of them: its rows name files */
    struct cast *cast;       /* text: into what the card says */
    uint64_t first_row, rows_count;
};
struct dataset_table {
    struct dataset_part *part;
    size_t parts_count;
    struct dataset_column *column;
    size_t columns_count, columns_all; /* not more than the caller wants are read */
    uint64_t rows_count, unpacked_bytes;
    bool is_counted;           /* else there are more rows: files of text have not been read to their end */
    bool types_are_sure;       /* types of text were taken from all rows */
};
/* Files are opened and read with an arena from here, that holds footers, rows and cells; the largest page of a file and its dictionary
 * (PARQUET_PAGE_BYTES_MAX) come beside it.  A hostile file takes all of that, so four read at a time: it is work for processors, and with
 * more at once nobody would be served sooner.  Others wait, without a reader of the database in their hands; ERR_BUSY when too many do. */
enum { DATASET_READING_BYTES_MAX = 512 << 20 };
bool dataset_reading_begin(struct arena **a, struct err *e);
void dataset_reading_end(struct arena *a);

/* Opens the files of a split as one table; their columns have to be the same by name and place. git: for files that are no large ones. */
bool dataset_open(struct hub *h, struct vcs_repo *git, const struct dataset_split *s, size_t columns_max, struct arena *a, struct dataset_table *out,
                  struct err *e);
/* Opening reads files of text so far as to know their rows in the first DATASET_COUNTED_BYTES; this reads on, until there are more rows than
 * `row`, or the files end, or DATASET_REACHED_BYTES are read. Where it stopped, the next call goes on. */
enum { DATASET_COUNTED_BYTES = 256 << 20 };
#define DATASET_REACHED_BYTES ((uint64_t)4 << 30)
bool dataset_reach(struct hub *h, struct dataset_table *t, uint64_t row, struct err *e);
uint64_t dataset_rows_estimated(const struct dataset_table *t); /* where they are not counted: by the bytes of those that are */
/* Rows of one file, as parquet_read. */
bool dataset_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
                  struct arena *a, struct parquet_cells *out, struct err *e);

/* One cell as it is shown. */
struct dataset_cell {
    const struct json *v;     /* NULL: the column could not be read here */
    str text;                 /* of v, on one line where it is no text; cut */
    bool is_null;
    str label;                /* DATASET_LABEL: its name; .p NULL: none */
    uint64_t media_bytes;     /* DATASET_IMAGE, DATASET_MEDIA: 0 where the file only names it */
    str media_path;           /* the name that it was given; may be empty */
    str media_file;           /* the file of the repository that it is; empty: it lies in the cell */
};
struct dataset_place {
    size_t part;
    uint64_t row; /* in that file */
};
struct dataset_rows {
    struct dataset_cell *cell; /* rows_count times columns_count */
    size_t rows_count;
    struct dataset_place *place; /* of each row */
    const char **problem; /* of each column; NULL: none */
};
/* Rows that stand anywhere are read in stretches: sorted, and close ones together. */
struct dataset_asked {
    uint64_t row;
    size_t at; /* among those that were asked for */
};
struct dataset_asked *dataset_ask(const uint64_t *row, size_t n, struct arena *a);
size_t dataset_stretch(const struct dataset_asked *asked, size_t n, size_t from); /* behind its last row */
bool dataset_rows_at(struct dataset_table *t, const uint64_t *row, size_t n, size_t text_bytes_max, struct arena *a, struct dataset_rows *out, struct err *e);
bool dataset_rows(struct dataset_table *t, uint64_t first, size_t n, size_t text_bytes_max, struct arena *a, struct dataset_rows *out, struct err *e);

/* The same rows as values, whole: a column that cannot be read fails, by its name. Binary is base64; of a column of media it is
 * what media_write says of it, so that rows of pictures do not take the pictures' memory. value: n times columns_count. */
bool dataset_values(struct dataset_table *t, uint64_t first, size_t n, struct arena *a, const struct json ***value, struct dataset_place **place,
                    size_t *rows_count, struct err *e);
/* The same of rows that stand anywhere; in the order that is asked for. */
bool dataset_values_at(struct dataset_table *t, const uint64_t *row, size_t n, struct arena *a, const struct json ***value, struct dataset_place **place,
                       struct err *e);
/* Writes a value as the dataset viewer's API has it: NaN and infinities null, a map a list of {"key", "value"}. */
void dataset_value_write(struct json_writer *w, const struct parquet_node *n, const struct json *v);
/* Writes what `datasets` calls the type: {"dtype": "int64", "_type": "Value"}. */
void dataset_feature_write(struct json_writer *w, const struct dataset_column *c, struct arena *a);

/* ------------------------------------------------------------------ statistics (statistics.c) */

struct dataset_budget { /* what may still be read and unpacked, and gone through one by one */
    uint64_t bytes, steps;
};
bool dataset_has_statistics(const struct dataset_table *t);
/* Writes an object for each column that has any, by name: {"column_name", "column_type", "column_statistics"}; of the first rows_max
 * rows. */
bool dataset_statistics_write(struct dataset_table *t, uint64_t rows_max, struct dataset_budget *left, struct json_writer *w, size_t *written,
                              struct err *e);

/* ------------------------------------------------------------------ media */

/* The bytes of a picture (or of other media) in one cell; more than bytes_max: ERR_TOO_LARGE. Nothing there: ERR_NOT_FOUND. */
bool dataset_media(struct dataset_table *t, uint64_t row, str column, size_t bytes_max, struct arena *a, bytes *out, struct err *e);

#endif
