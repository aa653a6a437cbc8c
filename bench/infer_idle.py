"""What a thousand idle streams cost the server: resident memory, threads, processor time.

    HEARTH_BIN=build/hearth python bench/infer_idle.py [STREAMS]

The model's worker is stopped (SIGSTOP), so every stream waits and gets a sign of life every few seconds.  Bound: 64 MB for 1,000."""
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "e2e"))
import hearth  # noqa: E402
from test_inference import complete, push, workers  # noqa: E402
from test_inference_calls import await_that, counted, send  # noqa: E402

STREAMS, AT_ONCE = int(sys.argv[1]) if len(sys.argv) > 1 else 1000, 20
resource.setrlimit(resource.RLIMIT_NOFILE, (STREAMS + 1000, STREAMS + 1000))


def resident_kb(pid):
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(r.split()[1]) for r in rows if r.startswith("Rss:"))


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


with tempfile.TemporaryDirectory() as tmp:
    s = hearth.Server(Path(tmp) / "home", args=("--inference-idle", "600s", "--inference-queue", str(STREAMS)))
    s.alice = s.add_user("alice")
    s.start()
    s.model = push(s, s.alice, "alice/story")
    assert complete(s).status == 200
    under_way = lambda: counted(s, "tgi_queue_size") + counted(s, "tgi_batch_current_size")
    threads = lambda: len(os.listdir(f"/proc/{s.process.pid}/task"))
    os.kill(workers(s)[0], signal.SIGSTOP)
    before, threads_before, streams = resident_kb(s.process.pid), threads(), []
    for i in range(STREAMS):
        streams.append(send(s, stream=True))
        if i % AT_ONCE == AT_ONCE - 1: await_that(lambda: under_way() >= i + 1, 60)
    await_that(lambda: under_way() >= STREAMS, 60)
    time.sleep(7)
    cost, used = resident_kb(s.process.pid) - before, processor_s(s.process.pid)
    time.sleep(10)
    used = processor_s(s.process.pid) - used
    print(f"{STREAMS} idle streams: {cost / 1000:.1f} MB ({cost / STREAMS:.1f} KB each), threads {threads_before} -> {threads()}, "
          f"{used * 100:.0f} ms of processor time a second")
    for c in streams: c.close()
    os.kill(workers(s)[0], signal.SIGCONT)
    await_that(lambda: under_way() == 0)
    s.stop()
