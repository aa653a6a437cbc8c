"""Makes tests/data/parquet: files as pyarrow and `datasets` write them, and in expected.json what pyarrow reads from them.

    pip install pyarrow==26.0.1 datasets==5.2.0 pillow==13.0.0
    python tests/oracle/make_parquet.py tests/data/parquet

Run once; the result is committed.  Values become JSON by the words of src/dataset/parquet/parquet.h.
"""
import datetime as dt
import decimal
import io
import json
import math
import random
import shutil
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(sys.argv[1])
expected = {}


# ---------------------------------------------------------------- pyarrow's values as src/dataset/parquet/parquet.h says them

def real(r):
    return "NaN" if math.isnan(r) else ("Infinity" if r > 0 else "-Infinity") if math.isinf(r) else float(r)


def instant(value, unit):
    text = np.datetime_as_string(np.datetime64(value, unit))
    head, _, fraction = text.partition(".")
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return head + ("." + fraction if fraction else "")


def value_of(s):
    """A pa.Scalar as JSON."""
    t = s.type
    if isinstance(s, pa.ExtensionScalar):
        return value_of(s.value) if not t.extension_name == "arrow.uuid" else (str(s.as_py()) if s.is_valid else None)
    if not s.is_valid:
        return None
    if pa.types.is_dictionary(t):
        return value_of(s.value)
    if pa.types.is_floating(t):
        r = s.as_py()
        return real(r) if pa.types.is_float64(t) or not math.isfinite(r) else float(str(np.float32(r)))
    if pa.types.is_uint64(t):
        return s.as_py() if s.as_py() < 2**63 else str(s.as_py())
    if pa.types.is_integer(t) or pa.types.is_boolean(t) or pa.types.is_string(t) or pa.types.is_large_string(t):
        return s.as_py()
    if pa.types.is_decimal(t):
        return format(s.as_py(), "f")
    if pa.types.is_date(t):
        return instant(s.as_py().toordinal() - 719163, "D")
    if pa.types.is_timestamp(t):
        return instant(s.value, t.unit) + ("Z" if t.tz else "")
    if pa.types.is_time(t):
        return instant(s.value, t.unit).partition("T")[2]
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t):
        b = s.as_py()
        return "0x" + b.hex() if len(b) <= 32 else f"{len(b)} bytes"
    if pa.types.is_struct(t):
        return {t.field(i).name: value_of(s[i]) for i in range(t.num_fields)}
    if pa.types.is_map(t):
        pairs = [(value_of(p["key"]), value_of(p["value"])) for p in s.values] if s.values is not None else []
        return dict(pairs) if pa.types.is_string(t.key_type) else [{"key": k, "value": v} for k, v in pairs]
    return [value_of(v) for v in s.values]


def note(name):
    table = pq.read_table(OUT / f"{name}.parquet")
    columns = [[value_of(v) for v in table.column(i)] for i in range(table.num_columns)]
    found = {"columns": table.column_names, "rows": [list(r) for r in zip(*columns)]}
    same = [k for k, v in expected.items() if json.dumps(v) == json.dumps(found)]
    expected[name] = {"as": same[0]} if same else found


def write(name, table, **how):
    pq.write_table(table, OUT / f"{name}.parquet", store_schema=how.pop("store_schema", False), **how)
    note(name)


# ---------------------------------------------------------------- tables

def flat():
    utc = dt.timezone.utc
    when = dt.datetime(2024, 2, 29, 23, 59, 58, 123456)
    D = decimal.Decimal
    columns = {
        "flag": (pa.bool_(), [True, False, None, True, True]),
        "i8": (pa.int8(), [-128, 127, None, 0, 1]), "i16": (pa.int16(), [-32768, 32767, None, 0, 1]),
        "i32": (pa.int32(), [-2**31, 2**31 - 1, None, 0, 1]), "i64": (pa.int64(), [-2**63, 2**63 - 1, None, 0, 1]),
        "u8": (pa.uint8(), [0, 255, None, 7, 1]), "u16": (pa.uint16(), [0, 65535, None, 7, 1]),
        "u32": (pa.uint32(), [0, 2**32 - 1, None, 7, 1]), "u64": (pa.uint64(), [0, 2**64 - 1, None, 2**63 - 1, 1]),
        "f16": (pa.float16(), [np.float16(0.1), np.float16(-65504), None, np.float16("nan"), np.float16(6e-8)]),
        "f32": (pa.float32(), [0.1, -1e30, None, math.inf, 3.0]), "f64": (pa.float64(), [0.1, math.nan, None, -math.inf, 1e300]),
        "text": (pa.string(), ["", "a", None, "Zürich \u2192 東京", "with \x00 nought \" and \\"]),
        "large": (pa.large_string(), ["x" * 30, "", None, "b", "c"]),
        "raw": (pa.binary(), [b"", b"\x00\xff", None, b"y" * 33, b"x" * 32]), "fixed": (pa.binary(3), [b"abc", b"\xff\x00\x01", None, b"   ", b"xyz"]),
        "dec9": (pa.decimal128(9, 2), [D("12.50"), D("-0.01"), None, D("0.00"), D("9999999.99")]),
        "dec18": (pa.decimal128(18, 0), [D("12"), D("-1"), None, D("0"), D("9" * 18)]),
        "dec38": (pa.decimal128(38, 10), [D("1.5"), D("-" + "9" * 28 + ".0000000001"), None, D("0"), D("0.0000000001")]),
        "dec76": (pa.decimal256(76, 6), [D("1.5"), D("-" + "9" * 70 + ".000001"), None, D("0"), D("-1")]),
        "date": (pa.date32(), [dt.date(1970, 1, 1), dt.date(2000, 2, 29), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
        "t_ms": (pa.time32("ms"), [dt.time(0), dt.time(23, 59, 59, 999000), None, dt.time(1, 2, 3), dt.time(12)]),
        "t_us": (pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999), None, dt.time(1, 2, 3, 5), dt.time(12, 0, 0, 500000)]),
        "t_ns": (pa.time64("ns"), [0, 86399999999999, None, 1, 1000]),
        "ts_ms": (pa.timestamp("ms"), [0, -1, None, 1709251198123, 253402300799999]),
        "ts_us": (pa.timestamp("us"), [when, dt.datetime(1969, 12, 31, 23, 59, 59, 999999), None, when, dt.datetime(1, 1, 1)]),
        "ts_ns": (pa.timestamp("ns"), [0, -1, None, 1709251198123456789, 2**62]),
        "ts_utc": (pa.timestamp("us", tz="UTC"), [when.replace(tzinfo=utc), dt.datetime(1970, 1, 1, tzinfo=utc), None, when.replace(tzinfo=utc), when.replace(tzinfo=utc)]),
        "nothing": (pa.null(), [None] * 5),
    }
    arrays = {k: pa.array(v, t) for k, (t, v) in columns.items()}
    arrays["id"] = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=i * 12345678901234567890).bytes for i in range(4)] + [None], pa.binary(16)))
    arrays["word"] = pa.array(["red", "green", None, "red", "red"]).dictionary_encode()
    return pa.table(arrays)


def nested():
    point = pa.struct([("x", pa.int32()), ("y", pa.struct([("deep", pa.string()), ("flags", pa.list_(pa.bool_()))]))])
    columns = {
        "list": (pa.list_(pa.int32()), [[1, 2], [], None, [None, 3], [4]]),
        "lists": (pa.list_(pa.list_(pa.string())), [[["a"], []], [], None, [None, ["b", None]], [["c", "d"], ["e"]]]),
        "struct": (point, [{"x": 1, "y": {"deep": "d", "flags": [True]}}, {"x": None, "y": None}, None, {"x": 2, "y": {"deep": None, "flags": []}},
                           {"x": 3, "y": {"deep": "", "flags": None}}]),
        "structs": (pa.list_(point), [[{"x": 1, "y": None}, {"x": 2, "y": {"deep": "d", "flags": [True, None]}}], [], None, [None, {"x": None, "y": {"deep": "q", "flags": None}}], []]),
        "map": (pa.map_(pa.string(), pa.int64()), [[("a", 1), ("b", None)], [], None, [("", 0)], [("z", 26)]]),
        "numbers": (pa.map_(pa.int32(), pa.list_(pa.string())), [[(1, ["one", "uno"]), (2, None)], [], None, [(3, [])], [(4, [None])]]),
        "three": (pa.list_(pa.list_(pa.list_(pa.int8()))), [[[[1], []], []], None, [], [None, [None, [2, None]]], [[[3, 4], [5]], [[6]]]]),
        "pair": (pa.list_(pa.float32(), 2), [[1.5, 2.5], [0.1, None], None, [3, 4], [5, 6]]),
        "after": (pa.int64(), [1, 2, 3, 4, 5]),
    }
    return pa.table({k: pa.array(v, t) for k, (t, v) in columns.items()})


def many(n, seed=7):
    r = random.Random(seed)
    nulls = lambda f, p=0.1: [None if r.random() < p else f(i) for i in range(n)]
    words = ["apple", "apricot", "application", "banana", "band", "bandana", "", "zebra"]
    return pa.table({
        "n": pa.array(range(n), pa.int64()),
        "i32": pa.array(nulls(lambda i: r.choice([r.randrange(-2**31, 2**31), i, -1])), pa.int32()),
        "i64": pa.array(nulls(lambda i: r.choice([r.randrange(-2**63, 2**63), i * 1000, 0])), pa.int64()),
        "f32": pa.array(nulls(lambda i: i / 8), pa.float32()), "f64": pa.array(nulls(lambda i: i * 0.1), pa.float64()),
        "flag": pa.array(nulls(lambda i: r.random() < 0.3), pa.bool_()),
        "text": pa.array(nulls(lambda i: r.choice(words) + str(i // 10)), pa.string()),
        "key": pa.array([b"%05d" % (i // 3) for i in range(n)], pa.binary(5)),
        "list": pa.array(nulls(lambda i: [r.choice([None, i]) for _ in range(r.randrange(5))]), pa.list_(pa.int32())),
        "tags": pa.array(nulls(lambda i: [{"t": r.choice(words), "s": nulls_of(r)} for _ in range(r.randrange(3))]), pa.list_(pa.struct([("t", pa.string()), ("s", pa.list_(pa.int8()))]))),
        "same": pa.array(["same"] * n),
    })


def nulls_of(r):
    return None if r.random() < 0.2 else [r.randrange(100) for _ in range(r.randrange(3))]


def picture(color):
    from PIL import Image
    out = io.BytesIO()
    Image.new("RGB", (12, 8), color).save(out, "PNG")
    return out.getvalue()


def with_features():
    from datasets import ClassLabel, Dataset, Features, Image, List, Value
    features = Features({"label": ClassLabel(names=["negative", "positive"]), "text": Value("string"), "image": Image(),
                         "labels": List(ClassLabel(names=["a", "b", "c"])), "score": Value("float32")})
    rows = [{"label": i % 2 if i != 4 else None, "text": f"row {i}", "image": {"bytes": picture((40 * i, 0, 99)), "path": f"picture_{i}.png"} if i != 3 else None,
             "labels": [i % 3, 0], "score": i / 10} for i in range(6)]
    Dataset.from_list(rows, features=features).to_parquet(OUT / "features.parquet")
    note("features")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    random.seed(1)
    write("flat_v1", flat(), compression="none", use_dictionary=False)
    write("flat_v2", flat(), compression="zstd", data_page_version="2.0")
    write("flat_snappy", flat(), compression="snappy", store_schema=True)
    write("nested_v1", nested(), compression="snappy")
    write("nested_v2", nested(), compression="none", data_page_version="2.0", use_dictionary=False)
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        write(f"codec_{codec}", many(60).select(["n", "text", "tags"]), compression=codec, use_dictionary=codec in ("none", "gzip"))
    delta = {"n": "DELTA_BINARY_PACKED", "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT",
             "flag": "RLE", "text": "DELTA_LENGTH_BYTE_ARRAY", "key": "DELTA_BYTE_ARRAY"}
    write("encoded_v1", many(400).select(list(delta)), compression="zstd", use_dictionary=False, column_encoding=delta)
    other = dict(delta, i32="BYTE_STREAM_SPLIT", i64="BYTE_STREAM_SPLIT", text="DELTA_BYTE_ARRAY", key="BYTE_STREAM_SPLIT")
    write("encoded_v2", many(400).select(list(other)), compression="zstd", use_dictionary=False, column_encoding=other, data_page_version="2.0")
    small = {"row_group_size": 150, "data_page_size": 150, "write_batch_size": 10, "compression": "zstd"}
    write("pages_v1", many(330), **small)
    write("pages_v2", many(330), data_page_version="2.0", **small)
    write("pages_index", many(330), write_page_index=True, data_page_version="1.0", **small)
    write("pages_index_v2", many(330), write_page_index=True, data_page_version="2.0", **small)
    write("fallback", many(300).select(["n", "text"]), dictionary_pagesize_limit=300, data_page_size=200, write_batch_size=10, compression="none")
    write("int96", flat().select(["ts_ns"]), use_deprecated_int96_timestamps=True)
    write("empty", many(0))
    pq.ParquetWriter(OUT / "no_groups.parquet", many(0).schema).close()
    note("no_groups")
    with_features()
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


main()
