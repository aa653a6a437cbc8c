"""Spaces that run: built, started in a sandbox, put to sleep, woken, watched; by the clients that people have."""
import base64
import http.client
import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

import hearth
from hearth import await_that, fresh

# A server of the standard library: needs no package, so it starts at once.  "/run?.." does what a test wants to see refused.
APP = '''
import http.server, json, os, subprocess, sys, urllib.parse

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        out = {"env": dict(os.environ), "version": VERSION}
        if url.path == "/run":
            out = {}
            try:
                exec(urllib.parse.unquote(url.query), out)
                out = {"out": out.get("out")}
            except BaseException as e:
                out = {"error": type(e).__name__, "text": str(e)}
        body = json.dumps(out).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

print("the key is", os.environ.get("KEY"), flush=True)
for piece in ("split ", os.environ.get("KEY", "")[:5], os.environ.get("KEY", "")[5:], "\\n"):
    sys.stdout.write(piece); sys.stdout.flush()
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Handler).serve_forever()
'''


def can_run():
    """As the server does: user namespaces, for another user where we are root."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    who = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"] if os.geteuid() == 0 else []
    r = subprocess.run([*who, "bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"], capture_output=True, text=True)
    return None if r.returncode == 0 else f"this machine has no usable user namespaces: {r.stderr.strip()[:200]}"


pytestmark = pytest.mark.skipif(bool(can_run()), reason=str(can_run()))
ARGS = ["--space-apps", "--space-memory", "300MiB", "--space-disk", "64MiB", "--space-processes", "64"]


def front(**keys):
    return "---\n" + "".join(f"{k}: {v}\n" for k, v in keys.items()) + "---\n"


def push(s, name, files, token=None):
    a = s.commit(name, token or s.alice, files, kind="spaces")
    assert a.status == 200, a


def make(s, name=None, app=APP, card=None, version=1, **files):
    name = name or f"alice/s-{fresh()}"
    s.create(name, s.alice, "space", sdk="gradio")
    push(s, name, {"README.md": front(title="T", sdk="gradio", **(card or {})), "app.py": app.replace("VERSION", str(version)), **files})
    return name


def runtime(s, name, token=None):
    return s.get(f"/api/spaces/{name}/runtime", token or s.alice).json()


def reach(s, name, *stages, seconds=60):
    def look():
        r = runtime(s, name)
        assert r["stage"] in stages or r["stage"] not in ("BUILD_ERROR", "CONFIG_ERROR", "RUNTIME_ERROR", "NO_APP_FILE"), r
        return r if r["stage"] in stages else None
    return await_that(look, seconds)


def visit(s, name, path="/"):
    """One visit through the sandbox's own door, as the log of a dial: the metrics count it."""
    host = s.get(f"/api/spaces/{name}/host", s.alice).json()["host"].split("://")[1]
    return s.request("GET", path, token=s.alice, headers={"Host": host})


def log(s, name, kind="run", tail=None):
    """What a client gets that ends after the first silence."""
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=5)
    c.request("GET", f"/api/spaces/{name}/logs/{kind}" + (f"?tail={tail}" if tail else ""), headers={"Authorization": f"Bearer {s.alice}"})
    r = c.getresponse()
    assert r.status == 200 and r.headers["Content-Type"].startswith("text/event-stream")
    events = []
    try:
        while line := r.readline():
            if line.startswith(b"data: {"):
                events.append(json.loads(line[6:]))
    except TimeoutError:
        pass
    c.close()
    return events


def text(events):
    return "".join(e["data"] for e in events)


@pytest.fixture(scope="module")
def spaces(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("spaces") / "home", args=ARGS)
    s.alice, s.bob = s.add_user("alice"), s.add_user("bob")
    with s:
        yield s


@pytest.fixture(scope="module")
def running(spaces):
    name = make(spaces)
    reach(spaces, name, "RUNNING")
    return name


def below(pid):
    """All processes that a process has started, and they, as (pid, when it began)."""
    table = [x.split() for x in subprocess.run(["ps", "-eo", "pid=,ppid=,lstart="], capture_output=True, text=True).stdout.splitlines()]
    found, new = [], {str(pid)}
    while new:
        rows = [x for x in table if x[1] in new]
        found += [(x[0], tuple(x[2:])) for x in rows]
        new = {x[0] for x in rows}
    return found


def still_there(processes):
    table = {(x.split()[0], tuple(x.split()[1:])) for x in subprocess.run(["ps", "-eo", "pid=,lstart="], capture_output=True, text=True).stdout.splitlines()}
    return [p for p in processes if p in table]


def test_a_push_runs_and_the_runtime_says_so(spaces, running):
    r = runtime(spaces, running)
    assert r["stage"] == "RUNNING" and r["hardware"] == {"current": "cpu-basic", "requested": "cpu-basic"}
    assert r["sdk"] == "gradio" and r["gcTimeout"] == 3600 and "errorMessage" not in r
    assert r["resources"]["limits"] == {"memoryBytes": 300 << 20, "diskBytes": 64 << 20, "processes": 64}
    assert "rlimits" in r["resources"]["enforcedBy"]
    assert spaces.get(f"/api/spaces/{running}?expand=runtime", spaces.alice).json()["runtime"]["stage"] == "RUNNING"


def test_off_says_how_to_turn_it_on(serve):
    s = serve()
    name = make(s)
    r = runtime(s, name)
    assert r["stage"] == "STOPPED" and "--space-apps" in r["errorMessage"]
    a = s.request("POST", f"/api/spaces/{name}/restart", token=s.alice)
    assert a.status == 501 and "--space-apps" in a.message
    assert s.get("/api/spaces/hardware").json() == []


def test_the_client_drives_it(spaces, tmp_path):
    import clients
    d = clients.Driver(f"hub-{clients.NEWEST}", spaces, tmp_path, spaces.alice)
    name = f"alice/s-{fresh()}"
    try:
        out = d("""
            api.create_repo(name, repo_type="space", space_sdk="gradio", space_secrets=[{"key": "KEY", "value": "swordfish-99"}])
            api.upload_file(path_or_fileobj=app.encode(), path_in_repo="app.py", repo_id=name, repo_type="space")
            def wait(stage):
                for _ in range(600):
                    r = api.get_space_runtime(name)
                    if r.stage == stage: return r
                    time.sleep(0.1)
                raise AssertionError(r)
            first = wait("RUNNING")
            api.add_space_secret(name, "OTHER", "a-second-secret")
            seen = [wait("RUNNING").stage]
            api.pause_space(name); seen.append(api.get_space_runtime(name).stage)
            seen.append(wait("PAUSED").stage)
            api.restart_space(name); seen.append(wait("RUNNING").stage)
            api.set_space_sleep_time(name, 7200); seen.append(api.get_space_runtime(name).sleep_time)
            api.restart_space(name, factory_reboot=True); time.sleep(0.5); wait("RUNNING")
            build = "".join(api.fetch_space_logs(name, build=True)) if hasattr(api, "fetch_space_logs") else None
            out = [first.hardware, seen, build]
        """, name=name, app=APP.replace("VERSION", "1"))
    finally:
        d.close()
    assert out[0] == "cpu-basic" and out[1] == ["RUNNING", "PAUSED", "PAUSED", "RUNNING", 7200]
    assert out[2] is None or "built" in out[2]


def test_secrets_are_in_no_log_and_replay_is_the_same(spaces):
    name = f"alice/s-{fresh()}"
    a = spaces.request("POST", "/api/repos/create", token=spaces.alice, body={
        "type": "space", "name": name.split("/")[1], "sdk": "gradio", "secrets": [{"key": "KEY", "value": "swordfish-99"}]})
    assert a.status == 200, a
    push(spaces, name, {"app.py": APP.replace("VERSION", "1")})
    reach(spaces, name, "RUNNING")
    first, again = log(spaces, name), log(spaces, name)
    assert first[:len(again)] == again[:len(first)] and len(again) >= 3
    said = text(again)
    assert "the key is [redacted]" in said and "split [redacted]" in said and "swordfish" not in said
    assert [e["data"] for e in log(spaces, name, tail=1)] == [again[-1]["data"]]
    files = b"".join(p.read_bytes() for p in (spaces.home / "spaces").rglob("log/*"))
    assert b"swordfish" not in files
    assert spaces.get(f"/api/spaces/{name}/logs/run", spaces.bob).status == 403


def test_an_old_version_serves_while_the_new_one_fails(spaces):
    name = make(spaces)
    before = reach(spaces, name, "RUNNING")
    push(spaces, name, {"app.py": "raise SystemExit('no such luck')\n"})
    await_that(lambda: "no such luck" in text(log(spaces, name)) or None)
    r = reach(spaces, name, "RUNNING")
    assert r["sha"] == before["sha"]
    push(spaces, name, {"app.py": APP.replace("VERSION", "2")})
    await_that(lambda: runtime(spaces, name)["sha"] != before["sha"] or None)
    assert runtime(spaces, name)["stage"] == "RUNNING"


@pytest.mark.parametrize("files,stage,word", [
    ({"README.md": front(sdk="gradio", app_file="../x.py"), "app.py": APP}, "CONFIG_ERROR", "app_file"),
    ({"README.md": front(sdk="docker"), "Dockerfile": "FROM scratch\n"}, "CONFIG_ERROR", "docker is not built"),
    ({"README.md": front(sdk="gradio", app_file="main.py"), "app.py": APP}, "NO_APP_FILE", "main.py"),
    ({"README.md": front(sdk="gradio", python_version="'3.7'"), "app.py": APP}, "BUILD_ERROR", "Python 3.7"),
    ({"README.md": front(sdk="gradio"), "app.py": APP, "packages.txt": "no-such-package\n"}, "BUILD_ERROR", "no-such-package"),
    ({"README.md": front(sdk="gradio"), "app.py": "import sys; print('boom'); sys.exit(3)\n"}, "RUNTIME_ERROR", "boom"),
])
def test_what_is_wrong_is_said(spaces, files, stage, word):
    name = f"alice/s-{fresh()}"
    spaces.create(name, spaces.alice, "space", sdk="gradio")
    push(spaces, name, files)
    r = await_that(lambda: (x := runtime(spaces, name))["stage"] == stage and "errorMessage" in x and x or (stage in ("NO_APP_FILE",) and x["stage"] == stage and x) or None)
    if stage != "NO_APP_FILE":
        assert word in r["errorMessage"], r


def wheel(folder, name, version="1.0", code=""):
    """A wheel by hand: no package index is needed."""
    out = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    files = {f"{name}.py": code, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    with zipfile.ZipFile(out, "w") as z:
        for path, content in files.items():
            z.writestr(path, content)
        z.writestr(f"{info}/RECORD", "".join(f"{p},sha256={base64.urlsafe_b64encode(__import__('hashlib').sha256(c.encode()).digest()).rstrip(b'=').decode()},{len(c)}\n"
                                              for p, c in files.items()) + f"{info}/RECORD,,\n")
    (folder / f"{name}-{version}-py3-none-any.whl").write_bytes(out.getvalue())


def test_requirements_come_from_the_folder_of_wheels_and_are_shared(serve, request):
    if not os.path.exists("/usr/bin/python3"):
        pytest.skip("the system has no Python")
    if subprocess.run(["/usr/bin/python3", "-c", "import venv, ensurepip"], capture_output=True).returncode:
        pytest.skip("the system's Python has no venv")
    wheels = Path(tempfile.mkdtemp(prefix="hearth-wheels-"))   # pytest's own folders are closed to other users
    wheels.chmod(0o755)
    request.addfinalizer(lambda: shutil.rmtree(wheels))
    wheel(wheels, "tinywheel", code="WORD = 'from a wheel'\n")
    s = serve("--space-apps", "--space-python-index", str(wheels))
    app = "import tinywheel\nprint(tinywheel.WORD, flush=True)\n" + APP
    one = make(s, app=app, **{"requirements.txt": "tinywheel\n"})
    reach(s, one, "RUNNING", seconds=180)
    assert "from a wheel" in text(log(s, one)) and "tinywheel" in text(log(s, one, "build"))
    # A folder named pip in the repository is not what installs, and the packages are there already.
    two = make(s, app=app, **{"requirements.txt": "tinywheel\n", "pip/__init__.py": "raise SystemExit('taken over')\n"})
    reach(s, two, "RUNNING", seconds=180)
    assert "packages are there" in text(log(s, two, "build"))
    assert len([p for p in (s.home / "spaces" / "venv").iterdir()]) == 1
    three = make(s, **{"requirements.txt": "no-such-wheel\n"})
    r = await_that(lambda: (x := runtime(s, three))["stage"] == "BUILD_ERROR" and x or None, 180)
    assert "build log" in r["errorMessage"] and "no-such-wheel" in text(log(s, three, "build"))


def test_sleep_wakes_by_a_visit_and_a_pause_does_not(spaces):
    name = make(spaces)
    reach(spaces, name, "RUNNING")
    assert spaces.request("POST", f"/api/spaces/{name}/sleeptime", token=spaces.alice, body={"seconds": 0}).json()["gcTimeout"] == 0
    reach(spaces, name, "SLEEPING")
    assert spaces.request("POST", f"/api/spaces/{name}/pause", token=spaces.alice).json()["stage"] == "PAUSED"
    push(spaces, name, {"more.txt": "x"})
    assert runtime(spaces, name)["stage"] == "PAUSED"
    a = spaces.request("POST", f"/api/spaces/{name}/hardware", token=spaces.alice, body={"flavor": "t4-small"})
    assert a.status == 400 and "cpu-basic" in a.message


def test_kill_of_the_server_leaves_no_process_and_it_sleeps_afterwards(serve):
    s = serve("--space-apps")
    name = make(s)
    reach(s, name, "RUNNING")
    mine = below(s.process.pid)
    assert len(mine) >= 4   # bubblewrap, the first inside, the app, the helper
    os.kill(s.process.pid, 9)
    s.process.wait()
    await_that(lambda: not still_there(mine), 20)
    s.start()
    assert runtime(s, name)["stage"] in ("SLEEPING", "STOPPED")
    assert not [p for p in (s.home / "spaces").glob("*/*/home")]   # what the crash left is swept


def run_inside(spaces, code, seconds=90):
    """What code finds in an app of its own: it prints one line of JSON."""
    app = ("import json\ndef check():\n" + "".join(f"    {x}\n" for x in code.splitlines()) + "    return out\n"
           "print('RESULT' + json.dumps(check()), flush=True)\n" + APP)
    name = make(spaces, app=app)
    reach(spaces, name, "RUNNING", seconds=seconds)
    line = [x["data"] for x in log(spaces, name) if x["data"].startswith("RESULT")]
    assert line, log(spaces, name)
    return json.loads(line[0][6:])


def test_the_sandbox_holds(spaces):
    out = run_inside(spaces, f'''
import os, socket, ctypes, urllib.request, urllib.error
out = {{}}
def attempt(name, f):
    try: out[name] = repr(f())[:200]
    except BaseException as e: out[name] = "refused " + type(e).__name__
attempt("home", lambda: os.listdir({str(spaces.home)!r}))
attempt("root", lambda: os.listdir("/root"))
attempt("mnt", lambda: os.listdir("/mnt"))
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("usr", lambda: open("/usr/x", "w"))
attempt("top", lambda: open("/x", "w"))
attempt("dev", lambda: open("/dev/x", "w"))
attempt("host", lambda: socket.create_connection(("127.0.0.1", {spaces.port}), 3))
attempt("metadata", lambda: socket.create_connection(("169.254.169.254", 80), 3))
attempt("netlink", lambda: socket.socket(16, socket.SOCK_RAW))
libc = ctypes.CDLL(None, use_errno=True)
out["unshare"] = libc.unshare(0x10000000)
out["ptrace"] = libc.ptrace(0, 0, 0, 0)
out["uid"] = os.getuid()
out["pids"] = len([p for p in os.listdir("/proc") if p.isdigit()])
out["caps"] = [x for x in open("/proc/self/status") if x.startswith(("CapEff", "NoNewPrivs", "Seccomp:"))]
def ask(url):
    try: return urllib.request.urlopen(url, timeout=10).status
    except urllib.error.HTTPError as e: return e.code
attempt("proxy_loopback", lambda: urllib.request.build_opener(urllib.request.ProxyHandler({{"http": "http://127.0.0.1:3128"}})).open("http://127.1:{spaces.port}/", timeout=5))
attempt("proxy_metadata", lambda: ask("http://169.254.169.254/latest/"))
attempt("proxy_private", lambda: ask("http://10.0.0.1/"))
attempt("hub", lambda: urllib.request.urlopen(os.environ["HF_ENDPOINT"] + "/health", timeout=10).status)
''')
    for what in ("home", "root", "mnt", "shadow", "usr", "top", "dev", "host", "metadata", "netlink", "proxy_loopback"):
        assert out[what].startswith("refused"), (what, out)
    assert out["unshare"] == -1 and out["ptrace"] == -1 and out["uid"] == 1000 and out["pids"] <= 4, out
    assert [x.split()[1] for x in out["caps"]] == ["0000000000000000", "1", "2"], out
    assert out["proxy_metadata"] == "403" and out["proxy_private"] == "403" and out["hub"] == "200", out


def test_a_fork_bomb_stays_within_its_bound(spaces):
    out = run_inside(spaces, '''
import os, time
out = 0
children = []
try:
    while out < 500:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
        out += 1
except OSError:
    pass
for pid in children: os.kill(pid, 9); os.waitpid(pid, 0)
''')
    assert 10 < out < 64


def test_too_much_memory_and_too_much_disk_end_it(spaces):
    hog = make(spaces, app="import time\nhold = [bytearray(b'x' * (1 << 20)) for _ in range(2000)]\n" + APP)
    r = await_that(lambda: (x := runtime(spaces, hog))["stage"] == "RUNTIME_ERROR" and x or None)
    assert "MemoryError" in r["errorMessage"] or "memory" in r["errorMessage"]
    # Each process stays below what one may have, all together do not.
    many = make(spaces, app="import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        hold = bytearray(b'x' * (100 << 20)); time.sleep(600)\n" + APP)
    r = await_that(lambda: (x := runtime(spaces, many))["stage"] == "RUNTIME_ERROR" and x or None)
    assert "memory" in r["errorMessage"], r
    disk = make(spaces, app="for i in range(40):\n    open(f'/home/user/f{i}', 'wb').write(b'x' * (4 << 20))\n" + APP)
    r = await_that(lambda: (x := runtime(spaces, disk))["stage"] == "RUNTIME_ERROR" and x or None)
    assert "disk" in r["errorMessage"], r
    assert spaces.get("/health").status == 200


def test_a_deleted_space_ends(spaces):
    name = make(spaces)
    reach(spaces, name, "RUNNING")
    number = max(int(p.name) for p in (spaces.home / "spaces").iterdir() if p.name.isdigit())
    a = spaces.request("DELETE", "/api/repos/delete", token=spaces.alice, body={"type": "space", "name": name.split("/")[1]})
    assert a.status == 200, a
    await_that(lambda: not (spaces.home / "spaces" / str(number)).exists() or None, 40)


@pytest.mark.parametrize("path, member", [("events", "stage"), ("metrics", "cpu_pct")])
def test_state_and_usage_are_streamed_to_who_may_write(spaces, running, path, member):
    address = f"/api/spaces/{running}/{path}"
    c = http.client.HTTPConnection("127.0.0.1", spaces.port, timeout=20)
    c.request("GET", address, headers={"Authorization": f"Bearer {spaces.alice}"})
    r = c.getresponse()
    assert r.status == 200 and r.headers["Content-Type"].startswith("text/event-stream")
    assert member in json.loads(r.readline().removeprefix(b"data: "))
    c.close()
    assert spaces.get(address, spaces.bob).status == 403 and spaces.get(address).status == 401
