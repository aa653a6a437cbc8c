"""The Xet protocol over plain HTTP: tokens and rights, reconstruction, links, what strangers learn, damage on disk."""
import base64
import http.client
import random
import re
import threading
from urllib.parse import urlsplit

import pytest

import clients
import hearth
import xet
from hearth import PASSWORD, Server, sha256


@pytest.fixture(scope="module")
def client(_drivers):
    return _drivers(f"xet-{clients.NEWEST}")


@pytest.fixture
def put(server, client, tmp_path):
    """Uploads by hf_xet; hands back the file's hash."""
    def put(name, data, private=False, path="x.bin"):
        (tmp_path / "file").write_bytes(data)
        xet.upload(client, name, path, tmp_path / "file", private=private)
        h = xet.hash_of(server, name, path, server.tokens.alice)
        assert h, "the file is not known to Xet"
        return h
    return put


def path_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


# ---------------------------------------------------------------- tokens

def test_token_in_body_and_headers(server, t, repo):
    r = server.get(f"/api/models/{repo}/xet-write-token/main", t.alice)
    body = r.json()
    assert set(body) == {"accessToken", "exp", "casUrl"} and body["casUrl"] == server.base + "/cas"
    assert r.headers["x-xet-access-token"] == body["accessToken"] and r.headers["x-xet-cas-url"] == body["casUrl"]
    assert r.headers["x-xet-token-expiration"] == str(body["exp"])
    assert body["exp"] - __import__("time").time() >= 15 * 60


@pytest.mark.parametrize("rev,status", [("main", 200), ("None", 200), ("refs%2Fpr%2F7", 404), ("nothing", 404)])
def test_token_revisions(server, t, repo, rev, status):
    for right in ("read", "write"):
        assert server.get(f"/api/models/{repo}/xet-{right}-token/{rev}", t.alice).status == status


def test_who_gets_a_token(server, t, name):
    server.create(name, t.alice)
    url = f"/api/models/{name}/xet-{{}}-token/main"
    assert server.get(url.format("read")).status == 200, "anonymous, public"
    assert server.get(url.format("write")).status == 401
    assert server.get(url.format("write"), t.bob).status == 403, "a reader on a branch"
    assert server.get(url.format("write") + "?create_pr=1", t.bob).status == 200, "a reader for a pull request"
    for query in ("", "?create_pr=1"):
        assert server.get(url.format("write") + query, t.alice_read).status == 403, "a read token, which may not commit either"
    basic = "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    assert server.get(url.format("write"), headers={"Authorization": basic}).status == 200, "git's credentials"


HASH = "1" * 64
CALLS = [("GET", "/cas/v2/reconstructions/" + HASH, "read"), ("GET", "/cas/v1/reconstructions/" + HASH, "read"),
         ("GET", "/cas/reconstructions/" + HASH, "read"), ("GET", "/cas/reconstruction/" + HASH, "read"),
         ("GET", "/cas/v1/reconstructions?file_id=" + HASH, "read"), ("GET", "/cas/v1/files/" + HASH, "read"),
         ("GET", "/cas/v1/chunks/default/" + HASH, "read"), ("GET", "/cas/chunk/default/" + HASH, "read"),
         ("HEAD", "/cas/v1/xorbs/default/" + HASH, "read"), ("HEAD", "/cas/xorb/default/" + HASH, "read"),
         ("GET", "/cas/v2/file-chunk-hashes/" + HASH, "read"), ("POST", "/v1/telemetry", "read"), ("POST", "/cas/v1/telemetry", "read"),
         ("POST", "/cas/v1/xorbs/default/" + HASH, "write"), ("POST", "/cas/xorbs/default/" + HASH, "write"),
         ("POST", "/cas/xorb/default/" + HASH, "write"), ("POST", "/cas/v2/shards", "write"), ("POST", "/cas/v1/shards", "write"),
         ("POST", "/cas/shards", "write"), ("POST", "/cas/shard/default/" + HASH, "write"), ("PUT", "/cas/shard/default/" + HASH, "write")]


@pytest.mark.parametrize("method,path,right", CALLS, ids=lambda v: str(v).replace(HASH, "h"))
def test_every_call_asks_for_its_token(server, t, repo, method, path, right):
    ask = lambda token: server.request(method, path, b"" if method != "GET" else None, token).status
    read, write = xet.token(server, repo, t.alice, "read"), xet.token(server, repo, t.alice, "write")
    assert ask(None) == 401 and ask("xet_nonsense") == 401
    assert ask(t.alice) == 401, "a hub token is no token here"
    assert ask(read[:-1] + ("0" if read[-1] != "0" else "1")) == 401, "a changed signature"
    assert ask(re.sub(r"^xet_\d+", "xet_1", write)) in (401,) or write.startswith("xet_1."), "a changed repository"
    assert ask(xet.with_expiry(server, write, -3600)) == 401, "expired for an hour"
    assert ask(xet.with_expiry(server, write, -60)) not in (401, 403), "expired a moment ago: transfers go on"
    assert ask(write) not in (401, 403)
    assert (ask(read) == 403) == (right == "write")


def test_a_right_that_was_lost(server, t, name, put):
    """Tokens die with the right that they stand for, not an hour later."""
    server.create(name, t.alice)
    h = put(name, xet.blob(name, 100_000))
    another = server.token("alice", "write")
    bob, mine, nobody = (xet.token(server, name, x) for x in (t.bob, another, None))
    for token in (bob, mine, nobody):
        assert xet.reconstruction(server, h, token).status == 200
    assert server.request("PUT", f"/api/models/{name}/settings", {"private": True}, t.alice).status == 200
    assert xet.reconstruction(server, h, bob).status == 403 and xet.reconstruction(server, h, nobody).status == 403
    assert xet.reconstruction(server, h, mine).status == 200
    assert server.post("/api/credentials/revoke", {"credentials": [another]}).status in (200, 202, 204)
    assert xet.reconstruction(server, h, mine).status == 401, "the hub token behind it was revoked"
    assert server.request("DELETE", "/api/repos/delete", {"name": name.split("/")[1], "organization": "alice", "type": "model"}, t.alice).status == 200
    assert xet.reconstruction(server, h, xet.with_expiry(server, bob, 100)).status == 403


def test_a_token_is_of_one_repository(server, t, name, put):
    h = put(name, xet.blob(name, 100_000), private=True)
    server.create(name + "-2", t.alice)
    own, other = (xet.token(server, n, t.alice) for n in (name, name + "-2"))
    assert xet.reconstruction(server, h, own).status == 200
    for version in ("v1", "v2"):
        assert xet.reconstruction(server, h, other, version).status == 404
    assert server.get("/cas/v1/files/" + h, other).status == 404
    assert server.get("/cas/v1/reconstructions?file_id=" + h, other).json() == {"files": {}, "fetch_info": {}}


# ---------------------------------------------------------------- what the hub says of a file

def test_headers_of_resolve(server, t, name, put):
    data = xet.blob(name, 200_000)
    h = put(name, data)
    head, sha = server.resolve(name, "x.bin", method="HEAD"), server.head_sha(name)
    assert re.fullmatch("[0-9a-f]{64}", h) and head.headers["x-linked-size"] == str(len(data))
    assert head.headers["x-linked-etag"] == f'"{sha256(data)}"'
    url = f"{server.base}/api/models/{name}/xet-read-token/{sha}"
    assert head.headers["x-xet-refresh-route"] == url
    assert head.headers["link"] == f'<{url}>; rel="xet-auth", <{server.base}/cas/v1/reconstructions/{h}>; rel="xet-reconstruction-info"'
    assert server.get(url).status == 200
    js = server.resolve(name, "x.bin", headers={"Accept": "application/vnd.xet-fileinfo+json, */*", "Range": "bytes=0-0"})
    assert js.status == 200 and js.headers["content-type"] == "application/vnd.xet-fileinfo+json"
    assert js.headers["x-xet-hash"] == h and js.headers["link"] == head.headers["link"] and js.json()["hash"] == h
    plain = server.resolve(name, "x.bin", headers={"Range": "bytes=5-9"})
    assert plain.status == 206 and plain.body == data[5:10] and plain.headers["x-xet-hash"] == h


def test_hash_in_listings(server, t, name, put):
    data = xet.blob(name, 200_000)
    h = put(name, data)
    entry = next(x for x in server.get(f"/api/models/{name}/tree/main").json() if x["path"] == "x.bin")
    assert entry["xetHash"] == h and entry["lfs"] == {"oid": sha256(data), "size": len(data), "pointerSize": entry["lfs"]["pointerSize"]}
    info = server.post(f"/api/models/{name}/paths-info/main", {"paths": ["x.bin", ".gitattributes"]}).json()
    assert {x["path"]: x.get("xetHash") for x in info} == {"x.bin": h, ".gitattributes": None}
    assert server.get(f"/api/models/{name}/lfs-files", t.alice).json()[0]["xetHash"] == h
    assert server.get(f"/api/models/{name}?expand[]=xetEnabled").json()["xetEnabled"] is True


def test_lfs_batch_offers_xet(server, t, repo):
    data = xet.blob(repo, 5000)
    r = server.lfs_batch(repo, t.alice, [(sha256(data), len(data))], transfers=["basic", "multipart", "xet"]).json()
    assert r["transfer"] == "xet"
    upload = r["objects"][0]["actions"]["upload"]
    assert upload["href"] == f"{server.base}/api/models/{repo}/xet-write-token/main"
    header = upload["header"]
    assert header["X-Xet-Cas-Url"] == server.base + "/cas" and int(header["X-Xet-Token-Expiration"]) and header["X-Xet-Session-Id"]
    assert server.post("/cas/v1/telemetry", {}, header["X-Xet-Access-Token"]).status == 200
    assert server.get(upload["href"], t.alice).status == 200
    server.put_large(repo, t.alice, data)
    again = server.lfs_batch(repo, t.alice, [(sha256(data), len(data))], transfers=["basic", "xet"]).json()
    assert "actions" not in again["objects"][0]
    assert server.lfs_batch(repo, t.alice, [(sha256(data), len(data))], "download", transfers=["basic", "xet"]).json()["transfer"] == "basic"
    assert server.lfs_batch(repo, t.alice, [("1" * 64, 5)], transfers=["basic"]).json()["transfer"] == "basic"


def test_a_commit_needs_its_shard(server, t, repo):
    lines = [{"key": "header", "value": {"summary": "s"}},
             {"key": "lfsFile", "value": {"path": "x.bin", "algo": "sha256", "oid": sha256(b"never sent"), "size": 10}}]
    assert server.commit_lines(lines, repo, t.alice).status in (400, 404, 422)


# ---------------------------------------------------------------- reconstruction

def frames_of(piece):
    """(scheme, packed bytes, raw length) of each frame."""
    out, at = [], 0
    while at < len(piece):
        packed, raw = int.from_bytes(piece[at + 1:at + 4], "little"), int.from_bytes(piece[at + 5:at + 8], "little")
        out.append((piece[at + 4], piece[at + 8:at + 8 + packed], raw))
        at += 8 + packed
    assert at == len(piece), "links cover whole frames"
    return out


def read_by_links(server, answer):
    """The bytes of an answer of version 2, if all frames are stored as they are (random content)."""
    ranges = {}
    for xorb, entries in answer["xorbs"].items():
        for entry in entries:
            assert len(entry["ranges"]) == 1, "one range per link"
            r = entry["ranges"][0]
            got = server.get(path_of(entry["url"]), headers={"Range": f"bytes={r['bytes']['start']}-{r['bytes']['end']}"})
            assert got.status == 206 and len(got.body) == r["bytes"]["end"] - r["bytes"]["start"] + 1
            frames = frames_of(got.body)
            assert len(frames) == r["chunks"]["end"] - r["chunks"]["start"]
            ranges.setdefault(xorb, []).append((r["chunks"]["start"], r["chunks"]["end"], frames))
    out = b""
    for term in answer["terms"]:
        first, end = term["range"]["start"], term["range"]["end"]
        inside = [x for x in ranges[term["hash"]] if x[0] <= first and end <= x[1]]
        assert len(inside) == 1, "a term lies in exactly one range"
        frames = inside[0][2][first - inside[0][0]:end - inside[0][0]]
        assert all(f[0] == 0 for f in frames) and sum(f[2] for f in frames) == term["unpacked_length"]
        out += b"".join(f[1] for f in frames)
    return out[answer["offset_into_first_range"]:]


def test_ranges_of_a_file(server, t, name, put):
    data = xet.blob(name, 1_000_000)
    h, size = put(name, data), 1_000_000
    token = xet.token(server, name, t.alice)
    whole = xet.reconstruction(server, h, token)
    assert whole.status == 200 and read_by_links(server, whole.json()) == data
    for header, begin, end in ((f"bytes=0-{size * 300}", 0, size), ("bytes=0-0", 0, 1), ("bytes=500000-500001", 500000, 500002),
                               ("bytes=999999-", size - 1, size), ("bytes=-7", size - 7, size), (f"bytes=1000-{size - 1}", 1000, size)):
        r = xet.reconstruction(server, h, token, headers={"Range": header})
        assert r.status == 200, header
        assert read_by_links(server, r.json())[:end - begin] == data[begin:end], header
        strip = lambda a: [(t["hash"], t["range"], t["unpacked_length"]) for t in a["terms"]]
        v1 = xet.reconstruction(server, h, token, "v1", headers={"Range": header}).json()
        assert strip(v1) == strip(r.json()) and v1["offset_into_first_range"] == r.json()["offset_into_first_range"]
        for xorb, entries in v1["fetch_info"].items():
            assert [(e["range"], e["url_range"]) for e in entries] == \
                [(e["ranges"][0]["chunks"], e["ranges"][0]["bytes"]) for e in r.json()["xorbs"][xorb]]
    for header in (f"bytes={size}-{size}", "bytes=256000000-767999999"):
        for version in ("v1", "v2"):
            r = xet.reconstruction(server, h, token, version, headers={"Range": header})
            assert r.status == 416, "every download of a small file asks this"
    assert xet.reconstruction(server, "2" * 64, token).status == 404
    assert xet.reconstruction(server, "nonsense", token).status == 400
    batch = server.get(f"/cas/v1/reconstructions?file_id={h}&file_id={'2' * 64}", token).json()
    assert list(batch["files"]) == [h] and batch["files"][h] == whole.json()["terms"] and batch["fetch_info"]
    head = server.request("HEAD", "/cas/v1/files/" + h, token=token)
    assert head.status == 200 and head.headers["content-length"] == str(size)


def test_the_empty_file(server, t, repo):
    token = xet.token(server, repo, t.alice)
    r = xet.reconstruction(server, "0" * 64, token)
    assert r.status == 200 and r.json() == {"offset_into_first_range": 0, "terms": [], "xorbs": {}}
    assert xet.reconstruction(server, "0" * 64, token, headers={"Range": "bytes=0-255999999"}).status == 200


def test_links(server, t, name, put):
    """A link is for its bytes: parts of them, several parts, and nothing else."""
    data = xet.blob(name, 1_000_000)
    h, token = put(name, data), xet.token(server, name, t.alice)
    entry = next(iter(xet.reconstruction(server, h, token, headers={"Range": "bytes=400000-400001"}).json()["xorbs"].values()))[0]
    url, a, b = path_of(entry["url"]), *(entry["ranges"][0]["bytes"][k] for k in ("start", "end"))
    assert a > 0
    ask = lambda r, path=url: server.get(path, headers={"Range": r} if r else {})
    whole = ask(f"bytes={a}-{b}")
    assert whole.status == 206 and len(whole.body) == b - a + 1 and whole.headers["content-range"].startswith(f"bytes {a}-{b}/")
    assert "location" not in whole.headers
    part = ask(f"bytes={a + 10}-{a + 19}")
    assert part.status == 206 and part.body == whole.body[10:20]
    many = ask(f"bytes={a}-{a + 9},{a + 50}-{a + 59}")
    assert many.status == 206 and many.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert whole.body[:10] in many.body and whole.body[50:60] in many.body and f"Content-Range: bytes {a + 50}-{a + 59}/".encode() in many.body
    for r in (None, f"bytes={a - 1}-{b}", f"bytes={a}-{b + 1}", "bytes=0-0", "bytes=-1", f"bytes={a}-{a},0-0", "bytes=0-", "nonsense"):
        got = ask(r)
        assert got.status == 403, (r, got)
    assert ask("bytes=99999999-999999999").status in (403, 416)
    assert ask(f"bytes={a}-{b}", xet.link_with_expiry(server, entry["url"], -1)).status == 403, "stale"
    assert ask(f"bytes={a}-{b}", xet.link_with_expiry(server, entry["url"], 100)).status == 206
    for bent in (re.sub(r"range=\d+", "range=0", url), re.sub(r"expires=\d+", "expires=9999999999", url), re.sub(r"repo=\d+", "repo=1", url),
                 url[:-1] + ("0" if url[-1] != "0" else "1"), url.split("&sig")[0], url.replace("/fetch/", "/fetch/%30")):
        assert ask(f"bytes={a}-{b}", bent).status in (400, 403), bent


def test_a_page_of_another_origin(server, t, name, put):
    h = put(name, xet.blob(name, 100_000))
    token = xet.token(server, name, t.alice)
    origin = {"Origin": "https://page.example"}
    r = xet.reconstruction(server, h, token, headers=origin)
    assert r.headers["access-control-allow-origin"] == "*"
    url = path_of(next(iter(r.json()["xorbs"].values()))[0]["url"])
    for path in (url, f"/cas/v2/reconstructions/{h}", f"/{name}/resolve/main/x.bin"):
        pre = server.request("OPTIONS", path, headers=dict(origin, **{"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers":
                                                                       "authorization, range, x-xet-session-id"}))
        assert pre.status == 204 and "range" in pre.headers["access-control-allow-headers"].lower()
    exposed = server.resolve(name, "x.bin", method="HEAD", headers=origin).headers["access-control-expose-headers"].lower()
    for header in ("link", "x-xet-hash", "x-linked-size", "x-linked-etag", "x-error-code", "x-error-message", "x-request-id",
                   "content-range", "content-length", "etag"):
        assert header in exposed.split(","), header


# ---------------------------------------------------------------- what strangers learn

def xorbs_of(server, h, token):
    return list(xet.reconstruction(server, h, token).json()["xorbs"])


def test_a_private_chunk_gives_nothing(server, t, name, put, tmp_path):
    """Bob knows the hash of a chunk of alice's private file.  He learns neither its content nor that it is there."""
    data = xet.blob(name, 6000)  # one chunk: the xorb has its name, and it is the first of a file
    h = put(name, data, private=True)
    (chunk,) = xorbs_of(server, h, xet.token(server, name, t.alice))
    mine = xet.token(server, name, t.alice)
    assert server.get(f"/cas/v1/chunks/default/{chunk}", mine).status == 200
    assert server.get(f"/cas/v1/chunks/default-merkledb/{chunk}", mine).status == 200
    assert server.request("HEAD", f"/cas/v1/xorbs/default/{chunk}", token=mine).status == 200
    server.create("bob/" + name.split("/")[1], t.bob)
    bobs = xet.token(server, "bob/" + name.split("/")[1], t.bob, "write")
    absent = "%064x" % random.Random(name).getrandbits(256)
    strip = lambda r: (r.status, r.body, r.code, r.message)
    for path in ("/cas/v1/chunks/default/{}", "/cas/v2/reconstructions/{}", "/cas/v1/reconstructions/{}", "/cas/v1/files/{}"):
        for there in (chunk, h):
            assert strip(server.get(path.format(there), bobs)) == strip(server.get(path.format(absent), bobs)), path
    assert server.request("HEAD", f"/cas/v1/xorbs/default/{chunk}", token=bobs).status == 404
    # He sends the same xorb himself: whether anybody had it before is not told.
    (tmp_path / "same").write_bytes(data)
    bob = xet.fresh_client(server, tmp_path / "bob", hub_token=t.bob)
    before = xet.succeeded(server, "xet.upload-xorb")
    xet.upload(bob, "bob/" + name.split("/")[1], "y.bin", tmp_path / "same")
    bob.close()
    assert xet.succeeded(server, "xet.upload-xorb") == before + 1, "he had to send it"
    assert server.resolve("bob/" + name.split("/")[1], "y.bin").body == data


def shard_of(file_hash, sha, xorb, raw, range_hash):
    def h(text):
        return b"".join(bytes.fromhex(text[i:i + 16])[::-1] for i in range(0, 64, 16))
    u32 = lambda *v: b"".join(x.to_bytes(4, "little") for x in v)
    head = bytes.fromhex("48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa9") + (2).to_bytes(8, "little") + bytes(8)
    end = b"\xff" * 32 + bytes(16)
    return (head + h(file_hash) + u32(0xC0000000, 1, 0, 0) + h(xorb) + u32(0, raw, 0, 1) + h(range_hash) + bytes(16) + h(sha) + bytes(16)
            + end + end)


def test_a_shard_over_foreign_chunks(server, t, name, put):
    """Naming somebody else's xorb in a shard is refused in the words for one that is not there."""
    data = xet.blob(name, 6000)
    h = put(name, data, private=True)
    (xorb,) = xorbs_of(server, h, xet.token(server, name, t.alice))
    server.create("bob/" + name.split("/")[1], t.bob)
    bobs = xet.token(server, "bob/" + name.split("/")[1], t.bob, "write")
    absent = "%064x" % random.Random(name).getrandbits(256)
    for version in ("v1", "v2"):
        there, not_there = (server.request("POST", f"/cas/{version}/shards", shard_of(h, sha256(data), x, len(data), "3" * 64), bobs)
                            for x in (xorb, absent))
        assert there.status == not_there.status == 400
        assert there.body.replace(xorb.encode(), b"X") == not_there.body.replace(absent.encode(), b"X")
    assert server.resolve("bob/" + name.split("/")[1], "x.bin", t.bob).status == 404


def test_a_false_sha256(server, t, name, put):
    """A shard may not say that its file is another one."""
    data = xet.blob(name, 6000)
    h = put(name, data)
    token = xet.token(server, name, t.alice, "write")
    (xorb,) = xorbs_of(server, h, token)
    # one chunk: the range hash is not known here, so any claim fails; what counts is that nothing is registered
    r = server.request("POST", "/cas/v2/shards", shard_of(h, sha256(b"something else"), xorb, len(data), "0" * 64), token)
    assert r.status == 400, r
    lines = [{"key": "header", "value": {"summary": "s"}},
             {"key": "lfsFile", "value": {"path": "z.bin", "algo": "sha256", "oid": sha256(b"something else"), "size": len(data)}}]
    assert server.commit_lines(lines, name, t.alice).status in (400, 404, 422)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\0" * 8, b"\xff" * 4096, b"HFRepoMetaData" + bytes(100)], ids=len)
def test_nonsense(server, t, repo, body):
    token = xet.token(server, repo, t.alice, "write")
    for path in ("/cas/v1/shards", "/cas/v2/shards", "/cas/v1/xorbs/default/" + HASH, "/cas/v1/xorbs/default/short",
                 "/cas/v1/xorbs/elsewhere/" + HASH):
        r = server.request("POST", path, body, token)
        assert r.status == 400, (path, r)
        assert r.json()["error"]


def test_too_large(server, t, repo):
    token = xet.token(server, repo, t.alice, "write")
    for path in ("/cas/v1/shards", "/cas/v1/xorbs/default/" + HASH):
        got = server.raw(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {66 << 20}\r\n\r\n".encode(), 5)
        assert got.startswith(b"HTTP/1.1 413"), got[:200]


def test_what_is_not_built(server, t, repo):
    token = xet.token(server, repo, t.alice)
    r = server.get("/cas/v2/file-chunk-hashes/" + HASH, token)
    assert r.status == 501 and "file-chunk-hashes" in r.json()["error"]
    assert server.get("/cas/v2/chunks/default/" + HASH, token).status == 404
    assert server.post("/cas/v3/shards", {}, token).status == 404


def test_large_shards_share_their_memory(tmp_path):
    """Four shards of 60 MiB that name as many files and xorbs as they can, all at once, are refused one after the other."""
    u32 = lambda *v: b"".join(x.to_bytes(4, "little") for x in v)
    head = bytes.fromhex("48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa9") + (2).to_bytes(8, "little") + bytes(8)
    end = b"\xff" * 32 + bytes(16)
    r = random.Random(1)
    record = lambda: r.randbytes(32) + u32(0x80000000, 1, 0, 0) + r.randbytes(32) + u32(0, 1000, 0, 1) + r.randbytes(32) + bytes(16)
    body = head + b"".join(record() for _ in range((60 << 20) // 144)) + end + end
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    try:
        s.create("alice/m", token)
        write = xet.token(s, "alice/m", token, "write")
        got = []
        senders = [threading.Thread(target=lambda: got.append(s.request("POST", "/cas/v2/shards", body, write, timeout=120))) for _ in range(4)]
        for x in senders:
            x.start()
        for x in senders:
            x.join()
        assert [g.status for g in got] == [400] * 4, got
        peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{s.process.pid}/status").read()).group(1)) >> 10
        assert peak < (320 if not hearth.SANITIZED else 4000), f"{peak} MiB"
    finally:
        s.stop()


# ---------------------------------------------------------------- damage

def flip_bit_of_only_xorb(server, at):
    (path,) = [p for p in (server.home / "cas" / "xorb").rglob("*") if p.is_file()]
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_a_damaged_file_is_mended_by_sending_it_again_with_lfs(tmp_path):
    """The batch asks for what could not be read; what is sent then must not be dropped as known."""
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    try:
        data = xet.blob("mended", 2_000_000)
        s.create("alice/m", token)
        s.commit("alice/m", token, large={"x.bin": data})
        s.stop()
        flip_bit_of_only_xorb(s, 1_000_000)
        s.start()

        def asked():
            batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256(data), "size": len(data)}]}
            return s.post("/alice/m.git/info/lfs/objects/batch", batch, token).json()["objects"][0].get("actions", {}).get("upload")
        assert asked() is None
        try:
            assert s.resolve("alice/m", "x.bin").status == 500
        except http.client.IncompleteRead as e:
            assert data.startswith(e.partial)
        assert s.request("PUT", path_of(asked()["href"]), data).status == 200
        assert s.resolve("alice/m", "x.bin").body == data and asked() is None
        assert s.cli("fsck", check=False).returncode == 0
    finally:
        s.stop()


def test_a_damaged_xorb(tmp_path):
    """A bit that flipped on disk: downloads fail, by Xet and plainly; no wrong byte leaves."""
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    try:
        client = clients.Driver(f"xet-{clients.NEWEST}", s, tmp_path / "client", token)
        data = xet.blob("damage", 3_000_000)
        (tmp_path / "file").write_bytes(data)
        xet.upload(client, "alice/m", "x.bin", tmp_path / "file")
        assert xet.download(client, "alice/m", "x.bin") == sha256(data)
        s.stop()
        flip_bit_of_only_xorb(s, 1_500_000)
        s.start()
        out = client("""
            import shutil
            shutil.rmtree("got", ignore_errors=True)
            try:
                hf_hub_download(name, "x.bin", local_dir="got", force_download=True); out = "it went through"
            except BaseException as e:
                out = [type(e).__name__, str(e)[:300]]
            """, name="alice/m")
        assert out != "it went through", "wrong bytes were taken for right ones"
        token = xet.token(s, "alice/m", token)
        link = next(iter(xet.reconstruction(s, xet.hash_of(s, "alice/m", "x.bin"), token).json()["xorbs"].values()))[0]
        r = link["ranges"][0]["bytes"]
        got = s.get(path_of(link["url"]), headers={"Range": f"bytes={r['start']}-{r['end']}"})
        assert got.status == 404 and "damaged" in got.json()["error"]
        try:
            plain = s.resolve("alice/m", "x.bin")
            assert plain.status == 500
        except http.client.IncompleteRead as e:  # cut where the damage begins
            assert data.startswith(e.partial)
        assert "xorb" in s.tail() and s.cli("fsck", check=False).returncode != 0
        client.close()
    finally:
        s.stop()
