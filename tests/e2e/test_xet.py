"""Unmodified clients that speak Xet: one of each generation of huggingface_hub and hf_xet, and @huggingface/hub.

Every assertion that bytes came by Xet looks at the server's own counters, since a client that does not find its way
takes the plain one without a word."""
import random
import re
import socket
import subprocess
import threading
import time
import uuid

import pytest

import clients
import xet
from hearth import LONG, await_that, sha256

MB = 1_000_000


@pytest.fixture(params=clients.XET_VERSIONS)
def any_xet(request, _drivers):
    return _drivers(f"xet-{request.param}")


@pytest.fixture
def newest_xet(_drivers):
    return _drivers(f"xet-{clients.NEWEST}")


def blob(seed, size):
    r = random.Random(seed)  # which gives less than 256 MiB at a time
    return b"".join(r.randbytes(min(size - at, 100 * MB)) for at in range(0, size, 100 * MB))


def put(path, data):
    path.write_bytes(data)
    return path


CONTENTS = {
    "small": lambda: blob(1, 5000),
    "one-chunk": lambda: blob(2, 8192),
    "some-chunks": lambda: blob(3, 700_001),
    "zeros": lambda: bytes(3_000_000),
    "text": lambda: b"".join(b"line %d of a text that compresses\n" % i for i in range(60_000)),
    "floats": lambda: __import__("array").array("f", [random.Random(4).gauss(0, 1) for _ in range(300_000)]).tobytes(),
    "twice": lambda: blob(5, 900_000) * 2,
}


def test_there_and_back(server, any_xet, name, tmp_path):
    """Every kind of content, by every generation; then the plain way gives the same bytes."""
    before = {r: xet.succeeded(server, r) for r in ("xet.upload-xorb", "xet.register", "xet.register-lines", "xet.fetch")}
    for path, make in CONTENTS.items():
        data = make() + name.encode()  # nobody else's
        xet.upload(any_xet, name, path + ".bin", put(tmp_path / path, data))
        assert xet.download(any_xet, name, path + ".bin") == sha256(data), path
        assert server.resolve(name, path + ".bin").body == data, path
    after = {r: xet.succeeded(server, r) for r in before}
    assert after["xet.upload-xorb"] > before["xet.upload-xorb"], "the uploads went another way"
    assert after["xet.register"] + after["xet.register-lines"] >= before["xet.register"] + before["xet.register-lines"] + len(CONTENTS)
    assert after["xet.fetch"] >= before["xet.fetch"] + len(CONTENTS), "the downloads went another way"


def test_large(server, newest_xet, name, tmp_path):
    """Several xorbs, several blocks of the downloader when it is long."""
    data = blob(7, (1200 if LONG else 150) * MB)
    xet.upload(newest_xet, name, "large.bin", put(tmp_path / "large", data))
    assert xet.download(newest_xet, name, "large.bin") == sha256(data)
    half = server.resolve(name, "large.bin", headers={"Range": f"bytes={len(data) // 2}-{len(data) // 2 + 99}"})
    assert half.status == 206 and half.body == data[len(data) // 2:len(data) // 2 + 100]


def test_a_xorb_of_more_than_64_MiB(server, newest_xet, name, tmp_path):
    """hf_xet fills a xorb to 64 MiB of content; what does not compress is larger on the wire by the headers."""
    data = blob(name, (64 << 20) - 2000)  # one xorb: 64 MiB - 2000 of content, and 8 bytes for each of a thousand chunks
    before = xet.requests_of(server, "xet.upload-xorb").get(4, 0)
    xet.upload(newest_xet, name, "x.bin", put(tmp_path / "x", data))
    assert xet.requests_of(server, "xet.upload-xorb").get(4, 0) == before
    assert sha256(server.resolve(name, "x.bin").body) == sha256(data)


def test_a_folder_shares_xorbs(server, newest_xet, name, tmp_path):
    for i in range(30):
        put(tmp_path / f"part-{i:02}.bin", blob(f"{name}{i}", 40_000 + i))
    newest_xet("api.create_repo(name); api.upload_folder(folder_path=folder, repo_id=name); out = 1", name=name, folder=str(tmp_path))
    out = newest_xet("""
        p = snapshot_download(name, local_dir="snap-" + name.split("/")[1])
        out = {q.name: hashlib.sha256(q.read_bytes()).hexdigest() for q in pathlib.Path(p).glob("part-*")}
        """, name=name)
    assert out == {f"part-{i:02}.bin": sha256(blob(f"{name}{i}", 40_000 + i)) for i in range(30)}


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_other_kinds(server, t, newest_xet, name, tmp_path, kind):
    server.create(name, t.alice, kind)
    data = blob(name, 300_000)
    xet.upload(newest_xet, name, "x.bin", put(tmp_path / "x", data), kind=kind)
    assert xet.download(newest_xet, name, "x.bin", kind=kind) == sha256(data)


def test_one_way_up_the_other_down(server, t, newest_xet, newest, name, tmp_path):
    """Up by LFS and down with a client that has Xet; up by Xet and down without."""
    a, b = blob(name + "a", 2_000_000), blob(name + "b", 2_000_000)
    server.create(name, t.alice)
    xet.upload(newest, name, "plain.bin", put(tmp_path / "a", a))
    assert xet.download(newest_xet, name, "plain.bin") == sha256(a)
    xet.upload(newest_xet, name, "xet.bin", put(tmp_path / "b", b))
    assert xet.download(newest, name, "xet.bin") == sha256(b)


def test_pull_request_by_a_reader(server, t, name, tmp_path):
    server.create(name, t.alice)
    bob = xet.fresh_client(server, tmp_path / "bob", hub_token=t.bob)
    data = blob(name, 500_000)
    out = bob("""
        pathlib.Path("x.bin").write_bytes(bytes.fromhex(data))
        info = api.upload_file(path_or_fileobj="x.bin", path_in_repo="x.bin", repo_id=name, create_pr=True)
        p = hf_hub_download(name, "x.bin", revision=info.pr_revision, local_dir="got")
        out = [info.pr_revision, hashlib.sha256(open(p, "rb").read()).hexdigest()]
        """, name=name, data=data.hex())
    bob.close()
    assert out == ["refs/pr/1", sha256(data)]
    assert server.resolve(name, "x.bin", t.alice).status == 404


@pytest.mark.long
def test_a_long_registration_shows_that_it_lives(server, newest_xet, name, tmp_path):
    """Twelve GiB of zeros are one chunk to send, and some seconds to read for their SHA-256: the answer comes in lines."""
    with open(tmp_path / "zeros", "wb") as f:
        f.truncate(12 << 30)
    tap = xet.Tap(server)
    client = xet.fresh_client(tap, tmp_path / "client")
    xet.upload(client, name, "zeros.bin", tmp_path / "zeros")
    client.close()
    tap.close()
    assert tap.seen.count(b'{"type":"validating"') >= 1 and b'{"type":"result"}' in tap.seen
    assert int(server.resolve(name, "zeros.bin", method="HEAD").headers["x-linked-size"]) == 12 << 30


def test_xorbs_that_find_no_place_come_again(server, t, newest_xet, name, tmp_path):
    """Ninety-six uploads that do not go on hold all places: the client is told 503, waits, and then succeeds."""
    server.create(name, t.alice)
    token = xet.token(server, name, t.alice, "write")
    head = (f"POST /cas/v1/xorbs/default/{'1' * 64} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 1000000\r\n\r\n").encode()
    before = xet.requests_of(server, "xet.upload-xorb").get(5, 0)
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(96)]
    for s in held:
        s.sendall(head + bytes(1000))
    await_that(lambda: int(re.search(r"^hearth_http_workers_running (\d+)", server.get("/metrics").body.decode(), re.M)[1]) > len(held))

    def let_go():
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and xet.requests_of(server, "xet.upload-xorb").get(5, 0) == before:
            time.sleep(0.2)
        for s in held:
            s.close()
    waiter = threading.Thread(target=let_go)
    waiter.start()
    data = blob(name, 700_000)
    xet.upload(newest_xet, name, "x.bin", put(tmp_path / "x", data))
    waiter.join()
    assert xet.requests_of(server, "xet.upload-xorb").get(5, 0) > before, "no upload was told to come again"
    assert xet.download(newest_xet, name, "x.bin") == sha256(data)


# ---------------------------------------------------------------- deduplication

def test_the_same_bytes_again(server, newest_xet, name, tmp_path):
    """Another repository, another client that remembers nothing: only hashes cross the wire."""
    data = blob(name, 40 * MB)
    file = put(tmp_path / "file", data)
    xet.upload(newest_xet, name, "x.bin", file)
    other = xet.fresh_client(server, tmp_path / "other")
    before = xet.received_bytes(server)
    xet.upload(other, name + "-2", "y.bin", file)
    crossed = xet.received_bytes(server) - before
    other.close()
    assert crossed < 0.03 * len(data), f"{crossed} bytes of {len(data)} crossed the wire again"
    assert server.resolve(name + "-2", "y.bin").body == data


def test_a_changed_middle(server, newest_xet, name, tmp_path):
    data = blob(name, 100 * MB)
    xet.upload(newest_xet, name, "x.bin", put(tmp_path / "file", data))
    other = xet.fresh_client(server, tmp_path / "other")
    at, change = len(data) // 2, blob(name + "!", MB)
    changed = data[:at] + change + data[at + MB:]
    before = xet.received_bytes(server)
    xet.upload(other, name, "x.bin", put(tmp_path / "changed", changed))
    crossed = xet.received_bytes(server) - before
    other.close()
    assert crossed < 0.03 * len(data), f"{crossed} bytes of {len(data)} crossed the wire"
    assert sha256(server.resolve(name, "x.bin").body) == sha256(changed)


# ---------------------------------------------------------------- git-lfs with a transfer agent named xet

AGENT = """
import json, sys, urllib.request
import hf_xet
for line in sys.stdin:
    e = json.loads(line)
    if e["event"] == "init":
        print(json.dumps({}), flush=True)
    elif e["event"] == "upload":
        head = e["action"]["header"]
        def again():
            r = json.load(urllib.request.urlopen(e["action"]["href"]))
            return r["accessToken"], r["exp"]
        token = head["X-Xet-Access-Token"], int(head["X-Xet-Token-Expiration"])
        hf_xet.upload_files([e["path"]], head["X-Xet-Cas-Url"], token, again, None, None)
        print(json.dumps({"event": "complete", "oid": e["oid"]}), flush=True)
    elif e["event"] == "terminate":
        break
"""


def test_git_push_with_a_xet_agent(server, t, repo, git, tmp_path):
    """As git-xet is wired up: git-lfs offers the transfer, and hands the agent our action."""
    (tmp_path / "agent.py").write_text(AGENT)
    python = clients.python_client("xet-0.36.2")
    git("config", "--global", "lfs.customtransfer.xet.path", str(python))
    git("config", "--global", "lfs.customtransfer.xet.args", str(tmp_path / "agent.py"))
    git("config", "--global", "lfs.customtransfer.xet.direction", "upload")
    git("config", "--global", "lfs.customtransfer.xet.concurrent", "false")
    git.env["HF_XET_CACHE"] = str(tmp_path / "xet-cache")
    git("clone", git.url(repo), "c")
    data = blob(repo, 1_500_000)
    put(tmp_path / "c" / "x.bin", data)
    git("add", ".", cwd=tmp_path / "c")
    git("commit", "-m", "by git", cwd=tmp_path / "c")
    before = xet.succeeded(server, "xet.upload-xorb"), xet.succeeded(server, "lfs.upload")
    git("push", cwd=tmp_path / "c")
    assert (xet.succeeded(server, "xet.upload-xorb"), xet.succeeded(server, "lfs.upload")) == (before[0] + 1, before[1])
    assert server.resolve(repo, "x.bin").body == data
    git("clone", git.url(repo), "d")
    assert (tmp_path / "d" / "x.bin").read_bytes() == data, "downloads are plain LFS"


# ---------------------------------------------------------------- @huggingface/hub

JS = """
import { createRepo, uploadFile, downloadFile, fileDownloadInfo } from "@huggingface/hub";
import { readFileSync, writeFileSync } from "node:fs";
const [, , hubUrl, accessToken, name, from, to] = process.argv, repo = { type: "model", name };
await createRepo({ hubUrl, accessToken, repo });
await uploadFile({ hubUrl, accessToken, repo, useXet: true, file: { path: "x.bin", content: new Blob([readFileSync(from)]) } });
const info = await fileDownloadInfo({ hubUrl, accessToken, repo, path: "x.bin" });
const blob = await downloadFile({ hubUrl, accessToken, repo, path: "x.bin", xet: true });
writeFileSync(to, Buffer.from(await blob.arrayBuffer()));
const part = await blob.slice(1000, 300000).arrayBuffer();
console.log(JSON.stringify({ xet: info.xet ?? null, size: info.size, part: Buffer.from(part).toString("hex").length / 2 }));
"""


@pytest.mark.parametrize("content", ["random", "again"])
def test_javascript(server, t, name, newest_xet, tmp_path, content):
    folder = clients.js_client()
    script = folder / f"{uuid.uuid4().hex}.mjs"
    script.write_text(JS)
    data = blob(name, 3_000_000) * (2 if content == "again" else 1)
    before = xet.succeeded(server, "xet.upload-xorb"), xet.succeeded(server, "xet.fetch")
    try:
        r = subprocess.run(["node", str(script), server.base, t.alice, name, str(put(tmp_path / "from", data)), str(tmp_path / "to")],
                           capture_output=True, text=True, timeout=120, cwd=folder)
    finally:
        script.unlink()
    assert r.returncode == 0, r.stderr[-3000:]
    assert (tmp_path / "to").read_bytes() == data
    out = __import__("json").loads(r.stdout)
    assert out["size"] == len(data) and out["xet"]["hash"] == xet.hash_of(server, name, "x.bin") and out["part"] == 299_000
    assert xet.succeeded(server, "xet.upload-xorb") > before[0] and xet.succeeded(server, "xet.fetch") > before[1]
    assert xet.download(newest_xet, name, "x.bin") == sha256(data)
