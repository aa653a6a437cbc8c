#!/usr/bin/env python3
"""web_pages.py - what the server takes for the pages that have much to show: a folder of 10,000 files, a text of 5 MB, a discussion of
500 comments, the history of 10,000 commits, and those that everybody opens.

Each is asked for over one kept connection, compressed.  Milliseconds by the clock, and of the server's processor, the first time (rendered)
and later (kept, web/frame/kept.c): the median of 15."""
import os
import shutil
import statistics
import subprocess
import tempfile
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


def main():
    work = Path(tempfile.mkdtemp(prefix="hearth-web-pages-"))
    s = web_page.house(work, 10_000)
    token = s.token("alice", "write")
    try:
        number = fill(s, token, work)
        client, pid = list_page.Client(s), s.process.pid
        print("| page | first | processor | later | processor |\n| --- | --- | --- | --- | --- |")
        for path in ("/", "/models", "/alice", "/alice/story", "/alice/story/tree/main", "/alice/story/blob/main/README.md", "/alice/story/blob/main/model.safetensors",
                     "/alice/much/tree/main/many", "/alice/much/blob/main/large.txt", "/alice/much/blob/main/medium.py", f"/alice/much/discussions/{number}",
                     "/alice/much/discussions", "/alice/long/commits/main", "/alice/long/commits/main/f7.txt", "/alice/long/tree/main", "/docs", "/docs/api", "/search?q=llama",
                     "/api/quicksearch?q=llama"):
            if number_of := os.environ.get("ONLY"):
                if number_of not in path:
                    continue
            first = list_page.measure(client, pid, path)
            later = [list_page.measure(client, pid, path) for _ in range(15)]
            print(f"| {path} | {first[0]:.1f} | {first[1]:.1f} | {statistics.median(r[0] for r in later):.1f} | {statistics.median(r[1] for r in later):.1f} |", flush=True)
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
