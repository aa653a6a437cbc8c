/* base/unicode.h - what tokenizers and templates ask about a code point: its category, white space, cases, and where the
 * normal forms cannot change anything.  The table is generated (tools/unicode_table.py).  Pure, safe from any thread. */
#ifndef BASE_UNICODE_H
#define BASE_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

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
    UF_LOWERS = 2048, /* has another lower case */
    /* What Python's str tells of it: isalpha, isdecimal, ... */
    UF_ALPHA = 1 << 12,
    UF_DECIMAL = 1 << 13,
    UF_DIGIT = 1 << 14,
    UF_NUMERIC = 1 << 15,
    UF_UPPER = 1 << 16,
    UF_LOWER = 1 << 17,
    UF_TITLE = 1 << 18,
    UF_PRINTABLE = 1 << 19,
    UF_CASED = 1 << 20,
    UF_CASE_IGNORABLE = 1 << 21,
};

extern const uint32_t unicode_value[];
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

#endif
