"""SCIM 2.0: what identity providers send, what it does to people, and what it must never do."""
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

import clients
import hearth
from browser import Browser, signed_in
from conftest import populated
from hearth import fresh
from test_external import start, through

SCIM_JSON = "application/scim+json"
USER, GROUP = (f"urn:ietf:params:scim:schemas:core:2.0:{x}" for x in ("User", "Group"))
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Scim:
    """One family of an organisation, as a client of it sees it."""

    def __init__(self, server, token, org="acme", family="scim"):
        self.server, self.token, self.base = server, token, f"/api/organizations/{org}/{family}/v2"

    def ask(self, method, path, body=None, status=200, token=None, **query):
        r = self.server.request(method, self.base + path, None if body is None else json.dumps(body), token or self.token,
                                headers={"Accept": SCIM_JSON, "Content-Type": SCIM_JSON}, query=query)
        assert r.status == status, (method, path, r)
        if status >= 400:
            problem = r.json()
            assert problem["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"] and problem["status"] == str(status) and problem["detail"], r
            return problem.get("scimType")
        assert status == 204 or r.headers["content-type"].startswith(SCIM_JSON)
        return r.json() if status != 204 else None

    def add(self, name=None, /, status=201, **fields):
        name = name or "u-" + fresh()
        body = {"schemas": [USER], "userName": name, "externalId": "of-" + name, "name": {"givenName": "Ann", "familyName": "Lee"},
                "emails": [{"value": f"{name}@acme.org", "type": "work", "primary": True}], "active": True, **fields}
        return self.ask("POST", "/Users", {k: v for k, v in body.items() if v is not None}, status)

    def patch(self, kind, id, *operations, status=200):
        return self.ask("PATCH", f"/{kind}/{id}", {"schemas": [PATCH_OP], "Operations": list(operations)}, status)

    def active(self, id, value, status=200):
        return self.patch("Users", id, {"op": "replace", "path": "active", "value": value}, status=status)

    def find(self, filter, kind="Users", **query):
        return self.ask("GET", "/" + kind, filter=filter, **query)["Resources"]

    def members(self, group):
        return {m["value"] for m in self.ask("GET", f"/Groups/{group}")["members"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One of its own: organisations may make accounts here."""
    with populated(tmp_path_factory) as s:
        s.cli("org", "provision", "acme")
        yield s


@pytest.fixture
def t(server):
    return server.tokens


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    d = clients.Driver("scim", server, tmp_path_factory.mktemp("scim-client"), server.tokens.alice)
    yield d
    d.close()


@pytest.fixture
def scim(server, t):
    return Scim(server, t.alice)


@pytest.fixture
def invites(server, t):
    return Scim(server, t.alice, family="scim-provisioning")


@pytest.fixture
def other(server, t):
    """An organisation of bob's, which may make accounts too."""
    org = "o" + fresh()
    server.cli("org", "add", org, "--owner", "bob")
    server.cli("org", "provision", org)
    return Scim(server, t.bob, org)


def role(server, name, org="acme"):
    lines = [line.split() for line in server.cli("org", "members", org).stdout.splitlines()]
    return dict(line[:2] for line in lines).get(name)


def log(server, t, org="acme"):
    return [(row["type"], row["message"], row["author"]["user"]) for row in server.get(f"/api/organizations/{org}/audit-log/export", t.alice).json()]


# -------------------------------------------------------------------- real clients

CHECK = """
import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server
http = httpx2.Client(base_url=base, headers={"Authorization": "Bearer " + token})
out = [(r.status.name, r.title, str(r.resource_type), str(r.reason)) for r in check_server(SyncSCIMClient(http))]
"""
USE = """
import httpx2
from scim2_models import Group, PatchOp, PatchOperation, SearchRequest, User, Email, Name, ListResponse
from scim2_client.engines.httpx2 import SyncSCIMClient
client = SyncSCIMClient(httpx2.Client(base_url=base, headers={"Authorization": "Bearer " + token}))
client.discover()
User, Group = client.get_resource_model("User"), client.get_resource_model("Group")
made = client.create(User(user_name=name, external_id="of-" + name, name={"givenName": "Ann", "familyName": "Lee"}, emails=[{"value": "a@b.org"}], active=True))
again = client.query(User, made.id)
found = client.query(User, query_parameters=SearchRequest(filter=f'userName eq "{name.upper()}"'))
again.name.family_name = "Moe"
changed = client.replace(again)
group = client.create(Group(display_name="g-" + name, members=[{"value": made.id}]))
client.delete(Group, group.id)
client.delete(User, made.id)
out = [made.user_name, found.total_results, changed.name.formatted, [m.value for m in group.members] == [made.id]]
"""


def test_the_compliance_run(client, server, t):
    """scim2-tester, unmodified.  It wants what was replaced back without what the server fills in: formatted, primary, type."""
    results = client(CHECK, base=server.base + "/api/organizations/acme/scim/v2", token=t.alice)
    bad = [r for r in results if r[0] not in ("SUCCESS", "SKIPPED")]
    filled_in = [r for r in bad if r[1] == "check_replace_attribute" and ("'name'" in r[3] and "formatted" in r[3] or "'emails'" in r[3] and "type='work'" in r[3])]
    assert [r for r in bad if r not in filled_in] == [] and sum(r[0] == "SUCCESS" for r in results) >= 50, bad


@pytest.mark.parametrize("family", ["scim", "scim-provisioning"])
def test_the_client_discovers(client, server, t, family):
    results = client(CHECK.replace("SyncSCIMClient(http))", "SyncSCIMClient(http), include_tags={'discovery', 'misc'})"),
                             base=f"{server.base}/api/organizations/acme/{family}/v2", token=t.alice)
    assert len(results) > 5 and [r for r in results if r[0] not in ("SUCCESS", "SKIPPED")] == []


def test_a_client_makes_finds_changes_and_deletes(client, server, t):
    name = "c-" + fresh()
    assert client(USE, base=server.base + "/api/organizations/acme/scim/v2", token=t.alice, name=name) == [name, 1, "Ann Moe", True]


# -------------------------------------------------------------------- as providers ask

def test_as_okta_asks(server, t, scim):
    """By its documentation: look for the name, create, read, replace, deactivate by a value without a path, reactivate."""
    name = "okta-" + fresh()
    assert scim.ask("GET", "/Users", filter=f'userName eq "{name}"', startIndex=1, count=100)["totalResults"] == 0
    body = {"schemas": [USER], "userName": name, "name": {"givenName": "Tess", "familyName": "User"}, "emails": [{"primary": True, "value": "t@okta.org", "type": "work"}],
            "displayName": "Tess User", "locale": "en-US", "externalId": "00u" + fresh(), "groups": [], "password": "1mz050nq", "active": True,
            "phoneNumbers": [{"value": "1", "type": "work"}]}
    made = scim.ask("POST", "/Users", body, 201)
    assert made["userName"] == made["displayName"] == name and "password" not in made and "locale" not in made
    assert scim.add(name, status=409) == "uniqueness"
    assert scim.ask("GET", f"/Users/{made['id']}")["name"] == {"givenName": "Tess", "familyName": "User", "formatted": "Tess User"}
    replaced = scim.ask("PUT", f"/Users/{made['id']}", {**body, "id": made["id"], "name": {"givenName": "Tess", "familyName": "Moe"}, "meta": made["meta"]})
    assert replaced["name"]["familyName"] == "Moe" and server.get(f"/api/users/{name}/overview").json()["fullname"] == "Tess Moe"
    assert scim.patch("Users", made["id"], {"op": "replace", "value": {"active": False}})["active"] is False
    assert scim.patch("Users", made["id"], {"op": "replace", "value": {"active": True}})["active"] is True
    group = scim.ask("POST", "/Groups", {"schemas": [GROUP], "displayName": "okta " + fresh(), "members": []}, 201)
    scim.patch("Groups", group["id"], {"op": "replace", "value": {"id": group["id"], "displayName": group["displayName"] + " 2"}})
    scim.patch("Groups", group["id"], {"op": "add", "path": "members", "value": [{"value": made["id"], "display": name}]})
    assert scim.members(group["id"]) == {made["id"]}
    scim.patch("Groups", group["id"], {"op": "remove", "path": f'members[value eq "{made["id"]}"]'})
    assert scim.members(group["id"]) == set()


def test_as_entra_asks(scim):
    """By its documentation: capital operations, truths as strings, dotted members without a path, its own schema beside ours."""
    name, theirs = "entra-" + fresh(), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    made = scim.add(name, **{"schemas": [USER, theirs], theirs: {"department": "bob"}, "meta": {"resourceType": "User"}, "roles": [], "active": "True"})
    assert theirs not in made and made["active"] is True
    assert [u["id"] for u in scim.find(f'externalId eq "of-{name}"')] == [made["id"]]
    now = scim.patch("Users", made["id"], {"op": "Add", "path": f"{theirs}:department", "value": "it"}, {"op": "Add", "path": "nickName", "value": "B"},
                     {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@acme.org"}, {"op": "Replace", "value": {"name.familyName": "Moe", "active": "False"}})
    assert (now["emails"][0]["value"], now["name"]["formatted"], now["active"]) == ("new@acme.org", "Ann Moe", False)
    assert scim.patch("Users", made["id"], {"op": "Replace", "path": "active", "value": "True"})["active"] is True
    group = scim.ask("POST", "/Groups", {"schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"], "displayName": "entra " + fresh(),
                                         "externalId": fresh(), "meta": {"resourceType": "Group"}}, 201)
    assert "members" not in scim.ask("GET", f"/Groups/{group['id']}", excludedAttributes="members")
    assert "members" not in scim.find(f'displayName eq "{group["displayName"]}"', "Groups", excludedAttributes="members")[0]
    scim.patch("Groups", group["id"], {"op": "Add", "path": "members", "value": [{"$ref": None, "value": made["id"]}]})
    inside = f'id eq "{group["id"]}" and members[value eq "{made["id"]}"]'
    assert [g["id"] for g in scim.find(inside, "Groups")] == [group["id"]]
    scim.patch("Groups", group["id"], {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": made["id"]}]})
    assert scim.find(inside, "Groups") == []
    scim.ask("DELETE", f"/Groups/{group['id']}", status=204)
    scim.ask("GET", f"/Groups/{group['id']}", status=404)


def test_what_is_wrong_has_its_word(scim):
    made = scim.add()["id"]
    assert scim.ask("GET", "/Users", status=400, filter="userName zz 1") == "invalidFilter"
    assert scim.ask("GET", "/Users", status=400, startIndex="x") == "invalidValue"
    assert scim.ask("POST", "/Users", {"schemas": [USER]}, 400) == "invalidValue"
    assert scim.add("with.dots@acme.org", status=400) == "invalidValue"
    for field, value in (("emails", "x"), ("active", "maybe"), ("name", {"givenName": 7}), ("externalId", 7)):
        assert scim.ask("POST", "/Users", {"userName": "w-" + fresh(), field: value}, 400) == "invalidValue"
    assert scim.patch("Users", made, {"op": "move"}, status=400) == "invalidSyntax"
    assert scim.patch("Users", made, {"op": "replace", "path": "emails[", "value": 1}, status=400) == "invalidPath"
    assert scim.patch("Users", made, {"op": "replace", "path": 'emails[type eq "home"].value', "value": "x@y.z"}, status=400) == "noTarget"
    assert scim.patch("Users", made, {"op": "replace", "path": "userName", "value": "u-" + fresh()}, status=400) == "mutability"
    assert scim.patch("Users", made, {"op": "replace", "path": "name.givenName", "value": "N"}, {"op": "nothing"}, status=400) == "invalidSyntax"
    assert scim.ask("GET", f"/Users/{made}")["name"]["givenName"] == "Ann", "all or none"
    assert scim.ask("POST", "/Groups", {"displayName": "x", "members": [{"value": "0" * 24}]}, 400) == "invalidValue"
    assert scim.find('displayName eq "x"', "Groups") == [], "all or none"
    assert scim.server.request("POST", scim.base + "/Users", b"{", scim.token).json()["scimType"] == "invalidSyntax"
    assert scim.ask("POST", "/Users", {"userName": "x" * 70000}, 413) is None
    scim.ask("POST", "/Bulk", {}, 501)
    scim.ask("GET", "/Me", status=501)
    scim.ask("GET", "/nothing", status=404)
    scim.ask("PUT", "/Users", {}, 405)


# -------------------------------------------------------------------- who may

def operations(family, user, group):
    body = {"schemas": [USER], "userName": "x-" + fresh(), "name": {}, "emails": [], "Operations": [], "displayName": "x", "members": []}
    for method, path in [("GET", p) for p in ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas", f"/Schemas/{USER}", "/Users", "/Groups", f"/Users/{user}", f"/Groups/{group}")] + \
            [("POST", "/Users"), ("POST", "/Groups")] + [(m, f"/{k}/{i}") for m in ("PUT", "PATCH", "DELETE") for k, i in (("Users", user), ("Groups", group))]:
        yield method, f"/api/organizations/acme/{family}/v2{path}", None if method in ("GET", "DELETE") else body


@pytest.mark.parametrize("family", ["scim", "scim-provisioning"])
def test_administrators_alone(server, t, scim, family):
    user, group = scim.add()["id"], scim.ask("POST", "/Groups", {"displayName": fresh(), "members": []}, 201)["id"]
    one = server.post("/api/organizations/acme/service-accounts", {"name": "idp " + fresh(), "role": "admin"}, t.alice).json()["_id"]
    weak, strong = (server.post(f"/api/organizations/acme/service-accounts/{one}/tokens", {"permissions": [p]}, t.alice).json()["token"] for p in ("org.read", "org.write"))
    before = scim.ask("GET", "/Users"), scim.ask("GET", "/Groups")
    for method, path, body in operations(family, user, group):
        for who, status in ((None, 401), (t.bob, 403), (t.carol, 403), (t.wendy, 403), (t.alice_read, 403), (weak, 403), ("hf_" + "q" * 34, 401)):
            r = server.request(method, path, body, who)
            assert r.status == status and r.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"], (method, path, who, r)
        assert server.request(method, path.replace("acme", "never-was"), body, t.alice).status == 404
        assert server.request(method, path, None, strong).status not in (401, 403) if method == "GET" else True
    assert (scim.ask("GET", "/Users"), scim.ask("GET", "/Groups")) == before, "what was refused must not have happened"
    assert Scim(server, strong).add()["active"], "a service account is enough"


def test_the_operator_lets_organisations_make_accounts(server, t):
    org = "n" + fresh()
    server.cli("org", "add", org, "--owner", "alice")
    scim, name = Scim(server, t.alice, org), "n-" + fresh()
    scim.add(name, status=403)
    assert server.get(f"/api/users/{name}/overview").status == 404
    server.cli("org", "provision", org)
    made = scim.add(name)["id"]
    server.cli("org", "provision", org, "--off")
    scim.add(status=403)
    assert scim.active(made, False)["active"] is False, "who is there can still be put out"
    scim.active(made, True, 403)


def test_the_operator_allows_it_on_his_page(server, t):
    org, here = "w" + fresh(), "/operator/organisations"
    server.cli("org", "add", org, "--owner", "alice")
    root, alice, scim = signed_in(server, "root-admin"), signed_in(server, "alice"), Scim(server, t.alice, org)
    send = lambda who, do: who.ask("POST", here, {"csrf": who.form_token(), "name": org, "do": do}).status
    assert send(alice, "allow_accounts") == 404
    scim.add(status=403)
    assert send(root, "allow_accounts") == 303
    made = scim.add()
    assert "makes accounts" in root.get(f"{here}?q={org}").body.decode() and f"of {org}" in root.get(f"/operator/users?q={made['userName']}").body.decode()
    assert (send(root, "anything"), send(root, "stop_accounts")) == (400, 303)
    scim.add(status=403)
    assert [(kind, who) for kind, what, who in log(server, t, org) if kind == "org.update_settings"] == [("org.update_settings", "root-admin")] * 2


# -------------------------------------------------------------------- nobody's account is taken

def test_no_account_that_was_there_is_taken(server, t, scim, other):
    """By its name in any case, by its address, by its external id, by being a member, by being another organisation's."""
    for name in ("bob", "BOB", "carol", "alice", "root-admin", "acme"):
        for fields in ({}, {"externalId": "x"}, {"active": False}, {"emails": [{"value": "bob@example.org"}]}):
            assert scim.add(name, status=409, **fields) == "uniqueness"
    whoami = server.get("/api/whoami-v2", t.bob).json()
    theirs = other.add()
    for id in (whoami["id"], theirs["id"], server.get("/api/whoami-v2", t.carol).json()["id"]):
        scim.ask("GET", f"/Users/{id}", status=404)
        scim.ask("PUT", f"/Users/{id}", {"schemas": [USER], "userName": "bob", "active": False}, 404)
        scim.active(id, False, 404)
        scim.ask("DELETE", f"/Users/{id}", status=404)
        scim.ask("POST", "/Groups", {"displayName": fresh(), "members": [{"value": id}]}, 400)
    assert scim.add(theirs["userName"], status=409, externalId=theirs["externalId"]) == "uniqueness"
    assert scim.find(f'userName eq "{theirs["userName"]}" or id eq "{theirs["id"]}" or userName eq "bob"') == []
    assert server.get("/api/whoami-v2", t.bob).json() == whoami and other.ask("GET", f"/Users/{theirs['id']}") == theirs


def test_one_who_is_called_like_one_who_left_gets_another_account(server, scim):
    made = scim.add()
    token = server.token(made["userName"], "write")
    private = server.create(f"{made['userName']}/mine", token, private=True)
    for leave in (lambda: scim.active(made["id"], False), lambda: scim.ask("DELETE", f"/Users/{made['id']}", status=204)):
        leave()
        assert scim.add(made["userName"], status=409, externalId="somebody-else") == scim.add(made["userName"], status=409, externalId=None) == "uniqueness"
        back = scim.add(made["userName"], externalId=made["externalId"])
        assert back["id"] == made["id"] and back["active"], "the same person comes back"
    assert server.get(f"/api/models/{private}", token).status == 401, "a token that was ended by DELETE stays so"
    assert server.get(f"/api/models/{private}", server.token(made["userName"], "read")).status == 200


def test_external_ids_are_of_one_user(scim, other):
    a, b = scim.add(), scim.add()
    assert scim.add(externalId=a["externalId"], status=409) == "uniqueness"
    assert scim.patch("Users", b["id"], {"op": "replace", "path": "externalId", "value": a["externalId"]}, status=409) == "uniqueness"
    assert scim.patch("Users", b["id"], {"op": "remove", "path": "externalId"})["externalId"] is None
    assert other.add(externalId=a["externalId"])["externalId"] == a["externalId"], "in another organisation it is another"


def test_who_administers_the_hearth_is_left_alone(server, scim):
    made = scim.add()
    with sqlite3.connect(server.home / "hearth.db") as db:
        db.execute("UPDATE account SET is_admin = 1 WHERE hex_id = ?", (made["id"],))
    db.close()
    for attempt in (lambda: scim.active(made["id"], False, 403), lambda: scim.ask("DELETE", f"/Users/{made['id']}", status=403),
                    lambda: scim.patch("Users", made["id"], {"op": "replace", "path": "externalId", "value": "mine"}, status=403),
                    lambda: scim.ask("PUT", f"/Users/{made['id']}", {**made, "name": {"givenName": "X"}}, 403)):
        attempt()
    assert scim.ask("GET", f"/Users/{made['id']}") == made


def test_the_last_administrator_stays(server, t):
    org = "l" + fresh()
    server.cli("org", "add", org, "--owner", "alice")
    server.cli("org", "provision", org)
    scim, invites = Scim(server, t.alice, org), Scim(server, t.alice, org, "scim-provisioning")
    made = scim.add()
    server.cli("org", "add-member", org, made["userName"], "--role", "admin")
    scim.active(made["id"], False)
    me = invites.add("alice")["id"]  # a member already: she is found, and not asked
    invites.active(me, False, 409)
    invites.ask("DELETE", f"/Users/{me}", status=409)
    assert role(server, "alice", org) == "admin", "the other one is an administrator, and cannot sign in"
    assert server.cli("org", "remove-member", org, "alice", check=False).returncode != 0
    scim.active(made["id"], True)
    theirs = Scim(server, server.token(made["userName"], "write"), org)
    invites.ask("DELETE", f"/Users/{me}", status=204)
    theirs.active(made["id"], False, 409)
    theirs.ask("DELETE", f"/Users/{made['id']}", status=409)


# -------------------------------------------------------------------- in and out

def test_putting_out_ends_sessions_and_tokens_at_once(server, t, scim):
    made = scim.add()
    name = made["userName"]
    server.cli("user", "passwd", name, "--password-stdin", stdin=hearth.PASSWORD + "\n")
    token, browser = server.token(name, "write"), signed_in(server, name)
    private = server.create(f"acme/p-{fresh()}", t.alice, private=True)
    sees = lambda: (server.get(f"/api/models/{private}", token).status, browser.get("/settings/profile").status)
    assert sees() == (200, 200) and role(server, name) == "read"
    scim.active(made["id"], False)
    assert sees() == (401, 401) and Browser(server).sign_in(name).status != 303
    assert scim.ask("GET", f"/Users/{made['id']}")["active"] is False and role(server, name) == "read"
    scim.active(made["id"], True)
    assert sees() == (200, 401), "the session has ended, the token goes on"
    assert signed_in(server, name)
    scim.ask("DELETE", f"/Users/{made['id']}", status=204)
    assert sees() == (401, 401) and role(server, name) is None
    scim.ask("GET", f"/Users/{made['id']}", status=404)
    assert made["id"] not in str(scim.ask("GET", "/Users"))
    said = [(kind, what) for kind, what, who in log(server, t) if what.startswith(name) and who == "alice"]
    assert said == [("org.remove_user", f"{name}, deleted by SCIM"), ("org.add_user", f"{name}, by SCIM"), ("org.remove_user", f"{name}, by SCIM"),
                    ("org.add_user", f"{name}, a new account by SCIM")]


def test_who_the_operator_disabled_stays_so(server, scim):
    made = scim.add()
    server.cli("user", "disable", made["userName"])
    assert scim.ask("GET", f"/Users/{made['id']}")["active"] is False
    scim.active(made["id"], True, 403)
    server.cli("user", "enable", made["userName"])
    scim.active(made["id"], False)
    server.cli("user", "disable", made["userName"])
    scim.active(made["id"], True, 403)
    scim.add(made["userName"], status=403, externalId=made["externalId"])


def test_a_managed_user_is_told_and_what_he_changes_is_said_anew(server, scim):
    made = scim.add()
    server.cli("user", "passwd", made["userName"], "--password-stdin", stdin=hearth.PASSWORD + "\n")
    person = signed_in(server, made["userName"])
    assert '<a href="/acme">acme</a> made this account' in person.get("/settings/profile").body.decode()
    assert "made this account" not in signed_in(server, "bob").get("/settings/profile").body.decode()
    shown = lambda: server.get(f"/api/users/{made['userName']}/overview").json()["fullname"]
    form = {"csrf": person.form_token("/settings/profile"), "fullname": "Somebody Else", "email": "", "details": "", "website": ""}
    assert person.ask("POST", "/settings/profile", form).status == 303 and shown() == "Somebody Else"
    scim.ask("PUT", f"/Users/{made['id']}", made)
    assert shown() == "Ann Lee"


def test_a_role_outlives_being_away(server, t, scim, invites):
    made = scim.add()
    server.cli("org", "add-member", "acme", made["userName"], "--role", "write")
    scim.active(made["id"], False)
    scim.active(made["id"], True)
    assert role(server, made["userName"]) == "write"


def test_people_are_invited_and_decide(server, t, invites):
    name = "i-" + fresh()
    token = server.add_user(name)
    assert invites.add("never-" + fresh(), 404) is None
    made = invites.add(name)
    assert made["active"] and role(server, name) is None, "asked, and not in"
    assert server.get("/api/whoami-v2", token).json()["fullname"] == name, "nothing of the account has changed"
    group = invites.ask("POST", "/Groups", {"displayName": fresh(), "members": [{"value": made["id"]}]}, 201)["id"]
    person = signed_in(server, name)
    answer = lambda act: person.ask("POST", "/settings/organizations/answer", {"csrf": person.form_token("/settings/organizations"), "org": "acme", "answer": act})
    assert answer("decline").status == 303
    assert invites.ask("GET", f"/Users/{made['id']}")["active"] is False
    assert invites.active(made["id"], True)["active"]
    assert answer("accept").status == 303 and role(server, name) == "read"
    users = next(g for g in server.get("/api/organizations/acme/resource-groups", t.alice).json() if g["id"] == group)["users"]
    assert [u["name"] for u in users] == [name]
    assert invites.add(name, status=409) == "uniqueness"
    server.cli("org", "add-member", "acme", name, "--role", "contributor")
    invites.active(made["id"], False)
    assert role(server, name) is None and server.get("/api/whoami-v2", token).status == 200, "he is out of the organisation, and himself"
    invites.active(made["id"], True)
    answer("accept")
    assert role(server, name) == "contributor"
    invites.patch("Users", made["id"], {"op": "replace", "path": "name.givenName", "value": "Changed"}, {"op": "replace", "path": "userName", "value": "bob"})
    assert server.get("/api/whoami-v2", token).json()["name"] == name
    assert invites.ask("GET", f"/Users/{made['id']}")["name"]["givenName"] == "Ann", "what is not ours to change stays"
    invites.ask("DELETE", f"/Users/{made['id']}", status=204)
    invites.ask("DELETE", f"/Users/{made['id']}", status=404)
    assert role(server, name) is None and server.get("/api/whoami-v2", token).status == 200


def test_the_families_do_not_see_each_other(server, scim, invites):
    name = "f-" + fresh()
    server.add_user(name)
    mine, theirs = scim.add(), invites.add(name)
    scim.ask("GET", f"/Users/{theirs['id']}", status=404)
    invites.ask("GET", f"/Users/{mine['id']}", status=404)
    assert invites.add(mine["userName"], status=409) == "uniqueness"
    assert invites.find(f'userName eq "{mine["userName"]}"') == scim.find(f'userName eq "{name}"') == []


# -------------------------------------------------------------------- groups

def test_a_group_is_a_resource_group(server, t, scim):
    a, b = scim.add(), scim.add()
    group = scim.ask("POST", "/Groups", {"displayName": "g " + fresh(), "externalId": fresh(), "members": [{"value": a["id"]}, {"value": a["id"]}]}, 201)
    all_of = {g["id"]: g for g in server.get("/api/organizations/acme/resource-groups", t.alice).json()}
    assert [(u["name"], u["role"]) for u in all_of[group["id"]]["users"]] == [(a["userName"], "read")]
    private = server.create(f"acme/g-{fresh()}", t.alice, private=True, resourceGroupId=group["id"])
    tokens = {u["id"]: server.token(u["userName"], "write") for u in (a, b)}
    sees = lambda u: server.get(f"/api/models/{private}", tokens[u["id"]]).status
    assert (sees(a), sees(b)) == (200, 404)
    assert server.post(f"/api/organizations/acme/resource-groups/{group['id']}/users", {"users": [{"user": "wendy", "role": "write"}]}, t.alice).status == 200
    scim.ask("PUT", f"/Groups/{group['id']}", {"schemas": [GROUP], "displayName": group["displayName"] + "!", "members": [{"value": b["id"]}]})
    assert (sees(a), sees(b)) == (404, 200) and scim.members(group["id"]) == {b["id"]}
    assert server.get(f"/api/models/{private}", t.wendy).status == 200, "who was put there by hand stays"
    scim.active(b["id"], False)
    assert scim.members(group["id"]) == {b["id"]}, "away, and not forgotten"
    scim.ask("DELETE", f"/Users/{b['id']}", status=204)
    assert scim.members(group["id"]) == set()
    scim.ask("DELETE", f"/Groups/{group['id']}", status=409)
    r = server.post(f"/api/organizations/acme/resource-groups/{group['id']}/settings", {"autoJoin": {"enabled": True, "role": "read", "scope": "all"}}, t.alice)
    assert r.status == 400, "two would say who is in it"
    other = scim.ask("POST", "/Groups", {"displayName": fresh(), "members": []}, 201)
    assert scim.ask("POST", "/Groups", {"displayName": other["displayName"], "members": []}, 409) == "uniqueness"
    scim.patch("Groups", other["id"], {"op": "replace", "path": "displayName", "value": group["displayName"] + "!"}, status=409)


def test_what_the_provider_says_of_a_group_is_so(server, t, scim):
    """Nobody else takes out whom it put in; with which role is the administrators' to say."""
    made = scim.add()
    group = scim.ask("POST", "/Groups", {"displayName": "h " + fresh(), "members": [{"value": made["id"]}]}, 201)["id"]
    one = f"/api/organizations/acme/resource-groups/{group}"
    users = lambda: [(u["name"], u["role"]) for u in server.get(one, t.alice).json()["users"]]
    assert server.request("DELETE", f"{one}/users/{made['userName']}", None, t.alice).status == 409
    assert server.request("PUT", f"/api/organizations/acme/members/{made['userName']}/role", {"role": "contributor"}, t.alice).status == 200
    assert users() == [(made["userName"], "read")] and scim.members(group) == {made["id"]}
    assert server.request("PATCH", f"{one}/users/{made['userName']}", {"role": "write"}, t.alice).status == 200
    scim.ask("PUT", f"/Groups/{group}", {"schemas": [GROUP], "displayName": "h " + fresh(), "members": [{"value": made["id"]}]})
    assert users() == [(made["userName"], "write")]
    scim.patch("Groups", group, {"op": "replace", "path": "members", "value": []})
    assert users() == []


def test_groups_that_scim_did_not_make_are_not_its(server, t, scim):
    by_hand = server.post("/api/organizations/acme/resource-groups", {"name": "by hand " + fresh()}, t.alice).json()
    assert by_hand["id"] not in str(scim.ask("GET", "/Groups"))
    scim.ask("GET", f"/Groups/{by_hand['id']}", status=404)
    scim.ask("DELETE", f"/Groups/{by_hand['id']}", status=404)
    assert scim.ask("POST", "/Groups", {"displayName": by_hand["name"], "members": []}, 409) == "uniqueness"


def test_the_page_of_the_organisation(server, t, scim):
    """Addresses, who has come, and the roles: of who comes, and of who is put into a group."""
    here, alice = "/organizations/acme/settings/scim", signed_in(server, "alice")
    made = scim.add(name={"givenName": "<b>Ann", "familyName": "Lee"})
    group = scim.ask("POST", "/Groups", {"displayName": "p " + fresh(), "members": [{"value": made["id"]}]}, 201)["id"]
    page = alice.get(here).body.decode()
    assert f"{server.base}/api/organizations/acme/scim/v2<" in page and "has not allowed it yet" not in page and "&lt;b&gt;Ann" in page and "<b>Ann" not in page
    for who, status in (("carol", 403), ("bob", 404)):
        assert signed_in(server, who).get(here).status == status
    send = lambda **fields: alice.ask("POST", here, {"csrf": alice.form_token(here), **fields}).status
    assert (send(role="owner"), send(role="write", group="0" * 24), send(role="write", group=group), send(role="contributor")) == (400, 404, 303, 303)
    users = {u["name"]: u["role"] for g in server.get("/api/organizations/acme/resource-groups", t.alice).json() if g["id"] == group for u in g["users"]}
    assert users == {made["userName"]: "write"}
    late = scim.add()
    scim.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": late["id"]}]})
    users = {u["name"]: u["role"] for g in server.get("/api/organizations/acme/resource-groups", t.alice).json() if g["id"] == group for u in g["users"]}
    assert users == {made["userName"]: "write", late["userName"]: "write"} and (role(server, made["userName"]), role(server, late["userName"])) == ("read", "contributor")
    assert send(role="read") == 303


# -------------------------------------------------------------------- many

def test_of_many_with_one_name_one_is_made(scim):
    name = "r-" + fresh()

    def make(i):
        return scim.server.post(scim.base + "/Users", {"userName": name, "externalId": f"{name}-{i}"}, scim.token).status
    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(make, range(12))) == [201] + [409] * 11
    assert len(scim.find(f'userName eq "{name}"')) == 1


USERS = 10000


def resident(server):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An organisation with ten thousand."""
    s = hearth.Server(tmp_path_factory.mktemp("many") / "home")
    s.alice = s.add_user("alice")
    s.cli("org", "add", "acme", "--owner", "alice")
    with sqlite3.connect(s.home / "hearth.db") as db:
        org = db.execute("SELECT id FROM account WHERE name = 'acme'").fetchone()[0]
        first = db.execute("SELECT max(id) + 1 FROM account").fetchone()[0]
        ids = range(first, first + USERS)
        db.executemany("INSERT INTO account (id, hex_id, kind, name, name_key, created_ms) VALUES (?, ?, 'user', ?, ?, 0)",
                       ((i, f"{i:024x}", f"P{i}", f"p{i}") for i in ids))
        db.executemany("INSERT INTO account_member (org_id, user_id, role) VALUES (?, ?, 'read')", ((org, i) for i in ids))
        db.executemany("INSERT INTO scim_user (org_id, user_id, is_managed, external_id, given_name, family_name, email, role, created_ms)"
                       " VALUES (?, ?, 1, ?, 'Ann', ?, ?, 'read', 0)", ((org, i, f"x{i}", f"Lee{i}", f"p{i}@acme.org") for i in ids))
    db.close()
    with s:
        yield Scim(s, s.alice), first


def test_ten_thousand_are_listed_by_pages(many):
    scim, first = many
    scim.ask("GET", "/Users", count=1)
    before, seen, at = resident(scim.server), [], 1
    while True:
        page = scim.ask("GET", "/Users", startIndex=at, count=5000)
        assert page["totalResults"] == USERS and page["startIndex"] == at and page["itemsPerPage"] == len(page["Resources"])
        if not page["Resources"]:
            break
        assert len(page["Resources"]) == 1000, "a page has a thousand at most"
        seen += [u["externalId"] for u in page["Resources"]]
        at += 1000
    assert seen == [f"x{i}" for i in range(first, first + USERS)]
    assert scim.ask("GET", "/Users", count=0)["Resources"] == []
    found = scim.ask("GET", "/Users", filter='name.familyName ew "77"', startIndex=3, count=4)
    assert (found["totalResults"], len(found["Resources"])) == (100, 4)
    assert [u["id"] for u in scim.find(f'emails eq "p{first + 5}@acme.org"')] == [f"{first + 5:024x}"]
    assert [u["id"] for u in scim.find(f'externalId eq "x{first + 9}"')] == [f"{first + 9:024x}"]
    if not hearth.SANITIZED:
        assert resident(scim.server) - before < 32 << 20, "memory does not grow with the list"


def test_a_group_of_ten_thousand(many):
    scim, first = many
    ids = [f"{i:024x}" for i in range(first, first + USERS)]
    group = scim.ask("POST", "/Groups", {"displayName": "all", "members": [{"value": i} for i in ids]}, 201)["id"]
    scim.patch("Groups", group, {"op": "remove", "path": f'members[value eq "{ids[17]}"]'}, {"op": "add", "path": "members", "value": [{"value": ids[3]}]})
    assert scim.members(group) == set(ids) - {ids[17]}
    assert len(scim.find(f'members.value eq "{ids[18]}"', "Groups", excludedAttributes="members")) == 1


# -------------------------------------------------------------------- signing in

def test_a_managed_user_signs_in_by_the_provider(tmp_path_factory):
    """The subject at the provider is the externalId; names and addresses open nothing; who is put out stays out."""
    from test_oauth import make_app
    tmp, port = tmp_path_factory.mktemp("scim-peers"), hearth.free_port()
    provider = hearth.Server(tmp / "provider" / "home")
    for name in ("nora", "otto", "zoe"):
        provider.add_person(name)
    with provider:
        nora = Browser(provider)
        nora.sign_in("nora")
        app, secret = make_app(nora, uris=(f"http://127.0.0.1:{port}/login/external/callback",), scopes=("openid", "profile", "email"))
        subject = {n: provider.get(f"/api/users/{n}/overview").json()["_id"] for n in ("nora", "otto")}
        with start(tmp, "relying", provider.base, app, secret, port=port) as server:
            alice = server.add_user("alice")
            for org in ("acme", "beta"):
                server.cli("org", "add", org, "--owner", "alice")
                server.cli("org", "provision", org)
            scim, beta = Scim(server, alice), Scim(server, alice, "beta")
            made = scim.add("n-lee", externalId=subject["nora"])
            scim.add("otto", externalId="another")

            def who(name):
                person, r = through(provider, server, name)
                return person.get("/").body.decode().split("<summary>")[1].split("<")[0] if r.status == 303 else r.status
            assert who("nora") == "n-lee"
            assert who("otto") == "otto-2", "his name gives him nothing"
            assert not server.cli("user", "list").stdout.count("nora")
            scim.active(made["id"], False)
            assert who("nora") == 403
            scim.active(made["id"], True)
            twin = beta.add("n-lee-2", externalId=subject["nora"])
            assert who("nora") == "nora", "of two nobody is chosen"
            beta.ask("DELETE", f"/Users/{twin['id']}", status=204)
            assert who("nora") == "nora", "who has an account of his own keeps it"
            server.cli("user", "delete", "nora")
            server.cli("org", "provision", "acme", "--off")
            assert who("nora") == "nora", "the operator vouches for the organisation no more"
            server.cli("org", "provision", "acme")
            scim.add("z-lee", externalId="zoe")
            server.end()
            server.args += ["--oidc-scim-claim", "preferred_username"]
            server.start()
            assert who("zoe") == "z-lee", "the claim that the operator chose"
            scim.patch("Users", scim.find('userName eq "z-lee"')[0]["id"], {"op": "replace", "path": "externalId", "value": "zoe-2"})
            assert who("zoe") == "zoe", "an externalId opens while it is one"
