/* model/generate/prefix.h - keys and values of sequences that are gone, kept for those that begin alike.
 *
 * A bounded list, the least recently used first to go.  Belongs to the thread of its pool. */
#ifndef MODEL_GENERATE_PREFIX_H
#define MODEL_GENERATE_PREFIX_H

#include "model/decoder/kv.h"

enum { PREFIX_ENTRIES_MAX = 64, PREFIX_TOKENS_MIN = 8 /* fewer are computed faster than looked for */ };

struct prefix_store;
struct prefix_store *prefix_store_new(size_t entries_max);
void prefix_store_free(struct prefix_store *p); /* NULL is fine */
/* Takes kv, which holds the first kv->length of these tokens.  owner: whose they are; nobody else is told. */
void prefix_keep(struct prefix_store *p, uint64_t owner, const uint32_t *token, struct kv *kv);
/* The owner's with most in common with token[n], and how much; NULL when that is less than PREFIX_TOKENS_MIN. */
const struct kv *prefix_find(struct prefix_store *p, uint64_t owner, const uint32_t *token, size_t n, size_t *common);
bool prefix_drop_oldest(struct prefix_store *p); /* false: there is none */
size_t prefix_common(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count);

#endif
