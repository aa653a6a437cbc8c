"""What lives when a right ends: every credential, link and half-sent request of a person, against everything that may happen to him.

A thing is made while he may, the event comes, and the thing is tried.  Which things outlive which event stands in one table below."""
import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import zlib

import pytest

from browser import signed_in
from hearth import PASSWORD, fresh, git_blob, sha256
from inference import START, complete, push, workers
from test_oauth import BACK, authorize, make_app, pkce
from test_oauth import token as oauth_token

TEXT, LARGE = b"what it is about", b"w" * 5000
DEAD = (401, 403, 404)


def pkt(line):
    return b"%04x%s" % (len(line) + 4, line)


def pack_of(*objects):
    """A pack file of (type, content): 1 commit, 2 tree, 3 blob."""
    out = b"PACK" + struct.pack(">II", 2, len(objects))
    for kind, content in objects:
        size, head = len(content) >> 4, bytearray([kind << 4 | len(content) & 15])
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        out += bytes(head) + zlib.compress(content)
    return out + hashlib.sha1(out).digest()


def sha1(kind, content):
    return hashlib.sha1(b"%s %d\0" % (kind, len(content)) + content).hexdigest()


class Request:
    """One that is sent half before the event and half behind it."""

    def __init__(self, server, path, kind, token, begin, rest):
        self.rest, self.socket = rest, socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.socket.sendall(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                            % (path.encode(), kind.encode(), token.encode()) + self.chunk(begin))

    @staticmethod
    def chunk(data):
        return b"%x\r\n%s\r\n" % (len(data), data)

    def finish(self):
        try:
            self.socket.sendall(self.chunk(self.rest) + b"0\r\n\r\n")
        except OSError:
            pass  # it was refused already, which the answer says
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        body = answer.read()
        self.socket.close()
        return answer.status, body


class Things:
    """Of one person: `alive()` names those that still do what they did."""

    def __init__(self, server, repo, owner, name, token, bucket):
        self.server, self.repo, self.owner, self.name, self.token, self.bucket = server, repo, owner, name, token, bucket
        self.browser = signed_in(server, name)
        self.app, secret = make_app(self.browser, "secret", scopes=("openid", "read-repos", "gated-repos"))
        self.basic = (self.app, secret)
        verifier, challenge = pkce()
        code = authorize(self.browser, client_id=self.app, redirect_uri=BACK, scope="read-repos gated-repos", code_challenge=challenge,
                         code_challenge_method="S256")[1]["code"]
        self.oauth = oauth_token(server, self.basic, grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=verifier).json()
        self.code_challenge = pkce()
        self.code = authorize(self.browser, client_id=self.app, redirect_uri=BACK, scope="read-repos gated-repos",
                              code_challenge=self.code_challenge[1], code_challenge_method="S256")[1]["code"]
        self.xet = {right: server.get(f"/api/models/{repo}/xet-{right}-token/main", token).json().get("accessToken") for right in ("read", "write")}
        self.link_down = server.lfs_batch(repo, token, [(sha256(LARGE), len(LARGE))], "download").json()["objects"][0]["actions"]["download"]["href"]
        file_hash = server.resolve(repo, "w.bin", token, method="HEAD").headers["x-xet-hash"]
        parts = server.get(f"/cas/v1/reconstructions/{file_hash}", self.xet["read"]).json()["fetch_info"]
        self.link_xet = next(iter(parts.values()))[0]["url"]
        self.sent = fresh().encode() * 400
        upload = [(sha256(self.sent), len(self.sent))]
        self.link_up = server.lfs_batch(repo, token, upload, transfers=["basic"]).json()["objects"][0]["actions"]["upload"]["href"]
        self.link_part = server.lfs_batch(repo, token, upload, transfers=["multipart"]).json()["objects"][0]["actions"]["upload"]["header"]["00001"]
        if bucket is None:
            return
        self.commit = Request(server, f"/api/models/{repo}/commit/main", "application/x-ndjson", token,
                              json.dumps({"key": "header", "value": {"summary": "s", "description": ""}}).encode() + b"\n",
                              json.dumps({"key": "file", "value": {"path": "late.txt", "content": "late"}}).encode() + b"\n")
        tree = b"100644 a.txt\0" + bytes.fromhex(git_blob(TEXT))
        new = f"tree {sha1(b'tree', tree)}\nauthor X <x@x> 1 +0000\ncommitter X <x@x> 1 +0000\n\nlate\n".encode()
        command = f"{'0' * 40} {sha1(b'commit', new)} refs/heads/b-{fresh()}\0report-status\n".encode()
        self.push = Request(server, f"/{repo}.git/git-receive-pack", "application/x-git-receive-pack-request", token, pkt(command) + b"0000",
                            pack_of((3, TEXT), (2, tree), (1, new)))
        self.batch = Request(server, f"/api/buckets/{bucket}/batch", "application/x-ndjson", token, b" ",
                             json.dumps({"type": "deleteFile", "path": "none"}).encode() + b"\n")

    def reads(self, token):
        r = self.server.resolve(self.repo, "a.txt", token)
        return r.status < 400  # it may have another name now

    def git_by_password(self):
        basic = base64.b64encode(f"{self.name}:{PASSWORD}".encode()).decode()
        return self.server.get(f"/{self.repo}.git/info/refs?service=git-upload-pack", headers={"Authorization": "Basic " + basic}).status not in DEAD

    def by_oauth(self, **form):
        r = oauth_token(self.server, self.basic, **form)
        return r.status == 200 and self.reads(r.json()["access_token"])

    def alive(self):
        s = self.server
        found = {
            "session": lambda: self.browser.get(f"/{self.repo}/raw/main/a.txt").status < 400,
            "password": self.git_by_password,
            "token reads": lambda: self.reads(self.token),
            "oauth token": lambda: self.reads(self.oauth["access_token"]),
            "oauth code": lambda: self.by_oauth(grant_type="authorization_code", code=self.code, redirect_uri=BACK, code_verifier=self.code_challenge[0]),
            "oauth refresh": lambda: self.by_oauth(grant_type="refresh_token", refresh_token=self.oauth["refresh_token"]),
            "xet reads": lambda: s.get("/cas/v1/chunks/default/" + "1" * 64, self.xet["read"]).status not in (401, 403),
            "link down": lambda: s.get(self.link_down).status not in DEAD,
            "link of xet": lambda: s.get(self.link_xet, headers={"Range": "bytes=" + re.search(r"range=([\d-]+)", self.link_xet)[1]}).status not in DEAD,
            "link up": lambda: s.request("PUT", self.link_up, self.sent).status not in DEAD,
            "link of a part": lambda: s.request("PUT", self.link_part, self.sent).status not in DEAD,
        }
        if self.bucket:
            found["token writes"] = lambda: s.commit(self.repo, self.token, {"b.txt": "b"}).status < 400
            found["xet writes"] = lambda: s.request("POST", "/cas/v1/shards", b"junk", self.xet["write"]).status not in (401, 403)
            found["commit under way"] = lambda: self.commit.finish()[0] == 200
            found["push under way"] = lambda: b"unpack ok" in (said := self.push.finish()[1]) and b"\nng " not in said and b"ok refs/" in said
            found["batch under way"] = lambda: self.batch.finish()[0] == 422  # the file is not there, which somebody who may not is not told
        return {name for name, is_alive in found.items() if is_alive()}


@pytest.fixture
def place(server, t):
    """A private repository and a bucket of an organisation of alice's."""
    org = "o" + fresh()
    server.cli("org", "add", org, "--owner", "alice")

    def make(private=True):
        repo, bucket = server.create(f"{org}/m-{fresh()}", t.alice, private=private), f"{org}/b-{fresh()}"
        assert server.commit(repo, t.alice, {"a.txt": TEXT}, {"w.bin": LARGE}).status == 200
        assert server.post(f"/api/buckets/{bucket}", {"private": private}, t.alice).status == 200
        return repo, bucket
    make.org = org
    return make


READING = {"session", "password", "token reads", "oauth token", "oauth code", "oauth refresh", "xet reads", "link down", "link of xet"}
OF_TOKEN = {"token reads", "token writes", "xet reads", "xet writes", "link down", "link of xet", "link up", "link of a part", "commit under way", "push under way",
            "batch under way"}
OF_APP = {"oauth token", "oauth code", "oauth refresh"}
ALL = READING | OF_TOKEN
UPLOADS = {"link up", "link of a part"}  # whoever may propose may bring files for it


def settings_form(x, path, **form):
    assert x.browser.ask("POST", path, {"csrf": x.browser.form_token(), **form}).status in (200, 303)


def token_form(x, act):
    page = x.browser.get("/settings/tokens").body.decode()
    settings_form(x, f"/settings/tokens/{act}", id=re.search(r'name="id" value="(\w+)"', page).group(1))


def delete_application(x):
    page = f"/settings/applications/{x.app}"
    settings_form(x, page + "/delete", confirm=re.search(r"<title>(App \w+)", x.browser.get(page).body.decode()).group(1))


def move(x, to):
    assert x.server.post("/api/repos/move", {"fromRepo": x.repo, "toRepo": to, "type": "model"}, x.owner).status == 200


def into_a_group(x):
    """That the person is not in, the repository and the bucket both."""
    org = x.repo.split("/")[0]
    group = x.server.post(f"/api/organizations/{org}/resource-groups", {"name": "g" + fresh()}, x.owner).json()["id"]
    for thing in (f"models/{x.repo}", f"buckets/{x.bucket}"):
        assert x.server.post(f"/api/{thing}/resource-group", {"resourceGroupId": group}, x.owner).status == 200


EVENTS = {  # what happens, and what is alive behind it
    "nothing": (lambda x: None, ALL),
    "removed": (lambda x: x.server.cli("org", "remove-member", x.repo.split("/")[0], x.name), set()),
    "no access": (lambda x: x.server.cli("org", "add-member", x.repo.split("/")[0], x.name, "--role", "no_access"), set()),
    "demoted": (lambda x: x.server.cli("org", "add-member", x.repo.split("/")[0], x.name, "--role", "read"), READING | UPLOADS),
    "disabled": (lambda x: x.server.cli("user", "disable", x.name), set()),
    "deleted": (lambda x: x.server.cli("user", "delete", x.name), set()),
    "token revoked": (lambda x: x.server.cli("token", "revoke", "--value-stdin", stdin=x.token + "\n"), ALL - OF_TOKEN),
    "token rotated": (lambda x: token_form(x, "rotate"), ALL - OF_TOKEN),
    "signed out": (lambda x: settings_form(x, "/logout"), ALL - {"session"}),
    "password set": (lambda x: x.server.cli("user", "passwd", x.name, "--password-stdin", stdin="another horse battery\n"), ALL - {"session", "password"}),
    "password and tokens": (lambda x: x.server.cli("user", "passwd", x.name, "--revoke-tokens", "--password-stdin", stdin="another horse battery\n"), set()),
    "password and tokens, in the browser": (lambda x: settings_form(x, "/settings/password", old=PASSWORD, new="another horse battery", tokens="revoke"), {"session"}),
    "application withdrawn": (lambda x: settings_form(x, "/settings/applications/withdraw", client_id=x.app), ALL - OF_APP),
    "application deleted": (delete_application, ALL - OF_APP),
    "renamed": (lambda x: move(x, x.repo + "-2"), ALL),
    "moved away": (lambda x: move(x, "acme/" + x.repo.split("/")[1]), {"batch under way"}),
    "repository deleted": (lambda x: x.server.request("DELETE", "/api/repos/delete", {"type": "model", "organization": x.repo.split("/")[0],
                                                                                     "name": x.repo.split("/")[1]}, x.owner), {"batch under way"}),
    "put into a group": (into_a_group, set()),
    "bucket deleted": (lambda x: x.server.request("DELETE", f"/api/buckets/{x.bucket}", None, x.owner), ALL - {"batch under way"}),
}


@pytest.mark.parametrize("event", EVENTS)
def test_of_a_member(server, t, place, event):
    repo, bucket = place()
    happens, alive = EVENTS[event]
    token = server.add_user(who := "x" + fresh())
    server.cli("org", "add-member", place.org, who, "--role", "write")
    x = Things(server, repo, t.alice, who, token, bucket)
    happens(x)
    assert x.alive() == alive


def gate(x, mode):
    assert x.server.request("PUT", f"/api/models/{x.repo}/settings", {"gated": mode}, x.owner).status == 200


def let_in(x, status):
    r = x.server.post(f"/api/models/{x.repo}/user-access-request/{'grant' if status == 'grant' else 'handle'}",
                      {"user": x.name, **({} if status == "grant" else {"status": status})}, x.owner)
    assert r.status == 200, r


STRANGER = READING | UPLOADS
OF_OTHERS = {
    "nothing": (None, lambda x: None, STRANGER),
    "private": (None, lambda x: x.server.cli("repo", "settings", x.repo, "--private"), set()),
    "gated": (None, lambda x: gate(x, "manual"), UPLOADS),
    "let in": ("grant", lambda x: None, STRANGER),
    "let in no more": ("grant", lambda x: let_in(x, "rejected"), UPLOADS),
}


@pytest.mark.parametrize("event", OF_OTHERS)
def test_of_a_stranger(server, t, place, event):
    repo, bucket = place(private=False)
    before, happens, alive = OF_OTHERS[event]
    token = server.add_user(who := "x" + fresh())
    x = Things.__new__(Things)
    x.server, x.repo, x.owner, x.name = server, repo, t.alice, who
    if before:
        gate(x, "manual")
        let_in(x, before)
    x.__init__(server, repo, t.alice, who, token, None)
    happens(x)
    assert x.alive() == alive


# -------------------------------------------------------------------- what a model says meanwhile

class Caller:
    """Somebody who reads a private model of an organisation's, and has asked it two things: a stream, and a whole answer."""

    def __init__(self, server, org, model, by):
        self.server, self.org, self.model, self.name = server, org, model, "x" + fresh()
        self.token = server.add_user(self.name)
        server.cli("org", "add-member", org, self.name, "--role", "read")
        headers = {"Authorization": "Bearer " + self.token}
        if by == "session":
            self.browser = signed_in(server, self.name)
            headers = {"Cookie": f"hearth_session={self.browser.cookie}", "X-CSRF-Token": self.browser.form_token()}
        if by == "organisation":
            headers["X-HF-Bill-To"] = org
        self.asked = []
        for path, body in (("/v1/completions", {"model": model, "prompt": START, "max_tokens": 40, "stream": True}),
                           (f"/models/{model}/generate", {"inputs": START, "parameters": {"max_new_tokens": 40}})):
            c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            c.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
            self.asked.append(c)

    def heard(self):
        """Whether the stream came to its end, and the status of the whole answer."""
        stream, whole = (c.getresponse() for c in self.asked)
        return stream.status == 200 and b"[DONE]" in (text := stream.read()) and b'"error"' not in text, whole.status


CALLS_END = {  # what ends calls, and the status that one is told who has had nothing yet
    "nothing": (lambda x: None, "token", 200),
    "token revoked": (lambda x: x.server.cli("token", "revoke", "--value-stdin", stdin=x.token + "\n"), "token", 401),
    "disabled": (lambda x: x.server.cli("user", "disable", x.name), "token", 401),
    "deleted": (lambda x: x.server.cli("user", "delete", x.name), "token", 401),
    "removed": (lambda x: x.server.cli("org", "remove-member", x.org, x.name), "token", 404),
    "removed, and it pays": (lambda x: x.server.cli("org", "remove-member", x.org, x.name), "organisation", 404),
    "signed out": (lambda x: x.browser.ask("POST", "/logout", {"csrf": x.browser.form_token()}), "session", 401),
}


def test_calls_of_models_end_with_the_right_to_call(serve):
    s = serve("--inference-dtype", "f32")
    s.cli("org", "add", "lab", "--owner", "alice")
    s.model, doomed = push(s, s.alice, "lab/story", private=True), push(s, s.alice, "lab/doomed", private=True)
    assert complete(s).status == complete(s, model=doomed).status == 200
    stopped = workers(s)
    for pid in stopped: os.kill(pid, signal.SIGSTOP)  # so that no answer comes before what happens
    callers = {event: Caller(s, "lab", s.model, by) for event, (_, by, _) in CALLS_END.items()}
    callers["repository deleted"] = Caller(s, "lab", doomed, "token")
    for event, (happens, _, _) in CALLS_END.items(): happens(callers[event])
    assert s.request("DELETE", "/api/repos/delete", {"type": "model", "organization": "lab", "name": "doomed"}, s.alice).status == 200
    heard = {event: x.heard() for event, x in callers.items() if event != "nothing"}
    for pid in stopped: os.kill(pid, signal.SIGCONT)
    heard["nothing"] = callers["nothing"].heard()
    assert heard == {**{event: (event == "nothing", status) for event, (_, _, status) in CALLS_END.items()}, "repository deleted": (False, 404)}


# -------------------------------------------------------------------- who comes after him

def xet_token(server, repo, token):
    return server.get(f"/api/models/{repo}/xet-read-token/main", token).json()["accessToken"]


def xet_status(server, token):
    return server.get("/cas/v1/chunks/default/" + "1" * 64, token).status


def test_numbers_are_never_used_twice(serve):
    """The newest account, and the newest token, are deleted; the next one is not taken for it."""
    s = serve()
    repo, who = s.create("alice/r", s.alice), s.add_user("first")
    of_person = xet_token(s, repo, who)
    s.cli("user", "delete", "first")
    s.add_user("second")
    of_token = xet_token(s, repo, newest := s.token("alice", "write"))
    assert xet_status(s, of_person) == 401 and xet_status(s, of_token) == 404
    s.cli("token", "revoke", "--value-stdin", stdin=newest + "\n")
    s.token("alice", "write")
    assert xet_status(s, of_token) == 401


def link_for(browser, name):
    page = browser.ask("POST", "/operator/users", {"csrf": browser.form_token(), "do": "link", "name": name}).body.decode()
    return re.search(r"link=([\w-]+)", page).group(1)


def test_what_an_administrator_handed_out_ends_with_him(serve):
    s = serve("--sign-up", "invited")
    for name in ("boss", "chief"):
        s.add_person(name, "--admin")
    boss, chief = signed_in(s, "boss"), signed_in(s, "chief")
    password = "/password/choose?link=" + link_for(boss, "alice")
    page = boss.ask("POST", "/settings/invitations", {"csrf": boss.form_token(), "label": "a friend", "days": "7"}).body.decode()
    invitation = re.search(r"/join\?invite=\w+", page).group(0)
    assert s.get(password).status == s.get(invitation).status == 200 and b'name="password"' in s.get(invitation).body
    assert chief.ask("POST", "/operator/users", {"csrf": chief.form_token(), "do": "demote", "name": "boss"}).status == 303
    assert s.get(password).status == 404 and b'name="password"' not in s.get(invitation).body


def test_an_invitation_ends_with_its_inviters_role(server, t, place):
    who, friend = "x" + fresh(), "x" + fresh()
    server.add_person(who)
    server.add_person(friend)
    server.cli("org", "add-member", place.org, who, "--role", "admin")
    x, y = signed_in(server, who), signed_in(server, friend)
    r = x.ask("POST", f"/organizations/{place.org}/settings/members", {"csrf": x.form_token(), "act": "invite", "user": friend, "role": "admin"})
    assert r.status == 303 and place.org in y.get("/settings/organizations").body.decode()
    server.cli("org", "remove-member", place.org, who)
    assert place.org not in y.get("/settings/organizations").body.decode()


def test_a_name_that_still_leads_somewhere_is_not_given_out(server, t):
    org = "o" + fresh()
    server.cli("org", "add", org, "--owner", "alice")
    name = server.create(f"{org}/m", t.alice)
    assert server.post("/api/repos/move", {"fromRepo": name, "toRepo": (moved := f"alice/m-{fresh()}"), "type": "model"}, t.alice).status == 200
    server.cli("org", "delete", org)
    b = signed_in(server, "bob")
    r = b.ask("POST", "/organizations/new", {"csrf": b.form_token(), "name": org, "fullname": org})
    assert r.status == 409 and server.get(f"/api/organizations/{org}/overview").status == 404, r
    r = server.get(f"/api/models/{name}")
    assert r.status in (307, 308) and moved in r.headers["location"]
