"""Forms on slow networks and after a session ended: nothing is sent twice, and nothing that was typed is lost."""
import re

import pytest

import totp
from browser import signed_in
from test_pages import sign_in


@pytest.fixture
def thread(server, house):
    made = server.request("POST", "/api/models/ada/stories260k/discussions", {"title": "Forms", "description": "."}, house).json()
    return f"/ada/stories260k/discussions/{made['num']}"


def test_a_form_goes_out_once(tab, house, server, thread):
    t = tab()
    sign_in(t)
    t.go(thread)
    t.page.fill("#text", "Only once")
    posts = []
    t.page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    t.page.evaluate("const b = document.querySelector('form.say button'); b.click(); b.click();")
    t.page.locator(".comment", has_text="Only once").wait_for()
    assert len(posts) == 1
    t.page.fill("#text", "And another")  # the same form may of course be sent again
    t.page.click("form.say button")
    t.page.locator(".comment", has_text="And another").wait_for()


def test_what_was_typed_outlives_the_session(tab, house, thread):
    t = tab()
    sign_in(t)
    t.go(thread)
    t.page.fill("#text", "Long thought of")
    t.context.clear_cookies()
    t.page.click("form.say button")
    t.page.locator("h1", has_text="not signed in any more").wait_for()
    t.said.clear()  # the browser says that it was 401
    t.page.click("main >> text=Sign in")
    t.page.fill("#name", "ada")
    t.page.fill("#password", "correct horse battery")
    t.page.click("main button")
    t.page.wait_for_url(re.compile(re.escape(thread) + "$"))
    assert t.page.input_value("#text") == "Long thought of"
    t.page.click("form.say button")
    t.page.locator(".comment", has_text="Long thought of").wait_for()
    assert t.page.input_value("#text") == ""


def test_what_was_typed_outlives_signing_in_with_a_code(tab, server, house, thread):
    """The code is on the way back to what was typed, as the password is: neither is kept, nor in its place."""
    server.add_person("faye")
    b = signed_in(server, "faye")
    secret = re.search(r'name="secret" value="(\w+)"', b.get("/settings/second-factor").body.decode()).group(1)
    form = {"csrf": b.form_token(), "secret": secret, "code": totp.code(secret), "password": "correct horse battery"}
    assert b.ask("POST", "/settings/second-factor", form).status == 200
    t = tab()
    t.context.add_cookies([{"name": "hearth_session", "value": b.cookie, "url": server.base}])
    t.go(thread)
    t.page.fill("#text", "Long thought of, twice")
    t.context.clear_cookies()
    t.page.click("form.say button")
    t.page.locator("h1", has_text="not signed in any more").wait_for()
    t.said.clear()  # the browser says that it was 401
    t.page.click("main >> text=Sign in")
    t.page.fill("#name", "faye")
    t.page.fill("#password", "correct horse battery")
    t.page.click("main button")
    t.page.fill("#code", totp.code(secret, 1))
    t.page.click("main button")
    t.page.wait_for_url(re.compile(re.escape(thread) + "$"))
    assert t.page.input_value("#text") == "Long thought of, twice"


def test_a_form_of_an_earlier_visit_comes_back(tab, house, thread):
    t = tab()
    sign_in(t)
    t.go(thread)
    t.page.fill("#text", "From before")
    t.context.clear_cookies()
    other = t.context.new_page()
    other.goto(t.server.base + "/login")
    other.fill("#name", "ada")
    other.fill("#password", "correct horse battery")
    with other.expect_navigation():
        other.click("main button")
    t.page.click("form.say button")
    t.page.locator("main", has_text="of an earlier visit").wait_for()
    t.said.clear()
    t.page.click("text=Back to the page")
    t.page.wait_for_url(re.compile(re.escape(thread) + "$"))
    assert t.page.input_value("#text") == "From before"


def test_liking_leads_back_to_a_file_with_a_blank_in_its_name(tab, house, server):
    server.commit("ada/rhymes", house, {"two words.txt": "moon\n"}, {}, kind="datasets")
    t = tab()
    sign_in(t)
    t.go("/datasets/ada/rhymes/blob/main/two%20words.txt")
    t.page.get_by_role("button", name="Like", exact=False).first.click()
    t.page.get_by_role("button", name="Liked").wait_for()
    assert t.page.url.endswith("/two%20words.txt")
