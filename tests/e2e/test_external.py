"""Signing in through an outside OpenID Connect provider: another Hearth as the peer, and a provider that lies."""
import base64
import hashlib
import html
import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import hearth
import pytest
from test_oauth import make_app
from browser import Browser


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Person(Browser):
    """Keeps the second cookie as well."""

    def __init__(self, server):
        super().__init__(server)
        self.login = None

    def ask(self, method, path, form=None, **headers):
        if path.startswith(self.server.base):
            path = path[len(self.server.base):]
        self.login_before = self.login
        if self.login and path.startswith("/login/external"):
            headers["Cookie"] = f"hearth_login={self.login}" + (f"; hearth_session={self.cookie}" if self.cookie else "")
        elif self.cookie:
            headers["Cookie"] = f"hearth_session={self.cookie}"
        kept, self.cookie = self.cookie, None  # the parent would write the header anew
        a = super().ask(method, path, form, **headers)
        self.cookie = self.cookie or kept
        for name, value in a.all_headers:
            if name.lower() == "set-cookie" and value.startswith("hearth_login="):
                assert "HttpOnly" in value and "SameSite=Lax" in value and "Path=/login/external" in value
                self.login = value.split("=", 1)[1].split(";")[0]
            if name.lower() == "set-cookie" and value.startswith("hearth_session="):
                self.cookie = value.split("=", 1)[1].split(";")[0] or None
        return a


def start(tmp, name, issuer, client, secret, *args, port=0):
    home = tmp / name
    home.mkdir(parents=True)
    (home / "secret.txt").write_text(secret + "\n")
    s = hearth.Server(home / "home", port=port, args=["--oidc-issuer", issuer, "--oidc-client-id", client, "--oidc-label", "the other house",
                                                      *(["--oidc-client-secret-file", str(home / "secret.txt")] if secret else []), *args])
    s.add_person("root-admin", "--admin")
    return s.start()


# ---------------------------------------------------------------- another Hearth

@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(the provider, whoever signs in through it)"""
    tmp, port = tmp_path_factory.mktemp("peers"), hearth.free_port()
    p = hearth.Server(tmp / "provider" / "home")
    for name in ("nora", "settings-team", "root-admin"):
        p.add_person(name)
    p.start()
    nora = Browser(p)
    nora.sign_in("nora")
    app, secret = make_app(nora, uris=(f"http://127.0.0.1:{port}/login/external/callback",), scopes=("openid", "profile", "email"))
    s = start(tmp, "relying", p.base, app, secret, port=port)
    yield p, s
    s.end()
    p.end()


def through(provider, server, name, path="/login/external", person=None):
    """As the person: there, signing in, allowing, and back; the last answer."""
    person = person or Person(server)
    there = Browser(provider)
    assert there.sign_in(name).status == 303
    r = person.get(path)
    assert r.status == 303, r
    to = urllib.parse.urlsplit(r.headers["location"])
    assert f"{to.scheme}://{to.netloc}" == provider.base
    r = there.get(to.path + "?" + to.query)
    if r.status == 200:
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', r.body.decode().split("<main")[1])
        r = there.ask("POST", "/oauth/authorize", [*[(html.unescape(k), html.unescape(v)) for k, v in fields], ("decision", "allow")])
    assert r.status == 303, r
    return person, person.get(r.headers["location"])


def test_a_new_person_and_the_same_again(pair):
    provider, server = pair
    assert b"Sign in with the other house" in Browser(server).get("/login?next=/models").body
    person, r = through(provider, server, "nora", "/login/external?next=/models%3Fsort%3Dlikes")
    assert r.status == 303 and r.headers["location"] == "/models?sort=likes", r
    assert person.get("/settings/profile").status == 200 and b'<summary>nora</summary>' in person.get("/").body
    page = person.get("/settings/password").body.decode()  # there is no old password to ask for, and nothing left to connect
    assert "This account has no password: it opens with the other house" in page and 'name="old"' not in page and "Connect it" not in page
    person, r = through(provider, server, "nora")
    assert b'<summary>nora</summary>' in person.get("/").body and server.cli("user", "list").stdout.count("nora") == 1


def test_a_name_gives_no_account(pair):
    """Who is called root-admin there is not root-admin here; a reserved name becomes another."""
    provider, server = pair
    person, r = through(provider, server, "root-admin")
    assert r.status == 303 and b"<summary>root-admin-2</summary>" in person.get("/").body
    assert person.get("/settings/invitations").status in (403, 404)


def test_a_disabled_account_stays_out(pair):
    provider, server = pair
    person, _ = through(provider, server, "settings-team")
    server.cli("user", "disable", "settings-team")
    person, r = through(provider, server, "settings-team")
    assert r.status == 403 and person.get("/settings/profile").status == 401
    server.cli("user", "enable", "settings-team")


def test_an_account_is_connected_by_our_own_form_alone(pair):
    provider, server = pair
    server.add_person("lara")
    provider.add_person("l-at-work")
    lara = Person(server)
    assert lara.sign_in("lara").status == 303
    assert lara.ask("POST", "/login/external/link", {}).status == 403, "no csrf"
    page = lara.get("/settings/password").body.decode()
    assert 'name="old"' in page and "Connect it" in page
    r = lara.ask("POST", "/login/external/link", {"csrf": lara.form_token("/settings/password")})
    to = html.unescape(re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', r.body.decode()).group(1))
    there = Browser(provider)
    there.sign_in("l-at-work")
    page = there.get(to[len(provider.base):]).body.decode()
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.split("<main")[1])
    back = there.ask("POST", "/oauth/authorize", [*[(html.unescape(k), html.unescape(v)) for k, v in fields], ("decision", "allow")]).headers["location"]
    stranger = Person(server)   # hers in another browser, and his that was slipped into hers
    stranger.sign_in("root-admin")
    stranger.login = lara.login
    assert stranger.get(back).status == 403
    assert lara.get(back).headers["location"] == "/settings/password"
    person, _ = through(provider, server, "l-at-work")
    assert b"<summary>lara</summary>" in person.get("/").body
    # Signed in as somebody else, without the form: it is a signing in, and connects nothing.
    other = Person(server)
    other.sign_in("root-admin")
    person, r = through(provider, server, "l-at-work", person=other)
    assert b"<summary>lara</summary>" in other.get("/").body


# ---------------------------------------------------------------- a provider that lies

class Liar:
    """Answers as it is told: `claims` and `head` are changed before signing, `sign` chooses the key."""

    def __init__(self, tmp):
        self.key = {}
        for name in ("good", "other"):
            pem = tmp / f"{name}.pem"
            subprocess.run(["openssl", "genrsa", "-out", pem, "2048"], check=True, capture_output=True)
            modulus = subprocess.run(["openssl", "rsa", "-in", pem, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
            self.key[name] = (pem, bytes.fromhex(modulus.strip().split("=")[1]))
        self.asked, self.tmp = [], tmp
        self.reset()
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *a):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                liar.asked.append((self.path, dict(self.headers), dict(urllib.parse.parse_qsl(body.decode()))))
                status, out = liar.answer(self.path)
                out = out if isinstance(out, bytes) else json.dumps(out).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)
            do_GET = do_POST = answer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self):
        self.claims, self.head, self.sign, self.discovery, self.token, self.nonce, self.raw = {}, {}, "good", {}, None, None, None

    def id_token(self):
        now = int(time.time())
        claims = {"iss": self.base, "aud": "us", "sub": "1", "iat": now, "exp": now + 300, "nonce": self.nonce, "preferred_username": "mallory",
                  "email": "mallory@example.org", "email_verified": True, **self.claims}
        head = {"alg": "RS256", "kid": "k1", **self.head}
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps({k: v for k, v in claims.items() if v is not None}).encode())
        if self.sign == "none":
            return text + "."
        if self.sign == "hmac":  # the public key taken for a secret
            import hmac
            return text + "." + b64(hmac.new(self.key["good"][1], text.encode(), hashlib.sha256).digest())
        r = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key[self.sign][0]], input=text.encode(), check=True, capture_output=True)
        return text + "." + b64(r.stdout)

    def answer(self, path):
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.base, "authorization_endpoint": self.base + "/a", "token_endpoint": self.base + "/t", "jwks_uri": self.base + "/k", **self.discovery}
        if path == "/k":
            return 200, {"keys": [{"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "n": b64(self.key["good"][1]), "e": "AQAB"}]}
        if path == "/t":
            return self.token or (200, {"access_token": "x", "token_type": "bearer", "id_token": self.raw or self.id_token()})
        return 404, {}


@pytest.fixture(scope="module")
def liar(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    made = Liar(tmp_path_factory.mktemp("liar"))
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def house(tmp_path_factory, liar):
    s = start(tmp_path_factory.mktemp("relying"), "one", liar.base, "us", "a:secret &")
    yield s
    s.end()


@pytest.fixture(autouse=True)
def honest(request):
    if "liar" in request.fixturenames:
        request.getfixturevalue("liar").reset()


def back(server, liar, person=None, **changed):
    """There and back, with the answer's parameters changed."""
    person = person or Person(server)
    q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(person.get("/login/external").headers["location"]).query))
    liar.nonce = q["nonce"]
    answer = {"code": "c", "state": q["state"], **changed}
    return person, person.get("/login/external/callback?" + urllib.parse.urlencode({k: v for k, v in answer.items() if v is not None})), q


def test_what_is_sent(house, liar):
    liar.asked.clear()
    person, r, q = back(house, liar)
    assert r.status == 303 and b"<summary>mallory</summary>" in person.get("/").body
    assert q["response_type"] == "code" and q["client_id"] == "us" and q["redirect_uri"] == house.base + "/login/external/callback"
    assert q["code_challenge_method"] == "S256" and len(q["state"]) == 64 and q["state"] != q["nonce"]
    path, headers, form = next(a for a in liar.asked if a[0] == "/t")
    assert b64(hashlib.sha256(form["code_verifier"].encode()).digest()) == q["code_challenge"] and form["redirect_uri"] == q["redirect_uri"]
    assert base64.b64decode(headers["Authorization"].split(" ")[1]) == b"us:a%3Asecret%20%26" and "client_secret" not in form


@pytest.mark.parametrize("lie", [
    {"claims": {"iss": "https://other.example.org"}}, {"claims": {"aud": "somebody-else"}}, {"claims": {"aud": ["us", "them"]}}, {"claims": {"azp": "them"}},
    {"claims": {"exp": -3600}}, {"claims": {"exp": None}}, {"claims": {"iat": 3600}}, {"claims": {"nbf": 3600}},
    {"claims": {"nonce": "another"}}, {"claims": {"nonce": None}}, {"claims": {"sub": None}}, {"claims": {"sub": ""}}, {"sign": "other"}, {"sign": "none", "head": {"alg": "none"}},
    {"sign": "hmac", "head": {"alg": "HS256"}}, {"sign": "none"}, {"head": {"kid": "k2"}}, {"head": {"alg": "RS384"}}, {"head": {"crit": ["x"]}}, {"raw": "x"}, {"raw": "a.b.c.d"},
    {"raw": "." * 3}, {"token": (400, {"error": "invalid_grant"})}, {"token": (200, {"access_token": "x"})}, {"token": (200, b"<html>")}, {"token": (200, b"x" * (2 << 20))},
    {"token": (302, b"")},
], ids=lambda lie: str(lie)[:60])
def test_a_lie_is_found_out(house, liar, lie):
    now = int(time.time())  # not in the table: every process that collects tests must find the same names
    if "claims" in lie:
        lie = {"claims": {k: now + v if isinstance(v, int) else v for k, v in lie["claims"].items()}}
    for name, value in lie.items():
        setattr(liar, name, value)
    person, r, _ = back(house, liar)
    assert r.status == 403 and person.cookie is None, (lie, r)
    assert b"secret" not in r.body and b"invalid_grant" not in r.body, "what went wrong is for the operator"


def test_clocks_may_differ_a_little(house, liar):
    now = int(time.time())
    liar.claims = {"iat": now + 60, "nbf": now + 60, "exp": now + 600}
    assert back(house, liar)[1].status == 303
    liar.claims = {"iat": now - 600, "exp": now - 30}
    assert back(house, liar)[1].status == 303


def test_an_answer_belongs_to_the_browser_that_asked(house, liar):
    assert back(house, liar, state="x" * 64)[1].status == 403
    assert back(house, liar, state=None)[1].status == 403
    assert back(house, liar, iss="https://other.example.org")[1].status == 403, "mixed up"
    assert back(house, liar, iss=liar.base)[1].status == 303
    assert back(house, liar, code=None, error="access_denied")[1].status == 403
    # The attacker's answer in the victim's browser: it has no such cookie, or another one.
    attacker = Person(house)
    q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(attacker.get("/login/external").headers["location"]).query))
    victim = Person(house)
    path = "/login/external/callback?" + urllib.parse.urlencode({"code": "c", "state": q["state"]})
    assert victim.get(path).status == 403
    victim.get("/login/external")
    assert victim.get(path).status == 403 and victim.cookie is None
    # An answer is good once: the cookie goes with it.
    person, r, q = back(house, liar)
    kept = person.login_before
    assert r.status == 303 and person.login == ""
    assert person.get("/login/external/callback?code=c&state=" + q["state"]).status == 403
    person.login = kept
    r = person.get("/login/external/callback?code=c&state=" + q["state"])
    assert r.status == 403 and b"brought before" in r.body, "a copy of the cookie"
    for i in (43, 50, 60, len(kept) - 1):   # the mark, the time, the seal, where to go on
        person.login = kept[:i] + ("l" if kept[i] != "l" else "s") + kept[i + 1:]
        assert person.get("/login/external/callback?code=c&state=" + q["state"]).status in (401, 403)
    for cookie in ("", "x", "x" * 43, "x" * 43 + "s!!", "s" * 3000):
        person.login = cookie
        assert person.get(path).status == 403


def test_an_answer_is_good_once_also_after_a_restart(tmp_path, liar):
    s = start(tmp_path, "restarted", liar.base, "us", "")
    person, r, q = back(s, liar)
    assert r.status == 303
    person.login = person.login_before
    assert s.stop() == 0
    s.start()
    r = person.get("/login/external/callback?code=c&state=" + q["state"])
    assert r.status == 403 and b"brought before" in r.body
    s.end()


@pytest.mark.parametrize("next", ["//evil.example.org", "https://evil.example.org", "/\\evil.example.org", "/%09/evil.example.org"])
def test_next_leads_nowhere_else(house, liar, next):
    person = Person(house)
    q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(person.get("/login/external?next=" + next).headers["location"]).query))
    liar.nonce = q["nonce"]
    assert person.get("/login/external/callback?code=c&state=" + q["state"]).headers["location"] == "/"


def test_domains(tmp_path, liar):
    s = start(tmp_path, "domains", liar.base, "us", "", "--oidc-domains", "example.org, example.com", "--oidc-name-claim", "email")
    try:
        for claims, fits in (({}, True), ({"email": "x@EXAMPLE.COM", "sub": "2"}, True), ({"email": "x@evil.org"}, False), ({"email_verified": False}, False),
                             ({"email": "x@example.org@evil.org"}, False), ({"email": "example.org"}, False), ({"email": None}, False), ({"email": "x@sub.example.org"}, False)):
            liar.claims = claims
            assert (back(s, liar)[1].status == 303) == fits, claims
        path, headers, form = next(a for a in reversed(liar.asked) if a[0] == "/t")
        assert form["client_id"] == "us" and "Authorization" not in headers, "a public client"
        assert {line.split()[0] for line in s.cli("user", "list").stdout.splitlines()} >= {"mallory", "user-x"}
    finally:
        s.end()


@pytest.mark.parametrize("discovery", [{"issuer": "https://other.example.org"}, {"authorization_endpoint": "javascript:alert(1)"}, {"authorization_endpoint": None}])
def test_a_document_that_lies(tmp_path, liar, discovery):
    s = start(tmp_path, "document", liar.base, "us", "")
    try:
        liar.discovery = discovery
        r = Person(s).get("/login/external")
        assert r.status == 403 and "location" not in r.headers, r
    finally:
        s.end()


def test_a_provider_that_is_not_there(tmp_path):
    s = start(tmp_path, "absent", f"http://127.0.0.1:{hearth.free_port()}", "us", "")
    try:
        assert Person(s).get("/login/external").status == 403
        assert Browser(s).sign_in("root-admin").status == 303, "passwords go on working"
    finally:
        s.end()


def test_without_a_provider(server):
    assert server.get("/login/external").status == 404 and server.get("/login/external/callback?code=x&state=y").status == 404
    assert b"single sign-on" not in server.get("/login").body


def test_a_provider_that_hangs_holds_few_threads(tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=32) as silent:
        silent.settimeout(60)
        s = start(tmp_path, "patient", f"http://127.0.0.1:{silent.getsockname()[1]}", "us", "")
        answers, over = [], threading.Event()

        def ask():
            while not over.is_set():
                answers.append(s.get("/login/external").status)
                over.wait(0.05)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        held = [silent.accept()[0] for _ in range(8)]
        deadline = time.monotonic() + 120
        while 503 not in answers and time.monotonic() < deadline:
            assert s.get("/health").status == 200
        over.set()
        for connection in held:
            connection.close()
    for thread in threads:
        thread.join()
    assert 503 in answers and set(answers) <= {403, 503}
    s.end()
