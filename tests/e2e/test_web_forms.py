"""A form that is refused comes back as it was filled in, with the reason above it: nobody types twice, and what was to be private does not become public."""
import html
import re

import pytest
from browser import signed_in

CARD = b"""---
extra_gated_fields:
  Company: text
  Where:
    type: select
    options: [here, there]
  I agree: checkbox
---
# Behind a gate
"""


@pytest.fixture(scope="module")
def fay(server):
    """An administrator with an organisation, a repository behind a gate, a discussion, a webhook and a collection."""
    server.add_person("fay", "--admin")
    server.add_person("fritz")
    server.cli("org", "add", "form-makers", "--owner", "fay")
    token = server.token("fay", "write")
    server.create("fay/forms", token)
    server.commit("fay/forms", token, {"README.md": CARD}, {})
    server.request("PUT", "/api/models/fay/forms/settings", {"gated": "manual"}, token)
    server.request("POST", "/api/models/fay/forms/discussions", {"title": "A discussion", "description": "."}, token)
    return signed_in(server, "fay")


@pytest.fixture(scope="module")
def fritz(server, fay):
    return signed_in(server, "fritz")


def send(browser, path, form):
    return browser.ask("POST", path, [("csrf", browser.form_token("/settings/profile")), *form])


def fields(page):
    """What the page's forms hold: (name, value) of all that would be sent."""
    page, out = page.decode(), set()
    for tag in re.findall(r"<input[^>]*>", page):
        at = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if at.get("type") not in ("radio", "checkbox") or re.search(r"\schecked\b", tag):
            out.add((at.get("name"), html.unescape(at.get("value", ""))))
    for name, text in re.findall(r'<textarea[^>]*\bname="(\w+)"[^>]*>(.*?)</textarea>', page, re.S):
        out.add((name, html.unescape(text).strip()))
    for name, options in re.findall(r'<select[^>]*\bname="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        for tag, text in re.findall(r"<option([^>]*)>([^<]*)", options):
            if re.search(r"\sselected\b", tag):
                value = re.search(r'value="([^"]*)"', tag)
                out.add((name, html.unescape(value.group(1) if value else text)))
    return out


# What the API calls things that a page calls otherwise: no message above a form speaks of them.
WIRE_NAMES = ["url", "watched", "domains", "secret", "title", "description", "message", "home_url", "redirect_uris", "details"]

REFUSED = {
    "repository": ("/new", 400, [("kind", "dataset"), ("owner", "form-makers"), ("name", 'no "name"'), ("license", "cc-by-4.0"), ("visibility", "private")], []),
    "token": ("/settings/tokens", 400, [("label", "for <CI>"), ("role", "fineGrained"), ("may", "user:fay repo.write"), ("may", "org:form-makers org.read"),
              ("repos", "nobody/nothing"), ("gated", "yes"), ("days", "90")], []),
    "invitation": ("/settings/invitations", 400, [("label", ""), ("days", "30"), ("org", "form-makers"), ("role", "write")], []),
    "organisation": ("/organizations/new", 400, [("name", "no name"), ("fullname", "A full name")], []),
    "member": ("/organizations/form-makers/settings/members", 400, [("user", "nobody-here"), ("role", "contributor"), ("act", "invite")], ["act"]),
    "application": ("/settings/applications", 400, [("name", "App"), ("home_url", "https://app.example"), ("redirect_uris", "nowhere"), ("scope", "openid"),
                    ("scope", "email"), ("kind", "public")], []),
    "profile": ("/settings/profile", 400, [("fullname", "Fay F."), ("details", "About"), ("email", "fay@example.org"), ("website", "no address"),
                ("github", "fay-gh"), ("twitter", ""), ("linkedin", ""), ("bluesky", ""), ("repos_private", "yes")], []),
    "collection": ("/collections/new", 400, [("owner", "form-makers"), ("title", ""), ("description", "What for"), ("theme", "green"), ("is_private", "yes")], []),
    "webhook of nothing": ("/settings/webhooks", 400, [("url", "https://hook.example/"), ("watched", "user:fay")], []),
    "webhook that watches nothing": ("/settings/webhooks", 400, [("url", "https://hook.example/"), ("watched", ""), ("on_repo", "yes")], []),
    "secret of a webhook": ("/settings/webhooks", 400, [("url", "https://hook.example/"), ("watched", "user:fay"), ("on_repo", "yes"), ("secret", "\u00fc")], ["secret"]),
    "webhook": ("/settings/webhooks", 400, [("url", "no address"), ("watched", "user:fay\norg:form-makers"), ("on_discussion", "yes")], []),
    "discussion": ("/fay/forms/discussions/new", 400, [("title", ""), ("text", "A long & thoughtful text")], []),
    "long discussion": ("/fay/forms/discussions/new", 400, [("title", "A title"), ("text", "x" * 70000)], []),
    "comment": ("/fay/forms/discussions/1/comment", 400, [("text", "y" * 70000)], []),
    "file": ("/fay/forms/new/main", 400, [("name", "  "), ("text", "print('not lost')"), ("summary", "Say it")], ["name"]),
    "branch": ("/fay/forms/branches", 400, [("kind", "tag"), ("name", "no..name"), ("start", "main"), ("message", "The words")], []),
    "move": ("/fay/forms/settings/move", 400, [("owner", "form-makers"), ("name", "no name")], []),
    "user": ("/operator/users/new", 400, [("name", "no name"), ("email", "somebody@example.org")], []),
    "user's address": ("/operator/users/new", 400, [("name", "some-name"), ("email", "nowhere")], []),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_form_holds_what_was_typed(fay, what):
    path, status, form, is_forgotten = REFUSED[what]
    a = send(fay, path, form)
    assert a.status == status, a
    alert = html.unescape(re.search(r'role="alert"[^>]*>(.*?)</', a.body.decode(), re.S).group(1))
    assert not re.search('"(' + "|".join(WIRE_NAMES) + ')"', alert), alert
    lost = [(k, v) for k, v in form if k not in is_forgotten and (k, v.strip()) not in fields(a.body)]
    assert not lost, lost


def test_answers_at_a_gate_are_kept(fritz):
    a = send(fritz, "/fay/forms/access", [("field0", " A & B "), ("field1", "there")])
    assert a.status == 400 and "I agree" in a.body.decode()
    assert {("field0", "A & B"), ("field1", "there")} <= fields(a.body)


def test_a_collection_and_a_webhook_keep_what_was_changed(fay):
    at = send(fay, "/collections/new", [("owner", "fay"), ("title", "Forms"), ("theme", "blue")]).headers["location"]
    a = send(fay, f"{at}/items", [("item", "fay/nothing-here"), ("note", "why")])
    assert a.status == 404 and {("item", "fay/nothing-here"), ("note", "why")} <= fields(a.body)
    a = send(fay, at, [("title", ""), ("description", "Changed"), ("theme", "pink"), ("is_private", "yes")])
    assert a.status == 400 and {("description", "Changed"), ("theme", "pink"), ("is_private", "yes")} <= fields(a.body)
    hook = send(fay, "/settings/webhooks", [("url", "https://hook.example/"), ("watched", "user:fay"), ("on_repo", "yes")]).headers["location"]
    a = send(fay, hook, [("url", "https://other.example/"), ("watched", "nonsense"), ("on_discussion", "yes")])
    assert a.status == 400 and {("url", "https://other.example/"), ("watched", "nonsense:"), ("on_discussion", "yes")} <= fields(a.body)


def test_a_new_repository_is_as_private_as_the_profile_says(server, fritz):
    offered = fields(fritz.get("/new").body)
    assert ("visibility", "public") in offered and ("owner", "fritz") in offered
    assert send(fritz, "/settings/profile", [("repos_private", "yes")]).status == 303
    assert ("visibility", "private") in fields(fritz.get("/new").body) & fields(fritz.get("/buckets/new").body)
    assert ("kind", "dataset") in fields(fritz.get("/new?kind=dataset&owner=form-makers").body)
    assert ("owner", "fritz") in fields(fritz.get("/new?owner=form-makers").body)  # who may not create there is not offered it


def test_an_owner_in_the_address_is_chosen(fay):
    assert ("owner", "form-makers") in fields(fay.get("/new?owner=form-makers").body)


def test_disabled_discussions_offer_no_form(server, fay):
    token = server.token("fay", "write")
    server.create("fay/silent", token)
    send(fay, "/fay/silent/settings", [("visibility", "public"), ("gated", "no")])
    assert fay.get("/fay/silent/discussions/new").status == 403


TWICE = {  # page, where the form goes, its words, where what it makes is listed
    "webhook": ("/settings/webhooks", [("url", "https://hook.example/twice"), ("watched", "user:fay"), ("on_repo", "yes"), ("secret", "")], "hook.example/twice</a>"),
    "application": ("/settings/applications", [("name", "Twice"), ("redirect_uris", "https://app.example/back"), ("scope", "openid"), ("kind", "public")], "<strong>Twice</strong>"),
    "secret application": ("/settings/applications", [("name", "Twice secret"), ("redirect_uris", "https://app.example/back"), ("scope", "openid"), ("kind", "secret")],
                           "<strong>Twice secret</strong>"),
    "invitation": ("/settings/invitations", [("label", "Twice invited"), ("days", "7")], "<strong>Twice invited</strong>"),
    "token": ("/settings/tokens", [("label", "Twice token"), ("role", "read"), ("days", "0")], "<strong>Twice token</strong>"),
}


@pytest.mark.parametrize("what", TWICE)
def test_a_form_sent_twice_makes_one(fay, what):
    """Its answer was lost, and the person presses again.  The same words in a form that was shown later make another."""
    path, words, mark = TWICE[what]

    def made():
        return fay.get(path).body.decode().count(mark)
    shown = next(f for f in fields(fay.get(path).body) if f[0] == "newest")
    first = send(fay, path, [shown, *words])
    again = send(fay, path, [shown, *words])
    assert first.status in (200, 303) and made() == 1
    if again.status == 409:  # it had a secret, which cannot be shown again
        assert "the first time" in again.body.decode()
    else:
        assert (again.status, again.headers.get("location")) == (first.status, first.headers.get("location"))
    shown = next(f for f in fields(fay.get(path).body) if f[0] == "newest")
    assert send(fay, path, [shown, *words]).status in (200, 303) and made() == 2


def test_a_collection_sent_twice_is_one(fay):
    words = [("owner", "fay"), ("title", "Twice"), ("description", "Once"), ("theme", "blue")]
    first, again = send(fay, "/collections/new", words), send(fay, "/collections/new", words)
    assert first.status == again.status == 303 and first.headers["location"] == again.headers["location"]
    assert send(fay, "/collections/new", [*words[:2], ("description", "Other words"), ("theme", "blue")]).status == 409


def test_a_service_account_and_its_token_sent_twice_are_one(fay):
    every = "/organizations/form-makers/settings/service-accounts"
    words = [next(f for f in fields(fay.get(every).body) if f[0] == "newest"), ("name", "Robot"), ("role", "write")]
    at = send(fay, every, words).headers["location"]
    assert send(fay, every, words).headers["location"] == at and fay.get(every).body.decode().count("<strong>Robot</strong>") == 1
    words = [next(f for f in fields(fay.get(at).body) if f[0] == "newest"), ("act", "token"), ("label", "Twice"), ("may", "all repo.write"), ("days", "0")]
    assert send(fay, at, words).status == 200
    again = send(fay, at, words)
    assert again.status == 409 and "the first time" in again.body.decode()
    assert fay.get(at).body.decode().count("<strong>Twice</strong>") == 1
