"""@huggingface/inference, unmodified: each task that is built, at a model's address (endpointUrl), and the provider hf-inference by a model's name
with the hosts that are written into the library rewritten by its own `fetch` option."""
import json
import subprocess
import uuid

import pytest

import clients
from inference import START, STORY

ADDRESS = """
import { InferenceClient } from "@huggingface/inference";
const [base, key, names, start] = JSON.parse(process.argv[2]);
const at = (name) => new InferenceClient(key, { endpointUrl: `${base}/models/${name}` });
const out = {}, messages = [{ role: "user", content: start }];
const text = at(names.text);
out.generated = (await text.textGeneration({ inputs: start, parameters: { max_new_tokens: 20, temperature: 0 } })).generated_text;
out.streamed = "";
for await (const part of text.textGenerationStream({ inputs: start, parameters: { max_new_tokens: 20, temperature: 0 } })) out.streamed += part.token?.text ?? part.choices?.[0]?.text ?? "";
out.chat = (await text.chatCompletion({ messages, max_tokens: 20, temperature: 0 })).choices[0].message.content;
out.chunks = "";
for await (const part of text.chatCompletionStream({ messages, max_tokens: 20, temperature: 0 })) out.chunks += part.choices[0]?.delta?.content ?? "";
out.labels = (await at(names.single).textClassification({ inputs: "The cat sat on the mat." })).map((x) => x.label);
out.fill = (await at(names.fill).fillMask({ inputs: "Paris is [MASK], of course." }))[0].token_str;
out.answer = (await at(names.answers).questionAnswering({ inputs: { question: "Who wrote it?", context: "Ada Lovelace wrote the first program." } })).answer;
out.similar = await at(names.sentence).sentenceSimilarity({ inputs: { source_sentence: "Paris", sentences: ["It is Paris.", "The cat."] } });
out.features = (await at(names.sentence).featureExtraction({ inputs: "Paris" })).length;
const zero = await at(names.zero).zeroShotClassification({ inputs: ["The engine runs."], parameters: { candidate_labels: ["sports", "science"] } });
out.zero = zero;
out.entities = (await at(names.tokens).tokenClassification({ inputs: "Ada Lovelace wrote to Charles Babbage in London." })).map((x) => x.entity_group);
out.refused = [];
for (const call of [() => at("alice/none").fillMask({ inputs: "x" }), () => at(names.fill).fillMask({ inputs: "no mask" }), () => text.chatCompletion({ messages: [] })])
    try { await call(); out.refused.push(null); } catch (e) { out.refused.push(`${e.name}: ${e.message}`); }
console.log(JSON.stringify(out));
"""

PROVIDER = """
import { InferenceClient } from "@huggingface/inference";
const [base, key, names, start] = JSON.parse(process.argv[2]);
const asked = [];
const home = (url, init) => { const to = String(url).replace(/^https:\\/\\/(router\\.)?huggingface\\.co/, base); asked.push(to); return fetch(to, init); };
globalThis.fetch = new Proxy(globalThis.fetch, { apply: (f, self, [url, init]) => Reflect.apply(f, self, [typeof url === "string" ? url.replace(/^https:\\/\\/(router\\.)?huggingface\\.co/, base) : url, init]) });
const c = new InferenceClient(key, { fetch: home, billTo: names.payer });
const provider = "hf-inference", out = {};
out.chat = (await c.chatCompletion({ provider, model: names.text, messages: [{ role: "user", content: start }], max_tokens: 20, temperature: 0 })).choices[0].message.content;
out.fill = (await c.fillMask({ provider, model: names.fill, inputs: "Paris is [MASK], of course." }))[0].token_str;
out.labels = (await c.textClassification({ provider, model: names.single, inputs: "The cat sat on the mat." })).length;
out.features = (await c.featureExtraction({ provider, model: names.sentence, inputs: "Paris" })).length;
out.similar = (await c.sentenceSimilarity({ provider, model: names.sentence, inputs: { source_sentence: "Paris", sentences: ["It is Paris.", "The cat."] } })).length;
out.asked = asked;
console.log(JSON.stringify(out));
"""


@pytest.fixture
def run(host, encoder):
    def call(code, **more):
        folder = clients.js_client("js-inference")
        script = folder / f"t-{uuid.uuid4().hex[:6]}.mjs"
        script.write_text(code)
        names = {"text": host.model, "single": encoder("classify-single"), "fill": encoder("fill-bert"), "answers": encoder("answer-bert"), "sentence": encoder("sentence-mean"),
                 "zero": encoder("zero-bert"), "tokens": encoder("label-bert"), **more}
        try:
            r = subprocess.run(["node", str(script), json.dumps([host.base, host.alice, names, START])], capture_output=True, text=True, timeout=120, env=clients.client_environment(host, folder))
        finally:
            script.unlink()
        assert r.returncode == 0, r.stdout + r.stderr
        return json.loads(r.stdout.strip().splitlines()[-1])
    return call


def test_at_a_models_address(run):
    out = run(ADDRESS)
    assert out["generated"] == STORY and out["chat"] == out["chunks"] == STORY and out["streamed"] == STORY
    assert len(out["labels"]) == 3 and out["fill"] and out["answer"] and len(out["similar"]) == 2 and out["features"] > 4 and out["entities"]
    assert {x["label"] for x in out["zero"]} == {"sports", "science"}
    assert all(out["refused"]), out["refused"]


def test_by_name(run, host, encoder):
    for which, tag in (("fill-bert", "fill-mask"), ("classify-single", "text-classification")):
        assert host.commit(encoder(which), host.alice, {"README.md": f"---\npipeline_tag: {tag}\n---\n"}).status == 200
    host.cli("org", "add", "js-payers", "--owner", "alice")
    out = run(PROVIDER, payer="js-payers")
    assert out["chat"] == STORY and out["fill"] and out["labels"] == 3 and out["features"] > 4 and out["similar"] == 2
    assert any(f"/hf-inference/models/{host.model}/v1/chat/completions" in x for x in out["asked"]), out["asked"]
    assert host.get("/api/usage/inference", host.alice, query={"account": "js-payers"}).json()["total"]["requests"] == 5
