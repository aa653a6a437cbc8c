"""fsck, gc, reindex, the command line with and without a running server, start and stop."""
import json
import os
import pty
import random
import re
import signal
import socket
import subprocess
import termios
import time

import pytest

import hearth
from hearth import BIN, await_that, sha256

NOISE = random.Random(8).randbytes(150_000)


@pytest.fixture
def own(serve):
    return serve()


def test_port_zero_is_printed(tmp_path):
    s = hearth.Server(tmp_path / "home")
    out = open(tmp_path / "out", "w+")
    p = subprocess.Popen([str(BIN), "serve", "--home", str(s.home), "--listen", "127.0.0.1:0"], stdout=out, stderr=out)
    try:
        for _ in range(200):
            found = re.search(r"127\.0\.0\.1:(\d+)", (tmp_path / "out").read_text())
            if found:
                break
            time.sleep(0.05)
        s.port = int(found.group(1))
        s.process = p
        s.wait_ready()
    finally:
        p.terminate()
        assert p.wait(30) == 0


def test_wrong_usage(tmp_path):
    for args in (["nonsense"], ["serve", "--bogus"], ["serve", "--listen"], ["user"], ["user", "add"], ["token", "create"], []):
        r = subprocess.run([str(BIN), *args], capture_output=True, text=True)
        assert r.returncode == 2 and r.stderr and not r.stdout.startswith("Traceback"), (args, r)
    r = subprocess.run([str(BIN), "token", "create", "nobody", "--role", "write", "--home", str(tmp_path / "h")], capture_output=True, text=True)
    assert r.returncode == 1 and len(r.stderr.strip().splitlines()) == 1
    assert subprocess.run([str(BIN), "--help"], capture_output=True).returncode == 0
    assert subprocess.run([str(BIN), "--version"], capture_output=True).returncode == 0


def test_a_password_prompt_gives_the_terminal_back(tmp_path):
    ours, theirs = pty.openpty()
    p = subprocess.Popen([BIN, "user", "add", "alice", "--home", str(tmp_path / "home")], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert p.stderr.read(10) == b"Password: "
        while termios.tcgetattr(theirs)[3] & termios.ECHO:
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        assert p.wait(60) == -signal.SIGINT
        assert termios.tcgetattr(theirs)[3] & termios.ECHO
    finally:
        p.kill()
        os.close(ours)
        os.close(theirs)


def test_command_line_beside_a_running_server(own):
    bob = own.add_user("bob")
    assert own.get("/api/whoami-v2", bob).json()["name"] == "bob"
    r = own.cli("user", "add", "bob", "--password-stdin", stdin="another-word\n", check=False)
    assert r.returncode == 1 and "bob" in r.stderr
    assert own.cli("token", "create", "alice", "--role", "read").stdout.startswith("hf_")
    own.cli("org", "create", "closed", "--private", "--owner", "alice")
    assert own.cli("repo", "create", "closed/model").stdout == "model closed/model created, private\n"
    mine = "hf_" + "Ab1" * 12
    own.cli("token", "create", "alice", "--role", "write", "--name", "moved", "--value-stdin", stdin=mine + "\n")
    assert own.get("/api/whoami-v2", mine).json()["name"] == "alice"
    own.cli("user", "add", "__DUMMY_USER__", "--password-stdin", stdin="some-password\n")
    r = own.cli("user", "add", "shorty", "--password-stdin", stdin="x\n", check=False)
    assert r.returncode == 1


def test_storage_is_told(own):
    for name in ("alice/m", "alice/n"):
        own.create(name, own.alice)
        own.commit(name, own.alice, {"a.txt": "a"}, {"w.bin": NOISE})
    told = own.get("/api/models/alice/m?expand[]=xetEnabled", own.alice).json()["xetStorage"]
    assert told["files"] == 1 and told["bytes"] == len(NOISE) and told["xorbs"] == 1 and told["storedBytes"] >= len(NOISE)
    assert "xetStorage" not in own.get("/api/models/alice/m", own.alice).json()
    r = own.cli("cas", "stats")
    assert f"1 large file of {len(NOISE)} bytes" in r.stdout and "alice/m" in r.stdout and "alice/n" in r.stdout, r
    metrics = own.get("/metrics").body.decode()
    assert f"hearth_large_files_bytes {len(NOISE)}\n" in metrics and "hearth_xorbs 1\n" in metrics
    assert "0 large files of 0 bytes converted" in own.cli("cas", "convert").stdout


def test_fsck_sees_damage(own):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {"a.txt": "a"}, {"w.bin": NOISE})
    own.fsck()
    assert own.stop() == 0
    own.fsck()
    blobs = [p for p in (own.home / "cas").rglob("*") if p.is_file() and p.stat().st_size >= len(NOISE) // 2]
    assert blobs, "the large file lies somewhere under cas/"
    data = bytearray(blobs[0].read_bytes())
    data[len(data) // 2] ^= 1
    os.chmod(blobs[0], 0o600)
    blobs[0].write_bytes(data)
    r = own.cli("fsck", check=False)
    assert r.returncode == 1 and blobs[0].name in r.stdout and "alice/m: w.bin" in r.stdout, r
    data[len(data) // 2] ^= 1
    blobs[0].write_bytes(data)
    own.fsck()
    os.rename(blobs[0], str(blobs[0]) + ".away")
    assert own.cli("fsck", check=False).returncode == 1
    os.rename(str(blobs[0]) + ".away", blobs[0])
    repos = [p for p in sorted((own.home / "repos").rglob("refs/heads/main")) if "logs" not in p.parts] + sorted((own.home / "repos").rglob("packed-refs"))
    assert repos
    text = repos[0].read_bytes()
    repos[0].write_bytes(text.replace(text[:4], b"0000", 1) if b"refs" not in text else text.replace(b"refs/heads", b"refs/hxads", 1))
    assert own.cli("fsck", check=False).returncode == 1
    repos[0].write_bytes(text)
    own.fsck()
    own.start()


def test_gc_removes_only_what_nothing_needs(own):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {}, {"w.bin": NOISE})
    orphan = os.urandom(100_000)
    own.put_large("alice/m", own.alice, orphan)
    r = own.cli("gc", "--dry-run")
    assert own.lfs_batch("alice/m", own.alice, [(sha256(orphan), len(orphan))]).json()["objects"][0].get("actions") is None, "in its grace time"
    r = own.cli("gc", "--grace", "0", "--dry-run", check=False)
    if r.returncode == 2:
        pytest.skip("hearth gc has no --grace")
    assert sha256(orphan) in r.stdout and sha256(NOISE) not in r.stdout
    own.cli("gc", "--grace", "0")
    assert own.resolve("alice/m", "w.bin").body == NOISE
    assert own.lfs_batch("alice/m", own.alice, [(sha256(orphan), len(orphan))]).json()["objects"][0].get("actions")
    own.fsck()
    own.request("DELETE", "/api/repos/delete", {"name": "m"}, own.alice)
    own.cli("gc", "--grace", "0")
    assert not [p for p in (own.home / "cas").rglob("*") if p.is_file() and p.stat().st_size >= len(NOISE)]
    own.fsck()


def test_reindex_makes_the_same_rows(own):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {"README.md": "---\nlicense: mit\ntags: [x]\n---\n", "config.json": '{"model_type":"bert"}'}, {"w.safetensors": NOISE})
    own.create("alice/d", own.alice, "dataset")
    urls = ["/api/models/alice/m?blobs=true", "/api/models?full=true", "/api/datasets?full=true", "/api/models?filter=x", "/api/models?search=alice",
            "/api/models/alice/m/refs", "/api/models-tags-by-type"]
    before = [own.get(u).body for u in urls]
    own.cli("reindex")
    assert [own.get(u).body for u in urls] == before
    own.fsck()


def refused(server):
    """Whether it takes no more connections."""
    try:
        socket.create_connection(("127.0.0.1", server.port)).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it waited to be accepted when the listening ended
        return False


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])  # HUP: its terminal went
def test_a_stop_finishes_what_runs(own, signum):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {}, {"w.bin": NOISE * 40})
    s = socket.create_connection(("127.0.0.1", own.port))
    s.settimeout(30)
    s.sendall(b"GET /alice/m/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n")
    got = s.recv(1000)
    own.process.send_signal(signum)
    await_that(lambda: refused(own))
    while chunk := s.recv(1 << 16):
        got += chunk
    assert got.split(b"\r\n\r\n", 1)[1] == NOISE * 40, f"{len(got)} bytes came"
    assert own.process.wait(20) == 0


def test_a_second_interrupt_ends_at_once(own):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {"note.txt": b"acknowledged"}, {"w.bin": NOISE * 400})
    with socket.create_connection(("127.0.0.1", own.port)) as s:
        s.settimeout(30)
        s.sendall(b"GET /alice/m/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(1000)  # a download that nobody goes on reading: the first waits for it
        own.process.send_signal(signal.SIGINT)
        await_that(lambda: "Ctrl-C again" in own.log.read_text())
        own.process.send_signal(signal.SIGINT)
        assert own.process.wait(20) == -signal.SIGINT
    own.start()
    assert own.get("/alice/m/resolve/main/note.txt", own.alice).body == b"acknowledged"
    own.fsck()


def test_two_servers_on_one_home(own, tmp_path):
    r = subprocess.run([str(BIN), "serve", "--home", str(own.home), "--listen", f"127.0.0.1:{own.port}"], capture_output=True, text=True, timeout=30)
    assert r.returncode == 1 and "address" in r.stderr.lower() or str(own.port) in r.stderr, r


def test_compat():
    r = subprocess.run([str(BIN), "compat"], capture_output=True, text=True)
    m = re.search(r"(\d+) implemented of 314", r.stdout)
    assert r.returncode == 0 and m and int(m.group(1)) >= 120, r.stdout[-300:]


def test_routes_have_names():
    r = subprocess.run([str(BIN), "routes", "--json"], capture_output=True, text=True)
    names = [row["name"] for row in json.loads(r.stdout)]
    assert all(re.fullmatch(r"[a-z0-9_.-]+", n) for n in names) and len(names) > 60
