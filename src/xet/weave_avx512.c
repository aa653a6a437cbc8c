/* weave_avx512.c - BLAKE3 of sixteen leaves, woven into the search for cuts, and into SHA-256 as well.
 *
 * The work on a leaf's block of 64 bytes is cut into 256 steps of two to four vector instructions: 32 that turn sixteen leaves
 * into sixteen words of each, and seven rounds of 32.  A piece of the stream has as many groups of four rounds of SHA-256,
 * or of four bytes to be searched, so each group is followed by one step.  The words lie in memory, and a round finds its own by
 * a table: the seven rounds written out would not fit the processor's store of decoded instructions.
 *
 * Compiled with the flags of its instruction set; nothing here runs before the dispatcher has asked the processor. */
#include "base/sha256_x86.h"
#include "xet/weave_priv.h"

#define INLINE static inline __attribute__((always_inline))

enum { BLOCKS = BLAKE3_LEAF / 64, ROUNDS = 7, STEPS = 32 };

struct leaves {
    __m512i chain[8], v[16], word[16];
    __m512i a[16], b[16]; /* between the steps that turn them */
};

#define ROW(...) { __VA_ARGS__ },
static const uint16_t words_of_round[ROUNDS][16] = { BLAKE3_ROUNDS(ROW) };

INLINE void leaves_begin(struct leaves *l, const uint32_t key[8])
{
    for (unsigned i = 0; i < 8; i++) l->chain[i] = _mm512_set1_epi32((int)key[i]);
}

/* Step k of 32: rows of sixteen words become columns. */
INLINE void turn(struct leaves *l, int k, const uint8_t *const leaf[16], size_t at)
{
    if (k < 8) {
        __m512i x = _mm512_loadu_si512(leaf[2 * k] + at), y = _mm512_loadu_si512(leaf[2 * k + 1] + at);
        l->a[2 * k] = _mm512_unpacklo_epi32(x, y), l->a[2 * k + 1] = _mm512_unpackhi_epi32(x, y);
    } else if (k < 16) {
        const int i = 4 * ((k - 8) / 2), j = (k - 8) % 2;
        l->b[i + 2 * j] = _mm512_unpacklo_epi64(l->a[i + j], l->a[i + 2 + j]);
        l->b[i + 2 * j + 1] = _mm512_unpackhi_epi64(l->a[i + j], l->a[i + 2 + j]);
    } else { /* quarter q of b[i + j] is word 4q + j of rows i to i + 3 */
        const int j = (k - 16) / 4, s = (k - 16) % 4;
        __m512i x = l->a[0], y = l->a[1];
        if (s == 0) l->a[0] = _mm512_shuffle_i32x4(l->b[j], l->b[j + 4], 0x88), l->a[1] = _mm512_shuffle_i32x4(l->b[j + 8], l->b[j + 12], 0x88);
        if (s == 1) l->word[j] = _mm512_shuffle_i32x4(x, y, 0x88), l->word[j + 8] = _mm512_shuffle_i32x4(x, y, 0xdd);
        if (s == 2) l->a[0] = _mm512_shuffle_i32x4(l->b[j], l->b[j + 4], 0xdd), l->a[1] = _mm512_shuffle_i32x4(l->b[j + 8], l->b[j + 12], 0xdd);
        if (s == 3) l->word[j + 4] = _mm512_shuffle_i32x4(x, y, 0x88), l->word[j + 12] = _mm512_shuffle_i32x4(x, y, 0xdd);
    }
}

INLINE void block_begin(struct leaves *l, unsigned block, const uint32_t counter[16])
{
    uint32_t flags = KEYED | (block == 0 ? LEAF_START : 0) | (block == BLOCKS - 1 ? LEAF_END : 0);
    for (unsigned i = 0; i < 8; i++) l->v[i] = l->chain[i];
    l->v[8] = _mm512_set1_epi32((int)BLAKE3_IV0), l->v[9] = _mm512_set1_epi32((int)BLAKE3_IV1);
    l->v[10] = _mm512_set1_epi32((int)BLAKE3_IV2), l->v[11] = _mm512_set1_epi32((int)BLAKE3_IV3);
    l->v[12] = _mm512_loadu_si512(counter), l->v[13] = _mm512_setzero_si512();
    l->v[14] = _mm512_set1_epi32(64), l->v[15] = _mm512_set1_epi32((int)flags);
}

/* Step k of 32 of a round: half a mix of four columns, then the other half, then the same of the diagonals; each half takes
 * eight steps, the last of which is empty. */
INLINE void mix(struct leaves *l, int k, const uint16_t words[16])
{
    const int half = k / 8 % 2, turned = k / 16;
    for (int i = 0; i < 4; i++) {
        const int a = i, b = 4 + (i + turned) % 4, c = 8 + (i + 2 * turned) % 4, d = 12 + (i + 3 * turned) % 4;
        __m512i *v = l->v;
        switch (k % 8) {
        case 0: v[a] = _mm512_add_epi32(v[a], l->word[words[8 * turned + 2 * i + half]]); break;
        case 1: v[a] = _mm512_add_epi32(v[a], v[b]); break;
        case 2: v[d] = _mm512_xor_si512(v[d], v[a]); break;
        case 3: v[d] = half ? _mm512_ror_epi32(v[d], 8) : _mm512_ror_epi32(v[d], 16); break;
        case 4: v[c] = _mm512_add_epi32(v[c], v[d]); break;
        case 5: v[b] = _mm512_xor_si512(v[b], v[c]); break;
        case 6: v[b] = half ? _mm512_ror_epi32(v[b], 7) : _mm512_ror_epi32(v[b], 12); break;
        }
    }
}

INLINE void block_end(struct leaves *l)
{
    for (unsigned i = 0; i < 8; i++) l->chain[i] = _mm512_xor_si512(l->v[i], l->v[i + 8]);
}

static void leaves_end(const struct leaves *l, uint8_t value[16][BLAKE3_BYTES])
{
    uint32_t word[8][16];
    for (unsigned i = 0; i < 8; i++) _mm512_storeu_si512(word[i], l->chain[i]);
    for (unsigned n = 0; n < 16; n++)
        for (unsigned i = 0; i < 8; i++) memcpy(value[n] + 4 * i, &word[i][n], 4);
}

#define NOTE_SEEN                                             \
    if (__builtin_expect(seen, 0)) {                          \
        r->seen[bit / 64] |= (uint64_t)1 << bit % 64;         \
        seen = 0;                                             \
    }                                                         \
    bit++;

/* ------------------------------------------------------------------ with SHA-256 */

/* A block of 64 bytes of SHA-256, with two bytes of each strip and step STEP(g) of the leaves for every four rounds. */
#define SHA_BLOCK(EACH)                               \
    sha256_begin(&sha, p);                            \
    SHA256_ROUNDS(EACH)                               \
    sha256_end(&sha);                                 \
    XET_WEAVE_COMES(p);                               \
    p += 64, q += XET_WEAVE_STEP;                     \
    NOTE_SEEN
#define SEARCH(g)                                      \
    XET_WEAVE_BYTE(h0, q, 2 * (g), seen);              \
    XET_WEAVE_BYTE(h1, q + STRIP, 2 * (g), seen);      \
    XET_WEAVE_BYTE(h0, q, 2 * (g) + 1, seen);          \
    XET_WEAVE_BYTE(h1, q + STRIP, 2 * (g) + 1, seen);

void xet_weave_sha_avx512(struct xet_weave_run *r)
{
    enum { STRIP = XET_WEAVE_PIECE / 2 };
    const uint8_t *p = r->piece, *q = p;
    uint64_t h0 = xet_gear_before(q), h1 = xet_gear_before(q + STRIP);
    unsigned seen = 0, bit = 0;
    struct sha256_lane sha;
    struct leaves l;
    sha256_load(&sha, r->sha256);
    leaves_begin(&l, r->key);
    for (unsigned block = 0; block < BLOCKS; block++) {
#define EACH(g) sha256_rounds(&sha, g); turn(&l, g, r->leaf, 64 * block); SEARCH(g)
        SHA_BLOCK(EACH)
#undef EACH
#define EACH(g) sha256_rounds(&sha, g); turn(&l, 16 + (g), r->leaf, 64 * block); SEARCH(g)
        SHA_BLOCK(EACH)
#undef EACH
        block_begin(&l, block, r->counter);
        for (const uint16_t *words = words_of_round[0], *end = words + 16 * ROUNDS; words < end; words += 16) {
#define EACH(g) sha256_rounds(&sha, g); mix(&l, g, words); SEARCH(g)
            SHA_BLOCK(EACH)
#undef EACH
#define EACH(g) sha256_rounds(&sha, g); mix(&l, 16 + (g), words); SEARCH(g)
            SHA_BLOCK(EACH)
#undef EACH
        }
        block_end(&l);
    }
    sha256_store(&sha, r->sha256);
    leaves_end(&l, r->value);
}

/* ------------------------------------------------------------------ without */

#define STEPS_32(X) SHA256_ROUNDS(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#undef SEARCH
#define SEARCH(k)                                      \
    XET_WEAVE_BYTE(h0, q, k, seen);                    \
    XET_WEAVE_BYTE(h1, q + STRIP, k, seen);            \
    XET_WEAVE_BYTE(h2, q + 2 * STRIP, k, seen);        \
    XET_WEAVE_BYTE(h3, q + 3 * STRIP, k, seen);

void xet_weave_avx512(struct xet_weave_run *r)
{
    enum { STRIP = XET_WEAVE_PIECE / 4 };
    const uint8_t *q = r->piece;
    uint64_t h0 = xet_gear_before(q), h1 = xet_gear_before(q + STRIP);
    uint64_t h2 = xet_gear_before(q + 2 * STRIP), h3 = xet_gear_before(q + 3 * STRIP);
    unsigned seen = 0, bit = 0;
    struct leaves l;
    leaves_begin(&l, r->key);
    for (unsigned block = 0; block < BLOCKS; block++) {
#define EACH(k) turn(&l, k, r->leaf, 64 * block); SEARCH(k)
        STEPS_32(EACH)
#undef EACH
        q += XET_WEAVE_STEP;
        NOTE_SEEN
        block_begin(&l, block, r->counter);
        for (const uint16_t *words = words_of_round[0], *end = words + 16 * ROUNDS; words < end; words += 16) {
#define EACH(k) mix(&l, k, words); SEARCH(k)
            STEPS_32(EACH)
#undef EACH
            q += XET_WEAVE_STEP;
            NOTE_SEEN
        }
        block_end(&l);
    }
    leaves_end(&l, r->value);
}
