"""Streams on which nothing comes for long, for the model starts or reads a prompt: comments, and nothing else, tell that the server is
alive; every client waits, and then has the whole answer.  The silence is a worker that is stopped: it ends when the comments have come."""
import json
import os
import signal
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

import clients
import hearth
from hearth import await_that
from inference import START, STORY, complete, send_to, story_host, workers

SIGNS = 7 if hearth.LONG else 3  # after a second, then every five: 31 s of silence, or 11

PATHS = {"/v1/completions": {"prompt": START}, "/v1/chat/completions": {"messages": [{"role": "user", "content": START}]}, "/v1/responses": {"input": START},
         "/models/alice/story/generate_stream": {"inputs": START, "parameters": {"max_new_tokens": 20}},
         "/models/alice/story": {"inputs": START, "parameters": {"max_new_tokens": 20}},
         "/client/v4/accounts/alice/ai/run/@hf/alice/story": {"prompt": START}}

CLIENTS = {
    "openai": """
        import openai
        c = openai.OpenAI(max_retries=0)
        text = "".join(x.choices[0].text for x in c.completions.create(model=model, prompt=start, max_tokens=20, temperature=0, stream=True) if x.choices)
        said = "".join(x.choices[0].delta.content or "" for x in c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=20, temperature=0, stream=True) if x.choices)
        out = [text, said]
    """,
    "openai-hub": """
        from huggingface_hub import InferenceClient
        c = InferenceClient(base_url=f"{base}/v1", api_key=key, timeout=120)
        said = "".join(x.choices[0].delta.content or "" for x in c.chat.completions.create(model=model, messages=[{"role": "user", "content": start}], max_tokens=20, temperature=0, stream=True) if x.choices)
        at = InferenceClient(model=f"{base}/models/{model}", token=key, timeout=120)
        out = ["".join(at.text_generation(start, max_new_tokens=20, stream=True)), said]
    """,
    "text-generation": """
        from text_generation import Client
        c = Client(f"{base}/models/{model}", headers={"Authorization": f"Bearer {key}"}, timeout=120)
        out = ["".join(p.token.text for p in c.generate_stream(start, max_new_tokens=20) if not p.token.special)]
    """,
}

JS = """
import OpenAI from "openai";
const [base, key, model, start] = process.argv.slice(2);
const c = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
let text = "";
for await (const x of await c.completions.create({ model, prompt: start, max_tokens: 20, temperature: 0, stream: true })) text += x.choices[0]?.text ?? "";
console.log(JSON.stringify([text]));
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with story_host(tmp_path_factory.mktemp("silence") / "home") as s:
        yield s


@pytest.fixture
def silent(host):
    """Its worker is there, and says nothing."""
    await_that(lambda: complete(host).status == 200)
    for pid in workers(host): os.kill(pid, signal.SIGSTOP)
    yield host
    for pid in workers(host): os.kill(pid, signal.SIGCONT)


def speak(host):
    for pid in workers(host): os.kill(pid, signal.SIGCONT)


def ask(host, path, body):
    return send_to(host, path, {"model": host.model, "max_tokens": 20, "max_output_tokens": 20, "temperature": 0, "stream": True, **body})


def read_until(s, enough):
    text = b""
    while not enough(text):
        piece = s.recv(65536)
        if not piece: return text
        text += piece
    return text


def plain(wire):
    """The body of a chunked answer, as far as it has come."""
    head, rest = wire.split(b"\r\n\r\n", 1)
    assert b"text/event-stream" in head, wire
    out = b""
    while b"\r\n" in rest:  # the last piece may not be whole
        size, rest = rest.split(b"\r\n", 1)
        out, rest = out + rest[:int(size, 16)], rest[int(size, 16) + 2:]
    return out.decode()


def test_comments_and_nothing_else(silent):
    streams = {path: ask(silent, path, body) for path, body in PATHS.items()}
    begun = {path: read_until(s, lambda text: text.count(b": wait\n\n") >= SIGNS) for path, s in streams.items()}
    for path, text in begun.items():
        assert (": wait\n\n" * 100).startswith(plain(text)), path
    speak(silent)
    for path, s in streams.items():
        text = plain(begun[path] + read_until(s, lambda text: False))
        s.close()
        lines = text.split("\n")
        assert not [x for x in lines if x.startswith("id")] and not [x for x in lines if x in ("data:", "data: ")], (path, text)
        assert all(x == "" or x.startswith((": ", "data: ", "event: ")) for x in lines) and "Lily" in text, (path, text)
        assert (": wait" in text) and not text.endswith(": wait\n\n"), (path, text)


def python(host, folder, which):
    (folder / which).mkdir()
    d = clients.Driver("openai" if which == "openai-hub" else which, host, folder / which, host.alice, OPENAI_BASE_URL=host.base + "/v1", OPENAI_API_KEY=host.alice)
    try: return d(CLIENTS[which], base=host.base, key=host.alice, model=host.model, start=START)
    finally: d.close()


def javascript(host):
    folder = clients.js_client("js-openai")
    script = folder / f"silence-{uuid.uuid4().hex[:6]}.mjs"
    script.write_text(JS)
    try:
        r = subprocess.run(["node", str(script), host.base, host.alice, host.model, START], capture_output=True, text=True, timeout=180,
                           env=clients.client_environment(host, folder))
    finally:
        script.unlink()
    return json.loads(r.stdout) if r.returncode == 0 else r.stderr


def test_clients_wait(silent, tmp_path):
    for name in ("openai", "text-generation"): clients.python_client(name)  # or the test is skipped, here
    clients.js_client("js-openai")
    with ThreadPoolExecutor() as pool:
        got = {which: pool.submit(python, silent, tmp_path, which) for which in CLIENTS} | {"openai-js": pool.submit(javascript, silent)}
        await_that(lambda: waiting(silent) == len(got), 120)
        later = ask(silent, "/v1/completions", {"prompt": START})  # begun after the others: with two signs on this one, they had two
        read_until(later, lambda text: text.count(b": wait\n\n") >= 2)
        speak(silent)
        for which, answer in got.items():
            assert answer.result() and all(text == STORY for text in answer.result()), (which, answer.result())
    later.close()


def waiting(host):
    text = host.get("/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(("tgi_batch_current_size", "tgi_queue_size")))
