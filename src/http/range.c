/* http/range.c - the Range header of RFC 9110, section 14.2.
 *
 * What a server may ignore is ignored: then the whole is served, which is always right.  That goes for
 * what is malformed, for units other than bytes, for more than HTTP_RANGES_MAX ranges, and for ranges that
 * together ask for more than there is (overlaps, which would multiply the work). */
#include "http/http.h"

/* Digits only; what does not fit 64 bits is beyond any size, and counts as UINT64_MAX. */
static bool position(str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
    }
    return s.n > 0;
}

enum outcome { OUTCOME_FITS, OUTCOME_BEYOND, OUTCOME_MALFORMED };

static enum outcome one_range(str spec, uint64_t size, struct http_range *out)
{
    size_t dash = str_chr(spec, '-');
    if (dash == STR_NONE) return OUTCOME_MALFORMED;
    str first = str_to(spec, dash), last = str_from(spec, dash + 1);
    if (first.n == 0) { /* the last so many bytes */
        uint64_t n;
        if (!position(last, &n)) return OUTCOME_MALFORMED;
        if (n == 0 || size == 0) return OUTCOME_BEYOND;
        *out = (struct http_range){ n < size ? size - n : 0, size - 1 };
        return OUTCOME_FITS;
    }
    *out = (struct http_range){ 0, UINT64_MAX };
    if (!position(first, &out->first) || (last.n > 0 && !position(last, &out->last)) || out->last < out->first)
        return OUTCOME_MALFORMED;
    if (out->first >= size) return OUTCOME_BEYOND;
    if (out->last >= size) out->last = size - 1;
    return OUTCOME_FITS;
}

enum http_range_kind http_range_parse(str header, uint64_t size, struct http_range *out, size_t *n)
{
    str rest = str_trim(header), spec;
    uint64_t asked = 0;
    size_t specs = 0;
    *n = 0;
    if (!str_starts_nocase(rest, STR("bytes="))) return HTTP_RANGE_NONE;
    rest = str_from(rest, 6);
    while (str_cut(&rest, ',', &spec)) {
        spec = str_trim(spec);
        if (spec.n == 0) continue; /* lists may have empty members */
        if (specs++ == HTTP_RANGES_MAX) return HTTP_RANGE_NONE;
        struct http_range r;
        enum outcome outcome = one_range(spec, size, &r);
        if (outcome == OUTCOME_MALFORMED) return HTTP_RANGE_NONE;
        if (outcome == OUTCOME_BEYOND) continue;
        if (r.last - r.first >= size - asked) return HTTP_RANGE_NONE; /* together more than there is */
        asked += r.last - r.first + 1;
        out[(*n)++] = r;
    }
    if (specs == 0) return HTTP_RANGE_NONE;
    return *n > 0 ? HTTP_RANGE_SOME : HTTP_RANGE_UNSATISFIABLE;
}
