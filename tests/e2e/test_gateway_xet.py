"""A gateway before a hub that tells chunks: what is here does not come again, and what is odd is left to git-lfs."""
import concurrent.futures
import contextlib
import http.client
import json
import random
import sqlite3
import threading

import pytest

import hearth
from gateways import a_gateway, a_repo, down, gateway, gets, up  # noqa: F401
from upstream import Between

RND = random.Random(47)
XORB = "GET /cas/fetch/"
TERMS = "GET .*/v1/reconstructions/"
LFS = "GET /api/lfs/objects"


@pytest.fixture(scope="module")
def between(up):
    with Between(up, tells_chunks=True) as b:
        yield b


def metric(s, name):
    return float(next(line.split()[-1] for line in s.get("/metrics", s.root).body.decode().splitlines() if line.startswith(f"hearth_upstream_{name}_total")))


class Counted:
    """What a few downloads add to the counters."""
    def __init__(self, s):
        self.s, self.before = s, {n: metric(s, n) for n in ("files", "xet_files", "xet_faults", "known_bytes", "bytes")}

    def __getattr__(self, name):
        return metric(self.s, name) - self.before[name]


def a_file(up, data):
    name = a_repo(up, large={"w.bin": data})
    return name, f"/{name}/resolve/main/w.bin"


def changed(data, at, n):
    return data[:at] + RND.randbytes(n) + data[at + n:]


# ------------------------------------------------------------------ what does not come again

def test_a_second_version_brings_what_is_new(up, between, down):
    """1 % is changed: under 5 % crosses the line."""
    data = RND.randbytes(48_000_000)
    name, path = a_file(up, data)
    assert down.get(path).body == data and not between.count(LFS)
    new = changed(data, 7_000_000, 480_000)
    assert up.commit(name, up.alice, {}, {"w.bin": new}).status == 200
    assert down.get(f"/api/models/{name}").json()["sha"] == up.head_sha(name)
    passed, c = between.passed, Counted(down)
    assert down.get(path).body == new
    assert between.passed - passed < len(new) // 20, between.passed - passed
    assert (c.files, c.xet_files, c.xet_faults) == (1, 1, 0) and c.known_bytes > 0.95 * len(new) and c.bytes < 0.05 * len(new)
    # A third one, when the gateway was started anew, of another repository.
    down.stop()
    down.start()
    third = changed(new, 1_000_000, 1000)
    _, other_path = a_file(up, third)
    passed = between.passed
    assert down.get(other_path).body == third and between.passed - passed < len(new) // 20
    assert down.get(path).body == new


def test_what_cannot_be_read_here_comes_again(tmp_path, up, between):
    """A file that has the chunks, and is damaged on the disk; and one that was forgotten and collected."""
    between.well()
    with a_gateway(tmp_path / "own", between, "--upstream-fresh", "0s") as s:
        data = RND.randbytes(5_000_000)
        name, path = a_file(up, data)
        assert s.get(path).body == data
        s.stop()
        xorb = max((p for p in (s.home / "cas").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        body = bytearray(xorb.read_bytes())
        body[3_000_000:3_100_000] = bytes(100_000)
        xorb.chmod(0o600)
        xorb.write_bytes(body)
        s.start()
        new = changed(data, 100_000, 10)
        assert up.commit(name, up.alice, {}, {"w.bin": new}).status == 200
        c = Counted(s)
        assert s.get(path).body == new and c.xet_faults == 0 and 1_000_000 < c.known_bytes < 4_000_000 and c.bytes < 4_000_000
    with a_gateway(tmp_path / "gone", between, "--upstream-fresh", "0s") as s:
        other, other_path = a_file(up, data)
        assert s.get(other_path).body == data
        body = {"organization": "alice", "name": other.split("/")[1], "type": "model"}
        assert s.request("DELETE", "/api/repos/delete", body, s.root).status == 200
        s.stop()
        s.cli("gc", "--grace", "0s")
        with contextlib.closing(sqlite3.connect(s.home / "hearth.db")) as db:
            assert db.execute("SELECT count(*) FROM upstream_chunk").fetchone() == (0,)
        s.start()
        c = Counted(s)
        assert s.get(path).body == new and c.known_bytes == 0
    s.fsck()


def test_what_stands_in_it_twice_comes_once(up, between, down):
    part = RND.randbytes(3_000_000)
    data = part + RND.randbytes(500_000) + part + bytes(8_000_000) + part
    _, path = a_file(up, data)
    passed = between.passed
    assert down.get(path).body == data and not between.count(LFS)
    assert between.passed - passed < len(data) // 2


def test_small_files_come_whole(up, between, down):
    data = RND.randbytes(100_000)
    _, path = a_file(up, data)
    assert down.get(path).body == data and between.count(LFS) == 1 and not between.count(TERMS)


def test_it_is_read_while_it_comes(up, between, down):
    data = RND.randbytes(9_000_000)
    _, path = a_file(up, data)
    go, cut = threading.Event(), []

    def held(r):
        if cut:
            return r.pass_on()
        cut.append(r.path)
        r.pass_on(5_000_000, at_cut=lambda: go.wait(60))
    between.when(XORB, held)
    c = http.client.HTTPConnection("127.0.0.1", down.port, timeout=60)
    c.request("GET", path)
    r = c.getresponse()
    got = r.read(4_000_000)
    go.set()
    assert got + r.read() == data and not between.count(LFS), "and goes on where the line broke"
    c.close()


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_it_goes_on_after_a_restart(up, between, down, end):
    data = RND.randbytes(9_000_000)
    _, path = a_file(up, data)
    came, gone = threading.Event(), threading.Event()
    between.when(XORB, lambda r: r.pass_on(5_000_000, at_cut=lambda: (came.set(), gone.wait(60))))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        got = pool.submit(gets, down, path)
        assert came.wait(30)
        hearth.await_that(lambda: sum(p.stat().st_size for p in (down.home / "tmp/coming").glob("*")) > 4_500_000)
        getattr(down, end)()
        gone.set()
        assert got.result() is None
    between.well()
    down.start()
    passed = between.passed
    assert down.get(path).body == data and not between.count(LFS)
    assert between.passed - passed < 5_000_000
    down.fsck()


# ------------------------------------------------------------------ what is odd

def term(change):
    """The reconstruction, changed."""
    def answer(r):
        got = r.ask()
        plan = json.loads(got.read())
        plan = change(plan) or plan
        r.say(200, plan if isinstance(plan, bytes) else json.dumps(plan).encode(), Content_Type="application/json")
    return TERMS, answer


def damaged(at, xor=0xff):
    def change(r):
        body = bytearray(r.ask().read())
        body[at] ^= xor
        r.say(206, bytes(body))
    return XORB, change


def first(plan):
    return plan["terms"][0]


def entry(plan):
    return plan["fetch_info"][first(plan)["hash"]][0]


def put(d, **kw):
    d.update(kw)


ODD = {
    "no json": term(lambda p: b"<html>"),
    "a list": term(lambda p: b"[]"),
    "no terms": term(lambda p: put(p, terms=[])),
    "a term of nothing": term(lambda p: put(first(p), range={"start": 3, "end": 3})),
    "a term behind its xorb": term(lambda p: put(first(p), range={"start": 8000, "end": 8100}, unpacked_length=100 * 65536)),
    "more chunks than there are": term(lambda p: (put(first(p), range={"start": 0, "end": 8000}), put(entry(p), range={"start": 0, "end": 8000}))),
    "a huge term": term(lambda p: put(first(p), unpacked_length=2**40)),
    "a negative one": term(lambda p: put(first(p), unpacked_length=-5)),
    "a byte more": term(lambda p: put(first(p), unpacked_length=first(p)["unpacked_length"] + 1)),
    "a byte less": term(lambda p: put(first(p), unpacked_length=first(p)["unpacked_length"] - 1)),
    "a hash that is none": term(lambda p: put(first(p), hash="x")),
    "no link": term(lambda p: put(p, fetch_info={})),
    "a link to a file": term(lambda p: put(entry(p), url="file:///etc/passwd")),
    "a link with a line end": term(lambda p: put(entry(p), url=entry(p)["url"] + "\r\nX-Forged: 1")),
    "a link to nowhere": term(lambda p: put(entry(p), url="http://127.0.0.1:1/x")),
    "a skip that is too long": term(lambda p: put(p, offset_into_first_range=2**33)),
    "a skip that is wrong": term(lambda p: put(p, offset_into_first_range=5)),
    "fewer bytes": term(lambda p: put(entry(p), url_range={"start": 0, "end": 1000})),
    "turned around": term(lambda p: put(entry(p), url_range={"start": 1000, "end": 0})),
    "a frame of another version": damaged(0),
    "a frame of no length": damaged(5, 0x7f),
    "a range that is not served": (XORB, lambda r: r.say(500)),
    "nothing": (XORB, lambda r: r.say(206, b"")),
    "404": (TERMS, lambda r: r.say(404)),
    "500": (TERMS, lambda r: r.say(500)),
    "a token that is none": ("/xet-read-token/", lambda r: r.say(200, {"accessToken": "a\r\nX-Forged: 1", "casUrl": r.between.base, "exp": 1})),
    "a token for nowhere": ("/xet-read-token/", lambda r: r.say(200, {"accessToken": "a", "casUrl": "ftp://x", "exp": 1})),
    "403 for ever": (XORB, lambda r: r.say(403)),
    "401 for ever": (TERMS, lambda r: r.say(401)),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_comes_by_git_lfs(up, between, down, what):
    where, answer = ODD[what]
    data = RND.randbytes(1_500_000)
    _, path = a_file(up, data)
    between.when(where, answer)
    c = Counted(down)
    got = gets(down, path)
    assert not between.count("X-Forged")
    if got != data:  # it was found out at the end: who comes next has it
        assert got in (None, 502), got
        assert c.xet_faults == 1
        assert down.get(path).body == data
    assert between.count(LFS) and c.xet_faults == (0 if what in ("500", "no json", "a link to nowhere") else 1)


def test_chunks_of_other_bytes_are_found_out(up, between, down):
    """No frame says what its bytes hash to; the hash of the whole does, and the next time all of it comes."""
    data = RND.randbytes(1_500_000)
    _, path = a_file(up, data)
    between.when(*damaged(1_000_000))
    c = Counted(down)
    assert gets(down, path) in (None, 502)
    assert c.xet_faults == 1 and not between.count(LFS)
    assert down.get(path).body == data and between.count(LFS) == 1


def test_a_link_that_is_stale_is_renewed(up, between, down):
    data, stale = RND.randbytes(3_000_000), []
    _, path = a_file(up, data)
    between.when(XORB, lambda r: r.pass_on() if stale else (stale.append(1), r.say(403)))
    c = Counted(down)
    assert down.get(path).body == data
    assert c.xet_faults == 0 and between.count(TERMS) == 2 and not between.count(LFS)


def test_a_token_that_is_stale_is_renewed(up, between, down):
    data, stale = RND.randbytes(3_000_000), []
    _, path = a_file(up, data)
    between.when(TERMS, lambda r: r.pass_on() if stale else (stale.append(1), r.say(401)))
    assert down.get(path).body == data and between.count("/xet-read-token/") == 2 and not between.count(LFS)


def test_an_upstream_that_says_much_and_often(up, between, down):
    """Thirty megabytes of blanks around each token, and a line that breaks again and again: what was said before takes no room."""
    data = RND.randbytes(3_000_000)
    _, path = a_file(up, data)
    between.when("/xet-read-token/", lambda r: r.say(200, r.ask().read() + b" " * 30_000_000))
    between.when(XORB, lambda r: r.pass_on(500_000))
    c = Counted(down)
    assert down.get(path, timeout=120).body == data
    assert c.xet_faults == 0 and not between.count(LFS) and between.count("/xet-read-token/") > 5


def test_no_token_goes_where_it_is_not_for(tmp_path, up, between):
    """The hub's stays at the hub, that for chunks with who tells of them, and links get none."""
    between.well()
    between.asked.clear()
    data, sent = RND.randbytes(2_000_000), {}
    name, path = a_file(up, data)
    assert up.request("PUT", f"/api/models/{name}/settings", {"private": True}, up.alice).status == 200
    secret = tmp_path / "token"
    secret.write_text(up.alice)
    with Between(up) as elsewhere:
        def moved(r):
            sent["cas"] = r.headers["Authorization"]
            plan = json.loads(r.ask().read())
            for e in entries(plan):
                e["url"] = e["url"].replace(between.base, elsewhere.base)
            r.say(200, plan, Content_Type="application/json")

        def entries(plan):
            return [e for xorb in plan["fetch_info"].values() for e in xorb]

        def noted(r):
            sent["link"] = r.headers["Authorization"]
            r.headers.replace_header("Host", between.base[7:])
            r.pass_on()
        between.when(TERMS, moved)
        elsewhere.when(XORB, noted)
        with a_gateway(tmp_path / "with", between, "--upstream-token-file", str(secret)) as s:
            assert s.get(path, s.root).body == data
    between.well()
    assert sent["link"] is None and up.alice not in sent["cas"] and sent["cas"].startswith("Bearer ")
    assert not between.count(LFS)
