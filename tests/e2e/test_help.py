"""What the help says can be pasted, and what goes wrong is said so that a newcomer knows what to do."""
import os
import re
import subprocess
from pathlib import Path

import hearth

ROOT = Path(__file__).resolve().parents[2]
# Models, caches and jobs that are not here, a token and a hub of one's own, a password that is typed.
NOT_HERE = re.compile(r"\./(?!data)|acme/assistant \"|chat |hf_\.\.\.|5f0c88|user passwd|job re|mirror fetch|cache/huggingface|^hearth serve|^HEARTH_LISTEN")


def examples(cli):
    manual = cli("help", "--man").replace("\\-", "-")
    return [line for block in re.findall(r"^\.RS\n(.*?)\n\.RE", manual, re.M | re.S) for line in block.splitlines()]


def test_examples_work_when_pasted(tmp_path):
    """In the order in which they stand, on one home."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/hearth").symlink_to(hearth.BIN)
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    conf = tmp_path / "hearth.conf"
    conf.write_text("log-level = warn\n")
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HEARTH_HOME": f"{tmp_path}/home"}

    def shell(line):
        return subprocess.run(["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    ran = []
    for line in examples(lambda *a: subprocess.run([hearth.BIN, *a], capture_output=True, text=True, check=True).stdout):
        if NOT_HERE.search(line):
            continue
        if line.startswith("hearth model pin"):
            assert shell("hearth repo create acme/assistant").returncode == 0
        r = shell(line.replace("/etc/hearth.conf", str(conf)).replace("/srv/hearth", f"{tmp_path}/home"))
        assert r.returncode == 0, f"{line}: {r.stdout}{r.stderr}"
        ran.append(line)
    assert len(ran) > 25


def test_what_goes_wrong_says_what_to_do(server, tmp_path):
    def says(*args, home=tmp_path / "none", code=1):
        r = subprocess.run([hearth.BIN, *args, "--home", str(home)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert r.returncode == code and r.stderr.count("\n") == 1, (args, r)
        return r.stderr

    assert "hearth user add begins one" in says("org", "create", "acme") and not (tmp_path / "none").exists()
    home = tmp_path / "home"
    subprocess.run([hearth.BIN, "user", "add", "ann", "--home", str(home)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert "--sdk is for --type space" in says("repo", "create", "ann/x", "--sdk", "static", home=home, code=2)
    assert "a space needs --sdk" in says("repo", "create", "ann/x", "--type", "space", home=home, code=2)
    subprocess.run([hearth.BIN, "repo", "create", "ann/x", "--home", str(home)], check=True, capture_output=True)
    assert "there is already a model ann/x" in says("repo", "create", "ann/x", home=home)
    subprocess.run([hearth.BIN, "bucket", "create", "ann/b", "--home", str(home)], check=True, capture_output=True)
    assert "there is already a bucket ann/b" in says("bucket", "create", "ann/b", home=home)
    assert 'there is no user or organisation "nobody"' in says("repo", "list", "--owner", "nobody", home=home)
    assert "--from is a day after --to" in says("usage", "--from", "2026-11-20", "--to", "2026-11-01", home=home, code=2)
    assert "--listen names another address" in says("serve", "--listen", f"127.0.0.1:{server.port}", home=home)
