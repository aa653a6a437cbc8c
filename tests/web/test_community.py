"""A discussion from its first word to its end, a collection, a webhook: as a person does it."""
import re

import pytest

from test_pages import axe, judge, sign_in  # noqa: F401  (axe is a fixture)


def test_words_without_an_end_stay_in_the_window(tab, house, axe):  # noqa: F811
    t = tab(viewport={"width": 360, "height": 800}, bypass_csp=True)
    a = t.server.post("/api/collections", {"title": "c" * 60, "namespace": "ada", "description": "d" * 150}, house)
    assert a.status == 200, a
    t.go(f"/collections/{a.json()['slug']}")
    assert not judge(t, "a collection", axe)


@pytest.mark.parametrize("width,scheme", [(1440, "light"), (360, "dark")])
def test_a_persons_community(tab, house, axe, width, scheme):  # noqa: F811
    t = tab(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    p, mark, wrong = t.page, f"{width}", []
    sign_in(t)
    t.go("/ada/stories260k/discussions/new")
    p.fill("#title", f"How long are they {mark}")
    p.fill("#text", "I **counted**, @ada")
    p.click("text=Open the discussion")
    p.wait_for_url(re.compile(r"/discussions/\d+$"))
    here = p.url[len(t.server.base):].split("#")[0]
    assert p.inner_text(".prose strong") == "counted" and p.locator(".prose a.mention").count() == 1
    p.fill("#text", "About 200 tokens.")
    p.click("form.say button")
    p.locator(".comment", has_text="About 200 tokens.").wait_for()
    p.click(".comment >> nth=1 >> summary[aria-label=React]")
    p.click(".comment >> nth=1 >> button[aria-label=heart]")
    p.locator(".reaction.on").wait_for()
    p.click(".comment >> nth=1 >> .more-acts summary")
    p.fill(".comment >> nth=1 >> textarea", "About 256 tokens.")
    p.click(".comment >> nth=1 >> text=Save")
    p.locator(".comment", has_text="edited").wait_for()
    p.click("text=Pin to the top")
    p.locator(".event", has_text="pinned this").wait_for()
    wrong += judge(t, here, axe)
    t.shot(f"discussion-{width}-{scheme}")
    p.locator(".thread-side").get_by_role("button", name="Close").click()
    p.locator(".event", has_text="closed this").wait_for()
    p.click("text=Unpin")
    p.locator(".event", has_text="took the pin away").wait_for()

    t.go("/collections/new")
    p.fill("#title", f"Small things {mark}")
    p.click("text=Create collection")
    p.wait_for_url("**/collections/ada/**")
    p.fill("#item", "ada/stories260k")
    p.fill("#note", "the smallest")
    p.click("form >> text=Add >> nth=-1")
    p.locator(".gathered .note", has_text="the smallest").wait_for()
    wrong += judge(t, "a collection", axe)
    t.shot(f"collection-{width}-{scheme}")

    t.go("/settings/webhooks")
    p.fill("#url", "https://example.invalid/hook")
    p.click("text=Create webhook")
    p.wait_for_url(re.compile(r"/settings/webhooks/[0-9a-f]{24}$"))
    wrong += judge(t, "a webhook", axe)
    p.click(".sure summary")
    p.click("text=Delete this webhook")
    p.wait_for_url("**/settings/webhooks")
    t.go("/ada?tab=collections")
    wrong += judge(t, "collections of an account", axe)
    assert f"Small things {mark}" in p.inner_text("main")
    assert not wrong, "\n".join(wrong)
