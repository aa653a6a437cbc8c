/* kernel/convert.c - half floats, and what the packed forms weigh. */
#include "kernel/kernel.h"

#include <string.h>

#include "base/str.h"

static size_t up(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t kernel_panel_bytes(enum kernel_type t, size_t k)
{
    switch (t) {
    case KERNEL_F32: return k * KERNEL_PANEL * sizeof(float);
    case KERNEL_BF16: return up(k, 2) * KERNEL_PANEL * sizeof(uint16_t);
    case KERNEL_Q8: return up(k, KERNEL_GROUP) / KERNEL_GROUP * 1088;
    case KERNEL_Q4M: return up(k, KERNEL_GROUP) / KERNEL_GROUP * 640;
    case KERNEL_Q4: return up(k, KERNEL_GROUP) / KERNEL_GROUP * 576;
    case KERNEL_TYPES: break;
    }
    return 0;
}

/* The twelve rows of a tile are read side by side: with 4096 bytes from one to the next they would all want the same eight
 * places of the first-level cache. */
static size_t odd_lines(size_t n) { return up(n, 64) | 64; }

size_t kernel_row_bytes(enum kernel_type t, size_t k)
{
    size_t groups = up(k, KERNEL_GROUP) / KERNEL_GROUP;
    switch (t) {
    case KERNEL_F32: return odd_lines(k * sizeof(float));
    case KERNEL_BF16: return odd_lines(up(k, 2) * (kernels_have_wide_bf16() ? sizeof(float) : sizeof(uint16_t)));
    case KERNEL_Q8: return odd_lines(groups * sizeof(struct kernel_group));
    case KERNEL_Q4M:
    case KERNEL_Q4: return odd_lines(groups * sizeof(struct kernel_group) + sizeof(float));
    case KERNEL_TYPES: break;
    }
    return 0;
}

uint16_t kernel_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40); /* rounding could make a NaN infinite */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float kernel_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff, u;
    float f;
    if (exponent == 31) {
        u = sign | 0x7f800000 | mantissa << 13;
    } else if (exponent) {
        u = sign | (exponent + 112) << 23 | mantissa << 13;
    } else { /* subnormal: mantissa / 2^24 */
        f = (float)mantissa * 0x1p-24f;
        memcpy(&u, &f, sizeof u);
        u |= sign;
    }
    memcpy(&f, &u, sizeof f);
    return f;
}

uint16_t kernel_to_f16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    uint32_t rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return sign | 0x7e00;
    if (rest >= 0x47800000) return sign | 0x7c00; /* 65536 and more */
    if (rest < 0x38800000) {                      /* below 2^-14: let the addition round at 2^-24 */
        union { uint32_t u; float f; } v = { .u = rest };
        v.f += 0.5f;
        return (uint16_t)(sign | (v.u - 0x3f000000));
    }
    rest += 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | ((rest - 0x38000000) >> 13)); /* may round up to infinity, as it must */
}
