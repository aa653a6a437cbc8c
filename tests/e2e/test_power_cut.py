"""A power cut: what was written and not synced is gone, and so are names whose folders were not.  kill -9 alone leaves all of it in the
page cache, so a sync that is missing would not show.  What was acknowledged must be there all the same, and fsck has no complaint."""
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import clients
import xet
from hearth import BIN, SANITIZED, Server, sha256
from test_git_lfs import PARTS, parts_of, sparse

HERE = Path(__file__).parent


class Power:
    """A server on a disk of which we know what is synced (disk.c)."""

    def __init__(self, folder):
        self.library, self.notes, self.disk = folder / "disk.so", folder / "notes", folder / "disk"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", self.library, HERE / "disk.c", "-ldl"], check=True)
        self.notes.mkdir()
        self.disk.mkdir()
        self.server = Server(folder / "server")
        self.server.home = self.disk / "a" / "home"   # which does not exist
        self.noted()

    def noted(self):
        self.server.env = {"LD_PRELOAD": str(self.library), "DISK_HOME": str(self.disk), "DISK_NOTES": str(self.notes)}
        if SANITIZED:
            self.server.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0"

    def cut(self):
        self.server.kill()
        self.undo()
        shutil.rmtree(self.notes)
        self.notes.mkdir()
        self.server.start()
        self.server.env = {}
        self.server.fsck()
        self.noted()

    def undo(self):
        written, names = {}, []
        for line in (self.notes / "log").read_text().splitlines():
            what, *of = line.split("\t")
            if what == "write":
                written.setdefault(int(of[0]), []).append((int(of[1]), int(of[2])))
            elif what == "sync":
                written.pop(int(of[0]), None)
            elif what == "folder":
                names = [n for n in names if os.path.dirname(n[1]) != of[0]]
            elif what == "rename":
                names.append(("replace", of[1], of[2]))
            else:
                names.append((what, *of))
        for path in (p for p in self.disk.rglob("*") if p.is_file()):
            for at, n in written.get(path.stat().st_ino, ()):
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(bytes(max(0, min(n, path.stat().st_size - at))))
        for what, path, *number in reversed(names):
            if what in ("make", "replace") and os.path.isdir(path):
                shutil.rmtree(path)
            elif what in ("make", "replace") and os.path.exists(path):
                os.unlink(path)
            if number and number[0] != "0" and not os.path.exists(path) and os.path.isdir(os.path.dirname(path)):
                os.link(self.notes / number[0], path)

    def cut_when_synced(self, folder):
        (self.notes / "cut").symlink_to(folder)


@pytest.fixture
def power(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    if "tsan" in str(BIN):
        pytest.skip("ThreadSanitizer does not run below a library of ours")
    p = Power(tmp_path)
    yield p
    p.server.kill()


def test_what_was_acknowledged_is_on_the_disk(power, tmp_path):
    s, rng, files = power.server, random.Random(1), {}
    token = s.add_user("alice")
    s.start()
    power.cut()
    s.create("alice/m", token)
    power.cut()
    for n, size in enumerate((100, 60_000)):
        files[f"{n}.txt"] = rng.randbytes(size).hex().encode()
        assert s.commit("alice/m", token, {f"{n}.txt": files[f"{n}.txt"]}).status == 200
        power.cut()
    for n, size in enumerate((100_000, 70_000_000)):  # one xorb, and two
        data = files[f"{n}.bin"] = rng.randbytes(size)
        s.put_large("alice/m", token, data)
        power.cut()
        line = {"path": f"{n}.bin", "algo": "sha256", "oid": sha256(data), "size": size}
        assert s.commit_lines([{"key": "header", "value": {"summary": "x"}}, {"key": "lfsFile", "value": line}], "alice/m", token).status == 200
        power.cut()
    client = clients.Driver(f"xet-{clients.NEWEST}", s, tmp_path / "client", token)
    files["x.bin"] = rng.randbytes(3_000_000)
    (tmp_path / "x").write_bytes(files["x.bin"])
    xet.upload(client, "alice/m", "x.bin", tmp_path / "x")
    client.close()
    power.cut()
    for path, data in files.items():
        got = s.resolve("alice/m", path, token)
        assert got.status == 200 and got.body == data, f"{path}: {got}"


def test_a_part_of_an_upload_is_on_the_disk(power):
    s = power.server
    token = s.add_user("alice")
    s.start()
    s.create("alice/m", token)
    oid, size, part = sparse(1)
    chunk, links = parts_of(s.lfs_batch("alice/m", token, [(oid, size)], transfers=PARTS).json()["objects"][0]["actions"]["upload"])
    assert s.request("PUT", links[1], part(2, chunk)).status == 200
    power.cut()
    etags, = (s.home / "tmp/cas/uploads").glob("*.parts")
    assert etags.read_bytes()[:16] == bytes(16) and etags.read_bytes()[16:32] != bytes(16)
    with open(etags.with_suffix(""), "rb") as f:
        f.seek(chunk)
        assert f.read(chunk) == part(2, chunk)


def test_a_ref_that_moved_is_indexed(power):
    """The power goes when the ref is on the disk and the index is not: the mark that tells of it is there, and the next start sees it."""
    s = power.server
    token = s.add_user("alice")
    s.start()
    s.create("alice/m", token)
    before = s.head_sha("alice/m", token)
    power.cut_when_synced(s.home / "repos/1/refs/heads")
    with pytest.raises(OSError):
        s.commit("alice/m", token, {"a.txt": "a"})
    power.cut()
    assert s.head_sha("alice/m", token) != before


def test_names_that_git_gave_are_on_the_disk(power, tmp_path):
    """Git itself syncs no folder, and what it does is not noted here: so the server is seen to do it before it answers."""
    s = power.server
    token = s.add_user("alice")
    s.start()
    s.create("alice/m", token)
    env = clients.client_environment(s, tmp_path / "home")
    url = s.base.replace("://", f"://alice:{token}@") + "/alice/m"

    def git(*args):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *args], cwd=tmp_path, env=env, check=True, capture_output=True)

    def synced_by(*args):
        before = (power.notes / "log").read_text().count("\n")
        git("-C", "c", *args)
        lines = (power.notes / "log").read_text().splitlines()[before:]
        return {os.path.relpath(line.split("\t")[1], s.home / "repos/1") for line in lines if line.startswith("folder\t")}

    git("clone", url, "c")
    git("-C", "c", "commit", "--allow-empty", "-m", "x")
    assert synced_by("push", "origin", "HEAD:main", "HEAD:dev/one", "HEAD:refs/tags/t") >= {"objects/pack", "refs", "refs/heads", "refs/heads/dev", "refs/tags"}
    assert "." in synced_by("push", "origin", ":dev/one")
