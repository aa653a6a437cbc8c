/* fuzz_onnx.c - graphs that strangers wrote: ONNX, SavedModel, frozen graphs, TFLite.  Any bytes have a verdict, soon. */
#include "fuzz_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = { "model.onnx", "renamed", "saved_model.pb", "frozen.pb" };
    for (size_t i = 0; i < COUNT(paths); i++) fuzz_scan(paths[i], data, size);
    return 0;
}
