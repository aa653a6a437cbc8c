"""WebDataset: samples in tar archives, with columns, types and rows as `datasets` has them."""
import base64
import io
import json
import tarfile

import pytest
from media import png, wav
from test_dataset_folder import NAMED, local

AT = {"config": "default", "split": "train"}


def tar(members, format=tarfile.USTAR_FORMAT, **header):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as t:
        for name, b in members:
            info = tarfile.TarInfo(name)
            info.size = len(b or b"")
            info.type = tarfile.DIRTYPE if b is None else tarfile.REGTYPE
            for k, v in header.items():
                setattr(info, k, v)
            t.addfile(info, io.BytesIO(b or b""))
    return out.getvalue()


def samples(n, **of):
    return [(f"d/{i:04d}.{k.replace('_', '.')}", f(i)) for i in range(n) for k, f in of.items()]


LONG = "x" * 120 + "/" + "y" * 130
CASES = {
    "pictures": [tar(samples(7, jpg=lambda i: png(3 + i), cls=lambda i: b"%d\n" % i, txt=lambda i: f"ä {i}".encode()))],
    "json": [tar(samples(6, json=lambda i: json.dumps({"a": i, "b": [1.5, 2], "when": "2020-01-01T00:00:00", "o": {"x": None if i % 2 else "s"}}).encode(), flac=lambda i: b"fLaC"))],
    "shards": [tar(samples(3, png=lambda i: png(1), seg_png=lambda i: png(2))), tar(samples(2, seg_png=lambda i: png(3), png=lambda i: png(4)))],
    "raw": [tar(samples(2, bin=lambda i: bytes(range(20 * i))))],
    "passed": [tar([("d/", None), ("README", b"x"), ("a.txt", b"1"), (".a.txt", b"x"), ("__x.txt", b"x"), ("d/.DS_Store", b"x"), ("d/b.txt", b"2"), ("b.txt", b"3")])],
    "gaps": [tar([(f"{i}.txt", b"%d" % i) for i in range(5)] + [("6.txt", b"6"), ("6.more", b"6"), ("7.more", b"7")])],
    "gnu": [tar([(LONG + ".txt", b"1"), ("b.txt", b"2")], tarfile.GNU_FORMAT)],
    "pax": [tar([(LONG + "é.txt", b"1"), ("b.txt", b"2")], tarfile.PAX_FORMAT)],
    "prefix": [tar([(LONG[:121] + "b.txt", b"1")])],
    "members": [tar(samples(5, json=lambda i: b'{"a":{"x":1},"b":2.5}') + [("d/6.json", b'{"b":7,"more":1,"a":{"y":3}}'), ("d/7.json", b'{"a":null}')])],
    "films": [tar(samples(2, mp4=lambda i: b"....ftyp", webm=lambda i: b"x", WAV=lambda i: wav(8)))],
}

READ = NAMED + """
    for config, shards in cases.items():
        folder = tempfile.mkdtemp() + "/" + config
        os.makedirs(folder)
        for i, b in enumerate(shards):
            open(f"{folder}/{i}.tar", "wb").write(base64.b64decode(b))
        d = datasets.load_dataset(folder, split="train", cache_dir=folder + "-cache")
        rows = d.data.table.to_pylist()
        for r in rows:
            for k, v in r.items():
                if isinstance(v, dict) and set(v) == {"bytes", "path"}:
                    r[k] = v["path"]
                if isinstance(v, bytes):
                    r[k] = base64.b64encode(v).decode()
            r["__url__"] = os.path.relpath(r["__url__"], folder)
        out[config] = [d.features.to_dict(), rows]
""".replace("out = {}\n    for", "for")


def test_rows_are_those_of_datasets(server, data, push, ask, client):
    card = "".join(f"- {{config_name: {c}, data_dir: {c}}}\n" for c in CASES)
    push({**{f"{c}/{i}.tar": b for c, shards in CASES.items() for i, b in enumerate(shards)}, "README.md": f"---\nconfigs:\n{card}---\n"})
    want = client("datasets")("""
    out = {}
""" + READ, cases={c: [base64.b64encode(b).decode() for b in shards] for c, shards in CASES.items()})
    infos = ask("info")
    assert infos["failed"] == []
    head = server.head_sha(data, kind="datasets")
    for config, (features, rows) in want.items():
        info = infos["dataset_info"][config]
        assert list(info["features"].items()) == list(json.loads(json.dumps(features).replace("large_string", "string")).items()), config
        assert (info["splits"]["train"]["num_examples"], info["builder_name"]) == (len(rows), "webdataset")
        got = [r["row"] for r in ask("rows", config=config, split="train")["rows"]]
        for r, w in zip(got, rows, strict=True):
            assert list(r) == list(w), config
            assert r["__url__"] == f"hf://datasets/{data}@{head}/{config}/{w['__url__']}"
            for k, v in w.items():
                kind = features[k].get("_type")
                if kind in ("Image", "Audio", "Video") and v is not None:
                    assert r[k] is not None, (config, k)
                elif k != "__url__":
                    assert r[k] == v, (config, k)


def test_datasets_reads_what_is_told_here(server, data, push, client):
    push(large={"data/train-0000.tar": CASES["pictures"][0]})
    out = client("datasets")("""
    out = {}
""" + NAMED + """
    import socket
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *a, **k: real(host.removeprefix("datasets-server.") if isinstance(host, str) else host, *a, **k)
    b = datasets.load_dataset_builder(name)
    d = datasets.load_dataset(name, split="train")
    out = [str(d.features["jpg"]), d["cls"][:], d["txt"][6], len(d.data.column("jpg")[2].as_py()["bytes"])]
    """, name=data)
    assert out[0].startswith("Image(") and out[1:] == [list(range(7)), "ä 6", len(png(5))]


def test_media_of_samples(server, t, data, push, ask):
    """Small, and so large that the index knows many places; read from the middle, and as pictures."""
    many = tar(samples(3000, txt=lambda i: b"t%d" % i, jpg=lambda i: png(i % 60 + 1, 9) + bytes(1500)))
    assert len(many) > 8 << 20
    push(large={"train.tar": many})
    for offset in (0, 1, 1499, 2950):
        a = ask("rows", offset=offset, length=50, **AT)
        assert [(r["row"]["txt"], r["row"]["jpg"]["width"], r["row"]["jpg"]["height"]) for r in a["rows"]] == [(f"t{i}", i % 60 + 1, 9) for i in range(offset, offset + 50)]
        assert (a["num_rows_total"], a["partial"]) == (3000, False)
    src = a["rows"][7]["row"]["jpg"]["src"]
    picture = server.get(local(src))
    assert (picture.status, picture.headers["content-type"], picture.body) == (200, "image/png", png(2957 % 60 + 1, 9) + bytes(1500))
    page = server.get(f"/datasets/{data}/viewer/picture?file=train.tar&row=2958&column=jpg")
    assert page.body == picture.body and server.get(f"/datasets/{data}/viewer/picture?file=train.tar&row=3001&column=jpg").status == 404
    assert [r["row_idx"] for r in ask("filter", where="\"txt\" = 't2500'", **AT)["rows"]] == [2500]
    assert [r["row"]["txt"] for r in ask("search", query="t77", **AT)["rows"]] == ["t77"]
    figures = {s["column_name"]: s["column_statistics"] for s in ask("statistics", **AT)["statistics"]}
    assert (figures["jpg"]["min"], figures["jpg"]["max"], figures["jpg"]["nan_count"]) == (1, 60, 0)
    assert ask("is-valid")["viewer"] is True and ask("size")["size"]["dataset"]["num_rows"] == 3000
    server.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, t.alice)
    assert server.get(local(src)).status in (401, 404) and server.get(local(src), t.alice).status == 200


def broken(b, at, to):
    return b[:at] + to + b[at + len(to):]


GOOD = tar([("a.txt", b"1"), ("b.txt", b"2")])
SPARSE = tar([("a.txt", b"1")])


@pytest.mark.parametrize("archive, status, says", [
    (b"no archive at all" * 100, 422, "no header of a tar archive"),
    (broken(GOOD, 3, b"z"), 422, "no header"),
    (broken(GOOD, 1024, b"z"), 422, "no header"),
    (GOOD[:1300], 422, "ends within a member"),
    (GOOD[:1024] + tar([("c.txt", bytes(5000))])[:2000], 422, "ends within a member"),
    (tar([("a.txt", b"1"), ("a.txt", b"2")]), 422, "twice"),
    (tar([("a.txt", b"1"), ("b.txt", b"2"), ("b.jpg", b"2")]), 422, "different members"),
    (tar([("a.json", b"{"), ("b.json", b"{}")]), 422, "no JSON"),
    (tar([("a.cls", b"x")]), 422, "no number"),
    (tar([("a.txt", b"\xff")]), 422, "no UTF-8"),
    (tar([("README", b"x")]), 422, "no samples"),
    (tar([("a.npy", b"x")]), 501, "not read"),
    (tar([("a.json.gz", b"x")]), 501, "not read"),
    (tar([("a.txt", b"x")], tarfile.GNU_FORMAT, type=tarfile.GNUTYPE_SPARSE), 501, "sparse"),
    (tar([("a.txt", b"x")], tarfile.PAX_FORMAT, pax_headers={"GNU.sparse.major": "1"}), 501, "sparse"),
    (tar([("a" * 5000 + ".txt", b"x")], tarfile.GNU_FORMAT), 422, "4096 bytes"),
    (tar([("a.txt", b"x")], tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 70000}), 422, "65536 bytes"),
])
def test_what_is_no_data_set(data, push, ask, archive, status, says):
    push({"train.tar": archive})
    a = ask("rows", status, **AT)
    assert says in a.json()["error"] and "train.tar" in a.json()["error"], a
    assert ask("is-valid")["viewer"] is False
