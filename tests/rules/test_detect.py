"""Detection looks at what is new, finds the same however the trail came in, and gives a finding one identity."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.analysis.rows import row, value
from tests.rules.engine_of_records import corpus_of, event, found, sigma

from mailwitness.rules import patterns
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.rule import Corpus

SELECTED = {"selection": {"EventID": 4724}, "condition": "selection"}


def resets(number: int, seconds: float, who: str = "olga", whom: str = "anna") -> dict:
    record = {"SubjectUserName": who, "TargetUserName": whom}
    return event(number, record, seconds, event_code="4724", actor_name=f"FABRIK\\{who}")


def counting(**more):
    plain = {"type": "event_count", "rules": ["t"], "group-by": ["SubjectUserName"], "timespan": "60s"}
    return {"title": "c", "name": "c", "correlation": plain | {"condition": {"gte": 3}} | more}


@pytest.fixture
def three_in_a_minute(tmp_path) -> Corpus:
    corpus = corpus_of(tmp_path, sigma(SELECTED), counting())
    assert corpus.refused == ()
    return corpus


def ids(findings) -> set[str]:
    return {finding.finding_id for finding in findings}


def test_only_what_is_new_is_found(three_in_a_minute):
    rows = [resets(1, 0), resets(2, 10), resets(3, 20), resets(4, 500)]
    assert len(found(three_in_a_minute, rows)) == 1
    assert found(three_in_a_minute, rows, since=4) == []
    assert found(three_in_a_minute, rows, since=9) == []


def test_a_pattern_of_old_and_new_is_found_when_it_is_complete(three_in_a_minute):
    rows = [resets(1, 0), resets(2, 10), resets(3, 20)]
    assert found(three_in_a_minute, rows[:2]) == []
    (finding,) = found(three_in_a_minute, rows, since=3)
    assert [int(event_id, 16) for event_id in finding.event_ids] == [1, 2, 3]
    assert finding.summary["matches"] == "3"
    assert finding.summary["SubjectUserName"] == "olga"
    assert finding.actor == "FABRIK\\olga"


def test_a_late_event_completes_a_pattern(three_in_a_minute):
    rows = [resets(1, 0), resets(2, 20), resets(3, 10)]
    (finding,) = found(three_in_a_minute, rows, since=3)
    assert finding.occurred_at == rows[1]["occurred_at"]
    assert ids([finding]) == ids(found(three_in_a_minute, rows))


def test_what_lacks_a_value_to_group_by_is_in_no_group(three_in_a_minute):
    rows = [event(n, {}, n, event_code="4724") for n in range(1, 6)]
    assert found(three_in_a_minute, rows) == []


def test_groups_are_compared_without_regard_to_case(three_in_a_minute):
    rows = [resets(1, 0, "Olga"), resets(2, 1, "OLGA"), resets(3, 2, "olga")]
    assert len(found(three_in_a_minute, rows)) == 1


def test_fields_of_different_names_are_one_by_an_alias(tmp_path):
    other = sigma({"selection": {"EventID": 4738}, "condition": "selection"}, name="u")
    aliases = {"account": {"t": "TargetUserName", "u": "SubjectUserName"}}
    more = {"type": "temporal_ordered", "rules": ["t", "u"], "group-by": ["account"], "aliases": aliases}
    corpus = corpus_of(tmp_path, sigma(SELECTED), other, counting(condition=None, **more))
    assert corpus.refused == ()
    changed = event(2, {"SubjectUserName": "anna", "TargetUserName": "x"}, 5, event_code="4738")
    (finding,) = found(corpus, [resets(1, 0), changed])
    assert finding.summary["account"] == "anna"
    assert found(corpus, [resets(1, 0, whom="bruno"), changed]) == []
    assert found(corpus, [resets(1, 6), changed]) == []


def test_different_values_are_counted(tmp_path):
    more = {"type": "value_count", "condition": {"gte": 2, "field": "TargetUserName"}}
    corpus = corpus_of(tmp_path, sigma(SELECTED), counting(**more))
    assert found(corpus, [resets(1, 0), resets(2, 1, whom="ANNA")]) == []
    (finding,) = found(corpus, [resets(1, 0), resets(2, 1, whom="bruno")])
    assert finding.summary["different"] == "2"


HISTORIES = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["olga", "bruno"])), min_size=1, max_size=5)


@given(told=HISTORIES, cuts=st.sets(st.integers(1, 5), max_size=2))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_trail_in_order_gives_the_same_in_parts_as_in_one(three_in_a_minute, told, cuts):
    rows = [resets(n, seconds, who) for n, (seconds, who) in enumerate(sorted(told), 1)]
    whole = ids(found(three_in_a_minute, rows))
    edges = [0, *sorted(cuts), len(rows) + 1]
    parts = set()
    for since, until in pairwise(edges):
        seen = [each for each in rows if each["seq"] < until]
        parts |= ids(found(three_in_a_minute, seen, since=since, until=until))
    assert parts == whole


@given(told=HISTORIES, order=st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_late_events_hide_no_pattern(three_in_a_minute, told, order):
    arrived = list(told)
    order.shuffle(arrived)
    rows = [resets(n, seconds, who) for n, (seconds, who) in enumerate(arrived, 1)]
    parts = []
    for since in range(1, len(rows) + 1):
        parts += found(three_in_a_minute, rows[:since], since=since, until=since + 1)
    for finding in found(three_in_a_minute, rows):
        assert any(set(part.event_ids) & set(finding.event_ids) for part in parts)


def granted(number: int, seconds: float, added: str, **fields) -> dict:
    kept = {"before": None, "after": None} | {added: fields.pop("descriptor")}
    told = value(
        seconds, "op", attribute="msExchMailboxSecurityDescriptor", seq=number, scope="mailbox", **kept, **fields
    )
    return told | {
        "event_id": f"{number:064x}",
        "source": "windows_security",
        "mailbox_ref": "CN=Anna Berg",
        "entry": b"{}",
    }


def test_a_finding_keeps_its_identity_when_more_records_of_the_act_come_in():
    rows = [
        granted(1, 0, "before", descriptor="O:PSG:PSD:(A;CI;CCRC;;;PS)"),
        granted(2, 0.1, "after", descriptor="O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;S-1-5-21-1-2-3-1108)"),
        row(
            0.4,
            kind="permission",
            action="granted",
            rights=["FullAccess"],
            scope="mailbox",
            source="exchange_cmdlets",
            channel="MSExchange Management",
            computer="exch1.fabrik.example",
            event_code="1",
            mailbox_ref="Anna Berg",
            mailbox_ref_form="display_name",
            trustee_sid="S-1-5-21-1-2-3-1108",
            actor_name="fabrik.example/Users/Olga",
            seq=3,
            event_id=f"{3:064x}",
            entry=b"{}",
        ),
    ]
    corpus = load_rules().only({"full_access_granted"})
    (early,) = found(corpus, rows[:2], until=3)
    (late,) = found(corpus, rows, since=3)
    assert len(early.event_ids) == 2
    assert len(late.event_ids) == 3
    assert early.finding_id == late.finding_id
    assert late.actor == "fabrik.example/Users/Olga"


def test_silence_and_patterns_are_left_out_where_they_are_not_asked_for():
    corpus = load_rules().only({"host_silent"})
    rows = [resets(n, 60 * n) for n in range(1, 40)] + [event(50, {}, 5 * 86_400, computer="dc2.fabrik.example")]
    (finding,) = found(corpus, rows)
    assert finding.summary["computer"] == "dc1.fabrik.example"
    assert found(corpus, rows, analyses=False) == []


def test_an_empty_stretch_and_an_empty_trail_find_nothing():
    corpus = load_rules()
    assert found(corpus, []) == []
    assert found(corpus, [resets(1, 0)], since=5, until=5) == []


def in_the_cloud(number: int, days: float, **fields) -> dict:
    about = {"source": "unified_audit", "channel": None, "computer": None, "mailbox_ref": "anna@fabrik.example"}
    about |= {"mailbox_ref_form": "smtp", "seq": number, "event_id": f"{number:064x}", "entry": b"{}"}
    return row(days * 86_400, **(about | fields))


def opened(number: int, days: float) -> dict:
    told = {"kind": "access", "action": "item_read", "scope": "mailbox", "strength": "read", "logon_type": "delegate"}
    return in_the_cloud(number, days, actor_name="bruno@fabrik.example", **told)


def test_a_right_in_use_is_not_first_used_by_each_new_access():
    right = in_the_cloud(
        1,
        0,
        kind="permission",
        action="granted",
        rights=["FullAccess"],
        scope="mailbox",
        trustee_name="bruno@fabrik.example",
        actor_name="olga@fabrik.example",
    )
    corpus = load_rules().only({"late_first_access"})
    assert len(found(corpus, [right, opened(2, 40)], since=2)) == 1
    assert found(corpus, [right, opened(2, 2), opened(3, 40)], since=3) == []


@pytest.mark.parametrize("at_a_time", [1, 3, 50_000])
def test_a_long_history_is_explained_piece_by_piece(monkeypatch, at_a_time):
    monkeypatch.setattr(patterns, "AT_A_TIME", at_a_time)
    corpus = load_rules().only({"unexplained_access"})
    rows = [opened(number, 3 * number) for number in range(1, 15)]
    assert {finding.occurred_at for finding in found(corpus, rows)} == {each["occurred_at"] for each in rows}
