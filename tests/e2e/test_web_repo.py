"""Pages over plain HTTP: compression, validators, what a repository's page and its metrics show to whom, comments' HTML."""
import gzip
import re

import pytest

import hearth
from browser import Browser, signed_in

CARD = "---\nlicense: mit\nmodel-index:\n- name: m\n  results:\n  - task: {type: t}\n    dataset: {type: d, name: D}\n    metrics: [{type: accuracy, value: 0.5}]\n---\n# Secret formula $x_1^2$\n\n```python\nimport os  # <b>\n```\n"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("web-repo") / "home")
    s.admin, s.alice, s.bob = s.add_user("root1", admin=True, role="admin"), s.add_user("alice"), s.add_user("bob")
    with s:
        for name, private in (("open", False), ("shut", True)):
            s.create(f"alice/{name}", s.alice, private=private)
            assert s.commit(f"alice/{name}", s.alice, {"README.md": CARD, "config.json": "{}"}, {}).status == 200
        yield s


def cookie(s, name):
    r = s.request("POST", "/login", f"name={name}&password={hearth.PASSWORD}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    return {"Cookie": r.headers["set-cookie"].split(";")[0]}


def vary(answer):
    return {v.strip() for k, value in answer.all_headers if k.lower() == "vary" for v in value.split(",")}


def test_a_page_is_small_on_its_way(host):
    plain, small = host.get("/alice/open"), host.get("/alice/open", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert "content-encoding" not in plain.headers and small.headers["content-encoding"] == "gzip"
    assert len(small.body) < len(plain.body) / 2 and gzip.decompress(small.body) == plain.body
    assert {"Cookie", "Accept-Encoding"} <= vary(small)
    for refusal in ("gzip;q=0", "gzip; q=0.0", "identity", "x-zip", ""):
        assert "content-encoding" not in host.get("/alice/open", headers={"Accept-Encoding": refusal}).headers, refusal
    # Its length says nothing certain, so that a secret in it cannot be felt out.
    assert len({len(host.get("/alice/open", headers={"Accept-Encoding": "gzip"}).body) for _ in range(20)}) > 1
    head = host.request("HEAD", "/alice/open", headers={"Accept-Encoding": "gzip"})
    assert head.status == 200 and head.body == b""


def test_a_page_that_is_known_is_not_sent_again(host):
    small = host.get("/alice/open", headers={"Accept-Encoding": "gzip"})
    again = host.get("/alice/open", headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["etag"]})
    if again.status == 200:  # a minute began in between, and "1 minute ago" is another page
        again = host.get("/alice/open", headers={"Accept-Encoding": "gzip", "If-None-Match": again.headers["etag"]})
    assert again.status == 304 and again.body == b"" and again.headers["cache-control"] == "private, no-cache"
    assert host.get("/alice/open").headers["etag"] != small.headers["etag"]
    mine = host.get("/alice/open", headers={**cookie(host, "alice"), "If-None-Match": small.headers["etag"]})
    assert mine.status == 200
    assert "etag" not in host.get("/alice/none").headers and host.get("/alice/none", headers={"If-None-Match": "*"}).status == 401


def test_assets_are_small_and_kept(host):
    page = host.get("/").body.decode()
    css = page.split('rel="stylesheet" href="')[1].split('"')[0]
    small, plain = host.get(css, headers={"Accept-Encoding": "gzip"}), host.get(css)
    assert gzip.decompress(small.body) == plain.body and "Accept-Encoding" in vary(small) and "immutable" in small.headers["cache-control"]
    assert small.headers["etag"] != plain.headers["etag"]
    assert host.get(css, headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["etag"]}).status == 304
    part = host.get(css, headers={"Range": "bytes=0-3"})
    assert part.status == 206 and part.body == plain.body[:4]


@pytest.mark.parametrize("path", ["", "/metrics"])
def test_what_one_may_not_see_does_not_exist(host, path):
    assert host.get("/alice/open" + path).status == 200
    assert host.get("/alice/shut" + path).status in (401, 404)
    assert host.get("/alice/shut" + path, headers=cookie(host, "bob")).status == 404
    r = host.get("/alice/shut" + path, headers=cookie(host, "alice"))
    assert r.status == 200 and (b"0.5" in r.body)
    assert host.get("/alice/shut" + path, headers=cookie(host, "root1")).status == 200


def test_revisions_are_compared_only_where_they_are_there(host):
    for query in ("?rev=nothing", "?base=nothing", "?rev=" + "0" * 40, "?base=../../etc"):
        assert host.get("/alice/open/metrics" + query).status == 404, query
    assert b"Accuracy" not in host.get("/alice/open/metrics?rev=main&base=main").body
    assert b"accuracy" in host.get("/alice/open/metrics?rev=main&base=main").body
    host.create("alice/empty", host.alice)
    assert host.get("/alice/empty/metrics").status == 200


def test_the_bar_of_a_part_is_a_part(host):
    # An accuracy of 0.5 fills half of its bar, though it is the largest there is; of what is no part of 1, the largest fills it.
    bars = [float(w) for w in re.findall(r'<rect class="chart-1"[^>]* width="([0-9.]+)"', host.get("/alice/open/metrics").body.decode())]
    assert bars == [50]
    host.create("alice/scored", host.alice)
    host.commit("alice/scored", host.alice, {"README.md": CARD.replace("type: accuracy, value: 0.5", "type: bleu, value: 20}, {type: chrf, value: 40")})
    bars = [float(w) for w in re.findall(r'<rect class="chart-1"[^>]* width="([0-9.]+)"', host.get("/alice/scored/metrics").body.decode())]
    assert sorted(bars) == [50, 100]


def test_a_card_has_formulas_and_colours(host):
    page = host.get("/alice/open").body.decode()
    assert "<math><mrow><msubsup>" in page and '<span class="hl-k">import</span>' in page and "<span class=\"hl-c\"># &lt;b&gt;</span>" in page
    assert 'id="card-secret-formula-"' in page or 'id="card-secret-formula"' in page
    assert "style=" not in page


def test_comments_have_safe_html(host):
    text = "I **wonder** <script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) $a_1$"
    r = host.post("/api/models/alice/open/discussions", {"title": "Formulas", "description": text}, host.bob)
    assert r.status == 200, r
    number = r.json()["num"]
    html = host.get(f"/api/models/alice/open/discussions/{number}").json()["events"][0]["data"]["latest"]["html"]
    assert "<strong>wonder</strong>" in html and "<msub>" in html and "script" not in html and "onerror" not in html


def test_tasks_take_the_cookie_with_the_token_of_our_pages_alone(host):
    session = cookie(host, "alice")
    r = host.post("/models/alice/open", {"inputs": "x"}, headers=session)
    assert r.status == 403 and "X-CSRF-Token" in r.body.decode()
    csrf = host.get("/alice/open", headers=session).body.decode().split('name="csrf" content="')[1].split('"')[0]
    assert host.post("/models/alice/open", {"inputs": "x"}, headers={**session, "X-CSRF-Token": csrf, "Origin": "https://evil.example"}).status == 403
    r = host.post("/models/alice/open", {"inputs": "x"}, headers={**session, "X-CSRF-Token": csrf})
    assert r.status not in (401, 403)  # it is no model that could run, and is told so


def test_hostile_cards_are_pages_all_the_same(host):
    deep = "[" * 60 + "]" * 60
    cards = {"many": "model-index:\n- results:\n  - metrics:\n" + "".join(f"    - {{type: m{i}, value: {i}e30{i % 9}}}\n" for i in range(9000)),
             "deep": f"model-index:\n- results: {deep}\n- results:\n  - metrics: [{{type: {deep}, value: {deep}}}]\nwidget: {deep}\nbase_model: {deep}\nlicense: {deep}\n",
             "nan": "model-index:\n- results:\n  - metrics: [{type: a, value: .nan}, {type: b, value: -.inf}, {type: c, value: 1e999}, {type: d, value: 'NaN'}]\n",
             "wrong": "model-index: 5\nwidget: [5, {text: [1]}, {messages: [{role: user}]}]\ndatasets: {a: b}\nbase_model: [1, null, a/b/c]\ninference: 7\n",
             "aliases": "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\nmodel-index:\n- results:\n  - metrics: [{type: a, value: *d}]\n"}
    for name, front in cards.items():
        host.create(f"alice/card-{name}", host.alice)
        r = host.commit(f"alice/card-{name}", host.alice, {"README.md": f"---\n{front}---\n# {name}\n"}, {})
        if r.status != 200:  # refused at the door is fine, too; by git it may come in
            assert r.status == 400, r
            continue
        for path in ("", "/metrics", "/metrics?base=main"):
            a = host.get(f"/alice/card-{name}{path}")
            assert a.status == 200 and len(a.body) < 2_000_000, (name, path, a)
            assert b"nan" not in a.body.replace(b"card-nan", b"").replace(b">nan<", b"").lower() or name == "nan", name
            assert b'width="nan"' not in a.body.lower() and b'width="inf"' not in a.body.lower() and b'x="-nan"' not in a.body.lower()


def test_what_a_pasted_link_says(host):
    """Whoever may not see a repository gets no word of it from a link, and a gate is shown with the way through it."""
    text = "---\npipeline_tag: text-generation\n---\n# T\n\n[badge](x)\n\nA \"small\" model that writes stories for children & others.\n"
    for name, private in (("said", False), ("unsaid", True), ("silent", False)):
        host.create(f"alice/{name}", host.alice, private=private)
        assert host.commit(f"alice/{name}", host.alice, {"README.md": text if name != "silent" else "---\npipeline_tag: text-generation\n---\n"}, {}).status == 200
    words = 'content="A &#34;small&#34; model that writes stories for children &amp; others."'
    page = host.get("/alice/said").body.decode()
    assert page.count(words) == 2 and 'property="og:title" content="alice/said"' in page
    assert 'name="description" content="A model by alice, for text-generation"' in host.get("/alice/silent").body.decode()
    assert "The card has metadata, and no text yet" in host.get("/alice/silent").body.decode()
    assert "/edit/main/README.md" in host.get("/alice/silent", headers=cookie(host, "alice")).body.decode()
    assert "og:" not in host.get("/alice/unsaid").body.decode()
    assert "og:" not in host.get("/alice/unsaid", headers=cookie(host, "alice")).body.decode()

    assert host.request("PUT", "/api/models/alice/said/settings", {"gated": "manual"}, host.alice).status == 200
    assert "/login?next=/alice/said/access" in host.get("/alice/said").body.decode()
    assert 'href="/alice/said/access"' in host.get("/alice/said", headers=cookie(host, "bob")).body.decode()
    stopped = host.get("/alice/said/blob/main/README.md")
    assert stopped.status == 401 and "behind a gate" in stopped.body.decode() and "/login?next=/alice/said/access" in stopped.body.decode()
    asked = host.get("/alice/said/blob/main/README.md", headers=cookie(host, "bob"))
    assert asked.status == 403 and 'href="/alice/said/access"' in asked.body.decode()
    assert "gate" not in host.get("/alice/said/tree/none").body.decode()
    assert "behind a gate" not in host.get("/alice/said", headers=cookie(host, "alice")).body.decode()


def test_a_title_of_any_length_is_cut_where_commits_are_listed(host):
    host.create("alice/wordy", host.alice)
    assert host.commit("alice/wordy", host.alice, {"a.txt": "a"}, summary="ä" * 8000).status == 200
    for page in ("tree/main", "commits/main", "blob/main/a.txt"):
        r = host.get(f"/alice/wordy/{page}")
        assert r.status == 200 and 100 < r.body.count("ä".encode()) < 2000, page


def test_each_page_has_a_title_of_its_own(host):
    """What tells tabs, bookmarks and the history of a browser apart, and what a screen reader says first."""
    alice = signed_in(host, "alice")
    csrf = alice.form_token("/")
    thread = alice.ask("POST", "/alice/open/discussions/new", {"csrf": csrf, "title": "Why & how", "text": "words"}).headers["location"]
    host.post("/api/buckets/alice/titled", {}, host.token("alice", "write"))
    paths = ["", "/tree/main", "/blob/main/README.md", "/commits/main", "/commit/main", "/branches", "/compare/main..main", "/metrics", "/discussions",
             "/likers", "/discussions/new", "/edit/main/README.md", "/new/main", "/upload/main", "/delete/main/README.md", "/settings", "/settings/access"]
    pages = [f"/alice/open{path}" for path in paths] + [thread, "/", "/docs", "/models", "/search?q=open", "/search", "/alice", "/alice?tab=activity",
                                                        "/buckets/alice/titled", "/buckets/alice/titled/settings", "/buckets/alice/titled/upload"]
    titles = {}
    for path in pages:
        a = alice.get(path)
        assert a.status == 200, (path, a)
        titles.setdefault(re.search(r"<title>(.*?)</title>", a.body.decode(), re.S).group(1), []).append(path)
    assert not {t: p for t, p in titles.items() if len(p) > 1}
    assert titles["Why &amp; how · alice/open · Hearth"] == [thread]


def test_signing_in_leads_back_to_what_was_looked_for(host):
    assert 'href="/login?next=/models%3Fsearch%3Dopen%26sort%3Dlikes"' in Browser(host).get("/models?search=open&sort=likes").body.decode()
    assert 'class="button" href="/login">' in Browser(host).get("/").body.decode()
