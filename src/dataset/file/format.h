/* dataset/file/format.h - of what format a file is, by the ending of its name.  The rules are those of `datasets`. */
#ifndef DATASET_FORMAT_H
#define DATASET_FORMAT_H

#include "base/str.h"

/* Of a configuration, all files are of one format: that of the most frequent ending. */
enum dataset_format { DATASET_PARQUET, DATASET_JSON, DATASET_CSV, DATASET_LINES, DATASET_IMAGES, DATASET_AUDIO, DATASET_VIDEO, DATASET_TAR, DATASET_FORMATS };
bool dataset_format_of(str path, enum dataset_format *out); /* also of packed files of text: "a.csv.gz" */
str dataset_builder(enum dataset_format f); /* what `datasets` calls it: "csv" */
static inline bool dataset_is_folder(enum dataset_format f) { return f == DATASET_IMAGES || f == DATASET_AUDIO || f == DATASET_VIDEO; } /* a file is a row */
bool dataset_is_metadata(str path); /* by its name a table about the media beside it */
/* Counts endings, and says which is the most frequent. */
enum { DATASET_ENDINGS_MAX = 160 };
struct dataset_endings {
    uint32_t count[DATASET_ENDINGS_MAX], of_metadata[DATASET_ENDINGS_MAX];
};
void dataset_endings_add(struct dataset_endings *x, str path);
enum dataset_format dataset_endings_most(const struct dataset_endings *x);

enum { DATASET_PARQUET_ENDINGS = 3 };
extern const str dataset_parquet_ending[DATASET_PARQUET_ENDINGS];
bool dataset_is_parquet(str path);

#endif
