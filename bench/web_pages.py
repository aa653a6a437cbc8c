#!/usr/bin/env python3
"""web_pages.py - what the server takes for the pages that have much to show: a folder of 10,000 files, a text of 5 MB, a discussion of
500 comments, the history of 10,000 commits, a table of 500 columns, 10,000 notifications, a person with 5,000 repositories, and those
that everybody opens.

Each is asked for over one kept connection, compressed.  Milliseconds by the clock, and of the server's processor, the first time (rendered)
and later (kept, web/frame/kept.c): the median of 15.  ONLY=TEXT asks for pages with TEXT in their path; a page behind "me:" is alice's own."""
import os
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import list_page
import web_page

SIZES = {"files": 10_000, "comments": 500, "commits": 10_000} if not os.environ.get("HEARTH_BENCH_SMALL") else {"files": 1000, "comments": 50, "commits": 1000}


def fill(s, token, work):
    s.create("alice/much", token)
    lines = b"".join(b"%06d the quick brown fox jumps over the lazy dog, again and again\n" % i for i in range(75_000))
    assert s.commit("alice/much", token, {**{f"many/file-{i:05d}.txt": b"%d\n" % i for i in range(SIZES["files"])}, "large.txt": lines,
                                          "medium.py": b"def f(x):\n    return x + 1  # one more\n" * 5000}).status == 200
    thread = s.post("/api/models/alice/much/discussions", {"title": "Much to say", "description": "To begin with."}, token).json()
    for i in range(SIZES["comments"]):
        assert s.post(f"/api/models/alice/much/discussions/{thread['num']}/comment", {"comment": f"Word **{i}** of `many`, see [there](x.md).\n\n- a\n- b\n"}, token).status in (200, 201)
    s.create("alice/long", token)
    stream = "".join(f"commit refs/heads/main\ncommitter A <a@example.org> {1700000000 + i} +0000\ndata {len(str(i))}\n{i}\n"
                     f"M 100644 inline f{i % 50}.txt\ndata {len(str(i))}\n{i}\n" for i in range(SIZES["commits"]))
    git = lambda *args, **kw: subprocess.run(["git", "-C", str(work / "long"), *args], check=True, capture_output=True, **kw)
    subprocess.run(["git", "init", "-q", "-b", "main", str(work / "long")], check=True)
    git("fast-import", input=stream.encode())
    git("push", "-q", "-f", s.base.replace("http://", f"http://alice:{token}@") + "/alice/long", "main")
    return thread["num"]


def fill_wide(s, token):
    row = lambda values: ",".join(map(str, values)) + "\n"
    s.create("alice/wide", token, kind="dataset")
    assert s.commit("alice/wide", token, {"train.csv": row(f"c{i}" for i in range(500)) + "".join(row(range(n, n + 500)) for n in range(400))}, kind="datasets").status == 200
    s.create("alice/change", token)
    for word in ("quick", "slow"):
        text = "".join(f"{i} the {'quick' if i % 20 else word} brown fox\n" for i in range(20_000))
        assert s.commit("alice/change", token, {"big.txt": text, **{f"{word}/{i}.txt": f"{i}\n" for i in range(2000)}}).status == 200
    assert s.post("/api/buckets/alice/many", {}, token).status == 200
    for n in range(30):
        assert s.post("/api/collections", {"title": f"Things {n}", "namespace": "alice"}, token).status == 200


def fill_rows(db):
    """What would take hours to say over HTTP is written into the tables, as list_gen does."""
    now = int(time.time() * 1000)
    with sqlite3.connect(db) as d:
        one = lambda sql: d.execute(sql).fetchone()[0]
        alice = one("SELECT id FROM account WHERE name = 'alice'")
        for i in range(10_000):
            of = d.execute("INSERT INTO discussion (hex_id, repo_id, num, title, status, is_pull_request, author_id, created_ms) VALUES (?, ?, ?, ?, 'open', 0, 2, ?)",
                           (f"{i + 10**9:024x}", 1 + i % 5000, 1000 + i, f"About {i}", now - i * 1000)).lastrowid
            d.execute("INSERT INTO notification (user_id, discussion_id, reason, is_read, updated_ms) VALUES (?, ?, ?, ?, ?)", (alice, of, i % 3, i % 2, now - i * 1000))
        for n, (collection,) in enumerate(d.execute("SELECT id FROM collection ORDER BY id").fetchall()):
            d.executemany("INSERT INTO collection_item (hex_id, collection_id, repo_id, position, created_ms) VALUES (?, ?, ?, ?, ?)",
                          [(f"{n * 1000 + i + 10**10:024x}", collection, 1 + i * 7, i, now) for i in range(100 if n else 1000)])
        bucket = one("SELECT id FROM bucket")
        d.executemany("INSERT INTO bucket_file (bucket_id, path, xet_hash, sha256, size_bytes, uploaded_ms) VALUES (?, ?, zeroblob(32), zeroblob(32), 0, ?)",
                      [(bucket, f"file-{i:06d}.txt", now) for i in range(200_000)] + [(bucket, f"deep/{i % 100}/{i}", now) for i in range(100_000)])
        d.execute("UPDATE bucket SET files_count = 300000")
        carol = d.execute("INSERT INTO account (hex_id, kind, name, name_key, created_ms) VALUES (?, 'user', 'carol', 'carol', ?)", (f"{10**11:024x}", now)).lastrowid
        d.execute("UPDATE OR IGNORE repo SET owner_id = ? WHERE id <= 5000", (carol,))
        d.execute("UPDATE repo_index SET owner_id = ?1, full_name = 'carol' || substr(full_name, instr(full_name, '/')) WHERE repo_id IN (SELECT id FROM repo WHERE owner_id = ?1)", (carol,))
        collection = one("SELECT hex_id FROM collection ORDER BY id")
    d.close()
    return collection


PAGES = ("/", "/models", "/alice", "/alice/story", "/alice/story/tree/main", "/alice/story/blob/main/README.md", "/alice/story/blob/main/model.safetensors",
         "/alice/much/tree/main/many", "/alice/much/blob/main/large.txt", "/alice/much/blob/main/medium.py", "/alice/much/discussions/{number}",
         "/alice/much/discussions", "/alice/long/commits/main", "/alice/long/commits/main/f7.txt", "/alice/long/tree/main", "/alice/change/commit/main",
         "/datasets/alice/wide", "/datasets/alice/wide/viewer", "/buckets/alice/many", "/buckets/alice/many/tree/deep", "/collections",
         "/collections/alice/things-0-{collection}", "/carol", "/alice?tab=collections", "me:/notifications", "me:/notifications?show=unread", "me:/",
         "/docs", "/docs/api", "/search?q=llama", "/api/quicksearch?q=llama")


def main():
    work = Path(tempfile.mkdtemp(prefix="hearth-web-pages-"))
    s = web_page.house(work, 10_000)
    token = s.token("alice", "write")
    try:
        number = fill(s, token, work)
        fill_wide(s, token)
        s.stop()
        collection = fill_rows(work / "home" / "hearth.db")
        list_page.put_off_counts(work / "home" / "hearth.db")
        s.start()
        client, own, pid = list_page.Client(s), list_page.Client(s, web_page.cookie_of(s)), s.process.pid
        client.get("/health")
        print("| page | first | processor | later | processor |\n| --- | --- | --- | --- | --- |")
        for page in PAGES:
            if os.environ.get("ONLY", "") not in page:
                continue
            who, path = (own, page[3:]) if page.startswith("me:") else (client, page)
            path = path.format(number=number, collection=collection)
            first = list_page.measure(who, pid, path)
            later = [list_page.measure(who, pid, path) for _ in range(15)]
            print(f"| {page} | {first[0]:.1f} | {first[1]:.1f} | {statistics.median(r[0] for r in later):.1f} | {statistics.median(r[1] for r in later):.1f} |", flush=True)
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
