"""What the scanner says, on pages: a badge, a banner, words; with and without scripts, wide and narrow, by keyboard."""
import os
import pickle

import pytest

from hearth import PASSWORD, await_that


class Runs:
    def __reduce__(self):
        return os.system, ("true",)


BAD = pickle.dumps(Runs(), protocol=0)


@pytest.fixture(scope="module")
def repo(server):
    server.add_person("sam")
    token = server.token("sam", "write")
    name = server.create("sam/doubtful", token)
    server.commit(name, token, {"README.md": b"# Doubtful\n", "weights.pkl": BAD, "a/deeper/" + "long-name-" * 8 + ".pkl": BAD, "plain.txt": b"words"})
    await_that(lambda: server.get(f"/api/models/{name}/scan").json()["scansDone"])
    return name


def narrow(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the window"


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, {"viewport": {"width": 360, "height": 740}}, {"color_scheme": "dark"}],
                         ids=["plain", "no-script", "narrow", "dark"])
def test_unsafe_files_are_seen(tab, repo, options, request):
    t = tab(**options)
    shot = lambda what: t.shot(f"scan-{what}-{request.node.callspec.id}")  # noqa: E731
    t.go(f"/{repo}")
    note = t.page.get_by_role("note")
    assert "2 files here are not safe to load" in note.inner_text()
    assert note.get_by_role("link").count() == 2
    shot("repo")
    t.go(f"/{repo}/tree/main")
    row = t.page.get_by_role("row", name="weights.pkl")
    assert row.get_by_text("unsafe", exact=True).is_visible()
    assert t.page.get_by_role("row", name="plain.txt").locator(".badge").count() == 0
    if options.get("java_script_enabled", True):
        narrow(t.page)
    shot("tree")
    t.go(f"/{repo}/blob/main/weights.pkl")
    said = t.page.locator(".problem.inset").inner_text()
    assert "This file imports posix.system, which runs commands when it is loaded" in said
    details = t.page.locator("details.imports").first
    summary = details.locator("summary")
    summary.focus()
    t.page.keyboard.press("Enter")
    assert details.get_by_text("posix.system").is_visible() and details.get_by_text("dangerous", exact=True).is_visible()
    if options.get("java_script_enabled", True):
        narrow(t.page)
    shot("file")


def test_a_safe_file_is_quiet_and_a_clean_repository_says_nothing(tab, repo, server):
    t = tab()
    t.go(f"/{repo}/blob/main/plain.txt")
    assert "nothing found" in t.page.locator(".checked").inner_text() and t.page.locator(".problem.inset").count() == 0
    t.shot("scan-safe")
    token = server.token("sam", "write")
    clean = server.create("sam/clean", token)
    server.commit(clean, token, {"README.md": b"# Clean\n"})
    await_that(lambda: server.get(f"/api/models/{clean}/scan").json()["scansDone"])
    t.go(f"/{clean}")
    assert t.page.get_by_role("note").count() == 0


def test_other_words(tab, server, repo):
    """A template that reaches for code, a file that is no pickle, a secret told to who pushed it."""
    token = server.token("sam", "write")
    name = server.create("sam/words", token)
    template = b'{% for x in ().__class__.__base__.__subclasses__() %}{{ x.__init__.__globals__["os"].popen("id") }}{% endfor %}'
    server.commit(name, token, {"chat_template.jinja": template, "odd.pkl": b"no pickle at all", "conf.py": b"key = 'ghp_" + b"16C7e42F292c6912E7710c838347Ae178B4a" + b"'\n"})
    await_that(lambda: server.get(f"/api/models/{name}/scan").json()["scansDone"])
    t = tab(viewport={"width": 360, "height": 740})
    t.go(f"/{name}/blob/main/chat_template.jinja")
    t.shot("scan-template")
    assert "In chat_template.jinja, line 1: reaches for __class__" in t.page.locator(".inset").first.inner_text()
    narrow(t.page)
    t.go(f"/{name}/blob/main/odd.pkl")
    t.shot("scan-odd")
    assert "could not be looked at to its end" in t.page.locator(".doubt").inner_text()
    t.go(f"/{name}/tree/main")
    assert "may hold a secret" not in t.page.locator("body").inner_text()
    t.go("/login")
    t.page.fill("main [name=name]", "sam")
    t.page.fill("main [name=password]", PASSWORD)
    t.page.click("main form button")
    t.page.wait_for_url(lambda u: "/login" not in u)
    t.go(f"/{name}")
    note = t.page.get_by_role("note").filter(has_text="may hold a secret")
    assert note.get_by_role("link", name="conf.py").is_visible()
    narrow(t.page)
    t.shot("scan-secret")
    note.get_by_role("button", name="I have seen this").press("Enter")
    t.page.wait_for_load_state()
    assert t.page.get_by_role("note").filter(has_text="may hold a secret").count() == 0
