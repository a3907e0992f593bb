"""Every page in a real browser: light and dark, wide and narrow, without an error, an outside request or a barrier."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.faces.web.conftest import Watched

from mailwitness.faces.web.application import routes

ACCESS = "f04087bf950b8f80"
CHANGE = "7736cfaf6ce77e9d"
PAGES = {
    "/": ("/",),
    "/mailbox": (
        "/mailbox?name=FABRIK%5Chbrandt",
        "/mailbox?name=NORDWIND%5Chbrandt&at=2024-03-06",
        "/mailbox?name=hbrandt",
    ),
    "/account": ("/account?name=FABRIK%5Ctkern",),
    "/group": ("/group?name=FABRIK%5CExchange+Domain+Servers",),
    "/application": ("/application?name=FABRIK%5Csvc-archive",),
    "/object": ("/object?name=NORDWIND%5CStaff",),
    "/access/{event}": ("/access/" + ACCESS,),
    "/change/{event}": ("/change/" + CHANGE,),
    "/event/{event}": ("/event/" + ACCESS,),
    "/findings": ("/findings",),
    "/finding/{case}": ("/finding/none",),
    "/coverage": ("/coverage",),
    "/kit/{generation}": ("/kit/2019",),
    "/integrity": ("/integrity",),
    "/sources": ("/sources",),
    "/sources/{leaf:int}": ("/sources/147",),
    "/search": ("/search?q=hbrandt", "/search?kind=change&risky=1"),
    "/views": ("/views",),
    "/import": ("/import",),
    "/reports": ("/reports",),
    "/reports/{number:int}/verify": ("/reports/1/verify",),
    "/recertification": ("/recertification",),
    "/recertification/{number:int}": ("/recertification/1",),
    "/recertify/{token}": ("/recertify/x",),
    "/login": ("/login",),
    "/me": ("/me",),
    "/people": ("/people",),
    "/unmask": ("/unmask",),
}
NO_PAGES = {
    "/static/{name}",
    "/reports/{number:int}.{form}",
    "/integrity/progress",
    "/search.{form}",
    "/login/elsewhere",
    "/login/return",
}
OTHER_STATUS = {
    "/reports/1/verify": 404,
    "/recertification/1": 404,
    "/recertify/x": 404,
} | {"/mailbox?name=hbrandt": 300, "/finding/none": 404, "/login": 404, "/me": 404, "/people": 403}
"""A console for one local auditor has no accounts."""
ALL = [address for addresses in PAGES.values() for address in addresses]
LOOKS = {
    "light, wide": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark, narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    "light, narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "dark, wide": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
WITH_AXE = ("light, wide", "dark, narrow")
"""Each colour scheme and each width once."""

DENSE = ("/", *PAGES["/mailbox"][:1], *PAGES["/account"], "/coverage", "/search?q=hbrandt")
"""Pages with charts, wide tables or many forms: looked at in every combination."""


def test_every_page_is_looked_at():
    pages = {r.path for r in routes() if "GET" in (r.methods or ()) and not r.path.startswith("/api/")}
    assert pages - NO_PAGES == set(PAGES)


@pytest.fixture(scope="module")
def looks(browser, console):
    """Return one page a look, kept for all addresses."""
    kept: dict[str, Watched] = {}

    def of(name):
        if name not in kept:
            kept[name] = Watched(browser, console, **LOOKS[name])
        return kept[name]

    yield of
    for watched in kept.values():
        watched.context.close()


@pytest.mark.parametrize(
    ("name", "address"), [(name, address) for name in LOOKS for address in (ALL if name in WITH_AXE else DENSE)]
)
def test_a_page_shows_itself_asks_nobody_else_and_keeps_nobody_out(looks, name, address):
    watched = looks(name)
    expected = OTHER_STATUS.get(address, 200)
    assert watched.go(address) == expected
    wrong = [said for said in watched.wrong if expected < 400 or "status of 40" not in said]
    watched.wrong.clear()
    assert wrong == []
    page = watched.page
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if name in WITH_AXE:
        found = Axe().run(page)
        assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]] == []


def test_the_keyboard_reaches_content_and_search(watched):
    watched.go("/")
    page = watched.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("tkern")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/search\?q=tkern"))
    assert page.get_by_role("link", name="FABRIK\\tkern").count()


def test_dark_and_light_are_the_readers_choice(watched):
    watched.go("/coverage")
    page = watched.page
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Dark colours").click()
    assert page.url.endswith("/coverage")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 21, 28)"
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Light colours").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 246, 248)"


def test_every_page_is_whole_without_script(browser, console):
    watched = Watched(browser, console, java_script_enabled=False)
    for address in ("/", "/mailbox?name=FABRIK%5Chbrandt", "/search?q=hbrandt"):
        assert watched.go(address) == 200
    assert watched.page.get_by_role("link", name="CSV").count() == 1
    watched.page.get_by_role("button", name="Dark colours").click()
    assert watched.page.url.endswith("/search?q=hbrandt")
    watched.context.close()
    assert watched.wrong == []
