"""Makes tests/data/adapters: LoRA adapters with random numbers for models of tests/data/decoders, and what PEFT computes.

    pip install torch==2.6.0 transformers==4.53.3 peft==0.21.2 safetensors numpy
    python tests/oracle/make_adapters.py tests/data/decoders tests/data/adapters

Run once; the result is committed.  Both halves of every pair are random (PEFT begins with zeros, which would hide all), and
the expectations come from the adapter beside its model, in float32, not merged.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

# name: base, options of LoraConfig, whether it can stand beside the weights here (or only be merged)
CASES = {
    "llama-all": ("llama", dict(r=4, lora_alpha=6, target_modules="all-linear"), True),
    "llama-layers": ("llama", dict(r=3, lora_alpha=9, target_modules=["q_proj", "mlp.down_proj"], layers_to_transform=[0, 2]), True),
    "llama-head": ("llama", dict(r=2, lora_alpha=5, target_modules=["k_proj", "lm_head"]), False),
    "qwen2-patterns": ("qwen2", dict(r=4, lora_alpha=7, use_rslora=True, target_modules=["q_proj", "v_proj", "up_proj"],
                                     rank_pattern={"v_proj": 2, "layers.1.mlp.up_proj": 5}, alpha_pattern={"q_proj": 3})),
    "gpt2": ("gpt2", dict(r=3, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)),
    "gpt-neox": ("gpt-neox", dict(r=3, target_modules=["query_key_value", "dense"])),
    "phi3": ("phi3", dict(r=3, target_modules=["qkv_proj", "gate_up_proj"])),
    "glm-regex": ("glm", dict(r=2, target_modules=r"model\.layers\.\d+\.self_attn\.(q|k)_proj")),
    "mixtral": ("mixtral", dict(r=2, target_modules=["q_proj", "w1", "w2", "w3", "gate"]), False),
}
PROMPT = [1, 17, 42, 5, 88, 3, 3, 61, 29, 77, 12, 94, 50, 8, 33, 70, 21, 66, 9, 45, 13, 57, 80]


def make(models, where, name, base, options, beside=True):
    torch.manual_seed(sum(map(ord, name)))
    load = lambda: AutoModelForCausalLM.from_pretrained(models / base, torch_dtype=torch.float32, attn_implementation="eager").eval()
    model = get_peft_model(load(), LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_" in key:
                p.copy_(torch.randn_like(p) * 0.2)
    model.save_pretrained(where / name, save_embedding_layers=False)
    (where / name / "README.md").unlink(missing_ok=True)
    config = json.loads((where / name / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # a set, in any order
    (where / name / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    with torch.no_grad():
        plain = load()(torch.tensor([PROMPT])).logits[0]
        model = PeftModel.from_pretrained(load(), where / name).eval()
        logits = model(torch.tensor([PROMPT])).logits[0]
        assert (logits - plain).abs().max() > 0.05, "the adapter must show"
        ids = list(PROMPT)
        for _ in range(32):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    expected = {"base": base, "beside": beside, "prompt": PROMPT, "greedy": ids[len(PROMPT):],
                "logits": {str(at): [round(float(v), 6) for v in logits[at]] for at in (0, 9, len(PROMPT) - 1)}}
    (where / name / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


models, where = Path(sys.argv[1]), Path(sys.argv[2])
shutil.rmtree(where, ignore_errors=True)
for name, case in CASES.items():
    make(models, where, name, *case)
    print(name, sum(f.stat().st_size for f in (where / name).iterdir()), "bytes")
