"""Resource groups: what of an organisation only some of its members have to do with.

The same private things are asked for by everybody who may stand in some relation to them; what a person may not see must look like
what is not there, on every road to it."""
import json
import re

import pytest

import clients
from browser import signed_in
from hearth import await_that, fresh, sha256
from test_permissions import BUCKET_ROWS, CHANGES, REPO_ROWS, SEES, allowed, ask, fill, kinds

LARGE = b"g" * 5000 + fresh().encode()
DEAD = (401, 403, 404)


class Org:
    """An organisation of alice's with one group, and people: role there, role in the group."""

    PEOPLE = {"outsider": ("write", None), "reader": ("no_access", "read"), "contributor": ("read", "contributor"), "writer": ("read", "write"),
              "keeper": ("read", "admin"), "named": ("write", "no_access")}

    def __init__(self, server, t):
        self.server, self.alice, self.bob, self.name = server, t.alice, t.bob, "g" + fresh()
        server.cli("org", "add", self.name, "--owner", "alice")
        self.token, self.user = {}, {}
        for who, (role, _) in self.PEOPLE.items():
            self.user[who] = f"{who}-{fresh()}"
            self.token[who] = server.add_user(self.user[who])
            server.cli("org", "add-member", self.name, self.user[who], "--role", role)
        self.all = f"/api/organizations/{self.name}/resource-groups"
        r = server.post(self.all, {"name": "red", "users": [{"user": self.user[w], "role": r} for w, (_, r) in self.PEOPLE.items() if r]}, t.alice)
        assert r.status == 200, r
        self.group = r.json()["id"]
        self.one = f"{self.all}/{self.group}"

    def make(self, kind="model", token=None, **fields):
        return self.server.create(f"{self.name}/r-{fresh()}", token or self.alice, kind, private=True, resourceGroupId=self.group, **fields)

    def bucket(self, token=None):
        name = f"{self.name}/b-{fresh()}"
        assert self.server.post(f"/api/buckets/{name}", {"private": True, "resourceGroupId": self.group}, token or self.alice).status == 200
        return name

    def collection(self):
        r = self.server.post("/api/collections", {"title": "c " + fresh(), "namespace": self.name, "private": True, "resourceGroupId": self.group}, self.alice)
        assert r.status == 200, r
        return r.json()["slug"]


@pytest.fixture(scope="module")
def org(server):
    return Org(server, server.tokens)


# -------------------------------------------------------------------- every row of the route table

def test_who_is_outside_finds_nothing_on_any_route(server, t, org):
    made = {}
    for row in REPO_ROWS + BUCKET_ROWS:
        p, kind = row["permission"], "buckets" if row in BUCKET_ROWS else kinds(row)[0]
        if p not in SEES | CHANGES | {"repo_join", "repo_discuss", "bucket_read", "bucket_write", "bucket_admin"}: continue
        if kind not in made: made[kind] = org.bucket() if kind == "buckets" else org.make(kind[:-1], **({"sdk": "static"} if kind == "spaces" else {}))
        path, none = fill(row, made[kind], kind), fill(row, f"{org.name}/never-was", kind)
        for who in ("outsider", "named"):
            hidden, missing = ask(server, row, path, org.token[who]), ask(server, row, none, org.token[who])
            assert hidden.status == 404 and (hidden.status, hidden.code, hidden.message) == (missing.status, missing.code, missing.message), (row, who, hidden, missing)
        assert ask(server, row, path, None).status == 401 and ask(server, row, path, org.bob).status == 404, row
        if p in SEES or p == "bucket_read":
            assert allowed(ask(server, row, path, org.token["reader"])), (row, "a reader of the group")
        if p in CHANGES | {"bucket_write", "bucket_admin"}:
            assert ask(server, row, path, org.token["reader"]).status == 403, (row, "a reader of the group")
            assert ask(server, row, path, org.token["contributor"]).status == 403, (row, "a contributor, to what others made")
        if p in ("repo_write", "bucket_write"):
            assert allowed(ask(server, row, path, org.token["writer"])), (row, "a writer of the group")


def test_the_roles_of_a_group(server, t, org):
    for who, creates in (("outsider", False), ("named", False), ("reader", False), ("contributor", True), ("writer", True), ("keeper", True)):
        r = server.post("/api/repos/create", {"name": f"r-{fresh()}", "organization": org.name, "type": "model", "private": True,
                                              "resourceGroupId": org.group}, org.token[who])
        assert r.status == (200 if creates else 404 if who in ("outsider", "named") else 403), (who, r)
    own = org.make(token=org.token["contributor"])
    assert server.commit(own, org.token["contributor"], {"a": "1"}).status == 200, "what he made himself"
    assert server.get(f"/api/models/{own}", org.token["outsider"]).status == 404
    public = server.create(f"{org.name}/r-{fresh()}", org.token["writer"], resourceGroupId=org.group)
    assert server.get(f"/api/models/{public}", org.token["outsider"]).status == 200
    assert "resourceGroup" not in server.get(f"/api/models/{public}", org.token["outsider"]).json(), "in which group it is, is the group's business"
    assert server.get(f"/api/models/{public}", org.token["reader"]).json()["resourceGroup"]["name"] == "red"
    assert server.commit(public, org.token["outsider"], {"a": "1"}).status == 403, "the role write in the organisation is not one in the group"
    assert server.commit(public, org.token["writer"], {"a": "1"}).status == 200
    r = server.post("/api/repos/create", {"name": f"r-{fresh()}", "organization": org.name, "type": "model"}, org.token["writer"])
    assert r.status == 403, "nor the other way round"


# -------------------------------------------------------------------- lists, counts, search

def names(r):
    assert r.status == 200, r
    return {x.get("id") or x.get("slug") for x in (r.json() if isinstance(r.json(), list) else r.json()["q"])}


def test_lists_counts_and_search(server, t, org):
    word = "w" + fresh()
    model = server.create(f"{org.name}/{word}-m", org.alice, private=True, resourceGroupId=org.group)
    open_to_members = server.create(f"{org.name}/{word}-o", org.alice, private=True)
    bucket, collection = org.bucket(), org.collection()
    assert server.post(f"/api/collections/{collection}/items", {"item": {"type": "model", "id": model}}, org.alice).status == 200
    shown = server.post("/api/collections", {"title": "p " + fresh(), "namespace": org.name, "item": {"type": "model", "id": model}}, org.alice).json()["slug"]
    assert server.post(f"/api/models/{model}/like", {}, org.alice).status == 200

    def sees(token):
        g = lambda path: server.get(path, token)
        found = {
            "search": model in names(g(f"/api/models?search={word}")),
            "author": model in names(g(f"/api/models?author={org.name}&limit=1000")),
            "newest": model in names(g("/api/models?sort=createdAt&limit=1000")),
            "quick": word + "-m" in g(f"/api/quicksearch?q={word}").body.decode(),
            "trending": model in g("/api/trending?limit=20").body.decode(),
            "buckets": bucket in names(g(f"/api/buckets/{org.name}")),
            "collections": collection in {x["slug"] for x in g(f"/api/collections?owner={org.name}&limit=100").json()},
            "collection": g(f"/api/collections/{collection}").status == 200,
            "items": bool(g(f"/api/collections/{shown}").json()["items"]),
            "likes": word + "-m" in g("/alice?tab=likes").body.decode(),
            "page": word + "-m" in g(f"/{org.name}").body.decode(),
            "activity": word + "-m" in g(f"/{org.name}?tab=activity").body.decode(),
            "find": word + "-m" in g(f"/search?q={word}").body.decode(),
        }
        if token and g(f"/api/organizations/{org.name}/settings/repositories").status == 200:
            found["repositories"] = model in names(g(f"/api/organizations/{org.name}/settings/repositories"))
        return {k for k, v in found.items() if v}

    everything = sees(org.alice)
    assert {"search", "author", "newest", "quick", "buckets", "collections", "collection", "items", "likes", "page", "repositories"} <= everything
    nothing = {"bob": org.bob, "nobody": None, "outsider": org.token["outsider"], "named": org.token["named"]}
    for who, token in nothing.items():
        assert sees(token) == set(), who
    for who in ("reader", "contributor", "writer", "keeper"):
        assert sees(org.token[who]) == everything, who
    assert open_to_members in names(server.get(f"/api/models?search={word}", org.token["outsider"]))
    assert names(server.get(f"/api/models?search={word}", org.token["reader"])) == {model}, "no_access in the organisation: the group's alone"

    count = lambda token: server.get(f"/api/organizations/{org.name}/overview", token).json()["numModels"]
    all_of, hidden = count(org.alice), len(server.get(org.one, org.alice).json()["repos"])
    assert count(org.token["outsider"]) < all_of and count(org.token["contributor"]) == all_of
    stored = lambda token: server.get(f"/api/organizations/{org.name}/settings/repositories", token).json()
    assert abs(sum(x["storagePercent"] for x in stored(org.token["outsider"])) - 100) < 0.01, "of what he sees, not of what there is"
    assert hidden


# -------------------------------------------------------------------- contents that are stored once

def test_contents_of_a_group_are_no_ones_proof(server, t, org):
    """A hash that somebody outside knows gives him nothing: no bucket of his takes it for uploaded."""
    data = LARGE + fresh().encode()
    inside = org.make()
    assert server.commit(inside, org.alice, {"a": "1"}, {"w.bin": data}).status == 200
    file_hash = server.resolve(inside, "w.bin", org.alice, method="HEAD").headers["x-xet-hash"]

    def takes(who):
        token = org.token[who]
        mine = f"{org.user[who]}/b-{fresh()}"
        assert server.post(f"/api/buckets/{mine}", {"private": True}, token).status == 200
        line = json.dumps({"type": "addFile", "path": "w.bin", "xetHash": file_hash}).encode() + b"\n"
        return server.request("POST", f"/api/buckets/{mine}/batch", line, token, headers={"Content-Type": "application/x-ndjson"}).status == 200
    for who in ("outsider", "named"):
        assert not takes(who), who
    for who in ("reader", "writer"):
        assert takes(who), who


# -------------------------------------------------------------------- a right ends

def test_rights_end_with_the_place_in_the_group_or_the_organisation(server, t, org):
    repo, bucket, collection = org.make(), org.bucket(), org.collection()
    assert server.commit(repo, org.alice, {"a.txt": "1"}, {"w.bin": LARGE}).status == 200
    ends = {
        "out of the group": lambda u: server.request("DELETE", f"{org.one}/users/{u}", None, org.alice).status == 200,
        "no_access in the group": lambda u: server.request("PATCH", f"{org.one}/users/{u}", {"role": "no_access"}, org.alice).status == 200,
        "out of the organisation": lambda u: server.cli("org", "remove-member", org.name, u),
        "to another group": lambda u: server.post(f"/api/models/{repo}/resource-group", {"resourceGroupId": other}, org.alice).status == 200,
    }
    other = server.post(org.all, {"name": "blue " + fresh()}, org.alice).json()["id"]
    for how, end in ends.items():
        token = server.add_user(user := "x" + fresh())
        server.cli("org", "add-member", org.name, user, "--role", "write")
        assert server.post(org.one + "/users", {"users": [{"user": user, "role": "write"}]}, org.alice).status == 200
        xet = {r: server.get(f"/api/models/{repo}/xet-{r}-token/main", token).json()["accessToken"] for r in ("read", "write")}
        link = server.lfs_batch(repo, token, [(sha256(LARGE), len(LARGE))], "download").json()["objects"][0]["actions"]["download"]["href"]

        def alive():
            found = {"info": server.get(f"/api/models/{repo}", token).status, "file": server.resolve(repo, "a.txt", token).status, "link": server.get(link).status,
                     "git": server.get(f"/{repo}.git/info/refs?service=git-upload-pack", token).status,
                     "commit": server.commit(repo, token, {"b": fresh()}).status, "xet reads": server.get("/cas/v1/chunks/default/" + "1" * 64, xet["read"]).status}
            if how != "to another group":
                found |= {"bucket": server.get(f"/api/buckets/{bucket}", token).status, "collection": server.get(f"/api/collections/{collection}", token).status}
            return {k for k, v in found.items() if v not in DEAD} - {"xet reads"} | ({"xet reads"} if found["xet reads"] not in (401, 403) else set())
        assert {"info", "file", "link", "git", "commit", "xet reads"} <= alive(), how
        end(user)
        assert alive() == set(), how
    assert user in {u["name"] for u in server.get(org.one, org.alice).json()["users"]}
    server.cli("org", "remove-member", org.name, user)
    server.cli("org", "add-member", org.name, user, "--role", "write")
    assert user not in {u["name"] for u in server.get(org.one, org.alice).json()["users"]}, "who comes back is in no group"


# -------------------------------------------------------------------- the groups themselves

def test_who_may_do_what_with_a_group(server, t, org):
    mate = f"m-{fresh()}"
    server.add_user(mate)
    server.cli("org", "add-member", org.name, mate, "--role", "read")
    add, one = {"users": [{"name": mate, "role": "read"}]}, f"{org.one}/users/{mate}"
    routes = [("GET", org.one, None, "reader"), ("PATCH", org.one, {"description": "d"}, "keeper"), ("POST", org.one + "/users", add, "keeper"),
              ("PATCH", one, {"role": "write"}, "keeper"), ("DELETE", one, None, "keeper"), ("POST", org.one + "/settings", {}, "keeper"),
              ("DELETE", org.one, None, "alice"), ("POST", org.all, {"name": "red"}, "alice")]
    order = ["reader", "contributor", "writer", "keeper", "alice"]
    for method, path, body, least in routes:
        for who in ("outsider", "named", *order):
            if path in (one, org.one) and method == "DELETE" and order.index(who if who in order else "reader") >= order.index(least): continue
            r = server.request(method, path, body, org.alice if who == "alice" else org.token[who])
            may = who in order and order.index(who) >= order.index(least)
            hidden = who not in order and path != org.all
            assert (r.status in (200, 409)) == may and (r.status == 404) == hidden, (method, path, who, r)
        assert server.request(method, path, body, None).status == 401
        assert server.request(method, path, body, org.bob).status in (403, 404)
        if method != "GET": assert server.request(method, path, body, t.alice_read).status == 403, (method, path)
    assert server.request("DELETE", one, None, org.token["keeper"]).status == 200
    assert [g["name"] for g in server.get(org.all, org.token["reader"]).json()] == ["red"]
    assert server.get(org.all, org.token["outsider"]).json() == [] and server.get(org.all, org.bob).status == 403
    assert server.post(org.one + "/users", {"users": [{"user": "bob", "role": "read"}]}, org.alice).status == 400, "no member of the organisation"
    assert server.request("PATCH", org.one, {"spendLimits": {"total": 5}}, org.alice).status == 501


def test_in_and_out(server, t, org):
    blue = server.post(org.all, {"name": "in and out", "users": [{"user": org.user["writer"], "role": "admin"}]}, org.alice).json()["id"]
    repo = server.create(f"{org.name}/r-{fresh()}", org.alice, private=True)
    where = f"/api/models/{repo}/resource-group"
    put = lambda to, who: server.post(where, {"resourceGroupId": to}, org.alice if who == "alice" else org.token[who]).status
    assert server.get(where, org.alice).status == 404 and put(org.group, "outsider") == 404, "a group that he does not see"
    assert put(org.group, "keeper") == 403, "of a repository that he cannot change"
    r = server.post(where, {"resourceGroupId": org.group}, org.alice)
    assert r.json() == {"name": repo, "type": "model", "private": True, "addedBy": "alice"}
    assert server.get(where, org.token["reader"]).json() == {"id": org.group, "name": "red", "numUsers": len(server.get(org.one, org.alice).json()["users"])}
    assert put(None, "writer") == 403 and put(blue, "writer") == 403, "a writer of the group he takes it from"
    assert put(blue, "keeper") == 404 and put(blue, "alice") == 200 and put(None, "writer") == 200
    assert server.get(f"/api/models/{repo}", org.token["outsider"]).status == 200
    assert put(blue, "outsider") == 404 and put("0" * 24, "alice") == 404
    assert put(blue, "alice") == 200
    r = server.request("DELETE", f"{org.all}/{blue}", None, org.alice)
    assert r.status == 409 and server.get(f"/api/models/{repo}", org.token["outsider"]).status == 404, "nothing opens because a group went"
    copy = f"{org.name}/r-{fresh()}"
    assert server.post(f"/api/models/{repo}/duplicate", {"repository": copy}, org.token["writer"]).status == 200
    assert server.get(f"/api/models/{copy}", org.token["outsider"]).status == 404, "the copy is for the same people"
    assert server.post("/api/repos/move", {"fromRepo": copy, "toRepo": copy + "-2", "type": "model"}, org.alice).status == 200
    assert server.get(f"/api/models/{copy}-2", org.token["outsider"]).status == 404, "another name is no other group"
    assert server.post("/api/repos/move", {"fromRepo": copy + "-2", "toRepo": f"alice/{fresh()}-a", "type": "model"}, org.alice).status == 200
    assert put(None, "alice") == 200 and server.request("DELETE", f"{org.all}/{blue}", None, org.alice).json() == {"success": True}
    own = server.create(f"alice/m-{fresh()}", org.alice)
    assert server.post(f"/api/models/{own}/resource-group", {"resourceGroupId": org.group}, org.alice).status == 400
    for thing in (f"buckets/{org.bucket()}", f"collections/{org.collection()}"):
        assert server.get(f"/api/{thing}/resource-group", org.token["reader"]).json()["id"] == org.group
        assert server.post(f"/api/{thing}/resource-group", {"resourceGroupId": None}, org.token["keeper"]).status == 200
        assert server.get(f"/api/{thing}", org.token["outsider"]).status == 200


def test_who_joins_by_himself(server, t, org):
    g = server.post(org.all, {"name": "all " + fresh(), "autoJoin": {"enabled": True, "role": "read", "scope": "read_plus"}}, org.alice).json()
    assert g["autoJoin"] == {"enabled": True, "role": "read", "scope": "read_plus"}
    inside = lambda: {u["name"]: u["role"] for u in server.get(f"{org.all}/{g['id']}", org.alice).json()["users"]}
    assert org.user["outsider"] in inside() and org.user["reader"] not in inside(), "those who are there join at once, no_access does not"
    token = server.add_user(new := "n" + fresh())
    server.cli("org", "add-member", org.name, new, "--role", "no_access")
    assert new not in inside()
    server.cli("org", "add-member", org.name, new, "--role", "read")
    assert inside()[new] == "read"
    assert server.request("DELETE", f"{org.all}/{g['id']}/users/{new}", None, org.alice).status == 200
    server.cli("org", "add-member", org.name, new, "--role", "write")
    assert new not in inside(), "who was taken out does not come back by another role"
    assert server.post(f"{org.all}/{g['id']}/settings", {"autoJoin": {"enabled": "true", "role": "write", "scope": "all"}}, org.alice).status == 200
    assert inside()[new] == "write" and inside()[org.user["reader"]] == "write" and inside()[org.user["outsider"]] == "read"
    assert server.post(f"{org.all}/{g['id']}/settings", {"autoJoin": {"enabled": False}}, org.alice).json()["autoJoin"] == {"enabled": False}
    assert token
    assert server.request("DELETE", f"{org.all}/{g['id']}", None, org.alice).status == 200


# -------------------------------------------------------------------- who else acts

def test_a_role_and_its_groups_in_one_call(server, t, org):
    token = server.add_user(who := "x" + fresh())
    server.cli("org", "add-member", org.name, who, "--role", "read")
    repo, inside = org.make(), lambda: {u["name"]: u["role"] for u in server.get(org.one, org.alice).json()["users"]}.get(who)
    put = lambda **body: server.request("PUT", f"/api/organizations/{org.name}/members/{who}/role", {"role": "no_access", **body}, org.alice).status
    sees = lambda: server.get(f"/api/models/{repo}", token).status == 200
    assert put(resourceGroups=[{"id": org.group, "role": "read"}]) == 200 and inside() == "read" and sees()
    assert put(resourceGroups=[{"id": "0" * 24, "role": "read"}]) == 404 and put(resourceGroups=[{"id": org.group, "role": "x"}]) == 400 and put(resourceGroups="x") == 400
    assert inside() == "read", "what was refused must not have happened"
    assert put() == 200 and inside() is None and not sees()


def test_tokens_and_service_accounts(server, t, org):
    repo, other = org.make(), server.create(f"{org.name}/r-{fresh()}", org.alice, private=True)
    services = f"/api/organizations/{org.name}/service-accounts"
    made = server.post(services, {"name": "CI " + fresh(), "role": "read"}, org.alice).json()
    tokens = f"{services}/{made['_id']}/tokens"
    id_of = lambda name: server.get(f"/api/models/{name}", org.alice).json()["_id"]
    token = lambda **grant: server.post(tokens, grant, org.alice).json()["token"]
    whole, one = token(permissions=["repo.content.read"]), token(repoIds=[id_of(repo)], repoPermissions=["repo.content.read"])
    status = lambda who, name=repo: server.get(f"/api/models/{name}", who).status
    listed = lambda who: {m["id"] for m in server.get(f"/api/models?author={org.name}&limit=1000", who).json()} & {repo, other}
    assert status(whole) == status(one) == 404 and status(whole, other) == 200 and listed(whole) == {other}, "in no group"
    assert server.post(org.one + "/users", {"users": [{"user": made["user"], "role": "write"}]}, org.alice).status == 200
    assert status(whole) == status(one) == 200 and status(one, other) == 404 and listed(whole) == {repo, other} and listed(one) == {repo}
    assert server.commit(repo, whole, {"a": "1"}).status == 403, "the token reads, whatever the group says"
    assert server.post(org.one + "/users", {"users": []}, whole).status == 403
    assert server.request("DELETE", f"{org.one}/users/{made['user']}", None, org.alice).status == 200
    assert status(whole) == status(one) == 404 and listed(one) == set()
    assert server.post(tokens, {"permissions": ["resourceGroup.write"]}, org.alice).status == 201


def test_what_happens_in_a_group_is_not_told_outside(server, t, org):
    repo = org.make()
    title = "secret " + fresh()
    r = server.post(f"/api/models/{repo}/discussions", {"title": title, "description": "d"}, org.token["writer"])
    assert r.status == 200, r
    told = lambda who: title in server.get("/api/notifications", org.token[who]).body.decode()
    await_that(lambda: told("reader"))
    assert not told("outsider") and not told("named")
    server.request("DELETE", f"{org.one}/users/{org.user['reader']}", None, org.alice)
    assert not told("reader"), "nor is what was told shown to who is out"
    assert server.post(org.one + "/users", {"users": [{"user": org.user["reader"], "role": "read"}]}, org.alice).status == 200


def test_usage_by_group(server, t, org):
    repo = org.make()
    assert server.commit(repo, org.alice, {}, {"w.bin": LARGE}).status == 200
    path = f"/api/organizations/{org.name}/billing/usage-by-resource-group"
    of = {g["name"]: g["storage"] for g in server.get(path, org.alice).json()["periods"][-1]["resourceGroups"]}
    assert of["red"]["privateGB"] > 0 and None in of
    assert server.get(path, org.token["keeper"]).status == 404


@pytest.mark.parametrize("version", [clients.NEWEST, clients.HUB_VERSIONS[2]])
def test_huggingface_hub(server, t, org, tmp_path, version):
    d = clients.Driver(f"hub-{version}", server, tmp_path / "client", org.token["writer"])
    try:
        got = d("""
            api.create_repo(repo, private=True, resource_group_id=group)
            api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=repo)
            content = open(hf_hub_download(repo, "a.txt")).read()
            listed = repo in {m.id for m in api.list_models(author=org)}
            refused("HfHubHTTPError", api.create_repo, repo + "-2", private=True)
            out = [content, listed, (api.model_info(repo).__dict__.get("resource_group") or {}).get("name")]""",
                repo=f"{org.name}/r-{fresh()}", group=org.group, org=org.name)
    finally:
        d.close()
    assert got[:2] == ["one", True] and got[2] in ("red", None)
    repo = org.make()
    d = clients.Driver(f"hub-{version}", server, tmp_path / "outside", org.token["outsider"])
    try:
        d("""
            refused("RepositoryNotFoundError", api.model_info, repo)
            refused("RepositoryNotFoundError", hf_hub_download, repo, "a.txt")
            refused("RepositoryNotFoundError", api.upload_file, path_or_fileobj=b"x", path_in_repo="b", repo_id=repo)
            assert repo not in {m.id for m in api.list_models(author=org)}
            out = 1""", repo=repo, org=org.name)
    finally:
        d.close()


# -------------------------------------------------------------------- by hand

def test_by_the_command_line(server, t, org):
    repo, data = server.create(f"{org.name}/r-{fresh()}", org.alice, private=True), f"{org.name}/b-{fresh()}"
    assert server.post(f"/api/buckets/{data}", {"private": True}, org.alice).status == 200
    sees = lambda thing, who: server.get(f"/api/{thing}", org.token[who]).status == 200
    server.cli("group", "create", org.name, "by hand", "--description", "d")
    server.cli("group", "add-member", org.name, "by hand", org.user["contributor"], "--role", "read")
    for thing in (repo, "buckets/" + data): server.cli("group", "put", org.name, "by hand", thing)
    for thing in (f"models/{repo}", f"buckets/{data}"): assert sees(thing, "contributor") and not sees(thing, "outsider")
    shown = server.cli("group", "show", org.name, "by hand").stdout
    assert repo in shown and data in shown and org.user["contributor"] in shown and "by hand" in server.cli("group", "list", org.name).stdout
    assert server.cli("group", "put", org.name, "by hand", server.create(f"alice/m-{fresh()}", org.alice), check=False).returncode != 0, "another owner's"
    assert server.cli("group", "add-member", org.name, "by hand", "bob", check=False).returncode != 0, "no member of the organisation"
    assert server.cli("group", "delete", org.name, "by hand", check=False).returncode != 0, "something is in it"
    server.cli("group", "remove-member", org.name, "by hand", org.user["contributor"])
    assert not sees(f"models/{repo}", "contributor")
    for thing in (repo, "buckets/" + data): server.cli("group", "take-out", thing)
    assert sees(f"models/{repo}", "outsider")
    server.cli("group", "delete", org.name, "by hand")


def test_by_the_pages(server, t, org):
    base = f"/organizations/{org.name}/settings/groups"
    boss, keeper, reader, outsider = (signed_in(server, n) for n in ("alice", org.user["keeper"], org.user["reader"], org.user["outsider"]))
    send = lambda who, path, **form: who.ask("POST", path, {"csrf": who.form_token(), **form}).status
    text = lambda who, path: who.get(path).body.decode()
    one = f"{base}/{org.group}"
    assert "red" in text(boss, base) and "red" in text(reader, base) and "red" not in text(outsider, base)
    assert outsider.get(one).status == 404 and send(outsider, one, act="change", name="x") == 404
    assert "Add somebody" not in text(reader, one) and send(reader, one, act="change", name="x") == 403 and send(keeper, base, name="x") == 403
    repo = server.create(f"{org.name}/r-{fresh()}", org.alice, private=True)
    assert send(keeper, one, act="put", thing=repo) == 403 and send(boss, one, act="put", thing=repo) == 303
    assert send(boss, one, act="put", thing=f"collections/{org.collection()}") == 303
    assert repo in text(reader, one) and server.get(f"/api/models/{repo}", org.token["outsider"]).status == 404
    assert send(keeper, one, act="add", user=org.user["outsider"], role="read") == 303
    assert server.get(f"/api/models/{repo}", org.token["outsider"]).status == 200
    assert send(keeper, one, act="remove", user=org.user["outsider"]) == 303
    assert server.get(f"/api/models/{repo}", org.token["outsider"]).status == 404
    assert send(keeper, one, act="add", user="bob", role="read") == 400 and send(keeper, one + "/delete") == 403 and send(boss, one + "/delete") == 409
    id = server.get(f"/api/models/{repo}", org.alice).json()["_id"]
    assert send(keeper, one, act="out", type="model", id=id) == 303
    assert server.get(f"/api/models/{repo}", org.token["outsider"]).status == 200
    assert send(boss, base, name="paper") == 303
    made = next(g for g in server.get(org.all, org.alice).json() if g["name"] == "paper")
    assert send(boss, f"{base}/{made['id']}", act="change", name="paper 2", details="d", join="read_plus", role="read") == 303
    now = server.get(f"{org.all}/{made['id']}", org.alice).json()
    assert (now["name"], now["description"], now["autoJoin"]["scope"]) == ("paper 2", "d", "read_plus") and now["users"]
    assert send(boss, f"{base}/{made['id']}/delete") == 303


def test_the_settings_of_a_thing_choose_its_group(server, t, org):
    r = server.post(org.all, {"name": "blue <1>"}, t.alice)
    assert r.status == 200, r
    blue = r.json()["id"]
    boss, keeper, reader, outsider = (signed_in(server, n) for n in ("alice", org.user["keeper"], org.user["reader"], org.user["outsider"]))
    offered = lambda who, at: re.findall(r'<option value="([^"]*)"( selected)?>', who.get(at).body.decode().partition('id="group"')[2])
    send = lambda who, at, group: who.ask("POST", f"{at}/group", {"csrf": who.form_token(), "group": group})
    for kind, thing in (("models", org.make()), ("datasets", org.make("dataset")), ("buckets", org.bucket())):
        page = ("" if kind == "models" else f"/{kind}") + f"/{thing}"
        at, seen = page + "/settings", lambda who: server.get(f"/api/{kind}/{thing}", org.token[who]).status == 200
        assert outsider.get(at).status == 404 and send(outsider, at, "").status == 404
        assert reader.get(at).status == 403 and send(reader, at, "").status == 403
        assert offered(keeper, at) == [("", ""), (org.group, " selected")] and "blue &lt;1&gt;" in boss.get(at).body.decode()
        assert {o[0] for o in offered(boss, at)} >= {"", org.group, blue}
        a = send(keeper, at, blue)
        assert a.status == 404 and b"There is no such resource group" in a.body and seen("reader"), "what he does not administer is not there for him"
        assert send(keeper, at, "0" * 24).status == 404
        a = send(keeper, at, "")
        assert a.status == 303 and a.headers["location"] == page and seen("outsider") and not seen("reader"), a
        assert keeper.get(page).status == 200 and keeper.get(at).status == 403, "by his role in the organisation he only reads it"
        a = send(boss, at, blue)
        assert a.status == 303 and a.headers["location"] == at + "?saved=1" and not seen("outsider") and not seen("keeper")
        assert (blue, " selected") in offered(boss, at) and boss.get(a.headers["location"]).status == 200
        assert send(boss, at, blue).status == 303, "it is there already: fine"
    mine = server.create(f"bob/r-{fresh()}", t.bob)
    assert 'id="group"' not in signed_in(server, "bob").get(f"/{mine}/settings").body.decode(), "a person has no resource groups"
