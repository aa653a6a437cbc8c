"""Makes tests/data/encoders: one tiny encoder per family with random weights, and what Transformers computes with it.

    pip install torch==2.6.0 transformers==4.53.3 safetensors numpy
    python tests/oracle/make_encoders.py tests/data/encoders

Run once; the result is committed.  A folder's model.safetensors has the weights of all heads of the family side by side.
Sizes are odd on purpose, every feature is switched on with numbers small enough to show within a few tokens (windows of 4,
few buckets), and norms are not 1, since the default would hide mistakes.  Weights are bfloat16; the expectations are
computed in float32 from those very weights, each text alone, with the eager attention.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification, AutoModelForTokenClassification)

COMMON = dict(vocab_size=99, hidden_size=40, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4,
              max_position_embeddings=80, pad_token_id=0, type_vocab_size=2)
DISTILBERT = dict(vocab_size=99, dim=40, hidden_dim=37, n_layers=3, n_heads=4, max_position_embeddings=80, pad_token_id=0)
DEBERTA = dict(type_vocab_size=0, relative_attention=True, position_biased_input=False)
CASES = {
    "bert": ("bert", dict(layer_norm_eps=1e-3)),
    "bert-old": ("bert", {}),
    "ernie": ("ernie", dict(hidden_act="relu")),
    "roberta": ("roberta", dict(pad_token_id=1, type_vocab_size=1, layer_norm_eps=1e-5)),
    "xlm-roberta": ("xlm-roberta", dict(pad_token_id=1, type_vocab_size=1, hidden_act="gelu_new")),
    "camembert": ("camembert", dict(pad_token_id=1, type_vocab_size=1)),
    "data2vec-text": ("data2vec-text", dict(pad_token_id=1, type_vocab_size=1)),
    "distilbert": ("distilbert", {}),
    "mpnet": ("mpnet", dict(pad_token_id=1)),
    "electra": ("electra", dict(embedding_size=20)),
    "albert": ("albert", dict(embedding_size=20, num_hidden_layers=4, num_hidden_groups=2)),
    "modernbert": ("modernbert", dict(num_hidden_layers=4, local_attention=8, global_attn_every_n_layers=3, global_rope_theta=500.0,
                                      local_rope_theta=50.0, num_labels=2, cls_token_id=2, sep_token_id=3, classifier_bias=True)),
    "modernbert-mean": ("modernbert", dict(num_hidden_layers=2, local_attention=8, norm_bias=True, attention_bias=True, mlp_bias=True,
                                           classifier_pooling="mean", decoder_bias=False, num_labels=2)),
    "deberta-v2": ("deberta-v2", {**DEBERTA, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 12}),
    "deberta-v3": ("deberta-v2", {**DEBERTA, "pos_att_type": "p2c|c2p", "share_att_key": True, "position_buckets": 8,
                                  "max_relative_positions": -1, "norm_rel_ebd": "layer_norm"}),
}
HEADS = {"none": AutoModel, "sequence": AutoModelForSequenceClassification, "token": AutoModelForTokenClassification,
         "question": AutoModelForQuestionAnswering, "masked": AutoModelForMaskedLM}
TEXTS = [[2, 17, 42, 5, 88, 3, 61, 29, 77, 12, 94, 50, 8, 33, 70, 21, 66, 9, 45, 13, 57, 80, 4, 98, 31, 6, 73, 3],
         [2, 19, 3],
         [2, 7, 7, 1, 0, 64, 90, 15, 3],
         [2] + [5 + 37 * i % 94 for i in range(59)] + [3]]
TYPES = [[0] * 12 + [1] * 16, [0] * 3, [0] * 5 + [1] * 4, [0] * 30 + [1] * 31]


def weights_of(model_type, base):
    """All heads beside one body: what a later class has in common with an earlier one, it takes from it."""
    union = {}
    for name, auto in HEADS.items():
        # A question has two numbers a token, which Transformers takes from the number of labels.
        config = AutoConfig.for_model(model_type, **{**base, **({"num_labels": 2} if name == "question" else {})})
        model = auto.from_config(config)
        if name == "none":
            prefix = model.base_model_prefix
        own = {}
        for key, p in model.state_dict().items():
            key = key if name != "none" else f"{prefix}.{key}"
            if key in union and union[key].shape == p.shape:
                continue
            if key in union:
                raise SystemExit(f"{model_type}: {key} has two shapes")
            spread, middle = (0.3, 1.0) if "norm" in key.lower() and key.endswith("weight") else (0.2, 0.0)
            own[key] = (torch.randn_like(p) * spread + middle).to(torch.bfloat16) if p.is_floating_point() else None
        tied = {k for k in own if k.endswith(("predictions.decoder.weight", "lm_head.decoder.weight", "vocab_projector.weight",
                                              "generator_lm_head.weight")) or (model_type == "modernbert" and k == "decoder.weight")}
        copies = {k for k in own if k.endswith(("predictions.decoder.bias", "lm_head.decoder.bias"))}
        union.update({k: v for k, v in own.items() if v is not None and k not in tied | copies})
    return union


def say(t):
    return [round(float(v), 6) for v in t.reshape(-1)]


def make(where, name, model_type, extra):
    torch.manual_seed(sum(map(ord, name)))
    base = {"num_labels": 3, **(DISTILBERT if model_type == "distilbert" else COMMON), **extra}
    if model_type in ("mpnet", "distilbert", "modernbert"):
        base.pop("type_vocab_size", None)
    config = AutoConfig.for_model(model_type, **base)
    config.architectures = []
    config.save_pretrained(where / name)
    save_file(weights_of(model_type, base), where / name / "model.safetensors", metadata={"format": "pt"})
    expected = {"texts": TEXTS, "types": TYPES if base.get("type_vocab_size", 0) > 1 else None}
    for head, auto in HEADS.items():
        more = {"num_labels": 2} if head == "question" else {}
        model = auto.from_pretrained(where / name, torch_dtype=torch.float32, attn_implementation="eager", **more).eval()
        outputs = []
        for ids, types in zip(TEXTS, TYPES):
            given = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
            if expected["types"]:
                given["token_type_ids"] = torch.tensor([types])
            with torch.no_grad():
                out = model(**given)
            if head == "none":
                # The first, the third and the last token of each text.
                outputs.append(say(out.last_hidden_state[0, [0, 2, -1]]))
                if getattr(out, "pooler_output", None) is not None:
                    expected.setdefault("pooler", []).append(say(out.pooler_output[0]))
            elif head == "question":
                outputs.append(say(torch.stack([out.start_logits[0], out.end_logits[0]], -1)[[0, 2, -1]]))
            elif head == "sequence":
                outputs.append(say(out.logits[0]))
            else:
                outputs.append(say(out.logits[0, [0, 2, -1]]))
        expected[head] = outputs
    (where / name / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def make_old(where, name):
    """As BERT was first published: norms with gamma and beta, no prefix."""
    from safetensors.torch import load_file
    path = where / name / "model.safetensors"
    old = {}
    for key, t in load_file(path).items():
        key = key.removeprefix("bert.")
        if "LayerNorm" in key:
            key = key.replace("weight", "gamma").replace("bias", "beta")
        old[key] = t
    save_file(old, path, metadata={"format": "pt"})


where = Path(sys.argv[1])
shutil.rmtree(where, ignore_errors=True)
for name, (model_type, extra) in CASES.items():
    make(where, name, model_type, extra)
    print(name, sum(f.stat().st_size for f in (where / name).iterdir()), "bytes")
make_old(where, "bert-old")
