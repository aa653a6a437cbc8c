#!/usr/bin/env python3
"""embed.py OUT.c NAME FILE... - turns files into a table of C byte arrays, sorted by name.

The table is `const struct embedded NAME[]`, ended by an entry without a name (see base/embedded.h).
A FILE may be given as ROOT:FILE; its name in the table is then relative to ROOT."""
import os
import sys


def main():
    out, table, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    entries = []
    for f in files:
        root, _, path = f.rpartition(":")
        name = os.path.relpath(path, root) if root else os.path.basename(path)
        with open(path, "rb") as fh:
            entries.append((name, fh.read()))
    entries.sort()
    with open(out, "w") as o:
        o.write('/* Made by tools/embed.py; do not edit. */\n#include "base/embedded.h"\n')
        for i, (name, data) in enumerate(entries):
            o.write(f"static const unsigned char data_{i}[] = {{")
            for j, b in enumerate(data + b"\0"):  # a NUL that is not counted, so that text can be given to libc
                if j % 32 == 0:
                    o.write("\n")
                o.write(f"{b},")
            o.write("\n};\n")
        o.write(f"extern const struct embedded {table}[];\nconst struct embedded {table}[] = {{\n")
        for i, (name, data) in enumerate(entries):
            o.write(f'    {{ "{name}", data_{i}, {len(data)} }},\n')
        o.write("    { 0, 0, 0 },\n};\n")


main()
