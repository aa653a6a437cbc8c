"""Discussions, likes, following and notifications: with every pinned huggingface_hub, and on the wire."""
import sqlite3

import pytest

from hearth import await_that, fresh


@pytest.fixture
def thread(server, t, repo):
    """A discussion of bob's in alice's repository: its address."""
    num = server.post(f"/api/models/{repo}/discussions", {"title": "A question", "description": "How *deep* is it?"}, t.bob).json()["num"]
    return f"/api/models/{repo}/discussions/{num}"


def say(server, thread, text, token):
    r = server.post(thread + "/comment", {"comment": text}, token)
    assert r.status == 200, r
    return r.json()["newMessage"]


# -------------------------------------------------------------------- what is said

def test_comments_are_safe_html(server, t, thread, repo):
    num = thread.rsplit("/", 1)[1]
    text = f"**Hi** @alice and @nobody-at-all, see #{num} and #999, not `@alice`; mail a@alice.org <script>alert(1)</script> [x](javascript:alert(1))"
    html = say(server, thread, text, t.bob)["data"]["latest"]["html"]
    assert "<strong>Hi</strong>" in html and '<a class="mention" href="/alice">@alice</a>' in html and "@nobody-at-all" in html
    assert f'<a href="/{repo}/discussions/{num}">#{num}</a>' in html and ">#999<" not in html
    assert "<code>@alice</code>" in html and html.count('href="/alice"') == 1
    assert "<script" not in html and "javascript:" not in html
    raw = server.get(thread, t.bob).json()["events"][-1]["data"]["latest"]["raw"]
    assert raw == text


def test_edits_equal_details(server, t, thread):
    first = say(server, thread, "one", t.bob)
    edited = server.post(f"{thread}/comment/{first['id']}/edit", {"content": "*two*"}, t.bob).json()["updatedComment"]
    details = server.get(thread, t.alice).json()
    assert details["events"][-1] == edited == server.get(thread).json()["events"][-1]
    assert edited["data"]["edited"] is True and edited["data"]["latest"]["html"].strip() == "<p><em>two</em></p>"
    assert [v["raw"] for v in edited["data"]["history"]] == ["one"] and "<p>one</p>" in edited["data"]["history"][0]["html"]
    assert server.post(f"{thread}/comment/{first['id']}/edit", {"content": "three"}, t.alice).status == 403


def test_reactions(server, t, thread):
    c = say(server, thread, "hello", t.bob)["id"]
    one = f"{thread}/comment/{c}/reaction"
    for token, name in ((t.alice, "heart"), (t.bob, "heart"), (t.bob, "rocket"), (t.bob, "rocket")):
        assert server.request("PUT", f"{one}/{name}", {}, token).status == 200
    assert server.request("PUT", f"{one}/shrug", {}, t.bob).status == 400
    assert server.request("PUT", f"{one}/heart", {}).status == 401
    assert server.request("PUT", f"{thread}/comment/{'0' * 24}/reaction/heart", {}, t.bob).status == 404
    event = server.get(thread).json()["events"][-1]
    assert event["data"]["reactions"] == [{"reaction": "heart", "users": ["alice", "bob"], "count": 2},
                                          {"reaction": "rocket", "users": ["bob"], "count": 1}]
    listed = server.get(thread.rsplit("/", 1)[0]).json()["discussions"][0]
    assert listed["numReactionUsers"] == 2 and listed["topReactions"][0] == {"reaction": "heart", "count": 2}
    assert server.request("DELETE", f"{one}/heart", {}, t.alice).status == 200
    assert server.get(thread).json()["events"][-1]["data"]["reactions"][0]["users"] == ["bob"]


def test_locked_and_pinned(server, t, thread):
    assert server.post(thread + "/lock", {"locked": True}, t.bob).status == 403
    assert server.post(thread + "/lock", {"locked": True}, t.alice).status == 200
    r = server.post(thread + "/comment", {"comment": "let me in"}, t.bob)
    assert r.status == 403 and "locked" in r.message
    say(server, thread, "order!", t.alice)
    assert server.post(thread + "/lock", {"locked": False}, t.alice).status == 200
    say(server, thread, "thanks", t.bob)
    newer = server.post(thread.rsplit("/", 1)[0], {"title": "Newer", "description": ""}, t.bob).json()["num"]
    assert server.post(thread + "/pin", {"pinned": True}, t.alice).status == 200
    rows = server.get(thread.rsplit("/", 1)[0]).json()["discussions"]
    assert [d["pinned"] for d in rows] == [True, False] and rows[1]["num"] == newer
    assert [e["type"] for e in server.get(thread).json()["events"] if e["type"] != "comment"] == ["locking-change", "locking-change", "pinning-change"]
    busiest = server.get(thread.rsplit("/", 1)[0] + "?sort=trending").json()["discussions"]
    assert busiest[0]["pinned"] and server.get(thread.rsplit("/", 1)[0] + "?sort=best").status == 400


def test_storage_of_a_pull_request(server, t, name):
    server.create(name, t.alice)
    server.commit(name, t.alice, {"a.txt": b"a"}, {"one.bin": b"1" * 5000})
    pr = server.post(f"/api/models/{name}/discussions", {"title": "A change", "description": "", "pullRequest": True}, t.alice).json()["num"]
    server.commit(name, t.alice, {}, {"two.bin": b"2" * 7000, "again.bin": b"1" * 5000}, rev=f"refs/pr/{pr}")
    one = f"/api/models/{name}/discussions/{pr}"
    assert server.get(one + "/storage", t.alice).json() == {"estimatedStorage": 7000, "refDeleted": False}
    server.post(one + "/status", {"status": "closed"}, t.alice)
    assert server.request("DELETE", one + "/ref", {}, t.alice).status == 200
    assert server.get(one + "/storage", t.alice).json() == {"estimatedStorage": 0, "refDeleted": True}


def test_pushes_are_noted_by_the_pull_requests_that_moved(server, t, name):
    """Of eleven, so that the order of their names is not that of their numbers."""
    server.create(name, t.alice)
    server.commit(name, t.alice, {"a.txt": b"a"})
    base = f"/api/models/{name}/discussions"
    numbers = [server.post(base, {"title": "A change", "description": "", "pullRequest": True}, t.alice).json()["num"] for _ in range(11)]

    def commits():
        return {n: sum(e["type"] == "commit" for e in server.get(f"{base}/{n}").json()["events"]) for n in numbers}

    before = commits()
    for moved in (2, 10, 10, 11):
        assert server.commit(name, t.alice, {f"new-{sum(before.values())}.txt": b"x"}, rev=f"refs/pr/{moved}").status == 200
        before[moved] += 1
        assert commits() == before
    assert server.commit(name, t.alice, {"b.txt": b"b"}).status == 200
    assert commits() == before, "none of them moved"


def test_the_client_reads_it(hub, repo):
    out = hub("""
        d = api.create_discussion(name, title="From the client", description="Is it **bold**?")
        c = api.comment_discussion(name, d.num, "@alice says `no`")
        e = api.edit_discussion_comment(name, d.num, c.id, "yes")
        api.rename_discussion(name, d.num, "Another title")
        api.change_discussion_status(name, d.num, "closed", comment="done")
        api.hide_discussion_comment(name, d.num, c.id)
        got = api.get_discussion_details(name, d.num)
        out = [[type(x).__name__ for x in got.events], got.title, got.status, got.events[0].rendered, got.events[1].hidden]
        """, name=repo)
    assert out[0] == ["DiscussionComment", "DiscussionComment", "DiscussionTitleChange", "DiscussionComment", "DiscussionStatusChange"]
    assert out[1:3] == ["Another title", "closed"] and "<strong>bold</strong>" in out[3] and out[4] is True


# -------------------------------------------------------------------- likes and following

def test_likes(hub, server, t, repo):
    server.post(f"/api/models/{repo}/like", {}, t.bob)
    out = hub("""
        if hasattr(api, "like"):
            api.like(name)
        else:
            hub.utils.get_session().post(f"{api.endpoint}/api/models/{name}/like", headers=api._build_hf_headers(), json={}).raise_for_status()
        mine = api.list_liked_repos("alice").models
        people = sorted(u.username for u in api.list_repo_likers(name))
        likes = api.model_info(name).likes
        api.unlike(name)
        out = [name in mine, people, likes, name in api.list_liked_repos("alice").models, [u.username for u in api.list_repo_likers(name)]]
        """, name=repo)
    assert out == [True, ["alice", "bob"], 2, False, ["bob"]]


def test_followers(hub, server, t):
    for path, token in (("users/alice", t.bob), ("users/alice", t.carol), ("organizations/acme", t.bob)):
        assert server.post(f"/api/{path}/follow", {}, token).status == 200
    assert server.post("/api/users/bob/follow", {}, t.bob).status == 400 and server.post("/api/users/alice/follow", {}).status == 401
    assert server.post("/api/users/acme/follow", {}, t.bob).status == 404
    out = hub("""
        u = api.get_user_overview("alice")
        fans = sorted(x.username for x in api.list_user_followers("alice"))
        out = [getattr(u, "num_followers", 2), fans, [x.username for x in api.list_user_following("bob")]]
        if hasattr(api, "list_organization_followers"):
            out.append([x.username for x in api.list_organization_followers("acme")])
        """)
    assert out[:3] == [2, ["bob", "carol"], ["alice"]] and out[3:] in ([["bob"]], [])
    assert server.get("/api/users/alice/overview", t.bob).json()["isFollowing"] is True
    first = server.get("/api/users/alice/followers?limit=1")
    assert [u["user"] for u in first.json()] == ["bob"] and "cursor=bob" in first.headers["link"]
    for token in (t.bob, t.carol):
        assert server.request("DELETE", "/api/users/alice/follow", {}, token).status == 200
    server.request("DELETE", "/api/organizations/acme/follow", {}, t.bob)
    assert server.get("/api/users/alice/followers").json() == [] and server.get("/api/users/alice/overview").json()["numFollowers"] == 0


def test_names_elsewhere(server):
    assert server.get("/api/users/alice/socials").json()["socialHandles"] == {}
    assert server.get("/api/organizations/acme/socials").json()["org"] == "acme"
    assert server.get("/api/users/nobody-here/socials").status == 404


# -------------------------------------------------------------------- notifications

def notes(server, token, query=""):
    r = server.get("/api/notifications" + query, token)
    assert r.status == 200, r
    return r.json()


def note_of(server, token, repo, query=""):
    return [n for n in notes(server, token, f"?repoName={repo}{query}")["notifications"]]


def test_who_is_told(server, t, repo):
    """The owner watches; whoever takes part is told of what comes after; a mention tells anybody who may see it."""
    api = f"/api/models/{repo}/discussions"
    num = server.post(api, {"title": "Question", "description": "hm"}, t.bob).json()["num"]
    owner = await_that(lambda: note_of(server, t.alice, repo))
    assert len(owner) == 1 and owner[0]["discussion"]["num"] == num and owner[0]["read"] is False
    assert owner[0]["repo"] == {"name": repo, "type": "model"} and owner[0]["discussion"]["participating"][0]["user"] == "bob"
    assert note_of(server, t.bob, repo) == [] and note_of(server, t.carol, repo) == []
    said = say(server, f"{api}/{num}", "well, @carol knows; `@wendy` does not", t.alice)["id"]
    assert await_that(lambda: note_of(server, t.bob, repo, "&mention=participating"))[0]["discussionEventId"] == said
    assert await_that(lambda: note_of(server, t.carol, repo, "&mention=mentions"))[0]["discussion"]["title"] == "Question"
    assert note_of(server, t.bob, repo, "&mention=mentions") == [] and note_of(server, t.wendy, repo) == []
    assert notes(server, t.carol)["count"]["unread"] >= 1

    thread_id = owner[0]["discussion"]["id"]
    assert server.post("/api/notifications/mark-as-read", {"discussionIds": [thread_id], "read": True}, t.bob).status == 200
    assert note_of(server, t.bob, repo, "&readStatus=unread") == [] and note_of(server, t.bob, repo)[0]["read"] is True
    say(server, f"{api}/{num}", "more", t.alice)
    await_that(lambda: note_of(server, t.bob, repo, "&readStatus=unread"))
    assert server.request("DELETE", f"/api/notifications?applyToAll=true&repoName={repo}", {}, t.bob).status == 200
    assert note_of(server, t.bob, repo) == [] and len(note_of(server, t.carol, repo)) == 1


def test_what_became_private_is_not_told(server, t, repo):
    num = server.post(f"/api/models/{repo}/discussions", {"title": "Soon hidden", "description": "@bob"}, t.alice).json()["num"]
    await_that(lambda: note_of(server, t.bob, repo))
    assert server.request("PUT", f"/api/models/{repo}/settings", {"private": True}, t.alice).status == 200
    assert note_of(server, t.bob, repo) == []
    assert server.get(f"/api/models/{repo}/discussions/{num}", t.bob).status == 404
    server.post(f"/api/models/{repo}/discussions/{num}/comment", {"comment": "@bob, @carol"}, t.alice)
    server.request("PUT", f"/api/models/{repo}/settings", {"private": False}, t.alice)
    other = server.post(f"/api/models/{repo}/discussions", {"title": "Open", "description": "@carol"}, t.alice).json()["num"]
    told = await_that(lambda: note_of(server, t.carol, repo))
    assert [n["discussion"]["num"] for n in told] == [other]  # the mention in private reached nobody


def test_watching_and_muting(server, t, name):
    repo = server.create(name, t.alice)
    api, identity = f"/api/models/{repo}/discussions", server.get(f"/api/models/{repo}").json()["_id"]

    def watch(token, **body):
        return server.request("PATCH", "/api/settings/watch", body, token).status

    assert watch(t.carol, add=[{"id": identity, "type": "repo"}]) == 200
    assert watch(t.alice, delete=[{"id": identity, "type": "repo"}]) == 200
    assert watch(t.carol, add=[{"id": "0" * 24, "type": "repo"}]) == 404 and watch(t.carol, add=[{"id": identity, "type": "planet"}]) == 400
    server.post(api, {"title": "For watchers", "description": ""}, t.bob)
    await_that(lambda: note_of(server, t.carol, repo))
    assert note_of(server, t.alice, repo) == []            # muted, though it is hers
    server.post(api, {"title": "For her", "description": "@alice!"}, t.bob)
    await_that(lambda: note_of(server, t.alice, repo))           # mentions pass
    settings = {"notifications": {"web_discussions_watched": False, "announcements": False}}
    assert server.request("PATCH", "/api/settings/notifications", settings, t.carol).status == 200
    server.post(api, {"title": "Third", "description": "@alice"}, t.bob)
    await_that(lambda: len(note_of(server, t.alice, repo)) == 2)
    assert {n["discussion"]["title"] for n in note_of(server, t.carol, repo)} == {"For watchers", "For her"}
    assert server.request("PATCH", "/api/settings/notifications", {"notifications": {"announcements": True}}, t.carol).status == 501
    assert server.request("PATCH", "/api/settings/notifications", {"notifications": {"web_discussions_watched": True}}, t.carol).status == 200


@pytest.mark.parametrize("method,path,body", [
    ("GET", "/api/notifications", None), ("DELETE", "/api/notifications", {}), ("POST", "/api/notifications/mark-as-read", {}),
    ("PATCH", "/api/settings/notifications", {}), ("PATCH", "/api/settings/watch", {}), ("POST", "/api/users/alice/follow", {})])
def test_only_for_those_who_are_signed_in(server, t, method, path, body):
    assert server.request(method, path, body).status == 401
    if method != "GET":
        assert server.request(method, path, body, t.alice_read).status == 403


# ------------------------------------------------------------------ behind a gate, and without discussions

def test_a_gate_hides_what_a_pull_request_would_change(server, t):
    name = server.create(f"alice/g-{fresh()}", t.alice)
    results = b"- dataset: {id: the secret set, task_id: accuracy}\n  value: 0.5\n"
    server.commit(name, t.alice, {"secret.txt": b"the secret before\n", ".eval_results/r.yaml": results})
    r = server.commit(name, t.alice, {"secret.txt": b"the secret after\n"}, query={"create_pr": "1"})
    assert server.request("PUT", f"/api/models/{name}/settings", {"gated": "manual"}, t.alice).status == 200
    for token, sees in ((t.alice, True), (t.bob, False), (None, False)):
        r = server.get(f"/api/models/{name}/discussions/1", token, query={"diff": "1"})
        assert r.status == 200 and r.json()["isPullRequest"], r
        assert ("the secret" in r.body.decode()) is sees and ("diff" in r.json()) is sees
        r = server.get(f"/{name}/discussions/1", token, headers={"Accept": "text/html"})
        assert r.status == 200 and ("the secret" in r.body.decode()) is sees, r
        card, metrics = (server.get(f"/{name}{tail}", token, headers={"Accept": "text/html"}) for tail in ("", "/metrics"))
        assert card.status == 200 and ("the secret set" in card.body.decode()) is sees
        assert (metrics.status == 200 and b"the secret set" in metrics.body) is sees, metrics


def test_who_turns_discussions_off_can_still_be_liked_and_asked(server, t):
    name = server.create(f"alice/q-{fresh()}", t.alice)
    assert server.request("PUT", f"/api/models/{name}/settings", {"gated": "manual", "discussionsDisabled": True}, t.alice).status == 200
    assert server.post(f"/api/models/{name}/discussions", {"title": "title", "description": "words"}, t.bob).status == 403
    assert server.post(f"/api/models/{name}/like", token=t.bob).status == 200
    assert server.request("DELETE", f"/api/models/{name}/like", token=t.bob).status == 200
    assert server.post(f"/{name}/ask-access", {}, t.bob).status == 303
    assert [q["user"]["user"] for q in server.get(f"/api/models/{name}/user-access-request/pending", t.alice).json()] == ["bob"]
    assert server.post(f"/api/models/{name}/user-access-request/cancel", {}, t.bob).status == 200


def test_likes_are_listed_page_by_page(server):
    """Many within a millisecond: none is lost between two pages."""
    name = f"likes-{fresh()}"
    token = server.add_user(name)
    liked = [server.create(f"{name}/r{i}", token) for i in range(7)]
    for repo in liked:
        assert server.post(f"/api/models/{repo}/like", token=token).status == 200
    with sqlite3.connect(server.home / "hearth.db", timeout=30) as db:
        db.execute("UPDATE repo_like SET created_ms = 1000 WHERE user_id = (SELECT id FROM account WHERE name = ?)", (name,))
    db.close()
    seen, path = [], f"/api/users/{name}/likes?limit=2"
    while path:
        r = server.get(path)
        seen += [x["repo"]["name"] for x in r.json()]
        link = r.headers.get("link")
        path = link and link[1:link.index(">")][len(server.base):]
    assert sorted(seen) == liked
    for bad in ("1", "1.", ".1", "1.x"):
        assert server.get(f"/api/users/{name}/likes?cursor={bad}").status == 400, bad
