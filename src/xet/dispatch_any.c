/* dispatch_any.c - on processors without kernels of their own BLAKE3 and the chunker run in plain C. */
#include "xet/blake3_priv.h"
#include "xet/chunker_priv.h"
#include "xet/weave_priv.h"

const struct blake3_kernel *blake3_kernel_pick(str forced)
{
    static const struct blake3_kernel scalar = { "scalar", blake3_run_scalar };
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
