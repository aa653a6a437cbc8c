/* kernel/dispatch.c - which table runs on this processor. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernel/kernel.h"

#ifdef __x86_64__
extern const struct kernels kernels_avx512, kernels_avx2;
/* The compiler's run-time library asks the processor and the operating system (XGETBV) both. */
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("fma"); /* half floats: every processor with AVX2 has F16C, and clang cannot ask */
}
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#elif defined __aarch64__
#include <sys/auxv.h>
extern const struct kernels kernels_neon;
static bool has_dot_products(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#endif

const struct kernels *kernels_nth(size_t i)
{
#ifdef __x86_64__
    if (has_avx512() && i-- == 0) return &kernels_avx512;
    if (has_avx2() && i-- == 0) return &kernels_avx2;
#elif defined __aarch64__
    if (has_dot_products() && i-- == 0) return &kernels_neon;
#endif
    return i == 0 ? &kernels_scalar : NULL;
}

static const struct kernels *chosen;

static void choose(void)
{
    const char *forced = getenv("HEARTH_KERNELS");
    for (size_t i = 0; forced && kernels_nth(i); i++)
        if (strcmp(kernels_nth(i)->name, forced) == 0) chosen = kernels_nth(i);
    if (!chosen) chosen = kernels_nth(0);
}

const struct kernels *kernels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, choose);
    return chosen;
}
