/* dataset/parquet/snappy.c - unpacks Snappy's raw format, in which most Parquet files are written.
 *
 * Our own because it is a screen of code, and the library would bring the runtime of C++ into the process.
 *
 *   varint   the length when unpacked
 *   then elements, by the two lowest bits of the first byte:
 *     0   literal: length - 1 in the upper six bits, or for 60 to 63 in the 1 to 4 bytes behind
 *     1   copy: length 4 + bits 2 to 4; distance of 11 bits: bits 5 to 7 above the next byte
 *     2   copy: length 1 + upper six bits; distance in 2 bytes
 *     3   the same; distance in 4 bytes */
#include "dataset/parquet/parquet_priv.h"

static uint32_t little_endian(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++) v |= (uint32_t)p[i] << (8 * i);
    return v;
}

/* Both may write behind what they copy, where there is room that is written later. */
enum { STEP = 16 };

static void copy_literal(uint8_t *to, const uint8_t *from, size_t length, bool has_room)
{
    if (length <= STEP && has_room) memcpy(to, from, STEP);
    else memcpy(to, from, length);
}

static void copy_back(uint8_t *to, size_t back, size_t length, bool has_room)
{
    if (back >= STEP && has_room)
        for (size_t i = 0; i < length; i += STEP) memcpy(to + i, to + i - back, STEP);
    else
        for (size_t i = 0; i < length; i++) to[i] = to[i - back]; /* they may overlap */
}

bool snappy_unpack(bytes in, uint8_t *out, size_t n)
{
    struct thrift head = thrift_of(in); /* its varints are the same */
    size_t at = 0;
    if (thrift_varint(&head) != n || head.bad) return false;
    const uint8_t *p = head.p, *end = head.end;
    while (p < end) {
        uint8_t tag = *p++;
        unsigned kind = tag & 3, more = kind == 0 ? (tag >= 60 << 2 ? (unsigned)(tag >> 2) - 59 : 0) : kind == 3 ? 4 : kind;
        if ((size_t)(end - p) < more) return false;
        uint32_t operand = little_endian(p, more);
        p += more;
        if (kind == 0) {
            uint64_t length = (uint64_t)(more ? operand : (uint32_t)(tag >> 2)) + 1;
            if (length > (size_t)(end - p) || length > n - at) return false;
            copy_literal(out + at, p, (size_t)length, n - at >= STEP && (size_t)(end - p) >= STEP);
            p += length;
            at += (size_t)length;
            continue;
        }
        size_t length = kind == 1 ? 4 + ((size_t)tag >> 2 & 7) : 1 + (size_t)(tag >> 2);
        size_t back = kind == 1 ? operand | (uint32_t)((tag & 0xe0u) << 3) : operand;
        if (!back || back > at || length > n - at) return false;
        copy_back(out + at, back, length, n - at >= length + STEP);
        at += length;
    }
    return at == n;
}
