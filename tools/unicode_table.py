#!/usr/bin/env python3
"""Writes src/model/token/unicode_table.c: what a tokenizer asks about a code point, in two stages of 128.

    python3 tools/unicode_table.py > src/model/token/unicode_table.c

The data is that of Python's unicodedata (its Unicode version stands in the output).  Normalisation itself is
utf8proc's; the flags here only say where nothing can change, so that it need not be asked.
"""
import sys
import unicodedata as u

CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn").split()
SPACE, WORD, NFC, NFD, NFKC, NFKD, LOWER = (32 << i for i in range(7))
WHITE = {9, 10, 11, 12, 13, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
# Other_Alphabetic outside of the letters and marks; with them \w is what Rust's regex says it is.
ALPHABETIC_SYMBOLS = {*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)}
BLOCK = 128

# What may join to a character before it: NFC_Quick_Check=Maybe.
seconds = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
for c in range(0x110000):
    parts = u.decomposition(chr(c))
    if parts and not parts.startswith("<") and " " in parts and u.normalize("NFC", chr(c)) == chr(c):
        seconds.add(int(parts.split()[1], 16))


def value(c):
    s = chr(c)
    cat = u.category(s)
    v = CATEGORIES.index(cat)
    if c in WHITE:
        v |= SPACE
    if cat[0] in "LM" or cat in ("Nd", "Nl", "Pc") or c in ALPHABETIC_SYMBOLS or c in (0x200C, 0x200D):
        v |= WORD
    if 0xD800 <= c < 0xE000:
        return v
    mark = u.combining(s) != 0
    for form, bit in (("NFC", NFC), ("NFD", NFD), ("NFKC", NFKC), ("NFKD", NFKD)):
        if mark or u.normalize(form, s) != s or (form in ("NFC", "NFKC") and c in seconds):
            v |= bit
    if s.lower() != s:
        v |= LOWER
    return v


values, blocks, first, index = {}, {}, [], []
for at in range(0, 0x110000, BLOCK):
    block = tuple(values.setdefault(value(c), len(values)) for c in range(at, at + BLOCK))
    first.append(blocks.setdefault(block, len(blocks)))
assert len(values) <= 256


def rows(numbers, width=118):
    line = "   "
    for n in numbers:
        word = f" {n},"
        if len(line) + len(word) > width:
            yield line
            line = "   "
        line += word
    yield line


print(f"""/* unicode_table.c - made by tools/unicode_table.py from Unicode {u.unidata_version}; do not edit.
 *
 * unicode_value[unicode_index[unicode_block[c / 128]][c % 128]] holds the category and flags of unicode.h. */
#include "model/token/unicode.h"
""")
print(f"const uint16_t unicode_value[{len(values)}] = {{")
print("\n".join(rows(values)))
print("};")
print(f"const uint16_t unicode_block[{len(first)}] = {{")
print("\n".join(rows(first)))
print("};")
print(f"const uint8_t unicode_index[{len(blocks)}][{BLOCK}] = {{")
for block in blocks:
    print("    {")
    print("\n".join(rows(block)))
    print("    },")
print("};")
print(f"{len(values)} values, {len(blocks)} blocks", file=sys.stderr)
