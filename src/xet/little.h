/* xet/little.h - the numbers of the Xet formats: 32 bits, little-endian, wherever they stand. */
#ifndef XET_LITTLE_H
#define XET_LITTLE_H

#include "base/buf.h"

static inline uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void little32_put(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static inline void buf_little32(struct buf *out, uint32_t v)
{
    char *p = buf_reserve(out, 4);
    if (!p) return; /* the buf says that it failed */
    little32_put((uint8_t *)p, v);
    out->n += 4;
}

#endif
