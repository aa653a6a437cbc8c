"""OpenAI's surface, called as its clients call it: a model that takes tools, and what several files of tests ask of it."""
import json

import pytest

import hearth
from inference import START, push

# As Hermes, Qwen and others have it; {{ tools }} makes it take tools.
TEMPLATE = ("{{ bos_token }}{% if tools %}<tool_call>{% for t in tools %}{{ t.function.name }} {% endfor %}{% endif %}"
            "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{ c.function.arguments.city }}]{% endfor %}"
            "{% if m.tool_call_id %}({{ m.name }}){% endif %}{% if not loop.last %} {% endif %}{% endfor %}")
WEATHER = {"type": "function", "function": {"name": "weather", "description": "What it is like", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"], "additionalProperties": False}}}
NOW = {"type": "function", "function": {"name": "now"}}
ASK = [{"role": "user", "content": START}]
FLAT = {"type": "function", **WEATHER["function"]}
WRITTEN = '<tool_call>\\n{"name": "now", "arguments": {}}\\n</tool_call>\\n<tool_call>\\n{"name": "weather", "arguments": {"city": "Rome"}}\\n</tool_call>'


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A server with alice and two models of hers, of which one takes tools."""
    s = hearth.Server(tmp_path_factory.mktemp("openai") / "home", args=("--inference-dtype", "f32"))
    s.alice = s.add_user("alice")
    with s:
        s.model = push(s, s.alice, "alice/caller", TEMPLATE)
        s.plain = push(s, s.alice, "alice/plain", "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}")
        yield s


def chat(host, **body):
    return host.post("/v1/chat/completions", {"model": host.model, "messages": ASK, "max_tokens": 200, "temperature": 0, **body}, host.alice)


def chunks(r):
    """Of a stream of chats or completions, which must end as OpenAI's do."""
    assert r.status == 200 and r.headers["content-type"] == "text/event-stream", r
    lines = [line for line in r.body.decode().split("\n\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") and "\n" not in line for line in lines) and lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


def valid_weather(arguments):
    value = json.loads(arguments)
    return set(value) == {"city", "days"} and len(value["city"]) <= 8 and 1 <= value["days"] <= 9


def respond(host, **body):
    return host.post("/v1/responses", {"model": host.model, "input": START, "max_output_tokens": 20, "temperature": 0, **body}, host.alice)
