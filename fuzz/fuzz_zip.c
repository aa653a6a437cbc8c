/* Fuzz target of scan/zip.c, tar.c, packed.c and what they hold, through scan/scan.h. */
#include "fuzz_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_scan("model.pt", data, size); }
