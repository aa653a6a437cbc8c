/* fuzz_weights_index.c - model.safetensors.index.json: what comes out are plain names, each once. */
#include "model/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 << 20);
    struct err e;
    str *file;
    size_t n;
    if (weights_index_files(str_n((const char *)data, size), a, &file, &n, &e))
        for (size_t i = 0; i < n; i++) {
            must(file[i].n > 0 && file[i].p[0] != '.' && str_chr(file[i], '/') == STR_NONE);
            must(i == 0 || str_cmp(file[i - 1], file[i]) < 0);
        }
    arena_free(a);
    return 0;
}
