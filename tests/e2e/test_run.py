"""hearth run: prompts, conversations by a template, and a terminal."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import hearth
from terminal import Terminal

DEMO = hearth.ROOT / "demo"
STORY = ", there was a little girl named Lily."
TEMPLATE = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% else %}{{ m.content }}{% endif %}{% endfor %}"


def run(*args, code=0, stdin=""):
    r = subprocess.run([str(hearth.BIN), "run", *map(str, args)], capture_output=True, text=True, timeout=120, input=stdin)
    assert r.returncode == code, r.stderr
    return r


@pytest.fixture
def chat(tmp_path):
    """The demo model with a chat template: messages one after the other."""
    folder = tmp_path / "chat"
    shutil.copytree(DEMO, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_prompt_from_argument_and_standard_input(chat):
    for model in (DEMO, chat, hearth.ROOT / "tests/data/gguf/demo-q8.gguf"):
        r = run(model, "Once upon a time", "--temperature", "0", "--max-tokens", "30", "--threads", "1")
        assert r.stdout.startswith(STORY) and re.search(r"\d+ tokens of prompt at \d+ a second; 30 new ones", r.stderr)
    assert run(DEMO, "--temperature", "0", "--max-tokens", "30", stdin="Once upon a time").stdout.startswith(STORY)


def test_an_encoder_in_a_gguf_file():
    model = hearth.ROOT / "tests/data/gguf/encoder-bert.gguf"
    vector = json.loads(run(model, "ab ca", "--json").stdout)
    assert len(vector) == 40 and abs(sum(x * x for x in vector) - 1) < 1e-4


def test_conversation_from_options(chat, tmp_path):
    (tmp_path / "m.json").write_text(json.dumps([{"role": "user", "content": "Once upon"}, {"role": "assistant", "content": " a"}]))
    want = run(DEMO, "Once upon a time", "--temperature", "0", "--max-tokens", "9", "--json")
    got = run(chat, " time", "--messages", tmp_path / "m.json", "--temperature", "0", "--max-tokens", "9", "--json")
    one, other = json.loads(want.stdout), json.loads(got.stdout)
    assert one["generated_text"] == other["generated_text"] and one["prompt_tokens"] == other["prompt_tokens"]
    got = run(chat, " a time", "--system", "Once upon", "--temperature", "0", "--max-tokens", "9", "--json")
    assert json.loads(got.stdout)["generated_text"] == one["generated_text"]
    piped = run(chat, "--temperature", "0", "--max-tokens", "9", "--json", stdin="Once upon a time\n")
    assert json.loads(piped.stdout)["generated_text"] == one["generated_text"]  # the line's end is not the message's
    # As it stands, on request: the tokenizer adds what the template would have written.
    got = run(chat, "Once upon a time", "--chat=false", "--temperature", "0", "--max-tokens", "9", "--json")
    assert json.loads(got.stdout)["prompt_tokens"] == one["prompt_tokens"]


def test_refused(chat, tmp_path):
    (tmp_path / "m.json").write_text("{}")
    assert "chat template" in run(DEMO, "x", "--system", "y", code=2).stderr
    assert "no chat template" in run(DEMO, "x", "--chat", code=1).stderr
    assert "list" in run(chat, "--messages", tmp_path / "m.json", code=1).stderr
    assert "object" in run(chat, "x", "--template-args", "[1]", code=2).stderr
    assert "0 to 100" in run(chat, "x", "--temperature", "hot", code=2).stderr
    assert "above 0" in run(chat, "x", "--top-p", "0", code=2).stderr
    assert "config.json" in run(tmp_path, "x", code=1).stderr
    for name in ("pytorch_model.bin", "pytorch_model.bin.index.json"):
        folder = tmp_path / name.replace(".", "-")
        shutil.copytree(DEMO, folder)
        (folder / "model.safetensors").rename(folder / name)
        r = run(folder, "x", code=1)
        assert "pickle" in r.stderr and "safe_serialization" in r.stderr
    for method in ("gptq", "awq", "bitsandbytes"):
        config = json.loads((chat / "config.json").read_text())
        config["quantization_config"] = {"quant_method": method, "bits": 4}
        (chat / "config.json").write_text(json.dumps(config))
        r = run(chat, "x", code=1)
        assert "quantization_config" in r.stderr and "--dtype" in r.stderr
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\x03\0\0\0")
    assert "bad.gguf" in run(tmp_path / "bad.gguf", "x", code=1).stderr


def test_longer_than_the_context(chat, tmp_path):
    long = "Once upon a time " * 200
    r = run(DEMO, long, code=1)
    assert "--truncate" in r.stderr and "512" in r.stderr
    r = run(DEMO, long, "--truncate", "--max-tokens", "5", "--json")
    assert json.loads(r.stdout)["prompt_tokens"] == 512 - 5
    assert "--truncate" in run(chat, long, code=1).stderr
    assert "alone" in run(chat, long, "--truncate", code=1).stderr
    turns = [{"role": role, "content": "Once upon a time " * 20} for role in ("user", "assistant") * 4]
    (tmp_path / "m.json").write_text(json.dumps(turns))
    assert "--truncate" in run(chat, "Hello", "--messages", tmp_path / "m.json", code=1).stderr
    r = run(chat, "Hello", "--messages", tmp_path / "m.json", "--truncate", "--max-tokens", "5", "--json")
    assert 200 < json.loads(r.stdout)["prompt_tokens"] < 512


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_terminal(chat, term):
    t = Terminal("run", chat, "--temperature", "0", "--max-tokens", "12", "--threads", "1", term=term)
    assert "512 tokens of context" in t.until(">>> ")
    t.say("/help")
    assert "/reset" in t.until(">>> ")
    t.say("/stats")
    assert "no answer" in t.until(">>> ")
    t.say("Once upon a time")
    first = t.until("\r\n[")
    assert first.startswith(", there was")
    t.until(">>> ")
    t.say("/stats")
    assert "5 tokens of prompt" in t.until(">>> ")
    t.say("One day")  # the answer before is part of the prompt
    t.until(">>> ")
    t.say("/stats")
    stats = t.until(">>> ")
    assert int(stats.split()[0]) > 15 and int(re.search(r", (\d+) of them known from before", stats)[1]) >= 15
    t.say("/reset")
    t.until(">>> ")
    t.say('"""Once upon')
    t.until("... ")
    t.say('a time"""')
    t.until(">>> ")
    t.say("/system Once upon")
    t.until(">>> ")
    t.say(" a time")
    t.until(">>> ")
    t.say("/nonsense")
    assert "/nonsense is no command" in t.until(">>> ")
    assert t.end() == 0


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_interrupt_stops_an_answer_and_not_the_program(chat, term):
    (chat / "generation_config.json").write_text('{"eos_token_id": 600}')  # never ends by itself
    t = Terminal("run", chat, "--temperature", "0", "--threads", "1", term=term)
    t.until(">>> ")
    t.say("Once upon a time")
    t.until("Lily")
    os.kill(t.pid, signal.SIGINT)
    t.until(">>> ")
    os.kill(t.pid, signal.SIGINT)  # at the prompt: nothing but a new line
    t.until(">>> ")
    t.say("/stats")
    assert "5 tokens of prompt" in t.until(">>> ")
    assert t.end() == 0
