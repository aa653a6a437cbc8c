#!/usr/bin/env python3
"""Makes src/base/unicode_table.c (categories and flags, see base/unicode.h) and src/jinja/case_table.h (upper, lower and
title case) from Python's own Unicode data, whose version stands in both.

    python3 tools/unicode_table.py

Normalisation itself is utf8proc's; the flags here only say where nothing can change, so that it need not be asked."""
import bisect
import contextlib
import pathlib
import unicodedata as u

SRC = pathlib.Path(__file__).resolve().parent.parent / "src"
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn").split()
SPACE, WORD, NFC, NFD, NFKC, NFKD, LOWERS, ALPHA, DECIMAL, DIGIT, NUMERIC, UPPER, LOWER, TITLE, PRINTABLE, CASED, IGNORABLE = (32 << i for i in range(17))
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


def as_python_says(s):
    """What str tells; Cased and Case_Ignorable by what they do to their neighbours."""
    final = lambda text: text.lower().endswith("\u03c2")
    is_cased = (s + "a").title()[-1] == "a"
    is_ignorable = not final(s + "\u03a3") if is_cased else final("A" + s + "\u03a3")
    told = ((ALPHA, s.isalpha()), (DECIMAL, s.isdecimal()), (DIGIT, s.isdigit()), (NUMERIC, s.isnumeric()), (UPPER, s.isupper()), (LOWER, s.islower()),
            (TITLE, u.category(s) == "Lt"), (PRINTABLE, s.isprintable()), (CASED, is_cased), (IGNORABLE, is_ignorable))
    return sum(flag for flag, holds in told if holds)


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
        v |= LOWERS
    return v | as_python_says(s)


def rows(cells, width=118):
    line = "   "
    for cell in cells:
        word = f" {cell},"
        if len(line) + len(word) > width:
            yield line
            line = "   "
        line += word
    yield line


def array(declaration, cells):
    print(declaration + " = {", *rows(cells), "};", sep="\n")


def write_classes():
    values, blocks, first = {}, {}, []
    for at in range(0, 0x110000, BLOCK):
        block = tuple(values.setdefault(value(c), len(values)) for c in range(at, at + BLOCK))
        first.append(blocks.setdefault(block, len(blocks)))
    assert len(values) <= 256
    print(f"""/* base/unicode_table.c - made by tools/unicode_table.py from Unicode {u.unidata_version}; do not edit.
 *
 * unicode_value[unicode_index[unicode_block[c / 128]][c % 128]] holds the category and flags of unicode.h. */
#include "base/unicode.h"
""")
    array(f"const uint32_t unicode_value[{len(values)}]", values)
    array(f"const uint16_t unicode_block[{len(first)}]", first)
    print(f"const uint8_t unicode_index[{len(blocks)}][{BLOCK}] = {{")
    for block in blocks:
        print("    {", *rows(block), "    },", sep="\n")
    print("};")


def write_cases():
    special, simple = [], []
    for cp in range(0x110000):
        if 0xD800 <= cp <= 0xDFFF:
            continue
        c = chr(cp)
        low = c.lower() if cp != 0x3A3 else "\u03c3"
        deltas = []
        for kind, to in enumerate((c.upper(), low, c.title())):
            if len(to) == 1:
                deltas.append(ord(to) - cp)
            else:
                deltas.append(0)
                special.append((cp, kind, [ord(x) for x in to]))
        if any(deltas):
            simple.append((cp, deltas))
    cases = []
    for cp, deltas in simple:  # upper and lower case often alternate: two runs grow at once
        for run in cases[-1:-3:-1]:
            if run[3] == deltas and cp - run[1] <= 2 and run[2] in (0, cp - run[1]):
                run[1], run[2] = cp, cp - run[1]
                break
        else:
            cases.append([cp, cp, 0, deltas])
    found = dict(simple)
    for cp in range(0x110000):  # as unicode_case looks it up
        end = bisect.bisect_right(cases, [cp, 0x110000])
        near = cases[max(0, end - 4):end]
        hit = [r for r in near if r[1] >= cp and (cp - r[0]) % (r[2] or 1) == 0]
        assert (hit[-1][3] if hit else [0, 0, 0]) == found.get(cp, [0, 0, 0]), hex(cp)
    print(f"""/* jinja/case_table.h - made by tools/unicode_table.py from Unicode {u.unidata_version}; do not edit. */
#ifndef JINJA_CASE_TABLE_H
#define JINJA_CASE_TABLE_H

#include <stdint.h>

/* Upper, lower and title case by difference, for every step-th character of the run. */""")
    array("static const struct { uint32_t first, last; uint8_t step; int32_t delta[3]; } case_runs[]",
          ["{ 0x%x, 0x%x, %d, { %d, %d, %d } }" % (a, b, s or 1, *d) for a, b, s, d in cases])
    print("\n/* One character that becomes several: which of the three, and what. */")
    array("static const struct { uint32_t cp; uint8_t which, n; uint16_t to[3]; } case_special[]",
          ["{ 0x%x, %d, %d, { %s } }" % (cp, k, len(to), ", ".join("0x%x" % x for x in to)) for cp, k, to in special])
    print("\n#endif")


for path, write in (("base/unicode_table.c", write_classes), ("jinja/case_table.h", write_cases)):
    with open(SRC / path, "w") as out, contextlib.redirect_stdout(out):
        write()
