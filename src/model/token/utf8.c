/* model/token/utf8.c - counting and checking UTF-8 eight bytes at a time. */
#include "model/token/utf8.h"

static inline uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

size_t utf8_count(str s)
{
    size_t n = 0, i = 0;
    for (; i + 8 <= s.n; i += 8) { /* a byte is not a lead when its top bits are 10 */
        uint64_t v = load8(s.p + i);
        n += 8 - (size_t)__builtin_popcountll(v >> 7 & ~(v >> 6) & 0x0101010101010101u);
    }
    for (; i < s.n; i++) n += utf8_is_lead((uint8_t)s.p[i]);
    return n;
}

size_t utf8_valid(str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (i + 8 <= s.n && !(load8(s.p + i) & 0x8080808080808080u)) {
            i += 8;
            continue;
        }
        uint32_t c;
        size_t n = (uint8_t)s.p[i] < 0x80 ? 1 : str_utf8_decode(str_from(s, i), &c);
        if (n == 0) return i;
        i += n;
    }
    return i;
}

size_t utf8_malformed(const uint8_t *p, size_t n)
{
    uint8_t a = p[0], low = 0x80, high = 0xBF;
    size_t more = a >= 0xC2 && a <= 0xDF ? 1 : (a & 0xF0) == 0xE0 ? 2 : a >= 0xF0 && a <= 0xF4 ? 3 : 0, i = 1;
    if (a == 0xE0) low = 0xA0;
    if (a == 0xED) high = 0x9F;
    if (a == 0xF0) low = 0x90;
    if (a == 0xF4) high = 0x8F;
    for (; more > 0 && i < n && p[i] >= low && p[i] <= high; more--, i++) low = 0x80, high = 0xBF;
    return i;
}
