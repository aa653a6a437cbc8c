/* xet/chunker_priv.h - what the chunker asks of an instruction set: the first cut in a block of bytes. */
#ifndef XET_CHUNKER_PRIV_H
#define XET_CHUNKER_PRIV_H

#include "xet/chunker.h"
#include "xet/gear.h"

enum { XET_GEAR_WINDOW = 64 }; /* bytes that the hash depends on */
#define XET_GEAR_CUT_BELOW ((uint64_t)1 << 48) /* h & 0xFFFF000000000000 is zero exactly when h is below this */

static inline uint64_t xet_gear_step(uint64_t h, uint8_t b) { return (h << 1) + xet_gear[b]; }

static inline uint64_t xet_gear_before(const uint8_t *at) /* the hash of the bytes before it */
{
    uint64_t h = 0;
    for (unsigned i = 0; i < XET_GEAR_WINDOW; i++) h = xet_gear_step(h, (at - XET_GEAR_WINDOW)[i]);
    return h;
}

/* The number of bytes up to and with the first cut in p[0..block_bytes), or block_bytes and *cut false.  *gear is the hash
 * before the block, and after it if there is no cut.  Nothing outside the block is read. */
struct xet_scanner {
    const char *name;
    size_t block_bytes;
    size_t (*scan)(const uint8_t *p, uint64_t *gear, bool *cut);
};

/* The same for any number of bytes, with the best scanner of this machine. */
size_t xet_scan(const uint8_t *p, size_t n, uint64_t *gear, bool *cut); /* chunker.c */

enum { XET_SCAN_C_BYTES = 4096, XET_SCAN_AVX512_BYTES = 8192 };
size_t xet_scan_c(const uint8_t *p, uint64_t *gear, bool *cut); /* chunker.c */
size_t xet_scan_avx512(const uint8_t *p, uint64_t *gear, bool *cut);
void xet_scan_avx512_init(void); /* once, before the first scan */

/* The best scanner that this machine runs, or the one that `forced` names if it does run here.  One file per processor
 * family answers this. */
struct xet_scanner xet_scanner_pick(str forced);

#endif
