/* jinja/number.c - see number.h. */
#include "jinja/number.h"

#include <math.h>

#include "base/ckd.h"
#include "jinja/unicode.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static int prefix_base(str s)
{
    if (s.n < 3 || s.p[0] != '0') return 0;
    char c = (char)(s.p[1] | 0x20);
    return c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
}

bool number_int(str s, int base, int64_t *out)
{
    s = unicode_trim(s, true, true);
    bool minus = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) s = str_from(s, 1);
    int prefix = prefix_base(s);
    if (prefix && (base == 0 || base == prefix)) {
        base = prefix;
        s = str_from(s, 2);
        if (s.n && s.p[0] == '_') s = str_from(s, 1);
    } else if (base == 0) {
        base = 10;
    }
    int64_t v = 0;
    if (s.n == 0 || s.p[0] == '_' || s.p[s.n - 1] == '_') return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') {
            if (s.p[i - 1] == '_') return false;
            continue;
        }
        int d = digit(s.p[i]);
        if (d >= base || ckd_mul(&v, v, (int64_t)base) || ckd_sub(&v, v, (int64_t)d)) return false;
    }
    if (!minus && v == INT64_MIN) return false;
    *out = minus ? v : -v; /* counted downwards, because the negative side is longer by one */
    return true;
}

bool number_real(str s, double *out)
{
    char text[512];
    size_t n = 0;
    s = unicode_trim(s, true, true);
    if (s.n == 0 || s.n >= sizeof text) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_') {
            if (i == 0 || i + 1 == s.n || digit(s.p[i - 1]) > 9 || digit(s.p[i + 1]) > 9) return false;
            continue;
        }
        if ((c | 0x20) == 'x' || c == '(' || c == 0) return false; /* strtod reads more than Python does */
        text[n++] = c;
    }
    text[n] = 0;
    char *end;
    *out = strtod(text, &end);
    return end == text + n && n > 0;
}
