/* model/nn/attention_block.h - blocks of keys and values in 8 bits, for attention.c; see model/nn/attention.h.
 *
 * Both are groups of 32 dimensions of a head: { float16 scale[32 positions]; int8 q[16][32][2] }, 8.5 bits a number, in the
 * order that bfloat16 has in the panels of both: of keys, pairs of dimensions for each position; of values, pairs of
 * positions for each dimension.  Number = scale * q. */
#ifndef MODEL_NN_ATTENTION_BLOCK_H
#define MODEL_NN_ATTENTION_BLOCK_H

#include <stddef.h>
#include <stdint.h>

size_t block8_bytes(uint32_t head_dim); /* a multiple of 64; of keys and of values */
void block8_store(uint32_t head_dim, uint32_t at, const float *key, const float *value, uint8_t *keys, uint8_t *values);
/* As panels of bfloat16. */
void block8_open_keys(uint32_t head_dim, const uint8_t *keys, uint16_t *out);
void block8_open_values(uint32_t head_dim, const uint8_t *values, uint16_t *out);

#endif
