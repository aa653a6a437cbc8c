"""Models that cannot be run: too large for the memory that there is, broken in one way or another, of no known kind.  Each protocol says so in
its own words, no worker takes the server with it, and other models go on."""
import json

import pytest

import hearth
from test_inference import DEMO, START, STORY, TASKS, push  # noqa: F401


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("limits") / "home", args=("--inference-idle", "2s", "--inference-dtype", "f32", "--inference-memory", "160MiB", "--inference-kv-memory", "2MiB"))
    s.alice = s.add_user("alice")
    s.start()
    yield s
    assert s.stop() == 0
    s.check_clean()


def asks(host, name):
    """The same question by every protocol: answer, and where its message is."""
    def post(path, body): return host.post(path, body, host.alice)
    yield post(f"/models/{name}", {"inputs": START}), lambda j: j["error"]
    yield post(f"/models/{name}/generate", {"inputs": START}), lambda j: j["error"]
    yield post(f"/models/{name}/generate_stream", {"inputs": START}), lambda j: j["error"]
    yield post(f"/models/{name}/tokenize", {"inputs": START}), lambda j: j["error"]
    yield post(f"/client/v4/accounts/alice/ai/run/@hf/{name}", {"prompt": START, "stream": True}), lambda j: j["errors"][0]["message"]
    yield post("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": START}]}), lambda j: j["error"]["message"]


def make(host, name, **files):
    host.create(name, host.alice)
    small = {k.replace("__", "."): v for k, v in files.items()}
    large = {k: small.pop(k) for k in list(small) if k.endswith(".safetensors")}
    assert host.commit(name, host.alice, small, large).status == 200
    return name


def test_a_model_that_is_larger_than_the_memory(host):
    config = {**json.loads((DEMO / "config.json").read_text())}
    size = 128 << 20
    header = json.dumps({"x": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    name = make(host, "alice/large", config__json=json.dumps(config), tokenizer__json=(DEMO / "tokenizer.json").read_bytes(),
                model__safetensors=len(header).to_bytes(8, "little") + header + b"\0" * size)
    for r, message in asks(host, name):
        assert r.status in (429, 503, 507), r
        assert "needs" in message(r.json()) and "GB" in message(r.json()), r


BROKEN = {
    "no-config": {"README__md": "x"},
    "bad-config": {"config__json": "{", "tokenizer__json": "{}"},
    "no-tokenizer": {"config__json": '{"model_type":"llama","architectures":["LlamaForCausalLM"]}'},
    "no-weights": {"config__json": '{"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":100}', "tokenizer__json": '{"model":{"type":"BPE","vocab":{},"merges":[]}}'},
    "unknown-family": {"config__json": '{"model_type":"nothing-known","architectures":["X"]}', "tokenizer__json": "{}"},
    "cut-weights": {"config__json": (DEMO / "config.json").read_text(), "tokenizer__json": (DEMO / "tokenizer.json").read_text(), "model__safetensors": (DEMO / "model.safetensors").read_bytes()[:5000]},
    "wild-header": {"config__json": (DEMO / "config.json").read_text(), "tokenizer__json": (DEMO / "tokenizer.json").read_text(), "model__safetensors": b"\xff" * 4096},
}


@pytest.mark.parametrize("which", BROKEN)
def test_a_broken_repository(host, which):
    name = make(host, f"alice/{which}", **BROKEN[which])
    for r, message in asks(host, name):
        assert 400 <= r.status < 600 and message(r.json()), r
    r = host.get(f"/models/{name}/health", host.alice)
    assert r.status in (200, 503)


def test_a_broken_encoder(host):
    files = {str(p.relative_to(TASKS / "sentence-mean")): p.read_bytes() for p in (TASKS / "sentence-mean").rglob("*") if p.is_file() and p.name != "expected.json"}
    large = {"model.safetensors": files.pop("model.safetensors")[:100]}
    host.create("alice/half", host.alice)
    assert host.commit("alice/half", host.alice, files, large).status == 200
    for what, body in (("embed", {"inputs": "x"}), ("embed_all", {"inputs": "x"}), ("similarity", {"inputs": {"source_sentence": "x", "sentences": ["y"]}})):
        r = host.post(f"/models/alice/half/{what}", body, host.alice)
        assert r.status >= 400 and set(r.json()) == {"error", "error_type"}, r
    r = host.post("/models/alice/half/pipeline/feature-extraction", {"inputs": "x"}, host.alice)
    assert r.status >= 400 and r.json()["error"], r


def test_a_good_one_runs_beside_them(host):
    name = push(host, host.alice, "alice/story")
    r = host.post(f"/models/{name}/generate", {"inputs": START, "parameters": {"max_new_tokens": 20}}, host.alice)
    assert r.status == 200 and r.json()["generated_text"] == STORY, r
