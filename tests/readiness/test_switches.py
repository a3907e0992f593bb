"""Switches of Exchange over time: what records turned, what exports showed, and what nobody knows in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailwitness.readiness.switches import Turn, standing

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(hour):
    return START + timedelta(hours=hour)


def turn(hour, *, recording, is_record=False, is_before=False):
    return Turn(
        at=at(hour),
        of="mailbox",
        name="AuditEnabled",
        recording=recording,
        is_record=is_record or is_before,
        is_before=is_before,
        checks=("mailbox_audit",),
        value=str(recording),
    )


def told(*turns):
    return [((point.at - START) // timedelta(hours=1), point.word) for point in standing(turns, START)]


def test_an_export_holds_since_ever_until_a_record_says_otherwise():
    assert told(turn(5, recording=True)) == [(0, "configured")]
    assert told(turn(5, recording=True), turn(7, recording=False, is_record=True)) == [(0, "configured"), (7, "absent")]


def test_a_record_alone_says_nothing_of_the_time_before_it():
    assert told(turn(5, recording=False, is_record=True)) == [(5, "absent")]


def test_a_record_that_tells_the_value_before_says_how_it_stood():
    before = turn(5, recording=True, is_before=True)
    assert told(before, turn(5, recording=False, is_record=True)) == [(0, "configured"), (5, "absent")]


def test_a_value_before_that_comes_late_by_another_clock_turns_nothing():
    late = [turn(5, recording=False, is_record=True), turn(6, recording=True, is_before=True)]
    assert told(*late, turn(6, recording=False, is_record=True)) == [(5, "absent")]


def test_two_exports_that_differ_leave_the_time_between_them_unknown():
    found = told(turn(2, recording=True), turn(6, recording=False))
    assert found == [(0, "configured"), (2, "unknown"), (6, "absent")]


def test_what_was_switched_off_is_off_until_something_shows_it_on():
    found = told(turn(2, recording=False, is_record=True), turn(9, recording=True))
    assert found == [(2, "absent"), (9, "configured")]
