"""hearth scan: folders, answers as text and as JSON, exit status, what is seen on a terminal."""
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

import hearth
from terminal import Terminal

VECTORS = Path(__file__).resolve().parents[1] / "data" / "scan"
CALL = b"cposix\nsystem\n(S'id'\ntR."


def scan(*args, cwd=None):
    return subprocess.run([str(hearth.BIN), "scan", *map(str, args)], capture_output=True, text=True, cwd=cwd, timeout=120)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "models" / "deep").mkdir(parents=True)
    (tmp_path / "models" / "fine.txt").write_text("nothing\n")
    (tmp_path / "models" / "deep" / "weights.bin").write_bytes(CALL)
    with zipfile.ZipFile(tmp_path / "models" / "torch.pt", "w") as z:
        z.writestr("archive/data.pkl", b"\x80\x02cmy_company.tools\nrun\n)R.")
        z.writestr("archive/version", "3\n")
    return tmp_path / "models"


def test_a_folder(folder):
    r = scan("models", cwd=folder.parent)
    assert r.returncode == 1
    lines = r.stdout.splitlines()
    assert lines[0] == "unsafe      models/deep/weights.bin"
    assert lines[1].strip() == "imports and calls posix.system, which can run code or reach what does (byte 0)"
    assert lines[2] == "suspicious  models/torch.pt"
    assert lines[3].strip().startswith("archive/data.pkl: imports and calls my_company.tools.run")
    assert lines[-1] == "3 files: 1 safe, 1 unsafe, 1 suspicious"
    assert r.stderr == "hearth scan: 2 files are unsafe or suspicious\n"


def test_nothing_found(folder):
    r = scan(folder / "fine.txt")
    assert (r.returncode, r.stdout, r.stderr) == (0, "1 file: 1 safe\n", "")
    r = scan("--all", folder / "fine.txt")
    assert r.returncode == 0 and r.stdout.splitlines()[0].startswith("safe ")


def test_caution_alone_is_no_failure(folder):
    r = scan(VECTORS / "evil_xz.joblib")
    assert r.returncode == 0 and r.stdout.startswith("caution ") and r.stdout.endswith("1 file: 0 safe, 1 caution\n")


def test_json(folder):
    r = scan("--json", folder)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    assert r.returncode == 1 and [x["report"]["level"] for x in rows] == ["unsafe", "suspicious"]
    assert rows[0]["size"] == len(CALL)
    assert rows[0]["report"]["pickleImports"] == [{"module": "posix", "name": "system", "safety": "dangerous"}]
    assert rows[1]["report"]["findings"][0]["member"] == "archive/data.pkl"
    assert len(scan("--json", "--all", folder).stdout.splitlines()) == 3


def test_a_cache_of_a_client(tmp_path):
    """Content lies in blobs/ and is linked from snapshots/: each file once, by the name that tells something."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshots" / "main").mkdir(parents=True)
    (tmp_path / "blobs" / ("ab" * 32)).write_bytes(CALL)
    (tmp_path / "snapshots" / "main" / "model.pkl").symlink_to("../../blobs/" + "ab" * 32)
    (tmp_path / "around").symlink_to(tmp_path)
    r = scan(tmp_path)
    assert r.stdout.splitlines()[0] == f"unsafe      {tmp_path}/snapshots/main/model.pkl" and "1 file: 0 safe, 1 unsafe" in r.stdout


def test_what_cannot_be_read(folder):
    (folder / "gone").symlink_to("nowhere")
    r = scan(folder / "gone")
    assert r.returncode == 1 and "there is no file or folder" in r.stderr
    (folder / "deep" / "weights.bin").unlink()
    (folder / "torch.pt").unlink()
    r = scan(folder)
    assert r.returncode == 1 and r.stdout.endswith("1 file: 1 safe; 1 could not be read\n")
    assert scan().returncode == 2 and scan("--nothing", folder).returncode == 2
    os.mkfifo(folder / "pipe")
    assert "neither a file nor a folder" in scan(folder / "pipe").stderr


def test_help():
    r = scan("--help")
    assert r.returncode == 0 and "Examples:" in r.stdout and "--json" in r.stdout


def test_progress_on_a_terminal(tmp_path):
    big = tmp_path / "big.pkl"
    big.write_bytes(b"\x80\x02" + b"N0" * 30_000_000 + b"N.")
    t = Terminal("scan", big, term="xterm")
    t.until("MB: big.pkl")
    t.until("1 file: 1 safe")
    assert os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]) == 0
