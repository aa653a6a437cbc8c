"""A real browser (Debian's Chromium, by Playwright) before a real server.  Screenshots go to build/screenshots/."""
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import browser  # noqa: E402
import hearth  # noqa: E402

SHOTS = ROOT / "build" / "screenshots"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with hearth.Server(tmp_path_factory.mktemp("web") / "home") as s:
        yield s


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no browser: install Debian's chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield b
        b.close()


class Tab:
    """A page that fails the test for whatever it says on its console."""

    def __init__(self, chromium, server, **options):
        self.server, self.said = server, []
        self.context = chromium.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.said.append(str(e)))

    def go(self, path, may_be=200):
        a = self.page.goto(self.server.base + path)
        assert a.status == may_be, (path, a.status)
        if may_be != 200:
            self.said.clear()  # the browser says that it was not 200
        return a

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def close(self):
        self.context.close()
        assert not self.said, self.said


@pytest.fixture
def tab(chromium, server):
    made = []

    def make(**options):
        options.setdefault("viewport", {"width": 1280, "height": 900})
        made.append(Tab(chromium, server, **options))
        return made[-1]
    yield make
    for t in made:
        t.close()


@pytest.fixture(scope="session")
def house(server):
    """What the pages show: ada (who is the administrator), a model that runs, datasets, a bucket, a discussion."""
    server.add_person("ada", "--admin")
    token = server.token("ada", "admin")
    demo = ROOT / "demo"
    server.create("ada/stories260k", token)
    files = {p.name: p.read_bytes() for p in demo.iterdir() if p.suffix == ".json"}
    files["README.md"] = CARD
    server.commit("ada/stories260k", token, files, {"model.safetensors": (demo / "model.safetensors").read_bytes()}, summary="the demo model")
    server.create("ada/stories-chat", token)
    server.commit("ada/stories-chat", token, {**files, "chat_template.jinja": b"{% for m in messages %}{{ m.content }} {% endfor %}"},
                  {"model.safetensors": (demo / "model.safetensors").read_bytes()})
    for name, task in (("bert-tiny", "fill-mask"), ("whisper-nano", "automatic-speech-recognition"), ("sdxl-mini", "text-to-image")):
        server.create(f"ada/{name}", token)
        server.commit(f"ada/{name}", token, {"README.md": f"---\npipeline_tag: {task}\nlicense: apache-2.0\n---\n# {name}\n".encode()}, {})
    server.create("ada/stories", token, "dataset")
    server.create("ada/rhymes", token, "dataset")
    server.commit("ada/rhymes", token, {"README.md": "---\nlicense: mit\n---\n# Rhymes\n\n> [!NOTE]\n> They rhyme.\n",
                  "train.csv": "id,line,score\n" + "".join(f"{i},a line that rhymes with {i},{i / 8}\n" for i in range(120)),
                  "more.jsonl": '{"pair": ["moon", "June"], "good": true}\n{"pair": ["home", "tome"], "by": "nobody"}\n'}, kind="datasets")
    server.create("ada/pictures", token, "dataset")
    parquet = ROOT / "tests" / "data" / "parquet"
    server.commit("ada/pictures", token, {}, {"data/train-00000-of-00002.parquet": (parquet / "features.parquet").read_bytes(),
                  "data/train-00001-of-00002.parquet": (parquet / "features.parquet").read_bytes(),
                  "data/test-00000-of-00001.parquet": (parquet / "pages_index.parquet").read_bytes()}, kind="datasets")
    server.create("ada/secret-plans", token, private=True)
    assert server.post("/api/buckets/ada/logs", {}, token).status == 200
    for folder, files in (("", [("notes.md", b"# Notes\n"), ("loss.csv", b"step,loss\n1,0.5\n2,0.25\n"), ("empty", b"")]), ("/runs/first", [("train.log", b"step 1\nstep 2\n")])):
        body, kind = browser.multipart({}, files)
        assert server.request("POST", f"/buckets/ada/logs/upload{folder}", body, token, headers={"Content-Type": kind}).status == 303
    server.cli("org", "add", "speakers", "--owner", "ada")
    server.request("POST", "/api/models/ada/stories260k/discussions", {"title": "Does it rhyme?", "description": "I **wonder**."}, token)
    return token


CARD = b"""---
license: mit
language: en
pipeline_tag: text-generation
library_name: transformers
tags: [tiny, demo]
---
# Stories 260K

A *tiny* Llama that writes **stories for children**.

| parameters | layers | vocabulary |
|---:|---:|---:|
| 260 k | 5 | 512 |

## How to use it

```python
from transformers import pipeline
print(pipeline("text-generation", model="ada/stories260k")("Once upon a time"))
```

- [x] runs on anything
- [ ] writes novels
"""
