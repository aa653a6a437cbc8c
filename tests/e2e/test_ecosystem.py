"""transformers, datasets, @huggingface/hub, llama.cpp's calls."""
import json
import re
import struct
import subprocess
import uuid

import clients
from hearth import ROOT, sha256

DEMO = ROOT / "demo"


def push_demo(server, t, repo):
    files = {p.name: p.read_bytes() for p in DEMO.iterdir() if p.name != "model.safetensors"}
    r = server.commit(repo, t.alice, files, {"model.safetensors": (DEMO / "model.safetensors").read_bytes()})
    assert r.status == 200, r


def test_transformers(server, t, repo, client):
    push_demo(server, t, repo)
    tf = client("transformers")
    out = tf("""
        from transformers import AutoConfig, AutoTokenizer
        config = AutoConfig.from_pretrained(name)
        tok = AutoTokenizer.from_pretrained(name)
        ids = tok("Once upon a time")["input_ids"]
        config.push_to_hub(name + "-again")
        tok.push_to_hub(name + "-again")
        tok2 = AutoTokenizer.from_pretrained(name + "-again")
        out = [config.model_type, ids == tok2("Once upon a time")["input_ids"], len(ids) > 3,
               AutoConfig.from_pretrained(name + "-again").hidden_size == config.hidden_size]
        """, name=repo)
    assert out == ["llama", True, True, True]


def name_of(text):
    return re.search(r"alice/[\w-]+", text).group(0)


def test_transformers_names_what_is_missing(server, t, repo, client):
    out = client("transformers")("""
        from transformers import AutoConfig, AutoTokenizer
        a = refused('ValueError', AutoConfig.from_pretrained, name)
        b = refused('OSError', AutoConfig.from_pretrained, "alice/never-was")
        out = [a['text'], b['text']]
        """, name=repo)
    assert "config.json" in out[0] and name_of(out[0]) == repo
    assert "is not a local folder and is not a valid model identifier" in out[1]


def test_datasets(server, t, name, client):
    out = client("datasets")("""
        import datasets
        d = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "n": [1, 2, 3]})
        d.push_to_hub(name)
        back = datasets.load_dataset(name, split="train")
        out = [list(back["text"]), list(back["n"])]
        d.select([0]).push_to_hub(name, split="test")
        both = datasets.load_dataset(name, download_mode="force_redownload")
        out.append({k: len(v) for k, v in both.items()})
        streamed = [r["n"] for r in datasets.load_dataset(name, split="train", streaming=True)]
        out.append(streamed)
        """, name=name)
    assert out[:2] == [["a", "b", "c"], [1, 2, 3]]
    assert out[2] == {"train": 3, "test": 1} and out[3] == [1, 2, 3]


def test_datasets_of_plain_files(server, t, name, client):
    server.create(name, t.alice, "dataset")
    server.commit(name, t.alice, {"data/train.csv": "x,y\n1,2\n3,4\n", "data/test.csv": "x,y\n5,6\n"}, kind="datasets")
    out = client("datasets")("""
        import datasets
        d = datasets.load_dataset(name)
        out = [{k: v.to_dict() for k, v in d.items()}]
        """, name=name)
    assert out == [{"train": {"x": [1, 3], "y": [2, 4]}, "test": {"x": [5], "y": [6]}}]


JS = """
import * as hub from "@huggingface/hub";
const [base, token, name] = process.argv.slice(2);
const opt = { hubUrl: base, accessToken: token };
const out = {};
const repo = { type: "model", name };
out.created = await hub.createRepo({ ...opt, repo });
const big = new Uint8Array(200000).map((_, i) => i % 251);
out.commit = await hub.uploadFiles({ ...opt, repo, files: [
  { path: "a.txt", content: new Blob(["hello\\n"]) }, { path: "sub/w.bin", content: new Blob([big]) } ], useXet: false });
out.files = [];
for await (const f of hub.listFiles({ ...opt, repo, recursive: true })) out.files.push([f.path, f.type, f.size]);
const a = await hub.downloadFile({ ...opt, repo, path: "a.txt", xet: false });
out.text = await a.text();
const w = await hub.downloadFile({ ...opt, repo, path: "sub/w.bin" });
const bytes = new Uint8Array(await w.arrayBuffer());
out.same = bytes.length === big.length && bytes.every((b, i) => b === big[i]);
out.nothing = await hub.downloadFile({ ...opt, repo, path: "absent" });
out.exists = [await hub.fileExists({ ...opt, repo, path: "a.txt" }), await hub.fileExists({ ...opt, repo, path: "absent" }),
              await hub.repoExists({ ...opt, repo }), await hub.repoExists({ ...opt, repo: { type: "model", name: name + "-x" } })];
out.info = (await hub.modelInfo({ ...opt, name, additionalFields: ["sha", "tags"] })).name;
out.pr = (await hub.commit({ ...opt, repo, title: "by pr", isPullRequest: true, useXet: false,
  operations: [{ operation: "addOrUpdate", path: "pr.txt", content: new Blob(["pr"]) }] })).pullRequestUrl;
const pr = await hub.downloadFile({ ...opt, repo, path: "pr.txt", revision: "refs/pr/1" });
out.prText = await pr.text();
out.prFiles = [];
for await (const f of hub.listFiles({ ...opt, repo, revision: "refs/pr/1" })) out.prFiles.push(f.path);
await hub.deleteFile({ ...opt, repo, path: "a.txt" });
out.commits = [];
for await (const c of hub.listCommits({ ...opt, repo, batchSize: 1 })) out.commits.push(c.title);
out.count = await hub.countCommits({ ...opt, repo });
out.models = [];
for await (const m of hub.listModels({ ...opt, search: { owner: "alice", query: name.split("/")[1] } })) out.models.push(m.name);
out.who = (await hub.whoAmI(opt)).name;
await hub.deleteRepo({ ...opt, repo });
out.gone = await hub.repoExists({ ...opt, repo });
console.log(JSON.stringify(out));
"""


def test_javascript(server, t, name):
    folder = clients.js_client()
    script = folder / f"t-{uuid.uuid4().hex[:6]}.mjs"
    script.write_text(JS)
    try:
        env = clients.client_environment(server, folder)
        r = subprocess.run(["node", str(script), server.base, t.alice, name], capture_output=True, text=True, timeout=120, env=env)
    finally:
        script.unlink()
    assert r.returncode == 0, r.stdout + r.stderr
    out = json.loads(r.stdout.strip().splitlines()[-1])
    assert out["created"]["repoUrl"] == f"{server.base}/{name}"
    assert out["commit"]["commit"]["oid"] and out["commit"]["commit"]["url"].startswith(f"{server.base}/{name}/commit/")
    assert [f[:2] for f in out["files"]] == [[".gitattributes", "file"], ["a.txt", "file"], ["sub", "directory"], ["sub/w.bin", "file"]]
    assert out["text"] == "hello\n" and out["same"] and out["nothing"] is None
    assert out["exists"] == [True, False, True, False] and out["info"] == name
    assert out["pr"] == f"{server.base}/{name}/discussions/1" and out["prText"] == "pr"
    assert out["prFiles"] == [".gitattributes", "a.txt", "pr.txt", "sub"]
    assert len(out["commits"]) == 3 and out["count"] == 3 and out["models"] == [name] and out["who"] == "alice"
    assert out["gone"] is False


def gguf(context=512):
    """A header without tensors."""
    def string(s):
        return struct.pack("<Q", len(s)) + s.encode()
    pairs = [("general.architecture", 8, string("llama")), ("llama.context_length", 4, struct.pack("<I", context))]
    body = b"".join(string(k) + struct.pack("<I", kind) + v for k, kind, v in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body + b"\0" * 64


def test_llama_cpp(server, t, repo):
    q4, q8 = gguf(512), gguf(1024) + b"\0" * 100
    server.commit(repo, t.alice, {}, {"m-Q8_0.gguf": q8, "m-Q4_K_M.gguf": q4})
    old = {"User-Agent": "llama-cpp", "Accept": "application/json"}
    r = server.get(f"/v2/{repo}/manifests/latest", headers=old)
    assert r.status == 200, r
    assert r.json()["ggufFile"]["rfilename"] == "m-Q4_K_M.gguf" and r.json()["ggufFile"]["size"] == len(q4)
    assert server.get(f"/v2/{repo}/manifests/q8_0", headers=old).json()["ggufFile"]["rfilename"] == "m-Q8_0.gguf"
    assert server.get(f"/v2/{repo}/manifests/Q2_K", headers=old).status == 404
    assert server.get(f"/v2/{repo}-none/manifests/latest", headers=old).status == 401
    # the current way
    refs = server.get(f"/api/models/{repo}/refs").json()
    sha = [b for b in refs["branches"] if b["name"] == "main"][0]["targetCommit"]
    tree = server.get(f"/api/models/{repo}/tree/{sha}?recursive=true").json()
    assert {f["path"]: f["lfs"]["oid"] for f in tree if "lfs" in f} == {"m-Q4_K_M.gguf": sha256(q4), "m-Q8_0.gguf": sha256(q8)}
    r = server.resolve(repo, "m-Q4_K_M.gguf", rev=sha, method="HEAD")
    assert r.status == 200 and r.headers["accept-ranges"] == "bytes" and r.headers["content-length"] == str(len(q4))
    info = server.get(f"/api/models/{repo}").json()
    assert info["gguf"]["architecture"] == "llama" and "gguf" in info["tags"]
