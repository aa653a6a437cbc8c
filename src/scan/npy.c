/* scan/npy.c - arrays of numpy: one of objects is a pickle behind its header. */
#include "scan/probe.h"

bool probe_npy(struct scan *s, const struct probe_input *in, struct err *e)
{
    const uint8_t *p = in->head.p;
    if (in->head.n < 12 || memcmp(p, "\x93NUMPY", 6) != 0) return true;
    size_t prefix = p[6] == 1 ? 10 : 12;
    uint64_t n = prefix == 10 ? (uint64_t)p[8] | (uint64_t)p[9] << 8 : (uint64_t)p[8] | (uint64_t)p[9] << 8 | (uint64_t)p[10] << 16 | (uint64_t)p[11] << 24;
    uint64_t size = in->source->size_bytes;
    if (n > size - prefix) {
        scan_add(s, in, "npy", SCAN_CAUTION, "has a header of %llu bytes, which is longer than the file", (unsigned long long)n);
        return true;
    }
    str header = str_of((bytes){ p + prefix, in->head.n - prefix });
    header = str_to(header, (size_t)n);
    bool is_whole = header.n == n;
    /* 'O', '|O8', 'i4,O', 'object', 'O' with an escape: whatever could be one; too many are looked at rather than too few */
    bool has_objects = str_chr(header, 'O') != STR_NONE || str_chr(header, '\\') != STR_NONE || str_find_nocase(header, STR("object")) != STR_NONE;
    if (!is_whole) scan_add(s, in, "npy", SCAN_CAUTION, "has a header of %llu bytes, which is longer than is looked at", (unsigned long long)n);
    uint64_t at = prefix + n;
    return at == size || (is_whole && !has_objects) || scan_nested_range(s, in, at, size - at, STR("objects.pkl"), e);
}
