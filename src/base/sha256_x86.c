/* sha256_x86.c - blocks of one stream, and of two side by side, which wait for each other's instructions no more than for
 * their own.  Compiled with the flags of its instruction set; nothing here runs before the processor was asked. */
#include "base/sha256_x86.h"

#include "base/sha256_priv.h"

void sha256_x86_blocks(uint32_t state[8], const uint8_t *p, size_t count)
{
    struct sha256_lane a;
    sha256_load(&a, state);
    for (; count; count--, p += SHA256_BLOCK) {
        sha256_begin(&a, p);
#define FOUR(g) sha256_rounds(&a, g);
        SHA256_ROUNDS(FOUR)
#undef FOUR
        sha256_end(&a);
    }
    sha256_store(&a, state);
}

void sha256_x86_two(uint32_t state_p[8], const uint8_t *p, uint32_t state_q[8], const uint8_t *q, size_t count)
{
    struct sha256_lane a, b;
    sha256_load(&a, state_p);
    sha256_load(&b, state_q);
    for (; count; count--, p += SHA256_BLOCK, q += SHA256_BLOCK) {
        sha256_begin(&a, p);
        sha256_begin(&b, q);
#define FOUR(g) sha256_rounds(&a, g); sha256_rounds(&b, g);
        SHA256_ROUNDS(FOUR)
#undef FOUR
        sha256_end(&a);
        sha256_end(&b);
    }
    sha256_store(&a, state_p);
    sha256_store(&b, state_q);
}
