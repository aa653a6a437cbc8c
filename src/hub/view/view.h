/* hub/view/view.h - what there is to see in a file: the header of weights, a table, a notebook.
 *
 * Files are strangers' work.  Each reader has limits, and says where it stopped instead of failing; what comes out is text to be
 * escaped, but for the members that say HTML, which hub/text made safe. */
#ifndef HUB_VIEW_H
#define HUB_VIEW_H

#include "base/hash.h"
#include "hub/index/facts.h"
#include "hub/text/clean.h"

/* Up to n bytes from the start of a file, large or not. */
bool view_read(const struct facts_source *from, const struct vcs_entry *entry, size_t n, struct arena *a, bytes *out, struct err *e);

/* ------------------------------------------------------------------ weights (weights.c) */

enum { VIEW_RANK_MAX = 8, VIEW_KINDS_MAX = 64, VIEW_FACTS_MAX = 400, VIEW_FACT_BYTES_MAX = 2000 };

struct view_tensor {
    str name, kind; /* kind: "BF16", "Q4_K" */
    unsigned rank;
    uint64_t shape[VIEW_RANK_MAX], elements, size_bytes;
};
struct view_kind { /* all tensors of one kind */
    str name;
    uint64_t tensors, elements, size_bytes;
};
struct view_fact { /* what the file says of itself; longer values are cut */
    str key, value;
};
struct view_weights {
    str format; /* "safetensors", "GGUF" */
    struct view_tensor *tensor; /* as they stand in the file */
    size_t tensors_count;
    struct view_kind kind[VIEW_KINDS_MAX];
    size_t kinds_count;
    struct view_fact *fact;
    size_t facts_count, facts_all;
    uint64_t elements, size_bytes, header_bytes;
};
bool view_is_weights(str path);
/* Reads no more than the header.  The arena's limit bounds what a hostile header can take. */
bool view_weights_read(const struct facts_source *from, const struct vcs_entry *entry, struct arena *a, struct view_weights *out,
                       struct err *e);

/* ------------------------------------------------------------------ how a large file is stored (large.c) */

struct view_large {
    bool has_xet;           /* false: not converted yet, or empty */
    char xet_hash[65];
    size_t pieces, xorbs;   /* stretches of so many xorbs make up the file */
    uint64_t stored_bytes;  /* what those stretches take, compressed, each counted once */
};
bool view_large_read(struct hub *h, const struct sha256 *sha256, struct arena *a, struct view_large *out, struct err *e);

/* ------------------------------------------------------------------ tables (table.c, rows.c) */

enum { VIEW_ROWS_MAX = 500, VIEW_COLUMNS_MAX = 60, VIEW_CELL_BYTES_MAX = 500 };

struct view_row {
    str *cell;
    size_t n;
};
struct view_table {
    struct view_row *row; /* the first one is the head */
    size_t rows_count, columns_count;
    bool more_rows, more_columns;
    const char **type; /* of each column, by what was read: "integer", "number", "true or false", "list", "object", "text", "empty"; NULL: not looked at */
};
/* The head, and of the rows below it at most `most` (up to VIEW_ROWS_MAX) behind the first `skip`. */
struct view_window {
    uint64_t skip;
    size_t most;
};
/* RFC 4180, with any separator; a quote that never ends takes the rest.  is_cut: the text goes on in the file, so its last line is
 * left out.  Cells are cut at VIEW_CELL_BYTES_MAX. */
void view_table_window(str text, char separator, bool is_cut, struct view_window w, struct arena *a, struct view_table *out);
/* A JSON value a line: columns are the members of the objects shown, in the order in which they come; other values, and what
 * is no JSON, stand in a column "value".  Types come with it. */
void view_lines_window(str text, bool is_cut, struct view_window w, struct arena *a, struct view_table *out);
/* Types of the columns of a table that was read from text, by the rows that it has. */
void view_table_types(struct view_table *t, struct arena *a);
/* True for names of files that these read: .csv, .tsv, .jsonl, .ndjson. */
enum { VIEW_TABLE_ENDINGS = 4 };
extern const str view_table_ending[VIEW_TABLE_ENDINGS];
bool view_is_table(str path);
/* As much of a cell as is shown. */
str view_cell(str s);
/* Any of these, by the name. */
void view_rows_read(str path, str text, bool is_cut, struct view_window w, struct arena *a, struct view_table *out);

/* ------------------------------------------------------------------ notebooks (notebook.c) */

enum { VIEW_NOTEBOOK_BYTES_MAX = 10 << 20 };
/* Writes members language, cells (kind "markdown", "code" or "raw"; html, or text; number; outputs of kind "text", "error", "html",
 * "picture", "other"), and cut where a limit was met. */
bool view_notebook_write(str text, const struct clean_base *base, struct json_writer *w, struct err *e);

#endif
