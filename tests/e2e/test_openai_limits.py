"""Every type and bound of OpenAI's parameters: a refusal in its shape, with the parameter's name, and never a worker's crash."""
import json

import pytest

import hearth
from inference import START, STORY, complete
from openai_calls import ASK, NOW, WEATHER, chat, host, respond, valid_weather


# What is no value of a type; None is the same as absent, and fine everywhere.
WRONG = {"bool": ["yes", 1, [], {}], "int": ["1", 1.5, True, [], {}], "real": ["1", True, [], {}], "text": [1, True, [], {}], "list": ["x", 1, True, {}], "object": ["x", 1, True, []]}
SAMPLING = {"temperature": ("real", [-0.1, 2.1]), "top_p": ("real", [-0.1, 1.1]), "presence_penalty": ("real", [-2.1, 2.1]), "frequency_penalty": ("real", [-2.1, 2.1]),
            "seed": ("int", []), "n": ("int", [0, 17, -1]), "logit_bias": ("object", [{"x": 1}, {"1": "a"}, {"1": 101}, {"1": -101}, {"99999999": 1}, {"-1": 0}]),
            "stream": ("bool", []), "stream_options": ("object", [{"include_usage": 1}]), "user": ("text", []), "min_p": ("real", [-1, 2]), "top_k": ("int", [-2]),
            "typical_p": ("real", [-1, 2]), "repetition_penalty": ("real", [0, 101]), "max_tokens": ("int", [0, -1, 10**12]),
            "response_format": ("object", [{"type": "yaml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"schema": {"type": "colour"}}}, {},
                                           {"type": "json_schema", "json_schema": {"schema": {"type": "string", "minLength": 1 << 20}}}])}
CHAT = {**SAMPLING, "max_completion_tokens": ("int", [0, -1, 10**12]), "logprobs": ("bool", []), "top_logprobs": ("int", [-1, 21]), "parallel_tool_calls": ("bool", []),
        "tools": ("list", [[1], [{}], [{"type": "function"}], [{"type": "function", "function": {}}], [{"type": "function", "function": {"name": "a b"}}],
                           [{"type": "function", "function": {"name": "x" * 65}}], [{"type": "function", "function": {"name": "f", "parameters": []}}],
                           [{"type": "function", "function": {"name": "f", "strict": 1}}], [NOW, NOW], [NOW] * 129]),
        "reasoning_effort": ("text", []), "chat_template_kwargs": ("object", []), "metadata": ("object", []), "store": ("bool", []), "service_tier": ("text", []),
        "stop": (None, [1, True, {}, [1], [""], ["a"] * 5, "a" * 1025]), "tool_choice": (None, [1, True, [], "nothing", {"type": "function"}, {"type": "function", "function": {"name": "nothing"}}, "required"]),
        "messages": ("list", [[], [1], [{}], [{"role": "user"}, 5], [{"role": "robot", "content": "x"}], [{"role": "user", "content": 5}], [{"role": "user", "content": [5]}],
                              [{"role": "user", "content": [{"type": "text"}]}], [{"role": "user", "content": [{"type": "smell", "text": "x"}]}],
                              [{"role": "assistant", "tool_calls": 5}], [{"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{}"}}] * 1025}], [{"role": "assistant", "tool_calls": [{"id": "x"}]}],
                              [{"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f"}}]}], [{"role": "tool", "content": "x"}], ASK * 4097])}
PLAIN = {**SAMPLING, "prompt": (None, [1, True, {}, [], [[]], [1, "x"], [[1], "x", 5], [1, -1], [1, 10**9], [1.5], ["x"] * 129, ""][:-1]), "echo": ("bool", []), "logprobs": ("int", [-1, 21]),
         "best_of": ("int", [0, 17]), "suffix": ("text", []), "stop": (None, [1, {}, [1], ["a"] * 5])}
RESPONSE = {"input": (None, [1, True, {}, [], [1], [{"role": "user"}], [{"role": "user", "content": [{"type": "smell"}]}], [{"type": "function_call"}], [{"type": "function_call_output"}], [{"role": "user", "content": "x"}] * 4097]),
            "instructions": ("text", []), "max_output_tokens": ("int", [0, -1]), "temperature": ("real", [-1, 3]), "top_p": ("real", [-1, 2]), "stream": ("bool", []), "store": ("bool", []),
            "metadata": ("object", []), "include": ("list", []), "reasoning": ("object", []), "text": ("object", [{"format": 5}, {"format": {"type": "json_schema"}}, {"format": {"type": "yaml"}}]),
            "tools": ("list", [[{}], [{"type": "function"}], [{"type": "function", "name": "a b"}]]), "tool_choice": (None, [1, [], "nothing", "required"]), "parallel_tool_calls": ("bool", [])}
EMBEDDING = {"input": (None, [1, True, {}, [], "", [""], [[]], ["x", 1], [[1, "x"]], [-1], ["x"] * 2049]), "encoding_format": ("text", ["int8", ""]), "dimensions": ("int", [0, -1, 10**9]), "user": ("text", [])}


@pytest.mark.parametrize("path,good,table", [
    ("chat/completions", {"messages": ASK, "max_tokens": 1}, CHAT), ("completions", {"prompt": START, "max_tokens": 1}, PLAIN),
    ("responses", {"input": START, "max_output_tokens": 1}, RESPONSE), ("embeddings", {"input": START}, EMBEDDING)])
def test_types_and_bounds(host, path, good, table):
    post = lambda body: host.post(f"/v1/{path}", body, host.alice)
    bad = []
    for name, (kind, values) in table.items():
        for value in WRONG.get(kind, []) + values:
            r = post({"model": host.model, **good, name: value})
            error = r.json().get("error")
            fine = r.status == 400 and isinstance(error, dict) and set(error) == {"message", "type", "param", "code"} and error["message"] and error["type"] == "invalid_request_error" and error["code"] != "context_length_exceeded"
            # What only the worker knows, the schema's words for one, has no name.
            named = fine and ((error["param"] or "").startswith(name) or (name in ("response_format", "text") and error["param"] is None) or (name in ("text", "max_output_tokens") and error["param"]))
            if not named: bad.append((name, value, r.status, r.body[:200]))
        if name not in ("messages", "prompt", "input") and path != "embeddings":
            r = post({"model": host.model, **good, name: None})
            if r.status != 200: bad.append((name, None, r.status, r.body[:200]))
    assert not bad, "\n".join(map(str, bad))
    for value in WRONG["text"] + [""]:
        r = post({**good, "model": value})
        assert r.status in (400, 404) and r.json()["error"]["type"] == "invalid_request_error", (value, r)
    assert post(good).json()["error"]["param"] == "model"
    for name in ("alice/none", "gpt-4o"):
        error = post({**good, "model": name}).json()["error"]
        assert error["code"] == "model_not_found" and f'"{name}"' in error["message"] and "/v1/models" in error["message"], error
    assert complete(host).json()["choices"][0]["text"] == STORY, "the worker has lived through it"


def test_functions_that_bind_are_bounded_before_they_are_read(host):
    """As a schema by itself is: what calls must be valid by may have a megabyte."""
    long = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "description": "x" * (1 << 20)}}}  # of which no grammar has a rule
    assert chat(host, tools=[long], max_tokens=1).status == 200, "no grammar is made of it"
    for body in ({"tools": [long], "tool_choice": "required"}, {"tools": [{**long, "function": {**long["function"], "strict": True}}]},
                 {"tools": [NOW], "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object", "description": "x" * (1 << 20)}}}}):
        r = chat(host, **body, max_tokens=1)
        assert r.status == 400 and "1048576 bytes" in r.json()["error"]["message"], r


def test_what_other_servers_know_is_refused_by_name_and_not_passed_over(host):
    """But for the values that clients send anyway and that ask for nothing."""
    both = {"ignore_eos": (True, False), "stop_token_ids": ([1], []), "include_stop_str_in_output": (True, False), "skip_special_tokens": (False, True), "prompt_logprobs": (1, 0),
            "use_beam_search": (True, False), "length_penalty": (0.5, 1.0), "allowed_token_ids": ([5], []), "documents": ([{"text": "x"}], [])}
    for call, table in ((chat, {**both, "best_of": (2, 1), "echo": (True, False), "audio": ({"voice": "x"}, None), "modalities": (["audio"], ["text"])}), (lambda h, **b: complete(h, **b), both)):
        for name, (asks, harmless) in table.items():
            r = call(host, max_tokens=1, **{name: asks})
            assert r.status == 501 and f'"{name}"' in r.json()["error"]["message"], (name, r)
            assert call(host, max_tokens=1, **{name: harmless}).status == 200, name
    for two in ({"guided_regex": "a", "guided_choice": ["a"]}, {"guided_regex": "a", "response_format": {"type": "json_object"}}):
        assert chat(host, max_tokens=1, **two).status == 400
    assert respond(host, max_tool_calls=1).status == 501


def test_all_tokens_and_at_least_so_many(host):
    text = lambda **body: complete(host, temperature=2, seed=3, **body).json()["choices"][0]
    assert text(top_k=-1)["text"] == text(top_k=0)["text"] != text(top_k=50)["text"], "-1 is all of them"
    bias = {"2": 100}  # the end
    assert text(logit_bias=bias)["text"] == "" and text(logit_bias=bias, min_tokens=4)["text"] != ""


def test_what_clients_send_as_a_matter_of_course(host):
    odd = {"temperature": 0, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "stop": "x", "unknown": {"a": [1]}, "stream_options": None, "tools": [], "tool_choice": "auto",
           "logit_bias": None, "user": "u", "service_tier": "auto", "store": True, "metadata": {"a": "b"}, "verbosity": "low", "prompt_cache_key": "k", "safety_identifier": "s",
           "prediction": {"type": "content", "content": "x"}, "reasoning_effort": "low", "parallel_tool_calls": True, "top_logprobs": 0, "n": 1.0, "max_tokens": 3, "options": {"use_cache": False}}
    r = chat(host, **odd)
    assert r.status == 200, r
    null = [*ASK, {"role": "assistant", "content": None}, {"role": "user", "content": "more", "name": "bob"}]
    assert chat(host, messages=null, max_tokens=2).status == 200
    thought = [*ASK, {"role": "assistant", "content": "x", "reasoning_content": "y", "refusal": None, "audio": None}, ASK[0]]
    assert chat(host, messages=thought, max_tokens=2).status == 200
    assert host.request("POST", "/v1/completions", json.dumps({"model": host.model, "prompt": START, "max_tokens": 20, "temperature": 0, "stream": True}).encode(), host.alice,
                        {"Accept": "application/json", "Content-Type": "application/json"}).headers["content-type"] == "text/event-stream"


def test_ten_megabytes(host):
    size = 1 if hearth.SANITIZED else 10  # sanitizers take minutes for millions of JSON values
    big = "x y " * (size << 18)
    for r in (complete(host, prompt=big), chat(host, messages=[{"role": "user", "content": big}]), respond(host, input=big), complete(host, prompt=[big[: len(big) // 10]] * 10),
              complete(host, prompt=list(range(3, 400)) * 500 * size)):
        assert r.status == 400 and r.json()["error"]["code"] == "context_length_exceeded", r
    r = complete(host, prompt="x" * (13 << 20))
    assert r.status == 413 and r.json()["error"]["type"] == "invalid_request_error", r
    tools = [{"type": "function", "function": {"name": f"f{i}", "description": "x" * 70000, "parameters": WEATHER["function"]["parameters"]}} for i in range(128)]
    r = chat(host, tools=tools, tool_choice="required")
    assert r.status == 200 or r.json()["error"]["code"] == "context_length_exceeded", r
    deep = json.dumps({"model": host.model, "messages": ASK, "tools": [{"type": "function", "function": {"name": "f", "parameters": 0}}]}).replace(": 0}", ": " + '{"a":' * 1000 + "1" + "}" * 1000 + "}")
    assert host.request("POST", "/v1/chat/completions", deep.encode(), host.alice, {"Content-Type": "application/json"}).status == 400
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_every_answer_is_json_in_its_shape(host):
    for method, path, body, token, status in (("POST", "/v1/chat/completions", b"{", host.alice, 400), ("POST", "/v1/chat/completions", b"[]", host.alice, 400), ("POST", "/v1/completions", b"\xff", host.alice, 400),
                                              ("POST", "/v1/chat/completions", b"{}", None, 401), ("POST", "/v1/chat/completions", b"{}", "hf_" + "x" * 34, 401), ("GET", "/v1/chat/completions", None, host.alice, 405),
                                              ("GET", "/v1/nothing", None, host.alice, 404), ("GET", "/v1/models/alice/none", None, host.alice, 404), ("GET", "/v1/models/alice%2Fnone", None, host.alice, 404)):
        r = host.request(method, path, body, token, {"Content-Type": "application/json"} if body else None)
        assert r.status == status and set(r.json()["error"]) == {"message", "type", "param", "code"} and r.headers["content-type"].startswith("application/json") and r.headers["x-request-id"], (path, r)
    assert host.request("GET", "/v1/models/alice%2Fcaller", None, host.alice).json()["id"] == host.model


def test_chat_ui_can_read_the_list_of_models(host):
    for m in host.get("/v1/models", host.alice).json()["data"]:
        assert isinstance(m["id"], str) and m["object"] == "model" and isinstance(m["created"], int) and isinstance(m["owned_by"], str) and isinstance(m.get("description", ""), str)
        for p in m.get("providers", []):
            assert p.get("context_length", 1) > 0 and isinstance(p.get("supports_tools", True), bool)


def test_functions_and_a_schema_for_what_is_no_call(host):
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["age"], "additionalProperties": False}
    seen = set()
    for seed in range(4):
        r = chat(host, tools=[WEATHER], temperature=1, seed=seed, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
        assert r.status == 200, r
        c = r.json()["choices"][0]
        seen.add(c["finish_reason"])
        if c["finish_reason"] == "stop": assert 1 <= json.loads(c["message"]["content"])["age"] <= 9
        if c["finish_reason"] == "tool_calls": assert all(valid_weather(t["function"]["arguments"]) for t in c["message"]["tool_calls"])
    assert seen & {"stop", "tool_calls"}
    forced = chat(host, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, response_format={"type": "json_object"}, temperature=1, seed=1).json()["choices"][0]
    assert forced["finish_reason"] == "tool_calls", "a schema is for text, and there is none"
