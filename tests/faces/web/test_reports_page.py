"""The page of reports: made once it is recorded, listed with hash and checkpoint, downloaded and verified."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.faces.web.conftest import Watched, running
from tests.faces.web.test_recertification import Noting

from mailwitness.faces.reports.kept import path_of, reports_made
from mailwitness.faces.web.application import application

NAVIGATES = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def console(demo_trail):
    """Return (client, application, writer, trail)."""
    writer = Noting()
    app = application(demo_trail, writer=writer)
    with running(app) as address, httpx.Client(base_url=address, headers=NAVIGATES, timeout=60) as client:
        yield client, app, writer, demo_trail


def make(console, **said):
    client, app, _writer, trail = console
    answer = client.post("/reports", data={"report": "changes", "until": "2024-03-07", **said})
    app.state.reports.wait()
    assert answer.status_code == 303, answer.text
    assert app.state.reports.failure is None
    return reports_made(trail)[0]


def test_a_report_is_made_listed_downloaded_and_verified(console, browser):
    client, _app, writer, trail = console
    made = make(console, form_html="1", form_csv="1", mailbox="NORDWIND\\hbrandt", since="2024-03-01")
    assert (writer.acts[0].verb, writer.acts[0].subject) == ("read", "report changes of mailbox NORDWIND\\hbrandt")
    listed = client.get("/reports").text
    assert f"{made.root[:16]}" in listed
    for file in made.files:
        assert file.sha256 in listed
        answer = client.get(f"/reports/{made.number}.{file.form}")
        assert hashlib.sha256(answer.content).hexdigest() == file.sha256
        assert answer.headers["content-disposition"] == f'attachment; filename="{file.name}"'
        assert (writer.acts[-1].verb, writer.acts[-1].subject) == ("read", f"report {made.number} as {file.form}")
    checked = client.get(f"/reports/{made.number}/verify").text
    assert len(re.findall("its hashes hold, and the trail had that root", checked)) == 2
    watched = Watched(browser, str(client.base_url), viewport={"width": 360, "height": 740}, color_scheme="dark")
    for address in ("/reports", f"/reports/{made.number}/verify"):
        assert watched.go(address) == 200
        page = watched.page
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        found = Axe().run(page)
        assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]] == []
    watched.context.close()
    assert watched.wrong == []
    path, _digest = path_of(trail, made.number, "csv")
    path.write_bytes(path.read_bytes().replace(b"hbrandt", b"nobody"))
    assert client.get(f"/reports/{made.number}.csv").status_code == 404
    assert "it is not what was written" in client.get(f"/reports/{made.number}/verify").text
    path.unlink()
    assert "cannot be read" in client.get(f"/reports/{made.number}/verify").text


def test_what_could_not_be_recorded_is_not_made(console):
    client, app, writer, trail = console
    writer.left = 0
    assert client.post("/reports", data={"report": "changes"}).status_code == 503
    assert not app.state.reports.is_running
    assert reports_made(trail) == ()
    writer.left = 1
    made = make(console)
    assert client.get(f"/reports/{made.number}.html").status_code == 503


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"report": "everything"}, "There is no such report"),
        ({"report": "changes", "since": "yesterday"}, "since is no time"),
        ({"report": "changes", "since": "2024-03-07", "until": "2024-03-07"}, "The period is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(console, said, words):
    answer = console[0].post("/reports", data=said)
    assert (answer.status_code, words in answer.text) == (400, True)


def test_a_report_that_fails_says_why(console):
    client, app, _writer, _trail = console
    answer = client.post("/reports", data={"report": "access", "mailbox": "nobody <b>at</b> all"})
    app.state.reports.wait()
    assert answer.status_code == 303
    page = client.get("/reports").text
    assert "could not be made: nothing in this trail is called nobody &lt;b&gt;at&lt;/b&gt; all" in page


def test_there_is_no_report_that_was_not_made(console):
    client = console[0]
    assert client.get("/reports/7.html").status_code == 404
    assert client.get("/reports/7/verify").status_code == 404
