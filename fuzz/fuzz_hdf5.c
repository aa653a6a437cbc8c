/* fuzz_hdf5.c - settings of models, in HDF5 and where else a loader looks for them: Keras, templates, YAML. */
#include "fuzz_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = { "model.h5", "keras_metadata.pb", "config.json", "chat_template.jinja", "x.yaml", "model.safetensors", "model.gguf" };
    for (size_t i = 0; i < COUNT(paths); i++) fuzz_scan(paths[i], data, size);
    return 0;
}
