/* model/token/utf8.h - UTF-8 that is known to be well-formed, and how to know it; GPT-2's alphabet of bytes.
 *
 * Pure, safe from any thread.  Callers give well-formed UTF-8: token_encode replaces what is not before anything else looks
 * at it. */
#ifndef MODEL_TOKEN_UTF8_H
#define MODEL_TOKEN_UTF8_H

#include "base/str.h"

/* The code point at p, which is the start of a well-formed sequence; *n is its length. */
static inline uint32_t utf8_get(const uint8_t *p, size_t *n)
{
    if (p[0] < 0x80) return *n = 1, p[0];
    if (p[0] < 0xE0) return *n = 2, (uint32_t)(p[0] & 31) << 6 | (p[1] & 63);
    if (p[0] < 0xF0) return *n = 3, (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63);
    return *n = 4, (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 63) << 12 | (uint32_t)(p[2] & 63) << 6 | (p[3] & 63);
}
static inline size_t utf8_size(uint8_t lead) { return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }
static inline bool utf8_is_lead(uint8_t b) { return (b & 0xC0) != 0x80; }

/* The GPT-2 byte alphabet: every byte is one visible code point below U+0144. */
static inline uint32_t byte_to_alphabet(uint8_t b)
{
    if (b >= 0x21 && b <= 0x7E) return b;
    if (b >= 0xA1 && b != 0xAD) return b;
    if (b <= 0x20) return 0x100u + b;
    if (b <= 0xA0) return 0x121u + (b - 0x7Fu);
    return 0x143u;
}
static inline int alphabet_to_byte(uint32_t c) /* -1: not a letter of it */
{
    if ((c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD)) return (int)c;
    if (c >= 0x100 && c <= 0x120) return (int)(c - 0x100);
    if (c >= 0x121 && c <= 0x142) return (int)(c - 0x121 + 0x7F);
    return c == 0x143 ? 0xAD : -1;
}

/* Bytes of s that start a code point. */
size_t utf8_count(str s);
/* The length of the longest prefix that is well-formed UTF-8. */
size_t utf8_valid(str s);
/* The length of what is malformed at p: the longest beginning of a sequence that could have been one (as Unicode
 * recommends and Python does), at least one byte. */
size_t utf8_malformed(const uint8_t *p, size_t n);

#endif
