"""Random JSON schemas and regular expressions, ours against jsonschema and re: what we write must be valid, and what is valid must be taken.

    pip install 'jsonschema[format]'
    ninja -C build tests/oracle/grammar_walk
    python tests/oracle/fuzz_grammars.py build/tests/oracle/grammar_walk [SEED [COUNT]]

Both ways: texts that are made byte by byte under our masks go to the peer, and values that the peer finds valid come to us.  Of those we
promise to take only what keeps our form: no properties and items that the schema does not name (the peer is told so by
"unevaluatedProperties"), numbers of few digits, members in one of their orders.  What it finds becomes a case of test_constrain.c.
"""
import collections
import decimal
import itertools
import json
import random
import re
import subprocess
import sys

import jsonschema

decimal.getcontext().prec = 700
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
walker = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
seen, faults = collections.Counter(), 0


def ask(**question):
    walker.stdin.write((json.dumps(question, ensure_ascii=False) + "\n").encode())
    walker.stdin.flush()
    line = walker.stdout.readline()
    return json.loads(line) if line else sys.exit(f"grammar_walk died of {question}")


def fault(*said):
    global faults
    faults += 1
    print("FAULT", *said)


# ------------------------------------------------------------------ schemas

NAMES, EXTRA = ["a", "b", "ab", "é", "n\n", 'q"', "x y"], ["zz", "", "zé", "abc"]
PATTERNS = ["^[a-c]{1,3}$", "^a|b$", "x", "^\\d+-\\d+$", '["\\\\]', "^(é|[^a-z])*$", "^$", "", "a.b", "^(?:foo|ba[rz])+$", "^\\S+$", "\\u00e9|^\\t", "[\\]\\-]$"]
FORMATS = ["date", "uuid", "ipv4", "ipv6", "time", "date-time", "email", "duration", "uri"]
NUMBERS = [0, 1, -1, 2, 5, 9, 10, 11, 99, 100, 101, -10, -9, -100, 7, 12, 1000, -1000, 12345, 2.0, 0.5, -0.5, 1e3, 999999, 10**15, 10**17, 0.1, 0.25, 99.5, -0.01, 1e-3, 100.05, -273.15, 1e300, -1e300]
MULTIPLES = [1, 2, 3, 5, 7, 10, 12, 100, 0.5, 0.25, 0.1, 0.01, 1.5, 2.0, 1e-3]
VALUES = [1, 2.5, "a", "b\n", None, True, False, [1, "x"], {"k": 1}, -7, "é", 0, 1.0, "", [], {}, {"a": {"b": [None]}}, "\\", 10**15, 0.1, "\u2028/"]
MANY = {"enum": list(range(10)), "maximum": 8.5}
TEXTS = ["", "a", "ab", "abc", "é", 'axb"\nz', "12-3", 'é"\\', "éA\t", "2024-02-28", "01234567-89ab-cdef-0123-456789abcdef", "192.168.0.255", "::1", "23:59:59.5Z",
         "1999-12-31T00:00:00+01:00", "a.b@example.org", "P1Y2M3D", "PT5M", "https://example.org/a?b#c", "foobar", "😀", "]"]


def schema(depth, wild):
    r = rng.random()
    if r < 0.03: return rng.choice([True, {}])
    if r < 0.08: return conditioned(depth, wild)
    if r < 0.11: return {**typed(depth, wild, True), "enum": [rng.choice(VALUES + TEXTS + NUMBERS) for _ in range(rng.randrange(1, 9))]}
    if depth and r < 0.3: return combination(depth, wild)
    if r < 0.36: return {"enum": [rng.choice(VALUES) for _ in range(rng.randrange(1, 4))]}
    if r < 0.4: return {"const": rng.choice(VALUES)}
    if r < 0.46: return {"$ref": "#/$defs/" + rng.choice("de")}
    if r < 0.5 and wild: return {"$ref": "#/$defs/" + rng.choice("de"), **typed(depth - 1, wild, False)}
    return typed(depth, wild, True)


def typed(depth, wild, has_type):
    types = rng.sample(["string", "integer", "number", "boolean", "null"] + ["object", "array"] * 2 * (depth > 0), 1 if rng.random() < 0.8 else 2)
    s = {}
    if has_type and not (wild and rng.random() < 0.15): s["type"] = types[0] if len(types) == 1 else types
    if "string" in types:
        how = rng.randrange(9)
        if how in (0, 6): s["minLength"] = rng.randrange(3)
        if how in (0, 1, 6, 7): s["maxLength"] = rng.randrange(5)
        if how in (2, 6, 7): s["pattern"] = rng.choice(PATTERNS)
        if how in (3, 8): s["format"] = rng.choice(FORMATS)
        if how == 8: s["maxLength"] = rng.randrange(8, 40)
    if "integer" in types or "number" in types:
        for k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            if rng.random() < 0.3: s[k] = rng.choice(NUMBERS)
        if rng.random() < 0.2: s["multipleOf"] = rng.choice(MULTIPLES)
    if "object" in types:
        names = [n for n in NAMES if rng.random() < 0.35]
        s["properties"] = {n: schema(depth - 1, wild) for n in names}
        if rng.random() < 0.7: s["required"] = [n for n in names if rng.random() < 0.5] + rng.sample(EXTRA, rng.random() < 0.1)
        more = rng.choice([None, None, True, False, {"type": "integer"}, {"type": ["string", "null"]}])
        if more is not None: s["additionalProperties"] = more
        if rng.random() < 0.15: s["minProperties"] = rng.randrange(3)
        if rng.random() < 0.15: s["maxProperties"] = rng.randrange(4)
        if rng.random() < 0.1: s["propertyNames"] = rng.choice([{"maxLength": 1}, {"enum": ["a", "b", "zz"]}, {"pattern": "^[a-z]", "maxLength": 2}, {"not": {"const": "ab"}}])
        if rng.random() < 0.15: s["patternProperties"] = {p: schema(depth - 1, wild) for p in rng.sample(["^a", "b$", "^[^a]", "z", "^$"], rng.randrange(1, 3))}
        if rng.random() < 0.1 and len(names) > 1: s["dependentRequired"] = {names[0]: names[1:2]}
    if "array" in types:
        if rng.random() < 0.75: s["items"] = schema(depth - 1, wild) if rng.random() < 0.9 else False
        if rng.random() < 0.3: s["prefixItems"] = [schema(depth - 1, wild) for _ in range(rng.randrange(1, 4))]
        for k in ("minItems", "maxItems"):
            if rng.random() < 0.5: s[k] = rng.randrange(4)
        if rng.random() < 0.15: s["uniqueItems"], s["items"] = True, rng.choice([{"enum": rng.sample(VALUES, 3)}, {"type": ["boolean", "null"]}, {"$ref": "#/$defs/e"}])
        if rng.random() < 0.1: s["uniqueItems"], s["items"] = True, MANY
    return s


def conditioned(depth, wild):
    """A schema and what must not hold, or holds if something else does."""
    s, k = typed(depth, wild, True), rng.randrange(5)
    part = {n: x for n, x in typed(depth - 1, False, True).items() if n not in ("type", "items", "additionalProperties", "multipleOf", "patternProperties", "propertyNames")}
    if k == 0: return {**s, "not": rng.choice([{"enum": [rng.choice(VALUES + TEXTS) for _ in range(3)]}, {"const": rng.choice(VALUES + NUMBERS)}])}
    if k == 1: return {**s, "not": {"pattern": rng.choice(PATTERNS)}} if "string" in s.get("type", "") else s
    if k == 2: return {**s, "not": part}
    if k == 3: return {"oneOf": [typed(depth, False, True), typed(0, False, True)]}
    o = {"type": "object", "properties": {"a": {"enum": [1, 2, "x"]}, "b": schema(depth - 1, wild), "ab": {"type": "integer"}}, "required": rng.choice([[], ["a"], ["b"]])}
    then = [{"required": ["ab"]}, {"properties": {"ab": {"minimum": 3}}}, {"maxProperties": 1}, True, False]
    return {**o, "if": rng.choice([{"properties": {"a": {"const": 1}}}, {"required": ["b"]}, {"properties": {"a": {"const": "x"}}, "required": ["a"]}]),
            rng.choice(["then", "else"]): rng.choice(then), **({"else": rng.choice(then)} if rng.random() < 0.3 else {})}


def combination(depth, wild):
    k = rng.choice(["anyOf", "oneOf", "allOf"])
    if k == "oneOf" and rng.random() < 0.7:
        kinds = [{"const": i} if rng.random() < 0.5 else {"enum": [i, str(i)]} for i in range(2)]
        s = {k: [{"type": "object", "properties": {"a": kind, "b": schema(depth - 1, wild)}, "required": ["a"]} for kind in kinds] + [{"type": "null"}]}
    else:
        s = {k: [typed(depth - 1, False, True) if k == "oneOf" else schema(depth - 1, wild) if rng.random() < 0.6 else typed(depth, wild, rng.random() < 0.5) for _ in range(rng.randrange(1, 4))]}
    return {**s, **typed(depth - 1, wild, True)} if rng.random() < (0.5 if wild else 0.2) else s


SPEAKS_OF = {k: t for t, all in {"object": ["properties", "required", "additionalProperties", "minProperties", "maxProperties", "propertyNames", "patternProperties", "dependentRequired"],
                                 "array": ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
                                 "string": ["minLength", "maxLength", "pattern", "format"],
                                 "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]}.items() for k in all}
COMBINE = ("anyOf", "oneOf", "allOf")


def closed(s, is_whole=True):
    """What we promise to take of it."""
    if isinstance(s, bool) or not set(s) - {"$defs"}: return s
    o = dict(s)
    for k in COMBINE:
        if k in o: o[k] = [closed(x, False) for x in o[k]]
    for k in ("properties", "patternProperties"):
        if k in o: o[k] = {n: closed(x) for n, x in o[k].items()}
    if "$defs" in o: o["$defs"] = {n: closed(x, False) for n, x in o["$defs"].items()}
    if "prefixItems" in o: o["prefixItems"] = [closed(x) for x in o["prefixItems"]]
    for k in ("additionalProperties", "items"):
        if k in o: o[k] = closed(o[k])
    if "type" not in o and any(k in SPEAKS_OF for k in o): o["type"] = sorted({SPEAKS_OF[k] for k in o if k in SPEAKS_OF})
    # An array of anything: but not beside other parts, whose prefixItems would close it.
    if is_whole and "array" in o.get("type", []) and not {"items", "prefixItems", "$ref", *COMBINE} & set(o): o["items"] = True
    return {**o, "unevaluatedProperties": False, "unevaluatedItems": False} if is_whole else o


def is_integer(checker, v): return not isinstance(v, bool) and (isinstance(v, int) or isinstance(v, (float, decimal.Decimal)) and v == int(v))


PEER = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))


def exact(text):
    return json.loads(text, parse_float=decimal.Decimal, parse_constant=lambda c: 1 / 0)


class Empty(Exception):
    pass


def value(s, root, depth=0):
    """Perhaps a valid one."""
    if depth > 14 or s is False: raise Empty
    if s is True or not set(s) - {"$defs"}: return rng.choice([1, "any", [None], {"z": 0}, None])
    if "$ref" in s: return value(root["$defs"][s["$ref"][-1]], root, depth + 1)
    if "enum" in s: return rng.choice(s["enum"])
    if "const" in s: return s["const"]
    for k in COMBINE:
        if k not in s: continue
        parts = [value(x, root, depth + 1) for x in (s[k] if k == "allOf" else [rng.choice(s[k])])]
        rest = {n: x for n, x in s.items() if n not in (k, "$defs")}
        if rest: parts.append(value(rest, root, depth + 1))
        return {n: v for p in reversed(parts) for n, v in p.items()} if all(isinstance(p, dict) for p in parts) else rng.choice(parts)
    types = s.get("type") or [SPEAKS_OF[k] for k in s if k in SPEAKS_OF]
    if not types: raise Empty
    t = rng.choice(types) if isinstance(types, list) else types
    if t == "string": return rng.choice(TEXTS)
    if t in ("integer", "number"):
        v = rng.choice([s[k] for k in SPEAKS_OF if SPEAKS_OF[k] == "number" and k in s] or [0, 5, -3])
        v = v * rng.randrange(-9, 200) if "multipleOf" in s and rng.random() < 0.7 else v + rng.choice([0, 1, -1, 0.5, -0.5, 0.25, 2, 7, 50])
        v = round(v, 9)
        if abs(v) > 1e18: raise Empty
        return int(v) if t == "integer" or v == int(v) else v
    if t == "boolean": return rng.random() < 0.5
    if t == "null": return None
    if t == "object":
        o = {n: value(p, root, depth + 1) for n, p in s.get("properties", {}).items() if n in s.get("required", []) or rng.random() < 0.5}
        for n in s.get("required", []): o.setdefault(n, value(s.get("additionalProperties", True), root, depth + 1))
        for p, x in s.get("patternProperties", {}).items():
            n = rng.choice(NAMES + EXTRA)
            if rng.random() < 0.5 and n not in o and re.search(p, n): o[n] = value(x, root, depth + 1)
        if s.get("additionalProperties") and rng.random() < 0.5: o[rng.choice(EXTRA)] = value(s["additionalProperties"], root, depth + 1)
        return o
    out, n = [value(p, root, depth + 1) for p in s.get("prefixItems", [])], s.get("minItems", 0) + rng.randrange(3)
    while len(out) < n and s.get("items", True) is not False: out.append(value(s.get("items", True), root, depth + 1))
    if s.get("uniqueItems"): out = [x for i, x in enumerate(out) if x not in out[:i]]
    return sorted(out) if s.get("items") == MANY and "prefixItems" not in s else out[:n]  # of many that are unique, in the order of the enum


def is_short(v):
    if isinstance(v, (list, dict)): return all(map(is_short, v.values() if isinstance(v, dict) else v))
    return isinstance(v, (bool, str, type(None))) or abs(v) < 1e15 and "e" not in repr(v) and not (isinstance(v, float) and v == int(v)) and len(repr(v)) < 15


def orders(v, most=800):
    """The value with its members in other orders."""
    if not isinstance(v, (dict, list)): return [v]
    parts = list(itertools.product(*[orders(x, 4) for x in (v.values() if isinstance(v, dict) else v)]))[:most]
    if isinstance(v, list): return [list(p) for p in parts]
    keys = list(v)
    return [{keys[i]: p[i] for i in order} for p, order in itertools.islice(itertools.product(parts, itertools.permutations(range(len(keys)))), most)]


def try_schema():
    wild = rng.random() < 0.5
    root = {"allOf": [True]} if (root := schema(3, wild)) is True else dict(root)
    root["$defs"] = {"d": schema(2, wild), "e": rng.choice([{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/d"}, "maxItems": 1},
                                                            {"type": "object", "properties": {"a": {"$ref": "#/$defs/e"}, "b": {"$ref": "#/$defs/d"}}}])}
    peer = PEER
    source, texts, groups = json.dumps(root, ensure_ascii=False), [], []
    # Numbers as they are written; as doubles 0.14 is no multiple of 0.01.
    whole, ours, doubles = (peer(s, format_checker=peer.FORMAT_CHECKER) for s in (exact(source), exact(json.dumps(closed(root))), root))
    for _ in range(12):
        try:
            v = value(root, root)
            if not is_short(v) or not ours.is_valid(exact(json.dumps(v))): continue
        except (Empty, RecursionError):
            continue
        group = [json.dumps(o, ensure_ascii=False, separators=rng.choice([(",", ":"), (", ", ": ")])) for o in orders(v)]
        groups.append(range(len(texts), len(texts) + len(group)))
        texts += group
    said = ask(notation="json_schema", source=source, texts=texts, walks=12, seed=rng.randrange(1 << 30))
    if "error" in said:
        seen["refused: " + said["error"].split(": ")[-1][:80]] += 1
        if len(sys.argv) > 4 and sys.argv[4] in said["error"]: print(source)
        if "no text can match" in said["error"] and texts: fault(source, "is said to match nothing, and", texts[0], "is valid")
        return
    seen["schemas"] += 1
    for text in said["walks"]:
        seen["texts of ours"] += 1
        try:
            if whole.is_valid(exact(text)) and ("multipleOf" in source or doubles.is_valid(json.loads(text))): continue
        except RecursionError:
            continue
        except (ValueError, ZeroDivisionError):
            pass
        if UNLIKE.search(text): continue
        return fault(source, "made", text)
    for group in groups:
        seen["texts of the peer"] += 1
        if not any(said["whole"][i] for i in group): return fault(source, "does not take", texts[group[0]])


# ------------------------------------------------------------------ regular expressions

ATOMS = ["a", "b", "c", "ab", "é", "\\.", "\\n", "\\x41", " ", "\\t", "\\/", "\\-", "\\[", "\\u00e9", "😀", "]", "\\\\", '"', "-", "=", "\\x00", "\\x7f"]
CLASSES = ["[ab]", "[^a]", "[a-c]", "\\d", "\\w", "\\W", "\\D", "[\\d-]", "[^\\w ]", ".", "[é-ü]", "[\\s\\S]", "[\\]a]", "[a\\-c]", "[-a]", "[^-a]", "[\\w.-]",
           "[.+*?]", "[(){}|]", "[$^]", "[\\x00-\\x1f]", "[😀-😂]", "[^😀]", "[a-cx-z0-9_]", "[\\b]", "[^\\D]", "[\\d\\W]", "[+--]", "\\s", "[^\\s]", '["\\\\]']
CHARS = list("abc.19 -_/[]\\\"$^+*?(){}|=:,xzéüñ😀😁") + ["\n", "A", "\t", "\0", "\x7f", "\b"]
UNLIKE = re.compile("[\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]")  # what re and ECMA take for different things


def regex(depth):
    k = rng.randrange(9 if depth else 4)
    if k < 2: return rng.choice(ATOMS)
    if k == 2: return rng.choice(CLASSES)
    if k == 3: return rng.choice(["a", "c"] + CLASSES) + rng.choice(["?", "*", "+", "{2}", "{1,2}", "{2,}", "{0}", "*?", "+?", "??", "{1,3}?"])
    if k == 4: return rng.choice(["(", "(?:", f"(?P<n{rng.randrange(10**9)}>"]) + regex(depth - 1) + "|" + regex(depth - 1) + ")"
    if k == 5: return "(?:" + regex(depth - 1) + ")" + rng.choice(["*", "+", "?", "{2}", "{0,2}", "{1,}", "+?"])
    return regex(depth - 1) + regex(depth - 1)


def try_regex():
    pattern = rng.choice(["", "", "^"]) + regex(4) + rng.choice(["", "", "$"])
    try:
        peer = re.compile(pattern, re.ASCII)
    except re.error:
        return
    chars = [c for c in CHARS if c in pattern] or CHARS
    texts = ["".join(rng.choice(chars if rng.random() < 0.7 else CHARS) for _ in range(rng.randrange(7))) for _ in range(60)]
    said = ask(notation="regex", source=pattern, texts=texts, walks=15, seed=rng.randrange(1 << 30))
    if "error" in said: return fault(pattern, "is refused:", said["error"])
    seen["regexes"] += 1
    for text, taken in [*zip(texts, said["whole"]), *((t, True) for t in said["walks"])]:
        if UNLIKE.search(text) or (text.endswith("\n") and "$" in pattern): continue
        if taken != (peer.fullmatch(text) is not None): return fault(pattern, "takes" if taken else "does not take", repr(text))


for _ in range(COUNT):
    try_schema()
    try_regex()
for what, n in seen.most_common(30): print(n, what)
sys.exit(faults > 0)
