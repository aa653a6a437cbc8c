"""The files side of a repository as plain HTTP: forms that make commits, who may send them, conflicts, hostile names and contents."""
import html
import re
import urllib.parse

import pytest

from browser import Browser, multipart, signed_in

BAD = '<img src=x onerror=alert(1)>"\'&.txt'


@pytest.fixture(scope="module")
def people(server):
    for name in ("fiona", "frank"):
        server.add_person(name)
    return server


@pytest.fixture
def fiona(people):
    return signed_in(people, "fiona")


@pytest.fixture
def frank(people):
    return signed_in(people, "frank")


@pytest.fixture
def mine(people, name):
    """A repository of fiona's, with some files."""
    token = people.token("fiona", "write")
    full = people.create(f"fiona/{name.split('/')[-1]}", token)
    people.commit(full, token, {"README.md": b"# hello\n", "a.txt": b"one\ntwo\nthree\n", "docs/b.txt": b"b\n", "dos.txt": b"x\r\ny\r\n",
                                "bin.dat": b"\0\1\2"}, {"w.bin": b"\0" * 3000})
    return full


def field(page, name):
    m = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert m, name
    return m.group(1)


def form_of(browser, path):
    page = browser.get(path)
    assert page.status == 200, page
    text = page.body.decode()
    return {"csrf": field(text, "csrf"), "parent": field(text, "parent")}


def raw(server, full, path, rev="main", token=None):
    return server.get(f"/{full}/raw/{rev}/{urllib.parse.quote(path)}", token).body


def head(server, full):
    return server.get(f"/api/models/{full}").json()["sha"]


def last(server, full):
    return server.get(f"/api/models/{full}/commits/main").json()[0]


def test_a_file_is_made_edited_renamed_and_deleted_by_forms(people, mine, fiona):
    form = form_of(fiona, f"/{mine}/new/main/docs")
    a = fiona.ask("POST", f"/{mine}/new/main/docs", {**form, "name": "docs/new.txt", "text": "hello\r\nthere\r\n", "target": "branch"})
    assert a.status == 303 and a.headers["location"] == f"/{mine}/blob/main/docs/new.txt", a
    assert raw(people, mine, "docs/new.txt") == b"hello\nthere\n"
    assert last(people, mine)["title"] == "Create docs/new.txt" and last(people, mine)["authors"][0]["user"] == "fiona"

    page = fiona.get(f"/{mine}/edit/main/docs/new.txt").body.decode()
    assert "hello\nthere" in page
    form = form_of(fiona, f"/{mine}/edit/main/docs/new.txt")
    a = fiona.ask("POST", f"/{mine}/edit/main/docs/new.txt", {**form, "name": "docs/new.txt", "text": "\r\nhello\r\nyou", "target": "branch",
                                                            "summary": "Say <b>", "description": "because"})
    assert a.status == 303 and raw(people, mine, "docs/new.txt") == b"\nhello\nyou"
    assert last(people, mine)["title"] == "Say <b>" and last(people, mine)["message"] == "because"
    assert "<textarea id=\"text\"" in fiona.get(f"/{mine}/edit/main/docs/new.txt").body.decode()
    assert re.search(r"<textarea[^>]*>\n\nhello\nyou</textarea>", fiona.get(f"/{mine}/edit/main/docs/new.txt").body.decode())

    form = form_of(fiona, f"/{mine}/edit/main/docs/new.txt")
    a = fiona.ask("POST", f"/{mine}/edit/main/docs/new.txt", {**form, "name": "elsewhere.txt", "text": "moved\r\n", "target": "branch"})
    assert a.status == 303 and a.headers["location"] == f"/{mine}/blob/main/elsewhere.txt"
    assert raw(people, mine, "elsewhere.txt") == b"moved\n" and people.get(f"/{mine}/raw/main/docs/new.txt").status == 404

    form = form_of(fiona, f"/{mine}/delete/main/elsewhere.txt")
    assert fiona.ask("POST", f"/{mine}/delete/main/elsewhere.txt", {**form, "target": "branch"}).status == 303
    assert people.get(f"/{mine}/raw/main/elsewhere.txt").status == 404
    form = form_of(fiona, f"/{mine}/delete/main/docs")
    assert fiona.ask("POST", f"/{mine}/delete/main/docs", {**form, "target": "branch"}).status == 303
    assert people.get(f"/{mine}/raw/main/docs/b.txt").status == 404 and last(people, mine)["title"] == "Delete docs"


def test_a_card_is_begun_for_who_writes_the_first(people, fiona):
    token = people.token("fiona", "write")
    text_of = lambda page: html.unescape(re.search(r"<textarea id=\"text\"[^>]*>\n(.*?)</textarea>", page.body.decode(), re.S).group(1))
    for kind, told in (("model", "pipeline_tag"), ("dataset", "task_categories")):
        people.create("fiona/begun", token, kind)
        spot = ("/datasets" if kind == "dataset" else "") + "/fiona/begun/new/main"
        form, text = form_of(fiona, f"{spot}?filename=README.md"), text_of(fiona.get(f"{spot}?filename=README.md"))
        assert told in text and "\n# begun\n" in text and text_of(fiona.get(f"{spot}?filename=other.md")) == ""
        assert fiona.ask("POST", spot, {**form, "name": "README.md", "text": text, "target": "branch"}).status == 303
        info = people.get(f"/api/{kind}s/fiona/begun", token).json()
        assert not info.get("cardData") and not set(info["tags"]) - {"region:us"}, "committed as it stands, it claims nothing"


def test_line_ends_stay_what_they_were(people, mine, fiona):
    form = form_of(fiona, f"/{mine}/edit/main/dos.txt")
    assert fiona.ask("POST", f"/{mine}/edit/main/dos.txt", {**form, "name": "dos.txt", "text": "x\r\nz\r\n", "target": "branch"}).status == 303
    assert raw(people, mine, "dos.txt") == b"x\r\nz\r\n"


def test_large_and_binary_files_are_renamed_alone(people, mine, fiona):
    for path in ("w.bin", "bin.dat"):
        page = fiona.get(f"/{mine}/edit/main/{path}").body.decode()
        assert 'name="text"' not in page
        form = form_of(fiona, f"/{mine}/edit/main/{path}")
        a = fiona.ask("POST", f"/{mine}/edit/main/{path}", {**form, "name": f"kept/{path}", "text": "must not count", "target": "branch"})
        assert a.status == 303, a
    assert people.get(f"/{mine}/resolve/main/kept/w.bin").body == b"\0" * 3000
    assert raw(people, mine, "kept/bin.dat") == b"\0\1\2"


def test_a_pull_request_instead(people, mine, frank):
    before = head(people, mine)
    page = frank.get(f"/{mine}/edit/main/a.txt").body.decode()
    assert 'value="pr" checked' in page and 'value="branch"' not in page
    form = form_of(frank, f"/{mine}/edit/main/a.txt")
    refused = frank.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "name": "a.txt", "text": "mine", "target": "branch"})
    assert refused.status == 403 and b">\nmine</textarea>" in refused.body
    assert b">Propose changes<" in frank.get(f"/{mine}/edit/main/a.txt").body
    a = frank.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "name": "a.txt", "text": "one\r\n2\r\nthree\r\n", "target": "pr", "summary": "Two is 2"})
    assert a.status == 303 and a.headers["location"] == f"/{mine}/discussions/1", a
    assert head(people, mine) == before and raw(people, mine, "a.txt", "refs%2Fpr%2F1") == b"one\n2\nthree\n"
    assert b"Two is 2" in frank.get(f"/{mine}/discussions/1").body
    form = form_of(frank, f"/{mine}/edit/refs%2Fpr%2F1/a.txt")   # one's own pull request goes on
    a = frank.ask("POST", f"/{mine}/edit/refs%2Fpr%2F1/a.txt", {**form, "name": "a.txt", "text": "again", "target": "branch"})
    assert a.status == 303 and raw(people, mine, "a.txt", "refs%2Fpr%2F1") == b"again"


def test_what_others_changed_meanwhile_is_shown(people, mine, fiona):
    token = people.token("fiona", "write")
    form = form_of(fiona, f"/{mine}/edit/main/a.txt")
    people.commit(mine, token, {"other.txt": b"1"}, {})          # elsewhere: no conflict
    a = fiona.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "name": "a.txt", "text": "one\ntwo\nfour\n", "target": "branch"})
    assert a.status == 303 and raw(people, mine, "other.txt") == b"1" and raw(people, mine, "a.txt") == b"one\ntwo\nfour\n"

    form = form_of(fiona, f"/{mine}/edit/main/a.txt")
    people.commit(mine, token, {"a.txt": b"one\ntheirs & <b>\nfour\n"}, {})
    mind = {**form, "name": "a.txt", "text": "one\nmine\nfour\n", "target": "branch", "summary": "kept words"}
    a = fiona.ask("POST", f"/{mine}/edit/main/a.txt", mind)
    page = a.body.decode()
    assert a.status == 409 and "theirs &amp; &lt;b&gt;" in page and "one\nmine\nfour" in page and "kept words" in page, a
    assert raw(people, mine, "a.txt") == b"one\ntheirs & <b>\nfour\n"
    again = {**mind, "parent": field(page, "parent")}
    assert fiona.ask("POST", f"/{mine}/edit/main/a.txt", again).status == 303
    assert raw(people, mine, "a.txt") == b"one\nmine\nfour\n"

    form = form_of(fiona, f"/{mine}/delete/main/a.txt")
    people.commit(mine, token, {"a.txt": b"newer"}, {})
    a = fiona.ask("POST", f"/{mine}/delete/main/a.txt", {**form, "target": "branch"})
    assert a.status == 409 and raw(people, mine, "a.txt") == b"newer"
    assert fiona.ask("POST", f"/{mine}/delete/main/a.txt", {**form, "parent": field(a.body.decode(), "parent"), "target": "branch"}).status == 303


def test_what_is_wrong_with_a_form_is_said_and_nothing_is_lost(people, mine, fiona):
    before = head(people, mine)
    form = form_of(fiona, f"/{mine}/new/main")
    for name, text, says in (("", "x", b"needs a name"), ("../x", "kept", b"kept"), ("/x", "kept", b"kept"), (".git/config", "kept", b"kept"),
                             ("a.txt", "kept", b"already something"), ("a.txt/x", "kept", b"kept"), ("docs", "kept", b"already something"),
                             ("nul.txt", "kept\0", b"")):
        a = fiona.ask("POST", f"/{mine}/new/main", {**form, "name": name, "text": text, "target": "branch"})
        assert 400 <= a.status < 500 and says in a.body, (name, a)
    form = form_of(fiona, f"/{mine}/edit/main/a.txt")
    a = fiona.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "name": "a.txt", "text": "one\ntwo\nthree\n", "target": "branch"})
    assert a.status == 400 and b"Nothing has changed" in a.body
    bad_card = fiona.ask("POST", f"/{mine}/edit/main/README.md", {**form, "name": "README.md", "text": "---\nlicense: [\n---\n", "target": "branch"})
    assert bad_card.status == 400 and b"license: [" in bad_card.body
    assert fiona.get(f"/{mine}/edit/{before}/a.txt").status == 400   # a commit is no branch
    assert fiona.get(f"/{mine}/edit/main/none.txt").status == 404
    assert head(people, mine) == before


def test_who_may(people, mine, fiona, frank):
    nobody = Browser(people)
    for action in ("new/main", "edit/main/a.txt", "delete/main/a.txt"):
        assert nobody.get(f"/{mine}/{action}").status == 401, action
        assert frank.get(f"/{mine}/{action}").status == 200, action
    assert b"Add file" not in nobody.get(f"/{mine}/tree/main").body and b"Add file" in fiona.get(f"/{mine}/tree/main").body
    token = people.token("fiona", "write")
    secret = people.create(f"{mine}-secret", token, private=True)
    people.commit(secret, token, {"a.txt": b"what-only-some-read"}, {})
    gated = people.create(f"{mine}-gated", token)
    people.commit(gated, token, {"a.txt": b"what-only-some-read"}, {})
    assert people.request("PUT", f"/api/models/{gated}/settings", {"gated": "manual"}, token).status == 200
    for action in ("new/main", "edit/main/a.txt", "delete/main/a.txt", "blob/main/a.txt"):
        assert frank.get(f"/{secret}/{action}").status == 404, action
        a = frank.get(f"/{gated}/{action}")
        assert a.status == 403 and b"what-only-some-read" not in a.body, (action, a)
    assert people.request("PUT", f"/api/models/{mine}/settings", {"discussionsDisabled": True}, token).status == 200
    assert frank.get(f"/{mine}/edit/main/a.txt").status == 403
    form = form_of(fiona, f"/{mine}/edit/main/a.txt")
    assert fiona.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "name": "a.txt", "text": "x", "target": "pr"}).status == 403


def test_names_are_only_text(people, mine, fiona):
    form = form_of(fiona, f"/{mine}/new/main")
    a = fiona.ask("POST", f"/{mine}/new/main", {**form, "name": f"d/{BAD}", "text": "<script>alert(1)</script>", "target": "branch"})
    assert a.status == 303, a
    where = a.headers["location"]
    for path in (where, f"/{mine}/tree/main/d", where.replace("/blob/", "/edit/"), where.replace("/blob/", "/delete/"),
                 where.replace("/blob/", "/commits/"), f"/{mine}/commit/{head(people, mine)}", f"/{mine}/commits/main"):
        page = fiona.get(path)
        assert page.status == 200, (path, page)
        assert b"<img src=x" not in page.body and b"<script>alert" not in page.body and b"onerror=alert(1)>" in page.body.replace(b"&gt;", b">"), path


def test_a_preview_is_made_safe(people, mine, fiona):
    csrf = form_of(fiona, f"/{mine}/edit/main/README.md")["csrf"]
    headers = {"Content-Type": "application/json", "Cookie": f"hearth_session={fiona.cookie}", "X-CSRF-Token": csrf}
    a = people.request("POST", f"/{mine}/preview/main/README.md", {"text": "# Hi\n\n[l](a.txt) <b onclick=x>b</b><script>alert(1)</script>"}, None, headers=headers)
    html = a.json()["html"]
    assert a.status == 200 and "Hi</h1>" in html and "script" not in html and "onclick" not in html and f"/{mine}/blob/main/a.txt" in html
    del headers["X-CSRF-Token"]
    assert people.request("POST", f"/{mine}/preview/main/README.md", {"text": "x"}, None, headers=headers).status == 403


def send_files(browser, path, fields, files, cut=0):
    body, kind = multipart(fields, files)
    headers = {"Content-Type": kind, "Cookie": f"hearth_session={browser.cookie}", "Origin": browser.server.base}
    return browser.server.request("POST", path, body[:len(body) - cut], None, headers=headers)


def test_files_are_uploaded_by_a_plain_form(people, mine, fiona, frank):
    form = {**form_of(fiona, f"/{mine}/upload/main/in"), "target": "branch"}
    weights, text = bytes(range(256)) * 40, b"some text\r\nas it is\n"
    a = send_files(fiona, f"/{mine}/upload/main/in", form, [("w.safetensors", weights), ("t.txt", text), (BAD, b"x"), ("empty", b"")])
    assert a.status == 303 and a.headers["location"] == f"/{mine}/tree/main/in", a
    assert raw(people, mine, "in/t.txt") == text and raw(people, mine, "in/empty") == b"" and raw(people, mine, f"in/{BAD}") == b"x"
    assert people.get(f"/{mine}/resolve/main/in/w.safetensors").body == weights
    info = people.post(f"/api/models/{mine}/paths-info/main", {"paths": ["in/w.safetensors", "in/t.txt"]}).json()
    assert [bool(f.get("lfs")) for f in sorted(info, key=lambda f: f["path"])] == [False, True]
    assert last(people, mine)["title"] == "Upload 4 files"
    before = head(people, mine)
    assert b"<img src=x" not in fiona.get(f"/{mine}/tree/main/in").body

    form["parent"] = before
    for files, cut, status, says in (([], 0, 400, b"at least one"), ([("t", b"x")], 4, 400, b"did not arrive whole"), ([("../t", b"x")], 0, 422, b"t"),
                                     ([(f"f{i}", b"x") for i in range(101)], 0, 413, b"100 files")):
        a = send_files(fiona, f"/{mine}/upload/main/in", form, files, cut)
        assert a.status == status and says in a.body, (len(files), a)
    assert send_files(fiona, f"/{mine}/upload/main", {**form, "csrf": "0" * 32}, [("t", b"x")]).status == 403
    assert send_files(fiona, f"/{mine}/upload/main", {}, [("t", b"x")]).status == 403
    huge = send_files(fiona, f"/{mine}/upload/main", form, [("t", b"x" * (33 << 20))])
    assert huge.status == 413
    theirs = {"csrf": form_of(frank, f"/{mine}/upload/main")["csrf"], "parent": before}
    assert send_files(frank, f"/{mine}/upload/main", {**theirs, "target": "branch"}, [("t", b"x")]).status == 403
    assert head(people, mine) == before
    a = send_files(frank, f"/{mine}/upload/main", {**theirs, "target": "pr"}, [("w.safetensors", weights)])
    assert a.status == 303 and "/discussions/" in a.headers["location"] and head(people, mine) == before


def test_a_script_uploads_in_parts_and_takes_up_what_broke(people, mine, fiona):
    """What upload.js sends, without a browser: the cookie counts only with the token of our pages."""
    import hashlib
    csrf = form_of(fiona, f"/{mine}/upload/main")["csrf"]
    data = bytes(1000) * 70_000                                   # 70 MB: two parts
    oid = hashlib.sha256(data).hexdigest()
    batch = {"operation": "upload", "transfers": ["multipart"], "hash_algo": "sha256", "objects": [{"oid": oid, "size": len(data)}]}
    cookie = {"Cookie": f"hearth_session={fiona.cookie}", "Content-Type": "application/vnd.git-lfs+json"}
    url = f"/{mine}.git/info/lfs/objects/batch"
    assert people.request("POST", url, batch, None, headers=cookie).status == 403
    ask = lambda: people.request("POST", url, batch, None, headers={**cookie, "X-CSRF-Token": csrf}).json()["objects"][0]["actions"]["upload"]
    first = ask()
    step = int(first["header"]["chunk_size"])
    assert first["have"] == [] and len(data) > step
    assert people.request("PUT", first["header"]["00001"], data[:step]).status == 200
    again = ask()
    assert again["have"] == [1]
    assert people.request("PUT", again["header"]["00002"], data[step:]).status == 200
    done = people.request("POST", again["href"], {"oid": oid, "parts": []}, None, headers={"X-CSRF-Token": csrf, "Cookie": cookie["Cookie"]})
    assert done.status == 200, done
    commit = '{"key":"header","value":{"summary":"big"}}\n{"key":"lfsFile","value":{"path":"big.bin","algo":"sha256","oid":"%s","size":%d}}' % (oid, len(data))
    nd = {"Cookie": cookie["Cookie"], "Content-Type": "application/x-ndjson"}
    assert people.request("POST", f"/api/models/{mine}/commit/main", commit, None, headers=nd).status == 403
    assert people.request("POST", f"/api/models/{mine}/commit/main", commit, None, headers={**nd, "X-CSRF-Token": csrf}).status == 200
    old = {**batch, "transfers": ["basic", "multipart"]}          # other clients are told what they always were
    assert "actions" not in people.request("POST", url, old, None, headers={**cookie, "X-CSRF-Token": csrf}).json()["objects"][0]


def test_branches_and_tags(people, mine, fiona, frank):
    csrf = form_of(fiona, f"/{mine}/new/main")["csrf"]
    path = f"/{mine}/branches"
    assert fiona.ask("POST", path, {"csrf": csrf, "kind": "branch", "name": "dev/x", "start": "main"}).status == 303
    assert fiona.ask("POST", path, {"csrf": csrf, "kind": "tag", "name": "v1", "start": "dev/x", "message": "First"}).status == 303
    page = frank.get(path).body
    assert b"dev/x" in page and b"v1" in page and b"New branch" not in page
    refs = people.get(f"/api/models/{mine}/refs").json()
    assert {b["name"] for b in refs["branches"]} == {"main", "dev/x"} and [t["name"] for t in refs["tags"]] == ["v1"]
    for form in ({"kind": "branch", "name": "dev/x"}, {"kind": "branch", "name": "a b"}, {"kind": "branch"}, {"kind": "tag", "name": ""},
                 {"kind": "tag", "name": "v2", "start": "none"}):
        a = fiona.ask("POST", path, {"csrf": csrf, **form})
        assert 400 <= a.status < 500 and b"class=\"problem\"" in a.body, (form, a)
    theirs = form_of(frank, f"/{mine}/new/main")["csrf"]
    assert frank.ask("POST", path, {"csrf": theirs, "kind": "branch", "name": "y"}).status == 403
    assert frank.ask("POST", f"{path}/delete", {"csrf": theirs, "kind": "tag", "name": "v1"}).status == 403
    assert fiona.ask("POST", f"{path}/delete", {"csrf": csrf, "kind": "branch", "name": "main", "confirm": "main"}).status == 403
    for form in ({}, {"name": "dev/x"}, {"name": "dev/x", "confirm": "main"}):  # its commits would be gone: the name is typed
        a = fiona.ask("POST", f"{path}/delete", {"csrf": csrf, "kind": "branch", **form})
        assert a.status == 400 and b"Nothing was deleted" in a.body, form
    assert "Type <code>dev/x</code> to confirm" in fiona.get(path).body.decode()
    assert fiona.get(f"/{mine}/edit/v1/a.txt").status == 400 and fiona.get(f"/{mine}/edit/dev%2Fx/a.txt").status == 200
    assert fiona.ask("POST", f"{path}/delete", {"csrf": csrf, "kind": "tag", "name": "v1"}).status == 303
    assert fiona.ask("POST", f"{path}/delete", {"csrf": csrf, "kind": "branch", "name": "dev/x", "confirm": "dev/x"}).status == 303
    refs = people.get(f"/api/models/{mine}/refs").json()
    assert len(refs["branches"]) == 1 and not refs["tags"]


EVIL = "<script>alert(1)</script>"


def safetensors(tensors, **metadata):
    import json
    import struct
    at, header = 0, {"__metadata__": metadata} if metadata else {}
    for name, shape in tensors:
        n = 4
        for s in shape:
            n *= s
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes(at)


def gguf(pairs, tensors):
    import struct
    text = lambda s: struct.pack("<Q", len(s)) + s
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    for key, value in pairs:
        out += text(key.encode())
        if isinstance(value, bytes):
            out += struct.pack("<I", 8) + text(value)
        elif isinstance(value, list):
            out += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(v) for v in value)
        elif isinstance(value, float):
            out += struct.pack("<If", 6, value)
        else:
            out += struct.pack("<II", 4, value)
    at = 0
    for name, n in tensors:
        out += text(name) + struct.pack("<IQIQ", 1, n, 0, at)
        at += (n * 4 + 31) // 32 * 32
    return out + bytes(-len(out) % 32) + bytes(at)


def test_what_files_look_like(people, mine, fiona):
    import json
    token = people.token("fiona", "write")
    many = [(f"layer.{i}.weight", [2, 2]) for i in range(450)]
    nb = {"nbformat": 4, "metadata": {"kernelspec": {"language": "python"}}, "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", f"**bold** [x](javascript:alert(1)) ![p](pic.png) {EVIL}"]},
        {"cell_type": "code", "execution_count": 7, "source": f"print('{EVIL}')", "outputs": [
            {"output_type": "stream", "text": [f"\x1b[31mred\x1b[0m {EVIL}\n"]},
            {"output_type": "error", "ename": "E", "evalue": EVIL, "traceback": [f"line {EVIL}"]},
            {"output_type": "display_data", "data": {"image/png": "aGVsbG8=", "text/plain": "never"}},
            {"output_type": "display_data", "data": {"image/png": 'x" onerror="alert(1)', "text/plain": "instead"}},
            {"output_type": "display_data", "data": {"text/html": f"<table onclick=x><tr><td>cell{EVIL}</td></tr></table>"}},
            {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}}]},
        {"cell_type": "code", "source": 5, "outputs": "none"}, "no cell"]}
    people.commit(mine, token, {
        "t.csv": f'name,"a ""b"""\r\n{EVIL},"two\nlines"\r\n'.encode(), "t.tsv": b"a\tb\n1\t2\n", "n.ipynb": json.dumps(nb).encode(),
        "bad.ipynb": b'{"cells": 5}', "half.ipynb": b'{"cells": [', "p.svg": f"<svg xmlns='http://www.w3.org/2000/svg'>{EVIL}</svg>".encode(),
        "code.py": f"x = 1\n# {EVIL}\n".encode(), "empty.txt": b"", "latin.txt": b"caf\xe9", "wide.csv": b",".join([b"c"] * 200) + b"\n" + b"x\n" * 900,
        "broken.csv": b'a,"b\nc', "m.md": f"# M\n\n{EVIL}\n".encode()},
        {"w.safetensors": safetensors(many + [(EVIL, [3])], format="pt", note=EVIL), "bad.safetensors": b"\xff" * 64, "short.gguf": b"GGUF",
         "m.gguf": gguf([("general.architecture", b"llama"), ("bad", EVIL.encode()), ("tokens", [b"a", b"\xff", EVIL.encode()] * 5), ("eps", 0.5), ("n", 7)],
                        [(EVIL.encode(), 8)]), "d.pdf": b"%PDF-1.4\n%%EOF", "big.csv": b"h1,h2\n" + b"1,2\n" * 300_000,
                        "long.log": "eine Zeile mit ä\n".encode() * 100_000, "one-line.json": b'"' + "ä".encode() * 700_000 + b'"'})

    def page(path, query=""):
        a = fiona.get(f"/{mine}/blob/main/{path}{query}")
        assert a.status == 200, (path, a)
        text = a.body.decode()
        assert "<script>alert" not in text and "onclick" not in text and "javascript:" not in text, path
        return text

    t = page("t.csv")
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td><td>two\nlines</td>" in t and 'scope="col">a &#34;b&#34;</th>' in t.replace("&quot;", "&#34;")
    assert "two\nlines" in page("t.csv", "?plain=1") and 'id="L2"' in page("t.csv", "?plain=1")
    assert "<td>1</td><td>2</td>" in page("t.tsv")
    assert "Only the first 500 rows and 60 columns" in page("wide.csv") and "Only the first" in page("big.csv")
    assert "are shown" in page("big.csv", "?plain=1") and 'scope="col">b\nc</th>' in page("broken.csv")

    n = page("n.ipynb")
    assert "Title</h1>" in n and "<strong>bold</strong>" in n and f'src="/{mine}/resolve/main/pic.png"' in n
    assert "[7]" in n and "red &lt;script&gt;" in n and "\x1b" not in n and "line &lt;script&gt;" in n
    assert 'src="data:image/png;base64,aGVsbG8="' in n and "instead" in n and "never" not in n and "<td>cell</td>" in n and "application/javascript" in n
    assert "no list of cells" in page("bad.ipynb") and "no notebook" not in n and "no notebook that can" in page("half.ipynb")
    assert "data:image/svg+xml;base64," in page("p.svg") and "&lt;" in page("p.svg", "?plain=1")
    assert 'href="#L2"' in page("code.py") and "The file is empty" in page("empty.txt") and "not shown here" in page("latin.txt")
    assert "of which the first 262 kB are shown" in page("long.log") and 'id="L2000"' in page("long.log")
    assert "of which the first 262 kB are shown" in page("one-line.json") and "\ufffd" not in page("one-line.json")
    assert "M</h1>" in page("m.md") and "# M" in page("m.md", "?plain=1")

    w = page("w.safetensors")
    assert "layer.0.weight" in w and "layer.199.weight" in w and "layer.200.weight" not in w and "[2, 2]" in w and "F32" in w and "SHA-256" in w and "Xet hash" in w
    assert "<dd>451</dd>" in w and "1\u202f803</td>" in w and "layer.200.weight" in page("w.safetensors", "?p=1") and "&lt;script&gt;" in page("w.safetensors", "?p=2")
    found = page("w.safetensors", "?tensor=LAYER.44")
    assert "layer.441.weight" in found and "layer.0.weight" not in found and "No tensor is called" in page("w.safetensors", "?tensor=%3Cb%3E&p=99999999999")
    assert "header cannot be read" in page("bad.safetensors") and "header cannot be read" in page("short.gguf")
    g = page("m.gguf")
    assert "GGUF, version 3" in g and "llama" in g and "15: " in g and "0.5" in g and "&lt;script&gt;" in g

    pdf = fiona.get(f"/{mine}/blob/main/d.pdf")
    assert b"<iframe" in pdf.body and "frame-src 'self'" in pdf.headers["content-security-policy"]
    assert "frame-src" not in fiona.get(f"/{mine}/blob/main/code.py").headers["content-security-policy"]
    raw_pdf = people.get(f"/{mine}/resolve/main/d.pdf")
    assert raw_pdf.headers["content-type"] == "application/pdf" and "default-src 'none'" in raw_pdf.headers["content-security-policy"]
    for path in ("p.svg", "t.csv", "n.ipynb"):
        a = people.get(f"/{mine}/resolve/main/{path}")
        assert "sandbox" in a.headers["content-security-policy"] and a.headers["x-content-type-options"] == "nosniff" and "html" not in a.headers["content-type"] and "svg" not in a.headers["content-type"]


def test_history_of_a_path_and_two_revisions(people, mine, fiona, frank):
    token = people.token("fiona", "write")
    first = head(people, mine)
    for i in range(33):
        people.commit(mine, token, {"a.txt": f"one\n{i}\n".encode()}, {}, summary=f"Step {i} <b>")
    people.commit(mine, token, {"other.txt": b"1"}, {}, summary="Elsewhere")
    page = frank.get(f"/{mine}/commits/main/a.txt").body.decode()
    assert "Step 32 &lt;b&gt;" in page and "Elsewhere" not in page and "Step 2 &lt;b&gt;" not in page and "<b>" not in page
    older = re.search(r'href="\?from=(\w{40})"', page).group(1)
    page = frank.get(f"/{mine}/commits/main/a.txt?from={older}").body.decode()
    assert "Step 2 &lt;b&gt;" in page and "Step 32" not in page and "?from=" not in page
    assert frank.get(f"/{mine}/commits/main/a.txt?from={older}").body.decode() == page, "from what is kept"
    assert frank.get(f"/{mine}/commits/main/none").status == 404
    people.commit(mine, token, {"a.txt": b"late\n"}, {}, summary="Lately")
    page = frank.get(f"/{mine}/commits/main/a.txt").body.decode()
    assert "Lately" in page and "Step 32" in page and "Step 3 &lt;b&gt;" not in page, "what is kept is of the commit before"

    csrf = form_of(fiona, f"/{mine}/new/main")["csrf"]
    assert fiona.ask("POST", f"/{mine}/branches", {"csrf": csrf, "kind": "branch", "name": "dev/x", "start": first}).status == 303
    people.commit(mine, token, {"dev.txt": b"on dev\n"}, {}, rev="dev/x", summary="On dev")
    a = frank.get(f"/{mine}/compare?base=main&head=dev%2Fx")
    assert a.status == 303 and a.headers["location"] == f"/{mine}/compare/main..dev%2Fx"
    for spec in ("main..dev%2Fx", "main...dev%2Fx"):
        page = frank.get(f"/{mine}/compare/{spec}").body.decode()
        assert "On dev" in page and "Step 3" not in page and "1 commit<" in page and "on dev" in page, spec
    assert "a.txt" not in frank.get(f"/{mine}/compare/main...dev%2Fx").body.decode().split("Differences")[1]
    assert b"no difference" in frank.get(f"/{mine}/compare/main..main").body

    def heads(base, head):
        return re.findall(r'class="diff-file">(.*?)</h3>', frank.get(f"/{mine}/compare/{base}..{head}").body.decode())
    people.commit(mine, token, {"b/x.txt": b"the same\n" * 9}, {}, summary="In b")
    in_b = people.head_sha(mine, token)
    people.commit(mine, token, {"b/b/x.txt": b"the same\n" * 9}, {}, delete=["b/x.txt", "a.txt"], summary="Deeper, and one less")
    at = people.head_sha(mine, token)
    assert heads(in_b, "main") == ['a.txt <span class="badge">deleted</span>',
                                   '<span class="soft">b/x.txt →</span> <a href="/' + mine + "/blob/" + at + '/b/b/x.txt">b/b/x.txt</a> <span class="badge">renamed</span>'], "what is there afterwards can be opened"
    page = frank.get(f"/{mine}/compare/{in_b}..main").body.decode()
    assert "2 files changed" in page and [html.unescape(x) for x in re.findall(r'<li><a href="#file-\d">([^<]*)', page)] == ["a.txt", "b/b/x.txt"]
    assert 'id="file-1"' in page and 'id="file-2"' in page
    page = frank.get(f"/{mine}/commits/main/b/b/x.txt").body.decode()
    assert f'Before that it was called <code>b/x.txt</code>: <a href="/{mine}/commits/{in_b}/b/x.txt">' in page and f'href="/{mine}/blob/main/b/b/x.txt">File' in page
    assert page == frank.get(f"/{mine}/commits/main/b/b/x.txt").body.decode(), "from what is kept"
    page = frank.get(f"/{mine}/commits/{in_b}/b/x.txt").body.decode()
    assert "Before that" not in page and "In b" in page, "there it began"
    page = frank.get(f"/{mine}/commits/main/b").body.decode()
    assert f'href="/{mine}/tree/main/b">Folder' in page and "Before that" not in page
    wrong = frank.get(f"/{mine}/compare/main..{urllib.parse.quote(BAD)}")
    assert wrong.status == 404 and b"<img src=x" not in wrong.body and b"class=\"problem\"" in wrong.body
    assert frank.get(f"/{mine}/compare").status == 200


def test_a_rename_and_a_binary_file_in_a_commit(people, mine, fiona):
    token = people.token("fiona", "write")
    people.commit(mine, token, {"long.txt": b"".join(b"line %d\n" % i for i in range(50))}, {})
    form = form_of(fiona, f"/{mine}/edit/main/long.txt")
    text = "".join(f"line {i}\n" for i in range(50)) + "--- a/etc\n+++ b/etc\n"
    assert fiona.ask("POST", f"/{mine}/edit/main/long.txt", {**form, "name": "d/renamed.txt", "text": text, "target": "branch"}).status == 303
    page = fiona.get(f"/{mine}/commit/{head(people, mine)}").body.decode()
    assert "long.txt →" in page and "renamed</span>" in page and "--- a/etc" in page and "1 file changed" in page and "+2" in page
    people.commit(mine, token, {"d/again.txt": text.encode()}, {}, delete=["d/renamed.txt"])
    page = fiona.get(f"/{mine}/commit/main").body.decode()
    assert "1 file changed</p>" in page, "and no sum of nothing"
    people.commit(mine, token, {"bin.dat": b"\0\1\3"}, {})
    page = fiona.get(f"/{mine}/commit/{head(people, mine)}").body.decode()
    assert "bin.dat" in page and "binary</span>" in page
    people.commit(mine, token, {"much.txt": b"x\n" * 20_000}, {})
    page = fiona.get(f"/{mine}/commit/{head(people, mine)}").body.decode()
    assert "not all the differences" in page


def test_where_a_notebook_is_shown(people, mine):
    token = people.token("fiona", "write")
    people.commit(mine, token, {"docs/n b.ipynb": b'{"cells": []}'}, {})
    a = people.get(f"/api/models/{mine}/notebook/main/docs/n%20b.ipynb")
    assert a.json() == {"url": f"{people.base}/{mine}/blob/main/docs/n%20b.ipynb"} and people.get(a.json()["url"]).status == 200
    assert "error" in people.get(f"/api/models/{mine}/notebook/main/a.txt").json()
    assert people.get(f"/api/models/{mine}/notebook/main/none.ipynb").status == 404


def test_large_files_are_given_to_another_repository(people, mine, t):
    import hashlib
    token = people.token("fiona", "write")
    content = b"weights" * 9000
    people.commit(mine, token, {}, {"w2.bin": content})
    sha = hashlib.sha256(content).hexdigest()
    xet = next(f["xetHash"] for f in people.get(f"/api/models/{mine}/tree/main").json() if f["path"] == "w2.bin")
    target = people.create(f"{mine}-copy", token, "dataset")
    ask = lambda files, name=target, who=token: people.post(f"/api/models/{mine}/lfs-files/duplicate", {"target": {"type": "dataset", "name": name}, "files": files}, who)
    a = ask([{"xetHash": xet.upper(), "sha256": sha}, {"xetHash": xet, "sha256": sha}])
    assert a.status == 200 and a.json() == {"success": True, "processed": 1, "succeeded": 1, "failed": []}, a
    line = '{"key":"header","value":{"summary":"copied"}}\n{"key":"lfsFile","value":{"path":"w2.bin","algo":"sha256","oid":"%s"}}' % sha
    assert people.request("POST", f"/api/datasets/{target}/commit/main", line, token, headers={"Content-Type": "application/x-ndjson"}).status == 200
    assert people.get(f"/datasets/{target}/resolve/main/w2.bin").body == content
    a = ask([{"xetHash": xet, "sha256": "0" * 64}, {"xetHash": "1" * 64, "sha256": sha}, {"xetHash": xet, "sha256": sha}])
    assert a.status == 207 and a.json()["succeeded"] == 1 and [f["sha256"] for f in a.json()["failed"]] == ["0" * 64, sha]
    assert ask([]).status == 400 and ask([{"xetHash": "x", "sha256": sha}]).status == 400
    secret = people.create(f"{mine}-mine", token, "dataset", private=True)
    assert ask([{"xetHash": xet, "sha256": sha}], secret, t.bob).status == 404
    assert ask([{"xetHash": xet, "sha256": sha}], who=None).status == 401


def test_a_folder_of_many_has_pages(people, mine, fiona):
    """All entries, each once, by links alone: folders among files, and names that sort between a folder's name and what is in it."""
    import html
    token = people.token("fiona", "write")
    files = {f"data/{i:04d}.txt": b"" for i in range(0, 2100)} | {"data/0999/x": b"", "data/0999-x": b"", "data/1999.txt.d/y": b"", "data/ä & <b>?#%.txt": b"1"}
    assert people.commit(mine, token, files).status == 200
    want = {p.split("/")[1] for p in files}
    seen, path, pages = [], f"/{mine}/tree/main/data", 0
    while path:
        text = fiona.get(path).body.decode()
        seen += [html.unescape(name) for name in re.findall(r'class="(?:file|folder)" href="[^"]*">([^<]*)<', text)]
        link = re.search(r'class="more">.*?href="([^"]*\?after=[^"]*)"', text)
        path, pages = link and html.unescape(link[1]), pages + 1
    assert pages == 3 and len(seen) == len(want) and set(seen) == want
    text = fiona.get(f"/{mine}/tree/main/data?after=~~").body.decode()
    assert "ä &amp; &lt;b&gt;" in text and "From the beginning" in text
    assert "The folder ends before here" in fiona.get(f"/{mine}/tree/main/data?after=%ff").body.decode()


def test_rows_of_a_dataset(people, name, fiona, frank):
    """The first rows stand on its card; a viewer pages through them; types, marks and hostile text; who may."""
    token = people.token("fiona", "write")
    data = people.create("fiona/" + name.split("/")[1], token, "dataset")
    assert "No file of this dataset is shown as rows" in fiona.get(f"/datasets/{data}/viewer").body.decode()
    assert "First rows" not in fiona.get(f"/datasets/{data}").body.decode()
    rows = "".join(f'{i},"line {i}\nof two {EVIL}",{i / 4}\n' for i in range(1, 301))
    wide = "".join(f"{i},{'x' * 1000}\n" for i in range(9000))  # more than 8 MiB
    files = {"a.csv": "n,t,f\n7,other,1\n", "train.csv": "n,t,f\n" + rows, "c.jsonl": '{"a": [1], "b": true}\n{"a": [2], "c": "<b>"}\n', "none.csv": "", "bin.csv": b"a\0b\n1,2\n", "no.txt": "1"}
    assert people.commit(data, token, files, {"wide.csv": ("n,x\n" + wide).encode()}, kind="datasets").status == 200

    def see(query="", who=fiona, status=200):
        a = who.get(f"/datasets/{data}/viewer{query}")
        assert a.status == status, a
        return a.body.decode()
    card = fiona.get(f"/datasets/{data}").body.decode()
    assert "First rows" in card and "train.csv" in card and "line 8" in card and "line 9" not in card and "<script>alert(1)" not in card
    first = see("?file=train.csv")
    assert '<small class="soft">integer</small>' in first and '<small class="soft">number</small>' in first and "line 50" in first and "line 51" not in first
    assert "row=51" in first and "Earlier" not in first and "<script>alert(1)" not in first
    last = see("?file=train.csv&row=291")
    assert "line 291" in last and "line 300" in last and "Earlier rows" in last and "Rows from" not in last
    assert "ends before row 900" in see("?file=train.csv&row=900") and "line 1\n" in see("?file=train.csv&row=-5")
    lines = see("?file=c.jsonl")
    assert "<td>[1]</td><td>true</td><td></td>" in lines and "&lt;b&gt;" in lines and '<small class="soft">list</small>' in lines
    assert "has no rows" in see("?file=none.csv") and "no text" in see("?file=bin.csv")
    assert "Paging ends here" in see("?file=wide.csv&row=8331") and "No row of what is read here" in see("?file=wide.csv&row=8999")
    for query in ("?file=no.txt", "?file=../train.csv", "?file=gone.csv"):
        see(query, status=404)
    assert fiona.get(f"/{data}/viewer").status == 404  # a model has none
    people.request("PUT", f"/api/datasets/{data}/settings", {"private": True}, token)
    see(who=frank, status=404)


def test_a_form_that_is_sent_twice_commits_once(people, mine, fiona):
    """Its answer was lost, and the browser asks whether to send it again."""
    before = len(people.get(f"/api/models/{mine}/commits/main").json())
    form = {**form_of(fiona, f"/{mine}/edit/main/a.txt"), "name": "a.txt", "text": "one\ntwo\n", "target": "branch"}
    first, second = (fiona.ask("POST", f"/{mine}/edit/main/a.txt", form) for _ in range(2))
    assert (first.status, first.headers["location"]) == (second.status, second.headers["location"]) == (303, f"/{mine}/blob/main/a.txt")
    assert len(people.get(f"/api/models/{mine}/commits/main").json()) == before + 1
    other = fiona.ask("POST", f"/{mine}/edit/main/a.txt", {**form, "text": "three\n"})
    assert other.status == 409 and b"Somebody changed this" in other.body
    form = {**form_of(fiona, f"/{mine}/edit/main/a.txt"), "name": "a.txt", "text": "as a pull request\n", "target": "pr"}
    first, second = (fiona.ask("POST", f"/{mine}/edit/main/a.txt", form) for _ in range(2))
    assert first.status == second.status == 303 and first.headers["location"] == second.headers["location"]
    form = {**form_of(fiona, f"/{mine}/new/main"), "name": "fresh.txt", "text": "new\r\n", "target": "branch"}
    first, second = (fiona.ask("POST", f"/{mine}/new/main", form) for _ in range(2))
    assert (first.status, first.headers["location"]) == (second.status, second.headers["location"]) == (303, f"/{mine}/blob/main/fresh.txt")
    assert len(people.get(f"/api/models/{mine}/commits/main").json()) == before + 2
    other = fiona.ask("POST", f"/{mine}/new/main", {**form, "text": "other\n"})
    assert other.status == 409 and b"already something called" in other.body and b"Somebody changed" not in other.body
    form = {**form_of(fiona, f"/{mine}/edit/main/fresh.txt"), "name": "stale.txt", "text": "new\r\n", "target": "branch"}
    first, second = (fiona.ask("POST", f"/{mine}/edit/main/fresh.txt", form) for _ in range(2))  # another name, and its content stays
    assert (first.status, first.headers["location"]) == (second.status, second.headers["location"]) == (303, f"/{mine}/blob/main/stale.txt")
    form = {**form_of(fiona, f"/{mine}/delete/main/stale.txt"), "target": "branch"}
    first, second = (fiona.ask("POST", f"/{mine}/delete/main/stale.txt", form) for _ in range(2))
    assert (first.status, first.headers["location"]) == (second.status, second.headers["location"]) == (303, f"/{mine}/tree/main")
    assert len(people.get(f"/api/models/{mine}/commits/main").json()) == before + 4
    assert fiona.ask("POST", f"/{mine}/delete/main/stale.txt", {**form, "parent": people.head_sha(mine)}).status == 404  # nothing was there


def test_a_text_is_kept_whose_file_somebody_deleted(people, mine, fiona):
    form = {**form_of(fiona, f"/{mine}/edit/main/a.txt"), "name": "a.txt", "text": "long & typed\n", "target": "branch"}
    people.commit(mine, people.token("fiona", "write"), delete=["a.txt"], summary="gone")
    a = fiona.ask("POST", f"/{mine}/edit/main/a.txt", form)
    page = a.body.decode()
    assert a.status == 409 and "Somebody deleted or renamed" in page and "long &amp; typed" in page
    action = re.search(r'<form class="editor" method="post" action="([^"]+)"', page).group(1)
    anew = {**form, "parent": field(page, "parent"), "csrf": form["csrf"]}
    a = fiona.ask("POST", action, anew)
    assert a.status == 303 and raw(people, mine, "a.txt") == b"long & typed\n"


def test_a_branch_that_is_deleted_twice_is_gone_once(people, mine, fiona):
    assert people.post(f"/api/models/{mine}/branch/short-lived", {}, people.token("fiona", "write")).status == 200
    form = {"csrf": fiona.form_token("/"), "kind": "branch", "name": "short-lived", "confirm": "short-lived"}
    assert {fiona.ask("POST", f"/{mine}/branches/delete", form).status for _ in range(2)} == {303}
    assert b"short-lived" not in fiona.get(f"/{mine}/branches").body


def test_what_is_deleted_twice_says_so(people, fiona):
    people.create("fiona/brief", people.token("fiona", "write"))
    form = {"csrf": fiona.form_token("/"), "confirm": "fiona/brief"}
    first, second = (fiona.ask("POST", "/fiona/brief/settings/delete", form) for _ in range(2))
    assert first.status == 303 and second.status == 404 and b"If you have sent it before, that was enough" in second.body


def runs_of(page):
    """[title, lines, where "before" leads], of a blame page."""
    runs = []
    for run in page.body.decode().split("<li><div class=\"blame-by")[1:]:
        title = re.search(r'class="blame-title"[^>]*><bdi>(.*?)</bdi>', run)
        before = re.search(r'rel="nofollow" href="([^"]*)"', run)
        lines = re.findall(r'id="L(\d+)"><a href="#L\1"[^>]*></a>(.*?)\n</span>', run, re.S)
        runs.append((title and html.unescape(title.group(1)), [html.unescape(re.sub(r"<[^>]*>", "", text)) for _, text in lines], before and before.group(1)))
    return runs


def test_each_line_has_the_commit_that_brought_it(people, fiona, frank, name):
    token = people.token("fiona", "write")
    for kind in ("model", "dataset", "space"):
        plural, where = kind + "s", "" if kind == "model" else f"/{kind}s"
        full = people.create(f"fiona/b-{name.split('/')[-1]}", token, kind, private=True, **({"sdk": "static"} if kind == "space" else {}))
        people.commit(full, token, {"a/run.py": b"import os\ns = '''one\ntwo'''\nprint(s)\n"}, kind=plural, summary="Begin <i>")
        people.commit(full, token, {"a/run.py": b"import os\ns = '''one\n2<b>'''\nprint(s)\n"}, kind=plural, summary="Mend")
        form = form_of(fiona, f"{where}/{full}/edit/main/a/run.py")
        assert fiona.ask("POST", f"{where}/{full}/edit/main/a/run.py", {**form, "name": BAD, "text": "import os\ns = '''one\n2<b>'''\nprint(s)\nmore", "target": "branch"}).status == 303
        file = f"{where}/{full}/blob/main/{urllib.parse.quote(BAD)}"
        link = html.unescape(re.search(r'href="([^"]*/blame/[^"]*)"', fiona.get(file).body.decode()).group(1))
        page = fiona.get(link)
        text = page.body.decode()
        ids = [k["id"] for k in people.get(f"/api/{plural}/{full}/commits/main", token).json()]
        titles = [k["title"] for k in people.get(f"/api/{plural}/{full}/commits/main", token).json()]
        assert titles[1:3] == ["Mend", "Begin <i>"]
        assert runs_of(page) == [("Begin <i>", ["import os", "s = '''one"], None),
                                 ("Mend", ["2<b>'''"], f"{where}/{full}/blame/{ids[2]}/a/run.py"),
                                 ("Begin <i>", ["print(s)"], None),
                                 (titles[0], ["more"], f"{where}/{full}/blame/{ids[1]}/a/run.py")], runs_of(page)
        assert "<b>" not in text and "<img src=x" not in text and "5 lines, by 3 commits" in text
        assert f'href="{where}/{full}/commit/{ids[1]}"' in text and f"<code>{ids[1][:7]}</code>" in text and re.search(r'<time datetime="20\d\d-[^"]*" title="20\d\d-[^"]* UTC">just now', text)
        earlier = fiona.get(f"{where}/{full}/blame/{ids[2]}/a/run.py")
        assert runs_of(earlier) == [("Begin <i>", ["import os", "s = '''one", "two'''", "print(s)"], None)]
        for who in (frank, None):
            a = who.get(link) if who else people.get(link, headers={"Accept": "text/html"})
            assert a.status in (401, 404) and b"Mend" not in a.body, a
    assert fiona.get(f"/spaces/{full}/blame/main/nothing").status == 404 and fiona.get(f"/spaces/{full}/blame/nothing/{link.split('/')[-1]}").status == 404


def test_what_has_no_lines_to_blame_says_so(people, mine, fiona):
    token = people.token("fiona", "write")
    people.commit(mine, token, {"long.txt": b"".join(b"%d\n" % i for i in range(10001)), "empty.txt": b"", "big.txt": b"x" * (1 << 20) + b"\n"})
    for path, says in (("w.bin", "stored as a large file"), ("bin.dat", "no text in UTF-8"), ("big.txt", "up to 1 MiB"), ("empty.txt", "The file is empty")):
        page = fiona.get(f"/{mine}/blame/main/{path}")
        assert page.status == 200 and says in page.body.decode() and not runs_of(page), path
    assert "/blame/" not in fiona.get(f"/{mine}/blob/main/w.bin").body.decode() and "/blame/" not in fiona.get(f"/{mine}/blob/main/bin.dat").body.decode()
    page = fiona.get(f"/{mine}/blame/main/long.txt")
    assert "10\u202f001 lines, of which the first 10\u202f000 are shown, by 1 commit<" in page.body.decode()
    (run,) = runs_of(page)
    assert run[1] == [str(i) for i in range(10000)]
    a = fiona.get(f"/{mine}/blame/main/docs")
    assert a.status == 303 and a.headers["location"] == f"/{mine}/tree/main/docs"
