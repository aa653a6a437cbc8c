"""A hub, what stands before it (upstream.py), and a gateway: what the tests of gateways and mirrors share.  Fixtures are imported by name."""
import http.client
import itertools

import pytest

import hearth
from upstream import Between

DEMO = hearth.ROOT / "demo"


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """The upstream; alice and eve have accounts there.  up.names: numbers that nothing is called by yet."""
    s = hearth.Server(tmp_path_factory.mktemp("up") / "up")
    s.alice, s.eve = s.add_user("alice"), s.add_user("eve")
    s.names = itertools.count()
    with s:
        yield s


@pytest.fixture(scope="module")
def between(up):
    with Between(up) as b:
        yield b


def a_gateway(folder, between, *args):
    s = hearth.Server(folder, args=["--upstream", between.base, *args])
    s.root, s.bob, s.carol = s.add_user("root-admin", admin=True, role="admin"), s.add_user("bob"), s.add_user("carol")
    return s


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, between):
    with a_gateway(tmp_path_factory.mktemp("down") / "down", between, "--upstream-fresh", "0s") as s:
        s.downs = 0
        yield s
    s.fsck()


@pytest.fixture
def down(gateway, between):
    """The gateway, without memory of what went wrong before."""
    between.well()
    between.asked.clear()
    yield gateway
    between.well()
    if gateway.log.read_text().count("gateway.down") > gateway.downs:
        again(gateway)


def again(s):
    s.stop()
    s.start()
    s.downs = s.log.read_text().count("gateway.down")


def a_repo(up, kind="model", files=None, large=None, **fields):
    name = up.create(f"alice/r{next(up.names)}", up.alice, kind, **fields)
    r = up.commit(name, up.alice, files or {"a.txt": "hello", "sub/b.txt": "there"}, large or {}, kind=kind + "s")
    assert r.status == 200, r
    return name


def gets(s, path, **kw):
    """The body; None where the connection was cut, and a number where it was refused."""
    try:
        r = s.get(path, **kw)
    except (OSError, http.client.HTTPException):
        return None
    return r.body if r.status in (200, 206) else r.status


def add_stories(up, **large):
    """alice/stories at the upstream: a model that runs."""
    alice = up.add_user("alice")
    up.create("alice/stories", alice)
    files = {p.name: p.read_bytes() for p in DEMO.iterdir() if p.suffix == ".json"}
    r = up.commit("alice/stories", alice, {**files, "README.md": "---\npipeline_tag: text-generation\n---\n# Stories\n"},
                  {"model.safetensors": (DEMO / "model.safetensors").read_bytes(), **large})
    assert r.status == 200, r
    return alice
