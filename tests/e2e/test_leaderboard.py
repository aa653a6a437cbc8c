"""Results of benchmarks: what models say in .eval_results/, and the leaderboards of data sets, as huggingface_hub reads them."""
import pytest

from hearth import fresh

TASKS = b"""name: Rhymes
description: How well a model rhymes.
tasks:
  - id: couplets
  - id: seconds
    lower_is_better: true
"""


def results(benchmark, task, value, more=""):
    return f"- dataset: {{id: {benchmark}, task_id: {task}}}\n  value: {value}\n{more}".encode()


@pytest.fixture
def benchmark(server, t):
    name = server.create(f"alice/rhymes-{fresh()}", t.alice, kind="dataset")
    assert server.commit(name, t.alice, {"eval.yaml": TASKS}, kind="datasets").status == 200
    return name


@pytest.fixture
def model(server, t):
    def make(files, token=None, owner="alice", **fields):
        name = server.create(f"{owner}/m-{fresh()}", token or t.alice, **fields)
        assert server.commit(name, token or t.alice, files).status == 200
        return name
    return make


def board(server, benchmark, token=None, **query):
    r = server.get(f"/api/datasets/{benchmark}/leaderboard", token, query={k: str(v) for k, v in query.items()})
    assert r.status == 200, r
    return r.json()


def test_the_client_reads_results_and_leaderboards(newest, benchmark, model):
    more = "  notes: with tools\n  date: '2026-01-15'\n  source: {url: 'https://example.org/run', name: A run, org: cais}\n"
    best = model({".eval_results/r.yaml": results(benchmark, "couplets", 0.9, more)})
    worse = model({".eval_results/r.yaml": results(benchmark, "couplets", "'0.41 ± 0.02'")})
    derived = model({".eval_results/r.yml": results(benchmark, "couplets", 1), "README.md": f"---\nbase_model: {best}\n---\n"})
    out = newest(f"""
        rows = [(x.rank, x.model_id, x.value, x.filename, x.verified, x.notes, x.source, x.author.username) for x in api.get_dataset_leaderboard("{benchmark}")]
        every = [x.model_id for x in api.get_dataset_leaderboard("{benchmark}", base_model_only=False)]
        entry = vars(api.model_info("{best}", expand=["evalResults"]).eval_results[0])
        none = refused('HfHubHTTPError', api.get_dataset_leaderboard, "{benchmark}-none")
        out = [rows, every, entry, none["status"]]
    """)
    assert out[0] == [[1, best, 0.9, ".eval_results/r.yaml", False, "with tools", {"url": "https://example.org/run", "name": "A run", "isExternal": True}, "alice"],
                      [2, worse, 0.41, ".eval_results/r.yaml", False, None, None, "alice"]]
    assert out[1] == [derived, best, worse] and out[3] == 404
    assert {k: v for k, v in out[2].items() if v is not None} == {
        "dataset_id": benchmark, "task_id": "couplets", "value": 0.9, "date": "2026-01-15", "notes": "with tools",
        "source_url": "https://example.org/run", "source_name": "A run", "source_org": "cais"}


def test_tasks_sizes_and_what_is_no_benchmark(server, t, benchmark, model):
    slow, fast = (model({".eval_results/r.yaml": results(benchmark.upper(), "seconds", s)}) for s in (9, 3))
    rows = board(server, benchmark, task_id="seconds")
    assert [(r["modelId"], r["value"], r["lower_is_better"]) for r in rows] == [(fast, 3, True), (slow, 9, True)]
    assert board(server, benchmark) == [] and board(server, benchmark, task_id="seconds", max_params="7B") == []
    for query, status in (({"task_id": "none"}, 404), ({"task_id": "seconds", "max_params": "much"}, 400)):
        assert server.get(f"/api/datasets/{benchmark}/leaderboard", query=query).status == status
    plain = server.create(f"alice/plain-{fresh()}", t.alice, kind="dataset")
    assert server.get(f"/api/datasets/{plain}/leaderboard").status == 404
    for bad in (b"tasks: 1\n", b"[", b"tasks: [{id: }]\n", b"\xff"):
        assert server.commit(plain, t.alice, {"eval.yaml": bad}, kind="datasets").status == 200
        assert server.get(f"/api/datasets/{plain}/leaderboard").status == 404
        r = server.get(f"/datasets/{plain}/leaderboard", headers={"Accept": "text/html"})
        assert r.status == 200 and b"cannot be read" in r.body


def test_a_malformed_file_is_named_and_states_nothing(server, benchmark, model):
    right = results(benchmark, "couplets", 0.5)
    bad = {"a": b"- 1\n", "b": b"{}\n", "c": b"- [", "d": results("''", "x", 1), "e": results(benchmark, "couplets", ".nan"),
           "f": right + results(benchmark, "couplets", "good"), "g": right + b"  source: {name: nobody}\n", "h": results(benchmark, "[]", 1),
           "i": results(benchmark, "couplets", 1, "  notes: " + 501 * "x" + "\n"), "j": right * 501}
    name = model({f".eval_results/{k}.yaml": v for k, v in bad.items()} | {".eval_results/deep/x.yaml": right, ".eval_results/x.txt": right})
    shown = server.get(f"/api/models/{name}?expand=evalResults").json()["evalResults"]
    assert [s["filename"] for s in shown] == [f".eval_results/{k}.yaml" for k in bad] and all(s["error"] for s in shown), shown
    assert board(server, benchmark) == []


def test_what_follows_the_files(server, t, benchmark, model):
    name = model({".eval_results/r.yaml": results(benchmark, "couplets", 0.5)})
    before = server.get(f"/api/models/{name}").json()["sha"]
    assert server.commit(name, t.alice, {".eval_results/r.yaml": results(benchmark, "couplets", 0.6)}).status == 200
    assert [r["value"] for r in board(server, benchmark)] == [0.6]
    for rev, value in ((before, 0.5), ("main", 0.6)):
        assert [r["value"] for r in server.get(f"/api/models/{name}/revision/{rev}?expand=evalResults").json()["evalResults"]] == [value]
    assert server.commit(name, t.alice, {"other.txt": b"x"}).status == 200
    assert [r["value"] for r in board(server, benchmark)] == [0.6]
    assert server.commit(name, t.alice, delete=[".eval_results/r.yaml"]).status == 200
    assert board(server, benchmark) == [] and server.get(f"/api/models/{name}?expand=evalResults").json()["evalResults"] == []


def test_who_sees_which_rows(server, t, benchmark, model):
    """A private model is its owner's; of a gated one only its readers know what the files say."""
    open_one, private, gated = (model({".eval_results/r.yaml": results(benchmark, "couplets", v)}) for v in (1, 2, 3))
    assert server.request("PUT", f"/api/models/{private}/settings", {"private": True}, t.alice).status == 200
    assert server.request("PUT", f"/api/models/{gated}/settings", {"gated": "manual"}, t.alice).status == 200
    for token, want in ((None, [open_one]), (t.bob, [open_one]), (t.alice, [gated, private, open_one])):
        assert [r["modelId"] for r in board(server, benchmark, token)] == want
        page = server.get(f"/datasets/{benchmark}/leaderboard", token, headers={"Accept": "text/html"})
        assert [m.encode() in page.body for m in (open_one, private, gated)] == [True, private in want, gated in want]
        shown = server.get(f"/api/models/{gated}?expand=evalResults", token)
        assert shown.status == 200 and bool(shown.json()["evalResults"]) is (gated in want)
    assert server.request("PUT", f"/api/datasets/{benchmark}/settings", {"private": True}, t.alice).status == 200
    assert server.get(f"/api/datasets/{benchmark}/leaderboard", t.bob).status == 404
