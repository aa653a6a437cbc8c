"""huggingface_hub's InferenceClient, unmodified, of every pinned generation: a model's address, and the provider hf-inference by a
model's name, for which the hub says what it serves."""
import pytest

import clients
from inference import START, STORY

TAGGED = b"---\npipeline_tag: %s\ntags:\n- sentence-similarity\n- feature-extraction\n---\n"


@pytest.fixture(scope="module", params=clients.HUB_VERSIONS)
def client(request, host, tmp_path_factory):
    version = request.param
    d = clients.Driver(f"hub-{version}", host, tmp_path_factory.mktemp("inference"), host.alice, HF_INFERENCE_ENDPOINT=host.base)
    d.version = tuple(int(x) for x in version.split("."))
    # The router's address is a constant of the library; the endpoint of older ones is read from the environment.
    d("""
        import huggingface_hub.constants as k
        if hasattr(k, "INFERENCE_PROXY_TEMPLATE"): k.INFERENCE_PROXY_TEMPLATE = base + "/{provider}"
        import huggingface_hub
        out = 0
        """, base=host.base)
    yield d
    d.close()


def test_at_a_models_address(client, host, encoder):
    out = client("""
        from huggingface_hub import InferenceClient
        at = lambda name: InferenceClient(model=f"{base}/models/{name}", token=key)
        label = lambda x: x["label"] if isinstance(x, dict) else x.label
        get = lambda x, k: x[k] if isinstance(x, dict) else getattr(x, k)
        c = at(text)
        parts = list(c.text_generation(start, max_new_tokens=20, do_sample=False, stream=True, details=True))
        detailed = c.text_generation(start, max_new_tokens=20, do_sample=False, details=True, decoder_input_details=True, return_full_text=False)
        chat = c.chat_completion([{"role": "user", "content": start}], max_tokens=20, temperature=0)
        chunks = [x.choices[0].delta.content or "" for x in c.chat_completion([{"role": "user", "content": start}], max_tokens=20, temperature=0, stream=True) if x.choices]
        out = [c.text_generation(start, max_new_tokens=20, do_sample=False, return_full_text=False), parts[-1].generated_text, parts[-1].details.finish_reason,
               detailed.details.generated_tokens, len(detailed.details.prefill), chat.choices[0].message.content, "".join(chunks),
               [label(x) for x in at(single).text_classification("The cat sat on the mat.")], get(at(fill).fill_mask("Paris is [MASK], of course.")[0], "token_str"),
               get(at(answers).question_answering(question="Who wrote it?", context="Ada Lovelace wrote the first program."), "answer"),
               len(at(sentence).sentence_similarity("Paris", other_sentences=["It is Paris.", "The cat."])),
               [label(x) for x in at(zero).zero_shot_classification("The engine runs.", ["sports", "science"])],
               [get(x, "entity_group") for x in at(tokens).token_classification("Ada Lovelace wrote to Charles Babbage in London.")]]
        """, base=host.base, key=host.alice, text=host.model, start=START, single=encoder("classify-single"), fill=encoder("fill-bert"), answers=encoder("answer-bert"),
        sentence=encoder("sentence-mean"), zero=encoder("zero-bert"), tokens=encoder("label-bert"))
    assert out[0] == STORY and out[1].endswith(STORY) and out[2] == "length" and out[3] == 20 and out[4] >= 4 and out[5] == out[6] == STORY
    assert len(out[7]) == 3 and out[8] and out[9] and out[10] == 2 and set(out[11]) == {"sports", "science"} and out[12]


def test_errors_are_its_typed_ones(client, host):
    out = client("""
        from huggingface_hub import InferenceClient
        import huggingface_hub.errors as errors
        c = InferenceClient(model=f"{base}/models/{text}", token=key)
        def refused(**kw):
            try: return c.text_generation(start, **kw)
            except Exception as x: return type(x).__name__
        out = [refused(max_new_tokens=0), refused(max_new_tokens=5, best_of=2), refused(max_new_tokens=5, top_k=-1), refused(max_new_tokens=5, watermark=True)]
        """, base=host.base, key=host.alice, text=host.model, start=START)
    assert out[:3] == ["ValidationError"] * 3 and out[3] not in ("str", "ValidationError"), out


def test_by_name(client, host, encoder):
    """As a provider of the hub: what serves a model, and as which task, the hub says."""
    if client.version[:2] == (0, 30): pytest.skip("its addresses of providers are made when it is imported")
    if client.version < (0, 28):
        get = 'InferenceClient(model=name, token=key)'
    else:
        get = 'InferenceClient(provider="hf-inference", model=name, token=key)'
    for which, tag in (("fill-bert", b"fill-mask"), ("classify-single", b"text-classification")):
        assert host.commit(encoder(which), host.alice, {"README.md": TAGGED % tag}).status == 200
    out = client(f"""
        from huggingface_hub import InferenceClient
        at = lambda name: {get}
        get = lambda x, k: x[k] if isinstance(x, dict) else getattr(x, k)
        c = at(text)
        out = [c.text_generation(start, max_new_tokens=20, do_sample=False, return_full_text=False),
               c.chat_completion([{{"role": "user", "content": start}}], max_tokens=20, temperature=0).choices[0].message.content,
               get(at(fill).fill_mask("Paris is [MASK], of course.")[0], "token_str"), len(at(single).text_classification("The cat sat on the mat."))]
        """, key=host.alice, text=host.model, start=START, fill=encoder("fill-bert"), single=encoder("classify-single"))
    assert out[:2] == [STORY, STORY] and out[2] and out[3] == 3


def test_what_the_hub_says_of_a_model(host, encoder):
    one = host.get(f"/api/models/{host.model}", host.alice, query={"expand[]": "inferenceProviderMapping"}).json()
    assert one["inferenceProviderMapping"] == {"hf-inference": {"status": "live", "providerId": host.model, "task": "conversational", "type": "single-model"}}
    plain = host.get(f"/api/models/{host.model}", host.alice).json()
    assert plain["inference"] == "warm" and plain["pipeline_tag"] == "text-generation" and "conversational" in plain["tags"]
    host.create("alice/nothing", host.alice)
    assert "inference" not in host.get("/api/models/alice/nothing", host.alice).json()
    assert host.get("/api/models/alice/nothing", host.alice, query={"expand[]": "inferenceProviderMapping"}).json()["inferenceProviderMapping"] == {}
    encoder("sentence-mean")
    ids = lambda **q: {m["id"] for m in host.get("/api/models", host.alice, query=q).json()}  # noqa: E731
    everything, served = ids(), ids(inference_provider="hf-inference")
    assert {host.model, "alice/sentence-mean"} <= served < everything and "alice/nothing" not in served
    assert served == ids(inference_provider="all") == ids(inference="warm") and ids(inference_provider="groq") == set() == ids(inference="cold")
    pages, seen = host.get("/api/models", host.alice, query={"inference": "warm", "limit": 1}), []
    while True:
        seen += [m["id"] for m in pages.json()]
        if "link" not in pages.headers: break
        pages = host.get(pages.headers["link"].split(host.base)[1].split(">")[0], host.alice)
    assert len(seen) == len(served) and set(seen) == served
    listed = next(m for m in host.get("/api/models", host.alice, query={"expand[]": "inferenceProviderMapping"}).json() if m["id"] == host.model)
    assert listed["inferenceProviderMapping"][0]["provider"] == "hf-inference" and listed["inferenceProviderMapping"][0]["task"] == "conversational"
    found = {m["id"]: m["availableInferenceProviders"] for m in host.get("/api/quicksearch", host.alice, query={"q": "alice", "type": "model"}).json()["models"]}
    assert [p["task"] for p in found[host.model]] == ["conversational"] and found["alice/nothing"] == [], found
    tasks = host.get("/api/tasks").json()
    assert host.model in tasks["text-generation"]["widgetModels"] and tasks["text-generation"]["models"][0]["id"] in tasks["text-generation"]["widgetModels"]
    assert tasks["image-classification"]["widgetModels"] == []


def test_the_newest_asks_the_hub_who_serves(host, tmp_path_factory):
    d = clients.Driver(f"hub-{clients.NEWEST}", host, tmp_path_factory.mktemp("newest"), host.alice, HF_INFERENCE_ENDPOINT=host.base)
    host.cli("org", "add", "payers-two", "--owner", "alice")
    out = d("""
        import huggingface_hub.constants as k
        k.INFERENCE_PROXY_TEMPLATE = base + "/{provider}"
        from huggingface_hub import InferenceClient, HfApi
        c = InferenceClient(model=model, token=key)
        info = HfApi().model_info(model, expand=["inferenceProviderMapping", "inference"])
        paid = InferenceClient(provider="hf-inference", model=model, token=key, bill_to="payers-two").text_generation(start, max_new_tokens=2)
        auto = InferenceClient(model=model, token=key).text_generation(start, max_new_tokens=20, do_sample=False, return_full_text=False)
        endpoint = InferenceClient(provider="hf-inference", model=f"{base}/models/{model}", token=key)
        out = [[(m.provider, m.status, m.task, m.provider_id) for m in info.inference_provider_mapping], info.inference, auto, [m.id for m in HfApi().list_models(inference_provider="hf-inference")],
               endpoint.get_endpoint_info()["model_id"], endpoint.health_check()]
        """, base=host.base, key=host.alice, model=host.model, start=START)
    d.close()
    assert out[0] == [["hf-inference", "live", "conversational", host.model]] and out[1] == "warm" and out[2] == STORY and host.model in out[3] and out[4] == host.model and out[5] is True
    assert host.get("/api/usage/inference", host.alice, query={"account": "payers-two"}).json()["total"]["requests"] == 1
