"""The operator's pages: for administrators alone; what is started there, and what came of it."""
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

import hearth
from hearth import await_that
from browser import Browser, signed_in

PAGES = ["/operator", "/operator/jobs", "/operator/models", "/operator/storage", "/operator/users", "/operator/organisations", "/operator/log", "/operator/settings"]


@pytest.fixture(scope="module")
def people(server):
    for name, more in (("opal", ["--admin"]), ("orson", [])):
        server.add_person(name, *more)
    return server


@pytest.fixture
def admin(people):
    return signed_in(people, "opal")


@pytest.fixture
def orson(people):
    return signed_in(people, "orson")


def do(browser, path, **form):
    return browser.ask("POST", path, {"csrf": browser.form_token("/operator/users"), **form})


def test_nobody_else_learns_that_there_are_such_pages(server, people, admin, orson):
    token = server.token("opal", "write")                       # a token of an administrator that does not say so
    for path in PAGES:
        assert admin.get(path).status == 200, path
        for other in (Browser(server).get(path), orson.get(path), server.get(path, token)):
            assert other.status == 404 and b"nothing here that you may see" in other.body, path
    csrf = orson.form_token("/")
    for path, form in (("/operator/runs", {"kind": "gc"}), ("/operator/users", {"name": "opal", "do": "demote"}), ("/operator/users/new", {"name": "oscar"}),
                       ("/operator/jobs", {"id": "1", "do": "remove"}), ("/operator/models", {"name": "a/b", "do": "pin"})):
        assert orson.ask("POST", path, {"csrf": csrf, **form}).status == 404, path
        assert Browser(server).ask("POST", path, form).status == 404, path
        assert admin.ask("POST", path, {"csrf": "0" * 32, **form}).status == 403, path


def outcome(admin, kind):
    """Of the newest run of a kind, when it has ended."""
    def ended():
        row = re.search(r'<tr id="run-\d+"><td>%s.*?</tr>' % kind, admin.get("/operator/jobs").body.decode(), re.S).group(0)
        state = re.search(r"state-(\w+)", row).group(1)
        return state in ("done", "failed") and (state, row)
    return await_that(ended)


def test_runs_are_started_and_tell_what_came_of_them(server, admin):
    for form, name, says in (({"kind": "gc", "how": "dry"}, "Collection, only telling", "Would remove"), ({"kind": "fsck"}, "Check", "0 problems in"),
                             ({"kind": "reindex"}, "Index", "repositories indexed")):
        assert do(admin, "/operator/runs", **form).status == 303
        state, row = outcome(admin, name)
        assert state == "done" and says in row and "by opal" in row, row
    assert do(admin, "/operator/runs", kind="rm").status == 400
    assert b"operator.run" in admin.get("/operator/log?type=operator&name=opal").body


def test_a_user_chooses_a_password_with_a_link_once(server, admin):
    a = do(admin, "/operator/users/new", name="odile", email="odile@example.org")
    link = re.search(r"<code>([^<]*/password/choose\?link=[^<]+)</code>", a.body.decode()).group(1).replace(server.base, "")
    visitor = Browser(server)
    assert b"odile" in visitor.get(link).body
    assert visitor.get(link[:-1] + ("0" if link[-1] != "0" else "1")).status == 404
    secret = link.split("link=")[1]
    assert visitor.ask("POST", "/password/choose", {"link": secret, "password": "short"}).status == 400
    assert visitor.ask("POST", "/password/choose", {"link": secret, "password": "a fine long password"}).status == 303
    for again in (visitor.ask("POST", "/password/choose", {"link": secret, "password": "another long password"}), visitor.get(link)):
        assert again.status == 404 and b"not valid any more" in again.body and b"works once, and for a day" in again.body and b'name="password"' not in again.body
    assert visitor.get(link).status == 404
    assert visitor.sign_in("odile", "a fine long password").status == 303
    again = do(admin, "/operator/users", name="odile", do="link")
    second = re.search(r"link=([^<]+)</code>", again.body.decode()).group(1)
    assert visitor.ask("POST", "/password/choose", {"csrf": visitor.form_token("/"), "link": second, "password": "a third long password"}).status == 303
    assert b"Sign in" in visitor.get("/").body                  # sessions that were open are over
    assert do(admin, "/operator/users/new", name="odile").status == 409


def test_users_are_disabled_and_made_administrators(server, admin, orson):
    assert do(admin, "/operator/users", name="orson", do="promote").status == 303
    assert orson.get("/operator").status == 200
    assert do(admin, "/operator/users", name="orson", do="demote").status == 303
    assert orson.get("/operator").status == 404
    assert do(admin, "/operator/users", name="orson", do="disable").status == 303
    assert b"Sign in" in orson.get("/").body and Browser(server).sign_in("orson").status == 403
    assert do(admin, "/operator/users", name="orson", do="enable").status == 303
    assert Browser(server).sign_in("orson").status == 303
    for what in ("disable", "demote"):
        a = do(admin, "/operator/users", name="opal", do=what)
        assert a.status == 409 and b"to yourself" in a.body
    log = admin.get("/operator/log?name=orson").body.decode()
    assert "user.promote" in log and "user.disable" in log and "opal" in log
    assert admin.get("/operator/log?words=%3Cscript%3E1").status == 200
    assert b"<script>1" not in admin.get("/operator/log?words=%3Cscript%3E1").body


def test_of_two_who_demote_each_other_at_once_one_stays(server, people):
    for name in ("ottilie", "oswin"):
        server.add_person(name, "--admin")
    calls = []
    for name, other in (("ottilie", "oswin"), ("oswin", "ottilie")):
        b = signed_in(server, name)
        calls.append((b, {"csrf": b.form_token("/operator/users"), "name": other, "do": "demote"}))
    lock = sqlite3.connect(server.home / "hearth.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")  # both are let in, and wait here
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(b.ask, "POST", "/operator/users", form) for b, form in calls]
        await_that(lambda: int(re.search(rb"^hearth_http_workers_running (\d+)", server.get("/metrics").body, re.M).group(1)) >= 3)
        lock.execute("ROLLBACK")
        answers = [s.result() for s in sent]
    lock.close()
    assert sorted(a.status == 303 for a in answers) == [False, True], answers
    assert {a.status for a in answers} <= {303, 403, 404}, answers
    assert sorted(signed_in(server, name).get("/operator").status for name in ("ottilie", "oswin")) == [200, 404]


def test_models_are_pinned_and_stopped(server, t, admin):
    assert do(admin, "/operator/models", name="alice/no-such-model", do="pin").status == 400
    server.create("alice/pinned", t.alice)
    assert do(admin, "/operator/models", name="alice/pinned", do="pin").status == 303
    assert "alice/pinned" in admin.get("/operator/models").body.decode()
    assert do(admin, "/operator/models", name="alice/pinned", do="unpin").status == 303
    assert b"model.unpin" in admin.get("/operator/log?type=model").body


def test_storage_and_settings_are_told(tmp_path):
    s = hearth.Server(tmp_path / "home")  # of its own: the page shows the largest
    alice = s.add_user("alice")
    s.add_person("opal", "--admin")
    s.start()
    admin = signed_in(s, "opal")
    s.create("alice/storage-big", alice)
    s.commit("alice/storage-big", alice, {"README.md": b"# big\n"}, {"weights.bin": bytes(range(256)) * 4096})
    page = admin.get("/operator/storage").body.decode()
    assert "alice/storage-big" in page and "Free" in page
    settings = admin.get("/operator/settings").body.decode()
    assert "gc-grace" in settings and "default" in settings and str(s.home) in settings
    s.end()
