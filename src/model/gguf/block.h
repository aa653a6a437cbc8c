/* model/gguf/block.h - numbers in blocks, as GGUF files pack them, back into floats.
 *
 * A block is so many neighbours of a row with the scales that they share.  Source: ggml-common.h and ggml-quants.c in
 * github.com/ggml-org/ggml; restored values are equal bit for bit.  Pure; safe from any thread. */
#ifndef MODEL_GGUF_BLOCK_H
#define MODEL_GGUF_BLOCK_H

#include "kernel/kernel.h"

enum { GGUF_BLOCK_ELEMENTS_MAX = 256 };

struct gguf_block {
    const char *name;
    uint32_t type; /* ggml's number */
    unsigned elements, bytes;
    void (*restore)(const uint8_t *block, float *out); /* out[elements] */
    /* The smallest packed form that keeps what the block has. */
    enum kernel_type nearest;
    /* Numbers 32 group .. 32 group + 31 as whole numbers.  Scales of scales are multiplied and rounded once, to float16; else
     * nothing is.  NULL: they have scales that 32 do not share, or more levels than bits. */
    void (*levels)(const uint8_t *block, unsigned group, struct kernel_levels *out);
};
/* NULL: a type that is no block, or one that is not read (the IQ types with code books). */
const struct gguf_block *gguf_block(uint32_t type);

#endif
