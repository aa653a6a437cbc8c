/* model/decoder/decoder_priv.h - the packed weights, which loading fills and the forward pass reads. */
#ifndef MODEL_DECODER_DECODER_PRIV_H
#define MODEL_DECODER_DECODER_PRIV_H

#include "model/adapter/lora.h"
#include "model/decoder/adapter.h"
#include "model/decoder/decoder.h"
#include "model/nn/linear.h"

struct norm {
    float *w, *b; /* w NULL: there is no such norm, and what comes in goes out; b NULL: no bias */
};

/* A linear layer and what it was packed from, by whose names adapters find it. */
struct projection {
    struct linear linear;
    struct linear_part part[3];
    size_t parts;
};

struct mlp {
    struct projection up;   /* [2 intermediate, hidden]: gate, then up; [intermediate, hidden] without a gate */
    struct projection down; /* [hidden, intermediate] */
};

struct decoder_layer_weights {
    struct norm norm_before, norm_middle;              /* [hidden]: before attention, before mlp */
    struct norm norm_attention_after, norm_mlp_after;  /* [hidden] */
    struct norm norm_q, norm_k; /* [head_dim], or of all heads, by config.qk_norm */
    struct projection qkv; /* [(heads + 2 kv_heads) head_dim, hidden]: q, then k, then v */
    struct projection o;   /* [hidden, heads head_dim] */
    struct mlp mlp;     /* the only one; beside experts: the shared one, or nothing */
    struct mlp *expert; /* [experts.count], or NULL */
    float *router_correction;  /* [experts.count], or NULL */
    struct linear router, shared_gate; /* [experts.count, hidden], [1, hidden], always in float */
};

struct decoder {
    struct arena *a;
    struct source *source; /* NULL: the caller's */
    struct packed *kept; /* the packed weights */
    const struct weights *weights; /* the embedding is read from the file, a row at a time */
    struct decoder_config config;
    str prefix; /* of the names of tensors: config.names.prefix, or "" for a decoder that was saved without its head */
    enum kernel_type type;
    const struct tensor *embedding; /* [vocab, hidden] */
    const struct tensor *positions; /* [position_offset + positions, hidden] where they are learned, or NULL */
    struct decoder_layer_weights *layer;
    struct norm norm_embedding, norm; /* [hidden] */
    float *alibi; /* [heads][alibi_stride]: what is added to a score, by key - query; or NULL */
    size_t alibi_stride;
    bool is_bare;           /* without */
    struct projection head; /* [vocab, hidden] */
    float *rope_inverse[2]; /* [rope.dim / 2]: angle a position */
    uint64_t parameters;
};

/* ------------------------------------------------------------------ a step, as forward.c and mlp.c share it */

struct decoder_run {
    const struct decoder *d;
    struct team *team;
    struct scratch prepared, attending, room, logits_room; /* room: what follows, in large pages */
    const struct linear *ready; /* the layer whose rows stand in `prepared` already; NULL: none */
    size_t rows_room;
    /* [rows][stride] each, on lines of their own, for the team's threads write them side by side */
    float *x, *normed, *qkv, *attended, *branch, *gate_up, *cosine[2], *sine[2], *logits;
    size_t hidden_stride, qkv_stride, attended_stride, gate_up_stride, vocab_stride;
    struct adapting *adapting; /* adapter.c: which rows go through which adapter; NULL until there is one */
    struct routes *routes; /* mlp.c: which row goes to which expert; NULL without experts */
    struct apart *apart;   /* apart.c: a run for each thread; NULL until there are so many rows */
    /* Of the step that is running. */
    const struct decoder_row *row;
    size_t n;
    struct decoder_row *wanting; /* in the last layer: those that want logits */
    uint32_t *position;
    struct attention_sequence *sequence;
    size_t sequences;
    uint32_t layer;
    struct meeting *meeting; /* of the threads whose rows attend to each other's; NULL: there is nobody to wait for */
};

/* forward.c: room for so many rows, of which so many want logits; */
bool run_room(struct decoder_run *r, size_t rows, size_t wanted, struct err *e);
/* all layers for the rows of r, which have their positions; those that want logits are left at the front of x, and n is their number. */
bool run_layers(struct decoder_run *r, struct err *e);

/* apart.c: may each thread take rows of its own?  Then the same as run_layers, */
bool is_apart(const struct decoder_run *r);
bool run_layers_apart(struct decoder_run *r, struct err *e);
void apart_free(struct apart *a); /* NULL is fine */

/* On this thread alone when there is little to do, for a round of the team is not free. */
static inline void run_share(struct decoder_run *r, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx, bool is_small)
{
    if (is_small) fn(ctx, 0, 1);
    else team_run(r->team, fn, ctx);
}

/* Of rows that linear layers write: an odd number of lines, so that a panel's rows do not meet in a cache. */
static inline size_t run_stride(size_t n) { return linear_stride(n) + 16; }

/* The linear layers that may have an adapter of a sequence beside them. */
enum adapted { ADAPTED_QKV, ADAPTED_O, ADAPTED_UP, ADAPTED_DOWN, ADAPTED_COUNT };
/* adapter.c: what is added to the layer that a tensor is the weight of. */
bool adapter_find(const struct decoder *d, struct lora *lora, const struct linear_part *part, size_t outputs, size_t inputs, struct low_rank *out,
                  struct err *e);
/* Sorts the rows of a step by their adapters; */
bool adapting_sort(struct decoder_run *r, struct err *e);
/* y += what the adapters of the rows add to the layer. */
bool adapting_run(struct decoder_run *r, enum adapted which, const float *x, size_t x_stride, float *y, size_t y_stride, struct err *e);
void adapting_free(struct adapting *a);
/* A linear layer of the layer that runs, for all rows, adapters and all.  Where it is `ready`, x is only for adapters. */
bool project(struct decoder_run *r, enum adapted which, const struct projection *p, const float *x, size_t x_stride, float *y, size_t y_stride,
             struct err *e);

/* mlp.c: `normed` through the mlp of the layer into `branch`. */
bool mlp_run(struct decoder_run *r, struct err *e);
size_t mlp_stride(const struct decoder_config *c); /* of gate_up */
struct routes *routes_new(const struct decoder_config *c); /* NULL without experts */
void routes_room(struct routes *t, size_t rows);           /* NULL is fine */
void routes_free(struct routes *t);

/* rope.c: angles a position, by the scaling of the config. */
void rope_inverse_frequencies(const struct rope *r, float *out);
/* cosine and sine of position, rope.dim / 2 of each, with the attention factor. */
void rope_angles(const struct rope *r, const float *inverse, uint32_t position, float *cosine, float *sine);
/* Turns the first rope.dim numbers of a head: i goes with i + dim / 2. */
void rope_turn(float *head, uint32_t dim, const float *cosine, const float *sine);

#endif
