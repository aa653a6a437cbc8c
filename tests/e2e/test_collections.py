"""Collections, and the variables and secrets of Spaces: with every pinned huggingface_hub, and on the wire."""
import pytest

from hearth import fresh


@pytest.fixture
def make(server, t):
    """Makes a collection over plain HTTP."""
    def create(title=None, token=None, namespace="alice", **fields):
        r = server.post("/api/collections", {"title": title or f"C {fresh()}", "namespace": namespace, **fields}, token or t.alice)
        assert r.status == 200, r
        return r.json()
    return create


@pytest.fixture
def space(server, t):
    return server.create(f"alice/s-{fresh()}", t.alice, kind="space", sdk="gradio")


def test_a_space_looks_the_same_in_a_collection_and_in_a_search(server, t, make):
    c = make()
    for card, want in (("title: Fire\nemoji: X\ncolorFrom: red\npinned: true\n", ["Fire", "X", "red", "gray", True, "static"]), ("", [None, "", "gray", "gray", False, "static"])):
        name = server.create(f"alice/s-{fresh()}", t.alice, kind="space", sdk="static")
        assert server.commit(name, t.alice, {"README.md": f"---\n{card}sdk: static\n---\n"}, kind="spaces").status == 200
        r = server.post(f"/api/collections/{c['slug']}/items", {"item": {"type": "space", "id": name}}, t.alice)
        assert r.status == 200, r
        [listed] = [i for i in server.get(f"/api/collections/{c['slug']}").json()["items"] if i["id"] == name]
        [found] = server.get(f"/api/quicksearch?q={name.split('/')[1]}&type=space").json()["spaces"]
        for shown in (listed, found):
            assert [shown[k] for k in ("title", "emoji", "colorFrom", "colorTo", "pinned", "sdk")] == [want[0] or name.split("/")[1], *want[1:]], shown
            assert shown["runtime"]["stage"] and shown["visibility"] == "public", shown


# -------------------------------------------------------------------- collections, with the client

def test_the_life_of_a_collection(hub, repo):
    out = hub("""
        c = api.create_collection(f"Recent models {tag}", description="what for", namespace="alice")
        same = api.create_collection(f"Recent models {tag}", namespace="alice", exists_ok=True)
        taken = refused('HfHubHTTPError', api.create_collection, f"Recent models {tag}", namespace="alice")
        c = api.add_collection_item(c.slug, item_id=name, item_type="model", note="the first")
        api.add_collection_item(c.slug, item_id=name, item_type="model", exists_ok=True)
        twice = refused('HfHubHTTPError', api.add_collection_item, c.slug, item_id=name, item_type="model")
        none = refused('HfHubHTTPError', api.add_collection_item, c.slug, item_id="alice/none", item_type="model")
        ds = api.create_repo(name, repo_type="dataset").repo_id
        c = api.add_collection_item(c.slug, item_id=name, item_type="dataset")
        items = [(i.item_id, i.item_type, i.position, i.note) for i in c.items]
        api.update_collection_item(c.slug, item_object_id=c.items[1].item_object_id, position=0, note="now first")
        got = api.get_collection(c.slug)
        moved = [(i.item_type, i.position, i.note) for i in got.items]
        changed = api.update_collection_metadata(c.slug, title=f"Other {tag}", description="new", private=True, theme="pink", position=0)
        byold = api.get_collection(c.slug)
        api.delete_collection_item(c.slug, got.items[0].item_object_id)
        gone = refused('HfHubHTTPError', api.delete_collection_item, c.slug, got.items[0].item_object_id)
        api.delete_collection_item(c.slug, got.items[0].item_object_id, missing_ok=True)
        left = [i.item_type for i in api.get_collection(c.slug).items]
        api.delete_collection(c.slug)
        missing = refused('HfHubHTTPError', api.get_collection, c.slug)
        api.delete_collection(c.slug, missing_ok=True)
        out = [c.slug, same.slug == c.slug, taken, twice, none, items, moved,
               [changed.slug, changed.title, changed.description, changed.private, changed.theme, changed.position], byold.title,
               gone, left, missing, c.url, c.owner["name"], c.last_updated.year > 2000, c.upvotes]
        """, name=repo, tag=fresh())
    slug, identity = out[0], out[0][-24:]
    assert slug.startswith("alice/recent-models-") and len(slug.split("-")[-1]) == 24
    assert out[1] is True
    assert out[2]["status"] == 409 and out[3]["status"] == 409 and out[4]["status"] == 404
    assert out[5] == [[repo, "model", 0, "the first"], [repo, "dataset", 1, None]]
    assert out[6] == [["dataset", 0, "now first"], ["model", 1, "the first"]]
    assert out[7][0].startswith("alice/other-") and out[7][0].endswith(identity)
    assert out[7][2:] == ["new", True, "pink", 0]
    assert out[8] == out[7][1], "the old address goes on working"
    assert out[9]["status"] == 404 and out[10] == ["model"] and out[11]["status"] == 404
    assert out[12].endswith(f"/collections/{slug}") and out[13] == "alice" and out[14] is True and out[15] == 0


def test_listing_with_the_client(hub, repo):
    out = hub("""
        slugs = []
        for i in range(12):
            c = api.create_collection(f"{tag} {i:02}", namespace="alice", private=i == 11)
            slugs.append(c.slug)
        api.add_collection_item(slugs[3], item_id=name, item_type="model")
        mine = [c.title for c in api.list_collections(owner="alice", limit=12)]
        held = [(c.slug, c.items[0].item_id) for c in api.list_collections(item=f"models/{name}")]
        every = [c.slug for c in api.list_collections(owner=["alice", "bob"], sort="lastModified")]
        positions = [c.position for c in api.list_collections(owner="alice", limit=3)]
        none = list(api.list_collections(item="models/alice/none"))
        for s in slugs:
            api.delete_collection(s)
        out = [slugs, mine, held, every, positions, none]
        """, name=repo, tag=fresh())
    slugs, mine, held, every, positions, none = out
    assert len(mine) == 12 and mine[0].endswith(" 03"), "last updated first"
    assert held == [[slugs[3], repo]] and none == [] and positions == [0, 1, 2]
    assert set(slugs) <= set(every), "every page is read"
    assert len(every) == len(set(every))


# -------------------------------------------------------------------- collections, on the wire

def test_the_shape_of_an_answer(server, t, repo, make):
    other = make("Inner", token=t.alice)
    space = server.create(f"alice/sp-{fresh()}", t.alice, kind="space", sdk="gradio")
    c = make(theme="green", item={"type": "model", "id": repo})
    path = f"/api/collections/{c['slug']}"
    server.post(f"{path}/items", {"item": {"type": "space", "id": space}, "note": "<b>&\n\"x\""}, t.alice)
    r = server.post(f"{path}/items", {"item": {"type": "collection", "id": other["slug"][-24:]}}, t.alice)  # as @huggingface/hub's own tests do
    assert r.status == 200, r
    assert server.post(f"{path}/items", {"item": {"type": "collection", "id": "nothing"}}, t.alice).status == 404
    got = r.json()
    assert {"slug", "title", "owner", "items", "lastUpdated", "position", "private", "theme", "upvotes", "shareUrl", "gating",
            "isUpvotedByUser"} <= set(got) and "description" not in got
    assert got["owner"]["name"] == "alice" and got["owner"]["type"] == "user" and got["theme"] == "green"
    model, sp, col = got["items"]
    assert model["id"] == repo and model["type"] == model["repoType"] == "model" and model["author"] == "alice"
    assert {"downloads", "likes", "lastModified", "gated", "private", "isLikedByUser"} <= set(model) and "note" not in model
    assert sp["note"] == {"text": "<b>&\n\"x\"", "html": "&lt;b&gt;&amp;<br>&quot;x&quot;"} and sp["runtime"]["stage"] == "NO_APP_FILE"
    assert col["slug"] == other["slug"] and col["numberItems"] == 0 and col["type"] == "collection"
    assert [i["position"] for i in got["items"]] == [0, 1, 2]
    listed = server.get("/api/collections", t.alice, query={"owner": "alice", "limit": 1}).json()[0]
    assert "position" not in listed and "shareUrl" not in listed and all("position" in i for i in listed["items"])
    brief = server.get("/api/collections", t.alice, query={"owner": "alice", "expand": "false", "limit": 1}).json()[0]
    assert set(brief) == {"name", "title", "private", "upvotes"}
    for slug in (c["slug"], c["slug"].upper()[:6] + c["slug"][6:], f"alice/anything-{c['slug'][-24:]}", f"alice/{c['slug'][-24:]}"):
        assert server.get(f"/api/collections/{slug}").status == 200, slug


def test_a_list_shows_four_items(server, t, make):
    c = make()
    for _ in range(6):
        name = server.create(f"alice/i-{fresh()}", t.alice)
        assert server.post(f"/api/collections/{c['slug']}/items", {"item": {"type": "model", "id": name}}, t.alice).status == 200
    assert len(server.get(f"/api/collections/{c['slug']}").json()["items"]) == 6
    assert len(server.get("/api/collections", query={"owner": "alice", "limit": 1}).json()[0]["items"]) == 4


def test_pages_are_linked(server, t, make):
    made = {make()["slug"] for _ in range(5)}
    seen, path = [], "/api/collections?owner=alice&limit=2"
    while path:
        r = server.get(path)
        assert r.status == 200 and len(r.json()) <= 2, r
        seen += [c["slug"] for c in r.json()]
        link = r.headers.get("link")
        assert link is None or link.endswith('; rel="next"') and link.startswith(f"<{server.base}/api/collections?"), link
        path = link and link[1:link.index(">")]
    assert made <= set(seen) and len(seen) == len(set(seen))


def test_what_is_private_does_not_exist_for_strangers(server, t, make):
    hidden = make(private=True)
    path = f"/api/collections/{hidden['slug']}"
    for token in (None, t.bob, t.carol):
        assert server.get(path, token).status == 404
        assert hidden["slug"] not in [c["slug"] for c in server.get("/api/collections", token, query={"limit": 100}).json()]
    assert server.request("DELETE", path, token=t.bob).status == 404
    assert server.request("PATCH", path, {"private": False}, t.bob).status == 404
    assert server.get(path, t.alice_read).status == 200
    assert server.request("PATCH", path, {"private": False}, t.alice_read).status == 403
    assert server.request("PATCH", path, {"private": False}, t.alice).status == 200
    assert server.get(path).status == 200
    assert server.request("DELETE", path, token=t.bob).status == 403
    assert server.request("DELETE", path).status == 401


def test_items_that_may_not_be_seen_are_left_out(server, t, make):
    private = server.create(f"alice/p-{fresh()}", t.alice, private=True)
    public = server.create(f"alice/q-{fresh()}", t.alice)
    inner = make(private=True)
    c = make()
    for item in ({"type": "model", "id": private}, {"type": "collection", "id": inner["slug"]}, {"type": "model", "id": public}):
        assert server.post(f"/api/collections/{c['slug']}/items", {"item": item}, t.alice).status == 200

    def items(token):
        return [i["id"] for i in server.get(f"/api/collections/{c['slug']}", token).json()["items"]]
    assert len(items(t.alice)) == 3
    assert items(None) == items(t.bob) == [public]
    got = server.get(f"/api/collections/{c['slug']}").json()["items"]
    assert [i["position"] for i in got] == [0], "a gap tells of what is hidden"
    outer = make(item={"type": "collection", "id": c["slug"]})
    for token, n in ((t.alice, 3), (t.root, 3), (t.bob, 1), (None, 1)):
        assert server.get(f"/api/collections/{outer['slug']}", token).json()["items"][0]["numberItems"] == n, token
    assert server.get("/api/collections", t.bob, query={"item": f"models/{private}"}).json() == []
    assert [x["slug"] for x in server.get("/api/collections", t.alice, query={"item": f"models/{private}"}).json()] == [c["slug"]]
    theirs = make(token=t.bob, namespace="bob")
    r = server.post(f"/api/collections/{theirs['slug']}/items", {"item": {"type": "model", "id": private}}, t.bob)
    assert r.status == 404 and r.code == "RepoNotFound", r
    server.request("DELETE", "/api/repos/delete", {"name": public, "type": "model"}, t.alice)
    assert items(None) == []


def test_roles_of_an_organisation(server, t, make):
    for token, status in ((t.carol, 403), (t.carl, 403), (t.bob, 403), (None, 401), (t.wendy, 200), (t.alice, 200), (t.alice_read, 403)):
        r = server.post("/api/collections", {"title": f"O {fresh()}", "namespace": "acme"}, token)
        assert r.status == status, (token, r)
    hidden = make(namespace="acme", private=True)
    assert server.get(f"/api/collections/{hidden['slug']}", t.carol).status == 200
    assert server.get(f"/api/collections/{hidden['slug']}", t.bob).status == 404
    assert server.post(f"/api/collections/{hidden['slug']}/items", {"item": {"type": "model", "id": "a/b"}}, t.carol).status == 403


def test_a_batch_of_changes(server, t, make):
    c = make()
    for _ in range(3):
        name = server.create(f"alice/b-{fresh()}", t.alice)
        c = server.post(f"/api/collections/{c['slug']}/items", {"item": {"type": "model", "id": name}}, t.alice).json()
    path, ids = f"/api/collections/{c['slug']}", [i["_id"] for i in c["items"]]
    change = [{"action": "update", "_id": ids[2], "data": {"position": 0}}, {"action": "update", "_id": ids[0], "data": {"note": "n"}}]
    assert server.post(f"{path}/items/batch", change, t.alice).status == 200
    got = server.get(path).json()["items"]
    assert [i["_id"] for i in got] == [ids[2], ids[0], ids[1]] and got[1]["note"]["text"] == "n"
    half = [{"action": "update", "_id": ids[0], "data": {"note": "lost"}}, {"action": "update", "_id": "0" * 24, "data": {}}]
    assert server.post(f"{path}/items/batch", half, t.alice).status == 404
    assert server.get(path).json()["items"][1]["note"]["text"] == "n"
    for bad in ({"not": "a list"}, [{"action": "delete", "_id": ids[0]}], [{"action": "update"}], [3], [{}] * 101):
        assert server.post(f"{path}/items/batch", bad, t.alice).status == 400, bad


@pytest.mark.parametrize("body, status", [
    ({"namespace": "alice"}, 400),
    ({"title": "", "namespace": "alice"}, 400),
    ({"title": "x" * 61, "namespace": "alice"}, 400),
    ({"title": "x", "namespace": "alice", "description": "d" * 151}, 400),
    ({"title": "x", "namespace": "alice", "theme": "mauve"}, 400),
    ({"title": 3, "namespace": "alice"}, 400),
    ({"title": "x", "namespace": "nobody-here"}, 404),
    ({"title": "x", "namespace": "bob"}, 403),
    ({"title": "x", "namespace": "alice", "resourceGroupId": "0" * 24}, 404),
    ({"title": "never made", "namespace": "alice", "item": {"type": "model", "id": "alice/none"}}, 404),
    ({"title": "never made", "namespace": "alice", "item": {"type": "paper", "id": "1706.03762"}}, 501),
    ({"title": "never made", "namespace": "alice", "item": {"type": "shoe", "id": "x"}}, 400),
])
def test_what_creation_refuses(server, t, body, status):
    r = server.post("/api/collections", body, t.alice)
    assert r.status == status and r.json()["error"] == r.message, r
    assert "never made" not in [c["title"] for c in server.get("/api/collections", t.alice, query={"limit": 100}).json()]


def test_bad_queries(server, t):
    assert server.get("/api/collections?sort=random").status == 400
    assert server.get("/api/collections?cursor=zzz").status == 400
    assert server.get("/api/collections?item=gpt2").status == 400
    assert server.get("/api/collections?q=%25_%27%22").json() == []
    assert server.get("/api/collections/alice/" + "a" * 3000).status == 404


# -------------------------------------------------------------------- variables and secrets of Spaces

def test_variables_and_secrets_with_the_client(hub):
    out = hub("""
        name = "alice/v-" + tag
        api.create_repo(name, repo_type="space", space_sdk="gradio", space_variables=[{"key": "BORN", "value": "with it"}],
                        space_secrets=[{"key": "HUSH", "value": "very quiet"}])
        first = {k: v.value for k, v in api.get_space_variables(name).items()}
        v = api.add_space_variable(name, "MODEL", "gpt2", description="which")
        v = api.add_space_variable(name, "MODEL", "gpt3")
        added = {k: (x.value, x.description, x.updated_at is not None) for k, x in v.items()}
        v = api.delete_space_variable(name, "BORN")
        api.add_space_secret(name, "TOKEN", "s3cret-value", description="for x")
        secrets = {k: s.description for k, s in api.get_space_secrets(name).items()} if hasattr(api, "get_space_secrets") else None
        api.delete_space_secret(name, "TOKEN")
        api.delete_space_secret(name, "TOKEN")
        bad = refused('BadRequestError', api.add_space_secret, name, "no-dash", "x")
        runtime = api.get_space_runtime(name)
        out = [name, first, added, sorted(v), secrets, bad, runtime.stage, runtime.hardware, runtime.requested_hardware]
        """, tag=fresh())
    name, first, added, left, secrets, bad, *runtime = out
    assert first == {"BORN": "with it"}
    assert added["MODEL"] == ["gpt3", None, True] and left == ["MODEL"]
    assert secrets is None or secrets == {"HUSH": None, "TOKEN": "for x"}
    assert bad["status"] == 400 and runtime == ["NO_APP_FILE", None, None]


def test_a_secret_leaves_no_trace(server, t, space):
    value = f"needle-{fresh()}"
    path = f"/api/spaces/{space}/secrets"
    assert server.post(path, {"key": "TOKEN", "value": value, "description": "d"}, t.alice).json() == {}
    r = server.get(path, t.alice)
    assert set(r.json()["TOKEN"]) == {"key", "description", "updatedAt"}
    key = server.home / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600 and key.stat().st_size == 32
    for file in [*server.home.glob("hearth.db*"), server.log]:
        assert value.encode() not in file.read_bytes(), file


def test_who_may_look_at_settings(server, t, space):
    v, s = f"/api/spaces/{space}/variables", f"/api/spaces/{space}/secrets"
    assert server.post(v, {"key": "K", "value": "1"}, t.alice).json()["K"]["value"] == "1"
    assert server.get(v).json()["K"]["value"] == "1", "variables are for everybody who sees the Space"
    for token, status in ((None, 401), (t.bob, 403), (t.alice_read, 403)):
        assert server.get(s, token).status == status
        for method in ("POST", "DELETE"):
            for path in (v, s):
                assert server.request(method, path, {"key": "K2", "value": "1"}, token).status == status
    assert list(server.get(v).json()) == ["K"]
    hidden = server.create(f"alice/h-{fresh()}", t.alice, kind="space", private=True)
    assert server.get(f"/api/spaces/{hidden}/variables", t.bob).status == 404
    assert server.get(f"/api/spaces/{hidden}/runtime").status == 401
    model = server.create(f"alice/m-{fresh()}", t.alice)
    assert server.get(f"/api/models/{model}/variables", t.alice).status == 404


def test_settings_that_are_refused(server, t, space):
    v, s = f"/api/spaces/{space}/variables", f"/api/spaces/{space}/secrets"
    for body in ({}, {"key": "A"}, {"key": "A", "value": 3}, {"key": "1A", "value": "x"}, {"key": "PATH", "value": "x"},
                 {"key": "SPACE_ID", "value": "x"}, {"key": "A", "value": "a\0b"}, {"key": "A" * 129, "value": "x"}):
        for path in (v, s):
            assert server.post(path, body, t.alice).status == 400, body
    assert server.post(s, {"key": "A", "value": "x" * 65537}, t.alice).status == 413
    assert server.post(s, {"key": "BOTH", "value": "x"}, t.alice).status == 200
    assert server.post(v, {"key": "BOTH", "value": "x"}, t.alice).status == 409
    r = server.post("/api/repos/create", {"type": "space", "name": f"n-{fresh()}", "sdk": "static",
                                          "variables": [{"key": "A", "value": "1"}, {"key": "A", "value": "2"}]}, t.alice)
    assert r.status == 400
    for method, path in (("POST", "/hardware"), ("POST", "/restart"), ("POST", "/pause"), ("PUT", "/volumes"), ("GET", "/logs/run")):
        assert server.request(method, f"/api/spaces/{space}{path}", token=t.alice).status in (404, 501), path


def test_a_copy_has_the_variables_and_no_secrets(server, t, space):
    server.post(f"/api/spaces/{space}/variables", {"key": "OPEN", "value": "1"}, t.alice)
    server.post(f"/api/spaces/{space}/variables", {"key": "MINE", "value": "old"}, t.alice)
    server.post(f"/api/spaces/{space}/secrets", {"key": "SHUT", "value": "x"}, t.alice)
    copy = f"bob/c-{fresh()}"
    r = server.post(f"/api/spaces/{space}/duplicate", {"repository": copy, "variables": [{"key": "MINE", "value": "new"}]}, t.bob)
    assert r.status == 200, r
    got = server.get(f"/api/spaces/{copy}/variables", t.bob).json()
    assert {k: v["value"] for k, v in got.items()} == {"OPEN": "1", "MINE": "new"}
    assert server.get(f"/api/spaces/{copy}/secrets", t.bob).json() == {}


def test_the_runtime_says_what_is_there(server, t, space):
    path = f"/api/spaces/{space}/runtime"
    assert server.get(path).json()["stage"] == "NO_APP_FILE"
    assert server.commit(space, t.alice, {"app.py": "print(1)\n"}, kind="spaces").status == 200
    r = server.get(path).json()
    assert r["stage"] == "STOPPED" and r["hardware"] == {"current": None, "requested": None}
    assert server.get(f"/api/spaces/{space}?expand=runtime").json()["runtime"] == r
    assert server.get("/api/spaces/hardware").json() == []
    assert server.get("/api/spaces/templates").json() == {"templates": []}


def test_quick_search_finds_collections_and_kernels(server, t, make):
    word = f"quick{fresh()}"
    shown, hidden = make(f"{word} shown"), make(f"{word} hidden", private=True)
    kernel = server.create(f"alice/{word}", t.alice, kind="kernel")
    for token, titles in ((None, [shown["title"]]), (t.alice, [hidden["title"], shown["title"]])):
        r = server.get("/api/quicksearch", token, query={"q": word}).json()
        assert [c["title"] for c in r["collections"]] == titles and r["collectionsCount"] == len(titles)
        assert r["kernels"] == [{"id": kernel, "private": False}] and r["kernelsCount"] == 1
