"""Makes tests/data/parquet/query_*.parquet: many rows of every type that conditions compare, with what is awkward in each.

    pip install pyarrow==26.0.1
    python tests/oracle/make_query.py tests/data/parquet

Run once; the result is committed.  tests/unit/test_where.c asks conditions of all rows, and of the same rows as JSON, one by one.
"""
import datetime as dt
import decimal
import random
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(sys.argv[1])
ROWS = 4500
random.seed(7)
WORDS = ["", "a", "red", "Red", "green", "blue", "naïve", "日本", "x_y", "100%", "O'Neil", "the quick brown fox jumps over", "tab\there"]


def column(make, null=0.1, all_null_from=None):
    return [None if random.random() < null or (all_null_from is not None and i >= all_null_from) else make(i) for i in range(ROWS)]


def of(*awkward, other):
    return lambda i: random.choice(awkward) if random.random() < 0.15 else other(i)


def day(i):
    return dt.date(1970, 1, 1) + dt.timedelta(days=random.randint(-9000, 30000))


def instants(unit, low, high):
    return column(of(0, -1, 1000 ** {"ms": 1, "us": 2, "ns": 3}[unit], other=lambda i: random.randint(low, high)))


def table():
    inf, nan = float("inf"), float("nan")
    span = {"ms": 10**3, "us": 10**6, "ns": 10**9}
    c = {
        "id": pa.array([i * 3 for i in range(ROWS)], pa.int64()),
        "i8": pa.array(column(lambda i: random.randint(-5, 5)), pa.int8()),
        "i32": pa.array(column(of(-2**31, 2**31 - 1, 0, other=lambda i: i // 100)), pa.int32()),
        "i64": pa.array(column(of(-2**63, 2**63 - 1, 2**53 + 1, other=lambda i: random.randint(-50, 50))), pa.int64()),
        "u32": pa.array(column(of(0, 2**32 - 1, 2**31, other=lambda i: i)), pa.uint32()),
        "u64": pa.array(column(of(0, 2**64 - 1, 2**63, 2**63 - 1, other=lambda i: i)), pa.uint64()),
        "f16": pa.array([None if x is None else np.float16(x) for x in column(of(nan, inf, -inf, -0.0, other=lambda i: random.randint(-40, 40) / 8))], pa.float16()),
        "f32": pa.array(column(of(nan, inf, -inf, -0.0, 0.0, 0.1, other=lambda i: random.randint(-99, 99) / 10)), pa.float32()),
        "f64": pa.array(column(of(nan, inf, -inf, -0.0, 0.0, 1e300, other=lambda i: random.randint(-99, 99) / 10)), pa.float64()),
        "no_nan": pa.array(column(of(-0.0, 0.0, other=lambda i: i / 8), null=0), pa.float64()),
        "b": pa.array(column(lambda i: random.random() < 0.3), pa.bool_()),
        "word": pa.array(column(lambda i: random.choice(WORDS)), pa.string()),
        "text": pa.array(column(lambda i: " ".join(random.choices(WORDS, k=random.randint(0, 4))) + str(i % 700), null=0.02), pa.string()),
        "sorted": pa.array([f"k{i // 9:05d}" + "x" * (i % 3) for i in range(ROWS)], pa.string()),
        "d9": pa.array(column(of(decimal.Decimal("-0.01"), other=lambda i: decimal.Decimal(random.randint(-500, 500)) / 100)), pa.decimal128(9, 2)),
        "d30": pa.array(column(lambda i: decimal.Decimal(random.randint(-10**6, 10**6)) / 10000), pa.decimal128(30, 4)),
        "day": pa.array(column(of(dt.date(1, 1, 1), dt.date(9999, 12, 31), other=day)), pa.date32()),
        "ms": pa.array(instants("ms", -10**13, 10**13), pa.timestamp("ms")),
        "us": pa.array(instants("us", -10**9, 3 * 10**9), pa.timestamp("us", "UTC")),
        "ns": pa.array(instants("ns", -2**62, 2**62), pa.timestamp("ns")),
        "hour": pa.array(column(lambda i: random.randint(0, 86400 * span["ms"] - 1)), pa.time32("ms")),
        "clock": pa.array(column(lambda i: random.randint(0, 9) * span["us"] + random.choice([0, 1, 1000, 500000])), pa.time64("us")),
        "meta": pa.array(column(lambda i: None if i % 50 == 0 else {"n": i % 7 if i % 3 else None, "s": WORDS[i % 5]}), pa.struct([("n", pa.int16()), ("s", pa.string())])),
        "list": pa.array(column(lambda i: WORDS[:i % 4]), pa.list_(pa.string())),
        "bytes": pa.array(column(lambda i: bytes([i % 256]) * (i % 3)), pa.binary()),
        "late": pa.array(column(lambda i: i, null=0, all_null_from=1400), pa.int32()),
    }
    return pa.table(c)


def main():
    t = table()
    pq.write_table(t, OUT / "query_v1.parquet", row_group_size=1500, data_page_size=3000, compression="snappy", data_page_version="1.0", store_schema=False,
                   store_decimal_as_integer=True)
    delta = {k: "DELTA_BINARY_PACKED" for k in ("id", "i32", "i64", "day", "ms")} | {"text": "DELTA_BYTE_ARRAY", "word": "DELTA_LENGTH_BYTE_ARRAY", "sorted": "DELTA_BYTE_ARRAY",
                                                                                    "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT", "d30": "BYTE_STREAM_SPLIT"}
    pq.write_table(t, OUT / "query_v2.parquet", row_group_size=4300, data_page_size=5000, compression="zstd", data_page_version="2.0", store_schema=False,
                   use_dictionary=["b", "i8", "list.list.element"], column_encoding=delta, write_page_index=True)


main()
