"""Details of the wire that a client relies on without a test of its own."""
import json
import re

import pytest

from hearth import await_that, fresh, git_blob, sha256

TEXT, BIG = b"line one\nline two\n", bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def filled(server):
    import uuid
    name = f"alice/w-{uuid.uuid4().hex[:10]}"
    server.create(name, server.tokens.alice)
    r = server.commit(name, server.tokens.alice, {"a.txt": TEXT, "d/empty": b"", "page.html": b"<script>1</script>"}, {"w.bin": BIG})
    assert r.status == 200, r
    return name


def test_commit_answer(server, t, repo):
    r = server.commit(repo, t.alice, {"x": "1"})
    j = r.json()
    assert j["success"] is True and re.fullmatch("[0-9a-f]{40}", j["commitOid"]) and j["hookOutput"] is not None
    assert j["commitUrl"] == f"{server.base}/{repo}/commit/{j['commitOid']}"


def test_headers_of_files(server, filled):
    sha = server.head_sha(filled)
    for method in ("HEAD", "GET"):
        r = server.resolve(filled, "a.txt", method=method)
        assert r.status == 200 and r.headers["x-repo-commit"] == sha
        assert r.headers["etag"] == f'"{git_blob(TEXT)}"' and r.headers["content-length"] == str(len(TEXT))
        assert r.headers["accept-ranges"] == "bytes" and "content-encoding" not in r.headers
        assert r.body == (b"" if method == "HEAD" else TEXT)
        r = server.resolve(filled, "w.bin", method=method)
        assert r.status == 200 and r.headers["x-repo-commit"] == sha
        assert r.headers["etag"] == f'"{sha256(BIG)}"' == r.headers["x-linked-etag"]
        assert r.headers["x-linked-size"] == r.headers["content-length"] == str(len(BIG))
        assert len(r.headers["x-xet-hash"]) == 64 and "xet-auth" in r.headers["link"]
        assert 'filename="w.bin";' in r.headers["content-disposition"]
        assert r.body == (b"" if method == "HEAD" else BIG)


def test_missing_things_say_what_is_missing(server, filled, t):
    sha = server.head_sha(filled)
    for method in ("HEAD", "GET"):
        r = server.resolve(filled, "nope", method=method)
        assert (r.status, r.code, r.headers.get("x-repo-commit")) == (404, "EntryNotFound", sha), r
        r = server.resolve(filled, "a.txt", rev="nope", method=method)
        assert (r.status, r.code) == (404, "RevisionNotFound")
        r = server.resolve("alice/none", "a.txt", method=method)
        assert (r.status, r.code) == (401, "RepoNotFound")
        r = server.resolve("alice/none", "a.txt", token=t.bob, method=method)
        assert (r.status, r.code, r.message) == (404, "RepoNotFound", "Repository not found")
    assert r.body == b"" or r.json()["error"] == "Repository not found"
    r = server.get("/api/models/alice/none", t.bob)
    assert r.json()["error"] == r.message == "Repository not found"
    r = server.get("/api/models/alice/none", "hf_" + "a" * 34)
    assert r.status == 401 and r.code is None and r.message == "Invalid credentials in Authorization header"


@pytest.mark.parametrize("path,data", [("a.txt", TEXT), ("w.bin", BIG)])
def test_ranges(server, filled, path, data):
    n = len(data)
    for spec, want in (("bytes=0-0", data[:1]), ("bytes=3-", data[3:]), ("bytes=2-5", data[2:6]), ("bytes=-4", data[-4:]),
                       (f"bytes=0-{n + 99}", data)):
        r = server.resolve(filled, path, headers={"Range": spec})
        assert r.status == 206 and r.body == want, (spec, r)
        first = n - 4 if spec == "bytes=-4" else int(re.match(r"bytes=(\d+)", spec).group(1))
        assert r.headers["content-range"] == f"bytes {first}-{first + len(want) - 1}/{n}"
        assert r.headers["etag"] and r.headers["x-repo-commit"]
    r = server.resolve(filled, path, headers={"Range": f"bytes={n}-"})
    assert r.status == 416 and r.headers["content-range"] == f"bytes */{n}"
    r = server.resolve(filled, path, headers={"Range": "bytes=0-1,4-5"})
    if path == "w.bin" and r.status == 200:  # the whole is a lawful answer to several ranges, and what large files get
        assert r.body == data
    else:
        assert r.status == 206 and r.headers["content-type"].startswith("multipart/byteranges") and data[4:6] in r.body
    r = server.resolve(filled, path, headers={"Range": "lines=1-2"})
    assert r.status == 200 and r.body == data
    assert server.resolve(filled, path, headers={"Range": "bytes=0-3"}, method="HEAD").body == b""


def test_an_empty_file(server, filled):
    r = server.resolve(filled, "d/empty", headers={"Range": "bytes=0-0"})
    assert r.status in (200, 416) and r.headers["content-range"] == "bytes */0" and r.body in (b"", r.body if r.status == 416 else b"")
    r = server.resolve(filled, "d/empty")
    assert r.status == 200 and r.headers["content-length"] == "0"


def test_validators(server, filled):
    for path in ("a.txt", "w.bin"):
        etag = server.resolve(filled, path).headers["etag"]
        r = server.resolve(filled, path, headers={"If-None-Match": etag})
        assert r.status == 304 and r.headers["etag"] == etag and r.headers["x-repo-commit"] and r.body == b""
        assert server.resolve(filled, path, headers={"If-None-Match": '"other"'}).status == 200


def test_raw_is_the_git_object(server, filled):
    r = server.get(f"/{filled}/raw/main/w.bin")
    assert r.body.startswith(b"version https://git-lfs.github.com/spec/v1\n") and sha256(BIG).encode() in r.body
    assert server.get(f"/{filled}/raw/main/a.txt").body == TEXT


def test_user_content_cannot_run_in_a_browser(server, filled):
    r = server.resolve(filled, "page.html")
    assert not r.headers["content-type"].startswith("text/html") and r.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in r.headers.get("content-security-policy", "")


def test_every_answer_has_a_request_id_and_cors(server, filled, t):
    for r in (server.get("/health"), server.get(f"/api/models/{filled}"), server.resolve(filled, "nope"), server.get("/nowhere/at/all/x"),
              server.get("/api/whoami-v2")):
        assert r.headers.get("x-request-id"), r
    r = server.get(f"/api/models/{filled}", headers={"Origin": "https://app.example", "X-Amzn-Trace-Id": "trace-1234"})
    assert r.headers["access-control-allow-origin"] in ("*", "https://app.example")
    assert "X-Repo-Commit" in r.headers["access-control-expose-headers"] and "trace-1234" in r.headers["x-request-id"]
    r = server.request("OPTIONS", f"/api/models/{filled}", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"})
    assert r.status in (200, 204) and "uthorization" in r.headers["access-control-allow-headers"]


def test_dates_and_types(server, filled, t):
    j = server.get(f"/api/models/{filled}").json()
    for key in ("lastModified", "createdAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", j[key]), j[key]
    assert re.fullmatch("[0-9a-f]{24}", j["_id"]) and j["id"] == j["modelId"] == filled and j["gated"] is False
    assert isinstance(j["downloads"], int) and isinstance(j["likes"], int) and "siblings" in j and "size" not in j["siblings"][0]
    only = server.get(f"/api/models/{filled}?expand=sha&expand[]=likes").json()
    assert set(only) == {"_id", "id", "sha", "likes"}
    r = server.get(f"/api/models/{filled}?expand=bogus")
    assert r.status == 400 and re.match(r'"expand" must be one of \[\w+(, [\w-]+)+\]$', r.json()["error"])


def test_paths_info_as_form_and_as_json(server, filled):
    form = server.request("POST", f"/api/models/{filled}/paths-info/main", "paths=w.bin&paths=d&paths=no&expand=true",
                          headers={"Content-Type": "application/x-www-form-urlencoded"})
    as_json = server.post(f"/api/models/{filled}/paths-info/main", {"paths": ["w.bin", "d", "no"], "expand": True})
    assert form.status == 200 and form.json() == as_json.json() and [e["path"] for e in form.json()] == ["w.bin", "d"]
    assert server.post(f"/api/models/{filled}/paths-info/main", {"paths": "a.txt"}).json()[0]["oid"] == git_blob(TEXT)
    assert server.post(f"/api/models/{filled}/paths-info/main", {"paths": ["x"] * 3000}).status == 413


def test_revisions_in_every_spelling(server, t, repo):
    server.post(f"/api/models/{repo}/branch/{'feature%2Fx'}", {}, t.alice)
    server.commit(repo, t.alice, {"d/f.txt": "on the branch"}, rev="feature/x")
    for path in (f"/{repo}/resolve/feature%2Fx/d/f.txt", f"/{repo}/resolve/feature/x/d/f.txt",
                 f"/{repo}/resolve/refs%2Fheads%2Ffeature%2Fx/d/f.txt", f"/{repo}/resolve/refs/heads/feature/x/d/f.txt"):
        r = server.get(path)
        assert r.status == 200 and r.body == b"on the branch", (path, r)
    for path in ("tree/feature%2Fx/d", "tree/feature/x/d", "tree/feature%2Fx/d%2F"):
        r = server.get(f"/api/models/{repo}/{path}")
        assert r.status == 200 and r.json()[0]["path"] == "d/f.txt", (path, r)
    sha = server.get(f"/api/models/{repo}/revision/feature%2Fx").json()["sha"]
    assert server.get(f"/api/models/{repo}/revision/{sha[:8]}").json()["sha"] == sha
    assert server.get(f"/api/models/{repo}/revision/HEAD").json()["sha"] == server.head_sha(repo)


def test_pages_link_to_the_next(server, t, repo):
    server.commit(repo, t.alice, {f"f{i:02}": str(i) for i in range(25)})
    seen, path = [], f"/api/models/{repo}/tree/main?recursive=true&limit=10"
    for _ in range(5):
        r = server.get(path)
        seen += [e["path"] for e in r.json()]
        link = r.headers.get("link")
        if not link:
            break
        m = re.fullmatch(r'<(https?://[^>,]+)>; rel="next"', link)
        assert m and m.group(1).startswith(server.base + "/api/models/") and "recursive=true" in m.group(1) and "limit=10" in m.group(1)
        path = m.group(1)
    assert seen == [".gitattributes"] + [f"f{i:02}" for i in range(25)]


def test_commits_are_counted(server, t, repo):
    for i in range(4):
        server.commit(repo, t.alice, {"f": str(i)}, summary=f"c{i}")
    r = server.get(f"/api/models/{repo}/commits/main?limit=2")
    assert r.headers["x-total-count"] == "5" and [c["title"] for c in r.json()] == ["c3", "c2"]
    nxt = re.match(r"<([^>]+)>", r.headers["link"]).group(1)
    assert [c["title"] for c in server.get(nxt).json()] == ["c1", "c0"]


def test_compare(server, t, repo):
    base = server.head_sha(repo)
    server.commit(repo, t.alice, {"a.txt": "one\n", "r.txt": "gone\n"}, {"w.bin": BIG})
    mid = server.head_sha(repo)
    server.commit(repo, t.alice, {"a.txt": "two\n"}, delete=["r.txt"])
    r = server.get(f"/api/models/{repo}/compare/{mid}..main")
    assert r.status == 200 and b"-one" in r.body and b"+two" in r.body
    r = server.get(f"/api/models/{repo}/compare/{base}..main?raw=true")
    rows = {line.split("\t")[-1]: line for line in r.body.decode().splitlines()}
    assert set(rows) >= {"a.txt", "w.bin"} and "r.txt" not in rows
    for line in rows.values():
        assert re.match(r"[TB] \d+\t:\d{6} \d{6} [0-9a-f]{40}\.\.\. [0-9a-f]{40}\.\.\. [ACDMRTUX]\d*\t", line), line
    assert rows["w.bin"].startswith(f"B {len(BIG)}\t")


def test_preupload(server, t, repo):
    import base64
    server.commit(repo, t.alice, {"old.txt": "old", ".gitignore": "*.tmp\n"}, {"old.bin": BIG})
    sample = lambda b: base64.b64encode(b[:512]).decode()
    files = [{"path": p, "size": n, "sample": sample(s)} for p, n, s in (
        ("old.txt", 3, b"old"), ("old.bin", len(BIG), BIG), ("text.bin", 4, b"text"), ("a.safetensors", 9, b"x"), ("n.md", 9_000_000, b"# x"),
        ("huge.txt", 11_000_000, b"x"), ("binary", 10, b"\0\1\2"), ("latin", 2, b"\xff\xfe"), ("x.tmp", 1, b"x"), ("noext", 2, b"ok"))]
    r = server.post(f"/api/models/{repo}/preupload/main", {"files": files}, t.alice)
    assert r.status == 200, r
    got = {f["path"]: f for f in r.json()["files"]}
    assert {p: f["uploadMode"] for p, f in got.items()} == {
        "old.txt": "regular", "old.bin": "lfs", "text.bin": "lfs", "a.safetensors": "lfs", "n.md": "regular", "huge.txt": "lfs",
        "binary": "lfs", "latin": "lfs", "x.tmp": "regular", "noext": "regular"}
    assert got["old.txt"]["oid"] == git_blob(b"old") and got["old.bin"]["oid"] == sha256(BIG) and "oid" not in got["noext"]
    assert [p for p, f in got.items() if f["shouldIgnore"]] == ["x.tmp"]
    r = server.post(f"/api/models/{repo}/preupload/main", {"files": files[:2], "gitIgnore": "old.txt"}, t.alice)
    assert [f["shouldIgnore"] for f in r.json()["files"]] == [True, False]


def test_lfs_in_parts(server, t, repo):
    """The multipart form, as the Hub's clients speak it; for large objects only."""
    r = server.lfs_batch(repo, t.alice, [("1" * 64, 6_000_000_000)])
    action = r.json()["objects"][0]["actions"]["upload"]
    if "chunk_size" in action.get("header", {}):
        size = int(action["header"]["chunk_size"])
        parts = [k for k in action["header"] if k.isdigit()]
        assert len(parts) == -(-6_000_000_000 // size) and parts[0] == "00001"[-len(parts[0]):]
    else:
        assert r.json()["transfer"] == "basic"


def test_lfs_download_links(server, t, repo):
    server.commit(repo, t.alice, {}, {"w.bin": BIG})
    r = server.lfs_batch(repo, None, [(sha256(BIG), len(BIG)), ("2" * 64, 5)], "download")
    assert r.headers["content-type"].startswith("application/vnd.git-lfs+json")
    good, bad = r.json()["objects"]
    assert bad["error"]["code"] == 404
    action = good["actions"]["download"]
    assert server.get(action["href"], headers=action.get("header", {})).body == BIG
    assert server.get(action["href"].replace("=", "=0", 1)).status in (400, 401, 403, 404)


def test_validate_yaml(server):
    post = lambda text, kind="model": server.post("/api/validate-yaml", {"content": text, "repoType": kind})
    r = post("---\nlicense: mit\n---\n# x")
    assert r.status == 200 and r.json()["errors"] == []
    r = post("# no card")
    assert r.status == 200 and r.json()["warnings"]
    r = post("---\nlicense: bogus\n---\n")
    assert r.status == 400 and '"license" must be one of [' in r.json()["errors"][0]["message"]
    assert post("---\na: [\n---\n").status == 400
    assert post("---\nsdk: bogus\n---\n", "space").status == 400
    r = server.post("/api/validate-yaml", {"content": "---\nlicense: bogus\n---\n", "repoType": "model"}, headers={"Accept": "text/plain"})
    assert r.status == 400 and r.body.startswith(b'- Error: "license" must be one of [')


def test_names_ignore_case_and_redirect(server, t, repo):
    server.commit(repo, t.alice, {"a": "1"})
    ns, short = repo.split("/")
    other = f"{ns.upper()}/{short.upper()}"
    r = server.resolve(other, "a", method="HEAD")
    assert r.status == 307 and r.headers["location"] == f"/{repo}/resolve/main/a" and "etag" not in r.headers
    assert server.commit(other, t.alice, {"b": "2"}).status in (200, 307)
    assert server.post("/api/repos/create", {"name": short.upper(), "organization": ns}, t.alice).status == 409


def test_a_private_repository_does_not_redirect_strangers(server, t, name):
    server.create(name, t.alice, private=True)
    new = name + "-new"
    assert server.post("/api/repos/move", {"fromRepo": name, "toRepo": new, "type": "model"}, t.alice).status == 200
    assert server.get(f"/api/models/{name}", t.alice).status == 307
    assert server.get(f"/api/models/{name}", t.bob).status == 404 and server.get(f"/api/models/{name}").status == 401


def test_what_is_not_built_says_so(server, t, repo):
    r = server.post("/api/jobs/alice", {"command": ["x"], "flavor": "cpu-basic", "dockerImage": "x"}, t.alice)
    assert r.status == 501 and r.json()["error"], r


def test_unknown_paths_and_methods(server, t, repo):
    assert server.get("/api/no-such-thing").status == 404
    assert server.request("PATCH", f"/api/models/{repo}/refs", {}, t.alice).status == 405
    r = server.get("/api/no-such-thing")
    assert r.headers["content-type"].startswith("application/json") and "error" in r.json()


def test_metrics_and_health(server):
    assert server.get("/health").status == 200
    r = server.get("/metrics")
    assert int(re.search(r"^hearth_resident_bytes (\d+)$", r.body.decode(), re.M).group(1)) > 1 << 20
    assert r.status == 200 and re.search(rb"^hearth_\w+", r.body, re.M) and b"\nhearth_jobs_failed 0\n" in r.body


def test_download_counts(server, t, repo):
    server.commit(repo, t.alice, {"config.json": "{}"})
    server.resolve(repo, "config.json", t.bob)
    await_that(lambda: server.get(f"/api/models/{repo}").json()["downloads"])
    for says in ({"Sec-Fetch-Dest": "image"}, {"Accept": "image/avif,image/webp,*/*;q=0.8"}):  # a page that shows it is no download
        server.resolve(repo, "config.json", headers=says)
    server.resolve(repo, "config.json", t.alice)
    await_that(lambda: server.get(f"/api/models/{repo}").json()["downloads"] == 2)
    j = server.get(f"/api/models/{repo}?expand=downloads&expand=downloadsAllTime").json()
    assert j["downloads"] == 2 and j["downloadsAllTime"] == 2


def test_create_with_files_and_templates(server, t, name):
    r = server.post("/api/repos/create", {"name": name.split("/")[1], "organization": "alice", "license": "mit",
                                          "files": [{"path": "README.md", "content": "---\nlicense: mit\n---\n"}]}, t.alice)
    j = r.json()
    assert r.status == 200 and j["url"] == f"{server.base}/{name}" and j["name"] == name and re.fullmatch("[0-9a-f]{24}", j["id"])
    assert server.resolve(name, "README.md").body == b"---\nlicense: mit\n---\n"
    r = server.post("/api/repos/create", {"name": name.split("/")[1]}, t.alice)
    assert r.status == 409 and r.json()["url"] == f"{server.base}/{name}" and r.json()["error"] == "You already created this model repo"


def test_create_with_a_licence_begins_a_card(server, t):
    make = lambda **more: server.post("/api/repos/create", {"name": f"lic-{fresh()}", **more}, t.alice)
    card = lambda r: server.get(r.json()["url"][len(server.base):] + "/resolve/main/README.md").body.decode()
    assert card(make(type="dataset", license="apache-2.0")) == "---\nlicense: apache-2.0\n---\n"
    r = make(license="other", license_name="My: own", license_link="LICENSE")
    assert card(r) == '---\nlicense: other\nlicense_name: "My: own"\nlicense_link: "LICENSE"\n---\n'
    assert "license:other" in server.get(f"/api/models/{r.json()['name']}").json()["tags"]
    assert "\nlicense: mit\n---\n" in card(make(type="space", sdk="static", license="mit"))
    r = make(license="mine")
    assert r.status == 400 and '"license" must be' in r.message


def test_duplicate_keys_of_case(server, t, repo):
    """Renaming only the case of a file is fine; two names that differ by case only are refused."""
    server.commit(repo, t.alice, {"Readme.txt": "1"})
    r = server.commit(repo, t.alice, {"README.txt": "2"})
    assert r.status == 422, r
    r = server.commit(repo, t.alice, {"README.txt": "2"}, delete=["Readme.txt"])
    assert r.status == 200, r


def test_legacy_json_commit(server, t, repo):
    r = server.post(f"/api/models/{repo}/commit/main", {"summary": "old form", "files": [{"path": "a.txt", "content": "plain"}]}, t.alice)
    assert r.status == 200, r
    assert server.resolve(repo, "a.txt").body == b"plain"


def test_treesize(server, filled):
    j = server.get(f"/api/models/{filled}/treesize/main/").json()
    assert j["path"] == "/" and j["size"] > len(BIG) + len(TEXT)


def test_cookies_and_basic(server, t):
    import base64
    basic = base64.b64encode(f"anything:{t.alice}".encode()).decode()
    r = server.get("/api/whoami-v2", headers={"Authorization": f"Basic {basic}"})
    assert r.status == 200 and r.json()["name"] == "alice"
    assert server.get("/api/whoami-v2").status == 401


def test_expect_continue_and_keep_alive(server, t, repo):
    c = server.connect()
    for _ in range(3):
        c.request("GET", f"/api/models/{repo}")
        r = c.getresponse()
        assert r.status == 200 and json.loads(r.read())["id"] == repo
    c.close()
    body = json.dumps({"paths": ["x"]}).encode()
    got = server.raw(f"POST /api/models/{repo}/paths-info/main HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode(), timeout=2)
    assert got.startswith(b"HTTP/1.1 100 Continue"), got
    got = server.raw("POST /api/models/alice/none/commit/main HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
                     "Expect: 100-continue\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n".encode(), timeout=2)
    assert got.startswith(b"HTTP/1.1 401"), "a refusal comes before the body is asked for"


def test_spaces_are_found_by_what_they_use(server, t, name):
    model, space, hidden = name, name + "-space", name + "-hidden"
    card = f"---\nsdk: gradio\nmodels: [{model}]\ndatasets: [some/data]\n---\n"
    server.create(model, t.alice)
    assert server.commit(model, t.alice, {"README.md": "x\n"}).status == 200
    for repo, private in ((space, False), (hidden, True)):
        server.create(repo, t.alice, kind="space", private=private, sdk="gradio")
        assert server.commit(repo, t.alice, {"README.md": card}, kind="spaces").status == 200
    assert server.get(f"/api/models/{model}").json()["spaces"] == [space]
    ids = lambda query, token=None: sorted(x["id"] for x in server.get("/api/spaces?" + query, token).json())  # noqa: E731
    assert ids(f"models={model}") == [space]
    assert ids(f"models={model}", t.alice) == sorted([space, hidden])
    assert ids(f"models={model}&datasets=some/data") == [space]
    assert ids(f"models={model}&datasets=other/data") == ids("models=nobody/nothing") == []


@pytest.mark.parametrize("kind", ("models", "datasets", "spaces"))
def test_a_repository_without_owner_is_not_found(server, t, kind):
    """Programs ask for "gpt2" and "squad", and must not take the answer for a missing file."""
    resolve = "/gpt2/resolve/main/config.json" if kind == "models" else f"/{kind}/gpt2/resolve/main/config.json"
    for method, path in (("GET", f"/api/{kind}/gpt2"), ("GET", f"/api/{kind}/gpt2/revision/main"), ("GET", f"/api/{kind}/gpt2/tree/main"),
                         ("DELETE", f"/api/{kind}/gpt2/like"), ("GET", resolve), ("HEAD", resolve)):
        for token in (None, t.alice):
            r = server.request(method, path, token=token)
            assert (r.status, r.code) == (404, "RepoNotFound"), (method, path, token, r)
    assert not server.get(f"/api/{kind}/gpt2/nonsense/at/all", t.alice).code
