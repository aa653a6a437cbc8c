"""Makes tests/data/tasks/sparse-*: the tiny masked models of fill-bert and fill-roberta as SPLADE, and what sentence-transformers makes of texts.

    pip install torch==2.6.0 transformers==4.53.3 sentence-transformers==5.7.0
    python tests/oracle/make_sparse.py tests/data/tasks

Run once; the result is committed.  One has the pooling "max", the other "sum".
"""
import json
import shutil
import sys
from pathlib import Path

from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.models import MLMTransformer, SpladePooling

TEXTS = ["Paris", "The cat sat on the mat.", "", "Ada Lovelace wrote the first program for the analytical engine in London. " * 12]


def make(base, out, strategy):
    shutil.rmtree(out, ignore_errors=True)
    model = SparseEncoder(modules=[MLMTransformer(str(base)), SpladePooling(pooling_strategy=strategy)], device="cpu")
    model.save(str(out), create_model_card=False)
    for p in out.iterdir():
        if p.name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "merges.txt", "vocab.json", "config.json"): p.unlink()
    for p in base.iterdir():
        if p.name not in ("expected.json", "README.md"): shutil.copy(p, out / p.name)
    model = SparseEncoder(str(out), device="cpu")

    def sparse(text):
        dense = model.encode([text], convert_to_sparse_tensor=False)[0].float().tolist()
        return [{"index": i, "value": v} for i, v in enumerate(dense) if v > 0]
    calls = [{"task": "sparse-embedding", "inputs": t, "output": sparse(t)} for t in TEXTS]
    calls.append({"task": "sparse-embedding", "inputs": TEXTS[:2], "output": [sparse(t) for t in TEXTS[:2]]})
    (out / "expected.json").write_text(json.dumps(calls))


where = Path(sys.argv[1])
make(where / "fill-bert", where / "sparse-bert", "max")
make(where / "fill-roberta", where / "sparse-roberta", "sum")
