"""Measures Hearth beside its peers in the same run; writes the table of docs/BENCHMARKS.md.

    bench.py [NAME...]    size download resolve info list upload hash xet clone; without a name those that are not done today

A section's rows stand in the document as soon as it is over, in the place of its earlier ones, with the day and the load at which they were
taken; so a run that was broken off goes on with the next section.  `list` generates a million repositories first, which are two and a
half minutes on a quiet machine; the others are one or two each.

Each measurement starts a fresh server on a fresh home, runs the peer right before or after it on the same data, takes
the best of a few short runs of both (the machine is never quiet), and says both figures, their ratio and the target."""
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- bench/all.sh writes this part -->", "<!-- up to here -->"
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("HEARTH_BIN", str(ROOT / "build-bench" / "hearth"))
import hearth  # noqa: E402

SMALL = bool(os.environ.get("HEARTH_BENCH_SMALL"))
SCALE = 10 if SMALL else 1
WORK = Path(tempfile.mkdtemp(prefix="hearth-bench-", dir=os.environ.get("HEARTH_BENCH_DIR")))
PAGE = ROOT / "docs" / "BENCHMARKS.md"
rows, servers = [], []


def say(text):
    print(text, file=sys.stderr, flush=True)


def row(what, ours, theirs, ratio, target, ok):
    rows.append((what, ours, theirs, ratio, target, "yes" if ok else "**no**"))
    say(f"  {what}: {ours}, beside {theirs}, {ratio} (target {target}): {'met' if ok else 'NOT MET'}")


def sh(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, **kw).stdout


def rss_kib(pid, what="VmRSS"):
    return int(re.search(what + r":\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


class Nginx:
    """Two workers, sendfile, keep-alive: what a careful operator would write."""

    def __init__(self, root, extra=""):
        self.port, self.dir = hearth.free_port(), Path(tempfile.mkdtemp(dir=WORK))
        (self.dir / "nginx.conf").write_text(f"""
            daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes 2; user root;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type application/octet-stream;
                client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p; fastcgi_temp_path {self.dir}/f;
                uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s; fastcgi_buffering off;
                server {{ listen 127.0.0.1:{self.port}; root {root}; {extra} }}
            }}""")

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-c", str(self.dir / "nginx.conf"), "-e", str(self.dir / "error.log")])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return f"http://127.0.0.1:{self.port}"
            except OSError:
                time.sleep(0.05)
        raise RuntimeError((self.dir / "error.log").read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def server(name, repos=0):
    s = hearth.Server(WORK / name)
    servers.append(s)
    s.alice = s.add_user("alice")
    if repos:
        start = time.monotonic()
        subprocess.run([sys.executable, str(ROOT / "bench" / "generate.py"), str(s.home), str(repos)], check=True)
        say(f"  {repos} repositories generated in {time.monotonic() - start:.0f} s")
    s.start()
    return s


def wrk(url, connections, seconds=6, lua=None, headers=(), threads=2):
    args = ["wrk", f"-t{min(threads, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    for h in headers:
        args += ["-H", h]
    if lua:
        path = WORK / "wrk.lua"
        path.write_text(lua)
        args += ["-s", str(path)]
    out = sh(*args, url)
    if "Non-2xx" in out or "Socket errors" in out:
        say("  " + out.replace("\n", "\n  "))
        raise RuntimeError("wrk saw errors; a figure made of refusals is no figure")

    def number(pattern, units):
        m = re.search(pattern, out)
        return float(m.group(1)) * units[m.group(2)]
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "bytes": number(r"Transfer/sec:\s+([\d.]+)(\w+)", {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}),
            "p99": number(r"99%\s+([\d.]+)(us|ms|s)", {"us": 1e-3, "ms": 1, "s": 1000})}


def best(of, fn, key):
    return max((fn() for _ in range(of)), key=key)


def random_file(path, size, seed=0):
    with open(path, "wb") as f:
        p = subprocess.Popen(["openssl", "enc", "-aes-128-ctr", "-nosalt", "-K", "00" * 16, "-iv", f"{seed:016x}{0:016x}", "-in", "/dev/zero"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        h, left = hashlib.sha256(), size
        while left:
            block = p.stdout.read(min(1 << 20, left))
            h.update(block)
            f.write(block)
            left -= len(block)
        p.kill()
        f.flush()
        os.fsync(f.fileno())  # or the kernel writes it while others are measured
    return h.hexdigest()


def put(s, repo, path, oid, size):
    """With the client that costs least (bench/put_file.c): what it uses is missing to the server, on the same cores."""
    r = s.lfs_batch(repo, s.alice, [(oid, size)], transfers=["basic"])
    href = r.json()["objects"][0]["actions"]["upload"]["href"]
    seconds = float(sh(ROOT / "build-bench" / "bench" / "put_file", path, href).split()[0])
    r = s.commit_lines([{"key": "header", "value": {"summary": "s"}},
                        {"key": "lfsFile", "value": {"path": "big.bin", "algo": "sha256", "oid": oid, "size": size}}], repo, s.alice)
    assert r.status == 200, r
    return seconds


def mib(x):
    return f"{x / 2**20:.0f} MiB/s"


# -------------------------------------------------------------------------------- measurements

def size():
    stripped = WORK / "stripped"
    sh("strip", "-o", stripped, hearth.BIN)
    n = stripped.stat().st_size
    row("stripped binary", f"{n / 2**20:.2f} MiB", "–", "–", "under 15 MiB", n < 15 << 20)
    s = server("size")
    time.sleep(2)
    kib = rss_kib(s.process.pid)
    s.stop()
    boots = []
    for _ in range(5):
        start = time.monotonic()
        s.start(wait=False)
        while True:
            try:
                if s.get("/health").status == 200:
                    break
            except OSError:
                time.sleep(0.002)
        boots.append(time.monotonic() - start)
        s.stop()
    with Nginx(WORK):
        pass
    row("resident when idle", f"{kib / 1024:.1f} MiB", "–", "–", "under 25 MiB", kib < 25 << 10)
    row("start until /health answers", f"{min(boots) * 1000:.0f} ms", "–", "–", "under 100 ms", min(boots) < 0.1)


def download():
    n = (1 << 30) // SCALE
    (WORK / "static").mkdir(exist_ok=True)
    oid = random_file(WORK / "static" / "big.bin", n)
    s = server("download")
    s.create("alice/m", s.alice)
    put(s, "alice/m", WORK / "static" / "big.bin", oid, n)
    ours = f"{s.base}/alice/m/resolve/main/big.bin"
    got = subprocess.run(f"curl -sS '{ours}' | sha256sum", shell=True, capture_output=True, text=True).stdout.split()[0]
    assert got == oid
    with Nginx(WORK / "static") as base:
        for connections in (1, 32):
            a, b = [], []
            for _ in range(3):
                b.append(wrk(f"{base}/big.bin", connections, 5)["bytes"])
                a.append(wrk(ours, connections, 5)["bytes"])
            row(f"download of {n >> 20} MiB, {connections} connection{'s' * (connections > 1)}", mib(max(a)), f"nginx, sendfile: {mib(max(b))}",
                f"{max(a) / max(b):.2f}", "0.95", max(a) / max(b) >= 0.95)
    s.stop()


def resolve():
    (WORK / "static").mkdir(exist_ok=True)
    text = (ROOT / "demo" / "config.json").read_bytes()
    (WORK / "static" / "config.json").write_bytes(text)
    s = server("resolve")
    s.create("alice/m", s.alice, private=True)
    assert s.commit("alice/m", s.alice, {"config.json": text}).status == 200
    url, auth = f"{s.base}/alice/m/resolve/main/config.json", [f"Authorization: Bearer {s.alice}"]
    with Nginx(WORK / "static") as base:
        a, b = [], []
        for _ in range(3):
            b.append(wrk(f"{base}/config.json", 64))
            a.append(wrk(url, 64, headers=auth))
    x, y = max(a, key=lambda r: r["rate"]), max(b, key=lambda r: r["rate"])
    row(f"resolve of {len(text)} bytes in a private repository, with a token", f"{x['rate']:.0f}/s, p99 {x['p99']:.1f} ms",
        f"nginx, static file: {y['rate']:.0f}/s, p99 {y['p99']:.1f} ms", f"{x['rate'] / y['rate']:.2f}", "0.7", x["rate"] / y["rate"] >= 0.7)
    s.stop()


def names_of(s, n):
    import sqlite3
    db = sqlite3.connect(s.home / "hearth.db")
    return [r[0] for r in db.execute("SELECT full_name FROM repo_index ORDER BY random() LIMIT ?", (n,))]


def info():
    n = 10_000 // SCALE
    s = server("info", n)
    names = names_of(s, 2000)
    lua = "local n = {" + ",".join(json.dumps(x) for x in names) + "}\nlocal i = 0\n" \
          "request = function() i = i % #n + 1; return wrk.format('GET', '/api/models/' .. n[i]) end\n"
    (WORK / "static").mkdir(exist_ok=True)
    (WORK / "static" / "info.json").write_bytes(s.get(f"/api/models/{names[0]}").body)
    # Four connections reach the rate. With more the machine is full: then a request waits for a turn of two server and two
    # client threads on two processors, some milliseconds each, and the p99 is the scheduler's. So it stands there without a target.
    with Nginx(WORK / "static") as base:
        for connections in (4, 16):
            x = best(3, lambda: wrk(s.base, connections, 4, lua=lua), lambda r: r["rate"])
            y = best(3, lambda: wrk(f"{base}/info.json", connections, 4), lambda r: r["rate"])
            row(f"model info among {n} repositories, {connections} connections", f"{x['rate']:.0f}/s, p99 {x['p99']:.2f} ms",
                f"nginx, one static file of that size: {y['rate']:.0f}/s, p99 {y['p99']:.2f} ms", f"{x['rate'] / y['rate']:.2f}",
                "20 000/s, p99 2 ms" if connections == 4 else "20 000/s", x["rate"] >= 20_000 and (x["p99"] <= 2 or connections > 4))
    s.stop()


def list_():
    n = 1_000_000 // SCALE
    s = server("list", n)
    words = "llama mistral qwen gemma bert whisper diffusion german medical quantized".split()
    queries = {
        "list by trending, a page of 30": ["limit=30"],
        "list by downloads, likes, date": ["sort=downloads&limit=30", "sort=likes&limit=30", "sort=lastModified&limit=30", "sort=createdAt&limit=30"],
        "list with one filter": [f"filter={x}&limit=30" for x in ("text-generation", "en", "license:mit", "diffusers")],
        "list with three filters": ["filter=text-generation&filter=en&filter=license:mit&limit=30", "filter=fr,translation,gguf&sort=downloads&limit=30"],
        "list of one author": [f"author=maker-{i}&limit=30" for i in range(50)],
        "search for one word": [f"search={w}&limit=30" for w in words],
        "search for a word and a number": [f"search={w}&search={i}&limit=30" for i, w in enumerate(words * 3, 100)],
        "search that finds nothing": ["search=zzqqxxyy&limit=30", "search=qwertzuiop&limit=30"],
    }
    count = f"{n:,}".replace(",", " ")
    for what, paths in queries.items():
        lua = "local n = {" + ",".join(json.dumps(p) for p in paths) + "}\nlocal i = 0\n" \
              "request = function() i = i % #n + 1; return wrk.format('GET', '/api/models?' .. n[i]) end\n"
        try:
            x = best(2, lambda: wrk(s.base, 2, 5, lua=lua), lambda r: -r["p99"])  # rows that nobody asked for are on the disk at first
        except RuntimeError:
            x = {"rate": 0, "p99": float("inf")}
        row(f"{what}, {count} repositories", f"{x['rate']:.0f}/s, p99 {x['p99']:.1f} ms", "–", "–", "p99 20 ms", x["p99"] <= 20)
    # Every connection maps the database, and VmRSS counts a page as often as it is mapped: Pss counts it once.
    with open(f"/proc/{s.process.pid}/smaps_rollup") as f:
        kib = {line.split(":")[0]: int(line.split()[1]) for line in f if line.endswith("kB\n")}
    row(f"memory after these, pages of the database among it counted once, {count} repositories", f"{kib['Pss'] / 1024:.0f} MiB, {kib['Pss_Anon'] / 1024:.0f} of its own", "–", "–",
        "under 2 GiB", kib["Pss"] < 2 << 20)
    s.stop()


def upload():
    n = 5 * (1 << 30) // SCALE
    oid = random_file(WORK / "up.bin", n)
    out = sh("openssl", "speed", "-mr", "-seconds", "3", "-bytes", "65536", "-evp", "sha256")
    sha = float(re.search(r"\+F:\d+:sha256:([\d.]+)", out, re.I).group(1))
    s = server("upload")
    s.create("alice/m", s.alice)
    seconds = put(s, "alice/m", WORK / "up.bin", oid, n)
    peak = rss_kib(s.process.pid, "VmHWM")
    s.stop()
    rate = n / seconds
    row(f"upload of {n / 2**30:.1f} GiB over HTTP, fsynced", mib(rate), f"openssl speed sha256, one core: {mib(sha)}", f"{rate / sha:.2f}", "0.8", rate / sha >= 0.8)
    row("resident memory during it", f"{peak / 1024:.0f} MiB", "–", "–", "under 64 MiB", peak < 64 << 10)
    (WORK / "up.bin").unlink()


def clone():
    """A history of 300 commits over 1500 files, cloned from Hearth and from git-http-backend, on the same packed objects."""
    s = server("clone")
    s.create("alice/m", s.alice)
    src = WORK / "src"
    env = dict(os.environ, GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@b", GIT_CONFIG_GLOBAL="/dev/null",
               GIT_TERMINAL_PROMPT="0")
    sh("git", "clone", "-q", s.base.replace("://", f"://alice:{s.alice}@") + "/alice/m", src, env=env)
    import random
    rnd = random.Random(1)
    for i in range(300 // SCALE):
        for _ in range(5):
            (src / f"d{rnd.randrange(30)}").mkdir(exist_ok=True)
            (src / f"d{rnd.randrange(30)}").mkdir(exist_ok=True)
            folder = rnd.choice([p for p in src.iterdir() if p.name.startswith("d")])
            (folder / f"f{rnd.randrange(60)}.txt").write_text("".join(f"{rnd.random()}\n" for _ in range(800)))
        sh("git", "add", ".", cwd=src, env=env)
        sh("git", "commit", "-qm", f"c{i}", cwd=src, env=env)
    sh("git", "push", "-q", "origin", "main", cwd=src, env=env)
    bare = WORK / "bare"
    bare.mkdir()
    sh("git", "clone", "-q", "--bare", s.base + "/alice/m", bare / "m.git", env=env)
    sh("git", "-C", bare / "m.git", "repack", "-adq")
    for pack in (s.home / "repos").rglob("HEAD"):
        if (pack.parent / "objects").exists():
            sh("git", "-C", pack.parent, "repack", "-adq", env=dict(env, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*"))
    (bare / "m.git" / "git-daemon-export-ok").touch()
    sock = WORK / "fcgi.sock"
    wrap = subprocess.Popen(["fcgiwrap", "-c", "2", "-s", f"unix:{sock}"], env=dict(env, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*"),
                            start_new_session=True)
    extra = f"""location / {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
        fastcgi_param GIT_HTTP_EXPORT_ALL 1; fastcgi_param GIT_PROJECT_ROOT {bare}; fastcgi_param PATH_INFO $uri;
        fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol; fastcgi_pass unix:{sock}; }}"""
    try:
        with Nginx(bare, extra) as base:
            def once(url):
                target = WORK / "cloned"
                shutil.rmtree(target, ignore_errors=True)
                start = time.monotonic()
                sh("git", "clone", "-q", "--bare", url, target, env=env)
                return time.monotonic() - start
            a, b = [], []
            for _ in range(7):
                b.append(once(f"{base}/m.git"))
                a.append(once(f"{s.base}/alice/m"))
    finally:
        os.killpg(wrap.pid, signal.SIGTERM)
        wrap.wait()
    row(f"git clone, {300 // SCALE} commits, {sum(1 for _ in src.rglob('*.txt'))} files", f"{min(a):.3f} s", f"git-http-backend, nginx, fcgiwrap: {min(b):.3f} s",
        f"{min(a) / min(b):.2f}", "at most 1.1", min(a) / min(b) <= 1.1)
    s.stop()


def xet():
    import xet_clients
    xet_clients.measure(sys.modules[__name__])


def hash_():
    import xet_hash
    xet_hash.row(sys.modules[__name__])


ALL = {"size": size, "download": download, "resolve": resolve, "info": info, "list": list_, "upload": upload, "hash": hash_, "xet": xet, "clone": clone}


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]
    return (f"{os.cpu_count()} cores of {cpu.group(1) if cpu else platform.machine()}, {memory / 2**20:.0f} GiB of memory, Linux {platform.release()}; "
            f"nginx {nginx}, {sh('git', '--version').strip()}, {sh('openssl', 'version').strip()}. Client and server share the cores.")


HEAD = ["| section | what | Hearth | beside it | ratio | target | met | taken |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]


def cells(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


def read_page():
    """What stands before the table, its rows, and what stands behind."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = [cells(x) for x in table.splitlines() if x.startswith("| ")]
    return before, [x for x in lines if x[0] in ALL and len(x) == len(cells(HEAD[0]))], after


def write_page(name, measured, load):
    """The section's rows take the place of its earlier ones, in the order of ALL."""
    before, table, after = read_page()
    taken = f"{time.strftime('%Y-%m-%d')}, load {load:.1f}"
    table = [x for x in table if x[0] != name] + [[name, *x, taken] for x in measured]
    table.sort(key=lambda x: list(ALL).index(x[0]))
    text = "\n".join(HEAD + ["| " + " | ".join(x) + " |" for x in table])
    PAGE.write_text(f"{before}{BEGIN}\n{machine()}\n\n{text}\n{END}{after}")


def done_today():
    day = time.strftime("%Y-%m-%d")
    return {x[0] for x in read_page()[1] if x[-1].startswith(day)}


def measure(name):
    rows.clear()
    try:
        ALL[name]()
    except (RuntimeError, AssertionError, subprocess.CalledProcessError, KeyError, OSError) as e:
        say(f"  {name} could not be measured: {e}")
        return False
    finally:
        for s in servers:
            if s.process and s.process.poll() is None:
                s.kill()
        servers.clear()
    return True


def main():
    chosen = sys.argv[1:] or [name for name in ALL if name not in done_today()]
    failed = []
    for name in chosen:
        say(name)
        start, load = time.monotonic(), os.getloadavg()[0]
        try:
            if not measure(name):
                failed.append(name)
            elif not SMALL:
                write_page(name, rows, load)
        finally:
            shutil.rmtree(WORK, ignore_errors=True)
            WORK.mkdir(parents=True, exist_ok=True)
        say(f"  {name}: {time.monotonic() - start:.0f} s")
    shutil.rmtree(WORK, ignore_errors=True)
    if failed:
        sys.exit(f"not measured: {' '.join(failed)}")


if __name__ == "__main__":
    main()
