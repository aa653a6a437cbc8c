"""Makes tests/data/gguf: the tiny models of tests/data/decoders, and the demo model, as GGUF files.

    pip install gguf==0.19.0 numpy safetensors torch
    python tests/oracle/gguf/make_gguf.py tests/data/decoders demo tests/data/gguf

Names, orders of rows and additions are those of llama.cpp's conversion, written here from its description, so that reading
them back is checked against an independent writer.  Weights stay bfloat16 (norms become float32, as there); the demo model
is packed as Q8_0, with its tokenizer.  Run once; the result is committed.
"""
import json
import math
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

Q = gguf.GGMLQuantizationType
LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.gate_up_proj": "ffn_up", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "self_attn.dense": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "mlp.gate": "ffn_gate_inp", "block_sparse_moe.gate": "ffn_gate_inp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp", "mlp.shared_expert.gate_proj": "ffn_gate_shexp",
    "mlp.shared_expert.up_proj": "ffn_up_shexp", "mlp.shared_expert.down_proj": "ffn_down_shexp",
}
GEMMA2 = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm"}
OLMO2 = {"post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm"}
GLM4 = {"post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm"}
GPT2 = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
NEOX = {"attention.query_key_value": "attn_qkv", "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down"}
WHOLE = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "model.final_layernorm": "output_norm", "lm_head": "output",
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output",
}
EXPERT = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps", "w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"}
ARCH = {"mistral": "llama", "mixtral": "llama", "gemma3_text": "gemma3", "gpt_neox": "gptneox", "qwen2_moe": "qwen2moe", "qwen3_moe": "qwen3moe", "phi": "phi2", "cohere": "command-r"}


def in_pairs(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def renamed(config, tensors):
    """Pairs of GGUF's name and the tensor as the conversion leaves it."""
    kind, experts = config["model_type"], {}
    heads, kv = config.get("num_attention_heads") or config.get("n_head"), config.get("num_key_value_heads")
    names = {**LAYER, **(GEMMA2 if kind in ("gemma2", "gemma3_text") else GPT2 if kind == "gpt2" else NEOX if kind == "gpt_neox" else OLMO2 if kind == "olmo2" else GLM4 if kind == "glm4" else {})}
    for name, w in tensors.items():
        stem, suffix = name.rsplit(".", 1)
        parts = stem.split(".")
        w = w.float()
        if kind.startswith(("gemma", "nemotron")) and stem.endswith("norm") and suffix == "weight":
            w = w + 1
        if stem in WHOLE:
            yield f"{WHOLE[stem]}.{suffix}", w
            continue
        layer, rest = parts[2], ".".join(parts[3:])
        if ".experts." in name:
            experts.setdefault((layer, parts[-1]), []).append((int(parts[-2]), w))
            continue
        if kind in ("llama", "mistral", "mixtral", "smollm3", "granite", "arcee") and rest in ("self_attn.q_proj", "self_attn.k_proj"):
            w = in_pairs(w, heads if "q_proj" in rest else kv)
        if kind == "gpt2" and suffix == "weight" and w.ndim == 2:
            w = w.T.contiguous()
        if kind == "gpt_neox" and "query_key_value" in rest:
            w = w.reshape(heads, 3, w.shape[0] // heads // 3, *w.shape[1:]).transpose(0, 1).reshape(w.shape)
        yield f"blk.{layer}.{names[rest]}.{suffix}", w
    for (layer, part), list_ in experts.items():
        yield f"blk.{layer}.{EXPERT[part]}.weight", torch.stack([w for _, w in sorted(list_, key=lambda x: x[0])])


def metadata(out, arch, config, tensors):
    c = config.get
    heads = c("num_attention_heads") or c("n_head")
    hidden = c("hidden_size") or c("n_embd")
    head_dim = c("head_dim") or (256 if arch.startswith("gemma") else hidden // heads)
    out.add_context_length(c("max_position_embeddings") or c("n_positions"))
    out.add_embedding_length(hidden)
    out.add_block_count(c("num_hidden_layers") or c("n_layer"))
    out.add_feed_forward_length(c("intermediate_size") or c("n_inner") or 4 * hidden)
    out.add_head_count(heads)
    if arch == "gpt2":
        out.add_layer_norm_eps(c("layer_norm_epsilon"))
        return
    if arch == "gptneox":
        out.add_layer_norm_eps(c("layer_norm_eps"))
        out.add_rope_dimension_count(int(c("rotary_pct") * head_dim))
        out.add_rope_freq_base(float(c("rotary_emb_base", c("rope_theta", 10000.0))))
        out.add_bool("gptneox.use_parallel_residual", c("use_parallel_residual"))
        return
    out.add_head_count_kv(c("num_key_value_heads"))
    if c("rms_norm_eps"):
        out.add_layer_norm_rms_eps(c("rms_norm_eps"))
    else:
        out.add_layer_norm_eps(c("layer_norm_eps") or c("norm_epsilon") or c("norm_eps"))
    if "use_parallel_residual" in config:
        out.add_parallel_residual(c("use_parallel_residual"))
    if arch == "granite":
        out.add_logit_scale(c("logits_scaling"))
        out.add_attention_scale(c("attention_multiplier"))
        out.add_residual_scale(c("residual_multiplier"))
        out.add_embedding_scale(c("embedding_multiplier"))
    if arch == "command-r":
        out.add_logit_scale(c("logit_scale"))
    out.add_rope_freq_base(float(c("rope_theta", 10000.0)))
    if head_dim != hidden // heads:
        out.add_key_length(head_dim)
        out.add_value_length(head_dim)
    out.add_rope_dimension_count(int(head_dim * c("partial_rotary_factor", 1.0)))
    if c("sliding_window") and arch != "qwen2" and arch != "qwen3" and not arch.endswith("moe") and arch != "smollm3":
        out.add_sliding_window(c("sliding_window"))
    if arch in ("gemma2", "gemma3"):
        out.add_float32(f"{arch}.attention.scale", c("query_pre_attn_scalar") ** -0.5)
    if arch == "gemma3":
        out.add_uint32("gemma3.attention.sliding_window_pattern", c("layer_types").index("full_attention") + 1)
        out.add_float32("gemma3.rope.freq_base_swa", c("rope_local_base_freq"))
    if c("attn_logit_softcapping"):
        out.add_attn_logit_softcapping(c("attn_logit_softcapping"))
    if c("final_logit_softcapping"):
        out.add_final_logit_softcapping(c("final_logit_softcapping"))
    experts = c("num_local_experts") or c("num_experts")
    if experts:
        out.add_expert_count(experts)
        out.add_expert_used_count(c("num_experts_per_tok"))
        if c("moe_intermediate_size"):
            out.add_expert_feed_forward_length(c("moe_intermediate_size"))
        if c("shared_expert_intermediate_size"):
            out.add_expert_shared_feed_forward_length(c("shared_expert_intermediate_size"))
    scaling = c("rope_scaling") or {}
    kind = scaling.get("rope_type") or scaling.get("type")
    if kind in ("linear", "yarn"):
        out.add_rope_scaling_type(gguf.RopeScalingType(kind))
        out.add_rope_scaling_factor(scaling["factor"])
        if "original_max_position_embeddings" in scaling:
            out.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    if kind == "llama3":
        base, dim, factor, original = c("rope_theta", 10000.0), head_dim, scaling["factor"], scaling["original_max_position_embeddings"]
        low, high = original / scaling["low_freq_factor"], original / scaling["high_freq_factor"]
        factors = []
        for freq in 1.0 / base ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim):
            wave = 2 * torch.pi / freq
            smooth = (original / wave - scaling["low_freq_factor"]) / (scaling["high_freq_factor"] - scaling["low_freq_factor"])
            factors.append(1.0 if wave < high else factor if wave > low else float(1 / ((1 - smooth) / factor + smooth)))
        out.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    if kind == "longrope":
        out.add_rope_scaling_orig_ctx_len(c("original_max_position_embeddings") or scaling["original_max_position_embeddings"])
        factor = c("max_position_embeddings") / (c("original_max_position_embeddings") or scaling["original_max_position_embeddings"])
        original = c("original_max_position_embeddings") or scaling["original_max_position_embeddings"]
        out.add_rope_scaling_attn_factors(1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original)))
        out.add_tensor("rope_factors_long.weight", np.array(scaling["long_factor"], dtype=np.float32))
        out.add_tensor("rope_factors_short.weight", np.array(scaling["short_factor"], dtype=np.float32))


def add(out, name, w, kind):
    a = w.numpy().astype(np.float32)
    if a.ndim == 1 or kind == Q.F32:
        out.add_tensor(name, a)
    else:
        kind = kind if a.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else Q.F16
        out.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(a), kind), raw_shape=None, raw_dtype=kind)


def tokens(out, folder):
    """A SentencePiece vocabulary that became a tokenizer.json: scores go down with the merge that makes a piece."""
    t = json.loads((folder / "tokenizer.json").read_text())
    vocab = sorted(t["model"]["vocab"], key=t["model"]["vocab"].get)
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in t["model"]["merges"]]
    made = {}
    for i, (a, b) in enumerate(merges):
        made.setdefault(a + b, i)
    special = {x["content"] for x in t["added_tokens"]}
    types, scores = [], []
    for v in vocab:
        is_byte = len(v) == 6 and v.startswith("<0x")
        types.append(2 if v == "<unk>" else 3 if v in special else 6 if is_byte else 1)
        scores.append(-float(made[v]) if v in made else 0.0 if v in special or is_byte else -1e6)
    out.add_tokenizer_model("llama")
    out.add_token_list(vocab)
    out.add_token_scores(scores)
    out.add_token_types(types)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)


BERT = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
        "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
BERT_WHOLE = {"word_embeddings": "token_embd", "position_embeddings": "position_embd", "token_type_embeddings": "token_types", "LayerNorm": "token_embd_norm"}


def encoder(folder, path):
    """BERT or nomic-bert without heads, with a tokenizer of made-up words."""
    config = json.loads((folder / "config.json").read_text())
    is_nomic = config["model_type"] == "nomic_bert"
    if is_nomic:
        config.update(max_position_embeddings=config["n_positions"], hidden_size=config["n_embd"], num_hidden_layers=config["n_layer"],
                      intermediate_size=config["n_inner"], num_attention_heads=config["n_head"], layer_norm_eps=config["layer_norm_epsilon"])
    out = gguf.GGUFWriter(path, "nomic-bert" if is_nomic else "bert")
    if is_nomic:
        out.add_rope_freq_base(config["rotary_emb_base"])
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    out.add_layer_norm_eps(config["layer_norm_eps"])
    out.add_causal_attention(False)
    out.add_pooling_type(gguf.PoolingType.MEAN)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [("\u2581" if i % 2 else "") + chr(97 + i % 26) + chr(97 + i // 26) for i in range(config["vocab_size"] - 5)]
    out.add_tokenizer_model("bert")
    out.add_token_list(words)
    out.add_token_types([3, 2, 3, 3, 3] + [1] * (len(words) - 5))
    out.add_unk_token_id(1)
    out.add_bos_token_id(2)
    out.add_sep_token_id(3)
    for name, w in load_file(folder / "model.safetensors").items():
        stem, suffix = name.removeprefix("bert.").rsplit(".", 1)
        parts = stem.split(".")
        if is_nomic:
            whole = {"emb_ln": "token_embd_norm", "embeddings.word_embeddings": "token_embd", "embeddings.token_type_embeddings": "token_types"}.get(stem)
            layer = {"attn.Wqkv": "attn_qkv", "attn.out_proj": "attn_output", "norm1": "attn_output_norm", "norm2": "layer_output_norm", "mlp.fc11": "ffn_up",
                     "mlp.fc12": "ffn_gate", "mlp.fc2": "ffn_down"}
            add(out, f"{whole or f'blk.{parts[2]}.' + layer['.'.join(parts[3:])]}.{suffix}", w.float(), Q.BF16)
        elif parts[0] == "embeddings":
            add(out, f"{BERT_WHOLE[parts[1]]}.{suffix}", w.float(), Q.BF16)
        elif parts[0] == "encoder":
            add(out, f"blk.{parts[2]}.{BERT['.'.join(parts[3:])]}.{suffix}", w.float(), Q.BF16)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    print(path)


def vocabulary(path, golden, pre, template):
    """A model of one embedding, with a byte-level tokenizer: of tests/oracle/token's golden files."""
    t = json.loads(golden.read_text())["tokenizer"]
    vocab = dict(t["model"]["vocab"])
    vocab.update({a["content"]: a["id"] for a in t["added_tokens"]})
    added = {a["content"]: a["special"] for a in t["added_tokens"]}
    out = gguf.GGUFWriter(path, "llama")
    for key, value in dict(context_length=64, embedding_length=32, block_count=1, feed_forward_length=32, head_count=2, layer_norm_rms_eps=1e-5).items():
        getattr(out, "add_" + key)(value)
    names = sorted(vocab, key=vocab.get)
    assert [vocab[n] for n in names] == list(range(len(names)))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(pre)
    out.add_token_list(names)
    out.add_token_types([(3 if added[n] else 4) if n in added else 1 for n in names])
    out.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]])
    out.add_bos_token_id(0)
    out.add_eot_token_id(vocab["<|im_end|>"])
    out.add_add_bos_token(True)
    out.add_chat_template(template)
    out.add_tensor("token_embd.weight", np.zeros((len(names), 18), dtype=np.uint8), raw_dtype=Q.Q4_0)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    print(path)


def convert(folder, path, kind, with_tokens=False, parts=0):
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    arch = ARCH.get(config["model_type"], config["model_type"])
    out = gguf.GGUFWriter(path, arch, split_max_tensors=parts and -(-len(tensors) // parts) or 0)
    metadata(out, arch, config, tensors)
    if with_tokens:
        tokens(out, folder)
    for name, w in renamed(config, tensors):
        if name == "output.weight" and config.get("tie_word_embeddings"):
            continue
        add(out, name, w, kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    print(path)


here = Path(__file__).resolve().parent
decoders, demo, where = map(Path, sys.argv[1:4])
where.mkdir(exist_ok=True, parents=True)
for old in where.glob("*.gguf"):
    old.unlink()
SUPPORTED = {"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "smollm3", "phi3", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "phi",
             "olmo2", "granite", "cohere", "glm4", "starcoder2", "stablelm", "nemotron", "arcee"}
for folder in sorted(decoders.iterdir()):
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    if kind in SUPPORTED and folder.name not in ("llama-linear", "gpt-neox-serial", "qwen2-window", "stablelm-parallel"):
        convert(folder, where / f"{folder.name}.gguf", Q.BF16, parts=3 if folder.name == "llama-yarn" else 0)
convert(demo, where / "demo-q8.gguf", Q.Q8_0, True)
vocabulary(where / "tokens-qwen2.gguf", here.parent / "token" / "whole_qwen2.json", "qwen2", (here.parent / "jinja" / "chat" / "chatml.jinja").read_text())
encoder(decoders.parent / "encoders" / "bert", where / "encoder-bert.gguf")
encoder(decoders.parent / "encoders" / "nomic-bert", where / "encoder-nomic.gguf")
