/* infer/engine/score.h - how likely a decoder finds each token of a prompt, given those before it.
 *
 * A few rows a step, so that whatever else runs goes on; keys and values are of its own and go with it. */
#ifndef INFER_ENGINE_SCORE_H
#define INFER_ENGINE_SCORE_H

#include "model/decoder/decoder.h"

struct score;
struct adapter;
/* adapter: NULL, or what the sequence goes through.  token[n] must outlive it.  kv_bytes: what keys and values may take; more is ERR_TOO_LARGE. */
bool score_new(const struct decoder *d, const struct adapter *adapter, struct team *team, const uint32_t *token, size_t n, size_t kv_bytes, struct score **out, struct err *e);
void score_free(struct score *s); /* NULL is fine */
bool score_step(struct score *s, bool *is_done, struct err *e);
/* [n] natural logarithms; the first, which nothing precedes, is 0. */
const float *score_log_probabilities(const struct score *s);

#endif
