"""Makes tests/data/generation/grammars.json: texts that random JSON schemas and regular expressions accept and reject.

    pip install jsonschema==4.26.0
    python tests/oracle/make_grammars.py tests/data/generation/grammars.json

Run once; the result is committed.  Schemas: what a grammar accepts must be valid by jsonschema (formats are checked by what comes with
Python); texts marked "canonical" are made in the form that the grammar promises (members in the order of the schema, and so on), and
must be accepted.  Regular expressions: accepted exactly if re.fullmatch (ASCII) says so.
"""
import json
import random
import re
import sys

import jsonschema

rng = random.Random(7)
NAMES = ["a", "b", "ab", "name", "é", "x y", 'q"', "long_name"]


def schema(depth, defs):
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "const", "ref"]
    kinds += ["object", "array", "tuple", "anyOf", "oneOf", "allOf"] * 2 if depth else []
    k = rng.choice(kinds)
    if k == "string":
        s = {"type": "string"}
        how = rng.randrange(5)
        if how == 0:
            s["minLength"] = rng.randrange(3)
            s["maxLength"] = s["minLength"] + rng.randrange(4)
        elif how == 1:
            s["pattern"] = rng.choice(["^[a-c]{1,3}$", "^a|b$", "x", "^\\d+-\\d+$", "[\"\\\\]", "^(é|[^a-z])*$"])
        elif how == 2:
            s["format"] = rng.choice(["date", "uuid", "ipv4", "time", "date-time"])
        return s
    if k == "integer":
        s = {"type": "integer"}
        low = rng.choice([-1000, -12, -1, 0, 1, 7, 99, 100, 12345])
        if rng.random() < 0.6:
            s[rng.choice(["minimum", "exclusiveMinimum"])] = low
        if rng.random() < 0.6:
            s[rng.choice(["maximum", "exclusiveMaximum"])] = low + rng.choice([2, 9, 10, 91, 1000, 98765])
        return s
    if k == "number":
        s = {"type": "number"}
        low = rng.choice([-100, -1, 0, 1, 9])
        if rng.random() < 0.5:
            s[rng.choice(["minimum", "exclusiveMinimum"])] = low
        if rng.random() < 0.5:
            s[rng.choice(["maximum", "exclusiveMaximum"])] = low + rng.choice([1, 2, 10, 100])
        return s
    if k in ("boolean", "null"):
        return {"type": k}
    if k == "enum":
        return {"enum": rng.sample([1, 2.5, "a", "b\n", None, True, [1, "x"], {"k": 1}, -7, "é"], rng.randrange(1, 4))}
    if k == "const":
        return {"const": rng.choice([0, "c", False, None, [], {}, "\\"])}
    if k == "ref":
        return {"$ref": "#/$defs/" + rng.choice(defs)}
    if k == "object":
        names = rng.sample(NAMES, rng.randrange(0, 4))
        s = {"type": "object", "properties": {n: schema(depth - 1, defs) for n in names}}
        s["required"] = [n for n in names if rng.random() < 0.5]
        extra = rng.choice([None, True, False, {"type": "integer"}])
        if extra is not None:
            s["additionalProperties"] = extra
        return s
    if k == "array":
        s = {"type": "array", "items": schema(depth - 1, defs)}
        if rng.random() < 0.6:
            s["minItems"] = rng.randrange(3)
        if rng.random() < 0.6:
            s["maxItems"] = s.get("minItems", 0) + rng.randrange(3)
        return s
    if k == "tuple":
        s = {"type": "array", "prefixItems": [schema(depth - 1, defs) for _ in range(rng.randrange(1, 3))], "items": rng.choice([False, {"type": "null"}])}
        if rng.random() < 0.5:
            s["minItems"] = rng.randrange(3)
        return s
    if k == "anyOf":
        return {"anyOf": [schema(depth - 1, defs) for _ in range(2)]}
    if k == "oneOf":
        return {"oneOf": [{"type": "object", "properties": {"kind": {"const": i}, "v": schema(depth - 1, defs)}, "required": ["kind"]} for i in range(2)] + [{"type": "null"}]}
    return {"allOf": [{"type": "object", "properties": {"p": schema(depth - 1, defs)}}, {"type": "object", "properties": {"q": {"type": "boolean"}}, "required": ["q"]}]}


class Empty(Exception):
    pass


def value(s, root, depth=0):
    """A value in the grammar's own order; Empty when there is none near at hand."""
    if depth > 12:
        raise Empty
    if s is True:
        return rng.choice([1, "any", [None], {"z": 0}])
    if "$ref" in s:
        return value(root["$defs"][s["$ref"].split("/")[-1]], root, depth + 1)
    if "enum" in s:
        return rng.choice(s["enum"])
    if "const" in s:
        return s["const"]
    for k in ("anyOf", "oneOf"):
        if k in s:
            return value(rng.choice(s[k]), root, depth + 1)
    if "allOf" in s:
        out = {}
        if rng.random() < 0.5:
            out["p"] = value(s["allOf"][0]["properties"]["p"], root, depth + 1)
        return {**out, "q": True}
    t = s["type"]
    if t == "string":
        if "pattern" in s:
            return {"^[a-c]{1,3}$": "abc", "^a|b$": "ab", "x": "axb\"\n", "^\\d+-\\d+$": "12-3", "[\"\\\\]": 'é"\\', "^(é|[^a-z])*$": "éA\t"}[s["pattern"]]
        if "format" in s:
            return {"date": "2024-02-28", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "ipv4": "192.168.0.255", "time": "23:59:59.5Z", "date-time": "1999-12-31T00:00:00+01:00"}[s["format"]]
        n = rng.randrange(s.get("minLength", 0), s.get("maxLength", 4) + 1)
        return "".join(rng.choice('ab"\\\n é😀/') for _ in range(n))
    if t == "integer":
        low = s.get("minimum", s.get("exclusiveMinimum", -1001 if "maximum" not in s and "exclusiveMaximum" not in s else s.get("maximum", s.get("exclusiveMaximum")) - 50) + 1)
        high = s.get("maximum", s.get("exclusiveMaximum", low + 100) - 1)
        return rng.choice([low, high, rng.randint(low, high)]) if low <= high else value({"enum": []}, root, 99)
    if t == "number":
        low, high = s.get("minimum", s.get("exclusiveMinimum", -1000)), s.get("maximum", s.get("exclusiveMaximum", 1000))
        return rng.choice([low + (high - low) * f for f in (0.25, 0.5, 0.75)])
    if t == "boolean":
        return rng.random() < 0.5
    if t == "null":
        return None
    if t == "object":
        out = {}
        for n, p in s.get("properties", {}).items():
            if n in s.get("required", []) or (rng.random() < 0.5 and depth < 6):
                out[n] = value(p, root, depth + 1)
        extra = s.get("additionalProperties")
        if extra and rng.random() < 0.5:
            out[rng.choice(["zz", "", "nam", "names", "éé"])] = 5
        return out
    if "prefixItems" in s:
        out = [value(p, root, depth + 1) for p in s["prefixItems"]]
        while len(out) < s.get("minItems", 0):
            if s["items"] is False:
                raise Empty
            out.append(None)
        return out
    n = rng.randrange(s.get("minItems", 0), s.get("maxItems", s.get("minItems", 0) + 2) + 1)
    return [value(s["items"], root, depth + 1) for _ in range(n if depth < 8 else s.get("minItems", 0))]


def mutated(text):
    t = list(text)
    for _ in range(rng.randrange(1, 3)):
        at = rng.randrange(len(t)) if t else 0
        how = rng.randrange(4)
        if how == 0 and t:
            del t[at]
        elif how == 1:
            t.insert(at, rng.choice('0123456789,:"{}[] tfnae.-\\'))
        elif how == 2 and t:
            t[at] = rng.choice('0123456789,:"{}[] tfnae.-\\')
        elif t:
            b = rng.randrange(len(t))
            t[at], t[b] = t[b], t[at]
    return "".join(t)


def is_valid(validator, text):
    def once(pairs):
        return dict(pairs)
    try:
        v = json.loads(text, object_pairs_hook=once, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
    except (ValueError, RecursionError):
        return False
    return validator.is_valid(v)


def schemas(count):
    out = []
    while len(out) < count:
        root = schema(3, ["one", "two"])
        root["$defs"] = {"one": schema(2, ["one", "two"]), "two": rng.choice([{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/one"}, "maxItems": 1}])}
        validator = jsonschema.Draft202012Validator(root, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        texts, seen = [], set()
        try:
            for _ in range(6):
                v = value(root, root)
                for separators in ((",", ":"), (", ", ": ")):
                    text = json.dumps(v, ensure_ascii=False, separators=separators)
                    ok = is_valid(validator, text)
                    if text not in seen and len(text) < 300 and ok and "E" not in text and "e-" not in text:
                        seen.add(text)
                        texts.append({"text": text, "valid": True, "canonical": True})
                    for _ in range(3):
                        m = mutated(text)
                        if m not in seen and len(m) < 300:
                            seen.add(m)
                            texts.append({"text": m, "valid": is_valid(validator, m), "canonical": False})
        except (Empty, RecursionError, IndexError):
            continue
        if any(t["canonical"] for t in texts):
            out.append({"schema": root, "texts": texts})
    return out


def regex(depth):
    k = rng.randrange(8 if depth else 4)
    if k < 2:
        return rng.choice(["a", "b", "c", "ab", "é", "\\.", "\\n", "\\x41", " "])
    if k == 2:
        return rng.choice(["[ab]", "[^a]", "[a-c]", "\\d", "\\w", "\\W", "[\\d-]", "[^\\w ]", ".", "[é-ü]"])
    if k == 3:
        return rng.choice(["a?", "b*", "[ab]+", "c{2}", "a{1,2}", "b{2,}", "\\d*?"])
    if k == 4:
        return regex(depth - 1) + regex(depth - 1)
    if k == 5:
        return "(" + regex(depth - 1) + "|" + regex(depth - 1) + ")"
    if k == 6:
        return "(?:" + regex(depth - 1) + ")" + rng.choice(["*", "+", "?", "{2}", "{0,2}"])
    return "(" + regex(depth - 1) + "|)" + regex(depth - 1)


def regexes(count):
    out = []
    while len(out) < count:
        pattern = regex(4)
        compiled = re.compile(pattern, re.ASCII)
        texts, seen = [], set()
        for _ in range(150):
            text = "".join(rng.choice(["a", "b", "c", "ab", "é", ".", "1", "\n", "A", " ", "-", "ñ", "_"]) for _ in range(rng.randrange(6)))
            ok = compiled.fullmatch(text) is not None
            if text in seen or (not ok and sum(not t[1] for t in texts) > 6) or (ok and sum(t[1] for t in texts) > 8):
                continue
            seen.add(text)
            texts.append([text, ok])
        if any(t[1] for t in texts):
            out.append({"pattern": pattern, "texts": texts})
    return out


with open(sys.argv[1], "w") as f:
    json.dump({"schemas": schemas(150), "regexes": regexes(200)}, f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
