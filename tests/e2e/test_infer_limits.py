"""Models that cannot be run: too large for the memory that there is, broken in one way or another, of no known kind.  Each protocol says so in
its own words, no worker takes the server with it, and other models go on."""
import json
import os
import signal
import socket
import threading
import time

import pytest

import hearth
from hearth import await_that
from inference import DEMO, START, STORY, complete, counted, encoder_files, push, push_files, send, send_to, usage, workers


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("limits") / "home", args=("--inference-idle", "2s", "--inference-dtype", "f32", "--inference-memory", "160MiB", "--inference-kv-memory", "2MiB"))
    s.alice = s.add_user("alice")
    with s:
        yield s


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
    return push_files(host, host.alice, name, {k.replace("__", "."): v for k, v in files.items()})


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


def test_who_leaves_before_there_is_room_for_him_pays_nothing(host):
    name = push(host, host.alice, "alice/room")
    spent = lambda: usage(host)  # noqa: E731
    running = lambda: counted(host, 'tgi_batch_current_size{model="alice/room"}')  # noqa: E731
    ask = lambda **body: send_to(host, "/v1/completions", {"model": name, "prompt": START, "temperature": 1, **body})  # noqa: E731
    first = ask(n=16, max_tokens=480)  # keys and values of three or four choices fit, so the others wait, and who comes later behind them
    await_that(lambda: running() == 1)
    before, second = spent(), ask(max_tokens=100)
    await_that(lambda: running() == 2)
    second.close()
    await_that(lambda: running() == 1)
    assert spent() == before
    first.close()
    await_that(lambda: running() == 0)


def push_with_data(host, name, **data):
    """The demo, and large files beside it that are no weights."""
    host.create(name, host.alice)
    files = {p.name: p.read_bytes() for p in DEMO.iterdir()}
    weights = {"model.safetensors": files.pop("model.safetensors")}
    assert host.commit(name, host.alice, files, {**weights, **data}).status == 200
    return name


def test_what_lies_beside_a_model_takes_no_memory_before_there_is_room(host):
    name = push_with_data(host, "alice/with-data", **{"corpus.txt": b"x" * (65 << 20)})
    ask = lambda name: host.post("/v1/completions", {"model": name, "prompt": START, "max_tokens": 20, "temperature": 0}, host.alice)  # noqa: E731
    assert ask(name).json()["choices"][0]["text"] == STORY
    memory = [f"/proc/{pid}/fd/{fd}" for pid in workers(host) for fd in os.listdir(f"/proc/{pid}/fd") if "memfd" in os.readlink(f"/proc/{pid}/fd/{fd}")]
    assert memory and max(os.stat(m).st_size for m in memory) < 64 << 20, "data is no part of the model"
    name = push_with_data(host, "alice/with-many", **{f"part{i}.json": b" " * (60 << 20) for i in range(9)})
    r = ask(name)
    assert r.status == 400 and r.json()["error"]["code"] is None and "512 MiB together" in r.json()["error"]["message"], r


@pytest.mark.parametrize("which", BROKEN)
def test_a_broken_repository(host, which):
    name = make(host, f"alice/{which}", **BROKEN[which])
    for r, message in asks(host, name):
        assert 400 <= r.status < 600 and message(r.json()), r
    r = host.get(f"/models/{name}/health", host.alice)
    assert r.status in (200, 503)


def test_a_broken_encoder(host):
    files = encoder_files("sentence-mean")
    push_files(host, host.alice, "alice/half", {**files, "model.safetensors": files["model.safetensors"][:100]})
    for what, body in (("embed", {"inputs": "x"}), ("embed_all", {"inputs": "x"}), ("similarity", {"inputs": {"source_sentence": "x", "sentences": ["y"]}})):
        r = host.post(f"/models/alice/half/{what}", body, host.alice)
        assert r.status >= 400 and set(r.json()) == {"error", "error_type"}, r
    r = host.post("/models/alice/half/pipeline/feature-extraction", {"inputs": "x"}, host.alice)
    assert r.status >= 400 and r.json()["error"], r


def test_a_good_one_runs_beside_them(host):
    name = push(host, host.alice, "alice/story")
    r = host.post(f"/models/{name}/generate", {"inputs": START, "parameters": {"max_new_tokens": 20}}, host.alice)
    assert r.status == 200 and r.json()["generated_text"] == STORY, r


def test_too_many_at_once_are_told_to_come_later(serve):
    s = serve("--inference-queue", "1", "--inference-dtype", "f32")
    s.model = push(s, s.alice, "alice/story")
    assert complete(s).status == 200
    for pid in workers(s): os.kill(pid, signal.SIGSTOP)
    held = [send(s) for _ in range(40)]  # 32 run, one waits, the rest is turned away
    await_that(lambda: counted(s, 'tgi_request_failure{model="alice/story",err="overloaded"}'))
    for path, body, busy in ((f"/models/{s.model}/generate", {"inputs": START}, lambda j: j["error_type"] == "overloaded"),
                             (f"/client/v4/accounts/alice/ai/run/@hf/{s.model}", {"prompt": START}, lambda j: j["errors"][0]["code"] == 3040)):
        r = s.post(path, body, s.alice)
        assert r.status == 429 and busy(r.json()) and int(r.headers["retry-after"]) > 0 and int(r.headers["retry-after-ms"]) > 0, r
    for pid in workers(s): os.kill(pid, signal.SIGCONT)
    for c in held: c.close()
    await_that(lambda: complete(s).status == 200)


def test_a_crowd_at_the_door_is_let_in(serve):
    """More calls at the same moment than there are threads, and more than a model runs at once: all are answered, none is told that the server is busy."""
    crowd = 600
    s = serve("--inference-queue", "1000", "--inference-dtype", "f32", "--inference-wait", "10m")
    body = json.dumps({"model": push(s, s.alice, "alice/story"), "prompt": START, "max_tokens": 1, "temperature": 0}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer {s.alice}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    clients = [socket.create_connection(("127.0.0.1", s.port), timeout=300) for _ in range(crowd)]
    for c in clients: c.sendall(head + body)
    answers = [c.recv(4096).split(b"\r\n", 1)[0] for c in clients]
    for c in clients: c.close()
    assert set(answers) == {b"HTTP/1.1 200 OK"}, {a: answers.count(a) for a in set(answers)}


def test_no_money_is_no_model(serve):
    s = serve("--inference-free-per-day", "0", "--inference-budget-per-month", "0", "--inference-dtype", "f32")
    name = push(s, s.alice, "alice/story")
    s.cli("price", "set", "dear", "--model", name, "--input", "100", "--output", "100")
    r = s.post(f"/models/{name}/generate", {"inputs": START}, s.alice)
    assert r.status == 402 and r.json()["error_type"] == "insufficient_quota" and r.headers["x-should-retry"] == "false", r
    r = s.post(f"/client/v4/accounts/alice/ai/run/@hf/{name}", {"prompt": START}, s.alice)
    assert r.status == 429 and r.json()["errors"][0]["code"] == 3036, r
    assert s.post(f"/models/{name}/tokenize", {"inputs": START}, s.alice).status == 200  # which is free


def test_a_worker_that_dies_is_an_error_of_generation(host):
    name = push(host, host.alice, "alice/dies")
    ask = lambda: host.post(f"/models/{name}/generate_stream", {"inputs": START, "parameters": {"max_new_tokens": 400, "do_sample": True}}, host.alice)  # noqa: E731
    assert host.post(f"/models/{name}/generate", {"inputs": START, "parameters": {"max_new_tokens": 1}}, host.alice).status == 200
    for _ in range(30):
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(ask())) for _ in range(4)]
        for x in threads: x.start()
        time.sleep(0.05)
        for pid in workers(host): os.kill(pid, signal.SIGKILL)
        for x in threads: x.join()
        events = [json.loads(line[6:]) for r in seen if r.status == 200 for line in r.body.decode().split("\n") if line.startswith("data: ")]
        assert all(r.status in (200, 424, 429) for r in seen), seen
        failed = [x for x in events if "error" in x] + [r.json() for r in seen if r.status == 424]
        if failed: break
    assert failed and all(x["error_type"] == "generation" for x in failed), failed
