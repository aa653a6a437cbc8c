/* model/weights.h - the tensors of a repository by name, wherever they lie and however they are packed.
 *
 * A directory with model.safetensors, or with model.safetensors.index.json and its shards; or what model/gguf makes of a
 * .gguf file.  Files are mapped, so nothing is read before it is needed.  Immutable once open: safe from any thread. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/format/safetensors_header.h"

/* The order of rows in the file, where it is not that of the tensor.  A head has d rows. */
enum tensor_order {
    TENSOR_PLAIN,
    TENSOR_PAIRS,   /* of each head: row 2 i is i, row 2 i + 1 is i + d/2 (GGUF's llama) */
    TENSOR_BY_HEAD, /* all q, all k, all v, where the tensor has q, k, v of each head (GGUF's gptneox) */
};

struct gguf_block;
/* Shape and order are those of the repository; data is as it lies in the file, to be read by tensor_floats. */
struct tensor {
    str name;
    enum st_dtype dtype;
    const struct gguf_block *block; /* packed in blocks; NULL: plain numbers of dtype */
    unsigned rank;
    uint64_t shape[ST_RANK_MAX];
    uint64_t elements;
    bytes data; /* aligned to nothing */
    enum tensor_order order;
    uint32_t heads;     /* for order */
    bool is_kept;       /* data lies elsewhere than in the file */
    bool is_transposed; /* the file has [shape[1], shape[0]] */
    float shift;        /* what the file's numbers lack */
};

/* Where files are there but for their headers (a worker's, infer/worker/staging.h): `fetch` brings the rest when a number of any of them
 * is first read, on the thread that reads it.  Set before the first is opened; weights_are_gone says that it is so again. */
void weights_come_later(bool (*fetch)(void *ctx, struct err *e), void *ctx);
void weights_are_gone(void);

struct weights;
void weights_are_here(struct weights *w); /* of these nothing comes later */
bool weights_open(const char *dir, struct weights **out, struct err *e);
bool weights_open_file(const char *dir, const char *name, struct weights **out, struct err *e); /* name NULL: as weights_open */
/* Of tensors that lie elsewhere; the list is copied, what it points to must stay.  ERR_INVALID: two have one name. */
bool weights_from(const struct tensor *list, size_t n, struct weights **out, struct err *e);
/* The files that a model.safetensors.index.json names, each once, by name.  Pure. */
bool weights_index_files(str text, struct arena *a, str **out, size_t *n, struct err *e);
void weights_close(struct weights *w); /* NULL is fine; tensors end with it */
const struct tensor *weights_find(const struct weights *w, str name); /* NULL: there is none */
uint64_t weights_bytes(const struct weights *w);
size_t weights_count(const struct weights *w);
const struct tensor *weights_nth(const struct weights *w, size_t i);

/* The tensor must have this shape; rank 1 or 2.  ERR_NOT_FOUND or ERR_INVALID names it and both shapes. */
bool weights_need(const struct weights *w, str name, uint64_t rows, uint64_t columns, const struct tensor **out, struct err *e);

/* Elements [first, first + n) as floats; ERR_INVALID for a dtype that is no number we read (F32, F64, F16, BF16, F8). */
bool tensor_floats(const struct tensor *t, uint64_t first, size_t n, float *out, struct err *e);
/* x: numbers first, first + step, .. of the tensor.  ERR_INVALID names it and the first that is NaN or infinite. */
bool tensor_check_finite(const struct tensor *t, uint64_t first, uint64_t step, const float *x, size_t n, struct err *e);
/* out[shape[0]]: one column of a tensor of rank 2. */
bool tensor_column(const struct tensor *t, uint64_t column, float *out, struct err *e);
/* Row `at` (or column, which a transposed file has as a row) as the blocks that the file has; NULL: it has plain numbers, or
 * what it has is not the row as it stands. */
const uint8_t *tensor_row_blocks(const struct tensor *t, bool column, uint64_t at);

#endif
