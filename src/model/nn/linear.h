/* model/nn/linear.h - a linear layer in its packed form: y = W x (+ bias), for any number of rows x. */
#ifndef MODEL_NN_LINEAR_H
#define MODEL_NN_LINEAR_H

#include "base/arena.h"
#include "kernel/kernel.h"
#include "model/nn/packed.h"
#include "model/nn/scratch.h"
#include "model/nn/team.h"
#include "model/weights.h"

struct linear {
    enum kernel_type type;
    size_t n, k; /* outputs, inputs */
    uint8_t *packed; /* kernel_panels(n) panels; owned, unless there is a slot, which then says where they are now */
    struct packed_slot *slot;
    size_t packed_bytes, panel_bytes;
    float *bias; /* [panels * 32], or NULL; owned */
};

/* Where the panels are now. */
static inline const uint8_t *linear_data(const struct linear *l) { return l->slot ? packed_data(l->slot) : l->packed; }

/* by b a is added to a weight: what an adapter has learned.  Layers with such a part are not to be kept in a cache. */
struct low_rank {
    const struct tensor *a, *b; /* [rank, k], [stored rows, rank]; a NULL: nothing */
    float by;
};

/* What one layer is stored as: so many tensors, whose outputs stand one after the other. */
struct linear_part {
    const struct tensor *weight; /* [rows, k], or [k, rows] when is_transposed */
    const struct tensor *bias;   /* [rows], or NULL */
    bool is_transposed;
    const uint32_t *row; /* output i is the stored row row[i], i < rows; NULL: all rows, in their order */
    size_t rows;
    struct low_rank add;
};
/* The smallest type that keeps what the file has: Q4 or Q4M for blocks of four bits, Q8 for all others, BF16 for plain numbers; of parts
 * that differ, the largest. */
enum kernel_type linear_nearest(const struct linear_part *part, size_t parts);
#define LINEAR_NEAREST KERNEL_TYPES /* where a model is opened, and to linear_pack: so for each of its layers */
bool linear_type_parse(str name, enum kernel_type *out); /* "f32", "bf16", "q8", "q4"; "auto" is LINEAR_NEAREST */
uint64_t linear_memory(enum kernel_type type, uint64_t outputs, size_t inputs); /* bytes of a layer as packed */
/* Packs in parallel.  ERR_NO_SPACE when memory is short; ERR_INVALID for a weight that is not a finite number. */
bool linear_pack(struct team *team, enum kernel_type type, size_t k, const struct linear_part *part, size_t parts,
                 struct linear *out, struct err *e);
/* The same into a model's packed weights (NULL: memory of its own), which must be closed after the layer is freed. */
bool linear_pack_kept(struct packed *kept, struct team *team, enum kernel_type type, size_t k, const struct linear_part *part,
                      size_t parts, struct linear *out, struct err *e);
void linear_free(struct linear *l); /* fine if all zero */

/* y[r * y_stride + j] for r < rows, j < n.  Whole panels are written, so y_stride is at least linear_stride(n). */
static inline size_t linear_stride(size_t n) { return kernel_panels(n) * KERNEL_PANEL; }
bool linear_run(struct team *team, struct scratch *s, const struct linear *l, const float *x, size_t x_stride, size_t rows,
                float *y, size_t y_stride, struct err *e);
/* The same in steps, where rows come from threads that can prepare them on the way: room for so many, each of them once,
 * from any thread, and the product. */
bool linear_room(struct scratch *s, const struct linear *l, size_t rows, struct err *e);
void linear_prepare(const struct scratch *s, const struct linear *l, const float *x, size_t row);
void linear_run_prepared(struct team *team, const struct scratch *s, const struct linear *l, size_t rows, float *y, size_t y_stride);

#endif
