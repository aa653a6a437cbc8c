"""OpenAI's surface for the clients that people have: openai for Python of this year and of the first line, openai for JavaScript,
huggingface_hub's InferenceClient.  All unmodified."""
import json
import os
import signal
import subprocess
import threading
import uuid

import pytest

import clients
from hearth import await_that
from inference import START, STORY, complete, counted, encoder_files, push, push_files, send, workers
from openai_calls import FLAT, NOW, WEATHER, WRITTEN, host, valid_weather


@pytest.fixture(scope="module", params=["openai", "openai-1"])
def sdk(request, host, tmp_path_factory):
    d = clients.Driver(request.param, host, tmp_path_factory.mktemp(request.param), host.alice, OPENAI_BASE_URL=host.base + "/v1", OPENAI_API_KEY=host.alice)
    yield d
    d.close()


@pytest.fixture(scope="module")
def newest(host, tmp_path_factory):
    d = clients.Driver("openai", host, tmp_path_factory.mktemp("newest"), host.alice, OPENAI_BASE_URL=host.base + "/v1", OPENAI_API_KEY=host.alice)
    yield d
    d.close()


@pytest.fixture(scope="module")
def embedder(host):
    return push_files(host, host.alice, "alice/vectors", encoder_files("sentence-mean"))


SAID = WRITTEN.replace("{", "\\{").replace("}", "\\}")


def test_functions_in_python(host, sdk):
    out = sdk("""
        import json, openai
        c = openai.OpenAI()
        ask = [{"role": "user", "content": start}]
        def call(**kw): return c.chat.completions.create(model=model, messages=ask, max_tokens=200, temperature=1, seed=1, tools=[weather, now], **kw)
        forced = call(tool_choice="required", parallel_tool_calls=False).choices[0]
        named = call(tool_choice={"type": "function", "function": {"name": "weather"}}, parallel_tool_calls=False).choices[0].message.tool_calls[0]
        free = call(extra_body={"guided_regex": said}).choices[0].message
        names, arguments, ids = {}, {}, {}
        for chunk in call(extra_body={"guided_regex": said}, stream=True):
            for piece in chunk.choices[0].delta.tool_calls or []:
                names[piece.index] = names.get(piece.index, "") + (piece.function.name or "")
                arguments[piece.index] = arguments.get(piece.index, "") + (piece.function.arguments or "")
                ids.setdefault(piece.index, piece.id)
        # a turn with what the function gave
        again = c.chat.completions.create(model=model, max_tokens=5, temperature=0, tools=[weather, now], messages=[*ask, free, *[
            {"role": "tool", "tool_call_id": t.id, "content": "sunny"} for t in free.tool_calls]])
        def refused(**kw):
            try: return call(**kw).model_dump()
            except openai.APIStatusError as x: return [x.status_code, x.param]
        out = [forced.finish_reason, named.function.name, named.function.arguments, [[t.function.name, json.loads(t.function.arguments)] for t in free.tool_calls],
               names, arguments, all(ids.values()) and len(set(ids.values())), again.choices[0].message.content is not None, refused(tool_choice="nothing"),
               refused(tool_choice={"type": "function", "function": {"name": "nothing"}})]
        """, model=host.model, start=START, weather=WEATHER, now=NOW, said=SAID)
    assert out[:2] == ["tool_calls", "weather"] and valid_weather(out[2])
    assert out[3] == [["now", {}], ["weather", {"city": "Rome"}]] and out[4] == {"0": "now", "1": "weather"}
    assert {k: json.loads(v) for k, v in out[5].items()} == {"0": {}, "1": {"city": "Rome"}} and out[6] == 2 and out[7]
    assert out[8] == out[9] == [400, "tool_choice"]


def test_completions_embeddings_and_models_in_python(host, sdk, embedder):
    out = sdk("""
        import openai
        c = openai.OpenAI()
        two = c.completions.create(model=model, prompt=[start, "Lily"], max_tokens=4, temperature=0, logprobs=1, echo=True)
        best = c.completions.create(model=model, prompt=start, max_tokens=4, temperature=1, best_of=3, n=2)
        texts = "".join(k.choices[0].text for k in c.completions.create(model=model, prompt=start, max_tokens=20, temperature=0, stream=True))
        words = c.embeddings.create(model=vectors, input=["Paris", "The cat."]).data
        tokens = c.embeddings.create(model=vectors, input=[[5, 6, 7], [8, 9]]).data
        one = c.embeddings.create(model=vectors, input=[5, 6, 7]).data
        out = [[x.text[:16] for x in two.choices], [len(x.logprobs.tokens) == len(x.logprobs.text_offset) for x in two.choices], two.choices[0].logprobs.token_logprobs[0],
               len(best.choices), texts, [len(x.embedding) for x in words + tokens + one], one[0].embedding == tokens[0].embedding,
               c.models.retrieve(model).id, [m.id for m in c.models.list()]]
        """, model=host.model, start=START, vectors=embedder)
    assert out[0][0] == START and out[0][1].startswith("Lily") and out[1] == [True, True] and out[2] is None
    assert out[3] == 2 and out[4] == STORY and len(set(out[5])) == 1 and out[5][0] > 4 and out[6]
    assert out[7] == host.model and host.model in out[8]


def test_responses_in_python(host, newest):
    out = newest("""
        import openai
        from pydantic import BaseModel
        c = openai.OpenAI()
        whole = c.responses.create(model=model, input=start, max_output_tokens=20, temperature=0)
        kinds, texts = [], []
        for event in c.responses.create(model=model, input=start, max_output_tokens=20, temperature=0, stream=True):
            kinds.append(event.type)
            if event.type == "response.output_text.delta": texts.append(event.delta)
        call = c.responses.create(model=model, input=start, max_output_tokens=200, tools=[weather], tool_choice="required", parallel_tool_calls=False, temperature=1)
        class Pet(BaseModel):
            age: int
        with c.responses.stream(model=model, input=start, max_output_tokens=300, text_format=Pet, temperature=0) as stream:
            for event in stream: pass
            parsed = stream.get_final_response()
        helper = c.chat.completions.parse(model=model, messages=[{"role": "user", "content": start}], response_format=Pet, max_tokens=300, temperature=0)
        def refused(**kw):
            try: c.responses.create(model=model, input=start, **kw)
            except openai.APIStatusError as x: return [x.status_code, x.param]
        out = [whole.output_text, whole.usage.output_tokens, kinds[0], kinds[-1], "".join(texts), call.output[0].name, call.output[0].arguments,
               isinstance(parsed.output_parsed.age, int), isinstance(helper.choices[0].message.parsed.age, int), refused(previous_response_id="resp_1")]
        """, model=host.model, start=START, weather=FLAT)
    assert out[:5] == [STORY, 20, "response.created", "response.incomplete", STORY] and out[5] == "weather" and valid_weather(out[6])
    assert out[7:] == [True, True, [501, "previous_response_id"]]


def test_models_of_pydantic_in_python(host, newest):
    """Types as people write them: what comes back is parsed by the very models that asked for it."""
    out = newest("""
        import datetime, enum, openai, typing
        from pydantic import BaseModel, Field, HttpUrl, UUID4, conint, constr
        c = openai.OpenAI()
        class Colour(enum.Enum): red, blue, grey = "red", "blue", "grey"
        class Cat(BaseModel): kind: typing.Literal["cat"]; lives: conint(ge=0, le=98, multiple_of=7)
        class Dog(BaseModel): kind: typing.Literal["dog"]; tag: UUID4
        class Order(BaseModel):
            code: constr(pattern=r"^[A-Z]{2}(-[0-9]+)+$", min_length=5, max_length=9)
            price: typing.Annotated[float, Field(ge=0.5, lt=99.99)]
            weight: typing.Annotated[float, Field(gt=0, le=2.5, multiple_of=0.25)]
            colours: typing.Annotated[set[Colour], Field(min_length=1)]
            stock: typing.Annotated[dict[constr(pattern="^[a-z]+$"), int], Field(max_length=2)]
            when: datetime.date
            pet: typing.Annotated[typing.Union[Cat, Dog], Field(discriminator="kind")]
        class Link(BaseModel): url: typing.Annotated[HttpUrl, Field(json_schema_extra={"maxLength": 30, "pattern": "^https://[a-z.]+$"})]
        ask = dict(model=model, messages=[{"role": "user", "content": start}], max_tokens=900, temperature=1)
        def schema(of): return {"type": "json_schema", "json_schema": {"name": "x", "schema": of.model_json_schema()}}
        def parsed(of, seed):
            choice = c.chat.completions.create(**ask, seed=seed, response_format=schema(of)).choices[0]
            return choice.finish_reason == "length" or bool(of.model_validate_json(choice.message.content))
        def called(of, seed):
            tool = {"type": "function", "function": {"name": "f", "parameters": of.model_json_schema()}}
            choice = c.chat.completions.create(**ask, seed=seed, tools=[tool], tool_choice="required", parallel_tool_calls=False).choices[0]
            return choice.finish_reason == "length" or bool(of.model_validate_json(choice.message.tool_calls[0].function.arguments))
        class Score(BaseModel): score: conint(ge=0, le=10, multiple_of=5); tone: typing.Literal["kind", "cold"]
        helper = c.chat.completions.parse(**ask, seed=1, response_format=Score).choices[0].message.parsed
        def refused(**schema):
            try: c.chat.completions.create(**ask, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
            except openai.APIStatusError as x: return [x.status_code, "uniqueItems" in x.message]
        out = [[parsed(of, seed) for of in (Order, Cat, Link) for seed in range(4)], [called(of, seed) for of in (Order, Cat) for seed in range(3)],
               helper.score in (0, 5, 10), refused(type="array", items={"type": "string"}, uniqueItems=True)]
        """, model=host.model, start=START)
    assert all(out[0]) and all(out[1]) and out[2] and out[3][1] and out[3][0] in (400, 501), out


def test_stream_helpers_in_python(host, newest):
    out = newest("""
        import openai
        c = openai.OpenAI()
        kinds = []
        with c.chat.completions.stream(model=model, messages=[{"role": "user", "content": start}], max_tokens=200, temperature=1, seed=1,
                                       tools=[weather], tool_choice="required", parallel_tool_calls=False) as stream:
            for event in stream: kinds.append(event.type)
            last = stream.get_final_completion().choices[0]
        out = [last.finish_reason, last.message.tool_calls[0].function.name, last.message.tool_calls[0].function.arguments, sorted(set(kinds))]
        """, model=host.model, start=START, weather={"type": "function", "function": {**WEATHER["function"], "strict": True}})
    assert out[:2] == ["tool_calls", "weather"] and valid_weather(out[2])
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= set(out[3])


def test_functions_in_the_inference_client(host, newest):
    out = newest("""
        import json
        from huggingface_hub import InferenceClient
        c = InferenceClient(base_url=base + "/v1", api_key=key)
        ask = [{"role": "user", "content": start}]
        forced = c.chat_completion(ask, model=model, max_tokens=200, tools=[weather], tool_choice="required").choices[0]
        named = c.chat_completion(ask, model=model, max_tokens=400, tools=[weather, now], tool_choice={"function": {"name": "weather"}}).choices[0].message.tool_calls[0]
        pieces = [t for k in c.chat_completion(ask, model=model, max_tokens=400, tools=[weather], tool_choice="required", temperature=1, seed=1, stream=True)
                  for t in k.choices[0].delta.tool_calls or [] if t.index == 0]
        at = InferenceClient(model=f"{base}/models/{model}", api_key=key)  # the address says which, the body says "dummy"
        out = [forced.finish_reason in ("tool_calls", "length"), named.function.name, named.function.arguments, pieces[0].function.name,
               "".join(p.function.arguments for p in pieces), at.chat_completion(ask, max_tokens=20, temperature=0).choices[0].message.content]
        """, base=host.base, key=host.alice, model=host.model, start=START, weather=WEATHER, now=NOW)
    assert out[0] and out[1] == out[3] == "weather" and valid_weather(out[2]) and valid_weather(out[4]) and out[5] == STORY


JS = """
import OpenAI from 'openai';
const [,, base, key, model, vectors, start, weather, now, said] = process.argv;
const c = new OpenAI({ baseURL: base + '/v1', apiKey: key });
const messages = [{ role: 'user', content: start }], tools = [JSON.parse(weather), JSON.parse(now)];
const out = {};
out.whole = (await c.chat.completions.create({ model, messages, max_tokens: 20, temperature: 0 })).choices[0].message.content;
out.parts = '';
for await (const k of await c.chat.completions.create({ model, messages, max_tokens: 20, temperature: 0, stream: true })) out.parts += k.choices[0]?.delta?.content ?? '';
const forced = await c.chat.completions.create({ model, messages, max_tokens: 200, temperature: 1, seed: 1, tools, tool_choice: 'required', parallel_tool_calls: false });
out.forced = [forced.choices[0].finish_reason, forced.choices[0].message.tool_calls.length];
const named = await c.chat.completions.create({ model, messages, max_tokens: 200, tools, tool_choice: { type: 'function', function: { name: 'weather' } }, parallel_tool_calls: false });
out.named = named.choices[0].message.tool_calls[0].function;
const runner = c.chat.completions.stream({ model, messages, max_tokens: 200, temperature: 0, tools, guided_regex: said });
out.streamed = (await runner.finalChatCompletion()).choices[0].message.tool_calls.map((t) => [t.function.name, JSON.parse(t.function.arguments)]);
out.completion = (await c.completions.create({ model, prompt: start, max_tokens: 20, temperature: 0 })).choices[0].text;
out.vectors = (await c.embeddings.create({ model: vectors, input: ['Paris', 'The cat.'] })).data.map((d) => d.embedding.length);
out.zero = (await c.embeddings.create({ model: vectors, input: 'Paris' })).data[0].embedding.every((x) => x === 0);
out.floats = (await c.embeddings.create({ model: vectors, input: 'Paris', encoding_format: 'float' })).data[0].embedding.length;
out.models = []; for await (const m of c.models.list()) out.models.push(m.id);
out.response = (await c.responses.create({ model, input: start, max_output_tokens: 20, temperature: 0 })).output_text;
out.events = []; for await (const v of await c.responses.create({ model, input: start, max_output_tokens: 3, stream: true })) out.events.push(v.type);
out.refused = await c.chat.completions.create({ model: 'alice/none', messages }).then(() => null, (x) => [x.constructor.name, x.status, x.code]);
console.log(JSON.stringify(out));
"""


def test_javascript(host, embedder):
    folder = clients.js_client("js-openai")
    script = folder / f"t-{uuid.uuid4().hex[:6]}.mjs"
    script.write_text(JS)
    try:
        env = clients.client_environment(host, folder)
        r = subprocess.run(["node", str(script), host.base, host.alice, host.model, embedder, START, json.dumps(WEATHER), json.dumps(NOW), SAID],
                           capture_output=True, text=True, timeout=120, env=env)
    finally:
        script.unlink()
    assert r.returncode == 0, r.stdout + r.stderr
    out = json.loads(r.stdout.strip().splitlines()[-1])
    assert out["whole"] == out["parts"] == out["completion"] == out["response"] == STORY
    assert out["forced"] == ["tool_calls", 1] and out["named"]["name"] == "weather" and valid_weather(out["named"]["arguments"])
    assert out["streamed"] == [["now", {}], ["weather", {"city": "Rome"}]]
    assert out["vectors"][0] == out["vectors"][1] == out["floats"] > 4 and not out["zero"], "base64 is asked for by default, and an answer in floats would be empty"
    assert host.model in out["models"] and out["events"][0] == "response.created" and out["events"][-1] == "response.incomplete"
    assert out["refused"] == ["NotFoundError", 404, "model_not_found"]


def test_a_client_that_is_told_to_come_later_comes_later(serve, tmp_path):
    """The model's queue is full: 429, which the client takes for what it is, and asks again until there is room."""
    s = serve("--inference-queue", "1", "--inference-dtype", "f32")
    s.model = push(s, s.alice, "alice/story")
    assert complete(s).status == 200
    late = lambda: counted(s, 'tgi_request_failure{model="alice/story",err="overloaded"}')  # noqa: E731
    d = clients.Driver("openai", s, tmp_path / "openai", s.alice, OPENAI_BASE_URL=s.base + "/v1", OPENAI_API_KEY=s.alice)
    for pid in workers(s): os.kill(pid, signal.SIGSTOP)
    others = [send(s) for _ in range(40)]  # 32 run, one waits, the rest is turned away
    await_that(late)
    before, out = late(), []
    client = threading.Thread(target=lambda: out.append(d("""
        import openai
        out = openai.OpenAI(max_retries=100).completions.create(model=model, prompt=start, max_tokens=20, temperature=0).choices[0].text
    """, model=s.model, start=START)))
    client.start()
    await_that(lambda: late() > before + 1, 60)  # more than once: it has come again
    for pid in workers(s): os.kill(pid, signal.SIGCONT)
    client.join()
    for c in others: c.close()
    d.close()
    assert out == [STORY]
