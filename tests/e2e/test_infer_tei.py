"""Text Embeddings Inference at a model's address: vectors, scores, tokens, limits and errors."""
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from hearth import await_that
from inference import TASKS, counted, near, send_to, tell, usage, workers


@pytest.fixture
def ask(host, encoder):
    def call(which, what, body, status=200, kind=None):
        r = host.post(f"/models/{encoder(which)}/{what}", body, host.alice)
        assert r.status == status, (what, r)
        if kind: assert set(r.json()) == {"error", "error_type"} and r.json()["error_type"] == kind, r
        return r.json()
    return call


def unit(v): return abs(sum(x * x for x in v) - 1) < 1e-4


def test_vectors(ask):
    (plain,) = ask("sentence-mean", "embed", {"inputs": "Paris"})
    (short,) = ask("sentence-mean", "embed", {"inputs": "Paris", "dimensions": 4})
    (raw,) = ask("sentence-mean", "embed", {"inputs": "Paris", "normalize": False})
    (cut,) = ask("sentence-mean", "embed", {"inputs": "Paris", "normalize": False, "dimensions": 4})
    assert unit(plain) and unit(short) and len(short) == 4 and near(cut, raw[:4], 1e-6)
    scale = short[0] / plain[0]
    assert near([x * scale for x in plain[:4]], short, 1e-5)
    ids = [t["id"] for t in ask("sentence-mean", "tokenize", {"inputs": "Paris", "add_special_tokens": False})[0]]
    assert near(ask("sentence-mean", "embed", {"inputs": ids}), [plain], 1e-5) and near(ask("sentence-mean", "embed", {"inputs": [ids, "Paris"]}), [plain, plain], 1e-5)


def test_sparse_vectors(ask, host, encoder):
    for which in ("sparse-bert", "sparse-roberta"):
        for call in json.loads((TASKS / which / "expected.json").read_text()):
            want = call["output"] if isinstance(call["inputs"], list) else [call["output"]]
            got = ask(which, "embed_sparse", {"inputs": call["inputs"] or [""]}) if call["inputs"] else want  # TEI takes no empty text
            assert len(got) == len(want)
            for a, b in zip(got, want):
                assert [x["index"] for x in a] == [x["index"] for x in b] and near([x["value"] for x in a], [x["value"] for x in b], 1e-3)
    r = host.post(f"/models/{encoder('sparse-bert')}", {"inputs": "Paris"}, host.alice)
    assert r.status == 200 and set(r.json()[0]) == {"index", "value"}, r
    assert host.get(f"/models/{encoder('sparse-bert')}/info", host.alice).json()["model_type"] == {"embedding": {"pooling": "splade"}}
    assert ask("fill-bert", "embed_sparse", {"inputs": "Paris"})[0]
    ask("classify-single", "embed_sparse", {"inputs": "x"}, 424, "backend")


def test_a_vector_per_token(ask):
    tokens = ask("sentence-mean", "tokenize", {"inputs": ["Paris", "The cat sat."]})
    all_ = ask("sentence-mean", "embed_all", {"inputs": ["Paris", "The cat sat."]})
    assert [len(x) for x in all_] == [len(x) for x in tokens] and len(ask("sentence-mean", "embed_all", {"inputs": "Paris"})) == 1
    (raw,) = ask("sentence-mean", "embed", {"inputs": "Paris", "normalize": False})
    mean = [sum(c) / len(c) for c in zip(*all_[0])]  # its pooling; what follows makes its length 1
    assert near([x / sum(y * y for y in mean) ** 0.5 for x in mean], raw, 1e-4)


def test_in_company(ask, host, encoder):
    """What comes at once goes through the model together, and is answered, and paid for, as it is alone."""
    texts = ["Paris", ["The cat sat.", "x"], ["one", "two words", "three words here"] * 40, "The cat sat on the mat. " * 20]
    alone = [ask("sentence-mean", "embed", {"inputs": x}) for x in texts]
    tokens = usage(host)["prompt_tokens"]
    for x in texts: ask("sentence-mean", "embed", {"inputs": x})
    tokens = usage(host)["prompt_tokens"] - tokens
    before, name = usage(host)["prompt_tokens"], encoder("sentence-mean")
    running = lambda: counted(host, 'tgi_batch_current_size{model="%s"}' % name)  # noqa: E731
    pids = workers(host)
    tell(pids, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(ask, "sentence-mean", "embed", {"inputs": texts[i % 4]}) for i in range(20)]
            leaves = send_to(host, f"/models/{name}/embed", {"inputs": ["one", "two", "three"] * 300})
            await_that(lambda: running() == 21)
            leaves.close()
            tell(pids, signal.SIGCONT)
            assert [a.result() for a in answers] == [alone[i % 4] for i in range(20)]
    finally:
        tell(pids, signal.SIGCONT)
    await_that(lambda: running() == 0)
    assert 5 * tokens <= usage(host)["prompt_tokens"] - before <= 5 * tokens + 900 * 8, "who left pays for what was done until then"


def test_long_texts(ask):
    long = "The cat sat on the mat. " * 200
    assert near(ask("sentence-mean", "embed", {"inputs": long}), ask("sentence-mean", "embed", {"inputs": long + "Nobody knows."}), 1e-6)
    left = {"truncation_direction": "Left"}
    assert not near(ask("sentence-mean", "embed", {"inputs": long, **left}), ask("sentence-mean", "embed", {"inputs": long + "Nobody knows.", **left}), 1e-6)
    for what, body in (("embed", {"inputs": long}), ("embed_all", {"inputs": long}), ("similarity", {"inputs": {"source_sentence": "x", "sentences": [long]}, "parameters": {"truncate": False}})):
        ask("sentence-mean", what, {"truncate": False, **body}, 422, "validation")
    ask("rank-sigmoid", "rerank", {"query": "x", "texts": [long], "truncate": False}, 422, "validation")
    ask("classify-single", "predict", {"inputs": long, "truncate": False}, 422, "validation")
    assert ask("rank-sigmoid", "rerank", {"query": "x", "texts": [long]})[0]["index"] == 0
    assert len(ask("sentence-mean", "embed", {"inputs": "x" * (10 << 20)})) == 1


def test_tokens(ask):
    (one,) = ask("sentence-mean", "tokenize", {"inputs": "The cat — sat."})
    text = "The cat — sat.".encode()
    assert one[0]["special"] and one[0]["start"] is None and one[0]["text"] and one[-1]["special"]
    for t in one:
        assert set(t) == {"id", "text", "special", "start", "stop"}
        if not t["special"]: assert text[t["start"]:t["stop"]].decode() == t["text"]
    bare = ask("sentence-mean", "tokenize", {"inputs": ["The cat — sat.", "x"], "add_special_tokens": False})
    assert [t["id"] for t in bare[0]] == [t["id"] for t in one[1:-1]] and len(bare) == 2
    ids = [t["id"] for t in one]
    assert ask("sentence-mean", "decode", {"ids": [ids, ids]}) == ask("sentence-mean", "decode", {"ids": ids}) * 2
    assert "cat" in ask("sentence-mean", "decode", {"ids": ids})[0].lower() and len(ask("sentence-mean", "decode", {"ids": ids, "skip_special_tokens": False})[0]) > len(ask("sentence-mean", "decode", {"ids": ids})[0])


def test_scores(ask):
    case = json.loads((TASKS / "rank-sigmoid" / "expected.json").read_text())[0]
    body = {"query": case["inputs"]["query"], "texts": case["inputs"]["documents"]}
    ranks, raw = ask("rank-sigmoid", "rerank", body), ask("rank-sigmoid", "rerank", {**body, "raw_scores": True})
    assert [r["index"] for r in ranks] == [r["index"] for r in raw] and all(0 < r["score"] < 1 and "text" not in r for r in ranks)
    assert [r["score"] for r in raw] == sorted((r["score"] for r in raw), reverse=True) and not near([r["score"] for r in ranks], [r["score"] for r in raw])
    p, raw = ask("classify-single", "predict", {"inputs": "What?"}), ask("classify-single", "predict", {"inputs": "What?", "raw_scores": True})
    assert abs(sum(x["score"] for x in p) - 1) < 1e-4 and abs(sum(x["score"] for x in raw) - 1) > 1e-3
    assert ask("classify-single", "predict", {"inputs": [["What?"]]}) == [p]


BAD = [("embed", {"inputs": 5}), ("embed", {}), ("embed", {"inputs": [5, "x"]}), ("embed", {"inputs": [["x"]]}), ("embed", {"inputs": "x", "dimensions": 0}), ("embed", {"inputs": "x", "dimensions": 10**6}),
       ("embed", {"inputs": "x", "dimensions": "4"}), ("embed", {"inputs": "x", "normalize": "no"}), ("embed", {"inputs": "x", "truncate": 1}), ("embed", {"inputs": "x", "truncation_direction": "up"}),
       ("embed", {"inputs": "x", "prompt_name": "none"}), ("embed", {"inputs": "x", "prompt_name": 5}), ("embed", {"inputs": ["x"] * 1025}), ("embed", {"inputs": [10**8]}), ("embed", {"inputs": [-1]}),
       ("embed_all", {"inputs": {}}), ("embed_all", {"inputs": "x", "prompt_name": "none"}), ("similarity", {}), ("similarity", {"inputs": {"source_sentence": "x"}}),
       ("similarity", {"inputs": {"source_sentence": "x", "sentences": [5]}}), ("similarity", {"inputs": {"source_sentence": "x", "sentences": ["y"]}, "parameters": 5}),
       ("similarity", {"inputs": {"source_sentence": "x", "sentences": ["y"] * 1024}}), ("tokenize", {"inputs": 5}), ("tokenize", {"inputs": [5]}), ("tokenize", {"inputs": "x", "add_special_tokens": 1}),
       ("tokenize", {"inputs": "x", "prompt_name": "none"}), ("decode", {"ids": "x"}), ("decode", {"ids": ["x"]}), ("decode", {"ids": [10**9]}), ("decode", {"ids": [1], "skip_special_tokens": "x"}), ("embed", b"{")]


@pytest.mark.parametrize("what, body", BAD, ids=lambda x: str(x)[:50])
def test_what_is_outside_of_the_table_is_refused(ask, what, body):
    ask("sentence-mean", what, body, 422, "validation")


def test_refusals_that_have_other_words(ask, host):
    for what, body in (("embed", {"inputs": []}), ("similarity", {"inputs": {"source_sentence": "x", "sentences": []}}), ("decode", {"ids": []}), ("tokenize", {"inputs": []})):
        ask("sentence-mean", what, body, 400, "empty")
    ask("rank-sigmoid", "rerank", {"query": "x", "texts": []}, 400, "empty")
    for which, what, body in (("fill-bert", "predict", {"inputs": "x"}), ("classify-single", "embed", {"inputs": "x"}), ("fill-bert", "rerank", {"query": "x", "texts": ["y"]})):
        ask(which, what, body, 424, "backend")
    r = host.post(f"/models/{host.model}/embed", {"inputs": "x"}, host.alice)
    assert r.status == 424 and r.json()["error_type"] == "backend", r
    assert host.post("/models/alice/none/embed", {"inputs": "x"}, host.alice).status == 404 and host.post(f"/models/{host.model}/embed", {"inputs": "x"}).status == 401


def test_what_an_encoder_says_of_itself(host, encoder):
    info = lambda which: host.get(f"/models/{encoder(which)}/info", host.alice).json()  # noqa: E731
    one = info("sentence-mean")
    assert one["model_type"] == {"embedding": {"pooling": "mean"}} and one["max_input_length"] > 0 and one["max_client_batch_size"] == 1024 and one["auto_truncate"] is True
    assert set(info("classify-single")["model_type"]["classifier"]) == {"id2label", "label2id"}
    assert host.get(f"/models/{encoder('sentence-mean')}/health").status == 200
    r = host.post(f"/models/{encoder('sentence-mean')}/embed", {"inputs": "x"}, host.alice)
    assert all(n in r.headers for n in ("x-compute-type", "x-compute-time", "x-compute-tokens", "x-total-time", "x-inference-time")) and int(r.headers["x-compute-tokens"]) > 0
