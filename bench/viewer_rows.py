"""Rows, filter, search and statistics of the dataset viewer's API over a file of each format, beside DuckDB on one thread over the same files.

    python3 bench/viewer_rows.py HEARTH FOLDER [BYTES]

Needs huggingface_hub, duckdb and pyarrow.  FOLDER gets the files (1 GiB each, or BYTES) and the server's home.  Figures are of one run each: the first page that
lies far in a file of text is cold, for its index is made then."""
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import duckdb
import pyarrow.csv
import pyarrow.parquet

os.environ["HF_HUB_DISABLE_XET"] = "1"  # its cache knows of chunks that an earlier server had
from huggingface_hub import HfApi  # noqa: E402

HEARTH, FOLDER, BYTES = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1 << 30
BASE = "http://127.0.0.1:51977"


def generate():
    """Four columns, 40 words of text in each row and one word that no other row has.  How many rows both texts have."""
    random.seed(1)
    words = ["".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randint(2, 10))) for _ in range(20000)]
    texts = [" ".join(random.choices(words, k=40)) for _ in range(20000)]
    n = 0
    with open(FOLDER / "a.csv", "w") as csv, open(FOLDER / "a.jsonl", "w") as lines:
        csv.write("id,score,color,text\n")
        while lines.tell() < BYTES:
            for n in range(n, n + 1000):
                score, color, text = (n * 2654435761 % 1000003) / 1000, ("red", "green", "blue")[n * 7 % 11 % 3], f"{texts[n * 7919 % 20000]} w{n}"
                csv.write(f"{n},{score},{color},{text}\n")
                lines.write(json.dumps({"id": n, "score": score, "color": color, "text": text}) + "\n")
            n += 1
    with open(FOLDER / "a.csv", "rb") as plain, gzip.open(FOLDER / "a.csv.gz", "wb", 1) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(FOLDER / "a.csv"), FOLDER / "a.parquet", row_group_size=100000, use_dictionary=["color"])
    return n


def cli(*args, **kw):
    return subprocess.run([HEARTH, *args, "--home", str(FOLDER / "home")], check=True, capture_output=True, text=True, **kw).stdout.strip()


def report(what, seconds, more):
    print(f"{what:40} {seconds * 1000:9.1f} ms  {more}", flush=True)


def ask_hearth(server, token, name, rows):
    def ask(label, what, **query):
        query = {"dataset": f"ann/{name.replace('.', '-')}", "config": "default", "split": "train", **query}
        request = urllib.request.Request(f"{BASE}/datasets-server/{what}?" + urllib.parse.urlencode(query), headers={"Authorization": f"Bearer {token}"})
        began = time.time()
        try:
            answer = json.load(urllib.request.urlopen(request, timeout=300))
        except urllib.error.HTTPError as e:
            answer = {"error": f"{e.code} {e.read()[:200]}"}
        pss = int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{server.pid}/smaps_rollup").read_text())[1]) // 1024
        report(f"{name} {label}", time.time() - began, {**{k: v for k, v in answer.items() if k in ("num_rows_total", "num_examples", "partial", "error")}, "pss_mib": pss})
    ask("first page, cold", "rows", offset=0)
    ask("last page, cold", "rows", offset=rows - 100)
    ask("last page", "rows", offset=rows - 100)
    ask("middle page", "rows", offset=rows // 2)
    ask("first page", "rows", offset=0)
    ask("filter", "filter", where="\"score\" > 999.9 AND color = 'red'")
    ask("search", "search", query=f"w{rows // 3}")
    ask("statistics", "statistics")


def ask_duckdb(name, rows):
    db = duckdb.connect()
    db.execute("SET threads = 1")
    source = f"'{FOLDER / name}'"
    for label, sql in (("first page", f"SELECT * FROM {source} LIMIT 100"), ("last page", f"SELECT * FROM {source} LIMIT 100 OFFSET {rows - 100}"),
                       ("filter", f"SELECT count(*) FROM {source} WHERE score > 999.9 AND color = 'red'"), ("search", f"SELECT count(*) FROM {source} WHERE text ILIKE '%w{rows // 3}%'"),
                       ("summary of 870,000", f"SUMMARIZE SELECT * FROM (SELECT * FROM {source} LIMIT 870000)")):
        began = time.time()
        n = len(db.execute(sql).fetchall())
        report(f"DuckDB, {name} {label}", time.time() - began, {"rows": n})


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = generate()
    server = subprocess.Popen([HEARTH, "serve", "--home", str(FOLDER / "home"), "--listen", BASE[7:]], stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(BASE + "/health")
                break
            except OSError:
                time.sleep(0.1)
        cli("user", "add", "ann", "--password-stdin", input="a long pass word 77\n")
        token = cli("token", "create", "ann", "--role", "write")
        api = HfApi(BASE, token=token)
        for name in ("a.parquet", "a.csv", "a.csv.gz", "a.jsonl"):
            repo = "ann/" + name.replace(".", "-")
            api.create_repo(repo, repo_type="dataset")
            api.upload_file(path_or_fileobj=str(FOLDER / name), path_in_repo="train" + name[1:], repo_id=repo, repo_type="dataset")
            ask_hearth(server, token, name, rows)
            ask_duckdb(name, rows)
    finally:
        server.terminate()
        server.wait()


main()
