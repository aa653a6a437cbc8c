"""Twenty seconds of everything at once (twenty minutes with --long): several models that do not fit together, adapters, an encoder; whole answers and
streams of three protocols; clients that leave in the middle, calls that make no sense, workers that are killed.  Afterwards every call is
accounted for: what clients saw is what was metered, and memory, descriptors, threads and workers are as before.

HEARTH_SOAK=SECONDS:SEED repeats a run, as far as threads let it.
"""
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import struct
import threading
import time

import pytest

import hearth
from hearth import ROOT
from inference import START, encoder_files, push, push_files, workers
from lora import EXPECTED, PROMPT, letters, push_adapter, push_base

SECONDS, SEED = (int(x) for x in os.environ.get("HEARTH_SOAK", f"{1200 if hearth.LONG else 20}:{random.randrange(10**6)}").split(":"))
CLIENTS = 8
TASKS = ROOT / "tests/data/tasks"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    # A worker of these tiny models needs about 66 MiB and 16 MiB for keys and values: three of six fit.
    s = hearth.Server(tmp_path_factory.mktemp("soak") / "home", args=("--inference-idle", "1s", "--inference-dtype", "f32", "--inference-kv-memory", "16MiB",
                                                                       "--inference-memory", "280MiB", "--inference-threads", "1"))
    s.alice = s.add_user("alice")
    with s:
        for i in range(3):
            push(s, s.alice, f"alice/story-{i}", private=i == 2)
        push_base(s, s.alice, "alice/base")
        for which in EXPECTED:
            push_adapter(s, s.alice, f"alice/{which}", "alice/base", which)
        push_files(s, s.alice, "alice/sentence", encoder_files("sentence-mean"))
        yield s


def figures(host):
    status = open(f"/proc/{host.process.pid}/status").read()
    return {"rss": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10, "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
            "descriptors": len(os.listdir(f"/proc/{host.process.pid}/fd"))}


class Call:
    """One request: what was asked, and what its client saw."""

    def __init__(self, number, rng):
        self.id, self.rng = f"soak-{SEED}-{number}", rng
        self.status, self.pieces, self.usage, self.left, self.failed, self.want = None, 0, None, False, False, None
        self.wants_stream, self.most, self.text = False, 0, ""
        rng.choice([self.completion, self.completion, self.chat, self.chat, self.tgi, self.adapter, self.adapter, self.embed, self.nonsense])()

    def completion(self):
        self.model, self.path = self.rng.choice(["alice/story-0", "alice/story-1", "alice/story-2"]), "/v1/completions"
        self.wants_stream, self.most, self.n = self.rng.random() < 0.5, self.rng.choice([self.rng.randrange(1, 60), self.rng.randrange(1, 450)]), self.rng.choice([1, 1, 1, 2])
        self.body = {"model": self.model, "prompt": START * self.rng.choice([1, 1, 5, 40]), "max_tokens": self.most, "temperature": self.rng.choice([0, 1]), "n": self.n}
        self.most *= self.n
        if self.rng.random() < 0.1:
            self.body["guided_regex"] = "[a-z ]{5,30}\\."

    def chat(self):
        self.completion()
        self.path = "/v1/chat/completions"
        self.body["messages"] = [{"role": "user", "content": self.body.pop("prompt")}]

    def tgi(self):
        self.model = self.rng.choice(["alice/story-0", "alice/story-1"])
        self.wants_stream, self.most = self.rng.random() < 0.5, self.rng.randrange(1, 450)
        self.path = f"/models/{self.model}/generate" + ("_stream" if self.wants_stream else "")
        self.body = {"inputs": START, "parameters": {"max_new_tokens": self.most, "details": True, "do_sample": True}}

    def adapter(self):
        which = self.rng.choice(["base", *EXPECTED])
        self.model, self.path, self.most = f"alice/{which}", "/v1/completions", 32
        self.wants_stream = self.rng.random() < 0.5
        self.want = letters(EXPECTED[which]["greedy"]) if which in EXPECTED else None
        self.body = {"model": self.model, "prompt": PROMPT, "max_tokens": 32, "temperature": 0}

    def embed(self):
        self.model, self.path = "alice/sentence", "/v1/embeddings"
        self.body = {"model": self.model, "input": ["Paris", "The cat sat on the mat."] * self.rng.randrange(1, 20)}

    def nonsense(self):
        self.model, self.path = self.rng.choice(["alice/story-0", "alice/none", "alice/sentence"]), "/v1/completions"
        self.body = self.rng.choice([{"model": self.model, "prompt": START, "top_p": 9}, {"model": self.model, "prompt": START * 9000, "max_tokens": 5},
                                     {"model": self.model}, {"model": self.model, "prompt": START, "guided_regex": "("}])
        if self.model == "alice/sentence":
            self.body = {"model": self.model, "prompt": START}

    def run(self, host):
        body = {**self.body, **({"stream": True, "stream_options": {"include_usage": True}} if self.wants_stream and "models" not in self.path else {})}
        leaves = self.rng.random() < 0.2
        patience = self.rng.uniform(0.001, 0.5)
        c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)
        try:
            c.request("POST", self.path, json.dumps(body), {"Authorization": f"Bearer {host.alice}", "Content-Type": "application/json", "X-Request-Id": self.id})
            if leaves and not self.wants_stream:
                time.sleep(patience)
                self.left = True
                return self.cut(c)
            r = c.getresponse()
            self.status = r.status
            if not self.wants_stream or r.status != 200:
                self.take_whole(json.loads(r.read()))
                return
            after = self.rng.randrange(1, 40) if leaves else None
            for line in r:
                if line.startswith(b"data: {"):
                    self.take_event(json.loads(line[6:]))
                if after is not None and self.pieces >= after:
                    self.left = True
                    return self.cut(c)
            self.ended = True
        finally:
            c.close()

    @staticmethod
    def cut(c):
        if c.sock:  # a reset, not a polite end
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def take_whole(self, answer):
        if self.status != 200:
            return
        if "details" in answer:
            self.usage = (len(answer["details"]["prefill"]) or None, answer["details"]["generated_tokens"])
        else:
            self.usage = (answer["usage"]["prompt_tokens"], answer["usage"].get("completion_tokens", 0))
        if "choices" in answer and "text" in answer["choices"][0]:
            self.text = answer["choices"][0]["text"]

    def take_event(self, event):
        if "error" in event:
            self.failed = True
        elif "token" in event:
            self.pieces += 1
            if event.get("details"):
                self.usage = (None, event["details"]["generated_tokens"])
        elif event.get("usage"):
            self.usage = (event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"])
        for choice in event.get("choices", []):
            text = choice.get("text") or choice.get("delta", {}).get("content") or ""
            self.pieces += bool(text)
            self.text += text


def fault_of(call, row):
    """What is wrong with one call, beside its record; None: nothing."""
    if call.usage:  # its client saw the end
        if not row or row["status"] != 200:
            return "answered, and not recorded so"
        if row["completion_tokens"] != call.usage[1] or (call.usage[0] is not None and row["prompt_tokens"] != call.usage[0]):
            return "other numbers than its client saw"
        return "another text" if call.want is not None and call.text != call.want else None
    if call.left or call.failed:
        if row and row["completion_tokens"] > call.most:
            return "more than was asked for"
        if call.pieces and (not row or row["completion_tokens"] < (call.pieces if call.failed else 1)):
            return "less than its client saw"
        return None
    if row:
        return "refused, and recorded"
    return None if call.status in (400, 404, 422, 424, 429, 500, 503) else "an odd status, or no end"


def test_everything_at_once(host):
    for model in ("story-0", "story-1"):
        assert host.post("/v1/completions", {"model": f"alice/{model}", "prompt": START, "max_tokens": 5}, host.alice).status == 200
    before, calls, faults, counter, until = figures(host), [], [], iter(range(10**9)), time.time() + SECONDS
    lock = threading.Lock()

    def client(number):
        rng = random.Random(SEED * 1000 + number)
        while time.time() < until:
            with lock:
                call = Call(next(counter), random.Random(rng.random()))
                calls.append(call)
            try:
                call.run(host)
            except (OSError, http.client.HTTPException, ValueError) as fault:
                faults.append((call.id, call.path, call.body, call.status, call.left, repr(fault)))

    def killer():
        rng, killed = random.Random(SEED), 0
        while time.time() < until - 2:
            time.sleep(rng.uniform(0.02, 2))
            there = workers(host)
            if there:
                try:
                    os.kill(rng.choice(there), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
        calls_killed.append(killed)
    calls_killed = []
    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)] + [threading.Thread(target=killer)]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    print(f"seed {SEED}: {len(calls)} calls, {calls_killed[0]} workers killed, {sum(bool(c.usage) for c in calls)} answered, {sum(c.left for c in calls)} left, "
          f"{sum(c.failed for c in calls)} failed in the middle, statuses { {s: sum(c.status == s for c in calls) for s in sorted({c.status or 0 for c in calls})} }")
    assert not faults, faults[:5]

    # It becomes quiet: workers leave, what they had comes back.
    end = time.time() + 60
    while (workers(host) or figures(host)["descriptors"] > before["descriptors"]) and time.time() < end:
        time.sleep(0.2)
    after = figures(host)
    assert not workers(host) and not [p for p in (host.home / "tmp").iterdir() if p.name.startswith("model.")]
    assert after["descriptors"] <= before["descriptors"], (before, after)
    assert after["threads"] <= before["threads"] + 4 * CLIENTS, (before, after)  # pools keep what they once needed; a leak would be one for some calls
    if not hearth.SANITIZED:  # which keep what was freed
        assert after["rss"] < before["rss"] + (48 << 20), (before, after)

    # Every call against its record.
    db = sqlite3.connect(host.home / "hearth.db", timeout=30)
    db.row_factory = sqlite3.Row
    rows = {r["request_id"].rsplit(";")[-1]: dict(r) for r in db.execute("SELECT * FROM inference_call WHERE request_id LIKE ?", (f"%;soak-{SEED}-%",))}
    wrong = [(fault, c.id, c.path, c.body.get("max_tokens"), c.status, c.usage, c.pieces, c.left, c.failed, row)
             for c in calls for row in [rows.pop(c.id, None)] for fault in [fault_of(c, row)] if fault]
    print(*wrong[:10], sep="\n")
    assert not wrong
    assert not rows
    assert sum(bool(c.usage) for c in calls) > len(calls) / 4

    # And the counters of /metrics against the records.
    metrics = host.get("/metrics", host.alice).body.decode()

    def sums(name):
        return sum(int(float(v)) for v in re.findall(rf"^{name}\{{[^}}]*\}} (\S+)$", metrics, re.M))
    assert sums("tgi_request_count") == sums("tgi_request_success") + sums("tgi_request_failure")
    assert sums("tgi_queue_size") == sums("tgi_batch_current_size") == sums("hearth_inference_worker_claimed_bytes") == 0
    total = db.execute("SELECT sum(completion_tokens), sum(prompt_tokens) FROM inference_call").fetchone()
    assert (sums("hearth_inference_generated_tokens_total"), sums("hearth_inference_prompt_tokens_total")) == tuple(total)
    reported = host.get("/api/usage/inference", host.alice).json()["total"]
    assert (reported["completion_tokens"], reported["prompt_tokens"]) == tuple(total)
