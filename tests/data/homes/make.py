"""Fills a home with an old build and keeps it for tests/e2e/test_upgrade.py: HEARTH_BIN=OLD/build/hearth python3 tests/data/homes/make.py

schema-NNNN.sql is the database, NNNN the schema of that build; schema-NNNN.tar.gz are the other files of the home.  A home stays as
it was made: what a later build does differently is what the test is about.  So far: 5a3d6f6 (4), 02cf9d5 (30), c3a7bf8 (49)."""
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))
import hearth

ALICE, BOB = "hf_" + "aLi1" * 9, "hf_" + "bOb2" * 9
LARGE = {f"{name}.bin": hearth.sha256(name.encode()).encode() * 40 for name in ("one", "two", "three")}
LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}


def fill(s):
    """False where the build has no such thing yet."""
    def ask(method, path, body, token=ALICE, **kw):
        r = s.request(method, path, body, token, **kw)
        assert r.status < 400 or r.status in (404, 501), (path, r)
        return r.status < 400

    def card(tag, words):
        return f"---\nlicense: mit\ntags: [{tag}]\n---\n# {words}\n"

    for name, value, options in (("alice", ALICE, ["--admin"]), ("bob", BOB, [])):
        s.add_person(name, *options)
        s.cli("token", "create", name, "--role", "write", "--name", "laptop", "--value-stdin", stdin=value + "\n")
    s.cli("org", "create", "acme", "--owner", "alice")
    s.cli("org", "add-member", "acme", "bob", "--role", "write")
    for full_name, kind, private in (("alice/m", "model", False), ("acme/secret", "model", True), ("bob/d", "dataset", False)):
        s.create(full_name, ALICE if private or kind == "model" else BOB, kind, private=private)
        for i, (path, data) in enumerate(LARGE.items()):
            r = s.commit(full_name, ALICE if kind == "model" else BOB, {"README.md": card(f"age{i}", "Ancient words"), f"{i}.txt": f"{i}\n"}, {path: data}, kind=kind + "s")
            assert r.status == 200, r
    ask("POST", "/api/models/alice/m/branch/dev", {})
    ask("POST", "/api/models/alice/m/tag/main", {"tag": "v1", "message": "the first"})
    ask("POST", "/api/models/alice/m/discussions", {"title": "A question", "description": "Why?"}, BOB)
    ask("POST", "/api/models/alice/m/discussions/1/comment", {"comment": "Because."})
    for i, who in ((2, BOB), (3, ALICE)):
        r = s.commit("alice/m", who, {f"pr{i}.txt": "proposed\n"}, summary=f"Proposal {i}", query={"create_pr": 1})
        assert r.status == 200, r
    ask("POST", "/api/models/alice/m/discussions/3/merge", {})
    ask("POST", "/api/models/alice/m/like", {}, BOB)
    ask("PUT", "/api/models/alice/m/settings", {"gated": "manual"})
    ask("POST", "/alice/m/ask-access", {}, BOB)
    ask("POST", "/api/collections", {"title": "Kept", "namespace": "alice", "item": {"type": "model", "id": "alice/m"}})
    ask("POST", "/alice/m.git/info/lfs/locks", json.dumps({"path": "one.bin"}), headers=LFS)
    ask("POST", "/api/repos/move", {"fromRepo": "bob/d", "toRepo": "bob/moved", "type": "dataset"}, BOB)
    ask("POST", "/api/settings/webhooks", {"url": "https://example.org/hook", "watched": [{"type": "user", "name": "alice"}], "domains": ["repo"], "secret": "abc"})
    if ask("POST", "/api/buckets/alice/logs", {}):
        files = s.get("/api/models/alice/m/tree/main", ALICE).json()
        known = next(f["xetHash"] for f in files if f["path"] == "one.bin")
        ask("POST", "/api/buckets/alice/logs/batch", json.dumps({"type": "addFile", "path": "kept/one.bin", "xetHash": known}) + "\n",
            headers={"Content-Type": "application/x-ndjson"})


def dump(path):
    """As SQL.  The tables behind a search table come with it, and are filled again as they were."""
    c = sqlite3.connect(path)
    objects = c.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid").fetchall()
    virtual = [name for kind, name, sql in objects if sql.startswith("CREATE VIRTUAL")]
    behind = {f"{v}_{part}" for v in virtual for part in ("data", "idx", "content", "docsize", "config")}
    for kind, name, sql in objects:
        if kind != "table":
            continue
        yield f"DELETE FROM {name};" if name in behind else sql + ";"
        if name in virtual:
            continue
        columns = [row[1] for row in c.execute(f"PRAGMA table_info({name})")]
        values = " || ', ' || ".join(f"quote({column})" for column in columns)
        for (row,) in c.execute(f"SELECT {values} FROM {name}"):
            yield f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({row});"
    for kind, name, sql in objects:
        if kind != "table":
            yield sql + ";"


def main():
    with tempfile.TemporaryDirectory() as folder:
        s = hearth.Server(Path(folder) / "home")
        s.cli("user", "add", "nobody")
        with s:
            fill(s)
        s.fsck()
        schema = sqlite3.connect(s.home / "hearth.db").execute("SELECT max(number) FROM schema_migration").fetchone()[0]
        (HERE / f"schema-{schema:04}.sql").write_text("\n".join(dump(s.home / "hearth.db")) + "\n")
        subprocess.run(["tar", "-C", s.home, "--owner=0", "--group=0", "--sort=name", "-czf", HERE / f"schema-{schema:04}.tar.gz",
                        *(name for name in ("repos", "cas", "secret.key") if (s.home / name).exists())], check=True)


if __name__ == "__main__":
    main()
