/* account/totp.c - see account/totp.h. */
#include "account/totp.h"

#include "base/hash.h"

enum { CODES = 1000000, SKEW = 1 };

uint32_t totp_code(bytes secret, uint64_t step)
{
    uint8_t counter[8], mac[SHA1_BYTES];
    for (int i = 0; i < 8; i++) counter[i] = (uint8_t)(step >> (56 - 8 * i));
    hmac_sha1(secret, (bytes){ counter, sizeof counter }, mac);
    const uint8_t *p = mac + (mac[SHA1_BYTES - 1] & 15); /* dynamic truncation, RFC 4226, 5.3 */
    return (((uint32_t)p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) % CODES;
}

int64_t totp_find(bytes secret, str code, int64_t now_ms, int64_t used)
{
    const int64_t now = now_ms / 1000 / TOTP_STEP_S;
    uint64_t typed;
    if (code.n != TOTP_DIGITS || !str_u64(code, &typed)) return 0;
    for (int64_t step = now - SKEW; step <= now + SKEW; step++)
        if (step > used && totp_code(secret, (uint64_t)step) == typed) return step;
    return 0;
}

/* ------------------------------------------------------------------ base32 */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void buf_base32(struct buf *out, bytes b)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < b.n; i++) {
        bits = bits << 8 | b.p[i];
        for (have += 8; have >= 5; have -= 5) buf_byte(out, letters[bits >> (have - 5) & 31]);
    }
    if (have) buf_byte(out, letters[bits << (5 - have) & 31]);
}

static int value_of(char c)
{
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

bool base32_decode(str s, uint8_t *out, size_t n)
{
    uint32_t bits = 0;
    int have = 0;
    size_t written = 0;
    if (s.n != (n * 8 + 4) / 5) return false;
    for (size_t i = 0; i < s.n; i++) {
        int value = value_of(s.p[i]);
        if (value < 0) return false;
        bits = bits << 5 | (uint32_t)value;
        have += 5;
        if (have < 8) continue;
        have -= 8;
        out[written++] = (uint8_t)(bits >> have);
    }
    return (bits & ((1U << have) - 1)) == 0; /* what is left over is zero, or two texts would be one secret */
}
