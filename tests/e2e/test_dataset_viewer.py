"""The dataset viewer's API: what `datasets` asks, rows and their limits, facts, media, who may, and what is not served."""
import json
import statistics
from urllib.parse import quote

import pytest

from hearth import ROOT

DATA = ROOT / "tests" / "data" / "parquet"
# No name server knows datasets-server.127.0.0.1: the library itself stays as it is.
RESOLVE = """
    import socket
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *a, **k: real(host.removeprefix("datasets-server.") if isinstance(host, str) else host, *a, **k)
"""


def parquet(name):
    return (DATA / f"{name}.parquet").read_bytes()


def test_datasets_takes_types_and_counts_from_here(server, data, push, client):
    """Nothing in the card: what the builder knows before any file is read comes from /info."""
    push(large={"features.parquet": parquet("features")})
    out = client("datasets")(RESOLVE + """
    import datasets
    from datasets.utils import _dataset_viewer
    b = datasets.load_dataset_builder(name)
    d = datasets.load_dataset(name)["train"]
    files = _dataset_viewer.get_exported_parquet_files(name, None, None)
    out = [str(b.info.features["label"]), str(b.info.features["image"]), b.info.splits["train"].num_examples, len(d), d.data.column("image")[3].as_py() is None,
           d.features == b.info.features, [(f["config"], f["split"], f["filename"]) for f in files]]
    """, name=data)
    assert out[0] == "ClassLabel(names=['negative', 'positive'])" and out[1].startswith("Image(")
    assert out[2:] == [6, 6, True, True, [["default", "train", "features.parquet"]]]


def test_datasets_of_columns_that_are_only_parquet(server, data, push, client):
    """Types that no footer tells in the words of `datasets`: what is said here must fit what it reads."""
    push(large={"data/train-00000-of-00001.parquet": parquet("flat_snappy")})
    out = client("datasets")(RESOLVE + """
    import datasets
    b = datasets.load_dataset_builder(name)
    d = datasets.load_dataset(name, split="train")
    out = [len(b.info.features), len(d), d.num_columns, b.info.splits["train"].num_examples]
    """, name=data)
    assert out[0] == out[2] > 20 and out[1] == out[3] == 5


def test_the_host_is_the_folder(server, data, push):
    push({"a.parquet": parquet("codec_none")})
    path, host = f"/splits?dataset={data}", {"Host": f"datasets-server.localhost:{server.port}"}
    a = server.get(path, headers=host)
    assert a.status == 200 and a.body == server.get("/datasets-server" + path).body
    assert a.headers["x-revision"] == server.head_sha(data, kind="datasets")
    assert server.get("/api/models", headers=host).status == 404
    files = server.get(f"/parquet?dataset={data}", headers=host).json()["parquet_files"]
    assert files[0]["url"].startswith(f"http://localhost:{server.port}/datasets/{data}/resolve/")


def test_rows(server, data, push, ask):
    push({"data/train-00000-of-00002.parquet": parquet("codec_none"), "data/train-00001-of-00002.parquet": parquet("codec_zstd")})
    at = {"config": "default", "split": "train"}
    a = ask("rows", **at, offset=58, length=4)
    assert [f["name"] for f in a["features"]] == ["n", "text", "tags"] and [f["feature_idx"] for f in a["features"]] == [0, 1, 2]
    assert a["features"][0]["type"] == {"dtype": "int64", "_type": "Value"}
    assert a["features"][2]["type"] == {"feature": {
        "t": {"dtype": "string", "_type": "Value"}, "s": {"feature": {"dtype": "int8", "_type": "Value"}, "_type": "List"}}, "_type": "List"}
    want = json.loads((DATA / "expected.json").read_text())["codec_none"]["rows"]
    assert [list(r["row"].values()) for r in a["rows"]] == want[58:60] + want[:2]  # from one file into the next
    assert [r["row_idx"] for r in a["rows"]] == [58, 59, 60, 61] and all(r["truncated_cells"] == [] for r in a["rows"])
    assert (a["num_rows_total"], a["num_rows_per_page"], a["partial"]) == (120, 100, False)
    assert len(ask("rows", **at)["rows"]) == 100 and ask("rows", **at, length=0)["rows"] == [] == ask("rows", **at, offset=10**15)["rows"]
    first = ask("first-rows", **at)
    assert (first["dataset"], first["config"], first["split"], first["truncated"], len(first["rows"])) == (data, "default", "train", True, 100)
    assert first["rows"][5]["row"] == ask("rows", **at, offset=5, length=1)["rows"][0]["row"]


@pytest.mark.parametrize("query, status, code, text", [
    ({"config": "default"}, 422, "MissingRequiredParameter", "Parameter 'split' is required"),
    ({"split": "train", "config": " "}, 422, "MissingRequiredParameter", "Parameter 'config' is required"),
    ({"config": "default", "split": "train", "length": 101}, 422, "InvalidParameter", "Parameter 'length' must not be greater than 100"),
    ({"config": "default", "split": "train", "length": "x"}, 422, "InvalidParameter", "Parameter 'length' must be integer"),
    ({"config": "default", "split": "train", "offset": -1}, 422, "InvalidParameter", "Parameter 'offset' must be positive"),
    ({"config": "other", "split": "train"}, 404, "ConfigNotFoundError", None),
    ({"config": "default", "split": "other"}, 404, "SplitNotFoundError", None),
])
def test_what_is_asked_wrongly(data, push, ask, query, status, code, text):
    push({"train.parquet": parquet("codec_none")})
    a = ask("rows", status, **query)
    assert a.code == code and (text is None or a.json()["error"] == text)


def test_values_are_what_the_types_say(data, push, ask):
    push({"flat/a.parquet": parquet("flat_v2"), "nested/a.parquet": parquet("nested_v1"),
          "README.md": "---\nconfigs:\n- {config_name: flat, data_files: 'flat/*'}\n- {config_name: nested, data_files: 'nested/*'}\n---\n"})
    flat = ask("rows", config="flat", split="train")
    types = {f["name"]: f["type"] for f in flat["features"]}
    for row in flat["rows"]:
        for name, v in row["row"].items():
            dtype = types[name]["dtype"]
            if v is None:
                continue
            if dtype.startswith("float"):
                assert isinstance(v, (int, float)), (name, v)  # NaN and infinities are null
            elif dtype == "bool":
                assert isinstance(v, bool), (name, v)
            elif dtype.startswith(("string", "timestamp", "date", "decimal", "binary", "fixed_size_binary")):
                assert isinstance(v, str), (name, dtype, v)
    assert flat["rows"][4]["row"]["raw"] == "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="  # base64
    nested = ask("rows", config="nested", split="train")
    types = {f["name"]: f["type"] for f in nested["features"]}

    def check(kind, v):
        if v is None:
            return
        if kind.get("_type") == "Value":
            assert not isinstance(v, (list, dict))
        elif kind.get("_type") == "List":
            for item in v:
                check(kind["feature"], item)
        else:
            assert list(v) == list(kind)
            for k in kind:
                check(kind[k], v[k])
    maps = [n for n, k in types.items() if isinstance(k.get("feature"), dict) and list(k["feature"]) == ["key", "value"]]
    assert maps
    for row in nested["rows"]:
        for name, v in row["row"].items():
            check(types[name], v)


def test_large_cells_are_cut_from_the_back(data, push, ask, client, t):
    client("datasets")("""
    import datasets
    long = ["ä" * 30000 for _ in range(12)]
    link = ["https://example.org/" + "x" * 300 for _ in range(12)]
    datasets.Dataset.from_dict({"text": long, "link": link, "n": list(range(12))}).push_to_hub(name)
    out = 1
    """, name=data)
    at = {"config": "default", "split": "train"}
    first = ask("first-rows", **at)
    assert len(json.dumps(first, ensure_ascii=False).encode()) <= 200000 and first["truncated"] and len(first["rows"]) == 10
    cut = [r["truncated_cells"] for r in first["rows"]]
    assert cut == [[]] * 3 + [["text"]] * 7  # 60,000 bytes each: three are whole
    assert first["rows"][0]["row"]["text"] == "ä" * 30000 and first["rows"][9]["row"]["text"] == '"' + "ä" * 49
    assert len(first["rows"][9]["row"]["link"]) == 320
    rows = ask("rows", **at)
    assert all(r["truncated_cells"] == [] and len(r["row"]["text"]) == 30000 for r in rows["rows"]) and len(rows["rows"]) == 12


def test_media_are_addresses(server, t, data, push, ask):
    push(large={"train.parquet": parquet("features")})
    a = ask("rows", config="default", split="train")
    assert a["features"][2]["type"]["_type"] == "Image" and a["features"][0]["type"]["names"] == ["negative", "positive"]
    assert [r["row"]["label"] for r in a["rows"]] == [0, 1, 0, 1, None, 1] and a["rows"][3]["row"]["image"] is None
    image = a["rows"][1]["row"]["image"]
    picture = server.get(image["src"])
    assert picture.status == 200 and picture.headers["content-type"] == "image/png" and picture.body.startswith(b"\x89PNG")
    assert int.from_bytes(picture.body[16:20], "big") == image["width"] > 0 and int.from_bytes(picture.body[20:24], "big") == image["height"] > 0
    assert "sandbox" in picture.headers["content-security-policy"] and "public" in picture.headers["cache-control"]
    assert server.get(image["src"].replace("row=1", "row=3")).status == 404 and server.get(image["src"].replace("column=image", "column=text")).status == 404
    server.request("PUT", f"/api/datasets/{data}/settings", {"gated": "auto"}, t.alice)
    assert server.get(image["src"]).status == 401 and "private" in server.get(image["src"], t.alice).headers["cache-control"]
    push({"more.txt": "x"})
    assert server.get(image["src"], t.alice).status == 404, "what came into its place is not shown under the old address"


def test_facts(server, t, data, push, ask):
    files = {"data/train-00000-of-00001.parquet": parquet("codec_none"), "data/test-00000-of-00001.parquet": parquet("codec_gzip")}
    push(files)
    assert ask("splits") == {"splits": [{"dataset": data, "config": "default", "split": s} for s in ("train", "test")], "pending": [], "failed": []}
    assert ask("splits", config="default") == {"splits": [{"dataset": data, "config": "default", "split": s} for s in ("train", "test")]}
    assert ask("is-valid") == {"preview": True, "viewer": True, "search": True, "filter": True, "statistics": True}
    assert ask("is-valid", config="default", split="none")["viewer"] is False
    size = ask("size")
    both = sum(len(b) for b in files.values())
    assert size["size"]["dataset"]["num_rows"] == 120 and size["size"]["dataset"]["num_bytes_parquet_files"] == both
    assert [(s["split"], s["num_rows"], s["num_columns"]) for s in size["size"]["splits"]] == [("train", 60, 3), ("test", 60, 3)]
    assert size["size"]["configs"][0]["num_columns"] == 3 and size["size"]["configs"][0]["num_bytes_memory"] > 0
    assert (size["pending"], size["failed"], size["partial"]) == ([], [], False)
    assert ask("size", config="default")["size"]["config"] == size["size"]["configs"][0]
    info = ask("info")
    one = ask("info", config="default")
    assert info["dataset_info"] == {"default": one["dataset_info"]} and one["partial"] is False
    assert one["dataset_info"]["splits"]["test"] == {"name": "test", "num_bytes": size["size"]["splits"][1]["num_bytes_memory"], "num_examples": 60, "dataset_name": None}
    assert list(one["dataset_info"]["features"]) == ["n", "text", "tags"] and one["dataset_info"]["download_size"] == both
    listed = ask("parquet")["parquet_files"]
    assert [(f["config"], f["split"], f["filename"], f["size"]) for f in listed] == [
        ("default", s, f"{s}-00000-of-00001.parquet", len(files[f"data/{s}-00000-of-00001.parquet"])) for s in ("train", "test")]
    assert server.get(listed[0]["url"]).body == files["data/train-00000-of-00001.parquet"]
    assert ask("parquet", config="default")["features"] == one["dataset_info"]["features"]


def test_statistics(data, push, ask, client):
    """The public service's definitions, against the same figures by another hand."""
    whole = [3, 1, None, 40, 17, 17, 2, 90, 5, 8]
    real = [0.5, float("nan"), None, 2.25, -1.0, 0.125, 7.5, 3.0, 3.0, 1.0]
    client("datasets")("""
    import datasets
    n = len(whole)
    f = datasets.Features({"whole": datasets.Value("int64"), "real": datasets.Value("float64"), "flag": datasets.Value("bool"),
        "kind": datasets.ClassLabel(names=["bad", "good", "odd"]), "word": datasets.Value("string"), "text": datasets.Value("string"),
        "list": datasets.List(datasets.Value("int8")), "at": datasets.Value("timestamp[s]"), "one": datasets.Value("int64")})
    datasets.Dataset.from_dict({"whole": whole, "real": real, "flag": [True, None] + [False] * (n - 2), "kind": [0, 1, -1, None] + [0] * (n - 4),
        "word": ["é" if i % 3 else "z" for i in range(n)], "text": ["é" * i + str(i) for i in range(n - 1)] + [None], "list": [[1] * (i % 4) if i else None for i in range(n)],
        "at": [0] * n, "one": [7] * n}, features=f).push_to_hub(name)
    t = datasets.Dataset.from_dict({"text": [str(i) for i in range(30)]})
    t.push_to_hub(name, "many")
    out = 1
    """, name=data, whole=whole, real=real)
    a = ask("statistics", config="default", split="train")
    assert (a["num_examples"], a["partial"]) == (10, False)
    kinds = {s["column_name"]: s["column_type"] for s in a["statistics"]}
    assert kinds == {"flag": "bool", "kind": "class_label", "list": "list", "one": "int", "real": "float", "text": "string_label", "whole": "int", "word": "string_label"}
    assert list(kinds) == sorted(kinds)  # "at" is a time: left out
    s = {s["column_name"]: s["column_statistics"] for s in a["statistics"]}
    there = [v for v in whole if v is not None]
    assert s["whole"] == {"nan_count": 1, "nan_proportion": 0.1, "min": 1, "max": 90, "mean": round(statistics.mean(there), 5), "median": statistics.median(there),
                          "std": round(statistics.stdev(there), 5), "histogram": {"hist": histogram(there, 9), "bin_edges": [*range(1, 91, 9), 90]}}
    there = [v for v in real if v is not None and v == v]
    assert (s["real"]["nan_count"], s["real"]["min"], s["real"]["max"], s["real"]["std"]) == (2, -1.0, 7.5, round(statistics.stdev(there), 5))
    assert sum(s["real"]["histogram"]["hist"]) == 8 and len(s["real"]["histogram"]["hist"]) == 10 and s["real"]["histogram"]["bin_edges"][1] == -0.15
    assert s["one"]["histogram"] == {"hist": [10], "bin_edges": [7, 7]} and s["one"]["std"] == 0
    assert s["flag"] == {"nan_count": 1, "nan_proportion": 0.1, "frequencies": {"False": 8, "True": 1}}
    assert s["kind"] == {"nan_count": 1, "nan_proportion": 0.1, "no_label_count": 1, "no_label_proportion": 0.1, "n_unique": 3, "frequencies": {"bad": 7, "good": 1, "odd": 0}}
    assert s["word"]["frequencies"] == {"é": 6, "z": 4} and s["text"]["n_unique"] == 9
    assert s["list"]["nan_count"] == 1 and (s["list"]["min"], s["list"]["max"]) == (0, 3) and s["list"]["histogram"]["bin_edges"] == [0, 1, 2, 3, 3]
    many = ask("statistics", config="many", split="train")["statistics"][0]
    assert many["column_type"] == "string_text" and many["column_statistics"]["histogram"] == {"hist": [10, 20], "bin_edges": [1, 2, 2]}  # characters
    push({"dates/a.parquet": parquet("int96"), "README.md": "---\nconfigs:\n- {config_name: dates, data_files: 'dates/*'}\n---\n"})
    assert ask("statistics", 501, config="dates", split="train").code == "NoSupportedFeaturesError"


def histogram(values, width):
    counts = [0] * 10
    for v in values:
        counts[(v - min(values)) // width] += 1
    return counts


def test_files_by_number(server, data, push):
    push({"data/train-00000-of-00002.parquet": parquet("codec_none"), "data/train-00001-of-00002.parquet": parquet("codec_zstd")})
    base = f"/api/datasets/{data}/parquet"
    all_of = server.get(base).json()
    assert server.get(base + "/default").json() == all_of["default"] and server.get(base + "/default/train").json() == all_of["default"]["train"]
    url = all_of["default"]["train"][1]
    assert url.endswith(f"{base}/default/train/1.parquet")
    a = server.get(url)
    assert a.status == 302 and server.get(a.headers["location"]).body == parquet("codec_zstd")
    for path, code in (("/none", "ConfigNotFoundError"), ("/default/none", "SplitNotFoundError"), ("/default/train/2.parquet", "EntryNotFound"), ("/default/train/x.parquet", "EntryNotFound")):
        a = server.get(base + path)
        assert (a.status, a.code) == (404, code), path


def test_what_is_not_all_says_so(data, push, ask, server, t):
    assert ask("info", 404).code == "EmptyDatasetError" and ask("is-valid")["viewer"] is False
    push({"a.xml": "<x/>"})
    assert "no files of Parquet, CSV, JSON, text, images" in ask("rows", 501, config="default", split="train").json()["error"]
    assert server.get(f"/api/datasets/{data}/parquet").json() == {} and ask("is-valid")["preview"] is False
    push({"a.parquet": parquet("codec_none")})
    assert ask("info")["partial"] is True and ask("parquet")["partial"] is True  # `datasets` would read the table of text, or both
    push({"data/b/x.parquet": b"PAR1 no PAR1", "README.md": "---\nconfigs:\n- {config_name: a, data_files: a.parquet}\n- {config_name: b, data_files: 'data/**'}\n---\n"})
    info = ask("info")
    assert list(info["dataset_info"]) == ["a"] and info["failed"][0]["config"] == "b" and "footer" in info["failed"][0]["error"]["error"]
    assert ask("info", 422, config="b").status == 422 and ask("rows", 422, config="b", split="train").status == 422
    assert ask("is-valid", config="b")["viewer"] is False and ask("is-valid")["viewer"] is True
    assert "not built" in ask("croissant-crumbs", 501).message


def test_who_may(server, t, data, push):
    push({"train.parquet": parquet("codec_none")})
    paths = [f"/datasets-server/{p}?dataset={quote(data, safe='')}&config=default&split=train"
             for p in ("is-valid", "splits", "first-rows", "rows", "parquet", "size", "info", "filter", "statistics", "assets")]
    for path in paths[:-2]:
        assert server.get(path).status == 200, path
    server.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, t.alice)
    for path in paths:
        hidden, missing = server.get(path, t.bob), server.get(path.replace(quote(data, safe=""), "alice%2Fnever-was"), t.bob)
        assert (hidden.status, hidden.code, hidden.message, hidden.body) == (missing.status, missing.code, missing.message, missing.body) and hidden.code == "RepoNotFound", path
        assert server.get(path).status == 401 and hidden.status == 404, path
        assert server.get(path, "hf_" + "q" * 34).status == 401, path
    for path in paths[:-2]:
        assert server.get(path, t.alice).status == 200 and server.get(path, t.alice_read).status == 200, path
    assert server.get("/datasets-server/rows").code == "MissingRequiredParameter" and server.get("/datasets-server/rows?dataset=x", t.bob).code == "RepoNotFound"


def test_croissant(server, t, data, push):
    """Files, configurations, splits and columns in JSON-LD: every reference leads to something."""
    push({"README.md": "---\nlicense: mit\npretty_name: Things\nconfigs:\n- {config_name: my pets, data_files: {train: p/a.parquet, test: p/b.parquet}}\n- {config_name: words, data_files: w.csv}\n"
                       "- {config_name: broken, data_files: x/*}\n---\n", "p/b.parquet": parquet("features"), "w.csv": "n,it's\n1,a\n", "x/a.parquet": b"PAR1"}, large={"p/a.parquet": parquet("features")})
    at = f"/api/datasets/{data}/croissant"
    a = server.get(at).json()
    assert a["@type"] == "sc:Dataset" and a["conformsTo"].startswith("http://mlcommons.org/croissant/") and a["@context"]["@vocab"] == "https://schema.org/"
    assert (a["name"], a["alternateName"], a["license"]) == (data.split("/")[1], [data, "Things"], "https://choosealicense.com/licenses/mit/") and a["url"].endswith(f"/datasets/{data}")
    ids, wanted = [], []

    def walk(v):
        for k, x in v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else ():
            if k == "@id":
                (ids if "@type" in v else wanted).append(x)
            if k != "@context":
                walk(x)
    walk(a)
    assert len(ids) == len(set(ids)) and set(wanted) <= set(ids)
    sets = {d["@id"]: d for d in a["distribution"]}
    assert sets["parquet-files-for-config-my_pets"]["includes"] == ["p/b.parquet", "p/a.parquet"] or sets["parquet-files-for-config-my_pets"]["includes"] == ["p/a.parquet", "p/b.parquet"]
    assert sets["csv-files-for-config-words"]["encodingFormat"] == "text/csv" and sets["repo"]["contentUrl"].endswith("/tree/" + server.head_sha(data, kind="datasets"))
    records = {r["@id"]: r for r in a["recordSet"]}
    assert list(records["my_pets_splits"]["data"][0].values()) == ["train"] and "broken" not in records and "broken_splits" in records
    types = {f["@id"]: f.get("dataType") for f in records["my_pets"]["field"]}
    assert types["my_pets/label"] == "sc:Integer" and types["my_pets/image"] == "sc:ImageObject"
    assert {f["@id"]: f["dataType"] for f in records["words"]["field"]} == {"words/n": "cr:Int64", "words/it_s": "sc:Text"} and records["words"]["field"][1]["source"]["extract"] == {"column": "it's"}
    server.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, t.alice)
    assert server.get(at).status == 401 and server.get(at, t.bob).status == 404 and server.get(at, t.alice).status == 200
