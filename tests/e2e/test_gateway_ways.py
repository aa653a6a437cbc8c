"""Every client's way through a gateway, what changes at the upstream, and who may read and change what."""
import concurrent.futures
import json
import random
import subprocess

import pytest

import clients
import gateways
import hearth
from gateways import a_gateway, between, down, gateway, up  # noqa: F401
from hearth import sha256
from upstream import LFS_BATCH

RND = random.Random(44)
LARGE = RND.randbytes(3_000_000)
SECRET = RND.randbytes(300_000)  # of a private repository at the gateway


@pytest.fixture(scope="module", autouse=True)
def vault(gateway):
    gateway.create("bob/vault", gateway.bob, private=True)
    assert gateway.commit("bob/vault", gateway.bob, {"README.md": "# ours"}, {"secret.bin": SECRET}).status == 200


def a_repo(up, kind="model", large=None, **fields):
    return gateways.a_repo(up, kind, None, {"w.bin": LARGE} if large is None else large, **fields)


# ------------------------------------------------------------------ every client's way

@pytest.mark.parametrize("version", [f"hub-{clients.NEWEST}", "hub-0.24.7", f"xet-{clients.NEWEST}"])
def test_huggingface_hub(up, down, tmp_path, version):
    made = {}
    for kind in ("model", "dataset", "space"):
        made[kind] = a_repo(up, kind)
        assert up.post(f"/api/{kind}s/{made[kind]}/branch/dev", {}, up.alice).status == 200
        assert up.commit(made[kind], up.alice, {"dev.txt": "dev"}, kind=kind + "s", rev="dev").status == 200
        assert up.post(f"/api/{kind}s/{made[kind]}/tag/main", {"tag": "v1"}, up.alice).status == 200
    d = clients.Driver(version, down, tmp_path / "client", down.bob)
    try:
        for kind, name in made.items():
            out = d("""
                folder = snapshot_download(name, repo_type=kind)
                dev = hf_hub_download(name, 'dev.txt', repo_type=kind, revision='dev')
                tagged = hf_hub_download(name, 'w.bin', repo_type=kind, revision='v1')
                fs = hub.HfFileSystem()
                root = {'model': '', 'dataset': 'datasets/', 'space': 'spaces/'}[kind] + name
                with fs.open(root + '/w.bin', 'rb') as f:
                    f.seek(1_000_000)
                    part = f.read(10)
                refused('EntryNotFoundError', hf_hub_download, name, 'nothing.txt', repo_type=kind)
                refused('RevisionNotFoundError', hf_hub_download, name, 'a.txt', repo_type=kind, revision='nowhere')
                refused('RepositoryNotFoundError', hf_hub_download, name + '-not', 'a.txt', repo_type=kind)
                out = {'files': sorted(p.relative_to(folder).as_posix() for p in pathlib.Path(folder).rglob('*') if p.is_file()),
                       'dev': open(dev).read(), 'sha': hashlib.sha256(open(tagged, 'rb').read()).hexdigest(), 'part': part.hex(),
                       'listed': sorted(api.list_repo_files(name, repo_type=kind)), 'names': sorted(fs.ls(root, detail=False)),
                       'at': api.repo_info(name, repo_type=kind, revision='dev').sha, 'refs': [b.name for b in api.list_repo_refs(name, repo_type=kind).branches]}
                """, name=name, kind=kind)
            assert {"a.txt", "sub/b.txt", "w.bin"} <= set(out["files"]) and out["files"] == out["listed"], out
            assert out["dev"] == "dev" and out["sha"] == sha256(LARGE) and bytes.fromhex(out["part"]) == LARGE[1_000_000:1_000_010]
            assert any(n.endswith("/w.bin") for n in out["names"]) and sorted(out["refs"]) == ["dev", "main"]
            assert out["at"] == up.get(f"/api/{kind}s/{name}/revision/dev").json()["sha"]
    finally:
        d.close()


def test_git_and_lfs(up, down, tmp_path):
    name = a_repo(up, large={"w.bin": LARGE, "v.bin": LARGE[:1000]})
    env = clients.client_environment(down, tmp_path)

    def git(*args, cwd=tmp_path):
        r = subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return r.stdout
    git("lfs", "install", "--skip-repo")
    git("clone", "-q", f"{down.base}/{name}", "whole")
    assert (tmp_path / "whole/w.bin").read_bytes() == LARGE
    env["GIT_LFS_SKIP_SMUDGE"] = "1"
    git("clone", "-q", "--depth", "1", f"{down.base}/{name}", "thin")
    assert (tmp_path / "thin/w.bin").stat().st_size < 200
    git("lfs", "pull", "--include", "v.bin", cwd=tmp_path / "thin")
    assert (tmp_path / "thin/v.bin").read_bytes() == LARGE[:1000]
    up.commit(name, up.alice, {"new.txt": "new"})
    git("pull", "-q", cwd=tmp_path / "whole")
    assert (tmp_path / "whole/new.txt").read_text() == "new"
    commits = [c["id"] for c in up.get(f"/api/models/{name}/commits/main").json()]
    assert git("log", "--format=%H", cwd=tmp_path / "whole").split() == commits and git("rev-parse", "--is-shallow-repository", cwd=tmp_path / "whole").strip() == "false"


RANGES = [("bytes=0-9", slice(0, 10)), ("bytes=1500000-1500099", slice(1500000, 1500100)), ("bytes=-7", slice(-7, None)), ("bytes=2999990-", slice(2999990, None)),
          ("bytes=2999990-4000000", slice(2999990, None))]


@pytest.mark.parametrize("has_come", [False, True])
def test_http(up, between, down, has_come):
    data = {f"{i}.bin": LARGE[i:] + bytes(i) for i in range(12)}
    name = a_repo(up, large=data)
    at = f"/{name}/resolve/main/"
    if has_come:
        for p, d in data.items():
            assert down.get(at + p).body == d
    for i, (text, cut) in enumerate(RANGES):
        r = down.get(f"{at}{i}.bin", headers={"Range": text})
        want = data[f"{i}.bin"][cut]
        assert r.status == 206 and r.body == want and r.headers["content-length"] == str(len(want)), (text, r.status, r.headers)
        assert r.headers["content-range"] == f"bytes {cut.indices(3_000_000)[0]}-{cut.indices(3_000_000)[1] - 1}/3000000"
    r = down.get(at + "5.bin", headers={"Range": "bytes=3000000-"})
    assert r.status == 416 and r.headers["content-range"] == "bytes */3000000", r
    r = down.get(at + "6.bin", headers={"Range": "bytes=0-9,100-109"})
    assert r.status in (200, 206) and (r.body == data["6.bin"] or b"100-109/3000000" in r.body)
    etag = down.request("HEAD", at + "7.bin").headers["etag"]
    assert etag == f'"{sha256(data["7.bin"])}"' and down.request("HEAD", at + "7.bin").headers["content-length"] == "3000000"
    asked = between.count("GET /api/lfs/objects")
    r = down.get(at + "7.bin", headers={"If-None-Match": etag})
    assert r.status == 304 and not r.body and between.count("GET /api/lfs/objects") == asked, "what the client has is not brought"
    assert down.get(at + "8.bin", headers={"If-Range": '"another"', "Range": "bytes=0-9"}).body == data["8.bin"]
    assert down.get(at + "9.bin", headers={"If-Range": f'"{sha256(data["9.bin"])}"', "Range": "bytes=5-9"}).body == data["9.bin"][5:10]


def test_a_file_comes_once(up, between, down):
    name = a_repo(up, large={"w.bin": LARGE[::-1]})
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        got = list(pool.map(lambda _: down.get(f"/{name}/resolve/main/w.bin"), range(30)))
    assert [r.status for r in got] == [200] * 30 and all(r.body == LARGE[::-1] for r in got)
    assert between.count("GET /api/lfs/objects") == 1 and between.count("POST .*upload-pack") <= 2, between.asked
    assert down.get(f"/{name}/resolve/main/w.bin").body == LARGE[::-1]
    assert between.count("GET /api/lfs/objects") == 1
    other = a_repo(up, large={"w.bin": LARGE[::-1]})  # everybody may read it here already
    assert down.get(f"/{other}/resolve/main/w.bin").body == LARGE[::-1] and between.count("GET /api/lfs/objects") == 1


# ------------------------------------------------------------------ what changes at the upstream

def test_refs_follow(up, down):
    name = a_repo(up)

    def same():
        ours, theirs = (s.get(f"/api/models/{name}/refs").json() for s in (down, up))
        assert ours == theirs
        return [b["name"] for b in ours["branches"]] + [t["name"] for t in ours["tags"]]
    first = same()
    assert up.post(f"/api/models/{name}/branch/x", {}, up.alice).status == 200 and up.post(f"/api/models/{name}/tag/main", {"tag": "t"}, up.alice).status == 200
    assert same() == [*first, "x", "t"]
    up.commit(name, up.alice, {"x.txt": "x"}, rev="x")
    same()
    assert down.get(f"/{name}/resolve/x/x.txt").body == b"x"
    assert up.request("DELETE", f"/api/models/{name}/tag/t", token=up.alice).status == 200
    up.commit(name, up.alice, {"c.txt": "c"})
    assert up.post(f"/api/models/{name}/tag/main", {"tag": "t"}, up.alice).status == 200  # moved
    assert up.post(f"/api/models/{name}/super-squash/main", {"message": "one"}, up.alice).status == 200  # forced
    same()
    assert up.request("DELETE", f"/api/models/{name}/branch/x", token=up.alice).status == 200
    assert up.post(f"/api/models/{name}/branch/x/y", {}, up.alice).status == 200  # a folder where a branch was
    assert same() == [*first, "x/y", "t"]
    assert down.get(f"/{name}/resolve/x/x.txt").status == 404


def test_pull_requests_are_read_by_revision(up, between, down, tmp_path):
    name, new = a_repo(up), LARGE[5:]
    r = up.commit(name, up.alice, {"a.txt": "proposed"}, {"w.bin": new}, query={"create_pr": "1"})
    assert r.status == 200, r
    assert down.get(f"/{name}/resolve/refs%2Fpr%2F1/a.txt").body == b"proposed" and down.get(f"/{name}/resolve/main/a.txt").body == b"hello"
    assert down.get(f"/{name}/resolve/refs%2Fpr%2F1/w.bin").body == new
    refs = "refs?include_prs=1"
    assert down.get(f"/api/models/{name}/{refs}").json() == up.get(f"/api/models/{name}/{refs}").json()
    assert down.get(f"/api/models/{name}/revision/refs%2Fpr%2F1").json()["sha"] == r.json()["commitOid"]
    fetched = between.count("POST .*upload-pack")
    assert down.get(f"/api/models/{name}").status == 200 and between.count("POST .*upload-pack") == fetched, "nothing is new"
    more = up.commit(name, up.alice, {"b.txt": "more"}, rev="refs/pr/1")
    assert more.status == 200 and down.get(f"/{name}/resolve/refs%2Fpr%2F1/b.txt").body == b"more"
    for token in (down.bob, down.root):
        assert down.commit(name, token, {"x.txt": "x"}, rev="refs/pr/1").status == 403
        assert down.post(f"/api/models/{name}/discussions/1/merge", {}, token).status in (403, 404)
    # One that is over stays as it was, though the list leaves it out.
    assert up.post(f"/api/models/{name}/discussions/1/status", {"status": "closed"}, up.alice).status == 200
    between.when(r"/refs\?", lambda r: r.say(200, {**json.loads(r.ask().read()), "pullRequests": []}))
    fetched = between.count("POST .*upload-pack")
    assert down.get(f"/{name}/resolve/refs%2Fpr%2F1/b.txt").body == b"more" and between.count("POST .*upload-pack") == fetched


def test_renamed_hidden_gated_deleted(up, down):
    name = a_repo(up)
    sha = down.get(f"/api/models/{name}").json()["sha"]
    assert up.post("/api/repos/move", {"fromRepo": name, "toRepo": name + "-new", "type": "model"}, up.alice).status == 200
    assert down.get(f"/{name}/resolve/main/a.txt").status in (200, 307)
    assert down.get(f"/api/models/{name}-new").json()["sha"] == sha
    for fields in ({"private": True}, {"private": False, "gated": "auto"}):
        assert up.request("PUT", f"/api/models/{name}-new/settings", fields, up.alice).status == 200
        assert down.get(f"/{name}/resolve/main/a.txt", headers={"X": "1"}).status in (200, 307, 401, 403)
        assert down.get(f"/api/models/{name}").status in (200, 307)
    assert up.request("DELETE", "/api/repos/delete", {"organization": "alice", "name": name.split("/")[1] + "-new", "type": "model"}, up.alice).status == 200
    assert down.get(f"/api/models/{name}").json()["sha"] == sha


# ------------------------------------------------------------------ who may what

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(SECRET)}\nsize {len(SECRET)}\n"


def test_a_pointer_gives_no_right(up, between, down, tmp_path):
    """By no way, and not after a collection either."""
    folder = tmp_path / "forged.git"
    files = {"w.bin": POINTER, "w.safetensors": POINTER, "w.gguf": POINTER, "rows.parquet": POINTER, "rows.csv": POINTER, "pic.png": POINTER,
             "config.json": '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'}
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    for p, text in files.items():
        (folder / p).write_text(text)
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    subprocess.run(["git", "-C", folder, "-c", "user.name=eve", "-c", "user.email=e@e", "commit", "-qm", "x"], check=True)
    head = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    refs = {"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}], "converts": [], "tags": []}
    between.when(LFS_BATCH, lambda r: r.batch(error={"code": 404, "message": "no"}))
    for kind in ("models", "datasets"):
        between.when(rf"GET /api/{kind}/eve/forged/refs", lambda r: r.say(200, refs))
        between.when(rf"GET /api/{kind}/eve/forged\?", lambda r: r.say(200, {"id": "eve/forged", "private": False, "gated": False}))
    between.when(r" (/datasets)?/eve/forged/", lambda r: forged_git(r, folder / ".git"))
    sha, xet = sha256(SECRET), down.get("/api/models/bob/vault/tree/main", down.bob).json()[-1]["xetHash"]
    assert down.get("/api/models/eve/forged").json()["sha"] == head
    assert down.get("/api/datasets/eve/forged").status == 200
    down.create("carol/mine", down.carol)

    def look():
        for token in (None, down.carol):
            for p in files:
                for prefix in ("", "/datasets"):
                    for view in ("resolve", "raw", "blob"):
                        r = down.get(f"{prefix}/eve/forged/{view}/main/{p}", token)
                        assert SECRET[:1000] not in r.body and xet not in repr(r), (p, view)
                        assert view != "resolve" or p == "config.json" or r.status == 404, r
            for kind in ("models", "datasets"):
                for path in ("tree/main?recursive=true", "tree/main?expand=true", "", "revision/main?securityStatus=true&blobs=true", "lfs-files"):
                    r = down.get(f"/api/{kind}/eve/forged/{path}".rstrip("/"), token)
                    assert xet not in repr(r), (path, r)
                r = down.post(f"/api/{kind}/eve/forged/paths-info/main", {"paths": list(files), "expand": True}, token)
                assert xet not in repr(r), r
            r = down.lfs_batch("eve/forged", token, [(sha, len(SECRET))], "download")
            if "actions" in r.json()["objects"][0]:
                assert down.get(r.json()["objects"][0]["actions"]["download"]["href"]).status == 404
            x = down.get("/api/models/eve/forged/xet-read-token/main", token)
            if x.status == 200:
                for v in ("v1", "v2"):
                    assert down.get(f"{x.json()['casUrl']}/{v}/reconstructions/{xet}", x.json()["accessToken"]).status in (401, 403, 404)
            for way in ("splits", "first-rows", "rows", "size", "statistics", "parquet", "info"):
                r = down.get(f"/datasets-server/{way}", token, query={"dataset": "eve/forged", "config": "default", "split": "train"})
                assert SECRET[:50] not in r.body and b"<html" not in r.body, r
        r = down.commit_lines([{"key": "header", "value": {"summary": "x"}}, {"key": "copyFile", "value": {
            "path": "stolen.bin", "srcPath": "w.bin", "srcRevision": head, "srcRepo": "eve/forged", "srcRepoType": "model"}}], "carol/mine", down.carol)
        assert r.status != 200, r
        r = down.commit_lines([{"key": "header", "value": {"summary": "x"}}, {"key": "lfsFile", "value": {
            "path": "stolen.bin", "algo": "sha256", "oid": sha, "size": len(SECRET)}}], "carol/mine", down.carol)
        assert r.status != 200, r
        r = down.post("/api/models/eve/forged/lfs-files/duplicate", {"target": {"type": "model", "name": "carol/mine"}, "files": [{"xetHash": xet, "sha256": sha}]}, down.carol)
        assert r.status >= 400 or not r.json().get("succeeded", r.json().get("success")), r.body
        assert down.post("/api/models/eve/forged/duplicate", {"repository": "carol/copy"}, down.carol).status in (401, 403)
        assert down.post("/models/eve/forged", {"inputs": "x"}, down.carol).status >= 400
        assert [f["path"] for f in down.get("/api/models/carol/mine/tree/main", down.carol).json()] == [".gitattributes"]
    look()
    down.cli("gc")
    look()
    between.well()
    assert down.get("/bob/vault/resolve/main/secret.bin", down.bob).body == SECRET


def forged_git(r, folder):
    r.path = r.path.replace("/datasets/eve/", "/eve/", 1)
    r.git(folder)


def test_names_of_ours_stay_here(up, between, down):
    up.create("alice/there", up.alice)
    for path in ("/api/models/bob/vault", "/api/models/bob/nothing", "/api/models/BOB/Vault2", "/bob/hidden/resolve/main/x", "/bob/hidden.git/info/refs?service=git-upload-pack",
                 "/datasets/bob/hidden", "/api/spaces/carol/x", "/datasets-server/rows?dataset=bob/hidden&config=default&split=train", "/bob", "/api/users/bob/overview",
                 "/api/models/settings/x", "/api/models/login/x"):
        for token in (None, down.bob, down.root):
            down.get(path, token)
    down.post("/api/models/bob/typo/commit/main", b"", down.bob)
    assert between.asked == []


def test_a_mirror_is_changed_by_nobody(up, down, tmp_path):
    name = a_repo(up)
    sha = down.get(f"/api/models/{name}").json()["sha"]
    for token in (down.bob, down.root):
        assert down.commit(name, token, {"x.txt": "x"}).status == 403
        assert down.commit(name, token, {"x.txt": "x"}, query={"create_pr": "1"}).status == 403
        r = down.lfs_batch(name, token, [(sha256(b"new"), 3)])
        assert r.status == 403, r
        assert down.get(f"/api/models/{name}/xet-write-token/main", token).status == 403
        for path, body in (("discussions", {"title": "t", "description": "d"}), ("branch/x", {}), ("tag/main", {"tag": "x"}), ("super-squash/main", {"message": "x"}),
                           ("preupload/main", {"files": []}), ("lfs-files/batch", {"deletions": {"sha": [sha256(LARGE)]}, "oids": [sha256(LARGE)]})):
            r = down.post(f"/api/models/{name}/{path}", body, token)
            assert r.status in (403, 404, 422) and (r.status == 403 or path.startswith("lfs-files")), (path, r)
        assert down.request("DELETE", f"/api/models/{name}/lfs-files/{sha256(LARGE)}", token=token).status in (403, 404)
        assert down.post("/api/repos/move", {"fromRepo": name, "toRepo": "bob/stolen", "type": "model"}, token).status == 403
        for fields in ({"private": True}, {"gated": "auto"}):
            assert down.request("PUT", f"/api/models/{name}/settings", fields, token).status == 403
        r = subprocess.run(["git", "push", f"http://x:{token}@{down.base[7:]}/{name}", "HEAD:refs/heads/x"], cwd=hearth.ROOT, capture_output=True, text=True,
                           env=clients.client_environment(down, tmp_path))
        assert r.returncode and "mirror" in r.stderr + r.stdout, r.stderr
    assert down.get(f"/api/models/{name}").json()["sha"] == sha
    # Its namespace is nobody's.
    assert down.post("/api/repos/create", {"name": "mine", "organization": "alice", "type": "model"}, down.bob).status == 403
    assert down.cli("user", "add", "alice", "--password-stdin", stdin=hearth.PASSWORD + "\n", check=False).returncode
    assert down.get("/api/organizations/alice/members", down.root).json() == []
    # An administrator may throw it away, and it comes anew.
    body = {"organization": "alice", "name": name.split("/")[1], "type": "model"}
    assert down.request("DELETE", "/api/repos/delete", body, down.bob).status == 403
    assert down.request("DELETE", "/api/repos/delete", body, down.root).status == 200
    assert down.get(f"/{name}/resolve/main/w.bin").body == LARGE


def test_only_who_is_signed_in_may_have_it_brought(tmp_path, up, between):
    name = a_repo(up)
    between.asked.clear()
    with a_gateway(tmp_path / "g", between, "--upstream-for", "users") as s:
        assert s.get(f"/api/models/{name}").status == 401 and not between.asked
        assert s.get(f"/api/models/{name}", s.bob).status == 200
        assert s.get(f"/{name}/resolve/main/w.bin").body == LARGE, "it is here, for everybody who may see it"


def test_private_and_gated_with_a_token(tmp_path, up, between):
    hidden, gated = a_repo(up, private=True), a_repo(up, large={"w.bin": LARGE[1:]})
    assert up.request("PUT", f"/api/models/{gated}/settings", {"gated": "manual"}, up.alice).status == 200
    secret = tmp_path / "token"
    secret.write_text(up.alice + "\n")
    with a_gateway(tmp_path / "without", between) as s:
        assert s.get(f"/api/models/{hidden}", s.bob).status == 404
        r = s.get(f"/{gated}/resolve/main/a.txt", s.bob)
        assert r.status == 403 and "upstream-token-file" in r.message, r
    with a_gateway(tmp_path / "with", between, "--upstream-token-file", str(secret), "--upstream-fresh", "0s") as s:
        for token, status in ((None, 401), (s.bob, 404), (s.root, 200)):
            assert s.get(f"/api/models/{hidden}", token).status == status
            assert s.get(f"/{hidden}/resolve/main/w.bin", token).status == status
        for token, status in ((None, 401), (s.bob, 403), (s.root, 200)):
            assert s.get(f"/api/models/{gated}", token).status == 200
            assert s.get(f"/{gated}/resolve/main/w.bin", token).status == status
        r = s.post(f"/api/models/{gated}/user-access-request/grant", {"user": "bob"}, s.root)
        assert r.status == 200, r
        assert s.get(f"/{gated}/resolve/main/w.bin", s.bob).body == LARGE[1:]
        assert up.alice not in s.tail(100000)
        # What is hidden here is not told by way of what is not.
        open_to_all = a_repo(up, large={"w.bin": LARGE[2:]})
        assert s.get(f"/{open_to_all}/resolve/main/w.bin").status == 200
        assert up.request("PUT", f"/api/models/{open_to_all}/settings", {"private": True}, up.alice).status == 200
        assert s.get(f"/{open_to_all}/resolve/main/w.bin").status == 401
    s.fsck()
