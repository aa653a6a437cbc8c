"""Walks every row of the route table as anonymous, stranger, reader, writer, admin and with a read token.

The table itself says which permission a row needs (`hearth routes --json`), so a new row is walked without a new
test; what the permission means is written down here a second time, from the clients' table."""
import json
import re
import subprocess
import uuid

import pytest

from hearth import BIN, await_that

VALUE = {"ns": "acme", "rev": "main", "rest": "main/.gitattributes", "path": ".gitattributes", "name": "x", "num": "1",
         "user": "bob", "status": "pending", "org": "acme", "oid": "0" * 64, "sha": "0" * 64, "tag": "latest", "id": "1"}
SEES = {"repo_see", "repo_read", "repo_call"}
CHANGES = {"repo_write", "repo_admin"}


def routes():
    r = subprocess.run([str(BIN), "routes", "--json"], capture_output=True, text=True)
    if r.returncode != 0:
        return []
    rows = json.loads(r.stdout)
    for row in rows:
        row["permission"] = re.sub(r"\W+", "_", row["permission"].lower()).removeprefix("perm_")
    return rows


ROWS = routes()
BUCKET_ROWS = [r for r in ROWS if r["permission"].startswith("bucket_")]
REPO_ROWS = [r for r in ROWS if ":repo" in r["pattern"] and r not in BUCKET_ROWS]
OTHER_ROWS = [r for r in ROWS if ":repo" not in r["pattern"]]


def label(row):
    return f"{row['method']} {row['pattern']}"


def kinds(row):
    found = re.search(r":kind\(([^)]*)\)", row["pattern"])
    return found.group(1).split("|") if found else ["models"]


def fill(row, full_name, kind):
    ns, repo = full_name.split("/")

    def value(m):
        name, words = m.group(1), m.group(2)
        if name == "repo":
            return repo
        if name == "ns":
            return ns
        if name == "kind":
            return kind
        if words:
            return words.split("|")[0]
        return VALUE.get(name, "x")
    path = re.sub(r":(\w+)(?:\(([^)]*)\))?", value, row["pattern"])
    return re.sub(r"\*(\w+)", lambda m: VALUE.get(m.group(1), "main"), path)


def ask(server, row, path, token):
    service = {}
    if "info/refs" in path:
        service = {"query": {"service": "git-upload-pack"}}
    body = b"" if row["method"] in ("GET", "HEAD", "DELETE") else b"{}"
    headers = {"Content-Type": "application/json"} if body else {}
    return server.request(row["method"], path, body or None if row["method"] in ("GET", "HEAD", "DELETE") else body, token,
                          headers=headers, **service)


def test_the_table_is_there():
    assert len(ROWS) > 60 and len(REPO_ROWS) > 30 and len(BUCKET_ROWS) > 8


@pytest.fixture(scope="module")
def fresh(server):
    def make(kind="models", **fields):
        name = f"acme/p-{uuid.uuid4().hex[:10]}"
        server.create(name, server.tokens.alice, kind[:-1], **fields)
        return name
    return make


def allowed(a):
    """Whatever else is wrong with the call, it is not the caller.  Pages about credentials and about oneself take no token from anybody
    (test_web_account.py walks them with sessions); they say so after the caller's rights were looked at."""
    if a.status == 403 and (a.message or "").startswith("Sign in with a browser for this"):
        return True
    return a.status not in (401, 403) and a.code != "RepoNotFound" and a.status != 500


@pytest.mark.parametrize("row", REPO_ROWS, ids=label)
def test_repository_row(server, t, fresh, row):
    kind = kinds(row)[0]
    p, hub_shape = row["permission"], ".git" not in row["pattern"] and "git-" not in row["pattern"] and "info/refs" not in row["pattern"]
    private = fresh(kind, private=True)
    before = server.get(f"/api/{kind}/{private}/refs", t.alice).json()
    path = fill(row, private, kind)
    if p.startswith("repo_"):
        a = ask(server, row, path, None)
        assert a.status == 401, ("a private repository, anonymous", a)
        b = ask(server, row, path, t.bob)
        assert b.status == 404 or not hub_shape and b.status in (401, 403, 404), ("a private repository, a stranger", b)
        if hub_shape:
            assert a.code == b.code == "RepoNotFound", (a, b)
            missing = ask(server, row, fill(row, "acme/never-was", kind), t.bob)
            strip = lambda x: (x.status, x.code, x.message)
            assert strip(missing) == strip(b), "hidden and missing must look the same"
    if p in CHANGES:
        assert ask(server, row, path, t.carol).status == 403, "a reader may not change"
        assert ask(server, row, path, t.alice_read).status == 403, "a read token may not change"
        public = fresh(kind)
        assert ask(server, row, fill(row, public, kind), None).status == 401, "public, anonymous"
        assert ask(server, row, fill(row, public, kind), t.bob).status == 403, "public, a stranger"
    if p == "repo_admin":
        assert ask(server, row, path, t.carl).status == 403, "a contributor may not administer what others made"
    if p == "repo_read" and kind in ("models", "datasets") and hub_shape:
        gated = fresh(kind)
        r = server.request("PUT", f"/api/{kind}/{gated}/settings", {"gated": "manual"}, t.alice)
        assert r.status == 200, r
        a, b = (ask(server, row, fill(row, gated, kind), token) for token in (None, t.bob))
        assert (a.status, a.code, b.status, b.code) == (401, "GatedRepo", 403, "GatedRepo"), (a, b)
    assert server.get(f"/api/{kind}/{private}/refs", t.alice).json() == before, "what was refused must not have happened"
    if p in SEES:
        a = ask(server, row, path, t.carol)
        assert allowed(a), ("a reader", a)
    if p == "repo_call":
        assert ask(server, row, fill(row, fresh(kind), kind), None).status == 401, "public, anonymous: who pays?"
    if p == "repo_join":
        assert allowed(ask(server, row, path, t.carol)), "a reader"
        assert ask(server, row, path, t.alice_read).status == 403, "a read token"
    if p == "repo_discuss":  # the handler asks for more where the call is no pull request
        a = ask(server, row, path, t.carol)
        assert a.status not in (401, 500) and a.code != "RepoNotFound", ("a reader", a)
    if p == "repo_write":
        a = ask(server, row, path, t.wendy)
        assert allowed(a), ("a writer", a)
    if p in CHANGES | SEES:
        again = fresh(kind, private=True)
        a = ask(server, row, fill(row, again, kind), t.alice)
        assert allowed(a), ("an admin of the organisation", a)
    for token in (None, t.bob, t.alice):
        a = ask(server, row, path, "hf_" + "q" * 34)
        assert a.status in (401, 404), ("a wrong token is refused", a)
        break


@pytest.fixture
def fresh_bucket(server, t):
    def make(private):
        name = f"acme/b-{uuid.uuid4().hex[:10]}"
        r = server.post(f"/api/buckets/{name}", {"private": private}, t.alice)
        assert r.status == 200, r
        return name
    return make


@pytest.mark.parametrize("row", BUCKET_ROWS, ids=label)
def test_bucket_row(server, t, fresh_bucket, row):
    p, private, public = row["permission"], fresh_bucket(True), fresh_bucket(False)
    before = server.get(f"/api/buckets/{private}", t.alice).json()

    def a(name, token):
        return ask(server, row, fill(row, name, "buckets"), token)
    for token, status in ((None, 401), (t.bob, 404)):
        hidden, missing = a(private, token), a("acme/never-was", token)
        assert (hidden.status, hidden.code, hidden.message) == (missing.status, missing.code, missing.message) == (status, "RepoNotFound", hidden.message), (hidden, missing)
    assert a(private, "hf_" + "q" * 34).status == 401, "a wrong token"
    if p == "bucket_read":
        for token in (None, t.bob):
            assert allowed(a(public, token)), "public"
        for token in (t.carol, t.alice_read):
            assert allowed(a(private, token)), "a reader"
    else:
        assert a(private, t.carol).status == 403, "a reader may not change"
        assert a(private, t.alice_read).status == 403, "a read token may not change"
        assert a(private, t.carl).status == 403, "a contributor may not change what others made"
        assert a(public, None).status == 401 and a(public, t.bob).status == 403, "public"
    assert server.get(f"/api/buckets/{private}", t.alice).json() == before, "what was refused must not have happened"
    assert allowed(a(private, t.wendy)), "a writer"


@pytest.fixture(scope="module")
def xet_tokens(server):
    """Of a private repository of acme, and of a public one: for a reader and for a writer; for a stranger's pull request."""
    t = server.tokens
    names = [server.create(f"acme/x-{uuid.uuid4().hex[:8]}", t.alice, private=private) for private in (True, False)]

    def token(name, right, who, query=""):
        return server.get(f"/api/models/{name}/xet-{right}-token/main{query}", who).json()["accessToken"]
    return {"read": token(names[0], "read", t.carol), "write": token(names[0], "write", t.wendy),
            "stranger": token(names[1], "read", t.bob), "proposal": token(names[1], "write", t.bob, "?create_pr=1")}


@pytest.mark.parametrize("row", OTHER_ROWS, ids=label)
def test_other_row(server, t, row, xet_tokens, fresh):
    path = fill(row, "acme/x", kinds(row)[0])
    p = row["permission"]
    if p.startswith("user"):
        a = ask(server, row, path, None)
        assert a.status == 401, a
    if p == "user_write":
        a = ask(server, row, path, t.alice_read)
        assert a.status == 403, a
    if p == "site_admin":
        assert ask(server, row, path, None).status in (401, 404)
        assert ask(server, row, path, t.alice).status in (403, 404)
        assert allowed(ask(server, row, path, t.root))
    if p.startswith("signed"):
        a = ask(server, row, path, t.root)
        assert a.status in (400, 401, 403, 404), ("a link without its signature", a)
    if p.startswith("xet"):
        for token in (None, t.root, t.alice, xet_tokens["read"].replace(".r.", ".w."), xet_tokens["write"] + "0"):
            a = ask(server, row, path, token)
            assert a.status == 401, (token, a)
        for who in ("write", "proposal"):
            assert allowed(ask(server, row, path, xet_tokens[who])), who
        for who in ("read", "stranger"):
            a = ask(server, row, path, xet_tokens[who])
            assert allowed(a) if p == "xet_read" else a.status == 403, (who, a)
    if p == "dataset_read":
        private, gated = fresh("datasets", private=True), fresh("datasets")
        assert server.request("PUT", f"/api/datasets/{gated}/settings", {"gated": "manual"}, t.alice).status == 200

        def of(name, token):
            a = ask(server, row, f"{path}?dataset={name}", token)
            return a.status, a.code, a.message
        assert of(private, None)[:2] == (401, "RepoNotFound") and of(private, t.bob)[0] == 404
        assert of(private, t.bob) == of("acme/never-was", t.bob), "hidden and missing must look the same"
        assert of(gated, None)[:2] == (401, "GatedRepo") and of(gated, t.bob)[:2] == (403, "GatedRepo")
        assert allowed(ask(server, row, f"{path}?dataset={private}", t.carol)), "a reader"
        assert ask(server, row, path, t.alice).status == 422, "none is named"
    if p == "anyone":
        a = ask(server, row, path, None)
        assert a.status != 500, a


def test_fine_grained_tokens_do_not_exceed_their_scope(server, t, fresh, tmp_path):
    name, other = fresh(private=True), fresh(private=True)
    hex_id = server.get(f"/api/models/{name}", t.alice).json()["_id"]

    def scoped(label, scopes):
        (tmp_path / "s.json").write_text(json.dumps(scopes))
        return server.cli("token", "create", "alice", "--role", "fineGrained", "--name", label,
                          "--scopes", str(tmp_path / "s.json")).stdout.strip()
    nothing = scoped("nothing", {"scoped": [], "global": []})
    one = scoped("one", {"scoped": [{"entity": {"_id": hex_id, "type": "model", "name": name}, "permissions": ["repo.content.read"]}], "global": []})
    write = scoped("write", {"scoped": [{"entity": {"_id": hex_id, "type": "model", "name": name},
                                         "permissions": ["repo.content.read", "repo.write"]}], "global": []})
    assert server.get(f"/api/models/{name}", nothing).status in (403, 404)
    assert server.get(f"/api/models/{name}", one).status == 200 and server.get(f"/api/models/{other}", one).status in (403, 404)
    assert server.commit(name, one, {"x": "1"}).status == 403 and server.commit(name, write, {"x": "1"}).status == 200
    assert server.commit(other, write, {"x": "1"}).status in (403, 404)
    assert server.post("/api/repos/create", {"name": "n", "organization": "alice"}, nothing).status == 403
    assert server.get("/api/whoami-v2", one).json()["auth"]["accessToken"]["role"] == "fineGrained"
    for path, key in (("/api/models?author=acme&limit=1000", lambda r: r), ("/api/organizations/acme/settings/repositories?limit=1000", lambda r: r),
                      (f"/api/quicksearch?q={name.split('/')[1]}", lambda r: r["models"])):
        def shown(token):
            return {m["id"] for m in key(server.get(path, token).json())} & {name, other}
        assert name in shown(t.alice), path
        assert shown(nothing) == set(), path
        assert shown(one) == {name}, path
    seen = [server.get("/api/organizations/acme/overview", token).json()["numModels"] for token in (t.alice, nothing, one, t.bob)]
    assert seen[1] == seen[2] == seen[3] < seen[0], "private repositories that a token may not see are not counted"


def test_expired_and_revoked_tokens(server, t):
    short = server.cli("token", "create", "alice", "--role", "read", "--name", "short", "--expires", "1s").stdout.strip()
    gone = server.token("alice", "read")
    server.cli("token", "revoke", "--value-stdin", stdin=gone + "\n")
    r = server.get("/api/whoami-v2", gone)
    assert r.status == 401 and r.message == "Invalid credentials in Authorization header"
    await_that(lambda: server.get("/api/whoami-v2", short).status == 401)
    server.cli("user", "disable", "bob")
    try:
        assert server.get("/api/whoami-v2", t.bob).status == 401
        found = server.get("/api/quicksearch?q=bob", t.alice).json()
        assert "bob" not in [u["user"] for u in found["users"]] and found["usersCount"] == len(found["users"])
    finally:
        server.cli("user", "enable", "bob")
    assert server.get("/api/whoami-v2", t.bob).status == 200


def test_what_the_command_line_changes_counts_at_once(server, t, fresh):
    """Permissions and places of files are remembered between requests until anybody commits, another process too."""
    name = fresh(private=True)
    assert server.commit(name, t.alice, {"a.txt": "one"}).status == 200
    token, short = server.token("alice", "read"), server.cli(
        "token", "create", "alice", "--role", "read", "--name", "short", "--expires", "5s").stdout.strip()

    def content(of, path="a.txt"):
        r = server.resolve(name, path, of)
        return r.body if r.status == 200 else r.status

    def info(of):
        return server.get(f"/api/models/{name}", of).status

    for _ in range(3):
        assert content(token) == b"one" and content(short) == b"one" and info(token) == 200
        assert content(None) == 401 and info(None) == 401
    for i in range(5):  # commits of the server itself
        assert server.commit(name, t.alice, {"a.txt": f"{i}"}).status == 200
        assert content(token) == content(token) == f"{i}".encode()
    server.cli("repo", "settings", name, "--private=false")
    assert content(None) == content(None) == b"4" and info(None) == 200
    server.cli("repo", "settings", name, "--private")
    assert content(None) == 401 and info(None) == 401 and content(token) == content(token) == b"4"
    server.cli("token", "revoke", "--value-stdin", stdin=token + "\n")
    assert content(token) == 401 and info(token) == 401
    assert content(t.alice) == b"4"
    await_that(lambda: content(short) == 401)  # it has expired, and nothing was committed meanwhile


def test_losing_a_role_counts_at_once(server, t, fresh):
    name = fresh(private=True)
    token = server.add_user("u" + uuid.uuid4().hex[:8])
    who = server.get("/api/whoami-v2", token).json()["name"]
    assert server.get(f"/api/models/{name}", token).status == 404
    server.cli("org", "add-member", "acme", who, "--role", "read")
    assert server.get(f"/api/models/{name}", token).status == 200
    server.cli("org", "add-member", "acme", who, "--role", "no_access")
    assert server.get(f"/api/models/{name}", token).status == 404
