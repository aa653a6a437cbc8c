/* dataset/parquet/codec.c - unpacks the bodies of pages.
 *
 * What comes out has the size that the page's header promised, to the byte: less or more is an error, and nothing is written behind
 * it, so that a bomb is no larger than what its header owned up to. */
#include <brotli/decode.h>
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include "dataset/parquet/parquet_priv.h"

static bool gzip_unpack(bytes in, uint8_t *out, size_t n)
{
    enum { GZIP_OR_ZLIB = 15 + 32 };
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n, .next_out = out, .avail_out = (uInt)n };
    if (in.n > UINT32_MAX || n > UINT32_MAX || inflateInit2(&z, GZIP_OR_ZLIB) != Z_OK) return false;
    int r = inflate(&z, Z_FINISH);
    while (r == Z_STREAM_END && z.avail_in && z.avail_out && inflateReset(&z) == Z_OK) r = inflate(&z, Z_FINISH); /* members in a row */
    inflateEnd(&z);
    return r == Z_STREAM_END && z.avail_out == 0;
}

static bool lz4_unpack(bytes in, uint8_t *out, size_t n)
{
    return in.n <= INT32_MAX && n <= INT32_MAX && LZ4_decompress_safe((const char *)in.p, (char *)out, (int)in.n, (int)n) == (int)n;
}

static uint32_t big_endian(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* Hadoop's frames: sizes unpacked and packed, each 4 bytes, highest first; then the block. */
static bool lz4_hadoop_unpack(bytes in, uint8_t *out, size_t n)
{
    size_t at = 0;
    while (in.n) {
        if (in.n < 8) return false;
        uint32_t size = big_endian(in.p), packed = big_endian(in.p + 4);
        if (packed > in.n - 8 || size > n - at || !lz4_unpack((bytes){ in.p + 8, packed }, out + at, size)) return false;
        in = (bytes){ in.p + 8 + packed, in.n - 8 - packed };
        at += size;
    }
    return at == n;
}

static bool brotli_unpack(bytes in, uint8_t *out, size_t n)
{
    size_t got = n;
    return BrotliDecoderDecompress(in.n, in.p, &got, out) == BROTLI_DECODER_RESULT_SUCCESS && got == n;
}

bool pq_unpack(enum pq_codec codec, bytes in, uint8_t *out, size_t n, struct err *e)
{
    static const char *const name[] = { "none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw" };
    bool ok = false;
    switch (codec) {
    case PQ_NONE:
        ok = in.n == n;
        if (ok && n) memcpy(out, in.p, n);
        break;
    case PQ_SNAPPY: ok = snappy_unpack(in, out, n); break;
    case PQ_GZIP: ok = gzip_unpack(in, out, n); break;
    case PQ_BROTLI: ok = brotli_unpack(in, out, n); break;
    case PQ_ZSTD: ok = ZSTD_decompress(out, n, in.p, in.n) == n; break;
    case PQ_LZ4: ok = lz4_unpack(in, out, n); break;
    case PQ_LZ4_HADOOP: ok = lz4_hadoop_unpack(in, out, n) || lz4_unpack(in, out, n); break; /* some wrote plain blocks under this number */
    case PQ_LZO: return err_set(e, ERR_NOT_BUILT, "pages are packed with lzo, which is not read here");
    }
    return ok || err_set(e, ERR_INVALID, "a page does not unpack as %s to the %zu bytes that it promises", name[codec], n);
}
