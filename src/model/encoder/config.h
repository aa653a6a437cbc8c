/* model/encoder/config.h - an encoder as a description: everything in which one family differs from another.
 *
 * As with decoders, families are rows of a table (families.c): what a family calls its tensors, and how it reads its
 * config.json.  One forward pass (forward.c) does what the description says.  A key that changes the arithmetic and
 * that nobody reads is refused by name. Sources: transformers, models/TYPE/modeling_TYPE.py and configuration_TYPE.py.
 */
#ifndef MODEL_ENCODER_CONFIG_H
#define MODEL_ENCODER_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "kernel/kernel.h"

enum { ENCODER_LAYERS_MAX = 512, ENCODER_LABELS_MAX = 1 << 16, ENCODER_POSITIONS_MAX = 1 << 16 };

/* What a model has on top, by the name of its class: BertForMaskedLM has a HEAD_MASKED. */
enum encoder_head_kind {
    HEAD_NONE,     /* hidden states alone */
    HEAD_POOLER,   /* one vector a text */
    HEAD_SEQUENCE, /* labels of a text */
    HEAD_TOKEN,    /* labels of each token */
    HEAD_QUESTION, /* where an answer begins and ends: two numbers a token */
    HEAD_MASKED,   /* which token stands at a place: as many numbers as the vocabulary has */
    HEAD_KINDS
};

/* A head is: rows -> dense, activation, norm (each may be absent) -> out. */
struct encoder_head_names {
    const char *dense, *norm, *out; /* NULL: there is none */
    const char *out_bias;           /* where it is not out's own: the whole name of the tensor */
    enum kernel_activation act;
    bool act_of_config;    /* the activation is hidden_act's instead */
    bool is_tied;          /* out's weight may be the embedding */
    bool to_embedding;     /* dense gives numbers as wide as the embedding */
};

/* Names of tensors, without ".weight" and ".bias".  A model with a head has `prefix` before all that is the model's. */
struct encoder_names {
    const char *prefix;
    const char *word, *position, *type, *embedding_norm, *project; /* project: from the embedding's width to hidden */
    const char *layer; /* a printf format of the layer's number */
    const char *q, *k, *v, *qkv, *o, *attention_norm, *gate, *up, *down, *output_norm; /* gate: where `up` has not both */
    const char *final_norm;
    struct encoder_head_names head[HEAD_KINDS];
};

enum encoder_bias {
    BIAS_NONE,
    BIAS_BUCKETS,      /* a number a head and bucket of distance, added to the scores (MPNet) */
    BIAS_DISENTANGLED, /* queries meet positions and positions meet keys (DeBERTa) */
};

enum problem_type { PROBLEM_BY_LABELS, PROBLEM_REGRESSION, PROBLEM_SINGLE_LABEL, PROBLEM_MULTI_LABEL };

struct encoder_config {
    str model_type, architecture;
    const struct encoder_names *names;
    uint32_t vocab, hidden, embedding, intermediate, layers, groups, heads, head_dim;
    uint32_t positions;     /* how many tokens a text may have */
    uint32_t position_rows; /* of the table of positions; 0: there is none */
    uint32_t position_base; /* the row of the first token */
    uint32_t types;         /* rows of the table of types; 0: there is none */
    int64_t pad;
    bool positions_skip_pad; /* a pad in the text has the row `pad`, and is not counted */
    float norm_eps;
    enum kernel_activation act;
    bool norms_before;       /* of attention and mlp, and one after all; otherwise after each sum */
    bool first_has_no_norm;  /* the embedding's serves the first layer */
    bool norm_bias, qkv_bias, o_bias, mlp_bias, decoder_bias, classifier_bias;
    bool is_gated;           /* `up` gives what is activated, then what it is multiplied with; */
    bool gate_is_last;       /* or the other way about */
    bool up_has_no_bias;     /* whatever mlp_bias says */
    bool has_rope;
    double rope_base[2];     /* of layers that see all, and of those with a window */
    double rope_stretch;     /* all angles are divided by it */
    uint32_t window;         /* such layers see so many tokens on either side */
    uint32_t window_every;   /* layers 0, n, 2n ... see all; 0: every one does */
    enum encoder_bias bias;
    uint32_t buckets, distance_max; /* of distances */
    bool content_to_position, position_to_content, shares_position_keys, norms_positions;
    bool pools_mean;         /* the head for a text sees the mean of the hidden states, not the first */
    enum problem_type problem;
    uint32_t labels;
    str *label; /* [labels] */
};

/* config.json, already parsed, which must not have a smaller life than a, and neither than *out.  ERR_NOT_BUILT names a
 * model_type that no row knows, and what is known. */
bool encoder_config_read(const struct json *config, struct arena *a, struct encoder_config *out, struct err *e);
/* Labels and problem alone, which decoders with a head for texts have, too. */
bool encoder_labels_read(const struct json *config, struct arena *a, struct encoder_config *out, struct err *e);
/* Which model_types there are, one by one; NULL past the last. */
const char *encoder_family(size_t i);
/* Does a row know it? */
bool encoder_knows(str model_type);
/* The head that "BertForMaskedLM" names; HEAD_NONE for any other class. */
enum encoder_head_kind encoder_head_of(str architecture);

#endif
