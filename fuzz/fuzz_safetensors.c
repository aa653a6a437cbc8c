/* fuzz_safetensors.c - the header parser: what it accepts lies inside the file, tensor behind tensor. */
#include "model/format/safetensors_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 << 20);
    struct st_header h;
    struct err e;

    if (st_header_parse((bytes){ data, size }, size, &st_limits_default, a, &h, &e)) {
        uint64_t at = 0;
        must(h.data_offset + h.data_bytes == size);
        for (size_t i = 0; i < h.tensors_count; i++) {
            must(h.tensor[i].begin == at && h.tensor[i].end >= at && h.tensor[i].end <= h.data_bytes);
            at = h.tensor[i].end;
        }
    }
    arena_free(a);
    return 0;
}
