"""Conversations in a real browser: streamed, kept, edited, branched, exported, shared; what a model writes stays text."""
import json

from test_pages import sign_in

ANSWERED = "tokens, the first after"


def ask(p, words):
    p.fill("#text", words)
    p.press("#text", "Enter")
    p.locator("#say output", has_text=ANSWERED).wait_for()


def test_a_conversation(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories-chat")
    p = t.page
    p.click("text=System prompt and parameters")
    p.fill("#temperature", "0")
    p.fill("#max_tokens", "120")
    p.click("text=System prompt and parameters")
    of_words = ["#again", "#share", "#save"]
    assert not any(p.locator(s).is_visible() for s in [*of_words, "#filter"])  # there is nothing yet to share or to look for
    ask(p, "Once upon a time")
    assert all(p.locator(s).is_visible() for s in [*of_words, "#filter"])
    # text_content: what is out of sight is not laid out, and has no inner text yet.
    first = p.text_content(".comment.assistant .prose")
    assert len(first) > 100
    t.shot("chat")
    p.click("#again")                                     # a sibling: the first answer is not lost
    p.locator(".comment.assistant .actions", has_text="2/2").wait_for()
    p.locator("#send", has_text="Send").wait_for()
    p.click("[aria-label='The version before']")
    assert "1/2" in p.inner_text(".comment.assistant .actions") and p.text_content(".comment.assistant .prose") == first
    p.reload()
    p.click("#conversations a")                           # it was kept, as it was shown, with its parameters
    assert "Once upon a time" in p.text_content(".comment.user .words") and p.text_content(".comment.assistant .prose") == first
    assert p.input_value("#max_tokens") == "120"
    p.click(".comment.user button:text('Edit')")
    assert p.input_value("#text") == "Once upon a time" and p.locator(".comment").count() == 0
    ask(p, "<img src=x onerror=alert(1)>")
    assert p.text_content(".comment.user .words") == "<img src=x onerror=alert(1)>"
    assert "2/2" in p.text_content(".comment.user .actions")


def test_without_scripts_nothing_is_offered_that_needs_them(tab, house):
    t = tab(java_script_enabled=False)
    sign_in(t)
    t.go("/chat")
    assert "Chatting needs scripts" in t.page.inner_text("main") and t.page.locator("main").get_by_role("button").count() == 0


def test_an_answer_can_be_stopped(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories-chat")
    p = t.page
    held = []
    p.route("**/v1/chat/completions", lambda route: held.append(route))  # never answered: the person gives up
    p.fill("#text", "Once")
    p.press("#text", "Enter")
    p.locator("#send", has_text="Stop").wait_for()
    p.click("#send")
    p.locator("#say output", has_text="Stopped.").wait_for()
    assert p.inner_text("#send") == "Send" and p.locator(".comment.assistant").count() == 0


def test_thoughts_stand_folded_above_the_answer(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories-chat")
    p = t.page
    deltas = [{"reasoning_content": "Is <b>4</b> "}, {"reasoning_content": "even?"}, {"content": "It *is*."}]  # as the server streams them
    parts = [{"choices": [{"index": 0, "delta": d}]} for d in deltas] + [{"choices": [], "usage": {"completion_tokens": 9}}]
    stream = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
    p.route("**/v1/chat/completions", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=stream))
    ask(p, "Is 4 even?")
    assert "tokens/s" not in p.inner_text("#say output")  # they came all at once: that is no speed
    assert p.inner_text(".comment.assistant .prose") == "It is." and not p.locator(".thoughts div").is_visible()
    p.click(".thoughts summary")
    assert p.inner_text(".thoughts div") == "Is <b>4</b> even?"
    p.reload()
    p.click("#conversations a")
    assert p.locator(".thoughts").count() == 1


def test_conversations_are_named_found_deleted_exported_and_taken(tab, house, tmp_path):
    t = tab()
    sign_in(t)
    t.go("/chat")
    p = t.page
    file = tmp_path / "c.json"
    file.write_text(json.dumps([{"title": "Bread", "messages": [{"role": "user", "content": "How is it baked?"}, {"role": "assistant", "content": "In an oven.", "model": "m/m"}]},
                                {"messages": [{"role": "user", "content": "Where is the sea?"}]}]))
    p.set_input_files("#import-file", file)
    p.locator("#say output", has_text="2 conversations were taken.").wait_for()
    assert set(p.locator("#conversations a").all_inner_texts()) == {"Bread", "Where is the sea?"}
    p.fill("#filter", "oven")
    assert p.locator("#conversations a").all_inner_texts() == ["Bread"]      # found by what was said in it
    p.hover("#conversations .row-of-two")
    p.click("[aria-label='Rename “Bread”']")
    p.fill("#conversations input", "Loaves")
    p.press("#conversations input", "Enter")
    p.fill("#filter", "")
    p.click("#conversations a:text('Loaves')")
    assert "In an oven." in p.inner_text("#thread")
    p.click("#settings .menu summary")
    with p.expect_download() as saved:
        p.click("#export-markdown")
    assert saved.value.suggested_filename == "Loaves.md"
    text = open(saved.value.path(), encoding="utf-8").read()
    assert "# Loaves" in text and "In an oven." in text
    with p.expect_download() as saved:
        p.click("#export-json")
    again = json.load(open(saved.value.path(), encoding="utf-8"))
    assert [m["content"] for m in again["nodes"].values()] == ["How is it baked?", "In an oven."]
    p.locator("#conversations .row-of-two", has_text="Where is the sea?").hover()
    p.click("[aria-label='Delete “Where is the sea?”']")
    p.click("[aria-label='Keep “Where is the sea?”']")
    p.locator("#conversations .row-of-two", has_text="Where is the sea?").hover()
    p.click("[aria-label='Delete “Where is the sea?”']")
    p.keyboard.press("Enter")  # the button that asks once more has the focus
    assert p.locator("#conversations a").all_inner_texts() == ["Loaves"]
    p.reload()
    assert p.locator("#conversations a").all_inner_texts() == ["Loaves"]


def test_a_conversation_is_code_too(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories-chat")
    p = t.page
    p.click("text=This conversation as code")
    p.locator("#code pre", has_text="curl").wait_for()  # an opened element says so with the next task
    assert "/v1/chat/completions" in p.inner_text("#code pre")
    p.click("[data-code=openai]")
    assert "from openai import OpenAI" in p.inner_text("#code pre") and "ada/stories-chat" in p.inner_text("#code pre")
    p.click("[data-code=hub]")
    assert "InferenceClient" in p.inner_text("#code pre")


def test_a_copy_is_shared_and_taken_back(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories-chat")
    p = t.page
    ask(p, "Share **this**")
    p.click("#share")
    url = p.locator("#shared a").get_attribute("href")
    visitor = tab()
    visitor.go(url.replace(t.server.base, ""))
    assert "Share **this**" in visitor.page.inner_text(".comment.user") and "ada/stories-chat" in visitor.page.inner_text("main")
    t.go("/chat/shared")
    p.click(".sure summary")
    p.click("text=Share it no longer")
    p.wait_for_selector("text=You share none")
    visitor.go(url.replace(t.server.base, ""), may_be=404)


MARKDOWN = r"""# Title
Some *soft* and **bold** `code` and ~~gone~~, [here](https://example.org/a_b_c), [bad](javascript:alert(1)) and <script>alert(1)</script>.

1. one
2. two
   - inner `x`
   - [x] done

```python
def f():
    return "<b>"
```

| a | b |
|---|--:|
| 1 | `2` |

> quoted **too**

snake_case_name stays, 2 * 3 * 4 too
"""


def test_markdown_of_answers_is_nodes(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat")
    found = t.page.evaluate("""async (text) => {
      const { render, Growing } = await import("/static/markdown.js");
      const whole = document.createElement("div"), grown = document.createElement("div"), stream = new Growing(grown);
      whole.append(...render(text));
      for (let n = 1; n <= text.length; n++) stream.update(text.slice(0, n));
      const count = (s) => whole.querySelectorAll(s).length;
      return { same: whole.innerHTML === grown.innerHTML, whole: whole.innerHTML, grown: grown.innerHTML, text: whole.textContent,
               counts: ["script", "strong", "em", "del", "ol > li", "ol ul > li", "input[type=checkbox]:checked", "pre code", "td", "blockquote strong", "a"].map(count),
               hrefs: [...whole.querySelectorAll("a")].map((a) => a.href) };
    }""", MARKDOWN)
    assert found["counts"] == [0, 2, 1, 1, 2, 2, 1, 1, 2, 1, 1], found
    assert found["hrefs"] == ["https://example.org/a_b_c"]
    assert found["same"], (found["whole"], found["grown"])
    assert "<script>alert(1)</script>" in found["text"] and 'return "<b>"' in found["text"] and "snake_case_name stays, 2 * 3 * 4 too" in found["text"]
    assert "javascript:" in found["text"]                 # as text


def test_ten_thousand_lines_are_drawn_once(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat")
    drawn = t.page.evaluate("""async () => {
      const { Growing } = await import("/static/markdown.js");
      const root = document.createElement("div"), stream = new Growing(root);
      let text = "", made = 0;
      new MutationObserver(() => {}).observe(root, { childList: true });
      const append = root.append.bind(root);
      root.append = (...nodes) => { made += nodes.length; append(...nodes); };
      for (let n = 0; n < 10_000; n++) {
        text += `Line ${n} of it.\\n\\n`;
        stream.update(text);
      }
      return { made, kept: root.children.length };
    }""")
    assert drawn["kept"] == 10_000 and drawn["made"] < 30_000, drawn   # each block a few times, not each time


def test_a_model_without_a_template_goes_on_with_a_text(tab, house):
    t = tab()
    sign_in(t)
    t.go("/chat?model=ada/stories260k")
    p = t.page
    asked = []
    p.on("request", lambda r: asked.append(r.post_data_json) if r.url.endswith("/v1/completions") else None)
    assert p.locator("#model option[data-continues]:checked").text_content() == "ada/stories260k"
    assert p.locator("#hint").is_visible() and not p.locator("#instructions").is_visible()
    p.click("#begin")
    p.locator("#say output", has_text=ANSWERED).wait_for()
    assert not p.locator("#hint").is_visible() and asked[0]["prompt"] == "Once upon a time"
    t.shot("chat-continues")
    ask(p, "The end was near.")
    p.locator(".comment.assistant").nth(1).wait_for()
    # The first answer filled what the model can take, so the second was asked for with the end of the text alone.
    assert len(asked) > 2 and asked[1]["prompt"].startswith("Once upon a time,") and asked[1]["prompt"].endswith("\nThe end was near.")
    assert asked[-1]["prompt"].endswith("The end was near.") and len(asked[-1]["prompt"]) <= len(asked[1]["prompt"]) / 2
    t.said.clear()  # the browser notes that a call was refused
    p.click("text=This conversation as code")
    p.locator("#code pre", has_text="/v1/completions").wait_for()
    assert not p.locator("[data-code=hub]").is_visible()
    p.select_option("#model", "ada/stories-chat")
    assert p.locator("#instructions").count() == 1 and "/v1/chat/completions" in p.inner_text("#code pre")


def test_a_long_name_of_a_model_stays_in_the_window(tab, house):
    t = tab(viewport={"width": 360, "height": 800})
    sign_in(t)
    name = "ada/" + "a-long-name-" * 8
    t.server.create(name.rstrip("-"), house)
    files = {k: t.server.get(f"/ada/stories-chat/raw/main/{k}", house).body for k in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")}
    weights = t.server.get("/ada/stories-chat/resolve/main/model.safetensors", house).body
    t.server.commit(name.rstrip("-"), house, files, {"model.safetensors": weights})
    t.go("/chat")
    assert t.page.locator("#model option", has_text="a-long-name").count() == 1
    assert t.page.evaluate("document.documentElement.scrollWidth") == 360
