"""JSON schemas at random: what a model generates by them always parses and is valid, by a validator that is not ours.

Schemas come from a seeded generator and use all that is supported: types and unions of them, bounds, lengths, patterns, formats, enum and
const, nested and optional members, arrays, references (also to themselves), anyOf, allOf.  A third of them are asked for by completions,
a third by chats, a third as the parameters of a function that must be called."""
import json
import random
from concurrent.futures import ThreadPoolExecutor

import jsonschema

from inference import complete
from openai_calls import chat, host


SCHEMAS, TRIES = 500, 4
NAMES = ["a", "b", "name", "ünï", "x y", 'q"', "\\", "list", "$", "0", "emoji😀", "deep"]
PATTERNS = ["^[a-z]{1,4}$", "^a+b?$", "^\\d{2}-\\d{2}$", "^(yes|no)$", "^[^x]{0,3}$"]
FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "email"]


def number(r, integer):
    low = r.randint(-50, 50)
    s = {"type": "integer" if integer else "number"}
    if r.random() < 0.5: s[r.choice(["minimum", "exclusiveMinimum"])] = low
    if r.random() < 0.5: s[r.choice(["maximum", "exclusiveMaximum"])] = low + r.randint(3, 90)
    return s


def string(r):
    k = r.random()
    if k < 0.15: return {"type": "string", "pattern": r.choice(PATTERNS)}
    if k < 0.3: return {"type": "string", "format": r.choice(FORMATS)}
    low = r.randint(0, 3)
    return {"type": "string", "minLength": low, "maxLength": low + r.randint(0, 6)}


def anything(r):
    return r.choice([None, True, False, 0, -7, 1.5, "", "a", "é\n", [1, "x"], {"k": None}, 10**12, "\\\"/"])


def array(r, depth, defs):
    low = r.randint(0, 1)
    s = {"type": "array", "items": schema(r, depth - 1, defs), "minItems": low, "maxItems": low + r.randint(0, 2)}
    if r.random() < 0.2:
        s = {"type": "array", "prefixItems": [schema(r, depth - 1, defs) for _ in range(r.randint(1, 2))], "items": False}
        s["minItems"] = len(s["prefixItems"])
    return s


def obj(r, depth, defs):
    names = r.sample(NAMES, r.randint(0, 3))
    s = {"type": "object", "properties": {n: schema(r, depth - 1, defs) for n in names}, "additionalProperties": False}
    required = [n for n in names if r.random() < 0.6]
    if required or r.random() < 0.3: s["required"] = required
    return s


def schema(r, depth, defs):
    k = r.random()
    if depth <= 0 or k < 0.3:
        return r.choice([lambda: number(r, True), lambda: number(r, False), lambda: string(r), lambda: {"type": "boolean"}, lambda: {"type": "null"},
                         lambda: {"enum": [anything(r) for _ in range(r.randint(1, 4))]}, lambda: {"const": anything(r)},
                         lambda: {"type": r.sample(["integer", "boolean", "null"], 2)}])()
    if k < 0.6: return obj(r, depth, defs)
    if k < 0.75: return array(r, depth, defs)
    if k < 0.85: return {"anyOf": [schema(r, depth - 1, defs) for _ in range(r.randint(1, 3))]}
    if k < 0.9: return {"allOf": [{"type": "integer", "minimum": r.randint(0, 5)}, {"maximum": r.randint(6, 99)}]}
    if k < 0.95 and defs: return {"$ref": f"#/$defs/{r.choice(defs)}"}
    return {**schema(r, 0, defs), "description": "as it is"}


def at_random(seed):
    r = random.Random(seed)
    defs = ["one", "tree"] if r.random() < 0.5 else []
    s = obj(r, 2, defs)
    if defs:
        s["$defs"] = {"one": schema(r, 1, []), "tree": {"type": "object", "properties": {"v": {"type": "integer", "minimum": 0, "maximum": 9}, "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]}},
                                                       "required": ["v"], "additionalProperties": False}}
    return s


def generate(host, n, s, seed):
    """The text, or None when it was cut off."""
    sampled = {"temperature": 1, "top_p": 0.9, "seed": seed, "max_tokens": 400}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": s, "strict": True}}
    if n % 3 == 0: r = complete(host, response_format=wanted, **sampled)
    elif n % 3 == 1: r = chat(host, response_format=wanted, **sampled)
    else: r = chat(host, tools=[{"type": "function", "function": {"name": "f", "parameters": s}}], tool_choice="required", parallel_tool_calls=False, **sampled)
    assert r.status == 200, (n, s, r)
    c = r.json()["choices"][0]
    if c["finish_reason"] == "length": return None
    return c["text"] if n % 3 == 0 else c["message"]["content"] if n % 3 == 1 else c["message"]["tool_calls"][0]["function"]["arguments"]


def test_what_is_generated_by_schemas_at_random_is_valid(host):
    def one(n):
        s = at_random(n)
        jsonschema.Draft202012Validator.check_schema(s)
        for i in range(TRIES):
            text = generate(host, n, s, 1000 * i + n)
            if text is None: continue
            jsonschema.Draft202012Validator(s, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(json.loads(text))
            return True
        return False
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(one, range(SCHEMAS)))
    assert sum(done) >= 0.97 * SCHEMAS, f"{SCHEMAS - sum(done)} of {SCHEMAS} were cut off again and again: {[n for n, x in enumerate(done) if not x][:10]}"
