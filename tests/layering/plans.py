"""Asks SQLite how it would go about every statement that stands in the program's text.  Speaks TAP.

    plans.py SRC

No statement may read a whole table that grows, or sort more than a page for one page, unless it is listed here with its reason; and what a
foreign key names must be found by an index, for SQLite looks there whenever the other row is deleted.
"""
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Never many rows.
SMALL = {
    "job_periodic": "a row per kind of work", "price_card": "written by the operator", "cas_dedup_key": "a key a day, swept",
    "repo_to_remove": "emptied at once", "care_run": "the last 200 are kept", "inference_pin": "models that the operator holds ready",
    "schema_migration": "a row per file of db/schema", "repo_total": "a row per kind", "cas_total": "one row", "tag": "names, not uses",
}
# (file, table or "sort"): why it may.
ALLOWED = {
    ("account/second_factor.c", "account_second_factor"): "where secret.key is missing, and at the first of them",
    ("account/audit.c", "audit"): "newest first, no further than the page needs",
    ("account/invite.c", "account_invite"): "the operator's page; a row per person invited",
    ("account/invite.c", "sort"): "invitations that are open, which have a limit",
    ("account/token.c", "account_token"): "asked by the operator, once a day", ("account/token.c", "sort"): "tokens that end soon",
    ("account/member.c", "sort"): "members of an organisation, by name",
    ("cas/check.c", "cas_xorb"): "fsck reads everything anyway",
    ("cas/convert.c", "cas_object"): "through an index of what is left to convert",
    ("cas/dedup.c", "sort"): "of at most so many rows as the inner LIMIT says",
    ("cas/upload.c", "sort"): "uploads of one content to one repository",
    ("hub/bucket/bucket_content.c", "sort"): "buckets that hold one content",
    ("hub/care/backup.c", "repo"): "work of the operator", ("hub/care/care.c", "repo"): "work of the operator", ("hub/care/fsck.c", "repo"): "work of the operator",
    ("hub/care/forget.c", "happening"): "the oldest rows, so many as LIMIT says",
    ("hub/care/forget.c", "audit"): "the oldest rows, so many as LIMIT says",
    ("hub/care/forget.c", "inference_call"): "the oldest rows, so many as LIMIT says",
    ("hub/care/forget.c", "notification"): "once a day; nothing else asks by time alone",
    ("hub/care/overview.c", "repo_index"): "the operator's page: an index in its own order, owner by owner",
    ("hub/care/overview.c", "sort"): "the operator's page: owners by what they use",
    ("hub/care/run.c", "job"): "once, before work that reads everything",
    ("hub/community/collection.c", "collection"): "in the order of collection_by_updated; the text goes on behind",
    ("hub/community/discussion.c", "sort"): "by what was said: discussions of one repository",
    ("hub/community/discussion_event.c", "sort"): "authors in one thread",
    ("hub/community/happening.c", "happening"): "through an index of what is not told yet",
    ("hub/community/happening.c", "sort"): "two pages of two feeds",
    ("hub/community/notification.c", "sort"): "whom one comment concerns",
    ("hub/community/webhook_tell.c", "sort"): "webhooks that watch one name",
    ("hub/hub.c", "repo"): "once, at the start",
    ("hub/mirror.c", "mirror_due"): "the few that are due",
    ("hub/mirror_keep.c", "repo"): "through an index of mirrors", ("hub/mirror_keep.c", "sort"): "when there is no room for all; one batch at a time",
    ("hub/mirror_list.c", "repo"): "through an index of mirrors", ("hub/mirror_list.c", "sort"): "the operator's list of mirrors",
    ("hub/index/tag_block.c", "repo_tag"): "reindex; and EXISTS, which stops at the first row",
    ("hub/index/tag_block.c", "tag_block"): "EXISTS, which stops at the first row",
    ("hub/large_file.c", "sort"): "repositories that hold one content",
    ("hub/sealed.c", "space_setting"): "once, at the start", ("hub/sealed.c", "webhook"): "once, at the start",
    ("infer/meter/price.c", "sort"): "written by the operator",
    ("infer/pin.c", "repo_ref"): "for each of the pinned models",
    ("job/row.c", "job"): "counted by the operator's pages, in an index",
    ("job/row.c", "sort"): "jobs that run",
    ("scan/due.c", "scan_ref"): "once, at the start",
    ("scan/due.c", "scan_due"): "the few that are due; all, where lists are new",
    ("scan/due.c", "sort"): "of those",
}
# The text goes on in another constant: not a statement by itself.
IN_PARTS = {"cas/stats.c", "hub/index/list_plan.c", "infer/meter/usage.c"}
KEYS_ALLOWED = {
    ("inference_call", "price_card_id"): "price cards are never deleted",
    ("care_run", "actor_id"): "few rows",
    ("account_invite", "used_by"): "a row per person invited", ("account_invite", "org_id"): "a row per person invited",
    ("account_invite", "made_by"): "a row per person invited",
}

# In preprocessed text: a line mark, a literal, the end of a line, anything else.
TOKEN = re.compile(r'^# (\d+) "([^"]*)".*|("(?:\\.|[^"\\\n])*")|(\n)|[^\s"]+', re.M)
BEGINS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\b")


def compiler():
    flags = subprocess.run(["pkg-config", "--cflags", "libmicrohttpd", "libgit2", "sqlite3"], capture_output=True, text=True).stdout
    return shlex.split(os.environ.get("CC", "cc")) + ["-E", "-std=c11", "-D_GNU_SOURCE"] + shlex.split(flags)


def statements(command, src, path):
    """(line, SQL) of each run of literals that begins as a statement does; macros are expanded by the preprocessor."""
    text = subprocess.run([*command, "-I", str(src), str(path)], capture_output=True, text=True, check=True).stdout
    found, sql, line, began, here = [], "", 0, 0, ""
    for m in TOKEN.finditer(text + "\n;"):
        if m.group(1):
            line, here = int(m.group(1)) - 1, m.group(2)
        elif m.group(4):
            line += 1
        elif m.group(3):
            if here == str(path):
                began = began if sql else line
                sql += m.group(3)[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        else:
            if BEGINS.match(sql):
                found.append((began, sql))
            sql = ""
    return found


def database(src):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT, applied_ms INTEGER)") # db/migrate.c makes it
    for step in sorted((src / "db/schema").glob("*.sql")):
        db.executescript(step.read_text())
    return db


def faults(db, sql):
    """What of a statement's plan is out of proportion: names of tables, and "sort"."""
    numbered = [int(n) for n in re.findall(r"\?(\d+)", sql)]
    plan = db.execute("EXPLAIN QUERY PLAN " + sql, [None] * (max(numbered) if numbered else sql.count("?"))).fetchall()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for *_, step in plan:
        m = re.match(r"SCAN (\w+)(?! VIRTUAL)\b(?!.*VIRTUAL TABLE)", step)
        if m:
            named = [t for t, alias in re.findall(r"(?:FROM|JOIN|,|UPDATE) (\w+)(?: AS)? (\w+)", sql) if alias == m.group(1)]
            yield from {t for t in named + [m.group(1)] if t in tables}
        elif "TEMP B-TREE FOR ORDER BY" in step and "LIMIT" in sql:
            yield "sort"


def check_statements(src):
    db, command = database(src), compiler()
    files = [p for p in sorted(src.rglob("*.c")) if re.search(r"\bdb_\w+\(", p.read_text())]
    with ThreadPoolExecutor(2) as pool:
        of_file = pool.map(lambda path: statements(command, src, path), files)
    for path, found in zip(files, of_file):
        name = str(path.relative_to(src))
        for line, sql in found:
            try:
                wrong = set(faults(db, sql))
            except sqlite3.Error as why:
                if name not in IN_PARTS:
                    yield f"src/{name}:{line}: cannot be prepared ({why}): {sql[:200]}"
                continue
            for what in sorted(wrong - SMALL.keys()):
                if (name, what) not in ALLOWED:
                    how = "sorts all that it finds for one page" if what == "sort" else f"reads all of {what}"
                    yield f"src/{name}:{line}: {how}: {sql}"


def check_keys(src):
    db = database(src)
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
        first = {row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5] == 1}
        for index in db.execute(f"PRAGMA index_list({table})").fetchall():
            column = db.execute(f"PRAGMA index_info({index[1]})").fetchone()[2]
            (of_all,) = db.execute("SELECT ? = 0 OR EXISTS (SELECT 1 FROM sqlite_master WHERE name = ? AND sql LIKE '% WHERE ' || ? || ' IS NOT NULL')",
                                   [index[4], index[1], column]).fetchone()
            if of_all:
                first.add(column)
        for key in db.execute(f"PRAGMA foreign_key_list({table})").fetchall():
            if key[1] == 0 and key[3] not in first and (table, key[3]) not in KEYS_ALLOWED:
                yield f"{table}.{key[3]} names {key[2]}, and no index begins with it"


RULES = [("statements read no more than they need", check_statements), ("keys are found by an index", check_keys)]
BROKEN = {
    "db/schema/0001_a.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT);\nCREATE TABLE c (a_id INTEGER REFERENCES a (id));",
    "hub/a.c": '#define B "b = ?"\nbool db_run(const char *s);\nbool f(void) { return db_run("SELECT id FROM a x WHERE x." B); }\n',
}


def finds_what_is_broken(name, rule):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in BROKEN.items():
            (Path(folder) / path).parent.mkdir(parents=True)
            (Path(folder) / path).write_text(text)
        if not list(rule(Path(folder))):
            yield f"the rule \"{name}\" finds nothing wrong with {BROKEN}"


def main():
    src, bad = Path(sys.argv[1]).resolve(), 0
    print(f"1..{len(RULES)}")
    for n, (name, rule) in enumerate(RULES, 1):
        found = list(finds_what_is_broken(name, rule)) + list(rule(src))
        for line in found:
            print("# " + line.replace("\n", "\n# "))
            print(line, file=sys.stderr)
        print("not ok" if found else "ok", n, "-", name)
        bad += bool(found)
    return 1 if bad else 0


sys.exit(main())
