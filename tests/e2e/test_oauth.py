"""Applications that act for people: OAuth 2.0 and OpenID Connect, with the unmodified `hf` and as an attacker would."""
import base64
import hashlib
import html
import json
import os
import re
import subprocess
import time
import urllib.parse
import uuid

import clients
import pytest
from browser import Browser, signed_in
from conftest import populated
from hearth import PASSWORD

HF = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
BACK = "https://app.example.org/login/callback"


def pkce():
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    return verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its own: tries are counted by address, and modules that ran before would have spent some."""
    with populated(tmp_path_factory) as s:
        yield s


@pytest.fixture(scope="module")
def people(server):
    for name in ("olga", "oscar", "oleg"):
        server.add_person(name)
    server.cli("org", "add-member", "acme", "olga", "--role", "write")
    return server


@pytest.fixture
def olga(people):
    return signed_in(people, "olga")


@pytest.fixture
def oscar(people):
    return signed_in(people, "oscar")


def make_app(browser, kind="secret", uris=(BACK,), scopes=("openid", "profile", "read-repos"), **more):
    form = [("csrf", browser.form_token("/settings/applications")), ("name", f"App {uuid.uuid4().hex[:6]}"), ("kind", kind),
            ("redirect_uris", "\r\n".join(uris)), *[("scope", s) for s in scopes], *more.items()]
    r = browser.ask("POST", "/settings/applications", form)
    assert r.status == 200, r
    page = r.body.decode()
    secret = re.search(r"<code>(\w{48})</code>", page)
    return re.search(r"<code>([0-9a-f-]{36})</code>", page).group(1), secret and secret.group(1)


def authorize(browser, decision="allow", **q):
    """Through the page, as a person; the answer's Location, taken apart."""
    q.setdefault("response_type", "code")
    r = browser.get("/oauth/authorize?" + urllib.parse.urlencode(q))
    if r.status == 200:
        page = r.body.decode()
        fields = [(html.unescape(k), html.unescape(v)) for k, v in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.split("<main")[1])]
        r = browser.ask("POST", "/oauth/authorize", [*fields, ("decision", decision)])
    assert r.status == 303, r
    to = urllib.parse.urlsplit(r.headers["location"])
    return r.headers["location"], dict(urllib.parse.parse_qsl(to.query))


def token(server, basic=None, **form):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if basic:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
    return server.request("POST", "/oauth/token", urllib.parse.urlencode(form).encode(), headers=headers)


def checked_id_token(server, text):
    """The claims; the signature is checked by hand, with the key that is published."""
    head, body, signature = text.split(".")
    head = json.loads(unpadded(head))
    key = next(k for k in server.get("/oauth/jwks").json()["keys"] if k["kid"] == head["kid"])
    n, e = (int.from_bytes(unpadded(key[x]), "big") for x in "ne")
    plain = pow(int.from_bytes(unpadded(signature), "big"), e, n).to_bytes(256, "big")
    digest = hashlib.sha256(".".join(text.split(".")[:2]).encode()).digest()
    assert head["alg"] == "RS256" and plain == b"\0\1" + b"\xff" * 202 + b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + digest
    return json.loads(unpadded(body))


def test_discovery(server):
    d = server.get("/.well-known/openid-configuration").json()
    assert d["issuer"] == server.base and d["code_challenge_methods_supported"] == ["S256"]
    assert d["id_token_signing_alg_values_supported"] == ["RS256"] and "read-repos" in d["scopes_supported"]
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "device_authorization_endpoint", "registration_endpoint"):
        assert d[name].startswith(server.base + "/oauth/"), name
    assert server.get("/.well-known/oauth-authorization-server").json() == d


def test_a_code_becomes_tokens_that_do_what_was_allowed(server, t, olga):
    app, secret = make_app(olga, scopes=("openid", "profile", "email", "read-memberships", "read-repos"))
    verifier, challenge = pkce()
    back, q = authorize(olga, client_id=app, redirect_uri=BACK, scope="openid profile read-repos webhooks", state="s 1&=", nonce="n1",
                        code_challenge=challenge, code_challenge_method="S256")
    assert back.startswith(BACK + "?code=") and q["state"] == "s 1&=" and q["iss"] == server.base
    r = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK, code_verifier=verifier)
    assert r.status == 200 and r.headers["cache-control"] == "no-store", r
    got = r.json()
    assert got["scope"] == "openid profile read-repos" and got["token_type"] == "bearer" and got["expires_in"] == 8 * 3600
    assert re.fullmatch(r"hf_[A-Za-z0-9]{34}", got["access_token"])
    claims = checked_id_token(server, got["id_token"])
    me = server.get("/api/whoami-v2", t.root).json()
    assert claims["iss"] == server.base and claims["aud"] == app and claims["nonce"] == "n1" and claims["preferred_username"] == "olga"
    assert claims["exp"] > time.time() and claims["sub"] != me["id"] and "email" not in claims
    assert claims["at_hash"] == base64.urlsafe_b64encode(hashlib.sha256(got["access_token"].encode()).digest()[:16]).rstrip(b"=").decode()
    for method in ("GET", "POST"):
        info = server.request(method, "/oauth/userinfo", token=got["access_token"]).json()
        assert info["sub"] == claims["sub"] and info["name"] == "olga" and [o["preferred_username"] for o in info["orgs"]] == ["acme"]
        assert "roleInOrg" not in info["orgs"][0], "read-memberships was not asked for"
    who = server.get("/api/whoami-v2", got["access_token"]).json()
    assert who["name"] == "olga" and who["auth"]["type"] == "oauth" and who["email"] is None
    # What was allowed, and nothing else.
    private = server.create(f"olga/p-{uuid.uuid4().hex[:8]}", server.token("olga", "write"), private=True)
    access = got["access_token"]
    assert server.get(f"/api/models/{private}", access).status == 200
    assert server.commit(private, access, {"a": "1"}).status == 403
    assert server.request("DELETE", "/api/repos/delete", {"name": private.split("/")[1], "organization": "olga"}, access).status == 403
    assert server.post("/api/repos/create", {"name": "x"}, access).status == 403
    assert server.post(f"/api/models/{private}/discussions", {"title": "A question", "description": "Does it work?"}, access).status == 403
    # It is no access token of the person's own, and his pages do not take it.
    assert got["access_token"][-4:] not in olga.get("/settings/tokens").body.decode()
    assert server.get("/settings/tokens", access).status == 403


@pytest.mark.parametrize("scopes, may", [
    ("openid", ""), ("read-repos", "read"), ("write-repos", "read write"), ("manage-repos", "read write manage create"), ("write-discussions", ""),
])
def test_scopes_are_honoured(server, olga, scopes, may):
    app, secret = make_app(olga, scopes=scopes.split())
    _, q = authorize(olga, client_id=app, redirect_uri=BACK)
    access = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK).json()["access_token"]
    own = server.token("olga", "write")
    private = server.create(f"olga/s-{uuid.uuid4().hex[:8]}", own, private=True)
    public = server.create(f"olga/o-{uuid.uuid4().hex[:8]}", own)
    got = {"read": server.get(f"/api/models/{private}", access).status, "write": server.commit(public, access, {"a": "1"}).status,
           "manage": server.request("PUT", f"/api/models/{public}/settings", {"private": False}, access).status,
           "create": server.post("/api/repos/create", {"name": f"c-{uuid.uuid4().hex[:8]}"}, access).status}
    assert {k for k, status in got.items() if status == 200} == set(may.split()), got
    discussed = server.post(f"/api/models/{public}/discussions", {"title": "A question", "description": "Does it work?"}, access).status
    assert (discussed == 200) == (scopes in ("write-discussions", "write-repos", "manage-repos")), discussed


def test_what_was_spent_and_webhooks_are_for_those_who_were_given_them(server, olga):
    own = server.token("olga", "write")
    url = f"https://example.org/{uuid.uuid4().hex}"
    hook = server.post("/api/settings/webhooks", {"url": url, "watched": [{"type": "user", "name": "olga"}], "domains": ["repo"]}, own).json()["webhook"]["id"]
    for scopes, sees in (("openid profile", False), ("openid read-billing", True)):
        app, secret = make_app(olga, scopes=scopes.split())
        _, q = authorize(olga, client_id=app, redirect_uri=BACK)
        access = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK).json()["access_token"]
        wanted = 200 if sees else 403
        assert server.get("/api/usage/inference", access).status == wanted
        assert server.post("/api/billing/costs", {"requestIds": []}, access).status == wanted
        assert server.get("/api/settings/billing/usage", access).status == wanted
        for path in ("/api/settings/webhooks", f"/api/settings/webhooks/{hook}", "/api/notifications"):
            assert server.get(path, access).status == 403
    assert server.get("/api/settings/webhooks", server.token("olga", "read")).json()[-1]["url"] == url
    assert server.request("DELETE", f"/api/settings/webhooks/{hook}", {}, own).status == 200


def test_a_code_works_once_and_a_thief_ends_it(server, olga):
    app, secret = make_app(olga)
    _, q = authorize(olga, client_id=app, redirect_uri=BACK)
    form = dict(grant_type="authorization_code", code=q["code"], redirect_uri=BACK)
    got = token(server, (app, secret), **form).json()
    assert server.get("/api/whoami-v2", got["access_token"]).status == 200
    again = token(server, (app, secret), **form)
    assert again.status == 400 and again.json()["error"] == "invalid_grant"
    assert server.get("/api/whoami-v2", got["access_token"]).status == 401, "what came of a stolen code ends"
    assert token(server, (app, secret), grant_type="refresh_token", refresh_token=got["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_is_for_one_application_one_address_one_verifier(server, olga):
    app, secret = make_app(olga, uris=(BACK, BACK + "2"))
    other, other_secret = make_app(olga)
    public, _ = make_app(olga, kind="public")
    verifier, challenge = pkce()

    def code(client=app, **more):
        return authorize(olga, client_id=client, redirect_uri=BACK, **more)[1]["code"]

    def tried(who, **form):
        r = token(server, who if who[1] else None, grant_type="authorization_code", **form, **({} if who[1] else {"client_id": who[0]}))
        return r.json().get("error", r.status)
    challenged = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert tried((other, other_secret), code=code(), redirect_uri=BACK) == "invalid_grant", "mixed-up clients"
    assert tried((public, None), code=code(**challenged), redirect_uri=BACK, code_verifier=verifier) == "invalid_grant"
    assert tried((app, secret), code=code(), redirect_uri=BACK + "2") == "invalid_grant"
    assert tried((app, secret), code=code(), redirect_uri="") == "invalid_grant"
    assert tried((app, secret), code=code(**challenged), redirect_uri=BACK) == "invalid_grant", "PKCE left out"
    assert tried((app, secret), code=code(**challenged), redirect_uri=BACK, code_verifier=verifier[:-1] + ("y" if verifier[-1] == "x" else "x")) == "invalid_grant"
    assert tried((app, secret), code=code(), redirect_uri=BACK, code_verifier=verifier) == "invalid_grant", "the challenge was taken away"
    assert tried((public, None), code=code(public, **challenged), redirect_uri=BACK) == "invalid_grant"
    assert tried((public, None), code=code(public, **challenged), redirect_uri=BACK, code_verifier=verifier) == 200
    assert tried((app, secret), code=code(**challenged), redirect_uri=BACK, code_verifier=verifier) == 200
    assert tried((app, secret[:-1] + ("y" if secret[-1] == "x" else "x")), code=code(), redirect_uri=BACK) == "invalid_client"
    assert tried((app, None), code=code(), redirect_uri=BACK) == "invalid_client", "with a secret, and without saying it"
    r = token(server, (app, "wrong"), grant_type="refresh_token", refresh_token="x")
    assert r.status == 401 and r.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("wrong", [
    {"redirect_uri": "https://evil.example.org/login/callback"}, {"redirect_uri": BACK + "/x"}, {"redirect_uri": BACK + "?a=1"},
    {"redirect_uri": BACK + "#f"}, {"redirect_uri": "http" + BACK[5:]}, {"redirect_uri": BACK.upper()}, {"redirect_uri": ""},
    {"redirect_uri": "//app.example.org/login/callback"}, {"redirect_uri": "https://app.example.org@evil.example.org/login/callback"},
    {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": "https://app.example.org/login/../login/callback"},
    {"client_id": "00000000-0000-0000-0000-000000000000"}, {"client_id": ""},
])
def test_nothing_is_sent_to_an_address_that_was_not_registered(server, olga, wrong):
    app, _ = make_app(olga)
    r = olga.get("/oauth/authorize?" + urllib.parse.urlencode({"client_id": app, "redirect_uri": BACK, "response_type": "code", **wrong}))
    assert r.status == 400 and "location" not in r.headers, r
    form = {"csrf": olga.form_token("/settings/applications"), "client_id": app, "redirect_uri": BACK, "response_type": "code", "decision": "allow", **wrong}
    r = olga.ask("POST", "/oauth/authorize", form)
    assert r.status == 400 and "location" not in r.headers, r


def test_a_parameter_that_comes_twice_is_none(server, olga):
    app, _ = make_app(olga)
    two = [("client_id", app), ("redirect_uri", BACK), ("redirect_uri", "https://evil.example.org/"), ("response_type", "code")]
    assert olga.get("/oauth/authorize?" + urllib.parse.urlencode(two)).status == 400


def test_other_mistakes_are_told_to_the_application(server, olga):
    app, _ = make_app(olga)
    public, _ = make_app(olga, kind="public")
    _, challenge = pkce()
    for more, word in (({"response_type": "token"}, "unsupported_response_type"), ({"scope": "write-repos"}, "invalid_scope"),
                       ({"client_id": public}, "invalid_request"), ({"code_challenge": challenge, "code_challenge_method": "plain"}, "invalid_request"),
                       ({"code_challenge": challenge}, "invalid_request"), ({"code_challenge": "x", "code_challenge_method": "S256"}, "invalid_request"),
                       ({"prompt": "none"}, "consent_required")):
        back, q = authorize(olga, **{"client_id": app, "redirect_uri": BACK, "state": "st", **more})
        assert back.startswith(BACK) and q["error"] == word and q["state"] == "st" and "code" not in q, (more, q)
    _, q = authorize(olga, decision="deny", client_id=app, redirect_uri=BACK, state="st")
    assert q["error"] == "access_denied"
    visitor = Browser(server)
    _, q = authorize(visitor, client_id=app, redirect_uri=BACK, prompt="none")
    assert q["error"] == "login_required"


def test_signing_in_comes_first_and_leads_back(server, people, olga):
    app, _ = make_app(olga)
    path = "/oauth/authorize?" + urllib.parse.urlencode({"client_id": app, "redirect_uri": BACK, "response_type": "code", "state": "a b"})
    visitor = Browser(server)
    r = visitor.get(path)
    assert r.status == 303 and r.headers["location"].startswith("/login?next=/oauth/authorize%3F")
    page = visitor.get(r.headers["location"]).body.decode()
    onward = html.unescape(re.search(r'name="next" value="([^"]*)"', page).group(1))
    assert onward == path
    r = visitor.ask("POST", "/login", {"name": "oscar", "password": PASSWORD, "next": onward})
    assert r.status == 200 and html.escape(path) in r.body.decode(), "not a redirect: form-action would stop it before the application"
    page = visitor.get(path)
    assert page.status == 200 and "form-action 'self' https://app.example.org;" in page.headers["content-security-policy"]


@pytest.mark.parametrize("next", ["//evil.example.org", "/\\evil.example.org", "https://evil.example.org", "/\t/evil.example.org", "/\n/evil.example.org",
                                  "\t//evil.example.org", "javascript:alert(1)", "evil"])
def test_next_leads_nowhere_else(server, people, next):
    r = Browser(server).ask("POST", "/login", {"name": "oscar", "password": PASSWORD, "next": next})
    assert r.status == 303 and r.headers["location"] == "/", r


def test_a_consent_is_given_by_our_own_page_alone(server, olga, oscar):
    app, _ = make_app(olga)
    form = {"client_id": app, "redirect_uri": BACK, "response_type": "code", "decision": "allow"}
    good = oscar.form_token("/settings/applications")
    assert oscar.ask("POST", "/oauth/authorize", form).status == 403, "no csrf"
    assert oscar.ask("POST", "/oauth/authorize", {**form, "csrf": olga.form_token("/settings/applications")}).status == 403, "somebody else's"
    assert oscar.ask("POST", "/oauth/authorize", {**form, "csrf": good}, Origin="https://evil.example.org").status == 403
    assert oscar.ask("POST", "/oauth/authorize", {**form, "csrf": good}, Sec_Fetch_Site="cross-site").status == 403
    own = server.token("oscar", "write")
    r = server.request("POST", "/oauth/authorize", urllib.parse.urlencode(form).encode(), own, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert r.status == 403, "a token must not make another one"
    r = oscar.get("/oauth/authorize?" + urllib.parse.urlencode(form))
    assert "frame-ancestors 'none'" in r.headers["content-security-policy"]
    assert oscar.ask("POST", "/oauth/authorize", {**form, "csrf": good}).status == 303


def test_a_consent_lasts_until_scopes_grow_or_it_is_taken_back(server, olga, oscar):
    app, secret = make_app(olga, scopes=("openid", "profile", "read-repos"))
    ask = {"client_id": app, "redirect_uri": BACK, "response_type": "code", "scope": "openid"}
    path = "/oauth/authorize?" + urllib.parse.urlencode(ask)
    assert oscar.get(path).status == 200
    _, q = authorize(oscar, **ask)
    assert oscar.get(path).status == 303, "asked once"
    assert oscar.get(path + "&prompt=consent").status == 200
    assert oscar.get(path.replace("scope=openid", "scope=openid+read-repos")).status == 200, "more than before"
    access = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK).json()["access_token"]
    page = oscar.get("/settings/applications").body.decode()
    assert app in page and "1 token in use" in page
    r = oscar.ask("POST", "/settings/applications/withdraw", {"csrf": oscar.form_token("/settings/applications"), "client_id": app})
    assert r.status == 303 and server.get("/api/whoami-v2", access).status == 401
    assert oscar.get(path).status == 200


def test_loopback_ports_are_free_and_nothing_else_is(server, olga):
    app, _ = make_app(olga, kind="public", uris=("http://127.0.0.1/cb", "org.example.app:/cb"))
    verifier, challenge = pkce()
    ask = {"client_id": app, "response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256"}
    for uri, fits in (("http://127.0.0.1:49152/cb", True), ("http://127.0.0.1/cb", True), ("http://127.0.0.1:49152/cb/x", False), ("http://127.0.0.2/cb", False),
                      ("http://localhost:1/cb", False), ("http://127.0.0.1:1@evil.example.org/cb", False), ("http://127.0.0.1:99999/cb", False),
                      ("http://127.0.0.1.evil.example.org/cb", False), ("org.example.app:/cb", True), ("org.example.app:/c", False)):
        r = olga.get("/oauth/authorize?" + urllib.parse.urlencode({**ask, "redirect_uri": uri}))
        assert r.status == (200 if fits else 400), (uri, r)
    back, q = authorize(olga, redirect_uri="http://127.0.0.1:49152/cb", **ask)
    assert back.startswith("http://127.0.0.1:49152/cb?code=")
    assert olga.get("/oauth/authorize?" + urllib.parse.urlencode({**ask, "redirect_uri": "http://127.0.0.1:5/cb"})).status == 200, "asked again: anybody may listen there"


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "/relative", "https://", "https://a b/", "https://u@h/", "https://h/#f", "ftp",
                                 "https://x;script-src/cb", "https://x,y/cb", "file:///etc/passwd", "https://h/\\x"])
def test_addresses_that_cannot_be_registered(server, olga, uri):
    r = olga.ask("POST", "/settings/applications", {"csrf": olga.form_token("/settings/applications"), "name": "x", "kind": "secret", "redirect_uris": uri, "scope": "openid"})
    assert r.status == 400 and 'role="alert"' in r.body.decode(), r
    r = server.post("/oauth/register", {"redirect_uris": [uri], "client_name": "x"})
    assert r.status == 400 and r.json()["error"] == "invalid_redirect_uri", r


def test_refresh_tokens_work_once(server, olga):
    app, secret = make_app(olga)
    _, q = authorize(olga, client_id=app, redirect_uri=BACK, scope="openid profile")
    first = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK).json()
    assert token(server, (app, secret), grant_type="refresh_token", refresh_token=first["refresh_token"], scope="openid read-repos").json()["error"] == "invalid_scope"
    second = token(server, client_id=app, client_secret=secret, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"] and second["scope"] == "openid profile"
    assert server.get("/api/whoami-v2", second["access_token"]).status == 200
    assert token(server, (app, secret), grant_type="refresh_token", refresh_token=first["refresh_token"]).json()["error"] == "invalid_grant"
    other, other_secret = make_app(olga)
    assert token(server, (other, other_secret), grant_type="refresh_token", refresh_token=second["refresh_token"]).json()["error"] == "invalid_grant"
    server.cli("user", "disable", "olga")
    try:
        assert token(server, (app, secret), grant_type="refresh_token", refresh_token=second["refresh_token"]).json()["error"] == "invalid_grant"
        assert server.get("/api/whoami-v2", second["access_token"]).status == 401
    finally:
        server.cli("user", "enable", "olga")


def test_registration(server, olga):
    r = server.post("/oauth/register", {"client_name": "Self <made>", "redirect_uris": [BACK], "scope": "openid profile webhooks", "token_endpoint_auth_method": "none"})
    made = r.json()
    assert r.status == 201 and "client_secret" not in made and made["scope"] == "openid profile" and made["redirect_uris"] == [BACK], r
    _, challenge = pkce()
    page = olga.get("/oauth/authorize?" + urllib.parse.urlencode({"client_id": made["client_id"], "redirect_uri": BACK, "response_type": "code",
                                                                  "code_challenge": challenge, "code_challenge_method": "S256"})).body.decode()
    assert "nobody here vouches for it" in page and "Self &lt;made&gt;" in page and "<made>" not in page
    made = server.post("/oauth/register", {"client_name": "x", "redirect_uris": [BACK]}).json()
    assert len(made["client_secret"]) == 48 and made["client_secret_expires_at"] == 0
    for body in ({}, {"redirect_uris": "x"}, {"redirect_uris": [1]}, {"redirect_uris": []}, {"redirect_uris": [BACK], "scope": "nothing"},
                 {"redirect_uris": [BACK], "token_endpoint_auth_method": "private_key_jwt"}, {"redirect_uris": [BACK], "client_name": ""}):
        r = server.post("/oauth/register", body)
        assert r.status == 400 and r.json()["error"].startswith("invalid_"), (body, r)


def test_an_application_is_its_owners(server, olga, oscar):
    app, secret = make_app(olga)
    where = f"/settings/applications/{app}"
    assert oscar.get(where).status == 404 and olga.get(where).status == 200
    for tail in ("", "/secret", "/delete"):
        assert oscar.ask("POST", where + tail, {"csrf": oscar.form_token("/settings/applications"), "name": "mine"}).status == 404
        assert olga.ask("POST", where + tail, {"name": "mine"}).status == 403, "no csrf"
    csrf = olga.form_token(where)
    r = olga.ask("POST", where, {"csrf": csrf, "name": "Renamed", "redirect_uris": BACK, "scope": "openid"})
    assert r.status == 200 and "Renamed" in r.body.decode()
    fresh = re.search(r"<code>(\w{48})</code>", olga.ask("POST", where + "/secret", {"csrf": csrf}).body.decode()).group(1)
    assert token(server, (app, secret), grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_client"
    assert token(server, (app, fresh), grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_grant"
    assert olga.ask("POST", where + "/delete", {"csrf": csrf}).status == 400, "its name is not there"
    assert olga.ask("POST", where + "/delete", {"csrf": csrf, "confirm": "Renamed"}).status == 303
    assert token(server, (app, fresh), grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_client"


def test_wrong_secrets_are_counted(server, olga):
    app, secret = make_app(olga)
    for _ in range(30):
        assert token(server, (app, "wrong"), grant_type="refresh_token", refresh_token="x").status == 401
    r = token(server, (app, secret), grant_type="refresh_token", refresh_token="x")
    assert r.status == 401 and "wait" in r.json()["error_description"]


def test_invented_applications_do_not_use_up_the_tries_of_others(server, olga):
    """Each wrong id used to take a place of its own in a table that sign-in shares."""
    answers = [token(server, (uuid.uuid4().hex, "x"), grant_type="refresh_token", refresh_token="x").json()["error_description"] for _ in range(40)]
    assert "another one" in answers[0] and "wait" in answers[-1]
    app, secret = make_app(olga)
    assert token(server, (app, secret), grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_grant"


def test_nothing_readable_is_kept(server, olga):
    app, secret = make_app(olga)
    _, q = authorize(olga, client_id=app, redirect_uri=BACK)
    unused = authorize(olga, client_id=app, redirect_uri=BACK)[1]["code"]
    got = token(server, (app, secret), grant_type="authorization_code", code=q["code"], redirect_uri=BACK).json()
    stored = b"".join(p.read_bytes() for p in server.home.glob("hearth.db*"))
    for text in (secret, q["code"], unused, got["access_token"], got["refresh_token"]):
        assert text.encode() not in stored


def test_other_grants_are_refused(server, olga):
    app, secret = make_app(olga)
    for grant in ("password", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange", "implicit"):
        r = token(server, (app, secret), grant_type=grant, username="olga", password=PASSWORD)
        assert r.status == 400 and r.json()["error"] == "unsupported_grant_type"
    assert token(server, (app, secret)).json()["error"] == "invalid_request"
    assert token(server, (app, secret), client_secret=secret, grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_request"


# ---------------------------------------------------------------- devices

def begin(server, client=HF, **form):
    r = server.request("POST", "/oauth/device", urllib.parse.urlencode({"client_id": client, **form}).encode(),
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert r.status == 200, r
    return r.json()


def poll(server, device_code, client=HF):
    return token(server, grant_type=DEVICE, device_code=device_code, client_id=client)


def answer(browser, user_code, decision):
    page = browser.get("/oauth/device?" + urllib.parse.urlencode({"user_code": user_code}))
    assert page.status == 200 and "wants to act for you" in page.body.decode(), page
    return browser.ask("POST", "/oauth/device/decide", {"csrf": re.search(r'name="csrf" value="(\w+)"', page.body.decode()).group(1),
                                                        "user_code": user_code, "decision": decision})


def polled(server, device_code, client=HF):
    """The first word that is not slow_down."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        r = poll(server, device_code, client)
        if r.json().get("error") != "slow_down":
            return r
        time.sleep(0.3)
    raise AssertionError("slow_down for ever")


def test_a_device(server, olga):
    d = begin(server)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", d["user_code"]) and d["verification_uri"] == server.base + "/oauth/device" and d["expires_in"] == 900
    assert poll(server, d["device_code"]).json()["error"] == "authorization_pending"
    words = {poll(server, d["device_code"]).json()["error"] for _ in range(40)}  # however slow the machine: some follow at once
    assert "slow_down" in words and words <= {"slow_down", "authorization_pending"}
    assert Browser(server).get("/oauth/device").headers["location"].startswith("/login?next=")
    assert answer(olga, d["user_code"].lower().replace("-", " "), "allow").status == 200
    got = polled(server, d["device_code"]).json()
    assert got["expires_in"] == 30 * 86400 and "manage-repos" in got["scope"]
    assert server.get("/api/whoami-v2", got["access_token"]).json()["name"] == "olga"
    assert olga.get("/oauth/device?user_code=" + d["user_code"]).status == 404, "once"
    assert poll(server, d["device_code"]).json()["error"] == "invalid_grant"
    assert server.get("/api/whoami-v2", got["access_token"]).status == 401, "two had the device's code"


def test_a_device_is_refused(server, olga, oscar):
    d = begin(server)
    assert oscar.ask("POST", "/oauth/device/decide", {"user_code": d["user_code"], "decision": "allow"}).status == 403, "no csrf"
    assert answer(oscar, d["user_code"], "deny").status == 200
    assert polled(server, d["device_code"]).json()["error"] == "access_denied"
    app, secret = make_app(olga)
    r = server.request("POST", "/oauth/device", f"client_id={app}&client_secret={secret}".encode(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert r.status == 400 and r.json()["error"] == "unauthorized_client"
    d = begin(server)
    public, _ = make_app(olga, kind="public", device="yes")
    assert poll(server, d["device_code"], public).json()["error"] == "invalid_grant", "another application's"
    assert poll(server, "x" * 43).json()["error"] == "invalid_grant"


def test_codes_are_not_to_be_guessed(server, people):
    guesser = Browser(server)
    guesser.sign_in("oleg")
    for _ in range(20):
        assert guesser.get("/oauth/device?user_code=BBBB-BBBB").status == 404
    r = guesser.get("/oauth/device?user_code=" + begin(server)["user_code"])
    assert r.status == 429 and "Too many wrong codes" in r.body.decode()


@pytest.mark.parametrize("version", ["2.4.0", "1.29.0"])
def test_hf_auth_login(server, olga, tmp_path, version):
    """The unmodified client: `hf auth login`, its token works, is renewed, and is gone after logout."""
    python = clients.python_client(f"hub-{version}")
    code = ("import json, sys\nfrom huggingface_hub.utils._oauth_device import request_device_code, poll_device_token, refresh_access_token\n"
            "from huggingface_hub._login import _save_oauth_token\nfrom huggingface_hub import whoami, get_token\n"
            "d = request_device_code(); print(json.dumps(d), flush=True)\nr = poll_device_token(d); print(json.dumps(_save_oauth_token(r)), flush=True)\n"
            "me = whoami(); print(json.dumps([me['name'], me['auth']['type'], get_token() == r['access_token']]))\n"
            "n = refresh_access_token(r['refresh_token']); print(json.dumps(whoami(token=n['access_token'])['name']))\n")
    p = subprocess.Popen([str(python), "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                         env=clients.client_environment(server, tmp_path))
    first = p.stdout.readline()
    if not first:
        raise AssertionError(p.stderr.read()[-2000:])
    assert answer(olga, json.loads(first)["user_code"], "allow").status == 200
    out, err = p.communicate(timeout=120)
    assert p.returncode == 0, err[-2000:]
    saved, me, renewed = (json.loads(line) for line in out.splitlines()[-3:])
    assert saved[1] == "olga" and me == ["olga", "oauth", True] and renewed == "olga"


def test_the_command_itself(server, olga, tmp_path):
    python = clients.python_client(f"hub-{clients.NEWEST}")
    p = subprocess.Popen([str(python.parent / "hf"), "auth", "login"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                         cwd=tmp_path, env=clients.client_environment(server, tmp_path))
    said = ""
    while not (found := re.search(r"\b([B-Z]{4}-[B-Z]{4})\b", said)):
        line = p.stdout.readline()
        assert line, said
        said += line
    assert answer(olga, found.group(1), "allow").status == 200
    said += p.communicate(timeout=120)[0]
    assert p.returncode == 0, said
    r = subprocess.run([str(python.parent / "hf"), "auth", "whoami"], capture_output=True, text=True, cwd=tmp_path, env=clients.client_environment(server, tmp_path))
    assert r.returncode == 0 and "olga" in r.stdout, (r.stdout, r.stderr)
