/* web/frame/compress.c - see web/frame/compress.h. */
#include "web/frame/compress.h"

#include <zlib.h>

#include "base/hash.h"

enum { PAD_MIN = 16, PAD_MAX = 16 + 63, WINDOW_BITS = 15, MEMORY_LEVEL = 8 };

/* "gzip;q=0" refuses it, whatever the other digits. */
static bool is_refused(str parameters)
{
    str part;
    while (str_cut(&parameters, ';', &part)) {
        part = str_trim(part);
        if (!str_starts_nocase(part, STR("q="))) continue;
        str weight = str_from(part, 2);
        for (size_t i = 0; i < weight.n; i++)
            if (weight.p[i] >= '1' && weight.p[i] <= '9') return false;
        return true;
    }
    return false;
}

bool compress_is_accepted(str accept_encoding)
{
    str rest = accept_encoding, item, name;
    while (str_cut(&rest, ',', &item)) {
        str_cut(&item, ';', &name);
        name = str_trim(name);
        if (str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip"))) return !is_refused(item);
    }
    return false;
}

bool compress_deflate(str in, int level, struct buf *out, struct err *e)
{
    z_stream z = { 0 };
    if (in.n > UINT32_MAX / 2) return err_set(e, ERR_TOO_LARGE, "too large to be compressed");
    if (deflateInit2(&z, level, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) return err_set(e, ERR_INTERNAL, "zlib does not begin");
    size_t bound = deflateBound(&z, (uLong)in.n);
    uint8_t *to = mem_alloc(bound);
    z.next_in = (z_const Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = to;
    z.avail_out = (uInt)bound;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok) buf_add(out, str_n((const char *)to, bound - z.avail_out));
    deflateEnd(&z);
    mem_free(to);
    return (ok && !out->failed) || err_set(e, ERR_INTERNAL, "zlib does not end");
}

uint32_t compress_crc(str in) { return (uint32_t)crc32_z(0, (const Bytef *)in.p, in.n); }

/* RFC 1952: a header of ten bytes, the comment, deflate's bytes, checksum and length. */
void compress_wrap(str deflated, uint32_t crc, uint32_t bytes_n, bool is_private, struct buf *out)
{
    enum { HAS_COMMENT = 16, UNIX = 3 };
    static const char blanks[PAD_MAX + 1] = "                                                                               ";
    const uint8_t head[10] = { 0x1f, 0x8b, 8, is_private ? HAS_COMMENT : 0, 0, 0, 0, 0, 0, UNIX };
    uint8_t tail[8], random = 0;
    buf_add(out, str_n((const char *)head, sizeof head));
    if (is_private) {
        random_bytes(&random, 1);
        buf_add(out, str_n(blanks, PAD_MIN + random % (PAD_MAX - PAD_MIN + 1)));
        buf_byte(out, '\0');
    }
    buf_add(out, deflated);
    for (size_t i = 0; i < 4; i++) {
        tail[i] = (uint8_t)(crc >> 8 * i);
        tail[4 + i] = (uint8_t)(bytes_n >> 8 * i);
    }
    buf_add(out, str_n((const char *)tail, sizeof tail));
}
