"""The pages of people in a real browser: light and dark, wide and narrow, without an error or a barrier."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.faces.web.conftest import Watched, running
from tests.faces.web.people.conftest import _HASHED, PASSWORD
from tests.faces.web.people.openid_provider import CLIENT, SECRET, OpenIdProvider

from mailwitness.faces.web.application import application
from mailwitness.faces.web.guard import LOCAL_COOKIE
from mailwitness.faces.web.people.accounts import People, utc_now
from mailwitness.faces.web.people.provider import Provider
from mailwitness.faces.web.people.sign_in_elsewhere import Elsewhere
from mailwitness.service.oidc_settings import OidcSettings
from mailwitness.state import people as kept
from mailwitness.state import people_sessions
from mailwitness.state.people_tables import open_people

LOOKS = {
    f"{colours}, {width}": {"viewport": size, "color_scheme": colours}
    for colours in ("light", "dark")
    for width, size in {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 360, "height": 740}}.items()
}
PAGES = {"/login": None, "/login/return": None, "/me": "ana", "/me with a new device": "ana", "/people": "root"}


@pytest.fixture(scope="module")
def corporate(served_trail):
    """Return the address of a console with accounts and a provider, both in use, and sessions by name."""
    provider = OpenIdProvider(utc_now)
    people = People(served_trail, second_factor="optional")
    tokens = {}
    with closing(open_people(served_trail)) as connection:
        now = utc_now()
        for name, role in (("ana", "auditor"), ("root", "administrator")):
            account = kept.add_account(connection, name, role, _HASHED, now)
            kept.set_password(connection, account, _HASHED, keep=b"")
            tokens[name] = people_sessions.begin_session(connection, account, "192.0.2.7", "Firefox " * 20, now)
        people_sessions.begin_attempt(connection, "x" * 80, "2001:db8::1", now)
        people_sessions.make_token(connection, "siem", "auditor", "root", now, life=timedelta(days=30))
        kept.admit(
            connection,
            issuer="https://login.example/realms/nordwind",
            subject="1",
            name="heike.brandt-oldenburg@nordwind.example at login.example/realms/nordwind",
            role="witness",
            now=now,
        )
    with running(provider.app) as issuer, running(application(served_trail, readers=people)) as address:
        provider.address = issuer
        secret = served_trail.parent / "client.secret"
        secret.write_text(SECRET)
        settings = OidcSettings(
            issuer=issuer, client_id=CLIENT, client_secret_file=secret, roles={"mw-auditors": "auditor"}
        )
        people.elsewhere = Elsewhere(Provider(settings, people.now), url=None)
        yield address, issuer, tokens
    people.close()


def signed_in(browser, corporate, name, **options):
    address, _issuer, tokens = corporate
    watched = Watched(browser, address, **options)
    if name is not None:
        watched.context.add_cookies([{"name": LOCAL_COOKIE, "value": tokens[name], "url": address}])
    return watched


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_people_keeps_nobody_out(browser, corporate, path, look):
    watched = signed_in(browser, corporate, PAGES[path], **LOOKS[look])
    page = watched.page
    expected = 400 if path == "/login/return" else 200
    assert watched.go(path.partition(" ")[0]) == expected
    if path.startswith("/me "):
        page.locator("#factor-password").fill(PASSWORD)
        page.get_by_role("button", name="Set up a second factor").click()
        page.get_by_role("heading", name="Give this to your device").wait_for()
    assert [said for said in watched.wrong if expected == 200 or "status of 400" not in said] == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page)
    assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]] == []
    watched.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_the_button_leads_to_the_provider_and_back(browser, corporate, script):
    address, issuer, _tokens = corporate
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(address + "/search?q=hbrandt")
    assert page.url.startswith(address + "/login?next=")
    page.get_by_role("link", name=f"Sign in at {issuer.removeprefix('http://')}").click()
    page.wait_for_url(address + "/search?q=hbrandt")
    assert page.get_by_label("Words").input_value() == "hbrandt"
    page.goto(address + "/me")
    assert page.locator("h1").inner_text() == f"ana at {issuer.removeprefix('http://')}"
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url(address + "/login")
    context.close()
    assert wrong == []
