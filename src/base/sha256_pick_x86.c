/* sha256_pick_x86.c - has this x86-64 processor the SHA extensions? */
#include <cpuid.h>

#include "base/sha256_priv.h"

enum { LEAF_FEATURES = 7, EBX_SHA = 1 << 29 };

const struct sha256_kernel *sha256_kernel_pick(str forced)
{
    static const struct sha256_kernel sha = { "sha", sha256_x86_blocks, sha256_x86_two };
    unsigned a, b, c, d;
    if (str_eq(forced, STR("scalar")) || !__builtin_cpu_supports("sse4.1") || !__builtin_cpu_supports("ssse3")) return NULL;
    return __get_cpuid_count(LEAF_FEATURES, 0, &a, &b, &c, &d) && (b & EBX_SHA) ? &sha : NULL;
}
