/* model/format/gguf_header.h - the header of a .gguf file: bytes in, description out.
 *
 *     magic "GGUF", u32 version (2 or 3), u64 tensors, u64 key-value pairs       (little-endian)
 *     pairs:   string key, u32 type, value        string: u64 length, bytes      array: u32 type, u64 count, items
 *     tensors: string name, u32 rank, u64 shape[rank] (fastest dimension first), u32 type, u64 offset
 *     padding to `general.alignment` (32), then the data; offsets count from there
 *
 * Source: docs/gguf.md in github.com/ggml-org/ggml.  Values are views of the input.  Pure; does no I/O; safe
 * from any thread. */
#ifndef MODEL_FORMAT_GGUF_HEADER_H
#define MODEL_FORMAT_GGUF_HEADER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
    GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES
};
enum { GGUF_RANK_MAX = 4, GGUF_TENSOR_TYPES = 41 };

struct gguf_limits {
    uint64_t pairs_max, tensors_max;
    uint64_t key_bytes_max, name_bytes_max;
};
extern const struct gguf_limits gguf_limits_default; /* 65,536 pairs, 1 << 20 tensors, keys 65,535, names 1024 bytes */

struct gguf_value {
    enum gguf_type type;
    union {
        uint64_t u; /* unsigned types, and BOOL as 0 or 1 */
        int64_t i;
        double r;
        str s; /* checked to be inside the input, not to be UTF-8 */
        struct {
            enum gguf_type item; /* never GGUF_ARRAY */
            uint64_t count;
            bytes data; /* the items as they stand */
        } array;
    };
};
struct gguf_pair {
    str key;
    struct gguf_value value;
};
struct gguf_tensor {
    str name;
    uint32_t type; /* ggml's number; see gguf_tensor_type */
    unsigned rank;
    uint64_t shape[GGUF_RANK_MAX];
    uint64_t elements, offset, size_bytes;
};
struct gguf_header {
    uint32_t version;
    uint64_t alignment, data_offset;
    struct gguf_pair *pair; /* as they stand; keys differ */
    size_t pairs_count;
    struct gguf_tensor *tensor; /* as they stand; names differ, data does not overlap */
    size_t tensors_count;
    uint64_t elements; /* of all tensors */
};

/* How ggml packs numbers: so many elements in a block of so many bytes.  False for an unknown type. */
bool gguf_tensor_type(uint32_t type, str *name, unsigned *block_elements, unsigned *block_bytes);

/* `file` begins at the start of the file.  If it holds too little, *needs_more is set and the answer is
 * false: fetch more and try again.  file_bytes is the size of the whole file. */
bool gguf_header_parse(bytes file, uint64_t file_bytes, const struct gguf_limits *limits, struct arena *a,
                       struct gguf_header *out, bool *needs_more, struct err *e);

const struct gguf_value *gguf_get(const struct gguf_header *h, str key);
bool gguf_get_str(const struct gguf_header *h, str key, str *out);
bool gguf_get_u64(const struct gguf_header *h, str key, uint64_t *out); /* any whole type, not negative */
/* Item i of an array of strings; walks from the start. */
bool gguf_array_str(const struct gguf_value *v, uint64_t i, str *out);
/* One after the other; start with *rest all zero.  False: past the last, or no array of strings. */
bool gguf_array_next(const struct gguf_value *v, str *rest, str *out);

#endif
