"""Pages for people: who sees what, sessions, forms that other sites cannot send.  No browser here: tests of what is sent."""
import gzip
import re

import pytest

import hearth
from browser import Browser
from hearth import PASSWORD


@pytest.fixture(scope="module")
def people(server):
    for name in ("paula", "quentin"):
        server.add_person(name)
    return server


@pytest.fixture
def browser(people):
    return Browser(people)


def test_every_page_is_whole_without_scripts(server, t, repo, browser):
    server.commit(repo, t.alice, {"README.md": b"\xef\xbb\xbf\n---\nlicense: mit\n---\n# A **card**\n[c](config.json)\n<script>1</script>",
                                  "config.json": b'{"a": "<b>"}', "src/a.py": b"print(1)\n", "page.html": b"<script>1</script>"}, {})
    head = server.get(f"/api/models/{repo}", t.alice).json()["sha"]
    for path, has in (("/", b"HF_ENDPOINT"), ("/models?sort=createdAt", repo.encode().split(b"/")[1]), ("/datasets", b"Datasets"), ("/spaces", b"Spaces"),
                      (f"/models?search={repo.split('/')[1]}", repo.split("/")[1].encode()), ("/models?tag=license:mit&sort=lastModified", b"license:mit"),
                      (f"/{repo}", b'<strong>card</strong>'), (f"/{repo}/tree/main", b"config.json"), (f"/{repo}/tree/main/src", b"a.py"),
                      (f"/{repo}/blob/main/config.json", b"&lt;b&gt;"), (f"/{repo}/blob/main/README.md", b"<strong>card</strong>"),
                      (f"/{repo}/blob/main/README.md?plain=1", b"**card**"), (f"/{repo}/commits/main", head[:7].encode()),
                      (f"/{repo}/commit/{head}", b"config.json"), ("/alice", b"alice"), ("/login", b"password")):
        a = browser.get(path)
        assert a.status == 200 and has in a.body, (path, a)
        assert a.headers["content-type"] == "text/html; charset=utf-8", path
        policy = a.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, path
        assert b"<script>1" not in a.body and b"style=" not in a.body and b" on" + b"click" not in a.body, path
        assert len(a.body) < 100_000, path
    card = browser.get(f"/{repo}").body.decode()
    assert f'href="/{repo}/blob/main/config.json"' in card and "license: mit" not in card


def test_a_moment_is_told_to_the_second(server, t, repo, browser):
    server.commit(repo, t.alice, {"README.md": b"# A card"}, {})
    server.post("/api/buckets/alice/moments", {}, t.alice)
    for path in (f"/{repo}", f"/{repo}/commits/main", "/models?sort=createdAt", "/alice", "/buckets/alice/moments"):
        page = browser.get(path).body.decode()
        assert re.search(r'<time datetime="(\d{4}-\d\d-\d\d)T([\d:]{8})\.\d{3}Z" title="\1 \2 UTC">', page), path
        assert not re.search(r"\d+ (second|minute|hour|day)s? ago", re.sub("<time .*?</time>", "", page)) and "just now" not in re.sub("<time .*?</time>", "", page), path


def test_styles_may_be_kept_for_ever(browser):
    page = browser.get("/").body.decode()
    for url in re.findall(r'"(/static/[^"]+)"', page):
        a = browser.get(url)
        assert a.status == 200 and "immutable" in a.headers["cache-control"], url
        assert browser.get(url.split("?")[0]).headers["cache-control"] == "no-cache"
        assert browser.ask("GET", url, If_None_Match=a.headers["etag"]).status == 304


def test_what_may_not_be_seen_does_not_exist(server, t, name, browser):
    secret = server.create(name, t.alice, private=True)
    for path in (f"/{secret}", f"/{secret}/tree/main", f"/{secret}/blob/main/a", f"/{secret}/commits/main", "/alice/there-is-none-of-this-name"):
        a = browser.get(path)
        assert a.status in (401, 404) and b"nothing here that you may see" in a.body, (path, a)
    assert browser.sign_in("paula").status == 303
    assert browser.get(f"/{secret}").status in (401, 404)
    assert secret.encode() not in browser.get("/models?sort=lastModified").body


def test_signing_in_and_out(people, browser):
    wrong = browser.sign_in("paula", "wrong")
    assert wrong.status == 403 and b"do not belong together" in wrong.body and not browser.cookie
    a = browser.sign_in("paula")
    assert a.status == 303 and a.headers["location"] == "/models"
    flags = a.headers["set-cookie"]
    assert "HttpOnly" in flags and "SameSite=Lax" in flags and "Path=/" in flags
    assert b"paula" in browser.get("/").body
    assert browser.get("/api/whoami-v2").json()["name"] == "paula"
    before = browser.cookie
    token = browser.form_token()
    assert browser.ask("POST", "/logout", {"csrf": token}).status == 303 and not browser.cookie
    browser.cookie = before
    assert b"Sign in" in browser.get("/").body and browser.get("/api/whoami-v2").status == 401


def test_other_sites_cannot_send_our_forms(people, browser):
    browser.sign_in("paula")
    token = browser.form_token()
    for what, a in (("no token", browser.ask("POST", "/logout", {})),
                    ("another's token", browser.ask("POST", "/logout", {"csrf": "0" * 32})),
                    ("another origin", browser.ask("POST", "/logout", {"csrf": token}, Origin="https://evil.example")),
                    ("a null origin", browser.ask("POST", "/logout", {"csrf": token}, Origin="null")),
                    ("fetch metadata", browser.ask("POST", "/logout", {"csrf": token}, Sec_Fetch_Site="cross-site")),
                    ("signing in from elsewhere", browser.ask("POST", "/login", {"name": "quentin", "password": PASSWORD}, Origin="https://evil.example"))):
        assert a.status == 403, what
        assert browser.get("/api/whoami-v2").json()["name"] == "paula", what


def test_a_cookie_alone_changes_nothing_through_the_api(people, browser):
    browser.sign_in("paula")
    body = {"name": "by-cookie", "type": "model"}
    a = people.request("POST", "/api/repos/create", body, None, headers={"Cookie": f"hearth_session={browser.cookie}"})
    assert a.status == 403, a
    token = browser.form_token()
    cookie = {"Cookie": f"hearth_session={browser.cookie}", "X-CSRF-Token": token}
    elsewhere = people.request("POST", "/api/repos/create", body, None, headers={**cookie, "Origin": "https://evil.example"})
    assert elsewhere.status == 403, elsewhere
    assert people.request("POST", "/api/repos/create", body, None, headers=cookie).status == 200
    assert b"by-cookie" in browser.get("/paula").body


def test_an_access_token_wins_over_a_cookie(people, t, browser):
    browser.sign_in("paula")
    assert browser.get("/api/whoami-v2", Authorization=f"Bearer {t.bob}").json()["name"] == "bob"


def test_where_to_go_after_signing_in_is_ours(people):
    for bad in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", ""):
        b = Browser(people)
        a = b.ask("POST", "/login", {"name": "paula", "password": PASSWORD, "next": bad})
        assert a.status == 303 and a.headers["location"] == "/", bad


def test_too_many_wrong_passwords_wait(people):
    b = Browser(people)
    people.add_person("rita")
    statuses = [b.sign_in("rita", "wrong").status for _ in range(12)]
    assert statuses[:2] == [403, 403] and statuses[-1] == 429, statuses
    assert b.sign_in("rita").status == 429


def test_the_first_visitor_becomes_the_administrator(tmp_path):
    server = hearth.Server(tmp_path / "home")
    server.start()
    try:
        b = Browser(server)
        assert b.get("/login").headers["location"] == "/join"
        short = b.ask("POST", "/join", {"name": "ada", "password": "short"})
        assert short.status == 400 and b"at least 8" in short.body
        assert b.ask("POST", "/join", {"name": "ada", "password": PASSWORD}).status == 303
        assert b.get("/api/whoami-v2").json()["name"] == "ada"
        late = Browser(server)
        assert late.get("/join").headers["location"] == "/login"
        assert late.ask("POST", "/join", {"name": "eve", "password": PASSWORD}).status == 403
        assert late.get("/eve").status == 404
    finally:
        server.end()


def test_no_form_works_without_its_token(people, t, browser):
    import test_permissions as table
    people.create("paula/forms", people.token("paula", "write"))
    people.post("/api/buckets/paula/forms", {}, people.token("paula", "write"))
    people.add_person("primus", "--admin")
    browser.sign_in("paula")
    operator = Browser(people)  # for others there are no such pages
    operator.sign_in("primus")
    rows = [r for r in table.ROWS if r["name"].startswith("page.") and r["method"] == "POST"]
    assert len(rows) > 10
    for row in rows:
        path = table.fill(row, "paula/forms", table.kinds(row)[0])
        if table.kinds(row)[0] != "models":
            continue  # the same handlers, on a repository that is not there
        a = (operator if row["permission"] == "site_admin" else browser).ask("POST", path, {"title": "abc", "text": "x", "label": "x", "role": "write", "name": "x", "kind": "model", "owner": "paula"})
        assert a.status == 403, (row["name"], a)
    assert people.get("/api/models/paula/forms/discussions").json()["count"] == 0


def test_tokens_are_made_in_the_browser_and_never_by_a_token(people, t, browser):
    browser.sign_in("paula")
    csrf = browser.form_token()
    page = browser.ask("POST", "/settings/tokens", {"csrf": csrf, "label": "lap<top", "role": "write", "days": "30"}).body.decode()
    token = re.search(r"hf_[A-Za-z0-9]{34}", page).group(0)
    assert "lap&lt;top" in page and people.get("/api/whoami-v2", token).json()["name"] == "paula"
    assert token not in browser.get("/settings/tokens").body.decode()
    assert browser.ask("POST", "/settings/tokens", {"csrf": csrf, "label": "x", "role": "admin"}).status == 400
    assert browser.ask("POST", "/settings/tokens", {"csrf": csrf, "label": "", "role": "read"}).status == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, body in (("/settings/tokens", b"label=x&role=write"), ("/settings/password", b"old=x&new=longenough")):
        assert people.request("POST", path, body, token, headers=form).status == 403, path
    hex_id = re.search(r'name="id" value="(\w{24})"', browser.get("/settings/tokens").body.decode()).group(1)
    ids = re.findall(r'name="id" value="(\w{24})"', browser.get("/settings/tokens").body.decode())
    assert hex_id in ids and browser.ask("POST", "/settings/tokens/revoke", {"csrf": csrf, "id": ids[-1]}).status == 303
    assert people.get("/api/whoami-v2", token).status == 401


def test_a_new_password_signs_the_others_out(people):
    people.add_person("sonia")
    here, there = Browser(people), Browser(people)
    assert here.sign_in("sonia").status == there.sign_in("sonia").status == 303
    csrf = here.form_token()
    assert here.ask("POST", "/settings/password", {"csrf": csrf, "old": "wrong", "new": "another secret word"}).status == 403
    assert here.ask("POST", "/settings/password", {"csrf": csrf, "old": PASSWORD, "new": "short"}).status == 400
    assert here.ask("POST", "/settings/password", {"csrf": csrf, "old": PASSWORD, "new": "another secret word"}).status == 200
    assert here.get("/api/whoami-v2").status == 200 and there.get("/api/whoami-v2").status == 401
    assert there.sign_in("sonia").status == 403 and there.sign_in("sonia", "another secret word").status == 303


def test_repositories_and_discussions_from_forms(people, t, browser):
    browser.sign_in("paula")
    csrf = browser.form_token()
    new = {"csrf": csrf, "kind": "model", "owner": "paula", "name": "from-a-form", "visibility": "private"}
    a = browser.ask("POST", "/new", new)
    assert a.status == 303 and a.headers["location"] == "/paula/from-a-form"
    assert browser.ask("POST", "/new", new).status == 409
    assert browser.ask("POST", "/new", {**new, "name": "a b"}).status == 400
    assert browser.ask("POST", "/new", {**new, "owner": "alice", "name": "theirs"}).status == 403
    assert people.get("/api/models/paula/from-a-form", t.bob).status == 404
    a = browser.ask("POST", "/paula/from-a-form/discussions/new", {"csrf": csrf, "title": "A <b>title</b>", "text": "**x**<script>1</script>"})
    assert a.status == 303 and a.headers["location"] == "/paula/from-a-form/discussions/1"
    page = browser.get("/paula/from-a-form/discussions/1").body.decode()
    assert "<bdi>A &lt;b&gt;title&lt;/b&gt;</bdi>" in page, "what is written from right to left keeps its number on its right"
    assert "<strong>x</strong>" in page and "<script>1" not in page
    one = "/paula/from-a-form/discussions/1"
    assert browser.ask("POST", one + "/comment", {"csrf": csrf, "text": " "}).status == 400
    assert browser.ask("POST", one + "/comment", {"csrf": csrf, "text": "mine"}).status == 303
    assert browser.ask("POST", one + "/status", {"csrf": csrf, "status": "merged"}).status == 400
    assert browser.ask("POST", one + "/status", {"csrf": csrf, "status": "closed"}).status == 303
    assert b"closed this" in browser.get(one).body


def test_settings_of_a_repository(people, t, browser):
    browser.sign_in("paula")
    csrf, token = browser.form_token(), people.token("paula", "write")
    people.create("paula/to-settle", token)
    at = "/paula/to-settle/settings"
    assert Browser(people).get(at).status == 401
    other = Browser(people)
    other.sign_in("quentin")
    assert other.get(at).status == 403 and b"/settings" not in other.get("/paula/to-settle").body.split(b"<main")[1]
    a = browser.ask("POST", at, {"csrf": csrf, "visibility": "private", "gated": "manual"})
    assert a.status == 303 and b'role="status">Saved.' in browser.get(a.headers["location"]).body and b">Saved." not in browser.get(at).body
    info = people.get("/api/models/paula/to-settle", token).json()
    assert info["private"] and info["gated"] == "manual"
    assert other.get("/paula/to-settle").status == 404
    assert browser.ask("POST", at, {"csrf": csrf, "visibility": "secret", "gated": "no"}).status == 400
    assert browser.ask("POST", at + "/move", {"csrf": csrf, "owner": "alice", "name": "stolen"}).status == 403
    a = browser.ask("POST", at + "/move", {"csrf": csrf, "owner": "paula", "name": "settled"})
    assert a.status == 303 and a.headers["location"] == "/paula/settled/settings"
    assert browser.get("/paula/to-settle").status in (301, 302, 307, 308)
    a = browser.ask("POST", "/paula/settled/settings/delete", {"csrf": csrf, "confirm": "paula/to-settle"})
    assert a.status == 400 and b"Nothing was deleted" in a.body and people.get("/api/models/paula/settled", token).status == 200
    a = browser.ask("POST", "/paula/settled/settings/delete", {"csrf": csrf, "confirm": "paula/settled"})
    assert a.status == 303 and people.get("/api/models/paula/settled", token).status == 404


# Pages are kept after they were rendered (web/frame/kept.c).  These ask for the same address as different people, before and after something
# changed, twice each time so that the second answer is the kept one.


def twice(browser, path, **headers):
    first, second = browser.get(path, **headers), browser.get(path, **headers)
    assert first.status == second.status
    return second


def inflated(answer):
    assert answer.headers.get("content-encoding") == "gzip"
    return gzip.decompress(answer.body)


def test_a_kept_page_is_shown_to_nobody_else(server, people, t, repo, browser):
    other, nobody, owner = Browser(people), Browser(people), Browser(people)
    browser.sign_in("paula")
    other.sign_in("quentin")
    owner.sign_in("alice")
    page = {who: twice(b, f"/{repo}") for who, b in (("paula", browser), ("quentin", other), ("alice", owner), ("nobody", nobody))}
    assert b">paula<" in page["paula"].body and b"quentin" not in page["paula"].body
    assert b">quentin<" in page["quentin"].body and b"paula" not in page["quentin"].body
    assert b"/settings" in page["alice"].body and b"Sign out" not in page["nobody"].body and b"csrf" not in page["nobody"].body
    tokens = {re.search(r'name="csrf" value="(\w+)"', page[who].body.decode()).group(1) for who in ("paula", "quentin", "alice")}
    assert len(tokens) == 3 and len({a.headers["etag"] for a in page.values()}) == 4
    # One's tag is no way to another's page, nor to "not modified".
    assert nobody.get(f"/{repo}", If_None_Match=page["alice"].headers["etag"]).status == 200
    assert nobody.get(f"/{repo}", If_None_Match=nobody.get(f"/{repo}").headers["etag"]).status in (304, 200)  # a minute may pass between the two
    # What is signed in and what is signed out are different pages at once.
    assert browser.ask("POST", "/logout", {"csrf": browser.form_token(f"/{repo}")}).status == 303
    assert b"paula" not in twice(browser, f"/{repo}").body
    # A cookie that says something else signs nobody in.
    assert b"Sign out" not in nobody.get(f"/{repo}", Cookie="hearth_session=x; theme=dark; lang=de").body


def test_a_kept_page_goes_with_what_it_shows(server, people, t, repo, browser):
    owner = Browser(people)
    owner.sign_in("alice")
    short, before = repo.split("/")[1], twice(browser, f"/{repo}").headers["etag"]
    for private in (True, False, True, False):
        r = server.request("PUT", f"/api/models/{repo}/settings", {"private": private}, t.alice)
        assert r.status == 200, r
        assert twice(browser, f"/{repo}").status == (401 if private else 200)
        assert browser.get(f"/{repo}", If_None_Match=before).status in ((401,) if private else (304, 200))
        listed = twice(browser, f"/models?search={short}&sort=createdAt").body
        assert (f'href="/{repo}"'.encode() in listed) == (not private)
        assert (b">private<" in twice(owner, f"/{repo}").body) == private
    # Its card, its likes and its name.
    server.commit(repo, t.alice, {"README.md": b"# Words of today"}, {})
    assert b"Words of today" in twice(browser, f"/{repo}").body
    assert b"0 likes" in twice(browser, f"/{repo}").body
    assert owner.ask("POST", f"/{repo}/like", {"csrf": owner.form_token(f"/{repo}"), "on": "yes", "next": f"/{repo}"}).status == 303
    assert b"1 like<" in twice(browser, f"/{repo}").body and b"Liked" in twice(owner, f"/{repo}").body
    assert server.request("POST", "/api/repos/move", {"fromRepo": repo, "toRepo": f"{repo}-new", "type": "model"}, t.alice).status == 200
    assert twice(browser, f"/{repo}").status == 307 and f"{repo}-new".encode() in twice(browser, f"/{repo}-new").body
    assert server.request("DELETE", "/api/repos/delete", {"name": f"{repo}-new", "type": "model"}, t.alice).status == 200
    assert twice(browser, f"/{repo}-new").status == 401


def test_small_forms_of_a_kept_page_say_the_same(server, t, repo, browser):
    server.commit(repo, t.alice, {"README.md": b"# Long\n" + b"many words " * 400}, {})
    lengths = {}
    for _ in range(64):
        small = browser.get(f"/{repo}", Accept_Encoding="gzip")
        assert b"many words many words" in inflated(small)
        lengths.setdefault(inflated(small), set()).add(len(small.body))
    assert max(map(len, lengths.values())) > 4  # a length of its own each time, kept or not
    assert any(twice(browser, f"/{repo}").body == page for page in lengths) or "minute" in browser.get(f"/{repo}").body.decode()


def test_a_person_who_is_refused_sees_a_page(server, t, repo, browser):
    """Where no page was meant either: at an address that leads nowhere, of another method, to a file.  Programs have their JSON."""
    assert browser.sign_in("paula").status == 303
    for path, status, words in (("/nothing/at/all", 404, "nothing here that you may see"), ("/settings/no-such", 404, "nothing here that you may see"),
                                ("/settings/tokens/rotate", 405, "Not this way"), (f"/{repo}/resolve/main/none.bin", 404, "Entry not found."), (f"/{repo}/tree/no-branch", 404, "This is not in the repository"),
                                (f"/{repo}/discussions/99", 404, f'href="/{repo}">To {repo}</a>')):
        a = browser.get(path, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        assert a.status == status and a.headers["content-type"].startswith("text/html") and words in a.body.decode(), (path, a)
        assert "<summary>paula</summary>" in a.body.decode(), path
        assert browser.get(path, Accept="*/*").headers["content-type"].startswith("application/json") or not path.startswith(("/nothing", "/resolve")), path
    assert "error" in browser.get("/api/nothing", Accept="text/html").json()
    visitor = Browser(server)
    assert ">Sign in<" in visitor.get("/nothing/at/all", Accept="text/html").body.decode()
    for path in ("/settings/tokens", "/new", f"/{repo}/discussions/new"):
        a = visitor.get(path)
        assert a.status == 401 and "<h1>Sign in first</h1>" in a.body.decode() and "<title>Sign in first" in a.body.decode(), path
