"""Every page: nothing on the console, no serious finding of axe, nothing wider than the window, text without scripts."""
import json

import pytest

import clients
from hearth import LONG, PASSWORD

VISITOR = ["/", "/search?q=stories", "/docs/formats/home", "/docs/search?q=backup", "/docs/api/search", "/models", "/models?tag=license:mit", "/datasets", "/spaces", "/ada", "/ada/stories260k", "/ada/stories260k/tree/main",
           "/ada/stories260k/blob/main/README.md", "/ada/stories260k/blob/main/config.json", "/ada/stories260k/blob/main/model.safetensors",
           "/ada/stories260k/commits/main", "/ada/stories260k/commits/main/README.md", "/ada/stories260k/blame/main/README.md", "/ada/stories260k/commit/main", "/ada/stories260k/branches",
           "/ada/stories260k/compare/main..main", "/ada/stories260k/blob/main/README.md?plain=1", "/ada/stories260k/metrics", "/ada/stories260k/discussions", "/ada/stories260k/discussions/1",
           "/ada/stories260k/likers", "/ada?tab=activity", "/ada?tab=likes", "/collections", "/login",
           "/buckets", "/buckets/ada/logs", "/buckets/ada/logs/tree/runs/first", "/buckets/ada/logs/blob/runs/first/train.log", "/buckets/ada/logs/blob/loss.csv", "/ada?tab=buckets",
           "/datasets/ada/rhymes", "/datasets/ada/rhymes/viewer", "/datasets/ada/rhymes/viewer?file=more.jsonl", "/datasets/ada/stories/viewer", "/datasets/ada/pictures/viewer", "/datasets/ada/pictures/viewer?split=default/test&row=101",
           "/datasets/ada/rhymes/viewer?split=default/train&q=moon", "/datasets/ada/pictures/viewer?split=default/test&where=n+%3E&orderby=x"]
MEMBER = ["/", "/chat", "/chat/shared", "/ada/stories260k", "/ada/stories260k/discussions/new", "/ada/stories260k/discussions/1", "/new", "/settings/tokens",
          "/settings/password", "/ada/stories260k/settings",
          "/ada/stories260k/edit/main/config.json", "/ada/stories260k/new/main", "/ada/stories260k/upload/main", "/ada/stories260k/delete/main/README.md",
          "/ada/stories260k/branches", "/datasets/ada/stories/tree/main", "/notifications", "/settings/webhooks", "/collections/new",
          "/buckets/new", "/buckets/ada/logs", "/buckets/ada/logs/blob/notes.md", "/buckets/ada/logs/upload/runs", "/buckets/ada/logs/settings"]
MEMBER += ["/speakers", "/organizations/speakers/settings", "/organizations/speakers/settings/members", "/organizations/speakers/settings/service-accounts",
           "/settings/applications", "/settings/invitations", "/ada/stories260k/settings/access"]
MEMBER += ["/operator", "/operator/jobs", "/operator/models", "/operator/storage", "/operator/users", "/operator/log"]


@pytest.fixture(scope="session")
def axe():
    return (clients.js_client("axe") / "node_modules/axe-core/axe.min.js").read_text()


def sign_in(tab):
    tab.go("/login")
    tab.page.fill("#name", "ada")
    tab.page.fill("#password", PASSWORD)
    tab.page.press("#password", "Enter")
    tab.page.wait_for_url(tab.server.base + "/")


def judge(tab, path, axe):
    wide = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = json.loads(tab.page.evaluate(
        "async (source) => { if (!window.axe) (0, eval)(source); const r = await axe.run(); "
        "return JSON.stringify(r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))])) }", axe))
    fallen = tab.page.evaluate(  # a choice begins on the line of its box; no text runs on from a template's mistake
        "[...document.querySelectorAll('.choice')].filter(l => { const r = document.createRange(), t = [...l.childNodes].find(n => n.textContent.trim()); "
        "r.selectNodeContents(t); const words = r.getClientRects()[0], box = l.querySelector('input').getBoundingClientRect(); "
        "return words && box.width && words.top >= box.bottom }).map(l => 'fallen: ' + l.textContent)"
        ".concat(document.body.innerText.match(/<built-in|undefined|\\[object/g) || [])"
        ".concat([...document.querySelectorAll('.tabs')].filter(n => n.scrollHeight > 60).map(() => 'tabs in two lines'))"
        ".concat([...document.querySelectorAll('[hidden]')].filter(n => n.getClientRects().length).map(n => 'hidden and seen: ' + n.outerHTML.slice(0, 100)))"
        ".concat([...document.querySelectorAll('table')].filter(t => { const seen = r => [...r.cells].reduce((n, c) => n + (getComputedStyle(c).display == 'none' ? 0 : c.colSpan), 0), "
        "head = t.tHead && !t.tHead.classList.contains('unseen') && t.tHead.rows[0], row = t.tBodies[0]?.rows[0]; "
        "return head && row && seen(head) != seen(row) }).map(t => 'columns without their heads: ' + t.tHead.innerText))")
    return ([f"{path} is {wide} px wider than the window"] if wide > 0 else []) + [f"{path}: {f}" for f in fallen] + [f"{path}: {f}" for f in found]


# Every width and every scheme; with --long each width in each scheme.
@pytest.mark.parametrize("width, scheme", [(360, "dark"), (1440, "light")] + ([(360, "light"), (1440, "dark")] if LONG else []))
def test_pages(tab, house, axe, width, scheme):
    # axe is put into the page past its policy, which forbids eval to everybody else.
    t = tab(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    wrong = []
    for path in VISITOR:
        t.go(path)
        wrong += judge(t, path, axe)
    head = t.server.get("/api/models/ada/stories260k").json()["sha"]
    t.go(f"/ada/stories260k/tree/{head}")
    wrong += judge(t, "a folder of a commit", axe)
    for name, path in (("front", "/"), ("list", "/models"), ("model", "/ada/stories260k")):
        t.go(path)
        t.shot(f"{name}-{width}-{scheme}")
    sign_in(t)
    for path in MEMBER:
        t.go(path)
        wrong += judge(t, path, axe)
    assert not wrong, "\n".join(wrong)


def test_text_is_there_without_scripts(tab, house):
    t = tab(java_script_enabled=False)
    for path, text in (("/", "stories260k"), ("/models", "bert-tiny"), ("/ada/stories260k", "stories for children"),
                       ("/ada/stories260k/tree/main", "model.safetensors"), ("/ada/stories260k/discussions/1", "wonder")):
        t.go(path)
        assert text in t.page.inner_text("main"), path


def test_the_keyboard_is_enough(tab, house):
    t = tab()
    t.go("/ada/stories260k")
    t.page.keyboard.press("Tab")
    assert t.page.evaluate("document.activeElement.textContent") == "To the content"
    seen = set()
    for _ in range(60):
        t.page.keyboard.press("Tab")
        seen.add(t.page.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
    assert {"Models", "Files", "Sign in"} <= seen and any(s.startswith("Community") for s in seen)
    t.page.get_by_role("link", name="Files", exact=True).focus()
    t.page.keyboard.press("Enter")
    t.page.wait_for_url("**/tree/main")


def test_menus_close_when_one_goes_elsewhere(tab, house):
    t = tab()
    sign_in(t)
    t.go("/ada/stories260k")
    p, menu = t.page, t.page.locator(".me .menu")
    menu.locator("summary").focus()
    p.keyboard.press("Enter")
    assert menu.locator("a", has_text="Profile").is_visible()
    p.keyboard.press("Tab")
    p.keyboard.press("Escape")
    assert not menu.locator("a", has_text="Profile").is_visible() and p.evaluate("document.activeElement.tagName") == "SUMMARY"
    p.keyboard.press("Enter")
    p.click("h1", position={"x": 2, "y": 2})
    assert not menu.locator("a", has_text="Profile").is_visible()
    menu.locator("summary").focus()
    p.keyboard.press("Enter")
    p.keyboard.press("Shift+Tab")  # the step beside it
    assert not menu.locator("a", has_text="Profile").is_visible()
