/* model/decoder/decoder_priv.h - the packed weights, which loading fills and the forward pass reads. */
#ifndef MODEL_DECODER_DECODER_PRIV_H
#define MODEL_DECODER_DECODER_PRIV_H

#include "model/decoder/decoder.h"
#include "model/nn/linear.h"

struct decoder_layer_weights {
    float *norm_before, *norm_middle;           /* [hidden]: before attention, before mlp */
    float *norm_attention_after, *norm_mlp_after; /* [hidden], when config.norms_after */
    float *norm_q, *norm_k;                     /* [head_dim], when config.qk_norm */
    struct linear qkv;     /* [(heads + 2 kv_heads) head_dim, hidden]: q, then k, then v */
    struct linear o;       /* [hidden, heads head_dim] */
    struct linear gate_up; /* [2 intermediate, hidden]: gate, then up */
    struct linear down;    /* [hidden, intermediate] */
};

struct decoder {
    struct arena *a;
    struct source *source; /* NULL: the caller's */
    const struct weights *weights; /* the embedding is read from the file, a row at a time */
    struct decoder_config config;
    const struct tensor *embedding; /* [vocab, hidden] */
    struct decoder_layer_weights *layer;
    float *norm;        /* [hidden] */
    struct linear head; /* [vocab, hidden] */
    float *rope_inverse[2]; /* [rope.dim / 2]: angle a position */
    uint64_t parameters;
};

/* rope.c: angles a position, by the scaling of the config. */
void rope_inverse_frequencies(const struct rope *r, float *out);
/* cosine and sine of position, rope.dim / 2 of each, with the attention factor. */
void rope_angles(const struct rope *r, const float *inverse, uint32_t position, float *cosine, float *sine);
/* Turns the first rope.dim numbers of a head: i goes with i + dim / 2. */
void rope_turn(float *head, uint32_t dim, const float *cosine, const float *sine);

#endif
