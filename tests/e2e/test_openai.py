"""OpenAI's surface in full: functions that models call, completions of several prompts, responses, limits and types."""
import json
import re

import pytest

from inference import DEMO, START, STORY, complete, push
from openai_calls import ASK, FLAT, NOW, TEMPLATE, WEATHER, WRITTEN, chat, chunks, host, respond, valid_weather


# ---------------------------------------------------------------------------------------------------- functions

@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}, "weather"])
def test_a_call_that_must_come_comes_and_is_valid(host, choice):
    for seed in range(3):
        r = chat(host, tools=[WEATHER], tool_choice=choice, temperature=1, seed=seed, parallel_tool_calls=False)
        assert r.status == 200, r
        c = r.json()["choices"][0]
        assert c["finish_reason"] == "tool_calls" and c["message"]["content"] is None and c["message"]["role"] == "assistant"
        [call] = c["message"]["tool_calls"]
        assert call["type"] == "function" and call["id"].startswith("call_") and call["function"]["name"] == "weather"
        assert valid_weather(call["function"]["arguments"])
    r = chat(host, tools=[WEATHER, NOW], tool_choice="required", temperature=1, seed=5, parallel_tool_calls=False)
    assert r.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] in ("weather", "now")


def test_calls_stream_as_the_real_api_sends_them(host):
    r = chat(host, tools=[WEATHER], tool_choice="required", temperature=1, seed=1, parallel_tool_calls=False, stream=True, stream_options={"include_usage": True})
    got = chunks(r)
    assert len({k["id"] for k in got}) == len({k["created"] for k in got}) == 1 and all(k["object"] == "chat.completion.chunk" for k in got)
    deltas = [k["choices"][0] for k in got if k["choices"]]
    assert deltas[0]["delta"] == {"role": "assistant", "content": ""} and [d["finish_reason"] for d in deltas] == [None] * (len(deltas) - 1) + ["tool_calls"]
    pieces = [d["delta"]["tool_calls"][0] for d in deltas if "tool_calls" in d["delta"]]
    assert set(pieces[0]) == {"index", "id", "type", "function"} and pieces[0]["function"] == {"name": "weather", "arguments": ""} and pieces[0]["index"] == 0
    assert len(pieces) > 2 and all(set(p) == {"index", "function"} and set(p["function"]) == {"arguments"} for p in pieces[1:])
    assert valid_weather("".join(p["function"]["arguments"] for p in pieces))
    assert got[-1]["choices"] == [] and got[-1]["usage"]["completion_tokens"] > 0 and all(k["usage"] is None for k in got[:-1])


def test_what_the_model_writes_by_itself_is_read_as_calls(host):
    said = "Well\\. " + WRITTEN.replace("{", "\\{").replace("}", "\\}")
    c = chat(host, tools=[WEATHER, NOW], guided_regex=said).json()["choices"][0]
    assert c["message"]["content"] == "Well." and c["finish_reason"] == "tool_calls"
    assert [(x["function"]["name"], json.loads(x["function"]["arguments"])) for x in c["message"]["tool_calls"]] == [("now", {}), ("weather", {"city": "Rome"})]
    assert len({x["id"] for x in c["message"]["tool_calls"]}) == 2
    one = chat(host, tools=[WEATHER, NOW], guided_regex=said, parallel_tool_calls=False).json()
    assert [x["function"]["name"] for x in one["choices"][0]["message"]["tool_calls"]] == ["now"] and one["choices"][0]["finish_reason"] == "tool_calls"
    got = chunks(chat(host, tools=[WEATHER, NOW], guided_regex=said, stream=True))
    calls = [p for k in got for p in k["choices"][0]["delta"].get("tool_calls", [])]
    assert [p["function"].get("name") for p in calls if "id" in p] == ["now", "weather"] and {p["index"] for p in calls} == {0, 1}
    assert "".join(p["function"]["arguments"] for p in calls if p["index"] == 1) == '{"city": "Rome"}'
    assert "".join(k["choices"][0]["delta"].get("content") or "" for k in got) == "Well."
    none = chat(host, tools=[WEATHER], tool_choice="none", guided_regex=said).json()["choices"][0]
    assert "tool_calls" not in none["message"] and "<tool_call>" in none["message"]["content"] and none["finish_reason"] == "stop"


def test_a_strict_function_is_called_validly_or_not_at_all(host):
    """As Llama has it: an answer that begins with { is a call, which a bias makes certain; nothing but the grammar makes it valid."""
    model = push(host, host.alice, "alice/llama", TEMPLATE.replace("<tool_call>", "<|python_tag|>"))
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    brace = json.loads((DEMO / "tokenizer.json").read_text())["model"]["vocab"].get("{") or 3 + ord("{")
    called = 0
    for seed in range(6):
        r = chat(host, model=model, tools=[strict], temperature=1, seed=seed, max_tokens=300, logit_bias={brace: 100}, parallel_tool_calls=False)
        assert r.status == 200, r
        c = r.json()["choices"][0]
        [call] = c["message"]["tool_calls"]
        assert call["function"]["name"] == "weather"
        called += c["finish_reason"] == "tool_calls" and valid_weather(call["function"]["arguments"])
    assert called >= 4, "the others were cut off"
    free = chat(host, model=model, tools=[strict], max_tokens=20).json()["choices"][0]
    assert free["message"]["content"] and "tool_calls" not in free["message"] and free["finish_reason"] == "length", "text is as free as without"


def test_history_with_calls_reaches_the_template(host):
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome", "days": 1}'}}
    messages = [*ASK, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    plain = [{"role": "user", "content": f"{START} [weather Rome] sunny(weather)"}]
    assert chat(host, messages=messages, max_tokens=10).json()["choices"] == chat(host, messages=plain, max_tokens=10).json()["choices"]
    parts = [{"role": "developer", "content": [{"type": "text", "text": "Once upon "}, {"type": "text", "text": "a time"}]}]
    assert chat(host, messages=parts, max_tokens=20).json()["choices"][0]["message"]["content"] == STORY


# What tells, in a template, how its model writes calls.
WAYS = {"qwen3-coder": "<tool_call><function=f><parameter=k>", "seed": "<seed:tool_call><function=f>", "glm": "<tool_call>f<arg_key>", "mistral": "[TOOL_CALLS][",
        "mistral-named": "[TOOL_CALLS]f[ARGS]", "phi": "<|tool_call|><|/tool_call|>", "granite": "<|tool_call|>", "command": "<|START_ACTION|>",
        "deepseek-r1": "<｜tool▁calls▁begin｜>```json", "deepseek": "<｜tool▁calls▁begin｜>", "function-gemma": "<start_function_call>", "lfm2": "<|tool_call_start|>",
        "olmo3": "<function_calls>", "functionary": "<function=f></function>", "llama3": "<|python_tag|>"}
PLACE = {"type": "function", "function": {"name": "place", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city", "days"], "additionalProperties": False}}}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_call(host, way):
    """A call that must come is one, whole and as a stream, whichever family's template it is."""
    model = push(host, host.alice, f"alice/way-{way}", TEMPLATE.replace("<tool_call>", WAYS[way]))
    body = {"model": model, "tools": [PLACE, NOW], "parallel_tool_calls": False, "temperature": 1, "seed": 3, "max_tokens": 400}
    for choice in ("required", {"type": "function", "function": {"name": "place"}}):
        r = chat(host, tool_choice=choice, **body)
        assert r.status == 200, r
        c = r.json()["choices"][0]
        if c["finish_reason"] == "length": continue  # a text that is free may go on for as long as there are tokens
        assert c["finish_reason"] == "tool_calls" and not c["message"]["content"] and len(c["message"]["tool_calls"]) == 1, c
        called = c["message"]["tool_calls"][0]["function"]
        assert called["name"] in ("place", "now") and (choice == "required" or called["name"] == "place")
        if called["name"] == "place": assert set(json.loads(called["arguments"])) == {"city", "days"} and 1 <= json.loads(called["arguments"])["days"] <= 9
        pieces = [x["choices"][0]["delta"].get("tool_calls") for x in chunks(chat(host, tool_choice=choice, stream=True, **body)) if x["choices"]]
        pieces = [y for x in pieces if x for y in x]
        assert "".join(y["function"].get("name") or "" for y in pieces) == called["name"] and "".join(y["function"].get("arguments") or "" for y in pieces) == called["arguments"]
        assert pieces[0]["id"] and [bool(y.get("id")) for y in pieces[1:]] == [False] * (len(pieces) - 1)
    now = chat(host, tool_choice={"type": "function", "function": {"name": "now"}}, **body).json()["choices"][0]
    assert now["finish_reason"] == "tool_calls", now
    (called,) = (x["function"] for x in now["message"]["tool_calls"])
    assert called["name"] == "now" and json.loads(called["arguments"]) == {}, now


def test_a_model_that_takes_no_tools_says_so(host):
    for choice in ("auto", "required"):
        r = chat(host, model=host.plain, tools=[WEATHER], tool_choice=choice)
        assert r.status == 400 and "template" in r.json()["error"]["message"] and r.json()["error"]["param"] == "tools", r
    assert chat(host, model=host.plain, tools=[WEATHER], tool_choice="none", max_tokens=2).status == 200


# ---------------------------------------------------------------------------------------------------- completions

def test_several_prompts_and_tokens(host):
    r = complete(host, prompt=[START, "Lily", START], n=2).json()
    assert [c["index"] for c in r["choices"]] == list(range(6))
    assert [c["text"] for c in r["choices"]][:2] == [STORY] * 2 == [c["text"] for c in r["choices"]][4:] and r["choices"][2]["text"] != STORY
    assert r["usage"]["completion_tokens"] == 120
    one = complete(host).json()
    ids = [1, *[json.loads((DEMO / "tokenizer.json").read_text())["model"]["vocab"][t] for t in ("▁Once", "▁upon", "▁a", "▁time")]]
    assert complete(host, prompt=ids).json()["choices"] == one["choices"] == complete(host, prompt=[ids]).json()["choices"]
    streamed = chunks(complete(host, prompt=[START, "Lily"], stream=True))
    texts = ["".join(c["text"] for k in streamed for c in k["choices"] if c["index"] == i) for i in (0, 1)]
    assert texts == [complete(host, prompt=p).json()["choices"][0]["text"] for p in (START, "Lily")]
    assert complete(host, prompt=[START] * 40, max_tokens=3).json()["usage"]["completion_tokens"] == 120


def test_log_probabilities_of_completions(host):
    c = complete(host, logprobs=2, max_tokens=8).json()["choices"][0]
    p = c["logprobs"]
    assert set(p) == {"tokens", "token_logprobs", "top_logprobs", "text_offset"} and [len(v) for v in p.values()] == [8] * 4
    assert "".join(p["tokens"]) == c["text"] and p["text_offset"] == [len("".join(p["tokens"][:i])) for i in range(8)]
    assert all(x <= 0 and max(top.values()) == x == top[t] and len(top) == 2 for t, x, top in zip(p["tokens"], p["token_logprobs"], p["top_logprobs"]))
    streamed = chunks(complete(host, logprobs=2, max_tokens=8, stream=True))
    tokens = [t for k in streamed for c in k["choices"] if c["logprobs"] for t in c["logprobs"]["tokens"]]
    offsets = [t for k in streamed for c in k["choices"] if c["logprobs"] for t in c["logprobs"]["text_offset"]]
    assert tokens == p["tokens"] and offsets == p["text_offset"]
    assert complete(host).json()["choices"][0]["logprobs"] is None


def test_tokens_that_are_part_of_a_character_are_told_by_their_bytes(host):
    euro = {"guided_grammar": 'root ::= "\u20aca"'}  # the demo spells what it has no token for byte by byte
    p = complete(host, logprobs=1, max_tokens=8, **euro).json()["choices"][0]["logprobs"]
    assert p["tokens"] == ["bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "a"] and p["text_offset"][::3] == [0, 1]
    assert all(t in top for t, top in zip(p["tokens"], p["top_logprobs"]))
    told = chat(host, messages=[{"role": "user", "content": START}], logprobs=True, top_logprobs=1, max_tokens=8, **euro).json()["choices"][0]["logprobs"]["content"]
    assert bytes(b for t in told for b in t["bytes"]) == "\u20aca".encode() and all(len(t["top_logprobs"]) == 1 for t in told)
    r = respond(host, include=["message.output_text.logprobs"], response_format={"type": "regex", "value": "\u20aca"}, max_output_tokens=8).json()
    content = r["output"][0]["content"][0]
    assert content["text"] == "\u20aca" and bytes(b for t in content["logprobs"] for b in t["bytes"]) == "\u20aca".encode()


def test_echo_best_of_and_suffix(host):
    assert complete(host, echo=True).json()["choices"][0]["text"] == START + STORY
    assert complete(host, echo=True, max_tokens=0).json()["choices"][0]["text"] == START
    assert "".join(c["text"] for k in chunks(complete(host, echo=True, stream=True)) for c in k["choices"]) == START + STORY
    for body in ({}, {"max_tokens": 0}, {"n": 3, "temperature": 1, "seed": 4}, {"prompt": [START, "Lily", "A ball"], "n": 2, "temperature": 1, "seed": 4}):
        whole = complete(host, echo=True, logprobs=1, **body).json()["choices"]
        got = [{"text": "", "tokens": [], "token_logprobs": [], "text_offset": [], "top_logprobs": []} for _ in whole]
        for c in (c for k in chunks(complete(host, echo=True, logprobs=1, stream=True, **body)) for c in k["choices"]):
            got[c["index"]]["text"] += c["text"]
            for name, values in (c["logprobs"] or {}).items(): got[c["index"]][name] += values
        assert got == [{"text": c["text"], **c["logprobs"]} for c in whole], body
        assert all(g["token_logprobs"][0] is None and g["token_logprobs"][1] < 0 for g in got if len(g["tokens"]) > 1)
    best = complete(host, best_of=8, n=1, temperature=1, seed=3, logprobs=0).json()
    all8 = complete(host, n=8, temperature=1, seed=3, logprobs=0).json()
    mean = lambda c: sum(c["logprobs"]["token_logprobs"]) / len(c["logprobs"]["token_logprobs"])
    assert best["choices"][0]["text"] == max(all8["choices"], key=mean)["text"] and best["usage"] == all8["usage"] | {"prompt_tokens_details": best["usage"]["prompt_tokens_details"]}
    r = complete(host, suffix="The end.")
    assert r.status == 400 and r.json()["error"]["param"] == "suffix", r
    assert complete(host, best_of=2, n=3).status == complete(host, best_of=3, n=1, stream=True).status == complete(host, max_tokens=0).status == 400


# ---------------------------------------------------------------------------------------------------- responses

def events(r):
    """Of a stream of responses: each with its type in both places, counted from 0."""
    assert r.status == 200 and r.headers["content-type"] == "text/event-stream", r
    out = []
    for block in r.body.decode().split("\n\n"):
        if not block or block.startswith(":"): continue
        kind, data = block.split("\n")
        out.append(json.loads(data.removeprefix("data: ")))
        assert kind == f"event: {out[-1]['type']}"
    assert [v["sequence_number"] for v in out] == list(range(len(out)))
    return out


def test_responses_at_once(host):
    r = respond(host).json()
    assert r["object"] == "response" and r["id"].startswith("resp_") and r["status"] == "incomplete" and r["incomplete_details"] == {"reason": "max_output_tokens"}
    [item] = r["output"]
    assert item["type"] == "message" and item["role"] == "assistant" and item["content"][0] == {"type": "output_text", "text": STORY, "annotations": [], "logprobs": []}
    assert r["usage"]["input_tokens"] == 5 and r["usage"]["output_tokens"] == 20 and r["usage"]["total_tokens"] == 25
    assert r["store"] is False and r["previous_response_id"] is None and r["error"] is None and r["tools"] == [] and r["text"] == {"format": {"type": "text"}}
    items = [{"role": "developer", "content": "Once upon"}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a time"}]}]
    assert respond(host, input=items).json()["output"][0]["content"][0]["text"] == STORY
    assert respond(host, input="a time", instructions="Once upon").json()["output"][0]["content"][0]["text"] == STORY
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["age"], "additionalProperties": False}
    r = respond(host, text={"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}, max_output_tokens=60).json()
    assert r["status"] == "completed" and 1 <= json.loads(r["output"][0]["content"][0]["text"])["age"] <= 9
    told = respond(host, include=["message.output_text.logprobs"], top_logprobs=2, max_output_tokens=3).json()["output"][0]["content"][0]["logprobs"]
    assert len(told) == 3 and all(len(t["top_logprobs"]) == 2 for t in told)


def test_responses_call_functions_and_hear_of_them(host):
    r = respond(host, tools=[FLAT], tool_choice="required", parallel_tool_calls=False, max_output_tokens=200, temperature=1).json()
    [call] = r["output"]
    assert call["type"] == "function_call" and call["name"] == "weather" and call["call_id"].startswith("call_") and call["id"].startswith("fc_") and valid_weather(call["arguments"])
    named = respond(host, tools=[FLAT, {"type": "function", "name": "now"}], tool_choice={"type": "function", "name": "now"}, parallel_tool_calls=False, max_output_tokens=200).json()
    assert [(x["name"], json.loads(x["arguments"])) for x in named["output"]] == [("now", {})]
    back = [{"role": "user", "content": START}, {"type": "reasoning", "summary": []}, {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"city": "Rome"}'},
            {"type": "function_call_output", "call_id": "c", "output": "sunny"}]
    plain = respond(host, input=f"{START} [weather Rome] sunny(weather)").json()
    assert respond(host, input=back).json()["output"][0]["content"] == plain["output"][0]["content"]


def test_responses_stream_in_their_order(host):
    got = events(respond(host, stream=True, max_output_tokens=5))
    assert [v["type"].removeprefix("response.") for v in got if "delta" not in v["type"]] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done", "incomplete"]
    deltas = [v for v in got if v["type"] == "response.output_text.delta"]
    assert STORY.startswith("".join(v["delta"] for v in deltas)) and {(v["output_index"], v["content_index"], v["item_id"]) for v in deltas} == {(0, 0, got[2]["item"]["id"])}
    assert got[-1]["response"]["output"][0]["content"][0]["text"] == "".join(v["delta"] for v in deltas) and got[-1]["response"]["usage"]["output_tokens"] == 5
    got = events(respond(host, stream=True, tools=[FLAT], tool_choice="required", parallel_tool_calls=False, max_output_tokens=200, temperature=1))
    assert [v["type"].removeprefix("response.") for v in got if "delta" not in v["type"]] == [
        "created", "in_progress", "output_item.added", "function_call_arguments.done", "output_item.done", "completed"]
    arguments = "".join(v["delta"] for v in got if v["type"] == "response.function_call_arguments.delta")
    assert valid_weather(arguments) and got[-3]["arguments"] == arguments and got[-3]["name"] == "weather" and got[-1]["response"]["output"][0]["arguments"] == arguments


def test_responses_refuse_what_refers_to_what_is_stored(host):
    for body in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}, {"prompt": {"id": "p"}}, {"tools": [{"type": "web_search"}]},
                 {"input": [{"type": "item_reference", "id": "x"}]}, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}):
        r = respond(host, **body)
        assert r.status == 501 and r.json()["error"]["param"], (body, r)
    assert host.get("/v1/responses/resp_1", host.alice).status == 404


THINKER = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}{% if add_generation_prompt and open_thought is defined %}<think>\n{% endif %}"


@pytest.fixture(scope="module")
def thinker(host):
    return push(host, host.alice, "alice/thinker", THINKER)


def streamed(host, **body):
    r = chat(host, stream=True, stream_options={"include_usage": True}, **body)
    assert r.status == 200, r
    events = [json.loads(line[6:]) for line in r.body.decode().splitlines() if line.startswith("data: {")]
    deltas = [x["choices"][0]["delta"] for x in events if x["choices"]]
    return "".join(d.get("reasoning_content", "") for d in deltas), "".join(d.get("content") or "" for d in deltas), events[-1]["usage"]


def test_what_is_thought_is_told_apart_from_what_is_said(host, thinker):
    written = {"model": thinker, "guided_regex": "<think>\\n[a-z]{5,20}\\n</think>\\n\\n[A-Z]{3,9}!"}
    plain = chat(host, **written, separate_reasoning=False).json()["choices"][0]["message"]
    thought, said = re.fullmatch("<think>\n([a-z]{5,20})\n</think>\n\n([A-Z]{3,9}!)", plain["content"]).groups()
    assert "reasoning_content" not in plain
    whole = chat(host, **written).json()
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": said, "reasoning_content": thought, "refusal": None}
    assert 0 < whole["usage"]["completion_tokens_details"]["reasoning_tokens"] < whole["usage"]["completion_tokens"]
    assert streamed(host, **written) == (thought, said, whole["usage"])
    assert chat(host, **written, include_reasoning=False).json()["choices"][0]["message"]["content"] == said
    assert streamed(host, **written, include_reasoning=False) == ("", said, whole["usage"])


def test_a_thought_that_the_prompt_has_opened(host, thinker):
    written = {"model": thinker, "chat_template_kwargs": {"open_thought": True}, "guided_regex": "[a-z]{5,20}\\n</think>\\n\\n[A-Z]{3,9}!"}
    thought, said, _ = streamed(host, **written)
    assert re.fullmatch("[a-z]{5,20}", thought) and re.fullmatch("[A-Z]{3,9}!", said)
    cut = chat(host, **{**written, "max_tokens": 3}).json()["choices"][0]
    assert cut["finish_reason"] == "length" and cut["message"]["content"] == "" and thought.startswith(cut["message"]["reasoning_content"])


def test_who_was_not_made_to_think_says_what_he_writes(host):
    r = chat(host, model=host.plain, guided_regex="<think>[a-z]{3}</think>yes").json()
    assert re.fullmatch("<think>[a-z]{3}</think>yes", r["choices"][0]["message"]["content"]) and "completion_tokens_details" not in r["usage"]
