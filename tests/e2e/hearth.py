"""A Hearth server for tests: start, stop, kill, ask over plain HTTP, run the command line."""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("HEARTH_BIN", ROOT / "build" / "hearth")).resolve()
LONG = bool(os.environ.get("HEARTH_LONG"))
PASSWORD = "correct horse battery"  # everybody's
SANITIZED = "asan" in str(BIN) or "tsan" in str(BIN)   # slow, and what was freed stays in memory for a while


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def fresh():
    """A word that nobody has used."""
    return uuid.uuid4().hex[:10]


def await_that(look, seconds=90):
    """What look() gives, as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    all_headers: list = field(default_factory=list)

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.headers.get("x-error-code")

    @property
    def message(self):
        return self.headers.get("x-error-message")

    def __repr__(self):
        return f"<{self.status} code={self.code} message={self.message!r} body={self.body[:300]!r}>"


class Server:
    """`with Server(home) as s:` starts it, if need be, and at the end stops it and judges its exit and its log."""

    def __init__(self, home, port=0, args=(), env=None, tls=None):
        self.home, self.args, self.env, self.tls = Path(home), list(args), dict(env or {}), tls
        self.port, self.process = port or free_port(), None
        self.log = self.home.parent / (self.home.name + ".log")
        self.reports = 0
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def base(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HEARTH_"))}
        env.update(self.env)
        return env

    def start(self, wait=True):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(
            [str(BIN), "serve", "--home", str(self.home), "--listen", f"127.0.0.1:{self.port}", *self.args],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.environment(), start_new_session=True)
        out.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if self.request("GET", "/health", timeout=5).status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.03)
        raise RuntimeError(f"the server is not ready after {seconds} s:\n{self.tail()}")

    def tail(self, n=4000):
        return self.log.read_text(errors="replace")[-n:] if self.log.exists() else ""

    def kill(self):
        """kill -9 of the server and of what it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stacks(self):
        """Where every thread is, if there is a debugger to ask."""
        if not shutil.which("gdb"):
            return "(no gdb)"
        r = subprocess.run(["gdb", "-p", str(self.process.pid), "-batch", "-ex", "thread apply all bt 12"], capture_output=True, text=True)
        return r.stdout[-12000:]

    def stop(self, seconds=45):
        """The polite end.  A sanitizer's report or a leak shows in the exit code or in the log."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            stacks = self.stacks()
            self.kill()
            raise RuntimeError(f"the server did not stop within {seconds} s:\n{self.tail()}\n{stacks}")
        return self.process.returncode

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, failure, *_):
        self.stop() if failure else self.end()

    def end(self):
        code = self.stop()
        self.check_clean()
        assert code == 0, f"the server ended with {code}:\n{self.tail()}"

    def check_clean(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        found = re.search(r"(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|must_failed|broken invariant)[^\n]*", text)
        if found:
            at = max(0, found.start() - 200)
            raise AssertionError(f"the server's log has a report:\n{text[at:at + 6000]}")

    # ---------------------------------------------------------------- the command line

    def cli(self, *args, stdin=None, check=True, timeout=120):
        r = subprocess.run([str(BIN), *args, "--home", str(self.home)], input=stdin, capture_output=True, text=True,
                           timeout=timeout, env=self.environment())
        if check and r.returncode != 0:
            raise AssertionError(f"hearth {' '.join(args)} ended with {r.returncode}:\n{r.stdout[-1500:]}{r.stderr[-3000:]}")
        return r

    def add_person(self, name, *options):
        """Who signs in with PASSWORD."""
        self.cli("user", "add", name, *options, "--password-stdin", stdin=PASSWORD + "\n")

    def add_user(self, name, admin=False, role="write"):
        """The same, with a token: hands it back."""
        self.add_person(name, *(["--admin"] if admin else []))
        return self.token(name, role)

    def token(self, name, role):
        return self.cli("token", "create", name, "--role", role, "--name", f"e2e-{role}").stdout.strip()

    def fsck(self):
        r = self.cli("fsck", check=False, timeout=600)
        assert r.returncode == 0, f"fsck ended with {r.returncode}:\n{r.stdout[-4000:]}{r.stderr[-4000:]}"

    # ---------------------------------------------------------------- plain HTTP; follows no redirect

    def connect(self, timeout=60):
        if self.tls:
            return http.client.HTTPSConnection("localhost", self.port, timeout=timeout,
                                               context=ssl.create_default_context(cafile=self.tls["ca"]))
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, token=None, headers=None, timeout=60, query=None):
        headers = dict(headers or {})
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        if isinstance(body, (dict, list)) or (body is None and method in ("POST", "PUT", "PATCH")):
            body = json.dumps(body if body is not None else {}).encode()
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if query:
            path += ("&" if "?" in path else "?") + urlencode(query, doseq=True)
        if path.startswith("http"):
            parts = urlsplit(path)
            path = parts.path + ("?" + parts.query if parts.query else "")
        c = self.connect(timeout)
        try:
            c.request(method, path, body=body, headers=headers)
            r = c.getresponse()
            return Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read(), r.getheaders())
        finally:
            c.close()

    def get(self, path, token=None, **kw):
        return self.request("GET", path, token=token, **kw)

    def post(self, path, body=None, token=None, **kw):
        return self.request("POST", path, body, token, **kw)

    def raw(self, data, timeout=20):
        """Sends bytes as they are and reads until the other side closes or is quiet."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as s:
            s.sendall(data)
            got = b""
            try:
                while chunk := s.recv(65536):
                    got += chunk
            except (socket.timeout, ConnectionResetError):
                pass
            return got

    # ---------------------------------------------------------------- the few calls that every test needs

    def create(self, full_name, token, kind="model", **fields):
        ns, name = full_name.split("/")
        body = {"type": kind, "organization": ns, "name": name, **fields}
        if kind == "space":
            body.setdefault("sdk", "static")
        r = self.post("/api/repos/create", body, token)
        assert r.status == 200, r
        return full_name

    def commit_lines(self, lines, full_name, token, kind="models", rev="main", query=None, **kw):
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return self.post(f"/api/{kind}/{full_name}/commit/{quote(rev, safe='')}", body, token,
                         headers={"Content-Type": "application/x-ndjson"}, query=query, **kw)

    def commit(self, full_name, token, files=None, large=None, delete=(), kind="models", rev="main", summary="a commit",
               parent=None, query=None):
        header = {"summary": summary, "description": ""}
        if parent:
            header["parentCommit"] = parent
        lines = [{"key": "header", "value": header}]
        for path, data in (files or {}).items():
            data = data.encode() if isinstance(data, str) else data
            lines.append({"key": "file", "value": {"path": path, "encoding": "base64",
                                                   "content": base64.b64encode(data).decode()}})
        for path, data in (large or {}).items():
            self.put_large(full_name, token, data, kind)
            lines.append({"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": sha256(data),
                                                      "size": len(data)}})
        for path in delete:
            lines.append({"key": "deletedEntry", "value": {"path": path}})
        return self.commit_lines(lines, full_name, token, kind, rev, query)

    def lfs_batch(self, full_name, token, objects, operation="upload", kind="models", transfers=("basic", "multipart")):
        prefix = "" if kind == "models" else kind + "/"
        return self.post(f"/{prefix}{full_name}.git/info/lfs/objects/batch",
                         json.dumps({"operation": operation, "transfers": list(transfers), "hash_algo": "sha256",
                                     "objects": [{"oid": o, "size": n} for o, n in objects]}), token,
                         headers={"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"})

    def put_large(self, full_name, token, data, kind="models"):
        r = self.lfs_batch(full_name, token, [(sha256(data), len(data))], kind=kind, transfers=["basic"])
        assert r.status == 200, r
        action = r.json()["objects"][0].get("actions", {}).get("upload")
        if action:
            r = self.request("PUT", action["href"], data)
            assert r.status in (200, 201, 204), r

    def resolve(self, full_name, path, token=None, rev="main", kind="models", method="GET", **kw):
        prefix = "" if kind == "models" else kind + "/"
        return self.request(method, f"/{prefix}{full_name}/resolve/{quote(rev, safe='')}/{quote(path)}", token=token, **kw)

    def head_sha(self, full_name, token=None, kind="models"):
        return self.get(f"/api/{kind}/{full_name}", token).json()["sha"]
