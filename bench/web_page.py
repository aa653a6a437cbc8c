#!/usr/bin/env python3
"""web_page.py [REPOSITORIES] - a model's page: what the server takes for it, and what a first view brings over the wire.

Beside REPOSITORIES generated ones (10,000 unless told) there is a model with weights, a card of 12 kB with tables, code and metrics, and
thirty days of downloads.  wrk asks for its page over kept connections, as a visitor and as somebody who is signed in, compressed as
browsers ask for it.  Processor time is the server's alone, from /proc; wrk's latency has what else the machine does in it."""
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import hearth  # noqa: E402

SECTION = """
## Training {n}

The model was trained on **{n} million** tokens of [a data set](https://example.org/{n}) with `AdamW`, and looks at *context* as
[others](./docs/notes.md) do. What it may be used for, and what not, stands below; see also the ~~old~~ new license.

| parameter | value | note |
|---|---:|---|
| learning rate | 3e-4 | cosine |
| batch | {n} | sequences of 2048 |
| steps | 40000 | warm-up 500 |

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("alice/story")  # {n}
print(model.generate(**tokens, max_new_tokens={n}))
```

- one thing
- another thing, with $x_{n}$ in it
"""
FRONT = """---
license: mit
language: en
pipeline_tag: text-generation
library_name: transformers
tags: [tiny, demo]
model-index:
- name: story
  results:
  - task: {type: text-generation}
    dataset: {type: stories, name: Stories}
    metrics: [{type: perplexity, value: 3.1}, {type: accuracy, value: 0.4}]
---
# A model
"""


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(url, connections, seconds, headers):
    args = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", *[x for h in headers for x in ("-H", h)], url]
    out = subprocess.run(args, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit("wrk saw errors:\n" + out)
    def ms(p):
        n, unit = re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(n) * {"us": 1e-3, "ms": 1, "s": 1000}[unit]
    return int(re.search(r"(\d+) requests in", out).group(1)), ms(50), ms(99)


def cookie_of(s):
    r = s.request("POST", "/login", urlencode({"name": "alice", "password": hearth.PASSWORD}), headers={"Content-Type": "application/x-www-form-urlencoded"})
    return r.headers["set-cookie"].split(";")[0]


def house(work, count):
    """A server with `count` generated repositories and alice/story."""
    s = hearth.Server(work / "home")
    (work / "home").mkdir(exist_ok=True)
    if count:
        subprocess.run([str(hearth.BIN.parent / "bench" / "list_gen"), str(work / "home" / "hearth.db"), str(count)], check=True, stdout=subprocess.DEVNULL)
    token = s.add_user("alice")
    s.start()
    s.create("alice/story", token)
    demo = ROOT / "demo"
    files = {p.name: p.read_bytes() for p in demo.iterdir() if p.suffix == ".json"}
    files["README.md"] = (FRONT + "".join(SECTION.format(n=n) for n in range(15))).encode()
    assert s.commit("alice/story", token, files, {"model.safetensors": (demo / "model.safetensors").read_bytes()}).status == 200
    s.resolve("alice/story", "config.json", token)
    return s


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    work = Path(tempfile.mkdtemp(prefix="hearth-web-page-"))
    s = house(work, count)
    try:
        page = s.get("/alice/story", headers={"Accept-Encoding": "gzip"})
        html = gzip.decompress(page.body) if page.headers.get("content-encoding") == "gzip" else page.body
        total = len(page.body)
        print(f"page: {len(html)} bytes, {len(page.body)} over the wire")
        for asset in sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html.decode()))):
            a = s.get(asset, headers={"Accept-Encoding": "gzip"})
            total += len(a.body)
            print(f"  {asset.split('?')[0]}: {len(a.body)} over the wire")
        print(f"first view: {total} bytes over the wire")
        pid = s.process.pid
        for who, extra in (("visitor", []), ("signed in", ["Cookie: " + cookie_of(s)])):
            for connections in (1, 4):
                headers = ["Accept-Encoding: gzip", *extra]
                wrk(s.base + "/alice/story", connections, 1, headers)
                before = cpu_s(pid)
                best = min((wrk(s.base + "/alice/story", connections, 3, headers) for _ in range(3)), key=lambda x: x[2])
                n = best[0]
                spent = cpu_s(pid) - before
                print(f"{who}, {connections} connection(s): {n / 3:.0f}/s, median {best[1]:.2f} ms, p99 {best[2]:.2f} ms; about {spent / 3 / n * 1000:.2f} ms of processor a page")
    finally:
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
