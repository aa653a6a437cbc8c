/* dataset/keep.h - what is known of files of text, kept between requests. */
#ifndef DATASET_KEEP_H
#define DATASET_KEEP_H

#include "dataset/text/text.h"
#include "hub/hub.h"

enum { KEEP_BYTES_MIN = 1 << 20 }; /* what took less to read is not kept */

/* Opens a new one with what is kept of its file; false: nothing is, or it does not fit. */
bool keep_load(struct hub *h, const struct sha256 *sha256, struct text *t);
void keep_save(struct hub *h, const struct sha256 *sha256, const struct text *t);

#endif
