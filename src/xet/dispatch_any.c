/* dispatch_any.c - on processors without kernels of their own BLAKE3 runs in plain C. */
#include "xet/blake3_priv.h"

const struct blake3_kernel *blake3_kernel_pick(str forced)
{
    static const struct blake3_kernel scalar = { "scalar", blake3_run_scalar };
    (void)forced;
    return &scalar;
}
