import os
import re
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import clients  # noqa: E402
import hearth  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with ./test --long")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(3600))
            if not hearth.LONG:
                item.add_marker(pytest.mark.skip(reason="takes long; ./test --long runs it"))


def populate(server):
    """The people of every test.  Tokens by name; `reader` of alice's own is alice_read."""
    t = SimpleNamespace()
    t.root = server.add_user("root-admin", admin=True, role="admin")
    t.alice = server.add_user("alice")
    t.alice_read = server.token("alice", "read")
    t.bob = server.add_user("bob")
    t.carol = server.add_user("carol")   # reads in acme
    t.wendy = server.add_user("wendy")   # writes in acme
    t.carl = server.add_user("carl")     # contributes to acme
    server.cli("org", "add", "acme", "--owner", "alice")
    for name, role in (("carol", "read"), ("wendy", "write"), ("carl", "contributor")):
        server.cli("org", "add-member", "acme", name, "--role", role)
    return t


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("hearth") / "home")
    s.tokens = populate(s)
    s.start()
    yield s
    code = s.stop()
    s.check_clean()
    assert code == 0, f"the server ended with {code}:\n{s.tail()}"


@pytest.fixture
def t(server):
    return server.tokens


@pytest.fixture(scope="session")
def _drivers(server, tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = clients.Driver(name, server, tmp_path_factory.mktemp(re.sub(r"\W", "-", name)), server.tokens.alice)
        return made[name]
    yield get
    for d in made.values():
        d.close()


@pytest.fixture(params=[*clients.HUB_VERSIONS, f"xet-{clients.NEWEST}"])
def hub(request, _drivers):
    """Every pinned huggingface_hub, signed in as alice; the newest also with Xet."""
    name = request.param if request.param.startswith("xet-") else f"hub-{request.param}"
    d = _drivers(name)
    d.version = tuple(int(x) for x in name[4:].split("."))
    return d


@pytest.fixture
def newest(_drivers):
    d = _drivers(f"hub-{clients.NEWEST}")
    d.version = tuple(int(x) for x in clients.NEWEST.split("."))
    return d


@pytest.fixture
def client(_drivers):
    return _drivers


@pytest.fixture
def name():
    """A fresh name under alice."""
    return f"alice/r-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def repo(server, t, name):
    return server.create(name, t.alice)


@pytest.fixture(autouse=True)
def _server_lives(request):
    """A test that kills the server by accident fails itself, not the ones behind it."""
    yield
    if "server" in request.fixturenames:
        s = request.getfixturevalue("server")
        if s.process is not None and s.process.poll() is not None:
            text = s.tail(6000)
            s.start()
            pytest.fail(f"the server died:\n{text}")
