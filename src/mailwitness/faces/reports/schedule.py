"""Reports that are made by the calendar: each period once, after it ended, however often is asked.

A timer (cron, systemd) or the service calls `make_due`. What was made is known by the folder of its period: there is
no other state, and a report that failed is due again.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.errors import UsageError
from mailwitness.faces.reports.ground import Wish
from mailwitness.faces.reports.making import make_report, names
from mailwitness.faces.reports.writing import FORMS, Written, write_report

SIZE_LIMIT = 1 << 20
WEEK = 7


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reports.NAME]: which report, how often, in which forms, into which folder; weeks begin on Monday, UTC."""

    report: str
    every: Literal["day", "week", "month"]
    to: str
    forms: tuple[str, ...] = ("html",)
    mailbox: str | None = None
    days: int = 90

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.report not in names():
            raise ValueError(f"there is no report {self.report}; there are {', '.join(names())}")
        if not self.forms or not set(self.forms) <= set(FORMS):
            raise ValueError(f"forms are some of {', '.join(FORMS)}")


class Schedules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of schedules."""

    reports: dict[str, Schedule]


def load_schedules(path: Path) -> dict[str, Schedule]:
    """Return the schedules of a TOML file. Raises UsageError that says what of it cannot be used."""
    try:
        with path.open("rb") as file:
            return msgspec.convert(tomllib.loads(file.read(SIZE_LIMIT).decode()), Schedules).reports
    except (OSError, ValueError) as cause:  # no TOML, no UTF-8 and what msgspec refuses are ValueErrors
        raise UsageError(
            f"the schedules cannot be used: {cause}", where=str(path), remedy="see docs/reports.md"
        ) from cause


def period(every: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the last whole period that has ended at `now` (aware UTC): its beginning, and its end."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "day":
        return midnight - timedelta(days=1), midnight
    if every == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return monday - timedelta(days=WEEK), monday
    first = midnight.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first


def due(schedules: dict[str, Schedule], base: Path, now: datetime) -> list[str]:
    """Return the names of the schedules whose last whole period has no report yet; folders are seen from `base`."""
    return [name for name, one in schedules.items() if not _folder(base, name, one, now).is_dir()]


def make_due(trail: Path, schedules: dict[str, Schedule], base: Path, now: datetime) -> list[Written]:
    """Make every report that is due, and return the files."""
    made: list[Written] = []
    for name in due(schedules, base, now):
        one = schedules[name]
        since, until = period(one.every, now)
        wish = Wish(since=since, until=until, mailbox=one.mailbox, days=one.days)
        report = make_report(trail, one.report, wish, now)
        folder = _folder(base, name, one, now)
        unfinished = folder.with_name(folder.name + ".tmp")
        for left in unfinished.glob("*") if unfinished.is_dir() else ():
            left.unlink()
        written = write_report(report, unfinished, one.forms)
        unfinished.rename(folder)
        made += [msgspec.structs.replace(each, path=folder / each.path.name) for each in written]
    return made


def _folder(base: Path, name: str, one: Schedule, now: datetime) -> Path:
    return base / one.to / name / f"{period(one.every, now)[1]:%Y-%m-%d}"
