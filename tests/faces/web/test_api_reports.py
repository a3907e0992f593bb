"""The API's reports, recertifications and saved views, from their beginning to their end."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest
from tests.faces.web.conftest import running
from tests.faces.web.test_recertification import NAVIGATES, Noting

from mailwitness.faces.reports.kept import path_of
from mailwitness.faces.web.application import application

BOX = "NORDWIND\\hbrandt"


@pytest.fixture
def served(demo_trail):
    """Return (client of the API, application, writer, trail)."""
    writer = Noting()
    app = application(demo_trail, writer=writer)
    with running(app) as address, httpx.Client(base_url=address + "/api/v1", timeout=60) as client:
        yield client, app, writer, demo_trail


def test_a_report_is_made_fetched_and_verified(served):
    client, app, writer, trail = served
    wanted = {"report": "changes", "until": "2024-03-07", "forms": ["csv", "json"], "mailbox": BOX}
    begun = client.post("/reports", json=wanted)
    assert begun.status_code == 202
    assert (writer.acts[0].verb, writer.acts[0].subject) == ("read", f"report changes of mailbox {BOX}")
    app.state.reports.wait()
    answer = client.get("/reports").json()
    assert answer["making"] == {"is_running": False, "number": 1, "failure": None}
    (made,) = answer["items"]
    assert client.get("/reports/1").json() == made
    for file in made["files"]:
        data = client.get(f"/reports/1/files/{file['form']}").content
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert client.get("/reports/1/verification").json()["holds"] is True
    path, _digest = path_of(trail, 1, "csv")
    path.write_bytes(path.read_bytes() + b"\n")
    held = client.get("/reports/1/verification").json()
    assert (held["holds"], [each["holds"] for each in held["files"]]) == (False, [False, True])
    assert client.get("/reports/1/files/csv").status_code == 404
    assert client.get("/reports/1/files/pdf").status_code == 404


def test_what_could_not_be_recorded_is_neither_made_nor_given(served):
    client, app, writer, _trail = served
    writer.left = 0
    for path, body in (("/reports", {"report": "changes"}), ("/recertifications", {"mailboxes": [BOX]})):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert not app.state.reports.is_running
    assert client.get("/recertifications").status_code == 503


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"report": "everything"}, 404),
        ({"report": "changes", "forms": ["csv", "csv"]}, 409),
        ({"report": "changes", "since": "2024-03-07", "until": "2024-03-07"}, 409),
        ({"report": "changes", "forms": ["doc"]}, 400),
        ({"report": "changes", "days": 1.5}, 400),
    ],
)
def test_a_report_that_cannot_be_meant_is_refused(served, body, status):
    client, app, writer, _trail = served
    assert client.post("/reports", json=body).status_code == status
    assert writer.acts == []
    assert not app.state.reports.is_running


def test_a_recertification_is_started_answered_and_read(served):
    client, _app, writer, _trail = served
    started = client.post("/recertifications", json={"mailboxes": [BOX], "days": 3, "reviewer": "Heike B."})
    assert started.status_code == 201
    (item,) = started.json()["items"]
    assert (item["mailbox"], item["reviewer"], item["mailed"]) == (BOX, "Heike B.", "")
    page = httpx.post(item["link"], data={"answer-1": "remove", "reason-1": "she left"}, headers=NAVIGATES, timeout=60)
    assert page.status_code == 200
    answer = client.get(f"/recertifications/{item['number']}").json()
    assert (answer["list"]["state"], answer["list"]["to_remove"]) == ("open", 1)
    first = answer["lines"][0]
    assert (first["answer"], first["reason"]) == ("remove", "she left")
    assert first["how"]
    assert client.get("/recertifications").json()["items"] == [answer["list"]]
    assert item["link"].rpartition("/")[2] not in client.get("/recertifications").text
    assert [act.reason for act in writer.acts if act.detail.get("answer")] == ["she left"]
    assert client.post("/recertifications", json={"mailboxes": ["nobody at all"]}).status_code == 404
    assert client.get("/recertifications/99").status_code == 404


def test_nothing_is_asked_where_nothing_could_be_recorded(demo_trail):
    with running(application(demo_trail)) as address:
        answer = httpx.post(f"{address}/api/v1/recertifications", json={"mailboxes": [BOX]}, timeout=60)
    assert answer.status_code == 409
    assert "no writer" in answer.json()["detail"]


def test_views_are_kept_replaced_and_forgotten(served):
    client = served[0]
    assert client.post("/views", json={"name": "risky", "address": "/search?risky=1"}).status_code == 201
    (kept,) = client.post("/views", json={"name": "risky", "address": "/search?kind=change"}).json()["items"]
    assert kept["address"] == "/search?kind=change"
    for address in ("//elsewhere.test", "https://elsewhere.test", "/\\elsewhere.test", "search"):
        assert client.post("/views", json={"name": "x", "address": address}).status_code == 400
    assert client.delete("/views/99").status_code == 404
    assert client.delete(f"/views/{kept['number']}").json() == {"items": []}
    assert re.search("DELETE", client.post("/views/1").headers["allow"])
