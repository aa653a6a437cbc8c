#!/usr/bin/env python3
"""bench/xet_hash.py [--size BYTES] [--rounds N] [--dir DIR] - cutting and hashing a file on one core, beside hf_xet.

Both read the same file, which lies in the page cache, on the same core, turn by turn: tests/unit/xet_hash_tool of a release build,
and hash_files of hf_xet in a virtual environment of its own.  Wall time, and processor time (user and system), which tells
more where others use the machine.  The names must agree."""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HF_XET = "hf_xet==1.8.0"
PEER = """
import hf_xet, json, resource, sys, time
def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime
wall, used = time.perf_counter(), cpu()
name = hf_xet.hash_files([sys.argv[1]])[0].hash
print(json.dumps([name, time.perf_counter() - wall, cpu() - used]))
"""


def peer_python():
    folder = ROOT / ".cache" / "bench-hf_xet"
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", HF_XET], check=True)
        (folder / "done").touch()
    return folder / "bin" / "python"


def one_core(command, core):
    return subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))


def ours(tool, path, core):
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    name = one_core([tool, path], core).stdout.split()[0]
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    return name, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer(python, path, core):
    return json.loads(one_core([python, "-c", PEER, path], core).stdout)


def measure(size, rounds, build, folder):
    """(name, wall seconds, processor seconds) of each round: ours, and the peer's."""
    tool, core = Path(build) / "tests" / "unit" / "xet_hash_tool", max(os.sched_getaffinity(0))
    python = peer_python()
    with tempfile.TemporaryDirectory(dir=folder) as work:
        path = f"{work}/noise"
        with open(path, "wb") as f:
            for _ in range(0, size, 1 << 24):
                f.write(os.urandom(min(1 << 24, size - f.tell())))
        mine, theirs = [], []
        for _ in range(rounds):
            mine.append(ours(tool, path, core))
            theirs.append(peer(python, path, core))
    if {r[0] for r in mine} != {r[0] for r in theirs}:
        raise RuntimeError(f"the names differ: {mine[0][0]} and {theirs[0][0]}")
    return mine, theirs


def row(b):
    """For bench.py, as its section `hash`: by processor time, which others on the machine disturb least."""
    size = (4 << 30) // b.SCALE
    mine, theirs = measure(size, 5, b.ROOT / "build-bench", b.WORK)
    m, t, gib = min(r[2] for r in mine), min(r[2] for r in theirs), size / (1 << 30)
    b.row(f"cutting and hashing {gib:.1f} GiB on one core, processor time", f"{m / gib:.2f} s/GiB", f"{HF_XET.replace('==', ' ')}: {t / gib:.2f} s/GiB",
          f"{t / m:.2f}", "1.5", t / m >= 1.5)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--size", type=int, default=4 << 30)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--dir", help="where the file is made; the page cache must hold it")
    p.add_argument("--build", default=str(ROOT / "build"))
    a = p.parse_args()
    mine, theirs = measure(a.size, a.rounds, a.build, a.dir)
    gib = a.size / (1 << 30)
    print(f"{gib:.2f} GiB, {a.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for what, k in ("wall", 1), ("processor", 2):
        m, t = [r[k] for r in mine], [r[k] for r in theirs]
        print(f"{what:>9}: Hearth {gib / min(m):.2f} GiB/s at best, {gib / statistics.median(m):.2f} median; "
              f"hf_xet {gib / min(t):.2f}, {gib / statistics.median(t):.2f}; ratio {min(t) / min(m):.2f}, {statistics.median(t) / statistics.median(m):.2f}")


if __name__ == "__main__":
    main()
