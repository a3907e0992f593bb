"""Intervals from looks and acts: what is certain, what is possible, what nobody witnessed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailwitness.analysis.presence import End, Point, runs_of
from mailwitness.directory.clock import BEGINNING, STILL, micros, moment


def day(number: int) -> int:
    return micros(datetime(2026, 1, number, tzinfo=UTC))


def look(number: int, *, stands: bool) -> Point:
    end = End(at=moment(day(number)), how="snapshot", evidence_sha256=(f"snapshot {number}",))
    return Point(day(number), stands, is_act=False, end=end)


def act(number: int, *, stands: bool) -> Point:
    end = End(at=moment(day(number)), how="event", by="admin", event_ids=(f"event {number}",))
    return Point(day(number), stands, is_act=True, end=end)


def written(number: int):
    return day(number), End(at=moment(day(number)), how="written", event_ids=(f"write {number}",))


def test_granted_and_revoked():
    (run,), lost = runs_of([act(3, stands=True), act(5, stands=False)])
    assert (run.since, run.until) == (run.earliest, run.latest) == (day(3), day(5))
    assert (run.began.event_ids, run.ended.event_ids) == (("event 3",), ("event 5",))
    assert lost == []


def test_what_a_snapshot_is_first_to_show_stood_before_the_trail():
    (run,), lost = runs_of([look(4, stands=True)])
    assert (run.since, run.until) == (BEGINNING, STILL)
    assert (run.began.how, run.began.seen_at, run.began.evidence_sha256) == (
        "before_trail",
        moment(day(4)),
        ("snapshot 4",),
    )
    assert lost == []


def test_what_is_taken_away_first_stood_before_the_trail():
    (run,), lost = runs_of([act(4, stands=False)])
    assert (run.since, run.until, run.began.how) == (BEGINNING, day(4), "before_trail")
    assert lost == []


def test_two_snapshots_that_differ_are_a_change_without_a_witness():
    (run,), (lost,) = runs_of([look(2, stands=False), look(8, stands=True)])
    assert (run.earliest, run.since, run.until) == (day(2) + 1, day(8), STILL)
    assert (run.began.how, run.began.after_at, run.began.at) == ("snapshot", moment(day(2)), moment(day(8)))
    assert (lost.came, lost.after.evidence_sha256, lost.before.evidence_sha256) == (
        True,
        ("snapshot 2",),
        ("snapshot 8",),
    )


def test_what_is_gone_without_a_witness_may_have_stood_until_then():
    (run,), (lost,) = runs_of([look(2, stands=True), look(8, stands=False)])
    assert (run.since, run.until, run.latest) == (BEGINNING, day(2) + 1, day(8))
    assert not lost.came


def test_a_write_nobody_tells_the_values_of_is_a_witness():
    (run,), lost = runs_of([look(2, stands=False), look(8, stands=True)], [written(5)])
    assert lost == []
    assert (run.earliest, run.since) == (day(5), day(5))
    assert (run.began.how, run.began.event_ids) == ("written", ("write 5",))


def test_two_such_writes_leave_open_which():
    (run,), lost = runs_of([look(2, stands=False), look(8, stands=True)], [written(4), written(6)])
    assert lost == []
    assert (run.earliest, run.since) == (day(4), day(6))
    assert run.began.event_ids == ("write 4", "write 6")


def test_given_again_is_a_second_interval():
    points = [act(1, stands=True), act(2, stands=False), act(4, stands=True)]
    runs, _lost = runs_of(points)
    assert [(run.since, run.until) for run in runs] == [(day(1), day(2)), (day(4), STILL)]


def test_given_twice_keeps_the_first_giver():
    (run,), _lost = runs_of([act(1, stands=True), act(3, stands=True), act(5, stands=False)])
    assert (run.began.event_ids, run.until) == (("event 1",), day(5))


@given(st.lists(st.tuples(st.integers(1, 28), st.booleans(), st.booleans()), max_size=12))
def test_intervals_are_apart_and_agree_with_every_look(said):
    points = [act(d, stands=s) if a else look(d, stands=s) for d, s, a in dict.fromkeys(said)]
    once = list({p.at: p for p in points}.values())
    runs, _lost = runs_of(once)
    runs.sort(key=lambda run: run.since)
    for before, after in pairwise(runs):
        assert before.until <= after.since
    for run in runs:
        assert run.earliest <= run.since <= run.until <= run.latest
    for point in once:
        assert any(run.since <= point.at < run.until for run in runs) == point.stands
