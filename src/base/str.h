/* base/str.h - borrowed views of text and bytes.
 *
 * A view is a pointer and a length.  It owns nothing, is never assumed to be NUL-terminated, and is
 * valid as long as what it looks at.  An empty view may have any pointer, NULL included.
 * All functions are pure and safe from any thread. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct {
    const char *p;
    size_t n;
} str;

typedef struct {
    const uint8_t *p;
    size_t n;
} bytes;

/* A view of a string literal; usable in static initialisers. */
#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 }
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline str str_c(const char *c) { return (str){ c, c ? strlen(c) : 0 }; }
static inline str str_n(const char *p, size_t n) { return (str){ p, n }; }
static inline str str_of(bytes b) { return (str){ (const char *)b.p, b.n }; }
static inline bytes bytes_of(str s) { return (bytes){ (const uint8_t *)s.p, s.n }; }
static inline str str_from(str s, size_t at)
{
    if (at > s.n) at = s.n;
    return (str){ at ? s.p + at : s.p, s.n - at }; /* NULL + 0 is not defined in C */
}
static inline str str_to(str s, size_t n) { return (str){ s.p, n < s.n ? n : s.n }; }

static inline bool str_eq(str a, str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool str_eq_nocase(str a, str b); /* ASCII case only */
int str_cmp(str a, str b);        /* byte order, shorter first */
static inline bool str_starts(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
static inline bool str_ends(str s, str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}
bool str_starts_nocase(str s, str prefix);
bool str_ends_nocase(str s, str suffix);

#define STR_NONE ((size_t)-1)
size_t str_find(str s, str what);        /* STR_NONE when absent; "" is found at 0 */
size_t str_find_nocase(str s, str what); /* ASCII case only */
size_t str_chr(str s, char c);           /* first, or STR_NONE */
size_t str_rchr(str s, char c);          /* last, or STR_NONE */
str str_trim(str s);                     /* without ASCII white space at both ends */

/* Cuts the text before the first `sep` off the front of *rest.  Returns false once *rest has been used
 * up; "a,,b" yields "a", "", "b" and "" yields one empty piece.  Start with rest->p not NULL. */
bool str_cut(str *rest, char sep, str *piece);

/* Whole-text conversions: digits only, no sign, no blanks, no overflow. */
bool str_u64(str s, uint64_t *out);
bool str_i64(str s, int64_t *out); /* one leading '-' allowed */

/* "1 file", "2 files": what people count. */
static inline const char *plural(uint64_t n, const char *one, const char *many) { return n == 1 ? one : many; }

bool str_is_utf8(str s); /* strict: no overlong forms, no surrogates, nothing above U+10FFFF */

/* Decodes one code point from the front of s into *cp and returns its length, or 0 if malformed. */
size_t str_utf8_decode(str s, uint32_t *cp);
/* Writes cp, at most U+10FFFF, in 1 to 4 bytes, and says in how many. */
static inline size_t str_utf8_encode(uint32_t cp, char *to)
{
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (size_t i = n; --i > 0; cp >>= 6) to[i] = (char)(0x80 | (cp & 63));
    to[0] = (char)(lead[n] | cp);
    return n;
}

#endif
