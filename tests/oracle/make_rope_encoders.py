"""Makes nomic-bert, gte and new of tests/data/encoders, which only later versions of Transformers have.

    pip install torch==2.6.0 transformers==5.23.0 safetensors numpy
    python tests/oracle/make_rope_encoders.py tests/data/encoders

Run once; the result is committed.  As in make_encoders.py, but each head is saved by its class, under the names that its maker
has published.  "new" is gte with Alibaba's own config.json and a rope scaled by "ntk", which Transformers does not know: the
inverse frequencies are put in its place by the formula of their modeling.py.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

SIZES = dict(vocab_size=99, hidden_size=40, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=80, pad_token_id=0,
             type_vocab_size=2)
TEXTS = [[2, 17, 42, 5, 88, 3, 61, 29, 77, 12, 94, 50, 8, 33, 70, 21, 66, 9, 45, 13, 57, 80, 4, 98, 31, 6, 73, 3], [2, 19, 3], [2, 7, 7, 1, 0, 64, 90, 15, 3],
         [2] + [5 + 37 * i % 94 for i in range(59)] + [3]]
TYPES = [[0] * 12 + [1] * 16, [0] * 3, [0] * 5 + [1] * 4, [0] * 30 + [1] * 31]
NOMIC = dict(model_type="nomic_bert", vocab_size=99, n_embd=40, n_head=4, n_inner=37, n_layer=3, n_positions=80, type_vocab_size=2, rotary_emb_base=50,
             rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_scaling_factor=None, activation_function="swiglu", qkv_proj_bias=False,
             mlp_fc1_bias=False, mlp_fc2_bias=False, prenorm=False, layer_norm_epsilon=1e-12, max_trained_positions=40, causal=False)
NEW = dict(SIZES, model_type="new", hidden_act="gelu", layer_norm_type="layer_norm", layer_norm_eps=1e-12, position_embedding_type="rope", rope_theta=50.0,
           rope_scaling={"type": "ntk", "factor": 8.0}, logn_attention_scale=False, pack_qkv=True, num_labels=3,
           id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
CASES = {"nomic-bert": ("nomic_bert", dict(rope_parameters={"rope_type": "default", "rope_theta": 50.0}), {"none": AutoModel}, NOMIC),
         "gte": ("gte", dict(rope_parameters={"rope_type": "default", "rope_theta": 50.0}, num_labels=3),
                 {"none": AutoModel, "sequence": AutoModelForSequenceClassification, "token": AutoModelForTokenClassification}, None),
         "new": ("gte", dict(rope_parameters={"rope_type": "default", "rope_theta": 50.0}, num_labels=3),
                 {"none": AutoModel, "sequence": AutoModelForSequenceClassification}, NEW)}


def say(t):
    return [round(float(v), 6) for v in t.reshape(-1)]


def stretch(model, base, factor, dim):
    for module in model.modules():
        if hasattr(module, "inv_freq"):
            module.inv_freq = 1.0 / ((base * factor) ** (torch.arange(0, dim, 2).float() / dim)) / factor ** (2 / dim)


def make(where, name, model_type, extra, heads, published):
    shutil.rmtree(where / name, ignore_errors=True)
    torch.manual_seed(sum(map(ord, name)))
    union, expected = {}, {"texts": TEXTS, "types": TYPES}
    body = None
    for head, auto in heads.items():
        config = AutoConfig.for_model(model_type, **{**SIZES, **extra})
        config._attn_implementation = "eager"
        model = auto.from_config(config).float().eval()
        with torch.no_grad():
            for key, p in model.named_parameters():
                norm = "norm" in key.lower() and key.endswith("weight")
                p.copy_((torch.randn_like(p) * (0.3 if norm else 0.2) + (1.0 if norm else 0.0)).to(torch.bfloat16).float())
            inner = model if head == "none" else getattr(model, model.base_model_prefix)
            if body is not None:  # the pooler is new
                inner.load_state_dict(body, strict=False)
            body = {**(body or {}), **{k: v.clone() for k, v in inner.state_dict().items()}}
        model.save_pretrained(where / name)
        prefix = "new." if model_type == "gte" else "bert."
        for key, t in load_file(where / name / "model.safetensors").items():
            key = key.removeprefix(model.base_model_prefix + ".").removeprefix(prefix)
            union[key if key.startswith("classifier") else prefix + key] = t.to(torch.bfloat16)
            if head == "token" and key.startswith("classifier"):
                with torch.no_grad():
                    model.classifier.weight.copy_(union0["classifier.weight"].float())
                    model.classifier.bias.copy_(union0["classifier.bias"].float())
                union.update(union0)
        union0 = {k: v for k, v in union.items() if k.startswith("classifier")}
        if name == "new":
            stretch(model, 50.0, 8.0, 10)
        outputs = []
        for ids, types in zip(TEXTS, TYPES):
            with torch.no_grad():
                out = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), token_type_ids=torch.tensor([types]))
            if head == "none":
                outputs.append(say(out.last_hidden_state[0, [0, 2, -1]]))
            else:
                outputs.append(say(out.logits[0] if head == "sequence" else out.logits[0, [0, 2, -1]]))
        expected[head] = outputs
    save_file(union, where / name / "model.safetensors", metadata={"format": "pt"})
    if published:
        (where / name / "config.json").write_text(json.dumps(published, indent=1) + "\n")
    (where / name / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
    print(name, sum(f.stat().st_size for f in (where / name).iterdir()), "bytes", len(union), "tensors")


for name, case in CASES.items():
    make(Path(sys.argv[1]), name, *case)
