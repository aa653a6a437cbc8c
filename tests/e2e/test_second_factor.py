"""The second factor: turned on, asked for, guessed at, lost.  What is sent, without a browser.  A server of its own: wrong codes are counted."""
import base64
import html
import re
import sqlite3
import subprocess

import hearth
import pytest
import totp
from browser import Browser, signed_in
from hearth import PASSWORD
from test_external import Person, pair, through  # noqa: F401
from test_oauth import make_app
from test_web_account import says, send

PAGE = "/settings/second-factor"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with hearth.Server(tmp_path_factory.mktemp("factor") / "home", args=["--trust-proxy"]) as s:
        yield s


class Careful(Browser):
    """Keeps the cookie between password and code as well."""
    half = None

    def ask(self, method, path, form=None, **headers):
        if self.half and path.startswith("/login"):
            assert not self.cookie
            headers["Cookie"] = f"hearth_code={self.half}"
        a = super().ask(method, path, form, **headers)
        for name, value in a.all_headers:
            if name.lower() != "set-cookie":
                continue
            kept = value.split("=", 1)[1].split(";")[0] or None
            if value.startswith("hearth_code="):
                assert "HttpOnly" in value and "SameSite=Lax" in value and "Path=/login;" in value
                self.half = kept
            if value.startswith("hearth_session="):
                self.cookie = kept
        return a

    def answer(self, code, next="/models", **headers):
        return self.ask("POST", "/login/code", {"code": code, "next": next}, **headers)


def at_the_code(server, name):
    b = Careful(server)
    r = b.sign_in(name)
    assert r.status == 303 and r.headers["location"] == "/login/code?next=/models" and b.half and not b.cookie, r
    return b


def shown_secret(page):
    return re.search(r'name="secret" value="([A-Z2-7]{32})"', page).group(1)


def shown_recovery(page):
    found = re.findall(r"^(?:<pre[^>]*><code>)?((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})$", page, re.M)
    assert len(set(found)) == 10
    return found


def turn_on(server, name):
    """(the browser that did it, secret, recovery codes)"""
    server.add_person(name)
    b = signed_in(server, name)
    secret = shown_secret(b.get(PAGE).body.decode())
    r = send(b, PAGE, {"secret": secret, "code": totp.code(secret, -1), "password": PASSWORD}, PAGE)
    assert r.status == 200, r
    return b, secret, shown_recovery(r.body.decode())


def half_a_minute_goes_by(server):
    """As if: codes that were used may be used again."""
    with sqlite3.connect(server.home / "hearth.db", timeout=20) as db:
        db.execute("UPDATE account_second_factor SET used_step = 0")


def basic(name, password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_turning_it_on(server):
    server.add_person("ada")
    here, there = signed_in(server, "ada"), signed_in(server, "ada")
    r = here.get(PAGE)
    assert ("Cache-Control", "no-store") in r.all_headers, "no browser keeps the secret"
    page = r.body.decode()
    secret = shown_secret(page)
    assert " ".join(re.findall("....", secret)) in page and '<svg class="qr"' in page
    uri = html.unescape(re.search(r'href="(otpauth://[^"]*)"', page).group(1))
    assert uri == f"otpauth://totp/Hearth%20127.0.0.1:ada?secret={secret}&issuer=Hearth%20127.0.0.1"
    assert shown_secret(here.get(PAGE).body.decode()) != secret, "a fresh one each time"
    form = {"secret": secret, "code": totp.code(secret), "password": PASSWORD}
    for wrong in ({"password": "another word"}, {"code": "000000"}, {"code": totp.code(secret, -3)}, {"code": ""}):
        r = send(here, PAGE, {**form, **wrong}, PAGE)
        assert r.status == 403 and says(r) and shown_secret(r.body.decode()) == secret, (wrong, r)
    assert send(here, PAGE, {**form, "secret": secret[:-1]}, PAGE).status == 400
    assert here.ask("POST", PAGE, form).status == 403, "no csrf"
    assert Careful(server).sign_in("ada").headers["location"] == "/models", "it is not on yet"
    r = send(here, PAGE, form, PAGE)
    recovery = shown_recovery(r.body.decode())
    assert there.get(PAGE).status == 401 and here.get(PAGE).status == 200, "other browsers have begun without a code"
    page = here.get(PAGE).body.decode()
    assert "10 are left" in page and secret not in page and recovery[0] not in page
    r = here.ask("POST", PAGE, {**form, "csrf": here.form_token()})
    assert r.status == 409, "what is on is not replaced, even with the password"
    stored = b"".join(p.read_bytes() for p in server.home.glob("hearth.db*"))
    for plain in (base64.b32decode(secret), secret.encode(), recovery[0].encode(), base64.b32decode(recovery[0].replace("-", ""))):
        assert plain not in stored
    assert re.search(r"^ada +user +second factor ", server.cli("user", "list").stdout, re.M)


def test_signing_in(server):
    _, secret, recovery = turn_on(server, "bea")
    b = at_the_code(server, "bea")
    assert b.get("/login/code").status == 200
    for half in (b.half, b.half[:-1]):
        assert server.get(PAGE, headers={"Cookie": f"hearth_session={half}; hearth_code={half}"}).status == 401, "half a session is a right to nothing"
    r = b.answer("000000")
    assert r.status == 403 and says(r) and not b.cookie
    assert b.answer(totp.code(secret, -1)).status == 403, "it turned the factor on"
    code = totp.code(secret)
    r = b.answer(code[:3] + " " + code[3:], "/models?sort=likes")
    assert r.status == 303 and r.headers["location"] == "/models?sort=likes" and b.cookie and not b.half
    assert b.get(PAGE).status == 200
    other = at_the_code(server, "bea")
    assert other.answer(code).status == 403 and not other.cookie, "no code works twice"
    assert other.answer(recovery[3].lower()).status == 303 and other.cookie
    assert at_the_code(server, "bea").answer(recovery[3]).status == 403, "each recovery code works once"
    assert at_the_code(server, "bea").answer(totp.code(secret, 1), "//evil.example.org").headers["location"] == "/"
    with sqlite3.connect(server.home / "hearth.db") as db:
        rows = dict(db.execute("SELECT type, count(*) FROM audit u JOIN account a ON a.id = u.account_id AND a.id = u.actor_id"
                               " WHERE a.name = 'bea' AND type LIKE 'user.factor.%' AND ip = '127.0.0.1' GROUP BY type"))
    assert rows == {"user.factor.on": 1, "user.factor.wrong": 4, "user.factor.recovery": 1}


def test_half_a_session_is_of_one_account(server):
    _, one, _ = turn_on(server, "cleo")
    _, two, _ = turn_on(server, "carl")
    b = at_the_code(server, "cleo")
    assert b.answer(totp.code(two)).status == 403
    account, until, mac = b.half.split("-")
    with sqlite3.connect(server.home / "hearth.db") as db:
        carl = db.execute("SELECT id FROM account WHERE name = 'carl'").fetchone()[0]
    good = b.half
    for half in (f"{carl}-{until}-{mac}", f"{account}-{int(until) + 1}-{mac}", f"{account}-{until}-{'0' * 64}", "", "x", "1-2-3"):
        b.half = half
        assert b.answer(totp.code(two)).status == 403 and b.answer(totp.code(one)).status == 403 and not b.cookie, half
        b.half = half
        assert "Begin anew" in says(b.get("/login/code"))
    b.half = good
    assert b.answer(totp.code(one), Origin="https://evil.example.org").status == 403
    server.cli("user", "passwd", "cleo", "--password-stdin", stdin=PASSWORD + "\n")
    assert "Begin anew" in says(b.answer(totp.code(one))), "another password: whoever knew the old one begins anew"


def test_programs_use_tokens(server, tmp_path):
    b, _, _ = turn_on(server, "dora")
    token = server.token("dora", "write")
    server.create("dora/plans", token, private=True)
    path = "/dora/plans.git/info/refs?service=git-upload-pack"
    assert server.get(path, headers=basic("dora", token)).status == 200
    for wanted, headers in ((401, basic("dora")), (401, basic("dora", "wrong word"))):
        assert server.get(path, headers=headers).status == wanted
        assert server.request("POST", "/dora/plans.git/info/lfs/objects/batch", {"operation": "upload", "objects": []}, headers=headers).status == wanted
        assert server.get("/api/whoami-v2", headers=headers).status == wanted
    r = server.get(path, headers=basic("dora"))
    assert r.code == "SecondFactorMissing" and "access token" in r.message and b"access token" in r.body
    assert server.get(path, headers=basic("dora", "wrong word")).code is None
    for _ in range(12):
        server.get(path, headers=basic("dora"))
    assert server.get(path, headers=basic("dora")).code == "SecondFactorMissing", "a right password is no wrong try"
    url = server.base.replace("//", f"//dora:{PASSWORD.replace(' ', '%20')}@")
    r = subprocess.run(["git", "-c", "credential.helper=", "ls-remote", f"{url}/dora/plans"], capture_output=True, text=True, env={"GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert r.returncode and "remote: This account signs in with a second factor" in r.stderr and "access token" in r.stderr, r


def test_guesses_are_counted_by_account(server):
    _, secret, recovery = turn_on(server, "eve")
    for i in range(10):
        b = at_the_code(server, "eve")
        assert b.answer("000000" if i % 2 else "AAAA-AAAA-AAAA-AAAA", X_Forwarded_For=f"198.51.100.{i}").status == 403
    for code in (totp.code(secret), recovery[0]):
        r = b.answer(code, X_Forwarded_For="203.0.113.7")
        assert r.status == 429 and "quarter of an hour" in says(r) and not b.cookie, "from wherever, by whichever connection"
    assert server.get("/api/whoami-v2", server.token("eve", "read")).status == 200, "tokens go on"


def test_many_at_once_have_no_more_guesses(server):
    from concurrent.futures import ThreadPoolExecutor
    turn_on(server, "gil")
    b = at_the_code(server, "gil")
    headers = {"Cookie": f"hearth_code={b.half}", "Origin": server.base, "Content-Type": "application/x-www-form-urlencoded"}
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda i: server.request("POST", "/login/code", f"code={i:06d}", headers=headers).status, range(40)))
    assert statuses.count(403) == 10 and statuses.count(429) == 30


def test_changing_it_asks_for_both(server):
    b, secret, recovery = turn_on(server, "finn")
    for path in ("/off", "/codes"):
        for wrong in ({"password": "another word", "code": totp.code(secret)}, {"password": PASSWORD, "code": "000000"}, {"password": PASSWORD}):
            r = send(b, PAGE + path, wrong, PAGE)
            assert r.status == 403 and says(r), (path, wrong, r)
    assert "10 are left" in b.get(PAGE).body.decode()
    fresh = shown_recovery(send(b, PAGE + "/codes", {"password": PASSWORD, "code": totp.code(secret)}, PAGE).body.decode())
    assert not set(fresh) & set(recovery)
    assert send(b, PAGE + "/off", {"password": PASSWORD, "code": recovery[0]}, PAGE).status == 403, "of before"
    half_a_minute_goes_by(server)
    r = send(b, PAGE + "/off", {"password": PASSWORD, "code": fresh[0]}, PAGE)
    assert r.status == 200 and "is off" in r.body.decode() and shown_secret(r.body.decode()) != secret
    assert send(b, PAGE + "/off", {"password": PASSWORD, "code": fresh[1]}, PAGE).status == 409
    assert signed_in(server, "finn").get(PAGE).status == 200


def test_a_lost_phone(server):
    turn_on(server, "hana")
    server.add_person("root-admin", "--admin")
    admin = signed_in(server, "root-admin")
    page = send(admin, "/operator/users", {"name": "hana", "do": "link"}, "/operator/users").body.decode()
    link = re.search(r"/password/choose\?link=([\w-]+)", page).group(1)
    new = "yet another word"
    assert Browser(server).ask("POST", "/password/choose", {"link": link, "password": new}).status == 303
    b = Careful(server)
    assert b.sign_in("hana", new).headers["location"].startswith("/login/code"), "a link for the password is none for the code"
    assert "is off" in server.cli("user", "remove-factor", "hana").stdout
    assert "Begin anew" in says(b.answer("000000"))
    b = Careful(server)
    assert b.sign_in("hana", new).headers["location"] == "/models" and b.cookie
    assert "hana has no second factor" in server.cli("user", "remove-factor", "hana").stdout
    turn_on(server, "hugo")                             # the same on the operator's page
    form = {"name": "hugo", "do": "remove_factor"}
    assert send(b, "/operator/users", form, "/").status == 404
    assert send(admin, "/operator/users", {**form, "name": "root-admin"}, "/operator/users").status == 409, "his own is in his settings"
    at_the_code(server, "hugo")
    assert 'aria-label="Remove second factor hugo"' in admin.get("/operator/users?q=hugo").body.decode()
    assert send(admin, "/operator/users", form, "/operator/users").status == 303
    assert signed_in(server, "hugo").get(PAGE).status == 200


def test_applications_wait_for_the_code(server):
    owner, secret, recovery = turn_on(server, "ivo")
    app, _ = make_app(owner)
    ask = f"/oauth/authorize?client_id={app}&redirect_uri=https%3A%2F%2Fapp.example.org%2Flogin%2Fcallback&response_type=code&scope=openid&state=s"
    b = Careful(server)
    to = b.get(ask).headers["location"]
    assert to.startswith("/login?next=")
    r = b.ask("POST", "/login", {"name": "ivo", "password": PASSWORD, "next": ask})
    assert r.status == 303 and r.headers["location"].startswith("/login/code?next=/oauth/authorize")
    half = f"hearth_code={b.half}; hearth_session={b.half}"
    assert server.get(ask, headers={"Cookie": half}).headers["location"].startswith("/login")
    assert server.get("/oauth/device?user_code=AAAA-AAAA", headers={"Cookie": half}).headers["location"].startswith("/login")
    r = b.answer(recovery[0], ask)
    assert r.status == 200 and b"You are signed in" in r.body and b.cookie
    assert b"wants to act for you" in b.get(ask).body


def test_an_organisation_asks_for_it(server):
    """Who has none is a stranger there: one by one and in lists, with the browser and with tokens."""
    members = "/organizations/guild/settings/members"
    boss, secret, _ = turn_on(server, "kim")
    for name in ("lena", "lars"):
        server.add_person(name)
    server.cli("user", "add", "provided")               # no password: another provider signs him in
    server.cli("org", "add", "guild", "--owner", "kim")
    server.cli("org", "add-member", "guild", "lena", "--role", "admin")
    for name in ("lars", "provided"):
        server.cli("org", "add-member", "guild", name, "--role", "write")
    service = server.cli("service", "create", "guild", "builds").stdout.strip()
    program = server.cli("service", "token", service, "--permissions", "repo.content.read").stdout.strip()
    t = {name: server.token(name, "write") for name in ("kim", "lena", "lars", "provided")} | {"program": program}
    server.create("lars/diary", t["lars"], private=True)
    server.create("guild/plans", t["kim"], private=True)
    server.create("guild/show", t["kim"])
    group = server.request("POST", "/api/organizations/guild/resource-groups", {"name": "g", "users": [{"user": "lars", "role": "write"}]}, t["kim"])
    assert group.status == 200, group
    server.create("guild/grouped", t["kim"], private=True, resourceGroupId=group.json()["id"])
    lena, lars = signed_in(server, "lena"), signed_in(server, "lars")
    r = send(lena, members, {"act": "factor", "needs_factor": "yes"}, "/")
    assert r.status == 409 and "your own second factor" in says(r)
    assert send(lars, members, {"act": "factor", "needs_factor": "yes"}, "/").status == 403

    def seen(name):
        """What is private there: one by one, and in lists."""
        one = {repo for repo in ("plans", "grouped") if server.get(f"/api/models/guild/{repo}", t[name]).status == 200}
        many = {m["id"].split("/")[1] for m in server.get("/api/models?author=guild&limit=100", t[name]).json()}
        assert many - {"show"} == one, (name, one, many)
        return one
    everything = {"kim": {"plans", "grouped"}, "lena": {"plans", "grouped"}, "lars": {"plans", "grouped"}, "provided": {"plans"}, "program": {"plans"}}
    assert {name: seen(name) for name in t} == everything
    assert send(boss, members, {"act": "factor", "needs_factor": "yes"}, "/").status == 303
    assert {name: seen(name) for name in t} == {**everything, "lena": set(), "lars": set()}
    assert lars.get("/guild/plans").status == 404 and lars.get("/guild/show").status == 200 and lars.get(members).status == 404
    assert server.commit("guild/show", t["lars"], {"x": "y"}).status == 403
    assert server.post("/api/repos/create", {"name": "more", "organization": "guild"}, t["lars"]).status == 403
    assert [m["id"] for m in server.get("/api/models?author=lars", t["lars"]).json()] == ["lars/diary"], "what is his own is his"
    restricted = {o["name"]: o.get("securityRestrictions") for o in server.get("/api/whoami-v2", t["lars"]).json()["orgs"]}
    assert restricted == {"guild": ["mfa"]} and "asks for a second factor" in lars.get("/settings/organizations").body.decode()
    assert lars.get("/new").body.decode().count("guild") == 0
    page = boss.get(members).body.decode()
    assert page.count("kept out") == 2 and 'value="yes" checked' in page

    fresh = shown_secret(lars.get(PAGE).body.decode())
    assert send(lars, PAGE, {"secret": fresh, "code": totp.code(fresh), "password": PASSWORD}, PAGE).status == 200
    assert seen("lars") == everything["lars"] and lars.get("/guild/plans").status == 200
    assert "securityRestrictions" not in server.get("/api/whoami-v2", t["lars"]).json()["orgs"][0]
    server.cli("user", "remove-factor", "lars")
    assert seen("lars") == set()
    server.cli("user", "passwd", "provided", "--password-stdin", stdin=PASSWORD + "\n")
    assert seen("provided") == set(), "a password came, and it is alone"
    server.cli("org", "remove-member", "guild", "lars")
    server.cli("org", "add-member", "guild", "lars", "--role", "read")
    assert seen("lars") == set()
    assert send(boss, members, {"act": "factor"}, "/").status == 303
    assert seen("lars") == {"plans"} and seen("lena") == everything["lena"]
    server.fsck()


def test_another_provider_asks_for_its_own(pair):  # noqa: F811
    """Who comes through it is not asked here; with the password he is."""
    provider, s = pair
    provider.add_person("jan-there")
    jan, secret, _ = turn_on(s, "jan")
    r = jan.ask("POST", "/login/external/link", {"csrf": jan.form_token("/settings/password")})
    assert r.status == 200
    person = Person(s)
    person.cookie = jan.cookie
    person.login = next(v.split("=", 1)[1].split(";")[0] for k, v in r.all_headers if k.lower() == "set-cookie" and v.startswith("hearth_login="))
    to = html.unescape(re.search(r'href="(http://[^"]+/oauth/authorize[^"]*)"', r.body.decode()).group(1))[len(provider.base):]
    there = Browser(provider)
    assert there.sign_in("jan-there").status == 303
    a = there.get(to)
    if a.status == 200:
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', a.body.decode().split("<main")[1])
        a = there.ask("POST", "/oauth/authorize", [*[(html.unescape(k), html.unescape(v)) for k, v in fields], ("decision", "allow")])
    assert person.get(a.headers["location"]).status == 303
    person, r = through(provider, s, "jan-there")
    assert r.status == 303 and b"<summary>jan</summary>" in person.get("/").body
    at_the_code(s, "jan")
