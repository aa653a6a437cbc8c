"""Finding things from the head of a page, the documentation, and the API reference, in a real browser."""
import pytest

from hearth import PASSWORD


def test_finding_while_typing(tab, house):
    t = tab()
    t.go("/")
    p = t.page
    p.keyboard.press("/")
    assert p.evaluate("document.activeElement.id") == "find"
    p.keyboard.type("stories")
    p.locator("#found [role=option]", has_text="ada/stories260k").first.wait_for()
    assert p.get_attribute("#find", "aria-expanded") == "true"
    t.shot("finding")
    p.keyboard.press("ArrowDown")
    active = p.get_attribute("#find", "aria-activedescendant")
    href = p.get_attribute(f"#{active}", "href")
    assert p.get_attribute(f"#{active}", "aria-selected") == "true" and "stories" in href
    p.keyboard.press("Escape")
    assert p.locator("#found").is_hidden()
    p.keyboard.press("End")
    p.keyboard.type("2")
    p.locator("#found [role=option]", has_text="ada/stories260k").wait_for()
    p.keyboard.press("ArrowDown")
    p.keyboard.press("Enter")
    p.wait_for_url("**/ada/stories260k")
    p.fill("#find", "bert")
    p.press("#find", "Enter")
    p.wait_for_url("**/search?q=bert")
    assert "ada/bert-tiny" in p.inner_text("main")


def test_the_head_of_a_page_keeps_its_rows(tab, house):
    t, name = tab(viewport={"width": 1280, "height": 700}), "a-name-that-is-as-long-as-a-name-may-be-01"
    t.server.add_person(name)
    t.go("/login")
    t.page.fill("#name", name)
    t.page.fill("#password", PASSWORD)
    t.page.press("#password", "Enter")
    t.page.wait_for_url(t.server.base + "/")
    t.go("/models")
    for width in (1440, 1280, 1160, 1100, 900, 768, 640, 400, 360):
        t.page.set_viewport_size({"width": width, "height": 700})
        brand, me = (t.page.locator(f".top {part}").bounding_box() for part in (".brand", ".me"))
        assert abs(brand["y"] + brand["height"] / 2 - me["y"] - me["height"] / 2) < 8, f"{width}: who is signed in stands beside the name of the house"


@pytest.mark.parametrize("is_secure", [True, False])
def test_what_is_copied_can_be_pasted(tab, house, is_secure):
    t = tab(permissions=["clipboard-read", "clipboard-write"])
    if not is_secure:    # as where the page came by http from another machine
        t.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    t.page.add_init_script("document.addEventListener('copy', () => { window.copied = document.activeElement.value })")

    def copied(block):
        block.locator(".copy").click()
        block.locator("text=Copied").wait_for()
        return t.page.evaluate("navigator.clipboard ? navigator.clipboard.readText() : window.copied")

    t.go("/docs/operations")
    install = copied(t.page.locator(".copyable", has_text="apt-get install gcc"))
    assert install.startswith("apt-get install gcc") and "\nmeson setup build --buildtype=release && ninja" in install and "libsodium-dev" in install
    t.go("/docs/readme")
    assert copied(t.page.locator(".copyable", has_text="--max-tokens 57").first) == 'build/hearth run demo "Once upon a time" --temperature 0 --max-tokens 57', "not its output"
    t.go("/ada/stories260k")
    assert copied(t.page.locator(".repo-name")) == "ada/stories260k"
    assert copied(t.page.locator("#use .copyable", has_text="hf download").first) == f"export HF_ENDPOINT={t.server.base}\nhf download ada/stories260k"


def test_search_is_a_form_without_scripts(tab, house):
    t = tab(java_script_enabled=False)
    t.go("/models")
    t.page.fill("#find", "stories")
    t.page.press("#find", "Enter")
    t.page.wait_for_url("**/search?q=stories")
    assert "stories260k" in t.page.inner_text("main")
    t.go("/docs/search?q=backup")
    assert t.page.locator(".hits li").count() > 0
    t.go("/docs/api/repo")
    assert "curl" in t.page.content()


def test_an_operation_is_tried_from_its_page(tab, house):
    t = tab()
    t.go("/docs/api/model")
    p = t.page
    operation = p.locator("details.operation", has=p.locator("summary code", has_text="/api/models")).first
    operation.locator("summary").click()
    operation.locator("[name=search]").fill("bert")
    assert "search=bert" in operation.locator("pre code").first.inner_text()
    operation.locator("button", has_text="Send").click()
    operation.locator("output", has_text="200").wait_for()
    assert "ada/bert-tiny" in operation.locator(".answer").inner_text()
    t.shot("api-reference")
