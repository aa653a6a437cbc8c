/* model/encoder/encoder_priv.h - the packed weights, which loading fills and the forward pass reads. */
#ifndef MODEL_ENCODER_ENCODER_PRIV_H
#define MODEL_ENCODER_ENCODER_PRIV_H

#include <stdatomic.h>

#include "model/encoder/encoder.h"
#include "model/nn/linear.h"

struct encoder_norm {
    float *w, *b; /* [width]; w NULL: there is no norm; b is zeros where the file has none */
};

struct encoder_layer {
    struct encoder_norm attention_norm, output_norm; /* before or after, as config.norms_before says */
    struct linear qkv;  /* [3 heads head_dim, hidden]: q, then k, then v */
    struct linear o;    /* [hidden, heads head_dim] */
    struct linear up;   /* [intermediate, hidden], twice as many outputs when config.is_gated */
    struct linear down; /* [hidden, intermediate] */
    /* BIAS_DISENTANGLED: keys and queries of the positions, packed a head after the other as weights of [positions,
     * head_dim] */
    uint8_t *position_key, *position_query;
};

struct encoder {
    struct arena *a;
    struct encoder_config config;
    enum encoder_head_kind head;
    const struct tensor *word, *position, *type; /* rows as wide as the embedding, read from the file */
    struct encoder_norm embedding_norm, final_norm;
    struct linear project; /* [hidden, embedding]; packed NULL: there is none */
    struct encoder_layer *layer; /* [groups] */
    float *bucket_bias;    /* [buckets][heads] */
    size_t position_rows;  /* of position_key and position_query */
    size_t position_bytes; /* of one head's panels */
    float *rope_inverse[2]; /* [head_dim / 2] */
    struct linear head_dense, head_out;
    struct encoder_norm head_norm;
    enum kernel_activation head_act;
};

static inline void encoder_layer_norm(const struct encoder_norm *norm, float eps, const float *x, size_t n, float *out)
{
    kernels()->layer_norm(x, norm->w, norm->b, eps, n, out);
}

/* attention.c: the texts of a step, each over itself, where nn/attention.h does not do: tokens that see a window on
 * either side, and disentangled attention. */
struct encoder_span {
    size_t first, n; /* rows */
};
struct encoder_attention {
    const struct encoder *m;
    const struct encoder_layer *w;
    const struct encoder_span *text;
    size_t texts;
    const float *qkv;
    size_t qkv_stride;
    float *out; /* [rows][out_stride] */
    size_t out_stride;
    uint32_t window;          /* tokens on either side; 0: all */
    const uint32_t *bucket;   /* BIAS_DISENTANGLED: [2 reach - 1], by query - key + reach - 1: row of the positions */
    size_t reach;             /* the longest text that the tables are made for */
    atomic_size_t next;       /* task: a head of a text */
};
/* Working memory of one thread; start with zeros. */
struct attention_room {
    void *p;
    size_t size;
};
/* Takes tasks until there are none. */
bool encoder_attend(struct encoder_attention *a, struct attention_room *room, struct err *e);
void attention_room_free(struct attention_room *room);

/* relative.c: which bucket a distance falls into. */
uint32_t encoder_bucket(int64_t key_minus_query, uint32_t buckets, uint32_t distance_max);
int64_t encoder_log_bucket(int64_t query_minus_key, uint32_t buckets, uint32_t distance_max);

#endif
