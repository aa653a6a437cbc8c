"""Pinned clients, each in a virtual environment of its own under .cache/clients, made at first use.

A Python client stays up as a process that runs the snippets of the tests (driver.py): starting an interpreter and
importing huggingface_hub for every call would take longer than the calls."""
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hearth import ROOT

CACHE = ROOT / ".cache" / "clients"
HUB_VERSIONS = ["2.4.0", "1.29.0", "1.12.2", "0.36.2", "0.30.2", "0.27.1", "0.24.7"]
NEWEST = HUB_VERSIONS[0]
# huggingface_hub with the hf_xet of its day: one of each generation of addresses and forms.
XET_VERSIONS = {"2.4.0": "1.8.0", "1.29.0": "1.6.0", "1.19.0": "1.5.1", "1.12.2": "1.4.3", "0.36.2": "1.2.0", "0.35.3": "1.1.10",
                "0.30.2": "1.0.3"}
# requests is what older lines import, click what the command line of some lines forgets to ask for; hf_xet is removed after installation: Xet is another protocol.
PYTHON = {f"hub-{v}": [f"huggingface_hub=={v}", "requests", "click"] for v in HUB_VERSIONS}
PYTHON.update({f"xet-{v}": [f"huggingface_hub=={v}", f"hf_xet=={x}", "requests", "click"] for v, x in XET_VERSIONS.items()})
PYTHON["transformers"] = ["transformers==5.23.0", "jinja2"]
PYTHON["openai-1"] = ["openai==1.60.1", "numpy==2.2.6"]
PYTHON["openai"] = ["openai==3.54.0", f"huggingface_hub=={NEWEST}", "numpy==2.2.6"]
PYTHON["text-generation"] = ["text-generation==0.7.0"]
PYTHON["cloudflare"] = ["cloudflare==5.9.0"]
PYTHON["scim"] = ["scim2-client[httpx2]==0.13.2", "scim2-tester==0.5.2", "scim2-models==0.12.3"]
PYTHON["gradio"] = ["gradio_client==2.7.2"]
PYTHON["mcp"] = ["mcp==2.3.0"]
PYTHON["mcp-1"] = ["mcp==1.30.0"]
PYTHON["websockets"] = ["websockets==17.4"]
PYTHON["datasets"] = ["datasets==5.2.0"]
JS = {"js": ["@huggingface/hub@2.17.5"], "js-openai": ["openai@7.57.0"], "js-inference": ["@huggingface/inference@4.13.30"],
      "axe": ["axe-core@4.14.1"]}


def _install(name, packages, steps):
    """Runs the steps once for these packages; a folder is used only when its last step was done."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder, done, wanted = CACHE / name, CACHE / name / "done", " ".join(packages)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            for step in steps(folder):
                folder.mkdir(exist_ok=True)
                r = subprocess.run(step, capture_output=True, text=True, cwd=folder)
                if r.returncode != 0:
                    lines = (r.stderr.strip() or r.stdout.strip() or "no word").splitlines()
                    pytest.skip(f"client {name} cannot be installed: {lines[-1][:150]}")
            done.write_text(wanted)
    return folder


def python_client(name):
    """Path of the interpreter."""
    def steps(folder):
        yield from environment(folder, PYTHON[name])
        if not name.startswith("xet-"):
            yield [*pip_for(folder), "uninstall", "-q", "-y", "hf_xet"]
    return _install(name, PYTHON[name], steps) / "bin" / "python"


def environment(folder, packages):
    """The steps that make one.  It has no pip of its own, which would take as long to put there as most clients: the tests' own serves all."""
    yield [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    yield [*pip_for(folder), "install", "-q", *packages]


def pip_for(folder):
    return [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]


def js_client(name="js"):
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("client js needs node and npm")
    if int(subprocess.run(["node", "-p", "process.versions.node.split('.')[0]"], capture_output=True, text=True).stdout) < 18:
        pytest.skip("client js needs node 18 or newer")

    def steps(folder):
        yield ["npm", "init", "-y"]
        yield ["npm", "install", "--no-audit", "--no-fund", *JS[name]]
    return _install(name, JS[name], steps)


def client_environment(server, home, token=None, xet=False):
    """`home` must be new for a new server: hf_xet remembers, by address, what it has uploaded."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "GIT_", "ASAN", "UBSAN", "TSAN"))}
    env.update(HF_ENDPOINT=server.base, HF_HOME=str(home / "hf"), HOME=str(home), HF_HUB_DISABLE_XET="1",
               HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_UPDATE_CHECK="1", HF_HUB_DISABLE_PROGRESS_BARS="1",
               HF_HUB_DISABLE_IMPLICIT_TOKEN="0", NO_COLOR="1", TERM="dumb", GIT_TERMINAL_PROMPT="0", GIT_CONFIG_NOSYSTEM="1")
    if xet:
        del env["HF_HUB_DISABLE_XET"]
        env["HF_XET_CACHE"] = str(home / "xet")
    if token:
        env["HF_TOKEN"] = token
    if server.tls:
        env.update(SSL_CERT_FILE=server.tls["ca"], REQUESTS_CA_BUNDLE=server.tls["ca"], CURL_CA_BUNDLE=server.tls["ca"],
                   GIT_SSL_CAINFO=server.tls["ca"], NODE_EXTRA_CA_CERTS=server.tls["ca"])
    return env


class Driver:
    def __init__(self, name, server, home, token, **env):
        home.mkdir(parents=True, exist_ok=True)
        self.name, self.python, self.home = name, python_client(name), home
        self.env = client_environment(server, home, token, xet=name.startswith("xet-"))
        self.env.update(env)
        self.errors = open(home / "stderr.txt", "ab")
        self.process = subprocess.Popen([self.python, str(Path(__file__).with_name("driver.py"))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, env=self.env, cwd=home)

    def __call__(self, code, **args):
        """Runs the snippet with the arguments as names; what it assigns to `out` comes back."""
        self.process.stdin.write(json.dumps({"code": code, "args": args}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"client {self.name} died; see {self.home}/stderr.txt")
        r = json.loads(line)
        if "trace" in r:
            raise AssertionError(f"client {self.name}:\n{r['trace']}")
        return r["out"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.errors.close()

    @property
    def cli(self):
        """The path of `hf`, or of what it was called before."""
        for name in ("hf", "huggingface-cli"):
            if (self.python.parent / name).exists():
                return str(self.python.parent / name)
        raise AssertionError("no command line")
