"""TGI's text generation at a model's address: every parameter of its table, its streams, its small routes, its errors."""
import json

import pytest

import hearth
from inference import START, STORY, near, push, usage
from lora import EXPECTED, PROMPT, letters, push_adapter, push_base


@pytest.fixture
def generate(host):
    def call(status=200, route="generate", inputs=START, **parameters):
        r = host.post(f"/models/{host.model}/{route}", {"inputs": inputs, "parameters": {"max_new_tokens": 8, **parameters}}, host.alice)
        assert r.status == status, r
        return r.json() if route == "generate" else [json.loads(line[6:]) for line in r.body.decode().split("\n") if line.startswith("data: ")]
    return call


def test_details_of_a_whole_answer(generate):
    r = generate(details=True, decoder_input_details=True, top_n_tokens=3)
    d = r["details"]
    assert d["finish_reason"] == "length" and d["generated_tokens"] == 8 == len(d["tokens"]) == len(d["top_tokens"]) and d["seed"] is None
    assert all(set(t) == {"id", "text", "logprob", "special"} for t in d["tokens"] + sum(d["top_tokens"], []))
    assert all(len(top) == 3 and top[0]["id"] == t["id"] for t, top in zip(d["tokens"], d["top_tokens"]))  # greedy: the likeliest
    assert d["prefill"][0]["logprob"] is None and all(t["logprob"] <= 0 for t in d["prefill"][1:]) and "".join(t["text"] for t in d["prefill"][1:]).strip() == START


def test_log_probabilities_of_a_prompt_are_those_of_its_tokens_when_generated(generate):
    first = generate(details=True)
    whole = generate(inputs=START + first["generated_text"], details=True, decoder_input_details=True, max_new_tokens=1)
    made, read = first["details"]["tokens"], whole["details"]["prefill"][-8:]
    assert [t["id"] for t in made] == [t["id"] for t in read] and near([t["logprob"] for t in made], [t["logprob"] for t in read], 1e-3)


def test_the_best_of_two(generate):
    r = generate(do_sample=True, temperature=1.0, best_of=2, details=True)
    d, (other,) = r["details"], r["details"]["best_of_sequences"]
    mean = lambda x: sum(t["logprob"] for t in x["tokens"]) / x["generated_tokens"]  # noqa: E731
    assert mean(d) >= mean(other) and d["seed"] != other["seed"] and {"generated_text", "finish_reason", "generated_tokens", "seed", "prefill", "tokens"} <= set(other)
    again = generate(do_sample=True, temperature=1.0, seed=d["seed"], details=True)
    assert again["generated_text"] == r["generated_text"] and again["details"]["seed"] == d["seed"]


def test_sampling_is_what_its_parameters_say(host, generate):
    greedy = generate()["generated_text"]
    assert generate(temperature=0)["generated_text"] == generate(top_k=1, seed=3)["generated_text"] == generate(top_p=1e-6, seed=3)["generated_text"] == greedy == STORY[:len(greedy)]
    assert generate(top_p=1.0, seed=5, details=True)["details"]["seed"] == 5
    assert len({generate(do_sample=True, seed=s, temperature=3.0)["generated_text"] for s in range(6)}) > 1
    bare = {host.post(f"/models/{host.model}/generate", {"inputs": START, "options": {}}, host.alice, headers={"x-wait-for-model": "true"}).json()["generated_text"] for _ in range(3)}
    assert len(bare) > 1  # without parameters TGI samples


def test_the_end_of_a_prompt_is_what_truncate_keeps(generate):
    long = generate(inputs="The cat sat. " * 5 + START, truncate=4, details=True, decoder_input_details=True)
    assert len(long["details"]["prefill"]) == 4 and generate(truncate=4)["generated_text"] == long["generated_text"]


def test_a_stream_to_the_letter(host, generate):
    events = generate(route="generate_stream", details=True, top_n_tokens=2, return_full_text=True)
    assert [x["index"] for x in events] == list(range(1, 9)) and [x["generated_text"] is None for x in events] == [True] * 7 + [False]
    assert events[-1]["generated_text"].startswith(START) and events[-1]["details"] == {"finish_reason": "length", "generated_tokens": 8, "seed": None, "input_length": 5}
    assert all(len(x["top_tokens"]) == 2 and set(x["token"]) == {"id", "text", "logprob", "special"} for x in events)
    r = host.post(f"/models/{host.model}", {"inputs": START, "stream": True, "parameters": {"max_new_tokens": 3}}, host.alice)
    assert r.headers["content-type"] == "text/event-stream" and r.headers["x-accel-buffering"] == "no" and r.headers["x-compute-type"]
    frames = r.body.decode().split("\n\n")
    assert frames[-1] == "" and all(f.startswith("data: {") or f.startswith(":") for f in frames[:-1])
    whole = host.post(f"/models/{host.model}", {"inputs": START, "parameters": {"max_new_tokens": 3}}, host.alice)
    assert isinstance(whole.json(), list) and whole.json()[0]["generated_text"].startswith(START)  # full text by default, here
    for name in ("x-compute-time", "x-compute-characters", "x-total-time", "x-queue-time", "x-inference-time", "x-time-per-token", "x-prompt-tokens", "x-generated-tokens", "inference-id"):
        assert name in whole.headers, name
    assert whole.headers["x-generated-tokens"] == "3" and whole.headers["x-prompt-tokens"] == "5" and float(whole.headers["x-compute-time"]) < 5


BAD = [{"max_new_tokens": 0}, {"max_new_tokens": -1}, {"max_new_tokens": 1.5}, {"max_new_tokens": "8"}, {"temperature": -1}, {"temperature": "hot"}, {"top_k": 0}, {"top_k": -3},
       {"top_p": 0}, {"top_p": 1.1}, {"typical_p": 0}, {"typical_p": 1.0}, {"repetition_penalty": 0}, {"frequency_penalty": 2.5}, {"frequency_penalty": -3}, {"best_of": 3, "do_sample": True},
       {"best_of": 2}, {"best_of": 0}, {"best_of": 2, "do_sample": True, "seed": 1}, {"seed": -1}, {"seed": "x"}, {"stop": ["a", "b", "c", "d", "e"]}, {"stop": [""]}, {"stop": 5}, {"truncate": 0},
       {"top_n_tokens": 6}, {"top_n_tokens": -1}, {"details": "yes"}, {"do_sample": 1}, {"return_full_text": "x"}, {"grammar": {}}, {"grammar": {"type": "x", "value": "y"}},
       {"grammar": {"type": "regex", "value": "("}}, {"grammar": {"type": "regex", "value": 5}}, {"grammar": {"type": "json", "value": {"type": "colour"}}}, {"max_new_tokens": 10**6}]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_what_is_outside_of_the_table_is_refused(host, bad):
    r = host.post(f"/models/{host.model}/generate", {"inputs": START, "parameters": bad}, host.alice)
    assert r.status == 422 and set(r.json()) == {"error", "error_type"} and r.json()["error_type"] == "validation", r
    assert r.json()["error"].startswith("Input validation error: ")


def test_refusals_of_streams_have_a_status(host, generate):
    generate(422, "generate_stream", do_sample=True, best_of=2)
    generate(422, "generate_stream", decoder_input_details=True)
    generate(422, "generate_stream", inputs=START * 5000)
    for body in (b"{", b"[1]", {"inputs": ""}, {"inputs": 5}, {}, {"inputs": START, "parameters": 5}):
        r = host.post(f"/models/{host.model}/generate", body, host.alice)
        assert r.status == 422 and r.json()["error_type"] == "validation", (body, r)


def test_megabytes_are_refused_and_nothing_dies(host, generate):
    before = usage(host)
    size = 1 if hearth.SANITIZED and not hearth.LONG else 10  # which takes minutes for sanitizers
    for text in ("x" * (size << 20), "once upon " * (size * 100000)):
        r = host.post(f"/models/{host.model}/generate", {"inputs": text, "parameters": {"max_new_tokens": 1}}, host.alice, timeout=600)  # sanitizers read slowly
        assert r.status == 422 and r.json()["error_type"] == "validation", r.status
    assert host.post(f"/models/{host.model}/generate", {"inputs": "x" * (13 << 20)}, host.alice).status == 413
    assert generate()["generated_text"] == STORY[:len(generate()["generated_text"])] and usage(host)["errors"] == before["errors"]


def test_errors_that_are_not_of_the_request(host, encoder):
    ask = lambda name, token=None: host.post(f"/models/{name}/generate", {"inputs": START}, token)  # noqa: E731
    for r, status, kind in ((ask("alice/none", host.alice), 404, "not_found"), (ask(host.model), 401, "unauthenticated"), (ask(host.secret, host.bob), 404, "not_found"),
                            (ask(encoder("fill-bert"), host.alice), 424, "generation")):
        assert r.status == status and r.json()["error_type"] == kind and r.json()["error"], r
    host.create("alice/half", host.alice)
    assert host.commit("alice/half", host.alice, {"config.json": '{"model_type":"llama"}', "tokenizer.json": "{"}).status == 200
    r = ask("alice/half", host.alice)
    assert r.status >= 400 and set(r.json()) == {"error", "error_type"}, r


def test_tokens_and_templates(host):
    r = host.post(f"/models/{host.model}/tokenize", {"inputs": START + " — ünd"}, host.alice)
    text = (START + " — ünd").encode()
    assert r.status == 200 and all(set(t) == {"id", "text", "start", "stop"} for t in r.json())
    tokens = [t for t in r.json() if t["stop"]]
    assert all(text[t["start"]:t["stop"]].decode() == t["text"] for t in tokens) and tokens[-1]["stop"] == len(text)
    messages = [{"role": "user", "content": START}]
    chat = host.post(f"/models/{host.model}/chat_tokenize", {"messages": messages}, host.alice).json()
    assert START in chat["templated_text"] and len(chat["tokenize_response"]) >= 5
    assert "".join(t["text"] for t in chat["tokenize_response"]).endswith("time")
    ids = [t["id"] for t in chat["tokenize_response"]]
    assert host.post(f"/models/{host.model}/decode", {"ids": ids}, host.alice).json()[0].strip() == START
    for what, body in (("tokenize", {"inputs": ""}), ("tokenize", {"inputs": ["a"]}), ("chat_tokenize", {"messages": []}), ("chat_tokenize", {"messages": "x"}),
                       ("chat_tokenize", {}), ("decode", {"ids": [10**9]}), ("decode", {"ids": ["x"]}), ("decode", {"ids": 5})):
        r = host.post(f"/models/{host.model}/{what}", body, host.alice)
        assert r.status == 422 and r.json()["error_type"] == "validation", (what, body, r)
    assert host.post(f"/models/{host.model}/tokenize", {"inputs": "x"}).status == 401
    before = usage(host)["prompt_tokens"]
    assert host.post(f"/models/{host.model}/tokenize", {"inputs": START * 20}, host.alice).status == 200 and usage(host)["prompt_tokens"] == before  # it costs nothing


def test_a_template_that_refuses_is_told_as_such(host):
    push(host, host.alice, "alice/refuses", "{{ raise_exception('only one message, please') }}")
    r = host.post("/models/alice/refuses/chat_tokenize", {"messages": [{"role": "user", "content": "x"}]}, host.alice)
    assert r.status == 422 and r.json()["error_type"] == "template_error" and "only one message" in r.json()["error"], r


def test_what_a_model_says_of_itself(host):
    r = host.get(f"/models/{host.model}/info", host.alice)
    info = r.json()
    assert info["model_id"] == host.model and len(info["model_sha"]) == 40 and info["router"] == "text-generation-router"
    assert info["max_total_tokens"] == info["max_input_tokens"] + 1 > 100 and (info["max_best_of"], info["max_stop_sequences"]) == (2, 4)
    assert host.get(f"/hf-inference/models/{host.model}/info").json()["model_id"] == host.model  # of a public model: without a token
    assert host.get(f"/models/{host.model}/health").status == 200 and host.get(f"/models/{host.secret}/health").status == 401
    assert host.get(f"/models/{host.secret}/info", host.bob).status == 404


def test_who_does_not_wait_is_told_when_to_ask_again(host):
    name = push(host, host.alice, "alice/cold")
    body = {"inputs": START, "parameters": {"max_new_tokens": 2}, "options": {"wait_for_model": False}}
    r = host.post(f"/models/{name}", body, host.alice)  # it is small: a second is enough, mostly
    assert r.status in (200, 503), r
    if r.status == 503: assert r.json()["estimated_time"] > 0 and r.headers["retry-after"] and "currently loading" in r.json()["error"]
    assert host.post(f"/models/{name}", {**body, "options": {"wait_for_model": True}}, host.alice).status == 200


def test_an_organisation_pays_for_its_members(host):
    host.cli("org", "add", "payers", "--owner", "alice")
    ask = lambda token, payer: host.post(f"/models/{host.model}/generate", {"inputs": START, "parameters": {"max_new_tokens": 2}}, token, headers={"X-HF-Bill-To": payer})  # noqa: E731
    mine = usage(host)["requests"]
    assert ask(host.alice, "payers").status == 200 and usage(host)["requests"] == mine
    r = host.get("/api/usage/inference", host.alice, query={"account": "payers"})
    assert r.json()["total"]["requests"] == 1 and r.json()["total"]["completion_tokens"] == 2, r
    for token, payer in ((host.bob, "payers"), (host.alice, "bob"), (host.alice, "nobody-there")):
        r = ask(token, payer)
        assert r.status == 403 and r.json()["error_type"] == "forbidden", r


def test_an_adapter_by_name(host):
    which = sorted(EXPECTED)[0]
    push_base(host, host.alice, "alice/base")
    push_adapter(host, host.alice, "alice/lora", "alice/base", which)
    want = letters(EXPECTED[which]["greedy"])
    ask = lambda **p: host.post("/models/alice/base/generate", {"inputs": PROMPT, "parameters": {"max_new_tokens": 32, **p}}, host.alice)  # noqa: E731
    r = ask(adapter_id="alice/lora")
    assert r.status == 200, r
    assert r.json()["generated_text"] == want != ask().json()["generated_text"]
    for name in ("alice/none", host.model):
        r = ask(adapter_id=name)
        assert r.status == 424 and r.json()["error_type"] == "generation", r
    assert ask(adapter_id=5).status == 422
    run = lambda **p: host.post("/client/v4/accounts/alice/ai/run/@hf/alice/base", {"prompt": PROMPT, "raw": True, "max_tokens": 32, "temperature": 0, **p}, host.alice)  # noqa: E731
    assert run(lora="alice/lora").json()["result"]["response"] == want
    r = run(lora=host.model)
    assert r.status == 405 and r.json()["errors"][0]["code"] == 5005, r


def test_several_texts_at_a_models_address(host):
    ask = lambda inputs, **p: host.post(f"/models/{host.model}", {"inputs": inputs, "parameters": {"max_new_tokens": 8, "do_sample": False, "return_full_text": False, **p}}, host.alice)  # noqa: E731
    one, other = ask(START).json()[0], ask("The cat").json()[0]
    assert ask([START, "The cat"]).json() == [[one], [other]] and ask([START]).json() == [[one]]
    full = ask([START, "The cat"], return_full_text=True, details=True, decoder_input_details=True).json()
    assert [x[0]["generated_text"].startswith(s) for x, s in zip(full, (START, "The cat"))] == [True, True] and len(full[1][0]["details"]["tokens"]) == 8
    assert "".join(t["text"] for t in full[1][0]["details"]["prefill"][1:]).strip() == "The cat"
    assert [len(x) for x in ask([START, "The cat"], do_sample=True, temperature=1.0, best_of=2).json()] == [1, 1]
    for bad in ([], [5], [""], ["x"] * 33):
        assert ask(bad).status == 422, bad
    assert host.post(f"/models/{host.model}", {"inputs": [START], "stream": True}, host.alice).status == 422
    assert host.post(f"/models/{host.model}/generate", {"inputs": [START]}, host.alice).status == 422
