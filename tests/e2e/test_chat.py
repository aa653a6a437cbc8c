"""hearth chat: on a terminal, with a folder, a model of the data folder, and a model on a server."""
import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import hearth
from hearth import ROOT
from terminal import Terminal
from inference import DEMO, START, STORY, TEMPLATE, story_host



@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat") / "model"
    shutil.copytree(DEMO, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with story_host(tmp_path_factory.mktemp("chat") / "home") as s:
        yield s


def chat(*args, code=0, stdin="", **env):
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HEARTH_"))}
    r = subprocess.run([str(hearth.BIN), "chat", *map(str, args)], capture_output=True, text=True, timeout=120, input=stdin, env={**keep, **env})
    assert r.returncode == code, r.stderr
    return r


GREEDY = ("--temperature", "0", "--max-tokens", "20")


def test_without_a_terminal_each_line_is_a_message(folder, host):
    want = STORY + "\n[the answer was cut off: no more tokens]\n"
    assert chat(folder, *GREEDY, "--dtype", "f32", stdin=START + "\n").stdout == want
    before = sorted((host.home / "tmp").iterdir())
    assert chat("alice/story", "--home", host.home, *GREEDY, "--dtype", "f32", stdin=START + "\n").stdout == want
    assert sorted((host.home / "tmp").iterdir()) == before
    assert chat("alice/story", "--server", host.base, *GREEDY, stdin=START, HF_TOKEN=host.alice).stdout == want
    assert chat("alice/story", "--home", host.home / "none", *GREEDY, stdin=START, HF_TOKEN=host.alice, HF_ENDPOINT=host.base + "/").stdout == want
    two = chat("alice/story", "--server", host.base, *GREEDY, stdin="Once upon\n/reset\n" + START, HF_TOKEN=host.alice).stdout
    assert two.endswith(want) and two != want


def test_the_conversation_is_what_the_server_is_told(host):
    t = Terminal("chat", "alice/story", "--server", host.base, *GREEDY, "--system", "One day", env={"HF_TOKEN": host.alice})
    assert "alice/story on http" in t.until(">>> ")
    t.say("there was")
    first = t.until("\r\n[")
    t.until(">>> ")
    t.say("/stats")
    n = int(re.search(r"(\d+) tokens of prompt", t.until(">>> "))[1])
    t.say("And")
    t.until(">>> ")
    t.say("/stats")
    stats = t.until(">>> ")
    assert int(re.search(r"(\d+) tokens of prompt", stats)[1]) > n + 10 and "known from before" in stats and first
    assert t.end() == 0


@pytest.mark.parametrize("where", ["here", "server"])
def test_commands(folder, host, tmp_path, where):
    args = (folder, "--dtype", "f32") if where == "here" else ("alice/story", "--server", host.base)
    t = Terminal("chat", *args, *GREEDY, env={"HF_TOKEN": host.alice})
    t.until(">>> ")
    t.say("/set max-tokens 5")
    t.until(">>> ")
    t.say(START)
    short = t.until("\r\n[")
    assert STORY.startswith(short) and len(short) < len(STORY)
    t.until(">>> ")
    t.say("/set")
    shown = dict(line.split(maxsplit=1) for line in t.until(">>> ").strip().splitlines())
    assert shown["max-tokens"] == "5" and shown["temperature"] == "0" and shown["seed"] == "not set"
    for bad, why in (("/set heat 1", "no setting heat"), ("/set top-p 0", "above 0"), ("/set max-tokens 1.5", "whole"), ("/save", "wants a file"),
                     ("/load /dev/null", "/dev/null"), (f"/load {DEMO}/config.json", "role"), (f"/save {tmp_path}/none/x", "none"), ("/nonsense", "no command")):
        t.say(bad)
        assert why in t.until(">>> "), bad
    t.say(f"/save {tmp_path}/talk.json")
    assert "2 messages" in t.until(">>> ")
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert [m["role"] for m in saved] == ["user", "assistant"] and saved[1]["content"] == short.strip()
    t.say("/reset")
    t.until(">>> ")
    t.say("/set max-tokens 20")
    t.until(">>> ")
    t.say(START)
    assert t.until("\r\n[") == STORY
    t.until(">>> ")
    t.say(f"/load {tmp_path}/talk.json")
    assert "2 messages" in t.until(">>> ")
    t.say(f"/save {tmp_path}/again.json")
    t.until(">>> ")
    assert json.loads((tmp_path / "again.json").read_text()) == saved
    t.type("/exit\n")
    assert os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]) == 0


def test_keys(folder, tmp_path):
    """What the editor makes of keys is what /save says was sent."""
    t = Terminal("chat", folder, "--temperature", "0", "--max-tokens", "1", term="xterm")
    t.until(">>> ")

    def sent(keys):
        t.type(keys + "\r")
        t.until("\n[the answer")
        t.until(">>> ")
        t.type(f"/save {tmp_path}/x.json\r")
        t.until("messages are in")
        t.until(">>> ")
        return [m["content"] for m in json.loads((tmp_path / "x.json").read_text()) if m["role"] == "user"][-1]
    left, right, up, down = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
    assert sent("ace" + left * 2 + "b" + right + "d") == "abcde"
    assert sent("xön" + left + "\x7f" + "ä") == "xän"                      # whole characters
    assert sent("one two three\x17" + "3\x01" + "0 ") == "0 one two 3"      # a word back; the beginning
    assert sent("one two\x1bb" + "\x0b" + "2\x15" + "x") == "x"             # by words; what follows; what stands before
    assert sent("abc\x02\x02\x04") == "ac"
    assert sent(up * 2) == "ac"
    t.type("gone\x03")                                                       # Ctrl-C: a new line
    t.until(">>> ")
    assert sent("\x1b[200~two\rlines\x1b[201~!") == "two\nlines!"           # a paste is one message
    t.type("draft" + up)
    assert sent(down + "!") == "draft!"                                      # back to what was being written
    assert sent("w" * 200 + "\x01" + "x" + "\x1b[F" + "y" + "\x1b[1~" + "\x1b[3~") == "w" * 200 + "y"  # more than a row
    assert t.end() == 0


def test_history_comes_back(folder, tmp_path):
    t = Terminal("chat", folder, "--temperature", "0", "--max-tokens", "1", term="xterm")
    t.until(">>> ")
    for line in ("first", "second"):
        t.type(line + "\r")
        t.until("\n[the answer")
        t.until(">>> ")
    t.type("\x1b[A\x1b[A\x1b[A\r")  # the first, and no further
    t.until("\n[the answer")
    t.until(">>> ")
    t.type(f"/save {tmp_path}/x.json\r")
    t.until("messages are in")
    assert [m["content"] for m in json.loads((tmp_path / "x.json").read_text())][::2] == ["first", "second", "first"]
    t.until(">>> ")
    assert t.end() == 0


def test_interrupt_stops_the_servers_answer(host):
    t = Terminal("chat", "alice/story", "--server", host.base, "--temperature", "0", env={"HF_TOKEN": host.alice})
    t.until(">>> ")
    t.say("/set max-tokens 400")
    t.until(">>> ")
    for _ in range(5):
        t.say(START)
        t.until("Lily")
        t.type("\x03")
        t.until(">>> ")
        t.say("/reset")
        t.until(">>> ")
    os.kill(t.pid, signal.SIGINT)
    t.until(">>> ")
    assert t.end() == 0


def test_refused(folder, host, tmp_path):
    assert "no folder or file nothing" in chat("nothing", code=1).stderr
    assert "no model alice/none" in chat("alice/none", "--home", host.home, code=1).stderr
    assert "--dtype is for a model in this process" in chat("alice/story", "--server", host.base, "--dtype", "q8", code=2).stderr
    assert "no chat template" in chat(DEMO, code=1).stderr
    assert "writes no text" in chat(ROOT / "tests/data/tasks/sentence-mean", code=1).stderr
    # What the server refuses is said, with what to do, and the conversation goes on; who reads a pipe does not find it among the answers.
    def refused(*args, stdin=START + "\n", **env):
        r = chat(*args, stdin=stdin, code=1, **env)
        assert "no answer" in r.stderr and "of the messages ha" in r.stderr
        return r
    r = refused("alice/secret", "--server", host.base, stdin=START + "\n/exit\n", HF_TOKEN=host.bob)
    assert "no model \"alice/secret\"" in r.stderr and r.stderr.count("/v1/models") == 1 and not r.stdout
    r = refused("alice/story", "--server", host.base)
    assert "set HF_TOKEN" in r.stderr and not r.stdout
    r = refused("alice/story", "--server", host.base, HF_TOKEN="hf_wrong")
    assert "HF_TOKEN is no token of this server" in r.stderr
    r = refused("alice/story", "--server", "http://127.0.0.1:1")
    assert "127.0.0.1:1" in r.stderr and "is the server running?" in r.stderr
    t = Terminal("chat", "alice/story", "--server", host.base, *GREEDY, env={"HF_TOKEN": "hf_wrong"})
    t.until(">>> ")
    t.say(START)
    assert "HF_TOKEN is no token of this server" in t.until(">>> ")
    assert t.end() == 0


def test_run_takes_a_model_of_the_data_folder(host):
    r = subprocess.run([str(hearth.BIN), "run", "alice/secret", START, "--home", str(host.home), "--dtype", "f32", *GREEDY], capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout == STORY + "\n", r.stderr


def test_a_message_of_several_lines_comes_back_whole(folder, tmp_path):
    t = Terminal("chat", folder, "--temperature", "0", "--max-tokens", "1", term="xterm")
    t.until(">>> ")
    t.type('"""one\r')
    t.until("... ")
    t.type('two"""\r')
    t.until("\n[the answer")
    t.until(">>> ")
    t.type("\x1b[A\r")
    t.until("\n[the answer")
    t.until(">>> ")
    t.type(f"/save {tmp_path}/x.json\r")
    t.until("messages are in")
    assert [m["content"] for m in json.loads((tmp_path / "x.json").read_text())][::2] == ["one\ntwo"] * 2
    t.until(">>> ")
    assert t.end() == 0


def test_a_window_that_changes_its_width(folder, tmp_path):
    """What a line that is longer than a row was painted on is painted over, wherever the terminal has folded it meanwhile."""
    t = Terminal("chat", folder, "--temperature", "0", "--max-tokens", "1", term="xterm")
    t.until(">>> ")
    resize = lambda wide: fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, wide, 0, 0))  # noqa: E731
    resize(80)
    t.type("x" * 60)
    t.until("x" * 60)
    t.seen = ""
    resize(30)
    t.type("y")
    assert "\x1b[2A\r\x1b[J>>> " in t.until("xy")  # 64 columns before the cursor: two rows of 30 above it
    t.type("\r")
    t.until("\n[the answer")
    t.until(">>> ")
    assert t.end() == 0


class Strange(BaseHTTPRequestHandler):
    """A server that is not ours, and does not mean well."""
    answers = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        for i in range(0, len(body), 7):  # pieces end anywhere
            self.wfile.write(body[i:i + 7])
            self.wfile.flush()

    def log_message(self, *_):
        pass


def test_servers_of_others():
    def event(text):
        return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\r\n\r\n"
    done = b"data: [DONE]\n\n"
    Strange.answers = [(200, b": wait\n\nevent: x\n" + event("gr\u00fc\u00df") + event(" dich") + done), (200, event("half")), (200, b"data: {\n\n"), (500, b"<html>"),
                       (302, b""), (200, b"data: " + b"x" * (2 << 20)), (400, b'{"error": "as the hub says it"}'), (200, b'data: {"error": {"message": "in the middle"}}\n\n'),
                       (200, event("\x1b]0;title\x07red\x9b1m") + done)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    r = chat("some/model", "--server", base, stdin="a\n" * 8, code=1)
    out = r.stdout + r.stderr
    for part in ("gr\u00fc\u00df dich\n", "half\nthe server broke off", "status 500", "status 302", "more than", "as the hub says it", "in the middle"):
        assert part in out, (part, out)
    t = Terminal("chat", "some/model", "--server", base)
    t.until(">>> ")
    t.say("x")
    assert t.until("\r\n") == "\ufffd]0;title\ufffdred\ufffd1m"  # nothing steers the terminal
    t.until(">>> ")
    assert t.end() == 0
    server.shutdown()
