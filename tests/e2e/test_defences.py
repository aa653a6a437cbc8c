"""What SECURITY.md says of people's passwords, browsers and tokens, tried from outside.  Servers of its own: what is counted is everybody's."""
import base64
import json
import re

import hearth
import pytest
from browser import Browser
from hearth import PASSWORD


@pytest.fixture
def house(tmp_path):
    """A Hearth behind a proxy, with one person."""
    s = hearth.Server(tmp_path / "home", args=["--trust-proxy"])
    s.add_person("vera")
    s.start()
    yield s
    code = s.stop()
    s.check_clean()
    assert code == 0


def by_password(server, name, password, address):
    word = base64.b64encode(f"{name}:{password}".encode()).decode()
    return server.get("/nobody/nothing.git/info/refs?service=git-receive-pack", headers={"Authorization": "Basic " + word, "X-Forwarded-For": address}).status


def at_the_door(server, name, password, address):
    form = {"name": name, "password": password}
    return Browser(server).ask("POST", "/login", form, X_Forwarded_For=address).status


def test_wrong_passwords_are_counted_wherever_they_are_sent(house):
    """Guessing through git is no way around the login's count; and a proxy's people are not all one."""
    for i in range(10):
        assert by_password(house, "vera", f"wrong-{i}", f"198.51.100.{i}, 192.0.2.1") == 401
    assert by_password(house, "vera", PASSWORD, "198.51.100.99, 192.0.2.1") == 429, "what a client wrote before the proxy's word is nobody's address"
    assert at_the_door(house, "vera", PASSWORD, "192.0.2.1") == 429, "one count for all doors"
    assert by_password(house, "vera", PASSWORD, "192.0.2.2") == 404 and at_the_door(house, "vera", PASSWORD, "192.0.2.2") == 303, "somebody else's mistakes"


def test_the_operator_sees_that_somebody_guesses(house):
    def computed():
        return int(re.search(r"^hearth_password_computations_total (\d+)$", house.get("/metrics").body.decode(), re.M).group(1))
    before = computed()
    for i in range(3):
        assert by_password(house, "vera", f"wrong-{i}", "192.0.2.7") == 401
    assert computed() == before + 3


def test_a_network_counts_as_one(house):
    for i in range(10):
        assert at_the_door(house, "vera", "wrong-word", f"2001:db8:1:2::{i:x}") == 403
    assert at_the_door(house, "vera", PASSWORD, "2001:db8:1:2:ffff::1") == 429
    assert at_the_door(house, "vera", PASSWORD, "2001:db8:1:3::1") == 303


def test_a_stolen_session_does_not_guess_the_password(house):
    b = Browser(house)
    assert b.sign_in("vera").status == 303
    token = b.form_token("/settings/password")
    tries = [b.ask("POST", "/settings/password", {"csrf": token, "old": f"wrong-{i}", "new": "another-long-word"}).status for i in range(11)]
    assert tries == [403] * 10 + [429]


def is_signed_in(browser):
    return browser.get("/settings/sessions").status == 200


def test_the_operator_ends_sessions(house):
    """A password that is set anew and an account that was disabled for a while: who had stolen a cookie has nothing."""
    b = Browser(house)
    assert b.sign_in("vera").status == 303 and is_signed_in(b)
    house.cli("user", "passwd", "vera", "--password-stdin", stdin=PASSWORD + "\n")
    assert not is_signed_in(b)
    assert b.sign_in("vera").status == 303 and is_signed_in(b)
    house.cli("user", "disable", "vera")
    assert not is_signed_in(b)
    house.cli("user", "enable", "vera")
    assert not is_signed_in(b)


def test_a_narrow_token_sees_nothing_of_ones_own_on_pages(server, t, tmp_path):
    (tmp_path / "scopes.json").write_text(json.dumps({"scoped": [], "global": []}))
    narrow = server.cli("token", "create", "alice", "--role", "fineGrained", "--name", "narrow", "--scopes", str(tmp_path / "scopes.json")).stdout.strip()
    for page in ("/notifications", "/api/notifications", "/chat/shared"):
        assert server.get(page, narrow).status == 403 and server.get(page, t.alice).status == 200, page


def test_an_address_to_go_back_to_does_not_write_our_policy(house):
    b = Browser(house)
    assert b.sign_in("vera").status == 303
    uri = "http.example.app://a;sandbox;upgrade-insecure-requests"
    r = house.post("/oauth/register", {"redirect_uris": [uri], "token_endpoint_auth_method": "none", "scope": "openid"})
    assert r.status == 201, r
    query = {"client_id": r.json()["client_id"], "redirect_uri": uri, "response_type": "code", "code_challenge": "a" * 43, "code_challenge_method": "S256"}
    r = b.get("/oauth/authorize?" + hearth.urlencode(query))
    assert r.status == 200
    policy = r.headers["content-security-policy"]
    assert "sandbox" not in policy and re.search(r"form-action 'self' http\.example\.app:;", policy), policy


def test_a_cookie_from_elsewhere_is_no_session_behind_https(house):
    """Another host of the domain, or somebody on the way, can put a cookie into a browser, but none whose name begins with __Host-."""
    secure = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.org"}
    form = hearth.urlencode({"name": "vera", "password": PASSWORD})
    r = house.post("/login", form, headers={**secure, "Origin": "https://hub.example.org", "Content-Type": "application/x-www-form-urlencoded"})
    assert r.status == 303, r
    name, secret, rest = re.fullmatch(r"(\S+)=(\w+); (.*)", r.headers["set-cookie"]).groups()
    assert name == "__Host-hearth_session" and "Path=/;" in rest and rest.endswith("; Secure") and "Domain" not in rest
    for cookie, status in ((name, 200), ("hearth_session", 401)):
        assert house.get("/settings/sessions", headers={**secure, "Cookie": f"{cookie}={secret}"}).status == status, cookie


def test_no_answer_is_guessed_at(server, t, repo):
    """What is text stays text, whatever a stranger made it look like."""
    assert server.commit(repo, t.alice, {"a.html": "<script>1</script>"}).status == 200
    for path in ("/", "/health", "/metrics", "/api/models", f"/api/models/{repo}/compare/main", f"/{repo}/resolve/main/a.html", f"/{repo}/raw/main/a.html",
                 f"/{repo}.git/info/refs?service=git-upload-pack", "/no/such/page", "/api/nothing", "/static/hearth.css", "/avatars/alice", "/login"):
        assert server.get(path).all_headers.count(("X-Content-Type-Options", "nosniff")) == 1, path


# -------------------------------------------------------------------- names that others' DNS may give to 127.0.0.1

OURS = ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "192.0.2.7", "hub.localhost", "buildbox", "buildbox.local", "host.docker.internal", "hub.test", "hub.home.arpa", "hub.example.org"]
NOT_OURS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost.example", "hub.example.org.evil.example", "example.org", "internal.example"]


def test_a_page_whose_name_is_made_to_resolve_to_127_0_0_1_is_no_page_of_ours(tmp_path):
    with hearth.Server(tmp_path / "home", args=["--public-url", "https://hub.example.org"]) as s:
        for port in ("", f":{s.port}"):
            assert {name: s.get("/api/models", headers={"Host": name + port}).status for name in OURS} == {name: 200 for name in OURS}
            for path in ("/", "/api/models", "/v1/models", "/health", "/metrics"):
                assert {name: s.get(path, headers={"Host": name + port}).status for name in NOT_OURS} == {name: 421 for name in NOT_OURS}, path
        viewer = lambda name: s.get("/splits?dataset=no/body", headers={"Host": "datasets-server." + name}).status
        assert (viewer("127.0.0.1"), viewer("hub.example.org"), viewer("evil.example")) == (401, 401, 421)
        evil = f"evil.example:{s.port}"
        r = Browser(s).ask("POST", "/join", {"name": "mallory", "password": PASSWORD, "again": PASSWORD}, Host=evil, Origin="http://" + evil)
        assert r.status == 421 and b"--public-url https://evil.example" in r.body and b"mallory" not in s.cli("user", "list").stdout.encode(), r


def test_behind_a_proxy_that_is_trusted_every_name_is_its_business(house):
    assert house.get("/api/models", headers={"Host": "evil.example"}).status == 200
