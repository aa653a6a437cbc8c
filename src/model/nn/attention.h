/* model/nn/attention.h - softmax(q k^T) v for many rows, in tiles, on a team.
 *
 * Keys and values stand in blocks of 32 positions, one of each for a head of keys and values, packed as the weights of
 * linear layers are (kernel/kernel.h): the keys of a block are a panel of 32 outputs with head_dim inputs, its values are
 * panels of head_dim outputs with 32 inputs.  So the products of attention are those of linear layers.  Decoders keep
 * their blocks in pages (attention_paged); where a call has all rows itself, blocks are made on the way (attention_plain).
 *
 * Queries and results are floats, the softmax is computed in floats; products are of the type: bfloat16, or F32 where
 * every bit counts.  All query heads that share a head of keys and values go together, so that these are read once.
 *
 * What a row gets depends on its query and on the keys that it sees, and on nothing else: neither on the number of
 * threads nor on the other rows of the call.  Keys are taken ATTENTION_CHUNK at a time, at positions that are its
 * multiples, each chunk by itself, and the chunks are merged in their order, whoever computed them. */
#ifndef MODEL_NN_ATTENTION_H
#define MODEL_NN_ATTENTION_H

#include "kernel/kernel.h"
#include "model/nn/scratch.h"
#include "model/nn/team.h"

enum { ATTENTION_BLOCK = KERNEL_PANEL, ATTENTION_CHUNK = 256 };

struct attention {
    enum kernel_type type;              /* F32 or BF16; paged, also Q8: kept in 8 bits, computed as BF16 */
    uint32_t heads, kv_heads, head_dim; /* heads is a multiple of kv_heads */
    float scale, cap;                   /* score = q k scale; cap > 0: cap tanh(score / cap) */
    bool is_causal;                     /* a position sees itself and what is before it; otherwise all of its sequence */
    uint32_t window;                    /* causal: sees so many positions, its own included; 0: all */
    /* Added to the scores: bias[head * bias_stride + bias_reach + key - query], for distances up to bias_reach; NULL: none.
     * bias_reach is at least the greatest distance in the call, bias_stride at least 2 bias_reach + 1. */
    const float *bias;
    size_t bias_stride, bias_reach;
};

size_t attention_key_block_bytes(enum kernel_type t, uint32_t head_dim);   /* multiples of 64, where both start */
size_t attention_value_block_bytes(enum kernel_type t, uint32_t head_dim);
/* Puts the key and the value of one head and position in place `at` of its blocks.  Places that are not filled yet hold
 * any finite numbers. */
void attention_store(enum kernel_type t, uint32_t head_dim, uint32_t at, const float *key, const float *value, uint8_t *keys, uint8_t *values);

/* Rows of q and out that belong to one sequence: [row, row + rows), at positions that follow each other. */
struct attention_sequence {
    size_t row;
    uint32_t rows, position; /* of the first row */
    /* attention_paged: page[p / 32] has the blocks of position p, for 0 <= p < position + rows. */
    const uint8_t *const *page;
};

/* Where the blocks of head h stand in a page: at keys + h * key_block_bytes, and at values + h * value_block_bytes. */
struct attention_pages {
    size_t keys, values;
};
/* q: heads one after the other, row r at q + r * q_stride; out the same.  Causal only. */
bool attention_paged(struct team *team, struct scratch *s, const struct attention *a, const struct attention_pages *at,
                     const struct attention_sequence *sequence, size_t sequences, const float *q, size_t q_stride,
                     float *out, size_t out_stride, struct err *e);

/* Rows of q, k and v side by side; k and v have kv_heads heads and share a stride.  position and page are not read. */
struct attention_input {
    const float *q, *k, *v;
    size_t q_stride, kv_stride;
};
bool attention_plain(struct team *team, struct scratch *s, const struct attention *a, const struct attention_input *in,
                     const struct attention_sequence *sequence, size_t sequences, float *out, size_t out_stride, struct err *e);

#endif
