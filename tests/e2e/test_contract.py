"""Answers have the shape that the public hub's own OpenAPI document promises (tests/oracle/hub_shapes.json)."""
import base64
import json
import uuid

import jsonschema
import pytest

from hearth import ROOT

SHAPES = json.loads((ROOT / "tests" / "oracle" / "hub_shapes.json").read_text())


@pytest.fixture(scope="module")
def world(server):
    t, name = server.tokens, f"alice/k-{uuid.uuid4().hex[:10]}"
    server.create(name, t.alice)
    assert server.commit(name, t.alice, {"README.md": "---\nlicense: mit\n---\n", "d/a.txt": "a"}, {"w.safetensors": b"\0" * 9000}).status == 200
    server.request("PUT", f"/api/models/{name}/settings", {"gated": "manual"}, t.alice)
    server.post(f"/{name}/ask-access", {"why": "tests"}, t.bob)
    server.commit(name, t.alice, {"pr": "x"}, query={"create_pr": "1"})
    server.post(f"/api/models/{name}/like", {}, t.alice)
    return name


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
    "get /api/settings/repositories": "/api/settings/repositories",
    "post /api/models/{namespace}/{repo}/paths-info/{rev}": ("/api/models/NAME/paths-info/main", {"paths": ["d", "w.safetensors"], "expand": True}),
    "post /api/models/{namespace}/{repo}/preupload/{rev}": (
        "/api/models/NAME/preupload/main", {"files": [{"path": "a", "size": 1, "sample": base64.b64encode(b"x").decode()}]}),
    "post /api/models/{namespace}/{repo}/commit/{rev}": ("/api/models/NAME/commit/main", {"summary": "s", "files": [{"path": "n", "content": "x"}]}),
    "post /api/models/{namespace}/{repo}/super-squash/{rev}": ("/api/models/NAME/super-squash/main", {"message": "m"}),
    "post /api/repos/create": ("/api/repos/create", {"name": "FRESH"}),
    "put /api/models/{namespace}/{repo}/settings": ("/api/models/NAME/settings", {"gated": "auto"}),
}


def test_every_shape_is_checked():
    assert set(SHAPES) == set(CALLS)


@pytest.mark.parametrize("operation", SHAPES)
def test_shape(server, t, world, operation):
    call = CALLS[operation]
    path, body = call if isinstance(call, tuple) else (call, None)
    if body:
        body = json.loads(json.dumps(body).replace("FRESH", "k-" + uuid.uuid4().hex[:10]))
    r = server.request(operation.split(" ")[0].upper(), path.replace("NAME", world), body, t.alice)
    assert r.status == 200, r
    errors = sorted(jsonschema.Draft202012Validator(SHAPES[operation]).iter_errors(r.json()), key=lambda e: e.path)
    assert not errors, "\n".join(f"{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in errors[:5])
