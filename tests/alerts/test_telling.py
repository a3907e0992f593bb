"""What is told at once, to whom, and what the digest says."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.alerts.found import NOW, finding

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.outbox import Outbox
from mailwitness.alerts.settings import AlertSettings, as_path
from mailwitness.alerts.suppressions import Suppressions
from mailwitness.alerts.telling import Teller
from mailwitness.alerts.watchlists import Watchlists

NOBODY = Watchlists([])
TABLES = {
    "console_url": "https://console.example.test/",
    "file": {
        "all": {"path": "/a", "minimum_level": "informational"},
        "grave": {"path": "/b", "minimum_level": "high", "digest": False},
    },
}


class Office:
    """Cases, outbox and teller over one database."""

    def __init__(self, state, **more) -> None:
        self.state = state
        self.cases, self.outbox = Cases(state), Outbox(state)
        settings = msgspec.convert({**TABLES, **more}, AlertSettings, dec_hook=as_path)
        self.teller = Teller(self.cases, self.outbox, settings, "example.test")

    def take(self, *found, now=NOW):
        return self.cases.take(found, NOBODY, now, lambda taken: self.teller.tell(taken, now))

    def told(self, name, now=NOW + timedelta(days=30)):
        return [delivery.alert for delivery in self.outbox.due(name, now)]


@pytest.fixture
def office(state):
    return Office(state)


def test_a_case_is_told_once_to_whom_its_level_concerns(office):
    office.take(finding(0))
    office.take(finding(0), finding(1))
    office.take(finding(2, level="low", actor="x"))
    [first, second] = office.told("file.all")
    assert (first.kind, first.mailbox, first.facts["Right"]) == ("case", "EXAMPLE\\director", "FullAccess")
    assert first.link == f"https://console.example.test/findings/{first.case_id}"
    assert second.level == "low"
    assert [alert.level for alert in office.told("file.grave")] == ["high"]


def test_a_case_that_grows_graver_is_told_again(office):
    office.take(finding(0, level="low"))
    office.take(finding(1, level="critical"))
    assert [(a.kind, a.level, a.findings) for a in office.told("file.all")] == [
        ("case", "low", 1),
        ("raised", "critical", 2),
    ]
    assert [a.kind for a in office.told("file.grave")] == ["raised"]


def test_what_happened_long_ago_is_for_the_digest(office):
    office.take(finding(occurred_at=NOW - timedelta(days=8)))
    assert office.told("file.all") == []
    assert len(office.cases.all()) == 1


def test_what_is_suppressed_is_not_told(office, state):
    Suppressions(state).add(rule_id="full-access", who="a", comment="c", at=NOW, expires_at=NOW + timedelta(days=1))
    office.take(finding())
    assert office.told("file.all") == []


def test_the_digest_is_due_once_a_day(office):
    at = NOW.replace(hour=7)
    assert office.teller.digest_due(at - timedelta(hours=3)) is None  # nobody was told of a day nobody watched
    assert office.teller.digest_due(at - timedelta(seconds=1)) is None
    assert office.teller.digest_due(at) == at
    office.teller.tell_digest(at, at)
    assert office.teller.digest_due(at + timedelta(hours=5)) is None
    assert office.teller.digest_due(at + timedelta(days=3, hours=1)) == at + timedelta(days=3)


def test_the_digest_counts_everything_and_names_the_gravest_first(office, state):
    office.take(finding(0, level="low", occurred_at=NOW - timedelta(days=30)))
    office.take(finding(1, level="critical", mailbox_ref="EXAMPLE\\b"))
    Suppressions(state).add(actor="quiet", who="a", comment="c", at=NOW, expires_at=NOW + timedelta(days=1))
    office.take(finding(2, actor="quiet"))
    due = NOW.replace(hour=7) + timedelta(days=1)
    office.teller.digest_due(NOW)
    office.teller.tell_digest(due, due, ["folder.dc1: silent since 08:00"])
    [digest] = [a for a in office.told("file.all") if a.kind == "digest"]
    assert digest.title.startswith("3 new cases")
    assert digest.facts["New cases"] == "1 critical, 1 high, 1 low"
    assert (digest.facts["Open"], digest.facts["Suppressed"]) == ("3", "1")
    lines = digest.description.splitlines()
    assert "[critical]" in lines[0]
    assert "[low]" in lines[1]
    assert lines[2:] == ["Health:", "folder.dc1: silent since 08:00"]
    assert [a.kind for a in office.told("file.grave")] == ["case"]


def test_a_quiet_day_says_so(office):
    due = NOW.replace(hour=7) + timedelta(days=1)
    office.teller.tell_digest(due, due)
    [digest] = office.told("file.all")
    assert digest.facts["New cases"] == "none"
