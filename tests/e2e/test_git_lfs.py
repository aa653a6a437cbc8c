"""The LFS wire and git over HTTP, below what stock clients show: see test_git.py for those."""
import base64
import gzip
import json
import os
import random
import subprocess
import zlib

import pytest

import clients
import hearth
from hearth import sha256

LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}
NOISE = random.Random(6).randbytes(200_000)
MIB = 1 << 20


def batch(server, repo, token, **body):
    return server.post(f"/{repo}.git/info/lfs/objects/batch", json.dumps(body), token, headers=LFS)


def upload_action(server, repo, token, data, transfers=("basic",)):
    r = server.lfs_batch(repo, token, [(sha256(data), len(data))], transfers=transfers)
    assert r.status == 200, r
    return r.json()["objects"][0]["actions"]


# -------------------------------------------------------------------------------- batch

def test_the_answer_has_the_types_that_git_lfs_decodes(server, t, repo):
    r = batch(server, repo, t.alice, operation="upload", transfers=["lfs-standalone-file", "basic", "ssh"],
              ref={"name": "refs/heads/main"}, hash_algo="sha256", objects=[{"oid": sha256(NOISE), "size": len(NOISE)}])
    assert r.status == 200 and r.headers["content-type"].startswith("application/vnd.git-lfs+json")
    answer = r.json()
    assert answer["transfer"] == "basic" and answer["hash_algo"] == "sha256"
    one = answer["objects"][0]
    assert one["oid"] == sha256(NOISE) and one["size"] == len(NOISE) and one["authenticated"] is True
    for action in one["actions"].values():
        assert action["href"].startswith(server.base) and isinstance(action["expires_in"], int) and action["expires_in"] > 0
        assert all(isinstance(v, str) for v in action.get("header", {}).values())


@pytest.mark.parametrize("fields, status", [
    ({"hash_algo": "sha_256"}, 200),            # huggingface.js
    ({"ref": None}, 200), ({"ref": {"name": "main"}}, 200), ({"transfers": None}, 200), ({"transfers": ["xet", "basic"]}, 200),
    ({"hash_algo": "sha512"}, 409), ({"operation": "erase"}, 422), ({"operation": None}, 422), ({"objects": None}, 422),
    ({"objects": "all"}, 422), ({"objects": [{"oid": f"{i:064x}", "size": 1} for i in range(1001)]}, 413)])
def test_requests_that_bend_the_rules(server, t, repo, fields, status):
    body = {"operation": "upload", "transfers": ["basic"], "hash_algo": "sha256", "objects": [{"oid": "0" * 64, "size": 1}], **fields}
    r = batch(server, repo, t.alice, **{k: v for k, v in body.items() if v is not None})
    assert r.status == status, r
    if status != 200:
        assert r.headers["content-type"].startswith("application/vnd.git-lfs+json") and r.json()["message"]


def test_each_object_gets_its_own_verdict(server, t, repo):
    data = os.urandom(3000)
    server.put_large(repo, t.alice, data)
    bad = [("0" * 63, 1), ("A" * 64, 1), ("0" * 64, -1), (sha256(data), 2999), ("0" * 64, 10**15)]
    r = server.lfs_batch(repo, t.alice, bad + [(sha256(data), 3000), ("1" * 64, 0)])
    got = r.json()["objects"]
    assert [o["error"]["code"] for o in got[:5]] == [422] * 5
    assert "actions" not in got[5] and "error" not in got[5], "there already"
    assert got[6]["actions"]["upload"]["href"]
    r = server.lfs_batch(repo, None, [(sha256(data), 3000), ("1" * 64, 5)], "download")
    good, missing = r.json()["objects"]
    assert good["actions"]["download"]["href"] and missing["error"]["code"] == 404
    assert [o["oid"] for o in r.json()["objects"]] == [sha256(data), "1" * 64], "every object is answered, and no other"


def test_who_may(server, t, name):
    server.create(name, t.alice, private=True)
    ask = lambda token, op: server.lfs_batch(name, token, [("0" * 64, 1)], op)
    r = ask(None, "download")
    assert r.status == 401 and r.headers["lfs-authenticate"].startswith("Basic") and r.headers["www-authenticate"].startswith("Basic")
    assert ask(t.bob, "download").status == 404 and ask(t.bob, "upload").status == 404
    assert ask(t.alice_read, "download").status == 200 and ask(t.alice_read, "upload").status == 403
    basic = {**LFS, "Authorization": "Basic " + base64.b64encode(f"x:{t.alice}".encode()).decode()}
    body = json.dumps({"operation": "upload", "objects": []})
    for suffix in ("", ".git"):
        assert server.post(f"/{name}{suffix}/info/lfs/objects/batch", body, headers=basic).status == 200
        assert server.post(f"/models/{name}{suffix}/info/lfs/objects/batch", body, headers=basic).status == 200
        assert server.post(f"/datasets/{name}{suffix}/info/lfs/objects/batch", body, headers=basic).status == 404
    r = server.post("/alice/never-was.git/info/lfs/objects/batch", body, headers=basic)
    assert r.status == 404 and r.json()["message"]


def test_a_gated_repository_gives_its_objects_only_to_those_on_the_list(server, t, repo):
    data = os.urandom(2000)
    server.put_large(repo, t.alice, data)
    server.request("PUT", f"/api/models/{repo}/settings", {"gated": "auto"}, t.alice)
    assert server.lfs_batch(repo, None, [(sha256(data), 2000)], "download").status == 401
    assert server.lfs_batch(repo, t.bob, [(sha256(data), 2000)], "download").status == 403
    assert server.lfs_batch(repo, t.alice, [(sha256(data), 2000)], "download").status == 200


# -------------------------------------------------------------------------------- links

def test_an_upload_needs_nothing_but_its_link(server, t, repo):
    data = os.urandom(70_000)
    actions = upload_action(server, repo, t.alice, data)
    verify = lambda: server.post(actions["verify"]["href"], json.dumps({"oid": sha256(data), "size": len(data)}), headers=LFS)
    assert verify().status == 404, "not before it is there"
    assert server.request("PUT", actions["upload"]["href"], data).status == 200
    assert verify().status == 200
    assert server.request("PUT", actions["upload"]["href"], data).status == 200, "again is fine"
    assert server.post(actions["verify"]["href"], json.dumps({"oid": sha256(data), "size": 1}), headers=LFS).status == 400


def test_links_are_for_one_method_one_object_one_repository(server, t, repo, name):
    data = os.urandom(1000)
    up = upload_action(server, repo, t.alice, data)["upload"]["href"]
    assert server.get(up).status == 403, "an upload link does not download"
    for bent in (up + "&x=1", up.replace("repo=", "repo=0"), up.replace("size=1000", "size=999"), up.replace("expires=", "expires=9"),
                 up.replace("&sig=", "&SIG="), up.replace("?", "?repo=1&"), up.replace(sha256(data), "0" * 64)):
        assert bent != up
        assert server.request("PUT", bent, data).status in (400, 403), bent
    server.request("PUT", up, data)
    down = server.lfs_batch(repo, None, [(sha256(data), 1000)], "download").json()["objects"][0]["actions"]["download"]["href"]
    assert server.request("PUT", down, data).status == 403
    assert server.get(down).body == data


def test_a_link_ends_with_its_repository(server, t, name):
    server.create(name, t.alice)
    data = os.urandom(1000)
    up = upload_action(server, name, t.alice, data)["upload"]["href"]
    ns, short = name.split("/")
    server.request("DELETE", "/api/repos/delete", {"type": "model", "organization": ns, "name": short}, t.alice)
    assert server.request("PUT", up, data).status in (403, 404)


def test_download_resumes_by_range(server, t, repo):
    server.put_large(repo, t.alice, NOISE)
    href = server.lfs_batch(repo, None, [(sha256(NOISE), len(NOISE))], "download").json()["objects"][0]["actions"]["download"]["href"]
    r = server.get(href, headers={"Range": f"bytes=150000-{len(NOISE) - 1}"})
    assert r.status == 206 and r.body == NOISE[150000:] and r.headers["content-range"] == f"bytes 150000-199999/{len(NOISE)}"
    assert server.get(href, headers={"Range": "bytes=200000-"}).status == 416
    r = server.request("HEAD", href)
    assert r.status == 200 and r.headers["content-length"] == str(len(NOISE)) and r.body == b""
    assert "content-encoding" not in server.get(href, headers={"Accept-Encoding": "gzip"}).headers


def test_a_chunked_upload_is_fine(server, t, repo):
    data = os.urandom(300_000)
    up = upload_action(server, repo, t.alice, data)["upload"]["href"]
    r = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Transfer-Encoding: chunked", "-T", "-", up],
                       input=data, capture_output=True)
    assert r.stdout == b"200", r


# -------------------------------------------------------------------------------- parts

PARTS = ["basic", "multipart"]


def sparse(seed, size=600 * MIB):
    """Zeros with noise in every part: (sha256, part(number, chunk))."""
    import hashlib
    noise, h, zeros = random.Random(seed).randbytes(1000), hashlib.sha256(), bytes(MIB)
    for i in range(size // MIB):
        h.update(noise + zeros[1000:])
    whole = h.hexdigest()
    return whole, size, lambda number, chunk: (noise + zeros[1000:]) * (min(chunk, size - (number - 1) * chunk) // MIB)


def parts_of(action):
    keys = sorted(k for k in action["header"] if k != "chunk_size")
    assert keys == [f"{i + 1:05}" for i in range(len(keys))], "nothing else, five digits"
    return int(action["header"]["chunk_size"]), [action["header"][k] for k in keys]


def test_a_large_object_goes_up_in_parts(server, t, repo):
    oid, size, part = sparse(1)
    r = server.lfs_batch(repo, t.alice, [(oid, size)], transfers=PARTS)
    actions = r.json()["objects"][0]["actions"]
    assert r.json()["transfer"] == "multipart"
    chunk, links = parts_of(actions["upload"])
    assert len(links) == -(-size // chunk)
    etags = {}
    order = list(range(1, len(links) + 1))
    random.Random(2).shuffle(order)
    for number in order[:-1]:
        r = server.request("PUT", links[number - 1], part(number, chunk), headers={"Origin": "https://app.example"})
        assert r.status == 200 and r.headers["etag"].startswith('"') and "ETag" in r.headers["access-control-expose-headers"], r
        etags[number] = r.headers["etag"]
    done = lambda: server.post(actions["upload"]["href"], json.dumps(
        {"oid": oid, "parts": [{"partNumber": n, "etag": e} for n, e in sorted(etags.items())]}), headers=LFS)
    assert done().status == 400, "a part is missing"
    last = order[-1]
    assert server.request("PUT", links[last - 1], part(last, chunk)[:-1]).status == 400, "a short part"
    again = server.lfs_batch(repo, t.alice, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"]
    assert again["header"]["00001"].split("?")[0] == links[0].split("?")[0], "the upload is taken up again"
    etags[last] = server.request("PUT", links[last - 1], part(last, chunk)).headers["etag"]
    old = etags[1]
    etags[1] = server.request("PUT", links[0], part(1, chunk)).headers["etag"]
    assert old != etags[1], "a part may be sent again"
    new, etags[1] = etags[1], old
    assert done().status == 400, "the old version of a part is not there any more"
    etags[1] = new
    assert done().status == 200
    assert done().status == 200, "again is fine"
    assert server.post(actions["verify"]["href"], json.dumps({"oid": oid, "size": size}), headers=LFS).status == 200
    href = server.lfs_batch(repo, None, [(oid, size)], "download").json()["objects"][0]["actions"]["download"]["href"]
    r = server.get(href, headers={"Range": f"bytes={size - 2 * MIB}-"})
    assert r.body == part(1, chunk)[:2 * MIB]
    assert server.request("PUT", links[0], part(1, chunk)).status == 404, "nobody writes into what is published"


def test_parts_with_other_content_are_refused(server, t, repo):
    oid, size, part = sparse(3)
    action = server.lfs_batch(repo, t.alice, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"]
    chunk, links = parts_of(action)
    for number, link in enumerate(links, 1):
        body = part(number, chunk)
        assert server.request("PUT", link, b"X" + body[1:] if number == 2 else body).status == 200
    r = server.post(action["href"], json.dumps({"oid": oid, "parts": []}), headers=LFS)
    assert r.status == 400 and "SHA-256" in r.json()["message"]
    assert not server.lfs_batch(repo, t.alice, [(oid, size)], "download").json()["objects"][0].get("actions")
    fresh = server.lfs_batch(repo, t.alice, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"]
    assert fresh["header"]["00001"].split("?")[0] != links[0].split("?")[0], "a fresh start"


def test_a_hash_alone_buys_nothing_by_completing(server, t, repo, name):
    """bob knows the hash of alice's private file; he asks for parts, sends nothing, and completes."""
    oid, size, part = sparse(4, 513 * MIB)
    secret = name + "-secret"
    server.create(secret, t.alice, private=True)
    action = server.lfs_batch(secret, t.alice, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"]
    chunk, links = parts_of(action)
    for number, link in enumerate(links, 1):
        assert server.request("PUT", link, part(number, chunk)).status == 200
    assert server.post(action["href"], json.dumps({"oid": oid}), headers=LFS).status == 200
    mine = server.create("bob/" + name.split("/")[1], t.bob)
    action = server.lfs_batch(mine, t.bob, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"]
    assert server.post(action["href"], json.dumps({"oid": oid, "parts": []}), headers=LFS).status == 400
    for _, link in zip(range(len(links)), parts_of(action)[1]):
        body = bytes(part(_ + 1, chunk))
        assert server.request("PUT", link, b"guess" + body[5:]).status == 200
    assert server.post(action["href"], json.dumps({"oid": oid}), headers=LFS).status == 400
    assert server.post(action["href"], json.dumps({"oid": oid}), headers=LFS).status == 404
    assert server.lfs_batch(mine, t.bob, [(oid, size)], "download").json()["objects"][0]["error"]["code"] == 404


def test_git_lfs_gets_one_transfer_for_a_whole_batch(server, t, repo):
    """Its agent wants parts for every object of a batch that is called multipart; hub clients look at each."""
    objects = [("1" * 64, 600 * MIB), ("2" * 64, 5)]
    r = server.lfs_batch(repo, t.alice, objects, transfers=["lfs-standalone-file", "basic", "multipart"])
    assert r.json()["transfer"] == "multipart"
    assert all("chunk_size" in o["actions"]["upload"]["header"] for o in r.json()["objects"])
    r = server.lfs_batch(repo, t.alice, objects)
    assert ["chunk_size" in o["actions"]["upload"].get("header", {}) for o in r.json()["objects"]] == [True, False]
    r = server.lfs_batch(repo, t.alice, objects, transfers=["basic"])
    assert r.json()["transfer"] == "basic"
    assert not any("chunk_size" in o["actions"]["upload"].get("header", {}) for o in r.json()["objects"])
    r = server.lfs_batch(repo, t.alice, objects, "download", transfers=["multipart", "basic"])
    assert r.json()["transfer"] == "basic", "the agent cannot download"


# -------------------------------------------------------------------------------- locks

def test_locks_on_the_wire(server, t, name):
    server.create(name, t.alice)
    base = f"/{name}.git/info/lfs/locks"
    post = lambda path, body, token: server.post(base + path, json.dumps(body), token, headers=LFS)
    r = post("", {"path": "a/b.bin", "ref": {"name": "refs/heads/main"}}, t.alice)
    assert r.status == 201, r
    lock = r.json()["lock"]
    assert lock["path"] == "a/b.bin" and lock["owner"]["name"] == "alice" and isinstance(lock["id"], str)
    assert len(lock["locked_at"]) == 20 and lock["locked_at"].endswith("Z")
    r = post("", {"path": "a/b.bin"}, t.root)
    assert r.status == 409 and r.json()["lock"]["id"] == lock["id"] and r.json()["message"]
    assert post("", {"path": "../x"}, t.alice).status == 422 and post("", {}, t.alice).status == 400
    assert post("", {"path": "x"}, t.bob).status == 403 and post("", {"path": "x"}, None).status == 401
    for i in range(4):
        assert post("", {"path": f"f{i}"}, t.root if i % 2 else t.alice).status == 201
    page = server.get(base + "?limit=2", t.bob).json()
    assert [x["path"] for x in page["locks"]] == ["a/b.bin", "f0"]
    rest = server.get(base + f"?limit=10&cursor={page['next_cursor']}").json()
    assert [x["path"] for x in rest["locks"]] == ["f1", "f2", "f3"] and "next_cursor" not in rest
    assert [x["path"] for x in server.get(base + "?path=f2").json()["locks"]] == ["f2"]
    assert [x["id"] for x in server.get(base + f"?id={lock['id']}").json()["locks"]] == [lock["id"]]
    v = post("/verify", {"ref": {"name": "refs/heads/main"}}, t.alice).json()
    assert [x["path"] for x in v["ours"]] == ["a/b.bin", "f0", "f2"] and [x["path"] for x in v["theirs"]] == ["f1", "f3"]
    assert post("/verify", {}, t.bob).status == 403 and post("/verify", {}, None).status == 401
    theirs = v["theirs"][0]["id"]
    assert post(f"/{theirs}/unlock", {}, t.alice).status == 403
    r = post(f"/{theirs}/unlock", {"force": True}, t.alice)
    assert r.status == 200 and r.json()["lock"]["path"] == "f1"
    assert post(f"/{theirs}/unlock", {}, t.alice).status == 404 and post("/x/unlock", {}, t.alice).status == 404


# -------------------------------------------------------------------------------- git over HTTP

def pkt(text):
    return b"%04x" % (len(text) + 4) + text


def test_discovery(server, t, repo):
    for url in (repo, repo + ".git", "models/" + repo, f"models/{repo}.git"):
        r = server.get(f"/{url}/info/refs?service=git-upload-pack")
        assert r.status == 200 and r.headers["content-type"] == "application/x-git-upload-pack-advertisement"
        assert r.body.startswith(b"001e# service=git-upload-pack\n0000") and "no-cache" in r.headers["cache-control"]
    r = server.get(f"/{repo}/info/refs?service=git-upload-pack", headers={"Git-Protocol": "version=2"})
    assert r.body.startswith(b"000eversion 2\n"), "no service line in version 2"
    assert server.get(f"/{repo}/info/refs").status == 403
    assert server.get(f"/{repo}/info/refs?service=git-upload-archive").status == 403
    r = server.get(f"/{repo}/info/refs?service=git-receive-pack")
    assert r.status == 401 and r.headers["www-authenticate"].startswith("Basic")
    assert server.get(f"/{repo}/info/refs?service=git-receive-pack", t.bob).status == 403
    assert server.get(f"/{repo}/info/refs?service=git-receive-pack", t.alice_read).status == 403
    assert server.get(f"/{repo}/info/refs?service=git-receive-pack", t.alice).status == 200
    assert server.get("/alice/never-was/info/refs?service=git-upload-pack").status == 401
    assert server.get("/alice/never-was/info/refs?service=git-upload-pack", t.alice).status == 404
    for path in ("HEAD", "config", "objects/info/packs"):
        assert server.get(f"/{repo}.git/{path}").status == 404, "nothing is served raw"


def test_the_types_and_the_probe(server, t, repo):
    typed = {"Content-Type": "application/x-git-upload-pack-request"}
    assert server.post(f"/{repo}/git-upload-pack", b"0000", headers={"Content-Type": "text/plain"}).status == 415
    r = server.post(f"/{repo}/git-upload-pack", b"0000", headers=typed)
    assert r.status == 200 and r.body == b"" and r.headers["content-type"] == "application/x-git-upload-pack-result"
    r = server.post(f"/{repo}/git-receive-pack", b"0000", t.alice, headers={"Content-Type": "application/x-git-receive-pack-request"})
    assert r.status == 200 and r.body == b""
    assert server.post(f"/{repo}/git-receive-pack", b"0000", headers=typed).status == 401
    ask = pkt(b"command=ls-refs\n") + b"0001" + pkt(b"ref-prefix refs/heads/\n") + b"0000"
    for coding, body in (("gzip", gzip.compress(ask)), ("x-gzip", gzip.compress(ask)), (None, ask)):
        r = server.post(f"/{repo}/git-upload-pack", body, headers={**typed, "Git-Protocol": "version=2", **({"Content-Encoding": coding} if coding else {})})
        assert r.status == 200 and b"refs/heads/main" in r.body, (coding, r)
    r = server.post(f"/{repo}/git-upload-pack", zlib.compress(ask), headers={**typed, "Content-Encoding": "deflate"})
    assert r.status == 415
    r = server.post(f"/{repo}/git-upload-pack", b"zzzzgarbage", headers=typed)
    assert r.status in (200, 400), r  # git answers in its own words, if at all
    assert server.get("/health").status == 200


def test_a_push_of_many_megabytes_comes_in_chunks(git, server, t, repo, tmp_path):  # noqa: F811
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    for i in range(4):
        (c / f"text{i}.txt").write_text("\n".join(base64.b64encode(random.Random(i * 1000 + k).randbytes(60)).decode() for k in range(40_000)))
    git("add", ".", cwd=c)
    git("commit", "-m", "12 MB of text", cwd=c)
    git("push", cwd=c)
    assert server.resolve(repo, "text3.txt").body == (c / "text3.txt").read_bytes()


def test_long_negotiations_arrive_compressed(git, server, t, repo, tmp_path):  # noqa: F811
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    for i in range(120):
        git("commit", "--allow-empty", "-m", f"local {i}", cwd=c)
    server.commit(repo, t.alice, {"new.txt": "new"})
    for protocol in "02":
        git("-c", f"protocol.version={protocol}", "fetch", cwd=c)
    git("rebase", "origin/main", cwd=c)
    assert (c / "new.txt").read_text() == "new"


def test_a_token_in_a_header_of_its_own(git, server, t, name, tmp_path):  # noqa: F811
    server.create(name, t.alice, private=True)
    server.commit(name, t.alice, {"a.txt": "a"}, {"w.bin": NOISE})
    git("-c", f"http.extraHeader=Authorization: Bearer {t.alice}", "clone", f"{server.base}/{name}", "c",
        more={"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {t.alice}"})
    assert (tmp_path / "c/w.bin").read_bytes() == NOISE


def test_a_moved_repository_is_still_cloned(git, server, t, repo, tmp_path):  # noqa: F811
    server.commit(repo, t.alice, {"a.txt": "a"}, {"w.bin": NOISE})
    r = server.post("/api/repos/move", {"fromRepo": repo, "toRepo": repo + "-new", "type": "model"}, t.alice)
    assert r.status == 200, r
    git("clone", git.url(repo, None), "c")
    assert (tmp_path / "c/w.bin").read_bytes() == NOISE


def test_a_contributor_of_a_pull_request_pushes_to_it_and_to_nothing_else(git, server, t, repo, tmp_path):  # noqa: F811
    refs = f"/{repo}/info/refs?service=git-receive-pack"
    assert server.get(refs, t.bob).status == 403, "not before the pull request is there"
    r = server.commit(repo, t.bob, {"pr.txt": "1"}, query={"create_pr": "1"})
    assert r.status == 200, r
    assert server.get(refs, t.bob).status == 200
    git("clone", git.url(repo, t.bob, "bob"), "c")
    c = tmp_path / "c"
    git("fetch", "origin", "refs/pr/1:pr1", cwd=c)
    git("checkout", "pr1", cwd=c)
    (c / "w.bin").write_bytes(NOISE)
    git("add", ".", cwd=c)
    git("commit", "-m", "with a large file", cwd=c)
    git("push", "origin", "pr1:refs/pr/1", cwd=c)
    assert server.resolve(repo, "w.bin", rev="refs/pr/1").body == NOISE
    assert git("push", "origin", "pr1:refs/heads/main", cwd=c, check=False).returncode != 0


def test_two_pushes_at_once(git, server, t, repo, tmp_path):  # noqa: F811
    """Of pushes to one branch one wins, of pushes to different branches all."""
    heads = []
    for i in range(4):
        git("clone", git.url(repo), f"c{i}")
        (tmp_path / f"c{i}/f{i}.txt").write_text(str(i))
        git("add", ".", cwd=tmp_path / f"c{i}")
        git("commit", "-m", f"c{i}", cwd=tmp_path / f"c{i}")
        heads.append(git("rev-parse", "HEAD", cwd=tmp_path / f"c{i}").out.strip())
    push = lambda i, to: subprocess.Popen(["git", "push", "origin", f"HEAD:{to}"], cwd=tmp_path / f"c{i}", env=git.env,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert all(p.wait(120) == 0 for p in [push(i, f"refs/heads/b{i}") for i in range(4)])
    codes = [p.wait(120) for p in [push(i, "refs/heads/main") for i in range(4)]]
    assert codes.count(0) == 1, codes
    assert server.head_sha(repo) == heads[codes.index(0)]
    assert len(server.get(f"/api/models/{repo}/refs").json()["branches"]) == 5


def test_partial_clone_fetches_blobs_later(git, server, t, repo, tmp_path):  # noqa: F811
    for i in range(3):
        server.commit(repo, t.alice, {f"f{i}.txt": f"{i}" * 3000}, {f"w{i}.bin": NOISE[i:]})
    git("clone", "--filter=blob:none", git.url(repo, None), "c")
    git("clone", "--filter=tree:0", "--no-checkout", git.url(repo, None), "d")
    git("checkout", "main", cwd=tmp_path / "d")
    for d in "cd":
        assert (tmp_path / d / "w2.bin").read_bytes() == NOISE[2:]
        assert (tmp_path / d / "f1.txt").read_text() == "1" * 3000


def test_pull_brings_what_others_pushed(git, server, t, repo, tmp_path):  # noqa: F811
    git("clone", git.url(repo), "a")
    git("clone", git.url(repo), "b")
    a, b = tmp_path / "a", tmp_path / "b"
    (a / "w.bin").write_bytes(NOISE)
    git("add", ".", cwd=a)
    git("commit", "-m", "large", cwd=a)
    git("push", cwd=a)
    git("pull", cwd=b)
    assert (b / "w.bin").read_bytes() == NOISE
    (b / "w.bin").write_bytes(NOISE[::-1])
    git("commit", "-am", "changed", cwd=b)
    git("push", cwd=b)
    git("pull", cwd=a)
    assert (a / "w.bin").read_bytes() == NOISE[::-1]
    assert server.resolve(repo, "w.bin").body == NOISE[::-1]


def test_somebody_elses_lock_stops_the_client(git, server, t, repo, tmp_path):  # noqa: F811
    server.commit(repo, t.alice, {}, {"w.bin": NOISE})
    assert server.post(f"/{repo}.git/info/lfs/locks", json.dumps({"path": "w.bin"}), t.root, headers=LFS).status == 201
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("config", "lfs.locksverify", "true", cwd=c)
    (c / "w.bin").write_bytes(NOISE[::-1])
    git("commit", "-am", "changed", cwd=c)
    r = git("push", cwd=c, check=False)
    assert r.returncode != 0 and "root-admin" in r.out + r.err
    assert hearth.sha256(server.resolve(repo, "w.bin").body) == sha256(NOISE)


def test_somebody_elses_lock_stops_the_server(git, server, t, repo, tmp_path):  # noqa: F811
    server.commit(repo, t.alice, {"notes.txt": "1"}, {"w.bin": NOISE})
    locks = f"/{repo}.git/info/lfs/locks"
    lock = server.post(locks, json.dumps({"path": "w.bin"}), t.root, headers=LFS).json()["lock"]["id"]
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("config", "lfs.locksverify", "false", cwd=c)
    (c / "notes.txt").write_bytes(b"2")
    git("commit", "-am", "another file", cwd=c)
    git("push", cwd=c)
    git("rm", "w.bin", cwd=c)
    git("commit", "-m", "gone", cwd=c)
    for ref in ("main", "fresh"):  # a new branch is a copy of main until it differs
        r = git("push", "origin", f"HEAD:refs/heads/{ref}", cwd=c, check=False)
        assert r.returncode != 0 and "w.bin, locked by root-admin" in r.out + r.err, r
    r = server.commit(repo, t.alice, delete=["w.bin"])
    assert r.status == 403 and "locked by root-admin" in r.message
    assert server.commit(repo, t.alice, {"notes.txt": "3"}).status == 200
    assert server.commit(repo, t.alice, delete=["w.bin"], query={"create_pr": "1"}).status == 200
    r = server.post(f"/api/models/{repo}/discussions/1/merge", {}, t.alice)
    assert r.status == 403 and "locked by root-admin" in r.message
    assert server.commit(repo, t.root, {}, {"w.bin": NOISE[::-1]}).status == 200  # his own
    assert server.post(f"{locks}/{lock}/unlock", "{}", t.root, headers=LFS).status == 200
    assert server.commit(repo, t.alice, delete=["w.bin"]).status == 200


# -------------------------------------------------------------------------------- the Hub's clients, in parts

def write_noise(path, mib, seed):
    with open(path, "wb") as f:
        block = random.Random(seed).randbytes(MIB)
        for i in range(mib):
            f.write(i.to_bytes(8, "little") + block[8:])


@pytest.mark.parametrize("version", [clients.NEWEST, clients.HUB_VERSIONS[-1]])
def test_huggingface_hub_uploads_in_parts(server, t, repo, client, tmp_path, version):
    write_noise(tmp_path / "big.bin", 520, version)
    d = client(f"hub-{version}")
    d("from huggingface_hub import HfApi; HfApi().upload_file(path_or_fileobj=path, path_in_repo='big.bin', repo_id=repo); out = 1",
      path=str(tmp_path / "big.bin"), repo=repo)
    got = d("from huggingface_hub import hf_hub_download; out = hf_hub_download(repo, 'big.bin')", repo=repo)
    assert subprocess.run(["cmp", tmp_path / "big.bin", got]).returncode == 0


@pytest.mark.long
def test_the_git_lfs_agent_uploads_in_parts(git, server, t, repo, client, tmp_path):  # noqa: F811
    hf = client(f"hub-{clients.NEWEST}").cli
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("config", "lfs.customtransfer.multipart.path", hf, cwd=c)
    git("config", "lfs.customtransfer.multipart.args", "lfs-multipart-upload", cwd=c)
    write_noise(c / "big.bin", 520, 1)
    (c / "small.bin").write_bytes(NOISE)
    git("add", ".", cwd=c)
    git("commit", "-m", "large", cwd=c)
    git("push", cwd=c)
    assert server.resolve(repo, "small.bin").body == NOISE
    git("clone", git.url(repo, None), "d")
    assert subprocess.run(["cmp", c / "big.bin", tmp_path / "d/big.bin"]).returncode == 0


def test_parts_survive_a_kill_at_any_moment(tmp_path):
    """What was acknowledged need not be sent again; what was not can be; the whole is what it should be."""
    import threading
    import time
    s = hearth.Server(tmp_path / "home")
    alice = s.add_user("alice")
    s.start()
    s.create("alice/m", alice)
    rounds = 12 if hearth.LONG else 2
    try:
        for k in range(rounds):
            oid, size, part = sparse(100 + k, 513 * MIB)
            have, done = {}, False
            while not done:
                actions = s.lfs_batch("alice/m", alice, [(oid, size)], transfers=PARTS).json()["objects"][0].get("actions")
                if not actions:  # completed, and killed before it could say so
                    break
                chunk, links = parts_of(actions["upload"])
                if len(have) < 3:
                    threading.Timer(random.uniform(0.02, 1.2), s.kill).start()
                try:
                    for number, link in enumerate(links, 1):
                        if number not in have:
                            r = s.request("PUT", link, part(number, chunk))
                            assert r.status == 200, r
                            have[number] = r.headers["etag"]
                    parts = [{"partNumber": n, "etag": e} for n, e in sorted(have.items())]
                    r = s.post(actions["upload"]["href"], json.dumps({"oid": oid, "parts": parts}), headers=LFS)
                    assert r.status == 200, r
                    done = True
                except (OSError, hearth.http.client.HTTPException):
                    pass
                end = time.monotonic() + 2
                while s.process.poll() is None and not done and time.monotonic() < end:
                    time.sleep(0.01)
                if s.process.poll() is not None:
                    s.start()
            time.sleep(1.3)  # a late timer
            if s.process.poll() is not None:
                s.start()
            r = s.lfs_batch("alice/m", alice, [(oid, size)], "download").json()["objects"][0]
            got = subprocess.run(["curl", "-sS", r["actions"]["download"]["href"]], capture_output=True).stdout
            assert sha256(got) == oid
        assert s.stop() == 0
        s.fsck()
    finally:
        if s.process.poll() is None:
            s.kill()
