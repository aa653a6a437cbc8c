"""chat.py - conversations for the templates of chat/; every template meets every conversation."""
import os

USER = {"role": "user", "content": "What is the weather in Paris?"}
SYSTEM = {"role": "system", "content": "  You are terse.\n"}
ANSWER = {"role": "assistant", "content": "It is sunny."}
THOUGHT = {"role": "assistant", "content": "<think>\nLet me see.\n</think>\n\nIt is sunny & <warm>."}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "call12345", "type": "function", "function": {"name": "weather", "arguments": {"city": "Paris", "days": 2, "metric": True}}}]}
CALLS = {"role": "assistant", "content": None, "tool_calls": [
    {"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}},
    {"id": "jklmnopqr", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Zürich\"}"}}]}
TOOL = {"role": "tool", "name": "weather", "tool_call_id": "call12345", "content": "{\"t\": 21.5}"}
TOOL_OBJECT = {"role": "tool", "name": "weather", "tool_call_id": "abcdefghi", "content": {"t": 21.5, "sky": ["☀", None]}}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": "what is it?"}]}
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "Tells the weather.\nOf a city <b>.",
    "parameters": {"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string", "description": "Its name"},
        "days": {"type": "integer", "default": 1},
        "when": {"type": "object", "properties": {"from": {"type": "string", "enum": ["now", "later"]}, "to": {"type": ["string", "null"]}}},
        "list": {"type": "array", "items": {"type": "number"}}, "metric": {"type": "boolean"}}},
    "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "noop", "description": "Nothing", "parameters": {"type": "object", "properties": {}}}}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

CONTEXTS = {
    "one": {"messages": [USER], "add_generation_prompt": True},
    "no prompt": {"messages": [USER, ANSWER], "add_generation_prompt": False},
    "system": {"messages": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And tomorrow? 🙂"}], "add_generation_prompt": True},
    "thoughts": {"messages": [USER, THOUGHT, {"role": "user", "content": "Why?"}], "add_generation_prompt": True, "enable_thinking": False},
    "thinking": {"messages": [USER, THOUGHT, USER, THOUGHT], "enable_thinking": True, "reasoning_effort": "high"},
    "tools": {"messages": [SYSTEM, USER], "tools": TOOLS, "add_generation_prompt": True},
    "tool call": {"messages": [USER, CALL, TOOL], "tools": TOOLS, "add_generation_prompt": True},
    "two calls": {"messages": [SYSTEM, USER, CALLS, TOOL_OBJECT, TOOL, ANSWER, USER], "tools": TOOLS, "add_generation_prompt": True, "date_string": "26 Jul 2024"},
    "parts": {"messages": [PARTS], "add_generation_prompt": True},
    "roles out of order": {"messages": [USER, USER], "add_generation_prompt": True},
    "empty": {"messages": [], "add_generation_prompt": True},
    "documents": {"messages": [USER], "documents": [{"title": "A", "text": "Paris is in France."}, {"title": "B", "text": "It rains."}], "add_generation_prompt": True},
}


def cases(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), newline="") as f:
            template = f.read()
        for title, context in CONTEXTS.items():
            yield "%s: %s" % (name, title), template, {**TOKENS, **context}
