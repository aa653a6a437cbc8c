/* model/token/scan.h - the well-known splitting patterns as hand-written scanners.
 *
 * A scanner answers how many bytes the pattern's first match at p takes.  The patterns match at every position, so
 * that calling it again and again cuts the whole text.  Text is well-formed UTF-8, p < end.  Pure. */
#ifndef MODEL_TOKEN_SCAN_H
#define MODEL_TOKEN_SCAN_H

#include "base/str.h"

typedef size_t (*scan_fn)(const uint8_t *p, const uint8_t *end);

size_t scan_gpt2(const uint8_t *p, const uint8_t *end);
scan_fn scan_find(str pattern); /* by the regex as it stands in tokenizer.json; NULL: not one of ours */
scan_fn scan_named(str name, str *pattern); /* "gpt2", "llama3", "qwen2", "qwen35", "o200k", "tekken" */

#endif
