"""A file through a hub in front of another, first and again, beside olah (a mirror in Python) in front of the same upstream.

    python3 bench/gateway.py HEARTH OLAH_CLI FOLDER [BYTES]

The upstream is a Hearth.  FOLDER gets three homes and a file of 1 GiB (or BYTES) of noise.  Plain HTTP by curl, one connection; the second download
is the median of three.  Small questions: HEAD of a file of 200 bytes, one after the other on one connection."""
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HEARTH, OLAH, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3]).resolve()
BYTES = int(sys.argv[4]) if len(sys.argv) > 4 else 1 << 30
RUNNING = []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(port, *command):
    RUNNING.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER))
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)


def hearth(*args):
    return subprocess.run([HEARTH, *args], check=True, capture_output=True, text=True).stdout.strip()


def push(port, token):
    """By git and git-lfs, which need nothing of Python."""
    work = FOLDER / "work"
    subprocess.run(["git", "clone", "-q", f"http://alice:{token}@127.0.0.1:{port}/alice/m", work], check=True)
    (work / "config.json").write_text('{"x": "' + "y" * 190 + '"}')
    with open(work / "model.safetensors", "wb") as f:
        for _ in range(BYTES >> 20):
            f.write(os.urandom(1 << 20))
    for command in (["lfs", "install", "--local"], ["lfs", "track", "*.safetensors"], ["add", "-A"],
                    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a model"], ["push", "-q"]):
        subprocess.run(["git", "-C", work, *command], check=True, capture_output=True)
    shutil.rmtree(work)


def download(base):
    """Seconds until the first byte, and MiB/s in all."""
    r = subprocess.run(["curl", "-sfL", "-o", "/dev/null", "-w", "%{time_starttransfer} %{time_total} %{size_download}", f"{base}/alice/m/resolve/main/model.safetensors"],
                       check=True, capture_output=True, text=True).stdout.split()
    assert int(r[2]) == BYTES >> 20 << 20, r
    return float(r[0]), BYTES / (1 << 20) / float(r[1])


def small(base, seconds=5):
    host = base.split("//")[1]
    c = http.client.HTTPConnection(host)
    n, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        c.request("HEAD", "/alice/m/resolve/main/config.json")
        r = c.getresponse()
        r.read()
        assert r.status in (200, 307), r.status
        n += 1
    return n / seconds


def measure(name, base):
    urllib.request.urlopen(f"{base}/api/models/alice/m/revision/main").read()
    first, cold = download(base)
    again = [download(base) for _ in range(3)]
    print(f"| {name} | {first * 1000:.0f} ms | {cold:.0f} MiB/s | {statistics.median(a[0] for a in again) * 1000:.0f} ms | "
          f"{statistics.median(a[1] for a in again):.0f} MiB/s | {small(base):.0f}/s |", flush=True)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    up, down, olah = free_port(), free_port(), free_port()
    hearth("user", "add", "alice", "--home", str(FOLDER / "up"))
    token = hearth("token", "create", "alice", "--role", "write", "--home", str(FOLDER / "up")).split()[-1]
    start(up, HEARTH, "serve", "--home", str(FOLDER / "up"), "--listen", f"127.0.0.1:{up}")
    request = urllib.request.Request(f"http://127.0.0.1:{up}/api/repos/create", b'{"type":"model","name":"m"}',
                                     {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    urllib.request.urlopen(request).read()
    push(up, token)
    start(down, HEARTH, "serve", "--home", str(FOLDER / "down"), "--listen", f"127.0.0.1:{down}", "--upstream", f"http://127.0.0.1:{up}")
    start(olah, OLAH, "--host", "127.0.0.1", "--port", str(olah), "--hf-scheme", "http", "--hf-netloc", f"127.0.0.1:{up}", "--hf-lfs-netloc", f"127.0.0.1:{up}",
          "--mirror-scheme", "http", "--mirror-netloc", f"127.0.0.1:{olah}", "--mirror-lfs-netloc", f"127.0.0.1:{olah}", "--repos-path", str(FOLDER / "olah"))
    print("| | first: first byte | first | again: first byte | again | HEAD |\n| --- | --- | --- | --- | --- | --- |")
    measure("the upstream itself", f"http://127.0.0.1:{up}")
    measure("Hearth before it", f"http://127.0.0.1:{down}")
    measure("olah before it", f"http://127.0.0.1:{olah}")


try:
    main()
finally:
    for p in RUNNING:
        p.terminate()
    for p in RUNNING:
        p.wait()
