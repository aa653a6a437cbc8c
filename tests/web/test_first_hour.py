"""A person's first hour: sign in, make a token, create a repository, push, see the card, try the model, discuss, make it private, leave."""
import re

import pytest

import hearth
from conftest import CARD, ROOT, Tab
from hearth import PASSWORD


@pytest.fixture
def fresh(tmp_path):
    with hearth.Server(tmp_path / "home") as s:
        yield s


def test_the_first_hour(chromium, fresh, tmp_path):
    t = Tab(chromium, fresh, viewport={"width": 1280, "height": 900})
    p = t.page
    t.go("/login")                                     # nobody is here yet
    assert p.url.endswith("/join")
    p.fill("#name", "grace")
    p.fill("#password", PASSWORD)
    t.shot("join")
    p.press("#password", "Enter")
    p.wait_for_url(fresh.base + "/")
    t.shot("front-empty")

    t.go("/settings/tokens")
    p.fill("#label", "laptop")
    p.check("input[value=write]")
    p.click("text=Create token")
    token = p.inner_text(".done pre code")
    assert re.fullmatch(r"hf_[A-Za-z0-9]{34}", token)
    p.reload()                                         # the browser asks again: no second showing
    t.go("/settings/tokens")
    assert token not in p.content() and "laptop" in p.content()

    t.go("/new")
    p.fill("#name", "stories")
    p.click("text=Create repository")
    p.wait_for_url(fresh.base + "/grace/stories")

    files = {f.name: f.read_bytes() for f in (ROOT / "demo").iterdir() if f.suffix == ".json"}
    fresh.commit("grace/stories", token, {k: v for k, v in files.items() if k.startswith(("tokenizer", "special"))}, summary="Tokenizer of 512 words")
    fresh.commit("grace/stories", token, {k: v for k, v in files.items() if k.endswith("config.json") and not k.startswith("tokenizer")},
                 {"model.safetensors": (ROOT / "demo/model.safetensors").read_bytes()}, summary="Weights in float32, and their config")
    fresh.commit("grace/stories", token, {"README.md": CARD.replace(b"ada/stories260k", b"grace/stories")}, summary="Say what it is and how to use it")
    p.reload()
    p.click(".tabs >> text=Files")
    p.wait_for_url("**/tree/main")
    t.shot("files")
    p.click("text=Model card")
    assert "stories for children" in p.inner_text("article")
    assert "260k" in p.inner_text("aside")

    p.click("button:text('Run')")
    p.locator("#try output", has_text="tokens in").wait_for()
    story = p.inner_text("#try .try-answer")
    assert story.startswith("Once upon a time") and len(story) > 100
    t.shot("model-with-widget")

    t.go("/chat")                                      # it has no template of conversations, and goes on with what one begins
    assert p.locator("#model option[data-continues]").all_text_contents() == ["grace/stories"]
    t.go("/grace/stories")
    p.click("text=Community")
    p.click("text=New discussion")
    p.fill("#title", "Does it rhyme?")
    p.fill("#text", "I **wonder**.\n\n<script>alert(1)</script>")
    p.click("text=Open the discussion")
    assert p.inner_text(".thread strong:text('wonder')") == "wonder"
    p.fill("#text", "It does not.")
    p.click("button:text-is('Comment')")
    p.wait_for_selector(".comment p:has-text('It does not.')")
    p.click("button:text('Close')")
    p.wait_for_selector(".badge.closed")
    t.shot("discussion")

    p.click(".tabs >> text=Settings")
    p.check("input[value=private]")
    p.click("text=Save")
    p.wait_for_selector("h1 .badge:text('private')")
    t.shot("settings")
    p.click(".me summary")
    p.click("button:text('Sign out')")
    p.wait_for_selector("text=Sign in")
    t.go("/grace/stories", may_be=401)
    assert "nothing here that you may see" in p.inner_text("main")
    t.close()
