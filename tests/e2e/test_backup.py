"""hearth backup: copies made while others write are whole homes of one moment; what is cut short harms nothing."""
import fcntl
import itertools
import os
import random
import shutil
import subprocess
import threading
import time

import pytest

import hearth
from hearth import BIN, await_that

RND = random.Random(21)


@pytest.fixture
def own(serve):
    s = serve()
    s.copies = s.home.parent / "copies"
    return s


def copy(s, *options, check=True):
    """The folder of a new copy."""
    wait_for_another_second(s)
    r = s.cli("backup", str(s.copies), *options, check=check)
    return s.copies / os.readlink(s.copies / "latest") if check else r


def wait_for_another_second(s):
    """Copies are named by the second."""
    latest = s.copies / "latest"
    if latest.exists():
        await_that(lambda: time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime()) != os.readlink(latest))


def dated(s):
    return sorted(p for p in s.copies.glob("20*Z"))


def check(home):
    s = hearth.Server(home)
    s.fsck()
    return s


def files(home):
    return {p.relative_to(home): p.stat() for p in home.rglob("*") if p.is_file()}


def test_a_copy_is_a_home(own, tmp_path):
    own.create("alice/m", own.alice)
    data = RND.randbytes(200_000)
    own.commit("alice/m", own.alice, {"a.txt": "a"}, {"w.bin": data})
    own.post("/api/models/alice/m/tag/main", {"tag": "v1", "message": "first"}, own.alice)
    own.create("alice/gone", own.alice)
    assert "last_backup_timestamp_seconds 0\n" in own.get("/metrics").body.decode()
    made = copy(own)
    assert "last_backup_timestamp_seconds 0\n" not in own.get("/metrics").body.decode()
    own.commit("alice/m", own.alice, {"a.txt": "later"})
    own.request("DELETE", "/api/repos/delete", {"name": "gone", "organization": "alice", "type": "model"}, own.alice)
    check(made)
    home = tmp_path / "restored"
    subprocess.run(["cp", "-a", made, home], check=True)
    with hearth.Server(home) as s:
        assert s.resolve("alice/m", "a.txt").body == b"a" and s.resolve("alice/m", "w.bin", rev="v1").body == data
        assert s.get("/api/models/alice/gone").status == 200
        assert s.commit("alice/m", own.alice, {"b.txt": "b"}, {"x.bin": RND.randbytes(50_000)}).status == 200
        clone = tmp_path / "clone"
        subprocess.run(["git", "clone", "-q", s.base + "/alice/m", clone], check=True, capture_output=True, env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"})
        assert (clone / "b.txt").exists()
        s.fsck()
    check(made)  # what was restored from it is another home


def test_what_stays_is_shared_and_old_copies_go(own):
    own.create("alice/m", own.alice)
    for name in "ab":
        own.commit("alice/m", own.alice, {f"{name}.txt": name}, {f"{name}.bin": RND.randbytes(100_000)})
        last = copy(own)
    first, second = (files(p) for p in dated(own))
    same = {p for p in first if p in second and first[p].st_ino == second[p].st_ino}
    assert sum("cas" in p.parts for p in same) == 1 and any("objects" in p.parts for p in same)
    assert not [p for p in same if p.parts[0] not in ("cas", "repos") or (p.parts[0] == "repos" and p.parts[2] != "objects")]
    third = copy(own, "--keep", "2")
    assert dated(own) == [last, third] and not (own.copies / "removed").exists()
    for made in dated(own):
        check(made)


def test_while_others_write(own):
    """Nothing acknowledged before a backup began is missing from it, and collection does not get between."""
    acknowledged, stop, failed = [], threading.Event(), []

    def write(n):
        name = f"alice/w{n}"
        try:
            own.create(name, own.alice)
            for i in itertools.takewhile(lambda i: not stop.is_set(), itertools.count()):
                try:
                    r = own.commit(name, own.alice, {f"{i}.txt": f"{n} {i}"}, {"large.bin": f"{n} {i} ".encode() * 3000})
                    assert r.status == 200, r
                except AssertionError:
                    continue  # without a time of grace collection may take what is just being uploaded
                acknowledged.append(r.json()["commitOid"])
                if i % 3 == 2:  # what is behind it goes with the next collection
                    own.create(f"alice/x{n}", own.alice)
                    own.commit(f"alice/x{n}", own.alice, {"x.txt": "x"})
                    own.request("DELETE", "/api/repos/delete", {"name": f"x{n}", "organization": "alice", "type": "model"}, own.alice)
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    try:
        for n in range(1, 3):
            await_that(lambda: len(acknowledged) >= 10 * n)
            before = list(acknowledged)
            wait_for_another_second(own)
            both = [subprocess.Popen([BIN, *command, "--home", own.home], stdout=subprocess.DEVNULL) for command in (["backup", own.copies], ["gc", "--grace", "0s"])]
            assert [p.wait(120) for p in both] == [0, 0]
            made = own.copies / os.readlink(own.copies / "latest")
            check(made)
            kept = set()
            for repo in (made / "repos").iterdir():
                kept.update(subprocess.run(["git", "--git-dir", repo, "rev-list", "refs/heads/main"], capture_output=True, text=True, check=True).stdout.split())
            assert kept.issuperset(before)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failed, failed
    own.fsck()


def test_a_kill_leaves_whole_copies(own):
    own.create("alice/m", own.alice)
    for i in range(8):
        own.commit("alice/m", own.alice, {f"{i}.txt": "x"}, {f"{i}.bin": RND.randbytes(60_000)})
    rnd = random.Random(4)
    for n in range(5):
        own.commit("alice/m", own.alice, {"n.txt": str(n)}, {"n.bin": RND.randbytes(60_000)})
        wait_for_another_second(own)
        began = time.monotonic()
        p = subprocess.Popen([BIN, "backup", own.copies, "--keep", "2", "--home", own.home], stdout=subprocess.DEVNULL)
        if n:
            time.sleep(rnd.random() * took)
            p.kill()
        p.wait()
        took = time.monotonic() - began if not n else took
        for made in dated(own):
            check(made)
        assert (own.copies / "latest").resolve() in dated(own) or not n
    last = copy(own, "--keep", "1")
    assert dated(own) == [last] and sorted(p.name for p in own.copies.iterdir()) == [last.name, "latest"]
    assert check(last).home == last
    assert subprocess.run(["git", "--git-dir", next((last / "repos").iterdir()), "show", "main:n.txt"], capture_output=True, text=True, check=True).stdout == "4"


def test_what_is_refused(own, tmp_path):
    own.create("alice/m", own.alice)
    own.commit("alice/m", own.alice, {}, {"w.bin": RND.randbytes(3_000_000)})
    for inside in (own.home, own.home / "cas", own.home / "copies"):
        r = own.cli("backup", str(inside), check=False)
        assert r.returncode == 1 and "lies in the home" in r.stderr, r
    os.rmdir(own.home / "copies")
    first = copy(own)
    # A limit of what a file may be long stands for a disk that is full.
    r = subprocess.run(["bash", "-c", 'ulimit -f 2000; trap "" XFSZ; exec "$@"', "-", BIN, "backup", tmp_path / "small", "--home", own.home], capture_output=True, text=True)
    assert r.returncode == 1 and "small/unfinished/cas" in r.stderr and not (tmp_path / "small/latest").exists(), r
    shutil.rmtree(tmp_path / "small")
    check(first)
    lock = os.open(own.copies, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another backup" in copy(own, check=False).stderr
    finally:
        os.close(lock)
