"""The Security log's size and what it does when full; how far clocks are apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.readiness.clocks import clock_offsets
from mailwitness.readiness.log_settings import log_settings
from mailwitness.readiness.state import Observation, State

START = datetime(2026, 1, 1, tzinfo=UTC)
ENOUGH = 4096 * 1024


def told(**settings):
    seen = tuple(
        Observation(kind="log", name=name, value=value, place="GptTmpl.inf") for name, value in settings.items()
    )
    return list(log_settings(State(seen), ["dc1"], ["2008"]))


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({"MaximumLogSize": ENOUGH, "AuditLogRetentionPeriod": 0}, "fits"),
        ({"MaximumLogSize": 16384, "AuditLogRetentionPeriod": 0}, "too_small"),
        ({"MaximumLogSize": ENOUGH, "AuditLogRetentionPeriod": 1}, "keeps_days"),
        ({"MaximumLogSize": ENOUGH, "AuditLogRetentionPeriod": 2}, "stops_when_full"),
        ({"AuditLogRetentionPeriod": 0}, "unknown"),
    ],
)
def test_a_log_that_loses_records_is_told_with_its_fix(settings, verdict):
    (log,) = told(**settings)
    assert log.verdict == verdict
    assert (log.fix is not None) == (verdict in ("too_small", "keeps_days", "stops_when_full"))


def test_of_a_log_that_no_file_names_nothing_is_said():
    assert told() == []


class Engine:
    """An engine with the rows of acts on two hosts."""

    def __init__(self, rows) -> None:
        self._rows = rows

    def rows(self, _query, **_parameters):
        return self._rows


class People:
    """Names that are what they say."""

    def one(self, name, _form=None):
        return name.casefold()


def act(minute, seconds, mailbox="kim", written="KIM"):
    ran = START + timedelta(minutes=minute)
    return {
        "server": "ex1",
        "controller": "dc1",
        "ran_at": ran,
        "written_at": ran + timedelta(seconds=seconds),
        "mailbox_ref": mailbox,
        "mailbox_ref_form": "alias",
        "object_guid": None,
        "object_dn": written,
    }


def test_the_offset_is_the_median_of_the_nearest_writes_to_the_same_mailbox():
    rows = [act(0, 90), act(20, 91), act(20, 500), act(40, 95), act(60, 1, written="LEE")]
    (offset,) = clock_offsets(Engine(rows), People())
    assert (offset.server, offset.controller, offset.seconds, offset.acts) == ("ex1", "dc1", 91, 3)
    assert offset.is_noticed


def test_two_acts_are_too_few_and_a_write_just_before_is_no_offset():
    assert clock_offsets(Engine([act(0, 90), act(20, 91)]), People()) == ()
    (offset,) = clock_offsets(Engine([act(n, -0.3) for n in (0, 20, 40)]), People())
    assert not offset.is_noticed


def test_the_cloud_has_no_security_log_and_asks_nothing_of_one():
    assert list(log_settings(State(), [], ["online"])) == []
    sized = State((Observation(kind="log", name="MaximumLogSize", value=ENOUGH, place="GptTmpl.inf"),))
    assert list(log_settings(sized, ["dc1"], ["2008", "online"])) == list(log_settings(sized, ["dc1"], ["2008"]))
