"""Cloudflare's Workers AI: ai/run and its catalogue as wires, and the cloudflare SDK unmodified."""
import json
import urllib.parse

import pytest

import clients
from inference import START, STORY, TASKS, near, push, story_host, usage

ALIAS = "@cf/meta/llama-3.1-8b-instruct"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with story_host(tmp_path_factory.mktemp("workers-ai") / "home", "--inference-idle", "2s", "--inference-aliases", f"{ALIAS}=alice/story, @cf/none=alice/gone") as s:
        s.cli("org", "add", "acme", "--owner", "alice")
        yield s


@pytest.fixture
def ai(host):
    def call(what, body=None, account="alice", status=200, token=None, **query):
        path = f"/client/v4/accounts/{account}/ai/{what}"
        r = host.get(path, token or host.alice, query=query) if body is None else host.post(path, body, token or host.alice, query=query)
        assert r.status == status, (what, body, r)
        return r
    return call


@pytest.fixture
def refused(ai):
    def call(what, body, status, code, **kw):
        r = ai(what, body, status=status, **kw).json()
        assert r["success"] is False and r["result"] is None and r["messages"] == [] and [x["code"] for x in r["errors"]] == [code] and r["errors"][0]["message"], r
        return r["errors"][0]["message"]
    return call


def events(r):
    assert r.headers["content-type"] == "text/event-stream"
    lines = [x for x in r.body.decode().split("\n\n") if x and not x.startswith(":")]
    assert lines[-1] == "data: [DONE]" and all(x.startswith("data: {") for x in lines[:-1])
    return [json.loads(x[6:]) for x in lines[:-1]]


GREEDY = {"temperature": 0, "max_tokens": 20}


def test_text(host, ai):
    run = f"run/@hf/{host.model}"
    r = ai(run, {"prompt": START, **GREEDY}).json()
    assert r == {"result": {"response": STORY, "usage": {"prompt_tokens": 5, "completion_tokens": 20, "total_tokens": 25, "prompt_tokens_details": r["result"]["usage"]["prompt_tokens_details"]}},
                 "success": True, "errors": [], "messages": []}
    messages = [{"role": "system", "content": "Once"}, {"role": "user", "content": [{"type": "text", "text": "upon a time"}]}]
    assert ai(run, {"messages": messages, **GREEDY}).json()["result"]["response"] == STORY
    assert ai(run, {"prompt": START, "raw": True, **GREEDY}).json()["result"]["response"] == STORY
    assert ai("run", {"model": f"@hf/{host.model}", "input": {"prompt": START, **GREEDY}}).json()["result"]["response"] == STORY
    for name in (f"@hf%2F{host.model.replace('/', '%2F')}", ALIAS, urllib.parse.quote(ALIAS, safe=""), host.model):
        assert ai(f"run/{name}", {"prompt": START, **GREEDY}).json()["result"]["response"] == STORY, name
    assert ai(run, {"prompt": START, "seed": 3, "temperature": 5, "top_p": 2, "top_k": 50, "repetition_penalty": 0, "max_tokens": 3}).json()["result"]["usage"]["completion_tokens"] == 3
    parts = events(ai(run, {"prompt": START, "stream": True, **GREEDY}))
    assert "".join(p["response"] for p in parts) == STORY and parts[-1]["response"] == "" and parts[-1]["usage"]["completion_tokens"] == 20 and not any("usage" in p for p in parts[:-1])


def test_json_mode(host, ai, refused):
    run, schema = f"run/@hf/{host.model}", {"type": "object", "properties": {"kind": {"enum": ["cat", "dog"]}}, "required": ["kind"], "additionalProperties": False}
    for format_ in ({"type": "json_schema", "json_schema": schema}, {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}):
        r = ai(run, {"prompt": START, "max_tokens": 60, "response_format": format_}).json()["result"]
        assert r["response"]["kind"] in ("cat", "dog")
    assert "JSON" in refused(run, {"prompt": START, "max_tokens": 2, "response_format": {"type": "json_object"}}, 400, 5004)


DIALECT = """{%- if tools %}<|im_start|>system
<tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools>
<tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|im_end|>
{%- endif %}{%- for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}{%- endfor %}"""


def test_functions(host, ai, refused):
    push(host, host.alice, "alice/tools", DIALECT)
    parameters = {"type": "object", "properties": {"kind": {"enum": ["cat", "dog"]}}, "required": ["kind"], "additionalProperties": False}
    flat, theirs = {"name": "pet", "description": "x", "parameters": parameters}, {"type": "function", "function": {"name": "pet", "parameters": parameters}}
    body = {"messages": [{"role": "user", "content": START}], "max_tokens": 90, "tool_choice": "required"}
    for tool in (flat, theirs):
        r = ai("run/@hf/alice/tools", {**body, "tools": [tool]}).json()["result"]
        assert r["tool_calls"][0]["name"] == "pet" and r["tool_calls"][0]["arguments"]["kind"] in ("cat", "dog"), r
        parts = events(ai("run/@hf/alice/tools", {**body, "tools": [tool], "stream": True}))
        assert parts[-1]["tool_calls"][0]["arguments"]["kind"] in ("cat", "dog")
    again = [*body["messages"], {"role": "assistant", "content": "", "tool_calls": [{"name": "pet", "arguments": {"kind": "cat"}}]}, {"role": "tool", "name": "pet", "content": "Tom"}]
    assert ai("run/@hf/alice/tools", {"messages": again, "max_tokens": 3, "tools": [flat]}).json()["result"]["usage"]["completion_tokens"] == 3
    for bad in ({"tools": [5]}, {"tools": [{"name": ""}]}, {"tools": "x"}, {"tools": [flat, flat]}):
        refused("run/@hf/alice/tools", {**body, **bad}, 400, 5004)
    refused("run/@hf/alice/tools", {"prompt": "x", "tools": [flat]}, 400, 5004)


def test_reading(host, ai, encoder):
    r = ai(f"run/@hf/{encoder('sentence-mean')}", {"text": ["Paris", "The cat."]}).json()["result"]
    assert r["shape"] == [2, len(r["data"][0])] and near(ai(f"run/@hf/{encoder('sentence-mean')}", {"text": "Paris"}).json()["result"]["data"], r["data"][:1], 1e-5)
    case = json.loads((TASKS / "rank-sigmoid" / "expected.json").read_text())[0]
    body = {"query": case["inputs"]["query"], "contexts": [{"text": t} for t in case["inputs"]["documents"]]}
    ranks = ai(f"run/@hf/{encoder('rank-sigmoid')}", body).json()["result"]["response"]
    assert [x["id"] for x in ranks] == [o["corpus_id"] for o in case["output"]] and all(0 < x["score"] < 1 for x in ranks)
    assert len(ai(f"run/@hf/{encoder('rank-sigmoid')}", {**body, "top_k": 1}).json()["result"]["response"]) == 1
    labels = ai(f"run/@hf/{encoder('classify-single')}", {"text": "What?"}).json()["result"]
    assert len(labels) == 3 and abs(sum(x["score"] for x in labels) - 1) < 1e-3


def test_the_account_pays_and_must_be_ones_own(host, ai, refused):
    run, body = f"run/@hf/{host.model}", {"prompt": START, "max_tokens": 2}
    mine = usage(host)["requests"]
    ai(run, body, account="acme")
    assert usage(host)["requests"] == mine
    assert host.get("/api/usage/inference", host.alice, query={"account": "acme"}).json()["total"]["requests"] == 1
    for account, token in (("alice", host.bob), ("acme", host.bob), ("bob", host.alice), ("nobody-there", host.alice)):
        refused(run, body, 403, 5018, account=account, token=token)
        refused("models/search", None, 403, 5018, account=account, token=token)
    r = host.post(f"/client/v4/accounts/alice/ai/{run}", body)
    assert r.status == 401 and r.json()["success"] is False and r.json()["errors"][0]["code"] == 10000


BAD = [({}, 3003), ({"prompt": ""}, 3003), ({"prompt": 5}, 3003), ({"messages": []}, 5004), ({"messages": "x"}, 5004), ({"messages": [{"role": "user"}]}, 5004),
       ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 5004), ({"prompt": START, "max_tokens": 0}, 5004), ({"prompt": START, "max_tokens": 1.5}, 5004),
       ({"prompt": START, "temperature": 5.1}, 5004), ({"prompt": START, "temperature": "x"}, 5004), ({"prompt": START, "top_p": 2.1}, 5004), ({"prompt": START, "top_k": 51}, 5004),
       ({"prompt": START, "top_k": 0}, 5004), ({"prompt": START, "repetition_penalty": 2.5}, 5004), ({"prompt": START, "frequency_penalty": 3}, 5004), ({"prompt": START, "presence_penalty": -3}, 5004),
       ({"prompt": START, "seed": "x"}, 5004), ({"prompt": START, "stream": "yes"}, 5004), ({"prompt": START, "raw": 1}, 5004), ({"prompt": START, "response_format": {"type": "yaml"}}, 5004),
       ({"prompt": START, "response_format": {"type": "json_schema"}}, 5004), ({"prompt": START, "response_format": {"type": "json_schema", "json_schema": {"type": "colour"}}}, 5004),
       (b"{", 5004), (b"[]", 5004), ({"prompt": START * 5000}, 5004)]


@pytest.mark.parametrize("body, code", BAD, ids=lambda x: str(x)[:60])
def test_what_is_outside_of_the_table_is_refused(host, refused, body, code):
    refused(f"run/@hf/{host.model}", body, 400, code)
    if isinstance(body, dict) and "prompt" in body: refused(f"run/@hf/{host.model}", {**body, **({} if "stream" in body else {"stream": True})}, 400, code)


def test_other_refusals(host, refused, encoder):
    body = {"prompt": START}
    for name in ("@hf/alice/none", "@cf/meta/other", "@cf/none"):
        refused(f"run/{name}", body, 400, 5007)
    refused(f"run/@hf/{host.secret}", body, 400, 5007, account="bob", token=host.bob)
    refused("run/story", body, 404, 3042)
    refused(f"run/@hf/{host.model}", body, 501, 7002, queueRequest="true")
    for extra in ({"functions": [{}]},): refused(f"run/@hf/{host.model}", {**body, **extra}, 501, 7002)
    for which, bad, code in (("sentence-mean", {}, 3003), ("sentence-mean", {"text": 5}, 5004), ("sentence-mean", {"text": []}, 5004), ("sentence-mean", {"text": ["x"] * 101}, 5004), ("sentence-mean", {"text": [5]}, 5004),
                             ("rank-sigmoid", {"query": "x"}, 5004), ("rank-sigmoid", {"query": "x", "contexts": ["y"]}, 5004), ("rank-sigmoid", {"query": "x", "contexts": [{"text": "y"}], "top_k": 0}, 5004),
                             ("fill-bert", {"text": "x"}, 5004)):
        refused(f"run/@hf/{encoder(which)}", bad, 400, code)
    r = host.get("/client/v4/accounts/alice/ai/nothing", host.alice)
    assert r.status == 404 and r.json()["errors"][0]["code"] == 7003
    r = host.post(f"/client/v4/accounts/alice/ai/run/@hf/{host.model}", {"prompt": "x" * (13 << 20)}, host.alice)
    assert r.status == 413 and r.json()["errors"][0]["code"] == 3006


def test_the_catalogue(host, ai, encoder):
    encoder("sentence-mean"), encoder("fill-bert")
    r = ai("models/search").json()
    names = [m["name"] for m in r["result"]]
    assert f"@hf/{host.model}" in names and f"@hf/{host.secret}" in names and r["result_info"]["total_count"] == len(names) and "@hf/alice/fill-bert" not in names
    assert f"@hf/{host.secret}" not in [m["name"] for m in ai("models/search", account="bob", token=host.bob).json()["result"]]
    one = next(m for m in r["result"] if m["name"] == f"@hf/{host.model}")
    assert one["task"]["name"] == "Text Generation" and len(one["id"]) == 36 and {p["property_id"] for p in one["properties"]} >= {"price"}
    assert [m["name"] for m in ai("models/search", search="sentence-me").json()["result"]] == ["@hf/alice/sentence-mean"]
    assert all(m["task"]["name"] == "Text Embeddings" for m in ai("models/search", task="Text Embeddings").json()["result"])
    pages = [ai("models/search", page=i, per_page=1).json()["result"] for i in range(1, len(names) + 2)]
    assert [p[0]["name"] for p in pages[:-1]] == names and pages[-1] == []
    assert {t["name"] for t in ai("tasks/search").json()["result"]} >= {"Text Generation", "Text Embeddings"}
    assert [a["name"] for a in ai("authors/search").json()["result"]] == ["alice"]
    schema = ai("models/schema", model=f"@hf/{host.model}").json()["result"]
    assert "prompt" in schema["input"]["properties"] and "response" in schema["output"]["properties"]
    ai("models/schema", model="@hf/alice/none", status=400), ai("models/search", page="x", status=400)


def test_openais_routes_there(host, ai, encoder):
    r = ai("v1/chat/completions", {"model": f"@hf/{host.model}", "messages": [{"role": "user", "content": START}], **GREEDY}).json()
    assert r["choices"][0]["message"]["content"] == STORY and r["object"] == "chat.completion"
    assert ai("v1/embeddings", {"model": f"@hf/{encoder('sentence-mean')}", "input": "Paris"}, account="acme").json()["object"] == "list"
    assert "error" in ai("v1/chat/completions", {"model": f"@hf/{host.model}", "messages": []}, status=400).json()
    assert ai("v1/chat/completions", {"model": f"@hf/{host.model}", "messages": []}, account="bob", status=403).json()["error"]["message"]


def test_the_cloudflare_sdk(host, encoder, tmp_path_factory):
    d = clients.Driver("cloudflare", host, tmp_path_factory.mktemp("cloudflare"), host.alice, CLOUDFLARE_BASE_URL=host.base + "/client/v4", CLOUDFLARE_API_TOKEN=host.alice)
    out = d("""
        import cloudflare
        c = cloudflare.Cloudflare()
        get = lambda x, k: x[k] if isinstance(x, dict) else getattr(x, k)
        text = c.ai.run(text_model, account_id="alice", prompt=start, max_tokens=20, temperature=0)
        vectors = c.ai.run(vector_model, account_id="alice", text=["Paris", "The cat."])
        labels = c.ai.run(label_model, account_id="acme", text="What?")
        def refused(model, **kw):
            try: c.ai.run(model, account_id="alice", **kw)
            except cloudflare.APIStatusError as x: return [type(x).__name__, x.status_code, [e.code for e in x.errors] if getattr(x, "errors", None) else x.body["errors"][0]["code"]]
        models = [m if isinstance(m, dict) else m.model_dump() for m in c.ai.models.list(account_id="alice")] if hasattr(c.ai.models, "list") else None
        schema = c.ai.models.schema.get(account_id="alice", model=text_model)
        out = [get(text, "response"), get(vectors, "shape"), len(labels), refused("@hf/alice/none", prompt="x"), refused(text_model, prompt="x", max_tokens=0), [m["name"] for m in models],
               [get(t, "name") for t in c.ai.tasks.list(account_id="alice")], [get(a, "name") for a in c.ai.authors.list(account_id="alice")], "input" in (schema if isinstance(schema, dict) else schema.model_dump())]
        """, text_model=f"@hf/{host.model}", vector_model=f"@hf/{encoder('sentence-mean')}", label_model=f"@hf/{encoder('classify-single')}", start=START)
    d.close()
    assert out[0] == STORY and out[1][0] == 2 and out[2] == 3 and out[3][:2] == ["BadRequestError", 400] and out[4][:2] == ["BadRequestError", 400]
    assert f"@hf/{host.model}" in out[5] and "Text Generation" in out[6] and out[7] == ["alice"] and out[8]
