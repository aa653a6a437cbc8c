/* base/str.c - see base/str.h. */
#include "base/str.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static bool equal_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

bool str_eq_nocase(str a, str b) { return a.n == b.n && equal_nocase(a.p, b.p, a.n); }

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts_nocase(str s, str prefix) { return s.n >= prefix.n && equal_nocase(s.p, prefix.p, prefix.n); }

bool str_ends_nocase(str s, str suffix)
{
    return s.n >= suffix.n && equal_nocase(s.p + s.n - suffix.n, suffix.p, suffix.n);
}

size_t str_find(str s, str what)
{
    if (what.n == 0) return 0;
    if (what.n > s.n) return STR_NONE;
    const char *at = memmem(s.p, s.n, what.p, what.n); /* linear, whatever the two are: both may be hostile */
    return at ? (size_t)(at - s.p) : STR_NONE;
}

size_t str_find_nocase(str s, str what)
{
    if (what.n > s.n) return STR_NONE;
    for (size_t i = 0; i <= s.n - what.n; i++)
        if (equal_nocase(s.p + i, what.p, what.n)) return i;
    return STR_NONE;
}

size_t str_chr(str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : STR_NONE;
}

size_t str_rchr(str s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c) return i - 1;
    return STR_NONE;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

str str_trim(str s)
{
    while (s.n && is_blank(s.p[0])) s = str_from(s, 1);
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

bool str_cut(str *rest, char sep, str *piece)
{
    if (!rest->p) return false;
    size_t at = str_chr(*rest, sep);
    if (at == STR_NONE) {
        *piece = *rest;
        *rest = (str){ NULL, 0 };
    } else {
        *piece = str_to(*rest, at);
        *rest = str_from(*rest, at + 1);
    }
    return true;
}

bool str_u64(str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 20) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10) return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool str_i64(str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (!str_u64(negative ? str_from(s, 1) : s, &v)) return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

size_t str_utf8_decode(str s, uint32_t *cp)
{
    if (s.n == 0) return 0;
    const uint8_t *p = (const uint8_t *)s.p;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    static const uint8_t lead_bits[5] = { 0, 0, 0x1F, 0x0F, 0x07 };
    if (p[0] < 0xC2 || p[0] > 0xF4 || s.n < n) return 0;
    uint32_t c = p[0] & lead_bits[n];
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
    *cp = c;
    return n;
}

bool str_is_utf8(str s)
{
    while (s.n) {
        uint64_t eight = UINT64_MAX; /* most text is ASCII, which goes thirty times as fast so */
        uint32_t cp;
        if (s.n >= sizeof eight) memcpy(&eight, s.p, sizeof eight);
        if (!(eight & UINT64_C(0x8080808080808080))) {
            s = str_from(s, sizeof eight);
            continue;
        }
        size_t n = str_utf8_decode(s, &cp);
        if (n == 0) return false;
        s = str_from(s, n);
    }
    return true;
}
