/* kernel/dispatch.c - which table runs on this processor. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernel/kernel.h"

#ifdef __x86_64__
#include <cpuid.h>
extern const struct kernels kernels_avx512, kernels_avx512_bf16, kernels_avxvnni, kernels_avx2;
/* The compiler's run-time library asks the processor and the operating system (XGETBV) both. */
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("fma"); /* half floats: every processor with AVX2 has F16C, and clang cannot ask */
}
/* Two products of bfloat16 in one instruction take Intel's processors four times as long as one of floats (Emerald Rapids, measured), AMD's as
 * long (docs/perf/model.md). */
static bool multiplies_pairs_slowly(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_is("intel");
}
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static bool has_avxvnni(void) /* which clang cannot ask */
{
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4);
}
#elif defined __aarch64__
#include <sys/auxv.h>
extern const struct kernels kernels_neon;
static bool has_dot_products(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#endif

const struct kernels *kernels_nth(size_t i)
{
#ifdef __x86_64__
    bool pairs = has_avx512() && __builtin_cpu_supports("avx512bf16");
    if (has_avx512() && (!pairs || multiplies_pairs_slowly()) && i-- == 0) return &kernels_avx512;
    if (pairs && i-- == 0) return &kernels_avx512_bf16;
    if (has_avxvnni() && i-- == 0) return &kernels_avxvnni;
    if (has_avx2() && i-- == 0) return &kernels_avx2;
#elif defined __aarch64__
    if (has_dot_products() && i-- == 0) return &kernels_neon;
#endif
    return i == 0 ? &kernels_scalar : NULL;
}

static const struct kernels *chosen;
static bool have_wide_bf16;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    const char *forced = getenv("HEARTH_KERNELS");
    for (size_t i = 0; forced && kernels_nth(i); i++)
        if (strcmp(kernels_nth(i)->name, forced) == 0) chosen = kernels_nth(i);
    if (!chosen) chosen = kernels_nth(0);
    for (size_t i = 0; kernels_nth(i); i++) have_wide_bf16 = have_wide_bf16 || kernels_nth(i)->has_wide_bf16;
}

bool kernels_have_wide_bf16(void)
{
    (void)pthread_once(&once, choose);
    return have_wide_bf16;
}

const struct kernels *kernels(void)
{
    (void)pthread_once(&once, choose);
    return chosen;
}
