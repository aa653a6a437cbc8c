"""The page of a model: what stands beside its card, its widget for each task that the engine serves, its metrics, its snippets."""
import base64
import json

import pytest

import hearth
from conftest import CARD
from hearth import PASSWORD
from test_pages import axe, judge, sign_in  # noqa: F401

TASKS = hearth.ROOT / "tests" / "data" / "tasks"
WIDGETS = {"fill-mask": "fill-bert", "text-classification": "classify-single", "token-classification": "label-bert", "question-answering": "answer-bert",
           "zero-shot-classification": "zero-bert", "sentence-similarity": "sentence-mean", "text-ranking": "rank-sigmoid", "feature-extraction": "features-bert"}
SCORES = """---
license: apache-2.0
language: [en, de]
base_model: ada/stories260k
datasets: [ada/stories, nobody/nothing]
pipeline_tag: text-classification
library_name: transformers
model-index:
- name: scored
  results:
  - task: {type: text-classification}
    dataset: {type: imdb, name: IMDb, split: test}
    metrics:
    - {type: accuracy, value: %s, name: Accuracy}
    - {type: f1, value: 0.81}
    - {type: loss, value: "0.31 ± 0.02"}
  - task: {type: text-classification}
    dataset: {type: "x<script>alert(1)</script>", name: "<img src=x onerror=alert(1)>"}
    metrics:
    - {type: wer, value: .nan}
    - {type: "</table><script>alert(2)</script>", value: "<b>bold</b>"}
    - {type: accuracy, value: [1, [2, {a: b}]]}
    source: {url: "javascript:alert(3)", name: a paper}
---
# Scored
"""


def sign_in(t):
    t.go("/login")
    t.page.fill("#name", "ada")
    t.page.fill("#password", PASSWORD)
    t.page.press("#password", "Enter")
    t.page.wait_for_url(t.server.base + "/")


@pytest.fixture(scope="module")
def widgets(server, house):
    """A tiny model for each task, and one with figures in two revisions."""
    for task, which in WIDGETS.items():
        name = f"ada/try-{task}"
        server.create(name, house)
        files = {str(p.relative_to(TASKS / which)): p.read_bytes() for p in (TASKS / which).rglob("*") if p.is_file() and p.name != "expected.json"}
        large = {"model.safetensors": files.pop("model.safetensors")}
        files["README.md"] = f"---\npipeline_tag: {task}\n---\n# {task}\n".encode()
        assert server.commit(name, house, files, large).status == 200
    server.create("ada/scored", house)
    assert server.commit("ada/scored", house, {"README.md": SCORES % "0.9"}, {}).status == 200
    assert server.post("/api/models/ada/scored/tag/main", {"tag": "v1"}, house).status == 200
    results = "- dataset: {id: ada/stories, task_id: rhymes}\n  value: 12.5\n  source: {url: https://example.org/run, name: a run}\n"
    assert server.commit("ada/scored", house, {"README.md": SCORES % "0.93", ".eval_results/rhymes.yaml": results}, {}).status == 200
    server.resolve("ada/stories260k", "config.json", house)
    return house


ANSWERS = {"fill-mask": ".try-scores li", "text-classification": ".try-scores li", "token-classification": ".try-spans", "question-answering": ".try-spans",
           "zero-shot-classification": ".try-scores li", "sentence-similarity": ".try-scores li", "text-ranking": ".try-scores li", "feature-extraction": ".try-vector rect"}


def test_every_task_has_a_widget_that_answers(tab, widgets):
    t = tab()
    sign_in(t)
    for task, what in ANSWERS.items():
        t.go(f"/ada/try-{task}")
        p = t.page
        if task == "fill-mask":
            p.fill("#try-text", "no word is missing")
            p.click("#try button:has-text('Run')")
            assert "[MASK]" in p.locator(".try-state.problem").inner_text()
            p.fill("#try-text", "Paris is [MASK], of course.")
        if task == "token-classification":
            p.fill("#try-text", "Ada 🏳️‍🌈 wrote to <b>Charles</b> Babbage in London.")
        p.focus("#try-text")
        p.keyboard.press("Control+Enter")
        p.locator(".try-answer " + what).first.wait_for(state="attached")
        assert p.locator(".try-answer b").count() == 0
        said = p.locator(".try-state")
        said.filter(has_text="computed in").wait_for()
        assert "token" in said.inner_text()
        t.shot(f"try-{task}")


def test_a_story_is_streamed_and_can_be_stopped(tab, widgets):
    t = tab()
    sign_in(t)
    t.go("/ada/stories260k")
    p = t.page
    p.fill("#try-text", "Once upon a time")
    p.click("#try button:has-text('Run')")
    state = p.locator(".try-state")
    state.filter(has_text="tokens in").wait_for()
    assert "the first after" in state.inner_text()
    assert p.inner_text(".try-answer").startswith("Once upon a time") and len(p.inner_text(".try-answer")) > 100
    assert p.get_attribute(".try-answer", "aria-busy") == "false"
    t.shot("try-text-generation")
    # What does not answer can be stopped: the call is held back until it was.
    p.route("**/v1/completions", lambda route: None)
    p.click("#try button:has-text('Run')")
    p.locator("#try button:has-text('Stop')").wait_for()
    p.focus("#try-text")
    p.keyboard.press("Escape")
    state.filter(has_text="Stopped.").wait_for()
    p.locator("#try button:has-text('Run')").wait_for()
    p.unroute("**/v1/completions")
    p.route("**/v1/completions", lambda route: route.fulfill(status=503, content_type="application/json", body=json.dumps({"error": {"message": "no <b>room</b>"}})))
    p.click("#try button:has-text('Run')")
    p.locator(".try-state.problem", has_text="no <b>room</b>").wait_for()
    t.said.clear()  # the browser says that it was 503
    # A reload tells how fast it was here.
    p.reload()
    assert "tokens/s" in p.inner_text("aside")


def test_examples_of_the_card_fill_the_form(tab, server, widgets):
    card = CARD.replace(b"tags:", b"widget:\n- text: The <i>cat</i>\n  example_title: A cat\n- text: A dog\n- 5\n- {text: [1]}\ntags:")
    assert b"widget" in card
    assert server.commit("ada/stories-chat", widgets, {"README.md": card}, {}).status == 200
    t = tab()
    sign_in(t)
    t.go("/ada/stories-chat")
    p = t.page
    assert p.input_value("#try-text") == "The <i>cat</i>"
    p.click(".try-examples button:has-text('A dog')")
    assert p.input_value("#try-text") == "A dog" and p.locator(".try-examples button").count() == 2
    p.keyboard.press("Control+Enter")
    p.locator(".try-state", has_text="tokens in").wait_for()


def test_a_visitor_is_told_to_sign_in(tab, widgets):
    t = tab(java_script_enabled=False)
    t.go("/ada/stories260k")
    p = t.page
    assert p.locator("#try a:has-text('Sign in')").get_attribute("href") == "/login?next=/ada/stories260k"
    assert "Memory for the weights" in p.inner_text("aside") and "1.0 MB" in p.inner_text("aside")
    assert "Downloads by day" in p.text_content("aside") and p.locator(".downloads .chart-line").count() == 1


def test_metrics_stand_side_by_side(tab, widgets):
    t = tab(java_script_enabled=False)
    t.go("/ada/scored")
    p = t.page
    aside = p.inner_text("aside")
    assert "0.93" in aside and "0.31 ± 0.02" in aside and "<img src=x onerror=alert(1)>" in aside
    assert p.locator("aside a[href='/ada/stories260k']").count() == 1 and p.locator("aside a[href='/datasets/ada/stories']").count() == 1
    assert "nobody/nothing" in aside and p.locator("aside a[href*=nobody]").count() == 0
    p.click("aside a:has-text('revisions compared')")
    p.wait_for_url("**/ada/scored/metrics")
    p.select_option("select[name=base]", "v1")
    p.click("main button:has-text('Show')")
    p.wait_for_url("**base=v1*")
    row = p.locator(".metric-table tr", has_text="Accuracy").first.inner_text().split("\t")
    assert row[4:6] == ["0.93", "0.9"] and row[6].startswith("+0.03") and "better" in row[6]
    assert "rhymes" in p.inner_text(".metric-table") and p.locator(".metric-table a[href='https://example.org/run']").count() == 1
    assert p.locator("main a[href^=javascript]").count() == 0 and p.locator("main script, main b").count() == 0
    t.shot("metrics")


def test_snippets_are_those_that_work(tab, widgets):
    t = tab(java_script_enabled=False)
    t.go("/ada/try-fill-mask")
    names = t.page.locator("#use summary").all_inner_texts()
    assert {"hf download", "huggingface_hub", "git clone", "hearth run", "curl", "InferenceClient"} <= set(names)
    assert not {"openai", "vLLM", "llama.cpp", "hearth chat", "datasets"} & set(names)
    t.go("/ada/stories-chat")
    names = t.page.locator("#use summary").all_inner_texts()
    assert {"openai", "curl", "Workers AI", "hearth chat"} <= set(names)
    t.go("/datasets/ada/stories")
    names = t.page.locator("#use summary").all_inner_texts()
    assert "datasets" in names and "curl" not in names
    assert t.server.base in t.page.text_content("#use")


PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
EVERYTHING = r"""# Everything

A loss $\mathcal{L} = -\sum_{i=1}^{N} \log p_\theta(x_i \mid x_{<i})$, `$not_this$`, $5 and $10. 🎉

$$\begin{aligned} a &= \frac{1}{2} \\ \hat{b} &= \left(\sqrt{x}\right)^{\text{<img src=x onerror=alert(1)>}} \end{aligned}$$

![a pixel](./pictures/pixel.png) ![also](https://huggingface.co/ada/everything/resolve/main/pictures/pixel.png) [notes](docs/notes.md)

```python
def f(x):  # a comment
    return "</code><script>alert(1)</script>", 1.5, None
```

```diff
-old
+new
```

## Everything
"""


def test_a_card_with_everything(tab, server, widgets, axe):  # noqa: F811
    server.create("ada/everything", widgets)
    files = {"README.md": EVERYTHING, "pictures/pixel.png": PIXEL, "docs/notes.md": "[up](../README.md) ![p](../pictures/pixel.png)"}
    assert server.commit("ada/everything", widgets, files, {}).status == 200
    assert server.post("/api/models/ada/everything/branch/old", {}, widgets).status == 200
    for scheme in ("light", "dark"):
        t = tab(color_scheme=scheme, bypass_csp=True)
        t.go("/ada/everything")
        p = t.page
        assert not judge(t, "/ada/everything", axe)
        assert p.locator(".prose math").count() == 2 and p.locator(".prose math[display=block] mtr").count() == 2
        assert p.evaluate("document.querySelector('.prose math[display=block]').getBoundingClientRect().height") > 40  # it is drawn as one
        assert "$not_this$" in p.inner_text(".prose") and "$5 and $10. 🎉" in p.inner_text(".prose")
        assert p.locator(".prose .hl-k").count() >= 3 and p.locator(".prose .hl-a").count() == 1 and p.locator(".prose script").count() == 0
        assert [p.evaluate("(i) => document.querySelectorAll('.prose img')[i].decode().then(() => document.querySelectorAll('.prose img')[i].naturalWidth)", i) for i in (0, 1)] == [1, 1]
        assert p.locator(".prose h2#card-everything-1 > .anchor").count() == 1
        t.shot(f"card-{scheme}")
    p.goto(server.base + "/ada/everything/blob/old/docs/notes.md")
    assert p.locator(".prose a", has_text="up").get_attribute("href") == "/ada/everything/blob/old/docs/../README.md"
    assert p.evaluate("document.querySelector('.prose img').decode().then(() => document.querySelector('.prose img').src)").endswith("/resolve/old/pictures/pixel.png")
    p.click(".prose a:has-text('up')")
    p.wait_for_url("**/blob/old/README.md")


def test_a_resource_group_is_chosen_without_scripts(tab, server, house, axe):
    server.cli("org", "add", "weavers", "--owner", "ada")
    full = server.create("weavers/loom", house, private=True)
    t = tab(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    sign_in(t)
    t.go(f"/{full}/settings")
    assert t.page.locator("#group").count() == 0, "there are no groups yet"
    assert server.post("/api/organizations/weavers/resource-groups", {"name": "Wool " * 20}, house).status == 200
    t.go(f"/{full}/settings")
    t.page.select_option("#group", index=1)
    t.page.click("text=Move")
    t.page.wait_for_url(f"**/{full}/settings?saved=1")
    assert t.page.locator("#group option:checked").inner_text().startswith("Wool Wool")
    assert server.get(f"/api/models/{full}", house).json()["resourceGroup"]["name"].startswith("Wool")
    assert t.page.evaluate("document.documentElement.scrollWidth") <= 360
    t.shot("settings-small")
    wide = tab(bypass_csp=True)
    sign_in(wide)
    wide.go(f"/{full}/settings")
    assert not judge(wide, f"/{full}/settings", axe)


def test_what_came_of_a_model_and_of_a_data_set(tab, server, house, axe):
    server.create("ada/root", house)
    server.commit("ada/root", house, {"README.md": "# Root\n"}, {})
    server.create("ada/soil", house, "dataset")
    server.commit("ada/soil", house, {"README.md": "# Soil\n"}, {}, kind="datasets")
    for i in range(5):
        server.create(f"ada/leaf-{i}", house)
        server.commit(f"ada/leaf-{i}", house, {"README.md": "---\nbase_model: ada/root\ndatasets: [ada/soil]\n---\n# Leaf\n"}, {})
    for name, private, card in (("ada/twig", False, "base_model_relation: adapter"), ("ada/hidden-twig", True, "base_model_relation: quantized")):
        server.create(name, house, private=private)
        server.commit(name, house, {"README.md": f"---\nbase_model: ada/root\n{card}\n---\n# Twig\n"}, {})
    server.create("ada/garden", house, "space", sdk="static")
    server.commit("ada/garden", house, {"README.md": "---\nsdk: static\nmodels: [ada/root]\n---\n"}, {}, kind="spaces")

    def lines(t, path):
        t.go(path)
        rows = t.page.locator("section:has(h2:text-is('What came of it')) .facts-list > div")
        return dict(row.split("\n", 1) for row in rows.all_inner_texts())

    t = tab(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    found = lines(t, "/ada/root")
    assert found["Adapters"] == "ada/twig" and found["Spaces"] == "ada/garden" and set(found) == {"Adapters", "Fine-tuned", "Spaces"}
    assert found["Fine-tuned"].count("ada/leaf-") == 4 and found["Fine-tuned"].endswith("and more")
    assert t.page.evaluate("document.documentElement.scrollWidth") <= 360
    t.page.click("dt a:text-is('Fine-tuned')")
    t.page.wait_for_url(lambda url: "/models?tag=" in url)
    assert t.page.locator("main a[href^='/ada/leaf-']").count() == 5
    assert lines(t, "/datasets/ada/soil")["Models trained on it"].count("ada/leaf-") == 4
    assert not lines(t, "/ada/leaf-0"), "nothing came of it"
    mine = tab(bypass_csp=True)
    sign_in(mine)
    assert lines(mine, "/ada/root")["Quantised"] == "ada/hidden-twig"
    assert not judge(mine, "/ada/root", axe)
