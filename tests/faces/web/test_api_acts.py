"""What the API does: decisions and verifications, uploads, the record of what is read, pages while events come in."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import httpx
import pytest
from tests.engine.events import some_events
from tests.faces.web.conftest import running
from tests.faces.web.payloads import PAYLOADS

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.collect.interface import NotTaken, Receipt, WriterAway
from mailwitness.event import content_event_id
from mailwitness.faces.web.application import application
from mailwitness.rules.finding import Finding
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.writer import Writer


class Noting:
    """A writer that acknowledges everything and remembers it."""

    def __init__(self) -> None:
        self.acts, self.batches = [], []

    def act(self, act):
        self.acts.append(act)
        return Receipt()

    def submit(self, batch):
        self.batches.append(batch)
        return Receipt(seen=1, recorded=1, size=7, root="ab")


class Refusing:
    """A writer that acknowledges nothing, and takes no evidence called bad."""

    def act(self, act):
        raise WriterAway(f"no writer answers to {act.verb}")

    def submit(self, batch):
        if batch.name == "bad":
            raise NotTaken("this is no evidence")
        raise WriterAway("no writer answers")


def client(address):
    return httpx.Client(base_url=address + "/api/v1", timeout=30)


@pytest.fixture
def case_id(demo_trail):
    """Return an open case of the demo's trail."""
    found = Finding(
        finding_id="f" * 64,
        rule_id="made-for-a-test",
        title="A right given to oneself",
        level="high",
        mailbox_ref="FABRIK\\hbrandt",
        actor="FABRIK\\tkern",
        occurred_at=datetime(2004, 3, 9, 17, 42, 7, tzinfo=UTC),
        event_ids=("7736cfaf6ce77e9de2bfc9cfa8fdc497fa800ebd76797910e83fc62924ce44b3",),
        summary={"who": "tkern"},
        description="Somebody gave himself a right.",
    )
    connection = open_state(demo_trail)
    (case,) = Cases(connection).take([found], Watchlists([]), datetime.now(UTC)).opened
    connection.close()
    return case.case_id


def test_a_case_is_decided_and_the_decision_recorded(demo_trail, case_id):
    noting = Noting()
    with running(application(demo_trail, writer=noting)) as address, client(address) as api:
        assert [each["case"]["case_id"] for each in api.get("/findings").json()["items"]] == [case_id]
        noting.acts.clear()
        path = f"/findings/{case_id}/moves"
        answer = api.post(path, json={"move": "close", "why": "asked for by ticket 17"})
        assert answer.json() == {"case_id": case_id, "state": "closed", "is_recorded": True}
        (act,) = noting.acts
        assert (act.verb, act.subject, act.reason, act.detail["move"]) == (
            "finding",
            case_id,
            "asked for by ticket 17",
            "close",
        )
        again = api.post(path, json={"move": "acknowledge", "why": "too late"})
        assert (again.status_code, again.json()["where"]) == (409, "move")
        assert len(noting.acts) == 1
        assert api.get("/findings").json()["items"] == []
        assert api.get("/findings", params={"state": "closed"}).json()["counts"]["closed"] == 1
        case = api.get(f"/findings/{case_id}").json()
        assert case["history"][-1]["why"] == "asked for by ticket 17"


NO_DECISIONS = (
    (b'{"move": "close"}', "application/json", 400),
    (b'{"move": "explode", "why": "x"}', "application/json", 400),
    (b'{"move": "close", "why": " "}', "application/json", 400),
    (b'{"move": "close", "why": "x", "who": "somebody else"}', "application/json", 400),
    (b'{"move": "close", "why": "x"', "application/json", 400),
    (b'{"move": "close", "why": "x"}', "text/plain", 415),
    (b'{"move": "close", "why": "x"}', "application/x-www-form-urlencoded", 415),
    (b" " * 70_000, "application/json", 413),
)


def test_a_decision_that_is_none_changes_nothing(demo_trail, case_id):
    noting = Noting()
    with running(application(demo_trail, writer=noting)) as address, client(address) as api:
        for body, kind, status in NO_DECISIONS:
            answer = api.post(f"/findings/{case_id}/moves", content=body, headers={"Content-Type": kind})
            assert answer.status_code == status
            assert answer.json()["remedy"]
        assert noting.acts == []
        assert api.get(f"/findings/{case_id}").json()["case"]["state"] == "open"


def test_nothing_is_answered_or_decided_that_could_not_be_recorded(demo_trail, case_id):
    refusing = Refusing()
    with running(application(demo_trail, writer=refusing, uploads=refusing)) as address, client(address) as api:
        for path in ("/mailbox?name=FABRIK%5Chbrandt", "/changes", "/accesses", "/search?q=tkern", "/export/csv"):
            answer = api.get(path)
            assert (answer.status_code, "hbrandt" in answer.text) == (503, False)
        answer = api.post(f"/findings/{case_id}/moves", json={"move": "close", "why": "x"})
        assert answer.status_code == 503
        for name, status in (("bad", 409), ("good", 503)):
            answer = api.post(
                "/uploads", params={"name": name}, content=b"x", headers={"Content-Type": "application/octet-stream"}
            )
            assert (answer.status_code, bool(answer.json()["remedy"])) == (status, True)
        assert api.get("/coverage").status_code == 200
    with running(application(demo_trail)) as address, client(address) as api:
        assert api.get(f"/findings/{case_id}").json()["case"]["state"] == "open"


def test_what_is_read_is_said_to_the_writer_and_by_whom(demo_trail):
    noting = Noting()
    with running(application(demo_trail, writer=noting)) as address, client(address) as api:
        api.get("/account", params={"name": "FABRIK\\tkern"})
        api.get("/accesses", params={"mailbox": "hbrandt", "q": "PC-KERN"})
        api.get("/export/csv", params={"q": "tkern"})
        api.get("/changes/7736cfaf6ce77e9d")
        api.get("/mailbox", params={"name": "nobody of that name"})
    assert [act.subject for act in noting.acts][:3] == [
        "account FABRIK\\tkern",
        "accesses PC-KERN hbrandt",
        "export of search tkern",
    ]
    assert noting.acts[3].subject.startswith("change 7736cfaf6ce77e9d")
    assert {(act.verb, act.who, act.role) for act in noting.acts} == {("read", "local auditor", "auditor")}
    assert len(noting.acts) == 4


def test_an_upload_goes_to_the_writer_as_it_is(demo_trail):
    noting = Noting()
    kind = {"Content-Type": "application/octet-stream"}
    with running(application(demo_trail, uploads=noting)) as address, client(address) as api:
        query = {"name": "a.evt", "time_zone": "Europe/Berlin"}
        answer = api.post("/uploads", params=query, content=b"LfLe", headers=kind)
        assert (answer.status_code, answer.json()["recorded"]) == (201, 1)
        for params, body, status in (
            ({"name": "a.evt"}, b"", 400),
            ({"name": "../a"}, b"x", 400),
            ({}, b"x", 400),
            ({"name": "a", "time_zone": "Mars/Olympus"}, b"x", 404),
        ):
            assert api.post("/uploads", params=params, content=body, headers=kind).status_code == status
    (batch,) = noting.batches
    assert (batch.name, batch.data, batch.time_zone, batch.delivered_by) == (
        "a.evt",
        b"LfLe",
        "Europe/Berlin",
        "local auditor",
    )
    assert batch.observed_origin == "127.0.0.1"


def test_a_verification_is_begun_and_its_outcome_told(demo_trail):
    with running(application(demo_trail)) as address, client(address) as api:
        answer = api.post("/integrity/verifications", json={"deep": True})
        assert answer.status_code == 202
        while api.get("/integrity/progress").json()["is_running"]:
            threading.Event().wait(0.05)
        told = api.get("/integrity").json()
        assert told["progress"]["failure"] is None
        (done,) = told["integrity"]["verifications"]
        assert (done["state"], done["deep"], done["who"]) == ("not_anchored", True, "local auditor")
        assert done["size"] == told["integrity"]["as_of"]["size"]


@pytest.fixture
def growing(tmp_path):
    """Return a trail of made events, and what appends more to it."""
    made = create_trail(tmp_path / "trail", organization="fab", key_dir=tmp_path / "keys")

    def append(pairs):
        with Writer.open(tmp_path / "trail", key_path=made.key_path) as writer:
            writer.append(*batch_of_events(pairs))

    return tmp_path / "trail", append


def test_pages_show_nothing_that_came_after_the_first(growing):
    trail, append = growing
    append(some_events(0, 60))
    asked = (("/accesses", "event_id"), ("/changes", "change_id"), ("/search", "event_id"))
    with running(application(trail)) as address, client(address) as api:
        whole = {path: api.get(path, params={"limit": 200}).json() for path, _ in asked}
        first = {path: api.get(path, params={"limit": 9}).json() for path, _ in asked}
        size = whole["/search"]["as_of"]["size"]
        append(some_events(60, 60))
        deadline = time.monotonic() + 60
        while api.get("/coverage").json()["as_of"]["size"] == size:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        for path, key in asked:
            found, answer = list(first[path]["items"]), first[path]
            while answer["next"]:
                answer = api.get(path, params={"limit": 9, "cursor": answer["next"]}).json()
                assert answer["count"] == whole[path]["count"]
                assert answer["as_of"]["size"] > size
                found += answer["items"]
            assert [item[key] for item in found] == [item[key] for item in whole[path]["items"]]


def test_hostile_texts_are_texts(growing):
    trail, append = growing
    pairs = []
    for (event, raw), text in zip(some_events(0, len(PAYLOADS)), PAYLOADS, strict=True):
        fields = {"actor_name": text, "mailbox_ref": text, "folder": text, "client_app": text}
        hostile = type(event)(
            **{name: getattr(event, name) for name in event.__struct_fields__ if name not in (*fields, "event_id")},
            **fields,
            event_id=content_event_id("fab", "hostile", text),
        )
        pairs.append((hostile, raw))
    append(pairs)
    with running(application(trail)) as address, client(address) as api:
        answers = [api.get("/search", params={"limit": 200})]
        answers.append(api.get("/search", params={"limit": 200, "cursor": answers[0].json()["next"]}))
        for answer in answers:
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not any(character in answer.text for character in "\x9b\u202e\u2066\u200b\ufeff\x7f")
        actors = {item["actor"]["text"] for answer in answers for item in answer.json()["items"]}
        assert actors >= {text for text in PAYLOADS if text.strip()}
        for text in PAYLOADS[::10]:
            for path in ("/account", "/mailbox"):
                assert api.get(path, params={"name": text}).status_code in (200, 400, 404, 409)
            assert api.get("/search", params={"q": text[:200]}).status_code == 200
