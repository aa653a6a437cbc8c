"""Requests to the host of a Space whose app runs: what the app gets, what comes back, and what an app that misbehaves can do."""
import hashlib
import os
import socket
import subprocess
import time
from pathlib import Path

import clients
import hearth
import pytest

from hearth import await_that, fresh

TALK = """
import asyncio, os, sys, websockets
async def talk():
    uri, where = f"ws://{sys.argv[2]}/ws", {"host": "127.0.0.1", "port": int(sys.argv[1]), "max_size": None}
    async with websockets.connect(uri, **where) as first, websockets.connect(uri, **where) as second:
        await first.send("hello")
        assert await first.recv() == "hello"
        big = os.urandom(3 << 20)
        await second.send(big)
        await first.send("meanwhile")
        assert await first.recv() == "meanwhile"
        assert await second.recv() == big
        await (await first.ping())
        await first.close()
        print(first.close_code)
asyncio.run(talk())
"""
ECHO = (Path(__file__).parent / "spaces" / "echo.py").read_text()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """alice/echo, private to her, and running."""
    s = hearth.Server(tmp_path_factory.mktemp("spaces") / "home", args=["--space-apps", "--worker-threads-max", "16"])
    s.alice, s.bob = s.add_user("alice"), s.add_user("bob")
    with s:
        for name, private in (("alice/echo", False), ("alice/hidden", True)):
            s.create(name, s.alice, "space", sdk="gradio", private=private)
            assert s.post(f"/api/spaces/{name}/secrets", {"key": "TEST_SECRET", "value": "deep"}, s.alice).status == 200
            r = s.commit(name, s.alice, {"app.py": ECHO, "README.md": "---\nsdk: gradio\napp_file: app.py\ncustom_headers:\n  cross-origin-opener-policy: same-origin\n---\n",
                                         "requirements.txt": ""}, kind="spaces")
            assert r.status == 200, r
        first = visit(s, "/hello")
        if first.status == 501:
            pytest.skip(f"apps are not run here: {first.json()['error']}")
        await_that(lambda: visit(s, "/hello").status == 200, 120)
        yield s


def host(s, label="alice-echo"):
    return f"{label}.spaces.localhost:{s.port}"


def visit(s, path="/", method="GET", label="alice-echo", token=None, headers=None, body=None):
    return s.request(method, path, body, token, headers={"Host": host(s, label), **(headers or {})})


def lines_of(answer):
    return {k.lower(): v for k, v in (line.split(": ", 1) for line in answer.json()["lines"])}


def test_what_the_app_gets(app):
    r = visit(app, "/a%20b//c?x=1&__sign=abc&y=%2F", headers={
        "X-Mine": "1", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-User": "root", "Forwarded": "for=6.6.6.6", "x-ip-token": "t", "X-Real-IP": "6.6.6.6",
        "Keep-Alive": "5", "Connection": "keep-alive, X-Hop", "X-Hop": "1", "Cookie": "a=1; hearth_space=secret; b=2", "TE": "trailers"})
    assert r.status == 200, r
    said, lines = r.json(), lines_of(r)
    assert (said["method"], said["target"]) == ("GET", "/a%20b//c?x=1&y=%2F")
    assert lines["host"] == lines["x-forwarded-host"] == host(app)
    assert lines["x-forwarded-for"] == "127.0.0.1" and lines["x-forwarded-proto"] == "http" and lines["x-mine"] == "1"
    assert lines["cookie"] == "a=1; b=2" and lines["connection"] == "close"
    assert not {"x-forwarded-user", "forwarded", "x-ip-token", "x-real-ip", "keep-alive", "x-hop", "te"} & set(lines)
    assert r.headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in visit(app, headers={"Origin": "http://x.example"}).headers, "the app decides"


def test_hub_tokens_stay_with_the_hub(app):
    for sent, kept in ((f"Bearer {app.alice}", False), ("Bearer of-the-apps-own", True), ("Basic YTpi", True)):
        lines = lines_of(visit(app, headers={"Authorization": sent, "X-HF-Authorization": f"Bearer {app.alice}"}))
        assert (lines.get("authorization") == sent) == kept and "x-hf-authorization" not in lines, sent
    assert app.alice not in visit(app, token=app.alice).body.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies_of_every_method(app, method):
    data = os.urandom(300_000)
    said = visit(app, "/up", method, body=data).json()
    assert (said["method"], said["bytes"], said["sha256"]) == (method, len(data), hashlib.sha256(data).hexdigest())
    said = visit(app, "/up", method, body=(data[i:i + 9000] for i in range(0, len(data), 9000))).json()
    assert (said["bytes"], said["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert visit(app, "/up", method, body=b"").json()["bytes"] == 0


def test_other_methods_and_answers(app):
    r = visit(app, method="HEAD")
    assert (r.status, r.headers["content-length"], r.body) == (200, "12345", b"")
    assert visit(app, method="OPTIONS").json()["method"] == "OPTIONS"
    r = visit(app, "/range", headers={"Range": "bytes=1-2"})
    assert (r.status, r.headers["content-range"], r.body) == (206, "bytes 1-2/9", b"bc")
    assert visit(app, "/hints").body == b"ok"
    r = visit(app, "/cookies")
    assert [v for k, v in r.all_headers if k.lower() == "set-cookie"] == ["a=1; Path=/"]
    assert "x-hop" not in r.headers and r.headers["server"] == "mine"


def test_events_come_as_they_are_sent(app):
    with socket.create_connection(("127.0.0.1", app.port), timeout=20) as c:
        c.sendall(f"GET /events HTTP/1.1\r\nHost: {host(app)}\r\n\r\n".encode())
        got = b""
        while b"data: first\n\n" not in got:
            got += c.recv(4096)
        assert b"second" not in got
        visit(app, "/open")
        while b"data: second\n\n" not in got or not got.endswith(b"0\r\n\r\n"):
            got += c.recv(4096)


def test_quiet_streams_hold_no_thread(app):
    """More of them than the server has threads for handlers."""
    held = []
    for _ in range(40):
        c = socket.create_connection(("127.0.0.1", app.port), timeout=20)
        c.sendall(f"GET /events HTTP/1.1\r\nHost: {host(app)}\r\n\r\n".encode())
        held.append(c)
    for c in held:
        assert b"200 OK" in c.recv(4096)
    assert visit(app, "/hello").status == 200 and app.get("/health").status == 200
    for c in held:
        c.close()


def test_an_endless_answer_holds_little(app):
    """A client that reads nothing: neither the app's bytes nor the server's memory go on growing."""
    def memory():
        return int(next(line for line in Path(f"/proc/{app.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])
    before = memory()
    with socket.create_connection(("127.0.0.1", app.port), timeout=20) as c:
        c.sendall(f"GET /flood HTTP/1.1\r\nHost: {host(app)}\r\n\r\n".encode())
        assert c.recv(10)
        sizes = []
        for _ in range(10):
            sizes.append(memory())
            time.sleep(0.1)
        assert max(sizes) - before < 64 << 10, "KiB"


@pytest.mark.parametrize("path,status", [("/head", 502), ("/nonsense", 502), ("/smuggle", 502)])
def test_an_answer_that_is_none(app, path, status):
    r = visit(app, path)
    assert r.status == status and b"The app of this Space" in r.body


def test_an_answer_cut_short_never_looks_whole(app):
    got = app.raw(f"GET /short HTTP/1.1\r\nHost: {host(app)}\r\nConnection: close\r\n\r\n".encode())
    assert got.endswith(b"half") and b"Content-Length: 100" in got


def test_an_answer_before_the_body_is_read(app):
    r = visit(app, "/early", "POST", body=os.urandom(100_000))
    assert (r.status, r.body) == (413, b"big")


def test_private_app(app):
    assert visit(app, label="alice-hidden").status == 404 and visit(app, label="alice-hidden", token=app.bob).status == 404
    token = app.get("/api/spaces/alice/hidden/jwt", app.alice).json()["token"]
    def awake():
        return visit(app, f"/x?__sign={token}&a=1", label="alice-hidden").status == 200
    await_that(awake, 120)
    r = visit(app, f"/x?__sign={token}&a=1", label="alice-hidden")
    assert r.json()["target"] == "/x?a=1" and "hearth_space=" in r.headers["set-cookie"]
    lines = lines_of(visit(app, "/", label="alice-hidden", headers={"Cookie": r.headers["set-cookie"].split(";")[0]}))
    assert "cookie" not in lines


def test_websocket(app):
    """The client of the package `websockets`: two at once, small and large messages, a ping, a polite end."""
    r = subprocess.run([str(clients.python_client("websockets")), "-c", TALK, str(app.port), host(app)], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0 and r.stdout.split() == ["1000"], r.stdout + r.stderr


def test_websockets_hold_no_thread_and_end_with_the_server(app):
    """They are open when the module's server stops, which must not wait for them."""
    held = []
    for _ in range(40):
        c = socket.create_connection(("127.0.0.1", app.port), timeout=20)
        c.sendall(f"GET /ws HTTP/1.1\r\nHost: {host(app)}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        held.append(c)
    for c in held:
        got = b""
        while b"\r\n\r\n" not in got:
            got += c.recv(4096)
        assert b"101" in got and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got
    assert visit(app, "/hello").status == 200
    test_websockets_hold_no_thread_and_end_with_the_server.held = held
