/* model/decoder/kv.h - keys and values that a sequence has computed, in pages that sequences may share.
 *
 * A page holds KV_PAGE positions of every layer: [layer] { blocks of keys [kv_heads], blocks of values [kv_heads] }, as
 * model/nn/attention.h has them, in the type that config.kv_type names.  Sequences with a common beginning share its full
 * pages (kv_fork); only the last page, which is still filled, is copied.  A pool and its sequences belong to one thread. */
#ifndef MODEL_DECODER_KV_H
#define MODEL_DECODER_KV_H

#include "base/err.h"
#include "model/decoder/config.h"
#include "model/nn/attention.h"

enum { KV_PAGE = ATTENTION_BLOCK };

struct adapter;
struct kv_pool;
/* pages_max: ERR_BUSY when all are taken. */
struct kv_pool *kv_pool_new(const struct decoder_config *c, size_t pages_max);
void kv_pool_free(struct kv_pool *p); /* every sequence must be gone; NULL is fine */
size_t kv_page_bytes(const struct decoder_config *c);
size_t kv_pages_free(const struct kv_pool *p);

struct kv {
    struct kv_pool *pool;
    struct kv_page **page;
    const uint8_t **data; /* of each page, for attention */
    size_t pages;
    uint32_t length; /* positions filled */
    uint32_t *token; /* at each of them: what was computed can be computed again */
    bool is_long;    /* by the other rope, see config.rope_switch */
    uint32_t expected; /* so many positions are sure to come, so that longrope need not begin anew; 0: not known */
    const struct adapter *adapter; /* decoder/adapter.h: what all rows go through; set before the first; NULL: the model as it is */
};
struct kv *kv_new(struct kv_pool *p);
void kv_free(struct kv *k); /* NULL is fine */
/* Room for so many positions beyond length. */
bool kv_reserve(struct kv *k, uint32_t more, struct err *e);
/* Another sequence with the same first `length` positions. */
bool kv_fork(const struct kv *k, uint32_t length, struct kv **out, struct err *e);
void kv_truncate(struct kv *k, uint32_t length);

/* Keeps the key and value of a head at a position for which there is room. */
void kv_store(struct kv *k, uint32_t layer, uint32_t head, uint32_t position, const float *key, const float *value);
/* Where the blocks of a layer stand in every page. */
struct attention_pages kv_layer(const struct kv_pool *p, uint32_t layer);

#endif
