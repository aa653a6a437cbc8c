"""Makes tests/data/decoders: one tiny decoder per family with random weights, and what Transformers computes with it.

    pip install torch==2.6.0 transformers==4.53.3 safetensors numpy
    python tests/oracle/make_decoders.py tests/data/decoders

Run once; the result is committed.  Sizes are odd on purpose, every feature of a family is switched on with numbers small
enough to show within a few tokens (windows of 4, original lengths of 16), and norms are not 1, since the default would hide
mistakes.  Weights are bfloat16; the expectations are computed in float32 from those very weights, with the eager attention.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

COMMON = dict(vocab_size=99, hidden_size=40, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
CASES = {
    "llama": ("llama", dict(attention_bias=True, mlp_bias=True)),
    "llama-head-dim": ("llama", dict(head_dim=14, tie_word_embeddings=True)),
    "llama-linear": ("llama", dict(rope_scaling={"rope_type": "linear", "factor": 3.0})),
    "llama-llama3": ("llama", dict(rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                 "original_max_position_embeddings": 16})),
    "llama-yarn": ("llama", dict(rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32})),
    "mistral": ("mistral", dict(sliding_window=4)),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(head_dim=12)),
    "smollm3": ("smollm3", dict(num_hidden_layers=5)),
    "phi3": ("phi3", dict(sliding_window=None)),
    "gemma": ("gemma", dict(head_dim=10)),
    "gemma2": ("gemma2", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": ("gemma3_text", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, sliding_window_pattern=2, rope_local_base_freq=100.0)),
}
PROMPT = [1, 17, 42, 5, 88, 3, 3, 61, 29, 77, 12, 94, 50, 8, 33, 70, 21, 66, 9, 45, 13, 57, 80]


def make(where, name, model_type, extra):
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(model_type, **{**COMMON, **extra})
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.3 if "norm" in key else 0.15) + (1.0 if "norm" in key and "gemma" not in model_type else 0.0))
            p.copy_(p.to(torch.bfloat16).float())
        model.to(torch.bfloat16).save_pretrained(where / name)
        model = AutoModelForCausalLM.from_pretrained(where / name, torch_dtype=torch.float32, attn_implementation="eager").eval()
        logits = model(torch.tensor([PROMPT])).logits[0]
        ids = list(PROMPT)
        for _ in range(24):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    (where / name / "generation_config.json").unlink(missing_ok=True)
    expected = {"prompt": PROMPT, "greedy": ids[len(PROMPT):],
                "logits": {str(at): [round(float(v), 6) for v in logits[at]] for at in (0, 9, len(PROMPT) - 1)}}
    (where / name / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


where = Path(sys.argv[1])
shutil.rmtree(where, ignore_errors=True)
for name, (model_type, extra) in CASES.items():
    make(where, name, model_type, extra)
    print(name, sum(f.stat().st_size for f in (where / name).iterdir()), "bytes")
