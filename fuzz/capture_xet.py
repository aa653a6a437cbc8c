"""capture_xet.py OUT - runs under a Python that has hf_xet (any version) and keeps the xorbs and shards that it uploads, as seeds for
fuzz_xorb and fuzz_shard:  OUT/xorb/hf_xet-VERSION-NAME and OUT/shard/....  The server is ours and takes everything."""
import random
import struct
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import hf_xet

OUT, NAME = Path(sys.argv[1]), "nothing"


class Cas(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_json = self.headers.get("Content-Type", "").startswith("application/json")  # a report of how it goes
        if is_json or self.path.startswith("/v2/"):
            return self.answer(404)
        what = "xorb" if "/xorb" in self.path else "shard"
        folder = OUT / what
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"hf_xet-{version('hf_xet')}-{NAME}").write_bytes(body)
        return self.answer(200, b'{"was_inserted":true}' if what == "xorb" else b'{"result":1}')

    do_PUT = do_POST

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Cas)
threading.Thread(target=server.serve_forever, daemon=True).start()
r = random.Random(1)
inputs = {
    "tiny": [b"hello world"],
    "text": [b" ".join(r.choices([b"red", b"green", b"blue", b"the"], k=2500))],
    "floats": [b"".join(b"\0\0" + struct.pack("<f", r.gauss(0, 0.02))[2:] for _ in range(1000))],  # as from 16 bits
    "noise": [r.randbytes(1500)],
    "zeros": [bytes(300_000)],
    "several": [b"one" * 100, b"two" * 333, b"one" * 100, r.randbytes(400)],
}
for NAME, contents in inputs.items():
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{i}" for i in range(len(contents))]
        for path, content in zip(paths, contents):
            Path(path).write_bytes(content)
        hf_xet.upload_files(paths, f"http://127.0.0.1:{server.server_port}", ("token", 1 << 40), lambda: ("token", 1 << 40), None, "model")
