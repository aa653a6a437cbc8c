"""LoRA adapters for tests: a tiny base with a letter for each token, the adapters, and what Transformers made of them."""
import json

from hearth import ROOT

BASE = ROOT / "tests/data/decoders/llama"
ADAPTERS = ROOT / "tests/data/adapters"
EXPECTED = {name: json.loads((ADAPTERS / name / "expected.json").read_text()) for name in ("llama-all", "llama-layers")}
PLAIN = json.loads((BASE / "expected.json").read_text())


def letters(ids):
    return "".join(chr(0x100 + i) for i in ids)


PROMPT = letters(EXPECTED["llama-all"]["prompt"])


def tokenizer(vocabulary):
    """A letter for each token."""
    return json.dumps({"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Fuse"},
                       "model": {"type": "BPE", "vocab": {chr(0x100 + i): i for i in range(vocabulary)}, "merges": []}})


def base_files():
    config = (BASE / "config.json").read_text()
    return {"config.json": config, "tokenizer.json": tokenizer(json.loads(config)["vocab_size"]), "generation_config.json": '{"eos_token_id": 100000}'}


def push_base(server, token, name, **settings):
    server.create(name, token, **settings)
    assert server.commit(name, token, base_files(), {"model.safetensors": (BASE / "model.safetensors").read_bytes()}).status == 200
    return name


def push_adapter(server, token, name, base, which="llama-all", weights=True, **settings):
    server.create(name, token, **settings)
    config = json.loads((ADAPTERS / which / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    large = {"adapter_model.safetensors": (ADAPTERS / which / "adapter_model.safetensors").read_bytes()} if weights else {}
    assert server.commit(name, token, {"adapter_config.json": json.dumps(config), "README.md": f"---\nbase_model: {base}\n---\n"}, large).status == 200
    return name
