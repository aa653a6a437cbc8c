"""kill -9 at random moments during uploads, commits, pushes and changes of a bucket; fsck and a re-download judge.

Every client notes what was acknowledged to it, before and after; after each restart the notes must hold: the head of
each branch is the last acknowledged commit or the one that was under way when the server died, and every
acknowledged file downloads byte for byte."""
import http.client
import json
import os
import random
import subprocess
import threading
import time

import pytest

import clients
import hearth
import xet
from hearth import LONG, sha256

ROUNDS = 200 if LONG else 20
GONE = (OSError, http.client.HTTPException, ValueError, KeyError)


class Committer(threading.Thread):
    """Small and large files through the commit API into a repository of its own."""

    def __init__(self, server, token, n, seed):
        super().__init__(daemon=True)
        self.server, self.token, self.repo, self.random = server, token, f"alice/c{n}", random.Random(seed)
        self.stopping, self.acked, self.maybe, self.problem = False, {}, {}, None

    def run(self):
        while not self.stopping:
            name = f"f{self.random.randrange(12)}"
            data = self.random.randbytes(self.random.choice((10, 3000, 60_000)))
            large = self.random.random() < 0.5
            path = name + (".bin" if large else ".txt")
            self.maybe = {path: data}
            try:
                r = self.server.commit(self.repo, self.token, *(({}, {path: data}) if large else ({path: data}, {})))
            except AssertionError as e:
                self.problem = self.problem or str(e)
                return
            except GONE:
                return
            if r.status == 200:
                self.acked[path] = data
                self.maybe = {}
            elif r.status not in (409, 503):
                self.problem = f"{self.repo}: {r}"
                return

    def verify(self):
        for path, data in self.acked.items():
            got = self.server.resolve(self.repo, path, self.token)
            ok = got.status == 200 and (got.body == data or got.body == self.maybe.get(path))
            assert ok, f"{self.repo}/{path} was acknowledged with {len(data)} bytes of {sha256(data)[:12]} and is now {got}"
        for path, data in self.maybe.items():  # it may or may not have happened, but not by half
            got = self.server.resolve(self.repo, path, self.token)
            assert got.status == 404 or got.status == 200 and got.body in (data, self.acked.get(path))
            if got.status == 200:
                self.acked[path] = got.body


class Pusher(threading.Thread):
    """git push with a large file now and then."""

    def __init__(self, server, token, n, folder, env, seed):
        super().__init__(daemon=True)
        self.server, self.token, self.repo, self.folder, self.env = server, token, f"alice/g{n}", folder, env
        self.random, self.stopping, self.acked, self.maybe, self.problem = random.Random(seed), False, None, None, None

    def git(self, *args, check=False):
        r = subprocess.run(["git", *args], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120)
        assert not check or r.returncode == 0, r.stderr
        return r

    def run(self):
        try:
            while not self.stopping:
                (self.folder / f"g{self.random.randrange(6)}.txt").write_bytes(self.random.randbytes(2000).hex().encode())
                if self.random.random() < 0.4:
                    (self.folder / "w.bin").write_bytes(self.random.randbytes(50_000))
                self.git("add", ".", check=True)
                self.git("commit", "-q", "--allow-empty", "-m", "c", check=True)
                self.maybe = self.git("rev-parse", "HEAD").stdout.strip()
                if self.git("push", "-q", "origin", "main").returncode != 0:
                    return
                self.acked = self.maybe
        except subprocess.TimeoutExpired:
            self.problem = "git did not come back"

    def verify(self):
        head = self.server.head_sha(self.repo, self.token)
        assert self.acked is None or head in (self.acked, self.maybe), f"{self.repo} is at {head}, acknowledged was {self.acked}"
        self.git("fetch", "-q", "origin", check=True)
        assert self.git("rev-parse", "origin/main").stdout.strip() == head
        files = self.git("ls-tree", "-r", "--name-only", "origin/main").stdout.split()
        if "w.bin" in files:
            pointer = self.git("show", "origin/main:w.bin").stdout
            got = self.server.resolve(self.repo, "w.bin", self.token)
            assert got.status == 200 and sha256(got.body) in pointer
        self.git("reset", "-q", "--hard", "origin/main", check=True)
        self.acked = head


class Mixer(threading.Thread):
    """Creates, branches, tags, squashes, deletes; only notes which repositories must and must not be there."""

    def __init__(self, server, token, seed):
        super().__init__(daemon=True)
        self.server, self.token, self.random = server, token, random.Random(seed)
        self.stopping, self.there, self.gone, self.maybe, self.count, self.problem = False, set(), set(), None, 0, None

    def run(self):
        try:
            while not self.stopping:
                if self.there and self.random.random() < 0.3:
                    name = self.maybe = self.random.choice(sorted(self.there))
                    r = self.server.request("DELETE", "/api/repos/delete", {"name": name, "organization": "alice"}, self.token)
                    if r.status == 200:
                        self.there.discard(name)
                        self.gone.add(name)
                elif self.there and self.random.random() < 0.6:
                    name = self.random.choice(sorted(self.there))
                    n = self.random.randrange(10**9)
                    self.server.post(f"/api/models/alice/{name}/branch/b{n}", {}, self.token)
                    self.server.post(f"/api/models/alice/{name}/tag/main", {"tag": f"t{n}"}, self.token)
                    r = self.server.post(f"/api/models/alice/{name}/super-squash/main", {}, self.token)
                else:
                    self.count += 1
                    name = self.maybe = f"x{self.count}"
                    r = self.server.post("/api/repos/create", {"name": name}, self.token)
                    if r.status == 200:
                        self.there.add(name)
                self.maybe = None
                if r.status not in (200, 409, 503):
                    self.problem = f"{name}: {r}"
                    return
        except GONE:
            return

    def verify(self):
        for name in sorted(self.there | self.gone):
            status = self.server.get(f"/api/models/alice/{name}", self.token).status
            if name == self.maybe:
                (self.there if status == 200 else self.gone).add(name)
                (self.gone if status == 200 else self.there).discard(name)
            else:
                assert status == (200 if name in self.there else 404), f"alice/{name}: {status}"
        if self.maybe and self.server.get(f"/api/models/alice/{self.maybe}", self.token).status == 200:
            self.there.add(self.maybe)
        self.maybe = None


class Filler(threading.Thread):
    """A bucket: some files a request, put or removed, of contents that were committed to a repository at the beginning."""

    def __init__(self, server, token, contents, seed):
        super().__init__(daemon=True)
        self.server, self.token, self.contents, self.random = server, token, contents, random.Random(seed)
        self.stopping, self.acked, self.maybe, self.problem = False, {}, None, None

    def run(self):
        while not self.stopping:
            after, lines = dict(self.acked), []
            for path in self.random.sample([f"d{i % 3}/f{i}" for i in range(12)], 4):
                if path in after and self.random.random() < 0.4:
                    del after[path]
                    lines.append({"type": "deleteFile", "path": path})
                else:
                    after[path] = self.random.choice(sorted(self.contents))
                    lines.append({"type": "addFile", "path": path, "xetHash": after[path]})
            self.maybe = after
            try:
                r = self.server.request("POST", "/api/buckets/alice/b/batch", "".join(json.dumps(x) + "\n" for x in lines), self.token,
                                        headers={"Content-Type": "application/x-ndjson"})
            except GONE:
                return
            if r.status == 200:
                self.acked, self.maybe = after, None
            elif r.status != 503:
                self.problem = f"alice/b: {r}"
                return

    def verify(self):
        """All of a request or nothing of it, and the totals with it."""
        there = {x["path"]: x["xetHash"] for x in self.server.get("/api/buckets/alice/b/tree", self.token, query={"recursive": "true"}).json() if x["type"] == "file"}
        assert there in (self.acked, self.maybe), f"acknowledged was {self.acked}, under way {self.maybe}, there is {there}"
        info = self.server.get("/api/buckets/alice/b", self.token).json()
        assert (info["totalFiles"], info["size"]) == (len(there), sum(len(self.contents[h]) for h in there.values()))
        for path in sorted(there)[:3]:
            assert self.server.get(f"/buckets/alice/b/resolve/{path}", self.token).body == self.contents[there[path]]
        self.acked, self.maybe = there, None


def fill(server, token, rnd):
    """The bucket, and contents for it by their hashes."""
    server.create("alice/k", token)
    server.post("/api/buckets/alice/b", {}, token)
    contents = {f"k{i}.bin": rnd.randbytes(20_000 * (i + 1)) for i in range(4)}
    assert server.commit("alice/k", token, {}, contents).status == 200
    return {xet.hash_of(server, "alice/k", path, token): data for path, data in contents.items()}


@pytest.mark.timeout(7200 if LONG else 900)
def test_kill_nine(tmp_path):
    seed = int(os.environ.get("HEARTH_SEED", random.SystemRandom().randrange(2**32)))
    print(f"HEARTH_SEED={seed}")
    rnd = random.Random(seed)
    server = hearth.Server(tmp_path / "home")
    token = server.add_user("alice")
    server.start()
    env = clients.client_environment(server, tmp_path / "git-home")
    (tmp_path / "git-home").mkdir()
    env.update(GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@example.org", GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@example.org",
               GIT_CONFIG_GLOBAL=str(tmp_path / "git-home/.gitconfig"))
    subprocess.run(["git", "lfs", "install", "--skip-repo"], env=env, check=True, capture_output=True)
    url = server.base.replace("://", f"://alice:{token}@")
    for n in range(2):
        server.create(f"alice/c{n}", token)
        server.create(f"alice/g{n}", token)
        subprocess.run(["git", "clone", "-q", f"{url}/alice/g{n}", str(tmp_path / f"g{n}")], env=env, check=True)
    people = [Committer(server, token, n, rnd.random()) for n in range(2)]
    people += [Pusher(server, token, n, tmp_path / f"g{n}", env, rnd.random()) for n in range(2)]
    people += [Mixer(server, token, rnd.random()), Filler(server, token, fill(server, token, rnd), rnd.random())]
    try:
        for round_ in range(ROUNDS):
            for p in people:
                p.start()
            time.sleep(rnd.uniform(0.05, 1.5))
            server.kill()
            for p in people:
                p.stopping = True
            for p in people:
                p.join(150)
                assert p.problem is None, f"round {round_}: {p.problem}"
            if round_ % 4 == 3 or round_ < 2:
                # judged before the server had a chance to tidy up, and again after it
                r = server.cli("fsck", check=False, timeout=300)
                assert r.returncode in (0, 1), f"fsck itself died: {r.stderr[-3000:]}"
            server.start()
            for p in people:
                p.verify()
            if round_ % 4 == 3 or round_ == ROUNDS - 1:
                server.fsck()
            people = [revive(p) for p in people]
        server.check_clean()
    finally:
        if server.process.poll() is None:
            code = server.stop()
    assert code == 0
    server.fsck()


def revive(p):
    """A thread starts once: the notes go on in a fresh one."""
    fresh = object.__new__(type(p))
    threading.Thread.__init__(fresh, daemon=True)
    keep = {k: v for k, v in vars(p).items() if not k.startswith("_")}
    keep.pop("daemon", None)
    for k, v in keep.items():
        if k not in ("name",):
            setattr(fresh, k, v)
    fresh.stopping = False
    return fresh
