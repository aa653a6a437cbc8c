/* model/token/unicode.h - what a tokenizer asks about text: categories, white space, and where the normal forms
 * cannot change anything.
 *
 * The table is generated (tools/unicode_table.py); utf8proc does the normalising.  Pure, safe from any thread.
 * Callers give well-formed UTF-8: token_encode replaces what is not before anything else looks at it. */
#ifndef MODEL_TOKEN_UNICODE_H
#define MODEL_TOKEN_UNICODE_H

#include "base/str.h"

enum unicode_category {
    UC_LU, UC_LL, UC_LT, UC_LM, UC_LO, UC_MN, UC_MC, UC_ME, UC_ND, UC_NL, UC_NO, UC_PC, UC_PD, UC_PS, UC_PE,
    UC_PI, UC_PF, UC_PO, UC_SM, UC_SC, UC_SK, UC_SO, UC_ZS, UC_ZL, UC_ZP, UC_CC, UC_CF, UC_CS, UC_CO, UC_CN,
};
enum {
    UF_CATEGORY = 31,
    UF_SPACE = 32,  /* White_Space */
    UF_WORD = 64,   /* \w: Alphabetic, M, Nd, Pc, Join_Control */
    UF_NFC = 128,   /* may change, join to what stands before, or be reordered in this form */
    UF_NFD = 256,
    UF_NFKC = 512,
    UF_NFKD = 1024,
    UF_LOWER = 2048, /* has another lower case */
};

extern const uint16_t unicode_value[];
extern const uint16_t unicode_block[8704];
extern const uint8_t unicode_index[][128];

static inline unsigned unicode_of(uint32_t c)
{
    return c < 0x110000 ? unicode_value[unicode_index[unicode_block[c >> 7]][c & 127]] : UC_CN;
}
static inline bool unicode_is(uint32_t c, uint32_t categories) /* a set of 1u << UC_... */
{
    return categories >> (unicode_of(c) & UF_CATEGORY) & 1;
}
#define UC_SET(x) (1u << UC_##x)
enum {
    UC_LETTERS = UC_SET(LU) | UC_SET(LL) | UC_SET(LT) | UC_SET(LM) | UC_SET(LO),
    UC_MARKS = UC_SET(MN) | UC_SET(MC) | UC_SET(ME),
    UC_NUMBERS = UC_SET(ND) | UC_SET(NL) | UC_SET(NO),
    UC_PUNCTUATION = UC_SET(PC) | UC_SET(PD) | UC_SET(PS) | UC_SET(PE) | UC_SET(PI) | UC_SET(PF) | UC_SET(PO),
    UC_SYMBOLS = UC_SET(SM) | UC_SET(SC) | UC_SET(SK) | UC_SET(SO),
    UC_OTHERS = UC_SET(CC) | UC_SET(CF) | UC_SET(CS) | UC_SET(CO) | UC_SET(CN),
};
static inline bool unicode_is_space(uint32_t c) { return unicode_of(c) & UF_SPACE; }

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

static inline size_t utf8_put(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) return out[0] = (uint8_t)c, 1;
    if (c < 0x800) return out[0] = (uint8_t)(0xC0 | c >> 6), out[1] = (uint8_t)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

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
