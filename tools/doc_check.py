#!/usr/bin/env python3
"""doc_check.py HEARTH ROOT - do the pages for operators name what the program has?

Settings, metrics and log events in docs/OPERATIONS.md, tables in docs/formats/database.md, operations in docs/COMPATIBILITY.md: each must be
there, and nothing else.  README.md counts the operations."""
import re
import subprocess
import sys
from pathlib import Path


def rows(page, title):
    """First cells of the table below a heading that begins with `| title `."""
    found, inside = set(), False
    for line in page.splitlines():
        if line.startswith(f"| {title} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            found.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def compare(what, documented, there):
    faults = [f"{what}: {x} is not documented" for x in sorted(there - documented)]
    return faults + [f"{what}: {x} is documented and is not there" for x in sorted(documented - there)]


def main():
    hearth, root = sys.argv[1], Path(sys.argv[2])
    operations, database = [(root / "docs" / p).read_text() for p in ("OPERATIONS.md", "formats/database.md")]
    sample = subprocess.run([hearth, "config", "sample"], capture_output=True, text=True, check=True).stdout
    settings = set(re.findall(r"^#([a-z-]+) = ", sample, re.M)) | {"config"}
    code = "".join((root / "src/api" / p).read_text() for p in ("ops.c", "infer/metrics.c"))
    metrics = {a or b for a, b in re.findall(r"# TYPE (hearth_\w+)|\"((?:hearth|tgi)_\w+)\", \"", code)}
    events = {x for f in (root / "src").rglob("*.c") for x in re.findall(r'\blog_(?:error|warn|info|debug)\("([^"]+)"', f.read_text())}
    schema = "\n".join(f.read_text() for f in sorted((root / "src/db/schema").glob("*.sql")))
    tables = set()
    for made, dropped, old, new in re.findall(r"^CREATE (?:VIRTUAL )?TABLE (\w+)|^DROP TABLE (\w+);|^ALTER TABLE (\w+) RENAME TO (\w+);", schema, re.M):
        tables = (tables - {dropped, old}) | ({made, new} - {""})
    faults = compare("docs/OPERATIONS.md, settings", rows(operations, "setting"), settings)
    faults += compare("docs/OPERATIONS.md, metrics", {x.split("{")[0] for x in rows(operations, "metric")}, metrics)
    faults += compare("docs/OPERATIONS.md, log events", rows(operations, "event"), events)
    faults += compare("docs/formats/database.md", rows(database, "table"), tables)
    embedded = {f"{x}.md" for x in re.findall(r"'([A-Za-z/]+)'", (root / "src/hub/meson.build").read_text().split("foreach page : [")[1].split("]")[0])} | {"README.md"}
    pages = re.findall(r'\{ "([^"]+\.md)"', (root / "src/hub/manual/manual.c").read_text())
    faults += [f"src/hub/meson.build does not embed {x}, which manual.c has as a page" for x in pages if x not in embedded]
    compat = subprocess.run([hearth, "compat", "--markdown"], capture_output=True, text=True, check=True).stdout
    if compat != (root / "docs/COMPATIBILITY.md").read_text():
        faults.append("docs/COMPATIBILITY.md is not what `hearth compat --markdown` prints")
    if re.search(r"(\d+) implemented of", compat)[1] + " of the 314" not in (root / "README.md").read_text():
        faults.append("README.md has another number of operations than `hearth compat`")
    sys.exit("\n".join(faults) if faults else 0)


main()
