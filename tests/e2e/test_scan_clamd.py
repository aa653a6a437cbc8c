"""A real ClamAV daemon, with a database of our own: what it knows is unsafe, what is too long for it is seen at both ends."""
import hashlib
import random
import shutil
import socket
import subprocess

import pytest

from hearth import await_that, fresh

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(not CLAMD, reason="clamd is not installed")

EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()  # no scanner shall find it here
MARK = b"hearth-test-" + b"malware"


class Daemon:
    def __init__(self, folder):
        self.socket = str(folder / "clamd.ctl")
        database = folder / "db"
        database.mkdir()
        (database / "own.hdb").write_text(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:Own.Eicar\n")
        (database / "own.ndb").write_text(f"Own.Mark:0:*:{MARK.hex()}\n")
        conf = folder / "clamd.conf"
        conf.write_text(f"DatabaseDirectory {database}\nLocalSocket {self.socket}\nForeground yes\nStreamMaxLength 1M\n"
                        f"PidFile {folder}/pid\nTemporaryDirectory {folder}\nLogFile {folder}/log\n")
        self.process = subprocess.Popen([CLAMD, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_that(self.answers, 60)

    def answers(self):
        assert self.process.poll() is None, "clamd ended"
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.socket)
            except OSError:
                return False
            s.sendall(b"zPING\0")
            return s.recv(100) == b"PONG\0"

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def daemon(tmp_path):
    folder = tmp_path / "clamd"
    folder.mkdir(mode=0o755)
    d = Daemon(folder)
    yield d
    d.stop()


def judged(server, name):
    def status():
        r = server.get(f"/api/models/{name}/scan")
        assert r.status == 200, r
        return r.json()
    await_that(lambda: status()["scansDone"], 60)
    return {f["path"]: f["level"] for f in status()["filesWithIssues"]}


def av(server, name, path):
    r = server.post(f"/api/models/{name}/paths-info/main", {"paths": [path], "expand": True})
    assert r.status == 200, r
    return r.json()[0]["securityFileStatus"]["avScan"]


def test_a_real_daemon_is_asked(daemon, serve):
    s = serve("--clamd", daemon.socket)
    name = f"alice/clam-{fresh()}"
    s.create(name, s.alice)
    rng = random.Random(1)
    large = {
        "clean.bin": rng.randbytes(300_000),
        "long-clean.bin": rng.randbytes(3_000_000),
        "long-begins.bin": MARK + rng.randbytes(3_000_000),
        "long-ends.bin": rng.randbytes(3_000_000) + MARK,
    }
    s.commit(name, s.alice, {"danger.dat": EICAR, "notes.txt": b"some words\n"}, large)
    issues = judged(s, name)
    assert issues == {"danger.dat": "unsafe", "long-begins.bin": "unsafe", "long-ends.bin": "unsafe"}, issues
    found = av(s, name, "danger.dat")
    assert found["status"] == "unsafe" and "Own.Eicar" in found["message"] and found["version"][0].isdigit(), found
    assert av(s, name, "notes.txt")["status"] == "safe"
    assert av(s, name, "clean.bin")["status"] == "safe"
    assert av(s, name, "long-clean.bin")["status"] == "unscanned"
    assert "Own.Mark" in av(s, name, "long-ends.bin")["message"]
