/* kernel/pack_blocks.c - blocks of GGUF files straight into panels: the same scales, the same numbers, nothing rounded.
 *
 *   Q8_0   32 numbers in 34 bytes: float16 scale; int8 q[32]                     weight = scale * q
 *   Q4_0   32 numbers in 18 bytes: float16 scale; uint8 q[16]                    weight = scale * (nibble - 8)
 *          the low nibble of q[i] is number i, the high one number i + 16 */
#include <string.h>

#include "kernel/kernel.h"

static bool is_finite(const uint8_t *half) { return (half[1] & 0x7c) != 0x7c; }

/* One output of one group; NULL stands for zeros. */
static bool put_q8(const uint8_t *block, size_t j, uint8_t *group)
{
    if (block && !is_finite(block)) return false;
    if (block) memcpy(group + 2 * j, block, 2);
    else memset(group + 2 * j, 0, 2);
    for (size_t i = 0; i < KERNEL_GROUP; i++) group[64 + (i / 4 * KERNEL_PANEL + j) * 4 + i % 4] = block ? block[2 + i] ^ 0x80 : 128;
    return true;
}

static bool put_q4(const uint8_t *block, size_t j, uint8_t *group)
{
    if (block && !is_finite(block)) return false;
    if (block) memcpy(group + 2 * j, block, 2);
    else memset(group + 2 * j, 0, 2);
    for (size_t i = 0; i < KERNEL_GROUP; i += 8)
        for (size_t b = 0; b < 4; b++) {
            size_t low = i + b, high = i + b + 4; /* numbers of the row */
            unsigned shift = i < 16 ? 0 : 4;      /* the second half of a block lies in its high nibbles */
            unsigned q = block ? (block[2 + low % 16] >> shift & 15u) | (block[2 + high % 16] >> shift & 15u) << 4 : 0x88;
            group[64 + (i / 8 * KERNEL_PANEL + j) * 4 + b] = (uint8_t)q;
        }
    return true;
}

bool kernel_pack_blocks(enum kernel_type t, const uint8_t *const row[KERNEL_PANEL], size_t k, uint8_t *out)
{
    size_t block_bytes = t == KERNEL_Q8 ? 34 : 18, group_bytes = t == KERNEL_Q8 ? 1088 : 576;
    if (k % KERNEL_GROUP || (t != KERNEL_Q8 && t != KERNEL_Q4)) return false;
    for (size_t g = 0; g < k / KERNEL_GROUP; g++)
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            const uint8_t *block = row[j] ? row[j] + g * block_bytes : NULL;
            if (t == KERNEL_Q8 ? !put_q8(block, j, out + g * group_bytes) : !put_q4(block, j, out + g * group_bytes)) return false;
        }
    return true;
}
