/* http/url.c - percent-encoding, query strings and forms.
 *
 * Nothing is parsed ahead of time: a look-up walks the raw text, which is a few hundred bytes, and decodes
 * only what was asked for.  A piece that does not decode ("%zz", "%00") counts as absent. */
#include "http/http_priv.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Takes one decoded character off the front of *s; -1 when malformed. */
static int decode_one(str *s, bool plus_is_blank)
{
    char c = s->p[0];
    if (c == '%') {
        int high = s->n >= 3 ? hex_value(s->p[1]) : -1;
        int low = high >= 0 ? hex_value(s->p[2]) : -1;
        if (low < 0 || (high | low) == 0) return -1;
        *s = str_from(*s, 3);
        return high << 4 | low;
    }
    *s = str_from(*s, 1);
    if (c == '\0') return -1;
    return c == '+' && plus_is_blank ? ' ' : (unsigned char)c;
}

bool http_decode(str s, bool plus_is_blank, struct arena *a, str *out)
{
    bool plain = str_chr(s, '%') == STR_NONE && str_chr(s, '\0') == STR_NONE &&
                 !(plus_is_blank && str_chr(s, '+') != STR_NONE);
    if (plain) {
        *out = s;
        return true;
    }
    char *p = arena_try(a, s.n + 1);
    size_t n = 0;
    while (p && s.n > 0) {
        int c = decode_one(&s, plus_is_blank);
        if (c < 0) return false;
        p[n++] = (char)c;
    }
    *out = (str){ p, n };
    return p != NULL;
}

void http_encode(struct buf *out, str s, const char *keep)
{
    static const char digit[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || (c && (strchr("-._~", c) || strchr(keep, c)))) {
            buf_byte(out, (char)c);
        } else {
            buf_byte(out, '%');
            buf_byte(out, digit[c >> 4]);
            buf_byte(out, digit[c & 15]);
        }
    }
}

/* Whether the encoded `raw` spells `key` or "key[]". */
static bool key_is(str raw, str key)
{
    while (key.n > 0) {
        if (raw.n == 0 || decode_one(&raw, true) != (unsigned char)key.p[0]) return false;
        key = str_from(key, 1);
    }
    if (raw.n == 0) return true;
    if (decode_one(&raw, true) != '[' || raw.n == 0) return false;
    return decode_one(&raw, true) == ']' && raw.n == 0;
}

static bool decodes(str s)
{
    while (s.n)
        if (decode_one(&s, true) < 0) return false;
    return true;
}

/* The next pair of this key, still encoded: one that decodes. */
static bool pair_next(str *rest, str key, str *raw)
{
    str pair;
    while (rest->p && str_cut(rest, '&', &pair)) {
        size_t eq = str_chr(pair, '=');
        str name = eq == STR_NONE ? pair : str_to(pair, eq);
        if (name.n == 0 || !key_is(name, key)) continue;
        *raw = eq == STR_NONE ? str_from(pair, pair.n) : str_from(pair, eq + 1);
        if (decodes(*raw)) return true;
    }
    return false;
}

static bool pair_nth(str pairs, struct arena *a, str key, size_t i, str *value)
{
    str raw;
    while (pair_next(&pairs, key, &raw))
        if (i-- == 0) return http_decode(raw, true, a, value);
    return false;
}

bool http_form_next(str *rest, struct arena *a, const char *key, str *value)
{
    str raw;
    return pair_next(rest, str_c(key), &raw) && http_decode(raw, true, a, value);
}

bool http_form_nth(str body, struct arena *a, const char *key, size_t i, str *value)
{
    return pair_nth(body, a, str_c(key), i, value);
}

bool http_query_nth(struct http_req *r, const char *key, size_t i, str *value)
{
    return pair_nth(r->query, r->arena, str_c(key), i, value);
}

str http_query(struct http_req *r, const char *key)
{
    str value = { 0 };
    return http_query_nth(r, key, 0, &value) ? value : (str){ 0 };
}

bool http_query_bool(struct http_req *r, const char *key, bool otherwise)
{
    str v = http_query(r, key);
    if (str_eq(v, STR("true")) || str_eq(v, STR("True")) || str_eq(v, STR("1"))) return true;
    if (str_eq(v, STR("false")) || str_eq(v, STR("False")) || str_eq(v, STR("0"))) return false;
    return otherwise;
}
