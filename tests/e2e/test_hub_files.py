"""huggingface_hub, every pinned version: repositories, uploads, downloads."""
import os
import random

from hearth import git_blob, sha256


def noise(n, seed=1):
    return random.Random(seed).randbytes(n)


def test_whoami(hub):
    w = hub("out = api.whoami()")
    assert w["name"] == "alice" and w["type"] == "user"
    assert {o["name"] for o in w["orgs"]} == {"acme"}
    assert w["auth"]["accessToken"]["role"] == "write"


def test_whoami_with_a_wrong_token(hub):
    r = hub("out = refused('HTTPError', HfApi(token='hf_' + 'x' * 34).whoami)")
    assert r["status"] == 401


def test_create_repo_twice(hub, name):
    out = hub("""
        a = api.create_repo(name, private=True)
        b = api.create_repo(name, exist_ok=True)
        again = refused('HfHubHTTPError', api.create_repo, name)
        out = [str(a), str(b), a.repo_id, again['status'], len(list(api.list_repo_commits(name))), api.list_repo_files(name),
               api.model_info(name).private]
        api.delete_repo(name)
        refused('RepositoryNotFoundError', api.delete_repo, name)
        api.delete_repo(name, missing_ok=True)
        """, name=name)
    assert out[0] == out[1] and out[2] == name
    assert out[3:] == [409, 1, [".gitattributes"], True]


def test_create_repo_of_every_type(hub, name):
    out = hub("""
        out = []
        for kind in ("model", "dataset", "space"):
            more = {"space_sdk": "static"} if kind == "space" else {}
            url = api.create_repo(name, repo_type=kind, **more)
            info = api.repo_info(name, repo_type=kind)
            out.append([url.repo_type, url.repo_id, info.id, sorted(s.rfilename for s in info.siblings)])
            api.delete_repo(name, repo_type=kind)
        """, name=name)
    assert [o[:3] for o in out] == [[k, name, name] for k in ("model", "dataset", "space")]
    assert out[0][3] == [".gitattributes"] and out[1][3] == [".gitattributes"]
    assert out[2][3] == [".gitattributes", "README.md", "index.html", "style.css"]


def test_create_repo_in_organisations(hub, name):
    plain = name.split("/")[1]
    out = hub("""
        out = [api.create_repo("acme/" + plain).repo_id]
        out.append(refused('HfHubHTTPError', api.create_repo, "bob/" + plain)['status'])
        """, plain=plain)
    assert out == ["acme/" + plain, 403]


def test_upload_and_download_small_and_large(hub, name, tmp_path):
    big = noise(3_000_000)
    (tmp_path / "w.bin").write_bytes(big)
    out = hub("""
        api.create_repo(name)
        c1 = api.upload_file(path_or_fileobj=b"hello\\n", path_in_repo="a/hello.txt", repo_id=name, commit_message="first")
        c2 = api.upload_file(path_or_fileobj=folder + "/w.bin", path_in_repo="w.bin", repo_id=name)
        paths = [hf_hub_download(name, p, cache_dir=folder + "/cache") for p in ("a/hello.txt", "w.bin")]
        again = [hf_hub_download(name, p, cache_dir=folder + "/cache") for p in ("a/hello.txt", "w.bin")]
        assert paths == again
        meta = hub.get_hf_file_metadata(hub.hf_hub_url(name, "w.bin"))
        out = [c1.oid if hasattr(c1, 'oid') else None, str(c1), paths, [meta.commit_hash, meta.etag, meta.size],
               [c.title for c in api.list_repo_commits(name)]]
        """, name=name, folder=str(tmp_path))
    assert open(out[2][0], "rb").read() == b"hello\n"
    assert open(out[2][1], "rb").read() == big
    assert out[3][1:] == [sha256(big), len(big)]
    assert out[4] == ["Upload w.bin with huggingface_hub", "first", "initial commit"]
    assert f"/snapshots/{out[3][0]}/" in out[2][1]


def test_upload_the_same_file_twice_makes_one_commit(hub, name, tmp_path):
    (tmp_path / "w.bin").write_bytes(noise(100_000))
    out = hub("""
        api.create_repo(name)
        a = api.upload_file(path_or_fileobj=folder + "/w.bin", path_in_repo="w.bin", repo_id=name)
        b = api.upload_file(path_or_fileobj=folder + "/w.bin", path_in_repo="w.bin", repo_id=name)
        c = api.upload_file(path_or_fileobj=b"text", path_in_repo="t.txt", repo_id=name)
        d = api.upload_file(path_or_fileobj=b"text", path_in_repo="t.txt", repo_id=name)
        out = len(api.list_repo_commits(name))
        """, name=name, folder=str(tmp_path))
    assert out == 3


def test_upload_folder_and_snapshot(hub, name, tmp_path):
    src = tmp_path / "src"
    files = {"README.md": b"---\nlicense: mit\n---\n# x\n", "config.json": b"{}", "sub/deep/er.txt": "grüße\n".encode(),
             "model.safetensors": noise(500_000, 2), "empty.txt": b"", "with space & plus+.txt": b"1",
             "per%cent.txt": b"2", "quest?ion.txt": b"3", "co,mma:colon.txt": b"4", "sub/\u540d\u524d.bin": noise(2000, 3)}
    for p, data in files.items():
        (src / p).parent.mkdir(parents=True, exist_ok=True)
        (src / p).write_bytes(data)
    out = hub("""
        api.create_repo(name, repo_type="dataset")
        c = api.upload_folder(repo_id=name, folder_path=folder + "/src", repo_type="dataset")
        path = snapshot_download(name, repo_type="dataset", cache_dir=folder + "/cache")
        local = snapshot_download(name, repo_type="dataset", local_dir=folder + "/local", cache_dir=folder + "/cache2")
        some = snapshot_download(name, repo_type="dataset", cache_dir=folder + "/cache3", allow_patterns=["*.json"])
        out = [path, sorted(api.list_repo_files(name, repo_type="dataset")), len(os.listdir(some)), str(c)]
        """, name=name, folder=str(tmp_path))
    assert out[1] == sorted([*files, ".gitattributes"])
    assert out[2] == 1
    for where in (out[0], str(tmp_path / "local")):
        for p, data in files.items():
            assert open(os.path.join(where, p), "rb").read() == data, p


def test_tree_and_paths_info(hub, name):
    big = noise(50_000, 4)
    out = hub("""
        api.create_repo(name)
        api.create_commit(repo_id=name, commit_message="c", operations=[
            CommitOperationAdd("b/x.txt", b"x"), CommitOperationAdd("b/c/y.txt", b"yy"),
            CommitOperationAdd("a.bin", big.encode("latin1"))])
        def show(e):
            return [type(e).__name__, e.path, getattr(e, "size", None), getattr(e, "blob_id", None) or getattr(e, "tree_id", None),
                    e.lfs.sha256 if getattr(e, "lfs", None) else None, bool(getattr(e, "last_commit", None))]
        top = [show(e) for e in api.list_repo_tree(name)]
        deep = [show(e) for e in api.list_repo_tree(name, recursive=True)]
        sub = [show(e) for e in api.list_repo_tree(name, "b", expand=True)]
        info = [show(e) for e in api.get_paths_info(name, ["a.bin", "b", "nowhere"], expand=True)]
        gone = refused('EntryNotFoundError', lambda: list(api.list_repo_tree(name, "nowhere")))
        norev = refused('RevisionNotFoundError', lambda: list(api.list_repo_tree(name, revision="nope")))
        out = [top, deep, sub, info]
        """, name=name, big=big.decode("latin1"))
    top, deep, sub, info = out
    assert [e[:3] for e in top] == [["RepoFile", ".gitattributes", top[0][2]], ["RepoFile", "a.bin", 50_000],
                                    ["RepoFolder", "b", None]]
    assert [e[1] for e in deep] == [".gitattributes", "a.bin", "b", "b/c", "b/c/y.txt", "b/x.txt"]
    assert top[1][4] == sha256(big)
    assert [e[3] for e in deep][-1] == git_blob(b"x")
    assert [(e[1], e[5]) for e in sub] == [("b/c", True), ("b/x.txt", True)]
    assert [(e[1], e[5]) for e in info] == [("a.bin", True), ("b", True)]


def test_exists(hub, name):
    out = hub("""
        api.create_repo(name)
        out = [api.file_exists(name, ".gitattributes"), api.file_exists(name, "no"), api.file_exists("alice/none", "x"),
               api.repo_exists(name), api.repo_exists("alice/none"), api.repo_exists("nobody/none"),
               HfApi(token=False).repo_exists("alice/none"),
               api.revision_exists(name, "main"), api.revision_exists(name, "no"), api.revision_exists("alice/none", "main")]
        """, name=name)
    assert out == [True, False, False, True, False, False, False, True, False, False]


def test_missing_files_are_remembered(hub, repo, tmp_path):
    """transformers' probing: a 404 with the commit makes the client remember that there is no such file."""
    out = hub("""
        r = refused('EntryNotFoundError', hf_hub_download, name, "nope.json", cache_dir=folder)
        out = hub.try_to_load_from_cache(name, "nope.json", cache_dir=folder) is hub._CACHED_NO_EXIST
        refused('RevisionNotFoundError', hf_hub_download, name, "a", revision="nope", cache_dir=folder)
        refused('RepositoryNotFoundError', hf_hub_download, "alice/none", "a", cache_dir=folder)
        """, name=repo, folder=str(tmp_path))
    assert out is True


def test_delete_copy_and_move_files(hub, name, tmp_path):
    big = noise(60_000, 5)
    out = hub("""
        api.create_repo(name)
        api.create_commit(repo_id=name, commit_message="one", operations=[
            CommitOperationAdd("a.bin", big.encode("latin1")), CommitOperationAdd("t.txt", b"text"),
            CommitOperationAdd("d/1.txt", b"1"), CommitOperationAdd("d/2.txt", b"2")])
        api.create_commit(repo_id=name, commit_message="two", operations=[
            CommitOperationCopy("a.bin", "copy/b.bin"), CommitOperationDelete("a.bin"), CommitOperationDelete("d/")])
        files = api.list_repo_files(name)
        api.delete_file("t.txt", name)
        api.upload_file(path_or_fileobj=b"x", path_in_repo="e/x", repo_id=name)
        api.delete_folder("e", name)
        got = hf_hub_download(name, "copy/b.bin", cache_dir=folder)
        r = refused('EntryNotFoundError', api.delete_file, "t.txt", name)
        out = [files, api.list_repo_files(name), got, r['text']]
        """, name=name, big=big.decode("latin1"), folder=str(tmp_path))
    assert out[0] == [".gitattributes", "copy/b.bin", "t.txt"]
    assert out[1] == [".gitattributes", "copy/b.bin"]
    assert open(out[2], "rb").read() == big
    assert "doesn't exist" in out[3]


def test_parent_commit_must_be_current(hub, repo):
    r = hub("""
        head = api.model_info(name).sha
        first = api.create_commit(repo_id=name, commit_message="a", operations=[CommitOperationAdd("a", b"1")], parent_commit=head)
        out = refused('HfHubHTTPError', api.create_commit, repo_id=name, commit_message="b",
                      operations=[CommitOperationAdd("a", b"2")], parent_commit=head)
        assert api.model_info(name).sha == first.oid
        """, name=repo)
    assert r["status"] == 412 and "The branch was updated since you opened this page" in r["text"]


def test_create_pr_and_add_to_it(hub, repo):
    out = hub("""
        c = api.create_commit(repo_id=name, commit_message="A title", commit_description="words", create_pr=True,
                              operations=[CommitOperationAdd("pr.txt", b"1")])
        d = api.create_commit(repo_id=name, commit_message="more", revision=c.pr_revision,
                              operations=[CommitOperationAdd("pr2.txt", b"2")])
        refs = api.list_repo_refs(name, include_pull_requests=True)
        out = [c.pr_num, c.pr_revision, c.pr_url, api.list_repo_files(name), api.list_repo_files(name, revision=c.pr_revision),
               [r.ref for r in refs.pull_requests], [x.title for x in api.list_repo_commits(name, revision=c.pr_revision)]]
        refused('RevisionNotFoundError', api.create_commit, repo_id=name, commit_message="x", create_pr=True,
                revision="nowhere", operations=[CommitOperationAdd("z", b"1")])
        """, name=repo)
    assert out[0] == 1 and out[1] == "refs/pr/1" and out[2].endswith(f"/{repo}/discussions/1")
    assert out[3] == [".gitattributes"] and out[4] == [".gitattributes", "pr.txt", "pr2.txt"]
    assert out[5] == ["refs/pr/1"] and out[6] == ["more", "A title", "initial commit"]


def test_a_stranger_may_open_a_pull_request(hub, repo, t):
    out = hub("""
        bob = HfApi(token=token)
        c = bob.create_commit(repo_id=name, commit_message="from bob", create_pr=True,
                              operations=[CommitOperationAdd("x.bin", b"\\0" * 5000), CommitOperationAdd("y.txt", b"y")])
        no = refused('HfHubHTTPError', bob.create_commit, repo_id=name, commit_message="no",
                     operations=[CommitOperationAdd("y.txt", b"y")])
        out = [c.pr_num, no['status'], api.list_repo_files(name, revision="refs/pr/1")]
        """, name=repo, token=t.bob)
    assert out == [1, 403, [".gitattributes", "x.bin", "y.txt"]]


def test_many_small_files_in_one_commit(hub, name, tmp_path):
    for i in range(300):
        (tmp_path / f"f{i:03}.txt").write_text(f"file {i}\n")
    out = hub("""
        api.create_repo(name)
        api.upload_folder(repo_id=name, folder_path=folder, path_in_repo="many")
        out = [len(api.list_repo_files(name)), len(list(api.list_repo_tree(name, "many")))]
        """, name=name, folder=str(tmp_path))
    assert out == [301, 300]


def test_upload_large_folder(hub, name, tmp_path):
    if hub.version < (0, 27) or hub.version >= (2, 0):
        import pytest
        pytest.skip("this version has no upload_large_folder")
    src = tmp_path / "src"
    (src / "shards").mkdir(parents=True)
    for i in range(8):
        (src / "shards" / f"{i}.bin").write_bytes(noise(20_000, i))
        (src / f"{i}.txt").write_text(f"{i}\n" * 10)
    out = hub("""
        api.upload_large_folder(repo_id=name, repo_type="model", folder_path=folder + "/src", num_workers=2, print_report=False)
        path = snapshot_download(name, cache_dir=folder + "/cache")
        out = path
        """, name=name, folder=str(tmp_path))
    for i in range(8):
        assert open(f"{out}/shards/{i}.bin", "rb").read() == noise(20_000, i)
        assert open(f"{out}/{i}.txt").read() == f"{i}\n" * 10


def test_upload_from_a_file_object(hub, name):
    out = hub("""
        api.create_repo(name)
        api.upload_file(path_or_fileobj=io.BytesIO(b"\\0\\1" * 20000), path_in_repo="x.bin", repo_id=name)
        out = [e.lfs.size for e in api.get_paths_info(name, "x.bin")]
        """, name=name)
    assert out == [40000]


def test_gitignore_is_obeyed(hub, name, tmp_path):
    (tmp_path / ".gitignore").write_text("*.log\nskip/\n")
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.log").write_text("b")
    (tmp_path / "skip").mkdir()
    (tmp_path / "skip" / "c.txt").write_text("c")
    out = hub("""
        api.create_repo(name)
        api.upload_folder(repo_id=name, folder_path=folder)
        out = api.list_repo_files(name)
        """, name=name, folder=str(tmp_path))
    assert out == [".gitattributes", ".gitignore", "a.txt"]


def test_an_upload_may_replace_and_empty_files(hub, name, tmp_path):
    out = hub("""
        api.create_repo(name)
        api.upload_file(path_or_fileobj=b"\\0" * 9000, path_in_repo="w.bin", repo_id=name)
        api.upload_file(path_or_fileobj=b"", path_in_repo="w.bin", repo_id=name)
        empty = api.get_paths_info(name, "w.bin")[0]
        path = hf_hub_download(name, "w.bin", cache_dir=folder)
        out = [empty.size, empty.lfs is None, os.path.getsize(path)]
        """, name=name, folder=str(tmp_path))
    assert out == [0, True, 0]


def test_resumed_download(hub, name, tmp_path):
    """A half file on disk: the client goes on with a Range."""
    big = noise(2_000_000, 9)
    out = hub("""
        api.create_repo(name)
        api.upload_file(path_or_fileobj=big.encode("latin1"), path_in_repo="w.bin", repo_id=name)
        meta = hub.get_hf_file_metadata(hub.hf_hub_url(name, "w.bin"))
        blobs = pathlib.Path(folder) / ("models--" + name.replace("/", "--")) / "blobs"
        blobs.mkdir(parents=True)
        (blobs / (meta.etag + ".incomplete")).write_bytes(big.encode("latin1")[:700_001])
        out = hf_hub_download(name, "w.bin", cache_dir=folder)
        """, name=name, big=big.decode("latin1"), folder=str(tmp_path))
    assert open(out, "rb").read() == big
