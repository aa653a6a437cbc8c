"""Spaces on hosts of their own: names, static files, who may see them, and that hub and Spaces share nothing."""
import base64
import hashlib
import json
import re
from urllib.parse import urlencode

import pytest

from hearth import fresh


def host_of(server, label):
    return f"{label}.spaces.localhost:{server.port}"


def visit(server, label, path="/", method="GET", token=None, headers=None, body=None):
    return server.request(method, path, body, token, headers={"Host": host_of(server, label), **(headers or {})})


@pytest.fixture
def space(server, t):
    def make(files, owner="alice", private=False, **fields):
        name = f"{owner}/s-{fresh()}"
        server.create(name, t.alice, "space", private=private, **fields)
        r = server.commit(name, t.alice, files, kind="spaces")
        assert r.status == 200, r
        return name, server.get(f"/api/spaces/{name}", t.alice).json()["subdomain"]
    return make


def test_label_is_what_clients_expect(server, t):
    base = fresh()
    server.create(f"alice/My.App_{base}", t.alice, "space")
    info = server.get(f"/api/spaces/alice/My.App_{base}", t.alice).json()
    assert info["subdomain"] == f"alice-my-app-{base}"
    assert info["host"] == f"http://alice-my-app-{base}.spaces.localhost:{server.port}"
    assert server.get(f"/api/spaces/alice/My.App_{base}/host", t.alice).json() == {"subdomain": info["subdomain"], "host": info["host"]}
    assert server.get(f"/api/spaces/by-subdomain/{info['subdomain']}", t.alice).json()["id"] == f"alice/My.App_{base}"
    assert server.get("/api/spaces/by-subdomain/nobody-nothing", t.alice).status == 404


def test_two_spaces_never_share_a_host(server, t):
    word = fresh()
    server.cli("org", "add", f"o{word}-b", "--owner", "alice")
    server.cli("org", "add", f"o{word}", "--owner", "alice")
    names = [f"o{word}-b/c", f"o{word}/b-c"]
    for n in names:
        server.create(n, t.alice, "space")
        assert server.commit(n, t.alice, {"index.html": f"<head></head>I am {n}"}, kind="spaces").status == 200
    first, second = (server.get(f"/api/spaces/{n}", t.alice).json()["subdomain"] for n in names)
    assert first == f"o{word}-b-c" and re.fullmatch(rf"o{word}-b-c-[0-9a-f]{{8}}", second)
    assert b"I am " + names[0].encode() in visit(server, first).body and b"I am " + names[1].encode() in visit(server, second).body


def test_long_name_is_cut_and_moves_change_the_host(server, t):
    long = f"alice/{fresh()}-{'x' * 80}"
    server.create(long, t.alice, "space")
    label = server.get(f"/api/spaces/{long}", t.alice).json()["subdomain"]
    assert len(label) == 63 and re.search(r"x-[0-9a-f]{8}$", label)
    assert visit(server, label).status == 200
    to = f"alice/short-{fresh()}"
    assert server.post("/api/repos/move", {"fromRepo": long, "toRepo": to, "type": "space"}, t.alice).status == 200
    now = server.get(f"/api/spaces/{to}", t.alice).json()["subdomain"]
    assert now == to.replace("/", "-")
    assert visit(server, now).status == 200 and visit(server, label).status == 404


def test_static_files(server, space):
    big = bytes(range(256)) * 40
    name, label = space({"index.html": "<!doctype html><html><head><title>x</title></head>hello",
                         "style.css": "a{}", "app.mjs": "1", "m.wasm": b"\0asm", "data/x.bin": big, "sub/index.html": "<p>sub</p>",
                         "404.html": "<head></head>lost"})
    r = visit(server, label)
    assert r.status == 200 and r.headers["content-type"] == "text/html; charset=utf-8" and b"hello" in r.body
    assert visit(server, label, headers={"If-None-Match": r.headers["etag"]}).status == 304
    assert visit(server, label, "/style.css").headers["content-type"].startswith("text/css")
    assert visit(server, label, "/app.mjs").headers["content-type"].startswith("text/javascript")
    r = visit(server, label, "/m.wasm")
    assert r.headers["content-type"] == "application/wasm" and r.headers["x-content-type-options"] == "nosniff"
    r = visit(server, label, "/data/x.bin")
    assert r.body == big and r.headers["etag"].strip('"') == hashlib.sha1(b"blob %d\0" % len(big) + big).hexdigest()
    r = visit(server, label, "/data/x.bin", headers={"Range": "bytes=5-9"})
    assert (r.status, r.body) == (206, big[5:10])
    assert visit(server, label, "/sub/").body == b"<p>sub</p>"
    r = visit(server, label, "/sub?q=1")
    assert (r.status, r.headers["location"]) == (308, "/sub/?q=1")
    r = visit(server, label, "/nothing")
    assert r.status == 404 and b"lost" in r.body
    assert visit(server, label, method="POST").status == 405
    assert visit(server, label, method="HEAD").body == b""
    assert visit(server, label, "/../../etc/passwd").status == 404
    assert visit(server, label, "/%2e%2e/%2e%2e/etc/passwd").status in (400, 404)
    # a new commit is there at once
    assert server.commit(name, server.tokens.alice, {"index.html": "<head></head>second"}, kind="spaces").status == 200
    assert b"second" in visit(server, label).body


def test_large_file_is_streamed(server, t, space):
    name, label = space({"index.html": "x"})
    data = hashlib.sha256(b"seed").digest() * 100_000
    assert server.commit(name, t.alice, large={"weights.bin": data}, kind="spaces").status == 200
    assert visit(server, label, "/weights.bin").body == data
    r = visit(server, label, "/weights.bin", headers={"Range": "bytes=1000000-1000009"})
    assert (r.status, r.body) == (206, data[1000000:1000010])


def test_entry_in_a_folder(server, space):
    _, label = space({"README.md": "---\nsdk: static\napp_file: dist/app.html\n---\n", "dist/app.html": "<head></head>built",
                      "dist/assets/a.js": "inner", "assets/a.js": "outer", "top.txt": "top"})
    assert b"built" in visit(server, label).body
    assert visit(server, label, "/assets/a.js").body == b"inner"
    assert visit(server, label, "/top.txt").body == b"top"


def test_variables_are_in_the_page_and_secrets_nowhere(server, t, space):
    name, label = space({"index.html": "<!DOCTYPE html>\n<html lang=en><HEAD data-x='1'><script>use()</script></HEAD>", "a.js": "1"})
    value = "</script><b>\u2028&"
    assert server.post(f"/api/spaces/{name}/variables", {"key": "GREETING", "value": value}, t.alice).status == 200
    assert server.post(f"/api/spaces/{name}/secrets", {"key": "DEEP", "value": "never-to-be-seen"}, t.alice).status == 200
    body = visit(server, label).body.decode()
    found = re.search(r"<HEAD data-x='1'><script>window\.huggingface=(\{.*?\})</script><script>use", body)
    assert found, body
    variables = json.loads(found.group(1))["variables"]
    assert variables["GREETING"] == value and variables["SPACE_ID"] == name
    assert variables["HF_ENDPOINT"] == server.base
    assert value not in body and "\u2028" not in body
    for path in ("/", "/index.html", "/a.js"):
        body = visit(server, label, path).body
        assert b"DEEP" not in body and b"never-to-be-seen" not in body


def test_headers_of_the_card(server, space):
    _, label = space({"index.html": "x", "README.md": "---\nsdk: static\ndisable_embedding: true\ncustom_headers:\n"
                      "  cross-origin-embedder-policy: require-corp\n  cross-origin-opener-policy: \"x y\"\n  set-cookie: a=b\n---\n"})
    h = visit(server, label).headers
    assert h["cross-origin-embedder-policy"] == "require-corp" and "cross-origin-opener-policy" not in h and "set-cookie" not in h
    assert h["content-security-policy"] == f"frame-ancestors 'self' {server.base} http://localhost:{server.port}"


def test_hub_and_spaces_share_nothing(server, t, space):
    name, label = space({"index.html": "x", "api/whoami-v2": "mine", "health": "mine"})
    for path in ("/api/whoami-v2", "/health"):
        assert visit(server, label, path, token=t.alice).body == b"mine", "the path is the Space's"
    for path in ("/login", "/metrics", f"/{name}", f"/spaces/{name}", "/api/models", "/.space/index.html", "/v1/models"):
        assert visit(server, label, path, token=t.root).status == 404, path
    for path in ("/.space/index.html", "/.space/"):
        assert server.get(path, t.root).status == 404, "no Space at the hub's address"
    assert server.get("/index.html", headers={"Host": host_of(server, "a.b." + label)}).status == 404
    assert visit(server, label.upper()).status == 200, "names of hosts have no case"
    assert server.get("/", headers={"Host": f"{label}.spaces.localhost.:{server.port}"}).status == 200


def test_session_of_the_hub_is_of_its_host_alone(server, t, space):
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.base}
    r = server.request("POST", "/login", "name=alice&password=correct+horse+battery", headers=form)
    cookies = [v for k, v in r.all_headers if k.lower() == "set-cookie"]
    assert cookies and all("domain=" not in c.lower() for c in cookies)
    name, label = space({"index.html": "x"}, private=True)
    pair = cookies[0].split(";")[0]
    assert server.get(f"/api/spaces/{name}", headers={"Cookie": pair}).status == 200
    assert visit(server, label, headers={"Cookie": pair}).status == 404, "a session is nothing on a Space's host"


def test_private_space_and_its_passes(server, t, space):
    name, label = space({"index.html": "<head></head>private words", "a.txt": "asset"}, private=True)
    other, other_label = space({"index.html": "another"}, private=True)
    nothing = visit(server, "alice-" + fresh())
    for token in (None, t.bob, "hf_" + "q" * 34):
        r = visit(server, label, token=token)
        assert (r.status, r.body) == (404, nothing.body), "hidden and missing look the same"
    assert b"private words" in visit(server, label, token=t.alice).body
    assert b"private words" in visit(server, label, headers={"X-HF-Authorization": f"Bearer {t.alice}"}).body
    assert server.get(f"/api/spaces/{name}/jwt").status == 401 and server.get(f"/api/spaces/{name}/jwt", t.bob).status == 404
    token = server.get(f"/api/spaces/{name}/jwt", t.alice).json()["token"]
    r = visit(server, label, f"/?__sign={token}")
    assert r.status == 200
    cookie = r.headers["set-cookie"]
    assert "domain" not in cookie.lower()
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"))
    assert visit(server, label, "/a.txt", headers={"Cookie": "x=1; " + cookie.split(";")[0]}).body == b"asset"
    assert visit(server, label, f"/a.txt?__sign={token}").body == b"asset"
    assert visit(server, other_label, f"/?__sign={token}").status == 404, "a pass is for one Space"
    assert visit(server, label, f"/?__sign={token[:-2]}AA").status == 404, "forged"
    head, claims, mac = token.split(".")
    assert visit(server, label, f"/?__sign={head}.{claims}A.{mac}").status == 404


def test_pass_ends_with_the_right(server, t):
    name = f"acme/s-{fresh()}"
    server.create(name, t.alice, "space", private=True)
    server.commit(name, t.alice, {"index.html": "x"}, kind="spaces")
    label = name.replace("/", "-")
    server.add_person("dora-" + label[-6:])
    dora = "dora-" + label[-6:]
    token = server.token(dora, "read")
    server.cli("org", "add-member", "acme", dora, "--role", "read")
    signed = server.get(f"/api/spaces/{name}/jwt", token).json()["token"]
    assert visit(server, label, f"/?__sign={signed}").status == 200
    server.cli("org", "remove-member", "acme", dora)
    assert visit(server, label, f"/?__sign={signed}").status == 404
    soon = server.get(f"/api/spaces/{name}/jwt?expires_in=1", t.alice).json()
    assert soon["accessToken"] == "Bearer " + soon["token"]


def test_who_sees_a_space_on_its_host(server, t):
    """Each person against public and private, as the hub itself has it."""
    seen = {}
    for private in (False, True):
        name = f"acme/s-{fresh()}"
        server.create(name, t.alice, "space", private=private)
        server.commit(name, t.alice, {"index.html": "x"}, kind="spaces")
        people = {"anonymous": None, "stranger": t.bob, "reader": t.carol, "writer": t.wendy, "admin": t.alice, "site": t.root}
        for who, token in people.items():
            for path in ("/", "/index.html"):
                status = visit(server, name.replace("/", "-"), path, token=token).status
                assert (status == 200) == (server.get(f"/api/spaces/{name}", token).status == 200), (who, private, path)
                seen[who, private] = status
    assert seen == {(w, p): 404 if p and w in ("anonymous", "stranger") else 200 for w in ("anonymous", "stranger", "reader", "writer", "admin", "site")
                    for p in (False, True)}


def test_build_command_is_said_to_be_missing(server, space):
    _, label = space({"index.html": "x", "README.md": "---\nsdk: static\napp_build_command: npm run build\n---\n"})
    r = visit(server, label)
    assert r.status == 501 and b"app_build_command" in r.body


def test_client_puts_up_a_static_space(server, newest):
    name = f"alice/client-{fresh()}"
    info = newest("""
        api.create_repo(name, repo_type="space", space_sdk="static")
        api.upload_file(path_or_fileobj=b"<head></head>from the client", path_in_repo="index.html", repo_id=name, repo_type="space")
        api.add_space_variable(name, "COLOUR", "green")
        info = api.space_info(name)
        out = {"host": info.host, "subdomain": info.subdomain}
        """, name=name)
    body = visit(server, info["subdomain"]).body
    assert b"from the client" in body and b'"COLOUR":"green"' in body
    assert info["host"] == f"http://{info['subdomain']}.spaces.localhost:{server.port}"


def test_sign_in_to_a_space(server, t, space):
    """hf_oauth: an application without a secret, which may send people to its own host alone."""
    card = "---\nsdk: static\nhf_oauth: true\nhf_oauth_scopes: [inference-api, nonsense]\nhf_oauth_expiration_minutes: 60\n%s---\n"
    name, label = space({"index.html": "<head></head>x", "README.md": card % ""})

    def variables_of(full):
        return json.loads(re.search(r"window\.huggingface=(.*?)</script>", visit(server, full.replace("/", "-")).body.decode()).group(1))["variables"]

    def variables():
        return variables_of(name)
    v = variables()
    assert v["OPENID_PROVIDER_URL"] == server.base and v["OAUTH_SCOPES"].split() == ["openid", "profile", "inference-api"]
    assert variables() == v, "one client, however often the page is read"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.base}

    def sign_in(person):
        r = server.request("POST", "/login", f"name={person}&password=correct+horse+battery", headers=form)
        return {"Cookie": next(v for k, v in r.all_headers if k.lower() == "set-cookie").split(";")[0]}
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    home = f"http://{host_of(server, label)}"

    def ask(redirect, person="alice"):
        query = {"client_id": v["OAUTH_CLIENT_ID"], "redirect_uri": redirect, "scope": "openid profile inference-api email", "response_type": "code", "state": "s",
                 "code_challenge": challenge, "code_challenge_method": "S256"}
        cookie = sign_in(person)
        return server.get("/oauth/authorize", headers=cookie, query=query), query, cookie
    for foreign in (f"http://x.spaces.localhost:{server.port}/", home + ".evil.org/", f"http://u@{host_of(server, label)}/", home.replace("http", "https") + "/",
                    f"http://{label}.spaces.localhost/", "javascript:alert(1)", home + "@evil.org/"):
        assert ask(foreign)[0].status == 400, foreign
    page, query, cookie = ask(home + "/after?login=1")
    assert page.status == 200 and name.encode() in page.body and b"alice" in page.body
    csrf = re.search(rb'name="csrf" value="([^"]+)"', page.body).group(1).decode()
    r = server.request("POST", "/oauth/authorize", urlencode({**query, "csrf": csrf, "decision": "allow"}), headers={**form, **cookie})
    assert r.status == 303 and r.headers["location"].startswith(home + "/after?login=1&code=")
    code = re.search(r"code=([^&]+)", r.headers["location"]).group(1)
    redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": home + "/after?login=1", "client_id": v["OAUTH_CLIENT_ID"], "code_verifier": verifier}
    got = server.request("POST", "/oauth/token", urlencode(redeem), headers={"Content-Type": form["Content-Type"], "Origin": home})
    assert got.status == 200 and got.json()["expires_in"] == 3600 and got.headers["access-control-allow-origin"] == "*"
    assert server.get("/oauth/userinfo", got.json()["access_token"]).json()["preferred_username"] == "alice"
    # its card may name whose members may sign in
    assert server.commit(name, t.alice, {"README.md": card % "hf_oauth_authorized_org: acme\n"}, kind="spaces").status == 200
    assert "access_denied" in ask(home + "/", "bob")[0].headers["location"] and ask(home + "/", "carol")[0].status == 200
    # under another name it is another application, and its tokens end
    assert server.post("/api/repos/move", {"fromRepo": name, "toRepo": name + "-2", "type": "space"}, t.alice).status == 200
    assert server.get("/oauth/userinfo", got.json()["access_token"]).status == 401
    # and with the Space it goes
    v = variables_of(name + "-2")
    assert server.request("DELETE", "/api/repos/delete", {"organization": "alice", "name": name.split("/")[1] + "-2", "type": "space"}, t.alice).status == 200
    assert server.get("/oauth/authorize", headers=cookie, query={**query, "client_id": v["OAUTH_CLIENT_ID"]}).status == 400
