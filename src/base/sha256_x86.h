/* base/sha256_x86.h - the rounds of SHA-256 with the processor's own instructions (SHA extensions), to be put between others.
 *
 * The instructions of one stream wait for each other: 128 cycles for 64 bytes, in which a processor could do four times as much.
 * So the rounds are given four at a time, and whoever has other work for the same core writes it between them: a second
 * stream (sha256_x86.c), or the search for cuts and BLAKE3 (xet/weave_sha.c, xet/weave_avx512.c).
 *
 * Only for files compiled with -msha -msse4.1, whose functions run after the processor was asked.  Constants: FIPS 180-4, 4.2.2. */
#ifndef BASE_SHA256_X86_H
#define BASE_SHA256_X86_H

#include <immintrin.h>
#include <stdint.h>

#define SHA256_INLINE static inline __attribute__((always_inline))

/* What a block of 64 bytes is on its way through the rounds: two halves of the state, four words each, and the sixteen words of
 * the message that the next rounds take. */
struct sha256_lane {
    __m128i abef, cdgh;
    __m128i abef_before, cdgh_before; /* the block */
    __m128i word[4];
};

static const uint32_t sha256_round[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* state[0..8) is a to h; the instructions want the words of a half from the highest down. */
SHA256_INLINE void sha256_load(struct sha256_lane *l, const uint32_t state[8])
{
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
    l->abef = _mm_alignr_epi8(badc, hgfe, 8);
    l->cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
}

SHA256_INLINE void sha256_store(const struct sha256_lane *l, uint32_t state[8])
{
    __m128i feba = _mm_shuffle_epi32(l->abef, 0x1b), dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

SHA256_INLINE void sha256_begin(struct sha256_lane *l, const uint8_t block[64])
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    l->abef_before = l->abef, l->cdgh_before = l->cdgh;
    for (int i = 0; i < 4; i++)
        l->word[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), big_endian);
}

/* Rounds 4g to 4g + 3, g from 0 to 15 and known to the compiler. */
SHA256_INLINE void sha256_rounds(struct sha256_lane *l, int g)
{
    __m128i *now = &l->word[g & 3], *next = &l->word[(g + 1) & 3], *last = &l->word[(g + 3) & 3];
    __m128i w = _mm_add_epi32(*now, _mm_load_si128((const __m128i *)(const void *)(sha256_round + 4 * g)));
    l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, w);
    if (g >= 3 && g < 15)
        *next = _mm_sha256msg2_epu32(_mm_add_epi32(*next, _mm_alignr_epi8(*now, *last, 4)), *now);
    l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(w, 0x0e));
    if (g >= 1 && g < 13) *last = _mm_sha256msg1_epu32(*last, *now);
}

SHA256_INLINE void sha256_end(struct sha256_lane *l)
{
    l->abef = _mm_add_epi32(l->abef, l->abef_before);
    l->cdgh = _mm_add_epi32(l->cdgh, l->cdgh_before);
}

/* The sixteen times four rounds of a block, each followed by what X makes of its number. */
#define SHA256_ROUNDS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

#endif
