"""Makes tests/data/decoders: one tiny decoder per family with random weights, and what Transformers computes with it.

    pip install torch==2.6.0 transformers==4.57.6 safetensors numpy
    python tests/oracle/make_decoders.py tests/data/decoders [NAME...]

(Those that Transformers had before summer 2025 were made with 4.53.3, down to olmoe.)

Run once; the result is committed.  With names, only those are made, and the others stay.  Sizes are odd on purpose, every feature of a family is switched on with numbers small
enough to show within a few tokens (windows of 4, original lengths of 16), and norms are not 1, since the default would hide
mistakes.  Weights are bfloat16; the expectations are computed in float32 from those very weights, with the eager attention.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

COMMON = dict(vocab_size=99, hidden_size=40, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
TINY_VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=4)
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
    "phi3-long": ("phi3", dict(sliding_window=None, original_max_position_embeddings=16, partial_rotary_factor=0.8, rope_scaling={
        "type": "longrope", "short_factor": [1.0, 1.1, 1.5, 2.0], "long_factor": [1.2, 3.0, 7.0, 20.0]})),
    "phi3-switch": ("phi3", dict(sliding_window=None, original_max_position_embeddings=32, rope_scaling={
        "type": "longrope", "short_factor": [1, 1.1, 1.5, 2.0, 2.5], "long_factor": [1.2, 3.0, 7.0, 20, 40.0]})),
    "gemma": ("gemma", dict(head_dim=10)),
    "gemma2": ("gemma2", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": ("gemma3_text", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, sliding_window_pattern=2, rope_local_base_freq=100.0)),
    "mixtral": ("mixtral", dict(num_local_experts=5, num_experts_per_tok=2)),
    "qwen2-moe": ("qwen2_moe", dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=11, shared_expert_intermediate_size=21,
                                    decoder_sparse_step=2, num_hidden_layers=4)),
    "qwen3-moe": ("qwen3_moe", dict(head_dim=12, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=11, norm_topk_prob=True,
                                    mlp_only_layers=[1])),
    "gpt2": ("gpt2", dict(num_key_value_heads=None, intermediate_size=None)),
    "gpt-neox": ("gpt_neox", dict(num_key_value_heads=None, rotary_pct=0.4)),
    "gpt-neox-serial": ("gpt_neox", dict(num_key_value_heads=None, use_parallel_residual=False, attention_bias=False)),
    "phi": ("phi", dict(partial_rotary_factor=0.4)),
    "starcoder2": ("starcoder2", dict(sliding_window=4)),
    "stablelm": ("stablelm", dict(partial_rotary_factor=0.4, use_qkv_bias=True)),
    "stablelm-parallel": ("stablelm", dict(partial_rotary_factor=0.4, use_parallel_residual=True)),
    "falcon-7b": ("falcon", dict(ffn_hidden_size=37)),
    "falcon-40b": ("falcon", dict(ffn_hidden_size=37, new_decoder_architecture=True, num_kv_heads=2, bias=True)),
    "falcon-serial": ("falcon", dict(ffn_hidden_size=37, parallel_attn=False, multi_query=False, bias=True)),
    "opt": ("opt", dict(num_key_value_heads=None, ffn_dim=37, word_embed_proj_dim=40)),
    "cohere": ("cohere", dict(logit_scale=0.3)),
    "cohere2": ("cohere2", dict(logit_scale=0.3, sliding_window=4, sliding_window_pattern=2)),
    "nemotron": ("nemotron", dict(partial_rotary_factor=0.4)),
    "arcee": ("arcee", dict()),
    "olmo2": ("olmo2", dict()),
    "granite": ("granite", dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.7, logits_scaling=2.0)),
    "glm": ("glm", dict(head_dim=12)),
    "glm4": ("glm4", dict(head_dim=12)),
    "qwen2-window": ("qwen2", dict(use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    "gemma3-linear": ("gemma3_text", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, sliding_window_pattern=2,
                                          rope_local_base_freq=100.0, rope_scaling={"rope_type": "linear", "factor": 8.0})),
    "gemma3-around": ("gemma3", dict(text_config=dict(COMMON, head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, layer_types=[
        "sliding_attention", "full_attention", "sliding_attention"]), vision_config=TINY_VISION, mm_tokens_per_image=4)),
    "mistral3-around": ("mistral3", dict(text_config=dict(COMMON, model_type="mistral", head_dim=10, sliding_window=None),
                                         vision_config=dict(TINY_VISION, model_type="pixtral"), spatial_merge_size=1)),
    "gpt-bigcode": ("gpt_bigcode", dict(num_key_value_heads=None, intermediate_size=None)),
    "gpt-bigcode-heads": ("gpt_bigcode", dict(num_key_value_heads=None, intermediate_size=None, multi_query=False)),
    "gpt-neo": ("gpt_neo", dict(num_key_value_heads=None, num_layers=4, num_hidden_layers=4, num_heads=4, window_size=4, attention_types=[[["global", "local"], 2]])),
    "gptj": ("gptj", dict(num_key_value_heads=None, intermediate_size=None, rotary_dim=4)),
    "bloom": ("bloom", dict(num_key_value_heads=None, intermediate_size=None)),
    "mpt": ("mpt", dict(num_key_value_heads=None, intermediate_size=None, hidden_size=48, num_attention_heads=6, max_seq_len=128,
                        attn_config=dict(clip_qkv=0.7))),
    "helium": ("helium", dict(head_dim=10)),
    "olmo": ("olmo", dict(clip_qkv=0.7)),
    "olmoe": ("olmoe", dict(num_experts=6, num_experts_per_tok=3, intermediate_size=11, clip_qkv=0.7)),
    "ministral": ("ministral", dict(head_dim=14, sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "ernie4-5": ("ernie4_5", dict(head_dim=12, use_bias=True)),
    "ernie4-5-moe": ("ernie4_5_moe", dict(moe_num_experts=6, moe_k=3, moe_intermediate_size=11, num_hidden_layers=4, moe_layer_end_index=2)),
    "seed-oss": ("seed_oss", dict(head_dim=12)),
    "exaone4": ("exaone4", dict(sliding_window=None, layer_types=["full_attention"] * 3)),
    "exaone4-window": ("exaone4", dict(sliding_window=4, sliding_window_pattern=2)),
    "olmo3": ("olmo3", dict(sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                            rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32})),
    "hunyuan": ("hunyuan_v1_dense", dict(head_dim=12, rope_scaling={"type": "dynamic", "alpha": 50.0, "factor": 1.0})),
    "vaultgemma": ("vaultgemma", dict(head_dim=10, sliding_window=4, query_pre_attn_scalar=7.0, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "glm4-moe": ("glm4_moe", dict(head_dim=12, n_routed_experts=6, num_experts_per_tok=3, moe_intermediate_size=11, use_qk_norm=True, attention_bias=True,
                                  routed_scaling_factor=1.7)),
    "dots1": ("dots1", dict(head_dim=12, n_routed_experts=9, num_experts_per_tok=4, moe_intermediate_size=11, n_shared_experts=2, n_group=3, topk_group=2,
                            first_k_dense_replace=1, norm_topk_prob=True, routed_scaling_factor=1.3, sliding_window=4, max_window_layers=2)),
    "granitemoe": ("granitemoe", dict(intermediate_size=11, num_local_experts=5, num_experts_per_tok=2, embedding_multiplier=3.0, attention_multiplier=0.2,
                                      residual_multiplier=0.7, logits_scaling=2.0)),
    "granitemoe-shared": ("granitemoeshared", dict(intermediate_size=11, num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=21)),
}
PROMPT = [1, 17, 42, 5, 88, 3, 3, 61, 29, 77, 12, 94, 50, 8, 33, 70, 21, 66, 9, 45, 13, 57, 80]


def make(where, name, model_type, extra):
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(model_type, **(extra if "text_config" in extra else {**COMMON, **extra}))
    config._attn_implementation = "eager"
    auto = AutoModelForImageTextToText if model_type == "mistral3" else AutoModelForCausalLM
    model = auto.from_config(config).float().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            is_norm = any(part in key for part in ("norm", "ln_")) and key.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.3 if is_norm else 0.15) + (1.0 if is_norm and model_type[:5] not in ("gemma", "nemot", "vault") else 0.0))
            p.copy_(p.to(torch.bfloat16).float())
        for key, b in model.named_buffers():
            if "correction" in key:
                b.copy_(torch.randn_like(b).mul(0.2).to(torch.bfloat16))
        model.to(torch.bfloat16).save_pretrained(where / name)
        model = auto.from_pretrained(where / name, torch_dtype=torch.float32, attn_implementation="eager").eval()
        logits = model(torch.tensor([PROMPT])).logits[0]
        ids = list(PROMPT)
        for _ in range(32):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    (where / name / "generation_config.json").unlink(missing_ok=True)
    expected = {"prompt": PROMPT, "greedy": ids[len(PROMPT):],
                "logits": {str(at): [round(float(v), 6) for v in logits[at]] for at in (0, 9, len(PROMPT) - 1)}}
    (where / name / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


where = Path(sys.argv[1])
for name, (model_type, extra) in CASES.items():
    if sys.argv[2:] and name not in sys.argv[2:]:
        continue
    shutil.rmtree(where / name, ignore_errors=True)
    make(where, name, model_type, extra)
    print(name, sum(f.stat().st_size for f in (where / name).iterdir()), "bytes")
