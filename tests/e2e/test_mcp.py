"""Assistants: the Model Context Protocol, by its own Python client, of both generations, and by hand."""
import json
import subprocess
from types import SimpleNamespace

import pytest

from clients import client_environment, python_client
from hearth import fresh

# Reads a list of (tool, arguments) and prints what each answered; the two generations of the client are used in two ways.
ASK = {"mcp": '''
import asyncio, json, sys
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main(url, token, mode):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as c:
        tools = await c.list_tools()
        out = [[t.name for t in tools.tools]]
        for name, arguments in json.load(sys.stdin):
            r = await c.call_tool(name, arguments)
            out.append([r.is_error, r.content[0].text])
        print(json.dumps(out))

asyncio.run(main(*sys.argv[1:4]))
''', "mcp-1": '''
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

async def main(url, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with streamablehttp_client(url, headers=headers) as (read, write, _), ClientSession(read, write) as c:
        await c.initialize()
        await c.send_ping()
        tools = await c.list_tools()
        out = [[t.name for t in tools.tools]]
        for name, arguments in json.load(sys.stdin):
            r = await c.call_tool(name, arguments)
            out.append([r.isError, r.content[0].text])
        print(json.dumps(out))

asyncio.run(main(*sys.argv[1:3]))
'''}
TOOLS = ["hf_whoami", "hub_repo_search", "hub_repo_details", "hub_list_files", "hub_read_file", "dataset_rows", "hf_doc_search", "hf_doc_fetch"]
WAYS = [("mcp", "auto"), ("mcp", "legacy"), ("mcp-1", "")]


@pytest.fixture(scope="module")
def things(server):
    t = server.tokens
    o = SimpleNamespace(word="w" + fresh())
    o.model = server.create(f"alice/{o.word}-model", t.alice)
    text = "".join(f"line {i} of many, €\n" for i in range(5000))
    server.commit(o.model, t.alice, {"README.md": "---\nlicense: mit\npipeline_tag: text-generation\n---\n# A model\n", "src/a.py": "print(1)\n", "src/b/c.txt": text, "data.bin": b"\xff\x00\x01"},
                  {"large.txt": text.encode()})
    o.text = text
    o.hidden = server.create(f"alice/{o.word}-hidden", t.alice, private=True)
    server.commit(o.hidden, t.alice, {"README.md": "# Hidden words\n"})
    o.gated = server.create(f"alice/{o.word}-gated", t.alice)
    server.commit(o.gated, t.alice, {"README.md": "# Gated\n", "weights.txt": "secret weights"})
    assert server.request("PUT", f"/api/models/{o.gated}/settings", {"gated": "manual"}, t.alice).status == 200
    o.data = server.create(f"alice/{o.word}-data", t.alice, "dataset")
    server.commit(o.data, t.alice, {"train.csv": "n,text\n" + "".join(f"{i},row {i}\n" for i in range(50)), "test.csv": "n,text\n7," + "x" * 4000 + "\n"}, kind="datasets")
    return o


def ask(server, way, tmp_path, token, calls):
    name, mode = way
    args = [python_client(name), "-c", ASK[name], server.base + "/mcp", token or "", *([mode] if mode else [])]
    r = subprocess.run(args, input=json.dumps(calls), env=client_environment(server, tmp_path), capture_output=True, text=True)
    assert r.returncode == 0, r.stderr[-2000:]
    return json.loads(r.stdout)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_tool(server, t, things, way, tmp_path):
    o = things
    got = ask(server, way, tmp_path, t.alice, [
        ("hf_whoami", {}), ("hub_repo_search", {"query": o.word}), ("hub_repo_search", {"query": o.word, "repo_types": ["model"], "filters": ["license:mit"], "limit": 5, "sort": "downloads"}),
        ("hub_repo_details", {"repo_ids": [o.model, o.data, "alice/none"]}), ("hub_list_files", {"repo_id": o.model}), ("hub_list_files", {"repo_id": o.model, "path": "src", "recursive": True, "limit": 2}),
        ("hub_read_file", {"repo_id": o.model, "path": "src/a.py"}), ("hub_read_file", {"repo_id": o.model, "path": "large.txt", "offset": 18, "length": 50}),
        ("dataset_rows", {"dataset": o.data, "split": "test"}), ("dataset_rows", {"dataset": o.data, "offset": 48}), ("hf_doc_search", {"query": "collection grace"}), ("hf_doc_fetch", {"page": "operations"})])
    assert got[0] == TOOLS and not any(e for e, _ in got[1:])
    me, found, few, details, files, src, code, piece, test, train, hits, page = [x for _, x in got[1:]]
    assert json.loads(me)["name"] == "alice" and "acme" in json.loads(me)["organizations"]
    assert {x["id"] for x in json.loads(found)["results"]} == {o.model, o.hidden, o.gated, o.data}
    assert [(x["id"], x["task"]) for x in json.loads(few)["results"]] == [(o.model, "text-generation")]
    model, data, none = json.loads(details)
    assert model["readme"].endswith("# A model\n") and model["card_data"]["license"] == "mit" and data["repo_type"] == "dataset" and "error" in none
    entries = {x["path"]: x.get("bytes") for x in json.loads(files)["entries"]}
    assert set(entries) == {".gitattributes", "README.md", "data.bin", "large.txt", "src"}
    assert entries["data.bin"] == 3 and entries["large.txt"] == len(o.text.encode()) and entries["src"] is None
    assert [x["path"] for x in json.loads(src)["entries"]] == ["src/a.py", "src/b"] and json.loads(src)["has_more"]
    assert code == "print(1)\n"
    # The offset is within the sign for euros: what is half a character is left out.
    assert piece.startswith("\nline 1 of many, €\n") and f"of {len(o.text.encode())}; go on with offset 68]" in piece
    assert json.loads(test)["rows"][0]["text"].startswith("xxx") and "4000 bytes in all" in json.loads(test)["rows"][0]["text"]
    assert [r["n"] for r in json.loads(train)["rows"]] == [48, 49] and json.loads(train)["rows_in_all"] == 50 and len(json.loads(train)["splits"]) == 2
    assert "operations" in hits or "gc" in hits
    assert page.startswith("# Operations")


def test_what_one_may_not_see_does_not_exist(server, t, things, tmp_path):
    o = things
    calls = [("hub_repo_search", {"query": o.word}), ("hub_repo_details", {"repo_ids": [o.hidden]}), ("hub_list_files", {"repo_id": o.hidden}), ("hub_read_file", {"repo_id": o.hidden, "path": "README.md"}),
             ("hub_read_file", {"repo_id": o.gated, "path": "weights.txt"}), ("hub_repo_details", {"repo_ids": [o.gated]}), ("hub_list_files", {"repo_id": "alice/none-such"})]
    for token in (None, t.bob):
        found, details, files, text, weights, card, none = ask(server, WAYS[0], tmp_path / str(bool(token)), token, calls)[1:]
        assert {x["id"] for x in json.loads(found[1])["results"]} == {o.model, o.gated, o.data}
        assert "error" in json.loads(details[1])[0] and "Hidden words" not in details[1]
        assert files[0] and text[0] and files[1].replace(o.hidden, "X") == none[1].replace("alice/none-such", "X")
        assert weights[0] and "secret" not in weights[1]
        assert not card[0] and "readme" not in json.loads(card[1])[0]
    assert [x[0] for x in ask(server, WAYS[2], tmp_path / "carol", t.alice_read, calls)[1:]] == [False] * 6 + [True]


def test_a_pointer_opens_nothing_that_was_not_uploaded_there(server, t, things):
    hidden = server.create(f"alice/p-{fresh()}", t.alice, private=True)
    server.commit(hidden, t.alice, {}, {"large.txt": b"words that nobody else may read\n" * 400})
    [entry] = [x for x in server.get(f"/api/models/{hidden}/tree/main", t.alice).json() if x["path"] == "large.txt"]
    mine = server.create(f"bob/p-{fresh()}", t.bob)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{entry['lfs']['oid']}\nsize {entry['lfs']['size']}\n"
    server.commit(mine, t.bob, {"large.txt": pointer})
    assert "nobody else" not in str(call(server, "hub_read_file", {"repo_id": mine, "path": "large.txt"}, t.bob).body)


def call(server, tool, arguments, token=None):
    return rpc(server, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}, token)


def rpc(server, message, token=None, **headers):
    return server.request("POST", "/mcp", message if isinstance(message, (dict, list)) else message.encode(), token, headers={"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})


def test_messages_that_are_wrong(server, t):
    for message, status, code in (("{", 400, -32700), ([], 400, -32600), ("3", 400, -32600), ({"id": 1.5, "method": "ping"}, 400, -32600), ({"id": [], "method": "ping"}, 400, -32600),
                                  ({"id": 1, "method": 3}, 400, -32600), ({"id": "x", "method": "resources/list"}, 200, -32601),
                                  ({"id": 1, "method": "tools/call", "params": {"name": "rm"}}, 200, -32602), ({"id": 1, "method": "tools/call"}, 200, -32602)):
        r = rpc(server, message)
        assert (r.status, r.json()["error"]["code"]) == (status, code), message
    for message in ({"method": "notifications/initialized"}, {"id": 3, "result": {}}):
        r = rpc(server, message)
        assert (r.status, r.body) == (202, b"")
    r = rpc(server, {"id": 1, "method": "ping"}, MCP_Protocol_Version="1999-01-01")
    assert r.status == 400 and r.json()["error"]["code"] == -32022 and "2025-06-18" in r.json()["error"]["data"]["supported"]
    assert server.get("/mcp").status == 405 and server.get("/mcp").headers["allow"] == "POST"
    assert server.get("/mcp", headers={"Accept": "text/html"}).headers["location"] == "/docs/mcp"
    assert rpc(server, {"id": 1, "method": "ping"}, token="hf_" + "x" * 34).status == 401
    meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}
    new = {"MCP_Protocol_Version": "2026-07-28"}
    for message, headers in (({"id": 1, "method": "tools/list"}, {"Mcp_Method": "tools/list"}), ({"id": 1, "method": "tools/list", "params": meta}, {"Mcp_Method": "ping"}),
                             ({"id": 1, "method": "tools/call", "params": {**meta, "name": "hf_whoami"}}, {"Mcp_Method": "tools/call", "Mcp_Name": "dataset_rows"})):
        r = rpc(server, message, **new, **headers)
        assert r.status == 400 and r.json()["error"]["code"] == -32020, message
    r = rpc(server, {"id": 1, "method": "nothing", "params": meta}, **new, Mcp_Method="nothing")
    assert (r.status, r.json()["error"]["code"]) == (404, -32601)


def test_arguments_that_are_wrong_are_told_to_the_assistant(server, t, things):
    o = things
    for tool, arguments, word in (("hub_repo_search", {"limit": 51}, "limit"), ("hub_repo_search", {"limit": "3"}, "limit"), ("hub_repo_search", {"sort": "size"}, "sort"), ("hub_repo_search", {"query": 3}, "query"),
                                  ("hub_repo_search", {"repo_types": ["paper"]}, "repo_types"), ("hub_repo_search", {"filters": [1]}, "filters"), ("hub_repo_details", {}, "repo_ids"),
                                  ("hub_repo_details", {"repo_ids": ["x"] * 11}, "repo_ids"), ("hub_list_files", {"repo_id": o.model, "path": "nowhere"}, "nowhere"),
                                  ("hub_list_files", {"repo_id": o.model, "revision": "nowhere"}, "nowhere"), ("hub_read_file", {"repo_id": o.model, "path": "data.bin"}, "no text"),
                                  ("hub_read_file", {"repo_id": o.model, "path": "src"}, ""), ("hub_read_file", {"repo_id": o.model, "path": "large.txt", "offset": -1}, "offset"),
                                  ("hub_read_file", {"repo_id": o.model, "path": "large.txt", "offset": 4 << 20}, "MiB"), ("hub_read_file", {"repo_id": o.data, "repo_type": "model", "path": "x"}, "model"),
                                  ("dataset_rows", {"dataset": o.data, "split": "dev"}, "split"), ("dataset_rows", {"dataset": o.model}, ""), ("hf_doc_fetch", {"page": "/etc/passwd"}, "readme"), ("hf_doc_search", {}, "query")):
        r = call(server, tool, arguments, t.alice)
        result = r.json()["result"]
        assert r.status == 200 and result["isError"] and word in result["content"][0]["text"], (tool, arguments, result)
    assert call(server, "hf_doc_search", {"query": "zzzzqqqq"}).json()["result"]["content"][0]["text"] == "No section has all of these words."
    assert call(server, "hf_whoami", {}).json()["result"]["isError"] is False


def test_the_settings_name_the_tools(server, t):
    assert server.get("/api/settings/mcp", t.alice).json() == {"builtInTools": TOOLS, "spaceTools": []}
    assert server.get("/api/settings/mcp").status == 401
