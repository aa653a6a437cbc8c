/* dispatch_any.c - on processors that are no x86-64 the chunker runs in plain C, and BLAKE3 too, but for 64-bit ARM, all of which have
 * NEON. */
#include "xet/blake3_priv.h"
#include "xet/chunker_priv.h"
#include "xet/weave_priv.h"

const struct blake3_kernel *blake3_kernel_pick(str forced)
{
    static const struct blake3_kernel scalar = { "scalar", blake3_run_scalar };
#ifdef __aarch64__
    static const struct blake3_kernel neon = { "neon", blake3_run_neon };
    if (!str_eq(forced, STR("scalar"))) return &neon;
#endif
    (void)forced;
    return &scalar;
}

struct xet_scanner xet_scanner_pick(str forced)
{
    (void)forced;
    return (struct xet_scanner){ "c", XET_SCAN_C_BYTES, xet_scan_c };
}

const struct xet_weave_kernel *xet_weave_pick(bool with_sha256, str forced)
{
    (void)with_sha256;
    (void)forced;
    return NULL;
}
