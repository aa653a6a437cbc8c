/* xet/copy.h - a copy that is next read by another processor, or by the disk. */
#ifndef XET_COPY_H
#define XET_COPY_H

#include "base/str.h"

/* As memcpy, past the processor's caches where it can be told so: what is overwritten there need not be read first, and what
 * is there stays.  Half the cost of memcpy for a frame of a xorb. */
void xet_copy_past_cache(uint8_t *out, const uint8_t *p, size_t n);

#endif
