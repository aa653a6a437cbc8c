"""Our chunker and hashes against the official ones: hf_xet for the current dialect, @huggingface/xetchunk-wasm (what the
JavaScript client uses) for the old one.  No server: the program tests/unit/xet_hash_tool prints names of files."""
import json
import random
import struct
import subprocess

import pytest

import clients
from hearth import BIN, ROOT

TOOL = BIN.parent / "tests" / "unit" / "xet_hash_tool"
HF_XET = "hf_xet==1.8.0"
# A pattern that, with n zero bytes behind it and repeated, puts cuts everywhere between 8128 and 8429 bytes.
PATTERN = bytes.fromhex(
    "9a342a229f4b7ee046ec0cc44fecb27c7f3263b22cb0ae7efaebcdaefc7a230a1465d645c10873699ee4786f88a2c6fbd3b7fdfca4933f10baa27517aa24cdbb"
    "ae4cd2aed3af0cad913b0246deb59fe3b69cbd33e26a1832b79d8c0a0817d4460aea1721dbfe27ec4631bf7409730f651a9fa5dc0faa387d5ca35eeb26283151")


def _noise(seed, n):
    return random.Random(seed).randbytes(n)


def _safetensors(seed):
    """Two tensors of floats that look like weights."""
    r = random.Random(seed)
    def floats(n, spread):
        return struct.pack(f"<{n}f", *(r.gauss(0, spread) for _ in range(n)))
    data = floats(300_000, 0.02), floats(50_000, 1)
    head, at = {"__metadata__": {"format": "pt"}}, 0
    for name, d in zip(("model.embed.weight", "model.norm.weight"), data):
        head[name] = {"dtype": "F32", "shape": [len(d) // 4], "data_offsets": [at, at + len(d)]}
        at += len(d)
    head = json.dumps(head).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(data)


def _gguf(seed):
    """A header with strings and a tensor of blocks of 4-bit numbers, each with its scale."""
    r = random.Random(seed)
    def text(s):
        return struct.pack("<Q", len(s)) + s
    words = [b"token%d" % i for i in range(20_000)]
    out = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    out += text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(words)) + b"".join(map(text, words))
    out += text(b"blk.0.weight") + struct.pack("<IQQIQ", 2, 4096, 320, 2, 0)
    out += bytes(-len(out) % 32)
    return out + b"".join(struct.pack("<e", r.uniform(0.001, 0.02)) + r.randbytes(16) for _ in range(4096 * 320 // 32))


def _sparse():
    b = bytearray(9_000_000)
    for i, at in enumerate((0, 1_000_000, 4_000_000, 4_131_000, 8_999_000)):
        b[at:at + 700] = _noise(i, 700)
    return bytes(b)


def _text():
    return b"".join(p.read_bytes() for p in sorted(ROOT.glob("docs/**/*.md"))) * 3


def _parquet(folder):
    python = clients.python_client("datasets")
    code = """if 1:
        import sys, random, pyarrow as pa, pyarrow.parquet as pq
        r = random.Random(5)
        t = pa.table({"id": list(range(120000)), "text": [" ".join(r.choices("red green blue black white".split(), k=9)) for _ in range(120000)],
                      "score": [r.random() for _ in range(120000)]})
        pq.write_table(t, sys.argv[1] + "/snappy.parquet")
        pq.write_table(t, sys.argv[1] + "/plain.parquet", compression="none", use_dictionary=False)"""
    subprocess.run([python, "-c", code, str(folder)], check=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    inputs = {"empty": b"", "sparse": _sparse(), "text": _text(), "weights.safetensors": _safetensors(1), "model.gguf": _gguf(2),
              "same": bytes([59]) * 1_000_000, "counting": bytes(i * 7 + 13 & 255 for i in range(200_000)),
              "repeated": _noise(3, 100_003) * 40, "short-period": _noise(4, 12_289) * 300, "big": _noise(5, 48 << 20)}
    for n in (1, 2, 63, 64, 65, 1023, 1024, 1025, 8127, 8128, 8191, 8192, 8193, 65536, 131071, 131072, 131073, 262144, 3_000_000):
        inputs[f"noise-{n}"] = _noise(n, n)
        inputs[f"zeros-{n}"] = bytes(n)
    for n in range(128):
        unit = PATTERN + bytes(n)
        inputs[f"pattern-{n}"] = (unit * (65536 // len(unit) + 1))[:65536]
    for name, data in inputs.items():
        (folder / name).write_bytes(data)
    _parquet(folder)
    return sorted(folder.iterdir())


def ours(files, *options):
    r = subprocess.run([TOOL, *options, *files], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return {line.split(" ", 2)[2].rsplit("/", 1)[1]: line.split(" ")[0] for line in r.stdout.splitlines()}


def differing(a, b):
    assert a.keys() == b.keys()
    return {name for name in a if a[name] != b[name]}


@pytest.fixture(scope="module")
def official(files):
    python = clients._install("hf_xet", [HF_XET], lambda folder: clients.environment(folder, [HF_XET])) / "bin" / "python"
    code = "import hf_xet, sys; [print(i.hash, i.file_size, p) for i, p in zip(hf_xet.hash_files(sys.argv[1:]), sys.argv[1:])]"
    r = subprocess.run([python, "-c", code, *files], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    for line, path in zip(r.stdout.splitlines(), files):
        assert int(line.split(" ")[1]) == path.stat().st_size
    return {line.split(" ", 2)[2].rsplit("/", 1)[1]: line.split(" ")[0] for line in r.stdout.splitlines()}


@pytest.fixture(scope="module")
def javascript(files):
    code = """
        import { getChunks, fileHash, hashToHex } from "@huggingface/xetchunk-wasm";
        import { readFileSync } from "node:fs";
        for (const path of process.argv.slice(2)) console.log(hashToHex(fileHash(getChunks(readFileSync(path)))), 0, path);"""
    folder = clients.js_client()
    (folder / "names.mjs").write_text(code)
    r = subprocess.run(["node", "names.mjs", *files], cwd=folder, capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return {line.split(" ", 2)[2].rsplit("/", 1)[1]: line.split(" ")[0] for line in r.stdout.splitlines()}


@pytest.mark.parametrize("buffer", [1000, 65537, 1 << 20])
def test_files_have_the_names_that_the_official_client_gives_them(files, official, buffer):
    assert len(official) > 160
    assert differing(ours(files, "--buffer", str(buffer)), official) == set()


@pytest.mark.parametrize("buffer", [1000, 1 << 20])
def test_the_old_dialect_is_that_of_the_javascript_client(files, javascript, buffer):
    assert differing(ours(files, "--old", "--buffer", str(buffer)), javascript) == set()


def test_the_dialects_differ_where_they_should_and_nowhere_else(files):
    differ = {1, 12, 17, 24, 29, 53, 61, 75, 78, 84, 86, 89, 104}
    got = differing(ours(files), ours(files, "--old"))
    assert {n for n in got if n.startswith("pattern-")} == {f"pattern-{n}" for n in differ}
    assert not {"same", "counting", "empty"} & got  # no chunk of theirs is near the least size
