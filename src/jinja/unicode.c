/* jinja/unicode.c - see unicode.h.  Cases are ranges in order, searched by halving. */
#include "jinja/unicode.h"

#include "jinja/case_table.h"

size_t unicode_case(uint32_t cp, enum unicode_case to, uint32_t out[3])
{
    out[0] = cp;
    if (cp < 0x80) {
        if (to == UC_TO_LOWER ? cp >= 'A' && cp <= 'Z' : cp >= 'a' && cp <= 'z') out[0] = cp ^ 0x20;
        return 1;
    }
    for (size_t i = 0; i < COUNT(case_special); i++) {
        if (case_special[i].cp > cp) break;
        if (case_special[i].cp != cp || case_special[i].which != to) continue;
        for (size_t k = 0; k < case_special[i].n; k++) out[k] = case_special[i].to[k];
        return case_special[i].n;
    }
    /* Runs with a step may lie inside each other's gaps, so the neighbours are asked as well. */
    size_t lo = 0, hi = COUNT(case_runs);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp >= case_runs[mid].first)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t k = 0; k < 4 && k < lo; k++) {
        size_t i = lo - 1 - k;
        if (cp > case_runs[i].last || (cp - case_runs[i].first) % case_runs[i].step != 0) continue;
        out[0] = (uint32_t)((int32_t)cp + case_runs[i].delta[to]);
        break;
    }
    return 1;
}

bool unicode_is_blank(uint32_t cp) { return unicode_is_space(cp) || (cp >= 0x1c && cp <= 0x1f); }

uint32_t unicode_next(str s, size_t *at)
{
    uint32_t cp = (unsigned char)s.p[*at];
    if (cp < 0x80) {
        ++*at;
        return cp;
    }
    size_t n = str_utf8_decode(str_from(s, *at), &cp);
    if (n == 0) { /* a caller's function may hand us anything: never stop, never pass the end */
        n = 1;
        cp = 0xfffd;
    }
    *at += n;
    return cp;
}

static bool is_cont(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

uint32_t unicode_last(str s, size_t *end)
{
    size_t at = *end - 1;
    while (at > 0 && *end - at < 4 && is_cont(s.p[at])) at--;
    size_t again = at;
    uint32_t cp = unicode_next(s, &again);
    *end = again == *end ? at : *end - 1;
    return cp;
}

size_t unicode_count(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += !is_cont(s.p[i]);
    return n;
}

size_t unicode_at(str s, size_t i)
{
    size_t at = 0;
    for (; at < s.n; at++) {
        if (is_cont(s.p[at])) continue;
        if (i-- == 0) return at;
    }
    return s.n;
}

size_t unicode_space_at(str s)
{
    size_t at = 0;
    return s.n && unicode_is_blank(unicode_next(s, &at)) ? at : 0;
}

str unicode_trim(str s, bool left, bool right)
{
    if (left)
        for (size_t n; (n = unicode_space_at(s)) > 0;) s = str_from(s, n);
    if (right)
        while (s.n) {
            size_t end = s.n;
            if (!unicode_is_blank(unicode_last(s, &end))) break;
            s.n = end;
        }
    return s;
}

bool unicode_is_ascii(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}
