"""A Space on its page: in a frame of another origin, seen by who may see it, and what the two tell each other."""
import hearth
import pytest
from conftest import SHOTS
from hearth import await_that, fresh
from test_repo import sign_in

PAGE = """<!doctype html><html><head><meta name="viewport" content="width=device-width"><title>inside</title>
<style>:root{color-scheme:light dark} body{font:16px system-ui;margin:2rem} h1{font-size:1.3rem}</style></head><body>
<h1>A static Space</h1><p id="v"></p><p id="q"></p><p id="c"></p><p id="plan"></p>
<script src="main.js"></script></body></html>"""
SCRIPT = """
const say = (id, text) => { document.getElementById(id).textContent = text; };
say("v", JSON.stringify(window.huggingface.variables.GREETING));
say("q", location.search.replace(/__sign=[^&]*&?/, "") + location.hash);
addEventListener("message", (e) => say("plan", JSON.stringify(e.data)));
parent.postMessage({ type: "USER_PLAN_REQUEST" }, "*");
parent.postMessage({ queryString: "from=inside", hash: "there" }, "*");
let reached = "yes";
try { parent.document.title; } catch { reached = "no"; }
say("c", "parent reached: " + reached);
"""
CARD = "---\ntitle: My first Space\nemoji: 🌱\ncolorFrom: green\ncolorTo: blue\nsdk: static\n---\n# What it is\n\nA page that says what it was told.\n"


@pytest.fixture(scope="module")
def spaces(server, house):
    made = {}
    for name, private in (("open", False), ("closed", True)):
        full = f"ada/{name}-{fresh()}"
        server.create(full, house, "space", private=private)
        assert server.commit(full, house, {"index.html": PAGE, "main.js": SCRIPT, "README.md": CARD}, kind="spaces").status == 200
        assert server.post(f"/api/spaces/{full}/variables", {"key": "GREETING", "value": "hello <b>"}, house).status == 200
        made[name] = full
    return made


def inside(t):
    return t.page.frame_locator("iframe.space-frame")


def test_static_space_is_seen_at_once(tab, spaces):
    for width, colours in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
        t = tab(viewport={"width": width, "height": 900}, color_scheme=colours)
        t.go(f"/spaces/{spaces['open']}?a=1#b")
        inside(t).get_by_text("parent reached: no").wait_for()
        assert inside(t).locator("#v").inner_text() == '"hello <b>"'
        assert inside(t).locator("#q").inner_text() == "?a=1#b"
        assert inside(t).locator("#plan").inner_text() == '{"type":"USER_PLAN","plan":{"user":"anonymous"}}'
        await_that(lambda: t.page.evaluate("location.href").endswith("?from=inside#there"), 30)
        assert t.page.locator(".stage").inner_text() == "running"
        assert t.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        t.shot(f"space-{colours}-{width}")


def test_only_the_frame_is_listened_to(tab, spaces):
    t = tab()
    t.go(f"/spaces/{spaces['open']}")
    await_that(lambda: t.page.evaluate("location.href").endswith("?from=inside#there"), 30)
    t.page.evaluate("window.postMessage({ queryString: 'evil=1', hash: 'evil' }, '*')")
    t.page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert "evil" not in t.page.url


def test_private_space_is_seen_by_its_owner_alone(tab, spaces):
    t = tab()
    t.go(f"/spaces/{spaces['closed']}", may_be=401)
    assert t.page.locator("iframe").count() == 0
    t.close()
    t = tab()
    sign_in(t)
    t.go(f"/spaces/{spaces['closed']}")
    inside(t).get_by_text("parent reached: no").wait_for()
    t.page.locator("iframe").scroll_into_view_if_needed()
    t.shot("space-private")
    cookies = {c["name"]: c for c in t.context.cookies()}
    assert cookies["hearth_session"]["domain"] == "127.0.0.1" and cookies["hearth_space"]["domain"].endswith(".spaces.localhost")
    assert not cookies["hearth_space"]["domain"].startswith(".")


def test_space_by_keyboard(tab, spaces):
    t = tab()
    t.go(f"/spaces/{spaces['open']}")
    inside(t).get_by_text("parent reached: no").wait_for()
    link = t.page.get_by_role("link", name="Open alone")
    link.focus()
    with t.context.expect_page() as opened:
        t.page.keyboard.press("Enter")
    opened.value.get_by_text("A static Space").wait_for()
    assert ".spaces.localhost:" in opened.value.url


def test_variables_and_secrets_by_form(tab, server, spaces, house):
    t = tab(viewport={"width": 360, "height": 900})
    sign_in(t)
    t.go(f"/spaces/{spaces['open']}/settings/app")
    t.page.fill("#name", "DEEP_KEY")
    t.page.fill("#value", "not to be seen")
    t.page.get_by_label("a secret").check()
    t.page.get_by_role("button", name="Save").first.click()
    t.page.get_by_text("DEEP_KEY").first.wait_for()
    assert "not to be seen" not in t.page.content()
    assert t.page.evaluate("document.documentElement.scrollWidth") <= 360
    t.shot("space-settings-360")
    assert "DEEP_KEY" in server.get(f"/api/spaces/{spaces['open']}/secrets", house).json()
    t.page.locator("tr", has_text="DEEP_KEY").locator("summary").click()
    t.page.get_by_role("button", name="Delete it: DEEP_KEY").click()
    t.page.locator("tr", has_text="DEEP_KEY").wait_for(state="detached")
    assert server.get(f"/api/spaces/{spaces['open']}/secrets", house).json() == {}


def test_list_of_spaces_shows_their_signs(tab, spaces):
    for width, colours in ((1280, "light"), (360, "dark")):
        t = tab(viewport={"width": width, "height": 900}, color_scheme=colours)
        t.go("/spaces")
        card = t.page.locator(".card", has_text=spaces["open"].split("/")[1])
        assert card.locator(".space-mark.from-green.to-blue").inner_text() == "🌱"
        assert card.locator(".stage").inner_text() == "running"
        t.shot(f"space-list-{colours}-{width}")


def test_storyteller(tab, server, house):
    """The example that ./run pushes: a page that signs its visitor in and calls a model in his name."""
    folder = hearth.ROOT / "examples" / "storyteller"
    page = (folder / "index.html").read_text()
    assert "demo/stories260k" in page
    name = f"ada/storyteller-{fresh()}"
    server.create(name, house, "space")
    r = server.commit(name, house, {"README.md": (folder / "README.md").read_text(), "index.html": page.replace("demo/stories260k", "ada/stories260k")}, kind="spaces")
    assert r.status == 200
    t = tab()
    sign_in(t)
    t.go(f"/spaces/{name}")
    with t.context.expect_page() as opened:
        inside(t).get_by_role("button", name="Sign in with Hearth").click()
    alone = opened.value
    alone.get_by_role("button", name="Allow").click()
    alone.get_by_label("How does it begin?").fill("Once upon a time")
    alone.get_by_role("button", name="Go on").click()
    alone.wait_for_function("document.getElementById('story').textContent.length > 60 && !document.querySelector('#tell button').disabled", timeout=90_000)
    assert alone.locator("#story").inner_text().startswith("Once upon a time")
    alone.screenshot(path=SHOTS / "storyteller.png")
