"""Tokens of programs at the API: known, in their scopes, in their time; and what the documentation says of roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from tests.faces.web.conftest import running

from mailwitness.faces.web.api.table import OPERATIONS
from mailwitness.faces.web.application import application
from mailwitness.faces.web.people.accounts import People
from mailwitness.state.people_sessions import end_token, make_token
from mailwitness.state.people_tables import open_people

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def test_a_token_does_what_its_role_and_its_scopes_allow_until_it_ends(demo_trail):
    clock = Clock()
    people = People(demo_trail, clock=clock)
    connection = open_people(demo_trail)
    made = {
        name: make_token(connection, name, role, "root", clock(), life=timedelta(days=days), scopes=scopes)
        for name, role, days, scopes in (
            ("reads", "auditor", 30, ("read",)),
            ("verifies", "witness", 2, ("verify",)),
            ("uploads", "collector", 2, ("read", "upload")),
        )
    }
    upload = {"name": "a.evt"}
    octets = {"Content-Type": "application/octet-stream"}
    with running(application(demo_trail, readers=people)) as address:

        def status(name, method, path, **more):
            headers = {"Authorization": f"Bearer {made.get(name, name)}"} | more.pop("headers", {})
            return httpx.request(method, f"{address}/api/v1{path}", headers=headers, timeout=30, **more).status_code

        assert status("reads", "GET", "/changes") == 200
        assert status("reads", "POST", "/integrity/verifications", json={}) == 403
        assert status("reads", "POST", "/uploads", params=upload, content=b"x", headers=octets) == 403
        assert status("verifies", "POST", "/integrity/verifications", json={}) == 202
        assert status("verifies", "GET", "/integrity") == 403
        assert status("verifies", "GET", "/changes") == 403
        assert status("uploads", "GET", "/changes") == 403
        assert status("uploads", "POST", "/uploads", params=upload, content=b"x", headers=octets) == 409
        assert status("unknown", "GET", "/changes") == 401
        assert httpx.get(f"{address}/api/v1/changes").status_code == 401
        assert httpx.get(f"{address}/api/openapi.json").status_code == 200
        clock.time += timedelta(days=3)
        assert status("verifies", "POST", "/integrity/verifications", json={}) == 401
        assert status("reads", "GET", "/changes") == 200
        end_token(connection, "reads", clock())
        assert status("reads", "GET", "/changes") == 401
    connection.close()
    people.close()


def test_the_documentation_has_every_operation_with_its_roles():
    text = DOCUMENT.read_text()
    for each in OPERATIONS:
        roles = ", ".join(each.roles)
        assert f"| `{each.method} {each.path}` | {each.summary} | {roles} | {each.scope} |\n" in text
