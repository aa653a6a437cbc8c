"""A gateway that dies, stops, has no room, or has much to do: nothing is lost, nothing half stays, and others are served."""
import concurrent.futures
import contextlib
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

import hearth
from gateways import DEMO, a_gateway, a_repo, between, down, gateway, gets, up  # noqa: F401

RND = random.Random(46)
LARGE = RND.randbytes(2_000_000)


def a_model(up, files=None, large=None):
    return a_repo(up, "model", files or {"a.txt": "hello"}, {"w.bin": LARGE} if large is None else large)


def test_kill_9_of_the_gateway(up, between, down):
    """While it makes a mirror, refreshes one, and downloads."""
    data = RND.randbytes(5_000_000)
    for where, news in ((r"info/refs", (False,)), (r"POST .*git-upload-pack", (True, False)), (r"GET /api/lfs/objects", (True,))):
        for is_new in news:
            name = a_model(up, large={"w.bin": data[:-1] + RND.randbytes(1)})
            if not is_new:
                assert down.get(f"/api/models/{name}").status == 200
                assert up.commit(name, up.alice, {"b.txt": "new"}).status == 200
            whole = up.get(f"/{name}/resolve/main/w.bin").body
            came, dead = threading.Event(), threading.Event()

            def held(r):
                r.pass_on(200)
                came.set()
                dead.wait(30)

            between.when(where, held)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                got = pool.submit(gets, down, f"/{name}/resolve/main/w.bin")
                assert came.wait(30), where
                down.kill()
                dead.set()
                assert got.result() is None
            between.well()
            down.start()
            down.fsck()
            assert gets(down, f"/{name}/resolve/main/w.bin") == whole, (where, is_new)


def test_the_server_stops_during_a_download(up, between, down):
    came, ended = threading.Event(), threading.Event()

    def slow(r):
        r.begin(200, [("Content-Length", str(len(LARGE)))])
        r.wfile.write(LARGE[:1000])
        r.wfile.flush()
        came.set()
        ended.wait(60)
    name = a_model(up, large={"w.bin": LARGE[1:]})
    between.when("GET /api/lfs/objects", slow)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        got = pool.submit(gets, down, f"/{name}/resolve/main/w.bin")
        assert came.wait(30)
        began = time.monotonic()
        assert down.stop() == 0
        ended.set()
        assert got.result() is None
    assert time.monotonic() - began < 20
    down.start()


def test_slow_questions_leave_threads_for_others(up, between, down):
    """All that may wait for the upstream do; what is here is served nevertheless, and a mirror is served as it is."""
    name, go = a_model(up), threading.Event()
    assert down.get(f"/{name}/resolve/main/w.bin").body == LARGE
    between.when("GET /api/models/alice/slow", lambda r: (go.wait(60), r.say(404)))
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        slow = [pool.submit(down.get, f"/api/models/alice/slow{i % 40}") for i in range(100)]
        hearth.await_that(lambda: between.count("slow") >= 31)
        for _ in range(20):
            assert down.get("/health", timeout=5).status == 200
            assert down.get(f"/{name}/resolve/main/w.bin", timeout=5).body == LARGE
            assert down.get("/api/models", timeout=5).status == 200
        go.set()
        statuses = [f.result().status for f in slow]
    assert set(statuses) == {401, 503}


def test_more_files_than_come_at_once_wait_for_their_turn(up, between, down):
    parts = {f"p{i}.bin": RND.randbytes(100_000) for i in range(24)}
    name, go = a_model(up, large=parts), threading.Event()
    between.when("GET /api/lfs/objects", lambda r: (go.wait(60), r.pass_on()))
    assert down.get(f"/api/models/{name}").status == 200
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        got = {p: pool.submit(down.get, f"/{name}/resolve/main/{p}") for p in parts}
        hearth.await_that(lambda: between.count("GET /api/lfs/objects") == 16)
        go.set()
        for p, data in parts.items():
            assert got[p].result().body == data


def test_collection_goes_on_while_a_mirror_is_fetched(up, between, down):
    name, go = a_model(up), threading.Event()
    assert down.get(f"/api/models/{name}").status == 200
    assert up.commit(name, up.alice, {"b.txt": "new"}).status == 200
    between.when("git-upload-pack", lambda r: (go.wait(60), r.pass_on()))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        refreshed = pool.submit(down.get, f"/api/models/{name}")
        hearth.await_that(lambda: between.count("git-upload-pack"))
        assert down.cli("gc", timeout=30).returncode == 0
        go.set()
        assert refreshed.result().json()["sha"] == up.head_sha(name)


def test_disk_full(tmp_path, up, between):
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted")
    data = RND.randbytes(14_000_000)
    small, big = a_model(up), a_model(up, large={"big.bin": RND.randbytes(40_000_000), "middle.bin": data})
    s = hearth.Server(mount / "home", args=["--upstream", between.base])
    s.log = tmp_path / "server.log"
    try:
        with s:
            assert s.get(f"/{big}/resolve/main/big.bin").status == 507
            assert s.get(f"/{big}/resolve/main/middle.bin").status == 507, "it is on the disk twice while it comes"
            with contextlib.suppress(OSError), open(mount / "filler", "wb") as f:
                f.write(bytes(os.statvfs(mount).f_bavail * os.statvfs(mount).f_bsize))
            assert s.get(f"/api/models/{small}").status in (502, 507)
            os.unlink(mount / "filler")
            s.stop()
            s.start()
            assert s.get(f"/{small}/resolve/main/w.bin").body == LARGE
            subprocess.run(["mount", "-o", "remount,size=120m", str(mount)], check=True)
            (mount / "home/tmp/coming/1-broke-off").write_bytes(bytes(98_000_000))
            assert s.get(f"/{big}/resolve/main/middle.bin").body == data
            assert not coming(s), "what broke off gives way"
        s.fsck()
    finally:
        subprocess.run(["umount", "-l", str(mount)])


# ------------------------------------------------------------------ what broke off goes on

def broken_at(between, most, came, asked):
    """The first download is held when so much has passed; what is asked for later passes whole."""
    gone = threading.Event()

    def held(r):
        asked.append(r.headers.get("Range"))
        if len(asked) > 1:
            return r.pass_on()
        r.pass_on(most, at_cut=lambda: (came.set(), gone.wait(60)))
    between.when("GET /api/lfs/objects", held)
    return gone


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_download_goes_on_after_a_restart(up, between, down, end):
    data, asked, came = RND.randbytes(6_000_000), [], threading.Event()
    name = a_model(up, large={"w.bin": data})
    gone = broken_at(between, 4_000_000, came, asked)
    path = f"/{name}/resolve/main/w.bin"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        got = pool.submit(gets, down, path)
        assert came.wait(30)
        part = hearth.await_that(lambda: [p for p in coming(down) if p.stat().st_size == 4_000_000])[0]
        getattr(down, end)()
        gone.set()
        assert got.result() is None
    down.start()
    assert down.get(path).body == data
    assert asked == [None, "bytes=4000000-"]
    assert not part.exists()


def coming(s):
    return list((s.home / "tmp/coming").glob("*"))


def test_what_was_damaged_meanwhile_is_not_believed(up, between, down):
    data, asked, came = RND.randbytes(6_000_000), [], threading.Event()
    name = a_model(up, large={"w.bin": data})
    gone = broken_at(between, 4_000_000, came, asked)
    path = f"/{name}/resolve/main/w.bin"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        got = pool.submit(gets, down, path)
        assert came.wait(30)
        part = hearth.await_that(lambda: [p for p in coming(down) if p.stat().st_size == 4_000_000])[0]
        down.kill()
        gone.set()
        assert got.result() is None
    part.write_bytes(bytes(100) + part.read_bytes()[100:])
    down.start()
    assert gets(down, path) in (None, 502) and not part.exists()
    assert down.get(path).body == data and asked[1:] == ["bytes=4000000-", None]


# ------------------------------------------------------------------ a client that leaves

CSV = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(20_000))


def test_who_has_left_waits_for_nothing(tmp_path, up, between):
    """One thread may wait for a file there: it is free as soon as the client has gone."""
    slow, quick = (up.create(f"alice/d{i}-{next(up.names)}", up.alice, "dataset") for i in range(2))
    for name, text in ((slow, CSV), (quick, CSV + "1,1\n")):
        assert up.commit(name, up.alice, {}, {"train.csv": text.encode()}, kind="datasets").status == 200
    go, came = threading.Event(), threading.Event()

    def first(r):
        if not came.is_set():
            came.set()
            go.wait(120)
        r.pass_on()
    between.well()
    between.when("GET /api/lfs/objects", first)
    try:
        with a_gateway(tmp_path / "small", between, "--worker-threads-max", "3") as s:
            question = "/datasets-server/first-rows?dataset={}&config=default&split=train"
            for name in (slow, quick):
                assert s.get(f"/api/datasets/{name}").status == 200
            with socket.create_connection(("127.0.0.1", s.port)) as c:
                c.sendall(f"GET {question.format(slow)} HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\n\r\n".encode())
                assert came.wait(30)
                assert s.get(question.format(quick)).status == 503
            hearth.await_that(lambda: s.get(question.format(quick)).status == 200, 20)
            go.set()
            hearth.await_that(lambda: s.get(question.format(slow)).status == 200)
    finally:
        go.set()
        between.well()


def test_who_has_left_waits_for_no_answer(tmp_path, up, between):
    """Two may wait for the upstream there: one who asks it, and one who waits for the same answer until he leaves."""
    between.well()
    between.asked.clear()
    go = threading.Event()
    between.when("GET /api/models/alice/slow", lambda r: (go.wait(120), r.say(404)))
    try:
        with a_gateway(tmp_path / "small", between, "--worker-threads-max", "4") as s, contextlib.ExitStack() as clients:
            def ask():
                c = clients.enter_context(socket.create_connection(("127.0.0.1", s.port)))
                c.sendall(f"GET /api/models/alice/slow HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\n\r\n".encode())
                return c

            def other():
                return s.get(f"/api/models/alice/none{next(up.names)}").status
            def busy():
                return int(re.search(r"^hearth_http_workers_running (\d+)", s.get("/metrics").body.decode(), re.M)[1])
            ask()
            hearth.await_that(lambda: between.count("slow"))
            one = busy()
            waits = ask()
            hearth.await_that(lambda: busy() > one)  # before another comes, which would have its place
            hearth.await_that(lambda: other() == 503)
            waits.close()
            hearth.await_that(lambda: other() == 401, 20)
            assert between.count("slow") == 1
            go.set()
    finally:
        go.set()
        between.well()


# ------------------------------------------------------------------ room for git

def test_git_of_a_mirror_has_a_bound(tmp_path, up, between):
    between.well()
    big, grows = a_model(up, {f"{i}.txt": RND.randbytes(40_000).hex() for i in range(40)}), a_model(up)
    with a_gateway(tmp_path / "small", between, "--upstream-git-max", "1MiB", "--upstream-fresh", "0s") as s:
        r = s.get(f"/api/models/{big}")
        assert (r.status, r.code) == (502, "UpstreamFailed") and "upstream-git-max" in s.tail(), r
        assert s.get("/api/models").json() == [] and not list((s.home / "tmp/repos").iterdir())
        sha = s.get(f"/api/models/{grows}").json()["sha"]
        assert up.commit(grows, up.alice, {f"{i}.txt": RND.randbytes(40_000).hex() for i in range(40)}).status == 200
        assert s.get(f"/api/models/{grows}").json()["sha"] == sha
        assert s.get(f"/{grows}/resolve/main/a.txt").body == b"hello"
        assert not list(s.home.glob("repos/*/objects/pack/tmp_*")) and sum(p.stat().st_size for p in s.home.glob("repos/**/*.pack")) < 1 << 20
    s.fsck()


# ------------------------------------------------------------------ care while files come

class Held:
    """A download that stands still after so many bytes, until it goes on."""
    def __init__(self, between, s, path, most):
        self.came, self.go, self.s, self.path = threading.Event(), threading.Event(), s, path
        first = []

        def held(r):
            if first:
                return r.pass_on()
            first.append(1)
            r.pass_on(most, at_cut=lambda: (self.came.set(), self.go.wait(60)))
        between.when("GET /api/lfs/objects", held)
        self.pool = concurrent.futures.ThreadPoolExecutor()

    def __enter__(self):
        self.got = self.pool.submit(gets, self.s, self.path, timeout=120)
        assert self.came.wait(30)
        return self

    def __exit__(self, *_):
        self.go.set()
        self.pool.shutdown()


def test_a_backup_while_files_and_git_come(tmp_path, up, between, down):
    """What is in it is whole: a mirror, and the file of it that was here, and not the one that was not."""
    data = RND.randbytes(3_000_000)
    name = a_model(up, large={"here.bin": LARGE, "comes.bin": data})
    assert down.get(f"/{name}/resolve/main/here.bin").body == LARGE
    sha = down.get(f"/api/models/{name}").json()["sha"]
    go = threading.Event()
    with Held(between, down, f"/{name}/resolve/main/comes.bin", 1_000_000) as held, concurrent.futures.ThreadPoolExecutor() as pool:
        assert up.commit(name, up.alice, {"b.txt": "new"}).status == 200
        between.when("git-upload-pack", lambda r: (go.wait(60), r.pass_on()))
        refreshed = pool.submit(down.get, f"/api/models/{name}")
        hearth.await_that(lambda: between.count("git-upload-pack"))
        down.cli("backup", str(tmp_path / "copies"), timeout=60)
        go.set()
        held.go.set()
        assert refreshed.result().json()["sha"] == up.head_sha(name) and held.got.result() == data
    copy = next(p for p in (tmp_path / "copies").iterdir() if (p / "hearth.db").exists())
    between.well()
    s = hearth.Server(tmp_path / "restored", args=["--upstream", between.base])
    shutil.copytree(copy, s.home, dirs_exist_ok=True)
    s.fsck()
    between.when("GET /api/models/", lambda r: r.say(500))
    with s:
        assert s.get(f"/api/models/{name}").json()["sha"] == sha
        assert s.get(f"/{name}/resolve/main/here.bin").body == LARGE
        between.well()
        hearth.await_that(lambda: gets(s, f"/{name}/resolve/main/comes.bin") == data)


def test_room_is_made_while_files_come(tmp_path, up, between):
    """What was read longest ago goes, what comes stays, and what went comes again."""
    between.well()
    old, new = RND.randbytes(3_000_000), RND.randbytes(3_000_000)
    name = a_model(up, large={"old.bin": old, "new.bin": new})
    with a_gateway(tmp_path / "small", between, "--upstream-cache", "4MiB") as s:
        at = f"/{name}/resolve/main/"
        assert s.get(at + "old.bin").body == old
        s.stop()
        with sqlite3.connect(s.home / "hearth.db") as db:
            db.execute("UPDATE repo_large_file SET pushed_ms = pushed_ms - 7200000")
        db.close()
        s.start()
        with Held(between, s, at + "new.bin", 1_000_000) as held:
            held.go.set()
            assert held.got.result() == new
        hearth.await_that(lambda: "gateway.trimmed" in s.tail(100000))
        between.asked.clear()
        assert s.get(at + "new.bin").body == new and not between.asked[1:]
        assert s.get(at + "old.bin").body == old
    s.fsck()


def test_a_model_runs_through_a_mirror(tmp_path, up, between):
    """By the API and by `hearth run`: weights that are not here come first."""
    between.well()
    between.asked.clear()
    name = "alice/stories"
    if up.get(f"/api/models/{name}").status != 200:
        files = {p.name: p.read_bytes() for p in DEMO.iterdir() if p.suffix == ".json"}
        up.create(name, up.alice)
        assert up.commit(name, up.alice, files, {"model.safetensors": (DEMO / "model.safetensors").read_bytes()}).status == 200
    with a_gateway(tmp_path / "runs", between) as s:
        assert s.get(f"/api/models/{name}").status == 200, "a call names it in its body: it finds what is here"
        call = {"model": name, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
        r = s.post("/v1/completions", call, s.bob, timeout=120)
        assert r.status == 200, r
        text = r.json()["choices"][0]["text"]
        assert text.strip() and between.count("GET /api/lfs/objects") == 1
        s.stop()
        said = s.cli("run", name, "Once upon a time", "--max-tokens", "8", "--temperature", "0").stdout
        assert text.strip() in said
    with a_gateway(tmp_path / "alone", between) as s:
        assert s.get(f"/api/models/{name}").status == 200
        s.stop()
        r = s.cli("run", name, "Once upon a time", "--max-tokens", "8", "--temperature", "0", check=False)
        assert r.returncode == 1 and "has not been asked for here yet" in r.stderr, "a command has no upstream: mirror fetch brings it"
