"""Service accounts of an organisation: made and kept by its administrators, acting by fine-grained tokens alone, ended at once."""
import http.client
import json
import sqlite3

import pytest

import clients
from browser import signed_in
from hearth import PASSWORD, await_that, fresh, sha256
from inference import START
from test_rights_end import Request

ALL = "/api/organizations/acme/service-accounts"
LARGE = b"w" * 5000
DEAD = (401, 403, 404)


class Service:
    """One of acme's, or of `org`'s, with a first token."""

    def __init__(self, server, admin, org="acme", role="write", **grant):
        self.server, self.admin, self.all = server, admin, f"/api/organizations/{org}/service-accounts"
        r = server.post(self.all, {"name": "CI " + fresh(), "description": "builds", "role": role}, admin)
        assert r.status == 201, r
        self.id, self.name, self.fullname = (r.json()[k] for k in ("_id", "user", "fullname"))
        self.path = f"{self.all}/{self.id}"
        self.token_id, self.token = self.make(**(grant or {"permissions": ["repo.write"]}))

    def make(self, by=None, **grant):
        r = self.server.post(self.path + "/tokens", grant, by or self.admin)
        assert r.status == 201, r
        return r.json()["tokenInfo"]["_id"], r.json()["token"]

    def refused(self, by=None, **grant):
        r = self.server.post(self.path + "/tokens", grant, by or self.admin)
        assert r.status >= 400, r
        return r.status, r.json()["error"]


@pytest.fixture
def make(server, t):
    return lambda **kw: Service(server, t.alice, **kw)


@pytest.fixture
def private(server, t):
    name = server.create(f"acme/s-{fresh()}", t.alice, private=True)
    assert server.commit(name, t.alice, {"a.txt": "one"}, {"w.bin": LARGE}).status == 200
    return name


def id_of(server, t, repo):
    return server.get(f"/api/models/{repo}", t.alice).json()["_id"]


# -------------------------------------------------------------------- whose they are

def test_every_route_for_everybody(server, t, make):
    x, grant = make(), {"permissions": ["repo.write"]}
    one = f"{x.path}/tokens/{x.token_id}"
    routes = [("GET", ALL, None), ("POST", ALL, {"name": "ci"}), ("GET", x.path, None), ("POST", x.path + "/tokens", grant),
              ("PATCH", one, {"displayName": "n"}), ("POST", one + "/rotate", {}), ("DELETE", one, None), ("DELETE", x.path, None)]
    before = server.get(x.path, t.alice).json()
    for method, path, body in routes:
        for who, status in ((None, 401), (t.bob, 403), (t.carol, 403), (t.wendy, 403), (t.carl, 403), (x.token, 403), ("hf_" + "q" * 34, 401)):
            assert server.request(method, path, body, who).status == status, (method, path, who)
        r = server.request(method, path, body, t.alice_read)
        assert r.status == (200 if method == "GET" else 403), (method, path, r)
    seen = server.get(x.path, t.alice).json()
    seen["accessTokens"][0].pop("lastUsedAt", None)
    assert seen == before, "what was refused must not have happened"
    assert x.token not in server.get(x.path, t.alice).body.decode(), "a secret is shown once"
    for method, path, body in routes:
        assert server.request(method, path, body, t.alice).status in (200, 201, 204), (method, path)
    assert server.get(x.path, t.alice).status == 404


def test_another_organisations_do_not_exist(server, t, make):
    org = "o" + fresh()
    server.cli("org", "add", org, "--owner", "alice")
    x, there = make(), f"/api/organizations/{org}/service-accounts"
    alice = server.get("/api/whoami-v2", t.alice).json()
    for path in (f"{there}/{x.id}", f"{there}/{x.name}", f"{ALL}/{alice['id']}", f"{ALL}/{'0' * 24}", f"{ALL}/x"):
        for method in ("GET", "DELETE"):
            assert server.request(method, path, None, t.alice).status == 404, path
    assert server.request("DELETE", f"{x.path}/tokens/{'0' * 24}", None, t.alice).status == 404
    assert server.post(f"/api/organizations/none{org}/service-accounts", {"name": "x"}, t.alice).status == 404
    assert server.get(x.path, t.alice).status == 200


@pytest.mark.parametrize("body, words", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": "n" * 51}, "50 characters"), ({"name": "a\nb"}, "line"),
    ({"name": "n", "description": "d" * 501}, "500"), ({"name": "n", "role": "god"}, "role"), ({"name": "n", "role": "no_access"}, "role"),
])
def test_what_makes_no_account(server, t, body, words):
    r = server.post(ALL, body, t.alice)
    assert r.status == 400 and words in r.json()["error"], r


def test_what_makes_no_token(server, t, make, private):
    x, mine = make(), server.create(f"alice/s-{fresh()}", t.alice, private=True)
    for status, words, grant in (
            (400, "no permission", {"permissions": ["repo.all"]}), (501, "job.write", {"permissions": ["job.write"]}),
            (400, "list of strings", {"permissions": "repo.write"}), (400, "list of strings", {"permissions": [1]}),
            (400, "repoIds", {"repoPermissions": ["repo.write"]}), (400, "neither", {"repoIds": ["0" * 24], "repoPermissions": ["repo.write"]}),
            (400, "neither", {"repoIds": [id_of(server, t, mine)], "repoPermissions": ["repo.content.read"]}),
            (400, "of repositories", {"repoIds": [id_of(server, t, private)], "repoPermissions": ["org.write"]}),
            (400, "100", {"repoIds": ["0" * 24] * 101, "repoPermissions": ["repo.write"]}),
            (501, "endpoints", {"endpointPatterns": ["gpt2-*"]}), (501, "network", {"skipNetworkSecurity": True}),
            (400, "needs the role admin", {"permissions": ["org.write"]}), (400, "1 to 100", {"displayName": ""})):
        assert (found := x.refused(**grant))[0] == status and words in found[1], (grant, found)
    assert len(server.get(x.path, t.alice).json()["accessTokens"]) == 1


# -------------------------------------------------------------------- no person

def test_it_is_no_person(server, t, make, private):
    x = make()
    b = signed_in(server, "alice")
    for args in (("user", "passwd", x.name, "--password-stdin"), ("token", "create", x.name, "--role", "write"), ("user", "disable", x.name),
                 ("org", "add-member", "acme", x.name, "--role", "admin"), ("repo", "create", f"{x.name}/r")):
        assert server.cli(*args, stdin=PASSWORD + "\n", check=False).returncode == 1, args
    assert server.get(f"/api/users/{x.name}/overview", t.alice).status == 404
    assert x.name not in [m["user"] for m in server.get("/api/organizations/acme/members?limit=1000", t.alice).json()]
    assert server.get(f"/api/quicksearch?q={x.name}", t.alice).json()["users"] == []
    assert x.name not in server.cli("user", "list").stdout and x.name not in server.cli("org", "members", "acme").stdout
    assert b.ask("POST", "/organizations/acme/settings/members", {"csrf": b.form_token(), "act": "remove", "user": x.name}).status == 400
    r = b.get("/" + x.name)
    assert r.status == 303 and r.headers["location"].endswith("/acme")
    assert server.post("/api/repos/create", {"name": "r"}, x.token).status == 403, "it owns nothing"
    assert server.post("/api/repos/create", {"name": "r", "organization": x.name}, server.tokens.root).status == 403
    assert server.post(f"/api/models/{private}/like", {}, x.token).status == 403
    assert server.request("PUT", "/api/organizations/acme/members/alice/role", {"role": "read"}, t.alice).status == 409, "it is no administrator to stay"
    assert server.get("/settings/tokens", x.token).status == 403 and server.get("/api/notifications", x.token).status == 403


def test_whoami(server, make):
    x = make(role="read", permissions=["repo.content.read"], displayName="nightly")
    me = server.get("/api/whoami-v2", x.token).json()
    assert (me["type"], me["name"], me["fullname"], me["id"]) == ("user", x.name, x.fullname, x.id)
    assert [(o["name"], o["roleInOrg"]) for o in me["orgs"]] == [("acme", "read")]
    token = me["auth"]["accessToken"]
    assert (token["displayName"], token["role"]) == ("nightly", "fineGrained")
    assert [(s["entity"]["name"], s["permissions"]) for s in token["fineGrained"]["scoped"]] == [("acme", ["repo.content.read"])]


# -------------------------------------------------------------------- what it does

@pytest.mark.parametrize("kind", ["hub", "xet"])
def test_huggingface_hub_pushes_and_pulls(server, t, make, tmp_path, kind):
    x, repo = make(), f"acme/s-{fresh()}"
    d = clients.Driver(f"{kind}-{clients.NEWEST}", server, tmp_path / "client", x.token)
    try:
        got = d("""
            me = api.whoami()
            api.create_repo(repo, private=True)
            api.upload_file(path_or_fileobj=b"w" * 70000, path_in_repo="w.bin", repo_id=repo)
            api.upload_file(path_or_fileobj=b"two", path_in_repo="b.txt", repo_id=repo, create_pr=True)
            api.create_tag(repo, tag="v1")
            files = sorted(os.listdir(snapshot_download(repo)))
            content = open(hf_hub_download(repo, "w.bin", revision="v1"), "rb").read()
            refused("HfHubHTTPError", api.create_repo, "mine")
            out = [me["name"], files, len(content), api.list_repo_commits(repo)[0].authors]""", repo=repo)
    finally:
        d.close()
    assert got == [x.name, [".gitattributes", "w.bin"], 70000, [x.name]]
    assert server.get(f"/api/models/{repo}", t.bob).status == 404 and server.get(f"/api/models/{repo}", t.carol).status == 200


def test_git_pushes_and_pulls(server, t, make, private, git, tmp_path):
    x = make()
    git("clone", git.url(private, x.token, x.name), "work")
    (tmp_path / "work/b.txt").write_text("two")
    git("add", ".", cwd=tmp_path / "work")
    git("commit", "-m", "by CI", cwd=tmp_path / "work")
    git("push", cwd=tmp_path / "work")
    assert server.resolve(private, "b.txt", t.carol).body == b"two"
    _, reader = x.make(permissions=["repo.content.read"])
    git("clone", git.url(private, reader, "any"), "other")
    (tmp_path / "other/c.txt").write_text("three")
    git("add", ".", cwd=tmp_path / "other")
    git("commit", "-m", "no", cwd=tmp_path / "other")
    assert git("push", cwd=tmp_path / "other", check=False).returncode != 0


def test_its_name_stands_where_it_wrote(server, t, make, private):
    x = make()
    assert server.commit(private, x.token, {"b.txt": "two"}, summary="by CI").status == 200
    assert server.get(f"/api/models/{private}/commits/main", t.carol).json()[0]["authors"][0]["user"] == x.name
    r = server.post(f"/api/models/{private}/discussions", {"title": "red", "description": "it failed"}, x.token)
    assert r.status == 200, r
    found = server.get(f"/api/models/{private}/discussions/{r.json()['num']}", t.carol).json()
    assert found["author"]["name"] == x.name and found["events"][0]["author"]["name"] == x.name
    assert server.request("DELETE", x.path, None, t.alice).status == 204
    assert server.get(f"/api/models/{private}/discussions/{found['num']}", t.carol).status == 200
    assert server.get(f"/api/models/{private}/commits/main", t.carol).json()[0]["title"] == "by CI"


# -------------------------------------------------------------------- how far its tokens reach

def test_what_is_said_of_a_repository_counts_instead(server, t, make, private):
    other = server.create(f"acme/s-{fresh()}", t.alice, private=True)
    x = make(permissions=["repo.write"], repoIds=[id_of(server, t, private)], repoPermissions=["repo.content.read"])
    assert server.resolve(private, "a.txt", x.token).status == 200 and server.commit(private, x.token, {"n": "1"}).status == 403
    assert server.commit(other, x.token, {"n": "1"}).status == 200
    _, only = x.make(repoIds=[id_of(server, t, other)], repoPermissions=["repo.write"])
    assert server.commit(other, only, {"n": "2"}).status == 200 and server.get(f"/api/models/{private}", only).status == 404
    assert {m["id"] for m in server.get("/api/models?author=acme&limit=1000", only).json()} & {private, other} == {other}
    assert server.post("/api/repos/create", {"name": "n" + fresh(), "organization": "acme"}, only).status == 403
    path = f"{x.path}/tokens/{x.token_id}"
    r = server.request("PATCH", path, {"repoIds": []}, t.alice)
    assert r.status == 200 and r.json()["permissions"] == ["repo.write"] and r.json()["repoIds"] == r.json()["repoPermissions"] == [], r
    assert server.commit(private, x.token, {"n": "1"}).status == 200, "at once"
    r = server.request("PATCH", path, {"permissions": [], "displayName": "none"}, t.alice)
    assert r.json()["displayName"] == "none" and server.get(f"/api/models/{private}", x.token).status == 404


def test_its_role_bounds_its_tokens(server, t, make, private):
    x = make(role="admin", permissions=["repo.write", "org.write"])
    who = "x" + fresh()
    server.add_user(who)
    server.cli("org", "add-member", "acme", who, "--role", "read")
    role = lambda: server.request("PUT", f"/api/organizations/acme/members/{who}/role", {"role": "write"}, x.token).status
    assert role() == 200
    for least, commits in (("write", 200), ("read", 403), ("no_access", 404)):
        assert server.request("PUT", f"/api/organizations/acme/members/{x.name}/role", {"role": least}, t.alice).status == 200
        assert role() == 403 and server.commit(private, x.token, {"n": least}).status == commits, least


def test_a_token_gives_no_more_than_it_has(server, t, make, private):
    x = make(role="admin", permissions=["org.serviceAccounts.write", "repo.content.read"])
    wide_id, wide = x.make(permissions=["repo.write", "org.write"])
    assert server.get(x.path, x.token).status == 200 and server.get(x.path, wide).status == 403
    assert x.refused(by=x.token, permissions=["repo.write"])[0] == 403 and x.refused(by=x.token, permissions=["org.write"])[0] == 403
    assert server.post(f"{x.path}/tokens/{wide_id}/rotate", {}, x.token).status == 403, "nor takes one that has more"
    assert server.request("PATCH", f"{x.path}/tokens/{x.token_id}", {"permissions": ["repo.write"]}, x.token).status == 403
    _, less = x.make(by=x.token, permissions=["repo.content.read"])
    assert server.get(f"/api/models/{private}", less).status == 200
    r = server.post(f"{x.path}/tokens/{x.token_id}/rotate", {}, x.token)
    assert r.status == 200 and server.get("/api/whoami-v2", x.token).status == 401, "its own it may"
    bound = make(role="admin", permissions=["org.serviceAccounts.write", "repo.write"], repoIds=[id_of(server, t, private)], repoPermissions=["repo.content.read"])
    assert bound.refused(by=bound.token, permissions=["repo.write"])[0] == 403, "what one repository is kept from by name"


# -------------------------------------------------------------------- the end

ENDS = {
    "nothing": lambda s, x, a: None,
    "account deleted": lambda s, x, a: s.request("DELETE", x.path, None, a),
    "token deleted": lambda s, x, a: s.request("DELETE", f"{x.path}/tokens/{x.token_id}", None, a),
    "token rotated": lambda s, x, a: s.post(f"{x.path}/tokens/{x.token_id}/rotate", {}, a),
    "no permission": lambda s, x, a: s.request("PATCH", f"{x.path}/tokens/{x.token_id}", {"permissions": []}, a),
}


@pytest.mark.parametrize("end", ENDS)
def test_rights_end_at_once(server, t, make, private, end):
    x = make()
    xet = {right: server.get(f"/api/models/{private}/xet-{right}-token/main", x.token).json()["accessToken"] for right in ("read", "write")}
    link = server.lfs_batch(private, x.token, [(sha256(LARGE), len(LARGE))], "download").json()["objects"][0]["actions"]["download"]["href"]
    header = json.dumps({"key": "header", "value": {"summary": "s", "description": ""}}).encode() + b"\n"
    line = json.dumps({"key": "file", "value": {"path": "late.txt", "content": "late"}}).encode() + b"\n"
    commit = Request(server, f"/api/models/{private}/commit/main", "application/x-ndjson", x.token, header, line)
    r = ENDS[end](server, x, t.alice)
    assert r is None or r.status in (200, 204), r
    status, body = commit.finish()
    lives = {"commit": status == 200, "late file": server.resolve(private, "late.txt", t.alice).status == 200,
             "token": server.resolve(private, "a.txt", x.token).status == 200, "link": server.get(link).status == 200,
             "xet": server.get("/cas/v1/chunks/default/" + "1" * 64, xet["read"]).status not in (401, 403),
             "xet writes": server.request("POST", "/cas/v1/shards", b"junk", xet["write"]).status not in (401, 403)}
    assert lives == dict.fromkeys(lives, end == "nothing"), (status, body)


def test_it_ends_with_its_organisation(server, t):
    org = "o" + fresh()
    server.cli("org", "add", org, "--owner", "alice")
    x = Service(server, t.alice, org)
    public = server.create(f"acme/s-{fresh()}", t.alice)
    assert server.get("/api/whoami-v2", x.token).status == 200
    server.cli("org", "delete", org)
    assert server.get("/api/whoami-v2", x.token).status == 401 and server.get(f"/api/models/{public}", x.token).status == 401
    server.cli("org", "add", org, "--owner", "alice")
    assert server.get(x.all, t.alice).json() == [] and server.get("/api/whoami-v2", x.token).status == 401
    assert Service(server, t.alice, org).id != x.id


def test_all_of_it_is_in_the_audit_log(server, t, make):
    x = make(displayName="nightly", permissions=["repo.write"])
    one = f"{x.path}/tokens/{x.token_id}"
    server.request("PATCH", one, {"displayName": "daily"}, t.alice)
    server.post(one + "/rotate", {}, t.alice)
    server.request("DELETE", one, None, t.alice)
    server.request("DELETE", x.path, None, t.alice)
    log = [(r["type"].removeprefix("org.service_account."), r["message"], r["author"]["user"])
           for r in server.get("/api/organizations/acme/audit-log/export", t.alice).json() if x.name in r["message"]]
    assert log == [("delete", x.name, "alice"), ("token.delete", f"{x.name}: daily", "alice"), ("token.rotate", f"{x.name}: daily", "alice"),
                   ("token.update", f"{x.name}: daily", "alice"), ("token.create", f"{x.name}: nightly", "alice"), ("create", f"{x.name} as write", "alice")]


# -------------------------------------------------------------------- tokens of members

def revoke(server, by, token_id, org="acme"):
    return server.post(f"/api/organizations/{org}/settings/tokens/{token_id}/revoke", {}, by)


def id_of_token(server, user, label):
    return next(line.split()[0] for line in server.cli("token", "list", user).stdout.splitlines() if line.endswith(" " + label))


@pytest.mark.parametrize("role", ["write", "fineGrained"])
def test_a_members_token_is_revoked_in_one_organisation(server, t, private, tmp_path, role):
    who, org = "x" + fresh(), "o" + fresh()
    server.add_person(who)
    server.cli("org", "add", org, "--owner", "alice")
    for o in ("acme", org):
        server.cli("org", "add-member", o, who, "--role", "write")
    other, public = server.create(f"{org}/m", t.alice, private=True), server.create(f"acme/p-{fresh()}", t.alice)
    (tmp_path / "s.json").write_text(json.dumps({"scoped": [{"entity": {"type": "org", "name": o}, "permissions": ["repo.write"]} for o in ("acme", org)]}))
    scopes = ("--scopes", str(tmp_path / "s.json")) if role == "fineGrained" else ()
    tokens = [server.cli("token", "create", who, "--role", role, "--name", label, *scopes).stdout.strip() for label in ("laptop", "desk")]
    laptop, desk = tokens
    xet = server.get(f"/api/models/{private}/xet-read-token/main", laptop).json()["accessToken"]
    listed = lambda token: private in [m["id"] for m in server.get("/api/models?author=acme&limit=1000", token).json()]
    assert listed(laptop) and server.resolve(private, "a.txt", laptop).status == 200
    assert server.post(f"/api/models/{private}/like", {}, server.token(who, "write")).status == 200
    liked = lambda token: private.split("/")[1] in server.get(f"/{who}?tab=likes", token).body.decode()
    assert liked(desk) == liked(laptop) == (role == "write"), "of lists that are of many owners, a token with scopes sees what is public"
    token_id = id_of_token(server, who, "laptop")
    for by, status in ((None, 401), (t.bob, 403), (t.carol, 403), (desk, 403), (t.alice_read, 403), (t.alice, 200), (t.alice, 200)):
        assert revoke(server, by, token_id).status == status, by
    assert not listed(laptop) and server.get(f"/api/models/{private}", laptop).status == 404
    assert not liked(laptop) and liked(desk) == (role == "write")
    assert server.commit(public, laptop, {"n": "1"}).status == 403 and server.get(f"/api/models/{public}", laptop).status == 200, "a stranger's"
    assert server.get("/cas/v1/chunks/default/" + "1" * 64, xet).status in (401, 403)
    orgs = {o["name"]: o.get("securityRestrictions") for o in server.get("/api/whoami-v2", laptop).json()["orgs"]}
    assert orgs == {"acme": ["token-revoked"], org: None}
    assert server.commit(other, laptop, {"n": "1"}).status == 200 and listed(desk) and server.commit(private, desk, {"n": "1"}).status == 200
    b = signed_in(server, who)  # another secret is the same token
    page = b.ask("POST", "/settings/tokens/rotate", {"csrf": b.form_token(), "id": token_id}).body.decode()
    rotated = page.split("hf auth login --token ")[1].split("<")[0].strip()
    assert server.get(f"/api/models/{other}", rotated).status == 200 and server.get(f"/api/models/{private}", rotated).status == 404
    a = signed_in(server, "alice")
    page = a.get("/organizations/acme/settings/tokens").body.decode()
    assert token_id in page and "revoked here" in page
    assert a.ask("POST", "/organizations/acme/settings/tokens", {"csrf": a.form_token(), "act": "let_in", "id": token_id}).status == 303
    assert server.get(f"/api/models/{private}", rotated).status == 200
    assert b.get("/organizations/acme/settings/tokens").status == 403


def test_only_members_tokens_are_the_organisations(server, t):
    server.cli("token", "create", "bob", "--role", "write", "--name", "mine")
    for token_id in (id_of_token(server, "bob", "mine"), "0" * 24, "x"):
        r = revoke(server, t.alice, token_id)
        assert r.status == 404, r
    assert id_of_token(server, "bob", "mine") not in signed_in(server, "alice").get("/organizations/acme/settings/tokens").body.decode()


def test_the_pages(server, t, private):
    b, all = signed_in(server, "alice"), "/organizations/acme/settings/service-accounts"
    form = lambda path, **fields: b.ask("POST", path, {"csrf": b.form_token(), **fields})
    r = form(all, name="Page " + fresh(), details="nightly", role="write")
    assert r.status == 303 and (one := r.headers["location"]).startswith(all), r
    name = one.split("/")[-1]
    assert form(all, name="", role="write").status == 400 and form(all, name="x", role="god").status == 400
    for fields in ({"label": "n"}, {"label": "n", "may": "all org.write"}, {"label": "n", "may": "repos repo.write"}, {"label": "", "may": "all repo.write"},
                   {"label": "n", "may": "repos repo.write", "repos": "acme/none"}, {"label": "n", "may": "other repo.write"}, {"label": "n", "may": "all repo.write", "days": "x"}):
        assert form(one, act="token", **fields).status == 400, fields
    page = form(one, act="token", label="builds", may="repos repo.write", repos=private, days="30").body.decode()
    token = page.split("HF_TOKEN=")[1].split("<")[0].strip()
    assert server.commit(private, token, {"n": "1"}).status == 200 and token not in b.get(one).body.decode()
    token_id = page.split('name="id" value="')[1].split('"')[0]
    page = form(one, act="rotate", id=token_id).body.decode()
    again = page.split("HF_TOKEN=")[1].split("<")[0].strip()
    assert server.commit(private, token, {"n": "2"}).status == 401 and server.commit(private, again, {"n": "2"}).status == 200
    assert form(one, act="role", role="read").status == 303 and server.commit(private, again, {"n": "3"}).status == 403
    assert form(one, act="revoke", id=token_id).status == 303 and server.get("/api/whoami-v2", again).status == 401
    for who, status in (("carol", 403), ("wendy", 403), ("bob", 404)):
        other = signed_in(server, who)
        for path in (all, one):
            assert other.get(path).status == status and other.ask("POST", path, {"csrf": other.form_token(), "act": "token"}).status == status
        assert other.ask("POST", one + "/delete", {"csrf": other.form_token(), "confirm": name}).status == status
    assert form(one + "/delete", confirm="other").status == 400 and b.get(one).status == 200
    assert form(one + "/delete", confirm=name).status == 303 and b.get(one).status == 404


def test_the_command_line(server, t, private):
    run = lambda *args, ok=0: (r := server.cli("service", *args, check=False), r.returncode == ok or pytest.fail(f"{args}: {r}"))[0].stdout.strip()
    name = run("create", "acme", "Cli " + fresh(), "--description", "d")
    assert name.startswith("acme-Cli-") and name in run("list", "acme")
    token = run("token", name, "--permissions", "repo.content.read,repo.write", "--expires", "90d")
    assert server.commit(private, token, {"n": "1"}).status == 200
    bound = run("token", name, "--repos", private, "--repo-permissions", "repo.content.read", "--name", "bound")
    assert server.get(f"/api/models/{private}", bound).status == 200 and server.commit(private, bound, {"n": "1"}).status == 403
    token_id = run("tokens", name).splitlines()[1].split()[0]
    again = run("rotate", name, token_id)
    assert server.get("/api/whoami-v2", token).status == 401 and server.get("/api/whoami-v2", again).status == 200
    run("revoke", name, token_id)
    assert server.get("/api/whoami-v2", again).status == 401
    for args in (("token", name, "--permissions", "org.write"), ("token", name, "--permissions", "all"), ("token", "alice", "--permissions", "repo.write"),
                 ("revoke", name, token_id), ("delete", "alice"), ("create", "alice", "x"), ("token", name, "--repos", "acme/none", "--repo-permissions", "repo.write")):
        run(*args, ok=1)
    run("token", name, ok=2)
    run("delete", name)
    assert server.get("/api/whoami-v2", bound).status == 401 and name not in run("list", "acme")


def test_its_calls_are_the_organisations_to_pay(host):
    org = "o" + fresh()
    host.cli("org", "add", org, "--owner", "alice")
    x = Service(host, host.alice, org, permissions=["inference.serverless.write"])
    _, other = x.make(permissions=["repo.write"])
    body = {"model": host.model, "prompt": START, "max_tokens": 4}
    assert host.post("/v1/completions", body, other).status == 403
    r = host.post("/v1/completions", body, x.token)
    assert r.status == 200, r
    paid = lambda: host.cli("usage", "--by", "account", "--csv").stdout
    await_that(lambda: org in paid())
    assert x.name not in paid()


def test_tokens_that_end_soon_are_listed(server, t, make):
    x = make()
    label = fresh()
    server.cli("token", "create", "alice", "--role", "read", "--name", f"soon-{label}", "--expires", "5d")
    server.cli("token", "create", "alice", "--role", "read", "--name", f"late-{label}", "--expires", "60d")
    server.cli("service", "token", x.name, "--permissions", "repo.write", "--name", f"build-{label}", "--expires", "3d")
    lines = [line for line in server.cli("token", "ending").stdout.splitlines() if label in line]
    assert [line.split()[0] for line in lines] == [x.name, "alice"] and "late" not in "".join(lines)  # the first to end comes first
    assert f"late-{label}" in server.cli("token", "ending", "--within", "90d").stdout
    server.add_person(f"off{label}")
    server.cli("token", "create", f"off{label}", "--role", "read", "--expires", "2d")
    assert f"off{label}" in server.cli("token", "ending").stdout
    server.cli("user", "disable", f"off{label}")
    assert f"off{label}" not in server.cli("token", "ending").stdout
    assert server.cli("token", "ending", "--within", "0s").stdout == ""


# -------------------------------------------------------------------- the audit log

def test_the_whole_audit_log_is_exported_a_piece_at_a_time(server, t):
    org = "log-" + fresh()
    server.cli("org", "create", org, "--owner", "alice")
    export = f"/api/organizations/{org}/audit-log/export"
    made = [r["message"] for r in server.get(export, t.alice).json()]
    many = 5000   # more than is written at once, and than waits for a client
    with sqlite3.connect(server.home / "hearth.db", timeout=60) as db:
        (org_id,) = db.execute("SELECT id FROM account WHERE name = ?", (org,)).fetchone()
        db.executemany("INSERT INTO audit (at_ms, type, account_id, message) VALUES (1, 'x.y', ?, ?)", ((org_id, f"{i}: “é”") for i in range(many)))
    db.close()
    c = http.client.HTTPConnection("127.0.0.1", server.port)
    c.request("GET", export, headers={"Authorization": f"Bearer {t.alice}"})
    answer = c.getresponse()
    assert answer.getheader("Transfer-Encoding") == "chunked"   # nobody knew how long it is: it is written from the rows as they are read
    first = answer.read(5000)
    assert server.get("/health").status == 200   # one who does not read on holds nobody up
    said = [r["message"] for r in json.loads(first + answer.read())]
    assert said == [f"{i}: “é”" for i in reversed(range(many))] + made
    c.close()
    with sqlite3.connect(server.home / "hearth.db", timeout=60) as db:
        db.execute("DELETE FROM audit WHERE account_id = ? AND type = 'x.y'", (org_id,))
    db.close()
