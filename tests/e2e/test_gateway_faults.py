"""An upstream that is broken or hostile: what is wrong is refused in words, never stored, and never looks whole."""
import concurrent.futures
import contextlib
import os
import random
import re
import subprocess
import threading

import pytest

import hearth
from gateways import a_repo, again, between, down, gateway, gets, up  # noqa: F401
from hearth import sha256
from upstream import LFS_BATCH

RND = random.Random(45)
LARGE = RND.randbytes(2_000_000)
SHA = sha256(LARGE)


def a_model(up, files=None, large=None):
    return a_repo(up, "model", files or {"a.txt": "hello"}, {"w.bin": LARGE} if large is None else large)


# ------------------------------------------------------------------ questions about a repository

def circle(r):
    r.say(302, Location=r.path)


def endless(r):
    r.begin(200, [("Content-Type", "application/json")])
    with contextlib.suppress(OSError):
        r.wfile.write(b'{"id": "')
        for _ in range(2000):
            r.wfile.write(b"a" * 65536)


FAULTS = {
    "500": (lambda r: r.say(500, b"oops"), 502, "UpstreamUnreachable"),
    "429": (lambda r: r.say(429, b"slow down"), 503, "UpstreamBusy"),
    "html": (lambda r: r.say(200, b"<html>sign in to the wireless net</html>", Content_Type="text/html"), 502, "UpstreamUnreachable"),
    "circle": (circle, 502, "UpstreamUnreachable"),
    "endless": (endless, 502, "UpstreamUnreachable"),
    "cut": (lambda r: r.cut(), 502, "UpstreamUnreachable"),
    "no id": (lambda r: r.say(200, {"private": False}), 502, "UpstreamFailed"),
    "a name that is none": (lambda r: r.say(200, {"id": "../etc/passwd"}), 502, "UpstreamFailed"),
    "a list": (lambda r: r.say(200, [1, 2]), 502, "UpstreamFailed"),
    "404": (lambda r: r.say(404, {"error": "no"}), 404, "RepoNotFound"),
    "401": (lambda r: r.say(401, {"error": "no"}), 404, "RepoNotFound"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_here_is_refused_in_words(up, between, down, fault):
    answer, status, code = FAULTS[fault]
    name = a_model(up)
    between.when(r"GET /api/models/", answer)
    r = down.get(f"/api/models/{name}", down.bob)
    assert r.status == status and (not code or r.code == code) and len(r.message) > 15, r
    between.well()
    if status == 502:
        asked = len(between.asked)
        assert down.get(f"/api/models/{name}", down.bob).status == 502 and len(between.asked) == asked, "it is left alone for some seconds"
        if code == "UpstreamFailed":
            assert down.get(f"/api/models/{a_model(up)}").status == 200, "one repository that is broken is no hub that is away"


def test_a_mirror_is_served_as_it_is(up, between, down):
    for fault in ("500", "no id", "404"):
        name = a_model(up)
        sha = down.get(f"/api/models/{name}").json()["sha"]
        up.commit(name, up.alice, {"b.txt": "new"})
        between.when(r"GET /api/models/", FAULTS[fault][0])
        for _ in range(2):
            r = down.get(f"/api/models/{name}")
            assert r.status == 200 and r.json()["sha"] == sha, (fault, r)
        between.well()
        if fault != "404":
            again(down)
        assert down.get(f"/{name}/resolve/main/b.txt").body == b"new", fault


def test_refs_that_are_none(up, between, down):
    name = a_model(up)
    sha = down.get(f"/api/models/{name}").json()["sha"]
    for refs in ({"branches": [{"name": "x", "ref": "refs/heads/../../x", "targetCommit": sha}]}, {"branches": [{"ref": "refs/heads/main", "targetCommit": "zz"}]},
                 {"branches": "none"}, {"branches": [1, None, {}]}, [], {"tags": [{"ref": "refs/pull/1/head", "targetCommit": "0" * 40}]}):
        between.when(r"/refs\?", lambda r, refs=refs: r.say(200, refs))
        r = down.get(f"/api/models/{name}")
        assert r.status == 200 and r.json()["sha"] == sha, (refs, r)
        between.well()
    assert down.get(f"/api/models/{name}/refs").json() == up.get(f"/api/models/{name}/refs").json()


# ------------------------------------------------------------------ git

def run_git(folder, *args, **kw):
    return subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True, **kw).stdout.decode().strip()


def commit_of(folder, tree):
    env = dict(os.environ, GIT_AUTHOR_NAME="e", GIT_AUTHOR_EMAIL="e@e", GIT_COMMITTER_NAME="e", GIT_COMMITTER_EMAIL="e@e")
    return run_git(folder, "commit-tree", tree, "-m", "x", env=env)


def raw_object(folder, kind, content):
    return run_git(folder, "hash-object", "-t", kind, "--literally", "-w", "--stdin", input=content)


@pytest.fixture
def forge(tmp_path, between):
    """make(name, what) -> the upstream has alice/NAME, whose git is made by hand."""
    def make(name, head_of):
        folder = tmp_path / f"{name}.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder], check=True)
        head = head_of(folder)
        (folder / "refs/heads/main").write_text(head + "\n")
        refs = {"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}], "converts": [], "tags": []}
        between.when(rf"GET /api/models/alice/{name}/refs", lambda r: r.say(200, refs))
        between.when(rf"GET /api/models/alice/{name}\?", lambda r: r.say(200, {"id": f"alice/{name}", "private": False, "gated": False}))
        between.when(rf" /alice/{name}/", lambda r: r.git(folder))
        return f"alice/{name}", folder
    return make


def entry(mode, path, oid):
    return f"{mode} {path}".encode() + b"\0" + bytes.fromhex(oid)


BAD_GIT = {
    "dotgit": lambda f: commit_of(f, raw_object(f, "tree", entry(40000, ".git", raw_object(f, "tree", entry(100644, "config", raw_object(f, "blob", b"x")))))),
    "dotdot": lambda f: commit_of(f, raw_object(f, "tree", entry(100644, "..", raw_object(f, "blob", b"x")))),
    "slash": lambda f: commit_of(f, raw_object(f, "tree", entry(100644, "a/../../b", raw_object(f, "blob", b"x")))),
    "no-commit": lambda f: raw_object(f, "commit", b"this is no commit\n"),
    "a-blob": lambda f: raw_object(f, "blob", b"a branch of a blob"),
    "twice": lambda f: commit_of(f, raw_object(f, "tree", entry(100644, "a", raw_object(f, "blob", b"x")) * 2)),
    "missing": lambda f: commit_of(f, run_git(f, "mktree", "--missing", input=b"100644 blob " + b"1" * 40 + b"\ta\n")),
}


def test_git_objects_are_checked(up, between, down, forge):
    for what, make in BAD_GIT.items():
        name, _ = forge(f"bad-{what}", make)
        r = down.get(f"/api/models/{name}")
        assert (r.status, r.code) == (502, "UpstreamFailed"), (what, r)
        assert down.get(f"/api/models/{a_model(up)}").status == 200, "the others come through"
    assert "bad-" not in down.get("/api/models?limit=1000").body.decode()


def test_git_without_a_service_is_refused(between, down, forge):
    """Files over HTTP, as git once did it: it would check nothing of what comes so."""
    for what in ("dotgit", "dotdot", "slash"):
        name, folder = forge(f"dumb-{what}", BAD_GIT[what])
        run_git(folder, "update-server-info")

        def a_file(r, folder=folder, what=what):
            at = folder / r.path.partition("?")[0].split(f"dumb-{what}/", 1)[1]
            r.say(200, at.read_bytes()) if at.is_file() else r.say(404)
        between.rules.insert(0, (re.compile(rf" /{name}/"), a_file))
        r = down.get(f"/api/models/{name}")
        assert (r.status, r.code) == (502, "UpstreamFailed") and "dumb http transport" in down.tail(), (what, r)


def test_a_bad_commit_on_a_good_mirror(between, down, forge):
    def good(f):
        return commit_of(f, run_git(f, "mktree", input=f"100644 blob {raw_object(f, 'blob', b'fine')}\ta.txt\n".encode()))
    name, folder = forge("turns-bad", good)
    assert down.get(f"/{name}/resolve/main/a.txt").body == b"fine"
    sha = down.get(f"/api/models/{name}").json()["sha"]
    head = BAD_GIT["dotgit"](folder)
    (folder / "refs/heads/main").write_text(head + "\n")
    between.rules.insert(0, (re.compile(r"turns-bad/refs"), lambda r: r.say(200, {"branches": [{"ref": "refs/heads/main", "targetCommit": head}]})))
    for _ in range(2):
        assert down.get(f"/api/models/{name}").json()["sha"] == sha
        assert down.get(f"/{name}/resolve/main/a.txt").body == b"fine"


# ------------------------------------------------------------------ large files

def wrong_bytes(r):
    r.pass_on(change=lambda b: bytes(len(b)))


LIES = {
    "other bytes": ("GET /api/lfs/objects", wrong_bytes),
    "fewer bytes": ("GET /api/lfs/objects", lambda r: r.say(200, LARGE[:-1])),
    "more bytes": ("GET /api/lfs/objects", lambda r: r.say(200, LARGE + b"x")),
    "one other at the end": ("GET /api/lfs/objects", lambda r: r.say(200, LARGE[:-1] + bytes([LARGE[-1] ^ 1]))),
    "the last byte of other bytes": ("GET /api/lfs/objects", wrong_bytes),
    "the last byte of fewer": ("GET /api/lfs/objects", lambda r: r.say(200, LARGE[:-1])),
    "html": ("GET /api/lfs/objects", lambda r: r.say(200, b"<html>")),
    "500": ("GET /api/lfs/objects", lambda r: r.say(500, b"oops")),
    "404": ("GET /api/lfs/objects", lambda r: r.say(404)),
    "circle": ("GET /api/lfs/objects", circle),
    "a batch of 500": (LFS_BATCH, lambda r: r.say(500)),
    "a batch of html": (LFS_BATCH, lambda r: r.say(200, b"<html>")),
    "a batch of nothing": (LFS_BATCH, lambda r: r.say(200, {})),
    "no such object": (LFS_BATCH, lambda r: r.batch(error={"code": 404, "message": "gone"})),
    "a link to nowhere": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": "http://127.0.0.1:1/x"}})),
    "a link to a file": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": "file:///etc/passwd"}})),
    "a link with a line end": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": r.between.base + "/x HTTP/1.0\r\nX-Forged: 1\r\n\r\n"}})),
    "a header with a line end": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": r.between.base + "/x", "header": {"A": "b\r\nX-Forged: 1"}}})),
    "a name with a line end": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": r.between.base + "/x", "header": {"A\r\nX-Forged": "1"}}})),
    "a header that is a list": (LFS_BATCH, lambda r: r.batch(actions={"download": {"href": r.between.base + "/x", "header": {"A": [1]}}})),
}


@pytest.fixture(scope="module")
def model(up):
    return a_model(up)


def test_what_is_wrong_is_never_whole(up, between, down, model):
    path = f"/{model}/resolve/main/w.bin"
    assert down.get(f"/api/models/{model}").status == 200

    def try_it(item):
        what, (where, answer) = item
        between.well()
        between.when(where, answer)
        got = gets(down, path, headers={"Range": "bytes=-1"} if "last" in what else {})
        assert got in (None, 404, 502), (what, got)
        assert not between.count("X-Forged"), what
        assert "xetHash" not in down.get(f"/api/models/{model}/tree/main").body.decode()
    for item in LIES.items():
        try_it(item)
    between.well()
    assert gets(down, path) == LARGE


def test_a_download_goes_on_where_it_broke(up, between, down):
    data = RND.randbytes(50_000_000)
    name = a_model(up, large={"big.bin": data})
    cuts = iter([7_000_000, 1, 20_000_000, 3_000_000])

    def cut(r):
        if (most := next(cuts, None)) is None:
            return r.pass_on()
        r.pass_on(most)
    between.when("GET /api/lfs/objects", cut)
    assert down.get(f"/{name}/resolve/main/big.bin", timeout=120).body == data
    assert between.count("GET /api/lfs/objects") == 5


def test_an_upstream_that_dies_in_the_middle_and_comes_back(tmp_path, between, down):
    other = hearth.Server(tmp_path / "other")
    other.alice = other.add_user("carla")
    behind, data = between.behind, RND.randbytes(20_000_000)
    with other:
        other.create("carla/m", other.alice)
        assert other.commit("carla/m", other.alice, {}, {"big.bin": data}).status == 200
        between.behind = other
        try:
            came = threading.Event()
            between.when("GET /api/lfs/objects", lambda r: (r.pass_on(8_000_000), came.set()))
            with concurrent.futures.ThreadPoolExecutor() as pool:
                got = pool.submit(down.get, "/carla/m/resolve/main/big.bin", timeout=120)
                assert came.wait(30)
                other.kill()
                between.well()
                other.start()
                assert got.result().body == data
        finally:
            between.behind = behind


def test_pointers_that_lie(up, between, down, forge):
    """About the size of a file that is here under its right size too, and about files that are empty."""
    def pointer(size, sha=SHA):
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {size}\n".encode()

    files = {"right.bin": pointer(len(LARGE)), "longer.bin": pointer(len(LARGE) + 1), "shorter.bin": pointer(5), "none.bin": pointer(0),
             "empty.bin": pointer(0, sha256(b"")), "huge.bin": pointer(2**62)}

    def head(f):
        lines = [f"100644 blob {raw_object(f, 'blob', c)}\t{p}\n" for p, c in files.items()]
        return commit_of(f, run_git(f, "mktree", input="".join(lines).encode()))
    between.when(LFS_BATCH, lambda r: r.batch(actions={"download": {"href": r.between.base + "/bytes"}}))
    between.when("GET /bytes", lambda r: r.say(200, LARGE))
    name, _ = forge("liar", head)
    for _ in range(2):
        for path, expected in (("longer.bin", (None, 502)), ("shorter.bin", (None, 502)), ("none.bin", (None, 502)), ("huge.bin", (None, 502, 507)),
                               ("empty.bin", (b"",)), ("right.bin", (LARGE,))):
            got = gets(down, f"/{name}/resolve/main/{path}")
            assert got in expected, (path, got)
