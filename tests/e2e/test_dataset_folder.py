"""Folders of images, audio and video: splits, labels, tables of metadata and rows as `datasets` has them."""
import base64
import json

import pytest
from media import png, wav

AT = {"config": "default", "split": "train"}
P, W = png(3, 2), wav()
# Each of them a repository as far as `datasets` is concerned: a folder, with the card's settings of its configuration.
CASES = {
    "labels": ({"train/cat/1.png": P, "train/dog/2.PNG": P, "train/dog/a.jpg": P, "test/dog/3.png": P}, ""),
    "oneclass": ({"cat/1.png": P, "cat/2.png": P}, ""),
    "oneclasskept": ({"cat/1.png": P, "cat/2.png": P}, "drop_labels: false"),
    "uneven": ({"a/1.png": P, "b/c/2.png": P}, ""),
    "dropped": ({"a/1.png": P, "b/2.png": P}, "drop_labels: true"),
    "flat": ({"1.png": P, "2.png": P, ".hidden/3.png": P, "__MACOSX/4.png": P, "notes.txt": b"x\n"}, ""),
    "sounds": ({"a/1.wav": W, "b/2.mp3": b"ID3", "b/3.ogg": b"OggS"}, ""),
    "films": ({"1.mp4": b"....ftyp", "2.mov": b"x"}, ""),
    "most": ({"a.png": P, "b.png": P, "c.jpg": P, "d.csv": b"a\n1\n", "e.csv": b"a\n1\n"}, ""),
    "csv": ({"1.png": P, "2.png": P, "metadata.csv": b"n,file_name,text\n1,2.png,x\n2,1.png,\n"}, ""),
    "jsonl": ({"a/1.png": P, "a/2.png": P, "a/metadata.jsonl": b'{"file_name":"1.png","box":[1,2],"o":{"x":1}}\n{"file_name":"./2.png","box":[],"o":null}\n'}, ""),
    "perfolder": ({"train/1.png": P, "train/metadata.csv": b"file_name,t\n1.png,a\n", "test/2.png": P, "test/x/3.png": P, "test/metadata.csv": b"file_name,t\nx/3.png,b\n2.png,c\n"}, ""),
    "two": ({"1.png": P, "m/1.png": P, "metadata.csv": b"image_file_name,mask_file_name,t\n1.png,m/1.png,a\n1.png,,b\n"}, ""),
    "nometadata": ({"a/1.png": P, "b/2.png": P, "metadata.csv": b"file_name,t\na/1.png,a\n"}, "drop_metadata: true"),
    "soundtable": ({"x/1.wav": W, "metadata.jsonl": b'{"file_name":"x/1.wav","transcription":"hello"}\n'}, ""),
}

# Files are named, not decoded: Pillow and torchcodec, which the library asks for, have nothing to do here.
NAMED = """
    import base64, datasets, json, os, tempfile, yaml
    def encode(self, v):
        return {"bytes": None, "path": v} if isinstance(v, str) else {"bytes": v.get("bytes"), "path": v.get("path")}
    for media in (datasets.Image, datasets.Audio, datasets.Video):
        media.encode_example = encode
    datasets.disable_progress_bars()
"""
READ = NAMED + """
    out = {}
    for config, (files, card) in cases.items():
        folder = tempfile.mkdtemp() + "/" + config
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            open(os.path.join(folder, path), "wb").write(base64.b64decode(text))
        d = datasets.load_dataset(folder, cache_dir=folder + "-cache", **(yaml.safe_load(card) or {}))
        def plain(v):
            if isinstance(v, dict) and set(v) == {"bytes", "path"}:
                return os.path.relpath(v["path"], folder)
            return {k: plain(x) for k, x in v.items()} if isinstance(v, dict) else [plain(x) for x in v] if isinstance(v, list) else v
        out[config] = {s: [t.features.to_dict(), [plain(r) for r in t.data.table.to_pylist()]] for s, t in d.items()}
"""


def packed(cases):
    return {c: [{p: base64.b64encode(b).decode() for p, b in files.items()}, card] for c, (files, card) in cases.items()}


def local(url):
    return "/" + url.split("/", 3)[3]


def read(cell):
    """The path in the repository that a cell's address leads to."""
    one = cell[0] if isinstance(cell, list) and cell and isinstance(cell[0], dict) and "src" in cell[0] else cell
    return one["src"].split("/resolve/")[1].split("/", 2)[2] if isinstance(one, dict) and "src" in one else cell


def test_rows_are_those_of_datasets(data, push, ask, client):
    files = {f"{c}/{p}": b for c, (of, _) in CASES.items() for p, b in of.items()}
    card = "".join(f"- {{config_name: {c}, data_dir: {c}, {s}}}\n" for c, (_, s) in CASES.items())
    push({**files, "README.md": f"---\nconfigs:\n{card}---\n"})
    want = client("datasets")(READ, cases=packed(CASES))
    infos = ask("info")
    assert infos["failed"] == []
    for config, splits in want.items():
        info = infos["dataset_info"][config]
        assert [s["split"] for s in ask("splits", config=config)["splits"]] == list(splits), config
        for split, (features, rows) in splits.items():
            assert info["features"] == json.loads(json.dumps(features).replace("large_string", "string")), config
            assert info["splits"][split]["num_examples"] == len(rows), config
            got = [{k: read(v) for k, v in r["row"].items()} for r in ask("rows", config=config, split=split)["rows"]]
            assert got == rows, (config, split)
            assert list(got[0]) == list(rows[0])


def test_endings_are_those_of_datasets(data, push, ask, client):
    want = client("datasets")("""
    from datasets.packaged_modules import _EXTENSION_TO_MODULE
    out = {e[1:]: m for e, (m, _) in _EXTENSION_TO_MODULE.items() if m in ("imagefolder", "audiofolder", "videofolder") and e == e.lower()}
    """)
    assert len(want) > 100
    push({**{f"{e}/a.{e}": b"x" for e in want}, "README.md": "---\nconfigs:\n" + "".join(f"- {{config_name: {e}, data_dir: {e}}}\n" for e in want) + "---\n"})
    assert {c: i["builder_name"] for c, i in ask("info")["dataset_info"].items()} == want


def test_datasets_takes_types_and_rows_from_here(server, data, push, client):
    """Over the network, with what /info says: the same rows as from the files."""
    push({"train/cat/1.png": P, "train/dog/2.png": P}, large={"test/dog/3.png": P})
    out = client("datasets")(NAMED + """
    import socket
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *a, **k: real(host.removeprefix("datasets-server.") if isinstance(host, str) else host, *a, **k)
    b = datasets.load_dataset_builder(name)
    d = datasets.load_dataset(name)
    out = [b.info.features == d["train"].features, b.info.splits["train"].num_examples, {s: [[r["image"]["path"].rsplit("/", 1)[1], r["label"]] for r in t.data.table.to_pylist()] for s, t in d.items()},
           d["test"].features["label"].names]
    """, name=data)
    assert out == [True, 2, {"train": [["1.png", 0], ["2.png", 1]], "test": [["3.png", 1]]}, ["cat", "dog"]]


def test_a_cell_leads_to_its_file(server, t, data, push, ask):
    push({"a/1.png": png(30, 20), "a/x y#.png": b"no picture"}, large={"b/2.png": png(7, 5)})
    rows = [r["row"] for r in ask("rows", **AT)["rows"]]
    assert [(r["image"].get("height"), r["image"].get("width"), r["label"]) for r in rows] == [(20, 30, 0), (None, None, 0), (5, 7, 1)]
    assert [server.get(local(r["image"]["src"])).body for r in rows] == [png(30, 20), b"no picture", png(7, 5)]
    assert f"/resolve/{server.head_sha(data, kind='datasets')}/" in rows[0]["image"]["src"]
    assert [r["row_idx"] for r in ask("filter", where='"label" = 1', **AT)["rows"]] == [2]
    figures = {s["column_name"]: s["column_statistics"] for s in ask("statistics", **AT)["statistics"]}
    assert (figures["image"]["min"], figures["image"]["max"], figures["image"]["nan_count"]) == (7, 30, 1) and figures["label"]["frequencies"] == {"a": 2, "b": 1}
    assert ask("is-valid") == {"preview": True, "viewer": True, "search": False, "filter": True, "statistics": True}
    size = ask("size")["size"]["dataset"]
    assert (size["num_rows"], size["num_bytes_original_files"], size["num_bytes_parquet_files"]) == (3, len(png(30, 20)) + 10 + len(png(7, 5)), 0)
    assert ask("parquet", 501).status == 501
    assert server.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, t.alice).status == 200
    private = local(rows[0]["image"]["src"])
    assert server.get(private).status in (401, 404) and server.get(private, t.bob).status == 404 and server.get(private, t.alice).status == 200


def test_sounds_tell_their_type(server, data, push, ask):
    push({"1.wav": W, "2.flac": b"fLaC"})
    rows = [r["row"]["audio"] for r in ask("rows", **AT)["rows"]]
    assert [[x["type"] for x in r] for r in rows] == [["audio/wav"], ["audio/flac"]]
    assert server.get(local(rows[0][0]["src"]), headers={"Range": "bytes=0-3"}).body == b"RIFF"


@pytest.mark.parametrize("path", ["../1.png", "/etc/passwd", "a/../../1.png", "file:///etc/passwd", "hf://x/y.png"])
def test_a_table_names_files_of_its_own_folder(data, push, ask, path):
    """As `datasets` refuses them."""
    push({"1.png": P, "m/2.png": P, "m/3.png": P, "m/metadata.jsonl": json.dumps({"file_name": path}) + "\n" + json.dumps({"file_name": "b/../2.png"}) + "\n"})
    assert "leads out of the folder" in ask("rows", 422, **AT).json()["error"]


def test_what_is_named_and_not_there_is_null(data, push, ask):
    push({"1.png": P, "2.png": P, "metadata.csv": b"file_name,t\n1.png,a\ngone.png,b\n"})
    assert [r["row"]["image"] is None for r in ask("rows", **AT)["rows"]] == [False, True]


@pytest.mark.parametrize("files, card, says", [
    ({"1.png": P, "metadata.jsonl": b'{"file_names":["1.png"]}\n'}, "", "lists of files"),
    ({"1.png": P, "metadata.csv": b"file_name\n1.png\n"}, "metadata_filenames: [metadata.csv]", "metadata_filenames"),
    ({"train/1.png": P, "train/metadata.csv": b"file_name\n1.png\n", "test/2.png": P}, "", "this one has none"),
])
def test_what_is_not_built(data, push, ask, files, card, says):
    push({**files, "README.md": f"---\nconfigs:\n- {{config_name: default, {card or 'version: 1'}}}\n---\n"})
    last = ask("splits")["splits"][-1]
    assert says in ask("rows", 501, config=last["config"], split=last["split"]).json()["error"]


@pytest.mark.parametrize("files, says", [
    ({"1.png": P, "metadata.csv": b"name\n1.png\n"}, "file_name"),
    ({"a/1.png": P, "b/2.png": P, "a/metadata.csv": b"file_name\n1.png\n", "b/metadata.jsonl": b'{"file_name":"2.png"}\n'}, "different formats"),
])
def test_tables_that_datasets_refuses(data, push, ask, files, says):
    push(files)
    assert says in ask("rows", 422, **AT).json()["error"]
