/* web/frame/compress.c - see web/frame/compress.h. */
#include "web/frame/compress.h"

#include <zlib.h>

#include "base/hash.h"

enum { PAD_MIN = 16, PAD_MAX = 16 + 63, WINDOW_BITS = 15, GZIP = 16, MEMORY_LEVEL = 8 };

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

bool compress_gzip(str in, int level, bool is_private, struct buf *out, struct err *e)
{
    char pad[PAD_MAX + 1];
    gz_header header = { .os = 3 };
    z_stream z = { 0 };
    uint8_t random = 0;
    size_t at = out->n;
    if (in.n > UINT32_MAX / 2) return err_set(e, ERR_TOO_LARGE, "too large to be compressed");
    if (deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS + GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) return err_set(e, ERR_INTERNAL, "zlib does not begin");
    if (is_private) {
        random_bytes(&random, 1);
        memset(pad, ' ', sizeof pad);
        pad[PAD_MIN + random % (PAD_MAX - PAD_MIN + 1)] = '\0';
        header.comment = (Bytef *)pad;
        deflateSetHeader(&z, &header);
    }
    size_t bound = deflateBound(&z, (uLong)in.n) + PAD_MAX;
    uint8_t *to = mem_alloc(bound);
    z.next_in = (z_const Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = to;
    z.avail_out = (uInt)bound;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok) buf_add(out, str_n((const char *)to, bound - z.avail_out));
    deflateEnd(&z);
    mem_free(to);
    if (ok && !out->failed) return true;
    out->n = at;
    return err_set(e, ERR_INTERNAL, "zlib does not end");
}
