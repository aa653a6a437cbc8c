"""Buckets for people, over plain HTTP: who sees and changes what, forms, hostile names, collections, search, scoped tokens, the command line."""
import html
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

import clients
import hearth
from browser import Browser, multipart, signed_in
from test_web_files import BAD

ROLES = ("nobody", "bob", "carol", "carl", "wendy", "alice", "root-admin")  # carol reads in acme, carl contributes, wendy writes, alice administers


@pytest.fixture(scope="module")
def who(server):
    """A browser of each, by name; `nobody` is not signed in."""
    return {name: Browser(server) if name == "nobody" else signed_in(server, name) for name in ROLES}


@pytest.fixture
def bucket(who, name):
    """alice's, public, named as this test."""
    return make(who["alice"], "alice", name.split("/")[-1])


def make(browser, owner, name, private=False):
    a = browser.ask("POST", "/buckets/new", {"csrf": browser.form_token(), "owner": owner, "name": name, "visibility": "private" if private else "public"})
    assert a.status == 303 and a.headers["location"] == f"/buckets/{owner}/{name}", a
    return f"{owner}/{name}"


def send(browser, path, files, csrf=None):
    body, kind = multipart({"csrf": csrf if csrf is not None else browser.form_token()}, files)
    headers = {"Content-Type": kind, "Origin": browser.server.base}
    if browser.cookie:
        headers["Cookie"] = f"hearth_session={browser.cookie}"
    return browser.server.request("POST", path, body, None, headers=headers)


def fill(browser, bucket, files, folder=""):
    a = send(browser, f"/buckets/{bucket}/upload{'/' + urllib.parse.quote(folder) if folder else ''}", files)
    assert a.status == 303, a


def text(browser, path, status=200):
    a = browser.get(path)
    assert a.status == status, (path, a)
    return a.body.decode()


def words(page):
    """What stands there to be read: code is coloured by spans."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


# ------------------------------------------------------------------ a person's way through it

def test_made_filled_looked_at_and_deleted(server, who, name):
    alice, short = who["alice"], name.split("/")[-1]
    full = make(alice, "alice", short)
    page = text(alice, f"/buckets/{full}")
    assert "Nothing is in this bucket yet" in page and f"hf buckets sync ./data hf://buckets/{full}" in words(page)
    weights = bytes(range(256)) * 500
    fill(alice, full, [("a.txt", b"one\ntwo\n"), ("empty", b"")])
    fill(alice, full, [("w.bin", weights), ("table.csv", b"a,b\n1,2\n")], "runs/one")
    page = text(alice, f"/buckets/{full}")
    assert "4 files" in page and f'href="/buckets/{full}/tree/runs"' in page and f'href="/buckets/{full}/blob/a.txt"' in page
    assert page.index(">runs<") < page.index(">a.txt<")  # folders first
    page = text(alice, f"/buckets/{full}/tree/runs/one/")
    assert "table.csv" in page and "a.txt" not in page and f"hf buckets sync ./data hf://buckets/{full}/runs/one" in words(page)
    assert server.get(f"/buckets/{full}/resolve/runs/one/w.bin").body == weights
    page = text(alice, f"/buckets/{full}/blob/a.txt")
    assert "one\ntwo" in page and "2 lines" in page and hearth.sha256(b"one\ntwo\n") in page
    assert "<td>2</td>" in text(alice, f"/buckets/{full}/blob/runs/one/table.csv")
    assert "1,2" in text(alice, f"/buckets/{full}/blob/runs/one/table.csv?plain=1")
    assert "The file is empty" in text(alice, f"/buckets/{full}/blob/empty")
    assert "128 kB" in text(alice, f"/buckets/{full}/blob/runs/one/w.bin")
    a = alice.get(f"/buckets/{full}/tree/a.txt")
    assert a.status == 303 and a.headers["location"] == f"/buckets/{full}/blob/a.txt"
    for path in ("tree/none", "blob/none", "blob/runs", "tree/run"):
        text(alice, f"/buckets/{full}/{path}", 404)
    fill(alice, full, [("a.txt", b"other\n")])  # sent again: replaced
    assert server.get(f"/buckets/{full}/resolve/a.txt").body == b"other\n"

    for path, to in (("runs/one/w.bin", "/tree/runs/one"), ("runs/one/table.csv", ""), ("empty", "")):
        a = alice.ask("POST", f"/buckets/{full}/delete/{path}", {"csrf": alice.form_token()})
        assert a.status == 303 and a.headers["location"] == f"/buckets/{full}{to}", a
    assert "1 file<" in text(alice, f"/buckets/{full}")
    assert alice.ask("POST", f"/buckets/{full}/delete/empty", {"csrf": alice.form_token()}).status == 404

    settings = f"/buckets/{full}/settings"
    assert alice.ask("POST", settings, {"csrf": alice.form_token(), "visibility": "private"}).status == 303
    assert who["nobody"].get(f"/buckets/{full}").status == 401 and ">private<" in text(alice, f"/buckets/{full}")
    assert alice.ask("POST", settings, {"csrf": alice.form_token(), "visibility": "secret"}).status == 400
    a = alice.ask("POST", f"{settings}/move", {"csrf": alice.form_token(), "owner": "acme", "name": short})
    assert a.status == 303 and a.headers["location"] == f"/buckets/acme/{short}/settings", a
    moved = alice.get(f"/buckets/{full}/blob/a.txt?plain=1")
    assert moved.status == 307 and moved.headers["location"] == f"/buckets/acme/{short}/blob/a.txt?plain=1"
    full = f"acme/{short}"
    wrong = alice.ask("POST", f"/buckets/{full}/settings/delete", {"csrf": alice.form_token(), "confirm": short})
    assert wrong.status == 400 and b"Nothing was deleted" in wrong.body
    gone = alice.ask("POST", f"/buckets/{full}/settings/delete", {"csrf": alice.form_token(), "confirm": full})
    assert gone.status == 303 and gone.headers["location"] == "/acme?tab=buckets"
    assert alice.get(f"/buckets/{full}").status == 404


def test_forms_say_what_was_wrong(who, bucket):
    alice = who["alice"]
    csrf = alice.form_token()
    form = {"csrf": csrf, "owner": "alice", "name": bucket.split("/")[1], "visibility": "public"}
    taken = alice.ask("POST", "/buckets/new", form)
    assert taken.status == 409 and b'role="alert"' in taken.body and form["name"].encode() in taken.body
    for change, status in (({"name": "a..b"}, 400), ({"name": ""}, 400), ({"owner": "nobody-of-this-name"}, 400), ({"owner": "bob"}, 403)):
        a = alice.ask("POST", "/buckets/new", {**form, "name": "fine", **change})
        assert a.status == status and b'role="alert"' in a.body, (change, a)
    other = make(alice, "alice", form["name"] + "-other")
    for change, status in (({"name": form["name"]}, 409), ({"name": "a..b"}, 400), ({"owner": "nobody-of-this-name"}, 400), ({"owner": "bob"}, 403)):
        a = alice.ask("POST", f"/buckets/{other}/settings/move", {"csrf": csrf, "owner": "alice", "name": form["name"] + "-new", **change})
        assert a.status == status and b'role="alert"' in a.body, (change, a)
    for files, says in (([], b"at least one"), ([("../t", b"x")], b"t"), ([(f"f{i}", b"x") for i in range(101)], b"100 files")):
        a = send(alice, f"/buckets/{bucket}/upload", files)
        assert a.status in (400, 413, 422) and says in a.body and b'role="alert"' in a.body, a


def commands(browser, path):
    """What the page offers to copy, by its heading."""
    found = re.findall(r'<details name="use"[^>]*><summary>(.*?)</summary><pre[^>]*><code>(.*?)</code>', text(browser, path), re.S)
    return {words(name): words(code) for name, code in found}


def test_the_commands_of_the_pages_work_as_they_stand(server, t, who, bucket, tmp_path):
    """With a token in HF_TOKEN, and nothing else."""
    python = clients.python_client(f"xet-{clients.NEWEST}")
    env = {k: v for k, v in clients.client_environment(server, tmp_path / "home", t.alice).items() if k != "HF_ENDPOINT"}
    env["PATH"] = f"{python.parent}:{os.environ['PATH']}"

    def run(*program):
        r = subprocess.run(program, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert r.returncode == 0, (program, r.stdout[-2000:], r.stderr[-2000:])
        return r.stdout

    folder = "it's a <folder>"
    (tmp_path / "data" / folder).mkdir(parents=True)
    (tmp_path / "data" / folder / "a b.txt").write_text("one\n")
    (tmp_path / "data" / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "report.csv").write_text("a,b\n")
    path, at = f"/buckets/{bucket}", urllib.parse.quote(folder)
    run("bash", "-ec", commands(who["alice"], path)["Fill it from a folder"])
    assert server.get(f"{path}/resolve/{at}/a%20b.txt").body == b"one\n"
    (tmp_path / "data").rename(tmp_path / "sent")
    use = commands(who["alice"], path)
    run("bash", "-ec", use["Bring the bucket here"])
    assert (tmp_path / "data" / "weights.bin").read_bytes() == bytes(range(256)) * 1000
    assert "weights.bin" in run("bash", "-ec", use["Copy single files"]) and server.get(f"{path}/resolve/report.csv").body == b"a,b\n"
    shutil.rmtree(tmp_path / "data")
    assert "weights.bin" in run(str(python), "-c", use["Python"]) and (tmp_path / "data" / folder / "a b.txt").read_text() == "one\n"
    shutil.rmtree(tmp_path / "data")
    use = commands(who["alice"], f"{path}/tree/{at}")
    run("bash", "-ec", use["Bring the folder here"])
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["a b.txt"]
    shutil.rmtree(tmp_path / "data")
    assert "a b.txt" in run(str(python), "-c", use["Python"]) and (tmp_path / "data" / "a b.txt").exists()
    use = commands(who["alice"], f"{path}/blob/{at}/a%20b.txt")
    run("bash", "-ec", use["hf buckets cp"])
    assert (tmp_path / "a b.txt").read_text() == "one\n"
    (tmp_path / "a b.txt").unlink()
    run(str(python), "-c", use["Python"])
    assert (tmp_path / "a b.txt").read_text() == "one\n"


# ------------------------------------------------------------------ who may

def test_what_one_may_not_see_does_not_exist(server, who, name):
    short = name.split("/")[-1]
    shut, opened = make(who["alice"], "acme", short, private=True), make(who["alice"], "acme", f"{short}-open")
    for b in (shut, opened):
        fill(who["alice"], b, [("plans.txt", b"the secret plan\n")])
    readers, writers = ("carol", "carl", "wendy", "alice", "root-admin"), ("wendy", "alice", "root-admin")
    for role in ROLES:
        b = who[role]
        unseen = 401 if role == "nobody" else 404
        for path in ("", "/tree/", "/blob/plans.txt", "/resolve/plans.txt"):
            a = b.get(f"/buckets/{shut}{path}")
            assert a.status == (200 if role in readers else unseen), (role, path, a)
            assert (b"secret plan" in a.body) == (role in readers) or path in ("", "/tree/"), (role, path)
            assert b.get(f"/buckets/{opened}{path}").status == 200, (role, path)
        for path in ("/upload", "/upload/x", "/settings"):
            allowed = role in writers
            assert (b.get(f"/buckets/{opened}{path}").status == 200) == allowed, (role, path)
            assert (b.get(f"/buckets/{shut}{path}").status == 200) == allowed, (role, path)
            assert allowed or role in readers or b.get(f"/buckets/{shut}{path}").status == unseen, (role, path)
        page = b.get(f"/buckets/{opened}").body
        assert (b"/settings" in page.split(b'aria-label="Bucket"')[1]) == (role in writers) and (b"Upload files" in page) == (role in writers), role
        for path in ("/buckets", f"/buckets?search={short}", "/buckets?owner=acme", "/acme?tab=buckets", f"/search?q={short}"):
            body = text(b, path)
            assert f"/buckets/{opened}\"" in body, (role, path)
            assert (f"/buckets/{shut}\"" in body) == (role in readers), (role, path)
        found = b.get(f"/api/quicksearch?q={short}").json()
        assert {x["id"] for x in found["buckets"]} == ({shut, opened} if role in readers else {opened}) and found["bucketsCount"] == len(found["buckets"])


def test_who_may_not_write_does_not(server, who, name):
    short = name.split("/")[-1]
    full = make(who["alice"], "acme", short)
    fill(who["alice"], full, [("a.txt", b"kept\n")])
    for role in ("nobody", "bob", "carol", "carl"):
        b = who[role]
        csrf = b.form_token() if role != "nobody" else ""
        refusal = (401,) if role == "nobody" else (403,)
        assert send(b, f"/buckets/{full}/upload", [("a.txt", b"not mine\n")], csrf).status in refusal, role
        for path, form in (("delete/a.txt", {}), ("settings", {"visibility": "private"}), ("settings/move", {"owner": "bob", "name": short}),
                           ("settings/delete", {"confirm": full})):
            assert b.ask("POST", f"/buckets/{full}/{path}", {"csrf": csrf, **form}).status in refusal, (role, path)
        if role in ("bob", "carol"):
            assert b.ask("POST", "/buckets/new", {"csrf": csrf, "owner": "acme", "name": f"{short}-{role}", "visibility": "public"}).status == 403
    assert server.get(f"/buckets/{full}/resolve/a.txt").body == b"kept\n"
    mine = make(who["carl"], "acme", f"{short}-carl")  # a contributor writes to what he made
    fill(who["carl"], mine, [("a.txt", b"x")])


def test_no_form_without_its_token(server, who, bucket):
    alice = who["alice"]
    fill(alice, bucket, [("a.txt", b"kept\n")])
    posts = [("settings", {"visibility": "private"}), ("settings/move", {"owner": "alice", "name": "elsewhere"}), ("settings/delete", {"confirm": bucket}), ("delete/a.txt", {})]
    for path, form in posts:
        for csrf in ({}, {"csrf": "0" * 32}):
            assert alice.ask("POST", f"/buckets/{bucket}/{path}", {**form, **csrf}).status == 403, path
        good = {**form, "csrf": alice.form_token()}
        assert alice.ask("POST", f"/buckets/{bucket}/{path}", good, Origin="https://evil.example").status == 403, path
    assert send(alice, f"/buckets/{bucket}/upload", [("a.txt", b"other")], "0" * 32).status == 403
    assert alice.ask("POST", "/buckets/new", {"owner": "alice", "name": "forged", "visibility": "public"}).status == 403
    assert server.get(f"/buckets/{bucket}/resolve/a.txt").body == b"kept\n" and server.get("/buckets/alice/forged").status == 401


# ------------------------------------------------------------------ what strangers wrote

def test_hostile_names_are_only_names(server, who, bucket):
    alice = who["alice"]
    folder = "it's; rm -rf ~ $(id) \"x\" <b>"
    fill(alice, bucket, [(BAD, b"<script>alert(1)</script>\n"), ("page.html", b"<script>alert(2)</script>"), ("p.svg", b"<svg onload='alert(3)'/>"),
                         ("c.csv", b"a,<script>alert(4)</script>\n=1+1,\"<img src=x onerror=alert(5)>\"\n")], folder)
    quoted = urllib.parse.quote(folder)
    for path in ("", f"/tree/{quoted}", *(f"/blob/{quoted}/{urllib.parse.quote(f)}" for f in (BAD, "page.html", "p.svg", "c.csv"))):
        page = text(alice, f"/buckets/{bucket}{path}")
        assert "<script>alert" not in page and "<img src=x" not in page and "<b>" not in page.replace("<b></b>", "") and "<svg onload" not in page, path
        assert "default-src 'none'" in alice.get(f"/buckets/{bucket}{path}").headers["content-security-policy"]
    page = text(alice, f"/buckets/{bucket}/tree/{quoted}")
    shown = words(page)
    assert f"hf buckets sync ./data 'hf://buckets/{bucket}/it'\\''s; rm -rf ~ $(id) \"x\" <b>'" in shown  # one word of a shell
    assert f'sync_bucket("hf://buckets/{bucket}/it\'s; rm -rf ~ $(id) \\"x\\" <b>", "./data")' in shown  # one string of Python
    raw = alice.get(f"/buckets/{bucket}/resolve/{quoted}/page.html")
    assert raw.status == 200 and "html" not in raw.headers["content-type"] and "sandbox" in raw.headers["content-security-policy"]
    for sought in ("<script>alert(6)</script>", '"><img src=x>', "%", "_", "'", "\\"):
        page = text(alice, f"/buckets?search={urllib.parse.quote(sought)}&owner={urllib.parse.quote(sought)}")
        assert "<script>alert" not in page and "<img src=x" not in page and "No bucket matches" in page, sought
    for query in ("cursor=nonsense", "cursor=%00", "cursor=" + "9" * 400):
        for path in (f"/buckets/{bucket}", "/buckets", "/alice?tab=buckets"):
            at = f"{path}{'&' if '?' in path else '?'}{query}"
            assert alice.get(at).status in (200, 400), at
    for odd in ("/buckets/alice", "/buckets/..", "/buckets/%00/x", "/buckets/a%2fb/c", f"/buckets/{bucket}/blob/", f"/buckets/{bucket}/tree//", f"/buckets/{bucket}/blob/../../x", f"/buckets/{bucket}/tree/%ff"):
        assert alice.get(odd).status in (200, 303, 400, 404), odd


def test_a_large_folder_has_pages(server, who, bucket):
    alice = who["alice"]
    for i in range(6):
        fill(alice, bucket, [(f"f{i}{j:03d}", b"same") for j in range(100)], "many")
    seen, path = [], f"/buckets/{bucket}/tree/many"
    for _ in range(3):
        page = text(alice, path)
        seen += re.findall(r'class="file" href="[^"]*/(f\d+)"', page)
        more = re.search(r'href="([^"]*\?cursor=[^"]+)"', page)
        if not more:
            break
        path = more.group(1).replace("&amp;", "&")
    assert seen == [f"f{i}{j:03d}" for i in range(6) for j in range(100)]
    assert "From the beginning" in page


# ------------------------------------------------------------------ where else buckets stand

def test_collections_hold_buckets(server, t, who, name, repo):
    short = name.split("/")[-1]
    alice = who["alice"]
    opened, shut = make(alice, "alice", short), make(alice, "alice", f"{short}-shut", private=True)
    c = server.post("/api/collections", {"title": short[-50:], "namespace": "alice", "item": {"type": "bucket", "id": opened}}, t.alice).json()
    path = f"/api/collections/{c['slug']}/items"
    assert server.post(path, {"item": {"type": "bucket", "id": shut}, "note": "mine"}, t.alice).status == 200
    assert server.post(path, {"item": {"type": "model", "id": repo}}, t.alice).status == 200
    assert server.post(path, {"item": {"type": "bucket", "id": opened}}, t.alice).status == 409
    for missing in ("alice/none", "none", "bob/none"):
        assert server.post(path, {"item": {"type": "bucket", "id": missing}}, t.alice).status == 404, missing
    for token, item, has in ((t.alice, opened, True), (t.bob, opened, True), (t.alice, shut, True), (t.bob, shut, False), (t.alice, "alice/none", False)):
        assert (c["slug"] in [x["slug"] for x in server.get("/api/collections", token, query={"item": f"buckets/{item}"}).json()]) == has, item
    mine, theirs = (server.get(f"/api/collections/{c['slug']}", who).json()["items"] for who in (t.alice, t.bob))
    assert [(i["type"], i["id"]) for i in mine] == [("bucket", opened), ("bucket", shut), ("model", repo)]
    assert [i["id"] for i in theirs] == [opened, repo] and mine[1]["note"]["text"] == "mine" and mine[1]["private"] is True
    assert f"/buckets/{shut}\"" in text(alice, f"/collections/{c['slug']}") and f"/buckets/{shut}\"" not in text(who["nobody"], f"/collections/{c['slug']}")
    item = {"csrf": alice.form_token(), "item": f"{server.base}/buckets/{shut}"}
    assert b"already" in alice.ask("POST", f"/collections/{c['slug']}/items", item).body
    assert alice.ask("POST", f"/buckets/{shut}/settings/delete", {"csrf": alice.form_token(), "confirm": shut}).status == 303
    assert [i["id"] for i in server.get(f"/api/collections/{c['slug']}", t.alice).json()["items"]] == [opened, repo]


def test_buckets_are_moved_by_the_api(server, t, who, name):
    short = name.split("/")[-1]
    full = make(who["alice"], "alice", short)
    move = {"fromRepo": full, "toRepo": f"acme/{short}", "type": "bucket"}
    for token, status in ((None, 401), (t.bob, 403), (t.alice_read, 403)):
        assert server.post("/api/repos/move", move, token).status == status
    for change, status in (({"toRepo": short}, 400), ({"toRepo": "alice/a..b"}, 400), ({"toRepo": "nobody-there/x"}, 404), ({"toRepo": f"bob/{short}"}, 403), ({"fromRepo": "alice/none"}, 404)):
        assert server.post("/api/repos/move", {**move, **change}, t.alice).status == status, change
    assert server.post("/api/repos/move", move, t.alice).status == 200
    assert server.get(f"/api/buckets/{full}").status == 307 and server.get(f"/api/buckets/acme/{short}").json()["id"] == f"acme/{short}"


def test_a_token_may_be_for_one_bucket(server, who, name):
    short = name.split("/")[-1]
    alice = who["alice"]
    one, two = make(alice, "alice", short, private=True), make(alice, "alice", f"{short}-two", private=True)
    form = {"csrf": alice.form_token(), "label": "one bucket", "role": "fineGrained", "days": "0", "repos": f"buckets/{one}", "may": "repos repo.content.read"}
    page = alice.ask("POST", "/settings/tokens", form)
    assert page.status == 200 and f"bucket {one}: repo.content.read" in page.body.decode(), page
    token = re.search(r"hf_[A-Za-z0-9]{30,}", page.body.decode()).group(0)
    assert server.get(f"/api/buckets/{one}", token).status == 200 and server.get(f"/api/buckets/{two}", token).status == 404
    entity = server.get("/api/whoami-v2", token).json()["auth"]["accessToken"]["fineGrained"]["scoped"][0]["entity"]
    assert entity["type"] == "bucket" and entity["name"] == one and re.fullmatch(r"[0-9a-f]{24}", entity["_id"])
    assert server.request("DELETE", f"/api/buckets/{one}", None, token).status == 403
    assert b"no bucket" in alice.ask("POST", "/settings/tokens", {**form, "repos": "buckets/bob/none"}).body


def test_the_command_line_sees_what_the_server_does(server, t, name):
    short = name.split("/")[-1]
    assert f"bucket alice/{short} created, private" in server.cli("bucket", "create", f"alice/{short}", "--private").stdout
    assert server.get(f"/api/buckets/alice/{short}", t.alice).json()["private"] is True
    assert re.search(rf"^alice/{re.escape(short)} +private +0 files +0 bytes", server.cli("bucket", "list", "--owner", "alice").stdout, re.M)
    server.cli("bucket", "settings", f"alice/{short}", "--private=false")
    assert server.get(f"/buckets/alice/{short}").status == 200
    assert f"is now acme/{short}" in server.cli("bucket", "move", f"alice/{short}", f"acme/{short}").stdout
    assert server.get(f"/buckets/alice/{short}").status == 307
    server.cli("bucket", "delete", f"acme/{short}")
    assert server.get(f"/api/buckets/acme/{short}", t.alice).status == 404
