"""Answers have the shape that the public hub's own OpenAPI document promises (tests/oracle/hub_shapes.json)."""
import base64
import json
import uuid

import jsonschema
import pytest

import hearth
from hearth import ROOT

WEIGHTS = b"\0" * 9000
SHAPES = json.loads((ROOT / "tests" / "oracle" / "hub_shapes.json").read_text())


@pytest.fixture(scope="module")
def world(server):
    t, name = server.tokens, f"alice/k-{uuid.uuid4().hex[:10]}"
    server.create(name, t.alice)
    assert server.commit(name, t.alice, {"README.md": "---\nlicense: mit\n---\n", "d/a.txt": "a"}, {"w.safetensors": WEIGHTS}).status == 200
    server.request("PUT", f"/api/models/{name}/settings", {"gated": "manual"}, t.alice)
    server.post(f"/{name}/ask-access", {"why": "tests"}, t.bob)
    server.commit(name, t.alice, {"pr": "x"}, query={"create_pr": "1"})
    server.post(f"/api/models/{name}/like", {}, t.alice)
    hash = next(f["xetHash"] for f in server.get(f"/api/models/{name}/tree/main", t.alice).json() if f["path"] == "w.safetensors")
    assert server.post("/api/repos/create", {"name": name.split("/")[1], "type": "space", "sdk": "static"}, t.alice).status == 200
    for what in ("secrets", "variables"):
        assert server.post(f"/api/spaces/{name}/{what}", {"key": what.upper(), "value": "v", "description": "d"}, t.alice).status == 200
    server.post(f"/api/buckets/{name}", {}, t.alice)  # of the same name
    for path in ("w", "d/f"):
        r = server.post(f"/api/buckets/{name}/batch", {"type": "addFile", "path": path, "xetHash": hash, "mtime": 1700000000123, "contentType": "a/b"}, t.alice)
        assert r.status == 200, r
    service = server.post(SERVICES, {"name": "contract " + uuid.uuid4().hex[:6], "description": "d"}, t.alice).json()["_id"]
    token = server.post(f"{SERVICES}/{service}/tokens", {"permissions": ["repo.content.read"]}, t.alice).json()["tokenInfo"]["_id"]
    org = "k" + uuid.uuid4().hex[:10]  # with no bucket: what happens to one has names of its own in the audit log
    server.cli("org", "add", org, "--owner", "alice")
    server.create(f"{org}/m", t.alice)
    server.cli("org", "provision", org)
    person = "k-" + uuid.uuid4().hex[:10]
    user = server.post(f"/api/organizations/{org}/scim/v2/Users", scim_user(person), t.alice).json()["id"]
    invited = server.post(f"/api/organizations/{org}/scim-provisioning/v2/Users", scim_user("bob"), t.alice).json()["id"]
    group = server.post(f"/api/organizations/{org}/scim/v2/Groups", {"displayName": "all", "members": [{"value": user}]}, t.alice).json()["id"]
    return {"NAME": name, "HASH": hash, "SERVICE": service, "TOKEN": token, "ORG": org, "MANAGED": user, "PERSON": person, "INVITED": invited, "GROUP": group}


def scim_user(name):
    return {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "externalId": "of-" + name, "name": {"givenName": "Ann", "familyName": "Lee"},
            "emails": [{"value": "ann@acme.org"}], "active": True}


SERVICES = "/api/organizations/acme/service-accounts"
CALLS = {
    "get /api/whoami-v2": "/api/whoami-v2",
    "get /api/models/{namespace}/{repo}/refs": "/api/models/NAME/refs?include_prs=1",
    "get /api/models/{namespace}/{repo}/commits/{rev}": "/api/models/NAME/commits/main?expand[]=formatted",
    "get /api/models/{namespace}/{repo}/tree/{rev}/{path}": "/api/models/NAME/tree/main/?recursive=true&expand=true",
    "get /api/models/{namespace}/{repo}/treesize/{rev}/{path}": "/api/models/NAME/treesize/main/d",
    "get /api/models/{namespace}/{repo}/lfs-files": "/api/models/NAME/lfs-files",
    "get /api/models/{namespace}/{repo}/scan": "/api/models/NAME/scan",
    "get /api/models/{namespace}/{repo}/user-access-request/{status}": "/api/models/NAME/user-access-request/pending",
    "get /api/{repoType}/{namespace}/{repo}/discussions": "/api/models/NAME/discussions",
    "get /api/users/{username}/overview": "/api/users/alice/overview",
    "get /api/users/{username}/likes": "/api/users/alice/likes",
    "get /api/organizations/{name}/members": "/api/organizations/acme/members",
    "get /api/organizations/{name}/avatar": "/api/organizations/acme/avatar",
    "get /api/models-tags-by-type": "/api/models-tags-by-type",
    "get /api/datasets-tags-by-type": "/api/datasets-tags-by-type",
    "get /api/quicksearch": "/api/quicksearch?q=alice",
    "get /api/trending": "/api/trending",
    "get /api/agent-harnesses": "/api/agent-harnesses",
    "get /api/notifications": "/api/notifications",
    "get /api/settings/webhooks": "/api/settings/webhooks",
    "get /api/organizations/{name}/audit-log/export": "/api/organizations/ORG/audit-log/export",
    "get /api/organizations/{name}/settings/repositories": "/api/organizations/acme/settings/repositories",
    "get /api/organizations/{name}/socials": "/api/organizations/acme/socials",
    "get /api/users/{username}/socials": "/api/users/alice/socials",
    "get /api/spaces/{namespace}/{repo}/secrets": "/api/spaces/NAME/secrets",
    "get /api/spaces/{namespace}/{repo}/variables": "/api/spaces/NAME/variables",
    "get /api/settings/repositories": "/api/settings/repositories?type=bucket",
    "get /api/buckets/{namespace}": "/api/buckets/alice",
    "get /api/buckets/{namespace}/{repo}": "/api/buckets/NAME",
    "get /api/buckets/{namespace}/{repo}/tree/{path}": "/api/buckets/NAME/tree/?recursive=false",
    "get /api/buckets/{namespace}/{repo}/xet-read-token": "/api/buckets/NAME/xet-read-token",
    "get /api/buckets/{namespace}/{repo}/xet-write-token": "/api/buckets/NAME/xet-write-token",
    "get /buckets/{namespace}/{repo}/resolve/{path}": ("/buckets/NAME/resolve/w", None, "application/vnd.xet-fileinfo+json"),
    "post /api/buckets/{namespace}/{repo}": ("/api/buckets/alice/FRESH", {"private": False}),
    "post /api/buckets/{namespace}/{repo}/batch": ("/api/buckets/NAME/batch", {"type": "addFile", "path": "d/none", "xetHash": "0" * 64}),
    "post /api/buckets/{namespace}/{repo}/lfs-files/duplicate": (
        "/api/buckets/NAME/lfs-files/duplicate", {"target": {"type": "model", "name": "NAME"}, "files": [{"xetHash": "HASH", "sha256": hearth.sha256(WEIGHTS)}]}),
    "post /api/buckets/{namespace}/{repo}/paths-info": ("/api/buckets/NAME/paths-info", {"paths": ["w", "nothing"]}),
    "put /api/buckets/{namespace}/{repo}/settings": ("/api/buckets/NAME/settings", {"private": True}),
    "post /api/models/{namespace}/{repo}/paths-info/{rev}": ("/api/models/NAME/paths-info/main", {"paths": ["d", "w.safetensors"], "expand": True}),
    "post /api/models/{namespace}/{repo}/preupload/{rev}": (
        "/api/models/NAME/preupload/main", {"files": [{"path": "a", "size": 1, "sample": base64.b64encode(b"x").decode()}]}),
    "post /api/models/{namespace}/{repo}/commit/{rev}": ("/api/models/NAME/commit/main", {"summary": "s", "files": [{"path": "n", "content": "x"}]}),
    "post /api/models/{namespace}/{repo}/super-squash/{rev}": ("/api/models/NAME/super-squash/main", {"message": "m"}),
    "post /api/repos/create": ("/api/repos/create", {"name": "FRESH"}),
    "put /api/models/{namespace}/{repo}/settings": ("/api/models/NAME/settings", {"gated": "auto"}),
    "get /api/organizations/{name}/service-accounts": SERVICES,
    "post /api/organizations/{name}/service-accounts": (SERVICES, {"name": "FRESH", "description": "what for"}),
    "get /api/organizations/{name}/service-accounts/{serviceAccountId}": f"{SERVICES}/SERVICE",
    "post /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens": (f"{SERVICES}/SERVICE/tokens", {"permissions": ["repo.write"]}),
    "patch /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}": (f"{SERVICES}/SERVICE/tokens/TOKEN", {"displayName": "x"}),
    "post /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}/rotate": (f"{SERVICES}/SERVICE/tokens/TOKEN/rotate", {}),
}
SCIM, INVITES, PLAIN = "/api/organizations/{name}/scim/v2", "/api/organizations/{name}/scim-provisioning/v2", "application/json"
PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": True}]}
RENAME = {**PATCH, "Operations": [{"op": "replace", "path": "displayName", "value": "FRESH"}]}
for end, accept in (("ServiceProviderConfig", PLAIN), ("ResourceTypes", PLAIN), ("Schemas", PLAIN)):
    CALLS[f"get {SCIM}/{end}"] = (f"/api/organizations/ORG/scim/v2/{end}", None, accept)
CALLS[f"get {SCIM}/Schemas/{{schemaId}}"] = "/api/organizations/ORG/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"
for base, one, fresh in ((SCIM, "MANAGED", "FRESH"), (INVITES, "INVITED", "carol")):
    here = base.replace("{name}", "ORG")
    CALLS[f"get {base}/Users"] = f"{here}/Users?count=5"
    CALLS[f"post {base}/Users"] = (f"{here}/Users", scim_user(fresh))
    CALLS[f"get {base}/Users/{{userId}}"] = f"{here}/Users/{one}"
    CALLS[f"patch {base}/Users/{{userId}}"] = (f"{here}/Users/{one}", PATCH)
    CALLS[f"put {base}/Users/{{userId}}"] = (f"{here}/Users/{one}", scim_user("PERSON") if base == SCIM else {"externalId": "another", "active": True})
    CALLS[f"get {base}/Groups"] = f"{here}/Groups?count=5"
    CALLS[f"post {base}/Groups"] = (f"{here}/Groups", {"displayName": "FRESH", "members": []})
    CALLS[f"get {base}/Groups/{{groupId}}"] = f"{here}/Groups/GROUP"
    CALLS[f"patch {base}/Groups/{{groupId}}"] = (f"{here}/Groups/GROUP", RENAME)
    CALLS[f"put {base}/Groups/{{groupId}}"] = (f"{here}/Groups/GROUP", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "FRESH", "members": []})


def test_every_shape_is_checked():
    assert set(SHAPES) == set(CALLS)


@pytest.mark.parametrize("operation", SHAPES)
def test_shape(server, t, world, operation):
    call = CALLS[operation]
    path, body, accept = (*call, None)[:3] if isinstance(call, tuple) else (call, None, None)
    for word, value in {"FRESH": "k-" + uuid.uuid4().hex[:10], **world}.items():
        path, body = path.replace(word, value), body and json.loads(json.dumps(body).replace(word, value))
    r = server.request(operation.split(" ")[0].upper(), path, body, t.alice, headers={"Accept": accept} if accept else None)
    assert r.status in (200, 201), r
    errors = sorted(jsonschema.Draft202012Validator(SHAPES[operation]).iter_errors(r.json()), key=lambda e: e.path)
    assert not errors, "\n".join(f"{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in errors[:5])
