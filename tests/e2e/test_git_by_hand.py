"""Pushes that no git would send."""
import pytest

from packs import Repeated, blob, commit, push, tag, tree

X = blob(b"x\n")
TREE = tree(("100644", b"f", X.id))
C = commit(TREE)
OBJECTS = [X, TREE, C]


def branches(server, repo):
    return {b["name"] for b in server.get(f"/api/models/{repo}/refs").json()["branches"]}


def test_a_file_of_gigabytes_in_a_few_kilobytes_is_refused(server, t, repo):
    zeros = blob(bytes(1 << 20))
    answer = push(server, repo, t.alice, {"refs/heads/bomb": C}, [*OBJECTS, zeros, Repeated(zeros, 3000)])
    assert b"ng refs/heads/bomb" in answer and b"unpack ok" not in answer
    assert "bomb" not in branches(server, repo)
    assert b"ok refs/heads/fine" in push(server, repo, t.alice, {"refs/heads/fine": C}, [*OBJECTS, zeros, Repeated(zeros, 9)])


def test_a_commit_is_no_place_for_megabytes(server, t, repo):
    long = commit(TREE, b"m" * (2 << 20))
    above = commit(TREE, parents=[long.id])
    assert b"ng refs/heads/long" in push(server, repo, t.alice, {"refs/heads/long": above}, [X, TREE, long, above])
    assert "long" not in branches(server, repo)
    r = server.commit(repo, t.alice, {"f": "x"}, summary="m" * (1 << 20))
    assert r.status == 413 and "message" in r.message, r


def test_tags_of_tags_have_an_end(server, t, repo):
    chain = [tag(C)]
    for _ in range(30):
        chain.append(tag(chain[-1]))
    assert b"ng refs/tags/deep" in push(server, repo, t.alice, {"refs/tags/deep": chain[-1]}, OBJECTS + chain)
    assert b"ok refs/tags/two" in push(server, repo, t.alice, {"refs/tags/two": chain[1]}, OBJECTS + chain[:2])


def test_times_that_no_calendar_has(server, t, repo):
    late = commit(TREE, when="9223372036854775807 +0000")
    assert b"ok refs/heads/late" in push(server, repo, t.alice, {"refs/heads/late": late}, [X, TREE, late])
    assert server.get(f"/api/models/{repo}/commits/late").json()[0]["date"].startswith("9999-12-31")


@pytest.mark.parametrize("ref", ["refs/heads/-x", "refs/heads/HEAD", "refs/heads/" + C.id, "refs/heads/refs/pr/1", "refs/tags/refs/heads/main", b"refs/heads/\xff"])
def test_names_that_mean_something_else(server, t, repo, ref):
    answer = push(server, repo, t.alice, {ref: C}, OBJECTS)
    assert b"ng refs/" in answer, answer


def test_more_refs_than_a_push_may_change(server, t, repo):
    assert b"ng refs/heads/n1000" in push(server, repo, t.alice, {f"refs/heads/n{i}": C for i in range(1001)}, OBJECTS)


@pytest.mark.parametrize("mode", ["160000", "170000", "777"])
def test_what_git_takes_for_a_submodule_is_one(server, t, repo, mode):
    """Git neither sends nor keeps the object, so it must not be shown as a file while it happens to be there."""
    odd = tree((mode, b"odd", X.id))
    c = commit(odd)
    assert b"ok refs/heads/odd" in push(server, repo, t.alice, {"refs/heads/odd": c}, [X, odd, c])
    assert [e["type"] for e in server.get(f"/api/models/{repo}/tree/odd").json()] == ["submodule"]
    assert server.resolve(repo, "odd", rev="odd").status == 404
    assert server.get(f"/{repo}/blob/odd/odd").status == 404
