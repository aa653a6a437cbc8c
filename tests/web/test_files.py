"""The files side in a browser: drag and drop of several files and a large one, a connection that breaks, editing, a pull request."""
import hashlib
import random

import pytest

from test_pages import sign_in


@pytest.fixture(scope="module")
def repo(server, house):
    full = server.create("ada/attic", house)
    server.commit(full, house, {"README.md": b"# Attic\n", "a.txt": b"one\ntwo\n", "src/run.py": b"def f():\n    return 1\n"}, {})
    return full


# Files that a person drags: [path, text or number of bytes to be made from a seed].
DROP = """async ([files]) => {
  const data = new DataTransfer();
  for (const [name, what] of files) {
    let content = what;
    if (typeof what === "number") {
      content = new Uint8Array(what);
      for (let i = 0; i < what; i += 4096) content[i] = (i / 4096) * 7 + 3;
    }
    data.items.add(new File([content], name));
  }
  const zone = document.querySelector("#drop");
  zone.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
  zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

# What is sent of parts, and what becomes of the n-th: "break", or "hold" until it is stopped.
WATCH = """([nth, what]) => {
  window.parts = [];
  const open = XMLHttpRequest.prototype.open, send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.open = function (method, url) { this.url = url; return open.apply(this, arguments); };
  XMLHttpRequest.prototype.send = function (body) {
    if (!this.url.includes("/parts/")) return send.call(this, body);
    parts.push(this.url.split("/parts/")[1].split("?")[0]);
    sessionStorage.parts = parts.join(" ");
    document.body.dataset.parts = parts.length;
    if (parts.length !== nth) return send.call(this, body);
    if (what === "break") this.onerror();
  };
}"""


def made(n):
    b = bytearray(n)
    for i in range(0, n, 4096):
        b[i] = (i // 4096 * 7 + 3) & 255
    return bytes(b)


def test_files_are_dragged_and_dropped(tab, server, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/tree/main")
    t.page.click("text=Add file")
    t.page.click("text=Upload files")
    p, size = t.page, 70_000_000
    p.locator("#upload[data-ready]").wait_for()
    p.evaluate(DROP, [[["notes.txt", "hello"], ["<b>bold.txt", "x"], ["weights.safetensors", 3_000_000], ["large.bin", size]]])
    assert p.locator(".uploads tr").count() == 1 + 4
    p.click("[aria-label='Remove <b>bold.txt']")

    # The connection breaks while the second part is on its way; the first one is not sent again.
    p.evaluate(WATCH, [2, "break"])
    p.fill("#summary", "Three files <i>")
    p.click("text=Commit changes")
    p.wait_for_url(f"**/{repo}/tree/main")
    assert p.evaluate("sessionStorage.parts") == "1 2 2"
    assert p.locator(".file-name", has_text="large.bin").count() == 1 and p.locator(".file-name", has_text="bold").count() == 0
    got = server.get(f"/{repo}/resolve/main/large.bin", timeout=120).body
    assert hashlib.sha256(got).digest() == hashlib.sha256(made(size)).digest()
    assert server.get(f"/{repo}/resolve/main/weights.safetensors").body == made(3_000_000)
    assert server.get(f"/{repo}/raw/main/notes.txt").body == b"hello"
    assert server.get(f"/api/models/{repo}/commits/main").json()[0]["title"] == "Three files <i>"


def test_an_upload_is_paused_and_goes_on_and_becomes_a_pull_request(tab, server, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/upload/main/more")
    p = t.page
    p.locator("#upload[data-ready]").wait_for()
    p.evaluate(DROP, [[["paused.bin", 40_000_000], ["x.md", "# x"]]])
    p.evaluate(WATCH, [1, "hold"])
    p.check("input[value=pr]")
    p.click("text=Commit changes")
    p.locator("body[data-parts='1']").wait_for()
    p.click("#pause")
    p.locator(".upload-state output", has_text="Paused").wait_for()
    p.click("#pause")
    p.wait_for_url("**/discussions/*")
    assert "more/paused.bin" in p.inner_text("main")
    assert server.get(f"/{repo}/resolve/main/more/x.md").status == 404


def test_a_refused_upload_says_why_and_goes_on_when_it_can(tab, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/upload/main/refused")
    p = t.page
    p.locator("#upload[data-ready]").wait_for()
    p.evaluate(DROP, [[["w.safetensors", 3_100_000]]])
    answers = [(503, {"error": "Too many uploads at once."}), (507, {"error": "The disk of this Hearth is full."})]

    def refuse(route):
        if route.request.method != "PUT" or not answers:
            return route.continue_()
        status, body = answers.pop(0)
        return route.fulfill(status=status, json=body)
    p.route("**/*", refuse)
    p.click("text=Commit changes")
    p.locator(".upload-state output", has_text="Too many uploads at once; trying again (1)").wait_for()  # what may be over soon
    p.locator(".upload-problem", has_text="The disk of this Hearth is full.").wait_for()                  # what somebody has to mend
    t.said.clear()  # the browser says that it was refused
    p.click("text=Commit changes")
    p.wait_for_url(f"**/{repo}/tree/main/refused")


def test_a_lost_answer_makes_no_second_commit(tab, server, house, repo):
    """The first answer to the commit is lost, and somebody else commits before it is sent again; then somebody else is first."""
    t = tab()
    sign_in(t)
    p, api, lost, raced = t.page, f"/api/models/{repo}", [], []
    titles = lambda: [c["title"] for c in server.get(f"{api}/commits/main").json()]

    def lose(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        server.commit(repo, house, {"after.txt": b"theirs"})
        route.abort()

    def race(route):
        if not raced:
            raced.append(server.commit(repo, house, {"before.txt": b"theirs"}))
        route.continue_()

    def upload(how, text):
        p.route("**/commit/main", how)
        t.go(f"/{repo}/upload/main")
        p.locator("#upload[data-ready]").wait_for()
        p.evaluate(DROP, [[["mine.txt", text]]])
        p.click("text=Commit changes")
        p.wait_for_url(f"**/{repo}/tree/main")
        p.unroute("**/commit/main")

    before = titles()
    upload(lose, "mine")
    assert lost == [200] and titles() == ["a commit", "Upload mine.txt", *before]
    upload(race, "mine too")
    assert titles()[:2] == ["Upload mine.txt", "a commit"] and len(titles()) == len(before) + 4
    assert server.get(f"/{repo}/raw/main/mine.txt").body == b"mine too" and server.get(f"/{repo}/raw/main/before.txt").body == b"theirs"
    t.said.clear()  # the lost answer and the 412, as the browser says


def test_hashes_are_those_of_everybody_else(tab, server, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/upload/main")
    wrong = t.page.evaluate("""async (seed) => {
      const { Sha256 } = await import("/static/sha256.js");
      const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, "0")).join("");
      const wrong = [];
      for (let n = 0; n < 200; n++) {
        const bytes = new Uint8Array(n * 7 % 331).map((_, i) => (i * 31 + seed * n) & 255), sha = new Sha256();
        for (let at = 0; at < bytes.length; at += 1 + (n % 97)) sha.add(bytes.subarray(at, at + 1 + (n % 97)));
        if (sha.end() !== hex(await crypto.subtle.digest("SHA-256", bytes))) wrong.push(n);
      }
      return wrong;
    }""", random.randrange(1000))
    assert wrong == []


def test_a_file_is_edited(tab, server, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/blob/main/src/run.py")
    p = t.page
    p.click("text=Edit")
    p.wait_for_url("**/edit/main/src/run.py")
    assert p.inner_text(".gutter").split() == ["1", "2", "3"]
    p.focus("#text")
    p.keyboard.press("Control+End")
    p.keyboard.type("if f():")
    p.keyboard.press("Enter")
    p.keyboard.press("Tab")
    p.keyboard.type("print(2)\n")
    t.shot("editor")
    p.fill("#summary", "Print it")
    p.click("text=Commit changes")
    p.wait_for_url("**/blob/main/src/run.py")
    assert server.get(f"/{repo}/raw/main/src/run.py").body.startswith(b"def f():\n    return 1\nif f():\n    print(2)\n")
    p.click("text=Print it")
    p.wait_for_url("**/commit/*")
    assert "print(2)" in p.inner_text(".diff") and p.locator(".diff .add").count() >= 2
    t.shot("commit")


def test_a_page_is_previewed_and_proposed(tab, server, repo):
    t = tab()
    sign_in(t)
    t.go(f"/{repo}/edit/main/README.md")
    p = t.page
    p.fill("#text", "# Attic\n\nA **loft**.\n\n<script>alert(1)</script>\n")
    p.click("text=Preview")
    p.locator(".preview strong", has_text="loft").wait_for()
    p.click("[data-show=code]")
    p.check("input[value=pr]")
    p.fill("#summary", "Say what it is")
    p.click("text=Commit changes")
    p.wait_for_url("**/discussions/*")
    assert "Say what it is" in p.inner_text("main") and server.get(f"/{repo}/raw/main/README.md").body == b"# Attic\n"


def test_everything_but_scripts_is_there_without_scripts(tab, server, repo, tmp_path):
    t = tab(java_script_enabled=False)
    sign_in(t)
    t.go(f"/{repo}/new/main")
    p = t.page
    p.fill("#name", "by/hand.txt")
    p.fill("#text", "typed\nhere")
    p.click("text=Commit changes")
    p.wait_for_url("**/blob/main/by/hand.txt")
    assert "typed" in p.inner_text("main")
    t.go(f"/{repo}/upload/main/by")
    for n in ("u1.txt", "u2.bin"):
        (tmp_path / n).write_bytes(b"\0\1" if n.endswith("bin") else b"plain")
    p.set_input_files("#files", [tmp_path / "u1.txt", tmp_path / "u2.bin"])
    p.click("text=Commit changes")
    p.wait_for_url("**/tree/main/by")
    assert "u2.bin" in p.inner_text("main") and server.get(f"/{repo}/resolve/main/by/u2.bin").body == b"\0\1"


def test_blame_by_keyboard_on_a_telephone_without_scripts(tab, server, house):
    full = server.create("ada/attic-blame", house)
    first = "def f():\n    return 1\n" + "long = 1" + "1" * 300 + "\n"
    server.commit(full, house, {"src/run.py": first.encode()}, {}, summary="Begin, with a title that is far too long for the place that there is for it here")
    server.commit(full, house, {"src/run.py": first.replace("1\n", "2\n", 1).encode()}, {}, summary="Change it")
    t = tab(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    p = t.page
    t.go(f"/{full}/blob/main/src/run.py")
    p.get_by_role("link", name="Blame", exact=True).focus()
    p.keyboard.press("Enter")
    p.wait_for_url(f"**/{full}/blame/main/src/run.py")
    assert p.locator(".blame li").count() == 3 and p.locator(".blame .hl-k").count() == 2
    assert p.evaluate("document.documentElement.scrollWidth") <= 360, "nothing sticks out"
    assert all(box["x"] + box["width"] <= 360 for box in (p.locator(".blame-by div a").nth(i).bounding_box() for i in range(p.locator(".blame-by div a").count())))
    assert p.locator("#L2").inner_text().strip() == "return 2"
    p.locator("#L2 > a").click()
    assert p.url.endswith("#L2") and p.evaluate("getComputedStyle(document.querySelector('#L2')).backgroundColor") != "rgba(0, 0, 0, 0)"
    t.shot("blame-small")
    p.get_by_label("Blame before").focus()
    p.keyboard.press("Enter")
    p.wait_for_url(f"**/{full}/blame/*/src/run.py")
    assert p.locator(".blame li").count() == 1 and p.locator("#L2").inner_text().strip() == "return 1"
    wide = tab()
    wide.go(f"/{full}/blame/main/src/run.py")
    assert wide.page.locator(".copyable").count() == 0
    wide.shot("blame")


def test_names_of_fields_stand_beside_them_on_a_telephone(tab, repo):
    t = tab(viewport={"width": 360, "height": 740})
    t.go(f"/{repo}/compare")
    for name in ("base", "head"):
        label, field = (t.page.locator(s).bounding_box() for s in (f"label[for={name}]", f"#{name}"))
        assert label["y"] > field["y"] and label["y"] + label["height"] < field["y"] + field["height"], name
    t.go(f"/{repo}/commits/main/src/run.py")
    assert t.page.locator(".bar-title").bounding_box()["x"] == t.page.locator(".crumbs").bounding_box()["x"]
