"""Hosted models as an API: the openai SDK and huggingface_hub's InferenceClient against a server that runs the demo model."""
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

import clients
import hearth
from hearth import await_that
from inference import DEMO, START, STORY, TASKS, complete, near, push, usage, workers



@pytest.fixture(scope="module")
def sdk(host, tmp_path_factory):
    d = clients.Driver("openai", host, tmp_path_factory.mktemp("openai"), host.alice, OPENAI_BASE_URL=host.base + "/v1", OPENAI_API_KEY=host.alice)
    yield d
    d.close()


def test_the_openai_sdk(host, sdk):
    out = sdk("""
        import openai
        c = openai.OpenAI()
        whole = c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=20, temperature=0)
        chunks = list(c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=20, temperature=0,
                                                stream=True, stream_options={"include_usage": True}))
        plain = c.completions.create(model=model, prompt=start, max_tokens=20, temperature=0)
        tokens = c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=3, temperature=0,
                                           logprobs=True, top_logprobs=2).choices[0].logprobs.content
        seeded = [c.completions.create(model=model, prompt=start, max_tokens=20, temperature=1, seed=s).choices[0].text for s in (1, 1, 2)]
        several = c.completions.create(model=model, prompt=start, max_tokens=10, temperature=1, seed=5, n=3)
        odd = c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=2, temperature=0, top_p=1,
                                        presence_penalty=0, extra_body={"unknown": 1, "stream_options": None})
        def refused(**kw):
            try: c.completions.create(**{"model": model, "prompt": start, "max_tokens": 2, **kw})
            except openai.APIStatusError as x: return [type(x).__name__, x.status_code, x.code]
        out = [whole.choices[0].message.content, whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.choices[0].finish_reason,
               "".join(k.choices[0].delta.content or "" for k in chunks if k.choices), chunks[0].choices[0].delta.role,
               chunks[-2].choices[0].finish_reason, chunks[-1].usage.completion_tokens, plain.choices[0].text,
               [(t.token, len(t.top_logprobs), t.logprob <= 0 and t.top_logprobs[0].token == t.token) for t in tokens], seeded,
               [k.index for k in several.choices], len({k.text for k in several.choices}), several.usage.completion_tokens,
               odd.choices[0].message.content, refused(model="alice/none"), refused(temperature=1000), refused(prompt=""), refused(n=1000)]
        """, model=host.model, start=START)
    assert out[:4] == [STORY, 5, 20, "length"] and out[4:9] == [STORY, "assistant", "length", 20, STORY]
    assert [t[1:] for t in out[9]] == [[2, True]] * 3
    assert out[10][0] == out[10][1] != out[10][2]
    assert out[11:14] == [[0, 1, 2], 3, 30] and STORY.startswith(out[14])
    assert out[15] == ["NotFoundError", 404, "model_not_found"]
    assert out[16][:2] == out[18][:2] == ["BadRequestError", 400] and out[17] is None


def test_the_inference_client(host, sdk):
    out = sdk("""
        from huggingface_hub import InferenceClient
        c = InferenceClient(base_url=base + "/v1", api_key=key)
        whole = c.chat_completion([{"role": "user", "content": start}], model=model, max_tokens=20, temperature=0)
        parts = [k.choices[0].delta.content for k in c.chat_completion([{"role": "user", "content": start}], model=model, max_tokens=20,
                                                                       temperature=0, stream=True) if k.choices]
        out = [whole.choices[0].message.content, "".join(p or "" for p in parts)]
        """, base=host.base, key=host.alice, model=host.model, start=START)
    assert out == [STORY, STORY]


def test_models_are_listed_for_who_may_see_them(host, sdk):
    assert host.model in sdk("import openai; out = [m.id for m in openai.OpenAI().models.list().data]")
    ids = lambda token: [m["id"] for m in host.get("/v1/models", token).json()["data"]]
    assert host.secret in ids(host.alice) and host.secret not in ids(host.bob) + ids(None) and host.model in ids(None)
    one = host.get(f"/v1/models/{host.model}", host.alice).json()
    assert one["id"] == host.model and one["providers"][0]["pricing"]["output"] > 0 and isinstance(one["created"], int)
    assert host.get(f"/v1/models/{host.secret}", host.bob).status == host.get("/v1/models/alice/none", host.bob).status == 404
    host.create("alice/weightless", host.alice)        # a configuration alone, as from `config.push_to_hub`
    assert host.commit("alice/weightless", host.alice, {n: (DEMO / n).read_bytes() for n in ("config.json", "tokenizer.json")}).status == 200
    assert "alice/weightless" not in ids(host.alice) and "runs here" not in host.get("/models?search=weightless").body.decode()


def test_stop_texts_and_what_was_computed_before(host):
    r = complete(host, stop=["Lily", "never"]).json()
    assert r["choices"][0]["text"] == STORY.split("Lily")[0] and r["choices"][0]["finish_reason"] == "stop"
    assert complete(host, stop="named Lily. She").json()["choices"][0]["text"] == STORY.split("named Lily")[0]
    long = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball."
    first, again = (complete(host, prompt=long, max_tokens=5).json() for _ in range(2))
    assert first["choices"] == again["choices"]
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 10 and again["usage"]["prompt_tokens"] == first["usage"]["prompt_tokens"]
    other = complete(host, host.bob, prompt=long, max_tokens=5).json()
    assert other["choices"] == first["choices"] and other["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, "what alice asked is nobody else's to know"


FORMATS = [{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": "SCHEMA", "strict": True}}},
           {"response_format": {"type": "json", "value": "SCHEMA"}}, {"response_format": {"type": "json_schema", "json_schema": "SCHEMA"}},
           {"guided_json": "SCHEMA"}, {"json_schema": "SCHEMA"}, {"structured_outputs": {"json": "SCHEMA", "regex": None, "disable_any_whitespace": False}}]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
                                           "kind": {"enum": ["cat", "dog"]}}, "required": ["name", "age", "kind"], "additionalProperties": False}


@pytest.mark.parametrize("spelling", range(len(FORMATS)))
def test_json_by_a_schema(host, spelling):
    extra = json.loads(json.dumps(FORMATS[spelling]).replace('"SCHEMA"', json.dumps(SCHEMA)))
    for seed in range(5):
        r = complete(host, max_tokens=300, temperature=1, seed=seed, **extra)
        assert r.status == 200, r
        value = json.loads(r.json()["choices"][0]["text"])
        assert set(value) == {"name", "age", "kind"} and 0 <= value["age"] <= 150 and value["kind"] in ("cat", "dog") and len(value["name"]) <= 8
    choice = complete(host, guided_choice=["yes", "no"]).json()["choices"][0]
    assert choice["text"] in ("yes", "no") and choice["finish_reason"] == "stop"
    assert complete(host, guided_regex="[ab]{3}").json()["choices"][0]["text"] in {a + b + c for a in "ab" for b in "ab" for c in "ab"}
    for bad in ({"guided_regex": "("}, {"guided_json": {"type": "colour"}}, {"response_format": {"type": "json_schema"}}, {"response_format": {"type": "yaml"}}):
        assert complete(host, **bad).status in (400, 501), bad


def test_what_an_answer_looks_like_as_other_servers_are_told(host):
    """vLLM's clients (outlines 1.3 among them) say "structured_outputs", SGLang's "regex" and "ebnf", llama.cpp's "grammar"."""
    said = lambda **kw: complete(host, **kw).json()["choices"][0]["text"]  # noqa: E731
    grammar, outcomes = 'root ::= "left" | "right"', ("left", "right")
    assert re.fullmatch("[0-9]{3}", said(regex="[0-9]{3}")) and re.fullmatch("[0-9]{3}", said(structured_outputs={"regex": "[0-9]{3}"}))
    assert said(ebnf=grammar) in outcomes and said(grammar=grammar) in outcomes and said(structured_outputs={"grammar": grammar}) in outcomes
    assert said(structured_outputs={"choice": list(outcomes)}) in outcomes and said(max_tokens=200, structured_outputs={"json_object": True}).startswith("{")
    for wrong, status in (({}, 400), ({"regex": "a", "choice": ["a"]}, 400), ({"regex": 1}, 400), ({"regex": "("}, 400), ({"structural_tag": "{}"}, 501),
                          ({"json": {"type": "object"}, "whitespace_pattern": " "}, 501)):
        assert complete(host, structured_outputs=wrong).status == status, wrong


@pytest.mark.parametrize("which", ["fill-bert", "answer-roberta", "sentence-mean", "rank-sigmoid", "features-bert"])
def test_tasks_answer_as_transformers_does(host, encoder, which):
    name = encoder(which)
    for case in json.loads((TASKS / which / "expected.json").read_text())[:4]:
        if "error" in case: continue
        r = host.post(f"/models/{name}/pipeline/{case['task']}", {"inputs": case["inputs"], "parameters": case["parameters"]}, host.alice)
        assert r.status == 200, (case, r)
        assert near(r.json(), case["output"]), case["task"]


def test_tasks_in_the_shapes_of_clients(host, encoder):
    def ask(which, inputs, task=None, **parameters):
        path = f"/models/{encoder(which)}" + (f"/pipeline/{task}" if task else "")
        r = host.post(path, {"inputs": inputs, "parameters": parameters}, host.alice)
        assert r.status == 200, r
        return r.json()
    one = ask("classify-single", "The cat sat on the mat.", "text-classification")
    assert len(one) == 1 and [set(x) for x in one[0]] == [{"label", "score"}] * 3
    two = ask("classify-single", ["What?", "Nobody knows."], "text-classification", top_k=1)
    assert [len(x) for x in two] == [1, 1]
    labels = ask("zero-bert", "The engine runs.", "zero-shot-classification", candidate_labels=["sports", "science"])
    assert {x["label"] for x in labels} == {"sports", "science"} and abs(sum(x["score"] for x in labels) - 1) < 1e-3
    groups = ask("label-bert", "Ada Lovelace wrote to Charles Babbage in London.", "token-classification")
    assert groups and all({"entity_group", "score", "word", "start", "end"} <= set(g) for g in groups)
    bare = ask("label-bert", "Ada Lovelace wrote.", "token-classification", aggregation_strategy="none")
    assert all(x["entity"] == x["entity_group"] for x in bare)
    assert len(ask("sentence-mean", {"source_sentence": "Paris", "sentences": ["It is Paris.", "The cat."]})) == 2
    r = host.post(f"/models/{encoder('fill-bert')}", {"inputs": "no mask here"}, host.alice)
    assert r.status == 400 and "mask" in r.json()["error"].lower(), r
    assert host.post(f"/models/{encoder('fill-bert')}/pipeline/text-to-video", {"inputs": "x"}, host.alice).status == 501
    assert host.post(f"/models/{host.model}/pipeline/fill-mask", {"inputs": "x"}, host.alice).status == 422
    assert host.post("/v1/completions", {"model": encoder("fill-bert"), "prompt": "x"}, host.alice).status == 400


def test_the_inference_client_runs_tasks(host, sdk, encoder):
    out = sdk("""
        from huggingface_hub import InferenceClient
        at = lambda name: InferenceClient(model=f"{base}/models/{name}", api_key=key)
        out = [[x.label for x in at(single).text_classification("The cat sat on the mat.")],
               [x.token_str for x in at(fill).fill_mask("Paris is [MASK], of course.")][:1],
               at(answers).question_answering(question="Who wrote it?", context="Ada Lovelace wrote the first program.").answer,
               len(at(sentence).sentence_similarity("Paris", other_sentences=["It is Paris.", "The cat."])),
               [x.label for x in at(zero).zero_shot_classification("The engine runs.", candidate_labels=["sports", "science"])],
               list(at(sentence).feature_extraction(["Paris", "The cat."]).shape)]
        """, base=host.base, key=host.alice, single=encoder("classify-single"), fill=encoder("fill-bert"), answers=encoder("answer-bert"),
        sentence=encoder("sentence-mean"), zero=encoder("zero-bert"))
    assert len(out[0]) == 3 and len(out[1]) == 1 and out[2] and out[3] == 2 and set(out[4]) == {"sports", "science"} and out[5][0] == 2


def test_text_generation_as_tgi_has_it(host, sdk):
    out = sdk("""
        from huggingface_hub import InferenceClient
        c = InferenceClient(model=f"{base}/models/{model}", api_key=key)
        plain = c.text_generation(start, max_new_tokens=20, do_sample=False, return_full_text=False)
        detailed = c.text_generation(start, max_new_tokens=20, do_sample=False, details=True, return_full_text=False)
        parts = list(c.text_generation(start, max_new_tokens=20, do_sample=False, stream=True, details=True))
        words = "".join(c.text_generation(start, max_new_tokens=20, do_sample=False, stream=True))
        stopped = c.text_generation(start, max_new_tokens=20, do_sample=False, stop=["Lily"], details=True, return_full_text=False)
        out = [plain, detailed.generated_text, detailed.details.finish_reason, detailed.details.generated_tokens, len(detailed.details.tokens),
               [p.index for p in parts], parts[-1].generated_text, parts[-1].details.finish_reason, parts[-1].details.input_length, words,
               stopped.generated_text, stopped.details.finish_reason]
        """, base=host.base, model=host.model, key=host.alice, start=START)
    assert out[:5] == [STORY, STORY, "length", 20, 20] and out[5] == list(range(1, 21)) and out[6].endswith(STORY)
    assert out[7:10] == ["length", 5, STORY] and out[11] == "stop_sequence" and "Lily" not in out[10]
    whole = host.post(f"/models/{host.model}/generate", {"inputs": START, "parameters": {"max_new_tokens": 20}}, host.alice)
    assert whole.status == 200 and whole.json() == {"generated_text": STORY}
    raw = host.post(f"/models/{host.model}/generate_stream", {"inputs": START, "parameters": {"max_new_tokens": 3}}, host.alice).body.decode()
    assert raw.count("data: {") == 3 and "[DONE]" not in raw and "id:" not in raw.replace('"id":', "")
    for bad in ({"inputs": ""}, {"inputs": START, "parameters": {"max_new_tokens": 0}}, {"inputs": START, "parameters": {"grammar": {"type": "x"}}}):
        assert host.post(f"/models/{host.model}/generate", bad, host.alice).status == 422, bad


def test_what_text_embeddings_inference_has(host, encoder):
    def ask(which, what, body, status=200):
        r = host.post(f"/models/{encoder(which)}/{what}", body, host.alice)
        assert r.status == status, r
        return r.json()
    one, two = ask("sentence-mean", "embed", {"inputs": "Paris"}), ask("sentence-mean", "embed", {"inputs": ["Paris", "The cat."]})
    assert len(one) == 1 and len(two) == 2 and near(one[0], two[0], 1e-5) and abs(sum(x * x for x in one[0]) - 1) < 1e-4
    assert len(ask("sentence-mean", "similarity", {"inputs": {"source_sentence": "Paris", "sentences": ["It is Paris.", "The cat."]}})) == 2
    case = json.loads((TASKS / "rank-sigmoid" / "expected.json").read_text())[0]
    ranks = ask("rank-sigmoid", "rerank", {"query": case["inputs"]["query"], "texts": case["inputs"]["documents"], "return_text": True})
    assert [(r["index"], r["text"]) for r in ranks] == [(o["corpus_id"], case["inputs"]["documents"][o["corpus_id"]]) for o in case["output"]]
    assert near([r["score"] for r in ranks], [o["score"] for o in case["output"]])
    labels = ask("classify-single", "predict", {"inputs": "The cat sat on the mat."})
    assert [x["score"] for x in labels] == sorted((x["score"] for x in labels), reverse=True) and len(labels) == 3
    assert [len(x) for x in ask("classify-single", "predict", {"inputs": [["What?"], ["Nobody knows.", "Nobody."]]})] == [3, 3]
    for what, body in (("embed", {"inputs": ["x", 5]}), ("embed", {"inputs": 5}), ("embed", {}), ("rerank", {"query": "x"}), ("predict", {}), ("predict", {"inputs": [5]}), ("similarity", {})):
        ask("sentence-mean" if what != "predict" else "classify-single", what, body, 422)


def test_embeddings_for_openais_client(host, sdk, encoder):
    out = sdk("""
        import openai
        c = openai.OpenAI()
        default = c.embeddings.create(model=model, input=["Paris", "The cat sat on the mat."])
        floats = c.embeddings.create(model=model, input="Paris", encoding_format="float")
        short = c.embeddings.create(model=model, input="Paris", dimensions=4)
        def refused(**kw):
            try: c.embeddings.create(**{"model": model, **kw})
            except openai.APIStatusError as x: return x.status_code
        out = [[len(d.embedding) for d in default.data], [d.index for d in default.data], default.data[0].embedding, floats.data[0].embedding,
               short.data[0].embedding, default.usage.prompt_tokens, refused(input=""), refused(input=[]), refused(input="x", dimensions=9999), refused(input="x", model=text)]
        """, model=encoder("sentence-mean"), text=host.model)
    assert out[0][0] == out[0][1] > 4 and out[1] == [0, 1] and near(out[2], out[3], 1e-6)
    assert len(out[4]) == 4 and abs(sum(x * x for x in out[4]) - 1) < 1e-4 and out[5] > 4
    assert out[6] == out[7] == out[8] == 400 and out[9] == 400


def test_who_may_call(host):
    body = {"model": host.secret, "prompt": START, "max_tokens": 2, "temperature": 0}
    assert host.post("/v1/completions", body, host.alice).status == 200
    hidden, none = host.post("/v1/completions", body, host.bob), host.post("/v1/completions", {**body, "model": "alice/none"}, host.bob)
    assert hidden.status == none.status == 404
    assert hidden.json()["error"]["message"].replace("secret", "none") == none.json()["error"]["message"]
    assert host.post("/v1/completions", body).status == 401
    assert complete(host, host.bob).status == 200  # what is public, everyone who is signed in may call


def test_bad_requests_are_told_in_this_protocols_words(host):
    bad = [b"{", b"[]", {"prompt": START}, {"model": host.model}, {"model": host.model, "prompt": 5}, {"model": host.model, "prompt": [1, -1]},
           {"model": host.model, "prompt": [1, 10**9]}, {"model": host.model, "prompt": START, "max_tokens": 0}, {"model": host.model, "prompt": START, "top_p": 2},
           {"model": host.model, "prompt": START, "temperature": "hot"}, {"model": host.model, "prompt": START, "logit_bias": {"x": 1}}, {"model": 7}]
    for body in bad:
        r = host.post("/v1/completions", body, host.alice)
        assert r.status == 400 and set(r.json()["error"]) == {"message", "type", "param", "code"}, (body, r)
    long = host.post("/v1/completions", {"model": host.model, "prompt": START * 5000, "max_tokens": 5}, host.alice)
    assert long.status == 400 and long.json()["error"]["code"] == "context_length_exceeded", long
    assert host.post("/v1/completions", {"model": host.model, "prompt": "x" * (13 << 20)}, host.alice).status in (400, 413)
    host.create("alice/empty", host.alice)
    r = host.post("/v1/completions", {"model": "alice/empty", "prompt": START}, host.alice)
    assert r.status == 404 and "config.json" in r.json()["error"]["message"]
    host.create("alice/broken", host.alice)
    assert host.commit("alice/broken", host.alice, {"config.json": '{"model_type":"nothing"}', "tokenizer.json": "{"}).status == 200
    r = host.post("/v1/completions", {"model": "alice/broken", "prompt": START}, host.alice)
    assert r.status >= 400 and r.json()["error"]["message"], r
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_what_is_not_built_is_said_and_not_passed_over(host, encoder):
    at = f"/models/{encoder('sentence-mean')}"
    assert host.post(f"{at}/embed_sparse", {"inputs": "x"}, host.alice).status == 424  # it is not made to fill masks
    r = host.post(f"{at}/pipeline/feature-extraction", {"inputs": "x", "dimensions": 4}, host.alice)
    assert r.status == 400 and "dimensions" in r.json()["error"], r
    for extra in ({"watermark": True},):
        r = host.post(f"/models/{host.model}/generate", {"inputs": START, "parameters": extra}, host.alice)
        assert r.status == 501 and list(extra)[0] in r.json()["error"], r


def test_many_at_once_say_what_one_says(host):
    before, texts = usage(host), []
    def call():
        r = complete(host)
        texts.append(r.json()["choices"][0]["text"] if r.status == 200 else repr(r))
    threads = [threading.Thread(target=call) for _ in range(24)]
    for x in threads: x.start()
    for x in threads: x.join()
    assert texts == [STORY] * 24
    after = usage(host)
    assert after["requests"] - before["requests"] == 24 and after["completion_tokens"] - before["completion_tokens"] == 480
    assert after["prompt_tokens"] - before["prompt_tokens"] == 24 * 5


def test_a_worker_has_given_up_its_rights(host):
    assert complete(host).status == 200
    pid = workers(host)[0]
    cache = Path(open(f"/proc/{pid}/cmdline").read().split("\0")[3])
    assert cache.parent == host.home / "models" and list(cache.glob("*.packed")), "of its own, so that no model's worker can write another's"
    assert not [p for p in cache.parent.iterdir() if p.is_file()]
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1)} == {"/dev/null"}
    assert int(open(f"/proc/{pid}/oom_score_adj").read()) == 500, "it goes before the server"
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":" in line)
    if hearth.SANITIZED: pytest.skip("sanitizers need what a worker gives up")
    assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1"


def test_a_model_sleeps_when_nobody_calls(host):
    assert complete(host).status == 200 and workers(host)
    await_that(lambda: not workers(host))
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_a_worker_that_dies_takes_its_calls_and_nothing_else(host):
    seen = []
    def call():
        seen.append(complete(host, max_tokens=400, temperature=1, ignore=True))
    threads = [threading.Thread(target=call) for _ in range(8)]
    for x in threads: x.start()
    for _ in range(200):
        for pid in workers(host): os.kill(pid, signal.SIGKILL)
        if workers(host): break
        time.sleep(0.005)
    for x in threads: x.join()
    assert all(r.status in (200, 429, 500) for r in seen), seen
    assert all("signal 9" in r.json()["error"]["message"] or "failed" in r.json()["error"]["message"] for r in seen if r.status != 200), seen
    await_that(lambda: complete(host).status == 200)
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_who_leaves_is_billed_what_was_made(host):
    before = usage(host)
    s = host.connect()
    body = json.dumps({"model": host.model, "prompt": START, "max_tokens": 500, "temperature": 1, "stream": True}).encode()
    s.request("POST", "/v1/completions", body, {"Authorization": f"Bearer {host.alice}"})
    s.getresponse().read(200)
    s.close()
    await_that(lambda: usage(host)["requests"] > before["requests"])
    after = usage(host)
    assert 0 < after["completion_tokens"] - before["completion_tokens"] <= 500


def test_a_budget_stops_before_it_is_overrun(host):
    host.add_user("carol")
    carol = host.token("carol", "write")
    host.cli("price", "set", "dear", "--model", host.model, "--input", "100", "--output", "100")
    wrong = host.cli("price", "set", "tiny", "--input", "1", "--output", "two", "--second", "0", check=False)
    assert wrong.returncode == 2 and '--output: "two" is no amount of dollars' in wrong.stderr
    host.cli("budget", "set", "carol", "--free-per-day", "0", "--per-month", "0.0435")  # for 17 calls of 5 and 20 tokens
    statuses, lock = [], threading.Lock()
    def call():
        r = complete(host, carol)
        with lock: statuses.append(r.status)
    for _ in range(4):
        threads = [threading.Thread(target=call) for _ in range(8)]
        for x in threads: x.start()
        for x in threads: x.join()
    assert set(statuses) == {200, 402}
    while (r := complete(host, carol)).status == 200: statuses.append(200)
    assert statuses.count(200) == 17, "what is left is enough for a call that fits, whatever the bound by bytes says"
    assert complete(host, carol, max_tokens=4).status == 200, "and for a smaller one"
    statuses.append(200)
    spent = host.get("/api/usage/inference", carol).json()["total"]
    assert spent["cost_nano_usd"] == (17 * 25 + 9) * 100_000 <= 43_500_000 and spent["requests"] == statuses.count(200)
    r = complete(host, carol)
    assert r.status == 402 and r.json()["error"]["code"] == "insufficient_quota" and "left of your allowance" in r.json()["error"]["message"]


def test_a_server_that_is_killed_leaves_nothing_behind(serve):
    s = serve()
    s.model = push(s, s.alice, "alice/story")
    assert complete(s).json()["choices"][0]["text"] == STORY
    left = workers(s)
    assert len(left) == 1
    os.kill(s.process.pid, signal.SIGKILL)  # the server alone, not its group
    s.process.wait()
    await_that(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left))
    s.start()
    assert not list((s.home / "tmp").glob("model.*")), "what the worker was read from is swept at the start"
    assert complete(s).json()["choices"][0]["text"] == STORY
    spent = s.get("/api/usage/inference", s.alice).json()["total"]
    assert spent["requests"] == 2 and spent["completion_tokens"] == 40
    assert s.stop() == 0
    s.fsck()
