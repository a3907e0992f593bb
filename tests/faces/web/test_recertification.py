"""Recertification in the console: links that open one list, answers that are acts before they count."""

from __future__ import annotations

import re
import shutil
from threading import Lock

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.alerts.receivers import mail_server
from tests.faces.web.conftest import Watched, running

from mailwitness.alerts.settings import AlertSettings, SmtpSettings
from mailwitness.collect.interface import NotAcknowledged, Receipt
from mailwitness.faces.reports.recertification_lists import opened
from mailwitness.faces.web.application import application

BOX = "NORDWIND\\hbrandt"
NAVIGATES = {"Sec-Fetch-Site": "same-origin"}


class Noting:
    """A writer that notes acts; after `left` of them it acknowledges none."""

    def __init__(self) -> None:
        self.acts, self.left, self._lock = [], 10_000, Lock()

    def act(self, act):
        with self._lock:
            if self.left < 1:
                raise NotAcknowledged("no writer answers")
            self.left -= 1
            self.acts.append(act)
        return Receipt()


@pytest.fixture(scope="module")
def served(demo_folder, tmp_path_factory):
    """Return (address, writer, trail) of a console whose trail is no other test module's."""
    trail = shutil.copytree(demo_folder / "trail", tmp_path_factory.mktemp("recertify") / "trail")
    writer = Noting()
    with running(application(trail, writer=writer)) as address:
        yield address, writer, trail


@pytest.fixture(autouse=True)
def _writer_answers(served):
    """Whatever another test left behind, in whatever order they run."""
    served[1].left = 10_000
    served[1].acts.clear()


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served[0], headers=NAVIGATES, timeout=60) as client:
        yield client


def start(client, **more):
    answer = client.post("/recertification", data={"mailboxes": BOX, "reviewer": "Heike B.", "days": "7", **more})
    assert answer.status_code == 200, answer.text
    links = re.findall(r"http://[^<\s]+(/recertify/[A-Za-z0-9_-]{43})</code>", answer.text)
    assert links
    return links


def places(page):
    return re.findall(r'name="reason-(\d+)"', page.text)


def test_answers_are_acts_before_they_count_and_the_end_is_sealed(served, client):
    (link,) = start(client)
    acts = served[1].acts
    assert [(a.verb, a.subject, a.detail["what"]) for a in acts] == [
        ("attest", f"mailbox {BOX}", "recertification asked")
    ]
    page = client.get(link)
    asked = places(page)
    assert len(asked) > 1
    assert (acts[-1].verb, acts[-1].who, acts[-1].role) == ("read", "Heike B.", "owner")
    first = client.post(link, data={f"answer-{asked[0]}": "remove", f"reason-{asked[0]}": "she left"})
    assert "1 answers were recorded" in first.text
    act = acts[-1]
    assert (act.verb, act.who, act.role, act.reason) == ("attest", "Heike B.", "owner", "she left")
    assert (act.detail["answer"], act.detail["what"]) == ("remove", "recertification")
    assert asked[0] not in places(first)
    client.post(link, data={f"answer-{asked[0]}": "keep", f"reason-{asked[0]}": "changed my mind"})
    rest = {f"answer-{place}": "keep" for place in asked[1:]} | {f"reason-{place}": "needed" for place in asked[1:]}
    assert "Everything is answered" in client.post(link, data=rest).text
    sealed = acts[-1].detail
    assert (sealed["what"], sealed["keep"], sealed["remove"]) == (
        "recertification answered",
        str(len(asked) - 1),
        "1",
    )
    number = sealed["recertification"]
    told = client.get(f"/recertification/{number}").text
    assert "Mailwitness removes nothing" in told
    assert "she left" in told
    assert "answered" in client.get("/recertification").text


def test_what_is_not_recorded_does_not_count(served, client):
    (link,) = start(client)
    asked = places(client.get(link))
    served[1].left = 1
    said = {f"answer-{place}": "keep" for place in asked} | {f"reason-{place}": "needed" for place in asked}
    answer = client.post(link, data=said)
    assert answer.status_code == 503
    assert places(answer) == asked[1:]
    assert 'value="needed"' in answer.text
    assert client.get(link).status_code == 503
    refused = client.post("/recertification", data={"mailboxes": BOX, "days": "7"})
    assert refused.status_code == 503


def test_a_link_opens_its_list_alone_and_only_while_it_may(served, client):
    one, two = start(client)[0], start(client)[0]
    assert one != two
    with opened(served[2]) as connection:
        kept = connection.execute("SELECT * FROM recertification_lists ORDER BY number DESC").fetchone()
        assert one.rpartition("/")[2] not in str(tuple(kept))
        number = kept["number"]
        with connection:
            connection.execute(
                "UPDATE recertification_lists SET due_at = '2020-01-01T00:00:00.000000Z' WHERE number = ?", (number,)
            )
    assert client.get(two).status_code == 404
    assert client.post(two, data={"answer-1": "keep", "reason-1": "x"}).status_code == 404
    assert "overdue" in client.get(f"/recertification/{number}").text
    assert client.get(one).status_code == 200
    assert client.post(f"/recertification/{number - 1}").status_code == 303
    assert client.get(one).status_code == 404
    assert served[1].acts[-1].detail["what"] == "recertification withdrawn"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"answer-1": "keep", "reason-1": " "}, "Say why in line 1"),
        ({"answer-1": "perhaps", "reason-1": "x"}, "keep or remove"),
        ({"reason-1": "x"}, "Nothing was answered"),
        ({"answer-0": "keep", "reason-0": "x"}, "Nothing was answered"),
    ],
)
def test_answers_that_are_none_are_told_and_nothing_typed_is_lost(served, client, said, wrong):
    (link,) = start(client)
    before = len(served[1].acts)
    answer = client.post(link, data=said)
    assert answer.status_code == 400
    assert wrong in answer.text
    assert len(served[1].acts) == before
    if said.get("reason-1") == "x":
        assert 'value="x"' in answer.text


def test_a_right_that_changed_meanwhile_is_not_answered(served, client):
    (link,) = start(client)
    with opened(served[2]) as connection, connection:
        number = connection.execute("SELECT max(number) FROM recertification_lists").fetchone()[0]
        connection.execute("UPDATE recertification_lines SET line_id = 'other' WHERE list = ? AND place = 1", (number,))
    answer = client.post(link, data={"answer-1": "keep", "reason-1": "yes"})
    assert "this right changed meanwhile" in answer.text
    assert not [act for act in served[1].acts if act.detail.get("answer")]


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"mailboxes": "nobody at all"}, 404, "is nothing in this trail"),
        ({"mailboxes": "hbrandt"}, 400, "can mean several"),
        ({"mailboxes": ""}, 400, "No mailbox was named"),
        ({"mailboxes": BOX, "days": "0"}, 400, "due in 1 to"),
        ({"mailboxes": BOX, "mail": "x@elsewhere.test"}, 400, "No mail destination may reach"),
    ],
)
def test_what_cannot_be_asked_is_refused(served, client, said, status, words):
    answer = client.post("/recertification", data={"days": "7", **said})
    assert (answer.status_code, words in answer.text) == (status, True)
    assert served[1].acts == []


def test_all_mailboxes_get_a_list_each(client):
    assert len(start(client, mailboxes="", all="1")) > 1


def test_guesses_are_slowed_and_keep_nobody_out(served):
    """In a console of its own: what it counts against this address would be held against other tests."""
    with (
        running(application(served[2], writer=Noting())) as address,
        httpx.Client(base_url=address, headers=NAVIGATES, timeout=60) as client,
    ):
        (link,) = start(client)
        statuses = [client.get(f"/recertify/{'x' * 43}{n}").status_code for n in range(25)]
        assert set(statuses) == {404, 429}
        assert statuses[-1] == 429
        assert client.get(link).status_code == 200


def test_a_form_of_elsewhere_answers_nothing(client):
    (link,) = start(client)
    said = {"answer-1": "keep", "reason-1": "x"}
    assert client.post(link, data=said, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_the_link_is_mailed_where_a_destination_may_reach(demo_trail):
    with mail_server(None, tls=False) as (mails, port):
        smtp = SmtpSettings(
            host="127.0.0.1",
            port=port,
            security="none",
            sender="mw@firm.test",
            to=["soc@firm.test"],
            also_to=["@firm.test"],
        )
        app = application(demo_trail, writer=Noting(), alerts=AlertSettings(smtp={"team": smtp}))
        with running(app) as address, httpx.Client(base_url=address, headers=NAVIGATES, timeout=60) as client:
            (link,) = start(client, mail="heike@firm.test")
        ((to, content),) = mails.wait(1)
    assert to == ["heike@firm.test"]
    assert link in content.decode().replace("=\r\n", "")


def test_the_pages_work_without_script_in_the_dark_and_on_a_phone(browser, served):
    for look in ({"width": 360, "height": 740}, {"width": 1280, "height": 900}):
        watched = Watched(browser, served[0], viewport=look, color_scheme="dark", java_script_enabled=True)
        with httpx.Client(base_url=served[0], headers=NAVIGATES, timeout=60) as client:
            (link,) = start(client)
        for address in (link, "/recertification", "/recertification/1"):
            assert watched.go(address) == 200
            page = watched.page
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            found = Axe().run(page)
            assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]] == []
        watched.context.close()
        assert watched.wrong == []
    watched = Watched(browser, served[0], java_script_enabled=False)
    assert watched.go(link) == 200
    watched.page.get_by_role("radio", name="Keep").first.check()
    watched.page.get_by_role("textbox", name="Why").first.fill("he needs it")
    watched.page.get_by_role("button", name="Record the answers").click()
    assert watched.page.get_by_role("status").inner_text() == "1 answers were recorded. Thank you."
    watched.context.close()
