/* Fuzz target of vcs/lfs_pointer.h: what is read as a pointer is the same pointer when written again. */
#include "vcs/lfs_pointer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vcs_lfs one = { 0 }, two = { 0 };
    if (!lfs_pointer_parse((bytes){ data, size }, &one)) return 0;
    must(one.is_lfs && size <= LFS_POINTER_BYTES_MAX && one.size_bytes <= INT64_MAX);
    struct buf out = BUF_INIT(LFS_POINTER_BYTES_MAX);
    lfs_pointer_format(&out, one.sha256, one.size_bytes);
    must(!out.failed && lfs_pointer_parse(bytes_of(buf_str(&out)), &two));
    must(memcmp(one.sha256, two.sha256, sizeof one.sha256) == 0 && one.size_bytes == two.size_bytes);
    buf_deinit(&out);
    return 0;
}
