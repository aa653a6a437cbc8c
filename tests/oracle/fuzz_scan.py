"""Compares what `hearth scan` says of mutated pickles with what Python's two loaders import from them.

    python tests/oracle/fuzz_scan.py build/hearth tests/data/scan [ROUNDS]

find_class is replaced by one that writes down what is asked for and answers with something that does nothing, so nothing is imported and nothing is
called.  Whatever a loader asked for must be among the imports of the report, or the file must be unsafe.  It prints the inputs for which that is not so,
and keeps them in scan-finds/."""
import io
import json
import pickle
import random
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HEARTH, SEEDS, ROUNDS = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 10
PER_ROUND = 2000
MODULE = re.compile(r"[^\W\d][\w.-]*")
NAMES = [b"posix", b"system", b"os", b"collections", b"OrderedDict", b"numpy", b"dtype", b"builtins", b"eval"]
OPCODES = [bytes([b]) for b in b"(.0125BCFGIJKLMNPQRSTUVX)]}abcdeghijlopqrstu" + bytes(range(0x80, 0x99))]


class Nothing:
    def __init__(self, *args, **kw):
        pass

    def __new__(cls, *args, **kw):
        return object.__new__(cls)

    def __call__(self, *args, **kw):
        return Nothing()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def __hash__(self):
        return 1


def loader(base, **options):
    class Loader(base):
        def find_class(self, module, name):
            self.asked.append((module, name))
            return Nothing

        def persistent_load(self, pid):
            return Nothing()

        def get_extension(self, code):
            self.asked.append(("extension", str(code)))
            return Nothing

    def load(data):
        at = io.BytesIO(data)
        asked = []
        while at.tell() < len(data):
            u = Loader(at, **options)
            u.asked = asked
            try:
                u.load()
            except BaseException as e:  # whatever: it has imported what it has
                if isinstance(e, (KeyboardInterrupt, TimeoutError)):
                    raise
                break
        return asked
    return load


LOADERS = [loader(pickle.Unpickler), loader(pickle._Unpickler), loader(pickle.Unpickler, encoding="latin1"), loader(pickle._Unpickler, encoding="bytes")]


def seeds():
    for f in sorted(SEEDS.iterdir()):
        data = f.read_bytes()
        if f.suffix in (".pkl", ".txt", ".p") and len(data) < 4000:
            yield data
        elif f.suffix == ".pt" and data[:2] == b"PK":
            try:
                yield zipfile.ZipFile(f).read("archive/data.pkl")
            except (KeyError, RuntimeError, zipfile.BadZipFile):
                pass


def mutate(data, others):
    b = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        at = random.randrange(len(b) + 1)
        kind = random.randrange(7)
        if kind == 0 and b:
            b[at % len(b)] = random.randrange(256)
        elif kind == 1:
            b[at:at] = random.choice(OPCODES)
        elif kind == 2:
            del b[at:at + random.randrange(1, 4)]
        elif kind == 3:
            name = random.choice(NAMES)
            b[at:at] = random.choice((b"\x8c" + bytes([len(name)]) + name, b"S'" + name + b"'\n", b"V" + name + b"\n", b"X" + len(name).to_bytes(4, "little") + name))
        elif kind == 4:
            b[at:at] = random.choice((b"cposix\nsystem\n", b"q\1", b"h\1", b"\x94", b"\x93", b"(S'id'\ntR", b"0", b"2", b"\x80\4", b"I 0x1_0\n", b"p00_3\n", b"g3\n", b"L1L\n"))
        elif kind == 5:
            other = random.choice(others)
            i = random.randrange(len(other))
            b[at:at] = other[i:i + random.randrange(1, 40)]
        else:
            i = random.randrange(len(b) + 1)
            b[at:at] = b[i:i + random.randrange(1, 20)]
    return bytes(b)


def too_long(*_):
    raise TimeoutError


def main():
    random.seed(1)
    start, finds, seen = list(seeds()), 0, 0
    signal.signal(signal.SIGALRM, too_long)
    for n in range(ROUNDS):
        with tempfile.TemporaryDirectory() as d:
            want = {}
            for i in range(PER_ROUND):
                data = mutate(random.choice(start), start)
                try:
                    signal.alarm(2)
                    asked = {x for load in LOADERS for x in load(data)}
                except (TimeoutError, MemoryError):
                    continue
                finally:
                    signal.alarm(0)
                (Path(d) / f"{i:05}.pkl").write_bytes(data)
                want[f"{i:05}.pkl"] = (data, asked)
            r = subprocess.run([HEARTH, "scan", "--all", "--json", d], capture_output=True, text=True)
            said = {Path(x["path"]).name: x for x in map(json.loads, r.stdout.splitlines())}
            for name, (data, asked) in want.items():
                report = said[name]["report"]
                have = {(x["module"], x["name"]) for x in report["pickleImports"]}
                seen += len(asked)
                if not all(MODULE.fullmatch(m) and k.isprintable() and k and " " not in k for m, k in asked):
                    continue  # there is no such module or name: a loader ends here
                missing = asked - have
                if missing and report["level"] != "unsafe":
                    finds += 1
                    Path("scan-finds").mkdir(exist_ok=True)
                    (Path("scan-finds") / f"{n}-{name}").write_bytes(data)
                    print(report["level"], missing, data[:300])
    print(f"{ROUNDS * PER_ROUND} inputs, {seen} imports, {finds} not seen")


main()
