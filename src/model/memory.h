/* model/memory.h - whether a model fits into memory, asked before it is loaded rather than after it has failed. */
#ifndef MODEL_MEMORY_H
#define MODEL_MEMORY_H

#include "base/err.h"

/* ERR_NO_SPACE: "NAME needs 16.1 GB of memory, and 9.8 GB are free".  All in bytes, free as base/machine.h says; of `needs`, what is mapped from a
 * file that is there already takes no memory that others could not have. */
bool memory_check(const char *name, uint64_t needs, uint64_t mapped, uint64_t free, struct err *e);

#endif
