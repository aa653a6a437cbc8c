/* sha256_pick_any.c - on processors without blocks of our own OpenSSL does all of SHA-256. */
#include "base/sha256_priv.h"

const struct sha256_kernel *sha256_kernel_pick(str forced)
{
    (void)forced;
    return NULL;
}
