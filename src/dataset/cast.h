/* dataset/cast.h - types that the card says (`dataset_info`), for columns of text: which columns there are, in which order, and of what type their values become.
 *
 * Values are cast as `datasets` does it (by Arrow): what does not fit is a problem of its column. */
#ifndef DATASET_CAST_H
#define DATASET_CAST_H

#include "dataset/dataset.h"

/* (cast_card.c) The card's features of a configuration as an object by name, in the words of JSON ({"dtype": "int64", "_type": "Value"}); *out NULL: it says none. false: it is not known
 * what it says. */
bool cast_card_features(const struct json *card, str config, struct arena *a, const struct json **out);

/* Columns of the features, from those of the files; the cast is for all parts. */
bool cast_open(const struct json *features, const struct parquet_node *from, size_t from_count, struct arena *a, struct cast **out, struct parquet_node **column,
               size_t *columns, struct err *e);
bool cast_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
               struct parquet_cells *out, struct err *e);

#endif
