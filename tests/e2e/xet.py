"""What the tests about Xet share: counters of the server, tokens made by hand, small uploads."""
import hashlib
import hmac
import random
import re
import socket
import sqlite3
import threading
import time
from urllib.parse import urlsplit

import clients


def blob(seed, size):
    return random.Random(seed).randbytes(size)


def requests_of(server, route):
    """How often a route answered, by class of status."""
    out = {}
    for m in re.finditer(r'hearth_route_requests_total\{route="([^"]+)".*?class="(\d)xx"\} (\d+)', server.get("/metrics").body.decode()):
        if m.group(1) == route:
            out[int(m.group(2))] = out.get(int(m.group(2)), 0) + int(m.group(3))
    return out


def succeeded(server, route):
    return requests_of(server, route).get(2, 0)


def received_bytes(server):
    return int(re.search(r"^hearth_http_received_bytes_total (\d+)$", server.get("/metrics").body.decode(), re.M).group(1))


def token(server, full_name, hub_token, right="read", kind="models", rev="main", **kw):
    r = server.get(f"/api/{kind}/{full_name}/xet-{right}-token/{rev}", hub_token, **kw)
    assert r.status == 200, r
    return r.json()["accessToken"]


def key_of(server):
    """The server's own key: for tokens and links that it would no longer make."""
    with sqlite3.connect(f"file:{server.home}/hearth.db?mode=ro", uri=True) as db:
        return db.execute("SELECT secret FROM signing_key WHERE purpose = 'xet'").fetchone()[0]


def sign(server, text):
    return hmac.new(key_of(server), text.encode(), hashlib.sha256).hexdigest()[:32]


def with_expiry(server, text, seconds_from_now):
    """The same token, with another expiry."""
    claim = text.rsplit(".", 2)[0] + f".{int(time.time()) + seconds_from_now}"
    return f"{claim}.{sign(server, claim)}"


def link_with_expiry(server, url, seconds_from_now):
    parts = urlsplit(url)
    query = re.sub(r"expires=\d+", f"expires={int(time.time()) + seconds_from_now}", parts.query.split("&sig=")[0])
    text = f"{parts.path}?{query}"
    return f"{text}&sig={sign(server, text)}"


def hash_of(server, full_name, path, hub_token=None, kind="models"):
    return server.resolve(full_name, path, hub_token, kind=kind, method="HEAD").headers.get("x-xet-hash")


def reconstruction(server, file_hash, cas_token, version="v2", **kw):
    return server.get(f"/cas/{version}/reconstructions/{file_hash}", cas_token, **kw)


class Tap:
    """Stands between a client and the server, and remembers what the server answered.  For clients, it is the server."""

    def __init__(self, server):
        self.server, self.seen, self.tls, self.tokens = server, bytearray(), None, server.tokens
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.server.port))
            threading.Thread(target=self._carry, args=(client, there, None), daemon=True).start()
            threading.Thread(target=self._carry, args=(there, client, self.seen), daemon=True).start()

    def _carry(self, one, other, seen):
        try:
            while data := one.recv(1 << 18):
                if seen is not None and len(data) < 65536:
                    seen += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            other.close()

    def close(self):
        self.listener.close()


UPLOAD = """
    api.create_repo(name, exist_ok=True, private=private, repo_type=kind, **({"space_sdk": "static"} if kind == "space" else {}))
    out = str(api.upload_file(path_or_fileobj=file, path_in_repo=path, repo_id=name, repo_type=kind))
    """
DOWNLOAD = """
    import shutil
    shutil.rmtree("got", ignore_errors=True)
    p = hf_hub_download(name, path, local_dir="got", repo_type=kind, force_download=True)
    out = hashlib.sha256(open(p, "rb").read()).hexdigest()
    """


def upload(driver, name, path, file, private=False, kind="model"):
    return driver(UPLOAD, name=name, path=path, file=str(file), private=private, kind=kind)


def download(driver, name, path, kind="model"):
    return driver(DOWNLOAD, name=name, path=path, kind=kind)


def fresh_client(server, tmp_path, version=clients.NEWEST, hub_token=None):
    """A client that remembers nothing."""
    return clients.Driver(f"xet-{version}", server, tmp_path, hub_token or server.tokens.alice)
