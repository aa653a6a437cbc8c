"""The front page, lists, search and documentation, as they are sent."""
import json
import re
import subprocess
import urllib.parse

import pytest

import hearth
from browser import Browser


@pytest.fixture(scope="module")
def people(server):
    for name in ("sabine", "selma"):
        server.add_person(name)
    return server


@pytest.fixture
def browser(people):
    return Browser(people)


def names_of(page):
    return re.findall(r'<a class="name" href="/(?:datasets/|spaces/)?([^"]+)"', page)


def test_a_list_is_filtered_by_what_its_address_says(server, t, browser):
    for name, card in (("fl-one", "license: mit\nlanguage: de\npipeline_tag: fill-mask\nlibrary_name: transformers"),
                       ("fl-two", "license: mit\nlanguage: fr\npipeline_tag: text-generation"), ("fl-three", "license: gpl-3.0\nlanguage: de")):
        server.create(f"alice/{name}", t.alice)
        server.commit(f"alice/{name}", t.alice, {"README.md": f"---\n{card}\n---\n".encode()}, {})
    for query, want in (("author=alice&search=fl-&tag=license:mit", {"fl-one", "fl-two"}), ("search=fl-&license=mit&language=de", {"fl-one"}),
                        ("search=fl-&pipeline_tag=text-generation", {"fl-two"}), ("search=fl-&library=transformers", {"fl-one"}),
                        ("search=fl-&other=de", {"fl-one", "fl-three"}), ("search=fl-&author=nobody-at-all", set()),
                        ("search=fl-&num_parameters=min:1", set())):
        page = browser.get(f"/models?{query}").body.decode()
        assert {n.split("/")[1] for n in names_of(page)} == want, query
    page = browser.get("/models?search=fl-&license=mit").body.decode()
    chosen = re.findall(r'<a class="tag on" href="([^"]+)"', page)
    assert len(chosen) == 2 and any("license" not in c for c in chosen) and any("search" not in c for c in chosen)
    words = [re.sub("<[^>]*>", "", c) for c in re.findall(r'<a class="tag on"[^>]*>(.*?)</a>', browser.get("/models?license=mit&pipeline_tag=fill-mask").body.decode())]
    assert words == ["Fill-Mask × remove", "mit × remove"]                         # as the filters offered them
    facet = re.search(r'href="(/models\?[^"]*tag=de[^"]*)"', page).group(1).replace("&amp;", "&")
    assert names_of(browser.get(facet).body.decode()) == ["alice/fl-one"]           # a filter keeps what is chosen
    assert [n.split("/")[1] for n in names_of(browser.get("/models?search=fl-&sort=id").body.decode())] == ["fl-one", "fl-three", "fl-two"]
    assert browser.get("/models?sort=beauty").status == 400 and browser.get("/models?num_parameters=many").status == 400
    assert b"Clear all" in browser.get("/models?search=x&author=%3Cscript%3E").body
    assert b"<script>1" not in browser.get("/models?search=%3Cscript%3E1&author=%3Cscript%3E1&tag=%3Cscript%3E1").body


def test_what_is_private_is_not_counted(server, t, browser):
    for name, private, tags in (("cnt-open", False, "[told-of-both]"), ("cnt-hidden", True, "[told-of-both, told-of-one]")):
        server.create(f"alice/{name}", t.alice, private=private)
        server.commit(f"alice/{name}", t.alice, {"README.md": f"---\ntags: {tags}\n---\n".encode()}, {})
    page = browser.get("/models?facet=other").body.decode()
    assert re.search(r"told-of-both <small>(\S+)</small>", page).group(1) == "1" and "told-of-one" not in page


def test_offered_filters_follow_every_change(server, t, browser):
    """They are remembered between requests (hub/index/tag_offer.c)."""
    server.create("alice/offers", t.alice)
    is_offered = lambda tag: [f">{tag} <small>" in browser.get("/models?facet=other").body.decode() for _ in range(2)]
    assert is_offered("newly-said") == [False, False]
    server.commit("alice/offers", t.alice, {"README.md": b"---\ntags: [newly-said]\n---\n"}, {})
    assert is_offered("newly-said") == [True, True]
    for private in (True, False, True):
        assert server.request("PUT", "/api/models/alice/offers/settings", {"private": private}, t.alice).status == 200
        assert is_offered("newly-said") == [not private] * 2
    chosen = browser.get("/models?facet=other&tag=newly-said").body.decode()
    assert ">newly-said <small>" not in chosen and ">told-of-both <small>" in chosen  # what is chosen is not offered again


def test_a_task_has_one_name_in_lists_of_models_and_of_datasets(server, t, browser):
    card = lambda key: {"README.md": f"---\n{key}: text-classification\n---\n".encode()}
    for kind, key in (("model", "pipeline_tag"), ("dataset", "task_categories")):
        server.create("alice/named-task", t.alice, kind)
        server.commit("alice/named-task", t.alice, card(key), {}, kind=f"{kind}s")
        assert ">Text Classification <small>" in browser.get(f"/{kind}s").body.decode()


def test_the_next_page_goes_on_where_this_one_ends(server, t, browser):
    for i in range(33):
        server.create(f"alice/page-{i:02}", t.alice)
    first = browser.get("/models?search=page-&author=alice&sort=id").body.decode()
    following = re.search(r'href="([^"]+cursor=[^"]+)">Next page', first).group(1).replace("&amp;", "&")
    second = browser.get(following).body.decode()
    assert names_of(first) + names_of(second) == [f"alice/page-{i:02}" for i in range(33)]
    assert "First page" in second and "Next page" not in second


def test_search_finds_what_one_may_see(server, t, browser):
    server.create("alice/find-me-open", t.alice)
    server.create("alice/find-me-data", t.alice, "dataset")
    server.create("alice/find-me-hidden", t.alice, private=True)
    page = browser.get("/search?q=find-me").body.decode()
    assert set(names_of(page)) == {"alice/find-me-open", "alice/find-me-data"}
    assert 'href="/sabine"' in browser.get("/search?q=sabin").body.decode()
    assert b"No name has this in it" in browser.get("/search?q=there-is-no-such").body
    a = browser.get("/search?q=%22%3E%3Cscript%3E1").body
    assert b"<script>1" not in a and b"&#34;&gt;&lt;script&gt;1" in a
    assert browser.get("/search").status == 200


def test_the_front_page_knows_who_looks(server, browser):
    assert b"Your repositories" not in browser.get("/").body and b"HF_ENDPOINT" in browser.get("/").body
    assert browser.sign_in("sabine").status == 303
    page = browser.get("/").body.decode()
    assert "Your repositories" in page and "First steps" in page and "You have none yet" in page


def test_the_front_page_of_an_empty_house_leads_to_the_first_account(tmp_path):
    with hearth.Server(tmp_path / "home", args=["--sign-up", "open"]) as s:
        b = Browser(s)
        page = b.get("/").body.decode()
        assert "Make the first account" in page and "Nobody has an account here yet" in page and "Look around" not in page
        s.add_person("ada", "--admin")
        page = b.get("/").body.decode()
        assert "Make the first account" not in page and "Create an account" in page and "hf download" not in page
        s.create("ada/lovelace", s.token("ada", "write"))
        page = b.get("/").body.decode()
        assert "hf download ada/lovelace\n" in page and f"git clone {s.base}/ada/lovelace\n" in page, "a command that can be pasted"


def test_repositories_of_several_kinds_in_one_list_say_which(server, t, browser):
    server.create("sabine/twice", server.token("sabine", "write"))
    server.create("sabine/twice", server.token("sabine", "write"), "dataset")
    browser.sign_in("sabine")
    page = browser.get("/").body.decode()
    mine = page[page.index("Your repositories"):page.index("All of yours")]
    assert mine.count(">twice<") == 2 and mine.count('<span class="badge">dataset</span>') == 1


def test_the_documentation_is_here_and_its_links_lead_somewhere(server, browser):
    pages = server.get("/api/docs").json()
    assert {"readme", "operations", "inference", "formats/cas"} <= {p["id"] for p in pages}
    for p in pages:
        path = urllib.parse.urlsplit(p["url"]).path
        body = browser.get(path).body.decode()
        main = body[body.index('<article class="prose">'):body.index("</article>")]
        assert "<h1 id=" in main and "<img" not in main and "<th></th>" not in main, path
        ids = set(re.findall(r' id="([^"]+)"', main))
        for href in re.findall(r'<a href="([^"]+)"', main):
            if href.startswith("/docs/"):
                a = browser.get(href.split("#")[0])
                assert a.status == 200, (path, href)
            elif href.startswith("#"):
                assert href[1:] in ids, (path, href)
            else:
                assert href.startswith("http"), (path, href)
    assert browser.get("/docs/OPERATIONS.md").headers["location"] == "/docs/operations"
    assert browser.get("/docs/../etc/passwd").status == 404 and browser.get("/docs/nothing").status == 404


def test_the_documentation_can_be_searched(server, browser):
    hits = server.get("/api/docs/search?q=gc-grace&limit=3").json()
    assert hits and len(hits) <= 3 and all(h["_vectors"] == {} and h["product"] == "hub" for h in hits)
    assert any(h["source_page_url"].endswith("/docs/operations#settings") for h in hits)
    text = server.get("/api/docs/search/full-text?q=GC-GRACE").json()["hits"]
    assert any(h["anchor"] == "settings" and "gc-grace" in h["content"] for h in text)
    assert server.get("/api/docs/search?q=gc-grace&product=gradio").json() == []
    assert server.get("/api/docs/search?q=zzzzqqqq").json() == []
    assert server.get("/api/docs/search").status == 400 and server.get("/api/docs/search?q=" + "x" * 251).status == 400
    page = browser.get("/docs/search?q=gc-grace").body.decode()
    assert 'href="/docs/operations#settings"' in page
    assert b"<script>1" not in browser.get("/docs/search?q=%3Cscript%3E1").body


def test_the_reference_is_the_table_of_routes(server, browser):
    routes = json.loads(subprocess.run([str(hearth.BIN), "routes", "--json"], capture_output=True, text=True, check=True).stdout)
    document = server.get("/.well-known/openapi.json").json()
    assert document["openapi"].startswith("3.1") and document["servers"][0]["url"] == server.base
    assert server.get("/api/openapi.json").json() == document
    operations = {(m.upper(), p) for p, ms in document["paths"].items() for m in ms}
    assert ("GET", "/api/models") in operations and ("POST", "/api/repos/create") in operations
    wanted = {(r["method"], re.sub(r"\*(\w+)", r"{\1}", re.sub(r":(\w+)", r"{\1}", re.sub(r":\w+\((\w+)\)", r"\1", re.sub(r"(:\w+)\([\w.-]+\|[\w|.-]+\)", r"\1", r["pattern"])))))
              for r in routes if not r["name"].startswith("page.")}
    assert operations == wanted
    listing = document["paths"]["/api/models"]["get"]
    assert {"search", "sort", "num_parameters", "cursor"} <= {p["name"] for p in listing["parameters"]}
    assert "organization" in document["paths"]["/api/repos/create"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    index = browser.get("/docs/api").body.decode()
    for section in re.findall(r'href="(/docs/api/[^"]+)"', index):
        a = browser.get(section)
        assert a.status == 200 and b'class="operation"' in a.body, section
        assert server.base.encode() in a.body, section
    assert browser.get("/docs/api/nothing").status == 404


def share(server, token, model, messages, **more):
    return server.request("POST", "/chat/share", {"model": model, "messages": messages, **more}, token)


def test_a_shared_conversation_is_for_who_may_read_its_model(server, t, browser):
    server.create("alice/talker", t.alice)
    said = [{"role": "user", "content": "<b>hi</b>"}, {"role": "assistant", "content": "**Yes** <script>1</script> <img src=x onerror=1>", "model": "alice/talker"}]
    a = share(server, t.alice, "alice/talker", said, title="Greetings <i>")
    assert a.status == 200
    path = "/chat/shared/" + a.json()["id"]
    assert a.json()["url"] == server.base + path
    page = browser.get(path).body.decode()
    assert "<strong>Yes</strong>" in page and "<script>1" not in page and "onerror" not in page and "&lt;b&gt;hi" in page and "Greetings &lt;i&gt;" in page
    assert "no longer" not in page
    server.request("PUT", "/api/models/alice/talker/settings", {"private": True}, t.alice)
    assert browser.get(path).status == 404 and server.get(path, t.alice).status == 200     # what one may not read is not there
    browser.sign_in("sabine")
    assert browser.get(path).status == 404
    csrf = browser.form_token("/")
    assert browser.ask("POST", path + "/delete", {"csrf": csrf}).status == 404              # another's
    assert browser.ask("POST", path + "/delete", {"csrf": "x" * 32}).status == 403
    assert server.get(path, t.alice).status == 200
    assert share(server, t.alice, "alice/no-such", said).status == 404 and share(server, None, "alice/talker", said).status == 401
    for wrong in ([], "x", [{"role": "tool", "content": "x"}], [{"role": "user", "content": 1}], [{"role": "user"}]):
        assert share(server, t.alice, "alice/talker", wrong).status == 400, wrong
    assert share(server, t.alice, "alice/talker", said, title="x" * 201).status == 400
    assert share(server, t.alice, "alice/talker", [{"role": "user", "content": "x" * (2 << 20)}]).status == 413
    assert server.request("POST", path + "/delete", None, t.alice).status == 303 and server.get(path, t.alice).status == 404
