/* model/weights.h - the tensors of a repository by name, wherever they lie.
 *
 * A directory with model.safetensors, or with model.safetensors.index.json and its shards.  Files are mapped, so nothing
 * is read before it is needed.  Immutable once open: safe from any thread. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "base/err.h"
#include "base/str.h"
#include "model/format/safetensors_header.h"

struct tensor {
    str name;
    enum st_dtype dtype;
    unsigned rank;
    uint64_t shape[ST_RANK_MAX];
    uint64_t elements;
    bytes data; /* aligned to nothing */
};

struct weights;
bool weights_open(const char *dir, struct weights **out, struct err *e);
void weights_close(struct weights *w); /* NULL is fine; tensors end with it */
const struct tensor *weights_find(const struct weights *w, str name); /* NULL: there is none */
uint64_t weights_bytes(const struct weights *w);
size_t weights_count(const struct weights *w);
const struct tensor *weights_nth(const struct weights *w, size_t i);

/* The tensor must have this shape; rank 1 or 2.  ERR_NOT_FOUND or ERR_INVALID names it and both shapes. */
bool weights_need(const struct weights *w, str name, uint64_t rows, uint64_t columns, const struct tensor **out, struct err *e);

/* Elements [first, first + n) as floats; ERR_INVALID for a dtype that is no number we read (F32, F64, F16, BF16, F8). */
bool tensor_floats(const struct tensor *t, uint64_t first, size_t n, float *out, struct err *e);

#endif
