"""Accounts in a real browser: every page of the settings, and an application that people sign in to with this Hearth."""
import http.server
import json
import re
import struct
import threading
import urllib.parse
import urllib.request
import zlib

import pytest

import totp
from conftest import Tab
from hearth import PASSWORD
from test_pages import axe, judge, sign_in  # noqa: F401

PAGES = ["/settings/profile", "/settings/tokens", "/settings/organizations", "/settings/access", "/settings/billing", "/settings/applications", "/settings/sessions",
         "/settings/password", "/settings/second-factor", "/settings/invitations", "/organizations/house-team/settings", "/organizations/house-team/settings/members",
         "/organizations/house-team/settings/service-accounts", "/organizations/house-team/settings/service-accounts/house-team-Nightly-builds",
         "/organizations/house-team/settings/tokens", "/organizations/house-team/settings/scim", "/organizations/house-team/settings/billing", "/ada/gated-model/access", "/ada/gated-model/settings/access", "/oauth/device"]
CARD = "---\nextra_gated_prompt: Be nice.\nextra_gated_fields:\n  Company: text\n  Use:\n    type: select\n    options: [research, Other]\n  I agree: checkbox\n---\n# Gated\n"


@pytest.fixture(scope="module")
def settled(server, house):
    server.add_person("bea")
    server.cli("org", "add", "house-team", "--owner", "ada")
    server.cli("org", "add-member", "house-team", "bea", "--role", "write")
    server.cli("service", "create", "house-team", "Nightly builds", "--description", "builds what is pushed")
    server.cli("service", "token", "house-team-Nightly-builds", "--permissions", "repo.write,collection.read", "--expires", "90d")
    server.cli("org", "provision", "house-team")
    person = {"userName": "cy-lee", "externalId": "00u1", "name": {"givenName": "Cy", "familyName": "Lee"}, "emails": [{"value": "cy@example.org"}]}
    cy = server.post("/api/organizations/house-team/scim/v2/Users", person, house).json()["id"]
    server.post("/api/organizations/house-team/scim-provisioning/v2/Users", {"userName": "bea", "externalId": "00u2"}, house)
    server.post("/api/organizations/house-team/scim/v2/Groups", {"displayName": "Engineering", "members": [{"value": cy}]}, house)
    server.create("ada/gated-model", house)
    server.commit("ada/gated-model", house, {"README.md": CARD}, {})
    server.request("PUT", "/api/models/ada/gated-model/settings", {"gated": "manual"}, house)
    return server


@pytest.fixture
def application():
    """What a site that people sign in to sees: the addresses at which they come back."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *a):
            pass

        def do_GET(self):
            if self.path.startswith("/cb"):
                seen.append(self.path)
            body = b"<!doctype html><title>app</title><h1>Signed in to the application</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{s.server_port}/cb", seen
    s.shutdown()


def post(url, **form):
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()) as r:
        return json.load(r)


@pytest.mark.parametrize("width, scheme", [(360, "light"), (1440, "dark")])
def test_pages_of_the_settings(tab, settled, axe, width, scheme):  # noqa: F811
    t = tab(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    sign_in(t)
    wrong = []
    for path in PAGES:
        t.go(path)
        wrong += judge(t, path, axe)
        t.shot("account" + path.replace("/", "-") + f"-{width}")
    assert not wrong, "\n".join(wrong)


def test_signing_in_to_an_application(chromium, settled, application):
    """Browsers hold what a form leads to against form-action: signing in and allowing must arrive nevertheless."""
    back, seen = application
    t = Tab(chromium, settled, viewport={"width": 1280, "height": 900})
    p = t.page
    sign_in(t)
    t.go("/settings/applications")
    p.fill("#name", "Notebook")
    p.fill("#redirect_uris", back)
    p.click("text=Create application")
    client, secret = p.inner_text(".facts-list code >> nth=0"), p.inner_text(".done pre code")
    p.click(".me summary")
    p.click("text=Sign out")
    ask = settled.base + "/oauth/authorize?" + urllib.parse.urlencode({"client_id": client, "redirect_uri": back, "response_type": "code", "state": "s1"})
    p.goto(ask)                                         # nobody is signed in
    assert "/login" in p.url
    p.fill("#name", "ada")
    p.fill("#password", PASSWORD)
    p.press("#password", "Enter")
    p.wait_for_selector("text=wants to act for you")
    t.shot("authorize")
    p.click("text=Allow")
    p.wait_for_url(back + "*")
    q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(seen[-1]).query))
    assert q["state"] == "s1" and q["iss"] == settled.base
    got = post(settled.base + "/oauth/token", grant_type="authorization_code", code=q["code"], redirect_uri=back, client_id=client, client_secret=secret)
    assert got["id_token"]
    t.context.clear_cookies()                           # allowed before, but not signed in: signing in alone leads there
    p.goto(ask)
    p.fill("#name", "ada")
    p.fill("#password", PASSWORD)
    p.press("#password", "Enter")
    p.wait_for_url(back + "*")
    assert len(seen) == 2 and "code=" in seen[1]
    t.close()


def test_a_device_by_keyboard(tab, settled):
    d = post(settled.base + "/oauth/device", client_id="26be6b09-91c5-47da-9861-d2d2bb7a7e36")
    t = tab()
    sign_in(t)
    t.go("/oauth/device")
    t.page.wait_for_function("document.activeElement.name === 'user_code'")  # the field has the focus by itself
    t.page.keyboard.type(d["user_code"].lower())
    t.page.keyboard.press("Enter")
    t.page.wait_for_selector("text=wants to act for you")
    t.shot("device")
    t.page.click("text=Allow")
    t.page.wait_for_selector("text=Go back to your program")


def test_asking_for_access(tab, settled):
    bea, ada = tab(), tab()
    bea.go("/login?next=/ada/gated-model/access")
    bea.page.fill("#name", "bea")
    bea.page.fill("#password", PASSWORD)
    bea.page.press("#password", "Enter")
    bea.page.wait_for_url("**/access")
    bea.page.fill("#field0", "ACME")
    bea.page.select_option("#field1", "research")
    bea.page.check("[name=field2]")
    bea.page.click("button:text('Ask for access')")
    bea.page.wait_for_selector("text=You have asked")
    sign_in(ada)
    ada.go("/ada/gated-model/settings/access")
    ada.shot("access-requests")
    assert "ACME" in ada.page.inner_text("main")
    ada.page.click("button:text('Accept')")
    ada.page.wait_for_selector("text=Accepted (1)")
    bea.go("/ada/gated-model/access")
    assert "You have access" in bea.page.inner_text("main")


def test_a_picture(tab, settled, tmp_path):
    """Cut square and made small in the browser, whatever was chosen."""
    png = tmp_path / "face.png"
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([y % 256, 80, 40]) * 1500 for y in range(700))
    png.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1500, 700, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    t = tab()
    sign_in(t)
    t.go("/settings/profile")
    t.page.set_input_files("#picture", str(png))
    t.page.locator(".avatar-pick img[src^='data:image/png']").wait_for()
    t.page.click("text=Use this picture")
    t.page.wait_for_url("**/settings/profile")
    with urllib.request.urlopen(settled.base + "/avatars/ada") as r:
        assert r.headers["Content-Type"] == "image/png" and struct.unpack(">II", r.read()[16:24]) == (256, 256)
    t.page.click("text=Remove")
    t.page.wait_for_url("**/settings/profile")
    assert re.search(r"svg", urllib.request.urlopen(settled.base + "/avatars/ada").headers["Content-Type"])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_second_factor(tab, settled, axe, scripts):  # noqa: F811
    """Turned on and used on a phone, with and without scripts."""
    name = f"petra-{int(scripts)}"
    settled.add_person(name)
    t = tab(viewport={"width": 360, "height": 780}, java_script_enabled=scripts, bypass_csp=True)
    p, wrong = t.page, []

    def look(what):
        t.shot(f"factor-{what}-{int(scripts)}")
        if scripts:
            wrong.extend(judge(t, what, axe))

    def sign_in_with_password():
        t.go("/login")
        p.fill("#name", name)
        p.fill("#password", PASSWORD)
        p.press("#password", "Enter")
    sign_in_with_password()
    t.go("/settings/second-factor")
    look("off")
    secret = p.inner_text("p > code.wrap").replace(" ", "")
    p.fill("#code", "000000")
    p.fill("#password", PASSWORD)
    p.click("text=Turn it on")
    assert "not the code" in p.inner_text("[role=alert]")
    t.said.clear()                                      # the browser says that it was 403
    assert p.inner_text("p > code.wrap").replace(" ", "") == secret
    p.fill("#code", totp.code(secret))
    p.fill("#password", PASSWORD)
    p.click("text=Turn it on")
    recovery = p.inner_text("pre code").split()
    assert len(recovery) == 10
    look("on")
    t.context.clear_cookies()
    sign_in_with_password()
    p.wait_for_url(re.compile("/login/code"))
    look("code")
    assert p.evaluate("document.activeElement.id") == "code"
    p.fill("#code", totp.code(secret, 1))
    p.press("#code", "Enter")
    p.wait_for_url(settled.base + "/")
    t.go("/settings/second-factor")
    look("left")
    p.fill("#password", PASSWORD)
    p.fill("#code", recovery[0])
    p.click("text=Turn the second factor off")
    assert "is off" in p.inner_text(".done")
    assert not wrong, "\n".join(wrong)
