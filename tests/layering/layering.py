"""Checks the house of DESIGN.md: reads every #include and every name of the allocator under src/.  Speaks TAP.

    layering.py SRC            arrows, library headers, allocation
    layering.py SRC headers    compiles every header alone
"""
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# From the roof to the ground: a folder may include from those further down the list, and from itself.
HOUSE = ["cli", "web", "api", "gateway", "infer", "space", "dataset", "scan", "hub", "account", "model", "kernel",
         "vcs", "cas", "xet", "store", "job", "db", "http", "jinja", "base"]
# Rooms of a folder that have an order of their own; "" is what stands beside them.
ROOMS = {"infer": ["", "worker", "engine", "meter"], "dataset": ["query", "", "text", "file", "parquet"], "web/repo": ["", "try", "card", "viewer", "space", "change", "history", "files"]}
# What hides a library is the only one to see its headers.
WRAPPED = {
    "sqlite3.h": {"db"}, "libpq-fe.h": {"db"}, "git2.h": {"vcs"}, "git2/": {"vcs"}, "microhttpd.h": {"http"},
    "curl/": {"http"}, "yaml.h": {"hub", "base"}, "sodium.h": {"account"}, "lz4.h": {"xet", "dataset"}, "zstd.h": {"dataset", "scan"}, "brotli/": {"dataset"},
    "pcre2.h": {"model"}, "cmark-gfm": {"hub"}, "gumbo.h": {"hub"}, "seccomp.h": {"base", "space"}, "utf8proc.h": {"model", "vcs", "dataset"},
    "db/credentials.h": {"db", "account"},
}
# Below the line nothing speaks HTTP.
SPEAKS_HTTP = {"cli", "web", "api", "http", "gateway"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
ALLOCATES = re.compile(r'(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf)[ \t]*\(')
WALL_CLOCK = re.compile(r"(?<!\w)(pthread_cond_timedwait|sem_timedwait|pthread_mutex_timedlock|CLOCK_REALTIME)\b")
ASKS_SQL = re.compile(r"(?<!\w)(db_(?:query|query_once|run|get_int)(?:_n)?)[ \t]*\(")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """Comments and strings become blanks; lines stay where they are."""
    return COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def check_arrows(src, files):
    for path in files:
        folder = path.relative_to(src).parts[0]
        for m in INCLUDE.finditer(path.read_text()):
            target = m.group(2)
            top = target.split("/")[0]
            if m.group(1) == "<" or "/" not in target or top not in HOUSE or top == folder:
                continue
            line = path.read_text()[:m.start()].count("\n") + 1
            if HOUSE.index(top) < HOUSE.index(folder):
                yield f"src/{path.relative_to(src)}:{line}: {folder}/ includes \"{target}\", which stands above it"
            if top == "http" and folder not in SPEAKS_HTTP:
                yield f"src/{path.relative_to(src)}:{line}: {folder}/ includes \"{target}\", but does not speak HTTP"


def check_rooms(src, files):
    def room(folder, path):
        return path[len(folder) + 1:].rpartition("/")[0] if path.startswith(folder + "/") else None

    for folder, order in ROOMS.items():
        for path in files:
            own = str(path.relative_to(src))
            for m in INCLUDE.finditer(path.read_text()):
                here, there = room(folder, own), room(folder, m.group(2))
                if here is not None and there is not None and order.index(there) < order.index(here):
                    yield f"src/{own}: {folder}/{here}/ includes \"{m.group(2)}\", which stands above it"


def check_paths_from_root(src, files):
    for path in files:
        for m in INCLUDE.finditer(path.read_text()):
            if m.group(1) == '"' and not (src / m.group(2)).is_file():
                yield f"src/{path.relative_to(src)}: \"{m.group(2)}\" is not a path from src/"


def check_wrapped(src, files):
    for path in files:
        folder = path.relative_to(src).parts[0]
        for m in INCLUDE.finditer(path.read_text()):
            for library, homes in WRAPPED.items():
                if (m.group(2) == library or (library.endswith("/") and m.group(2).startswith(library))) and folder not in homes:
                    yield f"src/{path.relative_to(src)}: <{m.group(2)}> belongs to {' and '.join(sorted(homes))}/ alone"


def check_allocation(src, files):
    for path in files:
        if path.relative_to(src).parts[0] == "base":
            continue
        text = blank(path.read_text())
        for m in ALLOCATES.finditer(text):
            yield f"src/{path.relative_to(src)}:{text[:m.start()].count(chr(10)) + 1}: {m.group(1)}() outside of src/base"


def check_sql(src, files):
    """Pages and wires call a function of the folder that owns the table."""
    for path in files:
        if path.relative_to(src).parts[0] not in ("web", "api"):
            continue
        text = blank(path.read_text())
        for m in ASKS_SQL.finditer(text):
            yield f"src/{path.relative_to(src)}:{text[:m.start()].count(chr(10)) + 1}: {m.group(1)}() in web/ or api/"


def check_waits(src, files):
    """A wait until a time of day ends early, or never, when somebody sets the clock."""
    for path in files:
        text = blank(path.read_text())
        for m in WALL_CLOCK.finditer(text):
            if path.relative_to(src).parts[0] != "base":
                yield f"src/{path.relative_to(src)}:{text[:m.start()].count(chr(10)) + 1}: {m.group(1)}; see clock_wait of base/clock.h"


def check_folders(src, files):
    for entry in sorted(src.iterdir()):
        if entry.is_dir() and entry.name not in HOUSE:
            yield f"src/{entry.name}/ is not a room of the house"


def check_opening_comment(src, files):
    for path in files:
        if not path.read_text().startswith("/*"):
            yield f"src/{path.relative_to(src)}: opens without a comment that says what it is for"


def check_migrations(src, files):
    """src/db/schema/sha256 (as sha256sum writes it) holds what homes have recorded; with another text they are refused."""
    folder = src / "db" / "schema"
    known = folder / "sha256"
    listed = dict(reversed(line.split("  ")) for line in known.read_text().splitlines()) if known.exists() else {}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.sql"))}
    for name in sorted(listed.keys() | there.keys()):
        if name not in listed:
            yield f"src/db/schema/{name}: new, so add to src/db/schema/sha256: {there[name]}  {name}"
        elif there.get(name) != listed[name]:
            yield f"src/db/schema/{name}: changed or gone: no home that ran it could be opened any more; if it has landed, write another migration"


def check_headers(src, files):
    packages = ["libmicrohttpd", "libgit2", "sqlite3", "libsodium", "yaml-0.1", "libcrypto", "zlib"]
    flags = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True).stdout
    command = shlex.split(os.environ.get("CC", "cc")) + ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                                                         "-Wno-unused-function", "-fsyntax-only", "-x", "c", "-I", str(src),
                                                         *shlex.split(flags), "-"]

    def alone(path):
        name = str(path.relative_to(src))
        its_set = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"] if name.startswith("kernel/avx512") else []
        r = subprocess.run(command + its_set, input=f'#include "{name}"\n#include "{name}"\n', capture_output=True, text=True)
        return None if r.returncode == 0 else f"src/{name} does not compile alone:\n{r.stderr[:800]}"

    with ThreadPoolExecutor(2) as pool:
        yield from filter(None, pool.map(alone, [f for f in files if f.suffix == ".h"]))


RULES = [
    ("folders are rooms of the house", check_folders),
    ("arrows point down only", check_arrows),
    ("arrows between rooms point down only", check_rooms),
    ("quoted includes are paths from src", check_paths_from_root),
    ("a library is seen by its own folder only", check_wrapped),
    ("only base allocates", check_allocation),
    ("pages and wires ask no SQL", check_sql),
    ("waits do not go by the time of day", check_waits),
    ("files open with a comment", check_opening_comment),
    ("migrations stay as they are", check_migrations),
]


# One file per rule, each breaking it: a rule that finds nothing here is broken itself.
BROKEN = {
    "folders are rooms of the house": ("attic/a.c", "/* . */"),
    "arrows point down only": ("db/a.c", '/* . */\n#include "hub/hub.h"\n'),
    "arrows between rooms point down only": ("infer/engine/a.c", '/* . */\n#include "infer/worker/frame.h"\n'),
    "quoted includes are paths from src": ("db/a.c", '/* . */\n#include "nowhere.h"\n'),
    "a library is seen by its own folder only": ("hub/a.c", "/* . */\n#include <sqlite3.h>\n"),
    "only base allocates": ("hub/a.c", "/* malloc(1) */\nvoid *p(void) { return malloc(1); }\n"),
    "pages and wires ask no SQL": ("web/a.c", "/* . */\nbool f(void) { return db_run(tx, e, sql); }\n"),
    "waits do not go by the time of day": ("hub/a.c", "/* . */\nint x(void) { return pthread_cond_timedwait(c, m, &t); }\n"),
    "files open with a comment": ("hub/a.c", "int x;\n"),
    "migrations stay as they are": ("db/schema/0001_a.sql", "-- .\n"),
    "headers compile alone": ("hub/a.h", "/* . */\nuint32_t x(void);\n"),
}


def finds_what_is_broken(name, rule):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / BROKEN[name][0]
        path.parent.mkdir(parents=True)
        path.write_text(BROKEN[name][1])
        if not list(rule(Path(folder), [path])):
            yield f"the rule \"{name}\" finds nothing wrong with: {BROKEN[name][1]}"


def main():
    src = Path(sys.argv[1]).resolve()
    files = sorted(p for p in src.rglob("*") if p.suffix in (".c", ".h"))
    rules = [("headers compile alone", check_headers)] if sys.argv[2:] == ["headers"] else RULES
    print(f"1..{len(rules)}")
    bad = 0
    for n, (name, rule) in enumerate(rules, 1):
        found = list(finds_what_is_broken(name, rule)) + list(rule(src, files))
        for line in found:
            print("# " + line.replace("\n", "\n# "))
            print(line, file=sys.stderr)
        print(("not ok" if found else "ok"), n, "-", name)
        bad += bool(found)
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
