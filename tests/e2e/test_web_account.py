"""What a person does for himself: signing up, profile, browsers, tokens, organisations, gated repositories.  What is sent, without a browser."""
import html
import json
import re
import sqlite3
import uuid

import hearth
import pytest
from browser import Browser, signed_in
from hearth import PASSWORD

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02" + b"\0" * 40


@pytest.fixture(scope="module")
def people(server):
    for name in ("petra", "pavel", "piotr"):
        server.add_person(name)
    return server


@pytest.fixture
def petra(people):
    return signed_in(people, "petra")


@pytest.fixture
def pavel(people):
    return signed_in(people, "pavel")


def send(browser, path, form=(), csrf_from="/settings/profile"):
    form = list(form.items()) if isinstance(form, dict) else list(form)
    return browser.ask("POST", path, [("csrf", browser.form_token(csrf_from)), *form])


def says(answer):
    """What stands in the page's red box."""
    found = re.search(r'role="alert">([^<]*)<', answer.body.decode())
    return html.unescape(found.group(1)) if found else None


# ---------------------------------------------------------------- signing up

@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A Hearth for each setting of sign-up, with an administrator."""
    made = {}

    def at(mode):
        if mode not in made:
            s = hearth.Server(tmp_path_factory.mktemp("join") / "home", args=["--sign-up", mode])
            s.add_person("root-admin", "--admin")
            made[mode] = s.start()
        return made[mode]
    yield at
    for s in made.values(): s.end()


def join(server, name, **more):
    return Browser(server).ask("POST", "/join", {"name": name, "password": PASSWORD, **more})


def test_closed(house):
    s = house("closed")
    assert Browser(s).get("/join").headers["location"] == "/login"
    assert join(s, "newcomer").status == 403
    admin = signed_in(s, "root-admin")
    page = send(admin, "/settings/invitations", {"label": "x", "days": "7"}).body.decode()
    link = re.search(r"invite=(\w{32})<", page).group(1)
    assert join(s, "newcomer", invite=link).status == 403, "closed is closed"


def test_open(house):
    s = house("open")
    assert b'href="/join"' in Browser(s).get("/login").body
    b = Browser(s)
    assert b.ask("POST", "/join", {"name": "newcomer", "password": PASSWORD}).status == 303 and b.cookie
    assert b.get("/settings/invitations").status in (403, 404), "only the first one is the administrator"
    assert join(s, "NewComer").status == 409 and join(s, "x").status == 400 and join(s, "settings").status == 400
    r = Browser(s).ask("POST", "/join", {"name": "short", "password": "short"})
    assert r.status == 400 and "8" in says(r)
    r = Browser(s).ask("POST", "/join", {"name": "evil", "password": PASSWORD}, Origin="https://evil.example.org")
    assert r.status == 403
    statuses = [join(s, f"crowd{i}").status for i in range(21)]
    assert statuses[0] == 303 and statuses[-1] == 429, "twenty from an address, then they wait"


def test_by_invitation(house):
    s = house("invited")
    admin = signed_in(s, "root-admin")
    assert send(admin, "/organizations/new", {"name": "crew"}).status == 303
    page = send(admin, "/settings/invitations", {"label": "For Ivy", "days": "7", "org": "crew", "role": "write"}).body.decode()
    link = re.search(r"invite=(\w{32})<", page).group(1)
    assert link.encode() not in b"".join(p.read_bytes() for p in s.home.glob("hearth.db*")), "kept as a digest"
    assert join(s, "ivy").status == 403 and join(s, "ivy", invite="x" * 32).status == 403
    assert "crew" in Browser(s).get("/join?invite=" + link).body.decode()
    b = Browser(s)
    assert b.ask("POST", "/join", {"name": "ivy", "password": PASSWORD, "invite": link}).status == 303
    assert "you are write" in b.get("/settings/organizations").body.decode()
    assert join(s, "ivan", invite=link).status == 403, "once"
    page = send(admin, "/settings/invitations", {"label": "For Ivan", "days": "7"}).body.decode()
    link = re.search(r"invite=(\w{32})<", page).group(1)
    assert b"For Ivan" in admin.get("/settings/invitations").body
    ident = re.search(r'name="id" value="(\d+)"', page).group(1)
    assert send(admin, "/settings/invitations/revoke", {"id": ident}).status == 303
    assert join(s, "ivan", invite=link).status == 403
    assert send(b, "/settings/invitations", {"label": "x", "days": "7"}).status == 404, "not an administrator: there is no such page"
    assert send(admin, "/settings/invitations", {"label": "x", "days": "9999"}).status == 400


# ---------------------------------------------------------------- profile, browsers

def test_profile(people, petra, t):
    assert petra.get("/settings").headers["location"] == "/settings/profile"
    r = send(petra, "/settings/profile", {"fullname": "Petra <P>", "details": "paints", "email": "petra@example.org", "website": "https://petra.example.org", "github": "petra"})
    assert r.status == 303, r
    page = petra.get("/settings/profile").body.decode()
    assert "Petra &lt;P&gt;" in page and "petra@example.org" in page and 'value="https://petra.example.org"' in page
    assert people.get("/api/users/petra/overview").json()["fullname"] == "Petra <P>"
    assert people.get("/api/users/petra/socials").json()["socialHandles"] == {"github": "petra"}
    for wrong in ({"website": "javascript:alert(1)"}, {"website": "https://a b"}, {"github": "https://github.com/x"}, {"email": "nobody"}, {"fullname": "x" * 101},
                  {"details": "two\nlines"}):
        r = send(petra, "/settings/profile", wrong)
        assert r.status == 400 and says(r), (wrong, r)
    assert people.get("/api/users/petra/socials").json()["socialHandles"] == {"github": "petra"}, "nothing of what was refused is kept"
    assert petra.ask("POST", "/settings/profile", {"fullname": "x"}).status == 403, "no csrf"
    assert people.post("/settings/profile", {}, t.alice).status == 403, "a token is no browser"


def picture(browser, content, path="/settings/profile/picture", **fields):
    boundary, csrf = uuid.uuid4().hex, browser.form_token("/settings/profile")
    parts = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in {"csrf": csrf, **fields}.items())
    body = parts + f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return browser.server.request("POST", path, body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Origin": browser.server.base,
                                                                "Cookie": f"hearth_session={browser.cookie}"})


def test_pictures(people, petra):
    drawn = people.get("/avatars/petra")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert picture(petra, PNG).status == 303
    r = people.get("/avatars/petra")
    assert r.body == PNG and r.headers["content-type"] == "image/png" and r.headers["x-content-type-options"] == "nosniff"
    for wrong in (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", b"<html>", b"", b"MZ" + b"\0" * 50):
        assert picture(petra, wrong).status == 400, wrong
    wide = PNG[:16] + (1025).to_bytes(4, "big") + PNG[20:]
    assert picture(petra, wide).status == 400 and "1024 pixels" in picture(petra, wide).body.decode()
    assert picture(petra, PNG + b"\0" * (512 << 10)).status == 413
    assert people.get("/avatars/petra").body == PNG
    assert picture(petra, b"", remove="yes").status == 303
    assert people.get("/avatars/petra").body == drawn.body


def test_browsers_are_listed_and_signed_out(people):
    here, there = signed_in(people, "piotr"), signed_in(people, "piotr")
    page = here.get("/settings/sessions").body.decode()
    assert page.count("this one") == 1 and page.count("Sign out there") == 1
    ident = re.search(r'name="id" value="(\d+)"', page).group(1)
    stranger = signed_in(people, "pavel")
    assert send(stranger, "/settings/sessions/end", {"id": ident}).status == 303
    assert there.get("/settings/profile").status == 200, "somebody else's browser stays"
    assert send(here, "/settings/sessions/end", {"id": ident}).status == 303
    assert there.get("/settings/profile").status == 401 and here.get("/settings/profile").status == 200
    others = [signed_in(people, "piotr") for _ in range(2)]
    assert send(here, "/settings/sessions/end", {"id": "others"}).status == 303
    assert [b.get("/settings/profile").status for b in (*others, here)] == [401, 401, 200]


@pytest.mark.parametrize("agent, name", [
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge on Windows"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
    ("curl/8.5 <b>", "curl/8.5 &lt;b&gt;"),
])
def test_a_browser_has_a_name_that_people_know(people, agent, name):
    b = Browser(people)
    assert b.ask("POST", "/login", {"name": "piotr", "password": PASSWORD}, User_Agent=agent).status == 303
    assert f"<strong>{name}</strong> <span class=\"badge open\">this one" in b.get("/settings/sessions").body.decode()


# ---------------------------------------------------------------- tokens

def fresh(answer):
    return re.search(r"<code>(hf_\w{34})</code>", answer.body.decode()).group(1)


def test_a_token_gets_another_secret(people, petra, pavel):
    old = fresh(send(petra, "/settings/tokens", {"label": "laptop", "role": "read", "days": "30"}))
    page = petra.get("/settings/tokens").body.decode()
    ident = re.search(r'name="id" value="(\w{24})"', page[page.index("laptop"):]).group(1)
    assert send(pavel, "/settings/tokens/rotate", {"id": ident}).status == 404, "somebody else's"
    new = fresh(send(petra, "/settings/tokens/rotate", {"id": ident}))
    assert people.get("/api/whoami-v2", old).status == 401
    auth = people.get("/api/whoami-v2", new).json()["auth"]
    assert auth["accessToken"]["displayName"] == "laptop" and auth["accessToken"]["role"] == "read" and auth["expiresAt"]


def test_a_token_form_sent_twice_makes_one(people, petra):
    newest = lambda: re.search(r'name="newest" value="(\d+)"', petra.get("/settings/tokens").body.decode()).group(1)
    form = {"label": "pressed twice", "role": "read", "days": "0", "newest": newest()}
    fresh(send(petra, "/settings/tokens", form))
    again = send(petra, "/settings/tokens", form)
    assert again.status == 409 and "rotate it" in says(again) and again.body.count(b"<strong>pressed twice<") == 1
    fresh(send(petra, "/settings/tokens", {**form, "newest": newest()}))  # who asks once more, having seen the first, gets a second


def test_an_end_that_is_no_number_makes_no_token_without_one(people, petra):
    for days in ("soon", "-1", "4000", "99999999999999999999"):
        r = send(petra, "/settings/tokens", {"label": "endless", "role": "read", "days": days})
        assert r.status == 400 and "days" in says(r), days
    assert b"endless</" not in petra.get("/settings/tokens").body


def test_the_way_back_from_signing_in_is_not_longer_than_a_header(people, gated):
    visitor = Browser(people)
    assert visitor.get(f"/{gated}/access?q=x").headers["location"] == f"/login?next=/{gated}/access%3Fq%3Dx"
    assert visitor.get(f"/{gated}/access?q=" + "x" * 15000).headers["location"] == f"/login?next=/{gated}/access"


def test_a_fine_grained_token_may_what_was_chosen(people, petra, t):
    own = people.token("petra", "write")
    a, b = (people.create(f"petra/f-{uuid.uuid4().hex[:8]}", own, private=True) for _ in range(2))
    d = people.create(f"petra/d-{uuid.uuid4().hex[:8]}", own, "dataset", private=True)

    def made(*form):
        return fresh(send(petra, "/settings/tokens", [("label", "f"), ("role", "fineGrained"), ("days", "0"), *form]))
    one = made(("repos", f"{a}\r\ndatasets/{d}\r\n"), ("may", "repos repo.content.read"))
    assert [people.get(p, one).status for p in (f"/api/models/{a}", f"/api/models/{b}", f"/api/datasets/{d}")] == [200, 404, 200]
    assert people.commit(a, one, {"x": "1"}).status == 403
    all_of = made(("may", "user:petra repo.content.read"), ("may", "user:petra repo.write"))
    assert people.get(f"/api/models/{b}", all_of).status == 200 and people.commit(b, all_of, {"x": "1"}).status == 200
    assert people.post("/api/repos/create", {"name": f"n-{uuid.uuid4().hex[:8]}"}, all_of).status == 200
    assert people.post("/api/repos/create", {"name": f"n-{uuid.uuid4().hex[:8]}"}, one).status == 403
    scoped = people.get("/api/whoami-v2", one).json()["auth"]["accessToken"]["fineGrained"]
    assert [s["entity"]["name"] for s in scoped["scoped"]] == [a, d] and scoped["canReadGatedRepos"] is False
    for form in ([], [("may", "org:acme repo.write")], [("repos", a)], [("repos", "petra"), ("may", "repos repo.write")],
                 [("repos", "acme/nothing-there"), ("may", "repos repo.write")], [("may", "user:alice repo.write")], [("may", "user:petra god")]):
        r = send(petra, "/settings/tokens", [("label", "f"), ("role", "fineGrained"), *form])
        assert r.status == 400 and says(r), (form, r)


# ---------------------------------------------------------------- organisations

@pytest.fixture
def org(petra):
    name = f"org-{uuid.uuid4().hex[:8]}"
    assert send(petra, "/organizations/new", {"name": name, "fullname": "A team"}).status == 303
    return name


def test_an_organisation_from_beginning_to_end(people, petra, pavel, org):
    base = f"/organizations/{org}/settings"
    assert petra.get(base).status == 200 and "A team" in petra.get(f"/{org}").body.decode()
    assert send(petra, "/organizations/new", {"name": org}).status == 409 and send(petra, "/organizations/new", {"name": "settings"}).status == 400
    assert send(petra, base, {"fullname": "The team", "details": "together"}).status == 303
    assert people.get(f"/api/organizations/{org}/overview").json()["fullname"] == "The team"
    # Asked, not taken: nobody becomes a member without wanting to.
    assert send(petra, base + "/members", {"act": "invite", "user": "pavel", "role": "write"}).status == 303
    assert pavel.get(base + "/members").status == 404
    assert org in pavel.get("/settings/organizations").body.decode()
    assert f"{org}</a> <span class=\"soft\">asks you to join" in pavel.get("/").body.decode()
    assert send(pavel, "/settings/organizations/answer", {"org": org, "answer": "accept"}).status == 303
    assert pavel.get(base + "/members").status == 200 and pavel.get(base).headers["location"] == base + "/members"
    # A member who is no administrator changes nothing.
    for path, form in ((base, {"fullname": "Mine"}), (base + "/members", {"act": "role", "user": "pavel", "role": "admin"}), (base + "/delete", {"confirm": org}),
                       (base + "/members", {"act": "remove", "user": "petra"}), (base + "/members", {"act": "invite", "user": "piotr", "role": "read"})):
        assert send(pavel, path, form).status == 403, path
    assert pavel.get(base + "/billing").status == 404 and petra.get(base + "/billing").status == 200
    r = send(petra, base + "/members", {"act": "role", "user": "petra", "role": "read"})
    assert r.status == 409 and "administrator" in says(r)
    assert send(petra, base + "/leave").status == 409
    assert send(petra, base + "/members", {"act": "role", "user": "pavel", "role": "admin"}).status == 303
    assert send(petra, base + "/leave").status == 303 and petra.get(base).status == 404
    own = people.token("pavel", "write")
    repo = people.create(f"{org}/thing", own)
    assert send(pavel, base + "/delete", {"confirm": "no"}).status == 400
    r = send(pavel, base + "/delete", {"confirm": org})
    assert r.status == 409 and "still owns 1 repository" in says(r)
    assert people.request("DELETE", "/api/repos/delete", {"name": "thing", "organization": org}, own).status == 200, repo
    assert send(pavel, base + "/delete", {"confirm": org}).status == 303
    assert people.get(f"/{org}").status == 404


def test_a_member_whose_account_is_disabled_can_be_sent_away(people, petra, pavel, org):
    base = f"/organizations/{org}/settings"
    assert send(petra, base + "/members", {"act": "invite", "user": "pavel", "role": "write"}).status == 303
    assert send(pavel, "/settings/organizations/answer", {"org": org, "answer": "accept"}).status == 303
    people.cli("user", "disable", "pavel")
    try:
        assert send(petra, base + "/members", {"act": "role", "user": "pavel", "role": "read"}).status == 303
        assert send(petra, base + "/members", {"act": "remove", "user": "pavel"}).status == 303
        assert "pavel" not in re.sub("<[^>]+>", " ", petra.get(base + "/members").body.decode())
        r = send(petra, base + "/members", {"act": "invite", "user": "pavel", "role": "read"})
        assert r.status == 400 and "disabled" in says(r)
    finally:
        people.cli("user", "enable", "pavel")


def test_what_strangers_are_told_of_an_organisation(people, petra, pavel, org, t):
    base = f"/organizations/{org}/settings"
    for path in (base, base + "/members", base + "/billing"):
        assert pavel.get(path).status == 404 and Browser(people).get(path).status == 401
        assert people.get(path, t.alice).status == 403, "a token is no browser"
    for path in (base, base + "/members", base + "/leave", base + "/delete"):
        assert send(pavel, path, {"act": "remove", "user": "petra", "confirm": org}).status == 404
        assert petra.ask("POST", path, {"act": "remove", "user": "petra", "confirm": org}).status == 403, "no csrf"
    for form in ({"act": "invite", "user": "nobody-here", "role": "read"}, {"act": "invite", "user": "pavel", "role": "owner"}, {"act": "x"},
                 {"act": "role", "user": "pavel", "role": "read"}):
        assert send(petra, base + "/members", form).status == 400, form
    assert send(pavel, "/settings/organizations/answer", {"org": org, "answer": "accept"}).status == 404
    assert send(petra, base + "/members", {"act": "invite", "user": "pavel", "role": "read"}).status == 303
    assert send(petra, base + "/members", {"act": "take_back", "user": "pavel"}).status == 303
    assert send(pavel, "/settings/organizations/answer", {"org": org, "answer": "accept"}).status == 404, "taken back"
    assert send(petra, base + "/members", {"act": "invite", "user": "petra", "role": "read"}).status == 409


# ---------------------------------------------------------------- gated repositories

CARD = """---
extra_gated_heading: Who are you?
extra_gated_prompt: Be <b>nice</b>.
extra_gated_button_content: I am
extra_gated_fields:
  Company: text
  Use:
    type: select
    options: [research, label: Other, {label: Else, value: else}]
  I agree: checkbox
---
""".replace("[research, label: Other, {label: Else, value: else}]", "[research, {label: Else, value: else}]")


@pytest.fixture
def gated(people):
    own = people.token("petra", "write")
    name = people.create(f"petra/g-{uuid.uuid4().hex[:8]}", own)
    assert people.commit(name, own, {"README.md": CARD, "a.txt": "secret"}).status == 200
    assert people.request("PUT", f"/api/models/{name}/settings", {"gated": "manual"}, own).status == 200
    return name


def test_asking_and_deciding(people, petra, pavel, gated):
    where = f"/{gated}/access"
    assert Browser(people).get(where).headers["location"].startswith("/login?next=")
    page = pavel.get(where).body.decode()
    assert "Who are you?" in page and "Be &lt;b&gt;nice&lt;/b&gt;." in page and "I am" in page and '<option value="else">Else</option>' in page
    full = {"field0": "ACME <i>", "field1": "else", "field2": "yes"}
    for wrong in ({"field0": ""}, {"field1": "theft"}, {"field2": ""}, {"field0": "x" * 3000}):
        r = send(pavel, where, {**full, **wrong})
        assert r.status == 400 and says(r), wrong
    assert pavel.ask("POST", where, full).status == 403, "no csrf"
    assert send(pavel, where, full).status == 303
    assert "Its administrators decide" in pavel.get(where).body.decode() and gated in pavel.get("/settings/access").body.decode()
    token = people.token("pavel", "read")
    assert people.resolve(gated, "a.txt", token).status == 403
    assert pavel.get(f"/{gated}/settings/access").status in (403, 404), "only who may administer it"
    assert send(pavel, f"/{gated}/settings/access", {"user": "pavel", "to": "accepted"}).status in (403, 404)
    page = petra.get(f"/{gated}/settings/access").body.decode()
    assert "ACME &lt;i&gt;" in page and "pavel" in page
    assert "1 person asks" in petra.get("/").body.decode() and "1 person asks" not in pavel.get("/").body.decode()
    assert send(petra, f"/{gated}/settings/access", {"user": "pavel", "to": "accepted"}).status == 303
    assert people.resolve(gated, "a.txt", token).body == b"secret"
    assert "You have access" in pavel.get(where).body.decode()
    assert send(petra, f"/{gated}/settings/access", {"user": "pavel", "to": "rejected"}).status == 303
    assert people.resolve(gated, "a.txt", token).status == 403 and "rejected" in pavel.get("/settings/access").body.decode()
    assert send(petra, f"/{gated}/settings/access", {"user": "piotr", "to": "grant"}).status == 303
    assert people.resolve(gated, "a.txt", people.token("piotr", "read")).status == 200
    for form in ({"user": "piotr", "to": "grant"}, {"user": "nobody-here", "to": "grant"}, {"user": "piotr", "to": "x"}):
        r = send(petra, f"/{gated}/settings/access", form)
        assert 400 <= r.status < 410 and says(r), form


def crowd(server, n, sql, *values):
    """n people, straight into the database; sql makes each what it is about, with the number of the person as ?1."""
    mark = uuid.uuid4().hex[:6]
    names = [f"crowd-{mark}-{i:03}" for i in range(n)]
    with sqlite3.connect(server.home / "hearth.db", timeout=30) as db:
        for name in names:
            who = db.execute("INSERT INTO account (hex_id, kind, name, name_key, created_ms) VALUES (?, 'user', ?, ?, 1)",
                             (uuid.uuid4().hex[:24], name, name)).lastrowid
            db.execute(sql, (who, *values))
    db.close()
    return names


def all_pages(browser, path):
    """The texts of a list's pages, by the link to the next one."""
    out = []
    while path:
        out.append(browser.get(path).body.decode())
        path = html.unescape(m.group(1)) if (m := re.search(r'rel="next" href="([^"]+)"', out[-1])) else None
    return out


def test_long_lists_go_on_on_the_next_page(people, petra, pavel, gated, org):
    names = crowd(people, 105, "INSERT INTO account_member (org_id, user_id, role) SELECT id, ?1, 'read' FROM account WHERE name = ?2", org)
    pages = all_pages(petra, f"/organizations/{org}/settings/members")
    assert len(pages) == 2 and [n for text in pages for n in names if f'href="/{n}"' in text] == names
    assert names[100] in petra.get(f"/organizations/{org}/settings/members?q={names[100]}").body.decode()
    assert len(all_pages(pavel, f"/{org}?tab=members")) == 2

    owner, name = gated.split("/")
    names = crowd(people, 105, "INSERT INTO repo_access_request (repo_id, user_id, status, created_ms) SELECT r.id, ?1, 'pending', 1 FROM repo r"
                               " JOIN account o ON o.id = r.owner_id WHERE o.name = ?2 AND r.name = ?3", owner, name)
    pages = all_pages(petra, f"/{gated}/settings/access")
    assert len(pages) == 2 and [n for text in pages for n in names if f'href="/{n}"' in text] == names and "Pending (105)" in pages[1]
    assert petra.get(f"/{gated}/settings/access?after=x").status == 400 and petra.get(f"/{gated}/settings/access?show=x").status == 404


def test_who_is_rejected_is_told_why(people, petra, pavel, gated):
    where = f"/{gated}/settings/access"
    assert send(pavel, f"/{gated}/access", {"field0": "ACME", "field1": "else", "field2": "yes"}).status == 303
    r = send(petra, where, {"user": "pavel", "to": "rejected", "show": "pending", "reason": "x" * 201})
    assert r.status == 400 and "200" in says(r) and "x" * 201 in r.body.decode(), "what was typed stays"
    r = send(petra, where, {"user": "pavel", "to": "rejected", "show": "pending", "reason": "Not <b>you</b>"})
    assert r.status == 303 and r.headers["location"] == where + "?show=pending" and "Nobody waits" in petra.get(where).body.decode()
    for page in (petra.get(where + "?show=rejected"), pavel.get("/settings/access"), pavel.get(f"/{gated}/access")):
        assert "Not &lt;b&gt;you&lt;/b&gt;" in page.body.decode()


def test_taking_a_request_back(people, pavel, gated):
    full = {"field0": "ACME", "field1": "research", "field2": "yes"}
    assert send(pavel, f"/{gated}/access", full).status == 303
    assert send(pavel, f"/{gated}/access/cancel").status == 303
    assert 'name="field0"' in pavel.get(f"/{gated}/access").body.decode()
    assert send(pavel, f"/{gated}/access/cancel").status == 404


def test_a_private_repository_hides_its_gate(people, pavel):
    own = people.token("petra", "write")
    name = people.create(f"petra/h-{uuid.uuid4().hex[:8]}", own, private=True)
    people.request("PUT", f"/api/models/{name}/settings", {"gated": "auto"}, own)
    assert pavel.get(f"/{name}/access").status == 404 and send(pavel, f"/{name}/access").status == 404
    assert name not in json.dumps(pavel.get("/settings/access").body.decode())


# ---------------------------------------------------------------- usage

def test_usage_page(people, petra):
    page = petra.get("/settings/billing").body.decode()
    assert "$0.00" in page and "No calls of models in these days" in page and "No limit" in page
    assert petra.get("/settings/billing?days=7").status == 200
    for wrong in ("0", "91", "x"):
        assert petra.get("/settings/billing?days=" + wrong).status == 400
