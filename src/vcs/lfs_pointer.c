/* vcs/lfs_pointer.c - see vcs/lfs_pointer.h.
 * Stricter than git-lfs' own reader on purpose: what is not plainly a pointer is served as the file it is. */
#include "vcs/lfs_pointer.h"

#include "base/hash.h"

static const str version_line = STR_INIT("version https://git-lfs.github.com/spec/v1");

/* "ext-<digit>-<name> sha256:<64 hex>", written by git-lfs extensions, which come before oid. */
static bool is_extension(str line)
{
    if (!str_starts(line, STR("ext-")) || line.n < 6 || line.p[4] < '0' || line.p[4] > '9' || line.p[5] != '-')
        return false;
    size_t blank = str_chr(line, ' ');
    struct sha256 unused;
    if (blank == STR_NONE || blank < 7) return false;
    str value = str_from(line, blank + 1);
    return str_starts(value, STR("sha256:")) && sha256_parse(str_from(value, 7), &unused);
}

bool lfs_pointer_parse(bytes blob, struct vcs_lfs *out)
{
    if (blob.n == 0 || blob.n > LFS_POINTER_BYTES_MAX) return false;
    str text = str_of(blob), line;
    for (int ends = 0; ends < 2 && str_ends(text, STR("\n")); ends++) text.n--;

    if (!str_cut(&text, '\n', &line) || !str_eq(line, version_line)) return false;
    bool more = str_cut(&text, '\n', &line);
    while (more && is_extension(line)) more = str_cut(&text, '\n', &line);

    struct sha256 oid;
    if (!more || !str_starts(line, STR("oid sha256:")) || !sha256_parse(str_from(line, 11), &oid)) return false;
    if (!str_cut(&text, '\n', &line) || !str_starts(line, STR("size "))) return false;
    uint64_t size_bytes;
    str digits = str_from(line, 5);
    if (!str_u64(digits, &size_bytes) || size_bytes > INT64_MAX || (digits.n > 1 && digits.p[0] == '0')) return false;
    if (str_cut(&text, '\n', &line)) return false; /* something follows */

    out->is_lfs = true;
    memcpy(out->sha256, oid.b, sizeof out->sha256);
    out->size_bytes = size_bytes;
    return true;
}

void lfs_pointer_format(struct buf *out, const uint8_t sha256[32], uint64_t size_bytes)
{
    buf_add(out, version_line);
    buf_lit(out, "\noid sha256:");
    buf_hex(out, (bytes){ sha256, 32 });
    buf_lit(out, "\nsize ");
    buf_u64(out, size_bytes);
    buf_byte(out, '\n');
}
