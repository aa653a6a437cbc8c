"""Community pages over plain HTTP: who may do what, forms that other sites cannot send, what strangers wrote."""
import html
import re
import sqlite3
import uuid

import pytest

from browser import Browser
from hearth import await_that

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def cast(server):
    """A writer, a reader and somebody else, each with a browser that is signed in; and the writer's repository."""
    out = {}
    for role in ("writer", "reader", "stranger"):
        name = f"{role}-{uuid.uuid4().hex[:6]}"
        server.add_person(name)
        b = Browser(server)
        assert b.sign_in(name).status == 303
        b.name, b.csrf, b.token = name, b.form_token(), server.token(name, "write")
        out[role] = b
    out["visitor"] = Browser(server)
    out["repo"] = server.create(f"{out['writer'].name}/thing", out["writer"].token)
    return out


def thread_of(cast, who="reader", title="A title", text="words"):
    b = cast[who]
    a = b.ask("POST", f"/{cast['repo']}/discussions/new", {"csrf": b.csrf, "title": title, "text": text})
    assert a.status == 303, a
    return a.headers["location"]


def page(b, path, status=200):
    a = b.get(path)
    assert a.status == status, (path, a)
    return a.body.decode()


def event_of(text):
    return re.findall(r'class="comment" id="([0-9a-f]{24})"', text)


def test_everything_that_a_thread_can_do(cast):
    writer, reader = cast["writer"], cast["reader"]
    one = thread_of(cast, title="Is it <b>bold</b>?", text=f"Hello @{writer.name} {EVIL}")
    text = page(cast["visitor"], one)
    assert "Is it &lt;b&gt;bold&lt;/b&gt;?" in text and "<script>alert" not in text and "onerror" not in text
    assert f'href="/{writer.name}">@{writer.name}</a>' in text and 'name="csrf"' not in text.split("<main")[1]
    first = event_of(text)[0]
    do = lambda b, tail, **form: b.ask("POST", one + tail, {"csrf": b.csrf, **form})
    a = do(reader, "/comment", text="*second*")
    second = a.headers["location"].split("#")[1]
    assert a.status == 303 and "<em>second</em>" in page(reader, one)
    assert do(reader, f"/comment/{second}/edit", text="third").status == 303 and "· edited" in page(reader, one)
    assert do(writer, f"/comment/{second}/edit", text="stolen").status == 403
    for b in (reader, writer):
        assert do(b, f"/comment/{first}/react", reaction="heart").status == 303
    assert re.search(r"</span>2</button>", page(reader, one))
    assert do(reader, f"/comment/{first}/react", reaction="heart", is_mine="yes").status == 303
    assert re.search(r"</span>1</button>", page(reader, one)) and do(reader, f"/comment/{first}/react", reaction="nonsense").status == 400
    assert do(reader, "/title", title="Another name").status == 303 and "Another name" in page(reader, one)
    for tail in ("/pin", "/lock", "/merge"):
        assert do(reader, tail, on="yes").status == 403
    assert do(writer, "/pin", on="yes").status == 303 and do(writer, "/lock", on="yes").status == 303
    assert do(reader, "/comment", text="let me in").status == 403 and "locked" in page(reader, one)
    assert do(writer, "/lock", on="no").status == 303
    assert f'<details class="sure"><summary>Hide</summary>\n<form method="post" action="{one}/comment/{second}/hide">' in page(writer, one)  # for good, so it is asked once more
    assert do(writer, f"/comment/{second}/hide").status == 303 and "This comment was hidden" in page(reader, one) and "third" not in page(reader, one)
    assert do(cast["stranger"], "/status", status="closed").status == 403 and do(reader, "/status", status="closed").status == 303
    assert "closed this" in page(reader, one) and do(reader, "/watch", on="no").status == 303 and "Unmute" in page(reader, one)


def test_a_form_sent_twice_says_it_once(cast):
    reader, spot = cast["reader"], f"/{cast['repo']}/discussions/new"
    thread_of(cast)
    hidden = lambda path, name: re.search(rf'name="{name}" value="(\w+)"', page(reader, path)).group(1)
    form = {"csrf": reader.csrf, "next": hidden(spot, "next"), "title": " Sent twice", "text": "the same words"}
    one, two = (reader.ask("POST", spot, form) for _ in range(2))
    assert one.status == two.status == 303 and one.headers["location"] == two.headers["location"]
    one = one.headers["location"]
    other = reader.ask("POST", spot, {**form, "text": "other words"})
    assert other.status == 303 and other.headers["location"] != one
    say = {"csrf": reader.csrf, "after": hidden(one, "after"), "text": "+1"}
    first, second = (reader.ask("POST", one + "/comment", say).headers["location"] for _ in range(2))
    assert first == second and len(event_of(page(reader, one))) == 2
    meant = reader.ask("POST", one + "/comment", {**say, "after": hidden(one, "after")})  # said again by who saw the first
    assert meant.headers["location"] != first and len(event_of(page(reader, one))) == 3


def test_merging_and_conflicts(server, cast):
    writer, repo = cast["writer"], cast["repo"]
    api = f"/api/models/{repo}/discussions"

    def pull(files):
        num = server.post(api, {"title": "A change", "description": "", "pullRequest": True}, cast["reader"].token).json()["num"]
        assert server.commit(repo, cast["reader"].token, files, {}, rev=f"refs/pr/{num}").status == 200
        server.post(f"{api}/{num}/status", {"status": "open"}, cast["reader"].token)
        return num
    good, bad = pull({"good.txt": b"good\n"}), pull({"same.txt": b"theirs\n"})
    server.commit(repo, writer.token, {"same.txt": b"ours\n"}, {})
    text = page(writer, f"/{repo}/discussions/{bad}")
    assert "same.txt</code>" in text and "settle it there" in text and f"refs/pr/{bad}" in text and ">Merge</button>" not in text
    assert f'action="/{repo}/discussions/{bad}/comment"' in text
    assert writer.ask("POST", f"/{repo}/discussions/{bad}/merge", {"csrf": writer.csrf}).status == 409
    assert ">Merge</button>" in page(writer, f"/{repo}/discussions/{good}") and ">Merge</button>" not in page(cast["reader"], f"/{repo}/discussions/{good}")
    assert writer.ask("POST", f"/{repo}/discussions/{good}/merge", {"csrf": writer.csrf}).status == 303
    assert "merged this" in page(writer, f"/{repo}/discussions/{good}")
    assert server.get(f"/{repo}/resolve/main/good.txt").body == b"good\n"
    assert writer.ask("POST", f"/{repo}/discussions/{bad}/status", {"csrf": writer.csrf, "status": "closed"}).status == 303
    text = page(writer, f"/{repo}/discussions/{bad}")
    assert "Nothing of it went into <code>main</code>. It can be reopened." in text and ">Reopen</button>" in text


def test_pages_of_a_search_stay_in_it(server, cast):
    repo = server.create(f"{cast['writer'].name}/many-words", cast["writer"].token)
    for i in range(31):
        server.post(f"/api/models/{repo}/discussions", {"title": f"moon & June {i}", "description": "."}, cast["writer"].token)
    text = page(cast["visitor"], f"/{repo}/discussions?search=moon+%26+June")
    older = html.unescape(re.search(r'href="(\?[^"]*)">Next page<', text).group(1))
    assert len(re.findall("thread-name", text)) == 30 and "search=moon" in older
    text = page(cast["visitor"], f"/{repo}/discussions{older}")
    assert len(re.findall("thread-name", text)) == 1 and "Previous page" in text


def test_a_merged_pull_request_still_shows_what_it_changed(server, cast):
    """By a merge of two sides, by the base moving on to it (two commits), and when its ref is deleted."""
    writer = cast["writer"]
    repo = server.create(f"{writer.name}/merged", writer.token)
    api = f"/api/models/{repo}/discussions"

    def merged(beside, *commits):
        num = server.post(api, {"title": "A change", "description": "", "pullRequest": True}, writer.token).json()["num"]
        for files in commits:
            server.commit(repo, writer.token, files, {}, rev=f"refs/pr/{num}")
        server.commit(repo, writer.token, beside, {}) if beside else None
        server.post(f"{api}/{num}/status", {"status": "open"}, writer.token)
        assert writer.ask("POST", f"/{repo}/discussions/{num}/merge", {"csrf": writer.csrf}).status == 303
        return num

    def added(num):
        in_page = re.findall(r'class="diff-file">(?:<a [^>]*>)?([^<]*)<', page(writer, f"/{repo}/discussions/{num}"))
        in_api = re.findall(r"^diff --git a/(\S+)", server.get(f"{api}/{num}?diff=1", writer.token).json()["diff"], re.M)
        assert sorted(x.strip() for x in in_page) == sorted(in_api)
        return sorted(in_api)
    both = merged({"beside.txt": b"1\n"}, {"a.txt": b"a\n"})
    forward = merged(None, {"b.txt": b"b\n"}, {"c.txt": b"c\n"})
    assert added(both) == ["a.txt"] and added(forward) == ["b.txt", "c.txt"]
    server.commit(repo, writer.token, {"later.txt": b"1\n"}, {})
    for num in (both, forward):
        assert server.request("DELETE", f"{api}/{num}/ref", None, writer.token).status == 200
    assert added(both) == ["a.txt"] and added(forward) == ["b.txt", "c.txt"]


def test_likes_follows_and_profiles(server, cast):
    reader, writer, repo = cast["reader"], cast["writer"], cast["repo"]
    assert reader.ask("POST", f"/{repo}/like", {"csrf": reader.csrf, "on": "yes"}).status == 303
    assert reader.name in page(cast["visitor"], f"/{repo}/likers") and "1 like<" in page(cast["visitor"], f"/{repo}")
    assert repo.split("/")[1] in page(cast["visitor"], f"/{reader.name}?tab=likes")
    assert reader.ask("POST", f"/{writer.name}/-/follow", {"csrf": reader.csrf, "on": "yes"}).status == 303
    assert reader.ask("POST", f"/{reader.name}/-/follow", {"csrf": reader.csrf, "on": "yes"}).status == 400
    assert "1 follower<" in page(cast["visitor"], f"/{writer.name}") and reader.name in page(cast["visitor"], f"/{writer.name}?tab=followers")
    assert writer.name in page(cast["visitor"], f"/{reader.name}?tab=following")
    acts = re.sub("<[^>]+>", "", page(cast["visitor"], f"/{writer.name}?tab=activity"))
    assert re.search(rf"{writer.name}\s+created the model", acts)
    for tab in ("collections", "members", "nonsense"):
        page(cast["visitor"], f"/{writer.name}?tab={tab}")
    assert "alice" in page(cast["visitor"], "/acme?tab=members") and page(cast["visitor"], "/acme?tab=activity")
    assert reader.ask("POST", f"/{repo}/like", {"csrf": reader.csrf, "on": "no", "next": "//evil.example/"}).headers["location"] == f"/{repo}"


def test_a_profile_offers_what_its_reader_may_do(server, cast):
    server.add_person("overseer", "--admin")
    server.cli("org", "add", "makers", "--owner", cast["writer"].name)
    admin = Browser(server)
    admin.sign_in("overseer")
    home = f"/{cast['writer'].name}"
    assert "Edit profile" in page(cast["writer"], home) and f"/new?owner={cast['writer'].name}" in page(cast["writer"], home)
    for b in (admin, cast["reader"]):  # an administrator has no form for another's profile, nor creates in another's name
        assert not {"Edit profile", "New repository"} & set(re.findall("Edit profile|New repository", page(b, home)))
    assert "/new?owner=makers" in page(cast["writer"], "/makers") and "/collections/new?owner=makers" in page(cast["writer"], "/makers?tab=collections")
    assert "/organizations/makers/settings" in page(admin, "/makers") and "/new?owner=makers" not in page(admin, "/makers")


def test_the_tab_says_how_much_is_discussed(server, cast):
    repo = server.create(f"{cast['writer'].name}/talked-of", cast["writer"].token)
    b = cast["writer"]
    assert "Community</a>" in page(b, f"/{repo}")
    for title in ("First", "Second"):
        b.ask("POST", f"/{repo}/discussions/new", {"csrf": b.csrf, "title": title, "text": "words"})
    assert re.search(r'Community <span class="soft">2<', page(b, f"/{repo}"))
    b.ask("POST", f"/{repo}/discussions/1/comment", {"csrf": b.csrf, "text": "an answer"})
    assert page(b, f"/{repo}/discussions").count("1 answer") == 1  # the first comment is the discussion itself
    assert b.ask("POST", f"/{repo}/discussions/1/status", {"csrf": b.csrf, "status": "closed"}).status == 303
    assert re.search(r'Community <span class="soft">1<', page(b, f"/{repo}/tree/main"))


def test_private_things_stay_so(server, cast):
    writer, stranger = cast["writer"], cast["stranger"]
    secret = server.create(f"{writer.name}/burrow", writer.token, private=True)
    num = server.post(f"/api/models/{secret}/discussions", {"title": "The plan", "description": "hush"}, writer.token).json()["num"]
    server.post(f"/api/models/{secret}/like", {}, writer.token)
    for path in (f"/{secret}/discussions", f"/{secret}/discussions/{num}", f"/{secret}/likers"):
        assert stranger.get(path).status == 404 and cast["visitor"].get(path).status in (401, 404) and page(writer, path)
    for tab in ("repos", "likes", "activity"):
        assert "burrow" not in page(stranger, f"/{writer.name}?tab={tab}") and "The plan" not in page(stranger, f"/{writer.name}?tab={tab}")
    assert stranger.ask("POST", f"/{secret}/like", {"csrf": stranger.csrf, "on": "yes"}).status == 404


def test_collections(server, cast):
    writer, reader, repo = cast["writer"], cast["reader"], cast["repo"]
    form = {"csrf": writer.csrf, "owner": writer.name, "title": "A <i>set</i>", "description": EVIL, "theme": "green"}
    one = writer.ask("POST", "/collections/new", form).headers["location"]
    assert writer.ask("POST", "/collections/new", {**form, "theme": "pink"}).status == 409 and writer.ask("POST", "/collections/new", {**form, "title": ""}).status == 400
    assert reader.ask("POST", "/collections/new", {**form, "csrf": reader.csrf}).status == 403
    server.create(f"{writer.name}/words", writer.token, "dataset")
    add = lambda b, item, **more: b.ask("POST", one + "/items", {"csrf": b.csrf, "item": item, **more})
    assert add(writer, repo, note="first").status == 303 and add(writer, f"datasets/{writer.name}/words").status == 303
    assert add(writer, repo).status == 409 and add(writer, "nobody/nothing").status == 404 and add(reader, repo).status == 403
    text = page(cast["visitor"], one)
    assert "A &lt;i&gt;set&lt;/i&gt;" in text and "<script>alert" not in text and "first" in text and "Remove" not in text
    ids = re.findall(r"/items/([0-9a-f]{24})", page(writer, one))
    second = ids[-1]
    move = {"csrf": writer.csrf, "act": "move", "position": "0"}
    assert writer.ask("POST", f"{one}/items/{second}", move).status == 303
    moved = page(cast["visitor"], one)
    assert moved.index("words</a>") < moved.index("thing</a>")
    assert writer.ask("POST", f"{one}/items/{second}", {"csrf": writer.csrf, "act": "note", "note": "what <it> is"}).status == 303
    assert "what &lt;it&gt; is" in page(reader, one) and "set" in page(reader, f"/{writer.name}?tab=collections") and page(reader, "/collections?q=set")
    private = writer.ask("POST", one, {"csrf": writer.csrf, "title": "Mine", "description": "", "theme": "pink", "is_private": "yes"}).headers["location"]
    assert reader.get(private).status == 404 and "Mine" not in page(reader, "/collections") and page(writer, private)
    assert reader.ask("POST", private + "/delete", {"csrf": reader.csrf}).status == 404
    assert writer.ask("POST", private + "/delete", {"csrf": writer.csrf}).status == 303 and writer.get(private).status == 404


def test_a_card_counts_every_item_that_its_reader_may_see(server, cast):
    writer, key = cast["writer"], uuid.uuid4().hex[:18]
    with sqlite3.connect(server.home / "hearth.db", timeout=30) as db:
        owner = db.execute("SELECT id FROM account WHERE name = ?", (writer.name,)).fetchone()[0]
        made = [db.execute("INSERT INTO collection (hex_id, owner_id, title, theme, is_private, position, created_ms, updated_ms) VALUES (?, ?, ?, 'blue', ?, ?, 1, 1)",
                           (f"{key}{i:06x}", owner, f"{key} {i}" if i else f"All of {key}", i == 1, 1000 + i)).lastrowid for i in range(121)]
        db.executemany("INSERT INTO collection_item (hex_id, collection_id, member_id, position, created_ms) VALUES (?, ?, ?, ?, 1)",
                       [(f"{key}{i:06x}", made[0], made[i], i) for i in range(1, 121)])
    db.close()
    asked = f"/collections?q=All+of+{key}"
    assert "120 items" in page(writer, asked) and f"{key} 1 · {key} 2 · {key} 3<" in page(writer, asked)
    assert "119 items" in page(cast["visitor"], asked) and f"{key} 2 · {key} 3 · {key} 4<" in page(cast["visitor"], asked)


def test_notifications(server, cast):
    writer = cast["writer"]
    one = thread_of(cast, title="For the writer <hr>", text="look")
    await_that(lambda: "For the writer &lt;hr&gt;" in page(writer, "/notifications"))
    text = page(writer, "/notifications")
    assert re.search(r'aria-label="Notifications: \d+ unread"', text)
    block = text[text.index("For the writer") - 600:text.index("For the writer")]
    hex_id = re.findall(r'name="id" value="([0-9a-f]{24})"', block)[-1]
    a = writer.ask("POST", "/notifications/open", {"csrf": writer.csrf, "id": hex_id, "next": one})
    assert a.status == 303 and a.headers["location"] == one
    assert "For the writer" not in page(writer, "/notifications?show=unread")
    assert writer.ask("POST", "/notifications", {"csrf": writer.csrf, "act": "remove"}).status == 400 and hex_id in page(writer, "/notifications")
    assert writer.ask("POST", "/notifications", {"csrf": writer.csrf, "act": "remove", "id": hex_id, "next": "https://evil.example"}).headers["location"] == "/notifications"
    assert "For the writer" not in page(writer, "/notifications") and writer.ask("POST", "/notifications", {"csrf": writer.csrf, "act": "eat"}).status == 400
    assert writer.ask("POST", "/notifications/settings", {"csrf": writer.csrf, "participating": "yes"}).status == 303
    assert not re.search(r'name="watched" value="yes" checked', page(writer, "/notifications"))
    assert cast["visitor"].get("/notifications").status in (303, 401)


def test_webhooks(cast):
    writer, reader = cast["writer"], cast["reader"]
    form = {"csrf": writer.csrf, "url": "https://example.org/hook", "watched": f"user:{writer.name}\nmodel:{cast['repo']}", "on_repo": "yes", "secret": "hush-hush"}
    one = writer.ask("POST", "/settings/webhooks", form).headers["location"]
    text = page(writer, one)
    assert "https://example.org/hook" in text and "hush-hush" not in text and f"model:{cast['repo']}" in html.unescape(text)
    bad = writer.ask("POST", "/settings/webhooks", {**form, "url": "gopher://x", "watched": "planet:mars"})
    assert bad.status == 400 and "gopher://x" in bad.body.decode() and "The address must be one such as" in bad.body.decode()
    many = writer.ask("POST", "/settings/webhooks", {**form, "watched": "\n".join(f"user:u{i}" for i in range(101))})
    assert many.status == 400 and "100 names at most" in many.body.decode()
    assert writer.ask("POST", one, {**form, "secret": "", "url": "https://example.org/<b>"}).status == 303 and "/&lt;b&gt;" in page(writer, one)
    assert reader.get(one).status == 404 and reader.ask("POST", one + "/act", {"csrf": reader.csrf, "act": "delete"}).status == 404
    assert writer.ask("POST", one + "/act", {"csrf": writer.csrf, "act": "disable"}).status == 303 and "Switch on" in page(writer, one)
    assert writer.ask("POST", one + "/act", {"csrf": writer.csrf, "act": "delete"}).status == 303 and writer.get(one).status == 404


@pytest.mark.parametrize("path,form", [
    ("/{repo}/discussions/1/comment", {"text": "x"}), ("/{repo}/discussions/1/pin", {"on": "yes"}), ("/{repo}/like", {"on": "yes"}), ("/{repo}/watch", {"on": "yes"}),
    ("/{writer}/-/follow", {"on": "yes"}), ("/notifications", {"act": "read"}), ("/notifications/settings", {}),
    ("/settings/webhooks", {"url": "https://example.org", "watched": "user:x", "on_repo": "y"}), ("/collections/new", {"title": "x", "owner": "{writer}"})])
def test_forms_of_other_sites(cast, path, form):
    writer = cast["writer"]
    path = path.format(repo=cast["repo"], writer=writer.name)
    for why, a in (("nothing", writer.ask("POST", path, form)), ("a wrong token", writer.ask("POST", path, {**form, "csrf": "0" * 32})),
                   ("another origin", writer.ask("POST", path, {**form, "csrf": writer.csrf}, Origin="https://evil.example"))):
        assert a.status == 403, (why, a)
    assert cast["visitor"].ask("POST", path, form).status in (303, 401, 403), path


def test_what_does_not_fit_a_tab_is_behind_a_link(server, cast):
    name = f"busy-{uuid.uuid4().hex[:6]}"
    server.add_person(name)
    token, visitor = server.token(name, "write"), cast["visitor"]
    for i in range(45):
        server.create(f"{name}/m{i}", token)
    text = page(visitor, f"/{name}")
    assert text.count('class="card"') == 30 and f"/models?author={name}&amp;sort=lastModified" in text
    assert page(visitor, f"/models?author={name}&sort=lastModified").count('class="card"') == 30
    first = page(visitor, f"/{name}?tab=activity")
    following = html.unescape(re.search(r'rel="next" href="([^"]+)"', first).group(1))
    second = page(visitor, following)
    told = [re.findall(rf'href="/{name}/(m\d+)"', t.split("<main")[1]) for t in (first, second)]
    assert len(told[0]) == 40 and len(set(told[0] + told[1])) == len(told[0] + told[1]) == 45
    assert "Next page" not in second and f'href="/{name}?tab=activity">First page' in second and "First page" not in first
    assert visitor.get(f"/{name}?tab=activity&after=x").status == 400
