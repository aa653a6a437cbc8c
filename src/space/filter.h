/* space/filter.h - the system calls that programs of strangers may not make.
 *
 * Not a list of what is allowed, as for our own workers (infer/worker/sandbox.c): nobody knows what an app needs.  Left out is what
 * leads to namespaces, mounts, other processes' memory, keys, kernel modules, tracing, and what has had most of the kernel's faults. */
#ifndef SPACE_FILTER_H
#define SPACE_FILTER_H

#include "base/err.h"

/* A descriptor to be read by bubblewrap, at its beginning. */
bool filter_new(int *fd, struct err *e);

#endif
