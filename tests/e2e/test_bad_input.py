"""Bad input: a clear error of the right status, nothing half-visible, and the server goes on."""
import base64
import json
import os
import random
import socket
import subprocess
import threading
import time
import uuid

import pytest

import hearth
from hearth import await_that, sha256

NOISE = random.Random(3).randbytes(200_000)


def unchanged(server, repo, sha):
    assert server.head_sha(repo) == sha, "the refused commit must not have moved the branch"


def is_error(r, *statuses):
    """The Hub's shape: a JSON error whose text stands in the header too."""
    assert r.status in statuses, r
    text = r.json()["error"]
    assert text and r.message == "".join(c if " " <= c <= "~" else "?" * len(c.encode()) for c in text), r
    return text


EVIL_PATHS = ["../x", "a/../../x", "/etc/x", "a//b", "", ".", "..", "a/./b", "a/", ".git/config", ".GIT/hooks/x", "a/.git/x", "nul\0byte",
              "n" * 4096, "a/" * 600 + "x", "..\\x", "git~1/x", ".git./x", ".g\u200cit/x", "\u202ex/../../y"]


@pytest.mark.parametrize("path", EVIL_PATHS, ids=lambda p: repr(p)[:30])
def test_evil_paths_are_refused(server, t, repo, path):
    sha = server.head_sha(repo)
    lines = [{"key": "header", "value": {"summary": "s", "description": ""}},
             {"key": "file", "value": {"path": "good.txt", "content": "x"}}, {"key": "file", "value": {"path": path, "content": "x"}}]
    is_error(server.commit_lines(lines, repo, t.alice), 400, 422)
    unchanged(server, repo, sha)
    body = json.dumps({"files": [{"path": path, "size": 1, "sample": ""}]})
    assert server.post(f"/api/models/{repo}/preupload/main", body, t.alice, headers={"Content-Type": "application/json"}).status < 500


def test_unusual_paths_are_welcome(server, t, repo):
    paths = ["with space", "per%cent", "q?m", "a,b", "c:d", "h#h", "back\\slash", "folder/..\\..\\x", "\u00fcml\u00e4ut/\u6587", "...", "-dash", "a" * 200,
             ".gitignore", "+plus", "&amp;", "'quote\"", ".github/x.yml", "a/.gitkeep"]
    r = server.commit(repo, t.alice, {p: p for p in paths})
    assert r.status == 200, r
    for p in paths:
        r = server.resolve(repo, p)
        assert r.status == 200 and r.body.decode() == p, (p, r)


@pytest.mark.parametrize("path", ["%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "%zz", "%ff%fe", "a%2f..%2f..%2fx", "//etc/passwd"])
def test_evil_resolve_paths(server, repo, path):
    for shape in (f"/{repo}/resolve/main/{path}", f"/{repo}/raw/main/{path}", f"/api/models/{repo}/tree/main/{path}", f"/{repo}/resolve/{path}/x"):
        r = server.get(shape)
        assert r.status in (400, 404, 422), (shape, r)
        assert b"root:" not in r.body


def test_invalid_utf8_in_a_path(server, t, repo):
    sha = server.head_sha(repo)
    body = b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a\xff\xfeb","content":"x"}}\n'
    r = server.post(f"/api/models/{repo}/commit/main", body, t.alice, headers={"Content-Type": "application/x-ndjson"})
    assert r.status in (400, 422), r
    unchanged(server, repo, sha)


def test_files_and_folders_of_one_name(server, t, repo):
    sha = server.head_sha(repo)
    is_error(server.commit(repo, t.alice, {"a": "file", "a/b": "in a folder of that name"}), 400, 422)
    unchanged(server, repo, sha)
    assert server.commit(repo, t.alice, {"a": "file"}).status == 200
    r = server.commit(repo, t.alice, {"a/b": "x"})
    assert r.status in (200, 400, 409, 422)
    if r.status == 200:
        assert server.resolve(repo, "a/b").status == 200 and server.resolve(repo, "a").status == 404


def test_case_fold_collisions(server, t, repo):
    sha = server.head_sha(repo)
    is_error(server.commit(repo, t.alice, {"Model.txt": "1", "model.TXT": "2"}), 422)
    is_error(server.commit(repo, t.alice, {"Dir/a": "1", "dir/a": "2"}), 422)
    assert server.commit(repo, t.alice, {"one/Dir/a": "1"}).status == 200
    sha = server.head_sha(repo)
    is_error(server.commit(repo, t.alice, {"one/dir/A": "2"}), 422)
    unchanged(server, repo, sha)


NDJSON = {
    "not json": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","content":"x"}}\nthis is not json\n', (400, 422)),
    "cut in a line": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","con', (400, 422)),
    "no header": (b'{"key":"file","value":{"path":"a","content":"x"}}\n', (400, 422)),
    "two headers": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"header","value":{"summary":"t"}}\n{"key":"file","value":{"path":"a","content":"x"}}\n', (400, 422)),
    "empty": (b"", (400, 422)),
    "only blank lines": (b"\n\n\n", (400, 422)),
    "array": (b"[]\n", (400, 422)),
    "wrong types": (b'{"key":"header","value":{"summary":7}}\n{"key":"file","value":{"path":{},"content":[]}}\n', (400, 422)),
    "unknown key": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"surprise","value":{}}\n', (400, 422)),
    "bad base64": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","content":"!!!not base64!!!","encoding":"base64"}}\n', (400, 422)),
    "unknown encoding": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","content":"x","encoding":"rot13"}}\n', (400, 422)),
    "bad oid": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"lfsFile","value":{"path":"a.bin","algo":"sha256","oid":"zz","size":3}}\n', (400, 422)),
    "negative size": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"lfsFile","value":{"path":"a.bin","algo":"sha256","oid":"' + b"0" * 64 + b'","size":-1}}\n', (400, 404, 422)),
    "a missing large file": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"lfsFile","value":{"path":"a.bin","algo":"sha256","oid":"' + b"0" * 63 + b'7","size":3}}\n', (400, 404, 409, 422)),
    "same path twice": (b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","content":"1"}}\n{"key":"file","value":{"path":"a","content":"2"}}\n', (200, 400, 422)),
    "nul in the summary": (b'{"key":"header","value":{"summary":"a\\u0000b"}}\n{"key":"file","value":{"path":"a","content":"x"}}\n', (200, 400, 422)),
    "lone surrogate": (b'{"key":"header","value":{"summary":"\\ud800"}}\n{"key":"file","value":{"path":"a","content":"x"}}\n', (200, 400, 422)),
    "deep": (b'{"key":"header","value":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", (400, 422)),
    "parent that is no sha": (b'{"key":"header","value":{"summary":"s","parentCommit":"main"}}\n{"key":"file","value":{"path":"a","content":"x"}}\n', (400, 412, 422)),
}


@pytest.mark.parametrize("case", NDJSON)
def test_malformed_commits(server, t, repo, case):
    body, statuses = NDJSON[case]
    sha = server.head_sha(repo)
    r = server.post(f"/api/models/{repo}/commit/main", body, t.alice, headers={"Content-Type": "application/x-ndjson"})
    assert r.status in statuses, r
    if r.status != 200:
        is_error(r, *statuses)
        unchanged(server, repo, sha)
    assert [s["rfilename"] for s in server.get(f"/api/models/{repo}").json()["siblings"]] in ([".gitattributes"], [".gitattributes", "a"])


def test_a_commit_that_fails_late_leaves_nothing(server, t, repo):
    """Thirty good megabytes, then a broken line."""
    sha = server.head_sha(repo)
    chunk = base64.b64encode(NOISE * 5).decode()
    lines = [json.dumps({"key": "header", "value": {"summary": "s"}})]
    lines += [json.dumps({"key": "file", "value": {"path": f"f{i}", "content": chunk, "encoding": "base64"}}) for i in range(20)]
    body = "\n".join(lines).encode() + b"\n{\"key\":\"file\",\"value\":{\"path\":\"../x\",\"content\":\"x\"}}\n"
    r = server.post(f"/api/models/{repo}/commit/main", body, t.alice, headers={"Content-Type": "application/x-ndjson"})
    assert r.status in (400, 422), r
    unchanged(server, repo, sha)


def test_a_line_of_a_hundred_megabytes(server, t, repo):
    data = NOISE * 375  # 75 MB, 100 MB in base64
    r = server.commit(repo, t.alice, {"big.txt": data})
    assert r.status in (200, 413), r
    if r.status == 200:
        assert server.resolve(repo, "big.txt").body == data


JSON_BODIES = [b"[" * 200_000, b'{"a":' * 100_000, b"{", b"nul", b"", b"\xff\xfe", b'"' + b"x" * 300_000 + b'"', b"1e999999", b'{"name":' + b"9" * 400 + b"}",
               b"[" + b"0," * 200_000 + b"0]", b'{"a":1}garbage', b'{"name":null,"type":[]}']


@pytest.mark.parametrize("i", range(len(JSON_BODIES)))
def test_malformed_json_everywhere(server, t, repo, i):
    for method, path in (("POST", "/api/repos/create"), ("POST", "/api/repos/move"), ("DELETE", "/api/repos/delete"), ("PUT", f"/api/models/{repo}/settings"),
                         ("POST", f"/api/models/{repo}/preupload/main"), ("POST", f"/api/models/{repo}/paths-info/main"), ("POST", "/api/validate-yaml"),
                         ("POST", f"/api/models/{repo}/branch/x{i}"), ("POST", f"/api/models/{repo}/tag/main"), ("POST", f"/{repo}.git/info/lfs/objects/batch")):
        r = server.request(method, path, JSON_BODIES[i], t.alice, headers={"Content-Type": "application/json"})
        assert r.status < 500 and (r.status != 200 or b"" == JSON_BODIES[i] or "branch" in path or "settings" in path), (method, path, r)


def test_bodies_over_their_limit(server, t, repo):
    r = server.post("/api/repos/create", b'{"name":"' + b"x" * 20_000_000 + b'"}', t.alice, headers={"Content-Type": "application/json"})
    assert r.status in (400, 413), r


@pytest.mark.parametrize("name", ["a b", "a/b/c", "..", "a..b", "a--b", "-a", "a-", ".a", "a.git", "x" * 97, "", "ü", "a\0b", "a\nb", "<script>", "api", "a%2fb"])
def test_repository_names(server, t, name):
    r = server.post("/api/repos/create", {"name": name, "organization": "alice"}, t.alice)
    assert r.status in (200,) and name == "api" or r.status in (400, 422), r


def test_branch_and_tag_names(server, t, repo):
    for bad in ("a..b", "a b", "-x", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", ".a", "a.lock", "a//b", "@{", "x" * 3000, "refs/heads/x", "refs/pr/1"):
        from urllib.parse import quote
        r = server.post(f"/api/models/{repo}/branch/{quote(bad, safe='')}", {}, t.alice)
        assert r.status in (400, 404, 409, 414, 422, 431), (bad, r)
        r = server.post(f"/api/models/{repo}/tag/main", {"tag": bad}, t.alice)
        assert r.status in (400, 404, 409, 422), (bad, r)
    refs = server.get(f"/api/models/{repo}/refs").json()
    assert len(refs["branches"]) == 1 and refs["tags"] == []


# -------------------------------------------------------------------------------- large files

def upload_link(server, t, repo, data, size=None):
    r = server.lfs_batch(repo, t.alice, [(sha256(data), len(data) if size is None else size)], transfers=["basic"])
    assert r.status == 200, r
    return r.json()["objects"][0]["actions"]["upload"]["href"]


def stored(server, t, repo, data):
    r = server.lfs_batch(repo, t.alice, [(sha256(data), len(data))])
    return "actions" not in r.json()["objects"][0]


def test_wrong_content(server, t, repo):
    data = os.urandom(5000)
    href = upload_link(server, t, repo, data)
    other = os.urandom(5000)
    assert server.request("PUT", href, other).status in (400, 422)
    assert server.request("PUT", href, data[:-1]).status in (400, 422)
    assert server.request("PUT", href, data + b"x").status in (400, 413, 422)
    assert not stored(server, t, repo, data) and not stored(server, t, repo, other)
    assert server.request("PUT", href, data).status in (200, 201, 204)
    assert stored(server, t, repo, data)


def test_wrong_size_in_the_commit(server, t, repo):
    data = os.urandom(5000)
    server.put_large(repo, t.alice, data)
    lines = [{"key": "header", "value": {"summary": "s"}},
             {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": sha256(data), "size": 4999}}]
    r = server.commit_lines(lines, repo, t.alice)
    assert r.status in (400, 422), r


def test_knowing_a_hash_is_no_right_to_the_content(server, t, repo, name):
    secret = os.urandom(4000)
    server.create(name + "-secret", t.alice, private=True)
    server.commit(name + "-secret", t.alice, {}, {"s.bin": secret})
    mine = server.create("bob/" + name.split("/")[1], t.bob)
    lines = [{"key": "header", "value": {"summary": "s"}},
             {"key": "lfsFile", "value": {"path": "s.bin", "algo": "sha256", "oid": sha256(secret), "size": len(secret)}}]
    assert server.commit_lines(lines, mine, t.bob).status in (400, 404, 409, 422)
    r = server.lfs_batch(mine, t.bob, [(sha256(secret), len(secret))])
    assert "actions" in r.json()["objects"][0], "bob must send the bytes himself"
    r = server.lfs_batch(mine, t.bob, [(sha256(secret), len(secret))], "download")
    assert r.json()["objects"][0]["error"]["code"] == 404


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:  # gone since it was listed
        return 0


def test_truncated_and_cut_uploads(server, t, repo):
    data = os.urandom(300_000)
    href = upload_link(server, t, repo, data)
    path = href[len(server.base):]
    for sent in (0, 1, 150_000, 299_999):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:sent])
    with socket.create_connection(("127.0.0.1", server.port)) as s:  # chunked, and cut in a chunk
        s.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n".encode() + data[:100])
    await_that(lambda: not [p for p in (server.home / "tmp").rglob("*") if p.is_file() and size_of(p) in (1, 150_000, 299_999)])
    assert not stored(server, t, repo, data)
    assert server.request("PUT", href, data).status in (200, 201, 204)


def test_links_cannot_be_bent(server, t, repo):
    data, other = os.urandom(1000), os.urandom(1000)
    href = upload_link(server, t, repo, data)
    bent = href.replace(sha256(data), sha256(other))
    if bent != href:
        assert server.request("PUT", bent, other).status in (400, 401, 403)
    assert server.request("PUT", href[:-2] + ("aa" if href[-2:] != "aa" else "bb"), data).status in (400, 401, 403)
    assert server.request("PUT", href.split("?")[0], data).status in (400, 401, 403, 404)


def test_lfs_batch_limits(server, t, repo):
    r = server.lfs_batch(repo, t.alice, [("x" * 64, 1)])
    assert r.status == 422 or r.json()["objects"][0]["error"], r
    r = server.lfs_batch(repo, t.alice, [("0" * 64, -5)])
    assert r.status in (400, 422) or r.json()["objects"][0]["error"], r
    r = server.lfs_batch(repo, t.alice, [(f"{i:064x}", 1) for i in range(20_000)])
    assert r.status in (200, 413, 422), r.status
    assert server.lfs_batch(repo, None, [("0" * 64, 1)]).status == 401
    assert server.lfs_batch(repo, t.alice_read, [("0" * 64, 1)]).status == 403
    assert server.lfs_batch(repo, t.bob, [("0" * 64, 1)]).status == 200, "for a pull request"


# -------------------------------------------------------------------------------- several at once

def test_two_writers_on_one_branch(server, t, repo):
    """Without a parent every commit lands; with a parent exactly one of the racers does."""
    results = []

    def write(i):
        for k in range(5):
            results.append((i, k, server.commit(repo, t.alice, {f"w{i}-{k}.txt": f"{i} {k}"})))
    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    [x.start() for x in threads], [x.join() for x in threads]
    landed = [(i, k) for i, k, r in results if r.status == 200]
    assert all(r.status in (200, 409, 412) for _, _, r in results), results
    names = {s["rfilename"] for s in server.get(f"/api/models/{repo}").json()["siblings"]}
    assert names == {".gitattributes"} | {f"w{i}-{k}.txt" for i, k in landed} and len(landed) >= 5
    head, results = server.head_sha(repo), []

    def race(i):
        results.append(server.commit(repo, t.alice, {f"race{i}": "x"}, parent=head))
    threads = [threading.Thread(target=race, args=(i,)) for i in range(6)]
    [x.start() for x in threads], [x.join() for x in threads]
    assert sorted(r.status for r in results)[0] == 200 and [r.status for r in results].count(200) == 1
    assert all(r.status in (200, 409, 412) for r in results)


def test_the_same_large_file_from_many_sides(server, t, repo):
    data = os.urandom(2_000_000)
    href = upload_link(server, t, repo, data)
    got = []
    threads = [threading.Thread(target=lambda: got.append(server.request("PUT", href, data).status)) for _ in range(6)]
    [x.start() for x in threads], [x.join() for x in threads]
    assert all(s in (200, 201, 204) for s in got), got
    server.commit(repo, t.alice, {}, {"w.bin": data})
    assert server.resolve(repo, "w.bin").body == data


def test_creating_one_name_many_times(server, t, name):
    got = []
    threads = [threading.Thread(target=lambda: got.append(
        server.post("/api/repos/create", {"name": name.split("/")[1]}, t.alice).status)) for _ in range(8)]
    [x.start() for x in threads], [x.join() for x in threads]
    assert sorted(got) == [200] + [409] * 7


# -------------------------------------------------------------------------------- the protocol itself

RAW = [b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
       b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"z" * 200_000 + b"\r\n\r\n",
       b"POST /api/repos/create HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"POST /api/repos/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
       b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", b"GET /api/models?limit=99999999999999999999 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       b"GET /api/models?cursor=%00%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"GET /api/models?search=%22%27;--(*) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       b"GET /api/models?filter=" + b"a," * 3000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"BREW /pot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]


@pytest.mark.parametrize("i", range(len(RAW)))
def test_raw_requests(server, i):
    got = server.raw(RAW[i], timeout=1.5)
    assert not got.startswith(b"HTTP/1.1 5") or b" 50" not in got[:14] or got[9:12] in (b"501", b"505"), got[:300]
    assert server.get("/health").status == 200


def test_slow_senders_hold_nobody_up(server, t):
    """A few dozen connections that dribble; everyone else is served as before."""
    slow = []
    for i in range(60):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{" if i % 2 else b"GET /api/mod")
        slow.append(s)
    start = time.monotonic()
    for _ in range(20):
        assert server.get("/api/models?limit=1").status == 200
    assert time.monotonic() - start < 10
    [s.close() for s in slow]
    assert server.get("/health").status == 200


def test_slow_readers_hold_nobody_up(server, t, repo):
    data = os.urandom(8_000_000)
    server.commit(repo, t.alice, {}, {"w.bin": data})
    slow = []
    for _ in range(30):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(f"GET /{repo}/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        slow.append(s)
    assert server.resolve(repo, "w.bin").body == data
    [s.close() for s in slow]


@pytest.mark.parametrize("size", [4000, 15000, 17000, 20000, 28000, 31000])
def test_a_long_address_is_answered_where_the_answer_repeats_it(server, t, size):
    old, new = (f"alice/long-{uuid.uuid4().hex[:8]}" for _ in range(2))
    server.create(old, t.alice)
    server.create(old + "-other", t.alice)
    assert server.post("/api/repos/move", {"fromRepo": old, "toRepo": new, "type": "model"}, t.alice).status == 200
    long = "x" * size
    moved, listed = server.get(f"/{old}?q={long}"), server.get(f"/api/models?limit=1&q={long}")
    if size < 16000:
        assert moved.headers["location"] == f"/{new}?q={long}" and long in listed.headers["link"]
    else:
        assert (moved.status, listed.status) == (413, 413) and "address" in listed.json()["error"]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=abc", "sort=nonsense", "direction=7", "cursor=abc", "author=" + "x" * 5000, "search=" + "%25" * 500,
                                   "search=%00", "filter=%ff", "expand=sha&full=true", "num_parameters=min:x", "gated=maybe", "search=a%22%20OR%20%22b", "p=-1"])
def test_odd_list_queries(server, query):
    r = server.get(f"/api/models?{query}")
    assert r.status in (200, 400, 414, 422, 431), r


# -------------------------------------------------------------------------------- disk full

def small_disk(tmp_path, megabytes):
    mount = tmp_path / "disk"
    mount.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(mount)], capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted: {r.stderr.strip()[:100]}")
    return mount


def test_disk_full(tmp_path):
    mount = small_disk(tmp_path, 24)
    s = hearth.Server(mount / "home")
    s.log = tmp_path / "server.log"
    try:
        alice = s.add_user("alice")
        s.start()
        s.create("alice/m", alice)
        assert s.commit("alice/m", alice, {"kept.txt": "kept"}, {"kept.bin": NOISE}).status == 200
        sha = s.head_sha("alice/m", alice)
        big = os.urandom(40_000_000)
        r = s.lfs_batch("alice/m", alice, [(sha256(big), len(big))], transfers=["basic"])
        if r.status == 200 and "actions" in r.json()["objects"][0]:
            try:
                r = s.request("PUT", r.json()["objects"][0]["actions"]["upload"]["href"], big)
                assert r.status == 507, r
            except (ConnectionError, TimeoutError):
                pass  # refused while we were still sending
        for p in range(30):  # fill it up with what fits, then a bit more
            r = s.commit("alice/m", alice, {f"f{p}.txt": base64.b64encode(os.urandom(1_500_000))})
            if r.status != 200:
                break
            sha = r.json()["commitOid"]
        assert r.status == 507, r
        with open(mount / "filler", "wb") as f:
            f.write(bytes(os.statvfs(mount).f_bavail * os.statvfs(mount).f_bsize))
        for path, body in (("/api/repos/create", {"name": "new"}), ("/api/collections", {"title": "new", "namespace": "alice"}), ("/api/buckets/alice/new", {}),
                           ("/api/models/alice/m/discussions", {"title": "new", "description": "x"}), ("/api/models/alice/m/branch/new", {})):
            r = s.post(path, body, alice)
            assert r.status == 507 and "disk of this Hearth is full" in r.json()["error"] and str(mount) not in repr(r), (path, r)
        r = s.cli("user", "add", "petra", "--password-stdin", stdin=hearth.PASSWORD + "\n", check=False)
        assert r.returncode == 1 and "disk is full" in r.stderr, r
        for path in ("/alice/m", "/api/models/alice/m", "/health"):
            assert s.get(path).status == 200, "reading goes on"
        os.unlink(mount / "filler")
        assert s.get("/api/models/alice/new", alice).status == s.get("/api/buckets/alice/new", alice).status == 404
        assert s.head_sha("alice/m", alice) == sha
        assert s.resolve("alice/m", "kept.bin", alice).body == NOISE, "what was acknowledged is served from a full disk"
        subprocess.run(["mount", "-o", "remount,size=80m", str(mount)], check=True)
        assert s.stop() == 0, "downloads are counted when it ends"
        for path in list((s.home / "tmp").rglob("*")) if (s.home / "tmp").exists() else []:
            assert not path.is_file() or path.stat().st_size == 0, f"{path} was left behind"
        s.check_clean()
        s.fsck()
        s.start()
        assert s.commit("alice/m", alice, {"after.txt": "there is room again"}).status == 200
        assert s.resolve("alice/m", "kept.bin", alice).body == NOISE
        assert s.stop() == 0
    finally:
        if s.process and s.process.poll() is None:
            s.kill()
        subprocess.run(["umount", "-l", str(mount)])


def test_a_folder_has_at_most_ten_thousand_entries(server, t, repo):
    r = server.commit(repo, t.alice, {f"wide/{i}": "" for i in range(10_000)})
    assert r.status == 200, r
    r = server.commit(repo, t.alice, {"wide/one-more": ""})
    assert r.status == 422 and "wide" in r.body.decode() and "10001 entries" in r.body.decode(), r
    assert server.commit(repo, t.alice, {"narrow/one-more": "", "wide/17": "changed"}).status == 200


@pytest.mark.long
def test_a_hundred_thousand_files_in_a_commit(server, t, repo):
    r = server.commit(repo, t.alice, {f"d{i % 300}/f{i:06}.txt": str(i) for i in range(100_000)})
    assert r.status == 200, r
    r = server.get(f"/api/models/{repo}/tree/main?recursive=true&limit=10000")
    assert len(r.json()) == 10000 and "link" in r.headers
    assert server.resolve(repo, "d299/f099899.txt").body == b"99899"


@pytest.mark.long
def test_twenty_gigabytes_with_little_memory(tmp_path):
    """A sparse file: what counts is the path through the server, which is a fresh one, for its peak is asked for."""
    import hashlib
    server = hearth.Server(tmp_path / "home")
    alice = server.add_user("alice")
    server.start()
    repo = server.create("alice/big", alice)
    size, h, block = 20 << 30, hashlib.sha256(), bytes(1 << 20)
    for _ in range(size >> 20):
        h.update(block)
    r = server.lfs_batch(repo, alice, [(h.hexdigest(), size)], transfers=["basic"])
    href = r.json()["objects"][0]["actions"]["upload"]["href"]
    with open(tmp_path / "big", "wb") as f:
        f.truncate(size)
    r = subprocess.run(["curl", "-sS", "--fail-with-body", "-T", str(tmp_path / "big"), href], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
    status = open(f"/proc/{server.process.pid}/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0])
    assert server.stop() == 0
    server.check_clean()
    assert peak < 600_000, f"{peak} KiB resident at most (sanitizers included)"
