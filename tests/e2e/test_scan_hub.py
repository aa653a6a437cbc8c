"""What the scanner says of what people push: by the API, as the pinned clients read it."""
import os
import pickle
import random
import re
import socket
import struct
import threading
import time

import pytest

from browser import Browser, signed_in
from hearth import Server, await_that, fresh, git_blob, sha256


class Runs:
    """What a pickle of this does when it is loaded."""
    def __reduce__(self):
        return os.system, ("true",)


BAD = pickle.dumps(Runs(), protocol=0)
UNSAFE = {"scansDone": True, "filesWithIssues": [{"path": "weights.pkl", "level": "unsafe"}]}
NOT_DONE = {"status": "unscanned"}
CLEAN = {"scansDone": True, "filesWithIssues": []}


def status(server, name, token=None, kind="models"):
    r = server.get(f"/api/{kind}/{name}/scan", token)
    assert r.status == 200, r
    return r.json()


def judged(server, name, token=None, kind="models"):
    """The status when the scanner has looked at all of main."""
    await_that(lambda: status(server, name, token, kind)["scansDone"], 60)
    return status(server, name, token, kind)


def entry(server, name, path, token=None, rev="main", kind="models"):
    r = server.post(f"/api/{kind}/{name}/paths-info/{rev}", {"paths": [path], "expand": True}, token)
    assert r.status == 200, r
    return r.json()[0]["securityFileStatus"]


def large(seed, n=3 << 20, tail=b""):
    return BAD + random.Random(seed).randbytes(n) + tail


def test_the_whole_way_with_the_client(hub, server, t):
    name = f"alice/way-{fresh()}"
    out = hub(f"""
        import pickle, time
        api.create_repo("{name}")
        api.upload_file(path_or_fileobj={BAD!r}, path_in_repo="weights.pkl", repo_id="{name}")
        def when_done():
            for _ in range(300):
                i = api.model_info("{name}", securityStatus=True)
                s = i.security_repo_status if hasattr(i, "security_repo_status") else i.securityRepoStatus  # 0.24 has no name for it
                if s["scansDone"]: return s
                time.sleep(0.1)
        bad = when_done()
        info = api.get_paths_info("{name}", ["weights.pkl"], expand=True)[0].security
        tree = {{f.path: f.security and f.security.safe for f in api.list_repo_tree("{name}", expand=True)}}
        plain = api.get_paths_info("{name}", ["weights.pkl"])[0].security
        api.delete_file("weights.pkl", "{name}")
        clean = when_done()
        of_file = info and [info.safe, info.status, info.av_scan, info.pickle_import_scan]
        out = [bad, of_file, tree, plain, clean]
    """)
    bad, of_file, tree, plain, clean = out
    assert bad == UNSAFE and clean == CLEAN and plain is None
    if hub.version < (0, 27):
        return  # it looks for a member of another name, which the public hub has dropped
    safe, level, av, imports = of_file
    assert safe is False and level == "unsafe" and av == NOT_DONE
    assert imports["status"] == "unsafe" and {"module": "posix", "name": "system", "safety": "dangerous"} in imports["pickleImports"]
    assert tree == {".gitattributes": True, "weights.pkl": False}


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_every_kind_and_a_large_file(server, t, kind):
    fields = {"sdk": "static"} if kind == "space" else {}
    name = server.create(f"alice/k-{fresh()}", t.alice, kind, **fields)
    server.commit(name, t.alice, {"a/b.txt": b"hello"}, {"deep/weights.pkl": large(kind)}, kind=kind + "s")
    assert judged(server, name, kind=kind + "s")["filesWithIssues"] == [{"path": "deep/weights.pkl", "level": "unsafe"}]
    assert entry(server, name, "deep/weights.pkl", kind=kind + "s")["status"] == "unsafe"
    assert entry(server, name, "a/b.txt", kind=kind + "s") == {"status": "safe", "avScan": NOT_DONE, "pickleImportScan": NOT_DONE}


def test_a_push_of_git_a_branch_and_a_pull_request(server, t, git, tmp_path, repo):
    git("clone", git.url(repo), "w")
    w = tmp_path / "w"
    (w / "x.pkl").write_bytes(BAD)
    git("add", ".", cwd=w)
    git("commit", "-m", "bad", cwd=w)
    git("push", "origin", "HEAD:refs/heads/other", cwd=w)
    assert server.commit(repo, t.bob, {"y.pkl": BAD}, query={"create_pr": "1"}).status == 200
    await_that(lambda: entry(server, repo, "x.pkl", rev="other")["status"] == "unsafe")
    await_that(lambda: entry(server, repo, "y.pkl", rev="refs%2Fpr%2F1")["status"] == "unsafe")
    assert judged(server, repo) == CLEAN  # main has neither
    assert server.post(f"/api/models/{repo}/discussions/1/merge", {}, t.alice).status == 200
    await_that(lambda: judged(server, repo)["filesWithIssues"] == [{"path": "y.pkl", "level": "unsafe"}])


def test_what_main_had_is_judged_at_every_revision(server, t, repo):
    server.commit(repo, t.alice, {"weights.pkl": BAD})
    assert judged(server, repo) == UNSAFE
    before = server.head_sha(repo)
    server.commit(repo, t.alice, {"weights.pkl": pickle.dumps([1])})
    assert status(server, repo)["filesWithIssues"] == []  # at once, whatever the scanner does
    assert judged(server, repo) == CLEAN
    assert entry(server, repo, "weights.pkl", rev=before)["status"] == "unsafe"


def test_private_stays_private(server, t):
    mine = server.create(f"alice/p-{fresh()}", t.alice, private=True)
    server.commit(mine, t.alice, {}, {"weights.pkl": large(7)})
    assert judged(server, mine, t.alice) == UNSAFE
    assert server.get(f"/api/models/{mine}/scan").status == 401 and server.get(f"/api/models/{mine}/scan", t.bob).status == 404
    # Bob has the same file: his repository says nothing until his own was looked at.
    his = server.create(f"bob/p-{fresh()}", t.bob, private=True)
    looked = metric(server, "unsafe")
    server.commit(his, t.bob, {}, {"weights.pkl": large(7)})
    assert judged(server, his, t.bob) == UNSAFE
    assert metric(server, "unsafe") == looked + 1
    # What everybody may read is not read twice.
    public, third = (server.create(f"{who}/q-{fresh()}", token) for who, token in (("alice", t.alice), ("bob", t.bob)))
    server.commit(public, t.alice, {}, {"weights.pkl": large(8)})
    assert judged(server, public) == UNSAFE
    looked = metric(server, "unsafe")
    server.commit(third, t.bob, {}, {"weights.pkl": large(8)})
    assert judged(server, third) == UNSAFE
    assert metric(server, "unsafe") == looked


def metric(server, level):
    return int(re.search(rf'^hearth_scans_total{{level="{level}"}} (\d+)', server.get("/metrics").body.decode(), re.M).group(1))


def test_off_is_off_and_on_again_looks_at_all(serve):
    s = serve(env={"HEARTH_SCAN": "false"})
    name = s.create("alice/off", s.alice)
    s.commit(name, s.alice, {"weights.pkl": BAD})
    time.sleep(1.5)
    assert status(s, name) == {"scansDone": False, "filesWithIssues": []}
    assert entry(s, name, "weights.pkl")["status"] == "unscanned"
    assert "hearth_scans_total" not in s.get("/metrics").body.decode()
    s.end()
    s.env = {}
    s.start()
    assert judged(s, name) == UNSAFE
    await_that(lambda: "hearth_scan_repositories_waiting 0" in s.get("/metrics").body.decode())


def test_killed_on_the_way(serve):
    s = serve()
    names = [s.create(f"alice/k{i}", s.alice) for i in range(6)]
    for i, name in enumerate(names):
        s.commit(name, s.alice, {"weights.pkl": BAD, "t.txt": str(i).encode()}, {"w.bin": random.Random(i).randbytes(4 << 20)})
    s.kill()
    s.start()
    for name in names:
        assert judged(s, name) == UNSAFE
    s.fsck()


def test_collection_drops_verdicts_of_what_is_gone(serve):
    import sqlite3
    s = serve("--gc-every", "0")
    name = s.create("alice/gone", s.alice)
    s.commit(name, s.alice, {"a.txt": b"a"}, {"weights.pkl": large(1)})
    assert judged(s, name) == UNSAFE
    s.commit(name, s.alice, {"b.txt": b"b"}, delete=["weights.pkl"])
    judged(s, name)
    assert s.post(f"/api/models/{name}/super-squash/main", {}, s.alice).status == 200
    s.end()

    def contents():
        with sqlite3.connect(s.home / "hearth.db") as db:
            return {row[0] for row in db.execute("SELECT content FROM scan_verdict")}
    key = sha256(large(1))
    assert key in contents() and git_blob(b"a") in contents()
    s.cli("gc", "--grace", "0", "--dry-run")
    assert key in contents()
    s.cli("gc", "--grace", "0")
    assert key not in contents() and git_blob(b"a") in contents()
    s.fsck()
    s.start()


def test_many_commits_and_readers_at_once(server, t, repo):
    ends = threading.Event()
    wrong = []

    def ask():
        while not ends.is_set():
            for path in (f"/api/models/{repo}/scan", f"/api/models/{repo}/tree/main?expand=true", f"/api/models/{repo}?securityStatus=true"):
                r = server.get(path)
                if r.status != 200:
                    wrong.append(r)
    readers = [threading.Thread(target=ask) for _ in range(2)]
    for r in readers:
        r.start()
    for i in range(30):
        assert server.commit(repo, t.alice, {f"f{i}.txt": str(i).encode(), "weights.pkl": BAD + b"#%d" % i}).status == 200
    ends.set()
    for r in readers:
        r.join()
    assert not wrong
    assert judged(server, repo) == UNSAFE
    assert len(server.get(f"/api/models/{repo}/tree/main?expand=true").json()) == 32


class Clamd:
    """Speaks as clamd does; knows one malware."""
    KNOWN = b"X5O!P%@AP[4-" + b"not-really"

    def __init__(self):
        self.asked = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        with c, c.makefile("rb") as f:
            while True:
                word = b""
                while (b := f.read(1)) not in (b"\0", b"\n", b""):
                    word += b
                if not b:
                    return
                if word.lstrip(b"zn") == b"VERSION":
                    c.sendall(b"ClamAV 1.4.6/27000/Mon Nov 23 2026" + b)
                elif word.lstrip(b"zn") == b"INSTREAM":
                    data = b""
                    while n := struct.unpack(">I", f.read(4))[0]:
                        data += f.read(n)
                    self.asked += 1
                    c.sendall((b"stream: Toy.Test FOUND" if self.KNOWN in data else b"stream: OK") + b)

    def close(self):
        self.socket.close()


def test_clamd_is_asked_when_it_is_there(serve):
    clamd = Clamd()
    s = serve("--clamd", f"tcp:127.0.0.1:{clamd.port}")
    name = s.create("alice/av", s.alice)
    s.commit(name, s.alice, {"ill.txt": clamd.KNOWN, "well.txt": b"words", "weights.pkl": BAD}, {"big.bin": random.Random(3).randbytes(2 << 20) + clamd.KNOWN})
    assert judged(s, name)["filesWithIssues"] == [{"path": p, "level": "unsafe"} for p in ("big.bin", "ill.txt", "weights.pkl")]
    said = entry(s, name, "ill.txt")
    assert said["status"] == said["avScan"]["status"] == "unsafe" and "Toy.Test" in said["avScan"]["message"] and "27000" in said["avScan"]["version"]
    assert entry(s, name, "well.txt")["avScan"]["status"] == "safe" and entry(s, name, "well.txt")["status"] == "safe"
    assert entry(s, name, "weights.pkl")["avScan"]["status"] == "safe" and entry(s, name, "weights.pkl")["status"] == "unsafe"
    # It goes away: nothing is called safe meanwhile, and pickles are judged all the same.
    clamd.close()
    s.commit(name, s.alice, {"new.txt": b"new words", "new.pkl": BAD + b"#"})
    await_that(lambda: entry(s, name, "new.pkl")["status"] == "unsafe")
    await_that(lambda: entry(s, name, "new.txt")["avScan"] == {"status": "queued"})
    assert entry(s, name, "new.txt")["status"] == "queued" and not status(s, name)["scansDone"]
    s.end()
    # Another one: what is left is asked for, and all that an earlier server without one judged.
    again = Clamd()
    s.args = ["--clamd", f"tcp:127.0.0.1:{again.port}"]
    s.start()
    judged(s, name)
    await_that(lambda: entry(s, name, "new.txt")["status"] == "safe")
    assert entry(s, name, "new.pkl")["avScan"]["status"] == "safe"
    again.close()


def test_clamd_is_asked_about_what_was_judged_without_it(serve):
    s = serve()
    name = s.create("alice/late", s.alice)
    s.commit(name, s.alice, {"ill.txt": Clamd.KNOWN})
    assert judged(s, name) == CLEAN and entry(s, name, "ill.txt")["avScan"] == NOT_DONE
    s.end()
    clamd = Clamd()
    s.args = ["--clamd", f"tcp:127.0.0.1:{clamd.port}"]
    s.start()
    await_that(lambda: judged(s, name)["filesWithIssues"] == [{"path": "ill.txt", "level": "unsafe"}])
    clamd.close()
    assert "clamd" in s.cli("serve", "--clamd", "nonsense", check=False).stderr


def test_hearth_repo_scan(server, t, repo):
    server.commit(repo, t.alice, {"weights.pkl": BAD, "t.txt": b"words"})
    judged(server, repo)
    out = server.cli("repo", "scan", repo).stdout
    assert re.search(r"unsafe +weights.pkl\n", out) and re.search(r"3 files of \d+ bytes looked at", out)
    assert server.cli("repo", "scan", "alice/none", check=False).returncode == 1


SECRET = b"key = 'ghp_" + b"16C7e42F292c6912E7710c838347Ae178B4a" + b"'\n"


def test_secrets_are_told_to_who_pushed_them_alone(server, t):
    name = server.create(f"acme/s-{fresh()}", t.alice)
    assert server.commit(name, t.wendy, {"conf/settings.py": SECRET}).status == 200
    judged(server, name)
    assert entry(server, name, "conf/settings.py")["status"] == "safe"
    hers, others = (signed_in(server, who) for who in ("wendy", "alice"))
    page = await_page(hers, f"/{name}", "may hold a secret")
    assert "conf/settings.py" in page and "16C7e42F" not in page
    for who in (others, Browser(server)):
        for path in (f"/{name}", f"/{name}/blob/main/conf/settings.py", f"/{name}/tree/main"):
            assert "may hold a secret" not in text(who, path) and "a secret" not in text(who, path)
    for path in (f"/api/models/{name}/scan", f"/api/models/{name}/tree/main?expand=true&recursive=true", f"/api/models/{name}?securityStatus=true"):
        assert b"secret" not in server.get(path, t.alice).body
    assert others.ask("POST", f"/{name}/secrets-seen", {"csrf": others.form_token(f"/{name}")}).status == 303
    assert "may hold a secret" in text(hers, f"/{name}")
    assert hers.ask("POST", f"/{name}/secrets-seen", {"csrf": hers.form_token(f"/{name}")}).status == 303
    assert "may hold a secret" not in text(hers, f"/{name}")


def text(browser, path):
    a = browser.ask("GET", path)
    assert a.status == 200, a
    return a.body.decode()


def await_page(browser, path, part):
    await_that(lambda: part in text(browser, path))
    return text(browser, path)


def test_what_is_unsafe_is_kept_from_all_but_writers(serve):
    s = serve("--block-unsafe")
    bob = s.add_user("bob")
    name = s.create("alice/kept", s.alice)
    big = large(5)
    s.commit(name, s.alice, {"weights.pkl": BAD, "t.txt": b"words"}, {"big.pkl": big})
    judged(s, name)
    for path in ("weights.pkl", "big.pkl"):
        for token in (None, bob):
            for method in ("GET", "HEAD"):
                r = s.resolve(name, path, token, method=method)
                assert r.status == 403 and r.headers["x-error-code"] == "UnsafeFile" and "found unsafe" in r.headers["x-error-message"], r
        assert s.get(f"/{name}/raw/main/{path}", bob).status == 403
        assert s.resolve(name, path, s.alice).status == 200
    assert s.resolve(name, "t.txt").body == b"words"
    (told,) = s.lfs_batch(name, bob, [(sha256(big), len(big))], "download").json()["objects"]
    assert told["error"]["code"] == 403 and "actions" not in told
    (told,) = s.lfs_batch(name, s.alice, [(sha256(big), len(big))], "download").json()["objects"]
    assert "download" in told["actions"]
    # Under another name it is the same content.
    s.commit(name, s.alice, {"innocent.txt": BAD})
    assert s.resolve(name, "innocent.txt", bob).status == 403
    assert s.get(f"/{name}/blob/main/weights.pkl", bob).status == 200  # where it says why


def test_mirrors_are_judged_as_their_files_come(tmp_path):
    up = Server(tmp_path / "up")
    with up:
        ann = up.add_user("ann")
        up.create("ann/m", ann)
        up.commit("ann/m", ann, {"weights.pkl": BAD}, {"big.pkl": large(6)})
        down = Server(tmp_path / "down", args=["--upstream", up.base])
        with down:
            assert down.get("/api/models/ann/m").status == 200
            await_that(lambda: entry(down, "ann/m", "weights.pkl")["status"] == "unsafe")
            assert entry(down, "ann/m", "big.pkl")["status"] == "unscanned" or entry(down, "ann/m", "big.pkl")["status"] == "queued"
            assert status(down, "ann/m") == {"scansDone": False, "filesWithIssues": [{"path": "weights.pkl", "level": "unsafe"}]}
            assert down.resolve("ann/m", "big.pkl").body == large(6)
            await_that(lambda: status(down, "ann/m") == {"scansDone": True, "filesWithIssues": [{"path": p, "level": "unsafe"} for p in ("big.pkl", "weights.pkl")]})
            down.fsck()
