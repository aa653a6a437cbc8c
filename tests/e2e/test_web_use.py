"""Every snippet that a repository's page offers is run as it stands there, by the client that it is for.

Nothing is changed in them and no variable says where to go: the environment has HF_TOKEN, and programs.  What this machine does
not have is named: HEARTH_TORCH_PYTHON is an interpreter with torch, transformers and sentence-transformers for those that load
weights; llama-cli is run where it is installed.  llama-server and vllm end never by themselves: they are not started."""
import html
import json
import os
import re
import shutil
import subprocess

import pytest

import clients
import hearth
from hearth import PASSWORD
from inference import encoder_files

TASKS = hearth.ROOT / "tests" / "data" / "tasks"
GGUF = hearth.ROOT / "tests" / "data" / "gguf" / "demo-q8.gguf"
# The tasks whose snippets differ: a folder of test data, and what its card says the library is.
MODELS = {"fill-mask": ("fill-roberta", "transformers"), "text-classification": ("classify-single", "transformers"),
          "token-classification": ("label-bert", "transformers"), "question-answering": ("answer-bert", "transformers"),
          "zero-shot-classification": ("zero-bert", "transformers"), "sentence-similarity": ("sentence-mean", "sentence-transformers"),
          "text-ranking": ("rank-sigmoid", "sentence-transformers"), "feature-extraction": ("features-bert", "transformers")}
CHAT = b"{% for m in messages %}{{ m.content }}\n{% endfor %}"
WANTED = {  # what must be among the snippets: a page that offers nothing would pass else
    "story": {"hf download", "huggingface_hub", "git clone", "transformers: pipeline", "transformers: model", "vLLM", "hearth run", "openai", "curl", "InferenceClient", "Workers AI"},
    "talk": {"openai", "curl", "InferenceClient", "Workers AI", "hearth chat", "hearth run"},
    "packed": {"llama.cpp", "llama.cpp as a server", "hearth run", "openai", "curl"},
    "shut": {"hf download", "huggingface_hub", "git clone", "hearth run"},
    "rows": {"hf download", "huggingface_hub", "git clone", "datasets"}, "page": {"hf download", "huggingface_hub", "git clone"},
    "sentence-similarity": {"hf download", "git clone", "hearth run", "curl", "InferenceClient", "openai", "Workers AI"},
    **{task: {"hf download", "git clone", "hearth run", "curl"} for task in MODELS if task != "sentence-similarity"},
}
NEEDS_TORCH = {"transformers: pipeline", "transformers: model", "sentence-transformers"}
NEEDS_PROGRAM = {"llama.cpp": "llama-cli", "llama.cpp as a server": "llama-server", "vLLM": "vllm"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("use") / "home", args=("--inference-kv-memory", "64MiB"))
    s.alice = s.add_user("alice")
    demo = hearth.ROOT / "demo"
    story = {p.name: p.read_bytes() for p in demo.iterdir() if p.suffix == ".json"}
    weights = {"model.safetensors": (demo / "model.safetensors").read_bytes()}

    def push(name, card, files, large, kind="model", **how):
        s.create(f"alice/{name}", s.alice, kind, **how)
        assert s.commit(f"alice/{name}", s.alice, {"README.md": f"---\n{card}---\n# {name}\n", **files}, large, kind=kind + "s").status == 200
    with s:
        text = "pipeline_tag: text-generation\nlibrary_name: transformers\n"
        push("story", text, story, weights)
        push("talk", text, {**story, "chat_template.jinja": CHAT}, weights)
        push("shut", text, story, weights, private=True)
        push("packed", "pipeline_tag: text-generation\n", {}, {"demo-Q8_0.gguf": GGUF.read_bytes()})
        for task, (folder, library) in MODELS.items():
            files = encoder_files(folder)
            push(task, f"pipeline_tag: {task}\nlibrary_name: {library}\n", files, {"model.safetensors": files.pop("model.safetensors")})
        push("rows", "license: mit\n", {"data/train.csv": "text,label\none,1\ntwo,2\n"}, {}, "dataset")
        push("page", "sdk: static\n", {"index.html": "<p>hello"}, {}, "space")
        yield s


def snippets(host, name):
    """[(name, text)] as who is signed in reads them: the text of each code element, nothing else."""
    r = host.request("POST", "/login", f"name=alice&password={PASSWORD}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    prefix = {"rows": "/datasets", "page": "/spaces"}.get(name, "")
    page = host.get(f"{prefix}/alice/{name}", headers={"Cookie": r.headers["set-cookie"].split(";")[0]}).body.decode()
    found = re.findall(r'<details name="use"[^>]*><summary>(.*?)</summary><pre[^>]*><code>(.*?)</code>', page, re.S)
    return [(html.unescape(n), html.unescape(re.sub(r"<[^>]*>", "", text))) for n, text in found]


def interpreter(name):
    if name in NEEDS_TORCH:
        return os.environ.get("HEARTH_TORCH_PYTHON")
    return str(clients.python_client("datasets" if name == "datasets" else "openai"))


FORMS_RUN = set()


def is_run_already(name, what, text):
    """A snippet that differs from one that was run by the repository's name alone is not run again: each run starts a client, and
    that takes seconds.  What is private is another matter than what is not."""
    form = (what, re.sub(rf"\b{name}\b", "NAME", text), name == "shut")
    known = form in FORMS_RUN
    FORMS_RUN.add(form)
    return known


def run(host, name, text, folder):
    """What it printed; the reason as a string in a list when this machine cannot run it."""
    env = clients.client_environment(host, folder, host.alice)
    env = {k: v for k, v in env.items() if k != "HF_ENDPOINT"}
    bins = [str(hearth.BIN.parent), str(clients.python_client("openai").parent)]
    env["PATH"] = os.pathsep.join([*bins, env["PATH"]])
    program = NEEDS_PROGRAM.get(name)
    if program and not shutil.which(program):
        return [f"no {program}"]
    if "import " in text:
        python = interpreter(name)
        if not python:
            return ["no torch"]
        command = [python, "-c", text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", text]
    if program == "llama-server" or program == "vllm":
        return [f"{program} does not end by itself"]
    r = subprocess.run(command, cwd=folder, env=env, input="Hello\n", capture_output=True, text=True, timeout=280)
    assert r.returncode == 0, f"{name} ended with {r.returncode}:\n{text}\n{r.stdout[-1500:]}\n{r.stderr[-3000:]}"
    return r.stdout


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(WANTED))
def test_every_snippet_works_as_it_stands(host, tmp_path, name):
    offered, not_run = snippets(host, name), []
    assert WANTED[name] <= {n for n, _ in offered}, [n for n, _ in offered]
    for i, (what, text) in enumerate(offered):
        assert host.base.split("//")[1] in text or what == "git clone", (what, text)
        if is_run_already(name, what, text):
            continue
        folder = tmp_path / str(i)
        folder.mkdir()
        said = run(host, what, text, folder)
        if isinstance(said, list):
            not_run.append(f"{what}: {said[0]}")
        elif what == "curl" or what == "Workers AI":
            answer = json.loads(said)
            assert answer and not (isinstance(answer, dict) and (answer.get("error") or answer.get("errors"))), (text, said)
        elif what == "git clone":
            assert (folder / name / "README.md").read_text().endswith(f"# {name}\n")
            for large in (folder / name).glob("*.safetensors"):
                assert not large.read_bytes().startswith(b"version https"), "a pointer, not the file"
        elif what in ("hf download", "huggingface_hub"):
            assert any(p.name == "README.md" for p in folder.rglob("*")), "nothing came down"
        elif what in ("hearth run", "openai", "InferenceClient", "hearth chat"):
            assert said.strip(), text
    if not_run:
        print("not run:", "; ".join(not_run))


def test_what_llama_cpp_would_fetch_is_there(host):
    """Where llama.cpp is not installed: the file that its options name, from where it fetches it."""
    text = dict(snippets(host, "packed"))["llama.cpp"]
    repo, file = re.search(r"--hf-repo (\S+)", text)[1], re.search(r"--hf-file (\S+)", text)[1]
    got = host.resolve(repo, file)
    while got.status in (302, 307):
        got = host.get(got.headers["location"])
    assert got.status == 200 and got.body == GGUF.read_bytes()
