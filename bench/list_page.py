#!/usr/bin/env python3
"""list_page.py [REPOSITORIES | HOME] - what the server takes for the pages of lists, by kind of question.

Among a million generated repositories (or as many as told, or in a HOME that bench/list_gen has filled) each kind of page is asked for
as browsers do, compressed, over one kept connection, with other words each time: filters, orders, searches, opened groups, later
pages.  Milliseconds by the clock, with what else the machine does in them, and of the server's processor, request by request."""
import http.client
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import hearth  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "60"))
COMMON = ["transformers", "safetensors", "en", "text-generation", "pytorch", "license:apache-2.0", "license:mit", "text-to-image", "diffusers", "gguf"]
MEDIUM = ["fr", "de", "ja", "summarization", "translation", "license:gpl-3.0", "keras", "spacy", "depth-estimation", "cy", "tag-3", "tag-20", "tag-100"]
WORDS = ["llama", "qwen", "bert", "whisper", "lora", "gguf", "instruct", "yolo", "swin", "roleplay", "sentiment", "distil", "smol", "german", "7b-chat",
         "mamba-70b", "vision-a", "t5", "xl", "zzqqxx"]
SORTS = ["trending", "likes", "downloads", "lastModified", "createdAt", "num_parameters", "id"]
SIZES = ["max:100M", "min:100M,max:1B", "min:1B,max:3B", "min:3B,max:9B", "min:9B,max:32B", "min:128B"]
GROUPS = ["pipeline_tag", "library", "language", "license", "dataset", "other"]
pick = random.choice
KINDS = {
    "models": lambda: f"/models?sort={pick(SORTS)}",
    "a common tag": lambda: f"/models?tag={pick(COMMON)}&sort={pick(SORTS)}",
    "a medium tag": lambda: f"/models?tag={pick(MEDIUM)}&sort={pick(SORTS)}",
    "two tags": lambda: f"/models?tag={pick(COMMON)}&tag={pick(MEDIUM)}&sort={pick(SORTS)}",
    "a rare tag": lambda: f"/models?tag=tag-{random.randrange(20000)}",
    "a word": lambda: f"/models?search={pick(WORDS)}&sort={pick(SORTS)}",
    "a word and a tag": lambda: f"/models?search={pick(WORDS)}&tag={pick(COMMON + MEDIUM)}",
    "an owner": lambda: f"/models?author=owner-{random.randrange(1, 2000)}",
    "a size": lambda: f"/models?num_parameters={pick(SIZES)}&sort={pick(SORTS)}",
    "a group opened": lambda: f"/models?facet={pick(GROUPS)}&tag={pick(COMMON)}",
    "datasets": lambda: f"/datasets?tag=format:{pick(['parquet', 'json'])}&sort={pick(SORTS[:5])}",
    "spaces": lambda: f"/spaces?sort={pick(SORTS[:5])}",
    "front": lambda: "/",
    "search page": lambda: f"/search?q={pick(WORDS)}",
    "instant search": lambda: f"/api/quicksearch?q={pick(WORDS)}",
    "an owner's page": lambda: f"/owner-{random.randrange(1, 2000)}",
}


def cpu_ms(pid):
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1e6


class Client:
    def __init__(self, s, cookie=None):
        self.s, self.c = s, http.client.HTTPConnection("127.0.0.1", s.port)
        self.cookie = {"Cookie": cookie} if cookie else {}

    def get(self, path, coding="gzip"):
        self.c.request("GET", path, headers={"Accept-Encoding": coding, **self.cookie})
        a = self.c.getresponse()
        body = a.read()
        if a.status != 200:
            raise SystemExit(f"{path}: {a.status}")
        return body


def measure(client, pid, path):
    before, began = cpu_ms(pid), time.perf_counter()
    client.get(path)
    took = (time.perf_counter() - began) * 1000
    return took, cpu_ms(pid) - before, path


def later(client, path):
    """The same list's second page, and its third."""
    for _ in range(2):
        more = re.search(r'href="([^"]*[?&;]cursor=[^"]*)"', client.get(path, "identity").decode())
        if not more:
            return
        path = more.group(1).replace("&amp;", "&")
        yield path


def report(name, rows):
    at = lambda values, p: sorted(values)[min(len(values) - 1, int(len(values) * p))]
    took, cpu = [r[0] for r in rows], [r[1] for r in rows]
    worst = max(rows, key=lambda r: r[1])
    print(f"| {name} | {at(took, .5):.1f} | {at(took, .99):.1f} | {at(cpu, .5):.1f} | {at(cpu, .99):.1f} | {worst[1]:.1f} {worst[2]}", flush=True)


def put_off_counts(db):
    """The job that counts downloads anew is another cost, and what it finds is not what list_gen wrote."""
    with sqlite3.connect(db) as d:
        d.execute("INSERT OR REPLACE INTO job_periodic (kind, last_ms) VALUES ('counts', ?)", (int(time.time() * 1000),))
        d.execute("DELETE FROM job WHERE kind = 'counts'")
    d.close()


def main():
    told = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    work = Path(tempfile.mkdtemp(prefix="hearth-list-page-"))
    home = work / "home" if told.isdigit() else Path(told)
    if told.isdigit():
        home.mkdir()
        subprocess.run([str(hearth.BIN.parent / "bench" / "list_gen"), str(home / "hearth.db"), told], check=True, stdout=subprocess.DEVNULL)
    put_off_counts(home / "hearth.db")
    s = hearth.Server(home)
    s.start()
    random.seed(7)
    print("| page | p50 | p99 | processor p50 | p99 | worst\n| --- | --- | --- | --- | --- | ---", flush=True)
    try:
        client, everything = Client(s), []
        for name, ask in KINDS.items():
            if os.environ.get("ONLY") and not re.search(os.environ["ONLY"], name):
                continue
            rows = [measure(client, s.process.pid, ask()) for _ in range(ROUNDS)]
            report(name, rows)
            everything += rows
        rows = [measure(client, s.process.pid, more) for _ in range(ROUNDS // 4) for more in later(client, KINDS["a common tag"]())]
        report("later pages", rows)
        report("all", everything + rows)
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
