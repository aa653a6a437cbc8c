/* xet_help.h - the input data of the Xet vectors, by the names that the specification sheet of the format gives them. */
#ifndef XET_HELP_H
#define XET_HELP_H

#include "unit.h"
#include "base/hash.h"
#include "xet/hash.h"
#include "xet/split.h"

static inline struct xet_hash hash_of(const char *hex)
{
    struct xet_hash h;
    if (!xet_hash_parse(str_c(hex), &h)) fail_msg("not a hash: %s", hex);
    return h;
}
#define assert_hash(got, want)                                                     \
    do {                                                                           \
        char hex_[XET_HASH_HEX + 1];                                               \
        xet_hash_hex((got), hex_);                                                 \
        assert_string_equal(hex_, (want));                                         \
    } while (0)

static inline void assert_sha256(bytes b, const char *want)
{
    struct sha256 s = sha256_of(b);
    char hex[65];
    hex_encode((bytes){ s.b, 32 }, hex);
    assert_string_equal(hex, want);
}

static inline bytes xet_random(uint64_t seed, size_t n) /* SplitMix64; n a multiple of 8; mem_free it */
{
    uint8_t *out = mem_alloc(n + 8);
    for (size_t i = 0; i < n; i += 8) {
        uint64_t z = seed += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        for (unsigned k = 0; k < 8; k++) out[i + k] = (uint8_t)(z >> (8 * k));
    }
    return (bytes){ out, n };
}
static inline bytes xet_d1(void) { return xet_random(0, 1000000); }
static inline bytes xet_linear(unsigned factor, unsigned plus, size_t n)
{
    uint8_t *out = mem_alloc(n);
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(i * factor + plus);
    return (bytes){ out, n };
}
static inline bytes xet_d3(void) { return xet_linear(7, 13, 200000); }

static inline size_t xet_list_chunks(const bytes *raw, size_t n, struct xet_chunk *out)
{
    for (size_t i = 0; i < n; i++) {
        xet_chunk_hash(raw[i], &out[i].hash);
        out[i].size_bytes = (uint32_t)raw[i].n;
    }
    return n;
}

/* The chunks of a file given in pieces of `piece` bytes; mem_free them. */
static inline struct xet_chunk *xet_chunks(bytes in, enum xet_dialect d, size_t piece, size_t *count)
{
    struct xet_split s;
    struct xet_chunk *out = mem_alloc((in.n / 8000 + 3) * sizeof *out);
    size_t n = 0, max = in.n < piece ? in.n : piece;
    uint8_t *block = mem_alloc(XET_SPLIT_MARGIN + max);
    bytes *raw = mem_alloc(xet_split_max(max) * sizeof *raw), last;
    xet_split_init(&s, d);
    for (size_t at = 0; at < in.n; at += piece) {
        size_t size = in.n - at < piece ? in.n - at : piece;
        memcpy(block + XET_SPLIT_MARGIN, in.p + at, size);
        size_t got = xet_split_add(&s, block + XET_SPLIT_MARGIN, size, raw);
        n += xet_list_chunks(raw, got, out + n);
    }
    if (xet_split_end(&s, &last)) n += xet_list_chunks(&last, 1, out + n);
    xet_split_deinit(&s);
    mem_free(raw);
    mem_free(block);
    *count = n;
    return out;
}

#endif
