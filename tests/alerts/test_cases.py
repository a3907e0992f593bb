"""Findings become cases; who decided what and why is kept."""

from __future__ import annotations

import random
import sqlite3
import threading
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alerts.found import NOW, finding

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.suppressions import Suppressions
from mailwitness.alerts.tables import STEPS
from mailwitness.alerts.watchlists import Watched, Watchlists
from mailwitness.collect.interface import NotAcknowledged
from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.state.database import migrate, open_state

NOBODY = Watchlists([])
PERSON = {"who": "ana", "role": "auditor", "at": NOW}


@pytest.fixture
def cases(state):
    return Cases(state)


def test_one_finding_is_one_case_with_its_evidence(cases):
    taken = cases.take([finding()], NOBODY, NOW)
    [case] = taken.opened
    assert (case.state, case.level, case.findings, case.mailbox_ref) == ("open", "high", 1, "EXAMPLE\\director")
    [evidence] = cases.evidence(case.case_id)
    assert evidence.event_ids == finding().event_ids
    assert evidence.summary == {"Right": "FullAccess"}
    assert [(line.who, line.did) for line in cases.history(case.case_id)] == [("mailwitness", "opened")]


def test_the_same_finding_again_does_nothing(cases):
    cases.take([finding()], NOBODY, NOW)
    taken = cases.take([finding(), finding()], NOBODY, NOW)
    assert (taken.opened, taken.raised, taken.grown) == ([], [], [])
    assert cases.all()[0].findings == 1


def test_findings_within_the_window_are_one_case(cases):
    minutes = [0, 50, 100, 161]
    found = [finding(n, occurred_at=NOW + timedelta(minutes=m)) for n, m in enumerate(minutes)]
    cases.take(found, NOBODY, NOW)
    assert [(case.findings, case.first_at) for case in cases.all()] == [
        (1, NOW + timedelta(minutes=161)),
        (3, NOW),
    ]


@pytest.mark.parametrize("other", [{"rule_id": "x"}, {"mailbox_ref": "EXAMPLE\\b"}, {"actor": None}])
def test_another_rule_mailbox_or_actor_is_another_case(cases, other):
    cases.take([finding(0), finding(1, **other)], NOBODY, NOW)
    assert len(cases.all()) == 2


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab")), min_size=1, max_size=12), st.randoms())
@settings(max_examples=30, deadline=None)
def test_no_finding_is_lost_or_counted_twice_in_whatever_order_and_portions(marks, shuffle):
    found = [finding(n, occurred_at=NOW + timedelta(minutes=m), actor=a) for n, (m, a) in enumerate(marks)]
    shuffle.shuffle(found)
    connection = sqlite3.connect(":memory:", isolation_level="IMMEDIATE")
    connection.row_factory = sqlite3.Row
    cases = Cases(connection)
    cut = shuffle.randrange(len(found) + 1)
    for portion in (found[:cut], found[cut:], found[: cut + 1]):
        cases.take(portion, NOBODY, NOW)
    kept = [e.finding_id for case in cases.all() for e in cases.evidence(case.case_id)]
    assert sorted(kept) == sorted(f.finding_id for f in found)
    assert sum(case.findings for case in cases.all()) == len(found)
    for case in cases.all():
        times = [e.occurred_at for e in cases.evidence(case.case_id)]
        assert (case.first_at, case.last_at) == (min(times), max(times))
    connection.close()


def test_a_graver_finding_raises_its_case(cases):
    cases.take([finding(0, level="low")], NOBODY, NOW)
    taken = cases.take([finding(1, level="high")], NOBODY, NOW)
    assert [case.level for case in taken.raised] == ["high"]
    assert cases.take([finding(2, level="medium")], NOBODY, NOW).grown[0].level == "high"


def test_a_watchlist_weighs_a_case(cases):
    vip = Watched(watchlist="vip", kind="mailbox", name="director", level="+1", comment="")
    [case] = cases.take([finding()], Watchlists([vip]), NOW).opened
    assert (case.level, case.watched) == ("critical", ("vip",))


def test_a_suppressed_case_is_kept_and_says_so(cases, state):
    Suppressions(state).add(
        rule_id="full-access", who="ana", comment="migration", at=NOW, expires_at=NOW + timedelta(days=1)
    )
    [case] = cases.take([finding(0)], NOBODY, NOW + timedelta(hours=1)).opened
    assert case.suppressed_by == 1
    assert cases.history(case.case_id)[0].why == "suppression 1"
    [later] = cases.take([finding(1, actor="x")], NOBODY, NOW + timedelta(days=2)).opened
    assert later.suppressed_by is None


def test_a_case_is_acknowledged_closed_and_opened_again(cases):
    [case] = cases.take([finding()], NOBODY, NOW).opened
    for move, state in (("acknowledge", "acknowledged"), ("close", "closed"), ("reopen", "open"), ("close", "closed")):
        assert cases.move(case.case_id, move, why=f"because {move}", **PERSON).state == state
    cases.move(case.case_id, "comment", why="seen on Monday", **PERSON)
    assert [(line.who, line.did, line.why) for line in cases.history(case.case_id)][1:3] == [
        ("ana", "acknowledge", "because acknowledge"),
        ("ana", "close", "because close"),
    ]
    assert cases.counts() == {("closed", "high"): 1}


def test_a_finding_after_a_case_was_closed_is_a_new_case(cases):
    [case] = cases.take([finding(0)], NOBODY, NOW).opened
    cases.move(case.case_id, "close", why="approved", **PERSON)
    [again] = cases.take([finding(1)], NOBODY, NOW).opened
    assert again.case_id != case.case_id


def test_a_decision_needs_a_reason_and_the_right_state(cases):
    [case] = cases.take([finding()], NOBODY, NOW).opened
    with pytest.raises(UsageError, match="reason"):
        cases.move(case.case_id, "close", why=" ", **PERSON)
    with pytest.raises(UsageError, match="the case is open"):
        cases.move(case.case_id, "reopen", why="x", **PERSON)
    with pytest.raises(UsageError, match="no case"):
        cases.move("none", "close", why="x", **PERSON)


def test_a_decision_is_an_act_first(cases):
    [case] = cases.take([finding()], NOBODY, NOW).opened
    told = []
    cases.move(case.case_id, "acknowledge", why="mine", tell=told.append, **PERSON)
    [act] = told
    assert (act.who, act.role, act.verb, act.subject, act.reason) == ("ana", "auditor", "finding", case.case_id, "mine")
    assert act.detail["move"] == "acknowledge"

    def away(_act):
        raise NotAcknowledged("the writer is away")

    with pytest.raises(NotAcknowledged):
        cases.move(case.case_id, "close", why="done", tell=away, **PERSON)
    assert cases.case(case.case_id).state == "acknowledged"
    assert len(cases.history(case.case_id)) == 2


def test_what_follows_is_stored_with_the_cases_or_not_at_all(cases):
    def fail(_taken):
        cases.reach("detection", "7")
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        cases.take([finding()], NOBODY, NOW, fail)
    assert cases.all() == []
    assert cases.reached("detection") is None
    cases.take([finding()], NOBODY, NOW, lambda _taken: cases.reach("detection", "7"))
    assert cases.reached("detection") == "7"


def test_two_persons_cannot_both_close_a_case(tmp_path, cases):
    [case] = cases.take([finding()], NOBODY, NOW).opened
    done = []

    def close(who):
        connection = open_state(tmp_path)
        try:
            Cases(connection).move(case.case_id, "close", who=who, role="auditor", why="x", at=NOW)
            done.append(who)
        except UsageError:
            pass
        finally:
            connection.close()

    people = [threading.Thread(target=close, args=(who,)) for who in random.sample(["ana", "ben", "cy"], 3)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(done) == 1
    assert [line.who for line in cases.history(case.case_id) if line.did == "close"] == done


def test_two_rules_on_one_act_are_one_case_that_shows_the_graver(cases):
    granted = finding(0, rule_id="granted", title="Granted", level="low", event_ids=("e1",), tags=("a",))
    used = finding(
        1,
        rule_id="hit_and_run",
        title="Used and taken away",
        level="critical",
        event_ids=("e1", "e2", "e3"),
        mailbox_ref="director@example.test",
        actor="EXAMPLE\\thief",
        tags=("a", "b"),
        occurred_at=NOW + timedelta(hours=9),
    )
    [case] = cases.take([granted], NOBODY, NOW).opened
    taken = cases.take([used], NOBODY, NOW)
    assert (taken.opened, taken.grown) == ([], [])
    [raised] = taken.raised
    assert (raised.case_id, raised.findings) == (case.case_id, 2)
    assert (raised.title, raised.level, raised.rule_id) == ("Used and taken away", "critical", "hit_and_run")
    assert (raised.rules, raised.tags) == (("granted", "hit_and_run"), ("a", "b"))
    assert [one.rule_id for one in cases.evidence(case.case_id)] == ["granted", "hit_and_run"]
    assert cases.all(mailbox_ref="EXAMPLE\\director") == cases.all(mailbox_ref="director@example.test") == [raised]
    assert cases.take([granted, used], NOBODY, NOW).opened == []
    assert cases.case(case.case_id) == raised


def test_a_finding_of_two_cases_makes_them_one(cases):
    granted = finding(0, rule_id="granted", level="low", event_ids=("e1",))
    opened = finding(1, rule_id="opened", level="medium", event_ids=("e2",), title="Opened")
    first = cases.take([granted], NOBODY, NOW).opened[0]
    second = cases.take([opened], NOBODY, NOW + timedelta(minutes=1)).opened[0]
    taken = cases.take([finding(2, rule_id="both", level="low", event_ids=("e1", "e2"))], NOBODY, NOW)
    assert (taken.opened, taken.raised) == ([], [])
    [case] = taken.grown
    assert (case.case_id, case.rules, case.findings) == (first.case_id, ("both", "granted", "opened"), 3)
    assert (case.level, case.title) == ("medium", "Opened")
    assert cases.all() == [case]
    assert cases.counts() == {("open", "medium"): 1}
    gone = cases.case(second.case_id)
    assert (gone.state, gone.findings) == ("closed", 0)
    assert cases.history(second.case_id)[-1].why == f"of the same act as case {first.case_id}"
    assert cases.take([opened], NOBODY, NOW).opened == []


def test_cases_that_become_one_before_they_were_told_are_told_once(cases):
    found = [
        finding(0, rule_id="granted", level="low", event_ids=("e1",)),
        finding(1, rule_id="opened", level="high", event_ids=("e2",), occurred_at=NOW + timedelta(seconds=1)),
        finding(2, rule_id="both", level="low", event_ids=("e1", "e2"), occurred_at=NOW + timedelta(seconds=2)),
    ]
    taken = cases.take(found, NOBODY, NOW)
    assert [(case.level, case.findings) for case in taken.opened] == [("high", 3)]
    assert (taken.raised, taken.grown) == ([], [])


def test_a_case_that_was_low_is_told_again_of_a_graver_one_that_nobody_heard_of(cases):
    cases.take([finding(0, rule_id="granted", level="low", event_ids=("e1",))], NOBODY, NOW)
    later = [
        finding(1, rule_id="opened", level="high", event_ids=("e2",), occurred_at=NOW + timedelta(hours=2)),
        finding(2, rule_id="both", level="low", event_ids=("e1", "e2"), occurred_at=NOW + timedelta(hours=3)),
    ]
    taken = cases.take(later, NOBODY, NOW)
    assert (taken.opened, [case.level for case in taken.raised]) == ([], ["high"])


@pytest.mark.parametrize("other", [{"mailbox_ref": "EXAMPLE\\b"}, {"actor": "EXAMPLE\\b"}])
def test_one_rule_about_somebody_else_is_another_case_even_by_the_same_event(cases, other):
    switched = finding(0, rule_id="audit_off", event_ids=("e1",), mailbox_ref=None)
    used = [finding(n, rule_id="used", event_ids=("e1", f"u{n}"), **more) for n, more in ((1, {}), (2, other))]
    cases.take([switched, *used], NOBODY, NOW)
    assert sorted(case.rules for case in cases.all()) == [("audit_off", "used"), ("used",)]


def test_a_case_somebody_took_up_is_kept_and_takes_the_other_in(cases):
    first = cases.take([finding(0, rule_id="a", event_ids=("e1",))], NOBODY, NOW).opened[0]
    second = cases.take([finding(1, rule_id="b", event_ids=("e2",))], NOBODY, NOW + timedelta(hours=1)).opened[0]
    cases.move(second.case_id, "acknowledge", why="mine", **PERSON)
    cases.take([finding(2, rule_id="c", event_ids=("e1", "e2"))], NOBODY, NOW)
    assert [(case.case_id, case.state, case.findings) for case in cases.all()] == [(second.case_id, "acknowledged", 3)]
    assert cases.case(first.case_id).findings == 0


def test_what_a_suppression_does_not_cover_does_not_disappear_in_a_case_it_holds_back(cases, state):
    Suppressions(state).add(
        rule_id="granted", who="ana", comment="migration", at=NOW, expires_at=NOW + timedelta(days=1)
    )
    held = cases.take([finding(0, rule_id="granted", level="low", event_ids=("e1",))], NOBODY, NOW).opened[0]
    [told] = cases.take([finding(1, rule_id="hit_and_run", event_ids=("e1", "e2"))], NOBODY, NOW).opened
    assert (held.suppressed_by, told.suppressed_by) == (1, None)


def test_cases_of_before_are_found_by_their_events(tmp_path):
    connection = open_state(tmp_path)
    migrate(connection, "findings", STEPS[:1])
    connection.execute(
        "INSERT INTO findings_cases VALUES ('c', 'granted', 'Granted', 'low', 'm', 'a', '', '[]', '[]', 'open', NULL,"
        " ?, ?, ?, ?, 1)",
        [instant(NOW)] * 4,
    )
    connection.execute(
        "INSERT INTO findings_evidence VALUES ('f', 'c', ?, ?, 'low', 'Granted', '[\"e1\"]', '{}')", [instant(NOW)] * 2
    )
    connection.commit()
    cases = Cases(connection)
    [case] = cases.take([finding(1, rule_id="used", event_ids=("e1",))], NOBODY, NOW).raised
    assert (case.case_id, case.rules) == ("c", ("granted", "used"))
    connection.close()
