/* dataset/keep.h - indexes of text files, kept between requests. */
#ifndef DATASET_KEEP_H
#define DATASET_KEEP_H

#include "dataset/text.h"
#include "hub/hub.h"

/* Takes the one that is kept, where it goes further than t's. */
void keep_load(struct hub *h, const struct sha256 *sha256, struct text *t);
void keep_save(struct hub *h, const struct sha256 *sha256, const struct text *t);

#endif
