"""Models for tests of inference: the demo that writes a story, the tiny encoders; pushing, calling and watching them."""
import contextlib
import json
import os
import signal
import socket
import subprocess

import hearth
from hearth import ROOT

DEMO = ROOT / "demo"
TASKS = ROOT / "tests" / "data" / "tasks"
TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}"
START = "Once upon a time"
STORY = ", there was a little girl named Lily. She loved to play outsid"  # 20 tokens, the likeliest each time


def push_files(server, token, name, files, **settings):
    """The files of a model; weights become large files."""
    server.create(name, token, **settings)
    large = {k: v for k, v in files.items() if k.endswith(".safetensors")}
    r = server.commit(name, token, {k: v for k, v in files.items() if k not in large}, large)
    assert r.status == 200, r
    return name


def push(server, token, name, template=TEMPLATE, **settings):
    """The demo, with a chat template."""
    files = {p.name: p.read_bytes() for p in DEMO.iterdir()}
    return push_files(server, token, name, {**files, "chat_template.jinja": template.encode()}, **settings)


def encoder_files(which):
    folder = TASKS / which
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "expected.json"}


@contextlib.contextmanager
def story_host(home, *args):
    """A server with alice, bob, and two models of hers, the second private.  Workers that a test has stopped go on at the end."""
    s = hearth.Server(home, args=("--inference-dtype", "f32", *args))
    s.alice, s.bob = s.add_user("alice"), s.add_user("bob")
    with s:
        s.model = push(s, s.alice, "alice/story")
        s.secret = push(s, s.alice, "alice/secret", private=True)
        yield s
        tell(workers(s), signal.SIGCONT)


def complete(host, token=None, **body):
    return host.post("/v1/completions", {"model": host.model, "prompt": START, "max_tokens": 20, "temperature": 0, **body}, token or host.alice)


def send_to(host, path, body):
    """The request alone: the socket that it was sent on."""
    text = json.dumps(body).encode()
    s = socket.create_connection(("127.0.0.1", host.port), timeout=120)
    s.sendall(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
              % (path.encode(), host.alice.encode(), len(text), text))
    return s


def send(host, **body):
    return send_to(host, "/v1/completions", {"model": host.model, "prompt": START, "max_tokens": 20, "temperature": 0, **body})


def workers(host):
    out = subprocess.run(["pgrep", "-P", str(host.process.pid), "-f", "hearth worker"], capture_output=True, text=True).stdout
    return [int(pid) for pid in out.split()]


def tell(pids, what):
    """A signal to workers, of which some may have ended meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError): os.kill(pid, what)


def usage(host):
    return host.get("/api/usage/inference", host.alice, query={"group_by": "model"}).json()["total"]


def counted(host, name):
    """The sum of a metric over its labels."""
    text = host.get("/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def near(a, b, slack=2e-4):
    if isinstance(a, float) or isinstance(b, float): return abs(a - b) <= slack
    if isinstance(a, list): return len(a) == len(b) and all(near(x, y, slack) for x, y in zip(a, b))
    if isinstance(a, dict): return a.keys() == b.keys() and all(near(a[k], b[k], slack) for k in a)
    return a == b
