"""LoRA repositories: named as models, run beside their base's weights by the base's worker, metered as themselves."""
import json
import os
import signal
import subprocess
import threading

import pytest

import hearth
from inference import workers
from lora import ADAPTERS, BASE, EXPECTED, PROMPT, base_files, letters, push_adapter, push_base



@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("lora") / "home", args=("--inference-idle", "60s", "--inference-dtype", "f32"))
    s.alice, s.bob = s.add_user("alice"), s.add_user("bob")
    with s:
        push_base(s, s.alice, "alice/base")
        for which in EXPECTED:
            push_adapter(s, s.alice, f"alice/{which}", "alice/base", which)
        yield s


def ask(host, model, token=None, **body):
    return host.post("/v1/completions", {"model": model, "prompt": PROMPT, "max_tokens": 32, "temperature": 0, **body}, token or host.alice)


def text(host, model, **body):
    r = ask(host, model, **body)
    assert r.status == 200, r
    return r.json()["choices"][0]["text"]


def test_they_are_finetunes_of_workers_ai(host, tmp_path_factory):
    import clients
    push_adapter(host, host.alice, "alice/unlisted", "alice/base", private=True)
    names = lambda what, token, account: [x["name"] for x in host.get(f"/client/v4/accounts/{account}/ai/{what}", token).json()["result"]]  # noqa: E731
    mine = sorted([*(f"alice/{which}" for which in EXPECTED), "alice/unlisted"])
    assert set(mine) <= set(names("finetunes", host.alice, "alice")) and names("finetunes", host.bob, "bob") == []
    assert "alice/unlisted" not in names("finetunes/public", host.alice, "alice") and set(mine) - {"alice/unlisted"} <= set(names("finetunes/public", host.bob, "bob"))
    assert host.get("/client/v4/accounts/alice/ai/finetunes", host.bob).status == 403
    d = clients.Driver("cloudflare", host, tmp_path_factory.mktemp("cloudflare"), host.alice, CLOUDFLARE_BASE_URL=host.base + "/client/v4", CLOUDFLARE_API_TOKEN=host.alice)
    out = d("""
        import cloudflare
        c = cloudflare.Cloudflare()
        shared = list(c.ai.finetunes.public.list(account_id="alice"))
        out = [[x.name for x in shared], shared[0].model, shared[0].public]
    """)
    d.close()
    assert set(mine) - {"alice/unlisted"} <= set(out[0]) and out[1:] == ["@hf/alice/base", True]


def message(r):
    return r.json()["error"]["message"]


def test_what_peft_computes_and_what_merging_gives(host, tmp_path):
    for which, expected in EXPECTED.items():
        want = letters(expected["greedy"])
        assert text(host, f"alice/{which}") == want
        for name, content in base_files().items():
            (tmp_path / name).write_text(content)
        (tmp_path / "model.safetensors").write_bytes((BASE / "model.safetensors").read_bytes())
        merged = subprocess.run([str(hearth.BIN), "run", str(tmp_path), PROMPT, "--adapter", str(ADAPTERS / which), "--temperature", "0", "--max-tokens", "32",
                                 "--dtype", "f32", "--cache", ""], capture_output=True, text=True, timeout=60)
        assert merged.stdout == want + "\n", merged.stderr
    assert text(host, "alice/base") not in [letters(x["greedy"]) for x in EXPECTED.values()]
    assert len(workers(host)) == 1


def test_several_at_once_in_one_worker(host):
    want = {"alice/base": text(host, "alice/base"), **{f"alice/{n}": letters(x["greedy"]) for n, x in EXPECTED.items()}}
    wrong = []

    def call(model):
        for _ in range(4):
            got = ask(host, model)
            if got.status != 200 or got.json()["choices"][0]["text"] != want[model]:
                wrong.append((model, got))
    threads = [threading.Thread(target=call, args=(m,)) for m in list(want) * 4]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    assert not wrong and len(workers(host)) == 1
    stream = ask(host, "alice/llama-all", stream=True).body.decode()
    parts = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    assert "".join(p["choices"][0]["text"] for p in parts if p["choices"]) == want["alice/llama-all"]
    scores = [ask(host, m, echo=True, logprobs=1, max_tokens=1).json()["choices"][0]["logprobs"]["token_logprobs"] for m in ("alice/base", "alice/llama-all")]
    assert len(scores[0]) == len(scores[1]) > len(PROMPT) and sum(abs(a - b) for a, b in zip(scores[0][1:], scores[1][1:])) > 0.1
    tgi = host.post("/models/alice/llama-all/generate", {"inputs": PROMPT, "parameters": {"max_new_tokens": 32, "do_sample": False}}, host.alice)
    assert tgi.status == 200 and tgi.json()["generated_text"] == want["alice/llama-all"], tgi


def test_metered_and_priced_as_itself(host):
    push_adapter(host, host.alice, "alice/dear", "alice/base")
    host.cli("price", "set", "dear", "--model", "alice/dear", "--input", "1", "--output", "10")
    text(host, "alice/dear")
    rows = host.get("/api/usage/inference", host.alice, query={"group_by": "model"}).json()["rows"]
    row = next(r for r in rows if r["model"] == "alice/dear")
    assert (row["requests"], row["prompt_tokens"], row["completion_tokens"]) == (1, len(PROMPT), 32)
    assert row["cost_nano_usd"] == len(PROMPT) * 1000 + 32 * 10000
    assert 'tgi_request_success{model="alice/dear"} 1' in host.get("/metrics").body.decode()
    listed = [m["id"] for m in host.get("/v1/models", host.alice).json()["data"]]
    assert {"alice/base", "alice/dear"} <= set(listed)
    assert host.get("/v1/models/alice/dear", host.alice).status == 200


def test_who_may_call(host):
    push_adapter(host, host.bob, "bob/mine", "alice/base", private=True)
    assert text(host, "bob/mine", token=host.bob) == letters(EXPECTED["llama-all"]["greedy"])
    assert ask(host, "bob/mine", host.alice).status == 404
    # A base that one may not read is as one that is not there.
    push_base(host, host.alice, "alice/hidden", private=True)
    push_adapter(host, host.bob, "bob/of-hidden", "alice/hidden")
    push_adapter(host, host.bob, "bob/of-none", "alice/nonesuch")
    hidden, none = ask(host, "bob/of-hidden", host.bob), ask(host, "bob/of-none", host.bob)
    assert hidden.status == none.status == 404
    assert message(hidden).replace("hidden", "x") == message(none).replace("nonesuch", "x").replace("none", "x") and "alice/hidden" in message(hidden)
    assert text(host, "bob/of-hidden") == letters(EXPECTED["llama-all"]["greedy"])  # alice may


def test_refused(host):
    push_adapter(host, host.alice, "alice/head", "alice/base", "llama-head")
    push_adapter(host, host.alice, "alice/no-weights", "alice/base", weights=False)
    push_adapter(host, host.alice, "alice/of-adapter", "alice/llama-all")
    push_adapter(host, host.alice, "alice/of-nothing", "")
    push_adapter(host, host.alice, "alice/of-path", "/home/somebody/model")
    host.create("alice/broken", host.alice)
    host.commit("alice/broken", host.alice, {"adapter_config.json": '{"base_model_name_or_path": "alice/base", "peft_type": "LORA"}'}, {"adapter_model.safetensors": b"x" * 1000})
    host.create("alice/no-json", host.alice)
    host.commit("alice/no-json", host.alice, {"adapter_config.json": "{"})
    for name, status, why in (("head", (400, 422), "merged"), ("no-weights", (404,), "adapter_model.safetensors"), ("of-adapter", (400, 422), "no model that runs by itself"),
                              ("of-nothing", (400, 422), "base_model_name_or_path"), ("of-path", (404,), "not on this hub"), ("broken", (400, 422), ""), ("no-json", (400, 422), "")):
        for _ in range(2):  # what failed is remembered, and told again
            r = ask(host, f"alice/{name}")
            assert r.status in status and why in message(r), (name, r)
    assert text(host, "alice/llama-all") == letters(EXPECTED["llama-all"]["greedy"]) and len(workers(host)) <= 2


def test_more_adapters_than_slots(host):
    names = [push_adapter(host, host.alice, f"alice/many-{i}", "alice/base", list(EXPECTED)[i % 2]) for i in range(19)]
    for _ in range(2):
        for i, name in enumerate(names):
            assert text(host, name) == letters(EXPECTED[list(EXPECTED)[i % 2]]["greedy"]), name
    answers = {}
    threads = [threading.Thread(target=lambda n=n: answers.update({n: text(host, n)})) for n in names]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    assert answers == {n: letters(EXPECTED[list(EXPECTED)[i % 2]]["greedy"]) for i, n in enumerate(names)}


def test_a_worker_that_dies_loads_them_again(host):
    text(host, "alice/llama-all")
    for pid in workers(host):
        os.kill(pid, signal.SIGKILL)
    for _ in range(50):
        r = ask(host, "alice/llama-all")
        if r.status == 200:
            break
    assert r.json()["choices"][0]["text"] == letters(EXPECTED["llama-all"]["greedy"])


def test_a_new_commit_is_another_adapter(host):
    push_adapter(host, host.alice, "alice/changing", "alice/base", "llama-all")
    assert text(host, "alice/changing") == letters(EXPECTED["llama-all"]["greedy"])
    config = {**json.loads((ADAPTERS / "llama-layers/adapter_config.json").read_text()), "base_model_name_or_path": "alice/base"}
    host.commit("alice/changing", host.alice, {"adapter_config.json": json.dumps(config)},
                {"adapter_model.safetensors": (ADAPTERS / "llama-layers/adapter_model.safetensors").read_bytes()})
    assert text(host, "alice/changing") == letters(EXPECTED["llama-layers"]["greedy"])
