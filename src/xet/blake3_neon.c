/* blake3_neon.c - four jobs side by side on 64-bit ARM: word w of all four states lies in one register. */
#include <arm_neon.h>

#include "xet/blake3_priv.h"

enum { LANES = 4 };

static inline uint32x4_t rotr16(uint32x4_t x) { return vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(x))); }
#define ROTR(x, n) vsliq_n_u32(vshrq_n_u32(x, n), x, 32 - (n))
#define MIX(a, b, c, d, x, y)                                                                           \
    v[a] = vaddq_u32(v[a], vaddq_u32(v[b], m[x])), v[d] = rotr16(veorq_u32(v[d], v[a]));                \
    v[c] = vaddq_u32(v[c], v[d]), v[b] = veorq_u32(v[b], v[c]), v[b] = ROTR(v[b], 12);                  \
    v[a] = vaddq_u32(v[a], vaddq_u32(v[b], m[y])), v[d] = veorq_u32(v[d], v[a]), v[d] = ROTR(v[d], 8);  \
    v[c] = vaddq_u32(v[c], v[d]), v[b] = veorq_u32(v[b], v[c]), v[b] = ROTR(v[b], 7);

/* Rows of four words become columns. */
static inline void transpose(uint32x4_t r[LANES])
{
    uint32x4x2_t a = vtrnq_u32(r[0], r[1]), b = vtrnq_u32(r[2], r[3]);
    r[0] = vcombine_u32(vget_low_u32(a.val[0]), vget_low_u32(b.val[0]));
    r[1] = vcombine_u32(vget_low_u32(a.val[1]), vget_low_u32(b.val[1]));
    r[2] = vcombine_u32(vget_high_u32(a.val[0]), vget_high_u32(b.val[0]));
    r[3] = vcombine_u32(vget_high_u32(a.val[1]), vget_high_u32(b.val[1]));
}

/* The words at `at` of every lane.  A block that a job does not fill is copied out first, so that only bytes inside the job are
 * read. */
static inline void load(const struct blake3_job *const lane[LANES], uint32_t at, uint32x4_t m[16])
{
    uint8_t part[LANES][64];
    for (unsigned i = 0; i < LANES; i++) {
        uint32_t size = lane[i]->size_bytes;
        const uint8_t *from = lane[i]->in + at;
        if (size < at + 64) {
            memset(part[i], 0, 64);
            if (size > at) memcpy(part[i], from, size - at);
            from = part[i];
        }
        for (unsigned q = 0; q < 4; q++) m[4 * q + i] = vreinterpretq_u32_u8(vld1q_u8(from + 16 * q));
    }
    for (unsigned q = 0; q < 4; q++) transpose(m + 4 * q);
}

/* Runs up to four jobs; lanes without one repeat the first, and what they make is not stored. */
static void run4(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    const struct blake3_job *lane[LANES];
    uint32_t low[LANES], high[LANES], flags[LANES], first[LANES], last[LANES], last_block[LANES], last_size[LANES], blocks_max = 0;
    for (unsigned i = 0; i < LANES; i++) {
        const struct blake3_job *t = lane[i] = &job[i < count ? i : 0];
        low[i] = (uint32_t)t->counter, high[i] = (uint32_t)(t->counter >> 32);
        flags[i] = t->flags, first[i] = t->flags_first, last[i] = t->flags_last;
        last_block[i] = t->size_bytes ? (t->size_bytes - 1) / 64 : 0;
        last_size[i] = t->size_bytes - 64 * last_block[i];
        if (last_block[i] >= blocks_max) blocks_max = last_block[i] + 1;
    }
    uint32x4_t h[8];
    for (unsigned i = 0; i < 8; i++) h[i] = vdupq_n_u32(key[i]);

    for (uint32_t b = 0; b < blocks_max; b++) {
        uint32x4_t m[16], v[16], now = vdupq_n_u32(b);
        uint32x4_t is_last = vceqq_u32(now, vld1q_u32(last_block)), is_over = vcgtq_u32(now, vld1q_u32(last_block));
        uint32x4_t f = b == 0 ? vorrq_u32(vld1q_u32(flags), vld1q_u32(first)) : vld1q_u32(flags);
        load(lane, 64 * b, m);
        for (unsigned i = 0; i < 8; i++) v[i] = h[i];
        v[8] = vdupq_n_u32(BLAKE3_IV0), v[9] = vdupq_n_u32(BLAKE3_IV1), v[10] = vdupq_n_u32(BLAKE3_IV2), v[11] = vdupq_n_u32(BLAKE3_IV3);
        v[12] = vld1q_u32(low), v[13] = vld1q_u32(high);
        v[14] = vbslq_u32(is_last, vld1q_u32(last_size), vdupq_n_u32(64));
        v[15] = vorrq_u32(f, vandq_u32(is_last, vld1q_u32(last)));
        BLAKE3_ROUNDS(BLAKE3_ROUND)
        for (unsigned i = 0; i < 8; i++) h[i] = vbslq_u32(is_over, h[i], veorq_u32(v[i], v[i + 8]));
    }
    transpose(h);
    transpose(h + 4);
    for (unsigned i = 0; i < count; i++) {
        vst1q_u8(out[i], vreinterpretq_u8_u32(h[i]));
        vst1q_u8(out[i] + 16, vreinterpretq_u8_u32(h[4 + i]));
    }
}

void blake3_run_neon(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    size_t n;
    for (; count > 1; job += n, out += n, count -= n) run4(key, job, n = count < LANES ? count : LANES, out);
    blake3_run_scalar(key, job, count, out); /* alone, a job is faster without lanes */
}
