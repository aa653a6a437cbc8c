"""Makes tests/oracle/gguf/blocks.json: random blocks of every type, and what the gguf package's dequantiser restores.

    pip install gguf==0.19.0 numpy
    python tests/oracle/gguf/make_blocks.py > tests/oracle/gguf/blocks.json

Bytes are random but for the float16 scales, which are kept finite.  Values are float32, as their bits in hexadecimal: they
are compared exactly.  Run once; the result is committed.
"""
import json

import gguf
import numpy as np
from gguf import quants

BLOCKS = 3
HALVES = {  # where a type has float16 scales
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2],
    "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "NVFP4": [],
}
rng = np.random.default_rng(20)
out = {}
for name, halves in HALVES.items():
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in halves:
        data[:, at:at + 2] = rng.normal(0, 0.1, (BLOCKS, 1)).astype(np.float16).view(np.uint8).reshape(BLOCKS, 2)
    if name == "NVFP4":
        data[0, 0], data[0, 1], data[:, 2:4] = 0x7f, 0, data[:, 2:4] & 0x7f  # the two odd ones, and without a sign
        data[1:, :2] &= 0x7f
    with np.errstate(all="ignore"):
        want = quants.dequantize(data.reshape(-1), kind).reshape(-1).astype(np.float32)
    assert want.size == BLOCKS * elements and np.isfinite(want).all(), name
    out[name] = {"type": int(kind), "elements": elements, "bytes": data.tobytes().hex(), "want": want.astype("<f4").view("<u4").astype(">u4").tobytes().hex()}
print(json.dumps(out, indent=0))
