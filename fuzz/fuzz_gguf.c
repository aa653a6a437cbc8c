/* fuzz_gguf.c - the header parser: what it accepts lies inside the file; "more" is asked for only when there is more. */
#include "model/format/gguf_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int part = 0; part < 2; part++) {
        struct arena *a = arena_new(64 << 20);
        struct gguf_header h;
        struct err e;
        bool more;
        str s;
        uint64_t file_bytes = part ? (uint64_t)size + (1 << 20) : size;
        if (gguf_header_parse((bytes){ data, size }, file_bytes, &gguf_limits_default, a, &h, &more, &e)) {
            for (size_t i = 0; i < h.tensors_count; i++)
                must(h.tensor[i].offset <= file_bytes && h.tensor[i].size_bytes <= file_bytes - h.data_offset - h.tensor[i].offset);
            for (size_t i = 0; i < h.pairs_count; i++)
                if (gguf_array_str(&h.pair[i].value, 2, &s)) must((const uint8_t *)s.p + s.n <= data + size);
        } else {
            must(!more || part);
        }
        arena_free(a);
    }
    return 0;
}
