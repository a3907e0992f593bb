"""People over the API: as on the page of people, acts before they have their effect, and for administrators alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.faces.web.people.conftest import Noting

from mailwitness.state import people as kept
from mailwitness.state.people_sessions import make_token


@pytest.fixture
def ask(console):
    """Return what asks the API as a program with a token of an administrator for the scope administer."""
    connection = console.people._connection
    token = make_token(
        connection, "tool", "administrator", "root", console.clock(), life=timedelta(days=9), scopes=("administer",)
    )
    headers = {"Authorization": f"Bearer {token}"}
    browser = console.browser()
    return lambda method, path, **more: browser.request(method, f"/api/v1{path}", headers=headers, **more)


def test_somebody_is_added_changed_and_let_in_no_more(console, ask):
    made = ask("POST", "/people", json={"name": "new", "role": "witness"})
    assert made.status_code == 201
    assert len(made.json()["first_password"]) > 15
    assert ask("POST", "/people", json={"name": "new", "role": "witness"}).status_code == 409
    for body in ({"what": "role", "role": "auditor"}, {"what": "disable"}):
        answer = ask("POST", "/people/new/changes", json=body)
        assert answer.status_code == 200
    (person,) = [each for each in answer.json()["items"] if each["name"] == "new"]
    assert (person["role"], person["signs_in"], person["must_change"]) == ("auditor", "password", True)
    assert person["disabled_at"] is not None
    assert "argon2" not in answer.text
    acts = [(a.who, a.verb, a.subject, a.detail) for a in console.writer.acts]
    assert acts == [
        ("token tool", "people", "account new", {"what": "added", "to_role": "witness"}),
        ("token tool", "people", "account new", {"what": "role", "to_role": "auditor"}),
        ("token tool", "people", "account new", {"what": "disable"}),
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/people/nobody/changes", {"what": "disable"}, 404),
        ("/people/auditor/changes", {"what": "role"}, 409),
        ("/people/auditor/changes", {"what": "disable", "role": "auditor"}, 409),
        ("/people/administrator/changes", {"what": "disable"}, 409),
        ("/people", {"name": "A b", "role": "auditor"}, 400),
        ("/people", {"name": "b", "role": "root"}, 400),
    ],
)
def test_what_may_not_be_is_refused(ask, path, body, status):
    answer = ask("POST", path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_what_could_not_be_recorded_is_not_done(console, ask):
    writer: Noting = console.writer
    writer.is_away = True
    assert ask("POST", "/people", json={"name": "new", "role": "witness"}).status_code == 503
    assert ask("POST", "/people/auditor/changes", json={"what": "disable"}).status_code == 503
    connection = console.people._connection
    assert kept.account_named(connection, "new") is None
    assert kept.need_account(connection, "auditor").disabled_at is None


@pytest.mark.parametrize("role", ["auditor", "witness", "collector"])
def test_others_learn_of_nobody(console, role):
    browser = console.sign_in(role)
    assert browser.get("/api/v1/people").status_code == 403
    assert browser.post("/api/v1/people", json={"name": "new", "role": "administrator"}).status_code == 403
