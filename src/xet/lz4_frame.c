/* lz4_frame.c - the frame around LZ4 blocks.
 *
 *   magic 04 22 4d 18, FLG, BD, [u64 content size], header checksum
 *   blocks: u32 size (top bit: stored raw), data, [u32 checksum of the data]
 *   u32 0, [u32 checksum of the content]
 *
 *   FLG: bits 7..6 version 1, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum, 0 dictionary
 *   BD:  bits 6..4 the largest block, 4..7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB */
#include "xet/lz4_frame.h"

#include <lz4.h>

#include "xet/little.h"

enum {
    FLG_VERSION = 0xc0,
    FLG_VERSION_1 = 0x40,
    FLG_INDEPENDENT = 0x20,
    FLG_BLOCK_SUM = 0x10,
    FLG_SIZE = 0x08,
    FLG_CONTENT_SUM = 0x04,
    FLG_RESERVED = 0x02,
    FLG_DICTIONARY = 0x01,
    HEADER_BYTES = 7, /* as we write it */
};
static const uint8_t magic[4] = { 0x04, 0x22, 0x4d, 0x18 };

static uint32_t rotl(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

uint32_t lz4_xxh32(bytes in)
{
    const uint32_t p1 = 2654435761u, p2 = 2246822519u, p3 = 3266489917u, p4 = 668265263u, p5 = 374761393u;
    const uint8_t *p = in.p;
    size_t n = in.n;
    uint32_t h = p5;
    if (n >= 16) {
        uint32_t v[4] = { p1 + p2, p2, 0, 0u - p1 };
        for (; n >= 16; p += 16, n -= 16)
            for (unsigned i = 0; i < 4; i++) v[i] = rotl(v[i] + little32(p + 4 * i) * p2, 13) * p1;
        h = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
    }
    h += (uint32_t)in.n;
    for (; n >= 4; p += 4, n -= 4) h = rotl(h + little32(p) * p3, 17) * p4;
    for (; n > 0; p++, n--) h = rotl(h + *p * p5, 11) * p1;
    h = (h ^ h >> 15) * p2;
    h = (h ^ h >> 13) * p3;
    return h ^ h >> 16;
}

/* Takes n bytes off the front of *in. */
static bool take(bytes *in, size_t n, const uint8_t **out, struct err *e)
{
    *out = in->p;
    if (in->n < n) return err_set(e, ERR_INVALID, "the LZ4 frame ends too early");
    in->p += n, in->n -= n;
    return true;
}

static bool read_header(bytes *in, size_t n, uint8_t *flags, size_t *block_max, struct err *e)
{
    bytes whole = *in;
    const uint8_t *p, *size;
    if (!take(in, 6, &p, e)) return false;
    if (memcmp(p, magic, 4) != 0) return err_set(e, ERR_INVALID, "an LZ4 frame begins with 04224d18");
    uint8_t flg = p[4], bd = p[5];
    if ((flg & FLG_VERSION) != FLG_VERSION_1) return err_set(e, ERR_INVALID, "an LZ4 frame of an unknown version");
    if (flg & FLG_DICTIONARY) return err_set(e, ERR_INVALID, "LZ4 dictionaries are not allowed");
    if ((flg & FLG_RESERVED) || (bd & 0x8f) || bd >> 4 < 4) return err_set(e, ERR_INVALID, "an LZ4 frame with unknown flags");
    if (flg & FLG_SIZE) {
        uint64_t stated = 0;
        if (!take(in, 8, &size, e)) return false;
        for (unsigned i = 8; i > 0; i--) stated = stated << 8 | size[i - 1];
        if (stated != n) return err_set(e, ERR_INVALID, "the LZ4 frame states another size than the chunk");
    }
    size_t summed = (size_t)(in->p - whole.p) - 4;
    if (!take(in, 1, &p, e)) return false;
    if (*p != (uint8_t)(lz4_xxh32((bytes){ whole.p + 4, summed }) >> 8))
        return err_set(e, ERR_INVALID, "the checksum of the LZ4 frame's header is wrong");
    *flags = flg;
    *block_max = (size_t)1 << (8 + 2 * (bd >> 4));
    return true;
}

static bool check_sum(bytes *in, bytes of, struct err *e)
{
    const uint8_t *p;
    if (!take(in, 4, &p, e)) return false;
    return little32(p) == lz4_xxh32(of) || err_set(e, ERR_INVALID, "a checksum inside the LZ4 frame is wrong");
}

/* Decodes one block behind out[0..*at). */
static bool read_block(bytes *in, uint32_t head, uint8_t flags, size_t block_max, uint8_t *out, size_t n, size_t *at,
                       struct err *e)
{
    const uint8_t *data;
    size_t size = head & 0x7fffffff, room = n - *at < block_max ? n - *at : block_max;
    if (size > block_max) return err_set(e, ERR_INVALID, "an LZ4 block is larger than its frame allows");
    if (!take(in, size, &data, e)) return false;
    if ((flags & FLG_BLOCK_SUM) && !check_sum(in, (bytes){ data, size }, e)) return false;
    if (head >> 31) {
        if (size > room) return err_set(e, ERR_INVALID, "the LZ4 frame holds more than the chunk's %zu bytes", n);
        memcpy(out + *at, data, size);
        *at += size;
        return true;
    }
    int got = flags & FLG_INDEPENDENT
                  ? LZ4_decompress_safe((const char *)data, (char *)out + *at, (int)size, (int)room)
                  : LZ4_decompress_safe_usingDict((const char *)data, (char *)out + *at, (int)size, (int)room,
                                                  (const char *)out, (int)*at);
    if (got < 0) return err_set(e, ERR_INVALID, "an LZ4 block is damaged or holds more than the chunk's %zu bytes", n);
    *at += (size_t)got;
    return true;
}

bool lz4_frame_decode(bytes in, uint8_t *out, size_t n, struct err *e)
{
    uint8_t flags = 0;
    size_t block_max = 0, at = 0;
    if (n > INT32_MAX) return err_set(e, ERR_TOO_LARGE, "an LZ4 frame of %zu bytes", n);
    if (!read_header(&in, n, &flags, &block_max, e)) return false;
    for (;;) {
        const uint8_t *head;
        if (!take(&in, 4, &head, e)) return false;
        if (little32(head) == 0) break;
        if (!read_block(&in, little32(head), flags, block_max, out, n, &at, e)) return false;
    }
    if (at != n) return err_set(e, ERR_INVALID, "the LZ4 frame holds %zu bytes, not the chunk's %zu", at, n);
    if ((flags & FLG_CONTENT_SUM) && !check_sum(&in, (bytes){ out, n }, e)) return false;
    return in.n == 0 || err_set(e, ERR_INVALID, "%zu bytes follow the LZ4 frame", in.n);
}

size_t lz4_frame_encode(bytes raw, uint8_t *out, size_t room)
{
    must(raw.n > 0 && raw.n <= 262144);
    if (room < HEADER_BYTES + 4 + 4 + 1) return 0;
    size_t space = room - HEADER_BYTES - 8;
    memcpy(out, magic, 4);
    out[4] = FLG_VERSION_1 | FLG_INDEPENDENT;
    out[5] = raw.n <= 65536 ? 0x40 : 0x50;
    out[6] = (uint8_t)(lz4_xxh32((bytes){ out + 4, 2 }) >> 8);
    int n = LZ4_compress_default((const char *)raw.p, (char *)out + HEADER_BYTES + 4, (int)raw.n,
                                 (int)(space < INT32_MAX ? space : INT32_MAX));
    if (n <= 0) return 0;
    little32_put(out + HEADER_BYTES, (uint32_t)n);
    little32_put(out + HEADER_BYTES + 4 + n, 0);
    return HEADER_BYTES + 4 + (size_t)n + 4;
}
