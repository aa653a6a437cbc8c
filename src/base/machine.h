/* base/machine.h - how much of the machine this process has.
 *
 * In a container, or under the limits of a service, that is less than what the machine has, and whoever takes more is slowed
 * down or killed: so the least counts of the machine, of every control group that the process is in (version 1 or 2), of its
 * affinity and of its limit on address space.  What cannot be read is no limit. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct machine {
    size_t processors;    /* at least 1; a group's share of time, rounded up */
    uint64_t memory;      /* bytes, for this process and whatever shares its groups */
    uint64_t memory_free; /* what it may still take; pages of files in the cache make room when they must, so they are free */
};
struct machine machine_now(void);
/* Tests: with the files of a machine below root, in proc/ and sys/. */
struct machine machine_at(const char *root);

#endif
