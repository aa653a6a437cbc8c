/* chunker_avx512.c - the gear hash over eight strips side by side, with the table in registers.
 *
 * A gather of eight table entries costs more than eight loads.  But vpermi2b looks 64 bytes up in 128 entries at once, so the
 * table is kept as eight planes, one for each byte of an entry: for 64 input bytes, eight of each strip, every plane is asked
 * in two halves, and three levels of unpacking put the bytes of an entry together.  1.7 instructions a byte in place of the
 * four that one byte takes otherwise.
 *
 * Whether any strip has a cut is asked every 64 bytes, of the least top word that each lane has had; where it is, the scalar
 * hash says.  A strip behind a cut is of no interest any more, one before it may still have an earlier one.
 *
 * Compiled with the flags of its instruction set; nothing here runs before the dispatcher has asked the processor. */
#include <immintrin.h>

#include "xet/chunker_priv.h"

enum { STRIPS = 8, STRIP = XET_SCAN_AVX512_BYTES / STRIPS, STEP = 64 };

static uint8_t plane[8][256] __attribute__((aligned(64))); /* plane[p][b]: byte p of xet_gear[b] */

void xet_scan_avx512_init(void)
{
    for (unsigned b = 0; b < 256; b++)
        for (unsigned p = 0; p < 8; p++) plane[p][b] = (uint8_t)(xet_gear[b] >> 8 * p);
}

/* Entry p of the plane for 128 bytes; upper[i] says which bytes of x[i] are 128 and above. */
static inline void look_up(const uint8_t *p, const __m512i x[2], const __mmask64 upper[2], __m512i *r0, __m512i *r1)
{
    __m512i t0 = _mm512_load_si512(p), t1 = _mm512_load_si512(p + 64);
    __m512i t2 = _mm512_load_si512(p + 128), t3 = _mm512_load_si512(p + 192);
    *r0 = _mm512_mask2_permutex2var_epi8(t2, x[0], upper[0], t3); /* the others keep their byte, and are looked up next */
    *r0 = _mm512_mask2_permutex2var_epi8(t0, *r0, ~upper[0], t1);
    *r1 = _mm512_mask2_permutex2var_epi8(t2, x[1], upper[1], t3);
    *r1 = _mm512_mask2_permutex2var_epi8(t0, *r1, ~upper[1], t1);
}

struct lanes {
    __m512i h;     /* the hash of each strip */
    __m512i least; /* in the top word of a lane: the least top word that its hash has had */
};

static inline struct lanes advance(struct lanes l, __m512i entry)
{
    l.h = _mm512_add_epi64(_mm512_add_epi64(l.h, l.h), entry);
    l.least = _mm512_min_epu16(l.least, l.h);
    return l;
}

/* Eight bytes of every strip.  p[i] has byte i of their entries, in the order of `turn`. */
static inline struct lanes eight_steps(struct lanes l, const __m512i p[8])
{
    __m512i a[4], b[4]; /* the lower and the upper half of the entries, of steps 0 and 1, 2 and 3, ... */
    __m512i x = _mm512_unpacklo_epi8(p[0], p[1]), y = _mm512_unpacklo_epi8(p[2], p[3]);
    a[0] = _mm512_unpacklo_epi16(x, y), a[1] = _mm512_unpackhi_epi16(x, y);
    x = _mm512_unpackhi_epi8(p[0], p[1]), y = _mm512_unpackhi_epi8(p[2], p[3]);
    a[2] = _mm512_unpacklo_epi16(x, y), a[3] = _mm512_unpackhi_epi16(x, y);
    x = _mm512_unpacklo_epi8(p[4], p[5]), y = _mm512_unpacklo_epi8(p[6], p[7]);
    b[0] = _mm512_unpacklo_epi16(x, y), b[1] = _mm512_unpackhi_epi16(x, y);
    x = _mm512_unpackhi_epi8(p[4], p[5]), y = _mm512_unpackhi_epi8(p[6], p[7]);
    b[2] = _mm512_unpacklo_epi16(x, y), b[3] = _mm512_unpackhi_epi16(x, y);
    for (unsigned i = 0; i < 4; i++) {
        l = advance(l, _mm512_unpacklo_epi32(a[i], b[i]));
        l = advance(l, _mm512_unpackhi_epi32(a[i], b[i]));
    }
    return l;
}

/* Sixty-four bytes of each strip become eight vectors of eight bytes of each: lane s / 2 of v[j] has bytes 8j to 8j + 7 of
 * strips s and s + 1 by turns. */
static inline void turn(const uint8_t *const from[STRIPS], __m512i v[8])
{
    for (unsigned half = 0; half < 2; half++) {
        __m512i u[4];
        for (unsigned i = 0; i < 4; i++) {
            __m512i x = _mm512_loadu_si512(from[2 * i]), y = _mm512_loadu_si512(from[2 * i + 1]);
            u[i] = half ? _mm512_unpackhi_epi8(x, y) : _mm512_unpacklo_epi8(x, y);
        }
        __m512i a = _mm512_shuffle_i64x2(u[0], u[1], 0x44), b = _mm512_shuffle_i64x2(u[0], u[1], 0xee);
        __m512i c = _mm512_shuffle_i64x2(u[2], u[3], 0x44), d = _mm512_shuffle_i64x2(u[2], u[3], 0xee);
        v[half] = _mm512_shuffle_i64x2(a, c, 0x88), v[half + 2] = _mm512_shuffle_i64x2(a, c, 0xdd);
        v[half + 4] = _mm512_shuffle_i64x2(b, d, 0x88), v[half + 6] = _mm512_shuffle_i64x2(b, d, 0xdd);
    }
}

static inline struct lanes sixty_four_steps(struct lanes l, const uint8_t *const from[STRIPS])
{
    __m512i v[8];
    turn(from, v);
    for (unsigned j = 0; j < 8; j += 2) { /* two at a time: the table is loaded half as often */
        __mmask64 upper[2] = { _mm512_movepi8_mask(v[j]), _mm512_movepi8_mask(v[j + 1]) };
        __m512i first[8], second[8];
        for (unsigned p = 0; p < 8; p++) look_up(plane[p], v + j, upper, &first[p], &second[p]);
        l = eight_steps(eight_steps(l, first), second);
    }
    return l;
}

static size_t first_cut(const uint8_t *p, uint64_t h)
{
    size_t n = 0;
    do h = xet_gear_step(h, p[n++]);
    while (h >= XET_GEAR_CUT_BELOW);
    return n;
}

size_t xet_scan_avx512(const uint8_t *p, uint64_t *gear, bool *cut)
{
    const __m512i top = _mm512_set1_epi64((long long)0xffff000000000000);
    const uint8_t *from[STRIPS] = { p }; /* the first strip has its hash already; what it reads here does not count */
    for (unsigned s = 1; s < STRIPS; s++) from[s] = p + s * STRIP - XET_GEAR_WINDOW;
    struct lanes l = sixty_four_steps((struct lanes){ _mm512_setzero_si512(), _mm512_set1_epi64(-1) }, from);
    l.h = _mm512_mask_set1_epi64(l.h, 1, (long long)*gear);

    unsigned of_interest = 0xff;
    size_t found = 0;
    for (size_t at = 0; at < STRIP; at += STEP) {
        __m512i before = l.h;
        for (unsigned s = 0; s < STRIPS; s++) from[s] = p + s * STRIP + at;
        l.least = _mm512_set1_epi64(-1);
        l = sixty_four_steps(l, from);
        unsigned has_cut = _mm512_testn_epi64_mask(l.least, top) & of_interest;
        if (__builtin_expect(has_cut == 0, 1)) continue;
        unsigned s = (unsigned)__builtin_ctz(has_cut);
        uint64_t h[STRIPS];
        _mm512_storeu_si512(h, before);
        found = s * STRIP + at + first_cut(from[s], h[s]);
        of_interest = (1u << s) - 1;
        if (of_interest == 0) break;
    }
    *cut = found > 0;
    if (found) return found;
    uint64_t h[STRIPS];
    _mm512_storeu_si512(h, l.h);
    *gear = h[STRIPS - 1];
    return XET_SCAN_AVX512_BYTES;
}
