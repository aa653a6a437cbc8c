"""The viewer of Parquet files: what `datasets` pushes, splits by card and by name, labels, pictures, damage, who may."""
import base64
import html
import re

import pytest

from hearth import ROOT
from browser import signed_in

DATA = ROOT / "tests" / "data" / "parquet"


EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def people(server):
    for name in ("dagmar", "dimitri"):
        server.add_person(name)
    return server


@pytest.fixture
def dagmar(people):
    return signed_in(people, "dagmar")


@pytest.fixture
def dimitri(people):
    return signed_in(people, "dimitri")


def parquet(name):
    return (DATA / f"{name}.parquet").read_bytes()


@pytest.fixture
def data(people, name):
    return people.create("dagmar/" + name.split("/")[1], people.token("dagmar", "write"), "dataset")


def seer(browser, data):
    def see(query="", path="/viewer", status=200):
        a = browser.get(f"/datasets/{data}{path}{query}")
        assert a.status == status, a
        return a.body.decode()
    return see


def cells(text):
    """Rows of the table: number, then the text of each cell."""
    body = re.search(r"<tbody>(.*?)</tbody>", text, re.S)[1]
    return [[html.unescape(re.sub(r"<[^>]*>", "", c)) for c in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)] for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]


def push(people, data, files):
    assert people.commit(data, people.token("dagmar", "write"), files, kind="datasets").status == 200


def push_large(people, data, files, more=None):
    assert people.commit(data, people.token("dagmar", "write"), more or {}, files, kind="datasets").status == 200


def test_what_datasets_pushes_is_shown(t, name, client, dagmar):
    out = client("datasets")("""
        import datasets
        f = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"]), "n": datasets.List(datasets.Value("int32"))})
        d = datasets.Dataset.from_dict({"text": [f"line {i}" for i in range(120)], "label": [i % 2 for i in range(120)], "n": [[i, None] for i in range(120)]}, features=f)
        d.push_to_hub(name, num_shards=3)
        d.select(range(7)).push_to_hub(name, split="test")
        d.select(range(5)).push_to_hub(name, "small")
        out = "pushed"
        """, name=name)
    assert out == "pushed"
    see = seer(dagmar, name)
    card = see(path="")
    assert "First rows" in card and "line 7" in card and "line 8" not in card
    first = see()
    assert '<option value="default/train" selected>default / train</option>' in first and ">small / train<" in first and ">default / test<" in first
    assert "of 120, 3 columns" in first and "3 files" in first
    assert '<small class="soft">class label, 2 names</small>' in first and '<small class="soft">list&lt;int32&gt;</small>' in first
    assert cells(first)[0] == ["1", "line 0", "bad 0", "[0,null]"] and cells(first)[-1] == ["50", "line 49", "good 1", "[49,null]"]
    link = html.unescape(re.search(r'href="([^"]*)">Rows from 51', first)[1])
    middle = dagmar.get(link).body.decode()  # shards have 40 rows each: this page begins in the second and ends in the third
    assert [r[1] for r in cells(middle)] == [f"line {i}" for i in range(50, 100)]
    last = see("?split=default/train&row=101")
    assert len(cells(last)) == 20 and "Earlier rows" in last and "Rows from" not in last
    assert len(cells(see("?split=default/test"))) == 7 and len(cells(see("?split=small/train"))) == 5
    assert "ends before row 900" in see("?split=default/test&row=900")
    see("?split=default/none", status=404)
    assert cells(see("?file=data/train-00001-of-00003.parquet"))[0][1] == "line 40"


def test_labels_pictures_and_kinds(people, data, dagmar, dimitri):
    see = seer(dagmar, data)
    push_large(people, data, {"train.parquet": parquet("features"), "validation/a.parquet": parquet("codec_none")},
               {"small.parquet": parquet("codec_gzip"), ".gitattributes": "train.parquet filter=lfs\n"})
    text = see("?file=train.parquet")
    assert '<small class="soft">image</small>' in text
    rows = cells(text)
    assert rows[0][1] == "negative 0" and rows[1][1] == "positive 1" and rows[4][1] == "null" and rows[3][3] == "null"
    assert rows[0][3].startswith("picture_0.png, ") and rows[0][4] == "[0,0]" and rows[1][5] == "0.1"
    source = html.unescape(re.search(r'<img src="(/datasets/[^"]*)"', text)[1])
    picture = dagmar.get(source)
    assert picture.status == 200 and picture.headers["content-type"] == "image/png" and picture.body.startswith(b"\x89PNG")
    assert picture.headers["x-content-type-options"] == "nosniff" and "sandbox" in picture.headers["content-security-policy"]
    at = f"/datasets/{data}/viewer/picture?"
    for query, status in (("file=train.parquet&row=4&column=image", 404), ("file=train.parquet&row=99&column=image", 404), ("file=train.parquet&row=1&column=text", 404),
                          ("file=train.parquet&row=0&column=image", 400), ("file=train.parquet&row=x&column=image", 400), ("file=gone.parquet&row=1&column=image", 404),
                          ("row=1&column=image", 400), ("file=small.parquet&row=1&column=n", 404)):
        assert dagmar.get(at + query).status == status, query
    # the folder's name wins over names of files: only what lies in it is a split
    assert re.findall(r'<option value="(default/\w+)"', see()) == ["default/validation"]
    assert cells(see("?file=small.parquet"))[0][1] == "0"  # as git keeps it
    people.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, people.token("dagmar", "write"))
    assert dimitri.get(source).status == 404 and dagmar.get(source).status == 200 and "private" in dagmar.get(source).headers["cache-control"]
    seer(dimitri, data)(status=404)


def test_sounds_are_played_where_they_stand(people, data, dagmar, client):
    """A page asks for a sound when somebody plays it, and gets nothing that is no sound, film or picture."""
    out = client("datasets")("""
    import base64, io, json, pyarrow as pa, pyarrow.parquet as pq
    sound = [{"bytes": b"RIFF\\x24\\0\\0\\0WAVEfmt " + bytes(20), "path": "a.wav"}, {"bytes": b"<script>", "path": "b.wav"}, None]
    t = pa.table({"n": [1, 2, 3], "audio": sound}).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {"audio": {"_type": "Audio"}}}})})
    b = io.BytesIO()
    pq.write_table(t, b)
    out = base64.b64encode(b.getvalue()).decode()
    """)
    push_large(people, data, {}, {"train.parquet": base64.b64decode(out)})
    text = seer(dagmar, data)()
    rows = cells(text)
    assert rows[0][2] == "a.wav, 36 B" and rows[2][2] == "null"
    first, second = (html.unescape(x) for x in re.findall(r'<audio class="cell-sound" controls preload="none" src="(/datasets/[^"]*)"', text))
    sound = dagmar.get(first)
    assert sound.status == 200 and sound.headers["content-type"] == "audio/wav" and sound.body.startswith(b"RIFF") and "sandbox" in sound.headers["content-security-policy"]
    assert dagmar.get(second).status == 415, "what is no sound by its bytes is not sent"


def test_the_card_names_the_splits(people, data, dagmar):
    see = seer(dagmar, data)
    card = f"""---
configs:
- config_name: words
  data_files:
  - split: all
    path: ["w/*.parquet", "more.parquet"]
  - split: "{EVIL}"
    path: more.parquet
- config_name: flat
  data_files: "f/**"
- config_name: none
  data_files: gone/*
---
# Card
"""
    push(people, data, {"README.md": card, "w/1.parquet": parquet("codec_none"), "w/2.parquet": parquet("codec_zstd"), "more.parquet": parquet("codec_lz4"),
                        "f/a/flat.parquet": parquet("flat_v2"), "a.csv": "x\n1\n"})
    text = see()
    assert re.findall(r'<option value="([^"]*)"', text)[:3] == ["flat/train", "words/" + html.escape(EVIL), "words/all"] and "<script>alert(1)" not in text
    assert "of 5, 31 columns" in text and "2024-02-29T23:59:58.123456" in text and "12.50" in text
    assert "of 180, 3 columns" in see("?split=words/all") and cells(see("?split=words/all&row=51"))[10][1] == "0"
    assert cells(see("?file=a.csv"))[0] == ["1", "1"]


def test_what_is_no_parquet_says_so(people, data, dagmar):
    see = seer(dagmar, data)
    whole = parquet("codec_none")
    damaged = bytearray(whole)
    damaged[4:40] = b"\xff" * 36  # the first page of the first column
    push(people, data, {"a.parquet": b"hello, this is no such thing", "b.parquet": whole[:300], "c.parquet": bytes(damaged), "d.parquet": b"", "e.parquet": parquet("empty"), "z.csv": "x\n1\n"})
    assert "rows cannot be shown" in see() and "a.parquet" in see()  # together they are a split
    assert "does not end in PAR1" in see("?file=a.parquet") and "no Parquet file" in see("?file=b.parquet") and "no Parquet file" in see("?file=d.parquet")
    one = see("?file=c.parquet")
    assert "is not shown: the header of the page" in one and cells(one)[0][1] == "not read" and cells(one)[0][2] != "not read"
    assert "has no rows" in see("?file=e.parquet")
    assert "First rows" not in see(path="")  # a card without rows is still a card
    see("?file=gone.parquet", status=404)


def test_rows_are_looked_for(people, data, dagmar):
    see = seer(dagmar, data)
    rows = "".join(f"{i},{'red' if i % 3 else 'blue'} thing {i},{EVIL if i == 7 else 'x'}\n" for i in range(150))
    push(people, data, {"train.csv": "n,what,odd\n" + rows, "test.csv": "n,what,odd\n1,red,y\n"})
    first = see()
    assert '<option value="default/train" selected>' in first and "of 150, 3 columns" in first and cells(first)[0] == ["1", "0", "blue thing 0", "x"]
    assert cells(see("?split=default/train&row=149"))[1] == ["150", "149", "red thing 149", "x"]
    at = "?split=default/train&where=" + "n%20%3E%3D%20100%20and%20what%20like%20%27blue%25%27"
    found = see(at + "&orderby=%22n%22%20desc")
    assert "1 to 16 of 16 rows" in found and [r[0] for r in cells(found)] == [str(n) for n in range(148, 100, -3)] and cells(found)[0][2] == "blue thing 147"
    assert 'value="n &gt;= 100 and what like &#39;blue%&#39;"' in found and '<option value="&#34;n&#34; desc" selected>' in found
    link = html.unescape(re.search(r'<td class="no"><a href="([^"]*)"', found)[1])
    assert cells(dagmar.get(link).body.decode())[0][0] == "148"
    pages = see("?split=default/train&q=red+things+RED")
    assert "1 to 50 of 100 rows" in pages and "the best first" in pages
    more = html.unescape(re.search(r'href="([^"]*)">Rows from 51', pages)[1])
    assert "51 to 100 of 100 rows" in dagmar.get(more).body.decode()
    assert "No row has any of these words" in see("?split=default/train&q=green") and "No row matches" in see("?split=default/train&where=n%3C0")
    wrong = see("?split=default/train&where=" + "n%20%3E%20%3Cscript%3E")
    assert "This cannot be looked for: Parameter &#39;where&#39;" in wrong and 'value="n &gt; &lt;script&gt;"' in wrong and "<script>" not in wrong.split("</head>")[1].split("<main")[1].split("</main")[0]
    assert EVIL not in see("?split=default/train&q=script") and "1 to 1 of 1 row " in see("?split=default/train&q=script")
    push(people, data, {"train.csv": "a,b\n1,2\n3,4,5\n"})
    assert cells(see())[1] == ["2", "3", "4", "5"], "a split that cannot be read is shown as it stands"
    assert "it has 3 cells" in see("?split=default/train")
