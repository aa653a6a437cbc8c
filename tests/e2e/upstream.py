"""What stands between a gateway and its upstream in tests: it counts, it goes wrong where it is told to, and hands on the rest."""
import http.client
import http.server
import json
import os
import re
import socket
import struct
import subprocess
import threading
from urllib.parse import urlsplit

LFS_BATCH = r"/info/lfs/objects/batch$"


class Between:
    """`with Between(server) as b:`: b.base is its address, b.asked what it was asked ("GET /api/models/a/b").

    b.when(pattern, answer): who asks for a path (with its method) that has the pattern is answered by answer(request), until b.well()."""

    def __init__(self, behind, tells_chunks=False):
        self.tells_chunks = tells_chunks  # else it is a hub that knows git-lfs only
        self.passed = 0  # bytes of bodies that went on to who asked
        self.behind, self.asked, self.rules, self.lock = behind, [], [], threading.Lock()
        outer = self

        class Handler(Request):
            between = outer

        class Web(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *_):
                pass  # a client that left

        self.web = Web(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.web.server_address[1]}"
        threading.Thread(target=self.web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.web.shutdown()
        self.web.server_close()

    def when(self, pattern, answer):
        self.rules.append((re.compile(pattern), answer))

    def well(self):
        self.rules.clear()

    def count(self, pattern):
        return sum(bool(re.search(pattern, line)) for line in self.asked)


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # the end of an answer is the end of its connection

    def log_message(self, *_):
        pass

    def handle_any(self):
        line = f"{self.command} {self.path}"
        with self.between.lock:
            self.between.asked.append(line)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for pattern, answer in list(self.between.rules):
            if pattern.search(line):
                return answer(self)
        if "/xet-read-token/" in line and not self.between.tells_chunks:
            return self.say(404)
        self.pass_on()

    do_GET = do_HEAD = do_POST = handle_any

    def ask(self):
        c = http.client.HTTPConnection(urlsplit(self.between.behind.base).netloc, timeout=60)
        c.request(self.command, self.path, self.body or None, dict(self.headers))
        return c.getresponse()

    def begin(self, status, headers=()):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()

    def pass_on(self, most=None, change=lambda b: b, at_cut=lambda: None):
        """Of the body no more than `most` bytes, after which (and after at_cut) the connection is cut."""
        r = self.ask()
        self.begin(r.status, r.getheaders())
        left = most
        while self.command != "HEAD" and (piece := r.read(min(65536, left) if left is not None else 65536)):
            piece = change(piece)
            self.wfile.write(piece)
            self.between.passed += len(piece)
            if left is not None and not (left := left - len(piece)):
                at_cut()
                return self.cut()

    def cut(self):
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)

    def say(self, status, body=b"", **headers):
        body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        self.begin(status, [*((k.replace("_", "-"), v) for k, v in headers.items()), ("Content-Length", str(len(body)))])
        self.wfile.write(body)

    def batch(self, **link):
        """The answer to a batch of one object: this link, or an error."""
        o = json.loads(self.body)["objects"][0]
        self.say(200, {"transfer": "basic", "objects": [{**o, **link}]}, Content_Type="application/vnd.git-lfs+json")

    def git(self, folder):
        """git over HTTP by git itself, for a bare repository of our own making."""
        path, _, query = self.path.partition("?")
        inner = path[path.index("/", 1):].partition("/")[2].partition("/")[2]
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": "/" + inner, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(self.body)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
               "REMOTE_ADDR": "127.0.0.1", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        out = subprocess.run(["git", "http-backend"], input=self.body, capture_output=True, env=env).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(v.split()[0]) for k, v in headers if k == "Status"), 200)
        self.begin(status, [(k, v) for k, v in headers if k != "Status"])
        self.wfile.write(body)
