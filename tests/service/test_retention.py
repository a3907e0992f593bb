"""What is over goes; what came in lately, or is held, stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from tests.trail.trails import append, batch, make_trail

from mailwitness.collect.interface import Act
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import WriterProcess, writer_socket
from mailwitness.service.backup import back_up, restore
from mailwitness.service.retention import months_over, retain
from mailwitness.trail.holds import Hold
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

NOW = datetime(2026, 3, 15, tzinfo=UTC)


@pytest.fixture
def created(tmp_path):
    """A trail with events of January to April 2024, taken in as they came."""
    made = make_trail(tmp_path)
    append(made, batch(range(0, 2500, 50)))
    came_in(made, datetime(2024, 4, 20, tzinfo=UTC))
    return made


def came_in(created, at):
    for path in created.trail.events.glob("*/month=*/*.parquet"):
        os.utime(path, (at.timestamp(),) * 2)


@pytest.mark.parametrize(
    ("keep", "over"),
    [
        (24, []),
        (23, []),
        (22, ["2024-01", "2024-02", "2024-03", "2024-04"]),
        (1, ["2024-01", "2024-02", "2024-03", "2024-04"]),
    ],
)
def test_months_are_over_when_they_are_old_and_came_in_long_ago(created, keep, over):
    assert months_over(created.trail, keep, NOW) == over


def test_old_evidence_that_came_in_today_stays(created):
    came_in(created, NOW)
    assert months_over(created.trail, 1, NOW) == []


def test_events_of_the_future_stay(created):
    append(created, batch([1], at=datetime(2099, 1, 1, tzinfo=UTC)))
    came_in(created, datetime(2024, 4, 20, tzinfo=UTC))
    assert "2099-01" not in months_over(created.trail, 1, NOW)


def test_a_held_month_is_told_and_left(created):
    told = []
    with Writer.open(created.trail.path) as writer:
        writer.custody(Hold(case="c", by="a", reason="court", months=("2024-02",)).statement())
        assert retain(writer, 12, NOW, lambda event, **more: told.append((event, more["month"]))) > 0
    assert told == [
        ("month_purged", "2024-01"),
        ("month_held", "2024-02"),
        ("month_purged", "2024-03"),
        ("month_purged", "2024-04"),
    ]
    assert verify(created.trail.path, deep=True).findings == []


def test_the_writer_of_a_service_does_it_beside_its_work(created):
    process = WriterProcess(created.trail.path, created.key_path)
    try:
        process.listen(writer_socket(created.trail.path))
        assert process.tend(lambda writer: retain(writer, 12, NOW)) == 50
        with WriterClient(writer_socket(created.trail.path)) as client:
            act = Act(who="ana", role="auditor", verb="read", subject="x", at=NOW)
            assert client.act(act).size == process.status().size
    finally:
        process.stop()
    assert verify(created.trail.path, deep=True).findings == []


def test_a_restored_trail_is_as_old_as_it_was(created, tmp_path):
    back_up(created.trail.path, tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "new", key=None, checkpoint=None)
    assert months_over(created.trail.__class__(tmp_path / "new"), 12, NOW) == months_over(created.trail, 12, NOW) != []
