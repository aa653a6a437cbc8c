"""What people and operators see of mirrors: info, metrics, pages, the command line.  The upstream is a Hearth too."""
import random
import re
from html import unescape

import pytest

import hearth
from browser import Browser, signed_in
from gateways import add_stories

RND = random.Random(45)
PARQUET = hearth.ROOT / "tests" / "data" / "parquet" / "features.parquet"
BIN = RND.randbytes(1_500_000)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(upstream, gateway): alice has a model that runs and a data set at the upstream; ada administers the gateway."""
    home = tmp_path_factory.mktemp("face")
    up = hearth.Server(home / "up")
    with up:
        alice = add_stories(up, **{"more.bin": BIN})
        up.create("alice/rows", alice, "dataset")
        up.commit("alice/rows", alice, {"README.md": "# Rows\n"}, {"data/train-00000-of-00001.parquet": PARQUET.read_bytes()}, kind="datasets")
        down = hearth.Server(home / "down", args=["--upstream", up.base])
        down.add_person("ada", "--admin")
        with down:
            yield up, down


def words(answer):
    """What stands on a page, in one line."""
    main = answer.body.decode().split('<main id="main">', 1)[1].split("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", main)))


def metric(server, name):
    return int(re.search(rf"^{name} (\d+)$", server.get("/metrics").body.decode(), re.M).group(1))


def test_info_says_what_it_mirrors(pair):
    up, down = pair
    assert down.get("/api/models/alice/stories").json()["mirrorOf"] == f"{up.base}/alice/stories"
    assert down.get("/api/datasets/alice/rows").json()["mirrorOf"] == f"{up.base}/datasets/alice/rows"
    assert "mirrorOf" not in up.get("/api/models/alice/stories").json()
    assert down.get("/api/models?full=true&author=alice").json()[0]["mirrorOf"] == f"{up.base}/alice/stories"


def test_pages_say_what_it_is_and_offer_nothing_that_cannot_be(pair):
    up, down = pair
    host, ada = up.base.split("//")[1], signed_in(down, "ada")
    page = ada.get("/alice/stories").body.decode()
    assert f'Mirror of <a href="{up.base}/alice/stories" rel="noopener">{host}/alice/stories</a>, compared' in page
    assert "/edit/main" not in page and "/upload/main" not in page
    settings = ada.get("/alice/stories/settings").body.decode()
    assert 'name="visibility"' not in settings and "/settings/move" not in settings and "/settings/delete" in settings
    talk = ada.get("/alice/stories/discussions").body.decode()
    assert f'href="{up.base}/alice/stories/discussions"' in talk and "discussions/new" not in talk
    assert f"repositories of {host}/alice that somebody here asked for" in words(ada.get("/alice"))
    assert '<span class="badge" title="of %s">mirror</span>' % host in ada.get("/models").body.decode()


def test_what_is_not_here_is_said_to_be_away_and_comes_when_it_is_read(pair):
    up, down = pair
    host, visitor = up.base.split("//")[1], Browser(down)
    tree = visitor.get("/alice/stories/tree/main")
    assert "at the upstream Download more.bin, 1.5 MB" in words(tree) and "at the upstream Download config.json" not in words(tree)
    assert f"still at {host}" in words(tree)
    file = visitor.get("/alice/stories/blob/main/more.bin")
    assert f"This file is not here yet. It is at {host}/alice/stories, and comes when it is first read: 1.5 MB." in words(file)
    before = metric(down, "hearth_upstream_files_total"), metric(down, "hearth_upstream_bytes_total")
    assert visitor.get("/alice/stories/resolve/main/more.bin?download=true").body == BIN
    assert metric(down, "hearth_upstream_files_total") == before[0] + 1
    assert 0 <= metric(down, "hearth_upstream_bytes_total") - before[1] - len(BIN) < 1000, "chunks have headers"
    assert metric(down, "hearth_mirror_large_files_bytes") >= len(BIN) and metric(down, "hearth_mirrors") >= 1
    assert "not here yet" not in words(visitor.get("/alice/stories/blob/main/more.bin"))
    assert "at the upstream Download more.bin" not in words(visitor.get("/alice/stories/tree/main"))


def test_rows_are_brought_when_somebody_wants_them(pair):
    up, down = pair
    visitor = Browser(down)
    assert "come when somebody looks at them" in words(visitor.get("/datasets/alice/rows"))
    viewer = visitor.get("/datasets/alice/rows/viewer")
    assert "Bring it, and show the rows" in words(viewer) and "Rows 1 to" not in words(viewer)
    assert metric(down, "hearth_upstream_downloads") == 0
    assert "Rows 1 to" in words(visitor.get("/datasets/alice/rows/viewer?bring=yes"))
    assert "Rows 1 to" in words(visitor.get("/datasets/alice/rows/viewer"))


def test_a_model_is_tried_before_its_weights_are_here(pair):
    _, down = pair
    token = down.token("ada", "write")
    assert 'id="try"' in signed_in(down, "ada").get("/alice/stories").body.decode()
    answer = down.post("/v1/completions", {"model": "alice/stories", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}, token, timeout=120)
    assert answer.status == 200 and answer.json()["choices"][0]["text"]
    assert "bringing" not in down.get("/api/models/alice/stories/inference", token).json()


def test_the_operator_sees_the_upstream(pair):
    up, down = pair
    ada = signed_in(down, "ada")
    down.get("/api/models/alice/stories")
    page = words(ada.get("/operator"))
    assert "Mirrors" in page and f"of {up.base.split('//')[1]}, which answered" in page and "Came through" in page


def test_an_upstream_that_is_away_is_told(tmp_path):
    down = hearth.Server(tmp_path / "down", args=["--upstream", f"http://127.0.0.1:{hearth.free_port()}"])
    down.add_person("ada", "--admin")
    with down:
        page = Browser(down).get("/somebody/model")
        assert page.status == 502 and "The hub behind this one does not answer" in words(page) and "Try again" in words(page)
        assert metric(down, "hearth_upstream_down") == 1 and metric(down, "hearth_upstream_failures_total") == 1
        assert "did not answer" in words(signed_in(down, "ada").get("/operator"))


def test_an_operator_brings_a_repository_ahead_of_time(tmp_path):
    def run(*args):
        return down.cli(*args).stdout

    up = hearth.Server(tmp_path / "up")
    alice = up.add_user("alice")
    down = hearth.Server(tmp_path / "down")
    down.add_user("bob")
    with up:
        up.create("alice/m", alice)
        up.commit("alice/m", alice, {"a.txt": "hello"}, {"w.bin": BIN, "v.bin": BIN[::-1]})
        up.create("alice/rows", alice, "dataset")
        said = run("mirror", "fetch", "alice/m", "--from", up.base)  # without a server
        assert f"w.bin  {len(BIN)} bytes\n" in said and f"{2 * len(BIN)} of which came now" in said
        with down:
            assert "0 of which came now" in run("mirror", "fetch", "alice/m", "--from", up.base)
            up.post("/api/models/alice/m/branch/old", {}, alice)
            up.commit("alice/m", alice, {}, {"old.bin": BIN[7:]}, rev="old")
            assert "0 of which came now" in run("mirror", "fetch", "alice/m", "--from", up.base)
            said = run("mirror", "fetch", "alice/m", "--revision", "old", "--from", up.base)
            assert f"old.bin  {len(BIN) - 7} bytes\n" in said and f"{len(BIN) - 7} of which came now" in said
            assert "dataset alice/rows is here" in run("mirror", "fetch", "alice/rows", "--type", "dataset", "--from", up.base)
            for args, why in ((["bob/m", "--from", up.base], "there is no model"), (["alice/none", "--from", up.base], "there is no model"), (["alice/m"], "from which hub?"), (["alice/m", "--revision", "nowhere", "--from", up.base], "has no revision")):
                with pytest.raises(AssertionError, match=re.escape(why)):
                    down.cli("mirror", "fetch", *args)
            rows = [line.split() for line in run("mirror", "list").splitlines()[1:]]
            assert [r[0] for r in rows] == [f"{up.base}/datasets/alice/rows", f"{up.base}/alice/m"]
            assert rows[1][1] == rows[1][2] and rows[1][3] == "0"
            assert "public, mirror" in run("repo", "list") and f"mirror of    {up.base}/alice/m" in run("repo", "settings", "alice/m")
            up.stop()
            assert down.get("/alice/m/resolve/main/w.bin").body == BIN


def test_who_asks_at_a_mirrors_gate_is_told_who_decides(tmp_path):
    up = hearth.Server(tmp_path / "up")
    alice = up.add_user("alice")
    (tmp_path / "token").write_text(alice + "\n")
    with up:
        up.create("alice/m", alice)
        up.commit("alice/m", alice, {"README.md": "# m\n", "a.txt": "hello"})
        assert up.request("PUT", "/api/models/alice/m/settings", {"gated": "manual"}, alice).status == 200
        down = hearth.Server(tmp_path / "down", args=["--upstream", up.base, "--upstream-token-file", str(tmp_path / "token")])
        down.add_person("ada", "--admin")
        down.add_person("bob")
        with down:
            bob, ada = signed_in(down, "bob"), signed_in(down, "ada")
            assert "you share who you are with whoever runs this Hearth, who lets people in by hand" in words(bob.get("/alice/m"))
            refused = bob.get("/alice/m/blob/main/a.txt")
            assert refused.status == 403 and "tell whoever runs this Hearth first who you are" in words(refused)
            assert "Who is let in, you say here" in words(ada.get("/alice/m/settings"))
