#!/usr/bin/env python3
"""api_reference.py OUT.json DEPFILE API_DOC.py SRC/API - what the API reference tells beside the table of routes.

Titles of sections and what a route is for come from tools/api_doc.py.  Which query parameters and which members of a body
a route reads is read out of its handler, and of what the handler calls below src/api, so that none is told that nobody
reads: the calls of call_query, http_query_..., query_list, and of functions that take `body` and a name."""
import ast
import json
import re
import sys
from pathlib import Path

FUNCTION = re.compile(r"^(static )?(?:inline )?[\w *]+?\b(\w+)\(([^;{}()]|\([^()]*\))*\)\s*\{", re.M)
QUERY = re.compile(r"\b(?:call_query|query_list|http_query|http_query_nth|http_query_bool|http_query_u64)\(\s*[\w>.-]+\s*,\s*(\"([\w.-]+)\"|(?:str_c\()?(\w+)\[)")
MEMBER = re.compile(r"\b\w+\(\s*body\s*,\s*(?:STR\()?\"([\w.-]+)\"")
FIELDS = re.compile(r"\bfields_check\(\s*body\s*,\s*(\w+)")
CALL = re.compile(r"\b(\w+)\(")
ROW = re.compile(r"\b(\w+)\s*,\s*\"([a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+)\"")


def constants(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id in ("LINES", "SECTIONS"):
            wanted[node.targets[0].id] = ast.literal_eval(node.value)
    return wanted["LINES"], wanted["SECTIONS"]


class Function:
    def __init__(self, text, body):
        self.calls = set(CALL.findall(body))
        self.members = set(MEMBER.findall(body))
        for table in FIELDS.findall(body):
            found = re.search(r"\b%s\[\] = \{(.*?)\n\};" % table, text, re.S)
            self.members |= set(re.findall(r"\{ \"(\w+)\"", found.group(1))) if found else set()
        self.query = {"limit"} if "call_query_limit(" in body else set()
        for _, name, array in QUERY.findall(body):
            found = re.search(r"\b%s\[\] = \{(.*?)\};" % array, text, re.S) if array else None
            self.query |= {name} if name else set(re.findall(r"\"([\w.-]+)\"", found.group(1))) if found else set()


def functions(text):
    for m in FUNCTION.finditer(text):
        line_end = text.index("\n", m.end() - 1)
        end = line_end if text[line_end - 1] == "}" else text.find("\n}", m.end())
        yield m.group(2), bool(m.group(1)), Function(text, text[m.end():end])


def main():
    out, depfile, doc, sources = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sorted(Path(sys.argv[4]).rglob("*.c"))
    depfile.write_text(f"{out}: {doc} {' '.join(map(str, sources))}\n")
    lines, sections = constants(doc)
    shared, own, rows = {}, {}, []
    for path in sources:
        text = path.read_text(encoding="utf-8")
        own[path] = {}
        for name, is_static, f in functions(text):
            own[path][name] = f
            if not is_static:
                shared[name] = (path, f)
        rows += [(path, handler, route) for handler, route in ROW.findall(text)]

    def reach(path, name, seen):
        f = own[path].get(name)
        if not f:
            path, f = shared.get(name, (None, None))
        if not f or (path, name) in seen:
            return
        seen.add((path, name))
        for called in f.calls:
            reach(path, called, seen)

    routes = {name: {"line": line, "query": set(), "members": set()} for name, line in lines.items() if not name.startswith("page.")}
    for path, handler, name in rows:
        if name not in routes:
            continue  # an event's name, a file's: no route
        seen = set()
        reach(path, handler, seen)
        entry = routes[name]
        for at, f in seen:
            entry["query"] |= own[at][f].query
            entry["members"] |= own[at][f].members
    for entry in routes.values():
        entry["query"], entry["members"] = sorted(entry["query"]), sorted(entry["members"])
    known = [{"prefixes": s[0].split(), "title": s[1], "text": s[2]} for s in sections if s[0] != "page"]
    out.write_text(json.dumps({"sections": known, "routes": dict(sorted(routes.items()))}, ensure_ascii=False), encoding="utf-8")


main()
