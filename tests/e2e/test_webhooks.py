"""Webhooks: made with every pinned huggingface_hub, delivered to a real receiver, never to where nobody should reach."""
import hashlib
import hmac
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import clients
import hearth
from hearth import await_that, fresh

SECRET = "s3cret with blanks"


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; `answers` are statuses to give first, by path, then 200 for ever."""

    def __init__(self):
        self.got, self.answers, self.changed = [], {}, threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    status = receiver.answers[self.path].pop(0) if receiver.answers.get(self.path) else 200
                    receiver.changed.notify_all()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "7")
                self.end_headers()
                self.wfile.write(b"thanks!")

            def log_message(self, *a):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, path, is_it, seconds=90):
        """The first delivery to this path of which is_it(payload) holds: headers, payload, body."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for where, headers, body in self.got:
                    payload = json.loads(body)
                    if where == path and is_it(payload):
                        return headers, payload, body
                left = end - time.monotonic()
                assert left > 0, [(w, json.loads(b)["event"]) for w, h, b in self.got]
                self.changed.wait(left)

    def count(self, path):
        with self.changed:
            return sum(where == path for where, headers, body in self.got)


@pytest.fixture(scope="module")
def receiver():
    r = Receiver()
    yield r
    r.shutdown()
    r.server_close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("hooks") / "home", args=["--webhook-allow", "127.0.0.1", "--webhook-retry", "20ms"])
    s.ada = s.add_user("ada", admin=True)
    s.bob = s.add_user("bob")
    with s:
        yield s


def hook(house, token, url, watched, domains=("repo", "discussion"), **more):
    r = house.post("/api/settings/webhooks", {"url": url, "watched": [dict(zip(("type", "name"), w)) for w in watched],
                                              "domains": list(domains), **more}, token)
    assert r.status == 200, r
    return r.json()["webhook"]


def event(action, scope, **more):
    return lambda p: p["event"] == {"action": action, "scope": scope} and all(p.get(k) == v for k, v in more.items())


def deliveries(house, hook_id):
    with sqlite3.connect(f"file:{house.home}/hearth.db?mode=ro", uri=True) as db:
        return db.execute("SELECT d.hex_id, d.state, d.attempts, d.status, d.answer, d.about, d.what FROM webhook_delivery d JOIN webhook w"
                          " ON w.id = d.webhook_id WHERE w.hex_id = ? ORDER BY d.id", [hook_id]).fetchall()


# -------------------------------------------------------------------- the client

def test_the_life_of_a_webhook(hub):
    if hub.version < (0, 24):
        pytest.skip("this line has no webhooks")
    out = hub("""
        made = api.create_webhook(url="https://example.org/hook", watched=[{"type": "user", "name": "julien-c"}, {"type": "org", "name": "HuggingFaceH4"}],
                                  domains=["repo", "discussion"], secret="my-secret")
        got = api.get_webhook(made.id)
        listed = [w.id for w in api.list_webhooks()]
        changed = api.update_webhook(made.id, url="https://example.org/other", watched=[{"type": "model", "name": "a/b"}], domains=["repo"], secret="x")
        off, on = api.disable_webhook(made.id).disabled, api.enable_webhook(made.id).disabled
        api.delete_webhook(made.id)
        gone = refused('HfHubHTTPError', api.get_webhook, made.id)["status"]
        out = [made.secret, got.url, [(w.type, w.name) for w in got.watched], list(got.domains), got.disabled, made.id in listed,
               changed.url, [(w.type, w.name) for w in changed.watched], list(changed.domains), off, on, gone, len(made.id), got.secret]
        """)
    assert out == ["my-secret", "https://example.org/hook", [["user", "julien-c"], ["org", "HuggingFaceH4"]], ["repo", "discussion"], False, True,
                   "https://example.org/other", [["model", "a/b"]], ["repo"], True, False, 404, 24, None]


@pytest.mark.parametrize("body", [
    {"url": "ftp://example.org", "watched": [{"type": "user", "name": "x"}], "domains": ["repo"]},
    {"url": "https://me:word@example.org/", "watched": [{"type": "user", "name": "x"}], "domains": ["repo"]},
    {"url": "https://example.org", "watched": [], "domains": ["repo"]},
    {"url": "https://example.org", "watched": [{"type": "planet", "name": "x"}], "domains": ["repo"]},
    {"url": "https://example.org", "watched": [{"type": "model", "name": "x"}], "domains": ["repo"]},
    {"url": "https://example.org", "watched": [{"type": "user", "name": "x"}], "domains": ["weather"]},
    {"url": "https://example.org", "watched": [{"type": "user", "name": "x"}], "domains": []},
    {"url": "https://example.org", "watched": [{"type": "user", "name": "x"}], "domains": ["repo"], "secret": "a\r\nX-Evil: 1"},
    {"watched": [{"type": "user", "name": "x"}], "domains": ["repo"]},
])
def test_what_is_refused(house, body):
    r = house.post("/api/settings/webhooks", body, house.ada)
    assert r.status == 400 and r.json()["error"], r


def test_they_are_the_owners_alone(house):
    w = hook(house, house.ada, "https://example.org/", [("user", "ada")], secret=SECRET)
    one = f"/api/settings/webhooks/{w['id']}"
    assert w["hasSecret"] is True and house.get(one, house.ada).json()["webhook"].get("secret") is None
    for method, path in (("GET", one), ("POST", one + "/disable"), ("DELETE", one), ("POST", one + "/replay/" + "0" * 24)):
        assert house.request(method, path, {} if method != "GET" else None, house.bob).status == 404
        assert house.request(method, path, {} if method != "GET" else None).status == 401
    assert house.request("DELETE", one, {}, house.token("ada", "read")).status == 403
    assert SECRET.encode() not in (house.home / "hearth.db").read_bytes()
    assert house.request("DELETE", one, {}, house.ada).status == 200


# -------------------------------------------------------------------- what is delivered

def test_what_happens_is_told(house, receiver):
    path, name = f"/{fresh()}", f"ada/m-{fresh()}"
    w = hook(house, house.ada, receiver.url + path, [("user", "ada")], secret=SECRET)
    house.create(name, house.ada)
    headers, made, body = receiver.wait(path, event("create", "repo"))
    assert headers["x-webhook-secret"] == SECRET and headers["content-type"] == "application/json"
    assert headers["x-hearth-signature"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert made["webhook"] == {"id": w["id"], "version": 3} and made["repo"]["name"] == name and made["repo"]["type"] == "model"
    assert made["repo"]["url"] == {"web": f"{house.base}/{name}", "api": f"{house.base}/api/models/{name}"}
    head = house.commit(name, house.ada, {"README.md": b"---\ntags: [tiny]\n---\n# hello"}, {}).json()["commitOid"]
    _, content, _ = receiver.wait(path, lambda p: p["event"]["scope"] == "repo.content" and p["updatedRefs"][0]["newSha"] == head)
    assert content["updatedRefs"][0]["ref"] == "refs/heads/main" and len(content["updatedRefs"][0]["oldSha"]) == 40
    assert content["repo"]["headSha"] == head and "tiny" in content["repo"]["tags"]

    api = f"/api/models/{name}"
    assert house.request("PUT", api + "/settings", {"private": True}, house.ada).status == 200
    _, config, _ = receiver.wait(path, event("update", "repo.config"))
    assert config["updatedConfig"] == {"private": True} and config["repo"]["private"] is True

    num = house.post(api + "/discussions", {"title": "Does it work?", "description": "I *wonder*"}, house.ada).json()["num"]
    _, opened, _ = receiver.wait(path, event("create", "discussion"))
    d = opened["discussion"]
    assert (d["num"], d["title"], d["status"], d["isPullRequest"]) == (num, "Does it work?", "open", False)
    assert d["url"] == {"web": f"{house.base}/{name}/discussions/{num}", "api": f"{house.base}{api}/discussions/{num}"}
    assert opened["comment"]["content"] == "I *wonder*" and opened["comment"]["author"]["id"] == d["author"]["id"]
    assert "headSha" not in opened["repo"]
    said = house.post(f"{api}/discussions/{num}/comment", {"comment": "yes"}, house.ada).json()["newMessage"]["id"]
    _, comment, _ = receiver.wait(path, event("create", "discussion.comment"))
    assert comment["comment"]["content"] == "yes" and comment["comment"]["id"] == said and comment["comment"]["hidden"] is False
    assert comment["comment"]["url"]["web"].endswith(f"#{said}")
    house.post(f"{api}/discussions/{num}/comment/{said}/hide", {}, house.ada)
    _, hidden, _ = receiver.wait(path, event("update", "discussion.comment"))
    assert hidden["comment"]["hidden"] is True and "content" not in hidden["comment"]
    house.post(f"{api}/discussions/{num}/status", {"status": "closed"}, house.ada)
    _, closed, _ = receiver.wait(path, event("update", "discussion"))
    assert closed["discussion"]["status"] == "closed"
    pr = house.post(api + "/discussions", {"title": "A change", "description": "", "pullRequest": True}, house.ada).json()["num"]
    _, ref, _ = receiver.wait(path, lambda p: any(r["ref"] == f"refs/pr/{pr}" for r in p.get("updatedRefs", [])))
    assert ref["updatedRefs"][0]["oldSha"] is None and len(ref["updatedRefs"][0]["newSha"]) == 40
    _, pull, _ = receiver.wait(path, lambda p: p["event"]["scope"] == "discussion" and p["discussion"]["num"] == pr)
    assert pull["discussion"]["changes"]["base"] == "refs/heads/main" and pull["discussion"]["status"] == "draft"
    house.request("DELETE", f"{api}/discussions/{num}", {}, house.ada)
    receiver.wait(path, lambda p: p["event"] == {"action": "delete", "scope": "discussion"} and p["discussion"]["num"] == num)

    other = f"ada/m-{fresh()}"
    assert house.post("/api/repos/move", {"fromRepo": name, "toRepo": other, "type": "model"}, house.ada).status == 200
    _, moved, _ = receiver.wait(path, event("move", "repo"))
    assert moved["movedTo"]["name"] == other and moved["repo"]["name"] == name and moved["movedTo"]["owner"] == moved["repo"]["owner"]
    assert house.request("DELETE", "/api/repos/delete", {"type": "model", "name": other.split("/")[1]}, house.ada).status == 200
    _, deleted, _ = receiver.wait(path, event("delete", "repo"))
    assert deleted["repo"]["name"] == other
    assert house.get(f"/api/settings/webhooks/{w['id']}", house.ada).json()["webhook"]["lastTriggerAt"]
    check_models(receiver, path)


def check_models(receiver, path):
    """Every payload is one that huggingface_hub's own classes accept."""
    import subprocess
    with receiver.changed:
        bodies = [json.loads(b) for where, h, b in receiver.got if where == path]
    code = ("import json, sys\nfrom huggingface_hub import WebhookPayload\n"
            "print(len([WebhookPayload(**p) for p in json.load(sys.stdin)]))")
    r = subprocess.run([clients.python_client("openai"), "-c", code], input=json.dumps(bodies), capture_output=True, text=True)
    assert r.returncode == 0 and int(r.stdout) == len(bodies) >= 10, r.stderr[-3000:]


def test_a_domain_and_a_name_alone(house, receiver):
    watched, other, path = f"ada/m-{fresh()}", f"ada/m-{fresh()}", f"/{fresh()}"
    for name in (watched, other):
        house.create(name, house.ada)
    w = hook(house, house.ada, receiver.url + path, [("model", watched)], ["discussion"])
    house.commit(watched, house.ada, {"a.txt": b"a"}, {})
    house.post(f"/api/models/{other}/discussions", {"title": "another", "description": ""}, house.ada)
    house.post(f"/api/models/{watched}/discussions", {"title": "the one", "description": ""}, house.ada)
    receiver.wait(path, event("create", "discussion"))
    assert [d[5:] for d in deliveries(house, w["id"])] == [(watched, "create discussion")]  # they are made in the order of what happened


def test_what_one_may_not_see_is_not_told(house, receiver):
    secret, public, path = f"ada/p-{fresh()}", f"ada/m-{fresh()}", f"/{fresh()}"
    w = hook(house, house.bob, receiver.url + path, [("user", "ada")])
    house.create(secret, house.ada, private=True)
    house.post(f"/api/models/{secret}/discussions", {"title": "hush", "description": "the plan"}, house.ada)
    house.request("DELETE", "/api/repos/delete", {"type": "model", "name": secret.split("/")[1]}, house.ada)
    house.create(public, house.ada)
    receiver.wait(path, lambda p: p["repo"]["name"] == public)
    assert {d[5] for d in deliveries(house, w["id"])} == {public}


def test_it_is_tried_again_until_it_goes_through(house, receiver):
    path, name = f"/{fresh()}", f"ada/m-{fresh()}"
    house.create(name, house.ada)
    w = hook(house, house.ada, receiver.url + path, [("model", name)], ["discussion"])
    receiver.answers[path] = [500, 302, 404]
    house.post(f"/api/models/{name}/discussions", {"title": "again", "description": ""}, house.ada)
    await_that(lambda: [d[1] for d in deliveries(house, w["id"])] == ["delivered"])
    assert deliveries(house, w["id"])[0][2:5] == (4, 200, "thanks!")
    assert receiver.count(path) == 4 and receiver.count("/elsewhere") == 0  # a redirect is an answer like another
    with receiver.changed:
        assert len({h["x-hearth-delivery"] for where, h, b in receiver.got if where == path}) == 1
    log = deliveries(house, w["id"])[0][0]
    r = house.post(f"/api/settings/webhooks/{w['id']}/replay/{log}", {}, house.ada)
    assert r.status == 200 and r.json() == {"status": 200} and receiver.count(path) == 5
    assert house.post(f"/api/settings/webhooks/{w['id']}/replay/{'0' * 24}", {}, house.ada).status == 404


def test_a_disabled_one_is_silent(house, receiver):
    path, name = f"/{fresh()}", f"ada/m-{fresh()}"
    house.create(name, house.ada)
    w = hook(house, house.ada, receiver.url + path, [("model", name)], ["discussion"])
    loud = hook(house, house.ada, receiver.url + path + "-on", [("model", name)], ["discussion"])
    assert house.post(f"/api/settings/webhooks/{w['id']}/disable", {}, house.ada).json()["webhook"]["disabled"] is True
    house.post(f"/api/models/{name}/discussions", {"title": "quiet", "description": ""}, house.ada)
    receiver.wait(path + "-on", event("create", "discussion"))
    assert receiver.count(path) == 0 and not deliveries(house, w["id"]) and deliveries(house, loud["id"])


def test_it_outlives_a_crash(house, receiver):
    path, name = f"/{fresh()}", f"ada/m-{fresh()}"
    house.create(name, house.ada)
    w = hook(house, house.ada, receiver.url + path, [("model", name)], ["discussion"])
    receiver.answers[path] = [500] * 3
    house.post(f"/api/models/{name}/discussions", {"title": "still there", "description": ""}, house.ada)
    house.kill()
    house.start()
    await_that(lambda: [d[1] for d in deliveries(house, w["id"])] == ["delivered"])


# -------------------------------------------------------------------- where nobody may send us

@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/x", "https://localhost:{port}/x", "https://0x7f.1:{port}/x",
                                 "https://2130706433:{port}/x", "https://[::1]:{port}/x", "https://[::ffff:127.0.0.1]:{port}/x",
                                 "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/"])
def test_private_addresses_are_not_reached(server, t, receiver, url):
    """The server of all other tests lists no hosts."""
    name = f"alice/m-{fresh()}"
    server.create(name, t.alice)
    w = hook(server, t.alice, url.format(port=receiver.server_address[1]), [("model", name)], ["discussion"])
    server.post(f"/api/models/{name}/discussions", {"title": "go there", "description": ""}, t.alice)
    state = await_that(lambda: [d for d in deliveries(server, w["id"]) if d[2]])[0]
    assert state[1:3] == ("failed", 1), "it would be refused the next time, too"
    assert state[3] == 0 and ("may not be asked" in state[4] or "only https" in state[4]), state
    assert server.post(f"/api/settings/webhooks/{w['id']}/replay/{state[0]}", {}, t.alice).json() == {"status": 0}
    assert "/x" not in [path for path, *_ in receiver.got]
    server.request("DELETE", f"/api/settings/webhooks/{w['id']}", {}, t.alice)
