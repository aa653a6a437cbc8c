"""Calls of models on /metrics: they count what happened, and name models only to those who may see them."""
import re

import pytest

from inference import START, push, story_host


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with story_host(tmp_path_factory.mktemp("metrics") / "home", "--inference-idle", "60s") as s:
        s.root = s.add_user("root-admin", admin=True, role="admin")
        yield s


def metrics(host, token=None):
    """{(name, labels)}: value; labels as sorted pairs without the model, which is the third part of the key."""
    out = {}
    for line in host.get("/metrics", token).body.decode().splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
        model = pairs.pop("model", None)
        key = (name, model, *sorted(pairs.values()))
        assert key not in out, line
        out[key] = float(value)
    return out


def complete(host, model, **body):
    return host.post("/v1/completions", {"model": model, "prompt": START, "max_tokens": 20, "temperature": 0, **body}, host.alice)


def test_calls_are_counted_by_model(host):
    story, secret = "alice/story", "alice/secret"
    for _ in range(3):
        assert complete(host, story).status == 200
    assert complete(host, story, prompt=START * 5000).status == 400
    assert complete(host, secret, stream=True).status == 200
    m = metrics(host, host.alice)
    assert m["tgi_request_count", story] == 4 and m["tgi_request_success", story] == 3 and m["tgi_request_failure", story, "validation"] == 1
    assert m["hearth_inference_prompt_tokens_total", story] == 15 and m["hearth_inference_generated_tokens_total", story] == 60
    assert m["tgi_queue_size", story] == m["tgi_batch_current_size", story] == 0
    assert m["hearth_inference_workers", story, "ready"] == 1 and m["hearth_inference_worker_starts_total", story] == 1
    assert m["hearth_inference_worker_resident_bytes", story] > 1 << 20 and m["hearth_inference_worker_claimed_bytes", story] > 1 << 20
    assert m["hearth_inference_cold_calls_total", story] >= 1 and m["hearth_inference_memory_bytes", None] > m["hearth_inference_worker_claimed_bytes", story]
    assert m["tgi_request_duration_count", story] == 3 and m["tgi_request_duration_sum", story] > 0
    assert m["hearth_inference_time_to_first_token_count", story] == 3 and m["hearth_inference_inter_token_latency_count", story] == 57
    for name in ("tgi_request_duration", "tgi_request_queue_duration", "tgi_request_inference_duration", "tgi_request_mean_time_per_token_duration",
                 "hearth_inference_time_to_first_token", "hearth_inference_inter_token_latency", "tgi_request_input_length", "tgi_request_generated_tokens"):
        buckets = [(float(k[2]), v) for k, v in m.items() if k[0] == name + "_bucket" and k[1] == story]
        assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), name
        assert buckets[-1] == (float("inf"), m[name + "_count", story]), name
    assert [v for k, v in m.items() if k[:2] == ("tgi_request_input_length_bucket", story)][2:4] == [0, 3]  # 5 tokens: above 4, at most 8
    assert m["tgi_request_success", secret] == 1


def test_a_model_is_named_to_those_who_may_see_it(host):
    if ("tgi_request_count", "alice/secret") not in metrics(host, host.alice):
        assert complete(host, "alice/secret").status == 200 and complete(host, "alice/story").status == 200
    for who, names in ((None, {"alice/story", "(private)"}), (host.bob, {"alice/story", "(private)"}), (host.alice, {"alice/story", "alice/secret"}),
                       (host.root, {"alice/story", "alice/secret"})):
        m = metrics(host, who)
        assert {k[1] for k in m if k[0] == "tgi_request_count"} == names
        assert sum(v for k, v in m.items() if k[0] == "tgi_request_count") == sum(v for k, v in metrics(host).items() if k[0] == "tgi_request_count")


def test_how_fast_a_model_ran_outlives_the_server(host):
    assert complete(host, "alice/story").status == 200
    assert host.stop() == 0
    host.start()
    page = host.get("/alice/story").body.decode()
    assert re.search(r"Speed here</dt><dd>\S+ tokens/s</dd>", page), page
    # A repository that was made later under the name of another has not run yet.
    assert host.post("/api/repos/move", {"fromRepo": "alice/story", "toRepo": "alice/tale", "type": "model"}, host.alice).status == 200
    push(host, host.alice, "alice/story")
    assert "not called yet" in host.get("/alice/story").body.decode()
