"""Buckets: the stock `hf buckets` and huggingface_hub against them, and the wire as it is."""
import json
import os
import random
import shutil
import subprocess
import threading
import time
import uuid

import pytest

import clients
from hearth import Server, sha256

XET = f"xet-{clients.NEWEST}"
NOBODYS = "ab" * 32


@pytest.fixture
def person(client):
    d = client(XET)
    d.hf = lambda *args, **kw: hf(d, *args, **kw)
    return d


def hf(d, *args, check=True):
    r = subprocess.run([d.cli, *args], capture_output=True, text=True, env=d.env, cwd=d.home, timeout=120)
    if check:
        assert r.returncode == 0, f"hf {' '.join(args)} ended with {r.returncode}:\n{r.stdout[-2000:]}\n{r.stderr[-3000:]}"
    return r


@pytest.fixture
def bucket(server, t):
    """A fresh bucket of alice's."""
    name = f"alice/b-{uuid.uuid4().hex[:10]}"
    r = server.post(f"/api/buckets/{name}", {}, t.alice)
    assert r.status == 200 and r.json()["url"] == f"{server.base}/buckets/{name}" and r.json()["name"] == name, r
    return name


def batch(server, bucket, token, *lines, raw=None):
    body = raw if raw is not None else "".join(json.dumps(x) + "\n" for x in lines)
    return server.request("POST", f"/api/buckets/{bucket}/batch", body, token, headers={"Content-Type": "application/x-ndjson"})


def tree(server, bucket, token=None, prefix="", **query):
    r = server.get(f"/api/buckets/{bucket}/tree" + (f"/{prefix}" if prefix else ""), token, query=query)
    assert r.status == 200, r
    return r.json()


def paths(entries):
    return [x["path"] + ("/" if x["type"] == "directory" else "") for x in entries]


def upload(person, bucket, **files):
    """Puts contents (hexadecimal) at paths, as huggingface_hub does."""
    person("""
import huggingface_hub
huggingface_hub.HfApi().batch_bucket_files(bucket, add=[(bytes.fromhex(v), k) for k, v in files.items()])
""", bucket=bucket, files={k: v.hex() for k, v in files.items()})


# The lines that know buckets, each with the hf_xet of its day.
@pytest.mark.parametrize("version", [clients.NEWEST, "1.29.0", "1.12.2"])
def test_a_folder_goes_up_and_comes_down(server, t, client, version, bucket, tmp_path):
    big = os.urandom(300_000) * 3
    (tmp_path / "up/deep/er").mkdir(parents=True)
    for path, content in (("a.txt", b"hello"), ("deep/er/big.bin", big), ("deep/empty", b"")):
        (tmp_path / "up" / path).write_bytes(content)

    def sync(source, dest, **options):
        return client(f"xet-{version}")("""
import huggingface_hub
out = huggingface_hub.HfApi().sync_bucket(source, dest, quiet=True, **options).summary()
""", source=str(source), dest=str(dest), options=options)
    where = f"hf://buckets/{bucket}"
    assert sync(tmp_path / "up", where)["uploads"] == 3
    info = server.get(f"/api/buckets/{bucket}").json()
    assert (info["size"], info["totalFiles"], info["private"], info["repoType"]) == (5 + len(big), 3, False, "bucket")
    listed = {x["path"]: x for x in tree(server, bucket)}
    assert sorted(listed) == ["a.txt", "deep/empty", "deep/er/big.bin"]
    assert listed["a.txt"]["contentType"] == "text/plain" and listed["a.txt"]["size"] == 5 and "mtime" in listed["a.txt"]

    again = sync(tmp_path / "up", where)
    assert (again["uploads"], again["skips"], again["total_size"]) == (0, 3, 0)

    assert sync(where, tmp_path / "down")["downloads"] == 3
    for path in listed:
        assert (tmp_path / "down" / path).read_bytes() == (tmp_path / "up" / path).read_bytes(), path

    (tmp_path / "up/a.txt").unlink()
    assert sync(tmp_path / "up", where, delete=True)["deletes"] == 1
    assert paths(tree(server, bucket)) == ["deep/empty", "deep/er/big.bin"]
    info = server.get(f"/api/buckets/{bucket}").json()
    assert (info["size"], info["totalFiles"]) == (len(big), 2)


def test_the_command_line(server, t, person):
    """Each call starts an interpreter: few calls, everything once."""
    name = f"c-{uuid.uuid4().hex[:10]}"
    bucket = f"alice/{name}"
    assert bucket in person.hf("buckets", "create", name).stdout
    (person.home / "up").mkdir()
    (person.home / "up/note.txt").write_text("a note")
    person.hf("buckets", "sync", "up", f"hf://buckets/{bucket}/notes")
    person.hf("buckets", "cp", "up/note.txt", f"hf://buckets/{bucket}/two.txt")
    assert person.hf("buckets", "cp", f"hf://buckets/{bucket}/notes/note.txt", "-").stdout.strip() == "a note"
    listed = person.hf("buckets", "ls", bucket).stdout
    assert "notes/" in listed and "two.txt" in listed and "note.txt" not in listed.replace("notes/", "")
    assert '"total_files": 2' in person.hf("buckets", "info", bucket).stdout
    person.hf("buckets", "rm", f"{bucket}/two.txt", "--yes")
    r = person.hf("buckets", "rm", f"{bucket}/two.txt", "--yes", check=False)
    assert r.returncode != 0 and "A file with this name doesn't exist" in r.stderr + r.stdout
    person.hf("buckets", "move", bucket, f"{bucket}-moved")
    assert f"{bucket}-moved" in person.hf("buckets", "list").stdout
    person.hf("buckets", "delete", f"{bucket}-moved", "--yes")
    assert server.get(f"/api/buckets/{bucket}", t.alice).code == server.get(f"/api/buckets/{bucket}-moved", t.alice).code == "RepoNotFound"


def test_huggingface_hub(server, t, person, bucket):
    out = person("""
import huggingface_hub
from huggingface_hub import HfApi, errors
api = HfApi()
api.batch_bucket_files(bucket, add=[(b"first", "x/1.txt"), (b"second", "x/2.txt"), (b"third", "y.txt")])
out = {"tree": [f.path for f in api.list_bucket_tree(bucket)],
       "folders": [(f.type, f.path) for f in api.list_bucket_tree(bucket, recursive=False)],
       "prefix": [f.path for f in api.list_bucket_tree(bucket, prefix="x/")],
       "info": [(f.path, f.size) for f in api.get_bucket_paths_info(bucket, ["y.txt", "nothing", "x/1.txt"])],
       "size": api.get_bucket_file_metadata(bucket, "x/1.txt").size}
api.download_bucket_files(bucket, [("x/1.txt", "one"), ("y.txt", "three")])
out["bytes"] = open("one").read() + open("three").read()
api.copy_files(f"hf://buckets/{bucket}/x/1.txt", f"hf://buckets/{bucket}/copy.txt")
api.create_bucket(bucket, exist_ok=True)
api.batch_bucket_files(bucket, delete=["x/1.txt", "x/2.txt"])
out["left"] = [f.path for f in api.list_bucket_tree(bucket)]
api.update_bucket_settings(bucket, private=True)
out["private"] = api.bucket_info(bucket).private
out["listed"] = bucket in [b.id for b in api.list_buckets(search=bucket.split("/")[1])]
try:
    api.bucket_info("alice/no-such-bucket")
except errors.BucketNotFoundError:
    out["missing"] = True
for call in (lambda: api.delete_bucket("one-segment"), lambda: api.update_bucket_settings("one-segment", private=True)):
    try:
        call()
    except errors.HfHubHTTPError as e:
        assert e.response.status_code == 404, e
try:
    api.batch_bucket_files(bucket, delete=["nothing", "copy.txt"])
except errors.BucketBatchError as e:
    out["failures"] = [f["path"] for f in e.failures]
""", bucket=bucket)
    assert out == {"tree": ["x/1.txt", "x/2.txt", "y.txt"], "folders": [["directory", "x"], ["file", "y.txt"]],
                   "prefix": ["x/1.txt", "x/2.txt"], "info": [["y.txt", 5], ["x/1.txt", 5]], "size": 5, "bytes": "firstthird",
                   "left": ["copy.txt", "y.txt"], "private": True, "listed": True, "missing": True, "failures": ["nothing"]}
    assert paths(tree(server, bucket, t.alice)) == ["y.txt"]


def test_file_system(server, t, person, bucket):
    out = person("""
from huggingface_hub import HfFileSystem
fs, root = HfFileSystem(skip_instance_cache=True), "buckets/" + bucket
with fs.open(root + "/w/x.txt", "wb") as f:
    f.write(b"0123456789")
out = [fs.cat(root + "/w/x.txt").decode(), fs.ls(root, detail=False), fs.ls(root + "/w", detail=False), fs.isdir(root + "/w"),
       fs.exists(root + "/nothing"), fs.info(root + "/w/x.txt")["size"]]
with fs.open(root + "/w/x.txt", "rb", block_size=4) as f:
    f.seek(3)
    out.append(f.read(4).decode())
fs.rm(root + "/w/x.txt")
out.append(fs.find(root))
""", bucket=bucket)
    root = f"buckets/{bucket}"
    assert out == ["0123456789", [f"{root}/w"], [f"{root}/w/x.txt"], True, False, 10, "3456", []]


def test_copies_from_a_repository(server, t, person, bucket, repo):
    content = os.urandom(20_000)
    out = person("""
from huggingface_hub import HfApi
api = HfApi()
api.upload_file(repo_id=repo, path_or_fileobj=bytes.fromhex(content), path_in_repo="weights.bin")
api.copy_files(f"hf://{repo}/weights.bin", f"hf://buckets/{bucket}/from/")
api.download_bucket_files(bucket, [("from/weights.bin", "copied.bin")])
out = open("copied.bin", "rb").read().hex()
""", bucket=bucket, repo=repo, content=content.hex())
    assert out == content.hex()


def test_content(server, t, person, bucket):
    content = bytes(range(256)) * 40
    upload(person, bucket, **{"d/f one.bin": content, "none": b"", "page.html": b"<script>alert(1)</script>"})
    url = f"/buckets/{bucket}/resolve/d/f%20one.bin"
    r = server.get(url)
    assert r.status == 200 and r.body == content and r.headers["etag"] == f'"{sha256(content)}"', r
    assert r.headers["x-linked-size"] == str(len(content)) and r.headers["x-linked-etag"] == r.headers["etag"]
    assert f'<{server.base}/api/buckets/{bucket}/xet-read-token>; rel="xet-auth"' in r.headers["link"]
    assert server.get(f"/buckets/{bucket}/resolve/d%2Ff%20one.bin").body == content
    head = server.request("HEAD", url)
    assert head.status == 200 and head.body == b"" and head.headers["content-length"] == str(len(content)) and head.headers["x-xet-hash"] == r.headers["x-xet-hash"]
    r = server.get(url, headers={"Range": "bytes=100-199"})
    assert r.status == 206 and r.body == content[100:200] and r.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert server.get(url, headers={"Range": "bytes=99999-"}).status == 416
    assert server.get(url, headers={"If-None-Match": r.headers["etag"]}).status == 304
    info = server.get(url, headers={"Accept": "application/vnd.xet-fileinfo+json, */*", "Range": "bytes=0-0"})
    assert info.status == 200 and info.json()["hash"] == r.headers["x-xet-hash"] and info.json()["size"] == len(content)
    assert info.json()["refreshUrl"].endswith(f"/api/buckets/{bucket}/xet-read-token")
    empty = server.get(f"/buckets/{bucket}/resolve/none")
    assert empty.status == 200 and empty.body == b"" and empty.headers["x-xet-hash"] == "0" * 64
    page = server.get(f"/buckets/{bucket}/resolve/page.html")
    assert "html" not in page.headers["content-type"] and "sandbox" in page.headers["content-security-policy"]
    missing = server.get(f"/buckets/{bucket}/resolve/d")
    assert missing.status == 404 and missing.code == "EntryNotFound"


def test_private_to_strangers(server, t, person, bucket):
    upload(person, bucket, **{"f": b"secret content"})
    f = tree(server, bucket)[0]
    assert server.request("PUT", f"/api/buckets/{bucket}/settings", {"private": True}, t.alice).json()["private"] is True
    routes = [("GET", ""), ("GET", "/tree"), ("GET", "/xet-read-token"), ("GET", "/xet-write-token"), ("POST", "/paths-info"), ("POST", "/batch"),
              ("PUT", "/settings"), ("DELETE", "")]
    for method, tail in routes:
        for token, status in ((None, 401), (t.bob, 404)):
            r = server.request(method, f"/api/buckets/{bucket}{tail}", token=token)
            missing = server.request(method, f"/api/buckets/alice/never-was{tail}", token=token)
            assert (r.status, r.code, r.message) == (missing.status, missing.code, missing.message) == (status, "RepoNotFound", r.message), (method, tail, r, missing)
    assert server.get(f"/buckets/{bucket}/resolve/f", t.bob).code == "RepoNotFound"
    assert bucket not in [b["id"] for b in server.get("/api/buckets/alice", t.bob).json()]
    assert bucket in [b["id"] for b in server.get("/api/buckets/me", t.alice).json()]
    # Who knows the hash has no right to the content: not to add it, not to copy it, not to read it through a bucket of his own.
    own = f"bob/b-{uuid.uuid4().hex[:10]}"
    assert server.post(f"/api/buckets/{own}", {}, t.bob).status == 200
    for line in ({"type": "addFile", "path": "x", "xetHash": f["xetHash"]},
                 {"type": "copyFile", "path": "x", "xetHash": f["xetHash"], "sourceRepoType": "bucket", "sourceRepoId": bucket}):
        guess = batch(server, own, t.bob, line)
        nothing = batch(server, own, t.bob, line | {"xetHash": NOBODYS})
        assert guess.status == nothing.status == 422 and guess.json() == nothing.json() and guess.json()["succeeded"] == 0, (guess, nothing)
    token = server.get(f"/api/buckets/{own}/xet-read-token", t.bob).json()["accessToken"]
    for hash in (f["xetHash"], NOBODYS):
        assert server.get(f"/cas/v1/reconstructions/{hash}", token).status == 404
    # A reader may not write; a token that may only read neither.
    server.request("PUT", f"/api/buckets/{bucket}/settings", {"private": False}, t.alice)
    for token in (t.bob, t.alice_read):
        for method, tail in (("POST", "/batch"), ("GET", "/xet-write-token"), ("PUT", "/settings"), ("DELETE", "")):
            assert server.request(method, f"/api/buckets/{bucket}{tail}", token=token).status == 403, (method, tail)
    # What may be read may be added, by its hash alone.
    assert batch(server, own, t.bob, {"type": "addFile", "path": "x", "xetHash": f["xetHash"]}).status == 200
    assert server.get(f"/buckets/{own}/resolve/x").body == b"secret content"


def test_tokens_are_of_one_bucket(server, t, person, bucket):
    upload(person, bucket, **{"f": b"of the first"})
    f = tree(server, bucket)[0]
    other = f"alice/b-{uuid.uuid4().hex[:10]}"
    server.post(f"/api/buckets/{other}", {}, t.alice)
    for name, status in ((bucket, 200), (other, 404)):
        r = server.get(f"/api/buckets/{name}/xet-read-token", t.alice)
        assert r.headers["x-xet-access-token"] == r.json()["accessToken"] and r.json()["casUrl"] == f"{server.base}/cas"
        assert server.get(f"/cas/v1/reconstructions/{f['xetHash']}", r.json()["accessToken"]).status == status, name
    token = server.get(f"/api/buckets/{bucket}/xet-read-token", t.alice).json()["accessToken"]
    assert server.request("POST", "/cas/v1/shards", b"x", token).status == 403
    plan = server.get(f"/cas/v1/reconstructions/{f['xetHash']}", token).json()
    url = next(iter(plan["fetch_info"].values()))[0]["url"]
    assert server.get(url).status == 200
    server.request("DELETE", f"/api/buckets/{bucket}", token=t.alice)
    assert server.get(f"/cas/v1/reconstructions/{f['xetHash']}", token).status == 403 and server.get(url).status == 403


def test_batch_refuses_what_is_wrong(server, t, person, bucket):
    upload(person, bucket, **{"f": b"a content"})
    known = tree(server, bucket)[0]["xetHash"]
    bad = ["", "/abs", "a//b", "../x", "a/../b", "a/./b", "end/", ".git/config", "a\0b", "x" * 1001, "..\\x"]
    r = batch(server, bucket, t.alice, *({"type": "addFile", "path": p, "xetHash": known} for p in bad))
    assert r.status == 422 and [x["path"] for x in r.json()["failed"]] == bad and all(x["error"] for x in r.json()["failed"]), r
    r = batch(server, bucket, t.alice, {"type": "addFile", "path": "g", "xetHash": known}, {"type": "addFile", "path": "h", "xetHash": "short"},
              {"type": "addFile", "path": "h", "xetHash": known, "mtime": -1}, {"type": "deleteFile", "path": "nothing"},
              {"type": "copyFile", "path": "h", "xetHash": known, "sourceRepoType": "model", "sourceRepoId": "alice/never-was"},
              {"type": "copyFile", "path": "h", "xetHash": known, "sourceRepoType": "paper", "sourceRepoId": "alice/x"}, {"type": "deleteFile", "path": "f"})
    out = r.json()
    assert r.status == 422 and (out["success"], out["processed"], out["succeeded"], len(out["failed"])) == (False, 7, 2, 5), r
    assert paths(tree(server, bucket)) == ["g"]
    for raw in ("{", "[]\n", '{"type":"addFile"}\n', '{"type":"what","path":"x"}\n', '{"type":"deleteFile","path":7}\n'):
        good = json.dumps({"type": "deleteFile", "path": "g"}) + "\n"
        r = batch(server, bucket, t.alice, raw=good + raw)
        assert r.status == 400 and "Line 2 of the batch" in r.message, (raw, r)
    assert batch(server, bucket, t.alice, raw='{"type":"deleteFile","path":"' + "x" * 20_000 + '"}').status == 413
    assert paths(tree(server, bucket)) == ["g"]  # a batch with a line that is none does nothing
    assert batch(server, bucket, t.alice, raw="").json() == {"success": True, "processed": 0, "succeeded": 0, "failed": []}


def test_a_hundred_thousand_lines(server, t, person, bucket):
    upload(person, bucket, **{"f": b"many times"})
    known = tree(server, bucket)[0]["xetHash"]
    r = batch(server, bucket, t.alice, *({"type": "addFile", "path": f"{i % 100:02}/{i:06}", "xetHash": known} for i in range(20_000)))
    assert r.status == 200 and r.json()["succeeded"] == 20_000, r
    info = server.get(f"/api/buckets/{bucket}").json()
    assert (info["totalFiles"], info["size"]) == (20_001, 20_001 * 10)
    seen, path = [], f"/api/buckets/{bucket}/tree?limit=5000"
    while path:
        r = server.get(path)
        seen += [x["path"] for x in r.json()]
        path = r.headers["link"].split(">")[0][1:] if "link" in r.headers else None
    assert len(seen) == 20_001 and seen == sorted(set(seen))
    folders, path = [], f"/api/buckets/{bucket}/tree?recursive=false&limit=7"
    while path:
        r = server.get(path)
        folders += paths(r.json())
        path = r.headers["link"].split(">")[0][1:] if "link" in r.headers else None
    assert folders == [f"{i:02}/" for i in range(100)] + ["f"]
    assert len(tree(server, bucket, prefix="07", recursive="false")) == 200
    over = json.dumps({"type": "deleteFile", "path": "nothing"}) + "\n"
    r = batch(server, bucket, t.alice, raw=over * 100_001)
    assert r.status == 413 and "100000 operations" in r.message, r


def test_roles_in_an_organisation(server, t, person):
    for token, status in ((t.carol, 403), (t.bob, 403), (None, 401), (t.wendy, 200), (t.carl, 200)):
        name = f"acme/b-{uuid.uuid4().hex[:10]}"
        r = server.post(f"/api/buckets/{name}", {"private": True}, token)
        assert r.status == status, r
        if status != 200:
            continue
        assert server.get(f"/api/buckets/{name}", t.carol).status == 200  # members read
        assert server.get(f"/api/buckets/{name}", t.bob).status == 404
        assert batch(server, name, t.carol, raw="").status == 403
        assert batch(server, name, t.wendy, raw="").status == 200
        assert batch(server, name, t.carl, raw="").status == (200 if token == t.carl else 403)  # contributors: what they made
        assert server.post(f"/api/buckets/{name}", {}, t.wendy).status == 409
        assert server.request("DELETE", f"/api/buckets/{name}", token=t.wendy).status == 200


def test_tokens_with_scopes(server, t, person, bucket, tmp_path):
    upload(person, bucket, **{"f": b"scoped"})
    other = f"alice/b-{uuid.uuid4().hex[:10]}"
    server.post(f"/api/buckets/{other}", {"private": True}, t.alice)
    server.request("PUT", f"/api/buckets/{bucket}/settings", {"private": True}, t.alice)
    hex_id = server.get(f"/api/buckets/{bucket}", t.alice).json()["_id"]

    def scoped(*permissions):
        scopes = {"scoped": [{"entity": {"_id": hex_id, "type": "bucket", "name": bucket}, "permissions": list(permissions)}] if permissions else [], "global": []}
        (tmp_path / "s.json").write_text(json.dumps(scopes))
        return server.cli("token", "create", "alice", "--role", "fineGrained", "--name", uuid.uuid4().hex, "--scopes", str(tmp_path / "s.json")).stdout.strip()
    nothing, reads, writes = scoped(), scoped("repo.content.read"), scoped("repo.content.read", "repo.write")

    def shown(token):
        return {b["id"] for b in server.get("/api/buckets/alice", token).json()} & {bucket, other}
    assert shown(t.alice) == {bucket, other} and shown(nothing) == set() and shown(reads) == {bucket}
    assert server.get(f"/buckets/{bucket}/resolve/f", nothing).status == 404 and server.get(f"/buckets/{bucket}/resolve/f", reads).body == b"scoped"
    assert server.get(f"/api/buckets/{other}", writes).status == 404
    assert batch(server, bucket, reads, raw="").status == 403 and batch(server, bucket, writes, raw="").status == 200
    assert server.post(f"/api/buckets/alice/b-{uuid.uuid4().hex[:10]}", {}, writes).status == 403
    assert server.get(f"/api/buckets/{bucket}/xet-write-token", reads).status == 403


JS = """
import { createRepo, deleteRepo, uploadFiles, listFiles, downloadFile, deleteFile, fileExists, pathsInfo, copyFile, fileDownloadInfo } from "@huggingface/hub";
const [hubUrl, accessToken, name] = process.argv.slice(2);
const repo = { type: "bucket", name }, to = { hubUrl, accessToken, repo }, out = {};
await createRepo({ ...to, private: true });
await uploadFiles({ ...to, files: [{ path: "d/one.txt", content: new Blob(["one"]) }, { path: "two.bin", content: new Blob([new Uint8Array(200000).fill(7)]) }] });
const all = async (x) => { const list = []; for await (const f of listFiles({ ...to, ...x })) list.push(f.type + " " + f.path); return list.sort(); };
out.flat = await all({ recursive: true });
out.top = await all({});
out.folder = await all({ path: "d" });
out.one = await (await downloadFile({ ...to, path: "d/one.txt" })).text();
out.two = (await (await downloadFile({ ...to, path: "two.bin" })).arrayBuffer()).byteLength;
out.size = (await fileDownloadInfo({ ...to, path: "two.bin" })).size;
out.exists = [await fileExists({ ...to, path: "two.bin" }), await fileExists({ ...to, path: "three" })];
out.info = (await pathsInfo({ ...to, paths: ["d/one.txt", "nothing"] })).map((f) => f.path + " " + f.size);
await copyFile({ hubUrl, accessToken, source: { repo, path: "d/one.txt" }, destination: { repo, path: "copy.txt" } });
await deleteFile({ ...to, path: "two.bin" });
out.left = await all({ recursive: true });
await deleteRepo(to);
console.log(JSON.stringify(out));
"""


def test_huggingface_js(server, t, tmp_path):
    folder = clients.js_client()
    shutil.copytree(folder / "node_modules", tmp_path / "node_modules", symlinks=True)
    (tmp_path / "t.mjs").write_text(JS)
    name = f"alice/b-{uuid.uuid4().hex[:10]}"
    r = subprocess.run(["node", "t.mjs", server.base, t.alice, name], cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-4000:]
    assert json.loads(r.stdout.splitlines()[-1]) == {
        "flat": ["file d/one.txt", "file two.bin"], "top": ["directory d", "file two.bin"], "folder": ["file d/one.txt"], "one": "one", "two": 200000,
        "size": 200000, "exists": [True, False], "info": ["d/one.txt 3"], "left": ["file copy.txt", "file d/one.txt"]}
    assert server.get(f"/api/buckets/{name}", t.alice).status == 404


def test_gives_files_to_a_repository(server, t, person, bucket, repo):
    """lfs-files/duplicate: without the bytes; a commit then names them."""
    content = os.urandom(30_000)
    upload(person, bucket, **{"f": content})
    f = tree(server, bucket)[0]
    r = server.post(f"/api/buckets/{bucket}/lfs-files/duplicate", {"target": {"type": "model", "name": repo}, "files": [
        {"xetHash": f["xetHash"], "sha256": sha256(content)}, {"xetHash": NOBODYS, "sha256": sha256(content)}, {"xetHash": f["xetHash"], "sha256": sha256(b"x")}]}, t.alice)
    assert r.status == 207 and (r.json()["succeeded"], len(r.json()["failed"])) == (1, 2), r
    lines = [{"key": "header", "value": {"summary": "from a bucket"}},
             {"key": "lfsFile", "value": {"path": "f.bin", "algo": "sha256", "oid": sha256(content), "size": len(content)}}]
    r = server.request("POST", f"/api/models/{repo}/commit/main", "\n".join(json.dumps(x) for x in lines), t.alice, headers={"Content-Type": "application/x-ndjson"})
    assert r.status == 200, r
    assert server.resolve(repo, "f.bin", t.alice).body == content


def test_collection_keeps_and_then_frees(tmp_path):
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    d = clients.Driver(XET, s, tmp_path / "client", token)
    try:
        content = os.urandom(200_000)
        s.post("/api/buckets/alice/b", {}, token)
        upload(d, "alice/b", keep=content, go=os.urandom(100_000))
        s.cli("gc", "--grace", "0")
        assert s.get("/buckets/alice/b/resolve/keep").body == content
        assert batch(s, "alice/b", token, {"type": "deleteFile", "path": "go"}).status == 200
        before = s.cli("gc", "--grace", "0", "--dry-run").stdout
        assert "would remove 1 object of 100000 bytes" in before.lower(), before
        s.cli("gc", "--grace", "0")
        assert s.get("/buckets/alice/b/resolve/keep").body == content
        assert s.request("DELETE", "/api/buckets/alice/b", token=token).status == 200
        s.cli("gc", "--grace", "0")
        s.fsck()
        assert not [f for f in (s.home / "cas" / "xorb").rglob("*") if f.is_file()]
    finally:
        d.close()
        assert s.stop() == 0


def test_kill_while_a_folder_goes_up(tmp_path):
    """What the client calls done is there after kill -9 of the server; what is there is whole."""
    rng = random.Random(7)
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    s.post("/api/buckets/alice/b", {}, token)
    d = clients.Driver(XET, s, tmp_path / "client", token, HF_XET_CLIENT_RETRY_BASE_DELAY="200ms")
    sent, done = {}, set()
    try:
        for n in range(4):
            files = {f"{n}/{i}": rng.randbytes(rng.choice((10, 5_000, 400_000))) for i in range(6)}
            sent |= files
            problem = []

            def go():
                try:
                    upload(d, "alice/b", **files)
                except AssertionError as e:
                    problem.append(e)
            up = threading.Thread(target=go)
            up.start()
            time.sleep(rng.uniform(0.05, 0.8))
            s.kill()
            s.start()
            up.join(200)
            assert not up.is_alive(), "a client waits for ever"
            done |= set() if problem else set(files)
        there = {x["path"] for x in tree(s, "alice/b")}
        assert done <= there <= set(sent)
        for path in there:
            assert s.get(f"/buckets/alice/b/resolve/{path}").body == sent[path], path
        info = s.get("/api/buckets/alice/b").json()
        assert (info["totalFiles"], info["size"]) == (len(there), sum(len(sent[p]) for p in there))
    finally:
        d.close()
        s.stop()
    s.fsck()
