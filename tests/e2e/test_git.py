"""Stock git and git-lfs."""
import os
import random
import subprocess

import pytest

from hearth import PASSWORD, sha256

NOISE = random.Random(5).randbytes(300_000)


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_clone_is_what_was_committed(git, server, t, repo, tmp_path, protocol):
    server.commit(repo, t.alice, {"a.txt": "a\n", "d/b.txt": "b\n"}, {"w.bin": NOISE})
    git("-c", f"protocol.version={protocol}", "clone", git.url(repo, None), "c")
    assert (tmp_path / "c/a.txt").read_text() == "a\n" and (tmp_path / "c/d/b.txt").read_text() == "b\n"
    assert (tmp_path / "c/w.bin").read_bytes() == NOISE
    assert git("rev-parse", "HEAD", cwd=tmp_path / "c").out.strip() == server.head_sha(repo)
    git("fsck", "--strict", cwd=tmp_path / "c")
    git("clone", git.url(repo, None) + ".git", "with-suffix")


def test_push_shows_everywhere(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    (c / "README.md").write_text("---\nlicense: mit\ntags: [pushed]\n---\n# by git\n")
    (c / "model.safetensors").write_bytes(NOISE)
    git("add", ".", cwd=c)
    git("commit", "-m", "by git", cwd=c)
    assert git("lfs", "ls-files", cwd=c).out.split()[-1] == "model.safetensors"
    git("push", cwd=c)
    info = server.get(f"/api/models/{repo}?blobs=true").json()
    assert info["sha"] == git("rev-parse", "HEAD", cwd=c).out.strip()
    assert "pushed" in info["tags"] and "license:mit" in info["tags"]
    assert [s["rfilename"] for s in info["siblings"]] == [".gitattributes", "README.md", "model.safetensors"]
    assert info["siblings"][2]["lfs"]["sha256"] == sha256(NOISE)
    assert server.resolve(repo, "model.safetensors").body == NOISE
    (c / "second.bin").write_bytes(NOISE[:1000])
    git("add", ".", cwd=c)
    git("commit", "-m", "again", cwd=c)
    git("push", cwd=c)
    assert server.resolve(repo, "second.bin").body == NOISE[:1000]


def test_branches_tags_and_deletion_by_push(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("checkout", "-b", "dev/one", cwd=c)
    git("commit", "--allow-empty", "-m", "e", cwd=c)
    git("tag", "-a", "v1", "-m", "annotated", cwd=c)
    git("push", "origin", "dev/one", "v1", cwd=c)
    refs = server.get(f"/api/models/{repo}/refs").json()
    assert {b["name"] for b in refs["branches"]} == {"main", "dev/one"} and [x["name"] for x in refs["tags"]] == ["v1"]
    head = git("rev-parse", "HEAD", cwd=c).out.strip()
    assert refs["tags"][0]["targetCommit"] == head
    assert server.get(f"/api/models/{repo}/revision/v1").json()["sha"] == head
    git("push", "origin", ":dev/one", ":v1", cwd=c)
    refs = server.get(f"/api/models/{repo}/refs").json()
    assert len(refs["branches"]) == 1 and refs["tags"] == []
    r = git("push", "origin", ":main", cwd=c, check=False)
    assert r.returncode != 0, "the default branch is protected"


def test_a_history_that_goes_on_is_as_one_that_is_read_at_once(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    ids = lambda of: [k["id"] for k in server.get(f"/api/models/{of}/commits/main?limit=100").json()]
    say = lambda word: git("commit", "--allow-empty", "-m", word, cwd=c)
    for step in (lambda: say("one"), lambda: (say("two"), say("three")), lambda: (git("checkout", "-b", "side", "HEAD~1", cwd=c), say("aside"),
                 git("checkout", "main", cwd=c), git("merge", "--no-ff", "-m", "both", "side", cwd=c)), lambda: say("after it"), lambda: git("reset", "--hard", "HEAD~3", cwd=c)):
        step()
        git("push", "--force", "origin", "main", cwd=c)
        head = git("rev-parse", "HEAD", cwd=c).out.strip()
        once = server.create(f"{repo}-{head[:8]}", t.alice)
        git("push", "--force", git.url(once), "main", cwd=c)
        assert ids(repo) == ids(once) and len(ids(repo)) == int(git("rev-list", "--count", "HEAD", cwd=c).out)


def test_a_push_that_is_behind_is_refused(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    server.commit(repo, t.alice, {"new.txt": "new"})
    git("commit", "--allow-empty", "-m", "e", cwd=tmp_path / "c")
    r = git("push", cwd=tmp_path / "c", check=False)
    assert r.returncode != 0 and ("fetch first" in r.err or "rejected" in r.err)
    git("pull", "--rebase", cwd=tmp_path / "c")
    git("push", cwd=tmp_path / "c")
    assert (tmp_path / "c/new.txt").exists()


def test_shallow_and_partial_clones(git, server, t, repo, tmp_path):
    for i in range(5):
        server.commit(repo, t.alice, {"f.txt": f"{i}\n", f"f{i}.txt": "x" * 2000})
    git("clone", "--depth", "1", git.url(repo, None), "shallow")
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").out.strip() == "1"
    git("fetch", "--unshallow", cwd=tmp_path / "shallow")
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").out.strip() == "6"
    git("clone", "--filter=blob:none", "--no-checkout", git.url(repo, None), "partial")
    git("checkout", "main", cwd=tmp_path / "partial")
    assert (tmp_path / "partial/f.txt").read_text() == "4\n"


def test_permissions(git, server, t, name, tmp_path):
    server.create(name, t.alice, private=True)
    assert git("clone", git.url(name, None), "a", check=False).returncode != 0
    assert git("clone", git.url(name, t.bob, "bob"), "b", check=False).returncode != 0
    assert git("clone", git.url(name, "hf_" + "z" * 34), "z", check=False).returncode != 0
    git("clone", git.url(name), "c")
    git("clone", git.url(name, PASSWORD), "by-password")
    git("clone", git.url(name, t.alice_read), "r")
    git("commit", "--allow-empty", "-m", "e", cwd=tmp_path / "r")
    assert git("push", cwd=tmp_path / "r", check=False).returncode != 0, "a read token may not push"
    server.request("PUT", f"/api/models/{name}/settings", {"private": False}, t.alice)
    git("clone", git.url(name, t.bob, "bob"), "b2")
    git("commit", "--allow-empty", "-m", "e", cwd=tmp_path / "b2")
    assert git("push", cwd=tmp_path / "b2", check=False).returncode != 0, "a stranger may not push"
    assert git("clone", git.url("alice/never-was", None), "n", check=False).returncode != 0


def test_a_gated_repository_is_not_cloned_by_strangers(git, server, t, repo):
    server.request("PUT", f"/api/models/{repo}/settings", {"gated": "auto"}, t.alice)
    assert git("clone", git.url(repo, None), "a", check=False).returncode != 0
    assert git("clone", git.url(repo, t.bob, "bob"), "b", check=False).returncode != 0
    git("clone", git.url(repo), "c")


def test_a_pointer_without_its_object_is_refused(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 63}1\nsize 1234\n"
    (c / "w.bin").write_text(pointer)
    git("-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false", "add", ".", cwd=c)
    git("commit", "-m", "a pointer to nothing", cwd=c)
    r = git("push", "--no-verify", cwd=c, check=False)
    assert r.returncode != 0 and "0" * 63 + "1" in r.err
    assert server.get(f"/api/models/{repo}").json()["siblings"] == [{"rfilename": ".gitattributes"}]


def test_a_pointer_hidden_in_an_older_commit_is_refused(git, server, t, repo, tmp_path):
    """Every commit of a push is checked, not only the last."""
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 63}2\nsize 1234\n"
    (c / "w.bin").write_text(pointer)
    git("-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false", "add", ".", cwd=c)
    git("commit", "-m", "bad", cwd=c)
    git("rm", "--cached", "w.bin", cwd=c)
    git("commit", "-m", "cleaned up", cwd=c)
    assert git("push", "--no-verify", cwd=c, check=False).returncode != 0


@pytest.mark.parametrize("bad", [".git/config", "..", "a/../../b"])
def test_trees_with_evil_names_are_refused(git, server, t, repo, tmp_path, bad):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    blob = git("hash-object", "-w", "--stdin", cwd=c, stdin=b"evil").out.strip()
    parts = bad.split("/")
    tree = git("mktree", cwd=c, check=False, stdin=f"100644 blob {blob}\t{parts[-1]}\n".encode())
    if tree.returncode != 0:  # this git refuses to build it: write the object by hand
        raw = b"100644 " + parts[-1].encode() + b"\0" + bytes.fromhex(blob)
        tree = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", cwd=c, stdin=raw)
    sha = tree.out.strip()
    for part in reversed(parts[:-1]):
        raw = b"40000 " + part.encode() + b"\0" + bytes.fromhex(sha)
        sha = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", cwd=c, stdin=raw).out.strip()
    commit = git("commit-tree", "-p", "HEAD", "-m", "evil", sha, cwd=c).out.strip()
    r = git("push", "origin", f"{commit}:refs/heads/main", cwd=c, check=False)
    assert r.returncode != 0
    assert server.head_sha(repo) != commit


def test_locks(git, server, t, repo, tmp_path):
    server.commit(repo, t.alice, {}, {"w.bin": NOISE})
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("lfs", "lock", "w.bin", cwd=c)
    assert "w.bin" in git("lfs", "locks", cwd=c).out
    r = git("lfs", "lock", "w.bin", cwd=c, check=False)
    assert r.returncode != 0
    git("lfs", "unlock", "w.bin", cwd=c)
    assert "w.bin" not in git("lfs", "locks", cwd=c).out


def test_datasets_and_spaces_have_their_own_prefix(git, server, t, name, tmp_path):
    server.create(name, t.alice, "dataset")
    server.commit(name, t.alice, {"d.txt": "dataset"}, kind="datasets")
    git("clone", git.url(name, None, kind="datasets/"), "d")
    assert (tmp_path / "d/d.txt").read_text() == "dataset"
    assert git("clone", git.url(name, None), "m", check=False).returncode != 0


def test_pull_request_refs_can_be_fetched_and_pushed(git, server, t, repo, tmp_path):
    r = server.commit(repo, t.bob, {"pr.txt": "1"}, query={"create_pr": "1"})
    assert r.status == 200, r
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    git("fetch", "origin", "refs/pr/1:pr1", cwd=c)
    git("checkout", "pr1", cwd=c)
    assert (c / "pr.txt").read_text() == "1"
    (c / "more.txt").write_text("2")
    git("add", ".", cwd=c)
    git("commit", "-m", "more", cwd=c)
    git("push", "origin", "pr1:refs/pr/1", cwd=c)
    assert server.resolve(repo, "more.txt", rev="refs/pr/1").body == b"2"


def test_unknown_refs_are_not_pushed(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    r = git("push", "origin", "HEAD:refs/hidden/x", cwd=tmp_path / "c", check=False)
    assert r.returncode != 0
    r = git("push", "origin", "HEAD:refs/pr/99", cwd=tmp_path / "c", check=False)
    assert r.returncode != 0, "a pull request that nobody opened"


def test_unreachable_objects_are_not_served(git, server, t, repo, tmp_path):
    server.commit(repo, t.alice, {"secret.txt": "was here"})
    gone = server.head_sha(repo)
    r = server.post(f"/api/models/{repo}/super-squash/main", {"message": "squashed"}, t.alice)
    assert r.status == 200, r
    git("init", "c")
    r = git("fetch", git.url(repo, None), gone, cwd=tmp_path / "c", check=False)
    assert r.returncode != 0
    assert server.get(f"/api/models/{repo}/revision/{gone}").status == 404
    assert server.resolve(repo, "secret.txt", rev=gone).status == 404


def test_large_files_have_names_wherever_they_are(git, server, repo, t, tmp_path):
    """In other branches and in history too: clients that list them fail without a name."""
    server.post(f"/api/models/{repo}/branch/side", {}, t.alice)
    assert server.commit(repo, large={"of/branch.bin": b"\1" * 10000}, token=t.alice, rev="side").status == 200
    assert server.commit(repo, large={"old.bin": b"\2" * 10000}, token=t.alice).status == 200
    git("clone", "-q", git.url(repo), "work")
    work = tmp_path / "work"
    (work / "by-git.bin").write_bytes(b"\3" * 10000)
    for step in (("add", "by-git.bin"), ("commit", "-qm", "one"), ("rm", "-q", "by-git.bin", "old.bin"), ("commit", "-qm", "none"), ("push", "-q")):
        git(*step, cwd=work)
    files = server.get(f"/api/models/{repo}/lfs-files", t.alice).json()
    assert sorted((f["filename"], f["ref"]) for f in files) == [
        ("by-git.bin", "refs/heads/main"), ("of/branch.bin", "refs/heads/side"), ("old.bin", "refs/heads/main")]


@pytest.mark.long
def test_two_gigabytes(git, server, t, repo, tmp_path):
    git("clone", git.url(repo), "c")
    c = tmp_path / "c"
    with open(c / "big.bin", "wb") as f:
        for i in range(2048):
            f.write(random.Random(i).randbytes(1 << 20))
    git("add", ".", cwd=c)
    git("commit", "-m", "2 GB", cwd=c)
    git("push", cwd=c)
    git("clone", git.url(repo), "d")
    assert subprocess.run(["cmp", c / "big.bin", tmp_path / "d/big.bin"]).returncode == 0
    assert os.path.getsize(tmp_path / "d/big.bin") == 2 << 30
