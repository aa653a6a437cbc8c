/* scan/packed.c - whole contents that are packed: gzip, zlib, zstd and lz4 are looked into, as joblib and others write them; of what this version does
 * not unpack that is said. */
#include "scan/unpack.h"

enum { LEAST_BYTES = 64, ZFILE_BYTES = 21 };

static bool starts(const struct probe_input *in, str magic) { return str_starts(str_of(in->head), magic); }

static str name_within(str path)
{
    static const char *const endings[] = { ".gz", ".gzip", ".z", ".zst", ".zstd", ".lz4" };
    size_t slash = str_rchr(path, '/');
    if (slash != STR_NONE) path = str_from(path, slash + 1);
    if (str_ends_nocase(path, STR(".tgz"))) return STR("content.tar");
    for (size_t i = 0; i < COUNT(endings); i++)
        if (str_ends_nocase(path, str_c(endings[i])) && path.n > strlen(endings[i])) return str_to(path, path.n - strlen(endings[i]));
    return path.n ? path : STR("content");
}

static bool look(struct scan *s, const struct probe_input *in, enum unpack_how how, const char *what, uint64_t at, uint64_t least, struct err *e)
{
    struct unpack_result r;
    if (!unpack_nested(s, in, how, at, in->source->size_bytes - at, least, name_within(in->path), &r, e)) return false;
    if (r.why && r.bytes >= least) scan_add(s, in, "packed", SCAN_CAUTION, "is packed with %s and could not be read to its end: %s", what, r.why);
    return true;
}

static bool is_zlib(bytes b) { return b.n > 6 && b.p[0] == 0x78 && (b.p[1] == 1 || b.p[1] == 0x5e || b.p[1] == 0x9c || b.p[1] == 0xda); }

/* Properties, a size of the dictionary that writers use, and how long it is. */
static bool is_lzma(bytes b)
{
    if (b.n < 13 || b.p[0] != 0x5d || b.p[1] || b.p[2]) return false;
    bool is_open = true, is_short = !b.p[10] && !b.p[11] && !b.p[12];
    for (size_t i = 5; i < 13; i++) is_open &= b.p[i] == 0xff;
    return is_open || (is_short && (b.p[3] || b.p[4]));
}

static const char *not_unpacked(const struct probe_input *in)
{
    if (starts(in, STR("BZh")) && in->head.n > 9 && memcmp(in->head.p + 4, "1AY&SY", 6) == 0) return "bzip2";
    if (starts(in, STR("\xfd" "7zXZ"))) return "xz";
    if (starts(in, STR("7z\xbc\xaf\x27\x1c"))) return "7-Zip";
    if (starts(in, STR("Rar!\x1a\x07"))) return "RAR";
    if (starts(in, STR("MSCF")) && in->head.n > 8 && !in->head.p[4] && !in->head.p[5]) return "Cabinet";
    return in->depth == 0 && is_lzma(in->head) ? "LZMA" : NULL;
}

bool packed_begins(bytes head)
{
    return is_zlib(head) || is_lzma(head) || str_starts(str_of(head), STR("ZF0x"));
}

bool probe_packed(struct scan *s, const struct probe_input *in, struct err *e)
{
    const char *other = not_unpacked(in);
    if (other) scan_add(s, in, "packed", SCAN_CAUTION, "is packed with %s, which this version of Hearth does not look into", other);
    if (starts(in, STR("\x1f\x8b\x08"))) return look(s, in, UNPACK_GZIP, "gzip", 0, 0, e);
    if (starts(in, STR("\x28\xb5\x2f\xfd"))) return look(s, in, UNPACK_ZSTD, "zstd", 0, 0, e);
    if (starts(in, STR("\x04\x22\x4d\x18"))) return look(s, in, UNPACK_LZ4, "lz4", 0, 0, e);
    if (is_zlib(in->head)) return look(s, in, UNPACK_ZLIB, "zlib", 0, LEAST_BYTES, e);
    bool is_zfile = starts(in, STR("ZF0x")) && in->source->size_bytes > ZFILE_BYTES; /* of old versions of joblib */
    if (!is_zfile) return true;
    return look(s, in, UNPACK_ZLIB, "zlib", in->head.p[ZFILE_BYTES] == ' ' ? ZFILE_BYTES + 1 : ZFILE_BYTES, 0, e); /* Python 2 wrote one blank more */
}
