"""A mirror in a real browser, behind a line that passes no more of a large file than it is told to."""
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

import hearth
from conftest import Tab
from gateways import add_stories


class Line(ThreadingHTTPServer):
    """Before a hub.  Of what is large it passes a third, and the rest once `goes_on` is set."""
    daemon_threads = True

    def __init__(self, hub):
        super().__init__(("127.0.0.1", 0), Passing)
        self.hub, self.goes_on = hub, threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Passing(BaseHTTPRequestHandler):
    def pass_on(self):
        hub = self.server.hub
        c = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        c.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() != "connection"})
        r = c.getresponse()
        data = r.read()
        self.send_response(r.status)
        for k, v in r.getheaders():
            if k.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(k, v)
        self.send_header("Content-Length", len(data))
        self.send_header("Connection", "close")
        self.end_headers()
        first = len(data) // 3 if len(data) > 1_000_000 else len(data)
        self.wfile.write(data[:first])
        self.wfile.flush()
        if first < len(data):
            self.server.goes_on.wait(60)
            self.wfile.write(data[first:])
        self.close_connection = True

    do_GET = do_POST = do_HEAD = pass_on

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(line, gateway): alice's model is at the hub behind the line."""
    home = tmp_path_factory.mktemp("mirror")
    up = hearth.Server(home / "up")
    with up:
        add_stories(up)
        line = Line(up)
        down = hearth.Server(home / "down", args=["--upstream", line.base])
        down.add_person("ada", "--admin")
        with down:
            yield line, down
        line.shutdown()


def open_tab(chromium, server, width):
    t = Tab(chromium, server, viewport={"width": width, "height": 900})
    t.go("/login")
    t.page.fill("main [name=name]", "ada")
    t.page.fill("main [name=password]", hearth.PASSWORD)
    t.page.click("main form button")
    t.page.wait_for_url(lambda u: urlsplit(u).path != "/login")
    return t


def test_a_model_whose_files_are_on_their_way_says_how_far_they_are(chromium, pair):
    line, down = pair
    t = open_tab(chromium, down, 1280)
    t.go("/alice/stories")
    t.page.click("#try button:not([type])")
    state = t.page.locator(".try-state")
    state.filter(has_text=f"The model's files come from {urlsplit(line.base).netloc}: 0.3 MB of 1.0 MB").wait_for()
    t.shot("mirror-coming")
    said = down.post("/v1/completions", {"model": "alice/stories", "prompt": "Once"}, down.token("ada", "write"), headers={"x-wait-for-model": "false"})
    assert said.status == 429 and f"its files come from {line.base}, 0.3 of 1.0 MB so far" in said.json()["error"]["message"]
    line.goes_on.set()
    state.filter(has_text="out").wait_for()
    assert t.page.locator(".try-text").inner_text().strip()
    t.shot("mirror-tried")
    t.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_pages_of_a_mirror_fit(chromium, pair, width):
    _, down = pair
    t = open_tab(chromium, down, width)
    for path in ("/alice/stories", "/alice/stories/tree/main", "/alice/stories/blob/main/model.safetensors", "/alice/stories/settings",
                 "/alice/stories/discussions", "/alice", "/models", "/operator"):
        t.go(path)
        assert t.page.evaluate("document.documentElement.scrollWidth") <= width, path
    t.close()
