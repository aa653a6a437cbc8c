/* model/decoder/config.h - a decoder as a description: everything in which one family differs from another.
 *
 * Families are rows of a table (families.c): a model_type fills this struct from its config.json, and one forward pass
 * (forward.c) does what the struct says.  A key that changes the arithmetic and that nobody reads is refused by name.
 * Sources: transformers, models/TYPE/modeling_TYPE.py and configuration_TYPE.py. */
#ifndef MODEL_DECODER_CONFIG_H
#define MODEL_DECODER_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "kernel/kernel.h"

enum { DECODER_LAYERS_MAX = 512, DECODER_EOS_MAX = 16 };

enum activation { ACTIVATION_SILU, ACTIVATION_GELU, ACTIVATION_GELU_TANH };

enum rope_scaling { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN };
struct rope {
    uint32_t dim; /* of a head's first so many numbers; the others pass */
    double base;
    enum rope_scaling scaling;
    double factor, low_freq_factor, high_freq_factor; /* linear, llama3 */
    double beta_fast, beta_slow, attention_factor;    /* yarn; attention_factor multiplies cosine and sine of any kind */
    bool truncate;
    uint32_t original_positions;
};

struct decoder_layer {
    uint32_t window; /* sees so many positions, its own included; 0: all */
    uint8_t rope;    /* which of the two */
    bool has_rope;
};

struct decoder_config {
    str model_type;
    uint32_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim, positions;
    float norm_eps;
    bool norm_adds_one;   /* weights are stored as w - 1 (Gemma) */
    bool norms_after;     /* two more norms a layer, on what attention and mlp give (Gemma 2 and 3) */
    bool qkv_bias, o_bias, mlp_bias, qk_norm;
    bool qkv_fused, gate_up_fused; /* stored as one tensor (Phi-3) */
    bool may_tie; /* without a head of its own the embedding serves */
    enum activation activation;
    float embedding_scale, attention_scale, attention_cap, logit_cap; /* caps: 0 is none */
    struct rope rope[2]; /* the usual one, and the one of layers with a window where they differ */
    struct decoder_layer layer[DECODER_LAYERS_MAX];
    enum kernel_type kv_type; /* what keys and values are kept as, F32 or BF16: decoder_open says */
    int64_t bos, eos[DECODER_EOS_MAX];
    size_t eos_count;
};

/* config.json, already parsed.  ERR_NOT_BUILT names a model_type that no row knows, and what is known. */
bool decoder_config_read(const struct json *config, struct decoder_config *out, struct err *e);
/* Which model_types there are, one by one; NULL past the last. */
const char *decoder_family(size_t i);

#endif
