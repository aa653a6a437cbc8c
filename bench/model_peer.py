#!/usr/bin/env python3
"""bench/model_bench beside llama.cpp and Transformers with PyTorch: the same generated weights, the same run.

    python3 bench/model_peer.py BENCH WORK [--shapes 0.1b,1b,3b] [--types q8,q4,bf16] [--threads 2] [--seconds 2] [--rounds 2] [--short] [--write] [--only-make]

BENCH is the built bench/model_bench (`ninja -C build-bench bench/model_bench`, a release build), WORK a folder for weights (made
once: 0.9 GB for 0.1b, 6 GB for 1b, 16 GB for 3b).  Every engine is a process of its own that answers one measurement after
the other; they take turns, and the best of all rounds counts, in seconds of the clock.  `cpu` is the same ratio by
processor time, which others on the machine disturb less (but waiting threads spin: theirs and ours).

Needs, in a throw-away virtual environment:
    CMAKE_ARGS=-DGGML_NATIVE=on pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36
    pip install gguf==0.19.0 numpy torch==2.6.0 transformers==4.53.3       (without the last two, Transformers is left out)
"""
import argparse
import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

TYPES = {"q8": "Q8_0", "q4": "Q4_0", "bf16": "BF16"}
PROMPT, CONTEXT, STEPS = 512, 128, 8
LARGE = {"3b"}  # shapes of which every prompt takes the peer many seconds: measured once, the 16 sequences after 16 tokens each


# ---------------------------------------------------------------- weights as GGUF

def write_gguf(source, out):
    import gguf
    import numpy as np
    config = json.loads((source / "config.json").read_text())
    with open(source / "model.safetensors", "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
    data = np.memmap(source / "model.safetensors", np.uint8, "r", 8 + n)
    heads, kv, d = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    w = gguf.GGUFWriter(out, "llama")
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_key_length(d)
    w.add_value_length(d)
    w.add_rope_dimension_count(d)
    w.add_rope_freq_base(config["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])
    w.add_tokenizer_model("none")
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}
    for name, t in header.items():
        a, b = t["data_offsets"]
        x = data[a:b].view(np.uint16)
        parts = name.split(".")
        if name.startswith("model.embed_tokens"):
            to = "token_embd.weight"
        elif name == "model.norm.weight":
            to = "output_norm.weight"
        else:
            to = f"blk.{parts[2]}.{names['.'.join(parts[3:-1])]}.weight"
        if len(t["shape"]) == 1:
            w.add_tensor(to, (x.astype(np.uint32) << 16).view(np.float32))
        else:
            w.add_tensor(to, x.reshape(t["shape"]).view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def quantise(source, out, ftype):
    import llama_cpp
    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    p = llama_cpp.llama_model_quantize_default_params()
    p.ftype, p.pure, p.nthread = ftype, True, 2  # pure: every matrix in the same type, as ours
    if llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(p)) != 0:
        raise SystemExit(f"cannot make {out}")


def make(bench, work, shape, types, wants_peer):
    import_types = {"q8": 7, "q4": 2, "bf16": 32}
    folder = work / shape
    if not (folder / "model.safetensors").exists():
        subprocess.run([bench, "make", folder, shape], check=True)
    if not wants_peer:
        return folder
    base = work / f"{shape}-bf16.gguf"
    if not base.exists():
        write_gguf(folder, str(base) + ".tmp")
        os.rename(str(base) + ".tmp", base)
    for t in types:
        out = work / f"{shape}-{t}.gguf"
        if not out.exists():
            quantise(base, str(out) + ".tmp", import_types[t])
            os.rename(str(out) + ".tmp", out)
    return folder


# ---------------------------------------------------------------- engines, as processes that answer lines

def best(fn, seconds):
    begin, clock, cpu, runs = time.monotonic(), 1e9, 1e9, 0
    while runs < (1 if seconds < 0 else 2) or time.monotonic() - begin < seconds:
        a, b = time.monotonic(), time.process_time()
        fn()
        clock, cpu, runs = min(clock, time.monotonic() - a), min(cpu, time.process_time() - b), runs + 1
    return clock, cpu


class Llama:
    def __init__(self, path, threads):
        import llama_cpp as lc
        self.lc = lc
        lc.llama_backend_init()
        self.quiet = lc.llama_log_callback(lambda *_: None)
        lc.llama_log_set(self.quiet, ctypes.c_void_p(0))
        self.model = lc.llama_model_load_from_file(path.encode(), lc.llama_model_default_params())
        p = lc.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch, p.n_seq_max = 16 * 768, 512, 512, 16
        p.n_threads = p.n_threads_batch = threads
        p.kv_unified = False
        p.no_perf = True
        self.context = lc.llama_init_from_model(self.model, p)
        self.batch = lc.llama_batch_init(512, 0, 1)
        if not self.context:
            raise SystemExit("llama.cpp: no context")

    def step(self, rows):
        b = self.batch
        b.n_tokens = len(rows)
        for i, (token, position, sequence, wants) in enumerate(rows):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, position, 1, wants
            b.seq_id[i][0] = sequence
        if self.lc.llama_decode(self.context, b) != 0:
            raise SystemExit("llama.cpp: llama_decode fails")
        self.lc.llama_synchronize(self.context)

    def clear(self):
        self.lc.llama_memory_clear(self.lc.llama_get_memory(self.context), True)

    def prefill(self, tokens, seconds):
        rows = [(i * 7919 % 30000, i, 0, i + 1 == tokens) for i in range(tokens)]

        def once():
            self.clear()
            self.step(rows)
        return best(once, seconds)

    def decode(self, sequences, context, seconds):
        memory = self.lc.llama_get_memory(self.context)
        self.clear()
        for s in range(sequences):
            self.step([(i * 7919 % 30000, i, s, i + 1 == context) for i in range(context)])

        def steps():
            for s in range(sequences):
                self.lc.llama_memory_seq_rm(memory, s, context, -1)
            for i in range(STEPS):
                self.step([((i + s) * 7919 % 30000, context + i, s, True) for s in range(sequences)])
        clock, cpu = best(steps, seconds)
        return clock / STEPS, cpu / STEPS


class Transformers:
    def __init__(self, path, threads):
        import torch
        import transformers
        transformers.logging.set_verbosity_error()
        torch.set_num_threads(threads)
        self.torch = torch
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.bfloat16).eval()

    def ids(self, sequences, n):
        return self.torch.arange(sequences * n).reshape(sequences, n) * 7919 % 30000

    def prefill(self, tokens, seconds):
        ids = self.ids(1, tokens)
        with self.torch.inference_mode():
            return best(lambda: self.model(ids, use_cache=True, logits_to_keep=1), seconds)

    def decode(self, sequences, context, seconds):
        with self.torch.inference_mode():
            cache = self.model(self.ids(sequences, context), use_cache=True, logits_to_keep=1).past_key_values

            def steps():
                cache.crop(context)
                for _ in range(STEPS):
                    self.model(self.ids(sequences, 1), past_key_values=cache, use_cache=True)
            clock, cpu = best(steps, seconds)
        return clock / STEPS, cpu / STEPS


def serve(kind, path, threads):
    engine = {"llama": Llama, "transformers": Transformers}[kind](path, threads)
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        numbers = [int(w) for w in words[1:-1]] + [float(words[-1])]
        print("%.9f %.9f" % getattr(engine, words[0])(*numbers), flush=True)


class Engine:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, OMP_NUM_THREADS=command[-1]))
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{command} does not start")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"no answer to {line}")
        return [float(x) for x in answer]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


# ---------------------------------------------------------------- the table

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- bench/model_peer.py --write writes this part -->", "<!-- up to here: decoders -->"
lines = []


def say(line):
    lines.append(line)
    print(line, flush=True)


def row(what, ours, theirs, ratio, target, cpu=""):
    met = "" if target is None else ("yes" if ratio >= target else "**no**")
    say(f"| {what} | {ours} | {theirs} | {ratio:.2f} | {'' if target is None else target} | {met} | {cpu} |")


def write(a):
    path = ROOT / "docs" / "BENCHMARKS.md"
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    import llama_cpp
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    head = f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores of {cpu}, {a.threads} threads; llama-cpp-python {llama_cpp.__version__} built for this processor. Load average when it began: {a.load:.1f}."
    path.write_text(f"{before}{BEGIN}\n{head}\n\n" + "\n".join(lines) + f"\n{END}{after}")


def measure(engines, what, rounds, seconds):
    """The best of every engine, taking turns."""
    out = {}
    for _ in range(rounds):
        for name, engine in engines.items():
            clock, cpu = engine.ask(f"{what} {seconds}")
            old = out.get(name, (1e9, 1e9))
            out[name] = min(clock, old[0]), min(cpu, old[1])
    return out


def compare(a, shape, type_, folder):
    engines = {"ours": Engine([a.bench, "serve", str(folder), type_, str(a.threads)])}
    me = [sys.executable, os.path.abspath(__file__), "--serve"]
    if "llama" in a.peers:
        engines["llama.cpp"] = Engine(me + ["llama", str(a.work / f"{shape}-{type_}.gguf"), str(a.threads)])
    if "transformers" in a.peers and type_ == "bf16" and shape not in LARGE:  # three copies do not fit into 24 GB
        engines["Transformers"] = Engine(me + ["transformers", str(folder), str(a.threads)])
    name = f"{shape} {type_}"
    targets = {("llama.cpp", "prefill"): 1.2 if type_ == "bf16" else 2.0, ("Transformers", "prefill"): 1.5, ("llama.cpp", "decode"): 1.0}
    is_large = shape in LARGE
    if is_large:
        measure(engines, "prefill 16", 1, -1)  # brings the files into memory
    prefill = measure(engines, f"prefill {PROMPT}", max(a.rounds, 2), -1 if is_large else a.seconds)
    one = measure(engines, f"decode 1 {CONTEXT}", a.rounds, a.seconds)
    # The loop reads the same packed weights with the same threads, in turns with decoding; the share is the middle one of all turns.
    clock, bandwidth, share = engines["ours"].ask(f"share 1 {CONTEXT} {a.seconds}")
    one["ours"] = min(one["ours"][0], clock), one["ours"][1]
    some = measure({k: v for k, v in engines.items() if k != "Transformers"}, f"decode 16 {16 if is_large else CONTEXT}", 1 if is_large else a.rounds, -1 if is_large else a.seconds)
    for peer in engines:
        if peer == "ours":
            continue
        for what, t, n in (("prefill", prefill, PROMPT), ("decode", one, 1), ("decode 16", some, 16)):
            if peer in t:
                row(f"{name}: {what}{' 512' if what == 'prefill' else ''}", f"{n / t['ours'][0]:.1f}/s", f"{peer} {n / t[peer][0]:.1f}/s",
                    t[peer][0] / t["ours"][0], targets.get((peer, what)), f"{t[peer][1] / t['ours'][1]:.2f}")
    moved = engines["ours"].ask(f"bytes 1 {CONTEXT}")[0]
    row(f"{name}: decode, {moved / 1e6:.0f} MB a step", f"{moved / clock / 1e9:.1f} GB/s", f"a loop that only reads them {bandwidth / 1e9:.1f} GB/s",
        share, 0.85)
    row(f"{name}: 16 sequences", f"{16 / some['ours'][0]:.1f}/s", f"one alone {1 / one['ours'][0]:.1f}/s", 16 * one["ours"][0] / some["ours"][0], 4.0)
    for e in engines.values():
        e.end()


def first_token(a, folder, type_):
    cache = a.work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = [a.bench, "first", str(folder), type_, str(a.threads), str(cache)]
    took = []
    for i in range(6):  # the first one fills the cache
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took.append(time.monotonic() - begin)
    t = min(took[1:])
    row(f"0.1b {type_}: start to first token (16 in the prompt), packed weights kept", f"{t * 1e3:.0f} ms", f"without the cache {took[0] * 1e3:.0f} ms; target 150 ms", 0.15 / t, 1.0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bench")
    p.add_argument("work", type=Path)
    p.add_argument("--shapes", default="0.1b,1b")
    p.add_argument("--types", default="q8,q4,bf16")
    p.add_argument("--peers", default="llama,transformers")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=2)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--short", action="store_true", help="one round of half a second: about five minutes for 0.1b and 1b and four for 3b, once the weights are made")
    p.add_argument("--write", action="store_true", help="puts the table into docs/BENCHMARKS.md")
    p.add_argument("--only-make", action="store_true", help="makes the weights, measures nothing")
    a = p.parse_args()
    if a.short:
        a.seconds, a.rounds = 0.5, 1
    a.bench = os.path.abspath(a.bench)
    a.peers = a.peers.split(",")
    a.work.mkdir(parents=True, exist_ok=True)
    a.load = os.getloadavg()[0]
    say("| what | Hearth | beside it | ratio | target | met | ratio by processor time |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    for shape in a.shapes.split(","):
        folder = make(a.bench, a.work, shape, a.types.split(","), "llama" in a.peers)
        if a.only_make:
            continue
        if shape == "0.1b":
            for t in a.types.split(","):
                first_token(a, folder, t)
        for t in a.types.split(","):
            compare(a, shape, t, folder)
    if a.write:
        write(a)


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
