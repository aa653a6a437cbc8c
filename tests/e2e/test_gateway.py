"""A Hearth before another: what is not here comes through, and stays.  The upstream is a Hearth too, and the clients are real ones."""
import random

import pytest

import hearth

RND = random.Random(44)


@pytest.fixture
def pair(tmp_path):
    """(upstream, gateway); `alice` is a token at the upstream."""
    up = hearth.Server(tmp_path / "up")
    up.alice = up.add_user("alice")
    with up:
        down = hearth.Server(tmp_path / "down", args=["--upstream", up.base])
        down.bob = down.add_user("bob")
        with down:
            yield up, down


def test_files_come_through_and_stay(pair):
    up, down = pair
    large = RND.randbytes(3_000_000)
    up.create("alice/m", up.alice)
    sha = up.commit("alice/m", up.alice, {"a.txt": "hello", "README.md": "---\nlicense: mit\n---\n# m\n"}, {"w.bin": large})
    info = down.get("/api/models/alice/m").json()
    assert info["id"] == "alice/m" and info["sha"] == up.get("/api/models/alice/m").json()["sha"]
    assert info["cardData"] == {"license": "mit"}
    assert down.get("/alice/m/resolve/main/a.txt").body == b"hello"
    assert down.request("HEAD", "/alice/m/resolve/main/w.bin").headers["x-linked-size"] == str(len(large))
    assert down.get("/alice/m/resolve/main/w.bin").body == large
    up.stop()
    again = down.get("/alice/m/resolve/main/w.bin")
    assert again.status == 200 and again.body == large
    assert down.get("/api/models/alice/other").status == 502  # nobody can say whether it exists
    assert sha
