#!/usr/bin/env python3
"""unicode_jinja.py > src/jinja/unicode_table.h - what Python's str knows of each character, as ranges.

Run again when the templates should follow a newer Python; the properties are asked from str itself."""
import bisect
import sys
import unicodedata

ALPHA, DECIMAL, DIGIT, NUMERIC, UPPER, LOWER, TITLE, PRINTABLE, CASED, IGNORABLE, WIDE_START = (1 << i for i in range(11))


def flags(c):
    f = 0
    f |= ALPHA if c.isalpha() else 0
    f |= DECIMAL if c.isdecimal() else 0
    f |= DIGIT if c.isdigit() else 0
    f |= NUMERIC if c.isnumeric() else 0
    f |= UPPER if c.isupper() else 0
    f |= LOWER if c.islower() else 0
    f |= TITLE if unicodedata.category(c) == "Lt" else 0
    f |= PRINTABLE if c.isprintable() else 0
    cased = (c + "a").title()[-1] == "a"
    f |= CASED if cased else 0
    final = lambda s: s.lower().endswith("\u03c2")
    ignorable = not final(c + "\u03a3") if cased else final("A" + c + "\u03a3")
    return f | (IGNORABLE if ignorable else 0)


def main():
    runs, special, simple = [], [], []
    for cp in range(0x110000):
        if 0xD800 <= cp <= 0xDFFF:
            continue
        c = chr(cp)
        f = flags(c)
        if runs and runs[-1][2] == f and runs[-1][1] == cp - 1:
            runs[-1][1] = cp
        elif f:
            runs.append([cp, cp, f])
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

    out = sys.stdout
    out.write("/* Made by tools/unicode_jinja.py from Unicode %s; do not edit. */\n" % unicodedata.unidata_version)
    out.write("#ifndef JINJA_UNICODE_TABLE_H\n#define JINJA_UNICODE_TABLE_H\n\n#include <stdint.h>\n\n")
    out.write("static const struct { uint32_t first, last; uint16_t flags; } class_runs[] = {\n")
    dump(out, ["{ 0x%x, 0x%x, 0x%x }" % tuple(r) for r in runs])
    out.write("};\n\n/* Upper, lower and title case by difference, for every step-th character of the run. */\n")
    out.write("static const struct { uint32_t first, last; uint8_t step; int32_t delta[3]; } case_runs[] = {\n")
    dump(out, ["{ 0x%x, 0x%x, %d, { %d, %d, %d } }" % (a, b, s or 1, *d) for a, b, s, d in cases])
    out.write("};\n\n/* One character that becomes several: which of the three, and what. */\n")
    out.write("static const struct { uint32_t cp; uint8_t which, n; uint16_t to[3]; } case_special[] = {\n")
    dump(out, ["{ 0x%x, %d, %d, { %s } }" % (cp, k, len(to), ", ".join("0x%x" % x for x in to)) for cp, k, to in special])
    out.write("};\n\n#endif\n")


def dump(out, cells):
    line = "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > 118:
            out.write(line + "\n")
            line = "   "
        line += " " + cell + ","
    out.write(line + "\n")


main()
