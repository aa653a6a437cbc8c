"""What calls of models have cost: reports for whoever may see them, prices, budgets.  Calls are put into the database by hand."""
import csv
import io
import sqlite3
import time
import uuid

import pytest

DAY = int(time.time()) // 86400


@pytest.fixture(scope="module")
def calls(server):
    tag = uuid.uuid4().hex[:8]
    db = sqlite3.connect(server.home / "hearth.db", timeout=30)
    number = dict(db.execute("SELECT name, id FROM account"))
    rows = [("alice", "alice", "acme/big", 1000, 100, 1_000_000, 200), ("alice", "alice", "acme/big", 2000, 200, 2_000_000, 200),
            ("alice", "alice", '=cmd("x")', 10, 0, 5000, 500), ("acme", "alice", "acme/small", 50, 50, 11, 200), ("bob", "bob", "acme/big", 7, 7, 38500, 200)]
    for i, (payer, user, model, prompt, completion, cost, status) in enumerate(rows):
        db.execute("INSERT INTO inference_call (request_id, at_ms, day, account_id, user_id, token_id, token, route, model, revision, status, is_stream, is_cold,"
                   " prompt_tokens, cached_tokens, completion_tokens, queue_us, first_us, compute_us, price_card_id, cost, allowance, finish)"
                   " VALUES (?, ?, ?, ?, ?, NULL, ?, 'chat', ?, 'main', ?, 0, 0, ?, 0, ?, 0, 0, 2500000, 3, ?, 0, 'stop')",
                   (f"{tag}-{i}", DAY * 86400000, DAY - i % 2, number[payer], number[user], "laptop" if i == 0 else None, model, status, prompt, completion, cost))
    db.commit()
    db.close()
    return [f"{tag}-{i}" for i in range(len(rows))]


def usage(server, token, **query):
    r = server.get("/api/usage/inference", token, query=query)
    assert r.status == 200, r
    return r.json()


def test_everyone_sees_what_he_pays_for(server, t, calls):
    mine = usage(server, t.alice)
    assert mine["currency"] == "USD" and mine["total"]["requests"] == 3 and mine["total"]["errors"] == 1
    assert mine["total"]["cost_nano_usd"] == 3_005_000 and mine["total"]["compute_ms"] == 7500
    assert {(r["model"], r["cost_nano_usd"]) for r in mine["rows"]} == {("acme/big", 1_000_000), ("acme/big", 2_000_000), ('=cmd("x")', 5000)}
    by_token = usage(server, t.alice, group_by="token")["rows"]
    assert [(r["token"], r["requests"]) for r in by_token] == [("(none)", 2), ("laptop", 1)]
    assert usage(server, t.bob)["total"]["prompt_tokens"] == 7
    assert usage(server, t.alice, account="acme", group_by="model")["rows"][0]["model"] == "acme/small"
    assert usage(server, t.alice, **{"from": "2020-01-01", "to": "2020-02-01"})["rows"] == []
    for who, account in ((t.bob, "acme"), (t.wendy, "acme"), (t.bob, "alice"), (t.bob, "nobody")):
        assert server.get("/api/usage/inference", who, query={"account": account}).status == 404
    assert server.get("/api/usage/inference", t.alice, query={"account": "*"}).status == 403
    everybody = usage(server, t.root, account="*", group_by="account")["rows"]
    assert {r["account"]: r["requests"] for r in everybody}.items() >= {"acme": 1, "alice": 3, "bob": 1}.items()
    for bad in ({"group_by": "day,colour"}, {"from": "yesterday"}, {"to": "2026-02-30"}, {"format": "xml"}):
        assert server.get("/api/usage/inference", t.alice, query=bad).status == 400
    assert server.get("/api/usage/inference").status == 401


def test_csv_reads_in_a_spreadsheet(server, t, calls):
    r = server.get("/api/usage/inference", t.alice, query={"format": "csv", "group_by": "model"})
    assert r.status == 200 and r.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(r.body.decode())))
    assert {x["model"]: x["cost_nano_usd"] for x in rows} == {"acme/big": "3000000", "'=cmd(\"x\")": "5000"}  # no formula
    out = server.cli("usage", "--account", "alice", "--by", "model", "--csv")
    assert (out if isinstance(out, str) else out.stdout).replace("\r", "") == r.body.decode().replace("\r", "")


def test_the_cost_of_single_requests(server, t, calls):
    ask = {"requestIds": [*calls, "unknown", 5]}
    r = server.post("/api/billing/costs", ask, t.alice).json()
    assert r["requests"] == [{"requestId": i, "costNanoUsd": c} for i, c in zip(calls, (1_000_000, 2_000_000, 5000, 11))]  # not bob's
    assert server.post("/api/billing/costs", ask, t.alice).json() == r
    assert server.post("/api/billing/costs", {"requestIds": ["x"] * 10001}, t.alice).status == 400
    assert server.post("/api/billing/costs", {}, t.alice).status == 400


def test_prices_are_public_and_versioned(server, t):
    card = next(c for c in server.get("/api/inference/prices").json()["cards"] if c["name"] == "7b")
    assert card["version"] == 1 and card["input_nano_usd_per_million"] == 500_000_000 and card["output_nano_usd_per_million"] == 5_000_000_000
    unknown = server.cli("price", "set", "acme-chat", "--model", "acme/chat", "--input", "0.1", "--output", "0.4", check=False)
    assert unknown.returncode == 1 and 'there is no model "acme/chat"' in unknown.stderr
    server.cli("repo", "create", "acme/chat")
    server.cli("price", "set", "acme-chat", "--model", "acme/chat", "--input", "0.1", "--output", "0.4")
    server.cli("price", "set", "acme-chat", "--model", "acme/chat", "--input", "0.2", "--output", "0.4")
    card = [c for c in server.get("/api/inference/prices").json()["cards"] if c["name"] == "acme-chat"]
    assert [(c["version"], c["model"], c["input_nano_usd_per_million"]) for c in card] == [(2, "acme/chat", 200_000_000)]
