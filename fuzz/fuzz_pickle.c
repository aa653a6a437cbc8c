/* Fuzz target of scan/pickle.h through scan/scan.h: any bytes give a report that can be written and read back. */
#include "fuzz_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_scan("model.pkl", data, size); }
