"""Homes that earlier builds made and filled (tests/data/homes) are brought to this build's schema, and nothing is lost."""
import os
import random
import sqlite3
import subprocess
import sys
import tarfile
import time

import pytest

import hearth

HOMES = hearth.ROOT / "tests/data/homes"
AGES = sorted(p.stem for p in HOMES.glob("schema-*.sql"))
sys.path.insert(0, str(HOMES))
import make  # what the homes were filled with


def old_home(age, to):
    to.mkdir(mode=0o700)
    with tarfile.open(HOMES / f"{age}.tar.gz") as files:
        files.extractall(to)
    db = sqlite3.connect(to / "hearth.db")
    db.executescript((HOMES / f"{age}.sql").read_text())
    db.close()
    return to


def schema(home):
    db = sqlite3.connect(home / "hearth.db")
    found = db.execute("SELECT max(number) FROM schema_migration").fetchone()[0]
    db.close()
    return found


@pytest.mark.parametrize("age", AGES)
def test_nothing_is_lost(age, tmp_path):
    number = int(age.split("-")[1])
    with hearth.Server(old_home(age, tmp_path / "home")) as s:
        def ask(path, token=make.ALICE):
            r = s.get(path, token)
            assert r.status == 200, (path, r)
            return r.json()

        for token, name in ((make.ALICE, "alice"), (make.BOB, "bob")):
            assert ask("/api/whoami-v2", token)["name"] == name
        assert [o["name"] for o in ask("/api/whoami-v2", make.BOB)["orgs"]] == ["acme"]
        assert {m["id"] for m in ask("/api/models?filter=age2", make.BOB)} == {"alice/m", "acme/secret"}
        assert {m["id"] for m in s.get("/api/models?search=secret").json()} == set()
        assert ask("/api/models?search=ancient") == [] and len(ask("/api/models?search=secret")) == 1
        for full_name, kind in (("alice/m", "models"), ("acme/secret", "models"), ("bob/moved", "datasets")):
            for path, data in make.LARGE.items():
                r = s.resolve(full_name, path, make.ALICE, kind=kind)
                assert r.status == 200 and r.body == data, (full_name, path, r)
            assert s.resolve(full_name, "2.txt", make.ALICE, kind=kind).body == b"2\n"
        assert s.resolve("alice/m", "one.bin", make.BOB).status == 403  # has asked, and was not answered
        assert s.get("/api/datasets/bob/d").status == 307  # it was moved

        found = ask("/api/models/alice/m")
        assert found["likes"] == 1 and found["gated"] == "manual" and found["cardData"]["license"] == "mit"
        refs = ask("/api/models/alice/m/refs?include_prs=true")
        assert {b["name"] for b in refs["branches"]} == {"main", "dev"} and refs["tags"][0]["name"] == "v1" and len(refs["pullRequests"]) == 2
        waiting = ask("/api/models/alice/m/user-access-request/pending")
        assert [w["user"]["user"] for w in waiting] == ["bob"]
        assert ask("/api/collections?owner=alice")[0]["items"][0]["id"] == "alice/m"
        assert [d["status"] for d in sorted(ask("/api/models/alice/m/discussions")["discussions"], key=lambda d: d["num"])] == ["open", "open", "merged"]
        said = [e["data"]["latest"]["raw"] for e in ask("/api/models/alice/m/discussions/1")["events"]]
        assert said == ["Why?", "Because."]
        if number >= 30:
            hooks = ask("/api/settings/webhooks")
            assert [h["url"] for h in hooks] == ["https://example.org/hook"]
        if number >= 44:
            assert s.get("/buckets/alice/logs/resolve/kept/one.bin", make.ALICE).body == make.LARGE["one.bin"]

        for path in ("/", "/models", "/alice", "/acme", "/alice/m", "/alice/m/tree/main", "/alice/m/commits/main", "/alice/m/discussions", "/alice/m/discussions/3",
                     "/acme/secret", "/datasets/bob/moved", "/collections", "/notifications"):
            assert s.get(path, make.ALICE).status == 200, path
        clone = tmp_path / "clone"
        subprocess.run(["git", "clone", "-q", s.base.replace("//", f"//alice:{make.ALICE}@") + "/alice/m", clone], check=True, capture_output=True,
                       env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_TERMINAL_PROMPT": "0"})
        log = subprocess.run(["git", "log", "--format=%s"], cwd=clone, check=True, capture_output=True, text=True).stdout
        assert log.count("a commit") == 3 and (clone / "pr3.txt").exists()
        s.fsck()

        # And it goes on from there.
        r = s.post("/api/models/alice/m/discussions/2/merge", {}, make.ALICE)
        assert r.status == 200 and s.resolve("alice/m", "pr2.txt", make.ALICE).status == 200, r
        r = s.commit("alice/m", make.ALICE, {"new.txt": "new\n"}, {"four.bin": b"four" * 900, "two.bin": make.LARGE["two.bin"]})
        assert r.status == 200, r
        assert s.post("/api/models/alice/m/discussions/1/comment", {"comment": "Still."}, make.BOB).status == 200
        s.fsck()


def test_a_kill_leaves_the_old_schema_or_the_new_one(tmp_path):
    age = AGES[0]
    old = int(age.split("-")[1])
    (tmp_path / "whole").mkdir()
    whole = old_home(age, tmp_path / "whole/home")
    began = time.monotonic()
    subprocess.run([hearth.BIN, "user", "list", "--home", whole], check=True, capture_output=True)
    took, new = time.monotonic() - began, schema(whole)
    rnd = random.Random(age)
    for n in range(4):
        home = old_home(age, tmp_path / f"home{n}")
        p = subprocess.Popen([hearth.BIN, "user", "list", "--home", home], stdout=subprocess.DEVNULL)
        time.sleep(took * rnd.random())
        p.kill()
        p.wait()
        assert schema(home) in (old, new)
        s = hearth.Server(home)
        s.fsck()
        assert "alice" in s.cli("user", "list").stdout and schema(home) == new


def test_a_newer_home_is_left_alone(tmp_path):
    home = old_home(AGES[0], tmp_path / "home")
    db = sqlite3.connect(home / "hearth.db")
    db.execute("INSERT INTO schema_migration VALUES (9999, '9999_later.sql', '', 0)")
    db.commit()
    db.close()
    for command in (["serve", "--listen", "127.0.0.1:0"], ["user", "list"], ["fsck"], ["backup", tmp_path / "copies"]):
        r = subprocess.run([hearth.BIN, *command, "--home", home], capture_output=True, text=True)
        assert r.returncode == 1 and "newer hearth" in r.stderr and "restore a backup" in r.stderr, (command, r)
    assert schema(home) == 9999
