"""Signs of life: totals add up, the last error stays, a late part is seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.state.database import open_state

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_part_is_followed_from_its_beginning(tmp_path):
    connection = open_state(tmp_path)
    beats = Heartbeats(connection)
    beats.began("http", NOON, timedelta(seconds=10))
    beats.beat("http", NOON + timedelta(seconds=5), {"recorded": 2}, every=timedelta(seconds=10), data_at=NOON)
    later = NOON + timedelta(seconds=9)
    beats.beat("http", later, {"recorded": 3, "unread": 1}, "no\x00 space", every=timedelta(seconds=10))
    beats.beat("http", later, {}, every=timedelta(seconds=10))
    (beat,) = Heartbeats(connection).all()
    assert (beat.name, beat.at, beat.began_at, beat.data_at) == ("http", later, NOON, NOON)
    assert beat.counts == {"recorded": 5, "unread": 1}
    assert (beat.last_error, beat.last_error_at) == ("no\x00 space", later)
    assert not beat.is_late(later + timedelta(seconds=30))
    assert beat.is_late(later + timedelta(seconds=31))
    connection.close()


def test_a_new_run_counts_anew(tmp_path):
    connection = open_state(tmp_path)
    beats = Heartbeats(connection)
    beats.beat("folder", NOON, {"seen": 7}, "gone")
    beats.began("folder", NOON + timedelta(hours=1))
    (beat,) = beats.all()
    assert beat.counts == {}
    assert beat.began_at == NOON + timedelta(hours=1)
    assert beat.last_error == "gone"
    connection.close()
