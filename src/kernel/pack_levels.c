/* kernel/pack_levels.c - weights that are whole numbers with a scale already, as files have them, into panels as they are. */
#include <string.h>

#include "kernel/kernel.h"

static bool is_finite(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

/* Byte by byte: numbers 8i..8i+3 in low nibbles, 8i+4..8i+7 in high ones. */
static bool put_nibbles(const int8_t *q, int low, size_t j, uint8_t *out)
{
    for (size_t i = 0; i < KERNEL_GROUP; i += 8)
        for (size_t b = 0; b < 4; b++) {
            int first = q[i + b] - low, second = q[i + b + 4] - low;
            if ((first | second) & ~15) return false;
            out[(i / 8 * KERNEL_PANEL + j) * 4 + b] = (uint8_t)(first | second << 4);
        }
    return true;
}

/* Numbers from -8 on, without a least, can be said from 0 on with one. */
static bool put_q4m(const struct kernel_levels *x, size_t j, uint8_t *group)
{
    uint16_t least = x->least;
    int low = 0;
    for (size_t i = 0; i < KERNEL_GROUP && low == 0; i++)
        if (x->q[i] < 0) low = -8;
    if (low && least) return false;
    if (low) least = kernel_to_f16(-8 * kernel_of_f16(x->scale)); /* exact, if it is finite */
    memcpy(group + 64 + 2 * j, &least, 2);
    return is_finite(least) && put_nibbles(x->q, low, j, group + 128);
}

bool kernel_pack_levels(enum kernel_type t, const struct kernel_levels *x, size_t j, uint8_t *group)
{
    static const struct kernel_levels zeros;
    if (!x) x = &zeros;
    if (!is_finite(x->scale)) return false;
    memcpy(group + 2 * j, &x->scale, 2);
    if (t == KERNEL_Q4M) return put_q4m(x, j, group);
    if (x->least & 0x7fff) return false;
    if (t == KERNEL_Q4) return put_nibbles(x->q, -8, j, group + 64);
    if (t != KERNEL_Q8) return false;
    for (size_t i = 0; i < KERNEL_GROUP; i++) group[64 + (i / 4 * KERNEL_PANEL + j) * 4 + i % 4] = (uint8_t)(x->q[i] ^ 0x80);
    return true;
}
