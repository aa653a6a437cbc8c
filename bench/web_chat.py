#!/usr/bin/env python3
"""web_chat.py - the chat page in Debian's Chromium: how soon a token shows, and how 10,000 lines scroll.

A small server before Hearth answers /v1/chat/completions itself, with a token every 10 ms, each of them a numbered word; all else it passes on.
In the page the time is taken when the bytes of a token are read, and again behind the frame in which its word stands: what lies between is
what the page takes, up to 16.7 ms of which are waiting for the frame.  It streams three texts: paragraphs, one long block of code, whose tail is
drawn anew in every frame, and an answer at the end of a conversation of 10,000 lines.  Then those are scrolled.  Chromium runs
without a screen and without a GPU, so frames are those of its own 60 Hz clock."""
import http.client
import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import hearth  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

SECONDS, PER_S, LINES = float(os.environ.get("SECONDS", "6")), 100, 10_000
# Times of the tokens' arrival, and of the frame behind which each stands in the page.
OBSERVE = """
(() => {
  const seen = (window.seen = { came: new Map(), shown: new Map(), long: [] }), read = ReadableStreamDefaultReader.prototype.read;
  ReadableStreamDefaultReader.prototype.read = async function () {
    const got = await read.call(this);
    for (const m of String(got.value ?? "").matchAll(/w(\\d+)x/g)) if (!seen.came.has(+m[1])) seen.came.set(+m[1], performance.now());
    return got;
  };
  try { new PerformanceObserver((list) => list.getEntries().forEach((e) => seen.long.push(e.duration))).observe({ type: "long-animation-frame" }); } catch {}
  const frame = () => {
    if (seen.came.size > seen.shown.size) {
      const behind = new MessageChannel();
      behind.port1.onmessage = () => {
        const now = performance.now(), rows = document.querySelectorAll("#thread .comment.assistant .prose"), text = rows[rows.length - 1]?.textContent ?? "";
        const last = +(text.slice(-400).match(/w(\\d+)x(?!.*w\\d+x)/s)?.[1] ?? -1);
        for (const k of seen.came.keys()) if (k <= last && !seen.shown.has(k)) seen.shown.set(k, now);
      };
      requestAnimationFrame(() => behind.port2.postMessage(0)); // asked for after the page's own, so it runs after it
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();
"""
SCROLL = """
(ms) => new Promise((done) => {
  const deltas = [], began = performance.now();
  let last = began;
  const step = (now) => {
    if (now > last) deltas.push(now - last);
    last = now;
    scrollBy(0, now - began < ms / 2 ? 120 : -90);
    if (now - began < ms) requestAnimationFrame(step);
    else done(deltas.slice(1));
  };
  scrollTo(0, 0);
  requestAnimationFrame(step);
})
"""


def text_of(shape):
    """The pieces of an answer, one a token."""
    for i in range(int(SECONDS * PER_S)):
        end = " "
        if shape == "paragraphs" and i % 60 == 59:
            end = "\n\n" if i % 120 == 59 else "\n\n- "
        if shape == "code" and i % 9 == 8:
            end = "\n"
        yield ("```python\n" if shape == "code" and i == 0 else "") + f"w{i}x" + end


class Before(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "before"

    def log_message(self, *args):
        pass

    def pass_on(self, body):
        c = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        c.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "accept-encoding")})
        a = c.getresponse()
        data = a.read()
        self.send_response(a.status)
        for k, v in a.getheaders():
            if k.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        began = time.perf_counter()
        for i, piece in enumerate(text_of(self.server.shape)):
            time.sleep(max(0, began + i / PER_S - time.perf_counter()))
            self.wfile.write(b"data: " + json.dumps({"choices": [{"delta": {"content": piece}}]}).encode() + b"\n\n")
        self.wfile.write(b'data: {"choices": [], "usage": {"completion_tokens": 1}}\n\ndata: [DONE]\n\n')

    def do_GET(self):
        self.pass_on(None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/v1/chat/completions":
            self.stream()
        else:
            self.pass_on(body)


def conversation():
    """10,000 lines of what answers are made of, as the page keeps them."""
    nodes, parent, lines = {}, None, 0
    while lines < LINES:
        k = len(nodes)
        ask = f"Question {k}: how is this done?"
        answer = f"## Part {k}\n\n" + "\n".join(f"Line {i} has **bold**, `code` and [a link](https://example.org/{i}); it goes on for a while." for i in range(20))
        answer += "\n\n```python\n" + "\n".join(f"value_{i} = call({i})" for i in range(18)) + "\n```\n\n" + "\n".join(f"- point {i}" for i in range(8))
        for role, content in (("user", ask), ("assistant", answer)):
            id = f"n{len(nodes)}"
            nodes[id] = {"id": id, "parent": parent, "role": role, "content": content, "model": "alice/none"}
            parent = id
            lines += content.count("\n") + 1
    return {"id": "long", "title": "A long one", "changed": 1, "nodes": nodes, "leaf": parent, "settings": {}}


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def stream(page, before, shape, label):
    before.shape = "paragraphs" if shape == "long" else shape
    page.evaluate("seen.came.clear(); seen.shown.clear(); seen.long.length = 0;")
    page.fill("#text", "Go on")
    page.press("#text", "Enter")
    end = time.monotonic() + 60 + SECONDS
    while page.evaluate("seen.shown.size") < SECONDS * PER_S:  # Playwright's own waiting needs eval, which the page forbids
        if time.monotonic() > end:
            raise SystemExit(f"{label}: not all tokens were shown")
        time.sleep(0.5)
    waits = page.evaluate("[...seen.came].map(([k, t]) => seen.shown.get(k) - t)")
    long = page.evaluate("seen.long")
    print(f"| {label} | {percentile(waits, .5):.1f} ms | {percentile(waits, .99):.1f} ms | {sum(w <= 33.4 for w in waits) / len(waits) * 100:.1f} % | {len(long)} |", flush=True)
    page.locator("#send", has_text="Send").wait_for()


def main():
    work = Path(tempfile.mkdtemp(prefix="hearth-web-chat-"))
    s = hearth.Server(work / "home")
    s.add_user("alice")
    s.start()
    before = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Before)
    before.behind, before.shape, before.daemon_threads = s.port, "paragraphs", True
    threading.Thread(target=before.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{before.server_address[1]}"
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(base + "/login")
            page.fill("[name=name]", "alice")
            page.fill("[name=password]", hearth.PASSWORD)
            page.press("[name=password]", "Enter")
            page.locator("summary", has_text="alice").wait_for()
            page.add_init_script(OBSERVE)
            page.goto(base + "/chat?model=alice/none")
            print("| stream of 100 tokens/s | p50 | p99 | within two frames | long frames |\n| --- | --- | --- | --- | --- |")
            stream(page, before, "paragraphs", "paragraphs and a list")
            page.click("#fresh")
            stream(page, before, "code", "one block of code")
            talk = json.dumps(conversation())
            page.evaluate("(c) => { localStorage.setItem('hearth.chat.long', c); localStorage.setItem('hearth.chats', JSON.stringify([{ id: 'long', title: 'A long one', changed: 1 }])); }", talk)
            page.reload()
            took = page.evaluate("""() => new Promise((done) => { const t = performance.now(); document.querySelector('#conversations a').click();
                requestAnimationFrame(() => { const m = new MessageChannel(); m.port1.onmessage = () => done(performance.now() - t); m.port2.postMessage(0); }); })""")
            stream(page, before, "long", "behind 10,000 lines")
            page.evaluate("seen.long.length = 0")
            deltas = page.evaluate(SCROLL, 5000)
            long = page.evaluate("seen.long")
            lines = sum(node["content"].count("\n") + 1 for node in json.loads(talk)["nodes"].values())
            print(f"\n{lines} lines: shown {took:.0f} ms after the click; scrolled for 5 s at {1000 * len(deltas) / sum(deltas):.0f} frames/s, a frame p50 {percentile(deltas, .5):.1f}, "
                  f"p99 {percentile(deltas, .99):.1f}, worst {max(deltas):.1f} ms, {sum(d > 50 for d in deltas)} above 50 ms, {len(long)} long animation frames")
            browser.close()
    finally:
        before.shutdown()
        s.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
