#!/usr/bin/env python3
"""make_golden.py - what Python's Jinja makes of our templates: writes golden.json beside this file.

Chat cases are rendered by an environment set up as Transformers sets its own up for chat templates (sandboxed and
immutable, trim_blocks, lstrip_blocks, loop controls, a `generation` tag, tojson without HTML escapes); page cases
by one with auto-escape and a loader.  Needs jinja2 3.1 (made with 3.1.6).  The templates are ours: expressions.py
holds small ones, pages.py those that use several files, chat/ whole chat templates in the shapes of well-known
models, with the conversations of chat.py.

A case of golden.json: name, template, context, and either `want` or `error` ([kind, message]); `page` and `files` for
pages; `spans` where generation blocks wrote."""
import copy
import datetime
import json
import os

import jinja2
import jinja2.ext
import jinja2.sandbox

import chat
import expressions
import pages

NOW = 1767171723  # 2025-12-31 09:02:03 UTC
HERE = os.path.dirname(os.path.abspath(__file__))


class Generation(jinja2.ext.Extension):
    """{% generation %}: its body, and where that stands in the output."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller):
        return "\x02" + caller() + "\x03"


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Raised(jinja2.exceptions.TemplateError):
    pass


def raise_exception(message):
    raise Raised(message)


def strftime_now(fmt):
    return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(fmt)


def environment(page=False, files=None):
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=page, extensions=[Generation, jinja2.ext.loopcontrols],
        loader=jinja2.DictLoader(files or {}))
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    if page:
        env.policies["json.dumps_kwargs"] = {"sort_keys": False, "ensure_ascii": False}
    else:
        env.filters["tojson"] = tojson
    return env


def unmark(text):
    """The text without the marks of generation blocks, and their spans in bytes of UTF-8."""
    out, spans, open_at = b"", [], []
    for c in text:
        if c == "\x02":
            open_at.append(len(out))
        elif c == "\x03":
            spans.append([open_at.pop(), len(out)])
        else:
            out += c.encode()
    return out.decode(), spans


def case(name, template, context, page=False, files=None):
    c = {"name": name, "template": template, "context": context}
    if page:
        c["page"] = True
    if files:
        c["files"] = files
    try:
        context = copy.deepcopy(context)  # `l | indent` changes l
        want, spans = unmark(environment(page, files).from_string(template).render(**context))
        c["want"] = want
        if spans:
            c["spans"] = spans
    except Exception as e:  # whatever Python says no to, we say no to
        c["error"] = [type(e).__name__, str(e).split("\n")[0]]
    return c


def main():
    cases = []
    for i, entry in enumerate(expressions.CASES):
        template, context = entry if isinstance(entry, tuple) else (entry, {})
        cases.append(case("expression %d" % i, template, {**expressions.CONTEXT, **context}))
    for i, (template, context, files) in enumerate(pages.CASES):
        cases.append(case("page %d" % i, template, context, True, files))
    for name, template, context in chat.cases(os.path.join(HERE, "chat")):
        cases.append(case(name, template, context))
    with open(os.path.join(HERE, "golden.json"), "w") as f:
        f.write('{"jinja2": "%s", "now": %d, "base": %s,\n"cases": [\n' % (
            jinja2.__version__, NOW, json.dumps(expressions.CONTEXT, ensure_ascii=False)))
        for c in cases:  # expressions share a context; it is written once
            if c["name"].startswith("expression"):
                c["context"] = {k: v for k, v in c["context"].items()
                                if k not in expressions.CONTEXT or expressions.CONTEXT[k] != v}
        f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in cases))
        f.write("\n]}\n")
    errors = sum("error" in c for c in cases)
    print("%d cases, of which %d end in an error" % (len(cases), errors))


if __name__ == "__main__":
    main()
