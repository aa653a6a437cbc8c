/* vcs/lfs_pointer.h - the small text that stands in git for a large file.
 * Source: git-lfs, docs/spec.md.  Canonical form, at most 1023 bytes:
 *     version https://git-lfs.github.com/spec/v1 LF
 *     oid sha256:<64 lower-case hexadecimal digits> LF
 *     size <decimal> LF
 * Accepted: canonical, or with a missing or doubled final line end, or with ext- lines.  Pure; any thread. */
#ifndef VCS_LFS_POINTER_H
#define VCS_LFS_POINTER_H

#include "base/buf.h"
#include "vcs/vcs.h"

enum { LFS_POINTER_BYTES_MAX = 1023 };
bool lfs_pointer_parse(bytes blob, struct vcs_lfs *out); /* false: it is an ordinary file */
void lfs_pointer_format(struct buf *out, const uint8_t sha256[32], uint64_t size_bytes);

#endif
