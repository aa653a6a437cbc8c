"""What a call of a model is to the server: no thread while it waits, an end when its client leaves or its time is over."""
import os
import signal
import threading
import time

import pytest

from hearth import await_that
from inference import START, STORY, complete, counted, push, send, story_host, usage, workers


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with story_host(tmp_path_factory.mktemp("calls") / "home", "--inference-idle", "60s", "--worker-threads-max", "2",
                    "--inference-queue", "40", "--inference-deadline", "3s") as s:
        yield s


def files_in_memory(pid):
    """Of the large files that a worker was given: how many bytes of them are there, and how many there would be."""
    stats = [os.stat(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if "memfd:hearth-model" in os.readlink(f"/proc/{pid}/fd/{fd}")]
    large = [s for s in stats if s.st_size > 1_000_000]
    return sum(s.st_blocks * 512 for s in large), sum(s.st_size for s in large)


def test_files_are_read_once_and_let_go(host):
    for start in range(2):
        assert complete(host).json()["choices"][0]["text"] == STORY
        pid = workers(host)[0]
        there, size = files_in_memory(pid)
        assert size > 1_000_000 and there < 100_000, "nothing but headers, after packing and after a start from the packed form"
        os.kill(pid, signal.SIGKILL)
        await_that(lambda: not workers(host))
        time.sleep(0.1)
    (host.home / "models").rename(host.home / "elsewhere")  # a cache may go at any time
    (host.home / "models").mkdir()
    await_that(lambda: complete(host).status == 200)
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_what_no_start_has_used_for_a_month_is_not_kept(host):
    for pid in workers(host): os.kill(pid, signal.SIGKILL)
    await_that(lambda: not workers(host))
    kept = {host.home / "models" / name: days for name, days in (("0" * 32, 40), ("1" * 32, 20), ("of-an-earlier-version.packed", 1))}
    for path, days in kept.items():
        if path.suffix: path.write_bytes(b"x")
        else: path.mkdir() or (path / "y.packed").write_bytes(b"y")
        os.utime(path, (time.time() - days * 86400,) * 2)
    await_that(lambda: complete(host).status == 200)
    assert [path.exists() for path in kept] == [False, True, False]
    own, = (p for p in (host.home / "models").iterdir() if p not in kept and list(p.glob("*.packed")))
    assert time.time() - own.stat().st_mtime < 600


def test_more_streams_than_threads(host):
    assert complete(host).json()["choices"][0]["text"] == STORY
    os.kill(workers(host)[0], signal.SIGSTOP)
    streams = [send(host, stream=i % 2 == 0) for i in range(30)]
    await_that(lambda: counted(host, "tgi_queue_size") + counted(host, "tgi_batch_current_size") >= 30)
    assert host.get("/api/models/" + host.model, host.alice).status == 200, "both threads for handlers are free"
    os.kill(workers(host)[0], signal.SIGCONT)
    for i, s in enumerate(streams):
        text = b""
        while b"[DONE]" not in text and b'"total_tokens"' not in text: text += s.recv(65536) or pytest.fail(str(text))
        assert text.startswith(b"HTTP/1.1 200")
        s.close()


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_is_noticed(host, stream):
    assert complete(host).status == 200
    before = usage(host)
    s = send(host, stream=stream, max_tokens=480, n=16, temperature=1)
    await_that(lambda: counted(host, "tgi_batch_current_size") == 1)
    s.close()
    await_that(lambda: counted(host, "tgi_batch_current_size") == 0)
    await_that(lambda: usage(host)["requests"] == before["requests"] + 1)
    made = usage(host)["completion_tokens"] - before["completion_tokens"]
    assert 0 <= made < 16 * 480


def test_who_leaves_the_queue_costs_nothing(host):
    assert complete(host).status == 200
    before = usage(host)
    os.kill(workers(host)[0], signal.SIGSTOP)
    first = [send(host) for _ in range(32)]
    await_that(lambda: counted(host, "tgi_batch_current_size") == 32)
    late = [send(host) for _ in range(5)]
    await_that(lambda: counted(host, "tgi_queue_size") == 5)
    for s in late: s.close()
    await_that(lambda: counted(host, "tgi_queue_size") == 0)
    os.kill(workers(host)[0], signal.SIGCONT)
    for s in first: s.close()
    await_that(lambda: counted(host, "tgi_batch_current_size") == 0)
    assert usage(host)["requests"] <= before["requests"] + 32


def test_a_full_queue_says_when_to_come_again(host):
    assert complete(host).status == 200
    os.kill(workers(host)[0], signal.SIGSTOP)
    held = [send(host) for _ in range(32)]
    await_that(lambda: counted(host, "tgi_batch_current_size") == 32)
    held += [send(host) for _ in range(40)]
    await_that(lambda: counted(host, "tgi_queue_size") == 40)
    r = complete(host)
    assert r.status == 429 and r.json()["error"]["type"] == "overloaded", r
    assert int(r.headers["retry-after"]) >= 1 and int(r.headers["retry-after-ms"]) >= 1000
    r = host.post(f"/models/{host.model}/generate", {"inputs": START}, host.alice)
    assert r.status == 429 and "wait for alice/story" in r.json()["error"]
    for s in held: s.close()
    os.kill(workers(host)[0], signal.SIGCONT)
    await_that(lambda: complete(host).status == 200)


def test_a_call_ends_at_its_deadline(host):
    assert complete(host).status == 200
    os.kill(workers(host)[0], signal.SIGSTOP)
    timer = threading.Timer(4, lambda: os.kill(workers(host)[0], signal.SIGCONT))
    timer.start()
    with send(host, stream=True) as s:
        r = complete(host)
        assert r.status == 504 and r.headers["x-should-retry"] == "false" and "3 s" in r.json()["error"]["message"], r
        text = b""
        while b"[DONE]" not in text: text += s.recv(65536) or pytest.fail(str(text))
        assert b": wait" in text and b"3 s that a call may take" in text
    timer.join()
    assert complete(host).json()["choices"][0]["text"] == STORY


def test_who_does_not_want_to_wait_for_a_model(serve):
    s = serve("--inference-memory", "84MiB", "--inference-kv-memory", "16MiB")
    s.model, other = push(s, s.alice, "alice/story"), push(s, s.alice, "alice/other")
    body = {"inputs": START, "parameters": {"max_new_tokens": 20, "do_sample": False}}
    ask = lambda **headers: s.post(f"/models/{other}", body, s.alice, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert complete(s).status == 200
    os.kill(workers(s)[0], signal.SIGSTOP)
    with send(s):  # the one model is busy, and there is no room for two
        await_that(lambda: counted(s, "tgi_batch_current_size") == 1)
        for headers in ({"X_Wait_For_Model": "false"}, {"X_Load_Model": "0"}, {"X_Scale_Up_Timeout": "1"}):
            r = ask(**headers)
            assert r.status == 503 and r.json()["error"] == f"Model {other} is currently loading" and r.json()["estimated_time"] > 0, r
    os.kill(workers(s)[0], signal.SIGCONT)
    assert ask(X_Wait_For_Model="true").json()[0]["generated_text"] == START + STORY


def test_a_pinned_model_is_kept_running(serve):
    s = serve("--inference-idle", "1s", "--inference-memory", "84MiB", "--inference-kv-memory", "16MiB")
    s.bob = s.add_user("bob")
    s.model, other = push(s, s.alice, "alice/story"), push(s, s.alice, "alice/other", private=True)
    state = lambda name=s.model: s.get(f"/api/models/{name}/inference", s.alice).json()
    assert state() == {"model": s.model, "sha": state()["sha"], "state": "cold", "pinned": False, "memory_bytes": 0, "running": 0, "waiting": 0, "lastUsed": None}
    assert s.get(f"/api/models/{other}/inference", s.bob).status == 404
    assert "kept running" in s.cli("model", "pin", s.model).stdout and s.model in s.cli("model", "list").stdout
    await_that(lambda: state()["state"] == "ready")  # nobody has called it
    assert state()["pinned"] and state()["memory_bytes"] > 0 and state()["lastUsed"]
    time.sleep(2.5)
    first = workers(s)
    assert state()["state"] == "ready" and len(first) == 1, "its idle time is over"
    r = s.request("POST", "/v1/completions", {"model": other, "prompt": START}, s.alice, headers={"X-Wait-For-Model": "false"})
    assert r.status in (429, 503) and workers(s) == first, "it makes no room for another"
    os.kill(first[0], signal.SIGKILL)
    await_that(lambda: workers(s) not in ([], first) and state()["state"] == "ready")  # another one: the first was seen to die
    assert "signal 9" in state()["reason"]
    assert "not kept" in s.cli("model", "unpin", s.model).stdout and s.model not in s.cli("model", "list").stdout
    await_that(lambda: state()["state"] == "cold" and not workers(s))


def test_long_prompts_are_read_beside_the_others(serve):
    """Those of more than 64 KiB, and those with a grammar: the same answers and refusals, whatever comes meanwhile, and nothing is left of who goes
    while his is being read."""
    host = serve("--inference-dtype", "f32")
    host.model = push(host, host.alice, "alice/story")

    def ask(filler, **parameters):
        return host.post(f"/models/{host.model}/generate", {"inputs": filler + START, "parameters": {"max_new_tokens": 20, "truncate": 60, **parameters}}, host.alice, timeout=300)
    short, seen = ask("once upon a time " * 100).json(), []
    threads = [threading.Thread(target=lambda n=n: seen.append(ask("once upon a time " * n))) for n in (4000, 5000, 4500, 6000, 4200, 4800)]  # more than are read aside
    for t in threads: t.start()
    for _ in range(5): assert complete(host).json()["choices"][0]["text"] == STORY
    for t in threads: t.join()
    assert [r.json() for r in seen] == [short] * 6, seen
    kinds = [{"type": "json", "value": {"enum": ["red", "green"]}}, {"type": "regex", "value": "[a-z]{3} (x{200}){200}"}, {"type": "json", "value": {"type": "array", "contains": {"const": 1}}}] * 8
    alone, seen = [ask("", grammar=kind) for kind in kinds[:3]], {}
    threads = [threading.Thread(target=lambda n=n: seen.update({n: ask("", grammar=kinds[n])})) for n in range(len(kinds))]  # more than are read aside
    for t in threads: t.start()
    assert complete(host).json()["choices"][0]["text"] == STORY
    for t in threads: t.join()
    assert [r.status for r in alone] == [200, 200, 501] and "contains" in alone[2].json()["error"], alone
    assert all(seen[n].json() == alone[n % 3].json() for n in range(len(kinds))), seen
    r = ask("once upon a time " * 6000, truncate=None)
    assert r.status == 422 and "tokens" in r.json()["error"], r
    text = host.post(f"/models/{host.model}/tokenize", {"inputs": "once upon a time " * 4000}, host.alice, timeout=300)
    assert text.status == 200 and len(text.json()) > 4000
    gone = counted(host, "tgi_request_count")
    for _ in range(6): send(host, prompt="once upon a time " * 6000, stream=True).close()
    await_that(lambda: counted(host, "tgi_request_count") >= gone + 6 and counted(host, "tgi_queue_size") + counted(host, "tgi_batch_current_size") == 0, 300)
    assert complete(host).json()["choices"][0]["text"] == STORY
