/* api/infer/tei.h - limits of what Text Embeddings Inference has. */
#ifndef API_INFER_TEI_H
#define API_INFER_TEI_H

#include "api/infer/infer_api.h"

enum { TEI_BATCH_MAX = 1024, TEI_BATCH_TOKENS = 16384 };

/* A text, or a list of 1 to TEI_BATCH_MAX texts; of no text, ERR_INVALID of kind INFER_EMPTY. */
bool tei_check_texts(const struct json *v, const char *name, struct err *e);

#endif
