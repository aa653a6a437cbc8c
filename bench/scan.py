#!/usr/bin/env python3
"""scan.py [PICKLESCAN] - what `hearth scan` takes for a folder of checkpoints, beside picklescan.

The folder has 480 MiB of checkpoints as PyTorch writes them (8 ZIP archives, each of 60 tensors and a pickle that names them), and a pickle of 20 MB with half a million
words.  PICKLESCAN is the program of `pip install picklescan==1.0.5`, "picklescan" if not told.  Best of five runs each, in turn, the files in the cache; both must
find nothing, and both must find the one call that is put into a copy."""
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEARTH = os.environ.get("HEARTH_BIN", str(ROOT / "build-bench" / "hearth"))
PEER = sys.argv[1] if len(sys.argv) > 1 else "picklescan"
FILES, TENSORS, TENSOR_BYTES, RUNS = 8, 60, 1 << 20, 5


def state(call):
    """What torch.save writes of {"layer.0.weight": tensor, ..}: opcodes by hand, since its wheel is not needed for more."""
    out = [b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01("]
    for i in range(TENSORS):
        name, key, n = f"layer.{i}.weight".encode(), str(i).encode(), TENSOR_BYTES // 4
        out.append(b"X" + len(name).to_bytes(4, "little") + name + b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX" + len(key).to_bytes(4, "little")
                   + key + b"X\x03\0\0\0cpuJ" + n.to_bytes(4, "little") + b"tQK\0J" + n.to_bytes(4, "little") + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR")
    return b"".join(out) + b"u" + call + b"."


def fill(folder, call=b""):
    folder.mkdir()
    tensor = os.urandom(TENSOR_BYTES)
    for k in range(FILES):
        with zipfile.ZipFile(folder / f"pytorch_model-{k}.bin", "w") as z:
            z.writestr("archive/data.pkl", state(call if k == FILES - 1 else b""))
            for i in range(TENSORS):
                z.writestr(f"archive/data/{i}", tensor)
            z.writestr("archive/version", "3\n")
    (folder / "words.pkl").write_bytes(pickle.dumps({f"a word of some length {i}": i for i in range(500_000)}, 4))


def run(*args):
    began, before = time.monotonic(), os.times()
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    after = os.times()
    return time.monotonic() - began, after.children_user + after.children_system - before.children_user - before.children_system, r


def main():
    work = Path(tempfile.mkdtemp(prefix="hearth-bench-", dir=os.environ.get("HEARTH_BENCH_DIR")))
    try:
        fill(work / "honest")
        fill(work / "evil", b"0cposix\nsystem\n(X\x02\0\0\0idtR")
        commands = {"hearth scan": (HEARTH, "scan"), "picklescan": (PEER, "-p")}
        best = {}
        for _ in range(RUNS):
            for name, command in commands.items():
                wall, cpu, r = run(*command, work / "honest")
                assert r.returncode == 0, r.stdout + r.stderr
                best[name] = min(best.get(name, (wall, cpu)), (wall, cpu))
        for command in commands.values():
            assert run(*command, work / "evil")[2].returncode == 1
        size = sum(f.stat().st_size for f in (work / "honest").iterdir()) / 1e6
        for name, (wall, cpu) in best.items():
            print(f"{name}: {wall:.2f} s, {cpu:.2f} of processor, {size:.0f} MB")
        print(f"ratio {best['picklescan'][0] / best['hearth scan'][0]:.1f}, load {os.getloadavg()[0]:.1f}")
    finally:
        shutil.rmtree(work)


main()
