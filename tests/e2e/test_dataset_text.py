"""Rows of CSV and JSON by the dataset viewer's API: types and values as `datasets` has them, random access, what does not fit."""
import base64
import gzip
import json
import sqlite3
import zlib

AT = {"config": "default", "split": "train"}

# Each of them a file by itself; `datasets` reads it, and the API must say the same.
CASES = {
    "csv": [
        "a,b\n1,x\n2,\n", "a,b\n1,true\n,\n", "a,b\n 1 ,x y\n-2,+3\n", "a,a,\n1,2,3\n", "a,b\n1\n2,3\n", "a\n1\n\n  \n2\n",
        'a,b\n"x ""q""",1.5\n"n\nl",1e3\n"q"w,2\n', "a,b\r\n1,2\r\n", "a,b\r1,2\r3,4\r", "a,b\n2020-01-01,NA\n2020-01-02,null\n",
        "a,b\nTrue,0x10\nfalse,1_000\n", "a,b\nTRUE,1\n0,2\n", "a,b\n1.,.5\n1,-.5\n", "\ufeffa,b\n1,2\n", 'a,b\n1,""\n2," "\n', "a,b\n,007\n,+01\n",
        "a,b\n-0,1\n3,nan\n", "a,b\n1\xa0,3\n3,4\n", "a,b\n-1,1\n18446744073709551615,2\n", "é,b\n\"ü,\",\"\"\"\"\n",
    ],
    "tsv": ["a\tb,c\n1\tx,y\n"],
    "jsonl": [
        '{"a":1,"b":"x"}\n{"a":2.5,"c":null}\n', '{"a":{"x":1},"b":[1,2]}\n{"a":{"x":2},"b":[]}\n', '{"a":1}\n{"a":"x"}\n',
        '{"t":"2020-01-01T00:00:00","d":"2020-01-01","u":"2020-01-01T00:00:00Z"}\n', '{"t":"2020-01-01 10:00:00"}\n{"t":"x"}\n', '{"a":{"x":1}}\n{"a":3}\n',
        '{"a":[1,"x"]}\n', '{"a":[]}\n', '{"a":{}}\n', '{"a":9223372036854775808}\n', '{"a":true}\n{"a":1}\n', '{"a":1e3}\n', '{"a":[{"x":1},{"y":2}]}\n',
        '{"a":"x"}{"a":"y"}\n', '{"a":[1,2.5]}\n{"a":[1]}\n{"a":null}\n', '{"a":"\\u00e9"}\n\n{"b":1}', '{"a":{"x":1}}\n{"a":{"x":"s"}}\n', '{"a":{"x":1}}\n{"a":{"y":"s"}}\n',
    ],
    "csv.gz": ["a,b\n1,x\n2,\n"],
    "jsonl.gz": ['{"a":{"x":1},"b":[1,2]}\n{"a":{"x":2},"b":[]}\n'],
    "txt": ["a\nb\r\nc\rd\n\n x,\"y\" \n", "{\u00e9}", "\ufeffa\n\n"],
    "txt.gz": ["a\n\nb"],
    "json": ['[{"a":1},\n {"a":2}]\n', '["x","y"]', '{"a":1,\n"b":2}\n'],
}


def test_types_and_values_are_those_of_datasets(data, push, ask, client):
    files, card = {}, ["---", "configs:"]
    for kind, texts in CASES.items():
        for i, text in enumerate(texts):
            files[f"{kind}{i}/a.{kind}"] = gzip.compress(text.encode()) if kind.endswith(".gz") else text.encode()
            card.append(f"- {{config_name: {kind}{i}, data_files: '{kind}{i}/*'}}")
    push({**files, "README.md": "\n".join(card + ["---", ""])})
    read = client("datasets")("""
    import base64, datasets, json, os, tempfile
    datasets.disable_progress_bars()
    folder, out = tempfile.mkdtemp(), {}
    for path, text in files.items():
        os.makedirs(os.path.join(folder, os.path.dirname(path)))
        full = os.path.join(folder, path)
        open(full, "wb").write(base64.b64decode(text))
        d = datasets.load_dataset({"csv": "csv", "tsv": "csv", "txt": "text"}.get(os.path.basename(path).split(".")[1], "json"), data_files=full, split="train", cache_dir=folder + "/cache",
                                  **({"sep": chr(9)} if path.endswith("tsv") else {}))
        out[path.split("/")[0]] = [d.features.to_dict(), json.loads(json.dumps(d[:], default=lambda v: v.isoformat()))]
    """, files={p: base64.b64encode(b).decode() for p, b in files.items()})
    infos = ask("info")
    assert infos["partial"] is False and infos["failed"] == []
    for config, (features, columns) in read.items():
        info = infos["dataset_info"][config]
        want = json.loads(json.dumps(features).replace("large_string", "string"))
        assert info["features"] == want, (config, files)
        assert info["splits"]["train"]["num_examples"] == len(next(iter(columns.values())))
        assert info["builder_name"] == next(b for b, k in (("json", "json"), ("csv", ("csv", "tsv")), ("text", "txt")) if config.startswith(k))
        rows = [r["row"] for r in ask("rows", config=config, split="train")["rows"]]
        assert {k: [r[k] for r in rows] for k in rows[0]} == columns, config


def test_any_row_of_a_large_file(server, t, data, push, ask):
    """Cells with line ends and quotes: where a row begins cannot be told from the middle of the file, but from the index."""
    csv = ["n,text,odd"]
    lines = []
    for i in range(40000):
        text = f"row {i} " + "x" * (i % 300) + ("\n\"quoted\", and more" if i % 7 == 0 else "")
        lines.append(json.dumps({"n": i, "text": text}))
        csv.append(f'{i},"{text.replace(chr(34), chr(34) * 2)}",{i / 4}' if i % 7 == 0 else f"{i},{text},{i / 4}")
    both = {"c/train.csv": "\n".join(csv).encode(), "j/train.jsonl": "\n".join(lines).encode(), "a/train.json": ("[" + ",\n".join(lines) + "]").encode()}
    assert all(len(b) > 6 << 20 for b in both.values())
    packed = {"g/train.csv.gz": gzip.compress(both["c/train.csv"], 1), "z/train.jsonl.zst": in_frames(both["j/train.jsonl"]), "t/train.txt.gz": gzip.compress(both["j/train.jsonl"], 1)}
    push({"README.md": "---\nconfigs:\n" + "".join(f"- {{config_name: {c}, data_files: '{c}/*'}}\n" for c in "acjgzt") + "---\n"}, large={**both, **packed})
    for config in "acjgz":
        for offset in (0, 1, 9999, 10001, 23456, 39990):
            a = ask("rows", config=config, split="train", offset=offset, length=20)
            assert [r["row"]["n"] for r in a["rows"]] == [r["row_idx"] for r in a["rows"]] == list(range(offset, min(offset + 20, 40000))), config
            assert all(r["row"]["text"] == json.loads(lines[r["row"]["n"]])["text"] for r in a["rows"])
            assert (a["num_rows_total"], a["partial"]) == (40000, False)
        assert ask("rows", config=config, split="train", offset=40000)["rows"] == []
    a = ask("rows", config="t", split="train", offset=39998)
    assert [r["row"] for r in a["rows"]] == [{"text": x} for x in lines[39998:]] and a["num_rows_total"] == 40000
    kept = sqlite3.connect(server.home / "hearth.db", timeout=30).execute("SELECT json_extract(way, '$.kind', '$.packing'), at, length(points) > 0, types FROM dataset_text_index").fetchall()
    assert {("csv", "no", False), ("csv", "gzip", True), ("json", "zstd", True), ("lines", "gzip", True)} <= {(*json.loads(way), has_points) for way, at, has_points, _ in kept}
    assert all(at == len(both["c/train.csv"]) for way, at, *_ in kept if json.loads(way)[0] == "csv"), "what was read beyond the rows that give types is read once"
    db = sqlite3.connect(server.home / "hearth.db", timeout=30)
    db.execute("UPDATE dataset_text_index SET types = replace(types, '\"n\"', '\"kept\"') WHERE json_extract(way, '$.packing') = 'gzip' AND json_extract(way, '$.kind') = 'csv'")
    db.commit()
    assert list(ask("rows", config="g", split="train", length=1)["rows"][0]["row"]) == ["kept", "text", "odd"], "types are those that were kept, not taken again"
    assert ask("rows", config="g", split="train", offset=30000, length=1)["rows"][0]["row"]["kept"] == 30000
    size = ask("size")
    size["size"]["configs"] = [c for c in size["size"]["configs"] if c["config"] in "acj"]
    assert [(c["config"], c["num_rows"], c["num_bytes_original_files"], c["num_bytes_parquet_files"], c["num_columns"]) for c in size["size"]["configs"]] == [
        (c, 40000, len(both[p]), 0, n) for c, p, n in (("a", "a/train.json", 2), ("c", "c/train.csv", 3), ("j", "j/train.jsonl", 2))]
    assert size["partial"] is False and size["size"]["dataset"]["estimated_num_rows"] is None
    assert ask("info", config="c")["partial"] is True, "of 40,000 rows 10,000 gave the types: `datasets` must not rely on them"
    assert len(ask("first-rows", config="c", split="train")["rows"]) == 100
    figures = {s["column_name"]: s["column_statistics"] for s in ask("statistics", config="c", split="train")["statistics"]}
    assert (figures["n"]["min"], figures["n"]["max"], figures["odd"]["max"]) == (0, 39999, 9999.75)


def in_frames(b):
    """As zstd has it that is not packed: frames of raw blocks of up to 128 KiB."""
    out = b""
    for at in range(0, len(b), 1 << 20):
        frame = b[at:at + (1 << 20)]
        blocks = [frame[i:i + (128 << 10)] for i in range(0, len(frame), 128 << 10)]
        out += b"\x28\xb5\x2f\xfd\x80" + b"\x50" + len(frame).to_bytes(4, "little")
        out += b"".join(((len(x) << 3) | (i == len(blocks) - 1)).to_bytes(3, "little") + x for i, x in enumerate(blocks))
    return out


def test_a_packed_file_is_unpacked_only_so_far(data, push, ask):
    """64 MiB of one row in 64 KiB: refused by its length."""
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(z.compress(b"x" * (1 << 20)) for _ in range(64)) + z.flush()
    push({"bomb/a.csv.gz": bomb, "none/a.jsonl.gz": b'{"a": 1}\n', "cut/a.csv.gz": gzip.compress(b"a,b\n1,2\n" * 100)[:-20], "xz/a.csv.xz": b"x",
          "README.md": b"---\nconfigs:\n" + b"".join(b"- {config_name: %s, data_files: '%s/*'}\n" % (c, c) for c in (b"bomb", b"none", b"cut", b"xz")) + b"---\n"})
    for config, text in (("bomb", "does not end within 16 MiB"), ("none", "none/a.jsonl.gz: it is no gzip"), ("cut", "the packed file ends early")):
        assert text in ask("rows", 422, config=config, split="train").json()["error"], config
    assert ask("info")["partial"] is True, "xz is not read"


def test_figures_of_long_texts(data, push, ask):
    """Texts that do not lie in memory all at once: 280 MiB of them, some of each read."""
    long = gzip.compress(b"".join(b'{"n": %d, "t": "%s"}\n' % (i, bytes([97 + i % 26]) * (2 << 20)) for i in range(140)), 1)
    push({}, large={"train.jsonl.gz": long})
    a = ask("statistics", **AT)
    assert a["partial"] is True and 100 < a["num_examples"] < 140
    figures = {s["column_name"]: s["column_statistics"] for s in a["statistics"]}
    assert (figures["n"]["max"], figures["t"]["min"], figures["t"]["max"]) == (a["num_examples"] - 1, 2 << 20, 2 << 20)


def test_settings_of_the_card(data, push, ask):
    configs = ("{config_name: bare, data_files: n.csv, header: null}", "{config_name: named, data_files: n.csv, names: [x, y]}", "{config_name: instead, data_files: n.csv, names: [x, y], header: 0}",
               "{config_name: dir, data_dir: deep}", "{config_name: glob, data_dir: deep, data_files: {test: '*/b*'}, default: true}", "{config_name: odd, data_files: n.csv, header: 1}")
    push({"n.csv": b"1,a\n2,b\n", "deep/train/a.csv": b"v\n1\n", "deep/test/b.csv": b"v\n2\n", "README.md": "\n".join(["---", "configs:", *("- " + c for c in configs), "---", ""])})
    assert [(s["config"], s["split"]) for s in ask("splits")["splits"]] == [("glob", "test"), ("bare", "train"), ("dir", "train"), ("dir", "test"), ("instead", "train"),
                                                                           ("named", "train"), ("odd", "train")]
    def rows(config, split="train"):
        return [r["row"] for r in ask("rows", config=config, split=split)["rows"]]
    assert rows("bare") == [{"0": 1, "1": "a"}, {"0": 2, "1": "b"}]
    assert rows("named") == [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]
    assert rows("instead") == [{"x": 2, "y": "b"}]
    assert (rows("dir"), rows("dir", "test"), rows("glob", "test")) == ([{"v": 1}], [{"v": 2}], [{"v": 2}])
    assert "header" in ask("rows", 501, config="odd", split="train").json()["error"]


def test_what_does_not_fit_says_where(data, push, ask):
    late = "n,m\n" + "1,2\n" * 12000 + "x,3\n" + "4,5\n"
    push({"late/a.csv": late.encode(), "wide/a.csv": b"a,b\n1,2\n3,4,5\n", "latin/a.csv": b"a\n\xe9\n", "broken/a.jsonl": b'{"a": 1}\n{"a": \n{"a": 2}\n',
          "array/a.json": b'[{"a": 1}, 7]', "open/a.json": b'[{"a": 1}', "empty/a.csv": b"", "sep/a.csv": b"a;b,c\n1;x\n", "skip/a.csv": b"x\na\n1\n",
          "README.md": b"---\nconfigs:\n" + b"".join(b"- {config_name: %s, data_files: '%s/*'%s}\n" % (c, c, more) for c, more in (
              (b"late", b""), (b"wide", b""), (b"latin", b""), (b"broken", b""), (b"array", b""), (b"open", b""), (b"empty", b""), (b"sep", b', sep: ";"'), (b"skip", b", skiprows: 1"))) + b"---\n"})
    assert len(ask("rows", config="late", split="train", offset=11900)["rows"]) == 100
    assert "row 12001: \"x\" is no int64" in ask("rows", 422, config="late", split="train", offset=11950).json()["error"]
    for config, text in (("wide", "row 2, at byte 8: it has 3 cells, and the header 2"), ("latin", "no UTF-8"), ("broken", "row 2, at byte 8"), ("array", "it is no object"),
                         ("open", "no JSON value"), ("empty", "the file is empty")):
        assert text in ask("rows", 422, config=config, split="train").json()["error"], config
    assert ask("rows", config="sep", split="train")["rows"][0]["row"] == {"a": 1, "b,c": "x"}
    assert "skiprows" in ask("rows", 501, config="skip", split="train").json()["error"]
    info = ask("info")
    assert sorted(info["dataset_info"]) == ["late", "sep"] and len(info["failed"]) == 7 and info["partial"] is True


def test_which_files_are_the_data(data, push, ask):
    push({"metadata.csv": b"file_name,x\na.jpg,1\n", "a.jpg": b"1", "b.jpg": b"2"})
    assert [(f["name"], f["type"]) for f in ask("rows", **AT)["features"]] == [("image", {"_type": "Image"}), ("x", {"dtype": "int64", "_type": "Value"})], "pictures, and the table about them"
    push({"one.jsonl": b'{"a": 1, "b": "x"}\n', "two.jsonl": b'{"b": "y"}\n', "z.csv": b"a\n", "config.json": b"{}"})
    a = ask("rows", **AT)
    assert [r["row"] for r in a["rows"]] == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}], "two of JSON, two pictures: JSON comes first"
    assert ask("info")["partial"] is True
    push({"two.jsonl": b'{"c": 1}\n'})
    assert 'two.jsonl: row 1: it has a member "c"' in ask("rows", 422, **AT).json()["error"]


def test_splits_by_names_and_what_is_not_parquet(server, data, push, ask):
    push({"train.csv": b"a\n1\n", "test.csv": b"a\nx\n2\n"})
    assert [(s["config"], s["split"]) for s in ask("splits")["splits"]] == [("default", "train"), ("default", "test")]
    assert ask("is-valid") == {"preview": True, "viewer": True, "search": False, "filter": True, "statistics": True}, "numbers alone have no words"
    info = ask("info", config="default")
    assert info["partial"] is True, "the splits have different types"
    assert "converts no others" in ask("parquet", 501).json()["error"] and server.get(f"/api/datasets/{data}/parquet").json() == {}
