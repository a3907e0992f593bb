"""The score by mailbox and question: what leaves it open, and ten thousand mailboxes over ninety days in seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.readiness.hosts import Hosts
from mailwitness.readiness.mailbox_score import scores
from mailwitness.readiness.proof import AuditChange, Blind, OfObject, Proof, Reach, Seen
from mailwitness.readiness.spans import Point
from mailwitness.readiness.state import Observation, State
from mailwitness.readiness.switches import BEGINNING, Off
from mailwitness.readiness.verdict import Asked, logs_asked, window_of

START = datetime(2026, 1, 1, tzinfo=UTC)
AUDITING = "microsoft-windows-security-auditing"
CONFIGURED = State((Observation(kind="subcategory", name="Directory Service Changes", value=1, place="audit.csv"),))
RECORDED = {"success": (Point(BEGINNING, "configured", "settings", "read"),)}
LACKING = {"success": (Point(BEGINNING, "absent", "audit_entries_lacking", "read"),)}


def at(hour):
    return START + timedelta(hours=hour)


def log(computer, last=100, source="windows_security", channel="security", provider=AUDITING):
    return Reach(computer=computer, channel=channel, provider=provider, source=source, first_at=START, last_at=at(last))


def proof(*reaches, **more):
    said = {"seen": (), "of_mailbox": None, "changes": (), "blind": ()} | more
    return Proof(reaches=reaches, **said)


def board(known, state, question, *mailboxes):
    asked = Asked(question=question)
    logs = logs_asked(known, state, asked, window_of(known, asked))
    return scores(dict(enumerate(mailboxes)), logs, known)


def mailbox(label="kim", **said):
    return OfObject(label=label, **said)


def test_a_question_is_covered_where_every_host_is():
    hole = Blind(computer="dc2", channel="security", since=at(10), until=at(30), why="a hole")
    found = board(proof(log("dc1"), log("dc2"), blind=(hole,)), CONFIGURED, "changes", mailbox(entries=RECORDED))
    assert found.score == pytest.approx(0.8)


def test_a_controller_nobody_heard_of_leaves_every_change_open():
    hosts = Hosts(controllers={"dc1": "", "dc9": ""})
    found = board(proof(log("dc1"), hosts=hosts), CONFIGURED, "changes", mailbox(entries=RECORDED))
    assert found.score == 0


def test_the_worst_mailbox_stands_first():
    found = board(
        proof(log("dc1")),
        CONFIGURED,
        "changes",
        mailbox("kim", entries=RECORDED),
        mailbox("lee", entries=LACKING),
    )
    assert [(each.mailbox, each.score) for each in found.mailboxes] == [("lee", 0), ("kim", 1)]
    assert found.score == 0.5


def test_an_event_of_the_mailbox_proves_it_from_then_on_where_no_file_speaks():
    seen = Seen(computer="dc1", provider=AUDITING, code=5136, source="windows_security", at=at(40))
    known = proof(log("dc1"), seen=(seen,))
    assert board(known, State(), "changes", mailbox(seen=(seen,)), mailbox()).score == pytest.approx(0.3)


def test_accounts_passed_by_and_throttling_leave_accesses_open():
    seen = (Seen(computer="", provider="exchange", code=0, source="unified_audit", at=START),)
    off = Off(of="account", checks=("unified_audit",), thing=1, label="x", since=at(0), until=at(10), why="a record")
    full = Blind(
        computer="", source="unified_audit", since=at(50), until=at(90), why="", cause="throttled", mailbox="kim"
    )
    cloud = log("", source="unified_audit", channel="", provider="exchange")
    known = proof(cloud, seen=seen, offs=(off,), blind=(full,))
    found = board(known, State(), "accesses", mailbox(blind=(full,)), mailbox("lee"))
    assert {each.mailbox: round(each.score, 3) for each in found.mailboxes} == {"kim": 0.5, "lee": 0.9}


def test_a_mailbox_of_one_service_is_not_asked_of_the_other():
    cloud = log("", source="unified_audit", channel="", provider="exchange")
    local = log("", source="mailbox_audit", channel="", provider="")
    seen = (Seen(computer="", provider="exchange", code=0, source="unified_audit", at=START),)
    known = proof(cloud, local, seen=seen)
    found = board(known, State(), "accesses", mailbox(services=frozenset({"online"})), mailbox("lee"))
    assert {each.mailbox: each.score for each in found.mailboxes} == {"kim": 1, "lee": 0}


def test_ten_thousand_mailboxes_over_ninety_days_take_seconds():
    hosts, days = [f"dc{number}" for number in range(20)], 90
    changes = [
        AuditChange(
            computer=host, source="windows_security", action="gap", at=at(24 * day + number), channel="security"
        )
        for number, host in enumerate(hosts)
        for day in range(0, days, 5)
    ]
    mailboxes = [
        mailbox(
            f"mailbox {number}",
            entries=RECORDED if number % 2 else LACKING,
            seen=(
                Seen(
                    computer=hosts[number % 20],
                    provider=AUDITING,
                    code=5136,
                    source="windows_security",
                    at=START + timedelta(minutes=number * 12),
                ),
            ),
        )
        for number in range(10_000)
    ]
    known = proof(*(log(host, last=24 * days) for host in hosts), changes=tuple(changes))
    began = time.process_time()
    found = board(known, CONFIGURED, None, *mailboxes)
    assert time.process_time() - began < 15
    assert len(found.mailboxes) == 10_000
    assert found.mailboxes[-1].questions["changes"] == pytest.approx(1)
    assert found.questions["changes"] > 0.5
