"""Large files with the stock hf_xet and over plain HTTP: part of bench.py, as `bench.py xet`."""
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ["huggingface_hub==2.4.0", "hf_xet==1.8.0"]
UPLOAD = """
import sys
from huggingface_hub import HfApi
HfApi().upload_file(path_or_fileobj=sys.argv[1], path_in_repo=sys.argv[2], repo_id=sys.argv[3])
"""
UPLOAD_FOLDER = """
import sys
from huggingface_hub import HfApi
HfApi().upload_folder(folder_path=sys.argv[1], repo_id=sys.argv[2])
"""
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[3], sys.argv[2], local_dir=sys.argv[1])
"""


def python(root):
    folder = root / ".cache" / "bench-xet"
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES], check=True)
        (folder / "done").touch()
    return folder / "bin" / "python"


def cpu_of(pid):
    """Seconds of processor time that a process has used."""
    field = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(field[11]) + int(field[12])) / os.sysconf("SC_CLK_TCK")


def loopback_bytes():
    line = next(x for x in Path("/proc/net/dev").read_text().splitlines() if x.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[0])


class Client:
    def __init__(self, interpreter, server, home, token, **env):
        home.mkdir(parents=True)
        self.python = interpreter
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        self.env.update(HF_ENDPOINT=server.base, HF_TOKEN=token, HF_HOME=str(home / "hf"), HF_XET_CACHE=str(home / "xet"), HOME=str(home),
                        HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_UPDATE_CHECK="1", **env)
        self.server = server

    def run(self, code, *args):
        """Wall seconds, processor seconds of the client and of the server, and bytes that crossed the loopback."""
        before, crossed, server = resource.getrusage(resource.RUSAGE_CHILDREN), loopback_bytes(), cpu_of(self.server.process.pid)
        start = time.monotonic()
        r = subprocess.run([str(self.python), "-c", code, *map(str, args)], env=self.env, capture_output=True, text=True)
        if r.returncode != 0:
            raise RuntimeError(r.stderr.strip().splitlines()[-1])
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {"seconds": seconds, "client": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                "server": cpu_of(self.server.process.pid) - server, "bytes": loopback_bytes() - crossed}


def change_middle(path, n):
    """One part in a hundred, in one piece."""
    with open(path, "r+b") as f:
        f.seek(n // 2)
        f.write(random.Random(1).randbytes(n // 100))


def peak_mib(b, s):
    return b.rss_kib(s.process.pid, "VmHWM") / 1024


def processor_row(b, what, n, x):
    b.row(what, f"{b.mib(n / x['seconds'])}, server {x['server']:.1f} s of processor", f"client: {x['client']:.1f} s",
          f"{x['server'] / x['client']:.2f}", "at most 0.25 of the client's", x["server"] <= 0.25 * x["client"])


def several_files(b, interpreter, n, gib):
    """A model as it comes: weights in four files."""
    folder, files = b.WORK / "several", 4
    folder.mkdir()
    for i in range(files):
        b.random_file(folder / f"model-{i + 1:05}-of-{files:05}.safetensors", n // files, i)
    s = b.server("xet-several")
    s.create("alice/m", s.alice)
    x = Client(interpreter, s, b.WORK / "clients" / "several", s.alice).run(UPLOAD_FOLDER, folder, "alice/m")
    processor_row(b, f"hf_xet uploads {gib}, a model in {files} files", n, x)
    s.stop()
    subprocess.run(["rm", "-r", folder, s.home], check=True)


def measure(b):
    n = 4 * (1 << 30) // b.SCALE
    gib, big, fetched = f"{n / 2**30:.1f} GiB", b.WORK / "static" / "big.bin", b.WORK / "fetched"
    interpreter = python(b.ROOT)
    several_files(b, interpreter, n, gib)
    big.parent.mkdir(exist_ok=True)
    b.random_file(big, n)
    s = b.server("xet")
    for name in ("m", "other", "third"):
        s.create(f"alice/{name}", s.alice)

    def client(name, **env):
        return Client(interpreter, s, b.WORK / "clients" / name, s.alice, **env)

    x = client("first").run(UPLOAD, big, "big.bin", "alice/m")
    processor_row(b, f"hf_xet uploads {gib}, one file", n, x)
    x = client("again").run(UPLOAD, big, "big.bin", "alice/other")
    b.row("the same bytes by another client, to another repository", f"{x['bytes'] / n:.2%} cross the wire", "–", "–", "under 3 %", x["bytes"] < 0.03 * n)
    download(b, s, big, n, gib, client, fetched)
    change_middle(big, n)
    x = client("changed").run(UPLOAD, big, "big.bin", "alice/m")
    b.row("1 % changed in the middle", f"{x['bytes'] / n:.2%} cross the wire", "–", "–", "under 3 %", x["bytes"] < 0.03 * n)
    s.stop()

    b.random_file(big, n)
    s = b.server("xet64")
    s.create("alice/m", s.alice)
    Client(interpreter, s, b.WORK / "clients" / "many", s.alice, HF_XET_FIXED_UPLOAD_CONCURRENCY="64", HF_XET_HIGH_PERFORMANCE="1").run(
        UPLOAD, big, "big.bin", "alice/m")
    peak = peak_mib(b, s)
    b.row("resident memory, 64 xorb uploads at once", f"{peak:.0f} MiB", "–", "–", "under 256 MiB", peak < 256)
    s.stop()


def download(b, s, big, n, gib, client, fetched):
    ours = f"{s.base}/alice/m/resolve/main/big.bin"
    with b.Nginx(big.parent) as base:
        for connections in (1, 32):
            x, y = [], []
            for _ in range(3):
                y.append(b.wrk(f"{base}/big.bin", connections, 6)["bytes"])
                x.append(b.wrk(ours, connections, 6)["bytes"])
            b.row(f"plain download of {gib} from xorbs, {connections} connection{'s' * (connections > 1)}", b.mib(max(x)),
                  f"nginx, sendfile: {b.mib(max(y))}", f"{max(x) / max(y):.2f}", "0.7", max(x) / max(y) >= 0.7)
    plain, xet = [], []
    for i in range(2):
        for kind, env in ((plain, {"HF_HUB_DISABLE_XET": "1"}), (xet, {})):
            fetched.mkdir()
            kind.append(client(f"down{i}{len(env)}", **env).run(DOWNLOAD, fetched, "big.bin", "alice/m")["seconds"])
            subprocess.run(["cmp", big, fetched / "big.bin"], check=True)
            subprocess.run(["rm", "-r", fetched], check=True)
    b.row(f"hf_xet downloads {gib}", b.mib(n / min(xet)), f"the same client without Xet: {b.mib(n / min(plain))}", f"{min(plain) / min(xet):.2f}", "1",
          min(xet) <= min(plain))
