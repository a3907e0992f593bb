"""The verdict over time: what proves, what only says so, what breaks it, and that silence is never proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness.policy_effect import effect
from mailwitness.readiness.proof import AuditChange, Blind, Proof, Reach, Seen
from mailwitness.readiness.state import Observation, State
from mailwitness.readiness.verdict import Asked, score, verdicts

START = datetime(2026, 1, 1, tzinfo=UTC)
AUDITING = "microsoft-windows-security-auditing"
HOST = "dc1.corp.example"
CHECKS = {check.name: check for check in audit_settings().checks}


def hour(count):
    return START + timedelta(hours=count)


def proof(*, seen=(), of_mailbox=None, changes=(), blind=(), last=10, provider=AUDITING):
    reach = Reach(
        computer=HOST,
        channel="security",
        provider=provider,
        source="windows_security",
        first_at=START,
        last_at=hour(last),
    )
    return Proof(seen=seen, of_mailbox=of_mailbox, changes=changes, blind=blind, reaches=(reach,))


def change_5136(count, provider=AUDITING, code=5136):
    return Seen(computer=HOST, provider=provider, code=code, source="windows_security", at=hour(count))


def policy(count, after, attribute="Directory Service Changes"):
    return AuditChange(
        computer=HOST,
        source="windows_security",
        action="policy_changed",
        at=hour(count),
        attribute=attribute,
        after=after,
    )


def told(found, check="directory_changes"):
    rows = sorted((v for v in found if v.check == check), key=lambda v: v.since)
    return [(v.verdict, (v.since - START) // timedelta(hours=1), (v.until - START) // timedelta(hours=1)) for v in rows]


def ask(proof, state=None, **asked):
    return verdicts(proof, state or State(), Asked(question="changes", **asked))


CONFIGURED = State((Observation(kind="subcategory", name="Directory Service Changes", value=1, place="audit.csv"),))
OBJECT_ACCESS_ALONE = State(
    (
        Observation(kind="category", name="AuditObjectAccess", value=3, place="GptTmpl.inf"),
        Observation(kind="category", name="AuditDSAccess", value=0, place="GptTmpl.inf"),
    )
)


def test_silence_is_unknown():
    assert told(ask(proof())) == [("unknown", 0, 10)]


def test_files_that_say_so_make_it_configured():
    assert told(ask(proof(), CONFIGURED)) == [("configured", 0, 10)]


def test_object_access_alone_is_absent_with_its_fix():
    found = ask(proof(), OBJECT_ACCESS_ALONE)
    assert told(found) == [("absent", 0, 10)]
    assert "AuditDSAccess" in " ".join(v.why for v in found) or "Directory Service Changes" in found[0].why
    assert all(v.fix and v.lost for v in found)


def test_an_event_of_the_mailbox_proves_it_from_then_on():
    found = ask(proof(seen=(change_5136(4),), of_mailbox=(change_5136(4),)), CONFIGURED)
    assert told(found) == [("configured", 0, 4), ("proven", 4, 10)]


def test_an_event_of_another_object_proves_nothing_of_this_one():
    assert told(ask(proof(seen=(change_5136(4),), of_mailbox=()))) == [("unknown", 0, 10)]


def test_without_a_mailbox_an_event_says_only_that_the_policy_was_on():
    assert told(ask(proof(seen=(change_5136(4),)))) == [("unknown", 0, 4), ("configured", 4, 10)]


def test_switching_off_ends_the_proof_until_it_is_switched_on():
    changes = (policy(5, "success removed"), policy(7, "success added"))
    found = ask(proof(seen=(change_5136(1),), of_mailbox=(change_5136(1),), changes=changes))
    assert told(found) == [("unknown", 0, 1), ("proven", 1, 5), ("absent", 5, 7), ("configured", 7, 10)]


def test_a_cleared_log_ends_the_proof():
    cleared = AuditChange(computer=HOST, source="windows_eventlog", action="log_cleared", at=hour(6))
    found = ask(proof(seen=(change_5136(1),), of_mailbox=(change_5136(1),), changes=(cleared,)))
    assert told(found) == [("unknown", 0, 1), ("proven", 1, 6), ("unknown", 6, 10)]


def test_missing_records_are_absent_and_end_the_proof():
    hole = Blind(computer=HOST, channel="security", since=hour(3), until=hour(5), why="records are missing")
    found = ask(proof(seen=(change_5136(1),), of_mailbox=(change_5136(1),), blind=(hole,)))
    assert told(found) == [("unknown", 0, 1), ("proven", 1, 3), ("absent", 3, 5), ("unknown", 5, 10)]


def test_missing_records_of_another_log_change_nothing():
    hole = Blind(computer=HOST, channel="application", since=hour(3), until=hour(5), why="records are missing")
    assert told(ask(proof(blind=(hole,)), CONFIGURED)) == [("configured", 0, 10)]


def test_time_beyond_the_records_is_absent():
    found = ask(proof(), CONFIGURED, since=hour(-2), until=hour(12))
    assert told(found) == [("absent", -2, 0), ("configured", 0, 10), ("absent", 10, 12)]


def test_a_host_never_heard_of_is_absent_in_all():
    found = verdicts(proof(), CONFIGURED, Asked(hosts=("dc9",)))
    assert {v.computer for v in found} == {"dc9"}
    assert {v.verdict for v in found} == {"absent"}


def test_one_moment_gets_the_verdict_of_that_moment():
    seen = proof(seen=(change_5136(4),), of_mailbox=(change_5136(4),))
    assert told(ask(seen, since=hour(5), until=hour(5))) == [("proven", 5, 5)]
    assert told(ask(seen, since=hour(3), until=hour(3))) == [("unknown", 3, 3)]


def test_the_score_is_the_covered_share():
    found = ask(proof(seen=(change_5136(4),), of_mailbox=(change_5136(4),)))
    assert score(found) == 0.6
    assert score([]) is None


def test_a_policy_that_states_all_categories_decides_its_own():
    check = CHECKS["directory_access_2003"]
    off = policy(1, "Object Access: Success and Failure; Directory Service Access: Success", "")
    on = policy(1, "Object Access: No Auditing; Directory Service Access: Success and Failure", "")
    assert effect(off, check) == "off"
    assert effect(on, check) == "on"
    assert effect(policy(1, "Object Access: Success", ""), check) is None


def test_the_worst_stands_first():
    found = ask(proof(), CONFIGURED, since=hour(-2))
    assert [v.verdict for v in found] == ["absent", "configured"]
