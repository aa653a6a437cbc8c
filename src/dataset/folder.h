/* dataset/folder.h - rows of files of media: a row is an image (or audio, or video) of the repository, with the name of its folder as a label, or
 * a row of a table that lies beside the files and names them.
 *
 * A cell of media is {"bytes", "path", "file"}: bytes as the options have them (of the file's first bytes: its type and size; without `binary`, how many there
 * are), its name, and the file of the repository; what names no file there has none of them but the name. */
#ifndef DATASET_FOLDER_H
#define DATASET_FOLDER_H

#include "dataset/dataset.h"

/* The split's files as a part whose rows they are, and its columns. */
void folder_open(struct hub *h, const struct dataset_split *s, struct arena *a, struct dataset_part *part, struct dataset_column **column, size_t *columns);
bool folder_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
                 struct parquet_cells *out, struct err *e);

/* The tables about them: may they be read as one? */
bool folder_check_tables(const struct dataset_split *s, struct err *e);
/* Of an opened one, columns that name files become those of media; then what is read from it has to be joined. */
bool folder_name_columns(struct hub *h, const struct dataset_split *s, struct arena *a, struct dataset_table *t, struct err *e);
bool folder_join(const struct dataset_part *p, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
                 struct parquet_cells *cells, struct err *e);

#endif
