"""Every route for every role and for nobody, as the one table declares."""

from __future__ import annotations

import pytest
from starlette.responses import Response
from starlette.routing import Route

from mailwitness.faces.web.application import routes
from mailwitness.faces.web.guard import HEADERS
from mailwitness.faces.web.people.roles import FIRST, ROLES, TABLE, enforced, may

WEB = [route for route in routes() if not route.path.startswith("/api/")]
CASES = [(route, method) for route in WEB for method in sorted((route.methods or set()) - {"HEAD"})]
ASKERS = ("anonymous", *ROLES)


def address(route: Route) -> str:
    path = route.path
    for field, value in {
        "{event}": "0" * 64,
        "{case}": "0" * 16,
        "{generation}": "se",
        "{leaf:int}": "0",
        "{form}": "csv",
        "{name}": "console.css",
        "{number:int}": "1",
        "{token}": "x",
    }.items():
        path = path.replace(field, value)
    assert "{" not in path
    return path


@pytest.fixture(scope="session")
def browsers(shared):
    return {"anonymous": shared.browser()} | {role: shared.sign_in(role) for role in ROLES}


def test_the_table_names_every_route_and_no_other():
    assert {route.name for route in WEB} == set(TABLE)


def test_a_route_nobody_decided_on_is_not_served():
    async def anything(_request) -> Response:
        return Response()

    with pytest.raises(ValueError, match="no line in the table"):
        enforced([Route("/new", anything, name="new")])


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize(("route", "method"), CASES, ids=lambda value: getattr(value, "name", value))
def test_each_role_opens_what_the_table_says(browsers, route, method, asker):
    # no form brings its session's token along: what was decided by role is seen, and nothing is done
    answer = browsers[asker].request(method, address(route))
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "max-age=31536000" in answer.headers["strict-transport-security"]
    assert "cache-control" in answer.headers
    if asker in TABLE[route.name]:
        assert "does not open this page" not in answer.text
        assert not answer.headers.get("location", "").startswith("/login?")
        assert answer.status_code not in (401, 500) or route.name == "login_try"
    elif asker == "anonymous":
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    else:
        assert answer.status_code == 403
        assert f"The role {asker} does not open this page" in answer.text


def test_who_administers_reads_nobodys_trail():
    for name in ("home", "mailbox", "access", "account", "search", "export", "change", "event", "finding", "evidence"):
        assert not may("administrator", name)
        assert not may("witness", name)
        assert not may("collector", name)


def test_the_menu_shows_what_the_role_may_open(browsers):
    for role in ROLES:
        page = browsers[role].get(FIRST[role])
        assert page.status_code == 200
        for name, href in (("search", "/search"), ("people", "/people"), ("import", "/import"), ("home", "/")):
            assert (f'<a href="{href}"' in page.text.partition("</nav>")[0]) is may(role, name), (role, name)


@pytest.mark.parametrize("route", [route for route in WEB if "POST" in (route.methods or ())], ids=lambda r: r.name)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
)
def test_a_form_of_elsewhere_does_nothing_whoever_is_signed_in(browsers, shared, route, headers):
    before = list(shared.writer.acts)
    for browser in browsers.values():
        assert browser.post(address(route), headers=headers).status_code == 403
    assert shared.writer.acts == before


def test_a_form_of_a_session_without_its_origin_is_refused(browsers):
    for role in ROLES:
        assert browsers[role].post("/views", data={"name": "x"}, without="sec-fetch-site").status_code == 403
