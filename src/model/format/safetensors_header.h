/* model/format/safetensors_header.h - the header of a .safetensors file: bytes in, description out.
 *
 *     offset  size  meaning
 *     0       8     n, little-endian: length of the header
 *     8       n     JSON object: tensor name -> {"dtype", "shape", "data_offsets": [begin, end]},
 *                   and "__metadata__" -> {text: text}
 *     8 + n         the data; offsets count from here
 *
 * Source: the format's README in github.com/huggingface/safetensors.  As there, the tensors must cover the
 * data exactly: no hole, no overlap.  Pure; does no I/O; safe from any thread. */
#ifndef MODEL_FORMAT_SAFETENSORS_HEADER_H
#define MODEL_FORMAT_SAFETENSORS_HEADER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum st_dtype {
    ST_BOOL, ST_F4, ST_F6_E2M3, ST_F6_E3M2, ST_U8, ST_I8, ST_F8_E5M2, ST_F8_E4M3, ST_F8_E8M0, ST_F8_E4M3FNUZ,
    ST_F8_E5M2FNUZ, ST_I16, ST_U16, ST_F16, ST_BF16, ST_I32, ST_U32, ST_F32, ST_C64, ST_F64, ST_I64, ST_U64,
    ST_DTYPES
};
str st_dtype_name(enum st_dtype t);
unsigned st_dtype_bits(enum st_dtype t);

enum { ST_RANK_MAX = 8, ST_PREFIX_BYTES = 8 };

struct st_limits {
    uint64_t header_bytes_max; /* of the JSON; the format itself allows 100 MB */
    size_t tensors_max;
};
extern const struct st_limits st_limits_default; /* 100,000,000 bytes and 1 << 20 tensors */

struct st_tensor {
    str name;
    enum st_dtype dtype;
    unsigned rank;
    uint64_t shape[ST_RANK_MAX];
    uint64_t elements;   /* product of the shape; 1 for a scalar */
    uint64_t begin, end; /* within the data */
};
struct st_metadata {
    str key, value;
};
struct st_header {
    uint64_t header_bytes; /* of the JSON */
    uint64_t data_offset;  /* from the start of the file: 8 + header_bytes */
    uint64_t data_bytes;
    struct st_tensor *tensor; /* by position in the data */
    size_t tensors_count;
    struct st_metadata *metadata;
    size_t metadata_count;
};

/* Reads the length out of the first 8 bytes, so that the caller knows how much to fetch. */
bool st_header_length(bytes first, const struct st_limits *limits, uint64_t *out, struct err *e);
/* `file` begins at the start of the file and holds at least the whole header; file_bytes is the size of the
 * whole file.  Texts are views of `file` or live in a, which must not have a smaller life than the result. */
bool st_header_parse(bytes file, uint64_t file_bytes, const struct st_limits *limits, struct arena *a,
                     struct st_header *out, struct err *e);

#endif
