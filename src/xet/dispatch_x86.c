/* dispatch_x86.c - which kernels of BLAKE3 and of the chunker run on this x86-64 processor. */
#include "xet/blake3_priv.h"
#include "xet/chunker_priv.h"
#include "xet/weave_priv.h"

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2");
}
static bool has_avx2(void) { return __builtin_cpu_supports("avx2"); }
static bool has_c(void) { return true; }

static const struct {
    bool (*runs_here)(void);
    struct blake3_kernel kernel;
} best_first[] = {
    { has_avx512, { "avx512", blake3_run_avx512 } },
    { has_avx2, { "avx2", blake3_run_avx2 } },
    { has_c, { "scalar", blake3_run_scalar } },
};

const struct blake3_kernel *blake3_kernel_pick(str forced)
{
    const struct blake3_kernel *best = NULL;
    for (size_t i = 0; i < COUNT(best_first); i++) {
        if (!best_first[i].runs_here()) continue;
        if (str_eq(forced, str_c(best_first[i].kernel.name))) return &best_first[i].kernel;
        if (!best) best = &best_first[i].kernel;
    }
    return best;
}

struct xet_scanner xet_scanner_pick(str forced)
{
    bool wanted = forced.n == 0 || str_eq(forced, STR("avx512"));
    if (!wanted || !has_avx512() || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vbmi"))
        return (struct xet_scanner){ "c", XET_SCAN_C_BYTES, xet_scan_c };
    xet_scan_avx512_init();
    return (struct xet_scanner){ "avx512", XET_SCAN_AVX512_BYTES, xet_scan_avx512 };
}

/* Our own SHA-256 runs where the processor has its instructions, so a hasher that shows its state says that it has. */
static bool has_sha(void)
{
    struct hasher *h = hasher_new_sha256();
    bool has = hasher_state(h) != NULL;
    hasher_free(h);
    return has;
}

/* The instructions of SHA-256 are of the old kind, which leaves the upper halves of registers as they are.  Among those of AVX-512 they cost
 * nothing more on AMD's processors, and hundreds of cycles each on Intel's (docs/perf/upload.md): a hundredth of the speed. */
static bool mixes_sha_with_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_is("amd");
}

const struct xet_weave_kernel *xet_weave_pick(bool with_sha256, str forced)
{
    static const struct xet_weave_kernel sha_avx512 = { "sha-avx512", true, 2, xet_weave_sha_avx512 };
    static const struct xet_weave_kernel sha = { "sha", false, 2, xet_weave_sha };
    static const struct xet_weave_kernel avx512 = { "avx512", true, 4, xet_weave_avx512 };
    bool wide = has_avx512() && (forced.n == 0 || str_eq(forced, STR("avx512")));
    if (str_eq(forced, STR("scalar"))) return NULL;
    if (!with_sha256) return wide ? &avx512 : NULL;
    if (!has_sha()) return NULL;
    return wide && mixes_sha_with_avx512() ? &sha_avx512 : &sha;
}
