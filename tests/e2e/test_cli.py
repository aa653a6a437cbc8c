"""The `hf` command, newest and oldest spelling."""
import subprocess
import uuid

import pytest

import clients


@pytest.fixture(params=["2.4.0", "1.12.2", "0.36.2", "0.24.7"])
def hf(request, server, t, tmp_path):
    python = clients.python_client(f"hub-{request.param}")
    program = python.parent / ("hf" if (python.parent / "hf").exists() else "huggingface-cli")
    env = clients.client_environment(server, tmp_path / "home", t.alice)

    def run(*args, check=True, **kw):
        r = subprocess.run([str(program), *args], capture_output=True, text=True, env=env, cwd=tmp_path, timeout=120, **kw)
        if check:
            assert r.returncode == 0, f"{program.name} {' '.join(args)}: {r.stdout}\n{r.stderr}"
        return r
    run.version = tuple(int(x) for x in request.param.split("."))
    run.new = program.name == "hf"
    return run


def test_whoami(hf):
    r = hf("auth", "whoami") if hf.new else hf("whoami")
    assert "alice" in r.stdout and "acme" in r.stdout


def test_upload_then_download(hf, tmp_path):
    repo = f"alice/cli-{uuid.uuid4().hex[:8]}"
    src = tmp_path / "src"
    (src / "sub").mkdir(parents=True)
    (src / "a.txt").write_text("a\n")
    (src / "sub" / "w.safetensors").write_bytes(bytes(range(256)) * 1000)
    r = hf("upload", repo, "src", ".")
    assert repo in r.stdout + r.stderr
    hf("upload", repo, "src/a.txt", "b.txt", "--revision", "dev", "--commit-message", "to a new branch")
    hf("download", repo, "--local-dir", "got")
    assert (tmp_path / "got/a.txt").read_text() == "a\n"
    assert (tmp_path / "got/sub/w.safetensors").read_bytes() == bytes(range(256)) * 1000
    assert not (tmp_path / "got/b.txt").exists()
    r = hf("download", repo, "b.txt", "--revision", "dev", "--local-dir", "dev")
    assert (tmp_path / "dev/b.txt").read_text() == "a\n"
    r = hf("download", repo, "absent.txt", check=False)
    assert r.returncode != 0


def test_repositories_branches_and_tags(hf):
    if not hf.new:
        pytest.skip("huggingface-cli of 0.24 creates repositories in another way")
    repo = f"alice/cli-{uuid.uuid4().hex[:8]}"
    word = "repos" if hf.version >= (1, 10) else "repo"
    hf(word, "create", repo, "--private") if hf.version >= (0, 36) else None
    hf(word, "tag", "create", repo, "v1", "-m", "the first")
    r = hf(word, "tag", "list", repo)
    assert "v1" in r.stdout
    if hf.version >= (1, 0):
        hf(word, "branch", "create", repo, "dev")
        hf(word, "branch", "delete", repo, "dev")
        hf(word, "delete", repo, *(["--yes"] if hf.version >= (1, 12) else []))
        assert hf("download", repo, check=False).returncode != 0


def test_models_are_listed(hf):
    if hf.version < (1, 12):
        pytest.skip("this version has no models command")
    repo = f"alice/cli-{uuid.uuid4().hex[:8]}"
    hf("repos", "create", repo)
    r = hf("models", "ls", "--search", repo.split("/")[1], "--author", "alice", "--format", "json")
    assert repo in r.stdout
