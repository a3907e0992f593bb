"""Silence is told within one interval, once, on a simulated clock (R22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.service.silence import FAILING, LATE, SILENT, Silence
from mailwitness.state.database import open_state

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path):
    connection = open_state(tmp_path)
    yield connection
    connection.close()


def kinds(findings):
    return [finding.rule_id for finding in findings]


def test_a_day_in_which_a_source_falls_silent_twice(state):
    """Data comes every 10 minutes but from 06:00 to 09:00 and from 15:00 on; it may be silent for an hour."""
    silence = Silence(state, {"folder.dc1": timedelta(hours=1)})
    beats, cases = Heartbeats(state), Cases(state)
    beats.began("folder.dc1", START)
    opened = []
    for minute in range(0, 24 * 60, 5):
        now = START + minute * MINUTE
        speaks = not 6 * 60 < minute < 9 * 60 and not minute > 15 * 60
        beats.beat("folder.dc1", now, {}, data_at=now if speaks and minute % 10 == 0 else None)
        taken = cases.take(silence.findings(now), Watchlists([]), now)
        opened += [(case.rule_id, now) for case in taken.opened]
    assert opened == [
        (f"{SILENT}/folder.dc1", START + timedelta(hours=7, minutes=5)),
        (f"{SILENT}/folder.dc1", START + timedelta(hours=16, minutes=5)),
    ]


def test_a_source_that_never_came_is_silent_too_and_restarts_do_not_hide_it(state):
    for minute in range(70):
        silence = Silence(state, {"http": timedelta(hours=1)})  # the service is started again every minute
        found = silence.findings(START + minute * MINUTE)
        assert kinds(found) == ([f"{SILENT}/http"] if minute > 60 else [])


def test_a_source_that_may_be_silent_for_ever_is_never_told(state):
    silence = Silence(state, {"http": None})
    silence.findings(START)
    assert silence.findings(START + timedelta(days=400)) == []


def test_a_collector_that_gives_no_sign_of_life(state):
    silence = Silence(state, {"http": timedelta(days=1)})
    Heartbeats(state).beat("http", START, {}, "the port is taken", data_at=START)
    assert silence.findings(START + 3 * MINUTE) == []
    [late] = silence.findings(START + 4 * MINUTE)
    assert late.rule_id == f"{LATE}/http"
    assert late.summary["Last error"] == "the port is taken"
    assert silence.findings(START + 9 * MINUTE) == [late]


def test_a_collector_that_only_fails(state):
    silence = Silence(state, {"m365": timedelta(days=1)})
    beats = Heartbeats(state)
    beats.beat("m365", START, {"seen": 1}, data_at=START)
    found = {}
    for minute in range(1, 20):
        now = START + minute * MINUTE
        beats.beat("m365", now, {}, "401 Unauthorized")
        found |= {finding.finding_id: minute for finding in reversed(silence.findings(now))}
    assert list(found.values()) == [19]  # one finding, however often it is looked for
    assert kinds(silence.findings(START + 6 * MINUTE)) == [f"{FAILING}/m365"]
    beats.beat("m365", START + 20 * MINUTE, {"seen": 1}, data_at=START + 20 * MINUTE)
    assert silence.findings(START + 20 * MINUTE) == []


def test_two_silent_sources_are_two_cases(state):
    silence = Silence(state, dict.fromkeys(("a", "b"), timedelta(hours=1)))
    silence.findings(START)
    taken = Cases(state).take(silence.findings(START + 2 * timedelta(hours=1)), Watchlists([]), START)
    assert len(taken.opened) == 2


def test_the_digest_names_it(state):
    silence = Silence(state, {"a": timedelta(hours=1)})
    silence.findings(START)
    [sentence] = silence.sentences(START + timedelta(hours=2))
    assert sentence == "A source has fallen silent: a, since 2026-03-02T00:00:00.000000Z"
