"""An app as people write them: its packages come from PyPI, and gradio's own client calls it."""
import socket
import subprocess

import pytest

import hearth
from clients import client_environment, python_client
from hearth import fresh
from test_space_run import can_run, front, log, push, reach, runtime, text

pytestmark = pytest.mark.skipif(bool(can_run()), reason=str(can_run()))
APP = '''
import gradio as gr

gr.Interface(fn=lambda name: f"Hello {name}!", inputs="text", outputs="text", api_name="greet").launch()
'''
# Not every machine resolves names below localhost; browsers do it themselves.
ASK = '''
import socket, sys
known = socket.getaddrinfo
socket.getaddrinfo = lambda host, *a, **k: known("127.0.0.1" if str(host).endswith(".localhost") else host, *a, **k)
from gradio_client import Client
print(Client(sys.argv[1], token=sys.argv[2], verbose=False).predict("Ada", api_name="/greet"))
'''


@pytest.fixture(scope="module")
def open_spaces(tmp_path_factory):
    """Its apps may reach any address: the packages of a machine's own mirror are at a private one."""
    s = hearth.Server(tmp_path_factory.mktemp("spaces") / "home", args=["--space-apps", "--space-network-allow", "*"])
    s.alice = s.add_user("alice")
    with s:
        yield s


def test_gradio_is_built_and_its_client_calls_it(open_spaces, tmp_path):
    try:
        socket.create_connection(("pypi.org", 443), 5).close()
    except OSError as e:
        pytest.skip(f"the packages of the app cannot be had: pypi.org: {e}")
    s, name = open_spaces, f"alice/g-{fresh()}"
    s.create(name, s.alice, "space", sdk="gradio", private=True)
    push(s, name, {"README.md": front(title="T", sdk="gradio", sdk_version="5.49.1"), "app.py": APP})
    reach(s, name, "RUNNING", seconds=280)
    assert "Successfully installed" in text(log(s, name, "build"))
    r = subprocess.run([python_client("gradio"), "-c", ASK, name, s.alice], env=client_environment(s, tmp_path), capture_output=True, text=True)
    assert r.stdout == "Hello Ada!\n", r.stderr
    assert runtime(s, name)["stage"] == "RUNNING"


def test_what_the_way_out_refuses_is_in_the_log(tmp_path):
    s = hearth.Server(tmp_path / "home", args=["--space-apps"])
    s.alice = s.add_user("alice")
    with s:
        name = f"alice/r-{fresh()}"
        s.create(name, s.alice, "space", sdk="gradio")
        ask = "import urllib.request\ntry: urllib.request.urlopen('http://example.com:7')\nexcept OSError as e: print(e, flush=True)\n"
        push(s, name, {"README.md": front(title="T", sdk="gradio"), "app.py": ask + "import http.server as h\nh.test(h.SimpleHTTPRequestHandler, port=7860, bind='0.0.0.0')\n"})
        reach(s, name, "RUNNING")
        words = text(log(s, name))
        assert "===== example.com:7 is refused: apps may reach the ports 80, 443 and 8080" in words, words
