import contextlib
import re
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("browser", "inference", "openai_calls", "xet")
import clients  # noqa: E402
import hearth  # noqa: E402
import inference  # noqa: E402


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


@contextlib.contextmanager
def populated(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("hearth") / "home")
    s.tokens = populate(s)
    with s:
        yield s


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with populated(tmp_path_factory) as s:
        yield s


@pytest.fixture
def serve(tmp_path):
    """Starts a server for one test alone; `alice` is a token of hers.  It is stopped and judged at the end."""
    with contextlib.ExitStack() as started:
        def start(*args, **kw):
            s = hearth.Server(tmp_path / "home", args=args, **kw)
            s.alice = s.add_user("alice")
            return started.enter_context(s)
        yield start


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


@pytest.fixture
def data(server, t, name):
    return server.create(name, t.alice, "dataset")


@pytest.fixture
def push(server, t, data):
    def do(files=None, large=None):
        a = server.commit(data, t.alice, files or {}, large, kind="datasets")
        assert a.status == 200, a
    return do


@pytest.fixture
def ask(server, data):
    """GET of a route with ?dataset=; the JSON, or with `status` the whole answer."""
    def do(what, status=200, token=None, **query):
        a = server.get(f"/datasets-server/{what}?" + urlencode({"dataset": data, **query}), token)
        assert a.status == status, a
        return a.json() if status == 200 else a
    return do


@pytest.fixture
def git(server, t, tmp_path):
    """Stock git with git-lfs, in a home of its own; git.url(repo) is an address that signs alice in."""
    env = clients.client_environment(server, tmp_path / "home")
    (tmp_path / "home").mkdir()
    env.update(GIT_AUTHOR_NAME="Alice", GIT_AUTHOR_EMAIL="alice@example.org", GIT_COMMITTER_NAME="Alice",
               GIT_COMMITTER_EMAIL="alice@example.org", GIT_CONFIG_GLOBAL=str(tmp_path / "home/.gitconfig"))
    subprocess.run(["git", "config", "--global", "init.defaultBranch", "main"], env=env, check=True)
    subprocess.run(["git", "lfs", "install", "--skip-repo"], env=env, check=True, capture_output=True)

    def run(*args, cwd=tmp_path, check=True, more=None, stdin=None):
        r = subprocess.run(["git", *args], capture_output=True, cwd=cwd, env=dict(env, **(more or {})), timeout=180, input=stdin)
        r.out, r.err = r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")
        if check:
            assert r.returncode == 0, f"git {' '.join(args)}: {r.out}\n{r.err}"
        return r

    def url(repo, token=t.alice, user="alice", kind=""):
        return server.base.replace("://", f"://{user}:{quote(token)}@") + "/" + kind + repo if token else f"{server.base}/{kind}{repo}"
    run.url, run.env = url, env
    return run


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A server with models that sleep after two seconds."""
    with inference.story_host(tmp_path_factory.mktemp("inference") / "home", "--inference-idle", "2s") as s:
        yield s


@pytest.fixture(scope="module")
def encoder(host):
    """Pushes one of the tiny encoders, once: its name."""
    def get(which):
        name = f"alice/{which}"
        if host.get(f"/api/models/{name}", host.alice).status != 200:
            inference.push_files(host, host.alice, name, inference.encoder_files(which))
        return name
    return get


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
