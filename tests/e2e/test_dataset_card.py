"""Types that the card says (`dataset_info`) for files of text: as `datasets` casts to them."""
import json

import pytest

AT = {"config": "default", "split": "train"}
LABEL = "dtype: {class_label: {names: {'0': neg, '1': pos}}}"

CASES = {
    "label": ("csv", "text,label\na,0\nb,1\nc,\n", ["name: text, dtype: string", f"name: label, {LABEL}"]),
    "labelofnames": ("csv", "text,label\na,pos\nb, neg\nc,1\n", ["name: text, dtype: string", f"name: label, {LABEL}"]),
    "labellist": ("jsonl", '{"y":"no"}\n{"y":"yes"}\n', ["name: y, class_label: {names: ['no', 'yes']}"]),
    "numbers": ("csv", "a,b,c,d,e\n1,2,3,4.0,5\n-1,0,7,8.0,\n", ["name: a, dtype: int8", "name: b, dtype: bool", "name: c, dtype: float32", "name: d, dtype: int32", "name: e, dtype: int64"]),
    "text": ("csv", "a,b\n1,True\n20,False\n", ["name: a, dtype: string", "name: b, dtype: string"]),
    "order": ("jsonl", '{"a":1,"b":"x"}\n{"b":"y"}\n', ["name: b, dtype: string", "name: gone, dtype: int64", "name: a, dtype: float64"]),
    "read": ("jsonl", '{"a":"12","b":"1.5","c":"true"}\n', ["name: a, dtype: int32", "name: b, dtype: float64", "name: c, dtype: bool"]),
    "dates": ("jsonl", '{"a":"2020-01-01T10:00:00","b":"2020-01-01T10:00:00"}\n', ["name: a, dtype: string", "name: b, dtype: 'timestamp[s]'"]),
    "nested": ("jsonl", '{"a":[1,2],"s":{"x":1,"y":["0","1"]}}\n{"a":null,"s":null}\n',
               ["name: a, list: float32", "name: s, struct: [{name: y, list: int8}, {name: x, dtype: string}]"]),
    "lists": ("jsonl", '{"a":["neg","pos"]}\n', ["name: a, sequence: {class_label: {names: {'0': neg, '1': pos}}}"]),
    "lines": ("txt", "pos\nneg\n", [f"name: text, {LABEL}"]),
}


def card(features):
    return "dataset_info:\n  features:\n" + "".join(f"  - {{{f}}}\n" for f in features)


def test_types_of_the_card(data, push, ask, client):
    """Each a repository by itself for the library, and a configuration here."""
    configs = "".join(f"- {{config_name: {c}, data_dir: {c}}}\n" for c in CASES)
    infos = "".join("- config_name: %s\n  features:\n%s" % (c, "".join(f"  - {{{f}}}\n" for f in features)) for c, (_, _, features) in CASES.items())
    push({**{f"{c}/a.{kind}": text for c, (kind, text, _) in CASES.items()}, "README.md": f"---\nconfigs:\n{configs}dataset_info:\n{infos}---\n"})
    want = client("datasets")("""
    import base64, datasets, json, os, tempfile
    datasets.disable_progress_bars()
    out = {}
    for config, (kind, text, card) in cases.items():
        folder = tempfile.mkdtemp() + "/" + config
        os.makedirs(folder)
        open(f"{folder}/a.{kind}", "w").write(text)
        open(f"{folder}/README.md", "w").write(f"---\\n{card}---\\n")
        d = datasets.load_dataset(folder, split="train", cache_dir=folder + "-cache")
        out[config] = [d.features.to_dict(), json.loads(json.dumps(d[:], default=lambda v: v.isoformat()))]
    """, cases={c: [kind, text, card(features)] for c, (kind, text, features) in CASES.items()})
    got = ask("info")
    assert got["failed"] == []
    for config, (features, columns) in want.items():
        assert list(got["dataset_info"][config]["features"].items()) == list(json.loads(json.dumps(features).replace("large_string", "string")).items()), config
        rows = [r["row"] for r in ask("rows", config=config, split="train")["rows"]]
        assert {k: [r[k] for r in rows] for k in rows[0]} == columns, config
    assert got["partial"] is False


def test_what_labels_are_good_for(server, data, push, ask):
    push({"train.csv": "text,label\na,pos\nb,neg\nc,pos\n", "README.md": f"---\n{card(CASES['label'][2])}---\n"})
    assert [r["row_idx"] for r in ask("filter", where='"label" = 1', **AT)["rows"]] == [0, 2]
    figures = {s["column_name"]: s["column_statistics"] for s in ask("statistics", **AT)["statistics"]}
    assert figures["label"]["frequencies"] == {"neg": 1, "pos": 2}
    page = server.get(f"/datasets/{data}/viewer").body.decode()
    assert 'pos <span class="soft">1</span>' in page and "class label, 2 names" in page


@pytest.mark.parametrize("text, features, status, says", [
    ("a\n300\n", ["name: a, dtype: int8"], 422, 'Column "a": row 1: a number does not fit'),
    ("a\n1\nx\n", ["name: a, dtype: int8"], 422, "row 2: text is no number"),
    ("a\n1.5\n", ["name: a, dtype: int64"], 422, "not whole"),
    ("a\nmaybe\n", [f"name: a, {LABEL}"], 422, "none of the card's class labels"),
    ("a\n2\n", [f"name: a, {LABEL}"], 422, "none of the card's class labels"),
    ("a,b\n1,2\n", ["name: a, dtype: int64"], 422, 'no type for column "b"'),
    ("a\nx.png\n", ["name: a, dtype: image"], 501, 'column "a" another type'),
    ("a\n1.5\n", ["name: a, dtype: string"], 501, 'column "a" another type'),
    ("a\n1\n", ["name: a, sequence: [{name: b, dtype: string}]"], 501, "dataset_info"),
])
def test_what_does_not_fit(data, push, ask, text, features, status, says):
    push({"train.csv": text, "README.md": f"---\n{card(features)}---\n"})
    assert says in ask("rows", status, **AT).json()["error"]
