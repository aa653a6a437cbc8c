"""What was used and spent, in the public hub's shapes: figures of the meter, nothing for what Hearth does not sell."""
import json
import sqlite3
import time
import uuid

import pytest
from browser import Browser


@pytest.fixture(scope="module")
def spent(server):
    """Calls that the meter has recorded, written where it writes them: 3 of bella's, 1 of bellaco's, today.  Nobody else calls for them."""
    server.tokens.bella, server.tokens.bella_read = server.add_user("bella"), server.token("bella", "read")
    server.cli("org", "add", "bellaco", "--owner", "bella")
    for name, role in (("carol", "read"), ("wendy", "write")):
        server.cli("org", "add-member", "bellaco", name, "--role", role)
    db = sqlite3.connect(server.home / "hearth.db", timeout=30)
    day = int(time.time()) // 86400
    for account, n, model, cost in (("bella", 2, "acme/chat", 1_500_000), ("bella", 1, "acme/other", 2_000_000), ("bellaco", 1, "acme/chat", 7_000_000)):
        for _ in range(n):
            db.execute("INSERT INTO inference_call (request_id, at_ms, day, account_id, user_id, token, route, model, revision, status, is_stream, is_cold,"
                       " prompt_tokens, cached_tokens, completion_tokens, queue_us, first_us, compute_us, price_card_id, cost, allowance, finish)"
                       " SELECT ?, ?, ?, a.id, (SELECT id FROM account WHERE name = 'bella'), 'laptop', 'chat', ?, 'main', 200, 0, 0, 10, 0, 5, 0, 0, 1000, 1, ?, 0, 'stop'"
                       " FROM account a WHERE a.name = ?", (uuid.uuid4().hex, int(time.time() * 1000), day, model, cost, account))
    db.commit()
    db.close()
    return server


def test_a_month(spent, t):
    u = spent.get("/api/settings/billing/usage", t.bella).json()
    calls = {i["label"]: i for i in u["usage"]["Inference"]}
    assert (calls["acme/chat"]["quantity"], calls["acme/chat"]["totalCostMicroUSD"]) == (2, 3000)
    assert calls["acme/chat"]["unitCostMicroUSD"] == 1500 and calls["acme/other"]["totalCostMicroUSD"] == 2000
    assert u["usage"]["Storage"][0]["product"] == "hf/repository-storage" and u["usage"]["Storage"][0]["totalCostMicroUSD"] == 0
    p = u["period"]
    assert p["entityType"] == "user" and p["entityName"] == "bella" and p["periodStart"] < p["periodEnd"] and p["invoice"]["type"] == "no-invoice"
    same = spent.get("/api/settings/billing/usage?periodId=" + p["_id"], t.bella).json()
    assert same["usage"]["Inference"] == u["usage"]["Inference"]
    before = spent.get(f"/api/settings/billing/usage?periodId={int(p['_id']) - 1:024d}", t.bella).json()
    assert before["usage"] == {"Inference": [], "Storage": []} and before["period"]["periodEnd"] == p["periodStart"]
    for wrong in ("x" * 24, "1", f"{int(p['_id']) + 1:024d}", "0" * 24):
        assert spent.get("/api/settings/billing/usage?periodId=" + wrong, t.bella).status == 400


def test_days(spent, t):
    now = int(time.time())
    u = spent.get(f"/api/settings/billing/usage-v2?startDate={now - 86400 * 3}&endDate={now + 86400}", t.bella).json()
    assert sum(d["requestCount"] for d in u["days"]) == 3 and sum(d["totalCostMicroUSD"] for d in u["days"]) == 5000
    assert spent.get(f"/api/settings/billing/usage-v2?startDate={(now - 86400 * 3) * 1000}&endDate={(now + 86400) * 1000}", t.bella).json()["days"] == u["days"]
    for wrong in ("", f"startDate={now}", f"startDate={now}&endDate={now - 1}", f"startDate=1&endDate={now}", "startDate=x&endDate=y", f"startDate=0&endDate={now}"):
        assert spent.get("/api/settings/billing/usage-v2?" + wrong, t.bella).status == 400, wrong


def test_what_is_not_sold_is_nought(spent, t):
    j = spent.get("/api/settings/billing/usage/jobs", t.bella).json()
    assert j["hasAccess"] is False and j["usage"]["usedMicroUsd"] == 0 and j["usage"]["jobDetails"] == []
    s = spent.get("/api/settings/billing/usage-by-inference-session", t.bella).json()
    assert s["currency"] == "usd" and [p["sessions"] for p in s["periods"]] == [[]]


def test_an_organisation(spent, t):
    base = "/api/organizations/bellaco/billing/"
    u = spent.get(base + "usage", t.bella).json()
    assert u["period"]["entityType"] == "org" and [i["totalCostMicroUSD"] for i in u["usage"]["Inference"]] == [7000]
    g = spent.get(base + "usage-by-resource-group", t.bella).json()["periods"][0]["resourceGroups"]
    assert len(g) == 1 and g[0]["inference"] == {"requestCount": 1, "costCents": 0.7} and g[0]["compute"]["jobs"]["costCents"] == 0
    now = int(time.time())
    for path in ("usage", "usage-by-resource-group", "usage-by-inference-session", f"usage-v2?startDate={now - 9}&endDate={now}", "usage/live"):
        assert spent.get(base + path, None).status == 401
        for who in (t.bob, t.carol, t.wendy):
            assert spent.get(base + path, who).status == 404, (path, "not its administrator")
    assert spent.get("/api/organizations/nobody/billing/usage", t.bella).status == 404
    assert spent.get("/api/users/bella/billing/usage/live", t.bob).status == 404
    assert spent.get(base + "usage-by-inference-session?startDate=x", t.bella).status == 400
    assert spent.get(base + "usage-by-inference-session?startDate=2020-01-01T00:00:00.000Z", t.bella).status == 400, "too long ago"


def first_event(server, path, token):
    c = server.connect()
    c.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    r = c.getresponse()
    assert r.status == 200 and r.getheader("content-type").startswith("text/event-stream"), r.status
    lines = []
    while not lines or lines[-1]:
        lines.append(r.readline().decode().rstrip("\n"))
    return c, r, lines[0], json.loads(lines[1].removeprefix("data: "))


def test_live(spent, t):
    c, r, event, data = first_event(spent, "/api/settings/billing/usage/live", t.bella)
    assert event == "event: usage" and data["requestCount"] == 3 and data["usedMicroUSD"] == 5000 and "runningJobs" not in data
    c.close()
    for path in ("/api/users/bella/billing/usage/live", "/api/settings/metrics/live", "/api/organizations/bellaco/billing/usage/live"):
        c, r, event, data = first_event(spent, path, t.bella)
        assert data["requestCount"] == (1 if "bellaco" in path else 3) and ("runningJobs" in data) == ("metrics" in path)
        c.close()


def test_tokens_see_it_only_when_they_may(spent, t, tmp_path):
    def scoped(scopes):
        (tmp_path / "s.json").write_text(json.dumps(scopes))
        return spent.cli("token", "create", "bella", "--role", "fineGrained", "--name", "f", "--scopes", str(tmp_path / "s.json")).stdout.strip()
    nothing, app, billing = scoped({"scoped": []}), scoped({"oauth": ["openid"], "app": "x"}), scoped({"oauth": ["openid", "read-billing"], "app": "x"})
    assert [spent.get("/api/settings/billing/usage", x).status for x in (nothing, app, billing, t.bella_read)] == [403, 403, 200, 200]


def test_the_pages(spent):
    """The same figures for people, with charts; an organisation's for its administrators."""
    bella = Browser(spent)
    assert bella.sign_in("bella").status == 303
    page = bella.get("/settings/billing").body.decode()
    assert "$0.005" in page and "acme/other" in page and "laptop" in page and page.count('<figure class="chart">') == 2
    page = bella.get("/organizations/bellaco/settings/billing?days=7").body.decode()
    assert "$0.007" in page and "acme/other" not in page and "account=bellaco" in page
    wendy = Browser(spent)
    assert wendy.sign_in("wendy").status == 303
    assert wendy.get("/organizations/bellaco/settings/billing").status == 404
