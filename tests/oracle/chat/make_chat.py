"""Makes tests/data/chat: repositories with chat templates in every place where they may be, and what Transformers'
apply_chat_template gives for them.

    pip install transformers==4.53.3 tokenizers jinja2==3.1.6
    python tests/oracle/chat/make_chat.py tests/oracle/jinja demo tests/data/chat

The templates and conversations are those of tests/oracle/jinja/chat; the tokenizer is the demo model's.  Run once; the result
is committed.
"""
import datetime
import importlib.util
import json
import shutil
import sys
from pathlib import Path

from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import chat_template_utils


class Clock(datetime.datetime):
    """Templates that tell the date tell this one, which test_chat.c knows."""

    @classmethod
    def now(cls):
        return cls(2026, 11, 21, 12)


chat_template_utils.datetime = Clock

jinja, demo, where = map(Path, sys.argv[1:4])
spec = importlib.util.spec_from_file_location("chat", jinja / "chat.py")
chat = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chat)
template = lambda name: (jinja / "chat" / f"{name}.jinja").read_text()  # noqa: E731
CONTINUED = [
    {"messages": [chat.USER, {"role": "assistant", "content": "It is  "}], "continue_final_message": True},
    {"messages": [chat.USER, {"role": "assistant", "content": "  It is"}], "continue_final_message": True},
    {"messages": [chat.USER, {"role": "assistant", "content": ""}], "continue_final_message": True},
    {"messages": [chat.USER, {"role": "assistant", "content": [{"type": "text", "text": "It is"}]}], "continue_final_message": True},
]


def tokenizer(**more):
    return PreTrainedTokenizerFast(tokenizer_file=str(demo / "tokenizer.json"), unk_token="<unk>", **more)


def save(name, tok, jinja_files, keep_tokenizer=False):
    folder = where / name
    tok.save_pretrained(folder, save_jinja_files=jinja_files)
    if not keep_tokenizer:
        (folder / "tokenizer.json").unlink()
    (folder / "config.json").write_text('{"model_type": "llama"}\n')
    return folder


def expect(folder, tok, contexts, ids=False):
    cases = []
    for context in contexts:
        context = json.loads(json.dumps(context))
        case = {"input": context}
        try:
            case["want"] = tok.apply_chat_template(context["messages"], tokenize=False, **{k: v for k, v in context.items() if k != "messages"})
            if ids:
                case["ids"] = tok.apply_chat_template(context["messages"], **{k: v for k, v in context.items() if k != "messages"})
        except Exception as e:
            case["error"] = str(e).split("\n")[0]
        cases.append(case)
    (folder / "expected.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")


shutil.rmtree(where, ignore_errors=True)
everything = list(chat.CONTEXTS.values()) + CONTINUED

tok = tokenizer(bos_token="<s>", eos_token="</s>", chat_template=template("llama2"))
expect(save("in-config", tok, False, True), tok, everything, True)

tok = tokenizer(bos_token=AddedToken("<s>", lstrip=True), eos_token=AddedToken("<|im_end|>", special=True), pad_token="<pad>",
                chat_template={"default": template("chatml"), "tool_use": template("hermes-recursive"), "short": "{{ eos_token }}{{ messages[-1].content }}"})
expect(save("named", tok, False), tok, everything + [{"messages": [chat.USER], "chat_template": "short"}])

tok = tokenizer(bos_token="<s>", eos_token="</s>", chat_template=template("mistral-tools"))
folder = save("file", tok, True)
config = json.loads((folder / "tokenizer_config.json").read_text())
config["chat_template"] = "not this one"  # the file wins
(folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
expect(folder, tok, everything)

tok = tokenizer(bos_token="<s>", eos_token="</s>", extra_special_tokens={"image_token": "<image>"}, additional_special_tokens=["<a>", "<b>"],
                chat_template={"default": template("qwen3-thinking") + "{{ image_token }}{{ additional_special_tokens }}", "rag": template("command-r"), "tool_use": template("qwen25-tools")})
expect(save("folder", tok, True), tok, everything + [{**chat.CONTEXTS["documents"], "chat_template": "rag"}])

# An old repository: tokens in special_tokens_map.json alone.
tok = tokenizer(bos_token="<s>", eos_token="<end>", chat_template=template("zephyr"))
folder = save("old", tok, False)
config = json.loads((folder / "tokenizer_config.json").read_text())
for key in ("added_tokens_decoder", "bos_token", "eos_token", "unk_token", "extra_special_tokens"):
    config.pop(key, None)
(folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
expect(folder, tok, everything)

# A class that has tokens without naming them.
folder = where / "by-class"
folder.mkdir()
(folder / "config.json").write_text('{"model_type": "llama"}\n')
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizerFast", "chat_template": template("smollm") + "{{ bos_token }}{{ unk_token }}"}))
shutil.copy(demo / "tokenizer.json", folder)
tok = AutoTokenizer.from_pretrained(folder)
(folder / "tokenizer.json").unlink()
expect(folder, tok, everything[:3])
