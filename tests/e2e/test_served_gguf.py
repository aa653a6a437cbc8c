"""Repositories of .gguf files as an API."""
import pytest

import hearth
from hearth import ROOT
from inference import START

GGUF = ROOT / "tests/data/gguf"
BEGIN = ", there was a little girl named Lily."


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("gguf") / "home", args=("--inference-kv-memory", "64MiB"))
    s.alice = s.add_user("alice")
    with s:
        yield s


def push(host, name, files):
    host.create(name, host.alice)
    assert host.commit(name, host.alice, {k: v for k, v in files.items() if not k.endswith(".gguf")}, {k: v for k, v in files.items() if k.endswith(".gguf")}).status == 200
    return name


def ask(host, name):
    return host.post("/v1/completions", {"model": name, "prompt": START, "max_tokens": 12, "temperature": 0}, host.alice)


def test_one_file_is_a_model(host):
    r = ask(host, push(host, "alice/one", {"demo.gguf": (GGUF / "demo-q8.gguf").read_bytes(), "README.md": "---\nlicense: mit\n---\n"}))
    assert r.status == 200 and r.json()["choices"][0]["text"].startswith(BEGIN), r


def test_of_several_packings_one_is_read(host):
    good = (GGUF / "demo-q8.gguf").read_bytes()
    # A config.json without weights beside it is there for people; a projector of images is no model.
    files = {"config.json": '{"model_type": "llama"}', "m-Q2_K.gguf": b"GGUF, but nothing that can be read", "m-Q4_K_M.gguf": good, "mmproj-m.gguf": b"no model"}
    r = ask(host, push(host, "alice/many", files))
    assert r.status == 200 and r.json()["choices"][0]["text"].startswith(BEGIN), r


def test_what_cannot_be_read_is_named_as_in_its_repository(host):
    r = ask(host, push(host, "alice/broken", {"m.gguf": b"GGUF, but nothing that can be read"}))
    assert r.status >= 400 and "m.gguf" in r.json()["error"]["message"] and str(host.home) not in r.body.decode(), r
