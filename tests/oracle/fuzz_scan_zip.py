"""Compares what `hearth scan` says of mutated ZIP archives with what Python's zipfile reads from them.

    python tests/oracle/fuzz_scan_zip.py build/hearth tests/data/scan [SEED [COUNT]]

Flags and checksums are taken out of zipfile's way, as PyTorch's reader ignores them.  An archive from which a member with the call can be read must be
unsafe; others are kept in scan-finds/."""
import io
import json
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

warnings.simplefilter("ignore")
HEARTH, SEEDS = sys.argv[1], Path(sys.argv[2])
random.seed(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
COUNT = int(sys.argv[4]) if len(sys.argv) > 4 else 4000
EVIL = b"\x80\2cposix\nsystem\n(X\x02\0\0\0idtR"


def mutate(seeds):
    b = bytearray(random.choice(seeds))
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(b))
        kind = random.randrange(5)
        if kind == 0:
            b[at] = random.randrange(256)
        elif kind == 1:
            b[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            b[at:at] = bytes(random.randrange(1, 40))
        elif kind == 3:
            del b[at:at + random.randrange(1, 10)]
        else:
            other = random.choice(seeds)
            b = bytearray(other) + b if random.random() < 0.3 else b + bytearray(other)
    return bytes(b)


def reads_evil(b):
    try:
        z = zipfile.ZipFile(io.BytesIO(b))
    except Exception:  # it is none
        return False
    for info in z.infolist():
        info.flag_bits &= ~0x61
        data = b""
        try:
            f = z.open(info)
            f._expected_crc = None
            while more := f.read1(4096):
                data += more
        except Exception:  # what was read until then counts
            pass
        if data.startswith(EVIL):
            return True
    return False


def main():
    seeds = [b for f in sorted(SEEDS.glob("torch_*")) if b"PK\5\6" in (b := f.read_bytes()) and len(b) < 5000]
    with tempfile.TemporaryDirectory() as d:
        want = {f"{i}.pt": b for i in range(COUNT) if reads_evil(b := mutate(seeds))}
        for name, b in want.items():
            (Path(d) / name).write_bytes(b)
        r = subprocess.run([HEARTH, "scan", "--all", "--json", d], capture_output=True, text=True)
        finds = [x for x in map(json.loads, r.stdout.splitlines()) if x["report"]["level"] != "unsafe"]
        for x in finds:
            name = Path(x["path"]).name
            Path("scan-finds").mkdir(exist_ok=True)
            (Path("scan-finds") / name).write_bytes(want[name])
            print(name, x["report"]["level"], [f["message"] for f in x["report"]["findings"]][:4])
        print(f"{len(want)} archives with the call, {len(finds)} not seen")


main()
