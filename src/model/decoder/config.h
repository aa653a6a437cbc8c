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

enum { DECODER_LAYERS_MAX = 512, DECODER_EXPERTS_MAX = 1024, DECODER_EOS_MAX = 16 };

enum activation { ACTIVATION_SILU, ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_RELU, ACTIVATION_RELU_SQUARED };
enum qk_norm { QK_NORM_NONE, QK_NORM_HEADS, QK_NORM_TURNED, QK_NORM_WHOLE }; /* each head by itself, before or after the rope, or all heads as one vector */

enum rope_scaling { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN, ROPE_LONG };
struct rope {
    uint32_t dim; /* of a head's first so many numbers; the others pass */
    double base;
    enum rope_scaling scaling;
    double factor, low_freq_factor, high_freq_factor; /* linear, llama3 */
    double beta_fast, beta_slow, attention_factor;    /* yarn; attention_factor multiplies cosine and sine of any kind */
    bool truncate;
    uint32_t original_positions;
    const struct json *divisors; /* longrope: of each pair's angle; in config.json, which outlives this */
};

struct decoder_layer {
    uint32_t window; /* sees so many positions, its own included; 0: all */
    uint8_t rope;    /* which of the two */
    bool has_rope;
    bool has_experts;
};

/* What tensors are called; NULL: the family has no such thing. */
struct decoder_names {
    const char *prefix, *embedding, *norm_embedding, *positions, *norm, *layers; /* "model." stands before each, but not before the head */
    const char *head;
    /* Of a layer: "model.layers.3." stands before each. */
    const char *norm_before, *norm_attention_after, *norm_middle, *norm_mlp_after;
    const char *q, *k, *v, *qkv, *o, *norm_q, *norm_k;
    const char *mlp, *router, *router_correction, *experts, *shared, *shared_gate; /* shared_gate NULL: the shared one counts whole */
    /* Of an mlp, an expert ("mlp.experts.3.") or the shared expert. */
    const char *gate, *up, *gate_up, *down;
};

/* An mlp of many, of which each row goes through the few that its router likes best. */
struct decoder_experts {
    uint32_t count, chosen, intermediate;
    uint32_t shared_intermediate; /* of one that every row goes through, times a sigmoid of its own; 0: none */
    bool sum_to_one;              /* the weights of those chosen */
    bool is_sigmoid;              /* a score is a sigmoid; or else scores are a softmax over all */
    bool are_stacked;             /* stored as one tensor of rank 3 for all experts of a layer */
    uint32_t groups, groups_chosen; /* only experts of the best groups, by the sum of their best two; groups 0: no groups */
    float scale;                  /* of the weights of those chosen */
};

struct decoder_config {
    str model_type;
    struct decoder_names names;
    uint32_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim, positions;
    float norm_eps;
    bool norm_is_layer;   /* LayerNorm; or else RMSNorm */
    bool norm_has_bias;
    bool norm_is_bare;    /* nothing is stored for it: weights are 1 (OLMo) */
    bool norm_adds_one;   /* weights are stored as w - 1 (Gemma) */
    bool is_parallel;     /* attention and mlp both see the layer's input (GPT-NeoX) */
    bool qkv_bias, o_bias, mlp_bias, head_bias;
    enum qk_norm qk_norm;
    bool qkv_in_groups;   /* stored as one tensor, each key-value head after the query heads that share it (GPT-NeoX) */
    bool is_transposed;   /* linear layers are stored [inputs, outputs] (GPT-2) */
    bool may_tie;         /* without a head of its own the embedding serves */
    bool is_gated;        /* down(act(gate x) * up x); or else down(act(up x)) */
    enum activation activation;
    struct decoder_experts experts;
    float embedding_scale, attention_scale, residual_scale, logit_scale;
    float attention_cap, logit_cap; /* 0 is none */
    float qkv_clip;                 /* queries, keys and values are cut to +- this; 0: they are not */
    float alibi;                    /* scores fall with distance, by 2^(-alibi / heads) and so on; 0: they do not */
    uint32_t position_offset;       /* of learned positions in their table */
    bool rope_in_pairs;             /* 2i goes with 2i + 1; or else i with i + dim / 2 */
    struct rope rope[2]; /* the usual one, and the one of layers with a window where they differ */
    uint32_t rope_switch;  /* longrope: sequences longer than this use rope[1] in all layers and at all positions; 0: none do */
    struct decoder_layer layer[DECODER_LAYERS_MAX];
    enum kernel_type kv_type; /* what keys and values are kept as, F32 or BF16: decoder_open says */
    int64_t bos, eos[DECODER_EOS_MAX];
    size_t eos_count;
};

/* config.json, already parsed.  ERR_NOT_BUILT names a model_type that no row knows, and what is known. */
bool decoder_config_read(const struct json *config, struct decoder_config *out, struct err *e);
/* Which model_types there are, one by one; NULL past the last. */
const char *decoder_family(size_t i);
bool decoder_knows(str model_type); /* does a row? */

#endif
