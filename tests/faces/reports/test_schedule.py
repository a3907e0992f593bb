"""Reports by the calendar: each period once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailwitness.errors import UsageError
from mailwitness.faces.reports.schedule import due, load_schedules, make_due, period
from mailwitness.faces.reports.seal import check

NOW = datetime(2024, 3, 6, 13, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("every", "since", "until"), [("day", "03-05", "03-06"), ("week", "02-26", "03-04"), ("month", "02-01", "03-01")]
)
def test_the_last_whole_period(every, since, until):
    assert [f"{at:%m-%d}" for at in period(every, NOW)] == [since, until]


def test_a_period_is_reported_once(demo, tmp_path):
    file = tmp_path / "schedules.toml"
    file.write_text('[reports.daily]\nreport = "changes"\nevery = "day"\nto = "out"\nforms = ["json", "csv"]\n')
    schedules = load_schedules(file)
    made = make_due(demo[0], schedules, tmp_path, NOW)
    assert [each.path.parent for each in made] == [tmp_path / "out" / "daily" / "2024-03-06"] * 2
    assert all(check(each.path, demo[0]).holds for each in made)
    assert "ynowak" in made[0].path.read_text()
    assert make_due(demo[0], schedules, tmp_path, NOW.replace(hour=20)) == []
    assert due(schedules, tmp_path, NOW.replace(day=7)) == ["daily"]


@pytest.mark.parametrize(
    "text",
    [
        "[reports.x",
        '[reports.x]\nreport = "all"\nevery = "day"\nto = "o"',
        '[reports.x]\nreport = "changes"\nevery = "hour"\nto = "o"',
        '[reports.x]\nreport = "changes"\nevery = "day"\nto = "o"\nforms = ["doc"]',
        '[reports.x]\nreport = "changes"\nevery = "day"\nto = "o"\ntoo = 1',
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text):
    file: Path = tmp_path / "schedules.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match="cannot be used"):
        load_schedules(file)
