"""Makes tests/data/scan: files that scanners of pickles must and must not warn of, and in expected.json what picklescan says of each.

    pip install picklescan==1.0.5 numpy==2.4.6 joblib==1.6.0 scikit-learn==1.9.1
    python tests/oracle/make_scan.py tests/data/scan

Run once; the result is committed.  Nothing here does harm where it is loaded: what is called is `id`.  `least` is the mildest answer that is right,
`picklescan` the worst safety that picklescan saw ("error": it could not read the file), for the test that ours is never milder.
"""
import gzip
import io
import json
import pickle
import shutil
import struct
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import joblib
import numpy as np
from picklescan.scanner import SafetyLevel, scan_file_path
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

OUT = Path(sys.argv[1])
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
least = {}


def put(name, data, level):
    assert name not in least, name
    (OUT / name).write_bytes(data)
    least[name] = level


def unsafe(name, data):
    put(name, data, "unsafe")


# ---------------------------------------------------------------- opcodes by hand

def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def short(s):
    return b"\x8c" + bytes([len(s)]) + s.encode()


CALL = b"cposix\nsystem\n(S'id'\ntR."
proto = {p: b"" if p < 2 else b"\x80" + bytes([p]) for p in range(6)}

for p in range(6):
    unsafe(f"global_{p}.pkl", proto[p] + b"cposix\nsystem\n(S'id'\ntR.")
    unsafe(f"inst_{p}.pkl", proto[p] + b"(S'id'\niposix\nsystem\n.")
    unsafe(f"obj_{p}.pkl", proto[p] + b"(cposix\nsystem\nS'id'\no.")
    unsafe(f"newobj_{p}.pkl", proto[p] + b"cposix\nsystem\n(X\x02\0\0\0idt\x81.")
    unsafe(f"newobj_ex_{p}.pkl", proto[p] + b"cposix\nsystem\n(X\x02\0\0\0idt}\x92.")
    unsafe(f"stack_global_{p}.pkl", proto[p] + short("posix") + short("system") + b"\x93" + short("id") + b"\x85R.")
texts = {"S": b"S'posix'\n", "T": b"T\5\0\0\0posix", "U": b"U\5posix", "V": b"Vposix\n", "V_escaped": b"V\\u0070os\\U00000069x\n", "S_escaped": b"S'\\x70os\\151x'\n",
         "X": b"X\5\0\0\0posix", "8c": short("posix"), "8d": b"\x8d" + u64(5) + b"posix"}
for k, v in texts.items():
    unsafe(f"stack_global_of_{k}.pkl", b"\x80\4" + v + v.replace(b"posix", b"system").replace(b"\\u0070os\\U00000069x", b"s\\u0079stem").replace(b"\\x70os\\151x", b"s\\x79stem")
           .replace(b"\5", b"\6") + b"\x93" + short("id") + b"\x85R.")
unsafe("frame_long.pkl", b"\x80\4\x95" + u64(1 << 30) + CALL)
unsafe("frame_short.pkl", b"\x80\4\x95" + u64(1) + CALL)
unsafe("frame_overlaps.pkl", b"\x80\4\x95" + u64(40) + b"N0\x95" + u64(1000) + CALL)
unsafe("proto_9.pkl", b"\x80\x09" + CALL)
unsafe("proto_twice.pkl", b"\x80\2\x80\4" + CALL)
put("literal_2_63.pkl", b"\x80\4\x8d" + u64(1 << 63) + b"x.", "caution")
unsafe("literal_2_63_after.pkl", CALL[:-1] + b"\x8d" + u64(1 << 63) + b"x.")

# ---------------------------------------------------------------- evasions: one of each row

for module, name in [("pip._internal.cli.main", "main"), ("pty", "spawn"), ("timeit", "timeit"), ("runpy", "run_module"), ("numpy.f2py.crackfortran", "getlincoef"),
                     ("torch.utils.bottleneck.__main__", "run_cprofile"), ("idlelib.pyshell", "ModifiedInterpreter.runcode"), ("uuid", "_get_command_stdout"),
                     ("imaplib", "IMAP4_stream"), ("_pyrepl.pager", "pipe_pager"), ("logging", "FileHandler"), ("pkgutil", "resolve_name"), ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
                     ("importlib", "import_module"), ("marshal", "loads"), ("builtins", "__import__"), ("random", "_os.system"), ("torch", "serialization.os.system"),
                     ("commands", "getoutput"), ("__builtin__", "eval"), ("cPickle", "loads"), ("copy_reg", "add_extension"), ("urllib", "urlopen"), ("functools", "partial"),
                     ("operator", "attrgetter"), ("os", "path.os.system"), ("torch.hub", "load"), ("numpy", "load"), ("joblib", "load"), ("dill", "loads"), ("shutil", "rmtree")]:
    unsafe(f"gadget_{module}_{name}.pkl", b"\x80\2c" + f"{module}\n{name}\n".encode() + b"(X\x02\0\0\0idtR.")
put("gadget_unknown_module.pkl", b"\x80\2cmy_company.tools\nrun\n(X\x02\0\0\0idtR.", "suspicious")
for name in ("config.p", "notes.txt", "weights.bin", "data.dat", "noending", "picture.png"):
    unsafe("name_" + name, CALL)
unsafe("broken_opcode.pkl", CALL[:-1] + b"\xff\xff\xff")
unsafe("broken_truncated.pkl", CALL[:-1])
unsafe("broken_underflow.pkl", CALL[:-1] + b"00000000.")
unsafe("broken_then_hidden.pkl", b"\x80\4N\xff" + b"rest" + CALL)
unsafe("number_base.pkl", b"I0x10\n0L0x10L\n0I1_000\n0I 7 \n0L0b11\n0" + CALL)
unsafe("number_leading_zero.pkl", b"I010\n0" + CALL)
unsafe("number_then_zero.pkl", b"I1\0posix\n0" + CALL)
unsafe("index_then_zero.pkl", CALL[:14] + b"p7\0x\n0g7\0\n" + CALL[14:])
unsafe("line_without_end.pkl", b"(S'id'\niposix\nsystemX")
unsafe("string_latin1.pkl", b"S'\xe9\xff'\n0" + CALL)
unsafe("second.pkl", pickle.dumps({"a": 1}) + CALL)
unsafe("second_behind_junk.pkl", pickle.dumps({"a": 1}) + b"\0\0junk\xff" + CALL)
unsafe("memo_get.pkl", b"\x80\4" + short("posix") + b"q\0" + short("system") + b"q\1" + b"00" + b"h\0h\1\x93" + short("id") + b"\x85R.")
unsafe("memo_again.pkl", b"\x80\4" + short("collections") + b"q\0" + short("OrderedDict") + b"q\1" + b"00" + short("posix") + b"q\0" + short("system") + b"q\1" + b"00"
       + b"h\0h\1\x93" + short("id") + b"\x85R.")
unsafe("memo_huge.pkl", b"cposix\np4294967295\n".replace(b"\np", b"\nsystem\np") + b"0g4294967295\n(S'id'\ntR.")
unsafe("memo_memoize.pkl", b"\x80\4" + short("posix") + b"\x94" + short("system") + b"\x94" + b"00" + b"h\0h\1\x93" + short("id") + b"\x85R.")
unsafe("string_stack_global.pkl", b"\x80\4S'posix'\nS'system'\n\x93S'id'\n\x85R.")
unsafe("result_popped.pkl", b"\x80\2cposix\nsystem\n(X\x02\0\0\0idtR0N.")
unsafe("nested_in_bytes.pkl", b"\x80\4B" + u32(len(CALL)) + CALL + b".")
unsafe("nested_in_text.pkl", b"\x80\4X" + u32(len(CALL)) + CALL + b".")
unsafe("nested_in_string.pkl", b"S\"" + CALL.replace(b"\n", b"\\n") + b"\"\n.")
unsafe("nested_twice.pkl", pickle.dumps(pickle.dumps(pickle.dumps([1, 2, 3]) + CALL)))
unsafe("nested_loads.pkl", b"\x80\4c_pickle\nloads\n(B" + u32(len(CALL)) + CALL + b"tR.")
unsafe("extension.pkl", b"\x80\4ccopyreg\nadd_extension\n(" + short("posix") + short("system") + b"K\1tR0\x82\1" + short("id") + b"\x85R.")
unsafe("extension_alone.pkl", b"\x80\4\x84\x10\0\0\0" + short("id") + b"\x85R.")
unsafe("name_computed.pkl", b"\x80\4" + b"cbuiltins\nstr\n(" + short("os") + b"tR" + short("system") + b"\x93" + short("id") + b"\x85R.")
put("call_computed.pkl", b"\x80\4ccollections\nOrderedDict\n)R" + short("id") + b"\x85R.", "suspicious")
put("build_on_import.pkl", b"\x80\4ccollections\nOrderedDict\n}" + short("x") + b"K\1sb.", "suspicious")


# ---------------------------------------------------------------- torch: its zip, its older files

STATE = (b"\x80\2ccollections\nOrderedDict\nq\0)Rq\1X\6\0\0\0weightq\2ctorch._utils\n_rebuild_tensor_v2\nq\3((X\7\0\0\0storageq\4ctorch\nFloatStorage\nq\5X\1\0\0\0"
         b"0q\6X\3\0\0\0cpuq\7K\4tq\x08QK\0K\4\x85q\tK\1\x85q\n\x89h\0)Rq\x0btq\x0cRq\rs.")
EVIL = b"\x80\2cposix\nsystem\n(X\x02\0\0\0idtR."


def torch_zip(data, name="archive/data.pkl", method=zipfile.ZIP_STORED, prefix=b"", more=()):
    out = io.BytesIO()
    out.write(prefix)
    with zipfile.ZipFile(out, "a" if prefix else "w") as z:
        z.writestr(zipfile.ZipInfo(name), data, method)
        z.writestr(zipfile.ZipInfo("archive/byteorder"), b"little", method)
        z.writestr(zipfile.ZipInfo("archive/data/0"), struct.pack("<4f", 1, 2, 3, 4), method)
        z.writestr(zipfile.ZipInfo("archive/version"), b"3\n", method)
        for n, d in more:
            z.writestr(zipfile.ZipInfo(n), d, method)
    return out.getvalue()


def entries(b):
    """Places of central and local headers."""
    at = struct.unpack_from("<I", b, b.rindex(b"PK\5\6") + 16)[0]
    while b[at:at + 4] == b"PK\1\2":
        n, x, c = struct.unpack_from("<3H", b, at + 28)
        yield at, struct.unpack_from("<I", b, at + 42)[0]
        at += 46 + n + x + c


put("torch.pt", torch_zip(STATE), "safe")
put("torch_deflated.pt", torch_zip(STATE, method=zipfile.ZIP_DEFLATED), "safe")
unsafe("torch_evil.pt", torch_zip(EVIL))
unsafe("torch_evil_deflated.bin", torch_zip(EVIL, method=zipfile.ZIP_DEFLATED))
unsafe("torch_upper_case.pt", torch_zip(EVIL, "archive/DATA.PKL"))
unsafe("torch_protocol_0.pt", torch_zip(CALL))
unsafe("torch_other_name.pt", torch_zip(STATE, more=[("archive/config.p", EVIL)]))
unsafe("torch_in_data.pt", torch_zip(STATE, more=[("archive/data/1", EVIL)]))
unsafe("torch_prefix.png", torch_zip(EVIL, prefix=b"\x89PNG\r\n\x1a\n" + bytes(200)))
for bit in (0x1, 0x20, 0x40):
    for method, word in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        b = bytearray(torch_zip(EVIL, method=method))
        for central, local in entries(bytes(b)):
            b[central + 8] |= bit
            b[local + 6] |= bit
        unsafe(f"torch_flag_{bit:x}_{word}.pt", bytes(b))
b = bytearray(torch_zip(EVIL))
for central, local in entries(bytes(b)):
    b[central + 16] ^= 0xff
    b[local + 14] ^= 0xff
unsafe("torch_crc.pt", bytes(b))
b = bytearray(torch_zip(EVIL))
for central, local in list(entries(bytes(b)))[:1]:
    b[local + 30:local + 46] = b"archive/data.txt"
unsafe("torch_local_name.pt", bytes(b))
b = bytearray(torch_zip(STATE))
for central, local in list(entries(bytes(b)))[:1]:
    b[local + 30:local + 46] = b"archive/data.txt"
put("torch_local_name_honest.pt", bytes(b), "suspicious")
good, hidden = torch_zip(STATE), torch_zip(EVIL)
end = hidden.index(b"PK\3\4", 4)
shift = bytearray(good)
for central, local in entries(good):
    struct.pack_into("<I", shift, central + 42, local + end)
at = good.rindex(b"PK\5\6")
struct.pack_into("<I", shift, at + 16, struct.unpack_from("<I", good, at + 16)[0] + end)
unsafe("torch_unnamed_member.pt", hidden[:end] + bytes(shift))
gone = torch_zip(EVIL, prefix=bytes(100))
unsafe("torch_bytes_gone.pt", gone[10:])  # offsets count what is no more there
b = bytearray(torch_zip(EVIL))
for central, local in list(entries(bytes(b)))[:1]:
    struct.pack_into("<H", b, central + 32, 60000)  # a comment that goes past the end
unsafe("torch_long_comment.pt", bytes(b))
unsafe("torch_headless.pt", hidden[:hidden.index(b"PK\1\2")])


def zip64(data):
    """Sizes and offsets in the extra fields, the end in its own record."""
    name = b"archive/data.pkl"
    extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
    local = b"PK\3\4" + struct.pack("<5H3I2H", 45, 0, 0, 0, 0, zlib.crc32(data), 0xffffffff, 0xffffffff, len(name), len(extra)) + name + extra + data
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    central = b"PK\1\2" + struct.pack("<6H3I5H2I", 45, 45, 0, 0, 0, 0, zlib.crc32(data), 0xffffffff, 0xffffffff, len(name), len(extra), 0, 0, 0, 0, 0xffffffff) + name + extra
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(central), len(local))
    locator = b"PK\6\7" + struct.pack("<IQI", 0, len(local) + len(central), 1)
    return local + central + end64 + locator + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)


def described(data):
    """Sizes behind the data, as writers to a pipe leave them."""
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.all = b""

        def writable(self):
            return True

        def write(self, b):
            self.all += bytes(b)
            return len(b)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as z:
        z.writestr(zipfile.ZipInfo("archive/data.pkl"), data, zipfile.ZIP_DEFLATED)
    return pipe.all


put("torch_zip64.pt", zip64(STATE), "safe")
unsafe("torch_zip64_evil.pt", zip64(EVIL))
put("torch_described.pt", described(STATE), "safe")
unsafe("torch_described_evil.pt", described(EVIL))
put("torch_within_zip_honest.zip", torch_zip(STATE, more=[("inner.zip", torch_zip(STATE))]), "safe")
unsafe("torch_within_zip.zip", torch_zip(STATE, more=[("inner.zip", torch_zip(EVIL))]))

MAGIC = pickle.dumps(0x1950a86a20f9469cfc6c, 2)
legacy = [MAGIC, pickle.dumps(1001, 2), pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, 2), STATE, pickle.dumps(["0"], 2)]
raw = u64(4) + struct.pack("<4f", 1, 2, 3, 4)
put("torch_legacy.pt", b"".join(legacy) + raw, "safe")
for i in range(5):
    unsafe(f"torch_legacy_evil_{i + 1}.pt", b"".join(EVIL if k == i else d for k, d in enumerate(legacy)) + raw)


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for n, d in members:
            info = tarfile.TarInfo(n)
            info.size = len(d)
            t.addfile(info, io.BytesIO(d))
    return out.getvalue()


put("torch_tar.pt", tar([("sys_info", legacy[2]), ("pickle", STATE), ("storages", pickle.dumps(1, 2) + raw), ("tensors", pickle.dumps(0, 2))]), "safe")
unsafe("torch_tar_evil.pt", tar([("sys_info", legacy[2]), ("pickle", EVIL), ("storages", pickle.dumps(1, 2) + raw), ("tensors", pickle.dumps(0, 2))]))
unsafe("packed.tar.gz", gzip.compress(tar([("a/b.txt", b"hello"), ("a/" + "long" * 40 + "/weights", EVIL)]), mtime=0))

# ---------------------------------------------------------------- numpy, joblib, other packings

class Evil:
    def __reduce__(self):
        import os
        return os.system, ("id",)


def saved(a, **more):
    out = io.BytesIO()
    np.save(out, a, **more)
    return out.getvalue()


put("floats.npy", saved(np.ones(3)), "safe")
put("objects.npy", saved(np.array([{1: 2}, None], dtype=object)), "safe")
unsafe("objects_evil.npy", saved(np.array([Evil()], dtype=object)))
plain = saved(np.array([Evil()], dtype=object))
for spelled, name in ((b"'object'", "word"), (b"'i4,O'", "list"), (b"'\\x4f'", "escape")):
    unsafe(f"objects_evil_{name}.npy", plain[:10] + plain[10:].replace(b"'|O'", spelled, 1).replace(b" " * (len(spelled) - 4) + b"\n", b"\n", 1))
unsafe("objects_evil_fields.npy", saved(np.array([(1, Evil())], dtype=[("a", "i4"), ("b", object)])))
unsafe("not_numpy.npy", EVIL)
unsafe("looks_like_bzip2.pkl", b"BZh\0\0" + bytes(0x685a) + b"0" + CALL)
unsafe("looks_like_tar.pkl", b"\x80\2T" + u32(400) + (b"x" * 250 + b"ustar\x0000").ljust(400, b"x") + b"0" + CALL)
out = io.BytesIO()
np.savez(out, a=np.ones(3), b=np.array([Evil()], dtype=object))
unsafe("arrays.npz", out.getvalue())


def dumped(x, **more):
    out = io.BytesIO()
    joblib.dump(x, out, **more)
    return out.getvalue()


honest = [np.arange(100), np.ones((3, 4), dtype=">f4"), np.array(["a", "bb"]), np.array([{1: 2}, None], dtype=object), np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
          np.array(["2020-01-01"], dtype="M8[D]"), np.array(3.0), np.zeros((0, 3)), np.asfortranarray(np.ones((5, 6)))]
X, y = np.random.default_rng(1).random((40, 4)), np.arange(40) % 2
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
put("arrays.joblib", dumped(honest), "safe")
put("model.joblib", dumped(model), "safe")
unsafe("arrays_evil.joblib", dumped([np.arange(10), np.ones(5), np.zeros((2, 2)), Evil()]))
unsafe("arrays_evil_object.joblib", dumped([np.arange(10), np.array([Evil()], dtype=object), np.ones(3)]))
hiding = dumped([np.frombuffer(b"0" * 50 + CALL + b" " * 200, dtype="u1")])  # what pickle.load makes of joblib's array
unsafe("array_hides_opcodes.joblib", hiding)
for how in ("zlib", "gzip"):
    put(f"model_{how}.joblib", dumped(model, compress=(how, 3)), "safe")
    unsafe(f"evil_{how}.joblib", dumped([np.arange(10), Evil()], compress=(how, 3)))
for width in (19, 20):  # joblib up to 0.9, on Python 3 and 2
    data = hex(len(EVIL)).ljust(width).encode() + zlib.compress(EVIL)
    unsafe(f"evil_zfile_{width}.pkl", b"ZF" + data)
put("array_elsewhere.joblib", b"\x80\2cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}X\x08\0\0\0filenameX\7\0\0\0a_1.npysb.", "suspicious")  # loads that file, pickles in it as well
for how in ("bz2", "xz", "lzma"):
    put(f"evil_{how}.joblib", dumped([np.arange(10), Evil()], compress=(how, 3)), "caution")
for p in range(6):
    put(f"model_{p}.pkl", pickle.dumps(model, p), "safe")
    put(f"values_{p}.pkl", pickle.dumps({"a": [1, 2.5, -3, 10**30, None, True, "text", "\xfc", b"bytes\x80", bytearray(b"x"), (1,), (), {1, 2}, frozenset([1]), complex(1, 2),
                                                range(3), slice(1, 2)], "np": np.arange(5), "s": np.float32(1)}, p), "safe")
put("broken_gzip.gz", gzip.compress(bytes(1000) + b"x" * 1000, mtime=0)[:-20], "caution")
put("seven.7z", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "caution")
put("code.py", b"import os\nclass A:\n    pass\n", "safe")
put("named.pkl", b"this is no pickle at all\n", "caution")

# ---------------------------------------------------------------- what picklescan says

expected = {}
for name in sorted(least):
    try:
        r = scan_file_path(str(OUT / name))
        worst = max((["innocuous", "suspicious", "dangerous"].index(g.safety.value) for g in r.globals), default=0)
        said = "error" if r.scan_err and not worst else ["innocuous", "suspicious", "dangerous"][worst]
    except Exception as why:  # it gives up on some: that is no verdict
        said = "error"
    expected[name] = {"least": least[name], "picklescan": said}
(OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
