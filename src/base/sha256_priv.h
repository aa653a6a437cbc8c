/* base/sha256_priv.h - blocks of SHA-256 in our own code, where the processor has instructions for it.  Elsewhere OpenSSL does
 * all of it. */
#ifndef BASE_SHA256_PRIV_H
#define BASE_SHA256_PRIV_H

#include "base/str.h"

enum { SHA256_BLOCK = 64 };

struct sha256_kernel {
    const char *name;
    void (*blocks)(uint32_t state[8], const uint8_t *p, size_t count);
    /* The same for two streams at once, in little more time than one takes. */
    void (*two)(uint32_t state_p[8], const uint8_t *p, uint32_t state_q[8], const uint8_t *q, size_t count);
};

/* NULL: none runs here, or `forced` is "scalar".  One file per processor family answers. */
const struct sha256_kernel *sha256_kernel_pick(str forced);

void sha256_x86_blocks(uint32_t state[8], const uint8_t *p, size_t count);
void sha256_x86_two(uint32_t state_p[8], const uint8_t *p, uint32_t state_q[8], const uint8_t *q, size_t count);

#endif
