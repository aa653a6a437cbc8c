"""A Hearth before another: what is not here comes through, and stays.  The upstream is a Hearth too, and the clients are real ones."""
import http.server
import random
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import clients
import hearth

RND = random.Random(44)


@pytest.fixture
def pair(tmp_path):
    """(upstream, gateway); `alice` is a token at the upstream."""
    up = hearth.Server(tmp_path / "up")
    up.alice = up.add_user("alice")
    with up:
        down = hearth.Server(tmp_path / "down", args=["--upstream", up.base])
        down.bob = down.add_user("bob")
        with down:
            yield up, down


def test_files_come_through_and_stay(pair):
    up, down = pair
    large = RND.randbytes(3_000_000)
    up.create("alice/m", up.alice)
    sha = up.commit("alice/m", up.alice, {"a.txt": "hello", "README.md": "---\nlicense: mit\n---\n# m\n"}, {"w.bin": large})
    info = down.get("/api/models/alice/m").json()
    assert info["id"] == "alice/m" and info["sha"] == up.get("/api/models/alice/m").json()["sha"]
    assert info["cardData"] == {"license": "mit"}
    assert down.get("/alice/m/resolve/main/a.txt").body == b"hello"
    assert down.request("HEAD", "/alice/m/resolve/main/w.bin").headers["x-linked-size"] == str(len(large))
    assert down.get("/alice/m/resolve/main/w.bin").body == large
    up.stop()
    again = down.get("/alice/m/resolve/main/w.bin")
    assert again.status == 200 and again.body == large
    assert down.get("/api/models/alice/other").status == 502  # nobody can say whether it exists
    assert sha


class OldNames(http.server.BaseHTTPRequestHandler):
    """An upstream that knows "gpt2", as the public hub does: it sends on to today's name; all else is asked of `hub`."""
    hub, asked = None, []

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/api/models/gpt2"):
            self.send_response(307)
            self.send_header("Location", self.path.replace("/gpt2", "/alice/gpt2"))
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        keep = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "content-type", "git-protocol", "range")}
        try:
            r = urllib.request.urlopen(urllib.request.Request(self.hub.base + self.path, body, keep, method=self.command))
        except urllib.error.HTTPError as e:
            r = e
        data = r.read()
        self.send_response(r.status)
        self.send_header("Content-Type", r.headers["Content-Type"])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *args):
        pass


def test_old_names_without_an_owner(serve, tmp_path):
    """transformers' from_pretrained("gpt2")."""
    up = serve()
    up.create("alice/gpt2", up.alice)
    up.commit("alice/gpt2", up.alice, {"config.json": "{}"})
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Names", (OldNames,), {"hub": up, "asked": []}))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    with hearth.Server(tmp_path / "down", args=["--upstream", f"http://127.0.0.1:{proxy.server_port}"]) as down:
        moved = down.get("/api/models/gpt2/revision/main?expand=sha")
        assert (moved.status, moved.headers["location"]) == (307, "/api/models/alice/gpt2/revision/main?expand=sha")
        assert down.request("HEAD", "/gpt2/resolve/main/config.json").headers["location"] == "/alice/gpt2/resolve/main/config.json"
        assert down.post("/api/models/gpt2/paths-info/main", {"paths": ["config.json"]}).status == 307
        assert down.get("/api/models/gpt3").status in (401, 404)
        assert down.get("/api/models/gpt3").status in (401, 404)
        assert sum("gpt3" in path for path in proxy.RequestHandlerClass.asked) == 1
        newest = clients.Driver(f"hub-{clients.NEWEST}", down, tmp_path / "client", None)
        assert Path(newest("from huggingface_hub import hf_hub_download; out = hf_hub_download('gpt2', 'config.json')")).read_text() == "{}"
        newest.close()
    proxy.shutdown()
